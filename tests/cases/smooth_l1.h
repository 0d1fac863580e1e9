/* smooth_l1.h - the cases of smooth L1. */
#ifndef CASES_SMOOTH_L1_H
#define CASES_SMOOTH_L1_H

#include "support/case.h"

static const struct op_case smooth_l1_cases[] = {
    { .name = "a single value", .shape = { { 1, 1 }, { 1, 1 } }, .slope = 1 },
    { .name = "6 channels", .shape = { { 3, 6, 5, 7 }, { 3, 6, 5, 7 } }, .slope = 1 },
    { .name = "17 channels", .shape = { { 2, 17, 3, 3 }, { 2, 17, 3, 3 } }, .slope = 1 },
    { .name = "48 channels", .shape = { { 1, 48, 4, 5 }, { 1, 48, 4, 5 } }, .slope = 1 },
    { .name = "LeNet C1", .shape = { { 2, 6, 28, 28 }, { 2, 6, 28, 28 } }, .slope = 1 },
    { .name = "1D", .shape = { { 5, 3, 13 }, { 5, 3, 13 } }, .slope = 1 },
    { .name = "3D", .shape = { { 1, 5, 3, 4, 5 }, { 1, 5, 3, 4, 5 } }, .slope = 1 },
    { .name = "no spatial dimension", .shape = { { 7, 33 }, { 7, 33 } }, .slope = 1 },
    { .name = "beta 1/8", .shape = { { 2, 6, 5, 5 }, { 2, 6, 5, 5 } }, .slope = 0.125f },
    { .name = "beta 4", .shape = { { 2, 6, 5, 5 }, { 2, 6, 5, 5 } }, .scale = 5, .slope = 4 },
};

#endif

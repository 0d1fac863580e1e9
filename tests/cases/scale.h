/* scale.h - the cases of multiplication by a constant. */
#ifndef CASES_SCALE_H
#define CASES_SCALE_H

#include "support/case.h"

static const struct op_case scale_cases[] = {
    { .name = "a single value", .shape = { { 1, 1 } }, .slope = -2.5f },
    { .name = "6 channels", .shape = { { 3, 6, 5, 7 } }, .slope = -2.5f },
    { .name = "17 channels", .shape = { { 2, 17, 3, 3 } }, .slope = -2.5f },
    { .name = "48 channels", .shape = { { 1, 48, 4, 5 } }, .slope = -2.5f },
    { .name = "LeNet C1", .shape = { { 2, 6, 28, 28 } }, .slope = -2.5f },
    { .name = "1D", .shape = { { 5, 3, 13 } }, .slope = -2.5f },
    { .name = "3D", .shape = { { 1, 5, 3, 4, 5 } }, .slope = -2.5f },
    { .name = "no spatial dimension", .shape = { { 7, 33 } }, .slope = -2.5f },
    { .name = "factor 0", .shape = { { 2, 6, 5, 5 } } },
};

#endif

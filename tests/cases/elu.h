/* elu.h - the cases of ELU. */
#ifndef CASES_ELU_H
#define CASES_ELU_H

#include "support/case.h"

static const struct op_case elu_cases[] = {
    { .name = "a single value", .shape = { { 1, 1 } }, .slope = 1 },
    { .name = "6 channels", .shape = { { 3, 6, 5, 7 } }, .slope = 1 },
    { .name = "17 channels", .shape = { { 2, 17, 3, 3 } }, .slope = 1 },
    { .name = "48 channels", .shape = { { 1, 48, 4, 5 } }, .slope = 1 },
    { .name = "LeNet C1", .shape = { { 2, 6, 28, 28 } }, .slope = 1 },
    { .name = "1D", .shape = { { 5, 3, 13 } }, .slope = 1 },
    { .name = "3D", .shape = { { 1, 5, 3, 4, 5 } }, .slope = 1 },
    { .name = "no spatial dimension", .shape = { { 7, 33 } }, .slope = 1 },
    { .name = "to +-10", .shape = { { 2, 33, 7, 5 } }, .scale = 10, .slope = 1 },
    { .name = "to +-50: saturated", .shape = { { 3, 17, 9 } }, .scale = 50, .slope = 1 },
    { .name = "alpha 1/4", .shape = { { 2, 6, 5, 5 } }, .scale = 4, .slope = 0.25f },
    { .name = "alpha 0", .shape = { { 2, 6, 5, 5 } } },
    { .name = "alpha above 1", .shape = { { 2, 3, 5, 5 } }, .scale = 4, .slope = 1.5f },
};

#endif

/* prelu.h - the cases of PReLU. */
#ifndef CASES_PRELU_H
#define CASES_PRELU_H

#include "support/case.h"

static const struct op_case prelu_cases[] = {
    { .name = "a single value", .shape = { { 1, 1 } } },
    { .name = "6 channels", .shape = { { 3, 6, 5, 7 } } },
    { .name = "17 channels", .shape = { { 2, 17, 3, 3 } } },
    { .name = "48 channels", .shape = { { 1, 48, 4, 5 } } },
    { .name = "LeNet C1", .shape = { { 2, 6, 28, 28 } } },
    { .name = "1D", .shape = { { 5, 3, 13 } } },
    { .name = "3D", .shape = { { 1, 5, 3, 4, 5 } } },
    { .name = "no spatial dimension", .shape = { { 7, 33 } } },
    { .name = "3 channels, many values", .shape = { { 2, 3, 61, 47 } } },
    { .name = "shared, a single value", .shape = { { 1, 1 } }, .prelu = { .shared = true } },
    { .name = "shared, 6 channels", .shape = { { 3, 6, 5, 7 } }, .prelu = { .shared = true } },
    { .name = "shared, 17 channels", .shape = { { 2, 17, 3, 3 } }, .prelu = { .shared = true } },
    { .name = "shared, 48 channels", .shape = { { 1, 48, 4, 5 } }, .prelu = { .shared = true } },
    { .name = "shared, LeNet C1", .shape = { { 2, 6, 28, 28 } }, .prelu = { .shared = true } },
    { .name = "shared, many values", .shape = { { 2, 3, 61, 47 } }, .prelu = { .shared = true } },
    { .name = "shared, 1D", .shape = { { 5, 3, 13 } }, .prelu = { .shared = true } },
    { .name = "shared, 3D", .shape = { { 1, 5, 3, 4, 5 } }, .prelu = { .shared = true } },
    { .name = "shared, no spatial dimension", .shape = { { 7, 33 } }, .prelu = { .shared = true } },
};

#endif

/* binary_cross_entropy.h - the cases of the binary cross-entropy. */
#ifndef CASES_BINARY_CROSS_ENTROPY_H
#define CASES_BINARY_CROSS_ENTROPY_H

#include "support/case.h"

static const struct op_case binary_cross_entropy_cases[] = {
    { .name = "a single value", .shape = { { 1, 1 }, { 1, 1 } } },
    { .name = "6 channels", .shape = { { 3, 6, 5, 7 }, { 3, 6, 5, 7 } } },
    { .name = "17 channels", .shape = { { 2, 17, 3, 3 }, { 2, 17, 3, 3 } } },
    { .name = "48 channels", .shape = { { 1, 48, 4, 5 }, { 1, 48, 4, 5 } } },
    { .name = "LeNet C1", .shape = { { 2, 6, 28, 28 }, { 2, 6, 28, 28 } } },
    { .name = "1D", .shape = { { 5, 3, 13 }, { 5, 3, 13 } } },
    { .name = "3D", .shape = { { 1, 5, 3, 4, 5 }, { 1, 5, 3, 4, 5 } } },
    { .name = "no spatial dimension", .shape = { { 7, 33 }, { 7, 33 } } },
    { .name = "to +-10", .shape = { { 4, 33 }, { 4, 33 } }, .scale = 10 },
};

#endif

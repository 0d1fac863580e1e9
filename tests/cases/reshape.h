/* reshape.h - the cases of reshaping. */
#ifndef CASES_RESHAPE_H
#define CASES_RESHAPE_H

#include "support/case.h"

static const struct op_case reshape_cases[] = {
    { .name = "flatten by hand", .shape = { { 2, 6, 5, 5 } }, .reshape = { 2, -1 } },
    { .name = "a vector into a picture", .shape = { { 3, 48 } }, .reshape = { 3, 3, 4, 4 } },
    { .name = "2D into 1D", .shape = { { 2, 3, 4, 5 } }, .reshape = { 2, 3, 20 } },
    { .name = "other channels", .shape = { { 2, 6, 4, 5 } }, .reshape = { 2, 4, 5, 6 } },
    { .name = "other channels, -1 in the middle", .shape = { { 5, 17, 4, 3 } }, .reshape = { 5, -1, 2 } },
    { .name = "into 3D", .shape = { { 1, 33, 8 } }, .reshape = { 1, 3, 11, 2, 4 } },
    { .name = "the same shape", .shape = { { 2, 5, 3, 7 } }, .reshape = { 2, 5, 3, 7 } },
    { .name = "a single value", .shape = { { 1, 1, 1, 1 } }, .reshape = { 1, 1 } },
    { .name = "one pixel into channels", .shape = { { 2, 32, 1, 1 } }, .reshape = { 2, 32 } },
};

#endif

/* leaky_relu.h - the cases of leaky ReLU. */
#ifndef CASES_LEAKY_RELU_H
#define CASES_LEAKY_RELU_H

#include "support/case.h"

static const struct op_case leaky_relu_cases[] = {
    { .name = "a single value", .shape = { { 1, 1 } }, .slope = 0.01f },
    { .name = "6 channels", .shape = { { 3, 6, 5, 7 } }, .slope = 0.01f },
    { .name = "17 channels", .shape = { { 2, 17, 3, 3 } }, .slope = 0.01f },
    { .name = "48 channels", .shape = { { 1, 48, 4, 5 } }, .slope = 0.01f },
    { .name = "LeNet C1", .shape = { { 2, 6, 28, 28 } }, .slope = 0.01f },
    { .name = "1D", .shape = { { 5, 3, 13 } }, .slope = 0.01f },
    { .name = "3D", .shape = { { 1, 5, 3, 4, 5 } }, .slope = 0.01f },
    { .name = "no spatial dimension", .shape = { { 7, 33 } }, .slope = 0.01f },
    { .name = "slope 1/4", .shape = { { 2, 6, 5, 5 } }, .slope = 0.25f },
    { .name = "slope 0", .shape = { { 2, 6, 5, 5 } } },
    { .name = "slope above 1", .shape = { { 2, 3, 5, 5 } }, .slope = 1.5f },
};

#endif

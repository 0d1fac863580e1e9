/* softmax.h - the cases of softmax. */
#ifndef CASES_SOFTMAX_H
#define CASES_SOFTMAX_H

#include "support/case.h"

static const struct op_case softmax_cases[] = {
    { .name = "a single value", .shape = { { 1, 1 } } },
    { .name = "6 channels", .shape = { { 3, 6, 5, 7 } } },
    { .name = "17 channels", .shape = { { 2, 17, 3, 3 } } },
    { .name = "48 channels", .shape = { { 1, 48, 4, 5 } } },
    { .name = "LeNet C1", .shape = { { 2, 6, 28, 28 } } },
    { .name = "1D", .shape = { { 5, 3, 13 } } },
    { .name = "3D", .shape = { { 1, 5, 3, 4, 5 } } },
    { .name = "no spatial dimension", .shape = { { 7, 33 } } },
    { .name = "9 channels", .shape = { { 1, 9, 5 } } },
    { .name = "21 channels, 257 pixels", .shape = { { 1, 21, 257 } } },
    { .name = "31 channels", .shape = { { 3, 31, 5 } } },
    { .name = "129 channels", .shape = { { 2, 129, 3 } } },
    { .name = "257 channels", .shape = { { 5, 257 } } },
    { .name = "1000 classes", .shape = { { 3, 1000 } } },
    { .name = "1025 classes, one pixel", .shape = { { 1, 1025 } } },
    { .name = "10 classes, to +-10", .shape = { { 16, 10 } }, .scale = 10 },
    { .name = "to +-200: saturated", .shape = { { 5, 7, 3 } }, .scale = 200 },
    { .name = "one class", .shape = { { 3, 1, 2 } } },
};

#endif

/* softmax_cross_entropy.h - the cases of the softmax cross-entropy. */
#ifndef CASES_SOFTMAX_CROSS_ENTROPY_H
#define CASES_SOFTMAX_CROSS_ENTROPY_H

#include "support/case.h"

static const struct op_case softmax_cross_entropy_cases[] = {
    { .name = "one pixel, two classes", .shape = { { 1, 2 }, { 1 } } },
    { .name = "10 classes", .shape = { { 16, 10 }, { 16 } } },
    { .name = "10 classes, to +-10", .shape = { { 7, 10 }, { 7 } }, .scale = 10 },
    { .name = "to +-200: saturated", .shape = { { 5, 7 }, { 5 } }, .scale = 200 },
    { .name = "1000 classes", .shape = { { 3, 1000 }, { 3 } } },
    { .name = "1025 classes, one sample", .shape = { { 1, 1025 }, { 1 } } },
    { .name = "257 classes", .shape = { { 5, 257 }, { 5 } } },
    { .name = "129 classes", .shape = { { 2, 129, 3 }, { 2, 3 } } },
    { .name = "segmentation, 21 classes", .shape = { { 1, 21, 257 }, { 1, 257 } } },
    { .name = "31 classes", .shape = { { 3, 31, 5 }, { 3, 5 } } },
    { .name = "17 classes, one sample", .shape = { { 1, 17 }, { 1 } } },
    { .name = "segmentation, 2D", .shape = { { 2, 5, 3, 4 }, { 2, 3, 4 } } },
    { .name = "1D", .shape = { { 3, 6, 11 }, { 3, 11 } }, .scale = 4 },
    { .name = "3D", .shape = { { 1, 3, 2, 3, 4 }, { 1, 2, 3, 4 } } },
    { .name = "33 classes, batch 65", .shape = { { 65, 33 }, { 65 } } },
};

#endif

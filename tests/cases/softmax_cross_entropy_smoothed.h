/* softmax_cross_entropy_smoothed.h - the cases of the softmax cross-entropy with smoothed labels. */
#ifndef CASES_SOFTMAX_CROSS_ENTROPY_SMOOTHED_H
#define CASES_SOFTMAX_CROSS_ENTROPY_SMOOTHED_H

#include "support/case.h"

static const struct op_case softmax_cross_entropy_smoothed_cases[] = {
    { .name = "one pixel, two classes, no smoothing", .shape = { { 1, 2 }, { 1 } } },
    { .name = "10 classes", .shape = { { 16, 10 }, { 16 } }, .slope = 0.1f },
    { .name = "to +-10", .shape = { { 7, 10 }, { 7 } }, .scale = 10, .slope = 0.25f },
    { .name = "to +-200: saturated", .shape = { { 5, 7 }, { 5 } }, .scale = 200, .slope = 0.25f },
    { .name = "1000 classes", .shape = { { 3, 1000 }, { 3 } }, .slope = 0.1f },
    { .name = "1025 classes, one sample", .shape = { { 1, 1025 }, { 1 } }, .slope = 0.1f },
    { .name = "257 classes", .shape = { { 5, 257 }, { 5 } }, .slope = 0.1f },
    { .name = "129 classes", .shape = { { 2, 129, 3 }, { 2, 3 } }, .slope = 0.1f },
    { .name = "segmentation, 21 classes", .shape = { { 1, 21, 257 }, { 1, 257 } }, .slope = 0.1f },
    { .name = "31 classes", .shape = { { 3, 31, 5 }, { 3, 5 } }, .slope = 0.1f },
    { .name = "17 classes, nothing but smoothing", .shape = { { 1, 17 }, { 1 } }, .slope = 1 },
    { .name = "segmentation, 2D", .shape = { { 2, 5, 3, 4 }, { 2, 3, 4 } }, .slope = 0.1f },
    { .name = "1D", .shape = { { 3, 6, 11 }, { 3, 11 } }, .scale = 4, .slope = 0.1f },
    { .name = "3D", .shape = { { 1, 3, 2, 3, 4 }, { 1, 2, 3, 4 } }, .slope = 0.1f },
    { .name = "33 classes, batch 65", .shape = { { 65, 33 }, { 65 } }, .slope = 0.1f },
};

#endif

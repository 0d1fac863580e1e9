/* residual.h - the cases of two convolutions of the same tensor and their sum. */
#ifndef CASES_RESIDUAL_H
#define CASES_RESIDUAL_H

#include "support/case.h"

static const struct op_case residual_cases[] = {
    { .name = "a single value", .shape = { { 1, 1, 1, 1 } }, .conv = { .filters = 1, .window = { 1 } } },
    { .name = "1x1, 5 to 7 channels",
      .shape = { { 3, 5, 3, 3 } },
      .conv = { .filters = 7, .window = { 1 } } },
    { .name = "1x1, 16 to 48 channels, no bias",
      .shape = { { 2, 16, 3, 4 } },
      .conv = { .filters = 48, .window = { 1 }, .no_bias = true } },
    { .name = "1x1 stride 2: some gradients come from the other side only",
      .shape = { { 2, 16, 5, 5 } },
      .conv = { .filters = 17, .window = { 1 }, .stride = { 2 }, .rounding = OC_ROUND_FLOOR } },
    { .name = "3x3 pad 1, 33 to 34 channels: in two pieces",
      .shape = { { 1, 33, 3, 4 } },
      .conv = { .filters = 34, .window = { 3 }, .pad = 1 } },
    { .name = "3x3 stride 2 pad 1",
      .shape = { { 2, 6, 5, 7 } },
      .conv = { .filters = 16, .window = { 3 }, .stride = { 2 }, .pad = 1 } },
    { .name = "3x3 dilation 2, 4 groups of 3",
      .shape = { { 1, 12, 7, 6 } },
      .conv = { .filters = 8, .window = { 3 }, .dilation = { 2 }, .groups = 4 } },
    { .name = "one dimension", .shape = { { 2, 3, 11 } }, .conv = { .filters = 4, .window = { 5 } } },
    { .name = "three dimensions",
      .shape = { { 1, 2, 3, 4, 3 } },
      .conv = { .filters = 5, .window = { 2, 3, 2 }, .no_bias = true } },
};

#endif

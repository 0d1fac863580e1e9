/* conv_norm.h - the cases of convolution and batch normalisation by running averages: with a weight and a bias if the
 * convolution has no bias, else without. */
#ifndef CASES_CONV_NORM_H
#define CASES_CONV_NORM_H

#include "support/case.h"

static const struct op_case conv_norm_cases[] = {
    { .name = "a single value", .shape = { { 1, 1, 1, 1 } }, .conv = { .filters = 1, .window = { 1 } } },
    { .name = "1x1, 17 to 19 channels, no bias",
      .shape = { { 2, 17, 3, 4 } },
      .conv = { .filters = 19, .window = { 1 }, .no_bias = true } },
    { .name = "3x3 pad 1, 3 to 17 channels",
      .shape = { { 2, 3, 5, 4 } },
      .conv = { .filters = 17, .window = { 3 }, .pad = 1 } },
    { .name = "3x3 stride 2, 2 groups, no bias",
      .shape = { { 2, 6, 5, 5 } },
      .conv = { .filters = 34, .window = { 3 }, .stride = { 2 }, .groups = 2, .no_bias = true } },
    { .name = "one dimension", .shape = { { 2, 4, 9 } }, .conv = { .filters = 6, .window = { 3 } } },
};

#endif

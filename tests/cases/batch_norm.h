/* batch_norm.h - the cases of batch normalisation. */
#ifndef CASES_BATCH_NORM_H
#define CASES_BATCH_NORM_H

#include "support/case.h"

static const struct op_case batch_norm_cases[] = {
    { .name = "2 values of 1 channel", .shape = { { 2, 1 } } },
    { .name = "2 values of 33 channels", .shape = { { 1, 33, 2 } } },
    { .name = "1 channel", .shape = { { 3, 1, 5, 7 } } },
    { .name = "16 channels", .shape = { { 2, 16, 6, 5 } } },
    { .name = "17 channels", .shape = { { 2, 17, 3, 3 } } },
    { .name = "33 channels", .shape = { { 3, 33, 5, 3 } } },
    { .name = "72 channels", .shape = { { 1, 72, 3, 5 } } },
    { .name = "128 channels", .shape = { { 2, 128, 2, 3 } } },
    { .name = "no spatial dimension", .shape = { { 7, 33 } } },
    { .name = "1D", .shape = { { 5, 3, 13 } } },
    { .name = "3D", .shape = { { 1, 5, 3, 4, 5 } } },
    { .name = "3D, 20 channels", .shape = { { 2, 20, 2, 3, 2 } } },
    { .name = "3 chunks of 19 channels", .shape = { { 2, 19, 14, 23 } } },
    { .name = "33 chunks of 35 channels", .shape = { { 1, 35, 100, 83 } } },
    { .name = "as many chunks as there may be", .shape = { { 1, 1, 517, 513 } } },
    { .name = "mean 1000", .shape = { { 2, 17, 9, 8 } }, .offset = 1000 },
    { .name = "mean -1000, 3 chunks of 5 channels", .shape = { { 2, 5, 17, 19 } }, .offset = -1000 },
    { .name = "mean 100, deviation 0.006", .shape = { { 3, 21, 7, 5 } }, .scale = 0.01f, .offset = 100 },
    { .name = "variance below epsilon", .shape = { { 2, 18, 4, 5 } }, .scale = 1e-3f },
    { .name = "to +-100", .shape = { { 2, 6, 9, 9 } }, .scale = 100 },
    { .name = "epsilon 0.1, momentum 0.3",
      .shape = { { 3, 24, 4, 5 } },
      .batch_norm = { .epsilon = 0.1f, .momentum = 0.3f } },
    { .name = "momentum 1", .shape = { { 4, 7, 3 } }, .batch_norm = { .momentum = 1 } },
    { .name = "no weight and bias", .shape = { { 3, 35, 4, 4 } }, .batch_norm = { .no_affine = true } },
    { .name = "no weight and bias, 5 channels",
      .shape = { { 4, 5, 3, 4 } },
      .batch_norm = { .no_affine = true } },
    { .name = "running averages", .shape = { { 3, 18, 5, 4 } }, .batch_norm = { .use_running = true } },
    { .name = "running averages, 3 channels",
      .shape = { { 2, 3, 17, 19 } },
      .batch_norm = { .use_running = true } },
    { .name = "running averages, 1 value of 16 channels",
      .shape = { { 1, 16 } },
      .batch_norm = { .use_running = true } },
    { .name = "running averages, no weight and bias",
      .shape = { { 2, 37, 3, 4 } },
      .batch_norm = { .no_affine = true, .use_running = true } },
};

#endif

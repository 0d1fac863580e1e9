/* lrn.h - the cases of local response normalisation. Values of some hundreds make alpha = 1e-4 count. */
#ifndef CASES_LRN_H
#define CASES_LRN_H

#include "support/case.h"

static const struct op_case lrn_cases[] = {
    { .name = "a single value", .shape = { { 1, 1, 1, 1 } }, .lrn = { .alpha = 1 } },
    { .name = "AlexNet",
      .shape = { { 2, 96, 5, 5 } },
      .scale = 300,
      .lrn = { .size = 5, .alpha = 5e-4f, .beta = 0.75f, .k = 2 } },
    { .name = "defaults", .shape = { { 2, 64, 3, 4 } }, .scale = 300 },
    { .name = "even window", .shape = { { 2, 48, 3, 3 } }, .lrn = { .size = 4, .alpha = 1 } },
    { .name = "window of 1", .shape = { { 2, 33, 2, 3 } }, .lrn = { .size = 1, .alpha = 1 } },
    { .name = "window of 2", .shape = { { 2, 16, 2, 3 } }, .lrn = { .size = 2, .alpha = 1 } },
    { .name = "window wider than the channels",
      .shape = { { 2, 3, 3, 3 } },
      .lrn = { .size = 9, .alpha = 2 } },
    { .name = "window wider than 17 channels",
      .shape = { { 2, 17, 3 } },
      .lrn = { .size = 40, .alpha = 20 } },
    { .name = "6 channels", .shape = { { 3, 6, 5, 7 } }, .lrn = { .alpha = 1 } },
    { .name = "17 channels", .shape = { { 2, 17, 5, 5 } }, .lrn = { .alpha = 1 } },
    { .name = "more channels than fit a work-item", .shape = { { 1, 1030, 2 } }, .lrn = { .alpha = 1 } },
    { .name = "beta 1/2, k 1/4",
      .shape = { { 2, 32, 3, 3 } },
      .lrn = { .size = 3, .alpha = 2, .beta = 0.5f, .k = 0.25f } },
    { .name = "beta above 1",
      .shape = { { 2, 19, 3, 3 } },
      .lrn = { .size = 7, .alpha = 3, .beta = 1.5f, .k = 0.5f } },
    { .name = "no spatial dimension", .shape = { { 7, 21 } }, .lrn = { .alpha = 1 } },
    { .name = "1D", .shape = { { 2, 18, 13 } }, .lrn = { .alpha = 1 } },
    { .name = "3D", .shape = { { 1, 20, 2, 3, 4 } }, .lrn = { .alpha = 1 } },
};

#endif

/* pad.h - the cases of padding. */
#ifndef CASES_PAD_H
#define CASES_PAD_H

#include "support/case.h"

#define REFLECT   .border = OC_BORDER_REFLECT
#define REPLICATE .border = OC_BORDER_REPLICATE

static const struct op_case pad_cases[] = {
    { .name = "zeros, 6 channels",
      .shape = { { 2, 6, 5, 7 } },
      .pad = { .begin = { 1, 1 }, .end = { 1, 1 } } },
    { .name = "zeros, every side another",
      .shape = { { 3, 17, 4, 3 } },
      .pad = { .begin = { 1, 0 }, .end = { 3, 2 } } },
    { .name = "a constant, 48 channels",
      .shape = { { 1, 48, 4, 5 } },
      .pad = { .begin = { 2, 1 }, .end = { 0, 2 }, .value = -1.5f } },
    { .name = "nothing", .shape = { { 2, 3, 4, 5 } } },
    { .name = "cutting off", .shape = { { 2, 5, 7, 6 } }, .pad = { .begin = { -1, -2 }, .end = { -3, 0 } } },
    { .name = "cutting off here, a constant there",
      .shape = { { 2, 3, 5, 4 } },
      .pad = { .begin = { -2, 3 }, .end = { 1, -1 }, .value = 2 } },
    { .name = "all but one off, then zeros",
      .shape = { { 1, 4, 3, 3 } },
      .pad = { .begin = { -2, 0 }, .end = { 5, 0 } } },
    { .name = "zeros 1D", .shape = { { 2, 3, 13 } }, .pad = { .begin = { 2 }, .end = { 1 } } },
    { .name = "zeros 3D",
      .shape = { { 2, 5, 3, 4, 2 } },
      .pad = { .begin = { 1, 0, 2 }, .end = { 0, 1, 1 } } },
    { .name = "reflect, 3 channels",
      .shape = { { 2, 3, 5, 7 } },
      .pad = { .begin = { 1, 1 }, .end = { 1, 1 }, REFLECT } },
    { .name = "reflect, 33 channels",
      .shape = { { 1, 33, 4, 6 } },
      .pad = { .begin = { 3, 2 }, .end = { 1, 0 }, REFLECT } },
    { .name = "reflect as far as possible",
      .shape = { { 2, 5, 3, 4 } },
      .pad = { .begin = { 2, 3 }, .end = { 2, 3 }, REFLECT } },
    { .name = "reflect here, cutting off there",
      .shape = { { 2, 6, 5, 6 } },
      .pad = { .begin = { -1, 2 }, .end = { 3, -2 }, REFLECT } },
    { .name = "reflect in one dimension, of one row",
      .shape = { { 2, 4, 1, 5 } },
      .pad = { .begin = { 0, 2 }, .end = { 0, 1 }, REFLECT } },
    { .name = "reflect 1D", .shape = { { 3, 17, 6 } }, .pad = { .begin = { 4 }, .end = { 5 }, REFLECT } },
    { .name = "reflect 3D",
      .shape = { { 1, 5, 3, 4, 3 } },
      .pad = { .begin = { 1, 2, 0 }, .end = { 2, 1, 1 }, REFLECT } },
    { .name = "replicate, 3 channels",
      .shape = { { 2, 3, 5, 7 } },
      .pad = { .begin = { 1, 1 }, .end = { 1, 1 }, REPLICATE } },
    { .name = "replicate, 33 channels",
      .shape = { { 1, 33, 4, 6 } },
      .pad = { .begin = { 5, 2 }, .end = { 1, 0 }, REPLICATE } },
    { .name = "replicate one pixel",
      .shape = { { 2, 4, 1, 1 } },
      .pad = { .begin = { 3, 2 }, .end = { 2, 0 }, REPLICATE } },
    { .name = "replicate here, cutting off there",
      .shape = { { 2, 6, 5, 6 } },
      .pad = { .begin = { -1, 2 }, .end = { 3, -2 }, REPLICATE } },
    { .name = "replicate 1D", .shape = { { 3, 17, 6 } }, .pad = { .begin = { 9 }, .end = { 1 }, REPLICATE } },
    { .name = "replicate 3D",
      .shape = { { 1, 5, 3, 4, 2 } },
      .pad = { .begin = { 1, 2, 0 }, .end = { 2, 1, 3 }, REPLICATE } },
};

#endif

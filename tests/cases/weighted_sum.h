/* weighted_sum.h - the cases of the weighted sum of losses. */
#ifndef CASES_WEIGHTED_SUM_H
#define CASES_WEIGHTED_SUM_H

#include "support/case.h"

static const struct op_case weighted_sum_cases[] = {
    { .name = "a single value", .shape = { { 1, 1 }, { 1, 1 }, { 1, 1 } }, .weights = { 1, 2, 3 } },
    { .name = "auxiliary heads",
      .shape = { { 3, 6, 5, 7 }, { 3, 6, 5, 7 }, { 3, 6, 5, 7 } },
      .weights = { 1, 0.25f, 0.25f } },
    { .name = "a weight of 0 and one below",
      .shape = { { 7, 33 }, { 7, 33 }, { 7, 33 } },
      .weights = { 0, -1.5f, 1 } },
};

#endif

/* mean.h - the cases of the mean. */
#ifndef CASES_MEAN_H
#define CASES_MEAN_H

#include "support/case.h"

static const struct op_case mean_cases[] = {
    { .name = "a single value", .shape = { { 1, 1 } } },
    { .name = "6 channels", .shape = { { 3, 6, 5, 7 } } },
    { .name = "17 channels", .shape = { { 2, 17, 3, 3 } } },
    { .name = "48 channels", .shape = { { 1, 48, 4, 5 } } },
    { .name = "LeNet C1", .shape = { { 2, 6, 28, 28 } } },
    { .name = "1D", .shape = { { 5, 3, 13 } } },
    { .name = "3D", .shape = { { 1, 5, 3, 4, 5 } } },
    { .name = "no spatial dimension", .shape = { { 7, 33 } } },
    { .name = "more than one part", .shape = { { 3, 17, 19, 23 } } },
};

#endif

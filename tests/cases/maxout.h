/* maxout.h - the cases of maxout. */
#ifndef CASES_MAXOUT_H
#define CASES_MAXOUT_H

#include "support/case.h"

static const struct op_case maxout_cases[] = {
    { .name = "a single value", .shape = { { 1, 1 } }, .pieces = 1 },
    { .name = "2 pieces", .shape = { { 3, 6, 5, 7 } }, .pieces = 2 },
    { .name = "17 channels, one piece", .shape = { { 2, 17, 3, 3 } }, .pieces = 1 },
    { .name = "17 pieces", .shape = { { 2, 17, 3, 3 } }, .pieces = 17 },
    { .name = "48 channels in 2", .shape = { { 1, 48, 4, 5 } }, .pieces = 2 },
    { .name = "1D", .shape = { { 5, 3, 13 } }, .pieces = 3 },
    { .name = "3D", .shape = { { 1, 10, 3, 4, 5 } }, .pieces = 5 },
    { .name = "no spatial dimension", .shape = { { 7, 33 } }, .pieces = 3 },
    { .name = "5 pieces of 240", .shape = { { 2, 240, 3, 3 } }, .pieces = 5 },
};

#endif

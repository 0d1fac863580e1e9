/* dense.h - the cases of the fully connected layer. */
#ifndef CASES_DENSE_H
#define CASES_DENSE_H

#include "support/case.h"

static const struct op_case dense_cases[] = {
    { .name = "a single value", .shape = { { 1, 1 } }, .dense = { .units = 1 } },
    { .name = "primes", .shape = { { 3, 7 } }, .dense = { .units = 5 } },
    { .name = "LeNet F6", .shape = { { 2, 120 } }, .dense = { .units = 84 } },
    { .name = "LeNet output", .shape = { { 5, 84 } }, .dense = { .units = 10 } },
    { .name = "LeNet C5 as a dense layer", .shape = { { 4, 400 } }, .dense = { .units = 120 } },
    { .name = "33 to 17", .shape = { { 5, 33 } }, .dense = { .units = 17 } },
    { .name = "256 to 48, no bias", .shape = { { 1, 256 } }, .dense = { .units = 48, .no_bias = true } },
    { .name = "48 to 33, no bias", .shape = { { 7, 48 } }, .dense = { .units = 33, .no_bias = true } },
    { .name = "batch 17", .shape = { { 17, 19 } }, .dense = { .units = 23 } },
    { .name = "64 to 32", .shape = { { 16, 64 } }, .dense = { .units = 32 } },
    { .name = "1 to 37", .shape = { { 1, 1 } }, .dense = { .units = 37 } },
    { .name = "37 to 1", .shape = { { 13, 37 } }, .dense = { .units = 1 } },
    { .name = "6 to 3", .shape = { { 2, 6 } }, .dense = { .units = 3 } },
    { .name = "1000 to 65", .shape = { { 3, 1000 } }, .dense = { .units = 65 } },
};

#endif

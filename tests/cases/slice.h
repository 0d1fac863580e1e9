/* slice.h - the cases of slicing. */
#ifndef CASES_SLICE_H
#define CASES_SLICE_H

#include "support/case.h"

static const struct op_case slice_cases[] = {
    { .name = "all there is", .shape = { { 1, 1 } }, .slice = { 0, 1 } },
    { .name = "from the start", .shape = { { 2, 6, 5, 7 } }, .slice = { 0, 4 } },
    { .name = "the middle", .shape = { { 2, 37, 3, 3 } }, .slice = { 5, 17 } },
    { .name = "to the end", .shape = { { 3, 48, 4, 4 } }, .slice = { 32, 16 } },
    { .name = "one channel, 1D", .shape = { { 5, 3, 13 } }, .slice = { 1, 1 } },
    { .name = "3D", .shape = { { 1, 20, 3, 4, 5 } }, .slice = { 3, 16 } },
    { .name = "no spatial dimension", .shape = { { 7, 33 } }, .slice = { 1, 31 } },
};

#endif

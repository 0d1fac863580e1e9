/* concat.h - the cases of concatenation. */
#ifndef CASES_CONCAT_H
#define CASES_CONCAT_H

#include "support/case.h"

static const struct op_case concat_cases[] = {
    { .name = "single values", .shape = { { 1, 1 }, { 1, 1 }, { 1, 1 } } },
    { .name = "3, 17 and 1 channels", .shape = { { 2, 3, 5, 7 }, { 2, 17, 5, 7 }, { 2, 1, 5, 7 } } },
    { .name = "16, 32 and 48 channels", .shape = { { 3, 16, 4, 4 }, { 3, 32, 4, 4 }, { 3, 48, 4, 4 } } },
    { .name = "1D", .shape = { { 5, 6, 13 }, { 5, 2, 13 }, { 5, 5, 13 } } },
    { .name = "3D", .shape = { { 1, 5, 3, 4, 5 }, { 1, 3, 3, 4, 5 }, { 1, 33, 3, 4, 5 } } },
    { .name = "no spatial dimension", .shape = { { 7, 33 }, { 7, 2 }, { 7, 10 } } },
};

#endif

/* upsample.h - the cases of interpolation. */
#ifndef CASES_UPSAMPLE_H
#define CASES_UPSAMPLE_H

#include "support/case.h"

#define UPSAMPLE_CASES(m)                                                                                    \
    { .name = "a single value, by 3", .shape = { { 1, 1, 1, 1 } }, .upsample = { m, .factor = { 3 } } },     \
        { .name = "by 2, 6 channels", .shape = { { 2, 6, 5, 7 } }, .upsample = { m, .factor = { 2 } } },     \
        { .name = "by 2, 17 channels", .shape = { { 3, 17, 4, 3 } }, .upsample = { m, .factor = { 2 } } },   \
        { .name = "by 2, 48 channels", .shape = { { 1, 48, 6, 6 } }, .upsample = { m, .factor = { 2 } } },   \
        { .name = "by 8, 21 channels", .shape = { { 1, 21, 3, 2 } }, .upsample = { m, .factor = { 8 } } },   \
        { .name = "by 3 and 1", .shape = { { 2, 3, 5, 7 } }, .upsample = { m, .factor = { 3, 1 } } },        \
        { .name = "to a size", .shape = { { 2, 5, 7, 11 } }, .upsample = { m, .size = { 13, 17 } } },        \
        { .name = "to a smaller size", .shape = { { 2, 5, 13, 17 } }, .upsample = { m, .size = { 5, 3 } } }, \
        { .name = "to one pixel", .shape = { { 2, 3, 6, 5 } }, .upsample = { m, .size = { 1 } } },           \
        { .name = "to the same size", .shape = { { 2, 3, 4, 5 } }, .upsample = { m, .size = { 4, 5 } } },    \
        { .name = "from one row", .shape = { { 2, 4, 1, 5 } }, .upsample = { m, .size = { 6, 9 } } },        \
        { .name = "1D", .shape = { { 2, 3, 13 } }, .upsample = { m, .factor = { 2 } } },                     \
        { .name = "1D, 10 to 16", .shape = { { 3, 17, 10 } }, .upsample = { m, .size = { 16 } } },           \
        { .name = "3D", .shape = { { 2, 5, 3, 4, 2 } }, .upsample = { m, .factor = { 2 } } },                \
    {                                                                                                        \
        .name = "3D, larger and smaller", .shape = { { 1, 6, 3, 8, 5 } }, .upsample = {                      \
            m,                                                                                               \
            .size = { 7, 5, 5 }                                                                              \
        }                                                                                                    \
    }

static const struct op_case upsample_nearest_cases[] = { UPSAMPLE_CASES(OC_UPSAMPLE_NEAREST) };

#define ALIGNED .mode = OC_UPSAMPLE_LINEAR, .align_corners = true

static const struct op_case upsample_linear_cases[] = {
    UPSAMPLE_CASES(OC_UPSAMPLE_LINEAR),
    { .name = "corners, by 2", .shape = { { 2, 6, 5, 7 } }, .upsample = { ALIGNED, .factor = { 2 } } },
    { .name = "corners, 33 channels",
      .shape = { { 1, 33, 4, 3 } },
      .upsample = { ALIGNED, .factor = { 4, 3 } } },
    { .name = "corners, to a size",
      .shape = { { 2, 5, 7, 11 } },
      .upsample = { ALIGNED, .size = { 13, 16 } } },
    { .name = "corners, to a smaller size",
      .shape = { { 2, 5, 13, 17 } },
      .upsample = { ALIGNED, .size = { 5, 3 } } },
    { .name = "corners, to one pixel", .shape = { { 2, 3, 6, 5 } }, .upsample = { ALIGNED, .size = { 1 } } },
    { .name = "corners, from one row",
      .shape = { { 2, 4, 1, 5 } },
      .upsample = { ALIGNED, .size = { 6, 9 } } },
    { .name = "corners, 1D", .shape = { { 2, 3, 13 } }, .upsample = { ALIGNED, .size = { 29 } } },
    { .name = "corners, 3D", .shape = { { 2, 5, 3, 4, 2 } }, .upsample = { ALIGNED, .factor = { 2 } } },
};

#endif

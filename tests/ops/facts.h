/* facts.h - worked examples as published: convolutions with integers, and sizes. */
#ifndef OPS_FACTS_H
#define OPS_FACTS_H

#include "support/case.h"

struct worked_example {
    struct op_case c;
    const float *x, *weight, *bias, *y;
    int64_t y_shape[OC_MAX_RANK];
};

static const float counting_x[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8 };
static const float counting_w[] = { 0, 1, 2, 3 };

/* The input already contains its padding of 1. */
static const float three_channel_x[] = {
    0, 0, 0, 0, 0, 0, 0, /**/ 0, 0, 2, 2, 1, 0, 0, /**/ 0, 2, 2, 1, 2, 0, 0, /**/ 0, 1, 2, 0, 0, 0, 0, /**/
    0, 2, 1, 0, 0, 2, 0, /**/ 0, 2, 1, 0, 2, 2, 0, /**/ 0, 0, 0, 0, 0, 0, 0, /* channel 1 */
    0, 0, 0, 0, 0, 0, 0, /**/ 0, 1, 1, 2, 2, 1, 0, /**/ 0, 0, 1, 1, 0, 1, 0, /**/ 0, 1, 1, 1, 1, 1, 0, /**/
    0, 2, 1, 0, 0, 0, 0, /**/ 0, 0, 2, 0, 2, 0, 0, /**/ 0, 0, 0, 0, 0, 0, 0, /* channel 2 */
    0, 0, 0, 0, 0, 0, 0, /**/ 0, 1, 2, 0, 0, 2, 0, /**/ 0, 0, 0, 2, 1, 0, 0, /**/ 0, 2, 1, 1, 2, 2, 0, /**/
    0, 0, 0, 0, 1, 0, 0, /**/ 0, 0, 0, 1, 0, 2, 0, /**/ 0, 0, 0, 0, 0, 0, 0,
};
static const float three_channel_w[] = {
    1,  -1, 0, 0, -1, -1, 1, 0, 1, /**/ -1, -1, 1, 1,  0,  1,  -1, 1, 1, /**/ -1, -1, -1, -1, 1, 1, -1, 1, -1,
    -1, 0,  1, 0, -1, 0,  0, 0, 0, /**/ -1, 0,  1, -1, -1, -1, -1, 1, 1, /**/ 1,  0,  0,  0,  0, 0, 1,  0, -1,
};
static const float three_channel_y[] = {
    6, 4, 7, 5, 0, 1, -3, 3, 0, /**/ -1, -8, -1, 3, -6, -2, -2, -6, -3,
};

static const struct worked_example worked_examples[] = {
    { { .name = "counting, 2x2",
        .shape = { { 1, 1, 3, 3 } },
        .conv = { .filters = 1, .window = { 2 }, .no_bias = true } },
      counting_x,
      counting_w,
      NULL,
      (const float[]){ 19, 25, 37, 43 },
      { 1, 1, 2, 2 } },
    { { .name = "counting, padding 1, strides 3 and 2",
        .shape = { { 1, 1, 3, 3 } },
        .conv = { .filters = 1,
                  .window = { 2 },
                  .stride = { 3, 2 },
                  .pad = 1,
                  .rounding = OC_ROUND_FLOOR,
                  .no_bias = true } },
      counting_x,
      counting_w,
      NULL,
      (const float[]){ 0, 8, 6, 8 },
      { 1, 1, 2, 2 } },
    { { .name = "counting, padding 1",
        .shape = { { 1, 1, 3, 3 } },
        .conv = { .filters = 1, .window = { 2 }, .pad = 1, .no_bias = true } },
      counting_x,
      counting_w,
      NULL,
      (const float[]){ 0, 3, 8, 4, 9, 19, 25, 10, 21, 37, 43, 16, 6, 7, 8, 0 },
      { 1, 1, 4, 4 } },
    { { .name = "three channels, two filters, stride 2",
        .shape = { { 1, 3, 7, 7 } },
        .conv = { .filters = 2, .window = { 3 }, .stride = { 2 } } },
      three_channel_x,
      three_channel_w,
      (const float[]){ 1, 0 },
      three_channel_y,
      { 1, 2, 3, 3 } },
};

/* Windows along one dimension; 0: they do not fit. */
struct worked_size {
    int64_t in, out;
    oc_conv_desc conv; /* filters 1 */
};

static const struct worked_size worked_sizes[] = {
    { 7, 5, { .filters = 1, .window = { 3 } } },
    { 7, 3, { .filters = 1, .window = { 3 }, .stride = { 2 } } },
    { 7, 0, { .filters = 1, .window = { 3 }, .stride = { 3 } } },
    { 7, 2, { .filters = 1, .window = { 3 }, .stride = { 3 }, .rounding = OC_ROUND_FLOOR } },
    { 5, 3, { .filters = 1, .window = { 3 }, .stride = { 2 }, .padding = OC_PAD_SAME } },
    { 9, 6, { .filters = 1, .window = { 4 }, .padding = OC_PAD_VALID } },
    { 9, 12, { .filters = 1, .window = { 4 }, .padding = OC_PAD_FULL } },
    { 32, 32, { .filters = 1, .window = { 5 }, .pad = 2 } },
};

#endif

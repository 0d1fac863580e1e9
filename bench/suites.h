/* suites.h - the convolutions of well-known networks. */
#ifndef BENCH_SUITES_H
#define BENCH_SUITES_H

/* A square convolution without dilation, and how often the network has one of this shape. */
struct suite_layer {
    int count;
    int channels, filters;
    int size; /* height and width of the input */
    int window, stride, pad, groups;
};

struct suite {
    const char *name;
    const struct suite_layer *layers; /* the first reads the picture, and nobody needs its input's gradient */
    int layer_count;                  /* distinct shapes */
};

/* NULL past the end. */
const struct suite *suite_at(int index);

#endif

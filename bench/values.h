/* values.h - inputs: each value depends on its position and a stream's number alone, so that every model gets the same,
 * and the first samples of a large batch are those of a small one. Free them; a lack of memory ends the program. */
#ifndef BENCH_VALUES_H
#define BENCH_VALUES_H

#include <stdint.h>

/* Uniform in -scale..scale, neither zero nor denormal. */
float *values_floats(int64_t count, float scale, int stream);

/* Uniform in 0..classes-1. */
int32_t *values_labels(int64_t count, int64_t classes, int stream);

#endif

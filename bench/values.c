/* values.c - values drawn from their positions. */
#include "values.h"

#include <stdio.h>
#include <stdlib.h>

/* 64 random bits of a position: SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators",
 * OOPSLA 2014). A stream for each input, parameter and dy. */
static uint64_t bits_at(int stream, int64_t index)
{
    uint64_t x = (((uint64_t)stream << 40) + (uint64_t)index + 1) * 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static void *allocate(int64_t count, size_t size)
{
    void *block = malloc((size_t)count * size);
    if (!block) {
        perror("ocelli-bench");
        exit(EXIT_FAILURE);
    }
    return block;
}

/* Uniform in -scale..scale: odd multiples of scale * 2^-24, so neither zero nor denormal. */
float *values_floats(int64_t count, float scale, int stream)
{
    float *values = allocate(count, sizeof *values);
    for (int64_t i = 0; i < count; i++) {
        const int32_t odd = (int32_t)(bits_at(stream, i) >> 40) * 2 + 1 - (1 << 24);
        values[i] = scale * ((float)odd * 0x1p-24f);
    }
    return values;
}

int32_t *values_labels(int64_t count, int64_t classes, int stream)
{
    int32_t *values = allocate(count, sizeof *values);
    for (int64_t i = 0; i < count; i++)
        values[i] = (int32_t)(bits_at(stream, i) % (uint64_t)classes);
    return values;
}

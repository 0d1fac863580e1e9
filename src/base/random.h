/* random.h - counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011). The same function of (key, counter) as cl/random.cl, so nothing depends on the order in
 * which numbers are drawn.
 *
 * Key: the seed. Counter: (index, step, stream), low word first; a stream is a layer or a purpose. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t seed;
    uint32_t stream, step;
};

/* Stream number of a name: 32-bit FNV-1a. */
uint32_t random_stream(const char *name);

/* The four words of block `index`. */
void random_block(const struct random *random, uint64_t index, uint32_t words[4]);

/* The index-th number: uniform in [0, 1) with 24 bits; uniform in 0..limit-1; Gaussian (mean 0, deviation 1). */
float random_uniform(const struct random *random, uint64_t index);
uint64_t random_below(const struct random *random, uint64_t index, uint64_t limit);
float random_gaussian(const struct random *random, uint64_t index);

/* The same of the indices first .. first + count - 1. */
void random_gaussians(const struct random *random, uint64_t first, int64_t count, float *values);

/* Fills order[0..count-1] with a permutation of 0..count-1. */
void random_permutation(const struct random *random, int64_t *order, int64_t count);

#endif

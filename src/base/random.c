/* random.c - Philox4x32-10 and what is drawn from it. Twin of cl/random.cl. */
#include "base/random.h"

#include <math.h>

uint32_t random_stream(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash;
}

void random_block(const struct random *random, uint64_t index, uint32_t words[4])
{
    uint32_t c0 = (uint32_t)index, c1 = (uint32_t)(index >> 32), c2 = random->step, c3 = random->stream;
    uint32_t k0 = (uint32_t)random->seed, k1 = (uint32_t)(random->seed >> 32);
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        const uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c0 = n0;
        c1 = (uint32_t)p1;
        c2 = n2;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

float random_uniform(const struct random *random, uint64_t index)
{
    uint32_t words[4];
    random_block(random, index / 4, words);
    return (float)(words[index % 4] >> 8) * 0x1p-24f;
}

uint64_t random_below(const struct random *random, uint64_t index, uint64_t limit)
{
    uint32_t words[4];
    random_block(random, index, words);
    return (((uint64_t)words[1] << 32) | words[0]) % limit;
}

/* By Box and Muller: two words make two values. */
static void gaussian_block(const struct random *random, uint64_t block, float values[4])
{
    uint32_t words[4];
    random_block(random, block, words);
    for (int i = 0; i < 4; i += 2) {
        const double radius = sqrt(-2.0 * log(((double)words[i] + 1.0) * 0x1p-32));
        const double angle = 6.283185307179586 * (double)words[i + 1] * 0x1p-32;
        values[i] = (float)(radius * cos(angle));
        values[i + 1] = (float)(radius * sin(angle));
    }
}

float random_gaussian(const struct random *random, uint64_t index)
{
    float values[4];
    gaussian_block(random, index / 4, values);
    return values[index % 4];
}

void random_gaussians(const struct random *random, uint64_t first, int64_t count, float *values)
{
    float block[4];
    for (int64_t i = 0; i < count; i++) {
        const uint64_t index = first + (uint64_t)i;
        if (i == 0 || index % 4 == 0)
            gaussian_block(random, index / 4, block);
        values[i] = block[index % 4];
    }
}

void random_permutation(const struct random *random, int64_t *order, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const int64_t j = (int64_t)random_below(random, (uint64_t)i, (uint64_t)i + 1);
        order[i] = order[j];
        order[j] = i;
    }
}

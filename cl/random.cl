/* random.cl - counter-based random numbers: Philox4x32-10. Twin of src/base/random.c, which says what the numbers mean.
 * Stands before every kernel file, after common.cl. */

/* Twin of struct random, src/base/random.h, where the seed is one number. */
typedef struct {
    uint seed_low, seed_high, stream, step;
} random_source;

/* The words c0 to c3 of a block, of which c0 and c1 come with its number; of a block per lane if n is VECTOR, not
 * nothing. The upper half of a product is not mul_hi(), which costs PoCL three times as much. */
#define RANDOM_HIGH(n, a, b) JOIN(convert_uint, n)((JOIN(convert_ulong, n)(a) * (ulong)(b)) >> 32)
#define RANDOM_BLOCK(n, source, c0, c1, c2, c3)                                                                        \
    JOIN(uint, n) c2 = (source).step, c3 = (source).stream;                                                            \
    for (uint round = 0, k0 = (source).seed_low, k1 = (source).seed_high; round < 10;                                  \
         round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {                                                              \
        const JOIN(uint, n) n0 = RANDOM_HIGH(n, c2, 0xCD9E8D57u) ^ c1 ^ k0;                                            \
        const JOIN(uint, n) n2 = RANDOM_HIGH(n, c0, 0xD2511F53u) ^ c3 ^ k1;                                            \
        c1 = c2 * 0xCD9E8D57u;                                                                                         \
        c3 = c0 * 0xD2511F53u;                                                                                         \
        c0 = n0;                                                                                                       \
        c2 = n2;                                                                                                       \
    }

/* The index-th number: uniform in [0, 1) with 24 bits. */
static float random_uniform(const random_source source, const ulong index)
{
    uint c0 = (uint)(index / 4), c1 = (uint)(index / 4 >> 32);
    RANDOM_BLOCK(, source, c0, c1, c2, c3)
    const uint words[4] = { c0, c1, c2, c3 };
    return (words[index % 4] >> 8) * 0x1p-24f;
}

#if VECTOR >= 4
/* 4*VECTOR numbers from the index-th on, which must be a multiple of 4. */
static void random_uniforms(const random_source source, const ulong index, float *numbers)
{
    uint low[VECTOR], high[VECTOR], words[4][VECTOR];
    for (uint i = 0; i < VECTOR; i++) {
        low[i] = (uint)(index / 4 + i);
        high[i] = (uint)((index / 4 + i) >> 32);
    }
    JOIN(uint, VECTOR) c0 = LOADV(low), c1 = LOADV(high);
    RANDOM_BLOCK(VECTOR, source, c0, c1, c2, c3)
    STOREV(c0, words[0]);
    STOREV(c1, words[1]);
    STOREV(c2, words[2]);
    STOREV(c3, words[3]);
    for (int i = 0; i < VECTOR; i += 4) {
        const uint4 a = vload4(0, words[0] + i), b = vload4(0, words[1] + i);
        const uint4 c = vload4(0, words[2] + i), d = vload4(0, words[3] + i);
        const uint16 block = (uint16)(a.s0, b.s0, c.s0, d.s0, a.s1, b.s1, c.s1, d.s1, /* four of them */
                                      a.s2, b.s2, c.s2, d.s2, a.s3, b.s3, c.s3, d.s3);
        vstore16(convert_float16(block >> 8) * 0x1p-24f, 0, numbers + 4 * i);
    }
}
#endif

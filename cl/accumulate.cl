/* accumulate.cl - work on whole slabs beside the update: the mean of several gradients, and an exchange. Host side:
 * src/ops/accumulate.c. */

/* Twin of struct slab, ops/accumulate.c. */
typedef struct {
    long count;
    int values_per_item, padding; /* the last: Mesa wants struct arguments without hidden padding at their end */
} slab;

/* mean += share*(dw - mean); all of it is dw's in the first batch, when mean is not read: it may hold anything. */
#define ACCUMULATE(T, LOAD, STORE, i)                                                                                  \
    {                                                                                                                  \
        const T g = LOAD(AT(dw) + (i));                                                                                \
        STORE(share < 1.f ? fma((T)share, g - LOAD(AT(mean) + (i)), LOAD(AT(mean) + (i))) : g, AT(mean) + (i));        \
    }

#define SWAP(T, LOAD, STORE, i)                                                                                        \
    {                                                                                                                  \
        const T u = LOAD(AT(a) + (i)), v = LOAD(AT(b) + (i));                                                          \
        STORE(v, AT(a) + (i));                                                                                         \
        STORE(u, AT(b) + (i));                                                                                         \
    }

#define LOAD1(p) (*(p))
#define STORE1(v, p) (*(p) = (v))

/* The references take a value per work-item; the others some, in explicit vectors. */
#define REFERENCE(DO)                                                                                                  \
    const long i = get_global_id(0);                                                                                   \
    if (i < s.count)                                                                                                   \
        DO(real, LOAD1, STORE1, i)

#define VECTORS(DO)                                                                                                    \
    long i = (long)get_global_id(0) * s.values_per_item;                                                               \
    const long end = min(i + s.values_per_item, s.count);                                                              \
    for (; i + VECTOR <= end; i += VECTOR)                                                                             \
        DO(realv, LOADV, STOREV, i)                                                                                    \
    for (; i < end; i++)                                                                                               \
        DO(real, LOAD1, STORE1, i)

__kernel void accumulate_reference(IN(real, dw), IN_PLACE(real, mean), const slab s, const float share)
{
    REFERENCE(ACCUMULATE)
}

__kernel void accumulate_vector(IN(real, dw), IN_PLACE(real, mean), const slab s, const float share)
{
    VECTORS(ACCUMULATE)
}

__kernel void swap_reference(IN_PLACE(real, a), IN_PLACE(real, b), const slab s)
{
    REFERENCE(SWAP)
}

__kernel void swap_vector(IN_PLACE(real, a), IN_PLACE(real, b), const slab s)
{
    VECTORS(SWAP)
}

/* update.cl - the optimizer's step. Host side: src/ops/update.c.
 *
 * SGD, PyTorch's: g += decay*w; v = momentum*v + g; w -= rate*(nesterov ? g + momentum*v : v).
 * MOMENTUM says whether there is a v, NESTEROV which form. Without MOMENTUM the argument v is not touched. */
#ifndef MOMENTUM
#define MOMENTUM 1
#endif
#ifndef NESTEROV
#define NESTEROV 0
#endif

/* Twin of struct update, ops/update.c. */
typedef struct {
    long count;
    int values_per_item;
    float momentum, decay, padding; /* the last: Mesa wants struct arguments without hidden padding at their end */
} update;

/* Expects w and g, updates w and, in between, v through LOAD and STORE. Without decay w may be infinite. */
#define STEP(T, LOAD, STORE, i)                                                                                        \
    {                                                                                                                  \
        const T w = LOAD(AT(w) + (i));                                                                                 \
        T g = LOAD(AT(dw) + (i));                                                                                      \
        if (u.decay != 0.f)                                                                                            \
            g = fma((T)u.decay, w, g);                                                                                 \
        VELOCITY(T, LOAD, STORE, i)                                                                                    \
        STORE(fma((T)-rate, g, w), AT(w) + (i));                                                                       \
    }

#if MOMENTUM
#define VELOCITY(T, LOAD, STORE, i)                                                                                    \
    const T v = fma((T)u.momentum, LOAD(AT(v) + (i)), g);                                                              \
    STORE(v, AT(v) + (i));                                                                                             \
    g = NESTEROV ? fma((T)u.momentum, v, g) : v;
#else
#define VELOCITY(T, LOAD, STORE, i)
#endif

#define LOAD1(p) (*(p))
#define STORE1(v, p) (*(p) = (v))

/* One value per work-item. */
__kernel void sgd_reference(IN_PLACE(real, w), IN(real, dw), IN_PLACE(real, v), const float rate, const update u)
{
    const long i = get_global_id(0);
    if (i < u.count)
        STEP(real, LOAD1, STORE1, i)
}

/* Some values per work-item, explicit vectors. */
__kernel void sgd_vector(IN_PLACE(real, w), IN(real, dw), IN_PLACE(real, v), const float rate, const update u)
{
    long i = (long)get_global_id(0) * u.values_per_item;
    const long end = min(i + u.values_per_item, u.count);
    for (; i + VECTOR <= end; i += VECTOR)
        STEP(realv, LOADV, STOREV, i)
    for (; i < end; i++)
        STEP(real, LOAD1, STORE1, i)
}

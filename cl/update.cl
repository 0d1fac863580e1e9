/* update.cl - the optimizer's step. Host side: src/ops/update.c. PyTorch's formulas: see include/ocelli/ocelli.h.
 *
 * OPTIMIZER is sgd, adam, rmsprop or adagrad. MOMENTUM says whether there is an m, NESTEROV which form SGD takes, SHRINK
 * whether decay is AdamW's, AVERAGE whether averages of the values are kept, CLIP whether gradients are scaled. Without
 * these the arguments m, v, average and factor are not touched. */
#ifndef OPTIMIZER
#define OPTIMIZER sgd
#endif
#ifndef MOMENTUM
#define MOMENTUM 1
#endif
#ifndef NESTEROV
#define NESTEROV 0
#endif
#ifndef SHRINK
#define SHRINK 0
#endif
#ifndef AVERAGE
#define AVERAGE 0
#endif
#ifndef CLIP
#define CLIP 0
#endif

/* Twin of struct update, ops/update.c. */
typedef struct {
    long count;
    int values_per_item;
    float momentum, decay, beta1, gain1, beta2, gain2, epsilon, average; /* gain: 1 - beta */
    float padding; /* Mesa wants struct arguments without hidden padding at their end */
} update;

/* Twin of struct step_numbers, ops/optimizer.h. */
typedef struct {
    float rate, root, shrink;
} step_numbers;

/* Updates w and, in between, its slots. Without decay w may be infinite. */
#define STEP(T, LOAD, STORE, i)                                                                                        \
    {                                                                                                                  \
        T w = LOAD(AT(w) + (i)), g = LOAD(AT(dw) + (i));                                                               \
        if (CLIP)                                                                                                      \
            g *= AT(factor)[0];                                                                                        \
        if (u.decay != 0.f)                                                                                            \
            g = fma((T)u.decay, w, g);                                                                                 \
        JOIN(STEP_, OPTIMIZER)(T, LOAD, STORE, i)                                                                      \
        STORE(w, AT(w) + (i));                                                                                         \
        if (AVERAGE)                                                                                                   \
            STORE(fma((T)u.average, LOAD(AT(average) + (i)) - w, w), AT(average) + (i));                               \
    }

#define STEP_sgd(T, LOAD, STORE, i)                                                                                    \
    VELOCITY(T, LOAD, STORE, i)                                                                                        \
    w = fma((T)-n.rate, g, w);

#define STEP_adam(T, LOAD, STORE, i)                                                                                   \
    const T m = fma((T)u.beta1, LOAD(AT(m) + (i)), u.gain1 * g);                                                       \
    STORE(m, AT(m) + (i));                                                                                             \
    SQUARES(T, LOAD, STORE, i)                                                                                         \
    if (SHRINK)                                                                                                        \
        w *= n.shrink;                                                                                                 \
    w = fma((T)-n.rate, m / (sqrt(v) / n.root + u.epsilon), w);

#define STEP_rmsprop(T, LOAD, STORE, i)                                                                                \
    SQUARES(T, LOAD, STORE, i)                                                                                         \
    g /= sqrt(v) + u.epsilon;                                                                                          \
    VELOCITY(T, LOAD, STORE, i)                                                                                        \
    w = fma((T)-n.rate, g, w);

#define STEP_adagrad(T, LOAD, STORE, i)                                                                                \
    const T v = fma(g, g, LOAD(AT(v) + (i)));                                                                          \
    STORE(v, AT(v) + (i));                                                                                             \
    w = fma((T)-n.rate, g / (sqrt(v) + u.epsilon), w);

#define SQUARES(T, LOAD, STORE, i)                                                                                     \
    const T v = fma((T)u.beta2, LOAD(AT(v) + (i)), u.gain2 * g * g);                                                   \
    STORE(v, AT(v) + (i));

#if MOMENTUM
#define VELOCITY(T, LOAD, STORE, i)                                                                                    \
    const T m = fma((T)u.momentum, LOAD(AT(m) + (i)), g);                                                              \
    STORE(m, AT(m) + (i));                                                                                             \
    g = NESTEROV ? fma((T)u.momentum, m, g) : m;
#else
#define VELOCITY(T, LOAD, STORE, i)
#endif

#define LOAD1(p) (*(p))
#define STORE1(v, p) (*(p) = (v))

/* One value per work-item. */
__kernel void update_reference(IN_PLACE(real, w), IN(real, dw), IN_PLACE(real, m), IN_PLACE(real, v),
                               IN_PLACE(real, average), IN_PLACE(real, factor), const step_numbers n, const update u)
{
    const long i = get_global_id(0);
    if (i < u.count)
        STEP(real, LOAD1, STORE1, i)
}

/* Some values per work-item, explicit vectors. */
__kernel void update_vector(IN_PLACE(real, w), IN(real, dw), IN_PLACE(real, m), IN_PLACE(real, v),
                            IN_PLACE(real, average), IN_PLACE(real, factor), const step_numbers n, const update u)
{
    long i = (long)get_global_id(0) * u.values_per_item;
    const long end = min(i + u.values_per_item, u.count);
    for (; i + VECTOR <= end; i += VECTOR)
        STEP(realv, LOADV, STOREV, i)
    for (; i < end; i++)
        STEP(real, LOAD1, STORE1, i)
}

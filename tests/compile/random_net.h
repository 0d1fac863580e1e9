/* random_net.h - networks that nobody would think of: convolutions, pooling, sums, parts of wholes and wholes of parts. */
#ifndef COMPILE_RANDOM_NET_H
#define COMPILE_RANDOM_NET_H

#include "compile/plans.h"
#include "base/random.h"

struct net {
    oc_graph *graph;
    oc_tensor *image, *label, *logits, *loss, *aside;
};

/* Draws numbers below `limit`, one after the other. */
struct draw {
    struct random random;
    uint64_t next;
};

static inline int below(struct draw *draw, int limit)
{
    return (int)random_below(&draw->random, draw->next++, (uint64_t)limit);
}

enum { MAX_LAYERS = 24 };

/* One more layer on one or two of the tensors there are. */
static inline oc_tensor *grow(struct draw *draw, oc_tensor *const *x, int count)
{
    oc_tensor *a = x[below(draw, 3) ? count - 1 : below(draw, count)];
    const int kind = below(draw, 13), channels = (int)a->shape.dim[1];
    for (int tries = 0; kind < 4 && tries < 8; tries++) { /* two tensors, if there is one that fits */
        oc_tensor *b = x[below(draw, count)];
        struct shape like = b->shape;
        like.dim[1] = channels;
        if (kind < 2 ? shape_equal(&a->shape, &b->shape) : shape_equal(&a->shape, &like) && channels < 20)
            return kind == 0   ? oc_add(a, b)
                   : kind == 1 ? oc_multiply(a, b)
                   : kind == 2 ? oc_concat((oc_tensor *[]){ a, b }, 2)
                               : oc_concat((oc_tensor *[]){ b, a, b }, 3);
    }
    const oc_pool_desc pool = { .window = { 2 }, .stride = { 1 + below(draw, 2) }, .padding = OC_PAD_SAME };
    switch (kind) {
    case 4:
        return oc_max_pool(a, &pool);
    case 5:
        return below(draw, 2) ? oc_average_pool(a, &pool) : oc_l2_pool(a, &pool);
    case 6:
        return below(draw, 2) ? oc_relu(a) : oc_dropout(a, 0.25f);
    case 7:
        return below(draw, 2) ? oc_tanh(a) : oc_softmax(a);
    case 8:
        return oc_reshape(oc_flatten(a), a->shape.dim);
    case 9:
        return channels > 4 ? oc_slice(a, 1, channels - 2) : oc_lrn(a, NULL);
    case 10:
        return oc_batch_norm(a, &(oc_batch_norm_desc){ .use_running = below(draw, 3) == 0 });
    default:
        return oc_conv(a, &(oc_conv_desc){ .filters = 4 + 4 * below(draw, 2),
                                           .window = { 1 + 2 * below(draw, 2) },
                                           .padding = OC_PAD_SAME,
                                           .groups = 1 + (channels % 2 == 0 && below(draw, 2)),
                                           .frozen = below(draw, 4) == 0 });
    }
}

static inline struct net random_net(uint32_t index, int batch)
{
    struct draw draw = { .random = { .seed = 11, .step = index } };
    struct net net = { .graph = oc_graph_create(NULL), .label = NULL };
    oc_tensor *x[MAX_LAYERS];
    int count = 1;
    net.image =
        oc_input(net.graph, &(oc_input_desc){ .name = "image",
                                              .shape = { batch, 4, 5 + below(&draw, 8), 5 + below(&draw, 8) },
                                              .gradient = below(&draw, 2) });
    net.label = labels(net.graph, batch);
    x[0] = net.image;
    for (const int layers = 4 + below(&draw, MAX_LAYERS - 4); count < layers; count++)
        x[count] = grow(&draw, x, count);
    net.aside = x[below(&draw, count)];
    net.logits = oc_dense(oc_global_average_pool(x[count - 1]), &(oc_dense_desc){ .name = "fc", .units = 3 });
    net.loss = oc_softmax_cross_entropy(net.logits, net.label);
    CHECK(oc_graph_check(net.graph));
    return net;
}

#endif

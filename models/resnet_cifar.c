/* resnet_cifar.c - residual networks for CIFAR's 32x32 pictures: three stages on maps of 32, 16 and 8 pixels.
 * ResNet of depth 6n + 2 and the plain networks of the same depth (He et al. 2015; projections where shapes change),
 * pre-activation bottlenecks of depth 9n + 2 (He et al. 2016), Wide ResNet of depth 6n + 4 (Zagoruyko and Komodakis
 * 2016), stochastic depth (Huang et al., "Deep networks with stochastic depth", 2016). */
#include "zoo.h"

#include <stdio.h>

enum form { PLAIN, RESIDUAL, PREACTIVATION, BOTTLENECK };

struct cifar {
    enum form form;
    int blocks, width; /* blocks per stage; filters of the first stage */
    float survival;    /* of the last block, falling linearly from 1; 0: all survive */
};

struct block {
    const struct cifar *net;
    char name[32];
    int filters, stride;
    float survival;
};

static oc_tensor *conv(oc_tensor *x, const struct block *b, const char *layer, int filters, int window,
                       int stride)
{
    return oc_conv(x, &(oc_conv_desc){ .name = IN_BLOCK(b->name, layer),
                                       .filters = filters,
                                       .window = { window },
                                       .stride = { stride },
                                       .pad = window / 2,
                                       .no_bias = true,
                                       .rounding = OC_ROUND_FLOOR });
}

static oc_tensor *norm(oc_tensor *x, const struct block *b, const char *layer)
{
    return oc_batch_norm(x, &(oc_batch_norm_desc){ .name = IN_BLOCK(b->name, layer) });
}

static bool changes_shape(oc_tensor *x, const struct block *b, int filters)
{
    int64_t shape[OC_MAX_RANK] = { 0 };
    return oc_tensor_shape(x, shape) > 1 && (b->stride > 1 || shape[1] != filters);
}

static oc_tensor *survive(oc_tensor *branch, const struct block *b)
{
    const oc_stochastic_depth_desc desc = { .survival = b->survival,
                                            .per_batch = true,
                                            .scale_at_inference = true };
    return b->net->survival > 0 ? oc_stochastic_depth(branch, &desc) : branch;
}

static oc_tensor *postactivation(oc_tensor *x, const struct block *b)
{
    oc_tensor *y = oc_relu(norm(conv(x, b, "conv1", b->filters, 3, b->stride), b, "bn1"));
    y = norm(conv(y, b, "conv2", b->filters, 3, 1), b, "bn2");
    if (b->net->form == PLAIN)
        return oc_relu(y);
    oc_tensor *shortcut = x;
    if (changes_shape(x, b, b->filters))
        shortcut = norm(conv(x, b, "downsample.0", b->filters, 1, b->stride), b, "downsample.1");
    return oc_relu(oc_add(survive(y, b), shortcut));
}

static oc_tensor *preactivation(oc_tensor *x, const struct block *b)
{
    const bool bottleneck = b->net->form == BOTTLENECK;
    const int outer = bottleneck ? 4 * b->filters : b->filters;
    oc_tensor *active = oc_relu(norm(x, b, "bn1")), *y, *shortcut = x;
    y = oc_relu(
        norm(conv(active, b, "conv1", b->filters, bottleneck ? 1 : 3, bottleneck ? 1 : b->stride), b, "bn2"));
    if (bottleneck)
        y = oc_relu(norm(conv(y, b, "conv2", b->filters, 3, b->stride), b, "bn3"));
    y = conv(y, b, bottleneck ? "conv3" : "conv2", outer, bottleneck ? 1 : 3, 1);
    if (changes_shape(x, b, outer))
        shortcut = conv(active, b, "downsample.0", outer, 1, b->stride);
    return oc_add(survive(y, b), shortcut);
}

static oc_tensor *build(struct zoo_build *b)
{
    const struct cifar *net = b->variant;
    const bool before = net->form == PREACTIVATION || net->form == BOTTLENECK;
    oc_tensor *x = oc_conv(
        b->image,
        &(oc_conv_desc){
            .name = "conv1", .filters = zoo_width(b, 16), .window = { 3 }, .pad = 1, .no_bias = true });
    if (!before)
        x = oc_relu(oc_batch_norm(x, &(oc_batch_norm_desc){ .name = "bn1" }));
    for (int stage = 0, index = 1; stage < 3; stage++)
        for (int i = 0; i < net->blocks; i++, index++) {
            struct block block = { .net = net,
                                   .filters = zoo_width(b, net->width) << stage,
                                   .stride = stage > 0 && i == 0 ? 2 : 1,
                                   .survival = 1.f - (1.f - net->survival) * (float)index /
                                                         (float)(3 * net->blocks) };
            snprintf(block.name, sizeof block.name, "layer%d.%d", stage + 1, i);
            x = before ? preactivation(x, &block) : postactivation(x, &block);
        }
    if (before)
        x = oc_relu(oc_batch_norm(x, &(oc_batch_norm_desc){ .name = "bn_last" }));
    return oc_dense(oc_global_average_pool(x), &(oc_dense_desc){ .name = "fc", .units = b->classes });
}

#define CIFAR(id, text, ...)                                                                                 \
    {                                                                                                        \
        id, text, 3, 32, 32, 10, build, &(const struct cifar)                                                \
        {                                                                                                    \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }

const struct zoo_entry resnet_cifar_family[] = {
    CIFAR("resnet20_cifar", "ResNet for CIFAR, 20 layers", RESIDUAL, 3, 16, 0),
    CIFAR("resnet32_cifar", "ResNet for CIFAR, 32 layers", RESIDUAL, 5, 16, 0),
    CIFAR("resnet44_cifar", "ResNet for CIFAR, 44 layers", RESIDUAL, 7, 16, 0),
    CIFAR("resnet56_cifar", "ResNet for CIFAR, 56 layers", RESIDUAL, 9, 16, 0),
    CIFAR("resnet110_cifar", "ResNet for CIFAR, 110 layers", RESIDUAL, 18, 16, 0),
    CIFAR("plain20_cifar", "the same without shortcuts, 20 layers", PLAIN, 3, 16, 0),
    CIFAR("plain32_cifar", "the same without shortcuts, 32 layers", PLAIN, 5, 16, 0),
    CIFAR("plain44_cifar", "the same without shortcuts, 44 layers", PLAIN, 7, 16, 0),
    CIFAR("plain56_cifar", "the same without shortcuts, 56 layers", PLAIN, 9, 16, 0),
    CIFAR("plain110_cifar", "the same without shortcuts, 110 layers", PLAIN, 18, 16, 0),
    CIFAR("resnet110_stochastic_cifar", "ResNet-110 with stochastic depth, survival falling to 0.5", RESIDUAL,
          18, 16, 0.5f),
    CIFAR("preact_resnet164_cifar", "pre-activation bottlenecks, 164 layers", BOTTLENECK, 18, 16, 0),
    CIFAR("preact_resnet1001_cifar", "pre-activation bottlenecks, 1001 layers", BOTTLENECK, 111, 16, 0),
    CIFAR("wrn16_8", "Wide ResNet, 16 layers, 8 times as wide", PREACTIVATION, 2, 128, 0),
    CIFAR("wrn28_10", "Wide ResNet, 28 layers, 10 times as wide", PREACTIVATION, 4, 160, 0),
    CIFAR("wrn40_4", "Wide ResNet, 40 layers, 4 times as wide", PREACTIVATION, 6, 64, 0),
    { 0 },
};

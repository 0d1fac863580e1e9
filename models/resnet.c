/* resnet.c - residual networks for ImageNet: ResNet (He et al., "Deep residual learning for image recognition", 2015),
 * Wide ResNet (Zagoruyko and Komodakis 2016), ResNeXt (Xie et al. 2016), and the pre-activation form (He et al.,
 * "Identity mappings in deep residual networks", 2016). Torchvision's, and its names, but for the last, which it does
 * not have; the stride lies on the 3x3 convolution. */
#include "zoo.h"

#include <stdio.h>

struct resnet {
    int blocks[4];
    bool bottleneck, preactivation;
    int groups, width; /* of the inner convolutions: width channels per group where a stage has 64 */
};

/* What a block must know about itself. */
struct block {
    const struct resnet *net;
    char name[32];
    int filters, inner; /* of the stage, before expansion; of its inner convolutions */
    int stride;
};

static oc_tensor *conv(oc_tensor *x, const struct block *b, const char *layer, int filters, int window,
                       int stride, int groups)
{
    return oc_conv(x, &(oc_conv_desc){ .name = IN_BLOCK(b->name, layer),
                                       .filters = filters,
                                       .window = { window },
                                       .stride = { stride },
                                       .pad = window / 2,
                                       .groups = groups,
                                       .no_bias = true,
                                       .rounding = OC_ROUND_FLOOR });
}

static oc_tensor *norm(oc_tensor *x, const struct block *b, const char *layer)
{
    return oc_batch_norm(x, &(oc_batch_norm_desc){ .name = IN_BLOCK(b->name, layer) });
}

static int expansion(const struct resnet *net)
{
    return net->bottleneck ? 4 : 1;
}

/* Whether the block's input must be projected to be added to its output. */
static bool changes_shape(oc_tensor *x, const struct block *b)
{
    int64_t shape[OC_MAX_RANK] = { 0 };
    return oc_tensor_shape(x, shape) > 1 && (b->stride > 1 || shape[1] != b->filters * expansion(b->net));
}

static oc_tensor *residual(oc_tensor *x, const struct block *b)
{
    const int inner = b->inner, outer = b->filters * expansion(b->net);
    oc_tensor *y, *shortcut = x;
    if (b->net->bottleneck) {
        y = oc_relu(norm(conv(x, b, "conv1", inner, 1, 1, 1), b, "bn1"));
        y = oc_relu(norm(conv(y, b, "conv2", inner, 3, b->stride, b->net->groups), b, "bn2"));
        y = norm(conv(y, b, "conv3", outer, 1, 1, 1), b, "bn3");
    } else {
        y = oc_relu(norm(conv(x, b, "conv1", b->filters, 3, b->stride, 1), b, "bn1"));
        y = norm(conv(y, b, "conv2", b->filters, 3, 1, 1), b, "bn2");
    }
    if (changes_shape(x, b))
        shortcut = norm(conv(x, b, "downsample.0", outer, 1, b->stride, 1), b, "downsample.1");
    return oc_relu(oc_add(y, shortcut));
}

/* Normalisation and ReLU before each convolution; the shortcut is untouched, or projected from the activated input. */
static oc_tensor *residual_preactivation(oc_tensor *x, const struct block *b)
{
    const int outer = b->filters * expansion(b->net);
    oc_tensor *active = oc_relu(norm(x, b, "bn1")), *y, *shortcut = x;
    if (b->net->bottleneck) {
        y = oc_relu(norm(conv(active, b, "conv1", b->filters, 1, 1, 1), b, "bn2"));
        y = oc_relu(norm(conv(y, b, "conv2", b->filters, 3, b->stride, 1), b, "bn3"));
        y = conv(y, b, "conv3", outer, 1, 1, 1);
    } else {
        y = oc_relu(norm(conv(active, b, "conv1", b->filters, 3, b->stride, 1), b, "bn2"));
        y = conv(y, b, "conv2", b->filters, 3, 1, 1);
    }
    if (changes_shape(x, b))
        shortcut = conv(active, b, "downsample.0", outer, 1, b->stride, 1);
    return oc_add(y, shortcut);
}

static oc_tensor *build(struct zoo_build *b)
{
    const struct resnet *net = b->variant;
    oc_tensor *x = oc_conv(b->image, &(oc_conv_desc){ .name = "conv1",
                                                      .filters = zoo_width(b, 64),
                                                      .window = { 7 },
                                                      .stride = { 2 },
                                                      .pad = 3,
                                                      .no_bias = true,
                                                      .rounding = OC_ROUND_FLOOR });
    if (!net->preactivation)
        x = oc_relu(oc_batch_norm(x, &(oc_batch_norm_desc){ .name = "bn1" }));
    x = oc_max_pool(x, &(oc_pool_desc){ .window = { 3 }, .stride = { 2 }, .pad = 1 });
    for (int stage = 0; stage < 4; stage++)
        for (int i = 0; i < net->blocks[stage]; i++) {
            struct block block = { .net = net,
                                   .filters = zoo_width(b, 64) << stage,
                                   .inner = zoo_width(b, net->width << stage) * net->groups,
                                   .stride = stage > 0 && i == 0 ? 2 : 1 };
            snprintf(block.name, sizeof block.name, "layer%d.%d", stage + 1, i);
            x = net->preactivation ? residual_preactivation(x, &block) : residual(x, &block);
        }
    if (net->preactivation)
        x = oc_relu(oc_batch_norm(x, &(oc_batch_norm_desc){ .name = "bn_last" }));
    return oc_dense(oc_global_average_pool(x), &(oc_dense_desc){ .name = "fc", .units = b->classes });
}

#define RESNET(id, text, ...)                                                                                \
    {                                                                                                        \
        id, text, 3, 224, 224, 1000, build, &(const struct resnet)                                           \
        {                                                                                                    \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }

const struct zoo_entry resnet_family[] = {
    RESNET("resnet18", "ResNet, 18 layers", { 2, 2, 2, 2 }, false, false, 1, 64),
    RESNET("resnet34", "ResNet, 34 layers", { 3, 4, 6, 3 }, false, false, 1, 64),
    RESNET("resnet50", "ResNet, 50 layers", { 3, 4, 6, 3 }, true, false, 1, 64),
    RESNET("resnet101", "ResNet, 101 layers", { 3, 4, 23, 3 }, true, false, 1, 64),
    RESNET("resnet152", "ResNet, 152 layers", { 3, 8, 36, 3 }, true, false, 1, 64),
    RESNET("wide_resnet50_2", "ResNet-50, inner convolutions twice as wide", { 3, 4, 6, 3 }, true, false, 1,
           128),
    RESNET("wide_resnet101_2", "ResNet-101, inner convolutions twice as wide", { 3, 4, 23, 3 }, true, false,
           1, 128),
    RESNET("resnext50_32x4d", "ResNeXt-50, 32 groups of 4 channels", { 3, 4, 6, 3 }, true, false, 32, 4),
    RESNET("resnext101_32x8d", "ResNeXt-101, 32 groups of 8 channels", { 3, 4, 23, 3 }, true, false, 32, 8),
    RESNET("preact_resnet18", "pre-activation ResNet, 18 layers", { 2, 2, 2, 2 }, false, true, 1, 64),
    RESNET("preact_resnet34", "pre-activation ResNet, 34 layers", { 3, 4, 6, 3 }, false, true, 1, 64),
    RESNET("preact_resnet50", "pre-activation ResNet, 50 layers", { 3, 4, 6, 3 }, true, true, 1, 64),
    RESNET("preact_resnet101", "pre-activation ResNet, 101 layers", { 3, 4, 23, 3 }, true, true, 1, 64),
    RESNET("preact_resnet152", "pre-activation ResNet, 152 layers", { 3, 8, 36, 3 }, true, true, 1, 64),
    RESNET("preact_resnet200", "pre-activation ResNet, 200 layers", { 3, 24, 36, 3 }, true, true, 1, 64),
    { 0 },
};

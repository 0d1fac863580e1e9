/* densenet.c - DenseNet (Huang et al., "Densely connected convolutional networks", 2016): every layer sees all layers
 * of its block before it. The ImageNet members are torchvision's, with its names; the CIFAR members follow the paper.
 * A block is concatenated layer by layer; since the parts lie in the whole, nothing is copied. */
#include "zoo.h"

#include <stdio.h>

struct densenet {
    int growth, first; /* channels per layer; of the first convolution */
    int blocks[4];     /* layers per block; 0: no such block */
    bool
        bottleneck; /* a 1x1 convolution to 4*growth channels before each 3x3, and half the channels in transitions */
    bool imagenet; /* 7x7 convolution and pooling at the start */
};

static int64_t channels(oc_tensor *x)
{
    int64_t shape[OC_MAX_RANK] = { 0 };
    return oc_tensor_shape(x, shape) > 1 ? shape[1] : 2;
}

/* Normalise, activate, convolve: `index` is "1", "2" or "". */
static oc_tensor *layer(oc_tensor *x, const char *block, const char *index, int filters, int window)
{
    char norm[16], conv[16];
    snprintf(norm, sizeof norm, "norm%s", index);
    snprintf(conv, sizeof conv, "conv%s", index);
    x = oc_relu(oc_batch_norm(x, &(oc_batch_norm_desc){ .name = IN_BLOCK(block, norm) }));
    return oc_conv(x, &(oc_conv_desc){ .name = IN_BLOCK(block, conv),
                                       .filters = filters,
                                       .window = { window },
                                       .pad = window / 2,
                                       .no_bias = true });
}

static oc_tensor *dense_layer(oc_tensor *x, const struct densenet *net, const char *block, int index)
{
    char name[96];
    snprintf(name, sizeof name, "%s.denselayer%d", block, index + 1);
    oc_tensor *y = net->bottleneck ? layer(x, name, "1", 4 * net->growth, 1) : x;
    y = layer(y, name, net->bottleneck ? "2" : "1", net->growth, 3);
    return oc_concat((oc_tensor *[]){ x, y }, 2);
}

static oc_tensor *transition(oc_tensor *x, const struct densenet *net, int index)
{
    char name[64];
    snprintf(name, sizeof name, "features.transition%d", index + 1);
    x = layer(x, name, "", (int)channels(x) / (net->bottleneck ? 2 : 1), 1);
    return oc_average_pool(x, &(oc_pool_desc){ .window = { 2 } });
}

static oc_tensor *build(struct zoo_build *b)
{
    struct densenet scaled = *(const struct densenet *)b->variant;
    const struct densenet *net = &scaled;
    scaled.growth = zoo_width(b, scaled.growth);
    scaled.first = zoo_width(b, scaled.first);
    oc_conv_desc first = {
        .name = "features.conv0", .filters = net->first, .window = { 3 }, .pad = 1, .no_bias = true
    };
    if (net->imagenet)
        first = (oc_conv_desc){ .name = "features.conv0",
                                .filters = net->first,
                                .window = { 7 },
                                .stride = { 2 },
                                .pad = 3,
                                .no_bias = true,
                                .rounding = OC_ROUND_FLOOR };
    oc_tensor *x = oc_conv(b->image, &first);
    if (net->imagenet) {
        x = oc_relu(oc_batch_norm(x, &(oc_batch_norm_desc){ .name = "features.norm0" }));
        x = oc_max_pool(x, &(oc_pool_desc){ .window = { 3 }, .stride = { 2 }, .pad = 1 });
    }
    int count = 0;
    while (count < 4 && net->blocks[count] > 0)
        count++;
    for (int block = 0; block < count; block++) {
        char name[64];
        snprintf(name, sizeof name, "features.denseblock%d", block + 1);
        for (int i = 0; i < net->blocks[block]; i++)
            x = dense_layer(x, net, name, i);
        if (block + 1 < count)
            x = transition(x, net, block);
    }
    char last[32];
    snprintf(last, sizeof last, "features.norm%d", count + 1);
    x = oc_relu(oc_batch_norm(x, &(oc_batch_norm_desc){ .name = last }));
    return oc_dense(oc_global_average_pool(x), &(oc_dense_desc){ .name = "classifier", .units = b->classes });
}

#define IMAGENET(id, text, ...)                                                                              \
    {                                                                                                        \
        id, text, 3, 224, 224, 1000, build, &(const struct densenet)                                         \
        {                                                                                                    \
            __VA_ARGS__, true, true                                                                          \
        }                                                                                                    \
    }
#define CIFAR(id, text, ...)                                                                                 \
    {                                                                                                        \
        id, text, 3, 32, 32, 10, build, &(const struct densenet)                                             \
        {                                                                                                    \
            __VA_ARGS__, false                                                                               \
        }                                                                                                    \
    }

const struct zoo_entry densenet_family[] = {
    IMAGENET("densenet121", "DenseNet, 121 layers, growth 32", 32, 64, { 6, 12, 24, 16 }),
    IMAGENET("densenet169", "DenseNet, 169 layers, growth 32", 32, 64, { 6, 12, 32, 32 }),
    IMAGENET("densenet201", "DenseNet, 201 layers, growth 32", 32, 64, { 6, 12, 48, 32 }),
    IMAGENET("densenet161", "DenseNet, 161 layers, growth 48", 48, 96, { 6, 12, 36, 24 }),
    CIFAR("densenet40_12_cifar", "DenseNet for CIFAR, 40 layers, growth 12", 12, 16, { 12, 12, 12, 0 },
          false),
    CIFAR("densenet_bc100_12_cifar", "DenseNet-BC for CIFAR, 100 layers, growth 12", 12, 24,
          { 16, 16, 16, 0 }, true),
    { 0 },
};

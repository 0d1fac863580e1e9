/* googlenet.c - GoogLeNet (Szegedy et al., "Going deeper with convolutions", 2014): as published, with local response
 * normalisation, biases and 5x5 convolutions, and torchvision's, with batch normalisation and 3x3 in their place.
 * Parameters are called as in torchvision. The further heads pool 5x5 with stride 3, as published. */
#include "zoo.h"

struct googlenet {
    bool torchvision, heads;
};

/* #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool projection */
struct inception {
    const char *name;
    int widths[6];
};

/* A convolution and what follows it in this style. */
static oc_tensor *conv(const struct zoo_build *b, oc_tensor *x, const char *name, oc_conv_desc desc)
{
    const struct googlenet *net = b->variant;
    desc.filters = zoo_width(b, desc.filters);
    desc.rounding = OC_ROUND_FLOOR;
    desc.no_bias = net->torchvision;
    desc.name = IN_BLOCK(name, "conv");
    x = oc_conv(x, &desc);
    if (net->torchvision)
        x = oc_batch_norm(x, &(oc_batch_norm_desc){ .name = IN_BLOCK(name, "bn"), .epsilon = 1e-3f });
    return oc_relu(x);
}

static oc_tensor *square(const struct zoo_build *b, oc_tensor *x, const char *block, const char *layer,
                         int filters, int window)
{
    return conv(b, x, IN_BLOCK(block, layer),
                (oc_conv_desc){ .filters = filters, .window = { window }, .pad = window / 2 });
}

static oc_tensor *inception(const struct zoo_build *b, oc_tensor *x, const struct inception *block)
{
    const struct googlenet *net = b->variant;
    const int *w = block->widths;
    oc_tensor *reduced3 = square(b, x, block->name, "branch2.0", w[1], 1);
    oc_tensor *reduced5 = square(b, x, block->name, "branch3.0", w[3], 1);
    oc_tensor *pooled = oc_max_pool(x, &(oc_pool_desc){ .window = { 3 }, .stride = { 1 }, .pad = 1 });
    oc_tensor *branches[] = { square(b, x, block->name, "branch1", w[0], 1),
                              square(b, reduced3, block->name, "branch2.1", w[2], 3),
                              square(b, reduced5, block->name, "branch3.1", w[4], net->torchvision ? 3 : 5),
                              square(b, pooled, block->name, "branch4.1", w[5], 1) };
    return oc_concat(branches, 4);
}

static oc_tensor *head(const struct zoo_build *b, oc_tensor *x, const char *name)
{
    x = oc_average_pool(x, &(oc_pool_desc){ .window = { 5 }, .stride = { 3 } });
    x = oc_flatten(conv(b, x, IN_BLOCK(name, "conv"), (oc_conv_desc){ .filters = 128, .window = { 1 } }));
    x = oc_relu(oc_dense(x, &(oc_dense_desc){ .name = IN_BLOCK(name, "fc1"), .units = zoo_width(b, 1024) }));
    return oc_dense(oc_dropout(x, 0.7f),
                    &(oc_dense_desc){ .name = IN_BLOCK(name, "fc2"), .units = b->classes });
}

static oc_tensor *build(struct zoo_build *b)
{
    static const struct inception blocks[] = {
        { "inception3a", { 64, 96, 128, 16, 32, 32 } },
        { "inception3b", { 128, 128, 192, 32, 96, 64 } },
        { "inception4a", { 192, 96, 208, 16, 48, 64 } },
        { "inception4b", { 160, 112, 224, 24, 64, 64 } },
        { "inception4c", { 128, 128, 256, 24, 64, 64 } },
        { "inception4d", { 112, 144, 288, 32, 64, 64 } },
        { "inception4e", { 256, 160, 320, 32, 128, 128 } },
        { "inception5a", { 256, 160, 320, 32, 128, 128 } },
        { "inception5b", { 384, 192, 384, 48, 128, 128 } },
    };
    enum { AFTER_3B = 1, AFTER_4A = 2, AFTER_4D = 5, AFTER_4E = 6 };
    const struct googlenet *net = b->variant;
    const oc_pool_desc halve = { .window = { 3 }, .stride = { 2 }, .rounding = OC_ROUND_CEIL };
    const oc_pool_desc last_halve = { .window = { 2 }, .rounding = OC_ROUND_CEIL };
    oc_tensor *x = conv(b, b->image, "conv1",
                        (oc_conv_desc){ .filters = 64, .window = { 7 }, .stride = { 2 }, .pad = 3 });
    x = oc_max_pool(x, &halve);
    x = net->torchvision ? x : oc_lrn(x, NULL);
    x = conv(b, x, "conv2", (oc_conv_desc){ .filters = 64, .window = { 1 } });
    x = conv(b, x, "conv3", (oc_conv_desc){ .filters = 192, .window = { 3 }, .pad = 1 });
    x = net->torchvision ? x : oc_lrn(x, NULL);
    x = oc_max_pool(x, &halve);
    for (int i = 0; i < (int)(sizeof blocks / sizeof *blocks); i++) {
        x = inception(b, x, &blocks[i]);
        if (net->heads && i == AFTER_4A)
            b->auxiliary[0] = head(b, x, "aux1");
        if (net->heads && i == AFTER_4D)
            b->auxiliary[1] = head(b, x, "aux2");
        if (i == AFTER_3B)
            x = oc_max_pool(x, &halve);
        if (i == AFTER_4E)
            x = oc_max_pool(x, net->torchvision ? &last_halve : &halve);
    }
    x = oc_dropout(oc_global_average_pool(x), net->torchvision ? 0.2f : 0.4f);
    return oc_dense(x, &(oc_dense_desc){ .name = "fc", .units = b->classes });
}

#define GOOGLENET(id, text, ...)                                                                             \
    {                                                                                                        \
        id, text, 3, 224, 224, 1000, build, &(const struct googlenet)                                        \
        {                                                                                                    \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }

const struct zoo_entry googlenet_family[] = {
    GOOGLENET("googlenet", "GoogLeNet with batch normalisation, torchvision's", true, false),
    GOOGLENET("googlenet_aux", "the same with both auxiliary heads, for training", true, true),
    GOOGLENET("googlenet_2014", "GoogLeNet as published, with both auxiliary heads", false, true),
    { 0 },
};

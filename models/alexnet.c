/* alexnet.c - AlexNet (Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional neural
 * networks", 2012) as published, with and without its two towers; torchvision's single-tower form (Krizhevsky 2014);
 * ZFNet (Zeiler and Fergus, "Visualizing and understanding convolutional networks", 2013). */
#include "zoo.h"

/* The 2012 network and its descendant differ in numbers only. */
struct published {
    oc_conv_desc conv[5];
    oc_pool_desc pool; /* after the first and second convolution */
};

/* Two towers get half the filters each; so do two halves of one. */
static oc_tensor *conv(oc_tensor *x, const struct zoo_build *b, oc_conv_desc desc)
{
    desc.filters = 2 * zoo_width(b, desc.filters / 2);
    return oc_relu(oc_conv(x, &desc));
}

static oc_tensor *classify(oc_tensor *x, const struct zoo_build *b, const char *const names[3])
{
    const int units = zoo_width(b, 4096);
    x = oc_relu(oc_dense(oc_dropout(x, 0.5f), &(oc_dense_desc){ .name = names[0], .units = units }));
    x = oc_relu(oc_dense(oc_dropout(x, 0.5f), &(oc_dense_desc){ .name = names[1], .units = units }));
    return oc_dense(x, &(oc_dense_desc){ .name = names[2], .units = b->classes });
}

static oc_tensor *build_published(struct zoo_build *b)
{
    static const char *const names[] = { "fc6", "fc7", "fc8" };
    const struct published *net = b->variant;
    const oc_lrn_desc norm = {
        .size = 5, .alpha = 5e-4f, .beta = 0.75f, .k = 2.f
    }; /* alpha 1e-4 per value */
    oc_tensor *x = b->image;
    for (int i = 0; i < 5; i++) {
        x = conv(x, b, net->conv[i]);
        if (i < 2)
            x = oc_lrn(oc_max_pool(x, &net->pool), &norm);
    }
    x = oc_max_pool(x, &(oc_pool_desc){ .window = { 3 }, .stride = { 2 } });
    return classify(oc_flatten(x), b, names);
}

#define CONV(id, count, ...)                                                                                 \
    {                                                                                                        \
        .name = id, .filters = count, .rounding = OC_ROUND_FLOOR, __VA_ARGS__                                \
    }

static const struct published towers = {
    { CONV("conv1", 96, .window = { 11 }, .stride = { 4 }),
      CONV("conv2", 256, .window = { 5 }, .pad = 2, .groups = 2),
      CONV("conv3", 384, .window = { 3 }, .pad = 1),
      CONV("conv4", 384, .window = { 3 }, .pad = 1, .groups = 2),
      CONV("conv5", 256, .window = { 3 }, .pad = 1, .groups = 2) },
    { .window = { 3 }, .stride = { 2 } },
};

static const struct published single = {
    { CONV("conv1", 96, .window = { 11 }, .stride = { 4 }), CONV("conv2", 256, .window = { 5 }, .pad = 2),
      CONV("conv3", 384, .window = { 3 }, .pad = 1), CONV("conv4", 384, .window = { 3 }, .pad = 1),
      CONV("conv5", 256, .window = { 3 }, .pad = 1) },
    { .window = { 3 }, .stride = { 2 } },
};

static const struct published zeiler = {
    { CONV("conv1", 96, .window = { 7 }, .stride = { 2 }, .pad = 1),
      CONV("conv2", 256, .window = { 5 }, .stride = { 2 }), CONV("conv3", 512, .window = { 3 }, .pad = 1),
      CONV("conv4", 1024, .window = { 3 }, .pad = 1), CONV("conv5", 512, .window = { 3 }, .pad = 1) },
    { .window = { 3 }, .stride = { 2 }, .pad = 1 },
};

/* torchvision's. */
static oc_tensor *build_torchvision(struct zoo_build *b)
{
    static const oc_conv_desc convs[] = {
        CONV("features.0", 64, .window = { 11 }, .stride = { 4 }, .pad = 2),
        CONV("features.3", 192, .window = { 5 }, .pad = 2),
        CONV("features.6", 384, .window = { 3 }, .pad = 1),
        CONV("features.8", 256, .window = { 3 }, .pad = 1),
        CONV("features.10", 256, .window = { 3 }, .pad = 1),
    };
    static const char *const names[] = { "classifier.1", "classifier.4", "classifier.6" };
    oc_tensor *x = b->image;
    for (int i = 0; i < 5; i++) {
        x = conv(x, b, convs[i]);
        if (i < 2 || i == 4)
            x = oc_max_pool(x, &(oc_pool_desc){ .window = { 3 }, .stride = { 2 } });
    }
    return classify(oc_flatten(x), b, names);
}

const struct zoo_entry alexnet_family[] = {
    { "alexnet", "AlexNet in one tower, torchvision's", 3, 224, 224, 1000, build_torchvision, 0 },
    { "alexnet_2012", "AlexNet as published, two towers", 3, 227, 227, 1000, build_published, &towers },
    { "alexnet_2012_single", "AlexNet as published, every filter sees every channel", 3, 227, 227, 1000,
      build_published, &single },
    { "zfnet", "ZFNet (2013)", 3, 224, 224, 1000, build_published, &zeiler },
    { 0 },
};

/* vgg.c - VGG A to E (Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition",
 * 2014) and the batch-normalised forms. Parameters are called as in torchvision: features.N counts the layers. */
#include "zoo.h"

#include <stdio.h>

/* Convolutions per stage; the window of the last one in stages 3 to 5. */
struct vgg {
    int convs[5];
    int last_window;
    bool batch_norm, lrn;
};

static oc_tensor *build(struct zoo_build *b)
{
    static const int widths[] = { 64, 128, 256, 512, 512 };
    const struct vgg *net = b->variant;
    oc_tensor *x = b->image;
    char name[32];
    for (int stage = 0, index = 0; stage < 5; stage++) {
        for (int i = 0; i < net->convs[stage]; i++) {
            const bool last = stage >= 2 && i == net->convs[stage] - 1;
            const int window = last ? net->last_window : 3;
            snprintf(name, sizeof name, "features.%d", index++);
            x = oc_conv(x, &(oc_conv_desc){ .name = name,
                                            .filters = zoo_width(b, widths[stage]),
                                            .window = { window },
                                            .pad = window / 2 });
            if (net->batch_norm) {
                snprintf(name, sizeof name, "features.%d", index++);
                x = oc_batch_norm(x, &(oc_batch_norm_desc){ .name = name });
            }
            x = oc_relu(x);
            index++;
            if (net->lrn && stage == 0) {
                x = oc_lrn(x, NULL);
                index++;
            }
        }
        x = oc_max_pool(x, &(oc_pool_desc){ .window = { 2 } });
        index++;
    }
    x = oc_flatten(x);
    x = oc_dropout(
        oc_relu(oc_dense(x, &(oc_dense_desc){ .name = "classifier.0", .units = zoo_width(b, 4096) })), 0.5f);
    x = oc_dropout(
        oc_relu(oc_dense(x, &(oc_dense_desc){ .name = "classifier.3", .units = zoo_width(b, 4096) })), 0.5f);
    return oc_dense(x, &(oc_dense_desc){ .name = "classifier.6", .units = b->classes });
}

#define VGG(id, text, ...)                                                                                   \
    {                                                                                                        \
        id, text, 3, 224, 224, 1000, build, &(const struct vgg)                                              \
        {                                                                                                    \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }

const struct zoo_entry vgg_family[] = {
    VGG("vgg11", "VGG A, 11 layers", { 1, 1, 2, 2, 2 }, 3, false, false),
    VGG("vgg11_bn", "VGG A with batch normalisation", { 1, 1, 2, 2, 2 }, 3, true, false),
    VGG("vgg_a_lrn", "VGG A with local response normalisation", { 1, 1, 2, 2, 2 }, 3, false, true),
    VGG("vgg13", "VGG B, 13 layers", { 2, 2, 2, 2, 2 }, 3, false, false),
    VGG("vgg13_bn", "VGG B with batch normalisation", { 2, 2, 2, 2, 2 }, 3, true, false),
    VGG("vgg_c", "VGG C, 16 layers, three of them 1x1", { 2, 2, 3, 3, 3 }, 1, false, false),
    VGG("vgg16", "VGG D, 16 layers", { 2, 2, 3, 3, 3 }, 3, false, false),
    VGG("vgg16_bn", "VGG D with batch normalisation", { 2, 2, 3, 3, 3 }, 3, true, false),
    VGG("vgg19", "VGG E, 19 layers", { 2, 2, 4, 4, 4 }, 3, false, false),
    VGG("vgg19_bn", "VGG E with batch normalisation", { 2, 2, 4, 4, 4 }, 3, true, false),
    { 0 },
};

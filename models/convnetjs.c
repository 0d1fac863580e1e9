/* convnetjs.c - the CIFAR-10 network of the ConvNetJS demonstration (Karpathy, 2014). */
#include "zoo.h"

static oc_tensor *build(struct zoo_build *b)
{
    static const struct {
        const char *name;
        int filters;
    } stages[] = { { "conv1", 16 }, { "conv2", 20 }, { "conv3", 20 } };
    oc_tensor *x = b->image;
    for (int i = 0; i < 3; i++) {
        x = oc_conv(x, &(oc_conv_desc){ .name = stages[i].name,
                                        .filters = zoo_width(b, stages[i].filters),
                                        .window = { 5 },
                                        .pad = 2 });
        x = oc_max_pool(oc_relu(x), &(oc_pool_desc){ .window = { 2 } });
    }
    return oc_dense(oc_flatten(x), &(oc_dense_desc){ .name = "fc1", .units = b->classes });
}

const struct zoo_entry convnetjs_family[] = {
    { "convnetjs_cifar10", "the CIFAR-10 network of the ConvNetJS demonstration (2014)", 3, 32, 32, 10, build,
      0 },
    { 0 },
};

/* convnetjs.c - the CIFAR-10 network of the ConvNetJS demonstration (Karpathy, 2014). */
#include "zoo.h"

oc_tensor *convnetjs_cifar10(oc_tensor *image, int classes)
{
    static const struct {
        const char *name;
        int filters;
    } stages[] = { { "conv1", 16 }, { "conv2", 20 }, { "conv3", 20 } };
    oc_tensor *x = image;
    for (int i = 0; i < 3; i++) {
        x = oc_conv(x, &(oc_conv_desc){
                           .name = stages[i].name, .filters = stages[i].filters, .window = { 5 }, .pad = 2 });
        x = oc_max_pool(oc_relu(x), &(oc_pool_desc){ .window = { 2 } });
    }
    return oc_dense(oc_flatten(x), &(oc_dense_desc){ .name = "fc1", .units = classes });
}

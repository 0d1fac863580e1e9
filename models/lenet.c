/* lenet.c - LeNet-5 (LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document
 * recognition", 1998), with every map of the second convolution seeing every map of the first, pooling without
 * weights and a softmax at the end, as it is taught today: 61,706 parameters. */
#include "zoo.h"

struct style {
    oc_tensor *(*activation)(oc_tensor *x);
    oc_tensor *(*pool)(oc_tensor *x, const oc_pool_desc *desc);
    oc_init_kind init; /* of the layers that an activation follows */
};

static oc_tensor *build(struct zoo_build *b)
{
    const struct style *style = b->variant;
    oc_tensor *x = b->image;
    const oc_init init = { .kind = style->init };
    const oc_pool_desc halve = { .window = { 2 } };
    x = oc_conv(x, &(oc_conv_desc){
                       .name = "conv1", .filters = zoo_width(b, 6), .window = { 5 }, .weight_init = init });
    x = style->pool(style->activation(x), &halve);
    x = oc_conv(x, &(oc_conv_desc){
                       .name = "conv2", .filters = zoo_width(b, 16), .window = { 5 }, .weight_init = init });
    x = style->pool(style->activation(x), &halve);
    x = oc_conv(x, &(oc_conv_desc){
                       .name = "conv3", .filters = zoo_width(b, 120), .window = { 5 }, .weight_init = init });
    x = oc_flatten(style->activation(x));
    x = oc_dense(x, &(oc_dense_desc){ .name = "fc1", .units = zoo_width(b, 84), .weight_init = init });
    return oc_dense(
        style->activation(x),
        &(oc_dense_desc){ .name = "fc2", .units = b->classes, .weight_init = { .kind = OC_INIT_XAVIER } });
}

static const struct style classic = { oc_tanh, oc_average_pool, OC_INIT_XAVIER };
static const struct style modern = { oc_relu, oc_max_pool, OC_INIT_KAIMING };

const struct zoo_entry lenet_family[] = {
    { "lenet5", "LeNet-5 for handwritten digits, tanh and average pooling (1998)", 1, 32, 32, 10, build,
      &classic },
    { "lenet5_relu", "LeNet-5 with ReLU and max pooling", 1, 32, 32, 10, build, &modern },
    { 0 },
};

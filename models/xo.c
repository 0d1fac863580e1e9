/* xo.c - tells an X from an O: small features, ReLU and pooling, twice, then a vote. The first layer turns 9x9
 * pixels into 7x7 and, pooled, 4x4. */
#include "zoo.h"

static oc_tensor *build(struct zoo_build *b)
{
    const oc_pool_desc halve = { .window = { 2 }, .rounding = OC_ROUND_CEIL };
    oc_tensor *x =
        oc_conv(b->image, &(oc_conv_desc){ .name = "conv1", .filters = zoo_width(b, 8), .window = { 3 } });
    x = oc_max_pool(oc_relu(x), &halve);
    x = oc_conv(x,
                &(oc_conv_desc){
                    .name = "conv2", .filters = zoo_width(b, 16), .window = { 3 }, .padding = OC_PAD_SAME });
    x = oc_max_pool(oc_relu(x), &halve);
    return oc_dense(oc_flatten(x), &(oc_dense_desc){ .name = "fc1", .units = b->classes });
}

const struct zoo_entry xo_family[] = {
    { "xo", "tells an X from an O; any size from 5x5", 1, 9, 9, 2, build, 0 }, { 0 }
};

/* zoo.h - how the networks of this folder reach zoo.c. A file describes one family and ends in a table of its members;
 * a network turns a picture into logits; its input, the softmax and the loss are the same for all and made in zoo.c. */
#ifndef MODELS_ZOO_H
#define MODELS_ZOO_H

#include <ocelli/models.h>

enum { MAX_AUXILIARY = 2 };

/* What a network is built from, and what it may hand back besides its logits. */
struct zoo_build {
    oc_tensor *image;
    int classes;
    double width_factor;
    const void *variant;                 /* the entry's */
    oc_tensor *auxiliary[MAX_AUXILIARY]; /* logits of further heads, whose losses count 0.3 each */
};

struct zoo_entry {
    const char *name, *description;
    int channels, height, width, classes; /* as published */
    oc_tensor *(*build)(struct zoo_build *b);
    const void *variant;
};

/* The families; a nameless entry ends each. */
extern const struct zoo_entry lenet_family[], xo_family[], convnetjs_family[], alexnet_family[], vgg_family[],
    googlenet_family[], resnet_family[], resnet_cifar_family[], densenet_family[];

/* Filters or hidden units of a layer (with groups: of one group), of which there are `published` by default. */
int zoo_width(const struct zoo_build *b, int published);

/* A layer's name in a block's: "layer1.0" and "conv1" make "layer1.0.conv1". Valid until the end of the expression that
 * calls it. */
#define IN_BLOCK(block, layer) zoo_name((char[96]){ 0 }, 96, block, layer)
const char *zoo_name(char *buffer, int capacity, const char *block, const char *layer);

#endif

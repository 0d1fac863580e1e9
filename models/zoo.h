/* zoo.h - how the networks of this folder reach zoo.c. A network turns a picture into logits; its input, the
 * softmax and the loss are the same for all and made in zoo.c. */
#ifndef MODELS_ZOO_H
#define MODELS_ZOO_H

#include <ocelli/models.h>

oc_tensor *lenet5(oc_tensor *image, int classes);
oc_tensor *lenet5_relu(oc_tensor *image, int classes);
oc_tensor *xo(oc_tensor *image, int classes);
oc_tensor *convnetjs_cifar10(oc_tensor *image, int classes);

#endif

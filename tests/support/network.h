/* network.h - the oracles over a whole graph: layer by layer in double, forward and backward.
 *
 * What a tensor may be wrong by is carried in its operand with 1 term, so that s is comparable whatever layer it is of. */
#ifndef SUPPORT_NETWORK_H
#define SUPPORT_NETWORK_H

#include "support/operand.h"
#include "graph/graph.h"

enum { MAX_LAYER_INPUTS = 16 };

struct network {
    const oc_graph *graph;
    bool training;
    uint64_t seed;      /* of the model; it runs at step 0 */
    struct operand *x;  /* values by tensor id; v is NULL where there are none (yet) */
    struct operand *dx; /* gradients of the loss, likewise; of a state: what it becomes */
    int *uses;          /* by tensor id: how many inputs of layers it is */
    uint32_t
        disturbance; /* not 0: which random errors every result gets, of the size that rounding is expected to have */
    uint64_t disturbances; /* drawn so far */
};

void network_create(struct network *net, const oc_graph *graph, bool training, uint64_t seed);
void network_destroy(struct network *net);

/* Makes an operand of a tensor's values. */
void network_put(struct operand *to, const oc_tensor *x, const float *values);

/* Everything from the inputs and parameters; everything that the loss depends on. */
void network_forward(struct network *net);
void network_backward(struct network *net, const oc_tensor *loss);

/* One layer, of what `net` has of its inputs: its result, to be destroyed. */
void layer_forward(const struct network *net, const struct node *n, struct operand *y);

/* What one layer adds to the gradients of its inputs, of what `net` has of its inputs, its result and that one's gradient.
 * Adds it to the gradients in `into`, which may be `net`. */
void layer_backward(const struct network *net, const struct node *n, struct network *into);

#endif

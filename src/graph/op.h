/* op.h - what an operation is: the contract that each file in src/ops fills with one or more `const struct op`.
 *
 * Adding an operation means adding such a file (and one line in ops/table.c); no other file knows its name. */
#ifndef GRAPH_OP_H
#define GRAPH_OP_H

#include "graph/graph.h"

struct emitter; /* ops/emit.h */
struct text;    /* base/text.h */

/* Work of one node at its present batch, as the mathematics needs it (not as an implementation does it). */
struct cost {
    double flops; /* an FMA counts as two */
    double bytes; /* inputs read once, outputs written once */
};

/* A number that an implementation leaves open: -DNAME=value in its programs. The first value is the default; 0
 * ends the list. */
struct tunable {
    const char *name;
    int values[8];
};

/* One way to carry out an operation. */
struct impl {
    const char *name;
    /* NULL: always. The shapes are those of the largest batch. */
    bool (*supports)(const struct node *n, const oc_device_info *device);
    /* Whether it may be chosen without a measurement where it is supported; NULL: always. */
    bool (*prefers)(const struct node *n, const oc_device_info *device);
    /* May be NULL. Runs once, after the choice: adds workspace (node_output) and derived weights (derive). */
    oc_status (*prepare)(struct node *n);
    /* Launches the kernels. Called anew for every batch size; the kernels and their order must not depend on it. */
    oc_status (*emit)(struct emitter *e, const struct node *n);
    const struct tunable *tunables; /* NULL or ended by { 0 } */
    /* A good choice of their values for this node and device, in their order; NULL: the defaults. */
    void (*heuristic)(const struct node *n, const oc_device_info *device, int *values);
    /* Whether it carries out a prologue (graph.h); NULL: of no node. */
    bool (*has_prologue)(const struct node *n);
    /* Whether these values go together on this device; NULL: always. */
    bool (*allows)(const struct node *n, const oc_device_info *device, const int *values);
};

/* Parts of a node's epilogue (graph.h). */
enum epilogue_part {
    EPILOGUE_FUNCTION = 1,
    EPILOGUE_ADDEND = 2, /* its memory may be the output's */
    EPILOGUE_KEPT = 4,   /* the gradient of a function */
    EPILOGUE_ALL = 7
};

struct op {
    const char *name;
    size_t desc_size;

    /* The shape rule: checks the descriptor, writes its defaults into the node's own copy, sets the outputs' shapes
     * from the inputs'. Runs again when the batch changes. */
    oc_status (*infer)(struct node *n);

    /* Creates the parameters as further inputs; once, after the first infer. NULL: none. */
    oc_status (*parameters)(struct node *n);

    /* Appends the nodes that turn the gradient of the outputs (out[i]->gradient) into contributions to the
     * gradients of those inputs that want one. NULL: the inputs get none. */
    oc_status (*gradient)(struct node *n);

    /* Turns a copy of n, which has its inputs but no outputs yet, into a node that makes output 0 again and leaves nothing
     * else behind. It may read n's other outputs, which then are all kept for the backward pass. NULL: the copy makes all
     * outputs again and does nothing else. */
    oc_status (*repeat)(struct node *copy, const struct node *n);

    void (*cost)(const struct node *n, struct cost *cost); /* NULL: no flops, bytes from the shapes */

    /* Appends " name value" for what the speed depends on besides the shapes, for tuning records. NULL: nothing. */
    void (*describe)(const struct node *n, struct text *text);

    const struct impl *impls; /* best first, the plain reference kernels last, ended by { 0 } */

    /* What one value of the output depends on, in pixels of its inputs; `r` is one pixel when called. NULL: one pixel, or
     * all of them where output and input differ in pixels. */
    void (*receptive)(const struct node *n, struct receptive *r);

    /* Facts for the passes. */
    unsigned
        in_place; /* bit i: output 0 may be written over input i, if equal in size and not needed again */
    const char *function; /* elementwise with one input: its OpenCL function of (value, alpha) in common.cl */
    float (*alpha)(const struct node *n); /* that function's alpha; NULL: 0 */
    bool gradient_needs_input; /* that function's gradient is one of its input; false: of its output */
    /* Elementwise in (dy, kept): the function whose gradient it is; alpha as above. */
    const char *(*gradient_of)(const struct node *n);
    bool
        selects; /* each value of output 0 is one of input 0, and its gradient, output 0 of a node that this rule appends, goes
                     there and nowhere else */
    bool adds; /* output 0 is the sum of both inputs */
    /* Whether output 0 is, channel by channel, scale*(input 0) + shift, with values that depend on parameters alone; and
     * nodes for the two, if the input were input 0 + b (NULL: 0): so shift becomes scale*b + shift. */
    bool (*is_affine)(const struct node *n);
    oc_status (*affine)(const struct node *n, oc_tensor *b, oc_tensor **scale, oc_tensor **shift);
    /* Takes over what such a node does with output 0, by other parameters; nodes for these come before n. */
    oc_status (*absorb)(struct node *n, const struct node *affine);
    unsigned
        epilogue; /* enum epilogue_part: what every implementation can do to output 0 before storing it */
    bool
        joins_channels; /* output 0 is the inputs side by side; emit copies those that do not lie there already */
    bool layer;         /* something a user asked for: shown by summary */
    bool multiplies; /* its cost is what summary counts as multiply-adds */
};

/* graph.c: an operation's cost; without a rule of its own, inputs read and outputs written once. */
struct cost node_cost(const struct node *n);

#endif

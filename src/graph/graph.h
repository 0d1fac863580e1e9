/* graph.h - what to compute: nodes in the order in which they can run, and the tensors between them.
 *
 * Invariants
 * - The node list is a topological order at all times; passes walk it, none recurses.
 * - A graph keeps its first error; after it every builder returns the graph's poison tensor and does nothing.
 * - A user's graph is never changed by a model: compile works on a copy.
 * - Everything lives in the graph's arena. */
#ifndef GRAPH_GRAPH_H
#define GRAPH_GRAPH_H

#include "base/arena.h"
#include "graph/shape.h"

struct op;
struct impl;

enum { MAX_OUTPUTS = 6, MAX_TUNABLES = 8 };

enum tensor_kind { TENSOR_VALUE, TENSOR_INPUT, TENSOR_PARAMETER };

enum element { ELEMENT_F32 = OC_F32, ELEMENT_I32 = OC_I32, ELEMENT_U8 };

/* Which part of device memory a tensor lies in. */
enum region {
    REGION_ACTIVATIONS,
    REGION_PARAMETERS,
    REGION_INPUTS,
    REGION_GRADIENTS, /* from here on: in training only, each with the trained parameters' slabs and places */
    REGION_ACCUMULATED, /* the mean of several micro-batches' gradients */
    REGION_MOMENTUM,    /* from here on: the optimizer's */
    REGION_VARIANCE,
    REGION_AVERAGE,
    REGION_COUNT
};

/* When a node runs, beyond what a run of its plan asks for. */
enum phase {
    PHASE_COMPUTE,
    PHASE_ACCUMULATE, /* with every gradient, but not when profiling */
    PHASE_UPDATE,     /* in steps of the optimizer */
    PHASE_SWAP        /* when asked to exchange values and averages */
};

struct parameter {
    oc_init init, usual; /* what the layer asks for; what OC_INIT_DEFAULT means here */
    double fan_in, fan_out;
    bool frozen;
    bool state; /* not trained but written by a layer while training, such as a running mean */
};

struct oc_tensor {
    struct oc_graph *graph;
    struct node *producer; /* NULL unless a node makes it */
    int id;                /* index in the order of creation; a copy of a graph keeps it */
    enum tensor_kind kind;
    enum element type;
    struct shape shape;
    const char *name; /* of an input or a parameter */
    struct parameter *parameter;
    int64_t index_limit;        /* an I32 input's values must be below it; 0: no limit */
    struct receptive receptive; /* in pixels of the graph's inputs */
    bool wants_gradient;        /* a trained parameter or a marked input lies behind it */
    struct oc_tensor *gradient; /* of the loss with respect to it */
    int consumers;              /* graph_count_consumers */

    /* Where it lies, in elements; set by compile/memory.c. A view lies in its base. */
    struct oc_tensor *base;
    int64_t base_offset; /* from the start of its base */
    int64_t pitch;       /* from one pixel to the next; 0: dense */
    enum region region;
    int slab;
    int64_t offset;
    bool placed;
};

/* What becomes of the values of output 0 before they are stored: function(value + in[addend]) or, with a kept tensor, the
 * function's gradient there, gradient(value + in[addend], in[kept]). Set by compile/fuse.c. */
struct epilogue {
    const char *function; /* apply_... of cl/common.cl; NULL: the identity */
    float alpha;          /* its parameter */
    int addend, kept;     /* which inputs; 0: none */
};

/* What becomes of the values of input 0 as they are read: value*in[scale] + in[shift], channel by channel, then perhaps ReLU.
 * Set by compile/fuse.c. */
struct prologue {
    int scale, shift; /* which inputs; 0: nothing becomes of them */
    bool relu;
};

struct node {
    const struct op *op;
    struct node *previous, *next;
    const char *name;
    void *desc; /* the node's own copy */
    oc_tensor **in;
    int in_count, out_count, parameter_count;
    oc_tensor *out[MAX_OUTPUTS];
    bool view; /* output 0 lies in input 0's memory, view_offset values after its start; nothing runs */
    int64_t view_offset;
    bool backward;              /* appended by the gradient pass ... */
    const struct node *forward; /* ... by the gradient rule of this node; NULL: by none */

    /* Set by the passes. */
    const struct node *repeats; /* whose work it does again for the backward pass; NULL: none's */
    struct epilogue epilogue;
    struct prologue prologue;
    int place; /* in the list, as it was before compile/fuse.c */
    const struct impl *impl;
    int tuned[MAX_TUNABLES];
    enum phase phase; /* beyond PHASE_COMPUTE it may write what lies in no activation */
    bool is_static;   /* depends on parameters only */
    bool needed;      /* for something the host may read other than the loss */
};

struct oc_graph {
    struct arena arena;
    oc_status status;
    char *message; /* of the first error */
    struct node *first, *last;
    struct node *insert_before; /* where graph_append puts nodes; NULL: at the end */
    oc_tensor **tensors;
    size_t tensor_count, tensor_capacity;
    oc_tensor **layers; /* inputs and first outputs of layers, as the user called for them */
    size_t layer_count, layer_capacity;
    struct name_entry **names; /* hash table of those of inputs and parameters, to find duplicates */
    size_t name_count, name_buckets;
    struct op_counter *counters; /* for names such as "relu3" */
    bool training;               /* what a model compiles for; a user's graph has it false */
    uint64_t seed;               /* of the model, for layers that draw random numbers */
    bool gradient_pass;          /* nodes appended now are the backward pass */
};

/* Every failing builder ends here: keeps the thread's last error as the graph's if it is the first one. */
oc_tensor *graph_poison(oc_graph *graph, oc_status status);

/* Appends a node; name NULL numbers it. Returns output 0, or the poison tensor. */
oc_tensor *graph_append(const struct op *op, const void *desc, const char *name, oc_tensor *const *in,
                        int in_count);

/* The same without inputs. */
oc_tensor *graph_append_source(oc_graph *graph, const struct op *op, const void *desc);

/* A tensor that no node makes. The name must be new in this graph if there is one. */
oc_status graph_tensor(oc_tensor **out, oc_graph *graph, enum tensor_kind kind, enum element type,
                       const struct shape *shape, const char *name);

/* Sets output i: creates it the first time, updates its shape when infer runs again. */
oc_status node_output(struct node *n, int i, enum element type, const struct shape *shape);

/* Adds "<layer>.<suffix>" as a further input. */
oc_status node_parameter(struct node *n, const char *suffix, const struct shape *shape,
                         const struct parameter *parameter);

/* Adds a tensor to the inputs. */
oc_status node_add_input(struct node *n, oc_tensor *x);

/* fail(), with the layer's name and type in front. */
oc_status node_fail(const struct node *n, oc_status status, const char *format, ...) PRINTF_LIKE(3, 4);

/* The same for a sentence that another function has just left behind. */
oc_status node_fail_in(const struct node *n, oc_status status);

/* Puts a node before another that does again what n does, with copies[id] for those of its inputs that have one. */
oc_status graph_repeat(struct node **out, const struct node *n, oc_tensor *const *copies,
                       struct node *before);

/* Puts a node into the list, or takes it out; before NULL: at the end. */
void graph_insert(oc_graph *graph, struct node *n, struct node *before);
void graph_remove(struct node *n);
void graph_replace_uses(oc_graph *graph, const oc_tensor *old, oc_tensor *by);
void graph_count_consumers(oc_graph *graph);

/* receptive.c: sets the receptive fields of n's outputs from those of its inputs. */
void graph_receptive(struct node *n);

/* A copy of the nodes that `wanted` depends on, with all tensors under their old ids. */
oc_status graph_copy(oc_graph **out, const oc_graph *graph, const oc_allocator *allocator,
                     oc_tensor *const *wanted, int wanted_count);

/* Runs all shape rules again, after a change of what they depend on. */
oc_status graph_infer(oc_graph *graph);

/* Sets the batch of every input and runs all shape rules again. */
oc_status graph_set_batch(oc_graph *graph, int64_t batch);

/* Bytes of one element. */
int64_t element_bytes(enum element type);

/* Bytes of all values of a tensor. */
static inline int64_t tensor_bytes(const oc_tensor *x)
{
    return shape_count(&x->shape) * element_bytes(x->type);
}

static inline int64_t tensor_pitch(const oc_tensor *x)
{
    return x->pitch ? x->pitch : shape_channels(&x->shape);
}

static inline bool tensor_is_dense(const oc_tensor *x)
{
    return tensor_pitch(x) == shape_channels(&x->shape);
}

#endif

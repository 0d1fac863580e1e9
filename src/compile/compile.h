/* compile.h - graph to plan, in passes; each file of this room is one pass, and compile.c runs them in order.
 *
 *     copy       a private copy of what the model's outputs need (graph/copy.c)
 *     gradient   the backward pass as further nodes, and places for the parameters
 *     update     accumulation, clipping and the optimizer's step as further nodes
 *     fuse       sums, elementwise functions and their gradients into the kernels before them
 *     recompute  parts of the forward pass once more before their backward pass, if memory is dearer than time
 *     layout     host order at the borders, channels-last inside
 *     select     an implementation for each node
 *     memory     a place for each tensor
 *
 * No pass asks which operation a node holds, or which way data flow through it. */
#ifndef COMPILE_COMPILE_H
#define COMPILE_COMPILE_H

#include "ops/emit.h"
#include "tune/tune.h"

enum { MAX_SLABS = 64 };

/* What the host may read after a run. */
struct fetchable {
    int id; /* of the user's tensor */
    bool gradient;
    oc_tensor *tensor; /* in host order */
};

/* Sizes of the pieces in which device memory is allocated. */
struct slabs {
    int count;
    int64_t bytes[MAX_SLABS];
};

/* What is run: nodes in order, each with its implementation, memory and launches. */
struct plan {
    oc_device *device;
    const oc_model_desc *desc;     /* valid while compiling only ... */
    const struct records *records; /* ... as these, which may be NULL */
    oc_optimizer_desc optimizer;   /* with its defaults */
    bool train;
    bool thrifty; /* inference makes what depends on parameters only anew in each run, as training does */
    int segments; /* of the forward pass, all but the last of which are computed twice; 0: everything is kept */
    oc_graph *graph;
    struct fetchable *fetchables;
    int fetchable_count;
    int loss_id; /* -1: none */
    struct slabs slabs[REGION_COUNT];
    int decayed_slabs; /* so many slabs of trained parameters, the first ones, are subject to decay */
    int64_t unshared;  /* bytes of activations if nothing shared memory */
    struct emitter emitter;
    size_t static_steps; /* the first steps, which run only after a change of the parameters */
};

/* Everything up to the memory pass: nothing is allocated on the device. Records may be NULL. */
oc_status plan_create(struct plan **out, const oc_graph *graph, oc_device *device, const oc_model_desc *desc,
                      bool train, const struct records *records);

/* The same with so many segments to recompute, whatever the descriptor says; the other one finds the best number. */
oc_status plan_create_segments(struct plan **out, const oc_graph *graph, oc_device *device,
                               const oc_model_desc *desc, bool train, const struct records *records,
                               int segments);

/* Only the passes before select: nodes as a plan has them, but without implementations. */
oc_status plan_draft(struct plan **out, const oc_graph *graph, oc_device *device, const oc_model_desc *desc,
                     bool train);

/* single.c: a plan of one node of a draft alone, in this way; its inputs are whatever the caller writes there. The draft
 * must outlive it. *single is the plan's twin of the node. */
oc_status plan_create_single(struct plan **out, struct node **single, const struct plan *draft,
                             const struct node *n, const struct choice *choice);
void plan_destroy(struct plan *plan);

/* Builds programs and creates the launches, given the memory: slabs[region][i] is plan->slabs[region].bytes[i] or
 * more. */
oc_status plan_build(struct plan *plan, struct buffer *const *const slabs[REGION_COUNT],
                     oc_progress_fn progress, void *user);

/* The kernel files that its programs come from, with commas between them. To be called instead of plan_build. */
oc_status plan_files(struct plan *plan, struct text *files);

/* Sets all arguments anew for another batch. */
oc_status plan_set_batch(struct plan *plan, int64_t batch);

/* The passes. */
oc_status pass_gradient(struct plan *plan);
oc_status pass_update(struct plan *plan);
oc_status pass_fuse(struct plan *plan);
oc_status pass_recompute(struct plan *plan);
oc_status pass_layout(struct plan *plan);
oc_status pass_select(struct plan *plan);
oc_status pass_memory(struct plan *plan);

/* select.c: how a node is carried out where tuning knows nothing; false: not at all. */
bool plan_choose_untuned(struct choice *choice, const struct node *n, const struct plan *plan);

/* memory.c: gives a tensor a place of its own at the end of a region; begins another slab of a region. */
oc_status memory_place(struct plan *plan, oc_tensor *x, enum region region);
oc_status memory_new_slab(struct plan *plan, enum region region);

/* compile.c: the memory pass and what it needs to know. */
oc_status plan_complete(struct plan *plan);

/* compile.c: adds to the list of what the host may read. */
oc_status plan_add_fetchable(struct plan *plan, int id, bool gradient, oc_tensor *x);
bool plan_keeps(const struct plan *plan, const oc_tensor *x);

#endif

/* memory.c - lifetimes to places.
 *
 * Activations share memory: a walk over the plan takes a place when a tensor is written and gives it back after its
 * last reader. A view lies in its base, and so do the parts of a concatenation (pass_layout), for which the base's place
 * is taken when the first of them is written. An output lies in an input that dies there, where the operation permits.
 * What the host may read lives to the end, and so does what depends on parameters only but is read by what does not: it is
 * not made anew in each run. A place never crosses slabs, and a slab
 * is never larger than the device's largest allocation.
 *
 * Invariant: two tensors share a byte only if one is written after the other's last reader has run, or one is the
 * other's base. */
#include "compile/compile.h"
#include "base/memory.h"

#include <inttypes.h>

enum {
    ALIGNMENT = 256,  /* bytes; a multiple of every device's vector and cache line */
    VECTOR_BYTES = 64 /* of the widest vector that a kernel loads */
};

/* Free bytes between two places of a slab. */
struct hole {
    int slab;
    int64_t offset, bytes;
};

/* The memory of one activation and of everything that lies in it. */
struct storage {
    int64_t bytes;
    int last; /* index of the last node that touches it */
};

struct planner {
    struct plan *plan;
    const oc_allocator *allocator;
    int64_t limit; /* bytes of the largest slab */
    struct hole *holes;
    size_t hole_count, hole_capacity;
    struct storage *storages; /* by tensor id */
};

/* Whether kernels may load vectors past the end of its tensors. */
static bool has_margin(enum region region)
{
    return region == REGION_ACTIVATIONS || region == REGION_INPUTS;
}

/* With room for a vector that is loaded past its end, so that nobody looks at what another launch's work-items write. */
static int64_t aligned_bytes(const oc_tensor *x, enum region region)
{
    const int64_t bytes =
        shape_count(&x->shape) * element_bytes(x->type) + (has_margin(region) ? VECTOR_BYTES : 0);
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static oc_tensor *base_of(oc_tensor *x)
{
    return x->base ? x->base : x;
}

static oc_status too_large(const struct plan *plan, const oc_tensor *x, int64_t bytes)
{
    const oc_device_info *device = oc_device_get_info(plan->device);
    return fail(OC_E_DEVICE_MEMORY,
                "\"%s\" of shape %s needs %" PRId64
                " bytes in one piece, device \"%s\" gives at most %" PRId64 "%s",
                oc_tensor_name(x), SHAPE_TEXT(&x->shape), bytes, device->name, device->max_allocation,
                x->kind == TENSOR_PARAMETER ? "" : ": try a smaller batch");
}

oc_status memory_new_slab(struct plan *plan, enum region region)
{
    struct slabs *slabs = &plan->slabs[region];
    if (slabs->count == MAX_SLABS)
        return fail(OC_E_DEVICE_MEMORY, "the model needs more than %d pieces of device memory", MAX_SLABS);
    slabs->bytes[slabs->count++] = 0;
    return OC_OK;
}

oc_status memory_place(struct plan *plan, oc_tensor *x, enum region region)
{
    struct slabs *slabs = &plan->slabs[region];
    const int64_t bytes = aligned_bytes(x, region), limit = oc_device_get_info(plan->device)->max_allocation;
    if (bytes > limit)
        return too_large(plan, x, bytes);
    if (slabs->count == 0 || slabs->bytes[slabs->count - 1] + bytes > limit)
        TRY(memory_new_slab(plan, region));
    x->placed = true;
    x->region = region;
    x->slab = slabs->count - 1;
    x->offset = slabs->bytes[x->slab] / element_bytes(x->type);
    slabs->bytes[x->slab] += bytes;
    return OC_OK;
}

/* ---- free memory ---- */

static void remove_hole(struct planner *p, size_t i)
{
    p->holes[i] = p->holes[--p->hole_count];
}

static oc_status give_back(struct planner *p, int slab, int64_t offset, int64_t bytes)
{
    for (size_t i = 0; i < p->hole_count;) { /* join with the holes before and after */
        const struct hole h = p->holes[i];
        if (h.slab == slab && (h.offset + h.bytes == offset || offset + bytes == h.offset)) {
            offset = h.offset < offset ? h.offset : offset;
            bytes += h.bytes;
            remove_hole(p, i);
        } else {
            i++;
        }
    }
    TRY(memory_grow(p->allocator, (void **)&p->holes, &p->hole_capacity, p->hole_count + 1,
                    sizeof *p->holes));
    p->holes[p->hole_count++] = (struct hole){ slab, offset, bytes };
    return OC_OK;
}

/* The smallest hole that is large enough; -1 if there is none. */
static int best_hole(const struct planner *p, int64_t bytes)
{
    int best = -1;
    for (size_t i = 0; i < p->hole_count; i++)
        if (p->holes[i].bytes >= bytes && (best < 0 || p->holes[i].bytes < p->holes[best].bytes))
            best = (int)i;
    return best;
}

/* Makes a hole of at least `bytes` by growing a slab, preferably one that ends in a hole. */
static oc_status grow(struct planner *p, int64_t bytes)
{
    struct slabs *slabs = &p->plan->slabs[REGION_ACTIVATIONS];
    int best = -1;
    int64_t best_free = -1;
    for (int s = 0; s < slabs->count; s++) {
        int64_t free_at_end = 0;
        for (size_t i = 0; i < p->hole_count; i++)
            if (p->holes[i].slab == s && p->holes[i].offset + p->holes[i].bytes == slabs->bytes[s])
                free_at_end = p->holes[i].bytes;
        if (slabs->bytes[s] + bytes - free_at_end <= p->limit && free_at_end > best_free) {
            best = s;
            best_free = free_at_end;
        }
    }
    if (best < 0) {
        TRY(memory_new_slab(p->plan, REGION_ACTIVATIONS));
        best = slabs->count - 1;
        best_free = 0;
    }
    const int64_t start = slabs->bytes[best], more = bytes - best_free;
    slabs->bytes[best] += more;
    return give_back(p, best, start, more);
}

static oc_status take(struct planner *p, oc_tensor *x)
{
    const int64_t bytes = p->storages[x->id].bytes;
    if (bytes > p->limit)
        return too_large(p->plan, x, bytes);
    int i = best_hole(p, bytes);
    if (i < 0) {
        TRY(grow(p, bytes));
        i = best_hole(p, bytes);
    }
    struct hole *h = &p->holes[i];
    x->placed = true;
    x->region = REGION_ACTIVATIONS;
    x->slab = h->slab;
    x->offset = h->offset / element_bytes(x->type);
    h->offset += bytes;
    h->bytes -= bytes;
    if (h->bytes == 0)
        remove_hole(p, (size_t)i);
    return OC_OK;
}

/* ---- lifetimes ---- */

/* Calls visit(p, node, index) in the order of execution: what depends on parameters only goes first. */
static oc_status walk(struct planner *p, oc_status (*visit)(struct planner *p, struct node *n, int index))
{
    int index = 0;
    for (int pass = 0; pass < 2; pass++)
        for (struct node *n = p->plan->graph->first; n; n = n->next)
            if (n->is_static == (pass == 0))
                TRY(visit(p, n, index++));
    return OC_OK;
}

static void touch(struct planner *p, oc_tensor *x, int index)
{
    struct storage *s = &p->storages[base_of(x)->id];
    if (s->last < index)
        s->last = index;
}

/* Resolves views and finds the last reader of each storage. */
static oc_status measure(struct planner *p, struct node *n, int index)
{
    for (int i = 0; i < n->in_count; i++) {
        const struct node *producer = n->in[i]->producer;
        touch(p, n->in[i], producer && producer->is_static && !n->is_static ? INT32_MAX : index);
    }
    for (int i = 0; i < n->out_count; i++) {
        oc_tensor *y = n->out[i];
        if (n->view && i == 0) {
            y->base = base_of(n->in[0]);
            y->base_offset = n->in[0]->base_offset + n->view_offset;
        }
        if (!y->base && !y->placed) {
            p->storages[y->id].bytes = aligned_bytes(y, REGION_ACTIVATIONS);
            p->plan->unshared += aligned_bytes(y, REGION_ACTIVATIONS);
        }
        touch(p, y, index);
    }
    return OC_OK;
}

/* Whether the kernels permit output 0 in the memory of input i: the operation says so, or it is the addend, of which each
 * value is read before anything is stored in its place. No other input may lie there, but one of which the same is true. */
static bool may_host(const struct node *n, int i)
{
    const unsigned in_place = n->op->in_place;
    bool may = in_place >> i & 1 || (i > 0 && i == n->epilogue.addend);
    for (int j = 0; j < n->in_count; j++)
        may = may && (j == i || in_place >> j & 1 || base_of(n->in[j]) != base_of(n->in[i]));
    return may;
}

/* The input whose memory output 0 may take over, or NULL. */
static oc_tensor *dying_input(const struct planner *p, const struct node *n, int index)
{
    const oc_tensor *y = n->out[0];
    for (int i = 0; i < n->in_count; i++) {
        oc_tensor *base = base_of(n->in[i]);
        if (may_host(n, i) && base->kind == TENSOR_VALUE && base->region == REGION_ACTIVATIONS &&
            p->storages[base->id].last == index && p->storages[base->id].bytes == p->storages[y->id].bytes &&
            base->type == y->type && shape_count(&n->in[i]->shape) == shape_count(&y->shape) &&
            tensor_is_dense(n->in[i]) && tensor_is_dense(y) && n->in[i]->offset == base->offset)
            return base;
    }
    return NULL;
}

/* What depends on parameters only and stays lies side by side, so that what made it leaves no gaps. */
static oc_status place_lasting(struct planner *p, struct node *n, int index)
{
    (void)index;
    for (int i = 0; n->is_static && i < n->out_count; i++) {
        oc_tensor *y = n->out[i];
        if (!y->base && !y->placed && p->storages[y->id].last == INT32_MAX)
            TRY(take(p, y));
    }
    return OC_OK;
}

static oc_status place(struct planner *p, struct node *n, int index)
{
    for (int i = 0; i < n->out_count; i++) {
        oc_tensor *y = n->out[i];
        oc_tensor *host = i == 0 && !n->view && !y->base && !y->placed ? dying_input(p, n, index) : NULL;
        if (host) { /* the storage goes on under the output's name */
            p->storages[host->id].last = p->storages[y->id].last;
            y->base = host;
        } else if (!y->base && !y->placed) {
            TRY(take(p, y));
        }
        if (y->base) { /* a view of a view, or of what became a guest elsewhere, or a part of what comes later */
            y->base = base_of(y->base);
            if (!y->base->placed)
                TRY(take(p, y->base));
            y->region = y->base->region;
            y->slab = y->base->slab;
            y->offset = y->base->offset + y->base_offset;
        }
    }
    return OC_OK;
}

/* Gives back what this node was the last to touch. */
static oc_status place_and_release(struct planner *p, struct node *n, int index)
{
    TRY(place(p, n, index));
    for (int i = 0; i < n->in_count + n->out_count; i++) {
        const oc_tensor *x = base_of(i < n->in_count ? n->in[i] : n->out[i - n->in_count]);
        struct storage *s = &p->storages[x->id];
        if (x->kind == TENSOR_VALUE && x->region == REGION_ACTIVATIONS && s->last == index && s->bytes > 0) {
            TRY(give_back(p, x->slab, x->offset * element_bytes(x->type), s->bytes));
            s->bytes = 0; /* once */
        }
    }
    return OC_OK;
}

oc_status pass_memory(struct plan *plan)
{
    oc_graph *graph = plan->graph;
    for (size_t i = 0; i < graph->tensor_count; i++)
        if (graph->tensors[i] && graph->tensors[i]->kind == TENSOR_INPUT)
            TRY(memory_place(plan, graph->tensors[i], REGION_INPUTS));
    struct planner p = { .plan = plan,
                         .allocator = device_allocator(plan->device),
                         .limit = oc_device_get_info(plan->device)->max_allocation / ALIGNMENT * ALIGNMENT };
    p.storages = memory_zeroed(p.allocator, graph->tensor_count + 1, sizeof *p.storages);
    if (!p.storages)
        return OC_E_MEMORY;
    oc_status status = walk(&p, measure);
    for (int i = 0; i < plan->fetchable_count; i++)
        touch(&p, plan->fetchables[i].tensor, INT32_MAX);
    if (status == OC_OK)
        status = walk(&p, place_lasting);
    if (status == OC_OK)
        status = walk(&p, place_and_release);
    memory_free(p.allocator, p.holes);
    memory_free(p.allocator, p.storages);
    return status;
}

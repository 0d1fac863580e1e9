/* recompute.c - trades time for memory (Chen et al., "Training Deep Nets with Sublinear Memory Cost", arXiv 1604.06174).
 *
 * The forward pass is cut into segments. What is read across a cut is kept, and so is all of the last segment, which the
 * backward pass begins with. Of every other segment, the nodes that the backward pass needs are repeated right before its
 * first reader: n equal layers in s segments keep s + n/s activations instead of n, 2*sqrt(n) at best. Cuts are put where
 * little is alive: each segment stores about the same number of bytes for the backward pass, and ends where, in its second
 * half, least is read across.
 *
 * It comes after fuse, so that every node has its final epilogue: repeated nodes run the same kernels on the same values,
 * and a training step has the same bits as without. What a node changes besides its outputs it changes once (op.h, repeat).
 *
 * Storage is that of memory.c: a view shares that of its input, a part of a concatenation that of the whole. */
#include "base/memory.h"
#include "compile/compile.h"

/* Of a storage: the forward nodes that are the first to write and the last to read it, by their index. */
struct span {
    int first, last;
    int64_t bytes;
};

struct recompute {
    struct plan *plan;
    const oc_allocator *allocator;
    struct node *backward; /* the first node of the backward pass */
    int forward_count;
    size_t tensor_count;
    int *root;          /* by tensor id: the tensor whose storage it lies in; -1: made by no forward node */
    struct span *spans; /* by root */
    bool *wanted;       /* by tensor id: read by the backward pass, or by what must be repeated for it */
    bool *kept;         /* by root */
    int64_t *crossing;  /* by forward index: bytes read across a cut behind it */
    int64_t *stored;    /* by forward index: bytes that it adds to what the backward pass reads */
    int *segment;       /* by forward index */
    int last_segment;
    struct node **begins; /* by segment: its first node */
    oc_tensor **copies;   /* by tensor id */
};

static oc_status allocate(struct recompute *r)
{
    const oc_graph *graph = r->plan->graph;
    struct node *n = graph->first;
    for (; n && !n->backward; n = n->next)
        r->forward_count++;
    r->backward = n;
    r->tensor_count = graph->tensor_count;
    const size_t nodes = (size_t)r->forward_count + 1, tensors = r->tensor_count + 1;
    r->root = memory_zeroed(r->allocator, tensors, sizeof *r->root);
    r->spans = memory_zeroed(r->allocator, tensors, sizeof *r->spans);
    r->wanted = memory_zeroed(r->allocator, tensors, sizeof *r->wanted);
    r->kept = memory_zeroed(r->allocator, tensors, sizeof *r->kept);
    r->copies = memory_zeroed(r->allocator, tensors, sizeof(oc_tensor *));
    r->crossing = memory_zeroed(r->allocator, nodes, sizeof *r->crossing);
    r->stored = memory_zeroed(r->allocator, nodes, sizeof *r->stored);
    r->segment = memory_zeroed(r->allocator, nodes, sizeof *r->segment);
    r->begins = memory_zeroed(r->allocator, nodes, sizeof *r->begins);
    return r->root && r->spans && r->wanted && r->kept && r->copies && r->crossing && r->stored &&
                   r->segment && r->begins
               ? OC_OK
               : OC_E_MEMORY;
}

static void release(struct recompute *r)
{
    void *const blocks[] = { r->root,     r->spans,  r->wanted,  r->kept,  r->copies,
                             r->crossing, r->stored, r->segment, r->begins };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        memory_free(r->allocator, blocks[i]);
}

/* ---- what is alive where ---- */

/* From the last to the first, as pass_layout places parts, so that parts of parts know the outermost whole. */
static void find_wholes(struct recompute *r)
{
    for (struct node *n = r->backward->previous; n; n = n->previous)
        for (int i = 0; n->op->joins_channels && i < n->in_count; i++) {
            const oc_tensor *x = n->in[i];
            if (x->kind == TENSOR_VALUE && !x->producer->view && r->root[x->id] == x->id)
                r->root[x->id] = r->root[n->out[0]->id];
        }
}

static void find_roots(struct recompute *r)
{
    for (size_t i = 0; i < r->tensor_count; i++)
        r->root[i] = -1;
    for (struct node *n = r->plan->graph->first; n != r->backward; n = n->next)
        for (int i = 0; i < n->out_count; i++)
            r->root[n->out[i]->id] = n->out[i]->id;
    find_wholes(r);
    for (struct node *n = r->plan->graph->first; n != r->backward; n = n->next)
        if (n->view)
            r->root[n->out[0]->id] = r->root[n->in[0]->id];
}

static void find_spans(struct recompute *r)
{
    int index = 0;
    for (size_t i = 0; i < r->tensor_count; i++)
        r->spans[i].first = r->forward_count;
    for (const struct node *n = r->plan->graph->first; n != r->backward; n = n->next, index++) {
        for (int i = 0; i < n->out_count; i++) {
            const oc_tensor *y = n->out[i];
            const int root = r->root[y->id];
            if (root < 0) /* a view of an input or a parameter */
                continue;
            struct span *s = &r->spans[root];
            s->first = index < s->first ? index : s->first;
            s->last = index;
            if (root == y->id)
                s->bytes = shape_count(&y->shape) * element_bytes(y->type);
        }
        for (int i = 0; i < n->in_count; i++)
            if (r->root[n->in[i]->id] >= 0)
                r->spans[r->root[n->in[i]->id]].last = index;
    }
}

static void measure(struct recompute *r)
{
    for (const struct node *n = r->backward; n; n = n->next)
        for (int i = 0; i < n->in_count; i++)
            r->wanted[n->in[i]->id] = true;
    for (size_t i = 0; i < r->tensor_count; i++) {
        const int root = r->root[i];
        if (root < 0)
            continue;
        const struct span *s = &r->spans[root];
        if (root == (int)i) {
            r->crossing[s->first] += s->bytes;
            r->crossing[s->last] -= s->bytes;
        }
        if (r->wanted[i] && !r->kept[root]) { /* `kept` serves as a mark here */
            r->kept[root] = true;
            r->stored[s->first] += s->bytes;
        }
    }
    for (int i = 1; i < r->forward_count; i++)
        r->crossing[i] += r->crossing[i - 1];
}

/* ---- cuts ---- */

/* The segment that begins behind the last cut ends with node `last`. */
static void end_segment(struct recompute *r, int *begin, int last)
{
    for (; *begin <= last; ++*begin)
        r->segment[*begin] = r->last_segment;
    r->last_segment++;
}

static void cut(struct recompute *r)
{
    int64_t total = 0, since = 0; /* bytes behind the last cut */
    int begin = 0, best = -1;
    for (int i = 0; i < r->forward_count; i++)
        total += r->stored[i];
    const int64_t budget = total / r->plan->segments;
    for (int i = 0; i < r->forward_count; i++) {
        since += r->stored[i];
        if (2 * since >= budget && (best < 0 || r->crossing[i] <= r->crossing[best]))
            best = i;
        if (since >= budget && best >= 0) {
            end_segment(r, &begin, best);
            i = best;
            since = 0;
            best = -1;
        }
    }
    end_segment(r, &begin, r->forward_count - 1);
    r->last_segment--;
    int index = 0;
    for (struct node *n = r->plan->graph->first; n != r->backward; n = n->next, index++)
        if (!r->begins[r->segment[index]])
            r->begins[r->segment[index]] = n;
}

/* What need not be made again: it is there anyway. */
static void keep(struct recompute *r)
{
    for (size_t i = 0; i < r->tensor_count; i++) {
        const struct span *s = &r->spans[i];
        r->kept[i] = r->root[i] == (int)i &&
                     (r->segment[s->first] != r->segment[s->last] || r->segment[s->first] == r->last_segment);
    }
    for (int i = 0; i < r->plan->fetchable_count; i++)
        if (r->root[r->plan->fetchables[i].tensor->id] >= 0)
            r->kept[r->root[r->plan->fetchables[i].tensor->id]] = true;
    for (const struct node *n = r->plan->graph->first; n != r->backward; n = n->next)
        for (int i = 1; n->op->repeat && i < n->out_count; i++)
            r->kept[n->out[i]->id] = true;
}

/* Whether it is to be made again, if anybody wants it. */
static bool is_dropped(const struct recompute *r, const oc_tensor *x)
{
    return (size_t)x->id < r->tensor_count && r->root[x->id] >= 0 && !r->kept[r->root[x->id]];
}

/* ---- repetition ---- */

static bool is_repeated(const struct recompute *r, const struct node *n)
{
    bool any = false;
    for (int i = 0; i < n->out_count; i++)
        any = any || (r->wanted[n->out[i]->id] && is_dropped(r, n->out[i]));
    return any;
}

/* What is made again from must be there too. */
static void want_sources(struct recompute *r)
{
    for (const struct node *n = r->backward->previous; n; n = n->previous)
        for (int i = 0; i < n->in_count && is_repeated(r, n); i++)
            r->wanted[n->in[i]->id] = true;
}

static oc_status repeat_segment(struct recompute *r, int segment, struct node *before)
{
    for (const struct node *n = r->begins[segment]; n != r->begins[segment + 1]; n = n->next) {
        struct node *copy;
        if (!is_repeated(r, n))
            continue;
        TRY(graph_repeat(&copy, n, r->copies, before));
        for (int i = 0; i < copy->out_count; i++)
            r->copies[n->out[i]->id] = copy->out[i];
    }
    return OC_OK;
}

static oc_status repeat_all(struct recompute *r)
{
    for (struct node *n = r->backward; n; n = n->next)
        for (int i = 0; i < n->in_count; i++) {
            const oc_tensor *x = n->in[i];
            if (!is_dropped(r, x))
                continue;
            if (!r->copies[x->id])
                TRY(repeat_segment(r, r->segment[r->spans[r->root[x->id]].first], n));
            n->in[i] = r->copies[x->id];
        }
    return OC_OK;
}

oc_status pass_recompute(struct plan *plan)
{
    struct recompute r = { .plan = plan, .allocator = device_allocator(plan->device) };
    if (plan->segments < 2)
        return OC_OK;
    oc_status status = allocate(&r);
    if (status == OC_OK && r.backward && r.backward->previous) {
        find_roots(&r);
        find_spans(&r);
        measure(&r);
        cut(&r);
        keep(&r);
        want_sources(&r);
        status = repeat_all(&r);
    }
    release(&r);
    return status;
}

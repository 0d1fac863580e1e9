/* test_memory.c - no two tensors that are needed at the same time share a byte, slabs keep to the device's limit, and
 * what is predicted is what is used.
 *
 * The check knows nothing of lifetimes, views or parts: it plays the plan through, noting in every word of memory which
 * element of which tensor it holds, and each node must find its inputs' elements where they should lie. */
#include "compile/plans.h"
#include "compile/random_net.h"
#include "support/fail_layer.h"
#include "support/operand.h"
#include "device/cl.h"

#include <ocelli/models.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORD = 4, ALIGNMENT = 256, MARGIN = 64 }; /* bytes; the last: loaded at most past a tensor's end */

struct play {
    const char *name;
    const struct plan *plan;
    int64_t *words[REGION_COUNT][MAX_SLABS]; /* the element that was written there last; -1: none */
    bool planted;                            /* faults are expected */
    int faults;
};

static void fault(struct play *play, const char *node, const char *what, int a, int b)
{
    play->faults++;
    cr_expect(play->planted, "%s: %s %s, %d and %d", play->name, node, what, a, b);
}

static const oc_tensor *base_of(const oc_tensor *x)
{
    return x->base ? x->base : x;
}

/* An element of a tensor: its sample and its place in the sample in the order (c, spatial...). */
struct value {
    const oc_tensor *x;
    int64_t n, index;
};

/* What an element is, wherever it lies: that of a view or of a concatenation is one of another tensor. */
static int64_t identity(struct value e)
{
    for (const struct node *p; (p = e.x->producer) && (p->view || p->op->joins_channels);) {
        const int64_t spatial = shape_spatial(&e.x->shape);
        int i = 0;
        for (; p->op->joins_channels && e.index >= shape_channels(&p->in[i]->shape) * spatial; i++)
            e.index -= shape_channels(&p->in[i]->shape) * spatial;
        e.index += p->view_offset * spatial; /* a slice's first channel */
        e.x = p->in[i];
    }
    const int64_t spatial = shape_spatial(&e.x->shape), channels = shape_channels(&e.x->shape);
    int64_t at = e.n * spatial * channels + e.index;
    if (element_bytes(e.x->type) < WORD) /* of all that share a word */
        at = ((e.n * spatial + e.index % spatial) * channels + e.index / spatial) * element_bytes(e.x->type) /
             WORD;
    return (int64_t)e.x->id << 40 | at;
}

/* Where an element lies: channels-last. */
static int64_t *word_of(const struct play *play, struct value e)
{
    const oc_tensor *place = base_of(e.x);
    const int64_t spatial = shape_spatial(&e.x->shape);
    const int64_t at =
        e.x->offset + (e.n * spatial + e.index % spatial) * tensor_pitch(e.x) + e.index / spatial;
    return play->words[place->region][place->slab] + at * element_bytes(e.x->type) / WORD;
}

static int64_t samples_of(const oc_tensor *x)
{
    return x->shape.rank > 0 ? x->shape.dim[0] : 1;
}

/* Calls visit for every element until one is refused; returns false then. */
static bool all_elements(const struct play *play, const oc_tensor *x, int64_t tag,
                         bool (*visit)(int64_t *word, int64_t identity, int64_t tag))
{
    const int64_t values = shape_count(&x->shape) / samples_of(x);
    for (int64_t n = 0; n < samples_of(x); n++)
        for (int64_t i = 0; i < values; i++) {
            const struct value e = { x, n, i };
            if (!visit(word_of(play, e), x->shape.rank > 0 ? identity(e) : (int64_t)x->id << 40, tag))
                return false;
        }
    return true;
}

static bool holds(int64_t *word, int64_t identity, int64_t tag)
{
    (void)tag;
    return *word == identity;
}

static bool put(int64_t *word, int64_t identity, int64_t tag)
{
    (void)tag;
    *word = identity;
    return true;
}

static bool has_tag(int64_t *word, int64_t identity, int64_t tag)
{
    (void)identity;
    return *word != tag;
}

static bool set_tag(int64_t *word, int64_t identity, int64_t tag)
{
    (void)identity;
    *word = tag;
    return true;
}

static void check_bounds(const struct play *play, const oc_tensor *x)
{
    const oc_tensor *place = base_of(x);
    const struct slabs *slabs = &play->plan->slabs[place->region];
    const int64_t last =
        x->offset + (shape_pixels(&x->shape) - 1) * tensor_pitch(x) + shape_channels(&x->shape);
    const int64_t margin = place->region == REGION_ACTIVATIONS || place->region == REGION_INPUTS ? MARGIN : 0;
    cr_assert(place->placed && place->slab < slabs->count &&
                  place->offset * element_bytes(place->type) % ALIGNMENT == 0 && x->offset >= place->offset &&
                  last * element_bytes(x->type) + margin <= slabs->bytes[place->slab],
              "%s: tensor %d lies outside its slab", play->name, x->id);
}

static void expect_held(struct play *play, const oc_tensor *x, const char *reader)
{
    check_bounds(play, x);
    if (!all_elements(play, x, 0, holds))
        fault(play, reader, "finds something else in a tensor", x->id, base_of(x)->id);
}

static bool same_place(const oc_tensor *a, const oc_tensor *b)
{
    return base_of(a)->region == base_of(b)->region && base_of(a)->slab == base_of(b)->slab &&
           a->offset == b->offset && tensor_pitch(a) == tensor_pitch(b) &&
           shape_count(&a->shape) == shape_count(&b->shape);
}

/* A node may write over an input that it reads only as its operation says, in place, or over its addend, and outputs never
 * over others. */
static void check_node(struct play *play, const struct node *n)
{
    for (int i = 0; i < n->in_count; i++)
        if (n->in[i]->kind == TENSOR_VALUE)
            expect_held(play, n->in[i], n->name);
    for (int o = 0; o < n->out_count; o++)
        check_bounds(play, n->out[o]);
    for (int i = 0; i < n->in_count; i++) { /* inputs are marked, outputs must not meet the mark */
        all_elements(play, n->in[i], -2 - i, set_tag);
        for (int o = 0; o < n->out_count; o++) {
            const bool in_place =
                n->phase != PHASE_COMPUTE || n->op->joins_channels ||
                (o == 0 && (n->op->in_place >> i & 1 || (i > 0 && i == n->epilogue.addend)) &&
                 same_place(n->out[o], n->in[i]));
            if (!in_place && !all_elements(play, n->out[o], -2 - i, has_tag))
                fault(play, n->name, "writes an output over an input", o, i);
        }
        all_elements(play, n->in[i], 0, put);
    }
    for (int o = 0; o < n->out_count; o++)
        all_elements(play, n->out[o], 0, put);
    for (int o = 0; o < n->out_count; o++)
        if (!all_elements(play, n->out[o], 0, holds))
            fault(play, n->name, "has outputs that overlap", o, n->out_count);
}

/* What the host reads is still there at the end, and what later steps find done. */
static void check_end(struct play *play)
{
    const struct plan *plan = play->plan;
    for (int i = 0; i < plan->fetchable_count; i++)
        if (plan->fetchables[i].tensor->kind == TENSOR_VALUE)
            expect_held(play, plan->fetchables[i].tensor, "the host");
    for (const struct node *n = plan->graph->first; n; n = n->next)
        for (int i = 0; !n->is_static && i < n->in_count; i++)
            if (n->in[i]->producer && n->in[i]->producer->is_static)
                expect_held(play, n->in[i], "the next step");
}

static int64_t region_bytes(const struct plan *plan, enum region region)
{
    int64_t bytes = 0;
    for (int i = 0; i < plan->slabs[region].count; i++)
        bytes += plan->slabs[region].bytes[i];
    return bytes;
}

/* Returns how many faults there are. */
static int check_plan(const struct plan *plan, const char *name, bool planted)
{
    struct play play = { .name = name, .plan = plan, .planted = planted };
    const int64_t limit = oc_device_get_info(plan->device)->max_allocation;
    for (int r = 0; r < REGION_COUNT; r++)
        for (int s = 0; s < plan->slabs[r].count; s++) {
            const int64_t bytes = plan->slabs[r].bytes[s];
            cr_expect(bytes <= limit, "%s: a slab of %" PRId64 " bytes, %" PRId64 " allowed", name, bytes,
                      limit);
            play.words[r][s] = malloc(sizeof(int64_t) * (size_t)(bytes / WORD + 1));
            for (int64_t i = 0; i <= bytes / WORD; i++)
                play.words[r][s][i] = -1;
        }
    for (int pass = 0; pass < 2; pass++)
        for (const struct node *n = plan->graph->first; n; n = n->next)
            if (!n->view && n->is_static == (pass == 0))
                check_node(&play, n);
    check_end(&play);
    cr_expect(region_bytes(plan, REGION_ACTIVATIONS) <= plan->unshared, "%s: sharing takes more memory",
              name);
    for (int r = 0; r < REGION_COUNT; r++)
        for (int s = 0; s < plan->slabs[r].count; s++)
            free(play.words[r][s]);
    return play.faults;
}

/* ---- graphs ---- */

static struct net lenet(int batch)
{
    oc_net net;
    CHECK(oc_zoo_create(&net, "lenet5_relu", &(oc_net_desc){ .batch = batch }));
    return (struct net){ net.graph, net.image, net.label, net.logits, net.loss, net.probabilities };
}

static void check_net(oc_device *device, const struct net *net, const char *name)
{
    static const char *const implementations[] = { NULL, "reference" };
    oc_tensor *const outputs[] = { net->logits, net->aside, NULL };
    for (int i = 0; i < COUNT_OF(implementations); i++)
        for (int train = 0; train < 2; train++) {
            const oc_model_desc desc = { .loss = net->loss,
                                         .outputs = outputs,
                                         .optimizer = { .momentum = 0.5f },
                                         .implementations = implementations[i] };
            for (int segments = 0; segments <= (train ? 4 : 0); segments += 2) {
                struct plan *plan = NULL;
                CHECK(plan_create_segments(&plan, net->graph, device, &desc, train, NULL, segments));
                check_plan(plan, name, false);
                plan_destroy(plan);
            }
        }
}

Test(memory, no_value_is_overwritten_before_its_last_reader)
{
    static const int64_t limits[] = { INT64_MAX, 3 << 16, 5 << 14 };
    oc_device *device = fixture_open();
    const int64_t allowed = device->info.max_allocation;
    struct net net = lenet(7);
    check_net(device, &net, "lenet");
    device->info.max_allocation = 1 << 19;
    check_net(device, &net, "lenet in pieces");
    oc_graph_destroy(net.graph);
    for (uint32_t i = 0; i < (fixture_quick() ? 20 : 200); i++) {
        char name[64];
        snprintf(name, sizeof name, "random net %u", i);
        net = random_net(i, 1 + (int)(i % 4));
        device->info.max_allocation = limits[i % 3] < allowed ? limits[i % 3] : allowed;
        check_net(device, &net, name);
        oc_graph_destroy(net.graph);
    }
    oc_device_close(device);
}

/* The check notices a tensor that is moved to where another is still needed. */
Test(memory, a_planted_overlap_is_found)
{
    oc_device *device = fixture_open();
    struct net net = lenet(2);
    struct plan *plan = plan_of(device, net.graph, &(oc_model_desc){ .loss = net.loss }, true);
    const oc_tensor *conv = NULL; /* the first convolution's result is needed until the backward pass ends */
    int planted = 0;
    for (const struct node *n = plan->graph->first; n; n = n->next) {
        oc_tensor *y = n->out[0];
        if (!conv && (n->op->epilogue & EPILOGUE_FUNCTION) && !n->backward)
            conv = y;
        if (!conv || y == conv || n->view || n->backward || n->is_static || y->base || y->slab != conv->slab)
            continue;
        const int64_t offset = y->offset;
        y->offset = conv->offset;
        cr_expect(check_plan(plan, n->name, true) > 0, "%s over the convolution", n->name);
        y->offset = offset;
        planted++;
    }
    cr_expect(planted > 4);
    cr_expect_eq(check_plan(plan, "nothing planted", false), 0);
    plan_destroy(plan);
    oc_graph_destroy(net.graph);
    oc_device_close(device);
}

Test(memory, values_take_over_the_memory_of_what_dies)
{
    oc_device *device = fixture_open();
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *x = floats(graph, "x", 2, 4, 8, 8);
    oc_tensor *pool = oc_max_pool(x, &(oc_pool_desc){ .window = { 2 } });
    oc_tensor *relu = oc_relu(pool), *tanh = oc_tanh(relu), *sum = oc_add(tanh, relu), *y = oc_softmax(sum);
    struct plan *plan =
        plan_of(device, graph, &(oc_model_desc){ .outputs = (oc_tensor *const[]){ y, NULL } }, false);
    cr_expect_eq(twin(plan, relu)->base, twin(plan, pool));
    cr_expect_null(twin(plan, tanh)->base); /* relu is read once more */
    cr_expect_eq(twin(plan, sum)->base, twin(plan, tanh));
    cr_expect_eq(twin(plan, y)->base, twin(plan, tanh));
    check_plan(plan, "in place", false);
    plan_destroy(plan);
    plan =
        plan_of(device, graph, &(oc_model_desc){ .outputs = (oc_tensor *const[]){ pool, y, NULL } }, false);
    cr_expect_null(twin(plan, relu)->base); /* the host reads what it would overwrite */
    check_plan(plan, "kept", false);
    plan_destroy(plan);
    oc_graph_destroy(graph);
    oc_device_close(device);
}

/* ---- amounts ---- */

Test(memory, what_is_predicted_is_what_is_allocated)
{
    static const char *const implementations[] = { NULL, "reference" };
    oc_device *device = fixture_open();
    struct net net = lenet(8);
    for (int i = 0; i < COUNT_OF(implementations); i++) {
        oc_memory_info predicted[2], used;
        for (int train = 0; train < 2; train++) {
            oc_model *model = NULL;
            const oc_model_desc desc = { .loss = train ? net.loss : NULL,
                                         .outputs = (oc_tensor *const[]){ net.logits, NULL },
                                         .optimizer = { .momentum = 0.9f },
                                         .implementations = implementations[i] };
            const int64_t before = fail_layer_bytes();
            CHECK(oc_model_predict_memory(&predicted[train], net.graph, device, &desc));
            cr_expect_eq(fail_layer_bytes(), before);
            CHECK(oc_model_create(&model, net.graph, device, &desc));
            oc_model_get_memory(model, &used);
            cr_expect_eq(fail_layer_bytes() - before, used.total, "%" PRId64 " allocated, %" PRId64 " said",
                         fail_layer_bytes() - before, used.total);
            cr_expect(memcmp(&used, &predicted[train], sizeof used) == 0);
            cr_expect_eq(used.total, used.parameters + used.gradients + used.optimizer + used.activations);
            cr_expect(used.activations < used.unshared, "nothing is shared");
            oc_model_destroy(model);
            cr_expect_eq(fail_layer_bytes(), before);
        }
        cr_expect(predicted[0].activations < predicted[1].activations &&
                  predicted[0].parameters == predicted[1].parameters);
        cr_expect(predicted[0].gradients == 0 && predicted[0].optimizer == 0);
        cr_expect(predicted[1].gradients == predicted[1].parameters &&
                  predicted[1].optimizer == predicted[1].parameters);
        cr_expect(predicted[1].parameters >= 61706 * 4 &&
                  predicted[1].parameters < 61706 * 4 + 10 * ALIGNMENT);
    }
    oc_graph_destroy(net.graph);
    oc_device_close(device);
}

struct outcome {
    float losses[4], logits[40];
};

static struct outcome train(oc_device *device, const struct net *net, const char *implementations,
                            struct slabs slabs[REGION_COUNT])
{
    enum { BATCH = 4 };
    struct outcome outcome;
    oc_model *model = NULL;
    const int64_t count = shape_count(&net->image->shape);
    float *x = floats_unset(count);
    const int32_t label[BATCH] = { 2, 0, 1, 2 };
    for (int64_t i = 0; i < count; i++)
        x[i] = (float)(i * 73 % 128) / 64 - 1;
    const oc_feed feeds[] = { { net->image, x, NULL }, { net->label, label, NULL }, { 0 } };
    memset(&outcome, 0, sizeof outcome);
    const oc_model_desc desc = { .loss = net->loss,
                                 .outputs = (oc_tensor *const[]){ net->logits, NULL },
                                 .optimizer = { .rate = 0.05f, .momentum = 0.5f },
                                 .seed = 2,
                                 .implementations = implementations };
    struct plan *plan = plan_of(device, net->graph, &desc, true);
    memcpy(slabs, plan->slabs, sizeof plan->slabs);
    plan_destroy(plan);
    CHECK(oc_model_create(&model, net->graph, device, &desc));
    for (int step = 0; step < COUNT_OF(outcome.losses); step++)
        CHECK(oc_train_step(model, BATCH, feeds,
                            (oc_fetch[]){ { .tensor = net->loss, .data = &outcome.losses[step] }, { 0 } }));
    CHECK(oc_infer(model, BATCH, feeds,
                   (oc_fetch[]){ { .tensor = net->logits, .data = outcome.logits }, { 0 } }));
    oc_model_destroy(model);
    free(x);
    return outcome;
}

/* Where values lie is no part of what they are. */
Test(memory, small_allocations_change_no_value)
{
    static const struct {
        uint32_t random; /* which random net; 0: LeNet */
        const char *implementations;
        int64_t max_allocation;
    } table[] = { { 0, NULL, 1 << 18 },
                  { 0, "reference", 200 * 1024 }, /* its third convolution has 192,000 bytes of weights */
                  { 3, NULL, 6 * 1024 },
                  { 9, NULL, 24 * 1024 } };
    oc_device *device = fixture_open();
    const int64_t allowed = device->info.max_allocation;
    for (int i = 0; i < COUNT_OF(table); i++) {
        struct slabs whole[REGION_COUNT], split[REGION_COUNT];
        struct net net = table[i].random > 0 ? random_net(table[i].random, 4) : lenet(6);
        const struct outcome want = train(device, &net, table[i].implementations, whole);
        device->info.max_allocation = table[i].max_allocation;
        const struct outcome got = train(device, &net, table[i].implementations, split);
        device->info.max_allocation = allowed;
        cr_expect(whole[REGION_ACTIVATIONS].count == 1 && whole[REGION_GRADIENTS].count == 1);
        cr_expect(split[REGION_ACTIVATIONS].count > 1, "%d: one slab of %" PRId64 " bytes", i,
                  whole[REGION_ACTIVATIONS].bytes[0]);
        if (table[i].implementations)
            cr_expect(split[REGION_PARAMETERS].count > 1 &&
                      split[REGION_MOMENTUM].count == split[REGION_GRADIENTS].count);
        cr_expect(memcmp(&got, &want, sizeof got) == 0, "%d: losses %g and %g, logits %g and %g", i,
                  (double)got.losses[3], (double)want.losses[3], (double)got.logits[0],
                  (double)want.logits[0]);
        cr_expect(want.losses[0] > 0 && want.losses[3] != want.losses[0]);
        oc_graph_destroy(net.graph);
    }
    oc_device_close(device);
}

Test(memory, what_does_not_fit_is_named)
{
    static const struct {
        int64_t max_allocation;
        const char *words;
    } table[] = {
        { 100000, "\"conv3.weight\" of shape 120x16x5x5 needs 192000 bytes in one piece, device \"" },
        { 100000, "gives at most 100000" },
        { 0, "bytes in one piece, device \"" },
    };
    oc_device *device = fixture_open();
    const int64_t allowed = device->info.max_allocation;
    struct net net = lenet(64);
    oc_memory_info info;
    oc_model *model;
    const oc_model_desc desc = { .loss = net.loss };
    for (int i = 0; i < COUNT_OF(table); i++) {
        device->info.max_allocation = table[i].max_allocation;
        expect_failure(oc_model_predict_memory(&info, net.graph, device, &desc), OC_E_DEVICE_MEMORY,
                       table[i].words, "too small");
        expect_failure(oc_model_create(&model, net.graph, device, &desc), OC_E_DEVICE_MEMORY, table[i].words,
                       "too small");
    }
    oc_graph_destroy(net.graph);
    /* An activation: 64 * 6 * 28 * 28 values. */
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *y = oc_conv(floats(graph, "x", 64, 1, 32, 32),
                           &(oc_conv_desc){ .name = "wide", .filters = 6, .window = { 5 } });
    device->info.max_allocation = 1000000;
    expect_failure(oc_model_predict_memory(&info, graph, device,
                                           &(oc_model_desc){ .outputs = (oc_tensor *const[]){ y, NULL } }),
                   OC_E_DEVICE_MEMORY, "\"wide\" of shape 64x6x28x28 needs 1204480 bytes in one piece",
                   "activation");
    oc_graph_destroy(graph);

    /* 64 slabs hold 64 weights, whether the next is trained or not. */
    for (int frozen = 0; frozen < 2; frozen++) {
        graph = oc_graph_create(NULL);
        oc_tensor *x = floats(graph, "x", 1, 16, 0, 0);
        for (int i = 0; i < MAX_SLABS; i++)
            x = oc_dense(x, &(oc_dense_desc){ .units = 16, .no_bias = true });
        device->info.max_allocation = 1024;
        CHECK(oc_model_predict_memory(
            &info, graph, device, &(oc_model_desc){ .loss = oc_dot(x, x), .implementations = "reference" }));
        x = oc_dense(x, &(oc_dense_desc){ .units = 16, .no_bias = true, .frozen = frozen });
        expect_failure(
            oc_model_predict_memory(&info, graph, device,
                                    &(oc_model_desc){ .loss = oc_dot(x, x), .implementations = "reference" }),
            OC_E_DEVICE_MEMORY, "the model needs more than 64 pieces of device memory", "too many pieces");
        oc_graph_destroy(graph);
    }
    device->info.max_allocation = allowed;
    oc_device_close(device);
}

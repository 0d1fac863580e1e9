/* test_recompute.c - recomputing changes where values come from and how much memory they need, never a bit of them. */
#include "compile/plans.h"
#include "compile/random_net.h"
#include "support/operand.h"

#include <ocelli/models.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { STEPS = 3 };

/* ---- networks ---- */

static struct net from_zoo(const char *name, int batch)
{
    oc_net net;
    CHECK(oc_zoo_create(&net, name, &(oc_net_desc){ .batch = batch }));
    return (struct net){ net.graph, net.image, net.label, net.logits, net.loss, net.logits };
}

static struct net finish(oc_graph *graph, oc_tensor *image, oc_tensor *x, int batch)
{
    struct net net = { .graph = graph, .image = image, .label = labels(graph, batch) };
    net.aside = net.logits = oc_dense(oc_flatten(x), &(oc_dense_desc){ .units = 3 });
    net.loss = oc_softmax_cross_entropy(net.logits, net.label);
    CHECK(oc_graph_check(graph));
    return net;
}

static oc_tensor *conv(oc_tensor *x, int filters)
{
    return oc_conv(x, &(oc_conv_desc){ .filters = filters, .window = { 3 }, .pad = 1 });
}

/* Everything that draws, in residual blocks of functions whose gradients need their inputs. */
static struct net dropping(int batch)
{
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *image = floats(graph, "image", batch, 3, 12, 12), *x = conv(image, 8);
    for (int i = 0; i < 5; i++) {
        oc_tensor *y = oc_dropout(oc_gelu(oc_batch_norm(conv(x, 8), NULL)), 0.3f);
        y = oc_channel_dropout(oc_silu(conv(y, 8)), 0.2f);
        x = oc_relu(oc_add(x, oc_stochastic_depth(y, &(oc_stochastic_depth_desc){ .survival = 0.6f })));
    }
    return finish(graph, image, oc_max_pool(x, &(oc_pool_desc){ .window = { 2 } }), batch);
}

/* Normalisations of every kind, and pools. */
static struct net normalising(int batch)
{
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *image = floats(graph, "image", batch, 3, 16, 16), *x = image;
    for (int i = 0; i < 6; i++) {
        const oc_batch_norm_desc desc = { .no_affine = i % 3 == 1, .use_running = i % 3 == 2 };
        x = oc_relu(oc_batch_norm(conv(x, 8), &desc));
        x = i % 2 ? oc_lrn(x, NULL)
                  : oc_max_pool(x, &(oc_pool_desc){ .window = { 3 }, .pad = 1, .stride = { 1 } });
        x = oc_tanh(oc_concat((oc_tensor *[]){ oc_slice(x, 0, 4), conv(x, 4) }, 2));
    }
    return finish(graph, image, oc_global_average_pool(x), batch);
}

/* n equal layers, each of which the backward pass needs the output of. */
static struct net chain(int batch, int layers, int channels, int size)
{
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *image = floats(graph, "image", batch, channels, size, size), *x = image;
    for (int i = 0; i < layers; i++)
        x = oc_tanh(oc_conv(x, &(oc_conv_desc){ .filters = channels, .window = { 1 } }));
    return finish(graph, image, oc_global_average_pool(x), batch);
}

/* ---- the same bits ---- */

/* Everything that some steps leave behind, as one array of bytes. */
struct outcome {
    unsigned char *bytes;
    size_t count, capacity;
    int64_t activations;
};

static void add(struct outcome *o, const void *bytes, size_t count)
{
    if (o->count + count > o->capacity) {
        o->capacity = 2 * (o->count + count);
        o->bytes = realloc(o->bytes, o->capacity);
        cr_assert(o->bytes);
    }
    memcpy(o->bytes + o->count, bytes, count);
    o->count += count;
}

static void add_parameters(struct outcome *o, oc_model *model)
{
    for (int i = 0; i < oc_parameter_count(model); i++) {
        oc_parameter_info info;
        CHECK(oc_parameter_info_at(model, i, &info));
        float *values = floats_unset(info.count);
        CHECK(oc_parameter_get(model, info.name, OC_VALUE, values, info.count));
        add(o, values, sizeof(float) * (size_t)info.count);
        if (!info.state && oc_parameter_get(model, info.name, OC_GRADIENT, values, info.count) == OC_OK)
            add(o, values, sizeof(float) * (size_t)info.count);
        free(values);
    }
}

static struct outcome train(oc_device *device, const struct net *net, bool recompute,
                            const char *implementations)
{
    const int batch = (int)net->image->shape.dim[0];
    const int64_t count = shape_count(&net->image->shape), logits = shape_count(&net->logits->shape);
    struct outcome o = { .bytes = NULL };
    oc_memory_info memory;
    oc_model *model = NULL;
    float *x = floats_unset(count), *y = floats_unset(logits), loss;
    int32_t label[64];
    for (int64_t i = 0; i < count; i++)
        x[i] = (float)(i * 73 % 128) / 64 - 1;
    for (int i = 0; i < batch; i++)
        label[i] = i % 3;
    const oc_feed feeds[] = { { net->image, x, NULL }, { net->label, label, NULL }, { 0 } };
    CHECK(oc_model_create(&model, net->graph, device,
                          &(oc_model_desc){ .loss = net->loss,
                                            .outputs = (oc_tensor *const[]){ net->logits, net->aside, NULL },
                                            .optimizer = { .rate = 0.02f, .momentum = 0.5f },
                                            .accumulate = true,
                                            .recompute = recompute,
                                            .implementations = implementations,
                                            .seed = 5 }));
    oc_model_get_memory(model, &memory);
    o.activations = memory.activations;
    for (int step = 0; step < STEPS; step++) { /* the last one of a part of the batch, after a micro-batch */
        const int part = step == STEPS - 1 && batch > 2 ? batch - 1 : batch;
        if (step == STEPS - 1)
            CHECK(oc_accumulate_gradients(model, batch, feeds, NULL));
        CHECK(oc_train_step(model, part, feeds,
                            (oc_fetch[]){ { .tensor = net->loss, .data = &loss },
                                          { .tensor = net->logits, .data = y },
                                          { 0 } }));
        cr_assert(isfinite(loss));
        add(&o, &loss, sizeof loss);
        add(&o, y, sizeof(float) * (size_t)(logits / batch * part));
    }
    add_parameters(&o, model);
    CHECK(oc_infer(model, batch, feeds, (oc_fetch[]){ { .tensor = net->logits, .data = y }, { 0 } }));
    add(&o, y, sizeof(float) * (size_t)logits);
    oc_model_destroy(model);
    free(x);
    free(y);
    return o;
}

/* Returns what remains of the activations' bytes. */
static double expect_same(oc_device *device, const struct net *net, const char *name,
                          const char *implementations)
{
    struct outcome want = train(device, net, false, implementations),
                   got = train(device, net, true, implementations);
    size_t at = 0;
    while (at < want.count && at < got.count && want.bytes[at] == got.bytes[at])
        at++;
    cr_expect(want.count == got.count && at == want.count, "%s: byte %zu of %zu differs", name, at,
              want.count);
    cr_expect(got.activations <= want.activations, "%s: %" PRId64 " bytes instead of %" PRId64, name,
              got.activations, want.activations);
    const double rest = (double)got.activations / (double)want.activations;
    free(want.bytes);
    free(got.bytes);
    return rest;
}

Test(recompute, a_step_has_the_same_bits)
{
    static const struct {
        const char *name;
        int batch;
        double most; /* of the memory */
    } table[] = { { "lenet5", 5, 1 }, { "resnet20_cifar", 4, 0.7 }, { "densenet40_12_cifar", 2, 0.4 } };
    static const char *const implementations[] = { NULL, "reference", "batch_norm_again=reference" };
    oc_device *device = fixture_open();
    for (int i = 0; i < (fixture_quick() ? 2 : COUNT_OF(table)); i++) {
        struct net net = from_zoo(table[i].name, table[i].batch);
        const double rest = expect_same(device, &net, table[i].name, NULL);
        cr_expect(rest <= table[i].most, "%s still needs %.2f", table[i].name, rest);
        oc_graph_destroy(net.graph);
    }
    struct net net = dropping(4);
    cr_expect(expect_same(device, &net, "dropping", NULL) < 0.9);
    oc_graph_destroy(net.graph);
    net = normalising(4);
    for (int i = 0; i < COUNT_OF(implementations); i++)
        cr_expect(expect_same(device, &net, "normalising", implementations[i]) < 0.9);
    oc_graph_destroy(net.graph);
    oc_device_close(device);
}

Test(recompute, random_nets_have_the_same_bits)
{
    const int count = fixture_quick() ? 4 : 40;
    int smaller = 0;
    oc_device *device = fixture_open();
    for (int i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "random net %d", i);
        struct net net = random_net((uint32_t)i, 3);
        smaller += expect_same(device, &net, name, NULL) < 1;
        oc_graph_destroy(net.graph);
    }
    cr_expect(smaller >= count / 4, "only %d of %d recompute anything", smaller, count);
    oc_device_close(device);
}

/* ---- memory ---- */

static int64_t activations(const struct plan *plan)
{
    int64_t bytes = 0;
    for (int i = 0; i < plan->slabs[REGION_ACTIVATIONS].count; i++)
        bytes += plan->slabs[REGION_ACTIVATIONS].bytes[i];
    return bytes;
}

/* n activations become about 2*sqrt(n): as many segments as a segment has layers. Besides them lie, when most is needed, the
 * gradient that arrives and the one that leaves. */
Test(recompute, a_chain_needs_the_square_root)
{
    enum { BATCH = 2, CHANNELS = 4, SIZE = 16 };
    const int64_t unit = BATCH * CHANNELS * SIZE * SIZE * 4 + 256; /* an activation and its margin */
    oc_device *device = fixture_open();
    for (int root = 4; root <= 16; root *= 2) {
        const int n = root * root;
        struct net net = chain(BATCH, n, CHANNELS, SIZE);
        oc_model_desc desc = { .loss = net.loss, .implementations = "reference" };
        struct plan *plan = plan_of(device, net.graph, &desc, true);
        const int64_t all = activations(plan);
        cr_expect(all >= (n - 1) * unit, "%d layers: %" PRId64 " bytes", n, all);
        plan_destroy(plan);
        desc.recompute = true;
        plan = plan_of(device, net.graph, &desc, true);
        const int64_t some = activations(plan);
        cr_expect(some <= (2 * root + 4) * unit, "%d layers: %.2f units of %d", n,
                  (double)some / (double)unit, 2 * root);
        int repeats = 0;
        for (const struct node *node = plan->graph->first; node; node = node->next)
            repeats += node->repeats != NULL;
        cr_expect(repeats > n / 2 && repeats < n, "%d of %d layers are repeated", repeats, n);
        plan_destroy(plan);
        oc_graph_destroy(net.graph);
    }
    oc_device_close(device);
}

/* Packed weights of all layers would need more than training does. */
Test(recompute, inference_packs_one_layer_at_a_time)
{
    oc_device *device = fixture_open();
    struct net net = from_zoo("vgg16", 2);
    oc_model_desc desc = { .outputs = (oc_tensor *const[]){ net.logits, NULL } };
    struct plan *plan = plan_of(device, net.graph, &desc, false);
    const int64_t lasting = activations(plan);
    plan_destroy(plan);
    desc.loss = net.loss;
    desc.recompute = true;
    plan = plan_of(device, net.graph, &desc, false);
    cr_expect(activations(plan) < lasting - (100 << 20), "%" PRId64 " of %" PRId64 " bytes",
              activations(plan), lasting);
    for (const struct node *n = plan->graph->first; n; n = n->next)
        cr_expect_not(n->is_static);
    plan_destroy(plan);
    oc_graph_destroy(net.graph);
    oc_device_close(device);
}

/* Statistics are sums over all of the memory, and change the running averages: once is enough. */
Test(recompute, statistics_are_computed_once)
{
    oc_device *device = fixture_open();
    struct net net = from_zoo("resnet20_cifar", 4);
    oc_model_desc desc = { .loss = net.loss };
    struct plan *plan = plan_of(device, net.graph, &desc, true);
    const int norms = count_nodes(plan, "batch_norm", -1), convs = count_nodes(plan, "conv", -1);
    cr_expect_eq(count_nodes(plan, "batch_norm_again", -1), 0);
    plan_destroy(plan);
    desc.recompute = true;
    plan = plan_of(device, net.graph, &desc, true);
    cr_expect_eq(count_nodes(plan, "batch_norm", -1), norms);
    cr_expect(count_nodes(plan, "batch_norm_again", -1) > norms / 2);
    cr_expect(count_nodes(plan, "conv", -1) > convs && count_nodes(plan, "conv", -1) < 2 * convs);
    plan_destroy(plan);
    oc_graph_destroy(net.graph);
    oc_device_close(device);
}

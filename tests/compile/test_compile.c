/* test_compile.c - what a model's descriptor may not say, and plans that run with fewer samples than they were made
 * for. */
#include "compile/plans.h"
#include "support/operand.h"

#include <ocelli/models.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const oc_optimizer_desc wrong_optimizers[] = {
    { .kind = (oc_optimizer_kind)5 },
    { .rate = -0.5f },
    { .rate = NAN },
    { .momentum = 1.f },
    { .momentum = -0.5f },
    { .momentum = NAN },
    { .weight_decay = -0.5f },
    { .weight_decay = NAN },
    { .nesterov = true },
    { .kind = OC_RMSPROP, .momentum = 0.5f, .nesterov = true },
    { .kind = OC_ADAM, .momentum = 0.5f },
    { .kind = OC_ADAGRAD, .momentum = 0.5f },
    { .beta1 = 0.5f },
    { .kind = OC_RMSPROP, .beta1 = 0.5f },
    { .kind = OC_ADAGRAD, .beta2 = 0.25f },
    { .epsilon = 0.5f },
    { .kind = OC_ADAM, .beta1 = 1.f },
    { .kind = OC_ADAMW, .beta1 = -0.5f },
    { .kind = OC_ADAM, .beta2 = 1.5f },
    { .kind = OC_RMSPROP, .beta2 = NAN },
    { .kind = OC_ADAM, .epsilon = -0.25f },
    { .kind = OC_ADAM, .epsilon = INFINITY },
    { .clip_norm = -2.f },
    { .clip_norm = NAN },
    { .average = 1.f },
    { .average = -0.125f },
};
static const char *const wrong_optimizer_words[] = {
    "optimizer 5 is none of oc_optimizer_kind",
    "rate -0.5 is not in 0..infinity",
    "rate nan",
    "momentum 1 is not in 0..1 (without 1)",
    "momentum -0.5",
    "momentum nan",
    "weight decay -0.5",
    "weight decay nan",
    "Nesterov's method needs a momentum above 0",
    "Nesterov's method is one of SGD, not of RMSprop",
    "Adam takes no momentum, it is 0.5",
    "Adagrad takes no momentum, it is 0.5",
    "SGD takes no beta1, it is 0.5",
    "RMSprop takes no beta1, it is 0.5",
    "Adagrad takes no beta2, it is 0.25",
    "SGD takes no epsilon, it is 0.5",
    "beta1 1 is not in 0..1 (without 1)",
    "beta1 -0.5 is not in 0..1 (without 1)",
    "beta2 1.5 is not in 0..1 (without 1)",
    "beta2 nan is not in 0..1 (without 1)",
    "epsilon -0.25 is not in 0..infinity",
    "epsilon inf is not in 0..infinity",
    "clip_norm -2 is not in 0..infinity",
    "clip_norm nan is not in 0..infinity",
    "average 1 is not in 0..1 (without 1)",
    "average -0.125 is not in 0..1 (without 1)",
};

static void expect_refused(const oc_graph *graph, oc_device *device, const oc_model_desc *desc,
                           oc_status status, const char *words)
{
    oc_memory_info info;
    oc_model *model = (oc_model *)&model;
    expect_failure(oc_model_create(&model, graph, device, desc), status, words, "oc_model_create");
    cr_expect_null(model);
    expect_failure(oc_model_predict_memory(&info, graph, device, desc), status, words,
                   "oc_model_predict_memory");
}

Test(compile, a_model_that_makes_no_sense_is_refused)
{
    oc_device *device = fixture_open();
    oc_graph *graph = oc_graph_create(NULL), *other = oc_graph_create(NULL), *bare = oc_graph_create(NULL);
    oc_tensor *x = floats(graph, "x", 4, 3, 0, 0), *b = floats(graph, "b", 4, 3, 0, 0);
    oc_tensor *foreign = floats(other, "x", 4, 3, 0, 0), *foreign_loss = oc_dot(foreign, foreign);
    oc_tensor *loss = oc_named(oc_dot(x, b), "product");
    oc_tensor *odd = floats(graph, "odd", 5, 3, 0, 0), *odd_loss = oc_add(loss, oc_dot(odd, odd));
    CHECK(oc_graph_check(graph));

    expect_refused(graph, device, NULL, OC_E_ARGUMENT, "a model needs a loss, outputs, or both");
    expect_refused(graph, device, &(oc_model_desc){ .outputs = (oc_tensor *const[]){ NULL } }, OC_E_ARGUMENT,
                   "a model needs a loss, outputs, or both");
    expect_refused(graph, device, &(oc_model_desc){ .loss = foreign_loss }, OC_E_ARGUMENT,
                   "the loss is not a tensor of this graph");
    expect_refused(graph, device, &(oc_model_desc){ .outputs = (oc_tensor *const[]){ x, foreign, NULL } },
                   OC_E_ARGUMENT, "output 1 is not a tensor of this graph");
    expect_refused(graph, device, &(oc_model_desc){ .loss = x }, OC_E_SHAPE,
                   "the loss \"x\" must be a scalar, it is 4x3");
    expect_refused(graph, device, &(oc_model_desc){ .loss = odd_loss }, OC_E_SHAPE,
                   "inputs \"b\" and \"odd\" have batches of 4 and 5");
    for (int i = 0; i < COUNT_OF(wrong_optimizers); i++)
        expect_refused(graph, device, &(oc_model_desc){ .loss = loss, .optimizer = wrong_optimizers[i] },
                       OC_E_ARGUMENT, wrong_optimizer_words[i]);
    expect_refused(bare, device, &(oc_model_desc){ .loss = loss }, OC_E_ARGUMENT,
                   "the loss is not a tensor of this graph");
    oc_graph_destroy(graph);
    oc_graph_destroy(other);
    oc_graph_destroy(bare);
    oc_device_close(device);
}

/* ---- smaller batches ---- */

enum { CLASSES = 4 };

struct net {
    oc_graph *graph;
    oc_tensor *image, *label, *logits, *loss;
};

static struct net finish(oc_graph *graph, oc_tensor *image, oc_tensor *y, int64_t batch)
{
    struct net net = { .graph = graph, .image = image, .label = labels(graph, batch) };
    net.logits = oc_dense(oc_flatten(y), &(oc_dense_desc){ .name = "fc", .units = CLASSES });
    net.loss = oc_softmax_cross_entropy(net.logits, net.label);
    CHECK(oc_graph_check(graph));
    return net;
}

static struct net lines(int64_t batch)
{
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *x = oc_input(graph, &(oc_input_desc){ .name = "image", .shape = { batch, 3, 20 } });
    oc_tensor *y = oc_relu(oc_conv(x, &(oc_conv_desc){ .filters = 5, .window = { 3 } }));
    y = oc_tanh(oc_conv(
        y, &(oc_conv_desc){ .filters = 7, .window = { 3 }, .stride = { 2 }, .padding = OC_PAD_SAME }));
    return finish(graph, x, oc_max_pool(y, &(oc_pool_desc){ .window = { 3 }, .stride = { 2 }, .pad = 1 }),
                  batch);
}

static struct net points(int64_t batch)
{
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *x = floats(graph, "image", batch, 4, 28, 28);
    oc_tensor *y = oc_relu(oc_conv(x, &(oc_conv_desc){ .filters = 6, .window = { 1 } }));
    y = oc_add(y, oc_sigmoid(oc_conv(y, &(oc_conv_desc){ .filters = 6, .window = { 1 } })));
    return finish(graph, x, oc_global_average_pool(y), batch);
}

static struct net volumes(int64_t batch)
{
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *x = oc_input(graph, &(oc_input_desc){ .name = "image", .shape = { batch, 2, 5, 6, 7 } });
    oc_tensor *y =
        oc_conv(x, &(oc_conv_desc){ .filters = 4, .window = { 3 }, .padding = OC_PAD_SAME, .groups = 2 });
    y = oc_l2_pool(oc_leaky_relu(y, 0.1f), &(oc_pool_desc){ .window = { 2 } });
    return finish(graph, x, oc_average_pool(y, &(oc_pool_desc){ .window = { 2 } }), batch);
}

static struct net lenet(int64_t batch)
{
    oc_net net;
    CHECK(oc_zoo_create(&net, "lenet5_relu", &(oc_net_desc){ .batch = (int)batch, .classes = CLASSES }));
    return (struct net){ net.graph, net.image, net.label, net.logits, net.loss };
}

static const struct {
    const char *name;
    struct net (*build)(int64_t batch);
    int batch;
    int64_t values; /* of a sample */
} nets[] = {
    { "lines", lines, 12, 60 }, /* five times that: as many samples as dense layers of one kind take */
    { "points", points, 8, 4 * 28 * 28 },
    { "volumes", volumes, 8, 2 * 5 * 6 * 7 },
    { "lenet", lenet, 8, 32 * 32 },
};

/* Whatever a node needs for a smaller batch must fit where the largest has put it. */
Test(compile, smaller_batches_need_no_more_of_anything)
{
    oc_device *device = fixture_open();
    for (int i = 0; i < COUNT_OF(nets); i++) {
        const int largest = nets[i].batch * 5;
        struct net full = nets[i].build(largest);
        const oc_model_desc full_desc = { .loss = full.loss };
        struct plan *full_plan = plan_of(device, full.graph, &full_desc, true);
        for (int batch = 1; batch < largest; batch++) {
            struct net small = nets[i].build(batch);
            const oc_model_desc desc = { .loss = small.loss };
            struct plan *plan = plan_of(device, small.graph, &desc, true);
            const struct node *n = plan->graph->first, *m = full_plan->graph->first;
            for (; n && m; n = n->next, m = m->next) {
                cr_assert_eq(n->op, m->op, "%s: %s is not %s", nets[i].name, n->op->name, m->op->name);
                for (int o = 0; n->impl == m->impl && o < n->out_count; o++)
                    cr_expect(shape_count(&n->out[o]->shape) <= shape_count(&m->out[o]->shape),
                              "%s, %s: output %d takes %" PRId64 " values for batch %d, %" PRId64 " for %d",
                              nets[i].name, n->op->name, o, shape_count(&n->out[o]->shape), batch,
                              shape_count(&m->out[o]->shape), largest);
            }
            cr_assert(!n && !m);
            plan_destroy(plan);
            oc_graph_destroy(small.graph);
        }
        plan_destroy(full_plan);
        oc_graph_destroy(full.graph);
    }
    oc_device_close(device);
}

static oc_model *model_of(oc_device *device, const struct net *net)
{
    oc_model *model = NULL;
    CHECK(oc_model_create(&model, net->graph, device,
                          &(oc_model_desc){ .loss = net->loss,
                                            .outputs = (oc_tensor *const[]){ net->logits, NULL },
                                            .optimizer = { .rate = 0.05f, .momentum = 0.9f },
                                            .seed = 5 }));
    return model;
}

/* What a model says about the first samples: the loss, the logits, and the gradient of its first weights. */
struct answer {
    float loss, infer_loss, logits[13 * CLASSES], gradient[200];
    int64_t count;
};

static void ask(oc_model *model, const struct net *net, int batch, const float *x, const int32_t *label,
                struct answer *answer)
{
    oc_parameter_info info;
    const oc_feed feeds[] = { { net->image, x, NULL }, { net->label, label, NULL }, { 0 } };
    memset(answer, 0, sizeof *answer);
    CHECK(oc_parameter_info_at(model, 0, &info));
    cr_assert(info.count <= COUNT_OF(answer->gradient));
    CHECK(oc_compute_gradients(model, batch, feeds,
                               (oc_fetch[]){ { .tensor = net->loss, .data = &answer->loss }, { 0 } }));
    CHECK(oc_parameter_get(model, info.name, OC_GRADIENT, answer->gradient, info.count));
    CHECK(oc_infer(model, batch, feeds,
                   (oc_fetch[]){ { .tensor = net->logits, .data = answer->logits },
                                 { .tensor = net->loss, .data = &answer->infer_loss },
                                 { 0 } }));
}

static double largest_difference(const float *a, const float *b, int count)
{
    double largest = 0;
    for (int i = 0; i < count; i++)
        largest = fmax(largest, fabs((double)a[i] - (double)b[i]));
    return largest;
}

/* Sums over the samples may be divided differently, so gradients agree up to rounding only. */
Test(compile, a_model_runs_any_batch_up_to_its_own)
{
    oc_device *device = fixture_open();
    for (int i = 0; i < COUNT_OF(nets); i++) {
        const int largest = nets[i].batch, batches[] = { 3, 1, largest, largest - 2, 1, 5, largest };
        struct net full = nets[i].build(largest);
        oc_model *model = model_of(device, &full);
        float *x = floats_unset(largest * nets[i].values);
        int32_t label[13];
        for (int64_t k = 0; k < largest * nets[i].values; k++)
            x[k] = (float)((k * 7919 + 13) % 101) / 50 - 1;
        for (int k = 0; k < largest; k++)
            label[k] = k % CLASSES;
        for (int b = 0; b < COUNT_OF(batches); b++) {
            struct answer got, want;
            struct net fresh = nets[i].build(batches[b]);
            oc_model *fresh_model = model_of(device, &fresh);
            ask(model, &full, batches[b], x, label, &got);
            ask(fresh_model, &fresh, batches[b], x, label, &want);
            cr_expect(memcmp(got.logits, want.logits, sizeof got.logits) == 0,
                      "%s, batch %d: the logits differ", nets[i].name, batches[b]);
            cr_expect(got.loss == want.loss && got.infer_loss == want.loss,
                      "%s, batch %d: losses %g, %g and %g", nets[i].name, batches[b], (double)got.loss,
                      (double)got.infer_loss, (double)want.loss);
            const double difference = largest_difference(got.gradient, want.gradient, 200);
            cr_expect(difference < 1e-5, "%s, batch %d: gradients differ by %g", nets[i].name, batches[b],
                      difference);
            cr_expect(largest_difference(want.gradient, (float[200]){ 0 }, 200) > 1e-4, "%s: no gradient",
                      nets[i].name);
            oc_model_destroy(fresh_model);
            oc_graph_destroy(fresh.graph);
        }
        free(x);
        oc_model_destroy(model);
        oc_graph_destroy(full.graph);
    }
    oc_device_close(device);
}

/* test_depth.c - very deep networks: what is done per layer depends on the layer, never on how many there are, and
 * nothing calls itself layer by layer. */
#include "support/case.h"
#include "support/failing.h"
#include "support/fixture.h"
#include <ocelli/models.h>

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH = 2, SHALLOW = 250, TIMES = 16, STACK = 256 << 10, TRIES = 3 };

/* What planning a net took, and what was planned. */
struct effort {
    oc_device *device;
    int blocks;
    oc_allocator *allocator;           /* of the graph; NULL: the C library's */
    double build, list, plan, destroy; /* seconds of the processor */
    int64_t parameters;
    oc_memory_info infer, train;
};

static double seconds_since(clock_t start)
{
    return (double)(clock() - start) / CLOCKS_PER_SEC;
}

/* Residual blocks whose inner maps differ in size, so that free memory comes in many sizes. */
static oc_tensor *chain(oc_tensor *x, int blocks)
{
    char name[32];
    for (int i = 0; i < blocks; i++) {
        snprintf(name, sizeof name, "block%d.conv1", i);
        oc_tensor *y = oc_conv(
            x,
            &(oc_conv_desc){ .name = name, .filters = 64 + 64 * (i % 5), .window = { 1 }, .no_bias = true });
        snprintf(name, sizeof name, "block%d.bn", i);
        y = oc_relu(oc_batch_norm(y, &(oc_batch_norm_desc){ .name = name }));
        snprintf(name, sizeof name, "block%d.conv2", i);
        y = oc_conv(y, &(oc_conv_desc){ .name = name, .filters = 4, .window = { 3 }, .pad = 1 });
        x = oc_add(x, y);
    }
    return x;
}

/* Builds, lists, plans for both uses, and destroys. */
static void *plan_chain(void *user)
{
    struct effort *e = user;
    clock_t start = clock();
    oc_graph *graph = oc_graph_create(&(oc_graph_desc){ .allocator = e->allocator });
    oc_tensor *x = oc_input(graph, &(oc_input_desc){ .name = "image", .shape = { BATCH, 4, 4, 4 } });
    oc_tensor *t = oc_input(graph, &(oc_input_desc){ .name = "target", .shape = { BATCH, 4, 4, 4 } });
    oc_tensor *y = chain(x, e->blocks), *loss = oc_mean_squared_error(y, t);
    CHECK(oc_graph_check(graph));
    e->build = seconds_since(start);

    start = clock();
    oc_layer_info layer;
    e->parameters = 0;
    for (int i = 0; i < oc_graph_layer_count(graph); i++) {
        CHECK(oc_graph_layer(graph, i, &layer));
        e->parameters += layer.parameters;
    }
    e->list = seconds_since(start);

    start = clock();
    oc_model_desc desc = { .outputs = (oc_tensor *[]){ y, NULL }, .optimizer.momentum = 0.9f };
    desc.implementations = "reference"; /* others keep copies of all weights */
    CHECK(oc_model_predict_memory(&e->infer, graph, e->device, &desc));
    desc.implementations = NULL;
    desc.loss = loss;
    CHECK(oc_model_predict_memory(&e->train, graph, e->device, &desc));
    e->plan = seconds_since(start);

    start = clock();
    oc_graph_destroy(graph);
    e->destroy = seconds_since(start);
    return NULL;
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

/* The fastest of a few tries: what else the machine does only adds. */
static struct effort effort(oc_device *device, int blocks)
{
    struct effort best = { .device = device, .blocks = blocks };
    plan_chain(&best);
    for (int i = 1; i < TRIES; i++) {
        struct effort e = best;
        plan_chain(&e);
        best.build = least(best.build, e.build);
        best.list = least(best.list, e.list);
        best.plan = least(best.plan, e.plan);
        best.destroy = least(best.destroy, e.destroy);
    }
    return best;
}

/* Sixteen times the depth is sixteen times the work, 256 times with a pass that is quadratic. Only the deep graph fits no
 * cache: on a core with 512 KiB that made it up to 70 times, from where on doubling doubles. The limit lies between; what
 * takes a few milliseconds is not judged. */
static void expect_linear(const char *what, double shallow, double deep)
{
    cr_expect(deep < 0.005 || deep < 8 * TIMES * shallow,
              "%s: %d times the depth took %.0f us instead of %.0f", what, TIMES, 1e6 * deep, 1e6 * shallow);
}

Test(depth, work_grows_no_faster_than_depth)
{
    oc_device *device = fixture_open();
    const struct effort shallow = effort(device, SHALLOW), deep = effort(device, TIMES * SHALLOW);
    expect_linear("building", shallow.build, deep.build);
    expect_linear("listing", shallow.list, deep.list);
    expect_linear("planning", shallow.plan, deep.plan);
    expect_linear("destroying", shallow.destroy, deep.destroy);
    cr_expect_eq(deep.parameters, TIMES * shallow.parameters);
    oc_device_close(device);
}

Test(depth, memory_grows_no_faster_than_depth)
{
    oc_device *device = fixture_open();
    struct failing failing;
    int allocations[2];
    struct effort e[2];
    for (int i = 0; i < 2; i++) {
        failing_begin(&failing);
        e[i] = (struct effort){ .device = device,
                                .blocks = i == 0 ? SHALLOW : TIMES * SHALLOW,
                                .allocator = &failing.allocator };
        plan_chain(&e[i]);
        allocations[i] = failing.allocations;
        failing_end(&failing);
    }
    cr_expect_leq(allocations[1], TIMES * allocations[0], "%d blocks of host memory, then %d", allocations[0],
                  allocations[1]);
    /* To infer, a layer needs what it reads and writes, and what is derived from its parameters. */
    cr_expect_leq(e[1].infer.activations - e[0].infer.activations,
                  e[1].infer.parameters - e[0].infer.parameters);
    cr_expect_leq(e[1].train.activations, TIMES * e[0].train.activations);
    cr_expect_leq(e[1].train.parameters, TIMES * e[0].train.parameters);
    cr_expect_gt(e[1].infer.unshared, (TIMES - 1) * e[0].infer.unshared);
    oc_device_close(device);
}

/* A recursion over the layers would leave this stack, and the process with it. */
Test(depth, nothing_recurses_over_layers)
{
    pthread_attr_t attributes;
    pthread_t thread;
    struct effort e = { .device = fixture_open(), .blocks = TIMES * SHALLOW };
    cr_assert_eq(pthread_attr_init(&attributes), 0);
    cr_assert_eq(pthread_attr_setstacksize(&attributes, STACK), 0);
    cr_assert_eq(pthread_create(&thread, &attributes, plan_chain, &e), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
    cr_expect_gt(e.train.activations, 0);
    oc_device_close(e.device);
}

Test(depth, a_net_of_1001_layers_trains)
{
    enum { SIZE = 8 };
    static float pixels[BATCH * 3 * SIZE * SIZE];
    static const int32_t labels[BATCH] = { 4, 1 };
    float loss[6]; /* the first steps go up and down with the rounding of each device's kernels */
    oc_device *device = fixture_open();
    oc_net net;
    oc_model *model;
    oc_memory_info planned, taken;
    for (int i = 0; i < COUNT_OF(pixels); i++)
        pixels[i] = (float)(i * 37 % 101) / 50.f - 1.f;
    CHECK(oc_zoo_create(&net, "preact_resnet1001_cifar",
                        &(oc_net_desc){ .batch = BATCH, .height = SIZE, .width = SIZE }));
    const oc_model_desc desc = { .loss = net.loss,
                                 .outputs = (oc_tensor *[]){ net.logits, NULL },
                                 .optimizer = { .rate = 1e-3f, .momentum = 0.9f } };
    CHECK(oc_model_predict_memory(&planned, net.graph, device, &desc));
    CHECK(oc_model_create(&model, net.graph, device, &desc));
    oc_model_get_memory(model, &taken);
    cr_expect_eq(taken.total, planned.total);
    for (int step = 0; step < COUNT_OF(loss); step++)
        CHECK(oc_train_step(model, BATCH,
                            (oc_feed[]){ { .tensor = net.image, .data = pixels },
                                         { .tensor = net.label, .data = labels },
                                         { 0 } },
                            (oc_fetch[]){ { .tensor = net.loss, .data = &loss[step] }, { 0 } }));
    const float first = loss[0], last = loss[COUNT_OF(loss) - 1];
    cr_expect(isfinite(first) && last < first, "the loss went from %g to %g", (double)first, (double)last);
    oc_model_destroy(model);
    oc_graph_destroy(net.graph);
    oc_device_close(device);
}

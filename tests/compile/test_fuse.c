/* test_fuse.c - bias and activation become part of the convolution's launch wherever nobody reads what lies between. */
#include "compile/plans.h"

#include <math.h>

struct counts {
    int forward, activations, epilogues;
};

static void count_launches(void *user, const oc_profile_entry *entry)
{
    struct counts *counts = user;
    const bool has_weights = strcmp(entry->op, "conv") == 0 || strcmp(entry->op, "dense") == 0 ||
                             strcmp(entry->op, "conv_transpose") == 0;
    counts->forward += has_weights && !entry->backward;
    counts->activations += strcmp(entry->op, "relu") == 0 || strcmp(entry->op, "tanh") == 0 ||
                           strcmp(entry->op, "leaky_relu") == 0;
}

struct net {
    oc_graph *graph;
    oc_tensor *x, *between, *y, *loss;
};

enum { N = 2, PIXELS = 36, FILTERS = 3 };

static oc_tensor *leaky(oc_tensor *x)
{
    return oc_leaky_relu(x, 0.25f);
}

/* Layers with weights, each from PIXELS values to FILTERS. */
enum kind { CONV, DENSE, CONV_TRANSPOSE, KIND_COUNT };

static oc_tensor *layer(enum kind kind, oc_tensor *x)
{
    const int64_t pixel[OC_MAX_RANK] = { -1, PIXELS, 1 };
    if (kind == DENSE)
        return oc_dense(oc_flatten(x), &(oc_dense_desc){ .name = "layer", .units = FILTERS });
    if (kind == CONV_TRANSPOSE)
        return oc_conv_transpose(
            oc_reshape(x, pixel),
            &(oc_conv_transpose_desc){ .name = "layer", .filters = FILTERS, .window = { 1 } });
    return oc_conv(x, &(oc_conv_desc){ .name = "layer", .filters = FILTERS, .window = { 6 } });
}

static struct net build(enum kind kind, oc_tensor *(*activation)(oc_tensor *), bool second_reader)
{
    struct net net = { .graph = oc_graph_create(NULL) };
    net.x = floats(net.graph, "x", N, 1, 6, 6);
    net.between = layer(kind, net.x);
    net.y = activation(net.between);
    oc_tensor *sum = second_reader ? oc_add(net.y, net.between) : net.y;
    net.loss = oc_dot(sum, sum);
    CHECK(oc_graph_check(net.graph));
    return net;
}

/* Launches of layers and activations when `outputs` can be read. */
static struct counts launches(oc_device *device, const struct net *net, oc_tensor *const *outputs, bool train)
{
    oc_model *model = NULL;
    struct counts counts = { 0 };
    CHECK(oc_model_create(
        &model, net->graph, device,
        &(oc_model_desc){ .loss = net->loss, .outputs = outputs, .implementations = "reference" }));
    CHECK(oc_model_profile(model, train, count_launches, &counts));
    oc_model_destroy(model);
    return counts;
}

Test(fuse, a_layer_and_its_activation_are_one_launch)
{
    static oc_tensor *(*const activations[])(oc_tensor *) = { oc_relu, oc_tanh, leaky };
    oc_device *device = fixture_open();
    for (int kind = 0; kind < KIND_COUNT; kind++)
        for (int a = 0; a < COUNT_OF(activations); a++)
            for (int train = 0; train < 2; train++) {
                struct net plain = build((enum kind)kind, activations[a], false),
                           read = build((enum kind)kind, activations[a], true);
                oc_tensor *const y[] = { plain.y, NULL }, *const between[] = { plain.between, plain.y, NULL };
                const struct counts fused = launches(device, &plain, y, train),
                                    kept = launches(device, &plain, between, train),
                                    shared = launches(device, &read, NULL, train);
                cr_expect(fused.forward == 1 && fused.activations == 0, "%d %d %d: %d and %d launches", kind,
                          a, train, fused.forward, fused.activations);
                cr_expect(kept.forward == 1 && kept.activations == 1, "what the host reads was fused away");
                cr_expect(shared.forward == 1 && shared.activations == 1,
                          "what has two readers was fused away");
                oc_graph_destroy(plain.graph);
                oc_graph_destroy(read.graph);
            }
    oc_device_close(device);
}

/* One function per layer, and only directly behind it. */
Test(fuse, only_the_first_function_joins)
{
    oc_device *device = fixture_open();
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *x = floats(graph, "x", N, 1, 6, 6);
    oc_tensor *conv = oc_conv(x, &(oc_conv_desc){ .filters = FILTERS, .window = { 3 } });
    oc_tensor *y = oc_sigmoid(oc_relu(conv));
    y = oc_relu(oc_max_pool(y, &(oc_pool_desc){ .window = { 2 } }));
    struct plan *plan =
        plan_of(device, graph, &(oc_model_desc){ .outputs = (oc_tensor *const[]){ y, NULL } }, false);
    const struct node *n = twin(plan, y)->producer;
    cr_expect(count_nodes(plan, "sigmoid", -1) == 1 && count_nodes(plan, "relu", -1) == 1);
    cr_expect(strcmp(n->op->name, "relu") == 0 && !n->epilogue.function);
    for (n = plan->graph->first; n; n = n->next)
        cr_expect(strcmp(n->op->name, "conv") == 0
                      ? n->epilogue.function && strcmp(n->epilogue.function, "apply_relu") == 0
                      : !n->epilogue.function,
                  "%s", n->name);
    plan_destroy(plan);
    oc_graph_destroy(graph);
    oc_device_close(device);
}

/* The same values, whether the function is applied before storing or after reading, in both directions. */
Test(fuse, joining_changes_no_value)
{
    static oc_tensor *(*const activations[])(oc_tensor *) = { oc_relu, oc_tanh, leaky };
    oc_device *device = fixture_open();
    float x[N * PIXELS];
    for (int i = 0; i < N * PIXELS; i++)
        x[i] = (float)(i * 29 % 72) / 36 - 1;
    for (int a = 0; a < COUNT_OF(activations) * KIND_COUNT; a++) {
        float y[2][N * FILTERS], gradient[2][FILTERS * PIXELS];
        for (int fused = 0; fused < 2; fused++) {
            oc_model *model = NULL;
            struct net net = build((enum kind)(a % KIND_COUNT), activations[a / KIND_COUNT], false);
            const oc_feed feeds[] = { { net.x, x, NULL }, { 0 } };
            const oc_fetch fetches[] = { { .tensor = net.y, .data = y[fused] }, { 0 } };
            oc_tensor *const outputs[] = { net.y, fused ? NULL : net.between, NULL };
            CHECK(oc_model_create(&model, net.graph, device,
                                  &(oc_model_desc){ .loss = net.loss, .outputs = outputs, .seed = 3 }));
            CHECK(oc_compute_gradients(model, N, feeds, fetches));
            oc_parameter_info info;
            CHECK(oc_parameter_info_at(model, 0, &info));
            CHECK(oc_parameter_get(model, info.name, OC_GRADIENT, gradient[fused], FILTERS * PIXELS));
            CHECK(oc_infer(model, N, feeds, fetches));
            oc_model_destroy(model);
            oc_graph_destroy(net.graph);
        }
        for (int i = 0; i < N * FILTERS; i++)
            cr_expect(y[0][i] == y[1][i], "%d: y[%d] is %g and %g", a, i, (double)y[0][i], (double)y[1][i]);
        for (int i = 0; i < FILTERS * PIXELS; i++)
            cr_expect(gradient[0][i] == gradient[1][i] && isfinite(gradient[0][i]), "%d: gradient[%d]", a, i);
    }
    oc_device_close(device);
}

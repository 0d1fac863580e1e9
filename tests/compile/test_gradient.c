/* test_gradient.c - the backward pass: what it appends, what it leaves out, and where the parameters lie. */
#include "compile/plans.h"
#include "support/operand.h"

#include <math.h>
#include <stdlib.h>

enum { N = 3, C = 5, COUNT = N * C };

static const float x_values[COUNT] = { -2, -1, 0.5f, 1, 2, 3, -3, 0.25f, -0.25f, 4, 1, -1, 2, -2, 0.125f };
static const float b_values[COUNT] = { 1, 2, 3, 4, 5, -1, -2, -3, -4, -5, 0.5f, 0.5f, 2, 2, 1 };

/* The loss is the inner product of `build`'s result with b, so dy is b. Fetches the gradient of x. */
static void input_gradient(oc_device *device, oc_tensor *(*build)(oc_tensor *x), float gradient[COUNT])
{
    oc_model *model = NULL;
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *x = oc_input(graph, &(oc_input_desc){ .name = "x", .shape = { N, C }, .gradient = true });
    oc_tensor *b = oc_input(graph, &(oc_input_desc){ .name = "b", .shape = { N, C } });
    CHECK(oc_model_create(&model, graph, device, &(oc_model_desc){ .loss = oc_dot(build(x), b) }));
    CHECK(oc_train_step(model, N, (oc_feed[]){ { x, x_values, NULL }, { b, b_values, NULL }, { 0 } },
                        (oc_fetch[]){ { .tensor = x, .data = gradient, .gradient = true }, { 0 } }));
    oc_model_destroy(model);
    oc_graph_destroy(graph);
}

static oc_tensor *twice(oc_tensor *x)
{
    return oc_add(x, x);
}

static oc_tensor *three_ways(oc_tensor *x)
{
    return oc_add(oc_add(oc_relu(x), oc_leaky_relu(x, 0.25f)), x);
}

static oc_tensor *chained(oc_tensor *x) /* y = x + x, then y + relu(y) */
{
    oc_tensor *y = oc_add(x, x);
    return oc_add(y, oc_relu(y));
}

static double derivative(int which, double x)
{
    return which == 0 ? 2 : which == 1 ? (x > 0 ? 3 : 1.25) : x > 0 ? 4 : 2;
}

Test(gradient, what_is_used_several_times_gets_the_sum)
{
    static oc_tensor *(*const builds[])(oc_tensor *) = { twice, three_ways, chained };
    oc_device *device = fixture_open();
    for (int k = 0; k < COUNT_OF(builds); k++) {
        float gradient[COUNT];
        for (int i = 0; i < COUNT; i++)
            gradient[i] = NAN;
        input_gradient(device, builds[k], gradient);
        for (int i = 0; i < COUNT; i++) { /* all numbers are short in binary: exact */
            const double want = derivative(k, (double)x_values[i]) * (double)b_values[i];
            cr_expect((double)gradient[i] == want, "%d: gradient[%d] is %g, not %g", k, i,
                      (double)gradient[i], want);
        }
    }
    oc_device_close(device);
}

struct stack {
    oc_graph *graph;
    oc_tensor *image, *label, *features, *logits, *loss;
};

/* Two convolutions and a dense layer; which of them are frozen, and whether the image wants a gradient. */
static struct stack stack(bool first, bool second, bool third, bool image)
{
    struct stack s = { .graph = oc_graph_create(NULL), .label = NULL };
    s.image =
        oc_input(s.graph, &(oc_input_desc){ .name = "image", .shape = { 4, 1, 8, 8 }, .gradient = image });
    s.label = labels(s.graph, 4);
    oc_tensor *x = oc_relu(
        oc_conv(s.image, &(oc_conv_desc){ .name = "first", .filters = 3, .window = { 3 }, .frozen = first }));
    x = oc_max_pool(x, &(oc_pool_desc){ .window = { 2 } });
    x = oc_relu(
        oc_conv(x, &(oc_conv_desc){ .name = "second", .filters = 4, .window = { 2 }, .frozen = second }));
    s.features = oc_flatten(x);
    s.logits = oc_dense(s.features, &(oc_dense_desc){ .name = "third", .units = 3, .frozen = third });
    s.loss = oc_softmax_cross_entropy(s.logits, s.label);
    CHECK(oc_graph_check(s.graph));
    return s;
}

Test(gradient, only_what_is_wanted_is_computed)
{
    static const struct {
        const char *name;
        bool first, second, third, image;
        int data, filter, sums, pools, activations, updates;
    } table[] = {
        { "everything trained", false, false, false, false, 2, 3, 3, 1, 2, 1 },
        { "frozen prefix", true, true, false, false, 0, 1, 1, 0, 0, 1 },
        { "frozen first layer", true, false, false, false, 1, 2, 2, 0, 1, 1 },
        { "frozen in the middle", false, true, false, false, 2, 2, 2, 1, 2, 1 },
        { "frozen head", false, false, true, false, 2, 2, 2, 1, 2, 1 },
        { "only the image", true, true, true, true, 3, 0, 0, 1, 2, 0 },
        { "the image too", false, false, false, true, 3, 3, 3, 1, 2, 1 },
        { "nothing", true, true, true, false, 0, 0, 0, 0, 0, 0 },
    };
    oc_device *device = fixture_open();
    for (int i = 0; i < COUNT_OF(table); i++) {
        struct stack s = stack(table[i].first, table[i].second, table[i].third, table[i].image);
        const oc_model_desc desc = { .loss = s.loss, .implementations = "reference" };
        struct plan *plan = plan_of(device, s.graph, &desc, true);
        const struct {
            const char *op;
            int wanted;
        } counts[] = { { "conv_backward_data", table[i].data },
                       { "conv_backward_filter", table[i].filter },
                       { "channel_sum", table[i].sums },
                       { "max_pool_backward", table[i].pools },
                       { "sgd", table[i].updates },
                       { "softmax_cross_entropy_backward", table[i].data + table[i].filter > 0 } };
        for (int k = 0; k < COUNT_OF(counts); k++)
            cr_expect_eq(count_nodes(plan, counts[k].op, -1), counts[k].wanted, "%s: %d of %s, not %d",
                         table[i].name, count_nodes(plan, counts[k].op, -1), counts[k].op, counts[k].wanted);
        const int activations =
            count_nodes(plan, "activation_backward", -1) + count_epilogues(plan, EPILOGUE_KEPT);
        cr_expect_eq(activations, table[i].activations, "%s: %d activations backwards", table[i].name,
                     activations);
        plan_destroy(plan);
        plan = plan_of(device, s.graph, &desc, false);
        cr_expect(count_nodes(plan, "sgd", -1) == 0 && count_nodes(plan, "fill", -1) == 0, "%s",
                  table[i].name);
        for (const struct node *n = plan->graph->first; n; n = n->next)
            cr_expect(!n->backward, "%s: %s infers backwards", table[i].name, n->name);
        plan_destroy(plan);
        oc_graph_destroy(s.graph);
    }
    oc_device_close(device);
}

/* Values and gradients at the same places of their regions, the last layer first, and frozen ones where no update
 * comes; and the inference plan finds the values where the training plan has them. */
Test(gradient, parameters_lie_where_the_update_finds_them)
{
    oc_device *device = fixture_open();
    struct stack s = stack(false, true, false, false);
    const oc_model_desc desc = { .loss = s.loss, .optimizer = { .momentum = 0.5f } };
    struct plan *train = plan_of(device, s.graph, &desc, true),
                *infer = plan_of(device, s.graph, &desc, false);
    int64_t last = INT64_MAX;
    int trained = 0, frozen = 0;
    cr_assert_eq(train->slabs[REGION_GRADIENTS].count, 1);
    cr_assert_eq(train->slabs[REGION_PARAMETERS].count, 2);
    cr_expect_eq(train->slabs[REGION_MOMENTUM].bytes[0], train->slabs[REGION_GRADIENTS].bytes[0]);
    for (size_t i = 0; i < s.graph->tensor_count; i++) {
        const oc_tensor *w = train->graph->tensors[i], *v = infer->graph->tensors[i];
        if (w->kind != TENSOR_PARAMETER || !w->name)
            continue;
        cr_expect(w->region == REGION_PARAMETERS && v->region == w->region && v->slab == w->slab &&
                      v->offset == w->offset,
                  "%s", w->name);
        cr_expect_null(v->gradient, "%s", w->name);
        frozen += w->parameter->frozen;
        trained += !w->parameter->frozen;
        if (w->parameter->frozen) {
            cr_expect(!w->gradient && w->slab == 1, "%s", w->name);
            continue;
        }
        cr_assert(w->gradient, "%s", w->name);
        cr_expect(w->gradient->region == REGION_GRADIENTS && w->gradient->slab == w->slab &&
                      w->gradient->offset == w->offset && w->slab == 0,
                  "%s", w->name);
        cr_expect(w->offset < last, "%s does not lie before the layer before it", w->name);
        last = w->offset;
    }
    cr_expect(trained == 4 && frozen == 2);
    plan_destroy(train);
    plan_destroy(infer);
    oc_graph_destroy(s.graph);
    oc_device_close(device);
}

static float *values_of(oc_model *model, const char *name, int64_t *count)
{
    oc_parameter_info info;
    CHECK(oc_parameter_info_of(model, name, &info));
    float *values = floats_unset(info.count);
    CHECK(oc_parameter_get(model, name, OC_VALUE, values, info.count));
    *count = info.count;
    return values;
}

/* A training step changes what is trained and nothing else. */
Test(gradient, frozen_and_unreached_parameters_stay)
{
    static const struct {
        const char *name;
        bool moves;
    } parameters[] = { { "first.weight", true },  { "first.bias", true },   { "second.weight", false },
                       { "second.bias", false },  { "third.weight", true }, { "third.bias", true },
                       { "aside.weight", false }, { "aside.bias", false } };
    oc_device *device = fixture_open();
    oc_model *model = NULL;
    struct stack s = stack(false, true, false, false);
    oc_tensor *aside = oc_dense(s.features, &(oc_dense_desc){ .name = "aside", .units = 2 });
    CHECK(oc_model_create(&model, s.graph, device,
                          &(oc_model_desc){ .loss = s.loss,
                                            .outputs = (oc_tensor *const[]){ aside, NULL },
                                            .optimizer = { .rate = 0.5f } }));
    float image[4 * 64], *before[COUNT_OF(parameters)], value;
    int64_t count;
    for (int i = 0; i < 4 * 64; i++)
        image[i] = (float)(i * 37 % 64) / 32 - 1;
    for (int i = 0; i < COUNT_OF(parameters); i++)
        before[i] = values_of(model, parameters[i].name, &count);
    CHECK(oc_train_step(
        model, 4,
        (oc_feed[]){ { s.image, image, NULL }, { s.label, (int32_t[]){ 0, 1, 2, 0 }, NULL }, { 0 } }, NULL));
    for (int i = 0; i < COUNT_OF(parameters); i++) {
        float *after = values_of(model, parameters[i].name, &count);
        const bool moved = memcmp(before[i], after, sizeof(float) * (size_t)count) != 0;
        cr_expect_eq(moved, parameters[i].moves, "%s %s", parameters[i].name, moved ? "moved" : "stayed");
        oc_parameter_info info;
        CHECK(oc_parameter_info_of(model, parameters[i].name, &info));
        cr_expect_eq(info.frozen, strncmp(info.name, "second", 6) == 0);
        if (!parameters[i].moves)
            expect_failure(oc_parameter_get(model, parameters[i].name, OC_GRADIENT, &value, 1),
                           OC_E_NOT_FOUND, "the model keeps no gradient for parameter", parameters[i].name);
        free(before[i]);
        free(after);
    }
    oc_model_destroy(model);
    oc_graph_destroy(s.graph);
    oc_device_close(device);
}

/* Nothing to train is no error: the step counts, the loss can be read. */
Test(gradient, a_loss_without_parameters_can_be_stepped)
{
    oc_device *device = fixture_open();
    oc_model *model = NULL;
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *x = oc_input(graph, &(oc_input_desc){ .name = "x", .shape = { N, C } });
    oc_tensor *b = oc_input(graph, &(oc_input_desc){ .name = "b", .shape = { N, C } });
    oc_tensor *loss = oc_dot(x, b), *aside = oc_dense(x, &(oc_dense_desc){ .name = "aside", .units = 2 });
    CHECK(oc_model_create(&model, graph, device,
                          &(oc_model_desc){ .loss = loss, .outputs = (oc_tensor *const[]){ aside, NULL } }));
    float got = NAN, gradient;
    double want = 0;
    for (int i = 0; i < COUNT; i++)
        want += (double)x_values[i] * (double)b_values[i];
    CHECK(oc_train_step(model, N, (oc_feed[]){ { x, x_values, NULL }, { b, b_values, NULL }, { 0 } },
                        (oc_fetch[]){ { .tensor = loss, .data = &got }, { 0 } }));
    cr_expect((double)got == want, "the loss is %g, not %g", (double)got, want);
    cr_expect_eq(oc_model_get_step(model), 1);
    expect_failure(oc_train_step(model, N, NULL,
                                 (oc_fetch[]){ { .tensor = x, .data = &gradient, .gradient = true }, { 0 } }),
                   OC_E_NOT_FOUND, "there is no gradient of \"x\" to fetch", "a gradient that nobody wanted");
    oc_memory_info memory;
    oc_model_get_memory(model, &memory);
    cr_expect(memory.gradients == 0 && memory.optimizer == 0 && memory.parameters > 0);
    oc_model_destroy(model);
    oc_graph_destroy(graph);
    oc_device_close(device);
}

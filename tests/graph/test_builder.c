/* test_builder.c - what a user can get wrong while building a graph: one sentence that names the layer and the
 * numbers, nothing after it, and the same sentence from oc_model_create. */
#include "support/case.h"
#include "support/fixture.h"
#include "support/scratch.h"
#include "graph/op.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct wrong {
    const char *name;
    oc_tensor *(*build)(const struct wrong *w, oc_graph *graph, oc_tensor *x);
    int64_t shape[OC_MAX_RANK]; /* of the input x */
    union {
        oc_conv_desc conv;
        oc_conv_transpose_desc conv_transpose;
        oc_dense_desc dense;
        oc_pool_desc pool;
        oc_upsample_desc upsample;
        oc_pad_desc pad;
        int64_t other[OC_MAX_RANK];
        float slope;
    };
    oc_status status;
    const char *words;
};

static oc_tensor *input(oc_graph *graph, const char *name, const int64_t shape[OC_MAX_RANK], oc_type type)
{
    oc_input_desc desc = { .name = name, .type = type };
    memcpy(desc.shape, shape, sizeof desc.shape);
    return oc_input(graph, &desc);
}

/* The second input of what has two. */
static oc_tensor *other(const struct wrong *w, oc_graph *graph, oc_type type)
{
    return input(graph, "other", w->other, type);
}

#define BUILD(name, expression)                                                                              \
    static oc_tensor *name(const struct wrong *w, oc_graph *graph, oc_tensor *x)                             \
    {                                                                                                        \
        (void)w;                                                                                             \
        (void)graph;                                                                                         \
        (void)x;                                                                                             \
        return (expression);                                                                                 \
    }

BUILD(conv, oc_conv(x, &w->conv))
BUILD(conv_of_nothing, oc_conv(x, NULL))
BUILD(conv_of_labels, oc_conv(other(w, graph, OC_I32), &(oc_conv_desc){ .filters = 1, .window = { 1 } }))
BUILD(conv_transpose, oc_conv_transpose(x, &w->conv_transpose))
BUILD(conv_transpose_of_nothing, oc_conv_transpose(x, NULL))
BUILD(conv_transpose_of_labels,
      oc_conv_transpose(other(w, graph, OC_I32), &(oc_conv_transpose_desc){ .filters = 1, .window = { 1 } }))
BUILD(dense, oc_dense(x, &w->dense))
BUILD(dense_of_nothing, oc_dense(x, NULL))
BUILD(dense_of_labels, oc_dense(other(w, graph, OC_I32), &(oc_dense_desc){ .units = 1 }))
BUILD(max_pool, oc_max_pool(x, &w->pool))
BUILD(average_pool, oc_average_pool(x, &w->pool))
BUILD(l2_pool, oc_l2_pool(x, &w->pool))
BUILD(pool_of_nothing, oc_max_pool(x, NULL))
BUILD(pool_of_labels, oc_l2_pool(other(w, graph, OC_I32), &(oc_pool_desc){ .window = { 1 } }))
BUILD(global_max_pool, oc_global_max_pool(x))
BUILD(global_average_pool, oc_global_average_pool(x))
BUILD(add, oc_add(x, other(w, graph, OC_F32)))
BUILD(add_labels, oc_add(other(w, graph, OC_I32), oc_reshape(other(w, graph, OC_I32), w->other)))
BUILD(add_nothing, oc_add(x, NULL))
BUILD(add_label, oc_add(x, other(w, graph, OC_I32)))
BUILD(mean_squared_error, oc_mean_squared_error(x, other(w, graph, OC_F32)))
BUILD(mean_squared_label, oc_mean_squared_error(x, other(w, graph, OC_I32)))
BUILD(dot, oc_dot(x, other(w, graph, OC_F32)))
BUILD(cross_entropy, oc_softmax_cross_entropy(x, other(w, graph, OC_I32)))
BUILD(cross_entropy_of_floats, oc_softmax_cross_entropy(x, other(w, graph, OC_F32)))
BUILD(cross_entropy_of_labels, oc_softmax_cross_entropy(other(w, graph, OC_I32), x))
BUILD(cross_entropy_with_computed_labels,
      oc_softmax_cross_entropy(x, oc_reshape(other(w, graph, OC_I32), (int64_t[OC_MAX_RANK]){ 2 })))
BUILD(leaky_relu, oc_leaky_relu(x, w->slope))
BUILD(elu, oc_elu(x, w->slope))
BUILD(scale, oc_scale(x, w->slope))
BUILD(dropout, oc_dropout(x, w->slope))
BUILD(channel_dropout, oc_channel_dropout(x, w->slope))
BUILD(depth, oc_stochastic_depth(x, &(oc_stochastic_depth_desc){ .survival = w->slope }))
BUILD(depth_of_nothing, oc_stochastic_depth(x, NULL))
BUILD(smoothed, oc_softmax_cross_entropy_smoothed(x, other(w, graph, OC_I32), 1.5f))
BUILD(smooth_l1, oc_smooth_l1(x, other(w, graph, OC_F32), 0))
BUILD(upsample, oc_upsample(x, &w->upsample))
BUILD(upsample_labels, oc_upsample(other(w, graph, OC_I32), &(oc_upsample_desc){ .factor = { 2 } }))
BUILD(pad, oc_pad(x, &w->pad))
BUILD(pad_labels, oc_pad(other(w, graph, OC_I32), NULL))
BUILD(maxout, oc_maxout(x, 3))
BUILD(slice, oc_slice(x, (int)w->other[0], (int)w->other[1]))
BUILD(concat, oc_concat((oc_tensor *[]){ x, other(w, graph, OC_F32) }, 2))
BUILD(lrn, oc_lrn(x, &(oc_lrn_desc){ .size = (int)w->other[0] }))
BUILD(batch_norm, oc_batch_norm(x, NULL))
BUILD(prelu, oc_prelu(x, NULL))
BUILD(multiply, oc_multiply(x, other(w, graph, OC_F32)))
BUILD(weighted_sum, oc_weighted_sum((oc_tensor *[]){ oc_sum(x), x }, (float[]){ 1, 1 }, 2))
BUILD(weighted_nan, oc_weighted_sum((oc_tensor *[]){ oc_sum(x) }, (float[]){ NAN }, 1))
BUILD(relu_of_labels, oc_relu(other(w, graph, OC_I32)))
BUILD(softmax_of_labels, oc_softmax(other(w, graph, OC_I32)))
BUILD(softmax, oc_softmax(x))
BUILD(reshape, oc_reshape(x, w->other))
BUILD(reshape_scalar, oc_reshape(oc_dot(x, x), (int64_t[OC_MAX_RANK]){ 1 }))
BUILD(reshape_nothing, oc_reshape(x, NULL))
BUILD(flatten_scalar, oc_flatten(oc_dot(x, x)))
BUILD(unnamed_input, oc_input(graph, &(oc_input_desc){ .shape = { 1 } }))
BUILD(empty_name, oc_input(graph, &(oc_input_desc){ .name = "", .shape = { 1 } }))
BUILD(input_of_nothing, oc_input(graph, NULL))
BUILD(input_without_shape, oc_input(graph, &(oc_input_desc){ .name = "wrong" }))
BUILD(input_of, input(graph, "wrong", w->other, OC_F32))
BUILD(input_of_unknown_type, input(graph, "wrong", w->other, (oc_type)7))
BUILD(label_with_gradient,
      oc_input(graph, &(oc_input_desc){ .name = "wrong", .shape = { 1 }, .type = OC_I32, .gradient = true }))
BUILD(input_twice, input(graph, "x", w->shape, OC_F32))
BUILD(layer_twice, oc_conv(oc_conv(x, &w->conv), &w->conv))
BUILD(name_of_nothing, oc_named(oc_relu(x), NULL))

static oc_tensor *of_two_graphs(const struct wrong *w, oc_graph *graph, oc_tensor *x)
{
    static oc_graph *second;
    (void)graph;
    oc_graph_destroy(second); /* of the call before */
    second = oc_graph_create(NULL);
    return w ? oc_add(x, input(second, "second", w->shape, OC_F32)) : NULL;
}

#include "graph/window_mistakes.h"
#include "graph/value_mistakes.h"

/* What a failed graph does from then on: nothing. */
static void expect_poison(oc_graph *graph, oc_tensor *x, oc_tensor *y, const struct wrong *w)
{
    oc_layer_info layer;
    int64_t shape[OC_MAX_RANK];
    const size_t tensors = graph->tensor_count;
    const struct node *last = graph->last;
    cr_assert_not_null(y, "%s", w->name);
    cr_expect_eq(oc_tensor_shape(y, shape), -1, "%s", w->name);
    cr_expect_eq(oc_tensor_shape(x, shape), -1, "%s: x has a shape in a failed graph", w->name);
    cr_expect_str_eq(oc_tensor_name(y), "", "%s", w->name);
    cr_expect_eq(oc_graph_layer_count(graph), 0, "%s", w->name);
    cr_expect_eq(oc_graph_layer(graph, 0, &layer), w->status, "%s", w->name);
    oc_tensor *z = oc_input(graph, &(oc_input_desc){ .name = "late", .shape = { -1 } });
    z = oc_named(oc_add(oc_relu(x), z), "late");
    z = oc_conv(oc_global_average_pool(oc_max_pool(oc_flatten(z), NULL)), NULL);
    z = oc_softmax_cross_entropy(oc_dense(oc_reshape(z, (int64_t[OC_MAX_RANK]){ 1 }), NULL), y);
    cr_expect_not_null(z, "%s", w->name);
    oc_reshape(x, (int64_t[OC_MAX_RANK]){ 99 }); /* has an error of its own, which comes second */
    cr_expect(graph->tensor_count == tensors && graph->last == last, "%s: a failed graph grew", w->name);
}

static void expect_failed(oc_graph *graph, const struct wrong *w)
{
    fail_again(OC_E_FILE, "something else");
    expect_failure(oc_graph_check(graph), w->status, w->words, w->name);
}

static void make_mistake(oc_device *device, const struct wrong *w)
{
    oc_model *model = (oc_model *)&model;
    oc_memory_info info;
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *x = input(graph, "x", w->shape, OC_F32);
    CHECK(oc_graph_check(graph));
    oc_tensor *y = w->build(w, graph, x);
    expect_failed(graph, w);
    expect_poison(graph, x, y, w);
    expect_failed(graph, w);
    const oc_model_desc desc = { .loss = y, .outputs = (oc_tensor *const[]){ x, y, NULL } };
    expect_failure(oc_model_create(&model, graph, device, &desc), w->status, w->words, w->name);
    cr_expect_null(model, "%s", w->name);
    expect_failure(oc_model_predict_memory(&info, graph, device, &desc), w->status, w->words, w->name);
    oc_graph_destroy(graph);
}

Test(builder, every_mistake_has_its_sentence)
{
    oc_device *device = fixture_open();
    for (int i = 0; i < COUNT_OF(window_mistakes); i++)
        make_mistake(device, &window_mistakes[i]);
    for (int i = 0; i < COUNT_OF(value_mistakes); i++)
        make_mistake(device, &value_mistakes[i]);
    of_two_graphs(NULL, NULL, NULL);
    oc_device_close(device);
}

/* A NULL in first place leads to no graph, so only the model can say so. */
Test(builder, a_layer_of_nothing_is_noticed_by_the_model)
{
    oc_device *device = fixture_open();
    oc_model *model = NULL;
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *x = input(graph, "x", (int64_t[OC_MAX_RANK]){ 2, 3 }, OC_F32);
    oc_tensor *lost[] = { oc_relu(NULL),
                          oc_add(NULL, x),
                          oc_conv(NULL, NULL),
                          oc_global_max_pool(NULL),
                          oc_reshape(NULL, NULL),
                          oc_named(NULL, "name"),
                          oc_input(NULL, &(oc_input_desc){ .name = "x", .shape = { 1 } }) };
    CHECK(oc_graph_check(graph));
    for (int i = 0; i < COUNT_OF(lost); i++) {
        cr_assert_not_null(lost[i]);
        expect_failure(oc_model_create(&model, graph, device, &(oc_model_desc){ .loss = oc_dot(lost[i], x) }),
                       OC_E_ARGUMENT, "a layer was given NULL instead of a tensor", "a loss of nothing");
        expect_failure(oc_model_create(&model, graph, device,
                                       &(oc_model_desc){ .outputs = (oc_tensor *const[]){ lost[i], NULL } }),
                       OC_E_ARGUMENT, "a layer was given NULL instead of a tensor", "an output of nothing");
    }
    oc_graph_destroy(graph);
    oc_graph_destroy(NULL);
    oc_device_close(device);
}

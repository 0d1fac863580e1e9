/* test_graph.c - what building leaves in the graph: defaults, names, order, the layer list, and a model's copy of it. */
#include "support/case.h"
#include "support/fixture.h"
#include "support/scratch.h"
#include "graph/op.h"

#include <ocelli/models.h>
#include <stdio.h>
#include <string.h>

/* Growing a descriptor changes the binary interface: the soname must grow with it. */
Test(graph, descriptors_have_the_sizes_that_users_compiled)
{
    const struct {
        const char *name;
        size_t size, wanted;
    } sizes[] = {
#define SIZE(type, wanted) { #type, sizeof(type), wanted }
        /* clang-format off */
        SIZE(oc_allocator, 16),
        SIZE(oc_device_info, 784),
        SIZE(oc_device_desc, 24),
        SIZE(oc_graph_desc, 8),
        SIZE(oc_input_desc, 56),
        SIZE(oc_init, 8),
        SIZE(oc_conv_desc, 112),
        SIZE(oc_conv_transpose_desc, 120),
        SIZE(oc_dense_desc, 32),
        SIZE(oc_pool_desc, 88),
        SIZE(oc_upsample_desc, 32),
        SIZE(oc_pad_desc, 32),
        SIZE(oc_layer_info, 112),
        SIZE(oc_optimizer_desc, 40),
        SIZE(oc_model_desc, 104),
        SIZE(oc_memory_info, 48),
        SIZE(oc_feed, 24),
        SIZE(oc_fetch, 32),
        SIZE(oc_profile_entry, 64),
        SIZE(oc_parameter_info, 72),
        SIZE(oc_save_desc, 16),
        SIZE(oc_array, 80),
        SIZE(oc_dataset, 48),
        SIZE(oc_xo_desc, 40),
        SIZE(oc_shapes_desc, 32),
        SIZE(oc_train_event, 96),
        SIZE(oc_train_desc, 128),
        SIZE(oc_net_desc, 24),
        SIZE(oc_net, 48),
        SIZE(oc_batch_norm_desc, 24),
        SIZE(oc_lrn_desc, 16),
        SIZE(oc_stochastic_depth_desc, 8),
        SIZE(oc_prelu_desc, 24),
#undef SIZE
    };
    /* clang-format on */
    if (sizeof(void *) != 8)
        cr_skip_test("sizes are those of 64-bit systems");
    for (int i = 0; i < COUNT_OF(sizes); i++)
        cr_expect_eq(sizes[i].size, sizes[i].wanted, "sizeof(%s) is %zu", sizes[i].name, sizes[i].size);
}

static oc_tensor *image(oc_graph *graph)
{
    return oc_input(graph, &(oc_input_desc){ .name = "image", .shape = { 2, 4, 9, 9 } });
}

static void expect_shape(const oc_tensor *x, const char *wanted)
{
    cr_expect_str_eq(SHAPE_TEXT(&x->shape), wanted, "%s is %s, not %s", oc_tensor_name(x),
                     SHAPE_TEXT(&x->shape), wanted);
}

Test(graph, zero_means_the_documented_default)
{
    oc_graph *graph = oc_graph_create(&(oc_graph_desc){ 0 });
    oc_tensor *x = image(graph);
    oc_tensor *conv = oc_conv(x, &(oc_conv_desc){ .filters = 6, .window = { 3 } });
    oc_tensor *dense = oc_dense(oc_flatten(x), &(oc_dense_desc){ .units = 5 });
    CHECK(oc_graph_check(graph));
    cr_expect(x->type == ELEMENT_F32 && !x->wants_gradient);
    expect_shape(conv, "2x6x7x7"); /* stride 1, dilation 1, no padding */
    expect_shape(oc_max_pool(x, &(oc_pool_desc){ .window = { 2 } }), "2x4x4x4"); /* stride 2, floor */
    expect_shape(oc_average_pool(x, &(oc_pool_desc){ .window = { 2, 3 } }), "2x4x4x3");
    expect_shape(oc_l2_pool(x, &(oc_pool_desc){ .window = { 4 } }), "2x4x2x2");
    oc_tensor *const layers[] = { conv, dense };
    for (int i = 0; i < COUNT_OF(layers); i++) {
        const struct node *n = layers[i]->producer;
        cr_assert_eq(n->parameter_count, 2);
        const oc_tensor *w = n->in[1], *b = n->in[2];
        cr_expect(!w->parameter->frozen && w->wants_gradient && b->wants_gradient &&
                  layers[i]->wants_gradient);
        expect_shape(w, i == 0 ? "6x4x3x3" : "5x324"); /* one group */
        expect_shape(b, i == 0 ? "6" : "5");
        cr_expect_str_eq(w->name, i == 0 ? "conv1.weight" : "dense1.weight");
        cr_expect_str_eq(b->name, i == 0 ? "conv1.bias" : "dense1.bias");
    }
    cr_expect_str_eq(oc_tensor_name(conv), "conv1");
    oc_graph_destroy(graph);
}

Test(graph, the_rank_of_the_input_is_that_of_the_layer)
{
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *line = oc_input(graph, &(oc_input_desc){ .name = "line", .shape = { 2, 4, 9 } });
    oc_tensor *volume = oc_input(graph, &(oc_input_desc){ .name = "volume", .shape = { 2, 4, 9, 8, 7 } });
    const oc_conv_desc desc = { .filters = 8, .window = { 3 }, .groups = 2 };
    oc_tensor *line_y = oc_conv(line, &desc), *volume_y = oc_conv(volume, &desc);
    expect_shape(line_y, "2x8x7");
    expect_shape(volume_y, "2x8x7x6x5");
    expect_shape(line_y->producer->in[1], "8x2x3");
    expect_shape(volume_y->producer->in[1], "8x2x3x3x3");
    expect_shape(oc_global_max_pool(volume), "2x4");
    expect_shape(oc_global_average_pool(line), "2x4");
    expect_shape(oc_global_l2_pool(image(graph)), "2x4");
    expect_shape(oc_flatten(volume), "2x2016");
    expect_shape(oc_reshape(volume, (int64_t[OC_MAX_RANK]){ -1, 6, -1 }), "2x6x336");
    expect_shape(oc_reshape(volume, (int64_t[OC_MAX_RANK]){ 2, -1 }), "2x2016");
    expect_shape(oc_dot(line, line), "scalar");
    CHECK(oc_graph_check(graph));
    oc_graph_destroy(graph);
}

Test(graph, layers_are_named_and_numbered)
{
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *x = image(graph);
    cr_expect_str_eq(oc_tensor_name(x), "image");
    cr_expect_str_eq(oc_tensor_name(NULL), "");
    cr_expect_str_eq(oc_tensor_name(oc_relu(x)), "relu1");
    cr_expect_str_eq(oc_tensor_name(oc_tanh(x)), "tanh1");
    cr_expect_str_eq(oc_tensor_name(oc_relu(x)), "relu2");
    oc_tensor *y = oc_relu(x);
    cr_expect_eq(oc_named(y, "third"), y);
    cr_expect_str_eq(oc_tensor_name(y), "third");
    cr_expect_str_eq(oc_tensor_name(oc_max_pool(x, &(oc_pool_desc){ .name = "pool", .window = { 2 } })),
                     "pool");
    char name[] = "conv"; /* descriptors are read during the call only */
    y = oc_conv(x, &(oc_conv_desc){ .name = name, .filters = 1, .window = { 1 } });
    name[0] = 'X';
    cr_expect_str_eq(oc_tensor_name(y), "conv");
    CHECK(oc_graph_check(graph));
    oc_graph_destroy(graph);
}

Test(graph, layers_are_listed_in_the_order_of_the_calls)
{
    static const struct {
        const char *name, *type;
        int rank;
        int64_t parameters, macs, bytes;
    } want[] = { { "image", "input", 4, 0, 0, 1296 },
                 { "label", "input", 1, 0, 0, 4 },
                 { "conv", "conv", 4, 222, 10584, 1176 },
                 { "relu1", "relu", 4, 0, 0, 1176 },
                 { "flat", "reshape", 2, 0, 0, 1176 },
                 { "fc", "dense", 2, 882, 882, 12 },
                 { "softmax_cross_entropy1", "softmax_cross_entropy", 0, 0, 0, 4 } };
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *x = image(graph);
    oc_tensor *label = oc_input(graph, &(oc_input_desc){ .name = "label", .shape = { 2 }, .type = OC_I32 });
    oc_tensor *y = oc_relu(oc_conv(x, &(oc_conv_desc){ .name = "conv", .filters = 6, .window = { 3 } }));
    y = oc_dense(oc_named(oc_flatten(y), "flat"),
                 &(oc_dense_desc){ .name = "fc", .units = 3, .no_bias = true });
    oc_softmax_cross_entropy(y, label);
    CHECK(oc_graph_check(graph));
    cr_assert_eq(oc_graph_layer_count(graph), COUNT_OF(want));
    for (int i = 0; i < COUNT_OF(want); i++) {
        oc_layer_info layer;
        CHECK(oc_graph_layer(graph, i, &layer));
        cr_expect_str_eq(layer.name, want[i].name);
        cr_expect_str_eq(layer.type, want[i].type);
        cr_expect(layer.rank == want[i].rank && layer.parameters == want[i].parameters &&
                      layer.macs == want[i].macs && layer.bytes == want[i].bytes,
                  "%s: rank %d, %d parameters, %d macs, %d bytes", layer.name, layer.rank,
                  (int)layer.parameters, (int)layer.macs, (int)layer.bytes);
    }
    oc_layer_info layer;
    expect_failure(oc_graph_layer(graph, 7, &layer), OC_E_ARGUMENT, "layer 7 does not exist, the graph has 7",
                   "7");
    expect_failure(oc_graph_layer(graph, -1, &layer), OC_E_ARGUMENT, "layer -1 does not exist", "-1");
    oc_graph_destroy(graph);
}

static void expect_field(const oc_graph *graph, const oc_tensor *x, int64_t d0, int64_t d1, int64_t d2)
{
    oc_layer_info layer;
    bool seen = false;
    for (int i = 0; i < oc_graph_layer_count(graph); i++) {
        CHECK(oc_graph_layer(graph, i, &layer));
        if (strcmp(layer.name, oc_tensor_name(x)) != 0)
            continue;
        seen = true;
        cr_expect(layer.receptive[0] == d0 && layer.receptive[1] == d1 && layer.receptive[2] == d2,
                  "%s: receptive field %dx%dx%d", layer.name, (int)layer.receptive[0],
                  (int)layer.receptive[1], (int)layer.receptive[2]);
    }
    cr_expect(seen, "%s", oc_tensor_name(x));
}

Test(graph, receptive_fields_grow_by_window_times_stride)
{
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *x = oc_input(graph, &(oc_input_desc){ .name = "x", .shape = { 2, 4, 32, 40 } });
    oc_tensor *line = oc_input(graph, &(oc_input_desc){ .name = "line", .shape = { 2, 4, 64 } });
    oc_tensor *volume = oc_input(graph, &(oc_input_desc){ .name = "volume", .shape = { 2, 4, 9, 8, 7 } });
    expect_field(graph, x, 1, 1, 1);
    oc_tensor *a = oc_conv(x, &(oc_conv_desc){ .filters = 8, .window = { 3, 5 }, .padding = OC_PAD_SAME });
    expect_field(graph, a, 3, 5, 1);
    a = oc_relu(oc_max_pool(a, &(oc_pool_desc){ .window = { 2 } }));
    expect_field(graph, a, 4, 6, 1);
    oc_tensor *b = oc_conv(a, &(oc_conv_desc){ .filters = 8, .window = { 3 }, .dilation = { 2 }, .pad = 2 });
    expect_field(graph, b, 4 + 4 * 2, 6 + 4 * 2, 1);
    expect_field(graph, oc_add(a, b), 12, 14, 1); /* the wider of the two */
    expect_field(graph, oc_concat((oc_tensor *[]){ b, a }, 2), 12, 14, 1);
    expect_field(graph, oc_softmax(b), 12, 14, 1);
    oc_tensor *flat = oc_dense(oc_flatten(b), &(oc_dense_desc){ .units = 3 }); /* 16x20 values, 2 apart */
    expect_field(graph, flat, 12 + 15 * 2, 14 + 19 * 2, 1);
    expect_field(graph, oc_global_average_pool(b), 12 + 15 * 2, 14 + 19 * 2, 1);
    oc_tensor *y = oc_conv(line, &(oc_conv_desc){ .filters = 1, .window = { 4 }, .stride = { 4 } });
    expect_field(graph, oc_l2_pool(y, &(oc_pool_desc){ .window = { 3 } }), 12, 1, 1);
    expect_field(graph, oc_average_pool(volume, &(oc_pool_desc){ .window = { 4, 3, 2 } }), 4, 3, 2);
    CHECK(oc_graph_check(graph));
    oc_graph_destroy(graph);
}

/* Nodes come after what they read, in any graph a pass may see. */
static void expect_order(const oc_graph *graph, const char *name)
{
    const struct node *previous = NULL;
    for (const struct node *n = graph->first; n; previous = n, n = n->next) {
        cr_expect_eq(n->previous, previous, "%s: %s", name, n->name);
        for (int i = 0; i < n->in_count; i++) {
            const struct node *before = n->in[i]->producer;
            for (const struct node *m = n; before && m; m = m->next)
                cr_expect_neq(m, before, "%s: %s reads what comes later", name, n->name);
        }
        for (int i = 0; i < n->out_count; i++)
            cr_expect_eq(n->out[i]->producer, n, "%s: %s", name, n->name);
    }
    cr_expect_eq(graph->last, previous);
}

Test(graph, a_copy_holds_what_is_wanted_under_the_old_ids)
{
    oc_graph *copy;
    oc_net net;
    CHECK(oc_zoo_create(&net, "lenet5", &(oc_net_desc){ .batch = 2 }));
    oc_tensor *aside = oc_dense(oc_flatten(net.image), &(oc_dense_desc){ .name = "aside", .units = 3 });
    const struct node *last = net.graph->last;
    const size_t tensors = net.graph->tensor_count;
    oc_allocator heap = { 0 };
    heap = net.graph->arena.allocator;
    CHECK(graph_copy(&copy, net.graph, &heap, (oc_tensor *[]){ net.logits }, 1));
    cr_assert_eq(copy->tensor_count, tensors);
    expect_order(net.graph, "original");
    expect_order(copy, "copy");
    cr_expect_null(copy->tensors[aside->id]);
    cr_expect_null(copy->tensors[net.label->id]);
    cr_expect_null(copy->tensors[net.loss->id]);
    for (size_t i = 0; i < tensors; i++) {
        const oc_tensor *from = net.graph->tensors[i], *to = copy->tensors[i];
        if (!to)
            continue;
        cr_expect(to != from && to->graph == copy && to->id == from->id &&
                  shape_equal(&to->shape, &from->shape));
        cr_expect(!to->producer == !from->producer && (!to->producer || to->producer != from->producer));
        cr_expect(!from->name || (strcmp(to->name, from->name) == 0 && to->name != from->name));
        cr_expect(!from->parameter || to->parameter != from->parameter);
    }
    CHECK(graph_set_batch(copy, 1));
    cr_expect(copy->tensors[net.logits->id]->shape.dim[0] == 1 && net.logits->shape.dim[0] == 2);
    oc_graph_destroy(copy);
    cr_expect(net.graph->last == last && net.graph->tensor_count == tensors);
    CHECK(graph_copy(&copy, net.graph, &heap, (oc_tensor *[]){ net.image }, 1)); /* no nodes at all */
    cr_expect(!copy->first && !copy->last && copy->tensors[net.image->id]);
    oc_graph_destroy(copy);
    oc_graph_destroy(net.graph);
}

Test(graph, a_smaller_batch_reaches_every_tensor)
{
    oc_net net;
    CHECK(oc_zoo_create(&net, "lenet5_relu", &(oc_net_desc){ .batch = 8 }));
    const int64_t batches[] = { 3, 8, 1 };
    for (int b = 0; b < COUNT_OF(batches); b++) {
        CHECK(graph_set_batch(net.graph, batches[b]));
        for (const struct node *n = net.graph->first; n; n = n->next)
            cr_expect(n->out[0]->shape.rank == 0 || n->out[0]->shape.dim[0] == batches[b], "%s", n->name);
    }
    expect_shape(net.logits, "1x10");
    oc_graph_destroy(net.graph);
}

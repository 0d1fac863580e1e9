/* test_facts.c - worked examples as published, through the public API. */
#include "support/fixture.h"
#include "support/problem.h"
#include "ops/facts.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* Runs the graph of `image` and the layer LAYER forward and copies y out. weight NULL: no such layer. */
static void infer(oc_tensor *image, oc_tensor *y, oc_graph *graph, const float *x, const float *weight,
                  const float *bias, float *result)
{
    oc_device *device = fixture_open();
    oc_model *model = NULL;
    oc_parameter_info info;
    CHECK(oc_model_create(&model, graph, device,
                          &(oc_model_desc){ .outputs = (oc_tensor *const[]){ y, NULL } }));
    if (weight) {
        CHECK(oc_parameter_info_of(model, LAYER ".weight", &info));
        CHECK(oc_parameter_set(model, info.name, OC_VALUE, weight, info.count));
    }
    if (bias) {
        CHECK(oc_parameter_info_of(model, LAYER ".bias", &info));
        CHECK(oc_parameter_set(model, info.name, OC_VALUE, bias, info.count));
    }
    CHECK(oc_infer(model, 1, (oc_feed[]){ { image, x, NULL }, { 0 } },
                   (oc_fetch[]){ { .tensor = y, .data = result }, { 0 } }));
    oc_model_destroy(model);
    oc_device_close(device);
}

static void expect_shape(const oc_tensor *x, const int64_t want[OC_MAX_RANK])
{
    int64_t shape[OC_MAX_RANK] = { 0 };
    const int rank = oc_tensor_shape(x, shape);
    cr_expect_eq(rank, shape_rank(want), "%s has rank %d", oc_tensor_name(x), rank);
    for (int d = 0; d < rank; d++)
        cr_expect_eq(shape[d], want[d], "%s: size %d is %" PRId64 ", not %" PRId64, oc_tensor_name(x), d,
                     shape[d], want[d]);
}

static oc_tensor *image_input(oc_graph *graph, const int64_t shape[OC_MAX_RANK])
{
    oc_input_desc desc = { .name = "image" };
    for (int d = 0; d < OC_MAX_RANK; d++)
        desc.shape[d] = shape[d];
    return oc_input(graph, &desc);
}

/* Examples 1 to 3. */
Test(facts, convolutions)
{
    for (int k = 0; k < COUNT_OF(worked_examples); k++) {
        const struct worked_example *e = &worked_examples[k];
        oc_graph *graph = oc_graph_create(NULL);
        oc_tensor *image = image_input(graph, e->c.shape[0]);
        oc_conv_desc desc = e->c.conv;
        desc.name = LAYER;
        oc_tensor *y = oc_conv(image, &desc);
        CHECK(oc_graph_check(graph));
        expect_shape(y, e->y_shape);
        struct operand want;
        operand_create(&want, shape_rank(e->y_shape), e->y_shape);
        float *got = floats_unset(want.count);
        infer(image, y, graph, e->x, e->weight, e->bias, got);
        for (int64_t i = 0; i < want.count; i++)
            cr_expect(got[i] == e->y[i], "%s: y[%" PRId64 "] is %g, not %g", e->c.name, i, (double)got[i],
                      (double)e->y[i]);
        free(got);
        operand_destroy(&want);
        oc_graph_destroy(graph);
    }
}

/* Example 4: where a 9x9 picture of an X looks like a diagonal stroke. */
static const float stroke[9] = { 1, -1, -1, -1, 1, -1, -1, -1, 1 };
static const double stroke_map[49] = {
    .77,  -.11, .11,  .33,  .55, -.11, .33,  -.11, 1,    -.11, .33, -.11, .11,  -.11, .11,  -.11, 1,
    -.33, .11,  -.11, .55,  .33, .33,  -.33, .55,  -.33, .33,  .33, .55,  -.11, .11,  -.33, 1,    -.11,
    .11,  -.11, .11,  -.11, .33, -.11, 1,    -.11, .33,  -.11, .55, .33,  .11,  -.11, .77,
};

static void draw_x(float picture[81])
{
    for (int i = 0; i < 81; i++) {
        const int row = i / 9, column = i % 9;
        const bool inside = row >= 1 && row <= 7;
        picture[i] = inside && (row == column || row == 8 - column) ? 1 : -1;
    }
}

Test(facts, stroke_of_an_x)
{
    float picture[81], weight[9], map[49], rectified[49], pooled[9];
    draw_x(picture);
    for (int i = 0; i < 9; i++)
        weight[i] = stroke[i] / 9;
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *image = image_input(graph, (int64_t[OC_MAX_RANK]){ 1, 1, 9, 9 });
    oc_tensor *y =
        oc_conv(image, &(oc_conv_desc){ .name = LAYER, .filters = 1, .window = { 3 }, .no_bias = true });
    oc_tensor *relu = oc_relu(y), *pool = oc_max_pool(relu, &(oc_pool_desc){ .window = { 2 } });
    expect_shape(pool, (int64_t[OC_MAX_RANK]){ 1, 1, 3, 3 });
    infer(image, y, graph, picture, weight, NULL, map);
    infer(image, relu, graph, picture, weight, NULL, rectified);
    infer(image, pool, graph, picture, weight, NULL, pooled);
    for (int i = 0; i < 49; i++) { /* two digits, cut; the map's values are ninths */
        const double value = round((double)map[i] * 9) / 9;
        cr_expect(fabs((double)map[i] - value) < 1e-6, "map[%d] is %g, not a ninth", i, (double)map[i]);
        cr_expect(fabs(trunc(value * 100) / 100 - stroke_map[i]) < 1e-9, "map[%d] is %g, not %g", i,
                  (double)map[i], stroke_map[i]);
        cr_expect(rectified[i] == (map[i] > 0 ? map[i] : 0), "ReLU of %g is %g", (double)map[i],
                  (double)rectified[i]);
    }
    for (int i = 0; i < 9; i++) {
        const float *corner = rectified + i / 3 * 2 * 7 + i % 3 * 2;
        const float want = fmaxf(fmaxf(corner[0], corner[1]), fmaxf(corner[7], corner[8]));
        cr_expect(pooled[i] == want, "pooled[%d] is %g, not %g", i, (double)pooled[i], (double)want);
    }
    oc_graph_destroy(graph);
}

/* Example 5. */
Test(facts, sizes)
{
    for (int k = 0; k < COUNT_OF(worked_sizes); k++) {
        const struct worked_size *e = &worked_sizes[k];
        oc_graph *graph = oc_graph_create(NULL);
        oc_tensor *image = image_input(graph, (int64_t[OC_MAX_RANK]){ 1, 1, e->in, e->in });
        oc_tensor *y = oc_conv(image, &e->conv);
        if (e->out == 0) {
            cr_expect_eq(oc_graph_check(graph), OC_E_SHAPE, "size %d: %s", k, oc_last_error());
        } else {
            CHECK(oc_graph_check(graph));
            expect_shape(y, (int64_t[OC_MAX_RANK]){ 1, 1, e->out, e->out });
        }
        oc_graph_destroy(graph);
    }
}

Test(facts, pooling_rounds_down)
{
    for (int size = 2; size < 12; size++) {
        oc_graph *graph = oc_graph_create(NULL);
        oc_tensor *image = image_input(graph, (int64_t[OC_MAX_RANK]){ 1, 1, size, size });
        oc_tensor *y = oc_max_pool(image, &(oc_pool_desc){ .window = { 2 }, .stride = { 3 } });
        CHECK(oc_graph_check(graph));
        const int64_t out = (size - 2) / 3 + 1;
        expect_shape(y, (int64_t[OC_MAX_RANK]){ 1, 1, out, out });
        oc_graph_destroy(graph);
    }
}

static oc_layer_info layer_named(const oc_graph *graph, const char *name)
{
    oc_layer_info info = { 0 };
    for (int i = 0; i < oc_graph_layer_count(graph); i++) {
        CHECK(oc_graph_layer(graph, i, &info));
        if (strcmp(info.name, name) == 0)
            return info;
    }
    cr_assert(false, "no layer \"%s\"", name);
    return info;
}

Test(facts, parameters_of_ten_filters)
{
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *image = image_input(graph, (int64_t[OC_MAX_RANK]){ 1, 3, 32, 32 });
    oc_tensor *y = oc_conv(image, &(oc_conv_desc){ .name = LAYER, .filters = 10, .window = { 5 }, .pad = 2 });
    CHECK(oc_graph_check(graph));
    expect_shape(y, (int64_t[OC_MAX_RANK]){ 1, 10, 32, 32 });
    cr_expect_eq(layer_named(graph, LAYER).parameters, 760);
    oc_graph_destroy(graph);
}

/* Example 6. */
Test(facts, volumes_of_a_network)
{
    static const struct {
        const char *name;
        int64_t output[OC_MAX_RANK];
    } want[] = {
        { "conv1", { 1, 48, 92, 92 } }, { "conv2", { 1, 96, 92, 92 } },  { "conv3", { 1, 192, 44, 44 } },
        { "pool", { 1, 192, 22, 22 } }, { "conv4", { 1, 256, 22, 22 } }, { "dense", { 1, 100 } },
    };
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *x = image_input(graph, (int64_t[OC_MAX_RANK]){ 1, 3, 100, 100 });
    x = oc_conv(x, &(oc_conv_desc){ .name = "conv1", .filters = 48, .window = { 9 } });
    x = oc_conv(x, &(oc_conv_desc){ .name = "conv2", .filters = 96, .window = { 9 }, .pad = 4 });
    x = oc_conv(
        x,
        &(oc_conv_desc){
            .name = "conv3", .filters = 192, .window = { 5 }, .stride = { 2 }, .rounding = OC_ROUND_FLOOR });
    x = oc_max_pool(x, &(oc_pool_desc){ .name = "pool", .window = { 2 } });
    x = oc_conv(x, &(oc_conv_desc){ .name = "conv4", .filters = 256, .window = { 1 } });
    x = oc_dense(oc_flatten(x), &(oc_dense_desc){ .name = "dense", .units = 100 });
    CHECK(oc_graph_check(graph));
    for (int k = 0; k < COUNT_OF(want); k++) {
        const oc_layer_info info = layer_named(graph, want[k].name);
        cr_expect_eq(info.rank, shape_rank(want[k].output), "%s has rank %d", info.name, info.rank);
        for (int d = 0; d < info.rank; d++)
            cr_expect_eq(info.output[d], want[k].output[d], "%s: size %d is %" PRId64, info.name, d,
                         info.output[d]);
    }
    int64_t parameters = 0;
    for (int i = 0; i < oc_graph_layer_count(graph); i++) {
        oc_layer_info info;
        CHECK(oc_graph_layer(graph, i, &info));
        parameters += info.parameters;
    }
    cr_expect_eq(parameters, 13285956, "%" PRId64 " parameters", parameters);
    oc_graph_destroy(graph);
}

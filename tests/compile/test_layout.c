/* test_layout.c - values move between the host's order and channels-last at the borders, once, and only where the two
 * differ. */
#include "compile/plans.h"

#include <math.h>
#include <stdlib.h>

static int moves(oc_device *device, const oc_graph *graph, const oc_model_desc *desc, bool train)
{
    struct plan *plan = plan_of(device, graph, desc, train);
    const int count = count_nodes(plan, "reshape", -1);
    plan_destroy(plan);
    return count;
}

Test(layout, borders_move_values_only_where_orders_differ)
{
    static const struct {
        const char *name;
        int64_t shape[OC_MAX_RANK];
        int moves; /* of the input, and again of an output of that shape */
    } table[] = {
        { "one channel", { 4, 1, 6, 6 }, 0 },
        { "three channels", { 4, 3, 6, 6 }, 1 },
        { "one pixel", { 4, 3, 1, 1 }, 0 },
        { "one sample", { 1, 3, 6, 6 }, 1 },
        { "a list", { 4, 3 }, 0 },
        { "numbers", { 4 }, 0 },
        { "a signal", { 4, 2, 9 }, 1 },
        { "a volume", { 4, 2, 2, 3, 4 }, 1 },
        { "a volume of one channel", { 4, 1, 2, 3, 4 }, 0 },
    };
    oc_device *device = fixture_open();
    for (int i = 0; i < COUNT_OF(table); i++) {
        oc_graph *graph = oc_graph_create(NULL);
        oc_input_desc desc = { .name = "x", .gradient = true };
        memcpy(desc.shape, table[i].shape, sizeof desc.shape);
        oc_tensor *x = oc_input(graph, &desc), *y = oc_relu(oc_relu(oc_relu(x))), *loss = oc_dot(y, x);
        const oc_model_desc only_loss = { .loss = loss },
                            with_output = { .outputs = (oc_tensor *const[]){ y, NULL } },
                            with_both = { .outputs = (oc_tensor *const[]){ y, x, NULL } };
        cr_expect_eq(moves(device, graph, &only_loss, false), table[i].moves, "%s: the input", table[i].name);
        cr_expect_eq(moves(device, graph, &with_output, false), 2 * table[i].moves, "%s: the output",
                     table[i].name);
        cr_expect_eq(moves(device, graph, &with_both, false), 2 * table[i].moves,
                     "%s: an input that is an output", table[i].name);
        cr_expect_eq(moves(device, graph, &only_loss, true), 2 * table[i].moves, "%s: the gradient",
                     table[i].name);
        oc_graph_destroy(graph);
    }
    oc_device_close(device);
}

Test(layout, flattening_before_dense_moves_once)
{
    oc_device *device = fixture_open();
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *x = floats(graph, "x", 4, 1, 6, 6), *label = labels(graph, 4);
    oc_tensor *y = oc_conv(x, &(oc_conv_desc){ .filters = 3, .window = { 3 } });
    y = oc_dense(oc_flatten(y), &(oc_dense_desc){ .units = 3 });
    const oc_model_desc desc = { .loss = oc_softmax_cross_entropy(y, label) };
    cr_expect_eq(moves(device, graph, &desc, false), 1);
    cr_expect_eq(moves(device, graph, &desc, true), 2);
    oc_graph_destroy(graph);
    oc_device_close(device);
}

/* What goes in comes out in the same order: through the borders, through a flatten, as input, output and gradient. */
Test(layout, the_host_sees_its_own_order)
{
    enum { N = 3, C = 4, H = 2, W = 5, COUNT = N * C * H * W };
    oc_device *device = fixture_open();
    oc_model *model = NULL;
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *x =
        oc_input(graph, &(oc_input_desc){ .name = "x", .shape = { N, C, H, W }, .gradient = true });
    oc_tensor *y = oc_relu(x), *flat = oc_flatten(y), *b = floats(graph, "b", N, C, H, W);
    oc_tensor *back = oc_reshape(flat, (int64_t[OC_MAX_RANK]){ N, H, C, W });
    CHECK(oc_model_create(
        &model, graph, device,
        &(oc_model_desc){ .loss = oc_dot(y, b), .outputs = (oc_tensor *const[]){ x, y, flat, back, NULL } }));
    float values[COUNT], weights[COUNT], got[5][COUNT];
    for (int i = 0; i < COUNT; i++) {
        values[i] = (float)(i + 1);
        weights[i] = (float)(1000 - i);
    }
    for (int batch = N; batch >= 1; batch -= 2) {
        memset(got, 0xFF, sizeof got);
        const oc_feed feeds[] = { { x, values, NULL }, { b, weights, NULL }, { 0 } };
        CHECK(oc_train_step(model, batch, feeds,
                            (oc_fetch[]){ { .tensor = x, .data = got[0] },
                                          { .tensor = y, .data = got[1] },
                                          { .tensor = flat, .data = got[2] },
                                          { .tensor = back, .data = got[3] },
                                          { .tensor = x, .data = got[4], .gradient = true },
                                          { 0 } }));
        for (int k = 0; k < 5; k++)
            for (int i = 0; i < COUNT; i++) {
                const float want = k < 4 ? values[i] : weights[i];
                cr_expect(i < batch * C * H * W ? got[k][i] == want : isnan(got[k][i]),
                          "%d of %d: [%d] is %g", k, batch, i, (double)got[k][i]);
            }
    }
    oc_model_destroy(model);
    oc_graph_destroy(graph);
    oc_device_close(device);
}

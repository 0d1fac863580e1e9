/* test_select.c - the implementation of each node: by the list, by the device, by hand. */
#include "compile/plans.h"
#include "device/cl.h"
#include "ops/ops.h"

#include <ocelli/models.h>

static oc_net lenet(void)
{
    oc_net net;
    CHECK(oc_zoo_create(&net, "lenet5_relu", &(oc_net_desc){ .batch = 2 }));
    return net;
}

/* The name of the implementation that the only kind of node with this op got. */
static const char *implementation(const struct plan *plan, const char *op)
{
    const char *name = NULL;
    for (const struct node *n = plan->graph->first; n; n = n->next)
        if (!n->view && strcmp(n->op->name, op) == 0) {
            cr_expect(!name || strcmp(name, n->impl->name) == 0, "%s has more than one", op);
            name = n->impl->name;
        }
    cr_assert(name, "no %s in the plan", op);
    return name;
}

Test(select, every_operation_ends_with_its_reference)
{
    for (int op = 0; oc_op_name(op); op++) {
        const char *last = NULL;
        for (int i = 0; oc_op_implementation(oc_op_name(op), i); i++)
            last = oc_op_implementation(oc_op_name(op), i);
        if (!last) /* always a view */
            continue;
        cr_expect_str_eq(last, "reference", "%s ends with %s", oc_op_name(op), last);
        const struct impl *impl = op_table[op]->impls;
        while (impl[1].name)
            impl++;
        cr_expect(!impl->supports, "the reference of %s does not run everywhere", oc_op_name(op));
    }
    cr_expect_null(oc_op_name(-1));
    cr_expect_null(oc_op_implementation("conv", -1));
    cr_expect_null(oc_op_implementation("conv", 99));
    cr_expect_null(oc_op_implementation("no such operation", 0));
}

Test(select, choices_that_cannot_be_met_are_refused)
{
    static const struct {
        const char *choices;
        oc_status status;
        const char *words;
    } table[] = {
        { "reference", OC_OK, "" },
        { "", OC_OK, "" },
        { "conv=reference,max_pool=vector", OC_OK, "" },
        { "conv=reference,", OC_OK, "" },
        { "reference,conv=direct", OC_OK, "" },
        { "l2_pool=reference", OC_OK, "" }, /* the network has none */
        { "fast", OC_E_ARGUMENT, "\"fast\" is neither \"reference\" nor \"op=name\"" },
        { "ref", OC_E_ARGUMENT, "\"ref\" is neither" },
        { "referenced", OC_E_ARGUMENT, "\"referenced\" is neither" },
        { "conv=direct,,max_pool=vector", OC_E_ARGUMENT, "\"\" is neither" },
        { "convolution=direct", OC_E_NOT_FOUND, "there is no operation \"convolution\"" },
        { "con=direct", OC_E_NOT_FOUND, "there is no operation \"con\"" },
        { "=direct", OC_E_NOT_FOUND, "there is no operation \"\"" },
        { "conv=", OC_E_NOT_FOUND, "operation \"conv\" has no implementation \"\"" },
        { "conv=dir", OC_E_NOT_FOUND, "operation \"conv\" has no implementation \"dir\"" },
        { "conv=direct2,max_pool=vector", OC_E_NOT_FOUND,
          "operation \"conv\" has no implementation \"direct2\"" },
        { "conv=direct VECTOR=8 TILE=4 COLUMNS=1 PANELS=2,max_pool=vector", OC_OK, "" },
        { "conv=direct VECTOR=8", OC_E_NOT_FOUND,
          "\"VECTOR=8\" are not values that \"direct\" of \"conv\" can have" },
        { "conv=direct VECTOR=8 TILE=5 COLUMNS=1 PANELS=2", OC_E_NOT_FOUND, "TILE=5" },
        { "conv=reference VECTOR=8", OC_E_NOT_FOUND, "\"reference\" of \"conv\"" },
        { "conv= VECTOR=8", OC_E_NOT_FOUND, "operation \"conv\" has no implementation \"\"" },
        { "max_pool=vector,l2_pool=winograd", OC_E_NOT_FOUND,
          "operation \"l2_pool\" has no implementation \"winograd\"" },
    };
    oc_device *device = fixture_open();
    oc_net net = lenet();
    for (int i = 0; i < COUNT_OF(table); i++) {
        oc_memory_info info;
        const oc_model_desc desc = { .loss = net.loss, .implementations = table[i].choices };
        const oc_status status = oc_model_predict_memory(&info, net.graph, device, &desc);
        if (table[i].status == OC_OK)
            CHECK(status);
        else
            expect_failure(status, table[i].status, table[i].words, table[i].choices);
    }
    oc_graph_destroy(net.graph);
    oc_device_close(device);
}

Test(select, choices_hold_for_their_operation)
{
    oc_device *device = fixture_open();
    oc_net net = lenet();
    struct plan *plan = plan_of(device, net.graph,
                                &(oc_model_desc){ .loss = net.loss, .implementations = "reference" }, true);
    for (const struct node *n = plan->graph->first; n; n = n->next)
        cr_expect(n->view || strcmp(n->impl->name, "reference") == 0, "%s is %s", n->name, n->impl->name);
    cr_expect_eq(count_nodes(plan, "pack_filter", -1), 0);
    plan_destroy(plan);

    static const struct {
        const char *choices, *conv, *max_pool;
    } table[] = { { NULL, "direct", "vector" },
                  { "", "direct", "vector" },
                  { "conv=reference", "reference", "vector" },
                  { "max_pool=reference", "direct", "reference" },
                  { "conv=reference,conv=direct", "direct", "vector" }, /* the last word counts */
                  { "reference,conv=direct", "direct", "reference" },
                  { "conv=direct,reference", "reference", "reference" } };
    for (int i = 0; i < COUNT_OF(table); i++) {
        plan = plan_of(device, net.graph,
                       &(oc_model_desc){ .loss = net.loss, .implementations = table[i].choices }, true);
        cr_expect_str_eq(implementation(plan, "conv"), table[i].conv, "%s", table[i].choices);
        cr_expect_str_eq(implementation(plan, "max_pool"), table[i].max_pool, "%s", table[i].choices);
        plan_destroy(plan);
    }
    oc_graph_destroy(net.graph);
    oc_device_close(device);
}

/* Values given by hand are those of the kernels, unless the device does not allow them together. */
Test(select, values_may_be_given_by_hand)
{
    oc_device *device = fixture_open();
    oc_net net = lenet();
    const oc_model_desc desc = { .loss = net.loss,
                                 .implementations = "conv=direct VECTOR=4 TILE=12 COLUMNS=1 PANELS=4" };
    struct plan *plan = plan_of(device, net.graph, &desc, true);
    int found = 0;
    for (const struct node *n = plan->graph->first; n; n = n->next)
        if (strcmp(n->op->name, "conv") == 0) {
            cr_expect(n->tuned[0] == 4 && n->tuned[1] == 12 && n->tuned[2] == 1 && n->tuned[3] == 4);
            found++;
        }
    cr_expect_eq(found, 3);
    plan_destroy(plan);
    oc_memory_info info;
    device->info.local_memory = 20000; /* enough for fewer panels: the implementation is supported */
    expect_failure(
        oc_model_predict_memory(&info, net.graph, device, &desc), OC_E_UNSUPPORTED,
        "layer \"conv3\" (conv): implementation \"direct VECTOR=4 TILE=12 COLUMNS=1 PANELS=4\" does",
        "values that do not go together here");
    CHECK(oc_model_predict_memory(
        &info, net.graph, device,
        &(oc_model_desc){ .loss = net.loss,
                          .implementations = "conv=direct VECTOR=4 TILE=4 COLUMNS=1 PANELS=1" }));
    device->info.local_memory = 1 << 20;
    device->info.compute_units = 64;
    expect_failure(
        oc_model_predict_memory(
            &info, net.graph, device,
            &(oc_model_desc){
                .loss = net.loss,
                .implementations =
                    "conv_backward_filter=direct VECTOR=4 TILE=4 COLUMNS=1 PIXELS=64 DEPTH=192 ITEMS=32" }),
        OC_E_UNSUPPORTED, "ITEMS=32\" does", "fewer work-items than compute units");
    CHECK(oc_model_predict_memory(
        &info, net.graph, device,
        &(oc_model_desc){
            .loss = net.loss,
            .implementations =
                "conv_backward_filter=direct VECTOR=4 TILE=4 COLUMNS=1 PIXELS=64 DEPTH=192 ITEMS=64" }));
    oc_graph_destroy(net.graph);
    oc_device_close(device);
}

/* What a device cannot do is not chosen for it, and refused if it is asked for. */
Test(select, implementations_suit_the_device)
{
    oc_device *device = fixture_open();
    oc_net net = lenet();
    const oc_model_desc desc = { .loss = net.loss },
                        by_hand = { .loss = net.loss, .implementations = "conv=direct" };
    oc_memory_info info;
    device->info.local_memory = 1024;
    struct plan *plan = plan_of(device, net.graph, &desc, true);
    cr_expect_str_eq(implementation(plan, "conv"), "reference");
    cr_expect_str_eq(implementation(plan, "max_pool"), "vector");
    plan_destroy(plan);
    expect_failure(oc_model_predict_memory(&info, net.graph, device, &by_hand), OC_E_UNSUPPORTED,
                   "layer \"conv3\" (conv): implementation \"direct\" does not support it on device \"",
                   "little local memory");
    device->info.local_memory = 1 << 20;
    device->info.type = OC_DEVICE_GPU;
    plan = plan_of(device, net.graph, &desc, true);
    for (const struct node *n = plan->graph->first; n; n = n->next)
        cr_expect(n->view || strcmp(n->impl->name, "vector") != 0, "%s is for CPUs", n->name);
    plan_destroy(plan);
    for (int sizes = 0; sizes <= 16; sizes += 8) { /* lenet's dense layers have 84 and 120 channels */
        device->info.sub_group_sizes = sizes;
        plan = plan_of(device, net.graph, &desc, true);
        int count = 0;
        for (const struct node *n = plan->graph->first; n; n = n->next)
            count += !n->view && strcmp(n->impl->name, "subgroup") == 0;
        cr_expect(sizes == 0 ? count == 0 : count > 0, "%d nodes use sub-groups of %d", count, sizes);
        plan_destroy(plan);
    }
    oc_graph_destroy(net.graph);
    oc_device_close(device);
}

/* The values that the gradient of the filter has besides dw, for this batch. */
static int64_t workspace(oc_device *device, int64_t batch, int filters, int window,
                         const char *implementation)
{
    oc_graph *graph = oc_graph_create(NULL);
    const oc_conv_desc conv = { .filters = filters, .window = { window }, .pad = window / 2 };
    const oc_model_desc desc = { .loss = oc_sum(oc_conv(floats(graph, "x", batch, 64, 8, 16), &conv)),
                                 .implementations = implementation };
    struct plan *plan = plan_of(device, graph, &desc, true);
    int64_t values = 0;
    for (const struct node *n = plan->graph->first; n; n = n->next)
        for (int i = 1; strcmp(n->op->name, "conv_backward_filter") == 0 && i < n->out_count; i++)
            values += shape_count(&n->out[i]->shape);
    plan_destroy(plan);
    oc_graph_destroy(graph);
    return values;
}

/* Memory is planned for the largest batch; smaller ones divide their pixels anew. */
Test(select, a_smaller_batch_never_needs_more_workspace)
{
    static const struct {
        int filters, window;
        const char *implementation;
    } table[] = {
        { 512, 1, "conv_backward_filter=direct" }, /* two parts of the filters */
        { 64, 1, "conv_backward_filter=direct" },  /* one */
        { 24, 3, "conv_backward_filter=direct" },  /* two parts of the rows */
        { 32, 3, "conv_backward_filter=winograd" },
    };
    oc_device *device = fixture_open();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (int64_t batch = 1, most = 0; batch <= 40; batch++) {
            const int64_t values =
                workspace(device, batch, table[i].filters, table[i].window, table[i].implementation);
            cr_expect(values >= most, "%s, %d filters: %lld values for a batch of %lld, %lld for one less",
                      table[i].implementation, table[i].filters, (long long)values, (long long)batch,
                      (long long)most);
            most = values;
        }
    oc_device_close(device);
}

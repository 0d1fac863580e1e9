/* test_zoo.c - the networks against their publications: volumes, parameters, multiply-adds, names. */
#include <ocelli/models.h>

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct published {
    const char *name;
    const char *volumes; /* (c, h, w) of every layer that belongs to the net, input first */
    const char *weights; /* layers with parameters: how many, and multiply-adds */
    int64_t parameters, macs;
};

static const struct published table[] = {
    { "lenet5", "1x32x32 6x28x28 6x28x28 6x14x14 16x10x10 16x10x10 16x5x5 120x1x1 120x1x1 120 84 84 10 10",
      "conv1 156 117600, conv2 2416 240000, conv3 48120 48000, fc1 10164 10080, fc2 850 840", 61706, 416520 },
    { "lenet5_relu",
      "1x32x32 6x28x28 6x28x28 6x14x14 16x10x10 16x10x10 16x5x5 120x1x1 120x1x1 120 84 84 10 10",
      "conv1 156 117600, conv2 2416 240000, conv3 48120 48000, fc1 10164 10080, fc2 850 840", 61706, 416520 },
    { "xo", "1x9x9 8x7x7 8x7x7 8x4x4 16x4x4 16x4x4 16x2x2 64 2 2",
      "conv1 80 3528, conv2 1168 18432, fc1 130 128", 1378, 22088 },
    { "convnetjs_cifar10",
      "3x32x32 16x32x32 16x32x32 16x16x16 20x16x16 20x16x16 20x8x8 20x8x8 20x8x8 20x4x4 320 10 10",
      "conv1 1216 1228800, conv2 8020 2048000, conv3 10020 640000, fc1 3210 3200", 22466, 3920000 },
};

enum { TABLE_COUNT = sizeof table / sizeof table[0] };

/* Appends "CxHxW " of a layer. */
static void append_volume(char *text, size_t capacity, const oc_layer_info *layer)
{
    for (int i = 1; i < layer->rank; i++) {
        const size_t length = strlen(text);
        snprintf(text + length, capacity - length, "%s%" PRId64, i > 1 ? "x" : "", layer->output[i]);
    }
    strncat(text, " ", capacity - strlen(text) - 1);
}

static void check(const struct published *net_table, const oc_net *net)
{
    char volumes[1024] = "", weights[1024] = "";
    int64_t parameters = 0, macs = 0;
    for (int i = 0; i < oc_graph_layer_count(net->graph); i++) {
        oc_layer_info layer;
        cr_assert_eq(oc_graph_layer(net->graph, i, &layer), OC_OK, "%s", oc_last_error());
        if (layer.rank > 1)
            append_volume(volumes, sizeof volumes, &layer);
        if (layer.parameters > 0) {
            const size_t length = strlen(weights);
            snprintf(weights + length, sizeof weights - length, "%s%s %" PRId64 " %" PRId64,
                     length > 0 ? ", " : "", layer.name, layer.parameters, layer.macs);
        }
        parameters += layer.parameters;
        macs += layer.macs;
    }
    volumes[strlen(volumes) - 1] = '\0';
    cr_expect_str_eq(volumes, net_table->volumes, "%s: %s", net_table->name, volumes);
    cr_expect_str_eq(weights, net_table->weights, "%s: %s", net_table->name, weights);
    cr_expect_eq(parameters, net_table->parameters, "%s: %" PRId64, net_table->name, parameters);
    cr_expect_eq(macs, net_table->macs, "%s: %" PRId64, net_table->name, macs);
}

Test(zoo, networks_are_as_published)
{
    for (int i = 0; i < TABLE_COUNT; i++) {
        oc_net net;
        cr_assert_eq(oc_zoo_create(&net, table[i].name, NULL), OC_OK, "%s", oc_last_error());
        check(&table[i], &net);
        oc_graph_destroy(net.graph);
        cr_assert_eq(oc_zoo_create(&net, table[i].name, &(oc_net_desc){ 0 }), OC_OK, "%s", oc_last_error());
        check(&table[i], &net);
        oc_graph_destroy(net.graph);
    }
}

Test(zoo, lists_every_network_with_a_description)
{
    int count = 0;
    for (; oc_zoo_name(count); count++) {
        cr_expect_not_null(oc_zoo_description(oc_zoo_name(count)));
        bool known = false;
        for (int i = 0; i < TABLE_COUNT; i++)
            known = known || strcmp(table[i].name, oc_zoo_name(count)) == 0;
        cr_expect(known, "%s has no line in this test's table", oc_zoo_name(count));
    }
    cr_expect_eq(count, TABLE_COUNT);
    cr_expect_null(oc_zoo_name(-1));
    cr_expect_null(oc_zoo_description("lenet6"));
}

Test(zoo, tensors_have_the_sizes_asked_for)
{
    oc_net net;
    int64_t shape[OC_MAX_RANK];
    const oc_net_desc desc = { .batch = 7, .channels = 3, .height = 40, .width = 36, .classes = 26 };
    cr_assert_eq(oc_zoo_create(&net, "lenet5_relu", &desc), OC_OK, "%s", oc_last_error());
    cr_expect_eq(oc_tensor_shape(net.image, shape), 4);
    cr_expect(shape[0] == 7 && shape[1] == 3 && shape[2] == 40 && shape[3] == 36);
    cr_expect_eq(oc_tensor_shape(net.label, shape), 1);
    cr_expect_eq(shape[0], 7);
    cr_expect_eq(oc_tensor_shape(net.logits, shape), 2);
    cr_expect(shape[0] == 7 && shape[1] == 26);
    cr_expect_eq(oc_tensor_shape(net.probabilities, shape), 2);
    cr_expect(shape[0] == 7 && shape[1] == 26);
    cr_expect_eq(oc_tensor_shape(net.loss, shape), 0);
    oc_graph_destroy(net.graph);
}

Test(zoo, xo_takes_any_size)
{
    for (int size = 5; size <= 64; size++) {
        oc_net net;
        cr_expect_eq(oc_zoo_create(&net, "xo", &(oc_net_desc){ .height = size, .width = size }), OC_OK,
                     "%d: %s", size, oc_last_error());
        oc_graph_destroy(net.graph);
    }
}

Test(zoo, what_does_not_fit_is_refused_in_a_sentence)
{
    static const struct {
        const char *name;
        oc_net_desc desc;
        oc_status status;
        const char *words[3];
    } cases[] = {
        { "lenet6", { 0 }, OC_E_NOT_FOUND, { "lenet6", "lenet5_relu", "convnetjs_cifar10" } },
        { NULL, { 0 }, OC_E_NOT_FOUND, { "lenet5", "xo" } },
        { "lenet5", { .height = 28, .width = 28 }, OC_E_SHAPE, { "conv3", "5", "4" } },
        { "lenet5", { .batch = -1 }, OC_E_SHAPE, { "image", "-1" } },
        { "xo", { .height = 2 }, OC_E_SHAPE, { "conv1", "3", "2" } },
        { "convnetjs_cifar10", { .classes = -3 }, OC_E_ARGUMENT, { "fc1", "-3" } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        oc_net net;
        const oc_status status = oc_zoo_create(&net, cases[i].name, &cases[i].desc);
        cr_expect_eq(status, cases[i].status, "case %zu: %s %s", i, oc_status_name(status), oc_last_error());
        cr_expect_null(net.graph, "case %zu", i);
        for (int w = 0; w < 3 && cases[i].words[w]; w++)
            cr_expect_not_null(strstr(oc_last_error(), cases[i].words[w]), "case %zu: '%s' lacks '%s'", i,
                               oc_last_error(), cases[i].words[w]);
    }
}

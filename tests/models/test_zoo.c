/* test_zoo.c - the networks against their publications: volumes, parameters, multiply-adds, names. */
#include <ocelli/models.h>

#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
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

/* The large ones by their totals. Parameters as published (facts that PyTorch's torchvision shares where it has the
 * network); the multiply-adds of convolutions and dense layers at the published input. */
static const struct {
    const char *name;
    int64_t parameters, macs;
} totals[] = {
    { "alexnet", 61100840, 714188480 },
    { "alexnet_2012", 60965224, 724406816 },
    { "alexnet_2012_single", 62378344, 1135256096 },
    { "vgg11", 132863336, 7609090048 },
    { "vgg_a_lrn", 132863336, 7609090048 },
    { "vgg13", 133047848, 11308466176 },
    { "vgg_c", 133638952, 11770888192 },
    { "vgg16", 138357544, 15470264320 },
    { "vgg19", 143667240, 19632062464 },
    { "vgg11_bn", 132868840, 7609090048 },
    { "vgg13_bn", 133053736, 11308466176 },
    { "vgg16_bn", 138365992, 15470264320 },
    { "vgg19_bn", 143678248, 19632062464 },
    { "googlenet", 6624904, 1498376192 },
    { "googlenet_aux", 13004888, 1506748416 },
    { "resnet18", 11689512, 1814073344 },
    { "resnet34", 21797672, 3663761408 },
    { "resnet50", 25557032, 4089184256 },
    { "resnet101", 44549160, 7801405440 },
    { "resnet152", 60192808, 11513626624 },
    { "wide_resnet50_2", 68883240, 11398021120 },
    { "wide_resnet101_2", 126886696, 22753050624 },
    { "resnext50_32x4d", 25028904, 4230479872 },
    { "resnext101_32x8d", 88791336, 16414015488 },
    { "densenet121", 7978856, 2834161664 },
    { "densenet169", 14149480, 3359843328 },
    { "densenet201", 20013928, 4291365888 },
    { "densenet161", 28681000, 7727907072 },
    { "wrn16_8", 10961370, 1548145664 },
    { "wrn28_10", 36479194, 5243328768 },
    { "wrn40_4", 8949210, 1298582016 },
};

/* Families whose publications give rounded totals or none. What tells their members apart: the weighted layers. The totals
 * are worked out from the publications' tables, by a program that shares nothing with models/. */
static const struct {
    const char *name;
    int layers;
    int64_t parameters, macs;
} depths[] = {
    { "zfnet", 8, 107627624, 2476704896 },
    { "googlenet_2014", 64, 13378280, 1591044096 },
    { "preact_resnet18", 18, 11687720, 1814073344 },
    { "preact_resnet34", 34, 21795880, 3663761408 },
    { "preact_resnet50", 50, 25549352, 4089184256 },
    { "preact_resnet101", 101, 44541480, 7801405440 },
    { "preact_resnet152", 152, 60185128, 11513626624 },
    { "preact_resnet200", 200, 64666152, 15007481856 },
    { "resnet20_cifar", 20, 272474, 40813184 },
    { "resnet32_cifar", 32, 466906, 69124736 },
    { "resnet44_cifar", 44, 661338, 97436288 },
    { "resnet56_cifar", 56, 855770, 125747840 },
    { "resnet110_cifar", 110, 1730714, 253149824 },
    { "resnet110_stochastic_cifar", 110, 1730714, 253149824 },
    { "plain20_cifar", 20, 269722, 40551040 },
    { "plain32_cifar", 32, 464154, 68862592 },
    { "plain44_cifar", 44, 658586, 97174144 },
    { "plain56_cifar", 56, 853018, 125485696 },
    { "plain110_cifar", 110, 1727962, 252887680 },
    { "preact_resnet164_cifar", 164, 1703258, 247646720 },
    { "preact_resnet1001_cifar", 1001, 10327706, 1490995712 },
    { "densenet40_12_cifar", 40, 1019722, 264812928 },
    { "densenet_bc100_12_cifar", 100, 769162, 287929692 },
};

enum { TOTAL_COUNT = sizeof totals / sizeof totals[0], DEPTH_COUNT = sizeof depths / sizeof depths[0] };

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

Test(zoo, totals_are_as_published)
{
    for (int i = 0; i < TOTAL_COUNT; i++) {
        oc_net net;
        oc_layer_info layer;
        int64_t parameters = 0, macs = 0;
        cr_assert_eq(oc_zoo_create(&net, totals[i].name, NULL), OC_OK, "%s", oc_last_error());
        for (int k = 0; k < oc_graph_layer_count(net.graph); k++) {
            cr_assert_eq(oc_graph_layer(net.graph, k, &layer), OC_OK, "%s", oc_last_error());
            parameters += layer.parameters;
            macs += layer.macs;
        }
        cr_expect_eq(parameters, totals[i].parameters, "%s: %" PRId64, totals[i].name, parameters);
        cr_expect_eq(macs, totals[i].macs, "%s: %" PRId64, totals[i].name, macs);
        oc_graph_destroy(net.graph);
    }
}

/* Weighted layers as publications count them: convolutions and dense layers, without the projections of shortcuts. */
Test(zoo, depths_are_as_published)
{
    for (int i = 0; i < DEPTH_COUNT; i++) {
        oc_net net;
        oc_layer_info layer;
        int layers = 0;
        int64_t parameters = 0, macs = 0;
        cr_assert_eq(oc_zoo_create(&net, depths[i].name, NULL), OC_OK, "%s", oc_last_error());
        for (int k = 0; k < oc_graph_layer_count(net.graph); k++) {
            cr_assert_eq(oc_graph_layer(net.graph, k, &layer), OC_OK, "%s", oc_last_error());
            layers += (strcmp(layer.type, "conv") == 0 || strcmp(layer.type, "dense") == 0) &&
                      !strstr(layer.name, "downsample");
            parameters += layer.parameters;
            macs += layer.macs;
        }
        cr_expect_eq(parameters, depths[i].parameters, "%s: %" PRId64, depths[i].name, parameters);
        cr_expect_eq(macs, depths[i].macs, "%s: %" PRId64, depths[i].name, macs);
        cr_expect_eq(layers, depths[i].layers, "%s: %d", depths[i].name, layers);
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
        for (int i = 0; i < TOTAL_COUNT; i++)
            known = known || strcmp(totals[i].name, oc_zoo_name(count)) == 0;
        for (int i = 0; i < DEPTH_COUNT; i++)
            known = known || strcmp(depths[i].name, oc_zoo_name(count)) == 0;
        cr_expect(known, "%s has no line in this test's table", oc_zoo_name(count));
    }
    cr_expect_eq(count, TABLE_COUNT + TOTAL_COUNT + DEPTH_COUNT);
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

/* Each layer of a narrow network: volumes as published, with that part of the channels. */
Test(zoo, widths_are_multiplied)
{
    static const struct {
        const char *name;
        float factor;
        const char *layers; /* name and channels of some */
    } cases[] = {
        { "lenet5", 0.5f, "conv1 3, conv2 8, conv3 60, fc1 42, fc2 10" },
        { "xo", 3.f, "conv1 24, conv2 48, fc1 2" },
        { "convnetjs_cifar10", 0.01f, "conv1 1, conv2 1, conv3 1, fc1 10" },
        { "alexnet", 0.25f, "features.0 16, features.3 48, classifier.1 1024, classifier.6 1000" },
        { "alexnet_2012", 0.1f, "conv1 10, conv2 26, conv4 38, fc7 410, fc8 1000" },
        { "vgg16_bn", 0.125f, "features.0 8, features.40 64, classifier.0 512, classifier.6 1000" },
        { "googlenet_aux", 0.5f,
          "conv1.conv 32, inception3a.branch2.0.conv 48, aux1.conv.conv 64, aux2.fc1 512" },
        { "resnet50", 0.5f, "conv1 32, layer1.0.conv1 32, layer1.0.conv3 128, layer4.2.conv3 1024, fc 1000" },
        { "wide_resnet50_2", 0.5f, "layer1.0.conv1 64, layer1.0.conv3 128, layer4.2.conv2 512" },
        { "resnext50_32x4d", 0.25f, "layer1.0.conv2 32, layer4.0.conv2 256, layer4.0.conv3 512" },
        { "preact_resnet18", 2.f, "conv1 128, layer4.0.conv1 1024" },
        { "plain44_cifar", 0.5f, "conv1 8, layer1.0.conv1 8, layer3.6.conv2 32, fc 10" },
        { "wrn28_10", 0.1f, "conv1 2, layer1.0.conv1 16, layer3.3.conv2 64" },
        { "densenet121", 0.5f,
          "features.conv0 32, features.denseblock1.denselayer1.conv1 64, "
          "features.denseblock4.denselayer16.conv2 16, classifier 1000" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        oc_net net;
        char line[160], list[512];
        const oc_net_desc desc = { .width_factor = cases[i].factor };
        cr_assert_eq(oc_zoo_create(&net, cases[i].name, &desc), OC_OK, "%s", oc_last_error());
        oc_layer_info layer;
        snprintf(list, sizeof list, "%s", cases[i].layers);
        for (char *word = strtok(list, ","); word; word = strtok(NULL, ",")) {
            bool found = false;
            const char *text = word + (*word == ' ');
            for (int k = 0; !found && oc_graph_layer(net.graph, k, &layer) == OC_OK; k++) {
                snprintf(line, sizeof line, "%s %d", layer.name, (int)layer.output[1]);
                found = strcmp(line, text) == 0;
            }
            cr_expect(found, "%s: no layer '%s'", cases[i].name, text);
        }
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
        { "xo", { .width_factor = -0.5f }, OC_E_ARGUMENT, { "xo", "-0.5", "0..1000" } },
        { "xo", { .width_factor = NAN }, OC_E_ARGUMENT, { "nan" } },
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

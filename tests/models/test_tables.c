/* test_tables.c - the published tables of the networks, row by row: volumes, parameters, multiply-adds, receptive fields.
 *
 * What a row should have follows from the numbers of the publication alone; nothing here knows how models/ builds. */
#include "support/case.h"
#include "support/fixture.h"
#include <ocelli/models.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static oc_net open_net(const char *name)
{
    oc_net net;
    CHECK(oc_zoo_create(&net, name, NULL));
    return net;
}

static oc_layer_info layer_at(const oc_net *net, int index)
{
    oc_layer_info layer;
    CHECK(oc_graph_layer(net->graph, index, &layer));
    return layer;
}

static oc_layer_info layer_named(const oc_net *net, const char *name)
{
    for (int i = 0; i < oc_graph_layer_count(net->graph); i++)
        if (strcmp(layer_at(net, i).name, name) == 0)
            return layer_at(net, i);
    cr_assert(false, "no layer \"%s\"", name);
    return (oc_layer_info){ 0 };
}

static bool is_type(const oc_layer_info *layer, const char *types)
{
    char word[64];
    snprintf(word, sizeof word, " %s ", layer->type);
    return strstr(types, word) != NULL;
}

/* Values of one sample's output. */
static int64_t values(const oc_layer_info *layer)
{
    return layer->bytes / 4;
}

/* Weights without biases: a bias per output channel. */
static int64_t weights(const oc_layer_info *layer)
{
    return layer->parameters - layer->output[1];
}

/* The next layer from *index on that is of one of the types. */
static oc_layer_info next_of(const oc_net *net, const char *types, int *index)
{
    oc_layer_info layer = { 0 };
    do {
        cr_assert_lt(*index, oc_graph_layer_count(net->graph), "no more of%s", types);
        layer = layer_at(net, (*index)++);
    } while (!is_type(&layer, types));
    return layer;
}

/* ---- GoogLeNet ---- */

enum { CONV, POOL, INCEPTION, DENSE };

/* A row of table 1 of "Going deeper with convolutions": the volume after it; of an inception #1x1, #3x3 reduce, #3x3, #5x5
 * reduce, #5x5, pool projection; parameters in units of 1024 and multiply-adds in millions, as printed. */
static const struct inception_row {
    const char *name; /* how its layers' names begin */
    int kind, size, channels;
    int widths[6];
    int64_t weights, macs; /* what the widths come to, without biases */
    int printed_k, printed_m;
    bool k_differs, m_differs; /* the printed number is not what the row's other columns come to */
} inception_rows[] = {
    { "conv1.",
      CONV,
      112,
      64,
      { 0 },
      9408,
      118013952,
      3,
      34,
      true,
      true }, /* printed 2.7K: see the next test */
    { "", POOL, 56, 64, { 0 }, 0, 0, 0, 0, false, false },
    { "conv2.",
      CONV,
      56,
      64,
      { 0 },
      4096,
      12845056,
      4,
      13,
      false,
      false }, /* with the next: one row of 112K, 360M */
    { "conv3.", CONV, 56, 192, { 0 }, 110592, 346816512, 108, 347, false, false },
    { "", POOL, 28, 192, { 0 }, 0, 0, 0, 0, false, false },
    { "inception3a.",
      INCEPTION,
      28,
      256,
      { 64, 96, 128, 16, 32, 32 },
      163328,
      128049152,
      159,
      128,
      false,
      false },
    { "inception3b.",
      INCEPTION,
      28,
      480,
      { 128, 128, 192, 32, 96, 64 },
      388096,
      304267264,
      380,
      304,
      false,
      false },
    { "", POOL, 14, 480, { 0 }, 0, 0, 0, 0, false, false },
    { "inception4a.",
      INCEPTION,
      14,
      512,
      { 192, 96, 208, 16, 48, 64 },
      375552,
      73608192,
      364,
      73,
      true,
      false },
    { "inception4b.",
      INCEPTION,
      14,
      512,
      { 160, 112, 224, 24, 64, 64 },
      448512,
      87908352,
      437,
      88,
      false,
      false },
    { "inception4c.",
      INCEPTION,
      14,
      512,
      { 128, 128, 256, 24, 64, 64 },
      509440,
      99850240,
      463,
      100,
      true,
      false },
    { "inception4d.",
      INCEPTION,
      14,
      528,
      { 112, 144, 288, 32, 64, 64 },
      604672,
      118515712,
      580,
      119,
      true,
      false },
    { "inception4e.",
      INCEPTION,
      14,
      832,
      { 256, 160, 320, 32, 128, 128 },
      867328,
      169996288,
      840,
      170,
      true,
      false },
    { "", POOL, 7, 832, { 0 }, 0, 0, 0, 0, false, false },
    { "inception5a.",
      INCEPTION,
      7,
      832,
      { 256, 160, 320, 32, 128, 128 },
      1042432,
      51079168,
      1072,
      54,
      true,
      true },
    { "inception5b.",
      INCEPTION,
      7,
      1024,
      { 384, 192, 384, 48, 128, 128 },
      1442816,
      70697984,
      1388,
      71,
      true,
      false },
    { "", POOL, 1, 1024, { 0 }, 0, 0, 0, 0, false, false },
    { "fc", DENSE, 1, 1000, { 0 }, 1024000, 1024000, 1000, 1, false, false },
};

/* What the layers of a row come to. */
struct row_sum {
    int64_t weights, macs;
    int widths[6], count;
};

static struct row_sum sum_row(const oc_net *net, const char *name)
{
    struct row_sum sum = { 0 };
    for (int i = 0; i < oc_graph_layer_count(net->graph); i++) {
        const oc_layer_info layer = layer_at(net, i);
        if (*name && strncmp(layer.name, name, strlen(name)) == 0 && layer.parameters > 0) {
            sum.weights += weights(&layer);
            sum.macs += layer.macs;
            cr_assert_lt(sum.count, 6, "%s", name);
            sum.widths[sum.count++] = (int)layer.output[1];
        }
    }
    return sum;
}

/* As a table prints it: rounded or cut off, so that it is less than one unit away. */
static bool is_printed(int64_t exact, double unit, int printed)
{
    return fabs((double)exact / unit - printed) <= 1.0;
}

static int by_size(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

Test(tables, googlenet_row_by_row)
{
    const oc_net net = open_net("googlenet_2014");
    int index = 0;
    for (int i = 0; i < COUNT_OF(inception_rows); i++) {
        static const char *const ends[] = { " conv ", " max_pool average_pool ", " concat ", " dense " };
        const struct inception_row *r = &inception_rows[i];
        const oc_layer_info end = next_of(&net, ends[r->kind], &index);
        cr_expect(end.output[1] == r->channels && values(&end) == r->channels * r->size * r->size &&
                      (end.rank == 2 || end.output[2] == r->size),
                  "row %d %s ends in %s: %" PRId64 " channels, %" PRId64 " values", i, r->name, end.name,
                  end.output[1], values(&end));
        struct row_sum sum = sum_row(&net, r->name);
        cr_expect(sum.weights == r->weights && sum.macs == r->macs,
                  "row %d %s: %" PRId64 " weights, %" PRId64, i, r->name, sum.weights, sum.macs);
        cr_expect_eq(is_printed(sum.weights, 1024, r->printed_k), !r->k_differs, "row %d %s", i, r->name);
        cr_expect_eq(is_printed(sum.macs, 1e6, r->printed_m), !r->m_differs, "row %d %s", i, r->name);
        if (r->kind != INCEPTION)
            continue;
        int widths[6];
        memcpy(widths, r->widths, sizeof widths);
        qsort(widths, 6, sizeof *widths, by_size); /* in whatever order the branches are built */
        qsort(sum.widths, 6, sizeof *widths, by_size);
        cr_expect_arr_eq(sum.widths, widths, sizeof widths, "%s", r->name);
    }
    oc_graph_destroy(net.graph);
}

/* The row of the first convolution fits one that is separable, with 8 filters for each colour, and then 64 of 1x1. */
Test(tables, googlenet_first_row_is_printed_for_a_separable_convolution)
{
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *x = oc_input(graph, &(oc_input_desc){ .name = "image", .shape = { 1, 3, 224, 224 } });
    x = oc_conv(x, &(oc_conv_desc){ .filters = 24,
                                    .window = { 7 },
                                    .stride = { 2 },
                                    .pad = 3,
                                    .groups = 3,
                                    .no_bias = true,
                                    .rounding = OC_ROUND_FLOOR });
    oc_conv(x, &(oc_conv_desc){ .filters = 64, .window = { 1 }, .no_bias = true });
    const oc_net net = { .graph = graph };
    const oc_layer_info depthwise = layer_at(&net, 1), pointwise = layer_at(&net, 2);
    cr_expect_eq(depthwise.parameters + pointwise.parameters, 2712); /* 2.7K */
    cr_expect(is_printed(depthwise.macs + pointwise.macs, 1e6, 34));
    oc_graph_destroy(graph);
}

/* ---- volumes ---- */

/* Layers of these types in order, as (c, h, w). */
static const struct {
    const char *name, *types, *volumes;
} volumes[] = {
    { "alexnet_2012", " conv max_pool lrn dense ",
      "96x55x55 96x27x27 96x27x27 256x27x27 256x13x13 256x13x13 384x13x13 384x13x13 256x13x13 256x6x6 4096 "
      "4096 1000" },
    { "alexnet_2012_single", " conv max_pool lrn dense ",
      "96x55x55 96x27x27 96x27x27 256x27x27 256x13x13 256x13x13 384x13x13 384x13x13 256x13x13 256x6x6 4096 "
      "4096 1000" },
    { "alexnet", " conv max_pool dense ",
      "64x55x55 64x27x27 192x27x27 192x13x13 384x13x13 256x13x13 256x13x13 256x6x6 4096 4096 1000" },
    { "zfnet", " conv max_pool dense ",
      "96x110x110 96x55x55 256x26x26 256x13x13 512x13x13 1024x13x13 512x13x13 512x6x6 4096 4096 1000" },
    { "googlenet_2014", " concat ",
      "256x28x28 480x28x28 512x14x14 512x14x14 512x14x14 528x14x14 832x14x14 832x7x7 1024x7x7" },
    { "googlenet_2014", " lrn ", "64x56x56 192x56x56" },
    { "vgg_a_lrn", " lrn ", "64x224x224" },
    { "vgg16", " max_pool ", "64x112x112 128x56x56 256x28x28 512x14x14 512x7x7" },
    { "resnet18", " add ", "64x56x56 64x56x56 128x28x28 128x28x28 256x14x14 256x14x14 512x7x7 512x7x7" },
    { "resnet50", " add ",
      "256x56x56 256x56x56 256x56x56 512x28x28 512x28x28 512x28x28 512x28x28 1024x14x14 1024x14x14 "
      "1024x14x14 "
      "1024x14x14 1024x14x14 1024x14x14 2048x7x7 2048x7x7 2048x7x7" },
    { "resnet20_cifar", " add ",
      "16x32x32 16x32x32 16x32x32 32x16x16 32x16x16 32x16x16 64x8x8 64x8x8 64x8x8" },
    { "wrn16_8", " add ", "128x32x32 128x32x32 256x16x16 256x16x16 512x8x8 512x8x8" },
    { "densenet121", " average_pool ", "128x28x28 256x14x14 512x7x7 1024x1x1" },
};

static void append_volume(char *text, size_t capacity, const oc_layer_info *layer)
{
    for (int i = 1; i < layer->rank; i++)
        snprintf(text + strlen(text), capacity - strlen(text), "%s%" PRId64,
                 i > 1   ? "x"
                 : *text ? " "
                         : "",
                 layer->output[i]);
}

Test(tables, volumes_row_by_row)
{
    for (int i = 0; i < COUNT_OF(volumes); i++) {
        const oc_net net = open_net(volumes[i].name);
        char text[1024] = "";
        for (int k = 0; k < oc_graph_layer_count(net.graph); k++) {
            const oc_layer_info layer = layer_at(&net, k);
            if (is_type(&layer, volumes[i].types))
                append_volume(text, sizeof text, &layer);
        }
        cr_expect_str_eq(text, volumes[i].volumes, "%s: %s", volumes[i].name, text);
        oc_graph_destroy(net.graph);
    }
}

/* ---- VGG ---- */

/* Table 1 of "Very deep convolutional networks", column by column: 3 and 1 are windows, | is a pool; table 2 in millions. */
static const struct {
    const char *name, *column;
    int printed_millions;
} vgg[] = {
    { "vgg11", "3|3|33|33|33|", 133 },         { "vgg_a_lrn", "3|3|33|33|33|", 133 },
    { "vgg13", "33|33|33|33|33|", 133 },       { "vgg_c", "33|33|331|331|331|", 134 },
    { "vgg16", "33|33|333|333|333|", 138 },    { "vgg19", "33|33|3333|3333|3333|", 144 },
    { "vgg11_bn", "3|3|33|33|33|", 133 },      { "vgg13_bn", "33|33|33|33|33|", 133 },
    { "vgg16_bn", "33|33|333|333|333|", 138 }, { "vgg19_bn", "33|33|3333|3333|3333|", 144 },
};

static void expect_row(const oc_net *net, int *index, const char *type, int64_t channels, int64_t size,
                       int64_t parameters, int64_t macs)
{
    const oc_layer_info layer = next_of(net, " conv max_pool dense ", index);
    cr_expect(strcmp(layer.type, type) == 0 && layer.output[1] == channels &&
                  (layer.rank == 2 || (layer.output[2] == size && layer.output[3] == size)) &&
                  values(&layer) == channels * size * size && layer.parameters == parameters &&
                  layer.macs == macs,
              "%s (%s): %" PRId64 " channels, %" PRId64 " values, %" PRId64 " parameters, %" PRId64,
              layer.name, layer.type, layer.output[1], values(&layer), layer.parameters, layer.macs);
}

Test(tables, vgg_row_by_row)
{
    for (int i = 0; i < COUNT_OF(vgg); i++) {
        const oc_net net = open_net(vgg[i].name);
        int64_t channels = 3, width = 64, size = 224, total = 0;
        int index = 0;
        for (const char *c = vgg[i].column; *c; c++) {
            if (*c == '|') {
                size /= 2;
                width = width < 512 ? 2 * width : width;
                expect_row(&net, &index, "max_pool", channels, size, 0, 0);
                continue;
            }
            const int64_t w = (int64_t)(*c - '0') * (*c - '0') * channels * width;
            channels = width;
            expect_row(&net, &index, "conv", channels, size, w + width, w * size * size);
            total += w + width;
        }
        static const int64_t units[] = { 4096, 4096, 1000 };
        for (int k = 0; k < 3; k++) {
            const int64_t inputs = k == 0 ? 512 * 7 * 7 : 4096;
            expect_row(&net, &index, "dense", units[k], 1, (inputs + 1) * units[k], inputs * units[k]);
            total += (inputs + 1) * units[k];
        }
        cr_expect_eq((int)lround((double)total / 1e6), vgg[i].printed_millions, "%s", vgg[i].name);
        oc_graph_destroy(net.graph);
    }
}

/* VGG D as it is often quoted: weights without biases, and the values of each row. */
Test(tables, vgg_d_weights_and_activations)
{
    static const int64_t want[] = {
        1728,    36864,   73728,   147456,  294912,  589824,    589824,   1179648,
        2359296, 2359296, 2359296, 2359296, 2359296, 102760448, 16777216, 4096000
    };
    const oc_net net = open_net("vgg16");
    int64_t activations = 0;
    int index = 0;
    for (int i = 0; i < COUNT_OF(want); i++) {
        const oc_layer_info layer = next_of(&net, " conv dense ", &index);
        cr_expect_eq(weights(&layer), want[i], "%s: %" PRId64, layer.name, weights(&layer));
    }
    for (int i = 0; i < oc_graph_layer_count(net.graph); i++) {
        const oc_layer_info layer = layer_at(&net, i);
        if (layer.rank > 1 && is_type(&layer, " input conv max_pool dense "))
            activations += values(&layer);
    }
    /* The rows' own values; the 24 million that are quoted beside them are not their sum. */
    cr_expect_eq(activations, 15237608, "%" PRId64, activations);
    oc_graph_destroy(net.graph);
}

/* ---- receptive fields ---- */

static const struct {
    const char *name, *layer;
    int64_t field;
} fields[] = {
    { "lenet5", "conv3", 32 },
    { "alexnet", "max_pool3", 195 },
    { "vgg16", "max_pool5", 212 },
    { "vgg19", "max_pool5", 268 },
    { "resnet18", "layer4.1.conv2", 435 },
    { "resnet34", "layer4.2.conv2", 899 },
    { "resnet50", "layer4.2.conv2", 427 }, /* 483 with the stride on the first 1x1 of a block */
};

Test(tables, receptive_fields)
{
    for (int i = 0; i < COUNT_OF(fields); i++) {
        const oc_net net = open_net(fields[i].name);
        const oc_layer_info layer = layer_named(&net, fields[i].layer);
        cr_expect(layer.receptive[0] == fields[i].field && layer.receptive[1] == fields[i].field,
                  "%s, %s: %" PRId64, fields[i].name, fields[i].layer, layer.receptive[0]);
        oc_graph_destroy(net.graph);
    }
}

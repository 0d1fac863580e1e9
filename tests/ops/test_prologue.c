/* test_prologue.c - normalisation and ReLU before a convolution, in inference: its kernel may apply them as it reads. Numbers
 * are chosen so that nothing is ever rounded: each result must be the integer that it is. */
#include "support/case.h"
#include "support/fixture.h"

#include <stdlib.h>

enum { EXTENT = 5 };

struct layer {
    int n, c, k, stride, groups, window, pad;
    bool relu, biased, beside; /* beside: x and y lie in one tensor, side by side */
};

static const struct layer layers[] = {
    { 2, 17, 7, 1, 1, 1, 0, .relu = true, .biased = true, .beside = true },
    { 2, 5, 19, 1, 1, 1, 0, .relu = true },
    { 1, 1, 1, 1, 1, 1, 0, .biased = true },
    { 1, 300, 33, 1, 1, 1, 0, .relu = true }, /* more than a panel is deep */
    { 2, 12, 16, 2, 2, 1, 0, .relu = true },
    { 1, 20, 9, 3, 1, 1, 0, .biased = true },
    { 1, 8, 4, 1, 1, 1, 1, .relu = true, .biased = true }, /* what is beside the image stays 0 */
    { 1, 6, 4, 1, 1, 3, 1, .relu = true, .biased = true },
};

static float small(const char *name, int i)
{
    return (float)((i * 7 + i / 3 + name[0]) % 5 - 2);
}

/* Each parameter a small integer; the variance and epsilon add up to 1. */
static void set_parameters(oc_model *model)
{
    for (int p = 0; p < oc_parameter_count(model); p++) {
        oc_parameter_info info;
        CHECK(oc_parameter_info_at(model, p, &info));
        float *values = malloc(sizeof *values * (size_t)info.count);
        cr_assert(values);
        for (int i = 0; i < info.count; i++)
            values[i] =
                strcmp(info.name, "norm.running_var") == 0 ? 0.5f : small(strchr(info.name, '.') + 1, i);
        CHECK(oc_parameter_set(model, info.name, OC_VALUE, values, info.count));
        free(values);
    }
}

/* What the normalisation makes of channel c of a pixel. */
static float before(const struct layer *l, float x, int c)
{
    const float v = (x - small("running_mean", c)) * small("weight", c) + small("bias", c);
    return l->relu && v < 0 ? 0 : v;
}

static float want(const struct layer *l, const float *x, int n, int k, int row, int column)
{
    const int cg = l->c / l->groups, first = k / (l->k / l->groups) * cg;
    float sum = l->biased ? small("bias", k) : 0;
    for (int c = 0; c < cg; c++)
        for (int r = 0; r < l->window * l->window; r++) {
            const int h = row * l->stride - l->pad + r / l->window,
                      w = column * l->stride - l->pad + r % l->window;
            if (h >= 0 && h < EXTENT && w >= 0 && w < EXTENT)
                sum += small("weight", (k * cg + c) * l->window * l->window + r) *
                       before(l, x[((n * l->c + first + c) * EXTENT + h) * EXTENT + w], first + c);
        }
    return sum;
}

static void expect_layer(oc_device *device, const struct layer *l, const char *implementations)
{
    oc_model *model;
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *x = oc_input(graph, &(oc_input_desc){ .name = "x", .shape = { l->n, l->c, EXTENT, EXTENT } });
    oc_tensor *y = oc_batch_norm(x, &(oc_batch_norm_desc){ .name = "norm", .epsilon = 0.5f });
    y = oc_conv(l->relu ? oc_relu(y) : y, &(oc_conv_desc){ .name = "conv",
                                                           .filters = l->k,
                                                           .window = { l->window },
                                                           .stride = { l->stride },
                                                           .pad = l->pad,
                                                           .groups = l->groups,
                                                           .no_bias = !l->biased,
                                                           .rounding = OC_ROUND_FLOOR });
    oc_tensor *both = l->beside ? oc_concat((oc_tensor *[]){ x, y }, 2) : y;
    int64_t shape[OC_MAX_RANK];
    CHECK(oc_graph_check(graph));
    oc_tensor_shape(both, shape);
    const int in_count = l->n * l->c * EXTENT * EXTENT,
              count = (int)(shape[0] * shape[1] * shape[2] * shape[3]);
    float *values = malloc(sizeof *values * (size_t)in_count), *got = malloc(sizeof *got * (size_t)count);
    cr_assert(values && got);
    for (int i = 0; i < in_count; i++)
        values[i] = small("x", i);
    CHECK(oc_model_create(&model, graph, device,
                          &(oc_model_desc){ .outputs = (oc_tensor *const[]){ both, NULL },
                                            .implementations = implementations }));
    set_parameters(model);
    CHECK(oc_infer(model, l->n, (oc_feed[]){ { x, values, NULL }, { 0 } },
                   (oc_fetch[]){ { .tensor = both, .data = got }, { 0 } }));
    for (int i = 0; i < count; i++) {
        const int column = i % (int)shape[3], row = i / (int)shape[3] % (int)shape[2];
        const int pixels = (int)(shape[2] * shape[3]), channel = i / pixels % (int)shape[1];
        const int n = i / pixels / (int)shape[1], k = l->beside ? channel - l->c : channel;
        const float right =
            k < 0 ? values[(n * l->c + channel) * pixels + i % pixels] : want(l, values, n, k, row, column);
        cr_assert_eq(got[i], right, "layer %d: y[%d] is %g, not %g", (int)(l - layers), i, (double)got[i],
                     (double)right);
    }
    oc_model_destroy(model);
    oc_graph_destroy(graph);
    free(values);
    free(got);
}

Test(prologue, no_result_is_rounded)
{
    static const char *const values[] = { "conv=direct VECTOR=16 TILE=12 COLUMNS=2 PANELS=8",
                                          "conv=direct VECTOR=8 TILE=6 COLUMNS=2 PANELS=16",
                                          "conv=direct VECTOR=4 TILE=4 COLUMNS=1 PANELS=1" };
    oc_device *device = fixture_open();
    for (int i = 0; i < (fixture_quick() ? 1 : COUNT_OF(layers)); i++) {
        expect_layer(device, &layers[i], NULL);
        expect_layer(device, &layers[i], "reference"); /* whose kernels read what is there */
    }
    for (int k = 0; k < COUNT_OF(values) && !fixture_quick(); k++)
        expect_layer(device, &layers[0], values[k]);
    oc_device_close(device);
}

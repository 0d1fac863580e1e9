/* test_shape.c - output sizes and padding of windows, against the published rules: facts.md (a course's worked
 * example), TensorFlow's SAME and VALID, PyTorch's floor and ceil_mode. */
#include "support/case.h"
#include "support/fixture.h"
#include "support/scratch.h"
#include "graph/shape.h"

#include <stdio.h>
#include <string.h>

struct size {
    const char *name;
    int in, extent, stride, dilation, pad;
    oc_padding padding;
    oc_rounding rounding;
    int out, begin, end; /* wanted */
};

static const struct size sizes[] = {
    { "worked example, stride 1", 7, 3, 1, 1, 0, OC_PAD_NUMBER, OC_ROUND_EXACT, 5, 0, 0 },
    { "worked example, stride 2", 7, 3, 2, 1, 0, OC_PAD_NUMBER, OC_ROUND_EXACT, 3, 0, 0 },
    { "worked example, stride 3 with floor", 7, 3, 3, 1, 0, OC_PAD_NUMBER, OC_ROUND_FLOOR, 2, 0, 0 },
    { "worked example, SAME", 5, 3, 2, 1, 0, OC_PAD_SAME, OC_ROUND_EXACT, 3, 1, 1 },
    { "worked example, 5x5 with pad 2", 32, 5, 1, 1, 2, OC_PAD_NUMBER, OC_ROUND_EXACT, 32, 2, 2 },
    { "VALID is i - k + 1", 9, 4, 1, 1, 7, OC_PAD_VALID, OC_ROUND_EXACT, 6, 0, 0 },
    { "FULL is i + k - 1", 9, 4, 1, 1, 0, OC_PAD_FULL, OC_ROUND_EXACT, 12, 3, 3 },
    { "FULL, window larger than input", 2, 5, 1, 1, 0, OC_PAD_FULL, OC_ROUND_EXACT, 6, 4, 4 },
    { "FULL with stride 2", 9, 4, 2, 1, 0, OC_PAD_FULL, OC_ROUND_FLOOR, 6, 3, 3 },
    { "FULL, dilated", 9, 3, 1, 2, 0, OC_PAD_FULL, OC_ROUND_EXACT, 13, 4, 4 },
    /* TensorFlow's guide: input width 13, filter width 6, stride 5 */
    { "TensorFlow's VALID", 13, 6, 5, 1, 0, OC_PAD_VALID, OC_ROUND_FLOOR, 2, 0, 0 },
    { "TensorFlow's SAME", 13, 6, 5, 1, 0, OC_PAD_SAME, OC_ROUND_EXACT, 3, 1, 2 },
    { "SAME, one odd zero at the end", 224, 7, 2, 1, 0, OC_PAD_SAME, OC_ROUND_EXACT, 112, 2, 3 },
    { "SAME, even window", 10, 2, 1, 1, 0, OC_PAD_SAME, OC_ROUND_EXACT, 10, 0, 1 },
    { "SAME, stride larger than window", 10, 2, 4, 1, 0, OC_PAD_SAME, OC_ROUND_EXACT, 3, 0, 0 },
    { "SAME, stride larger than window, nothing to pad", 5, 1, 3, 1, 0, OC_PAD_SAME, OC_ROUND_EXACT, 2, 0,
      0 },
    { "SAME, dilated", 28, 3, 1, 4, 0, OC_PAD_SAME, OC_ROUND_EXACT, 28, 4, 4 },
    { "SAME with ceil", 10, 2, 4, 1, 0, OC_PAD_SAME, OC_ROUND_CEIL, 3, 0, 0 },
    { "SAME, window larger than input", 2, 5, 1, 1, 0, OC_PAD_SAME, OC_ROUND_EXACT, 2, 2, 2 },
    /* PyTorch: floor((i + 2p - d(k-1) - 1)/s) + 1 */
    { "ResNet's first convolution", 224, 7, 2, 1, 3, OC_PAD_NUMBER, OC_ROUND_FLOOR, 112, 3, 3 },
    { "ResNet's first pooling", 112, 3, 2, 1, 1, OC_PAD_NUMBER, OC_ROUND_FLOOR, 56, 1, 1 },
    { "AlexNet's first convolution", 227, 11, 4, 1, 0, OC_PAD_NUMBER, OC_ROUND_EXACT, 55, 0, 0 },
    { "dilated", 28, 3, 1, 2, 0, OC_PAD_NUMBER, OC_ROUND_EXACT, 24, 0, 0 },
    { "one value, one window", 1, 1, 1, 1, 0, OC_PAD_NUMBER, OC_ROUND_EXACT, 1, 0, 0 },
    { "stride larger than input", 3, 2, 9, 1, 0, OC_PAD_NUMBER, OC_ROUND_FLOOR, 1, 0, 0 },
    { "window larger than input, in padding", 2, 5, 1, 1, 2, OC_PAD_NUMBER, OC_ROUND_EXACT, 2, 2, 2 },
    /* and its ceil_mode, GoogLeNet's pooling */
    { "ceil, 112", 112, 3, 2, 1, 0, OC_PAD_NUMBER, OC_ROUND_CEIL, 56, 0, 0 },
    { "floor, 112", 112, 3, 2, 1, 0, OC_PAD_NUMBER, OC_ROUND_FLOOR, 55, 0, 0 },
    { "ceil, 56", 56, 3, 2, 1, 0, OC_PAD_NUMBER, OC_ROUND_CEIL, 28, 0, 0 },
    { "ceil, 28", 28, 3, 2, 1, 0, OC_PAD_NUMBER, OC_ROUND_CEIL, 14, 0, 0 },
    { "ceil, stride 1 with padding", 14, 3, 1, 1, 1, OC_PAD_NUMBER, OC_ROUND_CEIL, 14, 1, 1 },
    { "ceil, nothing left over", 7, 3, 2, 1, 0, OC_PAD_NUMBER, OC_ROUND_CEIL, 3, 0, 0 },
    { "ceil, a window in the end padding alone", 5, 2, 2, 1, 1, OC_PAD_NUMBER, OC_ROUND_CEIL, 3, 1, 1 },
    { "ceil, stride larger than window", 5, 1, 4, 1, 0, OC_PAD_NUMBER, OC_ROUND_CEIL, 2, 0, 0 },
    { "ceil, a window that would start behind the end", 4, 1, 4, 1, 0, OC_PAD_NUMBER, OC_ROUND_CEIL, 1, 0,
      0 },
};

Test(shape, windows_follow_the_published_rules)
{
    for (int i = 0; i < COUNT_OF(sizes); i++) {
        const struct size *s = &sizes[i];
        for (int rank = 3; rank <= OC_MAX_RANK; rank++) { /* every dimension alike */
            struct shape in = { .rank = rank, .dim = { 2, 3, s->in, s->in, s->in } };
            struct window w;
            CHECK(window_resolve(&w,
                                 &(struct window_request){ .extent = (const int[3]){ s->extent },
                                                           .stride = (const int[3]){ s->stride },
                                                           .dilation = (const int[3]){ s->dilation },
                                                           .pad = s->pad,
                                                           .padding = s->padding,
                                                           .rounding = s->rounding },
                                 &in));
            for (int d = 0; d < 3; d++) {
                const bool used = d >= 5 - rank;
                cr_expect(w.out[d] == (used ? s->out : 1) && w.in[d] == (used ? s->in : 1),
                          "%s: %d to %d, not %d", s->name, w.in[d], w.out[d], s->out);
                cr_expect(w.begin[d] == (used ? s->begin : 0) && w.end[d] == (used ? s->end : 0),
                          "%s: padding is %d and %d, not %d and %d", s->name, w.begin[d], w.end[d], s->begin,
                          s->end);
            }
            const struct shape out = window_output(&w, 2, 7, rank);
            cr_expect(out.rank == rank && out.dim[0] == 2 && out.dim[1] == 7 && out.dim[rank - 1] == s->out);
        }
    }
}

/* Each number where it belongs when the dimensions differ; a single first value holds for all. */
Test(shape, dimensions_keep_their_own_numbers)
{
    const struct shape in = { .rank = 5, .dim = { 2, 3, 20, 30, 40 } };
    struct window w;
    const struct window_request request = { .extent = (const int[3]){ 2, 3, 5 },
                                            .stride = (const int[3]){ 1, 0, 3 },
                                            .dilation = (const int[3]){ 2 },
                                            .pad_begin = (const int[3]){ 1, 0, 2 },
                                            .pad_end = (const int[3]){ 0, 4, 3 },
                                            .padding = OC_PAD_EXPLICIT,
                                            .rounding = OC_ROUND_FLOOR };
    CHECK(window_resolve(&w, &request, &in));
    const struct window want = { { 2, 3, 5 }, { 1, 1, 3 },    { 2, 2, 2 },   { 1, 0, 2 },
                                 { 0, 4, 3 }, { 20, 30, 40 }, { 19, 30, 13 } };
    cr_expect(memcmp(&w, &want, sizeof w) == 0, "out is %d, %d, %d", w.out[0], w.out[1], w.out[2]);
}

/* What a convolution left over comes back as output padding, so that the sizes are the old ones. */
Test(shape, transposed_windows_lead_back)
{
    for (int in = 1; in < 20; in++)
        for (int k = 0; k < 5 * 4 * 3 * 4; k++) {
            const struct window_request request = { .extent = (const int[3]){ 1 + k % 5 },
                                                    .stride = (const int[3]){ 1 + k / 5 % 4 },
                                                    .dilation = (const int[3]){ 1 + k / 20 % 3 },
                                                    .pad = k / 60,
                                                    .rounding = OC_ROUND_FLOOR };
            const struct shape x = { .rank = 3, .dim = { 2, 3, in } };
            struct window w, back;
            if (window_resolve(&w, &request, &x) != OC_OK)
                continue;
            const struct shape y = window_output(&w, 2, 3, 3);
            const int rest = (in + 2 * request.pad - window_reach(&w, 2)) % w.stride[2];
            CHECK(window_resolve_transposed(&back, &request, (const int[3]){ rest }, &y));
            cr_expect(memcmp(&w, &back, sizeof w) == 0, "%d: %d, not %d", k, back.in[2], in);
        }
}

/* facts.md, examples 5 and 6, through the public interface. */
Test(shape, worked_volumes)
{
    int64_t shape[OC_MAX_RANK];
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *small = oc_input(graph, &(oc_input_desc){ .name = "small", .shape = { 1, 3, 32, 32 } });
    oc_tensor *y =
        oc_conv(small, &(oc_conv_desc){ .name = "small", .filters = 10, .window = { 5 }, .pad = 2 });
    cr_assert_eq(oc_tensor_shape(y, shape), 4);
    cr_expect(shape[0] == 1 && shape[1] == 10 && shape[2] == 32 && shape[3] == 32);
    oc_layer_info layer;
    CHECK(oc_graph_layer(graph, 1, &layer));
    cr_expect_eq(layer.parameters, 760);

    static const int64_t volumes[][3] = { { 48, 92, 92 },  { 96, 92, 92 },  { 192, 44, 44 },
                                          { 192, 22, 22 }, { 256, 22, 22 }, { 100, 1, 1 } };
    oc_tensor *x[6];
    x[0] = oc_conv(oc_input(graph, &(oc_input_desc){ .name = "large", .shape = { 1, 3, 100, 100 } }),
                   &(oc_conv_desc){ .filters = 48, .window = { 9 } });
    x[1] = oc_conv(x[0], &(oc_conv_desc){ .filters = 96, .window = { 9 }, .pad = 4 });
    x[2] = oc_conv(x[1], &(oc_conv_desc){
                             .filters = 192, .window = { 5 }, .stride = { 2 }, .rounding = OC_ROUND_FLOOR });
    x[3] = oc_max_pool(x[2], &(oc_pool_desc){ .window = { 2 } });
    x[4] = oc_conv(x[3], &(oc_conv_desc){ .filters = 256, .window = { 1 } });
    x[5] = oc_dense(oc_flatten(x[4]), &(oc_dense_desc){ .units = 100 });
    int64_t parameters = -760;
    for (int i = 0; i < 6; i++) {
        memset(shape, 0, sizeof shape);
        cr_assert_eq(oc_tensor_shape(x[i], shape), i < 5 ? 4 : 2, "%s", oc_last_error());
        cr_expect(shape[1] == volumes[i][0] &&
                      (i == 5 || (shape[2] == volumes[i][1] && shape[3] == volumes[i][2])),
                  "volume %d is %dx%dx%d", i, (int)shape[1], (int)shape[2], (int)shape[3]);
    }
    for (int i = 0; i < oc_graph_layer_count(graph); i++) {
        CHECK(oc_graph_layer(graph, i, &layer));
        parameters += layer.parameters;
    }
    cr_expect_eq(parameters, 13285956);
    oc_graph_destroy(graph);
}

Test(shape, counts)
{
    const struct shape s = { 4, { 2, 3, 4, 5 } }, list = { 2, { 2, 3 } }, labels = { 1, { 7 } },
                       scalar = { 0 };
    cr_expect(shape_count(&s) == 120 && shape_channels(&s) == 3 && shape_spatial(&s) == 20 &&
              shape_pixels(&s) == 40);
    cr_expect(shape_count(&list) == 6 && shape_channels(&list) == 3 && shape_spatial(&list) == 1 &&
              shape_pixels(&list) == 2);
    cr_expect(shape_count(&labels) == 7 && shape_channels(&labels) == 1 && shape_pixels(&labels) == 7);
    cr_expect(shape_count(&scalar) == 1 && shape_channels(&scalar) == 1 && shape_pixels(&scalar) == 1);
    cr_expect(shape_equal(&s, &s) && !shape_equal(&s, &list) &&
              !shape_equal(&list, &(struct shape){ 2, { 2, 4 } }));
    cr_expect_str_eq(SHAPE_TEXT(&s), "2x3x4x5");
    cr_expect_str_eq(SHAPE_TEXT(&scalar), "scalar");
    const struct shape read = shape_read((const int64_t[OC_MAX_RANK]){ 2, 3, 4 });
    cr_expect(read.rank == 3 && read.dim[2] == 4);
    cr_expect_eq(shape_read((const int64_t[OC_MAX_RANK]){ 1, 2, 3, 4, 5 }).rank, 5);
}

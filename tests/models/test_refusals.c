/* test_refusals.c - mistakes that building blocks of these networks invite, and the whole sentence that each is met with:
 * the layer, and the numbers that do not fit. */
#include "support/case.h"
#include "support/fixture.h"
#include <ocelli/models.h>

#include <string.h>

static void expect_sentence(oc_status status, oc_status wanted, const char *sentence)
{
    cr_expect_eq(status, wanted, "%s: %s", oc_status_name(status), oc_last_error());
    cr_expect_str_eq(oc_last_error(), sentence, "%s", oc_last_error());
}

static oc_tensor *unequal_heights(oc_tensor *x)
{
    oc_tensor *pooled = oc_max_pool(x, &(oc_pool_desc){ .window = { 2, 1 } });
    return oc_concat((oc_tensor *[]){ x, pooled }, 2);
}

static oc_tensor *unequal_summands(oc_tensor *x)
{
    const oc_conv_desc halve = {
        .name = "halve", .filters = 6, .window = { 1 }, .stride = { 2 }, .rounding = OC_ROUND_FLOOR
    };
    return oc_add(oc_conv(x, &halve), x);
}

static oc_tensor *groups_of_channels(oc_tensor *x)
{
    return oc_conv(x, &(oc_conv_desc){ .name = "towers", .filters = 8, .window = { 3 }, .groups = 4 });
}

static oc_tensor *groups_of_filters(oc_tensor *x)
{
    return oc_conv(x, &(oc_conv_desc){ .name = "towers", .filters = 8, .window = { 3 }, .groups = 3 });
}

static oc_tensor *head_on_map(oc_tensor *x)
{
    return oc_dense(x, &(oc_dense_desc){ .name = "head", .units = 10 });
}

static oc_tensor *dropout_of_one(oc_tensor *x)
{
    return oc_dropout(x, 1.f);
}

static oc_tensor *no_survival(oc_tensor *x)
{
    return oc_add(x, oc_stochastic_depth(x, &(oc_stochastic_depth_desc){ .survival = 0.f }));
}

static const struct {
    oc_tensor *(*build)(oc_tensor *x);
    oc_status status;
    const char *sentence;
} mistakes[] = {
    { unequal_heights, OC_E_SHAPE,
      "layer \"concat1\" (concat): its inputs must be OC_F32 and equal but for the channels, input 0 is "
      "2x6x8x8 and "
      "input 1 is 2x6x4x8" },
    { unequal_summands, OC_E_SHAPE,
      "layer \"add1\" (add): its inputs must have equal shapes, they are 2x6x4x4 and 2x6x8x8" },
    { groups_of_channels, OC_E_ARGUMENT,
      "layer \"towers\" (conv): 4 groups do not divide 6 input channels and 8 filters" },
    { groups_of_filters, OC_E_ARGUMENT,
      "layer \"towers\" (conv): 3 groups do not divide 6 input channels and 8 filters" },
    { head_on_map, OC_E_SHAPE,
      "layer \"head\" (dense): its input must be OC_F32 of shape (n, c), it is 2x6x8x8: flatten or pool it "
      "first" },
    { dropout_of_one, OC_E_ARGUMENT,
      "layer \"dropout1\" (dropout): rate must be at least 0 and below 1, it is 1" },
    { no_survival, OC_E_ARGUMENT,
      "layer \"stochastic_depth1\" (stochastic_depth): survival must be above 0 and at most 1, it is 0" },
};

Test(refusals, name_the_layer_and_the_numbers)
{
    for (int i = 0; i < COUNT_OF(mistakes); i++) {
        oc_graph *graph = oc_graph_create(NULL);
        mistakes[i].build(oc_input(graph, &(oc_input_desc){ .name = "image", .shape = { 2, 6, 8, 8 } }));
        expect_sentence(oc_graph_check(graph), mistakes[i].status, mistakes[i].sentence);
        oc_graph_destroy(graph);
    }
}

/* The last stage of a ResNet sees one pixel of a 32x32 picture. Batch statistics need another picture, inference does
 * not; a step of one picture is refused by itself. */
Test(refusals, batch_statistics_of_one_pixel)
{
    static const char sentence[] = "layer \"layer4.0.bn1\" (batch_norm): training needs at least 2 values "
                                   "per channel to normalise over; its "
                                   "input of shape 1x512x1x1 has 1: use a larger batch, or use_running";
    static const float pixels[2 * 3 * 32 * 32] = { 0.5f };
    static const int32_t labels[2] = { 1, 0 };
    oc_device *device = fixture_open();
    for (int batch = 1; batch <= 2; batch++) {
        oc_net net;
        oc_model *model;
        oc_memory_info memory;
        CHECK(oc_zoo_create(&net, "resnet18", &(oc_net_desc){ .batch = batch, .height = 32, .width = 32 }));
        const oc_model_desc train = { .loss = net.loss },
                            infer = { .outputs = (oc_tensor *[]){ net.logits, NULL } };
        CHECK(oc_model_predict_memory(&memory, net.graph, device, &infer));
        if (batch == 1) {
            expect_sentence(oc_model_predict_memory(&memory, net.graph, device, &train), OC_E_SHAPE,
                            sentence);
            expect_sentence(oc_model_create(&model, net.graph, device, &train), OC_E_SHAPE, sentence);
        } else {
            const oc_feed feeds[] = { { .tensor = net.image, .data = pixels },
                                      { .tensor = net.label, .data = labels },
                                      { 0 } };
            CHECK(oc_model_create(&model, net.graph, device, &train));
            expect_sentence(oc_train_step(model, 1, feeds, NULL), OC_E_SHAPE, sentence);
            CHECK(oc_train_step(model, 2, feeds, NULL));
            CHECK(oc_model_finish(model));
        }
        oc_model_destroy(model);
        oc_graph_destroy(net.graph);
    }
    oc_device_close(device);
}

/* test_model_file.c - weights of real models: what is trained, what is frozen and what the loss never sees. */
#include "support/fixture.h"
#include "support/scratch.h"

#include <string.h>

#ifdef WITH_JANSSON /* without it, the tests of weights say so */

enum { BATCH = 4 };

struct net {
    oc_graph *graph;
    oc_tensor *image, *label, *logits, *aside, *loss;
};

/* A frozen convolution, a trained one, and a dense layer that the loss does not depend on. */
static struct net build(void)
{
    struct net net = { .graph = oc_graph_create(NULL) };
    net.image = oc_input(net.graph, &(oc_input_desc){ .name = "image", .shape = { BATCH, 1, 8, 8 } });
    net.label = oc_input(net.graph, &(oc_input_desc){ .name = "label", .shape = { BATCH }, .type = OC_I32 });
    oc_tensor *x =
        oc_conv(net.image, &(oc_conv_desc){ .name = "conv1", .filters = 3, .window = { 3 }, .frozen = true });
    x = oc_flatten(oc_relu(oc_conv(x, &(oc_conv_desc){ .name = "conv2", .filters = 3, .window = { 3 } })));
    net.aside = oc_dense(x, &(oc_dense_desc){ .name = "aside", .units = 2 });
    net.logits = oc_dense(x, &(oc_dense_desc){ .name = "fc", .units = 10 });
    net.loss = oc_softmax_cross_entropy(net.logits, net.label);
    return net;
}

static oc_model *create(const struct net *net, oc_device *device, bool trains, float momentum, uint64_t seed)
{
    oc_model *model;
    CHECK(oc_model_create(&model, net->graph, device,
                          &(oc_model_desc){ .loss = trains ? net->loss : NULL,
                                            .outputs = (oc_tensor *[]){ net->logits, net->aside, NULL },
                                            .optimizer = { .rate = 0.1f, .momentum = momentum },
                                            .seed = seed }));
    return model;
}

/* Steps, and the loss of the last one. */
static float train(oc_model *model, const struct net *net, int steps)
{
    float pixels[BATCH * 64], loss = 0;
    const int32_t classes[BATCH] = { 1, 2, 3, 4 };
    for (int i = 0; i < BATCH * 64; i++)
        pixels[i] = (float)(i % 13) / 13;
    const oc_feed feeds[] = { { .tensor = net->image, .data = pixels },
                              { .tensor = net->label, .data = classes },
                              { .tensor = NULL } };
    const oc_fetch fetches[] = { { .tensor = net->loss, .data = &loss }, { .tensor = NULL } };
    for (int i = 0; i < steps; i++)
        CHECK(oc_train_step(model, BATCH, feeds, fetches));
    return loss;
}

/* Every parameter says truly whether it has a velocity. */
static void expect_momentum(oc_model *model, const char *const *with)
{
    for (int i = 0; i < oc_parameter_count(model); i++) {
        oc_parameter_info info;
        float values[1000];
        CHECK(oc_parameter_info_at(model, i, &info));
        bool wanted = false;
        for (int k = 0; with[k]; k++)
            wanted = wanted || strcmp(with[k], info.name) == 0;
        cr_assert_eq(info.momentum, wanted, "%s", info.name);
        cr_assert_eq(oc_parameter_get(model, info.name, OC_MOMENTUM, values, info.count),
                     wanted ? OC_OK : OC_E_NOT_FOUND, "%s: %s", info.name, oc_last_error());
    }
}

Test(model_file, goes_on_where_it_was_saved, .init = scratch_open, .fini = scratch_close)
{
    static char first[32768], second[32768];
    const char *const trained[] = { "conv2.weight", "conv2.bias", "fc.weight", "fc.bias", NULL };
    const oc_save_desc everything = { .training_state = true };
    oc_device *device = fixture_open();
    const struct net net = build();
    oc_model *model = create(&net, device, true, 0.9f, 1), *other = create(&net, device, true, 0.9f, 2);
    oc_model *plain = create(&net, device, true, 0, 3), *still = create(&net, device, false, 0, 4);
    expect_momentum(model, trained);
    expect_momentum(plain, (const char *const[]){ NULL });
    expect_momentum(still, (const char *const[]){ NULL });
    train(model, &net, 5);
    CHECK(oc_model_save(model, scratch_path("a"), &everything));
    oc_model *const loaders[] = { other, plain, still };
    for (int i = 0; i < 3; i++) {
        CHECK(oc_model_load(loaders[i], scratch_path("a")));
        cr_assert_eq(oc_model_get_step(loaders[i]), 5);
    }
    CHECK(oc_model_save(other, scratch_path("b"), &everything));
    const size_t size = scratch_read("a", first, sizeof first);
    cr_assert(size == scratch_read("b", second, sizeof second) && memcmp(first, second, size) == 0);
    cr_assert_eq(train(model, &net, 5), train(other, &net, 5), "bit for bit");
    /* Weights alone: no velocity is left over from before. */
    oc_model *fresh = create(&net, device, true, 0.9f, 5);
    CHECK(oc_model_save(plain, scratch_path("c"), NULL));
    CHECK(oc_model_load(fresh, scratch_path("c")));
    CHECK(oc_model_load(model, scratch_path("c")));
    cr_assert_eq(oc_model_get_step(model), 0);
    cr_assert_eq(train(fresh, &net, 3), train(model, &net, 3), "bit for bit");
    oc_model_destroy(model);
    oc_model_destroy(other);
    oc_model_destroy(plain);
    oc_model_destroy(still);
    oc_model_destroy(fresh);
    oc_graph_destroy(net.graph);
    oc_device_close(device);
}

#endif

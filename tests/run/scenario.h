/* scenario.h - everything a user does with a little network, in one function that stops at the first failure and gives
 * everything back: for the tests that make each allocation and each OpenCL call fail in turn. */
#ifndef RUN_SCENARIO_H
#define RUN_SCENARIO_H

#include <ocelli/ocelli.h>

#include <string.h>

enum { SCENARIO_BATCH = 2, SCENARIO_PIXELS = 36, SCENARIO_CLASSES = 2 };

struct scenario {
    oc_allocator allocator; /* resize NULL: the C library's */
    oc_device *device;      /* NULL: opens one of its own */
    bool tiny;              /* a dense layer only, for which little has to be compiled */
    float losses[3];        /* what it found out */
};

static inline oc_status scenario_run_model(struct scenario *s, oc_model *model, const oc_tensor *image,
                                           const oc_tensor *label, const oc_tensor *logits,
                                           const oc_tensor *loss)
{
    static const int32_t classes[SCENARIO_BATCH] = { 1, 0 };
    float pixels[SCENARIO_BATCH * SCENARIO_PIXELS], scores[SCENARIO_BATCH * SCENARIO_CLASSES],
        bias[SCENARIO_CLASSES];
    const oc_feed feeds[] = { { image, pixels, NULL }, { label, classes, NULL }, { 0 } };
    for (int i = 0; i < SCENARIO_BATCH * SCENARIO_PIXELS; i++)
        pixels[i] = (float)(i * 5 % 9) / 4 - 1;
    oc_status status = OC_OK;
    for (int step = 0; status == OC_OK && step < 2; step++)
        status = oc_train_step(model, SCENARIO_BATCH - step, feeds,
                               (oc_fetch[]){ { .tensor = loss, .data = &s->losses[step] }, { 0 } });
    if (status == OC_OK)
        status = oc_model_feed(model, SCENARIO_BATCH, feeds);
    if (status == OC_OK)
        status = oc_compute_gradients(model, SCENARIO_BATCH, NULL, NULL);
    if (status == OC_OK)
        status = oc_model_feed(model, 1, feeds);
    if (status == OC_OK)
        status = oc_model_fetch(model, (oc_fetch[]){ { .tensor = loss, .data = &s->losses[2] }, { 0 } });
    if (status == OC_OK)
        status = oc_infer(model, 1, NULL, (oc_fetch[]){ { .tensor = logits, .data = scores }, { 0 } });
    if (status == OC_OK)
        status = oc_infer(model, 1, feeds, (oc_fetch[]){ { .tensor = logits, .data = scores }, { 0 } });
    if (status == OC_OK)
        status = oc_parameter_get(model, "fc.bias", OC_VALUE, bias, SCENARIO_CLASSES);
    if (status == OC_OK)
        status = oc_parameter_set(model, "fc.bias", OC_VALUE, bias, SCENARIO_CLASSES);
    return status == OC_OK ? oc_model_finish(model) : status;
}

static inline void scenario_count(void *user, const oc_profile_entry *entry)
{
    *(int *)user += entry->kernel != NULL;
}

static inline oc_tensor *scenario_build(const struct scenario *s, oc_tensor *x)
{
    if (!s->tiny) {
        x = oc_relu(oc_conv(x, &(oc_conv_desc){ .name = "conv", .filters = 2, .window = { 3 } }));
        x = oc_named(oc_max_pool(x, &(oc_pool_desc){ .window = { 2 } }), "pool");
    }
    return oc_dense(oc_flatten(x), &(oc_dense_desc){ .name = "fc", .units = SCENARIO_CLASSES });
}

static inline oc_status scenario_run(struct scenario *s)
{
    const oc_allocator *allocator = s->allocator.resize ? &s->allocator : NULL;
    oc_device *device = s->device;
    oc_model *model = NULL;
    oc_memory_info memory;
    int launches = 0;
    memset(s->losses, 0, sizeof s->losses);
    oc_graph *graph = oc_graph_create(&(oc_graph_desc){ .allocator = allocator });
    oc_tensor *image =
        oc_input(graph, &(oc_input_desc){ .name = "image", .shape = { SCENARIO_BATCH, 1, 6, 6 } });
    oc_tensor *label =
        oc_input(graph, &(oc_input_desc){ .name = "label", .shape = { SCENARIO_BATCH }, .type = OC_I32 });
    oc_tensor *logits = scenario_build(s, image), *loss = oc_softmax_cross_entropy(logits, label);
    const oc_model_desc desc = { .loss = loss,
                                 .outputs = (oc_tensor *const[]){ logits, NULL },
                                 .optimizer = { .momentum = 0.5f },
                                 .implementations = s->tiny ? "reference" : NULL };
    oc_status status = device ? OC_OK : oc_device_open(&device, &(oc_device_desc){ .allocator = allocator });
    if (status == OC_OK)
        status = oc_model_predict_memory(&memory, graph, device, &desc);
    if (status == OC_OK)
        status = oc_model_create(&model, graph, device, &desc);
    if (status == OC_OK)
        status = scenario_run_model(s, model, image, label, logits, loss);
    if (status == OC_OK)
        status = oc_model_profile(model, true, scenario_count, &launches);
    oc_model_destroy(model);
    oc_graph_destroy(graph);
    if (!s->device)
        oc_device_close(device);
    return status;
}

#endif

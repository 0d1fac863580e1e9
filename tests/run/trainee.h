/* trainee.h - the little network that the tests of this room train, and something to train it with. */
#ifndef RUN_TRAINEE_H
#define RUN_TRAINEE_H

#include "support/case.h"
#include "support/fixture.h"
#include "support/scratch.h"

#include <string.h>

enum { BATCH = 6, CHANNELS = 2, SIDE = 8, CLASSES = 5, SAMPLE = CHANNELS * SIDE * SIDE, STEPS = 4 };

struct trainee {
    oc_graph *graph;
    oc_tensor *image, *label, *logits, *loss;
    oc_model *model;
};

static inline void trainee_build(struct trainee *t)
{
    *t = (struct trainee){ .graph = oc_graph_create(NULL) };
    t->image =
        oc_input(t->graph, &(oc_input_desc){ .name = "image", .shape = { BATCH, CHANNELS, SIDE, SIDE } });
    t->label = oc_input(t->graph, &(oc_input_desc){ .name = "label", .shape = { BATCH }, .type = OC_I32 });
    oc_tensor *x = oc_conv(t->image, &(oc_conv_desc){ .name = "conv", .filters = 6, .window = { 3 } });
    x = oc_max_pool(oc_relu(x), &(oc_pool_desc){ .window = { 2 } });
    t->logits = oc_dense(oc_flatten(x), &(oc_dense_desc){ .name = "fc", .units = CLASSES });
    t->loss = oc_softmax_cross_entropy(t->logits, t->label);
    CHECK(oc_graph_check(t->graph));
}

static inline oc_model_desc trainee_desc(const struct trainee *t, oc_tensor *outputs[2])
{
    outputs[0] = t->logits;
    outputs[1] = NULL;
    return (oc_model_desc){
        .loss = t->loss, .outputs = outputs, .optimizer = { .rate = 0.1f, .momentum = 0.9f }, .seed = 7
    };
}

static inline struct trainee trainee_create(oc_device *device)
{
    struct trainee t;
    oc_tensor *outputs[2];
    trainee_build(&t);
    const oc_model_desc desc = trainee_desc(&t, outputs);
    CHECK(oc_model_create(&t.model, t.graph, device, &desc));
    return t;
}

static inline void trainee_destroy(struct trainee *t)
{
    oc_model_destroy(t->model);
    oc_graph_destroy(t->graph);
}

/* Samples of a step: a pattern per class, and noise. */
static inline void samples(int step, float image[BATCH * SAMPLE], int32_t label[BATCH])
{
    for (int n = 0; n < BATCH; n++) {
        label[n] = (n * 3 + step) % CLASSES;
        for (int i = 0; i < SAMPLE; i++)
            image[n * SAMPLE + i] =
                (float)((i * (label[n] + 2) + (n + step) * 7) % 17) / 8 - 1 + (float)(i * 31 % 7) / 16;
    }
}

static inline float train_once(const struct trainee *t, int step)
{
    float image[BATCH * SAMPLE], loss = 0;
    int32_t label[BATCH];
    samples(step, image, label);
    CHECK(oc_train_step(t->model, BATCH,
                        (oc_feed[]){ { t->image, image, NULL }, { t->label, label, NULL }, { 0 } },
                        (oc_fetch[]){ { .tensor = t->loss, .data = &loss }, { 0 } }));
    return loss;
}

static inline void infer_once(const struct trainee *t, int step, float logits[BATCH * CLASSES])
{
    float image[BATCH * SAMPLE];
    int32_t label[BATCH];
    samples(step, image, label);
    CHECK(oc_infer(t->model, BATCH, (oc_feed[]){ { t->image, image, NULL }, { 0 } },
                   (oc_fetch[]){ { .tensor = t->logits, .data = logits }, { 0 } }));
}

/* All there is to compare: losses of STEPS steps, the logits after them, and the weights. */
struct course {
    float losses[STEPS], logits[BATCH * CLASSES], conv[6 * CHANNELS * 9], fc[CLASSES * 54], velocity[CLASSES];
};

static inline void read_weights(const struct trainee *t, struct course *course)
{
    CHECK(oc_parameter_get(t->model, "conv.weight", OC_VALUE, course->conv, COUNT_OF(course->conv)));
    CHECK(oc_parameter_get(t->model, "fc.weight", OC_VALUE, course->fc, COUNT_OF(course->fc)));
    CHECK(oc_parameter_get(t->model, "fc.bias", OC_MOMENTUM, course->velocity, CLASSES));
}

static inline void run_course(const struct trainee *t, struct course *course)
{
    memset(course, 0, sizeof *course);
    for (int step = 0; step < STEPS; step++)
        course->losses[step] = train_once(t, step);
    infer_once(t, 1, course->logits);
    read_weights(t, course);
}

static inline void expect_same_course(const struct course *a, const struct course *b, const char *name)
{
    cr_expect(a->losses[0] > 0.1f && a->losses[0] < 10 && a->losses[0] != a->losses[STEPS - 1], "%s: loss %g",
              name, (double)a->losses[0]);
    cr_expect(memcmp(a, b, sizeof *a) == 0, "%s: losses %.9g and %.9g, logits %.9g and %.9g", name,
              (double)a->losses[STEPS - 1], (double)b->losses[STEPS - 1], (double)a->logits[0],
              (double)b->logits[0]);
}

#endif

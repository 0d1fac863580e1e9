/* test_random_nets.c - random networks compute the same with the plain kernels as with the best ones, whatever the passes
 * make of them, with all samples and with fewer. */
#include "compile/random_net.h"
#include "support/operand.h"
#include "device/cl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SAMPLES = 4, STEPS = 2 };

enum { MOST_WEIGHTS = 1 << 16 };

struct outcome {
    double losses[STEPS], infer_loss, logits[3 * SAMPLES];
    float gradients[MOST_WEIGHTS]; /* of all parameters, after the first step */
    int64_t count;
};

static void read_gradients(oc_model *model, struct outcome *outcome)
{
    for (int i = 0; i < oc_parameter_count(model); i++) {
        oc_parameter_info info;
        CHECK(oc_parameter_info_at(model, i, &info));
        cr_assert(outcome->count + info.count <= MOST_WEIGHTS);
        if (oc_parameter_get(model, info.name, OC_GRADIENT, outcome->gradients + outcome->count,
                             info.count) == OC_OK)
            outcome->count += info.count;
    }
}

static void train(oc_device *device, const struct net *net, const char *implementations,
                  struct outcome *outcome)
{
    oc_model *model = NULL;
    const int64_t count = shape_count(&net->image->shape);
    float *x = floats_unset(count), logits[3 * SAMPLES], loss = NAN;
    const int32_t label[SAMPLES] = { 2, 0, 1, 2 };
    for (int64_t i = 0; i < count; i++)
        x[i] = (float)(i * 73 % 128) / 64 - 1;
    const oc_feed feeds[] = { { net->image, x, NULL }, { net->label, label, NULL }, { 0 } };
    memset(outcome, 0, sizeof *outcome);
    CHECK(oc_model_create(&model, net->graph, device,
                          &(oc_model_desc){ .loss = net->loss,
                                            .outputs = (oc_tensor *const[]){ net->logits, net->aside, NULL },
                                            .optimizer = { .rate = 0.01f },
                                            .seed = 2,
                                            .implementations = implementations }));
    for (int step = 0; step < STEPS; step++) {
        CHECK(oc_train_step(model, SAMPLES - step, feeds,
                            (oc_fetch[]){ { .tensor = net->loss, .data = &loss }, { 0 } }));
        outcome->losses[step] = (double)loss;
        if (step == 0)
            read_gradients(model, outcome);
    }
    CHECK(oc_infer(model, SAMPLES, feeds,
                   (oc_fetch[]){ { .tensor = net->logits, .data = logits },
                                 { .tensor = net->loss, .data = &loss },
                                 { 0 } }));
    outcome->infer_loss = (double)loss;
    for (int i = 0; i < 3 * SAMPLES; i++)
        outcome->logits[i] = (double)logits[i];
    oc_model_destroy(model);
    free(x);
}

static bool near(double a, double b)
{
    return fabs(a - b) <= 2e-3 * (1 + fabs(b));
}

static void compare(const struct outcome *got, const struct outcome *want, const char *name)
{
    double largest = 0, difference = 0;
    for (int step = 0; step < STEPS; step++)
        cr_expect(near(got->losses[step], want->losses[step]) && isfinite(want->losses[step]),
                  "%s, step %d: loss %g, not %g", name, step, got->losses[step], want->losses[step]);
    cr_expect(near(got->infer_loss, want->infer_loss), "%s: loss %g, not %g", name, got->infer_loss,
              want->infer_loss);
    for (int k = 0; k < 3 * SAMPLES; k++)
        cr_expect(near(got->logits[k], want->logits[k]), "%s: logits[%d] is %g, not %g", name, k,
                  got->logits[k], want->logits[k]);
    cr_assert(got->count == want->count && want->count > 0);
    for (int64_t k = 0; k < want->count; k++) {
        largest = fmax(largest, fabs((double)want->gradients[k]));
        difference = fmax(difference, fabs((double)got->gradients[k] - (double)want->gradients[k]));
    }
    cr_expect(difference <= 2e-3 * largest && isfinite(largest), "%s: gradients up to %g differ by %g", name,
              largest, difference);
}

/* The plain kernels, the best ones, and the plain ones as a small GPU would run them. */
Test(random_nets, kernels_agree_on_networks_nobody_thought_of)
{
    static struct outcome want, got;
    oc_device *device = fixture_open();
    const oc_device_info own = device->info;
    for (uint32_t i = 0; i < (fixture_quick() ? 2 : 7); i++) {
        char name[64];
        struct net net = random_net(1000 + i, SAMPLES);
        train(device, &net, "reference", &want);
        train(device, &net, NULL, &got);
        snprintf(name, sizeof name, "net %u", i);
        compare(&got, &want, name);
        device->info.type = OC_DEVICE_GPU;
        device->info.max_work_group = 1 + (int)i;
        train(device, &net, NULL, &got);
        device->info = own;
        snprintf(name, sizeof name, "net %u in work-groups of %u", i, 1 + i);
        compare(&got, &want, name);
        oc_graph_destroy(net.graph);
    }
    oc_device_close(device);
}

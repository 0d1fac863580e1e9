/* test_random_nets.c - random networks compute the same with the plain kernels as with the best ones, whatever the passes
 * make of them, with all samples and with fewer. */
#include "compile/random_net.h"
#include "support/operand.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SAMPLES = 4, STEPS = 2 };

struct outcome {
    double losses[STEPS], infer_loss, logits[3 * SAMPLES];
};

static struct outcome train(oc_device *device, const struct net *net, const char *implementations)
{
    struct outcome outcome;
    oc_model *model = NULL;
    const int64_t count = shape_count(&net->image->shape);
    float *x = floats_unset(count), logits[3 * SAMPLES], loss = NAN;
    const int32_t label[SAMPLES] = { 2, 0, 1, 2 };
    for (int64_t i = 0; i < count; i++)
        x[i] = (float)(i * 73 % 128) / 64 - 1;
    const oc_feed feeds[] = { { net->image, x, NULL }, { net->label, label, NULL }, { 0 } };
    memset(&outcome, 0, sizeof outcome);
    CHECK(oc_model_create(&model, net->graph, device,
                          &(oc_model_desc){ .loss = net->loss,
                                            .outputs = (oc_tensor *const[]){ net->logits, net->aside, NULL },
                                            .optimizer = { .rate = 0.01f },
                                            .seed = 2,
                                            .implementations = implementations }));
    for (int step = 0; step < STEPS; step++) {
        CHECK(oc_train_step(model, SAMPLES - step, feeds,
                            (oc_fetch[]){ { .tensor = net->loss, .data = &loss }, { 0 } }));
        outcome.losses[step] = (double)loss;
    }
    CHECK(oc_infer(model, SAMPLES, feeds,
                   (oc_fetch[]){ { .tensor = net->logits, .data = logits },
                                 { .tensor = net->loss, .data = &loss },
                                 { 0 } }));
    outcome.infer_loss = (double)loss;
    for (int i = 0; i < 3 * SAMPLES; i++)
        outcome.logits[i] = (double)logits[i];
    oc_model_destroy(model);
    free(x);
    return outcome;
}

static bool near(double a, double b)
{
    return fabs(a - b) <= 2e-3 * (1 + fabs(b));
}

Test(random_nets, plain_and_best_kernels_agree)
{
    oc_device *device = fixture_open();
    for (uint32_t i = 0; i < (fixture_quick() ? 3 : 12); i++) {
        struct net net = random_net(1000 + i, SAMPLES);
        const struct outcome want = train(device, &net, "reference"), got = train(device, &net, NULL);
        for (int step = 0; step < STEPS; step++)
            cr_expect(near(got.losses[step], want.losses[step]) && isfinite(want.losses[step]),
                      "net %u, step %d: loss %g, not %g", i, step, got.losses[step], want.losses[step]);
        cr_expect(near(got.infer_loss, want.infer_loss), "net %u: loss %g, not %g", i, got.infer_loss,
                  want.infer_loss);
        for (int k = 0; k < 3 * SAMPLES; k++)
            cr_expect(near(got.logits[k], want.logits[k]), "net %u: logits[%d] is %g, not %g", i, k,
                      got.logits[k], want.logits[k]);
        oc_graph_destroy(net.graph);
    }
    oc_device_close(device);
}

/* test_optimizer.c - every optimizer, every implementation: k steps on a little layer against PyTorch's (golden), and on
 * one that is larger than a work-item's share against the formulas in double.
 *
 * The input of the layer is the identity, so the gradient of its weight is the transposed gradient of its output. */
#include "golden/optimizers.h"
#include "support/fixture.h"
#include "support/operand.h"
#include "support/scratch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const ops[] = { [OC_SGD] = "sgd",
                                   [OC_ADAM] = "adam",
                                   [OC_ADAMW] = "adam",
                                   [OC_RMSPROP] = "rmsprop",
                                   [OC_ADAGRAD] = "adagrad" };

struct layer {
    int inputs, units;
    oc_graph *graph;
    oc_model *model;
    oc_tensor *x, *dy;
    float *identity, *gradient, *values; /* of x, of y, and room for weight and bias */
};

static float number(int i, int factor, int shift)
{
    return (float)((i * factor + shift) % 31 - 15) / 16;
}

static void layer_create(struct layer *l, oc_device *device, int inputs, int units,
                         const oc_optimizer_desc *desc, const char *implementations)
{
    *l = (struct layer){ .inputs = inputs, .units = units, .graph = oc_graph_create(NULL) };
    l->x = oc_input(l->graph, &(oc_input_desc){ .name = "x", .shape = { inputs, inputs } });
    l->dy = oc_input(l->graph, &(oc_input_desc){ .name = "dy", .shape = { inputs, units } });
    oc_tensor *y = oc_dense(l->x, &(oc_dense_desc){ .name = LAYER, .units = units });
    CHECK(oc_model_create(&l->model, l->graph, device,
                          &(oc_model_desc){ .loss = oc_dot(y, l->dy),
                                            .optimizer = *desc,
                                            .implementations = implementations }));
    l->identity = calloc((size_t)(inputs * inputs), sizeof(float));
    l->gradient = calloc((size_t)(inputs * units), sizeof(float));
    l->values = calloc((size_t)(units * inputs + units), sizeof(float));
    cr_assert(l->identity && l->gradient && l->values);
    for (int i = 0; i < inputs; i++)
        l->identity[i * inputs + i] = 1;
    for (int i = 0; i < units * inputs; i++)
        l->values[i] = number(i, 37, 3);
    for (int i = 0; i < units; i++)
        l->values[units * inputs + i] = number(i, 11, 5);
    CHECK(oc_parameter_set(l->model, LAYER ".weight", OC_VALUE, l->values, units * inputs));
    CHECK(oc_parameter_set(l->model, LAYER ".bias", OC_VALUE, l->values + units * inputs, units));
}

static void layer_destroy(struct layer *l)
{
    oc_model_destroy(l->model);
    oc_graph_destroy(l->graph);
    free(l->identity);
    free(l->gradient);
    free(l->values);
}

static void layer_step(struct layer *l, int step)
{
    for (int i = 0; i < l->inputs * l->units; i++)
        l->gradient[i] = number(i, 53 + step, 11 * step);
    CHECK(oc_train_step(l->model, l->inputs,
                        (oc_feed[]){ { l->x, l->identity, NULL }, { l->dy, l->gradient, NULL }, { 0 } },
                        NULL));
}

/* The same bound for all: a few roundings of numbers around 1, and what a division by a small root makes of them. */
static void compare(struct layer *l, const char *name, oc_slot slot, const double *want, int step)
{
    const int weights = l->units * l->inputs;
    CHECK(oc_parameter_get(l->model, LAYER ".weight", slot, l->values, weights));
    CHECK(oc_parameter_get(l->model, LAYER ".bias", slot, l->values + weights, l->units));
    for (int i = 0; i < weights + l->units; i++)
        if (!(fabs((double)l->values[i] - want[i]) <= 4e-6 * (0.25 + fabs(want[i])))) {
            cr_expect(false, "%s, step %d, slot %d: [%d] is %.9g, not %.9g", name, step, (int)slot, i,
                      (double)l->values[i], want[i]);
            return;
        }
}

static void expect_golden(oc_device *device, int index, const char *implementation)
{
    const struct golden_optimizer *golden = &golden_optimizers[index];
    static const oc_slot slots[] = { OC_MOMENTUM, OC_VARIANCE, OC_AVERAGE };
    struct layer l;
    oc_parameter_info info;
    char choice[64], name[80];
    snprintf(choice, sizeof choice, "%s=%s", ops[golden->desc.kind], implementation);
    snprintf(name, sizeof name, "%s, case %d", choice, index);
    layer_create(&l, device, GOLDEN_INPUTS, GOLDEN_UNITS, &golden->desc, choice);
    for (int step = 0; step < GOLDEN_STEPS; step++) {
        layer_step(&l, step);
        compare(&l, name, OC_VALUE, golden->steps[step], step);
    }
    CHECK(oc_parameter_info_of(l.model, LAYER ".weight", &info));
    const bool kept[] = { info.momentum, info.variance, info.average };
    for (int s = 0; s < COUNT_OF(slots); s++) {
        bool wanted = false;
        for (int i = 0; i < GOLDEN_VALUES; i++)
            wanted = wanted || golden->slots[s][i] != 0;
        cr_expect_eq(kept[s], wanted, "%s: slot %d", name, (int)slots[s]);
        if (kept[s])
            compare(&l, name, slots[s], golden->slots[s], GOLDEN_STEPS);
    }
    layer_destroy(&l);
}

Test(optimizer, steps_are_pytorchs)
{
    oc_device *device = fixture_open();
    const bool cpu = oc_device_get_info(device)->type == OC_DEVICE_CPU;
    for (int k = 0; k < COUNT_OF(golden_optimizers); k++)
        for (int i = cpu ? 0 : 1; oc_op_implementation("sgd", i); i++) /* the first is for CPUs */
            expect_golden(device, k, oc_op_implementation("sgd", i));
    oc_device_close(device);
}

/* ---- more values than a work-item takes on, in several pieces of memory ---- */

enum { WIDE = 129, WIDE_VALUES = WIDE * WIDE + WIDE, WIDE_STEPS = 3 };

struct oracle {
    double w[WIDE_VALUES], m[WIDE_VALUES], v[WIDE_VALUES], average[WIDE_VALUES], g[WIDE_VALUES];
};

static void oracle_gradient(struct oracle *o, const struct layer *l, double clip)
{
    double squares = 0;
    memset(o->g, 0, sizeof o->g);
    for (int j = 0; j < WIDE; j++)
        for (int k = 0; k < WIDE; k++) {
            o->g[k * WIDE + j] = (double)l->gradient[j * WIDE + k];
            o->g[WIDE * WIDE + k] += (double)l->gradient[j * WIDE + k];
        }
    for (int i = 0; i < WIDE_VALUES; i++)
        squares += o->g[i] * o->g[i];
    const double factor = clip > 0 ? fmin(1, clip / (sqrt(squares) + 1e-6)) : 1;
    for (int i = 0; i < WIDE_VALUES; i++)
        o->g[i] *= factor;
}

/* Of the optimizers as the formulas in ocelli.h have them; d says everything, no defaults. */
static void oracle_value(struct oracle *o, const oc_optimizer_desc *d, int i, int t)
{
    const bool decays = i < WIDE * WIDE || !d->decay_weights_only;
    const double rate = (double)d->rate, decay = decays ? (double)d->weight_decay : 0, b1 = (double)d->beta1,
                 b2 = (double)d->beta2, epsilon = (double)d->epsilon, momentum = (double)d->momentum;
    double g = o->g[i], *w = &o->w[i], *m = &o->m[i], *v = &o->v[i];
    if (d->kind == OC_ADAMW)
        *w -= rate * decay * *w;
    else
        g += decay * *w;
    *v = d->kind == OC_ADAGRAD ? *v + g * g : b2 * *v + (1 - b2) * g * g;
    if (d->kind == OC_SGD || d->kind == OC_RMSPROP) {
        *m = momentum * *m + (d->kind == OC_SGD ? g : g / (sqrt(*v) + epsilon));
        *w -= rate * (d->nesterov ? g + momentum * *m : *m);
    } else if (d->kind == OC_ADAGRAD) {
        *w -= rate * g / (sqrt(*v) + epsilon);
    } else {
        *m = b1 * *m + (1 - b1) * g;
        *w -= rate / (1 - pow(b1, t)) * *m / (sqrt(*v) / sqrt(1 - pow(b2, t)) + epsilon);
    }
    o->average[i] = (double)d->average * o->average[i] + (1 - (double)d->average) * *w;
}

static void expect_formula(oc_device *device, const oc_optimizer_desc *desc, const char *implementation)
{
    static struct oracle o;
    struct layer l;
    char choice[64];
    snprintf(choice, sizeof choice, "%s=%s,swap=%s", ops[desc->kind], implementation, implementation);
    layer_create(&l, device, WIDE, WIDE, desc, choice);
    memset(&o, 0, sizeof o);
    for (int i = 0; i < WIDE_VALUES; i++)
        o.w[i] = o.average[i] = (double)l.values[i];
    for (int t = 1; t <= WIDE_STEPS; t++) {
        layer_step(&l, t);
        oracle_gradient(&o, &l, (double)desc->clip_norm);
        for (int i = 0; i < WIDE_VALUES; i++)
            oracle_value(&o, desc, i, t);
        compare(&l, choice, OC_VALUE, o.w, t);
    }
    compare(&l, choice, OC_AVERAGE, o.average, WIDE_STEPS);
    CHECK(oc_model_swap_average(l.model)); /* both slots mean what they did */
    compare(&l, choice, OC_VALUE, o.w, WIDE_STEPS);
    compare(&l, choice, OC_AVERAGE, o.average, WIDE_STEPS);
    layer_destroy(&l);
}

Test(optimizer, large_layers_take_the_same_steps)
{
    static const oc_optimizer_desc table[] = {
        { .kind = OC_SGD, .momentum = 0.75f, .nesterov = true },
        { .kind = OC_ADAM, .beta1 = 0.75f, .beta2 = 0.875f, .epsilon = 0.125f },
        { .kind = OC_ADAMW, .beta1 = 0.75f, .beta2 = 0.875f, .epsilon = 0.125f },
        { .kind = OC_RMSPROP, .momentum = 0.5f, .beta2 = 0.75f, .epsilon = 0.125f },
        { .kind = OC_ADAGRAD, .epsilon = 0.125f },
    };
    oc_device *device = fixture_open();
    const bool cpu = oc_device_get_info(device)->type == OC_DEVICE_CPU;
    for (int k = 0; !fixture_quick() && k < COUNT_OF(table); k++)
        for (int i = cpu ? 0 : 1; oc_op_implementation("sgd", i); i++) {
            oc_optimizer_desc desc = table[k];
            desc.rate = 0.0625f;
            desc.weight_decay = 0.5f;
            desc.decay_weights_only = true;
            desc.clip_norm = 8.f;
            desc.average = 0.75f;
            expect_formula(device, &desc, oc_op_implementation("sgd", i));
        }
    oc_device_close(device);
}

/* ---- norms that are no number ---- */

/* As in PyTorch: an infinite norm scales by 0, which makes of the infinite gradient NaN and of the others 0; one that
 * is NaN makes everything NaN. */
Test(optimizer, clipping_does_with_infinite_norms_what_pytorch_does)
{
    static const float planted[] = { INFINITY, NAN };
    oc_device *device = fixture_open();
    for (int k = 0; k < COUNT_OF(planted); k++) {
        struct layer l;
        float before[3], after[3];
        layer_create(&l, device, 1, 3, &(oc_optimizer_desc){ .rate = 0.5f, .clip_norm = 1 }, NULL);
        memcpy(before, l.values, sizeof before);
        memcpy(l.gradient, (float[]){ 1, planted[k], 2 }, sizeof after);
        CHECK(oc_train_step(
            l.model, 1, (oc_feed[]){ { l.x, l.identity, NULL }, { l.dy, l.gradient, NULL }, { 0 } }, NULL));
        CHECK(oc_parameter_get(l.model, LAYER ".weight", OC_VALUE, after, 3));
        for (int i = 0; i < 3; i++)
            cr_expect(k == 1 || i == 1 ? isnan(after[i]) : after[i] == before[i], "planted %g: [%d] is %g",
                      (double)planted[k], i, (double)after[i]);
        layer_destroy(&l);
    }
    oc_device_close(device);
}

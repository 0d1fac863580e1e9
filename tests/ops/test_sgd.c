/* test_sgd.c - the optimizer's step, every implementation, against PyTorch's formula in double:
 * g += decay*w; v = momentum*v + g; w -= rate*(nesterov ? g + momentum*v : v).
 *
 * All numbers are small multiples of a power of two, so some steps are exact in float. */
#include "support/fixture.h"
#include "support/problem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { STEPS = 4, BATCH = 2 };

struct layer {
    int64_t inputs, units;
};

/* Fewer values than a vector, an odd number, and more than a work-item takes on. */
static const struct layer layers[] = { { 1, 1 }, { 7, 5 }, { 129, 131 } };

static const oc_optimizer_desc optimizers[] = {
    { .rate = 0.5f },
    { .rate = 0.5f, .weight_decay = 0.25f },
    { .rate = 0.5f, .momentum = 0.5f },
    { .rate = 0.25f, .momentum = 0.5f, .weight_decay = 0.5f },
    { .rate = 0.5f, .momentum = 0.5f, .nesterov = true },
    { .rate = 0.5f, .momentum = 0.5f, .weight_decay = 0.25f, .nesterov = true },
};

/* The loss is the inner product of x*w with dy, so its gradient with respect to w is the same in every step. */
struct training {
    oc_graph *graph;
    oc_model *model;
    oc_tensor *x, *dy;
    struct operand in[2], w, v, gradient; /* in: x and dy */
};

static oc_tensor *input(oc_graph *graph, const char *name, const struct operand *values)
{
    return oc_input(graph, &(oc_input_desc){ .name = name, .shape = { values->shape[0], values->shape[1] } });
}

static void start(struct training *t, const struct layer *layer)
{
    *t = (struct training){ .graph = oc_graph_create(NULL) };
    operand_create(&t->in[0], 2, (int64_t[]){ BATCH, layer->inputs });
    operand_create(&t->in[1], 2, (int64_t[]){ BATCH, layer->units });
    operand_create(&t->w, 2, (int64_t[]){ layer->units, layer->inputs });
    operand_like(&t->v, &t->w);
    operand_like(&t->gradient, &t->w);
    operand_fill(&t->in[0], FILL_INTEGER, 1, "x", 0);
    operand_fill(&t->in[1], FILL_INTEGER, 1, "dy", 0);
    operand_fill(&t->w, FILL_INTEGER, 1, "w", 0);
    for (int64_t n = 0; n < BATCH; n++)
        for (int64_t k = 0; k < layer->units; k++)
            for (int64_t j = 0; j < layer->inputs; j++)
                t->gradient.v[k * layer->inputs + j] +=
                    t->in[1].v[n * layer->units + k] * t->in[0].v[n * layer->inputs + j];
    t->x = input(t->graph, "x", &t->in[0]);
    t->dy = input(t->graph, "dy", &t->in[1]);
}

static void finish(struct training *t)
{
    oc_model_destroy(t->model);
    oc_graph_destroy(t->graph);
    operand_destroy(&t->in[0]);
    operand_destroy(&t->in[1]);
    operand_destroy(&t->w);
    operand_destroy(&t->v);
    operand_destroy(&t->gradient);
}

static void oracle_step(struct training *t, const oc_optimizer_desc *d, double rate)
{
    const double momentum = (double)d->momentum;
    for (int64_t i = 0; i < t->w.count; i++) {
        const double g = t->gradient.v[i] + (double)d->weight_decay * t->w.v[i];
        t->v.v[i] = momentum * t->v.v[i] + g;
        t->w.v[i] -= rate * (d->nesterov ? g + momentum * t->v.v[i] : t->v.v[i]);
    }
}

static void compare(struct training *t, const char *name, oc_slot slot, const struct operand *want, int step)
{
    struct difference worst;
    float *values = floats_unset(want->count);
    CHECK(oc_parameter_get(t->model, LAYER ".weight", slot, values, want->count));
    cr_expect(operand_compare(want, values, &(struct rule){ .exact = true }, &worst),
              "%s, step %d, %s[%" PRId64 "] is %.9g, not %.9g", name, step, slot == OC_VALUE ? "w" : "v",
              worst.index, worst.got, worst.want);
    free(values);
}

static void train(oc_device *device, const struct layer *layer, const oc_optimizer_desc *optimizer,
                  const char *implementation)
{
    struct training t;
    char choice[64], name[160];
    snprintf(choice, sizeof choice, "sgd=%s", implementation);
    snprintf(name, sizeof name, "%s, %" PRId64 "x%" PRId64 ", momentum %g, decay %g%s", choice, layer->units,
             layer->inputs, (double)optimizer->momentum, (double)optimizer->weight_decay,
             optimizer->nesterov ? ", Nesterov" : "");
    start(&t, layer);
    oc_tensor *y =
        oc_dense(t.x, &(oc_dense_desc){ .name = LAYER, .units = (int)layer->units, .no_bias = true });
    const oc_status status = oc_model_create(
        &t.model, t.graph, device,
        &(oc_model_desc){ .loss = oc_dot(y, t.dy), .optimizer = *optimizer, .implementations = choice });
    if (status != OC_E_UNSUPPORTED) {
        CHECK(status);
        float *w = operand_floats(&t.w), *x = operand_floats(&t.in[0]), *dy = operand_floats(&t.in[1]);
        double rate = (double)optimizer->rate;
        CHECK(oc_parameter_set(t.model, LAYER ".weight", OC_VALUE, w, t.w.count));
        for (int step = 0; step < STEPS; step++) {
            CHECK(oc_train_step(t.model, BATCH, (oc_feed[]){ { t.x, x, NULL }, { t.dy, dy, NULL }, { 0 } },
                                NULL));
            oracle_step(&t, optimizer, rate);
            compare(&t, name, OC_VALUE, &t.w, step);
            if (optimizer->momentum > 0)
                compare(&t, name, OC_MOMENTUM, &t.v, step);
            rate /= 2; /* a schedule */
            CHECK(oc_model_set_rate(t.model, (float)rate));
        }
        cr_expect_eq(oc_model_get_step(t.model), STEPS);
        free(w);
        free(x);
        free(dy);
    }
    finish(&t);
}

Test(sgd, steps_match_the_formula)
{
    oc_device *device = fixture_open();
    for (int i = 0; oc_op_implementation("sgd", i); i++)
        for (int k = 0; k < COUNT_OF(layers) - fixture_quick(); k++)
            for (int o = 0; o < COUNT_OF(optimizers); o++)
                train(device, &layers[k], &optimizers[o], oc_op_implementation("sgd", i));
    oc_device_close(device);
}

/* optimizer.c - what optimizers take, keep, and count. Page: docs/ops/optimizers.md. */
#include "ops/optimizer.h"

#include <math.h>

/* Defaults; 0: the optimizer does not take it. */
struct kind {
    const char *name;
    float rate, beta1, beta2, epsilon;
    bool momentum, nesterov;
};

static const struct kind kinds[] = {
    [OC_SGD] = { .name = "SGD", .rate = 0.01f, .momentum = true, .nesterov = true },
    [OC_ADAM] = { .name = "Adam", .rate = 0.001f, .beta1 = 0.9f, .beta2 = 0.999f, .epsilon = 1e-8f },
    [OC_ADAMW] = { .name = "AdamW", .rate = 0.001f, .beta1 = 0.9f, .beta2 = 0.999f, .epsilon = 1e-8f },
    [OC_RMSPROP] = { .name = "RMSprop", .rate = 0.01f, .beta2 = 0.99f, .epsilon = 1e-8f, .momentum = true },
    [OC_ADAGRAD] = { .name = "Adagrad", .rate = 0.01f, .epsilon = 1e-10f },
};

static oc_status check_ranges(const oc_optimizer_desc *d)
{
    const struct {
        const char *name;
        float value, limit; /* below it */
    } numbers[] = {
        { "momentum", d->momentum, 1.f },    { "beta1", d->beta1, 1.f },
        { "beta2", d->beta2, 1.f },          { "average", d->average, 1.f },
        { "rate", d->rate, INFINITY },       { "weight decay", d->weight_decay, INFINITY },
        { "epsilon", d->epsilon, INFINITY }, { "clip_norm", d->clip_norm, INFINITY },
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const double value = (double)numbers[i].value;
        if (!(value >= 0.0 && value < (double)numbers[i].limit))
            return fail(OC_E_ARGUMENT, "optimizer: %s %g is not in 0..%s", numbers[i].name, value,
                        isinf(numbers[i].limit) ? "infinity" : "1 (without 1)");
    }
    return OC_OK;
}

/* Sets one to its default, or refuses it. */
static oc_status complete(const struct kind *kind, const char *name, float *value, float usual)
{
    if (usual == 0.f && *value != 0.f)
        return fail(OC_E_ARGUMENT, "optimizer: %s takes no %s, it is %g", kind->name, name, (double)*value);
    if (*value == 0.f)
        *value = usual;
    return OC_OK;
}

oc_status optimizer_complete(oc_optimizer_desc *d)
{
    if ((unsigned)d->kind >= sizeof kinds / sizeof kinds[0])
        return fail(OC_E_ARGUMENT, "optimizer %d is none of oc_optimizer_kind", (int)d->kind);
    const struct kind *kind = &kinds[d->kind];
    TRY(check_ranges(d));
    TRY(complete(kind, "beta1", &d->beta1, kind->beta1));
    TRY(complete(kind, "beta2", &d->beta2, kind->beta2));
    TRY(complete(kind, "epsilon", &d->epsilon, kind->epsilon));
    TRY(complete(kind, "rate", &d->rate, kind->rate));
    if (d->momentum > 0.f && !kind->momentum)
        return fail(OC_E_ARGUMENT, "optimizer: %s takes no momentum, it is %g", kind->name,
                    (double)d->momentum);
    if (d->nesterov && !kind->nesterov)
        return fail(OC_E_ARGUMENT, "optimizer: Nesterov's method is one of SGD, not of %s", kind->name);
    if (d->nesterov && d->momentum == 0.f)
        return fail(OC_E_ARGUMENT, "optimizer: Nesterov's method needs a momentum above 0");
    return OC_OK;
}

bool optimizer_keeps(const oc_optimizer_desc *d, enum region region)
{
    switch (region) {
    case REGION_MOMENTUM:
        return d->momentum > 0.f || d->beta1 > 0.f;
    case REGION_VARIANCE:
        return d->kind != OC_SGD;
    case REGION_AVERAGE:
        return d->average > 0.f;
    default:
        return false;
    }
}

struct step_numbers optimizer_numbers(const oc_optimizer_desc *d, int64_t step)
{
    const double t = (double)step + 1.0, rate = (double)d->rate;
    struct step_numbers numbers = { .rate = d->rate, .root = 1.f, .shrink = 1.f };
    if (d->beta1 > 0.f) {
        numbers.rate = (float)(rate / (1.0 - pow((double)d->beta1, t)));
        numbers.root = (float)sqrt(1.0 - pow((double)d->beta2, t));
    }
    if (d->kind == OC_ADAMW)
        numbers.shrink = (float)(1.0 - rate * (double)d->weight_decay);
    return numbers;
}

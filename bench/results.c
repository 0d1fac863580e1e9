/* results.c - results as doubles, and their differences. */
#include "results.h"
#include "support/operand.h"

#include <stdlib.h>

static int64_t result_count(const oc_tensor *y, int batch)
{
    int64_t shape[OC_MAX_RANK], count = 1;
    const int rank = oc_tensor_shape(y, shape);
    for (int i = 0; i < rank; i++)
        count *= i == 0 ? batch : shape[i];
    return count;
}

/* Takes over `values`. */
static void keep(struct results *results, int index, float *values, int64_t count)
{
    struct operand x;
    operand_create(&x, 1, &count);
    for (int64_t i = 0; i < count; i++)
        x.v[i] = (double)values[i];
    results->v[index] = x.v;
    results->count[index] = count;
    free(x.s);
    free(values);
}

static oc_status keep_parameters(struct results *results, struct trial *t)
{
    oc_status status = OC_OK;
    for (int i = 0; status == OC_OK && i < t->parameter_count; i++) {
        oc_parameter_info info;
        status = oc_parameter_info_at(t->model, i, &info);
        if (status != OC_OK)
            break;
        float *values = floats_unset(info.count);
        status =
            oc_parameter_get(t->model, info.name, info.state ? OC_VALUE : OC_GRADIENT, values, info.count);
        keep(results, 1 + t->desc.spec->inputs + i, values, info.count);
    }
    return status;
}

oc_status results_compute(struct results *results, struct trial *t, int batch)
{
    const struct trial_desc *d = &t->desc;
    oc_fetch y[2] = { { 0 } }, gradients[MAX_INPUTS + 1] = { { 0 } };
    int index[MAX_INPUTS + 1], count = 0;
    *results = (struct results){ 0 };
    y[0] = (oc_fetch){ .tensor = t->y, .data = floats_unset(result_count(t->y, batch)) };
    for (int i = 0; d->backward && d->input_gradient && i < d->spec->inputs; i++)
        if (!trial_is_label(t, i)) {
            index[count] = 1 + i;
            gradients[count++] = (oc_fetch){ .tensor = t->in[i],
                                             .data = floats_unset(result_count(t->in[i], batch)),
                                             .gradient = true };
        }
    oc_status status = trial_restore(t);
    if (status == OC_OK)
        status = trial_run(t, batch, y, gradients);
    keep(results, 0, y[0].data, result_count(t->y, batch));
    for (int i = 0; i < count; i++)
        keep(results, index[i], gradients[i].data, result_count(gradients[i].tensor, batch));
    return status == OC_OK && d->backward ? keep_parameters(results, t) : status;
}

static void fill(struct operand *x, const void *values, bool labels)
{
    for (int64_t i = 0; i < x->count; i++) {
        x->v[i] = labels ? (double)((const int32_t *)values)[i] : (double)((const float *)values)[i];
        x->s[i] = fabs(x->v[i]);
    }
}

static void take(struct results *results, int index, struct operand *x)
{
    results->v[index] = x->v;
    results->count[index] = x->count;
    free(x->s);
}

void results_expect(struct results *results, const struct trial *t)
{
    const struct op_spec *spec = t->desc.spec;
    const struct op_case *c = t->desc.c;
    struct operand in[MAX_OPERANDS], din[MAX_OPERANDS], y, dy;
    int count = spec->inputs;
    *results = (struct results){ 0 };
    for (int i = 0; i < spec->inputs; i++)
        operand_create(&in[i], shape_rank(c->shape[i]), c->shape[i]);
    if (spec->parameters)
        count += spec->parameters(c, in + spec->inputs);
    for (int i = 0; i < count; i++) {
        const bool input = i < spec->inputs;
        fill(&in[i], input ? t->values[i] : t->parameters[i - spec->inputs], input && trial_is_label(t, i));
        operand_like(&din[i], &in[i]);
    }
    spec->forward(c, in, &y);
    if (t->desc.backward) {
        operand_like(&dy, &y);
        dy.v[0] = 1;
        if (t->dy)
            fill(&dy, t->dy_values, false);
        spec->backward(c, in, &y, &dy, din);
        operand_destroy(&dy);
    }
    if (spec->infer) { /* y is fetched from inference */
        operand_destroy(&y);
        spec->infer(c, in, &y);
    }
    for (int i = 0; i < count; i++) {
        operand_destroy(&in[i]);
        take(results, 1 + i, &din[i]);
    }
    take(results, 0, &y);
}

void results_free(struct results *results)
{
    for (int i = 0; i < RESULT_COUNT; i++)
        free(results->v[i]);
    *results = (struct results){ 0 };
}

double results_error(const struct results *expected, const struct results *got, int index)
{
    const double *want = expected->v[index], *have = got->v[index];
    double worst = 0, largest = 0;
    if (!want || !have || expected->count[index] != got->count[index])
        return (double)NAN;
    for (int64_t i = 0; i < got->count[index]; i++) {
        const double difference = fabs(have[i] - want[i]);
        if (!isfinite(difference))
            return (double)INFINITY;
        worst = fmax(worst, difference);
        largest = fmax(largest, fabs(want[i]));
    }
    return largest > 0 ? worst / largest : worst;
}

/* trial.c - one case as a model: created, run, timed. */
#include "trial.h"
#include "support/operand.h"
#include "values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool trial_is_label(const struct trial *t, int input)
{
    return t->desc.spec->labels && input == t->desc.spec->inputs - 1;
}

int trial_batch(const struct trial *t)
{
    return (int)t->desc.c->shape[0][0];
}

/* ---- values ---- */

static int64_t count_of(const int64_t *shape, int rank)
{
    int64_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= shape[i];
    return count;
}

static void draw_inputs(struct trial *t)
{
    const struct op_case *c = t->desc.c;
    int64_t shape[OC_MAX_RANK];
    for (int i = 0; i < t->desc.spec->inputs; i++) {
        const int64_t count = count_of(c->shape[i], shape_rank(c->shape[i]));
        if (trial_is_label(t, i))
            t->values[i] = values_labels(count, c->shape[0][1], i);
        else
            t->values[i] = values_floats(count, c->scale > 0 ? c->scale : 1, i);
    }
    if (t->dy)
        t->dy_values = values_floats(count_of(shape, oc_tensor_shape(t->y, shape)), 1, MAX_OPERANDS);
}

static oc_status set_parameters(struct trial *t)
{
    oc_status status = OC_OK;
    t->parameter_count = oc_parameter_count(t->model);
    for (int i = 0; status == OC_OK && i < t->parameter_count; i++) {
        oc_parameter_info info;
        status = oc_parameter_info_at(t->model, i, &info);
        if (status != OC_OK)
            break;
        t->parameters[i] = values_floats(info.count, 1, MAX_INPUTS + i);
        for (int64_t j = 0; info.state && j < info.count; j++)
            t->parameters[i][j] = fabsf(t->parameters[i][j]);
        status = oc_parameter_set(t->model, info.name, OC_VALUE, t->parameters[i], info.count);
    }
    return status;
}

/* ---- the model ---- */

oc_status trial_restore(struct trial *t)
{
    oc_status status = OC_OK;
    for (int i = 0; status == OC_OK && i < t->parameter_count; i++) {
        oc_parameter_info info;
        status = oc_parameter_info_at(t->model, i, &info);
        if (status == OC_OK && info.state)
            status = oc_parameter_set(t->model, info.name, OC_VALUE, t->parameters[i], info.count);
    }
    return status;
}

static oc_tensor *input(struct trial *t, oc_input_desc desc, const int64_t shape[OC_MAX_RANK])
{
    memcpy(desc.shape, shape, sizeof desc.shape);
    return oc_input(t->graph, &desc);
}

static void build(struct trial *t)
{
    static const char *const names[MAX_INPUTS] = { "x0", "x1", "x2" };
    const struct trial_desc *d = &t->desc;
    int64_t shape[OC_MAX_RANK] = { 0 };
    t->graph = oc_graph_create(NULL);
    for (int i = 0; i < d->spec->inputs; i++) {
        const bool label = trial_is_label(t, i);
        t->in[i] = input(t,
                         (oc_input_desc){ .name = names[i],
                                          .type = label ? OC_I32 : OC_F32,
                                          .gradient = d->input_gradient && !label },
                         d->c->shape[i]);
    }
    t->y = d->spec->build(t->in, d->c);
    if (strcmp(oc_tensor_name(t->y), LAYER) != 0) /* parameters have their layer's name already */
        oc_named(t->y, LAYER);
    if (d->backward && oc_tensor_shape(t->y, shape) > 0)
        t->dy = input(t, (oc_input_desc){ .name = "dy" }, shape);
}

oc_status trial_run(struct trial *t, int batch, const oc_fetch *results, const oc_fetch *gradients)
{
    const int inputs = t->desc.spec->inputs;
    oc_feed feeds[MAX_INPUTS + 2] = { { 0 } };
    for (int i = 0; i < inputs; i++)
        feeds[i] = (oc_feed){ .tensor = t->in[i], .data = t->values[i] };
    if (t->dy)
        feeds[inputs] = (oc_feed){ .tensor = t->dy, .data = t->dy_values };
    oc_status status = oc_infer(t->model, batch, feeds, results);
    if (status == OC_OK && t->desc.backward)
        status = oc_compute_gradients(t->model, batch, feeds, gradients);
    return status == OC_OK ? oc_model_finish(t->model) : status;
}

oc_status trial_create(struct trial *t, oc_device *device, const struct trial_desc *desc)
{
    *t = (struct trial){ .desc = *desc };
    build(t);
    oc_tensor *const outputs[] = { t->y, NULL };
    oc_tensor *const loss = t->dy ? oc_dot(t->y, t->dy) : desc->backward ? t->y : NULL;
    oc_status status = oc_model_create(
        &t->model, t->graph, device,
        &(oc_model_desc){ .loss = loss, .outputs = outputs, .implementations = desc->implementations });
    if (status != OC_OK)
        return status;
    draw_inputs(t);
    status = set_parameters(t);
    return status == OC_OK ? trial_run(t, trial_batch(t), NULL, NULL) : status;
}

void trial_destroy(struct trial *t)
{
    oc_model_destroy(t->model);
    oc_graph_destroy(t->graph);
    for (int i = 0; i < MAX_INPUTS; i++)
        free(t->values[i]);
    for (int i = 0; i < MAX_PARAMETERS; i++)
        free(t->parameters[i]);
    free(t->dy_values);
    *t = (struct trial){ 0 };
}

/* ---- times ---- */

/* One run through the launches. */
struct collection {
    bool backward, seeded;
    struct profile profile;
};

/* Not: values on their way to and from the host's order, and where backward starts. A layer may consist of several
 * nodes, of which only the last has its name. */
static bool is_part(const struct collection *c, const oc_profile_entry *entry)
{
    if (entry->backward != c->backward)
        return false;
    if (!entry->backward)
        return strcmp(entry->layer, LAYER) == 0 ||
               (strcmp(entry->op, "reshape") != 0 && strcmp(entry->op, "dot") != 0);
    return strcmp(entry->op, "fill") != 0 && !(c->seeded && strcmp(entry->op, "dot_backward") == 0);
}

static void collect(void *user, const oc_profile_entry *entry)
{
    struct collection *c = user;
    struct profile *p = &c->profile;
    if (entry->derived)
        p->packing += entry->milliseconds;
    else if (is_part(c, entry)) {
        int i = 0;
        while (i < p->count && strcmp(p->uses[i].op, entry->op) != 0)
            i++;
        if (i == MAX_USES)
            return;
        if (i == p->count)
            p->uses[p->count++] = (struct use){ .op = entry->op, .impl = entry->implementation };
        p->uses[i].milliseconds += entry->milliseconds;
        p->uses[i].flops += entry->flops;
        p->uses[i].bytes += entry->bytes;
    }
}

oc_status trial_profile(struct trial *t, bool backward, int repeat, struct profile *profile)
{
    for (int run = 0; run <= repeat; run++) {
        struct collection c = { .backward = backward, .seeded = t->dy != NULL };
        const bool train = backward || !t->desc.spec->forward;
        const oc_status status = oc_model_profile(t->model, train, collect, &c);
        if (status != OC_OK)
            return status;
        if (run <= 1) { /* run 0 warms up */
            *profile = c.profile;
            continue;
        }
        for (int i = 0; i < profile->count; i++)
            profile->uses[i].milliseconds =
                fmin(profile->uses[i].milliseconds, c.profile.uses[i].milliseconds);
        profile->packing = fmin(profile->packing, c.profile.packing);
    }
    return OC_OK;
}

/* test_ops.c - every operation, every case, every implementation on a device, against the oracles.
 *
 * Each case is a small model: inputs, the layer and, unless the layer is a loss itself, the inner product with a
 * further input dy as the loss, so that backward starts from dy. It runs with the implementations that Ocelli
 * prefers; its profile then says which operations it is made of, and it runs again with each of their other
 * implementations. Every implementation must have run in the end.
 *
 * OCELLI_TEST_OP=conv runs the cases of one operation only; OCELLI_TEST_VERBOSE=1 reports the largest error
 * relative to its bound, by operation and implementation. */
#include "support/fixture.h"
#include "support/problem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPS = 128, MAX_IMPLEMENTATIONS = 16, MAX_ROWS = 512, MAX_MESSAGES = 40, QUICK_WORK = 2000 };

/* What the profile of a model says: which implementation each operation used; -1: it does not occur. */
struct usage {
    int implementation[MAX_OPS];
};

/* Of all cases of one operation with the same choice of implementations: the largest error relative to its bound of
 * results, of input gradients and of parameter gradients. */
struct row {
    const char *op;
    char implementations[64];
    double worst[PASS_COUNT];
};

static struct {
    oc_device *device;
    bool seen[MAX_OPS][MAX_IMPLEMENTATIONS];
    struct row rows[MAX_ROWS];
    int row_count, messages;
} test;

struct trial {
    const struct problem *p;
    const char *implementations; /* NULL: Ocelli's choice */
    enum fill fill;
    oc_graph *graph;
    oc_model *model;
    oc_tensor *in[MAX_INPUTS], *dy, *y, *loss;
    bool normwise[PASS_COUNT];
    struct row *row;
};

static int index_of_op(const char *op)
{
    for (int i = 0; oc_op_name(i); i++)
        if (strcmp(oc_op_name(i), op) == 0)
            return i;
    cr_assert(false, "the profile names an operation \"%s\" that oc_op_name does not list", op);
    return -1;
}

static int index_of_implementation(const char *op, const char *implementation)
{
    for (int i = 0; oc_op_implementation(op, i); i++)
        if (strcmp(oc_op_implementation(op, i), implementation) == 0)
            return i;
    cr_assert(false, "the profile names an implementation \"%s=%s\" that is not listed", op, implementation);
    return -1;
}

static void note_usage(void *user, const oc_profile_entry *entry)
{
    struct usage *usage = user;
    const int op = index_of_op(entry->op);
    usage->implementation[op] = index_of_implementation(entry->op, entry->implementation);
    test.seen[op][usage->implementation[op]] = true;
}

/* ---- One model -------------------------------------------------------------------------------------- */

static oc_tensor *input(oc_graph *graph, oc_input_desc desc, const struct operand *x, int spare)
{
    memcpy(desc.shape, x->shape, sizeof desc.shape);
    desc.shape[0] += spare;
    return oc_input(graph, &desc);
}

static void note_normwise(void *user, const oc_profile_entry *entry)
{
    if (strcmp(entry->implementation, "winograd") == 0)
        ((struct trial *)user)->normwise[fixture_pass(entry)] = true;
}

/* A model for batches of up to `spare` samples more than the case has. */
static oc_status trial_create(struct trial *t, int spare)
{
    static const char *const names[MAX_INPUTS] = { "x0", "x1", "x2" };
    const struct problem *p = t->p;
    t->graph = oc_graph_create(NULL);
    for (int i = 0; i < p->spec->inputs; i++) {
        const bool label = problem_is_label(p, i);
        const oc_input_desc desc = { .name = names[i], .type = label ? OC_I32 : OC_F32, .gradient = !label };
        t->in[i] = input(t->graph, desc, &p->in[i], spare);
    }
    t->y = t->loss = p->spec->build(t->in, p->c);
    if (p->y.rank > 0) {
        t->dy = input(t->graph, (oc_input_desc){ .name = "dy" }, &p->dy, spare);
        t->loss = oc_dot(t->y, t->dy);
    }
    oc_tensor *const outputs[] = { t->y, NULL };
    const oc_status status = oc_model_create(
        &t->model, t->graph, test.device,
        &(oc_model_desc){ .loss = t->loss, .outputs = outputs, .implementations = t->implementations });
    return status == OC_OK ? oc_model_profile(t->model, true, note_normwise, t) : status;
}

/* What inputs, parameters and dy are multiplied with, so that Winograd's fractions are integers: they are taken of the
 * weights, in the gradient of the filter of dy; a transposed convolution exchanges the roles of x and dy. */
struct scales {
    float x, w, dy;
};

static struct scales scales_of(const struct trial *t)
{
    struct scales s = { 1, 1, 1 };
    if (t->fill != FILL_INTEGER)
        return s;
    if (t->normwise[PASS_RESULTS] || t->normwise[PASS_GRADIENTS])
        s.w = WINOGRAD_SCALE;
    if (t->normwise[PASS_FILTERS])
        *(strcmp(t->p->spec->op, "conv_transpose") == 0 ? &s.x : &s.dy) = WINOGRAD_SCALE;
    return s;
}

static float *scaled_floats(const struct operand *x, float scale)
{
    float *values = operand_floats(x);
    for (int64_t i = 0; i < x->count; i++)
        values[i] *= scale;
    return values;
}

static void trial_destroy(struct trial *t)
{
    oc_model_destroy(t->model);
    oc_graph_destroy(t->graph);
    t->model = NULL;
    t->graph = NULL;
}

static oc_parameter_info parameter_info(const struct trial *t, int operand)
{
    oc_parameter_info info;
    CHECK(oc_parameter_info_at(t->model, operand - t->p->spec->inputs, &info));
    cr_assert_eq(info.state, problem_is_state(t->p, operand));
    return info;
}

static void set_parameters(struct trial *t)
{
    for (int i = t->p->spec->inputs; i < t->p->count; i++) {
        const bool bias = t->p->in[i].rank == 1; /* is added to products of x and w */
        const struct scales s = scales_of(t);
        float *values = scaled_floats(&t->p->in[i], bias ? s.w * s.x : s.w);
        const char *name = parameter_info(t, i).name;
        CHECK(oc_parameter_set(t->model, name, OC_VALUE, values, t->p->in[i].count));
        free(values);
    }
}

static void compare(struct trial *t, const char *what, enum pass kind, const struct operand *want,
                    const float *got)
{
    struct difference worst;
    const bool plain = kind == PASS_FILTERS && want->rank == 1; /* the gradient of a bias */
    const struct scales s = scales_of(t);
    const double scale = kind == PASS_RESULTS     ? (double)s.x * (double)s.w
                         : kind == PASS_GRADIENTS ? (double)s.w * (double)s.dy
                         : plain                  ? (double)s.dy
                                                  : (double)s.x * (double)s.dy;
    const struct rule rule = { .exact = t->fill == FILL_INTEGER && t->p->spec->exact,
                               .scale = scale,
                               .growth = t->normwise[kind] && !plain ? WINOGRAD_GROWTH : 0 };
    const bool good = operand_compare(want, got, &rule, &worst);
    t->row->worst[kind] = fmax(t->row->worst[kind], worst.ratio);
    if (good || test.messages++ >= MAX_MESSAGES)
        return;
    cr_expect(false, "%s, case \"%s\", %s, %s: %s[%" PRId64 "] is %.9g, not %.9g; error %.3g, bound %.3g",
              t->p->spec->op, t->p->c->name, t->implementations ? t->implementations : "preferred",
              t->fill == FILL_REAL      ? "reals"
              : t->fill == FILL_INTEGER ? "integers"
                                        : "NaN and infinities",
              what, worst.index, worst.got, worst.want, fabs(worst.got - worst.want), worst.bound);
}

/* Arrays that a run of the model is fed from and fetched into; the caller frees them all. */
struct arrays {
    oc_feed feeds[MAX_INPUTS + 2];
    oc_fetch fetches[MAX_INPUTS + 2]; /* the result, then the gradients */
};

static struct arrays arrays_create(const struct trial *t, bool gradients)
{
    const struct problem *p = t->p;
    const int inputs = p->spec->inputs;
    struct arrays a = { 0 };
    int fetches = 0;
    for (int i = 0; i < inputs; i++)
        a.feeds[i] = (oc_feed){ t->in[i],
                                problem_is_label(p, i) ? (void *)operand_labels(&p->in[i])
                                                       : (void *)scaled_floats(&p->in[i], scales_of(t).x),
                                NULL };
    if (t->dy)
        a.feeds[inputs] = (oc_feed){ t->dy, scaled_floats(&p->dy, scales_of(t).dy), NULL };
    a.fetches[fetches++] = (oc_fetch){ .tensor = t->y, .data = floats_unset(p->y.count) };
    for (int i = 0; gradients && i < inputs; i++)
        if (!problem_is_label(p, i))
            a.fetches[fetches++] =
                (oc_fetch){ .tensor = t->in[i], .data = floats_unset(p->din[i].count), .gradient = true };
    return a;
}

static void arrays_destroy(struct arrays *a)
{
    for (int i = 0; a->feeds[i].tensor; i++)
        free((void *)(uintptr_t)a->feeds[i].data);
    for (int i = 0; a->fetches[i].tensor; i++)
        free(a->fetches[i].data);
}

static int batch_of(const struct trial *t)
{
    return (int)t->p->in[0].shape[0];
}

static void check_inference(struct trial *t)
{
    struct arrays a = arrays_create(t, false);
    CHECK(oc_infer(t->model, batch_of(t), a.feeds, a.fetches));
    compare(t, "y (inferred)", PASS_RESULTS, &t->p->inferred, a.fetches[0].data);
    arrays_destroy(&a);
}

static void check_gradients(struct trial *t)
{
    static const char *const names[MAX_OPERANDS] = { "gradient of x0", "gradient of x1", "gradient of x2" };
    const struct problem *p = t->p;
    struct arrays a = arrays_create(t, true);
    CHECK(oc_compute_gradients(t->model, batch_of(t), a.feeds, a.fetches));
    compare(t, "y", PASS_RESULTS, &p->y, a.fetches[0].data);
    for (int i = 0; a.fetches[i + 1].tensor; i++)
        compare(t, names[i], PASS_GRADIENTS, &p->din[i], a.fetches[i + 1].data);
    for (int i = p->spec->inputs; i < p->count; i++) {
        float *values = floats_unset(p->din[i].count);
        const oc_parameter_info info = parameter_info(t, i);
        CHECK(oc_parameter_get(t->model, info.name, info.state ? OC_VALUE : OC_GRADIENT, values,
                               p->din[i].count));
        compare(t, info.name, PASS_FILTERS, &p->din[i], values);
        free(values);
    }
    arrays_destroy(&a);
}

/* ---- One case --------------------------------------------------------------------------------------- */

/* Forward with the case's values, and backward unless they are special. */
static void run_values(struct trial *t, const struct problem *p, enum fill fill)
{
    t->p = p;
    t->fill = fill;
    set_parameters(t);
    check_inference(t);
    if (fill != FILL_SPECIAL)
        check_gradients(t);
}

static struct row *row_of(const char *op, const char *implementations)
{
    const char *name = implementations ? implementations : "preferred";
    for (int i = 0; i < test.row_count; i++)
        if (strcmp(test.rows[i].op, op) == 0 && strcmp(test.rows[i].implementations, name) == 0)
            return &test.rows[i];
    cr_assert(test.row_count < MAX_ROWS);
    struct row *row = &test.rows[test.row_count++];
    row->op = op;
    snprintf(row->implementations, sizeof row->implementations, "%s", name);
    return row;
}

static void report(void)
{
    fprintf(stderr, "largest error/bound\n%-24s%-42s%8s%8s%12s\n", "operation", "implementations", "result",
            "inputs", "parameters");
    for (int i = 0; i < test.row_count; i++)
        fprintf(stderr, "%-24s%-42s%8.3f%8.3f%12.3f\n", test.rows[i].op, test.rows[i].implementations,
                test.rows[i].worst[0], test.rows[i].worst[1], test.rows[i].worst[2]);
}

/* False if these implementations do not support the case. */
static bool run_case(const struct problem problems[], const char *implementations, struct usage *usage)
{
    struct trial t = { .p = &problems[FILL_REAL], .implementations = implementations };
    t.row = row_of(t.p->spec->op, implementations);
    const oc_status status = trial_create(&t, 0);
    if (status == OC_E_UNSUPPORTED && implementations) {
        trial_destroy(&t);
        return false;
    }
    cr_assert(status == OC_OK, "%s, case \"%s\", %s: %s: %s", t.p->spec->op, t.p->c->name,
              implementations ? implementations : "preferred", oc_status_name(status), oc_last_error());
    run_values(&t, &problems[FILL_REAL], FILL_REAL);
    run_values(&t, &problems[FILL_SPECIAL], FILL_SPECIAL);
    CHECK(oc_model_profile(t.model, true, note_usage, usage));
    trial_destroy(&t);

    /* Fewer samples than the model was made for. */
    t.p = &problems[FILL_INTEGER];
    CHECK(trial_create(&t, 2));
    run_values(&t, &problems[FILL_INTEGER], FILL_INTEGER);
    trial_destroy(&t);
    return true;
}

/* Multiply-adds of the forward pass of layers with weights, else values of the larger side. */
static double work_of(const struct problem *p)
{
    const struct operand *weight = &p->in[p->spec->inputs];
    if (p->count == p->spec->inputs)
        return fmax((double)p->in[0].count, (double)p->y.count);
    return (double)weight->count * (double)p->y.count / (double)weight->shape[0];
}

/* On an interpreter large cases run only with implementations that no small one could use, and small ones with the
 * preferred and the plain kernels. `used` says which operations the cases so far are made of. */
static void run_on_every_implementation(const struct op_spec *spec, const struct op_case *c,
                                        bool used[MAX_OPS])
{
    struct problem problems[FILL_SPECIAL + 1];
    struct usage preferred, usage;
    memset(&preferred, -1, sizeof preferred);
    for (int fill = FILL_REAL; fill <= FILL_SPECIAL; fill++)
        problem_create(&problems[fill], spec, c, (enum fill)fill);
    const bool quick = fixture_quick();
    if (!quick || work_of(&problems[0]) <= QUICK_WORK) {
        run_case(problems, NULL, &preferred);
        if (quick)
            run_case(problems, "reference", &usage);
    }
    for (int op = 0; oc_op_name(op); op++) {
        used[op] = used[op] || preferred.implementation[op] >= 0;
        for (int i = 0; used[op] && oc_op_implementation(oc_op_name(op), i); i++) {
            char choice[128];
            snprintf(choice, sizeof choice, "%s=%s", oc_op_name(op), oc_op_implementation(oc_op_name(op), i));
            if (i != preferred.implementation[op] && !(quick && test.seen[op][i]))
                run_case(problems, choice, &usage);
        }
    }
    for (int fill = FILL_REAL; fill <= FILL_SPECIAL; fill++)
        problem_destroy(&problems[fill]);
}

/* Operations with tests of their own: test_optimizer.c (an optimizer's step is no part of a profile), test_dropout.c and
 * compile/test_recompute.c. */
static bool is_tested_elsewhere(const char *op)
{
    static const char *const names[] = { "sgd",
                                         "adam",
                                         "rmsprop",
                                         "adagrad",
                                         "accumulate",
                                         "swap",
                                         "clip_factor",
                                         "dropout",
                                         "channel_dropout",
                                         "stochastic_depth",
                                         "dropout_backward",
                                         "batch_norm_again" };
    for (int i = 0; i < COUNT_OF(names); i++)
        if (strcmp(names[i], op) == 0)
            return true;
    return false;
}

/* Implementations are written for CPUs or for GPUs, so another device need not have run them all. */
static void expect_all_seen(void)
{
    if (oc_device_get_info(test.device)->type != OC_DEVICE_CPU)
        return;
    for (int op = 0; oc_op_name(op); op++)
        for (int i = 0; oc_op_implementation(oc_op_name(op), i); i++)
            cr_expect(test.seen[op][i] || is_tested_elsewhere(oc_op_name(op)), "%s=%s has not run",
                      oc_op_name(op), oc_op_implementation(oc_op_name(op), i));
}

Test(ops, every_case_on_every_implementation)
{
    const char *only = getenv("OCELLI_TEST_OP");
    test.device = fixture_open();
    for (int k = 0; op_specs[k]; k++) {
        bool used[MAX_OPS] = { false };
        for (int c = 0; c < op_specs[k]->case_count; c++)
            if (!only || strcmp(only, op_specs[k]->op) == 0)
                run_on_every_implementation(op_specs[k], &op_specs[k]->cases[c], used);
    }
    cr_expect(test.messages <= MAX_MESSAGES, "%d more differences", test.messages - MAX_MESSAGES);
    if (!only)
        expect_all_seen();
    if (getenv("OCELLI_TEST_VERBOSE"))
        report();
    oc_device_close(test.device);
}

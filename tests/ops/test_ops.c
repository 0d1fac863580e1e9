/* test_ops.c - every operation, every case, every implementation on a device, against the oracles.
 *
 * Each case is a small model: inputs, the layer and, unless the layer is a loss itself, the inner product with a
 * further input dy as the loss, so that backward starts from dy. It runs with the implementations that Ocelli
 * prefers; its profile then says which operations it is made of, and it runs again with each of their other
 * implementations. Every implementation must have run in the end.
 *
 * What implementations leave to tuning is varied on a few cases: so that every value occurs, once for all operations that
 * share a kernel and its values, or, with OCELLI_TEST_FULL=1, in every combination that may be tried of each.
 *
 * OCELLI_TEST_OP=conv runs the cases of one operation only; OCELLI_TEST_VERBOSE=1 reports the largest error
 * relative to its bound, by operation and implementation. */
#include "compile/compile.h"
#include "device/cl.h"
#include "device/gemm.h"
#include "ops/ops.h"
#include "support/fixture.h"
#include "support/problem.h"
#include "support/tried.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPS = 128, MAX_IMPLEMENTATIONS = 16, MAX_ROWS = 512, MAX_MESSAGES = 40, QUICK_WORK = 1000 };

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
    struct tried tried;
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
    struct usage usage;
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

/* ---- One model -------------------------------------------------------------------------------------- */

static oc_tensor *input(oc_graph *graph, oc_input_desc desc, const struct operand *x, int spare)
{
    memcpy(desc.shape, x->shape, sizeof desc.shape);
    desc.shape[0] += spare;
    return oc_input(graph, &desc);
}

static void note(void *user, const oc_profile_entry *entry)
{
    struct trial *t = user;
    const int op = index_of_op(entry->op);
    if (strcmp(entry->implementation, "winograd") == 0)
        t->normwise[fixture_pass(entry)] = true;
    t->usage.implementation[op] = index_of_implementation(entry->op, entry->implementation);
    test.seen[op][t->usage.implementation[op]] = true;
}

/* A graph for batches of up to `spare` samples more than the case has. */
static void trial_draw(struct trial *t, int spare)
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
    const size_t length = strcspn(name, " ");
    for (int i = 0; i < test.row_count; i++)
        if (strcmp(test.rows[i].op, op) == 0 && strlen(test.rows[i].implementations) == length &&
            strncmp(test.rows[i].implementations, name, length) == 0)
            return &test.rows[i];
    cr_assert(test.row_count < MAX_ROWS);
    struct row *row = &test.rows[test.row_count++];
    row->op = op;
    snprintf(row->implementations, sizeof row->implementations, "%.*s", (int)length, name);
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

/* Creates the model of a trial; false if its implementations do not support the case. */
static bool trial_create(struct trial *t, int spare)
{
    trial_draw(t, spare);
    oc_tensor *const outputs[] = { t->y, NULL };
    oc_status status = oc_model_create(
        &t->model, t->graph, test.device,
        &(oc_model_desc){ .loss = t->loss, .outputs = outputs, .implementations = t->implementations });
    const bool refused = status == OC_E_UNSUPPORTED && t->implementations;
    if (status == OC_OK)
        status = oc_model_profile(t->model, true, note, t);
    cr_assert(refused || status == OC_OK, "%s, case \"%s\", %s: %s: %s", t->p->spec->op, t->p->c->name,
              t->implementations ? t->implementations : "preferred", oc_status_name(status), oc_last_error());
    if (refused)
        trial_destroy(t);
    return !refused;
}

/* False if these implementations do not support the case. Where compilers are slow, one model has to do; for an interpreter,
 * which looks for races and accesses out of bounds, so have the values that make exact results. */
static bool run_case(const struct problem problems[], const char *implementations, struct usage *usage)
{
    struct trial t = { .p = &problems[FILL_REAL], .implementations = implementations };
    t.row = row_of(t.p->spec->op, implementations);
    memset(&t.usage, -1, sizeof t.usage);
    enum { SPARE = 2 }; /* fewer samples than the model was made for */
    for (int spare = fixture_quick() ? SPARE : 0; spare <= SPARE; spare += SPARE) {
        test.device->info.global_cache = spare > 0 ? 1 : INT64_MAX / 4; /* holds no result, or all of them */
        if (!trial_create(&t, spare))
            return false;
        if (spare == 0 || (fixture_quick() && !fixture_interpreted())) {
            run_values(&t, &problems[FILL_REAL], FILL_REAL);
            run_values(&t, &problems[FILL_SPECIAL], FILL_SPECIAL);
        }
        if (spare > 0)
            run_values(&t, &problems[FILL_INTEGER], FILL_INTEGER);
        trial_destroy(&t);
    }
    *usage = t.usage;
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

/* Whether an operation is there only because every case has a loss, and values that move between the orders of host and
 * device: then one case of the operation in question is enough for each of its implementations. */
static bool is_scaffold(const struct op_spec *spec, const char *op)
{
    return strcmp(spec->op, op) != 0 && (strcmp(op, "dot") == 0 || strcmp(op, "reshape") == 0);
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
            const bool once = quick || is_scaffold(spec, oc_op_name(op));
            if (i != preferred.implementation[op] && !(once && test.seen[op][i]))
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

/* CLBlast need not be there, and how long its loops run is not known. */
static bool is_possible(const char *implementation)
{
    return strcmp(implementation, "clblast") != 0 ||
           (gemm_available() && oc_device_get_info(test.device)->loop_limit == 0);
}

/* Implementations are written for CPUs or for GPUs, so another device need not have run them all. */
static void expect_all_seen(void)
{
    if (oc_device_get_info(test.device)->type != OC_DEVICE_CPU)
        return;
    for (int op = 0; oc_op_name(op); op++)
        for (int i = 0; oc_op_implementation(oc_op_name(op), i); i++)
            cr_expect(test.seen[op][i] || is_tested_elsewhere(oc_op_name(op)) ||
                          !is_possible(oc_op_implementation(oc_op_name(op), i)),
                      "%s=%s has not run", oc_op_name(op), oc_op_implementation(oc_op_name(op), i));
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

/* ---- What tuning tries -------------------------------------------------------------------------------- */

/* Those whose channels, pixels and windows are no multiples of anything; where compilers are slow, the quick ones. */
static const struct {
    const char *op, *name;
    bool quick;
} varied_cases[] = {
    { "conv", "3x3 valid, 20 to 40 channels", false },
    { "conv", "3x3 groups of 4, 24 channels, stride 2", false },
    { "conv", "1x1, 48 to 32 channels, no bias", false }, /* sub-groups want multiples of theirs */
    { "dense", "33 to 17", true },
    { "conv_transpose", "3x3 pad 1, 16 to 20 channels", false },
    { "conv_transpose", "depthwise, 33 channels, stride 2", false },
};

static void run_choice(const struct problem problems[], const struct node *n, const struct choice *choice)
{
    char name[256];
    struct record record;
    struct usage usage;
    record_set_choice(&record, choice);
    snprintf(name, sizeof name, "%s=%s %s", n->op->name, record.implementation, record.tunables);
    cr_expect(run_case(problems, name, &usage), "%s, case \"%s\": %s", name, problems[0].c->name,
              oc_last_error());
}

static void vary(const struct problem problems[], const struct node *n, const struct impl *impl)
{
    uint64_t *tried = tried_of(&test.tried, impl->tunables);
    const char *full = getenv("OCELLI_TEST_FULL");
    struct choice choice = { .impl = impl };
    int index[MAX_TUNABLES] = { 0 };
    if (!full || *full != '1') {
        while (tried_find_next(&choice, n, oc_device_get_info(test.device), tried))
            run_choice(problems, n, &choice);
        return;
    }
    do {
        tried_set(&choice, index);
        if (choice_is_allowed(&choice, n, oc_device_get_info(test.device))) {
            run_choice(problems, n, &choice);
            *tried |= tried_bits(impl->tunables, index);
        }
    } while (choice_next(impl->tunables, index));
}

static void vary_case(const struct op_spec *spec, const struct op_case *c)
{
    struct problem problems[FILL_SPECIAL + 1];
    struct plan *draft;
    oc_device_info info = *oc_device_get_info(test.device);
    if (fixture_quick()) /* only what is for GPUs */
        info.type = OC_DEVICE_GPU;
    for (int fill = FILL_REAL; fill <= FILL_SPECIAL; fill++)
        problem_create(&problems[fill], spec, c, (enum fill)fill);
    struct trial t = { .p = &problems[FILL_REAL] };
    trial_draw(&t, 0);
    CHECK(plan_draft(&draft, t.graph, test.device, &(oc_model_desc){ .loss = t.loss }, true));
    for (const struct node *n = draft->graph->first; n; n = n->next)
        for (const struct impl *impl = n->op->impls; !n->view && impl->name; impl++)
            if (impl->tunables && impl_supports(impl, n, &info))
                vary(problems, n, impl);
    plan_destroy(draft);
    trial_destroy(&t);
    for (int fill = FILL_REAL; fill <= FILL_SPECIAL; fill++)
        problem_destroy(&problems[fill]);
}

/* With local memory in plenty, no value is there in vain, unless the implementation is for other devices. */
static void expect_all_tried(void)
{
    int met = 0;
    for (int op = 0; op_table[op]; op++)
        for (const struct impl *impl = op_table[op]->impls; impl->name; impl++) {
            if (!impl->tunables)
                continue;
            const uint64_t all = tried_all(impl->tunables);
            const uint64_t tried = *tried_of(&test.tried, impl->tunables);
            cr_expect(tried == 0 || tried == all, "values of %s=%s have not run", op_table[op]->name,
                      impl->name);
        }
    for (int i = 0; i < MAX_TRIED; i++)
        met += test.tried.sets[i].values > 0;
    cr_expect_geq(met, 9,
                  "%d: winograd, direct, grouped and streamed, each with a gradient of its own, and tiled",
                  met);
}

Test(ops, every_value_that_tuning_tries)
{
    enum { PLENTY = 512 << 10 };
    const char *only = getenv("OCELLI_TEST_OP");
    test.device = fixture_open();
    const bool quick = fixture_quick();
    for (int v = 0; v < COUNT_OF(varied_cases); v++)
        for (int k = 0; op_specs[k]; k++)
            for (int c = 0; c < op_specs[k]->case_count; c++)
                if (strcmp(op_specs[k]->op, varied_cases[v].op) == 0 &&
                    strcmp(op_specs[k]->cases[c].name, varied_cases[v].name) == 0 &&
                    (varied_cases[v].quick || !quick) && (!only || strcmp(only, varied_cases[v].op) == 0))
                    vary_case(op_specs[k], &op_specs[k]->cases[c]);
    cr_expect(test.messages <= MAX_MESSAGES, "%d more differences", test.messages - MAX_MESSAGES);
    if (!only && !quick && oc_device_get_info(test.device)->type == OC_DEVICE_CPU &&
        oc_device_get_info(test.device)->local_memory >= PLENTY)
        expect_all_tried();
    if (getenv("OCELLI_TEST_VERBOSE"))
        report();
    oc_device_close(test.device);
}

/* op.c - ocelli-bench op: every operation, case and implementation; and the suites. */
#include "report.h"
#include "results.h"
#include "subjects.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Up to so many multiply-adds or values the oracle answers in the blink of an eye. */
static const double oracle_work = 2e7;

/* No rounding error is as large: the kernel computes something else. */
static const double wrong_error = 1e-3;

enum { DEFAULT_REPEAT = 5, REFERENCE_BATCH = 1 };

struct bench {
    const struct options *options;
    oc_device *device;
    struct report report;
    bool passes[PASS_COUNT];
    int repeat;
    bool chosen_only; /* no implementations but those that Ocelli prefers */
    int rows, wrong;
    double packing; /* of all layers of a suite, milliseconds */
    struct row totals[PASS_COUNT];
};

/* What the results of one subject are held against. */
struct expectation {
    struct results results;
    int batch;
    bool reference; /* computed by the reference implementations, not by the oracle */
};

static enum pass pass_of(const struct use *use, bool backward)
{
    const char *suffix = strrchr(use->op, '_');
    if (!backward)
        return PASS_FORWARD;
    return strcmp(use->op, "channel_sum") == 0 || (suffix && strcmp(suffix, "_filter") == 0) ? PASS_FILTER
                                                                                             : PASS_DATA;
}

/* ---- errors ---- */

static double work_of(const struct profile profiles[2])
{
    double work = 0;
    for (int b = 0; b < 2; b++)
        for (int i = 0; i < profiles[b].count; i++)
            work = fmax(work, fmax(profiles[b].uses[i].flops / 2, profiles[b].uses[i].bytes / 4));
    return work;
}

static enum exit_code expect(struct expectation *e, struct bench *b, const struct trial *t, double work)
{
    *e = (struct expectation){ .batch = trial_batch(t) };
    if (!t->desc.spec->forward)
        return EXIT_OK;
    if (work <= oracle_work) {
        results_expect(&e->results, t);
        return EXIT_OK;
    }
    struct subject small = { .spec = t->desc.spec, .c = *t->desc.c };
    struct trial_desc desc = t->desc;
    struct trial reference;
    e->reference = true;
    e->batch = REFERENCE_BATCH;
    subject_set_batch(&small, REFERENCE_BATCH);
    desc.c = &small.c;
    desc.implementations = "reference";
    enum exit_code code = report_status(trial_create(&reference, b->device, &desc));
    if (code == EXIT_OK)
        code = report_status(results_compute(&e->results, &reference, REFERENCE_BATCH));
    trial_destroy(&reference);
    return code;
}

static double error_of(const struct expectation *e, const struct results *got, const struct trial *t,
                       const struct use *use, enum pass pass)
{
    const int inputs = t->desc.spec->inputs;
    if (e->reference && strcmp(use->impl, "reference") == 0)
        return (double)NAN;
    if (pass == PASS_FORWARD)
        return results_error(&e->results, got, 0);
    if (pass == PASS_FILTER)
        return results_error(&e->results, got, 1 + inputs + (strcmp(use->op, "channel_sum") == 0));
    double worst = (double)NAN;
    for (int i = 0; i < inputs; i++)
        worst = fmax(worst, results_error(&e->results, got, 1 + i)); /* fmax passes over NaN */
    return worst;
}

/* ---- rows ---- */

static void add_row(struct bench *b, const struct subject *s, const struct use *use, enum pass pass,
                    double error)
{
    const struct row row = { .op = strcmp(use->op, "channel_sum") == 0 ? use->op : s->spec->op,
                             .impl = use->impl,
                             .case_name = s->c.name,
                             .pass = pass,
                             .count = s->count,
                             .milliseconds = use->milliseconds,
                             .flops = use->flops,
                             .bytes = use->bytes,
                             .error = error };
    struct row *total = &b->totals[pass];
    report_row(&b->report, &row);
    b->rows++;
    total->count += row.count;
    total->milliseconds += row.count * row.milliseconds;
    total->flops += row.count * row.flops;
    total->bytes += row.count * row.bytes;
    total->error = total->count == row.count ? error : fmax(total->error, error);
    if (error > wrong_error) {
        fprintf(stderr, "ocelli-bench: %s=%s is wrong in case \"%s\": its relative error is %g\n", use->op,
                use->impl, s->c.name, error);
        b->wrong++;
    }
}

static bool impl_wanted(const struct bench *b, const char *impl)
{
    return !b->options->impl || strcmp(b->options->impl, impl) == 0;
}

/* One implementation of the operation of `chosen`, the others as Ocelli prefers them. */
static enum exit_code measure_choice(struct bench *b, const struct subject *s, struct trial_desc desc,
                                     const struct use *chosen, const char *impl, bool backward,
                                     const struct expectation *e)
{
    char choice[128];
    struct trial t;
    struct profile profile = { .count = 0 };
    struct results got = { .count = { 0 } };
    snprintf(choice, sizeof choice, "%s=%s", chosen->op, impl);
    desc.implementations = choice;
    const oc_status created = trial_create(&t, b->device, &desc);
    if (created == OC_E_UNSUPPORTED) {
        trial_destroy(&t);
        return EXIT_OK;
    }
    enum exit_code code = report_status(created);
    if (code == EXIT_OK)
        code = report_status(trial_profile(&t, backward, b->repeat, &profile));
    if (code == EXIT_OK)
        code = report_status(results_compute(&got, &t, e->batch));
    for (int i = 0; code == EXIT_OK && i < profile.count; i++) {
        const struct use *use = &profile.uses[i];
        const enum pass pass = pass_of(use, backward);
        if (strcmp(use->op, chosen->op) == 0)
            add_row(b, s, use, pass, error_of(e, &got, &t, use, pass));
    }
    results_free(&got);
    trial_destroy(&t);
    return code;
}

/* The chosen implementation of each operation of a case, and then its other ones. */
static enum exit_code measure_uses(struct bench *b, const struct subject *s, const struct trial *t,
                                   const struct profile *profile, bool backward, const struct expectation *e,
                                   const struct results *got)
{
    enum exit_code code = EXIT_OK;
    for (int i = 0; i < profile->count; i++) {
        const struct use *use = &profile->uses[i];
        const enum pass pass = pass_of(use, backward);
        if (!b->passes[pass])
            continue;
        if (impl_wanted(b, use->impl))
            add_row(b, s, use, pass, error_of(e, got, t, use, pass));
        const char *impl;
        for (int j = 0; !b->chosen_only && (impl = oc_op_implementation(use->op, j)) != NULL; j++)
            if (code == EXIT_OK && strcmp(impl, use->impl) != 0 && impl_wanted(b, impl))
                code = measure_choice(b, s, t->desc, use, impl, backward, e);
    }
    return code;
}

/* The model with the preferred implementations: it says which operations the case is made of. */
static enum exit_code measure_trial(struct bench *b, const struct subject *s, struct trial *t)
{
    struct profile profiles[2] = { { .count = 0 } };
    struct expectation e = { .batch = 0 };
    struct results got = { .count = { 0 } };
    enum exit_code code = EXIT_OK;
    for (int i = 0; code == EXIT_OK && i < 2; i++)
        if (i == 0 ? b->passes[PASS_FORWARD] : t->desc.backward)
            code = report_status(trial_profile(t, i == 1, b->repeat, &profiles[i]));
    if (code != EXIT_OK || profiles[0].count + profiles[1].count == 0)
        return code; /* no kernels: the case is only another view of its input */
    code = expect(&e, b, t, work_of(profiles));
    if (code == EXIT_OK)
        code = report_status(results_compute(&got, t, e.batch));
    for (int i = 0; code == EXIT_OK && i < 2; i++)
        code = measure_uses(b, s, t, &profiles[i], i == 1, &e, &got);
    const double packing = fmax(profiles[0].packing, profiles[1].packing);
    if (code == EXIT_OK && packing > 0 && s->count == 0)
        report_packing(&b->report, s->c.name, packing);
    b->packing += s->count * packing;
    results_free(&got);
    results_free(&e.results);
    return code;
}

static enum exit_code measure(struct bench *b, const struct subject *s)
{
    const bool data = b->passes[PASS_DATA] && !s->first;
    const bool draws = !s->spec->forward && (data || b->passes[PASS_FORWARD]);
    const bool backward = draws || data || (b->passes[PASS_FILTER] && s->spec->parameters);
    struct trial t;
    if (!b->passes[PASS_FORWARD] && !backward)
        return EXIT_OK;
    enum exit_code code = report_status(trial_create(
        &t, b->device,
        &(struct trial_desc){
            .spec = s->spec, .c = &s->c, .backward = backward, .input_gradient = data || draws }));
    if (code == EXIT_OK)
        code = measure_trial(b, s, &t);
    trial_destroy(&t);
    return code;
}

/* ---- the verb ---- */

static bool parse_pass(struct bench *b, const char *name)
{
    bool known = !name;
    for (int i = 0; i < PASS_COUNT; i++) {
        b->passes[i] = !name || strcmp(name, pass_names[i]) == 0;
        known = known || b->passes[i];
    }
    if (!known)
        fprintf(stderr, "ocelli-bench op: there is no pass '%s'; there are %s, %s, %s\n", name,
                pass_names[PASS_FORWARD], pass_names[PASS_DATA], pass_names[PASS_FILTER]);
    return known;
}

static void report_totals(struct bench *b)
{
    if (b->packing > 0)
        report_packing(&b->report, b->options->suite, b->packing);
    for (int i = 0; i < PASS_COUNT; i++) {
        struct row *total = &b->totals[i];
        total->op = "total";
        total->case_name = b->options->suite;
        total->impl = b->options->impl ? b->options->impl : "chosen";
        total->pass = (enum pass)i;
        if (total->count > 0)
            report_total(&b->report, total);
    }
}

static enum exit_code measure_all(struct bench *b, const struct subject *list, int count)
{
    enum exit_code code = EXIT_OK;
    report_begin(&b->report, b->device);
    for (int i = 0; code == EXIT_OK && i < count; i++) {
        report_progress(i, count, list[i].c.name);
        code = measure(b, &list[i]);
    }
    report_progress(count, count, "");
    if (code != EXIT_OK)
        return code;
    if (b->options->suite)
        report_totals(b);
    if (b->rows == 0)
        fprintf(stderr, "ocelli-bench: nothing that was asked for runs a kernel in that pass or has that "
                        "implementation on this device\n");
    return b->rows > 0 && b->wrong == 0 ? EXIT_OK : EXIT_FAILED;
}

static enum exit_code run(const struct options *options)
{
    struct bench b = { .options = options,
                       .report.json = options->json,
                       .repeat = options->repeat > 0 ? options->repeat : DEFAULT_REPEAT,
                       .chosen_only = options->suite && !options->impl };
    struct subject *list = NULL;
    int count = 0;
    if (!parse_pass(&b, options->pass) || (options->impl && !subjects_know_impl(options->impl)))
        return EXIT_USAGE;
    enum exit_code code = subjects_find(&list, &count, options);
    if (code == EXIT_OK)
        code = report_open(&b.device, &b.report.peak, options);
    if (code == EXIT_OK)
        code = measure_all(&b, list, count);
    oc_device_close(b.device);
    free(list);
    return code;
}

const struct verb verb_op = {
    .name = "op",
    .brief = "measure operations, each case and each implementation",
    .description =
        "Runs every case of every operation (the cases of the tests) with every implementation that "
        "supports\n"
        "it, and prints a line for each:\n"
        "\n"
        "ms         time on the device of the launches that make up the pass, the fastest of --repeat runs;\n"
        "           without uploads, the loss that backward starts from, or the packing of weights\n"
        "GFLOP/s    float operations that its mathematics needs, a multiply-add counting as two, per time\n"
        "GB/s       inputs read once and outputs written once, per time\n"
        "% peak     the least time in which the device can do this work, by its measured FMA rate or by its\n"
        "           measured bandwidth, whichever is longer, relative to the time it took; above 100 if the\n"
        "           data stay in a cache, which is faster than memory\n"
        "max error  the largest difference from what is right, relative to the largest value that is right:\n"
        "           from plain loops in double; for large cases, from the reference implementation on the\n"
        "           first sample alone\n"
        "\n"
        "Weights that a kernel wants in an order of its own are packed once per update: a note has that "
        "time.\n"
        "The gradient of a bias has its own lines, as channel_sum.\n"
        "\n"
        "With --suite NET the cases are the convolutions of a network, each shape once, with how often it\n"
        "occurs; then come totals over all its layers: floating-point operations per time, relative to the\n"
        "FMA rate. The input gradient of its first layer is left out, since no training needs it.\n"
        "\n"
        "With --json, an object per line: {\"op\", \"pass\", \"case\", \"impl\", \"ms\", \"gflops\", "
        "\"gbps\",\n"
        "\"percent_of_peak\", \"max_error\"}, and \"count\" in a suite, whose totals have the op \"total\" "
        "and "
        "the\n"
        "suite as their case. What is not known is null.",
    .examples = "ocelli-bench op --op conv --case 'LeNet C3'\n"
                "ocelli-bench op --suite resnet50 --pass forward\n"
                "ocelli-bench op --op max_pool --batch 64 --json | jq '[.case, .impl, .gbps]'",
    .options = (const enum option_id[]){ OPTION_OP, OPTION_CASE, OPTION_PASS, OPTION_IMPL, OPTION_SUITE,
                                         OPTION_BATCH, OPTION_REPEAT, OPTION_DEVICE, OPTION_JSON, OPTION_HELP,
                                         OPTION_END },
    .run = run,
};

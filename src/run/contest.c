/* contest.c - the candidates of one problem against each other.
 *
 * A candidate first computes a small batch and has to agree with the reference implementation there; then the whole
 * batch is timed. The heuristic's choice comes first, then candidates that differ from a heuristic's values in one
 * tunable, then in two, and so on, so that a budget that runs out has seen the likely ones. */
#include "run/contest.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

#include <math.h>
#include <string.h>

enum { RUNS = 5, ROUNDS = 5 };

static const double small_work = 5e7;  /* flops or bytes that the reference implementation has to do */
static const double hopeless = 3;      /* times the best: not measured any further */
static const double worthwhile = 0.98; /* of the time of the heuristic's choice: less would be noise */
static const double enough_ms = 500;

/* What is known about a problem while its candidates are tried. */
struct contest {
    const struct tuner *tuner;
    const struct problem *problem;
    int outputs;
    double deadline;
    int64_t small_batch;
    void *wanted;    /* results of the reference implementation for it */
    bool positive;   /* the inputs with which those are finite */
    double small_ms; /* of the best candidate, for the small batch */
    struct choice heuristic, best;
    struct trial usual; /* the heuristic's choice with the whole batch: candidates run in turns with it */
    double heuristic_ms, best_ms; /* infinite: not measured */
    double best_score;
    char trial[RECORD_BYTES]; /* what is being tried, for the progress */
    int candidates, rejected;
};

struct timing {
    double ms, usual_ms; /* the least; infinite: none */
    double score; /* the median of the ratios to the heuristic's choice, or of ms if that does not run */
};

static const oc_device_info *info_of(const struct contest *c)
{
    return oc_device_get_info(c->tuner->device);
}

/* ---- one candidate ---- */

static oc_status set_batch(const struct contest *c, int64_t batch)
{
    return graph_set_batch(c->problem->draft->graph, batch);
}

/* Runs a small batch and reads the results. */
static oc_status compute(struct contest *c, const struct choice *choice, struct trial *trial, void **values,
                         double *ms)
{
    *values = NULL;
    TRY(set_batch(c, c->small_batch));
    TRY(trial_create(trial, c->problem->draft, c->problem->node, choice, c->positive));
    TRY(trial_run(trial, ms));
    return trial_read(trial, c->outputs, values);
}

static oc_status verify(struct contest *c, const struct choice *choice, double *ms)
{
    struct trial trial = { .plan = NULL };
    void *got;
    bool finite;
    oc_status status = compute(c, choice, &trial, &got, ms);
    if (status == OC_OK && !trial_agrees(&trial, c->outputs, c->wanted, got, &finite))
        status = fail(OC_E_DEVICE, "its results differ from those of the reference implementation");
    trial_destroy(&trial);
    memory_free(c->tuner->allocator, got);
    return status;
}

static oc_status start_trial(struct contest *c, const struct choice *choice, struct trial *trial)
{
    double ms;
    TRY(set_batch(c, c->tuner->batch));
    TRY(trial_create(trial, c->problem->draft, c->problem->node, choice, c->positive));
    return trial_run(trial, &ms); /* warms up */
}

/* In place of the one before, whose buffers lay elsewhere. What does not run has no plan. */
static oc_status start_usual(struct contest *c)
{
    trial_destroy(&c->usual);
    const oc_status status = start_trial(c, &c->heuristic, &c->usual);
    if (status != OC_OK)
        trial_destroy(&c->usual);
    return status;
}

static double median(double *values, int count)
{
    for (int i = 1; i < count; i++)
        for (int j = i; j > 0 && values[j] < values[j - 1]; j--) {
            const double value = values[j];
            values[j] = values[j - 1];
            values[j - 1] = value;
        }
    return values[count / 2];
}

/* Runs of the whole batch, in turns with the heuristic's choice: the speed of a machine may change from second to second, so
 * that only neighbours can be compared. */
static oc_status measure(struct contest *c, const struct choice *choice, struct timing *timing)
{
    struct trial trial = { .plan = NULL };
    double ms = 0, usual_ms = 1, sum = 0, ratios[RUNS];
    *timing = (struct timing){ .ms = HUGE_VAL, .usual_ms = HUGE_VAL, .score = HUGE_VAL };
    oc_status status = start_trial(c, choice, &trial);
    for (int i = 0; status == OC_OK && i < RUNS && sum < enough_ms; i++) {
        status = trial_run(&trial, &ms);
        if (status == OC_OK && c->usual.plan) {
            status = trial_run(&c->usual, &usual_ms);
            timing->usual_ms = fmin(timing->usual_ms, usual_ms);
        }
        if (status != OC_OK)
            break;
        timing->ms = fmin(timing->ms, ms);
        ratios[i] = ms / usual_ms;
        timing->score = median(ratios, i + 1);
        sum += ms;
        if (timing->score > hopeless * c->best_score)
            break;
    }
    trial_destroy(&trial);
    return status;
}

/* The best of hundreds was lucky, too: it has to win again, each time in turns and with buffers elsewhere. */
static void confirm(struct contest *c)
{
    struct timing least = { .ms = HUGE_VAL, .usual_ms = HUGE_VAL };
    if (!c->usual.plan || c->best_score == 1)
        return;
    c->best_score = HUGE_VAL; /* every run counts */
    bool wins = true;
    for (int round = 0; wins && round < ROUNDS; round++) {
        struct timing timing;
        wins = start_usual(c) == OC_OK && measure(c, &c->best, &timing) == OC_OK && timing.score < worthwhile;
        if (wins) {
            least.ms = fmin(least.ms, timing.ms);
            least.usual_ms = fmin(least.usual_ms, timing.usual_ms);
        }
    }
    if (wins && least.ms < worthwhile * least.usual_ms) {
        c->heuristic_ms = least.usual_ms;
        c->best_ms = least.ms;
    } else {
        c->best = c->heuristic;
        c->best_ms = c->heuristic_ms;
    }
}

/* The candidate as a record, without its times. False if it cannot be one. */
static bool describe(const struct contest *c, const struct choice *choice, struct record *record)
{
    char buffer[sizeof record->source];
    struct text files = TEXT_IN(buffer);
    struct plan *plan;
    struct node *single;
    *record = (struct record){ .ms = 0 };
    record_set_device(record, info_of(c));
    record_set_choice(record, choice);
    strcpy(record->problem, c->problem->text);
    if (set_batch(c, c->tuner->batch) != OC_OK ||
        plan_create_single(&plan, &single, c->problem->draft, c->problem->node, choice) != OC_OK)
        return false;
    const bool named = plan_files(plan, &files) == OC_OK && !files.overflow;
    plan_destroy(plan);
    return named && record_set_source(record, c->tuner->device, buffer);
}

static oc_status judge(struct contest *c, const struct choice *choice, struct timing *timing)
{
    double small_ms;
    TRY(verify(c, choice, &small_ms));
    /* One launch of each is no measurement, but spares the whole batch to what is slower by far. */
    if (small_ms > hopeless * hopeless * c->small_ms)
        return OC_OK;
    if (c->candidates == 1)
        TRY(start_usual(c));
    TRY(measure(c, choice, timing));
    if (timing->score < c->best_score)
        c->small_ms = small_ms;
    return OC_OK;
}

static oc_status try_candidate(struct contest *c, const struct choice *choice)
{
    const oc_tune_desc *desc = c->tuner->desc;
    struct record record;
    struct text what = TEXT_IN(c->trial);
    struct timing timing = { .ms = HUGE_VAL, .score = HUGE_VAL };
    record_set_choice(&record, choice);
    text_print(&what, "%s: %s %s", c->problem->text, record.implementation, record.tunables);
    if (desc->progress && !desc->progress(desc->progress_user, c->trial, c->tuner->done, c->tuner->total))
        return fail(OC_E_INTERRUPTED, "tuning was stopped on request");
    c->candidates++;
    if (!describe(c, choice, &record)) {
        c->rejected++;
        return OC_OK;
    }
    if (store_has_trial(c->tuner->store, &record)) {
        log_message(OC_LOG_WARNING, "%s is not tried: it took down the last process that did", c->trial);
        c->rejected++;
        return OC_OK;
    }
    store_begin_trial(c->tuner->store, &record);
    const oc_status status = judge(c, choice, &timing);
    store_end_trial(c->tuner->store, &record);
    if (status != OC_OK) {
        log_message(OC_LOG_WARNING, "%s is rejected: %s", c->trial, oc_last_error());
        c->rejected++;
    } else if (c->candidates == 1) {
        c->heuristic_ms = c->best_ms = timing.ms;
        c->best_score = 1;
    } else if (timing.score < c->best_score && (timing.score < worthwhile || !c->usual.plan)) {
        c->best_score = timing.score;
        c->best_ms = timing.ms;
        c->best = *choice;
    }
    return OC_OK;
}

/* ---- all candidates ---- */

static bool is_over(const struct contest *c)
{
    return c->candidates > 0 && clock_seconds() > c->deadline;
}

/* Those that differ from the heuristic's values in so many tunables. */
static oc_status try_at_distance(struct contest *c, const struct impl *impl, int distance)
{
    const oc_device_info *device = info_of(c);
    const struct node *n = c->problem->node;
    struct choice usual;
    int index[MAX_TUNABLES] = { 0 };
    choice_default(&usual, impl, n, device);
    if (distance == 0)
        return impl == c->heuristic.impl ? OC_OK : try_candidate(c, &usual);
    do {
        struct choice choice = usual;
        int differing = 0;
        for (int i = 0; impl->tunables && impl->tunables[i].name; i++) {
            choice.tuned[i] = impl->tunables[i].values[index[i]];
            differing += choice.tuned[i] != usual.tuned[i];
        }
        if (differing == distance && choice_is_allowed(&choice, n, device))
            TRY(try_candidate(c, &choice));
    } while (!is_over(c) && choice_next(impl->tunables, index));
    return OC_OK;
}

static oc_status try_all(struct contest *c)
{
    TRY(try_candidate(c, &c->heuristic));
    for (int distance = 0; distance <= MAX_TUNABLES; distance++)
        for (const struct impl *impl = c->problem->node->op->impls; impl->name; impl++)
            if (impl_supports(impl, c->problem->node, info_of(c)) && !is_over(c))
                TRY(try_at_distance(c, impl, distance));
    return OC_OK;
}

/* The right results, and inputs for which they are finite: some operations want positive ones. */
static oc_status find_wanted(struct contest *c)
{
    const struct impl *reference = c->problem->node->op->impls;
    struct choice choice;
    while (reference[1].name)
        reference++;
    choice_default(&choice, reference, c->problem->node, info_of(c));
    for (;;) {
        struct trial trial = { .plan = NULL };
        double ms;
        bool finite = true;
        const oc_status status = compute(c, &choice, &trial, &c->wanted, &ms);
        if (status == OC_OK)
            trial_agrees(&trial, c->outputs, c->wanted, c->wanted, &finite);
        trial_destroy(&trial);
        if (status != OC_OK || finite || c->positive)
            return status;
        memory_free(c->tuner->allocator, c->wanted);
        c->positive = true;
    }
}

static void name_choice(struct text *text, const struct choice *choice)
{
    struct record record;
    record_set_choice(&record, choice);
    text_print(text, "%s%s%s", record.implementation, *record.tunables ? " " : "", record.tunables);
}

static void note(struct contest *c)
{
    const oc_tune_desc *desc = c->tuner->desc;
    char heuristic[RECORD_BYTES], best[RECORD_BYTES];
    struct text heuristic_text = TEXT_IN(heuristic), best_text = TEXT_IN(best);
    struct record record;
    if (c->best_ms == HUGE_VAL || !describe(c, &c->best, &record))
        return;
    record.ms = c->best_ms;
    record.heuristic_ms = c->heuristic_ms == HUGE_VAL ? 0 : c->heuristic_ms;
    record.gflops = c->best_ms > 0 ? node_cost(c->problem->node).flops / c->best_ms * 1e-6 : 0;
    store_put(c->tuner->store, &record);
    name_choice(&heuristic_text, &c->heuristic);
    name_choice(&best_text, &c->best);
    const oc_tune_result result = { .problem = c->problem->text,
                                    .count = c->problem->count,
                                    .heuristic = heuristic,
                                    .best = best,
                                    .heuristic_ms = record.heuristic_ms,
                                    .best_ms = c->best_ms,
                                    .gflops = record.gflops,
                                    .candidates = c->candidates,
                                    .rejected = c->rejected };
    if (desc->report)
        desc->report(desc->report_user, &result);
}

oc_status contest_hold(const struct tuner *t, const struct problem *p, double seconds)
{
    struct contest c = { .tuner = t,
                         .problem = p,
                         .outputs = p->node->out_count,
                         .deadline = clock_seconds() + seconds,
                         .small_ms = HUGE_VAL,
                         .heuristic_ms = HUGE_VAL,
                         .best_ms = HUGE_VAL,
                         .best_score = HUGE_VAL };
    TRY(graph_set_batch(p->draft->graph, t->batch));
    const struct cost cost = node_cost(p->node);
    const double samples = small_work * (double)t->batch / fmax(fmax(cost.flops, cost.bytes), 1);
    c.small_batch = samples < 1 ? 1 : samples < (double)t->batch ? (int64_t)samples : t->batch;
    choice_heuristic(&c.heuristic, p->node, oc_device_get_info(t->device));
    c.best = c.heuristic;
    oc_status status = find_wanted(&c);
    if (status != OC_OK) {
        log_message(OC_LOG_WARNING, "%s is not tuned: %s", p->text, oc_last_error());
        status = OC_OK;
    } else {
        status = try_all(&c);
        confirm(&c);
        note(&c);
    }
    trial_destroy(&c.usual);
    memory_free(t->allocator, c.wanted);
    return status;
}

/* tune.c - measures every way to carry out the operations of a model.
 *
 * A candidate first computes a small batch and has to agree with the reference implementation there; then the whole
 * batch is timed. The heuristic's choice comes first, then candidates that differ from a heuristic's values in one
 * tunable, then in two, and so on, so that a budget that runs out has seen the likely ones. */
#include "base/log.h"
#include "base/memory.h"
#include "run/model.h"

#include <math.h>
#include <string.h>
#include <time.h>

enum { RUNS = 5, ROUNDS = 3 };

static const double small_work = 5e7;  /* flops or bytes that the reference implementation has to do */
static const double hopeless = 3;      /* times the best: not measured any further */
static const double worthwhile = 0.98; /* of the time of the heuristic's choice: less would be noise */
static const double enough_ms = 500;

/* A problem that plans of the model have, and a node in a draft that has it. */
struct problem {
    char text[PROBLEM_BYTES];
    struct plan *draft;
    const struct node *node;
    int count;
    bool known; /* the store has a record of it */
};

struct tuner {
    oc_device *device;
    const oc_allocator *allocator;
    const oc_tune_desc *desc;
    struct store *store;
    struct records records;
    struct problem *problems;
    size_t problem_count, capacity;
    int64_t batch;
    double start;
};

/* What is known about a problem while its candidates are tried. */
struct contest {
    struct tuner *tuner;
    const struct problem *problem;
    int outputs;
    double deadline;
    int64_t batch;   /* the small one */
    void *wanted;    /* results of the reference implementation for it */
    bool positive;   /* the inputs with which those are finite */
    double small_ms; /* of the best candidate, for the small batch */
    struct choice heuristic, best;
    double heuristic_ms, best_ms; /* infinite: not measured */
    char trial[RECORD_BYTES];     /* what is being tried, for the progress */
    int candidates, rejected;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static const oc_device_info *info_of(const struct tuner *t)
{
    return oc_device_get_info(t->device);
}

/* ---- problems ---- */

/* Whether there is more than one way, and a reference implementation to hold the others against. */
static bool has_candidates(const struct node *n, const oc_device_info *device)
{
    const struct impl *impl = n->op->impls, *last = NULL;
    int supported = 0;
    bool tunables = false;
    for (; impl->name; last = impl++)
        if (impl_supports(impl, n, device)) {
            supported++;
            tunables = tunables || impl->tunables;
        }
    return last && impl_supports(last, n, device) && (supported > 1 || tunables);
}

static bool is_known(const struct tuner *t, const struct problem *p)
{
    struct record here = { .ms = 0 };
    struct choice choice;
    record_set_device(&here, info_of(t));
    for (size_t i = 0; i < t->records.count; i++) {
        const struct record *r = &t->records.items[i];
        if (strcmp(r->problem, p->text) == 0 && strcmp(r->device, here.device) == 0 &&
            strcmp(r->driver, here.driver) == 0 && record_choice(r, p->node, t->device, &choice))
            return true;
    }
    return false;
}

static oc_status add_problem(struct tuner *t, struct plan *draft, const struct node *n)
{
    struct problem p = { .draft = draft, .node = n, .count = 1 };
    struct text text = TEXT_IN(p.text);
    problem_print(&text, n, draft->train);
    if (text.overflow)
        return OC_OK;
    for (size_t i = 0; i < t->problem_count; i++)
        if (strcmp(t->problems[i].text, p.text) == 0) {
            t->problems[i].count++;
            return OC_OK;
        }
    p.known = is_known(t, &p);
    TRY(memory_grow(t->allocator, (void **)&t->problems, &t->capacity, t->problem_count + 1,
                    sizeof *t->problems));
    t->problems[t->problem_count++] = p;
    return OC_OK;
}

static oc_status collect(struct tuner *t, struct plan *draft)
{
    for (const struct node *n = draft->graph->first; n; n = n->next)
        if (!n->view && has_candidates(n, info_of(t)))
            TRY(add_problem(t, draft, n));
    return OC_OK;
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
    TRY(set_batch(c, c->batch));
    TRY(trial_create(trial, c->problem->draft, c->problem->node, choice, c->positive));
    TRY(trial_run(trial, ms));
    return trial_read(trial, c->outputs, values);
}

static oc_status verify(struct contest *c, const struct choice *choice, double *ms)
{
    struct trial trial;
    void *got;
    bool finite;
    oc_status status = compute(c, choice, &trial, &got, ms);
    if (status == OC_OK && !trial_agrees(&trial, c->outputs, c->wanted, got, &finite))
        status = fail(OC_E_DEVICE, "its results differ from those of the reference implementation");
    trial_destroy(&trial);
    memory_free(c->tuner->allocator, got);
    return status;
}

/* The least of several runs of the whole batch. */
static oc_status measure(struct contest *c, const struct choice *choice, double *least)
{
    struct trial trial;
    double ms = 0, sum = 0;
    *least = HUGE_VAL;
    TRY(set_batch(c, c->tuner->batch));
    oc_status status = trial_create(&trial, c->problem->draft, c->problem->node, choice, c->positive);
    if (status == OC_OK)
        status = trial_run(&trial, &ms); /* warms up */
    for (int i = 0; status == OC_OK && i < RUNS && sum < enough_ms; i++) {
        status = trial_run(&trial, &ms);
        *least = fmin(*least, ms);
        sum += ms;
        if (*least > hopeless * c->best_ms)
            break;
    }
    trial_destroy(&trial);
    return status;
}

/* The least of many measurements was lucky, too, and a machine's speed may change from second to second: the winner and the
 * heuristic's choice meet again in turns, and the winner has to win each time. */
static void confirm(struct contest *c)
{
    double heuristic = HUGE_VAL, best = HUGE_VAL;
    if (c->heuristic_ms == HUGE_VAL || c->best_ms == c->heuristic_ms)
        return;
    for (int round = 0; round < ROUNDS; round++) {
        double heuristic_ms, best_ms;
        if (measure(c, &c->heuristic, &heuristic_ms) != OC_OK || measure(c, &c->best, &best_ms) != OC_OK)
            return;
        heuristic = fmin(heuristic, heuristic_ms);
        best = fmin(best, best_ms);
        if (best_ms >= worthwhile * heuristic_ms) {
            c->best = c->heuristic;
            best = heuristic;
            break;
        }
    }
    c->heuristic_ms = heuristic;
    c->best_ms = best;
}

/* The candidate as a record, without its times. False if it cannot be one. */
static bool describe(const struct contest *c, const struct choice *choice, struct record *record)
{
    char buffer[sizeof record->source];
    struct text files = TEXT_IN(buffer);
    struct plan *plan;
    struct node *single;
    *record = (struct record){ .ms = 0 };
    record_set_device(record, info_of(c->tuner));
    record_set_choice(record, choice);
    strcpy(record->problem, c->problem->text);
    if (set_batch(c, c->tuner->batch) != OC_OK ||
        plan_create_single(&plan, &single, c->problem->draft, c->problem->node, choice) != OC_OK)
        return false;
    const bool named = plan_files(plan, &files) == OC_OK && !files.overflow;
    plan_destroy(plan);
    return named && record_set_source(record, c->tuner->device, buffer);
}

static oc_status judge(struct contest *c, const struct choice *choice, double *ms)
{
    double small_ms;
    *ms = HUGE_VAL;
    TRY(verify(c, choice, &small_ms));
    /* One launch of each is no measurement, but spares the whole batch to what is slower by far. */
    if (small_ms > hopeless * hopeless * c->small_ms)
        return OC_OK;
    TRY(measure(c, choice, ms));
    if (*ms < c->best_ms)
        c->small_ms = small_ms;
    return OC_OK;
}

static oc_status try_candidate(struct contest *c, const struct choice *choice, int done, int total)
{
    const oc_tune_desc *desc = c->tuner->desc;
    struct record record;
    struct text what = TEXT_IN(c->trial);
    double ms = HUGE_VAL;
    record_set_choice(&record, choice);
    text_print(&what, "%s: %s %s", c->problem->text, record.implementation, record.tunables);
    if (desc->progress && !desc->progress(desc->progress_user, c->trial, done, total))
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
    const oc_status status = judge(c, choice, &ms);
    store_end_trial(c->tuner->store, &record);
    if (status != OC_OK) {
        log_message(OC_LOG_WARNING, "%s is rejected: %s", c->trial, oc_last_error());
        c->rejected++;
    } else if (c->candidates == 1) {
        c->heuristic_ms = c->best_ms = ms;
    } else if (ms < c->best_ms && (ms < worthwhile * c->heuristic_ms || c->heuristic_ms == HUGE_VAL)) {
        c->best_ms = ms;
        c->best = *choice;
    }
    return OC_OK;
}

/* ---- all candidates ---- */

static bool is_over(const struct contest *c)
{
    return c->candidates > 0 && now() > c->deadline;
}

/* Those that differ from the heuristic's values in so many tunables. */
static oc_status try_at_distance(struct contest *c, const struct impl *impl, int distance, int done,
                                 int total)
{
    const oc_device_info *device = info_of(c->tuner);
    const struct node *n = c->problem->node;
    struct choice usual;
    int index[MAX_TUNABLES] = { 0 };
    choice_default(&usual, impl, n, device);
    if (distance == 0)
        return impl == c->heuristic.impl ? OC_OK : try_candidate(c, &usual, done, total);
    do {
        struct choice choice = usual;
        int differing = 0;
        for (int i = 0; impl->tunables && impl->tunables[i].name; i++) {
            choice.tuned[i] = impl->tunables[i].values[index[i]];
            differing += choice.tuned[i] != usual.tuned[i];
        }
        if (differing == distance && choice_is_allowed(&choice, n, device))
            TRY(try_candidate(c, &choice, done, total));
    } while (!is_over(c) && choice_next(impl->tunables, index));
    return OC_OK;
}

static oc_status try_all(struct contest *c, int done, int total)
{
    TRY(try_candidate(c, &c->heuristic, done, total));
    for (int distance = 0; distance <= MAX_TUNABLES; distance++)
        for (const struct impl *impl = c->problem->node->op->impls; impl->name; impl++)
            if (impl_supports(impl, c->problem->node, info_of(c->tuner)) && !is_over(c))
                TRY(try_at_distance(c, impl, distance, done, total));
    return OC_OK;
}

/* The right results, and inputs for which they are finite: some operations want positive ones. */
static oc_status find_wanted(struct contest *c)
{
    const struct impl *reference = c->problem->node->op->impls;
    struct choice choice;
    while (reference[1].name)
        reference++;
    choice_default(&choice, reference, c->problem->node, info_of(c->tuner));
    for (;;) {
        struct trial trial;
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

static oc_status tune_problem(struct tuner *t, const struct problem *p, double deadline, int done, int total)
{
    struct contest c = { .tuner = t,
                         .problem = p,
                         .outputs = p->node->out_count,
                         .deadline = deadline,
                         .small_ms = HUGE_VAL,
                         .heuristic_ms = HUGE_VAL,
                         .best_ms = HUGE_VAL };
    TRY(graph_set_batch(p->draft->graph, t->batch));
    const struct cost cost = node_cost(p->node);
    const double samples = small_work * (double)t->batch / fmax(fmax(cost.flops, cost.bytes), 1);
    c.batch = samples < 1 ? 1 : samples < (double)t->batch ? (int64_t)samples : t->batch;
    choice_heuristic(&c.heuristic, p->node, info_of(t));
    c.best = c.heuristic;
    oc_status status = find_wanted(&c);
    if (status != OC_OK) {
        log_message(OC_LOG_WARNING, "%s is not tuned: %s", p->text, oc_last_error());
        status = OC_OK;
    } else {
        status = try_all(&c, done, total);
        confirm(&c);
        note(&c);
    }
    memory_free(t->allocator, c.wanted);
    return status;
}

/* What the store does not know yet comes first; each problem gets an equal share of the time that is left. */
static oc_status tune_all(struct tuner *t)
{
    const double budget = t->desc->budget_seconds;
    int done = 0;
    const int total = (int)t->problem_count;
    for (int known = 0; known < 2; known++)
        for (int i = 0; i < total; i++) {
            const double left = budget > 0 ? t->start + budget - now() : HUGE_VAL;
            if (t->problems[i].known != (known == 1))
                continue;
            if (left <= 0)
                return OC_OK;
            TRY(tune_problem(t, &t->problems[i], now() + left / (total - done), done, total));
            done++;
        }
    return OC_OK;
}

oc_status oc_tune(oc_device *device, const oc_graph *graph, const oc_model_desc *model,
                  const oc_tune_desc *desc)
{
    static const oc_tune_desc nothing;
    static const oc_model_desc no_model;
    struct plan *drafts[PLAN_COUNT] = { NULL, NULL };
    struct tuner t = { .device = device, .allocator = device_allocator(device), .start = now() };
    t.desc = desc ? desc : &nothing;
    t.records = (struct records){ .allocator = t.allocator };
    if (!model)
        model = &no_model;
    oc_status status = plan_draft(&drafts[PLAN_INFER], graph, device, model, false);
    if (status == OC_OK)
        status = model_find_batch(drafts[PLAN_INFER]->graph, &t.batch);
    if (status == OC_OK && model->loss)
        status = plan_draft(&drafts[PLAN_TRAIN], graph, device, model, true);
    if (status == OC_OK) {
        t.store = store_open(t.desc->store, true);
        status = store_load(t.store, oc_device_get_info(device), &t.records);
    }
    for (int p = 0; p < PLAN_COUNT; p++)
        if (status == OC_OK && drafts[p])
            status = collect(&t, drafts[p]);
    if (status == OC_OK)
        status = tune_all(&t);
    store_close(t.store);
    records_free(&t.records);
    memory_free(t.allocator, t.problems);
    for (int p = 0; p < PLAN_COUNT; p++)
        plan_destroy(drafts[p]);
    return status;
}

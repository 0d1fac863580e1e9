/* tune.c - which problems a model has, and how the time for measuring them is shared out. */
#include "base/clock.h"
#include "base/memory.h"
#include "run/contest.h"

#include <math.h>
#include <string.h>

/* A call of oc_tune. */
struct search {
    struct tuner tuner;
    struct records records; /* that the store has already */
    struct problem *problems;
    size_t problem_count, capacity;
    double start;
};

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

static bool is_known(const struct search *s, const struct problem *p)
{
    struct record here = { .ms = 0 };
    struct choice choice;
    record_set_device(&here, oc_device_get_info(s->tuner.device));
    for (size_t i = 0; i < s->records.count; i++) {
        const struct record *r = &s->records.items[i];
        if (strcmp(r->problem, p->text) == 0 && strcmp(r->device, here.device) == 0 &&
            strcmp(r->driver, here.driver) == 0 && record_choice(r, p->node, s->tuner.device, &choice))
            return true;
    }
    return false;
}

static oc_status add_problem(struct search *s, struct plan *draft, const struct node *n)
{
    struct problem p = { .draft = draft, .node = n, .count = 1 };
    struct text text = TEXT_IN(p.text);
    problem_print(&text, n, draft->train);
    if (text.overflow)
        return OC_OK;
    for (size_t i = 0; i < s->problem_count; i++)
        if (strcmp(s->problems[i].text, p.text) == 0) {
            s->problems[i].count++;
            return OC_OK;
        }
    p.known = is_known(s, &p);
    TRY(memory_grow(s->tuner.allocator, (void **)&s->problems, &s->capacity, s->problem_count + 1,
                    sizeof *s->problems));
    s->problems[s->problem_count++] = p;
    return OC_OK;
}

static oc_status collect(struct search *s, struct plan *draft)
{
    for (const struct node *n = draft->graph->first; n; n = n->next)
        if (!n->view && has_candidates(n, oc_device_get_info(s->tuner.device)))
            TRY(add_problem(s, draft, n));
    return OC_OK;
}

/* What the store does not know yet comes first; each problem gets an equal share of the time that is left. */
static oc_status tune_all(struct search *s)
{
    const double budget = s->tuner.desc->budget_seconds;
    s->tuner.total = (int)s->problem_count;
    for (int known = 0; known < 2; known++)
        for (int i = 0; i < s->tuner.total; i++) {
            const double left = budget > 0 ? s->start + budget - clock_seconds() : HUGE_VAL;
            if (s->problems[i].known != (known == 1))
                continue;
            if (left <= 0)
                return OC_OK;
            TRY(contest_hold(&s->tuner, &s->problems[i], left / (s->tuner.total - s->tuner.done)));
            s->tuner.done++;
        }
    return OC_OK;
}

oc_status oc_tune(oc_device *device, const oc_graph *graph, const oc_model_desc *model,
                  const oc_tune_desc *desc)
{
    static const oc_tune_desc nothing;
    static const oc_model_desc no_model;
    const oc_allocator *allocator = device_allocator(device);
    struct plan *drafts[PLAN_COUNT] = { NULL, NULL };
    struct search s = { .tuner = { .device = device, .allocator = allocator, .desc = desc ? desc : &nothing },
                        .records = { .allocator = allocator },
                        .start = clock_seconds() };
    if (!model)
        model = &no_model;
    oc_status status = plan_draft(&drafts[PLAN_INFER], graph, device, model, false);
    if (status == OC_OK)
        status = model_find_batch(drafts[PLAN_INFER]->graph, &s.tuner.batch);
    if (status == OC_OK && model->loss)
        status = plan_draft(&drafts[PLAN_TRAIN], graph, device, model, true);
    if (status == OC_OK) {
        s.tuner.store = store_open(s.tuner.desc->store, true);
        status = store_load(s.tuner.store, oc_device_get_info(device), &s.records);
    }
    for (int p = 0; p < PLAN_COUNT; p++)
        if (status == OC_OK && drafts[p])
            status = collect(&s, drafts[p]);
    if (status == OC_OK)
        status = tune_all(&s);
    store_close(s.tuner.store);
    records_free(&s.records);
    memory_free(allocator, s.problems);
    for (int p = 0; p < PLAN_COUNT; p++)
        plan_destroy(drafts[p]);
    return status;
}

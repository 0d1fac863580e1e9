/* test_candidates.c - whatever a network trains with can be run alone, and every candidate agrees with the reference: all of
 * them are tried, each problem once. */
#include "compile/plans.h"
#include "device/cl.h"
#include "tune/tune.h"

#include <stdlib.h>

enum { MAX_PROBLEMS = 100 };

struct expected {
    char text[PROBLEM_BYTES];
    int count, candidates, reported;
};

struct census {
    struct expected problems[MAX_PROBLEMS];
    int size;
};

/* Of its tunables' values that may be tried. */
static int combinations(const struct impl *impl, const struct node *n, const oc_device_info *device)
{
    int count = 0, index[MAX_TUNABLES] = { 0 };
    do {
        int values[MAX_TUNABLES];
        for (int i = 0; impl->tunables && impl->tunables[i].name; i++)
            values[i] = impl->tunables[i].values[index[i]];
        count += !impl->allows || impl->allows(n, device, values);
    } while (choice_next(impl->tunables, index));
    return count;
}

static void expect_node(struct census *census, const struct node *n, bool train, const oc_device_info *device)
{
    struct expected e = { .count = 1 };
    struct text text = TEXT_IN(e.text);
    problem_print(&text, n, train);
    for (const struct impl *impl = n->op->impls; impl->name; impl++)
        if (!impl->supports || impl->supports(n, device))
            e.candidates += combinations(impl, n, device);
    for (int i = 0; i < census->size; i++)
        if (strcmp(census->problems[i].text, e.text) == 0) {
            census->problems[i].count++;
            return;
        }
    cr_assert(census->size < MAX_PROBLEMS && !text.overflow);
    if (e.candidates > 1)
        census->problems[census->size++] = e;
}

static void check_result(void *user, const oc_tune_result *r)
{
    struct census *census = user;
    int i = 0;
    while (i < census->size && strcmp(census->problems[i].text, r->problem) != 0)
        i++;
    cr_assert(i < census->size, "nobody has this problem: %s", r->problem);
    const struct expected *e = &census->problems[i];
    census->problems[i].reported++;
    cr_expect(r->count == e->count && r->candidates == e->candidates && r->rejected == 0,
              "%s: %d times, %d candidates, %d rejected; not %d, %d, 0", r->problem, r->count, r->candidates,
              r->rejected, e->count, e->candidates);
    cr_expect(r->best_ms > 0 && r->best_ms <= r->heuristic_ms);
}

static void expect_no_warning(void *user, oc_log_level level, const char *message)
{
    (void)user;
    cr_expect(level != OC_LOG_WARNING, "%s", message);
}

/* The device claims to have hardly any local memory: that leaves a few candidates of a convolution. */
Test(candidates, all_of_everything_that_training_consists_of_are_tried_and_right)
{
    static struct census census;
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *x = floats(graph, "x", 2, 4, 8, 8);
    oc_tensor *a =
        oc_relu(oc_batch_norm(oc_conv(x, &(oc_conv_desc){ .filters = 8, .window = { 3 }, .pad = 1 }), NULL));
    a = oc_conv(a, &(oc_conv_desc){ .filters = 8, .window = { 3 }, .pad = 1, .groups = 8 });
    oc_tensor *b = oc_conv(oc_slice(x, 1, 2), &(oc_conv_desc){ .filters = 4, .window = { 1 } });
    oc_tensor *y = oc_concat((oc_tensor *[]){ a, b }, 2);
    y = oc_dropout(oc_lrn(oc_max_pool(y, &(oc_pool_desc){ .window = { 2 } }), NULL), 0.5f);
    y = oc_dense(oc_flatten(y), &(oc_dense_desc){ .units = 3 });
    const oc_model_desc model = { .loss = oc_softmax_cross_entropy(y, labels(graph, 2)),
                                  .outputs = (oc_tensor *const[]){ y, NULL } };
    CHECK(oc_graph_check(graph));
    oc_device *device = fixture_open();
    device->info.local_memory = 1024;
    for (int train = 0; train < 2; train++) {
        struct plan *draft;
        CHECK(plan_draft(&draft, graph, device, &model, train == 1));
        for (const struct node *n = draft->graph->first; n; n = n->next)
            if (!n->view)
                expect_node(&census, n, train == 1, &device->info);
        plan_destroy(draft);
    }
    oc_set_log(expect_no_warning, NULL, OC_LOG_WARNING);
    CHECK(oc_tune(device, graph, &model, &(oc_tune_desc){ .report = check_result, .report_user = &census }));
    oc_set_log(NULL, NULL, OC_LOG_WARNING);
    int tunable = 0;
    for (int i = 0; i < census.size; i++) {
        cr_expect_eq(census.problems[i].reported, 1, "%s: %d times", census.problems[i].text,
                     census.problems[i].reported);
        tunable += census.problems[i].candidates > 2;
    }
    cr_expect_geq(tunable, 4, "the depthwise convolution inferring, training, and its two gradients");
    oc_graph_destroy(graph);
    oc_device_close(device);
}

/* test_tune.c - tuning finds the fastest of the right candidates, and models make use of what was found. The candidates
 * are those of an operation made for it: one is slow, one is wrong, one takes its process down. */
#include "base/memory.h"
#include "compile/plans.h"
#include "device/cl.h"
#include "ops/elementwise.h"
#include "tune/tune.h"

#include <math.h>
#include <ocelli/models.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(tune, .init = scratch_open, .fini = scratch_close);

/* ---- an operation: y = 2 x ---- */

static oc_status emit_times(struct emitter *e, const struct node *n, float factor, int launches)
{
    const struct elementwise what = { .operation = "activate",
                                      .function = "apply_scale",
                                      .alpha = factor,
                                      .a = n->in[0],
                                      .b = n->in[0],
                                      .y = n->out[0] };
    for (int i = 0; i < launches; i++)
        TRY(elementwise_reference(e, n, &what));
    return OC_OK;
}

static oc_status emit_slow(struct emitter *e, const struct node *n)
{
    return emit_times(e, n, 2, tuned(n, "LAUNCHES"));
}

static oc_status emit_wrong(struct emitter *e, const struct node *n)
{
    return emit_times(e, n, 2.01f, 1);
}

static oc_status emit_reference(struct emitter *e, const struct node *n)
{
    return emit_times(e, n, 2, 30);
}

static oc_status emit_crash(struct emitter *e, const struct node *n)
{
    if (e->mode != EMIT_COLLECT) /* not when its kernel files are asked for, but when it is built */
        abort();
    return emit_times(e, n, 2, 1);
}

static bool never(const struct node *n, const oc_device_info *device)
{
    (void)n;
    (void)device;
    return false;
}

static bool crashes; /* whether the operation has the implementation that does */

static bool if_crashes(const struct node *n, const oc_device_info *device)
{
    (void)n;
    (void)device;
    return crashes;
}

static bool frugal; /* whether 20 launches are not allowed */

static bool unless_frugal(const struct node *n, const oc_device_info *device, const int *values)
{
    (void)n;
    (void)device;
    return !frugal || values[0] != 20;
}

static oc_status infer(struct node *n)
{
    return node_output(n, 0, ELEMENT_F32, &n->in[0]->shape);
}

static const struct tunable launches[] = { { "LAUNCHES", { 40, 20, 1 } }, { 0 } };

static const struct impl impls[] = {
    { .name = "never", .supports = never, .emit = emit_slow },
    { .name = "slow", .emit = emit_slow, .tunables = launches, .allows = unless_frugal },
    { .name = "wrong", .emit = emit_wrong },
    { .name = "crash", .supports = if_crashes, .emit = emit_crash },
    { .name = "reference", .emit = emit_reference },
    { 0 },
};

static const struct op op_twice = { .name = "twice", .infer = infer, .impls = impls };

/* Of one channel: nothing has to be transposed at the border. */
static oc_tensor *twice(oc_graph *graph, int64_t n, int64_t size)
{
    oc_tensor *x = floats(graph, "x", n, 1, size, size);
    return graph_append(&op_twice, NULL, NULL, &x, 1);
}

/* ---- tuning ---- */

struct outcome {
    int results, calls;
    char best[64], heuristic[64];
    int candidates, rejected;
};

static void note(void *user, const oc_tune_result *r)
{
    struct outcome *o = user;
    o->results++;
    o->candidates = r->candidates;
    o->rejected = r->rejected;
    snprintf(o->best, sizeof o->best, "%s", r->best);
    snprintf(o->heuristic, sizeof o->heuristic, "%s", r->heuristic);
    cr_expect(r->best_ms > 0 && r->best_ms <= r->heuristic_ms && strncmp(r->problem, "twice", 5) == 0);
}

static bool watch(void *user, const char *what, int done, int total)
{
    struct outcome *o = user;
    cr_expect(strstr(what, "twice") && done >= 0 && done < total);
    o->calls++;
    return true;
}

static bool stop(void *user, const char *what, int done, int total)
{
    (void)what;
    (void)done;
    (void)total;
    return ++*(int *)user < 3;
}

static oc_status tune(oc_device *device, struct outcome *o)
{
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *y = twice(graph, 2, 100);
    *o = (struct outcome){ .results = 0 };
    const oc_status status =
        oc_tune(device, graph, &(oc_model_desc){ .outputs = (oc_tensor *const[]){ y, NULL } },
                &(oc_tune_desc){ .progress = watch, .progress_user = o, .report = note, .report_user = o });
    oc_graph_destroy(graph);
    return status;
}

/* How a model carries it out: the implementation and its first tunable. */
static void expect_choice(oc_device *device, oc_tensor *y, const char *name, int value, const char *why)
{
    struct records records;
    struct plan *plan;
    CHECK(records_load(&records, device));
    CHECK(plan_create(&plan, y->graph, device, &(oc_model_desc){ .outputs = (oc_tensor *const[]){ y, NULL } },
                      false, &records));
    for (const struct node *n = plan->graph->first; n; n = n->next)
        if (n->op == &op_twice)
            cr_expect(strcmp(n->impl->name, name) == 0 && n->tuned[0] == value, "%s: %s %d", why,
                      n->impl->name, n->tuned[0]);
    plan_destroy(plan);
    records_free(&records);
}

Test(tune, finds_the_fastest_that_is_right)
{
    struct outcome o;
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *y = twice(graph, 2, 100);
    setenv("OCELLI_TUNING_DB", scratch_path("db"), 1);
    oc_device *device = fixture_open();
    expect_choice(device, y, "slow", 40, "before tuning");
    CHECK(tune(device, &o));
    cr_expect_eq(o.results, 1);
    cr_expect_str_eq(o.heuristic, "slow LAUNCHES=40");
    cr_expect_str_eq(o.best, "slow LAUNCHES=1");
    cr_expect(o.candidates == 5 && o.calls == 5 && o.rejected == 1, "%d, %d, %d", o.candidates, o.calls,
              o.rejected);
    expect_choice(device, y, "slow", 1, "after tuning");
    setenv("OCELLI_TUNING_DB", "off", 1);
    expect_choice(device, y, "slow", 40, "with tuning records switched off");
    oc_graph_destroy(graph);
    oc_device_close(device);
}

Test(tune, does_not_try_what_is_not_allowed)
{
    struct outcome o;
    frugal = true;
    oc_device *device = fixture_open();
    CHECK(tune(device, &o));
    cr_expect(o.candidates == 4 && o.rejected == 1, "%d, %d", o.candidates, o.rejected);
    oc_device_close(device);
}

static void count_warnings(void *user, oc_log_level level, const char *message)
{
    *(int *)user += level == OC_LOG_WARNING && strstr(message, "tuning store");
}

/* A store that cannot be made, or is none: one warning, the same results, and what is no store of ours stays as it is. */
Test(tune, works_without_a_store)
{
    static const char *const names[] = { "folder/is/missing", "note" };
    static const char note[] =
        "A note that is no database, and long enough not to be taken for an empty one.";
    char after[sizeof note];
    oc_device *device = fixture_open();
    scratch_write("folder", "", 0);
    scratch_write("note", note, sizeof note);
    for (int i = 0; i < 2; i++) {
        struct outcome o;
        int warnings = 0;
        setenv("OCELLI_TUNING_DB", scratch_path(names[i]), 1);
        oc_set_log(count_warnings, &warnings, OC_LOG_WARNING);
        CHECK(tune(device, &o));
        oc_set_log(NULL, NULL, OC_LOG_WARNING);
        cr_expect_eq(warnings, 1, "%s: %d warnings", names[i], warnings);
        cr_expect(o.candidates == 5 && o.rejected == 1);
        cr_expect_str_eq(o.best, "slow LAUNCHES=1");
    }
    cr_expect_eq(scratch_read("note", after, sizeof after), sizeof after);
    cr_expect_str_eq(after, note);
    oc_device_close(device);
}

static void keep(void *user, const oc_tune_result *r)
{
    *(oc_tune_result *)user = *r;
}

/* Problems that both have and that only one of them has; 1 if a candidate was given up that is good. */
static int tune_in_turn(int own)
{
    int warnings = 0, bad = 0;
    alarm(60);
    oc_set_log(count_warnings, &warnings, OC_LOG_WARNING);
    oc_device *device = fixture_open();
    for (int64_t size = 100; size < 120; size++) {
        oc_tune_result r = { .candidates = 0 };
        oc_graph *graph = oc_graph_create(NULL);
        oc_tensor *y = twice(graph, size % 2 ? own : 1, size);
        bad |= oc_tune(device, graph, &(oc_model_desc){ .outputs = (oc_tensor *const[]){ y, NULL } },
                       &(oc_tune_desc){ .report = keep, .report_user = &r }) != OC_OK;
        bad |= r.candidates != 5 || r.rejected != 1;
        oc_graph_destroy(graph);
    }
    return bad || warnings > 0;
}

Test(tune, two_processes_tune_at_once_without_loss)
{
    pid_t children[2];
    setenv("OCELLI_TUNING_DB", scratch_path("db"), 1);
    for (int c = 0; c < 2; c++) {
        children[c] = fork();
        if (children[c] == 0)
            _exit(tune_in_turn(c + 2));
    }
    for (int c = 0; c < 2; c++) {
        int status;
        waitpid(children[c], &status, 0);
        cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "process %d", c);
    }
    struct records records = { .allocator = &memory_heap };
    struct store *store = store_open(NULL, false);
    CHECK(store_load(store, NULL, &records));
    store_close(store);
    cr_expect_eq(records.count, 30, "%zu", records.count); /* 10 of both, 10 of each */
    records_free(&records);
}

Test(tune, stops_when_it_is_asked_to)
{
    int calls = 0;
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *y = twice(graph, 2, 100);
    oc_device *device = fixture_open();
    const oc_model_desc model = { .outputs = (oc_tensor *const[]){ y, NULL } };
    expect_failure(
        oc_tune(device, graph, &model, &(oc_tune_desc){ .progress = stop, .progress_user = &calls }),
        OC_E_INTERRUPTED, "stopped on request", "progress");
    cr_expect_eq(calls, 3);
    struct outcome o = { .results = 0 };
    CHECK(oc_tune(device, graph, &model,
                  &(oc_tune_desc){ .budget_seconds = 1e-9, .report = note, .report_user = &o }));
    cr_expect_leq(o.candidates, 1);
    oc_graph_destroy(graph);
    oc_device_close(device);
}

Test(tune, does_not_repeat_what_took_its_process_down)
{
    struct outcome o;
    setenv("OCELLI_TUNING_DB", scratch_path("db"), 1);
    crashes = true;
    const pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL); /* not Criterion's */
        alarm(60);
        oc_device *device = fixture_open();
        tune(device, &o);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status %d", status);
    oc_device *device = fixture_open();
    CHECK(tune(device, &o)); /* ends this test, if the candidate runs again */
    cr_expect_str_eq(o.best, "slow LAUNCHES=1");
    cr_expect(o.candidates == 6 && o.rejected == 2, "%d, %d", o.candidates, o.rejected);
    oc_device_close(device);
}

/* ---- choosing ---- */

/* A record of "slow LAUNCHES=20" for this device and 2x1x100x100. */
static struct record make_record(oc_device *device)
{
    struct record record = { .implementation = "slow", .tunables = "LAUNCHES=20", .ms = 1 };
    record_set_device(&record, oc_device_get_info(device));
    strcpy(record.problem, "twice inference: 2x1x100x100 > 2x1x100x100");
    cr_assert(record_set_source(&record, device, "elementwise.cl"));
    return record;
}

static void put(const struct record *record)
{
    struct store *store = store_open(NULL, true);
    store_put(store, record);
    cr_assert(store_works(store));
    store_close(store);
}

static void use_new_store(void)
{
    remove(scratch_path("db"));
}

Test(tune, chooses_by_the_record_that_fits_best)
{
    setenv("OCELLI_TUNING_DB", scratch_path("db"), 1);
    oc_device *device = fixture_open();
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *y = twice(graph, 2, 100);
    const struct record good = make_record(device);
    struct record r = good;
    put(&r);
    expect_choice(device, y, "slow", 20, "exactly this problem");
    strcpy(r.problem, "twice inference: 4x1x100x100 > 4x1x100x100");
    strcpy(r.tunables, "LAUNCHES=1");
    put(&r);
    expect_choice(device, y, "slow", 20, "exactly this problem, beside a near one");

    use_new_store();
    put(&r);
    expect_choice(device, y, "slow", 1, "nearest sizes");
    strcpy(r.problem, "twice inference: 2x1x101x101 > 2x1x101x101");
    strcpy(r.implementation, "reference");
    strcpy(r.tunables, "");
    put(&r);
    expect_choice(device, y, "reference", 0, "nearer sizes");

    use_new_store();
    strcpy(r.device, "Kin");
    strcpy(r.problem, good.problem);
    put(&r);
    expect_choice(device, y, "reference", 0, "same architecture");
    strcpy(r.architecture, "another");
    strcpy(r.device, "Stranger");
    use_new_store();
    put(&r);
    expect_choice(device, y, "slow", 40, "another architecture");

    use_new_store();
    r = good;
    *r.device = *r.vendor = *r.driver = '\0';
    r.compute_units = r.local_memory = 0;
    put(&r);
    expect_choice(device, y, "slow", 20, "shipped, exactly this problem");
    strcpy(r.problem, "twice inference: 2x1x101x101 > 2x1x101x101");
    use_new_store();
    put(&r);
    expect_choice(device, y, "slow", 40, "shipped, another problem");

    use_new_store();
    r = good;
    strcpy(r.driver, "older");
    put(&r);
    expect_choice(device, y, "slow", 20, "another version of the driver");
    oc_graph_destroy(graph);
    oc_device_close(device);
}

Test(tune, passes_over_records_that_cannot_be_followed)
{
    setenv("OCELLI_TUNING_DB", scratch_path("db"), 1);
    oc_device *device = fixture_open();
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *y = twice(graph, 2, 100);
    const struct record good = make_record(device);
    for (int i = 0; i < 7; i++) {
        static const char *const why[] = { "other kernels",       "no such implementation",
                                           "does not support it", "a value of nobody's",
                                           "other sizes by far",  "another operation",
                                           "not allowed" };
        struct record r = good;
        if (i == 0)
            strcpy(r.source, "elementwise.cl:0123456789abcdef");
        else if (i == 1)
            strcpy(r.implementation, "magic");
        else if (i == 2)
            strcpy(r.implementation, "never"), strcpy(r.tunables, "");
        else if (i == 3)
            strcpy(r.tunables, "LAUNCHES=21");
        else if (i == 4)
            strcpy(r.problem, "twice inference: 64x1x500x500 > 64x1x500x500");
        else if (i == 5)
            strcpy(r.problem, "thrice inference: 2x1x100x100 > 2x1x100x100");
        frugal = i == 6;
        use_new_store();
        put(&r);
        expect_choice(device, y, "slow", 40, why[i]);
    }
    oc_graph_destroy(graph);
    oc_device_close(device);
}

/* ---- a real network ---- */

static void infer_lenet(oc_device *device, const char *implementations, float y[20], const char **pool)
{
    oc_net net;
    oc_model *model;
    float pixels[2 * 32 * 32];
    for (int i = 0; i < 2 * 32 * 32; i++)
        pixels[i] = (float)(i * 37 % 101) / 50 - 1;
    CHECK(oc_zoo_create(&net, "lenet5_relu", &(oc_net_desc){ .batch = 2 }));
    CHECK(oc_model_create(&model, net.graph, device,
                          &(oc_model_desc){ .outputs = (oc_tensor *const[]){ net.logits, NULL },
                                            .seed = 3,
                                            .implementations = implementations }));
    CHECK(oc_infer(model, 2, (oc_feed[]){ { net.image, pixels, NULL }, { 0 } },
                   (oc_fetch[]){ { .tensor = net.logits, .data = y }, { 0 } }));
    struct plan *plan;
    struct records records;
    CHECK(records_load(&records, device));
    CHECK(plan_create(&plan, net.graph, device,
                      &(oc_model_desc){ .outputs = (oc_tensor *const[]){ net.logits, NULL },
                                        .implementations = implementations },
                      false, &records));
    for (const struct node *n = plan->graph->first; n; n = n->next)
        if (strcmp(n->op->name, "max_pool") == 0)
            *pool = n->impl->name;
    plan_destroy(plan);
    records_free(&records);
    oc_model_destroy(model);
    oc_graph_destroy(net.graph);
}

Test(tune, the_same_records_give_the_same_bits_and_a_name_given_by_hand_wins)
{
    float untuned[20], first[20], second[20];
    const char *pool = "";
    oc_net net;
    setenv("OCELLI_TUNING_DB", scratch_path("db"), 1);
    oc_device *device = fixture_open();
    infer_lenet(device, NULL, untuned, &pool);
    cr_assert_str_eq(pool, "vector");
    /* Every node that has another implementation gets it. */
    CHECK(oc_zoo_create(&net, "lenet5_relu", &(oc_net_desc){ .batch = 2 }));
    struct plan *draft;
    CHECK(plan_draft(&draft, net.graph, device,
                     &(oc_model_desc){ .outputs = (oc_tensor *const[]){ net.logits, NULL } }, false));
    for (const struct node *n = draft->graph->first; n; n = n->next)
        if (!n->view && n->op->impls[1].name) {
            struct record record = make_record(device);
            struct text problem = TEXT_IN(record.problem);
            problem_print(&problem, n, false);
            strcpy(record.implementation, "reference");
            strcpy(record.tunables, "");
            put(&record);
        }
    plan_destroy(draft);
    oc_graph_destroy(net.graph);
    infer_lenet(device, NULL, first, &pool);
    cr_expect_str_eq(pool, "reference");
    infer_lenet(device, NULL, second, &pool);
    cr_expect(memcmp(first, second, sizeof first) == 0);
    for (int i = 0; i < 20; i++)
        cr_expect(fabsf(first[i] - untuned[i]) < 1e-4f, "%d: %g, %g", i, (double)first[i],
                  (double)untuned[i]);
    infer_lenet(device, "max_pool=vector", second, &pool);
    cr_expect_str_eq(pool, "vector");
    oc_device_close(device);
}

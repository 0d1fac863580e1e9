/* tune.c - ocelli-bench tune: finds the fastest way to carry out the operations of networks, and remembers it. */
#include "report.h"

#include <jansson.h>
#include <ocelli/models.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { DEFAULT_BATCH = 16, NAME = 64 };

struct tuning {
    const struct options *options;
    oc_device *device;
    const char *net;
    int problems, candidates, rejected;
    double heuristic_ms, best_ms; /* of all problems, each as often as its network has it */
};

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

static void complain(void *user, oc_log_level level, const char *message)
{
    (void)user;
    if (level == OC_LOG_WARNING) /* what is an error to a candidate is none to the user */
        fprintf(stderr, "ocelli-bench: %s\n", message);
}

static bool show_progress(void *user, const char *what, int done, int total)
{
    (void)user;
    report_progress(done, total, what);
    return !interrupted;
}

static double gain(double before, double after)
{
    return after > 0 ? before / after : 1;
}

static void print(json_t *object)
{
    json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(object);
}

static void report(void *user, const oc_tune_result *r)
{
    struct tuning *t = user;
    t->problems++;
    t->candidates += r->candidates;
    t->rejected += r->rejected;
    t->heuristic_ms += r->count * r->heuristic_ms;
    t->best_ms += r->count * r->best_ms;
    if (t->options->json)
        print(json_pack("{s:s, s:s, s:i, s:s, s:f, s:s, s:f, s:f, s:f, s:i, s:i}", "net", t->net, "problem",
                        r->problem, "count", r->count, "heuristic", r->heuristic, "heuristic_ms",
                        r->heuristic_ms, "best", r->best, "ms", r->best_ms, "gain",
                        gain(r->heuristic_ms, r->best_ms), "gflops", r->gflops, "candidates", r->candidates,
                        "rejected", r->rejected));
    else
        printf(
            "%d x %s\n    %10.4f ms  %s\n    %10.4f ms  %s (gain %.2f, %.1f GFLOP/s, %d of %d candidates)\n",
            r->count, r->problem, r->heuristic_ms, r->heuristic, r->best_ms, r->best,
            gain(r->heuristic_ms, r->best_ms), r->gflops, r->candidates - r->rejected, r->candidates);
    fflush(stdout);
}

static void report_sum(const struct tuning *t)
{
    const double ratio = gain(t->heuristic_ms, t->best_ms);
    if (t->options->json)
        print(json_pack("{s:s, s:i, s:i, s:i, s:f, s:f, s:f}", "net", "total", "problems", t->problems,
                        "candidates", t->candidates, "rejected", t->rejected, "heuristic_ms", t->heuristic_ms,
                        "ms", t->best_ms, "gain", ratio));
    else
        printf("%d problems, %d candidates, %d rejected: %.3f ms untuned, %.3f ms tuned, ratio %.3f\n",
               t->problems, t->candidates, t->rejected, t->heuristic_ms, t->best_ms, ratio);
}

static enum exit_code tune_net(struct tuning *t, const char *name, double seconds)
{
    const struct options *o = t->options;
    oc_net net;
    enum exit_code code = report_status(oc_zoo_create(
        &net, name,
        &(oc_net_desc){
            .batch = o->batch > 0 ? o->batch : DEFAULT_BATCH, .height = o->input, .width = o->input }));
    if (code != EXIT_OK)
        return EXIT_USAGE;
    t->net = name;
    const oc_model_desc model = { .loss = net.loss, .outputs = (oc_tensor *const[]){ net.logits, NULL } };
    code = report_status(oc_tune(
        t->device, net.graph, &model,
        &(oc_tune_desc){
            .budget_seconds = seconds, .progress = show_progress, .report = report, .report_user = t }));
    oc_graph_destroy(net.graph);
    return code;
}

/* Each network gets an equal share of the time that is left. */
static enum exit_code tune_all(struct tuning *t, const char *names)
{
    const double end = report_clock() + t->options->budget;
    int rest = 1;
    for (const char *c = names; *c; c++)
        rest += *c == ',';
    for (; *names; rest--) {
        char name[NAME];
        const size_t length = strcspn(names, ",");
        const double left = (end - report_clock()) / rest;
        snprintf(name, sizeof name, "%.*s", (int)length, names);
        names += length + (names[length] == ',');
        /* A network always gets some time, so that its name is checked and its first problems are seen. */
        const enum exit_code code = tune_net(t, name,
                                             t->options->budget == 0 ? 0
                                             : left > 1e-3           ? left
                                                                     : 1e-3);
        if (code != EXIT_OK)
            return code;
    }
    report_progress(1, 1, "");
    report_sum(t);
    return EXIT_OK;
}

static enum exit_code run(const struct options *options)
{
    struct tuning t = { .options = options };
    const struct sigaction action = { .sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND };
    enum exit_code code = EXIT_OK;
    const char *nets = options->all ? suite_nets : options->operand;
    if (options->all && options->operand) {
        fprintf(stderr, "ocelli-bench tune: --all and '%s' exclude each other\n", options->operand);
        return EXIT_USAGE;
    }
    if (!nets && !options->import_file && !options->export_file) {
        fprintf(stderr, "ocelli-bench tune: a NET, --all, --import or --export is missing\n");
        return EXIT_USAGE;
    }
    oc_set_log(complain, NULL, OC_LOG_WARNING);
    sigaction(SIGINT, &action, NULL); /* once: a candidate that is cut off would never be tried again */
    if (options->import_file)
        code = report_status(oc_tune_import(NULL, options->import_file));
    if (code == EXIT_OK && nets)
        code = report_status(oc_device_open(&t.device, &(oc_device_desc){ .select = options->device }));
    if (code == EXIT_OK && nets)
        code = tune_all(&t, nets);
    if (code == EXIT_OK && options->export_file)
        code = report_status(oc_tune_export(NULL, options->export_file));
    oc_device_close(t.device);
    return code;
}

const struct verb verb_tune = {
    .name = "tune",
    .brief = "find the fastest implementation of each operation on this device, and remember it",
    .description =
        "Measures what training and inference of a network consist of (`ocelli models` lists the networks;\n"
        "several with commas between them) with every implementation and "
        "every\n"
        "value of what implementations leave open. A candidate counts only if it computes the same as the\n"
        "plain kernels. The results go to a database, which every model on this device makes use of:\n"
        "OCELLI_TUNING_DB, else $XDG_STATE_HOME/ocelli/tuning.db, else ~/.local/state/ocelli/tuning.db.\n"
        "\n"
        "For each problem: how often the network has it, the operation with what its speed depends on, then\n"
        "the time of what Ocelli would take untuned and of the best. The ratio at the end weighs each by "
        "how\n"
        "often it occurs. What the database does not know yet is measured first, so a call with a short\n"
        "--budget can be repeated. Interrupting (once) keeps what was found.\n"
        "\n"
        "--import and --export copy the database from and to a text file, before and after tuning or, "
        "without\n"
        "a network, instead of it.\n"
        "\n"
        "With --json, an object per line: {\"net\", \"problem\", \"count\", \"heuristic\", \"heuristic_ms\", "
        "\"best\",\n"
        "\"ms\", \"gain\", \"gflops\", \"candidates\", \"rejected\"}; the last one has the net \"total\".",
    .examples = "ocelli-bench tune resnet50 --batch 32 --budget 600\n"
                "ocelli-bench tune --all --budget 3600 --export records.txt\n"
                "ocelli-bench tune --import records.txt",
    .operand = "[NET]",
    .options = (const enum option_id[]){ OPTION_BATCH, OPTION_INPUT, OPTION_ALL, OPTION_BUDGET, OPTION_IMPORT,
                                         OPTION_EXPORT, OPTION_DEVICE, OPTION_JSON, OPTION_HELP, OPTION_END },
    .run = run,
};

/* net.c - ocelli-bench net: whole networks, in images per second. */
#include "breakdown.h"
#include "values.h"

#include <math.h>
#include <ocelli/models.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_BATCH = 16, DEFAULT_SECONDS = 5, LEAST_STEPS = 3, MOST_STEPS = 10000, NAME = 64 };

/* Small, so that the values of a batch that is learnt again and again stay what they are in a real training. */
static const oc_optimizer_desc optimizer = { .rate = 1e-3f, .momentum = 0.9f };

const char suite_nets[] =
    "alexnet,vgg16,googlenet,resnet18,resnet50,resnext50_32x4d,wide_resnet50_2,densenet121";

struct bench {
    const struct options *options;
    oc_device *device;
    struct report report;
    bool train;
    int batch;
    double seconds;
};

/* A network on the device. */
struct subject {
    oc_net net;
    oc_model *model;
    struct net_row row;
};

static bool show_progress(void *user, const char *what, int done, int total)
{
    (void)user;
    report_progress(done, total, what);
    return true;
}

static oc_status create(struct subject *s, const struct bench *b)
{
    oc_tensor *const outputs[] = { s->net.logits, NULL };
    const oc_model_desc desc = { .loss = b->train ? s->net.loss : NULL,
                                 .outputs = b->train ? NULL : outputs,
                                 .optimizer = optimizer,
                                 .recompute = b->options->recompute,
                                 .progress = show_progress };
    oc_memory_info memory;
    const double start = report_clock();
    const oc_status status = oc_model_create(&s->model, s->net.graph, b->device, &desc);
    s->row.create_seconds = report_clock() - start;
    if (status == OC_OK) {
        oc_model_get_memory(s->model, &memory);
        s->row.device_bytes = (double)memory.total;
    }
    return status;
}

/* One step, from the first launch to the last. */
static oc_status step(const struct subject *s, const struct bench *b, const oc_feed *feeds, double *seconds)
{
    const double start = report_clock();
    oc_status status =
        b->train ? oc_train_step(s->model, b->batch, feeds, NULL) : oc_infer(s->model, b->batch, feeds, NULL);
    if (status == OC_OK)
        status = oc_model_finish(s->model);
    *seconds = report_clock() - start;
    return status;
}

static int64_t count_of(const oc_tensor *tensor)
{
    int64_t shape[OC_MAX_RANK], count = 1;
    const int rank = oc_tensor_shape(tensor, shape);
    for (int i = 0; i < rank; i++)
        count *= shape[i];
    return count;
}

/* The batch is sent once: an input that is not fed keeps its values. */
static oc_status feed(const struct subject *s, const struct bench *b)
{
    float *pixels = values_floats(count_of(s->net.image), 1, 0);
    int32_t *classes = values_labels(b->batch, count_of(s->net.logits) / b->batch, 1);
    const oc_feed feeds[] = { { .tensor = s->net.image, .data = pixels },
                              { .tensor = s->net.label, .data = classes },
                              { 0 } };
    double seconds;
    const oc_status status = step(s, b, feeds, &seconds);
    free(pixels);
    free(classes);
    return status;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Warms up for a tenth of the time, and measures step by step until it is over. */
static oc_status measure(struct subject *s, const struct bench *b, double times[MOST_STEPS])
{
    int count = 0;
    oc_status status = feed(s, b);
    double start = report_clock();
    do
        status = status == OC_OK ? step(s, b, NULL, &times[0]) : status;
    while (status == OC_OK && report_clock() - start < b->seconds / 10);
    start = report_clock();
    while (status == OC_OK && count < MOST_STEPS &&
           (count < LEAST_STEPS || report_clock() - start < b->seconds))
        status = step(s, b, NULL, &times[count++]);
    if (status != OC_OK)
        return status;
    qsort(times, (size_t)count, sizeof *times, compare);
    s->row.images_per_second = b->batch / ((times[(count - 1) / 2] + times[count / 2]) / 2);
    s->row.best_images_per_second = b->batch / times[0];
    return OC_OK;
}

static enum exit_code build(struct subject *s, const struct bench *b, const char *name)
{
    const int size = b->options->input;
    const oc_net_desc desc = { .batch = b->batch, .height = size, .width = size };
    const oc_status status = oc_zoo_create(&s->net, name, &desc);
    s->row = (struct net_row){ .name = name, .mode = b->train ? "train" : "infer", .batch = b->batch };
    return report_status(status) == EXIT_OK ? EXIT_OK : EXIT_USAGE;
}

static enum exit_code run_net(const struct bench *b, const char *name, struct net_row *row)
{
    static double times[MOST_STEPS];
    struct subject s = { .model = NULL };
    enum exit_code code = build(&s, b, name);
    if (code == EXIT_OK)
        code = report_status(create(&s, b));
    if (code == EXIT_OK)
        code = report_status(measure(&s, b, times));
    if (code == EXIT_OK)
        report_net(&b->report, &s.row);
    if (code == EXIT_OK && b->options->profile)
        code = breakdown(&b->report, s.model, b->train, 1e3 * b->batch / s.row.images_per_second);
    *row = s.row;
    oc_model_destroy(s.model);
    oc_graph_destroy(s.net.graph);
    return code;
}

/* The next of the names between commas, copied into `name`; false if there is none. */
static bool next_name(const char **names, char name[NAME])
{
    const size_t length = strcspn(*names, ",");
    snprintf(name, NAME, "%.*s", (int)length, *names);
    *names += length + ((*names)[length] == ',');
    return length > 0;
}

/* Whether all of them can be built; the device has no part in it. */
static enum exit_code check(const struct bench *b, const char *names)
{
    char name[NAME];
    enum exit_code code = EXIT_OK;
    while (code == EXIT_OK && next_name(&names, name)) {
        struct subject s;
        code = build(&s, b, name);
        oc_graph_destroy(s.net.graph);
    }
    return code;
}

/* Each of them and, of several, the geometric mean of every figure. */
static enum exit_code run_all(const struct bench *b, const char *names)
{
    char name[NAME];
    double logs[4] = { 0 };
    int count = 0;
    struct net_row row;
    for (; next_name(&names, name); count++) {
        const enum exit_code code = run_net(b, name, &row);
        if (code != EXIT_OK)
            return code;
        logs[0] += log(row.images_per_second);
        logs[1] += log(row.best_images_per_second);
        logs[2] += log(row.device_bytes);
        logs[3] += log(row.create_seconds);
    }
    row.name = "geometric mean";
    row.images_per_second = exp(logs[0] / count);
    row.best_images_per_second = exp(logs[1] / count);
    row.device_bytes = exp(logs[2] / count);
    row.create_seconds = exp(logs[3] / count);
    if (count > 1)
        report_net(&b->report, &row);
    return EXIT_OK;
}

static enum exit_code run(const struct options *options)
{
    struct bench b = { .options = options,
                       .report.json = options->json,
                       .train = options->mode && strcmp(options->mode, "train") == 0,
                       .batch = options->batch > 0 ? options->batch : DEFAULT_BATCH,
                       .seconds = options->seconds > 0 ? options->seconds : DEFAULT_SECONDS };
    const char *names = strcmp(options->operand, "all") == 0 ? suite_nets : options->operand;
    if (options->mode && !b.train && strcmp(options->mode, "infer") != 0) {
        fprintf(stderr, "ocelli-bench net: there is no mode '%s'; there are infer and train\n",
                options->mode);
        return EXIT_USAGE;
    }
    enum exit_code code = check(&b, names);
    if (code == EXIT_OK)
        code = options->profile
                   ? report_open(&b.device, &b.report.peak, options)
                   : report_status(oc_device_open(&b.device, &(oc_device_desc){ .select = options->device }));
    if (code == EXIT_OK) {
        report_net_begin(&b.report, b.device);
        code = run_all(&b, names);
    }
    oc_device_close(b.device);
    return code;
}

const struct verb verb_net = {
    .name = "net",
    .brief = "measure whole networks, inferring or training",
    .description =
        "Creates a network (`ocelli models` lists them; several with commas between them; all: the eight of\n"
        "the suites), sends one batch of random pictures and repeats the step on it, without any work of "
        "the\n"
        "host between the launches. Several end in the geometric mean of every figure.\n"
        "\n"
        "images/s   by the median of the steps, each from its first launch until the device is idle\n"
        "fastest    by the fastest step\n"
        "device MB  all that the model has on the device: parameters, gradients, velocities, activations\n"
        "creation   from the graph to a model that is ready to run: what is compiled, is compiled here\n"
        "\n"
        "Training is SGD with momentum: forward, backward and update.\n"
        "\n"
        "With --profile, each launch of the step is then timed by itself, the fastest of five, and listed\n"
        "with its share of their sum; below, those of each kernel together. GFLOP/s, GB/s and % peak are as\n"
        "in `ocelli-bench op`, and those of an operation of several launches are the same for all of them.\n"
        "The update of the parameters is not listed. It measures the peaks first, which takes a second.\n"
        "\n"
        "Drivers keep what they have compiled, so a second creation takes far less than the first. To see\n"
        "the first with PoCL, let POCL_CACHE_DIR be an empty folder.\n"
        "\n"
        "With --json, an object per line: {\"net\", \"mode\", \"batch\", \"images_per_second\", "
        "\"device_bytes\",\n"
        "\"create_seconds\"}; their mean is the net \"geometric mean\".\n"
        "With --profile, each is followed by its launches: {\"layer\", \"op\", \"pass\", \"impl\", "
        "\"kernel\", \"ms\",\n"
        "\"gflops\", \"gbps\", \"percent_of_peak\"}.",
    .examples = "ocelli-bench net resnet50 --mode train --batch 32\n"
                "ocelli-bench net resnet50 --profile | less -S\n"
                "ocelli-bench net resnet18,resnet50 --seconds 10 --json | jq '[.net, .images_per_second]'\n"
                "POCL_CACHE_DIR=$(mktemp -d) ocelli-bench net resnet50 --mode train",
    .operand = "NET",
    .options =
        (const enum option_id[]){ OPTION_MODE, OPTION_BATCH, OPTION_INPUT, OPTION_SECONDS, OPTION_RECOMPUTE,
                                  OPTION_PROFILE, OPTION_DEVICE, OPTION_JSON, OPTION_HELP, OPTION_END },
    .run = run,
};

/* test_bench.c - the benchmark as its user meets it: exit codes, sentences, JSON fields that scripts rely on, work that
 * can be worked out by hand, and a wrong kernel. */
#include "../../bench/suites.h"
#include "device/source.h"
#include "support/scratch.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <ocelli/models.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { TEXT = 1 << 16 };

/* Exit code, output and messages of a call. */
static struct {
    int code;
    char out[TEXT], err[TEXT];
} result;

TestSuite(bench, .init = scratch_open, .fini = scratch_close);

static void call(const char *words)
{
    char command[1024];
    snprintf(command, sizeof command, "'%s' %s >'%s' 2>'%s'", TOOL, words, scratch_path("out"),
             scratch_path("err"));
    const int status = system(command);
    cr_assert(WIFEXITED(status), "%s", command);
    result.code = WEXITSTATUS(status);
    const size_t out = scratch_read("out", result.out, TEXT - 1),
                 err = scratch_read("err", result.err, TEXT - 1);
    cr_assert(out < TEXT && err < TEXT);
    result.out[out] = result.err[err] = '\0';
}

/* Takes the next line from a text as JSON; NULL at the end. */
static json_t *next_line(char **rest)
{
    char *line = strtok_r(*rest, "\n", rest);
    json_error_t error;
    json_t *object = line ? json_loads(line, 0, &error) : NULL;
    cr_assert(object || !line, "%s: %s", error.text, line);
    return object;
}

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    cr_assert(json_is_number(value), "%s is no number", key);
    return json_number_value(value);
}

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    cr_assert(value, "%s is no text", key);
    return value;
}

static bool is(const json_t *object, const char *key, const char *value)
{
    return strcmp(text(object, key), value) == 0;
}

/* Float operations of a call, from the rate that is printed. */
static double flops_of(const json_t *row)
{
    return number(row, "gflops") * number(row, "ms") * 1e6;
}

static void expect_flops(const json_t *row, double wanted)
{
    cr_expect(fabs(flops_of(row) / wanted - 1) < 1e-5, "%s: %.0f operations, not %.0f", text(row, "pass"),
              flops_of(row), wanted);
}

Test(bench, calls_end_with_the_right_code_and_a_sentence)
{
    static const struct {
        const char *words;
        int code;
        const char *out, *err; /* what must occur there; NULL: nothing is printed */
    } cases[] = {
        { "", 2, NULL, "Usage: ocelli-bench VERB" },
        { "--help", 0, "Usage: ocelli-bench VERB", NULL },
        { "--version", 0, "ocelli-bench 0.", NULL },
        { "bake", 2, NULL, "there is no verb 'bake'; the verbs are peak, op, net" },
        { "help op", 0, "NAME\n    ocelli-bench op - ", NULL },
        { "peak --help", 0, "NAME\n    ocelli-bench peak - ", NULL },
        { "peak extra", 2, NULL, "'extra' is one argument too many" },
        { "peak --suite lenet5", 2, NULL, "there is no such option: '--suite'" },
        { "op --op", 2, NULL, "a value is missing after '--op'" },
        { "op --batch 0", 2, NULL, "--batch cannot be '0': it takes a whole number from 1" },
        { "op --op bake", 2, NULL, "there is no operation 'bake'; there are conv, conv_transpose," },
        { "op --op dot --case bake", 2, NULL, "there is no case 'bake'; there are 'a single value'," },
        { "op --pass sideways", 2, NULL, "there is no pass 'sideways'; there are forward, backward_data," },
        { "op --impl bake", 2, NULL, "there is no implementation 'bake'; there are winograd, " },
        { "op --suite bake", 2, NULL, "there is no suite 'bake'; there are alexnet, vgg16," },
        { "op --suite lenet5 --op relu", 2, NULL, "a suite has convolutions only, not relu" },
        { "op --suite lenet5 --op bake", 2, NULL, "there is no operation 'bake'" },
        { "op --device bake", 1, NULL, "bake" },
        { "net --help", 0, "ocelli-bench net NET [OPTION]...", NULL },
        { "net", 2, NULL, "ocelli-bench net: NET is missing" },
        { "net lenet5 xo", 2, NULL, "'xo' is one argument too many" },
        { "net xo,bake", 2, NULL, "there is no model 'bake'; the models are lenet5," },
        { "net xo --mode bake", 2, NULL, "there is no mode 'bake'; there are infer and train" },
        { "net xo --input 2", 2, NULL, "conv1" },
        { "net xo --device bake", 1, NULL, "bake" },
        { "op --op add --case 1D --pass backward_data --json", 1, NULL, "nothing that was asked for" },
        { "tune --help", 0, "ocelli-bench tune [NET] [OPTION]...", NULL },
        { "tune", 2, NULL, "a NET, --all, --import or --export is missing" },
        { "tune bake", 2, NULL, "there is no model 'bake'" },
        { "tune lenet5 --all", 2, NULL, "--all and 'lenet5' exclude each other" },
        { "tune lenet5 xo", 2, NULL, "'xo' is one argument too many" },
        { "tune lenet5 --budget 0", 2, NULL, "--budget cannot be '0'" },
        { "tune lenet5 --batch x", 2, NULL, "--batch cannot be 'x'" },
        { "tune lenet5 --mode train", 2, NULL, "there is no such option: '--mode'" },
        { "tune --all --device bake", 1, NULL, "bake" },
        { "tune --import /no/such/file", 1, NULL, "/no/such/file" },
        { "tune --export /no/such/folder/file", 1, NULL, "no tuning records to export" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        call(cases[i].words);
        cr_expect_eq(result.code, cases[i].code, "'%s': exit code %d: %s", cases[i].words, result.code,
                     result.err);
        cr_expect(cases[i].out ? strstr(result.out, cases[i].out) != NULL : result.out[0] == '\0',
                  "'%s' prints: %s", cases[i].words, result.out);
        cr_expect(cases[i].err ? strstr(result.err, cases[i].err) != NULL : result.err[0] == '\0',
                  "'%s' says: %s", cases[i].words, result.err);
    }
}

/* "there are conv, dense, ...": whether the name is among them. */
static bool is_listed(const char *list, const char *name)
{
    const size_t length = strlen(name);
    for (const char *c = list; (c = strstr(c, name)) != NULL; c++)
        if (c[-1] == ' ' && (c[length] == ',' || c[length] == '\n'))
            return true;
    return false;
}

/* Each operation is either a case's, or one that such a case consists of (its name goes on from the layer's), or no part of a
 * pass at all. */
Test(bench, every_operation_has_cases)
{
    static const struct {
        const char *op, *measured_as; /* NULL: by nothing, since a profile has no updates */
    } others[] = { { "upsample", "upsample_nearest" },
                   { "activation_backward", "tanh" },
                   { "upsample_backward", "upsample_nearest" },
                   { "pack_filter", "conv" },
                   { "pack_filter_winograd", "conv" },
                   { "scale_filter", "conv_norm" },
                   { "channel_sum", "conv" },
                   { "spread", "mean" },
                   { "fill", "dot" },
                   { "sgd", NULL },
                   { "adam", NULL },
                   { "rmsprop", NULL },
                   { "adagrad", NULL },
                   { "accumulate", NULL },
                   { "swap", NULL },
                   { "clip_factor", NULL } };
    call("op --op bake");
    const char *list = strstr(result.err, "there are");
    cr_assert(list);
    for (int i = 0; oc_op_name(i); i++) {
        char name[64];
        bool found = false;
        snprintf(name, sizeof name, "%s", oc_op_name(i));
        for (size_t k = 0; k < sizeof others / sizeof *others; k++)
            if (strcmp(others[k].op, name) == 0)
                found = !others[k].measured_as || is_listed(list, others[k].measured_as);
        for (char *end = name + strlen(name); !found && end; end = strrchr(name, '_')) {
            *end = '\0';
            found = is_listed(list, name);
        }
        cr_expect(found, "ocelli-bench op never runs %s", oc_op_name(i));
    }
}

Test(bench, what_draws_is_measured_in_training)
{
    static const char *const ops[] = { "dropout", "channel_dropout", "stochastic_depth" };
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        char words[128], *rest = result.out;
        int passes[2] = { 0 };
        snprintf(words, sizeof words, "op --op %s --case '48 channels' --json", ops[i]);
        call(words);
        cr_assert_eq(result.code, 0, "%s", result.err);
        for (json_t *row; (row = next_line(&rest)) != NULL; json_decref(row)) {
            cr_expect(is(row, "op", ops[i]));
            cr_expect_gt(number(row, "ms"), 0);
            passes[is(row, "pass", "backward_data")]++;
        }
        cr_expect(passes[0] == 2 && passes[1] == 2, "%s: %d and %d rows", ops[i], passes[0], passes[1]);
    }
}

Test(bench, peak_has_its_fields)
{
    call("peak --json");
    cr_assert_eq(result.code, 0, "%s", result.err);
    json_t *object = json_loads(result.out, 0, NULL);
    cr_expect(strlen(text(object, "device")) > 0);
    cr_expect_gt(number(object, "gflops"), 0);
    cr_expect_gt(number(object, "gbps"), 0);
    json_decref(object);
    call("peak");
    cr_expect(strstr(result.out, "GFLOP/s") && strstr(result.out, "GB/s"), "%s", result.out);
}

/* What a model of a network for four samples has on the device. */
static int64_t net_bytes(const char *name, bool train, bool recompute)
{
    oc_device *device;
    oc_net net;
    oc_memory_info info = { 0 };
    cr_assert_eq(oc_device_open(&device, NULL), OC_OK);
    cr_assert_eq(oc_zoo_create(&net, name, &(oc_net_desc){ .batch = 4 }), OC_OK);
    const oc_status status = oc_model_predict_memory(
        &info, net.graph, device,
        &(oc_model_desc){ .loss = train ? net.loss : NULL,
                          .outputs = train ? NULL : (oc_tensor *[]){ net.logits, NULL },
                          .optimizer = { .momentum = 0.9f },
                          .recompute = recompute });
    cr_assert_eq(status, OC_OK, "%s", oc_last_error());
    oc_graph_destroy(net.graph);
    oc_device_close(device);
    return info.total;
}

Test(bench, a_network_has_its_fields)
{
    static const char *const modes[] = { "infer", "train" };
    for (int i = 0; i < 2; i++) {
        char words[128];
        snprintf(words, sizeof words, "net lenet5 --mode %s --batch 4 --seconds 1 --json", modes[i]);
        call(words);
        cr_assert_eq(result.code, 0, "%s", result.err);
        json_t *row = json_loads(result.out, 0, NULL);
        cr_assert(row, "not one line: %s", result.out);
        cr_expect(is(row, "net", "lenet5") && is(row, "mode", modes[i]));
        cr_expect_eq(number(row, "batch"), 4);
        cr_expect_gt(number(row, "images_per_second"), 0);
        cr_expect_gt(number(row, "create_seconds"), 0);
        cr_expect_eq(number(row, "device_bytes"), (double)net_bytes("lenet5", i == 1, false));
        cr_expect_eq(json_object_size(row), 6);
        json_decref(row);
    }
}

Test(bench, recomputing_needs_less_memory)
{
    call("net resnet20_cifar --mode train --batch 4 --seconds 1 --recompute --json");
    cr_assert_eq(result.code, 0, "%s", result.err);
    json_t *row = json_loads(result.out, 0, NULL);
    cr_assert(row, "not one line: %s", result.out);
    cr_expect_eq(number(row, "device_bytes"), (double)net_bytes("resnet20_cifar", true, true));
    cr_expect_lt(number(row, "device_bytes"), (double)net_bytes("resnet20_cifar", true, false));
    json_decref(row);
}

Test(bench, several_networks_end_in_their_geometric_mean)
{
    static const char *const keys[] = { "images_per_second", "device_bytes", "create_seconds" };
    json_t *rows[3];
    char *rest = result.out;
    call("net lenet5,xo --batch 4 --seconds 1 --json");
    cr_assert_eq(result.code, 0, "%s", result.err);
    for (int i = 0; i < 3; i++)
        cr_assert((rows[i] = next_line(&rest)) != NULL);
    cr_expect_null(next_line(&rest));
    cr_expect(is(rows[0], "net", "lenet5") && is(rows[1], "net", "xo") &&
              is(rows[2], "net", "geometric mean"));
    for (int k = 0; k < 3; k++) {
        const double mean = sqrt(number(rows[0], keys[k]) * number(rows[1], keys[k]));
        cr_expect(fabs(number(rows[2], keys[k]) / mean - 1) < 1e-5, "%s", keys[k]);
    }
    for (int i = 0; i < 3; i++)
        json_decref(rows[i]);
    call("net xo --seconds 1");
    cr_expect(strstr(result.out, "images/s") && strstr(result.out, "\nxo "), "%s", result.out);
    cr_expect_null(strstr(result.out, "geometric mean"));
}

/* A layer's backward launches bear its name, an operation of several launches has one rate, and weights are made ready
 * in each step of a training, but not when inferring. */
Test(bench, a_profile_lists_the_launches_of_a_step)
{
    for (int train = 0; train < 2; train++) {
        double flops[2] = { 0 }, last = INFINITY;
        int packings = 0;
        char *rest = result.out;
        call(train ? "net lenet5 --mode train --batch 4 --seconds 1 --json --profile"
                   : "net lenet5 --batch 4 --seconds 1 --json --profile");
        cr_assert_eq(result.code, 0, "%s", result.err);
        json_t *row = next_line(&rest);
        cr_expect(is(row, "net", "lenet5"));
        json_decref(row);
        for (; (row = next_line(&rest)) != NULL; json_decref(row)) {
            const bool conv2 = is(row, "layer", "conv2"), backward = is(row, "pass", "backward");
            cr_expect(strlen(text(row, "kernel")) > 0 && strlen(text(row, "impl")) > 0);
            cr_expect(number(row, "ms") <= last);
            last = number(row, "ms");
            packings += is(row, "op", "pack_filter");
            cr_expect(backward || is(row, "pass", "forward"));
            if (conv2 && strncmp(text(row, "op"), "conv", 4) == 0)
                flops[backward] += flops_of(row);
        }
        cr_expect(fabs(flops[0] / (2. * 4 * 16 * 100 * 150) - 1) < 1e-4, "%.0f", flops[0]);
        cr_expect(!train || fabs(flops[1] / (2 * flops[0]) - 1) < 1e-4, "%.0f", flops[1]);
        cr_expect_eq(packings > 0, train == 1);
    }
    call("net lenet5 --batch 4 --seconds 1 --profile");
    cr_expect(strstr(result.out, " conv2: conv=") && strstr(result.out, "launches in "), "%s", result.out);
}

/* 3 samples of 6 filters of 5x5 on 32x32: 3 * 6 * 28*28 * 25 multiply-adds, in each pass. */
Test(bench, every_pass_and_implementation_of_a_case_is_a_line)
{
    bool seen[3][2] = { { false } };
    char *rest = result.out;
    call("op --op conv --case 'LeNet C1' --batch 3 --repeat 1 --json");
    cr_assert_eq(result.code, 0, "%s", result.err);
    for (json_t *row; (row = next_line(&rest)) != NULL; json_decref(row)) {
        cr_expect(is(row, "case", "LeNet C1"));
        cr_expect_gt(number(row, "ms"), 0);
        cr_expect_gt(number(row, "gbps"), 0);
        cr_expect_gt(number(row, "percent_of_peak"), 0);
        cr_expect(number(row, "max_error") < 1e-5, "%s: %g", text(row, "impl"), number(row, "max_error"));
        cr_expect_null(json_object_get(row, "count"));
        if (is(row, "op", "channel_sum"))
            continue;
        const int pass = is(row, "pass", "forward") ? 0 : is(row, "pass", "backward_data") ? 1 : 2;
        cr_expect(is(row, "op", "conv"));
        cr_expect(pass < 2 || is(row, "pass", "backward_filter"));
        seen[pass][is(row, "impl", "reference")] = true;
        expect_flops(row, 2. * 3 * 6 * 28 * 28 * 25);
    }
    for (int pass = 0; pass < 3; pass++)
        cr_expect(seen[pass][0] && seen[pass][1], "pass %d has not all implementations", pass);
}

Test(bench, one_pass_and_one_implementation_is_one_line)
{
    call("op --op conv --case 1D --pass backward_data --impl reference --json --repeat 1");
    cr_assert_eq(result.code, 0, "%s", result.err);
    json_t *row = json_loads(result.out, 0, NULL);
    cr_assert(row, "not one line: %s", result.out);
    cr_expect(is(row, "pass", "backward_data") && is(row, "impl", "reference") && is(row, "case", "1D"));
    json_decref(row);
}

static void expect_operations(const char *words, const char *const *ops)
{
    char label[64];
    call(words);
    cr_expect_eq(result.code, 0, "%s: %s", words, result.err);
    for (; *ops; ops++) {
        snprintf(label, sizeof label, "\n%-21s forward ", *ops);
        cr_expect(strstr(result.out, label), "%s is not in %s", *ops, result.out);
    }
}

Test(bench, every_operation_can_be_measured)
{
    static const char forward[] = "op --pass forward --impl reference --repeat 1";
    static const char *const dense[] = { "dense", NULL }, *const reshape[] = { "reshape", NULL };
    static const char *const others[] = { "conv",
                                          "max_pool",
                                          "global_max_pool",
                                          "average_pool",
                                          "global_average_pool",
                                          "l2_pool",
                                          "global_l2_pool",
                                          "relu",
                                          "leaky_relu",
                                          "sigmoid",
                                          "tanh",
                                          "add",
                                          "flatten",
                                          "softmax",
                                          "softmax_cross_entropy",
                                          "mean_squared_error",
                                          "dot",
                                          NULL };
    char words[128];
    snprintf(words, sizeof words, "%s --case 1D", forward);
    expect_operations(words, others);
    snprintf(words, sizeof words, "%s --op dense --case primes", forward);
    expect_operations(words, dense);
    snprintf(words, sizeof words, "%s --op reshape --case 'other channels'", forward);
    expect_operations(words, reshape);
}

Test(bench, a_suite_ends_in_totals)
{
    /* C1: 6 maps of 28x28, 25 terms. C3: 16 of 10x10, 150. C5: 120 of 1, 400. */
    static const double c1 = 2. * 2 * 6 * 784 * 25, c3 = 2. * 2 * 16 * 100 * 150, c5 = 2. * 2 * 120 * 400;
    static const char *const passes[] = { "forward", "backward_data", "backward_filter" };
    char *rest = result.out;
    double milliseconds[3] = { 0 };
    int totals = 0;
    call("op --suite lenet5 --batch 2 --repeat 1 --json");
    cr_assert_eq(result.code, 0, "%s", result.err);
    for (json_t *row; (row = next_line(&rest)) != NULL; json_decref(row)) {
        int pass = 0;
        while (pass < 2 && !is(row, "pass", passes[pass]))
            pass++;
        if (!is(row, "op", "total")) {
            milliseconds[pass] += number(row, "count") * number(row, "ms");
            continue;
        }
        cr_expect(is(row, "case", "lenet5") && is(row, "pass", passes[totals++]));
        cr_expect(fabs(number(row, "ms") / milliseconds[pass] - 1) < 1e-5);
        cr_expect_eq(number(row, "count"), pass == 1 ? 2 : 3, "layers");
        expect_flops(row, pass == 1 ? c3 + c5 : c1 + c3 + c5); /* nobody needs the picture's gradient */
    }
    cr_expect_eq(totals, 3);
}

/* What torchvision publishes about its networks: thousand million multiply-adds for a picture, those of the fully
 * connected layers included; here they are taken off. */
Test(bench, suites_agree_with_published_sums)
{
    static const struct {
        const char *name;
        int layers;
        double giga, dense;
    } nets[] = {
        { "alexnet", 5, 0.714, 9216. * 4096 + 4096. * 4096 + 4096. * 1000 },
        { "vgg16", 13, 15.470, 25088. * 4096 + 4096. * 4096 + 4096. * 1000 },
        { "googlenet", 57, 1.498, 1024. * 1000 },
        { "resnet18", 20, 1.814, 512. * 1000 },
        { "resnet50", 53, 4.089, 2048. * 1000 },
        { "resnext50_32x4d", 53, 4.230, 2048. * 1000 },
        { "wide_resnet50_2", 53, 11.398, 2048. * 1000 },
        { "densenet121", 120, 2.834, 1024. * 1000 },
        { "lenet5", 3, 405600e-9, 0 },
    };
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        const struct suite *suite = suite_at((int)i);
        double macs = nets[i].dense;
        int layers = 0;
        cr_assert(suite && strcmp(suite->name, nets[i].name) == 0);
        for (int j = 0; j < suite->layer_count; j++) {
            const struct suite_layer *l = &suite->layers[j];
            const double side = (l->size + 2 * l->pad - l->window) / l->stride + 1;
            layers += l->count;
            macs += l->count * side * side * l->window * l->window * l->channels / l->groups * l->filters;
        }
        cr_expect_eq(layers, nets[i].layers, "%s has %d layers", suite->name, layers);
        cr_expect(fabs(macs * 1e-9 - nets[i].giga) < 0.0005001, "%s needs %.6f", suite->name, macs * 1e-9);
    }
    cr_expect_null(suite_at((int)(sizeof nets / sizeof *nets)));
}

/* The folder of kernels gets one in which a sum is a difference. */
Test(bench, a_wrong_kernel_is_noticed)
{
    bool planted = false;
    for (const struct kernel_source *source = kernel_sources; source->name; source++) {
        static const char sum[] = "((a) + (b))";
        char *copy = strdup(source->text), *at = strstr(copy, sum);
        if (strcmp(source->name, "elementwise.cl") == 0 && at) {
            at[strcspn(at, "+")] = '-';
            planted = true;
        }
        scratch_write(source->name, copy, strlen(copy));
        free(copy);
    }
    cr_assert(planted, "elementwise.cl has no sum to be spoilt");
    setenv("OCELLI_KERNEL_DIR", scratch_path(""), 1);
    call("op --op add --case 1D --repeat 1");
    cr_expect_eq(result.code, 1);
    cr_expect(strstr(result.err, "add=reference is wrong in case \"1D\": its relative error is "), "%s",
              result.err);
}

/* ---- tune ---- */

static void call_with(const char *words, const char *file)
{
    char line[512];
    snprintf(line, sizeof line, "%s '%s'", words, scratch_path(file));
    call(line);
}

/* The last line weighs each problem by how often the network has it. */
Test(bench, tuning_reports_each_problem_and_their_sum)
{
    double heuristic = 0, tuned = 0, candidates = 0;
    int problems = 0;
    bool repeated = false;
    char *rest = result.out;
    setenv("OCELLI_TUNING_DB", scratch_path("db"), 1);
    call_with("tune plain20_cifar --batch 1 --budget 3 --json --export", "records.txt");
    cr_assert(result.code == 0 && result.err[0] == '\0', "%d: %s", result.code, result.err);
    json_t *row;
    for (; (row = next_line(&rest)) != NULL && is(row, "net", "plain20_cifar"); json_decref(row)) {
        cr_expect(strchr(text(row, "problem"), ':') && strlen(text(row, "best")) > 0);
        cr_expect_geq(number(row, "heuristic_ms"), number(row, "ms"));
        cr_expect(fabs(number(row, "gain") * number(row, "ms") / number(row, "heuristic_ms") - 1) < 1e-6);
        cr_expect_eq(number(row, "rejected"), 0);
        cr_expect(number(row, "gflops") >= 0);
        heuristic += number(row, "count") * number(row, "heuristic_ms");
        tuned += number(row, "count") * number(row, "ms");
        candidates += number(row, "candidates");
        problems++;
        repeated = repeated || number(row, "count") > 1;
    }
    cr_assert(row && is(row, "net", "total") && problems > 0, "%s", result.out);
    cr_expect(repeated, "nothing to weigh");
    cr_expect_eq(number(row, "problems"), problems);
    cr_expect_eq(number(row, "candidates"), candidates);
    cr_expect(fabs(number(row, "heuristic_ms") / heuristic - 1) < 1e-6);
    cr_expect(fabs(number(row, "ms") / tuned - 1) < 1e-6);
    cr_expect(fabs(number(row, "gain") / (heuristic / tuned) - 1) < 1e-6);
    json_decref(row);
    cr_expect_null(next_line(&rest));

    size_t lines = 0;
    scratch_read("records.txt", result.out, TEXT - 1);
    for (const char *c = result.out; *c; c++)
        lines += *c == '\n';
    cr_expect_eq(lines, (size_t)problems + 1, "a record of each, after a comment");
    call("tune lenet5 --batch 2 --budget 1");
    cr_expect(result.code == 0 && strstr(result.out, " ms untuned, ") && strstr(result.out, " candidates)\n"),
              "%s", result.out);
}

Test(bench, records_travel_and_a_bad_line_is_named)
{
    static char first[TEXT], second[TEXT];
    setenv("OCELLI_TUNING_DB", scratch_path("db"), 1);
    call_with("tune lenet5 --batch 2 --budget 1 --export", "first.txt");
    cr_assert_eq(result.code, 0, "%s", result.err);
    setenv("OCELLI_TUNING_DB", scratch_path("copy"), 1);
    call_with("tune --import", "first.txt");
    cr_expect(result.code == 0 && !result.out[0] && !result.err[0], "%d: %s%s", result.code, result.out,
              result.err);
    call_with("tune --export", "second.txt");
    cr_expect(result.code == 0 && !result.out[0] && !result.err[0], "%d: %s%s", result.code, result.out,
              result.err);
    const size_t length = scratch_read("first.txt", first, TEXT - 32);
    cr_expect_eq(scratch_read("second.txt", second, TEXT), length);
    cr_expect(memcmp(first, second, length) == 0);

    int line = 1;
    for (size_t i = 0; i < length; i++)
        line += first[i] == '\n';
    strcpy(first + length, "no record\n");
    scratch_write("first.txt", first, length + 10);
    setenv("OCELLI_TUNING_DB", scratch_path("other"), 1);
    call_with("tune --import", "first.txt");
    char place[64];
    snprintf(place, sizeof place, "first.txt:%d: this line is no tuning record", line);
    cr_expect(result.code == 1 && strstr(result.err, place), "%d: %s", result.code, result.err);
    call_with("tune --export", "second.txt");
    cr_expect(result.code == 1 && strstr(result.err, "no tuning records to export"), "%d: %s", result.code,
              result.err);
}

/* It costs what it would have remembered, with a warning, not the results; what was asked to be stored is a failure. */
Test(bench, tuning_needs_no_store)
{
    char line[512];
    setenv("OCELLI_TUNING_DB", scratch_path("db"), 1);
    call_with("tune lenet5 --batch 2 --budget 1 --export", "records.txt");
    scratch_write("note", "no folder", 9);
    setenv("OCELLI_TUNING_DB", scratch_path("note/db"), 1);
    call("tune lenet5 --batch 2 --budget 1");
    cr_expect(result.code == 0 && strstr(result.out, " ms tuned, "), "%d: %s", result.code, result.out);
    cr_expect(strstr(result.err, "tuning store ") && strstr(result.err, "; going on without it"), "%s",
              result.err);
    call_with("tune --import", "records.txt");
    cr_expect(result.code == 1 && strstr(result.err, "cannot be stored"), "%d: %s", result.code, result.err);
    snprintf(line, sizeof line, "'%s' tune lenet5 --batch 2 --budget 1 >/dev/full 2>'%s'", TOOL,
             scratch_path("err"));
    cr_expect_eq(WEXITSTATUS(system(line)), 1);
    result.err[scratch_read("err", result.err, TEXT - 1)] = '\0';
    cr_expect(strstr(result.err, "cannot write to standard output"), "%s", result.err);
}

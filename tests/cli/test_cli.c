/* test_cli.c - the command-line tool as its user meets it: exit codes, sentences, JSON, files, Ctrl-C. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <ocelli/models.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_ARGUMENTS = 40, PATH = 256, TEXT = 1 << 17 };

/* What a call of the tool came to. `code` is the exit status; 128 + the signal that killed it. */
struct result {
    int code;
    char out[TEXT], err[TEXT];
};

static char folder[] = "/tmp/ocelli-cli-XXXXXX";
static struct result result;

static void begin(void)
{
    cr_assert_not_null(mkdtemp(folder));
}

static void end(void)
{
    char command[PATH];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(cli, .init = begin, .fini = end);

/* The path of a file of this test; the same string for the same name. */
static const char *in_folder(const char *name)
{
    enum { MOST_FILES = 32 };
    static char paths[MOST_FILES][PATH];
    char path[PATH];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int i = 0;
    while (*paths[i] && strcmp(paths[i], path) != 0)
        cr_assert_lt(++i, MOST_FILES);
    return memcpy(paths[i], path, sizeof path);
}

static size_t read_file(const char *path, char *text, size_t capacity)
{
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    const size_t length = fread(text, 1, capacity - 1, file);
    text[length] = '\0';
    fclose(file);
    return length;
}

/* "NAME=value" */
static void set_variable(const char *pair)
{
    char name[64];
    const size_t length = strcspn(pair, "=");
    snprintf(name, sizeof name, "%.*s", (int)length, pair);
    setenv(name, pair + length + 1, 1);
}

/* Starts `ocelli WORDS`, words parted by spaces, with "NAME=value" in its environment, its output in files. */
static pid_t start(const char *environment, const char *words, const char *out)
{
    static char copy[4096];
    char *arguments[MOST_ARGUMENTS] = { TOOL };
    int count = 1;
    snprintf(copy, sizeof copy, "%s", words);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        arguments[count++] = word;
    cr_assert_lt(count, MOST_ARGUMENTS);
    const pid_t child = fork();
    cr_assert_neq(child, -1);
    if (child == 0) {
        if (environment)
            set_variable(environment);
        if (!freopen(out, "w", stdout) || !freopen(in_folder("err"), "w", stderr))
            _exit(99);
        execv(TOOL, arguments);
        _exit(98);
    }
    return child;
}

static void finish(pid_t child)
{
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    read_file(in_folder("err"), result.err, TEXT);
}

static void call_in(const char *environment, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void call_in(const char *environment, const char *format, ...)
{
    char words[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    finish(start(environment, words, in_folder("out")));
    read_file(in_folder("out"), result.out, TEXT);
}

#define CALL(...) call_in(NULL, __VA_ARGS__)

#define EXPECT_CODE(wanted)                                                                                  \
    cr_expect_eq(result.code, wanted, "%s:%d exit code %d, not %d\n%s%s", __FILE__, __LINE__, result.code,   \
                 wanted, result.out, result.err)

static bool same_files(const char *a, const char *b)
{
    static char first[TEXT], second[TEXT];
    const size_t length = read_file(a, first, TEXT);
    cr_assert(length > 0 && length < TEXT - 1);
    return read_file(b, second, TEXT) == length && memcmp(first, second, length) == 0;
}

/* Line `index` of the output as JSON; negative from the end. */
static json_t *json_line(int index)
{
    static char copy[TEXT];
    char *lines[1024];
    int count = 0;
    memcpy(copy, result.out, TEXT);
    for (char *line = strtok(copy, "\n"); line && count < 1024; line = strtok(NULL, "\n"))
        lines[count++] = line;
    cr_assert(index < count && -index <= count, "%d lines\n%s", count, result.out);
    json_error_t error;
    json_t *object = json_loads(lines[index < 0 ? count + index : index], 0, &error);
    cr_assert_not_null(object, "%s: %s", error.text, lines[index < 0 ? count + index : index]);
    return object;
}

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    cr_assert(json_is_number(value), "%s is no number", key);
    return json_number_value(value);
}

Test(cli, calls_end_with_the_right_code_and_a_sentence)
{
    static const struct {
        const char *words;
        int code;
        const char *out, *err; /* what must occur there; NULL: nothing is printed */
    } cases[] = {
        { "", 2, NULL, "Usage: ocelli VERB" },
        { "--help", 0, "Usage: ocelli VERB", NULL },
        { "help", 0, "predict", NULL },
        { "--version", 0, "ocelli 0.", NULL },
        { "bake", 2, NULL, "there is no verb 'bake'; the verbs are devices" },
        { "help bake", 2, NULL, "there is no verb 'bake'" },
        { "help train", 0, "NAME\n    ocelli train - ", NULL },
        { "models", 0, "lenet5_relu", NULL },
        { "models extra", 2, NULL, "'extra' is one argument too many" },
        { "summary", 2, NULL, "MODEL is missing" },
        { "summary lenet6", 1, NULL, "there is no model 'lenet6'; the models are lenet5" },
        { "summary lenet5", 0, "61,706", NULL },
        { "summary lenet5 --input 1x28x28", 1, NULL, "conv3" },
        { "summary lenet5 --input 28x28", 2, NULL, "--input cannot be '28x28'" },
        { "summary lenet5 --device no-such-device", 1, NULL, "no-such-device" },
        { "train", 2, NULL, "MODEL is missing" },
        { "train xo --frobnicate", 2, NULL, "there is no such option: '--frobnicate'" },
        { "train xo --epochs", 2, NULL, "a value is missing after '--epochs'" },
        { "train xo -jq", 2, NULL, "there is no such option: '-q'" },
        { "train xo -e", 2, NULL, "a value is missing after '-e'" },
        { "train xo --epochs 0", 2, NULL, "--epochs cannot be '0'" },
        { "train xo --epochs 1.5", 2, NULL, "whole number" },
        { "train xo --rate fast", 2, NULL, "--rate cannot be 'fast'" },
        { "train xo --rate nan", 2, NULL, "--rate cannot be 'nan'" },
        { "train xo --seed -1", 2, NULL, "--seed cannot be '-1'" },
        { "train xo --optimizer adagard", 2, NULL, "'adagard'" },
        { "train xo --average 1", 2, NULL, "--average cannot be '1'" },
        { "train xo --clip-norm -1", 2, NULL, "--clip-norm cannot be '-1'" },
        { "train xo --accumulate 0", 2, NULL, "--accumulate cannot be '0'" },
        { "train xo --data xo --samples 20 --optimizer adam --momentum 0.5", 1, NULL,
          "Adam takes no momentum" },
        { "train xo --data xo --samples 20 --epochs 1 --optimizer adamw --weight-decay 0.01 "
          "--decay-weights-only "
          "--clip-norm 1 --accumulate 2 --batch 4 --average 0.5 --recompute",
          0, "test accuracy", NULL },
        { "train lenet6 --data xo", 1, NULL, "lenet6" },
        { "train xo", 1, NULL, "--data is missing" },
        { "train xo --data /nowhere", 1, NULL, "there is no data folder '/nowhere'" },
        { "train xo --data /", 1, NULL, "images.idx" },
        { "train xo --data xo --device no-such-device", 1, NULL, "no-such-device" },
        { "train xo --data xo --samples 20 --held-out 30", 1, NULL, "30" },
        { "train xo --data xo --samples 20 --weights /nowhere/w", 1, NULL, "/nowhere/w" },
        { "eval xo --data xo", 1, NULL, "--weights is missing" },
        { "predict xo a.png", 2, NULL, "--weights is missing" },
        { "predict xo --weights w", 2, NULL, "either image files or --input" },
        { "predict xo --weights /nowhere/w a.png", 1, NULL, "/nowhere/w" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CALL("%s", cases[i].words);
        cr_expect_eq(result.code, cases[i].code, "'%s': exit code %d\n%s%s", cases[i].words, result.code,
                     result.out, result.err);
        if (cases[i].out)
            cr_expect_not_null(strstr(result.out, cases[i].out), "'%s' printed: %s", cases[i].words,
                               result.out);
        else
            cr_expect_str_empty(result.out, "'%s' printed: %s", cases[i].words, result.out);
        if (cases[i].err)
            cr_expect_not_null(strstr(result.err, cases[i].err), "'%s' complained: %s", cases[i].words,
                               result.err);
        else
            cr_expect_str_empty(result.err, "'%s' complained: %s", cases[i].words, result.err);
    }
}

Test(cli, every_verb_has_a_page)
{
    static const char *const verbs[] = {
        "devices", "doctor", "models", "summary", "train", "eval", "predict"
    };
    static const char *const sections[] = { "NAME\n",      "\nSYNOPSIS\n",    "\nDESCRIPTION\n",
                                            "\nOPTIONS\n", "\nEXIT STATUS\n", "\nEXAMPLES\n" };
    for (int v = 0; v < 7; v++) {
        CALL("%s --help", verbs[v]);
        EXPECT_CODE(0);
        for (int s = 0; s < 6; s++)
            cr_expect_not_null(strstr(result.out, sections[s]), "%s lacks %s", verbs[v], sections[s]);
        for (const char *line = result.out; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
            cr_expect_leq(strcspn(line, "\n"), 110, "%s: %.60s...", verbs[v], line);
    }
}

Test(cli, without_any_platform_every_command_says_so)
{
    static const char *const words[] = { "devices", "doctor", "doctor --json",
                                         "train xo --data xo --samples 20", "summary xo --device cpu" };
    for (int i = 0; i < 5; i++) {
        call_in("OCL_ICD_VENDORS=/nonexistent", "%s", words[i]);
        EXPECT_CODE(1);
        cr_expect_not_null(strstr(result.err, "OpenCL"), "'%s': %s", words[i], result.err);
        cr_expect_eq(strchr(result.err, '\n') + 1 - result.err, (ptrdiff_t)strlen(result.err),
                     "one sentence: %s", result.err);
    }
    call_in("OCL_ICD_VENDORS=/nonexistent", "summary xo");
    EXPECT_CODE(0);
}

Test(cli, devices_and_doctor_agree)
{
    CALL("devices --json");
    EXPECT_CODE(0);
    json_t *devices = json_line(0);
    const size_t count = json_array_size(json_object_get(devices, "devices"));
    cr_assert_gt(count, 0);
    CALL("doctor --json");
    EXPECT_CODE(0);
    json_t *doctor = json_line(0);
    cr_expect(json_is_true(json_object_get(doctor, "ok")));
    cr_expect_eq(json_array_size(json_object_get(doctor, "devices")), count);
    const json_t *chosen =
        json_array_get(json_object_get(devices, "devices"), (size_t)number(doctor, "default"));
    cr_expect(json_is_true(json_object_get(chosen, "default")));
    json_decref(devices);
    json_decref(doctor);
    CALL("doctor");
    EXPECT_CODE(0);
    cr_expect_not_null(strstr(result.out, "exactly the numbers"), "%s", result.out);
}

/* A kernel that climbs where it should descend. */
Test(cli, doctor_finds_a_device_that_calculates_wrongly)
{
    char command[1024], variable[PATH];
    snprintf(command, sizeof command, "cp -r %s/../../cl %s && sed -i 's/(T)-n.rate/(T)n.rate/' %s/update.cl",
             DIGITS, in_folder("kernels"), in_folder("kernels"));
    cr_assert_eq(system(command), 0);
    snprintf(variable, sizeof variable, "OCELLI_KERNEL_DIR=%s", in_folder("kernels"));
    call_in(variable, "doctor");
    EXPECT_CODE(1);
    cr_expect_not_null(strstr(result.out, "wrong numbers"), "%s", result.out);
    cr_expect_not_null(strstr(result.err, "no device works"), "%s", result.err);
    call_in(variable, "doctor --json");
    json_t *doctor = json_line(0);
    cr_expect(json_is_false(json_object_get(doctor, "ok")));
    json_decref(doctor);
}

Test(cli, summary_has_the_fields_that_scripts_rely_on)
{
    CALL("summary lenet5 --json");
    EXPECT_CODE(0);
    json_t *summary = json_line(0);
    cr_expect_str_eq(json_string_value(json_object_get(summary, "model")), "lenet5");
    cr_expect_eq(number(summary, "params"), 61706);
    cr_expect_eq(number(summary, "macs"), 416520);
    const json_t *input = json_object_get(summary, "input"), *layers = json_object_get(summary, "layers");
    cr_assert_eq(json_array_size(input), 3);
    cr_expect_eq(json_integer_value(json_array_get(input, 1)), 32);
    bool seen = false;
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const json_t *layer = json_array_get(layers, i), *output = json_object_get(layer, "output");
        if (strcmp(json_string_value(json_object_get(layer, "name")), "conv2") != 0)
            continue;
        seen = true;
        cr_expect_str_eq(json_string_value(json_object_get(layer, "type")), "conv");
        cr_expect_eq(json_integer_value(json_array_get(output, 0)), 16);
        cr_expect_eq(json_integer_value(json_array_get(output, 2)), 10);
        cr_expect_eq(number(layer, "params"), 2416);
        cr_expect_eq(number(layer, "macs"), 240000);
        cr_expect_eq(number(layer, "bytes"), 6400);
        const json_t *receptive = json_object_get(layer, "receptive");
        cr_assert_eq(json_array_size(receptive), 2);
        cr_expect_eq(json_integer_value(json_array_get(receptive, 1)), 14);
    }
    cr_expect(seen);
    json_decref(summary);
}

/* Whether a line of the text begins with `title` and then has these three sizes. */
static bool has_sizes(const char *text, const char *title, const oc_memory_info *memory)
{
    const int64_t bytes[] = { memory->total, memory->activations, memory->unshared };
    const char *line = strstr(text, title);
    char sizes[128] = "";
    if (!line)
        return false;
    for (int i = 0; i < 3; i++)
        snprintf(sizes + strlen(sizes), sizeof sizes - strlen(sizes), " %.1f MiB",
                 (double)bytes[i] / (1 << 20));
    char found[128] = ""; /* with one blank where there are several */
    for (const char *c = line + strlen(title); *c && *c != '\n'; c++)
        if (*c != ' ' || c[1] != ' ')
            snprintf(found + strlen(found), sizeof found - strlen(found), "%c", *c);
    return strcmp(found, sizes) == 0;
}

Test(cli, summary_prints_the_memory_that_is_planned)
{
    oc_net net;
    oc_device *device;
    oc_memory_info infer, train, recompute;
    cr_assert_eq(oc_device_open(&device, &(oc_device_desc){ .select = "cpu" }), OC_OK, "%s", oc_last_error());
    cr_assert_eq(oc_zoo_create(&net, "resnet20_cifar", &(oc_net_desc){ .batch = 16 }), OC_OK);
    oc_model_desc desc = { .outputs = (oc_tensor *[]){ net.logits, NULL } };
    cr_assert_eq(oc_model_predict_memory(&infer, net.graph, device, &desc), OC_OK, "%s", oc_last_error());
    desc.loss = net.loss;
    desc.optimizer.momentum = 0.9f;
    cr_assert_eq(oc_model_predict_memory(&train, net.graph, device, &desc), OC_OK, "%s", oc_last_error());
    desc.recompute = true;
    cr_assert_eq(oc_model_predict_memory(&recompute, net.graph, device, &desc), OC_OK, "%s", oc_last_error());
    oc_graph_destroy(net.graph);
    oc_device_close(device);

    CALL("summary resnet20_cifar --device cpu --batch 16 --json");
    EXPECT_CODE(0);
    json_t *summary = json_line(0);
    const json_t *bytes = json_object_get(summary, "device_bytes");
    const struct {
        const char *key;
        int64_t want;
    } fields[] = {
        { "batch", 16 },
        { "infer", infer.total },
        { "train", train.total },
        { "infer_activations", infer.activations },
        { "train_activations", train.activations },
        { "infer_unshared", infer.unshared },
        { "train_unshared", train.unshared },
        { "recompute", recompute.total },
        { "recompute_activations", recompute.activations },
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        cr_expect_eq((int64_t)number(bytes, fields[i].key), fields[i].want, "%s", fields[i].key);
    cr_expect(infer.total < train.total && infer.activations < infer.unshared &&
              train.activations < train.unshared && recompute.total < train.total);
    json_decref(summary);

    CALL("summary resnet20_cifar --device cpu --batch 16");
    EXPECT_CODE(0);
    cr_expect(has_sizes(result.out, "\nto infer", &infer), "%s", result.out);
    cr_expect(has_sizes(result.out, "\nto train with momentum", &train), "%s", result.out);
    cr_expect(has_sizes(result.out, "\nthe same, --recompute", &recompute), "%s", result.out);
}

Test(cli, train_eval_and_predict_on_the_digits)
{
    const char *weights = in_folder("w.safetensors"), *curve = in_folder("curve");
    struct stat found;
    CALL("train lenet5_relu --data %s --held-out 360 --epochs 3 --rate 0.02 --output %s --curve %s --json",
         DIGITS, weights, curve);
    EXPECT_CODE(0);
    json_t *begun = json_line(0), *first = json_line(1), *done = json_line(-1);
    cr_expect_eq(number(begun, "params"), 61706);
    cr_expect_eq(number(begun, "training"), 1437);
    cr_expect_eq(number(begun, "test"), 360);
    cr_expect_eq(number(first, "epoch"), 1);
    cr_expect_str_eq(json_string_value(json_object_get(done, "event")), "done");
    cr_expect_gt(number(done, "test_accuracy"), 0.9);
    cr_expect_eq(stat(in_folder("curve.svg"), &found), 0);

    CALL("eval lenet5_relu --data %s --held-out 360 --weights %s --json", DIGITS, weights);
    EXPECT_CODE(0);
    json_t *eval = json_line(0);
    cr_expect_eq(number(eval, "images"), 360);
    cr_expect_eq(number(eval, "accuracy"), number(done, "test_accuracy"));
    json_decref(begun);
    json_decref(first);
    json_decref(done);
    json_decref(eval);

    CALL("eval lenet5 --data %s --weights %s", DIGITS, weights);
    EXPECT_CODE(1);
    cr_expect_not_null(strstr(result.err, "holds the weights of lenet5_relu, not of lenet5"), "%s",
                       result.err);

    CALL("train lenet5_relu --data %s --epochs 3 --weights %s --show 2", DIGITS, weights);
    EXPECT_CODE(0);
    cr_expect_not_null(strstr(result.out, "%"), "%s", result.out);
}

/* A picture of one vertical bar, and the same as an array: the net must say the same about both. */
Test(cli, images_and_arrays_give_the_same_answers)
{
    static const char head[] =
        "\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (70, 1, 9, 9), }";
    const char *weights = in_folder("w.safetensors");
    CALL("train xo --data xo --samples 200 --epochs 2 --output %s", weights);
    EXPECT_CODE(0);

    FILE *image = fopen(in_folder("bar.pgm"), "w"), *array = fopen(in_folder("x.npy"), "w");
    cr_assert(image && array);
    fprintf(image, "P5\n9 9\n255\n");
    for (int i = 0; i < 81; i++)
        fputc(i % 9 == 4 ? 255 : 0, image);
    cr_assert_eq(fclose(image), 0);
    fwrite(head, 1, sizeof head - 1, array);
    for (size_t i = sizeof head - 1; i < 127; i++)
        fputc(' ', array);
    fputc('\n', array);
    for (int i = 0; i < 70 * 81; i++) { /* xo's pixels are -1..1 */
        const float value = i % 9 == 4 ? 1.0f : -1.0f;
        fwrite(&value, sizeof value, 1, array);
    }
    cr_assert_eq(fclose(array), 0);

    CALL("predict xo --weights %s --json %s %s", weights, in_folder("bar.pgm"), in_folder("bar.pgm"));
    EXPECT_CODE(0);
    json_t *images = json_line(0);
    CALL("predict xo --weights %s --json --input %s --batch 32", weights, in_folder("x.npy"));
    EXPECT_CODE(0);
    json_t *arrays = json_line(0);
    const json_t *a = json_object_get(images, "predictions"), *b = json_object_get(arrays, "predictions");
    cr_assert_eq(json_array_size(a), 2);
    cr_assert_eq(json_array_size(b), 70);
    const json_t *want = json_object_get(json_array_get(a, 0), "classes");
    cr_expect_eq(json_array_size(want), 2);
    cr_expect_float_eq(number(json_array_get(want, 0), "probability") +
                           number(json_array_get(want, 1), "probability"),
                       1, 1e-6);
    for (size_t i = 0; i < 70; i++)
        cr_expect(json_equal(json_object_get(json_array_get(b, i), "classes"), want), "picture %zu", i);
    json_decref(images);
    json_decref(arrays);

    CALL("predict xo --weights %s --input %s --output %s", weights, in_folder("x.npy"), in_folder("y.npy"));
    EXPECT_CODE(0);
    struct stat found;
    cr_assert_eq(stat(in_folder("y.npy"), &found), 0);
    cr_expect_eq(found.st_size % 64, 70 * 2 * 4 % 64, "%lld bytes", (long long)found.st_size);
    CALL("predict lenet5 --weights %s --input %s", weights, in_folder("x.npy"));
    EXPECT_CODE(1);
}

/* The commands of docs/learning.md, or the start of them. */
Test(cli, a_small_resnet_learns_the_digits_and_the_toy_net_x_and_o)
{
    static const struct {
        const char *command;
        double accuracy;
    } cases[] = {
        { "train resnet20_cifar --data " DIGITS
          " --held-out 360 --input 1x8x8 --epochs 8 --rate 0.05 --nesterov "
          "--weight-decay 5e-4 --rate-every 5 --rate-decay 0.2 --json",
          0.99 },
        { "train xo --data xo --samples 5000 --epochs 6 --rate 0.05 --rate-every 5 --json", 0.995 },
    };
    for (int i = 0; i < 2; i++) {
        CALL("%s", cases[i].command);
        EXPECT_CODE(0);
        json_t *done = json_line(-1);
        cr_expect_geq(number(done, "test_accuracy"), cases[i].accuracy, "%s: %g", cases[i].command,
                      number(done, "test_accuracy"));
        json_decref(done);
    }
}

/* What the weights were trained as need not be said again. */
Test(cli, a_width_stays_with_the_weights)
{
    const char *weights = in_folder("w.safetensors");
    CALL("train convnetjs_cifar10 --data shapes --samples 60 --input 3x16x16 --width 0.5 --epochs 1 --json "
         "--output %s",
         weights);
    EXPECT_CODE(0);
    json_t *start = json_line(0); /* 8, 10 and 10 filters of 5x5; 2x2 pixels are left */
    cr_expect_eq(number(start, "params"), 608 + 2010 + 2510 + 410);
    json_decref(start);
    CALL("eval convnetjs_cifar10 --data shapes --samples 20 --weights %s", weights);
    EXPECT_CODE(0);
    CALL("eval convnetjs_cifar10 --data shapes --samples 20 --width 1 --weights %s", weights);
    EXPECT_CODE(1);
    cr_expect_not_null(strstr(result.err, "conv1.weight"), "%s", result.err);
}

Test(cli, the_same_training_gives_the_same_bits_on_one_thread_and_on_two)
{
    static const struct {
        const char *environment, *file;
    } runs[] = {
        { NULL, "a" }, { NULL, "b" }, { "POCL_MAX_PTHREAD_COUNT=1", "c" }, { "POCL_MAX_PTHREAD_COUNT=2", "d" }
    };
    for (int i = 0; i < 4; i++) {
        call_in(runs[i].environment, "train xo --data xo --samples 210 --epochs 2 --seed 5 --output %s",
                in_folder(runs[i].file));
        EXPECT_CODE(0);
        cr_expect(same_files(in_folder("a"), in_folder(runs[i].file)), "run %d", i);
    }
    CALL("train xo --data xo --samples 210 --epochs 2 --seed 6 --output %s", in_folder("e"));
    cr_expect_not(same_files(in_folder("a"), in_folder("e")));
}

/* Waits until a file has a line, for at most a minute. */
static void wait_for_line(const char *path, const char *word)
{
    static char text[TEXT];
    for (int i = 0; i < 6000; i++) {
        struct stat found;
        if (stat(path, &found) == 0 && read_file(path, text, TEXT) > 0 && strstr(text, word))
            return;
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    }
    cr_assert_fail("no '%s' in %s", word, path);
}

Test(cli, an_interrupted_training_saves_and_goes_on)
{
    char words[1024];
    const char *train = "train xo --data xo --samples 1000 --epochs 30 --batch 8 --seed 5";
    snprintf(words, sizeof words, "%s --output %s", train, in_folder("cut"));
    const pid_t child = start(NULL, words, in_folder("out"));
    wait_for_line(in_folder("out"), "epoch 1/30");
    cr_assert_eq(kill(child, SIGINT), 0);
    finish(child);
    EXPECT_CODE(130);
    cr_expect_not_null(strstr(result.err, "continue with --weights"), "%s", result.err);
    CALL("eval xo --data xo --weights %s", in_folder("cut"));
    EXPECT_CODE(0);
    CALL("%s --weights %s --output %s", train, in_folder("cut"), in_folder("parts"));
    EXPECT_CODE(0);
    CALL("%s --output %s", train, in_folder("whole"));
    EXPECT_CODE(0);
    cr_expect(same_files(in_folder("parts"), in_folder("whole")));
}

Test(cli, a_full_disk_is_a_failure)
{
    const pid_t child = start(NULL, "models", "/dev/full");
    finish(child);
    EXPECT_CODE(1);
    cr_expect_not_null(strstr(result.err, "standard output"), "%s", result.err);
    CALL("train xo --data xo --samples 40 --epochs 1 --output /dev/full");
    EXPECT_CODE(1);
    cr_expect_not_null(strstr(result.err, "/dev/full"), "%s", result.err);
    cr_assert_eq(symlink("/dev/full", in_folder("c.csv")), 0);
    CALL("train xo --data xo --samples 40 --epochs 1 --curve %s", in_folder("c"));
    EXPECT_CODE(1);
    cr_expect_not_null(strstr(result.err, "c.csv"), "%s", result.err);
}

/* options.c - the table of options, and what is made of it: the parser and the help pages. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What getopt_long calls long options: above every letter. */
enum { FIRST_LONG = 256 };

enum kind { FLAG, TEXT, COUNT, SEED, REAL, SIZE };

struct option_entry {
    const char *name;
    char letter; /* or 0 */
    enum kind kind;
    size_t field; /* in struct options */
    const char *operand, *help;
    double least, most; /* of COUNT and REAL */
};

#define FIELD(name) offsetof(struct options, name)
#define MANY        1e9

/* In a help text, '\n' is where a line ends. */
static const struct option_entry entries[OPTION_COUNT] = {
    [OPTION_DATA] = { "data", 'd', TEXT, FIELD(data), "FOLDER",
                      "folder with images.idx and labels.idx, or with MNIST's files, plain or .gz;\n"
                      "or xo: generated pictures of X and O; or shapes: of ten shapes, in colour",
                      0, 0 },
    [OPTION_HELD_OUT_TRAIN] = { "held-out", 0, COUNT, FIELD(held_out), "N",
                                "pictures kept away from training to test on, as many of each class; the "
                                "same\n"
                                "ones at every call (default: the folder's own test set, else a fifth)",
                                0, MANY },
    [OPTION_HELD_OUT_EVAL] = { "held-out", 0, COUNT, FIELD(held_out), "N",
                               "only the N pictures that train --held-out N kept away\n"
                               "(default: the folder's own test set, else everything)",
                               1, MANY },
    [OPTION_SAMPLES] = { "samples", 0, COUNT, FIELD(samples), "N",
                         "how many pictures xo and shapes generate (default: 2000)", 2, MANY },
    [OPTION_SIZE] = { "input", 0, SIZE, FIELD(size), "CxHxW",
                      "channels, height and width of the net's input (default: as published)", 0, 0 },
    [OPTION_CLASSES] = { "classes", 0, COUNT, FIELD(classes), "N",
                         "number of classes (default: as published)", 1, MANY },
    [OPTION_WIDTH] = { "width", 0, REAL, FIELD(width), "X",
                       "multiply the filters and hidden units of every layer by X (default: 1)", 1e-3, 1e3 },
    [OPTION_WEIGHTS_TRAIN] = { "weights", 'w', TEXT, FIELD(weights), "FILE",
                               "continue from these weights; a file that train wrote continues exactly\n"
                               "where it stopped, up to the epochs asked for",
                               0, 0 },
    [OPTION_WEIGHTS] = { "weights", 'w', TEXT, FIELD(weights), "FILE",
                         "the net's weights, a safetensors file", 0, 0 },
    [OPTION_OUTPUT_WEIGHTS] = { "output", 'o', TEXT, FIELD(output), "FILE",
                                "write the weights and the state of training here, as safetensors, after "
                                "every\n"
                                "epoch and when interrupted",
                                0, 0 },
    [OPTION_INPUT_ARRAY] = { "input", 'i', TEXT, FIELD(input), "FILE",
                             "raw pictures instead of images: a .npy array (n, c, h, w), fed as it is", 0,
                             0 },
    [OPTION_OUTPUT_ARRAY] = { "output", 'o', TEXT, FIELD(output), "FILE",
                              "write the logits (n, classes) as a .npy array instead of printing", 0, 0 },
    [OPTION_INVERT] = { "invert", 0, FLAG, FIELD(invert), NULL,
                        "swap dark and light: for ink on paper, when the net learned light on dark", 0, 0 },
    [OPTION_TOP] = { "top", 'k', COUNT, FIELD(top), "N", "classes to print per picture (default: 5)", 1,
                     MANY },
    [OPTION_CURVE] = { "curve", 0, TEXT, FIELD(curve), "PREFIX",
                       "write PREFIX.csv and PREFIX.jsonl, a line per epoch, and the plot PREFIX.svg", 0, 0 },
    [OPTION_SHOW] = { "show", 0, COUNT, FIELD(show), "N",
                      "in the end draw N test pictures with what the net says", 1, 1000 },
    [OPTION_EPOCHS] = { "epochs", 'e', COUNT, FIELD(epochs), "N",
                        "times to go through the data (default: 10)", 1, 1e6 },
    [OPTION_BATCH_TRAIN] = { "batch", 'b', COUNT, FIELD(batch), "N", "pictures per step (default: 32)", 1,
                             1e6 },
    [OPTION_BATCH_INFER] = { "batch", 'b', COUNT, FIELD(batch), "N",
                             "pictures at a time (default: 32, if there are so many)", 1, 1e6 },
    [OPTION_BATCH_SUMMARY] = { "batch", 'b', COUNT, FIELD(batch), "N",
                               "with --device: pictures at a time (default: 1)", 1, 1e6 },
    [OPTION_OPTIMIZER] = { "optimizer", 0, TEXT, FIELD(optimizer), "NAME",
                           "sgd, adam, adamw, rmsprop or adagrad (default: sgd)", 0, 0 },
    [OPTION_RATE] = { "rate", 'r', REAL, FIELD(rate), "X",
                      "learning rate (default: 0.01; adam and adamw: 0.001)", 1e-30, 1e30 },
    [OPTION_RATE_DECAY] = { "rate-decay", 0, REAL, FIELD(rate_decay), "X",
                            "multiply the rate by X every --rate-every epochs (default: 0.1)", 1e-30, 1e30 },
    [OPTION_RATE_EVERY] = { "rate-every", 0, COUNT, FIELD(rate_every), "N",
                            "epochs between changes of the rate (default: it never changes)", 1, 1e6 },
    [OPTION_MOMENTUM] = { "momentum", 'm', REAL, FIELD(momentum), "X",
                          "momentum of sgd or rmsprop, 0 to 1 (default: sgd's 0.9)", 0, 0.999999 },
    [OPTION_NESTEROV] = { "nesterov", 0, FLAG, FIELD(nesterov), NULL, "Nesterov's momentum", 0, 0 },
    [OPTION_DECAY] = { "weight-decay", 0, REAL, FIELD(decay), "X", "weight decay (default: 0)", 0, 1e30 },
    [OPTION_DECAY_WEIGHTS_ONLY] = { "decay-weights-only", 0, FLAG, FIELD(decay_weights_only), NULL,
                                    "no decay of biases, normalisation and PReLU's slopes", 0, 0 },
    [OPTION_CLIP_NORM] = { "clip-norm", 0, REAL, FIELD(clip_norm), "X",
                           "scale gradients down to this norm of all of them together (default: never)",
                           1e-30, 1e30 },
    [OPTION_ACCUMULATE] = { "accumulate", 0, COUNT, FIELD(accumulate), "N",
                            "batches per step: as if the batch were N times as large (default: 1)", 1, 1e6 },
    [OPTION_RECOMPUTE] = { "recompute", 0, FLAG, FIELD(recompute), NULL,
                           "need less memory: compute most activations twice instead of keeping them", 0, 0 },
    [OPTION_AVERAGE] = { "average", 0, REAL, FIELD(average), "X",
                         "keep averages of the weights that forget by X per step, such as 0.999; they are\n"
                         "tested and written as the weights (default: none)",
                         1e-30, 0.9999999 },
    [OPTION_SEED] = { "seed", 's', SEED, FIELD(seed), "N",
                      "of initial weights, order of the samples and generated data (default: 0)", 0, 0 },
    [OPTION_IMPLEMENTATIONS] = { "implementations", 0, TEXT, FIELD(implementations), "LIST",
                                 "choose kernels by hand: conv=reference,max_pool=vector; or reference alone",
                                 0, 0 },
    [OPTION_DEVICE] = { "device", 'D', TEXT, FIELD(device), "NAME",
                        "an index of `ocelli devices`, cpu, gpu, or part of a name (default: the\n"
                        "environment's OCELLI_DEVICE, else the fastest GPU, else the CPU)",
                        0, 0 },
    [OPTION_JSON] = { "json", 'j', FLAG, FIELD(json), NULL, "print JSON", 0, 0 },
    [OPTION_VERBOSE] = { "verbose", 'v', FLAG, FIELD(verbose), NULL, "print the library's messages on stderr",
                         0, 0 },
    [OPTION_HELP] = { "help", 'h', FLAG, FIELD(help), NULL, "print this page", 0, 0 },
};

static bool usage(const struct verb *verb)
{
    fprintf(stderr, "Try 'ocelli %s --help'.\n", verb->name);
    return false;
}

static bool parse_number(double *number, const struct option_entry *entry, const char *text, bool whole)
{
    char *end = NULL;
    *number = strtod(text, &end);
    return end != text && *end == '\0' && *number >= entry->least && *number <= entry->most &&
           (!whole || floor(*number) == *number);
}

static bool parse_size(int size[3], const char *text)
{
    int length = 0;
    return sscanf(text, "%9dx%9dx%9d%n", &size[0], &size[1], &size[2], &length) == 3 &&
           text[length] == '\0' && size[0] > 0 && size[1] > 0 && size[2] > 0;
}

/* Stores the value of one option; false if it is none. */
static bool store(void *field, const struct option_entry *entry, const char *text)
{
    double number = 0;
    char *end = NULL;
    switch (entry->kind) {
    case FLAG:
        *(bool *)field = true;
        return true;
    case TEXT:
        *(const char **)field = text;
        return *text != '\0';
    case COUNT:
        if (!parse_number(&number, entry, text, true))
            return false;
        *(int64_t *)field = (int64_t)number;
        return true;
    case REAL:
        if (!parse_number(&number, entry, text, false))
            return false;
        *(float *)field = (float)number;
        return true;
    case SEED:
        errno = 0;
        *(uint64_t *)field = strtoull(text, &end, 10);
        return end != text && *end == '\0' && errno == 0 && *text != '-';
    case SIZE:
        return parse_size(field, text);
    }
    return false;
}

static void complain(const struct verb *verb, const struct option_entry *entry, const char *text)
{
    fprintf(stderr, "ocelli %s: --%s cannot be '%s': ", verb->name, entry->name, text);
    if (entry->kind == COUNT)
        fprintf(stderr, "it takes a whole number from %.0f to %.0f\n", entry->least, entry->most);
    else if (entry->kind == REAL)
        fprintf(stderr, "it takes a number from %g to %g\n", entry->least, entry->most);
    else if (entry->kind == SEED)
        fprintf(stderr, "it takes a whole number from 0 to 18446744073709551615\n");
    else if (entry->kind == SIZE)
        fprintf(stderr, "it takes channels, height and width, such as 1x32x32\n");
    else
        fprintf(stderr, "it is empty\n");
}

/* getopt_long met an option that it does not know or, `value_missing`, one without its value. */
static bool complain_option(const struct verb *verb, bool value_missing, const char *word)
{
    const char letter[] = { '-', (char)optopt, '\0' };
    const bool is_letter = optopt > 0 && optopt < FIRST_LONG;
    fprintf(
        stderr, "ocelli %s: %s '%s'\n", verb->name,
        value_missing ? "a value is missing after" : "there is no such option:", is_letter ? letter : word);
    return usage(verb);
}

/* The verb's options in the form of getopt_long; `val` is the index of the option. */
static void make_tables(struct option longs[OPTION_COUNT + 1], char letters[2 * OPTION_COUNT + 2],
                        const struct verb *verb)
{
    int count = 0;
    *letters++ = ':'; /* getopt_long prints nothing itself */
    for (const enum option_id *id = verb->options; *id != OPTION_END; id++) {
        const struct option_entry *entry = &entries[*id];
        longs[count++] = (struct option){ entry->name, entry->kind != FLAG, NULL, (int)*id + FIRST_LONG };
        if (entry->letter) {
            *letters++ = entry->letter;
            if (entry->kind != FLAG)
                *letters++ = ':';
        }
    }
    longs[count] = (struct option){ 0 };
    *letters = '\0';
}

static const struct option_entry *find(const struct verb *verb, int value)
{
    for (const enum option_id *id = verb->options; *id != OPTION_END; id++)
        if ((int)*id + FIRST_LONG == value || (value != 0 && entries[*id].letter == value))
            return &entries[*id];
    return NULL;
}

static bool check_arguments(const struct options *options, const struct verb *verb)
{
    if (options->help)
        return true;
    if (options->argument_count < verb->least_arguments) {
        fprintf(stderr, "ocelli %s: %s is missing\n", verb->name, verb->operands);
        return usage(verb);
    }
    if (verb->most_arguments >= 0 && options->argument_count > verb->most_arguments) {
        fprintf(stderr, "ocelli %s: '%s' is one argument too many\n", verb->name,
                options->arguments[verb->most_arguments]);
        return usage(verb);
    }
    return true;
}

bool options_parse(struct options *options, const struct verb *verb, int argc, char **argv)
{
    struct option longs[OPTION_COUNT + 1];
    char letters[2 * OPTION_COUNT + 2];
    make_tables(longs, letters, verb);
    *options = (struct options){ .held_out = -1, .momentum = -1 };
    opterr = 0;
    int value;
    while ((value = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
        if (value == '?' || value == ':')
            return complain_option(verb, value == ':', argv[optind - 1]);
        const struct option_entry *entry = find(verb, value);
        if (!store((char *)options + entry->field, entry, optarg)) {
            complain(verb, entry, optarg);
            return usage(verb);
        }
    }
    options->arguments = (const char *const *)argv + optind;
    options->argument_count = argc - optind;
    return check_arguments(options, verb);
}

/* Text with every line indented. */
static void print_indented(const char *text, int indent)
{
    while (*text) {
        const size_t length = strcspn(text, "\n");
        printf("%*s%.*s\n", length > 0 ? indent : 0, "", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

void options_help(const struct verb *verb)
{
    const char *space = *verb->operands ? " " : "";
    printf("NAME\n    ocelli %s - %s\n\n", verb->name, verb->brief);
    printf("SYNOPSIS\n    ocelli %s%s%s [OPTION]...\n\n", verb->name, space, verb->operands);
    printf("DESCRIPTION\n");
    print_indented(verb->description, 4);
    printf("\nOPTIONS\n");
    for (const enum option_id *id = verb->options; *id != OPTION_END; id++) {
        const struct option_entry *entry = &entries[*id];
        if (entry->letter)
            printf("    -%c, ", entry->letter);
        else
            printf("    ");
        printf("--%s%s%s\n", entry->name, entry->operand ? " " : "", entry->operand ? entry->operand : "");
        print_indented(entry->help, 8);
    }
    printf("\nEXIT STATUS\n    0 done; 1 it failed, and the reason is on stderr; 2 the command line makes no "
           "sense%s\n",
           strcmp(verb->name, "train") == 0 ? ";\n    130 interrupted (Ctrl-C): the state is saved" : "");
    printf("\nEXAMPLES\n");
    print_indented(verb->examples, 4);
}

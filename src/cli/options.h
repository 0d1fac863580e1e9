/* options.h - the command line: what each option is called, takes and means is said once, in options.c; parsing and
 * help texts both come from there. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum exit_code { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 };

/* Index of an option in the table of options.c. */
enum option_id {
    OPTION_END, /* ends a verb's list */
    OPTION_DATA,
    OPTION_HELD_OUT_TRAIN,
    OPTION_HELD_OUT_EVAL,
    OPTION_SAMPLES,
    OPTION_SIZE,
    OPTION_CLASSES,
    OPTION_WIDTH,
    OPTION_WEIGHTS_TRAIN,
    OPTION_WEIGHTS,
    OPTION_OUTPUT_WEIGHTS,
    OPTION_INPUT_ARRAY,
    OPTION_OUTPUT_ARRAY,
    OPTION_INVERT,
    OPTION_TOP,
    OPTION_CURVE,
    OPTION_SHOW,
    OPTION_EPOCHS,
    OPTION_BATCH_TRAIN,
    OPTION_BATCH_INFER,
    OPTION_BATCH_SUMMARY,
    OPTION_OPTIMIZER,
    OPTION_RATE,
    OPTION_RATE_DECAY,
    OPTION_RATE_EVERY,
    OPTION_MOMENTUM,
    OPTION_NESTEROV,
    OPTION_DECAY,
    OPTION_DECAY_WEIGHTS_ONLY,
    OPTION_CLIP_NORM,
    OPTION_ACCUMULATE,
    OPTION_RECOMPUTE,
    OPTION_AVERAGE,
    OPTION_SEED,
    OPTION_IMPLEMENTATIONS,
    OPTION_DEVICE,
    OPTION_JSON,
    OPTION_VERBOSE,
    OPTION_HELP,
    OPTION_COUNT
};

/* What was asked for. Numbers that were not given are 0, or -1 where 0 means something. */
struct options {
    const char *const *arguments; /* those that are no options */
    int argument_count;
    const char *data, *weights, *output, *input, *curve, *optimizer, *implementations, *device;
    int size[3]; /* channels, height, width */
    int64_t held_out, samples, classes, top, show, epochs, batch, accumulate, rate_every;
    uint64_t seed;
    float width, rate, rate_decay, momentum, decay, clip_norm, average;
    bool invert, nesterov, decay_weights_only, recompute, json, verbose, help;
};

struct verb {
    const char *name, *operands, *brief;
    const char *description, *examples;
    const enum option_id *options;
    int least_arguments, most_arguments; /* most -1: any number */
    enum exit_code (*run)(const struct options *options);
};

/* Reads argv[1...] (argv[0] is the verb). False, after a sentence on stderr, if it makes no sense. */
bool options_parse(struct options *options, const struct verb *verb, int argc, char **argv);

/* Prints a verb's page on stdout. */
void options_help(const struct verb *verb);

#endif

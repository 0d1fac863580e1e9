/* options.h - the command line: what each option is called, takes and means is said once, in options.c; parsing and
 * help texts both come from there. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>

enum exit_code { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

enum pass { PASS_FORWARD, PASS_DATA, PASS_FILTER, PASS_COUNT };
extern const char *const pass_names[PASS_COUNT];

enum option_id {
    OPTION_END, /* ends a verb's list */
    OPTION_OP,
    OPTION_CASE,
    OPTION_PASS,
    OPTION_IMPL,
    OPTION_SUITE,
    OPTION_BATCH,
    OPTION_REPEAT,
    OPTION_MODE,
    OPTION_INPUT,
    OPTION_SECONDS,
    OPTION_RECOMPUTE,
    OPTION_PROFILE,
    OPTION_ALL,
    OPTION_BUDGET,
    OPTION_IMPORT,
    OPTION_EXPORT,
    OPTION_DEVICE,
    OPTION_JSON,
    OPTION_HELP,
    OPTION_COUNT
};

/* What was asked for; NULL or 0 where nothing was. */
struct options {
    const char *op, *case_name, *pass, *impl, *suite, *device, *mode, *import_file, *export_file;
    const char *operand; /* the word that is no option */
    int batch, repeat, input, seconds, budget;
    bool all, recompute, profile, json, help;
};

struct verb {
    const char *name, *brief, *description, *examples;
    const char *operand; /* what the one word that is no option stands for, "[WORD]" if it may be
                            missing; NULL: the verb takes none */
    const enum option_id *options;
    enum exit_code (*run)(const struct options *options);
};

extern const struct verb verb_peak, verb_op, verb_net, verb_tune;

/* Reads argv[1...] (argv[0] is the verb). False, after a sentence on stderr, if it makes no sense. */
bool options_parse(struct options *options, const struct verb *verb, int argc, char **argv);

/* Prints a verb's page on stdout. */
void options_help(const struct verb *verb);

#endif

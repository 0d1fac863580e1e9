/* options.c - the table of options, and what is made of it: the parser and the help pages. */
#include "options.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What getopt_long calls long options: above every letter. */
enum { FIRST_LONG = 256, MOST = 1000000 };

enum kind { FLAG, TEXT, COUNT };

struct option_entry {
    const char *name;
    char letter; /* or 0 */
    enum kind kind;
    size_t field; /* in struct options */
    const char *operand, *help;
};

#define FIELD(name) offsetof(struct options, name)

/* In a help text, '\n' is where a line ends. */
static const struct option_entry entries[OPTION_COUNT] = {
    [OPTION_OP] = { "op", 'o', TEXT, FIELD(op), "NAME", "only this operation, such as conv or max_pool" },
    [OPTION_CASE] = { "case", 'c', TEXT, FIELD(case_name), "NAME",
                      "only the case of this name; if there is none, those whose name contains it" },
    [OPTION_PASS] = { "pass", 'p', TEXT, FIELD(pass), "NAME",
                      "forward, backward_data (the gradient of the input) or backward_filter\n"
                      "(the gradient of the parameters) (default: all)" },
    [OPTION_IMPL] = { "impl", 'i', TEXT, FIELD(impl), "NAME",
                      "only this implementation (default: all; of a suite: the one that Ocelli chooses)" },
    [OPTION_SUITE] = { "suite", 's', TEXT, FIELD(suite), "NET",
                       "the convolutions of a network instead of the cases of the tests" },
    [OPTION_BATCH] = { "batch", 'b', COUNT, FIELD(batch), "N",
                       "samples per call (default: as many as the case has; of a suite or a network: 16)" },
    [OPTION_REPEAT] = { "repeat", 'r', COUNT, FIELD(repeat), "N",
                        "runs after the one that warms up, of which the fastest counts (default: 5)" },
    [OPTION_MODE] = { "mode", 'm', TEXT, FIELD(mode), "MODE",
                      "infer or train, a step of the optimizer (default: infer)" },
    [OPTION_INPUT] = { "input", 'I', COUNT, FIELD(input), "SIZE",
                       "height and width of the picture (default: as published)" },
    [OPTION_SECONDS] = { "seconds", 't', COUNT, FIELD(seconds), "S",
                         "how long to measure, after warming up (default: 5)" },
    [OPTION_RECOMPUTE] = { "recompute", 'c', FLAG, FIELD(recompute), NULL,
                           "train in less memory: compute most activations twice instead of keeping them" },
    [OPTION_PROFILE] = { "profile", 'P', FLAG, FIELD(profile), NULL,
                         "then say where the time goes: each launch, longest first, and each kernel" },
    [OPTION_ALL] = { "all", 'a', FLAG, FIELD(all), NULL, "the eight networks of the suites" },
    [OPTION_BUDGET] = { "budget", 'B', COUNT, FIELD(budget), "SECONDS",
                        "stop after this time (default: when everything has been tried)" },
    [OPTION_IMPORT] = { "import", 'f', TEXT, FIELD(import_file), "FILE",
                        "first read records from a text file, or a file of cl/tuned" },
    [OPTION_EXPORT] = { "export", 'x', TEXT, FIELD(export_file), "FILE",
                        "at the end write all records to a text file" },
    [OPTION_DEVICE] = { "device", 'D', TEXT, FIELD(device), "NAME",
                        "an index of `ocelli devices`, cpu, gpu, or part of a name (default: the\n"
                        "environment's OCELLI_DEVICE, else the fastest GPU, else the CPU)" },
    [OPTION_JSON] = { "json", 'j', FLAG, FIELD(json), NULL, "print JSON, an object per line" },
    [OPTION_HELP] = { "help", 'h', FLAG, FIELD(help), NULL, "print this page" },
};

static bool usage(const struct verb *verb)
{
    fprintf(stderr, "Try 'ocelli-bench %s --help'.\n", verb->name);
    return false;
}

/* Stores the value of one option; false if it is none. */
static bool store(void *field, const struct option_entry *entry, const char *text)
{
    if (entry->kind == FLAG) {
        *(bool *)field = true;
        return true;
    }
    if (entry->kind == TEXT) {
        *(const char **)field = text;
        return *text != '\0';
    }
    char *end = NULL;
    const long number = strtol(text, &end, 10);
    *(int *)field = (int)number;
    return end != text && *end == '\0' && number >= 1 && number <= MOST;
}

static bool complain(const struct verb *verb, const struct option_entry *entry, const char *text)
{
    fprintf(stderr, "ocelli-bench %s: --%s cannot be '%s': ", verb->name, entry->name, text);
    if (entry->kind == COUNT)
        fprintf(stderr, "it takes a whole number from 1 to %d\n", MOST);
    else
        fprintf(stderr, "it is empty\n");
    return usage(verb);
}

/* getopt_long met an option that it does not know or, `value_missing`, one without its value. */
static bool complain_option(const struct verb *verb, bool value_missing, const char *word)
{
    const char letter[] = { '-', (char)optopt, '\0' };
    const bool is_letter = optopt > 0 && optopt < FIRST_LONG;
    fprintf(
        stderr, "ocelli-bench %s: %s '%s'\n", verb->name,
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
        *letters++ = entry->letter;
        if (entry->kind != FLAG)
            *letters++ = ':';
    }
    longs[count] = (struct option){ 0 };
    *letters = '\0';
}

static const struct option_entry *find(const struct verb *verb, int value)
{
    for (const enum option_id *id = verb->options; *id != OPTION_END; id++)
        if ((int)*id + FIRST_LONG == value || entries[*id].letter == value)
            return &entries[*id];
    return NULL;
}

bool options_parse(struct options *options, const struct verb *verb, int argc, char **argv)
{
    struct option longs[OPTION_COUNT + 1];
    char letters[2 * OPTION_COUNT + 2];
    make_tables(longs, letters, verb);
    *options = (struct options){ 0 };
    opterr = 0;
    int value;
    while ((value = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
        if (value == '?' || value == ':')
            return complain_option(verb, value == ':', argv[optind - 1]);
        const struct option_entry *entry = find(verb, value);
        if (!store((char *)options + entry->field, entry, optarg))
            return complain(verb, entry, optarg);
    }
    if (optind < argc && verb->operand)
        options->operand = argv[optind++];
    if (options->help)
        return true;
    if (optind < argc) {
        fprintf(stderr, "ocelli-bench %s: '%s' is one argument too many\n", verb->name, argv[optind]);
        return usage(verb);
    }
    if (verb->operand && *verb->operand != '[' && !options->operand) {
        fprintf(stderr, "ocelli-bench %s: %s is missing\n", verb->name, verb->operand);
        return usage(verb);
    }
    return true;
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
    printf("NAME\n    ocelli-bench %s - %s\n\n", verb->name, verb->brief);
    printf("SYNOPSIS\n    ocelli-bench %s%s%s [OPTION]...\n\nDESCRIPTION\n", verb->name,
           verb->operand ? " " : "", verb->operand ? verb->operand : "");
    print_indented(verb->description, 4);
    printf("\nOPTIONS\n");
    for (const enum option_id *id = verb->options; *id != OPTION_END; id++) {
        const struct option_entry *entry = &entries[*id];
        printf("    -%c, --%s%s%s\n", entry->letter, entry->name, entry->operand ? " " : "",
               entry->operand ? entry->operand : "");
        print_indented(entry->help, 8);
    }
    printf("\nEXIT STATUS\n    0 done; 1 it failed, or a result was wrong, and the reason is on stderr;\n"
           "    2 the command line makes no sense\n\nEXAMPLES\n");
    print_indented(verb->examples, 4);
}

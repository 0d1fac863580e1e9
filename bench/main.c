/* main.c - ocelli-bench: finds the verb, lets it work, and sees that its results were really written. */
#include "options.h"

#include <errno.h>
#include <ocelli/ocelli.h>
#include <stdio.h>
#include <string.h>

static const struct verb *const verbs[] = { &verb_peak, &verb_op, &verb_net, &verb_tune, NULL };

static void print_verbs(FILE *file)
{
    fprintf(file,
            "ocelli-bench %s - how fast Ocelli is on an OpenCL device\n\n"
            "Usage: ocelli-bench VERB [OPTION]...\n\n",
            OC_VERSION);
    for (int i = 0; verbs[i]; i++)
        fprintf(file, "    %-5s  %s\n", verbs[i]->name, verbs[i]->brief);
    fprintf(file,
            "\n'ocelli-bench VERB --help' explains a verb; 'ocelli-bench --version' prints the version.\n");
}

static const struct verb *find(const char *name)
{
    for (int i = 0; verbs[i]; i++)
        if (strcmp(verbs[i]->name, name) == 0)
            return verbs[i];
    fprintf(stderr, "ocelli-bench: there is no verb '%s'; the verbs are", name);
    for (int i = 0; verbs[i]; i++)
        fprintf(stderr, "%s %s", i > 0 ? "," : "", verbs[i]->name);
    fputc('\n', stderr);
    return NULL;
}

static bool is_one_of(const char *text, const char *a, const char *b)
{
    return strcmp(text, a) == 0 || strcmp(text, b) == 0;
}

static enum exit_code run(int argc, char **argv)
{
    struct options options;
    if (argc < 2) {
        print_verbs(stderr);
        return EXIT_USAGE;
    }
    const bool help = is_one_of(argv[1], "help", "--help") || strcmp(argv[1], "-h") == 0;
    if (help && argc == 2) {
        print_verbs(stdout);
        return EXIT_OK;
    }
    if (is_one_of(argv[1], "version", "--version")) {
        printf("ocelli-bench %s\n", OC_VERSION);
        return EXIT_OK;
    }
    const struct verb *verb = find(argv[help ? 2 : 1]);
    if (!verb || (!help && !options_parse(&options, verb, argc - 1, argv + 1)))
        return EXIT_USAGE;
    if (help || options.help) {
        options_help(verb);
        return EXIT_OK;
    }
    return verb->run(&options);
}

int main(int argc, char **argv)
{
    const enum exit_code code = run(argc, argv);
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == EXIT_OK) {
        fprintf(stderr, "ocelli-bench: cannot write to standard output: %s\n", strerror(errno));
        return EXIT_FAILED;
    }
    return (int)code;
}

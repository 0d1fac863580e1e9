/* main.c - ocelli: finds the verb, lets it work, and sees that its results were really written. */
#include "options.h"
#include "output.h"
#include "verbs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct verb *const verbs[] = {
    &verb_devices, &verb_doctor, &verb_models, &verb_summary, &verb_train, &verb_eval, &verb_predict, NULL,
};

static void print_verbs(FILE *file)
{
    fprintf(file,
            "ocelli %s - convolutional networks on any OpenCL device\n\nUsage: ocelli VERB [OPTION]...\n\n",
            OC_VERSION);
    for (int i = 0; verbs[i]; i++)
        fprintf(file, "    %-8s  %s\n", verbs[i]->name, verbs[i]->brief);
    fprintf(file, "\n'ocelli VERB --help' explains a verb; 'ocelli --version' prints the version.\n");
}

static const struct verb *find(const char *name)
{
    for (int i = 0; verbs[i]; i++)
        if (strcmp(verbs[i]->name, name) == 0)
            return verbs[i];
    fprintf(stderr, "ocelli: there is no verb '%s'; the verbs are", name);
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
        printf("ocelli %s\n", OC_VERSION);
        return EXIT_OK;
    }
    const struct verb *verb = find(argv[help ? 2 : 1]);
    if (!verb)
        return EXIT_USAGE;
    if (!help && !options_parse(&options, verb, argc - 1, argv + 1))
        return EXIT_USAGE;
    if (help || options.help) {
        options_help(verb);
        return EXIT_OK;
    }
    output_log(options.verbose);
    return verb->run(&options);
}

int main(int argc, char **argv)
{
    const enum exit_code code = run(argc, argv);
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == EXIT_OK)
        return (int)output_error("cannot write to standard output: %s", strerror(errno));
    return (int)code;
}

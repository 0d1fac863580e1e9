/* subjects.c - the cases of tests/cases and the layers of the suites, by name. */
#include "subjects.h"
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUITE_BATCH = 16 };

/* Begins the sentence about an unknown name; known ones follow. */
static void unknown(const char *what, const char *name)
{
    fprintf(stderr, "ocelli-bench op: there is no %s '%s'; there are", what, name);
}

static void known(const char *name, int *count)
{
    const char *quote = strchr(name, ' ') ? "'" : "";
    fprintf(stderr, "%s %s%s%s", (*count)++ > 0 ? "," : "", quote, name, quote);
}

static enum exit_code usage(void)
{
    fprintf(stderr, "\n");
    return EXIT_USAGE;
}

/* ---- implementations ---- */

/* Whether an operation before the given one has an implementation of this name. */
static bool seen_before(int op, const char *impl)
{
    for (int i = 0; i < op; i++)
        for (int j = 0; oc_op_implementation(oc_op_name(i), j); j++)
            if (strcmp(oc_op_implementation(oc_op_name(i), j), impl) == 0)
                return true;
    return false;
}

bool subjects_know_impl(const char *impl)
{
    int ops = 0, count = 0;
    while (oc_op_name(ops))
        ops++;
    if (seen_before(ops, impl))
        return true;
    unknown("implementation", impl);
    for (int i = 0; i < ops; i++)
        for (int j = 0; oc_op_implementation(oc_op_name(i), j); j++)
            if (!seen_before(i, oc_op_implementation(oc_op_name(i), j)))
                known(oc_op_implementation(oc_op_name(i), j), &count);
    usage();
    return false;
}

/* ---- cases ---- */

void subject_set_batch(struct subject *s, int batch)
{
    for (int i = 0; i < s->spec->inputs; i++)
        s->c.shape[i][0] = batch;
    if (strcmp(s->spec->op, "reshape") == 0)
        s->c.reshape[0] = batch;
}

static struct subject from_case(const struct op_spec *spec, const struct op_case *c)
{
    return (struct subject){ .spec = spec, .c = *c };
}

static struct subject from_layer(const struct op_spec *conv, const struct suite_layer *layer)
{
    struct subject s = { .spec = conv, .count = layer->count };
    s.c = (struct op_case){ .shape = { { SUITE_BATCH, layer->channels, layer->size, layer->size } },
                            .conv = { .filters = layer->filters,
                                      .window = { layer->window },
                                      .stride = { layer->stride },
                                      .groups = layer->groups,
                                      .pad = layer->pad,
                                      .rounding = OC_ROUND_FLOOR,
                                      .no_bias = true } };
    int length = snprintf(s.name, sizeof s.name, "%dx%d, %d to %d channels, %dx%d", layer->window,
                          layer->window, layer->channels, layer->filters, layer->size, layer->size);
    if (layer->stride > 1)
        length += snprintf(s.name + length, sizeof s.name - (size_t)length, ", stride %d", layer->stride);
    if (layer->groups > 1)
        snprintf(s.name + length, sizeof s.name - (size_t)length, ", %d groups", layer->groups);
    return s;
}

static const struct op_spec *find_spec(const char *op)
{
    for (int i = 0; subjects_spec(i); i++)
        if (strcmp(subjects_spec(i)->op, op) == 0)
            return subjects_spec(i);
    int count = 0;
    unknown("operation", op);
    for (int i = 0; subjects_spec(i); i++)
        known(subjects_spec(i)->op, &count);
    usage();
    return NULL;
}

static const struct suite *find_suite(const char *name)
{
    for (int i = 0; suite_at(i); i++)
        if (strcmp(suite_at(i)->name, name) == 0)
            return suite_at(i);
    int count = 0;
    unknown("suite", name);
    for (int i = 0; suite_at(i); i++)
        known(suite_at(i)->name, &count);
    usage();
    return NULL;
}

static struct subject *allocate(int count)
{
    struct subject *list = calloc((size_t)count, sizeof *list);
    if (!list)
        perror("ocelli-bench");
    return list;
}

static enum exit_code list_suite(struct subject **list, int *count, const struct options *options)
{
    const struct suite *suite = find_suite(options->suite);
    if (!suite)
        return EXIT_USAGE;
    const struct op_spec *spec = find_spec(options->op ? options->op : "conv");
    if (!spec)
        return EXIT_USAGE;
    if (strcmp(spec->op, "conv") != 0) {
        fprintf(stderr, "ocelli-bench op: a suite has convolutions only, not %s\n", spec->op);
        return EXIT_USAGE;
    }
    *list = allocate(suite->layer_count);
    for (int i = 0; *list && i < suite->layer_count; i++) {
        (*list)[i] = from_layer(spec, &suite->layers[i]);
        (*list)[i].first = i == 0;
        (*count)++;
    }
    return *list ? EXIT_OK : EXIT_FAILED;
}

static enum exit_code list_cases(struct subject **list, int *count, const struct options *options)
{
    const struct op_spec *only = options->op ? find_spec(options->op) : NULL;
    int cases = 0;
    if (options->op && !only)
        return EXIT_USAGE;
    for (int i = 0; subjects_spec(i); i++)
        cases += subjects_spec(i)->case_count;
    *list = allocate(cases);
    for (int i = 0; *list && subjects_spec(i); i++)
        for (int j = 0; j < subjects_spec(i)->case_count && (!only || only == subjects_spec(i)); j++)
            (*list)[(*count)++] = from_case(subjects_spec(i), &subjects_spec(i)->cases[j]);
    return *list ? EXIT_OK : EXIT_FAILED;
}

/* Keeps the cases of this name or, if there is none, those whose name contains it. */
static enum exit_code keep_named(struct subject *list, int *count, const char *name)
{
    bool exact = false;
    int kept = 0;
    for (int i = 0; i < *count; i++)
        exact = exact || strcmp(list[i].c.name, name) == 0;
    for (int i = 0; i < *count; i++)
        if (exact ? strcmp(list[i].c.name, name) == 0 : strstr(list[i].c.name, name) != NULL)
            list[kept++] = list[i];
    if (kept == 0) {
        int listed = 0;
        unknown("case", name);
        for (int i = 0; i < *count; i++) {
            int j = 0; /* operations have cases of the same name */
            while (j < i && strcmp(list[j].c.name, list[i].c.name) != 0)
                j++;
            if (j == i)
                known(list[i].c.name, &listed);
        }
        return usage();
    }
    *count = kept;
    return EXIT_OK;
}

/* The names of a suite's cases lie in the list itself, so they move with it. */
static void point_to_names(struct subject *list, int count)
{
    for (int i = 0; i < count; i++)
        if (list[i].count > 0)
            list[i].c.name = list[i].name;
}

enum exit_code subjects_find(struct subject **list, int *count, const struct options *options)
{
    *list = NULL;
    *count = 0;
    enum exit_code code =
        options->suite ? list_suite(list, count, options) : list_cases(list, count, options);
    point_to_names(*list, *count);
    if (code == EXIT_OK && options->case_name)
        code = keep_named(*list, count, options->case_name);
    point_to_names(*list, *count);
    for (int i = 0; options->batch > 0 && i < *count; i++)
        subject_set_batch(&(*list)[i], options->batch);
    return code;
}

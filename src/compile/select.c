/* select.c - chooses an implementation for each node: the one the model's descriptor names, else what tuning found to be
 * fastest, else the first of its list that supports the node on this device, with its heuristic's values. */
#include "compile/compile.h"
#include "ops/ops.h"

#include <string.h>

/* Whether the text, which is not terminated, is this name. */
static bool is_name(const char *name, const char *text, size_t length)
{
    return strlen(name) == length && strncmp(name, text, length) == 0;
}

/* The name asked for op in "conv=reference,max_pool=vector"; "reference" alone is for all. Not terminated. */
static const char *wanted_name(const char *choices, const char *op, size_t *length)
{
    const char *wanted = NULL;
    for (const char *c = choices; c && *c; c += *c == ',') {
        const size_t span = strcspn(c, ",");
        const char *equals = memchr(c, '=', span);
        if (!equals || is_name(op, c, (size_t)(equals - c))) {
            wanted = equals ? equals + 1 : c;
            *length = span - (size_t)(wanted - c);
        }
        c += span;
    }
    return wanted;
}

/* "name" or "name NAME=value ..." in two parts, terminated. */
struct wish {
    char name[32], values[160];
    bool has_values;
};

static struct wish read_wish(const char *text, size_t length)
{
    struct wish wish = { .has_values = memchr(text, ' ', length) != NULL };
    const char *space = wish.has_values ? memchr(text, ' ', length) : text + length;
    struct text name = TEXT_IN(wish.name), values = TEXT_IN(wish.values);
    text_print(&name, "%.*s", (int)(space - text), text);
    if (wish.has_values)
        text_print(&values, "%.*s", (int)(text + length - space - 1), space + 1);
    return wish;
}

/* One "op=name". */
static oc_status check_choice(const char *choice, size_t op_length, size_t name_length)
{
    const struct op *const *op = op_table;
    while (*op && !is_name((*op)->name, choice, op_length))
        op++;
    if (!*op)
        return fail(OC_E_NOT_FOUND, "implementations: there is no operation \"%.*s\"", (int)op_length,
                    choice);
    const struct wish wish = read_wish(choice + op_length + 1, name_length);
    struct choice parsed = { .impl = (*op)->impls };
    const bool good = choice_parse(&parsed, *op, wish.name, wish.values);
    if (!parsed.impl->name)
        return fail(OC_E_NOT_FOUND, "implementations: operation \"%s\" has no implementation \"%s\"",
                    (*op)->name, wish.name);
    if (wish.has_values && !good)
        return fail(OC_E_NOT_FOUND, "implementations: \"%s\" are not values that \"%s\" of \"%s\" can have",
                    wish.values, wish.name, (*op)->name);
    return OC_OK;
}

static oc_status check_choices(const char *choices)
{
    for (const char *c = choices; c && *c; c += *c == ',') {
        const size_t span = strcspn(c, ",");
        const char *equals = memchr(c, '=', span);
        if (equals)
            TRY(check_choice(c, (size_t)(equals - c), span - (size_t)(equals + 1 - c)));
        else if (!is_name("reference", c, span))
            return fail(OC_E_ARGUMENT, "implementations: \"%.*s\" is neither \"reference\" nor \"op=name\"",
                        (int)span, c);
        c += span;
    }
    return OC_OK;
}

static bool choose_by_name(struct choice *choice, const struct node *n, const oc_device_info *device,
                           const char *text, size_t length)
{
    const struct wish wish = read_wish(text, length);
    const bool good = choice_parse(choice, n->op, wish.name, wish.values);
    if (!choice->impl->name || !impl_supports(choice->impl, n, device))
        return false;
    if (wish.has_values)
        return good && choice_is_allowed(choice, n, device);
    choice_default(choice, choice->impl, n, device);
    return true;
}

static bool choose_by_record(struct choice *choice, const struct node *n, const struct plan *plan)
{
    char buffer[PROBLEM_BYTES];
    struct text problem = TEXT_IN(buffer);
    if (!plan->records || plan->records->count == 0)
        return false;
    problem_print(&problem, n->repeats ? n->repeats : n,
                  plan->train); /* the same kernels give the same bits */
    return !problem.overflow && records_find(plan->records, n, plan->device, buffer, choice);
}

bool plan_choose_untuned(struct choice *choice, const struct node *n, const struct plan *plan)
{
    const oc_device_info *device = oc_device_get_info(plan->device);
    size_t length;
    const char *wanted = wanted_name(plan->desc->implementations, n->op->name, &length);
    return wanted ? choose_by_name(choice, n, device, wanted, length) : choice_heuristic(choice, n, device);
}

static oc_status choose(struct node *n, const struct plan *plan)
{
    const oc_device_info *device = oc_device_get_info(plan->device);
    size_t length = 0;
    const char *wanted = wanted_name(plan->desc->implementations, n->op->name, &length);
    struct choice choice;
    if (!((!wanted && choose_by_record(&choice, n, plan)) || plan_choose_untuned(&choice, n, plan)))
        return node_fail(n, OC_E_UNSUPPORTED, "%s%.*s%s does not support it on device \"%s\"",
                         wanted ? "implementation \"" : "Ocelli", (int)length, wanted ? wanted : "",
                         wanted ? "\"" : "", device->name);
    n->impl = choice.impl;
    memcpy(n->tuned, choice.tuned, sizeof n->tuned);
    return OC_OK;
}

oc_status pass_select(struct plan *plan)
{
    TRY(check_choices(plan->desc->implementations));
    /* Backwards: what `prepare` puts before a node gets its implementation in turn. */
    for (struct node *n = plan->graph->last; n; n = n->previous) {
        if (n->view)
            continue;
        if (!n->impl)
            TRY(choose(n, plan));
        if (n->impl->prepare)
            TRY(n->impl->prepare(n));
    }
    return OC_OK;
}

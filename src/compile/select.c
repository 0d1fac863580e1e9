/* select.c - chooses an implementation for each node: the first of its list that supports the node on this device,
 * unless the model's descriptor says otherwise. */
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

/* One "op=name". */
static oc_status check_choice(const char *choice, size_t op_length, size_t name_length)
{
    const struct op *const *op = op_table;
    while (*op && !is_name((*op)->name, choice, op_length))
        op++;
    if (!*op)
        return fail(OC_E_NOT_FOUND, "implementations: there is no operation \"%.*s\"", (int)op_length,
                    choice);
    for (const struct impl *impl = (*op)->impls; impl->name; impl++)
        if (is_name(impl->name, choice + op_length + 1, name_length))
            return OC_OK;
    return fail(OC_E_NOT_FOUND, "implementations: operation \"%s\" has no implementation \"%.*s\"",
                (*op)->name, (int)name_length, choice + op_length + 1);
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

static oc_status choose(struct node *n, const char *choices, const oc_device_info *device)
{
    size_t length = 0;
    const char *wanted = wanted_name(choices, n->op->name, &length);
    for (const struct impl *impl = n->op->impls; impl->name && !n->impl; impl++)
        if ((!wanted || is_name(impl->name, wanted, length)) &&
            (!impl->supports || impl->supports(n, device)))
            n->impl = impl;
    if (!n->impl)
        return node_fail(n, OC_E_UNSUPPORTED, "%s%.*s%s does not support it on device \"%s\"",
                         wanted ? "implementation \"" : "Ocelli", (int)length, wanted ? wanted : "",
                         wanted ? "\"" : "", device->name);
    for (int i = 0; n->impl->tunables && n->impl->tunables[i].name; i++)
        n->tuned[i] = n->impl->tunables[i].values[0];
    if (n->impl->heuristic)
        n->impl->heuristic(n, device, n->tuned);
    return n->impl->prepare ? n->impl->prepare(n) : OC_OK;
}

oc_status pass_select(struct plan *plan)
{
    const oc_device_info *device = oc_device_get_info(plan->device);
    const char *choices = plan->desc->implementations;
    TRY(check_choices(choices));
    /* Backwards: what `prepare` puts before a node gets its implementation in turn. */
    for (struct node *n = plan->graph->last; n; n = n->previous)
        if (!n->view)
            TRY(choose(n, choices, device));
    return OC_OK;
}

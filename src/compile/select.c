/* select.c - chooses an implementation for each node: the first of its list that supports the node on this device,
 * unless the model's descriptor says otherwise. */
#include "compile/compile.h"
#include "ops/ops.h"

#include <string.h>

/* The name asked for op in "conv=reference,max_pool=vector"; "reference" alone is for all. Not terminated. */
static const char *wanted_name(const char *choices, const char *op, size_t *length)
{
    const size_t op_length = strlen(op);
    const char *wanted = NULL;
    for (const char *c = choices; c && *c; c += *c == ',') {
        const size_t span = strcspn(c, ",");
        const char *equals = memchr(c, '=', span);
        if (!equals || ((size_t)(equals - c) == op_length && strncmp(c, op, op_length) == 0)) {
            wanted = equals ? equals + 1 : c;
            *length = span - (size_t)(wanted - c);
        }
        c += span;
    }
    return wanted;
}

static bool known_op(const char *name, size_t length)
{
    for (const struct op *const *op = op_table; *op; op++)
        if (strlen((*op)->name) == length && strncmp((*op)->name, name, length) == 0)
            return true;
    return false;
}

static oc_status check_choices(const char *choices)
{
    for (const char *c = choices; c && *c; c += *c == ',') {
        const size_t span = strcspn(c, ",");
        const char *equals = memchr(c, '=', span);
        if (equals && !known_op(c, (size_t)(equals - c)))
            return fail(OC_E_NOT_FOUND, "implementations: there is no operation \"%.*s\"", (int)(equals - c),
                        c);
        if (!equals && strncmp(c, "reference", span) != 0)
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
    bool exists = false;
    for (const struct impl *impl = n->op->impls; impl->name && !n->impl; impl++) {
        if (wanted && (strlen(impl->name) != length || strncmp(impl->name, wanted, length) != 0))
            continue;
        exists = true;
        if (!impl->supports || impl->supports(n, device))
            n->impl = impl;
    }
    if (!n->impl && wanted && !exists)
        return node_fail(n, OC_E_NOT_FOUND, "it has no implementation \"%.*s\"", (int)length, wanted);
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

/* zoo.c - the list of networks, and what all of them have in common: a picture, a label, softmax and loss. */
#include "zoo.h"
#include "base/status.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

static const struct zoo_entry *const families[] = { lenet_family,   xo_family,           convnetjs_family,
                                                    alexnet_family, vgg_family,          googlenet_family,
                                                    resnet_family,  resnet_cifar_family, densenet_family };

enum { FAMILY_COUNT = sizeof families / sizeof families[0], MOST_WIDTH_FACTOR = 1000 };

static const float auxiliary_weight = 0.3f; /* Szegedy et al. 2014 */

/* The index-th network, NULL past the end. */
static const struct zoo_entry *at(int index)
{
    for (int i = 0; i < FAMILY_COUNT && index >= 0; i++)
        for (const struct zoo_entry *entry = families[i]; entry->name; entry++)
            if (index-- == 0)
                return entry;
    return NULL;
}

static const struct zoo_entry *find(const char *name)
{
    const struct zoo_entry *entry;
    for (int i = 0; name && (entry = at(i)); i++)
        if (strcmp(entry->name, name) == 0)
            return entry;
    return NULL;
}

const char *zoo_name(char *buffer, int capacity, const char *block, const char *layer)
{
    snprintf(buffer, (size_t)capacity, "%s.%s", block, layer);
    return buffer;
}

int zoo_width(const struct zoo_build *b, int published)
{
    const int width = (int)(published * b->width_factor + 0.5);
    return width > 1 ? width : 1;
}

const char *oc_zoo_name(int index)
{
    const struct zoo_entry *entry = at(index);
    return entry ? entry->name : NULL;
}

const char *oc_zoo_description(const char *name)
{
    const struct zoo_entry *entry = find(name);
    return entry ? entry->description : NULL;
}

static oc_status unknown(const char *name)
{
    char list[3072];
    struct text known = TEXT_IN(list);
    for (int i = 0; at(i); i++)
        text_print(&known, "%s%s", i > 0 ? ", " : "", at(i)->name);
    return fail(OC_E_NOT_FOUND, "there is no model '%s'; the models are %s", name ? name : "", list);
}

static int or_published(int wanted, int published)
{
    return wanted != 0 ? wanted : published;
}

/* The loss of the logits, and a share of that of each further head. */
static oc_tensor *total_loss(oc_tensor *logits, const struct zoo_build *build, oc_tensor *label)
{
    oc_tensor *losses[1 + MAX_AUXILIARY] = { oc_softmax_cross_entropy(logits, label) };
    float weights[1 + MAX_AUXILIARY] = { 1.f };
    int count = 1;
    for (int i = 0; i < MAX_AUXILIARY && build->auxiliary[i]; i++, count++) {
        losses[count] = oc_softmax_cross_entropy(build->auxiliary[i], label);
        weights[count] = auxiliary_weight;
    }
    return count > 1 ? oc_weighted_sum(losses, weights, count) : losses[0];
}

oc_status oc_zoo_create(oc_net *net, const char *name, const oc_net_desc *desc)
{
    *net = (oc_net){ 0 };
    const struct zoo_entry *entry = find(name);
    if (!entry)
        return unknown(name);
    const oc_net_desc wanted = desc ? *desc : (oc_net_desc){ 0 };
    if (!(wanted.width_factor >= 0 && wanted.width_factor <= MOST_WIDTH_FACTOR))
        return fail(OC_E_ARGUMENT, "%s: a width factor of %g is not in 0..%d", name,
                    (double)wanted.width_factor, MOST_WIDTH_FACTOR);
    const int64_t batch = or_published(wanted.batch, 1);
    oc_net made = { .graph = oc_graph_create(NULL) };
    made.image = oc_input(made.graph,
                          &(oc_input_desc){ .name = "image",
                                            .shape = { batch, or_published(wanted.channels, entry->channels),
                                                       or_published(wanted.height, entry->height),
                                                       or_published(wanted.width, entry->width) } });
    made.label =
        oc_input(made.graph, &(oc_input_desc){ .name = "label", .shape = { batch }, .type = OC_I32 });
    struct zoo_build build = { .image = made.image,
                               .classes = or_published(wanted.classes, entry->classes),
                               .width_factor = wanted.width_factor > 0 ? (double)wanted.width_factor : 1.0,
                               .variant = entry->variant };
    made.logits = entry->build(&build);
    made.probabilities = oc_named(oc_softmax(made.logits), "probabilities");
    made.loss = oc_named(total_loss(made.logits, &build, made.label), "loss");
    const oc_status status = oc_graph_check(made.graph);
    if (status == OC_OK)
        *net = made;
    else
        oc_graph_destroy(made.graph);
    return status;
}

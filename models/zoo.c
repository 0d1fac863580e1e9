/* zoo.c - the list of networks, and what all of them have in common: a picture, a label, softmax and loss. */
#include "zoo.h"
#include "base/status.h"
#include "base/text.h"

#include <string.h>

static const struct zoo_entry {
    const char *name, *description;
    int channels, height, width, classes; /* as published */
    oc_tensor *(*build)(oc_tensor *image, int classes);
} zoo[] = {
    { "lenet5", "LeNet-5 for handwritten digits, tanh and average pooling (1998)", 1, 32, 32, 10, lenet5 },
    { "lenet5_relu", "LeNet-5 with ReLU and max pooling", 1, 32, 32, 10, lenet5_relu },
    { "xo", "tells an X from an O; any size from 5x5", 1, 9, 9, 2, xo },
    { "convnetjs_cifar10", "the CIFAR-10 network of the ConvNetJS demonstration (2014)", 3, 32, 32, 10,
      convnetjs_cifar10 },
};

enum { ZOO_COUNT = sizeof zoo / sizeof zoo[0] };

static const struct zoo_entry *find(const char *name)
{
    for (int i = 0; name && i < ZOO_COUNT; i++)
        if (strcmp(zoo[i].name, name) == 0)
            return &zoo[i];
    return NULL;
}

const char *oc_zoo_name(int index)
{
    return index >= 0 && index < ZOO_COUNT ? zoo[index].name : NULL;
}

const char *oc_zoo_description(const char *name)
{
    const struct zoo_entry *entry = find(name);
    return entry ? entry->description : NULL;
}

static oc_status unknown(const char *name)
{
    char list[1024];
    struct text known = TEXT_IN(list);
    for (int i = 0; i < ZOO_COUNT; i++)
        text_print(&known, "%s%s", i > 0 ? ", " : "", zoo[i].name);
    return fail(OC_E_NOT_FOUND, "there is no model '%s'; the models are %s", name ? name : "", list);
}

static int or_published(int wanted, int published)
{
    return wanted != 0 ? wanted : published;
}

oc_status oc_zoo_create(oc_net *net, const char *name, const oc_net_desc *desc)
{
    *net = (oc_net){ 0 };
    const struct zoo_entry *entry = find(name);
    if (!entry)
        return unknown(name);
    const oc_net_desc wanted = desc ? *desc : (oc_net_desc){ 0 };
    const int64_t batch = or_published(wanted.batch, 1);
    oc_net made = { .graph = oc_graph_create(NULL) };
    made.image = oc_input(made.graph,
                          &(oc_input_desc){ .name = "image",
                                            .shape = { batch, or_published(wanted.channels, entry->channels),
                                                       or_published(wanted.height, entry->height),
                                                       or_published(wanted.width, entry->width) } });
    made.label =
        oc_input(made.graph, &(oc_input_desc){ .name = "label", .shape = { batch }, .type = OC_I32 });
    made.logits = entry->build(made.image, or_published(wanted.classes, entry->classes));
    made.probabilities = oc_named(oc_softmax(made.logits), "probabilities");
    made.loss = oc_named(oc_softmax_cross_entropy(made.logits, made.label), "loss");
    const oc_status status = oc_graph_check(made.graph);
    if (status == OC_OK)
        *net = made;
    else
        oc_graph_destroy(made.graph);
    return status;
}

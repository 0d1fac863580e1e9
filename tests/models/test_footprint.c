/* test_footprint.c - how much memory whole networks need, against what their mathematics needs.
 *
 * Activations proper are what is left without workspace and packed weights: the reference implementations use next to
 * none of these. Planning allocates nothing on the device. */
#include "support/case.h"
#include "support/fixture.h"
#include "graph/graph.h"
#include "graph/op.h"
#include <ocelli/models.h>

#include <string.h>

static oc_memory_info plan(oc_device *device, const oc_net *net, bool train, bool plain)
{
    oc_memory_info info;
    CHECK(oc_model_predict_memory(&info, net->graph, device,
                                  &(oc_model_desc){ .loss = train ? net->loss : NULL,
                                                    .outputs = (oc_tensor *const[]){ net->logits, NULL },
                                                    .implementations = plain ? "reference" : NULL }));
    return info;
}

static oc_net network(const char *name, int batch)
{
    oc_net net;
    CHECK(oc_zoo_create(&net, name, &(oc_net_desc){ .batch = batch }));
    return net;
}

/* 64 maps of 224x224 before and after the second convolution, and the picture: 26 MB, where all together are 93 MB. */
Test(footprint, vgg16_infers_a_picture_in_40_mb)
{
    enum { FEW = 1, MANY = 16 };
    oc_device *device = fixture_open();
    for (int plain = 0; plain < 2; plain++) {
        oc_net few = network("vgg16", FEW), many = network("vgg16", MANY);
        const oc_memory_info a = plan(device, &few, false, plain), b = plan(device, &many, false, plain);
        const double each = (double)(b.activations - a.activations) / (MANY - FEW),
                     unshared = (double)(b.unshared - a.unshared) / (MANY - FEW);
        cr_expect(each <= 27e6 && unshared >= 60e6, "%.1f MB a picture, %.1f if nothing is shared",
                  each / 1e6, unshared / 1e6);
        if (plain)
            cr_expect_leq(b.activations, (int64_t)40000000 * MANY);
        oc_graph_destroy(few.graph);
        oc_graph_destroy(many.graph);
    }
    oc_device_close(device);
}

/* The tensor whose memory a view shows. */
static const oc_tensor *source(const oc_tensor *x)
{
    while (x->producer && x->producer->view)
        x = x->producer->in[0];
    return x;
}

static bool is(const struct node *n, const char *op)
{
    return strcmp(n->op->name, op) == 0;
}

/* What the backward pass needs: inputs of convolutions, dense layers and normalisations, the sign of what a ReLU let
 * through, and of a maximum one byte that says which. A ReLU before a maximum has the sign of the maximum. */
static int64_t needed_bytes(const oc_net *net)
{
    static bool needed[1 << 14];
    int64_t bytes = 0;
    memset(needed, 0, sizeof needed);
    cr_assert(net->graph->tensor_count < sizeof needed);
    for (const struct node *n = net->graph->first; n; n = n->next) {
        if (is(n, "conv") || is(n, "dense") || is(n, "batch_norm"))
            needed[source(n->in[0])->id] = true;
        bool selected = false;
        for (const struct node *m = n->next; is(n, "relu") && m; m = m->next)
            selected = selected || (is(m, "max_pool") && m->in[0] == n->out[0]);
        if (is(n, "relu") && !selected)
            needed[n->out[0]->id] = true;
        if (is(n, "max_pool"))
            bytes += shape_count(&n->out[1]->shape);
    }
    for (size_t i = 0; i < net->graph->tensor_count; i++)
        if (needed[i])
            bytes += shape_count(&net->graph->tensors[i]->shape) * 4;
    return bytes;
}

/* Beside what is needed there are gradients and gaps. */
Test(footprint, training_keeps_what_backward_needs)
{
    static const struct {
        const char *name;
        int batch;
        double most; /* times what is needed */
    } table[] = { { "vgg16", 16,
                    1.6 }, /* its first maps, half of all, do not fit into the gaps that others leave */
                  { "resnet18", 16, 1.1 },
                  { "resnet50", 16, 1.05 },
                  { "resnet50", 128, 1.05 } };
    oc_device *device = fixture_open();
    for (int i = 0; i < COUNT_OF(table); i++) {
        oc_net net = network(table[i].name, table[i].batch);
        const double needed = (double)needed_bytes(&net);
        const double planned = (double)plan(device, &net, true, true).activations;
        cr_expect(planned <= table[i].most * needed, "%s, batch %d: %.1f MB for %.1f MB", table[i].name,
                  table[i].batch, planned / 1e6, needed / 1e6);
        cr_expect(planned > 0.9 * needed, "%s: less than is needed?", table[i].name);
        oc_graph_destroy(net.graph);
    }
    oc_device_close(device);
}

/* test_gradients.c - every network, forward and backward, against the oracles executed over the same graph, with random
 * weights, at a small input and narrower than published (replica.h).
 *
 * Twice, because neither check can do the other's work:
 * - Layer by layer. A replica with probes hands out every value and every gradient that the device computed. Each layer's
 *   oracle gets the device's own values, so that what comes out must lie within the bound of that one layer, whatever the
 *   depth: kernels at the shapes that networks have.
 * - End to end. The network as it is, fused and with memory shared, in inference and in training. A bound that is carried
 *   through all layers would grow beyond use within a few of them, and what a rounding does to the result is a matter of
 *   the network's condition, which the oracle measures: it runs again with random errors of the size that rounding is
 *   expected to have after every layer, forward and backward. What these change in a tensor, in the Euclidean norm, times
 *   FACTOR is what the device may be off. Where that is more than a fifth of the norm it says little; a network of which
 *   that holds for more than a tenth of the tensors must be marked as chaotic.
 *   Convolutions are plain sums here, for which that disturbance is meant: Winograd's larger errors flip more ReLUs.
 *   Rounding may also take a value across the kink of a ReLU, or make another value of a window the largest, in which case
 *   a gradient changes by much more. That is rare, so a network has to agree on one of a few pictures; a mistake would
 *   show on all of them.
 *
 * OCELLI_TEST_NETWORK=resnet18 runs that network only; OCELLI_TEST_VERBOSE=1 reports the largest errors relative to their
 * bounds, and the share of tensors of which end to end says little. */
#include "support/network.h"
#include "models/recipe.h"
#include "support/fixture.h"
#include "support/replica.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

enum {
    BATCH = RECIPE_BATCH,
    CLASSES = RECIPE_CLASSES,
    FACTOR = 8,
    PICTURES = 3,
    SEED = 5,
    MAX_MESSAGES = 20,
    MAX_WINOGRAD = 1024
};

/* Of the norm: allowed in any case, since one disturbance says little about a tensor of few values; and a bound that says
 * little. */
static const double least = 4e-6, vague = 0.2;

static const struct subject {
    const char *name;
    int size, divisor;
    bool chaotic;
} subjects[] = {
    { "lenet5", 32, 1, false },
    { "lenet5_relu", 32, 1, false },
    { "xo", 9, 1, false },
    { "convnetjs_cifar10", 16, 1, false },
    { "alexnet", 95, 4, false },
    { "alexnet_2012", 99, 4, false },
    { "alexnet_2012_single", 99, 4, false },
    { "zfnet", 85, 4, false },
    { "vgg11", 32, 8, false },
    { "vgg11_bn", 64, 8, false },
    { "vgg_a_lrn", 32, 8, false },
    { "vgg13", 32, 8, false },
    { "vgg13_bn", 64, 8, false },
    { "vgg_c", 32, 8, false },
    { "vgg16", 32, 8, false },
    { "vgg16_bn", 64, 8, false },
    { "vgg19", 32, 8, false },
    { "vgg19_bn", 64, 8, true },
    { "googlenet", 65, 4, false },
    { "googlenet_aux", 80, 4, false },
    { "googlenet_2014", 80, 4, false },
    { "resnet18", 33, 4, false },
    { "resnet34", 33, 8, false },
    { "resnet50", 33, 8, false },
    { "resnet101", 33, 8, true },
    { "resnet152", 33, 8, true },
    { "wide_resnet50_2", 33, 8, true },
    { "wide_resnet101_2", 33, 16, true },
    { "resnext50_32x4d", 33, 2, false },
    { "resnext101_32x8d", 33, 4, true },
    { "preact_resnet18", 33, 4, false },
    { "preact_resnet34", 33, 4, false },
    { "preact_resnet50", 33, 8, false },
    { "preact_resnet101", 33, 8, true },
    { "preact_resnet152", 33, 8, true },
    { "preact_resnet200", 33, 8, true },
    { "resnet20_cifar", 12, 1, false },
    { "resnet32_cifar", 12, 1, false },
    { "resnet44_cifar", 12, 1, false },
    { "resnet56_cifar", 12, 1, false },
    { "resnet110_cifar", 12, 1, false },
    { "plain20_cifar", 12, 1, false },
    { "plain32_cifar", 12, 1, false },
    { "plain44_cifar", 12, 1, true },
    { "plain56_cifar", 12, 1, true },
    { "plain110_cifar", 12, 1, true },
    { "resnet110_stochastic_cifar", 12, 1, true },
    { "preact_resnet164_cifar", 9, 1, true },
    { "preact_resnet1001_cifar", 8, 2, true },
    { "wrn16_8", 9, 4, false },
    { "wrn28_10", 9, 8, false },
    { "wrn40_4", 9, 4, false },
    { "densenet121", 65, 8, false },
    { "densenet169", 65, 8, false },
    { "densenet201", 65, 8, false },
    { "densenet161", 65, 8, true },
    { "densenet40_12_cifar", 12, 1, false },
    { "densenet_bc100_12_cifar", 12, 1, false },
};

/* The largest error relative to its bound. */
struct worst {
    double ratio, error, size;
    char name[96];
};

struct check {
    const struct subject *subject;
    oc_device *device;
    oc_net net;
    float *image;
    int32_t labels[BATCH];
    struct worst layer, whole;
    int compared, vague, messages;
};

static oc_model *model_of(const struct check *t, const oc_net *net, oc_tensor *const *outputs,
                          const char *implementations)
{
    oc_model *model;
    CHECK(oc_model_create(
        &model, net->graph, t->device,
        &(oc_model_desc){
            .loss = net->loss, .outputs = outputs, .seed = SEED, .implementations = implementations }));
    CHECK(recipe_apply(model, 0));
    return model;
}

/* The parameters' values before a model runs, and the inputs. */
static void set_sources(const struct check *t, struct network *net, oc_model *model)
{
    for (size_t i = 0; i < net->graph->tensor_count; i++) {
        const oc_tensor *x = net->graph->tensors[i];
        if (x->kind != TENSOR_PARAMETER)
            continue;
        const int64_t count = shape_count(&x->shape);
        float *values = floats_unset(count);
        CHECK(oc_parameter_get(model, x->name, OC_VALUE, values, count));
        network_put(&net->x[x->id], x, values);
        free(values);
    }
    float labels[BATCH];
    for (int i = 0; i < BATCH; i++)
        labels[i] = (float)t->labels[i];
    network_put(&net->x[t->net.image->id], t->net.image, t->image);
    network_put(&net->x[t->net.label->id], t->net.label, labels);
}

/* What a model computed of a trained parameter or a state; NULL of anything else. free() it. */
static float *fetch_parameter(oc_model *model, const oc_tensor *x)
{
    if (!x->parameter || (!x->wants_gradient && !x->parameter->state))
        return NULL;
    const int64_t count = shape_count(&x->shape);
    float *values = floats_unset(count);
    CHECK(oc_parameter_get(model, x->name, x->parameter->state ? OC_VALUE : OC_GRADIENT, values, count));
    return values;
}

/* ---- Layer by layer --------------------------------------------------------------------------------- */

static void compare_layer(struct check *t, const char *name, const char *what, const struct operand *want,
                          const float *got, const struct rule *rule)
{
    struct difference worst;
    const bool good = operand_compare(want, got, rule, &worst);
    if (worst.ratio > t->layer.ratio) {
        t->layer.ratio = worst.ratio;
        snprintf(t->layer.name, sizeof t->layer.name, "%s %s", what, name);
    }
    if (good || t->messages++ >= MAX_MESSAGES)
        return;
    cr_expect(false, "%s: %s %s[%" PRId64 "] is %.9g, not %.9g; error %.3g, bound %.3g", t->subject->name,
              what, name, worst.index, worst.got, worst.want, fabs(worst.got - worst.want), worst.bound);
}

/* What a run of the replica with probes is fed from and fetched into, by id of the network's tensors. */
struct probing {
    struct replica replica;
    oc_net net;
    oc_tensor **outputs;
    oc_feed *feeds;
    oc_fetch *fetches;
    float **values, **gradients, *zeros;
    int feed_count, fetch_count;
};

static float *fetch_into(struct probing *p, const oc_tensor *x, bool gradient)
{
    float *values = floats_unset(shape_count(&x->shape));
    p->fetches[p->fetch_count++] = (oc_fetch){ .tensor = x, .data = values, .gradient = gradient };
    return values;
}

static void *list(size_t count, size_t size)
{
    void *block = calloc(count + 4, size);
    cr_assert(block);
    return block;
}

static void probing_create(struct probing *p, const struct check *t)
{
    const oc_graph *graph = t->net.graph;
    const size_t count = graph->tensor_count;
    int64_t largest = 0;
    int outputs = 0;
    *p = (struct probing){ .outputs = list(count, sizeof *p->outputs),
                           .feeds = list(count, sizeof *p->feeds),
                           .fetches = list(2 * count, sizeof *p->fetches),
                           .values = list(count, sizeof *p->values),
                           .gradients = list(count, sizeof *p->gradients) };
    replica_create(&p->replica, graph, &(struct replica_desc){ .probes = true });
    CHECK(oc_graph_check(p->replica.graph));
    p->net = replica_net(&p->replica, &t->net);
    p->feeds[p->feed_count++] = (oc_feed){ .tensor = p->net.image, .data = t->image };
    p->feeds[p->feed_count++] = (oc_feed){ .tensor = p->net.label, .data = t->labels };
    p->gradients[t->net.image->id] = fetch_into(p, p->net.image, true);
    for (const struct node *n = graph->first; n; n = n->next) {
        const oc_tensor *y = n->out[0], *probe = p->replica.probe[y->id];
        p->outputs[outputs++] = p->replica.twin[y->id];
        p->values[y->id] = fetch_into(p, p->replica.twin[y->id], false);
        if (probe && y != t->net.probabilities)
            p->gradients[y->id] = fetch_into(p, probe, true);
        largest = shape_count(&y->shape) > largest ? shape_count(&y->shape) : largest;
    }
    p->zeros = list((size_t)largest, sizeof *p->zeros);
    for (size_t i = 0; i < count; i++)
        if (p->replica.probe[i])
            p->feeds[p->feed_count++] = (oc_feed){ .tensor = p->replica.probe[i], .data = p->zeros };
}

static void probing_destroy(struct probing *p)
{
    for (int i = 0; i < p->fetch_count; i++)
        free(p->fetches[i].data);
    replica_destroy(&p->replica);
    free(p->outputs);
    free(p->feeds);
    free(p->fetches);
    free(p->values);
    free(p->gradients);
    free(p->zeros);
}

/* Layers that a model computes by Winograd's minimal filtering. */
struct winograd {
    const char *names[PASS_COUNT][MAX_WINOGRAD];
    int count[PASS_COUNT];
};

static void note_winograd(void *user, const oc_profile_entry *entry)
{
    struct winograd *w = user;
    if (strcmp(entry->implementation, "winograd") != 0)
        return;
    const enum pass pass = fixture_pass(entry);
    cr_assert(w->count[pass] < MAX_WINOGRAD);
    w->names[pass][w->count[pass]++] = entry->layer;
}

static bool is_winograd(const struct winograd *w, enum pass pass, const char *name)
{
    for (int i = 0; i < w->count[pass]; i++)
        if (strcmp(w->names[pass][i], name) == 0)
            return true;
    return false;
}

static struct rule result_rule(const struct winograd *w, const struct node *n)
{
    return (struct rule){ .growth = is_winograd(w, PASS_RESULTS, n->name) ? WINOGRAD_GROWTH : 0 };
}

/* Of the gradient of x, which the layers that read it compute. */
static struct rule gradient_rule(const struct winograd *w, const oc_tensor *x)
{
    for (const struct node *n = x->graph->first; n; n = n->next)
        if (n->in_count > 0 && n->in[0] == x && is_winograd(w, PASS_GRADIENTS, n->name))
            return (struct rule){ .growth = WINOGRAD_GROWTH };
    return (struct rule){ 0 };
}

/* Of the gradient of a parameter, which may be the filter of a convolution. */
static struct rule parameter_rule(const struct winograd *w, const oc_tensor *x)
{
    for (const struct node *n = x->graph->first; n; n = n->next)
        if (n->in_count > 1 && n->in[1] == x && is_winograd(w, PASS_FILTERS, n->name))
            return (struct rule){ .growth = WINOGRAD_GROWTH };
    return (struct rule){ 0 };
}

static void compare_results(struct check *t, const struct network *device, const struct probing *p,
                            const struct winograd *w)
{
    for (const struct node *n = t->net.graph->first; n; n = n->next) {
        struct operand y;
        const struct rule rule = result_rule(w, n);
        layer_forward(device, n, &y);
        compare_layer(t, n->name, "result of", &y, p->values[n->out[0]->id], &rule);
        operand_destroy(&y);
    }
}

/* `device` begins with the gradients that were fetched; those of scalars come from the oracle. */
static void compare_gradients(struct check *t, struct network *device, const struct probing *p,
                              oc_model *model, const struct winograd *w)
{
    struct network want;
    network_create(&want, t->net.graph, true, SEED);
    operand_create(&device->dx[t->net.loss->id], 0, NULL);
    device->dx[t->net.loss->id].v[0] = 1;
    for (const struct node *n = t->net.graph->last; n; n = n->previous) {
        const oc_tensor *y = n->out[0];
        const struct rule rule = gradient_rule(w, y);
        if (p->gradients[y->id] && want.dx[y->id].v)
            compare_layer(t, n->name, "gradient of the result of", &want.dx[y->id], p->gradients[y->id],
                          &rule);
        else if (want.dx[y->id].v)
            network_put(&device->dx[y->id], y, (float[]){ (float)want.dx[y->id].v[0] });
        if (device->dx[y->id].v)
            layer_backward(device, n, &want);
    }
    const struct rule rule = gradient_rule(w, t->net.image);
    compare_layer(t, "image", "gradient of", &want.dx[t->net.image->id], p->gradients[t->net.image->id],
                  &rule);
    for (size_t i = 0; i < t->net.graph->tensor_count; i++) {
        const oc_tensor *x = t->net.graph->tensors[i];
        float *got = fetch_parameter(model, x);
        const struct rule of_parameter = parameter_rule(w, x);
        if (got)
            compare_layer(t, x->name, "gradient or state", &want.dx[i], got, &of_parameter);
        free(got);
    }
    network_destroy(&want);
}

static void check_layers(struct check *t)
{
    struct probing p;
    struct network device;
    struct winograd w = { 0 };
    probing_create(&p, t);
    oc_model *model = model_of(t, &p.net, p.outputs, NULL);
    CHECK(oc_model_profile(model, true, note_winograd, &w));
    CHECK(recipe_apply(model, 0)); /* a profile writes running averages */
    network_create(&device, t->net.graph, true, SEED);
    set_sources(t, &device, model);
    CHECK(oc_compute_gradients(model, BATCH, p.feeds, p.fetches));
    for (size_t i = 0; i < t->net.graph->tensor_count; i++) {
        const oc_tensor *x = t->net.graph->tensors[i];
        if (p.values[i])
            network_put(&device.x[i], x, p.values[i]);
        if (p.gradients[i])
            network_put(&device.dx[i], x, p.gradients[i]);
    }
    compare_results(t, &device, &p, &w);
    compare_gradients(t, &device, &p, model, &w);
    network_destroy(&device);
    oc_model_destroy(model);
    probing_destroy(&p);
}

/* ---- End to end -------------------------------------------------------------------------------------- */

/* The oracle's results, and with random errors. */
struct expected {
    struct network net, disturbed;
};

static double norm(const struct operand *a, const struct operand *b)
{
    double sum = 0;
    for (int64_t i = 0; i < a->count; i++) {
        const double difference = a->v[i] - (b ? b->v[i] : 0);
        sum += difference * difference;
    }
    return sqrt(sum);
}

static void run_oracle(const struct check *t, struct network *net, bool training, uint32_t disturbance,
                       oc_model *model)
{
    network_create(net, t->net.graph, training, SEED);
    net->disturbance = disturbance;
    set_sources(t, net, model);
    network_forward(net);
    if (training)
        network_backward(net, t->net.loss);
}

static void expected_create(struct expected *e, const struct check *t, bool training, oc_model *model)
{
    run_oracle(t, &e->net, training, 0, model);
    run_oracle(t, &e->disturbed, training, 1, model);
}

static void expected_destroy(struct expected *e)
{
    network_destroy(&e->net);
    network_destroy(&e->disturbed);
}

static void compare_whole(struct check *t, const char *what, const char *name, const struct operand *want,
                          const struct operand *disturbed, const float *got)
{
    double error = 0;
    const double size = norm(want, NULL), bound = FACTOR * norm(want, disturbed) + least * size;
    for (int64_t i = 0; i < want->count; i++)
        error += ((double)got[i] - want->v[i]) * ((double)got[i] - want->v[i]);
    error = sqrt(error);
    t->compared++;
    t->vague +=
        bound > vague * size && size > 1e-9; /* a bias before batch normalisation has a gradient of zero */
    if (!(error <= t->whole.ratio * bound)) {
        t->whole = (struct worst){ .ratio = error / bound, .error = error, .size = size };
        snprintf(t->whole.name, sizeof t->whole.name, "%s %s", what, name);
    }
}

static void check_inference(struct check *t, oc_model *model)
{
    struct expected e;
    oc_tensor *const outputs[] = { t->net.logits, t->net.probabilities, t->net.loss };
    float *values[3];
    oc_fetch fetches[4] = { { 0 } };
    for (int i = 0; i < 3; i++) {
        values[i] = floats_unset(shape_count(&outputs[i]->shape));
        fetches[i] = (oc_fetch){ .tensor = outputs[i], .data = values[i] };
    }
    expected_create(&e, t, false, model);
    CHECK(oc_infer(model, BATCH,
                   (oc_feed[]){ { .tensor = t->net.image, .data = t->image },
                                { .tensor = t->net.label, .data = t->labels },
                                { 0 } },
                   fetches));
    for (int i = 0; i < 3; i++) {
        const int id = outputs[i]->id;
        compare_whole(t, "in inference", oc_tensor_name(outputs[i]), &e.net.x[id], &e.disturbed.x[id],
                      values[i]);
        free(values[i]);
    }
    expected_destroy(&e);
}

static void check_training(struct check *t, oc_model *model)
{
    struct expected e;
    float loss = NAN, *image = floats_unset(shape_count(&t->net.image->shape));
    expected_create(&e, t, true, model);
    CHECK(oc_compute_gradients(model, BATCH,
                               (oc_feed[]){ { .tensor = t->net.image, .data = t->image },
                                            { .tensor = t->net.label, .data = t->labels },
                                            { 0 } },
                               (oc_fetch[]){ { .tensor = t->net.loss, .data = &loss },
                                             { .tensor = t->net.image, .data = image, .gradient = true },
                                             { 0 } }));
    compare_whole(t, "in training", "loss", &e.net.x[t->net.loss->id], &e.disturbed.x[t->net.loss->id],
                  &loss);
    for (size_t i = 0; i < t->net.graph->tensor_count; i++) {
        const oc_tensor *x = t->net.graph->tensors[i];
        float *got = x == t->net.image ? image : fetch_parameter(model, x);
        if (got)
            compare_whole(t, "gradient or state", x->name, &e.net.dx[i], &e.disturbed.dx[i], got);
        free(got);
    }
    expected_destroy(&e);
}

static void check_picture(struct check *t, int picture)
{
    oc_model *model = model_of(t, &t->net, (oc_tensor *const[]){ t->net.logits, t->net.probabilities, NULL },
                               RECIPE_PLAIN_SUMS);
    recipe_image(picture, t->image, shape_count(&t->net.image->shape));
    t->compared = t->vague = 0;
    t->whole = (struct worst){ 0 };
    check_inference(t, model);
    check_training(t, model);
    oc_model_destroy(model);
}

static void check_whole(struct check *t)
{
    for (int picture = 0; picture < PICTURES && (picture == 0 || !(t->whole.ratio <= 1)); picture++)
        check_picture(t, picture);
    cr_expect(t->whole.ratio <= 1, "%s: %s differs by %.3g of a norm of %.3g, allowed are %.3g",
              t->subject->name, t->whole.name, t->whole.error, t->whole.size,
              t->whole.error / t->whole.ratio);
    cr_expect(t->subject->chaotic || t->vague * 10 <= t->compared,
              "%s: of %d tensors out of %d the bounds say little", t->subject->name, t->vague, t->compared);
}

/* ---- Every network ----------------------------------------------------------------------------------- */

static double seconds(void)
{
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void check_network(const struct subject *subject, oc_device *device)
{
    struct check t = { .subject = subject, .device = device };
    struct replica narrow;
    oc_net published;
    const double start = seconds();
    CHECK(oc_zoo_create(
        &published, subject->name,
        &(oc_net_desc){
            .batch = BATCH, .height = subject->size, .width = subject->size, .classes = CLASSES }));
    replica_create(&narrow, published.graph,
                   &(struct replica_desc){ .divisor = subject->divisor, .classes = CLASSES });
    cr_assert(oc_graph_check(narrow.graph) == OC_OK, "%s: %s", subject->name, oc_last_error());
    t.net = replica_net(&narrow, &published);
    t.image = floats_unset(shape_count(&t.net.image->shape));
    recipe_image(0, t.image, shape_count(&t.net.image->shape));
    recipe_labels(t.labels, BATCH, CLASSES);
    check_layers(&t);
    const double middle = seconds();
    check_whole(&t);
    if (getenv("OCELLI_TEST_VERBOSE"))
        fprintf(stderr, "%-28s%7.3f %-50s%6.1f s\n%28s%7.3f %-50s%6.1f s%7.0f%%\n", subject->name,
                t.layer.ratio, t.layer.name, middle - start, "", t.whole.ratio, t.whole.name,
                seconds() - middle, 100.0 * t.vague / t.compared);
    replica_destroy(&narrow);
    oc_graph_destroy(published.graph);
    free(t.image);
}

static bool is_wanted(const char *name)
{
    static const char *const small[] = { "lenet5", "xo", "resnet18", "resnet20_cifar" };
    const char *only = getenv("OCELLI_TEST_NETWORK");
    bool wanted = !only && !fixture_quick();
    for (int i = 0; !only && i < COUNT_OF(small); i++)
        wanted = wanted || strcmp(name, small[i]) == 0;
    return wanted || (only && strcmp(only, name) == 0);
}

Test(gradients, every_network_agrees_with_the_oracles)
{
    oc_device *device = fixture_open();
    for (int i = 0; oc_zoo_name(i); i++) {
        int k = 0;
        while (k < COUNT_OF(subjects) && strcmp(subjects[k].name, oc_zoo_name(i)) != 0)
            k++;
        cr_expect(k < COUNT_OF(subjects), "%s has no line in this test's table", oc_zoo_name(i));
        if (k < COUNT_OF(subjects) && is_wanted(oc_zoo_name(i)))
            check_network(&subjects[k], device);
    }
    oc_device_close(device);
}

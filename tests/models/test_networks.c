/* test_networks.c - every network of the zoo, on small pictures: forward, backward, update. One batch of four is learned
 * by heart, as the network trains by nature: with batch statistics, dropout, blocks left out, auxiliary heads. What is
 * measured is the loss of the training steps themselves, so with dropout it is that of a thinned network, and a lucky
 * draw is not enough: STREAK steps in a row must lie below 0.01.
 *
 * By default one or two of each family; OCELLI_TEST_FULL=1 takes all of them and prints a line for each,
 * OCELLI_TEST_NET=name just one. */
#include "support/fixture.h"
#include "base/clock.h"
#include "base/random.h"
#include <ocelli/models.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 4, CLASSES = 10, LARGEST = 96, STREAK = 5 };
enum when { QUICK, GATE, FULL };

static const double nearly = 0.3, learned = 0.01;

static const struct net_case {
    const char *name;
    int size;    /* pixels per side */
    float width; /* factor */
    int steps;   /* at most */
    float rate;
    enum when when;
    float later; /* the rate once the loss is below `nearly`; 0: the same */
} cases[] = {
    { "lenet5", 32, 1, 100, 0.02f, QUICK, 0 },
    { "lenet5_relu", 32, 1, 100, 0.02f, GATE, 0 },
    { "xo", 9, 1, 200, 0.05f, QUICK, 0 },
    { "convnetjs_cifar10", 16, 1, 200, 0.02f, QUICK, 0 },
    { "alexnet", 64, 0.25f, 300, 0.003f, FULL, 0 },
    { "alexnet_2012", 67, 0.25f, 300, 0.003f, GATE, 0 },
    { "alexnet_2012_single", 67, 0.25f, 300, 0.003f, FULL, 0 },
    { "zfnet", 64, 0.25f, 300, 0.003f, FULL, 0 },
    { "vgg11", 32, 0.25f, 300, 0.003f, FULL, 0 },
    { "vgg11_bn", 32, 0.25f, 300, 0.002f, GATE, 0 },
    { "vgg_a_lrn", 32, 0.25f, 300, 0.003f, FULL, 0 },
    { "vgg13", 32, 0.25f, 300, 0.003f, FULL, 0 },
    { "vgg13_bn", 32, 0.25f, 300, 0.002f, FULL, 0 },
    { "vgg_c", 32, 0.25f, 300, 0.003f, FULL, 0 },
    { "vgg16", 32, 0.25f, 300, 0.003f, FULL, 0 },
    { "vgg16_bn", 32, 0.25f, 300, 0.002f, FULL, 0 },
    { "vgg19", 32, 0.25f, 300, 0.003f, FULL, 0 },
    { "vgg19_bn", 32, 0.25f, 300, 0.002f, FULL, 0 },
    { "googlenet", 32, 0.25f, 100, 0.005f, GATE, 0 },
    { "googlenet_aux", 80, 0.25f, 200, 0.005f, FULL, 0 },
    { "googlenet_2014", 80, 0.25f, 500, 0.003f, FULL, 0 },
    { "resnet18", 32, 0.25f, 100, 0.005f, QUICK, 0 },
    { "resnet34", 32, 0.25f, 100, 0.005f, FULL, 0 },
    { "resnet50", 32, 0.25f, 100, 0.005f, GATE, 0 },
    { "resnet101", 32, 0.25f, 100, 0.005f, FULL, 0 },
    { "resnet152", 32, 0.25f, 100, 0.005f, FULL, 0 },
    { "wide_resnet50_2", 32, 0.25f, 100, 0.005f, FULL, 0 },
    { "wide_resnet101_2", 32, 0.25f, 100, 0.005f, FULL, 0 },
    { "resnext50_32x4d", 32, 0.25f, 100, 0.005f, GATE, 0 },
    { "resnext101_32x8d", 32, 0.25f, 100, 0.005f, FULL, 0 },
    { "preact_resnet18", 32, 0.25f, 100, 0.005f, GATE, 0 },
    { "preact_resnet34", 32, 0.25f, 100, 0.005f, FULL, 0 },
    { "preact_resnet50", 32, 0.25f, 100, 0.005f, FULL, 0 },
    { "preact_resnet101", 32, 0.25f, 100, 0.005f, FULL, 0 },
    { "preact_resnet152", 32, 0.25f, 100, 0.005f, FULL, 0 },
    { "preact_resnet200", 32, 0.25f, 100, 0.005f, FULL, 0 },
    { "resnet20_cifar", 16, 1, 100, 0.01f, QUICK, 0 },
    { "resnet32_cifar", 16, 1, 100, 0.01f, FULL, 0 },
    { "resnet44_cifar", 16, 1, 100, 0.01f, FULL, 0 },
    { "resnet56_cifar", 16, 1, 100, 0.01f, FULL, 0 },
    { "resnet110_cifar", 16, 1, 100, 0.01f, FULL, 0 },
    { "plain20_cifar", 16, 1, 200, 0.01f, GATE, 0 },
    { "plain32_cifar", 16, 1, 300, 0.01f, FULL, 0 },
    { "plain44_cifar", 16, 1, 400, 0.01f, FULL, 0 },
    { "plain56_cifar", 16, 1, 600, 0.01f, FULL, 0 },
    { "plain110_cifar", 8, 0.5f, 1500, 0.0003f, FULL, 0.003f },
    { "resnet110_stochastic_cifar", 16, 1, 300, 0.01f, GATE, 0 },
    { "preact_resnet164_cifar", 16, 1, 100, 0.01f, FULL, 0 },
    { "preact_resnet1001_cifar", 8, 0.5f, 100, 0.01f, FULL, 0 },
    { "wrn16_8", 16, 0.125f, 200, 0.02f, FULL, 0 },
    { "wrn28_10", 16, 0.1f, 200, 0.02f, FULL, 0 },
    { "wrn40_4", 16, 0.25f, 200, 0.02f, GATE, 0 },
    { "densenet121", 32, 0.5f, 100, 0.005f, FULL, 0 },
    { "densenet169", 32, 0.5f, 100, 0.005f, FULL, 0 },
    { "densenet201", 32, 0.5f, 100, 0.005f, FULL, 0 },
    { "densenet161", 32, 0.5f, 100, 0.005f, FULL, 0 },
    { "densenet40_12_cifar", 16, 0.5f, 100, 0.01f, GATE, 0 },
    { "densenet_bc100_12_cifar", 16, 0.5f, 100, 0.01f, FULL, 0 },
};

enum { CASE_COUNT = sizeof cases / sizeof *cases };

static float pixels[BATCH * 3 * LARGEST * LARGEST];

static bool is_set(const char *variable)
{
    const char *value = getenv(variable);
    return value && *value != '\0' && *value != '0';
}

/* Whether this run is to take it. */
static bool is_wanted(const struct net_case *c)
{
    if (is_set("OCELLI_TEST_NET"))
        return strcmp(getenv("OCELLI_TEST_NET"), c->name) == 0;
    return c->when <= (is_set("OCELLI_TEST_FULL") ? FULL : fixture_quick() ? QUICK : GATE);
}

struct outcome {
    int steps, streak; /* steps in all, and those at the end that lay below `learned` */
    float loss;        /* of the last step */
};

static struct outcome learn(oc_model *model, const oc_net *net, const struct net_case *c)
{
    static const int32_t labels[BATCH] = { 1, 7, 3, 2 };
    const oc_feed feeds[] = { { .tensor = net->image, .data = pixels },
                              { .tensor = net->label, .data = labels },
                              { 0 } };
    struct outcome now = { 0 };
    const oc_fetch fetches[] = { { .tensor = net->loss, .data = &now.loss }, { 0 } };
    while (now.streak < STREAK && now.steps < c->steps && isfinite(now.loss)) {
        CHECK(oc_train_step(model, BATCH, feeds, fetches));
        cr_expect(now.steps > 0 || now.loss > 1.f, "%s: the first loss is %g", c->name, (double)now.loss);
        if (c->later > 0 && (double)now.loss < nearly)
            CHECK(oc_model_set_rate(model, c->later));
        now.streak = (double)now.loss < learned ? now.streak + 1 : 0;
        now.steps++;
    }
    return now;
}

static void expect_learned(const struct net_case *c, oc_device *device)
{
    oc_net net;
    oc_model *model;
    const double begun = clock_seconds();
    CHECK(oc_zoo_create(&net, c->name,
                        &(oc_net_desc){ .batch = BATCH,
                                        .height = c->size,
                                        .width = c->size,
                                        .classes = CLASSES,
                                        .width_factor = c->width }));
    CHECK(oc_model_create(
        &model, net.graph, device,
        &(oc_model_desc){ .loss = net.loss, .seed = 3, .optimizer = { .rate = c->rate, .momentum = 0.9f } }));
    const double created = clock_seconds();
    const struct outcome end = learn(model, &net, c);
    cr_expect_eq(end.streak, STREAK, "%s: the loss is %g after %d steps", c->name, (double)end.loss,
                 end.steps);
    if (is_set("OCELLI_TEST_FULL") || is_set("OCELLI_TEST_NET"))
        printf("| `%s` | %d | %g | %g | %d | %.1f | %.1f |\n", c->name, c->size, (double)c->width,
               (double)c->rate, end.steps, created - begun, clock_seconds() - created);
    fflush(stdout);
    oc_model_destroy(model);
    oc_graph_destroy(net.graph);
}

Test(networks, learn_a_batch_by_heart)
{
    const struct random random = { .seed = 11 };
    for (int i = 0; i < (int)(sizeof pixels / sizeof *pixels); i++)
        pixels[i] = 2.f * random_uniform(&random, (uint64_t)i) - 1.f;
    oc_device *device = fixture_open();
    for (int i = 0; i < CASE_COUNT; i++)
        if (is_wanted(&cases[i]))
            expect_learned(&cases[i], device);
    oc_device_close(device);
}

Test(networks, none_is_left_out)
{
    for (int i = 0; oc_zoo_name(i); i++) {
        bool found = false;
        for (int k = 0; k < CASE_COUNT; k++)
            found = found || strcmp(cases[k].name, oc_zoo_name(i)) == 0;
        cr_expect(found, "%s is not among the cases", oc_zoo_name(i));
    }
}

/* test_networks.c - a member of each family, small pictures: forward, backward, update. One batch of four is learned by
 * heart; what the network says in training falls towards 0. */
#include "support/fixture.h"
#include "base/random.h"
#include <ocelli/models.h>

#include <math.h>
#include <string.h>

enum { BATCH = 4, CLASSES = 10, LARGEST = 80 };

static const struct {
    const char *name;
    int size, steps;
    float rate;
    double loss; /* at most, at the end */
} cases[] = {
    { "resnet20_cifar", 16, 24, 0.005f, 0.05 },     { "plain20_cifar", 16, 24, 0.005f, 0.5 },
    { "preact_resnet18", 16, 16, 0.005f, 0.05 },    { "resnet18", 32, 12, 0.005f, 0.05 },
    { "densenet40_12_cifar", 16, 24, 0.005f, 0.1 }, { "densenet_bc100_12_cifar", 8, 24, 0.005f, 0.2 },
    { "googlenet", 32, 16, 0.005f, 0.1 },           { "resnext50_32x4d", 32, 12, 0.005f, 0.1 },
};

Test(networks, every_family_learns_a_batch)
{
    static float pixels[BATCH * 3 * LARGEST * LARGEST];
    static const int32_t labels[BATCH] = { 1, 7, 3, 2 };
    const struct random random = { .seed = 11 };
    for (int i = 0; i < (int)(sizeof pixels / sizeof *pixels); i++)
        pixels[i] = 2.f * random_uniform(&random, (uint64_t)i) - 1.f;
    oc_device *device = fixture_open();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        oc_net net;
        oc_model *model;
        float loss = NAN, first = NAN;
        CHECK(oc_zoo_create(
            &net, cases[i].name,
            &(oc_net_desc){
                .batch = BATCH, .height = cases[i].size, .width = cases[i].size, .classes = CLASSES }));
        CHECK(oc_model_create(&model, net.graph, device,
                              &(oc_model_desc){ .loss = net.loss,
                                                .seed = 3,
                                                .optimizer = { .rate = cases[i].rate, .momentum = 0.9f } }));
        for (int step = 0; step < cases[i].steps; step++) {
            CHECK(oc_train_step(model, BATCH,
                                (oc_feed[]){ { .tensor = net.image, .data = pixels },
                                             { .tensor = net.label, .data = labels },
                                             { 0 } },
                                (oc_fetch[]){ { .tensor = net.loss, .data = &loss }, { 0 } }));
            first = step == 0 ? loss : first;
        }
        cr_expect(first > 1.f && loss < cases[i].loss, "%s: the loss went from %g to %g", cases[i].name,
                  (double)first, (double)loss);
        oc_model_destroy(model);
        oc_graph_destroy(net.graph);
    }
    oc_device_close(device);
}

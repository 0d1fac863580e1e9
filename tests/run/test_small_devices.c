/* test_small_devices.c - LeNet-5 trains to the same losses on devices with less of everything than this one has. The
 * limits are put into the open device's description; what Ocelli launches has to keep to them. */
#include "support/case.h"
#include "support/fixture.h"
#include "support/operand.h"
#include "device/cl.h"

#include <ocelli/models.h>
#include <math.h>
#include <stdlib.h>

enum { BATCH = 8, PIXELS = 32 * 32, STEPS = 6 };

static void train(oc_device *device, const char *implementations, double losses[STEPS])
{
    oc_net net;
    oc_model *model = NULL;
    CHECK(oc_zoo_create(&net, "lenet5_relu", &(oc_net_desc){ .batch = BATCH }));
    CHECK(oc_model_create(
        &model, net.graph, device,
        &(oc_model_desc){ .loss = net.loss,
                          .optimizer = { .rate = 0.02f, .momentum = 0.9f, .weight_decay = 5e-4f },
                          .seed = 1,
                          .implementations = implementations }));
    float *image = floats_unset(BATCH * PIXELS);
    int32_t label[BATCH];
    for (int n = 0; n < BATCH; n++) { /* a bar whose place tells the class */
        label[n] = n;
        for (int i = 0; i < PIXELS; i++)
            image[n * PIXELS + i] = i / 32 / 4 == n ? 1.f : -0.1f + 0.01f * (float)(i % 7);
    }
    for (int step = 0; step < STEPS; step++) {
        float loss = NAN;
        CHECK(oc_train_step(model, BATCH,
                            (oc_feed[]){ { net.image, image, NULL }, { net.label, label, NULL }, { 0 } },
                            (oc_fetch[]){ { .tensor = net.loss, .data = &loss }, { 0 } }));
        losses[step] = (double)loss;
    }
    free(image);
    oc_model_destroy(model);
    oc_graph_destroy(net.graph);
}

Test(small_devices, lenet_trains_on_all_of_them)
{
    static const struct {
        const char *name;
        int64_t local_memory, max_work_group, max_allocation;
        int vector_width; /* 0: as it is */
        oc_device_type type;
        const char *implementations;
    } table[] = {
        { .name = "32 KiB of local memory", .local_memory = 32 << 10 },
        { .name = "4 KiB of local memory", .local_memory = 4 << 10 },
        { .name = "work-groups of 64", .max_work_group = 64 },
        { .name = "work-groups of 5", .max_work_group = 5 },
        { .name = "work-groups of 1", .max_work_group = 1 },
        { .name = "vectors of 8", .vector_width = 8 },
        { .name = "vectors of 4, 32 KiB", .vector_width = 4, .local_memory = 32 << 10 },
        { .name = "pieces of 1 MiB", .max_allocation = 1 << 20 },
        { .name = "plain kernels", .implementations = "reference" },
        { .name = "plain kernels, one at a time", .implementations = "reference", .max_work_group = 1 },
        { .name = "a GPU's choices", .type = OC_DEVICE_GPU, .max_work_group = 64 },
        { .name = "an accelerator with little",
          .type = OC_DEVICE_OTHER,
          .local_memory = 1 << 10,
          .max_work_group = 16 },
    };
    oc_device *device = fixture_open();
    const oc_device_info own = device->info;
    double want[STEPS], got[STEPS];
    train(device, NULL, want);
    cr_expect(want[0] > 1 && want[0] < 10 && want[STEPS - 1] < 0.9 * want[0], "losses %g to %g", want[0],
              want[STEPS - 1]);
    for (int i = 0; i < COUNT_OF(table); i++) {
        oc_device_info *info = &device->info;
        if (table[i].local_memory)
            info->local_memory = table[i].local_memory;
        if (table[i].max_work_group)
            info->max_work_group = table[i].max_work_group;
        if (table[i].max_allocation)
            info->max_allocation = table[i].max_allocation;
        if (table[i].vector_width)
            info->vector_width = table[i].vector_width;
        info->type = table[i].type == OC_DEVICE_CPU ? own.type : table[i].type;
        train(device, table[i].implementations, got);
        for (int step = 0; step < STEPS; step++)
            cr_expect(fabs(got[step] - want[step]) < 1e-4 * want[step], "%s, step %d: loss %.9g, not %.9g",
                      table[i].name, step, got[step], want[step]);
        device->info = own;
    }
    oc_device_close(device);
}

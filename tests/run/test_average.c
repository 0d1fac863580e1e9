/* test_average.c - averages of the values: what inference sees when they are swapped, and what the slots mean. */
#include "run/trainee.h"

#include <math.h>

enum { WEIGHTS = CLASSES * 54 };

static struct trainee create(oc_device *device, float average)
{
    struct trainee t;
    oc_tensor *outputs[2];
    trainee_build(&t);
    oc_model_desc desc = trainee_desc(&t, outputs);
    desc.optimizer = (oc_optimizer_desc){ .kind = OC_ADAM, .average = average };
    CHECK(oc_model_create(&t.model, t.graph, device, &desc));
    return t;
}

static void copy_slot(oc_model *to, oc_model *from, oc_slot slot)
{
    oc_parameter_info info;
    float values[WEIGHTS];
    for (int i = 0; i < oc_parameter_count(from); i++) {
        CHECK(oc_parameter_info_at(from, i, &info));
        cr_assert(info.count <= WEIGHTS);
        CHECK(oc_parameter_get(from, info.name, slot, values, info.count));
        CHECK(oc_parameter_set(to, info.name, OC_VALUE, values, info.count));
    }
}

static void read_both(const struct trainee *t, float value[WEIGHTS], float average[WEIGHTS])
{
    CHECK(oc_parameter_get(t->model, "fc.weight", OC_VALUE, value, WEIGHTS));
    CHECK(oc_parameter_get(t->model, "fc.weight", OC_AVERAGE, average, WEIGHTS));
}

Test(average, inference_uses_them_when_they_are_swapped)
{
    oc_device *device = fixture_open();
    struct trainee t = create(device, 0.75f), plain = create(device, 0);
    float logits[3][BATCH * CLASSES], want[BATCH * CLASSES], value[2][WEIGHTS], average[2][WEIGHTS];
    for (int step = 0; step < 3; step++)
        train_once(&t, step);
    read_both(&t, value[0], average[0]);
    cr_assert(memcmp(value[0], average[0], sizeof value[0]) != 0);
    copy_slot(plain.model, t.model, OC_AVERAGE);
    infer_once(&plain, 1, want);
    for (int i = 0; i < 3; i++) { /* values, averages, values */
        infer_once(&t, 1, logits[i]);
        CHECK(oc_model_swap_average(t.model));
        read_both(&t, value[1], average[1]);
        cr_expect(memcmp(value[0], value[1], sizeof value[0]) == 0, "%d: the values changed", i);
        cr_expect(memcmp(average[0], average[1], sizeof value[0]) == 0, "%d: the averages changed", i);
    }
    cr_expect(memcmp(logits[1], want, sizeof want) == 0);
    cr_expect(memcmp(logits[0], logits[2], sizeof want) == 0 && memcmp(logits[0], want, sizeof want) != 0);

    expect_failure(oc_train_step(t.model, BATCH, NULL, NULL), OC_E_ARGUMENT,
                   "the averages lie where training needs the values", "train");
    expect_failure(oc_compute_gradients(t.model, BATCH, NULL, NULL), OC_E_ARGUMENT,
                   "the averages lie where training needs the values", "gradients");
    CHECK(oc_model_swap_average(t.model));
    train_once(&t, 4);
    expect_failure(oc_model_swap_average(plain.model), OC_E_NOT_FOUND, "the model keeps no averages",
                   "plain");
    trainee_destroy(&plain);
    trainee_destroy(&t);
    oc_device_close(device);
}

/* In either state of the swap. */
Test(average, setting_a_value_starts_its_average_anew)
{
    oc_device *device = fixture_open();
    struct trainee t = create(device, 0.5f);
    float value[WEIGHTS], average[WEIGHTS], one[WEIGHTS], two[WEIGHTS];
    read_both(&t, value, average);
    cr_expect(memcmp(value, average, sizeof value) == 0, "they start apart");
    for (int swapped = 0; swapped < 2; swapped++) {
        for (int i = 0; i < WEIGHTS; i++) {
            one[i] = (float)(i + swapped);
            two[i] = -one[i] - 1;
        }
        CHECK(oc_parameter_set(t.model, "fc.weight", OC_VALUE, one, WEIGHTS));
        read_both(&t, value, average);
        cr_expect(memcmp(value, one, sizeof one) == 0 && memcmp(average, one, sizeof one) == 0);
        CHECK(oc_parameter_set(t.model, "fc.weight", OC_AVERAGE, two, WEIGHTS));
        read_both(&t, value, average);
        cr_expect(memcmp(value, one, sizeof one) == 0 && memcmp(average, two, sizeof two) == 0);
        CHECK(oc_model_swap_average(t.model));
    }
    trainee_destroy(&t);
    oc_device_close(device);
}

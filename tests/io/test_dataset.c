/* test_dataset.c - resizing, normalising and splitting pictures with labels. */
#include "base/memory.h"
#include "support/scratch.h"

#include <criterion/criterion.h>
#include <string.h>

enum { CLASSES = 10 };

/* As many samples of each class as the bundled digits have. */
static const int digit_counts[CLASSES] = { 178, 182, 177, 183, 181, 182, 181, 179, 174, 180 };

/* `counts[c]` samples of class c, the classes mixed; each picture is 1x2 and holds the sample's number and class. */
static oc_dataset make(const int *counts, int classes)
{
    oc_dataset set = { .channels = 1, .height = 1, .width = 2, .classes = classes };
    int left[CLASSES];
    for (int c = 0; c < classes; c++)
        set.count += left[c] = counts[c];
    set.images = memory_zeroed(&memory_heap, (size_t)set.count, 2 * sizeof(float));
    set.labels = memory_zeroed(&memory_heap, (size_t)set.count, sizeof(int32_t));
    for (int64_t i = 0, c = 0; i < set.count; c = (c + 3) % classes) {
        while (left[c] == 0)
            c = (c + 1) % classes;
        left[c]--;
        set.labels[i] = (int32_t)c;
        set.images[2 * i] = (float)i;
        set.images[2 * i + 1] = (float)c;
        i++;
    }
    return set;
}

/* Every sample is in exactly one of the two, with its own picture and label, in the old order. */
static void expect_partition(const oc_dataset *set, const oc_dataset *held, int64_t total, const char *name)
{
    cr_assert_eq(set->count + held->count, total, "%s", name);
    bool *seen = memory_zeroed(&memory_heap, (size_t)total, sizeof *seen);
    for (int part = 0; part < 2; part++) {
        const oc_dataset *s = part ? held : set;
        float last = -1;
        cr_assert(s->channels == 1 && s->height == 1 && s->width == 2 && s->classes == set->classes);
        for (int64_t i = 0; i < s->count; i++) {
            const float number = s->images[2 * i];
            cr_assert(number > last && !seen[(int)number], "%s: sample %g", name, (double)number);
            cr_assert_eq(s->images[2 * i + 1], (float)s->labels[i], "%s", name);
            seen[(int)number] = true;
            last = number;
        }
    }
    memory_free(&memory_heap, seen);
}

Test(dataset, splits_by_class_shares)
{
    static const struct {
        const char *name;
        int classes, counts[CLASSES];
        int64_t held_out;
        int wanted[CLASSES];
    } cases[] = {
        /* Exact shares 35.66 36.46 35.46 36.66 36.26 36.46 36.26 35.86 34.86 36.06: the whole parts make 355, five
         * more go to the remainders .86 .86 .66 .66 .46. */
        { "digits",
          CLASSES,
          { 178, 182, 177, 183, 181, 182, 181, 179, 174, 180 },
          360,
          { 36, 37, 35, 37, 36, 36, 36, 36, 35, 36 } },
        { "none", 2, { 3, 5 }, 0, { 0, 0 } },
        { "all", 2, { 3, 5 }, 8, { 3, 5 } },
        { "one", 3, { 1, 2, 1 }, 1, { 0, 1, 0 } },
        { "equal remainders", 3, { 2, 2, 2 }, 2, { 1, 1, 0 } },
        { "an empty class", 3, { 4, 0, 4 }, 4, { 2, 0, 2 } },
        { "one class", 1, { 9 }, 4, { 4 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        oc_dataset set = make(cases[i].counts, cases[i].classes), held;
        const int64_t total = set.count;
        cr_assert_eq(oc_dataset_split(&set, &held, cases[i].held_out, 1), OC_OK, "%s", oc_last_error());
        cr_assert_eq(held.count, cases[i].held_out);
        expect_partition(&set, &held, total, cases[i].name);
        int counts[CLASSES] = { 0 };
        for (int64_t j = 0; j < held.count; j++)
            counts[held.labels[j]]++;
        cr_assert_eq(memcmp(counts, cases[i].wanted, sizeof counts), 0, "%s: %d %d %d ...", cases[i].name,
                     counts[0], counts[1], counts[2]);
        oc_dataset_clear(&set);
        oc_dataset_clear(&held);
    }
}

Test(dataset, the_seed_decides_the_split)
{
    oc_dataset held[3];
    const uint64_t seeds[3] = { 5, 5, 6 };
    for (int i = 0; i < 3; i++) {
        oc_dataset set = make(digit_counts, CLASSES);
        cr_assert_eq(oc_dataset_split(&set, &held[i], 360, seeds[i]), OC_OK, "%s", oc_last_error());
        oc_dataset_clear(&set);
    }
    const size_t bytes = 360 * 2 * sizeof(float);
    cr_assert_eq(memcmp(held[0].images, held[1].images, bytes), 0);
    cr_assert_neq(memcmp(held[0].images, held[2].images, bytes), 0);
    for (int i = 0; i < 3; i++)
        oc_dataset_clear(&held[i]);
}

Test(dataset, a_refused_split_changes_nothing)
{
    oc_dataset set = make((const int[]){ 3, 5 }, 2), held;
    expect_failure(oc_dataset_split(&set, &held, 9, 1), OC_E_ARGUMENT, "9 samples cannot be held out of 8",
                   "many");
    expect_failure(oc_dataset_split(&set, &held, -1, 1), OC_E_ARGUMENT, "-1 samples", "negative");
    expect_failure(oc_dataset_split(&set, NULL, 1, 1), OC_E_ARGUMENT, "1 samples", "NULL");
    expect_failure(oc_dataset_split(&(oc_dataset){ 0 }, &held, 0, 1), OC_E_ARGUMENT, "out of 0", "empty");
    set.labels[3] = 2;
    expect_failure(oc_dataset_split(&set, &held, 1, 1), OC_E_ARGUMENT,
                   "sample 3 has label 2, which is not below 2", "label");
    set.labels[3] = -1;
    expect_failure(oc_dataset_split(&set, &held, 1, 1), OC_E_ARGUMENT, "sample 3 has label -1", "label");
    cr_assert(set.count == 8 && set.images[14] == 7);
    oc_dataset_clear(&set);
}

Test(dataset, resizes_and_normalises_every_picture)
{
    oc_dataset set = make((const int[]){ 1, 2 }, 2);
    cr_assert_eq(oc_dataset_resize(&set, 2, 4), OC_OK, "%s", oc_last_error());
    cr_assert(set.count == 3 && set.height == 2 && set.width == 4);
    for (int i = 0; i < 3; i++)
        for (int y = 0; y < 2; y++) {
            const float *row = set.images + (i * 2 + y) * 4, left = (float)i, right = (float)set.labels[i];
            cr_assert(row[0] == left && row[3] == right && row[1] == .75f * left + .25f * right &&
                          row[2] == .25f * left + .75f * right,
                      "picture %d, row %d: %g %g %g %g", i, y, (double)row[0], (double)row[1], (double)row[2],
                      (double)row[3]);
        }
    const float first = set.images[9], last = set.images[23];
    oc_dataset_normalize(&set, 0.5f, 0.25f);
    cr_assert_eq(set.images[9], (first - 0.5f) / 0.25f);
    cr_assert_eq(set.images[23], (last - 0.5f) / 0.25f);
    expect_failure(oc_dataset_resize(&set, 0, 4), OC_E_ARGUMENT, "not 0x4", "zero");
    expect_failure(oc_dataset_resize(NULL, 4, 4), OC_E_ARGUMENT, "needs pictures", "NULL");
    expect_failure(oc_dataset_resize(&(oc_dataset){ 0 }, 4, 4), OC_E_ARGUMENT, "needs pictures", "empty");
    cr_assert(set.height == 2 && set.width == 4);
    oc_dataset_normalize(&(oc_dataset){ 0 }, 0, 1);
    oc_dataset_clear(&set);
}

/* dataset.c - what is done with pictures and labels once they are loaded. */
#include "io/array.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/status.h"

#include <inttypes.h>
#include <string.h>

void oc_dataset_clear(oc_dataset *set)
{
    if (!set)
        return;
    memory_free(&memory_heap, set->images);
    memory_free(&memory_heap, set->labels);
    *set = (oc_dataset){ 0 };
}

static bool is_valid(const oc_dataset *set)
{
    return set && set->images && set->labels && set->count >= 0 && set->channels > 0 && set->height > 0 &&
           set->width > 0 && set->classes > 0;
}

static int64_t picture_values(const oc_dataset *set)
{
    return (int64_t)set->channels * set->height * set->width;
}

oc_status oc_dataset_resize(oc_dataset *set, int height, int width)
{
    if (!is_valid(set) || height < 1 || width < 1)
        return fail(OC_E_ARGUMENT, "resizing a data set needs pictures and a size of at least 1x1, not %dx%d",
                    height, width);
    oc_array resized;
    TRY(array_create(&resized, 4, (int64_t[]){ set->count, set->channels, height, width }));
    array_resample(resized.data, height, width, set->images, set->height, set->width,
                   set->count * set->channels);
    memory_free(&memory_heap, set->images);
    set->images = resized.data;
    set->height = height;
    set->width = width;
    return OC_OK;
}

void oc_dataset_normalize(oc_dataset *set, float mean, float deviation)
{
    if (!is_valid(set))
        return;
    const int64_t values = set->count * picture_values(set);
    for (int64_t i = 0; i < values; i++)
        set->images[i] = (set->images[i] - mean) / deviation;
}

/* Shares `held_out` among the classes: the whole part of each exact share, then the classes with the largest
 * remainders get one more (the lower class first when they are equal). */
static void share_out(int64_t *quota, const int64_t *class_count, const oc_dataset *set, int64_t held_out)
{
    int64_t left = held_out;
    for (int c = 0; c < set->classes; c++) {
        quota[c] = held_out * class_count[c] / set->count;
        left -= quota[c];
    }
    for (; left > 0; left--) {
        int best = 0;
        int64_t most = -1;
        for (int c = 0; c < set->classes; c++) {
            const int64_t remainder = held_out * class_count[c] - quota[c] * set->count;
            if (remainder > most) {
                most = remainder;
                best = c;
            }
        }
        quota[best]++;
    }
}

/* Marks the samples that move: in a random order, each as long as its class has some to give. */
static oc_status choose(bool *moves, const oc_dataset *set, int64_t held_out, uint64_t seed)
{
    int64_t *order = memory_zeroed(&memory_heap, (size_t)set->count, sizeof *order);
    int64_t *counts = memory_zeroed(&memory_heap, 2 * (size_t)set->classes, sizeof *counts);
    const oc_status status = order && counts ? OC_OK : OC_E_MEMORY;
    if (status == OC_OK) {
        int64_t *quota = counts + set->classes;
        for (int64_t i = 0; i < set->count; i++)
            counts[set->labels[i]]++;
        share_out(quota, counts, set, held_out);
        random_permutation(&(struct random){ .seed = seed, .stream = random_stream("split") }, order,
                           set->count);
        for (int64_t i = 0; i < set->count; i++)
            if (quota[set->labels[order[i]]] > 0) {
                quota[set->labels[order[i]]]--;
                moves[order[i]] = true;
            }
    }
    memory_free(&memory_heap, order);
    memory_free(&memory_heap, counts);
    return status;
}

/* Copies the marked samples to `held`, closes the gaps in `set`; the order stays in both. */
static void move(oc_dataset *set, oc_dataset *held, const bool *moves)
{
    const int64_t values = picture_values(set);
    int64_t kept = 0, moved = 0;
    for (int64_t i = 0; i < set->count; i++) {
        oc_dataset *to = moves[i] ? held : set;
        const int64_t at = moves[i] ? moved++ : kept++;
        memmove(to->images + at * values, set->images + i * values, (size_t)values * sizeof(float));
        to->labels[at] = set->labels[i];
    }
    set->count = kept;
    held->count = moved;
}

oc_status oc_dataset_split(oc_dataset *set, oc_dataset *held, int64_t held_out, uint64_t seed)
{
    const bool small = is_valid(set) && set->count <= INT32_MAX; /* so that the shares' products fit */
    if (!small || !held || held_out < 0 || held_out > set->count)
        return fail(OC_E_ARGUMENT, "%" PRId64 " samples cannot be held out of %" PRId64, held_out,
                    is_valid(set) ? set->count : 0);
    for (int64_t i = 0; i < set->count; i++)
        if (set->labels[i] < 0 || set->labels[i] >= set->classes)
            return fail(OC_E_ARGUMENT, "sample %" PRId64 " has label %" PRId32 ", which is not below %d", i,
                        set->labels[i], set->classes);
    oc_dataset part = *set;
    part.images = memory_zeroed(&memory_heap, (size_t)held_out, (size_t)picture_values(set) * sizeof(float));
    part.labels = memory_zeroed(&memory_heap, (size_t)held_out, sizeof(int32_t));
    bool *moves = memory_zeroed(&memory_heap, (size_t)set->count, sizeof *moves);
    oc_status status = part.images && part.labels && moves ? OC_OK : OC_E_MEMORY;
    if (status == OC_OK)
        status = choose(moves, set, held_out, seed);
    if (status == OC_OK) {
        move(set, &part, moves);
        *held = part;
    } else {
        oc_dataset_clear(&part);
    }
    memory_free(&memory_heap, moves);
    return status;
}

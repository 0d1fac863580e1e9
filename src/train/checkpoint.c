/* checkpoint.c - the position of a run in the metadata of its weights. */
#include "train/checkpoint.h"
#include "base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 7, NUMBER_BYTES = 24 };

static const char *const keys[KEYS] = { "train.epochs", "train.steps",    "train.batch",  "train.samples",
                                        "train.seed",   "train.loss_sum", "train.correct" };

/* Everything as 64-bit integers, the loss by its bits: exact, and the same in every language of the program. */
static void pack(int64_t numbers[KEYS], const struct position *at)
{
    const int64_t all[KEYS] = { at->epochs,        at->steps, at->batch,  at->samples,
                                (int64_t)at->seed, 0,         at->correct };
    memcpy(numbers, all, sizeof all);
    memcpy(&numbers[5], &at->loss_sum, sizeof at->loss_sum);
}

static void unpack(struct position *at, const int64_t numbers[KEYS])
{
    *at = (struct position){ .epochs = numbers[0],
                             .steps = numbers[1],
                             .batch = numbers[2],
                             .samples = numbers[3],
                             .seed = (uint64_t)numbers[4],
                             .correct = numbers[6] };
    memcpy(&at->loss_sum, &numbers[5], sizeof at->loss_sum);
}

static size_t string_count(const char *const *pairs)
{
    size_t count = 0;
    while (pairs && pairs[count])
        count += 2;
    return count;
}

oc_status checkpoint_save(oc_model *model, const char *path, const char *const *metadata,
                          const struct position *at)
{
    size_t count = string_count(metadata);
    const char **strings = memory_zeroed(&memory_heap, count + 2 * KEYS + 1, sizeof strings[0]);
    if (!strings)
        return fail_again(OC_E_MEMORY, oc_last_error());
    if (count > 0)
        memcpy(strings, metadata, count * sizeof strings[0]);
    char texts[KEYS][NUMBER_BYTES];
    int64_t numbers[KEYS];
    pack(numbers, at);
    for (int i = 0; i < KEYS; i++) {
        snprintf(texts[i], NUMBER_BYTES, "%" PRId64, numbers[i]);
        strings[count++] = keys[i];
        strings[count++] = texts[i];
    }
    const oc_status status =
        oc_model_save(model, path, &(oc_save_desc){ .training_state = true, .metadata = strings });
    memory_free(&memory_heap, strings);
    return status;
}

/* `found` is false for weights that no training run wrote. */
static oc_status read_position(struct position *at, bool *found, const char *path)
{
    int64_t numbers[KEYS];
    *found = false;
    for (int i = 0; i < KEYS; i++) {
        char text[NUMBER_BYTES];
        const oc_status status = oc_metadata_get(path, keys[i], text, sizeof text);
        if (status == OC_E_NOT_FOUND && i == 0)
            return OC_OK;
        TRY(status);
        char *end = NULL;
        numbers[i] = strtoll(text, &end, 10);
        if (end == text || *end != '\0')
            return fail(OC_E_FORMAT, "%s: %s is '%s', which is no number", path, keys[i], text);
    }
    unpack(at, numbers);
    *found = true;
    return OC_OK;
}

/* In the middle of an epoch the rest of it must be what it would have been. */
static oc_status check(const struct position *at, const struct position *mine, const char *path)
{
    const int64_t steps = (mine->samples + mine->batch - 1) / mine->batch;
    if (at->epochs < 0 || at->epochs > INT32_MAX || at->steps < 0)
        return fail(OC_E_FORMAT, "%s: %lld epochs and %lld steps done makes no sense", path,
                    (long long)at->epochs, (long long)at->steps);
    if (at->steps == 0)
        return OC_OK;
    if (at->batch != mine->batch || at->samples != mine->samples || at->seed != mine->seed ||
        at->steps > steps)
        return fail(
            OC_E_ARGUMENT,
            "%s was written in the middle of an epoch of %lld samples with batch %lld and seed %llu; it "
            "cannot go on with %lld samples, batch %lld and seed %llu",
            path, (long long)at->samples, (long long)at->batch, (unsigned long long)at->seed,
            (long long)mine->samples, (long long)mine->batch, (unsigned long long)mine->seed);
    return OC_OK;
}

oc_status checkpoint_load(oc_model *model, const char *path, struct position *at)
{
    struct position there;
    bool found;
    TRY(read_position(&there, &found, path));
    if (found)
        TRY(check(&there, at, path));
    TRY(oc_model_load(model, path));
    if (found) {
        at->epochs = there.epochs;
        at->steps = there.steps;
        at->loss_sum = there.loss_sum;
        at->correct = there.correct;
    }
    return OC_OK;
}

/* recipe.h - values for the parameters and inputs of any network, from their names: random, but the same everywhere.
 *
 * With u uniform in [-1, 1), drawn by Philox with seed 1 and a stream of the tensor's name (base/random.h):
 *     weights of more than one dimension   u * sqrt(6 / fan_in), fan_in being the values per filter
 *     other weights                        1 + u/2
 *     running variances                    1 + 2*SHIFT + u/2
 *     biases                               SHIFT + u/8
 *     running means                        u/8
 *     picture k                            u, drawn for "image k"
 *
 * SHIFT is 0, or more in deep networks whose results are compared at the end: then most values pass the ReLUs that
 * follow batch normalisation, few are near their kinks, and a rounding does not grow with depth. Large variances keep the
 * sums of a thousand layers finite in inference. */
#ifndef MODELS_RECIPE_H
#define MODELS_RECIPE_H

#include "base/random.h"
#include "base/status.h"
#include "support/replica.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECIPE_BATCH = 3, RECIPE_CLASSES = 10 };

/* Implementations whose rounding errors are those of plain sums. What errs more takes more values across the kink of a
 * ReLU, after which whole networks differ visibly. */
#define RECIPE_PLAIN_SUMS "conv=direct,conv_backward_data=direct,conv_backward_filter=direct"

static inline void recipe_draw(const char *name, double factor, double offset, float *values, int64_t count)
{
    const struct random random = { .seed = 1, .stream = random_stream(name) };
    for (int64_t i = 0; i < count; i += 4) {
        uint32_t words[4];
        random_block(&random, (uint64_t)i / 4, words);
        for (int k = 0; k < 4 && i + k < count; k++)
            values[i + k] = (float)(offset + factor * (2 * (double)(words[k] >> 8) * 0x1p-24 - 1));
    }
}

static inline bool recipe_ends(const char *name, const char *end)
{
    const size_t length = strlen(name), tail = strlen(end);
    return length >= tail && strcmp(name + length - tail, end) == 0;
}

static inline void recipe_parameter(const oc_parameter_info *info, double shift, float *values)
{
    if (info->rank > 1)
        recipe_draw(info->name, sqrt(6 * (double)info->shape[0] / (double)info->count), 0, values,
                    info->count);
    else if (recipe_ends(info->name, "weight"))
        recipe_draw(info->name, 0.5, 1, values, info->count);
    else if (recipe_ends(info->name, "var"))
        recipe_draw(info->name, 0.5, 1 + 2 * shift, values, info->count);
    else
        recipe_draw(info->name, 0.125, recipe_ends(info->name, "bias") ? shift : 0, values, info->count);
}

static inline oc_status recipe_apply(oc_model *model, double shift)
{
    for (int i = 0; i < oc_parameter_count(model); i++) {
        oc_parameter_info info;
        TRY(oc_parameter_info_at(model, i, &info));
        float *values = malloc((size_t)info.count * sizeof *values);
        if (!values)
            abort();
        recipe_parameter(&info, shift, values);
        const oc_status status = oc_parameter_set(model, info.name, OC_VALUE, values, info.count);
        free(values);
        TRY(status);
    }
    return OC_OK;
}

/* The network on square pictures of that size, filters and units divided, without dropout; replica_destroy when done. */
static inline oc_status recipe_network(oc_net *net, struct replica *replica, const char *name, int size,
                                       int divisor)
{
    oc_net published;
    TRY(oc_zoo_create(
        &published, name,
        &(oc_net_desc){ .batch = RECIPE_BATCH, .height = size, .width = size, .classes = RECIPE_CLASSES }));
    replica_create(
        replica, published.graph,
        &(struct replica_desc){ .divisor = divisor, .classes = RECIPE_CLASSES, .no_dropout = true });
    *net = replica_net(replica, &published);
    oc_graph_destroy(published.graph);
    return oc_graph_check(replica->graph);
}

static inline void recipe_image(int picture, float *values, int64_t count)
{
    char name[32];
    snprintf(name, sizeof name, "image %d", picture);
    recipe_draw(name, 1, 0, values, count);
}

/* Labels: 3*i + 1, modulo the classes. */
static inline void recipe_labels(int32_t *labels, int count, int classes)
{
    for (int i = 0; i < count; i++)
        labels[i] = (3 * i + 1) % classes;
}

#endif

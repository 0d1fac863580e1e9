/* trial.c - one node alone on the device: to see whether an implementation computes the right thing, and how fast. */
#include "base/memory.h"
#include "base/random.h"
#include "run/model.h"

#include <math.h>
#include <string.h>

/* Values repeat after so many: a prime, so that no two rows or channels get the same. */
enum { PERIOD = 65521, LABELS = 9 };

/* What results are before they are written: a NaN that no arithmetic yields. */
static const uint32_t unwritten = 0x7FC0DEADu;

/* Relative to the largest value wanted. The results of Winograd's transforms and of the longest sums in float stay below
 * a tenth of it; a product too few or at the wrong place is seen in sums of up to some 100,000, a wrong tile always. */
static const double tolerance = 1e-3;

/* ---- inputs ---- */

static int64_t value_bytes(const oc_tensor *x)
{
    return shape_count(&x->shape) * element_bytes(x->type);
}

static void draw(void *block, const oc_tensor *x, uint32_t stream, bool positive)
{
    const struct random random = { .stream = stream };
    const uint64_t labels = x->index_limit > 0 ? (uint64_t)x->index_limit : LABELS;
    const bool variance = x->parameter && x->parameter->state;
    for (uint64_t i = 0; i < PERIOD; i++) {
        const float value = random_uniform(&random, i);
        if (x->type == ELEMENT_F32)
            ((float *)block)[i] = positive || variance ? value + 0.1f : 2.f * value - 1.f;
        else if (x->type == ELEMENT_I32)
            ((int32_t *)block)[i] = (int32_t)random_below(&random, i, labels);
        else
            ((uint8_t *)block)[i] = (uint8_t)random_below(&random, i, LABELS);
    }
}

/* What an input is made of, if prepare has derived it. */
static const oc_tensor *source_of(const oc_tensor *x)
{
    while (x->producer && x->producer->in_count == 1)
        x = x->producer->in[0];
    return x;
}

static oc_status fill_input(struct trial *t, void *block, const oc_tensor *x, int index, bool positive)
{
    const oc_tensor *place = x->base ? x->base : x;
    const int64_t element = element_bytes(x->type), bytes = value_bytes(place);
    struct buffer *buffer = t->buffers[place->region][place->slab];
    draw(block, x, (uint32_t)index, positive);
    for (int64_t done = 0; done < bytes; done += PERIOD * element) {
        const int64_t part = bytes - done < PERIOD * element ? bytes - done : PERIOD * element;
        TRY(buffer_write(t->queue, buffer, (size_t)(place->offset * element + done), block, (size_t)part));
    }
    return OC_OK;
}

static oc_status allocate(struct trial *t)
{
    const oc_allocator *allocator = device_allocator(t->plan->device);
    for (int r = 0; r < REGION_COUNT; r++) {
        const struct slabs *slabs = &t->plan->slabs[r];
        t->buffers[r] = memory_zeroed(allocator, (size_t)slabs->count + 1, sizeof(struct buffer *));
        if (!t->buffers[r])
            return OC_E_MEMORY;
        for (int i = 0; i < slabs->count; i++) {
            TRY(buffer_create(&t->buffers[r][i], t->plan->device, (size_t)slabs->bytes[i]));
            TRY(buffer_fill(t->queue, t->buffers[r][i], unwritten));
        }
    }
    return OC_OK;
}

static oc_status fill_inputs(struct trial *t, bool positive)
{
    const oc_allocator *allocator = device_allocator(t->plan->device);
    void *block = memory_zeroed(allocator, PERIOD, sizeof(float));
    oc_status status = block ? OC_OK : OC_E_MEMORY;
    for (int i = 0; status == OC_OK && i < t->node->in_count; i++) {
        const oc_tensor *x = source_of(t->node->in[i]);
        if (!x->producer)
            status = fill_input(t, block, x, i, positive);
    }
    memory_free(allocator, block);
    return status;
}

oc_status trial_create(struct trial *t, const struct plan *draft, const struct node *n,
                       const struct choice *choice, bool positive)
{
    struct buffer *const *slabs[REGION_COUNT];
    *t = (struct trial){ .plan = NULL };
    TRY(plan_create_single(&t->plan, &t->node, draft, n, choice));
    TRY(queue_create(&t->queue, draft->device, true));
    TRY(allocate(t));
    for (int r = 0; r < REGION_COUNT; r++)
        slabs[r] = t->buffers[r];
    TRY(plan_build(t->plan, slabs, NULL, NULL));
    return fill_inputs(t, positive);
}

void trial_destroy(struct trial *t)
{
    queue_destroy(t->queue);
    for (int r = 0; t->plan && r < REGION_COUNT; r++) {
        for (int i = 0; t->buffers[r] && i < t->plan->slabs[r].count; i++)
            buffer_destroy(t->buffers[r][i]);
        memory_free(device_allocator(t->plan->device), t->buffers[r]);
    }
    plan_destroy(t->plan);
    *t = (struct trial){ .plan = NULL };
}

oc_status trial_run(struct trial *t, double *milliseconds)
{
    static const struct dynamics dynamics = { .numbers = { .rate = 0.01f, .root = 0.5f, .shrink = 0.9f },
                                              .draw = 1,
                                              .share = 0.5f };
    *milliseconds = 0;
    for (size_t i = 0; i < t->plan->emitter.step_count; i++) {
        const struct step *step = &t->plan->emitter.steps[i];
        double time;
        if (step->dynamic)
            TRY(step_set_dynamic(step, &dynamics));
        TRY(launch_time(t->queue, step->launch, &time));
        if (t->plan->train || step->node == t->node)
            *milliseconds += time;
    }
    return OC_OK;
}

/* ---- results ---- */

/* The index-th tensor that the node may have written; NULL past the last. */
static const oc_tensor *written(const struct trial *t, int outputs, int index)
{
    if (index < outputs)
        return t->node->out[index];
    index -= outputs;
    for (int i = 0; i < t->node->in_count; i++) {
        const oc_tensor *x = t->node->in[i];
        if (x->parameter && x->parameter->state && index-- == 0)
            return x;
    }
    return NULL;
}

/* Of a slice everything is read, also what lies between its rows. */
static const oc_tensor *place_of(const oc_tensor *x)
{
    return x->base ? x->base : x;
}

oc_status trial_read(struct trial *t, int outputs, void **values)
{
    size_t bytes = 0, done = 0;
    for (int i = 0; written(t, outputs, i); i++)
        bytes += (size_t)value_bytes(place_of(written(t, outputs, i)));
    *values = memory_zeroed(device_allocator(t->plan->device), bytes, 1);
    if (!*values)
        return OC_E_MEMORY;
    for (int i = 0; written(t, outputs, i); i++) {
        const oc_tensor *x = place_of(written(t, outputs, i));
        TRY(buffer_read(t->queue, t->buffers[x->region][x->slab],
                        (size_t)(x->offset * element_bytes(x->type)), (char *)*values + done,
                        (size_t)value_bytes(x)));
        done += (size_t)value_bytes(x);
    }
    return OC_OK;
}

static bool same_floats(const float *wanted, const float *got, int64_t count)
{
    double largest = 0;
    for (int64_t i = 0; i < count; i++)
        if (isfinite(wanted[i]))
            largest = fmax(largest, fabs((double)wanted[i]));
    for (int64_t i = 0; i < count; i++) {
        const bool equal = wanted[i] == got[i] || (isnan(wanted[i]) && isnan(got[i]));
        if (!equal && !(fabs((double)wanted[i] - (double)got[i]) <= tolerance * largest))
            return false;
    }
    return true;
}

bool trial_agrees(const struct trial *t, int outputs, const void *wanted, const void *got, bool *finite)
{
    size_t done = 0;
    bool agrees = true;
    *finite = true;
    for (int i = 0; written(t, outputs, i); i++) {
        const oc_tensor *x = place_of(written(t, outputs, i));
        const void *a = (const char *)wanted + done, *b = (const char *)got + done;
        const int64_t count = shape_count(&x->shape);
        if (x->type != ELEMENT_F32)
            agrees = agrees && memcmp(a, b, (size_t)value_bytes(x)) == 0;
        else
            agrees = agrees && same_floats(a, b, count);
        for (int64_t j = 0; x->type == ELEMENT_F32 && *finite && j < count; j++)
            *finite = isfinite(((const float *)a)[j]) ||
                      memcmp((const float *)a + j, &unwritten, sizeof unwritten) == 0;
        done += (size_t)value_bytes(x);
    }
    return agrees;
}

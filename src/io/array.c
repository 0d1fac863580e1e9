/* array.c - arrays of floats on the host. */
#include "io/array.h"
#include "base/memory.h"
#include "base/status.h"

#include <inttypes.h>
#include <string.h>

bool array_bytes(int rank, const int64_t *shape, size_t each, size_t *bytes)
{
    size_t product = each;
    for (int i = 0; i < rank; i++) {
        if (shape[i] < 0 || (shape[i] > 0 && product > PTRDIFF_MAX / (uint64_t)shape[i]))
            return false;
        product *= (size_t)shape[i];
    }
    *bytes = product;
    return true;
}

oc_status array_create(oc_array *array, int rank, const int64_t *shape)
{
    size_t bytes;
    if (!array_bytes(rank, shape, sizeof(float), &bytes))
        return fail(OC_E_MEMORY, "an array of rank %d has more values than memory can hold", rank);
    float *data = memory_zeroed(&memory_heap, bytes / sizeof(float), sizeof(float));
    if (!data)
        return OC_E_MEMORY;
    *array = (oc_array){ .rank = rank, .data = data };
    for (int i = 0; i < rank; i++)
        array->shape[i] = shape[i];
    return OC_OK;
}

void oc_array_clear(oc_array *array)
{
    if (!array)
        return;
    memory_free(&memory_heap, array->data);
    *array = (oc_array){ 0 };
}

/* Where a new pixel lies between two old ones: value = (1 - weight)*old[low] + weight*old[high]. */
struct tap {
    int64_t low, high;
    float weight;
};

static struct tap tap_at(int64_t i, double scale, int64_t size)
{
    double position = ((double)i + 0.5) * scale - 0.5;
    if (position < 0)
        position = 0;
    int64_t low = (int64_t)position;
    if (low > size - 1)
        low = size - 1;
    return (struct tap){ low, low < size - 1 ? low + 1 : low, (float)(position - (double)low) };
}

void array_resample(float *to, int64_t new_height, int64_t new_width, const float *from, int64_t height,
                    int64_t width, int64_t planes)
{
    const double scale_y = (double)height / (double)new_height, scale_x = (double)width / (double)new_width;
    for (int64_t plane = 0; plane < planes; plane++, from += height * width) {
        for (int64_t y = 0; y < new_height; y++) {
            const struct tap v = tap_at(y, scale_y, height);
            const float *above = from + v.low * width, *below = from + v.high * width;
            for (int64_t x = 0; x < new_width; x++) {
                const struct tap h = tap_at(x, scale_x, width);
                const float top = (1 - h.weight) * above[h.low] + h.weight * above[h.high];
                const float bottom = (1 - h.weight) * below[h.low] + h.weight * below[h.high];
                *to++ = (1 - v.weight) * top + v.weight * bottom;
            }
        }
    }
}

oc_status oc_array_resize(oc_array *array, int height, int width)
{
    if (!array || !array->data || array->rank < 2 || array->rank > ARRAY_MAX_RANK)
        return fail(OC_E_ARGUMENT, "resize: the array needs 2 to %d dimensions, it has %d", ARRAY_MAX_RANK,
                    array && array->data ? array->rank : 0);
    const int64_t *old = array->shape + array->rank - 2;
    if (height < 1 || width < 1 || old[0] < 1 || old[1] < 1)
        return fail(OC_E_ARGUMENT, "resize: %" PRId64 "x%" PRId64 " pixels cannot become %dx%d", old[0],
                    old[1], height, width);
    int64_t planes = 1, shape[ARRAY_MAX_RANK];
    memcpy(shape, array->shape, sizeof shape);
    shape[array->rank - 2] = height;
    shape[array->rank - 1] = width;
    for (int i = 0; i < array->rank - 2; i++)
        planes *= shape[i];
    oc_array resized;
    TRY(array_create(&resized, array->rank, shape));
    array_resample(resized.data, height, width, array->data, old[0], old[1], planes);
    oc_array_clear(array);
    *array = resized;
    return OC_OK;
}

/* lookup.c - the record that fits a node best. */
#include "base/memory.h"
#include "device/source.h"
#include "tune/tune.h"

#include <math.h>
#include <string.h>

/* Sizes that differ more than twofold on average say less than the heuristic. */
static const double far = 1.0;

oc_status records_add(struct records *records, const struct record *record)
{
    TRY(memory_grow(records->allocator, (void **)&records->items, &records->capacity, records->count + 1,
                    sizeof *records->items));
    records->items[records->count++] = *record;
    return OC_OK;
}

void records_free(struct records *records)
{
    memory_free(records->allocator, records->items);
    *records = (struct records){ .allocator = records->allocator };
}

static bool same_device(const struct record *a, const struct record *b)
{
    return strcmp(a->device, b->device) == 0 && strcmp(a->vendor, b->vendor) == 0 &&
           a->compute_units == b->compute_units && a->local_memory == b->local_memory;
}

/* Lower is better: first the device, then the sizes, then the version of the driver. */
static double misfit(const struct record *record, const struct record *wanted)
{
    const double distance = problem_distance(record->problem, wanted->problem);
    if (!(distance <= far))
        return HUGE_VAL;
    if (distance > 0 && *record->device == '\0')
        return HUGE_VAL;
    if (!same_device(record, wanted))
        return strcmp(record->architecture, wanted->architecture) == 0 ? 2 + distance : HUGE_VAL;
    return distance + (strcmp(record->driver, wanted->driver) == 0 ? 0 : 1e-9);
}

bool records_find(const struct records *records, const struct node *n, const oc_device *device,
                  const char *problem, struct choice *choice)
{
    struct record wanted = { .ms = 0 };
    double best = HUGE_VAL;
    record_set_device(&wanted, oc_device_get_info(device));
    strncpy(wanted.problem, problem, sizeof wanted.problem - 1);
    for (size_t i = 0; records && i < records->count; i++) {
        const double fit = misfit(&records->items[i], &wanted);
        struct choice candidate;
        if (fit < best && record_choice(&records->items[i], n, device, &candidate)) {
            best = fit;
            *choice = candidate;
        }
    }
    return best < HUGE_VAL;
}

oc_status records_load(struct records *records, const oc_device *device)
{
    *records = (struct records){ .allocator = device_allocator(device) };
    if (store_is_off(NULL))
        return OC_OK;
    struct store *store = store_open(NULL, false);
    oc_status status = store_load(store, oc_device_get_info(device), records);
    store_close(store);
    size_t bad_line;
    for (const struct kernel_source *s = tuned_records; s->name && status == OC_OK; s++)
        status = records_read(records, s->text, strlen(s->text), &bad_line);
    return status;
}

/* test_shipped.c - the records of cl/tuned: they are what they should be, fit the kernels of today, and models take them.
 *
 * A change of a kernel makes its records useless. That is to be seen: then `make tuned` measures anew, and
 * `make tuned NETS=` only takes out what has become useless. */
#include "base/memory.h"
#include "compile/plans.h"
#include "device/cl.h"
#include "device/source.h"
#include "ops/ops.h"
#include "tune/tune.h"

#include <ocelli/models.h>
#include <stdlib.h>

TestSuite(shipped, .init = scratch_open, .fini = scratch_close);

static struct records shipped(void)
{
    struct records records = { .allocator = &memory_heap };
    for (const struct kernel_source *s = tuned_records; s->name; s++) {
        size_t bad_line;
        CHECK(records_read(&records, s->text, strlen(s->text), &bad_line));
        cr_expect_eq(bad_line, 0, "%s:%zu is no record", s->name, bad_line);
    }
    return records;
}

static const struct op *op_of(const struct record *record)
{
    const size_t length = strcspn(record->problem, " ");
    for (int op = 0; op_table[op]; op++)
        if (strlen(op_table[op]->name) == length && strncmp(op_table[op]->name, record->problem, length) == 0)
            return op_table[op];
    return NULL;
}

/* A line is of an architecture, not of a device, and there for its gain. */
Test(shipped, each_record_is_worth_its_line)
{
    struct records records = shipped();
    char before[RECORD_BYTES] = "", line[RECORD_BYTES];
    for (size_t i = 0; i < records.count; i++) {
        const struct record *r = &records.items[i];
        struct text text = TEXT_IN(line);
        record_print(&text, r);
        cr_expect(strcmp(before, line) < 0, "not sorted: %s", line);
        strcpy(before, line);
        cr_expect(!*r->device && !*r->vendor && !*r->driver && r->compute_units == 0 &&
                      r->local_memory == 0 && *r->architecture,
                  "it names a device: %s", line);
        cr_expect(r->ms > 0 && r->heuristic_ms >= 1.0299 * r->ms && r->heuristic_ms - r->ms >= 0.1999,
                  "it gains too little: %s", line);
        for (size_t j = 0; j < i; j++)
            cr_expect(strcmp(r->problem, records.items[j].problem) != 0 ||
                          strcmp(r->architecture, records.items[j].architecture) != 0,
                      "a second record: %s", line);
    }
    records_free(&records);
}

Test(shipped, each_record_is_of_the_kernels_of_today)
{
    struct records records = shipped();
    size_t useless = 0;
    for (size_t i = 0; i < records.count; i++) {
        const struct record *r = &records.items[i];
        const struct op *op = op_of(r);
        struct choice choice;
        useless +=
            !op || !choice_parse(&choice, op, r->implementation, r->tunables) || !record_is_current(r, NULL);
    }
    cr_expect_eq(
        useless, 0,
        "%zu of %zu shipped records are of other kernels; `make tuned` measures anew, `make tuned NETS=` "
        "takes them out",
        useless, records.count);
    records_free(&records);
}

static const struct record *record_of(const struct records *records, const char *architecture,
                                      const char *problem)
{
    for (size_t i = 0; i < records->count; i++)
        if (strcmp(records->items[i].architecture, architecture) == 0 &&
            strcmp(records->items[i].problem, problem) == 0)
            return &records->items[i];
    return NULL;
}

/* How many nodes of a network's training are in the records; each must be carried out as its record says. */
static int count_followed(oc_device *device, const char *name, const struct records *records)
{
    oc_net net;
    struct plan *draft, *plan;
    struct records loaded;
    struct record here;
    int followed = 0;
    record_set_device(&here, &device->info);
    CHECK(oc_zoo_create(&net, name, &(oc_net_desc){ .batch = 16 }));
    const oc_model_desc desc = { .loss = net.loss };
    CHECK(records_load(&loaded, device));
    CHECK(plan_draft(&draft, net.graph, device, &desc, true));
    CHECK(plan_create(&plan, net.graph, device, &desc, true, &loaded));
    const struct node *twin = plan->graph->first; /* has more nodes: what was derived */
    for (const struct node *n = draft->graph->first; n; n = n->next) {
        char buffer[PROBLEM_BYTES];
        struct text problem = TEXT_IN(buffer);
        struct record taken;
        while (twin && (twin->op != n->op || twin->backward != n->backward ||
                        strcmp(twin->name ? twin->name : "", n->name ? n->name : "") != 0))
            twin = twin->next;
        cr_assert(twin, "%s: %s is not in the plan", name, n->op->name);
        problem_print(&problem, n, true);
        const struct record *record = n->view ? NULL : record_of(records, here.architecture, buffer);
        if (record) {
            struct choice choice = { .impl = twin->impl };
            memcpy(choice.tuned, twin->tuned, sizeof choice.tuned);
            record_set_choice(&taken, &choice);
            cr_expect(strcmp(taken.implementation, record->implementation) == 0 &&
                          strcmp(taken.tunables, record->tunables) == 0,
                      "%s: %s is carried out by %s %s", name, buffer, taken.implementation, taken.tunables);
            followed++;
        }
        twin = twin->next;
    }
    plan_destroy(plan);
    plan_destroy(draft);
    records_free(&loaded);
    oc_graph_destroy(net.graph);
    return followed;
}

static const char *const tuned_networks[] = {
    "alexnet",  "vgg16",           "googlenet",       "resnet18",
    "resnet50", "resnext50_32x4d", "wide_resnet50_2", "densenet121"
};

/* On whatever CPU has the vector width and the local memory, without a store. */
Test(shipped, models_take_them)
{
    struct records records = shipped();
    int followed = 0;
    setenv("OCELLI_TUNING_DB", scratch_path("none"), 1);
    oc_device *device = fixture_open();
    strcpy(device->info.name, "another CPU");
    device->info.compute_units = 16; /* a record that does not fit is passed over */
    device->info.local_memory = 1 << 20;
    for (int width = 8; width <= 16; width *= 2) {
        device->info.vector_width = width;
        for (int i = 0; i < COUNT_OF(tuned_networks); i++)
            followed += count_followed(device, tuned_networks[i], &records);
    }
    cr_expect(followed > 0 || records.count == 0, "no network has a problem of the shipped records");
    oc_device_close(device);
    records_free(&records);
}

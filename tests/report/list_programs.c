/* list_programs.c - which kernels Ocelli launches on GPUs that need not be there: list_programs [VENDOR...]
 *
 * Every operation's cases, every network, every optimizer is compiled, up to the launches, for a device of which only the
 * description exists: as the heuristics choose, with each other implementation that supports a node, and with the shipped
 * tuning records of exactly its problem. One line per distinct (vendor, file, kernel, options), between tabs:
 *
 *     vendor  file  kernel  options  bytes of local memory passed as arguments, the most
 *
 * and "-", the operation and the implementation where no vendor's device was given that one: those for CPUs.
 * Fails if an operation of the table occurs nowhere. Calls no OpenCL. */
#include "device/cl.h"
#include "device/source.h"
#include "ops/ops.h"
#include "support/case.h"
#include "compile/compile.h"

#include <ocelli/models.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPS = 160, MAX_IMPLEMENTATIONS = 16 };

/* What drivers say of the smallest device that we care for. */
static const oc_device_info gpus[] = {
    { .name = "amd",
      .vendor = "Advanced Micro Devices, Inc.",
      .type = OC_DEVICE_GPU,
      .compute_units = 60,
      .clock_mhz = 1700,
      .vector_width = 1,
      .max_work_group = 256,
      .memory = INT64_C(16) << 30,
      .max_allocation = INT64_C(14) << 30,
      .local_memory = 64 << 10,
      .fp64 = true,
      .fp16 = true,
      .usable = true },
    { .name = "nvidia",
      .vendor = "NVIDIA Corporation",
      .type = OC_DEVICE_GPU,
      .compute_units = 108,
      .clock_mhz = 1410,
      .vector_width = 1,
      .max_work_group = 1024,
      .memory = INT64_C(40) << 30,
      .max_allocation = INT64_C(10) << 30,
      .local_memory = 48 << 10,
      .fp64 = true,
      .usable = true },
    { .name = "intel",
      .vendor = "Intel(R) Corporation",
      .type = OC_DEVICE_GPU,
      .compute_units = 24,
      .clock_mhz = 1150,
      .vector_width = 1,
      .max_work_group = 256,
      .memory = INT64_C(16) << 30,
      .max_allocation = INT64_C(4) << 30,
      .local_memory = 64 << 10,
      .fp16 = true,
      .sub_groups = true,
      .sub_group_sizes = 8 + 16 + 32,
      .usable = true },
};

/* Only to tell what is for CPUs from what no case has. */
static const oc_device_info cpu = { .name = "cpu",
                                    .vendor = "any",
                                    .type = OC_DEVICE_CPU,
                                    .compute_units = 8,
                                    .clock_mhz = 3000,
                                    .vector_width = 8,
                                    .max_work_group = 4096,
                                    .memory = INT64_C(16) << 30,
                                    .max_allocation = INT64_C(16) << 30,
                                    .local_memory = 512 << 10,
                                    .fp64 = true,
                                    .usable = true };

struct program_line {
    const char *vendor, *file;
    char kernel[64], options[MAX_OPTIONS];
    size_t local_bytes;
};

static struct {
    const char *vendor; /* the name of the device */
    oc_device device;
    struct records records;
    bool on_cpu[MAX_OPS], on_gpus[MAX_OPS][MAX_IMPLEMENTATIONS];
    struct program_line *lines;
    size_t count, capacity;
} report;

static void check(oc_status status, const char *what)
{
    if (status == OC_OK)
        return;
    fprintf(stderr, "list_programs: %s: %s: %s\n", report.vendor, what, oc_last_error());
    exit(1);
}

/* ---- what is launched ---- */

static struct program_line *line_of(const char *file, const char *kernel, const char *options)
{
    for (size_t i = report.count; i-- > 0;) {
        struct program_line *line = &report.lines[i];
        if (line->vendor == report.vendor && strcmp(line->file, file) == 0 &&
            strcmp(line->kernel, kernel) == 0 && strcmp(line->options, options) == 0)
            return line;
    }
    check(memory_grow(&memory_heap, (void **)&report.lines, &report.capacity, report.count + 1,
                      sizeof *report.lines),
          file);
    struct program_line *line = &report.lines[report.count++];
    *line = (struct program_line){ .vendor = report.vendor, .file = file };
    snprintf(line->kernel, sizeof line->kernel, "%s", kernel);
    snprintf(line->options, sizeof line->options, "%s", options);
    return line;
}

static void note_implementation(const struct node *n)
{
    int op = 0;
    while (op_table[op] != n->op)
        op++;
    if (report.vendor == cpu.name)
        report.on_cpu[op] = true;
    else
        report.on_gpus[op][n->impl - n->op->impls] = true;
}

/* The linker leads the calls of emit to here (-Wl,--wrap=emit). */
oc_status __real_emit(struct emitter *e, const struct node *n, const struct launch_spec *spec);
oc_status __wrap_emit(struct emitter *e, const struct node *n, const struct launch_spec *spec);
oc_status __wrap_emit(struct emitter *e, const struct node *n, const struct launch_spec *spec)
{
    TRY(__real_emit(e, n, spec));
    size_t local_bytes = 0;
    for (int i = 0; i < MAX_ARGUMENTS && spec->args[i].kind != ARGUMENT_END; i++)
        if (spec->args[i].kind == ARGUMENT_LOCAL)
            local_bytes += spec->args[i].bytes;
    const char *options = e->requests[e->steps[e->step_count - 1].request].options;
    struct program_line *line = line_of(spec->file, spec->kernel, options);
    if (line->local_bytes < local_bytes)
        line->local_bytes = local_bytes;
    note_implementation(n);
    return OC_OK;
}

/* ---- every way to carry out a graph ---- */

static void launch_all(struct plan *plan, const char *what)
{
    char buffer[MAX_OPTIONS];
    struct text files = TEXT_IN(buffer);
    check(plan_files(plan, &files), what);
    plan_destroy(plan);
}

static void list_choice(const struct plan *draft, const struct node *n, const struct choice *choice)
{
    struct plan *single;
    struct node *twin;
    check(plan_create_single(&single, &twin, draft, n, choice), n->name ? n->name : n->op->name);
    launch_all(single, n->op->name);
}

static void list_node(const struct plan *draft, const struct node *n)
{
    char buffer[PROBLEM_BYTES];
    struct text problem = TEXT_IN(buffer);
    struct choice choice;
    for (const struct impl *impl = n->op->impls; impl->name; impl++)
        if (impl_supports(impl, n, &report.device.info)) {
            choice_default(&choice, impl, n, &report.device.info);
            list_choice(draft, n, &choice);
        }
    problem_print(&problem, n, draft->train);
    for (size_t i = 0; !problem.overflow && i < report.records.count; i++)
        if (strcmp(report.records.items[i].problem, buffer) == 0 &&
            record_choice(&report.records.items[i], n, &report.device, &choice))
            list_choice(draft, n, &choice);
}

static void list_plans(const oc_graph *graph, const oc_model_desc *desc, bool train, const char *what)
{
    oc_model_desc reference = *desc;
    struct plan *plan;
    reference.implementations = "reference";
    check(plan_create(&plan, graph, &report.device, desc, train, &report.records), what);
    launch_all(plan, what);
    check(plan_create(&plan, graph, &report.device, &reference, train, NULL), what);
    launch_all(plan, what);
    check(plan_draft(&plan, graph, &report.device, desc, train), what);
    for (const struct node *n = plan->graph->first; n; n = n->next)
        if (!n->view && n->phase == PHASE_COMPUTE)
            list_node(plan, n);
    plan_destroy(plan);
}

static void list_model(const oc_graph *graph, const oc_model_desc *desc, const char *what)
{
    list_plans(graph, desc, true, what);
    list_plans(graph, &(oc_model_desc){ .outputs = desc->outputs }, false, what);
}

/* ---- what there is ---- */

static oc_tensor *input(oc_graph *graph, const char *name, const int64_t *shape, bool labels)
{
    oc_input_desc desc = { .name = name, .type = labels ? OC_I32 : OC_F32, .gradient = !labels };
    memcpy(desc.shape, shape, sizeof desc.shape);
    return oc_input(graph, &desc);
}

/* A layer with an inner product after it, so that its gradient is a tensor. */
static void list_layer(oc_graph *graph, oc_tensor *y, const oc_optimizer_desc *optimizer, const char *what)
{
    int64_t shape[OC_MAX_RANK] = { 0 };
    oc_tensor *loss = y;
    if (oc_tensor_shape(y, shape) > 0)
        loss = oc_dot(y, input(graph, "dy", shape, false));
    oc_tensor *const outputs[] = { y, NULL };
    list_model(
        graph,
        &(oc_model_desc){ .loss = loss, .outputs = outputs, .optimizer = *optimizer, .accumulate = true },
        what);
    oc_graph_destroy(graph);
}

static void list_case(const struct op_spec *spec, const struct op_case *c)
{
    static const char *const names[MAX_INPUTS] = { "x0", "x1", "x2" };
    static const oc_optimizer_desc plain;
    oc_tensor *in[MAX_INPUTS];
    oc_graph *graph = oc_graph_create(NULL);
    for (int i = 0; i < spec->inputs; i++)
        in[i] = input(graph, names[i], c->shape[i], spec->labels && i == spec->inputs - 1);
    list_layer(graph, spec->build(in, c), &plain, c->name);
}

static void list_optimizers(void)
{
    static const oc_optimizer_desc optimizers[] = {
        { .kind = OC_SGD, .weight_decay = 0.1f, .clip_norm = 1, .average = 0.9f },
        { .kind = OC_SGD, .momentum = 0.9f, .decay_weights_only = true, .weight_decay = 0.1f },
        { .kind = OC_SGD, .momentum = 0.9f, .nesterov = true },
        { .kind = OC_ADAM },
        { .kind = OC_ADAM, .weight_decay = 0.1f, .clip_norm = 1, .average = 0.9f },
        { .kind = OC_ADAMW, .weight_decay = 0.1f },
        { .kind = OC_RMSPROP },
        { .kind = OC_RMSPROP, .momentum = 0.9f, .weight_decay = 0.1f },
        { .kind = OC_ADAGRAD, .average = 0.9f },
    };
    for (int i = 0; i < COUNT_OF(optimizers); i++) {
        oc_graph *graph = oc_graph_create(NULL);
        oc_tensor *x = input(graph, "x", (const int64_t[OC_MAX_RANK]){ 8, 16 }, false);
        list_layer(graph, oc_dense(x, &(oc_dense_desc){ .units = 33 }), &optimizers[i], "optimizer");
    }
}

/* Layers that are no case of a spec, since they draw random numbers. */
static void list_dropout(void)
{
    static const oc_optimizer_desc plain;
    for (int layer = 0; layer < 4; layer++) {
        oc_graph *graph = oc_graph_create(NULL);
        oc_tensor *x = input(graph, "x", (const int64_t[OC_MAX_RANK]){ 3, 17, 5, 7 }, false);
        oc_tensor *y = layer == 0 ? oc_dropout(x, 0.5f)
                       : layer == 1
                           ? oc_channel_dropout(x, 0.5f)
                           : oc_stochastic_depth(x, &(oc_stochastic_depth_desc){
                                                        .survival = 0.5f, .scale_at_inference = layer == 3 });
        list_layer(graph, y, &plain, "dropout");
    }
}

static void list_network(const char *name, bool recompute)
{
    oc_net net;
    check(oc_zoo_create(&net, name, &(oc_net_desc){ .batch = 16 }), name);
    oc_tensor *const outputs[] = { net.probabilities, NULL };
    list_model(net.graph, &(oc_model_desc){ .loss = net.loss, .outputs = outputs, .recompute = recompute },
               name);
    oc_graph_destroy(net.graph);
}

/* Programs that are built outside models (device/probe.c, device/measure.c). */
static void list_measurements(void)
{
    static const char *const widths[] = { " -DWIDTH=1", " -DWIDTH=4", " -DWIDTH=8", " -DWIDTH=16" };
    line_of("probe.cl", "probe_loops", "");
    for (int i = 0; i < COUNT_OF(widths); i++) {
        line_of("peak.cl", "peak_fma", widths[i]);
        line_of("peak.cl", "peak_copy", widths[i]);
    }
}

static void list_device(const oc_device_info *info)
{
    size_t bad_line;
    report.vendor = info->name;
    report.device = (oc_device){ .allocator = memory_heap, .info = *info };
    report.records = (struct records){ .allocator = &memory_heap };
    for (const struct kernel_source *s = tuned_records; s->name; s++)
        check(records_read(&report.records, s->text, strlen(s->text), &bad_line), s->name);
    for (int k = 0; op_specs[k]; k++)
        for (int c = 0; c < op_specs[k]->case_count; c++)
            list_case(op_specs[k], &op_specs[k]->cases[c]);
    list_optimizers();
    list_dropout();
    for (int i = 0; oc_zoo_name(i); i++)
        list_network(oc_zoo_name(i), false);
    list_network("resnet20_cifar", true);
    list_measurements();
    records_free(&report.records);
}

/* False if an operation was not met, not even on a CPU, and is not always a view, as a slice is. */
static bool list_unused(void)
{
    bool good = true;
    for (int op = 0; op_table[op]; op++) {
        bool any = report.on_cpu[op] || strcmp(op_table[op]->name, "slice") == 0;
        for (int i = 0; op_table[op]->impls[i].name; i++) {
            any = any || report.on_gpus[op][i];
            if (!report.on_gpus[op][i])
                printf("-\t%s\t%s\n", op_table[op]->name, op_table[op]->impls[i].name);
        }
        if (!any)
            fprintf(stderr, "list_programs: no case and no network has the operation \"%s\"\n",
                    op_table[op]->name);
        good = good && any;
    }
    return good;
}

int main(int count, char **vendors)
{
    for (int g = 0; g < COUNT_OF(gpus); g++) {
        bool wanted = count == 1;
        for (int i = 1; i < count; i++)
            wanted = wanted || strcmp(vendors[i], gpus[g].name) == 0;
        if (wanted)
            list_device(&gpus[g]);
    }
    const size_t launches = report.count;
    list_device(&cpu);
    for (size_t i = 0; i < launches; i++)
        printf("%s\t%s\t%s\t%s\t%zu\n", report.lines[i].vendor, report.lines[i].file, report.lines[i].kernel,
               report.lines[i].options, report.lines[i].local_bytes);
    free(report.lines);
    return list_unused() ? 0 : 1;
}

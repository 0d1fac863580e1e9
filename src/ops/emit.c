/* emit.c - launch specifications to launches. */
#include "ops/emit.h"
#include "base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const oc_device_info *emitter_device(const struct emitter *e)
{
    return oc_device_get_info(e->device);
}

int64_t emitter_group_of(const struct emitter *e, int64_t wanted)
{
    const int64_t limit = emitter_device(e)->max_work_group;
    return limit < wanted ? limit : wanted;
}

int64_t emitter_group(const struct emitter *e)
{
    return emitter_group_of(e, 64);
}

int64_t emitter_group_width(const struct emitter *e, int64_t width)
{
    const oc_device_info *device = emitter_device(e);
    const int64_t most =
        device->type == OC_DEVICE_CPU ? least(device->vector_width, emitter_group(e)) : emitter_group(e);
    int64_t items = 1;
    while (2 * items <= width && 2 * items <= most)
        items *= 2;
    return items;
}

int tuned(const struct node *n, const char *name)
{
    for (int i = 0; n->impl->tunables && n->impl->tunables[i].name; i++)
        if (strcmp(n->impl->tunables[i].name, name) == 0)
            return n->tuned[i];
    return 0;
}

static struct epilogue_arguments epilogue_arguments(const struct node *n)
{
    const struct epilogue *e = &n->epilogue;
    const oc_tensor *addend = e->addend ? n->in[e->addend] : NULL, *kept = e->kept ? n->in[e->kept] : NULL;
    return (struct epilogue_arguments){
        .addend = addend ? addend : n->out[0],
        .kept = kept ? kept : n->out[0],
        .values = { .alpha = e->alpha,
                    .applied = e->function != NULL,
                    .addend_pitch = addend ? (int32_t)tensor_pitch(addend) : 0,
                    .kept_pitch = kept ? (int32_t)tensor_pitch(kept) : 0 },
    };
}

struct epilogue_arguments epilogue_of(const struct node *n, struct text *defines)
{
    const struct epilogue *e = &n->epilogue;
    if (e->function)
        text_print(defines, " -DFUNCTION=%s", e->function);
    if (e->addend)
        text_print(defines, " -DADDEND=1");
    if (e->kept)
        text_print(defines, " -DKEPT=1");
    return epilogue_arguments(n);
}

struct epilogue_arguments epilogue_any(const struct node *n, struct text *defines)
{
    const char *function = n->epilogue.function;
    text_print(defines, " -DANY_EPILOGUE=1");
    if (function && strcmp(function, "apply_relu") != 0) /* cl/common.cl's default */
        text_print(defines, " -DFUNCTION=%s", function);
    return epilogue_arguments(n);
}

void emitter_begin(struct emitter *e, enum emit_mode mode)
{
    e->mode = mode;
    e->cursor = 0;
}

void emitter_free(struct emitter *e)
{
    const oc_allocator *allocator = device_allocator(e->device);
    for (size_t i = e->step_count;
         i-- > 0;) /* the last first: PoCL lists a program's kernels from the newest */
        launch_destroy(e->steps[i].launch);
    for (size_t i = 0; i < e->request_count; i++)
        memory_free(allocator, (void *)(uintptr_t)e->requests[i].options);
    memory_free(allocator, e->requests);
    memory_free(allocator, e->steps);
}

/* Index of the program in the list of requests, which grows if it is a new one. */
static oc_status request(struct emitter *e, const char *file, const char *options, int *index)
{
    const oc_allocator *allocator = device_allocator(e->device);
    for (size_t i = e->request_count; i-- > 0;) /* most likely that of the node before */
        if (strcmp(e->requests[i].file, file) == 0 && strcmp(e->requests[i].options, options) == 0) {
            *index = (int)i;
            return OC_OK;
        }
    TRY(memory_grow(allocator, (void **)&e->requests, &e->request_capacity, e->request_count + 1,
                    sizeof *e->requests));
    char *copy = memory_zeroed(allocator, strlen(options) + 1, 1);
    if (!copy)
        return OC_E_MEMORY;
    strcpy(copy, options);
    *index = (int)e->request_count;
    e->requests[e->request_count++] = (struct program_request){ .file = file, .options = copy };
    return OC_OK;
}

static oc_status append_step(struct emitter *e, const struct node *n, int request)
{
    TRY(memory_grow(device_allocator(e->device), (void **)&e->steps, &e->step_capacity, e->step_count + 1,
                    sizeof *e->steps));
    e->steps[e->step_count++] = (struct step){ .node = n, .request = request };
    return OC_OK;
}

static oc_status collect(struct emitter *e, const struct node *n, const struct launch_spec *spec)
{
    char buffer[MAX_OPTIONS];
    struct text options = TEXT_IN(buffer);
    int index;
    for (int i = 0; !spec->untuned && n->impl->tunables && n->impl->tunables[i].name; i++)
        text_print(&options, " -D%s=%d", n->impl->tunables[i].name, n->tuned[i]);
    text_print(&options, "%s", spec->defines ? spec->defines : "");
    const oc_device_info *device = emitter_device(e);
    if (device->loop_limit > 0 && spec->iterations > device->loop_limit)
        return node_fail(n, OC_E_UNSUPPORTED,
                         "kernel %s would loop %" PRId64 " times, device \"%s\" ends loops after %" PRId64,
                         spec->kernel, spec->iterations, device->name, device->loop_limit);
    if (options.overflow)
        return node_fail(n, OC_E_UNSUPPORTED, "its definitions for %s are too long", spec->file);
    TRY(request(e, spec->file, options.data, &index));
    return append_step(e, n, index);
}

static struct argument resolve(const struct emitter *e, const struct arg *arg)
{
    struct argument a = { .kind = arg->kind,
                          .number = (int32_t)arg->number,
                          .real = arg->real,
                          .data = arg->data,
                          .bytes = arg->bytes };
    if (arg->tensor) {
        const oc_tensor *place = arg->tensor->base ? arg->tensor->base : arg->tensor;
        a.buffer = e->slabs[place->region][place->slab];
        a.offset = (uint64_t)arg->tensor->offset;
    }
    return a;
}

static oc_status set(const struct emitter *e, struct step *step, const struct launch_spec *spec)
{
    struct argument arguments[MAX_ARGUMENTS + 1] = { { 0 } };
    size_t global[3], local[3];
    int index = 0;
    for (int i = 0; i < MAX_ARGUMENTS && spec->args[i].kind != ARGUMENT_END; i++) {
        const struct arg *arg = &spec->args[i];
        if (arg->kind == ARGUMENT_INT && (arg->number > INT32_MAX || arg->number < INT32_MIN))
            return node_fail(step->node, OC_E_UNSUPPORTED, "size %" PRId64 " does not fit a kernel argument",
                             arg->number);
        arguments[i] = resolve(e, arg);
        if (arg->dynamic) {
            step->dynamic = arg->dynamic;
            step->dynamic_argument = index;
        }
        index += arg->kind == ARGUMENT_BUFFER ? 2 : 1;
    }
    for (int i = 0; i < 3; i++) {
        const int64_t group = spec->group[i] ? spec->group[i] : 1,
                      items = spec->items[i] ? spec->items[i] : 1;
        local[i] = (size_t)group;
        global[i] = (size_t)((items + group - 1) / group * group);
    }
    TRY(launch_set(step->launch, 0, arguments));
    return launch_size(step->launch, global, local);
}

oc_status emit(struct emitter *e, const struct node *n, const struct launch_spec *spec)
{
    if (e->mode == EMIT_COLLECT)
        return collect(e, n, spec);
    struct step *step = &e->steps[e->cursor++];
    oc_status status = OC_OK;
    if (e->mode == EMIT_CREATE)
        status = launch_create(&step->launch, e->device, e->requests[step->request].program, spec->kernel);
    if (status == OC_OK)
        status = set(e, step, spec);
    return status == OC_OK ? OC_OK : node_fail_in(n, status);
}

oc_status emit_gemm(struct emitter *e, const struct node *n, const struct gemm *gemm, const oc_tensor *a,
                    const oc_tensor *b, const oc_tensor *c)
{
    if (e->mode == EMIT_COLLECT)
        return append_step(e, n, NO_PROGRAM);
    struct step *step = &e->steps[e->cursor++];
    const struct arg args[] = { TENSOR(a), TENSOR(b), TENSOR(c) };
    const struct argument operands[] = { resolve(e, &args[0]), resolve(e, &args[1]), resolve(e, &args[2]) };
    oc_status status = OC_OK;
    if (e->mode == EMIT_CREATE)
        status = launch_create_gemm(&step->launch, e->device);
    if (status == OC_OK)
        status = launch_set_gemm(step->launch, gemm, operands);
    return status == OC_OK ? OC_OK : node_fail_in(n, status);
}

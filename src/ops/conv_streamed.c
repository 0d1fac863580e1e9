/* conv_streamed.c - dense layers of few samples for CPUs, from the weights as files have them.
 * Kernels: cl/conv_streamed.cl.
 *
 * Packed weights are worth their time and memory when every one of them is used for many samples. Up to MAX_SAMPLES it is
 * cheaper to read them once, where they lie. */
#include "ops/conv_forms.h"

/* Twin of the struct in cl/conv_streamed.cl. */
struct streamed {
    int32_t samples, channels, filters;
    int32_t x_pitch, y_pitch;
};

enum { MAX_SAMPLES = 64, FILTERS = 12, STEPS = 32 /* as in the kernels */ };

enum { VECTOR, TILE, COLUMNS, SPAN };

const struct tunable conv_streamed_tunables[] = { [VECTOR] = { "VECTOR", { 16, 8, 4 } },
                                                  [TILE] = { "TILE", { 4, 6, 12 } },
                                                  [COLUMNS] = { "COLUMNS", { 2, 3, 4, 1 } },
                                                  { 0 } };

const struct tunable conv_streamed_data_tunables[] = { [VECTOR] = { "VECTOR", { 16, 8, 4 } },
                                                       [TILE] = { "TILE", { 4, 6, 12 } },
                                                       [COLUMNS] = { "COLUMNS", { 2, 1 } },
                                                       [SPAN] = { "SPAN", { 256, 128, 64 } },
                                                       { 0 } };

static int64_t sample_count(const struct node *n)
{
    return shape_pixels(&n->in[0]->shape);
}

/* Bytes of so many values of each sample, up to the end of the last tile. */
static int64_t sum_bytes(int64_t samples, int tile, int64_t values)
{
    return 4 * divide_up(samples, tile) * tile * values;
}

static bool is_dense(const struct node *n, const oc_device_info *device)
{
    const struct conv *d = n->desc;
    const struct window *w = &d->window;
    bool dense = device->type == OC_DEVICE_CPU && d->groups == 1 && sample_count(n) <= MAX_SAMPLES;
    for (int i = 0; i < 3; i++)
        dense = dense && w->extent[i] == 1 && w->in[i] == 1 && w->out[i] == 1 && w->begin[i] == 0;
    return dense;
}

static struct streamed make_streamed(const struct node *n)
{
    const struct conv *d = n->desc;
    return (struct streamed){ .samples = (int32_t)sample_count(n),
                              .channels = (int32_t)d->c,
                              .filters = (int32_t)d->k,
                              .x_pitch = (int32_t)tensor_pitch(n->in[0]),
                              .y_pitch = (int32_t)tensor_pitch(n->out[0]) };
}

oc_status conv_streamed_forward(struct emitter *e, const struct node *n)
{
    const struct streamed s = make_streamed(n);
    char buffer[96];
    struct text defines = TEXT_IN(buffer);
    const oc_tensor *b = conv_bias(n);
    const struct epilogue_arguments tail = conv_epilogue_any(n, &defines);
    return emit(e, n,
                &(struct launch_spec){
                    .file = "conv_streamed.cl",
                    .kernel = "conv_streamed_forward",
                    .defines = defines.data,
                    .args = { TENSOR(n->in[0]), TENSOR(n->in[1]), TENSOR(b), TENSOR(n->out[0]), STRUCT(s),
                              EPILOGUE(tail),
                              LOCAL(sum_bytes(s.samples, tuned(n, "TILE"), FILTERS * tuned(n, "VECTOR"))) },
                    .items = { divide_up(s.filters, FILTERS) },
                });
}

oc_status conv_streamed_backward_data(struct emitter *e, const struct node *n)
{
    const struct streamed s = make_streamed(n);
    const int tile = tuned(n, "TILE"), span = tuned(n, "SPAN");
    char buffer[96];
    struct text defines = TEXT_IN(buffer);
    const oc_tensor *b = conv_bias(n);
    const struct epilogue_arguments tail = conv_epilogue_any(n, &defines);
    return emit(
        e, n,
        &(struct launch_spec){
            .file = "conv_streamed.cl",
            .kernel = "conv_streamed_backward_data",
            .defines = defines.data,
            .args = { TENSOR(n->in[0]), TENSOR(n->in[1]), TENSOR(b), TENSOR(n->out[0]), STRUCT(s),
                      EPILOGUE(tail), LOCAL(4 * STEPS * span), LOCAL(sum_bytes(s.samples, tile, STEPS)),
                      LOCAL(sum_bytes(s.samples, tile, span)) },
            .items = { divide_up(s.channels, span) },
        });
}

/* About how often a work-item's loops run. */
static int64_t iterations(const struct node *n, const int *values)
{
    const struct conv *d = n->desc;
    const int64_t tiles = divide_up(sample_count(n), values[TILE]), vector = values[VECTOR];
    const int64_t step = conv_tile_iterations(values[TILE], values[COLUMNS]);
    if (!conv_is_transposed(n))
        return divide_up(FILTERS, values[COLUMNS]) * tiles * (d->c / vector + 2) * step +
               tiles * values[TILE] * FILTERS * vector;
    const int64_t blocks = divide_up(values[SPAN], vector * values[COLUMNS]), rounds = divide_up(d->k, STEPS);
    return rounds * (STEPS * (values[SPAN] / vector + tiles * values[TILE]) +
                     tiles * blocks * (STEPS + 2) * step) +
           tiles * values[TILE] * values[SPAN];
}

static bool loops_end(const struct node *n, const oc_device_info *device, const int *values)
{
    return device->loop_limit == 0 || iterations(n, values) <= device->loop_limit;
}

bool conv_streamed_allows(const struct node *n, const oc_device_info *device, const int *values)
{
    return sum_bytes(sample_count(n), values[TILE], FILTERS * values[VECTOR]) <= device->local_memory &&
           loops_end(n, device, values);
}

bool conv_streamed_data_allows(const struct node *n, const oc_device_info *device, const int *values)
{
    const int64_t sums = sum_bytes(sample_count(n), values[TILE], STEPS + values[SPAN]);
    return sums + 4 * STEPS * values[SPAN] <= device->local_memory && loops_end(n, device, values);
}

/* As many sums as there are registers for: 32 of 16 floats, 16 of 8. */
void conv_streamed_heuristic(const struct node *n, const oc_device_info *device, int *values)
{
    const bool wide = device->vector_width >= 16;
    (void)n;
    values[VECTOR] = wide ? 16 : 8;
    values[TILE] = 4;
    values[COLUMNS] = wide ? 4 : 3;
}

void conv_streamed_data_heuristic(const struct node *n, const oc_device_info *device, int *values)
{
    const bool wide = device->vector_width >= 16;
    values[VECTOR] = wide ? 16 : 8;
    values[TILE] = sample_count(n) <= 4 ? 4 : wide ? 12 : 6;
    values[COLUMNS] = 2;
    values[SPAN] = 256;
    while (values[SPAN] > 64 && !conv_streamed_data_allows(n, device, values))
        values[SPAN] /= 2;
}

bool conv_streamed_supports(const struct node *n, const oc_device_info *device)
{
    int values[MAX_TUNABLES];
    conv_streamed_heuristic(n, device, values);
    return is_dense(n, device) && conv_streamed_allows(n, device, values);
}

bool conv_streamed_data_supports(const struct node *n, const oc_device_info *device)
{
    int values[MAX_TUNABLES];
    conv_streamed_data_heuristic(n, device, values);
    return is_dense(n, device) && conv_streamed_data_allows(n, device, values);
}

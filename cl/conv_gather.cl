/* conv_gather.cl - weights in the order in which convolutions in the form of a matrix product read them:
 * [group][block of BLOCK destination channels][position][source channel][BLOCK]; and the end of filter gradients that are made
 * in chunks. Host side: src/ops/conv_gather.c. */
#ifndef BLOCK
#define BLOCK 32
#endif

#define CHANNELS 256 /* as in src/ops/conv_gather.c */

/* What is packed in one launch: one class of window positions, along each axis those at first + q*period. Twin of struct
 * pack, src/ops/conv_gather.c. */
typedef struct {
    int first[3], period[3], count[3], extent[3];
    int groups, channels, filters; /* of one group: source, destination */
    int first_position, all_positions;
    int transposed; /* 1: the destination channels are the convolution's input channels */
    int together;   /* groups in one block, side by side */
} pack;

/* Where the weights (k, c, window) of a source and a destination channel begin. */
static ulong weights_of(const pack *p, const int group, const int channel, const int filter)
{
    const ulong window = p->extent[0] * p->extent[1] * p->extent[2];
    return ((ulong)group * p->filters * p->channels +
            (p->transposed ? (ulong)channel * p->filters + filter : (ulong)filter * p->channels + channel)) *
           window;
}

static int window_index(const pack *p, const int i, const int j, const int k)
{
    const int d = p->first[0] + i * p->period[0], h = p->first[1] + j * p->period[1];
    return (d * p->extent[1] + h) * p->extent[2] + p->first[2] + k * p->period[2];
}

/* Where the weights of a source channel for one lane of a block begin; -1: a lane without any. */
static long lane_weights(const pack *p, const int block, const int lane, const int channel)
{
    const int blocks = (p->filters + BLOCK - 1) / BLOCK;
    int group = block / blocks, filter = block % blocks * BLOCK + lane;
    if (p->together > 1) {
        group = block * p->together + lane / p->filters;
        filter = lane / p->filters < p->together ? lane % p->filters : p->filters;
    }
    return group < p->groups && filter < p->filters ? (long)weights_of(p, group, channel, filter) : -1;
}

/* For CPUs: a work-item moves the window positions of CHANNELS source channels for one block of destination channels. Weights
 * of neighbouring source channels are neighbours or, transposed, those of destination channels: they are read as they lie,
 * since what lies a power of two apart does not stay in a cache. */
#define MOVE(channel, lane) to[(channel) * BLOCK + (lane)] = from[lane] >= 0 ? weights[from[lane] + (channel) * step] : (real)0

__kernel void pack_filter_blocks(IN(real, w), OUT(real, packed), const pack p)
{
    const int first = get_global_id(0) * CHANNELS, count = min(CHANNELS, p.channels - first), block = get_global_id(1);
    const long step = p.extent[0] * p.extent[1] * p.extent[2] * (p.transposed ? p.filters : 1);
    __global real *to = AT(packed) + (((ulong)block * p.all_positions + p.first_position) * p.channels + first) * BLOCK;
    long from[BLOCK];
    for (int lane = 0; lane < BLOCK; lane++)
        from[lane] = lane_weights(&p, block, lane, first);
    const bool neighbours = p.transposed && from[0] >= 0 && from[BLOCK - 1] == from[0] + BLOCK - 1; /* whole vectors */
    for (int i = 0; i < p.count[0]; i++)
        for (int j = 0; j < p.count[1]; j++)
            for (int k = 0; k < p.count[2]; k++, to += p.channels * BLOCK) {
                __global const real *weights = AT(w) + window_index(&p, i, j, k);
                if (neighbours)
                    for (int channel = 0; channel < count; channel++)
                        for (int lane = 0; lane < BLOCK; lane++)
                            to[channel * BLOCK + lane] = weights[from[0] + channel * step + lane];
                else if (p.transposed)
                    for (int channel = 0; channel < count; channel++)
                        for (int lane = 0; lane < BLOCK; lane++)
                            MOVE(channel, lane);
                else
                    for (int lane = 0; lane < BLOCK; lane++)
                        for (int channel = 0; channel < count; channel++)
                            MOVE(channel, lane);
            }
}

/* For GPUs: those of one source and one destination channel. */
__kernel void pack_filter_values(IN(real, w), OUT(real, packed), const pack p, const int blocks)
{
    const int block = get_global_id(0) / BLOCK, lane = get_global_id(0) % BLOCK, channel = get_global_id(1);
    if (block >= blocks || channel >= p.channels)
        return;
    const long from = lane_weights(&p, block, lane, channel);
    __global real *to =
        AT(packed) + (((ulong)block * p.all_positions + p.first_position) * p.channels + channel) * BLOCK + lane;
    for (int i = 0; i < p.count[0]; i++)
        for (int j = 0; j < p.count[1]; j++)
            for (int k = 0; k < p.count[2]; k++) {
                *to = from >= 0 ? AT(w)[from + window_index(&p, i, j, k)] : (real)0;
                to += (ulong)p.channels * BLOCK;
            }
}

/* The sum over chunks, from [chunk][filter][position][channel] to dw (filter, channel, position). A work-item takes one
 * filter and channel. */
__kernel void sum_filter_chunks(IN(real, partial), OUT(real, dw), const gather g, const int chunks)
{
    const int i = get_global_id(0), filters = g.groups * g.filters, rows = g.all_positions * g.channels;
    if (i >= filters * g.channels)
        return;
    const ulong count = (ulong)rows * filters;
    __global const real *from = AT(partial) + (ulong)(i / g.channels) * rows + i % g.channels;
    for (int r = 0; r < g.all_positions; r++) {
        acc sum = 0;
        for (int chunk = 0; chunk < chunks; chunk++)
            sum += from[chunk * count + (ulong)r * g.channels];
        AT(dw)[(ulong)i * g.all_positions + r] = sum;
    }
}

/* The same for CPUs, from filters `pitch` values apart: a work-item takes one filter and VECTOR channels, so that it writes one
 * piece of dw. */
__kernel void sum_filter_vectors(IN(real, partial), OUT(real, dw), const gather g, const int pitch, const int chunks)
{
    const int c = get_global_id(0) * VECTOR, k = get_global_id(1), window = g.all_positions, count = g.channels - c;
    if (count <= 0 || k >= g.groups * g.filters)
        return;
    const ulong all = (ulong)pitch * g.groups * g.filters;
    __global const real *from = AT(partial) + (ulong)k * pitch + c;
    __global real *to = AT(dw) + ((ulong)k * g.channels + c) * window;
    for (int r = 0; r < window; r++, from += g.channels) {
        realv sum = load_some(from, count);
        for (int chunk = 1; chunk < chunks; chunk++)
            sum += load_some(from + chunk * all, count);
        real lanes[VECTOR];
        STOREV(sum, lanes);
        for (int i = 0; i < min(VECTOR, count); i++)
            to[i * window + r] = lanes[i];
    }
}

/* network.c - the oracles over a whole graph. Most layers have an oracle of their own (specs.c), which is asked by a case
 * made from the node's descriptor; a few are simpler than their oracle or have none and are worked out here. */
#include "support/network.h"
#include "base/random.h"
#include "graph/op.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double unit = 0x1p-24;

static void *allocate(size_t count, size_t size)
{
    void *block = calloc(count + 1, size);
    if (!block)
        abort();
    return block;
}

void network_create(struct network *net, const oc_graph *graph, bool training, uint64_t seed)
{
    *net = (struct network){ .graph = graph, .training = training, .seed = seed };
    net->x = allocate(graph->tensor_count, sizeof *net->x);
    net->dx = allocate(graph->tensor_count, sizeof *net->dx);
    net->uses = allocate(graph->tensor_count, sizeof *net->uses);
    for (const struct node *n = graph->first; n; n = n->next)
        for (int i = 0; i < n->in_count; i++)
            net->uses[n->in[i]->id]++;
}

void network_destroy(struct network *net)
{
    for (size_t i = 0; i < net->graph->tensor_count; i++) {
        operand_destroy(&net->x[i]);
        operand_destroy(&net->dx[i]);
    }
    free(net->x);
    free(net->dx);
    free(net->uses);
}

void network_put(struct operand *to, const oc_tensor *x, const float *values)
{
    operand_destroy(to);
    operand_create(to, x->shape.rank, x->shape.dim);
    for (int64_t i = 0; i < to->count; i++)
        to->v[i] = (double)values[i];
}

/* ---- errors ----------------------------------------------------------------------------------------- */

/* Makes the bound one of 1 term. */
static void settle(struct operand *x)
{
    const double error = x->terms * unit;
    for (int64_t i = 0; i < x->count; i++)
        x->s[i] = error / (1 - error) * x->s[i] * (1 - unit) / unit + x->terms * (double)FLT_MIN / unit;
    x->terms = 1;
}

/* Adds to each value a random error of the size that rounding is expected to have: up to u*s. The n roundings in a sum of
 * products of either sign are errors of partial sums that grow like the square root of their length, so that all of them
 * together come to about u*s, whatever n is (Higham and Mary, "Sharper probabilistic backward error analysis for basic
 * linear algebra kernels with random data", 2020). `terms` is the n of the bound in x. */
static void disturb(struct network *net, struct operand *x, double terms)
{
    const struct random random = { .stream = random_stream("disturb"), .step = net->disturbance };
    uint32_t words[4];
    for (int64_t i = 0; net->disturbance && terms > 0 && i < x->count; i++) {
        if (i % 4 == 0)
            random_block(&random, net->disturbances++, words);
        x->v[i] += (2 * (double)words[i % 4] * 0x1p-32 - 1) * unit * x->s[i] / terms;
    }
}

/* ---- layers with an oracle -------------------------------------------------------------------------- */

static const struct op_spec *spec_of(const struct node *n)
{
    for (int i = 0; op_specs[i]; i++)
        if (strcmp(op_specs[i]->op, n->op->name) == 0)
            return op_specs[i];
    fprintf(stderr, "layer \"%s\": no oracle of %s\n", n->name, n->op->name);
    abort();
}

static bool is(const struct node *n, const char *op)
{
    return strcmp(n->op->name, op) == 0;
}

/* Descriptors of nodes begin with those of the public header. */
static struct op_case case_of(const struct network *net, const struct node *n)
{
    struct op_case c = { .name = n->name };
    for (int i = 0; i < n->in_count - n->parameter_count && i < MAX_INPUTS; i++)
        memcpy(c.shape[i], n->in[i]->shape.dim, sizeof c.shape[i]);
    if (is(n, "conv")) {
        c.conv = *(const oc_conv_desc *)n->desc;
    } else if (is(n, "dense")) {
        c.dense.no_bias = ((const oc_conv_desc *)n->desc)->no_bias;
    } else if (is(n, "max_pool") || is(n, "average_pool") || is(n, "l2_pool")) {
        c.pool = *(const oc_pool_desc *)n->desc;
    } else if (is(n, "lrn")) {
        c.lrn = *(const oc_lrn_desc *)n->desc;
    } else if (is(n, "batch_norm")) {
        c.batch_norm = *(const oc_batch_norm_desc *)n->desc;
        c.batch_norm.use_running = c.batch_norm.use_running || !net->training;
    } else if (is(n, "softmax_cross_entropy")) {
        c.slope = *(const float *)n->desc;
    }
    return c;
}

static void gather(const struct network *net, const struct node *n, struct operand in[])
{
    if (n->in_count > MAX_LAYER_INPUTS)
        abort();
    for (int i = 0; i < n->in_count; i++)
        in[i] = net->x[n->in[i]->id];
}

/* ---- layers without ---------------------------------------------------------------------------------- */

/* Twin of struct dropout in src/ops/dropout.c. */
struct dropout {
    enum { DROP_VALUE, DROP_CHANNEL, DROP_SAMPLE, DROP_BATCH } unit;
    float rate, survival;
    bool scale_at_inference;
};

static bool drops(const struct node *n)
{
    return is(n, "dropout") || is(n, "channel_dropout") || is(n, "stochastic_depth");
}

/* What each value is multiplied with, by its index in the order (n, c, spatial...). */
static double drop_factor(const struct network *net, const struct node *n, int64_t i)
{
    const struct dropout *d = n->desc;
    const struct random random = { .seed = net->seed, .stream = random_stream(n->name) };
    const struct shape *s = &n->out[0]->shape;
    const int64_t channels = shape_channels(s), pixels = shape_spatial(s);
    const int64_t sample = i / (channels * pixels), channel = i / pixels % channels, pixel = i % pixels;
    const int64_t decision = d->unit == DROP_VALUE     ? (sample * pixels + pixel) * channels + channel
                             : d->unit == DROP_CHANNEL ? sample * channels + channel
                             : d->unit == DROP_SAMPLE  ? sample
                                                       : 0;
    if (!net->training)
        return d->scale_at_inference ? (double)d->survival : 1;
    if (random_uniform(&random, (uint64_t)decision) < d->rate)
        return 0;
    return d->scale_at_inference ? 1 : 1 / (1 - (double)d->rate);
}

/* Twin of struct weighted_sum in src/ops/multiply.c. */
struct weighted_sum {
    int count;
    float weights[MAX_LAYER_INPUTS];
};

/* Where value i of part k of a concatenation lies in the whole. */
static int64_t place_in_whole(const struct operand *in, int k, const struct operand *whole, int64_t i)
{
    const int64_t batch = whole->shape[0], per_sample = in[k].count / batch;
    int64_t first = 0;
    for (int part = 0; part < k; part++)
        first += in[part].count / batch;
    return i / per_sample * (whole->count / batch) + first + i % per_sample;
}

/* Both directions of these layers are linear and take value `at` of the result to or from value i of input k. */
static double coefficient(const struct network *net, const struct node *n, const struct operand *in,
                          const struct operand *y, int k, int64_t i, int64_t *at)
{
    *at = i;
    if (is(n, "concat"))
        *at = place_in_whole(in, k, y, i);
    if (is(n, "weighted_sum"))
        return (double)((const struct weighted_sum *)n->desc)->weights[k];
    return drops(n) ? drop_factor(net, n, i) : 1;
}

static bool is_linear(const struct node *n)
{
    return is(n, "concat") || is(n, "weighted_sum") || is(n, "reshape") || drops(n);
}

static double linear_terms(const struct node *n)
{
    return is(n, "weighted_sum") ? n->in_count + 1 : drops(n) ? DIVIDE_TERMS + 1 : 0;
}

static void linear_forward(const struct network *net, const struct node *n, const struct operand *in,
                           struct operand *y)
{
    operand_create(y, n->out[0]->shape.rank, n->out[0]->shape.dim);
    y->terms = linear_terms(n);
    for (int k = 0; k < n->in_count; k++)
        for (int64_t i = 0, at; i < in[k].count; i++) {
            const double factor = coefficient(net, n, in, y, k, i, &at);
            operand_add(y, at, factor * in[k].v[i]);
        }
}

static void linear_backward(const struct network *net, const struct node *n, const struct operand *in,
                            const struct operand *dy, struct operand *din)
{
    for (int k = 0; k < n->in_count; k++) {
        din[k].terms = linear_terms(n);
        for (int64_t i = 0, at; i < in[k].count; i++) {
            const double factor = coefficient(net, n, in, dy, k, i, &at);
            operand_add(&din[k], i, factor * dy->v[at]);
        }
    }
}

/* ---- the walk ---------------------------------------------------------------------------------------- */

void layer_forward(const struct network *net, const struct node *n, struct operand *y)
{
    struct operand in[MAX_LAYER_INPUTS];
    gather(net, n, in);
    if (is_linear(n)) {
        linear_forward(net, n, in, y);
        return;
    }
    const struct op_case c = case_of(net, n);
    spec_of(n)->forward(&c, in, y);
}

/* A gradient that arrives from several sides is summed, in an order of the device's choice: a rounding for each addition. */
static void contribute_to(struct network *net, const oc_tensor *x, struct operand *part)
{
    struct operand *sum = &net->dx[x->id];
    const double terms = part->terms, additions = net->uses[x->id] - 1;
    settle(part);
    disturb(net, part, terms);
    if (!sum->v)
        operand_create(sum, x->shape.rank, x->shape.dim);
    sum->terms = 1;
    for (int64_t i = 0; i < sum->count; i++) {
        sum->v[i] += part->v[i];
        sum->s[i] += part->s[i] + additions * fabs(part->v[i]);
    }
}

void layer_backward(const struct network *net, const struct node *n, struct network *into)
{
    struct operand in[MAX_LAYER_INPUTS], din[MAX_LAYER_INPUTS];
    const struct operand *y = &net->x[n->out[0]->id], *dy = &net->dx[n->out[0]->id];
    gather(net, n, in);
    for (int i = 0; i < n->in_count; i++)
        operand_like(&din[i], &in[i]);
    if (is_linear(n)) {
        linear_backward(net, n, in, dy, din);
    } else {
        const struct op_case c = case_of(net, n);
        spec_of(n)->backward(&c, in, y, dy, din);
    }
    for (int i = 0; i < n->in_count; i++) {
        const oc_tensor *x = n->in[i];
        if (x->wants_gradient || (x->parameter && x->parameter->state))
            contribute_to(into, x, &din[i]);
        operand_destroy(&din[i]);
    }
}

void network_forward(struct network *net)
{
    for (const struct node *n = net->graph->first; n; n = n->next) {
        struct operand *y = &net->x[n->out[0]->id];
        operand_destroy(y);
        layer_forward(net, n, y);
        const double terms = y->terms;
        settle(y);
        disturb(net, y, terms);
    }
}

void network_backward(struct network *net, const oc_tensor *loss)
{
    for (size_t i = 0; i < net->graph->tensor_count; i++)
        operand_destroy(&net->dx[i]);
    operand_create(&net->dx[loss->id], 0, NULL);
    net->dx[loss->id].v[0] = 1;
    for (const struct node *n = net->graph->last; n; n = n->previous)
        if (net->dx[n->out[0]->id].v)
            layer_backward(net, n, net);
}

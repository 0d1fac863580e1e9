/* problem.c - values for a case. */
#include "support/problem.h"
#include "base/random.h"

#include <math.h>
#include <stdlib.h>

enum {
    DY_INDEX = 5
}; /* of its random numbers: no operation has as many operands with a gradient; the stored sums depend on it */

static struct random random_for(const char *name, uint32_t index)
{
    const char *seed = getenv("OCELLI_TEST_SEED");
    return (struct random){ .seed = seed ? strtoull(seed, NULL, 10) : 0,
                            .stream = random_stream(name),
                            .step = index };
}

void operand_fill(struct operand *x, enum fill fill, double scale, const char *name, uint32_t index)
{
    static const double special[] = { (double)NAN, (double)INFINITY, -(double)INFINITY };
    const struct random random = random_for(name, index);
    for (int64_t i = 0; i < x->count; i++) {
        const double real = 2 * (double)random_uniform(&random, (uint64_t)i) - 1;
        x->v[i] = (double)(float)(real * 0.99 * scale); /* off the grid on which sums would be exact */
        if (fill == FILL_INTEGER)
            x->v[i] = floor((real + 1) * 3.5) - 3;
        if (fill == FILL_SPECIAL && random_below(&random, (uint64_t)i, 16) == 0)
            x->v[i] = special[i % COUNT_OF(special)];
        x->s[i] = fabs(x->v[i]);
    }
}

/* In float, as a device gets them. */
static void shift(struct operand *x, double offset)
{
    for (int64_t i = 0; i < x->count; i++) {
        x->v[i] = (double)(float)(x->v[i] + offset);
        x->s[i] = fabs(x->v[i]);
    }
}

static void make_positive(struct operand *x)
{
    for (int64_t i = 0; i < x->count; i++)
        x->v[i] = fabs(x->v[i]);
}

static void fill_labels(struct operand *x, int64_t classes, const char *name, uint32_t index)
{
    const struct random random = random_for(name, index);
    for (int64_t i = 0; i < x->count; i++)
        x->v[i] = (double)random_below(&random, (uint64_t)i, (uint64_t)classes);
}

void problem_create(struct problem *p, const struct op_spec *spec, const struct op_case *c, enum fill fill)
{
    *p = (struct problem){ .spec = spec, .c = c, .count = spec->inputs };
    for (int i = 0; i < spec->inputs; i++)
        operand_create(&p->in[i], shape_rank(c->shape[i]), c->shape[i]);
    if (spec->parameters)
        p->count += spec->parameters(c, p->in + spec->inputs);
    for (int i = 0; i < p->count; i++) {
        const bool input = i < spec->inputs;
        if (problem_is_label(p, i))
            fill_labels(&p->in[i], p->in[0].shape[1], c->name, (uint32_t)i);
        else
            operand_fill(&p->in[i], fill == FILL_SPECIAL && i > 0 ? FILL_REAL : fill,
                         input && c->scale > 0 ? (double)c->scale : 1, c->name, (uint32_t)i);
        if (input && c->offset != 0.f)
            shift(&p->in[i], (double)c->offset);
        if (problem_is_state(p, i))
            make_positive(&p->in[i]);
        operand_like(&p->din[i], &p->in[i]);
    }
    spec->forward(c, p->in, &p->y);
    (spec->infer ? spec->infer : spec->forward)(c, p->in, &p->inferred);
    operand_like(&p->dy, &p->y);
    if (p->y.rank == 0)
        p->dy.v[0] = 1;
    else
        operand_fill(&p->dy, fill == FILL_SPECIAL ? FILL_REAL : fill, 1, c->name, DY_INDEX);
    if (fill != FILL_SPECIAL)
        spec->backward(c, p->in, &p->y, &p->dy, p->din);
}

void problem_destroy(struct problem *p)
{
    for (int i = 0; i < p->count; i++) {
        operand_destroy(&p->in[i]);
        operand_destroy(&p->din[i]);
    }
    operand_destroy(&p->y);
    operand_destroy(&p->inferred);
    operand_destroy(&p->dy);
}

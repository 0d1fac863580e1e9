/* test_oracle.c - the oracles themselves: gradients against central differences, values against PyTorch's,
 * and worked examples. No device. */
#include "support/fixture.h"
#include "support/problem.h"
#include "oracle/walk.h"
#include "golden/oracles.h"
#include "ops/facts.h"
#include "base/random.h"

#include <criterion/criterion.h>
#include <float.h>
#include <inttypes.h>
#include <stdlib.h>

enum { SAMPLES = 60, QUICK_SAMPLES = 6 };

extern const struct op_spec conv_spec;

/* d(sum of dy*y)/d(in[operand].v[i]), from results at both sides of the value, and what rounding y does to it. */
static double central_difference(struct problem *p, int operand, int64_t i, double *rounding)
{
    const double step = 1e-5, value = p->in[operand].v[i];
    struct operand above, below;
    double sum = 0;
    p->in[operand].v[i] = value + step;
    p->spec->forward(p->c, p->in, &above);
    p->in[operand].v[i] = value - step;
    p->spec->forward(p->c, p->in, &below);
    p->in[operand].v[i] = value;
    *rounding = 0;
    for (int64_t k = 0; k < p->dy.count; k++) {
        sum += p->dy.v[k] * (above.v[k] - below.v[k]);
        if (above.v[k] != below.v[k])
            *rounding += fabs(p->dy.v[k]) * above.s[k] * DBL_EPSILON / step;
    }
    operand_destroy(&above);
    operand_destroy(&below);
    return sum / (2 * step);
}

static void check_gradient(struct problem *p, int operand)
{
    const struct operand *gradient = &p->din[operand];
    const struct random random = { .stream = random_stream(p->c->name), .step = (uint32_t)operand };
    const int64_t most = fixture_quick() ? QUICK_SAMPLES : SAMPLES;
    const int64_t samples = gradient->count < most ? gradient->count : most;
    for (int64_t k = 0; k < samples; k++) {
        const int64_t i =
            samples < most ? k : (int64_t)random_below(&random, (uint64_t)k, (uint64_t)gradient->count);
        double rounding;
        const double difference = central_difference(p, operand, i, &rounding);
        cr_expect(fabs(difference - gradient->v[i]) <= 1e-6 * gradient->s[i] + 1e-9 + rounding,
                  "%s, %s: gradient of operand %d [%" PRId64 "] is %.9g, the difference quotient %.9g",
                  p->spec->op, p->c->name, operand, i, gradient->v[i], difference);
    }
}

Test(oracle, gradients_match_central_differences)
{
    for (int k = 0; op_specs[k]; k++)
        for (int c = 0; c < op_specs[k]->case_count; c++) {
            struct problem p;
            problem_create(&p, op_specs[k], &op_specs[k]->cases[c], FILL_REAL);
            for (int operand = 0; operand < p.count; operand++)
                if (problem_is_variable(&p, operand))
                    check_gradient(&p, operand);
            problem_destroy(&p);
        }
}

static void check_magnitudes(const struct problem *p, const struct operand *x)
{
    for (int64_t i = 0; i < x->count; i++)
        if (!(x->s[i] >= fabs(x->v[i]) * (1 - 1e-12)) || x->terms * x->s[i] < 0) {
            cr_expect(false, "%s, %s: s[%" PRId64 "] = %g is no bound of |%g|", p->spec->op, p->c->name, i,
                      x->s[i], x->v[i]);
            return;
        }
}

/* A bound smaller than the value itself rests on a mistake, and so does a case without a result. */
Test(oracle, every_case_has_results_and_magnitudes)
{
    for (int k = 0; op_specs[k]; k++)
        for (int c = 0; c < op_specs[k]->case_count; c++) {
            struct problem p;
            problem_create(&p, op_specs[k], &op_specs[k]->cases[c], FILL_REAL);
            cr_expect(p.y.count > 0, "%s, %s: no result", p.spec->op, p.c->name);
            check_magnitudes(&p, &p.y);
            for (int operand = 0; operand < p.count; operand++)
                if (!problem_is_label(&p, operand))
                    check_magnitudes(&p, &p.din[operand]);
            problem_destroy(&p);
        }
}

Test(oracle, names_of_cases_are_unique)
{
    for (int k = 0; op_specs[k]; k++)
        for (int c = 0; c < op_specs[k]->case_count; c++)
            for (int d = 0; d < c; d++)
                cr_expect_str_neq(op_specs[k]->cases[c].name, op_specs[k]->cases[d].name);
}

/* Weights every element differently. Twin of the function in golden/make_oracles.py. */
static double checksum(const struct operand *x, double *magnitude)
{
    double sum = 0;
    *magnitude = 0;
    for (int64_t i = 0; i < x->count; i++) {
        const double term = x->v[i] * (1 + (double)(uint32_t)((uint64_t)i * 2654435761u) * 0x1p-32);
        sum += term;
        *magnitude += fabs(term);
    }
    return sum;
}

static void check_sum(const struct golden *g, const char *what, const struct operand *x, double want)
{
    double magnitude;
    const double sum = checksum(x, &magnitude);
    cr_expect(fabs(sum - want) <= 1e-11 * magnitude, "%s, %s: checksum of %s is %.17g, not %.17g", g->op,
              g->name, what, sum, want);
}

Test(oracle, values_match_pytorch)
{
    const struct golden *g = goldens, *end = goldens + COUNT_OF(goldens);
    if (getenv("OCELLI_TEST_SEED"))
        cr_skip_test("the stored sums are of another seed");
    for (int k = 0; op_specs[k]; k++)
        for (int c = 0; c < op_specs[k]->case_count; c++, g++) {
            struct problem p;
            problem_create(&p, op_specs[k], &op_specs[k]->cases[c],
                           op_specs[k]->exact ? FILL_INTEGER : FILL_REAL);
            cr_assert(g < end && strcmp(g->op, p.spec->op) == 0 && strcmp(g->name, p.c->name) == 0,
                      "%s, %s: not stored, see golden/make_oracles.py", p.spec->op, p.c->name);
            check_sum(g, "y", &p.y, g->sums[0]);
            for (int i = 0; i < p.count; i++)
                if (!problem_is_label(&p, i))
                    check_sum(g, "a gradient", &p.din[i], g->sums[1 + i]);
            problem_destroy(&p);
        }
    cr_expect(g == end, "results are stored of cases that are no more");
}

static void fill_from(struct operand *x, const float *values)
{
    for (int64_t i = 0; i < x->count; i++)
        x->v[i] = (double)values[i];
}

Test(oracle, worked_examples)
{
    for (int k = 0; k < COUNT_OF(worked_examples); k++) {
        const struct worked_example *e = &worked_examples[k];
        struct operand in[MAX_OPERANDS] = { 0 }, y;
        operand_create(&in[0], shape_rank(e->c.shape[0]), e->c.shape[0]);
        const int parameters = conv_spec.parameters(&e->c, in + 1);
        fill_from(&in[0], e->x);
        fill_from(&in[1], e->weight);
        if (parameters > 1)
            fill_from(&in[2], e->bias);
        conv_spec.forward(&e->c, in, &y);
        cr_assert_eq(y.rank, shape_rank(e->y_shape));
        for (int d = 0; d < y.rank; d++)
            cr_assert_eq(y.shape[d], e->y_shape[d], "%s: size %d is %" PRId64, e->c.name, d, y.shape[d]);
        for (int64_t i = 0; i < y.count; i++)
            cr_expect_eq(y.v[i], (double)e->y[i], "%s: y[%" PRId64 "] is %g, not %g", e->c.name, i, y.v[i],
                         (double)e->y[i]);
        for (int i = 0; i < 1 + parameters; i++)
            operand_destroy(&in[i]);
        operand_destroy(&y);
    }
}

Test(oracle, worked_sizes)
{
    for (int k = 0; k < COUNT_OF(worked_sizes); k++) {
        const struct worked_size *e = &worked_sizes[k];
        struct operand x;
        struct walk window;
        operand_create(&x, 3, (int64_t[]){ 1, 1, e->in });
        walk_conv(&window, &e->conv, &x);
        cr_expect_eq(window.out[0], e->out, "size %d: %" PRId64 " windows, not %" PRId64, k, window.out[0],
                     e->out);
        walk_free(&window);
        operand_destroy(&x);
    }
}

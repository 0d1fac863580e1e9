/* problem.h - one case with values for its inputs and parameters, and what the oracle makes of them. */
#ifndef SUPPORT_PROBLEM_H
#define SUPPORT_PROBLEM_H

#include "support/operand.h"

enum fill {
    FILL_REAL,    /* uniform in -scale..scale */
    FILL_INTEGER, /* -3..3: sums stay exact in float */
    FILL_SPECIAL  /* real, but the first input holds some NaN and infinities; without gradients */
};

/* Depends on the OCELLI_TEST_SEED environment variable (0 if it is not set) and on `name` and `index` only. */
void operand_fill(struct operand *x, enum fill fill, double scale, const char *name, uint32_t index);

struct problem {
    const struct op_spec *spec;
    const struct op_case *c;
    int count; /* of inputs and parameters */
    struct operand in[MAX_OPERANDS], din[MAX_OPERANDS], y, dy;
    struct operand inferred; /* y in inference */
};

void problem_create(struct problem *p, const struct op_spec *spec, const struct op_case *c, enum fill fill);
void problem_destroy(struct problem *p);

static inline bool problem_is_label(const struct problem *p, int operand)
{
    return p->spec->labels && operand == p->spec->inputs - 1;
}

static inline bool problem_is_state(const struct problem *p, int operand)
{
    return operand >= p->count - p->spec->states;
}

/* Whether the loss has a gradient with respect to it. */
static inline bool problem_is_variable(const struct problem *p, int operand)
{
    return !problem_is_label(p, operand) && !problem_is_state(p, operand);
}

#endif

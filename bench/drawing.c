/* drawing.c - layers that draw random numbers, with cases of their own. They draw in training only, and there is no oracle for
 * them: tests/ops/test_dropout.c checks each decision. */
#include "subjects.h"

static oc_tensor *build_dropout(oc_tensor *const in[], const struct op_case *c)
{
    (void)c;
    return oc_dropout(in[0], 0.5f);
}

static oc_tensor *build_channel_dropout(oc_tensor *const in[], const struct op_case *c)
{
    (void)c;
    return oc_channel_dropout(in[0], 0.5f);
}

static oc_tensor *build_stochastic_depth(oc_tensor *const in[], const struct op_case *c)
{
    (void)c;
    return oc_stochastic_depth(in[0], &(oc_stochastic_depth_desc){ .survival = 0.5f });
}

static const struct op_case cases[] = {
    { .name = "48 channels", .shape = { { 1, 48, 4, 5 } } },
    { .name = "AlexNet F7", .shape = { { 16, 4096 } } },
    { .name = "256 maps of 28x28", .shape = { { 16, 256, 28, 28 } } },
};

#define DRAWING(name)                                                                                        \
    static const struct op_spec name##_spec = {                                                              \
        .op = #name, .cases = cases, .case_count = COUNT_OF(cases), .inputs = 1, .build = build_##name       \
    }

DRAWING(dropout);
DRAWING(channel_dropout);
DRAWING(stochastic_depth);

const struct op_spec *subjects_spec(int index)
{
    static const struct op_spec *const drawing[] = { &dropout_spec, &channel_dropout_spec,
                                                     &stochastic_depth_spec, NULL };
    for (int i = 0; op_specs[i]; i++)
        if (index-- == 0)
            return op_specs[i];
    return drawing[index];
}

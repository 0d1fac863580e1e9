/* case.h - what the tests and the benchmark know about an operation: the cases it is run on, how to build it, and
 * what it should compute. One spec per operation, in tests/oracle/<op>.c beside its oracle; its cases are in
 * tests/cases/<op>.h; specs.c lists them. Depends on the public header only. */
#ifndef SUPPORT_CASE_H
#define SUPPORT_CASE_H

#include <ocelli/ocelli.h>

enum { MAX_INPUTS = 3, MAX_PARAMETERS = 5, MAX_OPERANDS = MAX_INPUTS + MAX_PARAMETERS };

#define COUNT_OF(array) ((int)(sizeof(array) / sizeof(array)[0]))

struct op_case {
    const char *name;
    int64_t shape[MAX_INPUTS][OC_MAX_RANK]; /* of each input; trailing zeros end it */
    float scale;                            /* inputs are drawn from -scale..scale; 0: 1 */
    float offset;                           /* added to what is drawn for the inputs */
    union {
        oc_conv_desc conv;
        oc_conv_transpose_desc conv_transpose;
        oc_dense_desc dense;
        oc_pool_desc pool;
        oc_upsample_desc upsample;
        oc_pad_desc pad;
        oc_batch_norm_desc batch_norm;
        float slope;
        int pieces;
        oc_prelu_desc prelu;
        float weights[3];
        oc_lrn_desc lrn;
        int64_t reshape[OC_MAX_RANK];
        struct {
            int first, count;
        } slice;
    };
};

/* A tensor in double, in the order (n, c, spatial...), and what rounding may do to it in float: an
 * implementation may be wrong by gamma_n * s[i], where n is `terms`, gamma_n = n*u/(1 - n*u) and u = 2^-24.
 * For a sum of products s is the sum of |a||b| and n the number of summands, whatever their order; 0 terms
 * means exact. Functions count their OpenCL error limits in terms: 1 ulp is 2 u. */
struct operand {
    int rank;
    int64_t shape[OC_MAX_RANK], count;
    double *v, *s;
    double terms;
};

struct op_spec {
    const char *op;
    const struct op_case *cases;
    int case_count, inputs;
    int states;  /* the last of the parameters are written by the layer in training; their values are >= 0 */
    bool labels; /* the last input holds class labels: OC_I32, without a gradient */
    bool exact;  /* small integers in give exact results */

    oc_tensor *(*build)(oc_tensor *const in[], const struct op_case *c);
    /* Gives `parameter` its shapes (operand_create) in the order of the layer; returns how many there are. NULL: none. */
    int (*parameters)(const struct op_case *c, struct operand *parameter);
    /* in: the inputs, then the parameters. Creates y. */
    void (*forward)(const struct op_case *c, const struct operand *in, struct operand *y);
    /* din: one per in, already created, zero; that of labels stays so, and that of a state becomes the state after a
     * forward pass in training. */
    void (*backward)(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din);
    /* As forward, in inference. NULL: the same. */
    void (*infer)(const struct op_case *c, const struct operand *in, struct operand *y);
};

/* NULL-terminated. */
extern const struct op_spec *const op_specs[];

/* The name under which a spec's layer has its parameters: "layer.weight", "layer.bias", ... */
#define LAYER "layer"

#endif

/* emit.h - how implementations launch kernels.
 *
 * An emitter turns launch specifications into launches of the device room. It goes over the nodes of a plan
 * three times: once to learn which programs are needed (so that all are built together, in parallel), once to
 * create the kernels and set their arguments, and once more for every change of the batch, when the arguments are
 * set anew. The implementations do not notice. */
#ifndef OPS_EMIT_H
#define OPS_EMIT_H

#include "base/text.h"
#include "device/gemm.h"
#include "graph/op.h"

enum { MAX_ARGUMENTS = 24, MAX_OPTIONS = 512 };

/* Values that change from step to step without a change of shapes. */
enum dynamic { DYNAMIC_NONE, DYNAMIC_DRAW, DYNAMIC_NUMBERS, DYNAMIC_SHARE };

/* A kernel argument as an implementation gives it: one of the macros below. */
struct arg {
    enum argument_kind kind;
    const oc_tensor *tensor;
    int64_t number;
    float real;
    const void *data;
    size_t bytes;
    enum dynamic dynamic;
};

/* clang-format off */
#define TENSOR(x) { .kind = ARGUMENT_BUFFER, .tensor = (x) } /* memory and offset in elements */
#define INT(i)    { .kind = ARGUMENT_INT, .number = (i) }    /* must fit an int */
#define FLOAT(f)  { .kind = ARGUMENT_FLOAT, .real = (f) }
#define STRUCT(s) { .kind = ARGUMENT_BYTES, .data = &(s), .bytes = sizeof(s) }
#define LOCAL(b)  { .kind = ARGUMENT_LOCAL, .bytes = (size_t)(b) }
#define DRAW()    { .kind = ARGUMENT_INT, .dynamic = DYNAMIC_DRAW }    /* tells the random numbers of runs apart */
#define SHARE()   { .kind = ARGUMENT_FLOAT, .dynamic = DYNAMIC_SHARE } /* of the batch in what is accumulated with it */
#define NUMBERS(s) { .kind = ARGUMENT_BYTES, .data = &(s), .bytes = sizeof(s), .dynamic = DYNAMIC_NUMBERS }
/* clang-format on */

/* Arguments of a kernel that ends in its node's epilogue, in the order of EPILOGUE_ARGUMENTS in cl/common.cl. */
struct epilogue_arguments {
    const oc_tensor *addend,
        *kept;               /* those that are not there are the output, which nobody looks at through them */
    struct epilogue_values { /* twin of `epilogue` in cl/common.cl */
        float alpha;
        int32_t applied;                  /* whether there is a function */
        int32_t addend_pitch, kept_pitch; /* 0: no such operand */
        int32_t biased;                   /* whether the kernel adds a bias before: see conv_epilogue_any */
    } values;
};
#define EPILOGUE(e) TENSOR((e).addend), TENSOR((e).kept), STRUCT((e).values)

/* The same, and its -D definitions to `defines`. */
struct epilogue_arguments epilogue_of(const struct node *n, struct text *defines);

/* The same for a kernel that serves every epilogue with its function: for those for CPUs, which take long to compile. */
struct epilogue_arguments epilogue_any(const struct node *n, struct text *defines);

struct launch_spec {
    const char *file, *kernel;
    const char *defines;            /* " -DNAME=value ..." beyond the tunables, or NULL */
    bool untuned;                   /* without the tunables: other values would make the same kernel */
    struct arg args[MAX_ARGUMENTS]; /* an empty one ends the list */
    int64_t items[3];               /* work-items wanted; 0 is 1 */
    int64_t iterations;             /* of a work-item's loops, if they may be many; 0: few */
    int64_t group[3];               /* work-items per group; 0 is 1; items are rounded up to full groups */
};

oc_status emit(struct emitter *e, const struct node *n, const struct launch_spec *spec);

/* A matrix product by CLBlast, c = a b. */
oc_status emit_gemm(struct emitter *e, const struct node *n, const struct gemm *gemm, const oc_tensor *a,
                    const oc_tensor *b, const oc_tensor *c);

/* A number of work-items per group for kernels that do not care: `wanted`, or what the device allows; 64 is good. */
int64_t emitter_group_of(const struct emitter *e, int64_t wanted);
int64_t emitter_group(const struct emitter *e);

/* As many of them as lie side by side in rows of `width` values: the first size of a work-group whose second is the rest, so
 * that neighbours read neighbours in narrow rows too. */
int64_t emitter_group_width(const struct emitter *e, int64_t width);

const oc_device_info *emitter_device(const struct emitter *e);

/* Arithmetic of sizes; a >= 0, b > 0. */
static inline int64_t divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static inline int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t greatest(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The value of a tunable of the node's implementation. */
int tuned(const struct node *n, const char *name);

enum { NO_PROGRAM = -1 };

/* One launch of a plan. */
struct step {
    struct launch *launch;
    const struct node *node;
    int request;          /* which program; NO_PROGRAM: CLBlast's */
    enum dynamic dynamic; /* at most one per kernel */
    int dynamic_argument; /* its index */
};

enum emit_mode { EMIT_COLLECT, EMIT_CREATE, EMIT_SET };

struct emitter {
    enum emit_mode mode;
    oc_device *device;
    struct buffer *const *slabs[REGION_COUNT];
    struct program_request *requests; /* distinct programs */
    size_t request_count, request_capacity;
    struct step *steps;
    size_t step_count, step_capacity;
    size_t cursor; /* launches so far in the present round */
};

/* Starts a round. */
void emitter_begin(struct emitter *e, enum emit_mode mode);
void emitter_free(struct emitter *e);

#endif

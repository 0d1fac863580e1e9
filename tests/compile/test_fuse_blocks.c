/* test_fuse_blocks.c - what the blocks of networks become: which nodes are left, how many launches, in whose memory; and that
 * they compute what they did before. */
#include "compile/plans.h"
#include "support/operand.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 3, C = 20, SIZE = 6, COUNT = N * 48 * SIZE * SIZE, MOST = 1 << 14 };

struct block {
    oc_graph *graph;
    oc_tensor *x, *y, *dy, *loss, *shortcut;
};

static oc_tensor *conv(oc_tensor *x, int filters, int window, int stride)
{
    return oc_conv(x, &(oc_conv_desc){ .filters = filters,
                                       .window = { window },
                                       .stride = { stride },
                                       .pad = window / 2,
                                       .no_bias = true,
                                       .rounding = OC_ROUND_FLOOR });
}

static oc_tensor *norm(oc_tensor *x)
{
    return oc_batch_norm(x, NULL);
}

static oc_tensor *plain(struct block *b, oc_tensor *x)
{
    (void)b;
    return oc_relu(norm(conv(x, 17, 3, 1)));
}

static oc_tensor *biased(struct block *b, oc_tensor *x)
{
    (void)b;
    return oc_relu(norm(oc_conv(x, &(oc_conv_desc){ .filters = 18, .window = { 3 }, .groups = 2 })));
}

static oc_tensor *dense(struct block *b, oc_tensor *x)
{
    (void)b;
    return oc_tanh(norm(oc_dense(oc_flatten(x), &(oc_dense_desc){ .units = 5 })));
}

static oc_tensor *identity(struct block *b, oc_tensor *x)
{
    b->shortcut = oc_relu(norm(conv(x, C, 1, 1)));
    oc_tensor *u = oc_relu(norm(conv(b->shortcut, C, 3, 1)));
    return oc_relu(oc_add(norm(conv(u, C, 3, 1)), b->shortcut));
}

static oc_tensor *projected(struct block *b, oc_tensor *x)
{
    oc_tensor *in = oc_relu(norm(conv(x, C, 1, 1)));
    oc_tensor *u = oc_relu(norm(conv(in, 24, 3, 2)));
    u = norm(conv(u, 24, 3, 1));
    b->shortcut = u; /* the later of the two convolutions adds the earlier */
    return oc_relu(oc_add(u, norm(conv(in, 24, 1, 2))));
}

static oc_tensor *preactivated(struct block *b, oc_tensor *x)
{
    b->shortcut = conv(x, C, 3, 1);
    oc_tensor *u = oc_relu(norm(b->shortcut));
    u = oc_relu(norm(conv(u, C, 3, 1)));
    return oc_add(conv(u, C, 3, 1), b->shortcut);
}

static oc_tensor *dense_layer(oc_tensor *x)
{
    return oc_concat((oc_tensor *[]){ x, conv(oc_relu(norm(x)), 16, 3, 1) }, 2);
}

static oc_tensor *densely_connected(struct block *b, oc_tensor *x)
{
    (void)b;
    return oc_relu(norm(dense_layer(dense_layer(conv(x, 16, 1, 1)))));
}

/* Windows of one behind normalisations: of a slice, with 300 channels, and with stride and groups. */
static oc_tensor *bottleneck(struct block *b, oc_tensor *x)
{
    oc_tensor *narrow = conv(oc_relu(norm(x)), 16, 1, 1);
    x = oc_concat((oc_tensor *[]){ x, conv(narrow, 280, 1, 1) }, 2);
    (void)b;
    return oc_conv(
        norm(x),
        &(oc_conv_desc){
            .filters = 6, .window = { 1 }, .stride = { 2 }, .groups = 2, .rounding = OC_ROUND_FLOOR });
}

/* No kernel applies these to what it reads: another function, zeros beside the image, a second reader. */
static oc_tensor *kept_apart(struct block *b, oc_tensor *x)
{
    const oc_conv_desc padded = { .filters = 4, .window = { 1 }, .pad = 1 };
    oc_tensor *v = conv(oc_tanh(norm(x)), 8, 1, 1), *u = oc_relu(norm(oc_add(v, v)));
    (void)b;
    return oc_conv(norm(oc_add(u, conv(u, 8, 1, 1))), &padded);
}

static oc_tensor *pooled(struct block *b, oc_tensor *x)
{
    (void)b;
    x = oc_max_pool(oc_relu(norm(conv(x, C, 3, 1))), &(oc_pool_desc){ .window = { 2 } });
    return oc_global_average_pool(oc_relu(norm(conv(x, C, 1, 1))));
}

static oc_tensor *overlapping(struct block *b, oc_tensor *x)
{
    (void)b;
    x = oc_tanh(oc_conv(x, &(oc_conv_desc){ .filters = C, .window = { 3 }, .pad = 1 }));
    x = oc_max_pool(x, &(oc_pool_desc){ .window = { 3 }, .stride = { 1 }, .pad = 1 });
    return conv(x, C, 1, 1);
}

typedef oc_tensor *(*builder)(struct block *b, oc_tensor *x);

static struct block block_create(builder build)
{
    struct block b = { .graph = oc_graph_create(NULL) };
    b.x = floats(b.graph, "x", N, C, SIZE, SIZE);
    b.y = build(&b, b.x);
    oc_input_desc desc = { .name = "dy" };
    CHECK(oc_graph_check(b.graph));
    oc_tensor_shape(b.y, desc.shape);
    b.dy = oc_input(b.graph, &desc);
    b.loss = oc_dot(b.y, b.dy);
    CHECK(oc_graph_check(b.graph));
    return b;
}

/* Whether a node only makes parameters ready for a kernel, or starts the backward pass. */
static bool is_preparation(const struct node *n)
{
    return n->is_static || strncmp(n->op->name, "pack_filter", strlen("pack_filter")) == 0 ||
           strcmp(n->op->name, "reshape") == 0 || strcmp(n->op->name, "fill") == 0;
}

/* What runs in each step, but for moving values into another order: "conv+addend+relu ...". */
static void list_nodes(const struct plan *plan, char *list, size_t size)
{
    size_t length = 0;
    *list = '\0';
    for (const struct node *n = plan->graph->first; n; n = n->next)
        if (!n->view && !is_preparation(n)) {
            const struct epilogue *e = &n->epilogue;
            const char *head = !n->prologue.scale ? "" : n->prologue.relu ? "scale+relu+" : "scale+";
            length += (size_t)snprintf(list + length, size - length, "%s%s%s%s%s%s%s", length > 0 ? " " : "",
                                       head, n->op->name, e->addend ? "+addend" : "", e->function ? "+" : "",
                                       e->function ? e->function + strlen("apply_") : "", e->kept ? "'" : "");
            cr_assert(length < size);
        }
}

#define NORM_BACKWARD "batch_norm_sums batch_norm_backward"

/* The nodes of a step; of training without the loss at the one end and the update at the other. */
static const struct {
    const char *name;
    builder build;
    const char *infer, *train;
} wanted[] = {
    { "plain", plain, "conv+relu",
      "conv batch_norm+relu # activation_backward " NORM_BACKWARD " conv_backward_filter" },
    { "biased", biased, "conv+relu",
      "conv batch_norm+relu # activation_backward " NORM_BACKWARD " conv_backward_filter channel_sum" },
    { "dense", dense, "dense+tanh",
      "dense batch_norm+tanh # activation_backward " NORM_BACKWARD " conv_backward_filter channel_sum" },
    { "identity", identity, "conv+relu conv+relu conv+addend+relu",
      "conv batch_norm+relu conv batch_norm+relu conv batch_norm+addend+relu # "
      "activation_backward " NORM_BACKWARD " conv_backward_data+relu' conv_backward_filter " NORM_BACKWARD
      " conv_backward_data+addend+relu' conv_backward_filter " NORM_BACKWARD " conv_backward_filter" },
    { "projected", projected, "conv+relu conv+relu conv conv+addend+relu",
      "conv batch_norm+relu conv batch_norm+relu conv batch_norm conv batch_norm+addend+relu # "
      "activation_backward " NORM_BACKWARD " conv_backward_data conv_backward_filter " NORM_BACKWARD
      " conv_backward_data+relu' conv_backward_filter " NORM_BACKWARD
      " conv_backward_data+addend+relu' conv_backward_filter " NORM_BACKWARD " conv_backward_filter" },
    { "preactivated", preactivated, "conv batch_norm+relu conv+relu conv+addend",
      "conv batch_norm+relu conv batch_norm+relu conv+addend # "
      "conv_backward_data+relu' conv_backward_filter " NORM_BACKWARD
      " conv_backward_data+relu' conv_backward_filter " NORM_BACKWARD "+addend conv_backward_filter" },
    { "densely connected", densely_connected,
      "conv batch_norm+relu conv concat batch_norm+relu conv concat batch_norm+relu",
      "conv batch_norm+relu conv concat batch_norm+relu conv concat batch_norm+relu # "
      "activation_backward " NORM_BACKWARD " conv_backward_data+relu' conv_backward_filter " NORM_BACKWARD
      "+addend conv_backward_data+relu' conv_backward_filter " NORM_BACKWARD "+addend conv_backward_filter" },
    { "bottleneck", bottleneck, "scale+relu+conv conv concat scale+conv",
      "batch_norm+relu conv conv concat batch_norm conv # conv_backward_data conv_backward_filter "
      "channel_sum " NORM_BACKWARD " conv_backward_data conv_backward_filter conv_backward_data+relu' "
      "conv_backward_filter batch_norm_sums" },
    { "kept apart", kept_apart, "batch_norm+tanh conv add batch_norm+relu conv+addend batch_norm conv",
      "batch_norm+tanh conv add batch_norm+relu conv+addend batch_norm conv # conv_backward_data "
      "conv_backward_filter channel_sum " NORM_BACKWARD
      " conv_backward_data+addend+relu' conv_backward_filter " NORM_BACKWARD
      " add conv_backward_data+tanh' conv_backward_filter batch_norm_sums" },
    { "pooled", pooled, "conv+relu max_pool conv+relu average_pool",
      "conv batch_norm+relu max_pool conv batch_norm+relu average_pool # "
      "average_pool_backward+relu' " NORM_BACKWARD " conv_backward_data+relu' conv_backward_filter "
      "max_pool_backward " NORM_BACKWARD " conv_backward_filter" },
    { "overlapping", overlapping, "conv+tanh max_pool conv", /* tanh's gradient is that of the maxima */
      "conv+tanh max_pool conv # conv_backward_data+tanh' conv_backward_filter max_pool_backward "
      "conv_backward_filter channel_sum" },
};

/* "a dot dot_backward b sgd" to "a # b". */
static void trim(char *list)
{
    static const char loss[] = "dot dot_backward ";
    char *middle = strstr(list, loss), *end = strstr(list, " sgd");
    cr_assert(middle && end && strlen(end) == 4);
    *end = '\0';
    memmove(middle + 2, middle + strlen(loss), strlen(middle + strlen(loss)) + 1);
    memcpy(middle, "# ", 2);
}

static struct plan *block_plan(oc_device *device, const struct block *b, bool train)
{
    oc_tensor *const y[] = { b->y, NULL };
    return plan_of(device, b->graph,
                   &(oc_model_desc){ .loss = train ? b->loss : NULL, .outputs = train ? NULL : y }, train);
}

Test(fuse_blocks, what_is_left_of_blocks)
{
    oc_device *device = fixture_open();
    for (int i = 0; i < COUNT_OF(wanted); i++)
        for (int train = 0; train < 2; train++) {
            char list[2048];
            struct block b = block_create(wanted[i].build);
            struct plan *plan = block_plan(device, &b, train);
            list_nodes(plan, list, sizeof list);
            if (train)
                trim(list);
            cr_expect_str_eq(list, train ? wanted[i].train : wanted[i].infer, "%s: %s", wanted[i].name, list);
            plan_destroy(plan);
            oc_graph_destroy(b.graph);
        }
    oc_device_close(device);
}

Test(fuse_blocks, sums_are_written_over_what_is_added)
{
    oc_device *device = fixture_open();
    static const builder builders[] = { identity, projected, preactivated };
    for (int i = 0; i < COUNT_OF(builders); i++) {
        struct block b = block_create(builders[i]);
        struct plan *plan = block_plan(device, &b, false);
        const struct node *n = NULL;
        for (const struct node *m = plan->graph->first; m; m = m->next)
            n = m->epilogue.addend ? m : n;
        cr_assert(n);
        const oc_tensor *shortcut = n->in[n->epilogue.addend], *y = n->out[0];
        cr_expect(shortcut->region == y->region && shortcut->slab == y->slab && shortcut->offset == y->offset,
                  "%d: two places for one value", i);
        plan_destroy(plan);
        oc_graph_destroy(b.graph);
    }
    oc_device_close(device);
}

/* Not over what the kernel still reads elsewhere: x + conv(x). */
Test(fuse_blocks, a_convolution_never_writes_over_its_own_input)
{
    oc_device *device = fixture_open();
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *x = floats(graph, "x", N, C, SIZE, SIZE),
              *u = oc_max_pool(x, &(oc_pool_desc){ .window = { 2 } });
    oc_tensor *y = oc_softmax(oc_add(conv(u, C, 3, 1), u));
    struct plan *plan =
        plan_of(device, graph, &(oc_model_desc){ .outputs = (oc_tensor *const[]){ y, NULL } }, false);
    const struct node *n = plan->graph->first;
    while (n && !n->epilogue.addend)
        n = n->next;
    cr_assert(n && n->in[n->epilogue.addend] == n->in[0]);
    cr_expect(n->out[0]->offset != n->in[0]->offset);
    plan_destroy(plan);
    oc_graph_destroy(graph);
    oc_device_close(device);
}

/* ---- the same values ---- */

struct outcome {
    float y[COUNT], inferred[COUNT], gradients[MOST];
    int64_t count, gradient_count;
};

static void read_gradients(oc_model *model, struct outcome *outcome)
{
    for (int i = 0; i < oc_parameter_count(model); i++) {
        oc_parameter_info info;
        CHECK(oc_parameter_info_at(model, i, &info));
        cr_assert(outcome->gradient_count + info.count <= MOST);
        if (info.state)
            continue;
        CHECK(oc_parameter_get(model, info.name, OC_GRADIENT, outcome->gradients + outcome->gradient_count,
                               info.count));
        outcome->gradient_count += info.count;
    }
}

/* Parameters for which the normalisation does something. */
static void scatter_parameters(oc_model *model)
{
    for (int i = 0; i < oc_parameter_count(model); i++) {
        float values[MOST];
        oc_parameter_info info;
        CHECK(oc_parameter_info_at(model, i, &info));
        if (info.count > 24) /* all but filters */
            continue;
        for (int64_t k = 0; k < info.count; k++)
            values[k] = 0.25f + (float)((k * 7 + i * 5) % 16) / 12;
        CHECK(oc_parameter_set(model, info.name, OC_VALUE, values, info.count));
    }
}

static void run(oc_device *device, builder build, const char *implementations, struct outcome *outcome)
{
    oc_model *model = NULL;
    struct block b = block_create(build);
    struct operand x, dy;
    operand_create(&x, 4, b.x->shape.dim);
    operand_create(&dy, b.y->shape.rank, b.y->shape.dim);
    for (int64_t i = 0; i < x.count; i++)
        x.v[i] = (double)(i * 73 % 128) / 64 - 1;
    for (int64_t i = 0; i < dy.count; i++)
        dy.v[i] = (double)(i * 37 % 64) / 32 - 1;
    float *const values = operand_floats(&x), *const gradient = operand_floats(&dy);
    const oc_feed feeds[] = { { b.x, values, NULL }, { b.dy, gradient, NULL }, { 0 } };
    memset(outcome, 0, sizeof *outcome);
    outcome->count = dy.count;
    cr_assert(dy.count <= COUNT);
    CHECK(oc_model_create(&model, b.graph, device,
                          &(oc_model_desc){ .loss = b.loss,
                                            .outputs = (oc_tensor *const[]){ b.y, NULL },
                                            .seed = 4,
                                            .implementations = implementations }));
    scatter_parameters(model);
    CHECK(oc_infer(model, N, feeds, (oc_fetch[]){ { .tensor = b.y, .data = outcome->inferred }, { 0 } }));
    CHECK(
        oc_compute_gradients(model, N, feeds, (oc_fetch[]){ { .tensor = b.y, .data = outcome->y }, { 0 } }));
    read_gradients(model, outcome);
    oc_model_destroy(model);
    oc_graph_destroy(b.graph);
    operand_destroy(&x);
    operand_destroy(&dy);
    free(values);
    free(gradient);
}

/* Largest difference, relative to the largest value. */
static double difference(const float *a, const float *b, int64_t count)
{
    double largest = 0, worst = 0;
    for (int64_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs((double)b[i]));
        worst = fmax(worst, fabs((double)a[i] - (double)b[i]));
        if (!isfinite(a[i]) || !isfinite(b[i]))
            return INFINITY;
    }
    return largest > 0 ? worst / largest : INFINITY;
}

Test(fuse_blocks, blocks_compute_what_their_parts_do)
{
    static const char *const implementations[] = { NULL, "reference" };
    static struct outcome want, got, again;
    oc_device *device = fixture_open();
    for (int i = 0; i < COUNT_OF(wanted); i++)
        for (int k = 0; k < COUNT_OF(implementations); k++) {
            setenv("OCELLI_FUSE", "0", 1);
            run(device, wanted[i].build, implementations[k], &want);
            unsetenv("OCELLI_FUSE");
            run(device, wanted[i].build, implementations[k], &got);
            run(device, wanted[i].build, implementations[k], &again);
            const double y = difference(got.y, want.y, want.count),
                         inferred = difference(got.inferred, want.inferred, want.count),
                         gradients = difference(got.gradients, want.gradients, want.gradient_count);
            cr_expect(y <= 1e-5 && inferred <= 1e-5 && gradients <= 1e-4,
                      "%s: outputs differ by %g, inferred ones by %g, gradients by %g", wanted[i].name, y,
                      inferred, gradients);
            cr_expect(memcmp(&got, &again, sizeof got) == 0, "%s: other bits the second time",
                      wanted[i].name);
        }
    oc_device_close(device);
}

Test(fuse_blocks, the_environment_can_forbid_it)
{
    char list[256];
    oc_device *device = fixture_open();
    struct block b = block_create(plain);
    setenv("OCELLI_FUSE", "0", 1);
    struct plan *plan = block_plan(device, &b, false);
    unsetenv("OCELLI_FUSE");
    list_nodes(plan, list, sizeof list);
    cr_expect_str_eq(list, "conv batch_norm relu");
    plan_destroy(plan);
    oc_graph_destroy(b.graph);
    oc_device_close(device);
}

struct launches {
    int all, of_parameters;
};

static void count_launch(void *user, const oc_profile_entry *entry)
{
    struct launches *launches = user;
    launches->all++;
    launches->of_parameters += strcmp(entry->op, "batch_norm_scale") == 0 ||
                               strcmp(entry->op, "batch_norm_shift") == 0 ||
                               strcmp(entry->op, "scale_filter") == 0;
}

/* The border's two conversions are launches too; so are the two steps of each sum of a normalisation. */
Test(fuse_blocks, launches_are_counted)
{
    static const struct {
        builder build;
        int infer, of_parameters, train;
    } table[] = { { plain, 3, 3, 15 }, { identity, 5, 9, 33 }, { projected, 6, 12, 42 } };
    oc_device *device = fixture_open();
    for (int i = 0; i < COUNT_OF(table); i++) {
        oc_model *model = NULL;
        struct block b = block_create(table[i].build);
        struct launches infer = { 0 }, train = { 0 };
        CHECK(oc_model_create(&model, b.graph, device,
                              &(oc_model_desc){ .outputs = (oc_tensor *const[]){ b.y, NULL },
                                                .implementations = "reference" }));
        CHECK(oc_model_profile(model, false, count_launch, &infer));
        oc_model_destroy(model);
        CHECK(oc_model_create(&model, b.graph, device,
                              &(oc_model_desc){ .loss = b.loss, .implementations = "reference" }));
        CHECK(oc_model_profile(model, true, count_launch, &train));
        oc_model_destroy(model);
        cr_expect(infer.all - infer.of_parameters == table[i].infer &&
                      infer.of_parameters == table[i].of_parameters && train.all == table[i].train,
                  "%d: %d and %d launches, %d in training", i, infer.all - infer.of_parameters,
                  infer.of_parameters, train.all);
        oc_graph_destroy(b.graph);
    }
    oc_device_close(device);
}

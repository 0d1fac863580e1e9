/* test_golden.c - networks against what PyTorch and torchvision made of them in double, for machines without Python:
 * golden/networks/NAME.txt, written by peers/compare_torch.py --golden. Weights, picture and labels follow models/recipe.h.
 *
 * A file begins with the network's name, the size of its picture, the divisor of its width, which picture it is, what
 * biases are shifted by and how many lines follow. Each line is a tensor, its Euclidean norm and a sum that weights every
 * element differently. Results must agree to 1e-4 of the norm, gradients to 2e-3: the pictures are chosen so that no
 * rounding takes a value across the kink of a ReLU, which would change more. */
#include "models/recipe.h"
#include "support/fixture.h"
#include "support/operand.h"

#include <stdio.h>

enum { MAX_LINES = 512 };

struct line {
    char name[96];
    double norm, sum;
};

struct golden {
    char name[64];
    int size, divisor, picture, count;
    struct line lines[MAX_LINES];
    double shift;
    double largest; /* norm of a parameter's gradient */
};

static const double results_differ = 1e-4, gradients_differ = 2e-3;

/* False if there is no file for the network. */
static bool golden_read(struct golden *g, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, GOLDEN "/%s.txt", name);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    *g = (struct golden){ 0 };
    cr_assert_eq(fscanf(file, "%63s %d %d %d %lf %d", g->name, &g->size, &g->divisor, &g->picture, &g->shift,
                        &g->count),
                 6);
    cr_assert(strcmp(g->name, name) == 0 && g->count > 4 && g->count <= MAX_LINES, "%s", path);
    for (int i = 0; i < g->count; i++) {
        struct line *line = &g->lines[i];
        cr_assert_eq(fscanf(file, "%95s %lf %lf", line->name, &line->norm, &line->sum), 3, "%s, line %d",
                     path, i + 2);
        if (recipe_ends(line->name, "weight"))
            g->largest = fmax(g->largest, line->norm);
    }
    fclose(file);
    return true;
}

static const struct line *line_of(const struct golden *g, const char *tensor)
{
    for (int i = 0; i < g->count; i++)
        if (strcmp(g->lines[i].name, tensor) == 0)
            return &g->lines[i];
    cr_assert(false, "%s: nothing is stored of %s", g->name, tensor);
    return NULL;
}

/* A random error changes the sum by about twice its norm. */
static void check(const struct golden *g, const char *tensor, double tolerance, const float *values,
                  int64_t count)
{
    const struct line *want = line_of(g, tensor);
    const double scale = tolerance < gradients_differ ? want->norm : fmax(want->norm, 1e-3 * g->largest);
    double squares = 0, sum = 0;
    for (int64_t i = 0; i < count; i++) {
        squares += (double)values[i] * (double)values[i];
        sum += (double)values[i] * (1 + (double)(uint32_t)((uint64_t)i * 2654435761u) * 0x1p-32);
    }
    const double norm = sqrt(squares);
    cr_expect(fabs(norm - want->norm) <= tolerance * scale, "%s, %s: the norm is %.7g, not %.7g", g->name,
              tensor, norm, want->norm);
    cr_expect(fabs(sum - want->sum) <= 6 * tolerance * scale, "%s, %s: the sum is %.7g, not %.7g", g->name,
              tensor, sum, want->sum);
}

static void check_parameters(const struct golden *g, oc_model *model)
{
    int gradients = 0;
    for (int i = 0; i < oc_parameter_count(model); i++) {
        oc_parameter_info info;
        CHECK(oc_parameter_info_at(model, i, &info));
        if (info.state)
            continue;
        float *values = floats_unset(info.count);
        CHECK(oc_parameter_get(model, info.name, OC_GRADIENT, values, info.count));
        check(g, info.name, gradients_differ, values, info.count);
        free(values);
        gradients++;
    }
    cr_expect_eq(g->count, gradients + 4, "%s", g->name); /* and what check_network checks itself */
}

static void check_network(const struct golden *g, oc_device *device)
{
    oc_net net;
    oc_model *model;
    struct replica replica;
    float logits[RECIPE_BATCH * RECIPE_CLASSES], loss = NAN;
    int32_t labels[RECIPE_BATCH];
    CHECK(recipe_network(&net, &replica, g->name, g->size, g->divisor));
    const int64_t pixels = shape_count(&net.image->shape);
    float *image = floats_unset(pixels), *gradient = floats_unset(pixels);
    recipe_image(g->picture, image, pixels);
    recipe_labels(labels, RECIPE_BATCH, RECIPE_CLASSES);
    CHECK(oc_model_create(&model, net.graph, device,
                          &(oc_model_desc){ .loss = net.loss,
                                            .outputs = (oc_tensor *const[]){ net.logits, NULL },
                                            .implementations = RECIPE_PLAIN_SUMS }));
    CHECK(recipe_apply(model, g->shift));
    const oc_feed feeds[] = { { net.image, image, NULL }, { net.label, labels, NULL }, { 0 } };
    CHECK(oc_infer(model, RECIPE_BATCH, feeds,
                   (oc_fetch[]){ { .tensor = net.logits, .data = logits }, { 0 } }));
    check(g, "logits", results_differ, logits, COUNT_OF(logits));
    CHECK(oc_compute_gradients(model, RECIPE_BATCH, feeds,
                               (oc_fetch[]){ { .tensor = net.logits, .data = logits },
                                             { .tensor = net.loss, .data = &loss },
                                             { .tensor = net.image, .data = gradient, .gradient = true },
                                             { 0 } }));
    check(g, "training_logits", results_differ, logits, COUNT_OF(logits));
    check(g, "loss", results_differ, &loss, 1);
    check(g, "image_gradient", gradients_differ, gradient, pixels);
    check_parameters(g, model);
    oc_model_destroy(model);
    replica_destroy(&replica);
    free(image);
    free(gradient);
}

Test(golden, networks_agree_with_pytorch)
{
    static struct golden g;
    int count = 0;
    oc_device *device = fixture_open();
    for (int i = 0; oc_zoo_name(i); i++) {
        if (!golden_read(&g, oc_zoo_name(i)))
            continue;
        count++;
        if (!fixture_quick() || g.size <= 16)
            check_network(&g, device);
    }
    cr_expect(count >= 20, "only %d networks are stored in " GOLDEN, count);
    oc_device_close(device);
}

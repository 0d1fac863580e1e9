/* xo.c - drawn pictures of X and O, the smallest problem that a convolutional network solves and a template does not.
 *
 * A pixel is ink if its centre is no further from the shape's line than half the stroke: the diagonals of a square
 * (X) or the circle in it (O), a third of the picture's side from the centre. With 9 pixels and no variation the X is
 * the one that is printed everywhere: the diagonals from (1,1) to (7,7). */
#include "io/array.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/status.h"

#include <inttypes.h>
#include <math.h>

static const char *const class_names[] = { "X", "O", NULL };

enum { MIN_SIZE = 7, MAX_SIZE = 4096, DRAWS = 5 /* random numbers per picture */ };

/* One picture's variation. */
struct pose {
    double shift_x, shift_y; /* pixels */
    double scale, sine, cosine;
    double half_stroke; /* pixels */
};

/* Distance of (x, y) from the line of the shape that reaches `arm` from the origin in both directions. */
static double distance(int class, double x, double y, double arm)
{
    if (class == 1)
        return fabs(hypot(x, y) - arm);
    /* Along and across the nearer diagonal. */
    const double p = fabs(x + y) * sqrt(0.5), q = fabs(x - y) * sqrt(0.5);
    return hypot(fmax(fmax(p, q) - arm * sqrt(2.0), 0.0), fmin(p, q));
}

static void draw(float *picture, int size, int class, const struct pose *pose)
{
    const double middle = (size - 1) / 2.0;
    for (int row = 0; row < size; row++)
        for (int column = 0; column < size; column++) {
            /* The pixel in the shape's own coordinates: shifted, turned and scaled back. */
            const double dx = column - middle - pose->shift_x, dy = row - middle - pose->shift_y;
            const double x = (pose->cosine * dx + pose->sine * dy) / pose->scale;
            const double y = (pose->cosine * dy - pose->sine * dx) / pose->scale;
            const double away = pose->scale * distance(class, x, y, size / 3.0);
            *picture++ = away <= pose->half_stroke ? 1.0f : -1.0f;
        }
}

/* Uniform in -1..1. */
static double vary(const struct random *random, int64_t picture, int which)
{
    return 2.0 * (double)random_uniform(random, (uint64_t)(picture * DRAWS + which)) - 1.0;
}

static struct pose choose_pose(const oc_xo_desc *desc, const struct random *random, int64_t i)
{
    const double angle = desc->rotation * vary(random, i, 3) * 3.141592653589793 / 180.0;
    const double thickening = desc->stroke * (vary(random, i, 4) + 1.0) / 2.0;
    return (struct pose){ .shift_x = (double)desc->translation * desc->size * vary(random, i, 0),
                          .shift_y = (double)desc->translation * desc->size * vary(random, i, 1),
                          .scale = 1.0 + desc->scaling * vary(random, i, 2),
                          .sine = sin(angle),
                          .cosine = cos(angle),
                          /* Thinner than a pixel, a line could pass between the pixels' centres. */
                          .half_stroke = fmax(0.5, desc->size / 18.0) * (1.0 + thickening) };
}

static oc_status apply_default(float *value, float otherwise, float limit, const char *name)
{
    if (!(*value < limit)) /* also NaN */
        return fail(OC_E_ARGUMENT, "xo: %s %g is not below %g", name, (double)*value, (double)limit);
    *value = *value < 0 ? 0 : *value > 0 ? *value : otherwise;
    return OC_OK;
}

oc_status oc_dataset_generate_xo(oc_dataset *set, const oc_xo_desc *desc)
{
    oc_xo_desc d = desc ? *desc : (oc_xo_desc){ 0 };
    d.count = d.count ? d.count : 1000;
    d.size = d.size ? d.size : 9;
    if (!set || d.count < 0 || d.size < MIN_SIZE || d.size > MAX_SIZE)
        return fail(OC_E_ARGUMENT, "xo: %" PRId64 " pictures of %dx%d pixels; the size must be %d to %d",
                    d.count, d.size, d.size, MIN_SIZE, MAX_SIZE);
    TRY(apply_default(&d.translation, 0.1f, 1.0f, "translation"));
    TRY(apply_default(&d.scaling, 0.2f, 1.0f, "scaling"));
    TRY(apply_default(&d.rotation, 15.0f, 361.0f, "rotation"));
    TRY(apply_default(&d.stroke, 0.4f, 10.0f, "stroke"));
    oc_array pictures;
    TRY(array_create(&pictures, 4, (int64_t[]){ d.count, 1, d.size, d.size }));
    int32_t *labels = memory_zeroed(&memory_heap, (size_t)d.count, sizeof *labels);
    if (!labels) {
        oc_array_clear(&pictures);
        return OC_E_MEMORY;
    }
    const struct random random = { .seed = d.seed, .stream = random_stream("xo") };
    for (int64_t i = 0; i < d.count; i++) {
        const struct pose pose = choose_pose(&d, &random, i);
        labels[i] = (int32_t)(i % 2);
        draw(pictures.data + i * d.size * d.size, d.size, labels[i], &pose);
    }
    *set = (oc_dataset){ .count = d.count,
                         .channels = 1,
                         .height = d.size,
                         .width = d.size,
                         .classes = 2,
                         .images = pictures.data,
                         .labels = labels,
                         .class_names = class_names };
    return OC_OK;
}

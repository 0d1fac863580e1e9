/* shapes.c - drawn colour pictures of ten shapes, for networks with some depth. What tells the classes apart is the
 * outline alone: place, angle, size and all colours are drawn without regard to the class, strokes lie across the shape,
 * and every value has noise. So neither a mean colour nor a template helps.
 *
 * A shape is the region where a distance is negative: in its own coordinates, y down, it reaches about 1 from the
 * origin. A pixel takes the shape's colour by how far its centre is inside, over one pixel's width. */
#include "io/array.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/status.h"

#include <inttypes.h>
#include <math.h>

static const char *const class_names[] = { "disc", "ring",     "square", "frame", "triangle", "plus",
                                           "star", "crescent", "bars",   "half",  NULL };

enum { CLASSES = 10, CHANNELS = 3, MIN_SIZE = 16, MAX_SIZE = 4096, MAX_STROKES = 1000 };

static const double pi = 3.141592653589793;

/* ---- the shapes ---- */

static double box(double x, double y, double half_width, double half_height)
{
    return fmax(fabs(x) - half_width, fabs(y) - half_height);
}

static double disc(double x, double y)
{
    return hypot(x, y) - 0.85;
}

static double ring(double x, double y)
{
    return fabs(hypot(x, y) - 0.7) - 0.2;
}

static double square(double x, double y)
{
    return box(x, y, 0.75, 0.75);
}

static double frame(double x, double y)
{
    return fabs(box(x, y, 0.62, 0.62)) - 0.18;
}

static double triangle(double x, double y)
{
    return fmax(y, fabs(x) * sqrt(0.75) - y / 2) - 0.48;
}

static double plus(double x, double y)
{
    return fmin(box(x, y, 0.95, 0.28), box(x, y, 0.28, 0.95));
}

/* Five points: folded to half of one, whose edge runs from the tip to the notch between two. */
static double star(double x, double y)
{
    const double tip = 1.05, notch = 0.42, point = 2 * pi / 5;
    const double angle = fabs(remainder(atan2(x, y), point)), radius = hypot(x, y);
    const double edge_x = notch * cos(point / 2) - tip, edge_y = notch * sin(point / 2);
    const double across = (radius * cos(angle) - tip) * edge_y - radius * sin(angle) * edge_x;
    return across / hypot(edge_x, edge_y);
}

static double crescent(double x, double y)
{
    return fmax(hypot(x, y) - 0.95, 0.75 - hypot(x - 0.45, y));
}

static double bars(double x, double y)
{
    return fmax(fabs(x) - 0.85, fabs(fabs(y) - 0.52) - 0.24);
}

static double half(double x, double y)
{
    return fmax(hypot(x, y + 0.4) - 1.0, -y - 0.4);
}

static double (*const shapes[CLASSES])(double x, double y) = { disc, ring, square,   frame, triangle,
                                                               plus, star, crescent, bars,  half };

/* ---- what is drawn for one picture ---- */

/* Numbers in the order in which they are asked for; a picture has a stretch of its own. */
struct dice {
    struct random random;
    uint64_t next;
};

static double between(struct dice *dice, double low, double high)
{
    return low + (high - low) * (double)random_uniform(&dice->random, dice->next++);
}

struct canvas {
    float *values; /* (c, h, w) */
    int size;
};

struct pose {
    double x, y, scale, sine, cosine; /* pixels */
};

static struct pose throw_pose(struct dice *dice, double middle, double range, double least, double most)
{
    const double angle = between(dice, -pi, pi);
    struct pose pose = { .sine = sin(angle), .cosine = cos(angle) };
    pose.x = middle + between(dice, -range, range);
    pose.y = middle + between(dice, -range, range);
    pose.scale = between(dice, least, most);
    return pose;
}

static void throw_colour(struct dice *dice, double colour[CHANNELS])
{
    for (int c = 0; c < CHANNELS; c++)
        colour[c] = between(dice, -1, 1);
}

/* Lays colour over the picture where `region` is negative. */
static void fill(const struct canvas *canvas, double (*region)(double x, double y), const struct pose *pose,
                 const double colour[CHANNELS])
{
    const int size = canvas->size;
    for (int row = 0; row < size; row++)
        for (int column = 0; column < size; column++) {
            const double dx = column - pose->x, dy = row - pose->y;
            const double away = region((pose->cosine * dx + pose->sine * dy) / pose->scale,
                                       (pose->cosine * dy - pose->sine * dx) / pose->scale);
            const double cover = fmin(fmax(0.5 - away * pose->scale, 0.0), 1.0);
            for (int c = 0; c < CHANNELS; c++) {
                float *value = &canvas->values[(c * size + row) * size + column];
                *value = (float)((1 - cover) * (double)*value + cover * colour[c]);
            }
        }
}

/* A colour that passes slowly into a similar one, in any direction. */
static void fill_background(const struct canvas *canvas, struct dice *dice, double colour[CHANNELS])
{
    const double change = 0.2, angle = between(dice, -pi, pi), middle = (canvas->size - 1) / 2.0;
    double slope[CHANNELS];
    throw_colour(dice, colour);
    throw_colour(dice, slope);
    for (int c = 0; c < CHANNELS; c++) /* so that no corner leaves the range */
        colour[c] *= 1 - change * sqrt(2.0);
    float *value = canvas->values;
    for (int c = 0; c < CHANNELS; c++)
        for (int row = 0; row < canvas->size; row++)
            for (int column = 0; column < canvas->size; column++) {
                const double along = ((column - middle) * cos(angle) + (row - middle) * sin(angle)) / middle;
                *value++ = (float)(colour[c] + change * slope[c] * along);
            }
}

/* Moves a colour that is too near the other one in every channel to the other half of the range. */
static void keep_apart(double colour[CHANNELS], const double other[CHANNELS])
{
    double most = 0;
    for (int c = 0; c < CHANNELS; c++)
        most = fmax(most, fabs(colour[c] - other[c]));
    for (int c = 0; c < CHANNELS && most < 0.6; c++)
        colour[c] += colour[c] < 0 ? 1 : -1;
}

static double stroke(double x, double y)
{
    return box(x, y, 1.0, 0.3);
}

static void draw(const struct canvas *canvas, int class, int strokes, struct dice *dice)
{
    const double size = canvas->size, middle = (size - 1) / 2;
    double paper[CHANNELS], ink[CHANNELS];
    fill_background(canvas, dice, paper);
    throw_colour(dice, ink);
    keep_apart(ink, paper);
    struct pose pose = throw_pose(dice, middle, 0.1 * size, 0.26 * size, 0.38 * size);
    fill(canvas, shapes[class], &pose, ink);
    for (int i = 0; i < strokes; i++) {
        throw_colour(dice, ink);
        pose = throw_pose(dice, middle, 0.5 * size, 0.06 * size, 0.12 * size);
        fill(canvas, stroke, &pose, ink);
    }
}

static oc_status check(oc_shapes_desc *d)
{
    d->count = d->count ? d->count : 1000;
    d->size = d->size ? d->size : 32;
    d->strokes = d->strokes < 0 ? 0 : d->strokes > 0 ? d->strokes : 2;
    if (d->count < 0 || d->size < MIN_SIZE || d->size > MAX_SIZE)
        return fail(OC_E_ARGUMENT, "shapes: %" PRId64 " pictures of %dx%d pixels; the size must be %d to %d",
                    d->count, d->size, d->size, MIN_SIZE, MAX_SIZE);
    if (d->strokes > MAX_STROKES || !(d->noise <= 1.0f)) /* also NaN */
        return fail(OC_E_ARGUMENT,
                    "shapes: %d strokes and noise of deviation %g; there may be %d strokes, and noise of 1",
                    d->strokes, (double)d->noise, MAX_STROKES);
    d->noise = d->noise < 0 ? 0 : d->noise > 0 ? d->noise : 0.1f;
    return OC_OK;
}

oc_status oc_dataset_generate_shapes(oc_dataset *set, const oc_shapes_desc *desc)
{
    oc_shapes_desc d = desc ? *desc : (oc_shapes_desc){ 0 };
    if (!set)
        return fail(OC_E_ARGUMENT, "shapes: there is no data set to fill");
    TRY(check(&d));
    oc_array pictures;
    TRY(array_create(&pictures, 4, (int64_t[]){ d.count, CHANNELS, d.size, d.size }));
    int32_t *labels = memory_zeroed(&memory_heap, (size_t)d.count, sizeof *labels);
    if (!labels) {
        oc_array_clear(&pictures);
        return OC_E_MEMORY;
    }
    const struct random grain = { .seed = d.seed, .stream = random_stream("shapes.noise") };
    const int64_t values = (int64_t)CHANNELS * d.size * d.size;
    for (int64_t i = 0; i < d.count; i++) {
        float *picture = pictures.data + i * values;
        struct dice dice = { .random = { .seed = d.seed, .stream = random_stream("shapes") },
                             .next = (uint64_t)i << 32 };
        labels[i] = (int32_t)(i % CLASSES);
        draw(&(struct canvas){ picture, d.size }, labels[i], d.strokes, &dice);
        for (int64_t v = 0; v < values; v++) {
            const float noise =
                d.noise > 0 ? d.noise * random_gaussian(&grain, (uint64_t)(i * values + v)) : 0;
            picture[v] = fminf(fmaxf(picture[v] + noise, -1.0f), 1.0f);
        }
    }
    *set = (oc_dataset){ .count = d.count,
                         .channels = CHANNELS,
                         .height = d.size,
                         .width = d.size,
                         .classes = CLASSES,
                         .images = pictures.data,
                         .labels = labels,
                         .class_names = class_names };
    return OC_OK;
}

/* test_shapes.c - generated colour pictures of ten shapes. */
#include "support/scratch.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { CLASSES = 10, CHANNELS = 3, SIZE = 64, PLANE = SIZE * SIZE };

static oc_dataset make(const oc_shapes_desc *desc)
{
    oc_dataset set;
    cr_assert_eq(oc_dataset_generate_shapes(&set, desc), OC_OK, "%s", oc_last_error());
    return set;
}

static bool are_equal(const oc_dataset *a, const oc_dataset *b, int64_t count)
{
    const size_t bytes = (size_t)(count * CHANNELS * a->height * a->width) * sizeof(float);
    return memcmp(a->images, b->images, bytes) == 0;
}

Test(shapes, defaults_are_the_documented_ones)
{
    oc_dataset set = make(NULL);
    oc_dataset same = make(&(oc_shapes_desc){ .count = 1000, .size = 32, .strokes = 2, .noise = 0.1f });
    cr_assert(set.count == 1000 && set.channels == CHANNELS && set.height == 32 && set.width == 32 &&
              set.classes == CLASSES);
    cr_assert_str_eq(set.class_names[0], "disc");
    cr_assert_str_eq(set.class_names[9], "half");
    cr_assert_null(set.class_names[10]);
    cr_assert(are_equal(&set, &same, 1000));
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(set.labels[i], i % CLASSES);
    for (int i = 0; i < 1000 * CHANNELS * 32 * 32; i++)
        cr_assert(set.images[i] >= -1 && set.images[i] <= 1, "value %d is %g", i, (double)set.images[i]);
    oc_dataset_clear(&set);
    oc_dataset_clear(&same);
}

Test(shapes, a_picture_depends_on_the_seed_and_its_number)
{
    oc_dataset set = make(&(oc_shapes_desc){ .count = 40, .seed = 5 });
    oc_dataset start = make(&(oc_shapes_desc){ .count = 20, .seed = 5 });
    oc_dataset other = make(&(oc_shapes_desc){ .count = 20, .seed = 6 });
    cr_expect(are_equal(&set, &start, 20));
    cr_expect(!are_equal(&set, &other, 1));
    for (int64_t i = CLASSES; i < set.count; i++) { /* the same class, ten earlier */
        const oc_dataset here = { .images = set.images + i * CHANNELS * 32 * 32, .height = 32, .width = 32 };
        const oc_dataset there = { .images = here.images - CLASSES * CHANNELS * 32 * 32 };
        cr_expect(!are_equal(&here, &there, 1), "picture %d", (int)i);
    }
    oc_dataset_clear(&set);
    oc_dataset_clear(&start);
    oc_dataset_clear(&other);
}

/* ---- the outlines, without strokes and noise ---- */

/* Where the shape covers more than a quarter. The paper's colour is linear in the place, so the corners, which no shape
 * reaches, give all of it. */
static void find_ink(bool ink[PLANE], const float *picture)
{
    static double away[PLANE];
    double most = 0;
    memset(away, 0, sizeof away);
    for (int c = 0; c < CHANNELS; c++) {
        const float *plane = picture + c * PLANE;
        const double origin = (double)plane[0], right = (double)plane[SIZE - 1] - origin,
                     down = (double)plane[PLANE - SIZE] - origin;
        for (int i = 0; i < PLANE; i++) {
            const double paper =
                origin + right * (i % SIZE) / (SIZE - 1.0) + down * (i / SIZE) / (SIZE - 1.0);
            away[i] = fmax(away[i], fabs((double)plane[i] - paper));
            most = fmax(most, away[i]);
        }
    }
    for (int i = 0; i < PLANE; i++)
        ink[i] = away[i] > most / 4;
}

/* Connected parts that are `wanted`; those of ink also over corners. Parts at the border count only if `border`;
 * a pixel or two at a sharp tip may stand alone and do not count. */
static int count_parts(const bool ink[PLANE], bool wanted, bool border)
{
    static bool seen[PLANE];
    static int stack[PLANE];
    int parts = 0;
    memset(seen, 0, sizeof seen);
    for (int start = 0; start < PLANE; start++) {
        bool touches = false;
        int depth = 0, pixels = 0;
        if (seen[start] || ink[start] != wanted)
            continue;
        seen[start] = true;
        stack[depth++] = start;
        while (depth > 0) {
            pixels++;
            const int at = stack[--depth], x = at % SIZE, y = at / SIZE;
            touches = touches || x == 0 || y == 0 || x == SIZE - 1 || y == SIZE - 1;
            for (int step = 0; step < 9; step++) {
                const int dx = step % 3 - 1, dy = step / 3 - 1, to = at + dy * SIZE + dx;
                const bool outside = x + dx < 0 || x + dx >= SIZE || y + dy < 0 || y + dy >= SIZE;
                if (outside || (!wanted && dx && dy) || seen[to] || ink[to] != wanted)
                    continue;
                seen[to] = true;
                stack[depth++] = to;
            }
        }
        parts += pixels > 2 && (border || !touches);
    }
    return parts;
}

/* Area, as a part of the smallest circle around the centre of gravity. */
static double compactness(const bool ink[PLANE])
{
    double x = 0, y = 0, area = 0, radius = 0;
    for (int i = 0; i < PLANE; i++)
        if (ink[i]) {
            area++;
            x += i % SIZE;
            y += i / SIZE;
        }
    for (int i = 0; i < PLANE; i++)
        if (ink[i])
            radius = fmax(radius, hypot(i % SIZE - x / area, i / SIZE - y / area) + 0.5);
    return area / (3.14159 * radius * radius);
}

Test(shapes, outlines_are_those_of_their_names)
{
    /* From the geometry of each, with a pixel's width of doubt. */
    static const struct {
        int parts, holes;
        double least, most; /* compactness */
    } wanted[CLASSES] = {
        { 1, 0, 0.88, 1.05 }, /* disc: 1 */
        { 1, 1, 0.60, 0.76 }, /* ring: 1 - (5/9)^2 = 0.69 */
        { 1, 0, 0.56, 0.70 }, /* square: 2/pi = 0.64 */
        { 1, 1, 0.38, 0.53 }, /* frame: 0.64 (1 - 0.3) = 0.44 */
        { 1, 0, 0.34, 0.47 }, /* triangle: 3 sqrt(3)/(4 pi) = 0.41 */
        { 1, 0, 0.50, 0.66 }, /* plus: 1.81/(0.98 pi) = 0.59 */
        { 1, 0, 0.30, 0.47 }, /* star: 1.30/(1.10 pi) = 0.37, its tips blunted */
        { 1, 0, 0.20, 0.50 }, /* crescent */
        { 2, 0, 0.32, 0.50 }, /* bars: 1.63/(1.30 pi) = 0.40 */
        { 1, 0, 0.35, 0.48 }, /* half: (1/2)/(1 + 0.18) = 0.42 */
    };
    static bool ink[PLANE];
    oc_dataset set =
        make(&(oc_shapes_desc){ .count = 300, .size = SIZE, .strokes = -1, .noise = -1, .seed = 3 });
    for (int64_t i = 0; i < set.count; i++) {
        const int class = set.labels[i];
        find_ink(ink, set.images + i * CHANNELS * PLANE);
        const int parts = count_parts(ink, true, true), holes = count_parts(ink, false, false);
        const double share = compactness(ink);
        cr_expect(parts == wanted[class].parts && holes == wanted[class].holes &&
                      share > wanted[class].least && share < wanted[class].most,
                  "picture %d, %s: %d parts, %d holes, compactness %.3f", (int)i, set.class_names[class],
                  parts, holes, share);
    }
    oc_dataset_clear(&set);
}

/* ---- what does not help ---- */

/* The share of `set` that the nearest class mean of `train` gets right, on means over cells of `cell` x `cell` pixels. */
static double nearest_mean(const oc_dataset *train, const oc_dataset *set, int cell)
{
    enum { SIDE = 32, MOST = CHANNELS * SIDE * SIDE };
    static double means[CLASSES][MOST], features[MOST];
    const int side = SIDE / cell, count = CHANNELS * side * side;
    int right = 0;
    memset(means, 0, sizeof means);
    for (int pass = 0; pass < 2; pass++) {
        const oc_dataset *from = pass ? set : train;
        for (int64_t i = 0; i < from->count; i++) {
            const float *picture = from->images + i * MOST;
            memset(features, 0, sizeof features);
            for (int v = 0; v < MOST; v++) {
                const int c = v / (SIDE * SIDE), y = v / SIDE % SIDE, x = v % SIDE;
                features[(c * side + y / cell) * side + x / cell] += (double)picture[v] / (cell * cell);
            }
            double best = INFINITY;
            int said = 0;
            for (int class = 0; class < CLASSES; class ++) {
                double away = 0;
                for (int f = 0; f < count; f++)
                    away += pow(features[f] - means[class][f], 2);
                if (away < best) {
                    best = away;
                    said = class;
                }
            }
            for (int f = 0; f < count && !pass; f++)
                means[from->labels[i]][f] += features[f] * CLASSES / (double)from->count;
            right += pass && said == from->labels[i];
        }
    }
    return right / (double)set->count;
}

Test(shapes, neither_colour_nor_a_template_tells_the_class)
{
    oc_dataset train = make(&(oc_shapes_desc){ .count = 2000, .seed = 1 });
    oc_dataset set = make(&(oc_shapes_desc){ .count = 1000, .seed = 2 });
    const int cells[] = { 32, 8, 1 };
    for (int i = 0; i < 3; i++) {
        const double share = nearest_mean(&train, &set, cells[i]);
        cr_expect(share > 0.05 && share < 0.2, "cells of %d pixels: %g are right", cells[i], share);
    }
    oc_dataset_clear(&train);
    oc_dataset_clear(&set);
}

Test(shapes, strokes_and_noise_can_be_chosen)
{
    oc_dataset bare = make(&(oc_shapes_desc){ .count = 10, .strokes = -1, .noise = -1 });
    oc_dataset strokes = make(&(oc_shapes_desc){ .count = 10, .strokes = 8, .noise = -1 });
    oc_dataset noise = make(&(oc_shapes_desc){ .count = 10, .strokes = -1, .noise = 0.1f });
    const int values = 10 * CHANNELS * 32 * 32;
    double square = 0;
    int struck = 0, inside = 0;
    for (int i = 0; i < values; i++) {
        struck += strokes.images[i] != bare.images[i];
        if (fabsf(bare.images[i]) < 0.5f) { /* where nothing is cut off */
            square += pow((double)(noise.images[i] - bare.images[i]), 2);
            inside++;
        }
    }
    cr_expect(struck > values / 50 && struck < values / 3, "%d of %d values are under strokes", struck,
              values);
    cr_expect_float_eq(sqrt(square / inside), 0.1, 0.003, "%g", sqrt(square / inside));
    oc_dataset_clear(&bare);
    oc_dataset_clear(&strokes);
    oc_dataset_clear(&noise);
}

Test(shapes, a_wrong_description_is_refused)
{
    static const struct {
        oc_shapes_desc desc;
        const char *words;
    } cases[] = {
        { { .count = -1 }, "-1 pictures" },         { { .size = 15 }, "15x15 pixels" },
        { { .size = 4097 }, "must be 16 to 4096" }, { { .strokes = 1001 }, "1001 strokes" },
        { { .noise = 1.5f }, "deviation 1.5" },     { { .noise = NAN }, "deviation" },
    };
    oc_dataset set;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_failure(oc_dataset_generate_shapes(&set, &cases[i].desc), OC_E_ARGUMENT, cases[i].words,
                       cases[i].words);
    expect_failure(oc_dataset_generate_shapes(NULL, NULL), OC_E_ARGUMENT, "no data set", "NULL");
}

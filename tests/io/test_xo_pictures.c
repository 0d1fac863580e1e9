/* test_xo_pictures.c - generated pictures of X and O. */
#include "support/scratch.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static void expect_picture(const float *picture, const char *const *rows, int size, const char *name)
{
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++)
            cr_assert_eq(picture[y * size + x], rows[y][x] == '#' ? 1.0f : -1.0f,
                         "%s: row %d, column %d is %g", name, y, x, (double)picture[y * size + x]);
}

Test(xo_pictures, without_variation_is_the_published_x)
{
    static const char *const x[] = { ".........", ".#.....#.", "..#...#..", "...#.#...", "....#....",
                                     "...#.#...", "..#...#..", ".#.....#.", "........." };
    static const char *const o[] = { ".........", "...###...", "..#...#..", ".#.....#.", ".#.....#.",
                                     ".#.....#.", "..#...#..", "...###...", "........." };
    const float strokes[] = { 0, -1 };
    for (int i = 0; i < 2; i++) {
        oc_dataset set;
        const oc_xo_desc desc = { 20, .translation = -1, .scaling = -1, .rotation = -1,
                                  .stroke = strokes[i] };
        cr_assert_eq(oc_dataset_generate_xo(&set, &desc), OC_OK, "%s", oc_last_error());
        for (int k = 0; k < 20; k += 2)
            expect_picture(set.images + k * 81, x, 9, "x");
        if (strokes[i] < 0)
            expect_picture(set.images + 81, o, 9, "o");
        oc_dataset_clear(&set);
    }
}

Test(xo_pictures, defaults_are_the_documented_ones)
{
    oc_dataset set, same;
    cr_assert_eq(oc_dataset_generate_xo(&set, NULL), OC_OK, "%s", oc_last_error());
    cr_assert(set.count == 1000 && set.channels == 1 && set.height == 9 && set.width == 9 &&
              set.classes == 2);
    cr_assert_str_eq(set.class_names[0], "X");
    cr_assert_str_eq(set.class_names[1], "O");
    const oc_xo_desc spelled = {
        .count = 1000, .size = 9, .translation = 0.1f, .scaling = 0.2f, .rotation = 15, .stroke = 0.4f
    };
    cr_assert_eq(oc_dataset_generate_xo(&same, &spelled), OC_OK, "%s", oc_last_error());
    cr_assert_eq(memcmp(set.images, same.images, 81000 * sizeof(float)), 0);
    int ink = 0, of_class[2] = { 0 };
    for (int i = 0; i < 81000; i++) {
        cr_assert(set.images[i] == 1 || set.images[i] == -1);
        ink += set.images[i] == 1;
    }
    for (int i = 0; i < 1000; i++)
        of_class[set.labels[i]]++;
    cr_assert(of_class[0] == 500 && of_class[1] == 500);
    cr_assert(ink > 10000 && ink < 30000, "%d pixels of ink", ink);
    oc_dataset_clear(&set);
    oc_dataset_clear(&same);
}

/* How many of the 50 pictures of X are not the first one. */
static int different(const oc_xo_desc *desc)
{
    oc_dataset set;
    int count = 0;
    cr_assert_eq(oc_dataset_generate_xo(&set, desc), OC_OK, "%s", oc_last_error());
    const size_t bytes = (size_t)(set.height * set.width) * sizeof(float);
    for (int64_t i = 2; i < set.count; i += 2)
        count += memcmp(set.images, set.images + i * set.height * set.width, bytes) != 0;
    oc_dataset_clear(&set);
    return count;
}

Test(xo_pictures, each_variation_varies)
{
    static const struct {
        const char *name;
        oc_xo_desc desc; /* count, size, seed, translation, scaling, rotation, stroke */
        int least, most;
    } cases[] = {
        { "nothing", { 100, 28, 0, -1, -1, -1, -1 }, 0, 0 },
        { "translation", { 100, 28, 0, 0.1f, -1, -1, -1 }, 40, 49 },
        { "scaling", { 100, 28, 0, -1, 0.2f, -1, -1 }, 40, 49 },
        { "rotation", { 100, 28, 0, -1, -1, 15, -1 }, 40, 49 },
        { "stroke", { 100, 28, 0, -1, -1, -1, 0.4f }, 20, 49 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const int count = different(&cases[i].desc);
        cr_assert(count >= cases[i].least && count <= cases[i].most, "%s: %d of 49", cases[i].name, count);
    }
}

/* The centre of the ink, and its mean distance from there. */
static void measure(const float *picture, int size, double *x, double *y, double *radius)
{
    double ink = 0;
    *x = *y = *radius = 0;
    for (int i = 0; i < size * size; i++)
        if (picture[i] > 0) {
            ink++;
            *x += i % size;
            *y += i / size;
        }
    *x /= ink;
    *y /= ink;
    for (int i = 0; i < size * size; i++)
        if (picture[i] > 0)
            *radius += hypot(i % size - *x, i / size - *y) / ink;
}

Test(xo_pictures, variations_stay_within_their_limits)
{
    enum { SIZE = 65 };
    const struct {
        const char *name;
        oc_xo_desc desc;
        double shift, grow;
    } cases[] = { { "translation", { 0, SIZE, 0, 0.1f, -1, -1, 0 }, 0.1 * SIZE, 0 },
                  { "scaling", { 0, SIZE, 0, -1, 0.25f, -1, 0 }, 0, 0.25 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        oc_dataset set;
        double widest = 0, smallest = 1e9, largest = 0;
        cr_assert_eq(oc_dataset_generate_xo(&set, &cases[i].desc), OC_OK, "%s", oc_last_error());
        for (int64_t k = 1; k < set.count; k += 2) { /* of an O, the mean distance is its radius */
            double x, y, radius;
            measure(set.images + k * SIZE * SIZE, SIZE, &x, &y, &radius);
            widest = fmax(widest, fmax(fabs(x - SIZE / 2), fabs(y - SIZE / 2)));
            smallest = fmin(smallest, radius);
            largest = fmax(largest, radius);
        }
        const double radius = SIZE / 3.0, pixel = 0.5;
        cr_assert(widest <= cases[i].shift + pixel && widest >= 0.95 * cases[i].shift - pixel, "%s: shift %g",
                  cases[i].name, widest);
        cr_assert(largest <= radius * (1 + cases[i].grow) + pixel &&
                      smallest >= radius * (1 - cases[i].grow) - pixel &&
                      largest - smallest >= 1.9 * radius * cases[i].grow - pixel,
                  "%s: radius %g to %g", cases[i].name, smallest, largest);
        oc_dataset_clear(&set);
    }
}

Test(xo_pictures, the_seed_decides)
{
    oc_dataset sets[3];
    const uint64_t seeds[3] = { 1, 1, 2 };
    for (int i = 0; i < 3; i++)
        cr_assert_eq(oc_dataset_generate_xo(&sets[i], &(oc_xo_desc){ .seed = seeds[i] }), OC_OK);
    cr_assert_eq(memcmp(sets[0].images, sets[1].images, 81000 * sizeof(float)), 0);
    cr_assert_neq(memcmp(sets[0].images, sets[2].images, 81000 * sizeof(float)), 0);
    for (int i = 0; i < 3; i++)
        oc_dataset_clear(&sets[i]);
}

Test(xo_pictures, impossible_ones_are_refused)
{
    const struct {
        oc_xo_desc desc;
        const char *words;
    } cases[] = { { { .size = 6 }, "6x6 pixels; the size must be 7" },
                  { { .size = -9 }, "-9x-9 pixels" },
                  { { .size = 5000 }, "5000x5000 pixels" },
                  { { .count = -1 }, "-1 pictures" },
                  { { .translation = 1 }, "translation 1 is not below 1" },
                  { { .scaling = 1.5f }, "scaling 1.5 is not below 1" },
                  { { .rotation = NAN }, "rotation nan" },
                  { { .stroke = INFINITY }, "stroke inf" },
                  { { .count = INT64_MAX }, "more values than memory" } };
    oc_dataset set = { 0 };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const oc_status status = oc_dataset_generate_xo(&set, &cases[i].desc);
        expect_failure(status, cases[i].desc.count == INT64_MAX ? OC_E_MEMORY : OC_E_ARGUMENT, cases[i].words,
                       cases[i].words);
        cr_assert_null(set.images);
    }
    expect_failure(oc_dataset_generate_xo(NULL, NULL), OC_E_ARGUMENT, "xo", "NULL");
}

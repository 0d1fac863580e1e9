/* test_array.c - sizes, and resampling against values worked out by hand. */
#include "io/array.h"
#include "support/scratch.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

Test(array, sizes_do_not_overflow)
{
    const struct {
        int rank;
        int64_t shape[3];
        size_t each;
        bool fits;
        size_t bytes;
    } cases[] = { { 0, { 0 }, 4, true, 4 },
                  { 3, { 2, 3, 5 }, 4, true, 120 },
                  { 3, { 2, 0, 5 }, 4, true, 0 },
                  { 1, { -1 }, 4, false, 0 },
                  { 1, { INT64_MAX }, 1, true, INT64_MAX },
                  { 1, { INT64_MAX }, 2, false, 0 },
                  { 2, { (int64_t)1 << 32, (int64_t)1 << 31 }, 1, false, 0 },
                  { 3, { (int64_t)1 << 32, (int64_t)1 << 32, 0 }, 1, false, 0 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t bytes = 0;
        cr_assert_eq(array_bytes(cases[i].rank, cases[i].shape, cases[i].each, &bytes), cases[i].fits,
                     "case %zu", i);
        cr_assert_eq(bytes, cases[i].bytes, "case %zu: %zu", i, bytes);
    }
    oc_array array;
    expect_failure(array_create(&array, 2, (int64_t[]){ INT64_MAX, 2 }), OC_E_MEMORY, "more values",
                   "create");
}

/* With half-pixel centres, new pixel i of n lies at (i + 0.5)*old/n - 0.5, cut off at the first and last pixel. */
Test(array, resampling_agrees_with_values_by_hand)
{
    static const struct {
        int height, width, new_height, new_width;
        float from[9], wanted[16];
    } cases[] = {
        { 1, 1, 2, 3, { 7 }, { 7, 7, 7, 7, 7, 7 } },
        { 1, 2, 1, 4, { 0, 4 }, { 0, 1, 3, 4 } },
        { 2, 1, 4, 1, { 0, 4 }, { 0, 1, 3, 4 } },
        { 1, 4, 1, 2, { 1, 3, 5, 9 }, { 2, 7 } },
        { 1, 3, 1, 2, { 0, 8, 16 }, { 2, 14 } },
        { 1, 3, 1, 1, { 0, 8, 17 }, { 8 } },
        { 2, 2, 4, 4, { 0, 4, 8, 12 }, { 0, 1, 3, 4, 2, 3, 5, 6, 6, 7, 9, 10, 8, 9, 11, 12 } },
        { 3, 3, 3, 3, { 1, 2, 3, 4, 5, 6, 7, 8, 9 }, { 1, 2, 3, 4, 5, 6, 7, 8, 9 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        float result[16];
        array_resample(result, cases[i].new_height, cases[i].new_width, cases[i].from, cases[i].height,
                       cases[i].width, 1);
        const size_t bytes = (size_t)(cases[i].new_height * cases[i].new_width) * sizeof(float);
        cr_assert_eq(memcmp(result, cases[i].wanted, bytes), 0, "case %zu: %g %g ...", i, (double)result[0],
                     (double)result[1]);
    }
}

Test(array, resizing_works_plane_by_plane)
{
    oc_array array = { 0 };
    cr_assert_eq(array_create(&array, 4, (int64_t[]){ 2, 3, 2, 2 }), OC_OK);
    for (int i = 0; i < 24; i++)
        array.data[i] = (float)(i / 4 * 100 + i % 4); /* 0 1 / 2 3 and the plane's number */
    cr_assert_eq(oc_array_resize(&array, 1, 1), OC_OK, "%s", oc_last_error());
    cr_assert(array.rank == 4 && array.shape[0] == 2 && array.shape[1] == 3 && array.shape[2] == 1 &&
              array.shape[3] == 1);
    for (int i = 0; i < 6; i++)
        cr_assert_eq(array.data[i], (float)(i * 100) + 1.5f);
    oc_array_clear(&array);
    cr_assert(!array.data && array.rank == 0);
    oc_array_clear(&array);
    oc_array_clear(NULL);
}

Test(array, resizing_refuses_what_is_no_picture)
{
    float value = 1;
    oc_array line = { .rank = 1, .shape = { 1 }, .data = &value };
    oc_array picture = { .rank = 2, .shape = { 1, 1 }, .data = &value };
    oc_array flat = { .rank = 2, .shape = { 0, 1 }, .data = &value };
    expect_failure(oc_array_resize(&line, 2, 2), OC_E_ARGUMENT, "it has 1", "line");
    expect_failure(oc_array_resize(&picture, 0, 2), OC_E_ARGUMENT, "1x1 pixels cannot become 0x2",
                   "to nothing");
    expect_failure(oc_array_resize(&flat, 2, 2), OC_E_ARGUMENT, "0x1 pixels", "from nothing");
    expect_failure(oc_array_resize(NULL, 2, 2), OC_E_ARGUMENT, "resize", "NULL");
    expect_failure(oc_array_resize(&(oc_array){ 0 }, 2, 2), OC_E_ARGUMENT, "it has 0", "empty");
    cr_assert(picture.data == &value && picture.shape[0] == 1, "a refused array stays as it was");
}

/* test_idx.c - IDX files, plain and gzipped, and every way in which one can lie. */
#include "support/scratch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#ifdef WITH_ZLIB
#include <zlib.h>
#endif

enum { COUNT = 3, HEIGHT = 2, WIDTH = 2 };

static const unsigned char images[] = { 0, 0,     8, 3,  0,   0,   0,   COUNT, 0, 0, 0, HEIGHT, 0, 0,
                                        0, WIDTH, 0, 51, 102, 153, 204, 255,   1, 2, 3, 4,      5, 6 };
static const unsigned char labels[] = { 0, 0, 8, 1, 0, 0, 0, COUNT, 4, 0, 2 };

static oc_status load(oc_dataset *set)
{
    return oc_dataset_load_idx(set, scratch_path("images"), scratch_path("labels"));
}

static void expect_loaded(oc_status status, const oc_dataset *set)
{
    cr_assert_eq(status, OC_OK, "%s", oc_last_error());
    cr_assert(set->count == COUNT && set->channels == 1 && set->height == HEIGHT && set->width == WIDTH);
    cr_assert(set->classes == 5 && !set->class_names);
    for (int i = 0; i < COUNT * HEIGHT * WIDTH; i++)
        cr_assert_eq(set->images[i], (float)images[16 + i] / 255.0f);
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(set->labels[i], labels[8 + i]);
}

Test(idx, reads_plain_files, .init = scratch_open, .fini = scratch_close)
{
    oc_dataset set;
    scratch_write("images", images, sizeof images);
    scratch_write("labels", labels, sizeof labels);
    expect_loaded(load(&set), &set);
    cr_assert(set.images[0] == 0 && set.images[5] == 1, "0 is 0 and 255 is 1");
    oc_dataset_clear(&set);
    cr_assert(!set.images && !set.labels && set.count == 0);
    oc_dataset_clear(&set);
    oc_dataset_clear(NULL);
}

Test(idx, refuses_headers_that_lie, .init = scratch_open, .fini = scratch_close)
{
    static const struct {
        int at; /* byte of the images' header */
        unsigned char value;
        const char *words;
        oc_status status;
    } cases[] = {
        { 0, 1, "images: is not an IDX file", OC_E_FORMAT },
        { 1, 1, "is not an IDX file", OC_E_FORMAT },
        { 2, 13, "IDX type 0x0d", OC_E_UNSUPPORTED },
        { 3, 1, "has 1 dimensions, images have 3", OC_E_FORMAT },
        { 3, 4, "has 4 dimensions", OC_E_FORMAT },
        { 7, 2, "declares 2x2x2 bytes of images, but holds 12", OC_E_FORMAT },
        { 7, 4, "declares 4x2x2 bytes of images, but holds 12", OC_E_FORMAT },
        { 7, 0, "declares a size of 0 in dimension 1", OC_E_FORMAT },
        { 11, 0, "declares a size of 0 in dimension 2", OC_E_FORMAT },
        { 4, 127, "declares 2130706435x2x2 bytes", OC_E_FORMAT },
        { 4, 255, "declares a size of 4278190083 in dimension 1", OC_E_FORMAT },
        { 12, 127, "declares 3x2x2130706434 bytes", OC_E_FORMAT },
    };
    oc_dataset set;
    scratch_write("labels", labels, sizeof labels);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned char file[sizeof images];
        memcpy(file, images, sizeof file);
        file[cases[i].at] = cases[i].value;
        scratch_write("images", file, sizeof file);
        expect_failure(load(&set), cases[i].status, cases[i].words, cases[i].words);
        cr_assert(!set.images && !set.labels && set.count == 0);
    }
}

Test(idx, refuses_every_cut_and_every_surplus, .init = scratch_open, .fini = scratch_close)
{
    oc_dataset set;
    unsigned char longer[sizeof images + 1] = { 0 };
    memcpy(longer, images, sizeof images);
    scratch_write("labels", labels, sizeof labels);
    for (size_t size = 0; size <= sizeof longer; size++) {
        scratch_write("images", longer, size);
        const oc_status status = load(&set);
        cr_assert_eq(status, size == sizeof images ? OC_OK : OC_E_FORMAT, "%zu bytes: %s", size,
                     oc_last_error());
        oc_dataset_clear(&set);
    }
    scratch_write("images", images, sizeof images);
    for (size_t size = 0; size < sizeof labels; size++) {
        scratch_write("labels", labels, size);
        expect_failure(load(&set), OC_E_FORMAT, "labels: ", "cut labels");
    }
}

Test(idx, refuses_files_that_do_not_belong_together, .init = scratch_open, .fini = scratch_close)
{
    oc_dataset set;
    const unsigned char two[] = { 0, 0, 8, 1, 0, 0, 0, 2, 4, 0 };
    scratch_write("images", images, sizeof images);
    scratch_write("labels", two, sizeof two);
    expect_failure(load(&set), OC_E_FORMAT, "images has 3 images, but", "counts");
    expect_failure(oc_dataset_load_idx(&set, scratch_path("labels"), scratch_path("images")), OC_E_FORMAT,
                   "labels: has 1 dimensions", "swapped");
    expect_failure(oc_dataset_load_idx(&set, scratch_path("images"), scratch_path("none")), OC_E_FILE,
                   "none: cannot be opened: No such file", "missing");
    expect_failure(oc_dataset_load_idx(&set, scratch_path("images"), NULL), OC_E_ARGUMENT, "needs", "NULL");
    expect_failure(oc_dataset_load_idx(NULL, "a", "b"), OC_E_ARGUMENT, "needs", "NULL");
}

#ifdef WITH_ZLIB

static void write_gzip(const char *name, const void *bytes, unsigned size, const char *mode)
{
    gzFile file = gzopen(scratch_path(name), mode);
    cr_assert(file && gzwrite(file, bytes, size) == (int)size && gzclose(file) == Z_OK);
}

Test(idx, reads_gzipped_files, .init = scratch_open, .fini = scratch_close)
{
    oc_dataset set;
    write_gzip("images", images, sizeof images, "wb9");
    scratch_write("labels", labels, sizeof labels);
    expect_loaded(load(&set), &set);
    oc_dataset_clear(&set);
    /* In two members, as `cat a.gz b.gz` makes them. */
    write_gzip("images", images, 20, "wb9");
    write_gzip("images", images + 20, sizeof images - 20, "ab9");
    expect_loaded(load(&set), &set);
    oc_dataset_clear(&set);
}

Test(idx, refuses_every_cut_and_every_change_of_a_gzipped_file, .init = scratch_open, .fini = scratch_close)
{
    oc_dataset set;
    unsigned char file[256] = { 0 };
    write_gzip("images", images, sizeof images, "wb9");
    scratch_write("labels", labels, sizeof labels);
    const size_t size = scratch_read("images", file, sizeof file);
    for (size_t cut = 0; cut < size; cut++) {
        scratch_write("images", file, cut);
        expect_failure(load(&set), OC_E_FORMAT, "images: ", "cut");
    }
    for (size_t i = 10; i < size; i++) { /* behind the gzip header, whose time and system mean nothing */
        file[i] ^= 0x10;
        scratch_write("images", file, size);
        const oc_status status = load(&set);
        cr_assert_eq(status, OC_E_FORMAT, "byte %zu: %s", i, oc_last_error());
        file[i] ^= 0x10;
    }
    scratch_write("images", file, size + 1);
    expect_failure(load(&set), OC_E_FORMAT, "images: ", "surplus");
}

/* A header that declares 4 GB, in a few bytes; and a file that really unpacks to more than it declares. */
Test(idx, unpacks_no_more_than_there_is, .init = scratch_open, .fini = scratch_close)
{
    static unsigned char zeros[1 << 20];
    oc_dataset set;
    unsigned char file[sizeof images];
    memcpy(file, images, sizeof file);
    file[9] = file[13] = 255;
    write_gzip("images", file, sizeof file, "wb9");
    scratch_write("labels", labels, sizeof labels);
    expect_failure(load(&set), OC_E_FORMAT, "but holds 12", "declared");
    memcpy(zeros, images, sizeof images);
    write_gzip("images", zeros, sizeof zeros, "wb9");
    expect_failure(load(&set), OC_E_FORMAT, "declares 3x2x2 bytes of images, but holds 1048560", "unpacked");
}

/* The bundled digits: models/digits, seen from this file. */
Test(idx, reads_the_digits)
{
    char folder[512], paths[2][600];
    snprintf(folder, sizeof folder, "%s", __FILE__);
    char *end = strstr(folder, "tests/io/");
    cr_assert_not_null(end, "%s", folder);
    *end = '\0';
    snprintf(paths[0], sizeof paths[0], "%smodels/digits/images.idx.gz", folder);
    snprintf(paths[1], sizeof paths[1], "%smodels/digits/labels.idx.gz", folder);
    oc_dataset set;
    cr_assert_eq(oc_dataset_load_idx(&set, paths[0], paths[1]), OC_OK, "%s", oc_last_error());
    cr_assert(set.count == 1797 && set.height == 8 && set.width == 8 && set.classes == 10);
    const int wanted[] = { 178, 182, 177, 183, 181, 182, 181, 179, 174, 180 };
    int counts[10] = { 0 };
    for (int i = 0; i < 1797; i++)
        counts[set.labels[i]]++;
    cr_assert_eq(memcmp(counts, wanted, sizeof counts), 0);
    float largest = 0;
    for (int i = 0; i < 1797 * 64; i++)
        largest = set.images[i] > largest ? set.images[i] : largest;
    cr_assert_eq(largest, 1);
    oc_dataset_clear(&set);
}

#else

Test(idx, says_that_gzip_needs_zlib, .init = scratch_open, .fini = scratch_close)
{
    oc_dataset set;
    scratch_write("images", "\x1f\x8b\x08", 3);
    scratch_write("labels", labels, sizeof labels);
    expect_failure(load(&set), OC_E_UNSUPPORTED, "zlib1g-dev", "gzip");
}

#endif

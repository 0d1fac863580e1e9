/* test_npy.c - NumPy files: what NumPy writes, what we write, and every way in which a file can be wrong. */
#include "support/scratch.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

enum { ROOM = 4096 };

/* A file of format version `major` with this dictionary, padded to 64 bytes as NumPy does it, and these values. */
static size_t build(unsigned char *file, int major, const char *dictionary, const void *values, size_t size)
{
    const size_t prefix = major == 1 ? 10 : 12, length = strlen(dictionary);
    const size_t padded = (prefix + length + 1 + 63) / 64 * 64, header = padded - prefix;
    memset(file, ' ', padded);
    memcpy(file, "\x93NUMPY", 6);
    file[6] = (unsigned char)major;
    file[7] = 0;
    for (size_t i = 8; i < prefix; i++)
        file[i] = (unsigned char)(header >> 8 * (i - 8));
    memcpy(file + prefix, dictionary, length);
    file[padded - 1] = '\n';
    memcpy(file + padded, values, size);
    return padded + size;
}

#define DICTIONARY(type, shape) "{'descr': '" type "', 'fortran_order': False, 'shape': " shape ", }"

Test(npy, reads_every_type, .init = scratch_open, .fini = scratch_close)
{
    static const struct {
        const char *dictionary;
        unsigned char values[16];
        size_t size;
        float wanted[2];
    } cases[] = {
        { DICTIONARY("<f4", "(2,)"), { 0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0 }, 8, { 1, -2.5f } },
        { DICTIONARY("<f8", "(2,)"),
          { 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 4, 0xc0 },
          16,
          { 1, -2.5f } },
        { DICTIONARY("|b1", "(2,)"), { 0, 1 }, 2, { 0, 1 } },
        { DICTIONARY("|u1", "(2,)"), { 3, 255 }, 2, { 3, 255 } },
        { DICTIONARY("|i1", "(2,)"), { 3, 255 }, 2, { 3, -1 } },
        { DICTIONARY("<i1", "(2,)"), { 127, 128 }, 2, { 127, -128 } },
        { DICTIONARY("<u2", "(2,)"), { 1, 2, 255, 255 }, 4, { 513, 65535 } },
        { DICTIONARY("<i2", "(2,)"), { 1, 2, 0, 128 }, 4, { 513, -32768 } },
        { DICTIONARY("<u4", "(2,)"), { 1, 0, 0, 0, 0, 0, 0, 255 }, 8, { 1, 0xff000000 } },
        { DICTIONARY("<i4", "(2,)"), { 1, 0, 0, 0, 0xfe, 255, 255, 255 }, 8, { 1, -2 } },
        { DICTIONARY("<u8", "(2,)"),
          { 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128 },
          16,
          { 1, 0x1p63f } },
        { DICTIONARY("<i8", "(2,)"),
          { 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128 },
          16,
          { 1, -0x1p63f } },
        { "{'shape':(2,),'fortran_order':False,'descr':'|u1'}", { 3, 4 }, 2, { 3, 4 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int major = 1; major <= 2; major++) {
            unsigned char file[ROOM];
            oc_array array;
            scratch_write("a.npy", file,
                          build(file, major, cases[i].dictionary, cases[i].values, cases[i].size));
            cr_assert_eq(oc_array_load_npy(&array, scratch_path("a.npy")), OC_OK, "%s", oc_last_error());
            cr_assert(array.rank == 1 && array.shape[0] == 2);
            cr_assert(array.data[0] == cases[i].wanted[0] && array.data[1] == cases[i].wanted[1], "%s: %g %g",
                      cases[i].dictionary, (double)array.data[0], (double)array.data[1]);
            oc_array_clear(&array);
        }
}

Test(npy, writes_and_reads_every_rank, .init = scratch_open, .fini = scratch_close)
{
    static const struct {
        int rank;
        int64_t shape[8];
        const char *text;
    } cases[] = { { 0, { 0 }, "()" },
                  { 1, { 5 }, "(5,)" },
                  { 2, { 2, 3 }, "(2, 3)" },
                  { 1, { 0 }, "(0,)" },
                  { 3, { 2, 0, 3 }, "(2, 0, 3)" },
                  { 8, { 1, 2, 1, 2, 1, 2, 1, 2 }, "(1, 2, 1, 2, 1, 2, 1, 2)" } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        float values[16];
        size_t count = 1;
        oc_array array = { .rank = cases[i].rank, .data = values }, loaded;
        for (int d = 0; d < array.rank; d++)
            count *= (size_t)(array.shape[d] = cases[i].shape[d]);
        for (size_t j = 0; j < count; j++)
            values[j] = (float)j / 3;
        unsigned char wanted[ROOM], found[ROOM];
        char dictionary[256];
        snprintf(dictionary, sizeof dictionary, DICTIONARY("<f4", "%s"), cases[i].text);
        const size_t size = build(wanted, 1, dictionary, values, count * sizeof values[0]);
        cr_assert_eq(oc_array_save_npy(&array, scratch_path("a.npy")), OC_OK, "%s", oc_last_error());
        cr_assert_eq(scratch_read("a.npy", found, sizeof found), size, "%s", cases[i].text);
        cr_assert_eq(memcmp(found, wanted, size), 0, "%s: not what NumPy writes", cases[i].text);
        cr_assert_eq(oc_array_load_npy(&loaded, scratch_path("a.npy")), OC_OK, "%s", oc_last_error());
        cr_assert_eq(loaded.rank, array.rank);
        cr_assert_eq(memcmp(loaded.shape, array.shape, sizeof array.shape), 0);
        cr_assert_eq(memcmp(loaded.data, values, count * sizeof values[0]), 0);
        oc_array_clear(&loaded);
    }
}

Test(npy, refuses_headers_that_break_the_format, .init = scratch_open, .fini = scratch_close)
{
    static const struct {
        const char *dictionary, *words;
        oc_status status;
    } cases[] = {
        { DICTIONARY(">f4", "(2,)"), "'>f4'", OC_E_UNSUPPORTED },
        { DICTIONARY("<f2", "(4,)"), "'<f2'", OC_E_UNSUPPORTED },
        { DICTIONARY("<b2", "(4,)"), "'<b2'", OC_E_UNSUPPORTED },
        { DICTIONARY("|i4", "(2,)"), "'|i4'", OC_E_UNSUPPORTED },
        { DICTIONARY("<c8", "(1,)"), "'<c8'", OC_E_UNSUPPORTED },
        { DICTIONARY("|S8", "(1,)"), "'|S8'", OC_E_UNSUPPORTED },
        { DICTIONARY("<U10", "(1,)"), "'<U10'", OC_E_UNSUPPORTED },
        { DICTIONARY("", "(2,)"), "type ''", OC_E_UNSUPPORTED },
        { "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", "records", OC_E_UNSUPPORTED },
        { "{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }", "Fortran order", OC_E_UNSUPPORTED },
        { "{'descr': '<f4', 'fortran_order': 0, 'shape': (2,), }", "dictionary", OC_E_FORMAT },
        { "{'descr': '<f4', 'fortran_order': False, }", "dictionary", OC_E_FORMAT },
        { "{'descr': '<f4', 'shape': (2,), }", "dictionary", OC_E_FORMAT },
        { "{'fortran_order': False, 'shape': (2,), }", "dictionary", OC_E_FORMAT },
        { "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "dictionary",
          OC_E_FORMAT },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1, }", "dictionary", OC_E_FORMAT },
        { "{'descr': '<f4' 'fortran_order': False, 'shape': (2,), }", "dictionary", OC_E_FORMAT },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), ", "dictionary", OC_E_FORMAT },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), } x", "dictionary", OC_E_FORMAT },
        { "", "dictionary", OC_E_FORMAT },
        { DICTIONARY("<f4", "(2)"), "not a tuple", OC_E_FORMAT },
        { DICTIONARY("<f4", "2"), "not a tuple", OC_E_FORMAT },
        { DICTIONARY("<f4", "(-2,)"), "not a tuple", OC_E_FORMAT },
        { DICTIONARY("<f4", "(2.0,)"), "not a tuple", OC_E_FORMAT },
        { DICTIONARY("<f4", "(,)"), "not a tuple", OC_E_FORMAT },
        { DICTIONARY("<f4", "(2 2)"), "not a tuple", OC_E_FORMAT },
        { DICTIONARY("<f4", "(2,"), "not a tuple", OC_E_FORMAT },
        { DICTIONARY("<f4", "(99999999999999999999,)"), "not a tuple", OC_E_FORMAT },
        { DICTIONARY("<f4", "(1, 1, 1, 1, 1, 1, 1, 1, 2)"), "more than 8", OC_E_UNSUPPORTED },
        { DICTIONARY("<f4", "(3,)"), "declares 3 values of 4 bytes, but has 8", OC_E_FORMAT },
        { DICTIONARY("<f4", "(1,)"), "declares 1 values of 4 bytes, but has 8", OC_E_FORMAT },
        { DICTIONARY("<f4", "(4611686018427387905, 2)"), "declares 4611686018427387905x2 values",
          OC_E_FORMAT },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned char file[ROOM];
        oc_array array;
        scratch_write("a.npy", file, build(file, 1, cases[i].dictionary, "12345678", 8));
        expect_failure(oc_array_load_npy(&array, scratch_path("a.npy")), cases[i].status, cases[i].words,
                       cases[i].dictionary);
        cr_assert(strstr(oc_last_error(), "a.npy: "));
        cr_assert_null(array.data);
    }
}

Test(npy, refuses_every_cut_and_every_surplus, .init = scratch_open, .fini = scratch_close)
{
    for (int major = 1; major <= 2; major++) {
        unsigned char file[ROOM];
        oc_array array;
        const size_t size = build(file, major, DICTIONARY("<f4", "(2,)"), "12345678", 9);
        for (size_t cut = 0; cut <= size; cut++) {
            scratch_write("a.npy", file, cut);
            const oc_status status = oc_array_load_npy(&array, scratch_path("a.npy"));
            cr_assert_eq(status, cut == size - 1 ? OC_OK : OC_E_FORMAT, "%zu of %zu bytes: %s", cut, size - 1,
                         oc_last_error());
            oc_array_clear(&array);
        }
    }
}

Test(npy, refuses_other_versions_and_other_files, .init = scratch_open, .fini = scratch_close)
{
    unsigned char file[ROOM];
    oc_array array;
    const size_t size = build(file, 1, DICTIONARY("<f4", "(2,)"), "12345678", 8);
    char *type = strchr((char *)file + 10, 'f');
    *type = '\0';
    scratch_write("a.npy", file, size);
    expect_failure(oc_array_load_npy(&array, scratch_path("a.npy")), OC_E_UNSUPPORTED, "holds values of type",
                   "NUL");
    *type = 'f';
    file[6] = 3;
    scratch_write("a.npy", file, size);
    expect_failure(oc_array_load_npy(&array, scratch_path("a.npy")), OC_E_UNSUPPORTED, "version 3.0",
                   "version");
    file[6] = 1;
    file[8] = file[9] = 255;
    scratch_write("a.npy", file, size);
    expect_failure(oc_array_load_npy(&array, scratch_path("a.npy")), OC_E_FORMAT, "header of 65535 bytes",
                   "header");
    file[1] = 'P';
    scratch_write("a.npy", file, size);
    expect_failure(oc_array_load_npy(&array, scratch_path("a.npy")), OC_E_FORMAT, "not a NumPy", "magic");
    expect_failure(oc_array_load_npy(&array, scratch_path("b.npy")), OC_E_FILE, "b.npy: cannot be opened",
                   "missing");
    expect_failure(oc_array_load_npy(NULL, "a"), OC_E_ARGUMENT, "needs", "no array");
    expect_failure(oc_array_load_npy(&array, NULL), OC_E_ARGUMENT, "needs", "no path");
}

Test(npy, a_failed_save_leaves_the_old_file, .init = scratch_open, .fini = scratch_close)
{
    static float values[1000];
    oc_array array = { .rank = 1, .shape = { 1000 }, .data = values }, loaded;
    oc_array small = { .rank = 1, .shape = { 3 }, .data = (float[]){ 1, 2, 3 } };
    cr_assert_eq(oc_array_save_npy(&small, scratch_path("a.npy")), OC_OK);
    scratch_drop_root();
    expect_failure(oc_array_save_npy(&array, "/dev/full"), OC_E_FILE,
                   "/dev/full: cannot be written: No space", "full");
    expect_failure(oc_array_save_npy(&array, scratch_path("no/a.npy")), OC_E_FILE, "cannot be written",
                   "no folder");
    expect_failure(oc_array_save_npy(&(oc_array){ .rank = 1, .shape = { 2 } }, scratch_path("a.npy")),
                   OC_E_ARGUMENT, "needs", "no values");
    expect_failure(oc_array_save_npy(&(oc_array){ .rank = 9, .data = values }, scratch_path("a.npy")),
                   OC_E_ARGUMENT, "0 to 8", "rank");
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 2000, 2000 }), 0);
    expect_failure(oc_array_save_npy(&array, scratch_path("a.npy")), OC_E_FILE, "a.npy: cannot be written",
                   "limit");
    cr_assert_eq(oc_array_load_npy(&loaded, scratch_path("a.npy")), OC_OK, "%s", oc_last_error());
    cr_assert(loaded.shape[0] == 3 && loaded.data[2] == 3);
    cr_assert_eq(scratch_count(), 1);
    oc_array_clear(&loaded);
}

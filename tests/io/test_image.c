/* test_image.c - pictures of every format, in every form that ours has to understand. */
#include "support/scratch.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef WITH_JPEG
#include <jpeglib.h>
#endif
#if defined(WITH_PNG) && defined(WITH_ZLIB)
#include <zlib.h>
#endif

static oc_status load_bytes(oc_array *array, const void *bytes, size_t size, int channels)
{
    scratch_write("picture", bytes, size);
    return oc_array_load_image(array, scratch_path("picture"), channels);
}

static void expect_values(const oc_array *array, const int64_t shape[3], const float *wanted,
                          double tolerance, const char *name)
{
    cr_assert_eq(array->rank, 3, "%s", name);
    cr_assert_eq(memcmp(array->shape, shape, 3 * sizeof shape[0]), 0, "%s: %dx%dx%d", name,
                 (int)array->shape[0], (int)array->shape[1], (int)array->shape[2]);
    for (int i = 0; i < shape[0] * shape[1] * shape[2]; i++)
        cr_assert(fabs((double)array->data[i] - (double)wanted[i]) <= tolerance, "%s: value %d is %g, not %g",
                  name, i, (double)array->data[i], (double)wanted[i]);
}

/* ---- PGM and PPM ---- */

#define GREY(r, g, b) (0.299f * (r) + 0.587f * (g) + 0.114f * (b))

Test(image, reads_pgm_and_ppm, .init = scratch_open, .fini = scratch_close)
{
    static const struct {
        const char *name, *bytes;
        size_t size;
        int channels;
        int64_t shape[3];
        float wanted[12];
    } cases[] = {
        { "pgm", "P5\n2 3\n255\n\0\x33\x66\x99\xcc\xff", 17, 0, { 1, 3, 2 }, { 0, .2f, .4f, .6f, .8f, 1 } },
        { "comment", "P5 # a\n#b\n2#c\n 1 5\n\0\5", 21, 0, { 1, 1, 2 }, { 0, 1 } },
        { "16 bits", "P5 2 1 1000 \1\xf4\0\0", 16, 0, { 1, 1, 2 }, { .5f, 0 } },
        { "to colour", "P5 2 1 4 \1\2", 11, 3, { 3, 1, 2 }, { .25f, .5f, .25f, .5f, .25f, .5f } },
        { "ppm", "P6 2 1 5 \0\1\2\3\4\5", 15, 0, { 3, 1, 2 }, { 0, .6f, .2f, .8f, .4f, 1 } },
        { "ppm 3", "P6 2 1 5 \0\1\2\3\4\5", 15, 3, { 3, 1, 2 }, { 0, .6f, .2f, .8f, .4f, 1 } },
        { "to grey",
          "P6 3 1 1 \1\0\0\0\1\0\0\0\1",
          18,
          1,
          { 1, 1, 3 },
          { GREY(1, 0, 0), GREY(0, 1, 0), GREY(0, 0, 1) } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        oc_array array;
        cr_assert_eq(load_bytes(&array, cases[i].bytes, cases[i].size, cases[i].channels), OC_OK, "%s: %s",
                     cases[i].name, oc_last_error());
        expect_values(&array, cases[i].shape, cases[i].wanted, 1e-6, cases[i].name);
        oc_array_clear(&array);
    }
}

Test(image, refuses_what_is_no_picture, .init = scratch_open, .fini = scratch_close)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *words;
        oc_status status;
    } cases[] = {
        { "", 0, "is not a PNG, JPEG", OC_E_FORMAT },
        { "P", 1, "is not a PNG, JPEG", OC_E_FORMAT },
        { "GIF89a", 6, "is not a PNG, JPEG", OC_E_FORMAT },
        { "P2 1 1 1 1", 10, "is not a PNG, JPEG", OC_E_FORMAT },
        { "P5", 2, "header is not width", OC_E_FORMAT },
        { "P5 2 1", 6, "header is not width", OC_E_FORMAT },
        { "P5 2 1 255", 10, "header is not width", OC_E_FORMAT },
        { "P5 2 1 255x12", 13, "header is not width", OC_E_FORMAT },
        { "P5 2 1 255\0"
          "12",
          13, "header is not width", OC_E_FORMAT },
        { "P5 2 1 0 12", 11, "header is not width", OC_E_FORMAT },
        { "P5 2 1 65536 1234", 17, "header is not width", OC_E_FORMAT },
        { "P5 0 1 255 12", 13, "header is not width", OC_E_FORMAT },
        { "P5 -2 1 255 12", 14, "header is not width", OC_E_FORMAT },
        { "P5 2 1 255 #", 12, "has 1 bytes of pixels", OC_E_FORMAT },
        { "P5 2 1 255 1", 12, "declares 1x2 pixels of 1 bytes, but has 1", OC_E_FORMAT },
        { "P5 2 1 255 123", 14, "declares 1x2 pixels of 1 bytes, but has 3", OC_E_FORMAT },
        { "P6 2 1 255 12", 13, "declares 1x2 pixels of 3 bytes, but has 2", OC_E_FORMAT },
        { "P5 2 1 5 \5\6", 11, "has a sample of 6, more than its maximum of 5", OC_E_FORMAT },
        { "P5 8000 8000 255 1", 18, "declares 8000x8000 pixels, but has only 18 bytes", OC_E_FORMAT },
        { "P5 100000 100000 255 1", 22, "has 100000x100000 pixels; 1 to", OC_E_UNSUPPORTED },
        { "P5 99999999999999999999 1 255 1", 31, "pixels", OC_E_UNSUPPORTED },
    };
    oc_array array;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        expect_failure(load_bytes(&array, cases[i].bytes, cases[i].size, 0), cases[i].status, cases[i].words,
                       cases[i].bytes);
        cr_assert(strstr(oc_last_error(), "picture: "));
        cr_assert_null(array.data);
    }
    expect_failure(oc_array_load_image(&array, scratch_path("none"), 0), OC_E_FILE, "none: cannot be opened",
                   "missing");
    expect_failure(oc_array_load_image(&array, "a", 2), OC_E_ARGUMENT, "not 2", "channels");
    expect_failure(oc_array_load_image(NULL, "a", 1), OC_E_ARGUMENT, "needs", "NULL");
}

/* ---- PNG ---- */

#if defined(WITH_PNG) && defined(WITH_ZLIB)

static void put32(unsigned char *at, unsigned long value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(value >> (24 - 8 * i));
}

static unsigned char *put_chunk(unsigned char *at, const char *type, const void *data, size_t size)
{
    put32(at, size);
    memcpy(at + 4, type, 4);
    memcpy(at + 8, data, size);
    put32(at + 8 + size, crc32(0, at + 4, (uInt)size + 4));
    return at + size + 12;
}

/* A PNG file made by hand; rows begin with their filter byte, `extra` is the data of a chunk before the pixels. */
static size_t build_png(unsigned char *file, int width, int height, int depth, int colour,
                        const char *extra_type, const void *extra, size_t extra_size, const void *rows,
                        size_t size)
{
    unsigned char header[13] = { 0 }, packed[512];
    uLongf packed_size = sizeof packed;
    put32(header, (unsigned long)width);
    put32(header + 4, (unsigned long)height);
    header[8] = (unsigned char)depth;
    header[9] = (unsigned char)colour;
    cr_assert_eq(compress(packed, &packed_size, rows, (uLong)size), Z_OK);
    memcpy(file, "\x89PNG\r\n\x1a\n", 8);
    unsigned char *at = put_chunk(file + 8, "IHDR", header, sizeof header);
    if (extra_type)
        at = put_chunk(at, extra_type, extra, extra_size);
    at = put_chunk(at, "IDAT", packed, packed_size);
    return (size_t)(put_chunk(at, "IEND", "", 0) - file);
}

enum { PNG_GREY = 0, PNG_COLOUR = 2, PNG_PALETTE = 3, PNG_ALPHA = 4 };

Test(image, reads_every_kind_of_png, .init = scratch_open, .fini = scratch_close)
{
    static const struct {
        const char *name;
        int depth, colour;
        const char *palette, *rows;
        size_t palette_size, size;
        int channels;
        int64_t shape[3];
        float wanted[6];
    } cases[] = {
        { "grey", 8, PNG_GREY, NULL, "\0\x33\xff", 0, 3, 0, { 1, 1, 2 }, { .2f, 1 } },
        { "1 bit", 1, PNG_GREY, NULL, "\0\x40", 0, 2, 0, { 1, 1, 2 }, { 0, 1 } },
        { "4 bits", 4, PNG_GREY, NULL, "\0\x3f", 0, 2, 0, { 1, 1, 2 }, { .2f, 1 } },
        { "16 bits", 16, PNG_GREY, NULL, "\0\x33\x33\x66\x66", 0, 5, 0, { 1, 1, 2 }, { .2f, .4f } },
        { "grey to colour",
          8,
          PNG_GREY,
          NULL,
          "\0\x33\xff",
          0,
          3,
          3,
          { 3, 1, 2 },
          { .2f, 1, .2f, 1, .2f, 1 } },
        { "grey, alpha", 8, PNG_ALPHA, NULL, "\0\x33\0\x66\x80", 0, 5, 0, { 1, 1, 2 }, { .2f, .4f } },
        { "colour",
          8,
          PNG_COLOUR,
          NULL,
          "\0\0\x33\x66\x99\xcc\xff",
          0,
          7,
          0,
          { 3, 1, 2 },
          { 0, .6f, .2f, .8f, .4f, 1 } },
        { "colour, alpha",
          8,
          PNG_COLOUR | PNG_ALPHA,
          NULL,
          "\0\0\x33\x66\0\x99\xcc\xff\x10",
          0,
          9,
          0,
          { 3, 1, 2 },
          { 0, .6f, .2f, .8f, .4f, 1 } },
        { "palette",
          8,
          PNG_PALETTE,
          "\0\x33\x66\x99\xcc\xff",
          "\0\1\0",
          6,
          3,
          0,
          { 3, 1, 2 },
          { .6f, 0, .8f, .2f, 1, .4f } },
        { "colour to grey",
          8,
          PNG_COLOUR,
          NULL,
          "\0\xff\0\0\0\xff\0",
          0,
          7,
          1,
          { 1, 1, 2 },
          { GREY(1, 0, 0), GREY(0, 1, 0) } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned char file[1024];
        oc_array array;
        const size_t size =
            build_png(file, 2, 1, cases[i].depth, cases[i].colour, cases[i].palette ? "PLTE" : NULL,
                      cases[i].palette, cases[i].palette_size, cases[i].rows, cases[i].size);
        cr_assert_eq(load_bytes(&array, file, size, cases[i].channels), OC_OK, "%s: %s", cases[i].name,
                     oc_last_error());
        expect_values(&array, cases[i].shape, cases[i].wanted, 1e-6, cases[i].name);
        oc_array_clear(&array);
    }
}

Test(image, refuses_broken_png, .init = scratch_open, .fini = scratch_close)
{
    unsigned char file[1024], rows[4 * 5];
    oc_array array;
    for (size_t i = 0; i < sizeof rows; i++)
        rows[i] = i % 5 ? (unsigned char)(i * 37) : 0;
    const size_t size = build_png(file, 4, 4, 8, PNG_GREY, NULL, NULL, 0, rows, sizeof rows);
    cr_assert_eq(load_bytes(&array, file, size, 0), OC_OK, "%s", oc_last_error());
    oc_array_clear(&array);
    const size_t pixels_end = size - 12 - 4; /* what follows is a checksum and the end mark */
    for (size_t cut = 8; cut < pixels_end; cut++)
        expect_failure(load_bytes(&array, file, cut, 0), OC_E_FORMAT, "picture: is not a valid PNG", "cut");
    for (size_t i = 8; i < pixels_end; i++) {
        file[i] ^= 0x11;
        const oc_status status = load_bytes(&array, file, size, 0);
        cr_assert_eq(status, OC_E_FORMAT, "byte %zu changed: %s", i, oc_last_error());
        file[i] ^= 0x11;
    }
    expect_failure(
        load_bytes(&array, file, build_png(file, 8000, 8000, 8, PNG_GREY, NULL, NULL, 0, "", 1), 0),
        OC_E_FORMAT, "declares 8000x8000 pixels, but has only", "lying");
    expect_failure(
        load_bytes(&array, file, build_png(file, 60000, 60000, 1, PNG_GREY, NULL, NULL, 0, "", 1), 0),
        OC_E_UNSUPPORTED, "has 60000x60000 pixels", "huge");
}

#elif !defined(WITH_PNG)

Test(image, says_that_png_needs_libpng, .init = scratch_open, .fini = scratch_close)
{
    oc_array array;
    expect_failure(load_bytes(&array, "\x89PNG\r\n\x1a\n", 8, 0), OC_E_UNSUPPORTED, "libpng-dev", "png");
}

#endif

/* ---- JPEG ---- */

#ifdef WITH_JPEG

enum { SIDE = 16 };

/* A picture of one colour, which JPEG at its best quality keeps to within rounding. */
static unsigned long build_jpeg(unsigned char **file, J_COLOR_SPACE space, int channels,
                                const unsigned char *colour, bool adobe, bool progressive)
{
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    unsigned long size = 0;
    unsigned char row[SIDE * 4];
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    *file = NULL;
    jpeg_mem_dest(&info, file, &size);
    info.image_width = info.image_height = SIDE;
    info.input_components = channels;
    info.in_color_space = space;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, 100, TRUE);
    info.write_Adobe_marker = adobe;
    if (progressive)
        jpeg_simple_progression(&info);
    jpeg_start_compress(&info, TRUE);
    for (int i = 0; i < SIDE * channels; i++)
        row[i] = colour[i % channels];
    while (info.next_scanline < SIDE)
        jpeg_write_scanlines(&info, (JSAMPROW[]){ row }, 1);
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    return size;
}

Test(image, reads_every_kind_of_jpeg, .init = scratch_open, .fini = scratch_close)
{
    static const struct {
        const char *name;
        J_COLOR_SPACE space;
        unsigned char colour[4];
        bool adobe, progressive;
        int in, out, channels;
        float wanted[3];
    } cases[] = {
        { "grey", JCS_GRAYSCALE, { 51 }, false, false, 1, 0, 1, { .2f } },
        { "grey to colour", JCS_GRAYSCALE, { 51 }, false, false, 1, 3, 3, { .2f, .2f, .2f } },
        { "colour", JCS_RGB, { 255, 102, 0 }, false, false, 3, 0, 3, { 1, .4f, 0 } },
        { "progressive", JCS_RGB, { 255, 102, 0 }, false, true, 3, 0, 3, { 1, .4f, 0 } },
        { "colour to grey", JCS_RGB, { 255, 102, 0 }, false, false, 3, 1, 1, { GREY(1, .4f, 0) } },
        { "cmyk", JCS_CMYK, { 0, 102, 255, 0 }, false, false, 4, 0, 3, { 1, .6f, 0 } },
        { "adobe cmyk", JCS_CMYK, { 255, 153, 0, 255 }, true, false, 4, 0, 3, { 1, .6f, 0 } },
        { "cmyk, half black", JCS_CMYK, { 0, 0, 255, 153 }, false, false, 4, 0, 3, { .4f, .4f, 0 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned char *file;
        const unsigned long size = build_jpeg(&file, cases[i].space, cases[i].in, cases[i].colour,
                                              cases[i].adobe, cases[i].progressive);
        float wanted[3 * SIDE * SIDE];
        for (int j = 0; j < cases[i].channels * SIDE * SIDE; j++)
            wanted[j] = cases[i].wanted[j / (SIDE * SIDE)];
        oc_array array;
        cr_assert_eq(load_bytes(&array, file, size, cases[i].out), OC_OK, "%s: %s", cases[i].name,
                     oc_last_error());
        expect_values(&array, (int64_t[]){ cases[i].channels, SIDE, SIDE }, wanted, 2.01 / 255,
                      cases[i].name);
        oc_array_clear(&array);
        free(file);
    }
}

Test(image, refuses_broken_jpeg, .init = scratch_open, .fini = scratch_close)
{
    unsigned char *file;
    oc_array array;
    const unsigned long size =
        build_jpeg(&file, JCS_RGB, 3, (const unsigned char[]){ 200, 100, 50 }, false, false);
    for (size_t cut = 3; cut < size - 2; cut++) /* the last two bytes are the end mark */
        expect_failure(load_bytes(&array, file, cut, 0), OC_E_FORMAT, "picture: is not a valid JPEG", "cut");
    size_t frame = 0;
    while (file[frame] != 0xff || file[frame + 1] != 0xc0)
        frame++;
    file[frame + 5] = file[frame + 7] = 8000 >> 8;
    file[frame + 6] = file[frame + 8] = 8000 & 255;
    expect_failure(load_bytes(&array, file, size, 0), OC_E_FORMAT, "declares 8000x8000 pixels, but has only",
                   "lying");
    file[frame + 5] = file[frame + 7] = 60000 >> 8;
    expect_failure(load_bytes(&array, file, size, 0), OC_E_UNSUPPORTED, "pixels; 1 to", "huge");
    free(file);
}

/* Any byte of a picture may be wrong: the outcome is values or a failure, and nothing else. */
Test(image, survives_any_changed_byte, .init = scratch_open, .fini = scratch_close)
{
    unsigned char *file;
    const unsigned long size =
        build_jpeg(&file, JCS_RGB, 3, (const unsigned char[]){ 200, 100, 50 }, false, true);
    for (size_t i = 0; i < size; i++)
        for (int bit = 0; bit < 8; bit += 3) {
            oc_array array;
            file[i] ^= (unsigned char)(1 << bit);
            const oc_status status = load_bytes(&array, file, size, 0);
            cr_assert_eq(status == OC_OK, array.data != NULL);
            oc_array_clear(&array);
            file[i] ^= (unsigned char)(1 << bit);
        }
    free(file);
}

#else

Test(image, says_that_jpeg_needs_libjpeg, .init = scratch_open, .fini = scratch_close)
{
    oc_array array;
    expect_failure(load_bytes(&array, "\xff\xd8\xff", 3, 0), OC_E_UNSUPPORTED, "libjpeg-dev", "jpeg");
}

#endif

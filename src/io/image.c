/* image.c - pictures: PNG through libpng, JPEG through libjpeg, PGM and PPM by hand. The format is told from the
 * first bytes, never from the name.
 *
 * A picture that is incomplete is refused, and so is one that declares more pixels than its bytes can hold: a few
 * hundred bytes never cause a large allocation. Alpha is dropped and colour becomes grey by the weights of ITU-R
 * BT.601, both as PIL does it, so that networks see what they were trained on. */
#include "io/array.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/status.h"

#include <inttypes.h>
#include <string.h>

#ifdef WITH_PNG
#include <png.h>
#endif
#ifdef WITH_JPEG
#include <setjmp.h>
#include <stdio.h> /* jpeglib.h needs it */
#include <jpeglib.h>
#include <jerror.h>
#endif

enum {
    MAX_PIXELS = 1 << 26,
    MAX_PIXELS_PER_BYTE = 8 * 1032 /* of PNG's one-bit pixels at deflate's best; JPEG stays far below */
};

/* Decoded samples, row by row, the samples of a pixel side by side. */
struct picture {
    int64_t height, width;
    int channels; /* 1 or 3 of the ... */
    int stride;   /* ... samples per pixel */
    int depth;    /* bytes of a sample, most significant first */
    int maximum;  /* the sample that means 1.0 */
    const unsigned char *samples;
    unsigned char *owned; /* NULL: the samples lie in the file's bytes */
};

static oc_status check_size(int64_t height, int64_t width, size_t file_bytes)
{
    if (height < 1 || width < 1 || height > MAX_PIXELS / width)
        return fail(OC_E_UNSUPPORTED, "has %" PRId64 "x%" PRId64 " pixels; 1 to %d can be read", height,
                    width, MAX_PIXELS);
    if ((size_t)(height * width) / MAX_PIXELS_PER_BYTE > file_bytes)
        return fail(OC_E_FORMAT, "declares %" PRId64 "x%" PRId64 " pixels, but has only %zu bytes", height,
                    width, file_bytes);
    return OC_OK;
}

#if defined(WITH_PNG) || defined(WITH_JPEG)
static oc_status own_samples(struct picture *picture)
{
    picture->owned =
        memory_zeroed(&memory_heap, (size_t)(picture->height * picture->width), (size_t)picture->stride);
    picture->samples = picture->owned;
    return picture->owned ? OC_OK : OC_E_MEMORY;
}
#endif

static int sample(const struct picture *picture, int64_t index)
{
    const unsigned char *at = picture->samples + index * picture->depth;
    return picture->depth == 1 ? at[0] : at[0] << 8 | at[1];
}

/* ---- PNG ---- */

#ifdef WITH_PNG

static oc_status decode_png(struct picture *picture, const unsigned char *bytes, size_t size)
{
    png_image image = { .version = PNG_IMAGE_VERSION };
    if (!png_image_begin_read_from_memory(&image, bytes, size))
        return fail(OC_E_FORMAT, "is not a valid PNG picture: %s", image.message);
    image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB; /* sixteen bits are not a reason to change brightness */
    image.format &= PNG_FORMAT_FLAG_COLOR | PNG_FORMAT_FLAG_ALPHA;
    *picture = (struct picture){ .height = image.height,
                                 .width = image.width,
                                 .channels = image.format & PNG_FORMAT_FLAG_COLOR ? 3 : 1,
                                 .stride = (int)PNG_IMAGE_SAMPLE_CHANNELS(image.format),
                                 .depth = 1,
                                 .maximum = 255 };
    oc_status status = check_size(picture->height, picture->width, size);
    if (status == OC_OK)
        status = own_samples(picture);
    if (status == OC_OK && !png_image_finish_read(&image, NULL, picture->owned, 0, NULL))
        status = fail(OC_E_FORMAT, "is not a valid PNG picture: %s", image.message);
    png_image_free(&image);
    return status;
}

#else

static oc_status decode_png(struct picture *picture, const unsigned char *bytes, size_t size)
{
    (void)picture, (void)bytes, (void)size;
    return fail(OC_E_UNSUPPORTED,
                "is a PNG picture, and this build of Ocelli has no libpng: install libpng-dev and "
                "build again");
}

#endif

/* ---- JPEG ---- */

#ifdef WITH_JPEG

struct jpeg_errors {
    struct jpeg_error_mgr base; /* first: libjpeg knows only this part */
    jmp_buf back;
    char message[JMSG_LENGTH_MAX];
};

static void jpeg_stop(j_common_ptr info)
{
    struct jpeg_errors *errors = (struct jpeg_errors *)info->err;
    errors->base.format_message(info, errors->message);
    longjmp(errors->back, 1);
}

/* Warnings are for pictures that decode anyway; libjpeg fills the missing part of a truncated one with grey. */
static void jpeg_warn(j_common_ptr info, int level)
{
    if (level < 0 && (info->err->msg_code == JWRN_JPEG_EOF || info->err->msg_code == JWRN_HIT_MARKER))
        jpeg_stop(info);
}

static void jpeg_say_nothing(j_common_ptr info)
{
    (void)info;
}

/* Adobe's CMYK is stored inverted: 255 is no ink. */
static void cmyk_to_rgb(unsigned char *samples, int64_t pixels, bool inverted)
{
    for (int64_t i = 0; i < pixels; i++, samples += 4) {
        const int flip = inverted ? 0 : 255, black = samples[3] ^ flip;
        for (int c = 0; c < 3; c++)
            samples[c] = (unsigned char)(((samples[c] ^ flip) * black + 127) / 255);
    }
}

static void decode_rows(struct jpeg_decompress_struct *info, const struct picture *picture)
{
    const size_t row_bytes = (size_t)picture->width * (size_t)picture->stride;
    while (info->output_scanline < info->output_height) {
        JSAMPROW row = picture->owned + info->output_scanline * row_bytes;
        jpeg_read_scanlines(info, &row, 1);
    }
    jpeg_finish_decompress(info);
    if (picture->stride == 4)
        cmyk_to_rgb(picture->owned, picture->height * picture->width, info->saw_Adobe_marker);
}

static oc_status decode_jpeg(struct picture *picture, const unsigned char *bytes, size_t size)
{
    struct jpeg_decompress_struct info = { 0 };
    struct jpeg_errors errors;
    info.err = jpeg_std_error(&errors.base);
    errors.base.error_exit = jpeg_stop;
    errors.base.emit_message = jpeg_warn;
    errors.base.output_message = jpeg_say_nothing;
    if (setjmp(errors.back)) {
        jpeg_destroy_decompress(&info);
        return fail(OC_E_FORMAT, "is not a valid JPEG picture: %s", errors.message);
    }
    jpeg_create_decompress(&info);
    jpeg_mem_src(&info, bytes, size);
    jpeg_read_header(&info, TRUE);
    if (info.num_components == 4)
        info.out_color_space = JCS_CMYK;
    else if (info.num_components != 1)
        info.out_color_space = JCS_RGB;
    *picture = (struct picture){ .height = info.image_height,
                                 .width = info.image_width,
                                 .channels = info.num_components == 1 ? 1 : 3,
                                 .stride = info.num_components == 1   ? 1
                                           : info.num_components == 4 ? 4
                                                                      : 3,
                                 .depth = 1,
                                 .maximum = 255 };
    oc_status status = check_size(picture->height, picture->width, size);
    if (status == OC_OK)
        status = own_samples(picture);
    if (status == OC_OK) {
        jpeg_start_decompress(&info);
        decode_rows(&info, picture);
    }
    jpeg_destroy_decompress(&info);
    return status;
}

#else

static oc_status decode_jpeg(struct picture *picture, const unsigned char *bytes, size_t size)
{
    (void)picture, (void)bytes, (void)size;
    return fail(OC_E_UNSUPPORTED,
                "is a JPEG picture, and this build of Ocelli has no libjpeg: install libjpeg-dev "
                "and build again");
}

#endif

/* ---- PGM and PPM ---- */

static bool is_space(unsigned char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next number of the header, after white space and comments; -1 if there is none. */
static int64_t header_number(const unsigned char **at, const unsigned char *end)
{
    for (; *at < end && (is_space(**at) || **at == '#'); (*at)++)
        if (**at == '#')
            while (*at + 1 < end && **at != '\n')
                (*at)++;
    int64_t number = -1;
    for (; *at < end && **at >= '0' && **at <= '9' && number < INT32_MAX; (*at)++)
        number = (number < 0 ? 0 : number * 10) + (**at - '0');
    return number;
}

static oc_status decode_pnm(struct picture *picture, const unsigned char *bytes, size_t size)
{
    const unsigned char *at = bytes + 2, *end = bytes + size;
    const int64_t width = header_number(&at, end), height = header_number(&at, end);
    const int64_t maximum = header_number(&at, end);
    if (at == end || !is_space(*at++) || width < 1 || height < 1 || maximum < 1 || maximum > 65535)
        return fail(OC_E_FORMAT,
                    "is not a valid PGM or PPM picture: its header is not width, height and maximum");
    TRY(check_size(height, width, size));
    const int channels = bytes[1] == '5' ? 1 : 3, depth = maximum < 256 ? 1 : 2;
    const size_t wanted = (size_t)(height * width * channels * depth), left = (size_t)(end - at);
    if (wanted != left)
        return fail(OC_E_FORMAT,
                    "declares %" PRId64 "x%" PRId64 " pixels of %d bytes, but has %zu bytes of pixels",
                    height, width, channels * depth, left);
    *picture = (struct picture){ .height = height,
                                 .width = width,
                                 .channels = channels,
                                 .stride = channels,
                                 .depth = depth,
                                 .maximum = (int)maximum,
                                 .samples = at };
    for (int64_t i = 0; i < height * width * channels; i++)
        if (sample(picture, i) > maximum)
            return fail(OC_E_FORMAT, "has a sample of %d, more than its maximum of %d", sample(picture, i),
                        picture->maximum);
    return OC_OK;
}

/* ---- Samples to values ---- */

static float value(const struct picture *picture, int64_t pixel, int channel)
{
    return (float)sample(picture, pixel * picture->stride + channel) / (float)picture->maximum;
}

static oc_status convert(oc_array *array, const struct picture *picture, int channels)
{
    const int64_t pixels = picture->height * picture->width;
    channels = channels ? channels : picture->channels;
    TRY(array_create(array, 3, (int64_t[]){ channels, picture->height, picture->width }));
    float *to = array->data;
    for (int c = 0; c < channels; c++)
        for (int64_t i = 0; i < pixels; i++)
            if (channels == 1 && picture->channels == 3)
                *to++ = 0.299f * value(picture, i, 0) + 0.587f * value(picture, i, 1) +
                        0.114f * value(picture, i, 2);
            else
                *to++ = value(picture, i, picture->channels == 1 ? 0 : c);
    return OC_OK;
}

static oc_status load(oc_array *array, const unsigned char *bytes, size_t size, int channels)
{
    static const struct {
        const char *magic;
        size_t length;
        oc_status (*decode)(struct picture *picture, const unsigned char *bytes, size_t size);
    } formats[] = { { "\x89PNG\r\n\x1a\n", 8, decode_png },
                    { "\xff\xd8\xff", 3, decode_jpeg },
                    { "P5", 2, decode_pnm },
                    { "P6", 2, decode_pnm } };
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (size < formats[i].length || memcmp(bytes, formats[i].magic, formats[i].length) != 0)
            continue;
        struct picture picture = { 0 };
        oc_status status = formats[i].decode(&picture, bytes, size);
        if (status == OC_OK)
            status = convert(array, &picture, channels);
        memory_free(&memory_heap, picture.owned);
        return status;
    }
    return fail(OC_E_FORMAT, "is not a PNG, JPEG, PGM (P5) or PPM (P6) picture");
}

oc_status oc_array_load_image(oc_array *array, const char *path, int channels)
{
    if (!array || !path || (channels != 0 && channels != 1 && channels != 3))
        return fail(OC_E_ARGUMENT, "loading a picture needs an array, a path and 0, 1 or 3 channels, not %d",
                    channels);
    *array = (oc_array){ 0 };
    unsigned char *bytes;
    size_t size;
    TRY(file_read(path, INT32_MAX, &bytes, &size));
    const oc_status status = load(array, bytes, size, channels);
    memory_free(&memory_heap, bytes);
    return status == OC_OK ? OC_OK : fail_in(status, path);
}

/* idx.c - IDX files, plain or gzipped: two zero bytes, the type of a value (8: unsigned byte), the number of
 * dimensions, each size as a big-endian 32-bit number, the values. (LeCun's MNIST page.)
 *
 * Invariant: memory grows with what a file really holds; what its header declares is only compared with that. */
#include "io/array.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/status.h"
#include "base/text.h"

#include <inttypes.h>

#ifdef WITH_ZLIB
#include <zlib.h>
#endif

#define LIMIT_BYTES ((size_t)UINT32_MAX) /* of a file, packed or unpacked; zlib counts in 32 bits */

struct idx {
    unsigned char *bytes; /* the whole file, unpacked; owned */
    size_t size;
    int64_t dims[3];
    const unsigned char *values;
};

#ifdef WITH_ZLIB

static oc_status inflate_all(z_stream *stream, void **data, size_t *size)
{
    size_t capacity = 0;
    int result = Z_OK;
    while (result != Z_STREAM_END || stream->avail_in > 0) {
        if (result == Z_STREAM_END) /* a gzip file may have several members */
            inflateReset(stream);
        if (*size == LIMIT_BYTES)
            return fail(OC_E_FILE, "unpacks to more than the %zu bytes that can be read", LIMIT_BYTES);
        TRY(memory_grow(&memory_heap, data, &capacity, *size + 1, 1));
        const size_t room = (capacity < LIMIT_BYTES ? capacity : LIMIT_BYTES) - *size;
        stream->next_out = (unsigned char *)*data + *size;
        stream->avail_out = (uInt)room;
        result = inflate(stream, Z_NO_FLUSH);
        *size += room - stream->avail_out;
        if (result == Z_BUF_ERROR)
            return fail(OC_E_FORMAT, "ends in the middle of its compressed data");
        if (result != Z_OK && result != Z_STREAM_END)
            return fail(OC_E_FORMAT, "is not valid gzip: %s", stream->msg ? stream->msg : zError(result));
    }
    return OC_OK;
}

static oc_status unpack(struct idx *idx)
{
    z_stream stream = { .next_in = idx->bytes, .avail_in = (uInt)idx->size };
    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) /* 16: gzip, with its checksum */
        return fail(OC_E_MEMORY, "no host memory to unpack gzip");
    void *data = NULL;
    size_t size = 0;
    const oc_status status = inflate_all(&stream, &data, &size);
    inflateEnd(&stream);
    memory_free(&memory_heap, idx->bytes);
    idx->bytes = data;
    idx->size = size;
    return status;
}

#else

static oc_status unpack(struct idx *idx)
{
    (void)idx;
    return fail(OC_E_UNSUPPORTED, "is gzipped, and this build of Ocelli has no zlib: gunzip it, or install "
                                  "zlib1g-dev and build again");
}

#endif

/* Compares the header with the file; `rank` dimensions are wanted. */
static oc_status parse(struct idx *idx, int rank, const char *what)
{
    const unsigned char *bytes = idx->bytes;
    if (idx->size < 4 || bytes[0] != 0 || bytes[1] != 0)
        return fail(OC_E_FORMAT, "is not an IDX file");
    if (bytes[2] != 8)
        return fail(OC_E_UNSUPPORTED, "holds values of IDX type 0x%02x; unsigned bytes (0x08) can be read",
                    bytes[2]);
    if (bytes[3] != rank)
        return fail(OC_E_FORMAT, "has %d dimensions, %s have %d", bytes[3], what, rank);
    const size_t header = 4 + 4 * (size_t)rank;
    if (idx->size < header)
        return fail(OC_E_FORMAT, "ends in the middle of its header");
    for (int i = 0; i < rank; i++) {
        const unsigned char *at = bytes + 4 + 4 * i;
        idx->dims[i] = (int64_t)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3];
        if (idx->dims[i] < 1 || idx->dims[i] > INT32_MAX)
            return fail(OC_E_FORMAT, "declares a size of %" PRId64 " in dimension %d", idx->dims[i], i + 1);
    }
    size_t wanted;
    if (!array_bytes(rank, idx->dims, 1, &wanted) || wanted != idx->size - header) {
        char room[128];
        struct text sizes = TEXT_IN(room);
        text_shape(&sizes, rank, idx->dims);
        return fail(OC_E_FORMAT, "declares %s bytes of %s, but holds %zu", room, what, idx->size - header);
    }
    idx->values = bytes + header;
    return OC_OK;
}

static oc_status read_idx(struct idx *idx, const char *path, int rank, const char *what)
{
    *idx = (struct idx){ 0 };
    TRY(file_read(path, LIMIT_BYTES, &idx->bytes, &idx->size));
    oc_status status = OC_OK;
    if (idx->size >= 2 && idx->bytes[0] == 0x1f && idx->bytes[1] == 0x8b)
        status = unpack(idx);
    if (status == OC_OK)
        status = parse(idx, rank, what);
    return status == OC_OK ? OC_OK : fail_in(status, path);
}

/* Bytes to floats and labels. */
static oc_status fill(oc_dataset *set, const struct idx *images, const struct idx *labels)
{
    const int64_t count = images->dims[0], pixels = images->dims[1] * images->dims[2];
    set->images = memory_zeroed(&memory_heap, (size_t)count, (size_t)pixels * sizeof(float));
    set->labels = memory_zeroed(&memory_heap, (size_t)count, sizeof(int32_t));
    if (!set->images || !set->labels)
        return OC_E_MEMORY;
    for (int64_t i = 0; i < count * pixels; i++)
        set->images[i] = (float)images->values[i] / 255.0f;
    for (int64_t i = 0; i < count; i++) {
        set->labels[i] = labels->values[i];
        set->classes = labels->values[i] >= set->classes ? labels->values[i] + 1 : set->classes;
    }
    set->count = count;
    set->channels = 1;
    set->height = (int)images->dims[1];
    set->width = (int)images->dims[2];
    return OC_OK;
}

oc_status oc_dataset_load_idx(oc_dataset *set, const char *images, const char *labels)
{
    if (!set || !images || !labels)
        return fail(OC_E_ARGUMENT,
                    "loading a data set needs somewhere to put it, a file of images and one of labels");
    *set = (oc_dataset){ 0 };
    struct idx image = { 0 }, label = { 0 };
    oc_status status = read_idx(&image, images, 3, "images");
    if (status == OC_OK)
        status = read_idx(&label, labels, 1, "labels");
    if (status == OC_OK && image.dims[0] != label.dims[0])
        status = fail(OC_E_FORMAT, "%s has %" PRId64 " images, but %s has %" PRId64 " labels", images,
                      image.dims[0], labels, label.dims[0]);
    if (status == OC_OK)
        status = fill(set, &image, &label);
    if (status != OC_OK)
        oc_dataset_clear(set);
    memory_free(&memory_heap, image.bytes);
    memory_free(&memory_heap, label.bytes);
    return status;
}

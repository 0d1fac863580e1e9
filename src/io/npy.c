/* npy.c - NumPy's .npy files, format versions 1.0 and 2.0: magic, length of the header, a Python dictionary with
 * exactly the keys descr, fortran_order and shape, the values. (NumPy enhancement proposal 1.)
 *
 * Invariant: nothing is allocated from what the header says before the file is known to hold that much. */
#include "io/array.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/status.h"
#include "base/text.h"

#include <inttypes.h>
#include <string.h>

enum { PREFIX_BYTES = 10, ALIGNMENT = 64 };

struct npy {
    char kind; /* 'f', 'i', 'u' or 'b' */
    int each;  /* bytes of a value */
    int rank;
    int64_t shape[ARRAY_MAX_RANK];
    const unsigned char *data;
};

/* ---- The header's dictionary ---- */

/* A reader of text that ends at `end`. */
struct cursor {
    const char *at, *end;
};

static void skip_spaces(struct cursor *cursor)
{
    while (cursor->at < cursor->end && *cursor->at == ' ')
        cursor->at++;
}

/* Takes `token` if it comes next, after spaces. */
static bool take(struct cursor *cursor, const char *token)
{
    skip_spaces(cursor);
    const size_t length = strlen(token);
    if ((size_t)(cursor->end - cursor->at) < length || memcmp(cursor->at, token, length) != 0)
        return false;
    cursor->at += length;
    return true;
}

static bool take_number(struct cursor *cursor, int64_t *number)
{
    skip_spaces(cursor);
    const char *start = cursor->at;
    *number = 0;
    for (; cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9'; cursor->at++) {
        if (*number > (INT64_MAX - 9) / 10)
            return false;
        *number = *number * 10 + (*cursor->at - '0');
    }
    return cursor->at > start;
}

/* 'descr': '<f4' */
static oc_status take_type(struct cursor *cursor, struct npy *npy)
{
    const char *quote =
        take(cursor, "'") ? memchr(cursor->at, '\'', (size_t)(cursor->end - cursor->at)) : NULL;
    if (!quote)
        return fail(OC_E_UNSUPPORTED, "holds records, not an array of numbers");
    const char *text = cursor->at;
    const size_t length = (size_t)(quote - text);
    cursor->at = quote + 1;
    const bool plain = length == 3 && memchr("fiub", text[1], 4) && memchr("1248", text[2], 4);
    const char kind = plain ? text[1] : '\0';
    const int each = plain ? text[2] - '0' : 0;
    const bool order = plain && (text[0] == '<' || (text[0] == '|' && each == 1));
    if (!order || (kind == 'f' && each < 4) || (kind == 'b' && each != 1))
        return fail(OC_E_UNSUPPORTED,
                    "holds values of type '%.*s'; little-endian f4, f8, i1 to i8, u1 to u8 and b1 "
                    "can be read",
                    length < 40 ? (int)length : 40, text);
    npy->kind = kind;
    npy->each = each;
    return OC_OK;
}

/* 'shape': () or (3,) or (3, 4) */
static oc_status take_shape(struct cursor *cursor, struct npy *npy)
{
    bool good = take(cursor, "("), comma = false, closed = good && take(cursor, ")");
    while (good && !closed) {
        if (npy->rank == ARRAY_MAX_RANK)
            return fail(OC_E_UNSUPPORTED, "has more than %d dimensions", ARRAY_MAX_RANK);
        good = take_number(cursor, &npy->shape[npy->rank++]);
        comma = take(cursor, ",");
        closed = take(cursor, ")");
        good = good && (comma || closed);
    }
    if (!good || (npy->rank == 1 && !comma)) /* (3) is a number, not a shape */
        return fail(OC_E_FORMAT, "the shape in its header is not a tuple of sizes");
    return OC_OK;
}

static oc_status parse_dictionary(struct npy *npy, struct cursor cursor)
{
    bool type = false, order = false, shape = false;
    bool good = take(&cursor, "{");
    while (good && !take(&cursor, "}")) {
        if (!type && take(&cursor, "'descr':")) {
            type = true;
            TRY(take_type(&cursor, npy));
        } else if (!order && take(&cursor, "'fortran_order':")) {
            order = true;
            if (take(&cursor, "True"))
                return fail(OC_E_UNSUPPORTED,
                            "holds an array in Fortran order; save numpy.ascontiguousarray of it");
            good = take(&cursor, "False");
        } else if (!shape && take(&cursor, "'shape':")) {
            shape = true;
            TRY(take_shape(&cursor, npy));
        } else {
            good = false;
        }
        good = good && (take(&cursor, ",") || (cursor.at < cursor.end && *cursor.at == '}'));
    }
    skip_spaces(&cursor);
    if (!good || !type || !order || !shape || cursor.end - cursor.at != 1 || *cursor.at != '\n')
        return fail(OC_E_FORMAT, "its header is not a dictionary of descr, fortran_order and shape alone");
    return OC_OK;
}

static oc_status parse(struct npy *npy, const unsigned char *bytes, size_t size)
{
    if (size < PREFIX_BYTES + 2 || memcmp(bytes, "\x93NUMPY", 6) != 0)
        return fail(OC_E_FORMAT, "is not a NumPy array file");
    const int major = bytes[6];
    if (major < 1 || major > 2 || bytes[7] != 0)
        return fail(OC_E_UNSUPPORTED, "has format version %d.%d; 1.0 and 2.0 can be read", major, bytes[7]);
    const size_t prefix = major == 1 ? PREFIX_BYTES : PREFIX_BYTES + 2;
    size_t length = bytes[8] | (size_t)bytes[9] << 8;
    if (major == 2)
        length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (length > size - prefix)
        return fail(OC_E_FORMAT, "declares a header of %zu bytes, but only %zu follow", length,
                    size - prefix);
    const char *text = (const char *)bytes + prefix;
    TRY(parse_dictionary(npy, (struct cursor){ text, text + length }));
    size_t wanted;
    const size_t left = size - prefix - length;
    if (!array_bytes(npy->rank, npy->shape, (size_t)npy->each, &wanted) || wanted != left) {
        char room[256];
        struct text shape = TEXT_IN(room);
        text_shape(&shape, npy->rank, npy->shape);
        return fail(OC_E_FORMAT, "declares %s values of %d bytes, but has %zu bytes of values", room,
                    npy->each, left);
    }
    npy->data = bytes + prefix + length;
    return OC_OK;
}

/* ---- Values ---- */

static float decode(const unsigned char *bytes, char kind, int each)
{
    uint64_t bits = 0;
    for (int i = 0; i < each; i++)
        bits |= (uint64_t)bytes[i] << 8 * i;
    if (kind == 'f' && each == 4) {
        const uint32_t half = (uint32_t)bits;
        float value;
        memcpy(&value, &half, sizeof value);
        return value;
    }
    if (kind == 'f') {
        double value;
        memcpy(&value, &bits, sizeof value);
        return (float)value;
    }
    if (kind == 'i') {
        const uint64_t sign = (uint64_t)1 << (8 * each - 1);
        return (float)(int64_t)(bits & sign ? bits | ~(sign - 1) : bits);
    }
    return (float)(kind == 'b' ? bits != 0 : bits);
}

static oc_status load(oc_array *array, const unsigned char *bytes, size_t size)
{
    struct npy npy = { 0 };
    TRY(parse(&npy, bytes, size));
    oc_array loaded;
    TRY(array_create(&loaded, npy.rank, npy.shape));
    size_t count;
    array_bytes(npy.rank, npy.shape, 1, &count);
    for (size_t i = 0; i < count; i++)
        loaded.data[i] = decode(npy.data + i * (size_t)npy.each, npy.kind, npy.each);
    *array = loaded;
    return OC_OK;
}

oc_status oc_array_load_npy(oc_array *array, const char *path)
{
    if (!array || !path)
        return fail(OC_E_ARGUMENT, "loading an array needs somewhere to put it and a path");
    *array = (oc_array){ 0 };
    unsigned char *bytes;
    size_t size;
    TRY(file_read(path, PTRDIFF_MAX, &bytes, &size));
    oc_status status = load(array, bytes, size);
    memory_free(&memory_heap, bytes);
    return status == OC_OK ? OC_OK : fail_in(status, path);
}

oc_status oc_array_save_npy(const oc_array *array, const char *path)
{
    size_t bytes;
    if (!array || !path || !array->data || array->rank < 0 || array->rank > ARRAY_MAX_RANK ||
        !array_bytes(array->rank, array->shape, sizeof(float), &bytes))
        return fail(OC_E_ARGUMENT, "saving an array needs a path and values of 0 to %d dimensions",
                    ARRAY_MAX_RANK);
    char header[4 * ALIGNMENT + 1]; /* eight sizes of up to 19 digits fit */
    struct text text = { .data = header + PREFIX_BYTES, .capacity = sizeof header - PREFIX_BYTES };
    text_print(&text, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
    for (int i = 0; i < array->rank; i++)
        text_print(&text, i ? ", %" PRId64 : "%" PRId64, array->shape[i]);
    text_print(&text, array->rank == 1 ? ",), }" : "), }");
    const size_t padded = (PREFIX_BYTES + text.length + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
    text_print(&text, "%*s", (int)(padded - PREFIX_BYTES - text.length), "\n");
    const char prefix[PREFIX_BYTES] = { '\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, (char)text.length, 0 };
    memcpy(header, prefix, sizeof prefix);
    struct file_writer file;
    oc_status status = file_begin(&file, path);
    if (status == OC_OK)
        status = file_write(&file, header, padded);
    if (status == OC_OK)
        status = file_write(&file, array->data, bytes);
    return file_end(&file, status);
}

/* safetensors.c - the file format of weights. Specification: github.com/huggingface/safetensors; the writer's order and
 * padding are those of its Rust library, so that files come out byte for byte the same. */
#include "io/safetensors.h"
#include "base/memory.h"
#include "base/status.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#ifdef WITH_JANSSON
#include <jansson.h>

enum { PREFIX_BYTES = 8, MAX_HEADER_BYTES = 100000000 };

#define METADATA "__metadata__"

/* Bits of a value, in the order by which the writer sorts: the last comes first in a file. */
static const struct type {
    const char *name;
    size_t bits;
} types[] = { { "BOOL", 8 },    { "F4", 4 },          { "F6_E2M3", 6 },     { "F6_E3M2", 6 },
              { "U8", 8 },      { "I8", 8 },          { "F8_E5M2", 8 },     { "F8_E4M3", 8 },
              { "F8_E8M0", 8 }, { "F8_E4M3FNUZ", 8 }, { "F8_E5M2FNUZ", 8 }, { "I16", 16 },
              { "U16", 16 },    { "F16", 16 },        { "BF16", 16 },       { "I32", 32 },
              { "U32", 32 },    { "F32", 32 },        { "C64", 64 },        { "F64", 64 },
              { "I64", 64 },    { "U64", 64 } };

static const struct type *find_type(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].name, name) == 0)
            return &types[i];
    return NULL;
}

/* Bytes of all values; they must be whole. */
static bool tensor_bytes(const struct type *type, int rank, const int64_t *shape, size_t *bytes)
{
    if (!array_bytes(rank, shape, type->bits, bytes) || *bytes % 8 != 0)
        return false;
    *bytes /= 8;
    return true;
}

/* ---- Reading ---- */

/* A whole number >= 0; false for anything else that JSON knows. */
static bool whole_number(const json_t *value, int64_t *number)
{
    *number = json_integer_value(value);
    return json_is_integer(value) && *number >= 0;
}

static oc_status read_shape(struct tensor_entry *tensor, const json_t *shape)
{
    if (!json_is_array(shape))
        return fail(OC_E_FORMAT, "tensor %s has no shape", tensor->name);
    if (json_array_size(shape) > ARRAY_MAX_RANK)
        return fail(OC_E_UNSUPPORTED, "tensor %s has %zu dimensions; up to %d can be read", tensor->name,
                    json_array_size(shape), ARRAY_MAX_RANK);
    tensor->rank = (int)json_array_size(shape);
    for (int i = 0; i < tensor->rank; i++)
        if (!whole_number(json_array_get(shape, (size_t)i), &tensor->shape[i]))
            return fail(OC_E_FORMAT, "tensor %s has a shape that is not made of whole numbers", tensor->name);
    return OC_OK;
}

static oc_status read_tensor(struct tensor_entry *tensor, const json_t *facts, const unsigned char *data,
                             size_t size)
{
    const json_t *offsets = json_object_get(facts, "data_offsets");
    const char *name = json_string_value(json_object_get(facts, "dtype"));
    if (json_object_size(facts) != 3 || !name)
        return fail(OC_E_FORMAT, "tensor %s is not described by dtype, shape and data_offsets alone",
                    tensor->name);
    const struct type *type = find_type(name);
    if (!type)
        return fail(OC_E_FORMAT, "tensor %s has the unknown dtype %s", tensor->name, name);
    tensor->type = type->name;
    TRY(read_shape(tensor, json_object_get(facts, "shape")));
    int64_t begin, end;
    if (json_array_size(offsets) != 2 || !whole_number(json_array_get(offsets, 0), &begin) ||
        !whole_number(json_array_get(offsets, 1), &end))
        return fail(OC_E_FORMAT, "tensor %s has data_offsets that are not two whole numbers", tensor->name);
    if (begin > end || (uint64_t)end > size)
        return fail(OC_E_FORMAT, "tensor %s lies at %" PRId64 " to %" PRId64 " of %zu bytes", tensor->name,
                    begin, end, size);
    if (!tensor_bytes(type, tensor->rank, tensor->shape, &tensor->bytes) ||
        tensor->bytes != (size_t)(end - begin))
        return fail(OC_E_FORMAT,
                    "tensor %s has %" PRId64 " bytes, which is not what its shape and dtype need",
                    tensor->name, end - begin);
    tensor->data = data + begin;
    return OC_OK;
}

static oc_status read_metadata(json_t *metadata)
{
    const char *key;
    json_t *value;
    if (!json_is_object(metadata))
        return fail(OC_E_FORMAT, METADATA " is not an object");
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value))
            return fail(OC_E_FORMAT, "the value of %s in " METADATA " is not a string", key);
    }
    return OC_OK;
}

static int by_place(const void *left, const void *right)
{
    const struct tensor_entry *a = left, *b = right;
    const int order = (a->data > b->data) - (a->data < b->data);
    return order ? order
                 : (a->bytes > b->bytes) - (a->bytes < b->bytes); /* empty ones before what starts there */
}

static int by_name(const void *left, const void *right)
{
    return strcmp(((const struct tensor_entry *)left)->name, ((const struct tensor_entry *)right)->name);
}

/* The values must follow each other from the first byte to the last. */
static oc_status check_cover(struct safetensors *file, const unsigned char *data, size_t size)
{
    qsort(file->tensors, file->count, sizeof file->tensors[0], by_place);
    const unsigned char *next = data;
    for (size_t i = 0; i < file->count; next += file->tensors[i++].bytes)
        if (file->tensors[i].data != next)
            return fail(OC_E_FORMAT, "tensor %s %s", file->tensors[i].name,
                        file->tensors[i].data < next ? "overlaps another"
                                                     : "does not follow the one before it");
    if (next != data + size)
        return fail(OC_E_FORMAT, "has %zu bytes that belong to no tensor", (size_t)(data + size - next));
    return OC_OK;
}

static oc_status read_tensors(struct safetensors *file, const unsigned char *data, size_t size)
{
    const size_t entries = json_object_size(file->header);
    file->tensors = memory_zeroed(&memory_heap, entries, sizeof file->tensors[0]);
    if (!file->tensors)
        return OC_E_MEMORY;
    const char *name;
    json_t *value;
    json_object_foreach(file->header, name, value)
    {
        if (strcmp(name, METADATA) == 0) {
            TRY(read_metadata(value));
            continue;
        }
        struct tensor_entry *tensor = &file->tensors[file->count++];
        tensor->name = name;
        TRY(read_tensor(tensor, value, data, size));
    }
    TRY(check_cover(file, data, size));
    qsort(file->tensors, file->count, sizeof file->tensors[0], by_name);
    return OC_OK;
}

static oc_status parse(struct safetensors *file, size_t size)
{
    if (size < PREFIX_BYTES)
        return fail(OC_E_FORMAT, "has %zu bytes, too few for a safetensors file", size);
    uint64_t length;
    memcpy(&length, file->bytes, sizeof length);
    if (length > MAX_HEADER_BYTES || length > size - PREFIX_BYTES)
        return fail(OC_E_FORMAT,
                    "declares a header of %" PRIu64 " bytes, but %zu follow and %d is the most allowed",
                    length, size - PREFIX_BYTES, MAX_HEADER_BYTES);
    const char *text = (const char *)file->bytes + PREFIX_BYTES;
    size_t used = (size_t)length;
    while (used > 0 && text[used - 1] == ' ') /* padding */
        used--;
    if (used == 0 || text[0] != '{' || text[used - 1] != '}')
        return fail(OC_E_FORMAT, "has a header that is not a JSON object: it is not a safetensors file");
    json_error_t error;
    file->header = json_loadb(text, used, JSON_REJECT_DUPLICATES, &error);
    if (!file->header)
        return fail(OC_E_FORMAT, "has a header that is not valid JSON, at byte %d: %s", error.position,
                    error.text);
    return read_tensors(file, file->bytes + PREFIX_BYTES + length, size - PREFIX_BYTES - (size_t)length);
}

oc_status safetensors_open(struct safetensors *file, const char *path)
{
    size_t size;
    *file = (struct safetensors){ 0 };
    TRY(file_read(path, PTRDIFF_MAX, &file->bytes, &size));
    const oc_status status = parse(file, size);
    if (status == OC_OK)
        return OC_OK;
    safetensors_close(file);
    return fail_in(status, path);
}

void safetensors_close(struct safetensors *file)
{
    json_decref(file->header);
    memory_free(&memory_heap, file->tensors);
    memory_free(&memory_heap, file->bytes);
    *file = (struct safetensors){ 0 };
}

struct tensor_entry *safetensors_find(const struct safetensors *file, const char *name)
{
    const struct tensor_entry wanted = { .name = name };
    return file->count ? bsearch(&wanted, file->tensors, file->count, sizeof wanted, by_name) : NULL;
}

const char *safetensors_metadata(const struct safetensors *file, const char *key)
{
    return json_string_value(json_object_get(json_object_get(file->header, METADATA), key));
}

/* ---- Writing ---- */

/* Types of larger values first, which keeps all values aligned; then by name. */
static int by_type_and_name(const void *left, const void *right)
{
    const struct tensor_entry *a = left, *b = right;
    const struct type *p = find_type(a->type), *q = find_type(b->type);
    return p != q ? (p < q) - (p > q) : strcmp(a->name, b->name);
}

/* Adds value to the object and lets go of it; false if the name is taken, not UTF-8, or memory is short. */
static bool add(json_t *object, const char *name, json_t *value)
{
    if (json_object_get(object, name)) {
        json_decref(value);
        return false;
    }
    return json_object_set_new(object, name, value) == 0;
}

static json_t *describe(const struct tensor_entry *tensor, size_t begin)
{
    json_t *shape = json_array();
    for (int i = 0; i < tensor->rank; i++)
        json_array_append_new(shape, json_integer(tensor->shape[i]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", tensor->type, "shape", shape, "data_offsets",
                     (json_int_t)begin, (json_int_t)(begin + tensor->bytes));
}

static oc_status build_header(json_t *header, struct tensor_entry *tensors, size_t count,
                              const char *const *metadata)
{
    json_t *object = metadata && metadata[0] ? json_object() : NULL;
    if (object && !add(header, METADATA, object))
        return fail(OC_E_MEMORY, "no host memory for the header");
    for (; object && metadata[0]; metadata += 2)
        if (!add(object, metadata[0], json_string(metadata[1])))
            return fail(OC_E_ARGUMENT, "metadata %s is given twice or is not UTF-8", metadata[0]);
    for (size_t i = 0; i < count; i++)
        if (!find_type(tensors[i].type) ||
            !tensor_bytes(find_type(tensors[i].type), tensors[i].rank, tensors[i].shape, &tensors[i].bytes))
            return fail(OC_E_ARGUMENT, "tensor %s has no valid size", tensors[i].name);
    qsort(tensors, count, sizeof tensors[0], by_type_and_name);
    size_t begin = 0;
    for (size_t i = 0; i < count; begin += tensors[i++].bytes)
        if (strcmp(tensors[i].name, METADATA) == 0 ||
            !add(header, tensors[i].name, describe(&tensors[i], begin)))
            return fail(OC_E_ARGUMENT, "tensor name %s is given twice, reserved or not UTF-8",
                        tensors[i].name);
    return OC_OK;
}

oc_status safetensors_write_header(struct file_writer *file, struct tensor_entry *tensors, size_t count,
                                   const char *const *metadata)
{
    json_t *header = json_object();
    if (!header)
        return fail(OC_E_MEMORY, "no host memory for the header");
    oc_status status = build_header(header, tensors, count, metadata);
    char *text = status == OC_OK ? json_dumps(header, JSON_COMPACT) : NULL;
    json_decref(header);
    TRY(status);
    if (!text)
        return fail(OC_E_MEMORY, "no host memory for the header");
    const size_t length = strlen(text);
    const uint64_t padded = (length + 7) / 8 * 8;
    status = file_write(file, &padded, sizeof padded);
    if (status == OC_OK)
        status = file_write(file, text, length);
    if (status == OC_OK)
        status = file_write(file, "       ", padded - length);
    free(text);
    return status;
}

#else

static oc_status fail_missing(void)
{
    return fail(OC_E_UNSUPPORTED, "safetensors files need jansson, which this build of Ocelli lacks: install "
                                  "libjansson-dev and build again");
}

oc_status safetensors_open(struct safetensors *file, const char *path)
{
    (void)path;
    *file = (struct safetensors){ 0 };
    return fail_missing();
}

void safetensors_close(struct safetensors *file)
{
    (void)file;
}

struct tensor_entry *safetensors_find(const struct safetensors *file, const char *name)
{
    (void)file, (void)name;
    return NULL;
}

const char *safetensors_metadata(const struct safetensors *file, const char *key)
{
    (void)file, (void)key;
    return NULL;
}

oc_status safetensors_write_header(struct file_writer *file, struct tensor_entry *tensors, size_t count,
                                   const char *const *metadata)
{
    (void)file, (void)tensors, (void)count, (void)metadata;
    return fail_missing();
}

#endif

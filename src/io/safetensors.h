/* safetensors.h - the file format of weights, read and written strictly by its specification.
 *
 *     8 bytes   little-endian N
 *     N bytes   JSON: {"__metadata__": {key: string}, "name": {"dtype", "shape", "data_offsets": [begin, end]}}
 *     the rest  the tensors' values, row-major, little-endian, without gaps
 *
 * Every offset, size and name is checked when the file is opened, before anything is allocated for it. */
#ifndef IO_SAFETENSORS_H
#define IO_SAFETENSORS_H

#include "io/array.h"
#include "base/file.h"

struct tensor_entry {
    const char *name;
    const char *type; /* "F32"; as the format spells it */
    int rank;
    int64_t shape[ARRAY_MAX_RANK];
    size_t bytes;
    const unsigned char *data; /* read: in the file's bytes, aligned to nothing; written: not used */
    int mark;                  /* the caller's */
};

struct safetensors {
    struct tensor_entry *tensors; /* sorted by name */
    size_t count;
    unsigned char *bytes; /* the whole file */
    struct json_t *header;
};

/* The error's sentence begins with the path. On failure there is nothing to close. */
oc_status safetensors_open(struct safetensors *file, const char *path);
void safetensors_close(struct safetensors *file);

/* NULL if the file has none of that name. */
struct tensor_entry *safetensors_find(const struct safetensors *file, const char *name);
const char *safetensors_metadata(const struct safetensors *file, const char *key);

/* Writes everything before the values: fills in `bytes` and sorts `tensors` into the order in which their values
 * must follow. `metadata`: NULL-terminated pairs key, value; or NULL. Names and keys must be unique. */
oc_status safetensors_write_header(struct file_writer *file, struct tensor_entry *tensors, size_t count,
                                   const char *const *metadata);

#endif

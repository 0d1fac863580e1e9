/* file.h - whole files: read up to a limit, and written so that a failure leaves the old file as it was. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/status.h"

/* Reads all of a file, or of a pipe, into memory to be given back with memory_free(&memory_heap, *data); what has
 * more than `limit` bytes is refused. */
oc_status file_read(const char *path, size_t limit, unsigned char **data, size_t *size);

/* A file being written: its bytes gather in PATH.tmp.PID beside it, which takes its place at the end, on disk and in
 * one piece. What is not a regular file (a pipe, a device) is written to directly. One writer per path at a time. */
struct file_writer {
    const char *path; /* the caller's */
    char *target;     /* the path with symbolic links followed; NULL: `path` is written to directly */
    char *temporary;
    int descriptor;
};

oc_status file_begin(struct file_writer *file, const char *path);
oc_status file_write(struct file_writer *file, const void *bytes, size_t count);

/* To be called once after file_begin, which may have failed: with OC_OK the new file takes the old one's place, else
 * it is removed. Returns `status`, or why the file could not be completed. */
oc_status file_end(struct file_writer *file, oc_status status);

#endif

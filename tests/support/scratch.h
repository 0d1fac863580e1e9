/* scratch.h - a folder of its own for a test's files: Test(suite, name, .init = scratch_open, .fini = scratch_close). */
#ifndef SUPPORT_SCRATCH_H
#define SUPPORT_SCRATCH_H

#include <ocelli/ocelli.h>

void scratch_open(void);
void scratch_close(void); /* removes the folder and the files in it */

/* The path of a file in the folder; the text lives until the eighth call after this one. */
const char *scratch_path(const char *name);

void scratch_write(const char *name, const void *bytes, size_t size);

/* Up to `capacity` bytes of a file; returns its size. */
size_t scratch_read(const char *name, void *bytes, size_t capacity);

/* Files in the folder. */
int scratch_count(void);

/* Gives up root for the rest of the test if it has it, so that permissions count; the folder stays ours. */
void scratch_drop_root(void);

/* The status must be `wanted` and the last error contain `words`; `name` says which case it is. */
void expect_failure(oc_status status, oc_status wanted, const char *words, const char *name);

#endif

/* array.h - what the readers and writers share: sizes that cannot overflow, new arrays, resampled planes. */
#ifndef IO_ARRAY_H
#define IO_ARRAY_H

#include <ocelli/ocelli.h>

/* The files' numbers are little-endian and are copied as they stand. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Ocelli reads and writes files on little-endian machines only"
#endif

enum { ARRAY_MAX_RANK = 8 };

/* *bytes = product of the sizes times `each`; false if a size is negative or the product has no size_t. */
bool array_bytes(int rank, const int64_t *shape, size_t each, size_t *bytes);

/* A new array of zeros, to be given back with oc_array_clear; untouched on failure. */
oc_status array_create(oc_array *array, int rank, const int64_t *shape);

/* Bilinear, corners not aligned: `planes` pictures of height x width to new_height x new_width; sizes >= 1. */
void array_resample(float *to, int64_t new_height, int64_t new_width, const float *from, int64_t height,
                    int64_t width, int64_t planes);

#endif

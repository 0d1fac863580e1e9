/* text.h - a string under construction, for build options and messages.
 *
 * Invariant: always a valid C string; what does not fit sets `overflow` and is left out, so that a caller checks
 * once at the end. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/status.h"

struct text {
    char *data;
    size_t capacity, length;
    bool overflow;
};

/* An empty text in the caller's array. */
#define TEXT_IN(array) ((struct text){ .data = ((array)[0] = '\0', (array)), .capacity = sizeof(array) })

void text_print(struct text *text, const char *format, ...) PRINTF_LIKE(2, 3);

/* "2x3x4" */
void text_shape(struct text *text, int rank, const int64_t *dims);

#endif

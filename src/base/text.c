/* text.c - a string under construction. */
#include "base/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

void text_print(struct text *text, const char *format, ...)
{
    if (text->overflow)
        return;
    va_list arguments;
    va_start(arguments, format);
    const size_t room = text->capacity - text->length;
    const int length = vsnprintf(text->data + text->length, room, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= room) {
        text->data[text->length] = '\0';
        text->overflow = true;
    } else {
        text->length += (size_t)length;
    }
}

void text_shape(struct text *text, int rank, const int64_t *dims)
{
    for (int i = 0; i < rank; i++)
        text_print(text, "%s%" PRId64, i ? "x" : "", dims[i]);
}

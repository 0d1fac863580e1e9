/* output.h - what goes to the terminal: results on stdout, one line of progress on stderr. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "options.h"

#include <jansson.h>
#include <ocelli/ocelli.h>
#include <stddef.h>

/* Turns a status into an exit code; says on stderr why the library refused, if it did. */
enum exit_code output_status(oc_status status);

/* Says on stderr why the tool itself refuses; returns EXIT_FAILED. */
enum exit_code output_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define FORWARD(expression)                                                                                  \
    do {                                                                                                     \
        const enum exit_code forward_code = (expression);                                                    \
        if (forward_code != EXIT_OK)                                                                         \
            return forward_code;                                                                             \
    } while (0)

/* Prints an object on a line of stdout, and gives it back. */
void output_json(json_t *object);

/* Like json_real, but null for what JSON has no number for. */
json_t *output_real(double value);

/* A size list such as [1, 32, 32]. */
json_t *output_shape(const int64_t *sizes, int count);

/* Whether stdout is a terminal that shows colours, and one that shows more than ASCII. */
bool output_colour(void);
bool output_unicode(void);

enum { NUMBER_TEXT = 32 };

/* "61,706"; "24.1 KiB"; "1:02:07". They return `text`. */
const char *output_count(char text[NUMBER_TEXT], int64_t value);
const char *output_bytes(char text[NUMBER_TEXT], int64_t bytes);
const char *output_time(char text[NUMBER_TEXT], double seconds);

/* Replaces the line of progress, at most ten times a second, if stderr is a terminal. Clear it before other output. */
void progress_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void progress_clear(void);

/* oc_progress_fn: shows the progress of a compilation, and stops it when interrupted. */
bool progress_compile(void *user, const char *what, int done, int total);

/* The library's warnings, and with --verbose all it says, on stderr. */
void output_log(bool verbose);

/* interrupt.c: from now on the first SIGINT or SIGTERM only makes interrupt_requested true; the second kills. */
void interrupt_install(void);
bool interrupt_requested(void);

#endif

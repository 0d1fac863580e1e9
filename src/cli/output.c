/* output.c - numbers, JSON and the line of progress. */
#include "output.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum exit_code output_status(oc_status status)
{
    if (status == OC_OK)
        return EXIT_OK;
    output_error("%s", oc_last_error());
    return status == OC_E_INTERRUPTED ? EXIT_INTERRUPTED : EXIT_FAILED;
}

enum exit_code output_error(const char *format, ...)
{
    progress_clear();
    va_list arguments;
    va_start(arguments, format);
    fputs("ocelli: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return EXIT_FAILED;
}

void output_json(json_t *object)
{
    json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    fflush(stdout);
    json_decref(object);
}

json_t *output_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *output_shape(const int64_t *sizes, int count)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(list, json_integer(sizes[i]));
    return list;
}

static bool is_terminal(int descriptor)
{
    const char *kind = getenv("TERM");
    return isatty(descriptor) && kind && strcmp(kind, "dumb") != 0;
}

bool output_colour(void)
{
    const char *no = getenv("NO_COLOR");
    return is_terminal(STDOUT_FILENO) && !(no && *no);
}

/* The first of these that is set says what the terminal's characters are. */
bool output_unicode(void)
{
    static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
    for (int i = 0; i < 3; i++) {
        const char *value = getenv(names[i]);
        if (!value || !*value)
            continue;
        const char *coding = strchr(value, '.');
        return coding && (strncasecmp(coding, ".UTF-8", 6) == 0 || strncasecmp(coding, ".UTF8", 5) == 0);
    }
    return false;
}

const char *output_count(char text[NUMBER_TEXT], int64_t value)
{
    char digits[NUMBER_TEXT];
    const int length = snprintf(digits, sizeof digits, "%lld", (long long)value);
    char *end = text;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-')
            *end++ = ',';
        *end++ = digits[i];
    }
    *end = '\0';
    return text;
}

const char *output_bytes(char text[NUMBER_TEXT], int64_t bytes)
{
    static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
    if (bytes < 1024) {
        snprintf(text, NUMBER_TEXT, "%lld B", (long long)bytes);
        return text;
    }
    double value = (double)bytes / 1024;
    int unit = 0;
    for (; value >= 1024 && unit < 3; unit++)
        value /= 1024;
    snprintf(text, NUMBER_TEXT, "%.1f %s", value, units[unit]);
    return text;
}

const char *output_time(char text[NUMBER_TEXT], double seconds)
{
    const long long whole = isfinite(seconds) ? llround(seconds) : 0;
    if (whole >= 3600)
        snprintf(text, NUMBER_TEXT, "%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60, whole % 60);
    else
        snprintf(text, NUMBER_TEXT, "%lld:%02lld", whole / 60, whole % 60);
    return text;
}

/* ---- progress ---- */

static bool line_shown;

void progress_print(const char *format, ...)
{
    static double last;
    struct timespec time;
    if (!is_terminal(STDERR_FILENO))
        return;
    clock_gettime(CLOCK_MONOTONIC, &time);
    const double now = (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
    if (line_shown && now - last < 0.1)
        return;
    last = now;
    line_shown = true;
    va_list arguments;
    va_start(arguments, format);
    fputs("\r\033[K", stderr);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fflush(stderr);
}

void progress_clear(void)
{
    if (line_shown)
        fputs("\r\033[K", stderr);
    line_shown = false;
}

bool progress_compile(void *user, const char *what, int done, int total)
{
    (void)user;
    if (done < total)
        progress_print("compiling kernels [%d/%d] %s", done, total, what);
    else
        progress_clear();
    return !interrupt_requested();
}

/* ---- messages ---- */

static void log_line(void *user, oc_log_level level, const char *message)
{
    static const char *const names[] = { "error", "warning", "info", "debug" };
    (void)user;
    progress_clear();
    fprintf(stderr, "ocelli: %s: %s\n", names[level], message);
}

/* Not the errors: what is fatal is printed once, by output_status. */
static void log_warning(void *user, oc_log_level level, const char *message)
{
    if (level == OC_LOG_WARNING)
        log_line(user, level, message);
}

void output_log(bool verbose)
{
    if (verbose)
        oc_set_log(log_line, NULL, OC_LOG_DEBUG);
    else
        oc_set_log(log_warning, NULL, OC_LOG_WARNING);
}

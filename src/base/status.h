/* status.h - how a failure is born and handed upward.
 *
 * Invariant: a status other than OC_OK is produced by fail() alone, at the place where the cause is known, and
 * is never described a second time on its way up. */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include <ocelli/ocelli.h>

#if defined(__GNUC__)
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#else
#define PRINTF_LIKE(text, first)
#endif

/* Stores the sentence as this thread's last error, logs it, and returns `status`. */
oc_status fail(oc_status status, const char *format, ...) PRINTF_LIKE(2, 3);

/* For a status that was kept (a graph's sticky error): stores its sentence again without logging it. */
oc_status fail_again(oc_status status, const char *message);

/* Puts "`prefix`: " before this thread's last error; for callers that know the layer or file. Returns status. */
oc_status fail_in(oc_status status, const char *prefix);

#define TRY(expression)                                                                                      \
    do {                                                                                                     \
        const oc_status try_status = (expression);                                                           \
        if (try_status != OC_OK)                                                                             \
            return try_status;                                                                               \
    } while (0)

#endif

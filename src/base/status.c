/* status.c - names of statuses, and the sentence of this thread's last failure. */
#include "base/status.h"
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_BYTES = 4096 }; /* room for the tail of a kernel's build log */

static _Thread_local char last_error[MESSAGE_BYTES];

const char *oc_status_name(oc_status status)
{
    switch (status) {
#define NAME(name, text)                                                                                     \
    case name:                                                                                               \
        return #name;
        OC_STATUS_LIST(NAME)
#undef NAME
    }
    return "unknown status";
}

const char *oc_last_error(void)
{
    return last_error;
}

oc_status fail(oc_status status, const char *format, ...)
{
    va_list arguments;
    char message[MESSAGE_BYTES]; /* the arguments may point into last_error */
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    log_message(OC_LOG_ERROR, "%s", message);
    return fail_again(status, message);
}

oc_status fail_again(oc_status status, const char *message)
{
    if (message != last_error)
        snprintf(last_error, sizeof last_error, "%s", message);
    return status;
}

oc_status fail_in(oc_status status, const char *prefix)
{
    char message[MESSAGE_BYTES];
    snprintf(message, sizeof message, "%s", last_error);
    snprintf(last_error, sizeof last_error, "%s: %.*s", prefix, MESSAGE_BYTES / 2, message);
    return status;
}

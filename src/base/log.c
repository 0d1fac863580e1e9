/* log.c - the one process-wide setting: where messages go. */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

static struct {
    pthread_mutex_t mutex;
    oc_log_fn fn;
    void *user;
    oc_log_level level;
} sink = { .mutex = PTHREAD_MUTEX_INITIALIZER };

void oc_set_log(oc_log_fn fn, void *user, oc_log_level level)
{
    pthread_mutex_lock(&sink.mutex);
    sink.fn = fn;
    sink.user = user;
    sink.level = level;
    pthread_mutex_unlock(&sink.mutex);
}

void log_message(oc_log_level level, const char *format, ...)
{
    pthread_mutex_lock(&sink.mutex);
    const oc_log_fn fn = level <= sink.level ? sink.fn : NULL;
    void *user = sink.user;
    pthread_mutex_unlock(&sink.mutex);
    if (!fn)
        return;
    char message[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    fn(user, level, message);
}

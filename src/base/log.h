/* log.h - messages to the callback that oc_set_log installed; nothing when there is none. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/status.h"

void log_message(oc_log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

#endif

/* planted.c - what the gates must find; never compiled. */
#include "base/status.h"

/* verbs.h - one file per verb. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "options.h"

extern const struct verb verb_devices, verb_doctor, verb_models, verb_summary, verb_train, verb_eval,
    verb_predict;

#endif

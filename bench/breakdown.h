/* breakdown.h - where the time of a network's step goes. */
#ifndef BENCH_BREAKDOWN_H
#define BENCH_BREAKDOWN_H

#include "report.h"

/* Prints every launch of the model's last batch, longest first, and then the sum of each kernel; in JSON the launches
 * alone. A step without it takes `step` milliseconds. */
enum exit_code breakdown(const struct report *report, oc_model *model, bool train, double step);

#endif

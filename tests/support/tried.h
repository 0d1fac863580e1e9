/* tried.h - which values of tunables have run. */
#ifndef SUPPORT_TRIED_H
#define SUPPORT_TRIED_H

#include "compile/compile.h"

enum { MAX_TRIED = 16 };

/* Operations that share a kernel share its tunables. */
struct tried {
    struct {
        const struct tunable *tunables;
        uint64_t values; /* a bit for each value of each tunable */
    } sets[MAX_TRIED];
};

uint64_t *tried_of(struct tried *tried, const struct tunable *tunables);

/* Those of one combination, and all that there are. */
uint64_t tried_bits(const struct tunable *tunables, const int index[MAX_TUNABLES]);
uint64_t tried_all(const struct tunable *tunables);

void tried_set(struct choice *choice, const int index[MAX_TUNABLES]);

/* Of the combinations that may be tried, the first with most values that are not in *values, to which it adds them; false if none
 * has one. */
bool tried_find_next(struct choice *choice, const struct node *n, const oc_device_info *device,
                     uint64_t *values);

#endif

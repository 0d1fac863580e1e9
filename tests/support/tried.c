/* tried.c - which values of tunables have run. */
#include "support/tried.h"

#include <criterion/criterion.h>

uint64_t *tried_of(struct tried *tried, const struct tunable *tunables)
{
    int i = 0;
    while (tried->sets[i].tunables && tried->sets[i].tunables != tunables)
        cr_assert(++i < MAX_TRIED);
    tried->sets[i].tunables = tunables;
    return &tried->sets[i].values;
}

uint64_t tried_bits(const struct tunable *tunables, const int index[MAX_TUNABLES])
{
    uint64_t bits = 0;
    for (int i = 0; tunables[i].name; i++)
        bits |= UINT64_C(1) << (8 * i + index[i]);
    return bits;
}

uint64_t tried_all(const struct tunable *tunables)
{
    int index[MAX_TUNABLES] = { 0 };
    uint64_t all = 0;
    do
        all |= tried_bits(tunables, index);
    while (choice_next(tunables, index));
    return all;
}

void tried_set(struct choice *choice, const int index[MAX_TUNABLES])
{
    for (int i = 0; choice->impl->tunables[i].name; i++)
        choice->tuned[i] = choice->impl->tunables[i].values[index[i]];
}

static int count_bits(uint64_t bits)
{
    int count = 0;
    for (; bits; bits &= bits - 1)
        count++;
    return count;
}

bool tried_find_next(struct choice *choice, const struct node *n, const oc_device_info *device,
                     uint64_t *values)
{
    int index[MAX_TUNABLES] = { 0 }, best = 0;
    uint64_t bits = 0;
    struct choice candidate = *choice;
    do {
        const uint64_t untried = tried_bits(candidate.impl->tunables, index) & ~*values;
        tried_set(&candidate, index);
        if (count_bits(untried) > best && choice_is_allowed(&candidate, n, device)) {
            best = count_bits(untried);
            bits = untried;
            *choice = candidate;
        }
    } while (choice_next(candidate.impl->tunables, index));
    *values |= bits;
    return best > 0;
}

/* subjects.h - which cases the command line asks for. */
#ifndef BENCH_SUBJECTS_H
#define BENCH_SUBJECTS_H

#include "options.h"
#include "support/case.h"

/* A case to be measured. */
struct subject {
    const struct op_spec *spec;
    struct op_case c;
    char name[64]; /* c.name may point here */
    int count;     /* how often a suite has it; 0: not of a suite */
    bool first;    /* reads the suite's picture: nobody needs its input's gradient */
};

/* Fills `list` (free it) with the cases that match. A name that is not known is EXIT_USAGE, after a sentence on stderr
 * with those that are. */
enum exit_code subjects_find(struct subject **list, int *count, const struct options *options);

/* Operations and their cases, those of the tests first; NULL behind the last. One without `forward` draws: it runs in training
 * only, and nothing is known about its results. */
const struct op_spec *subjects_spec(int index);

void subject_set_batch(struct subject *s, int batch);

/* Whether any operation has an implementation of this name; if not, says on stderr which there are. */
bool subjects_know_impl(const char *impl);

#endif

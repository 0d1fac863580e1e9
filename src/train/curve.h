/* curve.h - what a training run leaves to look at: PREFIX.csv, PREFIX.jsonl and PREFIX.svg.
 *
 * Invariant: each file is complete up to the last epoch that curve_add returned OC_OK for. */
#ifndef TRAIN_CURVE_H
#define TRAIN_CURVE_H

#include "base/status.h"

#include <locale.h>
#include <stdio.h>

/* One epoch. Test results are NaN without test data. */
struct curve_row {
    int epoch;
    double loss, accuracy, test_loss, test_accuracy, rate, images_per_second, seconds;
};

struct curve {
    const char *prefix; /* NULL: no files, and every call does nothing */
    struct curve_row *rows;
    size_t count, capacity;
    FILE *csv, *jsonl;
    locale_t locale; /* numbers are written with a point whatever the program's language */
};

/* Starts the files. The first `keep` epochs of an existing PREFIX.csv stay. On failure nothing is left open. */
oc_status curve_open(struct curve *curve, const char *prefix, int keep);
oc_status curve_add(struct curve *curve, const struct curve_row *row);

/* Draws PREFIX.svg. */
oc_status curve_plot(struct curve *curve);
oc_status curve_close(struct curve *curve);

/* plot.c: the drawing itself. */
void plot_write(FILE *file, const struct curve_row *rows, size_t count);

#endif

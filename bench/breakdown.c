/* breakdown.c - each launch of a step is timed several times, and its fastest counts. */
#include "breakdown.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPEAT = 5 };

struct profile {
    struct launch_row *rows;
    int count, capacity;
    int next; /* the row of the launch that comes next */
    bool train;
    double derived; /* milliseconds of what inferring does not repeat */
    double milliseconds, least;
};

static struct launch_row *append(struct profile *p)
{
    if (p->count == p->capacity) {
        p->capacity = 2 * p->capacity + 256;
        p->rows = realloc(p->rows, (size_t)p->capacity * sizeof *p->rows);
        if (!p->rows) {
            perror("ocelli-bench");
            exit(EXIT_FAILURE);
        }
    }
    return &p->rows[p->count++];
}

static void collect(void *user, const oc_profile_entry *entry)
{
    struct profile *p = user;
    if (entry->derived && !p->train) {
        p->derived += entry->milliseconds / REPEAT;
        return;
    }
    if (p->next == p->count)
        *append(p) = (struct launch_row){ .layer = entry->layer,
                                          .op = entry->op,
                                          .impl = entry->implementation,
                                          .kernel = entry->kernel,
                                          .backward = entry->backward,
                                          .count = 1,
                                          .milliseconds = entry->milliseconds,
                                          .flops = entry->flops,
                                          .bytes = entry->bytes };
    struct launch_row *row = &p->rows[p->next++];
    row->milliseconds = fmin(row->milliseconds, entry->milliseconds);
}

/* Whether a launch belongs to the operation that `first` begins: the work of all of it stands there. */
static bool continues(const struct launch_row *first, const struct launch_row *row)
{
    return row->flops == 0 && row->bytes == 0 && row->backward == first->backward &&
           strcmp(row->layer, first->layer) == 0 && strcmp(row->op, first->op) == 0;
}

/* Spreads the work of an operation over its launches, as their times are: all of them get its rate. */
static void spread_work(struct profile *p, const struct peak *peak)
{
    for (int i = 0, end; i < p->count; i = end) {
        const struct launch_row first = p->rows[i];
        const double least = fmax(first.flops / peak->gflops, first.bytes / peak->gbps) * 1e-6;
        double sum = first.milliseconds;
        for (end = i + 1; end < p->count && continues(&first, &p->rows[end]); end++)
            sum += p->rows[end].milliseconds;
        for (int j = i; j < end; j++) {
            struct launch_row *row = &p->rows[j];
            const double share = sum > 0 ? row->milliseconds / sum : 0;
            row->flops = first.flops * share;
            row->bytes = first.bytes * share;
            row->least = least * share;
        }
        p->milliseconds += sum;
        p->least += least;
    }
}

static int longest_first(const void *a, const void *b)
{
    const double x = ((const struct launch_row *)a)->milliseconds,
                 y = ((const struct launch_row *)b)->milliseconds;
    return (x < y) - (x > y);
}

/* Joins launches of the same kernel for the same operation and implementation. */
static void join_kernels(struct profile *p)
{
    int count = 0;
    for (int i = 0; i < p->count; i++) {
        const struct launch_row *row = &p->rows[i];
        int j = 0;
        while (j < count && (strcmp(p->rows[j].op, row->op) != 0 || strcmp(p->rows[j].impl, row->impl) != 0 ||
                             strcmp(p->rows[j].kernel, row->kernel) != 0))
            j++;
        if (j == count) {
            p->rows[count] = *row;
            p->rows[count++].layer = NULL;
            continue;
        }
        p->rows[j].count++;
        p->rows[j].milliseconds += row->milliseconds;
        p->rows[j].flops += row->flops;
        p->rows[j].bytes += row->bytes;
        p->rows[j].least += row->least;
    }
    p->count = count;
}

static void print(const struct report *report, struct profile *p)
{
    qsort(p->rows, (size_t)p->count, sizeof *p->rows, longest_first);
    report_launch_begin(report, p->rows[0].layer != NULL);
    for (int i = 0; i < p->count; i++)
        report_launch(report, &p->rows[i], p->milliseconds);
}

enum exit_code breakdown(const struct report *report, oc_model *model, bool train, double step)
{
    struct profile p = { .train = train };
    oc_status status = OC_OK;
    for (int i = 0; status == OC_OK && i < REPEAT; i++) {
        p.next = 0;
        status = oc_model_profile(model, train, collect, &p);
    }
    if (status == OC_OK && p.count > 0) {
        const int launches = p.count;
        spread_work(&p, &report->peak);
        print(report, &p);
        join_kernels(&p);
        if (!report->json) {
            print(report, &p);
            printf("\n%d launches in %.3f ms, %.1f%% of the roofline; a step%s took %.3f ms\n", launches,
                   p.milliseconds, 100 * p.least / p.milliseconds, train ? " with its update" : "", step);
            if (p.derived > 0)
                printf("Making weights ready takes a further %.3f ms after each change of them.\n",
                       p.derived);
        }
    }
    free(p.rows);
    return report_status(status);
}

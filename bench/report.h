/* report.h - what is printed: a table, or with --json an object per line. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "options.h"

#include <ocelli/ocelli.h>

/* Turns a status into an exit code; says on stderr why the library refused, if it did. */
enum exit_code report_status(oc_status status);

struct peak {
    double gflops, gbps;
};

/* Opens the device that was asked for and measures it. On failure says why and hands nothing over. */
enum exit_code report_open(oc_device **device, struct peak *peak, const struct options *options);

/* One measurement. */
struct row {
    const char *op, *impl, *case_name;
    enum pass pass;
    int count;           /* how often a suite has it; 0: not of a suite */
    double milliseconds; /* of one call */
    double flops, bytes;
    double error; /* of the result; NaN if it was not compared */
};

struct report {
    bool json;
    struct peak peak;
};

void report_begin(const struct report *report, const oc_device *device);
void report_row(const struct report *report, const struct row *row);

/* What has to be done to the weights of a case or a suite after each update. Not in JSON. */
void report_packing(const struct report *report, const char *name, double milliseconds);

/* The sum over a suite: `row` with the suite's name as the case, and times and work of all of its `count` layers. */
void report_total(const struct report *report, const struct row *row);

/* One network; a mean of several has a name of its own. */
struct net_row {
    const char *name, *mode;
    int batch;
    double images_per_second, best_images_per_second; /* by the median and by the fastest step */
    double device_bytes, create_seconds;
};

void report_net_begin(const struct report *report, const oc_device *device);
void report_net(const struct report *report, const struct net_row *row);

/* One launch of a network's step or, with layer NULL, all launches of a kernel for an operation. */
struct launch_row {
    const char *layer, *op, *impl, *kernel;
    bool backward;
    int count;
    double milliseconds, flops, bytes;
    double least; /* milliseconds that the device needs for it, by its peaks */
};

void report_launch_begin(const struct report *report, bool layers);
void report_launch(const struct report *report, const struct launch_row *row, double total_milliseconds);

/* A clock that never jumps. */
double report_clock(void);

/* net.c: the networks of the suites, with commas between them. */
extern const char suite_nets[];

/* Replaces the line of progress on stderr, if that is a terminal and stdout, where the rows go, is none. */
void report_progress(int done, int total, const char *what);

#endif

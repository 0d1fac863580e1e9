/* report.c - rows as a table or as JSON. */
#include "report.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { NUMBER_TEXT = 32 };

const char *const pass_names[PASS_COUNT] = { "forward", "backward_data", "backward_filter" };

enum exit_code report_status(oc_status status)
{
    if (status == OC_OK)
        return EXIT_OK;
    fprintf(stderr, "ocelli-bench: %s\n", oc_last_error());
    return EXIT_FAILED;
}

enum exit_code report_open(oc_device **device, struct peak *peak, const struct options *options)
{
    *device = NULL;
    enum exit_code code =
        report_status(oc_device_open(device, &(oc_device_desc){ .select = options->device }));
    if (code != EXIT_OK)
        return code;
    code = report_status(oc_device_measure(*device, &peak->gflops, &peak->gbps));
    if (code == EXIT_OK)
        return code;
    oc_device_close(*device);
    *device = NULL;
    return code;
}

/* The least time the device needs, by its FMA rate or by its bandwidth, relative to what it took. */
static double percent_of_peak(const struct peak *peak, const struct row *row)
{
    const double least = fmax(row->flops / peak->gflops, row->bytes / peak->gbps) * 1e-6;
    return least > 0 ? 100 * least / row->milliseconds : (double)NAN;
}

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static void print_json(json_t *object)
{
    json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    fflush(stdout);
    json_decref(object);
}

static json_t *row_json(const struct row *row, double percent)
{
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "op", row->op, "pass", pass_names[row->pass], "case",
        row->case_name, "impl", row->impl, "ms", number(row->milliseconds), "gflops",
        number(row->flops / row->milliseconds * 1e-6), "gbps", number(row->bytes / row->milliseconds * 1e-6),
        "percent_of_peak", number(percent), "max_error", number(row->error));
    if (row->count > 0)
        json_object_set_new(object, "count", json_integer(row->count));
    return object;
}

/* A number, or "-" for one that is not known. */
static const char *text_of(char text[NUMBER_TEXT], const char *format, double value)
    __attribute__((format(printf, 2, 0)));
static const char *text_of(char text[NUMBER_TEXT], const char *format, double value)
{
    if (isnan(value) || value == 0)
        return "-";
    snprintf(text, NUMBER_TEXT, format, value);
    return text;
}

static void print_row(const struct row *row, double percent)
{
    char gflops[NUMBER_TEXT], gbps[NUMBER_TEXT], share[NUMBER_TEXT], error[NUMBER_TEXT], count[NUMBER_TEXT];
    snprintf(count, sizeof count, "%d x ", row->count);
    printf("%-21s %-15s %4s%-46s %-10s %10.4f %9s %8s %7s %9s\n", row->op, pass_names[row->pass],
           row->count > 0 ? count : "", row->case_name, row->impl, row->milliseconds,
           text_of(gflops, "%.2f", row->flops / row->milliseconds * 1e-6),
           text_of(gbps, "%.2f", row->bytes / row->milliseconds * 1e-6), text_of(share, "%.1f", percent),
           isnan(row->error) ? "-"
           : row->error == 0 ? "0"
                             : text_of(error, "%.1e", row->error));
    fflush(stdout);
}

void report_begin(const struct report *report, const oc_device *device)
{
    if (report->json)
        return;
    printf("%s: %.1f GFLOP/s, %.1f GB/s\n\n", oc_device_get_info(device)->name, report->peak.gflops,
           report->peak.gbps);
    printf("%-21s %-15s %-50s %-10s %10s %9s %8s %7s %9s\n", "operation", "pass", "case", "impl", "ms",
           "GFLOP/s", "GB/s", "% peak", "max error");
}

void report_row(const struct report *report, const struct row *row)
{
    const double percent = percent_of_peak(&report->peak, row);
    if (report->json)
        print_json(row_json(row, percent));
    else
        print_row(row, percent);
}

void report_packing(const struct report *report, const char *name, double milliseconds)
{
    if (!report->json)
        printf("%-37s %-61s %10.4f  once per update\n", "note: packing the weights", name, milliseconds);
}

void report_total(const struct report *report, const struct row *row)
{
    const double gflops = row->flops / row->milliseconds * 1e-6;
    const double percent = 100 * gflops / report->peak.gflops;
    if (report->json)
        print_json(row_json(row, percent));
    else
        printf("total of %s, %s: %d layers, %.3f GFLOP in %.3f ms: %.2f GFLOP/s, %.1f%% of the FMA rate\n",
               row->case_name, pass_names[row->pass], row->count, row->flops * 1e-9, row->milliseconds,
               gflops, percent);
}

void report_net_begin(const struct report *report, const oc_device *device)
{
    if (!report->json)
        printf("%s\n\n%-18s %-6s %6s %11s %11s %11s %12s %11s\n", oc_device_get_info(device)->name, "network",
               "mode", "batch", "images/s", "fastest", "ms per step", "device MB", "creation s");
}

void report_net(const struct report *report, const struct net_row *row)
{
    if (report->json)
        print_json(json_pack("{s:s, s:s, s:i, s:f, s:I, s:f}", "net", row->name, "mode", row->mode, "batch",
                             row->batch, "images_per_second", row->images_per_second, "device_bytes",
                             (json_int_t)row->device_bytes, "create_seconds", row->create_seconds));
    else
        printf("%-18s %-6s %6d %11.2f %11.2f %11.3f %12.1f %11.2f\n", row->name, row->mode, row->batch,
               row->images_per_second, row->best_images_per_second, 1e3 * row->batch / row->images_per_second,
               row->device_bytes * 1e-6, row->create_seconds);
    fflush(stdout);
}

void report_launch_begin(const struct report *report, bool layers)
{
    if (!report->json)
        printf("\n%10s %6s %9s %8s %7s  %-8s %s\n", "ms", "share", "GFLOP/s", "GB/s", "% peak",
               layers ? "pass" : "launches",
               layers ? "layer: operation=implementation, kernel" : "operation=implementation, kernel");
}

static json_t *launch_json(const struct launch_row *row)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "layer", row->layer, "op", row->op,
                     "pass", row->backward ? "backward" : "forward", "impl", row->impl, "kernel", row->kernel,
                     "ms", number(row->milliseconds), "gflops", number(row->flops / row->milliseconds * 1e-6),
                     "gbps", number(row->bytes / row->milliseconds * 1e-6), "percent_of_peak",
                     number(100 * row->least / row->milliseconds));
}

void report_launch(const struct report *report, const struct launch_row *row, double total_milliseconds)
{
    char gflops[NUMBER_TEXT], gbps[NUMBER_TEXT], peak[NUMBER_TEXT], count[NUMBER_TEXT];
    if (report->json) {
        print_json(launch_json(row));
        return;
    }
    snprintf(count, sizeof count, "%d", row->count);
    printf("%10.4f %5.1f%% %9s %8s %7s  %-8s %s%s%s=%s, %s\n", row->milliseconds,
           100 * row->milliseconds / total_milliseconds,
           text_of(gflops, "%.2f", row->flops / row->milliseconds * 1e-6),
           text_of(gbps, "%.2f", row->bytes / row->milliseconds * 1e-6),
           text_of(peak, "%.1f", 100 * row->least / row->milliseconds),
           !row->layer     ? count
           : row->backward ? "backward"
                           : "forward",
           row->layer ? row->layer : "", row->layer ? ": " : "", row->op, row->impl, row->kernel);
}

double report_clock(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void report_progress(int done, int total, const char *what)
{
    static double start;
    if (!isatty(STDERR_FILENO) || isatty(STDOUT_FILENO))
        return;
    const double now = report_clock();
    if (done == 0)
        start = now;
    fprintf(stderr, "\r\033[K");
    if (done < total)
        fprintf(stderr, "[%d/%d] %s", done, total, what);
    if (done > 0 && done < total)
        fprintf(stderr, ", %.0f s left", (now - start) / done * (total - done));
    fflush(stderr);
}

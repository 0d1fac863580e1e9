/* curve.c - the event log of a training run, an epoch per line. */
#include "train/curve.h"
#include "base/memory.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 4096, LINE_BYTES = 512, NUMBERS = 7 };

static const char header[] = "epoch,loss,accuracy,test_loss,test_accuracy,rate,images_per_second,seconds\n";

static oc_status path_of(char path[PATH_BYTES], const struct curve *curve, const char *suffix)
{
    if (snprintf(path, PATH_BYTES, "%s.%s", curve->prefix, suffix) >= PATH_BYTES)
        return fail(OC_E_FILE, "the path %.40s... is longer than %d bytes", curve->prefix, PATH_BYTES - 1);
    return OC_OK;
}

static oc_status broken(const struct curve *curve, const char *suffix)
{
    return fail(OC_E_FILE, "cannot write %s.%s: %s", curve->prefix, suffix, strerror(errno));
}

static oc_status open_file(FILE **file, const struct curve *curve, const char *suffix)
{
    char path[PATH_BYTES];
    TRY(path_of(path, curve, suffix));
    *file = fopen(path, "w");
    return *file ? OC_OK : broken(curve, suffix);
}

/* The numbers of a row after its epoch, in the order of the header. */
static void numbers_of(double numbers[NUMBERS], const struct curve_row *row)
{
    const double all[NUMBERS] = { row->loss, row->accuracy,          row->test_loss, row->test_accuracy,
                                  row->rate, row->images_per_second, row->seconds };
    memcpy(numbers, all, sizeof all);
}

/* False if the line is not one that write_csv wrote. */
static bool read_csv(const char *line, struct curve_row *row)
{
    double numbers[NUMBERS];
    char *end = NULL;
    row->epoch = (int)strtol(line, &end, 10);
    for (int i = 0; i < NUMBERS; i++) {
        if (*end != ',')
            return false;
        const char *start = end + 1;
        numbers[i] = strtod(start, &end);
        if (end == start)
            numbers[i] = NAN;
    }
    row->loss = numbers[0];
    row->accuracy = numbers[1];
    row->test_loss = numbers[2];
    row->test_accuracy = numbers[3];
    row->rate = numbers[4];
    row->images_per_second = numbers[5];
    row->seconds = numbers[6];
    return *end == '\n';
}

static void write_csv(FILE *file, const struct curve_row *row)
{
    double numbers[NUMBERS];
    numbers_of(numbers, row);
    fprintf(file, "%d", row->epoch);
    for (int i = 0; i < NUMBERS; i++) {
        fputc(',', file);
        if (isfinite(numbers[i]))
            fprintf(file, "%.9g", numbers[i]);
    }
    fputc('\n', file);
}

static void write_jsonl(FILE *file, const struct curve_row *row)
{
    static const char *const names[NUMBERS] = { "loss", "accuracy",          "test_loss", "test_accuracy",
                                                "rate", "images_per_second", "seconds" };
    double numbers[NUMBERS];
    numbers_of(numbers, row);
    fprintf(file, "{\"event\":\"epoch\",\"epoch\":%d", row->epoch);
    for (int i = 0; i < NUMBERS; i++) {
        fprintf(file, ",\"%s\":", names[i]);
        if (isfinite(numbers[i]))
            fprintf(file, "%.9g", numbers[i]);
        else
            fputs("null", file);
    }
    fputs("}\n", file);
}

static oc_status append(struct curve *curve, const struct curve_row *row)
{
    void *rows = curve->rows;
    const oc_status status =
        memory_grow(&memory_heap, &rows, &curve->capacity, curve->count + 1, sizeof *row);
    curve->rows = rows;
    if (status == OC_OK)
        curve->rows[curve->count++] = *row;
    return status;
}

/* Reads back what an earlier run wrote; a file that is missing or strange just has no epochs to keep. */
static oc_status read_back(struct curve *curve, int keep)
{
    char path[PATH_BYTES], line[LINE_BYTES];
    TRY(path_of(path, curve, "csv"));
    FILE *file = keep > 0 ? fopen(path, "r") : NULL;
    if (!file)
        return OC_OK;
    oc_status status = OC_OK;
    struct curve_row row;
    if (fgets(line, sizeof line, file) && strcmp(line, header) == 0)
        while (status == OC_OK && fgets(line, sizeof line, file) && read_csv(line, &row) && row.epoch <= keep)
            status = append(curve, &row);
    fclose(file);
    return status;
}

static oc_status flush_row(struct curve *curve, const struct curve_row *row)
{
    write_csv(curve->csv, row);
    write_jsonl(curve->jsonl, row);
    if (fflush(curve->csv) != 0 || ferror(curve->csv))
        return broken(curve, "csv");
    if (fflush(curve->jsonl) != 0 || ferror(curve->jsonl))
        return broken(curve, "jsonl");
    return OC_OK;
}

static oc_status start(struct curve *curve, int keep)
{
    TRY(read_back(curve, keep));
    TRY(open_file(&curve->csv, curve, "csv"));
    TRY(open_file(&curve->jsonl, curve, "jsonl"));
    fputs(header, curve->csv);
    for (size_t i = 0; i < curve->count; i++)
        TRY(flush_row(curve, &curve->rows[i]));
    return fflush(curve->csv) == 0 ? OC_OK : broken(curve, "csv");
}

oc_status curve_open(struct curve *curve, const char *prefix, int keep)
{
    *curve = (struct curve){ .prefix = prefix };
    if (!prefix)
        return OC_OK;
    curve->locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    const locale_t callers = uselocale(curve->locale);
    const oc_status status = start(curve, keep);
    uselocale(callers);
    if (status != OC_OK)
        curve_close(curve);
    return status;
}

oc_status curve_add(struct curve *curve, const struct curve_row *row)
{
    if (!curve->prefix)
        return OC_OK;
    TRY(append(curve, row));
    const locale_t callers = uselocale(curve->locale);
    const oc_status status = flush_row(curve, row);
    uselocale(callers);
    return status;
}

oc_status curve_plot(struct curve *curve)
{
    FILE *file = NULL;
    if (!curve->prefix || curve->count == 0)
        return OC_OK;
    TRY(open_file(&file, curve, "svg"));
    const locale_t callers = uselocale(curve->locale);
    plot_write(file, curve->rows, curve->count);
    uselocale(callers);
    const bool failed = ferror(file) != 0;
    return fclose(file) != 0 || failed ? broken(curve, "svg") : OC_OK;
}

oc_status curve_close(struct curve *curve)
{
    oc_status status = OC_OK;
    if (curve->csv && fclose(curve->csv) != 0)
        status = broken(curve, "csv");
    if (curve->jsonl && fclose(curve->jsonl) != 0)
        status = broken(curve, "jsonl");
    memory_free(&memory_heap, curve->rows);
    if (curve->locale)
        freelocale(curve->locale);
    *curve = (struct curve){ 0 };
    return status;
}

/* test_curve.c - the files of a training run, without a device. */
#include "train/curve.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH = 256, TEXT = 16384 };

static char folder[] = "/tmp/ocelli-curve-XXXXXX", prefix[PATH];
static const char *const suffixes[] = { "csv", "jsonl", "svg" };

static void begin(void)
{
    strcpy(folder, "/tmp/ocelli-curve-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(prefix, sizeof prefix, "%s/curve", folder);
}

static const char *path_of(const char *suffix)
{
    static char path[PATH + 8];
    snprintf(path, sizeof path, "%s.%s", prefix, suffix);
    return path;
}

static void end(void)
{
    for (int i = 0; i < 3; i++)
        unlink(path_of(suffixes[i]));
    rmdir(folder);
}

TestSuite(curve, .init = begin, .fini = end);

#define OK(expression)                                                                                       \
    cr_assert_eq((expression), OC_OK, "%s:%d %s: %s", __FILE__, __LINE__, #expression, oc_last_error())

static const char *read_file(const char *suffix)
{
    static char text[TEXT];
    FILE *file = fopen(path_of(suffix), "r");
    cr_assert_not_null(file, "%s", path_of(suffix));
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static int count_of(const char *text, const char *word)
{
    int count = 0;
    for (; (text = strstr(text, word)) != NULL; text += strlen(word))
        count++;
    return count;
}

static struct curve_row row(int epoch)
{
    return (struct curve_row){ .epoch = epoch,
                               .loss = 2.5 / epoch,
                               .accuracy = 1 - 0.5 / epoch,
                               .test_loss = 3.0 / epoch,
                               .test_accuracy = NAN,
                               .rate = 0.125,
                               .images_per_second = 1000,
                               .seconds = epoch };
}

static void add(struct curve *curve, int first, int last)
{
    for (int i = first; i <= last; i++) {
        const struct curve_row r = row(i);
        OK(curve_add(curve, &r));
    }
}

static const char *const csv = "epoch,loss,accuracy,test_loss,test_accuracy,rate,images_per_second,seconds\n"
                               "1,2.5,0.5,3,,0.125,1000,1\n"
                               "2,1.25,0.75,1.5,,0.125,1000,2\n";

Test(curve, each_line_is_in_the_files_at_once)
{
    struct curve curve;
    OK(curve_open(&curve, prefix, 0));
    add(&curve, 1, 2);
    cr_expect_str_eq(read_file("csv"), csv);
    cr_expect_str_eq(read_file("jsonl"),
                     "{\"event\":\"epoch\",\"epoch\":1,\"loss\":2.5,\"accuracy\":0.5,\"test_loss\":3,"
                     "\"test_accuracy\":null,\"rate\":0.125,\"images_per_second\":1000,\"seconds\":1}\n"
                     "{\"event\":\"epoch\",\"epoch\":2,\"loss\":1.25,\"accuracy\":0.75,\"test_loss\":1.5,"
                     "\"test_accuracy\":null,\"rate\":0.125,\"images_per_second\":1000,\"seconds\":2}\n");
    OK(curve_close(&curve));
}

Test(curve, a_resumed_run_keeps_the_epochs_before_it)
{
    struct curve curve;
    OK(curve_open(&curve, prefix, 0));
    add(&curve, 1, 5);
    OK(curve_close(&curve));
    OK(curve_open(&curve, prefix, 2));
    cr_expect_str_eq(read_file("csv"), csv);
    cr_expect_eq(count_of(read_file("jsonl"), "\n"), 2);
    add(&curve, 3, 3);
    cr_expect_eq(count_of(read_file("csv"), "\n"), 4);
    OK(curve_close(&curve));
    OK(curve_open(&curve, prefix, 0));
    OK(curve_close(&curve));
    cr_expect_eq(count_of(read_file("csv"), "\n"), 1);
}

Test(curve, a_strange_file_has_no_epochs_to_keep)
{
    struct curve curve;
    FILE *file = fopen(path_of("csv"), "w");
    cr_assert_not_null(file);
    fputs("somebody,else\n1,2\n", file);
    fclose(file);
    OK(curve_open(&curve, prefix, 9));
    cr_expect_eq(curve.count, 0);
    OK(curve_close(&curve));
}

/* A polyline each for training and test, with a point per finite number, all inside the picture. */
Test(curve, the_plot_has_a_point_for_every_number)
{
    struct curve curve;
    for (int count = 1; count <= 100; count += 33) {
        OK(curve_open(&curve, prefix, 0));
        add(&curve, 1, count);
        OK(curve_plot(&curve));
        OK(curve_close(&curve));
        const char *svg = read_file("svg");
        cr_expect_eq(strncmp(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\"", 39), 0);
        cr_expect_str_eq(svg + strlen(svg) - 7, "</svg>\n");
        cr_expect_eq(count_of(svg, "<svg"), 1);
        cr_expect_null(strstr(svg, "nan"));
        cr_expect_null(strstr(svg, "inf"));
        const char *line = svg;
        int points = 0;
        while ((line = strstr(line, "points=\"")) != NULL) {
            char *next = NULL;
            for (line += 8; *line != '"'; line = next + 1, points++) {
                const double x = strtod(line, &next), y = strtod(next + 1, &next);
                cr_expect(x >= 0 && x <= 960 && y >= 0 && y <= 400, "%d epochs: %g,%g", count, x, y);
                cr_assert_eq(*next, ' ');
            }
        }
        cr_expect_eq(points, 3 * count, "%d epochs: %d points", count, points);
    }
}

Test(curve, without_a_prefix_nothing_happens)
{
    struct curve curve;
    const struct curve_row r = row(1);
    OK(curve_open(&curve, NULL, 3));
    OK(curve_add(&curve, &r));
    OK(curve_plot(&curve));
    OK(curve_close(&curve));
}

Test(curve, what_cannot_be_written_is_an_error)
{
    struct curve curve;
    const struct curve_row r = row(1);
    cr_expect_eq(curve_open(&curve, "/nowhere/at/all", 0), OC_E_FILE);
    cr_expect_not_null(strstr(oc_last_error(), "/nowhere/at/all.csv"), "%s", oc_last_error());
    for (int i = 0; i < 3; i++) { /* a disk that is full, for one file after the other */
        end();
        begin();
        cr_assert_eq(symlink("/dev/full", path_of(suffixes[i])), 0);
        oc_status status = curve_open(&curve, prefix, 0);
        if (status == OC_OK) {
            status = curve_add(&curve, &r);
            if (status == OC_OK)
                status = curve_plot(&curve);
            curve_close(&curve);
        }
        cr_expect_eq(status, OC_E_FILE, "%s", suffixes[i]);
        cr_expect_not_null(strstr(oc_last_error(), suffixes[i]), "%s", oc_last_error());
    }
}

/* test_record.c - problems and records as text, and what is refused. */
#include "base/memory.h"
#include "compile/plans.h"
#include "device/cl.h"
#include "device/source.h"
#include "tune/tune.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const struct record example = {
    .device = "Example 9 (2 cores)",
    .vendor = "Nobody",
    .driver = "1.0",
    .architecture = "cpu-vector16",
    .compute_units = 2,
    .local_memory = 1 << 20,
    .problem = "conv window 1x3x3 inference: 16x64x56x56 > 16x64x54x54",
    .source = "conv_direct.cl:0123456789abcdef",
    .implementation = "direct",
    .tunables = "VECTOR=16 TILE=12",
    .ms = 12.345678,
    .heuristic_ms = 15.5,
    .gflops = 300.5,
};

static const char *line_of(const struct record *record)
{
    static char line[RECORD_BYTES];
    struct text text = TEXT_IN(line);
    record_print(&text, record);
    cr_assert(!text.overflow);
    return line;
}

Test(record, reads_back_what_it_prints_in_any_locale)
{
    struct record record;
    cr_assert_str_eq(line_of(&example),
                     "Example 9 (2 cores)\tNobody\t1.0\tcpu-vector16\t2\t1048576\t"
                     "conv window 1x3x3 inference: 16x64x56x56 > 16x64x54x54\t"
                     "conv_direct.cl:0123456789abcdef\tdirect\tVECTOR=16 TILE=12\t12.345678\t"
                     "15.500000\t300.500000");
    setlocale(LC_ALL, "de_DE.UTF-8"); /* a comma, where there is such a locale */
    char *line = strdup(line_of(&example));
    cr_assert(record_parse(&record, line, strlen(line)));
    cr_expect_str_eq(line_of(&record), line);
    cr_expect(fabs(record.ms - 12.345678) < 1e-12 && record.gflops == 300.5);
    free(line);
}

Test(record, refuses_what_is_no_record)
{
    static const struct {
        const char *what, *old, *new;
    } mistakes[] = {
        { "a field too few", "\tNobody", "" },
        { "a field too many", "\tNobody", "\tNobody\tmore" },
        { "a number that is none", "\t2\t", "\ttwo\t" },
        { "a negative number", "\t2\t", "\t-2\t" },
        { "no number", "\t2\t", "\t\t" },
        { "a number that overflows", "1048576", "10485761048576104857610485761" },
        { "a time without its decimals", "12.345678", "12.3" },
        { "a time that is none", "12.345678", "nan" },
        { "an infinite time", "12.345678", "inf.000000" },
        { "a control character", "direct\t", "dir\002ct\t" },
        { "a name longer than any", "direct\t", "directdirectdirectdirectdirectdirect\t" },
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        char line[2 * RECORD_BYTES];
        struct record record;
        const char *good = line_of(&example), *at = strstr(good, mistakes[i].old);
        cr_assert(at, "%s", mistakes[i].what);
        snprintf(line, sizeof line, "%.*s%s%s", (int)(at - good), good, mistakes[i].new,
                 at + strlen(mistakes[i].old));
        cr_expect(!record_parse(&record, line, strlen(line)), "%s: %s", mistakes[i].what, line);
    }
}

Test(record, files_have_comments_and_the_first_mistake_has_a_line)
{
    struct records records = { .allocator = &memory_heap };
    char text[2 * RECORD_BYTES];
    size_t bad_line;
    snprintf(text, sizeof text, "# comment\n\n%s\nnonsense\n%s", line_of(&example), line_of(&example));
    CHECK(records_read(&records, text, strlen(text), &bad_line));
    cr_expect_eq(records.count, 2);
    cr_expect_eq(bad_line, 4);
    records_free(&records);
}

Test(record, distance_of_problems)
{
    static const struct {
        const char *a, *b;
        double distance; /* negative: infinite */
    } cases[] = {
        { "conv window 3 inference: 16x64", "conv window 3 inference: 16x64", 0 },
        { "conv window 3 inference: 15x7", "conv window 3 inference: 7x15", 1 },
        { "conv window 3 inference: 15x7", "conv window 3 inference: 7x7", 0.5 },
        { "conv window 3 inference: 16x64", "conv window 5 inference: 16x64", -1 },
        { "conv window 3 inference: 16x64", "conv window 3 training: 16x64", -1 },
        { "conv window 3 inference: 16x64", "conv window 3 inference: 16x64x1", -1 },
        { "conv window 3 inference: 16x64", "conv window 3 inference: 16x64/128", -1 },
        { "conv window 3 inference: 16i", "conv window 3 inference: 16", -1 },
        { "conv", "conv", -1 },
        { "", "", -1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const double d = problem_distance(cases[i].a, cases[i].b),
                     back = problem_distance(cases[i].b, cases[i].a);
        cr_expect(cases[i].distance < 0 ? isinf(d) : fabs(d - cases[i].distance) < 1e-9, "%s, %s: %g",
                  cases[i].a, cases[i].b, d);
        cr_expect(d == back, "%s, %s: not symmetric", cases[i].a, cases[i].b);
    }
}

/* The problem of the only convolution. */
static const char *problem_of(oc_device *device, oc_tensor *y, bool train)
{
    static char buffers[4][PROBLEM_BYTES];
    static int next;
    char *buffer = buffers[next++ % 4];
    struct text text = { .data = buffer, .capacity = PROBLEM_BYTES };
    struct plan *draft;
    *buffer = '\0';
    CHECK(plan_draft(&draft, y->graph, device, &(oc_model_desc){ .outputs = (oc_tensor *[]){ y, NULL } },
                     train));
    for (const struct node *n = draft->graph->first; n; n = n->next)
        if (strcmp(n->op->name, "conv") == 0)
            problem_print(&text, n, train);
    plan_destroy(draft);
    return buffer;
}

Test(record, problems_differ_in_what_speed_depends_on)
{
    oc_device *device = fixture_open();
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *x = floats(graph, "x", 2, 8, 9, 9);
    const oc_conv_desc plain = { .filters = 4, .window = { 3 }, .pad = 1 },
                       dilated = { .filters = 4, .window = { 3 }, .pad = 2, .dilation = { 2 } };
    const char *first = problem_of(device, oc_conv(x, &plain), false);
    cr_expect_str_eq(first, "conv window 1x3x3 stride 1x1x1 dilation 1x1x1 padding 0,1,1 groups 1 inference: "
                            "2x8x9x9 4x8x3x3 4 > 2x4x9x9");
    cr_expect_str_eq(problem_of(device, oc_conv(x, &plain), false), first, "another name, the same problem");
    cr_expect(isinf(problem_distance(first, problem_of(device, oc_conv(x, &dilated), false))));
    cr_expect(isinf(problem_distance(first, problem_of(device, oc_relu(oc_conv(x, &plain)), false))));
    oc_tensor *half = oc_slice(x, 2, 4);
    cr_expect(strstr(problem_of(device, oc_conv(half, &plain), false), ": 2x4x9x9/8 "), "%s",
              oc_last_error());
    oc_graph_destroy(graph);
    oc_device_close(device);
}

Test(record, a_choice_is_safe_to_run)
{
    static const struct {
        const char *what, *implementation, *tunables;
        bool good;
    } cases[] = {
        { "an implementation with its values", "direct", "VECTOR=8 TILE=4 COLUMNS=1 PANELS=2", true },
        { "the reference implementation", "reference", "", true },
        { "an implementation that is not there", "magic", "", false },
        { "no implementation", "", "", false },
        { "a value that nobody tries", "direct", "VECTOR=8 TILE=5 COLUMNS=1 PANELS=2", false },
        { "a huge value", "direct", "VECTOR=8 TILE=99999999999999999999 COLUMNS=1 PANELS=2", false },
        { "the list's end as a value", "direct", "VECTOR=8 TILE=0 COLUMNS=1 PANELS=2", false },
        { "a value missing", "direct", "VECTOR=8 TILE=4 COLUMNS=1", false },
        { "values of something else", "reference", "VECTOR=8", false },
        { "text after the values", "direct", "VECTOR=8 TILE=4 COLUMNS=1 PANELS=2 -DX", false },
    };
    oc_device *device = fixture_open();
    oc_graph *graph = oc_graph_create(NULL);
    const oc_tensor *y =
        oc_conv(floats(graph, "x", 2, 8, 9, 9), &(oc_conv_desc){ .filters = 4, .window = { 3 } });
    struct record record = example;
    struct choice choice;
    cr_assert(record_set_source(&record, device, "conv_direct.cl,conv.cl"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        strcpy(record.implementation, cases[i].implementation);
        strcpy(record.tunables, cases[i].tunables);
        cr_expect_eq(record_choice(&record, y->producer, device, &choice), cases[i].good, "%s",
                     cases[i].what);
    }
    strcpy(record.implementation, "direct");
    strcpy(record.tunables, "VECTOR=16 TILE=12 COLUMNS=1 PANELS=8");
    cr_assert(record_choice(&record, y->producer, device, &choice));
    cr_expect(choice.tuned[0] == 16 && choice.tuned[1] == 12 && choice.tuned[2] == 1 && choice.tuned[3] == 8);
    const int64_t local_memory = device->info.local_memory;
    device->info.local_memory = 13000;
    cr_expect(!record_choice(&record, y->producer, device, &choice), "values that do not go together here");
    device->info.local_memory = local_memory;
    char *hash = strchr(record.source, ':') + 1;
    hash[3] = hash[3] == '0' ? '1' : '0';
    cr_expect(!record_choice(&record, y->producer, device, &choice), "another kernel");
    strcpy(record.source, "../../etc/passwd:0000000000000000");
    cr_expect(!record_choice(&record, y->producer, device, &choice), "no kernel");
    oc_graph_destroy(graph);
    oc_device_close(device);
}

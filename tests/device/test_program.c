/* test_program.c - kernel files to programs: from a folder, once each, several at once, and what is said about those
 * that do not compile. */
#include "support/case.h"
#include "support/fail_layer.h"
#include "support/fixture.h"
#include "support/scratch.h"
#include "device/cl.h"
#include "device/launch.h"
#include "device/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char good[] =
    "__kernel void answer(__global int *y, ulong y_offset) { y[y_offset] = ANSWER; }\n";

/* A device that takes its kernels from the test's folder, in which the library's own are. */
static oc_device *open_folder(void)
{
    oc_device *device = NULL;
    for (const struct kernel_source *source = kernel_sources; source->name; source++)
        scratch_write(source->name, source->text, strlen(source->text));
    scratch_write("answer.cl", good, sizeof good - 1);
    fixture_setup();
    CHECK(oc_device_open(&device, &(oc_device_desc){ .kernel_dir = scratch_path("") }));
    return device;
}

static oc_status build(oc_device *device, const char *file, const char *options, struct program **program)
{
    struct program_request request = { .file = file, .options = options };
    const oc_status status = program_build_all(device, &request, 1, NULL, NULL);
    *program = request.program;
    return status;
}

static int run(oc_device *device, const struct program *program)
{
    struct queue *queue;
    struct buffer *buffer;
    struct launch *launch;
    int answer = -1;
    CHECK(queue_create(&queue, device, false));
    CHECK(buffer_create(&buffer, device, 2 * sizeof answer));
    CHECK(launch_create(&launch, device, program, "answer"));
    CHECK(launch_set(
        launch, 0, (struct argument[]){ { .kind = ARGUMENT_BUFFER, .buffer = buffer, .offset = 1 }, { 0 } }));
    CHECK(launch_size(launch, (size_t[]){ 1, 1, 1 }, (size_t[]){ 1, 1, 1 }));
    CHECK(launch_enqueue(queue, launch));
    CHECK(buffer_read(queue, buffer, sizeof answer, &answer, sizeof answer));
    launch_destroy(launch);
    buffer_destroy(buffer);
    queue_destroy(queue);
    return answer;
}

Test(program, they_are_built_once_for_each_set_of_options, .init = scratch_open, .fini = scratch_close)
{
    oc_device *device = open_folder();
    struct program *a, *b, *c;
    CHECK(build(device, "answer.cl", " -DANSWER=42", &a));
    CHECK(build(device, "answer.cl", " -DANSWER=43", &b));
    const int live = fail_layer_live();
    CHECK(build(device, "answer.cl", " -DANSWER=42", &c));
    cr_expect(a == c && a != b && fail_layer_live() == live);
    cr_expect_eq(run(device, a), 42);
    cr_expect_eq(run(device, b), 43);
    oc_device_close(device);
    cr_expect_eq(fail_layer_live(), 0, "%d objects left", fail_layer_live());
}

Test(program, the_environment_names_a_folder_too, .init = scratch_open, .fini = scratch_close)
{
    oc_device *device = open_folder(), *other;
    struct program *program;
    setenv("OCELLI_KERNEL_DIR", scratch_path(""), 1);
    CHECK(oc_device_open(&other, NULL));
    CHECK(build(other, "answer.cl", " -DANSWER=7", &program));
    cr_expect_eq(run(other, program), 7);
    oc_device_close(other);
    setenv("OCELLI_KERNEL_DIR", "/no/such/folder", 1);
    expect_failure(oc_device_open(&other, NULL), OC_E_FILE, "/no/such/folder/common.cl", "no folder");
    cr_expect_null(other);
    CHECK(oc_device_open(
        &other, &(oc_device_desc){ .kernel_dir = scratch_path("") })); /* the descriptor goes first */
    oc_device_close(other);
    oc_device_close(device);
}

Test(program, what_is_not_there_is_named, .init = scratch_open, .fini = scratch_close)
{
    oc_device *device = open_folder(), *built_in = fixture_open();
    struct program *program;
    expect_failure(build(device, "absent.cl", "", &program), OC_E_FILE, "absent.cl", "absent");
    expect_failure(build(built_in, "absent.cl", "", &program), OC_E_NOT_FOUND,
                   "there is no kernel file \"absent.cl\"", "absent");
    remove(scratch_path("common.cl"));
    expect_failure(build(device, "answer.cl", " -DANSWER=1", &program), OC_E_FILE, "common.cl", "common.cl");
    oc_device_close(device);
    oc_device_close(built_in);
}

/* The end of a long log is what counts; a file that is put right works at once. */
Test(program, what_does_not_compile_is_quoted, .init = scratch_open, .fini = scratch_close)
{
    oc_device *device = open_folder();
    struct program *program;
    char many[20000] = "";
    for (int i = 0; i < 300; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many),
                 "\n#warning \"line %d is long, and so the log is\"", i);
    strcat(many,
           "\n__kernel void answer(__global int *y, ulong y_offset) { y[y_offset] = the_last_word; }\n");
    scratch_write("answer.cl", many, strlen(many));
    for (int i = 0; i < 2; i++) { /* a failure is not kept */
        expect_failure(build(device, "answer.cl", " -DANSWER=1", &program), OC_E_BUILD,
                       "could not compile answer.cl with -DANSWER=1", "broken");
        cr_expect(strstr(oc_last_error(), "the_last_word"), "%s", oc_last_error());
        cr_expect(strstr(oc_last_error(), oc_device_get_info(device)->name) &&
                  strlen(oc_last_error()) < 2500);
    }
    scratch_write("answer.cl", good, sizeof good - 1);
    CHECK(build(device, "answer.cl", " -DANSWER=5", &program));
    cr_expect_eq(run(device, program), 5);

    /* Through the public interface: the model's creation says the same. */
    oc_model *model;
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *y = oc_relu(oc_input(graph, &(oc_input_desc){ .name = "x", .shape = { 1, 4 } }));
    const oc_model_desc desc = { .outputs = (oc_tensor *const[]){ y, NULL } };
    scratch_write("elementwise.cl", "this is no kernel\n", 18);
    const int live = fail_layer_live();
    expect_failure(oc_model_create(&model, graph, device, &desc), OC_E_BUILD,
                   "could not compile elementwise.cl", "model");
    cr_expect(!model && fail_layer_live() == live, "%d objects more", fail_layer_live() - live);
    scratch_write("common.cl", "this is no kernel\n", 18);
    oc_device *other;
    expect_failure(oc_device_open(&other, &(oc_device_desc){ .kernel_dir = scratch_path("") }), OC_E_BUILD,
                   "could not compile", "device");
    cr_expect_null(other);
    oc_graph_destroy(graph);
    oc_device_close(device);
    cr_expect_eq(fail_layer_live(), 0, "%d objects left", fail_layer_live());
}

static bool count_progress(void *user, const char *what, int done, int total)
{
    int *calls = user;
    (void)what;
    cr_expect(done == ++*calls && total == 12, "%d of %d", done, total);
    return true;
}

/* Several at once: all are there, each is right, and one that is broken is reported though others are not. */
Test(program, many_are_built_together, .init = scratch_open, .fini = scratch_close)
{
    enum { COUNT = 12 };
    oc_device *device = open_folder();
    struct program_request requests[COUNT];
    char options[COUNT][32];
    int calls = 0;
    for (int i = 0; i < COUNT; i++) {
        snprintf(options[i], sizeof options[i], " -DANSWER=%d", i % 10); /* two of them twice */
        requests[i] = (struct program_request){ .file = "answer.cl", .options = options[i] };
    }
    CHECK(program_build_all(device, requests, COUNT, count_progress, &calls));
    cr_expect_eq(calls, COUNT);
    for (int i = 0; i < COUNT; i++)
        cr_expect_eq(run(device, requests[i].program), i % 10);
    scratch_write("answer.cl", "broken", 6);
    for (int i = 0; i < COUNT; i++)
        snprintf(options[i], sizeof options[i], " -DANSWER=%d", i == 5 ? 77 : i % 10);
    expect_failure(program_build_all(device, requests, COUNT, NULL, NULL), OC_E_BUILD, "with -DANSWER=77",
                   "one of many");
    oc_device_close(device);
    cr_expect_eq(fail_layer_live(), 0, "%d objects left", fail_layer_live());
}

/* test_kernels.c - kernels with planted mistakes, read from a folder: the tests must notice what they do. */
#include "support/fixture.h"
#include "support/problem.h"
#include "support/scratch.h"
#include "device/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Writes all kernel files with `planted` put at the start of each kernel's body; but probe.cl, which a device is opened
 * with, as it is. */
static void plant(const char *planted)
{
    for (const struct kernel_source *source = kernel_sources; source->name; source++) {
        const size_t capacity = strlen(source->text) * 2 + 4096;
        char *text = calloc(1, capacity);
        cr_assert(text);
        size_t length = 0;
        bool in_head = false;
        for (const char *c = source->text; *c; c++) {
            cr_assert(length + strlen(planted) + 2 < capacity);
            in_head =
                in_head || (strncmp(c, "__kernel void", 13) == 0 && strcmp(source->name, "probe.cl") != 0);
            text[length++] = *c;
            if (in_head && *c == '{') {
                in_head = false;
                length += (size_t)snprintf(text + length, capacity - length, "%s", planted);
            }
        }
        scratch_write(source->name, text, length);
        free(text);
    }
}

/* Runs one layer forward with the plain kernels of the folder. */
static oc_status run(const struct problem *p, float *result)
{
    oc_device *device = NULL;
    oc_model *model = NULL;
    oc_graph *graph = oc_graph_create(NULL);
    oc_input_desc desc = { .name = "x" };
    memcpy(desc.shape, p->in[0].shape, sizeof desc.shape);
    oc_tensor *x = oc_input(graph, &desc), *y = p->spec->build(&x, p->c);
    float *values = operand_floats(&p->in[0]);
    fixture_setup();
    CHECK(oc_device_open(&device, &(oc_device_desc){ .kernel_dir = scratch_path("") }));
    oc_status status = oc_model_create(
        &model, graph, device,
        &(oc_model_desc){ .outputs = (oc_tensor *const[]){ y, NULL }, .implementations = "reference" });
    if (status == OC_OK)
        status = oc_infer(model, (int)desc.shape[0], (oc_feed[]){ { x, values, NULL }, { 0 } },
                          (oc_fetch[]){ { .tensor = y, .data = result }, { 0 } });
    free(values);
    oc_model_destroy(model);
    oc_graph_destroy(graph);
    oc_device_close(device);
    return status;
}

extern const struct op_spec relu_spec, max_pool_spec, softmax_spec;
static const struct op_spec *const specs[] = { &relu_spec, &max_pool_spec, &softmax_spec };

Test(kernels, right_kernels_agree, .init = scratch_open, .fini = scratch_close)
{
    plant("");
    for (int k = 0; k < COUNT_OF(specs); k++) {
        struct problem p;
        struct difference worst;
        problem_create(&p, specs[k], &specs[k]->cases[1], FILL_REAL);
        float *result = floats_unset(p.y.count);
        CHECK(run(&p, result));
        cr_expect(operand_compare(&p.y, result, &(struct rule){ 0 }, &worst), "%s: got %g, not %g",
                  specs[k]->op, worst.got, worst.want);
        free(result);
        problem_destroy(&p);
    }
}

/* The first work-item returns at once. What it should have written keeps the poison. */
Test(kernels, unwritten_results_are_noticed, .init = scratch_open, .fini = scratch_close)
{
    plant(" if (get_global_id(0) == 0) return;");
    for (int k = 0; k < COUNT_OF(specs); k++) {
        struct problem p;
        struct difference worst;
        problem_create(&p, specs[k], &specs[k]->cases[1], FILL_REAL);
        float *result = operand_floats(&p.y); /* as if the results were there already */
        CHECK(run(&p, result));
        cr_expect(!operand_compare(&p.y, result, &(struct rule){ 0 }, &worst),
                  "%s: an unwritten result passes", specs[k]->op);
        cr_expect(isnan(worst.got), "%s: the unwritten result is %g, not poison", specs[k]->op, worst.got);
        free(result);
        problem_destroy(&p);
    }
}

Test(kernels, a_kernel_that_does_not_compile_is_a_status, .init = scratch_open, .fini = scratch_close)
{
    plant(" no_such_function(no_such_name);");
    struct problem p;
    problem_create(&p, specs[0], &specs[0]->cases[1], FILL_REAL);
    float *result = floats_unset(p.y.count);
    cr_expect_eq(run(&p, result), OC_E_BUILD);
    cr_expect(strstr(oc_last_error(), "could not compile") && strstr(oc_last_error(), "no_such_name"), "%s",
              oc_last_error());
    free(result);
    problem_destroy(&p);
}

/* doctor.c - ocelli doctor: does training work here, and if not, why?
 *
 * The test is a net small enough to be worked out by hand, in whole and half numbers that any device must get exactly:
 * the picture 0..8, the filter 0 1 / 2 3, so the output 19 25 / 37 43. Against the target 18 25 / 37 45 the mean
 * squared error is 5/4, its gradient 1/2 0 / 0 -1, the filter's gradient -4 -4.5 / -5.5 -6 and the bias's -1/2. */
#include "device_list.h"
#include "output.h"
#include "verbs.h"

#include <stdio.h>
#include <string.h>

enum { VALUES = 4 };

struct examination {
    oc_device *device;
    oc_graph *graph;
    oc_model *model;
    float loss, output[VALUES], weight[VALUES], bias; /* what came out of one step */
};

static oc_status train_once(struct examination *it)
{
    static const float picture[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8 }, target[] = { 18, 25, 37, 45 };
    static const float filter[VALUES] = { 0, 1, 2, 3 }, zero[1] = { 0 };
    it->graph = oc_graph_create(NULL);
    oc_tensor *x = oc_input(it->graph, &(oc_input_desc){ .name = "x", .shape = { 1, 1, 3, 3 } });
    oc_tensor *wanted = oc_input(it->graph, &(oc_input_desc){ .name = "target", .shape = { 1, 1, 2, 2 } });
    oc_tensor *y = oc_conv(x, &(oc_conv_desc){ .name = "conv", .filters = 1, .window = { 2 } });
    oc_tensor *loss = oc_mean_squared_error(y, wanted);
    oc_status status = oc_model_create(&it->model, it->graph, it->device,
                                       &(oc_model_desc){ .loss = loss,
                                                         .outputs = (oc_tensor *[]){ y, NULL },
                                                         .optimizer = { .rate = 0.5f } });
    if (status == OC_OK)
        status = oc_parameter_set(it->model, "conv.weight", OC_VALUE, filter, VALUES);
    if (status == OC_OK)
        status = oc_parameter_set(it->model, "conv.bias", OC_VALUE, zero, 1);
    if (status == OC_OK)
        status = oc_train_step(
            it->model, 1,
            (oc_feed[]){ { .tensor = x, .data = picture }, { .tensor = wanted, .data = target }, { 0 } },
            (oc_fetch[]){
                { .tensor = loss, .data = &it->loss }, { .tensor = y, .data = it->output }, { 0 } });
    if (status == OC_OK)
        status = oc_parameter_get(it->model, "conv.weight", OC_VALUE, it->weight, VALUES);
    if (status == OC_OK)
        status = oc_parameter_get(it->model, "conv.bias", OC_VALUE, &it->bias, 1);
    return status;
}

static bool is_right(const struct examination *it)
{
    static const float output[VALUES] = { 19, 25, 37, 43 }, weight[VALUES] = { 2, 3.25f, 4.75f, 6 };
    return memcmp(it->output, output, sizeof output) == 0 && memcmp(it->weight, weight, sizeof weight) == 0 &&
           it->loss == 1.25f && it->bias == 0.25f;
}

/* Leaves a sentence on what is the matter with a device; true if nothing is. */
static bool examine(int index, char sentence[], size_t capacity)
{
    char select[NUMBER_TEXT];
    struct examination it = { 0 };
    snprintf(select, sizeof select, "%d", index);
    oc_status status = oc_device_open(&it.device, &(oc_device_desc){ .select = select });
    if (status == OC_OK)
        status = train_once(&it);
    const bool right = status == OC_OK && is_right(&it);
    if (status != OC_OK)
        snprintf(sentence, capacity, "%s", oc_last_error());
    else if (!right)
        snprintf(sentence, capacity,
                 "a training step gives wrong numbers: this device or its driver cannot be trusted");
    else
        snprintf(sentence, capacity, "works: a training step gives exactly the numbers it should");
    oc_model_destroy(it.model);
    oc_graph_destroy(it.graph);
    oc_device_close(it.device);
    return right;
}

static json_t *no_device_json(void)
{
    return json_pack("{s:b, s:s, s:n, s:[]}", "ok", false, "message", oc_last_error(), "default", "devices");
}

static enum exit_code examine_all(const struct options *options, const struct device_list *list)
{
    char sentence[512];
    json_t *array = json_array();
    int working = 0;
    for (int i = 0; i < list->count; i++) {
        const oc_device_info *info = &list->devices[i];
        bool works = false;
        if (info->usable)
            works = examine(i, sentence, sizeof sentence);
        else
            snprintf(sentence, sizeof sentence, "not usable: %s", info->reason);
        working += works;
        if (options->json)
            json_array_append_new(array, json_pack("{s:i, s:s, s:b, s:s}", "index", i, "name", info->name,
                                                   "works", works, "message", sentence));
        else
            printf("device %d, %s: %s\n", i, info->name, sentence);
    }
    if (options->json)
        output_json(json_pack("{s:b, s:o, s:O}", "ok", working > 0, "default",
                              list->chosen >= 0 ? json_integer(list->chosen) : json_null(), "devices",
                              array));
    else if (working > 0)
        printf("%d of %d devices work; number %d is used unless --device asks for another\n", working,
               list->count, list->chosen);
    json_decref(array);
    return working > 0 ? EXIT_OK : output_error("no device works");
}

static enum exit_code run(const struct options *options)
{
    struct device_list list;
    const oc_status status = device_list_fill(&list);
    if (status != OC_OK && options->json)
        output_json(no_device_json());
    FORWARD(output_status(status));
    return examine_all(options, &list);
}

const struct verb verb_doctor = {
    .name = "doctor",
    .operands = "",
    .brief = "say whether training works on this machine, and why not",
    .description = "Looks for OpenCL devices and lets each one train a step of a tiny net whose numbers are "
                   "known. When no\n"
                   "device is found or none works, it says in one sentence what is missing. It exits with 0 "
                   "if at least\n"
                   "one device works.\n"
                   "\n"
                   "With --json: {\"ok\", \"default\", \"devices\": [{\"index\", \"name\", \"works\", "
                   "\"message\"}]}; \"message\" is\n"
                   "beside \"ok\" when there is no device at all.",
    .examples = "ocelli doctor\nOCL_ICD_VENDORS=/etc/OpenCL/vendors ocelli doctor",
    .options = (const enum option_id[]){ OPTION_JSON, OPTION_VERBOSE, OPTION_HELP, OPTION_END },
    .run = run,
};

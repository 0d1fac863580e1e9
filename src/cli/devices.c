/* devices.c - ocelli devices: every OpenCL device and what Ocelli would do with it. */
#include "device_list.h"
#include "output.h"
#include "verbs.h"

#include <stdio.h>
#include <string.h>

static const char *const type_names[] = { "cpu", "gpu", "other" };

oc_status device_list_fill(struct device_list *list)
{
    *list = (struct device_list){ .chosen = -1 };
    oc_status status = oc_device_list(list->devices, MOST_DEVICES, &list->count);
    if (status != OC_OK)
        return status;
    if (list->count > MOST_DEVICES)
        list->count = MOST_DEVICES;
    oc_device *device = NULL;
    if (oc_device_open(&device, NULL) != OC_OK)
        return OC_OK;
    const oc_device_info *info = oc_device_get_info(device);
    for (int i = list->count - 1; i >= 0; i--)
        if (strcmp(list->devices[i].name, info->name) == 0 &&
            strcmp(list->devices[i].platform, info->platform) == 0)
            list->chosen = i;
    oc_device_close(device);
    return OC_OK;
}

static void print_device(const oc_device_info *info, int index, bool chosen)
{
    char memory[NUMBER_TEXT], largest[NUMBER_TEXT], local[NUMBER_TEXT], cache[NUMBER_TEXT];
    printf("%d  %s  %s\n", index, type_names[info->type], info->name);
    printf("   %s, %s, driver %s\n", info->platform, info->version, info->driver);
    printf("   %d compute units at %d MHz, work-groups up to %lld, float vectors of %d%s%s%s\n",
           info->compute_units, info->clock_mhz, (long long)info->max_work_group, info->vector_width,
           info->fp64 ? ", fp64" : "", info->fp16 ? ", fp16" : "", info->sub_groups ? ", sub-groups" : "");
    printf("   memory %s, largest buffer %s, cache %s, local memory %s\n", output_bytes(memory, info->memory),
           output_bytes(largest, info->max_allocation), output_bytes(cache, info->global_cache),
           output_bytes(local, info->local_memory));
    if (!info->usable)
        printf("   not usable: %s\n", info->reason);
    else if (chosen)
        printf("   used unless --device asks for another\n");
    else
        printf("   used with --device %d\n", index);
}

static json_t *device_json(const oc_device_info *info, int index, bool chosen)
{
    return json_pack(
        "{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:b, s:b, "
        "s:s, s:b}",
        "index", index, "type", type_names[info->type], "name", info->name, "vendor", info->vendor,
        "platform", info->platform, "version", info->version, "driver", info->driver, "compute_units",
        info->compute_units, "clock_mhz", info->clock_mhz, "vector_width", info->vector_width,
        "max_work_group", (json_int_t)info->max_work_group, "memory", (json_int_t)info->memory,
        "max_allocation", (json_int_t)info->max_allocation, "local_memory", (json_int_t)info->local_memory,
        "global_cache", (json_int_t)info->global_cache, "fp64", info->fp64, "fp16", info->fp16, "sub_groups",
        info->sub_groups, "usable", info->usable, "reason", info->reason, "default", chosen);
}

static enum exit_code run(const struct options *options)
{
    struct device_list list;
    FORWARD(output_status(device_list_fill(&list)));
    json_t *array = json_array();
    for (int i = 0; i < list.count; i++) {
        if (options->json)
            json_array_append_new(array, device_json(&list.devices[i], i, i == list.chosen));
        else
            print_device(&list.devices[i], i, i == list.chosen);
    }
    if (options->json)
        output_json(json_pack("{s:O}", "devices", array));
    json_decref(array);
    return EXIT_OK;
}

const struct verb verb_devices = {
    .name = "devices",
    .operands = "",
    .brief = "list the OpenCL devices",
    .description =
        "Lists every OpenCL device of this machine with its index, its type and what it offers, and which "
        "of\n"
        "them Ocelli uses. When there is none, `ocelli doctor` says why.\n"
        "\n"
        "With --json: {\"devices\": [{\"index\", \"type\", \"name\", \"vendor\", \"platform\", \"version\", "
        "\"driver\",\n"
        "\"compute_units\", \"clock_mhz\", \"vector_width\", \"max_work_group\", \"memory\", "
        "\"max_allocation\",\n"
        "\"local_memory\", \"global_cache\", \"fp64\", \"fp16\", \"sub_groups\", \"usable\", \"reason\", "
        "\"default\"}]}.",
    .examples = "ocelli devices\nocelli devices --json | jq '.devices[] | select(.default)'",
    .options = (const enum option_id[]){ OPTION_JSON, OPTION_VERBOSE, OPTION_HELP, OPTION_END },
    .run = run,
};

/* job.c - from the command line to a model on a device. */
#include "job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The size as published, from the network itself. */
static enum exit_code look_up(struct job *job)
{
    oc_net net;
    FORWARD(output_status(oc_zoo_create(&net, job->name, NULL)));
    int64_t image[OC_MAX_RANK], logits[OC_MAX_RANK];
    oc_tensor_shape(net.image, image);
    oc_tensor_shape(net.logits, logits);
    oc_graph_destroy(net.graph);
    job->published = (oc_net_desc){
        .channels = (int)image[1], .height = (int)image[2], .width = (int)image[3], .classes = (int)logits[1]
    };
    return EXIT_OK;
}

/* Metadata that is not there leaves "". */
static enum exit_code read_metadata(const char *path, const char *key, char *value, size_t capacity)
{
    *value = '\0';
    const oc_status status = oc_metadata_get(path, key, value, capacity);
    return status == OC_E_NOT_FOUND ? EXIT_OK : output_status(status);
}

static enum exit_code read_weights(struct job *job, const char *path)
{
    char value[128];
    FORWARD(read_metadata(path, KEY_MODEL, value, sizeof value));
    if (*value && strcmp(value, job->name) != 0)
        return output_error("%s holds the weights of %s, not of %s", path, value, job->name);
    FORWARD(read_metadata(path, KEY_INPUT, value, sizeof value));
    if (*value && sscanf(value, "%9dx%9dx%9d", &job->desc.channels, &job->desc.height, &job->desc.width) != 3)
        return output_error("%s: %s is '%s', which is no size", path, KEY_INPUT, value);
    FORWARD(read_metadata(path, KEY_CLASSES, value, sizeof value));
    if (*value)
        job->desc.classes = (int)strtol(value, NULL, 10);
    FORWARD(read_metadata(path, KEY_WIDTH, value, sizeof value));
    if (*value)
        job->desc.width_factor = strtof(value, NULL);
    FORWARD(read_metadata(path, KEY_PIXELS, value, sizeof value));
    job->signed_pixels = strcmp(value, "-1..1") == 0;
    return EXIT_OK;
}

enum exit_code job_describe(struct job *job, const struct options *options)
{
    job->options = options;
    job->name = options->arguments[0];
    FORWARD(look_up(job));
    if (options->weights)
        FORWARD(read_weights(job, options->weights));
    if (options->size[0] > 0) {
        job->desc.channels = options->size[0];
        job->desc.height = options->size[1];
        job->desc.width = options->size[2];
    }
    if (options->classes > 0)
        job->desc.classes = (int)options->classes;
    if (options->width > 0)
        job->desc.width_factor = options->width;
    return EXIT_OK;
}

enum exit_code job_open(struct job *job)
{
    FORWARD(output_status(oc_zoo_create(&job->net, job->name, &job->desc)));
    return output_status(oc_device_open(&job->device, &(oc_device_desc){ .select = job->options->device }));
}

enum exit_code job_create_model(struct job *job, oc_model_desc desc)
{
    desc.seed = job->options->seed;
    desc.implementations = job->options->implementations;
    desc.progress = progress_compile;
    const oc_status status = oc_model_create(&job->model, job->net.graph, job->device, &desc);
    progress_clear();
    return output_status(status);
}

void job_close(struct job *job)
{
    oc_model_destroy(job->model);
    oc_graph_destroy(job->net.graph);
    oc_device_close(job->device);
    oc_dataset_clear(&job->train);
    oc_dataset_clear(&job->test);
}

/* summary.c - ocelli summary: a network, layer by layer. */
#include "job.h"
#include "verbs.h"

#include <stdio.h>
#include <string.h>

struct totals {
    int64_t parameters, macs, bytes;
};

/* A layer's output as published volumes are written: height x width x channels. */
static const char *volume(char text[NUMBER_TEXT], const oc_layer_info *layer)
{
    int length = 0;
    for (int i = 2; i < layer->rank; i++)
        length +=
            snprintf(text + length, (size_t)(NUMBER_TEXT - length), "%lldx", (long long)layer->output[i]);
    snprintf(text + length, (size_t)(NUMBER_TEXT - length), "%lld", (long long)layer->output[1]);
    return text;
}

/* Whether a layer belongs to the net itself rather than to its training. */
static bool is_shown(const oc_net *net, const oc_layer_info *layer)
{
    return layer->rank > 1 && strcmp(layer->name, oc_tensor_name(net->loss)) != 0;
}

static void print_row(const char *name, const char *type, const char *output, const struct totals *numbers)
{
    char parameters[NUMBER_TEXT], macs[NUMBER_TEXT], bytes[NUMBER_TEXT];
    printf("%-16s %-14s %14s %14s %16s %12s\n", name, type, output,
           output_count(parameters, numbers->parameters), output_count(macs, numbers->macs),
           output_bytes(bytes, numbers->bytes));
}

static void print_table(const oc_net *net, const struct totals *totals)
{
    char text[NUMBER_TEXT];
    oc_layer_info layer;
    printf("%-16s %-14s %14s %14s %16s %12s\n", "layer", "type", "output", "parameters", "multiply-adds",
           "activations");
    for (int i = 0; i < oc_graph_layer_count(net->graph); i++)
        if (oc_graph_layer(net->graph, i, &layer) == OC_OK && is_shown(net, &layer))
            print_row(layer.name, layer.type, volume(text, &layer),
                      &(struct totals){ layer.parameters, layer.macs, layer.bytes });
    print_row("total", "", "", totals);
}

static json_t *layers_json(const oc_net *net)
{
    json_t *list = json_array();
    oc_layer_info layer;
    for (int i = 0; i < oc_graph_layer_count(net->graph); i++)
        if (oc_graph_layer(net->graph, i, &layer) == OC_OK && is_shown(net, &layer))
            json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:I, s:I, s:I}", "name", layer.name,
                                                  "type", layer.type, "output",
                                                  output_shape(layer.output + 1, layer.rank - 1), "params",
                                                  (json_int_t)layer.parameters, "macs",
                                                  (json_int_t)layer.macs, "bytes", (json_int_t)layer.bytes));
    return list;
}

static struct totals add_up(const oc_net *net)
{
    struct totals totals = { 0 };
    oc_layer_info layer;
    for (int i = 0; i < oc_graph_layer_count(net->graph); i++) {
        if (oc_graph_layer(net->graph, i, &layer) != OC_OK || !is_shown(net, &layer))
            continue;
        totals.parameters += layer.parameters;
        totals.macs += layer.macs;
        totals.bytes += layer.bytes;
    }
    return totals;
}

/* Device bytes to infer and to train, as planned for the device. */
static enum exit_code predict(struct job *job, oc_memory_info *infer, oc_memory_info *train)
{
    const oc_net *net = &job->net;
    oc_model_desc desc = { .outputs = (oc_tensor *[]){ net->logits, NULL },
                           .implementations = job->options->implementations };
    FORWARD(output_status(oc_device_open(&job->device, &(oc_device_desc){ .select = job->options->device })));
    FORWARD(output_status(oc_model_predict_memory(infer, net->graph, job->device, &desc)));
    desc.loss = net->loss;
    desc.optimizer.momentum = 0.9f;
    return output_status(oc_model_predict_memory(train, net->graph, job->device, &desc));
}

static enum exit_code summarize(struct job *job, const struct options *options)
{
    oc_memory_info infer = { 0 }, train = { 0 };
    char infer_text[NUMBER_TEXT], train_text[NUMBER_TEXT];
    int64_t image[OC_MAX_RANK];
    FORWARD(job_describe(job, options));
    job->desc.batch = options->batch > 0 ? (int)options->batch : 1;
    FORWARD(output_status(oc_zoo_create(&job->net, job->name, &job->desc)));
    if (options->device)
        FORWARD(predict(job, &infer, &train));
    const struct totals totals = add_up(&job->net);
    if (!options->json) {
        print_table(&job->net, &totals);
        if (options->device)
            printf("device memory at batch %d: %s to infer, %s to train with momentum\n", job->desc.batch,
                   output_bytes(infer_text, infer.total), output_bytes(train_text, train.total));
        return EXIT_OK;
    }
    const int rank = oc_tensor_shape(job->net.image, image);
    json_t *object = json_pack("{s:s, s:o, s:I, s:I, s:o}", "model", job->name, "input",
                               output_shape(image + 1, rank - 1), "params", (json_int_t)totals.parameters,
                               "macs", (json_int_t)totals.macs, "layers", layers_json(&job->net));
    if (options->device)
        json_object_set_new(object, "device_bytes",
                            json_pack("{s:i, s:I, s:I}", "batch", job->desc.batch, "infer",
                                      (json_int_t)infer.total, "train", (json_int_t)train.total));
    output_json(object);
    return EXIT_OK;
}

static enum exit_code run(const struct options *options)
{
    struct job job = { 0 };
    const enum exit_code code = summarize(&job, options);
    job_close(&job);
    return code;
}

const struct verb verb_summary = {
    .name = "summary",
    .operands = "MODEL",
    .brief = "print a network layer by layer",
    .description =
        "Prints the layers of MODEL, a network of `ocelli models`: the volume of the output (height x width "
        "x\n"
        "channels), parameters, multiply-adds of one picture's forward pass (convolution and dense layers) "
        "and\n"
        "the bytes of one picture's output, before any sharing of memory. No device is needed; with --device "
        "the\n"
        "memory that the model would take there is predicted too, for --batch pictures.\n"
        "\n"
        "With --json: {\"model\", \"input\": [c, h, w], \"params\", \"macs\", \"layers\": [{\"name\", "
        "\"type\",\n"
        "\"output\": [c, h, w], \"params\", \"macs\", \"bytes\"}]}, and \"device_bytes\" with --device.",
    .examples = "ocelli summary lenet5\n"
                "ocelli summary convnetjs_cifar10 --input 3x64x64 --classes 100 --device cpu --batch 128",
    .options =
        (const enum option_id[]){ OPTION_SIZE, OPTION_CLASSES, OPTION_BATCH_SUMMARY, OPTION_IMPLEMENTATIONS,
                                  OPTION_DEVICE, OPTION_JSON, OPTION_VERBOSE, OPTION_HELP, OPTION_END },
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run,
};

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

/* "212", or "212x180" where the dimensions differ. */
static const char *receptive_field(char text[NUMBER_TEXT], const oc_layer_info *layer, int dimensions)
{
    bool equal = true;
    int length = snprintf(text, NUMBER_TEXT, "%lld", (long long)layer->receptive[0]);
    for (int i = 1; i < dimensions; i++)
        equal = equal && layer->receptive[i] == layer->receptive[0];
    for (int i = 1; !equal && i < dimensions; i++)
        length +=
            snprintf(text + length, (size_t)(NUMBER_TEXT - length), "x%lld", (long long)layer->receptive[i]);
    return text;
}

/* Whether a layer belongs to the net itself rather than to its training. */
static bool is_shown(const oc_net *net, const oc_layer_info *layer)
{
    return layer->rank > 1 && strcmp(layer->name, oc_tensor_name(net->loss)) != 0;
}

static void print_row(const char *name, const char *type, const char *output, const struct totals *numbers,
                      const char *receptive)
{
    char parameters[NUMBER_TEXT], macs[NUMBER_TEXT], bytes[NUMBER_TEXT];
    printf("%-16s %-14s %14s %14s %16s %12s %10s\n", name, type, output,
           output_count(parameters, numbers->parameters), output_count(macs, numbers->macs),
           output_bytes(bytes, numbers->bytes), receptive);
}

static void print_table(const oc_net *net, const struct totals *totals)
{
    char text[NUMBER_TEXT], field[NUMBER_TEXT];
    int64_t image[OC_MAX_RANK];
    oc_layer_info layer;
    const int dimensions = oc_tensor_shape(net->image, image) - 2;
    printf("%-16s %-14s %14s %14s %16s %12s %10s\n", "layer", "type", "output", "parameters", "multiply-adds",
           "activations", "receptive");
    for (int i = 0; i < oc_graph_layer_count(net->graph); i++)
        if (oc_graph_layer(net->graph, i, &layer) == OC_OK && is_shown(net, &layer))
            print_row(layer.name, layer.type, volume(text, &layer),
                      &(struct totals){ layer.parameters, layer.macs, layer.bytes },
                      receptive_field(field, &layer, dimensions));
    print_row("total", "", "", totals, "");
}

static json_t *layers_json(const oc_net *net)
{
    json_t *list = json_array();
    int64_t image[OC_MAX_RANK];
    oc_layer_info layer;
    const int dimensions = oc_tensor_shape(net->image, image) - 2;
    for (int i = 0; i < oc_graph_layer_count(net->graph); i++)
        if (oc_graph_layer(net->graph, i, &layer) == OC_OK && is_shown(net, &layer))
            json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:I, s:I, s:I, s:o}", "name", layer.name,
                                                  "type", layer.type, "output",
                                                  output_shape(layer.output + 1, layer.rank - 1), "params",
                                                  (json_int_t)layer.parameters, "macs",
                                                  (json_int_t)layer.macs, "bytes", (json_int_t)layer.bytes,
                                                  "receptive", output_shape(layer.receptive, dimensions)));
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

/* Device memory to infer, to train with momentum and to do so with --recompute, as planned for the device. */
struct planned {
    oc_memory_info infer, train, recompute;
};

static enum exit_code predict(struct job *job, struct planned *planned)
{
    const oc_net *net = &job->net;
    oc_model_desc desc = { .outputs = (oc_tensor *[]){ net->logits, NULL },
                           .implementations = job->options->implementations };
    FORWARD(output_status(oc_device_open(&job->device, &(oc_device_desc){ .select = job->options->device })));
    FORWARD(output_status(oc_model_predict_memory(&planned->infer, net->graph, job->device, &desc)));
    desc.loss = net->loss;
    desc.optimizer.momentum = 0.9f;
    FORWARD(output_status(oc_model_predict_memory(&planned->train, net->graph, job->device, &desc)));
    desc.recompute = true;
    return output_status(oc_model_predict_memory(&planned->recompute, net->graph, job->device, &desc));
}

static void print_memory(const char *use, const oc_memory_info *memory)
{
    char total[NUMBER_TEXT], activations[NUMBER_TEXT], unshared[NUMBER_TEXT];
    printf("%-32s %14s %14s %24s\n", use, output_bytes(total, memory->total),
           output_bytes(activations, memory->activations), output_bytes(unshared, memory->unshared));
}

static void print_planned(const struct job *job, const struct planned *planned)
{
    char title[64];
    snprintf(title, sizeof title, "device memory at batch %d", job->desc.batch);
    printf("\n%-32s %14s %14s %24s\n", title, "planned peak", "activations", "sum of all activations");
    print_memory("to infer", &planned->infer);
    print_memory("to train with momentum", &planned->train);
    print_memory("the same, --recompute", &planned->recompute);
}

static json_t *planned_json(const struct job *job, const struct planned *planned)
{
    return json_pack("{s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "batch", job->desc.batch, "infer",
                     (json_int_t)planned->infer.total, "train", (json_int_t)planned->train.total,
                     "infer_activations", (json_int_t)planned->infer.activations, "train_activations",
                     (json_int_t)planned->train.activations, "infer_unshared",
                     (json_int_t)planned->infer.unshared, "train_unshared",
                     (json_int_t)planned->train.unshared, "recompute", (json_int_t)planned->recompute.total,
                     "recompute_activations", (json_int_t)planned->recompute.activations);
}

static enum exit_code summarize(struct job *job, const struct options *options)
{
    struct planned planned = { 0 };
    int64_t image[OC_MAX_RANK];
    FORWARD(job_describe(job, options));
    job->desc.batch = options->batch > 0 ? (int)options->batch : 1;
    FORWARD(output_status(oc_zoo_create(&job->net, job->name, &job->desc)));
    if (options->device)
        FORWARD(predict(job, &planned));
    const struct totals totals = add_up(&job->net);
    if (!options->json) {
        print_table(&job->net, &totals);
        if (options->device)
            print_planned(job, &planned);
        return EXIT_OK;
    }
    const int rank = oc_tensor_shape(job->net.image, image);
    json_t *object = json_pack("{s:s, s:o, s:I, s:I, s:o}", "model", job->name, "input",
                               output_shape(image + 1, rank - 1), "params", (json_int_t)totals.parameters,
                               "macs", (json_int_t)totals.macs, "layers", layers_json(&job->net));
    if (options->device)
        json_object_set_new(object, "device_bytes", planned_json(job, &planned));
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
        "channels), parameters, multiply-adds of one picture's forward pass (convolution and dense layers), "
        "the\n"
        "bytes of one picture's output, before any sharing of memory, and the receptive field: how many "
        "pixels\n"
        "of the picture, along each side, a value of the output depends on. No device is needed.\n"
        "\n"
        "With --device the memory planned there is printed too, for --batch pictures, to infer, to train and "
        "to\n"
        "train with --recompute: all of it, the activations' share, and what that would be if no two "
        "activations\n"
        "used the same memory.\n"
        "\n"
        "With --json: {\"model\", \"input\": [c, h, w], \"params\", \"macs\", \"layers\": [{\"name\", "
        "\"type\",\n"
        "\"output\": [c, h, w], \"params\", \"macs\", \"bytes\", \"receptive\": [h, w]}]}, and with "
        "--device\n"
        "\"device_bytes\": {\"batch\", \"infer\", \"train\", \"infer_activations\", \"train_activations\",\n"
        "\"infer_unshared\", \"train_unshared\", \"recompute\", \"recompute_activations\"}.",
    .examples = "ocelli summary lenet5\n"
                "ocelli summary convnetjs_cifar10 --input 3x64x64 --classes 100 --device cpu --batch 128",
    .options = (const enum option_id[]){ OPTION_SIZE, OPTION_CLASSES, OPTION_WIDTH, OPTION_BATCH_SUMMARY,
                                         OPTION_IMPLEMENTATIONS, OPTION_DEVICE, OPTION_JSON, OPTION_VERBOSE,
                                         OPTION_HELP, OPTION_END },
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run,
};

/* network_gradients.c - runs a network of the zoo on values that PyTorch can be given too; compare_torch.py starts it.
 *
 *     network_gradients NAME SIZE DIVISOR PICTURE SHIFT FOLDER
 *
 * Reads FOLDER/weights.safetensors, or makes it after the recipe (models/recipe.h) if there is none; makes the picture and
 * the labels. Writes image.npy, and of inference logits.npy, of training without dropout training_logits.npy, loss.npy,
 * image_gradient.npy and, under the names of the parameters, gradients.safetensors; there, states are what they become. */
#include "models/recipe.h"
#include "support/replica.h"

#include <stdio.h>

static const char *path(const char *folder, const char *name)
{
    static char text[4096];
    snprintf(text, sizeof text, "%s/%s", folder, name);
    return text;
}

/* Zeros in the shape of a tensor. */
static oc_array array_of(const oc_tensor *x)
{
    oc_array array = { .rank = x->shape.rank };
    for (int i = 0; i < array.rank; i++)
        array.shape[i] = x->shape.dim[i];
    array.data = calloc((size_t)shape_count(&x->shape), sizeof *array.data);
    if (!array.data)
        abort();
    return array;
}

static oc_status take_weights(oc_model *model, double shift, const char *folder)
{
    const oc_status status = oc_model_load(model, path(folder, "weights.safetensors"));
    if (status != OC_E_FILE)
        return status;
    TRY(recipe_apply(model, shift));
    return oc_model_save(model, path(folder, "weights.safetensors"), NULL);
}

/* Saved as if they were the parameters' values. */
static oc_status save_gradients(oc_model *model, const char *folder)
{
    for (int i = 0; i < oc_parameter_count(model); i++) {
        oc_parameter_info info;
        TRY(oc_parameter_info_at(model, i, &info));
        float *values = malloc((size_t)info.count * sizeof *values);
        if (!values)
            abort();
        oc_status status = OC_OK;
        if (!info.state)
            status = oc_parameter_get(model, info.name, OC_GRADIENT, values, info.count);
        if (!info.state && status == OC_OK)
            status = oc_parameter_set(model, info.name, OC_VALUE, values, info.count);
        free(values);
        TRY(status);
    }
    return oc_model_save(model, path(folder, "gradients.safetensors"), NULL);
}

static oc_status run(oc_model *model, const oc_net *net, int picture, double shift, const char *folder)
{
    oc_array image = array_of(net->image), gradient = array_of(net->image), logits = array_of(net->logits),
             loss = array_of(net->loss);
    int32_t labels[RECIPE_BATCH];
    recipe_image(picture, image.data, shape_count(&net->image->shape));
    recipe_labels(labels, RECIPE_BATCH, RECIPE_CLASSES);
    const oc_feed feeds[] = { { net->image, image.data, NULL }, { net->label, labels, NULL }, { 0 } };
    TRY(take_weights(model, shift, folder));
    TRY(oc_array_save_npy(&image, path(folder, "image.npy")));
    TRY(oc_infer(model, RECIPE_BATCH, feeds,
                 (oc_fetch[]){ { .tensor = net->logits, .data = logits.data }, { 0 } }));
    TRY(oc_array_save_npy(&logits, path(folder, "logits.npy")));
    TRY(oc_compute_gradients(model, RECIPE_BATCH, feeds,
                             (oc_fetch[]){ { .tensor = net->logits, .data = logits.data },
                                           { .tensor = net->loss, .data = loss.data },
                                           { .tensor = net->image, .data = gradient.data, .gradient = true },
                                           { 0 } }));
    TRY(oc_array_save_npy(&logits, path(folder, "training_logits.npy")));
    TRY(oc_array_save_npy(&loss, path(folder, "loss.npy")));
    TRY(oc_array_save_npy(&gradient, path(folder, "image_gradient.npy")));
    oc_array_clear(&image);
    oc_array_clear(&gradient);
    oc_array_clear(&logits);
    oc_array_clear(&loss);
    return save_gradients(model, folder);
}

static oc_status run_network(char **arguments)
{
    oc_device *device;
    oc_model *model;
    oc_net net;
    struct replica replica;
    TRY(recipe_network(&net, &replica, arguments[1], atoi(arguments[2]), atoi(arguments[3])));
    TRY(oc_device_open(&device, NULL));
    TRY(oc_model_create(&model, net.graph, device,
                        &(oc_model_desc){ .loss = net.loss,
                                          .outputs = (oc_tensor *const[]){ net.logits, NULL },
                                          .implementations = RECIPE_PLAIN_SUMS }));
    TRY(run(model, &net, atoi(arguments[4]), atof(arguments[5]), arguments[6]));
    oc_model_destroy(model);
    oc_device_close(device);
    replica_destroy(&replica);
    return OC_OK;
}

int main(int count, char **arguments)
{
    if (count != 7) {
        fprintf(stderr, "usage: network_gradients NAME SIZE DIVISOR PICTURE SHIFT FOLDER\n");
        return 2;
    }
    if (run_network(arguments) == OC_OK)
        return 0;
    fprintf(stderr, "network_gradients: %s: %s\n", arguments[1], oc_last_error());
    return 1;
}

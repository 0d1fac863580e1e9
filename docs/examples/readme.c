/* readme.c - the program of the README: a small network learns to tell X from O. */
#include <ocelli/ocelli.h>
#include <stdio.h>

int main(void)
{
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *image = oc_input(graph, &(oc_input_desc){ .name = "image", .shape = { 32, 1, 16, 16 } });
    oc_tensor *label = oc_input(graph, &(oc_input_desc){ .name = "label", .shape = { 32 }, .type = OC_I32 });
    oc_tensor *x = oc_relu(oc_conv(image, &(oc_conv_desc){ .filters = 8, .window = { 3 } }));
    x = oc_flatten(oc_max_pool(x, &(oc_pool_desc){ .window = { 2 } }));
    oc_tensor *logits = oc_dense(x, &(oc_dense_desc){ .units = 2 });
    oc_tensor *loss = oc_softmax_cross_entropy(logits, label); /* a wrong layer would be reported below */

    oc_device *device = NULL;
    oc_model *model = NULL;
    oc_dataset pictures = { 0 };
    double accuracy = 0.0;
    const oc_model_desc desc = { .loss = loss, .outputs = (oc_tensor *[]){ logits, NULL } };
    const oc_train_desc plan = { &pictures, .image = image, .label = label, .logits = logits, .loss = loss };
    const bool ok =
        oc_dataset_generate_xo(&pictures, &(oc_xo_desc){ .size = 16 }) == OC_OK &&
        oc_device_open(&device, NULL) == OC_OK && oc_model_create(&model, graph, device, &desc) == OC_OK &&
        oc_train(model, &plan) == OC_OK && oc_evaluate(model, &plan, &pictures, NULL, &accuracy) == OC_OK;
    printf("%s %.1f%%\n", ok ? "told apart:" : oc_last_error(), 100.0 * accuracy);

    oc_model_destroy(model);
    oc_device_close(device);
    oc_dataset_clear(&pictures);
    oc_graph_destroy(graph);
    return !ok;
}

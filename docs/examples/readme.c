/* readme.c - the program of the README: a small network learns to tell X from O. */
#include <ocelli/ocelli.h>
#include <stdio.h>

int main(void)
{
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *image = oc_input(graph, &(oc_input_desc){ .name = "image", .shape = { 32, 1, 16, 16 } });
    oc_tensor *label = oc_input(graph, &(oc_input_desc){ .name = "label", .shape = { 32 }, .type = OC_I32 });
    oc_tensor *x = oc_relu(oc_conv(image, &(oc_conv_desc){ .filters = 8, .window = { 3 }, .pad = 1 }));
    x = oc_flatten(oc_max_pool(x, &(oc_pool_desc){ .window = { 2 } }));
    oc_tensor *logits = oc_dense(x, &(oc_dense_desc){ .units = 2 });
    oc_tensor *loss = oc_softmax_cross_entropy(logits, label);

    /* Nothing above was checked: the graph keeps its first error, and oc_model_create reports it. */
    oc_device *device = NULL;
    oc_model *model = NULL;
    oc_dataset pictures = { 0 };
    double accuracy = 0.0;
    oc_status status = oc_device_open(&device, NULL);
    if (status == OC_OK)
        status = oc_model_create(&model, graph, device,
                                 &(oc_model_desc){ .loss = loss,
                                                   .outputs = (oc_tensor *[]){ logits, NULL },
                                                   .optimizer = { .rate = 0.05f, .momentum = 0.9f } });
    if (status == OC_OK)
        status = oc_dataset_generate_xo(&pictures, &(oc_xo_desc){ .size = 16 });
    const oc_train_desc plan = {
        .train = &pictures, .epochs = 5, .image = image, .label = label, .logits = logits, .loss = loss
    };
    if (status == OC_OK)
        status = oc_train(model, &plan);
    if (status == OC_OK)
        status = oc_evaluate(model, &plan, &pictures, NULL, &accuracy);
    if (status == OC_OK)
        printf("%.1f%% of the pictures are told apart\n", 100.0 * accuracy);
    else
        fprintf(stderr, "%s: %s\n", oc_status_name(status), oc_last_error());

    oc_dataset_clear(&pictures);
    oc_model_destroy(model); /* destroying NULL is allowed */
    oc_graph_destroy(graph);
    oc_device_close(device);
    return status != OC_OK || accuracy < 0.99;
}

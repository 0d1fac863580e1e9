/* bring_your_own.c - Ocelli inside a program that has its own OpenCL context, queue and buffers: the values go from a
 * cl_mem through a network into a cl_mem and never touch the host. */
#include <ocelli/opencl.h>
#include <stdio.h>

enum { COUNT = 4, VALUES = COUNT * 2 * 3 * 3 };

/* Twice the positive part of every value, computed by a network whose only weight is 2. */
static oc_status run(oc_device *device, cl_mem from, cl_mem to)
{
    oc_graph *graph = oc_graph_create(NULL);
    oc_model *model = NULL;
    oc_tensor *x = oc_input(graph, &(oc_input_desc){ .name = "x", .shape = { COUNT, 2, 3, 3 } });
    oc_tensor *y = oc_relu(oc_conv(x, &(oc_conv_desc){ .name = "twice",
                                                       .filters = 2,
                                                       .window = { 1 },
                                                       .groups = 2,
                                                       .no_bias = true,
                                                       .weight_init = { OC_INIT_CONSTANT, 2.f } }));
    oc_status status =
        oc_model_create(&model, graph, device, &(oc_model_desc){ .outputs = (oc_tensor *[]){ y, NULL } });
    if (status == OC_OK)
        status = oc_infer(model, COUNT, (oc_feed[]){ { .tensor = x, .buffer = from }, { 0 } },
                          (oc_fetch[]){ { .tensor = y, .buffer = to }, { 0 } });
    if (status == OC_OK)
        status = oc_model_finish(
            model); /* its work is in the caller's queue; only this program's check needs the wait */
    oc_model_destroy(model);
    oc_graph_destroy(graph);
    return status;
}

int main(void)
{
    float values[VALUES], results[VALUES] = { 0 };
    for (int i = 0; i < VALUES; i++)
        values[i] = (float)(i % 7 - 3);
    cl_platform_id platform;
    cl_device_id id;
    if (clGetPlatformIDs(1, &platform, NULL) != CL_SUCCESS ||
        clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &id, NULL) != CL_SUCCESS)
        return 1;
    cl_context context = clCreateContext(NULL, 1, &id, NULL, NULL, NULL);
    cl_command_queue queue = clCreateCommandQueue(context, id, 0, NULL);
    cl_mem from =
        clCreateBuffer(context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, sizeof values, values, NULL);
    cl_mem to = clCreateBuffer(context, CL_MEM_WRITE_ONLY, sizeof results, NULL, NULL);

    oc_device *device = NULL;
    oc_status status = oc_device_open_cl(&device, context, id, queue, NULL);
    if (status == OC_OK)
        status = run(device, from, to);
    if (status != OC_OK)
        fprintf(stderr, "%s: %s\n", oc_status_name(status), oc_last_error());
    clEnqueueReadBuffer(queue, to, CL_TRUE, 0, sizeof results, results, 0, NULL, NULL);
    int wrong = 0;
    for (int i = 0; i < VALUES; i++)
        wrong += results[i] != (values[i] > 0.f ? 2.f * values[i] : 0.f);
    printf("%d of %d values are wrong\n", wrong, (int)VALUES);

    oc_device_close(device);
    clReleaseMemObject(from);
    clReleaseMemObject(to);
    clReleaseCommandQueue(queue);
    clReleaseContext(context);
    return status != OC_OK || wrong > 0;
}

/* eval.c - ocelli eval: how good weights are on data with labels. */
#include "job.h"
#include "verbs.h"

#include <math.h>
#include <stdio.h>

enum { DEFAULT_BATCH = 32 };

static enum exit_code evaluate(struct job *job, const struct options *options)
{
    double loss, accuracy;
    if (!options->weights)
        return output_error("--weights is missing: a safetensors file with the net's weights");
    FORWARD(job_describe(job, options));
    FORWARD(job_load_data(job, false));
    job->desc.batch = options->batch > 0 ? (int)options->batch : DEFAULT_BATCH;
    FORWARD(job_open(job));
    const oc_net *net = &job->net;
    FORWARD(
        job_create_model(job, (oc_model_desc){ .outputs = (oc_tensor *[]){ net->logits, net->loss, NULL } }));
    FORWARD(output_status(oc_model_load(job->model, options->weights)));
    FORWARD(output_status(
        oc_evaluate(job->model,
                    &(oc_train_desc){
                        .image = net->image, .label = net->label, .logits = net->logits, .loss = net->loss },
                    &job->test, &loss, &accuracy)));
    if (options->json)
        output_json(json_pack("{s:s, s:I, s:o, s:o}", "model", job->name, "images",
                              (json_int_t)job->test.count, "loss", output_real(loss), "accuracy",
                              output_real(accuracy)));
    else
        printf("loss %.4f  accuracy %.2f%%: %.0f of %lld right\n", loss, 100 * accuracy,
               round(accuracy * (double)job->test.count), (long long)job->test.count);
    return EXIT_OK;
}

static enum exit_code run(const struct options *options)
{
    struct job job = { 0 };
    const enum exit_code code = evaluate(&job, options);
    job_close(&job);
    return code;
}

const struct verb verb_eval = {
    .name = "eval",
    .operands = "MODEL",
    .brief = "measure a trained network on labelled pictures",
    .description =
        "Loads weights into MODEL and prints loss and accuracy on the pictures that --data names. Files\n"
        "that `ocelli train` wrote know the size of their net's input; for others see --input.\n"
        "\n"
        "With --json: {\"model\", \"images\", \"loss\", \"accuracy\"}.",
    .examples = "ocelli eval lenet5_relu --weights digits.safetensors --data models/digits --held-out 360",
    .options = (const enum option_id[]){ OPTION_WEIGHTS, OPTION_DATA, OPTION_HELD_OUT_EVAL, OPTION_SAMPLES,
                                         OPTION_SIZE, OPTION_CLASSES, OPTION_WIDTH, OPTION_BATCH_INFER,
                                         OPTION_SEED, OPTION_IMPLEMENTATIONS, OPTION_DEVICE, OPTION_JSON,
                                         OPTION_VERBOSE, OPTION_HELP, OPTION_END },
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run,
};

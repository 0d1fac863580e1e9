/* train.c - ocelli train: the working day of a network. */
#include "job.h"
#include "verbs.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { DEFAULT_BATCH = 32 };

/* What the events of a run are printed with. */
struct reporter {
    bool json, trained;  /* trained: there was anything left to do */
    oc_train_event last; /* the last epoch's or the last step's */
};

static json_t *event_json(const char *name, const oc_train_event *event)
{
    return json_pack("{s:s, s:i, s:i, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "event", name, "epoch",
                     event->epoch, "epochs", event->epochs, "step", (json_int_t)event->step, "steps",
                     (json_int_t)event->steps, "loss", output_real(event->loss), "accuracy",
                     output_real(event->accuracy), "test_loss", output_real(event->test_loss),
                     "test_accuracy", output_real(event->test_accuracy), "rate",
                     output_real((double)event->rate), "images_per_second",
                     output_real(event->images_per_second), "seconds", output_real(event->seconds));
}

static void print_epoch(const oc_train_event *event)
{
    printf("epoch %d/%d  loss %.4f  accuracy %.1f%%", event->epoch, event->epochs, event->loss,
           100 * event->accuracy);
    if (isfinite(event->test_accuracy))
        printf("  test loss %.4f  test accuracy %.2f%%", event->test_loss, 100 * event->test_accuracy);
    printf("  %.0f images/s\n", event->images_per_second);
    fflush(stdout);
}

static bool report(void *user, const oc_train_event *event)
{
    struct reporter *reporter = user;
    char left[NUMBER_TEXT];
    reporter->last = *event;
    reporter->trained = reporter->trained || event->kind != OC_TRAIN_DONE;
    switch (event->kind) {
    case OC_TRAIN_STEP:
        progress_print("epoch %d/%d [%*lld/%lld] loss %.4f accuracy %.1f%% %.0f images/s eta %s",
                       event->epoch, event->epochs, event->steps > 999 ? 5 : 3, (long long)event->step,
                       (long long)event->steps, event->loss, 100 * event->accuracy, event->images_per_second,
                       output_time(left, event->seconds_left));
        break;
    case OC_TRAIN_EPOCH:
        progress_clear();
        if (reporter->json)
            output_json(event_json("epoch", event));
        else
            print_epoch(event);
        break;
    case OC_TRAIN_DONE:
        break;
    }
    return !interrupt_requested();
}

static int64_t parameter_count(const oc_model *model)
{
    int64_t count = 0;
    oc_parameter_info info;
    for (int i = 0; i < oc_parameter_count(model); i++)
        if (oc_parameter_info_at(model, i, &info) == OC_OK && !info.state)
            count += info.count;
    return count;
}

static void print_start(const struct job *job, bool json)
{
    char parameters[NUMBER_TEXT], training[NUMBER_TEXT], test[NUMBER_TEXT];
    const char *device = oc_device_get_info(job->device)->name;
    const int64_t count = parameter_count(job->model);
    if (json)
        output_json(json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", "event", "start", "model", job->name,
                              "device", device, "params", (json_int_t)count, "training",
                              (json_int_t)job->train.count, "test", (json_int_t)job->test.count));
    else
        printf("%s (%s parameters) on %s: %s pictures of %dx%dx%d to train on, %s to test on\n", job->name,
               output_count(parameters, count), device, output_count(training, job->train.count),
               job->desc.channels, job->desc.height, job->desc.width, output_count(test, job->test.count));
    fflush(stdout);
}

static void print_end(const struct job *job, const oc_train_event *event)
{
    const struct options *options = job->options;
    char time[NUMBER_TEXT];
    if (isfinite(event->test_accuracy))
        printf("test accuracy %.2f%%: %.0f of %lld right", 100 * event->test_accuracy,
               round(event->test_accuracy * (double)job->test.count), (long long)job->test.count);
    else
        printf("training accuracy %.2f%%", 100 * event->accuracy);
    printf(", after %d epochs in %s\n", event->epoch, output_time(time, event->seconds));
    if (options->output)
        printf("weights: %s\n", options->output);
    if (options->curve)
        printf("curve: %s.svg, .csv and .jsonl\n", options->curve);
}

static enum exit_code end(struct job *job, const struct reporter *reporter, oc_status status)
{
    const struct options *options = job->options;
    progress_clear();
    if (status != OC_OK && status != OC_E_INTERRUPTED)
        return output_status(status);
    if (options->json) {
        json_t *object = event_json(status == OC_OK ? "done" : "stopped", &reporter->last);
        json_object_set_new(object, "weights", options->output ? json_string(options->output) : json_null());
        output_json(object);
    }
    if (status == OC_E_INTERRUPTED) {
        output_status(status);
        if (options->output)
            fprintf(stderr, "ocelli: continue with --weights %s\n", options->output);
        return EXIT_INTERRUPTED;
    }
    if (!reporter->trained)
        fprintf(stderr, "ocelli: %s has had its %d epochs already; --epochs asks for more\n",
                options->weights, reporter->last.epoch);
    if (!options->json)
        print_end(job, &reporter->last);
    return EXIT_OK;
}

static enum exit_code train(struct job *job, const struct options *options,
                            const oc_optimizer_desc *optimizer)
{
    char input[64], classes[NUMBER_TEXT], width[32];
    FORWARD(job_describe(job, options));
    FORWARD(job_load_data(job, true));
    job->desc.batch = options->batch > 0 ? (int)options->batch : DEFAULT_BATCH;
    FORWARD(job_open(job));
    const oc_net *net = &job->net;
    FORWARD(job_create_model(
        job, (oc_model_desc){ .loss = net->loss,
                              .outputs = (oc_tensor *[]){ net->logits, net->probabilities, NULL },
                              .optimizer = *optimizer,
                              .accumulate = options->accumulate > 1,
                              .recompute = options->recompute }));
    print_start(job, options->json);
    snprintf(input, sizeof input, "%dx%dx%d", job->desc.channels, job->desc.height, job->desc.width);
    snprintf(classes, sizeof classes, "%d", job->desc.classes);
    snprintf(width, sizeof width, "%.9g", (double)job->desc.width_factor);
    const char *const metadata[] = {
        KEY_MODEL, job->name, KEY_INPUT, input,      KEY_CLASSES,
        classes,   KEY_WIDTH, width,     KEY_PIXELS, job->signed_pixels ? "-1..1" : "0..1",
        NULL
    };
    struct reporter reporter = { .json = options->json };
    const oc_status status = oc_train(
        job->model, &(oc_train_desc){ .train = &job->train,
                                      .test = job->test.count > 0 ? &job->test : NULL,
                                      .image = net->image,
                                      .label = net->label,
                                      .logits = net->logits,
                                      .loss = net->loss,
                                      .epochs = (int)options->epochs,
                                      .accumulate = (int)options->accumulate,
                                      .seed = options->seed,
                                      .checkpoint = options->output,
                                      .resume = options->weights,
                                      .metadata = metadata,
                                      .curve = options->curve,
                                      .rate_decay = options->rate_decay > 0 ? options->rate_decay : 0.1f,
                                      .rate_every = (int)options->rate_every,
                                      .progress = report,
                                      .user = &reporter });
    FORWARD(end(job, &reporter, status));
    const oc_dataset *shown = job->test.count > 0 ? &job->test : &job->train;
    if (options->show == 0 || options->json)
        return EXIT_OK;
    putchar('\n');
    return show_pictures(job, shown, (int)options->show);
}

static bool describe_optimizer(oc_optimizer_desc *optimizer, const struct options *options)
{
    static const char *const names[] = { [OC_SGD] = "sgd",
                                         [OC_ADAM] = "adam",
                                         [OC_ADAMW] = "adamw",
                                         [OC_RMSPROP] = "rmsprop",
                                         [OC_ADAGRAD] = "adagrad" };
    enum { KINDS = sizeof names / sizeof names[0] };
    int kind = 0;
    while (options->optimizer && kind < KINDS && strcmp(options->optimizer, names[kind]) != 0)
        kind++;
    *optimizer = (oc_optimizer_desc){ .kind = (oc_optimizer_kind)kind,
                                      .rate = options->rate,
                                      .momentum = options->momentum,
                                      .nesterov = options->nesterov,
                                      .decay_weights_only = options->decay_weights_only,
                                      .weight_decay = options->decay,
                                      .clip_norm = options->clip_norm,
                                      .average = options->average };
    if (options->momentum < 0)
        optimizer->momentum = kind == OC_SGD ? 0.9f : 0;
    return kind < KINDS;
}

static enum exit_code run(const struct options *options)
{
    struct job job = { 0 };
    oc_optimizer_desc optimizer;
    if (!describe_optimizer(&optimizer, options)) {
        output_error("there is no optimizer '%s', but sgd, adam, adamw, rmsprop and adagrad",
                     options->optimizer);
        return EXIT_USAGE;
    }
    interrupt_install();
    const enum exit_code code = train(&job, options, &optimizer);
    job_close(&job);
    return code;
}

const struct verb verb_train = {
    .name = "train",
    .operands = "MODEL",
    .brief = "train a network",
    .description =
        "Trains MODEL, a network of `ocelli models`, on pictures with labels, by stochastic gradient\n"
        "descent or --optimizer. The pictures are resized to the net's input; classes and channels follow "
        "the data.\n"
        "After every epoch the loss and accuracy on training and test data are printed.\n"
        "\n"
        "The same device, options and seed give the same weights, bit for bit. With --output, Ctrl-C\n"
        "finishes the step, saves and exits; --weights with that file goes on as if nothing had happened.\n"
        "A second Ctrl-C kills. A file that --output names is replaced only once the new one is on disk.\n"
        "\n"
        "With --json each line is an object: a \"start\", an \"epoch\" after each epoch, in the end "
        "\"done\"\n"
        "or \"stopped\", with epoch, loss, accuracy, test_loss, test_accuracy, rate and seconds.",
    .examples =
        "ocelli train lenet5_relu --data models/digits --epochs 20 --rate 0.02 --output digits.safetensors\n"
        "ocelli train xo --data xo --show 4\n"
        "ocelli train lenet5 --data mnist --weights run.safetensors --output run.safetensors --epochs 40",
    .options = (const enum option_id[]){ OPTION_DATA,
                                         OPTION_HELD_OUT_TRAIN,
                                         OPTION_SAMPLES,
                                         OPTION_SIZE,
                                         OPTION_WIDTH,
                                         OPTION_WEIGHTS_TRAIN,
                                         OPTION_OUTPUT_WEIGHTS,
                                         OPTION_CURVE,
                                         OPTION_SHOW,
                                         OPTION_EPOCHS,
                                         OPTION_BATCH_TRAIN,
                                         OPTION_OPTIMIZER,
                                         OPTION_RATE,
                                         OPTION_RATE_DECAY,
                                         OPTION_RATE_EVERY,
                                         OPTION_MOMENTUM,
                                         OPTION_NESTEROV,
                                         OPTION_DECAY,
                                         OPTION_DECAY_WEIGHTS_ONLY,
                                         OPTION_CLIP_NORM,
                                         OPTION_ACCUMULATE,
                                         OPTION_RECOMPUTE,
                                         OPTION_AVERAGE,
                                         OPTION_SEED,
                                         OPTION_IMPLEMENTATIONS,
                                         OPTION_DEVICE,
                                         OPTION_JSON,
                                         OPTION_VERBOSE,
                                         OPTION_HELP,
                                         OPTION_END },
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run,
};

/* predict.c - ocelli predict: what a trained network says about pictures.
 *
 * Pictures come from image files or from one array; either way they pass through the net in slices of a batch, so
 * that their number is not limited by memory on the device. */
#include "job.h"
#include "verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_BATCH = 32, DEFAULT_TOP = 5 };

struct prediction {
    struct job job;
    const char *const *files; /* images, or NULL: the array */
    oc_array array;
    int64_t count, pixels; /* pictures; values of each */
    float *slice;          /* pictures of a batch, when they come from files */
    float *answers;        /* (count, classes): logits or probabilities */
};

static enum exit_code load_array(struct prediction *it, const char *path)
{
    oc_array *array = &it->array;
    oc_net_desc *desc = &it->job.desc;
    FORWARD(output_status(oc_array_load_npy(array, path)));
    if (array->rank != 4)
        return output_error("%s has %d dimensions; pictures need 4: (n, c, h, w)", path, array->rank);
    if (desc->channels == 0) {
        desc->channels = (int)array->shape[1];
        desc->height = (int)array->shape[2];
        desc->width = (int)array->shape[3];
    }
    if (array->shape[1] != desc->channels || array->shape[2] != desc->height ||
        array->shape[3] != desc->width)
        return output_error("%s has pictures of %lldx%lldx%lld, but the net takes %dx%dx%d", path,
                            (long long)array->shape[1], (long long)array->shape[2],
                            (long long)array->shape[3], desc->channels, desc->height, desc->width);
    it->count = array->shape[0];
    return it->count > 0 ? EXIT_OK : output_error("%s has no pictures", path);
}

/* An image as the net learned to see them. */
static enum exit_code load_image(const struct prediction *it, const char *path, float *pixels)
{
    const oc_net_desc *desc = &it->job.desc;
    oc_array image = { 0 };
    oc_status status = oc_array_load_image(&image, path, desc->channels);
    if (status == OC_OK)
        status = oc_array_resize(&image, desc->height, desc->width);
    for (int64_t i = 0; status == OC_OK && i < it->pixels; i++) {
        const float value = it->job.options->invert ? 1 - image.data[i] : image.data[i];
        pixels[i] = it->job.signed_pixels ? 2 * value - 1 : value;
    }
    oc_array_clear(&image);
    return output_status(status);
}

static enum exit_code infer(struct prediction *it, const oc_tensor *answer)
{
    const int batch = it->job.desc.batch, classes = it->job.desc.classes;
    for (int64_t first = 0; first < it->count; first += batch) {
        const int count = it->count - first < batch ? (int)(it->count - first) : batch;
        const float *pictures = it->array.data ? it->array.data + first * it->pixels : it->slice;
        for (int i = 0; it->files && i < count; i++)
            FORWARD(load_image(it, it->files[first + i], it->slice + i * it->pixels));
        FORWARD(output_status(oc_infer(
            it->job.model, count, (oc_feed[]){ { .tensor = it->job.net.image, .data = pictures }, { 0 } },
            (oc_fetch[]){ { .tensor = answer, .data = it->answers + first * classes }, { 0 } })));
        progress_print("%lld of %lld pictures", (long long)first + count, (long long)it->count);
    }
    progress_clear();
    return EXIT_OK;
}

/* The likeliest class that is not yet taken. */
static int next_best(const float *probabilities, const bool *taken, int classes)
{
    int best = -1;
    for (int i = 0; i < classes; i++)
        if (!taken[i] && (best < 0 || probabilities[i] > probabilities[best]))
            best = i;
    return best;
}

static json_t *rank_classes(const float *probabilities, bool *taken, int classes, int top, bool print)
{
    json_t *list = json_array();
    memset(taken, 0, (size_t)classes * sizeof *taken);
    for (int i = 0; i < top && i < classes; i++) {
        const int best = next_best(probabilities, taken, classes);
        taken[best] = true;
        json_array_append_new(list, json_pack("{s:i, s:o}", "class", best, "probability",
                                              output_real((double)probabilities[best])));
        if (print)
            printf("  %4d  %6.2f%%\n", best, 100 * (double)probabilities[best]);
    }
    return list;
}

static enum exit_code print_answers(const struct prediction *it)
{
    const struct options *options = it->job.options;
    const int classes = it->job.desc.classes, top = options->top > 0 ? (int)options->top : DEFAULT_TOP;
    bool *taken = malloc((size_t)classes * sizeof *taken);
    json_t *list = json_array();
    for (int64_t i = 0; taken && i < it->count; i++) {
        const char *file = it->files ? it->files[i] : options->input;
        if (!options->json && it->files)
            printf("%s\n", file);
        else if (!options->json)
            printf("%s, picture %lld\n", file, (long long)i);
        json_t *ranked = rank_classes(it->answers + i * classes, taken, classes, top, !options->json);
        json_array_append_new(list, json_pack("{s:s, s:I, s:o}", "file", file, "picture",
                                              (json_int_t)(it->files ? 0 : i), "classes", ranked));
    }
    if (options->json)
        output_json(json_pack("{s:s, s:O}", "model", it->job.name, "predictions", list));
    json_decref(list);
    free(taken);
    return taken ? EXIT_OK : output_error("out of memory");
}

static enum exit_code save_answers(const struct prediction *it, const char *path)
{
    const oc_array answers = { .rank = 2, .shape = { it->count, it->job.desc.classes }, .data = it->answers };
    return output_status(oc_array_save_npy(&answers, path));
}

static void fill(int *value, int published)
{
    if (*value == 0)
        *value = published;
}

/* What neither the weights nor the array say is as published. */
static void complete(oc_net_desc *desc, const oc_net_desc *published)
{
    fill(&desc->channels, published->channels);
    fill(&desc->height, published->height);
    fill(&desc->width, published->width);
    fill(&desc->classes, published->classes);
}

static enum exit_code predict(struct prediction *it, const struct options *options)
{
    struct job *job = &it->job;
    FORWARD(job_describe(job, options));
    if (options->input)
        FORWARD(load_array(it, options->input));
    complete(&job->desc, &job->published);
    if (!options->input) {
        it->files = options->arguments + 1;
        it->count = options->argument_count - 1;
    }
    const int64_t batch = options->batch > 0 ? options->batch : DEFAULT_BATCH;
    job->desc.batch = (int)(batch < it->count ? batch : it->count);
    it->pixels = (int64_t)job->desc.channels * job->desc.height * job->desc.width;
    it->slice = calloc((size_t)job->desc.batch * (size_t)it->pixels, sizeof *it->slice);
    it->answers = calloc((size_t)it->count * (size_t)job->desc.classes, sizeof *it->answers);
    if (!it->slice || !it->answers)
        return output_error("out of memory for %lld pictures", (long long)it->count);
    FORWARD(job_open(job));
    oc_tensor *answer = options->output ? job->net.logits : job->net.probabilities;
    FORWARD(job_create_model(job, (oc_model_desc){ .outputs = (oc_tensor *[]){ answer, NULL } }));
    FORWARD(output_status(oc_model_load(job->model, options->weights)));
    FORWARD(infer(it, answer));
    return options->output ? save_answers(it, options->output) : print_answers(it);
}

static enum exit_code run(const struct options *options)
{
    struct prediction it = { 0 };
    const bool images = options->argument_count > 1;
    const char *problem = !options->weights
                              ? "--weights is missing: a safetensors file with the net's weights"
                          : images == (options->input != NULL) ? "give either image files or --input FILE.npy"
                                                               : NULL;
    if (problem) {
        output_error("%s", problem);
        return EXIT_USAGE;
    }
    const enum exit_code code = predict(&it, options);
    free(it.slice);
    free(it.answers);
    oc_array_clear(&it.array);
    job_close(&it.job);
    return code;
}

const struct verb verb_predict = {
    .name = "predict",
    .operands = "MODEL [IMAGE]...",
    .brief = "say what pictures show",
    .description = "Loads weights into MODEL and prints the likeliest classes of each IMAGE (PNG, JPEG, PGM "
                   "or PPM) with\n"
                   "their probabilities. Images are converted to the net's channels and size.\n"
                   "\n"
                   "With --input the pictures come from a .npy array (n, c, h, w) of any n and are fed as "
                   "they are, and with\n"
                   "--output the net's logits (what its last layer says, before the softmax) go to a .npy "
                   "array (n, classes).\n"
                   "\n"
                   "With --json: {\"model\", \"predictions\": [{\"file\", \"picture\", \"classes\": "
                   "[{\"class\", \"probability\"}]}]}.",
    .examples = "ocelli predict lenet5_relu --weights digits.safetensors --invert scan.png\n"
                "ocelli predict lenet5 --weights lenet5.safetensors --input x.npy --output y.npy",
    .options = (const enum option_id[]){ OPTION_WEIGHTS, OPTION_INPUT_ARRAY, OPTION_OUTPUT_ARRAY,
                                         OPTION_INVERT, OPTION_TOP, OPTION_CLASSES, OPTION_WIDTH,
                                         OPTION_BATCH_INFER, OPTION_IMPLEMENTATIONS, OPTION_DEVICE,
                                         OPTION_JSON, OPTION_VERBOSE, OPTION_HELP, OPTION_END },
    .least_arguments = 1,
    .most_arguments = -1,
    .run = run,
};

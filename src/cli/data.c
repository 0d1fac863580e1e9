/* data.c - finds, loads, divides and resizes the pictures that --data names. */
#include "job.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_BYTES = 4096, DEFAULT_SAMPLES = 2000, SPLIT_SEED = 0 };

/* Names of IDX files, each also with .gz; the first pair found counts. */
struct pair {
    const char *images, *labels;
};

static const struct pair training_files[] = {
    { "images.idx", "labels.idx" },
    { "train-images-idx3-ubyte", "train-labels-idx1-ubyte" },
    { "train-images.idx3-ubyte", "train-labels.idx1-ubyte" },
    { 0 },
};
static const struct pair test_files[] = {
    { "test-images.idx", "test-labels.idx" },
    { "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte" },
    { "t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte" },
    { 0 },
};

static bool find_file(char path[PATH_BYTES], const char *folder, const char *name)
{
    static const char *const suffixes[] = { "", ".gz" };
    struct stat found;
    for (int i = 0; i < 2; i++)
        if (snprintf(path, PATH_BYTES, "%s/%s%s", folder, name, suffixes[i]) < PATH_BYTES &&
            stat(path, &found) == 0)
            return true;
    return false;
}

/* Loads the first pair of files that is there. None leaves the set empty. */
static enum exit_code load_pair(oc_dataset *set, const char *folder, const struct pair *pairs)
{
    char images[PATH_BYTES], labels[PATH_BYTES];
    for (; pairs->images; pairs++) {
        if (!find_file(images, folder, pairs->images))
            continue;
        if (!find_file(labels, folder, pairs->labels))
            return output_error("%s is there, but %s/%s[.gz] is missing", images, folder, pairs->labels);
        return output_status(oc_dataset_load_idx(set, images, labels));
    }
    return EXIT_OK;
}

static enum exit_code load_folder(struct job *job, const char *folder)
{
    struct stat found;
    if (stat(folder, &found) != 0)
        return output_error("there is no data folder '%s': %s", folder, strerror(errno));
    FORWARD(load_pair(&job->train, folder, training_files));
    if (job->options->held_out < 0)
        FORWARD(load_pair(&job->test, folder, test_files));
    if (job->train.count == 0 && job->test.count == 0)
        return output_error("the folder '%s' has neither %s[.gz] with %s[.gz] nor %s[.gz] with %s[.gz]",
                            folder, training_files[0].images, training_files[0].labels,
                            training_files[1].images, training_files[1].labels);
    return EXIT_OK;
}

static bool is_generated(const char *data)
{
    return strcmp(data, "xo") == 0 || strcmp(data, "shapes") == 0;
}

/* What is evaluated is new, unless it is the part that training kept away. */
static enum exit_code generate(struct job *job, int size, bool training)
{
    const struct options *options = job->options;
    const int64_t count = options->samples > 0 ? options->samples : DEFAULT_SAMPLES;
    const uint64_t seed = training || options->held_out > 0 ? options->seed : ~options->seed;
    job->signed_pixels = true;
    if (strcmp(options->data, "xo") == 0)
        return output_status(
            oc_dataset_generate_xo(&job->train, &(oc_xo_desc){ .count = count, .size = size, .seed = seed }));
    return output_status(oc_dataset_generate_shapes(
        &job->train, &(oc_shapes_desc){ .count = count, .size = size, .seed = seed }));
}

/* What is not in a test set of its own is divided, always in the same way. */
static enum exit_code divide(struct job *job, bool training)
{
    int64_t held_out = job->options->held_out;
    if (job->test.count > 0)
        return EXIT_OK;
    if (held_out < 0 && training)
        held_out = job->train.count / 5;
    if (held_out > 0)
        return output_status(oc_dataset_split(&job->train, &job->test, held_out, SPLIT_SEED));
    if (!training) {
        job->test = job->train;
        job->train = (oc_dataset){ 0 };
    }
    return EXIT_OK;
}

static enum exit_code resize(oc_dataset *set, int height, int width)
{
    if (set->count == 0 || (set->height == height && set->width == width))
        return EXIT_OK;
    return output_status(oc_dataset_resize(set, height, width));
}

enum exit_code job_load_data(struct job *job, bool training)
{
    const char *data = job->options->data;
    oc_net_desc *desc = &job->desc;
    if (!data)
        return output_error("--data is missing: a folder with images.idx and labels.idx, or xo, or shapes");
    if (desc->height == 0) {
        desc->height = job->published.height;
        desc->width = job->published.width;
    }
    FORWARD(is_generated(data) ? generate(job, desc->height, training) : load_folder(job, data));
    FORWARD(divide(job, training));
    if (!training)
        oc_dataset_clear(&job->train);
    FORWARD(resize(&job->train, desc->height, desc->width));
    FORWARD(resize(&job->test, desc->height, desc->width));
    const oc_dataset *set = training ? &job->train : &job->test;
    if (desc->channels == 0)
        desc->channels = set->channels;
    if (desc->classes == 0 && training)
        desc->classes = set->classes;
    return EXIT_OK;
}

/* data.h - sections 7 and 8 of ocelli.h, which includes it: data, and the epoch loop. */
#ifndef OCELLI_DATA_H
#define OCELLI_DATA_H

#include <ocelli/ocelli.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- 7. Data ---------------------------------------------------------------------------------------- */

/* A dense array of floats on the host. `data` is owned; oc_array_clear frees it. */
typedef struct oc_array {
    int rank;
    int64_t shape[8];
    float *data;
} oc_array;

OC_API void oc_array_clear(oc_array *array);
OC_API oc_status oc_array_load_npy(oc_array *array, const char *path); /* <f4, <f8 and integers, C order */
OC_API oc_status oc_array_save_npy(const oc_array *array, const char *path);

/* A PNG, JPEG, PGM or PPM picture as (channels, height, width) in 0..1. channels 1 or 3 converts; 0 keeps. */
OC_API oc_status oc_array_load_image(oc_array *array, const char *path, int channels);

/* Bilinear, corners not aligned (PyTorch's interpolate), over the last two dimensions. */
OC_API oc_status oc_array_resize(oc_array *array, int height, int width);

/* Pictures with labels. */
typedef struct oc_dataset {
    int64_t count;
    int channels, height, width, classes;
    float *images;                  /* (count, channels, height, width) */
    int32_t *labels;                /* (count) in 0..classes-1 */
    const char *const *class_names; /* lent; NULL if the classes are just numbers */
} oc_dataset;

OC_API void oc_dataset_clear(oc_dataset *set);

/* IDX files, plain or gzipped: MNIST and its family. Pixels become 0..1. */
OC_API oc_status oc_dataset_load_idx(oc_dataset *set, const char *images, const char *labels);

/* Pictures of an X (class 0) or an O (class 1), each with its own translation, scale, rotation and stroke
 * weight; -1 is paper, +1 ink, one channel. */
typedef struct oc_xo_desc {
    int64_t count; /* 0: 1000 */
    int size;      /* pixels per side, at least 7; 0: 9 */
    uint64_t seed;
    float translation; /* largest shift, as a part of the size; < 0: none; 0: 0.1 */
    float scaling;     /* largest relative change of size; < 0: none; 0: 0.2 */
    float rotation;    /* largest angle, degrees; < 0: none; 0: 15 */
    float stroke;      /* largest relative thickening of the stroke; < 0: none; 0: 0.4 */
} oc_xo_desc;

OC_API oc_status oc_dataset_generate_xo(oc_dataset *set, const oc_xo_desc *desc);

/* Colour pictures of a shape: disc, ring, square, frame, triangle, plus, star, crescent, bars, half (a disc's). Class k
 * is the k-th; every tenth picture shows it. Place, angle, size and colours say nothing about the class; strokes lie
 * across the picture, and each value in -1..1 has noise. */
typedef struct oc_shapes_desc {
    int64_t count; /* 0: 1000 */
    int size;      /* pixels per side, at least 16; 0: 32 */
    int strokes;   /* per picture, at most 1000; < 0: none; 0: 2 */
    uint64_t seed;
    float noise; /* deviation, at most 1; < 0: none; 0: 0.1 */
} oc_shapes_desc;

OC_API oc_status oc_dataset_generate_shapes(oc_dataset *set, const oc_shapes_desc *desc);

/* Enlarges or shrinks every picture (bilinear); then (v - mean)/deviation on every pixel. */
OC_API oc_status oc_dataset_resize(oc_dataset *set, int height, int width);
OC_API void oc_dataset_normalize(oc_dataset *set, float mean, float deviation);

/* Moves `held_out` samples, as nearly as possible the same share of each class, from `set` to a new data set. */
OC_API oc_status oc_dataset_split(oc_dataset *set, oc_dataset *held, int64_t held_out, uint64_t seed);

/* ---- 8. Training ------------------------------------------------------------------------------------ */

/* What the loop reports. */
typedef struct oc_train_event {
    enum oc_train_event_kind { OC_TRAIN_STEP, OC_TRAIN_EPOCH, OC_TRAIN_DONE } kind;
    int epoch, epochs;               /* epoch counts from 1 */
    int64_t step, steps;             /* within the epoch */
    double loss, accuracy;           /* means over the epoch so far, on the training data */
    double test_loss, test_accuracy; /* at the end of an epoch; NaN without test data */
    double images_per_second, seconds, seconds_left;
    float rate;
} oc_train_event;

/* Returning false finishes after this step, with OC_E_INTERRUPTED; a checkpoint is written first. It is called while the
 * device has nothing to do, and may infer and evaluate with the model; the next batch, which was fed ahead
 * (oc_model_get_fed), is then sent again if it is gone. */
typedef bool (*oc_train_fn)(void *user, const oc_train_event *event);

typedef struct oc_train_desc {
    const oc_dataset *train, *test;           /* train required */
    oc_tensor *image, *label, *logits, *loss; /* of the model's graph; logits must be one of its outputs */
    int epochs;                               /* 0: 10 */
    int batch;                                /* at most the model's; 0: the model's */
    int accumulate;                           /* batches per update (oc_accumulate_gradients); 0: 1 */
    uint64_t seed;          /* of the order of the samples, which depends on (seed, epoch) only */
    const char *checkpoint; /* file written after every epoch and when stopped: parameters, training state and
                                    position; NULL: none */
    const char *resume;     /* file to continue from, bit for bit as if training had never stopped if it is a
                                    checkpoint; any other weights are just where epoch 1 starts. NULL: none */
    const char *const *metadata; /* more NULL-terminated pairs key, value for the checkpoint */
    const char *curve; /* writes PREFIX.csv, PREFIX.jsonl (a line per epoch) and, at the end, the plot
                                    PREFIX.svg; NULL: none. When resumed, the epochs of PREFIX.csv stay */
    float rate_decay;  /* the rate is multiplied by this ...; 0: 1 */
    int rate_every;    /* ... every so many epochs; 0: never */
    oc_train_fn progress;
    void *user;
} oc_train_desc;

/* Trains. A step is an update, however many batches it takes. A model that keeps averages of its weights is tested with
 * them. A loss that is no longer finite is an error (OC_E_ARGUMENT) that leaves the last checkpoint alone. The
 * model's rate is the schedule's start, and is so again afterwards. While the device computes a batch, the host prepares and
 * sends the next one (oc_model_feed); what was fed ahead before is dropped. */
OC_API oc_status oc_train(oc_model *model, const oc_train_desc *desc);

/* Loss and accuracy of a model on a data set; either result may be NULL. Of desc only the tensors (loss not
 * without a result for it) and the batch count. */
OC_API oc_status oc_evaluate(oc_model *model, const oc_train_desc *desc, const oc_dataset *set, double *loss,
                             double *accuracy);

#ifdef __cplusplus
}
#endif

#endif

/* ocelli.h - convolutional networks on any OpenCL device, in C.
 *
 * The journey, which is also the order of this header:
 *
 *     1. errors       every call that can fail returns an oc_status; oc_last_error() has the sentence
 *     2. hooks        log messages, memory
 *     3. devices      list them, open one
 *     4. graph        describe a network: inputs, layers, loss
 *     5. model        put the graph on a device: compile, train, infer
 *     6. parameters   by name: get, set, initialise, save, load
 *     7. data         arrays, images, data sets
 *     8. training     the epoch loop, for those who do not want to write their own
 *
 *     oc_graph  *graph = oc_graph_create(NULL);
 *     oc_tensor *image = oc_input(graph, &(oc_input_desc){ .name = "image", .shape = { 32, 1, 28, 28 } });
 *     oc_tensor *label = oc_input(graph, &(oc_input_desc){ .name = "label", .shape = { 32 }, .type = OC_I32 });
 *     oc_tensor *x = oc_relu(oc_conv(image, &(oc_conv_desc){ .filters = 8, .window = { 3 } }));
 *     x = oc_dense(oc_flatten(oc_max_pool(x, &(oc_pool_desc){ .window = { 2 } })), &(oc_dense_desc){ .units = 10 });
 *     oc_tensor *loss = oc_softmax_cross_entropy(x, label);
 *     oc_status status = oc_device_open(&device, NULL);
 *     if (status == OC_OK)
 *         status = oc_model_create(&model, graph, device, &(oc_model_desc){
 *             .loss = loss, .optimizer = { .rate = 0.1f, .momentum = 0.9f } });
 *     for (int step = 0; status == OC_OK && step < 1000; step++) {
 *         next_batch(pixels, classes);
 *         status = oc_train_step(model, 32, (oc_feed[]){ { image, pixels }, { label, classes }, { 0 } }, NULL);
 *     }
 *     if (status != OC_OK)
 *         fprintf(stderr, "%s: %s\n", oc_status_name(status), oc_last_error());
 *
 * Conventions
 * - A descriptor is a struct that the caller zero-initialises; zero always means the documented default,
 *   and a NULL descriptor means all defaults. Descriptors are read during the call only.
 * - `create`, `open` and `load` hand an object over through their first argument; the matching `destroy` or
 *   `close` accepts NULL. Getters lend: what they return lives as long as the object it came from.
 * - Shapes are written (n, c, spatial...): batch, channels, then 0 to 3 spatial dimensions (width; height,
 *   width; depth, height, width). Host arrays are dense and row-major in that order.
 * - An object belongs to one thread at a time. Different objects may be used from different threads at once;
 *   several models may share one device.
 *
 * Ocelli does not print, exit, abort, start threads that outlive a call, or read the network.
 */
#ifndef OCELLI_H
#define OCELLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define OC_API __declspec(dllexport)
#else
#define OC_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define OC_VERSION "0.1.0"

/* ---- 1. Errors -------------------------------------------------------------------------------------- */

/* Each status and what it says when there is nothing more precise to say. */
#define OC_STATUS_LIST(X)                                                                                    \
    X(OC_OK, "no error")                                                                                     \
    X(OC_E_ARGUMENT, "an argument is not valid")                                                             \
    X(OC_E_SHAPE, "shapes do not fit together")                                                              \
    X(OC_E_NOT_FOUND, "no object of that name")                                                              \
    X(OC_E_UNSUPPORTED, "not supported")                                                                     \
    X(OC_E_MEMORY, "out of host memory")                                                                     \
    X(OC_E_DEVICE_MEMORY, "out of device memory")                                                            \
    X(OC_E_DEVICE, "the device or its driver failed")                                                        \
    X(OC_E_BUILD, "the driver could not compile a kernel")                                                   \
    X(OC_E_FILE, "a file could not be read or written")                                                      \
    X(OC_E_FORMAT, "a file does not keep to its format")                                                     \
    X(OC_E_INTERRUPTED, "stopped on request")

typedef enum oc_status {
#define OC_STATUS_ENUM(name, text) name,
    OC_STATUS_LIST(OC_STATUS_ENUM)
#undef OC_STATUS_ENUM
} oc_status;

/* "OC_E_SHAPE" for OC_E_SHAPE. Never NULL. */
OC_API const char *oc_status_name(oc_status status);

/* One sentence about the last failure in this thread, with the layer, the file or the value concerned.
 * Never NULL; valid until the next Ocelli call in this thread. */
OC_API const char *oc_last_error(void);

/* ---- 2. Hooks --------------------------------------------------------------------------------------- */

typedef enum oc_log_level { OC_LOG_ERROR, OC_LOG_WARNING, OC_LOG_INFO, OC_LOG_DEBUG } oc_log_level;
typedef void (*oc_log_fn)(void *user, oc_log_level level, const char *message);

/* Sends messages up to `level` to `fn`; NULL (the state at start) keeps the library silent. The only setting
 * that is process-wide. `fn` may be called from any thread that calls Ocelli, and from those that compile
 * kernels meanwhile. */
OC_API void oc_set_log(oc_log_fn fn, void *user, oc_log_level level);

/* Where host memory comes from. `resize` works like realloc: block NULL allocates, bytes 0 frees and returns
 * NULL; it returns NULL when there is no memory, and the old block stays as it was. Kernels are compiled by
 * several threads, so `resize` may be called from several at once. */
typedef struct oc_allocator {
    void *(*resize)(void *user, void *block, size_t bytes);
    void *user;
} oc_allocator;

/* Work in progress: `done` of `total` units. Returning false asks to stop (OC_E_INTERRUPTED). Called from one thread
 * at a time, but not always the same. */
typedef bool (*oc_progress_fn)(void *user, const char *what, int done, int total);

/* ---- 3. Devices ------------------------------------------------------------------------------------- */

typedef enum oc_device_type { OC_DEVICE_CPU, OC_DEVICE_GPU, OC_DEVICE_OTHER } oc_device_type;

typedef struct oc_device oc_device;

/* What a device says about itself. Sizes are in bytes. */
typedef struct oc_device_info {
    char name[128], vendor[128], platform[128], version[128], driver[64];
    oc_device_type type;
    int compute_units, clock_mhz;
    int vector_width;       /* preferred float vector width */
    int64_t max_work_group; /* work-items in a work-group */
    int64_t memory, max_allocation, local_memory;
    int64_t global_cache; /* between memory and compute units; 0: none or not known */
    int64_t
        loop_limit; /* iterations after which its compiler ends a work-item's loops; 0: none. Known once opened */
    bool fp64, fp16, sub_groups;
    int sub_group_sizes; /* that kernels can require, powers of two, added up: 8 + 16 + 32; 0: none */
    bool usable;         /* false: Ocelli cannot use it, `reason` says why */
    char reason[128];
} oc_device_info;

/* Fills `list` with up to `capacity` devices and sets `count` to how many there are. The order is stable for
 * one machine; the index is what oc_device_desc.select takes. No platform at all is OC_E_DEVICE with a
 * sentence on what to install. */
OC_API oc_status oc_device_list(oc_device_info *list, int capacity, int *count);

typedef struct oc_device_desc {
    const char *select; /* an index, "cpu", "gpu", or part of a name or platform; NULL: the environment
                                    variable OCELLI_DEVICE if set, else the fastest GPU, else the CPU */
    const oc_allocator *allocator; /* NULL: the C library's */
    const char *kernel_dir; /* read kernels from this folder instead of the built-in ones (development);
                                    NULL: the environment variable OCELLI_KERNEL_DIR, else built in */
} oc_device_desc;

OC_API oc_status oc_device_open(oc_device **out, const oc_device_desc *desc);
OC_API void oc_device_close(oc_device *device); /* after all of its models are destroyed */
OC_API const oc_device_info *oc_device_get_info(const oc_device *device);

/* What the device really reaches: billions of float operations per second (FMA counts as two) and billions of
 * bytes per second read plus written by a copy. Takes about a second. */
OC_API oc_status oc_device_measure(oc_device *device, double *gflops, double *gbps);

#ifdef __cplusplus
}
#endif

#include <ocelli/graph.h> /* 4. Graph */

#ifdef __cplusplus
extern "C" {
#endif

/* ---- 5. Model --------------------------------------------------------------------------------------- */

/* PyTorch's formulas; g is the gradient, t counts the updates from 1. Decay is coupled (L2): g += decay*w comes first;
 * only AdamW's is not: w -= rate*decay*w does. All state starts at 0.
 *   SGD      v = momentum*v + g;  w -= rate*(nesterov ? g + momentum*v : v)      Sutskever et al., ICML 2013
 *   Adam     m = beta1*m + (1 - beta1)*g;  v = beta2*v + (1 - beta2)*g*g;         Kingma and Ba, arXiv 1412.6980
 *            w -= rate/(1 - beta1^t) * m/(sqrt(v)/sqrt(1 - beta2^t) + epsilon)
 *   AdamW    the same, decay as above                                            Loshchilov and Hutter, 1711.05101
 *   RMSprop  v = beta2*v + (1 - beta2)*g*g;  m = momentum*m + g/(sqrt(v) + epsilon);  w -= rate*m    Hinton, 2012
 *   Adagrad  v += g*g;  w -= rate*g/(sqrt(v) + epsilon)                          Duchi et al., JMLR 12, 2011 */
typedef enum oc_optimizer_kind { OC_SGD, OC_ADAM, OC_ADAMW, OC_RMSPROP, OC_ADAGRAD } oc_optimizer_kind;

/* What an optimizer does not take must be 0. */
typedef struct oc_optimizer_desc {
    oc_optimizer_kind kind;
    float rate;              /* learning rate, >= 0; 0: 0.01, Adam's and AdamW's 0.001 */
    float momentum;          /* 0 <= momentum < 1; SGD and RMSprop */
    bool nesterov;           /* SGD; needs momentum > 0 */
    bool decay_weights_only; /* no decay for parameters of rank 1: biases, normalisation, PReLU's slopes */
    float weight_decay;      /* >= 0; 0: none, in AdamW too */
    float beta1;             /* 0 <= beta1 < 1; Adam and AdamW; 0: 0.9 */
    float beta2;             /* the same; 0: 0.999; RMSprop's alpha; 0: 0.99 */
    float epsilon;           /* >= 0; all but SGD; 0: 1e-8, Adagrad's 1e-10 */
    float clip_norm; /* >= 0; the norm of all gradients together is scaled down to it, by PyTorch's formula
                                      min(1, clip_norm/(norm + 1e-6)), before decay; 0: never */
    float average;   /* 0 <= average < 1; keeps, per parameter, a = average*a + (1 - average)*w after each
                                      update (OC_AVERAGE), from the value that was last set on; 0: does not */
} oc_optimizer_desc;

typedef struct oc_model_desc {
    oc_tensor *loss;           /* a scalar; NULL: a model for inference only, with no memory for training */
    oc_tensor *const *outputs; /* NULL-terminated: what may be fetched besides the loss */
    oc_optimizer_desc optimizer;
    bool accumulate;             /* reserve memory for oc_accumulate_gradients */
    bool recompute;              /* train in less memory and more time, up to that of another forward pass: of
                                    most activations the backward pass computes its own copy, and inference
                                    with the same model packs weights anew in each run. The same bits */
    uint64_t seed;               /* of initial parameters and everything random */
    const char *implementations; /* "conv=reference,max_pool=vector": choose kernels by hand; NULL: the best.
                                    "reference" alone takes the plain kernels everywhere; a name may be followed by
                                    what tuning varies, "conv=direct VECTOR=16 TILE=12 COLUMNS=2 PANELS=8" */
    int64_t memory_limit;        /* refuse to need more device bytes than this; 0: the device's memory */
    oc_progress_fn progress;     /* called while kernels are compiled; may be NULL */
    void *progress_user;
} oc_model_desc;

/* Device bytes of a model. `total` is the sum of the others and exactly what is allocated. `gradients` has what
 * `accumulate` reserves, `optimizer` all slots from OC_MOMENTUM on, `activations` the inputs too: thrice where the
 * device's memory is not the host's, so that they can be sent ahead. */
typedef struct oc_memory_info {
    int64_t parameters, gradients, optimizer, activations, total;
    int64_t unshared; /* what activations would be if no two tensors shared memory */
} oc_memory_info;

typedef struct oc_model oc_model;

/* Compiles the graph for the device: derives the backward pass, fuses, chooses kernels, plans memory, builds.
 * Everything is allocated and compiled here and nothing later. The graph may be destroyed afterwards, but its
 * tensors name feeds and fetches, so most callers keep it. */
OC_API oc_status oc_model_create(oc_model **out, const oc_graph *graph, oc_device *device,
                                 const oc_model_desc *desc);
OC_API void oc_model_destroy(oc_model *model);

/* What oc_model_create would allocate, without allocating it. */
OC_API oc_status oc_model_predict_memory(oc_memory_info *info, const oc_graph *graph, oc_device *device,
                                         const oc_model_desc *desc);
OC_API void oc_model_get_memory(const oc_model *model, oc_memory_info *info);

/* Values in, values out. Arrays of feeds and fetches end with an element whose tensor is NULL. `data` is a dense
 * host array in the order of the tensor's shape (float, or int32_t for OC_I32), as many samples as the batch.
 * `buffer` instead of `data` is a cl_mem of the model's context (see opencl.h). */
typedef struct oc_feed {
    const oc_tensor *tensor; /* an input */
    const void *data;
    void *buffer;
} oc_feed;

typedef struct oc_fetch {
    const oc_tensor *tensor; /* the loss or one of the outputs; with `gradient`, an input that wants one */
    void *data;
    void *buffer;
    bool gradient;
    bool later; /* the run only computes it, for oc_model_fetch to read: no data, no buffer */
} oc_fetch;

/* One step of the optimizer on the first `batch` samples (1 to the created batch). Fetches may be NULL; without
 * a fetch into host memory the call does not wait for the device. An input that is not fed, nor was fed ahead, keeps its
 * values. */
OC_API oc_status oc_train_step(oc_model *model, int batch, const oc_feed *feeds, const oc_fetch *fetches);

/* The forward pass in inference mode. The loss is computed only if it is fetched, now or later. */
OC_API oc_status oc_infer(oc_model *model, int batch, const oc_feed *feeds, const oc_fetch *fetches);

/* Everything but the update: parameter gradients can be read afterwards (OC_GRADIENT). What was accumulated is
 * forgotten. */
OC_API oc_status oc_compute_gradients(oc_model *model, int batch, const oc_feed *feeds,
                                      const oc_fetch *fetches);

/* For batches that do not fit the device: computes the gradients of a micro-batch and adds them up. The next
 * oc_train_step adds its own and updates with the gradient of the mean over all samples since the last update; until
 * then OC_GRADIENT is that of the mean so far. Needs oc_model_desc.accumulate. Batch normalisation still sees each
 * micro-batch alone. */
OC_API oc_status oc_accumulate_gradients(oc_model *model, int batch, const oc_feed *feeds,
                                         const oc_fetch *fetches);

/* Sends inputs ahead of the next run, beside what the device is doing: between a run without fetches and its
 * oc_model_fetch, the host so prepares the batch after it. Returns as soon as the data may be changed or freed; waits only
 * if the device is two runs behind. Labels are checked here. `data` only: a `buffer` is OC_E_ARGUMENT.
 *
 * The next run that reads such an input (labels are not read where the loss is not computed) takes what was fed ahead of
 * it, or drops it if it feeds that input itself. What is taken must be of the run's batch: otherwise the run is refused,
 * nothing is changed, and the values wait for one of theirs. Feeding an input ahead once more replaces what waits, of any
 * batch. `feeds` NULL drops all that waits, whatever `batch` is; so does a failure of the device in this call. */
OC_API oc_status oc_model_feed(oc_model *model, int batch, const oc_feed *feeds);

/* The batch of what was fed ahead of an input and waits; 0: nothing does. */
OC_API int oc_model_get_fed(const oc_model *model, const oc_tensor *input);

/* Reads results of the last run; waits for it, not for what was fed ahead. OC_E_ARGUMENT if there was none yet, it
 * failed or the model has been profiled since; OC_E_NOT_FOUND for what it did not compute, such as the loss of an oc_infer
 * that had not got it among its fetches. A run that is refused for its arguments leaves the results of the one before. */
OC_API oc_status oc_model_fetch(oc_model *model, const oc_fetch *fetches);

/* Exchanges the values of trained parameters and their averages where oc_infer and oc_model_profile look, and back
 * again at the next call. In between there is no training; OC_VALUE and OC_AVERAGE mean what they always do. Running
 * averages of layers (`state`) are not averaged again. */
OC_API oc_status oc_model_swap_average(oc_model *model);

/* Waits until the device is idle and reports what failed since the last wait. */
OC_API oc_status oc_model_finish(oc_model *model);

OC_API oc_status oc_model_set_rate(oc_model *model, float rate);
OC_API float oc_model_get_rate(const oc_model *model);
OC_API int64_t oc_model_get_step(const oc_model *model);           /* updates done so far */
OC_API oc_status oc_model_set_step(oc_model *model, int64_t step); /* >= 0; for going on from saved values */

/* Where the time goes: runs the last batch again and calls `fn` per launch. With `train` like oc_compute_gradients: no
 * update, but layers write their state, such as running averages, once more. */
typedef struct oc_profile_entry {
    const char *layer, *op, *implementation, *kernel;
    bool backward;
    bool derived;        /* depends on parameters alone: a run skips it unless they have changed */
    double milliseconds; /* device time */
    double flops, bytes; /* of the operation, as its mathematics needs them; 0 if not known; on its first
                                    launch, 0 on the others */
} oc_profile_entry;
typedef void (*oc_profile_fn)(void *user, const oc_profile_entry *entry);
OC_API oc_status oc_model_profile(oc_model *model, bool train, oc_profile_fn fn, void *user);

/* Names of operations and of their implementations, best first; NULL past the end. */
OC_API const char *oc_op_name(int index);
OC_API const char *oc_op_implementation(const char *op, int index);

/* Tuning: measures the operations of a model with every implementation and every value of what implementations leave
 * open, and notes the fastest that computes the same as the plain kernels. Models created afterwards on this device
 * make use of it. The notes are in a database, OCELLI_TUNING_DB or ~/.local/state/ocelli/tuning.db; docs/tuning.md. */
typedef struct oc_tune_result {
    const char *problem;          /* the operation and the shapes of its tensors */
    int count;                    /* how often training and inference have it */
    const char *heuristic, *best; /* "direct VECTOR=16 TILE=12", without tuning and now */
    double heuristic_ms, best_ms; /* device time */
    double gflops;                /* now, as the mathematics counts them; 0 if it does not */
    int candidates, rejected;     /* tried, and which of them failed or disagreed */
} oc_tune_result;
typedef void (*oc_tune_fn)(void *user, const oc_tune_result *result);

typedef struct oc_tune_desc {
    double budget_seconds;   /* stop after this time, noting what is known by then; 0: try everything */
    oc_progress_fn progress; /* called before each candidate; may be NULL */
    void *progress_user;
    oc_tune_fn report; /* called for each problem that was measured; may be NULL */
    void *report_user;
    const char *store; /* path of the database; NULL: as models find it */
} oc_tune_desc;

/* Without a usable store the results are only reported. Problems not noted before come first. */
OC_API oc_status oc_tune(oc_device *device, const oc_graph *graph, const oc_model_desc *model,
                         const oc_tune_desc *desc);

/* Notes to a text file and back, a line each; store NULL: as models find it. Notes of other kernels than this library's
 * are not exported. A file with anything else in it is OC_E_FORMAT, and nothing is imported. */
OC_API oc_status oc_tune_export(const char *store, const char *path);
OC_API oc_status oc_tune_import(const char *store, const char *path);

/* ---- 6. Parameters ---------------------------------------------------------------------------------- */

typedef struct oc_parameter_info {
    const char *name; /* "conv1.weight" */
    int rank;
    int64_t shape[OC_MAX_RANK]; /* convolution: (filters, c/groups, window...); dense: (units, c) */
    int64_t count;              /* values */
    bool frozen;                /* not trained: no gradient, no update */
    bool state;                 /* frozen too, but its layer writes it while training: running averages */
    bool momentum, variance, average; /* whether OC_MOMENTUM, ... is kept */
} oc_parameter_info;

/* What is kept per parameter. */
typedef enum oc_slot {
    OC_VALUE,
    OC_GRADIENT, /* of the last training step or oc_compute_gradients, or the mean of what is accumulated; not clipped */
    OC_MOMENTUM, /* SGD's velocity, Adam's m, RMSprop's m */
    OC_VARIANCE, /* the squares of gradients: v of Adam, RMSprop and Adagrad */
    OC_AVERAGE   /* of values, oc_optimizer_desc.average; setting OC_VALUE sets it too */
} oc_slot;

OC_API int oc_parameter_count(const oc_model *model);
OC_API oc_status oc_parameter_info_at(const oc_model *model, int index, oc_parameter_info *info);
OC_API oc_status oc_parameter_info_of(const oc_model *model, const char *name, oc_parameter_info *info);

/* Copies all `count` values of a parameter; `count` must be its size. A slot the model does not keep (momentum
 * without momentum, gradients without a loss) is OC_E_NOT_FOUND. */
OC_API oc_status oc_parameter_get(oc_model *model, const char *name, oc_slot slot, float *values,
                                  int64_t count);
OC_API oc_status oc_parameter_set(oc_model *model, const char *name, oc_slot slot, const float *values,
                                  int64_t count);

/* Draws a parameter anew (all of them if name is NULL; state then starts as its layer says, whatever `init` is). The
 * values depend on seed and name only. */
OC_API oc_status oc_parameter_initialize(oc_model *model, const char *name, const oc_init *init,
                                         uint64_t seed);

typedef struct oc_save_desc {
    bool training_state; /* also the optimizer's slots and the step count, so that training goes on as if it
                                    had never stopped */
    const char *const *metadata; /* NULL-terminated pairs key, value */
} oc_save_desc;

/* safetensors files with PyTorch's names and layout. Saving is atomic: the old file stays until the new one is
 * complete and on disk. Loading is strict: every parameter must be there with its shape and nothing else may be
 * (but a training state that this model has no use for); otherwise nothing is changed and the error names what
 * is missing or unexpected. Slots and the step count that the file does not have become zero; without OC_VARIANCE
 * all of them do, if the model keeps it. A model that keeps averages saves them under the parameters' names, as what
 * one infers with; its training state has the values as well, and loading takes both back. Beside a
 * NAME.running_mean lies NAME.num_batches_tracked, because PyTorch wants it: the step count, which loading ignores. */
OC_API oc_status oc_model_save(oc_model *model, const char *path, const oc_save_desc *desc);
OC_API oc_status oc_model_load(oc_model *model, const char *path);

/* The value of a metadata key of a safetensors file, copied into `value`; OC_E_NOT_FOUND if it has none. */
OC_API oc_status oc_metadata_get(const char *path, const char *key, char *value, size_t capacity);

#ifdef __cplusplus
}
#endif

#include <ocelli/data.h> /* 7. Data, 8. Training */

#endif

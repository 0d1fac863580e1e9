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
    int64_t
        loop_limit; /* iterations after which its compiler ends a work-item's loops; 0: none. Known once opened */
    bool fp64, fp16, sub_groups;
    bool usable; /* false: Ocelli cannot use it, `reason` says why */
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

/* ---- 4. Graph --------------------------------------------------------------------------------------- */

#define OC_MAX_RANK 5 /* n, c and three spatial dimensions */

typedef struct oc_graph oc_graph;
typedef struct oc_tensor oc_tensor; /* lives in its graph */

typedef enum oc_type { OC_F32, OC_I32 } oc_type;

typedef struct oc_graph_desc {
    const oc_allocator *allocator; /* NULL: the C library's */
} oc_graph_desc;

/* Never NULL, and neither is any tensor: a graph keeps its first error (which layer, what, with the numbers),
 * later calls do nothing, and oc_model_create reports it. Ask earlier with oc_graph_check. */
OC_API oc_graph *oc_graph_create(const oc_graph_desc *desc);
OC_API void oc_graph_destroy(oc_graph *graph); /* models created from it live on */
OC_API oc_status oc_graph_check(const oc_graph *graph);

/* Shape of a tensor: writes up to OC_MAX_RANK sizes, returns the rank (0 for a scalar, -1 in a failed graph). */
OC_API int oc_tensor_shape(const oc_tensor *x, int64_t shape[OC_MAX_RANK]);
OC_API const char *oc_tensor_name(const oc_tensor *x);

/* Names the layer that made x; returns x. Layers with parameters take their name from their descriptor instead,
 * since their parameters are called after it ("conv1" has "conv1.weight" and "conv1.bias"). A layer that is not
 * named is called after its type and a number, such as "relu3". */
OC_API oc_tensor *oc_named(oc_tensor *x, const char *name);

typedef struct oc_input_desc {
    const char *name;           /* required */
    int64_t shape[OC_MAX_RANK]; /* (n, c, spatial...); trailing zeros end it; n is the largest batch */
    oc_type type;               /* OC_F32, or OC_I32 for class labels */
    bool gradient;              /* also compute the gradient of the loss with respect to it */
} oc_input_desc;

OC_API oc_tensor *oc_input(oc_graph *graph, const oc_input_desc *desc);

/* How a parameter starts. */
typedef enum oc_init_kind {
    OC_INIT_DEFAULT,  /* weights: OC_INIT_KAIMING; biases: OC_INIT_CONSTANT 0 */
    OC_INIT_KAIMING,  /* Gaussian, deviation sqrt(2 / fan_in)            (He et al. 2015) */
    OC_INIT_XAVIER,   /* Gaussian, deviation sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio 2010) */
    OC_INIT_GAUSSIAN, /* zero mean, deviation `value` */
    OC_INIT_CONSTANT  /* `value` */
} oc_init_kind;

typedef struct oc_init {
    oc_init_kind kind;
    float value;
} oc_init;

/* How a window meets the border. Sizes: i input, k window (dilated: dilation*(k-1)+1), s stride. */
typedef enum oc_padding {
    OC_PAD_NUMBER,  /* `pad` zeros on every side of every dimension; 0 is VALID */
    OC_PAD_VALID,   /* none: o = (i - k)/s + 1 */
    OC_PAD_SAME,    /* as many as make o = ceil(i/s); an odd one goes to the end */
    OC_PAD_FULL,    /* k - 1 on every side: o = (i + k - 2)/s + 1 */
    OC_PAD_EXPLICIT /* pad_begin and pad_end, dimension by dimension */
} oc_padding;

/* What happens when the stride does not divide i + padding - k. */
typedef enum oc_rounding {
    OC_ROUND_DEFAULT, /* convolution: OC_ROUND_EXACT; pooling: OC_ROUND_FLOOR */
    OC_ROUND_EXACT,   /* an error */
    OC_ROUND_FLOOR,   /* the rest at the end is not seen */
    OC_ROUND_CEIL     /* one more window, which hangs over the end but starts inside the input or its
                                    leading padding (PyTorch's ceil_mode) */
} oc_rounding;

/* Window sizes are given per spatial dimension, first to last; an array with only its first value set holds for
 * all dimensions. */
typedef struct oc_conv_desc {
    const char *name;
    int filters;     /* output channels; required; a multiple of groups */
    int window[3];   /* required */
    int stride[3];   /* 0: 1 */
    int dilation[3]; /* 0: 1 */
    int groups;      /* 0: 1; must divide the input channels */
    oc_padding padding;
    int pad;                      /* with OC_PAD_NUMBER */
    int pad_begin[3], pad_end[3]; /* with OC_PAD_EXPLICIT; >= 0 */
    oc_rounding rounding;
    bool no_bias;
    bool frozen; /* the parameters are not trained and cost no gradient */
    oc_init weight_init, bias_init;
} oc_conv_desc;

/* Convolution (cross-correlation, as in every deep-learning library) over 1 to 3 spatial dimensions:
 * y[n,k,o] = b[k] + sum over c and window position r of w[k,c,r] * x[n,c,o*stride - pad + r*dilation].
 * Parameters NAME.weight (filters, c/groups, window...) and NAME.bias (filters). LeCun et al. 1989; ONNX Conv. */
OC_API oc_tensor *oc_conv(oc_tensor *x, const oc_conv_desc *desc);

typedef struct oc_dense_desc {
    const char *name;
    int units; /* required */
    bool no_bias, frozen;
    oc_init weight_init, bias_init;
} oc_dense_desc;

/* Fully connected: (n, c) -> (n, units). Parameters NAME.weight (units, c) and NAME.bias (units). */
OC_API oc_tensor *oc_dense(oc_tensor *x, const oc_dense_desc *desc);

typedef struct oc_pool_desc {
    const char *name;
    int window[3];   /* required */
    int stride[3];   /* 0: the window */
    int dilation[3]; /* 0: 1; max pooling only */
    oc_padding padding;
    int pad;
    int pad_begin[3], pad_end[3];
    oc_rounding rounding;
    bool exclude_padding; /* average only: divide by the pixels inside the input, not by the window */
} oc_pool_desc;

/* Pooling over each channel: the largest value (a NaN wins), the mean, the square root of the sum of squares.
 * Padding must be smaller than the window. PyTorch's MaxPool/AvgPool/LPPool(2). */
OC_API oc_tensor *oc_max_pool(oc_tensor *x, const oc_pool_desc *desc);
OC_API oc_tensor *oc_average_pool(oc_tensor *x, const oc_pool_desc *desc);
OC_API oc_tensor *oc_l2_pool(oc_tensor *x, const oc_pool_desc *desc);

/* The same over the whole spatial extent: (n, c, spatial...) -> (n, c). */
OC_API oc_tensor *oc_global_max_pool(oc_tensor *x);
OC_API oc_tensor *oc_global_average_pool(oc_tensor *x);
OC_API oc_tensor *oc_global_l2_pool(oc_tensor *x);

typedef struct oc_lrn_desc {
    int size;    /* channels in the window; 0: 5 */
    float alpha; /* > 0; 0: 1e-4 */
    float beta;  /* > 0; 0: 0.75 */
    float k;     /* > 0; 0: 1 */
} oc_lrn_desc;

/* Local response normalisation across channels: y = x * (k + alpha/size * sum of x^2)^-beta, where the sum at channel c
 * is over channels c - size/2 to c + (size - 1)/2 of the same pixel; those outside count as 0. PyTorch's
 * LocalResponseNorm; Krizhevsky et al. 2012, section 3.3, whose alpha is not divided by the size. */
OC_API oc_tensor *oc_lrn(oc_tensor *x, const oc_lrn_desc *desc);

typedef struct oc_batch_norm_desc {
    const char *name;
    float epsilon;    /* added to the variance; 0: 1e-5 */
    float momentum;   /* share of the batch in the running averages; 0: 0.1 */
    bool no_affine;   /* without weight and bias */
    bool frozen;      /* weight and bias are not trained */
    bool use_running; /* normalise by the running averages in training too, and leave them as they are */
} oc_batch_norm_desc;

/* Batch normalisation of each channel: y = weight*(x - mean)/sqrt(variance + epsilon) + bias. In training mean and
 * (biased) variance are those over (n, spatial...), at least two values, and the running averages become
 * (1 - momentum)*average + momentum*batch's (with the unbiased variance), in oc_train_step as in oc_compute_gradients. In
 * inference the running averages take their place. Parameters NAME.weight, NAME.bias, NAME.running_mean and
 * NAME.running_var (c), the last two being state. PyTorch's BatchNorm; Ioffe and Szegedy 2015. */
OC_API oc_tensor *oc_batch_norm(oc_tensor *x, const oc_batch_norm_desc *desc);

/* Elementwise; shapes stay. */
OC_API oc_tensor *oc_relu(oc_tensor *x);                    /* max(x, 0); NaN stays NaN */
OC_API oc_tensor *oc_leaky_relu(oc_tensor *x, float slope); /* x > 0 ? x : slope*x; slope >= 0 */
OC_API oc_tensor *oc_sigmoid(oc_tensor *x);                 /* 1/(1 + exp(-x)) */
OC_API oc_tensor *oc_tanh(oc_tensor *x);
OC_API oc_tensor *oc_relu6(oc_tensor *x);                  /* min(max(x, 0), 6) */
OC_API oc_tensor *oc_elu(oc_tensor *x, float alpha);       /* x > 0 ? x : alpha*(exp(x) - 1); alpha >= 0 */
OC_API oc_tensor *oc_softplus(oc_tensor *x);               /* log(1 + exp(x)) */
OC_API oc_tensor *oc_silu(oc_tensor *x);                   /* x/(1 + exp(-x)) */
OC_API oc_tensor *oc_hard_swish(oc_tensor *x);             /* x*min(max(x + 3, 0), 6)/6 */
OC_API oc_tensor *oc_gelu(oc_tensor *x);                   /* x*(1 + erf(x/sqrt(2)))/2 */
OC_API oc_tensor *oc_add(oc_tensor *a, oc_tensor *b);      /* equal shapes */
OC_API oc_tensor *oc_multiply(oc_tensor *a, oc_tensor *b); /* equal shapes */
OC_API oc_tensor *oc_scale(oc_tensor *x, float factor);    /* factor*x; factor finite */

/* Dropout, 0 <= rate < 1: while training each value, or each channel of each sample, is 0 with probability `rate` and
 * otherwise divided by 1 - rate; at inference nothing happens or is copied. What is dropped depends on the model's seed,
 * the layer's name, the step and the place in the tensor only. */
OC_API oc_tensor *oc_dropout(oc_tensor *x, float rate);
OC_API oc_tensor *oc_channel_dropout(oc_tensor *x, float rate);

typedef struct oc_stochastic_depth_desc {
    float survival;          /* 0 < survival <= 1; required */
    bool per_batch;          /* one decision for the whole batch, not one per sample */
    bool scale_at_inference; /* do not scale while training, but by `survival` at inference */
} oc_stochastic_depth_desc;

/* Drops the residual branch x of whole samples: while training each is 0 with probability 1 - survival and otherwise
 * divided by survival, as in torchvision; or, as in Huang et al. 2016, with scale_at_inference. Put it before oc_add. */
OC_API oc_tensor *oc_stochastic_depth(oc_tensor *x, const oc_stochastic_depth_desc *desc);
typedef struct oc_prelu_desc {
    const char *name;
    bool shared;         /* one slope for all channels instead of one per channel */
    bool frozen;         /* the slopes are not trained and cost no gradient */
    oc_init weight_init; /* OC_INIT_DEFAULT: constant 0.25 */
} oc_prelu_desc;

/* x > 0 ? x : w*x with learned slopes w. Parameter NAME.weight (channels), or (1) if shared. He et al. 2015. */
OC_API oc_tensor *oc_prelu(oc_tensor *x, const oc_prelu_desc *desc);

/* The largest of each group of `pieces` adjacent channels: (n, c, spatial...) -> (n, c/pieces, spatial...); a NaN wins.
 * pieces must divide c. Goodfellow et al. 2013. */
OC_API oc_tensor *oc_maxout(oc_tensor *x, int pieces);

/* Side by side along the channels: all other sizes must be equal. As a rule nothing is copied: the layers before write
 * into their share of the result. */
OC_API oc_tensor *oc_concat(oc_tensor *const *x, int count);

/* Channels first .. first + count - 1, without a copy. */
OC_API oc_tensor *oc_slice(oc_tensor *x, int first, int count);

/* (n, c, spatial...) -> (n, c*spatial), in that order. */
OC_API oc_tensor *oc_flatten(oc_tensor *x);

/* The same values in another shape (n, c, spatial...); trailing zeros end it. The batch must stay; one size may
 * be -1: whatever is left. */
OC_API oc_tensor *oc_reshape(oc_tensor *x, const int64_t shape[OC_MAX_RANK]);

/* Over the channels of each pixel. */
OC_API oc_tensor *oc_softmax(oc_tensor *x);
OC_API oc_tensor *oc_log_softmax(oc_tensor *x);

/* Over all elements: scalars. */
OC_API oc_tensor *oc_sum(oc_tensor *x);
OC_API oc_tensor *oc_mean(oc_tensor *x);

/* Losses: scalars. */

/* Mean over samples (and pixels) of -log softmax(logits)[label]. logits (n, classes, spatial...) with at least two
 * classes, labels an input of type OC_I32 (n, spatial...) in 0..classes-1: a label outside is an error of the step
 * that was fed it. */
OC_API oc_tensor *oc_softmax_cross_entropy(oc_tensor *logits, oc_tensor *labels);

/* The same with smoothed labels: the wanted distribution has 1 - smoothing at the label, and `smoothing` (0 to 1) is
 * shared evenly by all classes. Szegedy et al. 2016. */
OC_API oc_tensor *oc_softmax_cross_entropy_smoothed(oc_tensor *logits, oc_tensor *labels, float smoothing);

/* Mean over all elements of -(t*log p + (1 - t)*log(1 - p)) with p = sigmoid(logit), t the target (0 to 1); equal
 * shapes. Never infinite: it is computed from the logits. */
OC_API oc_tensor *oc_binary_cross_entropy(oc_tensor *logits, oc_tensor *target);

/* Mean over all elements of (y - target)^2; equal shapes. */
OC_API oc_tensor *oc_mean_squared_error(oc_tensor *y, oc_tensor *target);

/* Mean over all elements of d < beta ? d^2/(2*beta) : d - beta/2 with d = |y - target|; equal shapes, beta > 0.
 * Girshick 2015. */
OC_API oc_tensor *oc_smooth_l1(oc_tensor *y, oc_tensor *target, float beta);

/* Sum over all elements of a*b; equal shapes. With b an input this starts the backward pass from any gradient b
 * of a: a vector-Jacobian product. */
OC_API oc_tensor *oc_dot(oc_tensor *a, oc_tensor *b);

/* Sum of weights[i]*losses[i], of 1 to 16 scalars: several losses trained at once, such as those of auxiliary heads. */
OC_API oc_tensor *oc_weighted_sum(oc_tensor *const *losses, const float *weights, int count);

/* Looking at a graph, layer by layer in the order of the calls. */
typedef struct oc_layer_info {
    const char *name, *type;
    int rank;
    int64_t output[OC_MAX_RANK]; /* (n, c, spatial...) */
    int64_t parameters;          /* values in weights and biases; not state */
    int64_t macs;                /* multiply-adds of one sample's forward pass, convolution and dense only */
    int64_t bytes;               /* one sample's output, before any sharing of memory */
} oc_layer_info;

OC_API int oc_graph_layer_count(const oc_graph *graph);
OC_API oc_status oc_graph_layer(const oc_graph *graph, int index, oc_layer_info *info);

/* ---- 5. Model --------------------------------------------------------------------------------------- */

typedef enum oc_optimizer_kind { OC_SGD } oc_optimizer_kind;

/* SGD, PyTorch's: g += decay*w; v = momentum*v + g; w -= rate*(nesterov ? g + momentum*v : v). The rate stays
 * outside the velocity. */
typedef struct oc_optimizer_desc {
    oc_optimizer_kind kind;
    float rate;         /* learning rate, >= 0; 0: 0.01 */
    float momentum;     /* 0 <= momentum < 1 */
    bool nesterov;      /* needs momentum > 0 */
    float weight_decay; /* >= 0; coupled (L2) */
} oc_optimizer_desc;

typedef struct oc_model_desc {
    oc_tensor *loss;           /* a scalar; NULL: a model for inference only, with no memory for training */
    oc_tensor *const *outputs; /* NULL-terminated: what may be fetched besides the loss */
    oc_optimizer_desc optimizer;
    uint64_t seed;               /* of initial parameters and everything random */
    const char *implementations; /* "conv=reference,max_pool=vector": choose kernels by hand; NULL: the best.
                                    "reference" alone takes the plain kernels everywhere */
    int64_t memory_limit;        /* refuse to need more device bytes than this; 0: the device's memory */
    oc_progress_fn progress;     /* called while kernels are compiled; may be NULL */
    void *progress_user;
} oc_model_desc;

/* Device bytes of a model. `total` is the sum of the others and exactly what is allocated. */
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
} oc_fetch;

/* One step of the optimizer on the first `batch` samples (1 to the created batch). Fetches may be NULL; without
 * a fetch into host memory the call does not wait for the device. An input that is not fed keeps its values. */
OC_API oc_status oc_train_step(oc_model *model, int batch, const oc_feed *feeds, const oc_fetch *fetches);

/* The forward pass in inference mode. The loss is computed only if it is fetched. */
OC_API oc_status oc_infer(oc_model *model, int batch, const oc_feed *feeds, const oc_fetch *fetches);

/* Everything but the update: parameter gradients can be read afterwards (OC_GRADIENT). */
OC_API oc_status oc_compute_gradients(oc_model *model, int batch, const oc_feed *feeds,
                                      const oc_fetch *fetches);

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
    double milliseconds; /* device time */
    double flops, bytes; /* of the operation, as its mathematics needs them; 0 if not known; on its first
                                    launch, 0 on the others */
} oc_profile_entry;
typedef void (*oc_profile_fn)(void *user, const oc_profile_entry *entry);
OC_API oc_status oc_model_profile(oc_model *model, bool train, oc_profile_fn fn, void *user);

/* Names of operations and of their implementations, best first; NULL past the end. */
OC_API const char *oc_op_name(int index);
OC_API const char *oc_op_implementation(const char *op, int index);

/* ---- 6. Parameters ---------------------------------------------------------------------------------- */

typedef struct oc_parameter_info {
    const char *name; /* "conv1.weight" */
    int rank;
    int64_t shape[OC_MAX_RANK]; /* convolution: (filters, c/groups, window...); dense: (units, c) */
    int64_t count;              /* values */
    bool frozen;                /* not trained: no gradient, no update */
    bool state;                 /* frozen too, but its layer writes it while training: running averages */
    bool momentum;              /* OC_MOMENTUM is kept */
} oc_parameter_info;

/* What is kept per parameter. */
typedef enum oc_slot {
    OC_VALUE,
    OC_GRADIENT, /* of the last training step or oc_compute_gradients */
    OC_MOMENTUM  /* the optimizer's velocity */
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
    bool training_state;         /* also velocities and the step count, so that training goes on as if it had
                                    never stopped */
    const char *const *metadata; /* NULL-terminated pairs key, value */
} oc_save_desc;

/* safetensors files with PyTorch's names and layout. Saving is atomic: the old file stays until the new one is
 * complete and on disk. Loading is strict: every parameter must be there with its shape and nothing else may be
 * (but a training state that this model has no use for); otherwise nothing is changed and the error names what
 * is missing or unexpected. Velocities and the step count that the file does not have become zero. Beside a
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

/* graph.h - section 4 of ocelli.h, which includes it: the graph and its layers. */
#include <ocelli/ocelli.h> /* before the guard: whichever of the two is asked for, sections 1 to 3 come first */

#ifndef OCELLI_GRAPH_H
#define OCELLI_GRAPH_H

#ifdef __cplusplus
extern "C" {
#endif

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

typedef struct oc_conv_transpose_desc {
    const char *name;
    int filters;     /* output channels; required; a multiple of groups */
    int window[3];   /* required */
    int stride[3];   /* 0: 1 */
    int dilation[3]; /* 0: 1 */
    int groups;      /* 0: 1; must divide the input channels */
    oc_padding padding;
    int pad;                      /* with OC_PAD_NUMBER */
    int pad_begin[3], pad_end[3]; /* with OC_PAD_EXPLICIT; >= 0 */
    int output_padding[3]; /* more at the end, dimension by dimension; below the stride or the dilation */
    bool no_bias;
    bool frozen; /* the parameters are not trained and cost no gradient */
    oc_init weight_init, bias_init;
} oc_conv_transpose_desc;

/* Transposed convolution, the gradient of a convolution's input as a layer ("deconvolution"): each value of x adds w times
 * itself to the window of y that starts at o*stride - pad; y[n,k,i] = b[k] + sum over c, o and r with
 * o*stride - pad + r*dilation = i of w[c,k,r] * x[n,c,o]. Padding takes away from y: its sizes are
 * (i - 1)*stride + k - padding + output_padding, or i*stride + output_padding with OC_PAD_SAME. Parameters NAME.weight
 * (c, filters/groups, window...) and NAME.bias (filters). PyTorch's ConvTranspose. */
OC_API oc_tensor *oc_conv_transpose(oc_tensor *x, const oc_conv_transpose_desc *desc);

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

typedef enum oc_upsample_mode {
    OC_UPSAMPLE_NEAREST, /* the value of one pixel */
    OC_UPSAMPLE_LINEAR   /* between two pixels along each axis: linear, bilinear, trilinear */
} oc_upsample_mode;

typedef struct oc_upsample_desc {
    oc_upsample_mode mode;
    int factor[3];      /* y is so much larger, per spatial dimension; one value holds for all; or ... */
    int size[3];        /* ... the sizes of y, which may also be smaller; one of the two is required */
    bool align_corners; /* linear only: the first and the last pixels of x and y lie upon each other */
} oc_upsample_desc;

/* Interpolation over 1 to 3 spatial dimensions: y[o] is x at o*i/s (nearest, rounded down), at (o + 1/2)*i/s - 1/2 (linear, kept
 * inside), or at o*(i - 1)/(s - 1) (aligned), i and s being the sizes of x and y. PyTorch's interpolate. */
OC_API oc_tensor *oc_upsample(oc_tensor *x, const oc_upsample_desc *desc);

typedef enum oc_border {
    OC_BORDER_CONSTANT,
    OC_BORDER_REFLECT,  /* mirrored at the first and the last pixel: 2 1 0 1 2 3 2 1 */
    OC_BORDER_REPLICATE /* the first and the last pixel: 0 0 0 1 2 3 3 3 */
} oc_border;

typedef struct oc_pad_desc {
    int begin[3], end[3]; /* pixels more on either side, dimension by dimension; below 0: fewer */
    oc_border border;
    float value; /* with OC_BORDER_CONSTANT */
} oc_pad_desc;

/* Borders around 1 to 3 spatial dimensions, as many dimensions as x has. A mirror reaches up to one pixel less than the size.
 * PyTorch's F.pad. */
OC_API oc_tensor *oc_pad(oc_tensor *x, const oc_pad_desc *desc);

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

/* Looking at a graph, layer by layer in the order of the calls. The receptive field is what a value depends on along each
 * spatial dimension; borders count, so it may be larger than the input. */
typedef struct oc_layer_info {
    const char *name, *type;
    int rank;
    int64_t output[OC_MAX_RANK]; /* (n, c, spatial...) */
    int64_t parameters;          /* values in weights and biases; not state */
    int64_t macs;                /* multiply-adds of one sample's forward pass, convolutions and dense only */
    int64_t bytes;               /* one sample's output, before any sharing of memory */
    int64_t receptive[3];        /* receptive field of an output value, in pixels of the input */
} oc_layer_info;

OC_API int oc_graph_layer_count(const oc_graph *graph);
OC_API oc_status oc_graph_layer(const oc_graph *graph, int index, oc_layer_info *info);

#ifdef __cplusplus
}
#endif

#endif

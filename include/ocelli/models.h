/* models.h - the networks of models/, each built from the public API alone.
 *
 * A network is asked for by its command-line name; oc_zoo_name lists them. */
#ifndef OCELLI_MODELS_H
#define OCELLI_MODELS_H

#include <ocelli/ocelli.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct oc_net_desc {
    int batch;                   /* 0: 1 */
    int channels, height, width; /* of the input; 0: as published */
    int classes;                 /* 0: as published */
    float width_factor; /* multiplies the filters and hidden units of every layer; 0: 1, as published */
} oc_net_desc;

/* A graph and the tensors a user of it needs. `loss` is the softmax cross-entropy of logits and label. */
typedef struct oc_net {
    oc_graph *graph; /* owned: oc_graph_destroy */
    oc_tensor *image, *label, *logits, *probabilities, *loss;
} oc_net;

/* Name of the index-th network, NULL past the end; and one line about it. */
OC_API const char *oc_zoo_name(int index);
OC_API const char *oc_zoo_description(const char *name);

/* Builds a network. An unknown name is OC_E_NOT_FOUND and lists the known ones; an input size that does not fit
 * is the graph's error. On failure nothing is handed over. */
OC_API oc_status oc_zoo_create(oc_net *net, const char *name, const oc_net_desc *desc);

#ifdef __cplusplus
}
#endif

#endif

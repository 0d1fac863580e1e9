/* replica.h - a graph made anew, layer by layer: narrower, so that the oracles can afford it, or with probes, so that every
 * value and every gradient in it can be fetched. */
#ifndef SUPPORT_REPLICA_H
#define SUPPORT_REPLICA_H

#include "graph/graph.h"

#include <ocelli/models.h>

struct replica_desc {
    int divisor;     /* of filters and units; 0: 1 */
    int classes;     /* layers of so few units stay as they are */
    bool no_dropout; /* dropout is left out, since other libraries draw other random numbers */
    bool probes; /* each value between two layers has an input added, whose gradient is that of the value */
};

struct replica {
    oc_graph *graph;
    oc_tensor **twin;  /* by id of the original's tensors: what layers read in its place */
    oc_tensor **probe; /* likewise; NULL where there is none, such as at scalars */
};

/* Inputs of type OC_F32 get a gradient. A graph in which that fails has its error (oc_graph_check). */
void replica_create(struct replica *r, const oc_graph *graph, const struct replica_desc *desc);
void replica_destroy(struct replica *r);

/* The network in a replica of its graph. */
oc_net replica_net(const struct replica *r, const oc_net *net);

#endif

/* consumer.c - the smallest program on an installed Ocelli: a graph, no device. */
#include <ocelli/models.h>

#include <stdio.h>

int main(void)
{
    oc_net net;
    if (oc_zoo_create(&net, "lenet5", NULL) != OC_OK) {
        fprintf(stderr, "%s\n", oc_last_error());
        return 1;
    }
    printf("lenet5 has %d layers\n", oc_graph_layer_count(net.graph));
    oc_graph_destroy(net.graph);
    return 0;
}

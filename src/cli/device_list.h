/* device_list.h - the devices of this machine, for the verbs that talk about them. */
#ifndef CLI_DEVICE_LIST_H
#define CLI_DEVICE_LIST_H

#include <ocelli/ocelli.h>

enum { MOST_DEVICES = 64 };

struct device_list {
    oc_device_info devices[MOST_DEVICES];
    int count, chosen; /* chosen: the one that is opened by default; -1: none can be */
};

oc_status device_list_fill(struct device_list *list);

#endif

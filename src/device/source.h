/* source.h - the kernel sources, embedded by cl/embed.cmake; the last entry has no name. */
#ifndef DEVICE_SOURCE_H
#define DEVICE_SOURCE_H

struct kernel_source {
    const char *name; /* "conv.cl" */
    const char *text;
};

extern const struct kernel_source kernel_sources[];

#endif

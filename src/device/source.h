/* source.h - the kernel sources and the tuning records of cl/tuned, embedded by cl/embed.cmake; the last entry of each
 * list has no name. */
#ifndef DEVICE_SOURCE_H
#define DEVICE_SOURCE_H

struct kernel_source {
    const char *name; /* "conv.cl" */
    const char *text;
};

extern const struct kernel_source kernel_sources[], tuned_records[];

#endif

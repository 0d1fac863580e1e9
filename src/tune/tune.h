/* tune.h - what was measured to be fastest, where it is kept, and how it is found again.
 *
 *     problem.c   a node as text: what its speed depends on
 *     record.c    one measurement: a line of text, and from it a choice that is safe to run
 *     lookup.c    the record that fits a node best
 *     store.c     records in a SQLite database
 *     exchange.c  records in text files
 *
 * Invariant: records cost or save time, nothing else. What does not parse, names what is not there, was measured with
 * other kernels or does not suit the node or device is passed over; a database that cannot be used is one warning in
 * the log. */
#ifndef TUNE_TUNE_H
#define TUNE_TUNE_H

#include "base/text.h"
#include "device/program.h"
#include "graph/op.h"

/* How to carry out a node. */
struct choice {
    const struct impl *impl;
    int tuned[MAX_TUNABLES];
};

/* ---- problem.c ---- */

enum { PROBLEM_BYTES = 512 };

/* "conv window 1x3x3 ... forward: 16x64x56x56 64x64x3x3 > 16x64x56x56": what must be equal, a colon, and sizes, which
 * may be near. Of a node before it is prepared. A text without room for it overflows. */
void problem_print(struct text *text, const struct node *n, bool training);

/* By what factor, as a logarithm to base 2, sizes differ on average; infinite if more than sizes differs. */
double problem_distance(const char *a, const char *b);

/* ---- record.c ---- */

struct record {
    /* Where. The architecture joins devices that like the same kernels. No device: shipped with the library, for all of
     * the architecture, and only what beats the heuristic, so that it says nothing about other sizes. */
    char device[128], vendor[128], driver[64], architecture[160];
    int64_t compute_units, local_memory;
    /* What, and the kernel files in question with a hash of their text: "sum.cl:91d0a3c2e5f60718". */
    char problem[PROBLEM_BYTES], source[128];
    /* The choice, "VECTOR=16 TILE=12", and how fast it was. */
    char implementation[32], tunables[160];
    double ms, heuristic_ms, gflops; /* heuristic_ms: of what Ocelli would take untuned; 0: not known */
};

/* The fields of a record in the order in which lines and the database hold them. The first KEY_FIELDS tell a device
 * and a problem apart, with the next ones up to CANDIDATE_FIELDS they name a candidate. */
enum field_kind { FIELD_TEXT, FIELD_INTEGER, FIELD_REAL };
enum { KEY_FIELDS = 7, CANDIDATE_FIELDS = 10, FIELD_COUNT = 13 };
struct field {
    const char *name;
    enum field_kind kind;
    size_t offset, bytes;
};
extern const struct field record_fields[FIELD_COUNT];

/* A field as text, in any locale the same. */
void record_print_field(struct text *text, const struct record *record, const struct field *field);
/* False if the text is no value for this field. */
bool record_parse_field(struct record *record, const struct field *field, const char *text, size_t length);

/* One line, fields between tabs, without its end. */
void record_print(struct text *text, const struct record *record);
bool record_parse(struct record *record, const char *line, size_t length);

enum { RECORD_BYTES = 2048 }; /* room for any line */

void record_set_device(struct record *record, const oc_device_info *device);
void record_set_choice(struct record *record, const struct choice *choice);

/* `files` are names between commas. False if one of them is no kernel file. */
bool record_set_source(struct record *record, const oc_device *device, const char *files);

/* Whether the kernels that it was measured with are those of today; device NULL: those that are built in. */
bool record_is_current(const struct record *record, const oc_device *device);

/* What a record says, if this node can be run that way on this device. */
bool record_choice(const struct record *record, const struct node *n, const oc_device *device,
                   struct choice *choice);

/* An implementation with its heuristic's values; and the first of the list that supports the node. */
void choice_default(struct choice *choice, const struct impl *impl, const struct node *n,
                    const oc_device_info *device);
bool choice_heuristic(struct choice *choice, const struct node *n, const oc_device_info *device);
bool impl_supports(const struct impl *impl, const struct node *n, const oc_device_info *device);

/* The next combination of tunables' values, as indices into their lists; false after the last. */
bool choice_next(const struct tunable *tunables, int index[MAX_TUNABLES]);

/* From the words of a record: an implementation of this operation, and "NAME=value ..." with each of its tunables once, in
 * order, and only values that are tried when tuning. False if it is something else. */
bool choice_parse(struct choice *choice, const struct op *op, const char *implementation,
                  const char *tunables);

/* Whether this node can be run that way on this device. */
bool choice_is_allowed(const struct choice *choice, const struct node *n, const oc_device_info *device);

/* ---- lookup.c ---- */

struct records {
    const oc_allocator *allocator;
    struct record *items;
    size_t count, capacity;
};

oc_status records_add(struct records *records, const struct record *record);
void records_free(struct records *records);

/* All that may concern this device: the database's, then those shipped with the library. To be freed in any case. */
oc_status records_load(struct records *records, const oc_device *device);

/* This device and exactly this problem, else the nearest sizes on this device, else on this architecture. */
bool records_find(const struct records *records, const struct node *n, const oc_device *device,
                  const char *problem, struct choice *choice);

/* ---- store.c ---- */

/* NULL stands for a database that is switched off, missing or broken; every function takes it. */
struct store;

/* path NULL: OCELLI_TUNING_DB, else $XDG_STATE_HOME/ocelli/tuning.db, else ~/.local/state/ocelli/tuning.db. With `create`
 * it is made if there is none. */
struct store *store_open(const char *path, bool create);

/* Whether the environment switches tuning records off: OCELLI_TUNING_DB=off. */
bool store_is_off(const char *path);

/* False if it could not be used since it was opened; that was logged. */
bool store_works(const struct store *store);
void store_close(struct store *store);

/* Appends the records of this device and its architecture; device NULL: all. */
oc_status store_load(struct store *store, const oc_device_info *device, struct records *records);

/* Replaces what is known of the same device and problem. */
void store_put(struct store *store, const struct record *record);

/* Several of them at once, all or none. */
void store_put_all(struct store *store, const struct records *records);

/* A candidate is noted before it runs for the first time and struck out afterwards. One that is still noted by a process
 * that is no more took it down. */
void store_begin_trial(struct store *store, const struct record *record);
void store_end_trial(struct store *store, const struct record *record);
bool store_has_trial(struct store *store, const struct record *record);

/* ---- exchange.c ---- */

/* Appends the records of a text; what is no record is skipped. bad_line: the first such line, from 1; 0: none. */
oc_status records_read(struct records *records, const char *text, size_t length, size_t *bad_line);

#endif

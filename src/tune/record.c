/* record.c - one measurement: a line of text, and from it a choice that is safe to run. */
#include "tune/tune.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(kind, name)                                                                                    \
    {                                                                                                        \
#name, kind, offsetof(struct record, name), sizeof(((struct record *)0)->name)                       \
    }

const struct field record_fields[FIELD_COUNT] = {
    FIELD(FIELD_TEXT, device),
    FIELD(FIELD_TEXT, vendor),
    FIELD(FIELD_TEXT, driver),
    FIELD(FIELD_TEXT, architecture),
    FIELD(FIELD_INTEGER, compute_units),
    FIELD(FIELD_INTEGER, local_memory),
    FIELD(FIELD_TEXT, problem),
    FIELD(FIELD_TEXT, source),
    FIELD(FIELD_TEXT, implementation),
    FIELD(FIELD_TEXT, tunables),
    FIELD(FIELD_REAL, ms),
    FIELD(FIELD_REAL, heuristic_ms),
    FIELD(FIELD_REAL, gflops),
};

/* ---- text ---- */

enum { MILLIONTHS = 1000000 };

void record_print_field(struct text *text, const struct record *record, const struct field *field)
{
    const char *value = (const char *)record + field->offset;
    if (field->kind == FIELD_TEXT) {
        text_print(text, "%s", value);
    } else if (field->kind == FIELD_INTEGER) {
        text_print(text, "%" PRId64, *(const int64_t *)(const void *)value);
    } else { /* in integers, since printf's decimal point is the locale's */
        const int64_t millionths = llround(*(const double *)(const void *)value * MILLIONTHS);
        text_print(text, "%" PRId64 ".%06" PRId64, millionths / MILLIONTHS, millionths % MILLIONTHS);
    }
}

/* Digits only, as many as an int64_t holds for certain. */
static bool parse_digits(const char *text, size_t length, int64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < length; i++) {
        if (!isdigit((unsigned char)text[i]))
            return false;
        *value = *value * 10 + (text[i] - '0');
    }
    return length > 0 && length <= 18;
}

bool record_parse_field(struct record *record, const struct field *field, const char *text, size_t length)
{
    char *value = (char *)record + field->offset;
    int64_t whole, fraction;
    if (field->kind == FIELD_INTEGER)
        return length <= 18 && parse_digits(text, length, (int64_t *)(void *)value);
    if (field->kind == FIELD_REAL) {
        if (length < 8 || length > 18 || text[length - 7] != '.' || !parse_digits(text, length - 7, &whole) ||
            !parse_digits(text + length - 6, 6, &fraction))
            return false;
        *(double *)(void *)value = (double)whole + (double)fraction / MILLIONTHS;
        return true;
    }
    if (length >= field->bytes)
        return false;
    for (size_t i = 0; i < length; i++)
        if (iscntrl((unsigned char)text[i]))
            return false;
    memcpy(value, text, length);
    value[length] = '\0';
    return true;
}

void record_print(struct text *text, const struct record *record)
{
    for (int i = 0; i < FIELD_COUNT; i++) {
        text_print(text, i ? "\t" : "");
        record_print_field(text, record, &record_fields[i]);
    }
}

bool record_parse(struct record *record, const char *line, size_t length)
{
    const char *const end = line + length;
    *record = (struct record){ .ms = 0 };
    for (int i = 0; i < FIELD_COUNT; i++) {
        const char *tab = memchr(line, '\t', (size_t)(end - line));
        const char *stop = tab ? tab : end;
        if (!tab != (i == FIELD_COUNT - 1) ||
            !record_parse_field(record, &record_fields[i], line, (size_t)(stop - line)))
            return false;
        line = stop + 1;
    }
    return true;
}

/* ---- device ---- */

/* Without what would end a field or a line. */
static void copy_text(char *to, size_t capacity, const char *from)
{
    size_t i = 0;
    for (; from[i] && i + 1 < capacity; i++)
        to[i] = iscntrl((unsigned char)from[i]) ? ' ' : from[i];
    to[i] = '\0';
}

void record_set_device(struct record *record, const oc_device_info *device)
{
    struct text architecture = TEXT_IN(record->architecture);
    copy_text(record->device, sizeof record->device, device->name);
    copy_text(record->vendor, sizeof record->vendor, device->vendor);
    copy_text(record->driver, sizeof record->driver, device->driver);
    record->compute_units = device->compute_units;
    record->local_memory = device->local_memory;
    /* Kernels for CPUs are made for a vector width, whoever made the CPU. */
    if (device->type == OC_DEVICE_CPU)
        text_print(&architecture, "cpu-vector%d", device->vector_width);
    else
        text_print(&architecture, "gpu-%s", record->vendor);
    if (device->loop_limit > 0)
        text_print(&architecture, "-loops%" PRId64, device->loop_limit);
}

/* ---- kernel sources ---- */

bool record_set_source(struct record *record, const oc_device *device, const char *files)
{
    struct text source = TEXT_IN(record->source);
    uint64_t hash;
    if (!program_hash(device, files, &hash))
        return false;
    text_print(&source, "%s:%016" PRIx64, files, hash);
    return !source.overflow;
}

bool record_is_current(const struct record *record, const oc_device *device)
{
    struct record now;
    char files[sizeof record->source];
    strcpy(files, record->source);
    files[strcspn(files, ":")] = '\0';
    return record_set_source(&now, device, files) && strcmp(now.source, record->source) == 0;
}

/* ---- choices ---- */

bool impl_supports(const struct impl *impl, const struct node *n, const oc_device_info *device)
{
    return (!n->prologue.scale || (impl->has_prologue && impl->has_prologue(n))) &&
           (!impl->supports || impl->supports(n, device));
}

void choice_default(struct choice *choice, const struct impl *impl, const struct node *n,
                    const oc_device_info *device)
{
    *choice = (struct choice){ .impl = impl };
    for (int i = 0; impl->tunables && impl->tunables[i].name; i++)
        choice->tuned[i] = impl->tunables[i].values[0];
    if (impl->heuristic)
        impl->heuristic(n, device, choice->tuned);
}

bool choice_heuristic(struct choice *choice, const struct node *n, const oc_device_info *device)
{
    const struct impl *impl = n->op->impls;
    while (impl->name && !(impl_supports(impl, n, device) && (!impl->prefers || impl->prefers(n, device))))
        impl++;
    if (impl->name)
        choice_default(choice, impl, n, device);
    return impl->name != NULL;
}

void record_set_choice(struct record *record, const struct choice *choice)
{
    const struct tunable *tunables = choice->impl->tunables;
    struct text text = TEXT_IN(record->tunables);
    copy_text(record->implementation, sizeof record->implementation, choice->impl->name);
    for (int i = 0; tunables && tunables[i].name; i++)
        text_print(&text, "%s%s=%d", i ? " " : "", tunables[i].name, choice->tuned[i]);
}

static int value_count(const struct tunable *tunable)
{
    const int capacity = (int)(sizeof tunable->values / sizeof tunable->values[0]);
    int count = 0;
    while (count < capacity && tunable->values[count])
        count++;
    return count;
}

bool choice_next(const struct tunable *tunables, int index[MAX_TUNABLES])
{
    for (int i = 0; tunables && tunables[i].name; i++) {
        if (++index[i] < value_count(&tunables[i]))
            return true;
        index[i] = 0;
    }
    return false;
}

static bool is_candidate(const struct tunable *tunable, int value)
{
    for (int i = 0; i < value_count(tunable); i++)
        if (tunable->values[i] == value)
            return true;
    return false;
}

static bool parse_tunables(const char *text, const struct tunable *tunables, int *values)
{
    for (int i = 0; tunables && tunables[i].name; i++) {
        const size_t length = strlen(tunables[i].name);
        if (strncmp(text, tunables[i].name, length) != 0 || text[length] != '=')
            return false;
        char *end;
        const long value = strtol(text + length + 1, &end, 10);
        if (value < INT32_MIN || value > INT32_MAX || !is_candidate(&tunables[i], (int)value))
            return false;
        values[i] = (int)value;
        text = end + (*end == ' ');
    }
    return *text == '\0';
}

bool choice_parse(struct choice *choice, const struct op *op, const char *implementation,
                  const char *tunables)
{
    const struct impl *impl = op->impls;
    while (impl->name && strcmp(impl->name, implementation) != 0)
        impl++;
    *choice = (struct choice){ .impl = impl };
    return impl->name && parse_tunables(tunables, impl->tunables, choice->tuned);
}

bool choice_is_allowed(const struct choice *choice, const struct node *n, const oc_device_info *device)
{
    return impl_supports(choice->impl, n, device) &&
           (!choice->impl->allows || choice->impl->allows(n, device, choice->tuned));
}

bool record_choice(const struct record *record, const struct node *n, const oc_device *device,
                   struct choice *choice)
{
    return choice_parse(choice, n->op, record->implementation, record->tunables) &&
           choice_is_allowed(choice, n, oc_device_get_info(device)) && record_is_current(record, device);
}

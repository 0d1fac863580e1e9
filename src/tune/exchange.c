/* exchange.c - records in text files: a line each, as record.c prints it; empty lines and those that begin with # are
 * comments. The files in cl/tuned are of the same form. */
#include "base/file.h"
#include "base/memory.h"
#include "tune/tune.h"

#include <string.h>

enum { MAX_FILE_BYTES = 256 << 20 };

oc_status records_read(struct records *records, const char *text, size_t length, size_t *bad_line)
{
    size_t line = 0;
    *bad_line = 0;
    for (const char *const end = text + length; text < end;) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *stop = newline ? newline : end;
        struct record record;
        line++;
        if (stop > text && *text != '#') {
            if (record_parse(&record, text, (size_t)(stop - text)))
                TRY(records_add(records, &record));
            else if (*bad_line == 0)
                *bad_line = line;
        }
        text = stop + 1;
    }
    return OC_OK;
}

static oc_status write_records(struct file_writer *file, const struct records *records)
{
    char line[RECORD_BYTES];
    struct text text = TEXT_IN(line);
    for (int i = 0; i < FIELD_COUNT; i++)
        text_print(&text, "%s%s", i ? "\t" : "# ", record_fields[i].name);
    for (size_t i = 0; i < records->count; i++) {
        if (!record_is_current(&records->items[i], NULL))
            continue;
        text_print(&text, "\n");
        TRY(file_write(file, text.data, text.length));
        text = TEXT_IN(line);
        record_print(&text, &records->items[i]);
    }
    text_print(&text, "\n");
    return file_write(file, text.data, text.length);
}

oc_status oc_tune_export(const char *store_path, const char *path)
{
    struct records records = { .allocator = &memory_heap };
    struct store *store = store_open(store_path, false);
    oc_status status = store_load(store, NULL, &records);
    if (status == OC_OK && (!store_works(store) || records.count == 0))
        status = fail(OC_E_NOT_FOUND, "there are no tuning records to export");
    store_close(store);
    if (status == OC_OK) {
        struct file_writer file;
        status = file_begin(&file, path);
        if (status == OC_OK)
            status = write_records(&file, &records);
        status = file_end(&file, status);
    }
    records_free(&records);
    return status;
}

oc_status oc_tune_import(const char *store_path, const char *path)
{
    struct records records = { .allocator = &memory_heap };
    unsigned char *text;
    size_t length, bad_line;
    TRY(file_read(path, MAX_FILE_BYTES, &text, &length));
    oc_status status = records_read(&records, (const char *)text, length, &bad_line);
    if (status == OC_OK && bad_line > 0)
        status =
            fail(OC_E_FORMAT, "%s:%zu: this line is no tuning record; nothing is imported", path, bad_line);
    else if (status == OC_OK && records.count == 0)
        status = fail(OC_E_FORMAT, "%s: there is no tuning record in it", path);
    struct store *store = status == OC_OK ? store_open(store_path, true) : NULL;
    if (status == OC_OK) {
        store_put_all(store, &records);
        if (!store_works(store))
            status =
                fail(OC_E_FILE, "%s: its records cannot be stored: the tuning store cannot be written", path);
    }
    store_close(store);
    records_free(&records);
    memory_free(&memory_heap, text);
    return status;
}

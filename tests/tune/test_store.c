/* test_store.c - the database: what is put in comes out, several processes use it at once, and whatever is wrong with it
 * is one warning and nothing else. */
#include "base/memory.h"
#include "support/fixture.h"
#include "support/scratch.h"
#include "tune/tune.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(store, .init = scratch_open, .fini = scratch_close);

static const oc_device_info here = { .name = "Here",
                                     .vendor = "Nobody",
                                     .driver = "1",
                                     .type = OC_DEVICE_CPU,
                                     .compute_units = 2,
                                     .local_memory = 1 << 20,
                                     .vector_width = 8 };

static int warnings, errors;

static void count(void *user, oc_log_level level, const char *message)
{
    (void)user;
    (void)message;
    warnings += level == OC_LOG_WARNING;
    errors += level == OC_LOG_ERROR;
}

static struct record record_of(const oc_device_info *device, int number)
{
    struct record record = {
        .implementation = "x", .ms = 1.5 + number, .heuristic_ms = 3.125, .gflops = 2.25
    };
    cr_assert(record_set_source(&record, NULL, "sum.cl"));
    record_set_device(&record, device);
    snprintf(record.problem, sizeof record.problem, "problem: %d", number);
    snprintf(record.tunables, sizeof record.tunables, "A=%d", number);
    return record;
}

static struct records load(const char *name, const oc_device_info *device)
{
    struct records records = { .allocator = &memory_heap };
    struct store *store = store_open(scratch_path(name), false);
    CHECK(store_load(store, device, &records));
    store_close(store);
    return records;
}

static size_t count_of(const char *name, const oc_device_info *device)
{
    struct records records = load(name, device);
    const size_t found = records.count;
    records_free(&records);
    return found;
}

static void make_store(const char *name, int first, int records)
{
    struct store *store = store_open(scratch_path(name), true);
    for (int i = first; i < first + records; i++) {
        const struct record record = record_of(&here, i);
        store_put(store, &record);
    }
    cr_assert(store_works(store));
    store_close(store);
}

Test(store, gives_back_what_it_got)
{
    char want[RECORD_BYTES], got[RECORD_BYTES];
    struct text want_text = TEXT_IN(want), got_text = TEXT_IN(got);
    make_store("db", 7, 1);
    const struct record record = record_of(&here, 7);
    struct records records = load("db", &here);
    cr_assert_eq(records.count, 1);
    record_print(&want_text, &record);
    record_print(&got_text, &records.items[0]);
    cr_expect_str_eq(got, want);
    records_free(&records);
    make_store("db", 7, 1);
    cr_expect_eq(count_of("db", &here), 1, "the same problem twice");
}

Test(store, tells_devices_apart)
{
    oc_device_info kin = here, stranger = here;
    struct store *store = store_open(scratch_path("db"), true);
    strcpy(kin.name, "Kin");
    strcpy(stranger.name, "Stranger");
    stranger.vector_width = 16;
    const struct record records[] = { record_of(&here, 1), record_of(&kin, 1), record_of(&stranger, 1) };
    for (int i = 0; i < 3; i++)
        store_put(store, &records[i]);
    store_close(store);
    cr_expect_eq(count_of("db", &here), 2);
    cr_expect_eq(count_of("db", &stranger), 1);
    cr_expect_eq(count_of("db", NULL), 3);
}

Test(store, makes_its_folders_and_is_found_by_the_environment)
{
    struct records records = { .allocator = &memory_heap };
    unsetenv("OCELLI_TUNING_DB");
    setenv("XDG_STATE_HOME", scratch_path("state"), 1);
    cr_expect_null(store_open(NULL, false), "there is none yet");
    struct store *store = store_open(NULL, true);
    const struct record record = record_of(&here, 1);
    store_put(store, &record);
    store_close(store);
    cr_expect_eq(access(scratch_path("state/ocelli/tuning.db"), F_OK), 0);
    store = store_open(NULL, false);
    CHECK(store_load(store, &here, &records));
    cr_expect_eq(records.count, 1);
    store_close(store);
    records_free(&records);
    setenv("OCELLI_TUNING_DB", "off", 1);
    cr_expect_null(store_open(NULL, true));
    remove(scratch_path("state/ocelli/tuning.db"));
    rmdir(scratch_path("state/ocelli"));
}

Test(store, remembers_what_took_its_process_down)
{
    const struct record crash = record_of(&here, 1), fine = record_of(&here, 2);
    struct store *store = store_open(scratch_path("db"), true);
    store_begin_trial(store, &crash);
    store_begin_trial(store, &fine);
    store_end_trial(store, &fine);
    store_close(store);
    store = store_open(scratch_path("db"), true);
    cr_expect(store_has_trial(store, &crash));
    cr_expect(!store_has_trial(store, &fine));
    struct record newer = crash;
    strcpy(newer.source, "a.cl:1");
    cr_expect(!store_has_trial(store, &newer), "with other kernels it may work");
    store_close(store);
}

/* Two may try the same at once; that is no reason to think that it failed. */
Test(store, knows_what_another_process_is_trying)
{
    const struct record record = record_of(&here, 1);
    int ready[2], done[2];
    char byte = 0;
    cr_assert(pipe(ready) == 0 && pipe(done) == 0);
    const pid_t child = fork();
    if (child == 0) {
        struct store *store = store_open(scratch_path("db"), true);
        store_begin_trial(store, &record);
        _exit(write(ready[1], "", 1) != 1 || read(done[0], &byte, 1) != 1); /* without an end: as if killed */
    }
    cr_assert(read(ready[0], &byte, 1) == 1);
    struct store *store = store_open(scratch_path("db"), true);
    cr_expect(!store_has_trial(store, &record), "it is being tried");
    store_begin_trial(store, &record);
    store_end_trial(store, &record);
    cr_assert(write(done[1], "", 1) == 1);
    int status;
    waitpid(child, &status, 0);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    cr_expect(store_has_trial(store, &record), "ours has ended, the other one's has not");
    store_close(store);
}

Test(store, loses_nothing_when_two_processes_write)
{
    enum { RECORDS = 40 };
    pid_t children[2];
    for (int c = 0; c < 2; c++) {
        children[c] = fork();
        if (children[c] == 0) { /* both make the tables, too */
            struct store *store = store_open(scratch_path("db"), true);
            for (int i = 0; i < RECORDS; i++) {
                const struct record record = record_of(&here, c * RECORDS + i);
                store_begin_trial(store, &record);
                store_put(store, &record);
                store_end_trial(store, &record);
            }
            const bool works = store_works(store);
            store_close(store);
            _exit(!works);
        }
    }
    for (int c = 0; c < 2; c++) {
        int status;
        waitpid(children[c], &status, 0);
        cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "process %d", c);
    }
    cr_expect_eq(count_of("db", &here), 2 * RECORDS);
}

/* ---- what may be wrong with it ---- */

static void write_garbage(const char *name)
{
    char bytes[5000];
    memset(bytes, 'x', sizeof bytes);
    scratch_write(name, bytes, sizeof bytes);
}

static void write_half(const char *name)
{
    make_store(name, 0, 50);
    cr_assert(truncate(scratch_path(name), 4096 + 100) == 0);
}

static void write_poison(const char *name)
{
    make_store(name, 0, 50);
    FILE *file = fopen(scratch_path(name), "r+b");
    fseek(file, 0, SEEK_END);
    const long size = ftell(file);
    for (long at = 200; at < size; at += 3) {
        fseek(file, at, SEEK_SET);
        fputc((int)(at * 7 % 251), file);
    }
    fclose(file);
}

static void execute(const char *name, const char *sql)
{
    sqlite3 *db;
    cr_assert(sqlite3_open(scratch_path(name), &db) == SQLITE_OK);
    cr_assert(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void write_foreign(const char *name)
{
    execute(name, "CREATE TABLE record(holiday TEXT); INSERT INTO record VALUES('Easter')");
}

static void write_future(const char *name)
{
    make_store(name, 0, 1);
    execute(name, "PRAGMA user_version=3");
}

static void write_impostor(const char *name)
{
    execute(name,
            "PRAGMA application_id=1329808716; PRAGMA user_version=2; CREATE TABLE record(holiday TEXT)");
}

static void make_folder(const char *name)
{
    cr_assert(mkdir(scratch_path(name), 0700) == 0);
}

static void write_unreadable(const char *name)
{
    make_store(name, 0, 1);
    cr_assert(chmod(scratch_path(name), 0) == 0);
}

Test(store, a_broken_one_is_one_warning_to_a_model)
{
    static const struct {
        const char *what;
        void (*make)(const char *name);
    } cases[] = {
        { "garbage", write_garbage }, { "truncated", write_half },        { "poisoned", write_poison },
        { "foreign", write_foreign }, { "future", write_future },         { "impostor", write_impostor },
        { "folder", make_folder },    { "unreadable", write_unreadable },
    };
    oc_device *device = fixture_open();
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *x = oc_input(graph, &(oc_input_desc){ .name = "x", .shape = { 2, 4 } });
    oc_tensor *y = oc_relu(x);
    const oc_model_desc desc = { .loss = oc_dot(y, y), .outputs = (oc_tensor *const[]){ y, NULL } };
    scratch_drop_root();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        oc_memory_info info;
        cases[i].make(cases[i].what);
        setenv("OCELLI_TUNING_DB", scratch_path(cases[i].what), 1);
        warnings = errors = 0;
        oc_set_log(count, NULL, OC_LOG_WARNING);
        CHECK(oc_model_predict_memory(&info, graph, device, &desc));
        cr_expect(warnings == 1 && errors == 0, "%s: %d warnings, %d errors", cases[i].what, warnings,
                  errors);
        warnings = 0;
        struct store *store = store_open(NULL, true);
        const struct record record = record_of(&here, 1);
        store_put(store, &record);
        store_put(store, &record);
        cr_expect(!store_has_trial(store, &record) && !store_works(store), "%s", cases[i].what);
        store_close(store);
        cr_expect_eq(warnings, 1, "%s: %d warnings when writing", cases[i].what, warnings);
        oc_set_log(NULL, NULL, OC_LOG_WARNING);
        remove(scratch_path(cases[i].what));
    }
    setenv("OCELLI_TUNING_DB", scratch_path("missing"), 1);
    oc_set_log(count, NULL, OC_LOG_WARNING);
    warnings = 0;
    oc_memory_info info;
    CHECK(oc_model_predict_memory(&info, graph, device, &desc));
    cr_expect_eq(warnings, 0, "there is none yet: that is nothing to warn of");
    cr_expect_neq(access(scratch_path("missing"), F_OK), 0, "a model writes nothing");
    oc_graph_destroy(graph);
    oc_device_close(device);
}

Test(store, one_that_cannot_be_written_can_be_read)
{
    const struct record record = record_of(&here, 9);
    scratch_drop_root();
    make_store("db", 0, 3);
    cr_assert(chmod(scratch_path("db"), 0400) == 0);
    oc_set_log(count, NULL, OC_LOG_WARNING);
    cr_expect_eq(count_of("db", &here), 3);
    cr_expect_eq(warnings, 0);
    struct store *store = store_open(scratch_path("db"), true);
    for (int i = 0; i < 3; i++)
        store_put(store, &record);
    cr_expect(!store_works(store));
    store_close(store);
    cr_expect_eq(warnings, 1);
    cr_expect_eq(count_of("db", &here), 3);
}

Test(store, a_full_disk_costs_no_record_that_was_there)
{
    make_store("db", 0, 5);
    signal(SIGXFSZ, SIG_IGN);
    const struct rlimit limit = { 30000, 30000 };
    oc_set_log(count, NULL, OC_LOG_WARNING);
    cr_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    struct store *store = store_open(scratch_path("db"), true);
    for (int i = 5; i < 500; i++) {
        const struct record record = record_of(&here, i);
        store_put(store, &record);
    }
    cr_expect(!store_works(store));
    store_close(store);
    cr_expect_eq(warnings, 1);
    cr_expect_geq(count_of("db", &here), 5);
}

Test(store, travels_as_text)
{
    make_store("db", 0, 3);
    struct store *store = store_open(scratch_path("db"), true);
    struct record stale = record_of(&here, 3);
    strcpy(stale.source, "sum.cl:0123456789abcdef");
    store_put(store, &stale);
    store_close(store);
    cr_expect_eq(count_of("db", &here), 4);
    CHECK(oc_tune_export(scratch_path("db"), scratch_path("records.txt")));
    CHECK(oc_tune_import(scratch_path("copy"), scratch_path("records.txt")));
    cr_expect_eq(count_of("copy", &here), 3);
    FILE *file = fopen(scratch_path("records.txt"), "a");
    fputs("nonsense\n", file);
    fclose(file);
    expect_failure(oc_tune_import(scratch_path("other"), scratch_path("records.txt")), OC_E_FORMAT,
                   "records.txt:5: this line is no tuning record; nothing is imported", "nonsense");
    cr_expect_eq(count_of("other", &here), 0);
    expect_failure(oc_tune_export(scratch_path("none"), scratch_path("x.txt")), OC_E_NOT_FOUND,
                   "no tuning records", "no store");
    expect_failure(oc_tune_import(scratch_path("copy"), scratch_path("none.txt")), OC_E_FILE, "none.txt",
                   "no file");
}

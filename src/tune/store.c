/* store.c - records in a SQLite database that any number of processes use at once.
 *
 * Invariant: nothing in here fails. What goes wrong is logged once, and from then on the store does nothing.
 *
 * Every call is a transaction of its own. The journal is the classic one, not a write-ahead log: home directories often
 * lie on network file systems, where a log cannot be shared, and writes are rare. A busy database is waited for. */
#include "base/log.h"
#include "base/memory.h"
#include "tune/tune.h"

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    APPLICATION = 0x4F43454C, /* "OCEL", in the header of the file */
    VERSION = 2,              /* of the tables */
    WAIT_MS = 30000,
    PATH_BYTES = 4096,
    SQL_BYTES = 2048
};

struct store {
    sqlite3 *db;
    bool broken;
    char path[PATH_BYTES];
};

static bool give_up(struct store *store, const char *why)
{
    if (!store->broken)
        log_message(OC_LOG_WARNING, "tuning store %s: %s; going on without it", store->path, why);
    store->broken = true;
    return false;
}

static bool check(struct store *store, int result)
{
    return result == SQLITE_OK || result == SQLITE_DONE || result == SQLITE_ROW ||
           give_up(store, store->db ? sqlite3_errmsg(store->db) : sqlite3_errstr(result));
}

bool store_works(const struct store *store)
{
    return store && !store->broken;
}

/* ---- statements ---- */

static bool run(struct store *store, const char *sql)
{
    return check(store, sqlite3_exec(store->db, sql, NULL, NULL, NULL));
}

/* Prepares a statement and binds the first `count` fields of a record to its parameters, as text: the columns' types
 * turn them into numbers. NULL on failure. */
static sqlite3_stmt *prepare(struct store *store, const char *sql, const struct record *record, int count)
{
    sqlite3_stmt *statement = NULL;
    bool good = check(store, sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL));
    for (int i = 0; good && i < count; i++) {
        char value[RECORD_BYTES];
        struct text text = TEXT_IN(value);
        record_print_field(&text, record, &record_fields[i]);
        good = check(store, sqlite3_bind_text(statement, i + 1, value, -1, SQLITE_TRANSIENT));
    }
    if (good)
        return statement;
    sqlite3_finalize(statement);
    return NULL;
}

/* Runs it; true if there is a row. */
static bool execute(struct store *store, const char *sql, const struct record *record, int count)
{
    sqlite3_stmt *statement = prepare(store, sql, record, count);
    const int result = statement ? sqlite3_step(statement) : SQLITE_DONE;
    check(store, result);
    sqlite3_finalize(statement);
    return result == SQLITE_ROW;
}

/* The names of the first fields, each followed by `after`, with `between` between them. */
static void print_fields(struct text *sql, int count, const char *after, const char *between)
{
    for (int i = 0; i < count; i++)
        text_print(sql, "%s%s%s", i ? between : "", record_fields[i].name, after);
}

/* ---- opening ---- */

/* `owner`: each row also names a process. */
static void create_table(struct text *sql, const char *name, int columns, int keys, bool owner)
{
    static const char *const types[] = {
        [FIELD_TEXT] = "TEXT", [FIELD_INTEGER] = "INTEGER", [FIELD_REAL] = "REAL"
    };
    text_print(sql, "CREATE TABLE %s(", name);
    for (int i = 0; i < columns; i++)
        text_print(sql, "%s %s NOT NULL, ", record_fields[i].name, types[record_fields[i].kind]);
    text_print(sql, "%sPRIMARY KEY(", owner ? "process INTEGER NOT NULL, " : "");
    print_fields(sql, keys, "", ", ");
    text_print(sql, "%s)) WITHOUT ROWID;", owner ? ", process" : "");
}

static int number(struct store *store, const char *sql)
{
    sqlite3_stmt *statement = prepare(store, sql, NULL, 0);
    int value = -1;
    if (statement && check(store, sqlite3_step(statement)))
        value = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

/* An empty database becomes a store; what belongs to somebody else is left alone. */
static bool initialize(struct store *store)
{
    char buffer[SQL_BYTES];
    struct text sql = TEXT_IN(buffer);
    const int application = number(store, "PRAGMA application_id"),
              version = number(store, "PRAGMA user_version"),
              tables = number(store, "SELECT count(*) FROM sqlite_master");
    if (store->broken || (application == APPLICATION && version == VERSION))
        return !store->broken;
    if (application == APPLICATION)
        return give_up(store, "it was written by another version of Ocelli");
    if (application != 0 || tables != 0)
        return give_up(store, "it is a database of something else");
    create_table(&sql, "record", FIELD_COUNT, KEY_FIELDS, false);
    create_table(&sql, "trial", CANDIDATE_FIELDS, CANDIDATE_FIELDS, true);
    text_print(&sql, "PRAGMA application_id=%d; PRAGMA user_version=%d", APPLICATION, VERSION);
    return run(store, buffer);
}

static bool prepare_database(struct store *store, int flags)
{
    if (!check(store, sqlite3_open_v2(store->path, &store->db, flags, NULL)) ||
        !check(store, sqlite3_busy_timeout(store->db, WAIT_MS)))
        return false;
    if (!(flags & SQLITE_OPEN_CREATE))
        return initialize(store);
    /* Within a transaction, since another process may be about to do the same. */
    return run(store, "BEGIN IMMEDIATE") && initialize(store) && run(store, "COMMIT");
}

/* Makes the folders of a path that are not there yet. */
static void make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700); /* if that fails, so will opening the database, and say why */
        *slash = '/';
    }
}

static const char *wanted_path(const char *path)
{
    if (!path)
        path = getenv("OCELLI_TUNING_DB");
    return path && *path ? path : NULL;
}

bool store_is_off(const char *path)
{
    const char *wanted = wanted_path(path);
    return wanted && strcmp(wanted, "off") == 0;
}

/* False if there is no place for it. */
static bool find_path(char path[PATH_BYTES], const char *wanted)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int length = -1;
    wanted = wanted_path(wanted);
    if (wanted)
        length = snprintf(path, PATH_BYTES, "%s", wanted);
    else if (state && *state == '/') /* a relative one is to be ignored, says the standard */
        length = snprintf(path, PATH_BYTES, "%s/ocelli/tuning.db", state);
    else if (home && *home)
        length = snprintf(path, PATH_BYTES, "%s/.local/state/ocelli/tuning.db", home);
    return length > 0 && length < PATH_BYTES;
}

struct store *store_open(const char *path, bool create)
{
    struct store *store = store_is_off(path) ? NULL : memory_zeroed(&memory_heap, 1, sizeof *store);
    struct stat facts;
    if (!store)
        return NULL;
    if (!find_path(store->path, path) || (!create && stat(store->path, &facts) != 0 && errno == ENOENT)) {
        memory_free(&memory_heap, store);
        return NULL;
    }
    if (create)
        make_folders(store->path);
    /* SQLite opens what may not be written for reading. */
    prepare_database(store, SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0));
    return store;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    sqlite3_close(store->db);
    memory_free(&memory_heap, store);
}

/* ---- records ---- */

/* A row that does not read like a record is passed over. */
static bool read_row(sqlite3_stmt *statement, struct record *record)
{
    *record = (struct record){ .ms = 0 };
    for (int i = 0; i < FIELD_COUNT; i++) {
        const char *value = (const char *)sqlite3_column_text(statement, i);
        if (!value || !record_parse_field(record, &record_fields[i], value, strlen(value)))
            return false;
    }
    return true;
}

oc_status store_load(struct store *store, const oc_device_info *device, struct records *records)
{
    char buffer[SQL_BYTES];
    struct text sql = TEXT_IN(buffer);
    struct record record = { .ms = 0 };
    oc_status status = OC_OK;
    if (!store_works(store))
        return OC_OK;
    if (device)
        record_set_device(&record, device);
    text_print(&sql, "SELECT ");
    print_fields(&sql, CANDIDATE_FIELDS, "", ", ");
    for (int i = CANDIDATE_FIELDS; i < FIELD_COUNT; i++)
        text_print(&sql, ", printf('%%.6f', %s)", record_fields[i].name);
    text_print(&sql, " FROM record ");
    if (device)
        text_print(&sql, "WHERE (device=?1 AND vendor=?2) OR architecture=?4 ");
    text_print(&sql, "ORDER BY ");
    print_fields(&sql, KEY_FIELDS, "", ", ");
    sqlite3_stmt *statement = prepare(store, buffer, &record, device ? 4 : 0);
    int result = SQLITE_DONE;
    while (statement && status == OC_OK && (result = sqlite3_step(statement)) == SQLITE_ROW)
        if (read_row(statement, &record))
            status = records_add(records, &record);
    check(store, result);
    sqlite3_finalize(statement);
    return status;
}

void store_put(struct store *store, const struct record *record)
{
    char buffer[SQL_BYTES];
    struct text sql = TEXT_IN(buffer);
    text_print(&sql, "INSERT OR REPLACE INTO record VALUES(");
    for (int i = 0; i < FIELD_COUNT; i++)
        text_print(&sql, i ? ", ?" : "?");
    text_print(&sql, ")");
    if (store_works(store))
        execute(store, buffer, record, FIELD_COUNT);
}

void store_put_all(struct store *store, const struct records *records)
{
    if (!store_works(store) || !run(store, "BEGIN IMMEDIATE"))
        return;
    for (size_t i = 0; i < records->count && !store->broken; i++)
        store_put(store, &records->items[i]);
    if (!store->broken)
        run(store, "COMMIT"); /* closing rolls back what is not committed */
}

/* ---- trials ---- */

/* Those of a candidate, to the end of a statement. */
static void print_candidate(struct text *sql)
{
    text_print(sql, " WHERE ");
    print_fields(sql, CANDIDATE_FIELDS, "=?", " AND ");
}

void store_begin_trial(struct store *store, const struct record *record)
{
    char buffer[SQL_BYTES];
    struct text sql = TEXT_IN(buffer);
    text_print(&sql, "INSERT OR REPLACE INTO trial VALUES(");
    for (int i = 0; i < CANDIDATE_FIELDS; i++)
        text_print(&sql, "?, ");
    text_print(&sql, "%ld)", (long)getpid());
    if (store_works(store))
        execute(store, buffer, record, CANDIDATE_FIELDS);
}

void store_end_trial(struct store *store, const struct record *record)
{
    char buffer[SQL_BYTES];
    struct text sql = TEXT_IN(buffer);
    text_print(&sql, "DELETE FROM trial");
    print_candidate(&sql);
    text_print(&sql, " AND process=%ld", (long)getpid());
    if (store_works(store))
        execute(store, buffer, record, CANDIDATE_FIELDS);
}

/* Another process that tries it now. A note of our own number is of one before us: containers begin to count anew. */
static bool is_running(sqlite3_int64 process)
{
    return process != getpid() && (kill((pid_t)process, 0) == 0 || errno == EPERM);
}

bool store_has_trial(struct store *store, const struct record *record)
{
    char buffer[SQL_BYTES];
    struct text sql = TEXT_IN(buffer);
    bool found = false;
    int result = SQLITE_DONE;
    text_print(&sql, "SELECT process FROM trial");
    print_candidate(&sql);
    sqlite3_stmt *statement = store_works(store) ? prepare(store, buffer, record, CANDIDATE_FIELDS) : NULL;
    while (statement && !found && (result = sqlite3_step(statement)) == SQLITE_ROW)
        found = !is_running(sqlite3_column_int64(statement, 0));
    if (statement)
        check(store, result);
    sqlite3_finalize(statement);
    return found;
}

/* test_file.c - reading and replacing whole files. */
#define _XOPEN_SOURCE 700

#include "base/file.h"
#include "base/memory.h"
#include "support/scratch.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

static oc_status replace(const char *path, const void *bytes, size_t size)
{
    struct file_writer file;
    oc_status status = file_begin(&file, path);
    if (status == OC_OK)
        status = file_write(&file, bytes, size);
    return file_end(&file, status);
}

/* The folder holds one file, and that is what it contains. */
static void expect_only(const char *name, const char *text)
{
    char found[64] = "";
    cr_assert_eq(scratch_read(name, found, sizeof found - 1), strlen(text));
    cr_assert_str_eq(found, text);
    cr_assert_eq(scratch_count(), 1, "%d files are left", scratch_count());
}

Test(file, reads_what_was_written, .init = scratch_open, .fini = scratch_close)
{
    const size_t sizes[] = { 0, 1, 7, 8, 4096, 100000 };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *bytes = malloc(sizes[i] + 1);
        for (size_t j = 0; j < sizes[i]; j++)
            bytes[j] = (char)(j * 7 + i);
        cr_assert_eq(replace(scratch_path("a"), bytes, sizes[i]), OC_OK, "%s", oc_last_error());
        unsigned char *found;
        size_t size;
        cr_assert_eq(file_read(scratch_path("a"), sizes[i], &found, &size), OC_OK, "%s", oc_last_error());
        cr_assert(size == sizes[i] && memcmp(found, bytes, size) == 0, "size %zu", sizes[i]);
        memory_free(&memory_heap, found);
        free(bytes);
    }
    cr_assert_eq(scratch_count(), 1);
}

Test(file, refuses_what_it_cannot_read, .init = scratch_open, .fini = scratch_close)
{
    unsigned char *found;
    size_t size;
    scratch_write("a", "12345", 5);
    expect_failure(file_read(scratch_path("a"), 4, &found, &size), OC_E_FILE, "more than the 4 bytes",
                   "limit");
    expect_failure(file_read("/dev/zero", 1000, &found, &size), OC_E_FILE, "more than the 1000 bytes",
                   "endless");
    expect_failure(file_read(scratch_path("b"), 4, &found, &size), OC_E_FILE,
                   "b: cannot be opened: No such file", "missing");
    expect_failure(file_read(scratch_path(""), 4, &found, &size), OC_E_FILE, "cannot be read: Is a directory",
                   "folder");
    cr_assert_null(found);
}

Test(file, keeps_the_old_file_when_the_caller_fails, .init = scratch_open, .fini = scratch_close)
{
    scratch_write("a", "old", 3);
    struct file_writer file;
    cr_assert_eq(file_begin(&file, scratch_path("a")), OC_OK);
    cr_assert_eq(file_write(&file, "new", 3), OC_OK);
    cr_assert_eq(scratch_count(), 2);
    cr_assert_eq(file_end(&file, OC_E_DEVICE), OC_E_DEVICE);
    expect_only("a", "old");
}

Test(file, keeps_the_old_file_when_the_disk_is_full, .init = scratch_open, .fini = scratch_close)
{
    scratch_write("a", "old", 3);
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 1000, 1000 }), 0);
    static const char big[1500];
    /* 1000 of the bytes are written, the rest is refused. */
    const oc_status status = replace(scratch_path("a"), big, sizeof big);
    expect_failure(status, OC_E_FILE, "a: cannot be written: File too large", "too large");
    expect_only("a", "old");
}

Test(file, reports_a_full_device, .init = scratch_open, .fini = scratch_close)
{
    struct stat facts;
    scratch_drop_root(); /* if this fails, the machine's devices shall not suffer */
    const oc_status status = replace("/dev/full", "new", 3);
    expect_failure(status, OC_E_FILE, "/dev/full: cannot be written: No space left on device", "full");
    cr_assert(stat("/dev/full", &facts) == 0 && S_ISCHR(facts.st_mode), "the device must stay one");
}

Test(file, keeps_the_old_file_when_the_folder_is_read_only, .init = scratch_open, .fini = scratch_close)
{
    scratch_write("a", "old", 3);
    scratch_drop_root();
    cr_assert_eq(chmod(scratch_path(""), 0555), 0);
    expect_failure(replace(scratch_path("a"), "new", 3), OC_E_FILE, "a: cannot be written: Permission denied",
                   "read-only");
    expect_only("a", "old");
}

Test(file, refuses_paths_that_cannot_be_files, .init = scratch_open, .fini = scratch_close)
{
    const struct {
        const char *path, *words;
    } cases[] = { { scratch_path("no/a"), "a: cannot be written: No such file or directory" },
                  { scratch_path("a/b"), "b: cannot be written: Not a directory" },
                  { scratch_path(""), "cannot be written: Is a directory" },
                  { "", "cannot be replaced: No such file" } };
    scratch_write("a", "old", 3);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_failure(replace(cases[i].path, "new", 3), OC_E_FILE, cases[i].words, cases[i].path);
    expect_only("a", "old");
}

Test(file, follows_links_and_keeps_permissions, .init = scratch_open, .fini = scratch_close)
{
    struct stat facts;
    scratch_write("a", "old", 3);
    cr_assert_eq(chmod(scratch_path("a"), 0600), 0);
    cr_assert_eq(symlink("a", scratch_path("link")), 0);
    cr_assert_eq(replace(scratch_path("link"), "new", 3), OC_OK, "%s", oc_last_error());
    cr_assert(lstat(scratch_path("link"), &facts) == 0 && S_ISLNK(facts.st_mode));
    cr_assert(stat(scratch_path("a"), &facts) == 0 && (facts.st_mode & 0777) == 0600);
    remove(scratch_path("link"));
    expect_only("a", "new");
}

Test(file, replaces_what_a_killed_process_left, .init = scratch_open, .fini = scratch_close)
{
    char name[64];
    snprintf(name, sizeof name, "a.tmp.%ld", (long)getpid());
    scratch_write(name, "half a file that is longer", 26);
    cr_assert_eq(replace(scratch_path("a"), "new", 3), OC_OK, "%s", oc_last_error());
    expect_only("a", "new");
}

enum { PIPED = 4 << 20 };

static void *read_pipe(void *path)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    if (file_read(path, PIPED, &bytes, &size) != OC_OK || size != PIPED)
        return NULL;
    return bytes;
}

static volatile sig_atomic_t interruptions;

static void count_signal(int number)
{
    (void)number;
    interruptions++;
}

/* Signals cut reads and writes short (EINTR, or fewer bytes than asked for); every byte arrives all the same. */
Test(file, survives_interruptions, .init = scratch_open, .fini = scratch_close)
{
    const char *path = scratch_path("pipe");
    cr_assert_eq(mkfifo(path, 0600), 0);
    pthread_t reader;
    cr_assert_eq(pthread_create(&reader, NULL, read_pipe, (void *)path), 0);
    struct file_writer file;
    cr_assert_eq(file_begin(&file, path), OC_OK, "%s", oc_last_error());
    sigaction(SIGALRM, &(struct sigaction){ .sa_handler = count_signal }, NULL);
    setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 50 }, { 0, 50 } }, NULL);
    unsigned char *bytes = malloc(PIPED), *found;
    for (int i = 0; i < PIPED; i++)
        bytes[i] = (unsigned char)(i * 31 + (i >> 9));
    const oc_status status = file_end(&file, file_write(&file, bytes, PIPED));
    setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
    pthread_join(reader, (void **)&found);
    cr_assert_eq(status, OC_OK, "%s", oc_last_error());
    cr_assert_gt(interruptions, 0);
    cr_assert(found && memcmp(found, bytes, PIPED) == 0, "bytes are lost");
    memory_free(&memory_heap, found);
    free(bytes);
}

/* scratch.c - a folder of its own for a test's files. */
#include "support/scratch.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

void scratch_open(void)
{
    strcpy(folder, "/tmp/ocelli-test-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
}

const char *scratch_path(const char *name)
{
    static char paths[8][320];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int each_file(void (*visit)(const char *path))
{
    DIR *entries = opendir(folder);
    int count = 0;
    for (const struct dirent *entry; entries && (entry = readdir(entries));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            count++;
            if (visit)
                visit(scratch_path(entry->d_name));
        }
    if (entries)
        closedir(entries);
    return count;
}

static void delete (const char *path)
{
    remove(path);
}

void scratch_close(void)
{
    chmod(folder, 0700);
    each_file(delete);
    rmdir(folder);
}

void scratch_write(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(scratch_path(name), "wb");
    cr_assert(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0, "writing %s", name);
}

size_t scratch_read(const char *name, void *bytes, size_t capacity)
{
    FILE *file = fopen(scratch_path(name), "rb");
    cr_assert(file, "reading %s", name);
    fread(bytes, 1, capacity, file);
    fseek(file, 0, SEEK_END);
    const long size = ftell(file);
    fclose(file);
    return (size_t)size;
}

int scratch_count(void)
{
    return each_file(NULL);
}

void scratch_drop_root(void)
{
    enum { NOBODY = 65534 };
    if (geteuid() == 0)
        cr_assert(chown(folder, NOBODY, NOBODY) == 0 && setuid(NOBODY) == 0);
}

void expect_failure(oc_status status, oc_status wanted, const char *words, const char *name)
{
    cr_assert_eq(status, wanted, "%s: %s, not %s: %s", name, oc_status_name(status), oc_status_name(wanted),
                 oc_last_error());
    cr_assert(strstr(oc_last_error(), words), "%s: '%s' does not say '%s'", name, oc_last_error(), words);
}

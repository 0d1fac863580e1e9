/* file.c - whole files.
 *
 * Writing follows the only sequence that survives a crash at any point: write a new file, fsync it, rename it over
 * the old one, fsync the folder (Pillai et al., "All file systems are not created equal", OSDI 2014). */
#define _XOPEN_SOURCE 700 /* realpath */

#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static oc_status fail_errno(const char *path, const char *what)
{
    const int code = errno;
    char reason[128];
    if (strerror_r(code, reason, sizeof reason) != 0)
        snprintf(reason, sizeof reason, "error %d", code);
    return fail(OC_E_FILE, "%s: %s: %s", path, what, reason);
}

static ssize_t read_some(int descriptor, void *bytes, size_t count)
{
    ssize_t got;
    do
        got = read(descriptor, bytes, count);
    while (got < 0 && errno == EINTR);
    return got;
}

/* Reads to the end, one byte beyond `limit` at most. */
static oc_status read_all(int descriptor, const char *path, size_t limit, void **data, size_t *size)
{
    struct stat facts;
    if (fstat(descriptor, &facts) != 0)
        return fail_errno(path, "cannot be examined");
    /* One byte more than the file has, so that its end is seen without growing. */
    size_t capacity = 0, wanted = S_ISREG(facts.st_mode) ? (size_t)facts.st_size + 1 : 1;
    for (*size = 0;;) {
        if (*size > limit || wanted - 1 > limit)
            return fail(OC_E_FILE, "%s: has more than the %zu bytes that can be read", path, limit);
        TRY(memory_grow(&memory_heap, data, &capacity, wanted, 1));
        const ssize_t got = read_some(descriptor, (char *)*data + *size, capacity - *size);
        if (got < 0)
            return fail_errno(path, "cannot be read");
        if (got == 0)
            return OC_OK;
        *size += (size_t)got;
        wanted = *size + 1;
    }
}

oc_status file_read(const char *path, size_t limit, unsigned char **data, size_t *size)
{
    *data = NULL;
    *size = 0;
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return fail_errno(path, "cannot be opened");
    void *bytes = NULL;
    const oc_status status = read_all(descriptor, path, limit, &bytes, size);
    close(descriptor);
    if (status == OC_OK)
        *data = bytes;
    else
        memory_free(&memory_heap, bytes);
    return status;
}

/* Room for a path that is `extra` bytes longer. */
static char *longer_path(const char *path, size_t extra)
{
    const size_t bytes = strlen(path) + 1;
    char *copy = memory_zeroed(&memory_heap, bytes + extra, 1);
    return copy ? memcpy(copy, path, bytes) : NULL;
}

oc_status file_begin(struct file_writer *file, const char *path)
{
    *file = (struct file_writer){ .path = path, .descriptor = -1 };
    struct stat facts;
    const bool exists = stat(path, &facts) == 0;
    if (!exists && errno != ENOENT)
        return fail_errno(path, "cannot be written");
    if (exists && !S_ISREG(facts.st_mode)) {
        file->descriptor = open(path, O_WRONLY | O_CLOEXEC);
        return file->descriptor < 0 ? fail_errno(path, "cannot be written") : OC_OK;
    }
    char *resolved = exists ? realpath(path, NULL) : NULL;
    if (exists && !resolved)
        return fail_errno(path, "cannot be written");
    file->target = longer_path(resolved ? resolved : path, 0);
    file->temporary = longer_path(resolved ? resolved : path, 32);
    free(resolved);
    if (!file->target || !file->temporary)
        return OC_E_MEMORY;
    snprintf(file->temporary + strlen(file->target), 32, ".tmp.%ld", (long)getpid());
    /* What a killed process of the same number left behind; O_EXCL then follows no link that was put here. */
    unlink(file->temporary);
    const mode_t mode = exists ? facts.st_mode & 0777 : 0666;
    file->descriptor = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    return file->descriptor < 0 ? fail_errno(path, "cannot be written") : OC_OK;
}

oc_status file_write(struct file_writer *file, const void *bytes, size_t count)
{
    for (const char *next = bytes; count > 0;) {
        errno = EIO; /* for a device that takes nothing and gives no reason */
        const ssize_t put = write(file->descriptor, next, count);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return fail_errno(file->path, "cannot be written");
        next += put;
        count -= (size_t)put;
    }
    return OC_OK;
}

static oc_status sync_folder(const struct file_writer *file)
{
    char *slash = strrchr(file->temporary, '/'); /* the temporary's path is no longer needed */
    if (slash)
        slash[slash == file->temporary] = '\0';
    const int folder = open(slash ? file->temporary : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 && errno == EACCES)
        return OC_OK; /* a folder that may be written but not read cannot be synchronised */
    if (folder < 0)
        return fail_errno(file->path, "is written, but its folder cannot be opened to make that last");
    oc_status status = OC_OK;
    if (fsync(folder) != 0 && errno != EINVAL) /* EINVAL: the file system has no such thing */
        status = fail_errno(file->path, "is written, but its folder cannot be brought to disk");
    close(folder);
    return status;
}

static oc_status complete(struct file_writer *file)
{
    if (file->target && fsync(file->descriptor) != 0)
        return fail_errno(file->path, "cannot be brought to disk");
    const int descriptor = file->descriptor;
    file->descriptor = -1;
    if (close(descriptor) != 0)
        return fail_errno(file->path, "cannot be completed");
    if (!file->target)
        return OC_OK;
    if (rename(file->temporary, file->target) != 0)
        return fail_errno(file->path, "cannot be replaced");
    memory_free(&memory_heap, file->target);
    file->target = NULL; /* nothing is left to remove */
    return sync_folder(file);
}

oc_status file_end(struct file_writer *file, oc_status status)
{
    const bool created = file->descriptor >= 0 && file->target;
    if (status == OC_OK)
        status = complete(file);
    if (file->descriptor >= 0)
        close(file->descriptor);
    if (created && file->target)
        unlink(file->temporary);
    memory_free(&memory_heap, file->target);
    memory_free(&memory_heap, file->temporary);
    *file = (struct file_writer){ .descriptor = -1 };
    return status;
}

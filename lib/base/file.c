/* Files: maps for reading; for writing, a file beside the one meant that takes its place only when it is whole and on disk. */
#define _GNU_SOURCE /* strerror_r that returns the text */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRITE_BUFFER_BYTES ((size_t)64 << 10)

static socle_status fail_io(const char *path, const char *what, int error)
{
    const char *advice = error == ENOSPC || error == EDQUOT                    ? ": free some space or choose another folder"
                         : error == EACCES || error == EPERM || error == EROFS ? ": check the permissions"
                         : error == ENOENT                                     ? ": check the path"
                         : error == EFBIG                                      ? ": raise the limit of file sizes (ulimit -f)"
                                                                               : "";
    char text[128];
    return socle_fail(SOCLE_IO, "%s: %s: %s%s", path, what, strerror_r(error, text, sizeof(text)), advice);
}

/* ---- reading ---- */

socle_status file_map_open(const char *path, file_map *map)
{
    socle_status status = SOCLE_OK;
    struct stat info;
    void *bytes = "";
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe without a writer must not hang */
    if (file < 0)
        return fail_io(path, "cannot be opened", errno);
    if (fstat(file, &info) != 0) {
        status = fail_io(path, "cannot be read", errno);
    } else if (!S_ISREG(info.st_mode)) {
        status = socle_fail(SOCLE_IO, "%s: is %s, not a file", path, S_ISDIR(info.st_mode) ? "a folder" : "a device or pipe");
    } else if (info.st_size > 0) {
        bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        if (bytes == MAP_FAILED)
            status = fail_io(path, "cannot be mapped", errno);
    }
    close(file);
    if (status == SOCLE_OK)
        *map = (file_map){bytes, (size_t)info.st_size};
    return status;
}

void file_map_close(file_map *map)
{
    if (map->size_bytes > 0)
        munmap((void *)(uintptr_t)map->bytes, map->size_bytes);
    *map = (file_map){NULL, 0};
}

/* ---- writing ---- */

struct file_writer {
    int file;
    char *path;
    char *beside; /* NULL: a device or pipe, which cannot be replaced and is written directly */
    size_t buffered;
    char buffer[WRITE_BUFFER_BYTES];
};

static void writer_free(file_writer *writer)
{
    memory_free(writer->beside);
    memory_free(writer->path);
    memory_free(writer);
}

static socle_status open_target(file_writer *writer)
{
    static atomic_uint number;
    struct stat info;
    const bool exists = stat(writer->path, &info) == 0;
    if (exists && S_ISDIR(info.st_mode))
        return socle_fail(SOCLE_IO, "%s: is a folder: name a file in it", writer->path);
    if (exists && !S_ISREG(info.st_mode)) {
        writer->file = open(writer->path, O_WRONLY | O_CLOEXEC);
        return writer->file < 0 ? fail_io(writer->path, "cannot be written", errno) : SOCLE_OK;
    }
    do { /* another process, or a dead one, may hold the name */
        memory_free(writer->beside);
        writer->beside = memory_format("%s.%ld-%u.part", writer->path, (long)getpid(), atomic_fetch_add(&number, 1));
        if (writer->beside == NULL)
            return SOCLE_OUT_OF_MEMORY;
        writer->file = open(writer->beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (writer->file < 0 && errno == EEXIST);
    if (writer->file < 0)
        return fail_io(writer->path, "cannot be written", errno);
    if (exists) /* keep the permissions of what is replaced, as far as we may */
        (void)!fchmod(writer->file, info.st_mode & 0777);
    return SOCLE_OK;
}

socle_status file_writer_open(const char *path, file_writer **writer)
{
    file_writer *opened = memory_alloc(sizeof(*opened));
    if (opened == NULL)
        return SOCLE_OUT_OF_MEMORY;
    opened->file = -1;
    opened->path = memory_copy_string(path);
    const socle_status status = opened->path == NULL ? SOCLE_OUT_OF_MEMORY : open_target(opened);
    if (status != SOCLE_OK)
        writer_free(opened);
    else
        *writer = opened;
    return status;
}

static socle_status write_all(file_writer *writer, const char *bytes, size_t size_bytes)
{
    while (size_bytes > 0) {
        const ssize_t written = write(writer->file, bytes, size_bytes);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return fail_io(writer->path, "cannot be written", written < 0 ? errno : ENOSPC);
        bytes += written;
        size_bytes -= (size_t)written;
    }
    return SOCLE_OK;
}

static socle_status flush(file_writer *writer)
{
    const size_t size_bytes = writer->buffered;
    writer->buffered = 0;
    return write_all(writer, writer->buffer, size_bytes);
}

socle_status file_writer_write(file_writer *writer, const void *bytes, size_t size_bytes)
{
    if (writer->buffered + size_bytes > WRITE_BUFFER_BYTES) {
        const socle_status status = flush(writer);
        if (status != SOCLE_OK)
            return status;
    }
    if (size_bytes > WRITE_BUFFER_BYTES)
        return write_all(writer, bytes, size_bytes);
    if (size_bytes > 0)
        memcpy(writer->buffer + writer->buffered, bytes, size_bytes);
    writer->buffered += size_bytes;
    return SOCLE_OK;
}

/* The new name must survive a power cut, too. Not every file system can do it: no failure. */
static void sync_folder(char *path)
{
    const int folder = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return;
    (void)fsync(folder);
    close(folder);
}

socle_status file_writer_commit(file_writer *writer)
{
    socle_status status = flush(writer);
    if (status == SOCLE_OK && writer->beside != NULL && fsync(writer->file) != 0)
        status = fail_io(writer->path, "cannot be written", errno);
    const int closed = close(writer->file);
    writer->file = -1;
    if (status == SOCLE_OK && closed != 0)
        status = fail_io(writer->path, "cannot be written", errno);
    if (status == SOCLE_OK && writer->beside != NULL && rename(writer->beside, writer->path) != 0)
        status = fail_io(writer->path, "cannot be replaced", errno);
    if (status != SOCLE_OK) {
        file_writer_cancel(writer);
        return status;
    }
    if (writer->beside != NULL)
        sync_folder(writer->path);
    writer_free(writer);
    return SOCLE_OK;
}

void file_writer_cancel(file_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->file >= 0)
        close(writer->file);
    if (writer->beside != NULL)
        unlink(writer->beside);
    writer_free(writer);
}

/* ---- folders ---- */

static socle_status make_folder(const char *path)
{
    struct stat info;
    if (mkdir(path, 0700) == 0)
        return SOCLE_OK;
    const int error = errno;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) /* also where mkdir says EROFS or EACCES */
        return SOCLE_OK;
    return fail_io(path, "the folder cannot be made", error == EEXIST ? ENOTDIR : error);
}

socle_status file_make_folders(const char *path)
{
    char *copy = memory_copy_string(path);
    if (copy == NULL)
        return path == NULL ? socle_fail(SOCLE_INVALID_ARGUMENT, "no folder named") : SOCLE_OUT_OF_MEMORY;
    socle_status status = SOCLE_OK;
    for (char *slash = copy; status == SOCLE_OK && slash != NULL;) {
        slash = strchr(slash + (*slash != '\0'), '/');
        if (slash != NULL)
            *slash = '\0';
        if (*copy != '\0')
            status = make_folder(copy);
        if (slash != NULL)
            *slash = '/';
    }
    memory_free(copy);
    return status;
}

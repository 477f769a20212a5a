/* The store's file among many processes. Whoever uses the file holds the folder's lock (socle.lock) shared, whoever replaces it
 * holds the lock alone: so a file is never set aside in the middle of somebody's transaction, a journal never belongs to another
 * file than the one beside it, and whether a file is damaged is decided by one process at a time. Who has the lock and finds that
 * the file it had opened is no longer the one at the path opens the new one. */
#include "database.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static void log_fallback(const store *s, const char *reason)
{
    log_write(&s->log, SOCLE_LOG_WARN, "store: %s: everything is kept in memory", reason);
}

/* A folder that cannot be written, or a file system without locks, gives none: nobody can set a file aside there. */
static void open_lock(store *s)
{
    char *path = memory_format("%s/socle.lock", s->folder);
    if (path == NULL)
        return;
    s->folder_lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->folder_lock < 0)
        s->folder_lock = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    memory_free(path);
}

/* LOCK_SH, LOCK_EX or LOCK_UN. Going from shared to alone lets others in between: look again afterwards. */
static bool lock_folder(const store *s, int operation)
{
    int code = -1;
    while (s->folder_lock >= 0 && (code = flock(s->folder_lock, operation)) != 0 && errno == EINTR)
        ;
    return code == 0;
}

/* Renames the damaged file; its journal would be applied to the next one. The folder is ours alone. */
static bool set_aside(store *s)
{
    bool done = false;
    char *damaged = memory_format("%s.damaged", s->path);
    char *journal = memory_format("%s-journal", s->path);
    if (damaged != NULL && journal != NULL) {
        done = rename(s->path, damaged) == 0;
        if (done)
            unlink(journal);
        log_write(&s->log, SOCLE_LOG_WARN,
                  done ? "store: %s is damaged: it was set aside as %s.damaged and begun anew"
                       : "store: %s is damaged and cannot be set aside: %s",
                  s->path, done ? s->path : strerror(errno));
    }
    memory_free(journal);
    memory_free(damaged);
    return done;
}

/* Opens what stands at the path; a damaged file is set aside once, since its successor may not be damaged too. */
static int open_current(store *s)
{
    int code = database_open(&s->file, s->path);
    if (database_is_damaged(code) && lock_folder(s, LOCK_EX)) {
        code = database_open(&s->file, s->path); /* another process may have replaced it */
        if (database_is_damaged(code) && set_aside(s))
            code = database_open(&s->file, s->path);
    }
    return code;
}

static void report_unusable(const store *s, int code)
{
    char reason[512];
    snprintf(reason, sizeof(reason), "%s: %s", s->path,
             code == SQLITE_MISMATCH ? "written by a newer Socle" : sqlite3_errstr(code));
    log_fallback(s, reason);
}

static void close_lock(store *s)
{
    if (s->folder_lock >= 0)
        close(s->folder_lock);
    s->folder_lock = -1;
}

/* Leaves the folder locked. */
static void open_file(store *s)
{
    if (file_make_folders(s->folder) != SOCLE_OK || database_check_folder(s->folder, s->path) != SOCLE_OK) {
        log_fallback(s, socle_error_message());
        return;
    }
    open_lock(s);
    lock_folder(s, LOCK_SH);
    const int code = open_current(s);
    if (code != SQLITE_OK)
        report_unusable(s, code);
}

void store_file_open(store *s)
{
    open_file(s);
    lock_folder(s, LOCK_UN);
}

void store_file_close(store *s)
{
    lock_folder(s, LOCK_SH);
    if (s->file.handle != NULL && database_has_moved(&s->file))
        s->file.hit_count = 0;
    database_close(&s->file);
    close_lock(s);
}

void store_file_replace(store *s)
{
    bool moved = database_has_moved(&s->file);
    if (!moved && lock_folder(s, LOCK_EX))
        moved = database_has_moved(&s->file) || set_aside(s);
    s->file.hit_count = 0; /* rows of the file that is left */
    database_close(&s->file);
    if (moved) {
        close_lock(s); /* the whole folder may have been made anew */
        open_file(s);
    } else {
        report_unusable(s, SQLITE_CORRUPT);
    }
}

void store_lock(store *s)
{
    pthread_mutex_lock(&s->lock);
    if (s->file.handle == NULL)
        return;
    lock_folder(s, LOCK_SH);
    if (database_has_moved(&s->file))
        store_file_replace(s);
}

void store_unlock(store *s)
{
    lock_folder(s, LOCK_UN);
    pthread_mutex_unlock(&s->lock);
}

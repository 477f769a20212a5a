/* The store: everything worth keeping from run to run, in one SQLite file, socle.db. Each value carries the XXH3-128 of its kind,
 * key and bytes, checked before it is handed out: a flipped bit in a program binary crashes real drivers. What cannot be written
 * to the file is kept in memory, so that one process at least does its work once only. */
#include "database.h"

#include <string.h>

#define LIMIT_BYTES ((uint64_t)1 << 30)
#define MEMORY_LIMIT_BYTES ((uint64_t)256 << 20)
#define PUTS_BETWEEN_COUNTS 64
#define HITS_BETWEEN_FLUSHES 4096

/* ---- opening ---- */

static socle_status set_paths(store *s, const char *folder)
{
    const bool in_memory = folder == NULL || folder[0] == '\0';
    s->folder = memory_copy_string(in_memory ? "" : folder);
    s->path = in_memory ? memory_copy_string("") : memory_format("%s/socle.db", folder);
    return s->folder != NULL && s->path != NULL ? SOCLE_OK : SOCLE_OUT_OF_MEMORY;
}

socle_status store_open(const char *folder, const log_sink *log, store **out)
{
    store *s = memory_alloc(sizeof(*s));
    if (s == NULL)
        return SOCLE_OUT_OF_MEMORY;
    pthread_mutex_init(&s->lock, NULL);
    s->limit_bytes = LIMIT_BYTES;
    s->folder_lock = -1;
    if (log != NULL)
        s->log = *log;
    socle_status status = set_paths(s, folder);
    if (status == SOCLE_OK && s->path[0] != '\0') {
        store_file_open(s);
        if (s->file.handle == NULL)
            s->path[0] = '\0';
    }
    if (status != SOCLE_OK) {
        store_close(s);
        return status;
    }
    *out = s;
    return SOCLE_OK;
}

void store_close(store *s)
{
    if (s == NULL)
        return;
    store_file_close(s);
    database_close(&s->memory);
    memory_free(s->path);
    memory_free(s->folder);
    pthread_mutex_destroy(&s->lock);
    memory_free(s);
}

const char *store_path(const store *s)
{
    return s->path;
}

void store_set_limit(store *s, uint64_t limit_bytes)
{
    store_lock(s);
    s->limit_bytes = limit_bytes;
    s->file.puts_since_count = s->memory.puts_since_count = -1;
    store_unlock(s);
}

/* The lock is held. NULL: none can be had. */
static database *memory_database(store *s)
{
    if (s->memory.handle == NULL && database_open(&s->memory, ":memory:") != SQLITE_OK)
        return NULL;
    return &s->memory;
}

/* ---- values ---- */

static hash128 hash_of_entry(const char *kind, hash128 key, const void *bytes, size_t size_bytes)
{
    return hash_combine(hash_combine(hash_string(kind), key), hash_bytes(bytes, size_bytes));
}

static void bind_key(sqlite3_stmt *statement, const char *kind, const hash128 *key)
{
    sqlite3_bind_text(statement, 1, kind, -1, SQLITE_STATIC);
    sqlite3_bind_blob(statement, 2, key, sizeof(*key), SQLITE_STATIC);
}

bool database_verify(sqlite3_stmt *row, int hash_column, int value_column, const char *kind, hash128 key)
{
    const void *value = sqlite3_column_blob(row, value_column);
    const int size_bytes = sqlite3_column_bytes(row, value_column);
    if (sqlite3_column_bytes(row, hash_column) != (int)sizeof(hash128))
        return false;
    const hash128 hash = hash_of_entry(kind, key, value, (size_t)size_bytes);
    return memcmp(sqlite3_column_blob(row, hash_column), &hash, sizeof(hash)) == 0;
}

static int remove_entry(database *d, const char *kind, hash128 key)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(d->handle, "DELETE FROM entry WHERE kind=?1 AND key=?2", -1, &statement, NULL);
    if (code == SQLITE_OK) {
        bind_key(statement, kind, &key);
        code = sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static void count_hit(database *d, int64_t id)
{
    if (d->hit_count >= HITS_BETWEEN_FLUSHES)
        database_flush_hits(d);
    if (ARRAY_RESERVE(d->hits, d->hit_count, d->hit_capacity))
        d->hits[d->hit_count++] = id;
}

/* *found: a value that passed its check was handed out. */
static socle_status get_from(store *s, database *d, const char *kind, hash128 key, void **bytes, size_t *size_bytes,
                             double *age_s, bool *found)
{
    socle_status status = SOCLE_OK;
    bool failed_check = false;
    *found = false;
    bind_key(d->get, kind, &key);
    const int code = sqlite3_step(d->get);
    if (code == SQLITE_ROW && !database_verify(d->get, 1, 3, kind, key)) {
        failed_check = true;
    } else if (code == SQLITE_ROW) {
        const size_t size = (size_t)sqlite3_column_bytes(d->get, 3);
        void *copy = memory_alloc(size);
        if (copy == NULL) {
            status = SOCLE_OUT_OF_MEMORY;
        } else {
            if (size > 0)
                memcpy(copy, sqlite3_column_blob(d->get, 3), size);
            *bytes = copy;
            *size_bytes = size;
            if (age_s != NULL)
                *age_s = time_wall_s() - sqlite3_column_double(d->get, 2);
            *found = true;
            count_hit(d, sqlite3_column_int64(d->get, 0));
        }
    }
    sqlite3_reset(d->get);
    sqlite3_clear_bindings(d->get);
    if (failed_check) {
        log_write(&s->log, SOCLE_LOG_WARN, "store: a %s does not match its checksum: it is dropped and made again", kind);
        remove_entry(d, kind, key);
    }
    if (database_is_damaged(code) && d == &s->file)
        store_file_replace(s);
    return status;
}

socle_status store_get(store *s, const char *kind, hash128 key, void **bytes, size_t *size_bytes, double *age_s)
{
    bool found = false;
    socle_status status = SOCLE_OK;
    store_lock(s);
    if (s->memory.handle != NULL) /* what could not be written to the file is newer than the file */
        status = get_from(s, &s->memory, kind, key, bytes, size_bytes, age_s, &found);
    if (status == SOCLE_OK && !found && s->file.handle != NULL)
        status = get_from(s, &s->file, kind, key, bytes, size_bytes, age_s, &found);
    store_unlock(s);
    if (status != SOCLE_OK)
        return status;
    return found ? SOCLE_OK : SOCLE_NOT_FOUND;
}

static int put_into(database *d, const char *kind, hash128 key, const char *name, const char *device, const void *bytes,
                    size_t size_bytes, uint64_t limit_bytes)
{
    const hash128 hash = hash_of_entry(kind, key, bytes, size_bytes);
    if (size_bytes > limit_bytes)
        return SQLITE_TOOBIG;
    bind_key(d->put, kind, &key);
    sqlite3_bind_text(d->put, 3, name != NULL ? name : "", -1, SQLITE_STATIC);
    sqlite3_bind_text(d->put, 4, device != NULL ? device : "", -1, SQLITE_STATIC);
    sqlite3_bind_double(d->put, 5, time_wall_s());
    sqlite3_bind_int64(d->put, 6, (sqlite3_int64)size_bytes);
    sqlite3_bind_blob(d->put, 7, &hash, sizeof(hash), SQLITE_STATIC);
    if (size_bytes > 0)
        sqlite3_bind_blob64(d->put, 8, bytes, size_bytes, SQLITE_STATIC);
    else
        sqlite3_bind_zeroblob(d->put, 8, 0);
    int code = sqlite3_step(d->put);
    sqlite3_reset(d->put);
    sqlite3_clear_bindings(d->put);
    if (code != SQLITE_DONE)
        return code;
    d->stored_bytes += size_bytes;
    if (d->puts_since_count < 0 || ++d->puts_since_count >= PUTS_BETWEEN_COUNTS || d->stored_bytes > limit_bytes)
        database_shrink(d, limit_bytes);
    return SQLITE_OK;
}

/* The lock is held. */
static int put_into_file(store *s, const char *kind, hash128 key, const char *name, const char *device, const void *bytes,
                         size_t size_bytes)
{
    int code = put_into(&s->file, kind, key, name, device, bytes, size_bytes, s->limit_bytes);
    if (database_is_damaged(code) || code == SQLITE_READONLY_DBMOVED) {
        store_file_replace(s);
        if (s->file.handle != NULL)
            code = put_into(&s->file, kind, key, name, device, bytes, size_bytes, s->limit_bytes);
    }
    return code;
}

socle_status store_put(store *s, const char *kind, hash128 key, const char *name, const char *device, const void *bytes,
                       size_t size_bytes)
{
    int code = SQLITE_OK;
    store_lock(s);
    const bool in_file = s->file.handle != NULL;
    if (in_file)
        code = put_into_file(s, kind, key, name, device, bytes, size_bytes);
    if (in_file && code == SQLITE_OK && s->memory.handle != NULL)
        remove_entry(&s->memory, kind, key); /* an older value may stand there */
    if (in_file && code != SQLITE_OK && !s->write_failure_logged) {
        s->write_failure_logged = true;
        log_write(&s->log, SOCLE_LOG_WARN, "store: %s cannot be written: %s: what is new is kept in memory", s->path,
                  sqlite3_errstr(code));
    }
    if (!in_file || code != SQLITE_OK) {
        const uint64_t limit = s->limit_bytes < MEMORY_LIMIT_BYTES ? s->limit_bytes : MEMORY_LIMIT_BYTES;
        database *memory = memory_database(s);
        const int kept = memory != NULL ? put_into(memory, kind, key, name, device, bytes, size_bytes, limit) : SQLITE_NOMEM;
        code = in_file ? code : kept;
    }
    store_unlock(s);
    return code == SQLITE_OK
               ? SOCLE_OK
               : socle_fail(SOCLE_IO, "store: %s '%s' cannot be kept: %s", kind, name != NULL ? name : "", sqlite3_errstr(code));
}

socle_status store_remove(store *s, const char *kind, hash128 key)
{
    int code = SQLITE_OK;
    store_lock(s);
    if (s->memory.handle != NULL)
        code = remove_entry(&s->memory, kind, key);
    if (s->file.handle != NULL && code == SQLITE_OK)
        code = remove_entry(&s->file, kind, key);
    store_unlock(s);
    return code == SQLITE_OK ? SOCLE_OK : socle_fail(SOCLE_IO, "store: a %s cannot be removed: %s", kind, sqlite3_errstr(code));
}

/* ---- clearing ---- */

static int clear_database(database *d, const char *kind)
{
    sqlite3_stmt *statement = NULL;
    if (d->handle == NULL)
        return SQLITE_OK;
    d->hit_count = 0;
    d->puts_since_count = -1;
    int code = sqlite3_prepare_v2(d->handle, "DELETE FROM entry WHERE ?1 IS NULL OR kind=?1", -1, &statement, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_text(statement, 1, kind, -1, SQLITE_STATIC); /* a NULL pointer binds NULL */
        code = sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    if (code != SQLITE_DONE)
        return code;
    sqlite3_exec(d->handle, "VACUUM", NULL, NULL, NULL); /* gives the space back, unless another process is at work */
    return SQLITE_OK;
}

socle_status store_clear(store *s, const char *kind)
{
    store_lock(s);
    int code = clear_database(&s->memory, kind);
    if (code == SQLITE_OK)
        code = clear_database(&s->file, kind);
    if (database_is_damaged(code)) {
        store_file_replace(s);
        code = SQLITE_OK;
    }
    store_unlock(s);
    return code == SQLITE_OK ? SOCLE_OK : socle_fail(SOCLE_IO, "store: %s cannot be cleared: %s", s->path, sqlite3_errstr(code));
}

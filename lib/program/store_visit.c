/* Walking through the store: what `socle cache` lists and verifies, and all values of a kind. */
#include "database.h"

#include <string.h>

static int list_ids(database *d, int64_t **ids, int *count)
{
    sqlite3_stmt *statement = NULL;
    int capacity = 0;
    int code = sqlite3_prepare_v2(d->handle, "SELECT id FROM entry ORDER BY kind, device, name, id", -1, &statement, NULL);
    while (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        code = ARRAY_RESERVE(*ids, *count, capacity) ? SQLITE_OK : SQLITE_NOMEM;
        if (code == SQLITE_OK)
            (*ids)[(*count)++] = sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static const char *column_string(sqlite3_stmt *row, int column)
{
    const char *string = (const char *)sqlite3_column_text(row, column);
    return string != NULL ? string : "";
}

static bool verify_row(sqlite3_stmt *row)
{
    hash128 key;
    if (sqlite3_column_bytes(row, 5) != (int)sizeof(key))
        return false;
    memcpy(&key, sqlite3_column_blob(row, 5), sizeof(key));
    return database_verify(row, 6, 7, column_string(row, 0), key);
}

/* Copies one entry; the strings stand in *strings (memory_free). *there: it was not removed meanwhile. */
static socle_status read_entry(database *d, int64_t id, bool verified, socle_cache_entry *entry, char **strings, bool *there)
{
    sqlite3_stmt *row = NULL;
    socle_status status = SOCLE_OK;
    const char *sql = verified ? "SELECT kind, name, device, size, hits, key, hash, value FROM entry WHERE id=?1"
                               : "SELECT kind, name, device, size, hits FROM entry WHERE id=?1";
    *there = false;
    if (sqlite3_prepare_v2(d->handle, sql, -1, &row, NULL) == SQLITE_OK) {
        sqlite3_bind_int64(row, 1, id);
        if (sqlite3_step(row) == SQLITE_ROW) {
            const char *kind = column_string(row, 0), *name = column_string(row, 1);
            char *copy = memory_format("%s%c%s%c%s", kind, 0, name, 0, column_string(row, 2));
            status = copy != NULL ? SOCLE_OK : SOCLE_OUT_OF_MEMORY;
            if (copy != NULL) {
                const char *copied_name = copy + strlen(kind) + 1;
                *entry = (socle_cache_entry){copy,
                                             copied_name,
                                             copied_name + strlen(name) + 1,
                                             (uint64_t)sqlite3_column_int64(row, 3),
                                             (uint64_t)sqlite3_column_int64(row, 4),
                                             !verified || verify_row(row)};
                *strings = copy;
                *there = true;
            }
        }
    }
    sqlite3_finalize(row);
    return status;
}

/* The visitor is called without the lock: it may use the store. */
static socle_status visit_database(store *s, database *d, bool verified, socle_cache_visitor visitor, void *user, bool *stopped)
{
    int64_t *ids = NULL;
    int count = 0, code = SQLITE_OK;
    socle_status status = SOCLE_OK;
    store_lock(s);
    if (d->handle != NULL) {
        database_flush_hits(d);
        code = list_ids(d, &ids, &count);
    }
    store_unlock(s);
    if (code != SQLITE_OK)
        status = socle_fail(SOCLE_IO, "store: %s cannot be read: %s", s->path, sqlite3_errstr(code));
    for (int i = 0; i < count && status == SOCLE_OK && !*stopped; i++) {
        socle_cache_entry entry;
        char *strings = NULL;
        bool there = false;
        store_lock(s);
        if (d->handle != NULL)
            status = read_entry(d, ids[i], verified, &entry, &strings, &there);
        store_unlock(s);
        if (there)
            *stopped = visitor(&entry, user) != 0;
        memory_free(strings);
    }
    memory_free(ids);
    return status;
}

socle_status store_visit(store *s, bool verified, socle_cache_visitor visitor, void *user)
{
    bool stopped = false;
    socle_status status = visit_database(s, &s->file, verified, visitor, user, &stopped);
    return status == SOCLE_OK && !stopped ? visit_database(s, &s->memory, verified, visitor, user, &stopped) : status;
}

static int read_kind(database *d, const char *kind, store_reader reader, void *user)
{
    sqlite3_stmt *row = NULL;
    if (d->handle == NULL)
        return SQLITE_OK;
    int code = sqlite3_prepare_v2(d->handle, "SELECT key, hash, value FROM entry WHERE kind=?1", -1, &row, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_bind_text(row, 1, kind, -1, SQLITE_STATIC);
    while (code == SQLITE_OK && (code = sqlite3_step(row)) == SQLITE_ROW) {
        hash128 key;
        code = SQLITE_OK;
        if (sqlite3_column_bytes(row, 0) != (int)sizeof(key))
            continue;
        memcpy(&key, sqlite3_column_blob(row, 0), sizeof(key));
        if (database_verify(row, 1, 2, kind, key))
            reader(sqlite3_column_blob(row, 2), (size_t)sqlite3_column_bytes(row, 2), user);
    }
    sqlite3_finalize(row);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

socle_status store_read_kind(store *s, const char *kind, store_reader reader, void *user)
{
    store_lock(s);
    int code = read_kind(&s->file, kind, reader, user);
    if (code == SQLITE_OK)
        code = read_kind(&s->memory, kind, reader, user);
    store_unlock(s);
    return code == SQLITE_OK ? SOCLE_OK : socle_fail(SOCLE_IO, "store: %s cannot be read: %s", s->path, sqlite3_errstr(code));
}

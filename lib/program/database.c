/* The store's SQLite databases. The journal is a rollback journal, not a write-ahead log: that needs shared memory beside the
 * file, which home folders on network file systems and read-only folders do not give. A damaged file is never repaired, since all
 * of it can be made again. */
#include "database.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCHEMA_VERSION 1
#define APPLICATION_ID 0x536f636c /* "Socl" */
#define BUSY_TIMEOUT_MS 10000
#define FLUSH_TIMEOUT_MS 50

/* The value stands last, so that walking the other columns does not read it. */
static const char schema[] =
    "CREATE TABLE IF NOT EXISTS entry("
    "id INTEGER PRIMARY KEY, kind TEXT NOT NULL, key BLOB NOT NULL, name TEXT NOT NULL, device TEXT NOT NULL,"
    "created REAL NOT NULL, used REAL NOT NULL, hits INTEGER NOT NULL, size INTEGER NOT NULL, hash BLOB NOT NULL,"
    "value BLOB NOT NULL);"
    "CREATE UNIQUE INDEX IF NOT EXISTS entry_by_key ON entry(kind, key);";

static int run(sqlite3 *handle, const char *sql)
{
    return sqlite3_exec(handle, sql, NULL, NULL, NULL);
}

static int read_int(sqlite3 *handle, const char *sql, int64_t *value)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(handle, sql, -1, &statement, NULL);
    if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        *value = sqlite3_column_int64(statement, 0);
        code = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    return code;
}

/* Older versions' entries are dropped: they can be made again, and their keys would never be asked for. */
static int make_schema(sqlite3 *handle)
{
    char pragmas[128];
    int64_t version = 0;
    int code = run(handle, "BEGIN IMMEDIATE");
    if (code != SQLITE_OK)
        return code;
    code = read_int(handle, "PRAGMA user_version", &version);
    if (code == SQLITE_OK && version > SCHEMA_VERSION)
        code = SQLITE_MISMATCH;
    if (code == SQLITE_OK && version < SCHEMA_VERSION)
        code = run(handle, "DROP TABLE IF EXISTS entry");
    if (code == SQLITE_OK)
        code = run(handle, schema);
    snprintf(pragmas, sizeof(pragmas), "PRAGMA application_id=%d; PRAGMA user_version=%d", APPLICATION_ID, SCHEMA_VERSION);
    if (code == SQLITE_OK)
        code = run(handle, pragmas);
    if (code == SQLITE_OK)
        code = run(handle, "COMMIT");
    if (code != SQLITE_OK)
        run(handle, "ROLLBACK");
    return code;
}

static int prepare(database *d)
{
    static const char get[] = "SELECT id, hash, created, value FROM entry WHERE kind=?1 AND key=?2";
    static const char put[] =
        "INSERT INTO entry(kind, key, name, device, created, used, hits, size, hash, value) VALUES(?1,?2,?3,?4,?5,?5,0,?6,?7,?8)"
        " ON CONFLICT(kind, key) DO UPDATE SET name=?3, device=?4, created=?5, used=?5, size=?6, hash=?7, value=?8";
    int code = sqlite3_prepare_v3(d->handle, get, -1, SQLITE_PREPARE_PERSISTENT, &d->get, NULL);
    return code == SQLITE_OK ? sqlite3_prepare_v3(d->handle, put, -1, SQLITE_PREPARE_PERSISTENT, &d->put, NULL) : code;
}

int database_open(database *d, const char *path)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    int64_t version = 0;
    int code = sqlite3_open_v2(path, &d->handle, flags, NULL);
    if (code == SQLITE_OK) {
        sqlite3_extended_result_codes(d->handle, 1);
        sqlite3_busy_timeout(d->handle, BUSY_TIMEOUT_MS);
        code = run(d->handle, "PRAGMA journal_mode=TRUNCATE; PRAGMA synchronous=NORMAL; PRAGMA mmap_size=0;"
                              "PRAGMA cell_size_check=1");
    }
    if (code == SQLITE_OK)
        code = read_int(d->handle, "PRAGMA user_version", &version);
    if (code == SQLITE_OK && version != SCHEMA_VERSION)
        code = make_schema(d->handle);
    if (code == SQLITE_OK)
        code = prepare(d);
    d->puts_since_count = -1;
    if (code != SQLITE_OK)
        database_close(d);
    return code;
}

static int by_value(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void write_hits(database *d, sqlite3_stmt *update)
{
    for (int i = 0, next; i < d->hit_count; i = next) {
        for (next = i + 1; next < d->hit_count && d->hits[next] == d->hits[i]; next++)
            ;
        sqlite3_bind_int(update, 1, next - i);
        sqlite3_bind_double(update, 2, time_wall_s());
        sqlite3_bind_int64(update, 3, d->hits[i]);
        sqlite3_step(update);
        sqlite3_reset(update);
    }
}

/* Best effort, and without waiting long for other processes: it is only a count. */
void database_flush_hits(database *d)
{
    sqlite3_stmt *update = NULL;
    if (d->handle == NULL || d->hit_count == 0)
        return;
    qsort(d->hits, (size_t)d->hit_count, sizeof(*d->hits), by_value);
    sqlite3_busy_timeout(d->handle, FLUSH_TIMEOUT_MS);
    if (run(d->handle, "BEGIN IMMEDIATE") == SQLITE_OK) {
        if (sqlite3_prepare_v2(d->handle, "UPDATE entry SET hits=hits+?1, used=?2 WHERE id=?3", -1, &update, NULL) == SQLITE_OK)
            write_hits(d, update);
        sqlite3_finalize(update);
        if (run(d->handle, "COMMIT") != SQLITE_OK)
            run(d->handle, "ROLLBACK");
    }
    sqlite3_busy_timeout(d->handle, BUSY_TIMEOUT_MS);
    d->hit_count = 0;
}

void database_close(database *d)
{
    database_flush_hits(d);
    sqlite3_finalize(d->get);
    sqlite3_finalize(d->put);
    sqlite3_close(d->handle);
    memory_free(d->hits);
    d->handle = NULL;
    d->get = d->put = NULL;
    d->hits = NULL;
    d->hit_count = d->hit_capacity = 0;
}

/* ---- the file ---- */

bool database_has_moved(const database *d)
{
    int moved = 0;
    return sqlite3_file_control(d->handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved != 0;
}

socle_status database_check_folder(const char *folder, const char *path)
{
    struct stat s;
    if (stat(folder, &s) != 0)
        return socle_fail(SOCLE_INVALID_FILE, "%s: %s", folder, strerror(errno));
    if (!S_ISDIR(s.st_mode))
        return socle_fail(SOCLE_INVALID_FILE, "%s is not a folder", folder);
    if (s.st_uid != geteuid() || (s.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return socle_fail(SOCLE_INVALID_FILE,
                          "%s can be written by others: make it yours alone (chmod 700) or name another folder", folder);
    if (lstat(path, &s) != 0)
        return SOCLE_OK;
    if (!S_ISREG(s.st_mode) || s.st_uid != geteuid() || (s.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return socle_fail(SOCLE_INVALID_FILE, "%s is not a plain file that is yours alone: remove it", path);
    return SOCLE_OK;
}

/* ---- size ---- */

static int drop_oldest(sqlite3 *handle, uint64_t excess_bytes, uint64_t *dropped_bytes)
{
    sqlite3_stmt *oldest = NULL, *drop = NULL;
    int code = sqlite3_prepare_v2(handle, "SELECT id, size FROM entry ORDER BY kind='program' DESC, used", -1, &oldest, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(handle, "DELETE FROM entry WHERE id=?1", -1, &drop, NULL);
    while (code == SQLITE_OK && *dropped_bytes < excess_bytes && sqlite3_step(oldest) == SQLITE_ROW) {
        sqlite3_bind_int64(drop, 1, sqlite3_column_int64(oldest, 0));
        code = sqlite3_step(drop) == SQLITE_DONE ? SQLITE_OK : sqlite3_errcode(handle);
        sqlite3_reset(drop);
        *dropped_bytes += (uint64_t)sqlite3_column_int64(oldest, 1);
    }
    sqlite3_finalize(oldest);
    sqlite3_finalize(drop);
    return code;
}

int database_shrink(database *d, uint64_t limit_bytes)
{
    int64_t total = 0;
    uint64_t dropped = 0;
    int code = read_int(d->handle, "SELECT COALESCE(SUM(size), 0) FROM entry", &total);
    if (code != SQLITE_OK)
        return code;
    d->stored_bytes = (uint64_t)total;
    d->puts_since_count = 0;
    if (d->stored_bytes <= limit_bytes)
        return SQLITE_OK;
    database_flush_hits(d); /* what was used lately must be known now */
    code = run(d->handle, "BEGIN IMMEDIATE");
    if (code != SQLITE_OK)
        return code;
    code = drop_oldest(d->handle, d->stored_bytes - limit_bytes / 8 * 7, &dropped);
    if (code == SQLITE_OK)
        code = run(d->handle, "COMMIT");
    if (code != SQLITE_OK)
        run(d->handle, "ROLLBACK");
    else
        d->stored_bytes -= dropped < d->stored_bytes ? dropped : d->stored_bytes;
    return code;
}

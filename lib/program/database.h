/* One SQLite database of the store, in a file or in memory: opening it safely, its statements, and what its error codes mean. */
#ifndef SOCLE_LIB_PROGRAM_DATABASE_H
#define SOCLE_LIB_PROGRAM_DATABASE_H

#include <sqlite3.h>

#include "program.h"

typedef struct database {
    sqlite3 *handle; /* NULL: closed */
    sqlite3_stmt *get, *put;
    int64_t *hits; /* rows read since the last flush: written in one go, not one write a read */
    int hit_count, hit_capacity;
    uint64_t stored_bytes; /* about: other processes add theirs */
    int puts_since_count;
} database;

/* Creates the schema where it is not there. SQLite's code: SQLITE_OK; SQLITE_CORRUPT or SQLITE_NOTADB for a damaged file;
 * SQLITE_MISMATCH for a file of a newer Socle. path ":memory:" for one in memory. */
int database_open(database *d, const char *path);
void database_close(database *d); /* flushes the hits */
void database_flush_hits(database *d);
/* Whether the path that was opened leads to another file by now, or to none. */
bool database_has_moved(const database *d);
/* INVALID_FILE (message set) unless the folder is there, ours alone, and what stands at path is a plain file of ours or nothing.
 */
socle_status database_check_folder(const char *folder, const char *path);
/* Drops the entries that were not used for longest, programs first, until at most limit_bytes are stored. */
int database_shrink(database *d, uint64_t limit_bytes);
static inline bool database_is_damaged(int code)
{
    return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

/* Whether the value in a row matches the hash beside it. */
bool database_verify(sqlite3_stmt *row, int hash_column, int value_column, const char *kind, hash128 key);

/* ---- the store that is made of two of them ---- */

struct store {
    pthread_mutex_t lock;
    log_sink log;
    char *folder;
    char *path; /* "" in memory */
    database file, memory;
    int folder_lock; /* a file descriptor; -1: none */
    uint64_t limit_bytes;
    bool write_failure_logged;
};

/* ---- its file among other processes (store_file.c) ---- */

/* Opens the file, or leaves it closed (logged): then everything is kept in memory. */
void store_file_open(store *s);
void store_file_close(store *s);
/* The file turned out to be damaged, or not to be the one at the path any more: opens another one, or none. Under store_lock. */
void store_file_replace(store *s);
/* Around every use of the databases. The file is the one at the path until store_unlock, whatever other processes do. */
void store_lock(store *s);
void store_unlock(store *s);

#endif

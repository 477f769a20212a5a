/* The store: what is put is got, by any process; nothing damaged is ever handed out; a store that cannot be written still serves.
 */
#include "program/program.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "folder.h"

TestSuite(store, .init = test_folder_enter, .fini = test_folder_leave, .timeout = 120);

static char warnings[4096];
static int warning_count;

static void keep_warning(socle_log_level level, const char *line, void *user)
{
    (void)user;
    if (level > SOCLE_LOG_WARN)
        return;
    snprintf(warnings + strlen(warnings), sizeof(warnings) - strlen(warnings), "%s\n", line);
    warning_count++;
}

static const log_sink warn = {keep_warning, NULL, SOCLE_LOG_WARN};

static store *open_store(const char *folder)
{
    store *s = NULL;
    cr_assert_eq(store_open(folder, &warn, &s), SOCLE_OK, "%s", socle_error_message());
    return s;
}

static hash128 key_of(int number)
{
    return hash_bytes(&number, sizeof(number));
}

static void put_text(store *s, const char *kind, int number, const char *value)
{
    cr_assert_eq(store_put(s, kind, key_of(number), "name", "device", value, strlen(value) + 1), SOCLE_OK, "%s",
                 socle_error_message());
}

static bool has_text(store *s, const char *kind, int number, const char *value)
{
    void *bytes = NULL;
    size_t size_bytes = 0;
    double age_s = -1;
    if (store_get(s, kind, key_of(number), &bytes, &size_bytes, &age_s) != SOCLE_OK)
        return false;
    const bool same = size_bytes == strlen(value) + 1 && memcmp(bytes, value, size_bytes) == 0 && age_s > -1 && age_s < 600;
    memory_free(bytes);
    return same;
}

static void execute(const char *path, const char *sql)
{
    sqlite3 *handle = NULL;
    cr_assert_eq(sqlite3_open(path, &handle), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(handle));
    sqlite3_close(handle);
}

static int count_entry(const socle_cache_entry *entry, void *user)
{
    int *counts = user; /* all, valid, hits */
    counts[0]++;
    counts[1] += entry->valid;
    counts[2] += (int)entry->hits;
    return 0;
}

Test(store, value_is_there_in_the_next_run)
{
    store *s = open_store("cache");
    put_text(s, "program", 1, "one");
    cr_assert(has_text(s, "program", 1, "one"));
    cr_assert_str_eq(store_path(s), "cache/socle.db");
    store_close(s);
    s = open_store("cache");
    cr_assert(has_text(s, "program", 1, "one"));
    cr_assert_not(has_text(s, "tuning", 1, "one"), "another kind is another entry");
    cr_assert_not(has_text(s, "program", 2, "one"));
    store_close(s);
    cr_assert_eq(memory_live_count(), 0);
    cr_assert_eq(warning_count, 0, "%s", warnings);
}

Test(store, absent_value_does_not_change_the_message)
{
    store *s = open_store("");
    void *bytes;
    size_t size_bytes;
    socle_fail(SOCLE_IO, "before");
    cr_assert_eq(store_get(s, "program", key_of(1), &bytes, &size_bytes, NULL), SOCLE_NOT_FOUND);
    cr_assert_str_eq(socle_error_message(), "before");
    store_close(s);
}

Test(store, second_put_replaces_and_empty_value_is_a_value)
{
    store *s = open_store("cache");
    void *bytes = NULL;
    size_t size_bytes = 1;
    put_text(s, "decision", 1, "old");
    put_text(s, "decision", 1, "a longer one");
    cr_assert(has_text(s, "decision", 1, "a longer one"));
    cr_assert_eq(store_put(s, "decision", key_of(2), NULL, NULL, "", 0), SOCLE_OK);
    cr_assert_eq(store_get(s, "decision", key_of(2), &bytes, &size_bytes, NULL), SOCLE_OK);
    cr_assert_eq(size_bytes, 0);
    memory_free(bytes);
    store_close(s);
}

Test(store, in_memory_store_keeps_values_and_has_no_path)
{
    store *s = open_store(NULL);
    put_text(s, "profile", 1, "one");
    cr_assert(has_text(s, "profile", 1, "one"));
    cr_assert_str_eq(store_path(s), "");
    store_close(s);
    cr_assert_eq(test_folder_entries(), 0);
}

Test(store, flipped_bit_in_a_value_is_found_and_the_value_dropped)
{
    store *s = open_store("cache");
    put_text(s, "program", 1, "the bytes of a program");
    put_text(s, "program", 2, "another");
    store_close(s);
    execute("cache/socle.db", "UPDATE entry SET value = CAST('thd' || substr(value, 4) AS BLOB) WHERE size > 10");
    s = open_store("cache");
    int counts[3] = {0};
    cr_assert_eq(store_visit(s, true, count_entry, counts), SOCLE_OK);
    cr_assert_eq(counts[0], 2);
    cr_assert_eq(counts[1], 1, "verification finds the damaged one");
    cr_assert_not(has_text(s, "program", 1, "the bytes of a program"));
    cr_assert(has_text(s, "program", 2, "another"));
    cr_assert_not_null(strstr(warnings, "does not match its checksum"));
    int left[3] = {0};
    cr_assert_eq(store_visit(s, false, count_entry, left), SOCLE_OK);
    cr_assert_eq(left[0], 1);
    store_close(s);
}

Test(store, value_under_a_swapped_key_is_not_handed_out)
{
    store *s = open_store("cache");
    put_text(s, "program", 1, "one");
    put_text(s, "program", 2, "two");
    store_close(s);
    execute("cache/socle.db", "CREATE TEMP TABLE second AS SELECT key FROM entry WHERE id = 2; DELETE FROM entry WHERE id = 2;"
                              "UPDATE entry SET key = (SELECT key FROM second) WHERE id = 1");
    s = open_store("cache");
    cr_assert_not(has_text(s, "program", 2, "one"));
    cr_assert_eq(warning_count, 1, "it was found, and refused");
    store_close(s);
}

/* Whatever a disk does to the file: no wrong value, no crash, and the store works on. */
Test(store, any_damage_to_the_file_gives_the_right_value_or_none)
{
    enum { VALUES = 40, DAMAGES = 120 };
    static char original[1 << 20], text_of[VALUES][600];
    store *s = open_store("cache");
    for (int i = 0; i < VALUES; i++) {
        for (int k = 0; k < 599; k++)
            text_of[i][k] = (char)('a' + (i * 7 + k * k) % 26);
        put_text(s, "program", i, text_of[i]);
    }
    store_close(s);
    FILE *file = fopen("cache/socle.db", "rb");
    const size_t size = fread(original, 1, sizeof(original), file);
    fclose(file);
    unsigned state = 1;
    for (int damage = 0; damage < DAMAGES; damage++) {
        static char damaged[1 << 20];
        memcpy(damaged, original, size);
        size_t kept = size;
        state = state * 1664525u + 1013904223u;
        if (damage % 4 == 3)
            kept = (size_t)(state >> 8) % size; /* truncated */
        else
            for (int k = 0; k <= damage % 4 * 20; k++, state = state * 1664525u + 1013904223u)
                damaged[(damage < 30 ? (state >> 8) % 200 : (state >> 8) % size)] ^= (char)(1 << (state >> 5 & 7));
        test_file_write("cache/socle.db", damaged, kept);
        s = open_store("cache");
        for (int i = 0; i < VALUES; i++) {
            void *bytes = NULL;
            size_t size_bytes = 0;
            if (store_get(s, "program", key_of(i), &bytes, &size_bytes, NULL) != SOCLE_OK)
                continue;
            cr_assert(size_bytes == 600 && memcmp(bytes, text_of[i], 600) == 0, "damage %d", damage);
            memory_free(bytes);
        }
        store_put(s, "program", key_of(1000), "new", "device", "new", 4);
        cr_assert(has_text(s, "program", 1000, "new"), "damage %d", damage);
        store_close(s);
    }
    cr_assert_eq(memory_live_count(), 0);
}

Test(store, file_that_is_no_database_is_set_aside_with_a_warning)
{
    mkdir("cache", 0700);
    test_file_write("cache/socle.db", "this is no database, but long enough to be taken for one by its header", 70);
    store *s = open_store("cache");
    put_text(s, "program", 1, "one");
    store_close(s);
    cr_assert_eq(warning_count, 1);
    cr_assert_str_eq(warnings, "store: cache/socle.db is damaged: it was set aside as cache/socle.db.damaged and begun anew\n");
    cr_assert_eq(access("cache/socle.db.damaged", F_OK), 0);
    s = open_store("cache");
    cr_assert(has_text(s, "program", 1, "one"));
    store_close(s);
}

Test(store, folder_is_made_for_its_owner_alone)
{
    struct stat folder;
    store_close(open_store("a/b/cache"));
    cr_assert_eq(stat("a/b/cache", &folder), 0);
    cr_assert_eq(folder.st_mode & 0777, 0700);
}

Test(store, folder_that_others_can_write_is_not_used)
{
    mkdir("cache", 0700);
    chmod("cache", 0777);
    store *s = open_store("cache");
    cr_assert_str_eq(store_path(s), "");
    cr_assert_str_eq(warnings, "store: cache can be written by others: make it yours alone (chmod 700) or name another folder: "
                               "everything is kept in memory\n");
    put_text(s, "program", 1, "one");
    cr_assert(has_text(s, "program", 1, "one"));
    store_close(s);
}

Test(store, link_to_another_file_is_not_followed)
{
    mkdir("cache", 0700);
    test_file_write("elsewhere", "precious", 8);
    cr_assert_eq(symlink("../elsewhere", "cache/socle.db"), 0);
    store_close(open_store("cache"));
    struct stat untouched;
    stat("elsewhere", &untouched);
    cr_assert_eq(untouched.st_size, 8);
    cr_assert_eq(warning_count, 1);
}

/* The superuser may write everywhere: another user then plays the part. */
static void become_unprivileged(const char *folder)
{
    if (geteuid() != 0)
        return;
    char command[256];
    snprintf(command, sizeof(command), "chown -R 65534 %s && chmod 755 .", folder);
    cr_assert_eq(system(command), 0);
    cr_assert_eq(seteuid(65534), 0);
}

static void become_privileged(void)
{
    if (getuid() == 0)
        cr_assert_eq(seteuid(0), 0);
}

Test(store, read_only_folder_is_read_and_new_values_stay_in_memory)
{
    store *s = open_store("cache");
    put_text(s, "program", 1, "one");
    store_close(s);
    chmod("cache/socle.db", 0400);
    chmod("cache", 0500);
    become_unprivileged("cache");
    s = open_store("cache");
    cr_assert(has_text(s, "program", 1, "one"));
    cr_assert_eq(store_put(s, "program", key_of(2), "n", "d", "two", 4), SOCLE_IO);
    cr_assert_eq(store_put(s, "program", key_of(3), "n", "d", "three", 6), SOCLE_IO);
    cr_assert(has_text(s, "program", 2, "two"));
    cr_assert(has_text(s, "program", 3, "three"));
    cr_assert_eq(warning_count, 1, "said once: %s", warnings);
    store_close(s);
    become_privileged();
    chmod("cache", 0700);
}

Test(store, folder_that_cannot_be_made_gives_a_store_in_memory)
{
    test_file_write("file", "x", 1);
    store *s = open_store("file/cache");
    cr_assert_str_eq(store_path(s), "");
    cr_assert_eq(warning_count, 1);
    put_text(s, "program", 1, "one");
    cr_assert(has_text(s, "program", 1, "one"));
    store_close(s);
}

Test(store, full_disk_is_told_once_and_values_stay_in_memory)
{
    static char large[1 << 20];
    store *s = open_store("cache");
    put_text(s, "program", 1, "one");
    signal(SIGXFSZ, SIG_IGN);
    const struct rlimit limit = {200000, 200000};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    memset(large, 7, sizeof(large));
    cr_assert_eq(store_put(s, "program", key_of(2), "n", "d", large, sizeof(large)), SOCLE_IO);
    cr_assert_eq(store_put(s, "program", key_of(3), "n", "d", large, sizeof(large)), SOCLE_IO);
    cr_assert_eq(warning_count, 1, "%s", warnings);
    void *bytes = NULL;
    size_t size_bytes = 0;
    cr_assert_eq(store_get(s, "program", key_of(2), &bytes, &size_bytes, NULL), SOCLE_OK);
    cr_assert(size_bytes == sizeof(large) && memcmp(bytes, large, sizeof(large)) == 0);
    memory_free(bytes);
    cr_assert(has_text(s, "program", 1, "one"), "the file is whole");
    store_close(s);
    s = open_store("cache");
    cr_assert(has_text(s, "program", 1, "one"));
    store_close(s);
}

Test(store, newer_schema_is_left_alone)
{
    store *s = open_store("cache");
    put_text(s, "program", 1, "one");
    store_close(s);
    execute("cache/socle.db", "PRAGMA user_version = 1000");
    s = open_store("cache");
    cr_assert_str_eq(store_path(s), "");
    cr_assert_not_null(strstr(warnings, "written by a newer Socle"));
    store_close(s);
    execute("cache/socle.db", "PRAGMA user_version = 1");
    s = open_store("cache");
    cr_assert(has_text(s, "program", 1, "one"), "its values are still there");
    store_close(s);
}

Test(store, hits_are_counted)
{
    store *s = open_store("cache");
    put_text(s, "program", 1, "one");
    for (int i = 0; i < 5; i++)
        cr_assert(has_text(s, "program", 1, "one"));
    store_close(s);
    s = open_store("cache");
    cr_assert(has_text(s, "program", 1, "one"));
    int counts[3] = {0};
    cr_assert_eq(store_visit(s, false, count_entry, counts), SOCLE_OK);
    cr_assert_eq(counts[2], 6);
    store_close(s);
}

Test(store, clear_removes_one_kind_or_all)
{
    store *s = open_store("cache");
    put_text(s, "program", 1, "one");
    put_text(s, "tuning", 1, "two");
    cr_assert_eq(store_clear(s, "program"), SOCLE_OK);
    cr_assert_not(has_text(s, "program", 1, "one"));
    cr_assert(has_text(s, "tuning", 1, "two"));
    cr_assert_eq(store_remove(s, "tuning", key_of(1)), SOCLE_OK);
    cr_assert_not(has_text(s, "tuning", 1, "two"));
    put_text(s, "profile", 1, "three");
    cr_assert_eq(store_clear(s, NULL), SOCLE_OK);
    int counts[3] = {0};
    cr_assert_eq(store_visit(s, true, count_entry, counts), SOCLE_OK);
    cr_assert_eq(counts[0], 0);
    store_close(s);
}

static int remove_everything(const socle_cache_entry *entry, void *user)
{
    (void)entry;
    return store_clear(user, NULL) != SOCLE_OK;
}

Test(store, visitor_may_use_the_store)
{
    store *s = open_store("cache");
    for (int i = 0; i < 3; i++)
        put_text(s, "program", i, "x");
    cr_assert_eq(store_visit(s, false, remove_everything, s), SOCLE_OK);
    store_close(s);
}

Test(store, oldest_unused_programs_go_first_when_the_limit_is_reached)
{
    static char value[10000];
    store *s = open_store("cache");
    put_text(s, "tuning", 1, "worth more than programs");
    cr_assert_eq(store_put(s, "program", key_of(0), "n", "d", value, sizeof(value)), SOCLE_OK);
    store_set_limit(s, 100000);
    for (int i = 1; i < 30; i++) {
        void *bytes = NULL;
        size_t size_bytes;
        cr_assert_eq(store_get(s, "program", key_of(0), &bytes, &size_bytes, NULL), SOCLE_OK, "the one in use stays, round %d",
                     i);
        memory_free(bytes);
        cr_assert_eq(store_put(s, "program", key_of(i), "n", "d", value, sizeof(value)), SOCLE_OK);
    }
    int counts[3] = {0};
    cr_assert_eq(store_visit(s, true, count_entry, counts), SOCLE_OK);
    cr_assert_leq(counts[0], 11);
    cr_assert_geq(counts[0], 5);
    cr_assert(has_text(s, "tuning", 1, "worth more than programs"));
    store_close(s);
}

Test(store, value_beyond_the_limit_is_refused)
{
    store *s = open_store("cache");
    store_set_limit(s, 10);
    cr_assert_eq(store_put(s, "program", key_of(1), "n", "d", "eleven bytes", 12), SOCLE_IO);
    store_close(s);
}

/* ---- many at once ---- */

enum { PROCESSES = 8, ROUNDS = 25 };

static bool value_is_right(store *s, int number)
{
    char expected[400];
    memset(expected, 'a' + number % 26, sizeof(expected) - 1);
    expected[sizeof(expected) - 1] = '\0';
    void *bytes = NULL;
    size_t size_bytes = 0;
    if (store_get(s, "program", key_of(number), &bytes, &size_bytes, NULL) == SOCLE_OK) {
        const bool right = size_bytes == sizeof(expected) && memcmp(bytes, expected, size_bytes) == 0;
        memory_free(bytes);
        return right;
    }
    return store_put(s, "program", key_of(number), "n", "d", expected, sizeof(expected)) == SOCLE_OK;
}

static int work_in_process(int process)
{
    for (int round = 0; round < ROUNDS; round++) {
        store *s = NULL;
        if (store_open("cache", NULL, &s) != SOCLE_OK || store_path(s)[0] == '\0')
            return 1;
        for (int i = 0; i < 4; i++)
            if (!value_is_right(s, (round * 3 + i + process) % 60))
                return 2;
        store_close(s);
    }
    return 0;
}

static void run_processes(int (*work)(int))
{
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        cr_assert_geq(children[i], 0);
        if (children[i] == 0)
            _exit(work(i));
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status = -1;
        cr_assert_eq(waitpid(children[i], &status, 0), children[i]);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "process %d ended with %d", i, status);
    }
}

Test(store, many_processes_share_it)
{
    run_processes(work_in_process);
    store *s = open_store("cache");
    int counts[3] = {0};
    cr_assert_eq(store_visit(s, true, count_entry, counts), SOCLE_OK);
    cr_assert_eq(counts[0], counts[1]);
    cr_assert_geq(counts[0], 60);
    store_close(s);
}

static int open_damaged(int process)
{
    (void)process;
    store *s = NULL;
    if (store_open("cache", NULL, &s) != SOCLE_OK || store_path(s)[0] == '\0')
        return 1;
    const bool right = value_is_right(s, 1);
    store_close(s);
    return right ? 0 : 2;
}

Test(store, many_processes_set_one_damaged_file_aside_once)
{
    mkdir("cache", 0700);
    test_file_write("cache/socle.db", "this is no database, but long enough to be taken for one by its header", 70);
    run_processes(open_damaged);
    store *s = open_store("cache");
    cr_assert(value_is_right(s, 1));
    int counts[3] = {0};
    cr_assert_eq(store_visit(s, true, count_entry, counts), SOCLE_OK);
    cr_assert_eq(counts[0], 1);
    cr_assert_eq(warning_count, 0);
    store_close(s);
}

/* Pages in the middle are damaged: each process opens the file well and meets the damage at work, some while others write. */
static int work_on_damaged(int process)
{
    static char value[20000];
    store *s = NULL;
    if (store_open("cache", NULL, &s) != SOCLE_OK || store_path(s)[0] == '\0')
        return 1;
    for (int i = 0; i < 12; i++) {
        void *bytes = NULL;
        size_t size_bytes;
        if (store_get(s, "program", key_of(i), &bytes, &size_bytes, NULL) == SOCLE_OK)
            memory_free(bytes);
        if (store_put(s, "program", key_of(1000 + process * 12 + i), "n", "d", value, sizeof(value)) != SOCLE_OK)
            return 2;
    }
    if (!value_is_right(s, 200 + process))
        return 3;
    store_close(s);
    return 0;
}

Test(store, damage_met_by_many_processes_at_work_stops_none_of_them)
{
    enum { VALUES = 60, PAGE = 4096 };
    static char value[3000], page[PAGE];
    store *s = open_store("cache");
    for (int i = 0; i < VALUES; i++)
        cr_assert_eq(store_put(s, "program", key_of(i), "n", "d", value, sizeof(value)), SOCLE_OK);
    store_close(s);
    memset(page, 0xa5, sizeof(page));
    FILE *file = fopen("cache/socle.db", "r+b");
    for (long i = 3; i < 40; i++) {
        fseek(file, i * PAGE, SEEK_SET);
        fwrite(page, 1, sizeof(page), file);
    }
    fclose(file);
    run_processes(work_on_damaged);
    cr_assert_eq(access("cache/socle.db.damaged", F_OK), 0, "the damage was met");
    s = open_store("cache");
    int counts[3] = {0};
    cr_assert_eq(store_visit(s, true, count_entry, counts), SOCLE_OK);
    cr_assert_eq(counts[0], counts[1]);
    cr_assert_eq(warning_count, 0, "%s", warnings);
    store_close(s);
}

Test(store, removed_file_or_folder_is_made_anew)
{
    store *s = open_store("cache");
    put_text(s, "program", 1, "one");
    cr_assert_eq(unlink("cache/socle.db"), 0);
    put_text(s, "program", 2, "two");
    cr_assert_eq(system("rm -r cache"), 0);
    put_text(s, "program", 3, "three");
    store *other = open_store("cache");
    cr_assert_not(has_text(other, "program", 2, "two"));
    cr_assert(has_text(other, "program", 3, "three"));
    store_close(other);
    cr_assert_eq(system("rm -r cache"), 0);
    store_close(s);
    cr_assert_eq(access("cache", F_OK), -1, "closing makes nothing");
    cr_assert_eq(warning_count, 0, "%s", warnings);
    cr_assert_eq(memory_live_count(), 0);
}

static void *work_in_thread(void *argument)
{
    store *s = argument;
    intptr_t wrong = 0;
    for (int i = 0; i < 200; i++)
        wrong += !value_is_right(s, i % 50);
    return (void *)wrong;
}

Test(store, many_threads_share_it)
{
    store *s = open_store("cache");
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, work_in_thread, s);
    for (int i = 0; i < 4; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        cr_assert_null(wrong);
    }
    store_close(s);
}

Test(store, process_killed_while_writing_leaves_a_good_file)
{
    for (int round = 0; round < 5; round++) {
        const pid_t child = fork();
        if (child == 0) {
            store *s = NULL;
            static char value[50000];
            if (store_open("cache", NULL, &s) != SOCLE_OK)
                _exit(1);
            for (int i = 0;; i++)
                store_put(s, "program", key_of(i % 20), "n", "d", value, sizeof(value) - (size_t)(i % 1000));
        }
        usleep(30000);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        store *s = open_store("cache");
        int counts[3] = {0};
        cr_assert_eq(store_visit(s, true, count_entry, counts), SOCLE_OK, "%s", socle_error_message());
        cr_assert_eq(counts[0], counts[1]);
        store_close(s);
    }
    cr_assert_eq(warning_count, 0, "%s", warnings);
}

Test(store, every_failing_allocation_is_a_clean_error)
{
    for (int n = 0; n < 40; n++) {
        store *s = NULL;
        void *bytes = NULL;
        size_t size_bytes;
        memory_fail_after(n);
        if (store_open("cache", NULL, &s) == SOCLE_OK) {
            store_put(s, "program", key_of(1), "n", "d", "one", 4);
            if (store_get(s, "program", key_of(1), &bytes, &size_bytes, NULL) == SOCLE_OK)
                memory_free(bytes);
            store_close(s);
        }
        memory_fail_after(-1);
        cr_assert_eq(memory_live_count(), 0, "allocation %d", n);
    }
    store *s = open_store("cache");
    cr_assert(has_text(s, "program", 1, "one"));
    store_close(s);
}

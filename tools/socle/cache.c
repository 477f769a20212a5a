/* socle cache: what is kept of programs, tunings, profiles and decisions. */
#include "command.h"

#include <string.h>

typedef struct listing {
    table *table;
    json_t *entries;
    int64_t bytes;
    int count, bad;
} listing;

static int add_entry(const socle_cache_entry *entry, void *user)
{
    listing *l = user;
    l->count++;
    l->bad += !entry->valid;
    l->bytes += (int64_t)entry->size_bytes;
    table_cell(l->table, "%s", entry->kind);
    table_cell(l->table, "%llu", (unsigned long long)entry->size_bytes);
    table_cell(l->table, "%llu", (unsigned long long)entry->hits);
    table_cell(l->table, "%s", entry->valid ? "ok" : "damaged");
    table_cell(l->table, "%s", entry->device != NULL ? entry->device : "");
    table_cell(l->table, "%s", entry->name != NULL ? entry->name : "");
    json_array_append_new(
        l->entries, json_pack("{s:s,s:s,s:s,s:I,s:I,s:b}", "kind", entry->kind, "name", entry->name != NULL ? entry->name : "",
                              "device", entry->device != NULL ? entry->device : "", "bytes", (json_int_t)entry->size_bytes,
                              "hits", (json_int_t)entry->hits, "valid", entry->valid));
    return 0;
}

static int list(socle_context *context, bool verify, bool json)
{
    static const char *const titles[] = {"kind", ">bytes", ">hits", "state", "device", "name"};
    listing l = {.table = table_new(COUNT_OF(titles), titles), .entries = json_array()};
    const char *path = socle_cache_path(context);
    const socle_status visited = socle_cache_visit(context, verify, add_entry, &l);
    int status = visited == SOCLE_OK ? DONE : report(visited);
    if (status == DONE && json) {
        status = json_print(json_pack("{s:s,s:i,s:I,s:i,s:O}", "path", path, "count", l.count, "bytes", (json_int_t)l.bytes,
                                      "damaged", l.bad, "entries", l.entries));
    } else if (status == DONE) {
        if (!verify && l.count > 0) {
            table_print(l.table, stdout);
            l.table = NULL;
        }
        printf("%s: %d entries, %.1f MB", path[0] != '\0' ? path : "in memory", l.count, (double)l.bytes / 1e6);
        printf(verify ? ", %d damaged\n" : "\n", l.bad);
        status = output_finish();
    }
    if (status == DONE && l.bad > 0)
        status = fail("%s: %d entries are damaged: socle cache clear removes them", path, l.bad);
    table_free(l.table);
    json_decref(l.entries);
    return status;
}

int command_cache(int argc, char **argv)
{
    const char *what = NULL, *kind = NULL;
    int json = 0;
    const option_spec options[] = {
        {"kind", OPTION_TEXT, &kind, "KIND", "clear: only program, tuning, profile or decision", NULL, 0},
        {"json", OPTION_SET, &json, NULL, "one JSON document", NULL, 0},
    };
    const command_usage usage = {"cache list|verify|clear|path [options]",
                                 "Lists what is kept, checks every checksum, removes everything, or prints where it lies.",
                                 "socle cache verify",
                                 options,
                                 COUNT_OF(options),
                                 1,
                                 1};
    socle_context *context = NULL;
    int status;
    if (!options_parse(&usage, argc, argv, &what, &status))
        return status;
    const bool lists = strcmp(what, "list") == 0, verifies = strcmp(what, "verify") == 0, clears = strcmp(what, "clear") == 0;
    if (!lists && !verifies && !clears && strcmp(what, "path") != 0)
        return usage_error("cache", "'%s' is none of list, verify, clear, path", what);
    if ((status = context_open(NULL, &context)) != DONE)
        return status;
    if (lists || verifies) {
        status = list(context, verifies, json);
    } else if (clears) {
        const socle_status cleared = socle_cache_clear(context, kind);
        status = cleared == SOCLE_OK ? DONE : report(cleared);
    } else {
        const char *path = socle_cache_path(context);
        if (json)
            status = json_print(json_pack("{s:s}", "path", path));
        else
            puts(path[0] != '\0' ? path : "in memory");
    }
    socle_context_destroy(context);
    return status == DONE ? output_finish() : status;
}

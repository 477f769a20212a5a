/* Programs on every device: compiled once, kept, verified, and made again when what was kept is no good. */
#include "program/program.h"

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "folder.h"
#include "on_devices.h"

TestSuite(programs, .init = test_folder_enter, .fini = test_folder_leave, .timeout = 200);

static const char text_of_add[] = "__kernel void add(__global int *x, int n) { x[get_global_id(0)] += n + EXTRA; }";

static program_spec add_spec(const char *options)
{
    return (program_spec){.prelude = text_of_add, .options = options};
}

/* Runs `add` of the program on {0..3} and returns element 3. */
static int run_add(program *p, socle_device *device)
{
    int32_t content[4] = {0, 1, 2, 3};
    const int32_t n = 10;
    const size_t global = 4;
    socle_buffer *buffer = NULL;
    cl_kernel kernel = NULL;
    cr_assert_eq(program_kernel(p, "add", &kernel), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_buffer_create(device, sizeof(content), &buffer), SOCLE_OK);
    cr_assert_eq(socle_buffer_write(socle_buffer_span(buffer), content), SOCLE_OK);
    cr_assert_eq(clSetKernelArg(kernel, 0, sizeof(buffer->memory), &buffer->memory), CL_SUCCESS);
    cr_assert_eq(clSetKernelArg(kernel, 1, sizeof(n), &n), CL_SUCCESS);
    cr_assert_eq(clEnqueueNDRangeKernel(device->queue, kernel, 1, NULL, &global, NULL, 0, NULL, NULL), CL_SUCCESS);
    cr_assert_eq(socle_buffer_read(socle_buffer_span(buffer), content), SOCLE_OK);
    clReleaseKernel(kernel);
    socle_buffer_destroy(buffer);
    return content[3];
}

static program *get(socle_device *device, const program_spec *spec)
{
    program *p = NULL;
    cr_assert_eq(program_get(device, spec, &p), SOCLE_OK, "%s", socle_error_message());
    return p;
}

static void check_same(socle_device *device)
{
    const program_spec one = add_spec("-DEXTRA=1"), two = add_spec("-DEXTRA=2");
    const int before = test_log_count(": compiled ");
    program *a = get(device, &one), *b = get(device, &one), *c = get(device, &two);
    cr_assert_eq(a, b);
    cr_assert_neq(a, c);
    cr_assert_eq(run_add(a, device), 14);
    cr_assert_eq(run_add(c, device), 15);
    program_release(a);
    program_release(b);
    program_release(c);
    a = get(device, &one);
    program_release(a);
    cr_assert_eq(test_log_count(": compiled ") - before, 2, "each once");
    program_release(NULL);
}

Test(programs, same_text_and_options_are_compiled_once)
{
    test_on_devices(check_same);
}

static void check_prelude(socle_device *device)
{
    const program_spec spec = {.source = "check/arithmetic",
                               .prelude = "#define get_global_id(d) get_global_id(d)\n#define UNUSED 1"};
    cl_kernel kernel = NULL;
    program *p = get(device, &spec);
    cr_assert_eq(program_kernel(p, "arithmetic", &kernel), SOCLE_OK, "%s", socle_error_message());
    clReleaseKernel(kernel);
    program_release(p);
    const program_spec absent = {.source = "no/such"}, empty = {0};
    cr_assert_eq(program_get(device, &absent, &p), SOCLE_NOT_FOUND);
    cr_assert_str_eq(socle_error_message(), "there is no embedded kernel source 'no/such'");
    cr_assert_eq(program_get(device, &empty, &p), SOCLE_INVALID_ARGUMENT);
}

Test(programs, prelude_stands_in_front_of_the_embedded_source)
{
    test_on_devices(check_prelude);
}

/* ---- many threads ---- */

typedef struct shared_work {
    socle_device *device;
    pthread_barrier_t barrier;
} shared_work;

static void *get_same(void *argument)
{
    shared_work *work = argument;
    const program_spec spec = add_spec("-DEXTRA=5"), broken = add_spec("-DEXTRA=no_such_name");
    program *p = NULL, *none = NULL;
    pthread_barrier_wait(&work->barrier);
    if (program_get(work->device, &spec, &p) != SOCLE_OK)
        return NULL;
    if (program_get(work->device, &broken, &none) != SOCLE_COMPILE_FAILED ||
        strstr(socle_error_message(), "no_such_name") == NULL)
        return NULL;
    program_release(p);
    return p;
}

static void check_threads(socle_device *device)
{
    enum { THREADS = 6 };
    shared_work work = {.device = device};
    pthread_t threads[THREADS];
    void *programs[THREADS];
    const int before = test_log_count(": compiled ");
    pthread_barrier_init(&work.barrier, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, get_same, &work);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], &programs[i]);
    for (int i = 0; i < THREADS; i++) {
        cr_assert_not_null(programs[i]);
        cr_assert_eq(programs[i], programs[0]);
    }
    cr_assert_eq(test_log_count(": compiled ") - before, 1);
    pthread_barrier_destroy(&work.barrier);
}

Test(programs, many_threads_that_ask_for_one_program_compile_it_once)
{
    test_on_devices(check_threads);
}

static void check_all(socle_device *device)
{
    program_spec specs[12];
    const program_spec *pointers[12];
    char options[12][32];
    const int before = test_log_count(": compiled ");
    for (int i = 0; i < 12; i++) {
        snprintf(options[i], sizeof(options[i]), "-DEXTRA=%d", i / 2 + 100);
        specs[i] = add_spec(options[i]);
        pointers[i] = &specs[i];
    }
    cr_assert_eq(program_get_all(device, pointers, 12), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(test_log_count(": compiled ") - before, 6);
    program *p = get(device, &specs[7]);
    cr_assert_eq(run_add(p, device), 13 + 103);
    program_release(p);
    cr_assert_eq(test_log_count(": compiled ") - before, 6, "it was there");
    specs[5] = add_spec("-DEXTRA=broken_one");
    cr_assert_eq(program_get_all(device, pointers, 12), SOCLE_COMPILE_FAILED);
    cr_assert_not_null(strstr(socle_error_message(), "broken_one"));
    cr_assert_eq(program_get_all(device, NULL, 0), SOCLE_OK);
}

Test(programs, all_are_had_at_once_without_repetition)
{
    test_on_devices(check_all);
}

/* ---- the store ---- */

/* Equal devices, such as two halves of one, share what is stored. */
static bool first_of_its_kind(const socle_context *context, int index)
{
    for (int i = 0; i < index; i++)
        if (strcmp(context->devices[i]->identity, context->devices[index]->identity) == 0)
            return false;
    return true;
}

/* Runs each kind's `add` in a context of its own over the folder "cache"; returns how many programs were compiled. */
static int run_with_store(void)
{
    const int before = test_log_count(": compiled ");
    socle_context *context = test_context("cache");
    for (int i = 0; i < socle_device_count(context); i++) {
        const program_spec spec = add_spec("-DEXTRA=7");
        socle_device *device = socle_device_at(context, i);
        if (!first_of_its_kind(context, i))
            continue;
        program *p = get(device, &spec);
        cr_assert_eq(run_add(p, device), 20, "on %s", device->info.id);
        cr_assert_eq(socle_device_finish(device), SOCLE_OK);
        program_refresh_binary(p);
        program_release(p);
    }
    socle_context_destroy(context);
    cr_assert_eq(memory_live_count(), 0);
    return test_log_count(": compiled ") - before;
}

static void change_store(const char *sql)
{
    sqlite3 *handle = NULL;
    cr_assert_eq(sqlite3_open("cache/socle.db", &handle), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(handle));
    cr_assert_gt(sqlite3_changes(handle), 0);
    sqlite3_close(handle);
}

/* rusticl's own check of a binary's version ends the process (Mesa 22.3, core/program.rs: "unknown version"). */
static bool aborts_on_foreign_binaries(const socle_context *context)
{
    for (int i = 0; i < socle_device_count(context); i++)
        if (strcmp(context->devices[i]->info.platform, "rusticl") == 0)
            return true;
    return false;
}

static int devices_that_keep_binaries(void)
{
    socle_context *context = test_context("");
    int count = 0;
    for (int i = 0; i < socle_device_count(context); i++)
        count += first_of_its_kind(context, i) && !device_has_quirk(socle_device_at(context, i), QUIRK_NO_BINARIES);
    socle_context_destroy(context);
    return count;
}

static int kinds_of_devices(void)
{
    socle_context *context = test_context("");
    int count = 0;
    for (int i = 0; i < socle_device_count(context); i++)
        count += first_of_its_kind(context, i);
    socle_context_destroy(context);
    return count;
}

Test(programs, next_run_takes_binaries_from_the_store)
{
    const int devices = kinds_of_devices();
    cr_assert_eq(run_with_store(), devices);
    cr_assert_eq(run_with_store(), devices - devices_that_keep_binaries());
    cr_assert_eq(test_log_count("refused and compiled again"), 0);
}

static int run_own_kernel(void)
{
    static const char doubling[] = "__kernel void doubling(__global int *x) { x[get_global_id(0)] *= 2; }";
    const int before = test_log_count(": compiled ");
    const size_t global = 1;
    socle_context *context = test_context("cache");
    for (int i = 0; i < socle_device_count(context); i++) {
        socle_device *device = socle_device_at(context, i);
        socle_kernel *kernel = NULL;
        socle_buffer *buffer = NULL;
        int32_t value = 21;
        if (!first_of_its_kind(context, i))
            continue;
        cr_assert_eq(socle_kernel_create(device, doubling, NULL, "doubling", &kernel), SOCLE_OK, "%s", socle_error_message());
        cr_assert_eq(socle_buffer_create(device, sizeof(value), &buffer), SOCLE_OK);
        cr_assert_eq(socle_buffer_write(socle_buffer_span(buffer), &value), SOCLE_OK);
        cr_assert_eq(socle_kernel_set_span(kernel, 0, socle_buffer_span(buffer)), SOCLE_OK);
        cr_assert_eq(socle_kernel_launch(kernel, 1, &global, NULL), SOCLE_OK);
        cr_assert_eq(socle_buffer_read(socle_buffer_span(buffer), &value), SOCLE_OK);
        cr_assert_eq(value, 42);
        socle_kernel_destroy(kernel);
        socle_buffer_destroy(buffer);
    }
    socle_context_destroy(context);
    return test_log_count(": compiled ") - before;
}

Test(programs, kernel_of_a_host_is_compiled_in_the_first_run_only)
{
    const int devices = kinds_of_devices();
    cr_assert_eq(run_own_kernel(), devices);
    cr_assert_eq(run_own_kernel(), devices - devices_that_keep_binaries());
}

/* A driver never sees these bytes: it would crash on some of them. */
Test(programs, damaged_binary_is_never_given_to_the_driver)
{
    const int devices = kinds_of_devices(), stored = devices_that_keep_binaries();
    run_with_store();
    if (stored == 0)
        return;
    const char *const damages[] = {
        "UPDATE entry SET value = CAST(substr(value, 1, size / 2) || x'DEADBEEF' || substr(value, size / 2 + 5) AS BLOB)",
        "UPDATE entry SET value = CAST(substr(value, 1, size / 3) AS BLOB)",
        "UPDATE entry SET value = x''",
        "UPDATE entry SET value = zeroblob(size)",
    };
    for (size_t i = 0; i < COUNT_OF(damages); i++) {
        change_store(damages[i]);
        cr_assert_eq(run_with_store(), devices, "damage %zu", i);
        cr_assert_eq(test_log_count("does not match its checksum"), stored * ((int)i + 1));
        cr_assert_eq(test_log_count("refused and compiled again"), 0);
    }
}

/* The checksum is right, but the driver (another build of it, say) does not want the binary. */
Test(programs, binary_that_the_driver_refuses_is_compiled_from_source)
{
    static const char nonsense[] = "this is no program binary of any driver";
    const int devices = kinds_of_devices();
    socle_context *context = test_context("");
    const bool aborts = aborts_on_foreign_binaries(context);
    socle_context_destroy(context);
    if (aborts || devices_that_keep_binaries() < devices)
        return;
    run_with_store();
    store *s = NULL;
    sqlite3 *handle = NULL;
    sqlite3_stmt *keys = NULL;
    hash128 key[8];
    int count = 0;
    cr_assert_eq(sqlite3_open("cache/socle.db", &handle), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(handle, "SELECT key FROM entry WHERE kind = 'program'", -1, &keys, NULL), SQLITE_OK);
    while (sqlite3_step(keys) == SQLITE_ROW && count < 8)
        memcpy(&key[count++], sqlite3_column_blob(keys, 0), sizeof(key[0]));
    sqlite3_finalize(keys);
    sqlite3_close(handle);
    cr_assert_eq(count, devices);
    cr_assert_eq(store_open("cache", NULL, &s), SOCLE_OK);
    for (int i = 0; i < count; i++)
        cr_assert_eq(store_put(s, "program", key[i], "n", "d", nonsense, sizeof(nonsense)), SOCLE_OK);
    store_close(s);
    cr_assert_eq(run_with_store(), devices);
    cr_assert_eq(test_log_count("refused and compiled again"), devices);
    cr_assert_eq(run_with_store(), 0, "the good one was stored again");
}

static int hits_of_programs(const socle_cache_entry *entry, void *user)
{
    cr_assert_str_eq(entry->kind, "program");
    cr_assert_eq(strncmp(entry->name, "generated -DEXTRA=7", 19), 0);
    cr_assert(entry->valid);
    *(int *)user += (int)entry->hits;
    return 0;
}

Test(programs, store_tells_what_it_has)
{
    run_with_store();
    run_with_store();
    int hits = 0;
    socle_context *context = test_context("cache");
    cr_assert_str_eq(socle_cache_path(context), "cache/socle.db");
    cr_assert_eq(socle_cache_visit(context, 1, hits_of_programs, &hits), SOCLE_OK);
    cr_assert_eq(hits, devices_that_keep_binaries());
    cr_assert_eq(socle_cache_clear(context, NULL), SOCLE_OK);
    hits = 0;
    cr_assert_eq(socle_cache_visit(context, 1, hits_of_programs, &hits), SOCLE_OK);
    cr_assert_eq(hits, 0);
    socle_context_destroy(context);
}

static void check_failing_allocations(socle_device *device)
{
    const program_spec spec = add_spec("-DEXTRA=8");
    program_release(get(device, &spec));
    bool reached_the_end = false;
    for (int n = 0; !reached_the_end && n < 200; n++) {
        char options[32];
        snprintf(options, sizeof(options), "-DEXTRA=%d", 1000 + n);
        const program_spec fresh = add_spec(options);
        program *p = NULL;
        memory_fail_after(n);
        const socle_status status = program_get(device, &fresh, &p);
        memory_fail_after(-1);
        cr_assert(status == SOCLE_OK || status == SOCLE_OUT_OF_MEMORY, "%s", socle_error_message());
        reached_the_end = status == SOCLE_OK && n > 10;
        if (status == SOCLE_OK)
            cr_assert_eq(run_add(p, device), 13 + 1000 + n);
        program_release(p);
    }
    cr_assert(reached_the_end);
}

Test(programs, every_failing_allocation_is_a_clean_error)
{
    test_on_devices(check_failing_allocations);
}

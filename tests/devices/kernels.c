/* A host's own kernels on every device: arguments, launches, errors with the compiler's log, and the tuner. */
#include "device/device.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "on_devices.h"

TestSuite(kernels, .timeout = 200);

static const char source[] =
    "__kernel void scale(__global const float *x, __global float *y, float factor, int count)\n"
    "{\n"
    "    for (int i = get_global_id(0); i < count; i += get_global_size(0))\n"
    "        y[i] = x[i] * factor + ADD;\n"
    "}\n"
    "__kernel __attribute__((reqd_work_group_size(4, 1, 1))) void reversed(__global const float *x, __global float *y, __local "
    "float *shared)\n"
    "{\n"
    "    int l = get_local_id(0);\n"
    "    shared[l] = x[get_global_id(0)];\n"
    "    barrier(CLK_LOCAL_MEM_FENCE);\n"
    "    y[get_global_id(0)] = shared[3 - l];\n"
    "}\n"
    "__kernel void ids(__global int *out)\n"
    "{\n"
    "    out[(get_global_id(2) * get_global_size(1) + get_global_id(1)) * get_global_size(0) + get_global_id(0)] =\n"
    "        get_global_id(0) + 100 * get_global_id(1) + 10000 * get_global_id(2);\n"
    "}\n";

static socle_kernel *make(socle_device *device, const char *options, const char *name)
{
    socle_kernel *kernel = NULL;
    cr_assert_eq(socle_kernel_create(device, source, options, name, &kernel), SOCLE_OK, "%s", socle_error_message());
    return kernel;
}

static socle_buffer *buffer_of(socle_device *device, const void *content, size_t size_bytes)
{
    socle_buffer *buffer = NULL;
    cr_assert_eq(socle_buffer_create(device, size_bytes, &buffer), SOCLE_OK);
    cr_assert_eq(socle_buffer_write(socle_buffer_span(buffer), content), SOCLE_OK);
    return buffer;
}

static void check_scale(socle_device *device)
{
    enum { COUNT = 1000 };
    float x[COUNT], y[COUNT];
    const float factor = 2;
    const int32_t count = COUNT;
    const size_t global = 64, none = 0;
    for (int i = 0; i < COUNT; i++)
        x[i] = (float)i;
    memset(y, 0, sizeof(y));
    socle_buffer *from = buffer_of(device, x, sizeof(x)), *to = buffer_of(device, y, sizeof(y));
    socle_kernel *kernel = make(device, "-DADD=1.0f", "scale");
    cr_assert_eq(socle_kernel_set_span(kernel, 0, socle_buffer_span(from)), SOCLE_OK);
    cr_assert_eq(socle_kernel_set_span(kernel, 1, socle_buffer_span(to)), SOCLE_OK);
    cr_assert_eq(socle_kernel_set_value(kernel, 2, sizeof(factor), &factor), SOCLE_OK);
    cr_assert_eq(socle_kernel_set_value(kernel, 3, sizeof(count), &count), SOCLE_OK);
    cr_assert_eq(socle_kernel_launch(kernel, 1, &none, NULL), SOCLE_OK, "no work-item: nothing to do");
    cr_assert_eq(socle_buffer_read(socle_buffer_span(to), y), SOCLE_OK);
    cr_assert_eq(y[5], 0);
    cr_assert_eq(socle_kernel_launch(kernel, 1, &global, NULL), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_buffer_read(socle_buffer_span(to), y), SOCLE_OK);
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(y[i], (float)i * 2 + 1, "element %d on %s", i, device->info.id);
    double seconds = -1;
    cr_assert_eq(socle_kernel_measure(kernel, 1, &global, NULL, 3, &seconds), SOCLE_OK);
    cr_assert(seconds > 0 && seconds < 1);
    socle_kernel_destroy(kernel);
    socle_buffer_destroy(from);
    socle_buffer_destroy(to);
}

Test(kernels, kernel_computes_and_its_time_is_measured)
{
    test_on_devices(check_scale);
}

static void check_spans(socle_device *device)
{
    const size_t alignment = device->capabilities.base_alignment_bytes, global = 4;
    const size_t floats = alignment / sizeof(float), total = 3 * floats;
    float *x = memory_alloc_array(total, sizeof(*x)), *y = memory_alloc_array(total, sizeof(*y));
    for (size_t i = 0; i < total; i++)
        x[i] = (float)i;
    socle_buffer *buffer = buffer_of(device, x, total * sizeof(*x));
    socle_kernel *kernel = make(device, "-DADD=0", "reversed");
    cr_assert_eq(socle_kernel_set_span(kernel, 0, (socle_span){buffer, alignment, 16}), SOCLE_OK);
    cr_assert_eq(socle_kernel_set_span(kernel, 1, (socle_span){buffer, 2 * alignment, 16}), SOCLE_OK);
    cr_assert_eq(socle_kernel_set_local(kernel, 2, 16), SOCLE_OK);
    cr_assert_eq(socle_kernel_launch(kernel, 1, &global, &global), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_buffer_read(socle_buffer_span(buffer), y), SOCLE_OK);
    for (size_t i = 0; i < total; i++) {
        const bool written = i >= 2 * floats && i < 2 * floats + 4;
        cr_assert_eq(y[i], written ? x[floats + 3 - (i - 2 * floats)] : x[i], "element %zu", i);
    }
    cr_assert_eq(socle_kernel_set_span(kernel, 0, (socle_span){buffer, 4, 16}), SOCLE_INVALID_ARGUMENT);
    cr_assert_eq(socle_kernel_set_local(kernel, 2, SIZE_MAX / 2), SOCLE_INVALID_ARGUMENT);
    const size_t odd = 3;
    cr_assert_neq(socle_kernel_launch(kernel, 1, &odd, &odd), SOCLE_OK, "the kernel demands groups of 4");
    cr_assert_not_null(strstr(socle_error_message(), "kernel 'reversed'"));
    cr_assert_eq(socle_kernel_launch(kernel, 4, &global, NULL), SOCLE_INVALID_ARGUMENT);
    cr_assert_eq(socle_kernel_launch(kernel, 1, NULL, NULL), SOCLE_INVALID_ARGUMENT);
    socle_kernel_destroy(kernel);
    socle_buffer_destroy(buffer);
    memory_free(x);
    memory_free(y);
}

Test(kernels, span_argument_begins_at_its_offset)
{
    test_on_devices(check_spans);
}

static void check_dimensions(socle_device *device)
{
    int32_t out[2 * 3 * 4] = {0};
    const size_t global[] = {4, 3, 2};
    socle_buffer *buffer = buffer_of(device, out, sizeof(out));
    socle_kernel *kernel = make(device, "-DADD=0", "ids");
    cr_assert_eq(socle_kernel_set_span(kernel, 0, socle_buffer_span(buffer)), SOCLE_OK);
    cr_assert_eq(socle_kernel_launch(kernel, 3, global, NULL), SOCLE_OK);
    cr_assert_eq(socle_buffer_read(socle_buffer_span(buffer), out), SOCLE_OK);
    for (int z = 0, i = 0; z < 2; z++)
        for (int y = 0; y < 3; y++)
            for (int x = 0; x < 4; x++, i++)
                cr_assert_eq(out[i], x + 100 * y + 10000 * z);
    socle_kernel_destroy(kernel);
    socle_buffer_destroy(buffer);
}

Test(kernels, three_dimensions_are_launched)
{
    test_on_devices(check_dimensions);
}

static void check_errors(socle_device *device)
{
    socle_kernel *kernel = NULL;
    char beginning[128];
    cr_assert_eq(socle_kernel_create(device, "__kernel void f(__global int *o) { o[0] = undeclared_name; }", "", "f", &kernel),
                 SOCLE_COMPILE_FAILED);
    snprintf(beginning, sizeof(beginning), "%s: generated does not compile with options ''", device->info.id);
    cr_assert_eq(strncmp(socle_error_message(), beginning, strlen(beginning)), 0, "%s", socle_error_message());
    cr_assert_not_null(strstr(socle_error_message(), "undeclared_name"), "%s", socle_error_message());
    cr_assert_eq(socle_kernel_create(device, source, "-DADD=0", "absent", &kernel), SOCLE_NOT_FOUND, "%s", socle_error_message());
    snprintf(beginning, sizeof(beginning), "%s: generated has no kernel 'absent': it has ", device->info.id);
    cr_assert_eq(strncmp(socle_error_message(), beginning, strlen(beginning)), 0, "%s", socle_error_message());
    cr_assert_not_null(strstr(socle_error_message(), "reversed"));
    cr_assert_eq(socle_kernel_create(device, NULL, NULL, "f", &kernel), SOCLE_INVALID_ARGUMENT);
    cr_assert_null(kernel);
    kernel = make(device, "-DADD=0", "scale");
    const float value = 1;
    cr_assert_eq(socle_kernel_set_value(kernel, 99, sizeof(value), &value), SOCLE_INVALID_ARGUMENT);
    cr_assert_eq(socle_kernel_set_value(kernel, -1, sizeof(value), &value), SOCLE_INVALID_ARGUMENT);
    cr_assert_eq(socle_kernel_set_value(kernel, 2, 0, NULL), SOCLE_INVALID_ARGUMENT);
    cr_assert_eq(socle_kernel_set_span(kernel, 0, (socle_span){0}), SOCLE_INVALID_ARGUMENT);
    socle_kernel_destroy(kernel);
    socle_kernel_destroy(NULL);
}

Test(kernels, errors_name_the_kernel_and_show_the_log)
{
    test_on_devices(check_errors);
}

Test(kernels, buffer_of_another_device_is_refused)
{
    socle_context *context = test_context(""), *other = test_context("");
    socle_device *device = socle_device_at(context, 0);
    const float zero = 0;
    socle_buffer *elsewhere = buffer_of(socle_device_at(other, 0), &zero, sizeof(zero));
    socle_kernel *kernel = make(device, "-DADD=0", "scale");
    cr_assert_eq(socle_kernel_set_span(kernel, 0, socle_buffer_span(elsewhere)), SOCLE_INVALID_ARGUMENT);
    socle_kernel_destroy(kernel);
    socle_buffer_destroy(elsewhere);
    socle_context_destroy(context);
    socle_context_destroy(other);
}

/* ---- the tuner ---- */

static const char tuned_source[] = "__kernel void work(__global float *y, int count)\n"
                                   "{\n"
                                   "    float sum = 0;\n"
                                   "    for (int k = 0; k < LOOPS; k++)\n"
                                   "        sum = sum * 0.5f + (float)(k & count);\n"
                                   "    y[get_global_id(0)] = sum;\n"
                                   "}\n";

typedef struct tuned_work {
    socle_buffer *buffer;
    int binds;
    int refused; /* candidate whose binding fails, or -1 */
} tuned_work;

static socle_status bind(socle_kernel *kernel, int candidate, void *user)
{
    tuned_work *work = user;
    const int32_t count = 7;
    work->binds++;
    if (candidate == work->refused)
        return SOCLE_INVALID_ARGUMENT;
    socle_status status = socle_kernel_set_span(kernel, 0, socle_buffer_span(work->buffer));
    return status == SOCLE_OK ? socle_kernel_set_value(kernel, 1, sizeof(count), &count) : status;
}

/* Candidate 2 does a thousandth of the work of the others; 0 does not compile; 1 is refused by bind. */
static const socle_tune_candidate candidates[] = {
    {.options = "-DLOOPS=does_not_compile", .dims = 1, .global = {64}, .local = {1}},
    {.options = "-DLOOPS=10", .dims = 1, .global = {64}},
    {.options = "-DLOOPS=40", .dims = 1, .global = {64}, .local = {1}},
    {.options = "-DLOOPS=40000", .dims = 1, .global = {64}, .local = {1}},
};

static void check_tuner(socle_device *device)
{
    const float content[64] = {0};
    char problem[128]; /* with the device's name: equal devices know each other's tunings */
    tuned_work work = {buffer_of(device, content, sizeof(content)), 0, 1};
    int best = -1;
    snprintf(problem, sizeof(problem), "work 64 on %s", device->info.id);
    double seconds = 0, again = 0;
    cr_assert_eq(socle_kernel_tune(device, problem, tuned_source, "work", candidates, 4, bind, &work, 1, &best, &seconds),
                 SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(best, 2, "%s chose %d", device->info.id, best);
    cr_assert_gt(seconds, 0);
    const int binds = work.binds;
    cr_assert_gt(binds, 0);
    best = -1;
    cr_assert_eq(socle_kernel_tune(device, problem, tuned_source, "work", candidates, 4, bind, &work, 1, &best, &again),
                 SOCLE_OK);
    cr_assert_eq(best, 2);
    cr_assert_eq(again, seconds);
    cr_assert_eq(work.binds, binds, "answered from the store");
    best = -1;
    problem[6] = '5';
    cr_assert_eq(socle_kernel_tune(device, problem, tuned_source, "work", candidates, 4, bind, &work, 1, &best, NULL), SOCLE_OK);
    cr_assert_gt(work.binds, binds, "another problem is measured");
    best = -1;
    cr_assert_eq(socle_kernel_tune(device, "nothing runs", tuned_source, "work", candidates, 2, bind, &work, 1, &best, NULL),
                 SOCLE_UNSUPPORTED);
    cr_assert_eq(best, -1);
    cr_assert_eq(socle_kernel_tune(device, "none", tuned_source, "work", candidates, 0, bind, &work, 1, &best, NULL),
                 SOCLE_INVALID_ARGUMENT);
    socle_buffer_destroy(work.buffer);
}

Test(kernels, tuner_finds_the_fastest_that_runs_and_remembers_it)
{
    test_on_devices(check_tuner);
}

Test(kernels, tuning_is_remembered_by_the_next_context)
{
    char folder[] = "/tmp/socle-tune-XXXXXX", command[64];
    cr_assert_not_null(mkdtemp(folder));
    int binds[2];
    for (int run = 0; run < 2; run++) {
        socle_context *context = test_context(folder);
        socle_device *device = socle_device_at(context, 0);
        const float content[64] = {0};
        int best = -1;
        tuned_work work = {buffer_of(device, content, sizeof(content)), 0, 1};
        cr_assert_eq(socle_kernel_tune(device, "work", tuned_source, "work", candidates, 4, bind, &work, 1, &best, NULL),
                     SOCLE_OK);
        cr_assert_eq(best, 2);
        binds[run] = work.binds;
        socle_buffer_destroy(work.buffer);
        socle_context_destroy(context);
    }
    cr_assert_gt(binds[0], 0);
    cr_assert_eq(binds[1], 0);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}

/* Some drivers get other loads and stores of vectors than their own (QUIRK_SPLIT_VECTORS): every type, width and space, where
 * only an element's alignment is given. */
static void check_vectors(socle_device *device, const char *type, int width)
{
    static const char moves[] = "#ifdef cl_khr_fp64\n"
                                "#pragma OPENCL EXTENSION cl_khr_fp64 : enable\n"
                                "#endif\n"
                                "#define JOIN_(a, b) a##b\n"
                                "#define JOIN(a, b) JOIN_(a, b)\n"
                                "__kernel void move(__global const TYPE *from, __global TYPE *to) {\n"
                                "    __local TYPE near[64]; TYPE own[64];\n"
                                "    JOIN(vstore, N)(JOIN(vload, N)(1, from + 1), 1, near + 3);\n"
                                "    JOIN(vstore, N)(JOIN(vload, N)(1, near + 3), 0, own + 5);\n"
                                "    JOIN(vstore, N)(JOIN(vload, N)(0, own + 5), 1, to + 1);\n"
                                "}\n"
                                "__kernel void convert(__global const float *x, __global TYPE *from, __global TYPE *to) {\n"
                                "    for (int i = 0; i < 64; i++) { from[i] = (TYPE)x[i]; to[i] = (TYPE)99; }\n"
                                "}\n"
                                "__kernel void back(__global const TYPE *to, __global float *x) {\n"
                                "    for (int i = 0; i < 64; i++) x[i] = (float)to[i];\n"
                                "}\n";
    char options[64];
    float x[64];
    const size_t one = 1;
    socle_kernel *convert = NULL, *move = NULL, *back = NULL;
    for (int i = 0; i < 64; i++)
        x[i] = (float)(i + 1);
    snprintf(options, sizeof(options), "-DTYPE=%s -DN=%d", type, width);
    socle_buffer *values = buffer_of(device, x, sizeof(x)), *from, *to;
    cr_assert_eq(socle_buffer_create(device, 64 * 8, &from), SOCLE_OK);
    cr_assert_eq(socle_buffer_create(device, 64 * 8, &to), SOCLE_OK);
    cr_assert_eq(socle_kernel_create(device, moves, options, "convert", &convert), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_kernel_create(device, moves, options, "move", &move), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_kernel_create(device, moves, options, "back", &back), SOCLE_OK, "%s", socle_error_message());
    socle_kernel_set_span(convert, 0, socle_buffer_span(values));
    socle_kernel_set_span(convert, 1, socle_buffer_span(from));
    socle_kernel_set_span(convert, 2, socle_buffer_span(to));
    socle_kernel_set_span(move, 0, socle_buffer_span(from));
    socle_kernel_set_span(move, 1, socle_buffer_span(to));
    socle_kernel_set_span(back, 0, socle_buffer_span(to));
    socle_kernel_set_span(back, 1, socle_buffer_span(values));
    cr_assert_eq(socle_kernel_launch(convert, 1, &one, &one), SOCLE_OK);
    cr_assert_eq(socle_kernel_launch(move, 1, &one, &one), SOCLE_OK);
    cr_assert_eq(socle_kernel_launch(back, 1, &one, &one), SOCLE_OK);
    cr_assert_eq(socle_buffer_read(socle_buffer_span(values), x), SOCLE_OK);
    for (int i = 0; i < 64; i++) {
        const bool moved = i >= 1 + width && i < 1 + 2 * width;
        cr_assert_eq(x[i], moved ? (float)(i + 1) : 99, "%s: %s%d, element %d is %g", device->info.id, type, width, i,
                     (double)x[i]);
    }
    socle_kernel_destroy(convert);
    socle_kernel_destroy(move);
    socle_kernel_destroy(back);
    socle_buffer_destroy(values);
    socle_buffer_destroy(from);
    socle_buffer_destroy(to);
}

static void check_all_vectors(socle_device *device)
{
    static const char *const types[] = {"char", "uchar", "short", "ushort", "int", "uint", "long", "ulong", "float", "double"};
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (strcmp(types[i], "double") != 0 || device->capabilities.fp64)
            for (int width = 4; width <= 16; width *= 2)
                check_vectors(device, types[i], width);
}

Test(kernels, vectors_lie_wherever_an_element_may)
{
    test_on_devices(check_all_vectors);
}

static void check_pasted_names(socle_device *device)
{
    static const char text[] =
        "#define JOIN_(a, b) a##b\n"
        "#define JOIN(a, b) JOIN_(a, b)\n"
        "#define TEXT_(x) #x\n"
        "#define TEXT(x) TEXT_(x)\n"
        "__constant char names[] = TEXT(JOIN(vload, N)) TEXT(JOIN(vstore, N));\n"
        "__kernel void spell(__global char *to) { for (int i = 0; i < sizeof(names); i++) to[i] = names[i]; }\n";
    char names[64] = "";
    const size_t one = 1;
    socle_kernel *spell = NULL;
    socle_buffer *to = buffer_of(device, names, sizeof(names));
    if (!device_has_quirk(device, QUIRK_SPLIT_VECTORS))
        goto cleanup;
    cr_assert_eq(socle_kernel_create(device, text, "-DN=16", "spell", &spell), SOCLE_OK, "%s", socle_error_message());
    socle_kernel_set_span(spell, 0, socle_buffer_span(to));
    cr_assert_eq(socle_kernel_launch(spell, 1, &one, &one), SOCLE_OK);
    cr_assert_eq(socle_buffer_read(socle_buffer_span(to), names), SOCLE_OK);
    cr_assert_str_eq(names, "socle_vload16socle_vstore16");
cleanup:
    socle_kernel_destroy(spell);
    socle_buffer_destroy(to);
}

/* PoCL renames vload and vstore themselves: what kernels paste of them and a width must not end at its own all the same. */
Test(kernels, vectors_are_replaced_where_their_names_are_pasted)
{
    test_on_devices(check_pasted_names);
}

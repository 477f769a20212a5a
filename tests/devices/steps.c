/* Steps on every device: launches, copies, fills and calls run in order on bound operands, as often as wanted. */
#include "program/program.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "on_devices.h"

TestSuite(steps, .timeout = 120);

static const char text_of_axpy[] =
    "__kernel void axpy(__global const float *x, __global float *y, float a, int count, long scale, __local float *shared)\n"
    "{\n"
    "    int i = get_global_id(0);\n"
    "    shared[get_local_id(0)] = x[i];\n"
    "    barrier(CLK_LOCAL_MEM_FENCE);\n"
    "    if (i < count)\n"
    "        y[i] += a * shared[get_local_id(0)] * (float)(scale >> 32);\n"
    "}\n";

enum { COUNT = 64, X = 0, Y = 1, Z = 2, OPERANDS = 3 };

typedef struct fixture {
    socle_buffer *arena;
    socle_span spans[OPERANDS];
    float x[COUNT], y[COUNT];
} fixture;

/* Three operands in one arena, behind each other: two of them at an offset. */
static void open_fixture(socle_device *device, fixture *f)
{
    const size_t size = COUNT * sizeof(float), alignment = device->capabilities.base_alignment_bytes;
    const size_t stride = (size + alignment - 1) / alignment * alignment;
    cr_assert_eq(socle_buffer_create(device, 3 * stride, &f->arena), SOCLE_OK);
    for (int i = 0; i < OPERANDS; i++)
        f->spans[i] = (socle_span){f->arena, (size_t)i * stride, size};
    for (int i = 0; i < COUNT; i++) {
        f->x[i] = (float)i;
        f->y[i] = (float)(1000 - i);
    }
    cr_assert_eq(socle_buffer_write(f->spans[X], f->x), SOCLE_OK);
    cr_assert_eq(socle_buffer_write(f->spans[Y], f->y), SOCLE_OK);
}

static void add_axpy(step_list *list, int count)
{
    const program_spec spec = {.prelude = text_of_axpy};
    const step_arg args[] = {ARG_OPERAND(X),
                             ARG_OPERAND(Y),
                             ARG_FLOAT(0.5f),
                             ARG_INT(count),
                             ARG_LONG((int64_t)4 << 32),
                             ARG_LOCAL(16 * sizeof(float))};
    const size_t global = COUNT, local = 16;
    cr_assert_eq(step_launch(list, "test/axpy", &spec, "axpy", args, COUNT_OF(args), 1, &global, &local, 1, 2), SOCLE_OK, "%s",
                 socle_error_message());
}

static bound_steps *bind(socle_device *device, const step_list *list, const fixture *f)
{
    bound_steps *bound = NULL;
    cr_assert_eq(steps_bind(device, list, f->spans, OPERANDS, &bound), SOCLE_OK, "%s", socle_error_message());
    return bound;
}

static socle_status call_fill(socle_device *device, cl_command_queue queue, const cl_mem *memory, const step_arg *args,
                              int arg_count, const void *data)
{
    const float *value = data;
    cr_assert_eq(arg_count, 2);
    cr_assert_eq(args[0].value, 8);
    cr_assert_null(memory[0]);
    return device_status(device,
                         clEnqueueFillBuffer(queue, memory[1], value, sizeof(*value), 0, (size_t)args[0].value, 0, NULL, NULL),
                         "clEnqueueFillBuffer");
}

static void check_all_kinds(socle_device *device)
{
    fixture f;
    step_list list = {0};
    float z[COUNT], y[COUNT];
    open_fixture(device, &f);
    add_axpy(&list, COUNT - 1);
    step *copy = step_add(&list, STEP_COPY, "copy");
    copy->from = Y;
    copy->to = Z;
    copy->size_bytes = sizeof(f.y);
    step *fill = step_add(&list, STEP_FILL, "fill");
    fill->to = Z;
    fill->to_offset_bytes = 12;
    fill->size_bytes = 20;
    const float two = 2;
    memcpy(&fill->fill, &two, sizeof(two));
    step *call = step_add(&list, STEP_CALL, "call");
    call->call = call_fill;
    call->args[0] = ARG_INT(8);
    call->args[1] = ARG_OPERAND(Z);
    call->arg_count = 2;
    call->call_data = memory_alloc(sizeof(float));
    *(float *)call->call_data = 3;
    bound_steps *bound = bind(device, &list, &f);
    for (int run = 1; run <= 3; run++) {
        cr_assert_eq(steps_enqueue(bound, NULL), SOCLE_OK, "%s", socle_error_message());
        cr_assert_eq(socle_buffer_read(f.spans[Y], y), SOCLE_OK);
        cr_assert_eq(socle_buffer_read(f.spans[Z], z), SOCLE_OK);
        for (int i = 0; i < COUNT; i++) {
            cr_assert_eq(y[i], f.y[i] + (i < COUNT - 1 ? 2 * run * f.x[i] : 0), "element %d of run %d on %s", i, run,
                         device->info.id);
            cr_assert_eq(z[i], i < 2 ? 3 : i >= 3 && i < 8 ? 2 : y[i], "element %d", i);
        }
    }
    float x[COUNT];
    cr_assert_eq(socle_buffer_read(f.spans[X], x), SOCLE_OK);
    cr_assert_eq(memcmp(x, f.x, sizeof(x)), 0, "its neighbour in the arena is untouched");
    steps_release(bound);
    step_list_finish(&list);
    socle_buffer_destroy(f.arena);
}

Test(steps, launch_copy_fill_and_call_run_in_order_again_and_again)
{
    test_on_devices(check_all_kinds);
}

static void check_range_and_queue(socle_device *device)
{
    fixture f;
    step_list list = {0};
    float y[COUNT];
    cl_command_queue queue = NULL;
    open_fixture(device, &f);
    for (int i = 0; i < 4; i++)
        add_axpy(&list, COUNT);
    bound_steps *bound = bind(device, &list, &f);
    cr_assert_eq(socle_device_finish(device), SOCLE_OK); /* what was written must be there for the other queue */
    cr_assert_eq(device_queue_create(device, QUEUE_LOCAL_THREAD, false, &queue), SOCLE_OK);
    cr_assert_eq(steps_enqueue_range(bound, queue, 1, 2), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(steps_enqueue_range(bound, queue, 0, 0), SOCLE_OK);
    cr_assert_eq(clFinish(queue), CL_SUCCESS);
    cr_assert_eq(socle_buffer_read(f.spans[Y], y), SOCLE_OK);
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(y[i], f.y[i] + 2 * 2 * f.x[i]);
    clReleaseCommandQueue(queue);
    steps_release(bound);
    step_list_finish(&list);
    socle_buffer_destroy(f.arena);
}

Test(steps, range_runs_on_a_queue_of_its_own)
{
    test_on_devices(check_range_and_queue);
}

static void check_empty(socle_device *device)
{
    fixture f;
    step_list list = {0}, none = {0};
    const program_spec spec = {.prelude = text_of_axpy};
    const step_arg args[] = {ARG_OPERAND(X), ARG_OPERAND(Y), ARG_FLOAT(1), ARG_INT(0), ARG_LONG(0), ARG_LOCAL(64)};
    const size_t zero = 0;
    open_fixture(device, &f);
    cr_assert_eq(step_launch(&list, "test/axpy", &spec, "axpy", args, COUNT_OF(args), 1, &zero, NULL, 0, 0), SOCLE_OK);
    step_add(&list, STEP_COPY, "copy")->to = Z;
    step_add(&list, STEP_FILL, "fill")->to = Z;
    bound_steps *bound = bind(device, &list, &f), *nothing = bind(device, &none, &f);
    cr_assert_eq(steps_enqueue(bound, NULL), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(steps_enqueue(nothing, NULL), SOCLE_OK);
    cr_assert_eq(socle_device_finish(device), SOCLE_OK);
    steps_release(bound);
    steps_release(nothing);
    steps_release(NULL);
    step_list_finish(&list);
    socle_buffer_destroy(f.arena);
}

Test(steps, step_without_work_is_skipped)
{
    test_on_devices(check_empty);
}

static void expect_refusal(socle_device *device, step_list *list, const fixture *f, socle_status expected, const char *message)
{
    bound_steps *bound = NULL;
    cr_assert_eq(steps_bind(device, list, f->spans, OPERANDS, &bound), expected, "%s", socle_error_message());
    cr_assert_not_null(strstr(socle_error_message(), message), "%s", socle_error_message());
    cr_assert_null(bound);
    step_list_finish(list);
}

static void check_refusals(socle_device *device)
{
    fixture f;
    step_list list = {0};
    const size_t one = 1;
    open_fixture(device, &f);
    add_axpy(&list, COUNT);
    list.items[0].args[0].operand = OPERANDS;
    expect_refusal(device, &list, &f, SOCLE_INTERNAL, "step 0 (test/axpy): ");
    add_axpy(&list, COUNT);
    f.spans[X].offset_bytes += 4;
    f.spans[X].size_bytes -= 4;
    expect_refusal(device, &list, &f, SOCLE_INVALID_ARGUMENT, "operand 0: ");
    f.spans[X].buffer = NULL;
    add_axpy(&list, COUNT);
    expect_refusal(device, &list, &f, SOCLE_INTERNAL, "operand 0 has no memory");
    step *copy = step_add(&list, STEP_COPY, "copy");
    copy->from = Y;
    copy->to = Z;
    copy->from_offset_bytes = 1;
    copy->size_bytes = sizeof(f.y);
    expect_refusal(device, &list, &f, SOCLE_INTERNAL, "operand 1, which has 256");
    const program_spec broken = {.prelude = "this is no C"};
    cr_assert_eq(step_launch(&list, "test/broken", &broken, "f", NULL, 0, 1, &one, NULL, 0, 0), SOCLE_OK);
    expect_refusal(device, &list, &f, SOCLE_COMPILE_FAILED, "step 0 (test/broken): ");
    cr_assert_eq(step_launch(&list, "test", &broken, "f", NULL, STEP_MAX_ARGS + 1, 1, &one, NULL, 0, 0), SOCLE_INTERNAL);
    cr_assert_eq(step_launch(&list, "test", &broken, "f", NULL, 0, 4, &one, NULL, 0, 0), SOCLE_INTERNAL);
    cr_assert_eq(list.count, 0);
    step_list_finish(&list);
    socle_buffer_destroy(f.arena);
}

Test(steps, wrong_operands_are_refused_when_bound)
{
    test_on_devices(check_refusals);
}

static void check_failing_allocations(socle_device *device)
{
    fixture f;
    open_fixture(device, &f);
    step_list warm = {0};
    add_axpy(&warm, COUNT);
    steps_release(bind(device, &warm, &f));
    step_list_finish(&warm);
    const int64_t before = memory_live_count();
    const program_spec spec = {.prelude = text_of_axpy};
    const step_arg args[] = {ARG_OPERAND(X), ARG_OPERAND(Y), ARG_FLOAT(1), ARG_INT(0), ARG_LONG(0), ARG_LOCAL(64)};
    const size_t global = 16;
    for (int n = 0; n < 12; n++) {
        step_list list = {0};
        bound_steps *bound = NULL;
        memory_fail_after(n);
        socle_status status = step_launch(&list, "test/axpy", &spec, "axpy", args, COUNT_OF(args), 1, &global, NULL, 0, 0);
        if (status == SOCLE_OK)
            status = steps_bind(device, &list, f.spans, OPERANDS, &bound);
        memory_fail_after(-1);
        cr_assert(status == SOCLE_OK || status == SOCLE_OUT_OF_MEMORY, "%s", socle_error_message());
        cr_assert_eq(status == SOCLE_OK, bound != NULL);
        steps_release(bound);
        step_list_finish(&list);
        cr_assert_eq(memory_live_count(), before, "allocation %d", n);
    }
    socle_buffer_destroy(f.arena);
}

Test(steps, every_failing_allocation_is_a_clean_error)
{
    test_on_devices(check_failing_allocations);
}

/* Every OpenCL call and every allocation fails in turn while devices are found, split, timed and checked, and while programs are
 * compiled, stored, taken from the store and run. */
#include "program/program.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "faults.h"
#include "folder.h"

TestSuite(device_calls, .init = test_folder_enter, .fini = test_folder_leave, .timeout = 500);

typedef struct scenario {
    const char *cache_dir;
    bool fresh; /* clears the store first */
    socle_status (*use)(socle_device *device);
} scenario;

/* The first usable device, or why there is none. */
static socle_status first_usable(socle_context *context, socle_device **device)
{
    for (int i = 0; i < socle_device_count(context); i++) {
        *device = socle_device_at(context, i);
        if (socle_device_get_info(*device)->status == SOCLE_DEVICE_OK)
            return SOCLE_OK;
    }
    return socle_fail(SOCLE_NO_DEVICE, "no usable device: %s",
                      socle_device_count(context) > 0 ? socle_device_get_info(socle_device_at(context, 0))->reason
                                                      : "none at all");
}

static socle_status run_scenario(void *user)
{
    const scenario *s = user;
    socle_context *context = NULL;
    socle_device *device = NULL;
    socle_context_options options = SOCLE_CONTEXT_OPTIONS_INIT;
    options.cache_dir = s->cache_dir;
    socle_status status = socle_context_create(&options, &context);
    if (status == SOCLE_OK && s->fresh)
        status = socle_cache_clear(context, NULL);
    if (status == SOCLE_OK)
        status = first_usable(context, &device);
    if (status == SOCLE_OK)
        status = s->use(device);
    socle_context_destroy(context);
    return status;
}

static void fail_everything(const scenario *s)
{
    faults_open();
    cr_assert_gt(faults_each_call(run_scenario, (void *)s, 1), 10);
    cr_assert_gt(faults_each_allocation(run_scenario, (void *)s, 1), 10);
}

/* ---- scenarios ---- */

static socle_status check_only(socle_device *device)
{
    return socle_device_check(device);
}

Test(device_calls, device_check_survives_each_failure)
{
    fail_everything(&(scenario){.cache_dir = "", .use = check_only});
}

Test(device_calls, program_that_is_stored_survives_each_failure)
{
    fail_everything(&(scenario){.cache_dir = "cache", .fresh = true, .use = check_only});
}

Test(device_calls, program_from_the_store_survives_each_failure)
{
    fail_everything(&(scenario){.cache_dir = "cache", .use = check_only});
}

static socle_status split_and_time(socle_device *device)
{
    socle_device *parts[2];
    device_timer_ok(device);
    if (socle_device_get_info(device)->max_sub_devices < 2)
        return SOCLE_OK;
    socle_status status = socle_device_split(device, 2, NULL, parts);
    return status == SOCLE_OK ? socle_device_check(parts[1]) : status;
}

Test(device_calls, sub_devices_and_clock_survive_each_failure)
{
    fail_everything(&(scenario){.cache_dir = "", .use = split_and_time});
}

/* Operands in one arena, a launch, a copy and a fill, twice. */
static socle_status bind_and_run(socle_device *device, const step_list *list, socle_buffer *arena, size_t stride, float *y)
{
    enum { COUNT = 16 };
    float x[COUNT];
    bound_steps *bound = NULL;
    const socle_span spans[] = {{arena, 0, sizeof(x)}, {arena, stride, sizeof(x)}};
    for (int i = 0; i < COUNT; i++)
        x[i] = (float)i;
    socle_status status = socle_buffer_write(spans[0], x);
    if (status == SOCLE_OK)
        status = steps_bind(device, list, spans, 2, &bound);
    for (int run = 0; run < 2 && status == SOCLE_OK; run++)
        status = steps_enqueue(bound, NULL);
    if (status == SOCLE_OK)
        status = socle_buffer_read(spans[1], y);
    /* what was enqueued may still run where a later call failed */
    const socle_status finished = socle_device_finish(device);
    if (status == SOCLE_OK)
        status = finished;
    for (int i = 0; i < COUNT && status == SOCLE_OK; i++)
        if (y[i] != (i < 2 ? 1.0f : (float)(4 * i)))
            status = socle_fail(SOCLE_WRONG_RESULT, "element %d is %g", i, (double)y[i]);
    steps_release(bound);
    return status;
}

static socle_status add_steps(step_list *list)
{
    static const program_spec spec = {.prelude = "__kernel void twice(__global float *x, int factor)\n"
                                                 "{ x[get_global_id(0)] *= factor; }\n"};
    static const step_arg args[] = {ARG_OPERAND(0), ARG_INT(2)};
    const size_t global = 16;
    const float one = 1;
    socle_status status = step_launch(list, "test/twice", &spec, "twice", args, 2, 1, &global, NULL, 0, 0);
    step *copy = status == SOCLE_OK ? step_add(list, STEP_COPY, "copy") : NULL;
    if (copy == NULL)
        return status == SOCLE_OK ? SOCLE_OUT_OF_MEMORY : status;
    copy->to = 1;
    copy->size_bytes = 64;
    step *fill = step_add(list, STEP_FILL, "fill");
    if (fill == NULL)
        return SOCLE_OUT_OF_MEMORY;
    fill->to = 1;
    fill->size_bytes = 8;
    memcpy(&fill->fill, &one, sizeof(one));
    return SOCLE_OK;
}

static socle_status run_steps(socle_device *device)
{
    float y[16];
    step_list list = {0};
    socle_buffer *arena = NULL;
    const size_t alignment = device->capabilities.base_alignment_bytes, stride = alignment > 64 ? alignment : 64;
    socle_status status = add_steps(&list);
    if (status == SOCLE_OK)
        status = socle_buffer_create(device, 2 * stride, &arena);
    if (status == SOCLE_OK)
        status = bind_and_run(device, &list, arena, stride, y);
    socle_buffer_destroy(arena);
    step_list_finish(&list);
    return status;
}

Test(device_calls, steps_survive_each_failure)
{
    fail_everything(&(scenario){.cache_dir = "", .use = run_steps});
}

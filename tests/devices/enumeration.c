/* Finding devices: all of them, under ids that stay, with what they say of themselves. */
#define _GNU_SOURCE /* sched_setaffinity */
#include "device/device.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "on_devices.h"

TestSuite(enumeration, .timeout = 120);

Test(enumeration, ids_are_unique_and_the_same_in_every_run)
{
    socle_context *first = test_context(""), *second = test_context("");
    cr_assert_gt(socle_device_count(first), 0);
    cr_assert_eq(socle_device_count(first), socle_device_count(second));
    for (int i = 0; i < socle_device_count(first); i++) {
        const socle_device_info *info = socle_device_get_info(socle_device_at(first, i));
        cr_assert_eq(info->index, i);
        cr_assert_str_eq(info->id, socle_device_get_info(socle_device_at(second, i))->id);
        for (int k = 0; k < i; k++)
            cr_assert_str_neq(info->id, socle_device_get_info(socle_device_at(first, k))->id);
    }
    socle_context_destroy(first);
    socle_context_destroy(second);
}

static void check_found(socle_device *device)
{
    socle_device *found = NULL;
    char index[16];
    snprintf(index, sizeof(index), "%d", device->info.index);
    cr_assert_eq(socle_device_find(device->context, device->info.id, &found), SOCLE_OK);
    cr_assert_eq(found, device);
    found = NULL;
    cr_assert_eq(socle_device_find(device->context, index, &found), SOCLE_OK);
    cr_assert_eq(found, device);
}

Test(enumeration, device_is_found_by_id_and_by_index)
{
    test_on_devices(check_found);
}

Test(enumeration, unknown_device_is_answered_with_those_that_are_there)
{
    socle_context *context = test_context("");
    socle_device *found = NULL;
    const char *const unknown[] = {"nobody/gpu-0", "9999", "nobody/gpu-0/2:0", "", "-1", "0/", "x/2:5", "/"};
    for (size_t i = 0; i < COUNT_OF(unknown); i++) {
        char beginning[64];
        cr_assert_eq(socle_device_find(context, unknown[i], &found), SOCLE_NO_DEVICE, "'%s'", unknown[i]);
        snprintf(beginning, sizeof(beginning), "no device '%s': there are %s", unknown[i], context->devices[0]->info.id);
        cr_assert_eq(strncmp(socle_error_message(), beginning, strlen(beginning)), 0, "%s", socle_error_message());
        cr_assert_null(found);
    }
    cr_assert_eq(socle_device_find(context, NULL, &found), SOCLE_INVALID_ARGUMENT);
    cr_assert_null(socle_device_at(context, -1));
    cr_assert_null(socle_device_at(context, socle_device_count(context)));
    socle_context_destroy(context);
}

static socle_context *filtered(const char *devices)
{
    socle_context *context = NULL;
    socle_context_options options = SOCLE_CONTEXT_OPTIONS_INIT;
    options.cache_dir = "";
    options.devices = devices;
    cr_assert_eq(socle_context_create(&options, &context), SOCLE_OK, "%s", socle_error_message());
    return context;
}

Test(enumeration, filter_leaves_the_named_devices)
{
    unsetenv("SOCLE_DEVICES");
    socle_context *all = test_context("");
    for (int i = 0; i < socle_device_count(all); i++) {
        char index[16];
        const char *id = all->devices[i]->info.id;
        snprintf(index, sizeof(index), " %d ", i);
        const char *const names[] = {id, index};
        for (size_t k = 0; k < COUNT_OF(names); k++) {
            socle_context *one = filtered(names[k]);
            cr_assert_eq(socle_device_count(one), 1);
            cr_assert_str_eq(socle_device_get_info(socle_device_at(one, 0))->id, id);
            cr_assert_eq(socle_device_get_info(socle_device_at(one, 0))->index, 0);
            socle_context_destroy(one);
        }
    }
    const int count = socle_device_count(all);
    socle_context_destroy(all);
    setenv("SOCLE_DEVICES", "0", 1);
    socle_context *from_environment = filtered(NULL), *everything = filtered("");
    cr_assert_eq(socle_device_count(from_environment), 1);
    cr_assert_eq(socle_device_count(everything), count);
    socle_context_destroy(from_environment);
    socle_context_destroy(everything);
    cr_assert_eq(memory_live_count(), 0);
}

Test(enumeration, filter_that_names_no_device_fails)
{
    socle_context *context = NULL;
    socle_context_options options = SOCLE_CONTEXT_OPTIONS_INIT;
    options.cache_dir = "";
    options.devices = "0,nobody/gpu-7";
    cr_assert_eq(socle_context_create(&options, &context), SOCLE_NO_DEVICE);
    cr_assert_eq(strncmp(socle_error_message(), "no device 'nobody/gpu-7': there are ", 36), 0);
    cr_assert_null(context);
    cr_assert_eq(memory_live_count(), 0);
}

static void check_capabilities(socle_device *device)
{
    const device_capabilities *c = &device->capabilities;
    cr_assert(c->opencl_major > 1 || (c->opencl_major == 1 && c->opencl_minor >= 2));
    cr_assert_gt(c->compute_units, 0);
    cr_assert_geq(c->max_work_group_size, 1);
    cr_assert_geq(c->max_work_item_sizes[0], 1);
    cr_assert_gt(c->local_memory_bytes, 0);
    cr_assert_gt(c->max_allocation_bytes, 0);
    cr_assert(c->base_alignment_bytes >= 4 && (c->base_alignment_bytes & (c->base_alignment_bytes - 1)) == 0);
    cr_assert(c->vector_width_float >= 1 && c->vector_width_float <= 16);
    cr_assert_gt(device->info.memory_bytes, 0);
    cr_assert(c->max_sub_devices == 0 || c->max_sub_devices >= 2);
    cr_assert_neq(device->info.name[0], '\0');
    cr_assert_neq(device->info.driver_version[0], '\0');
    cr_assert_str_eq(device->info.reason, "");
    cr_assert_not_null(strstr(device->identity, device->info.driver_version));
}

Test(enumeration, capabilities_are_sane)
{
    test_on_devices(check_capabilities);
}

static void check_computes(socle_device *device)
{
    cr_assert_eq(socle_device_check(device), SOCLE_OK, "%s", socle_error_message());
}

Test(enumeration, every_device_computes_what_the_host_computes)
{
    test_on_devices(check_computes);
}

static void check_timer(socle_device *device)
{
    const bool trusted = device_timer_ok(device);
    cr_assert_eq(device_timer_ok(device), trusted);
    cr_assert_not(trusted && device_has_quirk(device, QUIRK_NO_EVENT_TIMER));
}

Test(enumeration, timer_without_times_is_not_trusted)
{
    test_on_devices(check_timer);
}

static void check_queues(socle_device *device)
{
    const queue_kind kinds[] = {QUEUE_DEFAULT, QUEUE_LOCAL_THREAD};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        cl_command_queue queue = NULL;
        cr_assert_eq(device_queue_create(device, kinds[i], i == 0, &queue), SOCLE_OK, "%s", socle_error_message());
        cr_assert_eq(clFinish(queue), CL_SUCCESS);
        clReleaseCommandQueue(queue);
    }
    cr_assert_eq(socle_device_finish(device), SOCLE_OK);
}

Test(enumeration, queues_of_every_kind_can_be_had)
{
    test_on_devices(check_queues);
}

Test(enumeration, machine_without_a_driver_has_no_devices)
{
    unsetenv("SOCLE_DEVICES");
    char folder[] = "/tmp/socle-no-drivers-XXXXXX";
    cr_assert_not_null(mkdtemp(folder));
    setenv("OCL_ICD_VENDORS", folder, 1); /* the loader reads it at this process's first call */
    socle_context *context = test_context("");
    socle_device *device = NULL;
    cr_assert_eq(socle_device_count(context), 0);
    cr_assert_eq(test_log_count("no OpenCL platform: clGetPlatformIDs answered CL_PLATFORM_NOT_FOUND_KHR (-1001)"), 1);
    cr_assert_eq(socle_device_find(context, "0", &device), SOCLE_NO_DEVICE);
    cr_assert_str_eq(socle_error_message(),
                     "no device '0': no OpenCL device was found: install a driver, such as pocl-opencl-icd");
    socle_context_destroy(context);
    rmdir(folder);
}

Test(enumeration, pocl_basic_does_not_override_the_user)
{
    socle_context *context = NULL;
    socle_context_options options = SOCLE_CONTEXT_OPTIONS_INIT;
    options.cache_dir = "";
    options.pocl_basic = 1;
    setenv("POCL_DEVICES", "pthread", 1);
    cr_assert_eq(socle_context_create(&options, &context), SOCLE_OK);
    cr_assert_str_eq(getenv("POCL_DEVICES"), "pthread");
    socle_context_destroy(context);
}

Test(enumeration, pocl_affinity_does_not_override_the_user)
{
    socle_context *context = NULL;
    socle_context_options options = SOCLE_CONTEXT_OPTIONS_INIT;
    options.cache_dir = "";
    options.pocl_affinity = 1;
    setenv("POCL_AFFINITY", "0", 1);
    cr_assert_eq(socle_context_create(&options, &context), SOCLE_OK);
    cr_assert_str_eq(getenv("POCL_AFFINITY"), "0");
    socle_context_destroy(context);
}

/* PoCL would end the process where it may not use a processor. */
Test(enumeration, pocl_affinity_is_asked_for_where_all_processors_are_allowed)
{
    const long processors = sysconf(_SC_NPROCESSORS_CONF);
    cpu_set_t allowed;
    cr_assert_eq(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
    const bool all = CPU_COUNT(&allowed) == processors;
    for (int narrowed = 1; narrowed >= 0; narrowed--) {
        if (narrowed && processors < 2)
            continue;
        const pid_t child = fork();
        cr_assert_neq(child, -1);
        if (child == 0) {
            socle_context *context = NULL;
            socle_context_options options = SOCLE_CONTEXT_OPTIONS_INIT;
            cpu_set_t one;
            CPU_ZERO(&one);
            for (int i = 0; CPU_COUNT(&one) == 0; i++)
                if (CPU_ISSET(i, &allowed))
                    CPU_SET(i, &one);
            options.cache_dir = "";
            options.pocl_affinity = 1;
            unsetenv("POCL_AFFINITY");
            if (narrowed && sched_setaffinity(0, sizeof(one), &one) != 0)
                _exit(3);
            const socle_status status = socle_context_create(&options, &context);
            const bool asked = getenv("POCL_AFFINITY") != NULL;
            _exit(status != SOCLE_OK ? 2 : asked != (all && !narrowed));
        }
        int end;
        cr_assert_eq(waitpid(child, &end, 0), child);
        cr_assert(WIFEXITED(end) && WEXITSTATUS(end) == 0, "narrowed %d: %x", narrowed, (unsigned)end);
    }
}

Test(enumeration, pocl_basic_stands_beside_pthread)
{
    unsetenv("SOCLE_DEVICES");
    socle_context *context = NULL;
    socle_context_options options = SOCLE_CONTEXT_OPTIONS_INIT;
    options.cache_dir = "";
    options.pocl_basic = 1;
    unsetenv("POCL_DEVICES");
    cr_assert_eq(socle_context_create(&options, &context), SOCLE_OK);
    cr_assert_str_eq(getenv("POCL_DEVICES"), "basic pthread");
    int basic = 0, pthread = 0, of_pocl = 0;
    for (int i = 0; i < socle_device_count(context); i++) {
        basic += strcmp(context->devices[i]->info.id, "pocl/basic-0") == 0;
        pthread += strcmp(context->devices[i]->info.id, "pocl/pthread-0") == 0;
        of_pocl += strncmp(context->devices[i]->info.id, "pocl/", 5) == 0;
    }
    cr_assert_eq(of_pocl, basic + pthread);
    cr_assert(of_pocl == 0 || (basic == 1 && pthread == 1));
    socle_context_destroy(context);
}

Test(enumeration, wrong_options_are_told)
{
    socle_context *context = NULL;
    socle_context_options options = {0};
    cr_assert_eq(socle_context_create(&options, &context), SOCLE_INVALID_ARGUMENT);
    cr_assert_str_eq(socle_error_message(), "socle_context_create: options.size is 0: begin with SOCLE_CONTEXT_OPTIONS_INIT");
    cr_assert_eq(socle_context_create(NULL, NULL), SOCLE_INVALID_ARGUMENT);
    socle_context_destroy(NULL);
}

Test(enumeration, every_failing_allocation_is_a_clean_error)
{
    socle_context_options options = SOCLE_CONTEXT_OPTIONS_INIT;
    options.cache_dir = "";
    bool reached_the_end = false;
    for (int n = 0; !reached_the_end; n++) {
        socle_context *context = NULL;
        memory_fail_after(n);
        const socle_status status = socle_context_create(&options, &context);
        memory_fail_after(-1);
        cr_assert(status == SOCLE_OK || status == SOCLE_OUT_OF_MEMORY, "allocation %d: %s", n, socle_error_message());
        reached_the_end = status == SOCLE_OK;
        socle_context_destroy(context);
        cr_assert_eq(memory_live_count(), 0, "allocation %d", n);
        cr_assert_lt(n, 1000);
    }
}

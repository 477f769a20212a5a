/* Parts of devices: where a driver can split, the parts are devices like any other; where it cannot, a clear answer. */
#include "program/program.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "on_devices.h"

TestSuite(sub_devices, .timeout = 120);

static void check_equal(socle_device *device)
{
    socle_device *parts[2] = {NULL}, *again[2] = {NULL};
    char id[128];
    const int listed = socle_device_count(device->context);
    const socle_status status = socle_device_split(device, 2, NULL, parts);
    if (device->info.max_sub_devices == 0) {
        cr_assert_eq(status, SOCLE_UNSUPPORTED);
        snprintf(id, sizeof(id), "%s cannot be split: use the whole device", device->info.id);
        cr_assert_str_eq(socle_error_message(), id);
        cr_assert_null(parts[0]);
        return;
    }
    cr_assert_eq(status, SOCLE_OK, "%s", socle_error_message());
    for (int i = 0; i < 2; i++) {
        const socle_device_info *info = socle_device_get_info(parts[i]);
        snprintf(id, sizeof(id), "%s/2:%d", device->info.id, i);
        cr_assert_str_eq(info->id, id);
        cr_assert_eq(info->compute_units, device->info.compute_units / 2);
        cr_assert(info->is_sub_device);
        cr_assert_str_neq(parts[i]->identity, device->identity);
        cr_assert_eq(socle_device_check(parts[i]), SOCLE_OK, "%s", socle_error_message());
        socle_device *found = NULL;
        cr_assert_eq(socle_device_find(device->context, id, &found), SOCLE_OK);
        cr_assert_eq(found, parts[i]);
    }
    cr_assert_eq(socle_device_split(device, 2, NULL, again), SOCLE_OK);
    cr_assert(again[0] == parts[0] && again[1] == parts[1], "they are made once");
    cr_assert_eq(socle_device_count(device->context), listed, "parts are not listed");
}

Test(sub_devices, device_splits_into_equal_parts_that_compute)
{
    test_on_devices(check_equal);
}

static void check_by_units(socle_device *device)
{
    if (!device->capabilities.partition_by_counts)
        return;
    const int units[] = {1, device->info.compute_units - 1};
    socle_device *parts[2] = {NULL}, *one[1] = {NULL};
    char id[128];
    cr_assert_eq(socle_device_split(device, 2, units, parts), SOCLE_OK, "%s", socle_error_message());
    for (int i = 0; i < 2; i++) {
        snprintf(id, sizeof(id), "%s/1+%d:%d", device->info.id, units[1], i);
        cr_assert_str_eq(parts[i]->info.id, id);
        cr_assert_eq(parts[i]->info.compute_units, units[i]);
        cr_assert_eq(socle_device_check(parts[i]), SOCLE_OK, "%s", socle_error_message());
    }
    cr_assert_eq(socle_device_split(device, 1, units, one), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(one[0]->info.compute_units, 1);
}

Test(sub_devices, device_splits_by_compute_units)
{
    test_on_devices(check_by_units);
}

static void check_refusals(socle_device *device)
{
    socle_device *parts[64] = {NULL};
    const int none[] = {0, 1}, too_many[] = {device->info.compute_units, 1};
    cr_assert_eq(socle_device_split(device, 0, NULL, parts), SOCLE_INVALID_ARGUMENT);
    cr_assert_eq(socle_device_split(NULL, 2, NULL, parts), SOCLE_INVALID_ARGUMENT);
    cr_assert_eq(socle_device_split(device, device->info.compute_units + 1, NULL, parts), SOCLE_UNSUPPORTED);
    cr_assert_eq(socle_device_split(device, 2, too_many, parts), SOCLE_UNSUPPORTED);
    if (device->info.max_sub_devices >= 2)
        cr_assert_eq(socle_device_split(device, 2, none, parts), SOCLE_INVALID_ARGUMENT);
    cr_assert_null(parts[0]);
    char id[128];
    socle_device *found = NULL;
    snprintf(id, sizeof(id), "%s/2:2", device->info.id);
    cr_assert_eq(socle_device_find(device->context, id, &found), SOCLE_NO_DEVICE, "there is no third half");
    snprintf(id, sizeof(id), "%s/999:0", device->info.id);
    cr_assert_neq(socle_device_find(device->context, id, &found), SOCLE_OK);
    cr_assert_null(found);
}

Test(sub_devices, impossible_splits_are_refused)
{
    test_on_devices(check_refusals);
}

Test(sub_devices, filter_may_name_a_part)
{
    socle_context *all = test_context("");
    char id[128] = "";
    for (int i = 0; i < socle_device_count(all); i++)
        if (all->devices[i]->info.max_sub_devices >= 2)
            snprintf(id, sizeof(id), "%s/2:1", all->devices[i]->info.id);
    socle_context_destroy(all);
    if (id[0] == '\0')
        return;
    socle_context *context = NULL;
    socle_context_options options = SOCLE_CONTEXT_OPTIONS_INIT;
    options.cache_dir = "";
    options.devices = id;
    cr_assert_eq(socle_context_create(&options, &context), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_device_count(context), 1);
    cr_assert_str_eq(socle_device_get_info(socle_device_at(context, 0))->id, id);
    cr_assert_eq(socle_device_check(socle_device_at(context, 0)), SOCLE_OK, "%s", socle_error_message());
    socle_context_destroy(context);
    cr_assert_eq(memory_live_count(), 0);
}

/* Both halves at once, each from its own thread, with buffers and programs of its own. */
static void *check_in_thread(void *argument)
{
    for (int i = 0; i < 5; i++)
        if (socle_device_check(argument) != SOCLE_OK)
            return argument;
    return NULL;
}

static void check_together(socle_device *device)
{
    socle_device *parts[2];
    pthread_t threads[2];
    if (device->info.max_sub_devices < 2)
        return;
    cr_assert_eq(socle_device_split(device, 2, NULL, parts), SOCLE_OK);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, check_in_thread, parts[i]);
    for (int i = 0; i < 2; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        cr_assert_null(failed);
    }
}

Test(sub_devices, halves_work_at_the_same_time)
{
    test_on_devices(check_together);
}

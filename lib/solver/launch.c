#include "launch.h"

#include <math.h>
#include <string.h>

#include <socle/profile.h>

/* ---- types and devices ---- */

const char *storage_name(socle_dtype dtype)
{
    static const char *const names[SOCLE_DTYPE_COUNT] = {
        [SOCLE_FLOAT32] = "FLOAT32", [SOCLE_FLOAT16] = "FLOAT16", [SOCLE_BFLOAT16] = "BFLOAT16", [SOCLE_FLOAT64] = "FLOAT64",
        [SOCLE_INT32] = "INT32",     [SOCLE_INT64] = "INT64",     [SOCLE_INT16] = "INT16",       [SOCLE_INT8] = "INT8",
        [SOCLE_UINT8] = "UINT8",     [SOCLE_BOOL] = "UINT8"};
    return dtype > SOCLE_NONE && dtype < SOCLE_DTYPE_COUNT ? names[dtype] : NULL;
}

bool storage_is_real32(socle_dtype dtype)
{
    return dtype == SOCLE_FLOAT32 || dtype == SOCLE_FLOAT16 || dtype == SOCLE_BFLOAT16;
}

bool storage_runs(socle_dtype dtype, const socle_device *device)
{
    return storage_name(dtype) != NULL && (dtype != SOCLE_FLOAT64 || device->capabilities.fp64);
}

bool device_is_cpu_shaped(const socle_device *device)
{
    return device->capabilities.type == SOCLE_DEVICE_CPU && device->capabilities.vector_width_float >= 4;
}

int device_lanes(const socle_device *device)
{
    const int width = device->capabilities.vector_width_float;
    return width >= 16 ? 16 : width >= 8 ? 8 : 4;
}

int device_units(const socle_device *device)
{
    return device->capabilities.compute_units > 0 ? device->capabilities.compute_units : 1;
}

int64_t device_loop_turns(const socle_device *device)
{
    return device_has_quirk(device, QUIRK_LOOP_LIMIT) ? 60000 : INT64_MAX;
}

int64_t device_cached_local_bytes(const socle_device *device)
{
    const int64_t there = (int64_t)device->capabilities.local_memory_bytes, cached = 256 * 1024;
    return (there < cached ? there : cached) * 9 / 10;
}

int device_group_items(const socle_device *device, int wanted)
{
    int items = 1;
    while (items * 2 <= wanted && (size_t)items * 2 <= device->capabilities.max_work_group_size &&
           (size_t)items * 2 <= device->capabilities.max_work_item_sizes[0])
        items *= 2;
    return items;
}

/* ---- launches ---- */

void launch_arg(solver_launch *launch, step_arg arg)
{
    launch->args[launch->arg_count++] = arg;
}

static bool is_empty(const solver_launch *launch)
{
    for (int i = 0; i < launch->dims; i++)
        if (launch->global[i] == 0)
            return true;
    return false;
}

static socle_status add_epilogue(solver_launch *launch, const problem *p, const solver_operands *operands)
{
    char *epilogue_text = NULL;
    if (!launch->epilogue || p->epilogue == NULL || p->epilogue->node_count == 0)
        return SOCLE_OK;
    const socle_status status = codegen_epilogue_text(p->graph, p->epilogue, launch->channel_uniform, &epilogue_text);
    if (status != SOCLE_OK)
        return status;
    text_add(&launch->prelude, epilogue_text);
    memory_free(epilogue_text);
    for (int i = 0; i < p->epilogue->operand_count; i++)
        launch_arg(launch, ARG_OPERAND(operands->extra[i]));
    return SOCLE_OK;
}

socle_status launch_emit(solver_launch *launch, const problem *p, const solver_operands *operands, step_list *steps)
{
    socle_status status = SOCLE_OK;
    if (is_empty(launch))
        goto cleanup;
    status = add_epilogue(launch, p, operands);
    if (status != SOCLE_OK)
        goto cleanup;
    if (launch->options.failed || launch->prelude.failed) {
        status = socle_fail(SOCLE_OUT_OF_MEMORY, "%s: no memory for its compile options", launch->algorithm);
        goto cleanup;
    }
    const program_spec spec = {launch->source, launch->prelude.data, launch->options.data};
    status = step_launch(steps, launch->algorithm, &spec, launch->kernel, launch->args, launch->arg_count, launch->dims,
                         launch->global, launch->local[0] == 0 ? NULL : launch->local, launch->flops, launch->bytes);
cleanup:
    text_finish(&launch->options);
    text_finish(&launch->prelude);
    return status;
}

/* ---- estimates ---- */

/* What a device of unknown speed is taken for matters little: then only the order of the ways does. */
static socle_profile profile_of(const socle_device *device)
{
    const socle_profile *known = __atomic_load_n(&device->profile, __ATOMIC_ACQUIRE);
    const socle_profile unknown = {
        .launch_us = 3, .round_trip_us = 3, .memory_gbytes_per_s = 20, .fp32_gflops = 50.0 * device_units(device)};
    return known != NULL ? *known : unknown;
}

double device_bytes_per_flop(const socle_device *device)
{
    const socle_profile profile = profile_of(device);
    return profile.memory_gbytes_per_s / profile.fp32_gflops;
}

double estimate_s(const socle_device *device, double flops, double share, double bytes, int launches, int64_t groups)
{
    const int units = device_units(device);
    const socle_profile profile = profile_of(device);
    const double busy = groups > 0 ? (double)groups / (double)round_up(groups, units) : 1;
    const double arithmetic_s = flops / (share * busy * profile.fp32_gflops * 1e9);
    const double memory_s = bytes / (profile.memory_gbytes_per_s * 1e9);
    return launches * profile.launch_us * 1e-6 + fmax(arithmetic_s, memory_s);
}

int64_t launch_parts(const socle_device *device, double flops, double share, int64_t least)
{
    const int units = device_units(device);
    const socle_profile profile = profile_of(device);
    const double late_s = 2e-6 * (profile.round_trip_us - profile.launch_us), group_s = 140e-9;
    const double one_unit_s = flops * units / (share * profile.fp32_gflops * 1e9);
    double least_s = INFINITY;
    int64_t best = least;
    for (int64_t parts = least; (double)parts * group_s < one_unit_s; parts *= 2) {
        const double lost_s = fmin(late_s, one_unit_s / (double)parts) + (double)parts * group_s / units;
        if (lost_s < least_s) {
            least_s = lost_s;
            best = parts;
        }
    }
    return best;
}

tuning tuning_resolve(const problem *p, const socle_device *device, const tuning *t, int which, tuning_candidates candidates)
{
    tuning resolved = *t;
    if (t->value[which] == 0)
        candidates(p, device, &resolved, 1);
    return resolved;
}

int one_candidate(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    (void)p;
    (void)device;
    if (capacity > 0)
        out[0] = (tuning){{0}};
    return 1;
}

int add_candidate(tuning *out, int count, int capacity, tuning t)
{
    for (int i = 0; i < count; i++)
        if (memcmp(&out[i], &t, sizeof(t)) == 0)
            return count;
    if (count >= capacity)
        return count;
    out[count] = t;
    return count + 1;
}

int group_size_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    static const int items[] = {0, 64, 128, 512, 1024};
    int count = 0;
    (void)p;
    for (size_t i = 0; i < COUNT_OF(items); i++)
        if ((size_t)items[i] <= device->capabilities.max_work_group_size)
            count = add_candidate(out, count, capacity, (tuning){{items[i]}});
    return count;
}

int rank_candidate(tuning *out, double *costs, int count, int capacity, tuning t, double cost)
{
    for (int i = 0; i < count; i++)
        if (memcmp(&out[i], &t, sizeof(t)) == 0)
            return count;
    int at = count < capacity ? count++ : capacity;
    for (; at > 0 && costs[at - 1] > cost; at--) {
        if (at < capacity) {
            out[at] = out[at - 1];
            costs[at] = costs[at - 1];
        }
    }
    if (at < capacity) {
        out[at] = t;
        costs[at] = cost;
    }
    return count;
}

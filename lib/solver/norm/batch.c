/* Batch normalization by the batch's own statistics, and its gradient: rows (CPU-shaped: vectors along the pixels), group
 * (GPU-shaped: a tree of work-items) and plain (one work-item). All take whole channels, or parts of them where there are fewer
 * channels than keep the device busy; then a kernel before the last finds what the parts add up to. The three share kernels. */
#include "way.h"

static int64_t elements_of(const problem *p)
{
    return p->batch_norm.batch * p->batch_norm.pixels;
}

/* Fewer pixels leave vectors and coalesced reads to what BatchNormalize is made of: generated kernels run along the channels. */
#define LEAST_PIXELS 12

static bool fits(const problem *p, const socle_device *device)
{
    const batch_norm_problem *n = &p->batch_norm;
    const int64_t most = INT32_MAX / 4;
    int64_t elements;
    return (storage_is_real32(p->dtype) || p->dtype == SOCLE_FLOAT64) && storage_runs(p->dtype, device) && n->channels < most &&
           n->pixels >= LEAST_PIXELS && multiply_fits(n->batch, n->pixels, &elements) && elements < most;
}

/* ---- launches ---- */

/* Fewer groups than keep the device busy are cut, though not into less than `least` elements each; and where loops are limited so
 * that a work-item's three passes end. */
static int64_t groups_of(const problem *p, const socle_device *device, int64_t wanted, int64_t least, int items)
{
    const int64_t most_groups = 64, elements = elements_of(p), turns = device_loop_turns(device) / 4;
    const int64_t channels = p->batch_norm.channels > 0 ? p->batch_norm.channels : 1;
    int64_t groups = channels >= wanted ? 1 : ceil_div(wanted, channels);
    if (groups > elements / least)
        groups = elements / least;
    if (groups > most_groups)
        groups = most_groups;
    if (turns < elements / items && groups < ceil_div(elements, turns * items))
        groups = ceil_div(elements, turns * items);
    return groups > 0 ? groups : 1;
}

static size_t workspace_of(const problem *p, const norm_way *way)
{
    return way->groups > 1 ? (size_t)(p->batch_norm.channels * way->groups) * 2 * problem_real_bytes(p) : 0;
}

static solver_launch begin(const problem *p, const socle_device *device, const norm_way *way, const char *kernel)
{
    const bool forward = p->kind == PROBLEM_BATCH_NORM;
    solver_launch launch = {.algorithm = way->algorithm,
                            .source = forward ? "norm/batch" : "norm/batch_grad",
                            .kernel = kernel,
                            .dims = 2,
                            .global = {(size_t)(way->groups * way->items), (size_t)p->batch_norm.channels},
                            .local = {(size_t)way->items, 1}};
    norm_way_options(&launch, p, device, way);
    text_addf(&launch.options, " -DSPLIT=%d", way->groups > 1);
    return launch;
}

static void add_extents(solver_launch *launch, const problem *p, const norm_way *way)
{
    const int64_t elements = elements_of(p), share = ceil_div(elements, way->groups);
    launch_arg(launch, ARG_INT(p->batch_norm.channels));
    launch_arg(launch, ARG_INT(p->batch_norm.pixels));
    launch_arg(launch, ARG_INT(elements));
    launch_arg(launch, ARG_INT(share > 0 ? share : 1));
}

/* What the parts of each channel add up to: statistics of x, or sums of dy and dy * (x - mean). */
static socle_status emit_parts(const problem *p, const socle_device *device, const norm_way *way, const solver_operands *operands,
                               step_list *steps)
{
    const bool forward = p->kind == PROBLEM_BATCH_NORM;
    solver_launch launch = begin(p, device, way, forward ? "batch_norm_statistics" : "batch_norm_sums");
    launch.flops = problem_flops(p) / 2;
    launch.bytes = problem_bytes(p) / 2;
    launch_arg(&launch, ARG_OPERAND(operands->data[0]));
    if (!forward) {
        launch_arg(&launch, ARG_OPERAND(operands->data[1]));
        launch_arg(&launch, ARG_OPERAND(operands->data[3]));
    }
    launch_arg(&launch, ARG_OPERAND(operands->workspace));
    add_extents(&launch, p, way);
    return launch_emit(&launch, p, operands, steps);
}

static socle_status emit_way(const problem *p, const socle_device *device, const norm_way *way, const solver_operands *operands,
                             step_list *steps)
{
    const bool forward = p->kind == PROBLEM_BATCH_NORM;
    const int operand_count = forward ? 7 : 8;
    const socle_status status = way->groups > 1 ? emit_parts(p, device, way, operands, steps) : SOCLE_OK;
    if (status != SOCLE_OK)
        return status;
    solver_launch launch = begin(p, device, way, forward ? "batch_norm" : "batch_norm_grad");
    launch.flops = problem_flops(p);
    launch.bytes = problem_bytes(p);
    launch.epilogue = launch.channel_uniform = true;
    for (int i = 0; i < operand_count; i++)
        launch_arg(&launch, ARG_OPERAND(operands->data[i]));
    if (way->groups > 1)
        launch_arg(&launch, ARG_OPERAND(operands->workspace));
    add_extents(&launch, p, way);
    if (forward)
        launch_arg(&launch, ARG_FLOAT(p->batch_norm.epsilon));
    return launch_emit(&launch, p, operands, steps);
}

/* What does not stay in the cache between the passes is read once more. */
static double estimate_way(const problem *p, const socle_device *device, const norm_way *way)
{
    const double kept = 1 << 20, channel_bytes = (double)elements_of(p) * (double)socle_dtype_size_bytes(p->dtype);
    const double bytes = problem_bytes(p) * (way->groups > 1 || channel_bytes > kept ? 1.5 : 1);
    return estimate_s(device, problem_flops(p), way->share, bytes, way->groups > 1 ? 2 : 1, p->batch_norm.channels * way->groups);
}

/* ---- rows ---- */

static norm_way rows_way(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const bool vectors = p->batch_norm.pixels >= device_lanes(device);
    return (norm_way){p->kind == PROBLEM_BATCH_NORM ? "batch_norm/rows" : "batch_norm_grad/rows", true, 1,
                      groups_of(p, device, device_units(device), 4096, 1),
                      device_is_cpu_shaped(device) ? (vectors ? 0.2 : 0.02) : 0.005};
}

static bool rows_applicable(const problem *p, const socle_device *device)
{
    return fits(p, device) && p->dtype != SOCLE_FLOAT64 && device_runs_long_loops(device);
}

NORM_WAY(rows)

/* ---- group ---- */

static norm_way group_way(const problem *p, const socle_device *device, const tuning *t)
{
    const int items = device_group_items(device, t->value[0] != 0 ? t->value[0] : 256);
    return (norm_way){p->kind == PROBLEM_BATCH_NORM ? "batch_norm/group" : "batch_norm_grad/group", false, items,
                      groups_of(p, device, 4 * (int64_t)device_units(device), 8 * (int64_t)items, items),
                      device_is_cpu_shaped(device) ? 0.004 : 0.2};
}

static bool group_applicable(const problem *p, const socle_device *device)
{
    return fits(p, device) && device_group_items(device, 2) == 2;
}

NORM_WAY(group)

/* ---- plain ---- */

static norm_way plain_way(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    return (norm_way){p->kind == PROBLEM_BATCH_NORM ? "batch_norm/plain" : "batch_norm_grad/plain", false, 1,
                      groups_of(p, device, 64 * (int64_t)device_units(device), 64, 1),
                      device_is_cpu_shaped(device) ? 0.01 : 0.003};
}

static bool plain_applicable(const problem *p, const socle_device *device)
{
    return fits(p, device) && plain_way(p, device, NULL).groups <= device_loop_turns(device) / 4;
}

NORM_WAY(plain)

/* ---- the solvers ---- */

const solver solver_batch_norm_rows = NORM_SOLVER("batch_norm/rows", PROBLEM_BATCH_NORM, rows, one_candidate);
const solver solver_batch_norm_group = NORM_SOLVER("batch_norm/group", PROBLEM_BATCH_NORM, group, group_size_candidates);
const solver solver_batch_norm_plain = NORM_SOLVER("batch_norm/plain", PROBLEM_BATCH_NORM, plain, one_candidate);
const solver solver_batch_norm_grad_rows = NORM_SOLVER("batch_norm_grad/rows", PROBLEM_BATCH_NORM_GRAD, rows, one_candidate);
const solver solver_batch_norm_grad_group =
    NORM_SOLVER("batch_norm_grad/group", PROBLEM_BATCH_NORM_GRAD, group, group_size_candidates);
const solver solver_batch_norm_grad_plain = NORM_SOLVER("batch_norm_grad/plain", PROBLEM_BATCH_NORM_GRAD, plain, one_candidate);

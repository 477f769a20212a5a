/* TopK, and sorting, which is TopK of all elements: topk/select (CPU-shaped: few of a row, by vectors), topk/sort (any number, a
 * radix sort per line), topk/group (GPU-shaped: a work-group per line), topk/plain (every element counts what stands before it).
 */
#include "../launch.h"

static bool fits(const problem *p)
{
    const topk_problem *s = &p->topk;
    const int64_t most = INT32_MAX / 4;
    int64_t lines;
    return s->axis > 0 && s->axis < most && s->inner > 0 && s->inner < most && multiply_fits(s->outer, s->inner, &lines) &&
           lines < most;
}

static int64_t lines_of(const problem *p)
{
    return p->topk.outer * p->topk.inner;
}

/* Results that nobody asked for are GRAPH_NONE. */
static solver_launch begin(const problem *p, const char *algorithm, const char *kernel, const solver_operands *operands)
{
    const bool values = operands->data[1] != GRAPH_NONE, indices = operands->data[2] != GRAPH_NONE;
    solver_launch launch = {
        .algorithm = algorithm, .source = algorithm, .kernel = kernel, .flops = problem_flops(p), .bytes = problem_bytes(p)};
    text_addf(&launch.options, "-DSTORAGE=%s -DSMALLEST=%d -DHAS_VALUES=%d -DHAS_INDICES=%d", storage_name(p->dtype),
              p->topk.smallest, values, indices);
    for (int i = 0; i < 3; i++)
        if (operands->data[i] != GRAPH_NONE)
            launch_arg(&launch, ARG_OPERAND(operands->data[i]));
    return launch;
}

static double elements(const problem *p)
{
    return (double)p->topk.outer * (double)p->topk.axis * (double)p->topk.inner;
}

/* ---- select ---- */

#define SELECT_MOST 128

static bool select_applicable(const problem *p, const socle_device *device)
{
    return fits(p) && p->topk.inner == 1 && p->topk.k > 0 && p->topk.k <= SELECT_MOST && storage_is_real32(p->dtype) &&
           device_runs_long_loops(device);
}

static int64_t rows_share(const problem *p, const socle_device *device)
{
    const int64_t least = ceil_div(4096, p->topk.axis), share = ceil_div(p->topk.outer, 4 * device_units(device));
    return share > least ? share : least;
}

/* A vector at a time; and of random elements, k log(n / k) enter the list, which moves k / 2 of it. */
static double select_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const double k = (double)p->topk.k, doublings = 64 - __builtin_clzll((unsigned long long)(p->topk.axis / p->topk.k + 1));
    const double moves = (double)p->topk.outer * k * doublings * (k / 2 + 16);
    return estimate_s(device, elements(p) * 4 + 16 * moves, device_is_cpu_shaped(device) ? 0.1 : 0.003, problem_bytes(p), 1,
                      ceil_div(p->topk.outer, rows_share(p, device)));
}

static socle_status select_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                step_list *steps)
{
    (void)t;
    const int64_t share = rows_share(p, device);
    solver_launch launch = begin(p, "topk/select", "topk_select", operands);
    text_addf(&launch.options, " -DWIDTH=%d -DK=%d", device_lanes(device), (int)p->topk.k);
    launch_arg(&launch, ARG_INT(p->topk.outer));
    launch_arg(&launch, ARG_INT(p->topk.axis));
    launch_arg(&launch, ARG_INT(share));
    launch.dims = 1;
    launch.global[0] = (size_t)ceil_div(p->topk.outer, share);
    launch.local[0] = 1;
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_topk_select = {
    .name = "topk/select",
    .kind = PROBLEM_TOPK,
    .applicable = select_applicable,
    .candidates = one_candidate,
    .estimate = select_estimate,
    .emit = select_emit,
};

/* ---- group ---- */

#define GROUP_MOST 1024

static int group_keep(const problem *p)
{
    int keep = 64;
    while (keep < p->topk.k || (keep < 512 && keep * 2 <= p->topk.axis))
        keep *= 2;
    return keep;
}

static bool group_applicable(const problem *p, const socle_device *device)
{
    const bool narrow = storage_is_real32(p->dtype) || (p->dtype != SOCLE_FLOAT64 && p->dtype != SOCLE_INT64);
    return fits(p) && narrow && p->topk.k > 0 && p->topk.k <= GROUP_MOST && storage_runs(p->dtype, device) &&
           device_group_items(device, 2) == 2 && p->topk.axis <= device_loop_turns(device) / 4;
}

static double group_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const double stages = 31 - __builtin_clz((unsigned)group_keep(p) * 2);
    return estimate_s(device, elements(p) * stages * (stages + 1) * 4, device_is_cpu_shaped(device) ? 0.003 : 0.1,
                      problem_bytes(p), 1, lines_of(p));
}

static socle_status group_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    (void)t;
    const int keep = group_keep(p), items = device_group_items(device, keep < 256 ? keep : 256);
    solver_launch launch = begin(p, "topk/group", "topk_group", operands);
    text_addf(&launch.options, " -DKEEP=%d -DITEMS=%d", keep, items);
    launch_arg(&launch, ARG_INT(p->topk.axis));
    launch_arg(&launch, ARG_INT(p->topk.inner));
    launch_arg(&launch, ARG_INT(p->topk.k));
    launch.dims = 1;
    launch.global[0] = (size_t)lines_of(p) * (size_t)items;
    launch.local[0] = (size_t)items;
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_topk_group = {
    .name = "topk/group",
    .kind = PROBLEM_TOPK,
    .applicable = group_applicable,
    .candidates = one_candidate,
    .estimate = group_estimate,
    .emit = group_emit,
};

/* ---- plain ---- */

static bool plain_applicable(const problem *p, const socle_device *device)
{
    return storage_runs(p->dtype, device) && p->topk.axis <= device_loop_turns(device);
}

static double plain_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    return estimate_s(device, elements(p) * (double)p->topk.axis * 4, device_is_cpu_shaped(device) ? 0.02 : 0.1, problem_bytes(p),
                      1, 0);
}

static socle_status plain_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    (void)device;
    (void)t;
    solver_launch launch = begin(p, "topk/plain", "topk_plain", operands);
    launch_arg(&launch, ARG_LONG(p->topk.axis));
    launch_arg(&launch, ARG_LONG(p->topk.inner));
    launch_arg(&launch, ARG_LONG(p->topk.k));
    launch.dims = 2;
    launch.global[0] = p->topk.k > 0 ? (size_t)p->topk.axis : 0;
    launch.global[1] = (size_t)lines_of(p);
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_topk_plain = {
    .name = "topk/plain",
    .kind = PROBLEM_TOPK,
    .applicable = plain_applicable,
    .candidates = one_candidate,
    .estimate = plain_estimate,
    .emit = plain_emit,
};

/* ---- sort ---- */

static bool sort_applicable(const problem *p, const socle_device *device)
{
    return fits(p) && p->topk.k > 0 && storage_runs(p->dtype, device) && device_runs_long_loops(device);
}

static int64_t sort_share(const problem *p, const socle_device *device)
{
    const int64_t share = ceil_div(lines_of(p), 4 * device_units(device));
    return share > 1 ? share : 1;
}

static size_t key_bytes(const problem *p)
{
    return p->dtype == SOCLE_FLOAT64 || p->dtype == SOCLE_INT64 ? 8 : 4;
}

/* Keys of all groups, then their places: twice each, to move between. */
static size_t sort_elements(const problem *p, const socle_device *device)
{
    return (size_t)ceil_div(lines_of(p), sort_share(p, device)) * (size_t)p->topk.axis * 2;
}

static size_t sort_workspace_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    return sort_elements(p, device) * (key_bytes(p) + 4);
}

static double sort_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    /* Two looks at each element where only few are sorted, else all digits of all. */
    const double each = p->topk.k <= p->topk.axis / 4 ? 24 : 12 * (double)key_bytes(p);
    return estimate_s(device, elements(p) * each, device_is_cpu_shaped(device) ? 0.02 : 0.0005, 4 * problem_bytes(p), 1,
                      ceil_div(lines_of(p), sort_share(p, device)));
}

static socle_status sort_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                              step_list *steps)
{
    (void)t;
    const int64_t share = sort_share(p, device);
    solver_launch launch = begin(p, "topk/sort", "topk_sort", operands);
    launch_arg(&launch, ARG_OPERAND(operands->workspace));
    launch_arg(&launch, ARG_LONG((int64_t)sort_elements(p, device)));
    launch_arg(&launch, ARG_INT(lines_of(p)));
    launch_arg(&launch, ARG_INT(p->topk.axis));
    launch_arg(&launch, ARG_INT(p->topk.inner));
    launch_arg(&launch, ARG_INT(p->topk.k));
    launch_arg(&launch, ARG_INT(share));
    launch.dims = 1;
    launch.global[0] = (size_t)ceil_div(lines_of(p), share);
    launch.local[0] = 1;
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_topk_sort = {
    .name = "topk/sort",
    .kind = PROBLEM_TOPK,
    .applicable = sort_applicable,
    .candidates = one_candidate,
    .estimate = sort_estimate,
    .workspace_bytes = sort_workspace_bytes,
    .emit = sort_emit,
};

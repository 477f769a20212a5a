/* Gradient of layer, RMS, group and instance normalization: rows (CPU-shaped: vectors along the row), group (GPU-shaped: a tree
 * of work-items per row) and plain (one work-item). x is seen as [images][lines][row]: layer and RMS have one line; the lines of
 * the others are groups of channels. A work-group takes one line of some images; a second kernel adds up what the groups of a
 * line found of dscale and dbias. The three share kernels. */
#include "way.h"

typedef struct extents {
    int64_t images, lines, row, block; /* elements of a row with one scale: block */
    int64_t channels;                  /* scales of all lines */
    int64_t columns;                   /* numbers that are added up over rows: dscale and dbias */
} extents;

static extents extents_of(const problem *p)
{
    const norm_problem *n = &p->norm;
    extents e = {.lines = n->scale_rows, .row = n->row, .block = n->scale_block};
    e.images = n->scale_rows > 0 ? n->rows / n->scale_rows : 0;
    e.channels = n->scale_rows * (n->row / n->scale_block);
    e.columns = e.channels * (n->has_bias ? 2 : 1);
    return e;
}

static bool fits(const problem *p, const socle_device *device)
{
    const norm_problem *n = &p->norm;
    const int64_t most = INT32_MAX / 4;
    return (storage_is_real32(p->dtype) || p->dtype == SOCLE_FLOAT64) && storage_runs(p->dtype, device) && n->row > 0 &&
           n->row < most && n->rows < most && n->scale_rows < most && n->scale_block > 0 && n->row % n->scale_block == 0 &&
           extents_of(p).columns < most;
}

/* ---- launches ---- */

/* Turns of all loops that a work-item makes over one row, trees of a group among them. */
static int64_t turns_of_row(const extents *e, int items)
{
    int tree = 0;
    while (1 << tree < items)
        tree++;
    return 4 * ceil_div(e->row, items) + (e->block == 1 ? 3 : 2 + e->row / e->block * 2) * (tree + 1);
}

/* The images of a line are shared by `wanted` groups where each has `least` elements left; sums of more than 512 rows are cut, as
 * are those whose loops would not end. */
static int64_t groups_of(const problem *p, const socle_device *device, int64_t wanted, int64_t least, int items)
{
    const int64_t most_rows = 512;
    const extents e = extents_of(p);
    int64_t groups = ceil_div(wanted, e.lines > 0 ? e.lines : 1), rows = device_loop_turns(device) / 2 / turns_of_row(&e, items);
    if (groups > e.images * e.row / least)
        groups = e.images * e.row / least;
    if (groups > e.images)
        groups = e.images;
    if (rows > most_rows)
        rows = most_rows;
    if (rows > 0 && groups < ceil_div(e.images, rows))
        groups = ceil_div(e.images, rows);
    return groups > 0 ? groups : 1;
}

static size_t workspace_of(const problem *p, const norm_way *way)
{
    return (size_t)(extents_of(p).columns * way->groups) * problem_real_bytes(p);
}

static solver_launch begin(const problem *p, const socle_device *device, const norm_way *way, const char *kernel)
{
    solver_launch launch = {
        .algorithm = way->algorithm, .source = "norm/grad", .kernel = kernel, .dims = 2, .local = {(size_t)way->items, 1}};
    norm_way_options(&launch, p, device, way);
    text_addf(&launch.options, " -DPER_ELEMENT=%d -DHAS_BIAS=%d -DCENTERED=%d", p->norm.scale_block == 1, p->norm.has_bias,
              !p->norm.root_mean_square);
    return launch;
}

static socle_status emit_parts(const problem *p, const socle_device *device, const norm_way *way, const solver_operands *operands,
                               step_list *steps)
{
    const extents e = extents_of(p);
    const int64_t columns_of_group = way->vectors ? 4 * device_lanes(device) : way->items < 32 ? way->items : 32;
    solver_launch launch = begin(p, device, way, "norm_grad_parts");
    launch.global[0] = (size_t)(ceil_div(e.columns, columns_of_group) * way->items);
    launch.global[1] = 1;
    launch.flops = (double)(e.columns * way->groups);
    launch.bytes = launch.flops * (double)problem_real_bytes(p);
    launch_arg(&launch, ARG_OPERAND(operands->workspace));
    for (int i = 4; i < (p->norm.has_bias ? 6 : 5); i++)
        launch_arg(&launch, ARG_OPERAND(operands->data[i]));
    launch_arg(&launch, ARG_INT(way->groups));
    launch_arg(&launch, ARG_INT(e.channels));
    return launch_emit(&launch, p, operands, steps);
}

static socle_status emit_way(const problem *p, const socle_device *device, const norm_way *way, const solver_operands *operands,
                             step_list *steps)
{
    const extents e = extents_of(p);
    const int64_t share = ceil_div(e.images, way->groups);
    solver_launch launch = begin(p, device, way, "norm_grad");
    launch.global[0] = (size_t)(way->groups * way->items);
    launch.global[1] = (size_t)e.lines;
    launch.flops = problem_flops(p);
    launch.bytes = problem_bytes(p);
    launch.epilogue = true;
    launch.channel_uniform = e.block > 1;
    for (int i = 0; i < 4; i++)
        launch_arg(&launch, ARG_OPERAND(operands->data[i]));
    launch_arg(&launch, ARG_OPERAND(operands->workspace));
    launch_arg(&launch, ARG_INT(e.images));
    launch_arg(&launch, ARG_INT(e.row));
    launch_arg(&launch, ARG_INT(e.lines));
    launch_arg(&launch, ARG_INT(e.block));
    launch_arg(&launch, ARG_FLOAT(p->norm.epsilon));
    launch_arg(&launch, ARG_INT(share));
    const socle_status status = launch_emit(&launch, p, operands, steps);
    return status == SOCLE_OK ? emit_parts(p, device, way, operands, steps) : status;
}

/* Rows that do not stay in the cache between the passes are read once more for each. */
static double estimate_way(const problem *p, const socle_device *device, const norm_way *way)
{
    const extents e = extents_of(p);
    const double kept = 1 << 20, row_bytes = 2 * (double)e.row * (double)socle_dtype_size_bytes(p->dtype);
    const double parts = 2 * (double)(e.columns * way->groups) * (double)problem_real_bytes(p);
    return estimate_s(device, problem_flops(p), way->share, problem_bytes(p) * (row_bytes > kept ? 2.5 : 1) + parts, 2,
                      e.lines * way->groups);
}

/* ---- rows ---- */

static norm_way rows_way(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const bool vectors = p->norm.scale_block == 1 || p->norm.scale_block >= device_lanes(device);
    return (norm_way){"norm_grad/rows", true, 1, groups_of(p, device, 4 * (int64_t)device_units(device), 4096, 1),
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
    const int64_t together = p->norm.scale_block == 1 ? p->norm.row : p->norm.scale_block;
    int wanted = t->value[0] != 0 ? t->value[0] : 256;
    while (wanted > 32 && wanted / 2 >= together)
        wanted /= 2;
    const int items = device_group_items(device, wanted);
    return (norm_way){"norm_grad/group", false, items,
                      groups_of(p, device, 8 * (int64_t)device_units(device), 8 * (int64_t)items, items),
                      device_is_cpu_shaped(device) ? 0.004 : 0.2};
}

/* The loops over one row, and over the parts of a column, end. */
static bool loops_end(const problem *p, const socle_device *device, const norm_way *way)
{
    const extents e = extents_of(p);
    const int64_t turns = device_loop_turns(device) / 2;
    return turns_of_row(&e, way->items) <= turns && way->groups <= turns;
}

static bool group_applicable(const problem *p, const socle_device *device)
{
    if (!fits(p, device) || device_group_items(device, 2) < 2)
        return false;
    const norm_way way = group_way(p, device, &(tuning){{32}});
    return loops_end(p, device, &way);
}

NORM_WAY(group)

/* ---- plain ---- */

static norm_way plain_way(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    return (norm_way){"norm_grad/plain", false, 1, groups_of(p, device, 64 * (int64_t)device_units(device), 64, 1),
                      device_is_cpu_shaped(device) ? 0.01 : 0.003};
}

static bool plain_applicable(const problem *p, const socle_device *device)
{
    if (!fits(p, device))
        return false;
    const norm_way way = plain_way(p, device, NULL);
    return loops_end(p, device, &way);
}

NORM_WAY(plain)

/* ---- the solvers ---- */

const solver solver_norm_grad_rows = NORM_SOLVER("norm_grad/rows", PROBLEM_NORM_GRAD, rows, one_candidate);
const solver solver_norm_grad_group = NORM_SOLVER("norm_grad/group", PROBLEM_NORM_GRAD, group, group_size_candidates);
const solver solver_norm_grad_plain = NORM_SOLVER("norm_grad/plain", PROBLEM_NORM_GRAD, plain, one_candidate);

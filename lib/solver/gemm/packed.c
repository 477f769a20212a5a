/* gemm/packed: the large product on CPU-shaped devices. Panels of A in local memory, panels of B packed once (constant B) or by
 * each group, a register tile of 8 x 32; where m and n are small and k is large, k is split over groups and the sums are added in
 * order. */
#include "gemm.h"

enum { ROWS, VECTORS, GROUP_ROWS, GROUP_COLUMNS, BLOCK, SPLITS };

enum { FORM_PREPARED, FORM_ROWS, FORM_TRANSPOSED };

static int form_of(const problem *p)
{
    return gemm_can_pack(p) ? FORM_PREPARED : p->gemm.transpose_b ? FORM_TRANSPOSED : FORM_ROWS;
}

static int even_share(int64_t extent, int most, int unit)
{
    return (int)round_up(ceil_div(extent, ceil_div(extent, most)), unit);
}

static int64_t group_count(const problem *p, const tuning *r)
{
    return ceil_div(p->gemm.m, r->value[GROUP_ROWS]) * ceil_div(p->gemm.n, r->value[GROUP_COLUMNS]) * gemm_batches(&p->gemm);
}

/* Halves the groups' extents until there are enough of them: first what costs the least copying again. */
static void shrink_groups(const problem *p, const socle_device *device, tuning *r, int columns)
{
    const int wanted = 2 * device_units(device);
    const int least_columns = form_of(p) == FORM_PREPARED && columns < 128 ? 128 : columns;
    while (group_count(p, r) < wanted && r->value[GROUP_COLUMNS] > least_columns)
        r->value[GROUP_COLUMNS] = (int)round_up(r->value[GROUP_COLUMNS] / 2, columns);
    while (group_count(p, r) < wanted && r->value[GROUP_ROWS] > 4 * r->value[ROWS])
        r->value[GROUP_ROWS] = (int)round_up(r->value[GROUP_ROWS] / 2, r->value[ROWS]);
    while (group_count(p, r) < wanted && r->value[GROUP_COLUMNS] > columns)
        r->value[GROUP_COLUMNS] = (int)round_up(r->value[GROUP_COLUMNS] / 2, columns);
}

static size_t local_bytes(const problem *p, const socle_device *device, const tuning *r)
{
    const size_t columns = form_of(p) == FORM_PREPARED ? 0 : (size_t)(r->value[VECTORS] * device_lanes(device));
    return ((size_t)round_up(r->value[GROUP_ROWS], r->value[ROWS]) + columns) * (size_t)r->value[BLOCK] * sizeof(float);
}

/* The tuning with defaults in the place of zeros. */
static tuning resolved(const problem *p, const socle_device *device, const tuning *t)
{
    const gemm_problem *g = &p->gemm;
    const int lanes = device_lanes(device);
    const bool prepared = form_of(p) == FORM_PREPARED;
    tuning r = *t;
    if (r.value[ROWS] == 0)
        r.value[ROWS] = lanes == 16 ? 8 : 6;
    if (r.value[VECTORS] == 0)
        r.value[VECTORS] = g->n <= lanes ? 1 : 2;
    const int columns = r.value[VECTORS] * lanes;
    const bool given_groups = r.value[GROUP_ROWS] != 0 && r.value[GROUP_COLUMNS] != 0;
    if (r.value[GROUP_ROWS] == 0)
        r.value[GROUP_ROWS] = even_share(g->m, prepared ? 64 : 128, r.value[ROWS]);
    if (r.value[GROUP_COLUMNS] == 0)
        r.value[GROUP_COLUMNS] = even_share(g->n, 512, columns);
    if (!given_groups)
        shrink_groups(p, device, &r, columns);
    if (r.value[SPLITS] == 0) {
        const int64_t missing = 2 * device_units(device) / group_count(p, &r), most = g->k / 256;
        r.value[SPLITS] = missing < 2 || most < 2 ? 1 : (int)(missing < most ? missing : most);
    }
    if (r.value[BLOCK] == 0)
        r.value[BLOCK] = prepared ? 512 : 256;
    /* Sums in between are kept in C where C is float, else each block is a split of its own. */
    if (r.value[SPLITS] == 1 && p->dtype != SOCLE_FLOAT32)
        r.value[SPLITS] = (int)ceil_div(g->k, 2 * r.value[BLOCK]);
    r.value[BLOCK] = r.value[SPLITS] > 1         ? (int)round_up(ceil_div(g->k, r.value[SPLITS]), lanes)
                     : p->dtype != SOCLE_FLOAT32 ? (int)round_up(g->k, lanes)
                                                 : even_share(g->k, r.value[BLOCK], lanes);
    if (r.value[SPLITS] > 1)
        r.value[SPLITS] = (int)ceil_div(g->k, r.value[BLOCK]);
    while (!given_groups && local_bytes(p, device, &r) > device->capabilities.local_memory_bytes &&
           r.value[GROUP_ROWS] > r.value[ROWS])
        r.value[GROUP_ROWS] = (int)round_up(r.value[GROUP_ROWS] / 2, r.value[ROWS]);
    return r;
}

static bool fits(const problem *p, const socle_device *device, const tuning *t)
{
    const tuning r = resolved(p, device, t);
    return local_bytes(p, device, &r) <= device->capabilities.local_memory_bytes;
}

static bool packed_applicable(const problem *p, const socle_device *device)
{
    const tuning zero = {{0}};
    return gemm_vectorizable(p) && device_runs_long_loops(device) && fits(p, device, &zero);
}

static int packed_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    static const int wide[][2] = {{8, 2}, {8, 3}, {12, 2}, {14, 2}, {6, 2}, {4, 4}, {16, 1}};
    static const int narrow[][2] = {{6, 2}, {4, 2}, {4, 3}, {8, 1}, {5, 2}};
    static const int groups[][3] = {{0, 0, 0},      {64, 512, 512},  {128, 512, 256}, {64, 256, 512}, {128, 256, 384},
                                    {32, 512, 512}, {96, 1024, 256}, {64, 512, 256},  {64, 128, 512}, {256, 512, 192}};
    const bool is_wide = device_lanes(device) == 16;
    const size_t tiles = is_wide ? COUNT_OF(wide) : COUNT_OF(narrow);
    int count = add_candidate(out, 0, capacity, (tuning){{0}});
    for (size_t k = 0; k < COUNT_OF(groups); k++) {
        for (size_t i = 0; i < tiles; i++) {
            const int *tile = is_wide ? wide[i] : narrow[i];
            tuning t = {{tile[0], tile[1], 0, 0, groups[k][2]}};
            const int columns = tile[1] * device_lanes(device);
            if (k > 0) {
                t.value[GROUP_ROWS] = even_share(p->gemm.m, groups[k][0], tile[0]);
                t.value[GROUP_COLUMNS] = even_share(p->gemm.n, groups[k][1], columns);
            }
            if (tile[0] <= 2 * p->gemm.m && columns < 2 * p->gemm.n && fits(p, device, &t))
                count = add_candidate(out, count, capacity, t);
        }
    }
    return count;
}

static double packed_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const gemm_problem *g = &p->gemm;
    const tuning r = resolved(p, device, t);
    if (!device_is_cpu_shaped(device))
        return estimate_s(device, problem_flops(p), 0.01, problem_bytes(p), 1, 0);
    const double batches = (double)gemm_batches(g), depth = (double)round_up(g->k, device_lanes(device));
    const double rows = (double)round_up(g->m, r.value[ROWS]);
    const double columns = (double)round_up(g->n, r.value[VECTORS] * device_lanes(device));
    const double row_groups = (double)ceil_div(g->m, r.value[GROUP_ROWS]);
    const double column_groups = (double)ceil_div(g->n, r.value[GROUP_COLUMNS]);
    /* Copying an element takes the time of one or two multiply-adds of a vector's lane, transposing it of eight. */
    static const double b_cost[] = {[FORM_PREPARED] = 0, [FORM_ROWS] = 2, [FORM_TRANSPOSED] = 8};
    double operations = rows * columns * depth + column_groups * rows * depth * 2;
    operations += row_groups * columns * depth * b_cost[form_of(p)];
    if (r.value[SPLITS] > 1)
        operations += 4.0 * r.value[SPLITS] * (double)g->m * (double)g->n;
    const int launches = r.value[SPLITS] > 1 ? 2 : 1;
    const double fixed_s = 2e-6; /* starting and ending each group's panels */
    return fixed_s +
           estimate_s(device, 2 * batches * operations, 0.9, gemm_seen_bytes(p), launches, group_count(p, &r) * r.value[SPLITS]);
}

static gemm_panels panels_of(const problem *p, const socle_device *device, const tuning *t)
{
    const tuning r = resolved(p, device, t);
    return (gemm_panels){.lanes = device_lanes(device), .columns = r.value[VECTORS] * device_lanes(device)};
}

static size_t packed_prepared_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    return gemm_can_pack(p) ? gemm_packed_bytes(p, panels_of(p, device, t)) : 0;
}

static socle_status packed_prepare(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                   step_list *steps)
{
    return gemm_emit_pack(p, panels_of(p, device, t), "gemm/packed", operands, steps);
}

static size_t packed_workspace_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    const tuning r = resolved(p, device, t);
    return gemm_split_bytes(&p->gemm, r.value[SPLITS]);
}

static socle_status packed_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                step_list *steps)
{
    const gemm_problem *g = &p->gemm;
    const tuning r = resolved(p, device, t);
    const int form = form_of(p), lanes = device_lanes(device);
    const bool split = r.value[SPLITS] > 1;
    solver_launch launch = {.algorithm = "gemm/packed",
                            .source = "gemm/packed",
                            .kernel = "gemm_packed",
                            .dims = 3,
                            .local = {1, 1, 1},
                            .epilogue = !split,
                            .flops = problem_flops(p),
                            .bytes = problem_bytes(p)};
    gemm_add_options(&launch, p);
    text_addf(&launch.options, " -DWIDTH=%d -DROWS=%d -DVECTORS=%d -DTRANSPOSE_A=%d -DB_FORM=%d -DSPLIT=%d", lanes, r.value[ROWS],
              r.value[VECTORS], g->transpose_a, form, split);
    launch_arg(&launch, ARG_OPERAND(operands->data[GEMM_A]));
    launch_arg(&launch, ARG_OPERAND(form == FORM_PREPARED ? operands->prepared : operands->data[GEMM_B]));
    launch_arg(&launch, ARG_OPERAND(split ? operands->workspace : operands->data[GEMM_C]));
    launch_arg(&launch, ARG_INT(g->m));
    launch_arg(&launch, ARG_INT(g->n));
    launch_arg(&launch, ARG_INT(g->k));
    launch_arg(&launch, ARG_INT(r.value[BLOCK]));
    launch_arg(&launch, ARG_INT(r.value[GROUP_ROWS]));
    launch_arg(&launch, ARG_INT(r.value[GROUP_COLUMNS]));
    launch_arg(&launch, ARG_INT(r.value[SPLITS]));
    gemm_add_batch_args(&launch, g);
    const int64_t rows_bytes = round_up(r.value[GROUP_ROWS], r.value[ROWS]) * r.value[BLOCK] * (int64_t)sizeof(float);
    const int64_t panel_bytes = (int64_t)local_bytes(p, device, &r) - rows_bytes;
    launch_arg(&launch, ARG_LOCAL(rows_bytes));
    launch_arg(&launch, ARG_LOCAL(panel_bytes > 0 ? panel_bytes : 64));
    launch.global[0] = (size_t)ceil_div(g->m, r.value[GROUP_ROWS]);
    launch.global[1] = (size_t)ceil_div(g->n, r.value[GROUP_COLUMNS]);
    launch.global[2] = (size_t)(gemm_batches(g) * r.value[SPLITS]);
    return gemm_emit_split(&launch, p, r.value[SPLITS], operands, steps);
}

const solver solver_gemm_packed = {
    .name = "gemm/packed",
    .kind = PROBLEM_GEMM,
    .applicable = packed_applicable,
    .candidates = packed_candidates,
    .estimate = packed_estimate,
    .workspace_bytes = packed_workspace_bytes,
    .prepared_bytes = packed_prepared_bytes,
    .prepare = packed_prepare,
    .emit = packed_emit,
    .epilogues = true,
};

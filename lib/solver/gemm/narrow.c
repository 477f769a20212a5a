/* Products with constant weights in a narrower type than what they are multiplied with (float16, bfloat16, int8, uint8; the last
 * two with scales and zeros).
 *
 * gemm/narrow: one to sixteen rows on CPU-shaped devices: bound by the bytes of B, which are packed as they are and widened in
 * registers. gemm/widened: more rows, bound by arithmetic: B is widened once while it is packed, then gemm/packed runs.
 * gemm/narrow_plain: one work-item per element, any shape, nothing prepared. */
#include "../solvers.h"
#include "gemm.h"

enum { ROWS, VECTORS, GROUP_COLUMNS };
enum { GEMM_SCALES = GEMM_C + 1, GEMM_ZEROS };

#define MOST_ROWS 16

static bool is_narrow(const problem *p)
{
    return !problem_is_bytes(p) && p->gemm.b_dtype != SOCLE_NONE;
}

static int64_t block_of(const gemm_problem *g)
{
    return g->scales.present && g->scales.block > 0 ? g->scales.block : g->k;
}

static tuning resolved(const problem *p, const socle_device *device, const tuning *t)
{
    const gemm_problem *g = &p->gemm;
    const int lanes = device_lanes(device), accumulators = lanes == 16 ? 24 : 8; /* of 32 vector registers, or 16 */
    tuning r = *t;
    if (r.value[ROWS] == 0)
        r.value[ROWS] = (int)(g->m <= 8 ? g->m : ceil_div(g->m, 2));
    if (r.value[VECTORS] == 0) {
        const int64_t room = accumulators / r.value[ROWS], most = room > 6 ? 6 : room < 1 ? 1 : room;
        const int64_t wanted = ceil_div(g->n, lanes);
        r.value[VECTORS] = (int)(wanted < most ? wanted : most);
    }
    const int columns = r.value[VECTORS] * lanes;
    if (r.value[GROUP_COLUMNS] == 0) {
        /* Two groups per unit where there is enough to read, one group where a second thread would cost more than it saves. */
        const double bytes = (double)g->n * (double)g->k * (double)socle_dtype_size_bytes(g->b_dtype);
        const int64_t parts = bytes < 128e3 ? 1 : bytes < 512e3 ? device_units(device) : 2 * device_units(device);
        const int64_t panels = ceil_div(g->n, columns);
        r.value[GROUP_COLUMNS] = (int)(ceil_div(panels, panels < parts ? panels : parts) * columns);
    }
    return r;
}

static bool narrow_applicable(const problem *p, const socle_device *device)
{
    const gemm_problem *g = &p->gemm;
    return is_narrow(p) && gemm_extents_fit(p) && gemm_can_pack(p) && g->m <= MOST_ROWS && device_runs_long_loops(device);
}

static int narrow_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    static const int vectors[] = {6, 4, 3, 8, 2, 1, 12};
    int count = add_candidate(out, 0, capacity, (tuning){{0}});
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        tuning t = {{0, vectors[i]}};
        const tuning r = resolved(p, device, &t);
        if (r.value[ROWS] * vectors[i] > 24 || (vectors[i] - 1) * device_lanes(device) >= p->gemm.n)
            continue;
        count = add_candidate(out, count, capacity, t);
        t.value[GROUP_COLUMNS] = 2 * vectors[i] * device_lanes(device);
        count = add_candidate(out, count, capacity, t);
    }
    return count;
}

static double narrow_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const gemm_problem *g = &p->gemm;
    const tuning r = resolved(p, device, t);
    if (!device_is_cpu_shaped(device))
        return estimate_s(device, problem_flops(p), 0.01, problem_bytes(p), 1, 0);
    /* Loads and conversions bind one row, arithmetic several. */
    const double share = g->m < 3 ? 0.4 : g->m < 6 ? 0.6 : 0.8;
    return estimate_s(device, problem_flops(p), share, gemm_seen_bytes(p), 1, ceil_div(g->n, r.value[GROUP_COLUMNS]));
}

/* ---- weights as they are in panels, scales behind them ---- */

static int64_t padded_columns(const problem *p, const socle_device *device, const tuning *r)
{
    return round_up(p->gemm.n, r->value[VECTORS] * device_lanes(device));
}

/* Of the panels, rounded up to what floats may follow at. */
static int64_t panel_bytes(const problem *p, int64_t columns)
{
    return round_up(columns * p->gemm.k * (int64_t)socle_dtype_size_bytes(p->gemm.b_dtype), 64);
}

static size_t narrow_prepared_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    const gemm_problem *g = &p->gemm;
    const tuning r = resolved(p, device, t);
    const int64_t columns = padded_columns(p, device, &r);
    const int64_t tables = g->scales.present ? 1 + g->scales.zeros : 0;
    return (size_t)(panel_bytes(p, columns) + tables * columns * (g->k / block_of(g)) * (int64_t)sizeof(float));
}

static void add_options(solver_launch *launch, const problem *p)
{
    const gemm_scales *s = &p->gemm.scales;
    text_addf(&launch->options, "-DSTORAGE=%s -DWEIGHT_STORAGE=%s -DTRANSPOSE_B=%d -DSCALES=%d -DZEROS=%d -DPER_COLUMN=%d",
              storage_name(p->dtype), storage_name(p->gemm.b_dtype), p->gemm.transpose_b, s->present, s->zeros, s->per_column);
}

/* Scales and zeros as arguments; where there are none, something to take their place that is not read. */
static void add_scale_args(solver_launch *launch, const problem *p, const solver_operands *operands)
{
    const gemm_scales *s = &p->gemm.scales;
    launch_arg(launch, ARG_OPERAND(operands->data[s->present ? GEMM_SCALES : GEMM_B]));
    launch_arg(launch, ARG_OPERAND(operands->data[s->zeros ? GEMM_ZEROS : GEMM_B]));
}

static socle_status narrow_prepare(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                   step_list *steps)
{
    const gemm_problem *g = &p->gemm;
    const tuning r = resolved(p, device, t);
    const int64_t columns = padded_columns(p, device, &r), panel = r.value[VECTORS] * device_lanes(device);
    solver_launch pack = {.algorithm = "gemm/narrow", .source = "gemm/narrow_pack", .kernel = "gemm_narrow_pack", .dims = 2};
    add_options(&pack, p);
    text_addf(&pack.options, " -DCOLUMNS=%d", (int)panel);
    launch_arg(&pack, ARG_OPERAND(operands->data[GEMM_B]));
    launch_arg(&pack, ARG_OPERAND(operands->prepared));
    launch_arg(&pack, ARG_INT(g->n));
    launch_arg(&pack, ARG_INT(g->k));
    pack.global[0] = (size_t)g->k;
    pack.global[1] = (size_t)(columns / panel);
    const socle_status status = launch_emit(&pack, p, operands, steps);
    if (status != SOCLE_OK || !g->scales.present)
        return status;
    solver_launch scales = {.algorithm = "gemm/narrow", .source = "gemm/narrow_pack", .kernel = "gemm_narrow_scales", .dims = 2};
    add_options(&scales, p);
    add_scale_args(&scales, p, operands);
    launch_arg(&scales, ARG_OPERAND(operands->prepared));
    launch_arg(&scales, ARG_LONG(panel_bytes(p, columns) / (int64_t)socle_dtype_size_bytes(g->b_dtype)));
    launch_arg(&scales, ARG_INT(g->n));
    launch_arg(&scales, ARG_INT(g->k / block_of(g)));
    scales.global[0] = (size_t)columns;
    scales.global[1] = (size_t)(g->k / block_of(g));
    return launch_emit(&scales, p, operands, steps);
}

static socle_status narrow_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                step_list *steps)
{
    const gemm_problem *g = &p->gemm;
    const tuning r = resolved(p, device, t);
    const int64_t columns = padded_columns(p, device, &r);
    solver_launch launch = {.algorithm = "gemm/narrow",
                            .source = "gemm/narrow",
                            .kernel = "gemm_narrow",
                            .dims = 1,
                            .local = {1, 1, 1},
                            .epilogue = true,
                            .flops = problem_flops(p),
                            .bytes = problem_bytes(p)};
    add_options(&launch, p);
    text_addf(&launch.options, " -DWIDTH=%d -DROWS=%d -DVECTORS=%d", device_lanes(device), r.value[ROWS], r.value[VECTORS]);
    if (r.value[ROWS] > 4) /* fewer read faster than it helps */
        text_add(&launch.options, " -DPREFETCHES");
    launch_arg(&launch, ARG_OPERAND(operands->data[GEMM_A]));
    launch_arg(&launch, ARG_OPERAND(operands->prepared));
    launch_arg(&launch, ARG_OPERAND(operands->data[GEMM_C]));
    launch_arg(&launch, ARG_LONG(panel_bytes(p, columns) / (int64_t)sizeof(float)));
    launch_arg(&launch, ARG_INT(g->m));
    launch_arg(&launch, ARG_INT(g->n));
    launch_arg(&launch, ARG_INT(g->k));
    launch_arg(&launch, ARG_INT(block_of(g)));
    launch_arg(&launch, ARG_INT(columns));
    launch_arg(&launch, ARG_INT(r.value[GROUP_COLUMNS]));
    launch_arg(&launch, ARG_FLOAT(g->alpha));
    launch.global[0] = (size_t)ceil_div(g->n, r.value[GROUP_COLUMNS]);
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_gemm_narrow = {
    .name = "gemm/narrow",
    .kind = PROBLEM_GEMM,
    .applicable = narrow_applicable,
    .candidates = narrow_candidates,
    .estimate = narrow_estimate,
    .prepared_bytes = narrow_prepared_bytes,
    .prepare = narrow_prepare,
    .emit = narrow_emit,
    .epilogues = true,
};

/* ---- widened once ---- */

/* The product that is left once B is widened. */
static problem widened(const problem *p)
{
    problem wide = *p;
    wide.gemm.b_dtype = SOCLE_NONE;
    wide.gemm.scales = (gemm_scales){0};
    return wide;
}

static bool widened_applicable(const problem *p, const socle_device *device)
{
    const problem wide = widened(p);
    return is_narrow(p) && gemm_can_pack(p) && solver_gemm_packed.applicable(&wide, device);
}

static int widened_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    const problem wide = widened(p);
    return solver_gemm_packed.candidates(&wide, device, out, capacity);
}

static double widened_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const problem wide = widened(p);
    return solver_gemm_packed.estimate(&wide, device, t);
}

static size_t widened_workspace_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    const problem wide = widened(p);
    return solver_gemm_packed.workspace_bytes(&wide, device, t);
}

static size_t widened_prepared_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    const problem wide = widened(p);
    return solver_gemm_packed.prepared_bytes(&wide, device, t);
}

socle_status gemm_emit_widening_pack(const problem *p, gemm_panels panels, const solver_operands *operands, step_list *steps)
{
    const gemm_problem *g = &p->gemm;
    const int64_t depth = round_up(g->k, panels.lanes);
    solver_launch launch = {.algorithm = "gemm/widened", .source = "gemm/narrow_pack", .kernel = "gemm_widen", .dims = 2};
    add_options(&launch, p);
    text_addf(&launch.options, " -DCOLUMNS=%d", panels.columns);
    launch_arg(&launch, ARG_OPERAND(operands->data[GEMM_B]));
    launch_arg(&launch, ARG_OPERAND(operands->prepared));
    add_scale_args(&launch, p, operands);
    launch_arg(&launch, ARG_INT(g->n));
    launch_arg(&launch, ARG_INT(g->k));
    launch_arg(&launch, ARG_INT(depth));
    launch_arg(&launch, ARG_INT(block_of(g)));
    launch_arg(&launch, ARG_INT(g->k / block_of(g)));
    launch.global[0] = (size_t)depth;
    launch.global[1] = (size_t)ceil_div(g->n, panels.columns);
    return launch_emit(&launch, p, operands, steps);
}

/* gemm/packed packs through gemm_emit_pack, which widens what is narrow. */
static socle_status widened_prepare(const problem *p, const socle_device *device, const tuning *t,
                                    const solver_operands *operands, step_list *steps)
{
    return solver_gemm_packed.prepare(p, device, t, operands, steps);
}

static socle_status widened_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                 step_list *steps)
{
    const problem wide = widened(p);
    return solver_gemm_packed.emit(&wide, device, t, operands, steps);
}

const solver solver_gemm_widened = {
    .name = "gemm/widened",
    .kind = PROBLEM_GEMM,
    .applicable = widened_applicable,
    .candidates = widened_candidates,
    .estimate = widened_estimate,
    .workspace_bytes = widened_workspace_bytes,
    .prepared_bytes = widened_prepared_bytes,
    .prepare = widened_prepare,
    .emit = widened_emit,
    .epilogues = true,
};

/* ---- one work-item per element ---- */

static bool plain_applicable(const problem *p, const socle_device *device)
{
    (void)device;
    return is_narrow(p) && storage_is_real32(p->dtype) && p->gemm.batch_rank == 0 && !p->gemm.transpose_a;
}

static double plain_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    return estimate_s(device, problem_flops(p), device_is_cpu_shaped(device) ? 0.008 : 0.05, problem_bytes(p), 1, 0);
}

/* One launch for k from `first` to `end`. */
static socle_status emit_slice(const problem *p, int64_t first, int64_t end, const solver_operands *operands, step_list *steps)
{
    const gemm_problem *g = &p->gemm;
    solver_launch launch = {.algorithm = "gemm/narrow_plain",
                            .source = "gemm/narrow_plain",
                            .kernel = "gemm_narrow_plain",
                            .dims = 2,
                            .epilogue = true,
                            .flops = problem_flops(p),
                            .bytes = problem_bytes(p)};
    add_options(&launch, p);
    for (int i = 0; i < 3; i++)
        launch_arg(&launch, ARG_OPERAND(operands->data[i]));
    add_scale_args(&launch, p, operands);
    launch_arg(&launch, ARG_LONG(g->m));
    launch_arg(&launch, ARG_LONG(g->n));
    launch_arg(&launch, ARG_LONG(g->k));
    launch_arg(&launch, ARG_LONG(first));
    launch_arg(&launch, ARG_LONG(end));
    launch_arg(&launch, ARG_LONG(block_of(g) > 0 ? block_of(g) : 1));
    launch_arg(&launch, ARG_FLOAT(g->alpha));
    launch.global[0] = (size_t)g->n;
    launch.global[1] = (size_t)g->m;
    return launch_emit(&launch, p, operands, steps);
}

static socle_status plain_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    const int64_t most = device_loop_turns(device), k = p->gemm.k;
    int64_t first = 0;
    socle_status status;
    (void)t;
    do {
        const int64_t end = k - first > most ? first + most : k;
        status = emit_slice(p, first, end, operands, steps);
        first = end;
    } while (status == SOCLE_OK && first < k);
    return status;
}

const solver solver_gemm_narrow_plain = {
    .name = "gemm/narrow_plain",
    .kind = PROBLEM_GEMM,
    .applicable = plain_applicable,
    .candidates = one_candidate,
    .estimate = plain_estimate,
    .emit = plain_emit,
    .epilogues = true,
};

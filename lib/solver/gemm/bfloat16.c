/* gemm/bfloat16: products of bfloat16 with sums in float32 on CPUs with an instruction for sums of two such products (probed, see
 * device_instruction in device.h): the register tiles of gemm/bytes, with pairs of bfloat16 in the place of four bytes. B is
 * packed once where it is constant, else by a step of its own.
 *
 * Accuracy: products are exact and each sum is rounded to nearest even, as by multiply-adds in float32. Operands and sums below
 * 2^-126, denormal ones, count as 0, which is why a strict accuracy leaves this way out. */
#include "rows.h"

#define CHUNK 16 /* words of k that lie together in local memory, per row */

/* Words of k: pairs, padded as the kernel walks through them. */
static int64_t depth_of(const problem *p)
{
    return round_up(ceil_div(p->gemm.k, 2), CHUNK);
}

static gemm_rows rows_of(const problem *p)
{
    return (gemm_rows){16, depth_of(p) * (int64_t)sizeof(int32_t), 1.7};
}

static tuning resolved(const problem *p, const socle_device *device, const tuning *t)
{
    return gemm_rows_tuning(p, device, rows_of(p), t);
}

static bool bfloat16_applicable(const problem *p, const socle_device *device)
{
    return p->dtype == SOCLE_BFLOAT16 && device_has_instruction(device, INSTRUCTION_VDPBF16PS) && gemm_vectorizable(p) &&
           p->gemm.batch_rank == 0 && !p->gemm.transpose_a && !p->strict_accuracy &&
           gemm_rows_fit(p, device, rows_of(p), &(tuning){{0}});
}

static int bfloat16_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    return gemm_rows_candidates(p, device, rows_of(p), out, capacity);
}

static int64_t padded_columns(const problem *p, const tuning *r)
{
    return round_up(p->gemm.n, r->value[VECTORS] * 16);
}

static double bfloat16_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const tuning r = resolved(p, device, t);
    const double rows = (double)round_up(p->gemm.m, r.value[ROWS]), columns = (double)padded_columns(p, &r);
    const double words = (double)depth_of(p);
    double seconds =
        estimate_s(device, 4 * rows * columns * words, rows_of(p).share, gemm_seen_bytes(p), 1, gemm_rows_groups(p, &r));
    if (!gemm_can_pack(p)) /* a word takes as long as some 8 multiply-adds, from columns of B some 80 */
        seconds += estimate_s(device, (p->gemm.transpose_b ? 160 : 16) * columns * words, 1, 0, 1, 0);
    return seconds;
}

static size_t packed_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    const tuning r = resolved(p, device, t);
    return (size_t)(padded_columns(p, &r) * depth_of(p)) * sizeof(int32_t);
}

static size_t bfloat16_prepared_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    return gemm_can_pack(p) ? packed_bytes(p, device, t) : 0;
}

static size_t bfloat16_workspace_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    return gemm_can_pack(p) ? 0 : packed_bytes(p, device, t);
}

static socle_status emit_pack(const problem *p, const socle_device *device, const tuning *t, int from, int to, step_list *steps)
{
    const gemm_problem *g = &p->gemm;
    const tuning r = resolved(p, device, t);
    const int panel = r.value[VECTORS] * 16;
    solver_launch launch = {
        .algorithm = "gemm/bfloat16", .source = "gemm/bfloat16_pack", .kernel = "gemm_bfloat16_pack", .dims = 2};
    text_addf(&launch.options, "-DVECTORS=%d -DTRANSPOSE_B=%d", r.value[VECTORS], g->transpose_b);
    launch_arg(&launch, ARG_OPERAND(from));
    launch_arg(&launch, ARG_OPERAND(to));
    launch_arg(&launch, ARG_INT(g->n));
    launch_arg(&launch, ARG_INT(g->k));
    launch_arg(&launch, ARG_INT(depth_of(p)));
    launch.global[0] = (size_t)(depth_of(p) / CHUNK);
    launch.global[1] = (size_t)ceil_div(g->n, panel);
    launch.bytes = 4 * (double)g->n * (double)g->k;
    return launch_emit(&launch, p, NULL, steps);
}

static socle_status bfloat16_prepare(const problem *p, const socle_device *device, const tuning *t,
                                     const solver_operands *operands, step_list *steps)
{
    return emit_pack(p, device, t, operands->data[GEMM_B], operands->prepared, steps);
}

static socle_status bfloat16_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                  step_list *steps)
{
    const gemm_problem *g = &p->gemm;
    const tuning r = resolved(p, device, t);
    const int panels = gemm_can_pack(p) ? operands->prepared : operands->workspace;
    if (!gemm_can_pack(p)) {
        const socle_status status = emit_pack(p, device, t, operands->data[GEMM_B], panels, steps);
        if (status != SOCLE_OK)
            return status;
    }
    solver_launch launch = {.algorithm = "gemm/bfloat16",
                            .source = "gemm/bfloat16",
                            .kernel = "gemm_bfloat16",
                            .dims = 2,
                            .local = {1, 1, 1},
                            .epilogue = true,
                            .flops = problem_flops(p),
                            .bytes = problem_bytes(p)};
    text_addf(&launch.options, "-DSTORAGE=BFLOAT16 -DPAIRS=1 -DROWS=%d -DVECTORS=%d", r.value[ROWS], r.value[VECTORS]);
    launch_arg(&launch, ARG_OPERAND(operands->data[GEMM_A]));
    launch_arg(&launch, ARG_OPERAND(panels));
    launch_arg(&launch, ARG_OPERAND(operands->data[GEMM_C]));
    launch_arg(&launch, ARG_INT(g->m));
    launch_arg(&launch, ARG_INT(g->n));
    launch_arg(&launch, ARG_INT(g->k));
    launch_arg(&launch, ARG_INT(depth_of(p)));
    launch_arg(&launch, ARG_INT(r.value[GROUP_ROWS]));
    launch_arg(&launch, ARG_INT(r.value[GROUP_COLUMNS]));
    launch_arg(&launch, ARG_FLOAT(g->alpha));
    launch_arg(&launch, ARG_LOCAL(gemm_rows_local_bytes(rows_of(p), &r)));
    launch.global[0] = (size_t)ceil_div(g->m, r.value[GROUP_ROWS]);
    launch.global[1] = (size_t)ceil_div(g->n, r.value[GROUP_COLUMNS]);
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_gemm_bfloat16 = {
    .name = "gemm/bfloat16",
    .kind = PROBLEM_GEMM,
    .applicable = bfloat16_applicable,
    .candidates = bfloat16_candidates,
    .estimate = bfloat16_estimate,
    .workspace_bytes = bfloat16_workspace_bytes,
    .prepared_bytes = bfloat16_prepared_bytes,
    .prepare = bfloat16_prepare,
    .emit = bfloat16_emit,
    .epilogues = true,
};

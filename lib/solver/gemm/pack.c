/* Packing a constant B once, when weights are prepared. */
#include "gemm.h"

bool gemm_can_pack(const problem *p)
{
    return p->gemm.b_constant && p->gemm.batch_rank == 0;
}

size_t gemm_packed_bytes(const problem *p, gemm_panels panels)
{
    const int64_t columns = round_up(p->gemm.n, panels.columns), depth = round_up(p->gemm.k, panels.lanes);
    return (size_t)(columns * depth) * socle_dtype_size_bytes(p->dtype);
}

socle_status gemm_emit_pack(const problem *p, gemm_panels panels, const char *algorithm, const solver_operands *operands,
                            step_list *steps)
{
    const gemm_problem *g = &p->gemm;
    const int64_t depth = round_up(g->k, panels.lanes);
    if (g->b_dtype != SOCLE_NONE)
        return gemm_emit_widening_pack(p, panels, operands, steps);
    solver_launch launch = {.algorithm = algorithm, .source = "gemm/pack", .kernel = "gemm_pack", .dims = 2};
    text_addf(&launch.options, "-DSTORAGE=%s -DTRANSPOSE_B=%d -DCOLUMNS=%d -DOVERLAP=%d", storage_name(p->dtype), g->transpose_b,
              panels.columns, panels.overlap);
    launch_arg(&launch, ARG_OPERAND(operands->data[GEMM_B]));
    launch_arg(&launch, ARG_OPERAND(operands->prepared));
    launch_arg(&launch, ARG_INT(g->n));
    launch_arg(&launch, ARG_INT(g->k));
    launch_arg(&launch, ARG_INT(depth));
    launch.global[0] = (size_t)depth;
    launch.global[1] = (size_t)ceil_div(g->n, panels.columns);
    launch.bytes = (double)gemm_packed_bytes(p, panels) * 2;
    return launch_emit(&launch, p, operands, steps);
}

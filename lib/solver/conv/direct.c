/* conv/direct and conv_input/direct: convolution on CPUs with register tiles of channels x neighbouring pixels
 * (kernels/conv/direct.cl). The gradient of the data runs the same kernel once for each phase of the stride (of rows: phases of
 * columns are joined). Weights are packed once when they are constant, else in front of every run. */
#include "direct.h"

/* Launches that a gradient of the data may be cut into. */
#define MOST_PHASES 64

static bool direct_applicable(const problem *p, const socle_device *device)
{
    tuning t;
    if (!conv_supported(p, device) || device_has_quirk(device, QUIRK_LOOP_LIMIT) || problem_flops(p) <= 0 ||
        tap_conv_phases(p) > MOST_PHASES)
        return false;
    return direct_tunings(p, device, &t, 1) > 0;
}

/* The default where the tuning leaves it open. */
static tuning resolve(const problem *p, const socle_device *device, const tuning *t)
{
    return tuning_resolve(p, device, t, DIRECT_CHANNELS, direct_tunings);
}

/* ---- weights ---- */

static size_t packed_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    const tuning resolved = resolve(p, device, t);
    int64_t count = 0;
    for (int64_t i = 0; i < tap_conv_parts(p); i++) {
        const tap_conv c = tap_conv_part(p, i);
        count += tap_conv_packed_count(&c, resolved.value[DIRECT_CHANNELS]);
    }
    return (size_t)(count > 0 ? count : 1) * problem_real_bytes(p);
}

static size_t direct_workspace_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    return p->conv.w_constant ? 0 : packed_bytes(p, device, t);
}

static size_t direct_prepared_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    return p->conv.w_constant ? packed_bytes(p, device, t) : 0;
}

static void add_options(text *options, const problem *p, const tap_conv *c, const tuning *t)
{
    tap_conv_add_options(options, p, c);
    if (t->value[DIRECT_COLUMNS] > 0 && t->value[DIRECT_COLUMNS] < c->to[2])
        text_addf(options, " -DCOLUMNS=%d", t->value[DIRECT_COLUMNS]);
    text_addf(options, " -DMR=%d -DNV=%d -DROWS=%d -DBLOCK=%d -DSLICE=%d", t->value[DIRECT_CHANNELS], t->value[DIRECT_VECTORS],
              t->value[DIRECT_ROWS], t->value[DIRECT_BLOCK], t->value[DIRECT_SLICE]);
}

static socle_status pack(const problem *p, const tuning *t, const solver_operands *operands, int to, step_list *steps)
{
    int64_t offset = 0;
    socle_status status = SOCLE_OK;
    for (int64_t i = 0; i < tap_conv_phases(p) && status == SOCLE_OK; i++) {
        const tap_conv c = tap_conv_at(p, i);
        if (tap_conv_taps(&c) > 0 && conv_volume(c.to) > 0)
            status =
                tap_conv_emit_pack(p, &c, t->value[DIRECT_CHANNELS],
                                   p->kind == PROBLEM_CONV ? "conv/direct" : "conv_input/direct", operands, to, offset, steps);
        offset += tap_conv_packed_count(&c, t->value[DIRECT_CHANNELS]);
    }
    return status;
}

static socle_status direct_prepare(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                   step_list *steps)
{
    const tuning resolved = resolve(p, device, t);
    return pack(p, &resolved, operands, operands->prepared, steps);
}

/* ---- the convolution ---- */

static socle_status emit_part(const problem *p, const tap_conv *c, const tuning *chosen, const solver_operands *operands,
                              int packed, int64_t offset, step_list *steps)
{
    tuning t = *chosen;
    if (t.value[DIRECT_ROWS] > c->to[1])
        t.value[DIRECT_ROWS] = (int)c->to[1];
    const int64_t slices = ceil_div(c->to_channels, t.value[DIRECT_SLICE]);
    const int64_t blocks = ceil_div(c->to[1], t.value[DIRECT_ROWS]) *
                           (t.value[DIRECT_COLUMNS] > 0 ? ceil_div(c->to[2], t.value[DIRECT_COLUMNS]) : 1);
    const double flops = 2.0 * (double)(c->batch * c->groups * c->from_channels * c->to_channels) *
                         (double)(tap_conv_taps(c) * conv_volume(c->to));
    solver_launch launch = {.algorithm = p->kind == PROBLEM_CONV ? "conv/direct" : "conv_input/direct",
                            .source = "conv/direct",
                            .kernel = "conv_direct",
                            .epilogue = true,
                            .channel_uniform = true,
                            .dims = 3,
                            .global = {(size_t)blocks, (size_t)(c->groups * slices), (size_t)(c->batch * c->to[0])},
                            .local = {1, 1, 1},
                            .flops = flops,
                            .bytes = problem_bytes(p)};
    add_options(&launch.options, p, c, &t);
    launch_arg(&launch, ARG_OPERAND(operands->data[0]));
    launch_arg(&launch, ARG_OPERAND(packed));
    launch_arg(&launch, ARG_OPERAND(operands->data[2]));
    launch_arg(&launch, ARG_INT(offset));
    return launch_emit(&launch, p, operands, steps);
}

static socle_status direct_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                step_list *steps)
{
    const tuning resolved = resolve(p, device, t);
    const int packed = p->conv.w_constant ? operands->prepared : operands->workspace;
    socle_status status = p->conv.w_constant ? SOCLE_OK : pack(p, &resolved, operands, packed, steps);
    int64_t offset = 0;
    for (int64_t i = 0; i < tap_conv_parts(p) && status == SOCLE_OK; i++) {
        const tap_conv c = tap_conv_part(p, i);
        if (conv_volume(c.to) > 0)
            status = emit_part(p, &c, &resolved, operands, packed, offset, steps);
        offset += tap_conv_packed_count(&c, resolved.value[DIRECT_CHANNELS]);
    }
    return status;
}

const solver solver_conv_direct = {
    .name = "conv/direct",
    .kind = PROBLEM_CONV,
    .applicable = direct_applicable,
    .candidates = direct_tunings,
    .estimate = direct_estimate,
    .workspace_bytes = direct_workspace_bytes,
    .prepared_bytes = direct_prepared_bytes,
    .prepare = direct_prepare,
    .emit = direct_emit,
    .epilogues = true,
};

const solver solver_conv_input_direct = {
    .name = "conv_input/direct",
    .kind = PROBLEM_CONV_INPUT,
    .applicable = direct_applicable,
    .candidates = direct_tunings,
    .estimate = direct_estimate,
    .workspace_bytes = direct_workspace_bytes,
    .prepared_bytes = direct_prepared_bytes,
    .prepare = direct_prepare,
    .emit = direct_emit,
    .epilogues = true,
};

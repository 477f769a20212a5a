/* conv/depthwise: convolution with one filter per channel on CPUs, in blocks of 16 channels (kernels/conv/depthwise.cl). */
#include "taps.h"

#include <math.h>

/* value[] of its tunings */
enum { DEPTHWISE_TILE, DEPTHWISE_ROWS };

#define MOST_TAPS_READ 40 /* columns under a tile: beyond, registers do not hold them */

static int64_t read_columns(const tap_conv *c, int64_t tile)
{
    return (tile - 1) * c->stride[2] + (c->kernel[2] - 1) * c->dilation[2] + 1;
}

static bool depthwise_applicable(const problem *p, const socle_device *device)
{
    const tap_conv c = tap_conv_forward(p);
    return conv_supported_in_blocks(p, device) && p->conv.layout == CONV_IN_BLOCKS && conv_is_flat(p) && c.from_channels == 1 &&
           c.to_channels == 1 && !device_has_quirk(device, QUIRK_LOOP_LIMIT) && problem_flops(p) > 0 &&
           read_columns(&c, 1) <= MOST_TAPS_READ;
}

static int depthwise_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    static const int tiles[] = {7, 8, 4, 14, 2, 1};
    const tap_conv c = tap_conv_forward(p);
    const int64_t others = c.batch * (c.groups / 16), wanted = 4 * device_units(device);
    int count = 0;
    for (size_t i = 0; i < COUNT_OF(tiles); i++) {
        if (read_columns(&c, tiles[i]) > MOST_TAPS_READ || (tiles[i] > c.to[2] && tiles[i] > 1))
            continue;
        const int64_t blocks = others >= wanted ? 1 : ceil_div(wanted, others > 0 ? others : 1);
        const int64_t rows = ceil_div(c.to[1], blocks < c.to[1] ? blocks : c.to[1]);
        count = add_candidate(out, count, capacity, (tuning){{tiles[i], (int)rows}});
        if (rows > 4)
            count = add_candidate(out, count, capacity, (tuning){{tiles[i], 4}});
    }
    return count;
}

static tuning resolve(const problem *p, const socle_device *device, const tuning *t)
{
    return tuning_resolve(p, device, t, DEPTHWISE_TILE, depthwise_candidates);
}

/* In cycles of a core: loads and multiply-adds of a tile, two of each a cycle. */
static double depthwise_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const tap_conv c = tap_conv_forward(p);
    const tuning resolved = resolve(p, device, t);
    const int64_t tile = resolved.value[DEPTHWISE_TILE], taps = tap_conv_taps(&c);
    const double loads = 0.5 * (double)(c.kernel[1] * (read_columns(&c, tile) + c.kernel[2])), sums = 0.5 * (double)(taps * tile);
    const double tiles = (double)(c.batch * (c.groups / 16) * c.to[1] * ceil_div(c.to[2], tile));
    const double cycles = tiles * (fmax(loads, sums) + (double)(2 * tile) + 10) / device_units(device);
    const double share = 0.95 * problem_flops(p) / 64 / (fmax(cycles, 1) * device_units(device));
    return estimate_s(device, problem_flops(p), fmax(device_is_cpu_shaped(device) ? share : share / 200, 1e-6), problem_bytes(p),
                      p->conv.w_constant ? 1 : 2, 0);
}

/* ---- memory ---- */

static size_t packed_bytes(const problem *p)
{
    const tap_conv c = tap_conv_forward(p);
    return (size_t)(c.groups * tap_conv_taps(&c)) * problem_real_bytes(p);
}

static size_t depthwise_workspace_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    (void)device;
    (void)t;
    return p->conv.w_constant ? 0 : packed_bytes(p);
}

static size_t depthwise_prepared_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    (void)device;
    (void)t;
    return p->conv.w_constant ? packed_bytes(p) : 0;
}

/* ---- steps ---- */

static solver_launch launch_of(const problem *p, const tap_conv *c, const tuning *t, const char *kernel)
{
    solver_launch launch = {.algorithm = "conv/depthwise", .source = "conv/depthwise", .kernel = kernel};
    tap_conv_add_options(&launch.options, p, c);
    text_addf(&launch.options, " -DTILE=%d -DROWS=%d", t->value[DEPTHWISE_TILE], t->value[DEPTHWISE_ROWS]);
    return launch;
}

static socle_status pack(const problem *p, const tuning *t, const solver_operands *operands, int to, step_list *steps)
{
    const tap_conv c = tap_conv_forward(p);
    solver_launch launch = launch_of(p, &c, t, "depthwise_weights");
    launch.dims = 1;
    launch.global[0] = (size_t)(c.groups / 16);
    launch.bytes = 2.0 * (double)packed_bytes(p);
    launch_arg(&launch, ARG_OPERAND(operands->data[1]));
    launch_arg(&launch, ARG_OPERAND(to));
    return launch_emit(&launch, p, operands, steps);
}

static socle_status depthwise_prepare(const problem *p, const socle_device *device, const tuning *t,
                                      const solver_operands *operands, step_list *steps)
{
    const tuning resolved = resolve(p, device, t);
    return pack(p, &resolved, operands, operands->prepared, steps);
}

static socle_status depthwise_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                   step_list *steps)
{
    const tap_conv c = tap_conv_forward(p);
    const tuning resolved = resolve(p, device, t);
    const int packed = p->conv.w_constant ? operands->prepared : operands->workspace;
    const socle_status status = p->conv.w_constant ? SOCLE_OK : pack(p, &resolved, operands, packed, steps);
    if (status != SOCLE_OK)
        return status;
    solver_launch launch = launch_of(p, &c, &resolved, "conv_depthwise");
    launch.epilogue = true;
    launch.dims = 3;
    launch.global[0] = (size_t)ceil_div(c.to[1], resolved.value[DEPTHWISE_ROWS]);
    launch.global[1] = (size_t)(c.groups / 16);
    launch.global[2] = (size_t)c.batch;
    launch.local[0] = launch.local[1] = launch.local[2] = 1;
    launch.flops = problem_flops(p);
    launch.bytes = problem_bytes(p);
    launch_arg(&launch, ARG_OPERAND(operands->data[0]));
    launch_arg(&launch, ARG_OPERAND(packed));
    launch_arg(&launch, ARG_OPERAND(operands->data[2]));
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_conv_depthwise = {
    .name = "conv/depthwise",
    .kind = PROBLEM_CONV,
    .applicable = depthwise_applicable,
    .candidates = depthwise_candidates,
    .estimate = depthwise_estimate,
    .workspace_bytes = depthwise_workspace_bytes,
    .prepared_bytes = depthwise_prepared_bytes,
    .prepare = depthwise_prepare,
    .emit = depthwise_emit,
    .epilogues = true,
};

/* conv/plain, conv_input/plain, conv_weight/plain: one work-item per result, from the definition. They run every problem on every
 * device and are what the tuner compares the other ways with. */
#include "conv.h"

/* Iterations of all loops of one work-item together, where the driver ends them silently after 65,535 (QUIRK_LOOP_LIMIT). */
#define LOOP_BUDGET 60000

/* The sum over `outer` items, each of `inner` iterations, that one work-item computes. */
typedef struct plain_sum {
    const char *algorithm, *kernel;
    int64_t outer, inner;
    int64_t results;
    size_t global[3];
} plain_sum;

static int64_t tap_iterations(const conv_geometry *g)
{
    return 1 + g->kernel[0] * (1 + g->kernel[1] * (1 + g->kernel[2]));
}

static plain_sum sum_of(const problem *p)
{
    const conv_geometry g = conv_geometry_3d(p);
    const bool backward = p->kind == PROBLEM_CONV_INPUT;
    plain_sum s = {0};
    if (p->kind == PROBLEM_CONV_WEIGHT) {
        s = (plain_sum){"conv_weight/plain",
                        "conv_weight",
                        g.batch * g.output[0] * g.output[1],
                        1 + g.output[2],
                        g.out_channels * (g.channels / g.groups) * conv_volume(g.kernel),
                        {0}};
        s.global[0] = (size_t)g.kernel[2];
        s.global[1] = (size_t)(g.kernel[0] * g.kernel[1]);
        s.global[2] = (size_t)(g.out_channels * (g.channels / g.groups));
        return s;
    }
    const int64_t *extent = backward ? g.input : g.output;
    const int64_t planes = g.batch * (backward ? g.channels : g.out_channels);
    s = (plain_sum){backward ? "conv_input/plain" : "conv/plain",
                    backward ? "conv_input" : "conv",
                    (backward ? g.out_channels : g.channels) / g.groups,
                    tap_iterations(&g),
                    planes * conv_volume(extent),
                    {0}};
    s.global[0] = (size_t)extent[2];
    s.global[1] = (size_t)(extent[0] * extent[1]);
    s.global[2] = (size_t)planes;
    return s;
}

/* Outer items per launch. */
static int64_t chunk_of(const plain_sum *s, const socle_device *device)
{
    const int64_t limited = LOOP_BUDGET / s->inner;
    if (!device_has_quirk(device, QUIRK_LOOP_LIMIT) || limited >= s->outer)
        return s->outer > 0 ? s->outer : 1;
    return limited > 1 ? limited : 1;
}

static size_t plain_workspace_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const plain_sum s = sum_of(p);
    if (s.outer <= chunk_of(&s, device))
        return 0;
    return (size_t)s.results * problem_real_bytes(p);
}

static double plain_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    return estimate_s(device, problem_flops(p), device_is_cpu_shaped(device) ? 0.008 : 0.05, problem_bytes(p), 1, 0);
}

static socle_status plain_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    (void)t;
    const plain_sum s = sum_of(p);
    const int64_t chunk = chunk_of(&s, device);
    const bool split = s.outer > chunk;
    socle_status status = SOCLE_OK;
    for (int64_t first = 0; status == SOCLE_OK && (first == 0 || first < s.outer); first += chunk) {
        const int64_t count = s.outer - first < chunk ? s.outer - first : chunk;
        solver_launch launch = {.algorithm = s.algorithm,
                                .source = "conv/plain",
                                .kernel = s.kernel,
                                .epilogue = p->kind != PROBLEM_CONV_WEIGHT,
                                .channel_uniform = true,
                                .dims = 3,
                                .global = {s.global[0], s.global[1], s.global[2]},
                                .flops = problem_flops(p) * (double)count / (double)(s.outer > 0 ? s.outer : 1),
                                .bytes = problem_bytes(p)};
        conv_add_options(&launch.options, p);
        if (p->conv.layout != CONV_PLAIN)
            text_add(&launch.options, p->conv.layout == CONV_IN_BLOCKS ? " -DX_LANES=16 -DY_LANES=16" : " -DY_LANES=16");
        for (int i = 0; i < 3; i++)
            launch_arg(&launch, ARG_OPERAND(operands->data[i]));
        launch_arg(&launch, ARG_OPERAND(split ? operands->workspace : operands->data[2]));
        launch_arg(&launch, ARG_INT(first));
        launch_arg(&launch, ARG_INT(count));
        status = launch_emit(&launch, p, operands, steps);
    }
    return status;
}

static bool plain_applicable(const problem *p, const socle_device *device)
{
    return conv_supported(p, device) || conv_supported_in_blocks(p, device);
}

const solver solver_conv_plain = {
    .name = "conv/plain",
    .kind = PROBLEM_CONV,
    .applicable = plain_applicable,
    .candidates = one_candidate,
    .estimate = plain_estimate,
    .workspace_bytes = plain_workspace_bytes,
    .emit = plain_emit,
    .epilogues = true,
};

const solver solver_conv_input_plain = {
    .name = "conv_input/plain",
    .kind = PROBLEM_CONV_INPUT,
    .applicable = conv_supported,
    .candidates = one_candidate,
    .estimate = plain_estimate,
    .workspace_bytes = plain_workspace_bytes,
    .emit = plain_emit,
    .epilogues = true,
};

const solver solver_conv_weight_plain = {
    .name = "conv_weight/plain",
    .kind = PROBLEM_CONV_WEIGHT,
    .applicable = conv_supported,
    .candidates = one_candidate,
    .estimate = plain_estimate,
    .workspace_bytes = plain_workspace_bytes,
    .emit = plain_emit,
};

/* pool/plain and pool_grad/plain: one work-item per result, from the definition. They run every problem on every device; on a GPU
 * they are also the shape that fits. */
#include "pool.h"

void pool_add_options(text *options, const problem *p)
{
    conv_add_options(options, p);
    if (p->pool.maximum)
        text_add(options, " -DMAXIMUM");
    if (p->pool.count_include_pad)
        text_add(options, " -DCOUNT_PAD");
    if (p->pool.indices)
        text_add(options, " -DINDICES");
    if (p->pool.in_blocks)
        text_add(options, " -DLANES=16");
}

/* Scalar code with a bound checked at every tap: some 6 cycles each on a CPU. */
static double plain_estimate(const problem *p, const socle_device *device, double taps)
{
    if (device_is_cpu_shaped(device))
        return estimate_s(device, 0, 1, problem_bytes(p), 1, 0) + taps * 2e-9 / device_units(device);
    return estimate_s(device, taps, 0.02, problem_bytes(p), 1, 0);
}

static double pool_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    return plain_estimate(p, device, problem_flops(p));
}

/* The gradient of a maximum looks for it again in every window that contains the element. */
static double pool_grad_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const conv_geometry g = conv_geometry_3d(p);
    const double elements = (double)(g.batch * g.channels) * (double)conv_volume(g.input), taps = (double)conv_volume(g.kernel);
    return plain_estimate(p, device, 4 * elements + problem_flops(p) * (p->pool.maximum ? taps : 1));
}

static socle_status emit_pool(const problem *p, const solver_operands *operands, solver_launch *launch, int operand_count,
                              const int64_t extent[3], step_list *steps)
{
    const conv_geometry g = conv_geometry_3d(p);
    pool_add_options(&launch->options, p);
    launch->source = "pool/plain";
    launch->dims = 3;
    launch->global[0] = (size_t)extent[2];
    launch->global[1] = (size_t)(extent[0] * extent[1]);
    launch->global[2] = (size_t)(g.batch * g.channels);
    launch->flops = problem_flops(p);
    launch->bytes = problem_bytes(p);
    for (int i = 0; i < operand_count; i++)
        launch_arg(launch, ARG_OPERAND(operands->data[i]));
    return launch_emit(launch, p, operands, steps);
}

static socle_status pool_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                              step_list *steps)
{
    (void)device;
    (void)t;
    const conv_geometry g = conv_geometry_3d(p);
    solver_launch launch = {.algorithm = "pool/plain", .kernel = "pool"};
    return emit_pool(p, operands, &launch, p->pool.indices ? 3 : 2, g.output, steps);
}

static socle_status pool_grad_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                   step_list *steps)
{
    (void)device;
    (void)t;
    const conv_geometry g = conv_geometry_3d(p);
    solver_launch launch = {.algorithm = "pool_grad/plain", .kernel = "pool_grad"};
    return emit_pool(p, operands, &launch, p->pool.maximum ? 3 : 2, g.input, steps);
}

/* Iterations of all loops of one work-item together, where the driver ends them silently after 65,535 (QUIRK_LOOP_LIMIT). */
#define LOOP_BUDGET 60000

static double nested_iterations(const int64_t counts[3])
{
    return 1 + (double)counts[0] * (1 + (double)counts[1] * (1 + (double)counts[2]));
}

/* Windows that may contain one element, and their taps where each is searched for its maximum. */
static double grad_iterations(const problem *p)
{
    const conv_geometry g = conv_geometry_3d(p);
    int64_t windows[3];
    for (int i = 0; i < 3; i++) {
        windows[i] = ((g.kernel[i] - 1) * g.dilation[i]) / g.stride[i] + 1;
        windows[i] = windows[i] < g.output[i] ? windows[i] : g.output[i];
    }
    const double of_window = p->pool.maximum ? nested_iterations(g.kernel) : (double)(g.kernel[0] + g.kernel[1] + g.kernel[2]);
    return nested_iterations(windows) + (double)conv_volume(windows) * of_window;
}

static bool loops_end(const socle_device *device, double iterations)
{
    return !device_has_quirk(device, QUIRK_LOOP_LIMIT) || iterations <= LOOP_BUDGET;
}

/* Maxima of the small integers too, as ONNX has them. */
static bool pool_applicable(const problem *p, const socle_device *device)
{
    const conv_geometry g = conv_geometry_3d(p);
    const double of_average = p->pool.maximum ? 0 : (double)(g.kernel[0] + g.kernel[1] + g.kernel[2]);
    return (conv_supported(p, device) || (conv_supported_in_blocks(p, device) && !p->pool.indices) ||
            (dtype_is_byte(p->dtype) && p->pool.maximum && conv_fits(p))) &&
           loops_end(device, nested_iterations(g.kernel) + of_average);
}

static bool pool_grad_applicable(const problem *p, const socle_device *device)
{
    return conv_supported(p, device) && loops_end(device, grad_iterations(p));
}

const solver solver_pool_plain = {
    .name = "pool/plain",
    .kind = PROBLEM_POOL,
    .applicable = pool_applicable,
    .candidates = one_candidate,
    .estimate = pool_estimate,
    .emit = pool_emit,
};

const solver solver_pool_grad_plain = {
    .name = "pool_grad/plain",
    .kind = PROBLEM_POOL_GRAD,
    .applicable = pool_grad_applicable,
    .candidates = one_candidate,
    .estimate = pool_grad_estimate,
    .emit = pool_grad_emit,
};

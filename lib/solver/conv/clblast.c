/* conv/clblast: CLBlast's convolution by a product (CLBlastSconvgemm), as one way among the others. Two dimensions, no groups,
 * equal padding on both sides, no epilogue. */
#ifdef SOCLE_HAVE_CLBLAST
#include "conv.h"

#include "../clblast.h"

typedef struct clblast_call {
    conv_geometry geometry;
} clblast_call;

enum { CONV_X, CONV_W, CONV_Y };

static socle_status run(socle_device *device, cl_command_queue queue, const cl_mem *memory, const step_arg *args, int arg_count,
                        const void *data)
{
    const conv_geometry *g = &((const clblast_call *)data)->geometry;
    (void)args;
    (void)arg_count;
    const CLBlastStatusCode code = clblast_get()->sconvgemm(
        CLBlastKernelModeCrossCorrelation, (size_t)g->channels, (size_t)g->input[0], (size_t)g->input[1], (size_t)g->kernel[0],
        (size_t)g->kernel[1], (size_t)g->pad_begin[0], (size_t)g->pad_begin[1], (size_t)g->stride[0], (size_t)g->stride[1],
        (size_t)g->dilation[0], (size_t)g->dilation[1], (size_t)g->out_channels, (size_t)g->batch, memory[CONV_X], 0,
        memory[CONV_W], 0, memory[CONV_Y], 0, &queue, NULL);
    if (code != CLBlastSuccess)
        return socle_fail(SOCLE_DRIVER, "%s: CLBlast's convolution failed with status %d: choose another solver", device->info.id,
                          (int)code);
    return SOCLE_OK;
}

static bool clblast_applicable(const problem *p, const socle_device *device)
{
    const conv_geometry *g = &p->conv.g;
    (void)device;
    bool fits = p->dtype == SOCLE_FLOAT32 && p->epilogue == NULL && !p->deterministic && conv_fits(p) && g->spatial == 2 &&
                g->groups == 1 && problem_flops(p) > 0 && clblast_numbers(g->batch * g->channels * g->input[0] * g->input[1]) &&
                clblast_numbers(g->batch * g->out_channels * g->output[0] * g->output[1]) &&
                clblast_numbers(g->channels * g->kernel[0] * g->kernel[1] * g->output[0] * g->output[1]);
    for (int i = 0; i < 2 && fits; i++) /* CLBlast computes the output's extent itself */
        fits = g->pad_begin[i] == g->pad_end[i] &&
               g->output[i] == (g->input[i] + 2 * g->pad_begin[i] - g->dilation[i] * (g->kernel[i] - 1) - 1) / g->stride[i] + 1;
    return fits && clblast_get() != NULL && clblast_get()->sconvgemm != NULL;
}

static double clblast_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const conv_geometry *g = &p->conv.g;
    const double gathered = 2.0 * sizeof(float) * (double)(g->batch * g->channels * g->kernel[0] * g->kernel[1]) *
                            (double)(g->output[0] * g->output[1]);
    (void)t;
    return estimate_s(device, problem_flops(p), device_is_cpu_shaped(device) ? 0.05 : 0.3, problem_bytes(p) + gathered, 4, 0);
}

static socle_status clblast_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                 step_list *steps)
{
    const clblast_call call = {p->conv.g};
    (void)t;
    return clblast_add_call(p, device, operands, "conv/clblast", 3, run, &call, sizeof(call), steps);
}

const solver solver_conv_clblast = {
    .name = "conv/clblast",
    .kind = PROBLEM_CONV,
    .applicable = clblast_applicable,
    .candidates = one_candidate,
    .estimate = clblast_estimate,
    .emit = clblast_emit,
};
#else
typedef int clblast_is_absent;
#endif

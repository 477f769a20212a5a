/* What the ways to run convolutions and pooling share: the geometry in three dimensions, compile options, launches. */
#include "conv.h"

#include <math.h>
#include <socle/profile.h>

/* ---- geometry ---- */

conv_geometry conv_geometry_3d(const problem *p)
{
    const conv_geometry *g = p->kind == PROBLEM_POOL || p->kind == PROBLEM_POOL_GRAD ? &p->pool.g : &p->conv.g;
    conv_geometry out = {.spatial = 3, .batch = g->batch, .channels = g->channels, .out_channels = g->out_channels,
                         .groups = g->groups};
    const int missing = 3 - g->spatial;
    for (int i = 0; i < 3; i++) {
        const int from = i - missing;
        out.input[i] = from >= 0 ? g->input[from] : 1;
        out.kernel[i] = from >= 0 ? g->kernel[from] : 1;
        out.stride[i] = from >= 0 ? g->stride[from] : 1;
        out.dilation[i] = from >= 0 ? g->dilation[from] : 1;
        out.pad_begin[i] = from >= 0 ? g->pad_begin[from] : 0;
        out.pad_end[i] = from >= 0 ? g->pad_end[from] : 0;
        out.output[i] = from >= 0 ? g->output[from] : 1;
    }
    return out;
}

int64_t conv_volume(const int64_t dims[3])
{
    return dims[0] * dims[1] * dims[2];
}

/* Kernels number the elements of an image, and the rows of a batch, with 32 bits. */
static bool fits(const conv_geometry *g)
{
    const int64_t most = INT32_MAX / 4;
    int64_t input = 1, output = 1, kernel = 1, planes, rows;
    if (g->groups < 1 || g->channels % g->groups != 0 || g->out_channels % g->groups != 0 || g->channels > most ||
        g->out_channels > most || g->batch > most)
        return false;
    for (int i = 0; i < 3; i++) {
        if (g->stride[i] < 1 || g->dilation[i] < 1 || g->stride[i] > most || g->dilation[i] > most || g->pad_begin[i] > most ||
            g->pad_end[i] > most || !multiply_fits(input, g->input[i], &input) || !multiply_fits(output, g->output[i], &output) ||
            !multiply_fits(kernel, g->kernel[i], &kernel) || g->kernel[i] * g->dilation[i] > most)
            return false;
    }
    return input <= most && output <= most && kernel <= most &&
           multiply_fits(g->batch, g->channels > g->out_channels ? g->channels : g->out_channels, &planes) && planes <= most &&
           multiply_fits(g->batch, g->output[0] * g->output[1], &rows) && rows <= most;
}

bool conv_supported(const problem *p, const socle_device *device)
{
    const conv_geometry g = conv_geometry_3d(p);
    const bool stored = p->dtype == SOCLE_FLOAT32 || p->dtype == SOCLE_FLOAT16 || p->dtype == SOCLE_BFLOAT16 ||
                        (p->dtype == SOCLE_FLOAT64 && device->capabilities.fp64);
    return stored && fits(&g);
}

/* ---- compile options ---- */

const char *conv_storage(socle_dtype dtype)
{
    switch (dtype) {
    case SOCLE_FLOAT16: return "FLOAT16";
    case SOCLE_BFLOAT16: return "BFLOAT16";
    case SOCLE_FLOAT64: return "FLOAT64";
    default: return "FLOAT32";
    }
}

void conv_add_triple(text *options, const char *name, const int64_t values[3])
{
    static const char axes[] = "DHW";
    for (int i = 0; i < 3; i++)
        text_addf(options, " -D%s%c=%lld", name, axes[i], (long long)values[i]);
}

void conv_add_options(text *options, const problem *p)
{
    const conv_geometry g = conv_geometry_3d(p);
    text_addf(options, "-DSTORAGE=%s -DBATCH=%lld -DCHANNELS=%lld -DOUT_CHANNELS=%lld -DGROUPS=%lld", conv_storage(p->dtype),
              (long long)g.batch, (long long)g.channels, (long long)g.out_channels, (long long)g.groups);
    conv_add_triple(options, "I", g.input);
    conv_add_triple(options, "K", g.kernel);
    conv_add_triple(options, "S", g.stride);
    conv_add_triple(options, "R", g.dilation);
    conv_add_triple(options, "P", g.pad_begin);
    conv_add_triple(options, "E", g.pad_end);
    conv_add_triple(options, "O", g.output);
}

/* ---- launches ---- */

void conv_add_arg(conv_launch *launch, step_arg arg)
{
    launch->args[launch->arg_count++] = arg;
}

socle_status conv_emit(const problem *p, const solver_operands *operands, const conv_launch *launch, step_list *steps)
{
    char *prelude = NULL;
    conv_launch l = *launch;
    for (int i = 0; i < l.dims; i++)
        if (l.global[i] == 0)
            return SOCLE_OK;
    if (l.epilogue && p->epilogue != NULL && p->epilogue->node_count > 0) {
        const socle_status status = codegen_epilogue_text(p->graph, p->epilogue, true, &prelude);
        if (status != SOCLE_OK)
            return status;
        for (int i = 0; i < p->epilogue->operand_count; i++)
            conv_add_arg(&l, ARG_OPERAND(operands->extra[i]));
    }
    const program_spec spec = {l.source, prelude, l.options};
    const bool driver_chooses = l.local[0] == 0;
    const socle_status status = step_launch(steps, l.algorithm, &spec, l.kernel, l.args, l.arg_count, l.dims, l.global,
                                            driver_chooses ? NULL : l.local, l.flops, l.bytes);
    memory_free(prelude);
    return status;
}

/* ---- estimates ---- */

double conv_estimate(const socle_device *device, double flops, double share, double bytes, int launches)
{
    /* What a device of unknown speed is taken for; only the order of the ways matters then. */
    socle_profile profile = {.launch_us = 3, .memory_gbytes_per_s = 20,
                             .fp32_gflops = 50.0 * (device->capabilities.compute_units > 0 ? device->capabilities.compute_units : 1)};
    const socle_profile *known = __atomic_load_n(&device->profile, __ATOMIC_ACQUIRE);
    if (known != NULL)
        profile = *known;
    const double arithmetic_s = flops / (share * profile.fp32_gflops * 1e9);
    const double memory_s = bytes / (profile.memory_gbytes_per_s * 1e9);
    return launches * profile.launch_us * 1e-6 + fmax(arithmetic_s, memory_s);
}

int conv_one_candidate(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    (void)p;
    (void)device;
    if (capacity > 0)
        out[0] = (tuning){{0}};
    return 1;
}

bool conv_device_is_cpu(const socle_device *device)
{
    return device->capabilities.type == SOCLE_DEVICE_CPU;
}

/* What the ways to run convolutions and pooling share: the geometry in three dimensions and the compile options. */
#include "conv.h"

/* ---- geometry ---- */

conv_geometry conv_geometry_3d(const problem *p)
{
    const conv_geometry *g = p->kind == PROBLEM_POOL || p->kind == PROBLEM_POOL_GRAD ? &p->pool.g : &p->conv.g;
    conv_geometry out = {
        .spatial = 3, .batch = g->batch, .channels = g->channels, .out_channels = g->out_channels, .groups = g->groups};
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

/* CONV_IN_BLOCKS for pooling, too. */
static conv_layout layout_of(const problem *p)
{
    if (p->kind == PROBLEM_POOL || p->kind == PROBLEM_POOL_GRAD)
        return p->pool.in_blocks ? CONV_IN_BLOCKS : CONV_PLAIN;
    return p->conv.layout;
}

/* Kernels number the elements of an image, those of a block of its channels, weights, and the rows of a batch with 32 bits. */
static bool indices_fit(const problem *p)
{
    const conv_geometry in_3d = conv_geometry_3d(p), *g = &in_3d;
    const int64_t most = INT32_MAX / 4;
    int64_t input = layout_of(p) == CONV_IN_BLOCKS ? 16 : 1, output = layout_of(p) == CONV_PLAIN ? 1 : 16;
    int64_t kernel = 1, weights, planes, rows;
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
           multiply_fits(g->out_channels, g->channels / g->groups, &weights) && multiply_fits(weights, kernel, &weights) &&
           weights <= most && multiply_fits(g->batch, g->channels > g->out_channels ? g->channels : g->out_channels, &planes) &&
           planes <= most && multiply_fits(g->batch, g->output[0] * g->output[1], &rows) && rows <= most;
}

static bool types_run(const problem *p, const socle_device *device)
{
    return storage_is_real32(p->dtype) || (p->dtype == SOCLE_FLOAT64 && device->capabilities.fp64);
}

bool conv_fits(const problem *p)
{
    return layout_of(p) == CONV_PLAIN && indices_fit(p);
}

bool conv_supported(const problem *p, const socle_device *device)
{
    return conv_fits(p) && types_run(p, device);
}

static bool is_in_blocks(const problem *p)
{
    const conv_layout layout = layout_of(p);
    const conv_geometry g = conv_geometry_3d(p);
    return layout != CONV_PLAIN && g.out_channels % 16 == 0 && (layout == CONV_INTO_BLOCKS || g.channels % 16 == 0);
}

bool conv_fits_in_blocks(const problem *p)
{
    return layout_of(p) == CONV_IN_BLOCKS && is_in_blocks(p) && indices_fit(p);
}

bool conv_supported_in_blocks(const problem *p, const socle_device *device)
{
    return is_in_blocks(p) && types_run(p, device) && indices_fit(p);
}

bool conv_is_flat(const problem *p)
{
    const conv_geometry g = conv_geometry_3d(p);
    return g.input[0] == 1 && g.output[0] == 1 && g.kernel[0] == 1 && g.pad_begin[0] == 0;
}

bool conv_is_3x3(const problem *p)
{
    const conv_geometry g = conv_geometry_3d(p);
    bool is = g.groups == 1 && conv_is_flat(p) && g.channels >= 8 && g.out_channels >= 8;
    for (int i = 1; i < 3; i++)
        is = is && g.kernel[i] == 3 && g.stride[i] == 1 && g.dilation[i] == 1 && g.input[i] >= 1;
    return is;
}

/* ---- compile options ---- */

void conv_add_triple(text *options, const char *name, const int64_t values[3])
{
    static const char axes[] = "DHW";
    for (int i = 0; i < 3; i++)
        text_addf(options, " -D%s%c=%lld", name, axes[i], (long long)values[i]);
}

void conv_add_options(text *options, const problem *p)
{
    const conv_geometry g = conv_geometry_3d(p);
    text_addf(options, "-DSTORAGE=%s -DBATCH=%lld -DCHANNELS=%lld -DOUT_CHANNELS=%lld -DGROUPS=%lld", storage_name(p->dtype),
              (long long)g.batch, (long long)g.channels, (long long)g.out_channels, (long long)g.groups);
    conv_add_triple(options, "I", g.input);
    conv_add_triple(options, "K", g.kernel);
    conv_add_triple(options, "S", g.stride);
    conv_add_triple(options, "R", g.dilation);
    conv_add_triple(options, "P", g.pad_begin);
    conv_add_triple(options, "E", g.pad_end);
    conv_add_triple(options, "O", g.output);
}

/* ---- chunks of a gradient of weights ---- */

static int64_t weight_count(const problem *p)
{
    const conv_geometry g = conv_geometry_3d(p);
    return g.out_channels * (g.channels / g.groups) * conv_volume(g.kernel);
}

size_t conv_weight_partial_bytes(const problem *p, int chunks)
{
    return chunks > 1 ? (size_t)(chunks * weight_count(p)) * problem_real_bytes(p) : 0;
}

socle_status conv_weight_reduce(const problem *p, const socle_device *device, const char *algorithm,
                                const solver_operands *operands, int chunks, step_list *steps)
{
    const int block = device_is_cpu_shaped(device) ? 256 : 16; /* elements of a work-item */
    const int64_t count = weight_count(p);
    solver_launch launch = {.algorithm = algorithm,
                            .source = "conv/reduce",
                            .kernel = "conv_weight_reduce",
                            .dims = 1,
                            .global = {(size_t)ceil_div(count, block)},
                            .flops = (double)(count * chunks),
                            .bytes = 4.0 * (double)(count * (chunks + 1))};
    text_addf(&launch.options, "-DSTORAGE=%s -DCHUNKS=%d -DBLOCK=%d", storage_name(p->dtype), chunks, block);
    launch_arg(&launch, ARG_OPERAND(operands->workspace));
    launch_arg(&launch, ARG_OPERAND(operands->data[2]));
    launch_arg(&launch, ARG_INT(count));
    return launch_emit(&launch, p, operands, steps);
}

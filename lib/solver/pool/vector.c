/* pool/wide, pool/rows and pool_grad/planes: pooling and its gradient on CPUs, with vectors of neighbouring pixels
 * (kernels/pool/wide.cl), for narrow images and their gradients staged in local memory (kernels/pool/rows.cl,
 * kernels/pool/planes.cl). Results never depend on timing. */
#include "../conv/taps.h"
#include "pool.h"

/* value[] of their tunings */
enum { POOL_ROWS, POOL_PLANES };

#define LOCAL_FLOATS 8192 /* staged at a time: a first-level cache */

typedef struct staging {
    conv_geometry g;
    tap_conv c;
    int64_t pitch, phases_h, phases_w, phase_h, phase_w;
    int64_t local_floats; /* that a group may use */
} staging;

static staging staging_of(const problem *p, const socle_device *device)
{
    staging s = {.g = conv_geometry_3d(p), .c = tap_conv_forward(p)};
    s.pitch = tap_conv_pitch(&s.c);
    s.phases_h = tap_conv_read_phases(&s.c, 1, &s.phase_h);
    s.phases_w = tap_conv_read_phases(&s.c, 2, &s.phase_w);
    s.local_floats = device_cached_local_bytes(device) / (int64_t)problem_real_bytes(p);
    return s;
}

static bool is_flat(const problem *p, const socle_device *device)
{
    const conv_geometry g = conv_geometry_3d(p);
    return conv_supported(p, device) && !device_has_quirk(device, QUIRK_LOOP_LIMIT) && g.input[0] == 1 && g.kernel[0] == 1 &&
           g.output[0] == 1 && g.pad_begin[0] == 0 && conv_volume(g.input) > 0 && conv_volume(g.output) > 0 && g.channels > 0;
}

static int planes_per_group(const staging *s, const socle_device *device, int64_t blocks)
{
    const int64_t planes = s->g.batch * s->g.channels;
    const int64_t wanted = planes * blocks / (8 * device_units(device));
    return (int)(wanted < 1 ? 1 : wanted > 64 ? 64 : wanted);
}

/* ---- forward ---- */

static int64_t rows_floats(const staging *s, int64_t rows)
{
    const int64_t plane = ((rows - 1) * s->g.stride[1] + (s->g.kernel[1] - 1) * s->g.dilation[1] + 1) * s->pitch;
    return (s->phases_w + 1) * plane + rows * s->g.output[2] + s->g.output[2] + s->pitch + 160;
}

static int rows_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    const staging s = staging_of(p, device);
    int count = 0;
    int64_t last = 0;
    for (int64_t blocks = 1; blocks <= s.g.output[1] && count < capacity && count < 4; blocks++) {
        const int64_t rows = ceil_div(s.g.output[1], blocks);
        const int64_t limit = rows > 1 && count == 0 ? LOCAL_FLOATS : s.local_floats;
        if (rows == last || rows_floats(&s, rows) > (limit < s.local_floats ? limit : s.local_floats))
            continue;
        last = rows;
        tuning t = {{0}};
        t.value[POOL_ROWS] = (int)rows;
        t.value[POOL_PLANES] = planes_per_group(&s, device, blocks);
        count = add_candidate(out, count, capacity, t);
    }
    return count;
}

static bool rows_applicable(const problem *p, const socle_device *device)
{
    tuning t;
    return !p->pool.indices && is_flat(p, device) && rows_candidates(p, device, &t, 1) > 0;
}

/* Seconds for `vectors` loads, operations or stores of vectors in each image. */
static double vector_estimate(const problem *p, const socle_device *device, const staging *s, double vectors)
{
    const double cycles = (double)(s->g.batch * s->g.channels) * (vectors + 60);
    const double slower = device_is_cpu_shaped(device) ? 1 : 200;
    return estimate_s(device, 0, 1, problem_bytes(p), 1, 0) + slower * cycles / 3e9 / device_units(device);
}

static double rows_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const staging s = staging_of(p, device);
    const double staged = (double)(s.g.input[1] * (s.g.stride[2] > 2 ? s.g.input[2] : s.pitch * s.phases_w / 4 + 4));
    const double across = (double)(s.g.kernel[2] * s.g.input[1] * s.pitch) / 16;
    const double down = (double)((s.g.kernel[1] + 2) * s.g.output[1] * ceil_div(s.g.output[2], 16));
    return vector_estimate(p, device, &s, staged + across + down);
}

static void add_options(text *options, const problem *p, const staging *s)
{
    pool_add_options(options, p);
    text_addf(options, " -DPITCH=%lld -DPHASES_H=%lld -DPHASE_H=%lld -DPHASES_W=%lld -DPHASE_W=%lld", (long long)s->pitch,
              (long long)s->phases_h, (long long)s->phase_h, (long long)s->phases_w, (long long)s->phase_w);
}

/* The kernel of a way to pool, whose default tuning is its first candidate. */
static socle_status emit_forward(const solver *way, const char *kernel, const problem *p, const socle_device *device,
                                 const tuning *t, const solver_operands *operands, step_list *steps)
{
    const staging s = staging_of(p, device);
    const tuning chosen = tuning_resolve(p, device, t, POOL_ROWS, way->candidates);
    const int64_t rows = chosen.value[POOL_ROWS], planes = chosen.value[POOL_PLANES];
    solver_launch launch = {.algorithm = way->name,
                            .source = way->name,
                            .kernel = kernel,
                            .dims = 2,
                            .global = {(size_t)ceil_div(s.g.output[1], rows), (size_t)ceil_div(s.g.batch * s.g.channels, planes)},
                            .local = {1, 1},
                            .flops = problem_flops(p),
                            .bytes = problem_bytes(p)};
    add_options(&launch.options, p, &s);
    text_addf(&launch.options, " -DROWS=%d -DPLANES=%d", (int)rows, (int)planes);
    launch_arg(&launch, ARG_OPERAND(operands->data[0]));
    launch_arg(&launch, ARG_OPERAND(operands->data[1]));
    return launch_emit(&launch, p, operands, steps);
}

static socle_status rows_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                              step_list *steps)
{
    return emit_forward(&solver_pool_rows, "pool_rows", p, device, t, operands, steps);
}

const solver solver_pool_rows = {
    .name = "pool/rows",
    .kind = PROBLEM_POOL,
    .applicable = rows_applicable,
    .candidates = rows_candidates,
    .estimate = rows_estimate,
    .emit = rows_emit,
};

/* ---- forward, images at least a vector wide ---- */

/* Of one row of results: PITCH of kernels/pool/wide.cl and what is joined. */
static int64_t wide_floats(const conv_geometry *g)
{
    const int64_t read = (g->output[2] - 1) * g->stride[2] + (g->kernel[2] - 1) * g->dilation[2] + 1;
    const int64_t there = g->pad_begin[2] + g->input[2];
    return round_up((read > there ? read : there) + 16 * g->stride[2], 16) + g->output[2];
}

static int wide_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    const staging s = staging_of(p, device);
    const int64_t limit = s.local_floats - s.g.output[2] - 32, each = wide_floats(&s.g);
    int count = 0;
    int64_t last = 0;
    for (int64_t blocks = 1; blocks <= s.g.output[1] && count < capacity && count < 4; blocks *= 2) {
        const int64_t rows = ceil_div(s.g.output[1], blocks);
        if (rows == last || rows * each > (rows > 1 && LOCAL_FLOATS < limit ? LOCAL_FLOATS : limit))
            continue;
        last = rows;
        tuning t = {{0}};
        t.value[POOL_ROWS] = (int)rows;
        t.value[POOL_PLANES] = planes_per_group(&s, device, blocks);
        count = add_candidate(out, count, capacity, t);
    }
    return count;
}

static bool wide_applicable(const problem *p, const socle_device *device)
{
    tuning t;
    if (p->pool.indices || !is_flat(p, device))
        return false;
    const conv_geometry g = conv_geometry_3d(p);
    return g.input[2] >= 16 && g.stride[2] <= 2 && wide_candidates(p, device, &t, 1) > 0;
}

static double wide_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const staging s = staging_of(p, device);
    const double combine = p->pool.maximum ? 1.5 : 1; /* cycles for a vector */
    const double down = (double)(ceil_div(s.g.input[2], 16) * s.g.kernel[1]) * combine;
    const double across = (double)(ceil_div(s.g.output[2], 16) * s.g.kernel[2]) * (combine + (s.g.stride[2] > 1 ? 2 : 0.5));
    return vector_estimate(p, device, &s, (double)s.g.output[1] * (down + across + (s.g.output[2] < 16 ? 20 : 5)));
}

static socle_status wide_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                              step_list *steps)
{
    return emit_forward(&solver_pool_wide, "pool_wide", p, device, t, operands, steps);
}

const solver solver_pool_wide = {
    .name = "pool/wide",
    .kind = PROBLEM_POOL,
    .applicable = wide_applicable,
    .candidates = wide_candidates,
    .estimate = wide_estimate,
    .emit = wide_emit,
};

/* ---- gradient ---- */

static int64_t planes_floats(const staging *s, bool maximum)
{
    const int64_t staged = s->phases_h * s->phases_w * (s->g.output[1] + tap_conv_shift(&s->c, 1)) * s->pitch + 64 + s->pitch;
    const int64_t windows = s->g.output[1] * s->pitch + 32;
    return staged + windows + (maximum ? staged + windows : windows);
}

static bool planes_applicable(const problem *p, const socle_device *device)
{
    if (!is_flat(p, device))
        return false;
    const staging s = staging_of(p, device);
    return planes_floats(&s, p->pool.maximum) <= s.local_floats;
}

static int planes_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    const staging s = staging_of(p, device);
    tuning t = {{0}};
    t.value[POOL_PLANES] = planes_per_group(&s, device, 1);
    return add_candidate(out, 0, capacity, t);
}

static double planes_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    const staging s = staging_of(p, device);
    const bool scalar = s.g.stride[2] > 2 || s.g.output[2] < 16;
    const double moved = (double)conv_volume(s.g.input) * (scalar ? 3 : 0.5) + (double)planes_floats(&s, p->pool.maximum) / 16;
    const double windows = (double)ceil_div(s.g.output[1] * s.pitch, 16) * (p->pool.maximum ? 6 : 3);
    /* Neighbouring taps overlap: the first vector of one waits for what the last one wrote. */
    return vector_estimate(p, device, &s, moved + (windows + 15) * (double)conv_volume(s.g.kernel));
}

static socle_status planes_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                step_list *steps)
{
    const staging s = staging_of(p, device);
    const int64_t planes = t->value[POOL_PLANES] > 0 ? t->value[POOL_PLANES] : planes_per_group(&s, device, 1);
    solver_launch launch = {.algorithm = "pool_grad/planes",
                            .source = "pool/planes",
                            .kernel = "pool_grad_planes",
                            .dims = 1,
                            .global = {(size_t)ceil_div(s.g.batch * s.g.channels, planes)},
                            .local = {1},
                            .flops = problem_flops(p),
                            .bytes = problem_bytes(p)};
    add_options(&launch.options, p, &s);
    text_addf(&launch.options, " -DPLANES=%d", (int)planes);
    for (int i = 0; i < (p->pool.maximum ? 3 : 2); i++)
        launch_arg(&launch, ARG_OPERAND(operands->data[i]));
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_pool_grad_planes = {
    .name = "pool_grad/planes",
    .kind = PROBLEM_POOL_GRAD,
    .applicable = planes_applicable,
    .candidates = planes_candidates,
    .estimate = planes_estimate,
    .emit = planes_emit,
};

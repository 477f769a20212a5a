/* Convolutions as sums over taps with constant offsets. */
#include "taps.h"

static int64_t greatest_divisor(int64_t a, int64_t b)
{
    while (b != 0) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* ---- the two directions ---- */

tap_conv tap_conv_forward(const problem *p)
{
    const conv_geometry g = conv_geometry_3d(p);
    tap_conv c = {
        .batch = g.batch, .groups = g.groups, .from_channels = g.channels / g.groups, .to_channels = g.out_channels / g.groups};
    for (int i = 0; i < 3; i++) {
        c.from[i] = g.input[i];
        c.kernel[i] = c.full[i] = g.kernel[i];
        c.stride[i] = g.stride[i];
        c.dilation[i] = g.dilation[i];
        c.pad[i] = g.pad_begin[i];
        c.to[i] = c.tensor[i] = g.output[i];
        c.step[i] = c.tap_step[i] = 1;
    }
    return c;
}

/* Position i of dx takes tap k of dy's position o where o * S + k * R = i + P. With i + P = j * S + a those are the taps with k *
 * R = a modulo S, every S / gcd(S, R)-th one, and o = j - (k * R - a) / S; backwards they are a convolution over j of dilation R
 * / gcd(S, R). */
static void phase_axis(const conv_geometry *g, int i, int64_t a, tap_conv *c)
{
    const int64_t stride = g->stride[i], dilation = g->dilation[i], pad = g->pad_begin[i];
    const int64_t divisor = greatest_divisor(stride, dilation), apart = stride / divisor;
    int64_t first = 0;
    while (first < apart && first * dilation % stride != a)
        first++;
    const int64_t taps = first < apart && first < g->kernel[i] ? (g->kernel[i] - 1 - first) / apart + 1 : 0;
    const int64_t lowest = pad > a ? ceil_div(pad - a, stride) : 0;
    const int64_t reach = g->input[i] - 1 + pad - a;
    const int64_t end = reach >= 0 ? reach / stride + 1 : 0;
    c->from[i] = g->output[i];
    c->kernel[i] = taps;
    c->stride[i] = 1;
    c->dilation[i] = dilation / divisor;
    c->pad[i] = taps > 0 ? (first * dilation - a) / stride + (taps - 1) * c->dilation[i] - lowest : 0;
    c->to[i] = end > lowest ? end - lowest : 0;
    c->tensor[i] = g->input[i];
    c->first[i] = lowest * stride + a - pad;
    c->step[i] = stride;
    c->full[i] = g->kernel[i];
    c->tap_first[i] = taps > 0 ? first + (taps - 1) * apart : 0;
    c->tap_step[i] = -apart;
}

tap_conv tap_conv_phase(const problem *p, const int64_t phase[3])
{
    const conv_geometry g = conv_geometry_3d(p);
    tap_conv c = {.batch = g.batch,
                  .groups = g.groups,
                  .from_channels = g.out_channels / g.groups,
                  .to_channels = g.channels / g.groups,
                  .transposed = true};
    for (int i = 0; i < 3; i++)
        phase_axis(&g, i, phase[i], &c);
    return c;
}

int64_t tap_conv_phases(const problem *p)
{
    const conv_geometry g = conv_geometry_3d(p);
    return p->kind == PROBLEM_CONV_INPUT ? conv_volume(g.stride) : 1;
}

tap_conv tap_conv_at(const problem *p, int64_t number)
{
    if (p->kind != PROBLEM_CONV_INPUT)
        return tap_conv_forward(p);
    const conv_geometry g = conv_geometry_3d(p);
    const int64_t phase[3] = {number / (g.stride[1] * g.stride[2]), number / g.stride[2] % g.stride[1], number % g.stride[2]};
    return tap_conv_phase(p, phase);
}

/* ---- joined phases ---- */

/* Phases of columns of a part. */
static int64_t phases_joined(const problem *p)
{
    const conv_geometry g = conv_geometry_3d(p);
    return p->kind == PROBLEM_CONV_INPUT && g.stride[2] <= MOST_JOINED && g.stride[2] <= g.input[2] ? g.stride[2] : 1;
}

int64_t tap_conv_parts(const problem *p)
{
    return tap_conv_phases(p) / phases_joined(p);
}

tap_conv tap_conv_part(const problem *p, int64_t number)
{
    const conv_geometry g = conv_geometry_3d(p);
    const int64_t count = phases_joined(p);
    tap_conv joined = tap_conv_at(p, number * count), phases[MOST_JOINED];
    int64_t begin = INT64_MAX, end = 0, most_pad = -INT64_MAX, pads[MOST_JOINED];
    if (count == 1)
        return joined;
    for (int64_t q = 0; q < count; q++) {
        phases[q] = tap_conv_at(p, number * count + q);
        const int64_t lowest = (phases[q].first[2] + g.pad_begin[2] - q) / count;
        begin = lowest < begin ? lowest : begin;
        end = larger(end, lowest + phases[q].to[2]);
        pads[q] = phases[q].pad[2] + lowest;
        if (phases[q].kernel[2] > 0)
            most_pad = larger(most_pad, pads[q]);
    }
    joined.joined = count;
    joined.pad[2] = most_pad - begin;
    joined.to[2] = end - begin;
    joined.first[2] = begin * count - g.pad_begin[2];
    for (int64_t q = 0; q < count; q++) {
        joined.joined_taps[q] = phases[q].kernel[2];
        joined.joined_at[q] = phases[q].kernel[2] > 0 ? most_pad - pads[q] : 0;
        joined.kernel[2] = larger(joined.kernel[2], phases[q].kernel[2]);
    }
    return joined;
}

int64_t tap_conv_taps(const tap_conv *c)
{
    int64_t in_a_row = c->joined > 0 ? 0 : c->kernel[2];
    for (int64_t q = 0; q < c->joined; q++)
        in_a_row += c->joined_taps[q];
    return c->kernel[0] * c->kernel[1] * in_a_row;
}

bool tap_conv_reads_once(const tap_conv *c)
{
    bool reads_once = tap_conv_taps(c) == 1;
    for (int i = 0; i < 3; i++)
        reads_once = reads_once && c->stride[i] == 1 && c->to[i] == c->from[i];
    return reads_once;
}

void tap_conv_flatten(tap_conv *c)
{
    c->to[2] = c->from[2] = c->tensor[2] = conv_volume(c->from);
    c->to[0] = c->from[0] = c->tensor[0] = c->to[1] = c->from[1] = c->tensor[1] = 1;
}

/* ---- what staging needs ---- */

int64_t tap_conv_staged_extent(const tap_conv *c, int axis, int64_t results)
{
    return c->kernel[axis] == 1 ? results : (results - 1) * c->stride[axis] + (c->kernel[axis] - 1) * c->dilation[axis] + 1;
}

int64_t tap_conv_read_phases(const tap_conv *c, int axis, int64_t *apart)
{
    int64_t highest = 0;
    for (int64_t k = 0; k < c->kernel[axis] && k < c->stride[axis]; k++)
        highest = larger(highest, k * c->dilation[axis] % c->stride[axis]);
    *apart = greatest_divisor(c->stride[axis], c->dilation[axis]);
    return highest / *apart + 1;
}

int64_t tap_conv_shift(const tap_conv *c, int axis)
{
    int64_t shift = c->kernel[axis] > 0 ? (c->kernel[axis] - 1) * c->dilation[axis] / c->stride[axis] : 0;
    for (int64_t q = 0; axis == 2 && q < c->joined; q++)
        if (c->joined_taps[q] > 0)
            shift = larger(shift, c->joined_at[q] + (c->joined_taps[q] - 1) * c->dilation[axis]);
    return shift;
}

int64_t tap_conv_pitch(const tap_conv *c)
{
    int64_t apart;
    const int64_t phases = tap_conv_read_phases(c, 2, &apart), stride = c->stride[2], needed = c->to[2] + tap_conv_shift(c, 2);
    int64_t zeros_in_front = needed, end = 0;
    for (int64_t i = 0; i < phases; i++) {
        const int64_t from_pad = c->pad[2] - i * apart;
        const int64_t first = from_pad > 0 ? ceil_div(from_pad, stride) : 0;
        const int64_t reach = c->from[2] - 1 + from_pad;
        zeros_in_front = first < zeros_in_front ? first : zeros_in_front;
        end = larger(end, reach >= 0 ? reach / stride + 1 : 0);
    }
    end = end < needed ? end : needed;
    return larger(larger(c->to[2], end), needed - zeros_in_front);
}

/* ---- compile options ---- */

void tap_conv_add_options(text *options, const problem *p, const tap_conv *c)
{
    static const char axes[] = "DHW";
    text_addf(options, "-DSTORAGE=%s -DBATCH=%lld -DGROUPS=%lld -DFROM_CHANNELS=%lld -DTO_CHANNELS=%lld", storage_name(p->dtype),
              (long long)c->batch, (long long)c->groups, (long long)c->from_channels, (long long)c->to_channels);
    conv_add_triple(options, "FROM_", c->from);
    conv_add_triple(options, "TO_", c->to);
    conv_add_triple(options, "K", c->kernel);
    conv_add_triple(options, "S", c->stride);
    conv_add_triple(options, "R", c->dilation);
    conv_add_triple(options, "P", c->pad);
    conv_add_triple(options, "Y_", c->tensor);
    conv_add_triple(options, "Y_FIRST_", c->first);
    conv_add_triple(options, "Y_STEP_", c->step);
    conv_add_triple(options, "FULL_", c->full);
    conv_add_triple(options, "TAP_FIRST_", c->tap_first);
    conv_add_triple(options, "TAP_STEP_", c->tap_step);
    for (int i = 1; i < 3; i++) {
        int64_t apart;
        const int64_t phases = tap_conv_read_phases(c, i, &apart);
        text_addf(options, " -DPHASES_%c=%lld -DPHASE_%c=%lld", axes[i], (long long)phases, axes[i], (long long)apart);
    }
    text_addf(options, " -DPITCH=%lld%s", (long long)tap_conv_pitch(c), c->transposed ? " -DTRANSPOSED" : "");
    if (c->joined == 0)
        return;
    bool fewer = false;
    text_addf(options, " -DJOINED=%lld -DSHIFT_W=%lld -DJOINED_TAPS=", (long long)c->joined, (long long)tap_conv_shift(c, 2));
    for (int64_t q = 0; q < c->joined; q++) {
        text_addf(options, "%s%lld", q > 0 ? "," : "", (long long)c->joined_taps[q]);
        fewer = fewer || (c->joined_taps[q] > 0 && c->joined_taps[q] < c->kernel[2]);
    }
    text_addf(options, "%s -DJOINED_AT=", fewer ? " -DJOINED_FEWER" : "");
    for (int64_t q = 0; q < c->joined; q++)
        text_addf(options, "%s%lld", q > 0 ? "," : "", (long long)c->joined_at[q]);
}

/* ---- packed weights ---- */

#define PACKED_CHANNELS 16 /* per work-item */

int64_t tap_conv_packed_count(const tap_conv *c, int64_t channels)
{
    return c->groups * round_up(c->to_channels, channels) * c->from_channels * tap_conv_taps(c);
}

socle_status tap_conv_emit_pack(const problem *p, const tap_conv *c, int64_t channels, const char *algorithm,
                                const solver_operands *operands, int to, int64_t offset, step_list *steps)
{
    const int64_t tiles = ceil_div(c->to_channels, channels);
    solver_launch launch = {.algorithm = algorithm,
                            .source = "conv/pack",
                            .kernel = "conv_pack",
                            .dims = 2,
                            .global = {(size_t)(c->groups * tiles), (size_t)ceil_div(c->from_channels, PACKED_CHANNELS)},
                            .bytes = 8.0 * (double)tap_conv_packed_count(c, channels)};
    tap_conv_add_options(&launch.options, p, c);
    text_addf(&launch.options, " -DMR=%d -DCHANNELS_PER_ITEM=%d", (int)channels, PACKED_CHANNELS);
    launch_arg(&launch, ARG_OPERAND(operands->data[1]));
    launch_arg(&launch, ARG_OPERAND(to));
    launch_arg(&launch, ARG_INT(offset));
    return launch_emit(&launch, p, operands, steps);
}

/* conv_weight/direct: the gradient of the weights on CPUs with register tiles of channels x (channel, tap) columns summed over
 * neighbouring pixels (kernels/conv/weight.cl). Where there are few weights, the batch is cut into chunks whose sums are added in
 * a fixed order, so that all compute units work and results never depend on timing. */
#include "taps.h"

#include <math.h>

/* value[] of its tunings */
enum { WEIGHT_CHANNELS, WEIGHT_COLUMNS, WEIGHT_ROWS, WEIGHT_UNITS, WEIGHT_TO, WEIGHT_FROM, WEIGHT_CHUNKS };

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- a model of the cost, in cycles of a core as in direct_model.c ---- */

typedef struct model {
    tap_conv c;
    int64_t pitch, shift, read_phases, taps;
    int units;
    int64_t local_floats;
} model;

static model model_of(const problem *p, const socle_device *device)
{
    int64_t apart;
    model m = {.c = tap_conv_forward(p)};
    m.pitch = tap_conv_pitch(&m.c);
    m.shift = tap_conv_shift(&m.c, 1);
    m.read_phases = tap_conv_read_phases(&m.c, 1, &apart) * tap_conv_read_phases(&m.c, 2, &apart);
    m.taps = tap_conv_taps(&m.c);
    m.units = device_units(device);
    m.local_floats = device_cached_local_bytes(device) / (int64_t)problem_real_bytes(p);
    return m;
}

static int64_t vectors_of(const model *m, const tuning *t)
{
    return ceil_div((t->value[WEIGHT_ROWS] - 1) * m->pitch + m->c.to[2], 16);
}

static int64_t channel_floats(const model *m, const tuning *t)
{
    return m->c.kernel[0] * m->read_phases * (t->value[WEIGHT_ROWS] + m->shift) * m->pitch;
}

/* Floats of one tile's sums. */
static int64_t tile_floats(const tuning *t)
{
    return round_up(t->value[WEIGHT_CHANNELS] * t->value[WEIGHT_COLUMNS], 16);
}

static int64_t used_floats(const model *m, const tuning *t)
{
    const int64_t units = t->value[WEIGHT_UNITS], from = t->value[WEIGHT_FROM], to = t->value[WEIGHT_TO];
    const int64_t tiles = ceil_div(to, t->value[WEIGHT_CHANNELS]) * ceil_div(from * m->taps, t->value[WEIGHT_COLUMNS]);
    return units * from * channel_floats(m, t) + 96 + m->pitch + units * to * vectors_of(m, t) * 16 + tiles * tile_floats(t) +
           from * m->taps;
}

static int64_t all_units(const model *m, const tuning *t)
{
    return m->c.batch * m->c.to[0] * ceil_div(m->c.to[1], t->value[WEIGHT_ROWS]);
}

static int64_t weight_groups(const model *m, const tuning *t)
{
    return ceil_div(m->c.from_channels, t->value[WEIGHT_FROM]) * ceil_div(m->c.to_channels, t->value[WEIGHT_TO]) * m->c.groups;
}

static double model_cycles(const model *m, const tuning *t)
{
    const int64_t channels = t->value[WEIGHT_CHANNELS], columns = t->value[WEIGHT_COLUMNS];
    const int64_t from = smaller(t->value[WEIGHT_FROM], m->c.from_channels), to = smaller(t->value[WEIGHT_TO], m->c.to_channels);
    const int64_t vectors = vectors_of(m, t), chunk = ceil_div(all_units(m, t), t->value[WEIGHT_CHUNKS]);
    const double passes = (double)ceil_div(chunk, t->value[WEIGHT_UNITS]);
    const double resident = (double)(channels * t->value[WEIGHT_UNITS] * vectors * 16); /* a tile's rows of dy */
    const double beyond = resident > 7168 ? 1.3 : 1;
    const double step =
        beyond * fmax(fmax(0.5 * (double)(channels * columns), 0.5 * ((double)channels + 2.5 * (double)columns)), 4);
    const double tiles = (double)(ceil_div(to, channels) * ceil_div(from * m->taps, columns));
    const double per_vector = m->c.stride[2] > 2 ? 24 : m->pitch < 16 ? 6 : 3;
    const double staged =
        (double)(from * channel_floats(m, t)) / 16 * per_vector + (double)(to * vectors) * (m->pitch < 16 ? 5 : 3);
    const double unit = staged + tiles * (double)vectors * step;
    const double pass = tiles * (double)(2.5 * tile_floats(t) + 40) + 100;
    const double finish = (double)(to * from * m->taps) * 4 + (double)used_floats(m, t) / 16;
    const double group = (double)chunk * unit + passes * pass + finish + 400;
    const double reduce = t->value[WEIGHT_CHUNKS] > 1
                              ? 6000 + (double)(m->c.groups * m->c.from_channels * m->c.to_channels * m->taps) *
                                           t->value[WEIGHT_CHUNKS] / 16.0 / m->units
                              : 0;
    return (double)ceil_div(weight_groups(m, t) * t->value[WEIGHT_CHUNKS], m->units) * group + reduce;
}

/* ---- tunings ---- */

#define MOST_TUNINGS 64

typedef struct ranking {
    tuning *tunings;
    double cycles[MOST_TUNINGS];
    int count, capacity;
} ranking;

/* The most units that fit behind one another in the cache and the chunk. */
static void choose_units(const model *m, tuning *t, int64_t chunk)
{
    for (int units = 16; units >= 1; units /= 2) {
        t->value[WEIGHT_UNITS] = units;
        const int64_t resident = t->value[WEIGHT_CHANNELS] * units * vectors_of(m, t) * 16;
        if (units == 1 || (units <= chunk && resident <= 7168 && used_floats(m, t) <= m->local_floats))
            return;
    }
}

/* few: of so few channels that large kernels and long rows have room, too */
static void rank_slices(ranking *r, const model *m, tuning t, bool few)
{
    static const int usual[] = {8, 16, 32, 64}, least[] = {1, 2, 4, 6};
    const int *slices = few ? least : usual;
    for (size_t i = 0; i < COUNT_OF(usual) * COUNT_OF(usual); i++) {
        const int64_t to = slices[i / COUNT_OF(usual)], from = slices[i % COUNT_OF(usual)];
        if ((to / 2 >= m->c.to_channels && to > slices[0]) || (from / 2 >= m->c.from_channels && from > slices[0]) ||
            (few && to < t.value[WEIGHT_CHANNELS]))
            continue;
        t.value[WEIGHT_TO] = (int)ceil_div(m->c.to_channels, ceil_div(m->c.to_channels, to));
        t.value[WEIGHT_FROM] = (int)ceil_div(m->c.from_channels, ceil_div(m->c.from_channels, from));
        const int64_t available = all_units(m, &t), groups = weight_groups(m, &t);
        for (int64_t chunks = 1; chunks <= available && chunks <= 64; chunks *= 2) {
            t.value[WEIGHT_CHUNKS] = (int)chunks;
            choose_units(m, &t, ceil_div(available, chunks));
            if (used_floats(m, &t) <= m->local_floats)
                r->count = rank_candidate(r->tunings, r->cycles, r->count, r->capacity, t, model_cycles(m, &t));
            if (groups * chunks >= 8 * m->units)
                break;
        }
    }
}

static void rank_all(ranking *r, const model *m, bool is_wide, bool few)
{
    static const int wide[][2] = {{4, 4}, {8, 2}, {5, 3}, {2, 8}, {1, 9}, {16, 1}};
    static const int narrow[][2] = {{3, 2}, {2, 3}, {1, 4}, {4, 1}};
    const int(*tiles)[2] = is_wide ? wide : narrow;
    const int count = is_wide ? (int)COUNT_OF(wide) : (int)COUNT_OF(narrow);
    for (int i = 0; i < count; i++) {
        int64_t last_rows = 0;
        for (int64_t blocks = 1; blocks <= m->c.to[1] && blocks <= 64; blocks++) {
            tuning t = {{0}};
            const int64_t rows = ceil_div(m->c.to[1], blocks);
            if (rows == last_rows)
                continue;
            last_rows = rows;
            t.value[WEIGHT_CHANNELS] = (int)smaller(tiles[i][0], m->c.to_channels);
            t.value[WEIGHT_COLUMNS] = (int)smaller(tiles[i][1], m->c.from_channels * m->taps);
            t.value[WEIGHT_ROWS] = (int)rows;
            rank_slices(r, m, t, few);
        }
    }
}

static int weight_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    const model m = model_of(p, device);
    const bool is_wide = device->capabilities.vector_width_float >= 16 || !device_is_cpu_shaped(device);
    ranking r = {.tunings = out, .capacity = (int)smaller(capacity, MOST_TUNINGS)};
    rank_all(&r, &m, is_wide, false);
    if (r.count == 0)
        rank_all(&r, &m, is_wide, true);
    return r.count;
}

static bool weight_applicable(const problem *p, const socle_device *device)
{
    tuning t;
    return conv_supported(p, device) && !device_has_quirk(device, QUIRK_LOOP_LIMIT) && problem_flops(p) > 0 &&
           weight_candidates(p, device, &t, 1) > 0;
}

static tuning resolve(const problem *p, const socle_device *device, const tuning *t)
{
    return tuning_resolve(p, device, t, WEIGHT_CHANNELS, weight_candidates);
}

static double weight_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const model m = model_of(p, device);
    const tuning resolved = resolve(p, device, t);
    const double work = 0.95 * problem_flops(p) / 64 / (fmax(model_cycles(&m, &resolved), 1) * m.units);
    const double share = device_is_cpu_shaped(device) ? work : work / 200;
    return estimate_s(device, problem_flops(p), fmax(share, 1e-6), problem_bytes(p), resolved.value[WEIGHT_CHUNKS] > 1 ? 2 : 1,
                      0);
}

/* ---- steps ---- */

static size_t weight_workspace_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    const tuning resolved = resolve(p, device, t);
    return conv_weight_partial_bytes(p, resolved.value[WEIGHT_CHUNKS]);
}

static void add_options(text *options, const problem *p, const model *m, const tuning *t)
{
    tap_conv_add_options(options, p, &m->c);
    text_addf(options, " -DMR=%d -DNC=%d -DROWS=%d -DUNITS=%d -DTO_SLICE=%d -DFROM_SLICE=%d -DCHUNKS=%d",
              t->value[WEIGHT_CHANNELS], t->value[WEIGHT_COLUMNS], t->value[WEIGHT_ROWS], t->value[WEIGHT_UNITS],
              t->value[WEIGHT_TO], t->value[WEIGHT_FROM], t->value[WEIGHT_CHUNKS]);
}

static socle_status weight_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                step_list *steps)
{
    const model m = model_of(p, device);
    const tuning chosen = resolve(p, device, t);
    const int *value = chosen.value;
    const bool split = value[WEIGHT_CHUNKS] > 1;
    const int64_t slices = ceil_div(m.c.from_channels, value[WEIGHT_FROM]) * ceil_div(m.c.to_channels, value[WEIGHT_TO]);
    solver_launch launch = {.algorithm = "conv_weight/direct",
                            .source = "conv/weight",
                            .kernel = "conv_weight_direct",
                            .dims = 3,
                            .global = {(size_t)slices, (size_t)m.c.groups, (size_t)value[WEIGHT_CHUNKS]},
                            .local = {1, 1, 1},
                            .flops = problem_flops(p),
                            .bytes = problem_bytes(p)};
    add_options(&launch.options, p, &m, &chosen);
    launch_arg(&launch, ARG_OPERAND(operands->data[0]));
    launch_arg(&launch, ARG_OPERAND(operands->data[1]));
    launch_arg(&launch, ARG_OPERAND(split ? operands->workspace : operands->data[2]));
    socle_status status = launch_emit(&launch, p, operands, steps);
    if (status == SOCLE_OK && split)
        status = conv_weight_reduce(p, device, "conv_weight/direct", operands, value[WEIGHT_CHUNKS], steps);
    return status;
}

const solver solver_conv_weight_direct = {
    .name = "conv_weight/direct",
    .kind = PROBLEM_CONV_WEIGHT,
    .applicable = weight_applicable,
    .candidates = weight_candidates,
    .estimate = weight_estimate,
    .workspace_bytes = weight_workspace_bytes,
    .emit = weight_emit,
};

/* What direct convolution costs, in cycles of a core with two multiply-add units of 16 lanes that loads two vectors a cycle:
 * enough to rank tile shapes; the device's profile gives the scale. */
#include "direct.h"

#include <math.h>

typedef struct model {
    const socle_device *device;
    tap_conv c;
    int64_t row_pitch, shift, read_phases, joined; /* row_pitch: of whole rows */
    int units;
    int64_t local_floats;
} model;

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static model model_of(const problem *p, const socle_device *device, int64_t number)
{
    int64_t apart;
    model m = {.device = device, .c = tap_conv_part(p, number)};
    m.joined = m.c.joined > 0 ? m.c.joined : 1;
    m.row_pitch = tap_conv_pitch(&m.c);
    m.shift = tap_conv_shift(&m.c, 1);
    m.read_phases = tap_conv_read_phases(&m.c, 1, &apart) * tap_conv_read_phases(&m.c, 2, &apart);
    m.units = device_units(device);
    m.local_floats = device_cached_local_bytes(device) / (int64_t)problem_real_bytes(p);
    return m;
}

/* ---- sizes in local memory ---- */

static int64_t columns_of(const model *m, const tuning *t)
{
    return t->value[DIRECT_COLUMNS] > 0 ? smaller(t->value[DIRECT_COLUMNS], m->c.to[2]) : m->c.to[2];
}

static int64_t pitch_of(const model *m, const tuning *t)
{
    const int64_t columns = columns_of(m, t);
    return columns < m->c.to[2] ? columns + tap_conv_shift(&m->c, 2) : m->row_pitch;
}

static int64_t vectors_of(const model *m, const tuning *t)
{
    return ceil_div((t->value[DIRECT_ROWS] - 1) * pitch_of(m, t) + columns_of(m, t), 16);
}

static int64_t channel_floats(const model *m, const tuning *t)
{
    return m->c.kernel[0] * m->read_phases * (t->value[DIRECT_ROWS] + m->shift) * pitch_of(m, t);
}

static int64_t used_floats(const model *m, const tuning *t)
{
    const int64_t rows = t->value[DIRECT_ROWS], block = t->value[DIRECT_BLOCK], tile = t->value[DIRECT_CHANNELS];
    const int64_t sums = block < m->c.from_channels ? round_up(t->value[DIRECT_SLICE], tile) : tile;
    const int64_t lines = m->joined > 1 ? m->joined * round_up(columns_of(m, t), 16) : rows * columns_of(m, t) + 32;
    return block * channel_floats(m, t) + 80 + pitch_of(m, t) + m->joined * sums * vectors_of(m, t) * 16 + lines;
}

/* ---- cycles ---- */

/* One tap of one channel on a register tile: multiply-adds against loads of pixels (which cross cache lines) and broadcasts of
 * weights. */
static double tap_cycles(int64_t channels, int64_t vectors)
{
    const double multiply = 0.5 * (double)(channels * vectors), load = 0.5 * ((double)channels + 1.5 * (double)vectors);
    return fmax(fmax(multiply, load), 4); /* a sum waits four cycles for its last addition */
}

static double tile_cycles(const model *m, int64_t channels, int64_t vectors)
{
    return tap_cycles(channels, vectors) * (double)(tap_conv_taps(&m->c) * m->c.from_channels) + (double)(20 * m->joined);
}

static double group_cycles(const model *m, const tuning *t, int64_t channels)
{
    const int64_t tile = t->value[DIRECT_CHANNELS], wide = t->value[DIRECT_VECTORS];
    const int64_t vectors = vectors_of(m, t), full = vectors / wide, rest = vectors % wide;
    const int64_t tiles = channels / tile, last = channels % tile;
    double cycles = 0;
    cycles += (double)tiles * ((double)full * tile_cycles(m, tile, wide) + (rest ? tile_cycles(m, tile, rest) : 0));
    if (last)
        cycles += (double)full * tile_cycles(m, last, wide) + (rest ? tile_cycles(m, last, rest) : 0);
    const double staged = (double)(m->c.from_channels * channel_floats(m, t)) / 16;
    const double blocks = (double)ceil_div(m->c.from_channels, t->value[DIRECT_BLOCK]);
    cycles += staged * (m->c.stride[2] > 2 ? 24 : pitch_of(m, t) < 16 ? 6 : 3);
    const double stored = m->c.step[2] == 1 ? 4 : m->joined == 2 ? 8 : 24;
    cycles += (double)(channels * vectors * m->joined) * (2 * (blocks - 1) + stored);
    /* A staged block beyond the first-level cache comes from the second for every tile of channels. */
    if (t->value[DIRECT_BLOCK] * channel_floats(m, t) > 8192)
        cycles += staged * (double)((tiles + (last > 0)) * m->joined);
    return cycles + 400;
}

static double model_cycles(const model *m, const tuning *t)
{
    const int64_t slice = t->value[DIRECT_SLICE], slices = ceil_div(m->c.to_channels, slice);
    const int64_t blocks = ceil_div(m->c.to[1], t->value[DIRECT_ROWS]) * ceil_div(m->c.to[2], columns_of(m, t));
    const int64_t groups = blocks * m->c.groups * slices * m->c.batch * m->c.to[0];
    const double turns = (double)ceil_div(groups, m->units);
    return turns * group_cycles(m, t, smaller(slice, m->c.to_channels));
}

/* ---- choice ---- */

#define MOST_TUNINGS 64

typedef struct ranking {
    tuning *tunings;
    double cycles[MOST_TUNINGS];
    int count, capacity;
} ranking;

/* Slices of channels, and channels staged at a time, for a tile shape and what a group computes of an image. */
static void rank_slices(const model *m, const tuning *shape, ranking *r)
{
    const int64_t floats[] = {INT64_MAX, 16384, 8192}, channels = shape->value[DIRECT_CHANNELS];
    int64_t last_slice = 0;
    for (int64_t slices = 1; slices <= 32; slices *= 2) {
        const int64_t slice = round_up(ceil_div(m->c.to_channels, slices), channels);
        if (slice == last_slice)
            break;
        last_slice = slice;
        for (size_t i = 0; i < COUNT_OF(floats); i++) {
            tuning t = *shape;
            const int64_t most = floats[i] / channel_floats(m, &t);
            t.value[DIRECT_VECTORS] = (int)smaller(t.value[DIRECT_VECTORS], vectors_of(m, &t));
            t.value[DIRECT_BLOCK] = (int)smaller(m->c.from_channels, most > 0 ? most : 1);
            t.value[DIRECT_SLICE] = (int)slice;
            if (used_floats(m, &t) <= m->local_floats)
                r->count = rank_candidate(r->tunings, r->cycles, r->count, r->capacity, t, model_cycles(m, &t));
        }
    }
}

#define LONG_ROW 256 /* results: such rows may be cut */

/* Blocks of rows, or of columns of long rows, for one tile shape. */
static void rank_shapes(const model *m, int64_t channels, int64_t vectors, ranking *r)
{
    const int64_t *to = m->c.to;
    tuning t = {{0}};
    t.value[DIRECT_CHANNELS] = (int)channels;
    t.value[DIRECT_VECTORS] = (int)vectors;
    for (int64_t blocks = 1; blocks <= to[1] && blocks <= 64; blocks++) {
        const int rows = (int)ceil_div(to[1], blocks);
        if (rows == t.value[DIRECT_ROWS])
            continue;
        t.value[DIRECT_ROWS] = rows;
        rank_slices(m, &t, r);
    }
    for (int rows = 1; rows <= 4 && rows <= to[1] && to[2] >= LONG_ROW; rows *= 4)
        for (int columns = LONG_ROW / 2; columns < to[2] && columns <= 1024; columns *= 2) {
            t.value[DIRECT_ROWS] = rows;
            t.value[DIRECT_COLUMNS] = columns;
            rank_slices(m, &t, r);
        }
}

/* Tile shapes {channels, vectors} by the number of vector registers: 32 with 512 bits, 16 with less (a vector of 16 lanes is then
 * two or more of them). */
static void rank_tiles(const model *m, ranking *r)
{
    static const int wide[][2] = {{8, 2}, {7, 3}, {4, 5}, {6, 4}, {4, 4}, {5, 4}, {12, 2}, {2, 8}, {1, 8}, {3, 6}};
    static const int narrow[][2] = {{6, 1}, {4, 1}, {3, 2}, {2, 2}, {1, 4}, {8, 1}};
    const bool is_wide = m->device->capabilities.vector_width_float >= 16 || !device_is_cpu_shaped(m->device);
    const int(*tiles)[2] = is_wide ? wide : narrow;
    const int count = is_wide ? (int)COUNT_OF(wide) : (int)COUNT_OF(narrow);
    for (int i = 0; i < count; i++)
        rank_shapes(m, smaller(tiles[i][0], m->c.to_channels), tiles[i][1], r);
}

/* The part with the most taps: what is best for it is used for all. */
static int64_t heaviest_part(const problem *p)
{
    const int64_t parts = tap_conv_parts(p);
    int64_t heaviest = 0, most = -1;
    for (int64_t i = 0; i < parts; i++) {
        const tap_conv c = tap_conv_part(p, i);
        const int64_t work = tap_conv_taps(&c) * conv_volume(c.to);
        if (work > most) {
            most = work;
            heaviest = i;
        }
    }
    return heaviest;
}

int direct_tunings(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    const model m = model_of(p, device, heaviest_part(p));
    ranking r = {.tunings = out, .capacity = (int)smaller(capacity, MOST_TUNINGS)};
    if (m.c.from_channels < 1 || m.c.to_channels < 1 || conv_volume(m.c.to) < 1 || m.c.from[2] < 1)
        return 0;
    rank_tiles(&m, &r);
    return r.count;
}

double direct_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const int64_t parts = tap_conv_parts(p);
    double cycles = 0, useful = 0, packed = 0;
    int units = 1;
    for (int64_t i = 0; i < parts; i++) {
        const model m = model_of(p, device, i);
        units = m.units;
        if (conv_volume(m.c.to) < 1)
            continue;
        cycles += model_cycles(&m, t);
        packed += (double)tap_conv_packed_count(&m.c, t->value[DIRECT_CHANNELS]);
        useful +=
            (double)(m.c.batch * m.c.groups * m.c.from_channels * m.c.to_channels * tap_conv_taps(&m.c) * conv_volume(m.c.to)) /
            32;
    }
    const bool constant = p->conv.w_constant;
    /* Share of the peak. Loads that cross cache lines take their part of it, which ways in blocks of channels keep. */
    const double work = 0.87 * useful / (fmax(cycles, 1) * units);
    const double share = device_is_cpu_shaped(device) ? work : work / 200;
    const double seconds = estimate_s(device, problem_flops(p), fmax(share, 1e-6), problem_bytes(p),
                                      (int)(parts + (constant ? 0 : tap_conv_phases(p))), 0);
    return seconds + (constant ? 0 : packed * 2e-9 / units);
}

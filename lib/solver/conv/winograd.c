/* conv/winograd and conv_input/winograd: 3x3 convolution of stride 1 through F(2x2, 3x3), F(4x4, 3x3) or F(6x6, 3x3) tiles on
 * CPUs (kernels/conv/winograd.cl), the last ones of an axis smaller where results end. Lavin and Gray, "Fast Algorithms for
 * Convolutional Neural Networks", 2016. 2.25, 4 or 5.1 times fewer multiplications, for transforms and for weights that are 1.8,
 * 4 or 7.1 times larger, unless groups transform them as they need them. Largest error as a share of the largest result:
 * about 1.2e-6, 1.3e-5, 2e-5 (direct convolution: 3e-6). Results do not depend on timing, so deterministic work may use it. */
#include "taps.h"

#include <math.h>

/* value[] of its tunings */
enum {
    WINOGRAD_F,
    WINOGRAD_TILE_ROWS,
    WINOGRAD_IMAGES,
    WINOGRAD_TILES,
    WINOGRAD_VECTORS,
    WINOGRAD_SLICE,
    WINOGRAD_TILE_COLUMNS,
    WINOGRAD_CHUNK /* channels whose weights a group transforms at a time; 0: they are transformed beforehand */
};

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- sizes ---- */

typedef struct sizes {
    int64_t points, tiles_h, tiles_w, tiles; /* tiles: of a block */
    int64_t places, image_blocks, channels;  /* places: blocks of an image; channels: read, rounded up to 16 */
    int64_t columns;                         /* result channels of a tile */
} sizes;

static sizes sizes_of(const tap_conv *c, const tuning *t)
{
    const int *v = t->value;
    sizes s = {.points = (v[WINOGRAD_F] + 2) * (v[WINOGRAD_F] + 2),
               .tiles_h = ceil_div(c->to[1], v[WINOGRAD_F]),
               .tiles_w = ceil_div(c->to[2], v[WINOGRAD_F]),
               .image_blocks = ceil_div(c->batch, v[WINOGRAD_IMAGES]),
               .channels = round_up(c->from_channels, 16),
               .columns = 16 * v[WINOGRAD_VECTORS]};
    s.places = ceil_div(s.tiles_h, v[WINOGRAD_TILE_ROWS]) * ceil_div(s.tiles_w, v[WINOGRAD_TILE_COLUMNS]);
    s.tiles = v[WINOGRAD_IMAGES] * v[WINOGRAD_TILE_ROWS] * v[WINOGRAD_TILE_COLUMNS];
    return s;
}

/* Floats that the product reads: transformed ones, or packed ones that it transforms. */
static int64_t weight_count(const tap_conv *c, const tuning *t, const sizes *s)
{
    if (t->value[WINOGRAD_CHUNK] > 0)
        return tap_conv_packed_count(c, 16);
    return round_up(c->to_channels, s->columns) * s->points * s->channels;
}

static int64_t transformed_pixels(const sizes *s)
{
    return s->places * s->image_blocks * s->points * (s->channels * s->tiles + 16);
}

/* Of the larger of the two kernels, or of both in one. */
static int64_t local_floats(const problem *p, const tap_conv *c, const tuning *t, const sizes *s, bool fused)
{
    const int *v = t->value;
    const int64_t rows = v[WINOGRAD_TILE_ROWS] * v[WINOGRAD_F];
    const int64_t staged = p->conv.layout == CONV_IN_BLOCKS ? 16 : (rows + 2) * c->from[2] * 16;
    const int64_t product = s->points * (s->tiles * s->columns + 16) + (p->conv.layout == CONV_PLAIN ? rows * c->to[2] * 16 : 0);
    if (fused)
        return s->points * (s->channels * s->tiles + 16) + staged + product;
    return staged > product ? staged : product;
}

static bool fits(const problem *p, const socle_device *device, const tap_conv *c, const tuning *t, bool fused)
{
    const sizes s = sizes_of(c, t);
    return local_floats(p, c, t, &s, fused) * 4 <= device_cached_local_bytes(device);
}

/* Where one group computes all channels of a block, nobody else needs the block's transformed pixels: they stay in its local
 * memory. */
static bool is_fused(const problem *p, const socle_device *device, const tap_conv *c, const tuning *t)
{
    return t->value[WINOGRAD_SLICE] >= c->to_channels && t->value[WINOGRAD_CHUNK] == 0 && fits(p, device, c, t, true);
}

/* ---- a model of the cost, in cycles of a core as in direct_model.c ---- */

/* Tiles of an axis that a block has, and those of them with F results. */
typedef struct extent {
    int64_t blocks, tiles, full_tiles;
} extent;

/* Blocks of `in_block` tiles: `kinds`[0] but for the last one. Returns the points of an axis that all tiles have; the others are
 * left to those with F results. (LAST_H in kernels/conv/winograd.cl; the last tile is a smaller one only if `may_be_smaller`.) */
static int64_t axis_extents(int64_t results, int64_t f, int64_t in_block, bool may_be_smaller, extent kinds[2])
{
    const int64_t rest = may_be_smaller ? results % f : 0, last = rest == 0 || rest > 4 ? f : rest <= 2 ? 2 : rest;
    const int64_t tiles = ceil_div(results, f), blocks = ceil_div(tiles, in_block), in_last = tiles - (blocks - 1) * in_block;
    kinds[0] = (extent){blocks - 1, in_block, in_block};
    kinds[1] = (extent){1, may_be_smaller ? in_last : in_block, in_last - (last < f)};
    return last + 2;
}

/* Of the products of one point of `tiles` tiles, with a vector of weights for one channel. */
static double point_cycles(const tap_conv *c, const tuning *t, const sizes *s, int64_t tiles)
{
    const int64_t rows = t->value[WINOGRAD_TILES], vectors = t->value[WINOGRAD_VECTORS];
    double cycles = 0;
    /* Weights that a group transforms: two additions for each, for which many units have a place beside products; and the sums
     * that it takes up again for each chunk. */
    if (t->value[WINOGRAD_CHUNK] > 0)
        return (double)tiles * (0.5 + 0.3 / (double)rows + 0.5 / t->value[WINOGRAD_CHUNK]);
    for (int64_t m = 0; m < tiles; m += rows) {
        const int64_t some = smaller(rows, tiles - m);
        const double multiply = 0.5 * (double)(some * vectors), load = 0.5 * (double)(some + vectors);
        cycles += fmax(fmax(multiply, load), 4) / (double)vectors;
    }
    /* A point's pixels leave the first-level cache from one tile of channels to the next. */
    return cycles * (4.0 * (double)s->tiles * (double)round_up(c->from_channels, 16) > 40e3 ? 1.5 : 1);
}

/* Of the products of all blocks of some images, with a vector of weights for one channel. */
static double product_cycles(const tap_conv *c, const tuning *t, const sizes *s)
{
    const int *v = t->value;
    const int64_t points = v[WINOGRAD_F] + 2;
    extent rows[2], columns[2];
    const bool whole_rows = v[WINOGRAD_TILE_COLUMNS] == s->tiles_w;
    const int64_t all_rows = axis_extents(c->to[1], v[WINOGRAD_F], v[WINOGRAD_TILE_ROWS], whole_rows, rows);
    const int64_t all_columns = axis_extents(c->to[2], v[WINOGRAD_F], v[WINOGRAD_TILE_COLUMNS], whole_rows, columns);
    double cycles = 0;
    for (int i = 0; i < 16; i++) { /* kinds of blocks and of points in each direction */
        const extent *row = &rows[i & 1], *column = &columns[i >> 1 & 1];
        const int64_t of_rows = i & 4 ? row->full_tiles : row->tiles, of_columns = i & 8 ? column->full_tiles : column->tiles;
        const int64_t some_points = (i & 4 ? points - all_rows : all_rows) * (i & 8 ? points - all_columns : all_columns);
        cycles += (double)(row->blocks * column->blocks * some_points) *
                  point_cycles(c, t, s, v[WINOGRAD_IMAGES] * of_rows * of_columns);
    }
    return cycles;
}

static double model_cycles(const problem *p, const socle_device *device, const tap_conv *c, const tuning *t)
{
    const int *v = t->value;
    const sizes s = sizes_of(c, t);
    const int units = device_units(device);
    const double blocks = (double)(s.places * s.image_blocks), channels = (double)s.channels;
    const double columns = (double)round_up(c->to_channels, s.columns) / 16;
    const double product = (double)s.image_blocks / blocks * product_cycles(c, t, &s) * channels * columns;
    const double input = (double)s.tiles * channels / 16 * ((double)s.points * (p->conv.layout == CONV_IN_BLOCKS ? 5 : 7) + 30);
    const double output = (double)s.tiles * columns * ((double)s.points * (p->conv.layout == CONV_PLAIN ? 6 : 4) + 30);
    const double slices = (double)ceil_div(c->to_channels, v[WINOGRAD_SLICE]);
    /* A layer's weights come from memory. Its other blocks read them from caches, mostly while they multiply, unless they are too
     * many. */
    const double weights = 4.0 * (double)weight_count(c, t, &s), memory = 64 * device_bytes_per_flop(device);
    const double first = weights / memory, again = weights > 16e6 ? first : weights / 150;
    /* Few groups leave a unit waiting for the others at the end. */
    const double rounds = ceil(blocks * slices / units), turns = rounds * units / (blocks * slices) * (1 + 0.15 / rounds);
    const double packing = p->conv.w_constant ? 0 : weights / 8;
    /* Transformed pixels go from one unit's cache to others', or, where these do not hold them, to memory, from which each slice
     * reads them. */
    const double pixels = is_fused(p, device, c, t) ? 0 : 4.0 * (double)transformed_pixels(&s);
    const double handed = pixels > 1e6 * units ? pixels * (1 + slices) / memory : pixels / 6;
    return (blocks * (input + turns * (product + output)) + first + (blocks - 1) * again + packing + handed) / units + 2000;
}

/* ---- tunings ---- */

/* The largest register tile of at most `most` rows that leaves few over. */
static int64_t register_rows(int64_t tiles, int64_t most)
{
    int64_t best = smaller(tiles, most);
    for (int64_t rows = best; rows > most / 2 && rows > 0; rows--)
        if (tiles % rows == 0)
            return rows;
    return best;
}

typedef struct ranking {
    tuning *tunings;
    double cycles[32];
    int count, capacity;
} ranking;

static void rank_slices(ranking *r, const problem *p, const socle_device *device, const tap_conv *c, tuning t)
{
    const int64_t columns = 16 * t.value[WINOGRAD_VECTORS];
    for (int64_t slices = 1; slices <= 16; slices *= 2) {
        t.value[WINOGRAD_SLICE] = (int)round_up(ceil_div(c->to_channels, slices), columns);
        if (fits(p, device, c, &t, false))
            r->count = rank_candidate(r->tunings, r->cycles, r->count, r->capacity, t, model_cycles(p, device, c, &t));
    }
}

/* Register tiles for what a group computes of images. */
static void rank_tiles(ranking *r, const problem *p, const socle_device *device, const tap_conv *c, tuning t)
{
    const bool is_wide = device->capabilities.vector_width_float >= 16;
    const int64_t tiles = t.value[WINOGRAD_IMAGES] * t.value[WINOGRAD_TILE_ROWS] * t.value[WINOGRAD_TILE_COLUMNS];
    const bool whole_rows = t.value[WINOGRAD_TILE_COLUMNS] >= ceil_div(c->to[2], t.value[WINOGRAD_F]);
    t.value[WINOGRAD_VECTORS] = c->to_channels > 16 && is_wide ? 2 : 1;
    t.value[WINOGRAD_TILES] = (int)register_rows(tiles, is_wide ? 8 : 5);
    if (whole_rows || t.value[WINOGRAD_VECTORS] == 1) /* others can take LLVM 15 half a minute */
        rank_slices(r, p, device, c, t);
    if (!is_wide)
        return;
    t.value[WINOGRAD_VECTORS] = 1;
    if ((tiles > 8 || !whole_rows) && tiles <= 16) {
        t.value[WINOGRAD_TILES] = (int)tiles;
        rank_slices(r, p, device, c, t);
    }
    if (!whole_rows)
        return;
    /* Parts of a row of tiles, or several rows, whose sums of a row of points fit registers. */
    const int64_t columns = t.value[WINOGRAD_TILE_COLUMNS], most = 24 / (t.value[WINOGRAD_F] + 2);
    t.value[WINOGRAD_TILES] =
        (int)(columns > most ? ceil_div(columns, ceil_div(columns, most)) : smaller(tiles, most / columns * columns));
    t.value[WINOGRAD_CHUNK] = 32;
    rank_slices(r, p, device, c, t);
}

static void rank_blocks(ranking *r, const problem *p, const socle_device *device, const tap_conv *c, int f)
{
    const int64_t tiles_h = ceil_div(c->to[1], f), tiles_w = ceil_div(c->to[2], f);
    for (int64_t images = 1; images <= c->batch && images <= 8; images *= 2)
        for (int64_t rows = 1; rows <= tiles_h; rows++)
            for (int64_t parts = 1; parts <= 8; parts++) {
                const int64_t columns = ceil_div(tiles_w, parts), tiles = images * rows * columns;
                const bool split = parts > 1 && (p->conv.layout == CONV_PLAIN || images > 1 || columns < 6);
                if (split || (images > 1 && rows < tiles_h) || (tiles > (parts > 1 ? 32 : 64) && (rows > 1 || images > 1)))
                    continue;
                const tuning t = {{f, (int)rows, (int)images, 0, 0, 0, (int)columns}};
                rank_tiles(r, p, device, c, t);
            }
}

static int winograd_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    const tap_conv c = tap_conv_at(p, 0);
    ranking r = {.tunings = out, .capacity = (int)smaller(capacity, COUNT_OF(r.cycles))};
    for (int f = 2; f <= (p->strict_accuracy ? 2 : 6); f += 2)
        rank_blocks(&r, p, device, &c, f);
    return r.count;
}

static bool winograd_applicable(const problem *p, const socle_device *device)
{
    tuning t;
    return (conv_supported(p, device) || conv_supported_in_blocks(p, device)) && storage_is_real32(p->dtype) && conv_is_3x3(p) &&
           !device_has_quirk(device, QUIRK_LOOP_LIMIT) && problem_flops(p) > 0 && winograd_candidates(p, device, &t, 1) > 0;
}

static tuning resolve(const problem *p, const socle_device *device, const tuning *t)
{
    return tuning_resolve(p, device, t, WINOGRAD_F, winograd_candidates);
}

static double winograd_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const tap_conv c = tap_conv_at(p, 0);
    const tuning resolved = resolve(p, device, t);
    const double work = 0.95 * problem_flops(p) / 64 / (fmax(model_cycles(p, device, &c, &resolved), 1) * device_units(device));
    const double share = device_is_cpu_shaped(device) ? work : work / 200;
    return estimate_s(device, problem_flops(p), fmax(share, 1e-6), problem_bytes(p),
                      (p->conv.w_constant ? 1 : 2) + !is_fused(p, device, &c, &resolved), 0);
}

/* ---- memory ---- */

static size_t weight_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    const tap_conv c = tap_conv_at(p, 0);
    const tuning resolved = resolve(p, device, t);
    const sizes s = sizes_of(&c, &resolved);
    return (size_t)round_up(weight_count(&c, &resolved, &s) * 4, 4096);
}

static size_t winograd_prepared_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    return p->conv.w_constant ? weight_bytes(p, device, t) : 0;
}

/* Transformed pixels; in front of them the transformed weights unless they are prepared. */
static size_t winograd_workspace_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    const tap_conv c = tap_conv_at(p, 0);
    const tuning resolved = resolve(p, device, t);
    const sizes s = sizes_of(&c, &resolved);
    return (is_fused(p, device, &c, &resolved) ? 0 : (size_t)transformed_pixels(&s) * 4) +
           (p->conv.w_constant ? 0 : weight_bytes(p, device, t));
}

/* ---- steps ---- */

static const char *algorithm_of(const problem *p)
{
    return p->kind == PROBLEM_CONV ? "conv/winograd" : "conv_input/winograd";
}

static solver_launch launch_of(const problem *p, const socle_device *device, const tap_conv *c, const tuning *t,
                               const char *kernel)
{
    const int *v = t->value;
    solver_launch launch = {
        .algorithm = algorithm_of(p), .source = "conv/winograd", .kernel = kernel, .dims = 3, .local = {1, 1, 1}};
    tap_conv_add_options(&launch.options, p, c);
    if (p->conv.layout != CONV_PLAIN)
        text_addf(&launch.options, p->conv.layout == CONV_IN_BLOCKS ? " -DX_LANES=16 -DY_LANES=16" : " -DY_LANES=16");
    text_addf(&launch.options, " -DF=%d -DTILE_ROWS=%d -DIMAGES=%d -DMR=%d -DNV=%d -DSLICE=%d -DTILE_COLUMNS=%d -DCHUNK=%d",
              v[WINOGRAD_F], v[WINOGRAD_TILE_ROWS], v[WINOGRAD_IMAGES], v[WINOGRAD_TILES], v[WINOGRAD_VECTORS], v[WINOGRAD_SLICE],
              v[WINOGRAD_TILE_COLUMNS], v[WINOGRAD_CHUNK]);
    if (device_is_cpu_shaped(device))
        text_add(&launch.options, " -DPREFETCHES");
    if (is_fused(p, device, c, t))
        text_add(&launch.options, " -DFUSED");
    return launch;
}

static socle_status emit_weights(const problem *p, const socle_device *device, const tap_conv *c, const tuning *t,
                                 const solver_operands *operands, int to, step_list *steps)
{
    const sizes s = sizes_of(c, t);
    if (t->value[WINOGRAD_CHUNK] > 0)
        return tap_conv_emit_pack(p, c, 16, algorithm_of(p), operands, to, 0, steps);
    solver_launch launch = launch_of(p, device, c, t, "winograd_weights");
    launch.dims = 2;
    launch.global[0] = (size_t)ceil_div(c->to_channels, s.columns);
    launch.global[1] = (size_t)s.channels;
    launch.local[0] = launch.local[1] = 1;
    launch.bytes = 4.0 * (double)weight_count(c, t, &s);
    launch_arg(&launch, ARG_OPERAND(operands->data[1]));
    launch_arg(&launch, ARG_OPERAND(to));
    return launch_emit(&launch, p, operands, steps);
}

static socle_status winograd_prepare(const problem *p, const socle_device *device, const tuning *t,
                                     const solver_operands *operands, step_list *steps)
{
    const tap_conv c = tap_conv_at(p, 0);
    const tuning resolved = resolve(p, device, t);
    return emit_weights(p, device, &c, &resolved, operands, operands->prepared, steps);
}

static socle_status emit_input(const problem *p, const socle_device *device, const tap_conv *c, const tuning *t,
                               const solver_operands *operands, int64_t offset, step_list *steps)
{
    const sizes s = sizes_of(c, t);
    solver_launch launch = launch_of(p, device, c, t, "winograd_input");
    launch.global[0] = (size_t)s.places;
    launch.global[1] = (size_t)s.image_blocks;
    launch.global[2] = (size_t)(s.channels / 16);
    launch.bytes = 4.0 * (double)(transformed_pixels(&s) + c->batch * c->from_channels * c->from[1] * c->from[2]);
    launch_arg(&launch, ARG_OPERAND(operands->data[0]));
    launch_arg(&launch, ARG_OPERAND(operands->workspace));
    launch_arg(&launch, ARG_LONG(offset));
    return launch_emit(&launch, p, operands, steps);
}

static socle_status emit_product(const problem *p, const socle_device *device, const tap_conv *c, const tuning *t,
                                 const solver_operands *operands, int64_t offset, step_list *steps)
{
    const sizes s = sizes_of(c, t);
    const bool fused = is_fused(p, device, c, t);
    solver_launch launch = launch_of(p, device, c, t, "winograd_product");
    launch.epilogue = true;
    launch.channel_uniform = p->conv.layout == CONV_PLAIN;
    launch.global[0] = (size_t)s.places;
    launch.global[1] = (size_t)s.image_blocks;
    launch.global[2] = (size_t)ceil_div(c->to_channels, t->value[WINOGRAD_SLICE]);
    launch.flops = problem_flops(p);
    launch.bytes = problem_bytes(p);
    launch_arg(&launch, ARG_OPERAND(fused ? operands->data[0] : operands->workspace));
    launch_arg(&launch, ARG_OPERAND(p->conv.w_constant ? operands->prepared : operands->workspace));
    launch_arg(&launch, ARG_OPERAND(operands->data[2]));
    if (!fused)
        launch_arg(&launch, ARG_LONG(offset));
    return launch_emit(&launch, p, operands, steps);
}

static socle_status winograd_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                  step_list *steps)
{
    const tap_conv c = tap_conv_at(p, 0);
    const tuning resolved = resolve(p, device, t);
    const int64_t offset =
        p->conv.w_constant ? 0 : (int64_t)(weight_bytes(p, device, t) / 4); /* of the pixels in the workspace */
    socle_status status = SOCLE_OK;
    if (!p->conv.w_constant)
        status = emit_weights(p, device, &c, &resolved, operands, operands->workspace, steps);
    if (status == SOCLE_OK && !is_fused(p, device, &c, &resolved))
        status = emit_input(p, device, &c, &resolved, operands, offset, steps);
    return status == SOCLE_OK ? emit_product(p, device, &c, &resolved, operands, offset, steps) : status;
}

const solver solver_conv_winograd = {
    .name = "conv/winograd",
    .kind = PROBLEM_CONV,
    .applicable = winograd_applicable,
    .candidates = winograd_candidates,
    .estimate = winograd_estimate,
    .workspace_bytes = winograd_workspace_bytes,
    .prepared_bytes = winograd_prepared_bytes,
    .prepare = winograd_prepare,
    .emit = winograd_emit,
    .epilogues = true,
};

const solver solver_conv_input_winograd = {
    .name = "conv_input/winograd",
    .kind = PROBLEM_CONV_INPUT,
    .applicable = winograd_applicable,
    .candidates = winograd_candidates,
    .estimate = winograd_estimate,
    .workspace_bytes = winograd_workspace_bytes,
    .prepared_bytes = winograd_prepared_bytes,
    .prepare = winograd_prepare,
    .emit = winograd_emit,
    .epilogues = true,
};

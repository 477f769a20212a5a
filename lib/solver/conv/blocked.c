/* conv/blocked: direct convolution on CPUs whose images lie in blocks of 16 channels (kernels/conv/blocked.cl), as the planner
 * keeps them between convolutions. Any stride, dilation and padding, groups of whole blocks. Weights are packed once when they
 * are constant, else in front of every run. */
#include "taps.h"

#include <math.h>

/* value[] of its tunings: a tile's pixels and vectors, then what a group computes, channels staged at a time in blocks */
enum { BLOCKED_PIXELS, BLOCKED_VECTORS, BLOCKED_ROWS, BLOCKED_COLUMNS, BLOCKED_CHUNK, BLOCKED_SLICE };

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- the convolution as the kernel sees it ---- */

typedef struct view {
    tap_conv c;
    int64_t lanes, from_blocks, taps; /* of x */
    bool in_place;
} view;

/* Rows and planes of a 1x1 convolution of stride 1 follow each other like pixels of one row. */
static view view_of(const problem *p)
{
    view v = {.c = tap_conv_forward(p), .lanes = p->conv.layout == CONV_IN_BLOCKS ? 16 : 1};
    tap_conv *c = &v.c;
    v.taps = tap_conv_taps(c);
    v.from_blocks = c->from_channels / v.lanes;
    const bool reads_once = tap_conv_reads_once(c);
    if (reads_once)
        tap_conv_flatten(c);
    v.in_place = reads_once && v.lanes == 16 && p->dtype == SOCLE_FLOAT32;
    return v;
}

/* ---- local memory ---- */

static int64_t staged_floats(const view *v, const tuning *t)
{
    const int64_t rows = tap_conv_staged_extent(&v->c, 1, t->value[BLOCKED_ROWS]);
    const int64_t columns = tap_conv_staged_extent(&v->c, 2, t->value[BLOCKED_COLUMNS]);
    return v->in_place ? 0 : t->value[BLOCKED_CHUNK] * v->c.kernel[0] * rows * columns * v->lanes;
}

static int64_t sum_floats(const view *v, const tuning *t)
{
    const bool split = t->value[BLOCKED_CHUNK] < v->from_blocks;
    return split ? (int64_t)t->value[BLOCKED_ROWS] * t->value[BLOCKED_COLUMNS] * t->value[BLOCKED_SLICE] : 0;
}

/* Of the rows of taps, where they are listed: two ints each. */
static int64_t list_bytes(const view *v, const tuning *t)
{
    return v->in_place ? 0 : t->value[BLOCKED_CHUNK] * v->c.kernel[0] * v->c.kernel[1] * 8;
}

static bool fits(const view *v, const problem *p, const socle_device *device, const tuning *t)
{
    const int64_t floats = staged_floats(v, t) + sum_floats(v, t) + 64;
    return floats * (int64_t)problem_real_bytes(p) + list_bytes(v, t) <= device_cached_local_bytes(device);
}

/* The least local memory: a block of channels at a time, of one row. */
static tuning one_row(const view *v, int64_t columns)
{
    return (tuning){{(int)smaller(7, v->c.to[2]), 1, 1, (int)columns, 1, 16}};
}

static bool blocked_applicable(const problem *p, const socle_device *device)
{
    const conv_geometry g = conv_geometry_3d(p);
    if (!conv_supported_in_blocks(p, device) || device_has_quirk(device, QUIRK_LOOP_LIMIT) || problem_flops(p) <= 0 ||
        (g.groups > 1 &&
         (p->conv.layout != CONV_IN_BLOCKS || g.channels / g.groups % 16 != 0 || g.out_channels / g.groups % 16 != 0)))
        return false;
    const view v = view_of(p);
    const tuning least = one_row(&v, smaller(7, v.c.to[2]));
    return fits(&v, p, device, &least);
}

/* ---- a model of the cost, in cycles of a core as in direct_model.c ---- */

/* One channel and tap on a register tile. Taps of a row of plain pixels share them: compilers keep such pixels in registers, so
 * that more than 16 sums spill (measured: 1.06 times slower with 20 sums, 1.38 with 28). Of blocks, 28 sums leave the registers
 * no room to load ahead (measured: 1.015 times slower than 14 to 24). */
static double step_cycles(const view *v, int64_t pixels, int64_t vectors)
{
    const double sums = (double)(pixels * vectors);
    const double crowded = v->lanes == 1 ? 0.03 * fmax(sums - 16, 0) : 0.004 * fmax(sums - 24, 0);
    return fmax(fmax(0.5 * sums, 0.5 * (double)(pixels + vectors)), 4) * (1 + crowded);
}

static double tile_cycles(const view *v, const tuning *t, int64_t pixels, int64_t vectors)
{
    const double chunks = (double)ceil_div(v->from_blocks, t->value[BLOCKED_CHUNK]);
    const double steps = (double)(v->c.from_channels * v->taps);
    return pixels * vectors == 0 ? 0
                                 : steps * step_cycles(v, pixels, vectors) + chunks * (12 + (double)(pixels * vectors) * 1.5) +
                                       (double)(v->from_blocks * v->taps) * (v->lanes == 16 ? 2 : 0.5);
}

static double group_cycles(const view *v, const tuning *t)
{
    const tap_conv *c = &v->c;
    const int64_t mr = t->value[BLOCKED_PIXELS], nv = t->value[BLOCKED_VECTORS], columns = t->value[BLOCKED_COLUMNS];
    const int64_t slice = smaller(t->value[BLOCKED_SLICE], c->to_channels), rows = t->value[BLOCKED_ROWS];
    const double full = (double)(columns / mr), wide = (double)(slice / (16 * nv));
    const int64_t end = columns % mr, narrow = slice / 16 % nv;
    const double tiles = full * (wide * tile_cycles(v, t, mr, nv) + tile_cycles(v, t, mr, narrow)) +
                         wide * tile_cycles(v, t, end, nv) + tile_cycles(v, t, end, narrow);
    const double chunks = (double)ceil_div(v->from_blocks, t->value[BLOCKED_CHUNK]);
    const double staged = (double)staged_floats(v, t) / 16 * chunks * 5; /* from the last-level cache, mostly */
    /* A tile's weights of a chunk stay in the first-level cache from one tile of pixels to the next, or come from the second. */
    const double weights = 4.0 * (double)(slice * c->from_channels * v->taps);
    const double panel = 4.0 * (double)(16 * nv * t->value[BLOCKED_CHUNK] * v->lanes * v->taps);
    const double again = panel > 34e3 ? weights * ((double)(rows * ceil_div(columns, mr)) - 1) / 90 : 0;
    return (double)rows * tiles + staged + again + weights / (weights > 1e6 ? 5.5 : 64) + 400;
}

static double model_cycles(const view *v, const tuning *t, int units)
{
    const tap_conv *c = &v->c;
    const int64_t blocks = ceil_div(c->to[1], t->value[BLOCKED_ROWS]) * ceil_div(c->to[2], t->value[BLOCKED_COLUMNS]);
    const int64_t groups = blocks * c->to[0] * c->batch * c->groups * ceil_div(c->to_channels, t->value[BLOCKED_SLICE]);
    const double rounds = (double)ceil_div(groups, units);
    return (rounds + 0.15) * group_cycles(v, t); /* few groups leave a unit waiting for the others at the end */
}

/* ---- tunings ---- */

typedef struct ranking {
    const problem *p;
    const socle_device *device;
    view view;
    const int *usual; /* tile: pixels, vectors */
    tuning *tunings;
    double cycles[48];
    int count, capacity;
} ranking;

/* Each shape of tile is code of its own, which takes 0.1 to 0.4 s to compile on PoCL and which fewer layers share. Another than
 * the usual one, and narrower ones at the end of rows or channels, are taken where they gain more than what the model cannot tell
 * apart. */
#define RARE_TILE 0.02

static double dislike(const ranking *r, const tuning *t)
{
    const tap_conv *c = &r->view.c;
    const int pixels = t->value[BLOCKED_PIXELS], vectors = t->value[BLOCKED_VECTORS];
    const bool unusual = pixels != r->usual[0] || vectors != r->usual[1];
    return 1 + RARE_TILE * (unusual + (c->to[2] % pixels != 0) + (c->to_channels / 16 % vectors != 0));
}

static void rank(ranking *r, const tuning *t)
{
    if (!fits(&r->view, r->p, r->device, t))
        return;
    const double cycles = model_cycles(&r->view, t, device_units(r->device)) * dislike(r, t);
    r->count = rank_candidate(r->tunings, r->cycles, r->count, r->capacity, *t, cycles);
}

static void rank_slices(ranking *r, tuning t)
{
    static const int chunks[] = {1, 2, 4, 8, 16};
    const tap_conv *c = &r->view.c;
    const int64_t width = 16 * t.value[BLOCKED_VECTORS];
    int64_t last = 0;
    for (int64_t slices = 1; slices <= 32; slices *= 2) {
        const int64_t slice = round_up(ceil_div(c->to_channels, slices), width);
        if (slice == last)
            break;
        last = slice;
        t.value[BLOCKED_SLICE] = (int)slice;
        t.value[BLOCKED_CHUNK] = (int)r->view.from_blocks;
        rank(r, &t);
        for (size_t i = 0; i < COUNT_OF(chunks) && chunks[i] * 2 <= r->view.from_blocks; i++) {
            t.value[BLOCKED_CHUNK] = chunks[i] * (int)(16 / r->view.lanes);
            if (t.value[BLOCKED_CHUNK] < r->view.from_blocks)
                rank(r, &t);
        }
    }
}

/* Blocks of rows or of columns for one tile shape. */
static void rank_shapes(ranking *r, int64_t pixels, int64_t vectors)
{
    const tap_conv *c = &r->view.c;
    const int64_t mr = smaller(pixels, c->to[2]);
    tuning t = {{0}};
    t.value[BLOCKED_PIXELS] = (int)mr;
    t.value[BLOCKED_VECTORS] = (int)smaller(vectors, c->to_channels / 16);
    t.value[BLOCKED_COLUMNS] = (int)c->to[2];
    int64_t last = 0;
    for (int64_t blocks = 1; blocks <= c->to[1]; blocks = blocks < 8 ? blocks + 1 : blocks * 2) {
        const int64_t rows = ceil_div(c->to[1], blocks);
        if (rows == last)
            continue;
        last = rows;
        t.value[BLOCKED_ROWS] = (int)rows;
        rank_slices(r, t);
    }
    t.value[BLOCKED_ROWS] = 1;
    rank_slices(r, t);
    for (int64_t blocks = 2; blocks <= c->to[2] / mr && (r->view.taps == 1 || blocks <= 4); blocks *= 2) {
        t.value[BLOCKED_COLUMNS] = (int)round_up(ceil_div(c->to[2], blocks), mr);
        rank_slices(r, t);
    }
}

static int blocked_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    static const int wide[][2] = {{7, 2}, {14, 2}, {8, 3}, {7, 3},  {6, 4}, {5, 4},
                                  {8, 2}, {12, 2}, {9, 3}, {13, 1}, {4, 4}, {6, 2}};
    static const int narrow[][2] = {{6, 1}, {7, 1}, {5, 1}, {4, 1}, {3, 2}};
    const bool is_wide = device->capabilities.vector_width_float >= 16 || !device_is_cpu_shaped(device);
    const int(*tiles)[2] = is_wide ? wide : narrow;
    const int count = is_wide ? (int)COUNT_OF(wide) : (int)COUNT_OF(narrow);
    ranking r = {.p = p,
                 .device = device,
                 .view = view_of(p),
                 .usual = tiles[0],
                 .tunings = out,
                 .capacity = (int)smaller(capacity, COUNT_OF(r.cycles))};
    for (int i = 0; i < count; i++)
        rank_shapes(&r, tiles[i][0], tiles[i][1]);
    for (int64_t columns = r.view.c.to[2]; r.count == 0 && columns > 0; columns = columns > 7 ? ceil_div(columns, 14) * 7 : 0) {
        const tuning t = one_row(&r.view, columns); /* little local memory, or long rows */
        rank(&r, &t);
    }
    return r.count;
}

static tuning resolve(const problem *p, const socle_device *device, const tuning *t)
{
    return tuning_resolve(p, device, t, BLOCKED_PIXELS, blocked_candidates);
}

static double blocked_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const view v = view_of(p);
    const tuning resolved = resolve(p, device, t);
    const double cycles = model_cycles(&v, &resolved, device_units(device));
    const double work = 0.95 * problem_flops(p) / 64 / (fmax(cycles, 1) * device_units(device));
    const double share = device_is_cpu_shaped(device) ? work : work / 200;
    const double packing = p->conv.w_constant ? 0 : (double)(v.c.groups * v.c.to_channels * v.c.from_channels * v.taps) * 2e-9;
    return estimate_s(device, problem_flops(p), fmax(share, 1e-6), problem_bytes(p), p->conv.w_constant ? 1 : 2, 0) +
           packing / device_units(device);
}

/* ---- memory ---- */

static size_t packed_bytes(const problem *p)
{
    const tap_conv c = tap_conv_forward(p);
    return (size_t)(c.groups * c.to_channels * c.from_channels * tap_conv_taps(&c)) * problem_real_bytes(p);
}

static size_t blocked_workspace_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    (void)device;
    (void)t;
    return p->conv.w_constant ? 0 : packed_bytes(p);
}

static size_t blocked_prepared_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    (void)device;
    (void)t;
    return p->conv.w_constant ? packed_bytes(p) : 0;
}

/* ---- steps ---- */

static socle_status pack(const problem *p, const view *v, const tuning *t, const solver_operands *operands, int to,
                         step_list *steps)
{
    const int64_t tile = 16 * t->value[BLOCKED_VECTORS];
    solver_launch launch = {.algorithm = "conv/blocked",
                            .source = "conv/blocked_pack",
                            .kernel = "conv_blocked_pack",
                            .dims = 2,
                            .global = {(size_t)(v->c.groups * ceil_div(v->c.to_channels, tile)), (size_t)v->from_blocks},
                            .local = {1, 1},
                            .bytes = 2.0 * (double)packed_bytes(p)};
    text_addf(&launch.options, "-DSTORAGE=%s", storage_name(p->dtype));
    launch_arg(&launch, ARG_OPERAND(operands->data[1]));
    launch_arg(&launch, ARG_OPERAND(to));
    launch_arg(&launch, ARG_INT(v->c.from_channels));
    launch_arg(&launch, ARG_INT(v->c.to_channels));
    launch_arg(&launch, ARG_INT(v->taps));
    launch_arg(&launch, ARG_INT(v->lanes));
    launch_arg(&launch, ARG_INT(tile));
    return launch_emit(&launch, p, operands, steps);
}

static void add_options(text *options, const problem *p, const view *v, const tuning *t)
{
    const tap_conv *c = &v->c;
    const int pixels = t->value[BLOCKED_PIXELS], vectors = t->value[BLOCKED_VECTORS];
    text_addf(options, "-DSTORAGE=%s -DLANES=%d -DMR=%d -DNV=%d -DTAIL_R=%d -DTAIL_V=%d -DIN_PLACE=%d", storage_name(p->dtype),
              (int)v->lanes, pixels, vectors, (int)(c->to[2] % pixels), (int)(c->to_channels / 16 % vectors), v->in_place);
    conv_add_triple(options, "K", c->kernel);
    conv_add_triple(options, "S", c->stride);
    conv_add_triple(options, "R", c->dilation);
}

static void add_local(solver_launch *launch, int64_t bytes)
{
    launch_arg(launch, ARG_LOCAL(bytes > 0 ? bytes : 4)); /* drivers refuse none */
}

static void add_arguments(solver_launch *launch, const problem *p, const view *v, const tuning *t)
{
    const tap_conv *c = &v->c;
    const int64_t real_bytes = (int64_t)problem_real_bytes(p);
    add_local(launch, staged_floats(v, t) * real_bytes);
    add_local(launch, sum_floats(v, t) * real_bytes);
    add_local(launch, list_bytes(v, t));
    launch_arg(launch, ARG_INT(c->groups));
    launch_arg(launch, ARG_INT(v->from_blocks));
    launch_arg(launch, ARG_INT(c->to_channels));
    for (int i = 0; i < 3; i++)
        launch_arg(launch, ARG_INT(c->from[i]));
    for (int i = 0; i < 3; i++)
        launch_arg(launch, ARG_INT(c->to[i]));
    for (int i = 0; i < 3; i++)
        launch_arg(launch, ARG_INT(c->pad[i]));
    launch_arg(launch, ARG_INT(tap_conv_staged_extent(c, 1, t->value[BLOCKED_ROWS])));
    launch_arg(launch, ARG_INT(tap_conv_staged_extent(c, 2, t->value[BLOCKED_COLUMNS])));
    launch_arg(launch, ARG_INT(t->value[BLOCKED_ROWS]));
    launch_arg(launch, ARG_INT(t->value[BLOCKED_COLUMNS]));
    launch_arg(launch, ARG_INT(t->value[BLOCKED_CHUNK]));
    launch_arg(launch, ARG_INT(t->value[BLOCKED_SLICE]));
}

static socle_status run(const problem *p, const view *v, const tuning *t, const solver_operands *operands, int packed,
                        step_list *steps)
{
    const tap_conv *c = &v->c;
    const int64_t blocks = ceil_div(c->to[1], t->value[BLOCKED_ROWS]) * ceil_div(c->to[2], t->value[BLOCKED_COLUMNS]);
    const int64_t slices = c->groups * ceil_div(c->to_channels, t->value[BLOCKED_SLICE]);
    solver_launch launch = {.algorithm = "conv/blocked",
                            .source = "conv/blocked",
                            .kernel = "conv_blocked",
                            .epilogue = true,
                            .dims = 3,
                            .global = {(size_t)blocks, (size_t)slices, (size_t)(c->batch * c->to[0])},
                            .local = {1, 1, 1},
                            .flops = problem_flops(p),
                            .bytes = problem_bytes(p)};
    add_options(&launch.options, p, v, t);
    launch_arg(&launch, ARG_OPERAND(operands->data[0]));
    launch_arg(&launch, ARG_OPERAND(packed));
    launch_arg(&launch, ARG_OPERAND(operands->data[2]));
    add_arguments(&launch, p, v, t);
    return launch_emit(&launch, p, operands, steps);
}

static socle_status blocked_prepare(const problem *p, const socle_device *device, const tuning *t,
                                    const solver_operands *operands, step_list *steps)
{
    const view v = view_of(p);
    const tuning resolved = resolve(p, device, t);
    return pack(p, &v, &resolved, operands, operands->prepared, steps);
}

static socle_status blocked_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                 step_list *steps)
{
    const view v = view_of(p);
    const tuning resolved = resolve(p, device, t);
    const int packed = p->conv.w_constant ? operands->prepared : operands->workspace;
    const socle_status status = p->conv.w_constant ? SOCLE_OK : pack(p, &v, &resolved, operands, packed, steps);
    if (status != SOCLE_OK)
        return status;
    return run(p, &v, &resolved, operands, packed, steps);
}

const solver solver_conv_blocked = {
    .name = "conv/blocked",
    .kind = PROBLEM_CONV,
    .applicable = blocked_applicable,
    .candidates = blocked_candidates,
    .estimate = blocked_estimate,
    .workspace_bytes = blocked_workspace_bytes,
    .prepared_bytes = blocked_prepared_bytes,
    .prepare = blocked_prepare,
    .emit = blocked_emit,
    .epilogues = true,
};

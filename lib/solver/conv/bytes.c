/* conv/bytes: convolutions of bytes (int8, uint8) with sums in int32 on CPU-shaped devices, in one launch: groups stage the rows
 * of the image that they read in local memory, with their padding (kernels/conv/bytes.cl), by the instruction of gemm/bytes where
 * the device has it. conv/bytes_plain: one work-item per result, any geometry. */
#include "conv.h"

#include <math.h>

enum { VECTORS, COLUMNS, PIXELS, GROUP_COLUMNS, CHUNK };

#define DOT_STEP 4
#define EXACT_PRODUCTS 256 /* of two bytes, in float */
#define MOST_SHARES 32     /* groups along one direction, at most, where their size is not given */
#define LEAST_WORDS 8      /* that groups stage at once unless local memory is short */

static bool has_dot(const socle_device *device)
{
    return device_has_instruction(device, INSTRUCTION_VPDPBUSD);
}

static int byte_lanes(const socle_device *device)
{
    return has_dot(device) ? 16 : device_lanes(device);
}

/* ---- how images are staged: the names of kernels/conv/bytes.cl ---- */

typedef struct staging {
    conv_geometry g;
    int lanes;
    int64_t words, taps, planes; /* planes: of a word */
    int64_t reach_h, row_step, places;
} staging;

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t phases(const conv_geometry *g, int d)
{
    return smaller(g->stride[d], (g->kernel[d] - 1) * g->dilation[d] + 1);
}

static int64_t reach(const conv_geometry *g, int d)
{
    return (g->kernel[d] - 1) * g->dilation[d] / g->stride[d];
}

/* Columns of a plane from one row to the next: padding behind a row may be that in front of the next one. */
static int64_t row_step(const conv_geometry *g)
{
    const int64_t needed = g->output[2] + reach(g, 2), with_image = ceil_div(g->input[2] + g->pad_begin[2], g->stride[2]);
    const int64_t before = g->pad_begin[2] / g->stride[2], behind = needed > with_image ? needed - with_image : 0;
    return needed - smaller(before, behind);
}

static staging staging_of(const problem *p, const socle_device *device)
{
    staging s = {.g = conv_geometry_3d(p), .lanes = byte_lanes(device)};
    s.words = ceil_div(s.g.channels, has_dot(device) ? DOT_STEP : 1);
    s.taps = conv_volume(s.g.kernel);
    s.planes = s.g.kernel[0] * phases(&s.g, 1) * phases(&s.g, 2);
    s.reach_h = reach(&s.g, 1);
    s.row_step = row_step(&s.g);
    s.places = (s.g.output[1] - 1) * s.row_step + s.g.output[2];
    return s;
}

static int64_t staged_rows(const staging *s, int64_t pixels)
{
    return (pixels + 2 * s->row_step - 2) / s->row_step + s->reach_h;
}

/* An odd number of vectors, so that planes do not meet in the same sets of a cache. */
static int64_t plane_items(const staging *s, int64_t pixels)
{
    const int64_t items = staged_rows(s, pixels) * s->row_step + reach(&s->g, 2) + s->lanes + 1;
    return (ceil_div(items, s->lanes) | 1) * s->lanes;
}

static int64_t kept_items(const staging *s, int64_t vectors)
{
    const int64_t gap = s->row_step - s->g.output[2], breaks = gap > 0 ? (s->lanes - 2) / s->g.output[2] + 1 : 0;
    return round_up(vectors * s->lanes + breaks * gap + s->lanes, s->lanes);
}

/* The epilogue reads operands at the index of each result. */
static bool is_indexed(const problem *p)
{
    for (int i = 0; p->epilogue != NULL && i < p->epilogue->operand_count; i++)
        if (p->epilogue->layouts[i] == EPILOGUE_FULL)
            return true;
    return false;
}

static int64_t kept_bytes(const problem *p, const staging *s, const tuning *r)
{
    const size_t result_bytes = socle_dtype_size_bytes(problem_result_dtype(p));
    return r->value[GROUP_COLUMNS] * kept_items(s, r->value[VECTORS]) * (int64_t)(is_indexed(p) ? sizeof(int32_t) : result_bytes);
}

static int64_t partial_bytes(const staging *s, const tuning *r)
{
    const int64_t sums = r->value[PIXELS] * round_up(r->value[GROUP_COLUMNS], r->value[COLUMNS]);
    return r->value[CHUNK] < s->words ? sums * (int64_t)sizeof(int32_t) : (int64_t)sizeof(int32_t);
}

static int64_t word_bytes(const staging *s, const tuning *r)
{
    return s->planes * plane_items(s, r->value[PIXELS]) * (int64_t)sizeof(int32_t);
}

/* ---- tunings ---- */

/* Rough cycles of one group: products, and what is staged and written. */
static double group_cycles(const staging *s, const tuning *r)
{
    const double vectors = r->value[VECTORS], columns = r->value[COLUMNS];
    const double tiles = (double)(r->value[PIXELS] / (r->value[VECTORS] * s->lanes)) *
                         (double)ceil_div(r->value[GROUP_COLUMNS], r->value[COLUMNS]);
    const double step = fmax(vectors * columns / 2, (2 * vectors + columns) / 2), finish = 7 * vectors * columns;
    const double staged =
        (double)(s->words * s->planes * staged_rows(s, r->value[PIXELS])) * ((double)s->row_step / s->lanes + 1);
    return tiles * ((double)(s->words * s->taps) * step + finish) + 8 * staged;
}

/* How long all groups take, where units share them as evenly as whole groups allow and start up to half a group apart. */
static double all_cycles(const staging *s, const socle_device *device, const tuning *r)
{
    const int64_t groups = ceil_div(s->places, r->value[PIXELS]) * ceil_div(s->g.out_channels, r->value[GROUP_COLUMNS]) *
                           s->g.batch * s->g.output[0];
    return ((double)ceil_div(groups, device_units(device)) + 0.5) * group_cycles(s, r);
}

/* Groups of whole tiles: from one for all to one for each. */
static tuning with_groups(const staging *s, const socle_device *device, tuning t)
{
    const int64_t tile = t.value[VECTORS] * s->lanes, tiles = ceil_div(s->places, tile);
    const int64_t panels = ceil_div(s->g.out_channels, t.value[COLUMNS]);
    double best_cycles = INFINITY;
    tuning best = t, r = t;
    for (int64_t across = 1; across <= smaller(tiles, MOST_SHARES); across++) {
        for (int64_t along = 1; along <= smaller(panels, MOST_SHARES); along++) {
            r.value[PIXELS] = t.value[PIXELS] != 0 ? (int)round_up(t.value[PIXELS], tile) : (int)(ceil_div(tiles, across) * tile);
            r.value[GROUP_COLUMNS] = (int)(ceil_div(panels, along) * t.value[COLUMNS]);
            const double cycles = all_cycles(s, device, &r);
            if (cycles < best_cycles) {
                best_cycles = cycles;
                best = r;
            }
        }
    }
    return best;
}

/* Register tiles: vectors of pixels, output channels. */
static const int tiles[][2] = {{4, 6}, {3, 8}, {2, 12}, {6, 4}, {2, 8}, {4, 4}, {2, 6}, {1, 12}, {1, 8}};

static tuning with_tile(const staging *s, const socle_device *device, const tuning *t)
{
    const int most = s->lanes == 16 ? 24 : 12; /* of 32 or 16 registers */
    double best_cycles = INFINITY;
    tuning best = *t;
    for (size_t i = 0; i < COUNT_OF(tiles); i++) {
        tuning r = *t;
        r.value[VECTORS] = tiles[i][0];
        r.value[COLUMNS] = tiles[i][1];
        if (tiles[i][0] * tiles[i][1] > most)
            continue;
        r = with_groups(s, device, r);
        const double cycles = all_cycles(s, device, &r);
        if (cycles < best_cycles) {
            best_cycles = cycles;
            best = r;
        }
    }
    return best;
}

/* Words that can be staged at once; 0: not even one. */
static int64_t words_that_fit(const problem *p, const socle_device *device, const staging *s, const tuning *r)
{
    const int64_t room = device_cached_local_bytes(device) - kept_bytes(p, s, r);
    tuning chunked = *r;
    if (s->words * word_bytes(s, r) + (int64_t)sizeof(int32_t) <= room)
        return s->words;
    chunked.value[CHUNK] = 0;
    const int64_t left = room - partial_bytes(s, &chunked);
    return left > 0 ? left / word_bytes(s, r) : 0;
}

/* The tuning with defaults in the place of zeros; CHUNK is 0 where local memory does not suffice. */
static tuning resolved(const problem *p, const socle_device *device, const tuning *t)
{
    const staging s = staging_of(p, device);
    tuning r = t->value[VECTORS] == 0 ? with_tile(&s, device, t) : with_groups(&s, device, *t);
    int64_t words = words_that_fit(p, device, &s, &r);
    if (words < smaller(s.words, LEAST_WORDS)) { /* the smallest groups */
        r.value[PIXELS] = r.value[VECTORS] * s.lanes;
        r.value[GROUP_COLUMNS] = (int)smaller(round_up(s.g.out_channels, r.value[COLUMNS]), 16 * r.value[COLUMNS]);
        words = words_that_fit(p, device, &s, &r);
    }
    r.value[CHUNK] = (int)(r.value[CHUNK] > 0 ? smaller(r.value[CHUNK], words) : words);
    return r;
}

static bool staging_fits(const staging *s)
{
    const int64_t most = (int64_t)1 << 20;
    for (int d = 0; d < 3; d++)
        if (phases(&s->g, d) > 1024 || reach(&s->g, d) > most || s->g.kernel[d] > most)
            return false;
    return s->planes < most && s->row_step < most && s->places < INT32_MAX / 4 && s->taps < most &&
           s->words * s->taps < INT32_MAX / 1024;
}

/* Weights that change are left to conv/bytes_plain: no network of bytes has them. */
static bool bytes_applicable(const problem *p, const socle_device *device)
{
    if (!problem_is_bytes(p) || !p->conv.w_constant || p->conv.layout != CONV_PLAIN || !conv_fits(p) || problem_flops(p) <= 0)
        return false;
    const staging s = staging_of(p, device);
    const tuning zero = {{0}};
    return s.g.groups == 1 && device_runs_long_loops(device) && storage_runs(problem_result_dtype(p), device) &&
           socle_dtype_size_bytes(problem_result_dtype(p)) <= sizeof(int32_t) && (has_dot(device) || s.taps <= EXACT_PRODUCTS) &&
           staging_fits(&s) && resolved(p, device, &zero).value[CHUNK] > 0;
}

static int bytes_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    static const int group_tiles[] = {0, 1, 4};
    int count = add_candidate(out, 0, capacity, (tuning){{0}});
    for (size_t k = 0; k < COUNT_OF(group_tiles); k++) {
        for (size_t i = 0; i < COUNT_OF(tiles); i++) {
            const tuning t = {{tiles[i][0], tiles[i][1], group_tiles[k] * tiles[i][0] * byte_lanes(device)}};
            if (resolved(p, device, &t).value[CHUNK] > 0)
                count = add_candidate(out, count, capacity, t);
        }
    }
    return count;
}

static double bytes_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const staging s = staging_of(p, device);
    const tuning r = resolved(p, device, t);
    if (!device_is_cpu_shaped(device))
        return estimate_s(device, problem_flops(p), 0.01, problem_bytes(p), 1, 0);
    /* Two vectors of products a cycle and unit: as many as float32 makes, whose peak is known. */
    const double products = 2 * all_cycles(&s, device, &r) * device_units(device) * s.lanes;
    return estimate_s(device, 2 * products, has_dot(device) ? 0.97 : 0.7, problem_bytes(p) / 4, 1, 0);
}

/* ---- weights ---- */

static int64_t padded_columns(const staging *s, const tuning *r)
{
    return round_up(s->g.out_channels, r->value[COLUMNS]);
}

static size_t bytes_prepared_bytes(const problem *p, const socle_device *device, const tuning *t)
{
    const staging s = staging_of(p, device);
    const tuning r = resolved(p, device, t);
    return (size_t)(padded_columns(&s, &r) * (s.words * s.taps + 1)) * sizeof(int32_t);
}

static void add_options(solver_launch *launch, const problem *p, const socle_device *device, const staging *s, const tuning *r)
{
    problem results = *p;
    results.dtype = problem_result_dtype(p);
    conv_add_options(&launch->options, &results);
    text_addf(&launch->options, " -DWIDTH=%d -DVECTORS=%d -DCOLUMNS=%d -DPIXELS=%d -DCHUNK=%d -DINDEXED=%d", s->lanes,
              r->value[VECTORS], r->value[COLUMNS], r->value[PIXELS], r->value[CHUNK], is_indexed(p));
    text_addf(&launch->options, " -DROW_STEP=%lld -DPLANE=%lld -DKEPT_STEP=%lld", (long long)s->row_step,
              (long long)plane_items(s, r->value[PIXELS]), (long long)kept_items(s, r->value[VECTORS]));
    text_addf(&launch->options, " -DA_SIGNED=%d -DB_SIGNED=%d%s", p->dtype == SOCLE_INT8, problem_weight_dtype(p) == SOCLE_INT8,
              has_dot(device) ? " -DDOT=1" : "");
}

static socle_status bytes_prepare(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                  step_list *steps)
{
    const staging s = staging_of(p, device);
    const tuning r = resolved(p, device, t);
    solver_launch pack = {.algorithm = "conv/bytes", .source = "conv/bytes_pack", .kernel = "conv_bytes_pack", .dims = 2};
    add_options(&pack, p, device, &s, &r);
    launch_arg(&pack, ARG_OPERAND(operands->data[1]));
    launch_arg(&pack, ARG_OPERAND(operands->prepared));
    pack.global[0] = (size_t)(s.words * s.taps);
    pack.global[1] = (size_t)padded_columns(&s, &r);
    const socle_status status = launch_emit(&pack, p, operands, steps);
    if (status != SOCLE_OK || !has_dot(device))
        return status;
    solver_launch sums = {.algorithm = "conv/bytes", .source = "conv/bytes_pack", .kernel = "conv_bytes_sums", .dims = 1};
    add_options(&sums, p, device, &s, &r);
    launch_arg(&sums, ARG_OPERAND(operands->prepared));
    launch_arg(&sums, ARG_OPERAND(operands->prepared));
    launch_arg(&sums, ARG_LONG(padded_columns(&s, &r) * s.words * s.taps));
    sums.global[0] = (size_t)padded_columns(&s, &r);
    return launch_emit(&sums, p, operands, steps);
}

/* ---- the launch ---- */

static socle_status bytes_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    const staging s = staging_of(p, device);
    const tuning r = resolved(p, device, t);
    solver_launch launch = {.algorithm = "conv/bytes",
                            .source = "conv/bytes",
                            .kernel = "conv_bytes",
                            .dims = 3,
                            .local = {1, 1, 1},
                            .epilogue = true,
                            .channel_uniform = true,
                            .flops = problem_flops(p),
                            .bytes = problem_bytes(p)};
    add_options(&launch, p, device, &s, &r);
    launch_arg(&launch, ARG_OPERAND(operands->data[0]));
    launch_arg(&launch, ARG_OPERAND(operands->prepared));
    launch_arg(&launch, ARG_OPERAND(operands->prepared));
    launch_arg(&launch, ARG_OPERAND(operands->data[2]));
    launch_arg(&launch, ARG_LONG(padded_columns(&s, &r) * s.words * s.taps));
    launch_arg(&launch, ARG_INT(p->conv.pad_value));
    launch_arg(&launch, ARG_INT(r.value[GROUP_COLUMNS]));
    launch_arg(&launch, ARG_LOCAL(r.value[CHUNK] * word_bytes(&s, &r)));
    launch_arg(&launch, ARG_LOCAL(kept_bytes(p, &s, &r)));
    launch_arg(&launch, ARG_LOCAL(partial_bytes(&s, &r)));
    launch.global[0] = (size_t)ceil_div(s.places, r.value[PIXELS]);
    launch.global[1] = (size_t)ceil_div(s.g.out_channels, r.value[GROUP_COLUMNS]);
    launch.global[2] = (size_t)(s.g.batch * s.g.output[0]);
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_conv_bytes = {
    .name = "conv/bytes",
    .kind = PROBLEM_CONV,
    .applicable = bytes_applicable,
    .candidates = bytes_candidates,
    .estimate = bytes_estimate,
    .prepared_bytes = bytes_prepared_bytes,
    .prepare = bytes_prepare,
    .emit = bytes_emit,
    .epilogues = true,
};

/* ---- one work-item per result ---- */

static bool plain_applicable(const problem *p, const socle_device *device)
{
    const conv_geometry g = conv_geometry_3d(p);
    return problem_is_bytes(p) && (conv_fits(p) || conv_fits_in_blocks(p)) && storage_runs(problem_result_dtype(p), device) &&
           g.channels / g.groups * (1 + conv_volume(g.kernel)) < device_loop_turns(device);
}

static double plain_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    (void)t;
    return estimate_s(device, problem_flops(p), device_is_cpu_shaped(device) ? 0.008 : 0.05, problem_bytes(p), 1, 0);
}

static socle_status plain_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                               step_list *steps)
{
    const conv_geometry g = conv_geometry_3d(p);
    problem results = *p;
    (void)device;
    (void)t;
    results.dtype = problem_result_dtype(p);
    solver_launch launch = {.algorithm = "conv/bytes_plain",
                            .source = "conv/bytes_plain",
                            .kernel = "conv_bytes_plain",
                            .dims = 3,
                            .epilogue = true,
                            .channel_uniform = true,
                            .flops = problem_flops(p),
                            .bytes = problem_bytes(p)};
    conv_add_options(&launch.options, &results);
    text_addf(&launch.options, " -DA_SIGNED=%d -DB_SIGNED=%d -DLANES=%d", p->dtype == SOCLE_INT8,
              problem_weight_dtype(p) == SOCLE_INT8, p->conv.layout == CONV_IN_BLOCKS ? 16 : 1);
    for (int i = 0; i < 3; i++)
        launch_arg(&launch, ARG_OPERAND(operands->data[i]));
    launch_arg(&launch, ARG_INT(p->conv.pad_value));
    launch.global[0] = (size_t)g.output[2];
    launch.global[1] = (size_t)(g.output[0] * g.output[1]);
    launch.global[2] = (size_t)(g.batch * g.out_channels);
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_conv_bytes_plain = {
    .name = "conv/bytes_plain",
    .kind = PROBLEM_CONV,
    .applicable = plain_applicable,
    .candidates = one_candidate,
    .estimate = plain_estimate,
    .emit = plain_emit,
    .epilogues = true,
};

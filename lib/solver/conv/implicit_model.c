/* What conv/implicit takes to run a problem: extents of the product, its tunings and their cost, pure arithmetic. */
#include "implicit.h"

#include <math.h>

/* ---- extents of the product ---- */

implicit_extents implicit_extents_of(const problem *p, const tap_conv *c)
{
    const int64_t pixels = c->batch * conv_volume(c->to), taps = tap_conv_taps(c);
    if (implicit_is_weight(p))
        return (implicit_extents){c->to_channels, c->from_channels * taps, c->groups, pixels};
    return (implicit_extents){c->to_channels, pixels, c->groups, c->from_channels * taps};
}

tap_conv implicit_largest_phase(const problem *p)
{
    tap_conv largest = tap_conv_at(p, 0);
    double most = -1;
    for (int64_t i = 0; i < tap_conv_phases(p); i++) {
        const tap_conv c = tap_conv_at(p, i);
        const double work = (double)conv_volume(c.to) * (double)tap_conv_taps(&c);
        if (work > most)
            largest = c;
        most = fmax(most, work);
    }
    return largest;
}

/* A step of the sum is one tap of BK channels, where that leaves few of the channels empty. */
bool implicit_by_blocks(const tap_conv *c, const tuning *t)
{
    return round_up(c->from_channels, t->value[IMPLICIT_BK]) * 8 <= c->from_channels * 9;
}

implicit_packing implicit_packing_of(const tap_conv *c, const tuning *t)
{
    const int64_t bk = t->value[IMPLICIT_BK], taps = tap_conv_taps(c);
    const int64_t depth =
        implicit_by_blocks(c, t) ? round_up(c->from_channels, bk) * taps : round_up(c->from_channels * taps, bk);
    return (implicit_packing){implicit_tile_rows(t), ceil_div(c->to_channels, implicit_tile_rows(t)), depth};
}

int64_t implicit_packed_count(const tap_conv *c, const tuning *t)
{
    const implicit_packing packing = implicit_packing_of(c, t);
    return c->groups * packing.row_tiles * packing.depth * packing.tile_rows;
}

int64_t implicit_result_count(const problem *p)
{
    const conv_geometry g = conv_geometry_3d(p);
    if (implicit_is_weight(p))
        return g.out_channels * (g.channels / g.groups) * conv_volume(g.kernel);
    return g.batch * (p->kind == PROBLEM_CONV ? g.out_channels * conv_volume(g.output) : g.channels * conv_volume(g.input));
}

/* Of a group. */
static int64_t steps_of(const problem *p, const tap_conv *c, const tuning *t)
{
    const int bk = t->value[IMPLICIT_BK], chunks = t->value[IMPLICIT_CHUNKS];
    if (implicit_is_weight(p))
        return ceil_div(ceil_div(implicit_extents_of(p, c).depth, chunks), bk);
    return ceil_div(implicit_packing_of(c, t).depth / bk, chunks);
}

/* ---- tunings ---- */

/* Loads are shared out evenly: a group's items are a multiple, or a divisor, of a tile's columns and of BK. */
static const tuning shapes[] = {
    {{16, 16, 8, 8, 8, 1}}, {{16, 16, 8, 8, 16, 1}}, {{16, 8, 8, 8, 8, 1}}, {{8, 16, 8, 8, 8, 1}},   {{8, 8, 8, 8, 8, 1}},
    {{16, 8, 4, 8, 16, 1}}, {{16, 16, 4, 4, 16, 1}}, {{8, 8, 4, 4, 8, 1}},  {{16, 8, 4, 4, 16, 1}},  {{8, 8, 8, 4, 8, 1}},
    {{16, 4, 4, 4, 16, 1}}, {{32, 8, 8, 4, 8, 1}},   {{4, 4, 4, 4, 8, 1}},  {{16, 16, 4, 8, 16, 1}}, {{32, 4, 4, 4, 16, 1}},
};

static size_t local_bytes(const problem *p, const tuning *t)
{
    const size_t padding = implicit_is_weight(p) ? 8 : 0,
                 table = implicit_is_weight(p) ? (size_t)implicit_tile_columns(t) * 4 * sizeof(cl_int) : 0;
    return 2 * (size_t)t->value[IMPLICIT_BK] * ((size_t)(implicit_tile_rows(t) + implicit_tile_columns(t)) + padding) *
               problem_real_bytes(p) +
           table;
}

static bool fits(const tuning *t, const problem *p, const socle_device *device)
{
    const device_capabilities *c = &device->capabilities;
    return (size_t)implicit_items(t) <= c->max_work_group_size && (size_t)implicit_items(t) <= c->max_work_item_sizes[0] &&
           local_bytes(p, t) <= c->local_memory_bytes;
}

static int64_t group_count(const problem *p, const tap_conv *c, const tuning *t)
{
    const implicit_extents e = implicit_extents_of(p, c);
    return ceil_div(e.rows, implicit_tile_rows(t)) * ceil_div(e.columns, implicit_tile_columns(t)) * e.groups *
           t->value[IMPLICIT_CHUNKS];
}

/* Elements that an item moves to local memory in a step: quads of weights, and single ones. */
static double moved(const problem *p, const tuning *t, bool blocks)
{
    const double per_item = (double)t->value[IMPLICIT_BK] / implicit_items(t);
    const double left = per_item * implicit_tile_rows(t), right = per_item * implicit_tile_columns(t);
    if (implicit_is_weight(p))
        return 4 * left + 10 * right;
    return left + (blocks ? 4 : 12) * right; /* about as many instructions */
}

/* Instructions of all items that the units pass through one after the other. A multiprocessor does four times as many
 * multiply-adds as reads of local memory; a group that is alone on its unit waits for memory and barriers (Volkov, "Better
 * performance at lower occupancy", 2010: the more results an item has, the fewer items hide that). */
static double cost(const problem *p, const tap_conv *c, const tuning *t, const socle_device *device)
{
    const int tm = t->value[IMPLICIT_TM], tn = t->value[IMPLICIT_TN], units = device_units(device);
    const double multiply = t->value[IMPLICIT_BK] * (fmax(tm * tn, 1.5 * (tm + tn)) + (tm + tn) / 4.0);
    const double step = multiply + moved(p, t, implicit_by_blocks(c, t)) + 20;
    const int64_t groups = group_count(p, c, t);
    const double registers = (double)(implicit_items(t) * (tm * tn + 2 * (tm + tn) + 32)); /* of 65,536 that a unit has */
    const double room = fmin(65536 / registers, (double)device->capabilities.local_memory_bytes / (double)local_bytes(p, t));
    const double resident = fmax(fmin(floor(room), ceil((double)groups / units)), 1) * implicit_items(t) * sqrt(tm * tn / 16.0);
    const double waits = (resident + 64) / resident;
    return (double)round_up(groups, units) * implicit_items(t) * (double)(steps_of(p, c, t) + 2) * step * waits;
}

/* The same for adding up the parts of a sum: a launch, and memory that passes every number twice. GPUs do some ten operations in
 * the time of a byte. */
static double adding_cost(const problem *p, const tuning *t, const socle_device *device)
{
    const double launch = 5e5; /* instructions of a unit in some 4 us */
    return device_units(device) * launch + 80.0 * (double)implicit_result_count(p) * t->value[IMPLICIT_CHUNKS];
}

/* Turns of a work-item's loops, those that compilers may unroll among them. */
static int64_t turns(const problem *p, const tap_conv *c, const tuning *t)
{
    const int bk = t->value[IMPLICIT_BK], rows = t->value[IMPLICIT_TM] / 4, columns = t->value[IMPLICIT_TN] / 4;
    const int64_t loads = ceil_div(bk * (implicit_tile_rows(t) + implicit_tile_columns(t)), implicit_items(t)) + 2;
    const int64_t results = 1024; /* and what stands in front of the sum */
    return (steps_of(p, c, t) + 1) * (1 + 3 * loads + bk * (1 + rows + columns + rows * (1 + columns))) + results;
}

/* Cuts the sum into parts where groups are too few for the units, or loops too long for the driver, as long as parts stay long
 * and memory suffices. Returns the cost, infinite where the device does not run the tuning. */
static double choose_chunks(const problem *p, const tap_conv *c, const socle_device *device, tuning *t)
{
    const int64_t shortest = implicit_is_weight(p) ? 256 : 128, most = implicit_is_weight(p) ? 64 : 16;
    const double part_bytes = (double)implicit_result_count(p) * (double)problem_real_bytes(p);
    tuning more = *t;
    const int64_t limit = device_loop_turns(device);
    double least = turns(p, c, t) <= limit ? cost(p, c, t, device) : INFINITY;
    for (int chunks = 2; chunks <= most; chunks *= 2) {
        more.value[IMPLICIT_CHUNKS] = chunks;
        if (steps_of(p, c, &more) * t->value[IMPLICIT_BK] < shortest ||
            part_bytes * chunks > (double)device->capabilities.max_allocation_bytes / 8)
            break;
        const double price = turns(p, c, &more) <= limit ? cost(p, c, &more, device) + adding_cost(p, &more, device) : INFINITY;
        if (price < least)
            *t = more;
        least = fmin(least, price);
    }
    return least;
}

int implicit_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    const tap_conv c = implicit_largest_phase(p);
    int count = 0;
    double costs[COUNT_OF(shapes)];
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        tuning t = shapes[i];
        if (!fits(&t, p, device))
            continue;
        const double price = choose_chunks(p, &c, device, &t);
        if (price < INFINITY)
            count = rank_candidate(out, costs, count, capacity, t, price);
    }
    return count;
}

tuning implicit_resolve(const problem *p, const socle_device *device, const tuning *t)
{
    return tuning_resolve(p, device, t, IMPLICIT_WX, implicit_candidates);
}

bool implicit_offsets_fit(const problem *p, int64_t tile_rows, int64_t step)
{
    const int64_t most = INT32_MAX / 4;
    for (int64_t i = 0; i < tap_conv_phases(p); i++) {
        const tap_conv c = tap_conv_at(p, i);
        const int64_t depth = c.from_channels * tap_conv_taps(&c) + step;
        const int64_t factors[][2] = {{c.batch, conv_volume(c.to)},
                                      {c.from_channels, conv_volume(c.from)},
                                      {c.to_channels, conv_volume(c.to)},
                                      {depth, 2 * (c.to_channels + tile_rows)}};
        for (size_t k = 0; k < COUNT_OF(factors); k++) {
            int64_t count;
            if (!multiply_fits(factors[k][0], factors[k][1], &count) || count > most)
                return false;
        }
        if (c.groups > UINT16_MAX) /* dimensions behind the first are that short on NVIDIA's devices */
            return false;
    }
    return true;
}

bool implicit_applicable(const problem *p, const socle_device *device)
{
    tuning t;
    return conv_supported(p, device) && problem_flops(p) > 0 && tap_conv_phases(p) <= IMPLICIT_MOST_PHASES &&
           implicit_candidates(p, device, &t, 1) > 0 && implicit_offsets_fit(p, implicit_tile_rows(&t), t.value[IMPLICIT_BK]);
}

double implicit_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const tap_conv c = implicit_largest_phase(p);
    const implicit_extents e = implicit_extents_of(p, &c);
    const tuning resolved = implicit_resolve(p, device, t);
    const double work = (double)(e.rows * e.columns * e.groups) * (double)e.depth / fmax(cost(p, &c, &resolved, device), 1);
    const double share = device_is_cpu_shaped(device) ? 0.1 * work : work; /* a CPU works through a group's items one by one */
    const int products = (int)tap_conv_phases(p), chunks = resolved.value[IMPLICIT_CHUNKS];
    const int packings = implicit_is_weight(p) || p->conv.w_constant ? 0 : products;
    const double product = estimate_s(device, problem_flops(p), fmax(share, 1e-6), problem_bytes(p), products + packings, 0);
    const double parts = 2.0 * (double)problem_real_bytes(p) * (double)implicit_result_count(p) * chunks; /* written, read */
    return product + (chunks > 1 ? estimate_s(device, 0, 1, parts, 1, 0) : 0);
}

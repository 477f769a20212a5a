#include "tiles.h"

#include <math.h>

#define MOST_SHAPES 32
#define MOST_SPLITS 64

int tile_items(const tuning *t)
{
    return t->value[TILE_M] / t->value[ITEM_M] * (t->value[TILE_N] / t->value[ITEM_N]);
}

bool tile_fits(const socle_device *device, const tuning *t)
{
    const device_capabilities *c = &device->capabilities;
    const size_t lines_bytes = (size_t)(t->value[TILE_M] + t->value[TILE_N] + 8) * sizeof(float);
    return (size_t)tile_items(t) <= c->max_work_group_size && (size_t)tile_items(t) <= c->max_work_item_sizes[0] &&
           2 * lines_bytes * (size_t)t->value[TILE_K] <= c->local_memory_bytes;
}

static int64_t group_count(const gemm_problem *g, const tuning *t)
{
    return ceil_div(g->m, t->value[TILE_M]) * ceil_div(g->n, t->value[TILE_N]) * gemm_batches(g) * t->value[SPLITS];
}

/* Compute units issue a read of local memory every other turn or so. A float from the last cache costs 5 to 8 multiply-adds: 64
 * multiply-adds and 47 bytes a cycle on an A100's unit (NVIDIA A100 architecture white paper, 2020), 128 and 64 on later ones. A
 * unit is busy from some 256 work-items on; fewer wait for memory and each other (Volkov, "Better performance at lower
 * occupancy", 2010). */
double tile_cost(const socle_device *device, tile_product product, const tuning *t)
{
    const int *v = t->value;
    const int units = device_units(device), quad_m = v[ITEM_M] < 4 ? v[ITEM_M] : 4;
    const double rounds = (double)ceil_div(group_count(product.g, t), units);
    const double local = 2.0 * (v[ITEM_M] / quad_m + v[ITEM_N] / 4) / (v[ITEM_M] * v[ITEM_N]);
    const double cache = 8.0 / v[TILE_M] + 8.0 / v[TILE_N], barrier = 1000.0 / (v[TILE_M] * v[TILE_N] * v[TILE_K]);
    const double resident = fmin(rounds, 4) * tile_items(t), busy = fmin(1, resident / 256);
    const double tile = (double)v[TILE_M] * v[TILE_N] * (double)round_up(product.depth, v[TILE_K]);
    return rounds * tile * (1 / product.rate + local + cache + barrier + product.gather / v[TILE_M]) / busy;
}

int64_t tile_split_depth(const tuning *t, int64_t depth, int64_t splits)
{
    return round_up(ceil_div(depth, splits), t->value[TILE_K]);
}

int tile_even_splits(const tuning *t, int64_t depth, int64_t splits)
{
    return (int)ceil_div(depth, tile_split_depth(t, depth, splits));
}

double tile_split_cost(const socle_device *device, tile_product product, const tuning *t)
{
    const int splits = t->value[SPLITS];
    const gemm_problem *g = product.g;
    const double sums = (double)splits * (double)(g->m * g->n * gemm_batches(g));
    product.depth = tile_split_depth(t, product.depth, splits);
    const double price = tile_cost(device, product, t);
    return splits > 1 ? price + 5e5 + 16 * sums / device_units(device) : price;
}

double tile_with_splits(const socle_device *device, tile_product product, int64_t least, tuning *t)
{
    double price = INFINITY;
    tuning best = *t;
    for (int64_t splits = least; splits == least || (splits <= MOST_SPLITS && product.depth / splits >= TILE_LEAST_SPLIT);
         splits *= 2) {
        t->value[SPLITS] = tile_even_splits(t, product.depth, splits);
        const double each = tile_split_cost(device, product, t);
        if (each < price && gemm_split_bytes(product.g, t->value[SPLITS]) <= device->capabilities.max_allocation_bytes / 2) {
            price = each;
            best = *t;
        }
    }
    *t = best;
    return price;
}

void tile_add_options(text *options, const tuning *t, int numbers)
{
    const int *v = t->value;
    text_addf(options, " -DTILE_M=%d -DTILE_N=%d -DTILE_K=%d -DITEM_M=%d -DITEM_N=%d", v[TILE_M], v[TILE_N], numbers * v[TILE_K],
              v[ITEM_M], v[ITEM_N]);
}

void tile_set_range(solver_launch *launch, const gemm_problem *g, const tuning *t)
{
    launch->local[0] = (size_t)tile_items(t);
    launch->local[1] = launch->local[2] = 1;
    launch->global[0] = (size_t)(ceil_div(g->m, t->value[TILE_M]) * ceil_div(g->n, t->value[TILE_N])) * launch->local[0];
    launch->global[1] = 1;
    launch->global[2] = (size_t)gemm_batches(g);
}

int64_t tile_turns(const tuning *t)
{
    const int *v = t->value;
    const int64_t items = tile_items(t), vectors = v[ITEM_N] / 4;
    const int64_t loads = ceil_div(v[TILE_M] * v[TILE_K], 4 * items) + ceil_div(v[TILE_N] * v[TILE_K], 4 * items);
    return 1 + 10 * loads + v[TILE_K] * (1 + v[ITEM_M] + vectors + v[ITEM_M] * (1 + vectors));
}

int tile_candidates(const problem *p, const socle_device *device, const tuning *shapes, int shape_count, tile_pricing price_of,
                    tuning *out, int capacity)
{
    double prices[MOST_SHAPES];
    int count = 0;
    if (!gemm_batches_fit(&p->gemm))
        return 0;
    for (int i = 0; i < shape_count && i < MOST_SHAPES; i++) {
        tuning t = shapes[i];
        const double price = tile_fits(device, &t) ? price_of(p, device, &shapes[i], &t) : INFINITY;
        if (price < INFINITY)
            count = rank_candidate(out, prices, count, capacity, t, price);
    }
    return count;
}

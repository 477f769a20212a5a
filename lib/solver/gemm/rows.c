#include "rows.h"

static int even_share(int64_t extent, int most, int unit)
{
    return (int)round_up(ceil_div(extent, ceil_div(extent, most)), unit);
}

int64_t gemm_rows_groups(const problem *p, const tuning *r)
{
    return ceil_div(p->gemm.m, r->value[GROUP_ROWS]) * ceil_div(p->gemm.n, r->value[GROUP_COLUMNS]);
}

int64_t gemm_rows_local_bytes(gemm_rows rows, const tuning *r)
{
    return round_up(r->value[GROUP_ROWS], r->value[ROWS]) * rows.row_bytes;
}

static bool is_too_large(const socle_device *device, gemm_rows rows, const tuning *r)
{
    return gemm_rows_local_bytes(rows, r) > (int64_t)device->capabilities.local_memory_bytes;
}

tuning gemm_rows_tuning(const problem *p, const socle_device *device, gemm_rows rows, const tuning *t)
{
    const gemm_problem *g = &p->gemm;
    const int64_t wanted = launch_parts(device, problem_flops(p), rows.share, 2 * device_units(device));
    tuning r = *t;
    if (r.value[VECTORS] == 0)
        r.value[VECTORS] = g->n <= rows.lanes ? 1 : g->m <= 4 ? 4 : 2;
    if (r.value[ROWS] == 0)
        r.value[ROWS] = (int)(g->m < 8 ? g->m : rows.lanes == 16 ? 8 : 6);
    const int columns = r.value[VECTORS] * rows.lanes;
    const bool given = r.value[GROUP_ROWS] != 0 && r.value[GROUP_COLUMNS] != 0;
    if (r.value[GROUP_ROWS] == 0)
        r.value[GROUP_ROWS] = even_share(g->m, 128, r.value[ROWS]);
    if (r.value[GROUP_COLUMNS] == 0)
        r.value[GROUP_COLUMNS] = even_share(g->n, 512, columns);
    /* Every group of a few columns copies its rows anew: rows are shared out before columns are so few. */
    while (!given && gemm_rows_groups(p, &r) < wanted && r.value[GROUP_COLUMNS] > 4 * columns)
        r.value[GROUP_COLUMNS] = (int)round_up(r.value[GROUP_COLUMNS] / 2, columns);
    while (!given && gemm_rows_groups(p, &r) < wanted && r.value[GROUP_ROWS] > r.value[ROWS])
        r.value[GROUP_ROWS] = (int)round_up(r.value[GROUP_ROWS] / 2, r.value[ROWS]);
    while (!given && gemm_rows_groups(p, &r) < wanted && r.value[GROUP_COLUMNS] > columns)
        r.value[GROUP_COLUMNS] = (int)round_up(r.value[GROUP_COLUMNS] / 2, columns);
    while (!given && is_too_large(device, rows, &r) && r.value[GROUP_ROWS] > r.value[ROWS])
        r.value[GROUP_ROWS] = (int)round_up(r.value[GROUP_ROWS] / 2, r.value[ROWS]);
    return r;
}

bool gemm_rows_fit(const problem *p, const socle_device *device, gemm_rows rows, const tuning *t)
{
    const tuning r = gemm_rows_tuning(p, device, rows, t);
    return !is_too_large(device, rows, &r);
}

int gemm_rows_candidates(const problem *p, const socle_device *device, gemm_rows rows, tuning *out, int capacity)
{
    static const int tiles[][2] = {{8, 2}, {12, 2}, {6, 4}, {14, 2}, {8, 3}, {6, 2}, {4, 4}, {4, 2}, {1, 8}, {2, 8}};
    static const int groups[][2] = {{0, 0}, {64, 512}, {128, 256}, {256, 512}, {64, 128}, {128, 1024}};
    int count = add_candidate(out, 0, capacity, (tuning){{0}});
    for (size_t k = 0; k < COUNT_OF(groups); k++) {
        for (size_t i = 0; i < COUNT_OF(tiles); i++) {
            const int columns = tiles[i][1] * rows.lanes;
            tuning t = {{tiles[i][0], tiles[i][1]}};
            if (tiles[i][0] > p->gemm.m || columns >= 2 * p->gemm.n)
                continue;
            if (k > 0) {
                t.value[GROUP_ROWS] = even_share(p->gemm.m, groups[k][0], tiles[i][0]);
                t.value[GROUP_COLUMNS] = even_share(p->gemm.n, groups[k][1], columns);
            }
            if (gemm_rows_fit(p, device, rows, &t))
                count = add_candidate(out, count, capacity, t);
        }
    }
    return count;
}

/* What products by tiles share: defaults of their compile options, and which part of C a work-group and a work-item compute, where groups of ITEMS_M x ITEMS_N items compute TILE_M x TILE_N of it.
 *
 * Groups: the tiles of BAND rows of tiles follow each other down the columns, so that the groups that run at the same time share
 * rows of A and columns of B in the device's last cache (Tillet, Kung and Cox, "Triton", 2019, and its matrix product tutorial,
 * "L2 cache optimizations").
 *
 * Items: neighbours form rectangles of at most 8 columns x 8 rows rather than lines, so that those that run in step (32 or 64 of
 * them) read the fewest values from local memory: 8 x 4 of 8 x 8 results need 96 values of a step of k, 16 x 2 need 144.
 * (CUTLASS, "Efficient GEMM in CUDA", warp-level tiles.) An item has rows and columns by the quad: neighbouring items' quads lie
 * next to each other, the next quads of an item behind those of all others. */
#include "gemm/operands.cl"
#ifndef TILE_M
#define TILE_M 64
#endif
#ifndef TILE_N
#define TILE_N 64
#endif
#ifndef TILE_K
#define TILE_K 16
#endif
#ifndef ITEM_M
#define ITEM_M 4
#endif
#ifndef ITEM_N
#define ITEM_N 4
#endif
#ifndef QUADS_A
#define QUADS_A 0
#define QUADS_B 0
#endif
#define BAND 8
#define ITEMS_M (TILE_M / ITEM_M)
#define ITEMS_N (TILE_N / ITEM_N)
#define ITEMS (ITEMS_M * ITEMS_N)
#define LINE_ITEMS (ITEMS_N % 8 == 0 ? 8 : ITEMS_N)
#define QUAD_M (ITEM_M < 4 ? ITEM_M : 4)

/* x: column of tiles, y: row of tiles. */
static inline int2 tile_of_group(int group, int m, int n)
{
    const int rows = (m + TILE_M - 1) / TILE_M, columns = (n + TILE_N - 1) / TILE_N;
    const int first = group / (BAND * columns) * BAND, height = min(BAND, rows - first), within = group % (BAND * columns);
    return (int2)(within / height, first + within % height);
}

/* x: which of ITEMS_N, y: which of ITEMS_M. */
static inline int2 place_of_item(int item)
{
    const int block = item / (LINE_ITEMS * ITEMS_M);
    return (int2)(block * LINE_ITEMS + item % LINE_ITEMS, item / LINE_ITEMS % ITEMS_M);
}

#define ROW_OF(place, i) ((i) / QUAD_M * (ITEMS_M * QUAD_M) + (place) * QUAD_M + (i) % QUAD_M)
#define QUAD_OF(place, j) (((j) * ITEMS_N + (place)) * 4)

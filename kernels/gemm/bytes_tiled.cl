/* C = op(A) op(B) of bytes with sums in 32 bits on GPU-shaped devices, after gemm/tiled: a work-group computes TILE_M x TILE_N
 * of C, each work-item ITEM_M x ITEM_N of it, four steps of k at a time (dot4.cl). TILE_K counts bytes.
 *
 * Local memory holds words of four bytes along k, by k, so that an item reads the words of its rows and columns as vectors of 4.
 * The unit of loading is a square of 4 x 4 bytes, which is one such vector: where k is the contiguous axis, its four words come
 * from four lines; where it is not, they are transposed. Both tiles are there twice, with one barrier a step. Bytes outside
 * are 0. Lines that are filled along k, by 8 items or so one behind the other, are padded by 4: these then write to 32 banks.
 *
 * WORDS_x: the operand's contiguous extent and its batches are multiples of 4, so that four bytes are read as one. */
#define WIDTH 4
#include "common/dot4.cl"
#define SUM int
#define FINISHED(v) (v)
#ifndef TILE_K
#define TILE_K 32
#endif
#ifndef WORDS_A
#define WORDS_A 0
#define WORDS_B 0
#endif
#include "gemm/results.cl"
#include "gemm/tiles.cl"

#define WORDS (TILE_K / 4)
#define SQUARES_OF(tile) (((tile) / 4 * WORDS + ITEMS - 1) / ITEMS)
#define LOADS_A SQUARES_OF(TILE_M)
#define LOADS_B SQUARES_OF(TILE_N)
#define VECTORS (ITEM_N / 4)
#define LINE_A (TILE_M + (TRANSPOSE_A ? 0 : 4))
#define LINE_B (TILE_N + (TRANSPOSE_B ? 4 : 0))

/* Place of square `e` of a tile: x: word along k, y: first of its four rows or columns. */
#define SQUARE(e, along_k, tile)                                                                                        \
    ((along_k) ? (int2)((e) % WORDS, (e) / WORDS * 4) : (int2)((e) / ((tile) / 4), (e) % ((tile) / 4) * 4))

static inline uint4 transposed(uint4 lines)
{
    const uchar4 a = as_uchar4(lines.x), b = as_uchar4(lines.y), c = as_uchar4(lines.z), d = as_uchar4(lines.w);
    return (uint4)(as_uint((uchar4)(a.x, b.x, c.x, d.x)), as_uint((uchar4)(a.y, b.y, c.y, d.y)),
                   as_uint((uchar4)(a.z, b.z, c.z, d.z)), as_uint((uchar4)(a.w, b.w, c.w, d.w)));
}

/* Four bytes of a line, of which `left` exist. */
static inline uint word_of(__global const uchar *from, int left, bool words)
{
    if (words)
        return left > 0 ? *(__global const uint *)from : 0;
    return as_uint((uchar4)(left > 0 ? from[0] : 0, left > 1 ? from[1] : 0, left > 2 ? from[2] : 0, left > 3 ? from[3] : 0));
}

/* An item's share of the tile that begins at `first` along k and at `start` along the other axis, of `extent`. */
static inline void fetch(uint4 *next, __global const uchar *from, bool along_k, bool words, int tile, int loads, int item,
                         int first, int depth, int start, int extent)
{
    UNROLL for (int l = 0; l < loads; l++) {
        const int e = l * ITEMS + item;
        const int2 at = SQUARE(e, along_k, tile);
        const int k = first + at.x * 4, other = start + at.y;
        const int line = along_k ? other : k, lines = along_k ? extent : depth;
        const int column = along_k ? k : other, columns = along_k ? depth : extent;
        __global const uchar *p = from + (size_t)line * columns + column;
        uint4 square = (uint4)(0);
        if (e < tile / 4 * WORDS) {
            square.x = line < lines ? word_of(p, columns - column, words) : 0;
            square.y = line + 1 < lines ? word_of(p + columns, columns - column, words) : 0;
            square.z = line + 2 < lines ? word_of(p + 2 * (size_t)columns, columns - column, words) : 0;
            square.w = line + 3 < lines ? word_of(p + 3 * (size_t)columns, columns - column, words) : 0;
        }
        next[l] = along_k ? square : transposed(square);
    }
}

static inline void place(__local uint4 *to, const uint4 *next, bool along_k, int tile, int loads, int item, int line)
{
    UNROLL for (int l = 0; l < loads; l++) {
        const int e = l * ITEMS + item;
        const int2 at = SQUARE(e, along_k, tile);
        if (e < tile / 4 * WORDS)
            to[(at.x * line + at.y) / 4] = next[l];
    }
}

#define FETCH(first)                                                                                                    \
    fetch(next_a, (__global const uchar *)a, !TRANSPOSE_A, WORDS_A, TILE_M, LOADS_A, item, first, depth, start.y, m);   \
    fetch(next_b, (__global const uchar *)b, TRANSPOSE_B, WORDS_B, TILE_N, LOADS_B, item, first, depth, start.x, n);
#define PLACE(side)                                                                                                     \
    place(tiles_a[side], next_a, !TRANSPOSE_A, TILE_M, LOADS_A, item, LINE_A);                                          \
    place(tiles_b[side], next_b, TRANSPOSE_B, TILE_N, LOADS_B, item, LINE_B);

/* Groups: (tiles, 1, batches). */
__attribute__((reqd_work_group_size(ITEMS, 1, 1)))
__kernel void gemm_bytes_tiled(__global const a_byte *restrict a, __global const b_byte *restrict b, __global result *restrict c,
                               int m, int n, int depth, long stride_a, long stride_b EPILOGUE_PARAMS)
{
    __local uint4 tiles_a[2][WORDS * LINE_A / 4], tiles_b[2][WORDS * LINE_B / 4];
    const int item = get_local_id(0);
    const int2 place_in_tile = place_of_item(item), start = tile_of_group(get_group_id(0), m, n) * (int2)(TILE_N, TILE_M);
    const long batch = get_group_id(2);
    uint4 next_a[LOADS_A], next_b[LOADS_B];
    int4 sum[ITEM_M][VECTORS];
    a += BATCH_A(batch);
    b += BATCH_B(batch);
    UNROLL for (int i = 0; i < ITEM_M; i++)
        UNROLL for (int j = 0; j < VECTORS; j++)
            sum[i][j] = (int4)(0);
    FETCH(0)
    PLACE(0)
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int first = 0, side = 0; first < depth; first += TILE_K, side ^= 1) {
        const bool more = first + TILE_K < depth;
        if (more) {
            FETCH(first + TILE_K)
        }
        UNROLL_BY(4) for (int k = 0; k < WORDS; k++) {
            __local const uint *line_a = (__local const uint *)(tiles_a[side] + k * (LINE_A / 4));
            uint4 y[VECTORS];
            UNROLL for (int j = 0; j < VECTORS; j++)
                y[j] = tiles_b[side][k * (LINE_B / 4) + QUAD_OF(place_in_tile.x, j) / 4];
            UNROLL for (int i = 0; i < ITEM_M; i++) {
                const uint x = line_a[ROW_OF(place_in_tile.y, i)];
                UNROLL for (int j = 0; j < VECTORS; j++)
                    sum[i][j] += (int4)(DOT4(x, y[j].x), DOT4(x, y[j].y), DOT4(x, y[j].z), DOT4(x, y[j].w));
            }
        }
        if (more) {
            PLACE(side ^ 1)
            barrier(CLK_LOCAL_MEM_FENCE);
        }
    }
    UNROLL for (int i = 0; i < ITEM_M; i++)
        UNROLL for (int j = 0; j < VECTORS; j++)
            STORE_RESULTS(sum[i][j], batch, start.y + ROW_OF(place_in_tile.y, i), start.x + QUAD_OF(place_in_tile.x, j))
}

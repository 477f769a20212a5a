/* What products of tiles in local memory by the instructions of common/matrix.cl share, in front of gemm/tiles.cl: a work-group
 * computes TILE_M x TILE_N results, the items of a fragment WARP_M x WARP_N of them, ITEM_M x ITEM_N for each. (CUTLASS, "Efficient
 * GEMM in CUDA", warp-level tiles.)
 *
 * Tiles hold lines of TILE_K words with k innermost and 4 to spare, so that what the items of a fragment read at a time lies in
 * different banks: 8 lines that are 20 words apart, or 12, begin at 8 fours of 32 banks. There are two of each. */
#include "common/matrix.cl"
#include "gemm/tiles.cl"
#include "common/steps.cl"
#define LINE (TILE_K + 4)
#define WARP_M (MATRIX_LINES * ITEM_M)
#define WARP_N (MATRIX_SIDE * ITEM_N)
#define ROWS (WARP_M / MATRIX_M)
#define COLUMNS (WARP_N / MATRIX_N)
/* Barriers within, which local memory in the instruction's place needs, are no more than they must be. */
#if MATRIX_SHARED
#define UNROLL_FRAGMENTS
#else
#define UNROLL_FRAGMENTS UNROLL
#endif
/* Fours of words that an item brings into such a tile. */
#define LOADS_OF(tile) (((tile) * TILE_K / 4 + ITEMS - 1) / ITEMS)

/* `within`: of the group's results the first column and row of the item's fragments, `lane` its number among their items. */
#define MATRIX_DECLARE                                                                                                  \
    __local uint4 tiles_a[2][TILE_M * LINE / 4], tiles_b[2][TILE_N * LINE / 4];                                         \
    MATRIX_EXCHANGE(ITEMS)                                                                                              \
    const int item = get_local_id(0), lane = MATRIX_LANE;                                                               \
    const int2 within =                                                                                                 \
        (int2)(MATRIX_GROUP % (TILE_N / WARP_N) * WARP_N, MATRIX_GROUP / (TILE_N / WARP_N) * WARP_M);                   \
    sums sum[ROWS][COLUMNS];                                                                                            \
    UNROLL for (int i = 0; i < ROWS; i++)                                                                               \
        UNROLL for (int j = 0; j < COLUMNS; j++)                                                                        \
            sum[i][j] = (sums)(0);

/* Adds the products of the tiles of one of the two sides. */
#define MULTIPLY(side)                                                                                                  \
    UNROLL_FRAGMENTS for (int word = 0; word < TILE_K; word += MATRIX_WORDS) {                                          \
        __local const uint *tile_a = (__local const uint *)tiles_a[side] + within.y * LINE + word;                      \
        __local const uint *tile_b = (__local const uint *)tiles_b[side] + within.x * LINE + word;                      \
        right_part right[COLUMNS];                                                                                      \
        UNROLL for (int j = 0; j < COLUMNS; j++)                                                                        \
            right[j] = right_of(tile_b + j * MATRIX_N * LINE, LINE, lane);                                              \
        UNROLL_FRAGMENTS for (int i = 0; i < ROWS; i++) {                                                               \
            const left_part left = left_of(tile_a + i * MATRIX_M * LINE, LINE, lane);                                   \
            UNROLL_FRAGMENTS for (int j = 0; j < COLUMNS; j++)                                                          \
                sum[i][j] = MATRIX_MULTIPLY(left, right[j], sum[i][j]);                                                 \
        }                                                                                                               \
    }

/* For each of the item's results, among the group's: STORE(value, row, column). */
#define MATRIX_RESULTS(STORE)                                                                                           \
    UNROLL for (int i = 0; i < ROWS; i++) {                                                                             \
        UNROLL for (int j = 0; j < COLUMNS; j++) {                                                                      \
            const SUM each[MATRIX_SUMS] = SUMS_OF(sum[i][j]);                                                           \
            UNROLL for (int at = 0; at < MATRIX_SUMS; at++)                                                             \
                STORE(each[at], within.y + i * MATRIX_M + MATRIX_ROW(lane, at),                                         \
                      within.x + j * MATRIX_N + MATRIX_COLUMN(lane, at))                                                \
        }                                                                                                               \
    }

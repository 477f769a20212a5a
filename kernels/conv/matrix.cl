/* Convolution by the instructions of common/matrix.cl, as a product whose right matrix is never stored: rows are result channels,
 * columns the pixels of the batch. A step of the sum is one tap of as many channels as TILE_K words hold, so that one check of the
 * border serves all that an item gathers: always of the same pixel, whose neighbours neighbouring items take. Blocks of channels
 * come outermost: a tap reads what the one before brought into the cache. (NVIDIA, CUTLASS documentation, "Implicit GEMM
 * Convolution", walks channels-last images in the same way.) conv_matrix_pack puts the weights into the order in which they lie in
 * local memory. Names of the geometry: conv/taps.cl, as conv/implicit.cl computes it. */
#include "common/matrix_tiles.cl"
#include "common/epilogue.cl"
#include "conv/gathered.cl"

#define ROW_TILES ((TO_CHANNELS + TILE_M - 1) / TILE_M)
#define STEP_CHANNELS (TILE_K * NUMBERS)
#define STEPS ((FROM_CHANNELS + STEP_CHANNELS - 1) / STEP_CHANNELS * TAPS)
#define CHUNK ((STEPS + CHUNKS - 1) / CHUNKS) /* steps of a part */
#define TILE_WORDS (TILE_M * TILE_K)
#define FOURS_A (TILE_WORDS / 4)
#define COLUMN_ITEMS (ITEMS / TILE_N) /* that share a pixel: a multiple of the columns */

/* One work-item for each word of [GROUPS][ROW_TILES][STEPS][TILE_M][TILE_K], in global dimensions (all words of a group, GROUPS). */
__kernel void conv_matrix_pack(__global const raw *restrict w, __global uint *restrict packed, long offset)
{
    const int i = (int)get_global_id(0), group = (int)get_global_id(1);
    const int step = i / TILE_WORDS % SOME(STEPS), tap = step % SOME(TAPS);
    const int to = i / (SOME(STEPS) * TILE_WORDS) * TILE_M + i / TILE_K % TILE_M;
    const int first = step / SOME(TAPS) * STEP_CHANNELS + i % TILE_K * NUMBERS;
    uint word = 0;
    UNROLL for (int number = 0; number < NUMBERS; number++) {
        const int from = first + number;
        if (to < TO_CHANNELS && from < FROM_CHANNELS)
            word |= (uint)w[weight_place(group, to, from, tap)] << SHIFT_OF(number);
    }
    packed[offset + (size_t)group * (ROW_TILES * STEPS * TILE_WORDS) + i] = WORDS_ALONG((uint4)(word)).x;
}

/* An item's share of the next step: of the weights, which lie in order, and four words of its pixel at a time; then the tap, and
 * behind the last one the channels, are counted on. */
#define FETCH                                                                                                                 \
    UNROLL for (int l = 0; l < LOADS_OF(TILE_M); l++)                                                                         \
        if (FOURS_A % ITEMS == 0 || item + l * ITEMS < FOURS_A)                                                               \
            next_a[l] = weights[weights_at + item + l * ITEMS];                                                                \
    weights_at += FOURS_A;                                                                                                    \
    {                                                                                                                         \
        const int d = first_d + kd * RD, h = first_h + kh * RH, w = first_w + kw * RW;                                        \
        const bool is_inside = IS_INSIDE(d, h, w);                                                                            \
        __global const raw *at = from + (d * FROM_H + h) * FROM_W + w;                                                        \
        UNROLL for (int l = 0; l < LOADS_OF(TILE_N); l++)                                                                     \
            next_b[l] = gather(at, is_inside, c + (item / TILE_N + l * COLUMN_ITEMS) * (4 * NUMBERS));                        \
    }                                                                                                                         \
    NEXT_TAP(STEP_CHANNELS)
#define PLACE(side)                                                                                                           \
    UNROLL for (int l = 0; l < LOADS_OF(TILE_M); l++) {                                                                       \
        const int e = item + l * ITEMS;                                                                                       \
        if (FOURS_A % ITEMS == 0 || e < FOURS_A)                                                                              \
            tiles_a[side][e / (TILE_K / 4) * (LINE / 4) + e % (TILE_K / 4)] = next_a[l];                                      \
    }                                                                                                                         \
    UNROLL for (int l = 0; l < LOADS_OF(TILE_N); l++) {                                                                       \
        const int four = item / TILE_N + l * COLUMN_ITEMS;                                                                    \
        if (TILE_K / 4 % COLUMN_ITEMS == 0 || four < TILE_K / 4)                                                              \
            tiles_b[side][item % TILE_N * (LINE / 4) + four] = next_b[l];                                                     \
    }

/* Four words of a pixel from a channel on. */
static inline uint4 gather(__global const raw *pixel, bool is_inside, int channel)
{
    uint word[4];
    UNROLL for (int i = 0; i < 4; i++) {
        word[i] = 0;
        UNROLL for (int number = 0; number < NUMBERS; number++) {
            const int k = channel + i * NUMBERS + number;
            if (is_inside && (FROM_CHANNELS % STEP_CHANNELS == 0 || k < FROM_CHANNELS))
                word[i] |= (uint)pixel[k * FROM_IMAGE] << SHIFT_OF(number);
        }
    }
    return WORDS_ALONG((uint4)(word[0], word[1], word[2], word[3]));
}

#define STORE_SUM(value, row_, column_)                                                                                       \
    {                                                                                                                         \
        const int row = start.y + (row_), channel = group * TO_CHANNELS + row, to = start.x + (column_);                      \
        if (row < TO_CHANNELS && to < PIXELS) {                                                                               \
            const size_t index = place_of(to) + (size_t)channel * Y_IMAGE;                                                    \
            STORE_RESULT(EPILOGUE1(value, index, channel), y + index);                                                        \
        }                                                                                                                     \
    }

/* Groups of work: (tiles, GROUPS, CHUNKS); packed begins at an offset in words, a multiple of 4. y: [CHUNKS] results. */
MATRIX_ATTRIBUTE
__attribute__((reqd_work_group_size(ITEMS, 1, 1)))
__kernel void conv_matrix(__global const raw *restrict x, __global const uint *restrict packed, __global result *restrict y,
                          long packed_offset EPILOGUE_PARAMS)
{
    MATRIX_DECLARE
    const int group = (int)get_group_id(1), chunk = (int)get_group_id(2);
    const int2 start = tile_of_group((int)get_group_id(0), TO_CHANNELS, PIXELS) * (int2)(TILE_N, TILE_M);
    const int first_step = chunk * CHUNK, steps = min(CHUNK, STEPS - first_step), tap = first_step % SOME(TAPS);
    const int pixel = start.x + item % TILE_N, n = pixel / TO_IMAGE, p = pixel % TO_IMAGE;
    const int first_d = p / (TO_H * TO_W) * SD - PD, first_h = p / TO_W % TO_H * SH - PH;
    const int first_w = pixel < PIXELS ? p % TO_W * SW - PW : NOWHERE;
    __global const raw *from = x + ((size_t)n * FROM_PLANES + group * FROM_CHANNELS) * FROM_IMAGE;
    __global const uint4 *weights = (__global const uint4 *)(packed + packed_offset) +
                                    (((size_t)group * ROW_TILES + start.y / TILE_M) * STEPS + first_step) * FOURS_A;
    int weights_at = 0; /* a number: Intel's graphics compiler 1.0.12504 recurses without end over a pointer that is counted on */
    int c = first_step / SOME(TAPS) * STEP_CHANNELS; /* the step's first channel and its tap */
    int kd = tap / SOME(KH * KW), kh = tap / SOME(KW) % SOME(KH), kw = tap % SOME(KW);
    uint4 next_a[LOADS_OF(TILE_M)], next_b[LOADS_OF(TILE_N)];
    y += chunk * RESULTS;
    SUM_OF_STEPS(steps)
    MATRIX_RESULTS(STORE_SUM)
}

/* Convolution as a product whose right matrix is never stored, for GPUs: rows are result channels, columns the pixels of the
 * batch, the sum runs over input channels and taps. The names of the geometry are those of conv/direct.cl, so that the gradient
 * of the data runs here as well, phase by phase. conv_implicit_pack puts the weights into the order in which they are read.
 *
 * Each item gathers the same columns in every step: where a column's pixel begins is computed once. With -DBLOCKS a step is one
 * tap of BK channels, so that one check of the border serves all of a column's elements (blocks of channels outermost: a tap
 * reads what the one before brought into the cache); else, for few channels, the sum runs through the taps of one channel after
 * the other, and an item counts (channel, tap) on without a division. NVIDIA, CUTLASS documentation, "Implicit GEMM Convolution",
 * walks channels-last images in the same way. */
#define PAD 0
#define A_PITCH BM
#define B_PITCH BN
#include "conv/implicit_tiles.cl"

#ifndef BLOCKS
#define BLOCKS 0
#endif
#define ROW_TILES ((TO_CHANNELS + BM - 1) / BM)
#define CHANNEL_BLOCKS ((FROM_CHANNELS + BK - 1) / BK)
#define STEPS (BLOCKS ? CHANNEL_BLOCKS * TAPS : (FROM_CHANNELS * TAPS + BK - 1) / BK)
#define DEPTH (STEPS * BK)
#define CHUNK ((STEPS + CHUNKS - 1) / CHUNKS) /* steps of a part */

/* Loads of an item in a step: quads of weights, and of each of ITEM_COLUMNS columns LOADS_B elements, K_STEP apart in the sum. */
#define QUADS_A (BK * BM / 4)
#define LOADS_A ((QUADS_A + ITEMS - 1) / ITEMS)
#if ITEMS >= BN
#define ITEM_COLUMNS 1
#define K_STEP (ITEMS / BN)
#else
#define ITEM_COLUMNS (BN / ITEMS)
#define K_STEP 1
#endif
#define LOADS_B (BK / K_STEP)

/* One work-item for each element of [GROUPS][ROW_TILES][DEPTH][BM], in global dimensions (ROW_TILES * DEPTH * BM, GROUPS). */
__kernel void conv_implicit_pack(__global const element *restrict w, __global real *restrict packed, long offset)
{
    const int i = (int)get_global_id(0), group = (int)get_global_id(1);
    const int to = i / (DEPTH * BM) * BM + i % BM, k = i / BM % DEPTH;
    const int from = BLOCKS ? k / (SOME(TAPS) * BK) * BK + k % BK : k / SOME(TAPS);
    const int tap = BLOCKS ? k / BK % SOME(TAPS) : k % SOME(TAPS);
    packed[offset + (size_t)group * (ROW_TILES * DEPTH * BM) + i] =
        to < TO_CHANNELS && from < FROM_CHANNELS ? LOAD1(w + weight_place(group, to, from, tap)) : (real)0;
}

#define FETCH_WEIGHTS                                                                                                         \
    UNROLL for (int l = 0; l < LOADS_A; l++)                                                                                  \
        if (QUADS_A % ITEMS == 0 || item + l * ITEMS < QUADS_A)                                                               \
            next_a[l] = weights[item + l * ITEMS];                                                                            \
    weights += QUADS_A;

#if BLOCKS
#define FETCH                                                                                                                 \
    FETCH_WEIGHTS                                                                                                             \
    UNROLL for (int j = 0; j < ITEM_COLUMNS; j++)                                                                             \
    {                                                                                                                         \
        const int d = first_d[j] + kd * RD, h = first_h[j] + kh * RH, w = first_w[j] + kw * RW;                               \
        const bool is_inside = IS_INSIDE(d, h, w);                                                                            \
        const int at = (c + k_first) * FROM_IMAGE + (d * FROM_H + h) * FROM_W + w;                                            \
        UNROLL for (int l = 0; l < LOADS_B; l++)                                                                              \
            next_b[l][j] = is_inside && (FROM_CHANNELS % BK == 0 || c + k_first + l * K_STEP < FROM_CHANNELS)                 \
                               ? LOAD1(from[j] + at + l * K_STEP * FROM_IMAGE)                                                \
                               : (real)0;                                                                                     \
    }                                                                                                                         \
    NEXT_TAP(BK)
#else
/* (c, kd, kh, kw) as a number of four digits: K_STEP further. */
#define COUNT_ON                                                                                                              \
    {                                                                                                                         \
        kw += K_STEP % SOME(KW);                                                                                              \
        const bool over_w = kw >= KW;                                                                                         \
        kw -= over_w ? KW : 0;                                                                                                \
        kh += K_STEP / SOME(KW) % SOME(KH) + over_w;                                                                          \
        const bool over_h = kh >= KH;                                                                                         \
        kh -= over_h ? KH : 0;                                                                                                \
        kd += K_STEP / SOME(KH * KW) % SOME(KD) + over_h;                                                                     \
        const bool over_d = kd >= KD;                                                                                         \
        kd -= over_d ? KD : 0;                                                                                                \
        c += K_STEP / SOME(TAPS) + over_d;                                                                                    \
    }
#define FETCH                                                                                                                 \
    FETCH_WEIGHTS                                                                                                             \
    UNROLL for (int l = 0; l < LOADS_B; l++)                                                                                  \
    {                                                                                                                         \
        UNROLL for (int j = 0; j < ITEM_COLUMNS; j++)                                                                         \
        {                                                                                                                     \
            const int d = first_d[j] + kd * RD, h = first_h[j] + kh * RH, w = first_w[j] + kw * RW;                           \
            next_b[l][j] = c < FROM_CHANNELS && IS_INSIDE(d, h, w)                                                            \
                               ? LOAD1(from[j] + c * FROM_IMAGE + (d * FROM_H + h) * FROM_W + w)                              \
                               : (real)0;                                                                                     \
        }                                                                                                                     \
        COUNT_ON                                                                                                              \
    }
#endif
#define PLACE(side)                                                                                                           \
    UNROLL for (int l = 0; l < LOADS_A; l++)                                                                                  \
        if (QUADS_A % ITEMS == 0 || item + l * ITEMS < QUADS_A)                                                               \
            a[side][item + l * ITEMS] = next_a[l];                                                                            \
    UNROLL for (int l = 0; l < LOADS_B; l++) UNROLL for (int j = 0; j < ITEM_COLUMNS; j++)                                    \
        ((__local real *)b[side])[(k_first + l * K_STEP) * BN + item % BN + j * ITEMS] = next_b[l][j];

/* y = the sum of CHUNKS parts, always in the same order. One work-item for each element; more have nothing to do. */
__kernel void conv_implicit_add(__global const real *restrict parts, __global element *restrict y EPILOGUE_PARAMS)
{
    const size_t i = get_global_id(0);
    if (i >= RESULTS)
        return;
    real sum = parts[i];
    for (int chunk = 1; chunk < CHUNKS; chunk++)
        sum += parts[chunk * RESULTS + i];
    STORE1(EPILOGUE1(sum, i, (int)(i / Y_IMAGE % TO_PLANES)), y + i);
}

/* Groups of work: (row tiles of all column tiles, GROUPS, CHUNKS); x and packed begin at offsets in elements. y: [CHUNKS]
 * results. */
__attribute__((reqd_work_group_size(ITEMS, 1, 1)))
__kernel void conv_implicit(__global const element *restrict x, __global const real *restrict packed, __global result *restrict y,
                            long x_offset, long packed_offset EPILOGUE_PARAMS)
{
    DECLARE(ROW_TILES)
    const int group = (int)get_group_id(1), chunk = (int)get_group_id(2), k_first = item / BN;
    const int first_step = CHUNKS == 1 ? 0 : chunk * CHUNK, steps = CHUNKS == 1 ? STEPS : min(CHUNK, STEPS - first_step);
    __global const quad *weights = (__global const quad *)(packed + packed_offset) +
                                   ((size_t)group * ROW_TILES + row0 / BM) * (DEPTH * BM / 4) + first_step * QUADS_A;
    __global const element *from[ITEM_COLUMNS];
    int first_d[ITEM_COLUMNS], first_h[ITEM_COLUMNS], first_w[ITEM_COLUMNS];
    quad next_a[LOADS_A];
    real next_b[LOADS_B][ITEM_COLUMNS];
    UNROLL for (int j = 0; j < ITEM_COLUMNS; j++)
    {
        const int pixel = column0 + item % BN + j * ITEMS, n = pixel / TO_IMAGE, p = pixel % TO_IMAGE;
        first_d[j] = p / (TO_H * TO_W) * SD - PD;
        first_h[j] = p / TO_W % TO_H * SH - PH;
        first_w[j] = pixel < PIXELS ? p % TO_W * SW - PW : NOWHERE;
        from[j] = x + x_offset + ((size_t)n * FROM_PLANES + group * FROM_CHANNELS) * FROM_IMAGE;
    }
#if BLOCKS /* of the step: an item's channels are c + k_first, K_STEP further, ... */
    const int tap = first_step % SOME(TAPS);
    int c = first_step / SOME(TAPS) * BK;
#else /* of the item's next element */
    const int tap = (first_step * BK + k_first) % SOME(TAPS);
    int c = (first_step * BK + k_first) / SOME(TAPS);
#endif
    int kd = tap / SOME(KH * KW), kh = tap / SOME(KW) % SOME(KH), kw = tap % SOME(KW);
    y += chunk * RESULTS;
    SUM_OF_STEPS(steps)
    UNROLL for (int j = 0; j < TN / 4; j++)
    {
        const int pixel = COLUMN_AT(j);
#if TO_D == Y_D && TO_H == Y_H && TO_W == Y_W
        const bool is_run = pixel + 4 <= PIXELS && pixel % TO_IMAGE + 4 <= TO_IMAGE; /* four results next to each other */
#else
        const bool is_run = false;
#endif
        const size_t place = place_of(pixel);
        UNROLL for (int i = 0; i < TM; i++)
        {
            const int row = ROW_AT(i), channel = group * TO_CHANNELS + row;
            if (row < TO_CHANNELS && is_run) {
                const size_t index = place + (size_t)channel * Y_IMAGE;
                STORE_RESULTS(EPILOGUEV(sum[i][j], index, channel), y + index);
            } else if (row < TO_CHANNELS) {
                UNROLL for (int lane = 0; lane < 4; lane++) {
                    if (pixel + lane >= PIXELS)
                        continue;
                    const size_t index = place_of(pixel + lane) + (size_t)channel * Y_IMAGE;
                    STORE_RESULT(EPILOGUE1(lane_of(sum[i][j], lane), index, channel), y + index);
                }
            }
        }
    }
}

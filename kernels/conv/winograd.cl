/* 3x3 convolution of stride 1 through F(F x F, 3 x 3) tiles, for CPUs: one work-item per work-group, lanes are channels.
 *
 * winograd_weights: transformed weights, [tiles of NR channels][A * A][channels][NR], once when they are constant.
 * winograd_input: a group turns 16 channels of the image rows that a block of tiles reads into lanes, and transforms the tiles. With
 * -DFUSED groups of winograd_product do that for themselves, in local memory.
 * winograd_product: a group multiplies a block's tiles for SLICE result channels, NR at a time, point by point into local memory,
 * transforms the sums, turns lanes back into rows of pixels and writes them. With -DCHUNK=n it takes weights as conv/pack packs them
 * ([tiles of 16 channels][channels][9][16]) and transforms them in registers each time that it needs them, a row of points and n
 * channels at a time: more arithmetic, but where weights come from memory they are 1.8 to 7 times fewer.
 *
 * A block is TILE_ROWS rows of TILE_COLUMNS tiles of IMAGES images; in plain images its results are whole rows, one run of memory per
 * channel. Names of the geometry: conv/taps.cl. Images are plain NCHW, or with X_LANES, Y_LANES of 16 in blocks of 16 channels
 * (conv/blocked.cl), where nothing has to be turned. */
#include "conv/common.cl"
#include "common/transpose.cl"
#include "conv/taps.cl"

#ifndef X_LANES
#define X_LANES 1
#endif
#ifndef Y_LANES
#define Y_LANES 1
#endif
#ifndef F
#define F 4
#endif
#ifndef TILE_ROWS
#define TILE_ROWS 1
#endif
#ifndef IMAGES
#define IMAGES 1
#endif
#ifndef MR
#define MR 3 /* tiles of a register tile */
#endif
#ifndef NV
#define NV 2 /* vectors of channels of a register tile */
#endif
#ifndef SLICE
#define SLICE 32 /* result channels of a group, a multiple of NR */
#endif
#ifndef CHUNK
#define CHUNK 0 /* a multiple of 16; NV is then 1, and MR divides the tiles. 0: weights come transformed */
#endif
#include "common/prefetch.cl"
#include "conv/winograd_transforms.cl"

#define NR (16 * NV)
#define POINTS (A * A)
#define TILES_H ((TO_H + F - 1) / F)
#define TILES_W ((TO_W + F - 1) / F)
#ifndef TILE_COLUMNS
#define TILE_COLUMNS TILES_W /* fewer only where Y_LANES is 16 */
#endif
#define ROW_BLOCKS ((TILES_H + TILE_ROWS - 1) / TILE_ROWS)
#define COLUMN_BLOCKS ((TILES_W + TILE_COLUMNS - 1) / TILE_COLUMNS)
#define IMAGE_BLOCKS (ROW_BLOCKS * COLUMN_BLOCKS)
#define IMAGE_TILES (TILE_ROWS * TILE_COLUMNS)
#define TOP(tile) ((tile) % IMAGE_TILES / TILE_COLUMNS * F) /* of a tile of an image, in rows of the block */
#define LEFT(tile) ((column0 + (tile) % TILE_COLUMNS) * F)
#define TILES (IMAGES * IMAGE_TILES) /* of a block */
#define BLOCKS16 ((FROM_CHANNELS + 15) / 16)
#define STAGED_ROWS (TILE_ROWS * F + 2)
#define POINT (BLOCKS16 * 16 * TILES + 16) /* floats of one point of a block; 16 more: no power of two apart */
#define SUMS (TILES * NR + 16)
#ifdef FUSED
#define V_SPACE __local
#else
#define V_SPACE __global
#endif

/* Unaligned vectors. Where sums are made of what vload16 loads, PoCL loads it in pieces of two elements. */
typedef real16 real16_anywhere __attribute__((aligned(4)));
#define LOAD_GLOBAL(p) (*(__global const real16_anywhere *)(p))
#define LOAD_LOCAL(p) (*(__local const real16_anywhere *)(p))

/* row = row y of the transforms of sixteen filters, whose tap i is TAP(i). */
#define TRANSFORM_FILTERS(row, y)                                                                                             \
    {                                                                                                                         \
        real16 across[3 * A];                                                                                                 \
        const int from = (y) * 3;                                                                                             \
        UNROLL for (int x = 0; x < 3; x++) WEIGHT_TRANSFORM(TAP, ACROSS)                                                      \
        WEIGHT_TRANSFORM(FROM_ACROSS, row)                                                                                    \
    }
#define ACROSS(i) across[(i) * 3 + x]
#define FROM_ACROSS(i) across[from + (i)]
#define ROW(i) row[i]

/* Items: (tiles of NR channels, channels). */
__kernel void winograd_weights(__global const element *restrict w, __global real *restrict transformed)
{
    const int tile = (int)get_global_id(0), c = (int)get_global_id(1);
    __global real *to = transformed + ((size_t)tile * POINTS * (BLOCKS16 * 16) + c) * NR;
    for (int j = 0; j < NV; j++) {
        real taps[9 * 16];
        for (int i = 0; i < 16; i++) {
            const int channel = tile * NR + j * 16 + i;
            const bool is_there = channel < TO_CHANNELS && c < FROM_CHANNELS;
#ifdef TRANSPOSED
            __global const element *filter = w + (is_there ? (size_t)c * TO_CHANNELS + channel : 0) * 9;
#else
            __global const element *filter = w + (is_there ? (size_t)channel * FROM_CHANNELS + c : 0) * 9;
#endif
            for (int k = 0; k < 9; k++) {
                const int at = (TAP_FIRST_H + k / 3 * TAP_STEP_H) * 3 + TAP_FIRST_W + k % 3 * TAP_STEP_W;
                taps[k * 16 + i] = is_there ? LOAD1(filter + at) : (real)0;
            }
        }
#define TAP(i) vload16(0, taps + ((i) * 3 + x) * 16)
        UNROLL for (int y = 0; y < A; y++)
        {
            real16 row[A];
            TRANSFORM_FILTERS(ROW, y)
            UNROLL for (int i = 0; i < A; i++) vstore16(row[i], 0, to + (size_t)(y * A + i) * (BLOCKS16 * 16 * NR) + j * 16);
        }
#undef TAP
    }
}

#if X_LANES == 16
typedef __global const element *pixel_pointer;
#if STORAGE == FLOAT32
#define LOAD_PIXEL(p) LOAD_GLOBAL(p)
#else
#define LOAD_PIXEL(p) LOADV(p)
#endif
#else
typedef __local const real *pixel_pointer;
#define LOAD_PIXEL(p) LOAD_LOCAL(p)
#endif

/* One tile whose first pixel is (y, x) of rows that begin at image row h0; to: of point 0. */
static inline void transform_tile(pixel_pointer rows, int h0, int y, int x, V_SPACE real *to)
{
    real16 across[A * A];
    const bool inner = h0 + y >= 0 && h0 + y + A <= FROM_H && x >= 0 && x + A <= FROM_W;
    for (int i = 0; i < A; i++) {
        real16 column[A];
        UNROLL for (int k = 0; k < A; k++)
        {
            const bool is_there = inner || (h0 + y + k >= 0 && h0 + y + k < FROM_H && x + i >= 0 && x + i < FROM_W);
            column[k] = is_there ? LOAD_PIXEL(rows + ((y + k) * FROM_W + x + i) * 16) : (real16)(0);
        }
#define COLUMN(k) column[k]
#define TO_ACROSS(k) across[(k) * A + i]
        INPUT_TRANSFORM(COLUMN, TO_ACROSS)
    }
    UNROLL for (int k = 0; k < A; k++)
    {
        real16 row[A];
#define ACROSS_ROW(i) across[k * A + (i)]
        INPUT_TRANSFORM(ACROSS_ROW, ROW)
        UNROLL for (int i = 0; i < A; i++)
            vstore16(row[i], 0, to + (size_t)(k * A + i) * POINT);
    }
}

/* 16 channels, from c0 on, of the tiles of block `part` of some images, by way of `staged` where x is plain. */
static inline void transform_block(__global const element *x, int image_block, int part, int c0, __local real *staged, V_SPACE real *block)
{
    const int h0 = part / COLUMN_BLOCKS * TILE_ROWS * F - PH, column0 = part % COLUMN_BLOCKS * TILE_COLUMNS;
#if X_LANES == 1
    const int first = max(h0, 0), end = min(h0 + STAGED_ROWS, FROM_H), channels = min(16, FROM_CHANNELS - c0);
#endif
    for (int image = 0; image < IMAGES; image++) {
        const int n = min(image_block * IMAGES + image, BATCH - 1);
        __global const element *from = x + ((size_t)n * FROM_CHANNELS + c0) * (FROM_H * FROM_W);
#if X_LANES == 16
        pixel_pointer rows = from + (long)h0 * (FROM_W * 16);
#else
        pixel_pointer rows = staged;
        __local real *to = staged + (first - h0) * FROM_W * 16;
        from += first * FROM_W;
        if (channels == 16)
            transpose_panel(from, FROM_H * FROM_W, (end - first) * FROM_W, to, 16);
        else
            for (int p = 0; p < (end - first) * FROM_W; p++)
                for (int c = 0; c < 16; c++)
                    to[p * 16 + c] = c < channels ? LOAD1(from + (size_t)c * (FROM_H * FROM_W) + p) : (real)0;
#endif
        for (int tile = 0; tile < IMAGE_TILES; tile++)
            transform_tile(rows, h0, TOP(tile), LEFT(tile) - PW, block + c0 * TILES + (image * IMAGE_TILES + tile) * 16);
    }
}

#if X_LANES == 1
#define STAGED (STAGED_ROWS * FROM_W * 16)
#else
#define STAGED 1
#endif

#ifndef FUSED
/* Groups of work: (IMAGE_BLOCKS, blocks of IMAGES, blocks of 16 channels). v, from offset on:
 * [blocks of images][IMAGE_BLOCKS][POINTS][POINT]. */
__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void winograd_input(__global const element *restrict x, __global real *restrict v, long offset)
{
    __local real staged[STAGED] __attribute__((aligned(64)));
    const int part = (int)get_group_id(0), image_block = (int)get_group_id(1);
    __global real *block = v + offset + ((size_t)image_block * IMAGE_BLOCKS + part) * (POINTS * POINT);
    transform_block(x, image_block, part, (int)get_group_id(2) * 16, staged, block);
}
#endif

#define ALWAYS_INLINE __attribute__((always_inline))

#if CHUNK
#define TAP(i) LOAD_GLOBAL(taps + ((i) * 3 + x) * 16)
#define LINES ((9 + A - 1) / A) /* of the next chunk's filters: what each row of points asks for */

/* Products of row y of points and of the channels from c0 on, a chunk, whose filters are given. */
ALWAYS_INLINE static inline void multiply_row(V_SPACE const real *block, __global const real *packed, __local real *sums,
                                              const int y, int c0)
{
    for (int m = 0; m < TILES; m += MR) {
        __local real *to = sums + y * A * SUMS + m * 16;
        __global const real *taps = packed;
        real16 acc[A][MR];
        UNROLL for (int i = 0; i < A; i++) UNROLL for (int j = 0; j < MR; j++)
            acc[i][j] = c0 == 0 ? (real16)(0) : LOAD_LOCAL(to + i * SUMS + j * 16);
        for (int c = c0; c < min(c0 + CHUNK, FROM_CHANNELS); c += 16) {
            V_SPACE const real *pixels = block + (size_t)(y * A) * POINT + (c * TILES + m * 16);
            for (int q = 0; q < min(16, FROM_CHANNELS - c); q++, taps += 9 * 16) {
                real16 row[A];
                TRANSFORM_FILTERS(ROW, y)
                UNROLL for (int i = y * LINES; i < min(y * LINES + LINES, 9); i++)
                    PREFETCH(taps + CHUNK * (9 * 16) + i * 16);
                UNROLL for (int j = 0; j < MR; j++) UNROLL for (int i = 0; i < A; i++)
                    acc[i][j] = fma((real16)(pixels[i * POINT + j * 16 + q]), row[i], acc[i][j]);
            }
        }
        UNROLL for (int i = 0; i < A; i++) UNROLL for (int j = 0; j < MR; j++)
            vstore16(acc[i][j], 0, to + i * SUMS + j * 16);
    }
}

/* Products of a block for the NR result channels from o on. (Inlined at once: where LLVM 15 weighs whether to inline,
 * it crashes.) */
ALWAYS_INLINE static inline void multiply(V_SPACE const real *block, __global const real *weights, __local real *sums, int o)
{
    for (int c0 = 0; c0 < FROM_CHANNELS; c0 += CHUNK) {
        __global const real *packed = weights + ((size_t)(o / 16) * FROM_CHANNELS + c0) * (9 * 16);
        multiply_row(block, packed, sums, 0, c0);
        multiply_row(block, packed, sums, 1, c0);
        multiply_row(block, packed, sums, 2, c0);
        multiply_row(block, packed, sums, 3, c0);
#if F >= 4
        multiply_row(block, packed, sums, 4, c0);
        multiply_row(block, packed, sums, 5, c0);
#endif
#if F >= 6
        multiply_row(block, packed, sums, 6, c0);
        multiply_row(block, packed, sums, 7, c0);
#endif
    }
}
#undef TAP
#else
#define PRODUCT(R)                                                                                                            \
    {                                                                                                                         \
        real16 acc[R][NV];                                                                                                    \
        UNROLL for (int i = 0; i < R; i++) UNROLL for (int j = 0; j < NV; j++) acc[i][j] = (real16)(0);                       \
        for (int c = 0; c < BLOCKS16; c++) {                                                                                  \
            V_SPACE const real *pixels = a + (size_t)c * (TILES * 16);                                                        \
            __global const real *b = u + (size_t)c * (16 * NR);                                                               \
            UNROLL_BY(4) for (int q = 0; q < 16; q++)                                                                         \
            {                                                                                                                 \
                real16 filters[NV];                                                                                           \
                UNROLL for (int j = 0; j < NV; j++) filters[j] = LOAD_GLOBAL(b + q * NR + j * 16);                            \
                UNROLL for (int j = 0; j < NV; j++) PREFETCH(b + BLOCKS16 * 16 * NR + q * NR + j * 16);                       \
                UNROLL for (int i = 0; i < R; i++)                                                                            \
                {                                                                                                             \
                    const real16 pixel = (real16)(pixels[i * 16 + q]);                                                        \
                    UNROLL for (int j = 0; j < NV; j++) acc[i][j] = fma(pixel, filters[j], acc[i][j]);                        \
                }                                                                                                             \
            }                                                                                                                 \
        }                                                                                                                     \
        UNROLL for (int i = 0; i < R; i++) UNROLL for (int j = 0; j < NV; j++)                                                \
            vstore16(acc[i][j], 0, sums + point * SUMS + (m + i) * NR + j * 16);                                              \
    }

ALWAYS_INLINE static inline void multiply(V_SPACE const real *block, __global const real *weights, __local real *sums, int o)
{
    for (int point = 0; point < POINTS; point++) {
        __global const real *u = weights + ((size_t)(o / NR) * POINTS + point) * (BLOCKS16 * 16 * NR);
        int m = 0;
        for (; m + MR <= TILES; m += MR) {
            V_SPACE const real *a = block + (size_t)point * POINT + m * 16;
            PRODUCT(MR)
        }
#if TILES % MR
        V_SPACE const real *a = block + (size_t)point * POINT + m * 16;
        PRODUCT((TILES % MR))
#endif
    }
}
#endif

/* Sums of one tile and 16 channels, from `from` on, to pixels: KEEP(y, x, pixel) takes those of `height` x `width`. */
#define TRANSFORM_SUMS(from, height, width, KEEP)                                                                             \
    {                                                                                                                         \
        real16 across[F * A];                                                                                                 \
        UNROLL for (int x = 0; x < A; x++)                                                                                    \
        {                                                                                                                     \
            __local const real *column = (from) + x * SUMS;                                                                   \
            OUTPUT_TRANSFORM(SUM, F_ACROSS)                                                                                   \
        }                                                                                                                     \
        for (int row = 0; row < (height); row++) {                                                                            \
            real16 pixel[F];                                                                                                  \
            OUTPUT_TRANSFORM(A_ROW, PIXEL)                                                                                    \
            UNROLL for (int i = 0; i < F; i++) if (i < (width)) KEEP(row, i, pixel[i]);                                       \
        }                                                                                                                     \
    }
#define SUM(i) LOAD_LOCAL(column + (i) * (A * SUMS))
#define F_ACROSS(i) across[(i) * A + x]
#define A_ROW(i) across[row * A + (i)]
#define PIXEL(i) pixel[i]

/* Groups of work: (IMAGE_BLOCKS, blocks of IMAGES, slices). */
__attribute__((reqd_work_group_size(1, 1, 1)))
#ifdef FUSED
__kernel void winograd_product(__global const element *restrict x, __global const real *weights,
                               __global element *restrict y EPILOGUE_PARAMS)
{
    __local real block[POINTS * POINT] __attribute__((aligned(64)));
    __local real staged[STAGED] __attribute__((aligned(64)));
#else
__kernel void winograd_product(__global const real *v, __global const real *weights, __global element *restrict y,
                               long offset EPILOGUE_PARAMS)
{
#endif
    __local real sums[POINTS * SUMS] __attribute__((aligned(64)));
#if Y_LANES == 1
    __local real pixels[TILE_ROWS * F * TO_W * 16] __attribute__((aligned(64)));
#endif
    const int place = (int)get_group_id(0), image_block = (int)get_group_id(1), first = (int)get_group_id(2) * SLICE;
    const int y0 = place / COLUMN_BLOCKS * TILE_ROWS * F, column0 = place % COLUMN_BLOCKS * TILE_COLUMNS;
    const int rows = min(TILE_ROWS * F, TO_H - y0);
#ifdef FUSED
    for (int c0 = 0; c0 < BLOCKS16 * 16; c0 += 16)
        transform_block(x, image_block, place, c0, staged, block);
#else
    __global const real *block = v + offset + ((size_t)image_block * IMAGE_BLOCKS + place) * (POINTS * POINT);
#endif
    for (int o = first; o < min(first + SLICE, TO_CHANNELS); o += NR) {
        multiply(block, weights, sums, o);
        for (int part = 0; part < IMAGES * NV; part++) {
            const int image = part / NV, channel0 = o + part % NV * 16, n = image_block * IMAGES + image;
            if (n >= BATCH || channel0 >= TO_CHANNELS)
                continue;
#if Y_LANES == 16
            const size_t at = ((size_t)n * TO_CHANNELS + channel0) * (TO_H * TO_W) + (size_t)y0 * (TO_W * 16);
#define KEEP(row, i, pixel)                                                                                                   \
    STOREV(EPILOGUE16(pixel, to + ((row) * TO_W + (i)) * 16, channel0), y + to + ((row) * TO_W + (i)) * 16)
            for (int tile = 0; tile < IMAGE_TILES; tile++) {
                const int top = TOP(tile), left = LEFT(tile);
                const size_t to = at + (top * TO_W + left) * 16;
                TRANSFORM_SUMS(sums + (image * IMAGE_TILES + tile) * NR + part % NV * 16, min(F, rows - top), TO_W - left, KEEP)
            }
#else
#define KEEP(row, i, pixel) vstore16(pixel, 0, to + ((row) * TO_W + (i)) * 16)
            for (int tile = 0; tile < IMAGE_TILES; tile++) {
                const int top = TOP(tile), left = LEFT(tile);
                __local real *to = pixels + (top * TO_W + left) * 16;
                TRANSFORM_SUMS(sums + (image * IMAGE_TILES + tile) * NR + part % NV * 16, min(F, rows - top), TO_W - left, KEEP)
            }
            const size_t at = ((size_t)n * TO_CHANNELS + channel0) * (TO_H * TO_W) + y0 * TO_W;
            const int channels = min(16, TO_CHANNELS - channel0), count = rows * TO_W;
            int p = 0;
            for (; p + 16 <= count; p += 16) {
                real16 square[16], turned[16];
                UNROLL for (int i = 0; i < 16; i++)
                    square[i] = vload16(0, pixels + (p + i) * 16);
                TURN(square, turned)
                TURN(turned, square)
                TURN(square, turned)
                TURN(turned, square)
                UNROLL for (int i = 0; i < 16; i++)
                    if (i < channels) {
                        const size_t index = at + (size_t)i * (TO_H * TO_W) + p;
                        STOREV(EPILOGUE16(square[i], index, channel0 + i), y + index);
                    }
            }
            for (; p < count; p++)
                for (int i = 0; i < channels; i++) {
                    const size_t index = at + (size_t)i * (TO_H * TO_W) + p;
                    STORE1(EPILOGUE1(pixels[p * 16 + i], index, channel0 + i), y + index);
                }
#endif
        }
    }
}

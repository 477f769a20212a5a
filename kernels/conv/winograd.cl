/* 3x3 convolution of stride 1 through F(F x F, 3 x 3) tiles, for CPUs: one work-item per work-group, lanes are channels.
 *
 * winograd_weights: transformed weights, [tiles of NR channels][A * A][channels][NR], once when they are constant.
 * winograd_input: a group turns 16 channels of the image rows that a block of tiles reads into lanes, and transforms the tiles.
 * winograd_product: a group multiplies a block's tiles for SLICE result channels, NR at a time, point by point into local memory,
 * transforms the sums, turns lanes back into rows of pixels and writes them. With -DCHUNK=n it takes weights as conv/pack packs them ([tiles
 * of 16 channels][channels][9][16]) and transforms them itself, a row of points and n channels at a time: more arithmetic, but where
 * weights come from memory they are 1.8 to 7 times fewer.
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
#define CHUNK 0 /* channels whose weights a group transforms at a time, a multiple of 16; 0: they come transformed */
#endif
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

/* Row y of the transforms of sixteen filters whose tap i is TAP(i): KEEP(i, vector) takes the row's point i. */
#define TRANSFORM_FILTERS(y, KEEP)                                                                                            \
    {                                                                                                                         \
        real16 across[3 * A], row[A];                                                                                         \
        UNROLL for (int x = 0; x < 3; x++) WEIGHT_TRANSFORM(TAP, ACROSS)                                                      \
        WEIGHT_TRANSFORM(FROM_ACROSS, ROW)                                                                                    \
        UNROLL for (int i = 0; i < A; i++) KEEP(i, row[i]);                                                                   \
    }
#define TAP(i) vload16(0, taps + ((i) * 3 + x) * 16)
#define ACROSS(i) across[(i) * 3 + x]
#define FROM_ACROSS(i) across[(y) * 3 + (i)]
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
#define KEEP(point, filters) vstore16(filters, 0, to + (size_t)(y * A + point) * (BLOCKS16 * 16 * NR) + j * 16)
        UNROLL for (int y = 0; y < A; y++) TRANSFORM_FILTERS(y, KEEP)
#undef KEEP
    }
}

#if X_LANES == 16
typedef __global const element *pixel_pointer;
#define LOAD_PIXEL(p) LOADV(p)
#else
typedef __local const real *pixel_pointer;
#define LOAD_PIXEL(p) vload16(0, p)
#endif

/* One tile whose first pixel is (y, x) of rows that begin at image row h0; to: of point 0. */
static inline void transform_tile(pixel_pointer rows, int h0, int y, int x, __global real *to)
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

/* Groups of work: (IMAGE_BLOCKS, blocks of IMAGES, blocks of 16 channels). v, from offset on:
 * [blocks of images][IMAGE_BLOCKS][POINTS][POINT]. */
__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void winograd_input(__global const element *restrict x, __global real *restrict v, long offset)
{
    const int part = (int)get_group_id(0), image_block = (int)get_group_id(1), c0 = (int)get_group_id(2) * 16;
    const int h0 = part / COLUMN_BLOCKS * TILE_ROWS * F - PH, column0 = part % COLUMN_BLOCKS * TILE_COLUMNS;
    __global real *block = v + offset + ((size_t)image_block * IMAGE_BLOCKS + part) * (POINTS * POINT) + (size_t)c0 * TILES;
#if X_LANES == 1
    __local real staged[STAGED_ROWS * FROM_W * 16] __attribute__((aligned(64)));
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
            transform_tile(rows, h0, TOP(tile), LEFT(tile) - PW, block + (image * IMAGE_TILES + tile) * 16);
    }
}

#if CHUNK
/* Weights of a chunk and a row of points: [channels / 4][A][U_POINT]. */
#define U_POINT (4 * NR + 16)
#define U_AT(c) ((c) / 4 * (A * U_POINT) + (c) % 4 * NR)
typedef __local const real *weight_pointer;

/* A case for each row: the others' arithmetic falls away at compile time. */
#define TRANSFORM_ROW(y)                                                                                                      \
    case y:                                                                                                                   \
        for (int c = c0; c < min(c0 + CHUNK, BLOCKS16 * 16); c++)                                                             \
            for (int j = 0; j < NV; j++) {                                                                                    \
                const int tile = min(o / 16 + j, (TO_CHANNELS - 1) / 16);                                                     \
                __global const real *taps = packed + ((size_t)tile * FROM_CHANNELS + c) * (9 * 16);                           \
                __local real *to = u + U_AT(c - c0) + j * 16;                                                                 \
                if (c < FROM_CHANNELS)                                                                                        \
                    TRANSFORM_FILTERS(y, KEEP)                                                                                \
                else                                                                                                          \
                    UNROLL for (int i = 0; i < A; i++) KEEP(i, (real16)(0));                                                  \
            }                                                                                                                 \
        break;
#define KEEP(point, filters) vstore16(filters, 0, to + (point) * U_POINT)
static void transform_chunk(__global const real *packed, int o, int c0, int y, __local real *u)
{
    switch (y) {
        TRANSFORM_ROW(0)
        TRANSFORM_ROW(1)
        TRANSFORM_ROW(2)
        TRANSFORM_ROW(3)
#if F >= 4
        TRANSFORM_ROW(4)
        TRANSFORM_ROW(5)
#endif
#if F >= 6
        TRANSFORM_ROW(6)
        TRANSFORM_ROW(7)
#endif
    }
}
#undef KEEP
#else
#define U_POINT (BLOCKS16 * 16 * NR)
#define U_AT(c) ((c) * NR)
typedef __global const real *weight_pointer;
#endif

#define PRODUCT(R)                                                                                                            \
    {                                                                                                                         \
        real16 acc[R][NV];                                                                                                    \
        UNROLL for (int i = 0; i < R; i++) UNROLL for (int j = 0; j < NV; j++)                                                \
            acc[i][j] = first == 0 ? (real16)(0) : vload16(0, sums + point * SUMS + (m + i) * NR + j * 16);                   \
        for (int c = 0; c < blocks; c++) {                                                                                    \
            __global const real *pixels = a + (size_t)(first + c) * (TILES * 16);                                             \
            weight_pointer b = u + U_AT((size_t)c * 16);                                                                      \
            UNROLL_BY(4) for (int q = 0; q < 16; q++)                                                                         \
            {                                                                                                                 \
                real16 weights[NV];                                                                                           \
                UNROLL for (int j = 0; j < NV; j++) weights[j] = vload16(0, b + U_AT(q) + j * 16);                            \
                UNROLL for (int i = 0; i < R; i++)                                                                            \
                {                                                                                                             \
                    const real16 pixel = (real16)(pixels[i * 16 + q]);                                                        \
                    UNROLL for (int j = 0; j < NV; j++) acc[i][j] = fma(pixel, weights[j], acc[i][j]);                        \
                }                                                                                                             \
            }                                                                                                                 \
        }                                                                                                                     \
        UNROLL for (int i = 0; i < R; i++) UNROLL for (int j = 0; j < NV; j++)                                                \
            vstore16(acc[i][j], 0, sums + point * SUMS + (m + i) * NR + j * 16);                                              \
    }

/* The products of `rows` rows of points, of `blocks` blocks of 16 channels from the block `first` on, whose weights are given: they are
 * added to the sums unless the first is 0. */
static inline void multiply(__global const real *block, weight_pointer weights, __local real *sums, int row, int rows, int first,
                            int blocks)
{
    for (int point = row * A; point < (row + rows) * A; point++) {
        weight_pointer u = weights + (size_t)(point - row * A) * U_POINT;
        int m = 0;
        for (; m + MR <= TILES; m += MR) {
            __global const real *a = block + (size_t)point * POINT + m * 16;
            PRODUCT(MR)
        }
#if TILES % MR
        __global const real *a = block + (size_t)point * POINT + m * 16;
        PRODUCT((TILES % MR))
#endif
    }
}

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
#define SUM(i) vload16(0, column + (i) * (A * SUMS))
#define F_ACROSS(i) across[(i) * A + x]
#define A_ROW(i) across[row * A + (i)]
#define PIXEL(i) pixel[i]

/* Groups of work: (IMAGE_BLOCKS, blocks of IMAGES, slices). */
__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void winograd_product(__global const real *v, __global const real *weights, __global element *restrict y,
                               long offset EPILOGUE_PARAMS)
{
    __local real sums[POINTS * SUMS] __attribute__((aligned(64)));
#if Y_LANES == 1
    __local real pixels[TILE_ROWS * F * TO_W * 16] __attribute__((aligned(64)));
#endif
    const int place = (int)get_group_id(0), image_block = (int)get_group_id(1), first = (int)get_group_id(2) * SLICE;
    const int y0 = place / COLUMN_BLOCKS * TILE_ROWS * F, column0 = place % COLUMN_BLOCKS * TILE_COLUMNS;
    const int rows = min(TILE_ROWS * F, TO_H - y0);
    __global const real *block = v + offset + ((size_t)image_block * IMAGE_BLOCKS + place) * (POINTS * POINT);
#if CHUNK
    __local real chunk[CHUNK / 4 * A * U_POINT] __attribute__((aligned(64)));
#endif
    for (int o = first; o < min(first + SLICE, TO_CHANNELS); o += NR) {
#if CHUNK
        for (int c0 = 0; c0 < BLOCKS16 * 16; c0 += CHUNK) {
            for (int row = 0; row < A; row++) {
                transform_chunk(weights, o, c0, row, chunk);
                multiply(block, chunk, sums, row, 1, c0 / 16, min(CHUNK / 16, BLOCKS16 - c0 / 16));
            }
        }
#else
        multiply(block, weights + (size_t)(o / NR) * (POINTS * BLOCKS16 * 16 * NR), sums, 0, A, 0, BLOCKS16);
#endif
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

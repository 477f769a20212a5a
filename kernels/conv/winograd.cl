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
#define CHUNK 0 /* a multiple of 16; NV is then 1, and MR tiles of a block are parts of a row or whole rows. 0: weights come transformed */
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
#define TILES (IMAGES * IMAGE_TILES) /* of a block, at most */
#define BLOCKS16 ((FROM_CHANNELS + 15) / 16)
#define STAGED_ROWS (TILE_ROWS * F + 2)
#define POINT (BLOCKS16 * 16 * TILES + 16) /* floats of one point of a block; 16 more: no power of two apart */
#define SUMS (TILES * NR + 16)
#ifdef FUSED
#define V_SPACE __local
#else
#define V_SPACE __global
#endif

/* The last row and column of tiles have as few results as a transform with fewer points allows, and take no part in the others:
 * ROWS(k) x COLUMNS(i) tiles of an image have point (k, i) of a block, whose `extents` these macros read. They lie side by side. */
#define LAST_SIZE(results) ((results) % F == 0 ? F : (results) % F <= 2 ? 2 : (results) % F <= 4 ? (results) % F : F)
#define LAST_H (COLUMN_BLOCKS > 1 ? F : LAST_SIZE(TO_H)) /* blocks that are parts of rows keep to one size: images are large there */
#define LAST_W (COLUMN_BLOCKS > 1 ? F : LAST_SIZE(TO_W))
#define FULL_ROWS (TILES_H - (LAST_H < F)) /* of tiles of F results */
#define HAS_POINT(size, k) ((k) <= (size) || (k) == A - 1)
#define ROWS(k) (HAS_POINT(LAST_H, k) ? e.rows : e.full_rows)
#define COLUMNS(i) (TILE_COLUMNS - !HAS_POINT(LAST_W, i)) /* blocks are as wide as images where the last tiles are smaller */
#define ROW_SIZE(row) (LAST_H == F || (row) < e.full_rows ? F : LAST_H) /* results of a tile in this row */
#define COLUMN_SIZE(column) (LAST_W == F || (column) < TILE_COLUMNS - 1 ? F : LAST_W)
#define SLOT(image, row, column, k, i) (((image) * ROWS(k) + (row)) * COLUMNS(i) + (column))

typedef struct extents {
    int row0, column0; /* the first tile */
    int rows, full_rows;
} extents;

static inline extents extents_of(int part)
{
    extents e;
    e.row0 = ROW_BLOCKS == 1 ? 0 : part / COLUMN_BLOCKS * TILE_ROWS;
    e.column0 = COLUMN_BLOCKS == 1 ? 0 : part % COLUMN_BLOCKS * TILE_COLUMNS;
    e.rows = min(TILE_ROWS, TILES_H - e.row0);
    e.full_rows = min(TILE_ROWS, FULL_ROWS - e.row0);
    return e;
}

/* A transform along an axis of which `last` results are the least of a tile: of a tile that has them all, or of the last one. */
#if F == 2
#define TRANSFORM(transform, is_full, last, d, o) transform(d, o)
#else
#define TRANSFORM(transform, is_full, last, d, o)                                                                             \
    if ((last) == F || (is_full))                                                                                             \
        transform(d, o)                                                                                                       \
    else if ((last) == 2)                                                                                                     \
        transform##_2(d, o)                                                                                                   \
    else if ((last) == 3)                                                                                                     \
        transform##_3(d, o)                                                                                                   \
    else                                                                                                                      \
        transform##_4(d, o)
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

#define ALWAYS_INLINE __attribute__((always_inline))

/* The tile (row, column) of an image of the block, whose first pixel is (y, x) of rows that begin at image row h0; to: of point 0. */
static inline void transform_tile(pixel_pointer rows, int h0, int y, int x, extents e, int image, int row, int column, V_SPACE real *to)
{
    real16 across[A * A];
    const int height = ROW_SIZE(row), width = COLUMN_SIZE(column);
    const bool inner = h0 + y >= 0 && h0 + y + height + 2 <= FROM_H && x >= 0 && x + width + 2 <= FROM_W;
    for (int i = 0; i < width + 2; i++) {
        real16 pixels[A];
        UNROLL for (int k = 0; k < A; k++)
        {
            const bool is_there = inner ? k < height + 2 : h0 + y + k >= 0 && h0 + y + k < FROM_H && x + i >= 0 && x + i < FROM_W;
            pixels[k] = is_there ? LOAD_PIXEL(rows + ((y + k) * FROM_W + x + i) * 16) : (real16)(0);
        }
#define PIXELS(k) pixels[k]
#define TO_ACROSS(k) across[(k) * A + i]
        TRANSFORM(INPUT_TRANSFORM, height == F, LAST_H, PIXELS, TO_ACROSS)
    }
    UNROLL for (int k = 0; k < A; k++) if (HAS_POINT(height, k))
    {
        real16 row_of_points[A];
#define ACROSS_ROW(i) across[k * A + (i)]
#define ROW_OF_POINTS(i) row_of_points[i]
        TRANSFORM(INPUT_TRANSFORM, width == F, LAST_W, ACROSS_ROW, ROW_OF_POINTS)
        UNROLL for (int i = 0; i < A; i++) if (HAS_POINT(width, i))
            vstore16(row_of_points[i], 0, to + (size_t)(k * A + i) * POINT + SLOT(image, row, column, k, i) * 16);
    }
}

/* 16 channels, from c0 on, of the tiles of a block of some images, by way of `staged` where x is plain. */
static inline void transform_block(__global const element *x, int image_block, extents e, int c0, __local real *staged,
                                   V_SPACE real *block)
{
    const int h0 = e.row0 * F - PH;
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
        for (int tile = 0; tile < e.rows * TILE_COLUMNS; tile++) {
            const int row = tile / TILE_COLUMNS, column = tile % TILE_COLUMNS;
            transform_tile(rows, h0, row * F, (e.column0 + column) * F - PW, e, image, row, column, block + c0 * TILES);
        }
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
    transform_block(x, image_block, extents_of(part), (int)get_group_id(2) * 16, staged, block);
}
#endif

#if CHUNK
#define TAP(i) LOAD_GLOBAL(taps + ((i) * 3 + x) * 16)

#define PIECE_ROWS (MR > TILE_COLUMNS ? MR / TILE_COLUMNS : 1) /* of tiles, of a register tile */
#define PIECE_COLUMNS (MR < TILE_COLUMNS ? MR : TILE_COLUMNS)
#define PIECES (IMAGES * TILE_ROWS / PIECE_ROWS * ((TILE_COLUMNS + PIECE_COLUMNS - 1) / PIECE_COLUMNS)) /* of a row of points */
#define LINES ((9 + A * PIECES - 1) / (A * PIECES)) /* of the next chunk's filters: what each piece asks for beside a filter */

/* Products of row y of points, of `rows` rows of tiles, PIECE_COLUMNS tiles each, and of the channels from c0 on, a chunk, whose
 * filters are given. Blocks are as wide as images. */
ALWAYS_INLINE static inline void multiply_piece(V_SPACE const real *block, __global const real *taps, __local real *sums, const int y,
                                                int first_row, const int rows, const int first_column, int c0, int piece)
{
    real16 acc[A * PIECE_ROWS * PIECE_COLUMNS];
#define ACC(i, k, j) acc[((i) * PIECE_ROWS + (k)) * PIECE_COLUMNS + (j)]
#define IN_PIECE                                                                                                              \
    UNROLL for (int i = 0; i < A; i++) UNROLL for (int k = 0; k < rows; k++) UNROLL for (int j = 0; j < PIECE_COLUMNS; j++)   \
        if (first_column + j < COLUMNS(i))
#define AT(i, k, j) ((k) * COLUMNS(i) + first_column + (j)) * 16
#define OF_ROWS(i, all, few) (COLUMNS(i) == TILE_COLUMNS ? all : few)
    __global const real *ahead = taps + (CHUNK * 9 + piece * (CHUNK * LINES)) * 16;
    __local real *all_sums = sums + y * A * SUMS + first_row * (TILE_COLUMNS * 16);
    __local real *few_sums = all_sums - first_row * 16;
#define SUM_AT(i, k, j) OF_ROWS(i, all_sums, few_sums) + i * SUMS + AT(i, k, j)
    IN_PIECE ACC(i, k, j) = c0 == 0 ? (real16)(0) : LOAD_LOCAL(SUM_AT(i, k, j));
    for (int c = c0; c < min(c0 + CHUNK, FROM_CHANNELS); c += 16) {
        V_SPACE const real *all = block + (size_t)(y * A) * POINT + c * TILES + first_row * (TILE_COLUMNS * 16);
        V_SPACE const real *few = all - first_row * 16;
        for (int q = 0; q < min(16, FROM_CHANNELS - c); q++, taps += 9 * 16, ahead += LINES * 16) {
            real16 row[A];
            TRANSFORM_FILTERS(ROW, y)
            UNROLL for (int i = 0; i < LINES; i++)
                PREFETCH(ahead + i * 16);
            IN_PIECE ACC(i, k, j) = fma((real16)((OF_ROWS(i, all, few) + q)[i * POINT + AT(i, k, j)]), row[i], ACC(i, k, j));
        }
    }
    IN_PIECE vstore16(ACC(i, k, j), 0, SUM_AT(i, k, j));
}

ALWAYS_INLINE static inline void multiply_row(V_SPACE const real *block, __global const real *taps, __local real *sums, extents e,
                                              const int y, int c0)
{
    int row = 0, piece = y * PIECES;
    for (; row + PIECE_ROWS <= IMAGES * ROWS(y); row += PIECE_ROWS)
        UNROLL for (int column = 0; column < TILE_COLUMNS; column += PIECE_COLUMNS)
            multiply_piece(block, taps, sums, y, row, PIECE_ROWS, column, c0, piece++);
#if MR > TILE_COLUMNS
    for (; row < IMAGES * ROWS(y); row++)
        multiply_piece(block, taps, sums, y, row, 1, 0, c0, piece);
#endif
}

/* Products of a block for the NR result channels from o on. (Inlined at once: where LLVM 15 weighs whether to inline,
 * it crashes.) */
ALWAYS_INLINE static inline void multiply(V_SPACE const real *block, __global const real *weights, __local real *sums, extents e,
                                          int o)
{
    for (int c0 = 0; c0 < FROM_CHANNELS; c0 += CHUNK) {
        __global const real *packed = weights + ((size_t)(o / 16) * FROM_CHANNELS + c0) * (9 * 16);
        multiply_row(block, packed, sums, e, 0, c0);
        multiply_row(block, packed, sums, e, 1, c0);
        multiply_row(block, packed, sums, e, 2, c0);
        multiply_row(block, packed, sums, e, 3, c0);
#if F >= 4
        multiply_row(block, packed, sums, e, 4, c0);
        multiply_row(block, packed, sums, e, 5, c0);
#endif
#if F >= 6
        multiply_row(block, packed, sums, e, 6, c0);
        multiply_row(block, packed, sums, e, 7, c0);
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

/* Whether blocks leave `r` tiles of a point over. */
#define LEAVES(rows, columns, r) (IMAGES * (rows) * (columns) % MR == (r))
#define LEAVE(rows, r) (LEAVES(rows, TILE_COLUMNS, r) || LEAVES(rows, TILE_COLUMNS - (LAST_W < F), r))
#define IS_LEFT(r)                                                                                                            \
    ((r) < MR && (LEAVE(TILE_ROWS, r) || LEAVE(TILES_H - (ROW_BLOCKS - 1) * TILE_ROWS, r) ||                                  \
                  LEAVE(FULL_ROWS - (ROW_BLOCKS - 1) * TILE_ROWS, r)))
#define PRODUCT_OF_LEFT(r)                                                                                                    \
    if (IS_LEFT(r) && count - m == (r))                                                                                       \
        PRODUCT(r)

ALWAYS_INLINE static inline void multiply(V_SPACE const real *block, __global const real *weights, __local real *sums, extents e,
                                          int o)
{
    for (int point = 0; point < POINTS; point++) {
        const int count = IMAGES * ROWS(point / A) * COLUMNS(point % A);
        __global const real *u = weights + ((size_t)(o / NR) * POINTS + point) * (BLOCKS16 * 16 * NR);
        V_SPACE const real *a = block + (size_t)point * POINT;
        int m = 0;
        for (; m + MR <= count; m += MR, a += MR * 16)
            PRODUCT(MR)
        PRODUCT_OF_LEFT(1)
        PRODUCT_OF_LEFT(2)
        PRODUCT_OF_LEFT(3)
        PRODUCT_OF_LEFT(4)
        PRODUCT_OF_LEFT(5)
        PRODUCT_OF_LEFT(6)
        PRODUCT_OF_LEFT(7)
        PRODUCT_OF_LEFT(8)
        PRODUCT_OF_LEFT(9)
        PRODUCT_OF_LEFT(10)
        PRODUCT_OF_LEFT(11)
        PRODUCT_OF_LEFT(12)
        PRODUCT_OF_LEFT(13)
        PRODUCT_OF_LEFT(14)
        PRODUCT_OF_LEFT(15)
    }
}
#endif

#define SUM(k) LOAD_LOCAL(from + ((k) * A + x) * SUMS + SLOT(image, row, column, k, x) * NR)
#define F_ACROSS(i) across[(i) * A + x]
#define A_ROW(i) across[line * A + (i)]
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
    const extents e = extents_of(place);
    const int y0 = e.row0 * F;
#ifdef FUSED
    for (int c0 = 0; c0 < BLOCKS16 * 16; c0 += 16)
        transform_block(x, image_block, e, c0, staged, block);
#else
    __global const real *block = v + offset + ((size_t)image_block * IMAGE_BLOCKS + place) * (POINTS * POINT);
#endif
    for (int o = first; o < min(first + SLICE, TO_CHANNELS); o += NR) {
        multiply(block, weights, sums, e, o);
        for (int part = 0; part < IMAGES * NV; part++) {
            const int image = IMAGES == 1 ? 0 : part / NV, channel0 = o + part % NV * 16, n = image_block * IMAGES + image;
            if (n >= BATCH || channel0 >= TO_CHANNELS)
                continue;
            __local const real *from = sums + part % NV * 16;
#if Y_LANES == 16
            const size_t to = ((size_t)n * TO_CHANNELS + channel0) * (TO_H * TO_W) + (size_t)y0 * (TO_W * 16);
#define KEEP(y_, x_, pixel)                                                                                                   \
    STOREV(EPILOGUE16(pixel, to + ((y_) * TO_W + (x_)) * 16, channel0), y + to + ((y_) * TO_W + (x_)) * 16)
#else
#define KEEP(y_, x_, pixel) vstore16(pixel, 0, pixels + ((y_) * TO_W + (x_)) * 16)
#endif
            for (int tile = 0; tile < e.rows * TILE_COLUMNS; tile++) {
                const int row = tile / TILE_COLUMNS, column = tile % TILE_COLUMNS;
                const int height = ROW_SIZE(row), width = COLUMN_SIZE(column);
                real16 across[F * A];
                UNROLL for (int x = 0; x < A; x++) if (HAS_POINT(width, x))
                    TRANSFORM(OUTPUT_TRANSFORM, height == F, LAST_H, SUM, F_ACROSS)
                for (int line = 0; line < min(height, TO_H - (e.row0 + row) * F); line++) {
                    real16 pixel[F];
                    TRANSFORM(OUTPUT_TRANSFORM, width == F, LAST_W, A_ROW, PIXEL)
                    UNROLL for (int i = 0; i < F; i++) if (i < width && i < TO_W - (e.column0 + column) * F)
                        KEEP(row * F + line, (e.column0 + column) * F + i, pixel[i]);
                }
            }
#if Y_LANES == 1
            const size_t at = ((size_t)n * TO_CHANNELS + channel0) * (TO_H * TO_W) + y0 * TO_W;
            const int channels = min(16, TO_CHANNELS - channel0), count = min(TILE_ROWS * F, TO_H - y0) * TO_W;
            int p = 0;
            for (; p + 16 <= count; p += 16) {
                real16 square[16], turned[16];
                UNROLL for (int i = 0; i < 16; i++)
                    square[i] = vload16(0, pixels + (p + i) * 16);
                TURN(square, turned)
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

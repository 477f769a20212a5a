/* 3x3 convolution of stride 1 through F(F x F, 3 x 3) tiles with F of 2 or 4, for GPUs. Lavin and Gray, "Fast Algorithms for
 * Convolutional Neural Networks", 2016, section 4: transformed weights U and tiles V lie in memory, their product for each of the
 * A * A points, M = U V, is that of conv/implicit with a group for each point. One work-item transforms one filter, or one tile
 * of one channel; neighbours take neighbouring tiles, so that V and M are written and read in runs.
 *
 * U: [points][row tiles][DEPTH][BM], as conv/implicit packs weights; V: [points][FROM_CHANNELS][TILES], M: [points][TO_CHANNELS]
 * [TILES], with the tiles of IMAGES images. Names of the geometry: conv/taps.cl. */
#define WIDTH 4
#include "common/storage.cl"
#include "common/epilogue.cl"
#include "conv/taps.cl"

#ifndef IMAGES
#define IMAGES 1
#endif
#ifndef BM
#define BM 32
#define DEPTH 24
#endif
#define LANES real
#include "conv/winograd_transforms.cl"

#define ROWS_U ((TO_CHANNELS + BM - 1) / BM * BM * DEPTH) /* elements of a point */
#define TILES_H ((TO_H + F - 1) / F)
#define TILES_W ((TO_W + F - 1) / F)
#define IMAGE_TILES (TILES_H * TILES_W)
#define TILES (IMAGES * IMAGE_TILES)
#define ROW(i) row[i]
#define COLUMN(i) column[i]

/* One work-item for each element of a point of U. */
__kernel void winograd_tiled_weights(__global const element *restrict w, __global real *restrict u, long offset)
{
    const int i = (int)get_global_id(0), to = i / (DEPTH * BM) * BM + i % BM, from = i / BM % DEPTH;
    const bool is_there = to < TO_CHANNELS && from < FROM_CHANNELS;
#ifdef TRANSPOSED
    __global const element *filter = w + (is_there ? (size_t)from * TO_CHANNELS + to : 0) * 9;
#else
    __global const element *filter = w + (is_there ? (size_t)to * FROM_CHANNELS + from : 0) * 9;
#endif
    real across[A * 3], column[3], row[A];
#define TO_ACROSS(y) across[(y) * 3 + x]
#define FROM_ACROSS(x) across[y * 3 + (x)]
    UNROLL for (int x = 0; x < 3; x++)
    {
        UNROLL for (int y = 0; y < 3; y++)
            column[y] = is_there ? LOAD1(filter + (TAP_FIRST_H + y * TAP_STEP_H) * 3 + TAP_FIRST_W + x * TAP_STEP_W) : (real)0;
        WEIGHT_TRANSFORM(COLUMN, TO_ACROSS)
    }
    UNROLL for (int y = 0; y < A; y++)
    {
        WEIGHT_TRANSFORM(FROM_ACROSS, ROW)
        UNROLL for (int x = 0; x < A; x++)
            u[offset + (size_t)(y * A + x) * ROWS_U + i] = row[x];
    }
#undef TO_ACROSS
#undef FROM_ACROSS
}

/* Work-items: (TILES or more, FROM_CHANNELS), of the images from first_image on. */
__kernel void winograd_tiled_input(__global const element *restrict x, __global real *restrict v, long offset, int first_image)
{
    const int tile = (int)get_global_id(0), c = (int)get_global_id(1), image = first_image + tile / IMAGE_TILES;
    const int top = tile % IMAGE_TILES / TILES_W * F - PH, left = tile % TILES_W * F - PW;
    __global const element *plane = x + ((size_t)min(image, BATCH - 1) * FROM_CHANNELS + c) * (FROM_H * FROM_W);
    __global real *to = v + offset + (size_t)c * TILES + tile;
    real across[A * A], column[A], row[A];
    if (tile >= TILES)
        return;
#define TO_ACROSS(y) across[(y) * A + i]
#define FROM_ACROSS(i) across[y * A + (i)]
    UNROLL for (int i = 0; i < A; i++)
    {
        const bool is_column = image < BATCH && (uint)(left + i) < (uint)FROM_W;
        UNROLL for (int y = 0; y < A; y++)
            column[y] = is_column && (uint)(top + y) < (uint)FROM_H ? LOAD1(plane + (top + y) * FROM_W + left + i) : (real)0;
        INPUT_TRANSFORM(COLUMN, TO_ACROSS)
    }
    UNROLL for (int y = 0; y < A; y++)
    {
        INPUT_TRANSFORM(FROM_ACROSS, ROW)
        UNROLL for (int i = 0; i < A; i++)
            to[(size_t)(y * A + i) * FROM_CHANNELS * TILES] = row[i];
    }
#undef TO_ACROSS
#undef FROM_ACROSS
}

/* Work-items: (TILES or more, TO_CHANNELS), of the images from first_image on. */
__kernel void winograd_tiled_output(__global const real *restrict m, __global element *restrict y,
                                    int first_image EPILOGUE_PARAMS)
{
    const int tile = (int)get_global_id(0), channel = (int)get_global_id(1), image = first_image + tile / IMAGE_TILES;
    const int top = tile % IMAGE_TILES / TILES_W * F, left = tile % TILES_W * F;
    __global const real *from = m + (size_t)channel * TILES + tile;
    real across[F * A], column[A], pixel[F];
    if (tile >= TILES || image >= BATCH)
        return;
#define TO_ACROSS(i) across[(i) * A + x]
#define FROM_ACROSS(x) across[i * A + (x)]
#define PIXEL(x) pixel[x]
    UNROLL for (int x = 0; x < A; x++)
    {
        UNROLL for (int i = 0; i < A; i++)
            column[i] = from[(size_t)(i * A + x) * TO_CHANNELS * TILES];
        OUTPUT_TRANSFORM(COLUMN, TO_ACROSS)
    }
    UNROLL for (int i = 0; i < F; i++)
    {
        const size_t index = (((size_t)image * TO_CHANNELS + channel) * TO_H + top + i) * TO_W + left;
        OUTPUT_TRANSFORM(FROM_ACROSS, PIXEL)
        if (top + i >= TO_H)
            continue;
#if F == 4
        if (left + F <= TO_W) {
            const realv pixels = (realv)(pixel[0], pixel[1], pixel[2], pixel[3]);
            STOREV(EPILOGUEV(pixels, index, channel), y + index);
            continue;
        }
#endif
        UNROLL for (int x = 0; x < F; x++)
            if (left + x < TO_W)
                STORE1(EPILOGUE1(pixel[x], index + x, channel), y + index + x);
    }
}

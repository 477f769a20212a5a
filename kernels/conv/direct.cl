/* Direct convolution for CPUs: one work-item per work-group, lanes of a vector are neighbouring pixels, so that plain NCHW is
 * read and written as it lies.
 *
 * A group computes ROWS rows x COLUMNS columns of one image for SLICE result channels. It stages the input rows it needs in
 * local memory, zero padded and split by phase: the plane of phase (a, b) holds the pixels whose padded row is a modulo the
 * stride and whose padded column is b. There every tap of the kernel, whatever stride and dilation are, is one constant offset,
 * and a row continues in the next one after PITCH pixels, so that vectors run over row ends (what they compute in the gaps is
 * dropped) and (of whole rows) the padding behind a row is the one in front of the next. A register tile holds MR channels x NV
 * vectors of sums; the weights were packed in the order in which it needs them.
 *
 * FROM: what is read; TO: what is computed, T of a row of results; the results lie in a tensor [.][Y_D][Y_H][Y_W] at multiples
 * of Y_STEP from Y_FIRST: the gradient of the data is computed phase by phase (tap_conv_phase), a forward pass has
 * step 1. JOINED phases of columns (tap_conv_joined) are computed one after the other from the same staged rows, each with
 * weights of its own, and written together: their results lie side by side. */
#include "conv/common.cl"
#include "conv/taps.cl"

#ifndef ROWS
#define ROWS 4
#endif
#ifndef MR
#define MR 8 /* channels of a register tile */
#endif
#ifndef NV
#define NV 2 /* vectors of a register tile */
#endif
#ifndef COLUMNS
#define COLUMNS TO_W
#endif
#ifndef BLOCK
#define BLOCK FROM_CHANNELS /* channels staged at a time */
#endif
#ifndef SLICE
#define SLICE TO_CHANNELS /* result channels of a work-group; a multiple of MR unless it is all */
#endif

#ifndef JOINED
#define JOINED 1
#define JOINED_TAPS KW /* of each: KW, KW - 1 (JOINED_FEWER: of some, and not 0) or 0 */
#define JOINED_AT 0    /* columns from the first staged one to a phase's first */
#define SHIFT_W ((KW > 0 ? KW - 1 : 0) * RW / SW) /* the same along the row */
#endif
#if COLUMNS < TO_W /* a row ends in the middle of the image */
#undef PITCH
#define PITCH (COLUMNS + SHIFT_W)
#endif
#define SHIFT_H ((KH > 0 ? KH - 1 : 0) * RH / SH)            /* rows below its own that a result reads, in its phase's plane */
#define PLANE ((ROWS + SHIFT_H) * PITCH)
#define CHANNEL (KD * PHASES_H * PHASES_W * PLANE)           /* staged floats of one channel */
#define VECTORS (((ROWS - 1) * PITCH + COLUMNS + 15) / 16)
#define STAGED ((BLOCK * CHANNEL + 32 + SHIFT_W + 15) / 16 * 16)
#define BLOCKS ((FROM_CHANNELS + BLOCK - 1) / BLOCK)
#define SUM_CHANNELS (BLOCKS > 1 ? (SLICE + MR - 1) / MR * MR : MR)
#define SUMS (SUM_CHANNELS * VECTORS * 16) /* floats of one phase */
#define TILES ((TO_CHANNELS + MR - 1) / MR)
#define ROW_OFFSET(kh) (((kh) * RH % SH / PHASE_H) * PHASES_W * PLANE + (kh) * RH / SH * PITCH)
#define COLUMN_OFFSET(kw) (((kw) * RW % SW / PHASE_W) * PLANE + (kw) * RW / SW)

#include "conv/stage.cl"

static inline void stage(__global const element *image, __global const element *limit, __local real *staged, int od, int y0,
                         int x0, int channels)
{
    for (int c = 0; c < channels; c++)
        for (int kd = 0; kd < KD; kd++) {
            const int d = od * SD + kd * RD - PD;
            if (d < 0 || d >= FROM_D)
                continue;
            __global const element *plane = image + ((size_t)c * FROM_D + d) * (FROM_H * FROM_W);
            for (int phase = 0; phase < PHASES_H * PHASES_W; phase++) {
                __local real *to = staged + ((c * KD + kd) * (PHASES_H * PHASES_W) + phase) * PLANE;
                const int h0 = y0 * SH + phase / PHASES_W * PHASE_H - PH;
                const int c0 = x0 * SW + phase % PHASES_W * PHASE_W - PW;
                for (int q = 0; q < ROWS + SHIFT_H; q++) {
                    const int h = h0 + q * SH;
                    if (h >= 0 && h < FROM_H)
                        stage_row(plane + (size_t)h * FROM_W, limit, to + q * PITCH, c0);
                }
            }
        }
}

/* ---- the register tile ---- */

#define LOAD_SUMS(R, V)                                                                                                       \
    UNROLL for (int i = 0; i < R; i++) UNROLL for (int j = 0; j < V; j++) acc[i][j] =                                         \
        block == 0 ? (real16)(0) : vload16(0, sum + i * (VECTORS * 16) + j * 16);

#define STEP(R, V, x, w)                                                                                                      \
    {                                                                                                                         \
        real16 pixels[V];                                                                                                     \
        UNROLL for (int j = 0; j < V; j++) pixels[j] = vload16(0, (x) + j * 16);                                              \
        UNROLL for (int i = 0; i < R; i++)                                                                                    \
        {                                                                                                                     \
            const real16 weight = (real16)((w)[i]);                                                                           \
            UNROLL for (int j = 0; j < V; j++) acc[i][j] = fma(pixels[j], weight, acc[i][j]);                                 \
        }                                                                                                                     \
    }

/* channels x taps: x at the tile's first pixel of the block's first channel, w at the tile's first weight of that channel; K taps
 * in a row */
#define PRODUCT(R, V, K)                                                                                                      \
    if (KD * KH * (K) == 1) {                                                                                                 \
        _Pragma("unroll 4") for (int c = 0; c < channels; c++) STEP(R, V, x + c * CHANNEL, w + c * MR)                        \
    } else {                                                                                                                  \
        for (int c = 0; c < channels * KD; c++)                                                                               \
            for (int kh = 0; kh < KH; kh++) {                                                                                 \
                __local const real *row = x + c * (PHASES_H * PHASES_W * PLANE) + ROW_OFFSET(kh);                             \
                _Pragma("unroll 8") for (int kw = 0; kw < (K); kw++) STEP(R, V, row + COLUMN_OFFSET(kw), w + kw * MR)         \
                w += (K)*MR;                                                                                                  \
            }                                                                                                                 \
    }

#define TILE(R, V, K)                                                                                                         \
    {                                                                                                                         \
        real16 acc[R][V];                                                                                                     \
        LOAD_SUMS(R, V)                                                                                                       \
        PRODUCT(R, V, K)                                                                                                      \
        UNROLL for (int i = 0; i < R; i++) UNROLL for (int j = 0; j < V; j++)                                                 \
            vstore16(acc[i][j], 0, sum + i * (VECTORS * 16) + j * 16);                                                        \
    }

#if VECTORS % NV
#define REMAINDER(R, K)                                                                                                       \
    {                                                                                                                         \
        __local const real *x = pixels + VECTORS / NV * NV * 16;                                                              \
        __global const real *w = weights;                                                                                     \
        __local real *sum = tile_sums + VECTORS / NV * NV * 16;                                                               \
        TILE(R, (VECTORS % NV), K)                                                                                            \
    }
#else
#define REMAINDER(R, K)
#endif

/* All pixels of R channels. No function: LLVM 15 inside PoCL crashed over inlining it with some parameters. */
#define PIXELS(R, K)                                                                                                          \
    {                                                                                                                         \
        for (int v = 0; v < VECTORS / NV * NV; v += NV) {                                                                     \
            __local const real *x = pixels + v * 16;                                                                          \
            __global const real *w = weights;                                                                                 \
            __local real *sum = tile_sums + v * 16;                                                                           \
            TILE(R, NV, K)                                                                                                    \
        }                                                                                                                     \
        REMAINDER(R, K)                                                                                                       \
    }

/* All channels of a tile, of which the last one may have fewer. */
#if TO_CHANNELS % MR
#define TILE_OF_CHANNELS(K)                                                                                                   \
    if (o + MR > TO_CHANNELS)                                                                                                 \
        PIXELS((TO_CHANNELS % MR), K)                                                                                         \
    else                                                                                                                      \
        PIXELS(MR, K)
#else
#define TILE_OF_CHANNELS(K) PIXELS(MR, K)
#endif

/* One row of results from those of the phases, `apart` floats apart. */
static inline void interleave(__local const real *row, int apart, __local real *line)
{
#if JOINED == 2
    for (int i = 0; i < COLUMNS; i += 16) {
        const real16 a = vload16(0, row + i), b = vload16(0, row + apart + i);
        vstore16((real16)(a.s0, b.s0, a.s1, b.s1, a.s2, b.s2, a.s3, b.s3, a.s4, b.s4, a.s5, b.s5, a.s6, b.s6, a.s7, b.s7), 0,
                 line + 2 * i);
        vstore16((real16)(a.s8, b.s8, a.s9, b.s9, a.sa, b.sa, a.sb, b.sb, a.sc, b.sc, a.sd, b.sd, a.se, b.se, a.sf, b.sf), 0,
                 line + 2 * i + 16);
    }
#else
    for (int q = 0; q < JOINED; q++)
        for (int i = 0; i < COLUMNS; i++)
            line[i * JOINED + q] = row[q * apart + i];
#endif
}

/* Rows of results follow each other in y without gaps. */
#define DENSE (Y_STEP_W == 1 && Y_STEP_H == 1 && Y_W == TO_W && COLUMNS == TO_W)

/* x: [batch][GROUPS * FROM_CHANNELS][FROM_D][FROM_H][FROM_W]; packed: [GROUPS][TILES][FROM_CHANNELS][TAPS][MR];
 * offset: of the weights in it, in elements; groups of work: (row blocks x column blocks, GROUPS * slices, batch *
 * TO_D). */
__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void conv_direct(__global const element *restrict x, __global const real *restrict packed,
                          __global element *restrict y, int offset EPILOGUE_PARAMS)
{
    __local real staged[STAGED] __attribute__((aligned(64)));
    __local real sums[JOINED * SUMS + 16] __attribute__((aligned(64)));
#if JOINED > 1
    __local real line[(COLUMNS + 15) / 16 * 16 * JOINED] __attribute__((aligned(64)));
    const int taps_of[] = {JOINED_TAPS}, at_of[] = {JOINED_AT};
#endif
#if DENSE && TO_W < 16 && PITCH != TO_W
    __local real joined[ROWS * TO_W + 16] __attribute__((aligned(64)));
#endif
    const int slices = (TO_CHANNELS + SLICE - 1) / SLICE;
    const int column_blocks = (TO_W + COLUMNS - 1) / COLUMNS;
    const int x0 = (int)get_group_id(0) % column_blocks * COLUMNS;
    const int y0 = (int)get_group_id(0) / column_blocks * ROWS, group = (int)get_group_id(1) / slices;
    const int first = (int)get_group_id(1) % slices * SLICE, end = min(first + SLICE, TO_CHANNELS);
    const int od = (int)get_group_id(2) % TO_D, n = (int)get_group_id(2) / TO_D;
    const int rows = min(ROWS, TO_H - y0), columns = min(COLUMNS, TO_W - x0);
    for (int i = 0; i < STAGED; i += 16)
        vstore16((real16)(0), 0, staged + i);
    __global const element *limit = x + (size_t)BATCH * GROUPS * FROM_CHANNELS * (FROM_D * FROM_H * FROM_W);
    for (int block = 0; block < BLOCKS; block++) {
        const int c0 = block * BLOCK, channels = min(BLOCK, FROM_CHANNELS - c0);
        stage(x + ((size_t)(n * GROUPS + group) * FROM_CHANNELS + c0) * (FROM_D * FROM_H * FROM_W), limit, staged, od, y0, x0,
              channels);
        for (int o = first; o < end; o += MR) {
            __local real *tile_sums = BLOCKS > 1 ? sums + (o - first) * (VECTORS * 16) : sums;
            const size_t tile = (size_t)group * TILES + o / MR;
#if JOINED > 1
            __global const real *weights_of_phase = packed + offset;
            for (int q = 0; q < JOINED; q++, tile_sums += SUMS) {
                const int taps = KD * KH * taps_of[q];
                __local const real *pixels = staged + at_of[q];
                __global const real *weights = weights_of_phase + (tile * FROM_CHANNELS + c0) * (taps * MR);
                weights_of_phase += (size_t)GROUPS * TILES * FROM_CHANNELS * (taps * MR);
                if (taps_of[q] == 0) {
                    for (int i = 0; i < MR * VECTORS * 16 && block == 0; i += 16)
                        vstore16((real16)(0), 0, tile_sums + i);
                    continue;
                }
#ifdef JOINED_FEWER
                if (taps_of[q] < KW) {
                    TILE_OF_CHANNELS((KW - 1))
                    continue;
                }
#endif
                TILE_OF_CHANNELS(KW)
            }
            tile_sums -= JOINED * SUMS;
#else
            __local const real *pixels = staged;
            __global const real *weights = packed + offset + (tile * FROM_CHANNELS + c0) * (KD * KH * KW * MR);
            TILE_OF_CHANNELS(KW)
#endif
            if (block < BLOCKS - 1)
                continue;
            for (int i = 0; i < min(MR, TO_CHANNELS - o); i++) {
                __local const real *row = tile_sums + i * (VECTORS * 16);
                const int channel = group * TO_CHANNELS + o + i;
                const size_t plane = ((size_t)n * (GROUPS * TO_CHANNELS) + channel) * Y_D + Y_FIRST_D + (size_t)od * Y_STEP_D;
                const size_t index = plane * (Y_H * Y_W) + (size_t)(Y_FIRST_H + y0 * Y_STEP_H) * Y_W + Y_FIRST_W;
#if JOINED > 1
                const int begin = max(Y_FIRST_W + x0 * JOINED, 0), end_w = min(Y_FIRST_W + (x0 + columns) * JOINED, Y_W);
                const int skipped = begin - (Y_FIRST_W + x0 * JOINED);
                for (int r = 0; r < rows; r++) {
                    const size_t at = index + (size_t)r * (Y_STEP_H * Y_W) + begin - Y_FIRST_W;
                    interleave(row + r * PITCH, SUMS, line);
                    int p = 0;
                    for (; p + 16 <= end_w - begin; p += 16)
                        STOREV(EPILOGUE16(vload16(0, line + skipped + p), at + p, channel), y + at + p);
                    for (; p < end_w - begin; p++)
                        STORE1(EPILOGUE1(line[skipped + p], at + p, channel), y + at + p);
                }
#elif !DENSE
                for (int r = 0; r < rows; r++) {
                    const size_t at = index + (size_t)r * (Y_STEP_H * Y_W) + (size_t)x0 * Y_STEP_W;
                    int p = 0;
#if Y_STEP_W == 1
                    for (; p + 16 <= columns; p += 16)
                        STOREV(EPILOGUE16(vload16(0, row + r * PITCH + p), at + p, channel), y + at + p);
#endif
                    for (; p < columns; p++)
                        STORE1(EPILOGUE1(row[r * PITCH + p], at + p * Y_STEP_W, channel), y + at + p * Y_STEP_W);
                }
#elif TO_W >= 16 && PITCH != TO_W
                for (int r = 0; r < rows; r++)
                    for (int p = 0; p < TO_W; p += 16) {
                        const int from = min(p, TO_W - 16); /* the last vector overlaps the one before */
                        const size_t at = index + (size_t)r * TO_W + from;
                        STOREV(EPILOGUE16(vload16(0, row + r * PITCH + from), at, channel), y + at);
                    }
#else
#if PITCH != TO_W
                for (int r = 0; r < rows; r++)
                    vstore16(vload16(0, row + r * PITCH), 0, joined + r * TO_W);
                row = joined;
#endif
                int p = 0;
                for (; p + 16 <= rows * TO_W; p += 16)
                    STOREV(EPILOGUE16(vload16(0, row + p), index + p, channel), y + index + p);
                for (; p < rows * TO_W; p++)
                    STORE1(EPILOGUE1(row[p], index + p, channel), y + index + p);
#endif
            }
        }
    }
}

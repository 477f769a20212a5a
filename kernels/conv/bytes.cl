/* Convolution of bytes with sums in 32 bits on CPU-shaped devices: the product of gemm/bytes.cl with rows of A that are never made.
 * conv_bytes_stage: images with their padding, channels innermost, a multiple of STEP bytes of them. conv_bytes_pack: weights in
 * panels [channels / COLUMNS][taps x words][COLUMNS][STEP], behind them the sum of each column. conv_bytes: a group takes PIXELS
 * results of one image and some panels; a row of A is, tap by tap, a run of words of the staged image. Sums of PIXELS x COLUMNS
 * are turned in local memory, so that results are written along the image. Signs are treated as gemm/bytes.cl says; without an
 * instruction images are staged as floats and sums of at most 512 products are made in float, which is exact. */
#include "common/bytes.cl"
#include "common/epilogue.cl"
#include "conv/geometry.cl"
#ifndef ROWS
#define ROWS 8
#endif
#ifndef VECTORS
#define VECTORS 2
#endif
#ifndef PIXELS
#define PIXELS 64
#endif
#define COLUMNS (VECTORS * WIDTH)
#define INTV VECTOR(int)
#if DOT
#define STEP 4
typedef int staged;
#define ZERO (A_SIGNED ? 0x80 : 0) /* what stands for 0 */
#else
#define STEP 1
typedef float staged;
#endif
#define WORDS ((CHANNELS + STEP - 1) / STEP)
#define TAPS (KD * KH * KW)
#define DEPTH (TAPS * WORDS)
/* Taps along the width that are not dilated follow each other in the staged image. */
#if RW == 1
#define RUN (KW * WORDS)
#define RUNS_W 1
#else
#define RUN WORDS
#define RUNS_W KW
#endif
#define PADDED_D (ID + PD + ED)
#define PADDED_H (IH + PH + EH)
#define PADDED_W (IW + PW + EW)
#define RESULTS (OD * OH * OW)
#define EXACT 512

/* One work-item per row of a padded image. */
__kernel void conv_bytes_stage(__global const a_byte *restrict x, __global staged *restrict to)
{
    const int h = (int)get_global_id(0), d = (int)get_global_id(1), n = (int)get_global_id(2);
    const int ih = h - PH, id = d - PD;
    const bool inside = ih >= 0 && ih < IH && id >= 0 && id < ID;
    __global staged *row = to + (((size_t)n * PADDED_D + d) * PADDED_H + h) * PADDED_W * WORDS;
    __global const a_byte *from = x + (size_t)n * CHANNELS * ID * IH * IW + (inside ? ((size_t)id * IH + ih) * IW : 0);
#if DOT
    const int empty = ZERO * 0x01010101;
#else
    const float empty = 0;
#endif
    for (int word = 0; word < WORDS; word++) {
        for (int w = 0; w < PADDED_W; w++) {
            const int iw = w - PW;
            if (!inside || iw < 0 || iw >= IW) {
                row[(size_t)w * WORDS + word] = empty;
                continue;
            }
#if DOT
            uint bytes = 0;
            UNROLL for (int s = 0; s < STEP; s++) {
                const int c = word * STEP + s;
                const uint byte = c < CHANNELS ? (uint)(uchar)from[(size_t)c * ID * IH * IW + iw] ^ (uint)ZERO : 0u;
                bytes |= byte << (8 * s);
            }
            row[(size_t)w * WORDS + word] = as_int(bytes);
#else
            row[(size_t)w * WORDS + word] = from[(size_t)word * ID * IH * IW + iw];
#endif
        }
    }
}

/* One work-item per word of a column. */
__kernel void conv_bytes_pack(__global const b_byte *restrict w, __global char *restrict packed)
{
    const int word = (int)get_global_id(0), oc = (int)get_global_id(1), tap = word / WORDS, first = word % WORDS * STEP;
    __global char *to = packed + ((size_t)(oc / COLUMNS) * DEPTH + word) * COLUMNS * STEP + (size_t)(oc % COLUMNS) * STEP;
    for (int s = 0; s < STEP; s++) {
        const int c = first + s;
        int byte = 0;
        if (c < CHANNELS && oc < OUT_CHANNELS)
            byte = (int)w[((size_t)oc * CHANNELS + c) * TAPS + tap] - (DOT && !B_SIGNED ? 128 : 0);
        to[s] = (char)byte;
    }
}

__kernel void conv_bytes_sums(__global const char *restrict packed, __global int *restrict sums, long offset)
{
    const int oc = (int)get_global_id(0);
    __global const char *from = packed + (size_t)(oc / COLUMNS) * DEPTH * COLUMNS * STEP + (size_t)(oc % COLUMNS) * STEP;
    int sum = 0;
    for (int word = 0; word < DEPTH; word++)
        for (int s = 0; s < STEP; s++)
            sum += from[(size_t)word * COLUMNS * STEP + s];
    sums[offset + oc] = sum;
}

/* Where the run of tap `run` begins, from a result's first word. */
#define RUN_AT(run)                                                                                                              \
    ((((run) / (KH * RUNS_W) * RD * PADDED_H + (run) / RUNS_W % KH * RH) * PADDED_W + (run) % RUNS_W * RW) * WORDS)

#if DOT && !B_SIGNED
/* The sum of the image's bytes under one result, as numbers. */
static int sum_under(__global const int *x)
{
    int sum = 0;
    for (int run = 0; run < KD * KH * RUNS_W; run++) {
        __global const uchar *bytes = (__global const uchar *)(x + RUN_AT(run));
        for (int i = 0; i < RUN * STEP; i++)
            sum += i % (WORDS * STEP) < CHANNELS ? (int)bytes[i] - ZERO : 0;
    }
    return sum;
}
#endif

#if WIDTH == 16
/* Squares of 16 pixels by 16 channels are turned in registers, in four rounds of interleaving pairs half a square apart. */
static inline int16 interleave_low(int16 x, int16 y)
{
    int16 r;
    r.even = x.lo;
    r.odd = y.lo;
    return r;
}

static inline int16 interleave_high(int16 x, int16 y)
{
    int16 r;
    r.even = x.hi;
    r.odd = y.hi;
    return r;
}

#define TURN(from, to)                                                                                                           \
    UNROLL for (int i = 0; i < 8; i++) {                                                                                         \
        to[2 * i] = interleave_low(from[i], from[i + 8]);                                                                        \
        to[2 * i + 1] = interleave_high(from[i], from[i + 8]);                                                                   \
    }
#endif

__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void conv_bytes(__global const staged *restrict x, __global const char *restrict w, __global const int *restrict column_sums,
                         __global element *restrict y, long sums_offset, int group_columns, __local int *tile,
                         __local int *bases, __local int *row_sums EPILOGUE_PARAMS)
{
    const int first = (int)get_group_id(0) * PIXELS, count = min(PIXELS, RESULTS - first);
    const int column_first = (int)get_group_id(1) * group_columns, column_end = min(OUT_CHANNELS, column_first + group_columns);
    const long n = get_group_id(2);
    x += (size_t)n * PADDED_D * PADDED_H * PADDED_W * WORDS;
    for (int p = 0; p < PIXELS; p++) {
        const int at = min(first + p, RESULTS - 1), od = at / (OH * OW), oh = at / OW % OH, ow = at % OW;
        bases[p] = ((od * SD * PADDED_H + oh * SH) * PADDED_W + ow * SW) * WORDS;
#if DOT && !B_SIGNED
        row_sums[p] = sum_under(x + bases[p]);
#endif
    }
    for (int column = column_first; column < column_end; column += COLUMNS) {
        __global const char *panel = w + (size_t)column * DEPTH * STEP;
        for (int p = 0; p < count; p += ROWS) {
            INTV sum[ROWS][VECTORS];
            UNROLL for (int i = 0; i < ROWS; i++) {
                UNROLL for (int j = 0; j < VECTORS; j++) {
                    sum[i][j] = (INTV)(0);
#if DOT && A_SIGNED
                    sum[i][j] -= 128 * VLOAD(column_sums + sums_offset + column + j * WIDTH);
#endif
#if DOT && !B_SIGNED
                    sum[i][j] += (INTV)(128 * row_sums[p + i]);
#endif
                }
            }
            for (int run = 0; run < KD * KH * RUNS_W; run++) {
                __global const staged *from[ROWS];
                UNROLL for (int i = 0; i < ROWS; i++)
                    from[i] = x + bases[p + i] + RUN_AT(run);
#if DOT
                __global const int *lines = (__global const int *)panel + (size_t)run * RUN * COLUMNS;
                UNROLL_BY(4) for (int k = 0; k < RUN; k++) {
                    INTV value[VECTORS];
                    UNROLL for (int j = 0; j < VECTORS; j++)
                        value[j] = VLOAD(lines + k * COLUMNS + j * WIDTH);
                    UNROLL for (int i = 0; i < ROWS; i++) {
                        const INTV factor = (INTV)(from[i][k]);
                        UNROLL for (int j = 0; j < VECTORS; j++)
                            sum[i][j] = dot_bytes(sum[i][j], factor, value[j]);
                    }
                }
#else
                __global const b_byte *lines = (__global const b_byte *)panel + (size_t)run * RUN * COLUMNS;
                for (int begin = 0; begin < RUN; begin += EXACT) {
                    const int end = min(RUN, begin + EXACT);
                    VECTOR(float) part[ROWS][VECTORS];
                    UNROLL for (int i = 0; i < ROWS; i++)
                        UNROLL for (int j = 0; j < VECTORS; j++)
                            part[i][j] = (VECTOR(float))(0);
                    UNROLL_BY(2) for (int k = begin; k < end; k++) {
                        VECTOR(float) value[VECTORS];
                        UNROLL for (int j = 0; j < VECTORS; j++)
                            value[j] = CONVERT_VECTOR(float)(VLOAD(lines + (size_t)k * COLUMNS + j * WIDTH));
                        UNROLL for (int i = 0; i < ROWS; i++) {
                            const VECTOR(float) factor = (VECTOR(float))(from[i][k]);
                            UNROLL for (int j = 0; j < VECTORS; j++)
                                part[i][j] = fma(factor, value[j], part[i][j]);
                        }
                    }
                    UNROLL for (int i = 0; i < ROWS; i++)
                        UNROLL for (int j = 0; j < VECTORS; j++)
                            sum[i][j] += CONVERT_VECTOR(int)(part[i][j]);
                }
#endif
            }
            UNROLL for (int i = 0; i < ROWS; i++)
                UNROLL for (int j = 0; j < VECTORS; j++)
                    VSTORE(sum[i][j], tile + (p + i) * COLUMNS + j * WIDTH);
        }
        const int columns = min(COLUMNS, column_end - column);
        int turned = 0; /* pixels whose results are written */
#if WIDTH == 16
        for (; turned + 16 <= count; turned += 16) {
            for (int part = 0; part < columns; part += 16) {
                int16 square[16], other[16];
                UNROLL for (int i = 0; i < 16; i++)
                    square[i] = vload16(0, tile + (turned + i) * COLUMNS + part);
                TURN(square, other)
                TURN(other, square)
                TURN(square, other)
                TURN(other, square)
                const size_t at = ((size_t)n * OUT_CHANNELS + column + part) * RESULTS + first + turned;
                UNROLL for (int i = 0; i < 16; i++)
                    if (part + i < columns)
                        STOREV(EPILOGUEV(square[i], at + (size_t)i * RESULTS, column + part + i), y + at + (size_t)i * RESULTS);
            }
        }
#endif
        for (int j = 0; j < columns; j++) {
            const size_t at = ((size_t)n * OUT_CHANNELS + column + j) * RESULTS + first;
            __local const int *from = tile + j;
            int p = turned;
            for (; WIDTH < 16 && p + WIDTH <= count; p += WIDTH) {
                int lanes[WIDTH];
                UNROLL for (int l = 0; l < WIDTH; l++)
                    lanes[l] = from[(p + l) * COLUMNS];
                STOREV(EPILOGUEV(VLOAD(lanes), at + p, column + j), y + at + p);
            }
            for (; p < count; p++)
                STORE1(EPILOGUE1(from[p * COLUMNS], at + p, column + j), y + at + p);
        }
    }
}

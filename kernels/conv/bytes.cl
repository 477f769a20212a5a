/* Convolution of bytes with sums in 32 bits on CPU-shaped devices. A vector's lanes are pixels that follow each other in a row,
 * so that results leave as ONNX has them; each product takes one word of a pixel (four channels) times the same word of weights.
 *
 * A group takes PIXELS places of one image (of one depth) and some output channels. It stages the rows of the image that it reads
 * in local memory, with their padding, as words: planes [word][tap in depth][phase of row][phase of column], which have every
 * SH-th row and SW-th column, so that each tap reads places next to each other whatever the stride. Places count along a plane's
 * rows of ROW_STEP columns, of which OW are results: what lies between, GAP, is computed and dropped. Padding behind a row is
 * that in front of the next one. Tiles of VECTORS vectors x COLUMNS output channels are kept in local memory and leave without
 * the gaps.
 *
 * Signs: the instruction multiplies unsigned by signed bytes. Signed x become x + 128, unsigned w are stored less 128; with x'
 * and w' as the instruction sees them, x w = (x' - za)(w' + zb) = x' w' - za w' + zb (x' - za), where za, zb are 0 or 128: sums
 * of w' stand behind the weights (conv/bytes_pack.cl), those of x' are made beside the products. Without an instruction x is
 * staged as float, and sums of at most EXACT products, which float holds exactly, are added up as integers. */
#include "common/bytes.cl"
#include "common/epilogue.cl"
#include "conv/geometry.cl"
#ifndef VECTORS
#define VECTORS 4
#endif
#ifndef COLUMNS
#define COLUMNS 6
#endif
#ifndef PIXELS
#define PIXELS 64
#endif
#ifndef CHUNK
#define CHUNK 64 /* words that are staged at once */
#endif
#ifndef INDEXED
#define INDEXED 0 /* the epilogue reads operands at the index of each result */
#endif
#define INTV VECTOR(int)
#if DOT
#define STEP 4
typedef int staged;
typedef INTV stagedv;
#define EXACT INT_MAX
#define SIGN_BITS (A_SIGNED ? 0x80808080u : 0u)
#else
#define STEP 1
typedef float staged;
typedef VECTOR(float) stagedv;
#define EXACT (A_SIGNED || B_SIGNED ? 512 : 256) /* products of two bytes below 2^24 together */
#endif
#define WORDS ((CHANNELS + STEP - 1) / STEP)
#define TAPS (KD * KH * KW)
#define TILE (VECTORS * WIDTH)

/* ---- where staged pixels lie ---- */

#ifndef ROW_STEP
#define ROW_STEP 10
#define PLANE 400     /* staged items of a plane */
#define KEPT_STEP 160 /* kept results of an output channel of a tile */
#endif
#define LEAST(a, b) ((a) < (b) ? (a) : (b))
#define POSITIVE(a) ((a) > 0 ? (a) : 0)
#define PHASES(k, r, s) LEAST(s, ((k) - 1) * (r) + 1)
#define PHASES_H PHASES(KH, RH, SH)
#define PHASES_W PHASES(KW, RW, SW)
#define REACH_H ((KH - 1) * RH / SH)
#define REACH_W ((KW - 1) * RW / SW)
#define GAP (ROW_STEP - OW)
#define PLACES ((OH - 1) * ROW_STEP + OW)
#define WORD_PLANES (KD * PHASES_H * PHASES_W)
/* Of tap (kh, kw) in the planes of one tap in depth. */
#define TAP_AT(kh, kw)                                                                                                           \
    (((kh) * RH % SH * PHASES_W + (kw) * RW % SW) * PLANE + (kh) * RH / SH * ROW_STEP + (kw) * RW / SW)

/* ---- staging ---- */

/* The s-th channel of a word of `channels`: those after the last one do not matter, since their weights are 0. */
#define CHANNEL_OF(s, channels) ((size_t)(CHANNELS % STEP == 0 ? s : min(s, (channels)-1)) * ID * IH * IW)

/* WIDTH columns of a row from `from` on. */
static inline stagedv staged_columns(__global const a_byte *from, int channels)
{
#if !DOT && SW == 1
    return CONVERT_VECTOR(float)(VLOAD(from));
#elif DOT && SW <= 2
    uint16 words = (uint16)(0);
    UNROLL for (int s = 0; s < STEP; s++) {
        __global const uchar *bytes = (__global const uchar *)from + CHANNEL_OF(s, channels);
#if SW == 1
        words |= convert_uint16(vload16(0, bytes)) << (uint16)(8 * s);
#else
        const ushort16 pairs = (ushort16)(as_ushort8(vload16(0, bytes)), as_ushort8(vload16(1, bytes)));
        words |= (convert_uint16(pairs) & (uint16)(0xff)) << (uint16)(8 * s);
#endif
    }
    return as_int16(words ^ (uint16)(SIGN_BITS));
#else
    staged lanes[WIDTH];
    for (int i = 0; i < WIDTH; i++) {
#if DOT
        uint word = 0;
        for (int s = 0; s < STEP; s++)
            word |= (uint)(uchar)from[CHANNEL_OF(s, channels) + i * SW] << (8 * s);
        lanes[i] = as_int(word ^ SIGN_BITS);
#else
        lanes[i] = from[i * SW];
#endif
    }
    return VLOAD(lanes);
#endif
}

static inline staged staged_column(__global const a_byte *from, int channels)
{
#if DOT
    uint word = 0;
    for (int s = 0; s < channels; s++)
        word |= (uint)(uchar)from[(size_t)s * ID * IH * IW] << (8 * s);
    return as_int(word ^ SIGN_BITS);
#else
    return from[0];
#endif
}

/* One row of a plane; may write up to WIDTH columns behind it, which are staged later. `from`: column 0 of the image, `left`:
 * bytes of x from there on. */
static inline void stage_row(__global const a_byte *from, long left, int channels, int phase, staged empty, __local staged *to)
{
    const int begin = POSITIVE((PW - phase + SW - 1) / SW), end = min(ROW_STEP, (PW + IW - phase + SW - 1) / SW);
    const int skipped = begin * SW + phase - PW;
    const long most = left - (long)(channels - 1) * ID * IH * IW - skipped - WIDTH * SW; /* where a vector may begin */
    int w = begin;
    from += skipped;
    for (int i = 0; i < begin; i++)
        to[i] = empty;
    for (; w < end && (long)(w - begin) * SW <= most; w += WIDTH)
        VSTORE(staged_columns(from + (w - begin) * SW, channels), to + w);
    for (; w < end; w++)
        to[w] = staged_column(from + (w - begin) * SW, channels);
    for (w = end; w < ROW_STEP; w++)
        to[w] = empty;
}

/* Rows row..row + rows - 1 of all planes of `words` words from `first` on. */
static inline void stage(__global const a_byte *x, long n, int first, int words, int od, int row, int rows, int pad_value,
                         __local staged *to)
{
#if DOT
    const staged empty = as_int(((uint)pad_value & 0xffu) * 0x01010101u ^ SIGN_BITS);
#else
    const staged empty = pad_value;
#endif
    for (int plane = 0; plane < words * WORD_PLANES; plane++, to += PLANE) {
        const int word = first + plane / WORD_PLANES, kd = plane / (PHASES_H * PHASES_W) % KD;
        const int phase_h = plane / PHASES_W % PHASES_H, phase_w = plane % PHASES_W;
        const int id = od * SD + kd * RD - PD, channels = min(STEP, CHANNELS - word * STEP);
        const long image = ((n * CHANNELS + word * STEP) * ID + id) * IH * IW;
        for (int i = 0; i < rows; i++) {
            const int ih = (row + i) * SH + phase_h - PH;
            __local staged *at = to + i * ROW_STEP;
            if (id >= 0 && id < ID && ih >= 0 && ih < IH) {
                const long offset = image + (long)ih * IW;
                stage_row(x + offset, (long)BATCH * CHANNELS * ID * IH * IW - offset, channels, phase_w, empty, at);
            } else {
                for (int w = 0; w < ROW_STEP; w += WIDTH)
                    VSTORE((stagedv)(empty), at + w);
            }
        }
        for (int w = 0; w < REACH_W; w += WIDTH) /* what the last row shares with no other */
            VSTORE((stagedv)(empty), to + rows * ROW_STEP + w);
    }
}

/* ---- sums ---- */

#if DOT
typedef INTV partv;
#define MULTIPLY(sum, x, w) dot_bytes(sum, x, w)
#else
typedef VECTOR(float) partv;
#define MULTIPLY(sum, x, w) fma(x, w, sum)
#endif
#if KW <= 8
#define UNROLL_TAPS UNROLL
#else
#define UNROLL_TAPS
#endif

/* Adds the products of `words` words. */
static inline void add_products(__local const staged *x, __global const staged *w, int word, int words,
                                partv sum[COLUMNS][VECTORS], INTV bytes[VECTORS])
{
    for (int end = word + words; word < end; word++) {
        for (int kd = 0; kd < KD; kd++, x += PHASES_H * PHASES_W * PLANE) {
            for (int kh = 0; kh < KH; kh++) {
                UNROLL_TAPS for (int kw = 0; kw < KW; kw++) {
                    stagedv value[VECTORS];
                    UNROLL for (int p = 0; p < VECTORS; p++)
                        value[p] = VLOAD(x + TAP_AT(kh, kw) + p * WIDTH);
                    UNROLL for (int c = 0; c < COLUMNS; c++) {
                        const stagedv factor = (stagedv)(w[c]);
                        UNROLL for (int p = 0; p < VECTORS; p++)
                            sum[c][p] = MULTIPLY(sum[c][p], value[p], factor);
                    }
#if DOT && !B_SIGNED
                    const int ones = 0x01010101 >> (8 * POSITIVE((word + 1) * STEP - CHANNELS));
                    UNROLL for (int p = 0; p < VECTORS; p++)
                        bytes[p] = dot_bytes(bytes[p], value[p], (INTV)(ones));
#endif
                    w += COLUMNS;
                }
            }
        }
    }
}

/* All products of a chunk, added to `sum`. */
static inline void sum_tile(__local const staged *x, __global const staged *w, int word, int words, INTV sum[COLUMNS][VECTORS])
{
#if DOT
    INTV bytes[VECTORS];
    UNROLL for (int p = 0; p < VECTORS; p++)
        bytes[p] = (INTV)(0);
    add_products(x, w, word, words, sum, bytes);
#if !B_SIGNED
    UNROLL for (int c = 0; c < COLUMNS; c++)
        UNROLL for (int p = 0; p < VECTORS; p++)
            sum[c][p] += 128 * bytes[p];
#endif
#else
    const int most = EXACT / TAPS;
    for (int begin = 0; begin < words; begin += most) {
        partv part[COLUMNS][VECTORS];
        UNROLL for (int c = 0; c < COLUMNS; c++)
            UNROLL for (int p = 0; p < VECTORS; p++)
                part[c][p] = (partv)(0);
        add_products(x + begin * WORD_PLANES * PLANE, w + (size_t)begin * TAPS * COLUMNS, word + begin, min(most, words - begin),
                     part, 0);
        UNROLL for (int c = 0; c < COLUMNS; c++)
            UNROLL for (int p = 0; p < VECTORS; p++)
                sum[c][p] += CONVERT_VECTOR(int)(part[c][p]);
    }
#endif
}

/* ---- results ---- */

/* What is kept of a tile until its gaps are dropped: elements as they will lie in memory, or sums whose epilogue must wait. */
#if INDEXED || STORAGE == INT32 || STORAGE == FLOAT32
#define KEPT int
#elif STORAGE == INT8 || STORAGE == UINT8
#define KEPT char
#else
#define KEPT short
#endif
typedef KEPT kept;
#define LANES_OF(type) PASTE(LANES, WIDTH)(type)
#define LANES4(type) (PASTE(type, 4))(0, 1, 2, 3)
#define LANES8(type) (PASTE(type, 8))(0, 1, 2, 3, 4, 5, 6, 7)
#define LANES16(type) (PASTE(type, 16))(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
#define KEPTV VECTOR(KEPT)
#define LANE_NUMBERS LANES_OF(KEPT)
#define BREAKS (GAP > 0 ? (WIDTH - 2) / OW + 1 : 0) /* ends of rows in front of which a vector's first lane may lie, at most */

/* Results in front of a place. */
static inline int result_of(int place)
{
    return place / ROW_STEP * OW + min(place % ROW_STEP, OW);
}

static inline void keep_tile(INTV sum[COLUMNS][VECTORS], int column, int columns, __local kept *to EPILOGUE_PARAMS)
{
    UNROLL for (int c = 0; c < COLUMNS; c++) {
        UNROLL for (int p = 0; p < VECTORS; p++) {
            __local kept *at = to + c * KEPT_STEP + p * WIDTH;
#if INDEXED
            VSTORE(sum[c][p], at);
#else
            if (c < columns)
                STOREV(EPILOGUEV(sum[c][p], 0, column + c), (__local element *)at);
#endif
        }
    }
}

/* WIDTH results from the place of result `at` on, the ends of rows taken out. */
static inline KEPTV without_gaps(__local const kept *from, KEPTV before_break)
{
    KEPTV result = VLOAD(from);
    UNROLL for (int b = 1; b <= BREAKS; b++) {
        const KEPTV limit = before_break + (KEPTV)((kept)LEAST((b - 1) * OW, 32));
        result = LANE_NUMBERS >= limit ? VLOAD(from + b * GAP) : result;
    }
    return result;
}

/* Results of places [place, end) of `columns` output channels; y: of the first of these. */
static inline void write_results(__local const kept *tile, int place, int end, int column, int columns, size_t index,
                                 __global element *y EPILOGUE_PARAMS)
{
    const int first = result_of(place), last = result_of(end);
    for (int next = first; next < last; next += WIDTH) {
        const bool whole = last - first >= WIDTH;
        const int at = whole ? min(next, last - WIDTH) : next, lanes = whole ? 1 : min(WIDTH, last - next);
        for (int lane = 0; lane < lanes; lane++) {
            const int result = at + lane, from = result / OW * ROW_STEP + result % OW - place;
            const KEPTV before_break = (KEPTV)((kept)min(OW - result % OW, 32));
            for (int c = 0; c < columns; c++) {
                const size_t i = index + (size_t)c * OD * OH * OW + result;
                __local const kept *kept_from = tile + c * KEPT_STEP + from;
                if (whole) {
#if INDEXED
                    STOREV(EPILOGUEV(without_gaps(kept_from, before_break), i, column + c), y + i);
#else
                    VSTORE(without_gaps(kept_from, before_break), (__global kept *)(y + i));
#endif
                } else {
#if INDEXED
                    STORE1(EPILOGUE1(*kept_from, i, column + c), y + i);
#else
                    *(__global kept *)(y + i) = *kept_from;
#endif
                }
            }
        }
    }
}

/* ---- the convolution ---- */

__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void conv_bytes(__global const a_byte *restrict x, __global const staged *restrict w,
                         __global const int *restrict weight_sums, __global element *restrict y, long sums_offset,
                         int pad_value, int group_columns, __local staged *image, __local kept *tile,
                         __local int *partial EPILOGUE_PARAMS)
{
    const int first = (int)get_group_id(0) * PIXELS, end = min(first + PIXELS, PLACES), row = first / ROW_STEP;
    const int rows = (end - 1) / ROW_STEP - row + 1 + REACH_H;
    const int column_first = (int)get_group_id(1) * group_columns, column_end = min(OUT_CHANNELS, column_first + group_columns);
    const long n = (long)get_group_id(2) / OD;
    const int od = (int)get_group_id(2) % OD;
    const size_t index = (((size_t)n * OUT_CHANNELS + column_first) * OD + od) * OH * OW;
    for (int word = 0; word < WORDS; word += CHUNK) {
        const int words = min(CHUNK, WORDS - word);
        __local int *sums_kept = partial;
        stage(x, n, word, words, od, row, rows, pad_value, image);
        for (int place = first; place < end; place += TILE) {
            for (int column = column_first; column < column_end; column += COLUMNS) {
                INTV sum[COLUMNS][VECTORS];
                UNROLL for (int c = 0; c < COLUMNS; c++) {
                    UNROLL for (int p = 0; p < VECTORS; p++) {
#if DOT
                        sum[c][p] = (INTV)((A_SIGNED ? -128 * weight_sums[sums_offset + column + c] : 0) -
                                           (A_SIGNED && !B_SIGNED ? 128 * 128 * CHANNELS * TAPS : 0));
#else
                        sum[c][p] = (INTV)(0);
#endif
#if CHUNK < WORDS
                        if (word > 0)
                            sum[c][p] = VLOAD(sums_kept + (c * VECTORS + p) * WIDTH);
#endif
                    }
                }
                sum_tile(image + place - row * ROW_STEP, w + ((size_t)(column / COLUMNS) * WORDS + word) * TAPS * COLUMNS, word,
                         words, sum);
#if CHUNK < WORDS
                if (word + words < WORDS) {
                    UNROLL for (int c = 0; c < COLUMNS; c++)
                        UNROLL for (int p = 0; p < VECTORS; p++)
                            VSTORE(sum[c][p], sums_kept + (c * VECTORS + p) * WIDTH);
                    sums_kept += COLUMNS * TILE;
                    continue;
                }
                sums_kept += COLUMNS * TILE;
#endif
                keep_tile(sum, column, column_end - column, tile + (column - column_first) * KEPT_STEP EPILOGUE_OPERANDS);
            }
            if (word + words == WORDS)
                write_results(tile, place, min(place + TILE, end), column_first, column_end - column_first, index,
                              y EPILOGUE_OPERANDS);
        }
    }
}

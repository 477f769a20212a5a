/* Products of small matrices by MATRIX_ITEMS work-items together, as devices' instructions do them: sums += A B of MATRIX_M x K
 * times K x MATRIX_N, K being 8 words. A word of 4 bytes is one number of TF32, two halves or four bytes that follow each other
 * along k; seen as words, all these types lie alike, but for one exception.
 *
 * MATRIX_MMA: 16 x 8 by 32 items, NVIDIA's from compute capability 8.0 on, as inline PTX (PTX ISA, "Warp-level matrix
 * instructions: mma", shapes m16n8k8 for .tf32, m16n8k16 for .f16 and .bf16, m16n8k32 for .s8 and .u8, and "Matrix fragments"
 * there). Item 4 g + t holds of A the words (g, t), (g + 8, t), (g, t + 4), (g + 8, t + 4) as row and word; of B the words t and
 * t + 4 of column g; of the sums (g, 2 t), (g, 2 t + 1), (g + 8, 2 t), (g + 8, 2 t + 1).
 *
 * MATRIX_DPAS: 8 x MATRIX_ITEMS by a sub-group of 8 or 16 items (cl_intel_subgroup_matrix_multiply_accumulate, and its _tf32).
 * An item holds a column of B, all its words, and of the sums. Of A it holds the part of each row that has its number: with 8
 * items a word, with 16 half a word; but of TF32 word i % 8 of every other row from i / 8 on.
 *
 * MATRIX_MFMA: 16 x 16 by a wave of 64 items, AMD's CDNA, and MATRIX_WMMA, by one of 32, RDNA 3, both as built-in functions of clang
 * (AMD, "Instinct MI200 ISA", "MFMA arithmetic opcodes"; "RDNA3 ISA", "WMMA"). Item i holds of line i % 16 of A, and of column i %
 * 16 of B, the words 2 (i / 16) and the next, or all words; of the sums that column's rows 4 (i / 16) and the next three, or every
 * other row from i / 16 on.
 *
 * FACTORS: what is multiplied, INT8 for bytes with the signs A_SIGNED and B_SIGNED, whose sums are int. Instructions are tried
 * before they are used (lib/profile/instructions.c); with -DMATRIX_SHARED=1 local memory does the same on any device, slowly, so
 * that all but the instruction itself can be tested where there is none. */
#ifndef WIDTH
#define WIDTH 4
#endif
#include "common/bytes.cl"
#define MATRIX_MMA 1
#define MATRIX_DPAS 2
#define MATRIX_MFMA 3
#define MATRIX_WMMA 4
#ifndef MATRIX
#define MATRIX MATRIX_MMA
#define MATRIX_ITEMS 32
#endif
#ifndef MATRIX_SHARED
#define MATRIX_SHARED 1
#endif
#ifndef FACTORS
#define FACTORS STORAGE
#endif
#define MATRIX_WORDS 8

/* ---- factors: NUMBERS of them make a word. Four words: of NUMBERS fours along k, which WORDS_ALONG completes, or across it of
 * NUMBERS lines of four ---- */

#if FACTORS == FLOAT32
#define NUMBERS 1
typedef uint raw;
typedef uint4 raw4;

/* The nearest number of 10 bits behind the point, ties to even; not-a-numbers stay such. */
static inline uint4 rounded(uint4 bits)
{
    const uint4 nearest = (bits + (uint4)(0xfffu) + ((bits >> 13) & (uint4)(1u))) & (uint4)(0xffffe000u);
    return select(nearest, bits | (uint4)(0x400000u), isnan(as_float4(bits)));
}
#define AS_WORDS(fours) (fours)[0]
#define WORDS_ALONG(four) rounded(four)
#define WORDS_ACROSS(lines) rounded((lines)[0])
#elif FACTORS == INT8
#define NUMBERS 4
typedef uchar raw;
typedef uchar4 raw4;
#define AS_WORDS(fours) (uint4)(as_uint((fours)[0]), as_uint((fours)[1]), as_uint((fours)[2]), as_uint((fours)[3]))
#define WORDS_ALONG(four) (four)
#define WORDS_ACROSS(lines)                                                                                             \
    (uint4)(as_uint((uchar4)((lines)[0].x, (lines)[1].x, (lines)[2].x, (lines)[3].x)),                                  \
            as_uint((uchar4)((lines)[0].y, (lines)[1].y, (lines)[2].y, (lines)[3].y)),                                  \
            as_uint((uchar4)((lines)[0].z, (lines)[1].z, (lines)[2].z, (lines)[3].z)),                                  \
            as_uint((uchar4)((lines)[0].w, (lines)[1].w, (lines)[2].w, (lines)[3].w)))
#else
#define NUMBERS 2
typedef ushort raw;
typedef ushort4 raw4;
#define AS_WORDS(fours) (uint4)(as_uint2((fours)[0]), as_uint2((fours)[1]))
#define WORDS_ALONG(four) (four)
#define WORDS_ACROSS(lines) (convert_uint4((lines)[0]) | convert_uint4((lines)[1]) << 16)
#endif

/* Bits of a word below its number `number`. */
#define SHIFT_OF(number) (32 / NUMBERS * (number))

#if FACTORS == INT8
#define SUM int
#else
#define SUM float
#endif

/* ---- fragments ---- */

#if MATRIX == MATRIX_MMA
#define MATRIX_M 16
#define MATRIX_N 8
#define MATRIX_SUMS 4
#define MATRIX_LINES 8
typedef uint4 left_part;
typedef uint2 right_part;
#define MATRIX_ROW(lane, i) ((lane) / 4 + (i) / 2 * 8)
#define MATRIX_COLUMN(lane, i) ((lane) % 4 * 2 + (i) % 2)
#elif MATRIX == MATRIX_MFMA
#define MATRIX_M 16
#define MATRIX_N 16
#define MATRIX_SUMS 4
#define MATRIX_LINES 8
typedef uint2 left_part;
typedef uint2 right_part;
#define MATRIX_ROW(lane, i) ((lane) / 16 * 4 + (i))
#define MATRIX_COLUMN(lane, i) ((lane) % 16)
#elif MATRIX == MATRIX_WMMA
#define MATRIX_M 16
#define MATRIX_N 16
#define MATRIX_SUMS 8
#define MATRIX_LINES 8
typedef uint8 left_part;
typedef uint8 right_part;
#define MATRIX_ROW(lane, i) ((i) * 2 + (lane) / 16)
#define MATRIX_COLUMN(lane, i) ((lane) % 16)
#else
#define MATRIX_M 8
#define MATRIX_N MATRIX_ITEMS
#define MATRIX_SUMS 8
#define MATRIX_LINES 4
#if MATRIX_ITEMS == 8
typedef uint8 left_part;
#elif FACTORS == FLOAT32
typedef uint4 left_part;
#else
typedef ushort8 left_part;
#endif
typedef uint8 right_part;
#define MATRIX_ROW(lane, i) (i)
#define MATRIX_COLUMN(lane, i) (lane)
#endif
typedef PASTE(SUM, MATRIX_SUMS) sums;

/* The items of a fragment compute MATRIX_LINES rows of what each of them has, side by side in so many columns. */
#define MATRIX_SIDE (MATRIX_ITEMS / MATRIX_LINES)

/* Their number in the fragment's items, and these items' number in the group. */
#if MATRIX == MATRIX_DPAS && !MATRIX_SHARED
#define MATRIX_LANE ((int)get_sub_group_local_id())
#define MATRIX_GROUP ((int)get_sub_group_id())
#define MATRIX_ATTRIBUTE __attribute__((intel_reqd_sub_group_size(MATRIX_ITEMS)))
#else
#define MATRIX_LANE ((int)get_local_id(0) % MATRIX_ITEMS)
#define MATRIX_GROUP ((int)get_local_id(0) / MATRIX_ITEMS)
#define MATRIX_ATTRIBUTE
#endif

/* An item's parts from tiles in local memory, whose lines of `line` words, a multiple of 4, hold a row of A, a column of B. */
#if MATRIX == MATRIX_MMA
static inline left_part left_of(__local const uint *tile, int line, int lane)
{
    __local const uint *at = tile + lane / 4 * line + lane % 4;
    return (uint4)(at[0], at[8 * line], at[4], at[8 * line + 4]);
}
static inline right_part right_of(__local const uint *tile, int line, int lane)
{
    __local const uint *at = tile + lane / 4 * line + lane % 4;
    return (uint2)(at[0], at[4]);
}
#elif MATRIX == MATRIX_MFMA
static inline left_part left_of(__local const uint *tile, int line, int lane)
{
    return *(__local const uint2 *)(tile + lane % 16 * line + lane / 16 * 2);
}
#define right_of left_of
#elif MATRIX == MATRIX_WMMA
static inline left_part left_of(__local const uint *tile, int line, int lane)
{
    __local const uint4 *at = (__local const uint4 *)(tile + lane % 16 * line);
    return (uint8)(at[0], at[1]);
}
#define right_of left_of
#else
static inline left_part left_of(__local const uint *tile, int line, int lane)
{
#if MATRIX_ITEMS == 8
    __local const uint *at = tile + lane;
    return (uint8)(at[0], at[line], at[2 * line], at[3 * line], at[4 * line], at[5 * line], at[6 * line], at[7 * line]);
#elif FACTORS == FLOAT32
    __local const uint *at = tile + lane / 8 * line + lane % 8;
    return (uint4)(at[0], at[2 * line], at[4 * line], at[6 * line]);
#else
    __local const ushort *at = (__local const ushort *)tile + lane;
    return (ushort8)(at[0], at[2 * line], at[4 * line], at[6 * line], at[8 * line], at[10 * line], at[12 * line],
                     at[14 * line]);
#endif
}
static inline right_part right_of(__local const uint *tile, int line, int lane)
{
    __local const uint4 *at = (__local const uint4 *)(tile + lane * line);
    return (uint8)(at[0], at[1]);
}
#endif

/* All of an item's sums, for an array: MATRIX_ROW and MATRIX_COLUMN say where number i stands. */
#if MATRIX_SUMS == 4
#define SUMS_OF(v) {(v).s0, (v).s1, (v).s2, (v).s3}
#else
#define SUMS_OF(v) {(v).s0, (v).s1, (v).s2, (v).s3, (v).s4, (v).s5, (v).s6, (v).s7}
#endif

/* ---- the product ---- */

#if !MATRIX_SHARED
#define MATRIX_EXCHANGE(items)
#define MATRIX_MULTIPLY(a, b, sum) matrix_multiply(a, b, sum)
#if (MATRIX == MATRIX_MFMA || MATRIX == MATRIX_WMMA) && FACTORS == FLOAT16
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#endif
#if MATRIX == MATRIX_MMA
#if FACTORS == FLOAT32
#define MATRIX_TYPES "m16n8k8.row.col.f32.tf32.tf32.f32"
#elif FACTORS == FLOAT16
#define MATRIX_TYPES "m16n8k16.row.col.f32.f16.f16.f32"
#elif FACTORS == BFLOAT16
#define MATRIX_TYPES "m16n8k16.row.col.f32.bf16.bf16.f32"
#elif A_SIGNED && B_SIGNED
#define MATRIX_TYPES "m16n8k32.row.col.s32.s8.s8.s32"
#elif A_SIGNED
#define MATRIX_TYPES "m16n8k32.row.col.s32.s8.u8.s32"
#elif B_SIGNED
#define MATRIX_TYPES "m16n8k32.row.col.s32.u8.s8.s32"
#else
#define MATRIX_TYPES "m16n8k32.row.col.s32.u8.u8.s32"
#endif
#if FACTORS == INT8
#define MATRIX_REGISTER "+r"
#else
#define MATRIX_REGISTER "+f"
#endif
static inline sums matrix_multiply(left_part a, right_part b, sums sum)
{
    SUM s0 = sum.s0, s1 = sum.s1, s2 = sum.s2, s3 = sum.s3;
    __asm__ volatile("mma.sync.aligned." MATRIX_TYPES " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                     : MATRIX_REGISTER(s0), MATRIX_REGISTER(s1), MATRIX_REGISTER(s2), MATRIX_REGISTER(s3)
                     : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b.x), "r"(b.y));
    return (sums)(s0, s1, s2, s3);
}
#elif MATRIX == MATRIX_MFMA
static inline sums matrix_multiply(left_part a, right_part b, sums sum)
{
#if FACTORS == FLOAT32
    return __builtin_amdgcn_mfma_f32_16x16x8_xf32(as_float2(a), as_float2(b), sum, 0, 0, 0);
#elif FACTORS == FLOAT16
    return __builtin_amdgcn_mfma_f32_16x16x16f16(as_half4(a), as_half4(b), sum, 0, 0, 0);
#else
    return __builtin_amdgcn_mfma_f32_16x16x16bf16_1k(as_short4(a), as_short4(b), sum, 0, 0, 0);
#endif
}
#elif MATRIX == MATRIX_WMMA
static inline sums matrix_multiply(left_part a, right_part b, sums sum)
{
#if FACTORS == FLOAT16
    return __builtin_amdgcn_wmma_f32_16x16x16_f16_w32(as_half16(a), as_half16(b), sum);
#elif FACTORS == BFLOAT16
    return __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32(as_short16(a), as_short16(b), sum);
#else
    const sums half_way = __builtin_amdgcn_wmma_i32_16x16x16_iu8_w32(A_SIGNED, as_int4(a.lo), B_SIGNED, as_int4(b.lo), sum, false);
    return __builtin_amdgcn_wmma_i32_16x16x16_iu8_w32(A_SIGNED, as_int4(a.hi), B_SIGNED, as_int4(b.hi), half_way, false);
#endif
}
#else
#if MATRIX_ITEMS == 8
#define SIGNED_LEFT(a) as_int8(a)
#else
#define SIGNED_LEFT(a) as_short8(a)
#endif
static inline sums matrix_multiply(left_part a, right_part b, sums sum)
{
#if FACTORS == FLOAT32
    return intel_sub_group_tf32_tf32_matrix_mad_k8(as_float4(a), as_float8(b), sum);
#elif FACTORS == FLOAT16
    return intel_sub_group_f16_f16_matrix_mad_k16(SIGNED_LEFT(a), as_int8(b), sum);
#elif FACTORS == BFLOAT16
    return intel_sub_group_bf16_bf16_matrix_mad_k16(SIGNED_LEFT(a), as_int8(b), sum);
#elif A_SIGNED && B_SIGNED
    return intel_sub_group_i8_i8_matrix_mad_k32(SIGNED_LEFT(a), as_int8(b), sum);
#elif A_SIGNED
    return intel_sub_group_i8_u8_matrix_mad_k32(SIGNED_LEFT(a), b, sum);
#elif B_SIGNED
    return intel_sub_group_u8_i8_matrix_mad_k32(a, as_int8(b), sum);
#else
    return intel_sub_group_u8_u8_matrix_mad_k32(a, b, sum);
#endif
}
#endif
#else
typedef struct matrix_parts {
    left_part left;
    right_part right;
} matrix_parts;
#define MATRIX_EXCHANGE(items) __local matrix_parts matrix_exchange[items];
#define MATRIX_MULTIPLY(a, b, sum) matrix_multiply(a, b, sum, matrix_exchange)

/* Words of A and B among the parts of a fragment's items. */
static inline uint left_word(__local const matrix_parts *parts, int row, int word)
{
#if MATRIX == MATRIX_MMA
    return ((__local const uint *)&parts[row % 8 * 4 + word % 4].left)[row / 8 + word / 4 * 2];
#elif MATRIX == MATRIX_MFMA
    return ((__local const uint *)&parts[word / 2 * 16 + row].left)[word % 2];
#elif MATRIX == MATRIX_WMMA
    return ((__local const uint *)&parts[row].left)[word];
#elif MATRIX_ITEMS == 8
    return ((__local const uint *)&parts[word].left)[row];
#elif FACTORS == FLOAT32
    return ((__local const uint *)&parts[row % 2 * 8 + word].left)[row / 2];
#else
    return ((__local const ushort *)&parts[2 * word].left)[row] | (uint)((__local const ushort *)&parts[2 * word + 1].left)[row] << 16;
#endif
}
static inline uint right_word(__local const matrix_parts *parts, int column, int word)
{
#if MATRIX == MATRIX_MMA
    return ((__local const uint *)&parts[column * 4 + word % 4].right)[word / 4];
#elif MATRIX == MATRIX_MFMA
    return ((__local const uint *)&parts[word / 2 * 16 + column].right)[word % 2];
#else
    return ((__local const uint *)&parts[column].right)[word];
#endif
}

#if FACTORS == INT8
#define BYTE_OF(word, at, is_signed) ((is_signed) ? (int)((word) << (24 - 8 * (at))) >> 24 : (int)((word) >> (8 * (at)) & 0xffu))
#define MULTIPLY_ADD_NUMBERS(x, y, at, sum) ((sum) + BYTE_OF(x, at, A_SIGNED) * BYTE_OF(y, at, B_SIGNED))
#else
static inline float number_of(uint word, int at)
{
#if FACTORS == FLOAT32
    return as_float(word);
#elif FACTORS == FLOAT16
    const ushort bits = (ushort)(word >> (16 * at));
    return vload_half(0, (const half *)&bits);
#else
    return as_float(at == 0 ? word << 16 : word & 0xffff0000u);
#endif
}
#define MULTIPLY_ADD_NUMBERS(x, y, at, sum) fma(number_of(x, at), number_of(y, at), sum)
#endif

static inline sums matrix_multiply(left_part a, right_part b, sums sum, __local matrix_parts *exchange)
{
    const int item = get_local_id(0), lane = item % MATRIX_ITEMS;
    __local const matrix_parts *parts = exchange + (item - lane);
    SUM each[MATRIX_SUMS] = SUMS_OF(sum);
    exchange[item].left = a;
    exchange[item].right = b;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = 0; i < MATRIX_SUMS; i++) {
        for (int word = 0; word < MATRIX_WORDS; word++) {
            const uint x = left_word(parts, MATRIX_ROW(lane, i), word), y = right_word(parts, MATRIX_COLUMN(lane, i), word);
            for (int at = 0; at < NUMBERS; at++)
                each[i] = MULTIPLY_ADD_NUMBERS(x, y, at, each[i]);
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    return PASTE(vload, MATRIX_SUMS)(0, each);
}
#endif

/* Products of small matrices by 32 work-items together: D = A B + C of 16 x K times K x 8, as NVIDIA's tensor instructions do them
 * from compute capability 8.0 on (PTX ISA, "Warp-level matrix instructions: mma", shapes m16n8k8 for .tf32, m16n8k16 for .f16 and
 * .bf16; "Matrix fragments" there says which item holds which element).
 *
 * Seen as words of 4 bytes, one TF32 number or two halves that follow each other along k, all these types lie alike: a step is 8
 * words deep, and item 4 g + t of the 32 holds
 *   of A: words (g, t), (g + 8, t), (g, t + 4), (g + 8, t + 4) as row and word;
 *   of B: words (t, g), (t + 4, g) as word and column;
 *   of C: results (g, 2 t), (g, 2 t + 1), (g + 8, 2 t), (g + 8, 2 t + 1).
 *
 * MATRIX: how. MATRIX_PTX is tried before it is used (lib/profile/instructions.c); MATRIX_SHARED does the same through local memory
 * on any device, slowly, so that all but the instruction itself can be tested where there is none. */
#include "common/storage.cl"
#define MATRIX_SHARED 1
#define MATRIX_PTX 2
#ifndef MATRIX
#define MATRIX MATRIX_SHARED
#endif
#define MATRIX_ITEMS 32
#define MATRIX_M 16
#define MATRIX_N 8
#define MATRIX_WORDS 8

/* Factors as they are multiplied: RAW bits of a number, NUMBERS of which make a word. */
#if STORAGE == FLOAT32
#define NUMBERS 1
typedef uint raw;
typedef uint4 raw4;
#define MATRIX_SHAPE "m16n8k8"
#define MATRIX_TYPE "tf32"

/* The nearest number of 10 bits behind the point, ties to even; not-a-numbers stay such. */
static inline uint4 words_of(uint4 bits)
{
    const uint4 rounded = (bits + (uint4)(0xfffu) + ((bits >> 13) & (uint4)(1u))) & (uint4)(0xffffe000u);
    return select(rounded, bits | (uint4)(0x400000u), isnan(as_float4(bits)));
}
static inline float number_of(uint word, int at)
{
    return as_float(word);
}
#else
#define NUMBERS 2
typedef ushort raw;
typedef ushort4 raw4;
#define MATRIX_SHAPE "m16n8k16"
#if STORAGE == FLOAT16
#define MATRIX_TYPE "f16"
static inline float number_of(uint word, int at)
{
    const ushort bits = (ushort)(word >> (16 * at));
    return vload_half(0, (const half *)&bits);
}
#else
#define MATRIX_TYPE "bf16"
static inline float number_of(uint word, int at)
{
    return as_float(at == 0 ? word << 16 : word & 0xffff0000u);
}
#endif
/* The second of each pair goes into the upper half. */
static inline uint4 words_of(ushort4 low, ushort4 high)
{
    return convert_uint4(low) | convert_uint4(high) << 16;
}
#endif

/* An item's fragments from tiles in local memory, whose lines of `line` words hold a row of A, a column of B. */
static inline uint4 fragment_a(__local const uint *tile, int line, int lane)
{
    __local const uint *at = tile + lane / 4 * line + lane % 4;
    return (uint4)(at[0], at[8 * line], at[4], at[8 * line + 4]);
}
static inline uint2 fragment_b(__local const uint *tile, int line, int lane)
{
    __local const uint *at = tile + lane / 4 * line + lane % 4;
    return (uint2)(at[0], at[4]);
}
/* Where an item's result i stands. */
#define MATRIX_ROW(lane, i) ((lane) / 4 + (i) / 2 * 8)
#define MATRIX_COLUMN(lane, i) ((lane) % 4 * 2 + (i) % 2)

/* sum[4] += A B. `shared`: 6 words for each item of the group. */
static inline void matrix_multiply(float *sum, uint4 a, uint2 b, __local uint *shared)
{
#if MATRIX == MATRIX_PTX
    __asm__ volatile("mma.sync.aligned." MATRIX_SHAPE ".row.col.f32." MATRIX_TYPE "." MATRIX_TYPE ".f32 "
                     "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                     : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
                     : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b.x), "r"(b.y));
#else
    const int item = get_local_id(0), lane = item % MATRIX_ITEMS;
    __local uint *group = shared + (item - lane) * 6; /* the words of these 32 items, those of A in front */
    vstore4(a, lane, group);
    vstore2(b, lane, group + 4 * MATRIX_ITEMS);
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = 0; i < 4; i++) {
        const int row = MATRIX_ROW(lane, i), column = MATRIX_COLUMN(lane, i);
        for (int word = 0; word < MATRIX_WORDS; word++) {
            const uint x = group[(row % 8 * 4 + word % 4) * 4 + row / 8 + word / 4 * 2];
            const uint y = group[4 * MATRIX_ITEMS + (column * 4 + word % 4) * 2 + word / 4];
            for (int at = 0; at < NUMBERS; at++)
                sum[i] = fma(number_of(x, at), number_of(y, at), sum[i]);
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
#endif
}

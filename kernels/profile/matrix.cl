/* The instruction of common/matrix.cl, tried and timed.
 *
 * matrix_rounds: out [MATRIX_M][MATRIX_N] are the sums over `rounds` steps of a [rounds][MATRIX_M]
 * [numbers of a step] times b [rounds][MATRIX_N][numbers of a step], bytes in words, signed but for factors that are bytes without
 * a sign: all the types of factors hold them exactly. */
#include "common/matrix.cl"
#define STEP (MATRIX_WORDS * NUMBERS)
#define LINE (MATRIX_WORDS + 4)

/* Word `at` of a line of a step. */
static inline uint factors_of(__global const char *line, int at)
{
#if FACTORS == FLOAT32
    return rounded((uint4)(as_uint((float)line[at]))).x;
#elif FACTORS == INT8
    return as_uint(vload4(at, line));
#else
    ushort bits[2];
    for (int i = 0; i < 2; i++) {
        const float number = line[at * 2 + i];
#if FACTORS == FLOAT16
        vstore_half(number, 0, (half *)&bits[i]);
#else
        bits[i] = (ushort)(as_uint(number) >> 16);
#endif
    }
    return bits[0] | (uint)bits[1] << 16;
#endif
}

MATRIX_ATTRIBUTE
__attribute__((reqd_work_group_size(MATRIX_ITEMS, 1, 1)))
__kernel void matrix_rounds(__global int *out, __global const char *a, __global const char *b, int rounds)
{
    __local uint4 tile_a[MATRIX_M * LINE / 4], tile_b[MATRIX_N * LINE / 4];
    MATRIX_EXCHANGE(MATRIX_ITEMS)
    const int item = get_local_id(0), lane = MATRIX_LANE;
    sums sum = (sums)(0);
    for (int round = 0; round < rounds; round++) {
        for (int e = item; e < MATRIX_M * MATRIX_WORDS; e += MATRIX_ITEMS) {
            const int line = e / MATRIX_WORDS, word = e % MATRIX_WORDS;
            ((__local uint *)tile_a)[line * LINE + word] = factors_of(a + (round * MATRIX_M + line) * STEP, word);
        }
        for (int e = item; e < MATRIX_N * MATRIX_WORDS; e += MATRIX_ITEMS) {
            const int line = e / MATRIX_WORDS, word = e % MATRIX_WORDS;
            ((__local uint *)tile_b)[line * LINE + word] = factors_of(b + (round * MATRIX_N + line) * STEP, word);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        sum = MATRIX_MULTIPLY(left_of((__local const uint *)tile_a, LINE, lane), right_of((__local const uint *)tile_b, LINE, lane), sum);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    const SUM each[MATRIX_SUMS] = SUMS_OF(sum);
    for (int i = 0; i < MATRIX_SUMS; i++)
        out[MATRIX_ROW(lane, i) * MATRIX_N + MATRIX_COLUMN(lane, i)] = (int)each[i];
}

/* Independent sums of `iterations` products of 8 words each, held in registers. */
#define CHAINS 8
MATRIX_ATTRIBUTE
__attribute__((reqd_work_group_size(MATRIX_ITEMS, 1, 1)))
__kernel void matrix_rate(__global float *out, int iterations)
{
    MATRIX_EXCHANGE(MATRIX_ITEMS)
    const left_part left = (left_part)(MATRIX_LANE);
    const right_part right = (right_part)(MATRIX_LANE);
    sums sum[CHAINS], total = (sums)(0);
    UNROLL for (int i = 0; i < CHAINS; i++)
        sum[i] = (sums)(i); /* else a compiler might see that they are the same */
    for (int k = 0; k < iterations; k++)
        UNROLL for (int i = 0; i < CHAINS; i++)
            sum[i] = MATRIX_MULTIPLY(left, right, sum[i]);
    UNROLL for (int i = 0; i < CHAINS; i++)
        total += sum[i];
    out[get_global_id(0)] = (float)total.s0;
}

/* Tries the instruction of common/matrix.cl: out [16][8] are the sums over `rounds` steps of a [rounds][16][numbers of a step]
 * times b [rounds][8][numbers of a step], signed bytes in words, which all the types of factors hold exactly. */
#include "common/matrix.cl"
#define STEP (MATRIX_WORDS * NUMBERS)
#define LINE (MATRIX_WORDS + 4)

/* Word `at` of a line of a step. */
static inline uint factors_of(__global const char *line, int at)
{
#if STORAGE == FLOAT32
    return words_of((uint4)(as_uint((float)line[at]))).x;
#else
    ushort bits[2];
    for (int i = 0; i < 2; i++) {
        const float number = line[at * 2 + i];
#if STORAGE == FLOAT16
        vstore_half(number, 0, (half *)&bits[i]);
#else
        bits[i] = bfloat16_of(number);
#endif
    }
    return words_of((ushort4)(bits[0]), (ushort4)(bits[1])).x;
#endif
}

__attribute__((reqd_work_group_size(MATRIX_ITEMS, 1, 1)))
__kernel void matrix_rounds(__global int *out, __global const char *a, __global const char *b, int rounds)
{
    __local uint tile_a[MATRIX_M * LINE], tile_b[MATRIX_N * LINE], shared[MATRIX_ITEMS * 6];
    const int lane = get_local_id(0);
    float sum[4];
    for (int i = 0; i < 4; i++)
        sum[i] = 0.0f;
    for (int round = 0; round < rounds; round++) {
        for (int e = lane; e < MATRIX_M * MATRIX_WORDS; e += MATRIX_ITEMS) {
            const int line = e / MATRIX_WORDS, word = e % MATRIX_WORDS;
            tile_a[line * LINE + word] = factors_of(a + (round * MATRIX_M + line) * STEP, word);
            if (line < MATRIX_N)
                tile_b[line * LINE + word] = factors_of(b + (round * MATRIX_N + line) * STEP, word);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        matrix_multiply(sum, fragment_a(tile_a, LINE, lane), fragment_b(tile_b, LINE, lane), shared);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    for (int i = 0; i < 4; i++)
        out[MATRIX_ROW(lane, i) * MATRIX_N + MATRIX_COLUMN(lane, i)] = (int)sum[i];
}

/* C = alpha op(A) B on devices with sub-groups, without local memory and barriers: the items of a group compute the same ITEM_M
 * rows, each of them VECTORS quads of columns. A sub-group reads its rows of A once, each item another step of k, and hands
 * every value to all of its items by broadcast; B comes from memory in lines, each item its own columns. (cl_khr_subgroups; Kong
 * and Ioffe, "SGEMM for Intel Processor Graphics", 2015: where a broadcast is an operand's register region, it costs nothing.)
 *
 * Right for sub-groups of every size, the last one of a group that is smaller among them. SUB_GROUP: a size that the kernel
 * demands (cl_intel_required_subgroup_size), so that the loop over a sub-group's steps is unrolled by AT_ONCE: on GPUs all of
 * it, since lanes with a constant number are register regions there; compilers for CPUs take minutes over that. */
#include "gemm/results.cl"
#include "gemm/operands.cl"
#ifndef SUB_GROUP
#define SUB_GROUP 0
#endif
#ifndef ITEMS
#define ITEMS 32
#endif
#ifndef ITEM_M
#define ITEM_M 8
#endif
#ifndef VECTORS
#define VECTORS 1
#endif
#ifndef AT_ONCE
#define AT_ONCE 4
#endif
#ifndef QUADS_B
#define QUADS_B 0
#endif
#ifdef cl_khr_subgroups
#pragma OPENCL EXTENSION cl_khr_subgroups : enable
#endif
#if __OPENCL_C_VERSION__ >= 200 && (defined(cl_khr_subgroups) || defined(cl_intel_subgroups) || defined(__opencl_c_subgroups))
#define LANE get_sub_group_local_id()
#define LANES get_sub_group_size()
#define BROADCAST(x, lane) sub_group_broadcast(x, lane)
#else /* so that it can be compiled and watched everywhere: each item is a sub-group of its own */
#define LANE 0
#define LANES 1
#define BROADCAST(x, lane) (x)
#endif

/* Four columns of a line of B from `column` on; what lies behind n is 0. */
static inline float4 columns_of(__global const element *line, int column, int n)
{
    if (QUADS_B)
        return column < n ? LOAD4(line + column) : (float4)(0.0f);
    if (column + 4 <= n)
        return LOADV(line + column);
    float four[4];
    UNROLL for (int at = 0; at < 4; at++)
        four[at] = column + at < n ? LOAD1(line + column + at) : 0.0f;
    return (float4)(four[0], four[1], four[2], four[3]);
}

/* Step `at` of those that the sub-group holds in x. */
#define STEP(at)                                                                                                        \
    {                                                                                                                   \
        float4 y[VECTORS];                                                                                              \
        UNROLL for (int j = 0; j < VECTORS; j++)                                                                        \
            y[j] = columns_of(b + (size_t)(first + (at)) * n, column + j * (ITEMS * 4), n);                             \
        UNROLL for (int i = 0; i < ITEM_M; i++) {                                                                       \
            const float4 factor = (float4)(BROADCAST(x[i], at));                                                        \
            UNROLL for (int j = 0; j < VECTORS; j++)                                                                    \
                sum[i][j] = fma(factor, y[j], sum[i][j]);                                                               \
        }                                                                                                               \
    }

/* Groups: (rows, columns, batches): those that run at the same time share columns of B. */
__attribute__((reqd_work_group_size(ITEMS, 1, 1)))
#if SUB_GROUP
__attribute__((intel_reqd_sub_group_size(SUB_GROUP)))
#endif
__kernel void gemm_subgroup(__global const element *restrict a, __global const element *restrict b, __global result *restrict c,
                            int m, int n, int depth, long stride_a, long stride_b, float alpha EPILOGUE_PARAMS)
{
    const int row_first = get_group_id(0) * ITEM_M, column = (get_group_id(1) * ITEMS * VECTORS + get_local_id(0)) * 4;
    const int lane = LANE, lanes = SUB_GROUP ? SUB_GROUP : LANES;
    const long batch = get_group_id(2);
    float4 sum[ITEM_M][VECTORS];
    a += BATCH_A(batch);
    b += BATCH_B(batch);
    UNROLL for (int i = 0; i < ITEM_M; i++)
        UNROLL for (int j = 0; j < VECTORS; j++)
            sum[i][j] = (float4)(0.0f);
    for (int first = 0; first < depth; first += lanes) {
        const int k = first + lane, steps = min(lanes, depth - first);
        float x[ITEM_M];
        UNROLL for (int i = 0; i < ITEM_M; i++) {
            const int row = row_first + i;
            const size_t at = TRANSPOSE_A ? (size_t)k * m + row : (size_t)row * depth + k;
            x[i] = row < m && k < depth ? LOAD1(a + at) : 0.0f;
        }
#if SUB_GROUP
        if (steps == SUB_GROUP) {
            UNROLL_BY(AT_ONCE) for (int at = 0; at < SUB_GROUP; at++)
                STEP(at)
            continue;
        }
#endif
        for (int at = 0; at < steps; at++)
            STEP(at)
    }
    UNROLL for (int i = 0; i < ITEM_M; i++)
        UNROLL for (int j = 0; j < VECTORS; j++)
            STORE_RESULTS(sum[i][j], batch, row_first + i, column + j * (ITEMS * 4))
}

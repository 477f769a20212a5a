/* How work-items store their results, four neighbours of a row of C at a time. SPLIT: they are a part's sums, kept as they are
 * in [batch][parts][m][n] of SUM; else times alpha (FINISHED, where that is not it), through the epilogue. QUADS_C: n is a
 * multiple of 4. A macro, since an epilogue's operands are the kernel's. */
#include "common/quads.cl"
#include "common/epilogue.cl"
#ifndef QUADS_C
#define QUADS_C 0
#endif
#ifndef SPLIT
#define SPLIT 0
#endif
#ifndef SUM
#define SUM float
#define FINISHED(v) ((v) * alpha)
#endif
#if SPLIT
typedef SUM result;
#define STORE_FOUR(v, index, column) vstore4(v, 0, c + (index))
#define STORE_ONE(v, index, column) (c[index] = (v))
#else
typedef element result;
#if QUADS_C
#define STORE_FOUR(v, index, column) STORE4(EPILOGUE4(FINISHED(v), index, column), c + (index))
#else
#define STORE_FOUR(v, index, column) STOREV(EPILOGUE4(FINISHED(v), index, column), c + (index))
#endif
#define STORE_ONE(v, index, column) STORE1(EPILOGUE1(FINISHED(v), index, column), c + (index))
#endif

/* part: number of the batch or, where it is split, of its part. */
#define STORE_RESULTS(four, part, row, column)                                                                          \
    if ((row) < m && (column) < n) {                                                                                    \
        const size_t index_ = ((size_t)(part) * m + (row)) * n + (column);                                              \
        if (QUADS_C || (column) + 4 <= n) {                                                                             \
            STORE_FOUR(four, index_, column);                                                                           \
        } else {                                                                                                        \
            const SUM lanes_[4] = {(four).x, (four).y, (four).z, (four).w};                                             \
            UNROLL for (int at_ = 0; at_ < 4; at_++)                                                                    \
                if ((column) + at_ < n)                                                                                 \
                    STORE_ONE(lanes_[at_], index_ + at_, (column) + at_);                                               \
        }                                                                                                               \
    }

/* Every way to run an operator, one line each, so that this is the only place besides its own file that knows of it. Within a
 * kind the order is that of preference where nothing else decides; the way that always applies stands last. SOLVER(name) stands
 * for solver_name, CLBLAST(name) for one that is there where CLBlast was at build time. */
#ifndef SOCLE_LIB_SOLVERS_H
#define SOCLE_LIB_SOLVERS_H

#include "solver.h"

#define SOLVERS(SOLVER, CLBLAST)                                                                                                 \
    /* products */                                                                                                               \
    SOLVER(gemm_direct)                                                                                                          \
    SOLVER(gemm_vector)                                                                                                          \
    SOLVER(gemm_panels)                                                                                                          \
    SOLVER(gemm_packed)                                                                                                          \
    SOLVER(gemm_bfloat16)                                                                                                        \
    SOLVER(gemm_matrix)                                                                                                          \
    SOLVER(gemm_tiled)                                                                                                           \
    SOLVER(gemm_subgroup)                                                                                                        \
    CLBLAST(gemm_clblast)                                                                                                        \
    SOLVER(gemm_plain)                                                                                                           \
    /* with weights in a narrower type; of bytes */                                                                              \
    SOLVER(gemm_narrow)                                                                                                          \
    SOLVER(gemm_widened)                                                                                                         \
    SOLVER(gemm_narrow_plain)                                                                                                    \
    SOLVER(gemm_bytes)                                                                                                           \
    SOLVER(gemm_bytes_tiled)                                                                                                     \
    SOLVER(gemm_bytes_plain)                                                                                                     \
    /* convolution: forward, gradient of the data, gradient of the weights */                                                    \
    SOLVER(conv_winograd)                                                                                                        \
    SOLVER(conv_input_winograd)                                                                                                  \
    SOLVER(conv_depthwise)                                                                                                       \
    SOLVER(conv_blocked)                                                                                                         \
    SOLVER(conv_direct)                                                                                                          \
    SOLVER(conv_input_direct)                                                                                                    \
    SOLVER(conv_weight_blocks)                                                                                                   \
    SOLVER(conv_weight_direct)                                                                                                   \
    SOLVER(conv_matrix)                                                                                                          \
    SOLVER(conv_input_matrix)                                                                                                    \
    SOLVER(conv_weight_matrix)                                                                                                   \
    SOLVER(conv_winograd_tiled)                                                                                                  \
    SOLVER(conv_input_winograd_tiled)                                                                                            \
    SOLVER(conv_implicit)                                                                                                        \
    SOLVER(conv_input_implicit)                                                                                                  \
    SOLVER(conv_weight_implicit)                                                                                                 \
    CLBLAST(conv_clblast)                                                                                                        \
    SOLVER(conv_plain)                                                                                                           \
    SOLVER(conv_bytes)                                                                                                           \
    SOLVER(conv_bytes_blocked)                                                                                                   \
    SOLVER(conv_bytes_plain)                                                                                                     \
    SOLVER(conv_input_plain)                                                                                                     \
    SOLVER(conv_weight_plain)                                                                                                    \
    /* pooling and its gradient */                                                                                               \
    SOLVER(pool_wide)                                                                                                            \
    SOLVER(pool_rows)                                                                                                            \
    SOLVER(pool_grad_planes)                                                                                                     \
    SOLVER(pool_blocked)                                                                                                         \
    SOLVER(pool_plain)                                                                                                           \
    SOLVER(pool_grad_plain)                                                                                                      \
    /* softmax */                                                                                                                \
    SOLVER(softmax_rows)                                                                                                         \
    SOLVER(softmax_group)                                                                                                        \
    SOLVER(softmax_plain)                                                                                                        \
    /* normalization */                                                                                                          \
    SOLVER(norm_rows)                                                                                                            \
    SOLVER(norm_group)                                                                                                           \
    SOLVER(norm_plain)                                                                                                           \
    SOLVER(norm_grad_rows)                                                                                                       \
    SOLVER(norm_grad_group)                                                                                                      \
    SOLVER(norm_grad_plain)                                                                                                      \
    SOLVER(batch_norm_rows)                                                                                                      \
    SOLVER(batch_norm_group)                                                                                                     \
    SOLVER(batch_norm_plain)                                                                                                     \
    SOLVER(batch_norm_grad_rows)                                                                                                 \
    SOLVER(batch_norm_grad_group)                                                                                                \
    SOLVER(batch_norm_grad_plain)                                                                                                \
    /* gather and scatter */                                                                                                     \
    SOLVER(gather_blocks)                                                                                                        \
    SOLVER(gather_plain)                                                                                                         \
    SOLVER(gather_grad_rows)                                                                                                     \
    SOLVER(gather_grad_plain)                                                                                                    \
    SOLVER(scatter_lines)                                                                                                        \
    SOLVER(scatter_plain)                                                                                                        \
    /* ArgMax, ArgMin */                                                                                                         \
    SOLVER(arg_rows)                                                                                                             \
    SOLVER(arg_group)                                                                                                            \
    SOLVER(arg_plain)                                                                                                            \
    /* CumSum */                                                                                                                 \
    SOLVER(scan_rows)                                                                                                            \
    SOLVER(scan_group)                                                                                                           \
    SOLVER(scan_plain)                                                                                                           \
    /* TopK; the plain way is quadratic, so sorting stands last where there is no limit to loops */                              \
    SOLVER(topk_select)                                                                                                          \
    SOLVER(topk_group)                                                                                                           \
    SOLVER(topk_plain)                                                                                                           \
    SOLVER(topk_sort)                                                                                                            \
    /* attention */                                                                                                              \
    SOLVER(attention_packed)                                                                                                     \
    SOLVER(attention_group)                                                                                                      \
    SOLVER(attention_plain)                                                                                                      \
    SOLVER(attention_grad_blocks)                                                                                                \
    SOLVER(attention_grad_group)                                                                                                 \
    SOLVER(attention_grad_plain)                                                                                                 \
    /* a host's own operators */                                                                                                 \
    SOLVER(custom)

#define DECLARE_SOLVER(name) extern const solver solver_##name;
SOLVERS(DECLARE_SOLVER, DECLARE_SOLVER)

#endif

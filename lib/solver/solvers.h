/* Every solver of the table: one line each, beside its entry in solvers.c. */
#ifndef SOCLE_LIB_SOLVERS_H
#define SOCLE_LIB_SOLVERS_H

#include "solver.h"

extern const solver solver_gemm_packed;
extern const solver solver_gemm_direct;
extern const solver solver_gemm_vector;
extern const solver solver_gemm_panels;
extern const solver solver_gemm_tiled;
extern const solver solver_gemm_subgroup;
extern const solver solver_gemm_clblast;
extern const solver solver_conv_clblast;
extern const solver solver_gemm_plain;
extern const solver solver_gemm_narrow;
extern const solver solver_gemm_widened;
extern const solver solver_gemm_narrow_plain;
extern const solver solver_gemm_bfloat16;
extern const solver solver_gemm_bytes;
extern const solver solver_gemm_bytes_tiled;
extern const solver solver_gemm_bytes_plain;

extern const solver solver_conv_winograd;
extern const solver solver_conv_input_winograd;
extern const solver solver_conv_direct;
extern const solver solver_conv_blocked;
extern const solver solver_conv_depthwise;
extern const solver solver_conv_input_direct;
extern const solver solver_conv_weight_blocks;
extern const solver solver_conv_weight_direct;
extern const solver solver_conv_winograd_tiled;
extern const solver solver_conv_input_winograd_tiled;
extern const solver solver_conv_implicit;
extern const solver solver_conv_input_implicit;
extern const solver solver_conv_weight_implicit;
extern const solver solver_conv_plain;
extern const solver solver_conv_bytes;
extern const solver solver_conv_bytes_plain;
extern const solver solver_conv_input_plain;
extern const solver solver_conv_weight_plain;

extern const solver solver_pool_wide;
extern const solver solver_pool_rows;
extern const solver solver_pool_grad_planes;
extern const solver solver_pool_blocked;
extern const solver solver_pool_plain;
extern const solver solver_pool_grad_plain;

extern const solver solver_softmax_rows;
extern const solver solver_softmax_group;
extern const solver solver_softmax_plain;

extern const solver solver_norm_rows;
extern const solver solver_norm_group;
extern const solver solver_norm_plain;
extern const solver solver_batch_norm_rows;
extern const solver solver_batch_norm_group;
extern const solver solver_batch_norm_plain;
extern const solver solver_batch_norm_grad_rows;
extern const solver solver_batch_norm_grad_group;
extern const solver solver_batch_norm_grad_plain;

extern const solver solver_gather_blocks;
extern const solver solver_gather_plain;
extern const solver solver_gather_grad_rows;
extern const solver solver_gather_grad_plain;
extern const solver solver_scatter_lines;
extern const solver solver_scatter_plain;

extern const solver solver_arg_rows;
extern const solver solver_arg_group;
extern const solver solver_arg_plain;

extern const solver solver_scan_rows;
extern const solver solver_scan_group;
extern const solver solver_scan_plain;

extern const solver solver_topk_select;
extern const solver solver_topk_group;
extern const solver solver_topk_plain;
extern const solver solver_topk_sort;

extern const solver solver_attention_packed;
extern const solver solver_attention_group;
extern const solver solver_attention_plain;
extern const solver solver_attention_grad_blocks;
extern const solver solver_attention_grad_group;
extern const solver solver_attention_grad_plain;

extern const solver solver_custom;

#endif

/* The operator table's parts and the functions that its lines name. Adding an operator is adding one line to the
 * operators_*.c of its kind (and a function here where no existing rule fits). */
#ifndef SOCLE_LIB_GRAPH_OPERATORS_H
#define SOCLE_LIB_GRAPH_OPERATORS_H

#include "graph.h"

typedef struct operator_table {
    const graph_operator *operators;
    int count;
} operator_table;

extern const operator_table operators_pointwise, operators_movement, operators_reduction, operators_anchor, operators_host,
    operators_composite, operators_socle;

/* ---- inference rules (infer_*.c) ---- */

socle_status infer_pointwise(graph_infer *infer);  /* broadcast; all inputs of one type, which is the output's */
socle_status infer_comparison(graph_infer *infer); /* broadcast; the output is bool */
socle_status infer_logic(graph_infer *infer);      /* broadcast; bool in and out */
socle_status infer_where(graph_infer *infer);
socle_status infer_pow(graph_infer *infer);
socle_status infer_prelu(graph_infer *infer);
socle_status infer_cast(graph_infer *infer);
socle_status infer_cast_like(graph_infer *infer);
socle_status infer_dropout_mask(graph_infer *infer);

socle_status infer_same(graph_infer *infer);  /* the first output is as the first input */
socle_status infer_float(graph_infer *infer); /* the same, floating point only */
socle_status infer_dropout(graph_infer *infer);
socle_status infer_reshape(graph_infer *infer);
socle_status infer_flatten(graph_infer *infer);
socle_status infer_squeeze(graph_infer *infer);
socle_status infer_unsqueeze(graph_infer *infer);
socle_status infer_transpose(graph_infer *infer);
socle_status infer_concat(graph_infer *infer);
socle_status infer_split(graph_infer *infer);
socle_status infer_slice(graph_infer *infer);
socle_status infer_pad(graph_infer *infer);
socle_status infer_expand(graph_infer *infer);
socle_status infer_tile(graph_infer *infer);
socle_status infer_depth_to_space(graph_infer *infer);
socle_status infer_space_to_depth(graph_infer *infer);
socle_status infer_trilu(graph_infer *infer);

socle_status infer_reduce(graph_infer *infer);
socle_status infer_arg(graph_infer *infer);

socle_status infer_gemm(graph_infer *infer);
socle_status infer_matmul(graph_infer *infer);
socle_status infer_conv(graph_infer *infer);
socle_status infer_conv_transpose(graph_infer *infer);
socle_status infer_pool(graph_infer *infer);
socle_status infer_conv_in_blocks(graph_infer *infer);
socle_status infer_conv_integer_in_blocks(graph_infer *infer);
socle_status infer_pool_in_blocks(graph_infer *infer);
socle_status infer_global_pool(graph_infer *infer);
socle_status infer_input_shape(graph_infer *infer); /* the output has the attribute input_shape and the type of input 0 */
socle_status infer_conv_grad_weight(graph_infer *infer);
socle_status infer_max_pool_grad(graph_infer *infer);
socle_status infer_batch_normalization(graph_infer *infer);
socle_status infer_batch_normalize(graph_infer *infer);
socle_status infer_batch_normalize_grad(graph_infer *infer);
socle_status infer_normalize_grad(graph_infer *infer);
socle_status infer_layer_normalization(graph_infer *infer);
socle_status infer_group_normalization(graph_infer *infer);
socle_status infer_instance_normalization(graph_infer *infer);
socle_status infer_softmax(graph_infer *infer);
socle_status infer_rms_normalization(graph_infer *infer);
socle_status infer_attention(graph_infer *infer);
socle_status infer_scaled_attention(graph_infer *infer); /* socle's: the same without a past */
socle_status infer_scaled_attention_grad(graph_infer *infer);
socle_status infer_cum_sum(graph_infer *infer);
socle_status infer_top_k(graph_infer *infer);
socle_status infer_cross_entropy(graph_infer *infer);
socle_status infer_gather(graph_infer *infer);
socle_status infer_gather_elements(graph_infer *infer);
socle_status infer_scatter_elements(graph_infer *infer);

socle_status infer_shape(graph_infer *infer);
socle_status infer_size(graph_infer *infer);
socle_status infer_constant(graph_infer *infer);
socle_status infer_constant_of_shape(graph_infer *infer);
socle_status infer_range(graph_infer *infer);
socle_status infer_custom(graph_infer *infer);

socle_status infer_quantize_linear(graph_infer *infer);
socle_status infer_dequantize_linear(graph_infer *infer);
socle_status infer_dynamic_quantize_linear(graph_infer *infer);
socle_status infer_matmul_integer(graph_infer *infer);
socle_status infer_conv_integer(graph_infer *infer);
socle_status infer_qlinear_matmul(graph_infer *infer);
socle_status infer_qlinear_conv(graph_infer *infer);
socle_status infer_narrow_matmul(graph_infer *infer);
socle_status infer_subtract_product(graph_infer *infer);

/* ---- folding on the host (fold_*.c): inputs constant, outputs allocated by the caller with the inferred type ---- */

typedef bool (*fold_rule)(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs);

bool fold_pointwise(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs);
bool fold_cast(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs);
bool fold_copy(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs);
bool fold_transpose(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs);
bool fold_concat(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs);
bool fold_split(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs);
bool fold_slice(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs);
bool fold_pad(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs);
bool fold_expand(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs);
bool fold_tile(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs);
bool fold_gather(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs);
bool fold_gather_elements(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs);
bool fold_scatter_elements(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs);
bool fold_reduce(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs);
bool fold_arg(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs);
bool fold_shape(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs);
bool fold_size(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs);
bool fold_constant(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs);
bool fold_constant_of_shape(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs);
bool fold_range(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs);

/* ---- lowering (lower_*.c): each adds the replacement and hands the node's outputs over to it; a node that is already in its
 * canonical form, or whose shapes are not known yet, stays as it is ---- */

socle_status lower_variadic(socle_graph *graph, node_id node); /* Sum, Mean, Max, Min */
socle_status lower_clip(socle_graph *graph, node_id node);
socle_status lower_pow(socle_graph *graph, node_id node);
socle_status lower_cast_like(socle_graph *graph, node_id node);
socle_status lower_identity(socle_graph *graph, node_id node);
socle_status lower_dropout(socle_graph *graph, node_id node);
socle_status lower_gelu(socle_graph *graph, node_id node);
socle_status lower_global_pool(socle_graph *graph, node_id node);
socle_status lower_gemm(socle_graph *graph, node_id node); /* its addend becomes an Add */
socle_status lower_conv(socle_graph *graph, node_id node); /* its bias becomes an Add */
socle_status lower_conv_transpose(socle_graph *graph, node_id node);
socle_status lower_batch_normalization(socle_graph *graph, node_id node);
socle_status lower_cross_entropy(socle_graph *graph, node_id node);
socle_status lower_simplified_layer_normalization(socle_graph *graph, node_id node);
socle_status lower_attention(socle_graph *graph, node_id node);
socle_status lower_reduce_log_sum_exp(socle_graph *graph, node_id node);
socle_status lower_depth_to_space(socle_graph *graph, node_id node);
socle_status lower_space_to_depth(socle_graph *graph, node_id node);
socle_status lower_trilu(socle_graph *graph, node_id node);
socle_status lower_quantize_linear(socle_graph *graph, node_id node);
socle_status lower_dequantize_linear(socle_graph *graph, node_id node);
socle_status lower_dynamic_quantize_linear(socle_graph *graph, node_id node);
socle_status lower_matmul_integer(socle_graph *graph, node_id node); /* its zero points become arithmetic on its sums */
socle_status lower_conv_integer(socle_graph *graph, node_id node);
socle_status lower_qlinear_matmul(socle_graph *graph, node_id node);
socle_status lower_qlinear_conv(socle_graph *graph, node_id node);
socle_status lower_constant_of_shape(socle_graph *graph, node_id node);

/* ---- definitions: anchors made of other operators ---- */

socle_status define_batch_normalize(socle_graph *graph, node_id node);
socle_status define_batch_normalize_grad(socle_graph *graph, node_id node);
socle_status define_normalize_grad(socle_graph *graph, node_id node);
socle_status define_scaled_attention_grad(socle_graph *graph, node_id node);

#endif

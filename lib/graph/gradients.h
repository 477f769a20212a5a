/* The gradient of each operator that is not given by a `derivative` text in the operator table: one function per operator,
 * named by the table (operators_*.c), written in gradient_*.c. */
#ifndef SOCLE_LIB_GRAPH_GRADIENTS_H
#define SOCLE_LIB_GRAPH_GRADIENTS_H

#include "graph.h"

/* products */
socle_status gradient_gemm(graph_gradient *g);
socle_status gradient_matmul(graph_gradient *g);
/* convolutions and their gradients */
socle_status gradient_conv(graph_gradient *g);
socle_status gradient_conv_grad_input(graph_gradient *g);
socle_status gradient_conv_grad_weight(graph_gradient *g);
/* pooling */
socle_status gradient_max_pool(graph_gradient *g);
socle_status gradient_max_pool_grad(graph_gradient *g);
socle_status gradient_average_pool(graph_gradient *g);
socle_status gradient_average_pool_grad(graph_gradient *g);
/* normalization (BatchNormalization: both forms, by training_mode) */
socle_status gradient_batch_normalization(graph_gradient *g);
socle_status gradient_batch_normalize(graph_gradient *g); /* with the batch's statistics, as one operator */
socle_status gradient_layer_normalization(graph_gradient *g);
socle_status gradient_group_normalization(graph_gradient *g);
socle_status gradient_instance_normalization(graph_gradient *g);
socle_status gradient_rms_normalization(graph_gradient *g);
/* attention */
socle_status gradient_scaled_attention(graph_gradient *g);
/* elements in order */
socle_status gradient_cum_sum(graph_gradient *g);
socle_status gradient_top_k(graph_gradient *g);
/* softmax and losses */
socle_status gradient_softmax(graph_gradient *g);
socle_status gradient_log_softmax(graph_gradient *g);
socle_status gradient_softmax_cross_entropy_loss(graph_gradient *g);
/* movement */
socle_status gradient_identity(graph_gradient *g);
socle_status gradient_reshape(graph_gradient *g); /* Reshape, Flatten, Squeeze, Unsqueeze: back to the input's shape */
socle_status gradient_transpose(graph_gradient *g);
socle_status gradient_concat(graph_gradient *g);
socle_status gradient_split(graph_gradient *g);
socle_status gradient_slice(graph_gradient *g);
socle_status gradient_pad(graph_gradient *g);
socle_status gradient_expand(graph_gradient *g);
socle_status gradient_tile(graph_gradient *g);
/* gather and scatter */
socle_status gradient_gather(graph_gradient *g);
socle_status gradient_gather_grad(graph_gradient *g);
socle_status gradient_gather_elements(graph_gradient *g);
socle_status gradient_gather_elements_grad(graph_gradient *g);
socle_status gradient_scatter_elements(graph_gradient *g);
/* reductions */
socle_status gradient_reduce_sum(graph_gradient *g);
socle_status gradient_reduce_mean(graph_gradient *g);
socle_status gradient_reduce_max(graph_gradient *g); /* ReduceMax and ReduceMin */
socle_status gradient_reduce_prod(graph_gradient *g);
socle_status gradient_reduce_l1(graph_gradient *g);
socle_status gradient_reduce_l2(graph_gradient *g);
socle_status gradient_reduce_log_sum(graph_gradient *g);
socle_status gradient_reduce_log_sum_exp(graph_gradient *g);
socle_status gradient_reduce_sum_square(graph_gradient *g);
/* pointwise operators that change the type */
socle_status gradient_cast(graph_gradient *g);
/* a host's own operator: its callback (registry.c) */
socle_status gradient_custom(graph_gradient *g);

/* Rewrites the nodes that have no gradient of their own but are made of others (Mean, Gelu, GlobalAveragePool, Dropout,
 * ConvTranspose, losses ...) or that are not in the two-input form that `derivative` is about (Max of three, Clip without a
 * bound); call it before differentiating. Values keep their ids. (lower.c) */
socle_status graph_lower_for_gradient(socle_graph *graph);

#endif

/* Shapes of products and convolutions, whatever the types and wherever the operands stand among a node's inputs. */
#ifndef SOCLE_LIB_GRAPH_PRODUCT_SHAPE_H
#define SOCLE_LIB_GRAPH_PRODUCT_SHAPE_H

#include "infer.h"

/* Output 0 of MatMul's shape and of the type `dtype`. */
socle_status infer_product_shape(graph_infer *infer, const graph_type *a, const graph_type *b, socle_dtype dtype);
/* Output 0 of Conv's. */
socle_status infer_conv_shape(graph_infer *infer, const graph_type *x, const graph_type *w, socle_dtype dtype);

#endif

/* Gradients of products. Each is a product again, with transposition flags instead of Transpose nodes wherever both operands are
 * matrices: a stack of matrices times one matrix is one tall matrix times it. */
#include "gradients.h"

#include "gradient_compose.h"

/* y = alpha op(A) op(B) + beta C:  dop(A) = alpha dy op(B)^T,  dop(B) = alpha op(A)^T dy. */
socle_status gradient_gemm(graph_gradient *g)
{
    const graph_node *node = &g->graph->nodes[g->node];
    const bool transpose_a = node_int(node, "transA", 0) != 0, transpose_b = node_int(node, "transB", 0) != 0;
    const double alpha = node_float(node, "alpha", 1), beta = node_float(node, "beta", 1);
    const value_id a = node->inputs[0], b = node->inputs[1], dy = g->output_gradients[0];
    socle_status status = SOCLE_OK;
    if (compose_wanted(g, 0))
        status = compose_set(g, 0,
                             transpose_a ? compose_product(g->graph, b, transpose_b, dy, true, alpha)
                                         : compose_product(g->graph, dy, false, b, !transpose_b, alpha));
    if (status == SOCLE_OK && compose_wanted(g, 1))
        status = compose_set(g, 1,
                             transpose_b ? compose_product(g->graph, dy, true, a, transpose_a, alpha)
                                         : compose_product(g->graph, a, !transpose_a, dy, false, alpha));
    if (status == SOCLE_OK && compose_wanted(g, 2)) {
        const graph_type type = compose_type(g->graph, compose_input(g, 2));
        status = compose_set(g, 2, compose_scale(g->graph, graph_reduce_to(g->graph, dy, &type), beta));
    }
    return status;
}

/* All rows of a stack of matrices as one matrix. */
static value_id as_rows(socle_graph *graph, value_id a)
{
    if (a == GRAPH_NONE)
        return GRAPH_NONE;
    const graph_type type = compose_type(graph, a);
    const int64_t columns = type.dims[type.rank - 1];
    int64_t rows = 1;
    for (int i = 0; i < type.rank - 1; i++)
        rows *= type.dims[i];
    return compose_reshape(graph, a, 2, (int64_t[]){rows, columns});
}

static bool has_elements(const graph_type *type)
{
    return graph_type_count(type) > 0;
}

/* One matrix on the right, shared by all rows of the left. */
static socle_status shared_right(graph_gradient *g, value_id a, value_id b, value_id dy)
{
    const graph_type type = compose_type(g->graph, a);
    const value_id rows = as_rows(g->graph, dy);
    socle_status status = SOCLE_OK;
    if (compose_wanted(g, 0))
        status = compose_set(g, 0, compose_reshape_as(g->graph, compose_product(g->graph, rows, false, b, true, 1), &type));
    if (status == SOCLE_OK && compose_wanted(g, 1))
        status = compose_set(g, 1, compose_product(g->graph, as_rows(g->graph, a), true, rows, false, 1));
    return status;
}

/* Vectors are matrices with one row (left) or one column (right), as MatMul itself sees them. */
static value_id as_matrix(socle_graph *graph, value_id value, bool column)
{
    const graph_type type = compose_type(graph, value);
    if (type.rank > 1)
        return value;
    return compose_reshape(graph, value, 2, (int64_t[]){column ? type.dims[0] : 1, column ? 1 : type.dims[0]});
}

/* dy with the axes that MatMul took away for vectors. */
static value_id with_vector_axes(socle_graph *graph, value_id dy, bool row, bool column)
{
    const graph_type type = compose_type(graph, dy);
    int64_t dims[SOCLE_MAX_RANK + 2];
    int rank = 0;
    for (int i = 0; i < type.rank - (column ? 0 : 1); i++)
        dims[rank++] = type.dims[i];
    if (row)
        dims[rank++] = 1;
    dims[rank++] = column ? 1 : type.dims[type.rank - 1];
    return row || column ? compose_reshape(graph, dy, rank, dims) : dy;
}

static value_id reduce_and_reshape(socle_graph *graph, value_id gradient, value_id matrix, value_id original)
{
    const graph_type stacked = compose_type(graph, matrix), type = compose_type(graph, original);
    return compose_reshape_as(graph, graph_reduce_to(graph, gradient, &stacked), &type);
}

socle_status gradient_matmul(graph_gradient *g)
{
    socle_graph *graph = g->graph;
    const value_id a0 = compose_input(g, 0), b0 = compose_input(g, 1);
    const graph_type type_a = compose_type(graph, a0), type_b = compose_type(graph, b0);
    const value_id a = as_matrix(graph, a0, false), b = as_matrix(graph, b0, true);
    const value_id dy = with_vector_axes(graph, g->output_gradients[0], type_a.rank == 1, type_b.rank == 1);
    if (a == GRAPH_NONE || b == GRAPH_NONE || dy == GRAPH_NONE)
        return socle_last_status();
    if (type_a.rank > 1 && type_b.rank == 2 && has_elements(&type_a) && has_elements(&type_b))
        return shared_right(g, a, b, dy);
    socle_status status = SOCLE_OK;
    if (compose_wanted(g, 0)) {
        const value_id da = compose_binary(graph, "MatMul", dy, compose_swap_last(graph, b));
        status = da == GRAPH_NONE ? socle_last_status() : compose_set(g, 0, reduce_and_reshape(graph, da, a, a0));
    }
    if (status == SOCLE_OK && compose_wanted(g, 1)) {
        const value_id db = compose_binary(graph, "MatMul", compose_swap_last(graph, a), dy);
        status = db == GRAPH_NONE ? socle_last_status() : compose_set(g, 1, reduce_and_reshape(graph, db, b, b0));
    }
    return status;
}

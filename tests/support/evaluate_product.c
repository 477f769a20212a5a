/* Matrix products. */
#include "evaluate.h"

static void gemm(operation *o)
{
    const operand *a = &o->in[0], *b = &o->in[1], *y = &o->out[0];
    const bool ta = node_int(o->node, "transA", 0) != 0, tb = node_int(o->node, "transB", 0) != 0;
    const double alpha = node_float(o->node, "alpha", 1), beta = node_float(o->node, "beta", 1);
    const int64_t m = y->dims[0], n = y->dims[1], k = ta ? a->dims[0] : a->dims[1];
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int64_t l = 0; l < k; l++)
                sum += (ta ? a->data[l * m + i] : a->data[i * k + l]) * (tb ? b->data[j * k + l] : b->data[l * n + j]);
            y->data[i * n + j] = alpha * sum;
            if (o->in_count > 2 && o->in[2].data != NULL)
                y->data[i * n + j] += beta * o->in[2].data[evaluate_broadcast_offset(&o->in[2], (int64_t[]){i, j}, 2)];
        }
    }
}

/* A vector is a row on the left and a column on the right. */
static operand as_matrix(const operand *t, bool column)
{
    operand matrix = *t;
    if (t->rank == 1) {
        matrix.rank = 2;
        matrix.dims[0] = column ? t->dims[0] : 1;
        matrix.dims[1] = column ? 1 : t->dims[0];
    }
    return matrix;
}

static void matmul(operation *o)
{
    const operand a = as_matrix(&o->in[0], false), b = as_matrix(&o->in[1], true);
    const int64_t m = a.dims[a.rank - 2], k = a.dims[a.rank - 1], n = b.dims[b.rank - 1];
    operand y = o->out[0]; /* with the axes that vectors lost */
    y.rank = a.rank > b.rank ? a.rank : b.rank;
    for (int i = 0; i < y.rank - 2; i++)
        y.dims[i] = o->out[0].dims[i];
    y.dims[y.rank - 2] = m;
    y.dims[y.rank - 1] = n;
    for (int64_t i = 0; i < y.count; i++) {
        int64_t at[SOCLE_MAX_RANK + 2], in_a[SOCLE_MAX_RANK + 2], in_b[SOCLE_MAX_RANK + 2];
        double sum = 0;
        evaluate_coordinates(&y, i, at);
        for (int d = 0; d < y.rank; d++)
            in_a[d] = in_b[d] = at[d];
        for (int64_t l = 0; l < k; l++) {
            in_a[y.rank - 1] = in_b[y.rank - 2] = l;
            sum += a.data[evaluate_broadcast_offset(&a, in_a, y.rank)] * b.data[evaluate_broadcast_offset(&b, in_b, y.rank)];
        }
        y.data[i] = sum;
    }
}

/* x times weights as they are stored: (stored - zero) * scale. */
static void narrow_matmul(operation *o)
{
    const operand *a = &o->in[0], *w = &o->in[1];
    const bool transposed = node_int(o->node, "transB", 0) != 0;
    const double *scales = o->in_count > 2 ? o->in[2].data : NULL, *zeros = o->in_count > 3 ? o->in[3].data : NULL;
    const int64_t k = a->dims[a->rank - 1], n = w->dims[transposed ? 0 : 1];
    const int64_t given = node_int(o->node, "block_size", 0), block = given > 0 ? given : k;
    for (int64_t i = 0; i < o->out[0].count; i++) {
        const int64_t row = i / n, column = i % n;
        double sum = 0;
        for (int64_t l = 0; l < k; l++) {
            double weight = w->data[transposed ? column * k + l : l * n + column];
            const int64_t part = l / block;
            const int64_t at = scales != NULL && o->in[2].count == 1 ? 0
                               : transposed                          ? column * (k / block) + part
                                                                     : part * n + column;
            if (scales != NULL)
                weight = (weight - (zeros != NULL ? zeros[at] : 0)) * scales[at];
            sum += a->data[row * k + l] * weight;
        }
        o->out[0].data[i] = sum * node_float(o->node, "alpha", 1);
    }
}

bool evaluate_product(operation *o)
{
    if (evaluate_is(o, "Gemm"))
        gemm(o);
    else if (evaluate_is(o, "MatMul") || evaluate_is(o, "MatMulInteger")) /* zero points are lowered */
        matmul(o);
    else if (evaluate_is(o, "NarrowMatMul"))
        narrow_matmul(o);
    else
        return false;
    return true;
}

#include "reference_solver.h"

#include <math.h>

/* ---- products ---- */

/* Offset of a batch's matrix: its coordinates times the strides. */
static int64_t batch_offset(const gemm_problem *g, const int64_t *strides, int64_t batch)
{
    int64_t offset = 0;
    for (int i = g->batch_rank - 1; i >= 0; i--) {
        offset += batch % g->batch[i] * strides[i];
        batch /= g->batch[i];
    }
    return offset;
}

/* B's element with its scale and zero. */
static double weight(const gemm_problem *g, double *const *values, const double *w, int64_t k, int64_t column)
{
    const int64_t block = g->scales.block > 0 ? g->scales.block : g->k, blocks = g->k / block;
    const double stored = w[g->transpose_b ? column * g->k + k : k * g->n + column];
    if (!g->scales.present)
        return stored;
    const int64_t part = k / block;
    const int64_t at = !g->scales.per_column ? part : g->transpose_b ? column * blocks + part : part * g->n + column;
    return (stored - (g->scales.zeros ? values[4][at] : 0)) * values[3][at];
}

void reference_gemm(const problem *p, double *const *values)
{
    const gemm_problem *g = &p->gemm;
    int64_t batches = 1;
    for (int i = 0; i < g->batch_rank; i++)
        batches *= g->batch[i];
    for (int64_t b = 0; b < batches; b++) {
        const double *a = values[0] + batch_offset(g, g->stride_a, b), *w = values[1] + batch_offset(g, g->stride_b, b);
        for (int64_t i = 0; i < g->m; i++) {
            for (int64_t j = 0; j < g->n; j++) {
                double sum = 0;
                for (int64_t k = 0; k < g->k; k++)
                    sum += a[g->transpose_a ? k * g->m + i : i * g->k + k] * weight(g, values, w, k, j);
                values[2][(b * g->m + i) * g->n + j] = sum * (double)g->alpha;
            }
        }
    }
}

/* ---- softmax, ArgMax ---- */

static void softmax_row(const double *x, double *y, int64_t count, int64_t stride, bool logarithm)
{
    double most = -INFINITY, sum = 0;
    for (int64_t i = 0; i < count; i++)
        most = x[i * stride] > most ? x[i * stride] : most;
    for (int64_t i = 0; i < count; i++)
        sum += exp(x[i * stride] - most);
    for (int64_t i = 0; i < count; i++)
        y[i * stride] = logarithm ? x[i * stride] - most - log(sum) : exp(x[i * stride] - most) / sum;
}

void reference_softmax(const problem *p, double *const *values)
{
    const softmax_problem *s = &p->softmax;
    for (int64_t o = 0; o < s->outer; o++)
        for (int64_t i = 0; i < s->inner; i++)
            softmax_row(values[0] + o * s->axis * s->inner + i, values[1] + o * s->axis * s->inner + i, s->axis, s->inner,
                        s->logarithm);
}

void reference_arg(const problem *p, double *const *values)
{
    const arg_problem *a = &p->arg;
    for (int64_t o = 0; o < a->outer; o++) {
        for (int64_t i = 0; i < a->inner; i++) {
            const double *x = values[0] + o * a->axis * a->inner + i;
            int64_t best = 0;
            for (int64_t k = 1; k < a->axis; k++) {
                const double now = x[k * a->inner], before = x[best * a->inner];
                if ((a->minimum ? now < before : now > before) || (a->last && now == before))
                    best = k;
            }
            values[1][o * a->inner + i] = (double)best;
        }
    }
}

/* ---- normalization ---- */

void reference_norm(const problem *p, double *const *values)
{
    const norm_problem *n = &p->norm;
    int next = 0;
    const double *x = values[next++];
    const double *scale = n->has_scale ? values[next++] : NULL, *bias = n->has_bias ? values[next++] : NULL;
    double *y = values[next++];
    double *means = n->statistics ? values[next++] : NULL, *inverses = n->statistics ? values[next] : NULL;
    for (int64_t r = 0; r < n->rows; r++) {
        double mean = 0, variance = 0;
        for (int64_t j = 0; j < n->row && !n->root_mean_square; j++)
            mean += x[r * n->row + j] / (double)n->row;
        for (int64_t j = 0; j < n->row; j++)
            variance += (x[r * n->row + j] - mean) * (x[r * n->row + j] - mean) / (double)n->row;
        const double inverse = 1 / sqrt(variance + (double)n->epsilon);
        for (int64_t j = 0; j < n->row; j++) {
            const int64_t channel = ((r % n->scale_rows) * n->row + j) / n->scale_block;
            y[r * n->row + j] = (x[r * n->row + j] - mean) * inverse * (scale ? scale[channel] : 1) + (bias ? bias[channel] : 0);
        }
        if (n->statistics) {
            means[r] = mean;
            inverses[r] = inverse;
        }
    }
}

/* By the chain rule through each element of a row: d y_j / d x_i = scale_j inverse ((i = j) - 1 / n - h_i h_j / n), without 1 / n
 * where the mean counts as 0. */
void reference_norm_grad(const problem *p, double *const *values)
{
    const norm_problem *n = &p->norm;
    const double *dy = values[0], *x = values[1], *scale = values[2];
    double *dx = values[3], *dscale = values[4], *dbias = n->has_bias ? values[5] : NULL;
    const double count = (double)n->row, even = n->root_mean_square ? 0 : 1;
    for (int64_t c = 0; c < n->scale_rows * n->row / n->scale_block; c++) {
        dscale[c] = 0;
        if (dbias != NULL)
            dbias[c] = 0;
    }
    for (int64_t r = 0; r < n->rows; r++) {
        const int64_t first = r * n->row, line = r % n->scale_rows * n->row;
        double mean = 0, variance = 0, along = 0, sum = 0;
        for (int64_t j = 0; j < n->row; j++)
            mean += even * x[first + j] / count;
        for (int64_t j = 0; j < n->row; j++)
            variance += (x[first + j] - mean) * (x[first + j] - mean) / count;
        const double inverse = 1 / sqrt(variance + (double)n->epsilon);
        for (int64_t j = 0; j < n->row; j++) {
            const int64_t channel = (line + j) / n->scale_block;
            const double h = (x[first + j] - mean) * inverse;
            dscale[channel] += dy[first + j] * h;
            if (dbias != NULL)
                dbias[channel] += dy[first + j];
            sum += dy[first + j] * scale[channel];
            along += dy[first + j] * scale[channel] * h;
        }
        for (int64_t i = 0; i < n->row; i++) {
            const double own = dy[first + i] * scale[(line + i) / n->scale_block], h = (x[first + i] - mean) * inverse;
            dx[first + i] = inverse * (own - even * sum / count - h * along / count);
        }
    }
}

/* ---- batch normalization ---- */

void reference_batch_norm(const problem *p, double *const *values)
{
    const batch_norm_problem *n = &p->batch_norm;
    const double *x = values[0], *scale = values[1], *bias = values[2];
    const double count = (double)(n->batch * n->pixels);
    for (int64_t c = 0; c < n->channels; c++) {
        double mean = 0, variance = 0;
        for (int64_t i = 0; i < n->batch * n->pixels; i++)
            mean += x[(i / n->pixels * n->channels + c) * n->pixels + i % n->pixels] / count;
        for (int64_t i = 0; i < n->batch * n->pixels; i++)
            variance += pow(x[(i / n->pixels * n->channels + c) * n->pixels + i % n->pixels] - mean, 2) / count;
        const double inverse = 1 / sqrt(variance + (double)n->epsilon);
        for (int64_t i = 0; i < n->batch * n->pixels; i++) {
            const int64_t at = (i / n->pixels * n->channels + c) * n->pixels + i % n->pixels;
            values[3][at] = (x[at] - mean) * inverse * scale[c] + bias[c];
        }
        values[4][c] = count > 0 ? mean : NAN;
        values[5][c] = count > 0 ? variance : NAN;
        values[6][c] = count > 0 ? inverse : NAN;
    }
}

void reference_batch_norm_grad(const problem *p, double *const *values)
{
    const batch_norm_problem *n = &p->batch_norm;
    const double *dy = values[0], *x = values[1], *scale = values[2], *means = values[3], *inverses = values[4];
    const double count = (double)(n->batch * n->pixels);
    for (int64_t c = 0; c < n->channels; c++) {
        double sum = 0, along = 0;
        for (int64_t i = 0; i < n->batch * n->pixels; i++) {
            const int64_t at = (i / n->pixels * n->channels + c) * n->pixels + i % n->pixels;
            sum += dy[at];
            along += dy[at] * (x[at] - means[c]) * inverses[c];
        }
        for (int64_t i = 0; i < n->batch * n->pixels; i++) {
            const int64_t at = (i / n->pixels * n->channels + c) * n->pixels + i % n->pixels;
            const double hat = (x[at] - means[c]) * inverses[c];
            values[5][at] = scale[c] * inverses[c] * (dy[at] - sum / count - hat * along / count);
        }
        values[6][c] = along;
        values[7][c] = sum;
    }
}

/* ---- gather and scatter ---- */

static int64_t wrapped(double index, int64_t axis)
{
    return (int64_t)(index < 0 ? index + (double)axis : index);
}

/* Offset in the data of the element that the i-th index names. */
static int64_t named_element(const gather_problem *g, int64_t i, double index)
{
    int64_t coordinates[SOCLE_MAX_RANK], offset = 0;
    for (int d = g->rank - 1; d >= 0; d--) {
        coordinates[d] = i % g->index_dims[d];
        i /= g->index_dims[d];
    }
    coordinates[g->axis_index] = wrapped(index, g->axis);
    for (int d = 0; d < g->rank; d++)
        offset = offset * g->data_dims[d] + coordinates[d];
    return offset;
}

static int64_t count_of(const int64_t *dims, int rank)
{
    int64_t count = 1;
    for (int d = 0; d < rank; d++)
        count *= dims[d];
    return count;
}

void reference_gather(const problem *p, double *const *values)
{
    const gather_problem *g = &p->gather;
    if (g->elements) {
        for (int64_t i = 0; i < count_of(g->index_dims, g->rank); i++)
            values[2][i] = values[0][named_element(g, i, values[1][i])];
        return;
    }
    for (int64_t o = 0; o < g->outer; o++)
        for (int64_t k = 0; k < g->count; k++)
            for (int64_t i = 0; i < g->inner; i++)
                values[2][(o * g->count + k) * g->inner + i] =
                    values[0][(o * g->axis + wrapped(values[1][k], g->axis)) * g->inner + i];
}

void reference_gather_grad(const problem *p, double *const *values)
{
    const gather_problem *g = &p->gather;
    if (g->elements) {
        for (int64_t i = 0; i < count_of(g->index_dims, g->rank); i++)
            values[2][named_element(g, i, values[1][i])] += values[0][i];
        return;
    }
    for (int64_t o = 0; o < g->outer; o++)
        for (int64_t k = 0; k < g->count; k++)
            for (int64_t i = 0; i < g->inner; i++)
                values[2][(o * g->axis + wrapped(values[1][k], g->axis)) * g->inner + i] +=
                    values[0][(o * g->count + k) * g->inner + i];
}

static double combined(int reduction, double old, double update)
{
    switch (reduction) {
    case 1:
        return old + update;
    case 2:
        return old * update;
    case 3:
        return update > old ? update : old;
    case 4:
        return update < old ? update : old;
    default:
        return update;
    }
}

void reference_scatter(const problem *p, double *const *values)
{
    const gather_problem *g = &p->gather;
    for (int64_t i = 0; i < count_of(g->data_dims, g->rank); i++)
        values[3][i] = values[0][i];
    for (int64_t i = 0; i < count_of(g->index_dims, g->rank); i++) {
        double *element = &values[3][named_element(g, i, values[1][i])];
        *element = combined(g->reduction, *element, values[2][i]);
    }
}

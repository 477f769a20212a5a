#include "reference_solver.h"

#include <math.h>

/* ---- cumulative sums ---- */

void reference_scan(const problem *p, double *const *values)
{
    const scan_problem *s = &p->scan;
    for (int64_t line = 0; line < s->outer * s->inner; line++) {
        const int64_t first = line / s->inner * s->axis * s->inner + line % s->inner;
        double sum = 0;
        for (int64_t i = 0; i < s->axis; i++) {
            const int64_t at = first + (s->reverse ? s->axis - 1 - i : i) * s->inner;
            if (s->exclusive)
                values[1][at] = sum;
            sum += values[0][at];
            if (!s->exclusive)
                values[1][at] = sum;
        }
    }
}

/* ---- TopK ---- */

static bool stands_before(const topk_problem *s, const double *x, int64_t a, int64_t b)
{
    const double left = x[a * s->inner], right = x[b * s->inner];
    if (isnan(left) || isnan(right))
        return isnan(left) && isnan(right) ? a < b : isnan(left) != s->smallest;
    if (left == right)
        return a < b;
    return s->smallest ? left < right : left > right;
}

void reference_topk(const problem *p, double *const *values)
{
    const topk_problem *s = &p->topk;
    for (int64_t line = 0; line < s->outer * s->inner; line++) {
        const double *x = values[0] + line / s->inner * s->axis * s->inner + line % s->inner;
        for (int64_t i = 0; i < s->axis; i++) {
            int64_t rank = 0;
            for (int64_t other = 0; other < s->axis; other++)
                rank += other != i && stands_before(s, x, other, i);
            if (rank >= s->k)
                continue;
            const int64_t at = (line / s->inner * s->k + rank) * s->inner + line % s->inner;
            values[1][at] = x[i * s->inner];
            values[2][at] = (double)i;
        }
    }
}

/* ---- attention ---- */

static double score(const attention_problem *a, const double *q, const double *k, const double *mask, int64_t query, int64_t key)
{
    double sum = 0;
    for (int64_t d = 0; d < a->head; d++)
        sum += q[d] * k[d];
    sum *= (double)a->scale;
    if (a->softcap > 0)
        sum = (double)a->softcap * tanh(sum / (double)a->softcap);
    if (mask != NULL && a->mask != SOCLE_BOOL)
        sum += *mask;
    const bool closed = (mask != NULL && a->mask == SOCLE_BOOL && *mask == 0) || (a->causal && key > query + a->offset);
    return closed ? -INFINITY : sum;
}

void reference_attention(const problem *p, double *const *values)
{
    const attention_problem *a = &p->attention;
    const bool masks = a->mask != SOCLE_NONE;
    double *y_all = values[3 + masks], *log_sums = a->log_sums ? values[4 + masks] : NULL;
    for (int64_t i = 0; i < a->batch * a->heads * a->queries; i++) {
        const int64_t batch = i / a->queries / a->heads, head = i / a->queries % a->heads, query = i % a->queries;
        const int64_t kv_head = head / (a->heads / a->kv_heads);
        const double *q = values[0] + batch * a->stride_q[0] + head * a->stride_q[1] + query * a->stride_q[2];
        double *y = y_all + batch * a->stride_y[0] + head * a->stride_y[1] + query * a->stride_y[2];
        double total = 0, top = -INFINITY;
        for (int pass = 0; pass < 2; pass++) {
            for (int64_t key = 0; key < a->keys; key++) {
                const double *k = values[1] + batch * a->stride_k[0] + kv_head * a->stride_k[1] + key * a->stride_k[2];
                const double *v = values[2] + batch * a->stride_v[0] + kv_head * a->stride_v[1] + key * a->stride_v[2];
                const double *mask = !masks ? NULL
                                            : values[3] + batch * a->stride_mask[0] + head * a->stride_mask[1] +
                                                  query * a->stride_mask[2] + key * a->stride_mask[3];
                const double s = score(a, q, k, mask, query, key);
                if (pass == 0) {
                    top = s > top ? s : top;
                    continue;
                }
                if (s == -INFINITY)
                    continue;
                const double weight = exp(s - (top == -INFINITY ? 0 : top));
                total += weight;
                for (int64_t c = 0; c < a->value; c++)
                    y[c] += weight * v[c];
            }
        }
        for (int64_t c = 0; c < a->value; c++)
            y[c] = total == 0 ? 0 : y[c] / total;
        if (log_sums != NULL)
            log_sums[i] = total == 0 ? INFINITY : top + log(total);
    }
}

/* With y and lse as given, whether or not they belong to q, k and v. */
void reference_attention_grad(const problem *p, double *const *values)
{
    const attention_problem *a = &p->attention;
    const int masks = a->mask != SOCLE_NONE;
    double *const *results = values + 6 + masks;
    for (int64_t i = 0; i < a->batch * a->heads * a->queries; i++) {
        const int64_t batch = i / a->queries / a->heads, head = i / a->queries % a->heads, query = i % a->queries;
        const int64_t kv_head = head / (a->heads / a->kv_heads);
        const int64_t at_q = batch * a->stride_q[0] + head * a->stride_q[1] + query * a->stride_q[2];
        const int64_t at_y = batch * a->stride_y[0] + head * a->stride_y[1] + query * a->stride_y[2];
        double total = 0;
        for (int64_t c = 0; c < a->value; c++)
            total += values[0][at_y + c] * values[4][at_y + c];
        for (int64_t key = 0; key < a->keys; key++) {
            const int64_t at_k = batch * a->stride_k[0] + kv_head * a->stride_k[1] + key * a->stride_k[2];
            const int64_t at_v = batch * a->stride_v[0] + kv_head * a->stride_v[1] + key * a->stride_v[2];
            const double *mask = !masks ? NULL
                                        : values[6] + batch * a->stride_mask[0] + head * a->stride_mask[1] +
                                              query * a->stride_mask[2] + key * a->stride_mask[3];
            const double s = score(a, values[1] + at_q, values[2] + at_k, mask, query, key);
            if (s == -INFINITY)
                continue;
            const double added = mask != NULL && a->mask != SOCLE_BOOL ? *mask : 0, weight = exp(s - values[5][i]);
            const double slope = a->softcap > 0 ? 1 - pow((s - added) / (double)a->softcap, 2) : 1;
            double dp = 0;
            for (int64_t c = 0; c < a->value; c++) {
                dp += values[0][at_y + c] * values[3][at_v + c];
                results[2][at_v + c] += weight * values[0][at_y + c];
            }
            const double ds = weight * (dp - total) * slope * (double)a->scale;
            for (int64_t d = 0; d < a->head; d++) {
                results[0][at_q + d] += ds * values[2][at_k + d];
                results[1][at_k + d] += ds * values[1][at_q + d];
            }
        }
    }
}

/* Normalizations and softmax. */
#include "evaluate.h"

#include <math.h>

static double mean_of(const double *x, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += x[i];
    return sum / (double)count;
}

static double variance_of(const double *x, int64_t count, double mean)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return sum / (double)count;
}

static void layer_normalization(operation *o)
{
    const operand *x = &o->in[0];
    const double epsilon = node_float(o->node, "epsilon", 1e-5);
    int64_t row = 1, at[SOCLE_MAX_RANK];
    for (int i = evaluate_axis(node_int(o->node, "axis", -1), x->rank); i < x->rank; i++)
        row *= x->dims[i];
    for (int64_t r = 0; row > 0 && r < x->count / row; r++) {
        const double mean = mean_of(x->data + r * row, row);
        const double inverse = 1 / sqrt(variance_of(x->data + r * row, row, mean) + epsilon);
        for (int64_t i = r * row; i < (r + 1) * row; i++) {
            evaluate_coordinates(x, i, at);
            o->out[0].data[i] = (x->data[i] - mean) * inverse * o->in[1].data[evaluate_broadcast_offset(&o->in[1], at, x->rank)];
            if (o->in_count > 2 && o->in[2].data != NULL)
                o->out[0].data[i] += o->in[2].data[evaluate_broadcast_offset(&o->in[2], at, x->rank)];
        }
        if (o->out_count > 1 && o->out[1].data != NULL)
            o->out[1].data[r] = mean;
        if (o->out_count > 2 && o->out[2].data != NULL)
            o->out[2].data[r] = inverse;
    }
}

static void rms_normalization(operation *o)
{
    const operand *x = &o->in[0];
    const double epsilon = node_float(o->node, "epsilon", 1e-5);
    int64_t row = 1, at[SOCLE_MAX_RANK];
    for (int i = evaluate_axis(node_int(o->node, "axis", -1), x->rank); i < x->rank; i++)
        row *= x->dims[i];
    for (int64_t i = 0; i < x->count; i++) {
        double squares = 0;
        for (int64_t k = i / row * row; k < i / row * row + row; k++)
            squares += x->data[k] * x->data[k];
        evaluate_coordinates(x, i, at);
        o->out[0].data[i] =
            x->data[i] / sqrt(squares / (double)row + epsilon) * o->in[1].data[evaluate_broadcast_offset(&o->in[1], at, x->rank)];
    }
}

static void group_normalization(operation *o, int64_t groups)
{
    const operand *x = &o->in[0];
    const double epsilon = node_float(o->node, "epsilon", 1e-5);
    const int64_t row = x->count / x->dims[0] / groups, inner = x->count / x->dims[0] / x->dims[1];
    for (int64_t r = 0; r < x->dims[0] * groups; r++) {
        const double mean = mean_of(x->data + r * row, row);
        const double inverse = 1 / sqrt(variance_of(x->data + r * row, row, mean) + epsilon);
        for (int64_t i = r * row; i < (r + 1) * row; i++) {
            const int64_t c = i / inner % x->dims[1];
            o->out[0].data[i] = (x->data[i] - mean) * inverse * o->in[1].data[c] + o->in[2].data[c];
        }
    }
}

/* running = running * momentum + present * (1 - momentum), the variance being that of the population. */
static void batch_normalization(operation *o)
{
    const operand *x = &o->in[0];
    const bool training = node_int(o->node, "training_mode", 0) != 0;
    const double epsilon = node_float(o->node, "epsilon", 1e-5), momentum = node_float(o->node, "momentum", 0.9);
    const int64_t channels = x->rank > 1 ? x->dims[1] : 1, inner = x->count / x->dims[0] / channels, images = x->dims[0];
    for (int64_t c = 0; c < channels; c++) {
        double mean = o->in[3].data[c], variance = o->in[4].data[c], sum = 0, squares = 0;
        for (int64_t i = 0; i < images * inner; i++)
            sum += x->data[(i / inner * channels + c) * inner + i % inner];
        const double own_mean = sum / (double)(images * inner);
        for (int64_t i = 0; i < images * inner; i++)
            squares += pow(x->data[(i / inner * channels + c) * inner + i % inner] - own_mean, 2);
        const double own_variance = squares / (double)(images * inner);
        if (training && o->out_count > 1 && o->out[1].data != NULL)
            o->out[1].data[c] = mean * momentum + own_mean * (1 - momentum);
        if (training && o->out_count > 2 && o->out[2].data != NULL)
            o->out[2].data[c] = variance * momentum + own_variance * (1 - momentum);
        mean = training ? own_mean : mean;
        variance = training ? own_variance : variance;
        for (int64_t i = 0; i < images * inner; i++) {
            const int64_t at = (i / inner * channels + c) * inner + i % inner;
            o->out[0].data[at] = (x->data[at] - mean) / sqrt(variance + epsilon) * o->in[1].data[c] + o->in[2].data[c];
        }
    }
}

/* socle's BatchNormalize: y, mean, variance and 1 / sqrt(variance + epsilon) of each channel. */
static void batch_normalize(operation *o)
{
    const operand *x = &o->in[0];
    const double epsilon = node_float(o->node, "epsilon", 1e-5);
    const int64_t channels = x->dims[1], inner = x->count / x->dims[0] / channels, count = x->dims[0] * inner;
    for (int64_t c = 0; c < channels; c++) {
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < count; i++)
            sum += x->data[(i / inner * channels + c) * inner + i % inner];
        const double mean = sum / (double)count;
        for (int64_t i = 0; i < count; i++)
            squares += pow(x->data[(i / inner * channels + c) * inner + i % inner] - mean, 2);
        o->out[1].data[c] = mean;
        o->out[2].data[c] = squares / (double)count;
        o->out[3].data[c] = 1 / sqrt(squares / (double)count + epsilon);
        for (int64_t i = 0; i < count; i++) {
            const int64_t at = (i / inner * channels + c) * inner + i % inner;
            o->out[0].data[at] = (x->data[at] - mean) * o->out[3].data[c] * o->in[1].data[c] + o->in[2].data[c];
        }
    }
}

/* Its gradient by the chain rule through each element: d y_j / d x_i of one channel is
 * scale inverse ((i = j) - 1 / n - h_i h_j / n). */
static void batch_normalize_grad(operation *o)
{
    const operand *dy = &o->in[0], *x = &o->in[1];
    const int64_t channels = x->dims[1], inner = x->count / x->dims[0] / channels, count = x->dims[0] * inner;
    for (int64_t c = 0; c < channels; c++) {
        const double mean = o->in[3].data[c], inverse = o->in[4].data[c], factor = o->in[2].data[c] * inverse;
        for (int64_t i = 0; i < count; i++) {
            const int64_t at_i = (i / inner * channels + c) * inner + i % inner;
            const double h = (x->data[at_i] - mean) * inverse;
            o->out[1].data[c] += dy->data[at_i] * h;
            o->out[2].data[c] += dy->data[at_i];
            o->out[0].data[at_i] += dy->data[at_i] * factor;
            for (int64_t j = 0; j < count; j++) {
                const int64_t at_j = (j / inner * channels + c) * inner + j % inner;
                const double other = (x->data[at_j] - mean) * inverse;
                o->out[0].data[at_i] -= dy->data[at_j] * factor * (1 + h * other) / (double)count;
            }
        }
    }
}

/* socle's NormalizeGrad, in the same way. */
static void normalize_grad(operation *o)
{
    const operand *dy = &o->in[0], *x = &o->in[1], *scale = &o->in[2];
    const int64_t groups = node_int(o->node, "num_groups", 0);
    const double epsilon = node_float(o->node, "epsilon", 1e-5), centered = node_int(o->node, "root_mean_square", 0) == 0;
    int64_t inner = 1, row = 1;
    for (int i = groups > 0 ? 2 : x->rank; i < x->rank; i++)
        inner *= x->dims[i];
    for (int i = groups > 0 ? 1 : evaluate_axis(node_int(o->node, "axis", -1), x->rank); i < x->rank; i++)
        row *= x->dims[i];
    row /= groups > 0 ? groups : 1;
    for (int64_t first = 0; first < x->count; first += row) {
        const double mean = centered * mean_of(x->data + first, row);
        const double inverse = 1 / sqrt(variance_of(x->data + first, row, mean) + epsilon);
        for (int64_t i = first; i < first + row; i++) {
            const int64_t c = i / inner % scale->count;
            const double h = (x->data[i] - mean) * inverse;
            o->out[1].data[c] += dy->data[i] * h;
            if (o->out_count > 2 && o->out[2].data != NULL)
                o->out[2].data[c] += dy->data[i];
            o->out[0].data[i] += dy->data[i] * scale->data[c] * inverse;
            for (int64_t j = first; j < first + row; j++) {
                const double other = (x->data[j] - mean) * inverse;
                o->out[0].data[i] -=
                    dy->data[j] * scale->data[j / inner % scale->count] * inverse * (centered + h * other) / (double)row;
            }
        }
    }
}

static void softmax(operation *o, bool logarithm)
{
    const operand *x = &o->in[0];
    const int axis = evaluate_axis(node_int(o->node, "axis", -1), x->rank);
    int64_t inner = 1;
    for (int i = axis + 1; i < x->rank; i++)
        inner *= x->dims[i];
    const int64_t count = x->dims[axis];
    for (int64_t line = 0; count > 0 && line < x->count / count; line++) {
        const int64_t first = line / inner * count * inner + line % inner;
        double largest = -INFINITY, sum = 0;
        for (int64_t i = 0; i < count; i++)
            largest = fmax(largest, x->data[first + i * inner]);
        for (int64_t i = 0; i < count; i++)
            sum += exp(x->data[first + i * inner] - largest);
        for (int64_t i = 0; i < count; i++) {
            const double shifted = x->data[first + i * inner] - largest;
            o->out[0].data[first + i * inner] = logarithm ? shifted - log(sum) : exp(shifted) / sum;
        }
    }
}

bool evaluate_normalization(operation *o)
{
    if (evaluate_is(o, "LayerNormalization"))
        layer_normalization(o);
    else if (evaluate_is(o, "RMSNormalization") || evaluate_is(o, "SimplifiedLayerNormalization"))
        rms_normalization(o);
    else if (evaluate_is(o, "GroupNormalization"))
        group_normalization(o, node_int(o->node, "num_groups", 1));
    else if (evaluate_is(o, "InstanceNormalization"))
        group_normalization(o, o->in[0].dims[1]);
    else if (evaluate_is(o, "BatchNormalization"))
        batch_normalization(o);
    else if (evaluate_is(o, "BatchNormalize"))
        batch_normalize(o);
    else if (evaluate_is(o, "BatchNormalizeGrad"))
        batch_normalize_grad(o);
    else if (evaluate_is(o, "NormalizeGrad"))
        normalize_grad(o);
    else if (evaluate_is(o, "Softmax") || evaluate_is(o, "LogSoftmax"))
        softmax(o, evaluate_is(o, "LogSoftmax"));
    else
        return false;
    return true;
}

/* SoftmaxCrossEntropyLoss and NegativeLogLikelihoodLoss. */
#include "evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* log(softmax(x)) over axis 1, into `log_prob`. */
static void log_softmax(const operand *x, double *log_prob)
{
    const int64_t classes = x->dims[1], inner = x->count / x->dims[0] / classes;
    for (int64_t line = 0; line < x->dims[0] * inner; line++) {
        const int64_t first = line / inner * classes * inner + line % inner;
        double sum = 0, largest = -INFINITY;
        for (int64_t c = 0; c < classes; c++)
            largest = fmax(largest, x->data[first + c * inner]);
        for (int64_t c = 0; c < classes; c++)
            sum += exp(x->data[first + c * inner] - largest);
        for (int64_t c = 0; c < classes; c++)
            log_prob[first + c * inner] = x->data[first + c * inner] - largest - log(sum);
    }
}

static void likelihood(operation *o, const double *log_prob)
{
    const operand *x = &o->in[0], *labels = &o->in[1];
    const char *reduction = node_string(o->node, "reduction", "mean");
    const graph_attribute *ignore = node_attribute(o->node, "ignore_index");
    const int64_t classes = x->dims[1], inner = x->count / x->dims[0] / classes;
    double total = 0, weights = 0;
    for (int64_t i = 0; i < labels->count; i++) {
        const int64_t label = (int64_t)labels->data[i];
        double weight = 1, loss = 0;
        if (ignore != NULL && label == ignore->i)
            weight = 0;
        else {
            weight = o->in_count > 2 && o->in[2].data != NULL ? o->in[2].data[label] : 1;
            loss = -weight * log_prob[(i / inner * classes + label) * inner + i % inner];
        }
        if (strcmp(reduction, "none") == 0)
            o->out[0].data[i] = loss;
        total += loss;
        weights += weight;
    }
    if (strcmp(reduction, "sum") == 0)
        o->out[0].data[0] = total;
    else if (strcmp(reduction, "mean") == 0)
        o->out[0].data[0] = total / weights;
}

bool evaluate_loss(operation *o)
{
    const bool logits = evaluate_is(o, "SoftmaxCrossEntropyLoss");
    if (!logits && !evaluate_is(o, "NegativeLogLikelihoodLoss"))
        return false;
    double *log_prob = malloc((size_t)(o->in[0].count + 1) * sizeof(*log_prob));
    if (logits)
        log_softmax(&o->in[0], log_prob);
    else
        memcpy(log_prob, o->in[0].data, (size_t)o->in[0].count * sizeof(*log_prob));
    likelihood(o, log_prob);
    if (o->out_count > 1 && o->out[1].data != NULL)
        memcpy(o->out[1].data, log_prob, (size_t)o->in[0].count * sizeof(*log_prob));
    free(log_prob);
    return true;
}

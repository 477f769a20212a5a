/* Pooling and its gradients. */
#include "evaluate_window.h"

#include <math.h>

/* Elements of a window that count for an average: those inside of the input, or of the padded input. */
static int64_t counted(const window *w, const int64_t *o, bool padding)
{
    int64_t count = 0;
    for (int64_t i = 0; i < evaluate_window_count(w->kernel); i++) {
        int64_t k[WINDOW_AXES];
        bool inside = true;
        evaluate_window_at(w->kernel, i, k);
        for (int a = 0; a < WINDOW_AXES; a++) {
            const int64_t at = o[a] * w->stride[a] + k[a] * w->dilation[a] - w->before[a];
            inside = inside && at >= (padding ? -w->before[a] : 0) && at < w->in[a] + (padding ? w->after[a] : 0);
        }
        count += inside;
    }
    return count;
}

/* The place of the first maximum of a window; -1: all of it is padding. */
static int64_t first_maximum(const window *w, const double *channel, const int64_t *o)
{
    int64_t best = -1;
    for (int64_t i = 0; i < evaluate_window_count(w->kernel); i++) {
        int64_t k[WINDOW_AXES];
        evaluate_window_at(w->kernel, i, k);
        const int64_t place = evaluate_window_place(w, o, k);
        if (place >= 0 && (best < 0 || channel[place] > channel[best] || (isnan(channel[place]) && !isnan(channel[best]))))
            best = place;
    }
    return best;
}

/* Indices are those in the whole tensor; with storage_order 1 the two last axes count the other way round. */
static double index_of(const operation *o, const window *w, int64_t channel, int64_t place)
{
    const int64_t inputs = evaluate_window_count(w->in);
    if (node_int(o->node, "storage_order", 0) == 0)
        return (double)(channel * inputs + place);
    const int64_t column = place % w->in[2], row = place / w->in[2];
    return (double)(channel * inputs + column * w->in[1] * w->in[0] + row);
}

static void pool(operation *o, bool maximum)
{
    const operand *x = &o->in[0], *y = &o->out[0];
    const bool padding = node_int(o->node, "count_include_pad", 0) != 0;
    window w;
    evaluate_window(o->node, x, y, NULL, &w);
    const int64_t inputs = evaluate_window_count(w.in), outputs = evaluate_window_count(w.out);
    for (int64_t i = 0; i < y->count; i++) {
        const double *channel = x->data + i / outputs * inputs;
        int64_t at[WINDOW_AXES];
        double sum = 0;
        evaluate_window_at(w.out, i % outputs, at);
        if (maximum) {
            const int64_t place = first_maximum(&w, channel, at);
            y->data[i] = place < 0 ? -INFINITY : channel[place];
            if (o->out_count > 1 && o->out[1].data != NULL)
                o->out[1].data[i] = index_of(o, &w, i / outputs, place);
            continue;
        }
        for (int64_t k = 0; k < evaluate_window_count(w.kernel); k++) {
            int64_t tap[WINDOW_AXES];
            evaluate_window_at(w.kernel, k, tap);
            const int64_t place = evaluate_window_place(&w, at, tap);
            sum += place >= 0 ? channel[place] : 0;
        }
        y->data[i] = sum / (double)counted(&w, at, padding);
    }
}

static void pool_gradient(operation *o, bool maximum)
{
    const operand *dy = &o->in[0], *dx = &o->out[0];
    const bool padding = node_int(o->node, "count_include_pad", 0) != 0;
    window w;
    evaluate_window(o->node, dx, dy, NULL, &w);
    const int64_t inputs = evaluate_window_count(w.in), outputs = evaluate_window_count(w.out);
    for (int64_t i = 0; i < dy->count; i++) {
        const int64_t channel = i / outputs * inputs;
        int64_t at[WINDOW_AXES];
        evaluate_window_at(w.out, i % outputs, at);
        if (maximum) {
            const int64_t place = first_maximum(&w, o->in[1].data + channel, at);
            if (place >= 0)
                dx->data[channel + place] += dy->data[i];
            continue;
        }
        for (int64_t k = 0; k < evaluate_window_count(w.kernel); k++) {
            int64_t tap[WINDOW_AXES];
            evaluate_window_at(w.kernel, k, tap);
            const int64_t place = evaluate_window_place(&w, at, tap);
            if (place >= 0)
                dx->data[channel + place] += dy->data[i] / (double)counted(&w, at, padding);
        }
    }
}

static void pool_all(operation *o, bool maximum)
{
    const operand *x = &o->in[0], *y = &o->out[0];
    const int64_t inner = y->count > 0 ? x->count / y->count : 0;
    for (int64_t i = 0; i < y->count; i++) {
        double best = -INFINITY, sum = 0;
        for (int64_t k = 0; k < inner; k++) {
            best = fmax(best, x->data[i * inner + k]);
            sum += x->data[i * inner + k];
        }
        y->data[i] = maximum ? best : sum / (double)inner;
    }
}

bool evaluate_pool(operation *o)
{
    if (evaluate_is(o, "MaxPool") || evaluate_is(o, "AveragePool"))
        pool(o, evaluate_is(o, "MaxPool"));
    else if (evaluate_is(o, "MaxPoolGrad") || evaluate_is(o, "AveragePoolGrad"))
        pool_gradient(o, evaluate_is(o, "MaxPoolGrad"));
    else if (evaluate_is(o, "GlobalMaxPool") || evaluate_is(o, "GlobalAveragePool"))
        pool_all(o, evaluate_is(o, "GlobalMaxPool"));
    else
        return false;
    return true;
}

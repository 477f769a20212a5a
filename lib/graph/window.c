/* Windows resolved from strides, dilations, pads, auto_pad, kernel_shape and ceil_mode, as ONNX defines them for Conv,
 * ConvTranspose (opset 11), MaxPool and AveragePool (opset 19). */
#include "window.h"

#include <string.h>

/* Reads a list of `count` numbers of at least `least`, all `absent` where the attribute is left out. */
static socle_status read_list(const graph_infer *infer, const char *name, int count, int64_t absent, int64_t least, int64_t *out)
{
    const graph_attribute *given = node_attribute(infer->node, name);
    if (given != NULL && given->count != count)
        return infer_fail(infer, SOCLE_INVALID_ARGUMENT, "%s has %d numbers for %d dimensions", name, given->count, count);
    for (int d = 0; d < count; d++) {
        out[d] = given != NULL && given->kind == SOCLE_ATTRIBUTE_INTS ? given->ints[d] : absent;
        if (out[d] < least || out[d] > INT32_MAX)
            return infer_fail(infer, SOCLE_INVALID_ARGUMENT, "%s has %lld", name, (long long)out[d]);
    }
    return SOCLE_OK;
}

static socle_status read_padding(const graph_infer *infer, window *w)
{
    static const char *const names[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};
    const char *given = node_string(infer->node, "auto_pad", "NOTSET");
    int64_t pads[2 * WINDOW_MAX];
    for (int i = 0; i < (int)COUNT_OF(names); i++) {
        if (strcmp(given, names[i]) != 0)
            continue;
        w->padding = (window_padding)i;
        if (w->padding != WINDOW_EXPLICIT)
            return SOCLE_OK; /* pads are resolved with the extents */
        const graph_attribute *list = node_attribute(infer->node, "pads");
        if (list != NULL && list->count != 2 * w->spatial)
            return infer_fail(infer, SOCLE_INVALID_ARGUMENT, "pads has %d numbers for %d dimensions", list->count, w->spatial);
        socle_status status = read_list(infer, "pads", 2 * w->spatial, 0, 0, pads);
        for (int d = 0; status == SOCLE_OK && d < w->spatial; d++) {
            w->pad_begin[d] = pads[d];
            w->pad_end[d] = pads[w->spatial + d];
        }
        return status;
    }
    return infer_fail(infer, SOCLE_INVALID_ARGUMENT, "unknown auto_pad '%s'", given);
}

static socle_status read_kernel(const graph_infer *infer, const int64_t *kernel, window *w)
{
    const bool given = node_attribute(infer->node, "kernel_shape") != NULL;
    if (!given && kernel == NULL)
        return infer_fail(infer, SOCLE_INVALID_ARGUMENT, "the attribute kernel_shape is missing");
    if (given) {
        socle_status status = read_list(infer, "kernel_shape", w->spatial, 1, 1, w->kernel);
        if (status != SOCLE_OK)
            return status;
    }
    for (int d = 0; kernel != NULL && d < w->spatial; d++) {
        if (kernel[d] == 0)
            return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "the weight is empty");
        if (given && kernel[d] >= 0 && kernel[d] != w->kernel[d])
            return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "kernel_shape says %lld where the weight has %lld",
                              (long long)w->kernel[d], (long long)kernel[d]);
        if (!given)
            w->kernel[d] = kernel[d];
    }
    return SOCLE_OK;
}

socle_status window_read(const graph_infer *infer, int spatial, const int64_t *kernel, window *w)
{
    *w = (window){.spatial = spatial, .ceil = node_int(infer->node, "ceil_mode", 0) != 0};
    if (spatial < 1 || spatial > WINDOW_MAX)
        return infer_fail(infer, SOCLE_UNSUPPORTED, "%d spatial dimensions: 1 to %d are possible", spatial, WINDOW_MAX);
    socle_status status = read_list(infer, "strides", spatial, 1, 1, w->stride);
    if (status == SOCLE_OK)
        status = read_list(infer, "dilations", spatial, 1, 1, w->dilation);
    if (status == SOCLE_OK)
        status = read_padding(infer, w);
    return status == SOCLE_OK ? read_kernel(infer, kernel, w) : status;
}

/* Splits the padding, the odd element at the end (upper) or at the beginning. */
static void split_padding(window *w, int d, int64_t total)
{
    const int64_t half = total / 2;
    w->pad_begin[d] = w->padding == WINDOW_SAME_LOWER ? total - half : half;
    w->pad_end[d] = total - w->pad_begin[d];
}

socle_status window_output(const graph_infer *infer, window *w, int d, int64_t input, int64_t *output)
{
    *output = DIM_UNKNOWN;
    if (input < 0 || w->kernel[d] < 0)
        return SOCLE_OK;
    const int64_t reach = (w->kernel[d] - 1) * w->dilation[d] + 1;
    if (w->padding == WINDOW_SAME_UPPER || w->padding == WINDOW_SAME_LOWER) {
        *output = ceil_div(input, w->stride[d]);
        const int64_t total = (*output - 1) * w->stride[d] + reach - input;
        split_padding(w, d, total > 0 ? total : 0);
        return SOCLE_OK;
    }
    const int64_t room = input + w->pad_begin[d] + w->pad_end[d] - reach;
    if (room < 0)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH,
                          "a window of %lld does not fit into %lld elements (dimension %d, with padding)", (long long)reach,
                          (long long)(input + w->pad_begin[d] + w->pad_end[d]), d + 2);
    *output = (w->ceil ? ceil_div(room, w->stride[d]) : room / w->stride[d]) + 1;
    /* a window that would begin behind the input and its first padding is left out */
    if (w->ceil && (*output - 1) * w->stride[d] >= input + w->pad_begin[d])
        --*output;
    return SOCLE_OK;
}

socle_status window_transposed_output(const graph_infer *infer, window *w, int d, int64_t input, int64_t *output)
{
    int64_t extra[WINDOW_MAX], shape[SOCLE_MAX_RANK];
    *output = DIM_UNKNOWN;
    socle_status status = read_list(infer, "output_padding", w->spatial, 0, 0, extra);
    if (status != SOCLE_OK)
        return status;
    const int given = node_ints(infer->node, "output_shape", shape, SOCLE_MAX_RANK);
    if (given > 0 && given < w->spatial)
        return infer_fail(infer, SOCLE_INVALID_ARGUMENT, "output_shape has %d numbers for %d dimensions", given, w->spatial);
    if (input < 0 || w->kernel[d] < 0) {
        *output = given > 0 ? shape[given - w->spatial + d] : DIM_UNKNOWN;
        return SOCLE_OK;
    }
    if (input > INT32_MAX)
        return infer_fail(infer, SOCLE_UNSUPPORTED, "dimension %d is %lld", d + 2, (long long)input);
    const int64_t covered = w->stride[d] * (input - 1) + extra[d] + (w->kernel[d] - 1) * w->dilation[d] + 1;
    const bool same = w->padding == WINDOW_SAME_UPPER || w->padding == WINDOW_SAME_LOWER;
    if (given > 0 || same) {
        *output = given > 0 ? shape[given - w->spatial + d] : input * w->stride[d];
        split_padding(w, d, covered > *output ? covered - *output : 0);
    } else {
        *output = covered - w->pad_begin[d] - w->pad_end[d];
    }
    if (*output < 1)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "dimension %d of the result would be %lld", d + 2, (long long)*output);
    return SOCLE_OK;
}

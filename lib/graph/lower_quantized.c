/* Quantized operators. QuantizeLinear and its kin become pointwise arithmetic in float32. Products and convolutions of integers
 * keep the bare product of the bytes as an operator of its own, for solvers; zero points are taken off its sums, (x - zx)(w - zw)
 * = x w - zx sum(w) - zw (sum(x) - n zx), and results are scaled, rounded and clipped pointwise, which the planner joins to the
 * product. ONNX operators of these names, versions 10 to 21. */
#include "lower.h"
#include "operators.h"

#include <string.h>

/* ---- zero points and scales ---- */

/* Left out, or constant and nothing but zeros. */
static bool is_zero(const lowering *l, value_id value)
{
    if (value == GRAPH_NONE)
        return true;
    const graph_value *v = &l->graph->values[value];
    if (v->kind != VALUE_CONSTANT || !graph_type_known(&v->type))
        return false;
    const unsigned char *bytes = v->data;
    for (size_t i = 0; i < graph_type_bytes(&v->type); i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

static bool known(const lowering *l, int index)
{
    const value_id value = lower_input(l, index);
    return value == GRAPH_NONE || graph_type_known(lower_type(l, value));
}

static bool all_known(const lowering *l)
{
    bool result = true;
    for (int i = 0; i < l->graph->nodes[l->node].input_count; i++)
        result = result && known(l, i);
    return result;
}

/* One element of rank 0; anything else as it is. */
static value_id as_scalar(const lowering *l, value_id x)
{
    if (x == GRAPH_NONE || lower_type(l, x)->rank == 0 || graph_type_count(lower_type(l, x)) != 1)
        return x;
    return lower_reshape(l, x, NULL, 0);
}

/* A list of one number per block of the axis, as often as the axis has elements. */
static value_id repeat_blocks(const lowering *l, value_id x, const graph_type *like, int axis, int64_t block)
{
    graph_type type = *lower_type(l, x);
    if (type.rank != like->rank || type.rank >= SOCLE_MAX_RANK)
        return GRAPH_NONE;
    int64_t apart[SOCLE_MAX_RANK], repeated[SOCLE_MAX_RANK], joined[SOCLE_MAX_RANK];
    for (int d = 0; d <= type.rank; d++) {
        const int from = d <= axis ? d : d - 1;
        apart[d] = d == axis + 1 ? 1 : type.dims[from];
        repeated[d] = d == axis + 1 ? block : type.dims[from];
    }
    memcpy(joined, type.dims, sizeof(joined));
    joined[axis] *= block;
    x = lower_reshape(l, x, apart, type.rank + 1);
    x = graph_binary(l->graph, "Expand", x, graph_constant_ints(l->graph, repeated, type.rank + 1));
    x = lower_reshape(l, x, joined, type.rank);
    if (x == GRAPH_NONE || joined[axis] == like->dims[axis])
        return x;
    const int64_t start = 0, end = like->dims[axis], at = axis;
    const value_id inputs[] = {x, graph_constant_ints(l->graph, &start, 1), graph_constant_ints(l->graph, &end, 1),
                               graph_constant_ints(l->graph, &at, 1)};
    return graph_add(l->graph, "", "Slice", inputs, 4, NULL, 0, 1);
}

/* Scales or zero points so that they broadcast to `like`: one for all, one per element of the axis, or one per block of it. */
static value_id spread(const lowering *l, value_id x, const graph_type *like)
{
    const graph_node *node = &l->graph->nodes[l->node];
    const int64_t block = node_int(node, "block_size", 0);
    int64_t axis = node_int(node, "axis", 1), dims[SOCLE_MAX_RANK];
    if (x == GRAPH_NONE || graph_type_count(lower_type(l, x)) == 1)
        return as_scalar(l, x);
    axis += axis < 0 ? like->rank : 0;
    if (axis < 0 || axis >= like->rank)
        return GRAPH_NONE;
    if (block > 0)
        return repeat_blocks(l, x, like, (int)axis, block);
    for (int d = (int)axis; d < like->rank; d++)
        dims[d - axis] = d == axis ? like->dims[d] : 1;
    return axis == like->rank - 1 ? x : lower_reshape(l, x, dims, like->rank - (int)axis);
}

/* a - b c in int32; b may be any integer type. */
static value_id subtract_product(const lowering *l, value_id a, value_id b, value_id c)
{
    if (a == GRAPH_NONE || b == GRAPH_NONE || c == GRAPH_NONE)
        return GRAPH_NONE;
    return graph_add(l->graph, "socle", "SubtractProduct", (const value_id[]){a, b, c}, 3, NULL, 0, 1);
}

/* ---- between numbers and bytes ---- */

static value_id clipped(const lowering *l, value_id x, double low, double high)
{
    if (x == GRAPH_NONE)
        return GRAPH_NONE;
    return graph_add(l->graph, "", "Clip", (const value_id[]){x, lower_scalar(l, x, low), lower_scalar(l, x, high)}, 3, NULL, 0,
                     1);
}

/* Float32 to an integer type: round half to even, shift, clip. What is clipped first rounds faster: RoundSmall. */
static value_id quantized(const lowering *l, value_id x, value_id zero, socle_dtype dtype)
{
    const double low = dtype == SOCLE_UINT8 ? 0 : dtype == SOCLE_INT8 ? -128 : -32768;
    const double high = dtype == SOCLE_UINT8 ? 255 : dtype == SOCLE_INT8 ? 127 : 32767;
    int64_t shift = 0;
    socle_graph *graph = l->graph;
    const bool shifted = !is_zero(l, zero), known_shift = !shifted || graph_constant_int_values(graph, zero, &shift, 1) == 1;
    x = known_shift ? clipped(l, x, low - (double)shift, high - (double)shift) : clipped(l, x, 4 * -32768.0, 4 * 32768.0);
    if (x == GRAPH_NONE)
        return GRAPH_NONE;
    x = graph_add(graph, "socle", "RoundSmall", &x, 1, NULL, 0, 1);
    if (shifted)
        x = graph_binary(graph, "Add", x, lower_cast(l, zero, SOCLE_FLOAT32));
    return lower_cast(l, known_shift ? x : clipped(l, x, low, high), dtype);
}

socle_status lower_quantize_linear(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    if (!all_known(&l))
        return SOCLE_OK;
    const value_id x = lower_input(&l, 0);
    const graph_type type = *lower_type(&l, x);
    const socle_dtype dtype = graph->values[graph->nodes[node].outputs[0]].type.dtype;
    const value_id scale = lower_cast(&l, spread(&l, lower_input(&l, 1), &type), SOCLE_FLOAT32);
    const value_id zero = is_zero(&l, lower_input(&l, 2)) ? GRAPH_NONE : spread(&l, lower_input(&l, 2), &type);
    return lower_done(&l, quantized(&l, graph_binary(graph, "Div", lower_cast(&l, x, SOCLE_FLOAT32), scale), zero, dtype));
}

/* (x - zero) * scale, the difference in int32. */
socle_status lower_dequantize_linear(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    if (!all_known(&l))
        return SOCLE_OK;
    const graph_type type = *lower_type(&l, lower_input(&l, 0));
    const socle_dtype dtype = lower_type(&l, lower_input(&l, 1))->dtype;
    value_id x = lower_input(&l, 0);
    if (!is_zero(&l, lower_input(&l, 2)))
        x = graph_binary(graph, "Sub", lower_cast(&l, x, SOCLE_INT32),
                         lower_cast(&l, spread(&l, lower_input(&l, 2), &type), SOCLE_INT32));
    const value_id scale = lower_cast(&l, spread(&l, lower_input(&l, 1), &type), SOCLE_FLOAT32);
    return lower_done(&l, lower_cast(&l, graph_binary(graph, "Mul", lower_cast(&l, x, SOCLE_FLOAT32), scale), dtype));
}

/* Scale and zero point from the range of x with 0 in it; a range of nothing has scale 1, so that nothing is divided by 0. */
socle_status lower_dynamic_quantize_linear(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    const value_id x = lower_input(&l, 0);
    const socle_attribute keep[] = {ATTRIBUTE_INT("keepdims", 0)};
    const value_id none = lower_scalar(&l, x, 0);
    const value_id low = graph_binary(graph, "Min", graph_add(graph, "", "ReduceMin", &x, 1, keep, 1, 1), none);
    const value_id high = graph_binary(graph, "Max", graph_add(graph, "", "ReduceMax", &x, 1, keep, 1, 1), none);
    const value_id range = graph_binary(graph, "Sub", high, low);
    if (range == GRAPH_NONE)
        return lower_failed(&l);
    const value_id choice[] = {graph_binary(graph, "Equal", range, none), lower_scalar(&l, x, 1),
                               graph_binary(graph, "Div", range, lower_scalar(&l, x, 255))};
    const value_id scale = graph_add(graph, "", "Where", choice, 3, NULL, 0, 1);
    const value_id zero =
        quantized(&l, graph_unary(graph, "Neg", graph_binary(graph, "Div", low, scale)), GRAPH_NONE, SOCLE_UINT8);
    const value_id y = quantized(&l, graph_binary(graph, "Div", x, scale), zero, SOCLE_UINT8);
    if (y == GRAPH_NONE)
        return lower_failed(&l);
    lower_output(graph, node, 1, scale, l.first_new);
    lower_output(graph, node, 2, zero, l.first_new);
    return lower_done(&l, y);
}

/* ---- products ---- */

/* One number per row of a product. */
static value_id per_row(const lowering *l, value_id x)
{
    if (x == GRAPH_NONE || lower_type(l, x)->rank != 1 || lower_type(l, x)->dims[0] == 1)
        return as_scalar(l, x);
    return lower_reshape(l, x, (const int64_t[]){lower_type(l, x)->dims[0], 1}, 2);
}

static value_id sums_of(const lowering *l, value_id x, int64_t axis, bool keep)
{
    return lower_reduce(l, "ReduceSum", lower_cast(l, x, SOCLE_INT32), &axis, 1, keep);
}

/* The int32 product of a and b less their zero points. */
static value_id integer_product(const lowering *l, value_id a, value_id b, value_id a_zero, value_id b_zero)
{
    const int a_rank = lower_type(l, a)->rank, b_rank = lower_type(l, b)->rank;
    const int64_t depth = lower_type(l, a)->dims[a_rank - 1];
    const bool a_shifted = !is_zero(l, a_zero), b_shifted = !is_zero(l, b_zero);
    value_id y = graph_binary(l->graph, "MatMulInteger", a, b);
    if (a_shifted) {
        a_zero = per_row(l, a_zero);
        y = subtract_product(l, y, a_zero, sums_of(l, b, b_rank > 1 ? b_rank - 2 : 0, a_rank > 1 && b_rank > 1));
    }
    if (b_shifted) {
        value_id sums = sums_of(l, a, a_rank - 1, a_rank > 1 && b_rank > 1);
        if (a_shifted)
            sums = subtract_product(l, sums, a_zero, graph_constant_scalar(l->graph, SOCLE_INT32, (double)depth));
        y = subtract_product(l, y, as_scalar(l, b_zero), sums);
    }
    return y;
}

socle_status lower_matmul_integer(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    if ((lower_input(&l, 2) == GRAPH_NONE && lower_input(&l, 3) == GRAPH_NONE) || !all_known(&l))
        return SOCLE_OK;
    return lower_done(&l, integer_product(&l, lower_input(&l, 0), lower_input(&l, 1), lower_input(&l, 2), lower_input(&l, 3)));
}

/* int32 sums times `from` / `to`, as bytes. */
static value_id requantized(const lowering *l, value_id sums, value_id from, value_id to, value_id zero)
{
    const socle_dtype dtype = lower_type(l, zero)->dtype;
    const value_id factor = graph_binary(l->graph, "Div", from, lower_cast(l, to, SOCLE_FLOAT32));
    return quantized(l, graph_binary(l->graph, "Mul", lower_cast(l, sums, SOCLE_FLOAT32), factor), as_scalar(l, zero), dtype);
}

socle_status lower_qlinear_matmul(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    if (!all_known(&l))
        return SOCLE_OK;
    const value_id sums = integer_product(&l, lower_input(&l, 0), lower_input(&l, 3), lower_input(&l, 2), lower_input(&l, 5));
    const value_id a_scale = lower_cast(&l, per_row(&l, lower_input(&l, 1)), SOCLE_FLOAT32);
    const value_id b_scale = lower_cast(&l, as_scalar(&l, lower_input(&l, 4)), SOCLE_FLOAT32);
    if (sums == GRAPH_NONE)
        return lower_failed(&l);
    return lower_done(&l, requantized(&l, sums, graph_binary(graph, "Mul", a_scale, b_scale), per_row(&l, lower_input(&l, 6)),
                                      lower_input(&l, 7)));
}

/* ---- convolutions ---- */

/* Every byte of the type 1. */
static value_id ones(const lowering *l, const graph_type *type)
{
    const size_t size_bytes = graph_type_bytes(type);
    unsigned char *bytes = memory_alloc(size_bytes);
    if (bytes == NULL)
        return GRAPH_NONE;
    memset(bytes, 1, size_bytes);
    const value_id value = graph_add_constant(l->graph, NULL, type, bytes, true);
    memory_free(bytes);
    return value;
}

/* x with its zero point around it, as padding means for numbers; for zero points that are not known before the network runs. */
static value_id padded(const lowering *l, value_id x, value_id zero, const conv_geometry *g)
{
    int64_t pads[2 * SOCLE_MAX_RANK] = {0};
    const int rank = g->spatial + 2;
    for (int d = 0; d < g->spatial; d++) {
        pads[2 + d] = g->pad_begin[d];
        pads[rank + 2 + d] = g->pad_end[d];
    }
    const value_id inputs[] = {x, graph_constant_ints(l->graph, pads, 2 * rank), zero};
    return graph_add(l->graph, "", "Pad", inputs, 3, NULL, 0, 1);
}

static bool has_padding(const conv_geometry *g)
{
    for (int d = 0; d < g->spatial; d++)
        if (g->pad_begin[d] != 0 || g->pad_end[d] != 0)
            return true;
    return false;
}

/* is_padded: x has its padding; else pad_value stands for it, in images of bytes. */
static value_id bare_conv(const lowering *l, const char *op, value_id x, value_id w, const conv_geometry *g, bool is_padded,
                          int64_t pad_value)
{
    int64_t pads[2 * 3] = {0};
    const size_t count = (size_t)g->spatial;
    for (size_t d = 0; d < count && !is_padded; d++) {
        pads[d] = g->pad_begin[d];
        pads[count + d] = g->pad_end[d];
    }
    const socle_attribute attributes[] = {ATTRIBUTE_INTS("kernel_shape", g->kernel, count),
                                          ATTRIBUTE_INTS("strides", g->stride, count),
                                          ATTRIBUTE_INTS("dilations", g->dilation, count),
                                          ATTRIBUTE_INTS("pads", pads, 2 * count),
                                          ATTRIBUTE_INT("group", g->groups),
                                          ATTRIBUTE_INT("pad_value", pad_value)};
    if (x == GRAPH_NONE || w == GRAPH_NONE)
        return GRAPH_NONE;
    return graph_add(l->graph, "", op, (const value_id[]){x, w}, 2, attributes, (int)COUNT_OF(attributes) - (pad_value == 0), 1);
}

/* Depthwise and other grouped convolutions sum few products: in float32 they are exact, and take the ways that numbers have. */
#define EXACT_PRODUCTS 257 /* of two bytes: 257 255 255 < 2^24 */

static bool is_exact_in_float(const conv_geometry *g)
{
    int64_t products = g->groups > 0 ? g->channels / g->groups : 0;
    for (int d = 0; d < g->spatial; d++)
        products *= g->kernel[d];
    return g->groups > 1 && products <= EXACT_PRODUCTS;
}

static socle_status lower_to_float(const lowering *l, const conv_geometry *g)
{
    const value_id x = lower_cast(l, lower_input(l, 0), SOCLE_FLOAT32), w = lower_cast(l, lower_input(l, 1), SOCLE_FLOAT32);
    return lower_done(l, lower_cast(l, bare_conv(l, "Conv", x, w, g, false, 0), SOCLE_INT32));
}

socle_status lower_conv_integer(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    conv_geometry g;
    value_id x = lower_input(&l, 0), x_zero = lower_input(&l, 2);
    const value_id w = lower_input(&l, 1), w_zero = lower_input(&l, 3);
    if (!all_known(&l))
        return SOCLE_OK;
    const graph_type w_type = *lower_type(&l, w);
    const socle_status status = graph_conv_geometry(graph, &graph->nodes[node], &g);
    if (status != SOCLE_OK)
        return status;
    if (x_zero == GRAPH_NONE && w_zero == GRAPH_NONE)
        return is_exact_in_float(&g) ? lower_to_float(&l, &g) : SOCLE_OK;
    int64_t pad_value = 0;
    const bool x_shifted = !is_zero(&l, x_zero);
    const bool known_padding =
        !x_shifted || (!is_exact_in_float(&g) && graph_constant_int_values(graph, x_zero, &pad_value, 1) == 1);
    const bool is_padded = !known_padding && has_padding(&g);
    x_zero = as_scalar(&l, x_zero);
    if (is_padded)
        x = padded(&l, x, x_zero, &g);
    value_id y = bare_conv(&l, "ConvInteger", x, w, &g, is_padded, pad_value);
    if (x_shifted) {
        int64_t axes[SOCLE_MAX_RANK];
        for (int d = 1; d < w_type.rank; d++)
            axes[d - 1] = d;
        const value_id sums = lower_reduce(&l, "ReduceSum", lower_cast(&l, w, SOCLE_INT32), axes, w_type.rank - 1, false);
        y = subtract_product(&l, y, x_zero, sums == GRAPH_NONE ? sums : lower_per_channel(&l, sums, w_type.rank));
    }
    if (!is_zero(&l, w_zero)) {
        value_id sums = bare_conv(&l, "ConvInteger", x, ones(&l, &w_type), &g, is_padded, pad_value);
        const double taps = (double)graph_type_count(&w_type) / (double)w_type.dims[0];
        if (x_shifted)
            sums = subtract_product(&l, sums, x_zero, graph_constant_scalar(graph, SOCLE_INT32, taps));
        const bool single = graph_type_count(lower_type(&l, w_zero)) == 1;
        y = subtract_product(&l, y, single ? as_scalar(&l, w_zero) : lower_per_channel(&l, w_zero, w_type.rank), sums);
    }
    return lower_done(&l, y);
}

/* The attributes that a convolution's windows have. */
static int window_attributes(const graph_node *node, socle_attribute *out)
{
    static const char *const names[] = {"auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"};
    int count = 0;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const graph_attribute *a = node_attribute(node, names[i]);
        if (a != NULL)
            out[count++] = (socle_attribute){
                .name = names[i], .kind = a->kind, .i = a->i, .s = a->s, .ints = a->ints, .count = (size_t)a->count};
    }
    return count;
}

socle_status lower_qlinear_conv(socle_graph *graph, node_id node)
{
    const lowering l = lower_start(graph, node);
    socle_attribute attributes[6];
    if (!all_known(&l))
        return SOCLE_OK;
    const value_id inputs[] = {lower_input(&l, 0), lower_input(&l, 3), lower_input(&l, 2), lower_input(&l, 5)};
    const int rank = lower_type(&l, inputs[0])->rank, count = window_attributes(&graph->nodes[node], attributes);
    value_id sums = graph_add(graph, "", "ConvInteger", inputs, 4, attributes, count, 1);
    if (sums != GRAPH_NONE && lower_input(&l, 8) != GRAPH_NONE)
        sums = graph_binary(graph, "Add", sums, lower_per_channel(&l, lower_input(&l, 8), rank));
    value_id w_scale = lower_input(&l, 4);
    w_scale = graph_type_count(lower_type(&l, w_scale)) == 1 ? as_scalar(&l, w_scale) : lower_per_channel(&l, w_scale, rank);
    if (sums == GRAPH_NONE || w_scale == GRAPH_NONE)
        return lower_failed(&l);
    const value_id x_scale = lower_cast(&l, as_scalar(&l, lower_input(&l, 1)), SOCLE_FLOAT32);
    return lower_done(&l, requantized(&l, sums, graph_binary(graph, "Mul", x_scale, lower_cast(&l, w_scale, SOCLE_FLOAT32)),
                                      as_scalar(&l, lower_input(&l, 6)), lower_input(&l, 7)));
}

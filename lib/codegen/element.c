/* The element of a value at an index, written into the kernel: from what is at hand, a literal, memory, or the node that makes
 * it. */
#include "writer.h"

#include <stdio.h>

static bool in_group(const codegen_group *group, node_id node)
{
    int low = 0, high = group->node_count;
    while (low < high) {
        const int middle = (low + high) / 2;
        if (group->nodes[middle] < node)
            low = middle + 1;
        else
            high = middle;
    }
    return low < group->node_count && group->nodes[low] == node;
}

bool made_inside(const writer *w, value_id value)
{
    const graph_value *v = &w->graph->values[value];
    return v->kind == VALUE_NODE && in_group(w->group, v->producer);
}

/* ---- constants of one element ---- */

bool constant_scalar(const socle_graph *graph, value_id value, double *number)
{
    int64_t integer;
    if (!graph_is_constant(graph, value) || !graph_type_known(&graph->values[value].type) ||
        graph_type_count(&graph->values[value].type) != 1)
        return false;
    if (graph_constant_float(graph, value, number))
        return true;
    if (graph_constant_int_values(graph, value, &integer, 1) != 1)
        return false;
    *number = (double)integer;
    return (int64_t)*number == integer; /* else it is loaded like any other value */
}

static bool literal(writer *w, value_id value, double number, element *is)
{
    const compute_type type = compute_type_of(w->graph->values[value].type.dtype);
    text *t = writer_define(w, "constant", type, 1, false, is);
    write_literal(type, number, t);
    text_add(t, ";\n");
    return true;
}

/* ---- memory ---- */

static bool load(writer *w, value_id value, const linear *index, element *is)
{
    char pointer[16], square[28];
    const socle_dtype dtype = w->graph->values[value].type.dtype;
    const bool lanes = writer_depends_on_lanes(w, index);
    const int width = lanes ? w->width : 1;
    const int64_t stride = linear_lane_stride(index, &w->variables);
    if (value == w->watched) {
        const linear own = writer_output_index(w);
        w->watched_elsewhere |= !linear_equal(index, &own);
    }
    if (lanes) {
        w->contiguous += stride == 1;
        w->strided += stride != 1;
        w->far += stride <= -16 || stride >= 16;
    }
    const int number = writer_input(w, value);
    if (w->quiet) {
        writer_define(w, "x", compute_type_of(dtype), width, lanes, is);
        return !writer_stopped(w);
    }
    snprintf(pointer, sizeof(pointer), "in%d", number);
    if (lanes && square_lies(w, index, stride)) {
        if (!square_read(w, dtype, index, stride, pointer, square))
            return false;
        text_addf(writer_define(w, "x", compute_type_of(dtype), width, true, is), "%s[step];\n", square);
        return !writer_stopped(w);
    }
    char *at = writer_index_text(w, index);
    if (at == NULL)
        return false;
    text *t = writer_define(w, "x", compute_type_of(dtype), width, lanes, is);
    write_load(&w->needed, dtype, width, stride, pointer, at, t);
    text_add(t, ";\n");
    memory_free(at);
    return !writer_stopped(w);
}

/* ---- lanes one by one ---- */

/* The index with each variable that depends on the lanes replaced by its value in lane `lane`. */
static bool index_of_lane(writer *w, const linear *index, linear *of_lane)
{
    *of_lane = linear_constant(index->constant);
    for (int i = 0; i < index->count; i++) {
        const linear_term *term = &index->terms[i];
        linear variable = linear_variable(term->variable);
        const index_variable v = w->variables.items[term->variable];
        char expression[64];
        if (v.lane_stride != 0) {
            snprintf(expression, sizeof(expression), "%%s + %lld * lane", (long long)v.lane_stride);
            if (!index_local(w, &variable, expression, v.low, v.high, &variable))
                return false;
            w->variables.items[variable.terms[0].variable].lane_stride = 0;
        }
        if (!linear_add(of_lane, &variable, term->factor)) {
            w->failed = true;
            return false;
        }
    }
    return true;
}

/* Where the lanes of a vector are not at even distances: each is computed by itself. */
static bool write_lane_by_lane(writer *w, value_id value, const linear *index, element *is)
{
    const int width = w->width, memory_mark = w->memory_count, local_mark = w->local_count;
    const compute_type type = compute_type_of(w->graph->values[value].type.dtype);
    char lanes[28];
    linear of_lane;
    element one;
    writer_new_name(w, "lanes", lanes);
    text_addf(writer_statement(w, true), "%s %s[%d];\n", compute_name(type), lanes, width);
    text_addf(writer_statement(w, true), "for (int lane = 0; lane < %d; lane++) {\n", width);
    writer_open_block(w, true);
    w->width = 1;
    w->strided++;
    const bool done = index_of_lane(w, index, &of_lane) && write_element(w, value, &of_lane, &one);
    if (done)
        text_addf(writer_statement(w, true), "%s[lane] = %s;\n", lanes, one.name);
    w->width = width;
    writer_close_block(w, memory_mark, local_mark);
    text_add(writer_statement(w, true), "}\n");
    if (!done)
        return false;
    text_addf(writer_define(w, "x", type, width, true, is), "vload%d(0, %s);\n", width, lanes);
    return true;
}

/* ---- any value ---- */

static bool write_node_element(writer *w, value_id value, const linear *index, element *is)
{
    const graph_node *node = &w->graph->nodes[w->graph->values[value].producer];
    w->evaluations++;
    if (node->op->kind == OPERATOR_POINTWISE && graph_type_count(&w->graph->values[value].type) * 4 <= w->space)
        w->recomputed++;
    switch (node->op->kind) {
    case OPERATOR_POINTWISE:
        return write_pointwise(w, node, value, index, is);
    case OPERATOR_MOVEMENT:
        return write_movement(w, node, value, index, is);
    default: /* a reduction's result is at hand only where it was made */
        w->failed = true;
        return false;
    }
}

bool write_element(writer *w, value_id value, const linear *index, element *is)
{
    double number;
    bool done;
    if (writer_stopped(w))
        return false;
    const int width = writer_depends_on_lanes(w, index) ? w->width : 1;
    if (writer_recall(w, value, index, compute_type_of(w->graph->values[value].type.dtype), width, is))
        return true;
    if (made_inside(w, value))
        done = write_node_element(w, value, index, is);
    else if (constant_scalar(w->graph, value, &number))
        done = literal(w, value, number, is);
    else
        done = load(w, value, index, is);
    if (w->irregular && w->width > 1) {
        w->irregular = false;
        done = write_lane_by_lane(w, value, index, is);
    }
    if (done)
        writer_remember(w, value, index, is);
    return done && !writer_stopped(w);
}

bool write_element_as(writer *w, value_id value, const linear *index, compute_type type, int width, element *is)
{
    element plain;
    char converted[64];
    if (!write_element(w, value, index, &plain))
        return false;
    if (writer_recall(w, value, index, type, width, is))
        return true;
    snprintf(converted, sizeof(converted), "%s", plain.name);
    if (plain.type != type)
        snprintf(converted, sizeof(converted), "convert_%s(%s)", vector_name(type, plain.width), plain.name);
    text *t = writer_define(w, plain.width == width ? "as" : "all", type, width, writer_depends_on_lanes(w, index), is);
    if (plain.width == width)
        text_addf(t, "%s;\n", converted);
    else
        text_addf(t, "(%s)(%s);\n", vector_name(type, width), converted);
    writer_remember(w, value, index, is);
    return !writer_stopped(w);
}

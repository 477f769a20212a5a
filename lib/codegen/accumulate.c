/* Accumulators: the running values of reductions, as the operator table's identity, map, combination and finish say. */
#include "kernels.h"

#include <stdio.h>

accumulator accumulator_of(const writer *w, node_id node)
{
    const graph_node *n = &w->graph->nodes[node];
    return (accumulator){n, compute_type_of(w->graph->values[n->outputs[0]].type.dtype)};
}

/* "combine(x, y)" at a width. */
static void write_combined(writer *w, const accumulator *a, const char *x, const char *y, int width, text *out)
{
    const expression_name names[] = {{"x", x}, {"y", y}};
    expression_write(w, a->node->op->reduce_combine, names, 2, a->node, a->type, width, out);
}

void accumulator_declare(writer *w, const accumulator *a, const char *name, int count, int width, int indent, text *out)
{
    if (a->type == COMPUTE_DOUBLE)
        w->needed.real64 = true;
    add_indented(out, indent, "%s %s[%d] = {", vector_name(a->type, width), name, count);
    for (int i = 0; i < count; i++) {
        text_add(out, i > 0 ? ", " : "");
        expression_write(w, a->node->op->reduce_initial, NULL, 0, a->node, a->type, width, out);
    }
    text_add(out, "};\n");
}

void accumulator_merge(writer *w, const accumulator *a, const char *to, const char *from, int count, int width, int indent,
                       text *out)
{
    for (int i = 0; i < count; i++) {
        char x[40], y[40];
        snprintf(x, sizeof(x), "%s[%d]", to, i);
        snprintf(y, sizeof(y), "%s[%d]", from, i);
        add_indented(out, indent, "%s = ", x);
        write_combined(w, a, x, y, width, out);
        text_add(out, ";\n");
    }
}

bool accumulator_take(writer *w, const accumulator *a, const char *into, int width, bool lanes)
{
    const linear kept = writer_output_index(w), reduced = writer_reduced_index(w);
    linear index;
    element value, mapped;
    w->space = w->output_elements * w->reduced_elements;
    if (!reduction_input_index(w, a->node, &kept, &reduced, &index) ||
        !write_element_as(w, a->node->inputs[0], &index, a->type, width, &value))
        return false;
    const expression_name names[] = {{"a", value.name}};
    text *out = writer_define(w, "term", a->type, width, lanes, &mapped);
    expression_write(w, a->node->op->reduce_map, names, 1, a->node, a->type, width, out);
    text_add(out, ";\n");
    out = writer_statement(w, lanes);
    text_addf(out, "%s = ", into);
    write_combined(w, a, into, mapped.name, width, out);
    text_add(out, ";\n");
    return !writer_stopped(w);
}

void accumulator_combine(writer *w, const accumulator *a, const char *x, const char *y, int width, int indent, text *out,
                         char result[28])
{
    char name[28];
    writer_new_name(w, "fold", name);
    add_indented(out, indent, "const %s %s = ", vector_name(a->type, width), name);
    write_combined(w, a, x, y, width, out);
    text_add(out, ";\n");
    snprintf(result, 28, "%s", name);
}

void accumulator_fold(writer *w, const accumulator *a, const char *name, int count, int width, int indent, text *out,
                      char result[28])
{
    char parts[8][28];
    for (int i = 0; i < count; i++)
        snprintf(parts[i], sizeof(parts[i]), "%s[%d]", name, i);
    for (int left = count; left > 1; left = (left + 1) / 2)
        for (int i = 0; i < left / 2; i++) {
            accumulator_combine(w, a, parts[i], parts[left - 1 - i], width, indent, out, parts[i]);
        }
    snprintf(result, 28, "%s", parts[0]);
}

void accumulator_fold_lanes(writer *w, const accumulator *a, int width, int indent, text *out, char result[28])
{
    for (width /= 2; width >= 1; width /= 2) {
        char low[40], high[40];
        snprintf(low, sizeof(low), "%s.lo", result);
        snprintf(high, sizeof(high), "%s.hi", result);
        accumulator_combine(w, a, low, high, width, indent, out, result);
    }
}

bool accumulator_finish(writer *w, const accumulator *a, const char *combined, int width, bool lanes)
{
    const linear kept = writer_output_index(w);
    const value_id value = a->node->outputs[0];
    char count[48];
    element is;
    /* an integer mean of nothing must not divide by zero */
    const long long elements = w->reduced_elements == 0 && !compute_is_real(a->type) ? 1 : (long long)w->reduced_elements;
    snprintf(count, sizeof(count), "((%s)(%lld))", vector_name(a->type, width), elements);
    const expression_name names[] = {{"y", combined}, {"N", count}};
    text *out = writer_define(w, a->node->op->name, a->type, width, lanes, &is);
    expression_write(w, a->node->op->reduce_finish, names, 2, a->node, a->type, width, out);
    text_add(out, ";\n");
    if (!hold_as(w, w->graph->values[value].type.dtype, false, lanes, &is))
        return false;
    writer_remember(w, value, &kept, &is);
    return !writer_stopped(w);
}

/* Rough cost of one vector of elements with the lanes along `digit`: loads, or, where lanes are too few, single elements. */
int reduction_cost_along(writer *w, int width, const accumulator *accumulators, int count, int digit)
{
    int cost;
    if (digit == GRAPH_NONE)
        return 1 << 20;
    if (w->extents[digit] < width)
        return 12 * count + (int)(width / w->extents[digit]);
    w->lane_digit = digit;
    writer_begin(w);
    w->width = width;
    for (int k = 0; k < count && !writer_stopped(w); k++)
        accumulator_take(w, &accumulators[k], "part", w->width, true);
    cost = w->again || w->irregular ? 16 * count : w->contiguous + 8 * w->strided;
    return cost;
}

/* With a scalar walk the space is refined first, so that both ways see the same digits. */
bool reduction_settle(writer *w, const accumulator *accumulators, int count)
{
    do {
        w->lane_digit = GRAPH_NONE;
        writer_begin(w);
        for (int k = 0; k < count && !writer_stopped(w) && w->reduced_elements > 0; k++)
            accumulator_take(w, &accumulators[k], "part", 1, false);
        for (int k = 0; k < count && !writer_stopped(w); k++)
            accumulator_finish(w, &accumulators[k], "part", 1, false);
        if (!writer_stopped(w))
            write_outputs(w);
    } while (w->again);
    return !writer_stopped(w);
}

/* Shapes that a network computes for itself: Shape, Gather, Concat, arithmetic ... up to Reshape. Their elements are followed
 * back to constants and dimensions, so that a symbol such as the batch keeps its name through the chain. */
#include "infer.h"

#include <string.h>

/* Bounds the walk: a chain of a real network has a dozen nodes. */
typedef struct walk {
    const socle_graph *graph;
    int fuel;
} walk;

static int values_of(walk *w, value_id value, dim_value *out, int capacity);

static dim_value number(int64_t value)
{
    return (dim_value){true, value};
}

static int from_constant(const walk *w, value_id value, dim_value *out, int capacity)
{
    int64_t numbers[DIM_VALUES_MAX];
    const graph_type *type = &w->graph->values[value].type;
    if (type->rank > 1)
        return -1;
    const int count = graph_constant_int_values(w->graph, value, numbers, capacity);
    for (int i = 0; i < count; i++)
        out[i] = number(numbers[i]);
    return count;
}

static int from_shape(const walk *w, const graph_node *node, dim_value *out, int capacity)
{
    const graph_type *type = &w->graph->values[node->inputs[0]].type;
    if (type->rank < 0)
        return -1;
    int64_t start = node_int(node, "start", 0), end = node_int(node, "end", type->rank);
    start = start < 0 ? start + type->rank : start;
    end = end < 0 ? end + type->rank : end;
    start = start < 0 ? 0 : start;
    end = end > type->rank ? type->rank : end;
    int count = 0;
    for (int64_t d = start; d < end && count < capacity; d++)
        out[count++] = (dim_value){type->dims[d] >= 0, type->dims[d]};
    return count;
}

static int from_gather(walk *w, const graph_node *node, dim_value *out, int capacity)
{
    dim_value data[DIM_VALUES_MAX], indices[DIM_VALUES_MAX];
    const int data_count = values_of(w, node->inputs[0], data, DIM_VALUES_MAX);
    const int count = values_of(w, node->inputs[1], indices, capacity);
    if (data_count < 0 || count < 0 || w->graph->values[node->inputs[0]].type.rank != 1)
        return -1;
    for (int i = 0; i < count; i++) {
        const int64_t index = indices[i].value < 0 ? indices[i].value + data_count : indices[i].value;
        if (!indices[i].known || index < 0 || index >= data_count)
            return -1;
        out[i] = data[index];
    }
    return count;
}

static int from_concat(walk *w, const graph_node *node, dim_value *out, int capacity)
{
    int total = 0;
    for (int i = 0; i < node->input_count; i++) {
        const int count = values_of(w, node->inputs[i], out + total, capacity - total);
        if (count < 0 || w->graph->values[node->inputs[i]].type.rank != 1)
            return -1;
        total += count;
    }
    return total;
}

/* One number of an optional input. */
static bool one_number(walk *w, const graph_node *node, int input, int64_t absent, int64_t *out)
{
    dim_value value;
    *out = absent;
    if (input >= node->input_count || node->inputs[input] == GRAPH_NONE)
        return true;
    if (values_of(w, node->inputs[input], &value, 1) != 1 || !value.known)
        return false;
    *out = value.value;
    return true;
}

static int64_t clamp(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : (x > high ? high : x);
}

static int from_slice(walk *w, const graph_node *node, dim_value *out, int capacity)
{
    dim_value data[DIM_VALUES_MAX];
    int64_t start, end, step;
    const int count = values_of(w, node->inputs[0], data, DIM_VALUES_MAX);
    if (count < 0 || !one_number(w, node, 1, 0, &start) || !one_number(w, node, 2, 0, &end) ||
        !one_number(w, node, 4, 1, &step) || step != 1)
        return -1;
    start = clamp(start < 0 ? start + count : start, 0, count);
    end = clamp(end < 0 ? end + count : end, 0, count);
    int kept = 0;
    for (int64_t i = start; i < end && kept < capacity; i++)
        out[kept++] = data[i];
    return kept;
}

static dim_value combine(const char *op, dim_value a, dim_value b)
{
    int64_t result;
    const dim_value unknown = {false, DIM_UNKNOWN};
    if (strcmp(op, "Mul") == 0) {
        if (a.known && b.known)
            return multiply_fits(a.value, b.value, &result) ? number(result) : unknown;
        return a.known && a.value == 1 ? b : (b.known && b.value == 1 ? a : unknown);
    }
    if (strcmp(op, "Div") == 0) {
        if (a.known && b.known && b.value != 0 && b.value != -1)
            return number(a.value / b.value);
        return b.known && b.value == 1 ? a : unknown;
    }
    if (strcmp(op, "Add") == 0) {
        if (a.known && b.known)
            return __builtin_add_overflow(a.value, b.value, &result) ? unknown : number(result);
        return a.known && a.value == 0 ? b : (b.known && b.value == 0 ? a : unknown);
    }
    if (a.known && b.known)
        return __builtin_sub_overflow(a.value, b.value, &result) ? unknown : number(result);
    return b.known && b.value == 0 ? a : unknown;
}

static int from_arithmetic(walk *w, const graph_node *node, dim_value *out, int capacity)
{
    dim_value a[DIM_VALUES_MAX], b[DIM_VALUES_MAX];
    const int a_count = values_of(w, node->inputs[0], a, capacity), b_count = values_of(w, node->inputs[1], b, capacity);
    if (a_count < 0 || b_count < 0 || (a_count != b_count && a_count != 1 && b_count != 1))
        return -1;
    const int count = a_count == 1 ? b_count : a_count;
    for (int i = 0; i < count; i++)
        out[i] = combine(node->op->name, a[a_count == 1 ? 0 : i], b[b_count == 1 ? 0 : i]);
    return count;
}

static bool is_one_of(const char *name, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, list[i]) == 0)
            return true;
    return false;
}

static int from_node(walk *w, const graph_node *node, dim_value *out, int capacity)
{
    static const char *const same[] = {"Identity", "Cast", "Squeeze", "Unsqueeze", "Reshape"};
    static const char *const arithmetic[] = {"Add", "Sub", "Mul", "Div"};
    const char *name = node->op->name;
    if (node->op->domain[0] != 0)
        return -1;
    if (strcmp(name, "Shape") == 0)
        return from_shape(w, node, out, capacity);
    if (strcmp(name, "Gather") == 0)
        return from_gather(w, node, out, capacity);
    if (strcmp(name, "Concat") == 0)
        return from_concat(w, node, out, capacity);
    if (strcmp(name, "Slice") == 0)
        return from_slice(w, node, out, capacity);
    if (is_one_of(name, same, COUNT_OF(same)))
        return values_of(w, node->inputs[0], out, capacity);
    return is_one_of(name, arithmetic, COUNT_OF(arithmetic)) ? from_arithmetic(w, node, out, capacity) : -1;
}

static int values_of(walk *w, value_id value, dim_value *out, int capacity)
{
    if (w->fuel-- <= 0 || value == GRAPH_NONE)
        return -1;
    const graph_value *v = &w->graph->values[value];
    if (!dtype_is_integer(v->type.dtype) || v->type.rank > 1)
        return -1;
    if (v->kind == VALUE_CONSTANT)
        return from_constant(w, value, out, capacity);
    return v->kind == VALUE_NODE && v->producer != GRAPH_NONE ? from_node(w, &w->graph->nodes[v->producer], out, capacity) : -1;
}

int graph_dim_values(const socle_graph *graph, value_id value, dim_value *out, int capacity)
{
    walk w = {graph, 200};
    return values_of(&w, value, out, capacity < DIM_VALUES_MAX ? capacity : DIM_VALUES_MAX);
}

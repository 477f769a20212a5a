/* Movement operators as maps of indices: where in its input an output's element comes from. */
#include "movement.h"

#include <string.h>

void movement_form_runs(int rank, const int64_t *out, const int64_t *in, const bool *special, runs *r)
{
    r->count = 0;
    for (int i = 0; i < rank; i++) {
        const bool joins = i > 0 && !special[i] && !special[i - 1];
        if (joins) {
            r->out[r->count - 1] *= out[i];
            r->in[r->count - 1] *= in[i];
        } else {
            r->out[r->count] = out[i];
            r->in[r->count++] = in[i];
        }
        r->run_of[i] = r->count - 1;
    }
}

int64_t movement_product(const int64_t *dims, int first, int end)
{
    int64_t result = 1;
    for (int i = first; i < end; i++)
        result *= dims[i];
    return result;
}

int movement_axis(const graph_node *node, int rank, int64_t absent)
{
    const int64_t axis = node_int(node, "axis", absent);
    return (int)(axis < 0 ? axis + rank : axis);
}

void movement_declare(writer *w, const char *what, const char *initially, compute_type type, int width, bool lanes, element *is)
{
    is->type = type;
    is->width = width;
    writer_new_name(w, what, is->name);
    if (type == COMPUTE_DOUBLE)
        w->needed.real64 = true;
    text_addf(writer_statement(w, lanes), "%s %s%s%s;\n", vector_name(type, width), is->name, initially[0] != '\0' ? " = " : "",
              initially);
}

bool movement_assign(writer *w, value_id input, const linear *source, bool lanes, const element *is)
{
    element inner;
    if (!write_element_as(w, input, source, is->type, is->width, &inner))
        return false;
    text_addf(writer_statement(w, lanes), "%s = %s;\n", is->name, inner.name);
    return !writer_stopped(w);
}

/* ---- Transpose ---- */

static int permutation(const graph_node *node, int rank, int64_t *perm)
{
    int count = node_ints(node, "perm", perm, SOCLE_MAX_RANK);
    if (count < 0)
        for (count = 0; count < rank; count++)
            perm[count] = rank - 1 - count;
    return count;
}

/* Output dimensions whose inputs stand in the same order are taken together; those of one element are left out. */
static bool transpose(writer *w, const graph_node *node, const linear *index, linear *source)
{
    const graph_type *in = type_of(w, node->inputs[0]), *out = type_of(w, node->outputs[0]);
    int64_t perm[SOCLE_MAX_RANK], extents[SOCLE_MAX_RANK], strides[SOCLE_MAX_RANK], in_strides[SOCLE_MAX_RANK];
    linear coordinates[SOCLE_MAX_RANK];
    int count = 0;
    permutation(node, in->rank, perm);
    for (int i = in->rank - 1; i >= 0; i--)
        in_strides[i] = i == in->rank - 1 ? 1 : in_strides[i + 1] * in->dims[i + 1];
    for (int i = 0; i < out->rank; i++) {
        const int64_t stride = in_strides[perm[i]];
        if (out->dims[i] == 1)
            continue;
        if (count > 0 && strides[count - 1] == stride * out->dims[i]) {
            extents[count - 1] *= out->dims[i];
            strides[count - 1] = stride;
        } else {
            extents[count] = out->dims[i];
            strides[count++] = stride;
        }
    }
    *source = linear_constant(0);
    if (!index_coordinates(w, index, count, extents, coordinates))
        return false;
    for (int i = 0; i < count; i++)
        w->failed |= !linear_add(source, &coordinates[i], strides[i]);
    return !w->failed;
}

/* ---- Slice, Split ---- */

static bool slice(writer *w, const graph_node *node, const linear *index, linear *source)
{
    const graph_type *in = type_of(w, node->inputs[0]), *out = type_of(w, node->outputs[0]);
    int64_t start[SOCLE_MAX_RANK], axis[SOCLE_MAX_RANK], step[SOCLE_MAX_RANK], first[SOCLE_MAX_RANK] = {0};
    int64_t stride[SOCLE_MAX_RANK];
    bool special[SOCLE_MAX_RANK] = {false};
    linear coordinates[SOCLE_MAX_RANK];
    runs r;
    const int count = graph_constant_int_values(w->graph, node->inputs[1], start, SOCLE_MAX_RANK);
    const bool has_axes = node->input_count > 3 && node->inputs[3] != GRAPH_NONE;
    const bool has_steps = node->input_count > 4 && node->inputs[4] != GRAPH_NONE;
    if (has_axes)
        graph_constant_int_values(w->graph, node->inputs[3], axis, SOCLE_MAX_RANK);
    if (has_steps)
        graph_constant_int_values(w->graph, node->inputs[4], step, SOCLE_MAX_RANK);
    for (int i = 0; i < in->rank; i++)
        stride[i] = 1;
    for (int i = 0; i < count; i++) {
        const int at = (int)(has_axes ? (axis[i] < 0 ? axis[i] + in->rank : axis[i]) : i);
        const int64_t extent = in->dims[at];
        stride[at] = has_steps ? step[i] : 1;
        first[at] = start[i] < 0 ? start[i] + extent : start[i];
        const int64_t most = stride[at] < 0 ? extent - 1 : extent;
        first[at] = first[at] < 0 ? 0 : first[at] > most ? most : first[at];
        special[at] = out->dims[at] != extent || stride[at] != 1;
    }
    movement_form_runs(in->rank, out->dims, in->dims, special, &r);
    if (!index_coordinates(w, index, r.count, r.out, coordinates))
        return false;
    for (int i = 0; i < in->rank; i++) {
        if (!special[i])
            continue;
        linear moved = linear_constant(first[i]);
        w->failed |= !linear_add(&moved, &coordinates[r.run_of[i]], stride[i]);
        coordinates[r.run_of[i]] = moved;
    }
    return index_recombine(w, r.count, r.in, coordinates, source);
}

static bool split(writer *w, const graph_node *node, value_id value, const linear *index, linear *source)
{
    const graph_type *in = type_of(w, node->inputs[0]), *out = type_of(w, value);
    const int axis = movement_axis(node, in->rank, 0);
    const int64_t inner = movement_product(in->dims, axis + 1, in->rank);
    const int64_t from[2] = {movement_product(in->dims, 0, axis), in->dims[axis] * inner},
                  to[2] = {from[0], out->dims[axis] * inner};
    linear coordinates[2];
    int64_t first = 0;
    for (int i = 0; node->outputs[i] != value; i++)
        if (node->outputs[i] != GRAPH_NONE)
            first += type_of(w, node->outputs[i])->dims[axis];
    if (!index_coordinates(w, index, 2, to, coordinates))
        return false;
    coordinates[1].constant += first * inner;
    return index_recombine(w, 2, from, coordinates, source);
}

/* ---- Tile ---- */

static bool tile(writer *w, const graph_node *node, const linear *index, linear *source)
{
    const graph_type *in = type_of(w, node->inputs[0]), *out = type_of(w, node->outputs[0]);
    bool special[SOCLE_MAX_RANK] = {false};
    linear coordinates[SOCLE_MAX_RANK], round;
    runs r;
    for (int i = 0; i < in->rank; i++)
        special[i] = in->dims[i] != out->dims[i];
    movement_form_runs(in->rank, out->dims, in->dims, special, &r);
    if (!index_coordinates(w, index, r.count, r.out, coordinates))
        return false;
    for (int i = 0; i < in->rank; i++) {
        linear *c = &coordinates[r.run_of[i]], rest;
        if (!special[i])
            continue;
        if (in->dims[i] == 1)
            rest = linear_constant(0);
        else if (!index_split(w, c, in->dims[i], &round, &rest))
            return false;
        *c = rest;
    }
    return index_recombine(w, r.count, r.in, coordinates, source);
}

/* ---- all of them ---- */

static bool is_reshape(const graph_node *node)
{
    static const char *const names[] = {"Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(node->op->name, names[i]) == 0)
            return true;
    return false;
}

static bool is_constant_or_absent(const socle_graph *graph, const graph_node *node, int input)
{
    return input >= node->input_count || node->inputs[input] == GRAPH_NONE || graph_is_constant(graph, node->inputs[input]);
}

bool movement_known(const socle_graph *graph, const graph_node *node)
{
    static const char *const others[] = {"Transpose", "Concat", "Split", "Expand", "Tile"};
    if (strcmp(node->op->name, "Slice") == 0)
        return is_constant_or_absent(graph, node, 1) && is_constant_or_absent(graph, node, 3) &&
               is_constant_or_absent(graph, node, 4);
    if (strcmp(node->op->name, "Pad") == 0)
        return is_constant_or_absent(graph, node, 1) && is_constant_or_absent(graph, node, 3);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (strcmp(node->op->name, others[i]) == 0)
            return true;
    return is_reshape(node);
}

bool write_movement(writer *w, const graph_node *node, value_id value, const linear *index, element *is)
{
    const char *name = node->op->name;
    const int width = writer_depends_on_lanes(w, index) ? w->width : 1;
    linear source = *index;
    bool found = true;
    if (strcmp(name, "Pad") == 0)
        return movement_pad(w, node, index, is);
    if (strcmp(name, "Concat") == 0)
        return movement_concat(w, node, index, is);
    if (strcmp(name, "Transpose") == 0)
        found = transpose(w, node, index, &source);
    else if (strcmp(name, "Slice") == 0)
        found = slice(w, node, index, &source);
    else if (strcmp(name, "Split") == 0)
        found = split(w, node, value, index, &source);
    else if (strcmp(name, "Tile") == 0)
        found = tile(w, node, index, &source);
    else if (strcmp(name, "Expand") == 0)
        found = index_broadcast(w, type_of(w, value), type_of(w, node->inputs[0]), index, &source);
    return found && write_element_as(w, node->inputs[0], &source, compute_type_of(type_of(w, value)->dtype), width, is);
}

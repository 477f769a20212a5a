/* Movement operators as maps of indices: where in its input an output's element comes from. */
#include "writer.h"

#include <stdio.h>
#include <string.h>

/* Dimensions of which neighbours that need no attention of their own are taken together. */
typedef struct runs {
    int count;
    int64_t out[SOCLE_MAX_RANK], in[SOCLE_MAX_RANK]; /* extents */
    int run_of[SOCLE_MAX_RANK];                      /* per dimension */
} runs;

static void form_runs(int rank, const int64_t *out, const int64_t *in, const bool *special, runs *r)
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

static const graph_type *type_of(const writer *w, value_id value)
{
    return &w->graph->values[value].type;
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
    form_runs(in->rank, out->dims, in->dims, special, &r);
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

static int64_t product(const int64_t *dims, int first, int end)
{
    int64_t result = 1;
    for (int i = first; i < end; i++)
        result *= dims[i];
    return result;
}

static int axis_of(const graph_node *node, int rank, int64_t absent)
{
    const int64_t axis = node_int(node, "axis", absent);
    return (int)(axis < 0 ? axis + rank : axis);
}

static bool split(writer *w, const graph_node *node, value_id value, const linear *index, linear *source)
{
    const graph_type *in = type_of(w, node->inputs[0]), *out = type_of(w, value);
    const int axis = axis_of(node, in->rank, 0);
    const int64_t inner = product(in->dims, axis + 1, in->rank);
    const int64_t from[2] = {product(in->dims, 0, axis), in->dims[axis] * inner}, to[2] = {from[0], out->dims[axis] * inner};
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
    form_runs(in->rank, out->dims, in->dims, special, &r);
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

/* ---- Pad ---- */

typedef struct padding {
    int64_t begin[SOCLE_MAX_RANK];
    bool special[SOCLE_MAX_RANK];
    enum { PAD_CONSTANT, PAD_EDGE, PAD_REFLECT, PAD_WRAP } mode;
    value_id fill; /* GRAPH_NONE: 0 */
} padding;

static void read_padding(const writer *w, const graph_node *node, padding *p)
{
    const graph_type *in = type_of(w, node->inputs[0]), *out = type_of(w, node->outputs[0]);
    int64_t pads[2 * SOCLE_MAX_RANK], axes[SOCLE_MAX_RANK];
    const char *mode = node_string(node, "mode", "constant");
    const int count = graph_constant_int_values(w->graph, node->inputs[1], pads, 2 * SOCLE_MAX_RANK) / 2;
    const bool has_axes = node->input_count > 3 && node->inputs[3] != GRAPH_NONE;
    *p = (padding){.fill = node->input_count > 2 ? node->inputs[2] : GRAPH_NONE};
    p->mode = strcmp(mode, "edge") == 0 ? PAD_EDGE : strcmp(mode, "reflect") == 0 ? PAD_REFLECT
              : strcmp(mode, "wrap") == 0 ? PAD_WRAP : PAD_CONSTANT;
    if (has_axes)
        graph_constant_int_values(w->graph, node->inputs[3], axes, SOCLE_MAX_RANK);
    for (int i = 0; i < count; i++) {
        const int at = (int)(has_axes ? (axes[i] < 0 ? axes[i] + in->rank : axes[i]) : i);
        p->begin[at] = pads[i];
    }
    for (int i = 0; i < in->rank; i++)
        p->special[i] = p->begin[i] != 0 || in->dims[i] != out->dims[i];
}

/* The coordinate that edge, reflect or wrap reads at c, which may lie outside of 0..extent-1. Along the lanes the loop is cut where
 * another formula begins, so that each part is linear. */
static bool mirrored(writer *w, const padding *p, int64_t extent, linear *c)
{
    int64_t low, high;
    const int64_t last = extent - 1;
    char expression[128];
    linear_range(c, &w->variables, &low, &high);
    if (low >= 0 && high <= last)
        return true;
    if (p->mode == PAD_EDGE && (high <= 0 || low >= last)) {
        *c = linear_constant(high <= 0 ? 0 : last);
        return true;
    }
    if (p->mode == PAD_WRAP && ((low >= -extent && high < 0) || (low >= extent && high < 2 * extent))) {
        c->constant += high < 0 ? extent : -extent;
        return true;
    }
    if (p->mode == PAD_REFLECT && ((low >= -last && high <= 0) || (low >= last && high <= 2 * last))) {
        linear reflected = linear_constant(high <= 0 ? 0 : 2 * last);
        linear_add(&reflected, c, -1);
        *c = reflected;
        return true;
    }
    if (w->width > 1 && writer_depends_on_lanes(w, c))
        return index_cut_lanes(w, c, low < 0 && high >= 0 ? 0 : extent);
    const linear of = *c;
    if (p->mode == PAD_EDGE)
        snprintf(expression, sizeof(expression), "clamp(%%s, (%s)0, (%s)%lld)", writer_index_type(w), writer_index_type(w),
                 (long long)last);
    else if (p->mode == PAD_WRAP)
        snprintf(expression, sizeof(expression), "(%%s %% %lld + %lld) %% %lld", (long long)extent, (long long)extent,
                 (long long)extent);
    else if (last == 0)
        snprintf(expression, sizeof(expression), "0 * %%s");
    else /* |last - (c modulo 2 last)| counted from the end */
        snprintf(expression, sizeof(expression), "%lld - (%s)abs(%lld - (%%s %% %lld + %lld) %% %lld)", (long long)last,
                 writer_index_type(w), (long long)last, (long long)(2 * last), (long long)(2 * last), (long long)(2 * last));
    return index_local(w, &of, expression, 0, last, c);
}

/* What is known of c inside 0..extent-1: adds the conditions that remain to be asked; *outside: never inside. */
static bool inside_condition(writer *w, int64_t extent, linear *c, text *condition, bool *outside)
{
    int64_t low, high;
    linear_range(c, &w->variables, &low, &high);
    if (high < 0 || low >= extent) {
        *outside = true;
        return true;
    }
    if (low >= 0 && high < extent)
        return true;
    if (w->width > 1 && writer_depends_on_lanes(w, c))
        return index_cut_lanes(w, c, low < 0 ? 0 : extent);
    if (low < 0) {
        text_addf(condition, "%s", condition->length > 0 ? " && " : "");
        linear_write(c, &w->variables, condition);
        text_add(condition, " >= 0");
    }
    if (high >= extent) {
        text_addf(condition, "%s", condition->length > 0 ? " && " : "");
        linear_write(c, &w->variables, condition);
        text_addf(condition, " < %lld", (long long)extent);
    }
    const linear of = *c;
    return index_clamped(w, &of, 0, extent - 1, c);
}

static bool fill_value(writer *w, const padding *p, compute_type type, int width, element *is)
{
    const linear first = linear_constant(0);
    if (p->fill != GRAPH_NONE)
        return write_element_as(w, p->fill, &first, type, width, is);
    text *t = writer_define(w, "fill", type, width, false, is);
    text_addf(t, "(%s)(0);\n", vector_name(type, width));
    return !writer_stopped(w);
}

/* Declares a value that one of several blocks sets; `initially` "" or the name of its value where none does. */
static void declare(writer *w, const char *what, const char *initially, compute_type type, int width, bool lanes, element *is)
{
    is->type = type;
    is->width = width;
    writer_new_name(w, what, is->name);
    if (type == COMPUTE_DOUBLE)
        w->needed.real64 = true;
    text_addf(writer_statement(w, lanes), "%s %s%s%s;\n", vector_name(type, width), is->name, initially[0] != '\0' ? " = " : "",
              initially);
}

/* In an open block: sets `is` to the input's element. */
static bool assign(writer *w, value_id input, const linear *source, bool lanes, const element *is)
{
    element inner;
    if (!write_element_as(w, input, source, is->type, is->width, &inner))
        return false;
    text_addf(writer_statement(w, lanes), "%s = %s;\n", is->name, inner.name);
    return !writer_stopped(w);
}

static bool pad(writer *w, const graph_node *node, const linear *index, element *is)
{
    const graph_type *in = type_of(w, node->inputs[0]), *out = type_of(w, node->outputs[0]);
    const bool lanes = writer_depends_on_lanes(w, index);
    const int width = lanes ? w->width : 1;
    const compute_type type = compute_type_of(out->dtype);
    linear coordinates[SOCLE_MAX_RANK], source;
    bool outside = graph_type_count(in) == 0, done;
    text condition = {0};
    padding p;
    runs r;
    read_padding(w, node, &p);
    form_runs(in->rank, out->dims, in->dims, p.special, &r);
    done = outside || index_coordinates(w, index, r.count, r.out, coordinates);
    for (int i = 0; i < in->rank && done && !outside; i++) {
        linear *c = &coordinates[r.run_of[i]];
        if (!p.special[i])
            continue;
        c->constant -= p.begin[i];
        done = p.mode == PAD_CONSTANT ? inside_condition(w, in->dims[i], c, &condition, &outside) : mirrored(w, &p, in->dims[i], c);
    }
    if (done && outside) {
        done = fill_value(w, &p, type, width, is);
    } else if (done && index_recombine(w, r.count, r.in, coordinates, &source)) {
        element fill;
        if (condition.length == 0) {
            done = write_element_as(w, node->inputs[0], &source, type, width, is);
        } else if ((done = fill_value(w, &p, type, width, &fill))) {
            declare(w, "pad", fill.name, type, width, lanes, is);
            const int memory_mark = w->memory_count, local_mark = w->local_count;
            text_addf(writer_statement(w, lanes), "if (%s) {\n", condition.data);
            writer_open_block(w, lanes);
            done = assign(w, node->inputs[0], &source, lanes, is);
            writer_close_block(w, memory_mark, local_mark);
            text_add(writer_statement(w, lanes), "}\n");
        }
    }
    w->out_of_memory |= condition.failed;
    text_finish(&condition);
    return done && !writer_stopped(w);
}

/* ---- Concat ---- */

typedef struct joint {
    const graph_node *node;
    int axis;
    int64_t outer, inner;
} joint;

/* Input k's element, at position `c - first` of the joined (and what lies inside of it) extents. */
static bool joined_source(writer *w, const joint *j, int k, int64_t first, const linear *outer, const linear *c, const linear *rest,
                          bool merged, bool certain, linear *source)
{
    const int64_t length = type_of(w, j->node->inputs[k])->dims[j->axis] * (merged ? j->inner : 1);
    const int64_t extents[3] = {j->outer, length, merged ? 1 : j->inner};
    linear coordinates[3] = {*outer, *c, *rest};
    coordinates[1].constant -= first;
    if (!certain) {
        const linear of = coordinates[1];
        if (!index_clamped(w, &of, 0, length - 1, &coordinates[1]))
            return false;
    }
    return index_recombine(w, 3, extents, coordinates, source);
}

/* One block for each input that c may fall into. */
static bool choose_input(writer *w, const joint *j, const linear *outer, const linear *c, const linear *rest, bool merged, bool lanes,
                         int width, element *is)
{
    const int64_t scale = merged ? j->inner : 1;
    int64_t low, high, first = 0;
    bool opened = false;
    linear source;
    linear_range(c, &w->variables, &low, &high);
    const compute_type type = compute_type_of(type_of(w, j->node->outputs[0])->dtype);
    for (int k = 0; k < j->node->input_count; k++) {
        const int64_t end = first + type_of(w, j->node->inputs[k])->dims[j->axis] * scale;
        if (end > first && low >= first && high < end)
            return joined_source(w, j, k, first, outer, c, rest, merged, true, &source) &&
                   write_element_as(w, j->node->inputs[k], &source, type, width, is);
        first = end;
    }
    declare(w, "concat", "", type, width, lanes, is);
    first = 0;
    for (int k = 0; k < j->node->input_count; k++) {
        const int64_t end = first + type_of(w, j->node->inputs[k])->dims[j->axis] * scale;
        if (end > first && end > low && first <= high) {
            const int memory_mark = w->memory_count, local_mark = w->local_count;
            char *at = writer_index_text(w, c);
            if (at == NULL)
                return false;
            text *t = writer_statement(w, lanes);
            text_add(t, opened ? "else " : "");
            if (end <= high)
                text_addf(t, "if (%s < %lld) ", at, (long long)end);
            text_add(t, "{\n");
            memory_free(at);
            opened = true;
            writer_open_block(w, lanes);
            const bool done = joined_source(w, j, k, first, outer, c, rest, merged, false, &source) &&
                              assign(w, j->node->inputs[k], &source, lanes, is);
            writer_close_block(w, memory_mark, local_mark);
            if (!done)
                return false;
            text_add(writer_statement(w, lanes), "}\n");
        }
        first = end;
    }
    return true;
}

/* Does c stay within one input? */
static bool decided(const writer *w, const joint *j, const linear *c, int64_t scale, int64_t *cut)
{
    int64_t low, high, first = 0;
    linear_range(c, &w->variables, &low, &high);
    for (int k = 0; k < j->node->input_count; k++) {
        first += type_of(w, j->node->inputs[k])->dims[j->axis] * scale;
        if (first > low) {
            *cut = first;
            return high < first;
        }
    }
    return true;
}

static bool concat(writer *w, const graph_node *node, const linear *index, element *is)
{
    const graph_type *out = type_of(w, node->outputs[0]);
    joint j = {.node = node, .axis = axis_of(node, out->rank, 0)};
    j.outer = product(out->dims, 0, j.axis);
    j.inner = product(out->dims, j.axis + 1, out->rank);
    const bool lanes = writer_depends_on_lanes(w, index);
    const int width = lanes ? w->width : 1;
    const int64_t extents[2] = {j.outer, out->dims[j.axis] * j.inner};
    linear coordinates[2], c, rest = linear_constant(0);
    int64_t cut = 0;
    if (!index_coordinates(w, index, 2, extents, coordinates))
        return false;
    const linear *joined = &coordinates[1];
    if (!lanes || w->width == 1 || decided(w, &j, joined, j.inner, &cut))
        return choose_input(w, &j, &coordinates[0], joined, &rest, true, lanes, width, is);
    /* cutting the lane loop needs the position itself; else the lanes may run along what lies inside of the axis */
    if (joined->count == 1 && w->breaks_allowed && node->input_count <= BREAKS_MAX)
        return index_cut_lanes(w, joined, cut);
    if (!index_split(w, joined, j.inner, &c, &rest))
        return false;
    if (writer_depends_on_lanes(w, &c) && !decided(w, &j, &c, 1, &cut))
        return index_cut_lanes(w, &c, cut);
    return choose_input(w, &j, &coordinates[0], &c, &rest, false, lanes, width, is);
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
        return is_constant_or_absent(graph, node, 1) && is_constant_or_absent(graph, node, 3) && is_constant_or_absent(graph, node, 4);
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
        return pad(w, node, index, is);
    if (strcmp(name, "Concat") == 0)
        return concat(w, node, index, is);
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

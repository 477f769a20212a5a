/* Concat: which input an element comes from. Along the vector lanes the loop is cut where one input ends, so that each part reads
 * one. */
#include "movement.h"

typedef struct joint {
    const graph_node *node;
    int axis;
    int64_t outer, inner;
} joint;

/* Input k's element, at position `c - first` of the joined (and what lies inside of it) extents. */
static bool joined_source(writer *w, const joint *j, int k, int64_t first, const linear *outer, const linear *c,
                          const linear *rest, bool merged, bool certain, linear *source)
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
static bool choose_input(writer *w, const joint *j, const linear *outer, const linear *c, const linear *rest, bool merged,
                         bool lanes, int width, element *is)
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
    movement_declare(w, "concat", "", type, width, lanes, is);
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
                              movement_assign(w, j->node->inputs[k], &source, lanes, is);
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

bool movement_concat(writer *w, const graph_node *node, const linear *index, element *is)
{
    const graph_type *out = type_of(w, node->outputs[0]);
    joint j = {.node = node, .axis = movement_axis(node, out->rank, 0)};
    j.outer = movement_product(out->dims, 0, j.axis);
    j.inner = movement_product(out->dims, j.axis + 1, out->rank);
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

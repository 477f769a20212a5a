/* Pad: the fill where the coordinates lie outside, or for edge, reflect and wrap the coordinate that is read instead. */
#include "movement.h"

#include <stdio.h>
#include <string.h>

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
    p->mode = strcmp(mode, "edge") == 0      ? PAD_EDGE
              : strcmp(mode, "reflect") == 0 ? PAD_REFLECT
              : strcmp(mode, "wrap") == 0    ? PAD_WRAP
                                             : PAD_CONSTANT;
    if (has_axes)
        graph_constant_int_values(w->graph, node->inputs[3], axes, SOCLE_MAX_RANK);
    for (int i = 0; i < count; i++) {
        const int at = (int)(has_axes ? (axes[i] < 0 ? axes[i] + in->rank : axes[i]) : i);
        p->begin[at] = pads[i];
    }
    for (int i = 0; i < in->rank; i++)
        p->special[i] = p->begin[i] != 0 || in->dims[i] != out->dims[i];
}

/* The coordinate that edge, reflect or wrap reads at c, which may lie outside of 0..extent-1. Along the lanes the loop is cut
 * where another formula begins, so that each part is linear. */
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

bool movement_pad(writer *w, const graph_node *node, const linear *index, element *is)
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
    movement_form_runs(in->rank, out->dims, in->dims, p.special, &r);
    done = outside || index_coordinates(w, index, r.count, r.out, coordinates);
    for (int i = 0; i < in->rank && done && !outside; i++) {
        linear *c = &coordinates[r.run_of[i]];
        if (!p.special[i])
            continue;
        c->constant -= p.begin[i];
        done =
            p.mode == PAD_CONSTANT ? inside_condition(w, in->dims[i], c, &condition, &outside) : mirrored(w, &p, in->dims[i], c);
    }
    if (done && outside) {
        done = fill_value(w, &p, type, width, is);
    } else if (done && index_recombine(w, r.count, r.in, coordinates, &source)) {
        element fill;
        if (condition.length == 0) {
            done = write_element_as(w, node->inputs[0], &source, type, width, is);
        } else if ((done = fill_value(w, &p, type, width, &fill))) {
            movement_declare(w, "pad", fill.name, type, width, lanes, is);
            const int memory_mark = w->memory_count, local_mark = w->local_count;
            text_addf(writer_statement(w, lanes), "if (%s) {\n", condition.data);
            writer_open_block(w, lanes);
            done = movement_assign(w, node->inputs[0], &source, lanes, is);
            writer_close_block(w, memory_mark, local_mark);
            text_add(writer_statement(w, lanes), "}\n");
        }
    }
    w->out_of_memory |= condition.failed;
    text_finish(&condition);
    return done && !writer_stopped(w);
}

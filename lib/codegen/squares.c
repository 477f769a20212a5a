/* Transposed reads: squares of as many vectors as they have lanes, read along the digit where elements lie one behind the other
 * and turned in registers (kernels/common/turn.cl). Where a square would reach over the digit's end it begins earlier, and only
 * its last elements are taken. */
#include "kernels.h"

#include <stdio.h>

bool square_lies(const writer *w, const linear *index, int64_t stride)
{
    bool along = false;
    if (w->square_digit == GRAPH_NONE || w->depth > 0 || stride == 1 || stride == LANE_IRREGULAR)
        return false;
    for (int i = 0; i < index->count; i++) {
        const int digit = w->variables.items[index->terms[i].variable].digit;
        if (digit < 0)
            return false;
        along |= digit == w->square_digit && index->terms[i].factor == 1;
    }
    return along;
}

bool square_read(writer *w, socle_dtype dtype, const linear *index, int64_t stride, const char *pointer, char name[28])
{
    const compute_type type = compute_type_of(dtype);
    const char *vector = vector_name(type, w->width);
    const int indent = w->body_indent - 1;
    const linear own = linear_variable(w->digit_variable[w->square_digit]);
    linear rest = *index;
    text at = {0};
    linear_add(&rest, &own, -1); /* fits: it takes a term away */
    char *start = writer_index_text(w, &rest);
    if (start == NULL)
        return false;
    writer_new_name(w, "square", name);
    w->needed.turned[type][width_index(w->width)] = true;
    add_indented(&w->squares, indent, "%s %s[%d], other_%s[%d];\n", vector, name, w->width, name, w->width);
    add_indented(&w->squares, indent, "UNROLL for (int lane = 0; lane < %d; lane++)\n", w->width);
    add_indented(&w->squares, indent + 1, "%s[lane] = ", name);
    text_addf(&at, "(%s + first + lane * (%s)%lld)", start, writer_index_type(w), (long long)stride);
    memory_free(start);
    start = text_take(&at);
    if (start == NULL) {
        w->out_of_memory = true;
        return false;
    }
    write_load(&w->needed, dtype, w->width, 1, pointer, start, &w->squares);
    text_add(&w->squares, ";\n");
    add_indented(&w->squares, indent, "TURN_SQUARE%d(%s, %s, other_%s)\n", w->width, vector, name, name);
    memory_free(start);
    return true;
}

void square_loops(writer *w, int digit, bool unrolled, int indent, text *out)
{
    const char *type = writer_index_type(w), *name = w->variables.items[w->digit_variable[digit]].name;
    const long long extent = (long long)w->extents[digit];
    char outer[40];
    snprintf(outer, sizeof(outer), "row / %lld", extent);
    add_indented(out, indent, "for (%s row = first_row; row < last_row;) {\n", type);
    write_digits(w, 0, digit, outer, indent + 1, out);
    add_indented(out, indent + 1, "const %s first = min(row %% %lld, (%s)%lld);\n", type, extent, type, extent - w->width);
    add_indented(out, indent + 1, "const int begin = row %% %lld - first, end = min((%s)%d, begin + last_row - row);\n", extent,
                 type, w->width);
    add_indented(out, indent + 1, "row += end - begin;\n");
    move_text(&w->squares, out);
    if (unrolled)
        add_indented(out, indent + 1, "UNROLL for (int step = 0; step < %d; step++) if (step >= begin && step < end) {\n",
                     w->width);
    else
        add_indented(out, indent + 1, "for (int step = begin; step < end; step++) {\n");
    add_indented(out, indent + 2, "const %s %s = first + step;\n", type, name);
}

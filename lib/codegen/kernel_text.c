/* Pieces of text that all kernel shapes share. */
#include "kernels.h"

#include <stdio.h>

void add_indented(text *out, int indent, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof(line))
        out->failed = true;
    for (int i = 0; i < indent; i++)
        text_add(out, "    ");
    text_add(out, line);
}

void write_digits(const writer *w, int first, int end, const char *from, int indent, text *out)
{
    int64_t stride = 1;
    for (int i = first; i < end; i++)
        stride *= w->extents[i];
    for (int i = first; i < end; i++) {
        stride /= w->extents[i];
        add_indented(out, indent, "const %s %s = %s", writer_index_type(w), w->variables.items[w->digit_variable[i]].name, from);
        if (stride > 1)
            text_addf(out, " / %lld", (long long)stride);
        if (i > first)
            text_addf(out, " %% %lld", (long long)w->extents[i]);
        text_add(out, ";\n");
    }
}

void write_share(const writer *w, int64_t each, int64_t total, int indent, text *out)
{
    const char *t = writer_index_type(w);
    add_indented(out, indent, "const %s first = (%s)get_global_id(0) * %lld;\n", t, t, (long long)each);
    add_indented(out, indent, "const %s last = min(first + %lld, (%s)%lld);\n", t, (long long)each, t, (long long)total);
}

void move_text(text *from, text *out)
{
    out->failed |= from->failed;
    if (from->data != NULL)
        text_add(out, from->data);
    text_finish(from);
}

static bool output_place(writer *w, const linear *index, linear *place)
{
    const int64_t count = w->output_elements;
    linear coordinates[2];
    *place = *index;
    if (w->part_total == 0)
        return true;
    const int64_t extents[2] = {count / w->part_length, w->part_length}, whole[2] = {extents[0], w->part_total};
    if (!index_coordinates(w, index, 2, extents, coordinates))
        return false;
    coordinates[1].constant += w->part_first;
    return index_recombine(w, 2, whole, coordinates, place);
}

bool write_outputs(writer *w)
{
    element results[GROUP_MAX_ARGUMENTS];
    const linear index = writer_output_index(w);
    const bool lanes = writer_depends_on_lanes(w, &index);
    const int width = lanes ? w->width : 1;
    linear place;
    w->space = w->output_elements;
    for (int i = 0; i < w->output_count; i++) {
        const compute_type type = compute_type_of(w->graph->values[w->outputs[i]].type.dtype);
        if (!write_element_as(w, w->outputs[i], &index, type, width, &results[i]))
            return false;
    }
    if (!output_place(w, &index, &place))
        return false;
    char *at = writer_index_text(w, &place);
    for (int i = 0; i < w->output_count && at != NULL; i++) {
        char pointer[16];
        snprintf(pointer, sizeof(pointer), "out%d", i);
        write_store(&w->needed, w->graph->values[w->outputs[i]].type.dtype, width, pointer, at, results[i].name,
                    writer_statement(w, lanes));
    }
    memory_free(at);
    return !writer_stopped(w);
}

int64_t block_elements(const kernel_target *target, int64_t elements)
{
    const int64_t least = 4096, most = 32768;
    if (elements <= 2 * least)
        return elements > 0 ? elements : 1;
    const int64_t share = ceil_div(elements, 2 * (int64_t)target->compute_units);
    return share < least ? least : share > most ? most : share;
}

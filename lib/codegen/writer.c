/* The state of a kernel being written: its iteration space, its variables, what was computed already, and the two streams of
 * text. */
#include "writer.h"

#include <stdio.h>
#include <string.h>

void writer_init(writer *w, const codegen_group *group, const value_id *outputs, int output_count)
{
    *w = (writer){.group = group,
                  .graph = group->graph,
                  .outputs = outputs,
                  .output_count = output_count,
                  .lane_digit = GRAPH_NONE,
                  .square_digit = GRAPH_NONE,
                  .width = 1,
                  .watched = GRAPH_NONE,
                  .output_elements = 1,
                  .reduced_elements = 1};
}

void writer_finish(writer *w)
{
    text_finish(&w->hoisted);
    text_finish(&w->body);
    text_finish(&w->squares);
    memory_free(w->memory);
    memory_free(w->locals);
}

void writer_begin(writer *w)
{
    text_finish(&w->hoisted);
    text_finish(&w->body);
    text_finish(&w->squares);
    w->memory_count = w->local_count = w->input_count = w->names = w->depth = 0;
    w->evaluations = w->recomputed = w->contiguous = w->strided = w->far = 0;
    w->again = w->irregular = w->watched_elsewhere = false;
    w->needed = (needed_text){0};
    w->variables.count = 0;
    for (int i = 0; i < w->digit_count; i++) {
        index_variable *v = &w->variables.items[w->variables.count];
        *v = (index_variable){.high = w->extents[i] - 1, .lane_stride = i == w->lane_digit, .digit = i};
        snprintf(v->name, sizeof(v->name), i < w->kept_count ? "i%d" : "r%d", i < w->kept_count ? i : i - w->kept_count);
        w->digit_variable[i] = w->variables.count++;
    }
}

bool writer_stopped(const writer *w)
{
    return w->again || w->irregular || w->failed || w->out_of_memory;
}

static linear index_of_digits(const writer *w, int first, int end)
{
    linear index = linear_constant(0);
    int64_t stride = 1;
    for (int i = end - 1; i >= first; i--) {
        const linear digit = linear_variable(w->digit_variable[i]);
        linear_add(&index, &digit, stride); /* fits: SPACE_MAX_DIGITS < LINEAR_MAX_TERMS */
        stride *= w->extents[i];
    }
    return index;
}

linear writer_output_index(const writer *w)
{
    return index_of_digits(w, 0, w->kept_count);
}

linear writer_reduced_index(const writer *w)
{
    return index_of_digits(w, w->kept_count, w->digit_count);
}

bool writer_depends_on_lanes(const writer *w, const linear *form)
{
    for (int i = 0; i < form->count; i++)
        if (w->variables.items[form->terms[i].variable].lane_stride != 0)
            return true;
    return false;
}

/* ---- statements ---- */

static text *stream(writer *w, bool lane_dependent)
{
    if (w->depth > 0)
        return w->block;
    return lane_dependent ? &w->body : &w->hoisted;
}

text *writer_statement(writer *w, bool lane_dependent)
{
    text *t = stream(w, lane_dependent);
    if (w->quiet)
        return t;
    const int indent = (t == &w->body ? w->body_indent : w->hoisted_indent) + w->depth;
    for (int i = 0; i < indent; i++)
        text_add(t, "    ");
    return t;
}

void writer_open_block(writer *w, bool lane_dependent)
{
    if (w->depth == 0)
        w->block = lane_dependent ? &w->body : &w->hoisted;
    w->depth++;
}

void writer_close_block(writer *w, int memory_mark, int local_mark)
{
    w->depth--;
    w->memory_count = memory_mark;
    w->local_count = local_mark;
}

void writer_forget_lanes(writer *w)
{
    int kept = 0;
    for (int i = 0; i < w->memory_count; i++)
        if (!w->memory[i].lane_dependent)
            w->memory[kept++] = w->memory[i];
    w->memory_count = kept;
    kept = 0;
    for (int i = 0; i < w->local_count; i++)
        if (!w->locals[i].lane_dependent)
            w->locals[kept++] = w->locals[i];
    w->local_count = kept;
}

/* ---- what was computed ---- */

void writer_remember(writer *w, value_id value, const linear *index, const element *is)
{
    if (!ARRAY_RESERVE(w->memory, w->memory_count, w->memory_capacity)) {
        w->out_of_memory = true;
        return;
    }
    w->memory[w->memory_count++] =
        (remembered){.value = value, .index = *index, .is = *is, .lane_dependent = writer_depends_on_lanes(w, index)};
}

bool writer_recall(const writer *w, value_id value, const linear *index, compute_type type, int width, element *is)
{
    for (int i = w->memory_count - 1; i >= 0; i--) {
        const remembered *r = &w->memory[i];
        if (r->value == value && r->is.width == width && r->is.type == type && linear_equal(&r->index, index)) {
            *is = r->is;
            return true;
        }
    }
    return false;
}

void writer_new_name(writer *w, const char *what, char name[28])
{
    char word[16];
    int length = 0;
    name[0] = '\0';
    if (w->quiet)
        return;
    for (; what[length] != '\0' && length < (int)sizeof(word) - 1; length++)
        word[length] = (char)(what[length] >= 'A' && what[length] <= 'Z' ? what[length] + 'a' - 'A' : what[length]);
    word[length] = '\0';
    snprintf(name, 28, "%s_%d", word, ++w->names);
}

text *writer_define(writer *w, const char *what, compute_type type, int width, bool lane_dependent, element *is)
{
    is->type = type;
    is->width = width;
    writer_new_name(w, what, is->name);
    if (type == COMPUTE_DOUBLE)
        w->needed.real64 = true;
    text *t = writer_statement(w, lane_dependent);
    if (!w->quiet)
        text_addf(t, "const %s %s = ", vector_name(type, width), is->name);
    return t;
}

const char *writer_index_type(const writer *w)
{
    return w->wide_index ? "long" : "int";
}

char *writer_index_text(writer *w, const linear *form)
{
    text t = {0};
    linear_write(form, &w->variables, &t);
    char *string = text_take(&t);
    if (string == NULL)
        w->out_of_memory = true;
    return string;
}

int writer_input(writer *w, value_id value)
{
    for (int i = 0; i < w->input_count; i++)
        if (w->inputs[i] == value)
            return i;
    if (w->input_count == GROUP_MAX_ARGUMENTS) {
        w->failed = true;
        return 0;
    }
    w->inputs[w->input_count] = value;
    return w->input_count++;
}

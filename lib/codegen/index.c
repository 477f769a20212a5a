/* Taking indices apart. Where linear forms do not divide, the iteration space is refined; where that does not help either, a
 * local variable takes quotient or remainder. */
#include "writer.h"

#include <stdio.h>
#include <string.h>

/* ---- refining the space ---- */

/* Digit `digit` becomes two: quotient and remainder by `part`. */
static void refine(writer *w, int digit, int64_t part)
{
    memmove(&w->extents[digit + 1], &w->extents[digit], (size_t)(w->digit_count - digit) * sizeof(w->extents[0]));
    w->extents[digit] /= part;
    w->extents[digit + 1] = part;
    w->digit_count++;
    if (digit < w->kept_count)
        w->kept_count++;
    if (w->lane_digit == digit)
        w->break_count = 0;
    if (w->lane_digit >= digit && w->lane_digit != GRAPH_NONE)
        w->lane_digit++;
    w->again = true;
}

static bool can_refine(writer *w, const linear *rest, int64_t divisor)
{
    for (int i = 0; i < rest->count && w->digit_count < SPACE_MAX_DIGITS; i++) {
        const index_variable *v = &w->variables.items[rest->terms[i].variable];
        const int64_t factor = rest->terms[i].factor < 0 ? -rest->terms[i].factor : rest->terms[i].factor;
        if (v->digit < 0 || divisor % factor != 0)
            continue;
        const int64_t part = divisor / factor, extent = w->extents[v->digit];
        if (part > 1 && extent > part && extent % part == 0) {
            refine(w, v->digit, part);
            return true;
        }
    }
    return false;
}

/* ---- local variables ---- */

static bool find_local(const writer *w, const linear *of, int64_t divisor, char operation, linear *result)
{
    for (int i = 0; i < w->local_count; i++) {
        const local_index *l = &w->locals[i];
        if (l->divisor == divisor && l->operation == operation && linear_equal(&l->of, of)) {
            *result = linear_variable(l->variable);
            return true;
        }
    }
    return false;
}

/* A new variable; its definition is `expression` with the form's text in place of %s. */
static bool add_local(writer *w, const linear *of, int64_t divisor, char operation, const char *expression, int64_t low,
                      int64_t high, int64_t lane_stride, linear *result)
{
    if (w->variables.count == VARIABLE_MAX) {
        w->failed = true;
        return false;
    }
    if (!ARRAY_RESERVE(w->locals, w->local_count, w->local_capacity)) {
        w->out_of_memory = true;
        return false;
    }
    char *form = writer_index_text(w, of);
    if (form == NULL)
        return false;
    const int number = w->variables.count++;
    index_variable *v = &w->variables.items[number];
    *v = (index_variable){.low = low, .high = high, .lane_stride = lane_stride, .digit = -1};
    snprintf(v->name, sizeof(v->name), "t%d", ++w->names);
    text *t = writer_statement(w, lane_stride != 0);
    text_addf(t, "const %s %s = ", writer_index_type(w), v->name);
    for (const char *c = expression; *c != '\0'; c++) {
        if (c[0] == '%' && c[1] == 's') {
            text_add(t, form);
            c++;
        } else {
            text_addf(t, "%c", *c);
        }
    }
    text_add(t, ";\n");
    memory_free(form);
    w->locals[w->local_count++] = (local_index){
        .of = *of, .divisor = divisor, .operation = operation, .variable = number, .lane_dependent = lane_stride != 0};
    *result = linear_variable(number);
    return true;
}

bool index_clamped(writer *w, const linear *form, int64_t low, int64_t high, linear *result)
{
    if (low == high) {
        *result = linear_constant(low);
        return true;
    }
    const int64_t stride = linear_lane_stride(form, &w->variables);
    return find_local(w, form, high, (char)('a' + (low != 0)), result) ||
           add_local(w, form, high, (char)('a' + (low != 0)), "%s", low, high, stride, result);
}

bool index_local(writer *w, const linear *form, const char *expression, int64_t low, int64_t high, linear *result)
{
    const bool lanes = writer_depends_on_lanes(w, form);
    if (lanes && w->width > 1) {
        w->irregular = true;
        return false;
    }
    return add_local(w, form, 0, 'x', expression, low, high, lanes ? LANE_IRREGULAR : 0, result);
}

/* Quotient and remainder of what no linear form divides. The form is not negative. */
static bool divide_locally(writer *w, const linear *form, int64_t divisor, linear *quotient, linear *remainder)
{
    int64_t low, high;
    char expression[64];
    const bool lanes = writer_depends_on_lanes(w, form);
    const int64_t stride = lanes ? LANE_IRREGULAR : 0;
    if (lanes && w->width > 1) {
        w->irregular = true;
        return false;
    }
    linear_range(form, &w->variables, &low, &high);
    snprintf(expression, sizeof(expression), "%%s / %lld", (long long)divisor);
    if (!find_local(w, form, divisor, '/', quotient) &&
        !add_local(w, form, divisor, '/', expression, low / divisor, high / divisor, stride, quotient))
        return false;
    snprintf(expression, sizeof(expression), "%%s %% %lld", (long long)divisor);
    return find_local(w, form, divisor, '%', remainder) ||
           add_local(w, form, divisor, '%', expression, 0, divisor - 1, stride, remainder);
}

/* ---- taking apart and putting together ---- */

bool index_split(writer *w, const linear *form, int64_t divisor, linear *quotient, linear *remainder)
{
    if (linear_split(form, &w->variables, divisor, quotient, remainder))
        return true;
    if (can_refine(w, remainder, divisor))
        return false;
    linear more, rest;
    if (!divide_locally(w, remainder, divisor, &more, &rest))
        return false;
    *remainder = rest;
    if (!linear_add(quotient, &more, 1))
        w->failed = true;
    return !w->failed;
}

bool index_coordinates(writer *w, const linear *index, int count, const int64_t *extents, linear *coordinates)
{
    linear rest = *index;
    int64_t outer[SOCLE_MAX_RANK + 1] = {1};
    for (int i = 0; i < count; i++)
        outer[i + 1] = outer[i] * extents[i];
    for (int i = count - 1; i >= 0; i--) {
        linear quotient;
        if (extents[i] == 1) {
            coordinates[i] = linear_constant(0);
        } else if (outer[i] == 1) {
            coordinates[i] = rest;
            rest = linear_constant(0);
        } else if (index_split(w, &rest, extents[i], &quotient, &coordinates[i])) {
            rest = quotient;
        } else {
            return false;
        }
    }
    return true;
}

bool index_recombine(writer *w, int count, const int64_t *extents, const linear *coordinates, linear *index)
{
    int64_t stride = 1;
    *index = linear_constant(0);
    for (int i = count - 1; i >= 0; i--) {
        if (!linear_add(index, &coordinates[i], stride)) {
            w->failed = true;
            return false;
        }
        stride *= extents[i];
    }
    return true;
}

/* Neighbouring dimensions that are both broadcast, or both not, stay together. */
bool index_broadcast(writer *w, const graph_type *out, const graph_type *in, const linear *index, linear *result)
{
    int64_t extents[SOCLE_MAX_RANK], kept[SOCLE_MAX_RANK];
    linear coordinates[SOCLE_MAX_RANK];
    int runs = 0;
    if (graph_type_count(in) == graph_type_count(out)) {
        *result = *index;
        return true;
    }
    for (int i = 0; i < out->rank; i++) {
        const int from = i - (out->rank - in->rank);
        const int64_t extent = out->dims[i], in_extent = from < 0 ? 1 : in->dims[from];
        if (extent == 1)
            continue;
        if (runs > 0 && (kept[runs - 1] > 1) == (in_extent > 1)) {
            extents[runs - 1] *= extent;
            kept[runs - 1] *= in_extent;
        } else {
            extents[runs] = extent;
            kept[runs++] = in_extent;
        }
    }
    if (graph_type_count(in) == 1) {
        *result = linear_constant(0);
        return true;
    }
    if (!index_coordinates(w, index, runs, extents, coordinates))
        return false;
    for (int i = 0; i < runs; i++)
        if (kept[i] == 1)
            coordinates[i] = linear_constant(0);
    return index_recombine(w, runs, kept, coordinates, result);
}

bool index_cut_lanes(writer *w, const linear *form, int64_t threshold)
{
    const bool simple =
        form->count == 1 && w->lane_digit != GRAPH_NONE && form->terms[0].variable == w->digit_variable[w->lane_digit];
    if (!simple || !w->breaks_allowed || w->break_count == BREAKS_MAX) {
        w->irregular = true;
        return false;
    }
    /* the first lane position on the other side */
    const int64_t factor = form->terms[0].factor, distance = threshold - form->constant;
    const int64_t at = factor > 0 ? ceil_div(distance, factor) : -distance / -factor + 1;
    int place = 0;
    while (place < w->break_count && w->breaks[place] < at)
        place++;
    if (at <= 0 || at >= w->extents[w->lane_digit] || (place < w->break_count && w->breaks[place] == at)) {
        w->irregular = true;
        return false;
    }
    memmove(&w->breaks[place + 1], &w->breaks[place], (size_t)(w->break_count - place) * sizeof(w->breaks[0]));
    w->breaks[place] = at;
    w->break_count++;
    w->again = true;
    return false;
}

/* Expressions of the operator table as OpenCL C of one type. Names are replaced word by word: operands, T, the macros SELECT, LT
 * and so on (which exist once per type), CONST, and $attribute. Floating-point literals take the type's suffix. */
#include "writer.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool word_is(const char *word, size_t length, const char *name)
{
    return strlen(name) == length && strncmp(word, name, length) == 0;
}

/* ---- attributes ---- */

/* The default of `name` in "alpha=0.01 beta=0.5". */
static double default_of(const char *attributes, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = attributes; at != NULL && *at != '\0';) {
        if (strncmp(at, name, length) == 0 && at[length] == '=')
            return strtod(at + length + 1, NULL);
        at = strchr(at, ' ');
        if (at != NULL)
            at++;
    }
    return 0;
}

static double attribute_value(const graph_node *node, const char *name)
{
    const graph_attribute *a = node_attribute(node, name);
    if (a != NULL && a->kind == SOCLE_ATTRIBUTE_INT)
        return (double)a->i;
    return node_float(node, name, default_of(node->op->attributes, name));
}

/* ---- words ---- */

static size_t word_length(const char *at)
{
    size_t length = 0;
    while (isalnum((unsigned char)at[length]) || at[length] == '_')
        length++;
    return length;
}

static size_t number_length(const char *at)
{
    size_t length = 0;
    while (isalnum((unsigned char)at[length]) || at[length] == '.' ||
           (length > 0 && (at[length] == '+' || at[length] == '-') && (at[length - 1] == 'e' || at[length - 1] == 'E')))
        length++;
    return length;
}

static void write_number(const char *at, size_t length, compute_type type, text *out)
{
    char number[64];
    snprintf(number, sizeof(number), "%.*s", (int)length, at);
    text_add(out, number);
    if (type == COMPUTE_FLOAT && strpbrk(number, ".eE") != NULL && strpbrk(number, "fFxX") == NULL)
        text_add(out, "f");
}

/* The function of kernels/common/functions.cl that stands for the word; NULL: none. GPUs, on which widths are 1, have an
 * exponential in hardware. */
static const char *own_function(const char *word, size_t length, int width)
{
    static const char *const names[][2] = {{"tanh", "hyperbolic_tangent"}, {"erf", "error_function"}, {"exp", "exponential"}};
    for (size_t i = 0; i < COUNT_OF(names) - (width == 1); i++)
        if (word_is(word, length, names[i][0]))
            return names[i][1];
    return NULL;
}

static void write_word(writer *w, const char *word, size_t length, char before, const expression_name *names, int name_count,
                       compute_type type, int width, text *out)
{
    for (int i = 0; i < name_count; i++)
        if (word_is(word, length, names[i].name)) {
            text_add(out, names[i].stands_for);
            return;
        }
    if (word_is(word, length, "T")) {
        text_add(out, vector_name(type, width));
    } else if (word_is(word, length, "CONST")) {
        text_addf(out, "(%s)", vector_name(type, width));
    } else if (macro_bit(word, length) != 0) {
        w->needed.macros[type][width_index(width)] |= macro_bit(word, length);
        text_addf(out, "%.*s_%s", (int)length, word, vector_name(type, width));
    } else if (type == COMPUTE_FLOAT && own_function(word, length, width) != NULL) {
        w->needed.functions[width_index(width)] = true;
        text_addf(out, "%s_%d", own_function(word, length, width), width);
    } else if (word_is(word, length, "ROUNDER")) { /* numbers of this size have no fraction: added and taken off, it rounds */
        text_add(out, type == COMPUTE_FLOAT ? "12582912.0f" : "6755399441055744.0");
    } else if (word_is(word, length, "INFINITY") && !compute_is_real(type)) {
        /* the identity of a minimum or, negated, of a maximum */
        const char *largest = type == COMPUTE_INT ? "INT_MAX" : "LONG_MAX";
        text_addf(out, before == '-' ? "%s - 1" : "%s", largest);
    } else {
        text_addf(out, "%.*s", (int)length, word);
    }
}

void expression_write(writer *w, const char *expression, const expression_name *names, int name_count, const graph_node *node,
                      compute_type type, int width, text *out)
{
    if (w->quiet)
        return;
    char before = ' ';
    for (const char *at = expression; *at != '\0';) {
        size_t length = 1;
        if (*at == '$') {
            char name[32];
            length = 1 + word_length(at + 1);
            snprintf(name, sizeof(name), "%.*s", (int)(length - 1), at + 1);
            text_addf(out, "((%s)(", vector_name(type, width));
            write_literal(type, attribute_value(node, name), out);
            text_add(out, "))");
        } else if (isalpha((unsigned char)*at) || *at == '_') {
            length = word_length(at);
            write_word(w, at, length, before, names, name_count, type, width, out);
        } else if (isdigit((unsigned char)*at)) {
            length = number_length(at);
            write_number(at, length, type, out);
        } else {
            text_addf(out, "%c", *at);
        }
        if (*at != ' ')
            before = *at;
        at += length;
    }
}

bool expression_complete(const graph_node *node)
{
    const char *expression = node->op->expression;
    if (expression == NULL || node->input_count > 4)
        return false;
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] == GRAPH_NONE)
            return false;
    for (const char *at = expression; *at != '\0';) {
        const size_t length = word_length(at);
        if (length == 1 && *at >= 'a' && *at <= 'd' && *at - 'a' >= node->input_count)
            return false;
        at += length > 0 ? length : 1;
    }
    return true;
}

/* ---- pointwise nodes ---- */

/* The type in which a node's expression works: the output's, or the widest input's where the output is a truth value. */
compute_type expression_type(const socle_graph *graph, const graph_node *node)
{
    static const int rank[COMPUTE_TYPE_COUNT] = {
        [COMPUTE_INT] = 0, [COMPUTE_LONG] = 1, [COMPUTE_FLOAT] = 2, [COMPUTE_DOUBLE] = 3};
    compute_type type = compute_type_of(graph->values[node->outputs[0]].type.dtype);
    if (!node->op->boolean_result)
        return type;
    type = COMPUTE_INT;
    for (int i = 0; i < node->input_count; i++) {
        const compute_type of_input = compute_type_of(graph->values[node->inputs[i]].type.dtype);
        if (rank[of_input] > rank[type])
            type = of_input;
    }
    return type;
}

/* Integer division by zero, and of the lowest number by -1, traps on some processors: such divisors become 1, and the result is
 * then 0 or -a (0 for a remainder). */
static void write_safe_division(writer *w, const char *expression, const element *operands, const graph_node *node,
                                compute_type type, int width, bool lanes, element *is)
{
    const char *t = vector_name(type, width), *a = operands[0].name, *b = operands[1].name;
    element divisor;
    w->needed.macros[type][width_index(width)] |= macro_bit("SELECT", 6) | macro_bit("EQ", 2);
    text_addf(writer_define(w, "divisor", type, width, lanes, &divisor), "SELECT_%s(EQ_%s(%s, 0) + EQ_%s(%s, -1), 1, %s);\n", t,
              t, b, t, b, b);
    const expression_name names[] = {{"a", a}, {"b", divisor.name}};
    text *out = writer_define(w, node->op->name, type, width, lanes, is);
    text_addf(out, "SELECT_%s(EQ_%s(%s, 0), 0, SELECT_%s(EQ_%s(%s, -1), ", t, t, b, t, t, b);
    text_addf(out, strchr(expression, '%') != NULL ? "0, " : "-%s, ", a);
    expression_write(w, expression, names, 2, node, type, width, out);
    text_add(out, "));\n");
}

bool hold_as(writer *w, socle_dtype dtype, bool rounds, bool lanes, element *is)
{
    const element plain = *is;
    const compute_type type = compute_type_of(dtype);
    if (dtype == SOCLE_BOOL) {
        text *out = writer_define(w, "truth", type, plain.width, lanes, is);
        const char *t = vector_name(plain.type, plain.width);
        text_addf(out, plain.width > 1 ? "convert_%s(%s != (%s)(0)) & 1;\n" : "(%s)(%s != (%s)(0));\n",
                  vector_name(type, plain.width), plain.name, t);
        return !writer_stopped(w);
    }
    if (plain.type != type) {
        text *out = writer_define(w, "as", type, plain.width, lanes, is);
        write_conversion(plain.type, type, plain.width, plain.name, out);
        text_add(out, ";\n");
    }
    if (needs_narrowing(dtype, rounds)) {
        const element wide = *is;
        text *out = writer_define(w, "as", type, plain.width, lanes, is);
        write_narrowing(&w->needed, dtype, plain.width, wide.name, out);
        text_add(out, ";\n");
    }
    return !writer_stopped(w);
}

/* The mask of a Dropout: by the linear index of the element. */
static bool dropout_mask(writer *w, const graph_node *node, const linear *index, int width, bool lanes, element *is)
{
    element seed;
    const linear first = linear_constant(0);
    if (!write_element_as(w, node->inputs[0], &first, COMPUTE_INT, 1, &seed))
        return false;
    char *at = writer_index_text(w, index);
    if (at == NULL)
        return false;
    const int64_t stride = linear_lane_stride(index, &w->variables);
    text *out = writer_define(w, "mask", COMPUTE_FLOAT, width, lanes, is);
    w->needed.dropout[width_index(width)] = true;
    if (width == 1) {
        text_addf(out, "dropout_mask_1((uint)%s, ", at);
    } else {
        w->needed.lanes[width_index(width)] = true;
        text_addf(out, "dropout_mask_%d((uint%d)((uint)%s) + (uint%d)(LANES%d) * (uint)(%lld), ", width, width, at, width, width,
                  (long long)stride);
    }
    text_addf(out, "(uint)%s, (uint)%lld, ", seed.name, (long long)node_int(node, "salt", 0));
    write_literal(COMPUTE_FLOAT, node_float(node, "ratio", 0.5), out);
    text_add(out, ");\n");
    memory_free(at);
    return hold_as(w, w->graph->values[node->outputs[0]].type.dtype, false, lanes, is);
}

bool write_pointwise(writer *w, const graph_node *node, value_id value, const linear *index, element *is)
{
    static const char *const letters[] = {"a", "b", "c", "d"};
    const graph_type *out_type = &w->graph->values[value].type;
    const bool lanes = writer_depends_on_lanes(w, index), cast = strcmp(node->op->name, "Cast") == 0;
    const int width = lanes ? w->width : 1;
    compute_type type = expression_type(w->graph, node);
    element operands[4];
    expression_name names[4];
    if (strcmp(node->op->name, "DropoutMask") == 0)
        return dropout_mask(w, node, index, width, lanes, is);
    if (cast)
        type = compute_type_of(w->graph->values[node->inputs[0]].type.dtype);
    for (int i = 0; i < node->input_count; i++) {
        linear at;
        if (!index_broadcast(w, out_type, &w->graph->values[node->inputs[i]].type, index, &at) ||
            !write_element_as(w, node->inputs[i], &at, type, width, &operands[i]))
            return false;
        names[i] = (expression_name){letters[i], operands[i].name};
    }
    const bool real = compute_is_real(type);
    const char *expression = !real && node->op->integer_expression != NULL ? node->op->integer_expression : node->op->expression;
    if (cast) {
        *is = operands[0];
    } else if (!real && node->input_count == 2 && strpbrk(expression, "/%") != NULL) {
        write_safe_division(w, expression, operands, node, type, width, lanes, is);
    } else {
        text *out = writer_define(w, node->op->name, type, width, lanes, is);
        expression_write(w, expression, names, node->input_count, node, type, width, out);
        text_add(out, ";\n");
    }
    return hold_as(w, out_type->dtype, cast, lanes, is);
}

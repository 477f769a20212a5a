/* The language of derivatives: infix + - * /, unary -, parentheses, numbers, operators by their ONNX name as functions, names of
 * values and $attributes. A number has no type of its own: it takes that of the operand it meets; numbers among themselves are
 * computed here. Recursive descent, one function per level of the grammar. */
#include "gradient_derive.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ARGUMENTS 4
#define MAX_NAME 48
#define MAX_DEPTH 64

typedef struct term {
    value_id value; /* GRAPH_NONE: a number */
    double number;
} term;

typedef struct parser {
    const derive_context *context;
    const char *text, *at;
    int depth;
    bool failed;
} parser;

static const term nothing = {GRAPH_NONE, 0};

static term parse_sum(parser *p);

static term fail(parser *p, const char *what)
{
    if (!p->failed)
        socle_fail(SOCLE_INTERNAL, "derivative \"%s\": %s at \"%.16s\"", p->text, what, p->at);
    p->failed = true;
    return nothing;
}

static void skip_spaces(parser *p)
{
    while (isspace((unsigned char)*p->at))
        p->at++;
}

static bool accept(parser *p, char c)
{
    skip_spaces(p);
    if (*p->at != c)
        return false;
    p->at++;
    return true;
}

static term of_value(parser *p, value_id value)
{
    p->failed = p->failed || value == GRAPH_NONE;
    return (term){value, 0};
}

static value_id typed(parser *p, term t, socle_dtype dtype)
{
    return t.value != GRAPH_NONE ? t.value : graph_constant_scalar(p->context->graph, dtype, t.number);
}

static socle_dtype dtype_of(const parser *p, term t)
{
    return t.value != GRAPH_NONE ? compose_dtype(p->context->graph, t.value) : SOCLE_NONE;
}

static double compute(char sign, double a, double b)
{
    switch (sign) {
    case '+':
        return a + b;
    case '-':
        return a - b;
    case '*':
        return a * b;
    default:
        return a / b;
    }
}

static bool is_number(term t, double number)
{
    return t.value == GRAPH_NONE && t.number == number;
}

static term combine(parser *p, char sign, term a, term b)
{
    if (p->failed)
        return nothing;
    if (a.value == GRAPH_NONE && b.value == GRAPH_NONE)
        return (term){GRAPH_NONE, compute(sign, a.number, b.number)};
    if ((sign == '*' || sign == '/') && is_number(b, 1))
        return a;
    if (sign == '*' && is_number(a, 1))
        return b;
    const char *op = sign == '+' ? "Add" : sign == '-' ? "Sub" : sign == '*' ? "Mul" : "Div";
    const socle_dtype dtype = dtype_of(p, a.value != GRAPH_NONE ? a : b);
    return of_value(p, compose_binary(p->context->graph, op, typed(p, a, dtype), typed(p, b, dtype)));
}

/* ---- names and calls ---- */

static bool read_name(parser *p, char name[MAX_NAME])
{
    size_t length = 0;
    while ((isalnum((unsigned char)*p->at) || *p->at == '_') && length < MAX_NAME - 1)
        name[length++] = *p->at++;
    name[length] = 0;
    return length > 0;
}

/* The type of numbers among the arguments: that of the first argument that is no number and no truth value. */
static socle_dtype numbers_dtype(const parser *p, const term *arguments, int count)
{
    for (int i = 0; i < count; i++) {
        const socle_dtype dtype = dtype_of(p, arguments[i]);
        if (dtype != SOCLE_NONE && dtype != SOCLE_BOOL)
            return dtype;
    }
    return p->context->dtype;
}

static term parse_call(parser *p, const char *op)
{
    term arguments[MAX_ARGUMENTS];
    value_id inputs[MAX_ARGUMENTS];
    int count = 0;
    do {
        if (count == MAX_ARGUMENTS)
            return fail(p, "too many arguments");
        arguments[count++] = parse_sum(p);
    } while (!p->failed && accept(p, ','));
    if (!p->failed && !accept(p, ')'))
        return fail(p, "')' is missing");
    if (p->failed)
        return nothing;
    if (strcmp(op, "Cast") == 0) /* a truth value as a number */
        return of_value(p, compose_cast(p->context->graph, arguments[0].value, p->context->dtype));
    const socle_dtype dtype = numbers_dtype(p, arguments, count);
    for (int i = 0; i < count; i++)
        inputs[i] = typed(p, arguments[i], dtype);
    socle_graph *graph = p->context->graph;
    const char *domain =
        operator_find(graph->context, "", op) == NULL && operator_find(graph->context, "socle", op) != NULL ? "socle" : "";
    return of_value(p, compose_node(graph, domain, op, inputs, count, NULL, 0));
}

static term parse_attribute(parser *p)
{
    char name[MAX_NAME];
    const derive_context *c = p->context;
    if (!read_name(p, name))
        return fail(p, "the attribute's name is missing");
    for (int i = 0; i < c->attribute_count; i++)
        if (strcmp(c->attribute_names[i], name) == 0)
            return (term){GRAPH_NONE, c->attribute_values[i]};
    for (int i = 0; i < c->count; i++)
        if (c->names[i][0] == '$' && strcmp(c->names[i] + 1, name) == 0)
            return (term){c->values[i], 0};
    return fail(p, "unknown attribute");
}

static term parse_name(parser *p)
{
    char name[MAX_NAME];
    const derive_context *c = p->context;
    read_name(p, name);
    if (accept(p, '('))
        return parse_call(p, name);
    for (int i = 0; i < c->count; i++) {
        if (strcmp(c->names[i], name) != 0)
            continue;
        return c->values[i] != GRAPH_NONE ? (term){c->values[i], 0} : fail(p, "a value that is left out");
    }
    return fail(p, "unknown name");
}

/* ---- the grammar ---- */

static term parse_primary(parser *p)
{
    skip_spaces(p);
    if (accept(p, '(')) {
        const term inner = parse_sum(p);
        return p->failed || accept(p, ')') ? inner : fail(p, "')' is missing");
    }
    if (accept(p, '$'))
        return parse_attribute(p);
    if (isalpha((unsigned char)*p->at) || *p->at == '_')
        return parse_name(p);
    char *end;
    const double number = strtod(p->at, &end);
    if (end == p->at)
        return fail(p, "an operand is missing");
    p->at = end;
    return (term){GRAPH_NONE, number};
}

static term parse_unary(parser *p)
{
    if (!accept(p, '-'))
        return parse_primary(p);
    if (++p->depth > MAX_DEPTH)
        return fail(p, "too deep");
    const term a = parse_unary(p);
    p->depth--;
    if (p->failed)
        return nothing;
    if (a.value == GRAPH_NONE)
        return (term){GRAPH_NONE, -a.number};
    return of_value(p, compose_unary(p->context->graph, "Neg", a.value));
}

static term parse_product(parser *p)
{
    term a = parse_unary(p);
    while (!p->failed) {
        skip_spaces(p);
        const char sign = *p->at;
        if (sign != '*' && sign != '/')
            break;
        p->at++;
        a = combine(p, sign, a, parse_unary(p));
    }
    return a;
}

static term parse_sum(parser *p)
{
    if (++p->depth > MAX_DEPTH)
        return fail(p, "too deep");
    term a = parse_product(p);
    while (!p->failed) {
        skip_spaces(p);
        const char sign = *p->at;
        if (sign != '+' && sign != '-')
            break;
        p->at++;
        a = combine(p, sign, a, parse_product(p));
    }
    p->depth--;
    return a;
}

bool derive_expression(const derive_context *context, const char *expression, value_id *value)
{
    parser p = {context, expression, expression, 0, false};
    const term result = parse_sum(&p);
    skip_spaces(&p);
    if (!p.failed && *p.at != 0)
        fail(&p, "unexpected text");
    if (p.failed)
        return false;
    *value = result.value == GRAPH_NONE && result.number == 0 ? GRAPH_NONE : typed(&p, result, context->dtype);
    return result.value != GRAPH_NONE || result.number == 0 || *value != GRAPH_NONE;
}

value_id graph_derive(socle_graph *graph, const char *expression, const char *const *names, const value_id *values, int count)
{
    derive_context context = {.graph = graph, .dtype = SOCLE_FLOAT32, .names = names, .values = values, .count = count};
    value_id value = GRAPH_NONE;
    for (int i = 0; i < count; i++)
        if (values[i] != GRAPH_NONE && compose_is_float(compose_dtype(graph, values[i])))
            context.dtype = compose_dtype(graph, values[i]);
    if (!derive_expression(&context, expression, &value))
        return GRAPH_NONE;
    return value != GRAPH_NONE ? value : graph_constant_scalar(graph, context.dtype, 0);
}

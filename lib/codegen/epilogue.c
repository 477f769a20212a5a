/* Epilogues: a chain of pointwise operators as functions that a solver's kernel calls through the macros EPILOGUE1 to EPILOGUE16
 * before it writes. Each function takes and returns vectors; operands are read at the element's index, at its channel, or once.
 */
#include "writer.h"

#include <stdio.h>
#include <string.h>

/* ---- extending ---- */

/* In which layout the operand fits next to the output; false: in none. */
static bool fitting_layout(const graph_type *out, const graph_type *operand, int channel_axis, epilogue_layout *layout)
{
    const int shift = out->rank - operand->rank;
    if (!graph_type_known(operand) || shift < 0)
        return false;
    if (graph_type_count(operand) == 1) {
        *layout = EPILOGUE_SCALAR;
        return true;
    }
    if (graph_type_count(operand) == graph_type_count(out)) {
        *layout = EPILOGUE_FULL;
        return true;
    }
    *layout = EPILOGUE_CHANNEL;
    for (int i = 0; i < operand->rank; i++) {
        const int axis = i + shift;
        const bool along = channel_axis == EPILOGUE_IN_BLOCKS ? axis == 1 || axis == out->rank - 1 : axis == channel_axis;
        if (operand->dims[i] != (along ? out->dims[axis] : 1))
            return false;
    }
    return true;
}

static bool same_shape(const graph_type *a, const graph_type *b)
{
    return a->rank == b->rank && memcmp(a->dims, b->dims, (size_t)a->rank * sizeof(a->dims[0])) == 0;
}

static bool add_operand(epilogue *e, value_id value, epilogue_layout layout)
{
    for (int i = 0; i < e->operand_count; i++)
        if (e->operands[i] == value)
            return true;
    if (e->operand_count == EPILOGUE_MAX_OPERANDS)
        return false;
    e->operands[e->operand_count] = value;
    e->layouts[e->operand_count++] = layout;
    return true;
}

/* Sums of bytes are int32 and may become another type on the way: to numbers, and back to bytes, which ends the chain. All other
 * chains keep one type of floating point. */
static bool types_follow(const socle_graph *graph, const epilogue *e, const graph_node *node)
{
    const socle_dtype before = graph->values[e->output].type.dtype, after = graph->values[node->outputs[0]].type.dtype;
    if (graph->values[e->input].type.dtype != SOCLE_INT32)
        return before == after && compute_is_real(compute_type_of(after));
    const bool divides = compute_type_of(after) == COMPUTE_INT && strpbrk(node->op->expression, "/%") != NULL;
    return (before == SOCLE_INT32 || before == SOCLE_FLOAT32) && after != SOCLE_FLOAT64 && after != SOCLE_INT64 &&
           after != SOCLE_BOOL && !node->op->boolean_result && !divides &&
           (before == after || strcmp(node->op->name, "Cast") == 0);
}

bool codegen_epilogue_add(const socle_graph *graph, epilogue *e, node_id node, int channel_axis)
{
    const graph_node *n = &graph->nodes[node];
    if (n->op == NULL || n->op->kind != OPERATOR_POINTWISE || n->output_count != 1 || e->node_count == EPILOGUE_MAX_NODES ||
        !codegen_fusable(graph, node) || strcmp(n->op->name, "DropoutMask") == 0)
        return false;
    const graph_type *before = &graph->values[e->output].type, *after = &graph->values[n->outputs[0]].type;
    if (!same_shape(before, after) || !types_follow(graph, e, n))
        return false;
    epilogue extended = *e;
    bool consumes = false;
    for (int i = 0; i < n->input_count; i++) {
        const value_id input = n->inputs[i];
        const graph_type *type = &graph->values[input].type;
        epilogue_layout layout;
        double number;
        if (input == e->output) {
            consumes = true;
            continue;
        }
        if (!fitting_layout(after, type, channel_axis, &layout))
            return false;
        if (!constant_scalar(graph, input, &number) && !add_operand(&extended, input, layout))
            return false;
    }
    if (!consumes)
        return false;
    extended.nodes[extended.node_count++] = node;
    extended.output = n->outputs[0];
    *e = extended;
    return true;
}

/* ---- text ---- */

typedef struct function {
    writer *w;
    const epilogue *e;
    bool channel_uniform;
    int width;
    text *out;
} function;

/* Declares operand i as `name`, in its own compute type. */
static void read_operand(const function *f, int i, const char *name)
{
    const graph_type *type = &f->w->graph->values[f->e->operands[i]].type;
    const bool one = f->e->layouts[i] == EPILOGUE_SCALAR || (f->e->layouts[i] == EPILOGUE_CHANNEL && f->channel_uniform);
    const char *at = f->e->layouts[i] == EPILOGUE_SCALAR ? "0" : f->e->layouts[i] == EPILOGUE_CHANNEL ? "channel" : "index";
    const char *t = vector_name(compute_type_of(type->dtype), f->width);
    char pointer[32];
    snprintf(pointer, sizeof(pointer), "epilogue_in%d", i);
    text_addf(f->out, "    const %s %s = %s%s%s", t, name, one ? "(" : "", one ? t : "", one ? ")(" : "");
    write_load(&f->w->needed, type->dtype, one ? 1 : f->width, 1, pointer, at, f->out);
    text_addf(f->out, "%s;\n", one ? ")" : "");
}

static int operand_number(const epilogue *e, value_id value)
{
    for (int i = 0; i < e->operand_count; i++)
        if (e->operands[i] == value)
            return i;
    return GRAPH_NONE;
}

/* An input of a node in type T: the running value, an operand or a constant. */
static void write_input(const function *f, value_id input, const char *running, compute_type type, text *out)
{
    const socle_graph *graph = f->w->graph;
    const int number = operand_number(f->e, input);
    double value;
    char name[32];
    if (running != NULL) {
        write_conversion(compute_type_of(graph->values[input].type.dtype), type, f->width, running, out);
    } else if (number != GRAPH_NONE) {
        snprintf(name, sizeof(name), "operand%d", number);
        write_conversion(compute_type_of(graph->values[input].type.dtype), type, f->width, name, out);
    } else {
        constant_scalar(graph, input, &value);
        text_addf(out, "((%s)(", vector_name(type, f->width));
        write_literal(type, value, out);
        text_add(out, "))");
    }
}

/* One node of the chain: "const T v3 = expression;". */
static bool write_node(const function *f, int number, value_id before, const char *running)
{
    static const char *const letters[] = {"a", "b", "c", "d"};
    const graph_node *node = &f->w->graph->nodes[f->e->nodes[number]];
    const compute_type type = compute_type_of(f->w->graph->values[node->outputs[0]].type.dtype);
    const bool integers = !compute_is_real(type) && node->op->integer_expression != NULL;
    const char *expression = integers ? node->op->integer_expression : node->op->expression;
    expression_name names[4];
    text inputs[4] = {{0}};
    bool failed = false;
    for (int i = 0; i < node->input_count; i++) {
        write_input(f, node->inputs[i], node->inputs[i] == before ? running : NULL, type, &inputs[i]);
        failed |= inputs[i].failed;
        names[i] = (expression_name){letters[i], inputs[i].data};
    }
    text_addf(f->out, "    const %s v%d = ", vector_name(type, f->width), number + 1);
    if (!failed)
        expression_write(f->w, expression, names, node->input_count, node, type, f->width, f->out);
    text_add(f->out, ";\n");
    for (int i = 0; i < node->input_count; i++)
        text_finish(&inputs[i]);
    f->out->failed |= failed;
    return !failed;
}

static void write_parameters(const socle_graph *graph, const epilogue *e, text *out)
{
    for (int i = 0; i < e->operand_count; i++)
        text_addf(out, ", __global const %s *epilogue_in%d", storage_type_name(graph->values[e->operands[i]].type.dtype), i);
}

static void write_function(const function *f)
{
    const compute_type type = compute_type_of(f->w->graph->values[f->e->output].type.dtype);
    const char *t = vector_name(type, f->width);
    value_id before = f->e->input;
    const compute_type given = compute_type_of(f->w->graph->values[f->e->input].type.dtype);
    text_addf(f->out, "static %s epilogue_%d(%s x, size_t index, int channel", t, f->width, vector_name(given, f->width));
    write_parameters(f->w->graph, f->e, f->out);
    text_add(f->out, ")\n{\n");
    for (int i = 0; i < f->e->operand_count; i++) {
        char name[32];
        snprintf(name, sizeof(name), "operand%d", i);
        read_operand(f, i, name);
    }
    for (int i = 0; i < f->e->node_count; i++) {
        char running[16];
        snprintf(running, sizeof(running), i == 0 ? "x" : "v%d", i);
        if (!write_node(f, i, before, running))
            break;
        before = f->w->graph->nodes[f->e->nodes[i]].outputs[0];
    }
    text_addf(f->out, "    return v%d;\n}\n", f->e->node_count);
}

socle_status codegen_epilogue_text(const socle_graph *graph, const epilogue *e, bool channel_uniform, char **out)
{
    static const int widths[] = {1, 4, 8, 16};
    text functions = {0}, all = {0};
    writer w = {.graph = graph};
    char *result;
    if (e->node_count > 0) {
        for (size_t i = 0; i < COUNT_OF(widths); i++) {
            const function f = {&w, e, channel_uniform, widths[i], &functions};
            write_function(&f);
        }
        w.needed.real64 |= compute_type_of(graph->values[e->output].type.dtype) == COMPUTE_DOUBLE;
        needed_text_write(&w.needed, &all);
        all.failed |= functions.failed;
        if (functions.data != NULL)
            text_add(&all, functions.data);
        text_add(&all, "#define EPILOGUE_PARAMS");
        write_parameters(graph, e, &all);
        text_add(&all, "\n#define EPILOGUE_OPERANDS");
        for (int i = 0; i < e->operand_count; i++)
            text_addf(&all, ", epilogue_in%d", i);
        text_add(&all, "\n");
        for (size_t i = 0; i < COUNT_OF(widths); i++) {
            text_addf(&all, "#define EPILOGUE%d(x, index, channel) epilogue_%d(x, index, channel", widths[i], widths[i]);
            for (int k = 0; k < e->operand_count; k++)
                text_addf(&all, ", epilogue_in%d", k);
            text_add(&all, ")\n");
        }
    }
    text_finish(&functions);
    result = text_take(&all);
    if (result == NULL)
        return SOCLE_OUT_OF_MEMORY;
    *out = result;
    return SOCLE_OK;
}

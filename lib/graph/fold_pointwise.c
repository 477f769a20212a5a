/* Pointwise operators on the host, a block of elements at a time: in int64 where every operand is an integer or bool, else in
 * float64. */
#include "fold.h"
#include "operators.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK 256
#define MAX_INPUTS 4
#define MAX_ATTRIBUTES 4

int operator_attribute_values(const graph_node *node, double *out, int capacity)
{
    int count = 0;
    char name[32];
    for (const char *at = node->op->attributes; at != NULL && *at != 0 && count < capacity;) {
        const size_t length = strcspn(at, "=");
        if (length >= sizeof(name))
            break;
        memcpy(name, at, length);
        name[length] = 0;
        char *end;
        const double absent = strtod(at + length + 1, &end);
        out[count++] = node_float(node, name, absent);
        at = end + strspn(end, " ");
    }
    return count;
}

/* An operand read in the result's order. */
typedef struct operand {
    const socle_tensor *tensor;
    bool dense; /* as the result: read a block at once */
    int64_t index[SOCLE_MAX_RANK], strides[SOCLE_MAX_RANK], offset;
} operand;

typedef struct evaluation {
    const graph_operator *op;
    double attributes[MAX_ATTRIBUTES];
    operand operands[MAX_INPUTS];
    int count;
    bool integers;
    socle_tensor *out;
} evaluation;

static void read_block(operand *o, const socle_tensor *out, bool integers, int64_t first, int64_t count, void *block)
{
    const socle_dtype dtype = o->tensor->dtype;
    if (o->dense) {
        if (integers)
            elements_read_integer(dtype, o->tensor->data, first, count, block);
        else
            elements_read_real(dtype, o->tensor->data, first, count, block);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        if (integers)
            elements_read_integer(dtype, o->tensor->data, o->offset, 1, (int64_t *)block + i);
        else
            elements_read_real(dtype, o->tensor->data, o->offset, 1, (double *)block + i);
        index_next(o->index, out->dims, out->rank, o->strides, &o->offset);
    }
}

static void evaluate_reals(evaluation *e, int64_t first, int64_t count)
{
    double in[MAX_INPUTS][BLOCK], result[BLOCK];
    for (int k = 0; k < e->count; k++)
        read_block(&e->operands[k], e->out, false, first, count, in[k]);
    for (int64_t i = 0; i < count; i++) {
        const double inputs[MAX_INPUTS] = {in[0][i], e->count > 1 ? in[1][i] : 0, e->count > 2 ? in[2][i] : 0,
                                           e->count > 3 ? in[3][i] : 0};
        result[i] = e->op->evaluate(inputs, e->attributes);
    }
    elements_write_real(e->out->dtype, e->out->data, first, count, result);
}

static void evaluate_integers(evaluation *e, int64_t first, int64_t count)
{
    int64_t in[MAX_INPUTS][BLOCK], result[BLOCK];
    for (int k = 0; k < e->count; k++)
        read_block(&e->operands[k], e->out, true, first, count, in[k]);
    for (int64_t i = 0; i < count; i++) {
        const int64_t inputs[MAX_INPUTS] = {in[0][i], e->count > 1 ? in[1][i] : 0, e->count > 2 ? in[2][i] : 0,
                                            e->count > 3 ? in[3][i] : 0};
        result[i] = e->op->evaluate_integer(inputs, e->attributes);
    }
    elements_write_integer(e->out->dtype, e->out->data, first, count, result);
}

bool fold_pointwise(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs)
{
    (void)graph;
    evaluation e = {.op = node->op, .count = node->input_count, .integers = true, .out = &outputs[0]};
    if (node->input_count < 1 || node->input_count > MAX_INPUTS)
        return false;
    /* Max, Min and Clip with other than their usual number of inputs are rewritten first */
    if (node->op->max_inputs < 0 ? node->input_count != 2 : node->input_count != node->op->max_inputs)
        return false;
    operator_attribute_values(node, e.attributes, MAX_ATTRIBUTES);
    for (int k = 0; k < e.count; k++) {
        operand *o = &e.operands[k];
        if (inputs[k].data == NULL)
            return false;
        o->tensor = &inputs[k];
        o->dense = socle_tensor_count(&inputs[k]) == socle_tensor_count(e.out);
        broadcast_strides(&inputs[k], e.out->rank, o->strides);
        e.integers = e.integers && !dtype_is_float(inputs[k].dtype);
    }
    if (e.integers ? node->op->evaluate_integer == NULL : node->op->evaluate == NULL)
        return false;
    const int64_t total = socle_tensor_count(e.out);
    for (int64_t first = 0; first < total; first += BLOCK) {
        const int64_t count = total - first < BLOCK ? total - first : BLOCK;
        if (e.integers)
            evaluate_integers(&e, first, count);
        else
            evaluate_reals(&e, first, count);
    }
    return true;
}

bool fold_cast(const socle_graph *graph, const graph_node *node, const socle_tensor *inputs, socle_tensor *outputs)
{
    (void)graph;
    (void)node;
    const bool real = dtype_is_float(inputs[0].dtype);
    const int64_t total = socle_tensor_count(&outputs[0]);
    for (int64_t first = 0; first < total; first += BLOCK) {
        const int64_t count = total - first < BLOCK ? total - first : BLOCK;
        if (real) {
            double block[BLOCK];
            elements_read_real(inputs[0].dtype, inputs[0].data, first, count, block);
            elements_write_real(outputs[0].dtype, outputs[0].data, first, count, block);
        } else {
            int64_t block[BLOCK];
            elements_read_integer(inputs[0].dtype, inputs[0].data, first, count, block);
            elements_write_integer(outputs[0].dtype, outputs[0].data, first, count, block);
        }
    }
    return true;
}

/* Movement, and operators whose result follows from shapes: where each element of the output comes from. */
#include "evaluate.h"

#include <string.h>

/* Elements in the same order: Reshape and its kin. */
static void copy(operation *o)
{
    memcpy(o->out[0].data, o->in[0].data, (size_t)o->out[0].count * sizeof(double));
}

static void transpose(operation *o)
{
    int64_t perm[SOCLE_MAX_RANK], at[SOCLE_MAX_RANK], from[SOCLE_MAX_RANK];
    const int rank = o->in[0].rank;
    if (node_ints(o->node, "perm", perm, SOCLE_MAX_RANK) != rank)
        for (int i = 0; i < rank; i++)
            perm[i] = rank - 1 - i;
    for (int64_t i = 0; i < o->out[0].count; i++) {
        evaluate_coordinates(&o->out[0], i, at);
        for (int k = 0; k < rank; k++)
            from[perm[k]] = at[k];
        o->out[0].data[i] = o->in[0].data[evaluate_offset(&o->in[0], from)];
    }
}

static void concatenate(operation *o)
{
    const int axis = evaluate_axis(node_int(o->node, "axis", 0), o->out[0].rank);
    int64_t start = 0, at[SOCLE_MAX_RANK];
    for (int k = 0; k < o->in_count; k++) {
        for (int64_t i = 0; i < o->in[k].count; i++) {
            evaluate_coordinates(&o->in[k], i, at);
            at[axis] += start;
            o->out[0].data[evaluate_offset(&o->out[0], at)] = o->in[k].data[i];
        }
        start += o->in[k].dims[axis];
    }
}

static void split(operation *o)
{
    const int axis = evaluate_axis(node_int(o->node, "axis", 0), o->in[0].rank);
    int64_t start = 0, at[SOCLE_MAX_RANK];
    for (int k = 0; k < o->out_count; k++) {
        for (int64_t i = 0; i < o->out[k].count; i++) {
            evaluate_coordinates(&o->out[k], i, at);
            at[axis] += start;
            o->out[k].data[i] = o->in[0].data[evaluate_offset(&o->in[0], at)];
        }
        start += o->out[k].dims[axis];
    }
}

static void slice(operation *o)
{
    const operand *in = &o->in[0];
    int64_t start[SOCLE_MAX_RANK] = {0}, step[SOCLE_MAX_RANK], at[SOCLE_MAX_RANK];
    for (int i = 0; i < in->rank; i++)
        step[i] = 1;
    for (int64_t i = 0; i < o->in[1].count; i++) {
        const bool has_axes = o->in_count > 3 && o->in[3].data != NULL, has_steps = o->in_count > 4 && o->in[4].data != NULL;
        const int axis = evaluate_axis(has_axes ? (int64_t)o->in[3].data[i] : i, in->rank);
        const double size = (double)in->dims[axis];
        double first = o->in[1].data[i];
        step[axis] = has_steps ? (int64_t)o->in[4].data[i] : 1;
        first += first < 0 ? size : 0;
        if (first > (step[axis] > 0 ? size : size - 1))
            first = step[axis] > 0 ? size : size - 1;
        start[axis] = first < 0 ? 0 : (int64_t)first;
    }
    for (int64_t i = 0; i < o->out[0].count; i++) {
        evaluate_coordinates(&o->out[0], i, at);
        for (int k = 0; k < in->rank; k++)
            at[k] = start[k] + at[k] * step[k];
        o->out[0].data[i] = in->data[evaluate_offset(in, at)];
    }
}

/* Where position `at` outside of 0..size-1 takes its element from; -1: nowhere. */
static int64_t reflected(int64_t at, int64_t size, char mode)
{
    if (mode == 'e')
        return at < 0 ? 0 : at >= size ? size - 1 : at;
    if (mode == 'w')
        return ((at % size) + size) % size;
    while (mode == 'r' && (at < 0 || at >= size))
        at = at < 0 ? -at : 2 * (size - 1) - at;
    return at < 0 || at >= size ? -1 : at;
}

static void pad(operation *o)
{
    const operand *in = &o->in[0], *pads = &o->in[1];
    const char mode = node_string(o->node, "mode", "constant")[0];
    const double value = o->in_count > 2 && o->in[2].data != NULL ? o->in[2].data[0] : 0;
    const bool has_axes = o->in_count > 3 && o->in[3].data != NULL;
    int64_t before[SOCLE_MAX_RANK] = {0}, at[SOCLE_MAX_RANK];
    for (int64_t i = 0; i < pads->count / 2; i++)
        before[evaluate_axis(has_axes ? (int64_t)o->in[3].data[i] : i, in->rank)] = (int64_t)pads->data[i];
    for (int64_t i = 0; i < o->out[0].count; i++) {
        bool inside = true;
        evaluate_coordinates(&o->out[0], i, at);
        for (int k = 0; k < in->rank; k++) {
            at[k] = reflected(at[k] - before[k], in->dims[k], mode);
            inside = inside && at[k] >= 0;
        }
        o->out[0].data[i] = inside ? in->data[evaluate_offset(in, at)] : value;
    }
}

static void expand(operation *o)
{
    int64_t at[SOCLE_MAX_RANK];
    for (int64_t i = 0; i < o->out[0].count; i++) {
        evaluate_coordinates(&o->out[0], i, at);
        o->out[0].data[i] = o->in[0].data[evaluate_broadcast_offset(&o->in[0], at, o->out[0].rank)];
    }
}

static void tile(operation *o)
{
    int64_t at[SOCLE_MAX_RANK];
    for (int64_t i = 0; i < o->out[0].count; i++) {
        evaluate_coordinates(&o->out[0], i, at);
        for (int k = 0; k < o->in[0].rank; k++)
            at[k] %= o->in[0].dims[k];
        o->out[0].data[i] = o->in[0].data[evaluate_offset(&o->in[0], at)];
    }
}

/* DCR: the channel is [block][block][depth]; CRD: [depth][block][block]. */
static int64_t blocked_channel(int64_t c, int64_t i, int64_t k, int64_t depth, int64_t block, bool crd)
{
    return crd ? (c * block + i) * block + k : (i * block + k) * depth + c;
}

static void depth_to_space(operation *o)
{
    const int64_t block = node_int(o->node, "blocksize", 1);
    const bool crd = strcmp(node_string(o->node, "mode", "DCR"), "CRD") == 0;
    int64_t at[4];
    for (int64_t i = 0; i < o->out[0].count; i++) {
        evaluate_coordinates(&o->out[0], i, at);
        const int64_t channel = blocked_channel(at[1], at[2] % block, at[3] % block, o->out[0].dims[1], block, crd);
        o->out[0].data[i] = o->in[0].data[evaluate_offset(&o->in[0], (int64_t[]){at[0], channel, at[2] / block, at[3] / block})];
    }
}

static void space_to_depth(operation *o)
{
    const int64_t block = node_int(o->node, "blocksize", 1);
    int64_t at[4];
    for (int64_t i = 0; i < o->in[0].count; i++) {
        evaluate_coordinates(&o->in[0], i, at);
        const int64_t channel = blocked_channel(at[1], at[2] % block, at[3] % block, o->in[0].dims[1], block, false);
        o->out[0].data[evaluate_offset(&o->out[0], (int64_t[]){at[0], channel, at[2] / block, at[3] / block})] = o->in[0].data[i];
    }
}

static void triangle(operation *o)
{
    const bool upper = node_int(o->node, "upper", 1) != 0;
    const int64_t k = o->in_count > 1 && o->in[1].data != NULL ? (int64_t)o->in[1].data[0] : 0;
    int64_t at[SOCLE_MAX_RANK];
    for (int64_t i = 0; i < o->out[0].count; i++) {
        evaluate_coordinates(&o->out[0], i, at);
        const int64_t distance = at[o->out[0].rank - 1] - at[o->out[0].rank - 2];
        o->out[0].data[i] = (upper ? distance >= k : distance <= k) ? o->in[0].data[i] : 0;
    }
}

/* ---- known from shapes ---- */

static void shape(operation *o)
{
    const int rank = o->in[0].rank;
    int64_t start = node_int(o->node, "start", 0);
    start = start < 0 ? start + rank : start;
    for (int64_t i = 0; i < o->out[0].count; i++)
        o->out[0].data[i] = (double)o->in[0].dims[(start < 0 ? 0 : start) + i];
}

static void size(operation *o)
{
    o->out[0].data[0] = (double)o->in[0].count;
}

static void range(operation *o)
{
    for (int64_t i = 0; i < o->out[0].count; i++)
        o->out[0].data[i] = o->in[0].data[0] + (double)i * o->in[2].data[0];
}

static void fill(operation *o)
{
    const graph_attribute *value = node_attribute(o->node, "value");
    double *content = value != NULL ? evaluate_widen(value->tensor.dtype, value->tensor.data, 1) : NULL;
    for (int64_t i = 0; i < o->out[0].count; i++)
        o->out[0].data[i] = content != NULL ? content[0] : 0;
    __builtin_free(content);
}

static void constant(operation *o)
{
    const graph_attribute *a = &o->node->attributes[0];
    double *content = a->kind == SOCLE_ATTRIBUTE_TENSOR ? evaluate_widen(a->tensor.dtype, a->tensor.data, o->out[0].count) : NULL;
    for (int64_t i = 0; i < o->out[0].count; i++) {
        double element = content != NULL ? content[i] : 0;
        if (a->kind == SOCLE_ATTRIBUTE_INT)
            element = (double)a->i;
        else if (a->kind == SOCLE_ATTRIBUTE_FLOAT)
            element = a->f;
        else if (a->kind == SOCLE_ATTRIBUTE_INTS)
            element = (double)a->ints[i];
        else if (a->kind == SOCLE_ATTRIBUTE_FLOATS)
            element = a->floats[i];
        o->out[0].data[i] = element;
    }
    __builtin_free(content);
}

/* In inference Dropout hands its input on. */
static void dropout(operation *o)
{
    copy(o);
    for (int64_t i = 0; o->out_count > 1 && i < o->out[1].count; i++)
        o->out[1].data[i] = 1;
}

bool evaluate_movement(operation *o)
{
    static const struct {
        const char *name;
        void (*rule)(operation *o);
    } rules[] = {{"Identity", copy},
                 {"Reshape", copy},
                 {"Flatten", copy},
                 {"Squeeze", copy},
                 {"Unsqueeze", copy},
                 {"Transpose", transpose},
                 {"Concat", concatenate},
                 {"Split", split},
                 {"Slice", slice},
                 {"Pad", pad},
                 {"Expand", expand},
                 {"Tile", tile},
                 {"DepthToSpace", depth_to_space},
                 {"SpaceToDepth", space_to_depth},
                 {"Trilu", triangle},
                 {"Shape", shape},
                 {"Size", size},
                 {"Range", range},
                 {"ConstantOfShape", fill},
                 {"Constant", constant},
                 {"Dropout", dropout}};
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        if (!evaluate_is(o, rules[i].name))
            continue;
        rules[i].rule(o);
        return true;
    }
    return false;
}

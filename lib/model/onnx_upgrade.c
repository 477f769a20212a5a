/* From older forms of ONNX's operators to opset 21: a table says which operators changed before which version, and how.
 * Attributes that became inputs turn into constants; rules that changed (Softmax's flattening, GroupNormalization's scale) into
 * nodes. https://github.com/onnx/onnx/blob/main/docs/Changelog.md */
#include "onnx.h"

#include <string.h>

/* ---- attributes into inputs ---- */

/* An attribute of ints (or one int) into input `index`; absent: nothing. */
static socle_status move_ints(onnx_draft *d, const char *name, int index)
{
    const socle_attribute *a = onnx_draft_attribute(d, name);
    if (a == NULL)
        return SOCLE_OK;
    if (a->kind != SOCLE_ATTRIBUTE_INTS || a->count > INT32_MAX)
        return onnx_draft_fail(d, SOCLE_INVALID_FILE, "has an attribute '%s' that is no list of integers", name);
    if (index < d->input_count)
        return onnx_draft_fail(d, SOCLE_INVALID_FILE, "has '%s' both as attribute and as input", name);
    const value_id value = graph_constant_ints(d->graph, a->ints, (int)a->count);
    onnx_draft_drop_attribute(d, name);
    return onnx_draft_set_input(d, index, value);
}

/* An attribute of a float into input `index`, of the type of input 0 (dtype NONE) or of dtype; absent: nothing. */
static socle_status move_float(onnx_draft *d, const char *name, int index, socle_dtype dtype)
{
    const socle_attribute *a = onnx_draft_attribute(d, name);
    if (a == NULL)
        return SOCLE_OK;
    if (a->kind != SOCLE_ATTRIBUTE_FLOAT)
        return onnx_draft_fail(d, SOCLE_INVALID_FILE, "has an attribute '%s' that is no number", name);
    if (index < d->input_count || d->input_count == 0 || d->inputs[0] == GRAPH_NONE)
        return onnx_draft_fail(d, SOCLE_INVALID_FILE, "does not have the inputs of its version");
    if (dtype == SOCLE_NONE)
        dtype = d->graph->values[d->inputs[0]].type.dtype;
    const value_id value = graph_constant_scalar(d->graph, dtype, a->f);
    onnx_draft_drop_attribute(d, name);
    return onnx_draft_set_input(d, index, value);
}

static socle_status move_axes(onnx_draft *d)
{
    return move_ints(d, "axes", 1);
}

static socle_status move_k(onnx_draft *d)
{
    const socle_attribute *a = onnx_draft_attribute(d, "k");
    if (a == NULL || a->kind != SOCLE_ATTRIBUTE_INT || d->input_count != 1)
        return onnx_draft_fail(d, SOCLE_INVALID_FILE, "has no attribute 'k' that is an integer, or more inputs than one");
    const value_id value = graph_constant_ints(d->graph, &a->i, 1);
    onnx_draft_drop_attribute(d, "k");
    return onnx_draft_set_input(d, 1, value);
}

static socle_status upgrade_clip(onnx_draft *d)
{
    const socle_status status = move_float(d, "min", 1, SOCLE_NONE);
    return status == SOCLE_OK ? move_float(d, "max", 2, SOCLE_NONE) : status;
}

static socle_status upgrade_dropout(onnx_draft *d)
{
    if (onnx_draft_attribute(d, "ratio") == NULL) {
        const socle_status status = onnx_draft_set_attribute(d, ATTRIBUTE_FLOAT("ratio", 0.5));
        if (status != SOCLE_OK)
            return status;
    }
    return move_float(d, "ratio", 1, SOCLE_FLOAT32);
}

static socle_status upgrade_pad(onnx_draft *d)
{
    const socle_status status = move_ints(d, "pads", 1);
    return status == SOCLE_OK ? move_float(d, "value", 2, SOCLE_NONE) : status;
}

static socle_status upgrade_slice(onnx_draft *d)
{
    socle_status status = move_ints(d, "starts", 1);
    if (status == SOCLE_OK)
        status = move_ints(d, "ends", 2);
    return status == SOCLE_OK ? move_ints(d, "axes", 3) : status;
}

static socle_status move_split(onnx_draft *d)
{
    return move_ints(d, "split", 1);
}

/* Without sizes, the number of outputs said into how many parts; since 18 an attribute does. */
static socle_status count_split(onnx_draft *d)
{
    if (d->input_count > 1)
        return SOCLE_OK;
    return onnx_draft_set_attribute(d, ATTRIBUTE_INT("num_outputs", d->output_count));
}

/* ---- renamed, or with other outputs ---- */

static socle_status upgrade_scatter(onnx_draft *d)
{
    static char name[] = "ScatterElements";
    d->op = name;
    d->version = 11; /* which brought the new name */
    return SOCLE_OK;
}

static bool is_used(const onnx_draft *d, int output)
{
    const onnx_node *node = &d->reader->nodes[d->index];
    const wire_span name = d->reader->parts.items[node->first_output + output];
    return name.size > 0 && onnx_names_find(&d->reader->names, name)->uses > 0;
}

/* Before 14 the extra outputs said that it trains; files that only name them are run as inference. */
static socle_status upgrade_batch_norm(onnx_draft *d)
{
    const socle_attribute *spatial = onnx_draft_attribute(d, "spatial");
    if (spatial != NULL && spatial->i == 0)
        return onnx_draft_fail(d, SOCLE_UNSUPPORTED, "is not supported with spatial = 0: export the model with opset 9 or later");
    for (int i = 1; i < d->output_count; i++) {
        if (is_used(d, i))
            return onnx_draft_fail(d, SOCLE_UNSUPPORTED, "is not supported in its training form: export the model for inference");
    }
    d->output_count = 1;
    onnx_draft_drop_attribute(d, "spatial");
    return SOCLE_OK;
}

/* ---- rules that changed ---- */

static bool handed_on(onnx_draft *d, value_id value)
{
    d->outputs[0] = value;
    d->output_count = 1;
    d->done = value != GRAPH_NONE;
    return d->done;
}

/* Before 13 the axes from `axis` (default 1) on were taken together: Flatten, Softmax over the rows, back to the shape. */
static socle_status upgrade_softmax(onnx_draft *d)
{
    const socle_attribute *a = onnx_draft_attribute(d, "axis");
    int64_t axis = a != NULL ? a->i : 1;
    if (d->input_count != 1 || d->inputs[0] == GRAPH_NONE)
        return onnx_draft_fail(d, SOCLE_INVALID_FILE, "does not have the inputs of its version");
    const value_id x = d->inputs[0];
    const int rank = d->graph->values[x].type.rank;
    if (rank > 0 && axis < 0)
        axis += rank;
    if (rank >= 0 && (axis < 0 || axis > rank || (rank > 0 && axis == rank)))
        return onnx_draft_fail(d, SOCLE_INVALID_FILE, "has axis %lld, its input has %d dimensions", (long long)axis, rank);
    if (rank > 0 && axis == rank - 1)
        return onnx_draft_set_attribute(d, ATTRIBUTE_INT("axis", -1));
    const value_id shape = graph_add(d->graph, "", "Shape", &x, 1, NULL, 0, 1);
    const value_id rows = graph_add(d->graph, "", "Flatten", &x, 1, &ATTRIBUTE_INT("axis", axis), 1, 1);
    if (shape == GRAPH_NONE || rows == GRAPH_NONE)
        return SOCLE_INVALID_FILE;
    const value_id y = graph_add(d->graph, "", d->op, &rows, 1, &ATTRIBUTE_INT("axis", -1), 1, 1);
    if (y == GRAPH_NONE)
        return SOCLE_INVALID_FILE;
    return handed_on(d, graph_add(d->graph, "", "Reshape", (value_id[]){y, shape}, 2, NULL, 0, 1)) ? SOCLE_OK
                                                                                                   : SOCLE_INVALID_FILE;
}

/* [groups] repeated for every channel of its group: [channels]. */
static value_id repeat_per_channel(socle_graph *g, value_id per_group, int64_t groups, int64_t channels)
{
    const value_id column = graph_constant_ints(g, (int64_t[]){groups, 1}, 2);
    const value_id wide = graph_constant_ints(g, (int64_t[]){groups, channels / groups}, 2);
    const value_id flat = graph_constant_ints(g, (int64_t[]){channels}, 1);
    if (column == GRAPH_NONE || wide == GRAPH_NONE || flat == GRAPH_NONE)
        return GRAPH_NONE;
    value_id v = graph_add(g, "", "Reshape", (value_id[]){per_group, column}, 2, NULL, 0, 1);
    if (v != GRAPH_NONE)
        v = graph_add(g, "", "Expand", (value_id[]){v, wide}, 2, NULL, 0, 1);
    return v == GRAPH_NONE ? v : graph_add(g, "", "Reshape", (value_id[]){v, flat}, 2, NULL, 0, 1);
}

/* In 18 scale and bias had an element per group. */
static socle_status upgrade_group_norm(onnx_draft *d)
{
    const socle_attribute *groups = onnx_draft_attribute(d, "num_groups");
    if (d->input_count != 3 || d->inputs[0] == GRAPH_NONE || groups == NULL || groups->i < 1)
        return onnx_draft_fail(d, SOCLE_INVALID_FILE, "needs three inputs and num_groups");
    const graph_type *x = &d->graph->values[d->inputs[0]].type;
    const int64_t channels = x->rank >= 2 ? x->dims[1] : DIM_UNKNOWN;
    if (channels < 1)
        return onnx_draft_fail(d, SOCLE_UNSUPPORTED,
                               "is not supported with an unknown number of channels: export it with opset 21");
    if (channels % groups->i != 0)
        return onnx_draft_fail(d, SOCLE_SHAPE_MISMATCH, "has %lld groups for %lld channels", (long long)groups->i,
                               (long long)channels);
    for (int i = 1; i < 3; i++) {
        const value_id value = repeat_per_channel(d->graph, d->inputs[i], groups->i, channels);
        if (value == GRAPH_NONE)
            return SOCLE_SHAPE_MISMATCH;
        d->inputs[i] = value;
    }
    return SOCLE_OK;
}

/* ---- Constant ---- */

static value_id constant_of(onnx_draft *d, const socle_attribute *a)
{
    const bool scalar = a->kind == SOCLE_ATTRIBUTE_INT || a->kind == SOCLE_ATTRIBUTE_FLOAT;
    graph_type type = {.dtype = SOCLE_FLOAT32, .rank = scalar ? 0 : 1};
    type.dims[0] = (int64_t)a->count;
    if (a->kind == SOCLE_ATTRIBUTE_TENSOR) {
        type = (graph_type){a->tensor->dtype, a->tensor->rank, {0}};
        memcpy(type.dims, a->tensor->dims, sizeof(type.dims));
        return graph_add_constant(d->graph, NULL, &type, a->tensor->data, true);
    }
    if (a->kind == SOCLE_ATTRIBUTE_INT || a->kind == SOCLE_ATTRIBUTE_INTS) {
        type.dtype = SOCLE_INT64;
        return graph_add_constant(d->graph, NULL, &type, type.rank == 0 ? &a->i : a->ints, true);
    }
    if (a->kind == SOCLE_ATTRIBUTE_FLOAT)
        return graph_add_constant(d->graph, NULL, &type, &(float){(float)a->f}, true);
    float *floats = memory_alloc_array(a->count, sizeof(*floats));
    if (floats == NULL)
        return GRAPH_NONE;
    for (size_t i = 0; i < a->count; i++)
        floats[i] = (float)a->floats[i];
    const value_id value = graph_add_constant(d->graph, NULL, &type, floats, true);
    memory_free(floats);
    return value;
}

static socle_status read_constant(onnx_draft *d)
{
    static const struct {
        const char *name;
        socle_attribute_kind kind;
    } forms[] = {{"value", SOCLE_ATTRIBUTE_TENSOR},
                 {"value_float", SOCLE_ATTRIBUTE_FLOAT},
                 {"value_floats", SOCLE_ATTRIBUTE_FLOATS},
                 {"value_int", SOCLE_ATTRIBUTE_INT},
                 {"value_ints", SOCLE_ATTRIBUTE_INTS}};
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        const socle_attribute *a = onnx_draft_attribute(d, forms[i].name);
        if (a != NULL && a->kind == forms[i].kind && d->attribute_count == 1 && d->input_count == 0 && d->output_count == 1)
            return handed_on(d, constant_of(d, a)) ? SOCLE_OK : SOCLE_OUT_OF_MEMORY;
    }
    return onnx_draft_fail(d, SOCLE_UNSUPPORTED, "must have one value, of numbers");
}

/* ---- the table ---- */

static const struct {
    const char *op;
    int before; /* applies to files of an earlier opset */
    socle_status (*rewrite)(onnx_draft *draft);
} upgrades[] = {
    {"Constant", ONNX_OPSET_MAX + 1, read_constant},
    {"Dropout", 12, upgrade_dropout},
    {"Clip", 11, upgrade_clip},
    {"Softmax", 13, upgrade_softmax},
    {"LogSoftmax", 13, upgrade_softmax},
    {"Hardmax", 13, upgrade_softmax},
    {"BatchNormalization", 14, upgrade_batch_norm},
    {"GroupNormalization", 21, upgrade_group_norm},
    {"Squeeze", 13, move_axes},
    {"Unsqueeze", 13, move_axes},
    {"ReduceSum", 13, move_axes},
    {"ReduceMean", 18, move_axes},
    {"ReduceMax", 18, move_axes},
    {"ReduceMin", 18, move_axes},
    {"ReduceProd", 18, move_axes},
    {"ReduceL1", 18, move_axes},
    {"ReduceL2", 18, move_axes},
    {"ReduceLogSum", 18, move_axes},
    {"ReduceLogSumExp", 18, move_axes},
    {"ReduceSumSquare", 18, move_axes},
    {"Pad", 11, upgrade_pad},
    {"Slice", 10, upgrade_slice},
    {"Split", 13, move_split},
    {"Split", 18, count_split},
    {"Scatter", 11, upgrade_scatter},
    {"TopK", 10, move_k},
};

socle_status onnx_upgrade(onnx_draft *draft)
{
    socle_status status = SOCLE_OK;
    if (draft->domain[0] != '\0')
        return SOCLE_OK;
    for (size_t i = 0; status == SOCLE_OK && !draft->done && i < COUNT_OF(upgrades); i++) {
        if (draft->version < upgrades[i].before && strcmp(upgrades[i].op, draft->op) == 0)
            status = upgrades[i].rewrite(draft);
    }
    return status;
}

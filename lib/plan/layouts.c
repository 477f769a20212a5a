/* Layouts: images may lie in blocks of 16 channels instead of plane by plane (conv_layout), on which CPUs run convolutions
 * faster. Convolutions, pooling, pointwise operators, concatenations and means over pixels that hand images to each other form a
 * chain; a chain changes its layout as a whole, so that images are turned where they enter or leave it and nowhere else. It does
 * where the ways known for its anchors are expected to save more than the turning costs.
 *
 * The change is one of the graph: values of the chain get the type [N, C / 16, spatial..., 16], anchors become their counterparts
 * "in blocks", and a Reshape and a Transpose stand at the chain's ends. What comes later knows nothing of layouts. */
#include "../solver/launch.h"
#include "partition.h"

#include <string.h>

typedef enum role {
    ROLE_NONE,
    ROLE_ANCHOR,    /* convolution, pooling */
    ROLE_POINTWISE, /* also Concat */
    ROLE_REDUCTION  /* over pixels: reads blocks, writes one number per channel */
} role;

typedef struct layouts {
    socle_device *device;
    socle_graph *graph;
    const device_plan_options *options;
    int node_count; /* before anything is added */
    role *roles;    /* per node */
    int *chain;     /* per node: another one of its chain, itself at the root */
    double *gain_us;
    value_id *turned; /* per value: its counterpart on the other side of a chain's end */
    int value_count;
} layouts;

/* ---- which nodes can work on blocks ---- */

static const graph_type *type_of(const layouts *l, value_id value)
{
    return &l->graph->values[value].type;
}

/* Numbers, or bytes and their sums. */
static bool is_image(const layouts *l, value_id value)
{
    const graph_type *t = value != GRAPH_NONE ? type_of(l, value) : NULL;
    return t != NULL && t->rank >= 3 && t->rank <= 5 && graph_type_count(t) > 0 && t->dims[1] % GRAPH_BLOCK_CHANNELS == 0 &&
           (storage_is_real32(t->dtype) || dtype_is_byte(t->dtype) || t->dtype == SOCLE_INT32);
}

static bool same_shape(const graph_type *a, const graph_type *b)
{
    return a->rank == b->rank && memcmp(a->dims, b->dims, (size_t)a->rank * sizeof(a->dims[0])) == 0;
}

/* One number per channel of the image, or of each image: [C, 1...], [1, C, 1...] or [N, C, 1...]. */
static bool is_per_channel(const layouts *l, value_id value, const graph_type *image)
{
    const graph_type *t = type_of(l, value);
    const int axis = t->rank - (image->rank - 1); /* of the channels */
    if ((axis != 0 && axis != 1) || t->dims[axis] != image->dims[1])
        return false;
    for (int i = axis + 1; i < t->rank; i++)
        if (t->dims[i] != 1)
            return false;
    return axis == 0 || t->dims[0] == 1 || t->dims[0] == image->dims[0];
}

static bool describe(const layouts *l, node_id n, problem *p)
{
    value_id values[PROBLEM_MAX_OPERANDS + EPILOGUE_MAX_OPERANDS];
    int count;
    if (problem_from_node(l->graph, n, NULL, true, p, values, &count) != SOCLE_OK)
        return false;
    plan_add_demands(l->options, p);
    return true;
}

static role role_of_anchor(const layouts *l, node_id n)
{
    const graph_node *node = &l->graph->nodes[n];
    const bool conv = strcmp(node->op->name, "Conv") == 0, reals = storage_is_real32(type_of(l, node->inputs[0])->dtype);
    const bool pool = strcmp(node->op->name, "MaxPool") == 0 || strcmp(node->op->name, "AveragePool") == 0;
    const bool flat = type_of(l, node->outputs[0])->rank < 5; /* what pooling in blocks, and bytes, have fast ways for */
    if (strcmp(node->op->name, "ConvInteger") == 0)
        return flat && is_image(l, node->inputs[0]) && node->input_count == 2 && node_int(node, "group", 1) == 1 ? ROLE_ANCHOR
                                                                                                                 : ROLE_NONE;
    if ((!conv && !(pool && flat)) || !reals || (node->output_count > 1 && node->outputs[1] != GRAPH_NONE))
        return ROLE_NONE;
    return is_image(l, node->inputs[0]) || (conv && node_int(node, "group", 1) == 1) ? ROLE_ANCHOR : ROLE_NONE;
}

static role role_of_pointwise(const layouts *l, node_id n)
{
    const graph_node *node = &l->graph->nodes[n];
    const graph_type *out = type_of(l, node->outputs[0]);
    bool images = false;
    for (int i = 0; i < node->input_count; i++) {
        const value_id input = node->inputs[i];
        if (input == GRAPH_NONE)
            return ROLE_NONE;
        if (is_image(l, input) && same_shape(type_of(l, input), out))
            images = true;
        else if (graph_type_count(type_of(l, input)) != 1 && !is_per_channel(l, input, out))
            return ROLE_NONE;
    }
    /* Its elements depend on where they lie. */
    return images && strcmp(node->op->name, "DropoutMask") != 0 ? ROLE_POINTWISE : ROLE_NONE;
}

static role role_of_concat(const layouts *l, node_id n)
{
    const graph_node *node = &l->graph->nodes[n];
    for (int i = 0; i < node->input_count; i++)
        if (!is_image(l, node->inputs[i]))
            return ROLE_NONE;
    return node_int(node, "axis", 0) == 1 ? ROLE_POINTWISE : ROLE_NONE;
}

static role role_of_reduction(const layouts *l, node_id n)
{
    const graph_node *node = &l->graph->nodes[n];
    int64_t axes[SOCLE_MAX_RANK];
    if (!is_image(l, node->inputs[0]) || node->input_count != 2 || node_int(node, "keepdims", 1) == 0)
        return ROLE_NONE;
    const int count = graph_constant_int_values(l->graph, node->inputs[1], axes, SOCLE_MAX_RANK);
    bool spatial = count == type_of(l, node->inputs[0])->rank - 2;
    for (int i = 0; i < count && spatial; i++)
        spatial = axes[i] == i + 2;
    return spatial ? ROLE_REDUCTION : ROLE_NONE;
}

static role role_of(const layouts *l, node_id n)
{
    const graph_node *node = &l->graph->nodes[n];
    if (node->op == NULL || node->input_count == 0 || node->inputs[0] == GRAPH_NONE ||
        (node->op->domain[0] != '\0' && node->op->kind != OPERATOR_POINTWISE))
        return ROLE_NONE;
    if (node->op->kind == OPERATOR_REDUCTION)
        return role_of_reduction(l, n);
    if (node->outputs[0] == GRAPH_NONE || !is_image(l, node->outputs[0]))
        return ROLE_NONE;
    if (node->op->kind == OPERATOR_ANCHOR)
        return role_of_anchor(l, n);
    if (node->op->kind == OPERATOR_POINTWISE)
        return role_of_pointwise(l, n);
    return strcmp(node->op->name, "Concat") == 0 ? role_of_concat(l, n) : ROLE_NONE;
}

/* ---- chains ---- */

static int root_of(layouts *l, int n)
{
    while (l->chain[n] != n)
        n = l->chain[n] = l->chain[l->chain[n]];
    return n;
}

/* The node of a chain that makes the value as an image in blocks; GRAPH_NONE: none does. */
static node_id maker_in_chain(const layouts *l, value_id value)
{
    if (value == GRAPH_NONE || l->graph->values[value].kind != VALUE_NODE)
        return GRAPH_NONE;
    const node_id n = l->graph->values[value].producer;
    return n < l->node_count && l->roles[n] != ROLE_NONE && l->roles[n] != ROLE_REDUCTION ? n : GRAPH_NONE;
}

static void join_chains(layouts *l)
{
    for (node_id n = 0; n < l->node_count; n++)
        for (int i = 0; l->roles[n] != ROLE_NONE && i < l->graph->nodes[n].input_count; i++) {
            const node_id maker = maker_in_chain(l, l->graph->nodes[n].inputs[i]);
            if (maker != GRAPH_NONE)
                l->chain[root_of(l, maker)] = root_of(l, n);
        }
}

/* ---- what it is worth ---- */

static double expected_us(const layouts *l, const problem *p)
{
    tuned best;
    if (tuner_best(l->device, p, &best) != SOCLE_OK)
        return -1;
    if (best.us >= 0)
        return best.us;
    return best.solver->estimate != NULL ? best.solver->estimate(p, l->device, &best.tuning) * 1e6 : -1;
}

static void add_gain_of_anchor(layouts *l, node_id n)
{
    problem plain;
    if (!describe(l, n, &plain)) {
        l->roles[n] = ROLE_NONE;
        return;
    }
    problem blocked = plain;
    if (plain.kind == PROBLEM_CONV)
        blocked.conv.layout = is_image(l, l->graph->nodes[n].inputs[0]) ? CONV_IN_BLOCKS : CONV_INTO_BLOCKS;
    else
        blocked.pool.in_blocks = true;
    const double before = expected_us(l, &plain), after = expected_us(l, &blocked);
    l->gain_us[root_of(l, n)] += before >= 0 && after >= 0 ? before - after : -1e9;
}

/* A launch that reads and writes the image; single bytes take as long as pairs of them. */
static double turning_us(const layouts *l, value_id value)
{
    const double bytes = (double)graph_type_bytes(type_of(l, value));
    return profile_estimate_us(profile_get(l->device), 0, (dtype_is_byte(type_of(l, value)->dtype) ? 4 : 2) * bytes);
}

/* Images that enter the chain of node n from outside (a plain input of a convolution of few channels does not). Each is turned
 * once, however many read it: entered[value] is the root of the last chain, plus 1, that paid for it. */
static void subtract_entries(layouts *l, node_id n, int *entered)
{
    const graph_node *node = &l->graph->nodes[n];
    const int images = l->roles[n] == ROLE_ANCHOR || l->roles[n] == ROLE_REDUCTION ? 1 : node->input_count;
    const int root = root_of(l, n);
    for (int i = 0; i < images; i++) {
        const value_id input = node->inputs[i];
        if (!is_image(l, input) || entered[input] == root + 1 || maker_in_chain(l, input) != GRAPH_NONE ||
            is_per_channel(l, input, type_of(l, node->outputs[0])))
            continue;
        l->gain_us[root] -= turning_us(l, input);
        entered[input] = root + 1;
    }
}

/* needed_plain: per value, read by a node outside of all chains, or an output of the graph. */
static void find_needed_plain(const layouts *l, bool *needed_plain)
{
    for (node_id n = 0; n < l->node_count; n++)
        for (int i = 0; l->roles[n] == ROLE_NONE && i < l->graph->nodes[n].input_count; i++)
            if (l->graph->nodes[n].op != NULL && l->graph->nodes[n].inputs[i] != GRAPH_NONE)
                needed_plain[l->graph->nodes[n].inputs[i]] = true;
    for (int i = 0; i < l->graph->output_count; i++)
        needed_plain[l->graph->outputs[i]] = true;
    for (int i = 0; i < l->graph->update_count; i++)
        needed_plain[l->graph->updates[i].value] = true;
}

static socle_status weigh(layouts *l)
{
    bool *needed_plain = memory_alloc_array((size_t)l->value_count, sizeof(*needed_plain));
    int *entered = memory_alloc_array((size_t)l->value_count, sizeof(*entered));
    socle_status status = SOCLE_OUT_OF_MEMORY;
    if (needed_plain == NULL || entered == NULL)
        goto cleanup;
    for (node_id n = 0; n < l->node_count; n++)
        if (l->roles[n] == ROLE_ANCHOR)
            add_gain_of_anchor(l, n);
    find_needed_plain(l, needed_plain);
    for (node_id n = 0; n < l->node_count; n++) {
        if (l->roles[n] == ROLE_NONE)
            continue;
        subtract_entries(l, n, entered);
        const value_id output = l->graph->nodes[n].outputs[0];
        if (l->roles[n] != ROLE_REDUCTION && needed_plain[output])
            l->gain_us[root_of(l, n)] -= turning_us(l, output);
    }
    for (node_id n = 0; n < l->node_count; n++)
        if (l->roles[n] != ROLE_NONE && !l->options->in_blocks && l->gain_us[root_of(l, n)] <= 0)
            l->roles[n] = ROLE_NONE;
    status = SOCLE_OK;
cleanup:
    memory_free(entered);
    memory_free(needed_plain);
    return status;
}

/* ---- the change ---- */

static value_id reshape(socle_graph *graph, value_id x, const graph_type *to)
{
    const value_id dims = graph_constant_ints(graph, to->dims, to->rank);
    return dims == GRAPH_NONE ? GRAPH_NONE : graph_binary(graph, "Reshape", x, dims);
}

/* Axis `from` moves to `to`, those between up or down by one. */
static value_id move_axis(socle_graph *graph, value_id x, int from, int to)
{
    int64_t order[SOCLE_MAX_RANK];
    const int rank = x == GRAPH_NONE ? 0 : graph->values[x].type.rank, step = from < to ? 1 : -1;
    for (int i = 0; i < rank; i++)
        order[i] = i;
    for (int i = from; i != to; i += step)
        order[i] = i + step;
    order[to] = from;
    const socle_attribute attributes[] = {ATTRIBUTE_INTS("perm", order, rank)};
    return x == GRAPH_NONE ? GRAPH_NONE : graph_add(graph, "", "Transpose", &x, 1, attributes, 1, 1);
}

/* [N, C, spatial...] as [N, C / 16, 16, spatial...], its channels then last. */
static value_id into_blocks(socle_graph *graph, value_id x)
{
    const graph_type t = graph->values[x].type;
    graph_type split = {
        .dtype = t.dtype, .rank = t.rank + 1, .dims = {t.dims[0], t.dims[1] / GRAPH_BLOCK_CHANNELS, GRAPH_BLOCK_CHANNELS}};
    for (int i = 2; i < t.rank; i++)
        split.dims[i + 1] = t.dims[i];
    return move_axis(graph, reshape(graph, x, &split), 2, t.rank);
}

static value_id out_of_blocks(socle_graph *graph, value_id x)
{
    const graph_type plain = graph_type_out_of_blocks(&graph->values[x].type);
    const value_id turned = move_axis(graph, x, plain.rank, 2);
    return turned == GRAPH_NONE ? GRAPH_NONE : reshape(graph, turned, &plain);
}

/* What node n of a chain reads in the place of input i. `image`: the type of its plain output. */
static value_id input_in_blocks(layouts *l, node_id n, int i, const graph_type *image)
{
    const value_id input = l->graph->nodes[n].inputs[i];
    const graph_type type = *type_of(l, input);
    const bool pointwise = l->roles[n] == ROLE_POINTWISE;
    if (maker_in_chain(l, input) != GRAPH_NONE || (pointwise && graph_type_count(&type) == 1))
        return input;
    if (input < l->value_count && l->turned[input] != GRAPH_NONE)
        return l->turned[input];
    value_id turned = input;
    if (pointwise && is_per_channel(l, input, image)) {
        const int64_t blocks = image->dims[1] / GRAPH_BLOCK_CHANNELS;
        graph_type per_channel = {
            .dtype = type.dtype, .rank = image->rank + 1, .dims = {type.rank == image->rank ? type.dims[0] : 1, blocks}};
        for (int i = 2; i < image->rank; i++)
            per_channel.dims[i] = 1;
        per_channel.dims[image->rank] = GRAPH_BLOCK_CHANNELS;
        turned = reshape(l->graph, input, &per_channel);
    } else if (is_image(l, input)) {
        turned = into_blocks(l->graph, input);
    }
    if (input < l->value_count)
        l->turned[input] = turned;
    return turned;
}

static const graph_operator *counterpart(const graph_operator *op)
{
    static const char *const names[][2] = {{"Conv", "ConvInBlocks"},
                                           {"ConvInteger", "ConvIntegerInBlocks"},
                                           {"MaxPool", "MaxPoolInBlocks"},
                                           {"AveragePool", "AveragePoolInBlocks"}};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(op->name, names[i][0]) == 0)
            return operator_find(NULL, "socle", names[i][1]);
    return op;
}

static socle_status failed(const layouts *l, node_id n)
{
    return socle_fail_in(socle_last_status(), "%s cannot be rewritten", graph_node_label(l->graph, n));
}

static socle_status change_inputs(layouts *l, node_id n)
{
    const graph_type image = *type_of(l, l->graph->nodes[n].outputs[0]);
    const int images = l->roles[n] == ROLE_POINTWISE ? l->graph->nodes[n].input_count : 1;
    for (int i = 0; i < images; i++) {
        const value_id input = input_in_blocks(l, n, i, &image); /* may move the nodes */
        if (input == GRAPH_NONE)
            return failed(l, n);
        l->graph->nodes[n].inputs[i] = input;
    }
    return SOCLE_OK;
}

/* Readers outside of chains (or all), and the graph's outputs, take `plain` instead. */
static void hand_out(layouts *l, value_id value, value_id plain, int first_new, bool to_all)
{
    for (node_id n = 0; n < first_new; n++)
        for (int i = 0; i < l->graph->nodes[n].input_count; i++)
            if (l->graph->nodes[n].inputs[i] == value && (to_all || n >= l->node_count || l->roles[n] == ROLE_NONE))
                l->graph->nodes[n].inputs[i] = plain;
    for (int i = 0; i < l->graph->output_count; i++)
        if (l->graph->outputs[i] == value)
            l->graph->outputs[i] = plain;
    for (int i = 0; i < l->graph->update_count; i++)
        if (l->graph->updates[i].value == value)
            l->graph->updates[i].value = plain;
}

static bool is_read_outside(const layouts *l, value_id value)
{
    for (node_id n = 0; n < l->node_count; n++)
        for (int i = 0; l->roles[n] == ROLE_NONE && i < l->graph->nodes[n].input_count; i++)
            if (l->graph->nodes[n].op != NULL && l->graph->nodes[n].inputs[i] == value)
                return true;
    for (int i = 0; i < l->graph->output_count; i++)
        if (l->graph->outputs[i] == value)
            return true;
    for (int i = 0; i < l->graph->update_count; i++)
        if (l->graph->updates[i].value == value)
            return true;
    return false;
}

/* A mean of blocks, [N, C / 16, 1, 1, 16], lies like one of planes. */
static socle_status change_output(layouts *l, node_id n)
{
    const value_id output = l->graph->nodes[n].outputs[0];
    const graph_type plain = *type_of(l, output);
    const int first_new = l->graph->node_count;
    l->graph->nodes[n].op = counterpart(l->graph->nodes[n].op);
    l->graph->values[output].type = graph_type_in_blocks(&plain);
    const bool reduced = l->roles[n] == ROLE_REDUCTION;
    if (!reduced && !is_read_outside(l, output))
        return SOCLE_OK;
    const value_id given = reduced ? reshape(l->graph, output, &plain) : out_of_blocks(l->graph, output);
    if (given == GRAPH_NONE)
        return failed(l, n);
    hand_out(l, output, given, first_new, reduced);
    return SOCLE_OK;
}

static socle_status change(layouts *l)
{
    socle_status status = SOCLE_OK;
    bool any = false;
    for (node_id n = 0; n < l->node_count && status == SOCLE_OK; n++) {
        if (l->roles[n] == ROLE_NONE)
            continue;
        any = true;
        status = change_inputs(l, n);
        if (status == SOCLE_OK)
            status = change_output(l, n);
    }
    return status == SOCLE_OK && any ? graph_sort(l->graph) : status;
}

socle_status layouts_choose(socle_device *device, socle_graph *graph, const device_plan_options *options)
{
    layouts l = {
        .device = device, .graph = graph, .node_count = graph->node_count, .value_count = graph->value_count, .options = options};
    if (options->training || (!options->in_blocks && !device_is_cpu_shaped(device)))
        return SOCLE_OK;
    socle_status status = SOCLE_OUT_OF_MEMORY;
    l.roles = memory_alloc_array((size_t)l.node_count, sizeof(*l.roles));
    l.chain = memory_alloc_array((size_t)l.node_count, sizeof(*l.chain));
    l.gain_us = memory_alloc_array((size_t)l.node_count, sizeof(*l.gain_us));
    l.turned = memory_alloc_array((size_t)l.value_count, sizeof(*l.turned));
    if (l.roles == NULL || l.chain == NULL || l.gain_us == NULL || l.turned == NULL)
        goto cleanup;
    for (int v = 0; v < l.value_count; v++)
        l.turned[v] = GRAPH_NONE;
    for (node_id n = 0; n < l.node_count; n++) {
        l.chain[n] = n;
        l.roles[n] = role_of(&l, n);
    }
    join_chains(&l);
    status = weigh(&l);
    if (status == SOCLE_OK)
        status = change(&l);
cleanup:
    memory_free(l.turned);
    memory_free(l.gain_us);
    memory_free(l.chain);
    memory_free(l.roles);
    return status;
}

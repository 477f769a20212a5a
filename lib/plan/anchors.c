/* Anchors: operators that solvers run, and the pointwise operators behind them that the solver's kernel applies before it
 * writes (bias, activation, residual), so that the values in between never reach memory. */
#include "partition.h"

/* ---- anchors without a solver ---- */

typedef struct expansion {
    socle_device *device;
    const device_plan_options *options;
} expansion;

static bool has_no_solver(const socle_graph *graph, node_id node, void *user)
{
    const expansion *e = user;
    problem described;
    value_id values[PROBLEM_MAX_OPERANDS + EPILOGUE_MAX_OPERANDS];
    int count;
    if (problem_from_node(graph, node, NULL, false, &described, values, &count) != SOCLE_OK)
        return true;
    plan_add_demands(e->options, &described);
    return !solver_exists(&described, e->device);
}

socle_status anchors_expand(socle_device *device, socle_graph *graph, const device_plan_options *options)
{
    expansion e = {device, options};
    int expanded;
    const socle_status status = graph_expand(graph, has_no_solver, &e, &expanded);
    return status == SOCLE_OK && expanded > 0 ? graph_simplify(graph) : status;
}

/* ---- epilogues ---- */

/* Kinds that make numbers per channel behind their first output, to which alone an epilogue is applied. */
static bool makes_statistics(problem_kind kind)
{
    return kind == PROBLEM_BATCH_NORM || kind == PROBLEM_BATCH_NORM_GRAD || kind == PROBLEM_NORM_GRAD;
}

/* The axis of the output along which an epilogue's per-channel operands run, by kind of problem. */
static int channel_axis(const problem *p, const graph_type *output)
{
    if (p->kind == PROBLEM_CONV && p->conv.layout != CONV_PLAIN)
        return EPILOGUE_IN_BLOCKS;
    if (p->kind == PROBLEM_NORM_GRAD && p->norm.scale_rows == 1 && p->norm.scale_block == 1) /* channels are elements of a row */
        return output->dims[output->rank - 1] == p->norm.row ? output->rank - 1 : output->rank;
    const bool images = p->kind == PROBLEM_CONV || p->kind == PROBLEM_CONV_INPUT || makes_statistics(p->kind);
    return images ? 1 : output->rank - 1;
}

static bool kind_has_epilogues(problem_kind kind)
{
    for (int i = 0; i < solver_count; i++)
        if (solver_table[i]->kind == kind && solver_table[i]->epilogues)
            return true;
    return false;
}

/* The only node that uses the value, if it is not also an output, an update or a view. */
static node_id only_consumer(const partition *p, value_id value)
{
    const int first = p->consumer_start[value], end = p->consumer_start[value + 1];
    if (end == first || p->uses[value] != end - first)
        return GRAPH_NONE;
    for (int i = first + 1; i < end; i++)
        if (p->consumers[i] != p->consumers[first])
            return GRAPH_NONE;
    return p->consumers[first];
}

/* So small that a kernel of its own costs less than the large value would, written and read once more. */
static bool is_small_beside(const partition *p, value_id value, value_id large)
{
    const int64_t count = graph_type_count(&p->graph->values[large].type);
    return count >= 65536 && graph_type_count(&p->graph->values[value].type) * 64 <= count;
}

socle_status partition_anchor_problem(const partition *p, node_id anchor, const epilogue *e, problem *described, value_id *values,
                                      int *count)
{
    /* Without the mark of inference no weight counts as constant, so nothing is prepacked. */
    const bool weights_constant = !p->options->training && !p->options->compact;
    socle_status status = problem_from_node(p->graph, anchor, e, weights_constant, described, values, count);
    if (status == SOCLE_OK)
        plan_add_demands(p->options, described);
    return status;
}

/* Starts the epilogue of an anchor's first output. *applies: one of its ways takes some; *axis: of their operands per channel. */
static socle_status begin_epilogue(const partition *p, node_id anchor, epilogue *e, bool *applies, int *axis)
{
    problem described;
    value_id values[PROBLEM_MAX_OPERANDS + EPILOGUE_MAX_OPERANDS];
    int count;
    const graph_node *node = &p->graph->nodes[anchor];
    const value_id output = node->outputs[0];
    socle_status status = partition_anchor_problem(p, anchor, NULL, &described, values, &count);
    if (status != SOCLE_OK)
        return status;
    *e = (epilogue){.input = output, .output = output};
    *axis = channel_axis(&described, &p->graph->values[output].type);
    *applies = (node->output_count == 1 || makes_statistics(described.kind)) && kind_has_epilogues(described.kind);
    return SOCLE_OK;
}

/* Can the node be the first of the epilogue of the anchor that makes `value`? */
static bool fits_maker(const partition *p, value_id value, node_id n)
{
    epilogue e;
    bool applies;
    int axis;
    const node_id maker = p->graph->values[value].producer;
    return p->graph->nodes[maker].op->kind == OPERATOR_ANCHOR && p->graph->nodes[maker].outputs[0] == value &&
           begin_epilogue(p, maker, &e, &applies, &axis) == SOCLE_OK && applies && codegen_epilogue_add(p->graph, &e, n, axis);
}

/* Does another input of the node, computed for it alone, want it? Computed pointwise: then a generated kernel does both at once,
 * while an epilogue would need a kernel before it for that input: a momentum step is one kernel behind a bare product. By a later
 * anchor: of a sum of several the last one adds what the others left, so that a row of sums reads what was just written. */
static bool belongs_to_other_input(const partition *p, node_id n, value_id chain)
{
    const graph_node *node = &p->graph->nodes[n];
    for (int i = 0; i < node->input_count; i++) {
        const value_id input = node->inputs[i];
        if (input == GRAPH_NONE || input == chain || p->graph->values[input].kind != VALUE_NODE)
            continue;
        const node_id producer = p->graph->values[input].producer;
        const bool pointwise = p->graph->nodes[producer].op->kind == OPERATOR_POINTWISE;
        if (p->unit_of_node[producer] == GRAPH_NONE && only_consumer(p, input) == n &&
            (pointwise ? !is_small_beside(p, input, chain) : fits_maker(p, input, n)))
            return true;
    }
    return false;
}

/* Marks the values that depend on outputs of the node behind its first: an epilogue that read one would wait for itself. *late
 * stays NULL where there are none. */
static socle_status mark_late(const partition *p, node_id anchor, bool **late)
{
    const socle_graph *graph = p->graph;
    if (graph->nodes[anchor].output_count < 2)
        return SOCLE_OK;
    *late = memory_alloc_array((size_t)graph->value_count, sizeof(**late));
    if (*late == NULL)
        return SOCLE_OUT_OF_MEMORY;
    for (int i = 1; i < graph->nodes[anchor].output_count; i++)
        if (graph->nodes[anchor].outputs[i] != GRAPH_NONE)
            (*late)[graph->nodes[anchor].outputs[i]] = true;
    for (node_id n = anchor + 1; n < graph->node_count; n++) {
        const graph_node *node = &graph->nodes[n];
        bool depends = false;
        for (int i = 0; node->op != NULL && i < node->input_count && !depends; i++)
            depends = node->inputs[i] != GRAPH_NONE && (*late)[node->inputs[i]];
        for (int i = 0; depends && i < node->output_count; i++)
            if (node->outputs[i] != GRAPH_NONE)
                (*late)[node->outputs[i]] = true;
    }
    return SOCLE_OK;
}

static bool reads_late(const partition *p, node_id n, const bool *late)
{
    const graph_node *node = &p->graph->nodes[n];
    for (int i = 0; late != NULL && i < node->input_count; i++)
        if (node->inputs[i] != GRAPH_NONE && late[node->inputs[i]])
            return true;
    return false;
}

static socle_status grow_epilogue(const partition *p, node_id anchor, epilogue *e, int axis)
{
    bool *late = NULL;
    const socle_status status = mark_late(p, anchor, &late);
    while (status == SOCLE_OK && e->node_count < EPILOGUE_MAX_NODES) {
        const node_id next = only_consumer(p, e->output);
        if (next == GRAPH_NONE || p->unit_of_node[next] != GRAPH_NONE || belongs_to_other_input(p, next, e->output) ||
            reads_late(p, next, late) || !codegen_epilogue_add(p->graph, e, next, axis))
            break;
    }
    memory_free(late);
    return status;
}

static socle_status choose_way(const partition *p, const unit *u, const epilogue *e, tuned *way)
{
    problem described;
    value_id values[PROBLEM_MAX_OPERANDS + EPILOGUE_MAX_OPERANDS];
    int count;
    socle_status status = partition_anchor_problem(p, u->node, e, &described, values, &count);
    if (status == SOCLE_OK && p->options->on_problem != NULL)
        status = p->options->on_problem(p->device, &described, p->options->on_problem_user);
    if (status != SOCLE_OK)
        return status;
    return tuner_best(p->device, &described, way); /* its message names the node */
}

/* With an epilogue if there is one and the best solver applies it, else bare. */
static socle_status plan_anchor(partition *p, unit *u)
{
    bool applies;
    int axis;
    socle_status status = begin_epilogue(p, u->node, &u->epilogue, &applies, &axis);
    if (status == SOCLE_OK && applies)
        status = grow_epilogue(p, u->node, &u->epilogue, axis);
    if (status != SOCLE_OK)
        return status;
    if (u->epilogue.node_count > 0) {
        status = choose_way(p, u, &u->epilogue, &u->way);
        if (status != SOCLE_OK || u->way.solver->epilogues)
            return status;
        u->epilogue = (epilogue){.input = u->epilogue.input, .output = u->epilogue.input};
    }
    return choose_way(p, u, NULL, &u->way);
}

socle_status partition_add_anchor(partition *p, node_id node)
{
    const int index = p->unit_count;
    unit *u = partition_add(p, UNIT_ANCHOR, node);
    if (u == NULL)
        return SOCLE_OUT_OF_MEMORY;
    u->node = node;
    socle_status status = plan_anchor(p, u);
    if (status != SOCLE_OK)
        return status;
    p->unit_of_node[node] = index;
    for (int i = 0; i < u->epilogue.node_count; i++)
        p->unit_of_node[u->epilogue.nodes[i]] = index;
    return SOCLE_OK;
}

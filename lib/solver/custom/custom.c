/* A host's own operator: its OpenCL source as it is, one work-item per element of the first output, shapes as macros
 * (socle/graph.h). */
#include "../launch.h"

static bool custom_applicable(const problem *p, const socle_device *device)
{
    (void)device;
    return p->graph != NULL && p->graph->nodes[p->node].op != NULL && p->graph->nodes[p->node].op->custom != NULL;
}

static void define_shape(text *options, const char *prefix, int index, const graph_type *type)
{
    text_addf(options, " -D%s%d_COUNT=%lld -D%s%d_RANK=%d", prefix, index, (long long)graph_type_count(type), prefix, index,
              type->rank);
    for (int d = 0; d < type->rank; d++)
        text_addf(options, " -D%s%d_DIM%d=%lld", prefix, index, d, (long long)type->dims[d]);
}

static socle_status custom_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                step_list *steps)
{
    (void)device;
    (void)t;
    const graph_node *node = &p->graph->nodes[p->node];
    const socle_custom_operator *custom = node->op->custom;
    solver_launch launch = {
        .algorithm = "custom", .kernel = custom->kernel, .dims = 1, .flops = problem_flops(p), .bytes = problem_bytes(p)};
    text_add(&launch.prelude, custom->source);
    for (int i = 0; i < node->input_count; i++)
        define_shape(&launch.options, "IN", i, &p->graph->values[node->inputs[i]].type);
    for (int i = 0; i < node->output_count; i++)
        define_shape(&launch.options, "OUT", i, &p->graph->values[node->outputs[i]].type);
    for (int i = 0; i < node->input_count + node->output_count; i++)
        launch_arg(&launch, ARG_OPERAND(operands->data[i]));
    launch.global[0] = node->output_count > 0 ? (size_t)graph_type_count(&p->graph->values[node->outputs[0]].type) : 0;
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_custom = {
    .name = "custom",
    .kind = PROBLEM_CUSTOM,
    .applicable = custom_applicable,
    .candidates = one_candidate,
    .emit = custom_emit,
};

/* From a group to steps: the kernel's text around what the writers wrote, its arguments, and its launch. Usually one step;
 * outputs that do not go into one kernel (the unequal parts of a Split, very many of them) become several, and a Concat of very
 * many inputs is one step for each of them. */
#include "group.h"

#include <stdio.h>
#include <string.h>

#define KERNEL_NAME "fused"

typedef struct emission {
    const codegen_group *group;
    const socle_device *device;
    codegen_operand operand;
    void *user;
    step_list *steps;
    kernel_target target;
} emission;

static kernel_target target_of(const socle_device *device)
{
    const device_capabilities *c = &device->capabilities;
    const int preferred = c->vector_width_float < 1 ? 1 : c->vector_width_float;
    kernel_target target = {.compute_units = c->compute_units < 1 ? 1 : c->compute_units, .real64 = c->fp64};
    target.blocks = c->type == SOCLE_DEVICE_CPU || (c->type != SOCLE_DEVICE_GPU && preferred > 1);
    /* where a CPU's driver names no width its compiler still does best with long vectors */
    target.width = preferred < 4 || preferred >= 16 ? 16 : 8;
    target.max_group = c->max_work_group_size < 1 ? 1 : c->max_work_group_size > 1024 ? 1024 : (int)c->max_work_group_size;
    return target;
}

/* ---- the text ---- */

static void write_signature(const writer *w, const kernel_target *target, text *out)
{
    if (target->blocks)
        text_add(out, "__attribute__((reqd_work_group_size(1, 1, 1)))\n");
    text_add(out, "__kernel void " KERNEL_NAME "(");
    for (int i = 0; i < w->input_count; i++)
        text_addf(out, "__global const %s *in%d, ", storage_type_name(w->graph->values[w->inputs[i]].type.dtype), i);
    for (int i = 0; i < w->output_count; i++)
        text_addf(out, "%s__global %s *out%d", i > 0 ? ", " : "", storage_type_name(w->graph->values[w->outputs[i]].type.dtype),
                  i);
    text_add(out, ")\n{\n");
}

/* Which operators, over which space: for people who read the text. */
static void write_title(const writer *w, text *out)
{
    text_add(out, "/*");
    for (int i = 0; i < w->group->node_count; i++)
        text_addf(out, "%s %s", i > 0 ? "," : "", w->graph->nodes[w->group->nodes[i]].op->name);
    text_addf(out, ": %lld elements", (long long)w->output_elements);
    if (w->reduces)
        text_addf(out, ", each from %lld", (long long)w->reduced_elements);
    text_add(out, " */\n");
}

static char *kernel_text(writer *w, const kernel_target *target, text *body)
{
    text all = {0};
    if (w->needed.real64 && !target->real64) {
        text_finish(body);
        socle_fail(SOCLE_UNSUPPORTED, "float64 arithmetic needs cl_khr_fp64: cast to float32, or choose another device");
        return NULL;
    }
    write_title(w, &all);
    needed_text_write(&w->needed, &all);
    text_add(&all, "\n");
    write_signature(w, target, &all);
    move_text(body, &all);
    text_add(&all, "}\n");
    return text_take(&all);
}

/* ---- costs ---- */

static double operations(const writer *w)
{
    double count = 0;
    for (int i = 0; i < w->group->node_count; i++) {
        const graph_node *node = &w->graph->nodes[w->group->nodes[i]];
        if (node->op->kind == OPERATOR_REDUCTION)
            count += (double)graph_type_count(&w->graph->values[node->inputs[0]].type);
        else if (node->op->kind == OPERATOR_POINTWISE)
            count += (double)graph_type_count(&w->graph->values[node->outputs[0]].type);
    }
    return count;
}

static double bytes_moved(const writer *w)
{
    const double space = (double)w->output_elements * (double)w->reduced_elements;
    double bytes = 0;
    for (int i = 0; i < w->input_count; i++) {
        const graph_type *type = &w->graph->values[w->inputs[i]].type;
        const double all = (double)graph_type_bytes(type), read = space * (double)socle_dtype_size_bytes(type->dtype);
        bytes += all < read ? all : read;
    }
    for (int i = 0; i < w->output_count; i++)
        bytes += (double)graph_type_bytes(&w->graph->values[w->outputs[i]].type);
    return bytes;
}

/* ---- steps ---- */

static socle_status add_step(const emission *e, const writer *w, char *kernel, const launch_shape *launch, value_id stored_as)
{
    step_arg args[STEP_MAX_ARGS];
    const size_t global[3] = {launch->global, 1, 1}, local[3] = {launch->local, launch->local > 0, launch->local > 0};
    const program_spec spec = {.prelude = kernel};
    int count = 0;
    for (int i = 0; i < w->input_count; i++)
        args[count++] = ARG_OPERAND(e->operand(w->inputs[i], e->user));
    for (int i = 0; i < w->output_count; i++)
        args[count++] = ARG_OPERAND(e->operand(stored_as != GRAPH_NONE ? stored_as : w->outputs[i], e->user));
    return step_launch(e->steps, "generated", &spec, KERNEL_NAME, args, count, 1, global, local, operations(w), bytes_moved(w));
}

/* Writes the kernel of a prepared writer and appends its step. *fits: false when the outputs do not go into one kernel. */
static socle_status emit_written(const emission *e, writer *w, const node_id *reductions, int reduction_count, value_id stored_as,
                                 bool *fits)
{
    text body = {0};
    launch_shape launch;
    bool written;
    if (reduction_count == 0)
        written = elementwise_write(w, &e->target, &body, &launch);
    else if (e->target.blocks)
        written = reduce_blocks_write(w, &e->target, reductions, reduction_count, &body, &launch);
    else
        written = reduce_groups_write(w, &e->target, reductions, reduction_count, &body, &launch);
    *fits = written && w->input_count + w->output_count <= GROUP_MAX_ARGUMENTS;
    if (!*fits) {
        text_finish(&body);
        return w->out_of_memory ? SOCLE_OUT_OF_MEMORY : SOCLE_OK;
    }
    char *kernel = kernel_text(w, &e->target, &body);
    if (kernel == NULL)
        return w->needed.real64 && !e->target.real64 ? SOCLE_UNSUPPORTED : SOCLE_OUT_OF_MEMORY;
    const socle_status status = add_step(e, w, kernel, &launch, stored_as);
    memory_free(kernel);
    return status;
}

/* A Concat whose inputs are more than a kernel's arguments: each is copied to its place. */
static socle_status emit_concat(const emission *e, const graph_node *node)
{
    const graph_type *out = &e->group->graph->values[node->outputs[0]].type;
    const int64_t attribute = node_int(node, "axis", 0), axis = attribute < 0 ? attribute + out->rank : attribute;
    int64_t inner = 1, first = 0;
    socle_status status = SOCLE_OK;
    for (int i = (int)axis + 1; i < out->rank; i++)
        inner *= out->dims[i];
    for (int i = 0; i < node->input_count && status == SOCLE_OK; i++) {
        const graph_type *in = &e->group->graph->values[node->inputs[i]].type;
        const codegen_group nothing = {.graph = e->group->graph};
        writer w;
        node_id none[REDUCTIONS_MAX];
        int none_count;
        bool fits = true;
        if (graph_type_count(in) == 0)
            continue;
        group_writer(&nothing, &node->inputs[i], 1, &w, none, &none_count);
        w.part_length = in->dims[axis] * inner;
        w.part_first = first;
        w.part_total = out->dims[axis] * inner;
        w.wide_index |= graph_type_count(out) > INT32_MAX / 2;
        status = emit_written(e, &w, none, 0, node->outputs[0], &fits);
        if (status == SOCLE_OK && !fits)
            status = socle_fail(SOCLE_INTERNAL, "no kernel could be written for a part of a Concat");
        writer_finish(&w);
        first += in->dims[axis] * inner;
    }
    return status;
}

static const graph_node *many_joined(const emission *e, value_id output)
{
    const graph_value *value = &e->group->graph->values[output];
    const graph_node *node = &e->group->graph->nodes[value->producer];
    return strcmp(node->op->name, "Concat") == 0 && node->input_count >= GROUP_MAX_ARGUMENTS ? node : NULL;
}

/* All outputs in one kernel if they fit, else in two halves. */
static socle_status emit_outputs(const emission *e, const value_id *outputs, int count)
{
    node_id reductions[REDUCTIONS_MAX];
    int reduction_count;
    writer w;
    bool fits = false;
    socle_status status = SOCLE_OK;
    if (count == 1 && many_joined(e, outputs[0]) != NULL)
        return emit_concat(e, many_joined(e, outputs[0]));
    if (group_writer(e->group, outputs, count, &w, reductions, &reduction_count) && count < GROUP_MAX_ARGUMENTS)
        status = emit_written(e, &w, reductions, reduction_count, GRAPH_NONE, &fits);
    writer_finish(&w);
    if (status != SOCLE_OK)
        return socle_fail_in(status, "%s", graph_node_label(e->group->graph, e->group->graph->values[outputs[0]].producer));
    if (fits)
        return SOCLE_OK;
    if (count == 1)
        return socle_fail(SOCLE_UNSUPPORTED, "%s: these operators do not go into one kernel",
                          graph_node_label(e->group->graph, e->group->graph->values[outputs[0]].producer));
    status = emit_outputs(e, outputs, count / 2);
    return status == SOCLE_OK ? emit_outputs(e, outputs + count / 2, count - count / 2) : status;
}

/* Outputs without elements need no step; those with equally many stand together. */
static int sort_outputs(const codegen_group *group, value_id *sorted)
{
    int count = 0;
    for (int i = 0; i < group->output_count; i++) {
        const int64_t elements = graph_type_count(&group->graph->values[group->outputs[i]].type);
        int at = count;
        if (elements == 0)
            continue;
        for (; at > 0 && graph_type_count(&group->graph->values[sorted[at - 1]].type) > elements; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = group->outputs[i];
        count++;
    }
    return count;
}

socle_status codegen_emit(const codegen_group *group, const socle_device *device, codegen_operand operand, void *user,
                          step_list *steps)
{
    const emission e = {group, device, operand, user, steps, target_of(device)};
    value_id *sorted = memory_alloc_array((size_t)group->output_count, sizeof(*sorted));
    if (sorted == NULL)
        return SOCLE_OUT_OF_MEMORY;
    const int count = sort_outputs(group, sorted);
    socle_status status = SOCLE_OK;
    for (int first = 0, end; first < count && status == SOCLE_OK; first = end) {
        const int64_t elements = graph_type_count(&group->graph->values[sorted[first]].type);
        for (end = first + 1; end < count && graph_type_count(&group->graph->values[sorted[end]].type) == elements;)
            end++;
        status = emit_outputs(&e, sorted + first, end - first);
    }
    memory_free(sorted);
    return status;
}

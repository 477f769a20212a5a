/* A plan as a graph in DOT: steps as boxes, one cluster per device, an arrow where a step reads what another wrote. */
#include "plan.h"

/* Does the step write this operand? Solvers and generated kernels put outputs last among their data, but only the lifetimes tell
 * for certain: a buffer's first use is the step that writes it. */
static bool first_use(const device_plan *part, int home, int index)
{
    return part->buffers[home].kind == BUFFER_ARENA && part->buffers[home].first == index;
}

static int home_of(const device_plan *part, int operand)
{
    return part->buffers[operand].alias != GRAPH_NONE ? part->buffers[operand].alias : operand;
}

static void arrow_to(text *t, const device_plan *part, int part_index, const int *writer, int operand, int index)
{
    if (operand == GRAPH_NONE)
        return;
    const int home = home_of(part, operand);
    const plan_buffer *b = &part->buffers[home];
    if (b->kind == BUFFER_INPUT)
        text_addf(t, "    d%d_in%d -> d%d_s%d;\n", part_index, home, part_index, index);
    else if (b->kind == BUFFER_ARENA && writer[home] >= 0 && writer[home] != index)
        text_addf(t, "    d%d_s%d -> d%d_s%d;\n", part_index, writer[home], part_index, index);
    else if (b->kind == BUFFER_OUTPUT)
        text_addf(t, "    d%d_s%d -> d%d_out%d;\n", part_index, index, part_index, home);
}

static void print_arrows(text *t, const device_plan *part, int part_index, int *writer)
{
    for (int i = 0; i < part->buffer_count; i++)
        writer[i] = -1;
    for (int i = 0; i < part->steps.count; i++) {
        const step *s = &part->steps.items[i];
        if (s->kind == STEP_COPY || s->kind == STEP_FILL) {
            if (s->kind == STEP_COPY)
                arrow_to(t, part, part_index, writer, s->from, i);
            arrow_to(t, part, part_index, writer, s->to, i);
        }
        for (int k = 0; k < s->arg_count; k++) {
            const int operand = s->args[k].kind == STEP_ARG_OPERAND ? s->args[k].operand : GRAPH_NONE;
            if (operand == GRAPH_NONE)
                continue;
            const int home = home_of(part, operand);
            if (first_use(part, home, i))
                writer[home] = i;
            arrow_to(t, part, part_index, writer, operand, i);
        }
    }
}

static void print_part(text *t, const device_plan *part, int index, int *writer)
{
    text_addf(t, "  subgraph cluster_%d {\n    label=", index);
    text_add_json(t, part->device->info.id);
    text_add(t, ";\n");
    for (int i = 0; i < part->input_count; i++) {
        text_addf(t, "    d%d_in%d [shape=ellipse, label=", index, part->inputs[i]);
        text_add_json(t, part->buffers[part->inputs[i]].name);
        text_add(t, "];\n");
    }
    for (int i = 0; i < part->output_count; i++) {
        const int home = home_of(part, part->outputs[i]);
        if (part->buffers[home].kind != BUFFER_OUTPUT)
            continue;
        text_addf(t, "    d%d_out%d [shape=ellipse, label=", index, home);
        text_add_json(t, part->buffers[part->outputs[i]].name);
        text_add(t, "];\n");
    }
    for (int i = 0; i < part->steps.count; i++) {
        const step *s = &part->steps.items[i];
        char *label = memory_format("%s\n%s\n%.1f us", s->operators != NULL ? s->operators : "",
                                    s->algorithm != NULL ? s->algorithm : "", s->estimated_us);
        text_addf(t, "    d%d_s%d [label=", index, i);
        text_add_json(t, label != NULL ? label : "");
        text_add(t, "];\n");
        memory_free(label);
    }
    print_arrows(t, part, index, writer);
    text_add(t, "  }\n");
}

char *plan_print_dot(const socle_plan *plan)
{
    text t = {0};
    text_add(&t, "digraph plan {\n  node [shape=box, fontname=\"sans-serif\"];\n  label=");
    text_add_json(&t, plan->model_name);
    text_add(&t, ";\n");
    for (int i = 0; i < plan->part_count; i++) {
        int *writer = memory_alloc_array((size_t)plan->parts[i]->buffer_count, sizeof(*writer));
        if (writer == NULL) {
            text_finish(&t);
            return NULL;
        }
        print_part(&t, plan->parts[i], i, writer);
        memory_free(writer);
    }
    text_add(&t, "}\n");
    return text_take(&t);
}

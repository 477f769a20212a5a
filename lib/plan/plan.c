/* The plan as an object: what it answers about its candidates, and its printed forms, each made once. */
#include "plan.h"

static char *(*const printers[])(const socle_plan *) = {
    [SOCLE_PLAN_TEXT] = plan_print_text,
    [SOCLE_PLAN_JSON] = plan_print_json,
    [SOCLE_PLAN_DOT] = plan_print_dot,
};

const char *plan_goal_name(socle_goal goal)
{
    static const char *const names[] = {
        [SOCLE_GOAL_LATENCY] = "latency", [SOCLE_GOAL_THROUGHPUT] = "throughput", [SOCLE_GOAL_TRAINING] = "training"};
    return (size_t)goal < COUNT_OF(names) ? names[goal] : "unknown";
}

static void clear_parts(socle_plan *plan)
{
    for (int i = 0; i < plan->part_count && !plan->parts_borrowed; i++)
        device_plan_destroy(plan->parts[i]);
    memory_free(plan->parts);
    plan->parts = NULL;
    plan->part_count = 0;
    for (size_t i = 0; i < COUNT_OF(plan->printed); i++) {
        memory_free(plan->printed[i]);
        plan->printed[i] = NULL;
    }
}

socle_status plan_show_parts(socle_plan *plan, device_plan *const *parts, int count)
{
    device_plan **shown = memory_alloc_array((size_t)count, sizeof(device_plan *));
    if (shown == NULL)
        return SOCLE_OUT_OF_MEMORY;
    clear_parts(plan);
    for (int i = 0; i < count; i++)
        shown[i] = parts[i];
    plan->parts = shown;
    plan->part_count = count;
    plan->parts_borrowed = true;
    return SOCLE_OK;
}

void socle_plan_destroy(socle_plan *plan)
{
    if (plan == NULL)
        return;
    clear_parts(plan);
    placement_clear(plan);
    memory_free(plan->model_name);
    memory_free(plan);
}

const char *socle_plan_print(socle_plan *plan, socle_plan_format format)
{
    if (plan == NULL || (size_t)format >= COUNT_OF(printers)) {
        socle_fail(SOCLE_INVALID_ARGUMENT, "socle_plan_print: the plan is NULL or the format %d is unknown", (int)format);
        return NULL;
    }
    if (plan->printed[format] == NULL)
        plan->printed[format] = printers[format](plan);
    return plan->printed[format];
}

uint64_t socle_plan_peak_memory_bytes(const socle_plan *plan)
{
    uint64_t peak_bytes = 0;
    for (int i = 0; i < plan->part_count; i++)
        if (plan->parts[i]->peak_bytes > peak_bytes)
            peak_bytes = plan->parts[i]->peak_bytes;
    return plan->part_count > 0 ? peak_bytes : plan->candidates[plan->chosen].peak_bytes;
}

int socle_plan_candidate_count(const socle_plan *plan)
{
    return plan->candidate_count;
}

socle_status socle_plan_candidate(const socle_plan *plan, int index, socle_placement_info *info)
{
    if (plan == NULL || info == NULL || index < 0 || index >= plan->candidate_count)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_plan_candidate: there is no candidate %d: the plan has %d", index,
                          plan != NULL ? plan->candidate_count : 0);
    const placement *candidate = &plan->candidates[index];
    *info = (socle_placement_info){.devices = candidate->text,
                                   .estimated_ms = candidate->estimated_ms,
                                   .measured_ms = candidate->measured_ms,
                                   .peak_memory_bytes = candidate->peak_bytes,
                                   .chosen = candidate->chosen,
                                   .reason = candidate->reason != NULL ? candidate->reason : ""};
    return SOCLE_OK;
}

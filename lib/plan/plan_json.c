/* A plan as JSON: the names are the command's contract and stay stable. */
#include "plan.h"

static void add_ms(text *t, const char *name, double ms)
{
    if (ms < 0)
        text_addf(t, "\"%s\": null, ", name);
    else
        text_addf(t, "\"%s\": %.6g, ", name, ms);
}

static void add_string(text *t, const char *name, const char *value)
{
    text_addf(t, "\"%s\": ", name);
    text_add_json(t, value != NULL ? value : "");
}

static void print_candidate(text *t, const placement *c)
{
    text_add(t, "    {");
    add_string(t, "devices", c->text);
    text_add(t, ", ");
    add_ms(t, "estimated_ms", c->failure == SOCLE_OK ? c->estimated_ms : -1);
    add_ms(t, "measured_ms", c->measured_ms);
    text_addf(t, "\"peak_memory_bytes\": %zu, \"chosen\": %s, ", c->peak_bytes, c->chosen ? "true" : "false");
    add_string(t, "reason", c->reason);
    text_add(t, "}");
}

static void print_step(text *t, const step *s, const char *device)
{
    text_add(t, "    {");
    add_string(t, "operator", s->operators);
    text_add(t, ", ");
    add_string(t, "kernel", s->kernel);
    text_add(t, ", ");
    add_string(t, "algorithm", s->algorithm);
    text_add(t, ", ");
    add_string(t, "device", device);
    text_addf(t, ", \"estimated_us\": %.6g}", s->estimated_us);
}

char *plan_print_json(const socle_plan *plan)
{
    text t = {0};
    text_add(&t, "{\n  ");
    add_string(&t, "model", plan->model_name);
    text_add(&t, ", ");
    add_string(&t, "goal", plan_goal_name(plan->goal));
    text_addf(&t, ", \"batch\": %lld, \"from_store\": %s, \"peak_memory_bytes\": %llu,\n  \"placements\": [\n",
              (long long)plan->batch, plan->from_store ? "true" : "false",
              (unsigned long long)socle_plan_peak_memory_bytes(plan));
    for (int i = 0; i < plan->candidate_count; i++) {
        print_candidate(&t, &plan->candidates[i]);
        text_add(&t, i + 1 < plan->candidate_count ? ",\n" : "\n");
    }
    text_add(&t, "  ],\n  \"steps\": [\n");
    bool first = true;
    for (int i = 0; i < plan->part_count; i++) {
        const device_plan *part = plan->parts[i];
        for (int k = 0; k < part->steps.count; k++) {
            text_add(&t, first ? "" : ",\n");
            print_step(&t, &part->steps.items[k], part->device->info.id);
            first = false;
        }
    }
    text_add(&t, first ? "  ]\n}\n" : "\n  ]\n}\n");
    return text_take(&t);
}

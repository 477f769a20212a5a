/* A plan as text for people: the candidate placements with the figures that decided, then the steps of each device. */
#include "plan.h"

#include <stdio.h>
#include <string.h>

static const char *bytes_text(size_t bytes, char out[32])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1000 && unit + 1 < COUNT_OF(units)) {
        value /= 1000;
        unit++;
    }
    snprintf(out, 32, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return out;
}

static const char *ms_text(double ms, char out[32])
{
    if (ms < 0)
        snprintf(out, 32, "-");
    else
        snprintf(out, 32, ms < 1 ? "%.4f" : "%.2f", ms);
    return out;
}

static void print_candidates(text *t, const socle_plan *plan)
{
    int width = (int)strlen("placement");
    for (int i = 0; i < plan->candidate_count; i++)
        if ((int)strlen(plan->candidates[i].text) > width)
            width = (int)strlen(plan->candidates[i].text);
    text_addf(t, "  %-*s  %12s  %11s  %11s  why\n", width, "placement", "estimated ms", "measured ms", "peak memory");
    for (int i = 0; i < plan->candidate_count; i++) {
        const placement *c = &plan->candidates[i];
        char estimated[32], measured[32], peak[32];
        text_addf(t, "%s %-*s  %12s  %11s  %11s  %s\n", c->chosen ? "*" : " ", width, c->text,
                  ms_text(c->failure == SOCLE_OK ? c->estimated_ms : -1, estimated), ms_text(c->measured_ms, measured),
                  c->failure == SOCLE_OK ? bytes_text(c->peak_bytes, peak) : "-", c->reason != NULL ? c->reason : "");
    }
}

static void print_steps(text *t, const device_plan *part)
{
    int operators = (int)strlen("operator"), algorithm = (int)strlen("algorithm");
    for (int i = 0; i < part->steps.count; i++) {
        const step *s = &part->steps.items[i];
        if (s->operators != NULL && (int)strlen(s->operators) > operators)
            operators = (int)strlen(s->operators);
        if (s->algorithm != NULL && (int)strlen(s->algorithm) > algorithm)
            algorithm = (int)strlen(s->algorithm);
    }
    operators = operators > 48 ? 48 : operators;
    text_addf(t, "\n%d steps on %s, %.1f us estimated\n", part->steps.count, part->device->info.id, part->estimated_us);
    text_addf(t, "%5s  %-*s  %-*s  %-16s  %s\n", "step", operators, "operator", algorithm, "algorithm", "kernel", "estimated us");
    for (int i = 0; i < part->steps.count; i++) {
        const step *s = &part->steps.items[i];
        const char *name = s->operators != NULL ? s->operators : "";
        const int length = (int)strlen(name);
        text_addf(t, "%5d  %-*.*s%s  %-*s  %-16s  %12.2f\n", i, length > operators ? operators - 3 : operators,
                  length > operators ? operators - 3 : operators, name, length > operators ? "..." : "", algorithm,
                  s->algorithm != NULL ? s->algorithm : "", s->kernel != NULL ? s->kernel : "-", s->estimated_us);
    }
}

char *plan_print_text(const socle_plan *plan)
{
    text t = {0};
    char peak[32];
    text_addf(&t, "%s, goal %s, batch %lld%s\n\n", plan->model_name, plan_goal_name(plan->goal), (long long)plan->batch,
              plan->from_store ? " (decision kept from an earlier run)" : "");
    print_candidates(&t, plan);
    for (int i = 0; i < plan->part_count; i++) {
        const device_plan *part = plan->parts[i];
        print_steps(&t, part);
        text_addf(&t, "peak memory on %s: %s", part->device->info.id, bytes_text(part->peak_bytes, peak));
        text_addf(&t, " (weights %s", bytes_text(part->constant_bytes, peak));
        text_addf(&t, ", arena %s)\n", bytes_text(part->arena_bytes, peak));
    }
    return text_take(&t);
}

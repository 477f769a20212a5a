/* socle plan: the placement that a goal gets, the ones that lost and why, and the steps. */
#include "command.h"

#include <string.h>

static const char *const goal_names[] = {"latency", "throughput", "training", NULL};
static const char *const format_names[] = {"text", "json", "dot", NULL};

int command_plan(int argc, char **argv)
{
    int goal = SOCLE_GOAL_LATENCY, format = SOCLE_PLAN_TEXT, json = 0;
    int64_t batch = 0;
    double budget = -1;
    const char *devices = NULL, *path = NULL;
    text_list shapes = {0};
    socle_plan_options wanted = SOCLE_PLAN_OPTIONS_INIT;
    const option_spec options[] = {
        {"goal", OPTION_CHOICE, &goal, "GOAL", "latency, throughput or training", goal_names, 0},
        {"batch", OPTION_INT, &batch, "N", "value of the first symbolic dimension of each input", NULL, 1},
        {"shape", OPTION_LIST, &shapes, "NAME=1x3x224x224", "shape of an input, or value of a symbol", NULL, 0},
        {"format", OPTION_CHOICE, &format, "FORMAT", "text, json or dot", format_names, 0},
        {"json", OPTION_SET, &json, NULL, "the same as --format json", NULL, 0},
        {"device", OPTION_TEXT, &devices, "ID[,ID...]", "only these, by id or index", NULL, 0},
        {"budget", OPTION_NUMBER, &budget, "SECONDS", "for measuring placements (default 2; 0: estimates only)", NULL, 0},
        {"refresh", OPTION_SET, &wanted.refresh, NULL, "decide anew, even if a decision is kept", NULL, 0},
        DEMAND_OPTIONS(&wanted),
    };
    const command_usage usage = {
        "plan MODEL.onnx --goal latency|throughput|training [options]",
        "Shows what would run where, and why: the candidate placements with their estimated and measured\n"
        "times and memory, then the steps of the chosen one.",
        "socle plan model.onnx --goal latency --batch 1",
        options,
        COUNT_OF(options),
        1,
        1};
    socle_shape_binding bindings[MAX_LIST];
    char names[MAX_LIST][128];
    socle_context *context = NULL;
    socle_model *model = NULL;
    socle_plan *plan = NULL;
    int status;
    if (!options_parse(&usage, argc, argv, &path, &status))
        return status;
    if (!parse_bindings(&shapes, bindings, names))
        return usage_error("plan", "--shape wants NAME=1x3x224x224");
    wanted.goal = (socle_goal)goal;
    wanted.batch = batch;
    wanted.bindings = bindings;
    wanted.binding_count = shapes.count;
    wanted.budget_s = budget;
    if ((status = context_open_usable(devices, &context)) != DONE || (status = model_open(context, path, &model)) != DONE)
        goto cleanup;
    const socle_status planned = socle_plan_create(context, model, &wanted, &plan);
    const char *text = planned == SOCLE_OK ? socle_plan_print(plan, json ? SOCLE_PLAN_JSON : (socle_plan_format)format) : NULL;
    if (text == NULL) {
        status = report(planned != SOCLE_OK ? planned : SOCLE_OUT_OF_MEMORY);
        goto cleanup;
    }
    fputs(text, stdout);
    if (text[0] != '\0' && text[strlen(text) - 1] != '\n')
        putchar('\n');
    status = output_finish();
cleanup:
    socle_plan_destroy(plan);
    socle_model_destroy(model);
    socle_context_destroy(context);
    return status;
}

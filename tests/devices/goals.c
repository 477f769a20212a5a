/* The goal decides: one model, two drivers' devices on the same processor, two answers. PoCL's `basic` device runs in the calling
 * thread and answers one row soonest; `pthread` uses all cores and takes a large batch. Both are measured here, as for any host.
 */
#include <socle/socle.h>

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static socle_model *make_model(socle_context *context)
{
    socle_graph *g = NULL;
    socle_model *model = NULL;
    socle_value x;
    const char *const symbols[] = {"batch", NULL};
    cr_assert_eq(socle_graph_create(context, "goals", &g), SOCLE_OK);
    cr_assert_eq(socle_graph_input(g, "x", SOCLE_FLOAT32, 2, (int64_t[]){-1, 64}, symbols, &x), SOCLE_OK);
    socle_value h = socle_graph_unary(g, "Relu", socle_graph_dense(g, "fc1", x, 256, 1));
    h = socle_graph_unary(g, "Relu", socle_graph_dense(g, "fc2", h, 256, 2));
    cr_assert_eq(socle_graph_output(g, socle_graph_dense(g, "fc3", h, 10, 3), "y"), SOCLE_OK);
    cr_assert_eq(socle_model_create(context, g, &model), SOCLE_OK, "%s", socle_error_message());
    return model;
}

/* The chosen candidate; its devices' text lives as long as the plan. */
static socle_placement_info chosen(const socle_plan *plan)
{
    socle_placement_info info;
    for (int i = 0; i < socle_plan_candidate_count(plan); i++) {
        cr_assert_eq(socle_plan_candidate(plan, i, &info), SOCLE_OK);
        if (info.chosen)
            return info;
    }
    cr_assert_fail("no candidate is chosen");
    return info;
}

static bool has_device(const socle_context *context, const char *part)
{
    for (int i = 0; i < socle_device_count(context); i++)
        if (strstr(socle_device_get_info(socle_device_at(context, i))->id, part) != NULL)
            return true;
    return false;
}

Test(goals, latency_and_throughput_choose_different_devices_for_one_model)
{
    socle_context *context = NULL;
    socle_plan *latency = NULL, *throughput = NULL;
    socle_context_options context_options = SOCLE_CONTEXT_OPTIONS_INIT;
    unsetenv("POCL_DEVICES");
    context_options.cache_dir = "";
    context_options.pocl_basic = 1;
    cr_assert_eq(socle_context_create(&context_options, &context), SOCLE_OK, "%s", socle_error_message());
    if (!has_device(context, "basic") || !has_device(context, "pthread")) {
        socle_context_destroy(context);
        cr_skip_test("needs PoCL's two devices");
    }
    socle_model *model = make_model(context);
    socle_plan_options options = SOCLE_PLAN_OPTIONS_INIT;
    options.goal = SOCLE_GOAL_LATENCY;
    options.batch = 1;
    cr_assert_eq(socle_plan_create(context, model, &options, &latency), SOCLE_OK, "%s", socle_error_message());
    options.goal = SOCLE_GOAL_THROUGHPUT;
    options.batch = 4096;
    cr_assert_eq(socle_plan_create(context, model, &options, &throughput), SOCLE_OK, "%s", socle_error_message());
    const socle_placement_info soon = chosen(latency), much = chosen(throughput);
    cr_assert_not_null(strstr(soon.devices, "basic"), "latency: %s", socle_plan_print(latency, SOCLE_PLAN_TEXT));
    cr_assert_not_null(strstr(much.devices, "pthread"), "throughput: %s", socle_plan_print(throughput, SOCLE_PLAN_TEXT));
    cr_assert_str_neq(soon.devices, much.devices);
    cr_assert_geq(soon.measured_ms, 0);
    cr_assert_geq(much.measured_ms, 0);
    socle_plan_destroy(throughput);
    socle_plan_destroy(latency);
    socle_model_destroy(model);
    socle_context_destroy(context);
}

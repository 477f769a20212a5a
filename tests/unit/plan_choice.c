/* Which candidate wins, from figures made up here: the fastest, unless what separates it from one with a far better estimate is
 * no more than what other work on the machine makes of a few long runs. */
#include "../../lib/run/run.h"

#include <criterion/criterion.h>
#include <string.h>

/* The plan of three candidates in the order of their estimates; measured < 0: not measured. */
static socle_plan *make_plan(const double estimated_ms[3], const double measured_ms[3])
{
    static const char *const names[] = {"whole", "half", "other half"};
    socle_plan *plan = memory_alloc(sizeof(*plan));
    for (int i = 0; i < 3; i++) {
        placement *c = placement_add(plan);
        c->text = memory_copy_string(names[i]);
        c->estimated_ms = estimated_ms[i];
        c->measured_ms = measured_ms[i];
    }
    return plan;
}

static void check_winner(const double estimated_ms[3], const double measured_ms[3], const char *winner, const char *reason)
{
    socle_plan *plan = make_plan(estimated_ms, measured_ms);
    cr_assert(placement_choose(plan));
    const placement *chosen = &plan->candidates[plan->chosen];
    cr_expect_str_eq(chosen->text, winner, "%s: %s", chosen->text, chosen->reason);
    cr_expect_not_null(strstr(chosen->reason, reason), "%s: %s", chosen->text, chosen->reason);
    for (int i = 0; i < 3; i++)
        cr_expect(plan->candidates[i].chosen == (i == plan->chosen) && plan->candidates[i].reason != NULL);
    socle_plan_destroy(plan);
}

Test(plan_choice, the_fastest_wins)
{
    check_winner((double[]){10, 20, 20}, (double[]){30, 15, -1}, "half", "measured fastest");
    check_winner((double[]){10, 20, 20}, (double[]){11, 22, -1}, "whole", "measured fastest");
    check_winner((double[]){10, 20, 20}, (double[]){-1, -1, -1}, "whole", "least estimated");
}

Test(plan_choice, a_disturbance_does_not_outweigh_a_far_better_estimate)
{
    check_winner((double[]){680, 1376, 1376}, (double[]){2999, 2680, -1}, "whole", "measured 1.12 times slower than half");
}

Test(plan_choice, estimates_that_are_close_decide_nothing)
{
    check_winner((double[]){10, 11, 20}, (double[]){12, 11, 30}, "half", "measured fastest");
}

Test(plan_choice, short_runs_are_believed)
{
    check_winner((double[]){0.01, 0.02, 0.02}, (double[]){0.022, 0.02, -1}, "half", "measured fastest");
}

Test(plan_choice, what_is_ruled_out_never_wins)
{
    socle_plan *plan = make_plan((double[]){10, 20, 30}, (double[]){5, 6, -1});
    plan->candidates[0].ruled_out = true;
    cr_assert(placement_choose(plan));
    cr_expect_eq(plan->chosen, 1);
    plan->candidates[1].ruled_out = plan->candidates[2].ruled_out = true;
    cr_expect_not(placement_choose(plan));
    socle_plan_destroy(plan);
}

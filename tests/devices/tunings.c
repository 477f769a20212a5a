/* What is kept of tuning serves the next search, the next start and shapes near by, on every device. */
#include "profile/tuning.h"

#include <criterion/criterion.h>
#include <string.h>

#include "conv_case.h"
#include "on_devices.h"

TestSuite(tunings, .timeout = 200);

static problem product(int64_t m, int64_t n, int64_t k)
{
    return (problem){
        .kind = PROBLEM_GEMM, .dtype = SOCLE_FLOAT32, .gemm = {.m = m, .n = n, .k = k, .alpha = 1, .b_constant = true}};
}

/* A way that is not the default one: that of the last solver, which always applies and is never estimated fastest. */
static way slow_way(socle_device *device, const problem *p)
{
    const solver *solvers[16];
    way w = {0};
    const int count = solver_candidates(p, device, solvers, 16);
    cr_assert_geq(count, 2);
    w.solver = solvers[count - 1];
    w.solver->candidates(p, device, &w.tuning, 1);
    return w;
}

static const char *best_solver(socle_device *device, const problem *p)
{
    tuned best;
    cr_assert_eq(tuner_best(device, p, &best), SOCLE_OK, "%s", socle_error_message());
    return best.solver->name;
}

static void check_neighbours(socle_device *device)
{
    /* Equal devices know each other's tunings, so that each takes shapes of its own, far from the others'. */
    const int64_t n = 64 << 3 * device->info.index;
    const problem known = product(96, n, 80), near = product(64, n, 64), far = product(96, n, 800), thin = product(1, n, 80);
    const tuning_record record = {.tuned = true, .best = slow_way(device, &known), .us = 10};
    const char *slow = record.best.solver->name;
    const char *far_before = best_solver(device, &far), *thin_before = best_solver(device, &thin);
    cr_assert_str_neq(best_solver(device, &near), slow);
    tuning_keep(device, &known, &record);
    cr_assert_str_eq(best_solver(device, &known), slow);
    cr_assert_str_eq(best_solver(device, &near), slow);
    cr_assert_str_eq(best_solver(device, &far), far_before);
    cr_assert_str_eq(best_solver(device, &thin), thin_before);
}

Test(tunings, a_shape_never_seen_takes_the_way_of_a_near_one)
{
    test_on_devices(check_neighbours);
}

static void check_failures(socle_device *device)
{
    const problem p = product(48, 40, 56);
    tuning_record record = {.level = TUNING_CUT_SHORT}, read;
    tuned best;
    cr_assert_eq(tuner_best(device, &p, &best), SOCLE_OK);
    const way bad = {best.solver, best.tuning};
    record.trying = bad;
    record.process = 1; /* is there */
    tuning_keep(device, &p, &record);
    cr_assert(tuning_read(device, &p, &read));
    cr_assert_eq(read.failure_count, 0);
    record.process = 0x7fffffff; /* no process has this number: the one that tried is gone */
    tuning_keep(device, &p, &record);
    cr_assert(tuning_read(device, &p, &read));
    cr_assert_eq(read.failure_count, 1);
    cr_assert_str_eq(read.failures[0].reason, "the process ended while it was tried");
    cr_assert_eq(tuner_best(device, &p, &best), SOCLE_OK);
    const way other = {best.solver, best.tuning};
    cr_assert_not(way_equal(&bad, &other));
    /* A record that names a way which failed is no answer. */
    read.tuned = true;
    read.best = bad;
    read.us = 1;
    tuning_keep(device, &p, &read);
    cr_assert_eq(tuner_best(device, &p, &best), SOCLE_OK);
    cr_assert_lt(best.us, 0);
}

Test(tunings, a_way_that_took_its_process_along_is_not_chosen)
{
    test_on_devices(check_failures);
}

static int stop_at_once(const char *solver, void *user)
{
    (void)solver;
    ++*(int *)user;
    return 1;
}

static void check_search(socle_device *device)
{
    const problem p = product(33 + device->info.index, 17, 29); /* equal devices know each other's tunings */
    int asked = 0;
    tuner_options options = {.level = SOCLE_TUNE_FAST, .budget_s = 60, .watch = stop_at_once, .user = &asked};
    tuned best;
    double default_us;
    cr_assert_eq(tuner_tune(device, &p, &options, &best, &default_us), SOCLE_INTERRUPTED);
    cr_assert_eq(asked, 1);
    options.watch = NULL;
    cr_assert_eq(tuner_tune(device, &p, &options, &best, &default_us), SOCLE_OK, "%s", socle_error_message());
    cr_assert_gt(best.us, 0);
    cr_assert_gt(default_us, 0);
    const tuned found = best;
    cr_assert_eq(tuner_tune(device, &p, &options, &best, &default_us), SOCLE_OK);
    cr_assert_float_eq(best.us, found.us, 1e-5 * found.us, "what is known is not measured again");
    cr_assert_lt(default_us, 0);
}

Test(tunings, a_search_is_stopped_resumed_and_then_known)
{
    test_on_devices(check_search);
}

/* Winograd tiles of F(4x4) and F(6x6) round more than plain sums: they are not offered, and what was found of
 * them is not taken. */
static void check_strict_accuracy(socle_device *device)
{
    const solver *solvers[16];
    problem p = {.kind = PROBLEM_CONV,
                 .dtype = SOCLE_FLOAT32,
                 .conv = {conv_case_square(1, 32, 32 + 16 * device->info.index, 28, 3, 1, 1), true}};
    problem strict = p;
    tuning_record record = {.tuned = true, .us = 0.001};
    tuning offered[32];
    int large = 0, large_when_strict = 0;
    strict.strict_accuracy = true;
    const int count = solver_candidates(&p, device, solvers, 16);
    for (int i = 0; i < count; i++) {
        const int size = strcmp(solvers[i]->name, "conv/winograd") == 0         ? 0
                         : strcmp(solvers[i]->name, "conv/winograd_tiled") == 0 ? 6
                                                                                : -1; /* where the tiles' size stands */
        if (size < 0)
            continue;
        for (int k = solvers[i]->candidates(&p, device, offered, 32) - 1; k >= 0; k--)
            if (offered[k].value[size] > 2) {
                record.best = (way){solvers[i], offered[k]};
                large++;
            }
        for (int k = solvers[i]->candidates(&strict, device, offered, 32) - 1; k >= 0; k--)
            large_when_strict += offered[k].value[size] > 2;
    }
    cr_assert_eq(large_when_strict, 0);
    if (large == 0)
        return; /* no way of this device uses such tiles */
    tuned best;
    tuning_keep(device, &p, &record);
    cr_assert_eq(tuner_best(device, &p, &best), SOCLE_OK);
    cr_assert(way_equal(&(way){best.solver, best.tuning}, &record.best));
    cr_assert_eq(tuner_best(device, &strict, &best), SOCLE_OK);
    cr_assert_not(way_equal(&(way){best.solver, best.tuning}, &record.best));
}

Test(tunings, strict_accuracy_leaves_out_large_winograd_tiles)
{
    test_on_devices(check_strict_accuracy);
}

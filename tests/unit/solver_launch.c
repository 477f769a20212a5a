/* Into how many groups a launch is cut, by what the profile says of the driver's threads. */
#include "../../lib/solver/launch.h"

#include <criterion/criterion.h>
#include <socle/profile.h>

/* Of two units, 100 GFLOP/s each. */
static int64_t parts(double round_trip_us, double flops, int64_t least)
{
    socle_profile profile = {.launch_us = 1, .round_trip_us = round_trip_us, .memory_gbytes_per_s = 20, .fp32_gflops = 200};
    socle_device device = {.capabilities = {.compute_units = 2}, .profile = &profile};
    return launch_parts(&device, flops, 1, least);
}

Test(solver_launch, threads_that_come_late_leave_small_groups_to_the_others)
{
    cr_assert_geq(parts(6, 20e6, 4), 16);
}

Test(solver_launch, threads_that_come_at_once_get_no_more_groups_than_asked_for)
{
    cr_assert_eq(parts(2, 4e6, 4), 4);
    cr_assert_eq(parts(2, 20e6, 4), 4);
}

Test(solver_launch, work_that_is_long_or_short_against_what_threads_come_late_is_not_cut_further)
{
    cr_assert_eq(parts(6, 2e9, 8), 8);
    cr_assert_eq(parts(6, 1e4, 4), 4);
}

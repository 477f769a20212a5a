/* The memory planner: buffers that live together share no bytes, others do, whatever the intervals. */
#include "../../lib/plan/plan.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static bool overlap_in_time(const memory_interval *a, const memory_interval *b)
{
    return a->first <= b->last && b->first <= a->last;
}

static bool overlap_in_memory(const memory_interval *a, const memory_interval *b)
{
    return a->offset_bytes < b->offset_bytes + b->size_bytes && b->offset_bytes < a->offset_bytes + a->size_bytes;
}

/* The most bytes that live at any one step: no arena can be smaller. */
static size_t lower_bound(const memory_interval *intervals, int count, int steps)
{
    size_t most = 0;
    for (int step = 0; step < steps; step++) {
        size_t bytes = 0;
        for (int i = 0; i < count; i++)
            if (intervals[i].first <= step && step <= intervals[i].last)
                bytes += intervals[i].size_bytes;
        most = bytes > most ? bytes : most;
    }
    return most;
}

static void check_placed(const memory_interval *intervals, int count, size_t alignment, size_t arena_bytes)
{
    for (int i = 0; i < count; i++) {
        cr_assert_eq(intervals[i].offset_bytes % alignment, 0);
        cr_assert_leq(intervals[i].offset_bytes + intervals[i].size_bytes, arena_bytes);
        for (int k = 0; k < i; k++)
            cr_assert_not(overlap_in_time(&intervals[i], &intervals[k]) && overlap_in_memory(&intervals[i], &intervals[k]),
                          "buffers %d and %d live together and share bytes", k, i);
    }
}

Test(plan_memory, no_buffers_need_no_arena)
{
    size_t arena_bytes = 1;
    cr_assert(memory_plan(NULL, 0, 128, &arena_bytes));
    cr_assert_eq(arena_bytes, 0);
}

Test(plan_memory, buffers_of_a_chain_take_turns_in_two_places)
{
    memory_interval chain[6];
    size_t arena_bytes;
    for (int i = 0; i < 6; i++)
        chain[i] = (memory_interval){i, i + 1, 1000, 0};
    cr_assert(memory_plan(chain, 6, 128, &arena_bytes));
    check_placed(chain, 6, 128, arena_bytes);
    cr_assert_eq(arena_bytes, 2 * 1024);
}

Test(plan_memory, a_buffer_that_lives_throughout_is_never_shared)
{
    memory_interval intervals[] = {{0, 9, 4096, 0}, {1, 2, 128, 0}, {3, 4, 128, 0}, {5, 6, 256, 0}};
    size_t arena_bytes;
    cr_assert(memory_plan(intervals, 4, 128, &arena_bytes));
    check_placed(intervals, 4, 128, arena_bytes);
    cr_assert_eq(arena_bytes, 4096 + 256);
}

Test(plan_memory, random_intervals_are_placed_close_to_the_lower_bound)
{
    enum { COUNT = 200, STEPS = 100 };
    memory_interval intervals[COUNT];
    srand(7);
    for (int round = 0; round < 20; round++) {
        size_t arena_bytes;
        for (int i = 0; i < COUNT; i++) {
            const int first = rand() % STEPS;
            intervals[i] = (memory_interval){first, first + rand() % 8, (size_t)(1 + rand() % 100000), 0};
        }
        cr_assert(memory_plan(intervals, COUNT, 128, &arena_bytes));
        check_placed(intervals, COUNT, 128, arena_bytes);
        cr_assert_leq(arena_bytes, lower_bound(intervals, COUNT, STEPS + 8) * 3 / 2);
    }
}

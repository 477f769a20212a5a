/* The parallel loop: every index once, and a failure that does not depend on timing. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"

#define COUNT 500

typedef struct visits {
    atomic_int of[COUNT];
    int failing; /* this index and every later one fails; < 0: none */
} visits;

static socle_status visit(int index, void *user)
{
    visits *v = user;
    atomic_fetch_add(&v->of[index], 1);
    if (v->failing >= 0 && index >= v->failing)
        return socle_fail(SOCLE_INVALID_FILE, "index %d", index);
    return SOCLE_OK;
}

Test(threads, run_every_index_once)
{
    static const int threads[] = {-1, 0, 1, 2, 7, 1000};
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        visits v = {.failing = -1};
        cr_assert_eq(threads_run(threads[i], COUNT, visit, &v), SOCLE_OK);
        for (int k = 0; k < COUNT; k++)
            cr_assert_eq(atomic_load(&v.of[k]), 1);
    }
}

Test(threads, run_nothing_when_there_is_nothing)
{
    cr_assert_eq(threads_run(4, 0, visit, NULL), SOCLE_OK);
}

Test(threads, report_the_lowest_failing_index)
{
    for (int round = 0; round < 50; round++) {
        visits v = {.failing = 17};
        cr_assert_eq(threads_run(8, COUNT, visit, &v), SOCLE_INVALID_FILE);
        cr_assert_str_eq(socle_error_message(), "index 17");
        for (int k = 0; k <= 17; k++)
            cr_assert_eq(atomic_load(&v.of[k]), 1);
    }
    cr_assert_eq(memory_live_count(), 0);
}

static socle_status wait_for_the_other(int index, void *user)
{
    (void)index;
    atomic_int *arrived = user;
    atomic_fetch_add(arrived, 1);
    for (double end = time_now_s() + 20.0; atomic_load(arrived) < 2;) {
        if (time_now_s() > end)
            return socle_fail(SOCLE_TIMEOUT, "nobody came");
        usleep(100);
    }
    return SOCLE_OK;
}

Test(threads, work_at_the_same_time)
{
    atomic_int arrived = 0;
    cr_assert_eq(threads_run(2, 2, wait_for_the_other, &arrived), SOCLE_OK, "%s", socle_error_message());
}

static socle_status signals_are_blocked(int index, void *user)
{
    (void)index;
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    if (!pthread_equal(pthread_self(), *(pthread_t *)user) && (!sigismember(&mask, SIGINT) || sigismember(&mask, SIGSEGV)))
        return socle_fail(SOCLE_INTERNAL, "a signal of the host's may run here");
    usleep(1000); /* so that other threads get an index, too */
    return SOCLE_OK;
}

Test(threads, leave_signals_to_the_host)
{
    pthread_t caller = pthread_self();
    cr_assert_eq(threads_run(4, 40, signals_are_blocked, &caller), SOCLE_OK);
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    cr_assert_not(sigismember(&mask, SIGINT));
}

Test(threads, available_are_at_least_one)
{
    cr_assert_geq(threads_available(), 1);
    cr_assert_leq(threads_available(), sysconf(_SC_NPROCESSORS_CONF));
}

Test(clocks, go_forward_and_know_the_century)
{
    const double before = time_now_s();
    usleep(2000);
    const double passed = time_now_s() - before;
    cr_assert(passed >= 0.002 && passed < 20.0);
    cr_assert_gt(time_wall_s(), 1.7e9);
}

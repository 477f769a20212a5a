/* A parallel loop. Indices are handed out in order and none after a failure, so the lowest failing index is always among
 * those that ran, and its message is the result whatever the threads' timing. */
#define _GNU_SOURCE /* cpu_set_t */
#include "base.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#define MAX_THREADS 64

typedef struct parallel_loop {
    socle_status (*work)(int index, void *user);
    void *user;
    int count;
    atomic_int next;
    atomic_bool failed;
    pthread_mutex_t lock; /* of the first failure */
    int failed_index;
    socle_status status;
    char *message;
} parallel_loop;

static void keep_failure(parallel_loop *loop, int index, socle_status status)
{
    atomic_store(&loop->failed, true);
    pthread_mutex_lock(&loop->lock);
    if (loop->status == SOCLE_OK || index < loop->failed_index) {
        loop->status = status;
        loop->failed_index = index;
        memory_free(loop->message);
        loop->message = memory_copy_string(socle_error_message());
    }
    pthread_mutex_unlock(&loop->lock);
}

static void *take_indices(void *argument)
{
    parallel_loop *loop = argument;
    while (!atomic_load(&loop->failed)) {
        const int index = atomic_fetch_add(&loop->next, 1);
        if (index >= loop->count)
            break;
        const socle_status status = loop->work(index, loop->user);
        if (status != SOCLE_OK)
            keep_failure(loop, index, status);
    }
    return NULL;
}

/* The host's signals are the host's: its handlers never run on a thread of ours. Faults stay with the thread that made
 * them (blocking those is undefined). */
static int start_threads(pthread_t *threads, int count, parallel_loop *loop)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
    sigset_t blocked, before;
    sigfillset(&blocked);
    for (size_t i = 0; i < COUNT_OF(faults); i++)
        sigdelset(&blocked, faults[i]);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    int started = 0;
    while (started < count && pthread_create(&threads[started], NULL, take_indices, loop) == 0)
        started++; /* fewer threads than wanted are no failure: the caller does the rest */
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

socle_status threads_run(int threads, int count, socle_status (*work)(int index, void *user), void *user)
{
    parallel_loop loop = {.work = work, .user = user, .count = count, .lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t started[MAX_THREADS];
    int wanted = (threads < count ? threads : count) - 1;
    if (wanted > MAX_THREADS)
        wanted = MAX_THREADS;
    const int started_count = wanted > 0 ? start_threads(started, wanted, &loop) : 0;
    take_indices(&loop);
    for (int i = 0; i < started_count; i++)
        pthread_join(started[i], NULL);
    if (loop.status != SOCLE_OK)
        socle_fail(loop.status, "%s", loop.message != NULL ? loop.message : socle_status_text(loop.status));
    memory_free(loop.message);
    pthread_mutex_destroy(&loop.lock);
    return loop.status;
}

int threads_available(void)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0 && CPU_COUNT(&allowed) > 0)
        return CPU_COUNT(&allowed);
    const long online = sysconf(_SC_NPROCESSORS_ONLN); /* more processors than a cpu_set_t holds */
    return online > 0 ? (int)online : 1;
}

#include "sandbox/timer.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sandbox/act.h"

enum {
    TICK_MS = 50
};

struct job {
    struct job *next;
    int64_t due_mono_ms;
    void (*fn)(void *arg);
    void *arg;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    struct job *jobs; /* by due time */
    bool stopping;
} timer = {.lock = PTHREAD_MUTEX_INITIALIZER};

void timer_add(int64_t delay_ms, void (*fn)(void *arg), void *arg)
{
    struct job *j = mem_alloc(sizeof *j), **at;

    *j = (struct job){NULL, clock_mono_ms() + delay_ms, fn, arg};
    pthread_mutex_lock(&timer.lock);
    if (timer.stopping) {
        pthread_mutex_unlock(&timer.lock);
        free(j);
        fn(arg);
        return;
    }
    for (at = &timer.jobs; *at != NULL && (*at)->due_mono_ms <= j->due_mono_ms; at = &(*at)->next)
        continue;
    j->next = *at;
    *at = j;
    pthread_cond_signal(&timer.wake);
    pthread_mutex_unlock(&timer.lock);
}

static struct job *take_due(void)
{
    struct job *j = timer.jobs;

    if (j == NULL || (!timer.stopping && j->due_mono_ms > clock_mono_ms()))
        return NULL;
    timer.jobs = j->next;
    return j;
}

static void sleep_a_tick(void)
{
    struct timespec until;
    int64_t wait = TICK_MS;

    if (timer.jobs != NULL && timer.jobs->due_mono_ms - clock_mono_ms() < wait)
        wait = timer.jobs->due_mono_ms - clock_mono_ms();
    if (wait < 0)
        wait = 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)(wait * 1000000);
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&timer.wake, &timer.lock, &until);
}

static void *timer_run(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&timer.lock);
    for (;;) {
        struct job *j = take_due();

        if (j != NULL) {
            pthread_mutex_unlock(&timer.lock);
            j->fn(j->arg);
            free(j);
            pthread_mutex_lock(&timer.lock);
            continue;
        }
        if (timer.stopping)
            break;
        sleep_a_tick();
        pthread_mutex_unlock(&timer.lock);
        world_lock();
        act_due();
        world_unlock();
        pthread_mutex_lock(&timer.lock);
    }
    pthread_mutex_unlock(&timer.lock);
    return NULL;
}

int timer_start(struct err *e)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&timer.wake, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&timer.thread, NULL, timer_run, NULL) != 0)
        return err_set(e, ERR_INTERNAL, "the timer thread does not start");
    return 0;
}

void timer_stop(void)
{
    pthread_mutex_lock(&timer.lock);
    timer.stopping = true;
    pthread_cond_signal(&timer.wake);
    pthread_mutex_unlock(&timer.lock);
    pthread_join(timer.thread, NULL);
}

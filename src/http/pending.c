#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "http/http_priv.h"

/*
 * "Answer within 5 s always": requests that wait for the engine stand in a list in order of arrival. Should a disk hang, this thread
 * answers them 503 in time; whoever wins the exchange of request.state resumes the connection, the other one only lets go.
 */
#define WATCH_EVERY_MS 200

void pending_add(struct request *r)
{
    struct http_server *s = r->server;

    pthread_mutex_lock(&s->pending_lock);
    r->late_mono_ms = r->begun_mono_ms + ANSWER_WITHIN_MS;
    if (r->late_mono_ms < clock_mono_ms() + ENGINE_AT_LEAST_MS)
        r->late_mono_ms = clock_mono_ms() + ENGINE_AT_LEAST_MS;
    r->pending_next = NULL;
    r->pending_prev = s->pending_tail;
    if (s->pending_tail)
        s->pending_tail->pending_next = r;
    else
        s->pending_head = r;
    s->pending_tail = r;
    r->listed = true;
    pthread_mutex_unlock(&s->pending_lock);
}

static void unlist(struct request *r)
{
    struct http_server *s = r->server;

    if (!r->listed)
        return;
    r->listed = false;
    if (r->pending_prev)
        r->pending_prev->pending_next = r->pending_next;
    else
        s->pending_head = r->pending_next;
    if (r->pending_next)
        r->pending_next->pending_prev = r->pending_prev;
    else
        s->pending_tail = r->pending_prev;
}

void pending_remove(struct request *r)
{
    pthread_mutex_lock(&r->server->pending_lock);
    unlist(r);
    pthread_mutex_unlock(&r->server->pending_lock);
}

static bool answer_late(struct request *r)
{
    int waiting = REQUEST_WAITING;

    if (!atomic_compare_exchange_strong(&r->state, &waiting, REQUEST_LATE))
        return false;
    atomic_fetch_add(&r->server->n_late, 1);
    MHD_resume_connection(r->conn);
    return true;
}

/* Under the lock, which the engine takes before it lets go of a request: whatever stands in the list is alive. */
static void look(struct http_server *s)
{
    int64_t now = clock_mono_ms();
    int64_t n = 0;

    for (struct request *r = s->pending_head, *next; r; r = next) {
        next = r->pending_next;
        if (now < r->late_mono_ms)
            continue;
        unlist(r);
        n += answer_late(r);
    }
    if (n)
        LOG(ERROR, "http.late", log_i("answered_503", n),
            log_s("what", "the engine did not commit in time; look at the state folder's disk"));
}

static void *watch_thread(void *arg)
{
    struct http_server *s = arg;

    pthread_mutex_lock(&s->pending_lock);
    while (!s->watch_stop) {
        struct timespec until;

        look(s);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += WATCH_EVERY_MS * 1000000L;
        if (until.tv_nsec >= 1000000000L) {
            until.tv_nsec -= 1000000000L;
            until.tv_sec++;
        }
        while (!s->watch_stop &&
               pthread_cond_timedwait(&s->pending_cond, &s->pending_lock, &until) != ETIMEDOUT)
            continue;
    }
    pthread_mutex_unlock(&s->pending_lock);
    return NULL;
}

int pending_start(struct http_server *s, struct err *e)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->pending_cond, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&s->watch, NULL, watch_thread, s) != 0) {
        pthread_cond_destroy(&s->pending_cond);
        return err_set(e, ERR_INTERNAL, "no thread for the request watch");
    }
    s->watch_started = true;
    return 0;
}

void pending_stop(struct http_server *s)
{
    if (!s->watch_started)
        return;
    pthread_mutex_lock(&s->pending_lock);
    s->watch_stop = true;
    pthread_cond_signal(&s->pending_cond);
    pthread_mutex_unlock(&s->pending_lock);
    pthread_join(s->watch, NULL);
    pthread_cond_destroy(&s->pending_cond);
    s->watch_started = false;
}

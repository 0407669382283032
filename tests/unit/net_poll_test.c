#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "net/net_priv.h"
#include "net_server.h"

#define GUARD_MS 20000

struct got {
    unsigned times;
    int code, status;
    char msg[128];
    int64_t at_ms;
    unsigned place; /* 1 = the first callback of the test */
};

struct fixture {
    struct server *server;
    struct net *net;
    char base[64];
};

static unsigned places; /* callbacks run so far in this test */

static void keep_reply(void *arg, uint64_t owner, const struct net_reply *r)
{
    struct got *g = arg;

    (void)owner;
    g->times++;
    g->code = r->code;
    g->status = r->status;
    g->at_ms = clock_mono_ms();
    g->place = ++places;
    (void)snprintf(g->msg, sizeof g->msg, "%s", r->msg);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct err e = {0};

    places = 0;
    f->server = server_start();
    assert_int_equal(net_new(&f->net, &e), 0);
    (void)snprintf(f->base, sizeof f->base, "http://127.0.0.1:%u", f->server->port);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    net_free(f->net);
    server_stop(f->server);
    free(f);
    return 0;
}

static struct net_peer *add_peer(struct fixture *f, unsigned per_minute, unsigned reserve_pct)
{
    struct net_peer_opts o = {.name = "stand-in",
                              .base_url = f->base,
                              .per_minute = per_minute,
                              .reserve_pct = reserve_pct,
                              .allow_private = true};
    struct net_peer *p = NULL;
    struct err e = {0};

    assert_int_equal(net_peer_add(f->net, &o, &p, &e), 0);
    return p;
}

static void start(struct fixture *f, struct net_peer *p, const char *path, enum net_class cls,
                  unsigned start_within_ms, struct got *g)
{
    char url[128];
    struct err e = {0};

    (void)snprintf(url, sizeof url, "%s%s", f->base, path);
    struct net_req r = {
        .peer = p, .method = "GET", .url = url, .cls = cls, .start_within_ms = start_within_ms};
    assert_int_equal(net_start(f->net, &r, keep_reply, g, 1, &e), 0);
}

static void poll_until(struct fixture *f, const struct got *g, size_t n)
{
    int64_t end = clock_mono_ms() + GUARD_MS;
    struct err e = {0};

    for (size_t i = 0; i < n; i++) {
        while (g[i].times == 0 && clock_mono_ms() < end)
            assert_int_equal(net_poll(f->net, 1000, &e), 0);
        assert_int_equal(g[i].times, 1);
    }
}

static void sleeps_for_its_whole_time_when_idle(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    int64_t begin = clock_mono_ms();

    assert_int_equal(net_poll(f->net, 150, &e), 0);
    assert_in_range(clock_mono_ms() - begin, 149, 3000);
    assert_int_equal(f->net->sleeps, 1);
    begin = clock_mono_ms();
    assert_int_equal(net_poll(f->net, 0, &e), 0);
    assert_true(clock_mono_ms() - begin < 100);
    assert_int_equal(f->net->sleeps, 1);
}

struct waker {
    struct net *net;
    unsigned after_ms, times;
};

static void *wake_later(void *arg)
{
    struct waker *w = arg;

    for (unsigned i = 0; i < w->times; i++) {
        server_sleep_ms(w->after_ms);
        net_wakeup(w->net);
    }
    return NULL;
}

static void wakes_from_another_thread(void **state)
{
    struct fixture *f = *state;
    struct waker w = {f->net, 50, 1};
    struct err e = {0};
    int64_t begin = clock_mono_ms();
    pthread_t t;

    assert_int_equal(pthread_create(&t, NULL, wake_later, &w), 0);
    assert_int_equal(net_poll(f->net, GUARD_MS, &e), 0);
    assert_in_range(clock_mono_ms() - begin, 49, 5000);
    pthread_join(t, NULL);
}

/* A wake-up just before the sleep must not be lost, and one wake-up must not wake twice. */
static void remembers_a_wakeup_that_came_first(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    int64_t begin = clock_mono_ms();

    for (int i = 0; i < 5; i++)
        net_wakeup(f->net);
    assert_int_equal(net_poll(f->net, GUARD_MS, &e), 0);
    assert_true(clock_mono_ms() - begin < 5000);
    begin = clock_mono_ms();
    assert_int_equal(net_poll(f->net, 100, &e), 0);
    assert_in_range(clock_mono_ms() - begin, 99, 5000);
}

/* For the thread sanitizer: wake-ups rain while calls run. */
static void works_on_under_a_rain_of_wakeups(void **state)
{
    struct fixture *f = *state;
    struct net_peer *p = add_peer(f, 0, 0);
    struct waker w[3] = {{f->net, 1, 100}, {f->net, 1, 100}, {f->net, 2, 50}};
    struct got g[60] = {0};
    pthread_t t[3];

    for (size_t i = 0; i < ARRAY_LEN(w); i++)
        assert_int_equal(pthread_create(&t[i], NULL, wake_later, &w[i]), 0);
    for (size_t i = 0; i < ARRAY_LEN(g); i++) {
        start(f, p, i % 2 ? "/good" : "/slow/10", NET_NEEDED, 0, &g[i]);
        poll_until(f, &g[i], i % 3 == 0);
    }
    poll_until(f, g, ARRAY_LEN(g));
    for (size_t i = 0; i < ARRAY_LEN(w); i++)
        pthread_join(t[i], NULL);
}

/* Waiting for an answer, for a token and for nothing: a handful of sleeps, never a busy loop. */
static void does_not_spin_while_it_waits(void **state)
{
    struct fixture *f = *state;
    struct net_peer *p = add_peer(f, 0, 0), *slow = add_peer(f, 60, 0);
    struct got g[63] = {0};

    start(f, p, "/slow/600", NET_NEEDED, 0, &g[0]);
    poll_until(f, g, 1);
    assert_int_equal(g[0].code, 0);
    assert_in_range(f->net->sleeps, 1, 30);
    for (size_t i = 1; i <= 60; i++)
        start(f, slow, "/good", NET_NEEDED, 5000, &g[i]);
    poll_until(f, g + 1, 60);
    f->net->sleeps = 0;
    start(f, slow, "/good", NET_NEEDED, 5000, &g[61]);
    poll_until(f, g + 61, 1);
    assert_int_equal(g[61].code, 0);
    assert_in_range(f->net->sleeps, 1, 30);
}

static void calls_back_only_from_net_poll(void **state)
{
    struct fixture *f = *state;
    struct net_peer *p = add_peer(f, 1, 0);
    struct got g[2] = {0};
    struct err e = {0};

    start(f, p, "/good", NET_NEEDED, 0, &g[0]);
    start(f, p, "/good", NET_OPTIONAL, 0, &g[1]);
    server_sleep_ms(50);
    assert_int_equal(g[0].times + g[1].times, 0);
    assert_int_equal(net_in_flight(f->net), 2);
    /* What was refused for budget is over with the next net_poll, even one that does not sleep. */
    assert_int_equal(net_poll(f->net, 0, &e), 0);
    assert_int_equal(g[1].times, 1);
    assert_int_equal(g[1].code, ERR_RETRY);
    assert_string_equal(g[1].msg, "left out: rate budget is short");
    poll_until(f, g, 1);
    assert_int_equal(server_count(f->server, &f->server->requests), 1);
}

static void gives_up_what_does_not_begin_in_time(void **state)
{
    struct fixture *f = *state;
    struct net_peer *p = add_peer(f, 1, 0);
    struct got g[2] = {0};
    struct net_stats s;
    int64_t begin = clock_mono_ms();

    start(f, p, "/good", NET_NEEDED, 0, &g[0]);
    start(f, p, "/good", NET_NEEDED, 300, &g[1]);
    poll_until(f, g, 2);
    assert_int_equal(g[0].code, 0);
    assert_int_equal(g[1].code, ERR_RETRY);
    assert_in_range(g[1].at_ms - begin, 300, 3000);
    assert_int_equal(server_count(f->server, &f->server->requests), 1);
    net_stats(f->net, p, &s);
    assert_int_equal(s.calls, 2);
    assert_int_equal(s.failed, 1);
    assert_int_equal(s.limited, 1);
    assert_int_equal(s.waiting, 0);
    assert_int_equal(s.tokens_left, 0);
}

/* The engine was held up (or stopped) between net_start and net_poll: too late is too late. */
static void looks_at_the_time_right_before_it_starts(void **state)
{
    struct fixture *f = *state;
    struct net_peer *p = add_peer(f, 0, 0);
    struct got g = {0};

    start(f, p, "/good", NET_ACTION, 30, &g);
    server_sleep_ms(60);
    poll_until(f, &g, 1);
    assert_int_equal(g.code, ERR_RETRY);
    assert_int_equal(server_count(f->server, &f->server->connections), 0);
}

/* What was promised before net_start (an intent on disk) holds, however long the commit in between took. */
static void a_moment_that_has_passed_sends_nothing(void **state)
{
    struct fixture *f = *state;
    struct net_peer *p = add_peer(f, 0, 0);
    struct got g = {0};
    struct err e = {0};
    char url[128];

    (void)snprintf(url, sizeof url, "%s/good", f->base);
    struct net_req r = {.peer = p,
                        .method = "PUT",
                        .url = url,
                        .cls = NET_ACTION,
                        .write = true,
                        .start_within_ms = GUARD_MS,
                        .start_by_mono_ms = clock_mono_ms() - 1};
    assert_int_equal(net_start(f->net, &r, keep_reply, &g, 1, &e), 0);
    poll_until(f, &g, 1);
    assert_int_equal(g.code, ERR_RETRY);
    assert_int_equal(server_count(f->server, &f->server->connections), 0);
}

static void actions_go_first_and_the_rest_in_order(void **state)
{
    struct fixture *f = *state;
    struct net_peer *p = add_peer(f, 0, 0);
    struct got g[5] = {0};

    start(f, p, "/not-found", NET_OPTIONAL, 0, &g[0]);
    start(f, p, "/good", NET_NEEDED, 0, &g[1]);
    start(f, p, "/chunked", NET_NEEDED, 0, &g[2]);
    start(f, p, "/empty", NET_ACTION, 0, &g[3]);
    /* Seen from here, because the server's connections race: the order of beginning is that of the running calls. */
    struct err e = {0};
    assert_int_equal(net_poll(f->net, 0, &e), 0);
    assert_int_equal(f->net->n_running, 4);
    assert_int_equal(f->net->running[0]->cls, NET_ACTION);
    assert_non_null(strstr(f->net->running[1]->url, "/good"));
    assert_non_null(strstr(f->net->running[2]->url, "/chunked"));
    assert_int_equal(f->net->running[3]->cls, NET_OPTIONAL);
    poll_until(f, g, 4);
}

static void runs_at_most_64_at_once_and_all_in_the_end(void **state)
{
    struct fixture *f = *state;
    struct net_peer *p = add_peer(f, 0, 0);
    struct got g[150] = {0};

    for (size_t i = 0; i < ARRAY_LEN(g); i++)
        start(f, p, "/slow/100", NET_NEEDED, 15000, &g[i]);
    poll_until(f, g, ARRAY_LEN(g));
    for (size_t i = 0; i < ARRAY_LEN(g); i++)
        assert_int_equal(g[i].code, 0);
    assert_int_equal(server_count(f->server, &f->server->requests), ARRAY_LEN(g));
    assert_in_range(server_count(f->server, &f->server->busiest), 16, NET_RUNNING_MAX);
}

/* F-28 over the wire: after a 429 no call but one action, and on again at most 2 s after what it said. */
static void a_429_stops_the_peer_but_for_one_action(void **state)
{
    struct fixture *f = *state;
    struct net_peer *p = add_peer(f, 960, 20);
    struct got limited = {0}, optional = {0}, needed = {0}, actions[2] = {{0}, {0}};
    int64_t begin;

    start(f, p, "/limited-1", NET_NEEDED, 0, &limited);
    poll_until(f, &limited, 1);
    begin = clock_mono_ms();
    assert_false(net_peer_has_budget(p, 1));
    start(f, p, "/good", NET_OPTIONAL, 0, &optional);
    start(f, p, "/good", NET_NEEDED, 9000, &needed);
    start(f, p, "/limited-1", NET_ACTION, 9000, &actions[0]);
    start(f, p, "/empty", NET_ACTION, 9000, &actions[1]);
    poll_until(f, &optional, 1);
    assert_int_equal(optional.code, ERR_RETRY);
    poll_until(f, actions, 2);
    poll_until(f, &needed, 1);
    assert_int_equal(actions[0].status, 429);
    assert_true(actions[0].at_ms - begin < 900);
    assert_int_equal(actions[1].status, 204);
    assert_in_range(actions[1].at_ms - actions[0].at_ms, 1000, 3500);
    assert_int_equal(needed.code, 0);
    assert_in_range(needed.at_ms - actions[0].at_ms, 1000, 3500);
    assert_int_equal(server_count(f->server, &f->server->requests), 4);
}

static void listens_to_what_the_server_has_left(void **state)
{
    struct fixture *f = *state;
    struct net_peer *p = add_peer(f, 960, 0);
    struct got g[6] = {0};
    struct net_stats s;

    assert_true(net_peer_has_budget(p, 100));
    start(f, p, "/three-left", NET_NEEDED, 0, &g[0]);
    poll_until(f, g, 1);
    net_stats(f->net, p, &s);
    assert_int_equal(s.tokens_left, 3);
    assert_false(net_peer_has_budget(p, 1));
    for (size_t i = 1; i < ARRAY_LEN(g); i++)
        start(f, p, "/good", NET_NEEDED, 200, &g[i]);
    poll_until(f, g, ARRAY_LEN(g));
    assert_int_equal(g[3].code, 0);
    assert_int_equal(g[4].code, ERR_RETRY);
    assert_int_equal(server_count(f->server, &f->server->requests), 4);
}

static void one_peer_does_not_pay_for_another(void **state)
{
    struct fixture *f = *state;
    struct net_peer *p = add_peer(f, 960, 0), *other = add_peer(f, 960, 0);
    struct got g[2] = {0};

    start(f, p, "/limited", NET_NEEDED, 0, &g[0]);
    poll_until(f, g, 1);
    start(f, other, "/good", NET_NEEDED, 0, &g[1]);
    poll_until(f, g + 1, 1);
    assert_int_equal(g[1].code, 0);
}

struct chain {
    struct fixture *f;
    struct net_peer *peer;
    unsigned left;
};

static void start_next(void *arg, uint64_t owner, const struct net_reply *r)
{
    struct chain *c = arg;
    char url[128];
    struct err e = {0};

    (void)owner;
    assert_int_equal(r->code, 0);
    if (--c->left == 0)
        return;
    (void)snprintf(url, sizeof url, "%s/good", c->f->base);
    struct net_req q = {.peer = c->peer, .method = "GET", .url = url};
    assert_int_equal(net_start(c->f->net, &q, start_next, c, 1, &e), 0);
}

static void a_callback_may_start_the_next_call(void **state)
{
    struct fixture *f = *state;
    struct chain c = {f, add_peer(f, 0, 0), 11};
    struct net_reply first = {0};
    int64_t end = clock_mono_ms() + GUARD_MS;
    struct err e = {0};

    start_next(&c, 1, &first);
    while (c.left > 0 && clock_mono_ms() < end)
        assert_int_equal(net_poll(f->net, 100, &e), 0);
    assert_int_equal(c.left, 0);
}

static void freeing_drops_calls_without_callbacks(void **state)
{
    struct fixture *f = *state;
    struct net_peer *p = add_peer(f, 1, 0), *free_peer = add_peer(f, 0, 0);
    struct got g[4] = {0};
    struct err e = {0};

    start(f, free_peer, "/hang", NET_NEEDED, 0, &g[0]);
    start(f, free_peer, "/good", NET_NEEDED, 0, &g[1]);
    assert_int_equal(net_poll(f->net, 0, &e), 0);
    start(f, p, "/good", NET_NEEDED, 0, &g[2]);
    start(f, p, "/good", NET_NEEDED, 0, &g[3]);
    net_free(f->net);
    assert_int_equal(g[0].times + g[2].times + g[3].times, 0);
    assert_int_equal(net_new(&f->net, &e), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(sleeps_for_its_whole_time_when_idle),
        T(wakes_from_another_thread),
        T(remembers_a_wakeup_that_came_first),
        T(works_on_under_a_rain_of_wakeups),
        T(does_not_spin_while_it_waits),
        T(calls_back_only_from_net_poll),
        T(gives_up_what_does_not_begin_in_time),
        T(looks_at_the_time_right_before_it_starts),
        T(a_moment_that_has_passed_sends_nothing),
        T(actions_go_first_and_the_rest_in_order),
        T(runs_at_most_64_at_once_and_all_in_the_end),
        T(a_429_stops_the_peer_but_for_one_action),
        T(listens_to_what_the_server_has_left),
        T(one_peer_does_not_pay_for_another),
        T(a_callback_may_start_the_next_call),
        T(freeing_drops_calls_without_callbacks),
    };
    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

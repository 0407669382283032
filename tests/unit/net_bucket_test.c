#include "net/net_bucket.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/attr.h"

#define ONCALLS 7u
#define OTHER   9u
#define T0      INT64_C(1000000)

static const struct net_rate SILENT = {-1, -1, -1, -1};

static unsigned take_all(struct net_bucket *b, enum net_class cls, uint32_t endpoint, int64_t now)
{
    unsigned n = 0;

    while (n < 5000 && net_bucket_take(b, cls, endpoint, now) == NET_GO)
        n++;
    return n;
}

static void answer(struct net_bucket *b, uint32_t endpoint, struct net_rate said, bool limited,
                   int64_t now)
{
    struct net_outcome o = {.sent = true, .limited = limited, .said = said};

    net_bucket_ended(b, endpoint, &o, now);
}

static void keeps_the_reserve_for_actions_and_a_quarter_from_optional_calls(void **state)
{
    struct net_bucket b;

    (void)state;
    net_bucket_init(&b, 100, 20, T0);
    /* The 76th finds 25 tokens, a quarter; the next finds fewer. */
    assert_int_equal(take_all(&b, NET_OPTIONAL, OTHER, T0), 76);
    assert_int_equal(net_bucket_take(&b, NET_OPTIONAL, OTHER, T0), NET_LEAVE_OUT);
    assert_int_equal(take_all(&b, NET_NEEDED, OTHER, T0), 4);
    assert_int_equal(net_bucket_take(&b, NET_NEEDED, OTHER, T0), NET_WAIT);
    assert_int_equal(take_all(&b, NET_ACTION, OTHER, T0), 20);
    assert_int_equal(net_bucket_left(&b, T0), 0);
}

static void refills_continuously_up_to_its_size(void **state)
{
    struct net_bucket b;

    (void)state;
    net_bucket_init(&b, 60, 0, T0);
    assert_int_equal(take_all(&b, NET_NEEDED, OTHER, T0), 60);
    assert_int_equal(take_all(&b, NET_NEEDED, OTHER, T0 + 999), 0);
    assert_int_equal(net_bucket_wait_ms(&b, NET_NEEDED, T0 + 999), 1);
    assert_int_equal(take_all(&b, NET_NEEDED, OTHER, T0 + 1000), 1);
    assert_int_equal(net_bucket_wait_ms(&b, NET_NEEDED, T0 + 1000), 1000);
    for (int64_t t = T0 + 1001; t < T0 + 1500; t += 7) /* looking often must not lose fractions */
        assert_int_equal(take_all(&b, NET_NEEDED, OTHER, t), 0);
    assert_int_equal(take_all(&b, NET_NEEDED, OTHER, T0 + 31000), 30);
    assert_int_equal(take_all(&b, NET_NEEDED, OTHER, T0 + 3600000), 60);
    /* A clock that stands still or steps back gives nothing. */
    assert_int_equal(take_all(&b, NET_NEEDED, OTHER, T0), 0);
}

static void gives_the_token_back_when_nothing_was_sent(void **state)
{
    struct net_bucket b;
    struct net_outcome unsent = {.sent = false, .said = {-1, -1, -1, -1}};

    (void)state;
    net_bucket_init(&b, 2, 0, T0);
    assert_int_equal(take_all(&b, NET_NEEDED, OTHER, T0), 2);
    net_bucket_ended(&b, OTHER, &unsent, T0);
    assert_int_equal(take_all(&b, NET_NEEDED, OTHER, T0), 1);
    answer(&b, OTHER, SILENT, false, T0);
    assert_int_equal(take_all(&b, NET_NEEDED, OTHER, T0), 0);
}

static void believes_a_smaller_remaining_until_the_reset(void **state)
{
    struct net_bucket b;

    (void)state;
    net_bucket_init(&b, 960, 20, T0);
    assert_int_equal(net_bucket_take(&b, NET_NEEDED, OTHER, T0), NET_GO);
    answer(&b, OTHER, (struct net_rate){960, 200, 30, -1}, false, T0);
    assert_int_equal(net_bucket_left(&b, T0 + 29000), 200); /* refilling does not climb over it */
    assert_int_equal(take_all(&b, NET_NEEDED, OTHER, T0 + 29000), 8);
    assert_in_range(net_bucket_wait_ms(&b, NET_NEEDED, T0 + 29000), 1000, 2000);
    /* F-28: goes on at most 2 s after the reset. */
    assert_int_equal(net_bucket_take(&b, NET_NEEDED, OTHER, T0 + 30000 + 2000), NET_GO);
}

static void never_believes_more_than_its_own_size(void **state)
{
    struct net_bucket b;

    (void)state;
    net_bucket_init(&b, 100, 0, T0);
    assert_int_equal(take_all(&b, NET_NEEDED, OTHER, T0), 100);
    for (int i = 0; i < 100; i++)
        answer(&b, OTHER, (struct net_rate){5000, 4900, 60, -1}, false, T0);
    assert_int_equal(take_all(&b, NET_NEEDED, OTHER, T0), 0);
    /* Within one window a later, larger statement (answers overtake each other) raises nothing. */
    net_bucket_init(&b, 100, 0, T0);
    assert_int_equal(net_bucket_take(&b, NET_NEEDED, OTHER, T0), NET_GO);
    assert_int_equal(net_bucket_take(&b, NET_NEEDED, OTHER, T0), NET_GO);
    answer(&b, OTHER, (struct net_rate){100, 10, 60, -1}, false, T0);
    answer(&b, OTHER, (struct net_rate){100, 50, 60, -1}, false, T0);
    assert_int_equal(take_all(&b, NET_NEEDED, OTHER, T0), 9);
}

static void counts_calls_on_their_way_against_remaining(void **state)
{
    struct net_bucket b;

    (void)state;
    net_bucket_init(&b, 960, 0, T0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(net_bucket_take(&b, NET_NEEDED, OTHER, T0), NET_GO);
    answer(&b, OTHER, (struct net_rate){960, 15, 60, -1}, false, T0);
    assert_int_equal(take_all(&b, NET_NEEDED, OTHER, T0), 6);
}

static void keeps_an_endpoints_own_limit_to_that_endpoint(void **state)
{
    struct net_bucket b;

    (void)state;
    net_bucket_init(&b, 960, 20, T0);
    assert_int_equal(net_bucket_take(&b, NET_NEEDED, ONCALLS, T0), NET_GO);
    answer(&b, ONCALLS, (struct net_rate){60, 14, 20, -1}, false, T0);
    assert_int_equal(net_bucket_take(&b, NET_NEEDED, ONCALLS, T0), NET_GO);
    assert_int_equal(net_bucket_take(&b, NET_NEEDED, ONCALLS, T0), NET_GO);
    /* 12 of 60 are the reserve. */
    assert_int_equal(net_bucket_take(&b, NET_NEEDED, ONCALLS, T0), NET_WAIT_ENDPOINT);
    assert_int_equal(net_bucket_take(&b, NET_OPTIONAL, ONCALLS, T0), NET_LEAVE_OUT);
    assert_int_equal(net_bucket_take(&b, NET_ACTION, ONCALLS, T0), NET_GO);
    assert_int_equal(net_bucket_wait_ms(&b, NET_NEEDED, T0), 21000);
    assert_true(take_all(&b, NET_NEEDED, OTHER, T0) > 700);
    assert_int_equal(net_bucket_take(&b, NET_NEEDED, ONCALLS, T0 + 22000), NET_GO);
}

static void remembers_more_endpoints_than_it_has_room_for_without_harm(void **state)
{
    struct net_bucket b;

    (void)state;
    net_bucket_init(&b, 960, 0, T0);
    for (uint32_t k = 1; k <= 3 * NET_WINDOWS; k++) {
        assert_int_equal(net_bucket_take(&b, NET_NEEDED, k, T0), NET_GO);
        answer(&b, k, (struct net_rate){60, 0, 5 + k, -1}, false, T0);
        assert_int_equal(net_bucket_take(&b, NET_NEEDED, k, T0), NET_WAIT_ENDPOINT);
    }
    assert_int_equal(net_bucket_left(&b, T0), 960 - 3 * NET_WINDOWS);
}

static void stops_after_a_429_for_as_long_as_it_says(void **state)
{
    static const struct {
        struct net_rate said;
        int64_t pause_ms;
    } PAUSES[] = {
        {{-1, -1, -1, -1}, NET_LIMITED_DEFAULT_S * 1000}, /* a 429 without any header happens */
        {{960, 0, 20, -1}, 20000},
        {{-1, -1, -1, 3}, 3000},
        {{960, 0, 20, 3}, 3000},
        {{-1, -1, -1, 86400}, NET_LIMITED_MAX_S * 1000},
        {{-1, -1, -1, 0}, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(PAUSES); i++) {
        struct net_bucket b;
        int64_t end = T0 + PAUSES[i].pause_ms;
        /* A remaining of 0 beside a shorter Retry-After still holds until its own reset. */
        int64_t go = PAUSES[i].said.reset_s * 1000 > PAUSES[i].pause_ms
                         ? T0 + PAUSES[i].said.reset_s * 1000
                         : end;
        net_bucket_init(&b, 960, 20, T0);
        assert_int_equal(net_bucket_take(&b, NET_NEEDED, OTHER, T0), NET_GO);
        answer(&b, OTHER, PAUSES[i].said, true, T0);
        assert_int_equal(net_bucket_left(&b, T0), 0);
        assert_false(net_bucket_has(&b, 1, T0));
        assert_int_equal(net_bucket_take(&b, NET_NEEDED, OTHER, end), NET_WAIT);
        assert_int_equal(net_bucket_take(&b, NET_OPTIONAL, OTHER, end), NET_LEAVE_OUT);
        assert_in_range(net_bucket_wait_ms(&b, NET_NEEDED, T0), PAUSES[i].pause_ms,
                        PAUSES[i].pause_ms + 2000);
        assert_int_equal(net_bucket_take(&b, NET_NEEDED, OTHER, go + 2000), NET_GO);
    }
}

static void lets_one_action_probe_during_a_pause(void **state)
{
    struct net_bucket b;
    struct net_outcome fine = {.sent = true, .probe = true, .said = {-1, -1, -1, -1}};
    struct net_outcome again = {
        .sent = true, .probe = true, .limited = true, .said = {-1, -1, -1, 10}};

    (void)state;
    net_bucket_init(&b, 0, 0, T0); /* also without a size of our own */
    assert_int_equal(net_bucket_take(&b, NET_NEEDED, OTHER, T0), NET_GO);
    answer(&b, OTHER, SILENT, true, T0);
    assert_int_equal(net_bucket_take(&b, NET_NEEDED, OTHER, T0), NET_WAIT);
    assert_int_equal(net_bucket_take(&b, NET_ACTION, OTHER, T0), NET_GO_PROBE);
    assert_int_equal(net_bucket_take(&b, NET_ACTION, OTHER, T0), NET_WAIT);
    /* Answered: the next action may try, one at a time; ordinary calls go on waiting. */
    net_bucket_ended(&b, OTHER, &fine, T0 + 100);
    assert_int_equal(net_bucket_take(&b, NET_NEEDED, OTHER, T0 + 100), NET_WAIT);
    assert_int_equal(net_bucket_take(&b, NET_ACTION, OTHER, T0 + 100), NET_GO_PROBE);
    /* Answered 429 as well: no more until the (longer) pause is over. */
    net_bucket_ended(&b, OTHER, &again, T0 + 14000);
    assert_int_equal(net_bucket_take(&b, NET_ACTION, OTHER, T0 + 15999), NET_WAIT);
    assert_int_equal(net_bucket_take(&b, NET_ACTION, OTHER, T0 + 24000), NET_WAIT);
    assert_int_equal(net_bucket_take(&b, NET_NEEDED, OTHER, T0 + 26000), NET_GO);
}

static void says_whether_optional_calls_fit(void **state)
{
    struct net_bucket b;

    (void)state;
    net_bucket_init(&b, 100, 20, T0);
    assert_true(net_bucket_has(&b, 0, T0));
    assert_true(net_bucket_has(&b, 76, T0));
    assert_false(net_bucket_has(&b, 77, T0));
    net_bucket_init(&b, 0, 0, T0);
    assert_true(net_bucket_has(&b, 1000000, T0));
    assert_int_equal(net_bucket_left(&b, T0), UINT_MAX);
}

/* A PagerDuty that counts fixed minutes, and another client of the same key. */
struct world {
    int64_t window_end;
    unsigned used, ours, limited, others;
    bool deaf; /* what it says does not reach us */
};

static void world_turn(struct world *w, int64_t now)
{
    if (now >= w->window_end) {
        w->window_end += 60000;
        w->used = 0;
    }
}

static struct net_outcome world_call(struct world *w, int64_t now)
{
    struct net_outcome o = {.sent = true, .said = SILENT};

    if (w->used >= 960) {
        w->limited++;
        o.limited = true;
    } else {
        w->used++;
        w->ours++;
    }
    if (w->deaf)
        return (struct net_outcome){.sent = true, .said = SILENT};
    o.said = (struct net_rate){960, o.limited ? 0 : 960 - (int64_t)w->used,
                               (w->window_end - now) / 1000, -1};
    return o;
}

#define ROUND_TRIP_MS 80
#define STEP_MS       10
#define IN_FLIGHT     64

struct flight {
    int64_t served_at, back_at;
    bool served, used;
    struct net_outcome o;
};

static void fly(struct flight *f, struct net_bucket *b, struct world *w, int64_t now)
{
    if (f->used && !f->served && now >= f->served_at) {
        bool probe = f->o.probe;
        f->o = world_call(w, now);
        f->o.probe = probe;
        f->served = true;
    }
    if (f->used && now >= f->back_at) {
        net_bucket_ended(b, OTHER, &f->o, now);
        f->used = false;
    }
}

static void start_flights(struct flight *flights, struct net_bucket *b, unsigned *actions_due,
                          int64_t now)
{
    for (size_t i = 0; i < IN_FLIGHT; i++) {
        enum net_class cls = *actions_due > 0 ? NET_ACTION : NET_NEEDED;
        enum net_verdict v;
        if (flights[i].used)
            continue;
        v = net_bucket_take(b, cls, OTHER, now);
        if (cls == NET_ACTION && v != NET_GO && v != NET_GO_PROBE)
            v = net_bucket_take(b, cls = NET_NEEDED, OTHER, now);
        if (v != NET_GO && v != NET_GO_PROBE)
            return;
        *actions_due -= cls == NET_ACTION;
        flights[i] = (struct flight){now + ROUND_TRIP_MS / 2, now + ROUND_TRIP_MS, .used = true};
        flights[i].o.probe = v == NET_GO_PROBE;
    }
}

/* Runs ten minutes of unlimited demand; the other client makes per_s calls a second. Returns our calls served. */
static void run_world(struct world *w, struct net_bucket *b, unsigned per_s,
                      unsigned action_every_ms)
{
    struct flight flights[IN_FLIGHT] = {0};
    unsigned actions_due = 0;

    for (int64_t now = T0; now < T0 + 600000; now += STEP_MS) {
        world_turn(w, now);
        if ((now - T0) % 1000 == 0) {
            for (unsigned i = 0; i < per_s; i++) {
                w->others += w->used < 960;
                w->used += w->used < 960;
            }
        }
        actions_due += action_every_ms != 0 && (now - T0) % action_every_ms == 0;
        for (size_t i = 0; i < IN_FLIGHT; i++)
            fly(&flights[i], b, w, now);
        start_flights(flights, b, &actions_due, now);
    }
}

/* F-28 */
static void meets_no_429_in_ten_minutes_beside_another_client(void **state)
{
    static const struct {
        unsigned per_s, action_every_ms;
        int64_t first_window_ms;
        unsigned at_least; /* of our calls served in ten minutes */
    } RUNS[] = {
        {0, 0, 60000, 7000},    {8, 0, 60000, 2900},   {8, 0, 13370, 2900},
        {8, 2000, 13370, 2900}, {8, 500, 41990, 2900}, {4, 1000, 30000, 4500},
        {15, 3000, 59999, 100},
    };
    unsigned limited = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(RUNS); i++) {
        struct world w = {.window_end = T0 + RUNS[i].first_window_ms};
        struct net_bucket b;
        net_bucket_init(&b, 960, 20, T0);
        run_world(&w, &b, RUNS[i].per_s, RUNS[i].action_every_ms);
        print_message("%u/s others, action every %u ms: %u ours, %u theirs, %u x 429\n",
                      RUNS[i].per_s, RUNS[i].action_every_ms, w.ours, w.others, w.limited);
        limited += w.limited;
        assert_true(w.ours >= RUNS[i].at_least);
    }
    assert_int_equal(limited, 0);
}

static void the_world_would_see_a_client_that_does_not_listen(void **state)
{
    struct world w = {.window_end = T0 + 60000, .deaf = true};
    struct net_bucket b;

    (void)state;
    net_bucket_init(&b, 960, 20, T0);
    run_world(&w, &b, 8, 0);
    assert_true(w.limited > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_reserve_for_actions_and_a_quarter_from_optional_calls),
        cmocka_unit_test(refills_continuously_up_to_its_size),
        cmocka_unit_test(gives_the_token_back_when_nothing_was_sent),
        cmocka_unit_test(believes_a_smaller_remaining_until_the_reset),
        cmocka_unit_test(never_believes_more_than_its_own_size),
        cmocka_unit_test(counts_calls_on_their_way_against_remaining),
        cmocka_unit_test(keeps_an_endpoints_own_limit_to_that_endpoint),
        cmocka_unit_test(remembers_more_endpoints_than_it_has_room_for_without_harm),
        cmocka_unit_test(stops_after_a_429_for_as_long_as_it_says),
        cmocka_unit_test(lets_one_action_probe_during_a_pause),
        cmocka_unit_test(says_whether_optional_calls_fit),
        cmocka_unit_test(meets_no_429_in_ten_minutes_beside_another_client),
        cmocka_unit_test(the_world_would_see_a_client_that_does_not_listen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

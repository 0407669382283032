#include "net/net_bucket.h"

#include <limits.h>
#include <stddef.h>

/* One token. With this unit a millisecond refills exactly `size` units, and no fraction is ever lost. */
#define UNIT 60000

/* Servers cut the seconds until reset down or round them up; a second more is right for both. */
#define RESET_SLACK_MS 1000

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static bool live(const struct net_window *w, int64_t now)
{
    return now < w->until_mono_ms;
}

static int64_t reserve_of(const struct net_bucket *b, int64_t size)
{
    return size * b->reserve_pct / 100;
}

/* Refills up to t, under the server's ceiling while it holds. */
static void refill_to(struct net_bucket *b, int64_t t, int64_t ceiling)
{
    int64_t ms = least(t - b->at_mono_ms, UNIT); /* a minute fills it wholly */

    if (ms > 0) {
        b->units += ms * b->size;
        b->at_mono_ms = t;
    }
    b->units = least(b->units, ceiling * UNIT);
}

static void refill(struct net_bucket *b, int64_t now)
{
    if (b->all.until_mono_ms != 0) {
        refill_to(b, least(now, b->all.until_mono_ms), least(b->all.left, b->size));
        if (live(&b->all, now))
            return;
        /* A new window of the server: one ordinary call may find out at once, the rest follows by refilling, so that
         * we neither wait for our own reserve to fill nor take the whole window in its first second. */
        b->all.until_mono_ms = 0;
        b->units = most(b->units, least(reserve_of(b, b->size) + 1, b->size) * UNIT);
    }
    refill_to(b, now, b->size);
}

void net_bucket_init(struct net_bucket *b, unsigned per_minute, unsigned reserve_pct,
                     int64_t now_mono_ms)
{
    *b = (struct net_bucket){
        .size = per_minute, .reserve_pct = reserve_pct, .at_mono_ms = now_mono_ms};
    b->units = b->size * UNIT;
}

static struct net_window *window_of(struct net_bucket *b, uint32_t endpoint)
{
    for (size_t i = 0; i < NET_WINDOWS; i++) {
        if (b->one[i].endpoint == endpoint)
            return &b->one[i];
    }
    return NULL;
}

/* The endpoint's window, else a free one, else the one that ends first. */
static struct net_window *window_for(struct net_bucket *b, uint32_t endpoint)
{
    struct net_window *w = window_of(b, endpoint), *oldest = &b->one[0];

    if (w)
        return w;
    for (size_t i = 1; i < NET_WINDOWS; i++) {
        if (b->one[i].until_mono_ms < oldest->until_mono_ms)
            oldest = &b->one[i];
    }
    *oldest = (struct net_window){.endpoint = endpoint};
    return oldest;
}

static bool enough(enum net_class cls, int64_t have, int64_t size, int64_t reserve)
{
    switch (cls) {
    case NET_ACTION:
        return have >= 1;
    case NET_NEEDED:
        return have > reserve;
    case NET_OPTIONAL:
        return have > reserve && have * 4 >= size;
    }
    return false;
}

/* How many the others will have taken, between what we last heard and t. */
static int64_t others_until(const struct net_bucket *b, int64_t t)
{
    return b->others.per_minute * most(t - b->others.heard_mono_ms, 0) / UNIT;
}

/* Does what the server left for the whole credential allow `ahead` calls and then one of this class? */
static bool server_allows(const struct net_bucket *b, enum net_class cls, int64_t ahead,
                          int64_t now)
{
    const struct net_window *w = &b->all;
    /* An action counts what is probably gone by now (others come in bursts: a second more), the rest what will be. */
    int64_t gone = others_until(b, cls == NET_ACTION ? now + 1000 : w->until_mono_ms);

    return !live(w, now) || enough(cls, w->left - gone - ahead, b->size, reserve_of(b, b->size));
}

static void spend(struct net_bucket *b, struct net_window *w)
{
    b->all.out++;
    b->all.left = most(b->all.left - 1, 0);
    b->others.taken++;
    b->units = most(b->units - UNIT, 0);
    if (w) {
        w->out++;
        w->left = most(w->left - 1, 0);
    }
}

enum net_verdict net_bucket_take(struct net_bucket *b, enum net_class cls, uint32_t endpoint,
                                 int64_t now)
{
    struct net_window *w = window_of(b, endpoint);
    enum net_verdict no = cls == NET_OPTIONAL ? NET_LEAVE_OUT : NET_WAIT;

    refill(b, now);
    if (now < b->limited_until_mono_ms) {
        if (cls != NET_ACTION || b->probe_used)
            return no;
        b->probe_used = true;
        spend(b, w);
        return NET_GO_PROBE;
    }
    if (b->size != 0 && (!enough(cls, b->units / UNIT, b->size, reserve_of(b, b->size)) ||
                         !server_allows(b, cls, 0, now)))
        return no;
    if (w && live(w, now) && !enough(cls, w->left, w->limit, reserve_of(b, w->limit)))
        return cls == NET_OPTIONAL ? NET_LEAVE_OUT : NET_WAIT_ENDPOINT;
    spend(b, w);
    return NET_GO;
}

/* Follows the others through one window of the server. */
static void judge_others(struct net_bucket *b, int64_t left, int64_t now)
{
    struct net_others *o = &b->others;
    int64_t age = now - o->first_mono_ms;

    if (age >= NET_OTHERS_AFTER_MS)
        o->per_minute = least(most(o->first_left - o->taken - left, 0) * UNIT / age, b->size);
    o->heard_mono_ms = now;
}

/* The server's word on what is left. Calls on their way may not be counted in it yet, so they are taken off. */
static void hear(struct net_bucket *b, uint32_t endpoint, const struct net_rate *said, int64_t now)
{
    bool tight = said->limit > 0 && said->limit < b->size;
    struct net_window *w = tight ? window_for(b, endpoint) : &b->all;
    int64_t wait_s =
        said->reset_s < 0 ? NET_LIMITED_DEFAULT_S : least(said->reset_s, NET_LIMITED_MAX_S);
    int64_t until = now + wait_s * 1000 + RESET_SLACK_MS;
    int64_t left = most(least(said->remaining, b->size) - (int64_t)w->out, 0);

    if (live(w, now)) {
        w->until_mono_ms = least(w->until_mono_ms, until);
        if (!tight)
            judge_others(b, left, now);
        w->left = least(w->left, left);
    } else {
        w->limit = tight ? said->limit : b->size;
        w->left = left;
        w->until_mono_ms = until;
        if (!tight) {
            b->others.first_left = left;
            b->others.first_mono_ms = b->others.heard_mono_ms = now;
            b->others.taken = 0;
        }
    }
    refill(b, now);
}

static void pause_for(struct net_bucket *b, const struct net_rate *said, int64_t now)
{
    int64_t wait_s = said->retry_after_s >= 0 ? said->retry_after_s : said->reset_s;

    if (wait_s < 0)
        wait_s = NET_LIMITED_DEFAULT_S;
    wait_s = least(wait_s, NET_LIMITED_MAX_S);
    if (now >= b->limited_until_mono_ms)
        b->probe_used = false;
    b->limited_until_mono_ms = most(b->limited_until_mono_ms, now + wait_s * 1000 + RESET_SLACK_MS);
}

void net_bucket_ended(struct net_bucket *b, uint32_t endpoint, const struct net_outcome *o,
                      int64_t now)
{
    struct net_window *w = window_of(b, endpoint);

    refill(b, now);
    b->all.out -= b->all.out > 0;
    if (w)
        w->out -= w->out > 0;
    /* A probe that was not answered 429 lets the next action try; one that was is the last until the pause ends. */
    if (o->probe && !o->limited)
        b->probe_used = false;
    if (!o->sent) {
        b->units = least(b->units + UNIT, b->size * UNIT);
        b->all.left++;
        b->others.taken--;
        if (w)
            w->left++;
        return;
    }
    if (b->size != 0 && o->said.remaining >= 0)
        hear(b, endpoint, &o->said, now);
    if (o->limited) {
        pause_for(b, &o->said, now);
        b->probe_used = b->probe_used || o->probe;
    }
}

int64_t net_bucket_wait_ms(const struct net_bucket *b, enum net_class cls, int64_t now)
{
    struct net_bucket then = *b;
    int64_t need = cls == NET_ACTION ? 1 : reserve_of(b, b->size) + 1, wait = INT64_MAX;

    if (now < b->limited_until_mono_ms)
        return b->limited_until_mono_ms - now;
    refill(&then, now);
    if (!server_allows(&then, cls, 0, now))
        return then.all.until_mono_ms - now;
    if (then.size != 0 && then.units < need * UNIT) {
        wait = (need * UNIT - then.units + then.size - 1) / then.size;
        return live(&then.all, now) ? least(wait, then.all.until_mono_ms - now) : wait;
    }
    for (size_t i = 0; i < NET_WINDOWS; i++) {
        if (live(&then.one[i], now))
            wait = least(wait, then.one[i].until_mono_ms - now);
    }
    return wait == INT64_MAX ? 1 : wait;
}

unsigned net_bucket_left(const struct net_bucket *b, int64_t now)
{
    struct net_bucket then = *b;

    if (now < b->limited_until_mono_ms)
        return 0;
    if (b->size == 0)
        return UINT_MAX;
    refill(&then, now);
    return (unsigned)(then.units / UNIT);
}

bool net_bucket_has(const struct net_bucket *b, unsigned calls, int64_t now)
{
    int64_t left = net_bucket_left(b, now), ahead = (int64_t)calls - 1;

    if (calls == 0 || left == UINT_MAX)
        return true;
    return enough(NET_OPTIONAL, left - ahead, b->size, reserve_of(b, b->size)) &&
           server_allows(b, NET_OPTIONAL, ahead, now);
}

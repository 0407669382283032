#ifndef TRIAGED_NET_NET_BUCKET_H
#define TRIAGED_NET_NET_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "net/net.h"

/*
 * How many calls one credential may still make. Pure: the clock is handed in, so that tests own it (F-28).
 *
 * Our own bucket holds per_minute tokens and refills continuously. Under it lies what the server says: its
 * "remaining" is a ceiling on our tokens until its "reset", because others may use the same credential. A header whose
 * limit is smaller than our size describes one endpoint's own tighter bucket (PagerDuty has such for GET /oncalls and
 * POST and PUT /incidents) and is a ceiling for that endpoint only. Statements of the server lower, never raise.
 */

#define NET_LIMITED_DEFAULT_S 15 /* pause after a 429 that does not say how long */
#define NET_LIMITED_MAX_S \
    900               /* longest pause we believe: a wrong header must not stop us for a day */
#define NET_WINDOWS 8 /* endpoints with a bucket of their own that we can remember */
#define NET_OTHERS_AFTER_MS \
    5000 /* a window must be this old before we judge from it how much others take */

/* What the headers of one answer said; -1 = not said. */
struct net_rate {
    int64_t limit;
    int64_t remaining;
    int64_t reset_s;
    int64_t retry_after_s;
};

struct net_window {
    uint32_t endpoint; /* net_url_endpoint; 0 = of the whole credential */
    unsigned out;      /* calls begun that have not been answered */
    int64_t limit;
    int64_t left;
    int64_t until_mono_ms; /* means nothing from then on */
};

/*
 * Other clients of the same credential, seen as the part of the shrinking "remaining" that was not us. What they will
 * probably take until the reset is left to them, so that the reserve is still there when an action comes.
 */
struct net_others {
    int64_t per_minute; /* the latest judgement; outlives the window it came from */
    int64_t first_left; /* the first statement of this window */
    int64_t first_mono_ms;
    int64_t taken; /* by us since then */
    int64_t heard_mono_ms;
};

struct net_bucket {
    int64_t size; /* 0 = unlimited: only a 429 stops it */
    int64_t reserve_pct;
    int64_t units; /* tokens, in the unit that a millisecond refills by `size` */
    int64_t at_mono_ms;
    struct net_window all;
    struct net_others others;
    struct net_window one[NET_WINDOWS];
    int64_t limited_until_mono_ms; /* a 429 stopped us until then */
    bool probe_used; /* the one action let through meanwhile is out, or was answered 429 too */
};

enum net_verdict {
    NET_GO,            /* a token was taken; tell net_bucket_ended() later */
    NET_GO_PROBE,      /* the same, as the one probe while a 429 stops the rest */
    NET_WAIT,          /* nothing of this class goes now */
    NET_WAIT_ENDPOINT, /* this endpoint's own bucket is short; others may go */
    NET_LEAVE_OUT,     /* optional, and the budget is short */
};

void net_bucket_init(struct net_bucket *b, unsigned per_minute, unsigned reserve_pct,
                     int64_t now_mono_ms);
enum net_verdict net_bucket_take(struct net_bucket *b, enum net_class cls, uint32_t endpoint,
                                 int64_t now_mono_ms);

struct net_outcome {
    bool sent;    /* false gives the token back */
    bool probe;   /* was let through by NET_GO_PROBE */
    bool limited; /* answered 429 */
    struct net_rate said;
};
void net_bucket_ended(struct net_bucket *b, uint32_t endpoint, const struct net_outcome *o,
                      int64_t now_mono_ms);

/* Milliseconds (>= 1) after which asking again for a waiting call of this class may help. */
int64_t net_bucket_wait_ms(const struct net_bucket *b, enum net_class cls, int64_t now_mono_ms);
/* Whole tokens now; UINT_MAX when unlimited, 0 while a 429 stops us. */
unsigned net_bucket_left(const struct net_bucket *b, int64_t now_mono_ms);
/* Could this many optional calls begin now, one after the other? */
bool net_bucket_has(const struct net_bucket *b, unsigned calls, int64_t now_mono_ms);

#endif

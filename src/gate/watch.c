#include <string.h>

#include "base/clock.h"
#include "gate/gate_priv.h"

/*
 * What a fresh state of an incident means for a proposal that waits: pure, so that a table shows every verb.
 * Somebody else's clock times log entries, so that ours is compared with some slack.
 */
#define CLOCK_SLACK_MS 60000

static const struct watch_own *ours(const struct watch_in *in, const struct action_other *o)
{
    for (size_t i = 0; i < in->n_own; i++)
        if (o->agent_id && text_eq(in->own[i].pd_user_id, o->agent_id) && o->at_ms > 0 &&
            o->at_ms >= in->own[i].from_ms - CLOCK_SLACK_MS &&
            o->at_ms <= in->own[i].until_ms + CLOCK_SLACK_MS)
            return &in->own[i];
    return NULL;
}

static void ended(const struct watch_in *in, struct watch_out *out, const char *reason)
{
    out->end = in->state == PROPOSAL_PENDING ? WATCH_WITHDRAWN : WATCH_STALE;
    out->reason = reason;
}

static void say_when(int64_t at_ms, struct buf *b)
{
    char iso[TIME_ISO_MAX];

    if (at_ms > 0)
        buf_printf(b, " at %s", time_format_iso(at_ms, false, iso));
}

static void overtaken(struct arena *a, const struct watch_in *in, const struct action_other *o,
                      struct watch_out *out)
{
    AUTO(buf_done) struct buf b = {0};
    const struct watch_own *own = ours(in, o);

    buf_init(&b, WORDS_MAX);
    if (own) {
        ended(in, out,
              arena_printf(a, "our own proposal %lld did it (%s)", (long long)own->proposal_id,
                           own->verb));
        return;
    }
    text_show(&b, o->who, strlen(o->who), 120, true);
    out->who = arena_printf(a, "PagerDuty: %s", buf_str(&b));
    buf_printf(&b, " %s it at PagerDuty", o->did);
    if (o->at_ms > 0)
        say_when(o->at_ms, &b);
    out->end = WATCH_OVERTAKEN;
    out->reason = words(a, &b);
}

/* Was it somebody else who did what one of the actions wanted? */
static bool any_overtaken(struct arena *a, const struct watch_in *in, struct watch_out *out)
{
    for (size_t i = 0; i < in->n_acts; i++) {
        const struct action_def *d = action_find(in->acts[i].verb);
        AUTO(json_freep) json_t *args = json_of(in->acts[i].args);
        AUTO(json_freep) json_t *binds = json_of(in->acts[i].binds);
        struct action_seen seen = {
            .view = in->now, .args = args, .binds = binds, .log = in->log, .n_log = in->n_log};
        struct action_other other = {0};

        if (!d || !d->overtaken || !text_eq(in->acts[i].target, in->now->incident_id) ||
            !d->overtaken(&seen, &other))
            continue;
        overtaken(a, in, &other, out);
        return true;
    }
    return false;
}

static void resolved(struct arena *a, const struct watch_in *in, struct watch_out *out)
{
    struct action_seen seen = {.view = in->now, .log = in->log, .n_log = in->n_log};
    struct action_other other;
    AUTO(buf_done) struct buf b = {0};

    buf_init(&b, WORDS_MAX);
    other_from(seen_last(&seen, "resolve_log_entry"), in->now, &other);
    buf_puts(&b, "the incident was resolved by ");
    text_show(&b, other.who, strlen(other.who), 120, true);
    say_when(other.at_ms, &b);
    ended(in, out, words(a, &b));
}

static bool any_moved(struct arena *a, const struct watch_in *in, struct watch_out *out)
{
    AUTO(buf_done) struct buf b = {0};

    buf_init(&b, WORDS_MAX);
    for (size_t i = 0; i < in->n_acts; i++) {
        AUTO(json_freep) json_t *binds = json_of(in->acts[i].binds);

        if (text_eq(in->acts[i].target, in->now->incident_id) && binds_moved(binds, in->now, &b)) {
            ended(in, out, words(a, &b));
            return true;
        }
    }
    return false;
}

void watch_judge(struct arena *a, const struct watch_in *in, struct watch_out *out)
{
    *out = (struct watch_out){.end = WATCH_KEEP};
    if (in->now->merged_into) {
        ended(in, out, arena_printf(a, "the incident was merged into %s", in->now->merged_into));
        return;
    }
    if (any_overtaken(a, in, out))
        return;
    if (text_eq(in->now->status, "resolved") && !text_eq(in->status_then, "resolved")) {
        resolved(a, in, out);
        return;
    }
    (void)any_moved(a, in, out);
}

/* Whom PagerDuty pages next, when, and why nobody if so. */
#include "base/text.h"
#include "triage/pure.h"

#define MINUTE_MS INT64_C(60000)

static bool on_call_at(const struct pd_oncalls *o, int level, const char *user_id)
{
    for (size_t i = 0; i < o->n; i++)
        if (o->items[i].level == level && text_eq(o->items[i].user.id, user_id))
            return true;
    return false;
}

static int highest(const struct pd_oncalls *o)
{
    int most = 0;

    for (size_t i = 0; i < o->n; i++)
        if (o->items[i].level > most)
            most = o->items[i].level;
    return most;
}

int triage_level(const struct pd_incident *in, const struct pd_oncalls *o)
{
    int most;

    if (!o || in->assignments.n == 0)
        return 0;
    most = highest(o);
    for (int level = 1; level <= most; level++) {
        size_t held = 0;

        while (held < in->assignments.n && on_call_at(o, level, in->assignments.items[held].who.id))
            held++;
        if (held == in->assignments.n)
            return level;
    }
    return 0;
}

static const char *why_none(const struct pd_incident *in)
{
    if (text_eq(in->status, "resolved"))
        return "the incident is resolved";
    if (text_eq(in->status, "acknowledged"))
        return "the incident is acknowledged";
    if (text_eq(in->assigned_via, "direct_assignment"))
        return "it is assigned directly: the escalation policy does not apply";
    if (text_eq(in->urgency, "low"))
        return "low urgency: PagerDuty does not escalate it";
    return "PagerDuty announces none";
}

static int64_t assigned_ms(const struct pd_incident *in)
{
    int64_t last = 0;

    for (size_t i = 0; i < in->assignments.n; i++)
        if (in->assignments.items[i].at_ms > last)
            last = in->assignments.items[i].at_ms;
    return last;
}

static int64_t delay_ms(const struct pd_policy *p, int level)
{
    for (size_t i = 0; i < p->n_levels; i++)
        if (p->levels[i].level == level)
            return p->levels[i].delay_min * MINUTE_MS;
    return 0;
}

static bool may_escalate(const struct pd_incident *in)
{
    return text_eq(in->status, "triggered") && !text_eq(in->assigned_via, "direct_assignment") &&
           !text_eq(in->urgency, "low");
}

/*
 * PagerDuty says when, not whom: the level above the one whose on-calls hold the incident now, and the first again after
 * the last while the policy repeats.
 */
void triage_next_page(const struct pd_incident *in, const struct pd_policy *policy,
                      const struct pd_oncalls *oncalls, struct next_page *out)
{
    int now = triage_level(in, oncalls);
    int levels = policy ? (int)policy->n_levels : 0;
    bool last = levels > 0 && now >= levels;

    *out = (struct next_page){0};
    if (in->next_escalate_ms > 0) {
        out->at_ms = in->next_escalate_ms;
    } else if (in->pending || !may_escalate(in) || !policy || now == 0 || assigned_ms(in) == 0 ||
               delay_ms(policy, now) == 0) {
        /* REST lists the pending actions of every open incident: a list without an escalation is an answer. */
        out->why = why_none(in);
        return;
    } else if (last && policy->num_loops == 0) {
        out->why = "the escalation policy ends at this level";
        return;
    } else {
        out->at_ms = assigned_ms(in) + delay_ms(policy, now);
        out->computed = true;
    }
    if (now > 0 && levels > 0)
        out->level = last ? 1 : now + 1;
}

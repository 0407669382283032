#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "cli/doctor.h"
#include "pagerduty/pagerduty.h"

/* What doctor asks PagerDuty, reading only: a look must not change anything. */

#define CLOCK_WARN_MS INT64_C(5000)
#define CLOCK_RED_MS  INT64_C(120000)
#define ASK_LIMIT_MS  15000
#define PEOPLE_MAX    20
#define WEBHOOK_PATH  "/webhooks/pagerduty"

struct ask {
    struct doctor *d;
    struct net *net;
    struct pd_client client;
    struct arena *arena; /* bodies and what was read from them; one for the whole run */
    /* The answer to the last question. */
    int code, status;
    const char *body;
    size_t body_len;
    char why[160];
    int64_t date_ms, at_ms; /* PagerDuty's clock and ours, of the first answer that had one */
    bool done;
};

static int64_t real_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME,
                  &now); /* development.clock_offset_s must not hide a wrong clock */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void on_reply(void *arg, uint64_t owner, const struct net_reply *r)
{
    struct ask *a = arg;

    (void)owner;
    a->code = r->code;
    a->status = r->status;
    a->body = r->body ? arena_strndup(a->arena, r->body, r->body_len) : "";
    a->body_len = r->body_len;
    (void)snprintf(a->why, sizeof a->why, "%s", r->msg);
    if (a->date_ms == 0 && r->date_ms) {
        a->date_ms = r->date_ms;
        a->at_ms = real_now_ms();
    }
    a->done = true;
}

/* True when PagerDuty answered, whatever it said. */
static bool ask(struct ask *a, enum pd_op_id op, const struct pd_args *args)
{
    int64_t until = clock_mono_ms() + ASK_LIMIT_MS;
    struct net_req req = {0};
    struct err e = {0};

    a->done = false;
    a->status = 0;
    a->code = ERR_RETRY;
    if (pd_get(a->arena, &a->client, op, args, &req, &e) < 0 ||
        net_start(a->net, &req, on_reply, a, 1, &e) < 0) {
        (void)snprintf(a->why, sizeof a->why, "%.150s", e.msg);
        return false;
    }
    while (!a->done && clock_mono_ms() < until)
        if (net_poll(a->net, 200, &e) < 0)
            break;
    if (!a->done)
        (void)snprintf(a->why, sizeof a->why, "no answer within %d s", ASK_LIMIT_MS / 1000);
    return a->done && a->code == 0;
}

static const char *said(struct ask *a, enum pd_op_id op)
{
    struct pd_error pe;

    pd_error_parse(pd_op(op), a->status, a->body, a->body_len, &pe);
    return fmt(a->d->c, "HTTP %d%s%s%s%s", a->status, pe.meaning ? ", " : "",
               pe.meaning ? pe.meaning : "", pe.message[0] ? ": " : "", pe.message);
}

/* ---- the key ---- */

static void note_user_key(struct ask *a)
{
    struct pd_user me;
    struct err e = {0};

    if (pd_read_user(a->arena, a->body, a->body_len, &me, &e) < 0)
        doctor_add(a->d, WARN, "PagerDuty key", "GET /users/me answered something unreadable",
                   "look at pagerduty.base_url");
    else
        doctor_add(a->d, WARN, "PagerDuty key",
                   fmt(a->d->c,
                       "a user's key: it acts as %s <%s>, sees what that user sees and dies with "
                       "the account",
                       me.name ? me.name : "?", me.email ? me.email : "?"),
                   "for lasting use take an account key (Integrations > API Access Keys)");
}

/* False: nothing more can be asked. */
static bool check_key(struct ask *a)
{
    struct doctor *d = a->d;

    if (!ask(a, PD_OP_ABILITIES, &(struct pd_args){0})) {
        doctor_add(
            d, RED_ROW, "PagerDuty",
            fmt(d->c, "%s does not answer: %s", a->client.base_url, a->why),
            "look at pagerduty.base_url (EU: https://api.eu.pagerduty.com), DNS and the firewall; a "
            "private address needs allow_private_addresses");
        return false;
    }
    if (a->status == 401) {
        doctor_add(
            d, RED_ROW, "PagerDuty key",
            fmt(d->c, "PagerDuty refuses it (%s)", said(a, PD_OP_ABILITIES)),
            "make an API key in PagerDuty (Integrations > API Access Keys; read-only is enough to "
            "begin) and put it into pagerduty.token_file; EU keys work at api.eu.pagerduty.com only");
        return false;
    }
    if (a->status >= 500 || a->status == 429) {
        doctor_add(d, WARN, "PagerDuty", said(a, PD_OP_ABILITIES),
                   "PagerDuty is busy or out of order; look again in a minute");
        return false;
    }
    doctor_add(d, OK, "PagerDuty", fmt(d->c, "%s answers and knows the key", a->client.base_url),
               NULL);
    if (ask(a, PD_OP_ME, &(struct pd_args){0}) && a->status == 200)
        note_user_key(a);
    else
        doctor_add(d, OK, "PagerDuty key", "an account's key (it is no user's)", NULL);
    return true;
}

/* ---- may it write? ---- */

static const json_t *newest(json_t *answer)
{
    return json_array_get(items_of(answer), 0);
}

/*
 * PagerDuty has no question that tells a full key from a read-only one; only a write does, and a check must not write. So the
 * last thing that was carried out speaks.
 */
static void check_write(struct doctor *d)
{
    const json_t *done = newest(d->last_done), *failed = newest(d->last_failed);
    int64_t done_ms = when_ms(done, "ended_at"), failed_ms = when_ms(failed, "ended_at");
    const char *reason = json_opt_str(failed, "reason");
    bool refused = reason && (strstr(reason, "HTTP 403") || strstr(reason, "HTTP 401"));

    if (done && done_ms >= failed_ms)
        doctor_add(d, OK, "may write",
                   fmt(d->c, "yes: proposal %s was carried out %s", member(d->c, done, "id"),
                       ago(d->c, done_ms)),
                   NULL);
    else if (failed && refused)
        doctor_add(
            d, WARN, "may write",
            fmt(d->c, "no, it seems: proposal %s failed %s: %s", member(d->c, failed, "id"),
                ago(d->c, failed_ms), reason),
            "a read-only key is enough for everything but executing; to execute, put a full-access "
            "key into pagerduty.token_file and reload");
    else
        doctor_add(
            d, OK, "may write",
            "not known: only a write tells a full key from a read-only one, and nothing was carried "
            "out yet. A read-only key is enough for everything but executing",
            NULL);
}

/* ---- From ---- */

static void check_from(struct ask *a)
{
    const char *email = a->client.from_email;
    struct doctor *d = a->d;
    struct pd_users users = {0};
    struct err e = {0};

    if (!email) {
        doctor_add(d, OK, "From",
                   "no service user: every change bears the name of the person who approved it",
                   NULL);
        return;
    }
    if (!ask(a, PD_OP_USERS, &(struct pd_args){.query = email, .limit = 25}) || a->status != 200 ||
        pd_read_users(a->arena, a->body, a->body_len, &users, &e) < 0) {
        doctor_add(d, WARN, "From",
                   fmt(d->c, "%s cannot be looked up (%s)", email,
                       a->status ? said(a, PD_OP_USERS) : a->why),
                   "look again later; the key needs to read users");
        return;
    }
    for (size_t i = 0; i < users.n; i++)
        if (users.items[i].email && strcasecmp(users.items[i].email, email) == 0) {
            doctor_add(d, OK, "From",
                       fmt(d->c, "%s is %s (%s)", email,
                           users.items[i].name ? users.items[i].name : "?", users.items[i].id),
                       NULL);
            return;
        }
    doctor_add(d, RED_ROW, "From", fmt(d->c, "no PagerDuty user has the address %s", email),
               "make one in PagerDuty, or write the right address into pagerduty.from_email");
}

/* A decision is carried out under the e-mail that we know of a person: PagerDuty must know it as well. */
static void check_person(struct ask *a, const json_t *x, size_t *good)
{
    struct doctor *d = a->d;
    struct pd_user user = {0};
    struct err e = {0};
    const char *id = json_opt_str(x, "pd_user_id"), *email = json_opt_str(x, "email");

    if (!id || !email || json_opt_bool(x, "disabled", false) || json_opt_bool(x, "agent", false))
        return;
    if (!ask(a, PD_OP_USER, &(struct pd_args){.id = id}))
        return;
    if (a->status == 404)
        doctor_add(
            d, WARN, "people",
            fmt(d->c, "%s is linked to PagerDuty user %s, who does not exist",
                member(d->c, x, "name"), id),
            "link the right one: triagectl user add with the id from the user's page in PagerDuty");
    else if (a->status == 200 && pd_read_user(a->arena, a->body, a->body_len, &user, &e) == 0 &&
             (!user.email || strcasecmp(user.email, email) != 0))
        doctor_add(
            d, WARN, "people",
            fmt(d->c,
                "%s has the address %s here and %s at PagerDuty, which would refuse the first",
                member(d->c, x, "name"), email, user.email ? user.email : "none"),
            "add the person again with PagerDuty's address");
    else if (a->status == 200)
        ++*good;
}

static void check_people(struct ask *a)
{
    size_t good = 0;

    for (size_t i = 0; i < json_array_size(items_of(a->d->people)) && i < PEOPLE_MAX; i++)
        check_person(a, json_array_get(items_of(a->d->people), i), &good);
    if (good)
        doctor_add(a->d, OK, "links",
                   fmt(a->d->c, "%zu people are who they are at PagerDuty", good), NULL);
}

/* ---- the webhook subscription ---- */

static bool has_event(const struct pd_subscription *s, const char *name)
{
    for (size_t i = 0; i < s->n_events; i++)
        if (text_eq(s->events[i], name))
            return true;
    return false;
}

/* Without these triage misses what it works on. */
static void check_events(struct doctor *d, const struct pd_subscription *s)
{
    static const char *const needed[] = {
        "incident.triggered",        "incident.acknowledged",   "incident.unacknowledged",
        "incident.escalated",        "incident.reassigned",     "incident.delegated",
        "incident.reopened",         "incident.resolved",       "incident.annotated",
        "incident.priority_updated", "incident.service_updated"};
    AUTO(buf_done) struct buf missing = {0};

    buf_init(&missing, 2048);
    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        if (!has_event(s, needed[i]))
            buf_printf(&missing, "%s%s", missing.len ? ", " : "", needed[i]);
    if (missing.len)
        doctor_add(d, WARN, "webhook events",
                   fmt(d->c, "subscription %s does not send: %s", s->id, buf_str(&missing)),
                   "add them to the subscription in PagerDuty (Integrations > Generic Webhooks)");
    else
        doctor_add(d, OK, "webhook events",
                   fmt(d->c, "all %zu that are needed are sent", ARRAY_LEN(needed)), NULL);
}

static void judge_subscription(struct doctor *d, const struct pd_subscription *s)
{
    const char *what = fmt(d->c, "subscription %s to %s", s->id, s->url ? s->url : "?");

    if (s->temporarily_disabled)
        doctor_add(d, RED_ROW, "webhook",
                   fmt(d->c, "%s: PagerDuty gave up for 24 hours and throws events away", what),
                   "mend what answered it 4xx or too late (see alarms), then enable it: POST "
                   "/webhook_subscriptions/ID/enable, or the button in PagerDuty");
    else if (!s->active)
        doctor_add(d, RED_ROW, "webhook", fmt(d->c, "%s is switched off", what),
                   "switch it on in PagerDuty");
    else
        doctor_add(d, OK, "webhook", fmt(d->c, "%s is on", what), NULL);
    check_events(d, s);
}

static void find_subscription(struct ask *a)
{
    struct doctor *d = a->d;
    struct pd_subscriptions list = {0};
    struct err e = {0};

    if (!ask(a, PD_OP_SUBSCRIPTIONS, &(struct pd_args){0}) || a->status != 200 ||
        pd_read_subscriptions(a->arena, a->body, a->body_len, &list, &e) < 0) {
        doctor_add(
            d, WARN, "webhook",
            fmt(d->c, "subscriptions cannot be listed with this key (%s)",
                a->status ? said(a, PD_OP_SUBSCRIPTIONS) : a->why),
            "look at the subscription in PagerDuty; with pagerduty.subscription_id it is watched");
        return;
    }
    for (size_t i = 0; i < list.n; i++)
        if (list.items[i].url && strstr(list.items[i].url, WEBHOOK_PATH)) {
            judge_subscription(d, &list.items[i]);
            return;
        }
    doctor_add(
        d, WARN, "webhook",
        fmt(d->c, "none of %zu subscriptions sends to a path " WEBHOOK_PATH, list.n),
        "make one in PagerDuty (Integrations > Generic Webhooks v3) to https://YOUR-HOST" WEBHOOK_PATH);
}

static void check_subscription(struct ask *a)
{
    struct doctor *d = a->d;
    const char *id = d->cfg->pagerduty.subscription_id;
    struct pd_subscription s = {0};
    struct err e = {0};

    if (!id) {
        find_subscription(a);
        return;
    }
    if (ask(a, PD_OP_SUBSCRIPTION, &(struct pd_args){.id = id}) && a->status == 200 &&
        pd_read_subscription(a->arena, a->body, a->body_len, &s, &e) == 0)
        judge_subscription(d, &s);
    else if (a->status == 404)
        doctor_add(d, RED_ROW, "webhook", fmt(d->c, "PagerDuty knows no subscription %s", id),
                   "write the right id into pagerduty.subscription_id, or make a new subscription");
    else
        doctor_add(d, WARN, "webhook",
                   fmt(d->c, "subscription %s cannot be read (%s)", id,
                       a->status ? said(a, PD_OP_SUBSCRIPTION) : a->why),
                   "look at it in PagerDuty");
}

/* ---- the clock ---- */

static void check_clock(struct ask *a)
{
    int64_t off = a->at_ms - a->date_ms;
    struct doctor *d = a->d;
    /* Date has whole seconds and stood on the way: less than that is nothing. */
    int64_t size = llabs(off);

    if (d->cfg->clock_offset_ms)
        doctor_add(d, WARN, "clock",
                   fmt(d->c, "development.clock_offset_s shifts it by %lld s",
                       (long long)(d->cfg->clock_offset_ms / 1000)),
                   "take it out of the configuration for real use");
    if (!a->date_ms)
        doctor_add(d, WARN, "clock", "PagerDuty's answer has no Date to compare with",
                   "check NTP by hand: timedatectl");
    else if (size >= CLOCK_RED_MS)
        doctor_add(d, RED_ROW, "clock",
                   fmt(d->c, "%s %s PagerDuty's: deadlines and time windows are wrong",
                       span(d->c, size), off > 0 ? "ahead of" : "behind"),
                   "set it: timedatectl set-ntp true");
    else if (size >= CLOCK_WARN_MS)
        doctor_add(
            d, WARN, "clock",
            fmt(d->c, "%s %s PagerDuty's", span(d->c, size), off > 0 ? "ahead of" : "behind"),
            "switch NTP on: timedatectl set-ntp true");
    else
        doctor_add(d, OK, "clock", "agrees with PagerDuty's", NULL);
}

/* ---- all of it ---- */

static bool ask_open(struct ask *a)
{
    struct doctor *d = a->d;
    const struct config *cfg = d->cfg;
    const struct net_peer_opts po = {.name = "pagerduty",
                                     .base_url = cfg->pagerduty.base_url,
                                     .allow_private = cfg->pagerduty.allow_private};
    struct err e = {0};

    a->client = (struct pd_client){
        .base_url = cfg->pagerduty.base_url,
        .token = cfg->pagerduty.token,
        .auth = strcmp(cfg->pagerduty.auth, "bearer") == 0 ? PD_AUTH_BEARER : PD_AUTH_TOKEN,
        .from_email = cfg->pagerduty.from_email};
    if (net_new(&a->net, &e) < 0 || net_peer_add(a->net, &po, &a->client.peer, &e) < 0) {
        doctor_add(d, RED_ROW, "PagerDuty", fmt(d->c, "pagerduty.base_url: %s", e.msg),
                   "https://api.pagerduty.com, or https://api.eu.pagerduty.com for EU accounts");
        return false;
    }
    return true;
}

void doctor_pagerduty(struct doctor *d)
{
    struct ask a = {.d = d};

    if (!d->cfg)
        return;
    if (!d->cfg->pagerduty.token) {
        doctor_add(
            d, WARN, "PagerDuty key",
            "there is none: triaged receives and stores, and looks nothing up",
            "put an API key (read-only is enough to begin) into a file and name it in pagerduty.token_file");
        return;
    }
    a.arena = arena_new((size_t)256 * 1024 * 1024);
    if (ask_open(&a)) {
        if (check_key(&a)) {
            check_write(d);
            check_from(&a);
            check_people(&a);
            check_subscription(&a);
        }
        if (a.date_ms || a.done)
            check_clock(&a);
    }
    net_free(a.net);
    arena_free(a.arena);
}

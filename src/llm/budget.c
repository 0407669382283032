/* May a call leave? Counters by hour and by incident hold what is settled and what is reserved, so the answer is a short sum. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "llm/llm_priv.h"

#define MICRO 1000000

static int64_t hour_of(int64_t wall_ms)
{
    return wall_ms - wall_ms % LLM_HOUR_MS;
}

/* A missing row is nothing spent. */
static int read_spent(struct store_stmt *q, struct llm_spent *out, struct err *e)
{
    struct llm_spent s = {0};
    int rc = store_step(q, e);

    if (rc < 0)
        return rc;
    if (rc > 0)
        s = (struct llm_spent){store_int(q, 0), store_int(q, 1), store_int(q, 2)};
    store_reset(q);
    *out = s;
    return 0;
}

int llm_spent_hour(struct store_set *sql, int64_t now_wall_ms, struct llm_spent *out, struct err *e)
{
    struct store_stmt *q = store_begin(sql, LLM_SPEND_HOUR);

    store_bind_int(q, 1, hour_of(now_wall_ms));
    return read_spent(q, out, e);
}

int llm_spent_day(struct store_set *sql, int64_t now_wall_ms, struct llm_spent *out, struct err *e)
{
    struct store_stmt *q = store_begin(sql, LLM_SPEND_SINCE);

    store_bind_int(q, 1, now_wall_ms - LLM_DAY_MS);
    return read_spent(q, out, e);
}

static int spent_incident(struct llm *l, const char *incident_id, struct llm_spent *out,
                          struct err *e)
{
    struct store_stmt *q = store_begin(l->sql, LLM_INCIDENT_SPENT);

    store_bind_text(q, 1, incident_id);
    return read_spent(q, out, e);
}

static int add_row(struct llm *l, size_t statement, int64_t hour, const char *incident_id,
                   const struct llm_spent *add, struct err *e)
{
    struct store_stmt *q = store_begin(l->sql, statement);
    int rc;

    if (incident_id)
        store_bind_text(q, 1, incident_id);
    else
        store_bind_int(q, 1, hour);
    store_bind_int(q, 2, add->calls);
    store_bind_int(q, 3, add->tokens);
    store_bind_int(q, 4, add->cost);
    rc = store_exec(q, e);
    return rc < 0 ? rc : 0;
}

int llm_spend(struct llm *l, int64_t at_ms, const char *incident_id, const struct llm_spent *add,
              struct err *e)
{
    if (add_row(l, LLM_SPEND_ADD, hour_of(at_ms), NULL, add, e) < 0)
        return e->code;
    return incident_id ? add_row(l, LLM_INCIDENT_ADD, 0, incident_id, add, e) : 0;
}

/* ---- the verdict ---- */

enum span {
    SPAN_INCIDENT,
    SPAN_HOUR,
    SPAN_DAY
};
struct limit {
    enum span span;
    bool money;
    int64_t most, used, need;
};
static const char *const span_words[] = {
    [SPAN_INCIDENT] = "for this incident",
    [SPAN_HOUR] = "an hour",
    [SPAN_DAY] = "a day",
};

static void amount(const struct limit *x, int64_t v, char out[40])
{
    if (x->money)
        (void)snprintf(out, 40, "%" PRId64 ".%06" PRId64, v / MICRO, v % MICRO);
    else
        (void)snprintf(out, 40, "%" PRId64, v);
}

/* When enough hours have left the window of a day; 0: never, for the call alone is too large. */
static int day_until(struct llm *l, const struct limit *x, int64_t now, int64_t *until,
                     struct err *e)
{
    struct store_stmt *q = store_begin(l->sql, LLM_SPEND_HOURS);
    int64_t left = x->used, found = 0;
    int rc = 0;

    store_bind_int(q, 1, now - LLM_DAY_MS);
    while (found == 0 && (rc = store_step(q, e)) > 0) {
        left -= store_int(q, x->money ? 2 : 1);
        if (left + x->need <= x->most)
            found = store_int(q, 0) + LLM_DAY_MS;
    }
    if (rc < 0)
        return rc;
    store_reset(q);
    *until = found;
    return 0;
}

static int refuse(struct llm *l, const struct limit *x, int64_t now, struct llm_verdict *out,
                  struct err *e)
{
    char most[40], used[40], need[40], when[TIME_ISO_MAX + 16] = "", iso[TIME_ISO_MAX];
    int64_t until = 0;

    if (x->span == SPAN_HOUR && x->need <= x->most)
        until = hour_of(now) + LLM_HOUR_MS;
    if (x->span == SPAN_DAY && day_until(l, x, now, &until, e) < 0)
        return e->code;
    if (until)
        (void)snprintf(when, sizeof when, ", again at %.16s UTC",
                       time_format_iso(until, false, iso));
    amount(x, x->most, most);
    amount(x, x->used, used);
    amount(x, x->need, need);
    out->go = LLM_NO_BUDGET;
    out->until_ms = until;
    (void)snprintf(
        out->why, sizeof out->why,
        "the model's budget of %.20s %s %s is spent (%.20s used, this call may need %.20s)%.32s",
        most, x->money ? "money" : "tokens", span_words[x->span], used, need, when);
    return 0;
}

static int judge_budget(struct llm *l, const struct config_model *m, const char *incident_id,
                        int64_t tokens, int64_t cost, int64_t now, struct llm_verdict *out,
                        struct err *e)
{
    struct llm_spent one = {0}, hour = {0}, day = {0};

    if ((incident_id && spent_incident(l, incident_id, &one, e) < 0) ||
        llm_spent_hour(l->sql, now, &hour, e) < 0 || llm_spent_day(l->sql, now, &day, e) < 0)
        return e->code;
    const struct limit limits[] = {
        {SPAN_INCIDENT, false, incident_id ? m->tokens_per_incident : 0, one.tokens, tokens},
        {SPAN_INCIDENT, true, incident_id ? m->cost_per_incident : 0, one.cost, cost},
        {SPAN_HOUR, false, m->tokens_per_hour, hour.tokens, tokens},
        {SPAN_HOUR, true, m->cost_per_hour, hour.cost, cost},
        {SPAN_DAY, false, m->tokens_per_day, day.tokens, tokens},
        {SPAN_DAY, true, m->cost_per_day, day.cost, cost},
    };
    for (size_t i = 0; i < ARRAY_LEN(limits); i++)
        if (limits[i].most > 0 && limits[i].used + limits[i].need > limits[i].most)
            return refuse(l, &limits[i], now, out, e);
    return 0;
}

static bool canary_due(const struct config_model *m, const struct llm_endpoint_row *r, int64_t now)
{
    /* One from the future was written by a clock that was wrong. */
    return m->canary && (!r->tried || now - r->canary_ms >= m->canary_ms || r->canary_ms > now);
}

int llm_may_ask(struct llm *l, const struct config_model *m, const char *incident_id,
                int64_t tokens, int64_t cost, int64_t now_wall_ms, struct llm_verdict *out,
                struct err *e)
{
    struct llm_verdict v = {.go = LLM_GO};
    struct llm_endpoint_row r = {0};
    char iso[TIME_ISO_MAX];

    if (!m->base_url) {
        v.go = LLM_NO_ENDPOINT;
        (void)snprintf(v.why, sizeof v.why, "no model is configured");
        *out = v;
        return 0;
    }
    if (llm_endpoint_get(l->sql, m, &r, e) < 0)
        return e->code;
    if (llm_breaker(m, &r, now_wall_ms) == LLM_BREAKER_OPEN) {
        v.go = LLM_NO_BREAKER;
        v.until_ms = r.open_until_ms;
        (void)snprintf(v.why, sizeof v.why,
                       "the model failed %" PRId64 " times in a row (%.90s), tried again at "
                       "%.19s UTC",
                       r.failures, r.open_why, time_format_iso(v.until_ms, false, iso));
    } else if (judge_budget(l, m, incident_id, tokens, cost, now_wall_ms, &v, e) < 0) {
        return e->code;
    } else if (v.go == LLM_GO && incident_id && canary_due(m, &r, now_wall_ms)) {
        v.go = LLM_CANARY;
        (void)snprintf(v.why, sizeof v.why,
                       "first it is found out whether the model keeps to a schema");
    }
    *out = v;
    return 0;
}

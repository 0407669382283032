/* Starting, stopping and looking at a backfill. */
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "triage/backfill.h"
#include "triage/triage_sql.h"

#define SECOND_MS INT64_C(1000)

static json_t *iso(int64_t ms)
{
    char text[TIME_ISO_MAX];

    return ms > 0 ? json_string(time_format_iso(ms, false, text)) : json_null();
}

json_t *backfill_json(const struct backfill *b)
{
    int64_t all = b->until_ms - b->since_ms, done = b->until_ms - b->to_ms;
    json_t *j = json_pack("{s:I, s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:o}", "id", (json_int_t)b->id,
                          "state", b->state, "stage", b->stage, "done_pct",
                          (json_int_t)(all > 0 ? done * 100 / all : 100), "since", iso(b->since_ms),
                          "until", iso(b->until_ms), "reached", iso(b->to_ms), "started",
                          iso(b->started_ms), "ended", iso(b->ended_ms));
    const struct {
        const char *name;
        int64_t n;
    } counts[] = {{"found", b->found}, {"remembered", b->remembered}, {"known", b->known},
                  {"open", b->open},   {"unread", b->unread},         {"alerts", b->alerts},
                  {"notes", b->notes}, {"fixes", b->fixes},           {"calls", b->calls}};

    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        json_object_set_new(j, counts[i].name, json_integer(counts[i].n));
    json_object_set_new(j, "waits", b->waits ? json_string(b->waits) : json_null());
    json_object_set_new(j, "no_log", b->no_log ? json_string(b->no_log) : json_null());
    return j;
}

int backfill_audit(const struct engine_pass *p, const struct backfill *b, const char *verb,
                   const char *actor, struct err *e)
{
    AUTO(json_freep) json_t *detail = backfill_json(b);
    char subject[40];
    const struct audit_entry x = {
        .actor = actor, .verb = verb, .subject = subject, .detail = detail};

    snprintf(subject, sizeof(subject), "backfill:%lld", (long long)b->id);
    return audit_append(p->audit, &x, p->now_wall_ms, e);
}

int backfill_newest(const struct engine_pass *p, struct backfill *b, struct err *e)
{
    struct store_stmt *q = sql(p, BACKFILL_NEWEST);
    int rc = store_step(q, e);

    if (rc > 0)
        backfill_row_read(q, p->arena, b);
    store_reset(q);
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "there was no backfill yet");
    return rc < 0 ? rc : 0;
}

static int row_begin(const struct engine_pass *p, int64_t since_s, const char *actor, int64_t *id,
                     struct err *e)
{
    /* PagerDuty takes whole seconds. */
    int64_t until = (p->now_wall_ms / SECOND_MS + 1) * SECOND_MS,
            since = until - since_s * SECOND_MS;
    struct store_stmt *q = sql(p, BACKFILL_BEGIN);
    int rc;

    store_bind_text(q, 1, actor);
    store_bind_int(q, 2, since);
    store_bind_int(q, 3, until);
    store_bind_int(q, 4, until - BACKFILL_SPAN_MS > since ? until - BACKFILL_SPAN_MS : since);
    store_bind_int(q, 5, p->now_wall_ms);
    rc = store_step(q, e);
    *id = rc > 0 ? store_int(q, 0) : 0;
    store_reset(q);
    return rc < 0 ? rc : 0;
}

int triage_backfill_start(struct engine_pass *p, int64_t since_s, const char *actor, json_t **out,
                          struct err *e)
{
    struct backfill b;
    char subject[24];
    int64_t id;

    if (since_s < 1 || since_s > TRIAGE_BACKFILL_MAX_S)
        return err_set(e, ERR_INPUT, "a backfill goes back 1 second to %lld days",
                       (long long)(TRIAGE_BACKFILL_MAX_S / 86400));
    if (!world_of(p)->pd.token)
        return err_set(e, ERR_CONFLICT,
                       "a backfill reads from PagerDuty, and no token is configured: set "
                       "pagerduty.token_file and reload");
    if (backfill_newest(p, &b, e) == 0 && text_eq(b.state, "running"))
        return err_set(e, ERR_CONFLICT,
                       "backfill %lld is running; 'triagectl backfill' shows it, "
                       "'triagectl backfill --stop' ends it",
                       (long long)b.id);
    if (e->code != 0 && e->code != ERR_NOT_FOUND)
        return e->code;
    *e = (struct err){0};
    if (row_begin(p, since_s, actor, &id, e) < 0 || backfill_get(p, id, &b, e) < 0 ||
        backfill_audit(p, &b, "backfill.started", actor, e) < 0)
        return e->code;
    *out = backfill_json(&b);
    snprintf(subject, sizeof(subject), "%lld", (long long)id);
    return job_add(p, "backfill", subject, PRIO_IDLE, p->now_wall_ms, e);
}

int triage_backfill_stop(struct engine_pass *p, const char *actor, json_t **out, struct err *e)
{
    struct backfill b;
    char subject[24];

    if (backfill_newest(p, &b, e) < 0)
        return e->code;
    if (!text_eq(b.state, "running"))
        return err_set(e, ERR_CONFLICT, "no backfill is running");
    b.state = "stopped";
    b.ended_ms = p->now_wall_ms;
    b.waits = NULL;
    if (backfill_set(p, &b, e) < 0 || backfill_audit(p, &b, "backfill.stopped", actor, e) < 0)
        return e->code;
    *out = backfill_json(&b);
    /* What was remembered stays; the rows of what was still to come are swept away. */
    snprintf(subject, sizeof(subject), "%lld", (long long)b.id);
    return job_add(p, "backfill", subject, PRIO_IDLE, p->now_wall_ms, e);
}

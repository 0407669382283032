/*
 * Intake. What http hands over becomes one row per event.id, its body, and the first jobs: only a scan, no parse,
 * because this runs before the answer. The full parse is the step "intake".
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "triage/triage_priv.h"
#include "triage/triage_sql.h"

#define FUTURE_MS \
    INT64_C(600000)     /* more than this ahead of our clock: one of the two clocks is wrong */
#define KEY_MAX      72 /* a job's subject has to hold it */
#define TYPE_MAX     64
#define REASON_MAX   160
#define LAST_PING_MS "last_ping_ms"

/* What has a consequence here. Everything else is an ordinary event that is stored and not worked on. */
static const char *const known_types[] = {
    "incident.acknowledged",
    "incident.action_invocation.created",
    "incident.action_invocation.terminated",
    "incident.action_invocation.updated",
    "incident.annotated",
    "incident.conference_bridge.updated",
    "incident.custom_field_values.updated",
    "incident.delegated",
    "incident.escalated",
    "incident.incident_type.changed",
    "incident.priority_updated",
    "incident.reassigned",
    "incident.reopened",
    "incident.resolved",
    "incident.responder.added",
    "incident.responder.replied",
    "incident.role.assigned",
    "incident.service_updated",
    "incident.status_update_published",
    "incident.task.completed",
    "incident.task.created",
    "incident.task.updated",
    "incident.triggered",
    "incident.unacknowledged",
    "incident.workflow.completed",
    "incident.workflow.started",
};

struct arrival {
    char key[KEY_MAX];
    char type[TYPE_MAX + 1];
    char incident[33]; /* "" when the event is about none */
    int64_t occurred_ms;
    enum intake_outcome outcome;
    const char *state;
    char reason[REASON_MAX];
};

static bool type_known(const char *type)
{
    for (size_t i = 0; i < ARRAY_LEN(known_types); i++)
        if (strcmp(known_types[i], type) == 0)
            return true;
    return false;
}

static void settle(struct arrival *a, enum intake_outcome outcome, const char *state,
                   const char *reason)
{
    a->outcome = outcome;
    a->state = state;
    snprintf(a->reason, sizeof(a->reason), "%s", reason ? reason : "");
}

static bool printable(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (s[i] <= ' ' || s[i] > '~')
            return false;
    return len > 0;
}

/* Bytes that arrive again are the same delivery, whatever stands in them. */
static void key_of_body(struct arrival *a, const struct intake_delivery *d)
{
    char hex[SHA256_HEX];

    snprintf(a->key, sizeof(a->key), "sha256:%s", sha256_hex(d->body, d->body_len, hex));
}

static void slice_copy(char *out, size_t room, const struct pd_slice *s)
{
    size_t len = s->p && s->len < room ? s->len : 0;

    if (len > 0)
        memcpy(out, s->p, len);
    out[len] = '\0';
}

static void age_judge(struct arrival *a, const struct config *cfg, int64_t now_ms)
{
    char span[TIME_SPAN_MAX], reason[REASON_MAX];

    if (a->occurred_ms == 0 || now_ms - a->occurred_ms <= cfg->intake.max_age_ms)
        return;
    snprintf(reason, sizeof(reason), "older than %s (intake.max_age_s)",
             time_format_span(cfg->intake.max_age_ms, span));
    settle(a, INTAKE_QUARANTINED, "quarantined", reason);
}

static void arrival_judge(struct arrival *a, const struct pd_scan *scan, const struct config *cfg,
                          int64_t now_ms)
{
    struct err ignored = {0};

    if (scan->occurred_at.p &&
        time_parse_iso(scan->occurred_at.p, scan->occurred_at.len, &a->occurred_ms, &ignored) < 0)
        a->occurred_ms = 0;
    slice_copy(a->incident, sizeof(a->incident), &scan->incident_id);
    if (!text_is_id(a->incident))
        a->incident[0] = '\0';
    if (!scan->type.p || !printable(scan->type.p, scan->type.len) || scan->type.len > TYPE_MAX) {
        settle(a, INTAKE_QUARANTINED, "quarantined", "no event.event_type that can be read");
        return;
    }
    slice_copy(a->type, sizeof(a->type), &scan->type);
    if (strcmp(a->type, "pagey.ping") == 0)
        settle(a, INTAKE_PING, "done", NULL);
    else if (text_starts(a->type, "service."))
        settle(a, INTAKE_IGNORED, "ignored", "events of services change nothing here");
    else if (!type_known(a->type))
        settle(a, INTAKE_IGNORED, "ignored", "a type of event that this version does not know");
    else
        settle(a, INTAKE_NEW, "new", NULL);
    if (a->outcome == INTAKE_NEW)
        age_judge(a, cfg, now_ms);
}

static void arrival_read(struct arrival *a, const struct intake_delivery *d,
                         const struct config *cfg, int64_t now_ms)
{
    struct pd_scan scan;

    if (d->body_len > PD_EVENT_MAX_BYTES || pd_scan(d->body, d->body_len, &scan) < 0) {
        key_of_body(a, d);
        settle(a, INTAKE_QUARANTINED, "quarantined",
               "authentic, but not JSON of the shape that PagerDuty sends");
        return;
    }
    if (scan.needs_full) { /* escapes where none are expected: the full parse finds the id */
        key_of_body(a, d);
        settle(a, INTAKE_NEW, "new", NULL);
        return;
    }
    if (!scan.id.p || !printable(scan.id.p, scan.id.len) || scan.id.len >= KEY_MAX - 8) {
        key_of_body(a, d);
        settle(a, INTAKE_QUARANTINED, "quarantined", "no event.id that can be read");
        return;
    }
    slice_copy(a->key, sizeof(a->key), &scan.id);
    arrival_judge(a, &scan, cfg, now_ms);
}

static int event_put(struct engine_pass *p, const struct intake_delivery *d,
                     const struct arrival *a, bool *copy, struct err *e)
{
    char sha[SHA256_HEX];
    struct store_stmt *q;
    int rc;

    if (store_body_put(p->store, d->body, d->body_len, p->now_wall_ms, sha, e) < 0)
        return e->code;
    q = sql(p, EVENT_PUT);
    store_bind_text(q, 1, a->key);
    store_bind_text(q, 2, d->endpoint ? d->endpoint : "");
    store_bind_text(q, 3, a->type);
    store_bind_text(q, 4, a->state);
    store_bind_text(q, 5, a->reason[0] ? a->reason : NULL);
    store_bind_text(q, 6, a->incident[0] ? a->incident : NULL);
    bind_known(q, 7, a->occurred_ms);
    store_bind_int(q, 8, d->received_wall_ms);
    store_bind_text(q, 9, d->webhook_id);
    store_bind_text(q, 10, sha);
    rc = store_step(q, e);
    *copy = rc > 0 && store_int(q, 0) > 1;
    store_reset(q);
    return rc < 0 ? rc : 0;
}

static int alarms(struct engine_pass *p, const struct arrival *a, struct err *e)
{
    if (a->outcome == INTAKE_QUARANTINED &&
        engine_alarm(p, "intake.quarantine", "authentic webhooks could not be taken in",
                     "look at them with 'triagectl quarantine'", e) < 0)
        return e->code;
    if (a->occurred_ms > p->now_wall_ms + FUTURE_MS &&
        engine_alarm(p, "clock", "an event claims to be more than 10 minutes in the future",
                     "compare this machine's clock with a time server", e) < 0)
        return e->code;
    return 0;
}

static int first_jobs(struct engine_pass *p, const struct arrival *a, int64_t received_ms,
                      struct err *e)
{
    const struct config *cfg = world_of(p)->cfg;

    if (engine_add_job(p, "intake", a->key, PRIO_FRESH, p->now_wall_ms, e) < 0)
        return e->code;
    /* The rules' view is promised from now on, whether or not anything else gets its turn. */
    if (a->incident[0])
        return engine_add_job(p, "judge", a->incident, PRIO_JUDGE,
                              received_ms + cfg->triage.judge_after_ms, e);
    return 0;
}

int intake_store(struct engine_pass *p, const struct intake_delivery *d, enum intake_outcome *out,
                 struct err *e)
{
    struct arrival a = {0};
    char ms[24];
    bool copy = false;

    arrival_read(&a, d, world_of(p)->cfg, p->now_wall_ms);
    if (event_put(p, d, &a, &copy, e) < 0)
        return err_wrap(e, "intake");
    if (copy) {
        *out = INTAKE_DUPLICATE;
        return 0;
    }
    if (alarms(p, &a, e) < 0)
        return e->code;
    snprintf(ms, sizeof(ms), "%lld", (long long)d->received_wall_ms);
    if (a.outcome == INTAKE_PING && store_meta_set(p->store, LAST_PING_MS, ms, e) < 0)
        return e->code;
    if (a.outcome == INTAKE_NEW && first_jobs(p, &a, d->received_wall_ms, e) < 0)
        return e->code;
    *out = a.outcome;
    return 0;
}

/* ---- the step ---- */

static int event_set(const struct engine_pass *p, const char *id, const char *state,
                     const char *reason, const char *incident, struct err *e)
{
    struct store_stmt *q = sql(p, EVENT_SET);

    store_bind_text(q, 1, id);
    store_bind_text(q, 2, state);
    store_bind_text(q, 3, reason);
    store_bind_text(q, 4, incident);
    return sql_run(q, e);
}

static int event_quarantine(const struct engine_pass *p, const char *id, const char *why,
                            struct err *e)
{
    struct engine_pass copy = *p;

    if (event_set(p, id, "quarantined", why, NULL, e) < 0)
        return e->code;
    return engine_alarm(&copy, "intake.quarantine", "authentic webhooks could not be taken in",
                        "look at them with 'triagectl quarantine'", e);
}

/* Whether another row holds the same event: this one came with escapes in its id and was keyed by its bytes. */
static int event_exists(const struct engine_pass *p, const char *id, bool *yes, struct err *e)
{
    struct store_stmt *q = sql(p, EVENT_GET);
    int rc;

    store_bind_text(q, 1, id);
    rc = store_step(q, e);
    store_reset(q);
    *yes = rc > 0;
    return rc < 0 ? rc : 0;
}

static int event_body(const struct engine_pass *p, const char *event_id, struct arena *a,
                      char state[16], int64_t *received_ms, const char **body, size_t *len,
                      struct err *e)
{
    struct store_stmt *q = sql(p, EVENT_GET);
    const char *sha;
    int rc;

    store_bind_text(q, 1, event_id);
    rc = store_step(q, e);
    if (rc <= 0) {
        store_reset(q);
        return rc < 0 ? rc : err_set(e, ERR_NOT_FOUND, "no event %.80s", event_id);
    }
    snprintf(state, 16, "%s", store_text(q, 4));
    *received_ms = store_int(q, 8);
    sha = store_text_dup(q, 10, a);
    store_reset(q);
    return store_body_get(p->store, sha, a, body, len, e);
}

/* Whose turn is next, now that we know what the event says. */
static int next_jobs(const struct engine_pass *p, const struct pd_event *ev, int64_t received_ms,
                     struct err *e)
{
    struct engine_pass copy = *p;
    const struct config *cfg = world_of(p)->cfg;

    if (job_add(p, "enrich", ev->incident_id, PRIO_FRESH, p->now_wall_ms, e) < 0)
        return e->code;
    /* Somebody may just have done what is proposed: two cheap reads tell within a moment. */
    if (gate_has_live(&copy, ev->incident_id) &&
        job_add(p, "refresh", ev->incident_id, PRIO_FRESH, p->now_wall_ms, e) < 0)
        return e->code;
    return job_add(p, "judge", ev->incident_id, PRIO_JUDGE,
                   received_ms + cfg->triage.judge_after_ms, e);
}

static int event_apply(const struct engine_pass *p, const char *event_id, const struct pd_event *ev,
                       int64_t received_ms, struct err *e)
{
    bool twice = false;

    if (!text_eq(event_id, ev->id) && event_exists(p, ev->id, &twice, e) < 0)
        return e->code;
    if (twice)
        return event_set(p, event_id, "ignored", "the same event came before", NULL, e);
    if (!ev->incident_id)
        return event_set(p, event_id, "ignored", "about no incident", NULL, e);
    /* Our own note comes back as an event: acting on it would be answering ourselves. */
    if (text_eq(ev->type, "incident.annotated") && triage_note_is_ours(ev->text))
        return event_set(p, event_id, "done", "our own note", ev->incident_id, e);
    if (row_ensure(p, ev->incident_id, e) < 0)
        return e->code;
    if (ev->has_incident && row_hint(p, &ev->incident, ev->occurred_ms, e) < 0)
        return e->code;
    if (event_set(p, event_id, "done", NULL, ev->incident_id, e) < 0)
        return e->code;
    return next_jobs(p, ev, received_ms, e);
}

int intake_event(const struct engine_pass *p, const char *event_id, struct err *e)
{
    AUTO(arena_freep) struct arena *a = arena_new((size_t)4 * PD_EVENT_MAX_BYTES);
    struct err why = {0};
    struct pd_event ev;
    const char *body = NULL;
    char state[16] = "";
    int64_t received_ms = 0;
    size_t len = 0;

    if (event_body(p, event_id, a, state, &received_ms, &body, &len, e) < 0)
        return e->code;
    if (strcmp(state, "new") != 0)
        return 0;
    if (pd_event_parse(a, body, len, &ev, &why) < 0)
        return event_quarantine(p, event_id, why.msg, e);
    return event_apply(p, event_id, &ev, received_ms, e);
}

static int intake_apply(struct step_ctx *c, struct err *e)
{
    return intake_event(step_pass(c), step_job(c)->subject, e);
}

const struct step triage_step_intake = {.name = "intake",
                                        .apply = intake_apply,
                                        .max_attempts = 20,
                                        .backoff_ms = 1000,
                                        .backoff_max_ms = 60000};

/* ---- quarantine ---- */

/* The last one out takes the alarm along; should it come back, the alarm does too. */
static int alarm_lift(struct engine_pass *p, struct err *e)
{
    struct store_stmt *q = sql(p, EVENT_QUARANTINED_N);
    int rc = store_step(q, e);
    bool empty = rc > 0 && store_int(q, 0) == 0;

    store_reset(q);
    if (rc < 0)
        return rc;
    return empty ? engine_alarm_clear(p, "intake.quarantine", e) : 0;
}

int triage_quarantine_retry(struct engine_pass *p, const char *event_id, const char *actor,
                            struct err *e)
{
    struct store_stmt *q = sql(p, EVENT_GET);
    char subject[KEY_MAX + 8];
    bool held;
    int rc;

    store_bind_text(q, 1, event_id);
    rc = store_step(q, e);
    held = rc > 0 && strcmp(store_text(q, 4), "quarantined") == 0;
    store_reset(q);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "no event has this id; 'triagectl quarantine' lists them");
    if (!held)
        return err_set(e, ERR_CONFLICT, "the event is not in quarantine");
    if (event_set(p, event_id, "new", NULL, NULL, e) < 0 || alarm_lift(p, e) < 0 ||
        engine_add_job(p, "intake", event_id, PRIO_FRESH, p->now_wall_ms, e) < 0)
        return e->code;
    snprintf(subject, sizeof(subject), "event:%s", event_id);
    const struct audit_entry x = {.actor = actor, .verb = "event.retried", .subject = subject};

    return audit_append(p->audit, &x, p->now_wall_ms, e);
}

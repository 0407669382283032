/*
 * Enrichment: everything that PagerDuty tells about one incident, asked at once. What does not answer is an item too
 * ("not checked"), so the step ends well even when PagerDuty does not, and comes back by itself.
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "triage/triage_priv.h"
#include "triage/triage_sql.h"

#define AGAIN_FIRST_MS   INT64_C(5000)
#define AGAIN_PART_MS    INT64_C(15000) /* only something beside the incident is missing */
#define AGAIN_CONTEXT_MS INT64_C(45000) /* over the half minute that a failed answer is kept */
#define AGAIN_MOST_MS    INT64_C(900000)
#define AUTH_AGAIN_MS    INT64_C(60000)
#define NO_TOKEN         "no PagerDuty token is configured (pagerduty.token_file)"

/* ---- one row per question about the incident itself ---- */

struct take {
    struct triage_items *it;
    struct arena *a;
    const struct net_reply *r;
    int64_t alerts_all;
    struct pd_log_entries *log;     /* what the gate wants to see, filled here */
    bool later;                     /* something may well answer another time */
    const struct triage_items *old; /* of a run that asks only for what is missing; else NULL */
};

static int take_alerts(struct take *t, struct err *e)
{
    struct pd_alerts x;

    if (pd_read_alerts(t->a, t->r->body, t->r->body_len, &x, e) < 0)
        return e->code;
    ev_alerts(t->it, &x, t->alerts_all);
    return 0;
}

static int take_log(struct take *t, struct err *e)
{
    if (pd_read_log_entries(t->a, t->r->body, t->r->body_len, t->log, e) < 0)
        return e->code;
    ev_log(t->it, t->log);
    return 0;
}

static int take_notes(struct take *t, struct err *e)
{
    struct pd_notes x;

    if (pd_read_notes(t->a, t->r->body, t->r->body_len, &x, e) < 0)
        return e->code;
    ev_notes(t->it, &x);
    return 0;
}

static int take_changes(struct take *t, struct err *e)
{
    struct pd_changes x;

    if (pd_read_changes(t->a, t->r->body, t->r->body_len, &x, e) < 0)
        return e->code;
    ev_changes(t->it, &x);
    return 0;
}

static int take_past(struct take *t, struct err *e)
{
    struct pd_pasts x;

    if (pd_read_past(t->a, t->r->body, t->r->body_len, &x, e) < 0)
        return e->code;
    ev_past(t->it, &x);
    return 0;
}

static int take_related(struct take *t, struct err *e)
{
    struct pd_relateds x;

    if (pd_read_related(t->a, t->r->body, t->r->body_len, &x, e) < 0)
        return e->code;
    ev_related(t->it, &x);
    return 0;
}

static int take_outlier(struct take *t, struct err *e)
{
    struct pd_outlier x;

    if (pd_read_outlier(t->a, t->r->body, t->r->body_len, &x, e) < 0)
        return e->code;
    ev_outlier(t->it, &x);
    return 0;
}

static const struct question {
    enum pd_op_id op;
    const char *kind;
    unsigned limit; /* 0: the operation's own */
    int (*take)(struct take *t, struct err *e);
} questions[] = {
    {PD_OP_ALERTS, EV_ALERT, 0, take_alerts},
    {PD_OP_LOG_ENTRIES, EV_LOG, 0, take_log},
    {PD_OP_NOTES, EV_NOTE, 0, take_notes},
    {PD_OP_CHANGES, EV_CHANGE, EV_CHANGES_MAX, take_changes},
    {PD_OP_PAST, EV_PAST, EV_PAST_MAX, take_past},
    {PD_OP_RELATED, EV_RELATED, 0, take_related},
    {PD_OP_OUTLIER, EV_OUTLIER, 0, take_outlier},
};

static struct context context_of(const struct incident_row *row)
{
    return (struct context){.incident_id = row->id,
                            .service_id = row->service_id,
                            .policy_id = row->policy_id,
                            .title = row->title,
                            .created_ms = row->created_ms};
}

static bool has_token(const struct engine_pass *p)
{
    return world_of(p)->pd.token != NULL;
}

/*
 * What a run asks. One that somebody else caused (a webhook, the first sight) asks everything. One that this step planned
 * itself asks only for what is missing, and while the incident itself does not answer, for nothing else: with PagerDuty
 * down, many open incidents must not burn the budget of calls that is needed when it is back.
 */
enum asking {
    ASK_ALL,
    ASK_MISSING,
    ASK_PROBE
};

static int asking_of(struct step_ctx *c, const struct incident_row *row, struct triage_items *old,
                     enum asking *out, struct err *e)
{
    *out = ASK_ALL;
    triage_items_init(old, step_pass(c)->arena);
    /* Whoever adds the job again moves its time forward, and so makes it a full run. */
    if (row->retry_ms == 0 || row->retry_ms != step_job(c)->due_wall_ms || row->bundle_id == 0)
        return 0;
    if (evidence_load(step_pass(c), row->id, row->bundle_id, old, e) < 0)
        return e->code;
    *out = ASK_MISSING;
    for (size_t i = 0; i < old->n; i++)
        if (!old->v[i].ok && text_eq(old->v[i].kind, EV_INCIDENT))
            *out = ASK_PROBE;
    return 0;
}

static bool missing_in(const struct triage_items *old, const char *kind)
{
    for (size_t i = 0; i < old->n; i++)
        if (!old->v[i].ok && text_eq(old->v[i].kind, kind))
            return true;
    return false;
}

static int enrich_plan(struct step_ctx *c, struct err *e)
{
    AUTO(triage_items_done) struct triage_items old = {0};
    const struct engine_pass *p = step_pass(c);
    struct pd_args args = {.id = step_job(c)->subject};
    unsigned asked = 1 + ARRAY_LEN(questions);
    struct incident_row row;
    enum asking asking;
    struct context x;

    if (row_get(p, args.id, &row, e) < 0)
        return e->code;
    if (!has_token(p))
        return 0;
    if (asking_of(c, &row, &old, &asking, e) < 0 ||
        call_ask(c, PD_OP_INCIDENT, PD_OP_INCIDENT, &args, e) < 0)
        return e->code;
    if (asking == ASK_PROBE)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
        args.limit = questions[i].limit;
        if ((asking == ASK_ALL || missing_in(&old, questions[i].kind)) &&
            call_ask(c, questions[i].op, (int)questions[i].op, &args, e) < 0)
            return e->code;
    }
    /* The webhook usually names service and policy, so that everything is asked in one go. */
    x = context_of(&row);
    return context_ask(c, &x, STEP_CALLS_MAX, &asked, e);
}

/* ---- answers ---- */

/* What this run did not ask stands as it was. */
static void question_kept(const struct question *q, struct take *t)
{
    for (size_t i = 0; i < t->old->n; i++)
        if (text_eq(t->old->v[i].kind, q->kind))
            evidence_copy(t->it, &t->old->v[i]);
}

static int question_item(struct step_ctx *c, const struct question *q, struct take *t,
                         bool incident_there, struct err *e)
{
    const struct engine_pass *p = step_pass(c);
    const struct pd_op *op = pd_op(q->op);
    const char *missing = NULL;
    struct err bad = {0};
    char why[WHY_MAX];

    t->r = step_reply(c, (int)q->op);
    if (!t->r && t->old) {
        question_kept(q, t);
        return 0;
    }
    switch (answer_of(t->r, op, why)) {
    case ANSWER_OK:
        if (q->take(t, &bad) == 0)
            return op->feature ? feature_works(p, op->name, e) : 0;
        (void)answer_garbage(&bad, why);
        t->later = true;
        break;
    case ANSWER_NONE:
        if (feature_missing(p, op->name, &missing, e) < 0)
            return e->code;
        break;
    case ANSWER_UNAVAILABLE:
        /* A 404 tells about the feature only while the incident itself is there. */
        if (incident_there && feature_record(p, op->name, why, e) < 0)
            return e->code;
        break;
    case ANSWER_LATER:
        t->later = true;
        break;
    case ANSWER_GONE:
    case ANSWER_AUTH:
        break;
    }
    triage_items_not_checked(t->it, q->kind, op->name, missing ? missing : why);
    return 0;
}

/* Longer unanswered, rarer asked: so many open incidents never eat the budget of calls. */
static int ask_again(struct step_ctx *c, const struct incident_row *row, int64_t least_ms,
                     struct err *e)
{
    const struct engine_pass *p = step_pass(c);
    int64_t wait = (p->now_wall_ms - row->first_seen_ms) / 4;
    struct store_stmt *q;

    if (wait < least_ms)
        wait = least_ms;
    if (wait > AGAIN_MOST_MS)
        wait = AGAIN_MOST_MS;
    step_again_at(c, p->now_wall_ms + wait);
    if (!text_eq(step_job(c)->step, "enrich"))
        return 0;
    q = sql(p, INCIDENT_RETRY);
    store_bind_text(q, 1, row->id);
    store_bind_int(q, 2, p->now_wall_ms + wait);
    return sql_run(q, e);
}

/* The incident itself did not answer: the snapshot that we have stands, and says that it is one. */
static int incident_missing(struct step_ctx *c, const struct incident_row *row, enum answer a,
                            const char *why, struct triage_items *it, struct err *e)
{
    struct engine_pass *p = step_pass(c);
    json_t *body;

    if (row->snapshot) {
        if (row_snapshot(p, row, &body, e) < 0)
            return e->code;
        triage_items_add(it, EV_INCIDENT, row->from_rest ? "GET /incidents/{id}" : "webhook", body,
                         row->created_ms);
    }
    triage_items_not_checked(it, EV_INCIDENT, "incident", why);
    if ((a == ANSWER_AUTH || a == ANSWER_LATER) &&
        ask_again(c, row, a == ANSWER_AUTH ? AUTH_AGAIN_MS : AGAIN_FIRST_MS, e) < 0)
        return e->code;
    if (a != ANSWER_AUTH)
        return 0;
    return engine_alarm(p, "pagerduty.auth", "PagerDuty refuses our token",
                        "put a valid token into pagerduty.token_file and reload", e);
}

static int enriched(struct engine_pass *p, const char *id, struct err *e)
{
    struct store_stmt *q = sql(p, INCIDENT_ENRICHED);

    store_bind_text(q, 1, id);
    store_bind_int(q, 2, p->now_wall_ms);
    if (sql_run(q, e) < 0)
        return e->code;
    return engine_alarm_clear(p, "pagerduty.auth", e);
}

struct read {
    struct pd_incident in;
    struct pd_log_entries log;
    bool there; /* the incident answered */
};

static int incident_take(struct step_ctx *c, const struct incident_row *row, struct arena *a,
                         struct read *rd, struct triage_items *it, struct err *e)
{
    struct engine_pass *p = step_pass(c);
    const struct net_reply *r = step_reply(c, PD_OP_INCIDENT);
    char why[WHY_MAX] = NO_TOKEN;
    enum answer got = has_token(p) ? answer_of(r, pd_op(PD_OP_INCIDENT), why) : ANSWER_NONE;
    struct err bad = {0};

    if (got == ANSWER_OK && pd_read_incident(a, r->body, r->body_len, &rd->in, &bad) < 0)
        got = answer_garbage(&bad, why);
    if (got == ANSWER_OK && !text_eq(rd->in.id, row->id)) {
        (void)err_set(&bad, ERR_INPUT, "it is about another incident");
        got = answer_garbage(&bad, why);
    }
    if (got != ANSWER_OK)
        return incident_missing(c, row, got, why, it, e);
    rd->there = true;
    triage_items_add(it, EV_INCIDENT, "GET /incidents/{id}", ev_incident_body(&rd->in, true),
                     rd->in.created_ms);
    return row_rest(p, &rd->in, 0, e) < 0 ? e->code : enriched(p, row->id, e);
}

/* After a fresh read: the gate ends what somebody made moot, and the row learns its level. */
static int seen_tell(struct engine_pass *p, const struct read *rd, const struct triage_items *it,
                     struct err *e)
{
    struct gate_view view;
    int ended = 0;

    if (!rd->there || !evidence_view(p->arena, it, &view))
        return 0;
    if (view.level > 0 && row_rest(p, &rd->in, view.level, e) < 0)
        return e->code;
    return gate_incident_seen(p, &view, rd->log.items, rd->log.n, &ended, e);
}

int bundle_make(struct engine_pass *p, const char *id, struct triage_items *it, struct err *e)
{
    AUTO(triage_items_done) struct triage_items old = {0};
    struct incident_row row;

    if (row_get(p, id, &row, e) < 0)
        return e->code;
    triage_items_init(&old, p->arena);
    if (evidence_load(p, id, row.bundle_id, &old, e) < 0)
        return e->code;
    evidence_carry(it, &old);
    if (evidence_firing(p, &row, it, e) < 0 || memory_items(p, &row, it, e) < 0 ||
        outside_items(p, &row, it, e) < 0 || evidence_store(p, id, row.bundle_id, it, NULL, e) < 0)
        return e->code;
    if (text_eq(row.status, "resolved") && memory_remember(p, &row, it, e) < 0)
        return e->code;
    return job_add(p, "judge", id, PRIO_JUDGE, p->now_wall_ms, e);
}

/* Something of the service was not answered, though this account has it. What an older answer still tells does not count: it ages. */
static bool context_failed(const struct triage_items *it)
{
    for (size_t i = 0; i < it->n; i++)
        if (!it->v[i].ok && evidence_is_context(it->v[i].kind) &&
            !strstr(it->v[i].summary, "not available"))
            return true;
    return false;
}

/* Items of everything but the incident itself. */
static int rest_take(struct step_ctx *c, const char *id, struct read *rd, struct take *t,
                     bool *more, struct err *e)
{
    struct engine_pass *p = step_pass(c);
    struct incident_row row;
    struct context x;

    for (size_t i = 0; has_token(p) && i < ARRAY_LEN(questions); i++)
        if (question_item(c, &questions[i], t, rd->there, e) < 0)
            return e->code;
    if (row_get(p, id, &row, e) < 0) /* service and policy may be known only now */
        return e->code;
    x = context_of(&row);
    if (context_take(c, &x, e) < 0 || context_items(p, &x, t->it, more, e) < 0)
        return e->code;
    if (!has_token(p))
        triage_items_rest(t->it, "PagerDuty", NO_TOKEN);
    return 0;
}

static int next_rounds(struct step_ctx *c, const struct incident_row *row, const struct take *t,
                       bool more, struct err *e)
{
    struct engine_pass *p = step_pass(c);

    if (t->later && !text_eq(row->status, "resolved") && ask_again(c, row, AGAIN_PART_MS, e) < 0)
        return e->code;
    if (!more && !context_failed(t->it))
        return 0;
    return job_add(p, "context", row->id, PRIO_FRESH,
                   more ? p->now_wall_ms : p->now_wall_ms + AGAIN_CONTEXT_MS, e);
}

static int enrich_apply(struct step_ctx *c, struct err *e)
{
    AUTO(arena_freep) struct arena *a = arena_new(TRIAGE_ARENA_BYTES);
    AUTO(triage_items_done) struct triage_items it = {0};
    AUTO(triage_items_done) struct triage_items old = {0};
    struct engine_pass *p = step_pass(c);
    const char *id = step_job(c)->subject;
    struct incident_row row;
    struct read rd = {0};
    struct take t = {.it = &it, .a = a, .log = &rd.log};
    enum asking asking;
    bool more = false;

    triage_items_init(&it, a);
    if (row_get(p, id, &row, e) < 0 || asking_of(c, &row, &old, &asking, e) < 0 ||
        incident_take(c, &row, a, &rd, &it, e) < 0)
        return e->code;
    if (asking == ASK_PROBE) /* back again: now for everything */
        return rd.there ? job_add(p, "enrich", id, PRIO_FRESH, p->now_wall_ms, e) : 0;
    t.old = asking == ASK_MISSING ? &old : NULL;
    t.alerts_all = rd.there ? rd.in.alerts_all : -1;
    if (rest_take(c, id, &rd, &t, &more, e) < 0 || seen_tell(p, &rd, &it, e) < 0 ||
        bundle_make(p, id, &it, e) < 0 || outside_ask(p, id, &it, e) < 0)
        return e->code;
    return rd.there ? next_rounds(c, &row, &t, more, e) : 0;
}

const struct step triage_step_enrich = {.name = "enrich",
                                        .plan = enrich_plan,
                                        .apply = enrich_apply,
                                        .backoff_ms = 2000,
                                        .backoff_max_ms = 300000};

/* ---- the rounds after the first ---- */

static int context_plan(struct step_ctx *c, struct err *e)
{
    const struct engine_pass *p = step_pass(c);
    struct incident_row row;
    unsigned asked = 0;
    struct context x;

    if (row_get(p, step_job(c)->subject, &row, e) < 0)
        return e->code;
    x = context_of(&row);
    return has_token(p) ? context_ask(c, &x, STEP_CALLS_MAX, &asked, e) : 0;
}

static int context_apply(struct step_ctx *c, struct err *e)
{
    AUTO(triage_items_done) struct triage_items old = {0};
    AUTO(triage_items_done) struct triage_items now = {0};
    struct engine_pass *p = step_pass(c);
    const char *id = step_job(c)->subject;
    struct incident_row row;
    struct context x;
    bool more = false;

    if (row_get(p, id, &row, e) < 0)
        return e->code;
    x = context_of(&row);
    triage_items_init(&old, p->arena);
    triage_items_init(&now, p->arena);
    if (context_take(c, &x, e) < 0 || evidence_load(p, id, row.bundle_id, &old, e) < 0)
        return e->code;
    for (size_t i = 0; i < old.n; i++) {
        const struct triage_item *o = &old.v[i];

        if (evidence_is_context(o->kind))
            continue;
        evidence_copy(&now, o);
    }
    if (context_items(p, &x, &now, &more, e) < 0 || bundle_make(p, id, &now, e) < 0 ||
        outside_ask(p, id, &now, e) < 0)
        return e->code;
    if (more)
        step_again_at(c, p->now_wall_ms);
    else if (context_failed(&now) && !text_eq(row.status, "resolved"))
        return ask_again(c, &row, AGAIN_CONTEXT_MS, e);
    return 0;
}

const struct step triage_step_context = {.name = "context",
                                         .plan = context_plan,
                                         .apply = context_apply,
                                         .backoff_ms = 2000,
                                         .backoff_max_ms = 300000};

/* ---- refresh: has somebody acted meanwhile, also when no webhook told? ---- */

static int refresh_plan(struct step_ctx *c, struct err *e)
{
    struct engine_pass *p = step_pass(c);
    struct pd_args args = {.id = step_job(c)->subject};

    if (!gate_has_live(p, args.id))
        return err_set(e, ERR_NOT_FOUND, "nothing is proposed for %s any more", args.id);
    if (!has_token(p))
        return 0;
    /* Looking again and again must never take the calls that a first look needs. */
    if (call_ask_spare(c, PD_OP_INCIDENT, PD_OP_INCIDENT, &args, e) < 0)
        return e->code;
    return call_ask_spare(c, PD_OP_LOG_ENTRIES, PD_OP_LOG_ENTRIES, &args, e);
}

static bool moved(const struct incident_row *before, const struct incident_row *now)
{
    return !before->from_rest || !text_eq(before->snapshot, now->snapshot);
}

static int refresh_take(struct step_ctx *c, struct incident_row *before, struct err *e)
{
    AUTO(arena_freep) struct arena *a = arena_new(TRIAGE_ARENA_BYTES);
    AUTO(triage_items_done) struct triage_items it = {0};
    struct engine_pass *p = step_pass(c);
    struct incident_row row;
    struct read rd = {0};
    struct take t = {.it = &it, .a = a, .log = &rd.log};
    struct context x;
    bool more;

    triage_items_init(&it, a);
    if (incident_take(c, before, a, &rd, &it, e) < 0)
        return e->code;
    if (!rd.there)
        return 0;
    if (question_item(c, &questions[1], &t, true, e) < 0 || row_get(p, before->id, &row, e) < 0)
        return e->code;
    x = context_of(&row);
    if (context_items(p, &x, &it, &more, e) < 0 || seen_tell(p, &rd, &it, e) < 0)
        return e->code;
    return moved(before, &row) ? job_add(p, "enrich", row.id, PRIO_FRESH, p->now_wall_ms, e) : 0;
}

static int refresh_apply(struct step_ctx *c, struct err *e)
{
    struct engine_pass *p = step_pass(c);
    struct incident_row row;

    if (row_get(p, step_job(c)->subject, &row, e) < 0)
        return e->code;
    if (has_token(p) && refresh_take(c, &row, e) < 0)
        return e->code;
    if (gate_has_live(p, row.id))
        step_again_at(c, p->now_wall_ms + world_of(p)->cfg->triage.refresh_ms);
    return 0;
}

const struct step triage_step_refresh = {.name = "refresh",
                                         .plan = refresh_plan,
                                         .apply = refresh_apply,
                                         .backoff_ms = 2000,
                                         .backoff_max_ms = 60000};

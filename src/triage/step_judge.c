/* judge: facts -> verdict, whether or not PagerDuty has answered; what is missing is named. */
#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "triage/replay.h"
#include "triage/triage_priv.h"
#include "triage/triage_sql.h"

#define NO_ANSWER_YET "PagerDuty has not answered yet"
#define KEEP_MAX      32

/* ---- what the rules see ---- */

static int snapshot_item(const struct engine_pass *p, const struct incident_row *row,
                         struct triage_items *it, struct err *e)
{
    json_t *body;

    if (!row->snapshot) /* only notes or tasks of it were heard of */
        body = json_pack("{s:s, s:s}", "id", row->id, "from", "webhook");
    else if (row_snapshot(p, row, &body, e) < 0)
        return e->code;
    triage_items_add(it, EV_INCIDENT, row->from_rest ? "GET /incidents/{id}" : "webhook", body,
                     row->created_ms);
    return 0;
}

/* An item of the old bundle beside the newest snapshot: the same incident item, or one that it replaces. */
static void bundle_merge(struct triage_items *now, const struct triage_items *old)
{
    char newest[SHA256_HEX], other[SHA256_HEX];

    triage_item_digest(&now->v[0], newest);
    for (size_t i = 0; i < old->n; i++) {
        const struct triage_item *o = &old->v[i];

        if (text_eq(o->kind, EV_INCIDENT) && o->ok) {
            triage_item_digest(o, other);
            if (strcmp(newest, other) == 0)
                now->v[0].num = o->num;
            continue;
        }
        if (text_eq(o->kind, EV_FIRING)) /* told afresh from our own rows */
            continue;
        evidence_copy(now, o);
    }
}

/* A state that only a webhook told is named as such, unless the bundle knows better why PagerDuty did not. */
static void hint_named(const struct incident_row *row, struct triage_items *it)
{
    for (size_t i = 0; i < it->n; i++)
        if (!it->v[i].ok && text_eq(it->v[i].kind, EV_INCIDENT))
            return;
    triage_items_not_checked(it, EV_INCIDENT, "incident",
                             row->enriched_ms ? "a newer webhook came since PagerDuty answered"
                                              : NO_ANSWER_YET);
}

int judge_items(const struct engine_pass *p, const struct incident_row *row,
                struct triage_items *it, struct err *e)
{
    AUTO(triage_items_done) struct triage_items old = {0};

    triage_items_init(&old, it->arena);
    if (snapshot_item(p, row, it, e) < 0 || evidence_load(p, row->id, row->bundle_id, &old, e) < 0)
        return e->code;
    bundle_merge(it, &old);
    if (!row->from_rest)
        hint_named(row, it);
    if (evidence_firing(p, row, it, e) < 0)
        return e->code;
    if (row->bundle_id == 0)
        triage_items_rest(it, "PagerDuty", NO_ANSWER_YET);
    return 0;
}

static int group_size(const struct engine_pass *p, const char *id, int64_t *out, struct err *e)
{
    struct store_stmt *q = sql(p, GROUP_SIZE);
    int rc;

    store_bind_text(q, 1, id);
    rc = store_step(q, e);
    *out = rc > 0 ? store_int(q, 0) : 0;
    store_reset(q);
    return rc < 0 ? rc : 0;
}

/* ---- judge ---- */

/* A backlog of events may stand before this incident's own: the newest of them is taken now. */
static int row_or_event(const struct engine_pass *p, const char *id, struct incident_row *row,
                        struct err *e)
{
    struct store_stmt *q;
    const char *event = NULL;
    int rc = row_get(p, id, row, e);

    if (rc != ERR_NOT_FOUND)
        return rc;
    q = sql(p, EVENT_NEWEST_NEW);
    store_bind_text(q, 1, id);
    rc = store_step(q, e);
    if (rc > 0)
        event = store_text_dup(q, 0, p->arena);
    store_reset(q);
    if (rc < 0)
        return rc;
    if (event && intake_event(p, event, e) < 0)
        return e->code;
    return row_get(p, id, row, e);
}

static int rule_alarms(struct engine_pass *p, const json_t *verdict, struct err *e)
{
    const json_t *list = json_opt_arr(verdict, "alarms");

    if (json_array_size(list) == 0)
        return 0;
    return engine_alarm(
        p, "rules.limits", json_string_value(json_array_get(list, 0)),
        "simplify the pattern that the text names; the rule did not match meanwhile", e);
}

/*
 * What the rules said, with all that their answer hangs on: the facts as they were, the moment, the group. A verdict that stands keeps the
 * moment of its own facts.
 */
static int judged(const struct engine_pass *p, const struct incident_row *row,
                  const struct triage_items *it, json_t *verdict, const char *facts_sha,
                  int64_t group, struct err *e)
{
    AUTO(json_freep)
    json_t *said =
        json_pack("{s:O, s:s, s:I, s:I, s:I, s:o}", "verdict", verdict, "facts", facts_sha,
                  "bundle_id", (json_int_t)row->bundle_id, "judged_ms", (json_int_t)p->now_wall_ms,
                  "group_size", (json_int_t)group, "items", seen_items(it));
    struct store_stmt *q;
    char sha[SHA256_HEX];

    if (body_put(p, said, sha, e) < 0)
        return e->code;
    q = sql(p, INCIDENT_VERDICT);
    store_bind_text(q, 1, row->id);
    store_bind_text(q, 2, sha);
    store_bind_int(q, 3, p->now_wall_ms);
    if (sql_run(q, e) < 0)
        return e->code;
    return job_add(p, "assess", row->id, PRIO_JUDGE, p->now_wall_ms, e);
}

/* The verdict that stands is this one, on the same evidence: its facts are not stored once more. */
static int verdict_stands(const struct engine_pass *p, const struct incident_row *row,
                          const json_t *verdict, bool *stands, struct err *e)
{
    AUTO(json_freep) json_t *said = NULL;

    *stands = false;
    if (!row->verdict)
        return 0;
    if (body_json(p, row->verdict, &said, e) < 0)
        return e->code == ERR_NOT_FOUND ? 0 : e->code;
    *stands = json_equal(json_object_get(said, "verdict"), verdict) &&
              json_opt_int(said, "bundle_id", 0) == row->bundle_id;
    return 0;
}

/* How often time alone is given a chance: an old incident is not worth a look every minute. */
static int64_t watch_every_ms(int64_t age_ms)
{
    static const struct {
        int64_t below_ms, every_ms;
    } steps[] = {{60 * 1000, 5000}, {3600 * 1000, 60 * 1000}, {86400 * 1000, 300 * 1000}};

    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        if (age_ms < steps[i].below_ms)
            return steps[i].every_ms;
    return 3600 * 1000;
}

static void judge_again_by_time(struct step_ctx *c, const struct incident_row *row)
{
    const struct engine_pass *p = step_pass(c);

    if (text_eq(row->status, "resolved") || !rules_watch_time(world_of(p)->rules))
        return;
    step_again_at(c, p->now_wall_ms + watch_every_ms(p->now_wall_ms - row->created_ms));
}

static int judge_apply(struct step_ctx *c, struct err *e)
{
    AUTO(triage_items_done) struct triage_items it = {0};
    AUTO(json_freep) json_t *facts = NULL;
    AUTO(json_freep) json_t *verdict = NULL;
    AUTO(json_freep) json_t *severities = NULL;
    struct engine_pass *p = step_pass(c);
    struct incident_row row;
    char sha[SHA256_HEX];
    int64_t group = 0;
    bool stands;

    if (row_or_event(p, step_job(c)->subject, &row, e) < 0)
        return e->code;
    triage_items_init(&it, p->arena);
    if (judge_items(p, &row, &it, e) < 0 || group_size(p, row.id, &group, e) < 0 ||
        priorities_names(p, &severities, e) < 0)
        return e->code;
    facts = triage_facts(&it, severities, group, p->now_wall_ms);
    if (rules_judge(world_of(p)->rules, facts, p->now_wall_ms, &verdict, NULL, e) < 0)
        return err_wrap(e, "judging %s", row.id);
    if (rule_alarms(p, verdict, e) < 0 || verdict_stands(p, &row, verdict, &stands, e) < 0)
        return e->code;
    judge_again_by_time(c, &row);
    if (stands)
        return job_add(p, "assess", row.id, PRIO_JUDGE, p->now_wall_ms, e);
    if (body_put(p, facts, sha, e) < 0)
        return e->code;
    return judged(p, &row, &it, verdict, sha, group, e);
}

/* No limit of attempts: a job that comes back by the clock counts each coming as one. */
const struct step triage_step_judge = {
    .name = "judge", .apply = judge_apply, .backoff_ms = 500, .backoff_max_ms = 10000};

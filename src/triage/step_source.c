/*
 * source: asks other sources about an incident, in seats of its own. The rules' view never waits for it: it stands by then, and what comes
 * back makes a new bundle. Whatever goes wrong ends as "not checked" with a reason.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "triage/outside_priv.h"

static int64_t incident_ms(const struct incident_row *row)
{
    return row->created_ms ? row->created_ms : row->first_seen_ms;
}

static json_t *time_json(int64_t ms)
{
    char iso[TIME_ISO_MAX];

    return json_string(time_format_iso(ms, false, iso));
}

/* ---- plan ---- */

static int not_asked(const struct engine_pass *p, const char *id, const char *name, const char *why,
                     const json_t *facts, struct err *e)
{
    AUTO(json_freep)
    json_t *body = json_pack("{s:s, s:o, s:I}", "name", name, ANSWER_MISSED,
                             json_sprintf("not asked: %s", why), ANSWER_ALERTS,
                             (json_int_t)json_opt_int(json_opt_obj(facts, "alerts"), "count", 0));

    return outside_answer_put(p, id, name, false, body, e);
}

/* What is known of the source stays while it is asked again; beside it stands what apply needs. */
static int asking_put(const struct engine_pass *p, const char *id, const char *name,
                      const struct outside_answer *old, json_t *asking, struct err *e)
{
    AUTO(json_freep) json_t *body = old ? json_copy(old->body) : json_pack("{s:s}", "name", name);

    json_object_set_new(body, ANSWER_ASKING, asking);
    return outside_answer_put(p, id, name, old && old->ok, body, e);
}

static int row_ask(struct step_ctx *c, size_t i, const struct incident_row *row, json_t *facts,
                   struct outside_answers *a, struct err *e)
{
    struct engine_pass *p = step_pass(c);
    const struct sources *s = world_of(p)->sources;
    const char *name = sources_name(s, i), *link;
    int64_t from, until, at = incident_ms(row);
    struct net_req req;
    struct err why = {0};
    json_t *asking;

    if (sources_request(s, i, p->arena, facts, at, p->now_wall_ms, &req, &from, &until, &why) < 0)
        return not_asked(p, row->id, name, why.msg, facts, e);
    link = sources_link(s, i, p->arena, facts, at, p->now_wall_ms);
    asking = json_pack("{s:i, s:o, s:o, s:s, s:s*, s:I}", "tag", (int)i, "from", time_json(from),
                       "until", time_json(until), "title", sources_title(s, i), "link", link,
                       ANSWER_ALERTS,
                       (json_int_t)json_opt_int(json_opt_obj(facts, "alerts"), "count", 0));
    if (asking_put(p, row->id, name, outside_answer_find(a, name), asking, e) < 0)
        return e->code;
    return step_call(c, (int)i, &req, e);
}

static int source_plan(struct step_ctx *c, struct err *e)
{
    AUTO(outside_answers_done) struct outside_answers a = {0};
    AUTO(triage_items_done) struct triage_items it = {0};
    AUTO(json_freep) json_t *facts = NULL;
    struct engine_pass *p = step_pass(c);
    size_t rows[SOURCES_PER_INCIDENT], n;
    struct incident_row row;

    if (row_get(p, step_job(c)->subject, &row, e) < 0)
        return e->code;
    if (!world_of(p)->sources || row.bundle_id == 0 || text_eq(row.status, "resolved"))
        return err_set(e, ERR_NOT_FOUND, "nothing is asked about %s", row.id);
    triage_items_init(&it, p->arena);
    if (judge_items(p, &row, &it, e) < 0 || outside_answers_load(p, row.id, &a, e) < 0)
        return e->code;
    outside_drop(&it, false);
    facts = outside_facts(p, &it);
    n = outside_due(p, facts, &a, rows, NULL);
    for (size_t i = 0; i < n; i++)
        if (row_ask(c, rows[i], &row, facts, &a, e) < 0)
            return e->code;
    return 0;
}

/* ---- apply ---- */

/* A reload may have come between question and answer: the row is looked up by name. */
static bool row_find(const struct sources *s, const char *name, size_t *out)
{
    for (size_t i = 0; s && i < sources_count(s); i++)
        if (text_eq(sources_name(s, i), name)) {
            *out = i;
            return true;
        }
    return false;
}

/* The lines of a reply, or NULL and why. */
static json_t *reply_lines(const struct engine_pass *p, const char *name, const struct net_reply *r,
                           char why[WHY_MAX])
{
    const struct sources *s = world_of(p)->sources;
    json_t *lines = NULL;
    struct err e = {0};
    size_t i;

    if (!r || r->code != 0)
        (void)snprintf(why, WHY_MAX, "no answer: %s", r && r->msg[0] ? r->msg : "not asked");
    else if (r->status >= 300 && r->status < 400)
        (void)snprintf(why, WHY_MAX, "answered %d: redirects are not followed", r->status);
    else if (r->status < 200 || r->status >= 300)
        (void)snprintf(why, WHY_MAX, "answered %d", r->status);
    else if (!row_find(s, name, &i))
        (void)snprintf(why, WHY_MAX, "the source was taken out of the file meanwhile");
    else if (sources_extract(s, i, r->body ? r->body : "", r->body_len, &lines, &e) < 0)
        (void)snprintf(why, WHY_MAX, "the answer could not be read: %.180s", e.msg);
    return lines;
}

static void member_move(json_t *to, const json_t *from, const char *key)
{
    json_t *v = json_object_get(from, key);

    if (v)
        json_object_set(to, key, v);
    else
        json_object_del(to, key);
}

/* One answer into its row. *again: it did not answer and may another time. */
static int answer_take(struct step_ctx *c, const char *id, struct outside_answer *x, bool *again,
                       struct err *e)
{
    static const char *const told[] = {"title", "from", "until", "link"};
    struct engine_pass *p = step_pass(c);
    AUTO(json_freep) json_t *asking = json_incref(json_opt_obj(x->body, ANSWER_ASKING));
    AUTO(json_freep) json_t *lines = NULL;
    char why[WHY_MAX] = "";

    if (!asking)
        return 0;
    lines = reply_lines(p, x->name, step_reply(c, (int)json_opt_int(asking, "tag", -1)), why);
    json_object_del(x->body, ANSWER_ASKING);
    json_object_del(x->body, ANSWER_MISSED);
    json_object_del(x->body, ANSWER_RETRY);
    member_move(x->body, asking, ANSWER_ALERTS);
    if (!lines) {
        json_object_set_new(x->body, ANSWER_MISSED, json_string(why));
        json_object_set_new(x->body, ANSWER_RETRY, json_true());
        *again = true;
        return outside_answer_put(p, id, x->name, x->ok, x->body, e);
    }
    /* The same lines of a later look are the same evidence. */
    if (!x->ok || !json_equal(lines, json_object_get(x->body, "lines"))) {
        for (size_t i = 0; i < ARRAY_LEN(told); i++)
            member_move(x->body, asking, told[i]);
        json_object_set(x->body, "lines", lines);
    }
    return outside_answer_put(p, id, x->name, true, x->body, e);
}

static int bundle_again(struct engine_pass *p, const struct incident_row *row, struct err *e)
{
    AUTO(triage_items_done) struct triage_items it = {0};

    triage_items_init(&it, p->arena);
    if (evidence_load(p, row->id, row->bundle_id, &it, e) < 0)
        return e->code;
    outside_drop(&it, true);
    return bundle_make(p, row->id, &it, e);
}

static int source_apply(struct step_ctx *c, struct err *e)
{
    AUTO(outside_answers_done) struct outside_answers a = {0};
    struct engine_pass *p = step_pass(c);
    struct incident_row row;
    bool again = false;
    int64_t wait;

    if (row_get(p, step_job(c)->subject, &row, e) < 0 || outside_answers_load(p, row.id, &a, e) < 0)
        return e->code;
    for (size_t i = 0; i < a.n; i++)
        if (answer_take(c, row.id, &a.v[i], &again, e) < 0)
            return e->code;
    if (bundle_again(p, &row, e) < 0)
        return e->code;
    if (!again || text_eq(row.status, "resolved"))
        return 0;
    wait = (p->now_wall_ms - row.first_seen_ms) / 4; /* the older, the rarer */
    wait = wait < SOURCE_AGAIN_MS ? SOURCE_AGAIN_MS : wait;
    step_again_at(c, p->now_wall_ms + (wait < SOURCE_AGAIN_MOST_MS ? wait : SOURCE_AGAIN_MOST_MS));
    return 0;
}

const struct step triage_step_source = {.name = "source",
                                        .plan = source_plan,
                                        .apply = source_apply,
                                        .backoff_ms = 2000,
                                        .backoff_max_ms = 300000};

/* The verdict's proposals on their way to the gate, the one code-made note, and proposals that people start. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "triage/ask.h"
#include "triage/triage_priv.h"
#include "triage/triage_sql.h"

#define PROPOSALS_MAX 16
/* While one version of the note is on its way out, a newer text waits; nothing else would bring it up again. */
#define NOTE_AGAIN_MS INT64_C(5000)

/* What one propose works with. */
struct ground {
    struct incident_row row;
    struct triage_items items;
    struct gate_view view;
    json_t *said, *verdict, *known, *facts; /* verdict is borrowed from said */
    json_t *assessment, *confidence, *report,
        *wanted; /* of the newest row; report NULL: rules alone */
};

static void ground_done(struct ground *g)
{
    triage_items_done(&g->items);
    json_decref(g->said);
    json_decref(g->known);
    json_decref(g->facts);
    json_decref(g->assessment);
    json_decref(g->confidence);
    json_decref(g->report);
    json_decref(g->wanted);
}

/* The newest assessment: its words, and the bodies that it names. Without one (nothing was assessed yet) there is the verdict alone. */
static int assessment_load(const struct engine_pass *p, struct ground *g, struct err *e)
{
    static const char *const members[] = {"severity", "category", "team", "urgency"};
    struct store_stmt *q = sql(p, ASSESSMENT_GET);
    const char *report = NULL, *wanted = NULL;
    int rc;

    g->assessment = json_object();
    store_bind_int(q, 1, g->row.assessment_id);
    rc = store_step(q, e);
    if (rc > 0) {
        for (size_t i = 0; i < ARRAY_LEN(members); i++)
            if (!store_is_null(q, 4 + (int)i))
                json_object_set_new(g->assessment, members[i],
                                    json_string(store_text(q, 4 + (int)i)));
        g->confidence = store_is_null(q, 15) ? NULL : json_loads(store_text(q, 15), 0, NULL);
        report = store_text_dup(q, 13, p->arena);
        wanted = store_text_dup(q, 18, p->arena);
    }
    store_reset(q);
    if (rc < 0 || (report && body_json(p, report, &g->report, e) < 0) ||
        (wanted && body_json(p, wanted, &g->wanted, e) < 0))
        return rc < 0 ? rc : e->code;
    if (!g->wanted)
        g->wanted = json_incref(json_opt_arr(g->verdict, "proposals"));
    return 0;
}

/* Policy conditions read the assessment beside what the rules read. */
static void facts_with_assessment(struct ground *g)
{
    static const char *const members[] = {"severity", "category", "team", "urgency"};
    const char *level = json_opt_str(g->confidence, "level");
    AUTO(json_freep) json_t *by_rules = NULL;
    json_t *alone = json_object();

    /* What rules alone would say: a model's words may make the policy stricter, never laxer. */
    by_rules = assessment_confidence(g->verdict, g->known, NULL, 0, 0);
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (json_opt_str(g->verdict, members[i]))
            json_object_set(alone, members[i], json_object_get(g->verdict, members[i]));
    json_object_set(alone, "confidence", json_object_get(by_rules, "level"));
    json_object_set_new(g->assessment, "alone", alone);
    json_object_set_new(g->assessment, "basis", json_string(g->report ? "model" : "rules"));
    json_object_set_new(g->assessment, "model", json_boolean(g->report != NULL));
    json_object_set_new(g->assessment, "suspicious",
                        json_boolean(json_opt_bool(g->report, "injection_suspected", false)));
    if (level)
        json_object_set_new(g->assessment, "confidence", json_string(level));
    json_object_set(g->facts, "assessment", g->assessment);
}

/* False in *there when nothing may be proposed: without a fresh answer of PagerDuty there is no state to base it on. */
static int ground_load(const struct engine_pass *p, const char *id, struct ground *g, bool *there,
                       struct err *e)
{
    *there = false;
    if (row_get(p, id, &g->row, e) < 0)
        return e->code;
    triage_items_init(&g->items, p->arena);
    if (judge_items(p, &g->row, &g->items, e) < 0)
        return e->code;
    if (!g->row.verdict || !evidence_view(p->arena, &g->items, &g->view))
        return 0;
    if (body_json(p, g->row.verdict, &g->said, e) < 0 ||
        body_json(p, json_opt_str(g->said, "facts"), &g->facts, e) < 0)
        return e->code;
    g->verdict = json_object_get(g->said, "verdict");
    if (assessment_load(p, g, e) < 0)
        return e->code;
    g->known = triage_known(&g->items);
    facts_with_assessment(g);
    *there = true;
    return 0;
}

/* ---- words of rules and of the model to actions ---- */

static struct gate_action *action_add(struct gate_proposal *x, const char *verb, json_t *args)
{
    struct gate_action *a = &x->actions[x->n_actions++];

    *a = (struct gate_action){.verb = verb, .target = x->incident_id, .args = args};
    return a;
}

static void actions_done(struct gate_proposal *x)
{
    for (size_t i = 0; i < x->n_actions; i++)
        json_decref(x->actions[i].args);
}

static json_t *escalate_args(const json_t *args, const struct gate_view *view)
{
    const json_t *level = json_object_get(args, "level");
    const char *policy = json_opt_str(args, "policy");
    json_t *out = json_object();

    if (policy)
        json_object_set_new(out, "policy_id", json_string(policy));
    else if (json_is_integer(level))
        json_object_set_new(out, "level", json_integer(json_integer_value(level)));
    else if (view->level > 0) /* "next" */
        json_object_set_new(out, "level", json_integer(view->level + 1));
    return out;
}

/* A resolve with a note is two actions in order under one approval: nobody closes without the words. */
static bool actions_of(const json_t *prop, const struct gate_view *view, struct gate_proposal *x)
{
    const char *verb = json_opt_str(prop, "verb");
    const json_t *args = json_opt_obj(prop, "args");
    const char *note = json_opt_str(args, "resolve_note");

    if (text_eq(verb, "add_note")) {
        action_add(x, "add_note", json_pack("{s:s?}", "content", json_opt_str(args, "note")));
    } else if (text_eq(verb, "escalate")) {
        action_add(x, "escalate", escalate_args(args, view));
        return json_object_size(x->actions[0].args) > 0;
    } else if (text_eq(verb, "resolve")) {
        if (note)
            action_add(x, "add_note", json_pack("{s:s}", "content", note));
        action_add(x, "resolve", json_object());
    } else if (verb) {
        action_add(x, verb, json_object());
    }
    return x->n_actions > 0;
}

/*
 * What a model wants was asked of the same gate before, so this is a change since, or a note that the gate finds ill worded: nobody has to mend
 * anything, but it must not vanish. The record of the incident says it, and its timeline shows it.
 */
static int model_refused(struct engine_pass *p, const struct ground *g, const char *verb,
                         int64_t *id, struct err *e)
{
    AUTO(json_freep)
    json_t *detail = json_pack("{s:s, s:s, s:I}", "wanted", verb ? verb : "", "why", e->msg,
                               "assessment_id", (json_int_t)g->row.assessment_id);
    const struct audit_entry x = {
        .actor = "model",
        .verb = "proposal.refused",
        .subject = arena_printf(p->arena, "incident:%s", g->row.id),
        .incident = g->row.id,
        .detail = detail,
    };

    *e = (struct err){0};
    *id = 0;
    return audit_append(p->audit, &x, p->now_wall_ms, e);
}

static int one_propose(struct engine_pass *p, const struct ground *g, const json_t *prop,
                       int64_t *id, struct err *e)
{
    struct gate_proposal x = {.subject_kind = "incident",
                              .subject_id = g->row.id,
                              .incident_id = g->row.id,
                              .view = &g->view,
                              .why = json_opt_str(prop, "why"),
                              .assessment_id = g->row.assessment_id,
                              .bundle_id = g->row.bundle_id,
                              .facts = g->facts,
                              .allow = json_opt_arr(g->verdict, "allow")};
    bool model = text_eq(json_opt_str(prop, "origin"), "model");
    const char *note = NULL;
    int rc = 0;

    *id = 0;
    x.evidence = json_opt_arr(prop, "evidence");
    x.origin = model ? "model" : arena_printf(p->arena, "rule:%s", json_opt_str(prop, "rule"));
    if (actions_of(prop, &g->view, &x))
        rc = gate_propose(p, &x, id, &note, e);
    actions_done(&x);
    /* A rule that words an action badly must not keep the others, or the note, from people. */
    if (rc == ERR_INPUT || rc == ERR_DENIED) {
        char what[256];

        if (model)
            return model_refused(p, g, json_opt_str(prop, "verb"), id, e);
        snprintf(what, sizeof(what), "rule %.60s proposed what the gate refuses: %.120s",
                 json_opt_str(prop, "rule"), e->msg);
        *e = (struct err){0};
        *id = 0;
        return engine_alarm(p, "rules.proposal", what, "correct the rule's proposal and reload", e);
    }
    return rc;
}

static int all_propose(struct engine_pass *p, const struct ground *g, struct err *e)
{
    const json_t *list = g->wanted;
    int64_t keep[PROPOSALS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < json_array_size(list) && i < PROPOSALS_MAX; i++) {
        if (one_propose(p, g, json_array_get(list, i), &keep[n], e) < 0)
            return e->code;
        n += keep[n] != 0;
    }
    return gate_supersede(p, g->row.id, keep, n, e);
}

static int note_propose(struct engine_pass *p, const struct ground *g, struct err *e)
{
    AUTO(buf_done) struct buf text = {0};
    const struct config *cfg = world_of(p)->cfg;
    const struct note_in in = {.known = g->known,
                               .verdict = g->verdict,
                               .html_url = g->row.html_url,
                               .zone = cfg->triage.time_zone};
    const char *why = NULL;

    if (!cfg->triage.triage_note)
        return 0;
    buf_init(&text, (size_t)8 * NOTE_TEXT_MAX_CHARS);
    triage_note_text(&in, &text);
    if (gate_triage_note(p, &g->view, buf_str(&text), g->row.assessment_id, &why, e) < 0)
        return e->code;
    if (why != gate_note_under_way)
        return 0;
    return engine_add_job(p, "propose", g->row.id, PRIO_JUDGE, p->now_wall_ms + NOTE_AGAIN_MS, e);
}

static int refresh_later(struct engine_pass *p, const char *id, struct err *e)
{
    if (!gate_has_live(p, id))
        return 0;
    return engine_add_job(p, "refresh", id, PRIO_FOLLOW,
                          p->now_wall_ms + world_of(p)->cfg->triage.refresh_ms, e);
}

static int propose_apply(struct step_ctx *c, struct err *e)
{
    AUTO(ground_done) struct ground g = {0};
    struct engine_pass *p = step_pass(c);
    bool there;

    if (ground_load(p, step_job(c)->subject, &g, &there, e) < 0)
        return e->code;
    /* After the end there is nothing to propose; the gate ended what was live when it saw the incident. */
    if (!there || text_eq(g.row.status, "resolved"))
        return 0;
    if (all_propose(p, &g, e) < 0 || note_propose(p, &g, e) < 0)
        return e->code;
    return refresh_later(p, g.row.id, e);
}

const struct step triage_step_propose = {.name = "propose",
                                         .apply = propose_apply,
                                         .max_attempts = 10,
                                         .backoff_ms = 1000,
                                         .backoff_max_ms = 30000};

/* ---- people ---- */

int triage_propose_by_person(struct engine_pass *p, const char *incident_id,
                             const struct person *who, const struct gate_action *actions, size_t n,
                             const char *why, int64_t *id, const char **note, struct err *e)
{
    AUTO(ground_done) struct ground g = {0};
    struct gate_proposal x = {.subject_kind = "incident",
                              .subject_id = incident_id,
                              .incident_id = incident_id,
                              .why = why};
    bool there;

    if (n == 0 || n > GATE_ACTIONS_MAX)
        return err_set(e, ERR_INPUT, "a proposal has 1 to %d actions", GATE_ACTIONS_MAX);
    if (ground_load(p, incident_id, &g, &there, e) < 0)
        return e->code;
    if (!there)
        return err_set(
            e, ERR_CONFLICT,
            "%s was not read from PagerDuty since its last change; try again in a moment",
            incident_id);
    x.view = &g.view;
    x.origin =
        arena_printf(p->arena, "%s:%lld", who->agent ? "agent" : "person", (long long)who->id);
    x.assessment_id = g.row.assessment_id;
    x.bundle_id = g.row.bundle_id;
    x.facts = g.facts;
    x.n_actions = n;
    for (size_t i = 0; i < n; i++) {
        x.actions[i] = actions[i];
        if (!x.actions[i].target)
            x.actions[i].target = incident_id;
    }
    if (gate_propose(p, &x, id, note, e) < 0)
        return e->code;
    return refresh_later(p, incident_id, e);
}

/* ---- start ---- */

#define START_OPEN_MAX 500

/* Refresh jobs outlive a restart like all jobs; this mends those that an operator dropped. Newest first, bounded, because a start is awaited. */
static int live_refresh(struct engine_pass *p, struct err *e)
{
    struct store_stmt *q = sql(p, INCIDENT_LIST_OPEN);
    const char *ids[START_OPEN_MAX];
    struct incident_row row;
    size_t n = 0;
    int rc;

    store_bind_int(q, 1, INT64_MAX);
    store_bind_int(q, 2, START_OPEN_MAX);
    while ((rc = store_step(q, e)) > 0 && n < START_OPEN_MAX) {
        row_read(q, p->arena, &row);
        ids[n++] = row.id;
    }
    store_reset(q);
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (gate_has_live(p, ids[i]))
            rc = engine_add_job(p, "refresh", ids[i], PRIO_FOLLOW, p->now_wall_ms, e);
    return rc < 0 ? rc : 0;
}

/* Without an endpoint nothing will ever clear what the last one raised. */
static int model_alarms(struct engine_pass *p, struct err *e)
{
    static const char *const keys[] = {"model.auth", "model.spent", "model.down", "model.schema"};

    for (size_t i = 0; !world_of(p)->model_peer && i < ARRAY_LEN(keys); i++)
        if (engine_alarm_clear(p, keys[i], e) < 0)
            return e->code;
    return 0;
}

int triage_on_start(struct engine_pass *p, struct err *e)
{
    if (model_alarms(p, e) < 0)
        return e->code;
    if (world_of(p)->pd.token) {
        if (engine_alarm_clear(p, "pagerduty.token", e) < 0)
            return e->code;
    } else if (engine_alarm(p, "pagerduty.token",
                            "no PagerDuty token: events are stored and judged, "
                            "nothing is read or proposed",
                            "set pagerduty.token_file and restart", e) < 0) {
        return e->code;
    }
    return live_refresh(p, e);
}

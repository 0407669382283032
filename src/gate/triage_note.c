#include <string.h>

#include "gate/gate_priv.h"
#include "gate/gate_sql.h"

/* The one code-made note of an incident: written once, then edited in place, each time by a proposal that a standing approval
 * decides. */
#define LIVE_MAX 64

const char gate_note_under_way[] = "an earlier version of it is still under way";

struct note_row {
    const char *note_id, *content;
};

static int note_load(struct engine_pass *p, const char *incident_id, struct note_row *out,
                     bool *found, struct err *e)
{
    struct store_stmt *q = store_begin(gate_of(p)->sql, GATE_NOTE_GET);
    int rc;

    store_bind_text(q, 1, incident_id);
    rc = store_step(q, e);
    *found = rc > 0;
    if (rc > 0)
        *out = (struct note_row){store_text_dup(q, 0, p->arena), store_text_dup(q, 2, p->arena)};
    store_reset(q);
    return rc < 0 ? rc : 0;
}

static int under_way(struct engine_pass *p, const char *incident_id, bool *yes, struct err *e)
{
    struct prop_row *live = arena_array(p->arena, LIVE_MAX, sizeof *live);
    size_t n;

    *yes = false;
    if (prop_live(gate_of(p), p->arena, incident_id, live, LIVE_MAX, &n, e) < 0)
        return e->code;
    for (size_t i = 0; i < n; i++)
        *yes = *yes || text_eq(live[i].origin, TRIAGE_NOTE_TEMPLATE);
    return 0;
}

static int decide_by_standing(struct engine_pass *p, int64_t id, const struct standing_row *s,
                              struct err *e)
{
    struct prop_full f;
    struct decider d = {.actor = arena_printf(p->arena, "standing:%lld", (long long)s->id),
                        .person_id = s->person_id,
                        .pd_user_id = s->pd_user_id,
                        .email = s->email,
                        .via = "standing"};

    if (prop_load_full(gate_of(p)->sql, p->arena, id, &f, e) < 0)
        return e->code;
    if (f.p.state != PROPOSAL_PENDING)
        return 0; /* shadowed */
    if (decision_insert(p, &f, &d, true, e) < 0)
        return e->code;
    return approve_complete(p, &f, &d, e);
}

static int note_propose(struct engine_pass *p, const struct gate_view *view, const char *content,
                        const struct note_row *old, int64_t assessment_id,
                        const struct standing_row *s, const char **note, struct err *e)
{
    AUTO(json_freep)
    json_t *args =
        json_pack("{s:s, s:s*}", "content", content, "note_id", old ? old->note_id : NULL);
    struct gate_proposal x = {.subject_kind = "incident",
                              .subject_id = view->incident_id,
                              .incident_id = view->incident_id,
                              .view = view,
                              .origin = TRIAGE_NOTE_TEMPLATE,
                              .why = "the standing triage note",
                              .assessment_id = assessment_id,
                              .n_actions = 1};
    int64_t id;

    if (!args)
        return err_set(e, ERR_INPUT, "the triage note is not UTF-8");
    x.actions[0] = (struct gate_action){action_note.verb, view->incident_id, args};
    if (propose_checked(p, &x, false, &id, note, e) < 0)
        return e->code;
    return *note || !id ? 0 : decide_by_standing(p, id, s, e);
}

static size_t characters(const char *s)
{
    size_t n = 0;

    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

int gate_triage_note(struct engine_pass *p, const struct gate_view *view, const char *content,
                     int64_t assessment_id, const char **note, struct err *e)
{
    AUTO(store_savepoint_end) struct store_savepoint sp = {0};
    struct standing_row s;
    struct note_row old;
    bool found, busy;
    int rc;

    *note = NULL;
    if (characters(content) + MARKER_LEN + 1 > TRIAGE_NOTE_MAX_CHARS)
        return err_set(e, ERR_INPUT, "the triage note is over %d characters with its marker",
                       TRIAGE_NOTE_MAX_CHARS);
    if (text_eq(view->status, "resolved") || view->snoozed || view->maintenance) {
        *note = "no note on an incident that is resolved, snoozed or in maintenance";
        return 0;
    }
    if (config_service_mode(gate_cfg(p), view->service_id) != MODE_PROPOSE) {
        *note = "the service's mode lets nothing out";
        return 0;
    }
    rc = standing_find(p, view->service_id, &s, e);
    if (rc < 0) {
        *note = "no standing approval covers it now";
        return rc == ERR_NOT_FOUND ? 0 : rc;
    }
    if (store_savepoint(&sp, p->store, e) < 0 ||
        note_load(p, view->incident_id, &old, &found, e) < 0 ||
        under_way(p, view->incident_id, &busy, e) < 0)
        return e->code;
    if (busy)
        *note = gate_note_under_way;
    else if (found && !*old.note_id)
        *note = "it was deleted at PagerDuty, or a person settled one whose number is not known";
    else if (found && text_eq(old.content, content_safe(p->arena, content)))
        *note = "the text did not change";
    if (*note)
        return 0;
    if (note_propose(p, view, content, found ? &old : NULL, assessment_id, &s, note, e) < 0)
        return e->code;
    return store_release(&sp, e);
}

static int note_put(struct engine_pass *p, const struct prop_full *f, const struct exec_row *x,
                    const char *note_id, const char *content, struct err *e)
{
    struct store_stmt *q = store_begin(gate_of(p)->sql, GATE_NOTE_PUT);

    store_bind_text(q, 1, f->p.incident_id);
    store_bind_text(q, 2, note_id);
    store_bind_text(q, 3, x->marker ? x->marker : "");
    store_bind_text(q, 4, content);
    store_bind_int(q, 5, p->now_wall_ms);
    return store_exec(q, e) < 0 ? e->code : 0;
}

int triage_note_done(struct engine_pass *p, const struct prop_full *f, const struct exec_row *x,
                     const char *note_id, struct err *e)
{
    AUTO(json_freep) json_t *args = json_of(f->acts[x->ord].args);
    const char *edited = json_opt_str(args, "note_id");

    /* Settled by a person without a number: then never a second one. */
    return note_put(p, f, x,
                    edited    ? edited
                    : note_id ? note_id
                              : "",
                    json_opt_str(args, "content"), e);
}

int triage_note_gone(struct engine_pass *p, const struct prop_full *f, const struct exec_row *x,
                     struct err *e)
{
    AUTO(json_freep) json_t *args = json_of(f->acts[x->ord].args);

    if (!text_eq(f->p.origin, TRIAGE_NOTE_TEMPLATE) || !json_opt_str(args, "note_id"))
        return 0;
    return note_put(p, f, x, "", json_opt_str(args, "content"), e);
}

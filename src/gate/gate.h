#ifndef TRIAGED_GATE_GATE_H
#define TRIAGED_GATE_GATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "engine/engine.h"
#include "gate/world.h"
#include "people/people.h"

/*
 * The gate: proposal, policy, decision, execution. The only way to change PagerDuty (only this room links pagerduty_write).
 *
 *             ,-> rejected                      ,-> stale
 *  pending ---+-> expired     approved -> executing -> done
 *             +-> superseded                    +-> failed
 *             +-> withdrawn                     `-> unsure
 *             `-> overtaken                (approved may also become withdrawn, stale, overtaken, or expired when it could
 *                                           not be sent in time; states.c has every move)
 */
enum proposal_state {
    PROPOSAL_PENDING,
    PROPOSAL_APPROVED,
    PROPOSAL_EXECUTING,
    PROPOSAL_DONE,
    PROPOSAL_FAILED,
    PROPOSAL_UNSURE,
    PROPOSAL_REJECTED,
    PROPOSAL_EXPIRED,
    PROPOSAL_SUPERSEDED,
    PROPOSAL_WITHDRAWN,
    PROPOSAL_OVERTAKEN,
    PROPOSAL_STALE,
    PROPOSAL_SHADOWED,
    PROPOSAL_STATES
};
const char *proposal_state_name(enum proposal_state s);
int proposal_state_parse(const char *s); /* negative when unknown */
bool proposal_may_move(enum proposal_state from,
                       enum proposal_state to); /* one table; a test walks every pair */

/*
 * The state of an incident as far as actions bind it; made from a REST snapshot by gate_view_from_pd. Plain data, strings borrowed
 * from the arena it was made in. Level: smallest escalation level whose on-calls hold every assignee; 0 = unknown.
 */
#define GATE_ASSIGNEES_MAX 32
struct gate_person_ref {
    const char *id;
    const char *name;
};
struct gate_view {
    const char *incident_id, *title, *status, *urgency, *priority, *service_id, *service,
        *policy_id, *policy;
    const char *html_url, *merged_into /* NULL = not merged */, *assigned_via;
    int64_t number, created_ms, changed_ms /* last_status_change_at */,
        next_escalation_ms /* 0 = none */;
    const char *changed_by_id, *changed_by, *changed_by_type;
    int level, levels;                                    /* current and highest */
    struct gate_person_ref assignees[GATE_ASSIGNEES_MAX]; /* sorted by id */
    size_t n_assignees;
    struct gate_person_ref
        oncall[GATE_ASSIGNEES_MAX]; /* everybody on call for the policy now, level order */
    int oncall_level[GATE_ASSIGNEES_MAX];
    size_t n_oncall;
    bool snoozed, maintenance;
};
/* oncalls and policy may be NULL (level and levels stay 0). */
void gate_view_from_pd(const struct pd_incident *in, const struct pd_oncall *oncalls,
                       size_t n_oncalls, const struct pd_policy *policy, struct gate_view *out);
/* Sets view->snoozed from recent log entries; without them it stays false. */
void gate_view_read_log(struct gate_view *v, const struct pd_log_entry *log, size_t n);

/* Statements on the writing connection. */
int gate_open(struct store *s, struct gate **out, struct err *e) MUST_CHECK;
void gate_close(struct gate *g);

/* From the engine's on_start: queues again what waits for a deadline or for its execution. */
int gate_on_start(struct engine_pass *p, struct err *e) MUST_CHECK;

/* Policy file: see docs/configuration.md. Immutable, ref-counted. */
int policy_load(const char *path, struct policy **out, struct err *e)
    MUST_CHECK; /* absent file: the default policy */
struct policy *policy_ref(struct policy *p);
void policy_unref(struct policy *p);
const char *policy_hash(const struct policy *p);
size_t policy_count(const struct policy *p);
/* The need of a facts document (with "action" and "people" in it) as JSON {rule, hash, need:{kind:nobody|any|count|never, role, count,
 * veto}, expires_s, on_expiry}; explain may be NULL. Pure. */
int policy_try(const struct policy *p, json_t *facts, int64_t now_wall_ms, json_t **out,
               json_t **explain, struct err *e) MUST_CHECK;

/* One proposed action, before it is checked. args is borrowed JSON. */
struct gate_action {
    const char *verb;
    const char *target; /* incident id */
    json_t *args;
};
#define GATE_ACTIONS_MAX 8
struct gate_proposal {
    const char *subject_kind; /* "incident" or "group" */
    const char *subject_id;
    const char *incident_id; /* the incident, or the group's root */
    const struct gate_view *
        view; /* state it is based on (of the incident; all targets of a group share the check by re-read) */
    const char *origin; /* "rule:NAME", "model", "person:3", "triage-note" */
    const char *why;
    const json_t *evidence; /* list of handles ("E4") that it cites; may be NULL */
    int64_t assessment_id, bundle_id;
    json_t *facts; /* for policy conditions; stored as a body */
    json_t *
        allow; /* list of verbs that the verdict allows; NULL: a person started it, verbs are not limited by rules */
    struct gate_action actions[GATE_ACTIONS_MAX];
    size_t n_actions;
    int64_t replaces_id;
};
/*
 * Checks (schema of args, allowed verbs, policy not never, mode, at most N live, not a repeat of what is live or was overtaken or
 * rejected on unchanged state, no maintenance or snooze), computes binds and digests, writes proposal, revision, actions and audit.
 * need nobody decides at once, in the policy's name. *note NULL: it is new, *id is its number. *note set: not proposed,
 * which is normal, and the words (in the pass's arena) say why; *id is then the live proposal of the same thing, or 0.
 */
int gate_propose(struct engine_pass *p, const struct gate_proposal *x, int64_t *id,
                 const char **note, struct err *e) MUST_CHECK;

/* A person's decision on the digest that was shown. ERR_CONFLICT: the digest is not the current one, or it is no longer pending (message
 * says who was first); ERR_DENIED: role, link to PagerDuty, agent account, or not assigned/on call for an acknowledge. */
int gate_decide(struct engine_pass *p, int64_t proposal_id, const char *digest,
                const struct person *who, bool approve, const char *reason, const char *via,
                json_t **out, struct err *e) MUST_CHECK;
/* A new revision with args of action `ord` replaced (merged member by member); same proposal, new digest. */
int gate_edit(struct engine_pass *p, int64_t proposal_id, const char *digest,
              const struct person *who, unsigned ord, json_t *args, json_t **out, struct err *e)
    MUST_CHECK;
/* Proposes the undo of a done proposal (person-started). *id of the new proposal. */
int gate_undo(struct engine_pass *p, int64_t proposal_id, const struct person *who, int64_t *id,
              struct err *e) MUST_CHECK;
/* A person settles an unsure execution: happened or not. */
int gate_settle(struct engine_pass *p, int64_t proposal_id, const struct person *who, bool happened,
                const char *reason, struct err *e) MUST_CHECK;

/* A fresh snapshot of the incident: pending proposals become overtaken, withdrawn; approved ones stale, where their binds moved.
 * log: recent log entries (who did what), may be empty. Writes with audit; says how many ended. */
int gate_incident_seen(struct engine_pass *p, const struct gate_view *now,
                       const struct pd_log_entry *log, size_t n_log, int *n_ended, struct err *e)
    MUST_CHECK;
/* Newer assessment: pending machine proposals of this incident that are not in keep[] are superseded. */
int gate_supersede(struct engine_pass *p, const char *incident_id, const int64_t *keep,
                   size_t n_keep, struct err *e) MUST_CHECK;
bool gate_has_live(struct engine_pass *p, const char *incident_id);
/*
 * What people said to proposals of this origin: "rule:NAME" or "model"; one that ends with ':' takes all that begin so. verb NULL: any.
 * Counted once a proposal, when a person's decision ends it: approved (edited or not) or rejected; nobody answering is no answer.
 */
int gate_measured(struct engine_pass *p, const char *origin, const char *verb, int64_t *decided,
                  int64_t *approved, struct err *e) MUST_CHECK;
/*
 * Those of these verbs that the policy does not forbid to this origin on this incident now: [names], a new reference. A guess ahead of
 * gate_propose, which asks again; for what a model is told that it may suggest.
 */
json_t *gate_permitted(struct engine_pass *p, const struct gate_view *view, json_t *facts,
                       const json_t *verbs, const char *origin);

/* Standing approvals: given by an admin with a PagerDuty identity. */
int gate_standing_add(struct engine_pass *p, const struct person *who, const char *template_name,
                      json_t *services, int max_per_hour, int64_t until_wall_ms, int64_t *id,
                      struct err *e) MUST_CHECK;
int gate_standing_revoke(struct engine_pass *p, int64_t id, const struct person *who, struct err *e)
    MUST_CHECK;
/* The one code-made note of an incident: creates or edits it (a proposal decided by the standing approval). Nothing when no standing approval
 * covers it, or the text did not change. content without the marker, at most 600 characters with it. */
int gate_triage_note(struct engine_pass *p, const struct gate_view *view, const char *content,
                     int64_t assessment_id, const char **note, struct err *e) MUST_CHECK;
/* The one reason in *note that passes by itself: ask again in a moment, or the newer text is never written. Compared as a pointer. */
extern const char gate_note_under_way[];

/* Kill switch: engaged while the file STATE_DIR/kill-switch exists; read at every send. */
bool kill_switch_engaged(const char *state_dir);
int kill_switch_engage(const char *state_dir, const char *who, const char *why, struct err *e)
    MUST_CHECK;
int kill_switch_release(const char *state_dir, struct err *e) MUST_CHECK;
/* First line of the file: who, when, why; "" when released. */
void kill_switch_reason(const char *state_dir, struct buf *out);

/* Steps of this room for the engine's table: execute, send, confirm, expire. */
extern const struct step gate_step_execute, gate_step_send, gate_step_confirm, gate_step_expire;

/* Readers (own connection, http threads). JSON as in src/http/openapi.json. */
struct gate_reader;
int gate_reader_open(struct store *s, struct gate_reader **out, struct err *e) MUST_CHECK;
void gate_reader_close(struct gate_reader *r);
/* state NULL = live ones; incident NULL = any; before: id for paging (0 = newest). */
int gate_list(struct gate_reader *r, const char *state, const char *incident, int64_t before,
              unsigned limit, json_t **out, struct err *e) MUST_CHECK;
int gate_show(struct gate_reader *r, int64_t id, json_t **out, struct err *e) MUST_CHECK;
/* Everything about one proposal: evidence bundle ids, rule, policy rule and need, revisions, decisions, executions, calls. */
int gate_explain(struct gate_reader *r, int64_t id, json_t **out, struct err *e) MUST_CHECK;
int gate_counts(struct gate_reader *r, json_t **out, struct err *e)
    MUST_CHECK; /* {pending: n, ...} from counters */
int gate_standing_list(struct gate_reader *r, json_t **out, struct err *e) MUST_CHECK;

/* The table of actions, for docs, API and the command line: [{verb, risk, schema, binds, undo}]. */
json_t *gate_verbs(void);
const struct store_sql *gate_statements(size_t *n);

#endif

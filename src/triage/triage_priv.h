#ifndef TRIAGED_TRIAGE_TRIAGE_PRIV_H
#define TRIAGED_TRIAGE_TRIAGE_PRIV_H

#include "base/crypto.h"
#include "triage/triage.h"

/*
 * Shared by the files of this room. Who writes what:
 *   intake.c        event          rows.c      incident, past_incident
 *   evidence.c      evidence, bundle           cache.c    pd_cache, pd_feature
 *   enrich.c        the calls for one incident and what becomes of the answers
 *   context.c       what belongs to the service: policy, on-calls, dependencies, history, earlier notes
 *   step_judge.c    facts -> verdict     step_assess.c  verdict, known, report -> assessment
 *   memory.c        memory         outside.c  source_answer
 *   step_ask.c      what a model is asked (incident.ask) and what becomes of it
 */
struct triage {
    struct store *store;
    struct store_set *sql;
};

static inline struct world *world_of(const struct engine_pass *p)
{
    return p->app;
}

/* A statement on the writing connection. */
struct store_stmt *sql(const struct engine_pass *p, size_t index);
/* One step that must not fail to find its row, and the end of the statement. */
int sql_run(struct store_stmt *q, struct err *e) MUST_CHECK;
/* Binds NULL for 0: times and numbers that PagerDuty did not tell. */
void bind_known(struct store_stmt *q, int param, int64_t v);

/* A body by its canonical bytes, and back (a new reference). */
int body_put(const struct engine_pass *p, const json_t *j, char sha[SHA256_HEX], struct err *e)
    MUST_CHECK;
int body_json(const struct engine_pass *p, const char *sha, json_t **out, struct err *e) MUST_CHECK;

/* ---- incident rows ---- */

struct incident_row {
    const char *id;
    int64_t seq, number;
    const char *title, *status, *urgency, *priority, *service_id, *service, *policy_id, *policy;
    int level;
    const char *html_url;
    int64_t created_ms, changed_ms, resolved_ms;
    const char *resolved_by, *merged_into;
    const char *snapshot; /* body.sha256; NULL: only an id was ever seen */
    bool from_rest;       /* the snapshot is PagerDuty's answer, not a webhook's hint */
    int64_t snapshot_ms, bundle_id, assessment_id, enriched_ms, first_seen_ms, judged_ms;
    const char *verdict; /* body.sha256 */
    const char *symptom;
    int64_t retry_ms; /* when enrich planned to come back by itself */
    const char *ask;  /* asking.h */
};
void row_read(struct store_stmt *q, struct arena *a, struct incident_row *out);
int row_get(const struct engine_pass *p, const char *id, struct incident_row *out, struct err *e)
    MUST_CHECK;
/* The row exists afterwards. */
int row_ensure(const struct engine_pass *p, const char *id, struct err *e) MUST_CHECK;
/* A webhook's hint of that time. Does nothing when we know something newer: a late event never moves state back. */
int row_hint(const struct engine_pass *p, const struct pd_incident *in, int64_t occurred_ms,
             struct err *e) MUST_CHECK;
/* PagerDuty's answer, read now; level 0 unknown. */
int row_rest(const struct engine_pass *p, const struct pd_incident *in, int level, struct err *e)
    MUST_CHECK;
/* The snapshot's body as JSON (a new reference); ERR_NOT_FOUND without one. */
int row_snapshot(const struct engine_pass *p, const struct incident_row *row, json_t **out,
                 struct err *e) MUST_CHECK;
int past_put(const struct engine_pass *p, const struct pd_incident *in, struct err *e) MUST_CHECK;

/* ---- evidence ---- */

/* Stores what is new, makes a bundle of exactly these items when it differs from the newest, sets items' numbers. *changed may be NULL. */
int evidence_store(const struct engine_pass *p, const char *incident_id, int64_t bundle_now,
                   struct triage_items *it, bool *changed, struct err *e) MUST_CHECK;
/* The items of a bundle; bundle_id 0 gives none. */
int evidence_load(const struct engine_pass *p, const char *incident_id, int64_t bundle_id,
                  struct triage_items *it, struct err *e) MUST_CHECK;
/* For a kind that was just not answered: what the older bundle knows of it stays, beside the "not checked". */
void evidence_carry(struct triage_items *now, const struct triage_items *old);
/* The item as it stands, with its number. */
void evidence_copy(struct triage_items *to, const struct triage_item *x);
bool evidence_is_context(const char *kind);
/* The gate's view of the incident from its items; false when there is no snapshot from REST. */
bool evidence_view(struct arena *a, const struct triage_items *it, struct gate_view *out);
/* What is firing beside this one, from our own rows. */
int evidence_firing(const struct engine_pass *p, const struct incident_row *row,
                    struct triage_items *it, struct err *e) MUST_CHECK;

/* ---- memory: similar incidents of the own store (memory.c) ---- */

/* EV_MEMORY items for this incident, made afresh for each bundle; its search is bounded, whatever the store holds. */
int memory_items(const struct engine_pass *p, const struct incident_row *row,
                 struct triage_items *it, struct err *e) MUST_CHECK;
/* A resolved incident is remembered: its texts, and what ended it. */
int memory_remember(const struct engine_pass *p, const struct incident_row *row,
                    const struct triage_items *it, struct err *e) MUST_CHECK;

/* ---- outside: other sources and runbooks (outside.c) ---- */

/* EV_SOURCE items from source_answer (also those that did not answer), EV_RUNBOOK items from the loaded runbooks and the alert's own links. */
int outside_items(const struct engine_pass *p, const struct incident_row *row,
                  struct triage_items *it, struct err *e) MUST_CHECK;
/* After a bundle: the step `source` gets its turn when a row that fits was never asked, or alerts came since. Items of outside leave the list. */
int outside_ask(const struct engine_pass *p, const char *id, struct triage_items *it, struct err *e)
    MUST_CHECK;
/* The step `source` still has to ask for this incident. */
bool outside_pending(const struct engine_pass *p, const struct incident_row *row,
                     const struct triage_items *it);

/* With these items and what the older bundle still tells: a bundle, and the rules' turn (enrich.c). */
int bundle_make(struct engine_pass *p, const char *id, struct triage_items *it, struct err *e)
    MUST_CHECK;

/* ---- calls and their answers ---- */

enum answer {
    ANSWER_OK,
    ANSWER_NONE,        /* not asked */
    ANSWER_UNAVAILABLE, /* this account does not have it; not asked again for a day */
    ANSWER_GONE,        /* 404 on what was there */
    ANSWER_AUTH,        /* the credential */
    ANSWER_LATER        /* no answer, left out, garbage, 429, 5xx */
};
#define WHY_MAX 240
/* What became of a call; why gets words for people unless it is ANSWER_OK. */
enum answer answer_of(const struct net_reply *r, const struct pd_op *op, char why[WHY_MAX]);
/* "the answer could not be read: ..." */
enum answer answer_garbage(const struct err *e, char why[WHY_MAX]);
/* Asks unless the feature is known to be missing. id may be NULL where the operation takes none. */
int call_ask(struct step_ctx *c, enum pd_op_id op, int tag, const struct pd_args *args,
             struct err *e) MUST_CHECK;
/* The same, left out when calls are scarce, whatever the operation is. */
int call_ask_spare(struct step_ctx *c, enum pd_op_id op, int tag, const struct pd_args *args,
                   struct err *e) MUST_CHECK;

/* ---- cache ---- */

struct cached {
    json_t *ok;         /* the last good value, owned; NULL when there never was one */
    const char *why;    /* the newest read failed: why; in the arena */
    int64_t fetched_ms; /* of ok */
    int64_t tried_ms;   /* of the failure */
};
void cached_done(struct cached *c);
int cache_get(const struct engine_pass *p, const char *key, struct cached *out, struct err *e)
    MUST_CHECK;
/* Takes the reference to ok; fetched now. */
int cache_put(const struct engine_pass *p, const char *key, json_t *ok, struct err *e) MUST_CHECK;
/* Keeps the last good value and remembers why the newest read failed. */
int cache_failed(const struct engine_pass *p, const char *key, const char *why, struct err *e)
    MUST_CHECK;
/* The same, but an answer of the last half minute stands: incidents of one service ask side by side, and that one of them got no
 * answer does not unsay the other's. */
int cache_failed_beside(const struct engine_pass *p, const char *key, const char *why,
                        struct err *e) MUST_CHECK;
/* Neither younger than ttl nor failed within the last half minute. */
bool cache_stale(const struct engine_pass *p, const struct cached *c, int64_t ttl_ms);
int feature_missing(const struct engine_pass *p, const char *name, const char **why, struct err *e)
    MUST_CHECK; /* *why NULL: ask */
int feature_record(const struct engine_pass *p, const char *name, const char *why, struct err *e)
    MUST_CHECK;
int feature_works(const struct engine_pass *p, const char *name, struct err *e) MUST_CHECK;

/* ---- context ---- */

struct context {
    const char *incident_id, *service_id, *policy_id, *title;
    int64_t created_ms;
};
/* Asks for what is stale, at most `room` calls; *asked counts them. */
int context_ask(struct step_ctx *c, const struct context *x, unsigned room, unsigned *asked,
                struct err *e) MUST_CHECK;
/* Stores the answers in the cache. */
int context_take(struct step_ctx *c, const struct context *x, struct err *e) MUST_CHECK;
/* Items from the cache. *more: another round of calls would tell more. */
int context_items(const struct engine_pass *p, const struct context *x, struct triage_items *it,
                  bool *more, struct err *e) MUST_CHECK;

/* ---- the account's priorities (priorities.c) ---- */

int priorities_ask(struct step_ctx *c, unsigned room, unsigned *asked, struct err *e) MUST_CHECK;
int priorities_take(struct step_ctx *c, struct arena *a, struct err *e) MUST_CHECK;
/* Names, most severe first; NULL when this account tells none. A new reference. */
int priorities_names(const struct engine_pass *p, json_t **out, struct err *e) MUST_CHECK;

/* ---- workflow ---- */

/* Takes one stored event: its row, its incident, its next jobs. */
int intake_event(const struct engine_pass *p, const char *event_id, struct err *e) MUST_CHECK;
int job_add(const struct engine_pass *p, const char *step, const char *subject, int prio,
            int64_t due_ms, struct err *e) MUST_CHECK;
/* The items that the rules see now: the newest bundle with the newest snapshot, or what stands in for them. */
int judge_items(const struct engine_pass *p, const struct incident_row *row,
                struct triage_items *it, struct err *e) MUST_CHECK;

#define TRIAGE_ARENA_BYTES \
    ((size_t)96 << 20) /* cap, not size: a step parses up to 16 answers of 1 MiB */

#endif

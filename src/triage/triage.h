#ifndef TRIAGED_TRIAGE_TRIAGE_H
#define TRIAGED_TRIAGE_TRIAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "engine/engine.h"
#include "gate/gate.h"
#include "gate/world.h"
#include "triage/pure.h"

/*
 * The workflow: intake, enrich, judge, assess, propose. Steps are rows; what is pure (the facts document, the known facts, the
 * note's text) is in functions that unit tests and the command line call without a daemon.
 */
int triage_open(struct store *s, struct triage **out, struct err *e) MUST_CHECK;
void triage_close(struct triage *t);

/* One verified delivery, as http hands it over. Called inside a fact's apply: writes the event row (one per event.id), the body, and the
 * first jobs. out says what became of it; every outcome is answered 202. */
enum intake_outcome {
    INTAKE_NEW,
    INTAKE_DUPLICATE,
    INTAKE_IGNORED,
    INTAKE_QUARANTINED,
    INTAKE_PING
};
struct intake_delivery {
    const char *endpoint;   /* "" or NAME */
    const char *webhook_id; /* header, unsigned: logged */
    const void *body;
    size_t body_len;
    int64_t received_wall_ms;
};
int intake_store(struct engine_pass *p, const struct intake_delivery *d, enum intake_outcome *out,
                 struct err *e) MUST_CHECK;

/* Steps for the engine's table. */
extern const struct step triage_step_intake, triage_step_enrich, triage_step_context,
    triage_step_judge, triage_step_assess, triage_step_ask, triage_step_propose,
    triage_step_refresh, triage_step_backfill, triage_step_source;
/* All of them, NULL-terminated: what the engine's table must hold of this room. */
const struct step *const *triage_steps(void);
/* Start-up rows (periodic jobs, alarms that depend on the configuration). */
int triage_on_start(struct engine_pass *p, struct err *e) MUST_CHECK;

/* Person-started proposal over API or command line: reads the newest snapshot, calls gate_propose. */
int triage_propose_by_person(struct engine_pass *p, const char *incident_id,
                             const struct person *who, const struct gate_action *actions, size_t n,
                             const char *why, int64_t *id, const char **note, struct err *e)
    MUST_CHECK;

/* Quarantine: look, and put one back into the pipeline after a fix. */
int triage_quarantine_retry(struct engine_pass *p, const char *event_id, const char *actor,
                            struct err *e) MUST_CHECK;

/*
 * A backfill reads the past into the memory: no proposal, no note, no model call. One at a time; ERR_CONFLICT when one runs, or
 * without a token. out: where it stands, as triage_backfill_status() tells it.
 */
#define TRIAGE_BACKFILL_MAX_S (INT64_C(1100) * 86400)
int triage_backfill_start(struct engine_pass *p, int64_t since_s, const char *actor, json_t **out,
                          struct err *e) MUST_CHECK;
/* What was read stays. ERR_NOT_FOUND, ERR_CONFLICT: none is running. */
int triage_backfill_stop(struct engine_pass *p, const char *actor, json_t **out, struct err *e)
    MUST_CHECK;

/* Readers (own connection, http threads). JSON as in src/http/openapi.json. */
struct triage_reader;
int triage_reader_open(struct store *s, struct triage_reader **out, struct err *e) MUST_CHECK;
void triage_reader_close(struct triage_reader *r);
/* status: "open" (default), "resolved" or "all"; before: seq for paging (0 = newest). */
int triage_list(struct triage_reader *r, const char *status, const char *service, int64_t before,
                unsigned limit, json_t **out, struct err *e) MUST_CHECK;
/* {id, digest, created_at, evidence: ["E1", ...]} of a bundle; null for 0 and for one that is not known. */
int triage_bundle(struct triage_reader *r, int64_t id, json_t **out, struct err *e) MUST_CHECK;
/*
 * What triage_show or triage_explain gave, for people: placeholders in the model's report become their values again, found anew in the stored
 * evidence (of this incident, and of the one whose answer was taken over). Nothing of it is kept. What was pruned since stays a placeholder.
 */
int triage_for_people(struct triage_reader *r, const struct redactor *red, json_t *shown,
                      struct err *e) MUST_CHECK;
/* By PagerDuty id or number: incident, assessment with what is known and not checked, evidence list, timeline, live proposals' ids. */
int triage_show(struct triage_reader *r, const char *id_or_number, json_t **out, struct err *e)
    MUST_CHECK;
/* Everything behind the newest assessment: {incident, assessment (with report, wanted, facts), ask, bundle: {id, items}}. */
int triage_explain(struct triage_reader *r, const char *id_or_number, json_t **out, struct err *e)
    MUST_CHECK;
int triage_evidence(struct triage_reader *r, const char *incident_id, int64_t num, json_t **out,
                    struct err *e) MUST_CHECK;
int triage_quarantine_list(struct triage_reader *r, int64_t before, unsigned limit, json_t **out,
                           struct err *e) MUST_CHECK;
/* {events, quarantined, incidents_open, last_event_ms, last_ping_ms, not_available:[{feature, reason}]}. */
int triage_status(struct triage_reader *r, json_t **out, struct err *e) MUST_CHECK;

/* The newest backfill; {state: "none"} when there was none. */
int triage_backfill_status(struct triage_reader *r, json_t **out, struct err *e) MUST_CHECK;

const struct store_sql *triage_statements(size_t *n);

#endif

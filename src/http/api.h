#ifndef TRIAGED_HTTP_API_PRIV_H
#define TRIAGED_HTTP_API_PRIV_H

#include "http/http_priv.h"

/* What the handlers of /api/v1 share. */

#define PAGE_DEFAULT 50
#define PAGE_MAX     200

/* A query parameter, NULL when absent. */
const char *api_query(struct request *r, const char *name);
/* A whole number within [min, max] from the query (def when absent) or from a part of the path; false: answered 400. */
bool api_query_int(struct request *r, const char *name, int64_t min, int64_t max, int64_t def,
                   int64_t *out);
bool api_arg_int(struct request *r, size_t index, int64_t *out);
/* The body as a JSON object with only the members of the schema called `name` in openapi.json; false: answered 400. */
bool api_body(struct request *r, const char *schema_name);
/* This thread's read-only connections; NULL: answered 503. */
struct http_readers *api_readers(struct request *r);
/*
 * Answers with *j (taken) or, when rc is negative, with the problem in e. A pointer, because the call that fills it may stand in the
 * argument before, and C does not say which argument is read first.
 */
enum MHD_Result api_answer(struct request *r, int rc, json_t **j, const struct err *e);
/* Answers {items, next}: next is the last row's key when the page is full (the before= or after= of the next one), else null. */
enum MHD_Result api_answer_list(struct request *r, int rc, json_t **list, const char *key,
                                int64_t limit, const struct err *e);
/* Hands command to the engine; it fills r->out (and out_status, out_location) inside the fact's savepoint. */
enum MHD_Result api_command(struct request *r,
                            int (*command)(struct request *r, struct engine_pass *p,
                                           struct err *e));
/* triage_show, with words for an incident about which no model is asked because none is configured. */
int api_show(struct request *r, struct http_readers *rd, json_t **out, struct err *e) MUST_CHECK;
/* "person:3", "agent:4" or "local" for audit records. */
const char *api_actor(const struct request *r, char out[32]);
/* Who decides must be a person with a token: never the control socket by itself. */
bool api_is_person(struct request *r);

enum MHD_Result api_status(struct request *r), api_incidents(struct request *r),
    api_incident(struct request *r), api_evidence(struct request *r), api_audit(struct request *r),
    api_audit_row(struct request *r), api_audit_export(struct request *r),
    api_jobs(struct request *r), api_quarantine(struct request *r), api_alarms(struct request *r),
    api_verbs(struct request *r), api_rules(struct request *r), api_openapi(struct request *r),
    api_incident_explain(struct request *r), api_llm_calls(struct request *r),
    api_llm_call(struct request *r);
enum MHD_Result api_proposals(struct request *r), api_proposal(struct request *r),
    api_explain(struct request *r), api_propose(struct request *r), api_decide(struct request *r),
    api_edit(struct request *r), api_undo(struct request *r), api_settle(struct request *r),
    api_standing(struct request *r), api_standing_add(struct request *r),
    api_standing_revoke(struct request *r);
enum MHD_Result api_kill_switch(struct request *r), api_kill_switch_set(struct request *r),
    api_users(struct request *r), api_user_add(struct request *r),
    api_user_change(struct request *r), api_token_add(struct request *r),
    api_token_revoke(struct request *r), api_job_retry(struct request *r),
    api_quarantine_retry(struct request *r), api_backfill(struct request *r),
    api_backfill_start(struct request *r), api_backfill_stop(struct request *r);

#endif

#ifndef TRIAGED_GATE_GATE_SQL_H
#define TRIAGED_GATE_GATE_SQL_H

#include "store/store.h"

/* Every statement of the gate; no other file names its tables. One text for SQLite and PostgreSQL. */
enum gate_stmt {
    GATE_PROPOSAL_INSERT,
    GATE_PROPOSAL_GET,
    GATE_PROPOSAL_MOVE,
    GATE_PROPOSAL_REVISE,
    GATE_PROPOSAL_ASK,
    GATE_PROPOSAL_LIVE,
    GATE_PROPOSAL_SAME,
    GATE_PROPOSAL_TO_RUN,
    GATE_PROPOSAL_PENDING,
    GATE_COUNTER_ADD,
    GATE_COUNTERS,
    GATE_MEASURE_ADD,
    GATE_MEASURED,
    GATE_MEASURED_VERB,
    GATE_REVISION_INSERT,
    GATE_REVISIONS,
    GATE_REVISION_GET,
    GATE_ACTION_INSERT,
    GATE_ACTIONS,
    GATE_DECISION_INSERT,
    GATE_DECISIONS,
    GATE_DECISIONS_ALL,
    GATE_DECISIONS_BY,
    GATE_EXEC_INSERT,
    GATE_EXEC_SAVE,
    GATE_EXECS,
    GATE_EXECS_OWN,
    GATE_VIEW_PUT,
    GATE_VIEW_GET,
    GATE_STANDING_INSERT,
    GATE_STANDING_REVOKE,
    GATE_STANDING_LIVE,
    GATE_STANDING_GET,
    GATE_STANDING_LIST,
    GATE_NOTE_GET,
    GATE_NOTE_PUT,
    GATE_CALL_INSERT,
    GATE_CALLS,
    GATE_LIST_STATE,
    GATE_LIST_LIVE,
    GATE_LIST_INCIDENT,
    GATE_LIST_INCIDENT_STATE,
    GATE_LIST_ALL,
    GATE_STMTS
};

#define PROPOSAL_COLS                                                                             \
    "id, revision, state, subject_kind, subject_id, incident_id, key, origin, why, risk, facts, " \
    "reason, ended_by, status_then, on_expiry, asked_level, asked, assessment_id, bundle_id, "    \
    "replaces_id, created_ms, expires_ms, approved_ms, ended_ms, span_ms, evidence"
#define DECISION_COLS \
    "id, revision, digest, verdict, actor, person_id, pd_user_id, email, reason, via, created_ms"
#define EXEC_COLS                                                                                 \
    "revision, ord, state, marker, from_email, from_pd_user, actor, in_flight_until_ms, "         \
    "first_sent_ms, sends, empty_reads, last_empty_ms, fence, epoch, verified_ms, log_after_ms, " \
    "log_last_id, note_id, after, result, created_ms, ended_ms"
#define STANDING_COLS                                                                           \
    "id, verb, template, template_digest, services, max_per_hour, until_ms, person_id, email, " \
    "pd_user_id, created_ms, revoked_ms"

extern const struct store_sql GATE_SQL[GATE_STMTS];

#endif

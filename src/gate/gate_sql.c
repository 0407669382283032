#include "gate/gate_sql.h"

#include "gate/gate.h"

/* clang-format off */
const struct store_sql GATE_SQL[GATE_STMTS] = {
    [GATE_PROPOSAL_INSERT] = {"gate.proposal_insert",
        "INSERT INTO proposal (subject_kind, subject_id, incident_id, state, key, origin, why, risk, facts, status_then, "
        "on_expiry, assessment_id, bundle_id, replaces_id, created_ms, expires_ms, reason, ended_by, ended_ms, span_ms, "
        "evidence) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21) RETURNING id"},
    [GATE_PROPOSAL_GET] = {"gate.proposal_get", "SELECT " PROPOSAL_COLS " FROM proposal WHERE id = $1"},
    [GATE_PROPOSAL_MOVE] = {"gate.proposal_move",
        "UPDATE proposal SET state = $1, reason = $2, ended_by = $3, approved_ms = $4, ended_ms = $5 "
        "WHERE id = $6 AND state = $7"},
    [GATE_PROPOSAL_REVISE] = {"gate.proposal_revise",
        "UPDATE proposal SET revision = $1, key = $2, risk = $3, on_expiry = $4 WHERE id = $5 AND state = 'pending'"},
    [GATE_PROPOSAL_ASK] = {"gate.proposal_ask",
        "UPDATE proposal SET asked_level = $1, asked = $2, expires_ms = $3 WHERE id = $4 AND state = 'pending'"},
    [GATE_PROPOSAL_LIVE] = {"gate.proposal_live",
        "SELECT " PROPOSAL_COLS " FROM proposal WHERE incident_id = $1 "
        "AND state IN ('pending', 'approved', 'executing', 'unsure') ORDER BY id LIMIT $2"},
    [GATE_PROPOSAL_SAME] = {"gate.proposal_same",
        "SELECT " PROPOSAL_COLS " FROM proposal WHERE subject_kind = $1 AND subject_id = $2 AND key = $3 "
        "ORDER BY id DESC LIMIT 20"},
    [GATE_PROPOSAL_TO_RUN] = {"gate.proposal_to_run",
        "SELECT id FROM proposal WHERE state = $1 AND id > $2 ORDER BY id LIMIT 500"},
    [GATE_PROPOSAL_PENDING] = {"gate.proposal_pending",
        "SELECT id, expires_ms FROM proposal WHERE state = 'pending' AND id > $1 ORDER BY id LIMIT 500"},
    [GATE_COUNTER_ADD] = {"gate.counter_add",
        "INSERT INTO proposal_counter (state, n) VALUES ($1, $2) "
        "ON CONFLICT (state) DO UPDATE SET n = proposal_counter.n + excluded.n"},
    [GATE_COUNTERS] = {"gate.counters", "SELECT state, n FROM proposal_counter ORDER BY state"},
    [GATE_MEASURE_ADD] = {"gate.measure_add",
        "INSERT INTO proposal_measure (origin, verb, decided, approved, edited) VALUES ($1, $2, 1, $3, $4) "
        "ON CONFLICT (origin, verb) DO UPDATE SET decided = proposal_measure.decided + 1, "
        "approved = proposal_measure.approved + excluded.approved, edited = proposal_measure.edited + excluded.edited"},
    [GATE_MEASURED] = {"gate.measured",
        "SELECT coalesce(sum(decided), 0), coalesce(sum(approved), 0) FROM proposal_measure "
        "WHERE origin >= $1 AND origin < $2"},
    [GATE_MEASURED_VERB] = {"gate.measured_verb",
        "SELECT coalesce(sum(decided), 0), coalesce(sum(approved), 0) FROM proposal_measure "
        "WHERE origin >= $1 AND origin < $2 AND verb = $3"},
    [GATE_REVISION_INSERT] = {"gate.revision_insert",
        "INSERT INTO revision (proposal_id, revision, digest, policy_rule, policy_hash, need, author, created_ms) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"},
    [GATE_REVISIONS] = {"gate.revisions",
        "SELECT revision, digest, policy_rule, policy_hash, need, author, created_ms FROM revision "
        "WHERE proposal_id = $1 ORDER BY revision"},
    [GATE_REVISION_GET] = {"gate.revision_get",
        "SELECT revision, digest, policy_rule, policy_hash, need, author, created_ms FROM revision "
        "WHERE proposal_id = $1 AND revision = $2"},
    [GATE_ACTION_INSERT] = {"gate.action_insert",
        "INSERT INTO action (proposal_id, revision, ord, verb, target, args, binds, identity, digest, effect) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"},
    [GATE_ACTIONS] = {"gate.actions",
        "SELECT ord, verb, target, args, binds, identity, digest, effect FROM action "
        "WHERE proposal_id = $1 AND revision = $2 ORDER BY ord"},
    [GATE_DECISION_INSERT] = {"gate.decision_insert",
        "INSERT INTO decision (proposal_id, revision, digest, verdict, actor, person_id, pd_user_id, email, reason, via, "
        "created_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"},
    [GATE_DECISIONS] = {"gate.decisions",
        "SELECT " DECISION_COLS " FROM decision WHERE proposal_id = $1 AND revision = $2 ORDER BY id LIMIT 100"},
    [GATE_DECISIONS_ALL] = {"gate.decisions_all",
        "SELECT " DECISION_COLS " FROM decision WHERE proposal_id = $1 ORDER BY revision, id LIMIT 1000"},
    [GATE_DECISIONS_BY] = {"gate.decisions_by",
        "SELECT COUNT(*) FROM decision WHERE actor = $1 AND created_ms > $2"},
    [GATE_EXEC_INSERT] = {"gate.exec_insert",
        "INSERT INTO execution (proposal_id, revision, ord, state, marker, from_email, from_pd_user, actor, epoch, "
        "created_ms) VALUES ($1, $2, $3, 'waiting', $4, $5, $6, $7, $8, $9)"},
    [GATE_EXEC_SAVE] = {"gate.exec_save",
        "UPDATE execution SET state = $1, in_flight_until_ms = $2, first_sent_ms = $3, sends = $4, empty_reads = $5, "
        "last_empty_ms = $6, fence = $7, epoch = $8, verified_ms = $9, log_after_ms = $10, log_last_id = $11, "
        "note_id = $12, after = $13, result = $14, ended_ms = $15 WHERE proposal_id = $16 AND ord = $17"},
    [GATE_EXECS] = {"gate.execs", "SELECT " EXEC_COLS " FROM execution WHERE proposal_id = $1 ORDER BY ord"},
    [GATE_EXECS_OWN] = {"gate.execs_own",
        "SELECT p.id, a.verb, x.from_pd_user, x.first_sent_ms, x.in_flight_until_ms, p.state, x.ended_ms FROM proposal p "
        "JOIN execution x ON x.proposal_id = p.id AND x.first_sent_ms IS NOT NULL "
        "JOIN action a ON a.proposal_id = p.id AND a.revision = x.revision AND a.ord = x.ord "
        "WHERE p.incident_id = $1 ORDER BY p.id DESC LIMIT 100"},
    [GATE_VIEW_PUT] = {"gate.view_put",
        "INSERT INTO gate_view (incident_id, view, seen_ms, reopened_ms) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (incident_id) DO UPDATE SET view = excluded.view, seen_ms = excluded.seen_ms, "
        "reopened_ms = excluded.reopened_ms"},
    [GATE_VIEW_GET] = {"gate.view_get",
        "SELECT view, seen_ms, reopened_ms FROM gate_view WHERE incident_id = $1"},
    [GATE_STANDING_INSERT] = {"gate.standing_insert",
        "INSERT INTO standing (verb, template, template_digest, services, max_per_hour, until_ms, person_id, email, "
        "pd_user_id, created_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id"},
    [GATE_STANDING_REVOKE] = {"gate.standing_revoke",
        "UPDATE standing SET revoked_ms = $1 WHERE id = $2 AND revoked_ms IS NULL"},
    [GATE_STANDING_LIVE] = {"gate.standing_live",
        "SELECT " STANDING_COLS " FROM standing WHERE template = $1 AND revoked_ms IS NULL ORDER BY id LIMIT 100"},
    [GATE_STANDING_GET] = {"gate.standing_get", "SELECT " STANDING_COLS " FROM standing WHERE id = $1"},
    [GATE_STANDING_LIST] = {"gate.standing_list",
        "SELECT " STANDING_COLS " FROM standing WHERE id > $1 ORDER BY id LIMIT 500"},
    [GATE_NOTE_GET] = {"gate.note_get",
        "SELECT note_id, marker, content, updated_ms FROM triage_note WHERE incident_id = $1"},
    [GATE_NOTE_PUT] = {"gate.note_put",
        "INSERT INTO triage_note (incident_id, note_id, marker, content, updated_ms) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (incident_id) DO UPDATE SET note_id = excluded.note_id, marker = excluded.marker, "
        "content = excluded.content, updated_ms = excluded.updated_ms"},
    [GATE_CALL_INSERT] = {"gate.call_insert",
        "INSERT INTO call_log (proposal_id, ord, what, status, outcome, at_ms, took_ms) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)"},
    [GATE_CALLS] = {"gate.calls",
        "SELECT ord, what, status, outcome, at_ms, took_ms FROM call_log WHERE proposal_id = $1 ORDER BY id LIMIT 500"},
    [GATE_LIST_STATE] = {"gate.list_state",
        "SELECT " PROPOSAL_COLS " FROM proposal WHERE state = $1 AND id < $2 ORDER BY id DESC LIMIT $3"},
    [GATE_LIST_LIVE] = {"gate.list_live",
        "SELECT " PROPOSAL_COLS " FROM proposal WHERE ended_ms IS NULL AND id < $1 ORDER BY id DESC LIMIT $2"},
    [GATE_LIST_INCIDENT] = {"gate.list_incident",
        "SELECT " PROPOSAL_COLS " FROM proposal WHERE incident_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3"},
    [GATE_LIST_INCIDENT_STATE] = {"gate.list_incident_state",
        "SELECT " PROPOSAL_COLS " FROM proposal WHERE incident_id = $1 AND state = $2 AND id < $3 "
        "ORDER BY id DESC LIMIT $4"},
    [GATE_LIST_ALL] = {"gate.list_all",
        "SELECT " PROPOSAL_COLS " FROM proposal WHERE id < $1 ORDER BY id DESC LIMIT $2"},
};
/* clang-format on */

const struct store_sql *gate_statements(size_t *n)
{
    *n = GATE_STMTS;
    return GATE_SQL;
}

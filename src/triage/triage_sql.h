#ifndef TRIAGED_TRIAGE_TRIAGE_SQL_H
#define TRIAGED_TRIAGE_TRIAGE_SQL_H

#include "store/store.h"

/* Every statement of the tables event, incident, evidence, bundle, assessment, past_incident, pd_cache, pd_feature, group, memory and
 * backfill. */
enum {
    EVENT_PUT,
    EVENT_GET,
    EVENT_SET,
    EVENT_NEWEST_NEW,
    EVENT_BY_INCIDENT,
    EVENT_QUARANTINED,
    EVENT_QUARANTINED_N,
    EVENT_LAST,

    INCIDENT_INSERT,
    INCIDENT_GET,
    INCIDENT_NUMBER,
    INCIDENT_SEEN,
    INCIDENT_BUNDLE,
    INCIDENT_EVIDENCE,
    INCIDENT_VERDICT,
    INCIDENT_ASSESSED,
    INCIDENT_ENRICHED,
    INCIDENT_RETRY,
    INCIDENT_ASK,
    INCIDENT_LIST_ALL,
    INCIDENT_LIST_OPEN,
    INCIDENT_LIST_RESOLVED,
    INCIDENT_LIST_ALL_SERVICE,
    INCIDENT_LIST_OPEN_SERVICE,
    INCIDENT_LIST_RESOLVED_SERVICE,
    INCIDENT_OPEN_N,

    EVIDENCE_FIND,
    EVIDENCE_PUT,
    EVIDENCE_GET,
    EVIDENCE_LIST,

    BUNDLE_PUT,
    BUNDLE_GET,

    ASSESSMENT_PUT,
    ASSESSMENT_GET,
    ASSESSMENT_LIST,

    PAST_PUT,
    PAST_SYMPTOM,

    CACHE_GET,
    CACHE_PUT,

    FEATURE_GET,
    FEATURE_PUT,
    FEATURE_DROP,
    FEATURE_LIST,

    SOURCE_ANSWER_LIST,
    SOURCE_ANSWER_PUT,

    GROUP_SIZE,

    MEMORY_GET,
    MEMORY_ROW,
    MEMORY_PUT,
    MEMORY_LAST_ID,
    MEMORY_COUNT,
    MEMORY_OLDEST,
    MEMORY_UNSEARCH,
    MEMORY_SYMPTOM,

    BACKFILL_BEGIN,
    BACKFILL_GET,
    BACKFILL_NEWEST,
    BACKFILL_SET,
    BACKFILL_LISTED,
    BACKFILL_HEARD,
    BACKFILL_TODO,
    BACKFILL_ENDED,
    BACKFILL_SWEEP,

    TRIAGE_SQL_LEN
};

#define EVENT_COLUMNS                                                                             \
    "event_id, seq, endpoint, event_type, state, reason, incident_id, occurred_ms, received_ms, " \
    "copies, body"
#define INCIDENT_COLUMNS                                                                            \
    "id, seq, number, title, status, urgency, priority, service_id, service, policy_id, policy, "   \
    "level, html_url, created_ms, changed_ms, resolved_ms, resolved_by, merged_into, snapshot, "    \
    "snapshot_from, snapshot_ms, bundle_id, assessment_id, enriched_ms, first_seen_ms, judged_ms, " \
    "verdict, symptom, retry_ms, ask"
#define MEMORY_COLUMNS                                                                          \
    "id, incident_id, number, service_id, service, symptom, title, alerts, notes, resolution, " \
    "fix, created_ms, resolved_ms, by_type, by_id, by_name, merged, searched"
#define BACKFILL_COLUMNS                                                                               \
    "id, state, actor, since_ms, until_ms, from_ms, to_ms, stage, skip, page, pages, "                 \
    "next_ms, waits, no_log, failures, calls, found, remembered, known, open, unread, alerts, notes, " \
    "fixes, started_ms, ended_ms"
#define INCIDENT_ROWS "SELECT " INCIDENT_COLUMNS " FROM incident WHERE "
#define INCIDENT_DOWN "seq < $1 ORDER BY seq DESC LIMIT $2"

/* clang-format off */
static const struct store_sql triage_sql_table[TRIAGE_SQL_LEN] = {
    [EVENT_PUT] = {"event.put",
        "INSERT INTO event (event_id, seq, endpoint, event_type, state, reason, incident_id, occurred_ms, received_ms,"
        " webhook_id, body) VALUES ($1, (SELECT coalesce(max(seq), 0) + 1 FROM event), $2, $3, $4, $5, $6, $7, $8, $9, $10)"
        " ON CONFLICT (event_id) DO UPDATE SET copies = event.copies + 1 RETURNING copies"},
    [EVENT_GET] = {"event.get", "SELECT " EVENT_COLUMNS " FROM event WHERE event_id = $1"},
    [EVENT_SET] = {"event.set",
        "UPDATE event SET state = $2, reason = $3, incident_id = coalesce($4, incident_id) WHERE event_id = $1"},
    /* For a judge that is due before the full parse had its turn. */
    [EVENT_NEWEST_NEW] = {"event.newest_new",
        "SELECT event_id FROM event WHERE incident_id = $1 AND state = 'new' ORDER BY occurred_ms DESC, event_id DESC"
        " LIMIT 1"},
    [EVENT_BY_INCIDENT] = {"event.by_incident",
        "SELECT " EVENT_COLUMNS " FROM event WHERE incident_id = $1 ORDER BY occurred_ms DESC, event_id DESC LIMIT $2"},
    [EVENT_QUARANTINED] = {"event.quarantined",
        "SELECT " EVENT_COLUMNS " FROM event WHERE state = 'quarantined' AND seq < $1 ORDER BY seq DESC LIMIT $2"},
    [EVENT_QUARANTINED_N] = {"event.quarantined_n",
        "SELECT count(*) FROM (SELECT 1 FROM event WHERE state = 'quarantined' AND seq > 0 LIMIT 10000) AS q"},
    [EVENT_LAST] = {"event.last",
        "SELECT seq, received_ms FROM event WHERE seq > 0 ORDER BY seq DESC LIMIT 1"},

    [INCIDENT_INSERT] = {"incident.insert",
        "INSERT INTO incident (id, seq, first_seen_ms) VALUES ($1, (SELECT coalesce(max(seq), 0) + 1 FROM incident), $2)"
        " ON CONFLICT (id) DO NOTHING"},
    [INCIDENT_GET] = {"incident.get", INCIDENT_ROWS "id = $1"},
    [INCIDENT_NUMBER] = {"incident.number", INCIDENT_ROWS "number = $1 LIMIT 1"},
    [INCIDENT_SEEN] = {"incident.seen",
        "UPDATE incident SET number = $2, title = $3, status = $4, urgency = $5, priority = $6, service_id = $7,"
        " service = $8, policy_id = $9, policy = $10, level = coalesce($11, level), html_url = $12, symptom = $13,"
        " created_ms = $14, changed_ms = coalesce($15, changed_ms), resolved_ms = $16, resolved_by = $17, merged_into = $18,"
        " snapshot = $19, snapshot_from = $20, snapshot_ms = $21 WHERE id = $1"},
    [INCIDENT_BUNDLE] = {"incident.bundle", "UPDATE incident SET bundle_id = $2 WHERE id = $1"},
    /* Numbers of evidence are taken here and never given back. */
    [INCIDENT_EVIDENCE] = {"incident.evidence",
        "UPDATE incident SET next_evidence = next_evidence + 1 WHERE id = $1 RETURNING next_evidence - 1"},
    [INCIDENT_VERDICT] = {"incident.verdict",
        "UPDATE incident SET verdict = $2, judged_ms = coalesce(judged_ms, $3) WHERE id = $1"},
    [INCIDENT_ASSESSED] = {"incident.assessed", "UPDATE incident SET assessment_id = $2 WHERE id = $1"},
    [INCIDENT_ENRICHED] = {"incident.enriched", "UPDATE incident SET enriched_ms = $2 WHERE id = $1"},
    [INCIDENT_RETRY] = {"incident.retry", "UPDATE incident SET retry_ms = $2 WHERE id = $1"},
    [INCIDENT_ASK] = {"incident.ask", "UPDATE incident SET ask = $2 WHERE id = $1"},
    [INCIDENT_LIST_ALL] = {"incident.list_all", INCIDENT_ROWS INCIDENT_DOWN},
    [INCIDENT_LIST_OPEN] = {"incident.list_open", INCIDENT_ROWS "status <> 'resolved' AND " INCIDENT_DOWN},
    [INCIDENT_LIST_RESOLVED] = {"incident.list_resolved", INCIDENT_ROWS "status = 'resolved' AND " INCIDENT_DOWN},
    [INCIDENT_LIST_ALL_SERVICE] = {"incident.list_all_service", INCIDENT_ROWS "service_id = $3 AND " INCIDENT_DOWN},
    [INCIDENT_LIST_OPEN_SERVICE] = {"incident.list_open_service",
        INCIDENT_ROWS "service_id = $3 AND status <> 'resolved' AND " INCIDENT_DOWN},
    [INCIDENT_LIST_RESOLVED_SERVICE] = {"incident.list_resolved_service",
        INCIDENT_ROWS "service_id = $3 AND status = 'resolved' AND " INCIDENT_DOWN},
    [INCIDENT_OPEN_N] = {"incident.open_n",
        "SELECT count(*) FROM (SELECT 1 FROM incident WHERE status <> 'resolved' AND seq > 0 LIMIT 100000) AS o"},

    [EVIDENCE_FIND] = {"evidence.find", "SELECT num FROM evidence WHERE incident_id = $1 AND digest = $2"},
    [EVIDENCE_PUT] = {"evidence.put",
        "INSERT INTO evidence (incident_id, num, kind, state, source, summary, digest, body, at_ms, created_ms)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"},
    [EVIDENCE_GET] = {"evidence.get",
        "SELECT num, kind, state, source, summary, digest, body, at_ms, created_ms FROM evidence"
        " WHERE incident_id = $1 AND num = $2"},
    [EVIDENCE_LIST] = {"evidence.list",
        "SELECT num, kind, state, source, summary, digest, body, at_ms, created_ms FROM evidence"
        " WHERE incident_id = $1 ORDER BY num DESC LIMIT $2"},

    [BUNDLE_PUT] = {"bundle.put",
        "INSERT INTO bundle (id, incident_id, nums, digest, created_ms)"
        " VALUES ((SELECT coalesce(max(id), 0) + 1 FROM bundle), $1, $2, $3, $4) RETURNING id"},
    [BUNDLE_GET] = {"bundle.get", "SELECT nums, digest, created_ms FROM bundle WHERE id = $1"},

    [ASSESSMENT_PUT] = {"assessment.put",
        "INSERT INTO assessment (id, incident_id, bundle_id, origin, severity, category, team, urgency, verdict, facts,"
        " known, digest, created_ms, report, llm_call_id, confidence, said, seen, wanted)"
        " VALUES ((SELECT coalesce(max(id), 0) + 1 FROM assessment),"
        " $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) RETURNING id"},
    [ASSESSMENT_GET] = {"assessment.get",
        "SELECT id, incident_id, bundle_id, origin, severity, category, team, urgency, verdict, facts, known, digest,"
        " created_ms, report, llm_call_id, confidence, said, seen, wanted FROM assessment WHERE id = $1"},
    [ASSESSMENT_LIST] = {"assessment.list",
        "SELECT id, origin, severity, category, created_ms FROM assessment WHERE incident_id = $1 AND id > 0"
        " ORDER BY id DESC LIMIT $2"},

    [PAST_PUT] = {"past.put",
        "INSERT INTO past_incident (id, service_id, symptom, number, title, status, created_ms, resolved_ms, by_type, by_id,"
        " by_name, merged) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
        " ON CONFLICT (id) DO UPDATE SET service_id = excluded.service_id, symptom = excluded.symptom,"
        " title = excluded.title, status = excluded.status, resolved_ms = excluded.resolved_ms, by_type = excluded.by_type,"
        " by_id = excluded.by_id, by_name = excluded.by_name, merged = excluded.merged"},
    [PAST_SYMPTOM] = {"past.symptom",
        "SELECT id, number, title, status, created_ms, resolved_ms, by_type, by_id, by_name, merged FROM past_incident"
        " WHERE service_id = $1 AND symptom = $2 AND created_ms >= $3 AND created_ms <= $4"
        " ORDER BY created_ms DESC LIMIT $5"},

    [CACHE_GET] = {"cache.get", "SELECT body, fetched_ms FROM pd_cache WHERE key = $1"},
    [CACHE_PUT] = {"cache.put",
        "INSERT INTO pd_cache (key, body, fetched_ms) VALUES ($1, $2, $3)"
        " ON CONFLICT (key) DO UPDATE SET body = excluded.body, fetched_ms = excluded.fetched_ms"},

    [FEATURE_GET] = {"feature.get", "SELECT reason, retry_ms FROM pd_feature WHERE name = $1"},
    [FEATURE_PUT] = {"feature.put",
        "INSERT INTO pd_feature (name, reason, since_ms, retry_ms) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (name) DO UPDATE SET reason = excluded.reason, retry_ms = excluded.retry_ms"},
    [FEATURE_DROP] = {"feature.drop", "DELETE FROM pd_feature WHERE name = $1"},
    /* A dozen names at most: there is one for each optional operation. */
    [FEATURE_LIST] = {"feature.list",
        "SELECT name, reason, since_ms, retry_ms FROM pd_feature WHERE name > '' ORDER BY name LIMIT 50"},

    [SOURCE_ANSWER_LIST] = {"source_answer.list",
        "SELECT name, ok, body, at_ms FROM source_answer WHERE incident_id = $1 ORDER BY name LIMIT $2"},
    [SOURCE_ANSWER_PUT] = {"source_answer.put",
        "INSERT INTO source_answer (incident_id, name, ok, body, at_ms) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT (incident_id, name) DO UPDATE SET ok = excluded.ok, body = excluded.body, at_ms = excluded.at_ms"},

    [GROUP_SIZE] = {"group.size",
        "SELECT count(*) FROM group_member WHERE left_ms IS NULL AND group_id ="
        " (SELECT group_id FROM group_member WHERE incident_id = $1 AND left_ms IS NULL LIMIT 1)"},

    [MEMORY_GET] = {"memory.get", "SELECT " MEMORY_COLUMNS " FROM memory WHERE incident_id = $1"},
    [MEMORY_ROW] = {"memory.row", "SELECT " MEMORY_COLUMNS " FROM memory WHERE id = $1"},
    [MEMORY_PUT] = {"memory.put",
        "INSERT INTO memory (" MEMORY_COLUMNS ", fixed, status, updated_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,"
        " $13, $14, $15, $16, $17, $18, $20, 'resolved', $19) ON CONFLICT (id) DO UPDATE SET number = excluded.number,"
        " service_id = excluded.service_id, service = excluded.service, symptom = excluded.symptom, title = excluded.title,"
        " alerts = excluded.alerts, notes = excluded.notes, resolution = excluded.resolution, fix = excluded.fix,"
        " resolved_ms = excluded.resolved_ms, by_type = excluded.by_type, by_id = excluded.by_id, by_name = excluded.by_name,"
        " merged = excluded.merged, searched = excluded.searched, fixed = excluded.fixed, updated_ms = excluded.updated_ms"},
    [MEMORY_LAST_ID] = {"memory.last_id",
        "SELECT id FROM memory WHERE id >= $1 AND id < $2 ORDER BY id DESC LIMIT 1"},
    [MEMORY_COUNT] = {"memory.count",
        "INSERT INTO memory_count (one, searched) VALUES (1, $1)"
        " ON CONFLICT (one) DO UPDATE SET searched = memory_count.searched + excluded.searched RETURNING searched"},
    [MEMORY_OLDEST] = {"memory.oldest",
        "SELECT " MEMORY_COLUMNS " FROM memory WHERE searched = 1 AND id > 0 ORDER BY id LIMIT 1"},
    [MEMORY_UNSEARCH] = {"memory.unsearch", "UPDATE memory SET searched = 0 WHERE id = $1"},
    [MEMORY_SYMPTOM] = {"memory.symptom",
        "SELECT " MEMORY_COLUMNS " FROM memory WHERE service_id = $1 AND symptom = $2 AND fixed = $5 AND merged = 0 AND id < $3"
        " ORDER BY id DESC LIMIT $4"},

    [BACKFILL_BEGIN] = {"backfill.begin",
        "INSERT INTO backfill (id, state, actor, since_ms, until_ms, from_ms, to_ms, stage, skip, page, pages, next_ms,"
        " started_ms) VALUES ((SELECT coalesce(max(id), 0) + 1 FROM backfill), 'running', $1, $2, $3, $4, $3, 'incidents', 0,"
        " 100, 0, 0, $5) RETURNING id"},
    [BACKFILL_GET] = {"backfill.get", "SELECT " BACKFILL_COLUMNS " FROM backfill WHERE id = $1"},
    [BACKFILL_NEWEST] = {"backfill.newest",
        "SELECT " BACKFILL_COLUMNS " FROM backfill WHERE id > 0 ORDER BY id DESC LIMIT 1"},
    [BACKFILL_SET] = {"backfill.set",
        "UPDATE backfill SET state = $2, from_ms = $3, to_ms = $4, stage = $5, skip = $6, page = $7, pages = $8, next_ms = $9,"
        " waits = $10, no_log = $11, failures = $12, calls = $13, found = $14, remembered = $15, known = $16, open = $17,"
        " unread = $18, alerts = $19, notes = $20, fixes = $21, ended_ms = $22 WHERE id = $1"},
    /* A page that is read twice changes nothing: only what was not listed yet counts. */
    [BACKFILL_LISTED] = {"backfill.listed",
        "INSERT INTO backfill_item (incident_id, created_ms, body, noted) VALUES ($1, $2, $3, 0)"
        " ON CONFLICT (incident_id) DO UPDATE SET created_ms = excluded.created_ms, body = excluded.body"
        " WHERE backfill_item.created_ms = 0"},
    /* The order of PagerDuty's log is not documented: the latest resolve is the one that counts. */
    [BACKFILL_HEARD] = {"backfill.heard",
        "INSERT INTO backfill_item (incident_id, created_ms, noted, resolution, said_ms) VALUES ($1, 0, $2, $3, $4)"
        " ON CONFLICT (incident_id) DO UPDATE SET noted = CASE WHEN excluded.noted > 0 THEN 1 ELSE backfill_item.noted END,"
        " resolution = CASE WHEN excluded.said_ms > backfill_item.said_ms THEN excluded.resolution ELSE backfill_item.resolution END,"
        " said_ms = CASE WHEN excluded.said_ms > backfill_item.said_ms THEN excluded.said_ms ELSE backfill_item.said_ms END"},
    [BACKFILL_TODO] = {"backfill.todo",
        "SELECT incident_id, body, noted, resolution FROM backfill_item WHERE created_ms >= $1 AND created_ms > 0"
        " ORDER BY created_ms DESC, incident_id DESC LIMIT $2"},
    [BACKFILL_ENDED] = {"backfill.ended", "DELETE FROM backfill_item WHERE incident_id = $1"},
    [BACKFILL_SWEEP] = {"backfill.sweep",
        "DELETE FROM backfill_item WHERE incident_id IN (SELECT incident_id FROM backfill_item WHERE incident_id > ''"
        " ORDER BY incident_id LIMIT $1)"},
};
/* clang-format on */

#endif

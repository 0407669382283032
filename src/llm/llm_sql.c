#include "llm/llm_sql.h"

#include "llm/llm.h"

/* llm_read.c reads them by position. */
#define CALL_COLUMNS                                                                               \
    "id, purpose, incident_id, key, round, state, outcome, why, base_url, dialect, model, prompt," \
    " schema_hash, bundle_id, reserved_tokens, reserved_cost, input_tokens, cached_tokens,"        \
    " cache_write_tokens, output_tokens, usage_from, cost, sent_ms, ended_ms"

/* clang-format off */
const struct store_sql llm_sql_table[LLM_STMTS] = {
    [LLM_ADD] = {"llm.add",
        "INSERT INTO llm_call (purpose, incident_id, key, round, state, base_url, dialect, model, prompt, schema_hash, bundle_id,"
        " asked, request, reserved_tokens, reserved_cost, epoch, sent_ms)"
        " VALUES ($1, $2, $3, $4, 'sent', $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) RETURNING id"},
    [LLM_SENT] = {"llm.sent",
        "SELECT incident_id, reserved_tokens, reserved_cost, sent_ms, base_url, dialect, model FROM llm_call WHERE id = $1 AND state = 'sent'"},
    [LLM_END] = {"llm.end",
        "UPDATE llm_call SET state = $2, outcome = $3, why = $4, reply = $5, checks = $6, report = $7, input_tokens = $8,"
        " cached_tokens = $9, cache_write_tokens = $10, output_tokens = $11, usage_from = $12, cost = $13, ended_ms = $14"
        " WHERE id = $1"},
    /* What it was meant to cost at most is what it cost: the vendor may have counted it. */
    [LLM_LOST] = {"llm.lost",
        "UPDATE llm_call SET state = 'lost', outcome = 'no_answer', why = $3, usage_from = 'estimated', cost = reserved_cost,"
        " ended_ms = $2 WHERE state = 'sent' AND epoch < $1"},
    [LLM_FIND] = {"llm.find",
        "SELECT id, state, sent_ms, incident_id, report FROM llm_call WHERE key = $1 AND sent_ms >= $2"
        " AND (state = 'answered' AND report IS NOT NULL OR state = 'sent' AND epoch = $3)"
        " ORDER BY sent_ms DESC, id DESC LIMIT 1"},
    [LLM_FIND_USELESS] = {"llm.find_useless",
        "SELECT id, sent_ms, incident_id FROM llm_call WHERE key = $1 AND sent_ms >= $2 AND state = 'answered' AND report IS NULL"
        " ORDER BY sent_ms DESC, id DESC LIMIT 1"},
    [LLM_SPEND_ADD] = {"llm.spend_add",
        "INSERT INTO llm_spend (hour_ms, calls, tokens, cost) VALUES ($1, $2, $3, $4) ON CONFLICT (hour_ms) DO UPDATE SET"
        " calls = calls + excluded.calls, tokens = tokens + excluded.tokens, cost = cost + excluded.cost"},
    [LLM_SPEND_HOUR] = {"llm.spend_hour", "SELECT calls, tokens, cost FROM llm_spend WHERE hour_ms = $1"},
    [LLM_SPEND_SINCE] = {"llm.spend_since",
        "SELECT coalesce(sum(calls), 0), coalesce(sum(tokens), 0), coalesce(sum(cost), 0) FROM llm_spend WHERE hour_ms > $1"},
    [LLM_SPEND_HOURS] = {"llm.spend_hours",
        "SELECT hour_ms, tokens, cost FROM llm_spend WHERE hour_ms > $1 ORDER BY hour_ms"},
    [LLM_SPEND_PRUNE] = {"llm.spend_prune", "DELETE FROM llm_spend WHERE hour_ms < $1"},
    [LLM_INCIDENT_ADD] = {"llm.incident_add",
        "INSERT INTO llm_spend_incident (incident_id, calls, tokens, cost) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (incident_id) DO UPDATE SET"
        " calls = calls + excluded.calls, tokens = tokens + excluded.tokens, cost = cost + excluded.cost"},
    [LLM_INCIDENT_SPENT] = {"llm.incident_spent",
        "SELECT calls, tokens, cost FROM llm_spend_incident WHERE incident_id = $1"},
    [LLM_ENDPOINT] = {"llm.endpoint",
        "SELECT failures, open_until_ms, open_why, canary_ms, enforced, canary_why FROM llm_endpoint WHERE name = $1"},
    [LLM_ENDPOINT_BREAKER] = {"llm.endpoint_breaker",
        "INSERT INTO llm_endpoint (name, failures, open_until_ms, open_why) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO UPDATE SET"
        " failures = excluded.failures, open_until_ms = excluded.open_until_ms, open_why = excluded.open_why"},
    [LLM_ENDPOINT_CANARY] = {"llm.endpoint_canary",
        "INSERT INTO llm_endpoint (name, canary_ms, enforced, canary_why) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO UPDATE SET"
        " canary_ms = excluded.canary_ms, enforced = excluded.enforced, canary_why = excluded.canary_why"},
    [LLM_LIST] = {"llm.list", "SELECT " CALL_COLUMNS " FROM llm_call WHERE id < $1 ORDER BY id DESC LIMIT $2"},
    [LLM_LIST_INCIDENT] = {"llm.list_incident",
        "SELECT " CALL_COLUMNS " FROM llm_call WHERE incident_id = $3 AND id < $1 ORDER BY id DESC LIMIT $2"},
    [LLM_SHOW] = {"llm.show",
        "SELECT " CALL_COLUMNS ", asked, request, reply, checks, report FROM llm_call WHERE id = $1"},
};
/* clang-format on */

const struct store_sql *llm_statements(size_t *n)
{
    *n = LLM_STMTS;
    return llm_sql_table;
}

#ifndef TRIAGED_TESTS_ASK_STEP_TEST_H
#define TRIAGED_TESTS_ASK_STEP_TEST_H

/* The step `ask` on the bench: PagerDuty's answers, a model that says what a test wants, and copies of one incident. cmocka must be included before. */
#include "llm/llm.h"
#include "llm/prompt.h"
#include "llm/redact.h"
#include "triage_test.h"

#define I    "/incidents/" INCIDENT
#define FORM "/chat/completions"

/* ---- PagerDuty ---- */

#define INCIDENT_BODY(status, title, priority)                                                 \
    "{\"incident\":{\"id\":\"" INCIDENT "\",\"type\":\"incident\",\"incident_number\":4187,"   \
    "\"title\":\"" title "\",\"status\":\"" status "\",\"urgency\":\"high\",\"priority\":"     \
    "{\"id\":\"PP1\",\"type\":\"priority\",\"summary\":\"" priority "\"},\"created_at\":"      \
    "\"2026-09-14T02:11:07Z\",\"service\":{\"id\":\"PCHKOUT\",\"type\":\"service_reference\"," \
    "\"summary\":\"Checkout API\"},\"escalation_policy\":{\"id\":\"PEPCORE\",\"type\":"        \
    "\"escalation_policy_reference\",\"summary\":\"Core\"},\"assignments\":[],\"teams\":[],"   \
    "\"pending_actions\":[],\"alert_counts\":{\"all\":1,\"triggered\":1,\"resolved\":0}}}"
#define ALERTS(text)                                                                                  \
    "{\"alerts\":[{\"id\":\"A1\",\"status\":\"triggered\",\"severity\":\"error\",\"summary\":\"" text \
    "\",\"created_at\":\"2026-09-14T02:11:07Z\"}],\"more\":false}"
#define NOTE(text)                                                                   \
    "{\"notes\":[{\"id\":\"N1\",\"content\":\"" text "\",\"created_at\":"            \
    "\"2026-09-14T02:12:00Z\",\"user\":{\"id\":\"PU1\",\"type\":\"user_reference\"," \
    "\"summary\":\"Ana Roo\"}}]}"

#define TITLE "Checkout p99 latency above 2.5 s"

static const struct canned rest[] = {
    {I "/alerts", 0, 200, ALERTS("p99 is far above the limit")},
    {I "/log_entries", 0, 200, "{\"log_entries\":[],\"more\":false}"},
    {I "/notes", 0, 200, "{\"notes\":[]}"},
    {I "/related_change_events", 0, 200, "{\"change_events\":[]}"},
    {I "/past_incidents", 0, 200, "{\"past_incidents\":[],\"total\":0}"},
    {I "/related_incidents", 0, 200, "{\"related_incidents\":[]}"},
    {I "/outlier_incident", 0, 200, "{\"outlier_incident\":{\"incident\":{}}}"},
    {I, 0, 200, INCIDENT_BODY("triggered", TITLE, "P2")},
    {"/incidents?", 0, 200, "{\"incidents\":[],\"limit\":100,\"offset\":0,\"more\":false}"},
    {"/services/PCHKOUT", 0, 200, "{\"service\":{\"id\":\"PCHKOUT\",\"name\":\"Checkout API\"}}"},
    {"/escalation_policies/", 0, 200, "{\"escalation_policy\":{\"id\":\"PEPCORE\"}}"},
    {"/oncalls", 0, 200, "{\"oncalls\":[],\"more\":false}"},
    {"/service_dependencies/", 0, 200, "{\"relationships\":[]}"},
    {"/priorities", 0, 200,
     "{\"priorities\":[{\"id\":\"PP1\",\"name\":\"Blocker\"},{\"id\":\"PP2\",\"name\":\"P2\"}]}"},
    {NULL, 0, 0, NULL},
};

/* ---- a model ---- */

#define EMPTY_FORM                                                                    \
    "{\\\"impact\\\":{\\\"text\\\":\\\"\\\",\\\"evidence\\\":[]},\\\"causes\\\":[],"  \
    "\\\"changed\\\":[],\\\"not_checked\\\":[\\\"saturation of the pool\\\"],"        \
    "\\\"severity\\\":null,\\\"category\\\":\\\"latency\\\",\\\"team\\\":null,"       \
    "\\\"urgency\\\":\\\"high\\\",\\\"actions\\\":[],\\\"confidence\\\":\\\"low\\\"," \
    "\\\"injection_suspected\\\":false}"
#define CHAT(text, finish)                                                                  \
    "{\"id\":\"c1\",\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":{" \
    "\"role\":\"assistant\",\"content\":\"" text "\"},\"finish_reason\":\"" finish "\"}],"  \
    "\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":200,\"total_tokens\":1200}}"

static inline struct net_reply said(int status, const char *body)
{
    return (struct net_reply){.status = status, .body = body, .body_len = strlen(body)};
}

static inline struct net_reply good(const char *question)
{
    (void)question;
    return said(200, CHAT(EMPTY_FORM, "stop"));
}

/* What comes, one after another; the last one stays. */
static struct net_reply script[8];
static size_t script_at, script_len;

static inline struct net_reply by_script(const char *question)
{
    size_t i = script_at < script_len ? script_at++ : script_len - 1;

    (void)question;
    return script[i];
}

/* A form with one action that cites the title, as it stands in the question. */
static char acting_body[8192];

static inline struct net_reply acting(const char *question)
{
    AUTO(json_freep) json_t *q = json_loads(question, 0, NULL);
    AUTO(json_freep) json_t *doc = NULL;
    AUTO(json_freep) json_t *form = NULL;
    AUTO(json_freep) json_t *whole = NULL;
    AUTO(mem_freep) char *text = NULL;
    AUTO(mem_freep) char *all = NULL;
    const char *id = NULL;

    doc = json_loads(json_string_value(json_at(q, "messages.1.content")), 0, NULL);
    if (!doc)
        doc = json_loads(json_string_value(json_object_get(
                             json_array_get(json_object_get(q, "messages"), 1), "content")),
                         0, NULL);
    assert_non_null(doc);
    for (size_t i = 0; i < json_array_size(json_object_get(doc, "evidence")); i++)
        if (text_eq(json_opt_str(json_array_get(json_object_get(doc, "evidence"), i), "kind"),
                    "alert"))
            id = json_opt_str(json_array_get(json_object_get(doc, "evidence"), i), "id");
    assert_non_null(id);
    form = json_pack(
        "{s:{s:s,s:[]},s:[],s:[],s:[],s:n,s:n,s:n,s:n,s:[{s:s,s:s,s:s,s:[{s:s,s:s}]}],s:s,s:b}",
        "impact", "text", "", "evidence", "causes", "changed", "not_checked", "severity",
        "category", "team", "urgency", "actions", "verb", "resolve", "target", "incident", "why",
        "nobody looks", "evidence", "id", id, "quote", "far above the limit", "confidence", "low",
        "injection_suspected", 0);
    assert_non_null(form);
    text = json_dumps(form, JSON_COMPACT);
    whole = json_pack("{s:s, s:[{s:i, s:{s:s, s:s}, s:s}], s:{s:i, s:i}}", "id", "c1", "choices",
                      "index", 0, "message", "role", "assistant", "content", text, "finish_reason",
                      "stop", "usage", "prompt_tokens", 10, "completion_tokens", 10);
    all = json_dumps(whole, JSON_COMPACT);
    snprintf(acting_body, sizeof(acting_body), "%s", all);
    return said(200, acting_body);
}

/* ---- the bench with a model ---- */

static struct secret *model_key;

static inline int setup(void **state)
{
    struct config_model *m = &bench.cfg.model;
    static const struct config_redaction plain;
    static const struct config_send all = {.service_id = "", .model = true};
    static const uint8_t key[REDACT_KEY_BYTES] = {1};

    assert_int_equal(bench_setup(state), 0);
    model_key = secret_new("key", 3);
    *m = (struct config_model){.base_url = "http://127.0.0.1:1/v1",
                               .dialect = "openai_chat",
                               .auth = "bearer",
                               .schema_mode = "strict",
                               .name = "m-1",
                               .key = model_key,
                               .timeout_ms = 60000,
                               .deadline_ms = 120000,
                               .context_tokens = 32000,
                               .max_output_tokens = 2000,
                               .bytes_per_token_x10 = 30,
                               .price_input = 1000000,
                               .price_output = 2000000,
                               .reuse_ms = 1800000,
                               .breaker_failures = 5,
                               .breaker_open_ms = 60000,
                               .canary_ms = 86400000};
    bench.cfg.send = &all;
    bench.cfg.n_send = 1;
    bench.answers[0] = rest;
    bench.model = good;
    bench.world.model_peer = (struct net_peer *)&bench; /* no net behind this bench */
    OK(prompts_load(NULL, &bench.world.prompts, e));
    OK(redact_new(&plain, key, &bench.world.redactor, e));
    OK(llm_open(bench.store, &bench.world.llm, e));
    script_at = 0;
    return 0;
}

static inline int teardown(void **state)
{
    llm_close(bench.world.llm);
    prompts_unref(bench.world.prompts);
    redact_free(bench.world.redactor);
    secret_free(model_key);
    return bench_teardown(state);
}

static inline void triggered(void)
{
    assert_int_equal(bench_webhook("incident.triggered"), INTAKE_NEW);
    bench_drain();
}

static inline const char *state_of(const json_t *shown)
{
    const char *s = json_at_str(shown, "ask.state");

    return s ? s : "(none)";
}

static inline int64_t count(const char *statement)
{
    struct store_set *set;
    const struct store_sql one = {"test.count", statement};
    struct store_stmt *q;
    int64_t n = -1;

    OK(store_prepare(bench.store, &one, 1, &set, e));
    q = store_begin(set, 0);
    OK(store_step(q, e));
    n = store_int(q, 0);
    store_reset(q);
    return n;
}

static inline void run_sql(const char *statement)
{
    struct store_set *set;
    const struct store_sql one = {"test.run", statement};

    OK(store_prepare(bench.store, &one, 1, &set, e));
    OK(store_exec(store_begin(set, 0), e));
}

/* ---- the same again ---- */

/* Copies of the incident, as they stand after they were judged: 'Q00001' and so on, all with its evidence. */
static inline void clones(int n)
{
    char statement[1024];

    snprintf(statement, sizeof(statement),
             "WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < %d)"
             " INSERT INTO incident (id, seq, number, title, status, urgency, service_id, service,"
             " created_ms, first_seen_ms, enriched_ms, verdict, bundle_id, snapshot, snapshot_from,"
             " snapshot_ms) SELECT printf('Q%%05d', i), 100 + i, 10000 + i, title, status, urgency,"
             " service_id, service, created_ms, first_seen_ms, enriched_ms, verdict, bundle_id,"
             " snapshot, snapshot_from, snapshot_ms FROM incident, k WHERE id = '" INCIDENT "'",
             n);
    OK(store_tx_begin(bench.store, e));
    run_sql(statement);
    run_sql(
        "INSERT INTO evidence (incident_id, num, kind, state, source, summary, digest, body,"
        " at_ms, created_ms) SELECT i.id, e.num, e.kind, e.state, e.source, e.summary, e.digest,"
        " e.body, e.at_ms, e.created_ms FROM evidence e, incident i WHERE e.incident_id = '" INCIDENT
        "' AND e.kind IN ('incident', 'alert') AND i.id <> '" INCIDENT "'");
    run_sql("UPDATE bundle SET nums = (SELECT json_group_array(num) FROM evidence WHERE incident_id"
            " = '" INCIDENT "' AND kind IN ('incident', 'alert') AND state = 'ok')");
    run_sql("UPDATE incident SET ask = NULL");
    run_sql("DELETE FROM llm_call");
    OK(store_tx_commit(bench.store, e));
}

static inline void ask_for(const char *id)
{
    struct job job;

    OK(store_tx_begin(bench.store, e));
    OK(queue_add(bench.queue, "ask", id, PRIO_MODEL, bench.now, bench.now, e));
    OK(queue_claim(bench.queue, PRIO_MODEL, bench.now, &job, e));
    bench_run(&triage_step_ask, &job);
    OK(store_tx_commit(bench.store, e));
}

#endif

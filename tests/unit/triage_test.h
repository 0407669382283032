#ifndef TRIAGED_TESTS_TRIAGE_TEST_H
#define TRIAGED_TESTS_TRIAGE_TEST_H

/*
 * Triage on a bench: real store, queue and audit in a temporary folder, an engine of one function (drain), PagerDuty as a
 * table of canned answers, and a gate that only writes down what it was asked. cmocka must be included before.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "triage/triage.h"

#define INCIDENT "Q3K8VX1M7T2PLA"
#define T0 \
    INT64_C(1789351867000) /* 2026-09-14T02:11:07Z, when the incident of the shared bodies began */

struct canned {
    const char *part; /* of the URL */
    int code, status;
    const char *body;
};

struct bench_call {
    int tag;
    char url[1024];
    enum net_class cls;
};

struct step_ctx {
    struct engine_pass *p;
    struct job job;
    bool planning;
    int64_t again_at;
    struct bench_call calls[STEP_CALLS_MAX];
    struct net_reply replies[STEP_CALLS_MAX];
    size_t n_calls;
};

/* What the gate was asked, in order: "seen triggered level 1", "propose add_note rule:x", "supersede 2", "note ...". */
#define GATE_LINES 64
static struct bench {
    char dir[64];
    struct store *store;
    struct audit *audit;
    struct queue *queue;
    struct config cfg;
    struct secret *token;
    struct world world;
    struct engine_pass pass;
    int64_t now;
    bool note_under_way;             /* an earlier version of the note is not through yet */
    const struct canned *answers[8]; /* tables, ended by a NULL part; the first match wins */
    char asked[256][1024];
    size_t n_asked;
    char gate[GATE_LINES][1024];
    size_t n_gate;
    bool live;
    int drain_max;  /* steps of one drain; 0: 500 */
    char *question; /* the newest body that was posted, and how many there were */
    size_t n_questions;
    struct net_reply (*model)(const char *question); /* answers it; NULL: the tables do */
    int64_t decided;       /* what gate_measured tells: so many, all approved */
    const char *forbidden; /* a verb that the policy never allows a model */
    const char *refused; /* a verb that gate_propose refuses to a model, whatever was said before */
    int64_t next_proposal;
    char alarms[32][64];
    size_t n_alarms;
} bench;

/* ---- the engine's door ---- */

struct engine_pass *step_pass(struct step_ctx *c)
{
    return c->p;
}

const struct job *step_job(const struct step_ctx *c)
{
    return &c->job;
}

void step_again_at(struct step_ctx *c, int64_t due_wall_ms)
{
    c->again_at = due_wall_ms;
}

int step_call(struct step_ctx *c, int tag, const struct net_req *r, struct err *e)
{
    assert_true(c->planning);
    assert_false(r->write);
    assert_string_equal(r->method, r->reads_by_post ? "POST" : "GET");
    if (c->n_calls == STEP_CALLS_MAX)
        return err_set(e, ERR_INTERNAL, "too many calls");
    c->calls[c->n_calls].tag = tag;
    c->calls[c->n_calls].cls = r->cls;
    snprintf(c->calls[c->n_calls].url, sizeof(c->calls[0].url), "%s", r->url);
    if (r->reads_by_post) {
        mem_freep(&bench.question);
        bench.question = mem_strndup(r->body, r->body_len);
        bench.n_questions++;
    }
    c->n_calls++;
    return 0;
}

const struct net_reply *step_reply(const struct step_ctx *c, int tag)
{
    for (size_t i = 0; i < c->n_calls; i++)
        if (c->calls[i].tag == tag)
            return &c->replies[i];
    return NULL;
}

int engine_add_job(struct engine_pass *p, const char *step, const char *subject, int prio,
                   int64_t due_wall_ms, struct err *e)
{
    return queue_add(p->queue, step, subject, prio, due_wall_ms, p->now_wall_ms, e);
}

int engine_alarm(struct engine_pass *p, const char *key, const char *what, const char *todo,
                 struct err *e)
{
    (void)p;
    (void)e;
    assert_true(*what && *todo);
    assert_true(bench.n_alarms < ARRAY_LEN(bench.alarms));
    snprintf(bench.alarms[bench.n_alarms++], sizeof(bench.alarms[0]), "%s", key);
    return 0;
}

int engine_alarm_clear(struct engine_pass *p, const char *key, struct err *e)
{
    (void)p;
    (void)key;
    (void)e;
    return 0;
}

static inline bool bench_alarmed(const char *key)
{
    for (size_t i = 0; i < bench.n_alarms; i++)
        if (strcmp(bench.alarms[i], key) == 0)
            return true;
    return false;
}

/* ---- the gate, as a recorder ---- */

static inline void gate_line(const char *text)
{
    assert_true(bench.n_gate < GATE_LINES);
    snprintf(bench.gate[bench.n_gate++], sizeof(bench.gate[0]), "%s", text);
}

int gate_propose(struct engine_pass *p, const struct gate_proposal *x, int64_t *id,
                 const char **note, struct err *e)
{
    char line[1024];
    int at = snprintf(line, sizeof(line), "propose %s", x->origin);

    (void)e;
    for (size_t i = 0; i < x->n_actions; i++) {
        AUTO(mem_freep) char *args = json_canon(x->actions[i].args, &(size_t){0});

        at += snprintf(line + at, sizeof(line) - (size_t)at, " %s%s", x->actions[i].verb, args);
    }
    if (text_eq(x->origin, "model"))
        snprintf(line + at, sizeof(line) - (size_t)at, " because %s, %zu cites", x->why,
                 json_array_size(x->evidence));
    assert_non_null(x->view);
    assert_true(json_is_object(x->facts));
    gate_line(line);
    (void)p;
    if (bench.refused && text_eq(x->origin, "model") && text_eq(x->actions[0].verb, bench.refused))
        return err_set(e, ERR_INPUT, "args.content is too long");
    *id = ++bench.next_proposal;
    *note = NULL;
    bench.live = true;
    return 0;
}

int gate_supersede(struct engine_pass *p, const char *incident_id, const int64_t *keep,
                   size_t n_keep, struct err *e)
{
    char line[128];

    (void)p;
    (void)incident_id;
    (void)keep;
    (void)e;
    snprintf(line, sizeof(line), "supersede keep %zu", n_keep);
    gate_line(line);
    return 0;
}

const char gate_note_under_way[] = "under way";

int gate_triage_note(struct engine_pass *p, const struct gate_view *view, const char *content,
                     int64_t assessment_id, const char **note, struct err *e)
{
    char line[4096];

    (void)p;
    (void)view;
    (void)assessment_id;
    (void)e;
    snprintf(line, sizeof(line), "note %s", content);
    gate_line(line);
    *note = bench.note_under_way ? gate_note_under_way : NULL;
    return 0;
}

int gate_incident_seen(struct engine_pass *p, const struct gate_view *now,
                       const struct pd_log_entry *log, size_t n_log, int *n_ended, struct err *e)
{
    char line[128];

    (void)p;
    (void)log;
    (void)e;
    snprintf(line, sizeof(line), "seen %s level %d log %zu", now->status, now->level, n_log);
    gate_line(line);
    *n_ended = 0;
    return 0;
}

bool gate_has_live(struct engine_pass *p, const char *incident_id)
{
    (void)p;
    (void)incident_id;
    return bench.live;
}

int gate_measured(struct engine_pass *p, const char *origin, const char *verb, int64_t *decided,
                  int64_t *approved, struct err *e)
{
    (void)p;
    (void)origin;
    (void)verb;
    (void)e;
    *decided = bench.decided;
    *approved = bench.decided;
    return 0;
}

/* Everything that the rules allow, but what bench.forbidden names. */
json_t *gate_permitted(struct engine_pass *p, const struct gate_view *view, json_t *facts,
                       const json_t *verbs, const char *origin)
{
    json_t *out = json_array();

    (void)p;
    (void)facts;
    assert_non_null(view->incident_id);
    assert_string_equal(origin, "model");
    for (size_t i = 0; i < json_array_size(verbs); i++)
        if (!text_eq(json_string_value(json_array_get(verbs, i)), bench.forbidden))
            json_array_append(out, json_array_get(verbs, i));
    return out;
}

static inline bool gate_said(const char *part)
{
    for (size_t i = 0; i < bench.n_gate; i++)
        if (strstr(bench.gate[i], part))
            return true;
    return false;
}

/* ---- the bench itself ---- */

#define OK(call)                                \
    do {                                        \
        struct err ok_ = {0}, *e = &ok_;        \
        if ((call) < 0)                         \
            fail_msg("%s: %s", #call, ok_.msg); \
    } while (0)

static const struct canned no_answers[] = {{NULL, 0, 0, NULL}};

static inline void bench_pass(void)
{
    bench.pass.now_wall_ms = bench.now;
    arena_reset(bench.pass.arena);
}

static inline void bench_config(void)
{
    struct config *c = &bench.cfg;

    *c = (struct config){.mode = MODE_PROPOSE};
    c->intake.max_age_ms = INT64_C(7) * 86400000;
    c->pagerduty.token = bench.token;
    c->pagerduty.cache_service_ms = 300000;
    c->pagerduty.cache_policy_ms = 300000;
    c->pagerduty.cache_oncall_ms = 60000;
    c->pagerduty.cache_history_ms = 600000;
    c->pagerduty.history_window_ms = INT64_C(180) * 86400000;
    c->triage.judge_after_ms = 1500;
    c->triage.refresh_ms = 5000;
    c->triage.proposals_max = 3;
    c->triage.triage_note = true;
    c->triage.time_zone = "UTC";
}

static inline void bench_rules(const char *text)
{
    const struct rules_file f = {"test.yaml", text, strlen(text)};

    rules_unref(bench.world.rules);
    bench.world.rules = NULL;
    OK(rules_parse(&f, 1, &bench.world.rules, e));
}

static inline int bench_setup(void **state)
{
    char path[128];
    struct store_opts so = {.path = path};

    (void)state;
    memset(&bench, 0, sizeof(bench));
    crypto_init();
    snprintf(bench.dir, sizeof(bench.dir), "/tmp/triage_test.XXXXXX");
    assert_non_null(mkdtemp(bench.dir));
    snprintf(path, sizeof(path), "%s/store.db", bench.dir);
    OK(store_open(&so, &bench.store, e));
    OK(audit_open(bench.store, &bench.audit, e));
    OK(queue_open(bench.store, 1, &bench.queue, e));
    bench.token = secret_new("token", 5);
    bench.now = T0 + 1000;
    bench_config();
    bench.answers[0] = no_answers;
    bench.world.cfg = &bench.cfg;
    bench.world.pd = (struct pd_client){.base_url = "http://127.0.0.1:1", .token = bench.token};
    OK(rules_parse(NULL, 0, &bench.world.rules, e));
    OK(triage_open(bench.store, &bench.world.triage, e));
    bench.pass = (struct engine_pass){.store = bench.store,
                                      .audit = bench.audit,
                                      .queue = bench.queue,
                                      .arena = arena_new((size_t)64 << 20),
                                      .boot_epoch = 1,
                                      .app = &bench.world};
    return 0;
}

static inline int bench_teardown(void **state)
{
    char command[128];

    (void)state;
    arena_free(bench.pass.arena);
    triage_close(bench.world.triage);
    rules_unref(bench.world.rules);
    queue_close(bench.queue);
    audit_close(bench.audit);
    store_close(bench.store);
    secret_free(bench.token);
    mem_freep(&bench.question);
    static const char *const files[] = {"store.db", "store.db-wal", "store.db-shm"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        snprintf(command, sizeof(command), "%s/%s", bench.dir, files[i]);
        unlink(command);
    }
    rmdir(bench.dir);
    return 0;
}

static inline enum intake_outcome bench_deliver(const char *body, size_t len)
{
    const struct intake_delivery d = {.endpoint = "",
                                      .webhook_id = "w1",
                                      .body = body,
                                      .body_len = len,
                                      .received_wall_ms = bench.now};
    enum intake_outcome out = INTAKE_NEW;

    bench_pass();
    OK(store_tx_begin(bench.store, e));
    OK(intake_store(&bench.pass, &d, &out, e));
    OK(store_tx_commit(bench.store, e));
    return out;
}

/* A body of ../shared/pagerduty/webhooks; the test fails with its name when it is missing. */
static inline char *bench_body(const char *name, size_t *len)
{
    char path[512];
    char *text = NULL;
    struct err e = {0};

    snprintf(path, sizeof(path), "%s/pagerduty/webhooks/%s.json", SHARED_DIR, name);
    if (file_read(path, 1024 * 1024, &text, len, &e) < 0)
        fail_msg("%s: %s (the tests need the shared folder beside the project)", path, e.msg);
    return text;
}

static inline enum intake_outcome bench_webhook(const char *name)
{
    size_t len;
    AUTO(mem_freep) char *body = bench_body(name, &len);

    return bench_deliver(body, len);
}

static inline struct net_reply bench_answer(const char *url)
{
    for (size_t t = 0; t < ARRAY_LEN(bench.answers) && bench.answers[t]; t++)
        for (const struct canned *c = bench.answers[t]; c->part; c++)
            if (strstr(url, c->part)) {
                struct net_reply r = {.code = c->code,
                                      .status = c->status,
                                      .body = c->body,
                                      .body_len = c->body ? strlen(c->body) : 0};

                if (c->code != 0)
                    snprintf(r.msg, sizeof(r.msg), "%s", c->body ? c->body : "timed out");
                return r;
            }
    return (struct net_reply){.code = ERR_RETRY, .msg = "connection refused"};
}

/* Plan, calls, apply, as the engine does it; false when the step wants to come again or failed with ERR_RETRY. */
static inline void bench_run(const struct step *s, const struct job *job)
{
    struct step_ctx c = {.p = &bench.pass, .job = *job};
    AUTO(store_savepoint_end) struct store_savepoint sp = {0};
    struct err bad = {0};
    int rc = 0;

    bench_pass();
    OK(store_savepoint(&sp, bench.store, e));
    if (s->plan) {
        c.planning = true;
        rc = s->plan(&c, &bad);
        c.planning = false;
    }
    for (size_t i = 0; rc == 0 && i < c.n_calls; i++) {
        c.replies[i] = bench.model && strstr(c.calls[i].url, "/chat/completions")
                           ? bench.model(bench.question)
                           : bench_answer(c.calls[i].url);
        if (bench.n_asked < ARRAY_LEN(bench.asked))
            snprintf(bench.asked[bench.n_asked++], sizeof(bench.asked[0]), "%s", c.calls[i].url);
    }
    arena_reset(bench.pass.arena); /* nothing of plan survives the wait */
    if (rc == 0)
        rc = s->apply(&c, &bad);
    if (rc < 0 && rc != ERR_NOT_FOUND)
        fail_msg("step %s of %s: %s", s->name, job->subject, bad.msg);
    OK(store_release(&sp, e));
    if (rc == 0 && c.again_at)
        OK(queue_retry(bench.queue, job->id, c.again_at, "", e));
    else
        OK(queue_finish(bench.queue, job->id, bench.now, e));
}

/* Everything that is due at bench.now, by priority. Returns how many steps ran. */
static inline int bench_drain(void)
{
    static const int lanes[] = {PRIO_EXECUTE, PRIO_JUDGE,  PRIO_FRESH,   PRIO_SOURCE,
                                PRIO_MODEL,   PRIO_FOLLOW, PRIO_BACKLOG, PRIO_IDLE};
    int ran = 0;

    for (bool found = true; found;) {
        found = false;
        for (size_t i = 0; i < ARRAY_LEN(lanes) && !found; i++) {
            struct err none = {0};
            struct job job;

            OK(store_tx_begin(bench.store, e));
            if (queue_claim(bench.queue, lanes[i], bench.now, &job, &none) == 0) {
                const struct step *const *s = triage_steps();

                while (*s && strcmp((*s)->name, job.step) != 0)
                    s++;
                assert_non_null(*s);
                bench_run(*s, &job);
                found = true;
                ran++;
            }
            OK(store_tx_commit(bench.store, e));
        }
        assert_true(ran < (bench.drain_max ? bench.drain_max : 500));
    }
    return ran;
}

static inline bool bench_was_asked(const char *part)
{
    for (size_t i = 0; i < bench.n_asked; i++)
        if (strstr(bench.asked[i], part))
            return true;
    return false;
}

/* What a reader answers; the caller's. */
static inline json_t *bench_show(const char *id)
{
    struct triage_reader *r = NULL;
    json_t *j = NULL;

    OK(triage_reader_open(bench.store, &r, e));
    OK(triage_show(r, id, &j, e));
    triage_reader_close(r);
    return j;
}

/* The reason why a kind was not checked, or NULL; borrowed from shown. */
static inline const char *bench_why(const json_t *shown, const char *kind)
{
    const json_t *list = json_opt_arr(shown, "not_checked");

    for (size_t i = 0; i < json_array_size(list); i++)
        if (text_eq(json_opt_str(json_array_get(list, i), "kind"), kind))
            return json_opt_str(json_array_get(list, i), "why");
    return NULL;
}

#endif

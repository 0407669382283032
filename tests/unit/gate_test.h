#ifndef TRIAGED_GATE_TEST_H
#define TRIAGED_GATE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "gate/gate_priv.h"
#include "gate/gate_sql.h"

/*
 * The gate on a real store, queue, audit log and people, with a PagerDuty of a few lines behind the calls: no engine, no
 * network, and a clock that the test owns. Each test uses a part of this.
 */
#pragma GCC diagnostic ignored "-Wunused-function"

#define T0       1000000000000LL
#define INCIDENT "Q1ABC"
#define SERVICE  "PSVC1"
#define POLICY   "PPOL1"

enum world_fault {
    FINE,
    LOST_AFTER,  /* applied, the answer was lost */
    LOST_BEFORE, /* not applied, nobody knows */
    LATER,       /* 429 */
    NOT_SENT,    /* our own limiter */
    NO,          /* 400 */
    GATEWAY,     /* 502, not applied */
    GONE_1001,
    GONE_1002,
    GONE_404, /* what was to be changed is not there */
    HIDDEN,   /* applied and answered, but reads do not show it */
};

struct fake_entry {
    char id[16], type[40], agent[16], name[40];
    int64_t at_ms;
    char assignee[16];
};
struct fake_pd {
    char status[16], urgency[8], assignee[16], policy[16], merged[16];
    char by[16], by_name[40];
    int64_t changed_ms;
    struct fake_entry log[64];
    size_t n_log;
    char notes[16][900], note_ids[16][16];
    size_t n_notes;
    enum world_fault next_write; /* for one write, then FINE again */
    bool reads_fail, hidden;
    bool yes_all_the_same;  /* LOST_BEFORE, answered with a clean yes */
    bool engage_on_the_way; /* somebody throws the switch while the call waits for its turn */
    int writes, arrived;    /* calls that left; effects that happened */
    char last_from[64];
};

struct seat_reply {
    int tag;
    struct net_reply r;
    char *body;
};
struct fixture {
    char dir[64], path[96];
    struct store *s;
    struct audit *audit;
    struct queue *queue;
    struct people *people;
    struct arena *arena;
    struct gate *gate;
    struct config cfg;
    struct policy *policy;
    struct secret *token;
    struct world world;
    struct engine_pass p;
    struct err e;
    struct fake_pd pd;
    struct seat_reply replies[8];
    size_t n_replies;
    int64_t again_ms;
    int64_t ingrid, bo, carl, admin, agent, viewer, unlinked;
    struct gate_view view;
};

static void must(int rc, const struct err *e)
{
    if (rc < 0)
        fail_msg("%s: %s", err_name(e->code), e->msg);
}

static void pass_time(struct fixture *f, int64_t ms)
{
    f->p.now_wall_ms += ms;
    arena_reset(f->arena);
}

static int64_t person_new(struct fixture *f, const char *name, const char *pd, enum role role,
                          bool agent)
{
    struct person x = {.role = role, .agent = agent};
    int64_t id;

    snprintf(x.name, sizeof x.name, "%s", name);
    snprintf(x.email, sizeof x.email, "%s@example.com", name);
    snprintf(x.pd_user_id, sizeof x.pd_user_id, "%s", pd);
    must(people_add(f->people, &x, "test", T0, &id, &f->e), &f->e);
    return id;
}

static struct person person(struct fixture *f, int64_t id)
{
    struct person x;

    must(people_get(f->people, id, &x, &f->e), &f->e);
    return x;
}

static void policy_is(struct fixture *f, const char *yaml)
{
    policy_unref(f->policy);
    must(policy_parse("policy.yaml", yaml, strlen(yaml), &f->policy, &f->e), &f->e);
    f->world.policy = f->policy;
}

static struct config test_config(const char *dir)
{
    struct config c = {.state_dir = dir, .mode = MODE_PROPOSE};

    c.pagerduty.from_email = "triaged@example.com";
    c.triage.proposals_max = 3;
    c.triage.triage_note = true;
    c.gate.expires_ms = 900000;
    c.gate.quiet_ms = 20000;
    c.gate.resend_gap_ms = 60000;
    c.gate.send_limit_ms = 10000;
    c.gate.start_limit_ms = 5000;
    c.gate.confirm_wait_ms = 500;
    c.gate.unsure_after_ms = 600000;
    return c;
}

static struct gate_view test_view(void)
{
    return (struct gate_view){.incident_id = INCIDENT,
                              .title = "Disk full",
                              .status = "triggered",
                              .urgency = "high",
                              .service_id = SERVICE,
                              .service = "Checkout API",
                              .policy_id = POLICY,
                              .policy = "Checkout",
                              .number = 4187,
                              .created_ms = T0 - 60000,
                              .changed_ms = T0 - 60000,
                              .next_escalation_ms = T0 + 600000,
                              .level = 1,
                              .levels = 2,
                              .assignees = {{"PING1", "Ingrid Solheim"}},
                              .n_assignees = 1,
                              .oncall = {{"PING1", "Ingrid Solheim"}, {"PBOB1", "Bo Berg"}},
                              .oncall_level = {1, 2},
                              .n_oncall = 2};
}

static void fake_reset(struct fake_pd *pd)
{
    *pd = (struct fake_pd){.status = "triggered",
                           .urgency = "high",
                           .assignee = "PING1",
                           .policy = POLICY,
                           .by = SERVICE,
                           .by_name = "Checkout API",
                           .changed_ms = T0 - 60000};
}

static int setup(void **state)
{
    struct fixture *f = mem_alloc(sizeof *f);
    struct store_opts o = {.path = f->path};

    crypto_init();
    snprintf(f->dir, sizeof f->dir, "/tmp/gate_test.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/store.db", f->dir);
    must(store_open(&o, &f->s, &f->e), &f->e);
    must(store_tx_begin(f->s, &f->e), &f->e);
    must(audit_open(f->s, &f->audit, &f->e), &f->e);
    must(queue_open(f->s, 1, &f->queue, &f->e), &f->e);
    must(people_open(f->s, f->audit, &f->people, &f->e), &f->e);
    must(gate_open(f->s, &f->gate, &f->e), &f->e);
    f->arena = arena_new((size_t)64 * 1024 * 1024);
    f->cfg = test_config(f->dir);
    f->token = secret_new("t0k3n", 5);
    policy_is(f, "rules: []\n");
    f->world = (struct world){.cfg = &f->cfg,
                              .policy = f->policy,
                              .pd = {.base_url = "https://api.pagerduty.com", .token = f->token},
                              .gate = f->gate,
                              .store_sound = true};
    f->p = (struct engine_pass){.store = f->s,
                                .audit = f->audit,
                                .queue = f->queue,
                                .people = f->people,
                                .arena = f->arena,
                                .now_wall_ms = T0,
                                .boot_epoch = 1,
                                .app = &f->world};
    f->view = test_view();
    fake_reset(&f->pd);
    f->ingrid = person_new(f, "Ingrid", "PING1", ROLE_RESPONDER, false);
    f->bo = person_new(f, "Bo", "PBOB1", ROLE_RESPONDER, false);
    f->carl = person_new(f, "Carl", "PCAR1", ROLE_RESPONDER, false);
    f->admin = person_new(f, "Ada", "PADA1", ROLE_ADMIN, false);
    f->agent = person_new(f, "Robot", "PROB1", ROLE_RESPONDER, true);
    f->viewer = person_new(f, "Vera", "PVER1", ROLE_VIEWER, false);
    f->unlinked = person_new(f, "Una", "", ROLE_RESPONDER, false);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    static const char *const TAILS[] = {"store.db",      "store.db-wal", "store.db-shm",
                                        "store.db.lock", "kill-switch",  "other.db"};
    struct fixture *f = *state;
    char name[128];

    for (size_t i = 0; i < f->n_replies; i++)
        mem_freep(&f->replies[i].body);
    gate_close(f->gate);
    people_close(f->people);
    queue_close(f->queue);
    audit_close(f->audit);
    store_close(f->s);
    policy_unref(f->policy);
    secret_free(f->token);
    arena_free(f->arena);
    for (size_t i = 0; i < ARRAY_LEN(TAILS); i++) {
        snprintf(name, sizeof name, "%s/%s", f->dir, TAILS[i]);
        (void)unlink(name);
    }
    (void)rmdir(f->dir);
    free(f);
    return 0;
}

/* ---- the PagerDuty of a few lines ---- */

static void fake_log(struct fixture *f, const char *type, const char *agent, const char *name,
                     const char *assignee)
{
    struct fake_entry *l = &f->pd.log[f->pd.n_log];

    assert_true(f->pd.n_log < ARRAY_LEN(f->pd.log));
    snprintf(l->id, sizeof l->id, "R%zu", f->pd.n_log++);
    snprintf(l->type, sizeof l->type, "%s", type);
    snprintf(l->agent, sizeof l->agent, "%s", agent);
    snprintf(l->name, sizeof l->name, "%s", name);
    snprintf(l->assignee, sizeof l->assignee, "%s", assignee ? assignee : "");
    l->at_ms = f->p.now_wall_ms / 1000 * 1000;
}

static const char *pd_of_email(const char *from)
{
    return text_eq(from, "Ingrid@example.com") ? "PING1"
           : text_eq(from, "Bo@example.com")   ? "PBOB1"
           : text_eq(from, "Carl@example.com") ? "PCAR1"
           : text_eq(from, "Ada@example.com")  ? "PADA1"
                                               : "PSVCU";
}

/* Somebody sets the status, through us or not. */
static void fake_status(struct fixture *f, const char *status, const char *by, const char *name)
{
    const char *type = text_eq(status, "acknowledged")     ? "acknowledge_log_entry"
                       : text_eq(status, "resolved")       ? "resolve_log_entry"
                       : text_eq(f->pd.status, "resolved") ? "trigger_log_entry"
                                                           : "unacknowledge_log_entry";

    snprintf(f->pd.status, sizeof f->pd.status, "%s", status);
    snprintf(f->pd.by, sizeof f->pd.by, "%s", by);
    snprintf(f->pd.by_name, sizeof f->pd.by_name, "%s", name);
    f->pd.changed_ms = f->p.now_wall_ms / 1000 * 1000;
    fake_log(f, type, by, name, NULL);
}

static void fake_escalate(struct fixture *f, int level, const char *by, const char *name)
{
    snprintf(f->pd.assignee, sizeof f->pd.assignee, "%s", level == 1 ? "PING1" : "PBOB1");
    snprintf(f->pd.status, sizeof f->pd.status, "triggered");
    fake_log(f, "escalate_log_entry", by, name, f->pd.assignee);
}

static void fake_write(struct fixture *f, const struct net_req *r)
{
    AUTO(json_freep) json_t *body = NULL;
    const char *from = "", *status;
    json_t *incident;

    for (size_t i = 0; i < r->n_headers; i++)
        if (strcmp(r->headers[i].name, "From") == 0)
            from = r->headers[i].value;
    snprintf(f->pd.last_from, sizeof f->pd.last_from, "%s", from);
    must(json_parse(r->body, r->body_len, 1000, &body, &f->e), &f->e);
    f->pd.arrived++;
    incident = json_opt_obj(body, "incident");
    if (incident) {
        status = json_opt_str(incident, "status");
        if (status)
            fake_status(f, status, pd_of_email(from), from);
        else
            fake_escalate(f, (int)json_opt_int(incident, "escalation_level", 0), pd_of_email(from),
                          from);
        return;
    }
    if (strcmp(r->method, "PUT") == 0) {
        for (size_t i = 0; i < f->pd.n_notes; i++)
            if (text_eq(strrchr(r->url, '/') + 1, f->pd.note_ids[i]))
                snprintf(f->pd.notes[i], sizeof f->pd.notes[i], "%s",
                         json_at_str(body, "note.content"));
        return;
    }
    assert_true(f->pd.n_notes < ARRAY_LEN(f->pd.notes));
    snprintf(f->pd.note_ids[f->pd.n_notes], 16, "PN%zu", f->pd.n_notes);
    snprintf(f->pd.notes[f->pd.n_notes++], sizeof f->pd.notes[0], "%s",
             json_at_str(body, "note.content"));
}

static json_t *user_json(const char *id, const char *name)
{
    return json_pack("{s:s, s:s, s:s}", "id", id, "type",
                     text_starts(id, "PSVC1") ? "service_reference" : "user_reference", "summary",
                     name);
}

static json_t *iso_json(int64_t ms)
{
    char iso[TIME_ISO_MAX];

    return json_string(time_format_iso(ms, false, iso));
}

static json_t *fake_incident(struct fixture *f)
{
    struct fake_pd *pd = &f->pd;
    json_t *in = json_pack(
        "{s:s, s:s, s:i, s:s, s:s, s:s, s:{s:s,s:s,s:s}, s:{s:s,s:s,s:s}, s:[{s:o}], s:o, s:o, s:o, s:s}",
        "id", INCIDENT, "type", "incident", "incident_number", 4187, "title", "Disk full", "status",
        pd->status, "urgency", pd->urgency, "service", "id", SERVICE, "type", "service_reference",
        "summary", "Checkout API", "escalation_policy", "id", pd->policy, "type",
        "escalation_policy_reference", "summary", "Checkout", "assignments", "assignee",
        user_json(pd->assignee, pd->assignee), "created_at", iso_json(T0 - 60000),
        "last_status_change_at", iso_json(pd->changed_ms), "last_status_change_by",
        user_json(pd->by, pd->by_name), "assigned_via", "escalation_policy");

    assert_non_null(in);
    if (*pd->merged)
        json_object_set_new(in, "resolve_reason",
                            json_pack("{s:s, s:{s:s, s:s}}", "type", "merge_resolve_reason",
                                      "incident", "id", pd->merged, "type", "incident_reference"));
    return json_pack("{s:o}", "incident", in);
}

static json_t *fake_logs(struct fixture *f)
{
    json_t *list = json_array();

    for (size_t i = 0; i < f->pd.n_log && !f->pd.hidden; i++) {
        struct fake_entry *l = &f->pd.log[i];
        json_t *o = json_pack("{s:s, s:s, s:o, s:o}", "id", l->id, "type", l->type, "created_at",
                              iso_json(l->at_ms), "agent", user_json(l->agent, l->name));

        if (*l->assignee)
            json_object_set_new(o, "assignees",
                                json_pack("[o]", user_json(l->assignee, l->assignee)));
        json_array_append_new(list, o);
    }
    return json_pack("{s:o, s:i, s:i, s:b}", "log_entries", list, "limit", 100, "offset", 0, "more",
                     0);
}

static json_t *fake_notes(struct fixture *f)
{
    json_t *list = json_array();

    for (size_t i = 0; i < f->pd.n_notes && !f->pd.hidden; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:o, s:o}", "id", f->pd.note_ids[i], "content",
                                        f->pd.notes[i], "created_at", iso_json(f->p.now_wall_ms),
                                        "user", user_json("PING1", "Ingrid")));
    return json_pack("{s:o}", "notes", list);
}

static json_t *fake_oncalls(void)
{
    return json_pack("{s:[{s:o,s:i,s:{s:s}},{s:o,s:i,s:{s:s}}], s:b}", "oncalls", "user",
                     user_json("PING1", "Ingrid Solheim"), "escalation_level", 1,
                     "escalation_policy", "id", POLICY, "user", user_json("PBOB1", "Bo Berg"),
                     "escalation_level", 2, "escalation_policy", "id", POLICY, "more", 0);
}

static json_t *fake_policy(void)
{
    return json_pack("{s:{s:s,s:s,s:[{s:s,s:i,s:[]},{s:s,s:i,s:[]}]}}", "escalation_policy", "id",
                     POLICY, "name", "Checkout", "escalation_rules", "id", "PR1",
                     "escalation_delay_in_minutes", 10, "targets", "id", "PR2",
                     "escalation_delay_in_minutes", 10, "targets");
}

static json_t *fake_read(struct fixture *f, int tag)
{
    switch (tag) {
    case TAG_INCIDENT:
        return fake_incident(f);
    case TAG_LOG:
        return fake_logs(f);
    case TAG_NOTES:
        return fake_notes(f);
    case TAG_ONCALLS:
        return fake_oncalls();
    default:
        return fake_policy();
    }
}

static struct net_reply fake_answer(struct fixture *f, const struct net_req *r, json_t **body)
{
    enum world_fault how = f->pd.next_write;

    f->pd.next_write = FINE;
    if (how != NOT_SENT)
        f->pd.writes++;
    if (how == FINE || how == LOST_AFTER || how == HIDDEN)
        fake_write(f, r);
    f->pd.hidden = how == HIDDEN;
    switch (how) {
    case LOST_AFTER:
    case LOST_BEFORE:
        if (f->pd.yes_all_the_same)
            return (struct net_reply){.status = 200};
        return (struct net_reply){.code = ERR_UNSURE, .msg = "timed out"};
    case LATER:
        return (struct net_reply){.status = 429, .retry_after_s = 3};
    case NOT_SENT:
        return (struct net_reply){.code = ERR_RETRY, .msg = "not begun"};
    case GATEWAY:
        return (struct net_reply){.status = 502};
    case GONE_404:
        return (struct net_reply){.status = 404};
    case NO:
    case GONE_1001:
    case GONE_1002:
        *body = json_pack("{s:{s:s, s:i}}", "error", "message", "no", "code",
                          how == NO          ? 2001
                          : how == GONE_1001 ? 1001
                                             : 1002);
        return (struct net_reply){.status = 400};
    case FINE:
    case HIDDEN:
        break;
    }
    if (strstr(r->url, "/notes"))
        *body = json_pack("{s:{s:s}}", "note", "id", f->pd.note_ids[f->pd.n_notes - 1]);
    return (struct net_reply){.status = 200};
}

/* ---- running steps ---- */

static int io_call(void *io, int tag, const struct net_req *r, struct err *e)
{
    struct fixture *f = io;
    struct seat_reply *s = &f->replies[f->n_replies++];
    AUTO(json_freep) json_t *body = NULL;

    (void)e;
    assert_int_equal(r->cls, NET_ACTION);
    *s = (struct seat_reply){.tag = tag};
    if (tag == TAG_WRITE && f->pd.engage_on_the_way)
        must(kill_switch_engage(f->dir, "Ada", "drill", &f->e), &f->e);
    if (tag == TAG_WRITE && r->hold && r->hold(r->hold_arg)) {
        s->r = (struct net_reply){.code = ERR_RETRY, .msg = "held"};
    } else if (tag == TAG_WRITE) {
        s->r = fake_answer(f, r, &body);
    } else {
        assert_false(r->write);
        s->r = f->pd.reads_fail ? (struct net_reply){.code = ERR_RETRY, .msg = "down"}
                                : (struct net_reply){.status = 200};
        if (!f->pd.reads_fail)
            body = fake_read(f, tag);
    }
    if (body) {
        s->body = json_canon(body, &s->r.body_len);
        s->r.body = s->body;
    }
    return 0;
}

static const struct net_reply *io_reply(void *io, int tag)
{
    struct fixture *f = io;

    for (size_t i = 0; i < f->n_replies; i++)
        if (f->replies[i].tag == tag)
            return &f->replies[i].r;
    return NULL;
}

static void io_again(void *io, int64_t due_wall_ms)
{
    ((struct fixture *)io)->again_ms = due_wall_ms;
}

static void replies_drop(struct fixture *f)
{
    for (size_t i = 0; i < f->n_replies; i++)
        mem_freep(&f->replies[i].body);
    f->n_replies = 0;
}

typedef int run_fn(struct gate_run *r, struct err *e);
static const struct {
    const char *step;
    run_fn *plan, *apply;
} STEPS[] = {{"execute", execute_plan, execute_apply},
             {"send", send_plan, send_apply},
             {"confirm", confirm_plan, confirm_apply},
             {"expire", NULL, expire_apply}};

/* crash: the process dies after the plan was committed (the call may have left) and before the answer was applied. */
static void job_run(struct fixture *f, const struct job *j, bool crash)
{
    struct gate_run r = {.p = &f->p,
                         .subject = j->subject,
                         .orphan = j->orphan,
                         .attempt = j->attempt,
                         .io = f,
                         .call = io_call,
                         .reply = io_reply,
                         .again = io_again};
    struct err e = {0};
    size_t i = 0;
    int rc = 0;

    while (strcmp(STEPS[i].step, j->step) != 0)
        i++;
    f->again_ms = 0;
    if (STEPS[i].plan)
        rc = STEPS[i].plan(&r, &e);
    if (crash) {
        replies_drop(f);
        return;
    }
    if (rc >= 0)
        rc = STEPS[i].apply(&r, &e);
    replies_drop(f);
    if (rc == ERR_RETRY)
        must(queue_retry(f->queue, j->id, f->p.now_wall_ms + 1000, "", &f->e), &f->e);
    else if (rc < 0)
        must(rc, &e);
    else if (f->again_ms)
        must(queue_retry(f->queue, j->id, f->again_ms, "", &f->e), &f->e);
    else
        must(queue_finish(f->queue, j->id, f->p.now_wall_ms, &f->e), &f->e);
}

/* Runs what is due now; returns how many jobs ran. crash_step: dies in that step, and the next process adopts its jobs. */
static int run_due(struct fixture *f, const char *crash_step)
{
    static const int LANES[] = {PRIO_EXECUTE, PRIO_FOLLOW};
    int ran = 0;

    for (size_t lane = 0; lane < ARRAY_LEN(LANES);) {
        struct job j;
        bool crash;
        int n;

        if (queue_claim(f->queue, LANES[lane], f->p.now_wall_ms, &j, &f->e) < 0) {
            lane++;
            continue;
        }
        crash = crash_step && strcmp(j.step, crash_step) == 0;
        job_run(f, &j, crash);
        assert_true(++ran < 200);
        if (crash) {
            queue_close(f->queue);
            f->p.boot_epoch++;
            must(queue_open(f->s, f->p.boot_epoch, &f->queue, &f->e), &f->e);
            f->p.queue = f->queue;
            must(queue_adopt_orphans(f->queue, f->p.now_wall_ms, &n, &f->e), &f->e);
            return ran;
        }
    }
    return ran;
}

/* Lets time go by in steps of one second, running what is due. */
static void run_for(struct fixture *f, int64_t ms)
{
    int64_t end = f->p.now_wall_ms + ms;

    run_due(f, NULL);
    while (f->p.now_wall_ms < end) {
        pass_time(f, 1000);
        run_due(f, NULL);
    }
}

/* ---- asking ---- */

static int64_t propose(struct fixture *f, const char *origin, const char *verb, json_t *take_args,
                       const char **note)
{
    AUTO(json_freep) json_t *args = take_args;
    struct gate_proposal x = {.subject_kind = "incident",
                              .subject_id = INCIDENT,
                              .incident_id = INCIDENT,
                              .view = &f->view,
                              .origin = origin,
                              .why = "because",
                              .n_actions = 1};
    int64_t id;

    x.actions[0] = (struct gate_action){verb, INCIDENT, args};
    must(gate_propose(&f->p, &x, &id, note, &f->e), &f->e);
    return id;
}

static int64_t propose_new(struct fixture *f, const char *verb, json_t *take_args)
{
    const char *note = NULL;
    int64_t id = propose(f, "rule:test", verb, take_args, &note);

    if (note)
        fail_msg("not proposed: %s", note);
    return id;
}

static struct prop_full full(struct fixture *f, int64_t id)
{
    struct prop_full p;

    must(prop_load_full(f->gate->sql, f->arena, id, &p, &f->e), &f->e);
    return p;
}

static const char *state_of(struct fixture *f, int64_t id)
{
    return proposal_state_name(full(f, id).p.state);
}

static int decide_code(struct fixture *f, int64_t id, int64_t who, bool approve)
{
    struct person x = person(f, who);
    struct prop_full p = full(f, id);
    json_t *out = NULL;
    int rc = gate_decide(&f->p, id, p.rev.digest, &x, approve, NULL, "cli", &out, &f->e);

    json_decref(out);
    return rc;
}

static void approve(struct fixture *f, int64_t id, int64_t who)
{
    must(decide_code(f, id, who, true), &f->e);
}

#endif

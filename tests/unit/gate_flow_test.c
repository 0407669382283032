#include "gate_test.h"

/* The whole way of a proposal on real rows, with a small PagerDuty behind the calls. */

#define LEVEL2 json_pack("{s:i}", "level", 2)
#define NOTE   json_pack("{s:s}", "content", "Disk is full again")

static void state_is(struct fixture *f, int64_t id, const char *state)
{
    struct prop_full p = full(f, id);

    if (strcmp(proposal_state_name(p.p.state), state) != 0)
        fail_msg("proposal is %s (%s), not %s", proposal_state_name(p.p.state),
                 p.p.reason ? p.p.reason : "", state);
}

/* How often the audit log has this verb, in order before any other named one. */
static int audit_count(struct fixture *f, const char *verb)
{
    struct audit_reader *r;
    struct audit_filter filter = {.limit = 1000};
    AUTO(json_freep) json_t *list = NULL;
    json_t *row;
    size_t i;
    int n = 0;

    must(audit_reader_open(f->s, &r, &f->e), &f->e);
    must(audit_list(r, &filter, &list, &f->e), &f->e);
    audit_reader_close(r);
    json_array_foreach (list, i, row)
        n += text_eq(json_opt_str(row, "verb"), verb);
    return n;
}

/* INV-6: approved is not done; only the read-back makes it so. Each verb by its own proof. */
static void every_verb_is_done_only_after_it_was_read_back(void **state)
{
    static const struct {
        const char *verb;
        int level;
        const char *content;
    } ROWS[] = {{"acknowledge", 0, NULL},
                {"escalate", 2, NULL},
                {"add_note", 0, "what was found"},
                {"resolve", 0, NULL}};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        int64_t id;
        json_t *args = ROWS[i].level     ? json_pack("{s:i}", "level", ROWS[i].level)
                       : ROWS[i].content ? json_pack("{s:s}", "content", ROWS[i].content)
                                         : NULL;

        fake_reset(&f->pd);
        f->view = test_view();
        must(view_save(f->gate, &f->view, f->p.now_wall_ms, &f->e), &f->e);
        id = propose_new(f, ROWS[i].verb, args);
        state_is(f, id, "pending");
        run_due(f, NULL);
        assert_int_equal(f->pd.writes, 0);
        approve(f, id, f->ingrid);
        state_is(f, id, "approved");
        run_due(f, NULL);
        assert_int_equal(f->pd.writes, 1);
        state_is(f, id, "executing");
        pass_time(f, 1000);
        run_due(f, NULL);
        state_is(f, id, "done");
        assert_int_equal(f->pd.writes, 1);
        assert_string_equal(f->pd.last_from, "Ingrid@example.com");
        pass_time(f, 1000);
    }
}

/* INV-3: a decision on that digest and the record of the intent stand in the log before the call. */
static void intent_and_decision_are_recorded_before_the_call(void **state)
{
    struct fixture *f = *state;
    int64_t id = propose_new(f, "acknowledge", NULL);
    struct prop_full p;

    approve(f, id, f->ingrid);
    assert_int_equal(audit_count(f, "decision.made"), 1);
    assert_int_equal(audit_count(f, "execution.sent"), 0);
    run_due(f, "send"); /* dies right after the call left */
    assert_int_equal(f->pd.writes, 1);
    assert_int_equal(audit_count(f, "execution.sent"), 1);
    p = full(f, id);
    assert_int_equal(p.execs[0].in_flight_until_ms, f->p.now_wall_ms + 15000);
    assert_int_equal(p.execs[0].sends, 1);
}

/* INV-4, F-30's protocol: the row says which fault the first send met and how often a call may leave in all. */
static void nothing_happens_twice_whatever_the_first_send_met(void **state)
{
    static const struct {
        const char *verb;
        enum world_fault fault;
        bool crash;
        int writes, arrived;
        const char *end;
    } ROWS[] = {
        {"add_note", LOST_AFTER, false, 1, 1, "done"},
        {"add_note", LOST_BEFORE, false, 2, 1, "done"},
        {"add_note", GATEWAY, false, 2, 1, "done"},
        {"add_note", FINE, true, 1, 1, "done"},
        {"add_note", LOST_BEFORE, true, 2, 1, "done"},
        {"add_note", LATER, false, 2, 1, "done"},
        {"add_note", NOT_SENT, false, 1, 1, "done"},
        {"add_note", NO, false, 1, 0, "failed"},
        {"add_note", HIDDEN, false, 1, 1, "unsure"},
        {"acknowledge", LOST_AFTER, false, 1, 1, "done"},
        {"acknowledge", LOST_BEFORE, false, 2, 1, "done"},
        {"acknowledge", FINE, true, 1, 1, "done"},
        {"acknowledge", GONE_1002, false, 1, 0, "overtaken"},
        {"acknowledge", GONE_1001, false, 1, 0, "stale"},
        {"escalate", LOST_AFTER, false, 1, 1, "done"},
        {"escalate", LOST_BEFORE, false, 2, 1, "done"},
        {"escalate", FINE, true, 1, 1, "done"},
        {"resolve", LOST_AFTER, false, 1, 1, "done"},
        {"resolve", GONE_1001, false, 1, 0, "overtaken"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        int64_t id;

        fake_reset(&f->pd);
        f->view = test_view();
        f->view.changed_ms = f->pd.changed_ms = f->p.now_wall_ms / 1000 * 1000;
        must(view_save(f->gate, &f->view, f->p.now_wall_ms, &f->e), &f->e);
        id = propose_new(f, ROWS[i].verb,
                         text_eq(ROWS[i].verb, "escalate") ? LEVEL2
                         : text_eq(ROWS[i].verb, "add_note")
                             ? json_pack("{s:s+}", "content", "row ", i % 2 ? "odd" : "even")
                             : NULL);
        f->pd.next_write = ROWS[i].fault;
        approve(f, id, f->ingrid);
        run_due(f, ROWS[i].crash ? "send" : NULL);
        run_for(f, 700000);
        if (strcmp(state_of(f, id), ROWS[i].end) != 0 || f->pd.writes != ROWS[i].writes ||
            f->pd.arrived != ROWS[i].arrived)
            fail_msg("row %zu (%s): %s, %d writes, %d effects", i, ROWS[i].verb, state_of(f, id),
                     f->pd.writes, f->pd.arrived);
        if (text_eq(ROWS[i].end, "unsure")) {
            struct person ada = person(f, f->admin);

            must(gate_settle(&f->p, id, &ada, true, "seen it", &f->e), &f->e);
            state_is(f, id, "done");
        }
        f->pd.hidden = false;
        /* The next row must not be "the same again". */
        pass_time(f, 1000);
        fake_reset(&f->pd);
        f->view.status = "resolved";
        must(view_save(f->gate, &f->view, f->p.now_wall_ms, &f->e), &f->e);
        pass_time(f, 1000);
    }
}

/* Two doubts are one too many: a person decides. */
static void a_second_doubt_is_for_a_person(void **state)
{
    struct fixture *f = *state;
    struct person bo = person(f, f->bo);
    int64_t id = propose_new(f, "add_note", NOTE);

    approve(f, id, f->ingrid);
    f->pd.next_write = LOST_BEFORE;
    run_due(f, NULL);
    run_for(f, 90000);
    f->pd.next_write = LOST_BEFORE;
    run_for(f, 300000);
    state_is(f, id, "unsure");
    assert_int_equal(f->pd.writes, 2);
    run_for(f, 1000000);
    assert_int_equal(f->pd.writes, 2);
    must(gate_settle(&f->p, id, &bo, false, "not there", &f->e), &f->e);
    state_is(f, id, "failed");
}

/* What was never sent is not sent before the quiet time is over, and one read is not two. */
static void a_resend_waits_for_quiet_and_two_empty_reads(void **state)
{
    struct fixture *f = *state;

    for (int crash = 0; crash < 2; crash++) {
        int64_t id = propose_new(f, "add_note", json_pack("{s:s}", "content", crash ? "b" : "a"));

        fake_reset(&f->pd);
        approve(f, id, f->ingrid);
        f->pd.next_write = LOST_BEFORE;
        run_due(f, crash ? "send" : NULL);
        run_for(f, 15000 + 20000 + 60000 - 1000); /* flight, quiet, gap: one second short */
        assert_int_equal(f->pd.writes, 1);
        run_for(f, 3000);
        assert_int_equal(f->pd.writes, 2);
        state_is(f, id, "done");
        assert_int_equal(f->pd.n_notes, 1);
    }
}

/* F-21's core: one bound field after the other changes between approval and sending; nothing leaves. */
static void a_changed_bound_field_stops_the_send(void **state)
{
    static const char *const VERBS[] = {"acknowledge", "escalate", "resolve"};
    struct fixture *f = *state;

    for (size_t v = 0; v < ARRAY_LEN(VERBS); v++)
        for (int field = 0; field < 5; field++) {
            int64_t id;

            fake_reset(&f->pd);
            f->view = test_view();
            f->view.changed_ms = f->pd.changed_ms = f->p.now_wall_ms / 1000 * 1000;
            must(view_save(f->gate, &f->view, f->p.now_wall_ms, &f->e), &f->e);
            id = propose_new(f, VERBS[v], text_eq(VERBS[v], "escalate") ? LEVEL2 : NULL);
            approve(f, id, f->ingrid);
            pass_time(f, 2000);
            if (field == 0)
                fake_status(f, "resolved", "PCAR1", "Carl");
            else if (field == 1)
                snprintf(f->pd.assignee, sizeof f->pd.assignee, "PCAR1");
            else if (field == 2)
                fake_status(f, "acknowledged", "PCAR1", "Carl");
            else if (field == 3)
                snprintf(f->pd.merged, sizeof f->pd.merged, "QOTHER");
            else if (text_eq(VERBS[v], "escalate"))
                fake_escalate(f, 2, "PCAR1", "Carl");
            else
                f->pd.changed_ms += 1000;
            run_for(f, 5000);
            assert_int_equal(f->pd.writes, 0);
            if (!text_eq(state_of(f, id), "stale") && !text_eq(state_of(f, id), "overtaken"))
                fail_msg("%s, field %d: %s", VERBS[v], field, state_of(f, id));
            pass_time(f, 1000);
            fake_reset(&f->pd);
            f->view.status = "resolved";
            must(view_save(f->gate, &f->view, f->p.now_wall_ms, &f->e), &f->e);
            pass_time(f, 1000);
        }
}

static void store_text_change(struct fixture *f, const char *sql, const char *value)
{
    const struct store_sql row = {"test.change", sql};
    struct store_set *set;
    struct store_stmt *q;

    must(store_prepare(f->s, &row, 1, &set, &f->e), &f->e);
    q = store_begin(set, 0);
    store_bind_text(q, 1, value);
    must(store_exec(q, &f->e), &f->e);
}

/* F-20: each byte of what was approved is flipped between approval and sending; nothing leaves. */
static void a_flipped_byte_after_approval_stops_the_send(void **state)
{
    static const struct {
        const char *table, *column;
    } COLS[] = {
        {"action", "verb"},      {"action", "target"},        {"action", "args"},
        {"action", "binds"},     {"action", "digest"},        {"revision", "digest"},
        {"revision", "need"},    {"revision", "policy_hash"}, {"revision", "policy_rule"},
        {"execution", "marker"}, {"execution", "from_email"}, {"execution", "from_pd_user"}};
    struct fixture *f = *state;
    int flips = 0;

    for (size_t c = 0; c < ARRAY_LEN(COLS); c++) {
        size_t at = 0, len = 1;

        for (; at < len; at++) {
            AUTO(store_savepoint_end) struct store_savepoint sp = {0};
            struct audit_head head = audit_head(f->audit);
            struct prop_full p;
            int64_t id;
            const char *was;
            char now[400], sql[120];

            must(store_savepoint(&sp, f->s, &f->e), &f->e);
            id = propose_new(f, "add_note", NOTE);
            approve(f, id, f->ingrid);
            p = full(f, id);
            was = c == 0    ? p.acts[0].verb
                  : c == 1  ? p.acts[0].target
                  : c == 2  ? p.acts[0].args
                  : c == 3  ? p.acts[0].binds
                  : c == 4  ? p.acts[0].digest
                  : c == 5  ? p.rev.digest
                  : c == 6  ? p.rev.need
                  : c == 7  ? p.rev.policy_hash
                  : c == 8  ? p.rev.policy_rule
                  : c == 9  ? p.execs[0].marker
                  : c == 10 ? p.execs[0].from_email
                            : p.execs[0].from_pd_user;
            len = strlen(was);
            snprintf(now, sizeof now, "%s", was);
            now[at] = (char)(now[at] ^ 1);
            snprintf(sql, sizeof sql, "UPDATE %s SET %s = $1", COLS[c].table, COLS[c].column);
            store_text_change(f, sql, now);
            for (int i = 0; i < 3; i++) {
                struct gate_run r = {.p = &f->p,
                                     .subject = i == 0 ? "1" : "1.0.1",
                                     .io = f,
                                     .call = io_call,
                                     .reply = io_reply,
                                     .again = io_again};
                struct err e = {0};

                r.subject = arena_printf(f->arena, i == 0 ? "%lld" : "%lld.0.1", (long long)id);
                /* An unreadable verb is an error of its own: also nothing sent. */
                if ((i == 0 ? execute_plan : send_plan)(&r, &e) >= 0 &&
                    (i == 0 ? execute_apply : send_apply)(&r, &e) < 0)
                    e.code = 0;
                replies_drop(f);
            }
            if (f->pd.writes)
                fail_msg("%s.%s byte %zu: sent", COLS[c].table, COLS[c].column, at);
            flips++;
            audit_set_head(f->audit, &head);
            arena_reset(f->arena);
        }
    }
    assert_true(flips > 300);
    /* Nothing flipped: it goes. The test could not fail otherwise. */
    approve(f, propose_new(f, "add_note", NOTE), f->ingrid);
    run_due(f, NULL);
    assert_int_equal(f->pd.writes, 1);
}

static void the_kill_switch_holds_what_is_approved_until_release_or_expiry(void **state)
{
    struct fixture *f = *state;
    int64_t id = propose_new(f, "acknowledge", NULL), late;
    AUTO(buf_done) struct buf b = {0};

    must(kill_switch_engage(f->dir, "Ada", "drill", &f->e), &f->e);
    buf_init(&b, 4096);
    kill_switch_reason(f->dir, &b);
    assert_non_null(strstr(buf_str(&b), "drill"));
    approve(f, id, f->ingrid);
    run_for(f, 60000);
    state_is(f, id, "approved");
    assert_int_equal(f->pd.writes, 0);
    must(kill_switch_release(f->dir, &f->e), &f->e);
    assert_false(kill_switch_engaged(f->dir));
    run_for(f, 2000);
    state_is(f, id, "done");
    late = propose_new(f, "add_note", NOTE);
    must(kill_switch_engage(f->dir, "Ada", "drill", &f->e), &f->e);
    approve(f, late, f->ingrid);
    run_for(f, 901000);
    state_is(f, late, "expired");
    assert_int_equal(f->pd.writes, 1);
    assert_true(kill_switch_engaged("/nowhere/\x01/none") == false);
    assert_true(kill_switch_engaged("/dev/null")); /* cannot be looked at: counts as engaged */
}

static void engaged_between_verify_and_send_stops_the_send(void **state)
{
    struct fixture *f = *state;
    int64_t id = propose_new(f, "acknowledge", NULL);
    struct job j;

    approve(f, id, f->ingrid);
    must(queue_claim(f->queue, PRIO_EXECUTE, f->p.now_wall_ms, &j, &f->e), &f->e);
    job_run(f, &j, false);
    must(kill_switch_engage(f->dir, "Ada", "drill", &f->e), &f->e);
    run_for(f, 3000);
    assert_int_equal(f->pd.writes, 0);
    state_is(f, id, "approved");
}

static void resolve_with_a_note_runs_in_order_and_is_not_its_own_stale(void **state)
{
    struct fixture *f = *state;
    AUTO(json_freep) json_t *note_args = NOTE;
    struct gate_proposal x = {.subject_kind = "incident",
                              .subject_id = INCIDENT,
                              .incident_id = INCIDENT,
                              .view = &f->view,
                              .origin = "rule:test",
                              .why = "because",
                              .actions = {{"acknowledge", INCIDENT, NULL},
                                          {"add_note", INCIDENT, note_args},
                                          {"resolve", INCIDENT, NULL}},
                              .n_actions = 3};
    const char *note = NULL;
    struct person bo = person(f, f->bo);
    int64_t id, undo;

    must(gate_propose(&f->p, &x, &id, &note, &f->e), &f->e);
    assert_null(note);
    approve(f, id, f->ingrid);
    run_for(f, 10000);
    state_is(f, id, "done");
    assert_int_equal(f->pd.writes, 3);
    assert_string_equal(f->pd.status, "resolved");
    assert_true(marker_in(f->pd.notes[0], full(f, id).execs[1].marker));
    /* The way back, last first; reopened is triggered, so that the acknowledge needs nothing. */
    must(gate_undo(&f->p, id, &bo, &undo, &f->e), &f->e);
    assert_int_equal(full(f, undo).n_acts, 2);
    approve(f, undo, f->bo);
    pass_time(f, 2000);
    run_for(f, 5000);
    state_is(f, undo, "done");
    assert_string_equal(f->pd.status, "triggered");
    assert_non_null(strstr(f->pd.notes[0], "withdrawn by Bo"));
}

static void an_action_that_fails_drops_the_rest(void **state)
{
    struct fixture *f = *state;
    AUTO(json_freep) json_t *note_args = NOTE;
    struct gate_proposal x = {
        .subject_kind = "incident",
        .subject_id = INCIDENT,
        .incident_id = INCIDENT,
        .view = &f->view,
        .origin = "rule:test",
        .actions = {{"add_note", INCIDENT, note_args}, {"resolve", INCIDENT, NULL}},
        .n_actions = 2};
    const char *note = NULL;
    struct prop_full p;
    int64_t id;

    must(gate_propose(&f->p, &x, &id, &note, &f->e), &f->e);
    approve(f, id, f->ingrid);
    f->pd.next_write = NO;
    run_for(f, 10000);
    p = full(f, id);
    assert_int_equal(p.p.state, PROPOSAL_FAILED);
    assert_string_equal(p.execs[0].state, "failed");
    assert_string_equal(p.execs[1].state, "dropped");
    /* The note is done, then a person moves the incident: half done is failed, and says so. */
    pass_time(f, 1000);
    x.origin = "person:1";
    must(gate_propose(&f->p, &x, &id, &note, &f->e), &f->e);
    assert_null(note);
    approve(f, id, f->ingrid);
    run_due(f, NULL);
    fake_status(f, "acknowledged", "PCAR1", "Carl");
    run_for(f, 10000);
    p = full(f, id);
    assert_int_equal(p.p.state, PROPOSAL_FAILED);
    assert_string_equal(p.execs[0].state, "done");
    assert_non_null(strstr(p.p.reason, "status"));
}

static void undo_of_each_verb_goes_the_whole_way(void **state)
{
    static const char *const VERBS[] = {"acknowledge", "escalate", "add_note", "resolve"};
    static const char *const BACK[] = {"retrigger", "escalate", "add_note", "reopen"};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(VERBS); i++) {
        struct person bo = person(f, f->bo);
        int64_t id, undo;
        struct prop_full p;

        fake_reset(&f->pd);
        f->view = test_view();
        must(view_save(f->gate, &f->view, f->p.now_wall_ms, &f->e), &f->e);
        id = propose_new(f, VERBS[i], i == 1 ? LEVEL2 : i == 2 ? NOTE : NULL);
        approve(f, id, f->ingrid);
        run_for(f, 3000);
        state_is(f, id, "done");
        must(gate_undo(&f->p, id, &bo, &undo, &f->e), &f->e);
        p = full(f, undo);
        assert_string_equal(p.acts[0].verb, BACK[i]);
        approve(f, undo, f->bo);
        pass_time(f, 2000);
        run_for(f, 3000);
        state_is(f, undo, "done");
        assert_int_equal(f->pd.writes, 2);
        if (i == 2) {
            assert_non_null(strstr(f->pd.notes[0], "withdrawn by Bo"));
            assert_true(marker_in(f->pd.notes[0], full(f, id).execs[0].marker));
            assert_int_equal(f->pd.n_notes, 1);
        }
        pass_time(f, 2000);
    }
}

static void counters_equal_the_counts(void **state)
{
    struct fixture *f = *state;
    struct gate_reader *r;
    AUTO(json_freep) json_t *counts = NULL;
    int64_t a = propose_new(f, "acknowledge", NULL), b = propose_new(f, "add_note", NOTE);

    approve(f, a, f->ingrid);
    must(decide_code(f, b, f->bo, false), &f->e);
    (void)propose_new(f, "escalate", LEVEL2);
    must(gate_supersede(&f->p, INCIDENT, NULL, 0, &f->e), &f->e);
    must(gate_reader_open(f->s, &r, &f->e), &f->e);
    must(gate_counts(r, &counts, &f->e), &f->e);
    for (int s = 0; s < PROPOSAL_STATES; s++) {
        AUTO(json_freep) json_t *list = NULL;
        const char *name = proposal_state_name((enum proposal_state)s);

        must(gate_list(r, name, NULL, 0, 200, &list, &f->e), &f->e);
        assert_int_equal(json_opt_int(counts, name, -1),
                         json_array_size(json_opt_arr(list, "items")));
    }
    assert_int_equal(json_opt_int(counts, "approved", 0), 1);
    assert_int_equal(json_opt_int(counts, "rejected", 0), 1);
    assert_int_equal(json_opt_int(counts, "superseded", 0), 1);
    gate_reader_close(r);
}

static void expiry_drops_keeps_or_asks_the_next_level(void **state)
{
    static const char YAML[] =
        "rules:\n"
        "  - {name: keep, when: {action.verb: add_note}, need: {any: responder}, on_expiry: keep}\n"
        "  - {name: next, when: {action.verb: escalate}, need: {any: responder}, expires_s: 60, on_expiry: ask_next}\n";
    struct fixture *f = *state;
    int64_t keep, next, drop;

    policy_is(f, YAML);
    keep = propose_new(f, "add_note", NOTE);
    next = propose_new(f, "escalate", LEVEL2);
    drop = propose_new(f, "acknowledge", NULL);
    run_for(f, 61000);
    state_is(f, next, "pending");
    assert_string_equal(full(f, next).p.asked, "Bo Berg");
    run_for(f, 61000);
    state_is(f, next, "expired");
    run_for(f, 800000);
    state_is(f, drop, "expired");
    run_for(f, 2000000);
    state_is(f, keep, "pending");
    assert_int_equal(audit_count(f, "proposal.asked_next"), 1);
}

static void need_nobody_decides_in_the_policys_name(void **state)
{
    struct fixture *f = *state;
    struct prop_full p;
    int64_t id;

    policy_is(f, "rules:\n  - {name: free, need: nobody}\n");
    id = propose_new(f, "add_note", NOTE);
    p = full(f, id);
    assert_string_equal(p.decs[0].actor, "policy:free");
    assert_string_equal(p.acts[0].identity, "service");
    run_for(f, 3000);
    state_is(f, id, "done");
    assert_string_equal(f->pd.last_from, "triaged@example.com");
    /* An acknowledge claims the incident: that needs a person all the same. */
    state_is(f, propose_new(f, "acknowledge", NULL), "pending");
    policy_is(f, "rules:\n  - {name: no, need: never}\n");
    {
        const char *note = NULL;

        assert_int_equal(propose(f, "rule:test", "resolve", NULL, &note), 0);
        assert_non_null(strstr(note, "never"));
    }
}

static void an_approval_lapses_with_the_right_that_gave_it(void **state)
{
    struct fixture *f = *state;
    int64_t id = propose_new(f, "escalate", LEVEL2);

    approve(f, id, f->bo);
    must(people_set_disabled(f->people, f->bo, true, "test", T0, &f->e), &f->e);
    run_for(f, 3000);
    state_is(f, id, "stale");
    assert_int_equal(f->pd.writes, 0);
}

static void a_rule_that_changed_voids_the_approval(void **state)
{
    struct fixture *f = *state;
    int64_t id;

    policy_is(f, "rules:\n  - {name: a, need: {any: responder}}\n");
    id = propose_new(f, "escalate", LEVEL2);
    approve(f, id, f->bo);
    policy_is(f, "rules:\n  - {name: a, need: {any: admin}}\n");
    run_for(f, 3000);
    state_is(f, id, "stale");
    assert_int_equal(f->pd.writes, 0);
}

static void standing_approval_covers_one_note_within_its_limits(void **state)
{
    struct fixture *f = *state;
    struct person ada = person(f, f->admin), bo = person(f, f->bo);
    AUTO(json_freep) json_t *services = json_pack("[s]", SERVICE);
    const char *note = NULL;
    int64_t id;

    must(gate_triage_note(&f->p, &f->view, "first", 0, &note, &f->e), &f->e);
    assert_non_null(note);
    assert_int_equal(
        gate_standing_add(&f->p, &bo, "triage-note", services, 2, T0 + 86400000, &id, &f->e),
        ERR_DENIED);
    must(gate_standing_add(&f->p, &ada, "triage-note", services, 2, T0 + 86400000, &id, &f->e),
         &f->e);
    must(gate_triage_note(&f->p, &f->view, "first", 0, &note, &f->e), &f->e);
    assert_null(note);
    run_for(f, 3000);
    assert_int_equal(f->pd.n_notes, 1);
    assert_string_equal(f->pd.last_from, "Ada@example.com");
    must(gate_triage_note(&f->p, &f->view, "first", 0, &note, &f->e), &f->e);
    assert_string_equal(note, "the text did not change");
    must(gate_triage_note(&f->p, &f->view, "second", 0, &note, &f->e), &f->e);
    assert_null(note);
    run_for(f, 3000);
    assert_int_equal(f->pd.n_notes, 1); /* edited in place */
    assert_non_null(strstr(f->pd.notes[0], "second"));
    must(gate_triage_note(&f->p, &f->view, "third", 0, &note, &f->e), &f->e);
    assert_non_null(note); /* two in this hour */
    run_for(f, 3700000);
    must(gate_triage_note(&f->p, &f->view, "third", 0, &note, &f->e), &f->e);
    assert_null(note);
    must(gate_standing_revoke(&f->p, id, &ada, &f->e), &f->e);
    run_for(f, 3000); /* revoked before it was sent */
    assert_non_null(strstr(f->pd.notes[0], "second"));
    must(gate_triage_note(&f->p, &f->view, "fourth", 0, &note, &f->e), &f->e);
    assert_non_null(note);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
        T(every_verb_is_done_only_after_it_was_read_back),
        T(intent_and_decision_are_recorded_before_the_call),
        T(nothing_happens_twice_whatever_the_first_send_met),
        T(a_second_doubt_is_for_a_person),
        T(a_resend_waits_for_quiet_and_two_empty_reads),
        T(a_changed_bound_field_stops_the_send),
        T(a_flipped_byte_after_approval_stops_the_send),
        T(the_kill_switch_holds_what_is_approved_until_release_or_expiry),
        T(engaged_between_verify_and_send_stops_the_send),
        T(resolve_with_a_note_runs_in_order_and_is_not_its_own_stale),
        T(an_action_that_fails_drops_the_rest),
        T(undo_of_each_verb_goes_the_whole_way),
        T(counters_equal_the_counts),
        T(expiry_drops_keeps_or_asks_the_next_level),
        T(need_nobody_decides_in_the_policys_name),
        T(an_approval_lapses_with_the_right_that_gave_it),
        T(a_rule_that_changed_voids_the_approval),
        T(standing_approval_covers_one_note_within_its_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "gate_test.h"

/* What a fresh state of the incident does to proposals that wait, and what is proposed at all. */

/* INV: overtaken names who and when; withdrawn and stale say what moved. By verb and by what happened at PagerDuty. */
static void each_change_ends_each_verb_as_listed(void **state)
{
    enum {
        ACKED,
        ESCALATED,
        RESOLVED,
        AUTO_RESOLVED,
        REASSIGNED,
        MERGED,
        NOTED,
        NOTHING
    };
    static const struct {
        const char *verb;
        int change;
        const char *pending, *approved, *says;
    } ROWS[] = {
        {"acknowledge", ACKED, "overtaken", "overtaken", "Carl Olsen acknowledged"},
        {"acknowledge", ESCALATED, "withdrawn", "stale", "assign"},
        {"acknowledge", RESOLVED, "withdrawn", "stale", "resolved by Carl Olsen"},
        {"acknowledge", REASSIGNED, "withdrawn", "stale", "assign"},
        {"acknowledge", MERGED, "withdrawn", "stale", "merged"},
        {"acknowledge", NOTED, "pending", "approved", NULL},
        {"acknowledge", NOTHING, "pending", "approved", NULL},
        {"escalate", ACKED, "overtaken", "overtaken", "Carl Olsen acknowledged"},
        {"escalate", ESCALATED, "overtaken", "overtaken", "Carl Olsen escalated"},
        {"escalate", RESOLVED, "withdrawn", "stale", "resolved by"},
        {"escalate", REASSIGNED, "withdrawn", "stale", "assign"},
        {"escalate", MERGED, "withdrawn", "stale", "merged"},
        {"escalate", NOTED, "pending", "approved", NULL},
        {"resolve", ACKED, "withdrawn", "stale", "status"},
        {"resolve", RESOLVED, "overtaken", "overtaken", "Carl Olsen resolved"},
        {"resolve", AUTO_RESOLVED, "overtaken", "overtaken", "Checkout API resolved"},
        {"resolve", REASSIGNED, "withdrawn", "stale", "assign"},
        {"resolve", MERGED, "withdrawn", "stale", "merged"},
        {"add_note", ACKED, "pending", "approved", NULL},
        {"add_note", ESCALATED, "pending", "approved", NULL},
        {"add_note", NOTED, "pending", "approved", NULL},
        {"add_note", RESOLVED, "withdrawn", "stale", "resolved by"},
        {"add_note", MERGED, "withdrawn", "stale", "merged"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(ROWS) * 2; i++) {
        AUTO(store_savepoint_end) struct store_savepoint sp = {0};
        struct audit_head head = audit_head(f->audit);
        bool approved = i % 2;
        const char *want = approved ? ROWS[i / 2].approved : ROWS[i / 2].pending;
        struct gate_view now = test_view();
        struct pd_ref carl = {"PCAR1", "user", "Carl Olsen", NULL};
        struct pd_ref service = {SERVICE, "service", "Checkout API", NULL};
        struct pd_log_entry log = {.id = "R1", .at_ms = T0 + 1000, .agent = carl};
        struct prop_full p;
        int64_t id;
        int ended;

        must(store_savepoint(&sp, f->s, &f->e), &f->e);
        id =
            propose_new(f, ROWS[i / 2].verb,
                        text_eq(ROWS[i / 2].verb, "escalate")   ? json_pack("{s:i}", "level", 2)
                        : text_eq(ROWS[i / 2].verb, "add_note") ? json_pack("{s:s}", "content", "x")
                                                                : NULL);
        if (approved)
            approve(f, id, f->ingrid);
        switch (ROWS[i / 2].change) {
        case ACKED:
            now.status = "acknowledged";
            now.changed_ms = T0 + 1000;
            log.type = "acknowledge_log_entry";
            break;
        case ESCALATED:
            now.level = 2;
            now.assignees[0] = (struct gate_person_ref){"PBOB1", "Bo Berg"};
            log.type = "escalate_log_entry";
            break;
        case RESOLVED:
        case AUTO_RESOLVED:
            now.status = "resolved";
            now.changed_ms = T0 + 1000;
            log.type = "resolve_log_entry";
            if (ROWS[i / 2].change == AUTO_RESOLVED)
                log.agent = service;
            break;
        case REASSIGNED:
            now.assignees[0] = (struct gate_person_ref){"PCAR1", "Carl"};
            now.level = 0;
            log.type = "assign_log_entry";
            break;
        case MERGED:
            now.merged_into = "QOTHER";
            now.status = "resolved";
            log.type = "resolve_log_entry";
            break;
        case NOTED:
            log.type = "annotate_log_entry";
            break;
        default:
            log.type = "notify_log_entry";
        }
        must(gate_incident_seen(&f->p, &now, &log, 1, &ended, &f->e), &f->e);
        p = full(f, id);
        if (strcmp(proposal_state_name(p.p.state), want) != 0)
            fail_msg("row %zu%s: %s (%s), not %s", i / 2, approved ? " approved" : "",
                     proposal_state_name(p.p.state), p.p.reason ? p.p.reason : "", want);
        assert_int_equal(ended, ROWS[i / 2].says != NULL);
        if (ROWS[i / 2].says && !strstr(p.p.reason, ROWS[i / 2].says))
            fail_msg("row %zu: '%s' does not say '%s'", i / 2, p.p.reason, ROWS[i / 2].says);
        if (text_eq(want, "overtaken"))
            assert_true(text_starts(p.p.ended_by, "PagerDuty: "));
        /* Whatever was queued for an approved one sends nothing now. */
        if (approved && ROWS[i / 2].says) {
            run_due(f, NULL);
            assert_int_equal(f->pd.writes, 0);
        }
        audit_set_head(f->audit, &head);
        arena_reset(f->arena);
    }
}

static void our_own_execution_is_no_persons_doing(void **state)
{
    struct fixture *f = *state;
    struct gate_view now = test_view();
    struct pd_log_entry log = {.id = "R9",
                               .type = "acknowledge_log_entry",
                               .agent = {"PING1", "user", "Ingrid Solheim", NULL}};
    int64_t ack = propose_new(f, "acknowledge", NULL), esc;
    int ended;

    esc = propose_new(f, "escalate", json_pack("{s:i}", "level", 2));
    approve(f, ack, f->ingrid);
    run_due(f, NULL);
    log.at_ms = f->p.now_wall_ms;
    now.status = "acknowledged";
    must(gate_incident_seen(&f->p, &now, &log, 1, &ended, &f->e), &f->e);
    assert_string_equal(state_of(f, esc), "withdrawn");
    assert_non_null(strstr(full(f, esc).p.reason, "our own proposal"));
}

/* An answer that was given is not asked for again while nothing changed; a reopening starts anew. */
static void rejected_and_overtaken_are_remembered_until_something_changes(void **state)
{
    struct fixture *f = *state;
    const char *note = NULL;
    struct gate_view now = test_view();
    int64_t id = propose_new(f, "escalate", json_pack("{s:i}", "level", 2)), again;
    int ended;

    assert_int_equal(propose(f, "rule:test", "escalate", json_pack("{s:i}", "level", 2), &note),
                     id);
    assert_string_equal(note, "the same is proposed already");
    must(decide_code(f, id, f->bo, false), &f->e);
    assert_int_equal(propose(f, "rule:test", "escalate", json_pack("{s:i}", "level", 2), &note), 0);
    assert_non_null(strstr(note, "rejected"));
    /* A person may ask all the same. */
    again = propose(f, "person:1", "escalate", json_pack("{s:i}", "level", 2), &note);
    assert_null(note);
    must(decide_code(f, again, f->bo, false), &f->e);
    id = propose_new(f, "acknowledge", NULL);
    now.status = "acknowledged";
    now.changed_by = "Carl";
    now.changed_by_type = "user";
    must(gate_incident_seen(&f->p, &now, NULL, 0, &ended, &f->e), &f->e);
    assert_string_equal(state_of(f, id), "overtaken");
    now = test_view(); /* back to triggered: still not asked again */
    must(gate_incident_seen(&f->p, &now, NULL, 0, &ended, &f->e), &f->e);
    assert_int_equal(propose(f, "rule:test", "acknowledge", NULL, &note), 0);
    assert_non_null(strstr(note, "somebody did this already"));
    pass_time(f, 1000);
    now.status = "resolved";
    must(gate_incident_seen(&f->p, &now, NULL, 0, &ended, &f->e), &f->e);
    now.status = "triggered";
    must(gate_incident_seen(&f->p, &now, NULL, 0, &ended, &f->e), &f->e);
    (void)propose_new(f, "acknowledge", NULL);
}

static void what_may_not_be_proposed_says_why(void **state)
{
    static const struct {
        const char *verb;
        int level;
        const char *status, *urgency, *merged;
        bool snoozed, maintenance;
        const char *says;
    } ROWS[] = {
        {"acknowledge", 0, "acknowledged", "high", NULL, false, false, "acknowledged already"},
        {"acknowledge", 0, "resolved", "high", NULL, false, false, "resolved"},
        {"resolve", 0, "resolved", "high", NULL, false, false, "resolved"},
        {"resolve", 0, "triggered", "high", "QX", false, false, "merged into QX"},
        {"escalate", 2, "triggered", "low", NULL, false, false, "low urgency"},
        {"escalate", 3, "triggered", "high", NULL, false, false, "ends at level 2"},
        {"escalate", 1, "triggered", "high", NULL, false, false, "at level 1 already"},
        {"acknowledge", 0, "triggered", "high", NULL, true, false, "snoozed"},
        {"acknowledge", 0, "triggered", "high", NULL, false, true, "maintenance"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        const char *note = NULL;

        f->view = test_view();
        f->view.status = ROWS[i].status;
        f->view.urgency = ROWS[i].urgency;
        f->view.merged_into = ROWS[i].merged;
        f->view.snoozed = ROWS[i].snoozed;
        f->view.maintenance = ROWS[i].maintenance;
        assert_int_equal(propose(f, "rule:test", ROWS[i].verb,
                                 ROWS[i].level ? json_pack("{s:i}", "level", ROWS[i].level) : NULL,
                                 &note),
                         0);
        if (!note || !strstr(note, ROWS[i].says))
            fail_msg("row %zu: %s", i, note ? note : "was proposed");
    }
    /* Nobody on call at the level. */
    f->view = test_view();
    f->view.n_oncall = 1;
    {
        const char *note = NULL;

        assert_int_equal(propose(f, "rule:test", "escalate", json_pack("{s:i}", "level", 2), &note),
                         0);
        assert_string_equal(note, "nobody is on call at level 2");
    }
}

/* INV-5: arguments, verbs and targets are what the table of actions allows. */
static void bad_arguments_and_verbs_are_refused(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *verb, *args, *target;
        int want;
    } ROWS[] = {
        {"reboot", "{}", INCIDENT, ERR_INPUT},
        {"retrigger", "{}", INCIDENT, ERR_DENIED},
        {"reopen", "{}", INCIDENT, ERR_DENIED},
        {"acknowledge", "{\"from\":\"x@example.com\"}", INCIDENT, ERR_INPUT},
        {"acknowledge", "{}", "QOTHER", ERR_INPUT},
        {"add_note", "{}", INCIDENT, ERR_INPUT},
        {"add_note", "{\"content\":\"\"}", INCIDENT, ERR_INPUT},
        {"add_note", "{\"content\":\"x\",\"keep\":\"[triaged:aaaaaaaaaaaaaaaa]\"}", INCIDENT,
         ERR_DENIED},
        {"add_note", "{\"content\":\"x\",\"note_id\":\"../1\"}", INCIDENT, ERR_INPUT},
        {"add_note", "{\"content\":\"x\"}", "../users", ERR_INPUT},
        {"escalate", "{}", INCIDENT, ERR_INPUT},
        {"escalate", "{\"level\":0}", INCIDENT, ERR_INPUT},
        {"escalate", "{\"level\":\"2\"}", INCIDENT, ERR_INPUT},
        {"escalate", "{\"level\":21}", INCIDENT, ERR_INPUT},
        {"resolve", "{\"resolution\":\"\"}", INCIDENT, ERR_INPUT},
        {"resolve", "{\"status\":\"resolved\"}", INCIDENT, ERR_INPUT},
    };

    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        AUTO(json_freep) json_t *args = json_loads(ROWS[i].args, 0, NULL);
        struct gate_proposal x = {.subject_kind = "incident",
                                  .subject_id = INCIDENT,
                                  .incident_id = INCIDENT,
                                  .view = &f->view,
                                  .origin = "rule:test",
                                  .actions = {{ROWS[i].verb, ROWS[i].target, args}},
                                  .n_actions = 1};
        const char *note = NULL;
        int64_t id;
        int rc = gate_propose(&f->p, &x, &id, &note, &f->e);

        if (rc != ROWS[i].want)
            fail_msg("row %zu: %d %s", i, rc, rc < 0 ? f->e.msg : note ? note : "proposed");
    }
}

static void limits_modes_and_verdicts_bound_what_is_proposed(void **state)
{
    struct fixture *f = *state;
    AUTO(json_freep) json_t *allow = json_pack("[s]", "add_note");
    struct gate_proposal x = {.subject_kind = "incident",
                              .subject_id = INCIDENT,
                              .incident_id = INCIDENT,
                              .view = &f->view,
                              .origin = "rule:test",
                              .allow = allow,
                              .actions = {{"resolve", INCIDENT, NULL}},
                              .n_actions = 1};
    const char *note = NULL;
    int64_t id;

    must(gate_propose(&f->p, &x, &id, &note, &f->e), &f->e);
    assert_int_equal(id, 0);
    assert_non_null(strstr(note, "do not allow resolve"));
    for (int i = 0; i < 3; i++)
        (void)propose_new(f, "add_note",
                          json_pack("{s:s}", "content",
                                    i == 0   ? "a"
                                    : i == 1 ? "b"
                                             : "c"));
    assert_true(gate_has_live(&f->p, INCIDENT));
    assert_int_equal(propose(f, "rule:test", "add_note", json_pack("{s:s}", "content", "d"), &note),
                     0);
    assert_non_null(strstr(note, "as many"));
    must(gate_supersede(&f->p, INCIDENT, NULL, 0, &f->e), &f->e);
    assert_false(gate_has_live(&f->p, INCIDENT));
    f->cfg.mode = MODE_OFF;
    assert_int_equal(propose(f, "rule:test", "acknowledge", NULL, &note), 0);
    f->cfg.mode = MODE_SHADOW;
    note = NULL;
    id = propose(f, "rule:test", "acknowledge", NULL, &note);
    assert_string_equal(state_of(f, id), "shadowed");
    assert_int_equal(decide_code(f, id, f->ingrid, true), ERR_CONFLICT);
    run_for(f, 5000);
    assert_int_equal(f->pd.writes, 0);
}

/* Outside text in a note shows what cannot be seen; the digest covers what is shown. */
static void hidden_characters_in_a_note_become_visible(void **state)
{
    struct fixture *f = *state;
    int64_t id = propose_new(f, "add_note",
                             json_pack("{s:s}", "content",
                                       "a\xe2\x80\xae"
                                       "b"));
    struct prop_full p = full(f, id);

    assert_null(strstr(p.acts[0].args, "\xe2\x80\xae"));
    assert_non_null(strstr(p.acts[0].args, "202E"));
}

static void effects_are_words_that_name_what_happens(void **state)
{
    struct fixture *f = *state;
    struct gate_view v = test_view();
    AUTO(buf_done) struct buf b = {0};
    AUTO(json_freep) json_t *args = json_pack("{s:i}", "level", 2);
    struct action_ctx x = {.view = &v, .args = args, .as = "Ingrid Solheim"};

    (void)f;
    buf_init(&b, 4000);
    v.next_escalation_ms = 1000000020000;
    action_ack.describe(&x, &b);
    assert_string_equal(
        buf_str(&b),
        "Acknowledge #4187 \"Disk full\" on Checkout API as Ingrid Solheim: escalation "
        "stops; Bo Berg (level 2) will not be paged at 01:47 UTC.");
    buf_clear(&b);
    action_escalate.describe(&x, &b);
    assert_string_equal(buf_str(&b),
                        "Escalate #4187 \"Disk full\" on Checkout API to level 2 as Ingrid "
                        "Solheim: Bo Berg is paged now.");
    v.oncall[v.n_oncall] = (struct gate_person_ref){.id = "PANNLEE", .name = "Ann Lee"};
    v.oncall_level[v.n_oncall++] = 2;
    buf_clear(&b);
    action_escalate.describe(&x, &b);
    assert_non_null(strstr(buf_str(&b), "Bo Berg, Ann Lee are paged now."));
}

static void a_view_survives_its_stored_form(void **state)
{
    struct fixture *f = *state;
    struct gate_view v = test_view(), w;
    AUTO(json_freep) json_t *a = view_to_json(&v);
    AUTO(json_freep) json_t *b = NULL;

    view_from_json(f->arena, a, &w);
    b = view_to_json(&w);
    assert_true(json_equal(a, b));
    assert_int_equal(view_level(&w), 1);
    w.assignees[0].id = "PBOB1";
    assert_int_equal(view_level(&w), 2);
    w.assignees[0].id = "PCAR1";
    assert_int_equal(view_level(&w), 0);
}

static void a_snooze_is_told_from_an_acknowledgement_by_the_log(void **state)
{
    struct pd_log_entry log[] = {{.type = "acknowledge_log_entry", .at_ms = 1000},
                                 {.type = "snooze_log_entry", .at_ms = 2000},
                                 {.type = "unacknowledge_log_entry", .at_ms = 3000}};
    struct gate_view v = {.status = "acknowledged"};

    (void)state;
    gate_view_read_log(&v, log, 1);
    assert_false(v.snoozed);
    gate_view_read_log(&v, log, 2);
    assert_true(v.snoozed);
    gate_view_read_log(&v, log, 3);
    assert_false(v.snoozed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
        T(each_change_ends_each_verb_as_listed),
        T(our_own_execution_is_no_persons_doing),
        T(rejected_and_overtaken_are_remembered_until_something_changes),
        T(what_may_not_be_proposed_says_why),
        T(bad_arguments_and_verbs_are_refused),
        T(limits_modes_and_verdicts_bound_what_is_proposed),
        T(hidden_characters_in_a_note_become_visible),
        T(effects_are_words_that_name_what_happens),
        T(a_view_survives_its_stored_form),
        cmocka_unit_test(a_snooze_is_told_from_an_acknowledgement_by_the_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

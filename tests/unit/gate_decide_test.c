#include "gate_test.h"

/* Who may decide what: a table of everything the answer depends on, and the same through the rows. */

static const struct need ANY = {NEED_ANY, ROLE_RESPONDER, 1, true};
static const struct need ADMIN = {NEED_ANY, ROLE_ADMIN, 1, true};
static const struct need TWO = {NEED_COUNT, ROLE_RESPONDER, 2, true};
static const struct need NEVER = {NEED_NEVER, ROLE_NONE, 0, true};

/* F-18, X4, INV-5: role x verb x link x agent x digest x state; whatever is not written is the harmless value. */
static void who_may_decide_is_exactly_this_table(void **state)
{
    static const struct {
        enum role role;
        bool unlinked, agent, disabled;
        const struct need *need;
        bool claims, off_duty, reject, other_digest, late, again;
        enum proposal_state state;
        const char *origin, *author;
        int want;
    } ROWS[] = {
        {.role = ROLE_RESPONDER, .want = 0},
        {.role = ROLE_ADMIN, .want = 0},
        {.role = ROLE_VIEWER, .want = ERR_DENIED},
        {.role = ROLE_NONE, .want = ERR_DENIED},
        {.role = ROLE_VIEWER, .reject = true, .want = ERR_DENIED},
        {.role = ROLE_ADMIN, .agent = true, .want = ERR_DENIED},
        {.role = ROLE_RESPONDER, .agent = true, .want = ERR_DENIED},
        {.role = ROLE_RESPONDER, .agent = true, .reject = true, .want = ERR_DENIED},
        {.role = ROLE_ADMIN, .unlinked = true, .want = ERR_DENIED},
        {.role = ROLE_ADMIN, .disabled = true, .want = ERR_DENIED},
        {.role = ROLE_RESPONDER, .need = &ADMIN, .want = ERR_DENIED},
        {.role = ROLE_ADMIN, .need = &ADMIN, .want = 0},
        {.role = ROLE_ADMIN, .need = &NEVER, .want = ERR_DENIED},
        {.role = ROLE_RESPONDER, .claims = true, .want = 0},
        {.role = ROLE_RESPONDER, .claims = true, .off_duty = true, .want = ERR_DENIED},
        {.role = ROLE_ADMIN, .claims = true, .off_duty = true, .want = ERR_DENIED},
        {.role = ROLE_RESPONDER, .claims = true, .off_duty = true, .reject = true, .want = 0},
        {.role = ROLE_RESPONDER, .off_duty = true, .want = 0},
        {.role = ROLE_RESPONDER, .other_digest = true, .want = ERR_CONFLICT},
        {.role = ROLE_RESPONDER, .other_digest = true, .reject = true, .want = ERR_CONFLICT},
        {.role = ROLE_RESPONDER, .late = true, .want = ERR_CONFLICT},
        {.role = ROLE_RESPONDER, .again = true, .want = ERR_CONFLICT},
        {.role = ROLE_RESPONDER, .state = PROPOSAL_APPROVED, .want = ERR_CONFLICT},
        {.role = ROLE_RESPONDER, .state = PROPOSAL_REJECTED, .want = ERR_CONFLICT},
        {.role = ROLE_RESPONDER, .state = PROPOSAL_EXPIRED, .want = ERR_CONFLICT},
        {.role = ROLE_RESPONDER, .state = PROPOSAL_DONE, .want = ERR_CONFLICT},
        {.role = ROLE_RESPONDER, .origin = "person:7", .want = 0},
        {.role = ROLE_RESPONDER, .author = "person:7", .want = 0},
        {.role = ROLE_RESPONDER, .origin = "person:7", .need = &TWO, .want = ERR_DENIED},
        {.role = ROLE_RESPONDER, .author = "person:7", .need = &TWO, .want = ERR_DENIED},
        {.role = ROLE_RESPONDER, .origin = "person:77", .need = &TWO, .want = 0},
        {.role = ROLE_RESPONDER, .origin = "person:7", .need = &TWO, .reject = true, .want = 0},
        {.role = ROLE_RESPONDER, .origin = "agent:7", .want = ERR_DENIED},
        {.role = ROLE_RESPONDER, .author = "agent:7", .want = ERR_DENIED},
        {.role = ROLE_RESPONDER, .origin = "agent:8", .want = 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct person who = {.id = 7,
                             .name = "Ingrid",
                             .email = "i@example.com",
                             .role = ROWS[i].role,
                             .agent = ROWS[i].agent,
                             .disabled = ROWS[i].disabled};
        struct decide_in in = {.who = &who,
                               .need = ROWS[i].need ? ROWS[i].need : &ANY,
                               .state = ROWS[i].state,
                               .claims = ROWS[i].claims,
                               .on_duty = !ROWS[i].off_duty,
                               .approve = !ROWS[i].reject,
                               .digest_matches = !ROWS[i].other_digest,
                               .past_deadline = ROWS[i].late,
                               .decided_before = ROWS[i].again,
                               .origin = ROWS[i].origin ? ROWS[i].origin : "rule:x",
                               .author = ROWS[i].author ? ROWS[i].author : "rule:x"};
        struct err e = {0};

        if (!ROWS[i].unlinked)
            snprintf(who.pd_user_id, sizeof who.pd_user_id, "PING1");
        if (decide_check(&in, &e) != ROWS[i].want)
            fail_msg("row %zu: %s", i, e.msg);
    }
}

/* Every kind of person on every verb, through the rows: F-18's share of this room. */
static void each_person_on_each_verb(void **state)
{
    static const char *const VERBS[] = {"acknowledge", "add_note", "escalate", "resolve"};
    struct fixture *f = *state;
    const int64_t WHO[] = {f->ingrid, f->bo, f->carl, f->admin, f->agent, f->viewer, f->unlinked};
    static const bool MAY[][4] = {{1, 1, 1, 1}, {1, 1, 1, 1}, {0, 1, 1, 1}, {0, 1, 1, 1},
                                  {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}};

    for (size_t w = 0; w < ARRAY_LEN(WHO); w++)
        for (size_t v = 0; v < ARRAY_LEN(VERBS); v++) {
            AUTO(store_savepoint_end) struct store_savepoint sp = {0};
            struct audit_head head = audit_head(f->audit);
            int64_t id;
            int rc;

            must(store_savepoint(&sp, f->s, &f->e), &f->e);
            id = propose_new(f, VERBS[v],
                             v == 1   ? json_pack("{s:s}", "content", "x")
                             : v == 2 ? json_pack("{s:i}", "level", 2)
                                      : NULL);
            rc = decide_code(f, id, WHO[w], true);
            if ((rc == 0) != MAY[w][v] || (rc < 0 && rc != ERR_DENIED))
                fail_msg("person %zu, %s: %d %s", w, VERBS[v], rc, f->e.msg);
            assert_string_equal(state_of(f, id), MAY[w][v] ? "approved" : "pending");
            assert_int_equal(full(f, id).n_decs, MAY[w][v] ? 1 : 0);
            audit_set_head(f->audit, &head);
            arena_reset(f->arena);
        }
}

static void the_first_decision_wins_and_the_second_hears_who_was_first(void **state)
{
    struct fixture *f = *state;
    int64_t id = propose_new(f, "escalate", json_pack("{s:i}", "level", 2));

    approve(f, id, f->ingrid);
    assert_int_equal(decide_code(f, id, f->bo, false), ERR_CONFLICT);
    assert_non_null(strstr(f->e.msg, "Ingrid approved"));
    assert_int_equal(full(f, id).n_decs, 1);
    assert_int_equal(full(f, id).n_execs, 1);
}

static void two_of_two_needs_two_and_one_veto_ends_it(void **state)
{
    struct fixture *f = *state;
    int64_t id;
    struct prop_full p;

    policy_is(f, "rules:\n  - {name: two, need: {count: 2, role: responder, veto: true}}\n");
    id = propose_new(f, "escalate", json_pack("{s:i}", "level", 2));
    approve(f, id, f->carl);
    assert_string_equal(state_of(f, id), "pending");
    assert_int_equal(decide_code(f, id, f->carl, true), ERR_CONFLICT);
    approve(f, id, f->bo);
    p = full(f, id);
    assert_int_equal(p.p.state, PROPOSAL_APPROVED);
    /* From is the person whose decision completed it. */
    assert_string_equal(p.execs[0].from_email, "Bo@example.com");
    assert_string_equal(p.execs[0].from_pd_user, "PBOB1");
    id = propose_new(f, "resolve", NULL);
    approve(f, id, f->carl);
    must(decide_code(f, id, f->bo, false), &f->e);
    assert_string_equal(state_of(f, id), "rejected");
}

/* An edit is a new digest: what was decided before does not carry over. */
static void an_edit_voids_earlier_decisions_and_the_old_digest(void **state)
{
    struct fixture *f = *state;
    struct person bo = person(f, f->bo), robot = person(f, f->agent);
    AUTO(json_freep) json_t *args = json_pack("{s:s}", "content", "new text");
    AUTO(json_freep) json_t *bad = json_pack("{s:i}", "content", 7);
    AUTO(json_freep) json_t *extra = json_pack("{s:s}", "target", "QOTHER");
    json_t *out = NULL;
    int64_t id;
    char old[SHA256_HEX];

    policy_is(f, "rules:\n  - {name: two, need: {count: 2, role: responder}}\n");
    id = propose_new(f, "add_note", json_pack("{s:s}", "content", "old text"));
    approve(f, id, f->ingrid);
    snprintf(old, sizeof old, "%s", full(f, id).rev.digest);
    assert_int_equal(gate_edit(&f->p, id, old, &robot, 0, args, &out, &f->e), ERR_DENIED);
    assert_int_equal(gate_edit(&f->p, id, old, &bo, 0, bad, &out, &f->e), ERR_INPUT);
    assert_int_equal(gate_edit(&f->p, id, old, &bo, 0, extra, &out, &f->e), ERR_INPUT);
    assert_int_equal(gate_edit(&f->p, id, old, &bo, 1, args, &out, &f->e), ERR_INPUT);
    assert_string_equal(full(f, id).rev.digest, old);
    must(gate_edit(&f->p, id, old, &bo, 0, args, &out, &f->e), &f->e);
    json_decref(out);
    assert_int_equal(full(f, id).p.revision, 2);
    assert_int_equal(full(f, id).n_decs, 0);
    assert_string_not_equal(full(f, id).rev.digest, old);
    out = NULL;
    bo = person(f, f->carl);
    assert_int_equal(gate_decide(&f->p, id, old, &bo, true, NULL, "cli", &out, &f->e),
                     ERR_CONFLICT);
    assert_null(out);
    assert_int_equal(decide_code(f, id, f->bo, true),
                     ERR_DENIED); /* the editor, where two are needed */
    approve(f, id, f->ingrid);
    approve(f, id, f->carl);
    run_for(f, 3000);
    assert_non_null(strstr(f->pd.notes[0], "new text"));
}

/* docs/policy.md: where two are needed, nobody who edited it counts, whoever edited it after them. */
static void a_later_edit_does_not_make_an_editor_a_stranger(void **state)
{
    struct fixture *f = *state;
    struct person bo = person(f, f->bo), carl = person(f, f->carl);
    AUTO(json_freep) json_t *first = json_pack("{s:s}", "content", "what Bo wants");
    AUTO(json_freep) json_t *second = json_pack("{s:s}", "content", "what Bo wants.");
    json_t *out = NULL;
    int64_t id;

    policy_is(f, "rules:\n  - {name: two, need: {count: 2, role: responder}}\n");
    id = propose_new(f, "add_note", json_pack("{s:s}", "content", "old text"));
    must(gate_edit(&f->p, id, full(f, id).rev.digest, &bo, 0, first, &out, &f->e), &f->e);
    json_freep(&out);
    must(gate_edit(&f->p, id, full(f, id).rev.digest, &carl, 0, second, &out, &f->e), &f->e);
    json_freep(&out);
    assert_int_equal(decide_code(f, id, f->bo, true), ERR_DENIED);
    approve(f, id, f->ingrid);
    assert_int_equal(decide_code(f, id, f->carl, true), ERR_DENIED);
    assert_string_equal(state_of(f, id), "pending");
    must(decide_code(f, id, f->bo, false), &f->e); /* a no is always possible */
}

static void the_deadline_counts_before_the_expire_job_ran(void **state)
{
    struct fixture *f = *state;
    int64_t id = propose_new(f, "acknowledge", NULL);

    pass_time(f, 900000);
    assert_int_equal(decide_code(f, id, f->ingrid, true), ERR_CONFLICT);
    assert_int_equal(full(f, id).n_decs, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
        cmocka_unit_test(who_may_decide_is_exactly_this_table),
        T(each_person_on_each_verb),
        T(the_first_decision_wins_and_the_second_hears_who_was_first),
        T(two_of_two_needs_two_and_one_veto_ends_it),
        T(an_edit_voids_earlier_decisions_and_the_old_digest),
        T(a_later_edit_does_not_make_an_editor_a_stranger),
        T(the_deadline_counts_before_the_expire_job_ran),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "gate_test.h"

/* What may cross the way of an effect: the switch, the clock, a restart, another proposal, somebody else's note. */

#define LEVEL2 json_pack("{s:i}", "level", 2)
#define NOTE   json_pack("{s:s}", "content", "Disk is full again")

static void state_is(struct fixture *f, int64_t id, const char *state)
{
    struct prop_full p = full(f, id);

    if (strcmp(proposal_state_name(p.p.state), state) != 0)
        fail_msg("proposal is %s (%s), not %s", proposal_state_name(p.p.state),
                 p.p.reason ? p.p.reason : "", state);
}

/* X12, F-23: the call waits for the limiter or a connection when the switch is thrown. */
static void engaged_while_the_call_waits_for_its_turn_stops_it(void **state)
{
    struct fixture *f = *state;
    int64_t id = propose_new(f, "acknowledge", NULL);

    approve(f, id, f->ingrid);
    f->pd.engage_on_the_way = true;
    run_for(f, 3000);
    assert_int_equal(f->pd.writes, 0);
    state_is(f, id, "approved");
    f->pd.engage_on_the_way = false;
    must(kill_switch_release(f->dir, &f->e), &f->e);
    run_for(f, 3000);
    assert_int_equal(f->pd.writes, 1);
    state_is(f, id, "done");
}

/* INV-4: the call left, and its answer could not be taken in: the same job again must not be the same call again. */
static void a_send_that_runs_again_does_not_send_again(void **state)
{
    struct fixture *f = *state;
    int64_t id = propose_new(f, "add_note", NOTE);
    struct job j;

    approve(f, id, f->ingrid);
    must(queue_claim(f->queue, PRIO_EXECUTE, f->p.now_wall_ms, &j, &f->e), &f->e);
    job_run(f, &j, false);
    must(queue_claim(f->queue, PRIO_EXECUTE, f->p.now_wall_ms, &j, &f->e), &f->e);
    assert_string_equal(j.step, "send");
    job_run(f, &j, true);
    must(queue_retry(f->queue, j.id, f->p.now_wall_ms + 500, "", &f->e), &f->e);
    pass_time(f, 1000);
    run_due(f, NULL);
    assert_int_equal(f->pd.writes, 1);
    run_for(f, 60000);
    state_is(f, id, "done");
    assert_int_equal(f->pd.writes, 1);
    assert_int_equal(f->pd.n_notes, 1);
}

/* INV-4: PagerDuty said yes. Whatever a restart queues, there is nothing to send a second time. */
static void after_a_clean_yes_a_restart_only_looks(void **state)
{
    static const char *const VERBS[] = {"add_note", "acknowledge", "escalate"};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(VERBS); i++) {
        int64_t id;

        fake_reset(&f->pd);
        f->view = test_view();
        f->view.changed_ms = f->pd.changed_ms = f->p.now_wall_ms / 1000 * 1000;
        must(view_save(f->gate, &f->view, f->p.now_wall_ms, &f->e), &f->e);
        id = propose_new(f, VERBS[i], i == 0 ? NOTE : i == 2 ? LEVEL2 : NULL);
        approve(f, id, f->ingrid);
        f->pd.next_write = LOST_BEFORE; /* says yes, and nothing of it can be seen */
        f->pd.yes_all_the_same = true;
        run_due(f, NULL);
        must(gate_on_start(&f->p, &f->e), &f->e);
        run_for(f, 700000);
        state_is(f, id, "unsure");
        assert_int_equal(f->pd.writes, 1);
        pass_time(f, 1000);
    }
}

/* F-21: two approved proposals of our own on one incident; the second may not act on what the first is changing. */
static void of_two_proposals_on_one_incident_the_second_looks_again(void **state)
{
    struct fixture *f = *state;

    for (int lost = 0; lost < 2; lost++) {
        int64_t ack, esc;

        fake_reset(&f->pd);
        f->view = test_view();
        f->view.changed_ms = f->pd.changed_ms = f->p.now_wall_ms / 1000 * 1000;
        must(view_save(f->gate, &f->view, f->p.now_wall_ms, &f->e), &f->e);
        ack = propose_new(f, "acknowledge", NULL);
        esc = propose_new(f, "escalate", LEVEL2);
        approve(f, ack, f->ingrid);
        approve(f, esc, f->ingrid);
        f->pd.next_write = lost ? LOST_AFTER : FINE;
        run_for(f, 120000);
        state_is(f, ack, "done");
        assert_true(text_eq(state_of(f, esc), "overtaken") || text_eq(state_of(f, esc), "stale"));
        assert_int_equal(f->pd.writes, 1);
        pass_time(f, 1000);
        fake_reset(&f->pd);
        f->view.status = "resolved";
        must(view_save(f->gate, &f->view, f->p.now_wall_ms, &f->e), &f->e);
        pass_time(f, 1000);
    }
}

/* INV-5: whose note it is cannot be seen from its number, and the card would call it ours. */
static void nobody_proposes_a_change_of_somebody_elses_note(void **state)
{
    static const char *const ORIGINS[] = {"rule:test", "agent:5", "person:1"};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(ORIGINS); i++) {
        AUTO(json_freep)
        json_t *args = json_pack("{s:s, s:s}", "content", "nothing to see here", "note_id", "PN77");
        struct gate_proposal x = {.subject_kind = "incident",
                                  .subject_id = INCIDENT,
                                  .incident_id = INCIDENT,
                                  .view = &f->view,
                                  .origin = ORIGINS[i],
                                  .actions = {{"add_note", INCIDENT, args}},
                                  .n_actions = 1};
        const char *note = NULL;
        int64_t id;

        assert_int_equal(gate_propose(&f->p, &x, &id, &note, &f->e), ERR_DENIED);
    }
}

/* INV-4, X7: the wall clock is set back or forward by hours at each moment of a send whose answer was lost. */
static void a_clock_that_jumps_neither_repeats_nor_revives_an_effect(void **state)
{
    static const int64_t JUMPS[] = {-2 * 3600000, 2 * 3600000, -5000, 90000};
    struct fixture *f = *state;

    for (size_t k = 0; k < ARRAY_LEN(JUMPS); k++)
        for (int at_s = 0; at_s <= 120; at_s += 10) {
            char text[40];
            int64_t id;

            snprintf(text, sizeof text, "jump %zu after %d s", k, at_s);
            fake_reset(&f->pd);
            id = propose_new(f, "add_note", json_pack("{s:s}", "content", text));
            approve(f, id, f->ingrid);
            f->pd.next_write = LOST_AFTER;
            run_due(f, NULL);
            run_for(f, at_s * 1000LL);
            f->p.now_wall_ms += JUMPS[k];
            must(queue_clock_set_back(f->queue, JUMPS[k] < 0 ? -JUMPS[k] : 0, &f->e), &f->e);
            run_for(f, 300000);
            if (strcmp(state_of(f, id), "done") != 0 || f->pd.writes != 1 || f->pd.n_notes != 1)
                fail_msg("jump of %lld ms after %d s: %s, %d writes", (long long)JUMPS[k], at_s,
                         state_of(f, id), f->pd.writes);
            f->p.now_wall_ms += 3 * 3600000;
        }
}

/* X7: how old an approval is cannot be told any more: it is not carried out hours later as if it were fresh. */
static void an_approval_from_the_future_has_expired(void **state)
{
    struct fixture *f = *state;
    int64_t id = propose_new(f, "acknowledge", NULL);

    must(kill_switch_engage(f->dir, "Ada", "drill", &f->e), &f->e);
    approve(f, id, f->ingrid);
    run_for(f, 5000);
    f->p.now_wall_ms -= 3 * 3600000;
    must(queue_clock_set_back(f->queue, 3 * 3600000, &f->e), &f->e);
    must(kill_switch_release(f->dir, &f->e), &f->e);
    run_for(f, 5000);
    state_is(f, id, "expired");
    assert_int_equal(f->pd.writes, 0);
}

/* Whoever deleted our note meant it: it is neither asked after with every new text nor written once more. */
static void a_triage_note_that_somebody_deleted_stays_deleted(void **state)
{
    struct fixture *f = *state;
    struct person ada = person(f, f->admin);
    AUTO(json_freep) json_t *services = json_pack("[s]", SERVICE);
    const char *note = NULL;
    int64_t id;

    must(gate_standing_add(&f->p, &ada, "triage-note", services, 9, T0 + 86400000, &id, &f->e),
         &f->e);
    must(gate_triage_note(&f->p, &f->view, "first", 0, &note, &f->e), &f->e);
    run_for(f, 3000);
    assert_int_equal(f->pd.n_notes, 1);
    must(gate_triage_note(&f->p, &f->view, "second", 0, &note, &f->e), &f->e);
    f->pd.next_write = GONE_404;
    run_for(f, 3000);
    assert_int_equal(f->pd.writes, 2);
    must(gate_triage_note(&f->p, &f->view, "third", 0, &note, &f->e), &f->e);
    assert_non_null(note);
    run_for(f, 3000);
    assert_int_equal(f->pd.writes, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
        T(engaged_while_the_call_waits_for_its_turn_stops_it),
        T(a_send_that_runs_again_does_not_send_again),
        T(after_a_clean_yes_a_restart_only_looks),
        T(of_two_proposals_on_one_incident_the_second_looks_again),
        T(nobody_proposes_a_change_of_somebody_elses_note),
        T(a_clock_that_jumps_neither_repeats_nor_revives_an_effect),
        T(an_approval_from_the_future_has_expired),
        T(a_triage_note_that_somebody_deleted_stays_deleted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a model proposes at the gate: the policy decides as it does on a rule's, but nothing passes by itself; and what people answer is counted. */
#include "gate_test.h"

static json_t *note_of(const char *text)
{
    return json_pack("{s:s}", "content", text);
}

/* A proposal with facts whose assessment says whether texts gave orders. */
static int64_t propose_with(struct fixture *f, const char *origin, bool suspicious)
{
    AUTO(json_freep) json_t *args = note_of(origin);
    AUTO(json_freep) json_t *cites = json_pack("[s, s]", "E4", "E7");
    AUTO(json_freep)
    json_t *facts = json_pack("{s:{s:b, s:b}}", "assessment", "model", 1, "suspicious", suspicious);
    struct gate_proposal x = {.subject_kind = "incident",
                              .subject_id = INCIDENT,
                              .incident_id = INCIDENT,
                              .view = &f->view,
                              .origin = origin,
                              .why = "because",
                              .evidence = cites,
                              .facts = facts,
                              .n_actions = 1};
    const char *note = NULL;
    int64_t id;

    x.actions[0] = (struct gate_action){"add_note", INCIDENT, args};
    must(gate_propose(&f->p, &x, &id, &note, &f->e), &f->e);
    if (note)
        fail_msg("not proposed: %s", note);
    return id;
}

/* INV-5: what a model says never passes by itself, unless an operator wrote that very thing down. */
static void what_a_model_proposes_needs_a_person(void **state)
{
    static const struct {
        const char *when, *origin;
        bool suspicious;
        const char *decided_by; /* NULL: it waits for a person */
    } table[] = {
        {"", "rule:x", false, "policy:free"},
        {"", "rule:x", true, NULL},
        {"", "model", false, NULL},
        {", when: {action.verb: add_note}", "model", false, NULL},
        {", when: {action.origin: model}", "model", false, "policy:free"},
        {", when: {all: [{action.verb: add_note}, {action.origin: model}]}", "model", false,
         "policy:free"},
        {", when: {action.origin: {in: [model, triage-note]}}", "model", false, "policy:free"},
        /* a rule that would let others through as well says nothing about models */
        {", when: {any: [{action.verb: add_note}, {action.origin: model}]}", "model", false, NULL},
        {", when: {any: [{action.verb: add_note}, {action.origin: 'rule:x'}]}", "model", false,
         NULL},
        {", when: {not: {action.origin: 'person:3'}}", "model", false, NULL},
        {", when: {action.origin: model}", "model", true, NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct fixture *f;
        struct prop_full p;
        char yaml[256];

        assert_int_equal(setup(state), 0);
        f = *state;
        snprintf(yaml, sizeof yaml, "rules:\n  - {name: free, need: nobody%s}\n", table[i].when);
        policy_is(f, yaml);
        p = full(f, propose_with(f, table[i].origin, table[i].suspicious));
        if (!text_eq(p.n_decs ? p.decs[0].actor : NULL, table[i].decided_by))
            fail_msg("row %zu: decided by %s", i, p.n_decs ? p.decs[0].actor : "nobody");
        assert_string_equal(p.p.evidence, "[\"E4\",\"E7\"]");
        teardown(state);
    }
}

/* INV-5: with a model's words in the assessment more people may be needed than without them, never fewer. */
static void what_a_model_says_never_makes_the_policy_laxer(void **state)
{
    static const struct {
        const char *rules, *assessment, *origin;
        const char *decided_by; /* NULL: it waits for people */
        const char *need;       /* part of it */
    } table[] = {
        {"{name: calm, need: nobody, when: {assessment.severity: P5}}",
         "{\"model\":true,\"severity\":\"P5\"}", "rule:x", NULL, "\"any\""},
        {"{name: calm, need: nobody, when: {assessment.severity: P5}}",
         "{\"model\":true,\"severity\":\"P5\",\"alone\":{\"severity\":\"P5\"}}", "rule:x",
         "policy:calm", NULL},
        {"{name: calm, need: nobody, when: {assessment.severity: P5}}",
         "{\"model\":false,\"severity\":\"P5\"}", "rule:x", "policy:calm", NULL},
        {"{name: sure, need: nobody, when: {assessment.confidence: medium}}",
         "{\"model\":true,\"confidence\":\"medium\",\"alone\":{\"confidence\":\"low\"}}", "rule:x",
         NULL, "\"any\""},
        {"{name: seen, need: nobody, when: {assessment.model: true}}", "{\"model\":true}", "rule:x",
         NULL, "\"any\""},
        {"{name: two, need: {count: 2, role: responder}, when: {not: {assessment.severity: P5}}}",
         "{\"model\":true,\"severity\":\"P5\",\"alone\":{\"severity\":\"P1\"}}", "rule:x", NULL,
         "\"count\":2"},
        {"{name: two, need: {count: 2, role: responder}, when: {assessment.severity: P1}}",
         "{\"model\":true,\"severity\":\"P1\",\"alone\":{}}", "rule:x", NULL, "\"count\":2"},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        AUTO(json_freep) json_t *facts = json_object();
        AUTO(json_freep) json_t *args = note_of("text");
        struct gate_proposal x = {.subject_kind = "incident",
                                  .subject_id = INCIDENT,
                                  .incident_id = INCIDENT,
                                  .origin = table[i].origin,
                                  .why = "because",
                                  .facts = facts,
                                  .n_actions = 1};
        const char *note = NULL;
        struct fixture *f;
        struct prop_full p;
        char yaml[256];
        int64_t id;

        assert_int_equal(setup(state), 0);
        f = *state;
        snprintf(yaml, sizeof yaml, "rules:\n  - %s\n", table[i].rules);
        policy_is(f, yaml);
        json_object_set_new(facts, "assessment", json_loads(table[i].assessment, 0, NULL));
        x.view = &f->view;
        x.actions[0] = (struct gate_action){"add_note", INCIDENT, args};
        must(gate_propose(&f->p, &x, &id, &note, &f->e), &f->e);
        p = full(f, id);
        if (!text_eq(p.n_decs ? p.decs[0].actor : NULL, table[i].decided_by))
            fail_msg("row %zu: decided by %s", i, p.n_decs ? p.decs[0].actor : "nobody");
        if (table[i].need && !strstr(p.rev.need, table[i].need))
            fail_msg("row %zu: it needs %s", i, p.rev.need);
        teardown(state);
    }
}

/* S3-27: the measured half of confidence is people's decisions, by what the proposal rested on. */
static void what_people_answered_is_counted_once_a_proposal(void **state)
{
    struct fixture *f = *state;
    int64_t decided, approved, old;

    f->cfg.triage.proposals_max = 10;
    approve(f, propose_with(f, "model", false), f->bo);
    pass_time(f, 1000);
    must(decide_code(f, propose_with(f, "rule:a", false), f->bo, false), &f->e);
    approve(f, propose_with(f, "rule:ab", false), f->bo);
    approve(f, propose_with(f, "person:1", false), f->carl);
    old = propose_with(f, "rule:old", false);
    run_for(f, 2000000);
    assert_string_equal(state_of(f, old), "expired");

    static const struct {
        const char *origin, *verb;
        int64_t decided, approved;
    } table[] = {
        {"model", NULL, 1, 1},    {"rule:a", NULL, 1, 0},      {"rule:ab", "add_note", 1, 1},
        {"rule:", NULL, 2, 1},    {"rule:", "add_note", 2, 1}, {"rule:", "resolve", 0, 0},
        {"person:1", NULL, 0, 0}, {"rule:old", NULL, 0, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        must(gate_measured(&f->p, table[i].origin, table[i].verb, &decided, &approved, &f->e),
             &f->e);
        if (decided != table[i].decided || approved != table[i].approved)
            fail_msg("row %zu: %lld of %lld", i, (long long)approved, (long long)decided);
    }
}

static void what_is_forbidden_is_not_offered(void **state)
{
    struct fixture *f = *state;
    AUTO(json_freep)
    json_t *verbs = json_pack("[s, s, s, s]", "add_note", "resolve", "reopen", "delete_service");
    AUTO(json_freep) json_t *left = NULL;
    AUTO(json_freep) json_t *want = json_pack("[s]", "add_note");

    policy_is(
        f,
        "rules:\n  - {name: no, when: {action.verb: resolve, action.origin: model}, need: never}\n");
    left = gate_permitted(&f->p, &f->view, NULL, verbs, "model");
    assert_true(json_equal(left, want));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_model_proposes_needs_a_person),
        cmocka_unit_test(what_a_model_says_never_makes_the_policy_laxer),
        cmocka_unit_test_setup_teardown(what_people_answered_is_counted_once_a_proposal, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_forbidden_is_not_offered, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

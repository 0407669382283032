#include "gate_test.h"

/* The execution protocol as a table: what was recorded, what is read, what follows. Times are seconds after T0. */

enum see {
    NOTHING,
    OURS,
    OTHERS,
    MOVED
};

/* INV-4, F-30's pure core. in flight until 15, quiet until 35, gap 60, unsure at 600. */
static void each_row_and_reply_gives_one_next_thing_to_do(void **state)
{
    static const struct {
        const char *verb;
        int now_s, sends, empty, last_empty_s;
        enum see see;
        const char *refused;
        bool mismatch;
        enum exec_do want;
        int again_s;
    } ROWS[] = {
        /* nothing of ours has left */
        {"add_note", 1, 0, 0, 0, NOTHING, NULL, false, EXEC_SEND, 0},
        {"add_note", 1, 0, 0, 0, OURS, NULL, false, EXEC_DONE, 0},
        {"add_note", 901, 0, 0, 0, NOTHING, NULL, false, EXEC_EXPIRED, 0},
        {"add_note", 1, 0, 0, 0, NOTHING, "x", false, EXEC_REFUSED, 0},
        {"add_note", 1, 0, 0, 0, NOTHING, "x", true, EXEC_REFUSED, 0},
        {"add_note", 1, 0, 0, 0, OURS, "x", true, EXEC_REFUSED, 0},
        {"acknowledge", 1, 0, 0, 0, NOTHING, NULL, false, EXEC_SEND, 0},
        {"acknowledge", 1, 0, 0, 0, OTHERS, NULL, false, EXEC_OVERTAKEN, 0},
        {"acknowledge", 1, 0, 0, 0, MOVED, NULL, false, EXEC_STALE, 0},
        {"resolve", 1, 0, 0, 0, NOTHING, NULL, false, EXEC_SEND, 0},
        {"resolve", 1, 0, 0, 0, OTHERS, NULL, false, EXEC_OVERTAKEN, 0},
        {"resolve", 1, 0, 0, 0, MOVED, NULL, false, EXEC_STALE, 0},
        {"escalate", 1, 0, 0, 0, NOTHING, NULL, false, EXEC_SEND, 0},
        {"escalate", 1, 0, 0, 0, OTHERS, NULL, false, EXEC_OVERTAKEN, 0},
        {"escalate", 1, 0, 0, 0, MOVED, NULL, false, EXEC_STALE, 0},
        /* one send, its answer unknown */
        {"add_note", 16, 1, 0, 0, NOTHING, NULL, false, EXEC_WAIT, 35},
        {"add_note", 34, 1, 0, 0, OURS, NULL, false, EXEC_WAIT, 35},
        {"add_note", 35, 1, 0, 0, OURS, NULL, false, EXEC_DONE, 0},
        {"add_note", 35, 1, 0, 0, OURS, "x", false, EXEC_DONE, 0},
        {"add_note", 35, 1, 0, 0, NOTHING, NULL, false, EXEC_EMPTY, 95},
        {"add_note", 60, 1, 1, 35, NOTHING, NULL, false, EXEC_WAIT, 95},
        {"add_note", 60, 1, 1, 35, OURS, NULL, false, EXEC_DONE, 0},
        {"add_note", 95, 1, 1, 35, NOTHING, NULL, false, EXEC_SEND, 0},
        {"add_note", 95, 1, 1, 35, OURS, NULL, false, EXEC_DONE, 0},
        {"add_note", 95, 1, 1, 35, NOTHING, "x", false, EXEC_UNSURE, 0},
        {"add_note", 95, 1, 1, 35, NOTHING, "x", true, EXEC_UNSURE, 0},
        {"add_note", 600, 1, 0, 0, NOTHING, NULL, false, EXEC_UNSURE, 0},
        {"add_note", 600, 1, 1, 35, OURS, NULL, false, EXEC_DONE, 0},
        {"acknowledge", 35, 1, 0, 0, OURS, NULL, false, EXEC_DONE, 0},
        {"acknowledge", 35, 1, 0, 0, NOTHING, NULL, false, EXEC_EMPTY, 95},
        {"acknowledge", 95, 1, 1, 35, NOTHING, NULL, false, EXEC_SEND, 0},
        {"acknowledge", 95, 1, 1, 35, OTHERS, NULL, false, EXEC_OVERTAKEN, 0},
        {"acknowledge", 95, 1, 1, 35, MOVED, NULL, false, EXEC_UNSURE, 0},
        /* somebody else brought it there after our call got lost: not proof of ours */
        {"acknowledge", 35, 1, 0, 0, OTHERS, NULL, false, EXEC_EMPTY, 95},
        {"resolve", 35, 1, 0, 0, OTHERS, NULL, false, EXEC_EMPTY, 95},
        {"escalate", 35, 1, 0, 0, OTHERS, NULL, false, EXEC_EMPTY, 95},
        {"escalate", 95, 1, 1, 35, OTHERS, NULL, false, EXEC_OVERTAKEN, 0},
        {"resolve", 35, 1, 0, 0, OURS, NULL, false, EXEC_DONE, 0},
        {"resolve", 95, 1, 1, 35, NOTHING, NULL, false, EXEC_SEND, 0},
        {"escalate", 35, 1, 0, 0, OURS, NULL, false, EXEC_DONE, 0},
        {"escalate", 95, 1, 1, 35, NOTHING, NULL, false, EXEC_SEND, 0},
        {"escalate", 95, 1, 1, 35, MOVED, NULL, false, EXEC_UNSURE, 0},
        /* two sends: never a third */
        {"add_note", 200, 2, 1, 35, NOTHING, NULL, false, EXEC_UNSURE, 0},
        {"add_note", 200, 2, 1, 35, OURS, NULL, false, EXEC_DONE, 0},
        {"acknowledge", 200, 2, 1, 35, NOTHING, NULL, false, EXEC_UNSURE, 0},
        {"resolve", 200, 2, 1, 35, NOTHING, NULL, false, EXEC_UNSURE, 0},
        {"escalate", 200, 2, 1, 35, NOTHING, NULL, false, EXEC_UNSURE, 0},
    };
    struct arena *a = arena_new(1 << 20);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        const struct action_def *d = action_find(ROWS[i].verb);
        bool note = d == &action_note, esc = d == &action_escalate;
        struct gate_view v = test_view();
        AUTO(json_freep) json_t *binds = binds_of(&v, d->binds);
        struct act_row act = {.verb = ROWS[i].verb,
                              .args = note  ? "{\"content\":\"x\"}"
                                      : esc ? "{\"level\":2}"
                                            : "{}"};
        struct exec_row x = {.sends = ROWS[i].sends,
                             .empty_reads = ROWS[i].empty,
                             .last_empty_ms = T0 + ROWS[i].last_empty_s * 1000LL,
                             .first_sent_ms = ROWS[i].sends ? T0 : 0,
                             .in_flight_until_ms = ROWS[i].sends ? T0 + 15000 : 0,
                             .marker = note ? "[triaged:abcdefghijklmnop]" : NULL,
                             .from_pd_user = "PING1",
                             .log_after_ms = T0 - 5000,
                             .log_last_id = "R0"};
        const char *who = ROWS[i].see == OURS ? "PING1" : "PCAR1";
        struct pd_log_entry log = {
            .id = "R1", .at_ms = T0 + 1000, .agent = {who, "user", who, NULL}};
        struct pd_note n = {.id = "PN1", .content = "[triaged:abcdefghijklmnop] x"};
        struct exec_in in = {.t = {20000, 60000, 600000, 900000},
                             .now_ms = T0 + ROWS[i].now_s * 1000LL,
                             .def = d,
                             .x = &x,
                             .act = &act,
                             .approved_ms = T0,
                             .view = &v,
                             .expected = binds,
                             .refused = ROWS[i].refused,
                             .mismatch = ROWS[i].mismatch};
        struct exec_out out;

        if (ROWS[i].see == MOVED) {
            v.assignees[0].id = "PCAR1";
            v.level = 0;
        } else if (ROWS[i].see != NOTHING && !note) {
            v.status = d == &action_resolve ? "resolved" : esc ? "triggered" : "acknowledged";
            v.changed_ms = esc ? v.changed_ms : T0 + 1000;
            v.changed_by_id = who;
            if (esc) {
                v.level = 2;
                v.assignees[0].id = "PBOB1";
            }
            log.type = d == &action_resolve ? "resolve_log_entry"
                       : esc                ? "escalate_log_entry"
                                            : "acknowledge_log_entry";
            in.log = &log;
            in.n_log = 1;
        }
        if (note && ROWS[i].see == OURS) {
            in.notes = &n;
            in.n_notes = 1;
        }
        exec_judge(a, &in, &out);
        if (out.what != ROWS[i].want ||
            (ROWS[i].again_s && out.again_ms != T0 + ROWS[i].again_s * 1000LL))
            fail_msg("row %zu (%s at %d s): %d, %s", i, ROWS[i].verb, ROWS[i].now_s, (int)out.what,
                     out.reason ? out.reason : "");
    }
    arena_free(a);
}

/* What an answer to a write means, first and second time. */
static void each_answer_to_a_write_means_one_thing(void **state)
{
    static const struct {
        int code, status;
        const char *body;
        int64_t sends;
        enum send_do want;
    } ROWS[] = {
        {0, 200, "{}", 1, SEND_CONFIRM},
        {0, 201, "{}", 1, SEND_CONFIRM},
        {0, 200, NULL, 2, SEND_CONFIRM},
        {ERR_RETRY, 0, NULL, 1, SEND_NOT_SENT},
        {0, 429, NULL, 1, SEND_NOT_SENT},
        {0, 429, NULL, 2, SEND_NOT_SENT},
        {ERR_UNSURE, 0, NULL, 1, SEND_UNCLEAR},
        {ERR_INPUT, 0, NULL, 1, SEND_UNCLEAR},
        {ERR_INTERNAL, 0, NULL, 1, SEND_UNCLEAR},
        {ERR_DENIED, 0, NULL, 1, SEND_FAILED},
        {ERR_DENIED, 0, NULL, 2, SEND_UNCLEAR},
        {0, 500, NULL, 1, SEND_UNCLEAR},
        {0, 502, "<html>", 1, SEND_UNCLEAR},
        {0, 408, NULL, 1, SEND_UNCLEAR},
        {0, 302, NULL, 1, SEND_UNCLEAR},
        {0, 100, NULL, 1, SEND_UNCLEAR},
        {0, 400, "{\"error\":{\"code\":2001,\"message\":\"bad\"}}", 1, SEND_FAILED},
        {0, 400, "{\"error\":{\"code\":2001,\"message\":\"bad\"}}", 2, SEND_UNCLEAR},
        {0, 400, "{\"error\":{\"code\":1001,\"message\":\"resolved\"}}", 1, SEND_MOVED},
        {0, 400, "{\"error\":{\"code\":1002,\"message\":\"acked\"}}", 1, SEND_MOVED},
        {0, 400, "{\"error\":{\"code\":1002,\"message\":\"acked\"}}", 2, SEND_UNCLEAR},
        {0, 400, "{\"error\":{\"code\":1006,\"message\":\"no\"}}", 1, SEND_FAILED},
        {0, 401, NULL, 1, SEND_FAILED},
        {0, 403, "{}", 1, SEND_FAILED},
        {0, 404, "[]", 1, SEND_FAILED},
        {0, 402, "", 1, SEND_FAILED},
        /* PagerDuty gave up on it, which is not a no */
        {0, 400, "{\"error\":{\"code\":2016,\"message\":\"too long\"}}", 1, SEND_UNCLEAR},
    };
    struct arena *a = arena_new(1 << 20);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct net_reply r = {.code = ROWS[i].code,
                              .status = ROWS[i].status,
                              .body = ROWS[i].body,
                              .body_len = ROWS[i].body ? strlen(ROWS[i].body) : 0};
        struct send_out out;

        send_judge(a, &r, ROWS[i].sends, &out);
        if (out.what != ROWS[i].want)
            fail_msg("row %zu: %d", i, (int)out.what);
    }
    arena_free(a);
}

/* Entries that were there before we sent prove nothing, also within the same second. */
static void only_log_entries_after_our_reading_prove_anything(void **state)
{
    static const struct {
        int64_t at_ms;
        const char *id, *agent;
        bool ours;
    } ROWS[] = {{T0 - 1000, "R0", "PING1", false}, {T0, "R1", "PING1", false},
                {T0, "R2", "PING1", true},         {T0, "R10", "PING1", true},
                {T0, "R7", "PING1", false},        {T0 + 1000, "R1", "PING1", true},
                {T0 + 1000, "R3", "PCAR1", false}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct pd_log_entry log = {.id = ROWS[i].id,
                                   .type = "acknowledge_log_entry",
                                   .at_ms = ROWS[i].at_ms,
                                   .agent = {ROWS[i].agent, "user", "x", NULL}};
        struct action_seen s = {.log = &log,
                                .n_log = 1,
                                .from_pd_user = "PING1",
                                .log_after_ms = T0,
                                .log_last_id = "R1 R7"};

        if ((seen_entry(&s, "acknowledge_log_entry", true) != NULL) != ROWS[i].ours)
            fail_msg("row %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_and_reply_gives_one_next_thing_to_do),
        cmocka_unit_test(each_answer_to_a_write_means_one_thing),
        cmocka_unit_test(only_log_entries_after_our_reading_prove_anything),
    };

    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

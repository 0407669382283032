#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gate/gate.h"

/* Every pair of states; whatever is not listed must be refused. */
static const char *const MOVES[][2] = {
    {"pending", "approved"},   {"pending", "rejected"},    {"pending", "expired"},
    {"pending", "superseded"}, {"pending", "withdrawn"},   {"pending", "overtaken"},
    {"approved", "executing"}, {"approved", "withdrawn"},  {"approved", "stale"},
    {"approved", "overtaken"}, {"approved", "expired"},    {"approved", "failed"},
    {"approved", "done"},      {"approved", "unsure"},     {"executing", "done"},
    {"executing", "failed"},   {"executing", "unsure"},    {"executing", "approved"},
    {"executing", "stale"},    {"executing", "overtaken"}, {"unsure", "executing"},
    {"unsure", "done"},        {"unsure", "failed"},
};

static bool listed(const char *from, const char *to)
{
    for (size_t i = 0; i < ARRAY_LEN(MOVES); i++)
        if (strcmp(MOVES[i][0], from) == 0 && strcmp(MOVES[i][1], to) == 0)
            return true;
    return false;
}

static void every_pair_of_states_is_allowed_or_refused_as_listed(void **state)
{
    (void)state;
    for (int a = 0; a < PROPOSAL_STATES; a++)
        for (int b = 0; b < PROPOSAL_STATES; b++) {
            const char *from = proposal_state_name((enum proposal_state)a);
            const char *to = proposal_state_name((enum proposal_state)b);

            if (proposal_may_move((enum proposal_state)a, (enum proposal_state)b) !=
                listed(from, to))
                fail_msg("%s to %s", from, to);
        }
}

static void every_name_reads_back_and_others_do_not(void **state)
{
    (void)state;
    for (int a = 0; a < PROPOSAL_STATES; a++)
        assert_int_equal(proposal_state_parse(proposal_state_name((enum proposal_state)a)), a);
    assert_true(proposal_state_parse("unknown") < 0);
    assert_true(proposal_state_parse("") < 0);
    assert_true(proposal_state_parse(NULL) < 0);
}

/* Nothing comes back from an end: what was rejected, expired or done stays so. */
static void an_end_is_an_end(void **state)
{
    static const enum proposal_state ENDS[] = {
        PROPOSAL_DONE,      PROPOSAL_FAILED,     PROPOSAL_REJECTED,
        PROPOSAL_EXPIRED,   PROPOSAL_SUPERSEDED, PROPOSAL_WITHDRAWN,
        PROPOSAL_OVERTAKEN, PROPOSAL_STALE,      PROPOSAL_SHADOWED};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ENDS); i++)
        for (int b = 0; b < PROPOSAL_STATES; b++)
            assert_false(proposal_may_move(ENDS[i], (enum proposal_state)b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_of_states_is_allowed_or_refused_as_listed),
        cmocka_unit_test(every_name_reads_back_and_others_do_not),
        cmocka_unit_test(an_end_is_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

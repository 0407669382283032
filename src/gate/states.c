#include <string.h>

#include "gate/gate.h"

static const char *const NAMES[PROPOSAL_STATES] = {
    [PROPOSAL_PENDING] = "pending",       [PROPOSAL_APPROVED] = "approved",
    [PROPOSAL_EXECUTING] = "executing",   [PROPOSAL_DONE] = "done",
    [PROPOSAL_FAILED] = "failed",         [PROPOSAL_UNSURE] = "unsure",
    [PROPOSAL_REJECTED] = "rejected",     [PROPOSAL_EXPIRED] = "expired",
    [PROPOSAL_SUPERSEDED] = "superseded", [PROPOSAL_WITHDRAWN] = "withdrawn",
    [PROPOSAL_OVERTAKEN] = "overtaken",   [PROPOSAL_STALE] = "stale",
    [PROPOSAL_SHADOWED] = "shadowed",
};

#define TO(s) (1U << PROPOSAL_##s)

/*
 * The one table of moves; gate.h draws it. What is not drawn there:
 *   executing -> approved    PagerDuty (or our limiter) said "later" and nothing had been sent
 *   executing -> stale, overtaken   PagerDuty refused cleanly because the incident had moved
 *   approved -> failed       the first action was refused before it was sent (no such incident, our own settings)
 *   unsure -> executing, done, failed   a person settled it
 */
static const unsigned MOVES[PROPOSAL_STATES] = {
    [PROPOSAL_PENDING] =
        TO(APPROVED) | TO(REJECTED) | TO(EXPIRED) | TO(SUPERSEDED) | TO(WITHDRAWN) | TO(OVERTAKEN),
    [PROPOSAL_APPROVED] = TO(EXECUTING) | TO(WITHDRAWN) | TO(STALE) | TO(OVERTAKEN) | TO(EXPIRED) |
                          TO(FAILED) | TO(DONE) | TO(UNSURE),
    [PROPOSAL_EXECUTING] =
        TO(DONE) | TO(FAILED) | TO(UNSURE) | TO(APPROVED) | TO(STALE) | TO(OVERTAKEN),
    [PROPOSAL_UNSURE] = TO(EXECUTING) | TO(DONE) | TO(FAILED),
};

const char *proposal_state_name(enum proposal_state s)
{
    return NAMES[s];
}

int proposal_state_parse(const char *s)
{
    for (int i = 0; s && i < PROPOSAL_STATES; i++)
        if (strcmp(s, NAMES[i]) == 0)
            return i;
    return -1;
}

bool proposal_may_move(enum proposal_state from, enum proposal_state to)
{
    return (MOVES[from] & (1U << to)) != 0;
}

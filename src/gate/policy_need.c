#include <string.h>

#include "gate/gate_priv.h"

static const char *const KINDS[] = {
    [NEED_NOBODY] = "nobody", [NEED_ANY] = "any", [NEED_COUNT] = "count", [NEED_NEVER] = "never"};
static const char *const EXPIRY[] = {
    [EXPIRY_DROP] = "drop", [EXPIRY_ASK_NEXT] = "ask_next", [EXPIRY_KEEP] = "keep"};

const char *on_expiry_name(enum on_expiry x)
{
    return EXPIRY[x];
}

int on_expiry_parse(const char *s)
{
    for (size_t i = 0; s && i < ARRAY_LEN(EXPIRY); i++)
        if (strcmp(s, EXPIRY[i]) == 0)
            return (int)i;
    return -1;
}

json_t *need_to_json(const struct need *n)
{
    json_t *o = json_pack("{s:s}", "kind", KINDS[n->kind]);

    CHECK(o);
    if (n->kind == NEED_ANY || n->kind == NEED_COUNT) {
        json_object_set_new(o, "role", json_string(role_name(n->role)));
        json_object_set_new(o, "count", json_integer(n->count));
        json_object_set_new(o, "veto", json_boolean(n->veto));
    }
    return o;
}

int need_from_json(const json_t *j, struct need *out, struct err *e)
{
    const char *kind = json_opt_str(j, "kind");
    struct need n = {0};

    for (size_t i = 0; kind && i < ARRAY_LEN(KINDS); i++) {
        if (strcmp(kind, KINDS[i]) != 0)
            continue;
        n.kind = (enum need_kind)i;
        n.role = role_parse(json_opt_str(j, "role"));
        n.count = (int)json_opt_int(j, "count", 0);
        n.veto = json_opt_bool(j, "veto", true);
        if ((n.kind == NEED_ANY || n.kind == NEED_COUNT) &&
            (n.count < 1 || n.role < ROLE_RESPONDER))
            break;
        *out = n;
        return 0;
    }
    return err_set(e, ERR_INTERNAL, "the stored need of a proposal is none");
}

int need_strictness(const struct need *n)
{
    switch (n->kind) {
    case NEED_NOBODY:
        return 0;
    case NEED_NEVER:
        return 1000;
    case NEED_ANY:
    case NEED_COUNT:
        return n->count * 10 + (int)n->role;
    }
    return 1000;
}

/* Distinct persons; a vote that is not valid any more counts for nothing, a valid reject ends it where one veto may. */
enum tally need_tally(const struct need *n, const struct vote *votes, size_t n_votes,
                      int *approvals)
{
    int yes = 0;

    for (size_t i = 0; i < n_votes; i++) {
        bool again = false;

        if (!votes[i].valid)
            continue;
        if (!votes[i].approve) {
            if (n->veto || n->kind != NEED_COUNT)
                return TALLY_REJECTED;
            continue;
        }
        for (size_t k = 0; k < i; k++)
            again = again || (votes[k].valid && votes[k].approve &&
                              votes[k].person_id == votes[i].person_id);
        yes += !again;
    }
    *approvals = yes;
    if (n->kind == NEED_NEVER)
        return TALLY_OPEN;
    return yes >= (n->kind == NEED_COUNT ? n->count : 1) ? TALLY_APPROVED : TALLY_OPEN;
}

int decide_person_check(const struct person *who, const struct need *need, struct err *e)
{
    if (who->disabled)
        return err_set(e, ERR_DENIED, "%s is disabled", who->name);
    if (who->agent)
        return err_set(e, ERR_DENIED, "%s is an agent's account: agents may propose, never decide",
                       who->name);
    if (who->role < ROLE_RESPONDER || who->role < need->role)
        return err_set(e, ERR_DENIED, "%s has the role %s; this needs %s", who->name,
                       role_name(who->role),
                       role_name(need->role < ROLE_RESPONDER ? ROLE_RESPONDER : need->role));
    if (!text_is_id(who->pd_user_id) || !text_is_email(who->email))
        return err_set(e, ERR_DENIED,
                       "%s is not linked to a PagerDuty user, whose name the change would bear",
                       who->name);
    return 0;
}

/* "person:3" names this person? */
static bool names_person(const char *actor, int64_t id)
{
    struct err e = {0};
    int64_t v;

    return actor && text_starts(actor, "person:") &&
           parse_i64(actor + strlen("person:"), 1, INT64_MAX, &v, &e) == 0 && v == id;
}

static bool names_agent(const char *actor, int64_t id)
{
    struct err e = {0};
    int64_t v;

    return actor && text_starts(actor, "agent:") &&
           parse_i64(actor + strlen("agent:"), 1, INT64_MAX, &v, &e) == 0 && v == id;
}

/* Who made what is to be approved: an own edit or proposal passes where one approval is enough, a token's never. */
static int own_work_check(const struct decide_in *in, struct err *e)
{
    int64_t id = in->who->id;

    if (names_agent(in->origin, id) || names_agent(in->author, id))
        return err_set(e, ERR_DENIED,
                       "what an API token or agent proposed, its owner cannot approve");
    if (in->need->count > 1 &&
        (in->edited || names_person(in->origin, id) || names_person(in->author, id)))
        return err_set(e, ERR_DENIED,
                       "%s proposed or edited this; where %d approvals are needed others give them",
                       in->who->name, in->need->count);
    return 0;
}

int decide_check(const struct decide_in *in, struct err *e)
{
    if (decide_person_check(in->who, in->need, e) < 0)
        return e->code;
    if (in->need->kind == NEED_NEVER)
        return err_set(e, ERR_DENIED, "the policy never allows this");
    if (in->state != PROPOSAL_PENDING)
        return err_set(e, ERR_CONFLICT, "the proposal is %s already",
                       proposal_state_name(in->state));
    if (in->past_deadline)
        return err_set(e, ERR_CONFLICT, "the proposal's deadline has passed");
    if (!in->digest_matches)
        return err_set(e, ERR_CONFLICT,
                       "the proposal was changed since it was shown: look at it again");
    if (in->decided_before)
        return err_set(e, ERR_CONFLICT, "%s has decided on this already", in->who->name);
    if (!in->approve)
        return 0;
    if (in->claims && !in->on_duty)
        return err_set(e, ERR_DENIED,
                       "only who is assigned or on call for the incident may acknowledge it");
    return own_work_check(in, e);
}

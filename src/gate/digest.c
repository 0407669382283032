#include "gate/gate_priv.h"

/*
 * What an approval binds to. Fields are length-prefixed under a domain tag (crypto.h), so that two different lists never share
 * bytes; arguments and bound state enter as canonical JSON text, exactly as stored, and nothing is left out.
 */
void digest_action(const struct action_bytes *x, char out[SHA256_HEX])
{
    struct digest d;

    digest_begin(&d, "triaged.action.v1");
    digest_str(&d, x->verb);
    digest_str(&d, x->target);
    digest_str(&d, x->args);
    digest_str(&d, x->binds);
    digest_str(&d, x->identity);
    digest_str(&d, x->rule_hash);
    digest_end(&d, out);
}

/* The need is in it although the rule's hash covers it: the stored copy is what the decisions are counted against. */
void digest_proposal(const struct proposal_bytes *x, char out[SHA256_HEX])
{
    struct digest d;

    digest_begin(&d, "triaged.proposal.v1");
    digest_int(&d, x->id);
    digest_int(&d, x->revision);
    digest_str(&d, x->policy_rule);
    digest_str(&d, x->rule_hash);
    digest_str(&d, x->need);
    digest_int(&d, (int64_t)x->n_actions);
    for (size_t i = 0; i < x->n_actions; i++)
        digest_str(&d, x->actions[i]);
    digest_end(&d, out);
}

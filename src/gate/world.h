#ifndef TRIAGED_GATE_WORLD_H
#define TRIAGED_GATE_WORLD_H

#include <stdbool.h>

#include "config/config.h"
#include "net/net.h"
#include "pagerduty/pagerduty.h"
#include "rules/rules.h"

struct policy;
struct gate;
struct triage;
struct llm;
struct prompts;
struct redactor;
struct runbooks;
struct sources;

/*
 * What the steps of gate and triage work with: engine_pass.app points here. Engine thread only; a reload (SIGHUP) is a fact that
 * swaps cfg, rules and policy between two steps, so one step sees one set. http threads hold their own references.
 */
struct world {
    struct config *cfg;
    struct rules *rules;
    struct policy *policy;
    struct pd_client
        pd; /* without a token (pd.token NULL) nothing is called: receives and stores only */
    struct net_peer *pd_peer;
    struct prompts *prompts; /* reloaded with cfg, as are the next three */
    struct redactor *redactor;
    struct sources *sources;
    struct runbooks *runbooks;
    struct llm *llm;             /* statements of the model calls on the writing connection */
    struct net_peer *model_peer; /* NULL: no endpoint is configured */
    struct gate *gate;           /* statements and state of the gate on the writing connection */
    struct triage *triage;       /* the same of triage */
    bool store_sound;            /* quick_check has passed; until then the gate executes nothing */
};

#endif

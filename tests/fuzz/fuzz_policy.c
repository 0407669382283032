#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "gate/gate_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Any bytes as a policy file: an error with a line, or a policy that answers and explains itself the same way. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static json_t *facts;
    struct policy *p = NULL;
    struct policy_answer a;
    json_t *out = NULL, *explain = NULL;
    struct err e = {0};

    if (!facts) {
        crypto_init();
        facts = json_pack("{s:{s:s, s:s, s:i}, s:{s:s, s:s}, s:{s:[s]}}", "incident", "title",
                          "Disk full on db-1", "urgency", "high", "number", 7, "action", "verb",
                          "escalate", "risk", "medium", "people", "on_call", "PING1");
    }
    if (size > 65536 || policy_parse("policy.yaml", (const char *)data, size, &p, &e) < 0)
        return 0;
    policy_ask(p, facts, 1700000000000, &a);
    if (policy_try(p, facts, 1700000000000, &out, &explain, &e) < 0 ||
        !text_eq(json_opt_str(out, "rule"), a.rule) || !policy_has_rule(p, a.hash))
        abort();
    json_decref(out);
    json_decref(explain);
    policy_unref(p);
    return 0;
}

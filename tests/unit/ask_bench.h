#ifndef TRIAGED_TESTS_ASK_BENCH_H
#define TRIAGED_TESTS_ASK_BENCH_H

/* One question that was asked, and one good answer to it: for the unit tests and the fuzz target of replies. */
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "llm/prompt.h"
#include "triage/ask_priv.h"

#define BENCH_DOCUMENT                                                                             \
    "{\"fence\":\"00112233445566778899aabbccddeeff\",\"task\":\"triage\",\"incident\":{\"title\":" \
    "\"Checkout is slow\",\"urgency\":\"high\",\"priority\":\"P2\",\"status\":\"triggered\","      \
    "\"service\":\"Checkout\",\"created_at\":\"2026-09-14T02:11:07Z\",\"alerts\":3},"              \
    "\"evidence\":["                                                                               \
    "{\"id\":\"E1\",\"kind\":\"incident\",\"source\":\"rest\",\"at\":\"2026-09-14T02:11:07Z\","    \
    "\"data\":{\"number\":4217,\"title\":\"Checkout is slow\",\"urgency\":\"high\"}},"             \
    "{\"id\":\"E2\",\"kind\":\"alert\",\"source\":\"alert\",\"at\":\"2026-09-14T02:11:05Z\","      \
    "\"data\":{\"summary\":\"p99 latency 4.2s over 1.5 s on checkout-v2\",\"severity\":"           \
    "\"critical\",\"details\":{\"host\":\"web-3.example.com\",\"error_rate\":\"99.9%\","           \
    "\"owner\":\"[email:3fa2c1d09b]\",\"line\":\"one\\ttwo\\nthree four\"},\"value\":0.1}},"       \
    "{\"id\":\"E3\",\"kind\":\"change\",\"source\":\"change\",\"at\":\"2026-09-14T02:04:00Z\","    \
    "\"data\":{\"summary\":\"Deploy checkout v2.31.0: pool size 20 to 5\",\"source\":"             \
    "\"ci/deploy\",\"commit\":\"7f3c1e9\",\"at\":\"2026-09-14T02:04:00Z\"}},"                      \
    "{\"id\":\"E4\",\"kind\":\"note\",\"source\":\"note\",\"at\":\"2026-09-14T02:20:00Z\","        \
    "\"data\":{\"author\":\"Ana\",\"content\":\"rolled back on one host, no change; see "          \
    "runbook [web] and ID QWERTYUIOP\"}}],"                                                        \
    "\"not_checked\":[{\"what\":\"other sources\",\"why\":\"none is configured\"}],\"known\":"     \
    "{\"clears_by_itself\":{\"n\":3,\"of\":12},\"resolve_time\":null,\"times_seen\":12,"           \
    "\"window_days\":180},\"severities\":[\"P1\",\"P2\",\"P3\"],\"categories\":[\"latency\","      \
    "\"change\"],\"teams\":[\"Commerce\"],\"allowed_actions\":[{\"verb\":\"add_note\","            \
    "\"effect\":\"a note\"},{\"verb\":\"escalate\",\"effect\":\"pages level 2\"},{\"verb\":"       \
    "\"none\",\"effect\":\"nothing\"}],\"rules_say\":{\"severity\":null,\"category\":null,"        \
    "\"team\":null,\"urgency\":null}}"

#define BENCH_REPLY                                                                                 \
    "{\"impact\":{\"text\":\"Checkout answers slowly, p99 is 4.2s.\",\"evidence\":[{\"id\":"        \
    "\"E2\",\"quote\":\"p99 latency 4.2s over 1.5 s\"}]},\"causes\":[{\"text\":\"The deployment "   \
    "of v2.31.0 at 02:04 may have made the pool too small.\",\"for\":[{\"id\":\"E3\",\"quote\":"    \
    "\"pool size 20 to 5\"}],\"against\":[{\"id\":\"E4\",\"quote\":\"rolled back on one host, no "  \
    "change\"}],\"check\":\"Compare the pool size of v2.31.0 with the one before.\"}],"             \
    "\"changed\":[{\"text\":\"Checkout v2.31.0 was deployed.\",\"evidence\":[{\"id\":\"E3\","       \
    "\"quote\":\"Deploy checkout v2.31.0\"}]}],\"not_checked\":[\"metrics of the database\"],"      \
    "\"severity\":\"P2\",\"category\":\"latency\",\"team\":\"Commerce\",\"urgency\":\"high\","      \
    "\"actions\":[{\"verb\":\"add_note\",\"target\":\"incident\",\"why\":\"The page does not tell " \
    "of v2.31.0.\",\"evidence\":[{\"id\":\"E3\",\"quote\":\"pool size 20 to 5\"}]}],"               \
    "\"confidence\":\"medium\",\"injection_suspected\":false}"

static inline json_t *bench_parse(const char *text)
{
    json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

    CHECK(j);
    return j;
}

/* {document, schema}: what a check needs of asked. */
static inline json_t *bench_asked(void)
{
    struct prompts *p = NULL;
    json_t *document = bench_parse(BENCH_DOCUMENT), *schema;
    struct err e;

    CHECK(prompts_load(NULL, &p, &e) == 0);
    schema = ask_schema(prompts_get(p, "triage")->schema, document);
    prompts_unref(p);
    return json_pack("{s:o, s:o}", "document", document, "schema", schema);
}

#endif

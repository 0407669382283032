/* Whatever stands in a rule file: it is refused with a message, or judges a fixed incident without harm. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "rules/cond.h"
#include "rules/rules.h"

static const char FACTS[] =
    "{\"incident\":{\"id\":\"PT4KHLK\",\"number\":1234,\"title\":\"Disk full on db-3: /var/lib 97 %\",\"status\":\"triggered\","
    "\"urgency\":\"high\",\"service_id\":\"PF9KMXH\",\"service\":\"Orders \\u00c5rhus\",\"teams\":[\"DBA\",\"Core\"],\"age_s\":1200,"
    "\"created_at\":\"2026-09-14T01:51:07Z\",\"custom\":{\"region\":\"eu-west-1\",\"tier\":2}},"
    "\"alerts\":{\"count\":3,\"severity\":\"critical\",\"text\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa! no space left\","
    "\"details\":{\"labels.code\":\"503\",\"free\":1.5,\"nested\":{\"x\":[1,\"a\",null]}},\"first\":{\"source\":\"db-3\"}},"
    "\"service\":{\"name\":\"Orders\",\"dependencies\":[\"postgres\"],\"maintenance\":false},\"changes\":{\"last_hour\":2},"
    "\"history\":{\"times_seen\":12,\"self_cleared_share\":0.9},\"evidence\":{\"note\":1,\"not_checked\":[\"past\"]}}";

/* 2026-09-14T02:11:07Z */
#define NOW_WALL_MS INT64_C(1789351867000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static json_t *facts;
    struct rules_file file = {"10-fuzz.yaml", (const char *)data, size};
    struct rules *r = NULL;
    struct err e = {0};
    json_t *verdict = NULL, *plain = NULL, *explain = NULL;

    if (facts == NULL) {
        crypto_init();
        facts = json_loads(FACTS, JSON_REJECT_DUPLICATES, NULL);
        if (facts == NULL)
            abort();
    }
    if (rules_parse(&file, 1, &r, &e) < 0) {
        /* Every refusal names the place. */
        if (strstr(e.msg, "10-fuzz.yaml:") == NULL)
            abort();
        return 0;
    }
    if (rules_judge(r, facts, NOW_WALL_MS, &verdict, &explain, &e) < 0 ||
        rules_judge_plain(r, facts, NOW_WALL_MS, &plain, &e) < 0)
        abort();
    /* The index may save an alarm, never change what is decided. */
    if (json_array_size(json_object_get(verdict, "alarms")) == 0 &&
        json_array_size(json_object_get(plain, "alarms")) == 0 && !json_equal(verdict, plain))
        abort();
    json_decref(verdict);
    json_decref(plain);
    json_decref(explain);
    rules_unref(r);
    return 0;
}

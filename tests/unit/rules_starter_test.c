#include "rules_test.h"

/* The rules that are shipped, on incidents as they come: which match, and what comes of it. */
static const struct {
    const char *facts;
    const char *rules; /* that matched */
    const char *verbs; /* of the proposals */
    const char *allow;
} ROWS[] = {
    {"{\"incident\":{\"title\":\"Something new\",\"urgency\":\"high\",\"status\":\"acknowledged\",\"age_s\":9000}}",
     "[]", "", "[\"add_note\"]"},
    {"{\"incident\":{\"title\":\"Disk full\",\"urgency\":\"high\"},\"service\":{\"maintenance\":true}}",
     "[\"maintenance-window\"]", "", "[]"},
    {"{\"incident\":{\"title\":\"Disk full\"},\"service\":{\"status\":\"maintenance\"}}",
     "[\"maintenance-window\"]", "", "[]"},
    {"{\"incident\":{\"title\":\"Possible brute force on vpn-2\"}}", "[\"security-words\"]", "",
     "[\"add_note\",\"escalate\"]"},
    {"{\"incident\":{\"title\":\"FATAL: remaining connection slots are reserved\",\"service\":\"Orders\"}}",
     "[\"connection-pool-exhausted\"]", "add_note", "[\"add_note\",\"escalate\"]"},
    {"{\"incident\":{\"title\":\"Postgres: too many connections\"}}",
     "[\"connection-pool-exhausted\",\"database-words\"]", "add_note",
     "[\"add_note\",\"escalate\"]"},
    {"{\"incident\":{\"title\":\"Replication lag on db-2\"}}", "[\"replication-lag\"]", "",
     "[\"add_note\",\"escalate\"]"},
    {"{\"incident\":{\"title\":\"x\"},\"alerts\":{\"text\":\"Filesystem /var/lib is at 97%\"}}",
     "[\"disk-full-mount\"]", "add_note", "[\"add_note\",\"escalate\"]"},
    {"{\"incident\":{\"title\":\"Label Service disk is 91 % full\"}}", "[\"disk-full\"]", "",
     "[\"add_note\",\"escalate\"]"},
    {"{\"incident\":{\"title\":\"write: no space left on device\"}}", "[\"disk-full\"]", "",
     "[\"add_note\",\"escalate\"]"},
    {"{\"incident\":{\"title\":\"x509: certificate has expired\"}}", "[\"certificate-expired\"]",
     "", "[\"add_note\",\"escalate\"]"},
    {"{\"incident\":{\"title\":\"Certificate for api.example.org expires in 14 days\"}}",
     "[\"certificate-expires-soon\"]", "add_note", "[\"add_note\"]"},
    {"{\"incident\":{\"title\":\"5xx on checkout\",\"urgency\":\"high\"},\"changes\":{\"last_hour\":1,\"last_summary\":\"v12\"}}",
     "[\"errors-after-change\"]", "add_note escalate", "[\"add_note\",\"escalate\"]"},
    {"{\"incident\":{\"title\":\"5xx on checkout\",\"urgency\":\"high\"},\"changes\":{\"last_hour\":0}}",
     "[]", "", "[\"add_note\"]"},
    {"{\"incident\":{\"title\":\"5xx on checkout\",\"urgency\":\"high\"}}", "[]", "",
     "[\"add_note\"]"},
    {"{\"incident\":{\"title\":\"ping\"},\"history\":{\"times_seen\":40,\"self_cleared_share\":0.97,\"self_cleared_median_s\":120}}",
     "[\"resolved-by-itself-many-times\"]", "add_note", "[\"add_note\"]"},
    {"{\"incident\":{\"title\":\"ping\",\"priority\":\"P1\"},\"history\":{\"times_seen\":40,\"self_cleared_share\":0.97}}",
     "[]", "", "[\"add_note\"]"},
    {"{\"incident\":{\"title\":\"ping\",\"urgency\":\"low\"},\"history\":{\"times_seen\":6,\"self_cleared_share\":0.9,\"self_cleared_median_s\":600}}",
     "[\"noisy-monitor\",\"night-low-urgency\"]", "", "[\"add_note\"]"},
    {"{\"incident\":{\"title\":\"x\",\"urgency\":\"high\",\"status\":\"triggered\",\"age_s\":901,\"number\":5}}",
     "[\"high-urgency-unacknowledged\"]", "escalate", "[\"add_note\",\"escalate\"]"},
    {"{\"incident\":{\"title\":\"x\",\"urgency\":\"high\",\"status\":\"triggered\",\"age_s\":899}}",
     "[]", "", "[\"add_note\"]"},
    {"{\"incident\":{\"title\":\"x\",\"urgency\":\"high\",\"status\":\"triggered\",\"age_s\":901,\"snoozed\":true}}",
     "[]", "", "[\"add_note\"]"},
};

static struct rules *starter(void)
{
    struct rules *r = NULL;
    struct err e;

    if (rules_load(SOURCE_DIR "/rules", &r, &e) < 0)
        fail_msg("the starter set is refused: %s", e.msg);
    return r;
}

static void starter_rules_match_what_they_say(void **state)
{
    struct rules *r = starter();
    size_t i, k;

    (void)state;
    assert_true(rules_count(r) >= 12);
    for (i = 0; i < ARRAY_LEN(ROWS); i++) {
        json_t *v = verdict_of(r, ROWS[i].facts, MONDAY_0211);
        json_t *list = json_object_get(v, "proposals");
        char verbs[200] = "";

        for (k = 0; k < json_array_size(list); k++)
            snprintf(verbs + strlen(verbs), sizeof verbs - strlen(verbs), "%s%s", k ? " " : "",
                     json_string_value(json_object_get(json_array_get(list, k), "verb")));
        if (strcmp(verbs, ROWS[i].verbs) != 0)
            fail_msg("proposes \"%s\", expected \"%s\": %s", verbs, ROWS[i].verbs, ROWS[i].facts);
        verdict_has(v, "rules", ROWS[i].rules);
        verdict_has(v, "allow", ROWS[i].allow);
        verdict_has(v, "alarms", "[]");
        json_decref(v);
    }
    rules_unref(r);
}

static void templates_take_what_the_alert_says(void **state)
{
    struct rules *r = starter();
    json_t *v = verdict_of(
        r,
        "{\"alerts\":{\"text\":\"Filesystem /var/lib is at 97%\",\"first\":{\"source\":\"db-3\"}}}",
        0);

    (void)state;
    assert_string_equal(
        json_at_str(v, "proposals.0.args.note"),
        "Disk space: /var/lib at 97 % on db-3. Look for logs, cores and old images first.");
    json_decref(v);
    rules_unref(r);
}

/* Every rule that names a category says how severe it is, as a rank: the account's own words for it, or P1 to P5. */
static void severities_are_the_accounts_own_names(void **state)
{
    static const struct {
        const char *facts, *severity;
    } rows[] = {
        {"{\"incident\":{\"title\":\"Possible brute force on vpn-2\"}}", "\"P2\""},
        {"{\"incident\":{\"title\":\"Possible brute force on vpn-2\"},\"account\":{\"priorities\":[\"Blocker\",\"Major\",\"Minor\"]}}",
         "\"Major\""},
        {"{\"incident\":{\"title\":\"Disk full\"},\"service\":{\"maintenance\":true},\"account\":{\"priorities\":[\"Blocker\",\"Major\",\"Minor\"]}}",
         "\"Minor\""},
        {"{\"incident\":{\"title\":\"Disk full\"},\"account\":{\"priorities\":[]}}", "\"P3\""},
        {"{\"incident\":{\"title\":\"Disk full\"},\"account\":{\"priorities\":[1,2,3]}}", "\"P3\""},
        {"{\"incident\":{\"title\":\"Something new\"}}", "null"},
    };
    struct rules *r = starter();
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(rows); i++) {
        json_t *v = verdict_of(r, rows[i].facts, MONDAY_0211);

        verdict_has(v, "severity", rows[i].severity);
        json_decref(v);
    }
    for (i = 0; i < ARRAY_LEN(ROWS); i++) {
        json_t *v = verdict_of(r, ROWS[i].facts, MONDAY_0211);

        if (json_is_string(json_object_get(v, "category")) !=
            json_is_string(json_object_get(v, "severity")))
            fail_msg("a category without a severity, or the other way: %s", ROWS[i].facts);
        json_decref(v);
    }
    rules_unref(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(severities_are_the_accounts_own_names),
        cmocka_unit_test(starter_rules_match_what_they_say),
        cmocka_unit_test(templates_take_what_the_alert_says),
    };

    return cmocka_run_group_tests(tests, with_crypto, NULL);
}

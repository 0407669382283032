/* The way back for people: every placeholder that a question holds is known again from the same evidence, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "llm/prompt.h"
#include "triage/ask.h"

#define MAIL  "jana.kovac@parcels.example"
#define DSN   "postgres://orders:gn4rly-Pa55w0rd@db-3.internal:5432/orders"
#define PHONE "+49 30 901820"

static struct arena *arena;
static struct prompts *prompts;
static struct redactor *redactor;

static int setup(void **state)
{
    static const struct config_redaction none;
    static const uint8_t key[REDACT_KEY_BYTES] = {7};
    struct err e = {0};

    (void)state;
    crypto_init();
    arena = arena_new((size_t)64 << 20);
    return prompts_load(NULL, &prompts, &e) < 0 || redact_new(&none, key, &redactor, &e) < 0;
}

static int teardown(void **state)
{
    (void)state;
    prompts_unref(prompts);
    redact_free(redactor);
    arena_free(arena);
    return 0;
}

static void item(struct triage_items *it, const char *kind, json_t *body)
{
    assert_true(triage_items_add(it, kind, kind, body, 0));
    it->v[it->n - 1].num = (int64_t)it->n;
}

static void items_make(struct triage_items *it)
{
    triage_items_init(it, arena);
    item(it, EV_INCIDENT,
         json_pack("{s:s, s:s, s:s}", "id", "Q3K8VX1M7T2PLA", "status", "triggered", "title",
                   "Login of " MAIL " fails, see Q3K8VX1M7T2PLA"));
    item(it, EV_ALERT,
         json_pack("{s:s, s:s}", "summary", "cannot reach " DSN, "details",
                   "password: hunter2-hunter2\nhost: web-3\nowner: " MAIL));
    item(it, EV_NOTE, json_pack("{s:s}", "content", "call " PHONE " (Q3K8VX1M7T2PLA), or " MAIL));
    triage_items_not_checked(it, EV_LOG, "log", "no answer for ola.berg@parcels.example");
}

static char *asked_text(const struct triage_items *it)
{
    static const struct config_send all = {.service_id = "", .model = true};
    AUTO(json_freep) json_t *verdict = json_object();
    AUTO(json_freep) json_t *empty = json_array();
    const struct ask_in in = {.items = it,
                              .verdict = verdict,
                              .known = verdict,
                              .choices = {empty, empty, empty, empty},
                              .send = &all,
                              .redactor = redactor,
                              .prompt = prompts_get(prompts, "triage"),
                              .fence = "00112233445566778899aabbccddeeff",
                              .room_bytes = 32768};
    struct ask_made m;
    struct err e = {0};

    if (ask_make(arena, &in, &m, &e) < 0)
        fail_msg("%s", e.msg);
    json_decref(m.asked);
    return mem_strdup(m.user);
}

static char *for_people(const char *text, const json_t *pairs)
{
    AUTO(json_freep)
    json_t *report = json_pack("{s:s, s:[{s:s}]}", "text", text, "for", "quote", text);
    AUTO(json_freep) json_t *out = report_for_people(report, pairs);

    assert_string_equal(json_at_str(out, "for.0.quote"), json_at_str(out, "text"));
    return mem_strdup(json_at_str(out, "text"));
}

static void every_placeholder_of_a_question_is_known_again(void **state)
{
    static const char *const values[] = {MAIL, "gn4rly-Pa55w0rd", "hunter2-hunter2", PHONE,
                                         "ola.berg@parcels.example"};
    AUTO(triage_items_done) struct triage_items it = {0};
    AUTO(mem_freep) char *asked = NULL;
    AUTO(mem_freep) char *back = NULL;
    AUTO(json_freep) json_t *pairs = json_object();
    const char *name;
    json_t *value;
    size_t used = 0;

    (void)state;
    items_make(&it);
    asked = asked_text(&it);
    ask_pairs(&it, redactor, pairs);
    json_object_foreach (pairs, name, value)
        used += strstr(asked, name) != NULL;
    assert_true(used >= 5);
    back = for_people(asked, pairs);
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        if (strstr(asked, values[i]))
            fail_msg("%s leaves", values[i]);
        if (!strstr(back, values[i]))
            fail_msg("%s is not known again", values[i]);
    }
    assert_null(strstr(back, "[email:"));
    assert_null(strstr(back, "[password:"));
}

static void only_what_the_evidence_holds_is_put_back(void **state)
{
    AUTO(triage_items_done) struct triage_items it = {0};
    AUTO(json_freep) json_t *pairs = json_object();
    AUTO(json_freep) json_t *plain = json_pack("{s:s, s:i}", "text", "a [link] here", "n", 3);
    AUTO(json_freep) json_t *marked = json_pack("{s:[s]}", "x", "[email:0123456789]");
    AUTO(mem_freep) char *back = NULL;

    (void)state;
    items_make(&it);
    ask_pairs(&it, redactor, pairs);
    back = for_people("[email:0123456789] [link] [nothing:", pairs);
    assert_string_equal(back, "[email:0123456789] [link] [nothing:");
    assert_false(report_has_placeholders(plain));
    assert_false(report_has_placeholders(NULL));
    assert_true(report_has_placeholders(marked));
}

/* A private key in the middle of a sentence helps nobody. */
static void what_is_too_long_stays_out(void **state)
{
    AUTO(triage_items_done) struct triage_items it = {0};
    AUTO(json_freep) json_t *pairs = json_object();
    char key[REPORT_VALUE_MAX_BYTES + 400];
    const char *name;
    json_t *value;

    (void)state;
    memset(key, 'A', sizeof(key));
    memcpy(key, "-----BEGIN PRIVATE KEY-----\n", 28);
    snprintf(key + sizeof(key) - 30, 30, "\n-----END PRIVATE KEY-----\n");
    items_make(&it);
    item(&it, EV_NOTE, json_pack("{s:s}", "content", key));
    ask_pairs(&it, redactor, pairs);
    assert_true(json_object_size(pairs) >= 5);
    json_object_foreach (pairs, name, value) {
        assert_true(json_string_length(value) <= REPORT_VALUE_MAX_BYTES);
        assert_null(strstr(name, "private_key"));
    }
}

/* http's threads keep the snapshot that they began with while a reload takes it away from the engine. */
static void a_redactor_lives_as_long_as_somebody_holds_it(void **state)
{
    static const struct config_redaction none;
    static const uint8_t key[REDACT_KEY_BYTES] = {9};
    AUTO(buf_done) struct buf b;
    struct redactor *r = NULL, *held;
    struct err e = {0};

    (void)state;
    assert_int_equal(redact_new(&none, key, &r, &e), 0);
    held = redact_ref(r);
    redact_free(r);
    buf_init(&b, 1000);
    redact_text(held, MAIL, strlen(MAIL), &b, NULL);
    assert_null(strstr(buf_str(&b), MAIL));
    redact_free(held);
    assert_null(redact_ref(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_placeholder_of_a_question_is_known_again),
        cmocka_unit_test(only_what_the_evidence_holds_is_put_back),
        cmocka_unit_test(what_is_too_long_stays_out),
        cmocka_unit_test(a_redactor_lives_as_long_as_somebody_holds_it),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

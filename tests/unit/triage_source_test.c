/* The step `source`: what is asked when, what becomes of answers and of silence, and that the rules never wait for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sources/runbooks.h"
#include "sources/sources.h"
#include "triage_test.h"

#define MINUTE INT64_C(60000)

#define INCIDENT_BODY(status)                                                                     \
    "{\"incident\":{\"id\":\"" INCIDENT "\",\"type\":\"incident\",\"incident_number\":4187,"      \
    "\"title\":\"Checkout is slow\",\"status\":\"" status                                         \
    "\",\"urgency\":\"high\",\"created_at\":\"2026-09-14T02:11:07Z\",\"service\":{\"id\":"        \
    "\"PCHKOUT\",\"type\":\"service_reference\",\"summary\":\"Checkout API\"},\"alert_counts\":{" \
    "\"all\":1,\"triggered\":1,\"resolved\":0}}}"
#define ALERT(n)                                                                              \
    "{\"id\":\"A" n "\",\"status\":\"triggered\",\"severity\":\"error\",\"summary\":\"alert " \
    "" n "\",\"created_at\":\"2026-09-14T02:11:07Z\",\"body\":{\"details\":{\"runbook_url\":" \
    "\"https://wiki.example/" n "\",\"dashboard\":\"ftp://x/y\"}}}"

static const char one_alert[] = "{\"alerts\":[" ALERT("1") "],\"more\":false}";
static const char two_alerts[] = "{\"alerts\":[" ALERT("1") "," ALERT("2") "],\"more\":false}";

static struct canned answers[] = {
    {"https://a.example/", 0, 200, "{\"data\":[{\"x\":\"first line\"},{\"x\":\"second\"}]}"},
    {"https://b.example/", 0, 200, "{\"data\":[]}"},
    {"/incidents/" INCIDENT "/alerts", 0, 200, one_alert},
    {"/incidents/" INCIDENT "?", 0, 200, INCIDENT_BODY("triggered")},
    /* Everything else that is asked about the incident is answered, so that nothing is asked for a second time. */
    {"/log_entries", 0, 200, "{\"log_entries\":[],\"more\":false}"},
    {"/incidents/" INCIDENT "/notes", 0, 200, "{\"notes\":[]}"},
    {"/related_change_events", 0, 200, "{\"change_events\":[]}"},
    {"_incident", 0, 402, "{}"},
    {NULL, 0, 0, NULL},
};

static const char ROWS[] =
    "hosts: [{name: a, base_url: 'https://a.example'}, {name: b, base_url: 'https://b.example'}]\n"
    "sources:\n"
    "  - {name: one, host: a, title: One, url: '/q?s={service.id}', extract: {json: 'data[*]', line: '{x}'}}\n"
    "  - {name: none, host: b, url: /q, extract: {json: 'data[*]', line: '{x}'}}\n"
    "  - {name: lost, host: b, url: '/{alerts.details.nowhere}', extract: {json: a, line: x}}\n"
    "  - {name: other, host: b, url: /other, when: {service.name: Other}, extract: {json: a, line: x}}\n";

static int setup(void **state)
{
    (void)bench_setup(state);
    OK(sources_parse("sources.yaml", ROWS, sizeof ROWS - 1, &bench.world.sources, e));
    answers[0].code = 0;
    answers[0].status = 200;
    answers[0].body = "{\"data\":[{\"x\":\"first line\"},{\"x\":\"second\"}]}";
    answers[2].body = one_alert;
    answers[3].body = INCIDENT_BODY("triggered");
    bench.answers[1] = answers;
    bench.answers[0] = answers;
    return 0;
}

static int teardown(void **state)
{
    sources_unref(bench.world.sources);
    runbooks_unref(bench.world.runbooks);
    return bench_teardown(state);
}

static size_t asked(const char *part)
{
    size_t n = 0;

    for (size_t i = 0; i < bench.n_asked; i++)
        n += strstr(bench.asked[i], part) != NULL;
    return n;
}

static void seen(void)
{
    assert_int_equal(bench_webhook("incident.triggered"), INTAKE_NEW);
    (void)bench_drain();
}

static void enriched_again(void)
{
    OK(store_tx_begin(bench.store, e));
    OK(queue_add(bench.queue, "enrich", INCIDENT, PRIO_FRESH, bench.now, bench.now, e));
    OK(store_tx_commit(bench.store, e));
    (void)bench_drain();
}

/* Why the source of that name was not checked; NULL when nothing says so. */
static const char *missed(const json_t *shown, const char *name)
{
    const json_t *list = json_opt_arr(shown, "not_checked");

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *x = json_array_get(list, i);

        if (text_eq(json_opt_str(x, "kind"), EV_SOURCE) && text_eq(json_opt_str(x, "source"), name))
            return json_opt_str(x, "why");
    }
    return NULL;
}

static size_t evidence_of(const json_t *shown, const char *kind)
{
    const json_t *list = json_opt_arr(shown, "evidence");
    size_t n = 0;

    for (size_t i = 0; i < json_array_size(list); i++)
        n += text_eq(json_opt_str(json_array_get(list, i), "kind"), kind);
    return n;
}

static void answers_become_known_with_their_evidence(void **state)
{
    (void)state;
    seen();
    AUTO(json_freep) json_t *shown = bench_show(INCIDENT);
    const json_t *known = json_opt_obj(shown, "known");

    assert_int_equal(asked("https://a.example/q?s=PCHKOUT"), 1);
    assert_int_equal(asked("https://b.example/q"), 1);
    assert_int_equal(asked("other"), 0);
    assert_int_equal(json_array_size(json_opt_arr(known, "sources")), 2);
    assert_string_equal(json_at_str(known, "sources.0.name"), "none");
    assert_int_equal(json_array_size(json_at(known, "sources.0.lines")), 0);
    assert_string_equal(json_at_str(known, "sources.1.title"), "One");
    assert_string_equal(json_at_str(known, "sources.1.lines.0"), "first line");
    assert_string_equal(json_at_str(known, "sources.1.from"), "2026-09-14T01:41:07Z");
    assert_int_equal(json_array_size(json_at(known, "evidence.sources")), 2);
    assert_string_equal(missed(shown, "lost"), "not asked: {alerts.details.nowhere} is not known");
    assert_null(missed(shown, "one"));
}

/* At most every five minutes, and only when alerts came. */
static void asks_again_when_alerts_came_and_not_within_five_minutes(void **state)
{
    (void)state;
    seen();
    enriched_again();
    bench.now += 10 * MINUTE;
    enriched_again();
    assert_int_equal(asked("https://a.example/"), 1);
    answers[2].body = two_alerts;
    enriched_again();
    assert_int_equal(asked("https://a.example/"), 2);
    answers[2].body = "{\"alerts\":[" ALERT("1") "," ALERT("2") "," ALERT("3") "],\"more\":false}";
    bench.now += MINUTE;
    enriched_again();
    assert_int_equal(asked("https://a.example/"), 2); /* too early: it has its time */
    bench.now += 4 * MINUTE;
    (void)bench_drain();
    assert_int_equal(asked("https://a.example/"), 3);
}

static void the_same_lines_are_the_same_evidence(void **state)
{
    (void)state;
    seen();
    AUTO(json_freep) json_t *before = bench_show(INCIDENT);
    answers[2].body = two_alerts;
    bench.now += 10 * MINUTE;
    enriched_again();
    assert_int_equal(asked("https://a.example/"), 2);
    AUTO(json_freep) json_t *same = bench_show(INCIDENT);
    assert_int_equal(evidence_of(same, EV_SOURCE), evidence_of(before, EV_SOURCE));
    answers[2].body = one_alert;
    answers[0].body = "{\"data\":[{\"x\":\"another\"}]}";
    answers[2].body = "{\"alerts\":[" ALERT("1") "," ALERT("2") "," ALERT("3") "],\"more\":false}";
    bench.now += 10 * MINUTE;
    enriched_again();
    AUTO(json_freep) json_t *other = bench_show(INCIDENT);
    assert_int_equal(evidence_of(other, EV_SOURCE), evidence_of(before, EV_SOURCE) + 1);
}

static const struct {
    int code, status;
    const char *body, *why;
} silent[] = {
    {ERR_UNSURE, 0, "timed out waiting for the answer",
     "no answer: timed out waiting for the answer"},
    {ERR_DENIED, 0, "a resolves to a loopback address, which is not allowed",
     "no answer: a resolves to a loopback address, which is not allowed"},
    {ERR_INPUT, 0, "answer is over 1048576 bytes", "no answer: answer is over 1048576 bytes"},
    {0, 503, "x", "answered 503"},
    {0, 302, "", "answered 302: redirects are not followed"},
    {0, 200, "<html>", "the answer could not be read: the answer: "},
    {0, 200, NULL, "the answer could not be read: the answer: "},
};

/* No answer is not "nothing found": it is named, and tried again in five minutes. */
static void silence_is_named_and_tried_again(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(silent); i++) {
        if (i > 0) {
            (void)teardown(state);
            (void)setup(state);
        }
        answers[0].code = silent[i].code;
        answers[0].status = silent[i].status;
        answers[0].body = silent[i].body;
        seen();
        AUTO(json_freep) json_t *shown = bench_show(INCIDENT);

        if (!missed(shown, "one") || !text_starts(missed(shown, "one"), silent[i].why))
            fail_msg("row %zu says %s", i, missed(shown, "one"));
        assert_int_equal(json_array_size(json_at(shown, "known.sources")), 1);
        bench.now += 4 * MINUTE;
        (void)bench_drain();
        assert_int_equal(asked("https://a.example/"), 1);
        bench.now += 2 * MINUTE;
        (void)bench_drain();
        assert_int_equal(asked("https://a.example/"), 2);
        assert_int_equal(asked("https://b.example/q"), 1); /* what answered is left alone */
    }
}

/* What a source said before stays when it falls silent, and that it did is told beside it. */
static void what_was_said_stays_beside_a_later_silence(void **state)
{
    (void)state;
    seen();
    answers[0].code = ERR_UNSURE;
    answers[0].body = "timed out";
    answers[2].body = two_alerts;
    bench.now += 10 * MINUTE;
    enriched_again();
    AUTO(json_freep) json_t *shown = bench_show(INCIDENT);
    assert_string_equal(json_at_str(shown, "known.sources.1.lines.0"), "first line");
    assert_string_equal(missed(shown, "one"), "no answer: timed out");
}

static void a_resolved_incident_is_not_asked_about(void **state)
{
    (void)state;
    answers[3].body = INCIDENT_BODY("resolved");
    seen();
    AUTO(json_freep) json_t *shown = bench_show(INCIDENT);
    assert_int_equal(asked("https://a.example/"), 0);
    assert_string_equal(missed(shown, "one"), "not asked: the incident was over by then");
}

/* Not configured is no gap: nothing is named as not checked. */
static void without_sources_nothing_is_asked_or_said(void **state)
{
    (void)state;
    sources_unrefp(&bench.world.sources);
    seen();
    AUTO(json_freep) json_t *shown = bench_show(INCIDENT);
    assert_int_equal(asked(".example/"), 0);
    assert_int_equal(evidence_of(shown, EV_SOURCE), 0);
    assert_int_equal(json_array_size(json_at(shown, "known.sources")), 0);
    assert_true(json_is_array(json_at(shown, "known.sources")));
}

/* Links of alerts: http and https, each once, and never asked. */
static void links_are_shown_and_never_asked(void **state)
{
    (void)state;
    answers[2].body = two_alerts;
    seen();
    AUTO(json_freep) json_t *shown = bench_show(INCIDENT);
    const json_t *links = json_at(shown, "known.runbook_links");

    assert_int_equal(json_array_size(links), 2);
    assert_string_equal(json_at_str(links, "0.url"), "https://wiki.example/1");
    assert_string_equal(json_at_str(links, "0.text"), "runbook");
    assert_int_equal(asked("wiki.example"), 0);
}

/* The last line that the gate heard of that kind, before line `upto`. */
static const char *last_said(const char *kind, size_t upto)
{
    for (size_t i = upto; i-- > 0;)
        if (text_starts(bench.gate[i], kind))
            return bench.gate[i];
    return NULL;
}

/*
 * Numbers in lines move with each look, a source comes and goes: that is evidence, and people see it. What waits for their approval and the
 * note at PagerDuty stay as they were, to the letter: the gate keeps a proposal that it hears again and writes no note that did not change.
 */
static void answers_that_move_change_no_proposal_and_no_note(void **state)
{
    static const struct {
        int status;
        const char *body;
    } moves[] = {{200, "{\"data\":[{\"x\":\"p99 812 ms\"}]}"},
                 {503, "x"},
                 {200, "{\"data\":[{\"x\":\"p99 913 ms\"}]}"},
                 {500, "y"},
                 {200, "{\"data\":[]}"}};
    char alerts[2048], proposed[1024], note[1024];
    size_t heard;

    (void)state;
    bench_rules("rules:\n  - name: any\n    when: {incident.title: {contains: [slow]}}\n"
                "    then: {allow: [add_note], propose: [{verb: add_note, note: look, why: w}]}\n");
    bench.cfg.triage.triage_note = true;
    seen();
    (void)snprintf(proposed, sizeof proposed, "%s", last_said("propose ", bench.n_gate));
    (void)snprintf(note, sizeof note, "%s", last_said("note ", bench.n_gate));
    heard = bench.n_gate;
    (void)snprintf(alerts, sizeof alerts, "%s", "{\"alerts\":[" ALERT("1"));
    for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
        size_t before = asked("https://a.example/");

        answers[0].status = moves[i].status;
        answers[0].body = moves[i].body;
        alerts[strlen(alerts) - (i > 0 ? strlen("],\"more\":false}") : 0)] = '\0';
        (void)snprintf(alerts + strlen(alerts), sizeof alerts - strlen(alerts),
                       "," ALERT("1") "],\"more\":false}");
        answers[2].body = alerts;
        bench.now += 10 * MINUTE;
        enriched_again();
        assert_true(asked("https://a.example/") > before);
    }
    AUTO(json_freep) json_t *shown = bench_show(INCIDENT);
    assert_true(evidence_of(shown, EV_SOURCE) >= 5); /* they did move */
    assert_true(bench.n_gate > heard);
    for (size_t i = heard; i < bench.n_gate; i++) {
        if (text_starts(bench.gate[i], "propose "))
            assert_string_equal(bench.gate[i], proposed);
        if (text_starts(bench.gate[i], "note "))
            assert_string_equal(bench.gate[i], note);
        if (text_starts(bench.gate[i], "supersede "))
            assert_string_equal(bench.gate[i], last_said("supersede ", heard));
    }
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(answers_become_known_with_their_evidence),
        CASE(asks_again_when_alerts_came_and_not_within_five_minutes),
        CASE(the_same_lines_are_the_same_evidence),
        CASE(silence_is_named_and_tried_again),
        CASE(what_was_said_stays_beside_a_later_silence),
        CASE(a_resolved_incident_is_not_asked_about),
        CASE(without_sources_nothing_is_asked_or_said),
        CASE(links_are_shown_and_never_asked),
        CASE(answers_that_move_change_no_proposal_and_no_note),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Runbooks: what is read of a file, where its sections stand, and which of them fit. */
#include "sources/runbooks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "rules/rules.h"
#include "sources/runbooks_priv.h"

#define NOW INT64_C(1789352000000) /* 2026-09-14 */

struct folder {
    char dir[64];
    char names[16][64];
    size_t n;
};

static int setup(void **state)
{
    struct folder *f = mem_alloc(sizeof *f);

    crypto_init();
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/triaged-unit.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    *state = f;
    return 0;
}

static void empty(struct folder *f)
{
    char path[160];

    while (f->n > 0) {
        (void)snprintf(path, sizeof path, "%s/%s", f->dir, f->names[--f->n]);
        (void)unlink(path);
    }
}

static int teardown(void **state)
{
    struct folder *f = *state;

    empty(f);
    (void)rmdir(f->dir);
    free(f);
    return 0;
}

static void put(struct folder *f, const char *name, const char *text)
{
    char path[160];
    struct err e = {0};

    (void)snprintf(path, sizeof path, "%s/%s", f->dir, name);
    if (file_write_atomic(path, text, strlen(text), 0644, &e) < 0)
        fail_msg("%s", e.msg);
    (void)snprintf(f->names[f->n++], sizeof f->names[0], "%s", name);
}

static struct runbooks *load(struct folder *f)
{
    struct runbooks *r = NULL;
    struct err e = {0};

    if (runbooks_load(f->dir, &r, &e) < 0)
        fail_msg("%s", e.msg);
    return r;
}

static json_t *match(const struct runbooks *r, const char *facts, const char *rules, size_t max)
{
    AUTO(json_freep) json_t *f = json_loads(facts, 0, NULL);
    AUTO(json_freep) json_t *names = json_loads(rules, 0, NULL);

    assert_non_null(f);
    assert_non_null(names);
    return runbooks_match(r, f, names, NOW, max);
}

static const char POOL[] = "---\n"
                           "title: Pool\n"
                           "services: [PSPARDB, \"Parcel Database\"]\n"
                           "symptoms: [\"connection pool\", Überlast]\n"
                           "rules: [database-pool]\n"
                           "owner: Storage\n"
                           "reviewed: 2025-08-01\n"
                           "---\n"
                           "# Pool\n"
                           "\n"
                           "First words.\n"
                           "\n"
                           "## Diagnosis (5 min)\n"
                           "1. Count *connections* with `SELECT 1`.\n"
                           "   - within (3 min)\n"
                           "2. Look.\n"
                           "\n"
                           "## How to fix it\n"
                           "- Restart it (2 min)\n"
                           "- Wait (1 h)\n"
                           "\n"
                           "## Verify\n"
                           "Text only.\n"
                           "\n"
                           "## Whom to contact\n"
                           "* Storage on-call\n"
                           "\n"
                           "## Empty\n";

/* S3-35, S3-36: parts, steps and minutes come from headings and lists, and every section knows its lines. */
static void sections_have_parts_steps_minutes_and_lines(void **state)
{
    static const struct {
        const char *heading, *part;
        int from, to, minutes;
        size_t steps;
    } want[] = {
        {"Pool", "other", 9, 11, -1, 0},
        {"Diagnosis (5 min)", "diagnosis", 13, 16, 5, 3},
        {"How to fix it", "mitigation", 18, 20, 62, 2},
        {"Verify", "verification", 22, 23, -1, 0},
        {"Whom to contact", "escalation", 25, 26, -1, 1},
    };
    struct folder *f = *state;
    AUTO(runbooks_unrefp) struct runbooks *r = NULL;
    AUTO(json_freep) json_t *m = NULL;
    const json_t *b, *list;

    put(f, "pool.md", POOL);
    r = load(f);
    m = match(r, "{\"service\":{\"id\":\"PSPARDB\"},\"incident\":{}}", "[]", 3);
    assert_int_equal(json_array_size(m), 1);
    b = json_array_get(m, 0);
    assert_string_equal(json_opt_str(b, "title"), "Pool");
    assert_string_equal(json_opt_str(b, "owner"), "Storage");
    assert_string_equal(json_opt_str(b, "summary"), "First words.");
    assert_non_null(strstr(json_opt_str(b, "path"), "/pool.md"));
    assert_true(json_opt_bool(b, "stale", false));
    assert_int_equal(json_opt_int(b, "minutes", -1), 67);
    list = json_opt_arr(b, "sections");
    assert_int_equal(json_array_size(list), ARRAY_LEN(want));
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        const json_t *s = json_array_get(list, i);

        assert_string_equal(json_opt_str(s, "heading"), want[i].heading);
        assert_string_equal(json_opt_str(s, "part"), want[i].part);
        assert_int_equal(json_opt_int(s, "line_from", 0), want[i].from);
        assert_int_equal(json_opt_int(s, "line_to", 0), want[i].to);
        assert_int_equal(json_opt_int(s, "minutes", -1), want[i].minutes);
        assert_int_equal(json_array_size(json_opt_arr(s, "steps")), want[i].steps);
    }
    assert_string_equal(json_at_str(list, "1.steps.0"), "Count connections with SELECT 1.");
    assert_string_equal(json_at_str(list, "1.steps.1"), "within (3 min)");
    assert_string_equal(json_at_str(list, "3.text"), "Text only.");
}

static const char BY_SYMPTOM[] =
    "---\ntitle: Symptom\nsymptoms: [oom, \"out of memory\"]\n---\n# x\ntext\n";
static const char BY_RULE[] = "---\ntitle: Rule\nrules: [security]\n---\n# x\ntext\n";
static const char BY_SERVICE[] =
    "---\ntitle: Service\nservices: [\"parcel database\"]\n---\n# x\ntext\n";

static const struct {
    const char *facts, *rules, *titles;
} fits[] = {
    /* one whose services are named and do not hold this one never matches */
    {"{\"service\":{\"name\":\"Other\"},\"incident\":{\"title\":\"Connection pool is empty\"}}",
     "[\"database-pool\"]", ""},
    {"{\"service\":{\"name\":\"PARCEL DATABASE\"},\"incident\":{\"title\":\"Connection POOL is empty\"}}",
     "[]", "Pool,Service"},
    {"{\"service\":{\"name\":\"Parcel Database\"},\"incident\":{\"title\":\"oom\"}}",
     "[\"security\"]", "Rule,Symptom,Service,Pool"},
    {"{\"service\":{\"name\":\"Parcel Database\"},\"incident\":{\"title\":\"x\"},\"alerts\":{\"text\":\"die ÜBERLAST\"}}",
     "[]", "Pool,Service"},
    /* words, not letters */
    {"{\"service\":{\"name\":\"A\"},\"incident\":{\"title\":\"the meeting room\"}}", "[]", ""},
    {"{\"service\":{\"name\":\"A\"},\"incident\":{\"title\":\"pod: OOM-killed\"}}", "[]",
     "Symptom"},
    {"{\"service\":{\"name\":\"A\"},\"incident\":{},\"alerts\":{\"text\":\"went out of memory\"}}",
     "[]", "Symptom"},
    {"{}", "[]", ""},
};

static void those_that_fit_come_in_their_order(void **state)
{
    struct folder *f = *state;
    AUTO(runbooks_unrefp) struct runbooks *r = NULL;
    unsigned wrong = 0;

    empty(f);
    put(f, "a-service.md", BY_SERVICE);
    put(f, "b-symptom.md", BY_SYMPTOM);
    put(f, "c-rule.md", BY_RULE);
    put(f, "pool.md", POOL);
    r = load(f);
    assert_int_equal(runbooks_count(r), 4);
    for (size_t i = 0; i < ARRAY_LEN(fits); i++) {
        AUTO(json_freep) json_t *m = match(r, fits[i].facts, fits[i].rules, 9);
        AUTO(buf_done) struct buf b = {0};
        size_t k;
        json_t *x;

        buf_init(&b, 4096);
        json_array_foreach (m, k, x)
            buf_printf(&b, "%s%s", k > 0 ? "," : "", json_opt_str(x, "title"));
        if (strcmp(buf_str(&b), fits[i].titles) == 0)
            continue;
        print_error("%s %s gives %s, not %s\n", fits[i].facts, fits[i].rules, buf_str(&b),
                    fits[i].titles);
        wrong++;
    }
    assert_int_equal(wrong, 0);
    AUTO(json_freep) json_t *two = match(r, fits[2].facts, fits[2].rules, 2);
    assert_int_equal(json_array_size(two), 2);
    assert_string_equal(json_at_str(two, "0.matched_by.0"), "rule: security");
    assert_string_equal(json_at_str(two, "1.matched_by.0"), "symptom: oom");
}

static const struct {
    const char *text, *says;
} bad[] = {
    {"---\ntitle: a\n", "bad.md:1: the front matter has no closing ---"},
    {"---\ntitle: a\n---\n", "names no services, symptoms or rules"},
    {"---\nservices: [a]\nservice: b\n---\n", "bad.md:3: service: unknown key 'service'"},
    {"---\nservices: a\n---\n", "bad.md:2: "},
    {"---\nservices: [a]\nreviewed: soon\n---\n", "bad.md:3: "},
    {"---\nservices: [a]\nreviewed: 2026-13-01\n---\n", "bad.md:3: reviewed is no date"},
    {"---\nservices: [a\n---\n", "bad.md:"},
};

static void a_broken_file_is_an_error_with_its_line(void **state)
{
    struct folder *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct runbooks *r = NULL;
        struct err e = {0};

        empty(f);
        put(f, "bad.md", bad[i].text);
        assert_int_equal(runbooks_load(f->dir, &r, &e), ERR_INPUT);
        if (!strstr(e.msg, bad[i].says))
            fail_msg("'%s' says '%s', not '%s'", bad[i].text, e.msg, bad[i].says);
    }
}

static void what_is_no_runbook_is_passed_by(void **state)
{
    struct folder *f = *state;
    struct runbooks *r = NULL;
    struct err e = {0};

    empty(f);
    put(f, "README.md", "# About this folder\n");
    put(f, "notes.txt", "---\nbroken");
    put(f, "empty.md", "");
    r = load(f);
    assert_int_equal(runbooks_count(r), 0);
    runbooks_unrefp(&r);
    assert_int_equal(runbooks_load("/nonexistent/runbooks", &r, &e), 0);
    assert_int_equal(runbooks_count(r), 0);
    runbooks_unrefp(&r);
}

/* Deep nesting, links, pictures and HTML: text only, safe to show, bounded. */
static void markdown_from_anywhere_is_bounded(void **state)
{
    AUTO(buf_done) struct buf b = {0};
    AUTO(json_freep) json_t *s = NULL;

    (void)state;
    buf_init(&b, (size_t)1 << 20);
    for (int i = 0; i < 5000; i++)
        buf_puts(&b, "> ");
    buf_puts(&b, "deep\n\n");
    for (int i = 0; i < 2000; i++)
        buf_printf(&b, "%*s- item %d\n", i % 200, "", i);
    buf_puts(&b,
             "\n# A\n<script>alert(1)</script> ![p](http://x/y.png) [t](javascript:x) \x1b[31m\n");
    s = runbook_sections(buf_str(&b), b.len, 0);
    AUTO(mem_freep) char *all = json_canon(s, &(size_t){0});
    assert_in_range(json_array_size(s), 1, RUNBOOK_SECTIONS_MAX);
    assert_true(strlen(all) < 20000);
    assert_null(strstr(all, "<script>"));
    assert_null(strstr(all, "javascript:"));
    assert_null(strstr(all, "\\u001b"));
}

/* The starters fit the starter rules: each names rules that exist, has every part, and tells how long it takes. */
static void the_shipped_runbooks_name_rules_that_exist(void **state)
{
    static const char *const parts[] = {"diagnosis", "mitigation", "verification", "escalation"};
    AUTO(runbooks_unrefp) struct runbooks *r = NULL;
    struct rules *rules = NULL;
    struct err e = {0};

    (void)state;
    if (runbooks_load(SOURCE_DIR "/runbooks", &r, &e) < 0 ||
        rules_load(SOURCE_DIR "/rules", &rules, &e) < 0)
        fail_msg("%s", e.msg);
    assert_in_range(runbooks_count(r), 3, 20);
    for (size_t i = 0; i < r->n; i++) {
        for (size_t k = 0; k < json_array_size(r->v[i].rules); k++) {
            const char *name = json_string_value(json_array_get(r->v[i].rules, k));
            size_t n = 0;

            while (n < rules_count(rules) && !text_eq(rules_name(rules, n), name))
                n++;
            if (n == rules_count(rules))
                fail_msg("%s names the rule %s, which does not exist", r->v[i].path, name);
        }
        for (size_t k = 0; k < ARRAY_LEN(parts); k++) {
            size_t n = 0;

            while (n < json_array_size(r->v[i].sections) &&
                   !text_eq(json_opt_str(json_array_get(r->v[i].sections, n), "part"), parts[k]))
                n++;
            if (n == json_array_size(r->v[i].sections))
                fail_msg("%s has no section for %s", r->v[i].path, parts[k]);
        }
        assert_in_range(r->v[i].minutes, 5, 120);
    }
    rules_unref(rules);
}

/* A file may be called anything; what is cited of it is text. */
static void a_file_with_an_odd_name_is_shown_all_the_same(void **state)
{
    static const char *const names[] = {"\xff\xfe.md", "\xe2\x80\xae"
                                                       "dm.md"};
    struct folder *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        put(f, names[i], POOL);
        AUTO(runbooks_unrefp) struct runbooks *r = load(f);
        AUTO(json_freep) json_t *list = runbooks_json(r);
        AUTO(json_freep)
        json_t *got = match(r,
                            "{\"incident\":{\"title\":\"connection pool exhausted\"},"
                            "\"service\":{\"id\":\"PSPARDB\"}}",
                            "[]", 3);

        assert_int_equal(json_array_size(list), 1);
        assert_int_equal(json_array_size(got), 1);
        assert_null(strstr(json_opt_str(json_array_get(got, 0), "path"), "\xe2\x80\xae"));
        empty(f);
    }
}

/* The most that a folder may hold in symptoms, asked a hundred times: this runs for each new piece of evidence, on the engine. */
static void many_symptoms_cost_little(void **state)
{
    AUTO(buf_done) struct buf b = {0};
    AUTO(buf_done) struct buf facts = {0};
    struct folder *f = *state;
    int64_t begun;

    buf_init(&b, 65536);
    buf_init(&facts, 65536);
    for (int i = 0; i < 10; i++) {
        char name[24];

        buf_clear(&b);
        buf_puts(&b, "---\nsymptoms:\n");
        for (int k = 0; k < 100; k++)
            buf_printf(&b, "  - \"words of a symptom that stand nowhere, %d of %d\"\n", k, i);
        buf_puts(&b, "---\n## Fix\n\n- turn it off\n");
        (void)snprintf(name, sizeof name, "b%d.md", i);
        put(f, name, buf_str(&b));
    }
    buf_puts(&facts, "{\"alerts\":{\"text\":\"");
    for (int i = 0; i < 250; i++)
        buf_puts(&facts, "words of a symptom that stand, ");
    buf_puts(&facts, "\"}}");
    AUTO(runbooks_unrefp) struct runbooks *r = load(f);

    begun = clock_mono_ms();
    for (int i = 0; i < 500; i++) {
        AUTO(json_freep) json_t *got = match(r, buf_str(&facts), "[]", 3);

        assert_int_equal(json_array_size(got), 0);
    }
    assert_in_range(clock_mono_ms() - begun, 0, 1500);
    empty(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sections_have_parts_steps_minutes_and_lines),
        cmocka_unit_test(those_that_fit_come_in_their_order),
        cmocka_unit_test(a_broken_file_is_an_error_with_its_line),
        cmocka_unit_test(what_is_no_runbook_is_passed_by),
        cmocka_unit_test(markdown_from_anywhere_is_bounded),
        cmocka_unit_test(the_shipped_runbooks_name_rules_that_exist),
        cmocka_unit_test(a_file_with_an_odd_name_is_shown_all_the_same),
        cmocka_unit_test(many_symptoms_cost_little),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

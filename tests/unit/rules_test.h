#ifndef TRIAGED_TESTS_RULES_TEST_H
#define TRIAGED_TESTS_RULES_TEST_H

/* What the tests of the rules room share. Include after the standard headers that cmocka wants. */
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
#include "base/yaml.h"
#include "rules/cond.h"
#include "rules/rules.h"

/* 2026-09-14 is a Monday. */
#define MONDAY_0211 INT64_C(1789351867000)

__attribute__((unused)) static json_t *json_of(const char *text)
{
    json_error_t je;
    json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, &je);

    if (j == NULL)
        fail_msg("the test's own JSON is broken: %s: %s", je.text, text);
    return j;
}

/* when: YAML of the conditions alone. */
__attribute__((unused)) static struct cond *cond_of(const char *when)
{
    struct yaml_doc *doc = NULL;
    struct cond *c = NULL;
    struct err e;

    if (yaml_parse("when.yaml", when, strlen(when), &doc, &e) < 0 ||
        cond_compile(doc, "", &c, &e) < 0)
        fail_msg("refused: %s\n%s", e.msg, when);
    yaml_freep(&doc);
    return c;
}

/* For cmocka_run_group_tests(): hashes need it. */
__attribute__((unused)) static int with_crypto(void **state)
{
    (void)state;
    crypto_init();
    return 0;
}

__attribute__((unused)) static struct rules *rules_of(const char *text)
{
    struct rules_file f = {"10-test.yaml", text, strlen(text)};
    struct rules *r = NULL;
    struct err e;

    if (rules_parse(&f, 1, &r, &e) < 0)
        fail_msg("refused: %s", e.msg);
    return r;
}

__attribute__((unused)) static json_t *verdict_of(const struct rules *r, const char *facts,
                                                  int64_t now)
{
    json_t *f = json_of(facts), *v = NULL;
    struct err e;

    if (rules_judge(r, f, now, &v, NULL, &e) < 0)
        fail_msg("not judged: %s", e.msg);
    json_decref(f);
    return v;
}

/* One member of the verdict as compact JSON equals. */
__attribute__((unused)) static void verdict_has(json_t *verdict, const char *key, const char *want)
{
    char *got =
        json_dumps(json_object_get(verdict, key), JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);

    if (got == NULL || strcmp(got, want) != 0)
        fail_msg("%s is %s, expected %s", key, got ? got : "missing", want);
    free(got);
}

#endif

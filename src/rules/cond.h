#ifndef TRIAGED_RULES_COND_H
#define TRIAGED_RULES_COND_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/yaml.h"

/*
 * Conditions: the one evaluator behind `when` in rules/ files and in etc/policy.yaml. The grammar is in docs/rules.md.
 *
 * A compiled condition never changes except for the counters of its patterns, which are atomic, so that one condition may
 * be used by several threads at once. Nothing here does I/O or reads a clock; the answer depends on facts and now alone.
 */
struct cond;

/*
 * facts        one JSON object: incident, alerts, service, changes, history, evidence, group, action, assessment, people
 * now_wall_ms  what `time:` and `older_than:` compare with
 */
struct cond_env {
    json_t *facts;
    int64_t now_wall_ms;
    /*
     * False (what an initialiser leaves): texts in facts are checked for UTF-8 each time a pattern meets them. True: the
     * caller ran cond_facts_valid() on these very facts. A wrong promise here is undefined behaviour inside PCRE2.
     */
    bool utf8_checked;
};

/* What a match found besides yes or no. Zero it first; cond_result_done() frees it. */
struct cond_result {
    json_t *
        captures; /* object: name of group -> text (<= 512 bytes each, 32 at most); NULL when there are none */
    json_t *alarms; /* array of texts such as "regex limit hit ..."; NULL when there are none */
};
void cond_result_done(struct cond_result *r);

/*
 * Compiles the value at pointer ("/rules/3/when"; "" is the whole document), which must be an object that lists
 * conditions. doc is not needed afterwards.
 *
 * ERR_INPUT "NAME:LINE: ..." for an unknown field (with the nearest known one), an operator that does not fit, a broken
 * pattern, an unknown zone, and whatever is over a limit (depth 16, 200 nodes, 500 list members).
 */
int cond_compile(const struct yaml_doc *doc, const char *pointer, struct cond **out, struct err *e)
    MUST_CHECK;
void cond_free(struct cond *c); /* accepts NULL */
void cond_freep(struct cond **c);

/* True when c holds. r may be NULL; otherwise it gets captures and alarms (also of an answer false: alarms only). */
bool cond_match(const struct cond *c, const struct cond_env *env, struct cond_result *r);

/*
 * Why: a new reference in *out, without the short cuts of cond_match():
 *   {"all":[{"field":"incident.title","op":"matches","value":"disk","is":"Disk full","true":true}, ...],"true":true}
 * Texts are shown safely and cut to 200 bytes. A field that is missing has "is": "unknown (not checked)".
 * Patterns are run, but hits of their limits are not counted.
 */
void cond_explain(const struct cond *c, const struct cond_env *env, json_t **out);

/* True when every text and key below facts is valid UTF-8 and no deeper than 32. jansson's own parser assures it. */
bool cond_facts_valid(const json_t *facts);

/* True when name is a field that a condition may test ("incident.title", "alerts.details.region"). */
bool cond_field_known(const char *name);

/* The value of such a field in these facts; borrowed, NULL when it is missing or null. */
json_t *cond_field(const json_t *facts, const char *name);

#endif

#ifndef TRIAGED_RULES_RULES_H
#define TRIAGED_RULES_RULES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Rule files -> compiled set -> verdict. Pure functions besides rules_load(), which reads the files.
 *
 * A set never changes once loaded, apart from atomic counters (references, and the hits of pattern limits), so that any
 * number of threads may judge with it. A reload makes a new set and swaps the pointer.
 */
struct rules;

#define RULES_FILES_MAX  200
#define RULES_FILE_BYTES ((size_t)1024 * 1024)
#define RULES_MAX        2000

/*
 * All *.yaml in dir, in byte order of their names, all or nothing. A folder without any gives an empty set.
 * ERR_INPUT "NAME:LINE: ...", ERR_NOT_FOUND (no such folder), ERR_INTERNAL (cannot read). *out has one reference.
 */
int rules_load(const char *dir, struct rules **out, struct err *e) MUST_CHECK;

/* The same from memory, for tests and the fuzzer. Names must be ascending. */
struct rules_file {
    const char *name;
    const char *bytes;
    size_t len;
};
int rules_parse(const struct rules_file *files, size_t n, struct rules **out, struct err *e)
    MUST_CHECK;

struct rules *rules_ref(struct rules *r); /* returns r */
void rules_unref(struct rules *r);        /* accepts NULL */
void rules_unrefp(struct rules **r);      /* for AUTO */

/* SHA-256 (hex) over names and bytes of all files: equal hashes judge alike. Borrowed. */
const char *rules_hash(const struct rules *r);
size_t rules_count(const struct rules *r); /* enabled rules only */
/* Name and "FILE:LINE" of the i-th enabled rule, NULL past the end. Borrowed. */
const char *rules_name(const struct rules *r, size_t i);
const char *rules_where(const struct rules *r, size_t i);

/* What the enabled rules say for this member of `then` ("category", "team", "severity"): each word once, in the order of the rules. A new
 * reference; r may be NULL. */
json_t *rules_words(const struct rules *r, const char *member);

/* Some rule asks for an age or a time of day: open incidents are judged again as time goes by. */
bool rules_watch_time(const struct rules *r);

/*
 * The verdict on facts (cond.h), a function of facts, rules and now alone:
 *   {severity, category, team, urgency (text or null), model: "ask"|"skip", allow: [verbs], deny: [verbs],
 *    proposals: [{verb, args: {...}, why, rule}], rules: [names that matched], runbooks: [urls],
 *    dropped: [{verb, rule, why}], alarms: [texts], stopped_by: rule or null, rules_hash}
 * A severity that a rule gives as a rank (1, the most severe, to 5) is the rank-th name of facts.account.priorities (the last one where there are
 * fewer), "P<rank>" without that list.
 * args are named as in the file, not as the gate names them: add_note {note}, escalate {level: number or "next"} or
 * {policy: id}, resolve {} or {resolve_note}, acknowledge {}. The list keeps the order of rules and, within one, of the file.
 * allow is what remains after deny; add_note alone when no matching rule said `allow`. proposals hold only verbs in allow.
 *
 * explain  NULL, or a new reference: [{rule, where, matched, skipped: "stopped by NAME"?, when: tree of cond_explain()}]
 *
 * ERR_INPUT when facts is no object or holds text that is not UTF-8.
 */
int rules_judge(const struct rules *r, json_t *facts, int64_t now_wall_ms, json_t **verdict,
                json_t **explain, struct err *e) MUST_CHECK;

/* rules_judge() without the index: slow, for the test that shows that the index changes no result. */
int rules_judge_plain(const struct rules *r, json_t *facts, int64_t now_wall_ms, json_t **verdict,
                      struct err *e) MUST_CHECK;

#endif

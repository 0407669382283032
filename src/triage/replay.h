#ifndef TRIAGED_TRIAGE_REPLAY_H
#define TRIAGED_TRIAGE_REPLAY_H

#include <jansson.h>

#include "base/err.h"
#include "base/mem.h"
#include "llm/prompt.h"
#include "rules/rules.h"
#include "store/store.h"
#include "triage/pure.h"

/*
 * Deciding again. What a decision was made of is written down when it is made, so that the same functions can be asked again a year later,
 * on another machine, without a daemon and without a write. With nothing changed the answer is equal, byte for byte.
 *
 *   the rules'     {verdict, facts, bundle_id, judged_ms, group_size, items}                  incident.verdict, assessment.said
 *   the assessment's {items, call, reused, decided, approved}                                 assessment.seen
 *
 * items is a list: a number is an item of the incident's evidence; what is not stored there (what else was firing, a snapshot newer than
 * the bundle) stands in full, {kind, ok, source, summary, body, at_ms}. The rules may have spoken a little before the assessment was made, so each
 * has its own.
 */

/* ---- The pure half (room triage_pure) ---- */

json_t *seen_items(const struct triage_items *it);
/* The other way. load fetches a stored item by number and adds it to the list. ERR_INPUT for what seen_items() never wrote. */
typedef int seen_load_fn(void *arg, int64_t num, struct triage_items *it, struct err *e);
int seen_read(const json_t *items, seen_load_fn *load, void *arg, struct triage_items *it,
              struct err *e) MUST_CHECK;

struct decide_in {
    const struct triage_items *items;       /* the rules' */
    const struct triage_items *known_items; /* the assessment's */
    const struct rules *rules;
    const json_t *priorities; /* the account's names, most severe first; NULL unknown */
    int64_t group_size, judged_ms;
    const json_t *asked; /* NULL: no model was asked about this incident */
    const char *reply;   /* its text; NULL with asked NULL */
    size_t reply_len;
    const json_t *report; /* of another incident with the same symptom, reused; NULL else */
    int64_t decided, approved;
};
struct decide_out {
    json_t *facts, *verdict, *known, *checks, *report, *merged, *confidence,
        *wanted; /* owned; checks and report may be NULL */
};
void decide_done(struct decide_out *d);
int triage_decide(struct arena *a, const struct decide_in *in, struct decide_out *out,
                  struct err *e) MUST_CHECK;

/* What differs between two JSON values: [{path, was, now}], at most max rows, in the order of the paths; empty when they are equal. */
json_t *json_differences(const json_t *was, const json_t *now, size_t max);

/* ---- From the store (room triage_record; a reading connection is enough) ---- */

struct replay_opts {
    const char *incident; /* id or number */
    int64_t assessment;   /* 0: the newest */
    const struct rules *rules;
    const struct prompts *
        prompts; /* NULL: the recorded question stands; else its document is asked with these instructions and this form */
};
/*
 * {incident: {id, number, title}, assessment: {id, at, origin}, model: {call, reused_from} or null, rules: {then, now},
 *  parts: [{part: "facts"|"verdict"|"known"|"checks"|"report"|"confidence"|"proposals", equal, differences}],
 *  prompt: {then, now, instructions: [{line, was, now}], form: differences} or null, equal, missing: [text]}
 * missing: what was pruned meanwhile. ERR_NOT_FOUND: no such incident or assessment; ERR_CONFLICT: made before assessments wrote down
 * what they saw.
 */
int triage_replay(struct store *s, const struct replay_opts *o, json_t **out, struct err *e)
    MUST_CHECK;

#endif

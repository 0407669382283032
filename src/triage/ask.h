#ifndef TRIAGED_TRIAGE_ASK_H
#define TRIAGED_TRIAGE_ASK_H

#include <jansson.h>

#include "base/err.h"
#include "base/mem.h"
#include "llm/prompt.h"
#include "llm/redact.h"
#include "triage/pure.h"

/*
 * What a model is asked about an incident, and what is left of what it says (room triage_pure: no store, no clock, no network).
 *
 *   items, verdict, known --ask_make()--> asked {document, schema} --> a model --> text --report_check()--> report
 *
 * The model fills in a form. It sees handles (E4), never an id of PagerDuty's; whatever it says that the evidence it was shown does not hold is
 * dropped here. `asked` is all that the check needs, so that it can be run again a year later and must give the same bytes.
 */

/* ---- The question --------------------------------------------------------------------------------------------- */

/*
 * The document, redacted (members in this order of use; JSON encoding is the quoting):
 *  {fence, task: "triage", incident: {title, urgency, priority, status, service, created_at, alerts},
 *   evidence: [{id: "E4", kind, source, at, data: {...}}],      data: the item's body without PagerDuty's ids and links; a reference is its
 *                                                               name, a time is ISO, an alert's details are members by their dotted path
 *   not_checked: [{what, why}],
 *   known: {clears_by_itself: {n, of}, resolve_time: {n, median_s, p25_s, p75_s}, times_seen, window_days},
 *   severities: [names, most severe first], categories: [...], teams: [...],
 *   allowed_actions: [{verb, effect}],                           always with {"verb": "none"}
 *   rules_say: {severity, category, team, urgency}}
 * cut: what did not fit, [{id, kind, bytes}] - small and near things go in first (alert, change, source, runbook, memory, fix, note, ...), one item
 * takes at most 15 % of the room. A big one is cut and says so with a member "cut" (bytes) in its data. At most 40 items are shown, so that their
 * handles fit the enums of a strict schema; kinds of which something is missing are named in not_checked.
 */
struct ask_choices {
    json_t *severities; /* the account's own priority names, most severe first */
    json_t *categories, *teams;
    json_t *verbs; /* [{verb, effect}]: the verdict's verbs that the policy does not forbid */
};
struct ask_in {
    const struct triage_items *items; /* with numbers: stored ones */
    const json_t *verdict, *known;
    struct ask_choices choices;
    const struct config_send *send;
    const struct redactor *redactor;
    const struct prompt *prompt;
    const char *fence; /* 32 random hex digits, of this request */
    size_t room_bytes; /* what the evidence may take */
};
struct ask_made {
    /* {document, schema, system, prompt, cut, redacted: {class: n}}; a new reference. schema: the prompt's, with the enums of handles, verbs,
     * severities, categories and teams filled in. */
    json_t *asked;
    const char *user; /* the document as text, in the arena */
};
int ask_make(struct arena *a, const struct ask_in *in, struct ask_made *out, struct err *e)
    MUST_CHECK;
/* How many bytes of evidence fit the endpoint's window beside instructions, schema, a repair and the answer. */
size_t ask_room(const struct config_model *m, const struct prompt *p);

/*
 * What it is about: an equal key within model.reuse_s is not asked again. A digest of service, normalised title and alert texts, priority,
 * urgency, persons' notes (never our own), prompt version and model: not of status, assignees, log or our own echo.
 */
void ask_key(const struct triage_items *it, const char *prompt_version, const char *model,
             char out_hex[65]);

/* ---- The reply ------------------------------------------------------------------------------------------------ */

/*
 * The form (prompts/triage.schema.json):
 *  {impact: {text, evidence: [cite]}, causes: [{text, for: [cite], against: [cite], check}], changed: [{text, evidence: [cite]}],
 *   not_checked: [text], severity, category, team, urgency, actions: [{verb, target, why, evidence: [cite]}], confidence,
 *   injection_suspected}            cite: {id: "E4", quote}
 *
 * The checks, in this order; each becomes a row {check, ok, path, detail} for people:
 *  size, json (UTF-8, no duplicate keys, depth), schema   - failing one of these asks for a repair. A Markdown fence around the whole is
 *            taken off. The schema is asked.schema without the words of this request (handles, verbs, choices): one bad word costs its place
 *            below, not the reply
 *  counts    at most 3 causes, 2 actions, 5 changed, 10 not_checked, 5 cites each: what is over is dropped
 *  handle    the cited item was shown
 *  quote     8 to 300 bytes (or a whole shorter value) that stand in one string (or number) of that item's data as it was shown, control
 *            characters and blanks at the ends taken out on both sides
 *  token     every word with a digit in it, and every word that looks like an id (six capitals, seven hex letters), of a text stands in data or at
 *            of an item that the text cites, or in the document's known or incident: else the text is dropped. Words end at blanks and at
 *            "'`()[]{}<>,;=|!?*&^~\ and other punctuation than ASCII's; . : / - _ # @ + $ at the ends do not count. Equal is equal bytes, but a number
 *            stands where it has a unit behind it, a number with its unit where a blank is between them, 02:11 where 2026-09-14T02:11:07Z does,
 *            and a word of parts (a/b, a:b, a@b) where its parts do. Numbers with no blank between them (12,180), or in groups of three behind single
 *            ones, are one number, and "12 %" is "12%". A host's name (letters.letters) is such a word, too. Handles are words that must have been shown. Numbers that are spelled
 *            out are not looked at.
 *  text      control and other characters without a look are taken out before all else, links become [link]; placeholders stay; cut to
 *            TEXT_MAX_BYTES at a blank
 *  cited     a cause without a verified `for` becomes a guess (guess: true); impact and changed without one are dropped
 *  choice    severity, category and team are one of those on offer, else null
 *  action    the verb is one of allowed_actions, the target the incident, at least one verified cite, a reason that stands: else dropped. "none"
 *            is an answer and leaves no row
 * Each of handle, quote, token and action has a switch for tests: defence_off("ask.handle") ...
 */
#define REPORT_CAUSES_MAX      3
#define REPORT_ACTIONS_MAX     2
#define REPORT_CHANGED_MAX     5
#define REPORT_NOT_CHECKED_MAX 10
#define REPORT_CITES_MAX       5
#define REPORT_TEXT_MAX_BYTES  600
#define REPORT_QUOTE_MIN_BYTES 8
#define REPORT_QUOTE_MAX_BYTES 300

enum report_end {
    REPORT_OK,
    REPORT_REPAIR, /* one more round may mend it: repair says what to ask */
};
struct report_result {
    enum report_end end;
    /* What is left, canonical: the form's members, with guess on causes, and without what was dropped; impact and a cause's check may be
     * null, actions may be empty. A new reference; NULL with REPORT_REPAIR. */
    json_t *report;
    json_t *
        checks; /* [{check, ok, path, detail}], failures and a summary row per check; a new reference */
    const char *repair; /* paths and codes only, never the bad text; in the arena */
};
/* A function of asked and text alone. Never fails: whatever comes, one of the two ends. */
void report_check(struct arena *a, const json_t *asked, const char *text, size_t len,
                  struct report_result *out);

/* ---- For people --------------------------------------------------------------------------------------------------- */

/*
 * What stands behind the placeholders that a document made of these items holds: redacts them once more and adds to pairs. Pairs live as
 * long as somebody's request: they are the secrets, and are never stored or logged.
 */
void ask_pairs(const struct triage_items *it, const struct redactor *r, json_t *pairs);
/* False: no text of the report can hold a placeholder. */
bool report_has_placeholders(const json_t *report);
/* A copy for people: every placeholder in a text that pairs knows is its value again, up to REPORT_VALUE_MAX_BYTES of it. */
#define REPORT_VALUE_MAX_BYTES 1000
json_t *report_for_people(const json_t *report, const json_t *pairs);

/* ---- Together with the rules ---------------------------------------------------------------------------------- */

/*
 * The assessment that people read: rules first, the model where the rules say nothing. {severity, category, team, urgency, basis: {severity: "rules" |
 * "model" | null, ...}, suggested: {urgency}} - an urgency that differs from PagerDuty's is a suggestion, never a change.
 */
json_t *assessment_merge(const json_t *verdict, const json_t *report, const json_t *facts);
/*
 * {level: "low"|"medium"|"high", basis: [{what: "rule", name}, {what: "seen", n}, {what: "model", said}], measured: {n, right, rate_pct} or null}
 *   high    a rule matched, and the symptom was seen 10 times or more, or 3 times or more and a fix is known
 *   medium  a rule matched, or seen 3 times or more, or a model with a cited cause that it calls medium or high
 *   low     everything else; never above medium where only a model speaks, always low when it suspects an injection
 * measured: people's decisions on what this basis proposed; given from 30 on.
 */
json_t *assessment_confidence(const json_t *verdict, const json_t *known, const json_t *report,
                              int64_t decisions, int64_t approved);
/*
 * All that is to be proposed, before the gate judges it: the verdict's proposals, then the model's that no rule names with the same verb.
 * [{verb, args, why, rule | origin: "model", evidence: ["E4"]}]; args as in a verdict (a rule's evidence is empty: it names fields). An add_note of
 * the model's is worded by code from the checked report, its escalate goes to the next level. With report.as (another incident's) why and note
 * begin with its number, and evidence is empty, for handles are counted per incident. Nothing of the model's when it suspects an
 * injection, no verb outside verdict.allow, and no acknowledge without something that tells people.
 */
json_t *wanted_proposals(const json_t *verdict, const json_t *report);

#endif

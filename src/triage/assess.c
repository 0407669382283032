/* Rules and report together: what people read, how sure it is, and what is to be proposed. */
#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "triage/ask.h"

#define SEEN_OFTEN    10
#define SEEN_SOME     3
#define DECISIONS_MIN 30
/* Characters of one part of a note; all together stay under NOTE_TEXT_MAX_CHARS. */
#define PART_MAX      90

json_t *assessment_merge(const json_t *verdict, const json_t *report, const json_t *facts)
{
    static const char *const members[] = {"severity", "category", "team", "urgency"};
    json_t *out = json_object(), *basis = json_object();
    const char *urgency, *now = json_at_str(facts, "incident.urgency");

    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        json_t *rules = json_object_get(verdict, members[i]);
        json_t *model = json_object_get(report, members[i]);
        bool by_rules = json_is_string(rules), by_model = !by_rules && json_is_string(model);
        json_t *said = by_rules ? rules : by_model ? model : NULL;

        json_object_set_new(out, members[i], said ? json_incref(said) : json_null());
        json_object_set_new(basis, members[i],
                            by_rules   ? json_string("rules")
                            : by_model ? json_string("model")
                                       : json_null());
    }
    urgency = json_opt_str(out, "urgency");
    json_object_set_new(out, "basis", basis);
    json_object_set_new(
        out, "suggested",
        json_pack("{s:s?}", "urgency", urgency && !text_eq(urgency, now) ? urgency : NULL));
    return out;
}

/* ---- confidence ---- */

static bool has_cited_cause(const json_t *report)
{
    const json_t *causes = json_opt_arr(report, "causes");

    for (size_t i = 0; i < json_array_size(causes); i++)
        if (!json_opt_bool(json_array_get(causes, i), "guess", true))
            return true;
    return false;
}

static const char *level_of(const json_t *verdict, const json_t *known, const json_t *report)
{
    bool rule = json_array_size(json_opt_arr(verdict, "rules")) > 0;
    bool fix = json_opt_obj(known, "last_fix") != NULL;
    int64_t seen = json_opt_int(known, "times_seen", 0);
    const char *said = json_opt_str(report, "confidence");

    if (json_opt_bool(report, "injection_suspected", false))
        return "low";
    if (rule && (seen >= SEEN_OFTEN || (fix && seen >= SEEN_SOME)))
        return "high";
    if (rule || seen >= SEEN_SOME)
        return "medium";
    if (has_cited_cause(report) && (text_eq(said, "medium") || text_eq(said, "high")))
        return "medium";
    return "low";
}

static json_t *measured(int64_t decisions, int64_t approved)
{
    if (decisions < DECISIONS_MIN)
        return json_null();
    return json_pack("{s:I, s:I, s:I}", "n", (json_int_t)decisions, "right", (json_int_t)approved,
                     "rate_pct", (json_int_t)((200 * approved + decisions) / (2 * decisions)));
}

json_t *assessment_confidence(const json_t *verdict, const json_t *known, const json_t *report,
                              int64_t decisions, int64_t approved)
{
    const json_t *rules = json_opt_arr(verdict, "rules");
    int64_t seen = json_opt_int(known, "times_seen", 0);
    json_t *basis = json_array();

    for (size_t i = 0; i < json_array_size(rules); i++)
        json_array_append_new(
            basis, json_pack("{s:s, s:O}", "what", "rule", "name", json_array_get(rules, i)));
    if (seen > 0)
        json_array_append_new(basis,
                              json_pack("{s:s, s:I}", "what", "seen", "n", (json_int_t)seen));
    if (json_is_object(report))
        json_array_append_new(basis, json_pack("{s:s, s:s?}", "what", "model", "said",
                                               json_opt_str(report, "confidence")));
    return json_pack("{s:s, s:o, s:o}", "level", level_of(verdict, known, report), "basis", basis,
                     "measured", measured(decisions, approved));
}

/* ---- what is to be proposed ---- */

static bool verb_in(const json_t *list, const char *verb)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *x = json_array_get(list, i);

        if (text_eq(json_is_string(x) ? json_string_value(x) : json_opt_str(x, "verb"), verb))
            return true;
    }
    return false;
}

static void quote_add(struct buf *b, const char *lead, const char *text, size_t max_chars)
{
    if (!text)
        return;
    buf_puts(b, lead);
    triage_note_quote(b, text, max_chars);
}

/* Whose report this is, when it was taken over from another incident; false when it is this one's own. */
static bool as_add(struct buf *b, const json_t *report)
{
    const json_t *as = json_opt_obj(report, "as");
    int64_t number = json_opt_int(as, "number", 0);

    if (!as)
        return false;
    if (number > 0)
        buf_printf(b, "#%" PRId64, number);
    else
        triage_note_quote(b, json_opt_str(as, "incident_id"), 20);
    return true;
}

/* The note of a model: code's words around what the checks left of it. No counts: they move while people read, and a text that moves replaces
 * what they are about to approve; the triage note and the card tell them. False when nothing is worth a note. */
static bool note_words(const json_t *report, struct buf *b)
{
    const json_t *cause = json_array_get(json_opt_arr(report, "causes"), 0);
    const json_t *changed = json_array_get(json_opt_arr(report, "changed"), 0);
    const json_t *impact = json_opt_obj(report, "impact");
    const json_t *quote = json_array_get(json_opt_arr(cause, "for"), 0);

    if (!cause && !changed && !impact)
        return false;
    buf_puts(b, "A model's view");
    if (json_opt_obj(report, "as")) {
        buf_puts(b, " of ");
        (void)as_add(b, report);
        buf_puts(b, ", which reads the same: numbers and names are that one's.");
    } else {
        buf_puts(b, ", checked for its sources and not proven.");
    }
    quote_add(b, "\nImpact: ", json_opt_str(impact, "text"), PART_MAX);
    quote_add(
        b, json_opt_bool(cause, "guess", true) ? "\nA guess at the cause: " : "\nLikeliest cause: ",
        json_opt_str(cause, "text"), PART_MAX);
    quote_add(b, "\nSeen: ", json_opt_str(quote, "quote"), 80);
    if (!cause)
        quote_add(b, "\nChanged: ", json_opt_str(changed, "text"), PART_MAX);
    quote_add(b, "\nTo settle it: ", json_opt_str(cause, "check"), 100);
    return true;
}

/* Arguments as a verdict has them; NULL when the verb cannot be filled in. */
static json_t *args_of(const char *verb, const json_t *report)
{
    AUTO(buf_done) struct buf b = {0};

    if (text_eq(verb, "escalate"))
        return json_pack("{s:s}", "level", "next");
    if (text_eq(verb, "acknowledge") || text_eq(verb, "resolve"))
        return json_object();
    buf_init(&b, (size_t)16 * NOTE_TEXT_MAX_CHARS);
    if (!text_eq(verb, "add_note") || !note_words(report, &b))
        return NULL;
    return json_pack("{s:s}", "note", buf_str(&b));
}

static json_t *handles_of(const json_t *cites)
{
    json_t *seen = json_object(), *out = json_array();

    for (size_t i = 0; i < json_array_size(cites); i++) {
        const char *id = json_opt_str(json_array_get(cites, i), "id");

        if (id && !json_object_get(seen, id)) {
            json_object_set_new(seen, id, json_true());
            json_array_append_new(out, json_string(id));
        }
    }
    json_decref(seen);
    return out;
}

static void model_wants(json_t *out, const json_t *verdict, const json_t *report,
                        const json_t *action)
{
    const char *verb = json_opt_str(action, "verb"), *why = json_opt_str(action, "why");
    AUTO(buf_done) struct buf words = {0};
    json_t *args;
    bool other;

    if (!verb || !why || !verb_in(json_opt_arr(verdict, "allow"), verb) || verb_in(out, verb))
        return;
    args = args_of(verb, report);
    if (!args)
        return;
    buf_init(&words, 2 * REPORT_TEXT_MAX_BYTES);
    other = as_add(&words, report);
    buf_printf(&words, "%s%s", other ? ": " : "", why);
    /* E4 is another item on each incident: what was cited there is not named here. */
    json_array_append_new(
        out, json_pack("{s:s, s:o, s:s, s:s, s:o}", "verb", verb, "args", args, "why",
                       buf_str(&words), "origin", "model", "evidence",
                       other ? json_array() : handles_of(json_opt_arr(action, "evidence"))));
}

/* What rules must not do alone, a model must not either: an acknowledge that silences a page while nothing tells anybody. */
static void bare_acknowledge_drop(json_t *out)
{
    bool more = false;
    size_t i;

    for (i = 0; i < json_array_size(out); i++)
        more |= !text_eq(json_opt_str(json_array_get(out, i), "verb"), "acknowledge");
    for (i = json_array_size(out); !more && i > 0; i--)
        if (text_eq(json_opt_str(json_array_get(out, i - 1), "origin"), "model"))
            json_array_remove(out, i - 1);
}

json_t *wanted_proposals(const json_t *verdict, const json_t *report)
{
    const json_t *rules = json_opt_arr(verdict, "proposals");
    const json_t *actions = json_opt_arr(report, "actions");
    json_t *out = json_array();

    for (size_t i = 0; i < json_array_size(rules); i++) {
        json_t *p = json_copy(json_array_get(rules, i));

        json_object_set_new(p, "evidence", json_array()); /* a rule names fields, not items */
        json_array_append_new(out, p);
    }
    if (json_opt_bool(report, "injection_suspected", false)) /* people first, then machines */
        return out;
    for (size_t i = 0; i < json_array_size(actions); i++)
        model_wants(out, verdict, report, json_array_get(actions, i));
    bare_acknowledge_drop(out);
    return out;
}

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "sandbox/model.h"

/*
 * The careful model: it reads the triage document and says only what stands there. Its own words hold no digit, so that nothing it says
 * needs a proof but the quotes.
 */

#define MINUTE_MS     INT64_C(60000)
#define CHANGE_MAX_MS (INT64_C(24) * 60 * MINUTE_MS) /* an older change is not named as a cause */
enum {
    CHANGES_MAX = 2,
    NOT_CHECKED_MAX = 5
};

struct view {
    const json_t *doc, *schema;
    const json_t *
        alert; /* the first one, else the incident itself, else the first item; NULL without evidence */
    const json_t *change; /* the newest one before the alert; NULL without one */
    int64_t begun_ms;
    bool injected;
};

static int64_t time_of(const json_t *obj, const char *key)
{
    const json_t *v = json_object_get(obj, key);

    return json_is_integer(v) ? json_integer_value(v) : json_opt_time_ms(obj, key, 0);
}

static bool orders(const char *text, void *arg)
{
    static const char *const words[] = {"BEGIN_REPLY", "ignore previous", "ignore all",
                                        "ignore the above", "disregard"};
    bool *found = arg;

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        *found = *found || strcasestr(text, words[i]) != NULL;
    return !*found;
}

static const json_t *first_of(const json_t *items, const char *kind)
{
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);

        if (kind == NULL || text_eq(json_opt_str(item, "kind"), kind))
            return item;
    }
    return NULL;
}

static const json_t *newest_change(const json_t *items, int64_t begun_ms)
{
    const json_t *newest = NULL;

    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        int64_t at = time_of(item, "at");

        if (text_eq(json_opt_str(item, "kind"), "change") && at > 0 && at <= begun_ms &&
            at >= begun_ms - CHANGE_MAX_MS && (newest == NULL || at > time_of(newest, "at")))
            newest = item;
    }
    return newest;
}

static void look(struct view *v, const json_t *doc, const json_t *schema)
{
    const json_t *items = json_opt_arr(doc, "evidence");

    *v = (struct view){.doc = doc, .schema = schema, .alert = first_of(items, "alert")};
    if (v->alert == NULL)
        v->alert = first_of(items, "incident");
    if (v->alert == NULL)
        v->alert = first_of(items, NULL);
    v->begun_ms = time_of(json_opt_obj(doc, "incident"), "created_at");
    if (v->begun_ms == 0)
        v->begun_ms = time_of(v->alert, "at");
    v->change = newest_change(items, v->begun_ms);
    if (items != NULL)
        model_each_string(items, orders, &v->injected);
}

/* ---- words ---- */

static const char *const small[] = {
    "less than one", "one",     "two",     "three",     "four",     "five",    "six",
    "seven",         "eight",   "nine",    "ten",       "eleven",   "twelve",  "thirteen",
    "fourteen",      "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
static const char *const tens[] = {"", "", "twenty", "thirty", "forty", "fifty"};

/* "twelve minutes", "more than three hours": a digit would have to be found in what is cited. */
static void put_span(struct buf *b, int64_t ms)
{
    int64_t n = ms / MINUTE_MS;
    const char *unit = "minute";

    if (n >= 60) {
        n /= 60;
        unit = "hour";
        buf_puts(b, "more than ");
    }
    if (n < 20)
        buf_puts(b, small[n]);
    else
        buf_printf(b, "%s%s%s", tens[n / 10], n % 10 > 0 ? "-" : "",
                   n % 10 > 0 ? small[n % 10] : "");
    buf_printf(b, " %s%s", unit, n > 1 ? "s" : "");
}

static void cite_too(json_t *list, const json_t *item)
{
    json_t *cite = item == NULL ? NULL : model_cite(item);

    if (cite != NULL)
        json_array_append_new(list, cite);
}

static json_t *cites(const json_t *item)
{
    json_t *list = json_array();

    cite_too(list, item);
    return list;
}

static bool plain(const char *text)
{
    return text != NULL && text[0] != '\0' && strpbrk(text, "0123456789") == NULL;
}

/* ---- the members of the form ---- */

static json_t *causes(const struct view *v)
{
    bool runbook = first_of(json_opt_arr(v->doc, "evidence"), "runbook") != NULL;
    json_t *list = json_array(), *proof;
    struct buf text;

    if (v->alert == NULL)
        return list;
    buf_init(&text, 400);
    proof = cites(v->change != NULL ? v->change : v->alert);
    if (v->change != NULL) {
        buf_puts(&text, "A change ");
        put_span(&text, v->begun_ms - time_of(v->change, "at"));
        buf_puts(&text, " before is the likely cause.");
        cite_too(proof, v->alert);
    } else {
        buf_puts(&text,
                 "What the alert names is over its limit; the evidence shows no change before it.");
    }
    json_array_append_new(
        list,
        json_pack("{s:s, s:o, s:[], s:s}", "text", buf_str(&text), "for", proof, "against", "check",
                  v->change != NULL ? "Compare the graph of the alert with the time of the change."
                  : runbook         ? "Take the first step of the runbook's diagnosis."
                                    : "Look at the graph of what the alert measures."));
    buf_done(&text);
    return list;
}

static json_t *changed(const struct view *v)
{
    const json_t *items = json_opt_arr(v->doc, "evidence");
    json_t *list = json_array();

    for (size_t i = 0; i < json_array_size(items) && json_array_size(list) < CHANGES_MAX; i++) {
        const json_t *item = json_array_get(items, i);
        int64_t at = time_of(item, "at");
        struct buf text;

        if (!text_eq(json_opt_str(item, "kind"), "change") || at <= 0 || at > v->begun_ms)
            continue;
        buf_init(&text, 200);
        buf_puts(&text, "A change was made ");
        put_span(&text, v->begun_ms - at);
        buf_puts(&text, " before.");
        json_array_append_new(
            list, json_pack("{s:s, s:o}", "text", buf_str(&text), "evidence", cites(item)));
        buf_done(&text);
    }
    return list;
}

static json_t *not_checked(const struct view *v)
{
    const json_t *rows = json_opt_arr(v->doc, "not_checked");
    json_t *list = json_array();

    for (size_t i = 0; i < json_array_size(rows) && json_array_size(list) < NOT_CHECKED_MAX; i++) {
        const char *what = json_opt_str(json_array_get(rows, i), "what");

        if (plain(what))
            json_array_append_new(list, json_string(what));
    }
    return list;
}

static bool in_list(const json_t *list, const char *word)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (text_eq(json_string_value(json_array_get(list, i)), word))
            return true;
    return false;
}

/* The document's list is in order of severity. */
static const char *severity(const struct view *v)
{
    static const char *const words[] = {"critical", "error", "warning", "info"};
    const json_t *list = json_opt_arr(v->doc, "severities");
    const char *said = json_opt_str(json_opt_obj(v->alert, "data"), "severity");
    size_t n = json_array_size(list), at = 2;

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (text_eq(said, words[i]))
            at = i;
    return n == 0 ? NULL : json_string_value(json_array_get(list, at < n ? at : n - 1));
}

/* What the rules said, else a name that stands in the alert's words, else whatever the list has for the rest. */
static const char *choice(const struct view *v, const char *list_name, const char *member)
{
    static const char *const rest[] = {"other", "unknown", "none"};
    const json_t *list = json_opt_arr(v->doc, list_name);
    const char *rules = json_opt_str(json_opt_obj(v->doc, "rules_say"), member);
    const char *title = json_opt_str(json_opt_obj(v->doc, "incident"), "title");

    if (in_list(list, rules))
        return rules;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));

        if (name != NULL && name[0] != '\0' && title != NULL && strcasestr(title, name) != NULL)
            return name;
    }
    for (size_t i = 0; i < ARRAY_LEN(rest); i++)
        if (in_list(list, rest[i]))
            return rest[i];
    return json_string_value(json_array_get(list, 0));
}

/* At most a note, with the first target that the schema knows. */
static json_t *actions(const struct view *v)
{
    const json_t *rows = json_opt_arr(v->doc, "allowed_actions");
    const char *target =
        json_at_str(v->schema, "properties.actions.items.properties.target.enum.0");
    json_t *list = json_array(), *proof;
    bool allowed = false;

    for (size_t i = 0; i < json_array_size(rows); i++)
        allowed = allowed || text_eq(json_opt_str(json_array_get(rows, i), "verb"), "add_note");
    proof = cites(v->change != NULL ? v->change : v->alert);
    if (allowed && json_array_size(proof) > 0)
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:O}", "verb", "add_note", "target",
                                              target != NULL ? target : "incident", "why",
                                              "Whoever is paged sees at once what is known.",
                                              "evidence", proof));
    json_decref(proof);
    return list;
}

static json_t *form(const struct view *v)
{
    const char *urgency = json_opt_str(json_opt_obj(v->doc, "incident"), "urgency");

    return json_pack(
        "{s:{s:s, s:o}, s:o, s:o, s:o, s:s?, s:s?, s:s?, s:s, s:o, s:s, s:b}", "impact", "text",
        "The service does what the alert says; how many people notice is not known.", "evidence",
        cites(v->alert), "causes", causes(v), "changed", changed(v), "not_checked", not_checked(v),
        "severity", severity(v), "category", choice(v, "categories", "category"), "team",
        choice(v, "teams", "team"), "urgency", text_eq(urgency, "low") ? "low" : "high", "actions",
        actions(v), "confidence", v->change != NULL ? "medium" : "low", "injection_suspected",
        v->injected);
}

static bool may_be_null(const json_t *schema, const char *member)
{
    const json_t *one = json_object_get(json_object_get(schema, "properties"), member);

    return in_list(json_object_get(one, "type"), "null");
}

/* A form that asks for other things as well gets them from the general filling. */
json_t *model_report(const json_t *doc, const json_t *schema)
{
    static const char *const chosen[] = {"severity", "category", "team"};
    json_t *handles, *filled, *careful;
    struct view v;

    look(&v, doc, schema);
    careful = form(&v);
    if (schema == NULL)
        return careful;
    handles = model_handles(doc);
    filled = model_fill(schema, handles, doc);
    for (size_t i = 0; i < ARRAY_LEN(chosen); i++)
        if (json_is_null(json_object_get(careful, chosen[i])) && !may_be_null(schema, chosen[i]))
            json_object_del(careful, chosen[i]);
    json_object_update_existing(filled, careful);
    json_decref(handles);
    json_decref(careful);
    return filled;
}

const char *model_canary(const json_t *schema)
{
    json_t *properties = json_opt_obj(schema, "properties");
    void *only = json_object_iter(properties);
    const json_t *one = only == NULL ? NULL : json_object_iter_value(only);

    if (json_object_size(properties) != 1 || (json_array_size(json_object_get(one, "enum")) != 1 &&
                                              json_object_get(one, "const") == NULL))
        return NULL;
    return json_object_iter_key(only);
}

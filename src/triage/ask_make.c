/* The question: one document, made of evidence that may leave, and the form to fill in. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "triage/ask_priv.h"

/* Most useful first: small, near things that people look at before the long ones; lists of other incidents come after this one's own story. */
static const char *const by_use[] = {
    EV_INCIDENT, EV_ALERT, EV_CHANGE,  EV_SOURCE,  EV_RUNBOOK, EV_MEMORY,
    EV_FIX,      EV_NOTE,  EV_SIMILAR, EV_SERVICE, EV_LOG,     EV_FIRING,
    EV_OUTLIER,  EV_PAST,  EV_RELATED, EV_ONCALL,  EV_POLICY,  EV_DEPENDENCY,
};

struct pick {
    const struct triage_item *x;
    size_t rank, index;
};

static size_t rank_of(const char *kind)
{
    size_t i = 0;

    while (i < ARRAY_LEN(by_use) && !text_eq(by_use[i], kind))
        i++;
    return i;
}

/* Newest changes first; everything else as it came. */
static int pick_cmp(const void *a, const void *b)
{
    const struct pick *x = a, *y = b;

    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    if (text_eq(x->x->kind, EV_CHANGE) && x->x->at_ms != y->x->at_ms)
        return x->x->at_ms > y->x->at_ms ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static bool kind_allowed(const struct config_send *send, const char *kind)
{
    if (!send->kinds)
        return true;
    for (size_t i = 0; i < send->n_kinds; i++)
        if (text_eq(send->kinds[i], kind))
            return true;
    return false;
}

/* Items of PagerDuty's are named by their ids ("note:P..."), those of others by what people call them. */
static json_t *source_json(const struct triage_item *x)
{
    bool named = text_eq(x->kind, EV_SOURCE) || text_eq(x->kind, EV_RUNBOOK);

    return json_stringn(x->source, named ? strlen(x->source) : strcspn(x->source, ":"));
}

static json_t *time_json(int64_t ms)
{
    char iso[TIME_ISO_MAX];

    return ms > 0 ? json_string(time_format_iso(ms, false, iso)) : json_null();
}

const char *ask_handle(const struct triage_item *x, char out[ASK_HANDLE_MAX])
{
    snprintf(out, ASK_HANDLE_MAX, "E%lld", (long long)x->num);
    return out;
}

static json_t *item_json(const struct triage_item *x, const struct config_send *send)
{
    char id[ASK_HANDLE_MAX];

    return json_pack("{s:s, s:s, s:o, s:o, s:o}", "id", ask_handle(x, id), "kind", x->kind,
                     "source", source_json(x), "at", time_json(x->at_ms), "data",
                     ask_data(x, send));
}

/* Without ids and redacted. The parts come one by one: what will not be shown need not be searched for secrets. */
static json_t *clean_json(const struct ask_in *in, json_t *ids, json_t *raw, struct redacted *found)
{
    json_t *plain = ask_without_ids(raw, ids), *out = redact_json(in->redactor, plain, found);

    json_decref(plain);
    json_decref(raw);
    return out;
}

static void evidence_fit(struct arena *a, const struct ask_in *in, json_t *ids, struct ask_fit *f,
                         struct redacted *found)
{
    struct pick *v = arena_array(a, in->items->n + 1, sizeof(*v));
    size_t n = 0;

    for (size_t i = 0; i < in->items->n; i++) {
        const struct triage_item *x = &in->items->v[i];

        if (x->ok && x->num > 0 && kind_allowed(in->send, x->kind))
            v[n++] = (struct pick){x, rank_of(x->kind), i};
    }
    qsort(v, n, sizeof(*v), pick_cmp);
    ask_fit_begin(f, in->room_bytes);
    for (size_t i = 0; i < n; i++) {
        json_t *item;

        if (ask_fit_full(f)) {
            ask_fit_leave_out(f, v[i].x);
            continue;
        }
        /* Before anything is cut: half a secret may no longer look like one. */
        item = clean_json(in, ids, item_json(v[i].x, in->send), found);
        ask_fit_offer(f, item);
        json_decref(item);
    }
}

static void put_str(json_t *j, const char *key, const char *s)
{
    json_object_set_new(j, key, s ? json_string(s) : json_null());
}

static int64_t alerts_count(const struct triage_items *it)
{
    int64_t n = 0;

    for (size_t i = 0; i < it->n; i++)
        if (it->v[i].ok && text_eq(it->v[i].kind, EV_ALERT)) {
            int64_t folded = json_opt_int(it->v[i].body, "folded", 0);

            n += folded > 0 ? folded : 1;
        }
    return n;
}

static json_t *incident_json(const struct triage_items *it, const json_t *body)
{
    json_t *j = json_object();

    put_str(j, "title", json_opt_str(body, "title"));
    put_str(j, "urgency", json_opt_str(body, "urgency"));
    put_str(j, "priority", json_at_str(body, "priority.name"));
    put_str(j, "status", json_opt_str(body, "status"));
    put_str(j, "service", json_at_str(body, "service.name"));
    json_object_set_new(j, "created_at", time_json(json_opt_int(body, "created_ms", 0)));
    json_object_set_new(j, "alerts",
                        triage_items_checked(it, EV_ALERT)
                            ? json_integer((json_int_t)alerts_count(it))
                            : json_null());
    return j;
}

static void missing_add(json_t *list, const char *kind, const char *why)
{
    json_array_append_new(list, json_pack("{s:s, s:s}", "what", ev_label(kind), "why", why));
}

static json_t *not_checked_json(const struct ask_in *in)
{
    json_t *list = json_array();

    for (size_t i = 0; i < in->items->n; i++)
        if (!in->items->v[i].ok)
            missing_add(list, in->items->v[i].kind, in->items->v[i].summary);
    for (size_t k = 0; in->send->kinds && k < EV_KINDS; k++)
        if (!kind_allowed(in->send, ev_kind(k)) && triage_items_find(in->items, ev_kind(k)))
            missing_add(list, ev_kind(k), "it is kept back for this service");
    return list;
}

static json_t *known_json(const json_t *known)
{
    static const char *const members[] = {"resolve_time", "times_seen", "window_days"};
    const json_t *cleared = json_opt_obj(known, "self_cleared");
    json_t *j = json_object();

    json_object_set_new(j, "clears_by_itself",
                        cleared ? json_pack("{s:O, s:O}", "n", json_object_get(cleared, "n"), "of",
                                            json_object_get(cleared, "of"))
                                : json_null());
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        json_t *v = json_object_get(known, members[i]);

        json_object_set_new(j, members[i], v ? json_incref(v) : json_null());
    }
    return j;
}

static json_t *rules_json(const json_t *verdict)
{
    static const char *const members[] = {"severity", "category", "team", "urgency"};
    json_t *j = json_object();

    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        put_str(j, members[i], json_opt_str(verdict, members[i]));
    return j;
}

/* Names that redaction would change never leave: half a name could not be mapped back. */
static json_t *choice_json(const struct ask_in *in, const json_t *list, struct redacted *found)
{
    json_t *out = json_array();

    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *word = json_array_get(list, i);
        json_t *kept = redact_json(in->redactor, word, found);

        if (json_is_string(word) && json_equal(word, kept))
            json_array_append(out, word);
        json_decref(kept);
    }
    return out;
}

/* The effects are words of our own; "none" is always on offer. */
static json_t *verbs_json(const json_t *verbs)
{
    json_t *out = json_array();

    for (size_t i = 0; i < json_array_size(verbs); i++) {
        const json_t *v = json_array_get(verbs, i);
        const char *verb = json_opt_str(v, "verb"), *effect = json_opt_str(v, "effect");

        if (verb && !text_eq(verb, "none"))
            json_array_append_new(
                out, json_pack("{s:s, s:s}", "verb", verb, "effect", effect ? effect : ""));
    }
    json_array_append_new(
        out, json_pack("{s:s, s:s}", "verb", "none", "effect", "nothing is suggested"));
    return out;
}

/* One line for each kind of which something did not fit, so that the model does not take the rest for all. */
static void not_shown_add(json_t *missing, const json_t *cut, const json_t *shown)
{
    json_t *seen = json_object(), *n;
    const char *kind;

    for (size_t i = 0; i < json_array_size(shown); i++)
        json_object_set_new(
            seen, json_string_value(json_object_get(json_array_get(shown, i), "id")), json_null());
    for (size_t i = 0; i < json_array_size(cut); i++) {
        const json_t *c = json_array_get(cut, i);

        kind = json_opt_str(c, "kind");
        if (!json_object_get(seen, json_opt_str(c, "id")))
            json_object_set_new(seen, kind, json_integer(json_opt_int(seen, kind, 0) + 1));
    }
    json_object_foreach (seen, kind, n) {
        char why[80];

        if (!json_is_integer(n))
            continue;
        snprintf(why, sizeof(why), "%lld of them did not fit", (long long)json_integer_value(n));
        missing_add(missing, kind, why);
    }
    json_decref(seen);
}

static json_t *document_json(const struct ask_in *in, const json_t *clean, json_t *shown,
                             struct redacted *found)
{
    json_t *d = json_object();

    json_object_set_new(d, "fence", json_string(in->fence));
    json_object_set_new(d, "task", json_string("triage"));
    json_object_set(d, "incident", json_object_get(clean, "incident"));
    json_object_set(d, "evidence", shown);
    json_object_set(d, "not_checked", json_object_get(clean, "not_checked"));
    json_object_set_new(d, "known", known_json(in->known));
    json_object_set_new(d, "severities", choice_json(in, in->choices.severities, found));
    json_object_set_new(d, "categories", choice_json(in, in->choices.categories, found));
    json_object_set_new(d, "teams", choice_json(in, in->choices.teams, found));
    json_object_set_new(d, "allowed_actions", verbs_json(in->choices.verbs));
    json_object_set(d, "rules_say", json_object_get(clean, "rules_say"));
    return d;
}

static const char *dump_arena(struct arena *a, const json_t *j)
{
    char *text = json_dumps(j, ASK_JSON_FLAGS);
    const char *out;

    CHECK(text);
    out = arena_strdup(a, text);
    free(text);
    return out;
}

int ask_make(struct arena *a, const struct ask_in *in, struct ask_made *out, struct err *e)
{
    AUTO(redacted_done) struct redacted found = {.counts = json_object()};
    const struct triage_item *incident = triage_items_find(in->items, EV_INCIDENT);
    json_t *ids, *clean, *document;
    struct ask_fit fit;

    if (!incident)
        return err_set(e, ERR_INPUT, "there is no incident to ask about: it was not read yet");
    ids = ask_ids(in->items);
    clean = clean_json(in, ids,
                       json_pack("{s:o, s:o, s:o}", "incident",
                                 incident_json(in->items, incident->body), "not_checked",
                                 not_checked_json(in), "rules_say", rules_json(in->verdict)),
                       &found);
    evidence_fit(a, in, ids, &fit, &found);
    not_shown_add(json_object_get(clean, "not_checked"), fit.cut, fit.shown);
    document = document_json(in, clean, fit.shown, &found);
    out->asked = json_pack("{s:O, s:o, s:s, s:s, s:o, s:O}", "document", document, "schema",
                           ask_schema(in->prompt->schema, document), "system", in->prompt->text,
                           "prompt", in->prompt->version, "cut", fit.cut, "redacted", found.counts);
    out->user = dump_arena(a, document);
    json_decref(document);
    json_decref(fit.shown);
    json_decref(clean);
    json_decref(ids);
    return 0;
}

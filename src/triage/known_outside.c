/* What sources other than PagerDuty and the runbooks tell. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "triage/known_priv.h"

static void copy(json_t *to, const json_t *from, const char *key)
{
    json_t *v = json_object_get(from, key);

    json_object_set(to, key, v ? v : json_null());
}

static json_t *source_json(const json_t *body)
{
    static const char *const members[] = {"name", "title", "lines", "from", "until", "link"};
    json_t *o = json_object();

    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        copy(o, body, members[i]);
    return o;
}

static json_t *section_json(const json_t *s)
{
    static const char *const members[] = {"heading", "part",  "line_from",
                                          "line_to", "steps", "minutes"};
    json_t *o = json_object();

    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        copy(o, s, members[i]);
    return o;
}

static json_t *runbook_json(const json_t *body)
{
    static const char *const members[] = {"title", "path",    "owner",   "reviewed",
                                          "stale", "minutes", "summary", "matched_by"};
    json_t *o = json_object(), *sections = json_array();
    size_t i;
    json_t *x;

    for (i = 0; i < ARRAY_LEN(members); i++)
        copy(o, body, members[i]);
    json_array_foreach (json_opt_arr(body, "sections"), i, x)
        json_array_append_new(sections, section_json(x));
    json_object_set_new(o, "sections", sections);
    return o;
}

/* Nothing found and not looked for are not the same: the second is null. */
static void put(const struct triage_items *it, const char *kind, json_t *k, const char *key,
                json_t *list)
{
    if (triage_items_checked(it, kind))
        json_object_set(k, key, list);
    else
        json_object_set_new(k, key, json_null());
    json_decref(list);
}

void known_outside(const struct triage_items *it, json_t *k, json_t *cites)
{
    json_t *sources = json_array(), *books = json_array(), *links = json_array();

    for (size_t i = 0; i < it->n; i++) {
        const struct triage_item *x = &it->v[i];
        json_t *list = json_opt_arr(x->body, "links");

        if (!x->ok)
            continue;
        if (text_eq(x->kind, EV_SOURCE)) {
            json_array_append_new(sources, source_json(x->body));
            known_cite(cites, "sources", x);
        } else if (text_eq(x->kind, EV_RUNBOOK) && list) {
            json_array_extend(links, list);
            known_cite(cites, "runbook_links", x);
        } else if (text_eq(x->kind, EV_RUNBOOK)) {
            json_array_append_new(books, runbook_json(x->body));
            known_cite(cites, "runbooks", x);
        }
    }
    put(it, EV_SOURCE, k, "sources", sources);
    put(it, EV_RUNBOOK, k, "runbooks", books);
    put(it, EV_RUNBOOK, k, "runbook_links", links);
}

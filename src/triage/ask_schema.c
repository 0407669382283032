/* The form with the words of one request in it. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "triage/ask_priv.h"

#define CITE "items.properties.id"

/* Places whose words depend on the request, with the list of the document they come from. Most telling first: the enums have a limit. */
static const struct place {
    const char *path;
    const char *list;   /* of the document */
    const char *member; /* NULL: the list holds the words themselves */
    bool nullable;
} places[] = {
    {"properties.actions.items.properties.verb", "allowed_actions", "verb", false},
    {"properties.severity", "severities", NULL, true},
    {"properties.causes.items.properties.for." CITE, "evidence", "id", false},
    {"properties.actions.items.properties.evidence." CITE, "evidence", "id", false},
    {"properties.causes.items.properties.against." CITE, "evidence", "id", false},
    {"properties.impact.properties.evidence." CITE, "evidence", "id", false},
    {"properties.changed.items.properties.evidence." CITE, "evidence", "id", false},
    {"properties.category", "categories", NULL, true},
    {"properties.team", "teams", NULL, true},
};
/* Constant in the file, and still checked one by one. */
static const char target_path[] = "properties.actions.items.properties.target";

static json_t *words_of(const struct place *p, const json_t *document)
{
    const json_t *list = json_opt_arr(document, p->list);
    json_t *seen = json_object(), *out = json_array();

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *x = json_array_get(list, i);
        const char *s = p->member ? json_opt_str(x, p->member) : json_string_value(x);

        if (!s || json_object_get(seen, s))
            continue;
        json_object_set_new(seen, s, json_true());
        json_array_append_new(out, json_string(s));
    }
    json_decref(seen);
    return out;
}

json_t *ask_schema(const json_t *form, const json_t *document)
{
    json_t *out = json_deep_copy(form);
    size_t used = 7; /* the enums that stand in the file: urgency, confidence, target */

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        json_t *at = json_at(out, places[i].path);
        json_t *words = words_of(&places[i], document);
        size_t n = json_array_size(words) + places[i].nullable;

        /* What has no room in an enum is still checked when the reply is there. */
        if (at && n > places[i].nullable && used + n <= ASK_ENUMS_MAX) {
            if (places[i].nullable)
                json_array_append_new(words, json_null());
            json_object_set(at, "enum", words);
            used += n;
        }
        json_decref(words);
    }
    return out;
}

json_t *ask_schema_form(const json_t *schema)
{
    json_t *out = json_deep_copy(schema);

    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        json_object_del(json_at(out, places[i].path), "enum");
    json_object_del(json_at(out, target_path), "enum");
    return out;
}

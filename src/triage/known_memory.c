/* What earlier incidents tell: similar ones with what ended them, and how long it took. */
#include "base/json.h"
#include "base/text.h"
#include "triage/known_priv.h"

#define QUOTE_MAX_BYTES 500

static json_t *fix_known(const json_t *body)
{
    const json_t *fix = json_opt_obj(body, "fix");

    if (!fix)
        return json_null();
    return json_pack("{s:o, s:o, s:o}", "quote",
                     known_shown(json_opt_str(fix, "quote"), QUOTE_MAX_BYTES), "author",
                     known_shown(json_opt_str(fix, "author"), 120), "at",
                     known_time(json_opt_int(fix, "at_ms", 0)));
}

static json_t *one_known(const json_t *body)
{
    int64_t took_s = json_opt_int(body, "took_s", -1);

    return json_pack("{s:s?, s:I, s:o, s:o, s:o, s:o, s:o, s:b, s:o}", "incident_id",
                     json_opt_str(body, "incident_id"), "number",
                     (json_int_t)json_opt_int(body, "number", 0), "title",
                     known_shown(json_opt_str(body, "title"), 240), "service",
                     known_shown(json_opt_str(body, "service"), 120), "at",
                     known_time(json_opt_int(body, "at_ms", 0)), "took_s",
                     took_s >= 0 ? json_integer(took_s) : json_null(), "ended_by",
                     known_shown(json_opt_str(body, "ended_by"), 120), "same_symptom",
                     json_opt_bool(body, "same_symptom", false), "fix", fix_known(body));
}

/* In the order of likeness: that is how they were stored. Bundles list numbers, which tell another order. */
static void rank_insert(json_t *list, json_t *ranks, json_t *o, int64_t rank)
{
    size_t at = 0;

    while (at < json_array_size(ranks) && json_integer_value(json_array_get(ranks, at)) <= rank)
        at++;
    json_array_insert_new(list, at, o);
    json_array_insert_new(ranks, at, json_integer(rank));
}

static void similar_known(const struct triage_items *it, json_t *k, json_t *cites)
{
    AUTO(json_freep) json_t *ranks = json_array();
    json_t *list = json_array();

    for (size_t i = 0; i < it->n; i++) {
        const struct triage_item *x = &it->v[i];

        if (!x->ok || !text_eq(x->kind, EV_MEMORY))
            continue;
        rank_insert(list, ranks, one_known(x->body), json_opt_int(x->body, "rank", 0));
        known_cite(cites, "similar", x);
    }
    if (triage_items_checked(it, EV_MEMORY)) {
        json_object_set_new(k, "similar", list);
        return;
    }
    json_object_set_new(k, "similar", json_null());
    json_decref(list);
}

void known_memory(const struct triage_items *it, json_t *k, json_t *cites)
{
    const struct triage_item *x = triage_items_find(it, EV_SIMILAR);
    json_t *took = x ? json_opt_obj(x->body, "took") : NULL;

    similar_known(it, k, cites);
    if (!took) {
        json_object_set_new(k, "resolve_time", json_null());
        return;
    }
    json_object_set(k, "resolve_time", took);
    known_cite(cites, "resolve_time", x);
}

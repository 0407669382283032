/* The other way back: what stands behind the placeholders of a report, for the people who read it. */
#include <string.h>

#include "base/json.h"
#include "triage/ask_priv.h"

/* ---- pairs ---- */

/* As ask_make redacts it: the same texts, without ids, so that a find has the same value. What a service keeps back does no harm here. */
static json_t *texts_of(const struct triage_item *x)
{
    static const struct config_send all = {.service_id = "", .model = true};
    return x->ok ? json_pack("{s:s, s:o}", "source", x->source, "data", ask_data(x, &all))
                 : json_pack("{s:s}", "why", x->summary);
}

/* What is too long to be put into somebody's sentence again is looked up in the evidence. */
static void short_ones_take(json_t *found, json_t *pairs)
{
    const char *name;
    json_t *value;

    json_object_foreach (found, name, value)
        if (json_string_length(value) <= REPORT_VALUE_MAX_BYTES)
            json_object_set(pairs, name, value);
}

void ask_pairs(const struct triage_items *it, const struct redactor *r, json_t *pairs)
{
    AUTO(redacted_done) struct redacted found = {.pairs = json_object()};
    json_t *ids = ask_ids(it);

    for (size_t i = 0; i < it->n; i++) {
        json_t *raw = texts_of(&it->v[i]), *plain = ask_without_ids(raw, ids);

        json_decref(redact_json(r, plain, &found));
        json_decref(plain);
        json_decref(raw);
    }
    short_ones_take(found.pairs, pairs);
    json_decref(ids);
}

/* ---- the report ---- */

static void bracket_seen(void *ctx, const char *name, const json_t *v)
{
    const char *s = json_string_value(v), *open = s ? strchr(s, '[') : NULL;
    bool *found = ctx;

    (void)name;
    *found = *found || (open && strchr(open, ':'));
}

bool report_has_placeholders(const json_t *report)
{
    bool found = false;

    if (report)
        walk_leaves(report, bracket_seen, &found);
    return found;
}

struct people {
    const json_t *pairs;
};

static json_t *leaf_for_people(void *ctx, const char *name, json_t *v)
{
    const struct people *p = ctx;
    AUTO(buf_done) struct buf b = {0};
    const char *s = json_string_value(v);
    json_t *out;

    (void)name;
    if (!s || !strchr(s, '['))
        return json_incref(v);
    buf_init(&b, (json_string_length(v) / 8 + 1) * (REPORT_VALUE_MAX_BYTES + 8));
    redact_restore(p->pairs, s, &b);
    out = b.over ? NULL : json_stringn(buf_str(&b), b.len);
    return out ? out : json_incref(v);
}

json_t *report_for_people(const json_t *report, const json_t *pairs)
{
    struct people p = {pairs};
    const struct rewrite rw = {&p, leaf_for_people, NULL, NULL, SIZE_MAX, false};

    return rewrite_json(&rw, report);
}

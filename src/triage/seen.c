/* What a decision was made of, written down and read back. */
#include "base/json.h"
#include "base/text.h"
#include "triage/replay.h"

static json_t *item_whole(const struct triage_item *x)
{
    return json_pack("{s:s, s:b, s:s, s:s, s:O, s:I}", "kind", x->kind, "ok", x->ok, "source",
                     x->source, "summary", x->summary, "body", x->body, "at_ms",
                     (json_int_t)x->at_ms);
}

json_t *seen_items(const struct triage_items *it)
{
    json_t *list = json_array();

    for (size_t i = 0; i < it->n; i++)
        json_array_append_new(list, it->v[i].num > 0 ? json_integer(it->v[i].num)
                                                     : item_whole(&it->v[i]));
    return list;
}

static int whole_read(const json_t *j, struct triage_items *it, struct err *e)
{
    const char *kind = json_opt_str(j, "kind"), *source = json_opt_str(j, "source");
    const char *summary = json_opt_str(j, "summary");
    json_t *body = json_opt_obj(j, "body");

    if (!kind || !source || !summary || !body)
        return err_set(e, ERR_INPUT, "an item of what was seen is damaged");
    if (!json_opt_bool(j, "ok", false))
        triage_items_not_checked(it, kind, source, summary);
    else if (!triage_items_add(it, kind, source, json_incref(body), json_opt_int(j, "at_ms", 0)))
        return err_set(e, ERR_INPUT, "more items than an assessment sees");
    return 0;
}

int seen_read(const json_t *items, seen_load_fn *load, void *arg, struct triage_items *it,
              struct err *e)
{
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *x = json_array_get(items, i);
        int rc =
            json_is_integer(x) ? load(arg, json_integer_value(x), it, e) : whole_read(x, it, e);

        if (rc < 0)
            return rc;
    }
    return 0;
}

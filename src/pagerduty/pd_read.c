#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "pagerduty/pd_priv.h"

const char *pd_copy(struct arena *a, const char *s, size_t max_bytes, bool *cut)
{
    size_t len = s ? strlen(s) : 0;
    size_t keep = len > max_bytes ? text_cut(s, len, max_bytes) : len;

    if (cut)
        *cut = keep < len;
    return s ? arena_strndup(a, s, keep) : NULL;
}

const char *pd_text(struct arena *a, const json_t *obj, const char *key, size_t max_bytes)
{
    return pd_copy(a, json_opt_str(obj, key), max_bytes, NULL);
}

const char *pd_type(struct arena *a, const json_t *obj)
{
    static const char tail[] = "_reference";
    const char *type = json_opt_str(obj, "type");
    size_t len = type ? strlen(type) : 0, tail_len = sizeof(tail) - 1;

    if (!type)
        return NULL;
    if (len > tail_len && strcmp(type + len - tail_len, tail) == 0)
        len -= tail_len;
    return arena_strndup(a, type, len > PD_SHORT_MAX_BYTES ? PD_SHORT_MAX_BYTES : len);
}

void pd_ref_read(struct arena *a, const json_t *ref, struct pd_ref *out)
{
    const char *id = json_opt_str(ref, "id");

    *out = (struct pd_ref){0};
    if (!id || !*id)
        return;
    out->id = pd_copy(a, id, PD_SHORT_MAX_BYTES, NULL);
    out->type = pd_type(a, ref);
    out->summary = pd_text(a, ref, "summary", PD_TITLE_MAX_BYTES);
    /* Asked for in full, a user, service or policy has its name here as well. */
    if (!out->summary)
        out->summary = pd_text(a, ref, "name", PD_TITLE_MAX_BYTES);
    out->html_url = pd_text(a, ref, "html_url", PD_URL_MAX_BYTES);
}

static size_t list_len(const json_t *list, size_t max)
{
    size_t n = json_array_size(list); /* 0 for NULL */

    return n > max ? max : n;
}

void pd_refs_read(struct arena *a, const json_t *list, const char *inner, struct pd_refs *out)
{
    size_t n = list_len(list, PD_REFS_MAX);

    *out = (struct pd_refs){0};
    if (n == 0)
        return;
    out->items = arena_array(a, n, sizeof(*out->items));
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(list, i);

        pd_ref_read(a, inner ? json_opt_obj(item, inner) : item, &out->items[out->n]);
        if (out->items[out->n].id)
            out->n++;
    }
}

void pd_since_read(struct arena *a, const json_t *list, const char *inner,
                   struct pd_since_list *out)
{
    size_t n = list_len(list, PD_REFS_MAX);

    *out = (struct pd_since_list){0};
    if (n == 0)
        return;
    out->items = arena_array(a, n, sizeof(*out->items));
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(list, i);
        struct pd_since *s = &out->items[out->n];

        pd_ref_read(a, inner ? json_opt_obj(item, inner) : item, &s->who);
        s->at_ms = json_opt_time_ms(item, "at", 0);
        if (s->who.id)
            out->n++;
    }
}

void pd_links_read(struct arena *a, const json_t *list, struct pd_link **out, size_t *n)
{
    size_t len = list_len(list, PD_REFS_MAX);

    *out = NULL;
    *n = 0;
    if (len == 0)
        return;
    *out = arena_array(a, len, sizeof(**out));
    for (size_t i = 0; i < len; i++) {
        const json_t *item = json_array_get(list, i);
        const char *href = json_opt_str(item, "href");

        if (!href) /* an image has its address here */
            href = json_opt_str(item, "src");
        if (!href)
            continue;
        (*out)[*n].href = pd_copy(a, href, PD_URL_MAX_BYTES, NULL);
        (*out)[*n].text = pd_text(a, item, "text", PD_SHORT_MAX_BYTES);
        (*n)++;
    }
}

int pd_open(const char *body, size_t len, const char *key, json_type kind, json_t **root,
            json_t **member, struct err *e)
{
    json_t *found;

    if (!body || len > PD_REPLY_MAX_BYTES)
        return err_set(e, ERR_INPUT, "PagerDuty answered %zu bytes, %zu are read at most", len,
                       PD_REPLY_MAX_BYTES);
    if (json_parse(body, len, PD_REPLY_MAX_TOKENS, root, e) < 0)
        return err_wrap(e, "PagerDuty's answer");
    found = json_object_get(*root, key);
    if (!found || json_typeof(found) != kind)
        return err_set(e, ERR_INPUT, "PagerDuty's answer has no %s \"%s\"",
                       kind == JSON_ARRAY ? "list" : "object", key);
    *member = found;
    return 0;
}

void pd_page_read(const json_t *root, size_t seen, struct pd_page *out)
{
    int64_t offset = json_opt_int(root, "offset", 0);
    int64_t limit = json_opt_int(root, "limit", 0);

    *out = (struct pd_page){0};
    /* A page that says "more" and holds nothing would be asked for again for ever. */
    if (!json_opt_bool(root, "more", false) || seen == 0)
        return;
    if (offset < 0 || offset > PD_OFFSET_MAX)
        offset = PD_OFFSET_MAX;
    if (limit <= 0 || limit > PD_OFFSET_MAX)
        limit = seen > PD_OFFSET_MAX ? PD_OFFSET_MAX : (int64_t)seen;
    /* offset + limit of the next call must stay within the limit, or it is a 400. */
    if (offset + 2 * limit > PD_OFFSET_MAX) {
        out->capped = true;
        return;
    }
    out->more = true;
    out->next_offset = offset + limit;
}

int pd_list_read(struct arena *a, const char *body, size_t len, const struct pd_list_kind *kind,
                 struct pd_list *out, struct err *e)
{
    AUTO(json_freep) json_t *root = NULL;
    json_t *list = NULL;
    struct pd_list l = {0};
    size_t room;

    if (pd_open(body, len, kind->key, JSON_ARRAY, &root, &list, e) < 0)
        return e->code;
    l.seen = json_array_size(list);
    room = l.seen < kind->max ? l.seen : kind->max;
    l.items = room > 0 ? arena_array(a, room, kind->item_bytes) : NULL;
    for (size_t i = 0; i < l.seen && l.n < room; i++) {
        char *item = (char *)l.items + l.n * kind->item_bytes;

        if (kind->read(a, json_array_get(list, i), kind->arg, item))
            l.n++;
        else
            memset(item, 0, kind->item_bytes); /* the next one expects it empty */
    }
    pd_page_read(root, l.seen, &l.page);
    *out = l;
    return 0;
}

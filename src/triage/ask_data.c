/* What of an item's body a model may see: words and numbers, but no id of PagerDuty's and no link into it. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "triage/ask_priv.h"

#define EPOCH_MS_MIN INT64_C(100000000000) /* 1973: what is smaller under a name in _ms is a span */
#define ID_MIN_CHARS 6

static bool text_ends(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);

    return n >= k && strcmp(s + n - k, end) == 0;
}

static bool is_id_name(const char *name)
{
    return text_eq(name, "id") || text_ends(name, "_id");
}

/* Members that are ids, keys of PagerDuty's, links into it, or addresses of people. */
static bool is_left_out(const char *name)
{
    static const char *const names[] = {"key", "html_url", "conference_url", "href", "email"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (text_eq(name, names[i]))
            return true;
    return is_id_name(name);
}

/* ---- alert details ---- */

/* The allow-list holds dotted paths; a row stands for all below it as well. */
static bool detail_allowed(const struct config_send *send, const char *path, size_t len)
{
    if (!send->details)
        return true;
    for (size_t i = 0; i < send->n_details; i++) {
        size_t n = strlen(send->details[i]);

        if (n <= len && memcmp(path, send->details[i], n) == 0 && (n == len || path[n] == '.'))
            return true;
    }
    return false;
}

static void detail_put(json_t *out, const char *path, size_t path_len, const char *value,
                       size_t len)
{
    AUTO(mem_freep) char *name = mem_strndup(path, path_len);
    const char *was = json_string_value(json_object_get(out, name));

    /* Equal paths are a stranger's doing; none of them may hide another. */
    if (was)
        json_object_set_new(out, name, json_sprintf("%s\n%.*s", was, (int)len, value));
    else
        json_object_set_new(out, name, json_stringn(value, len));
}

/* "path: value" lines as members, so that what a member's name gives away as a secret is taken out whole. */
static json_t *details_of(const struct config_send *send, const char *lines)
{
    json_t *out = json_object();

    while (lines && *lines) {
        const char *end = strchr(lines, '\n');
        size_t len = end ? (size_t)(end - lines) : strlen(lines);
        const char *colon = memmem(lines, len, ": ", 2);
        size_t path_len = colon ? (size_t)(colon - lines) : 0;

        if (path_len > 0 && path_len <= 200 && detail_allowed(send, lines, path_len))
            detail_put(out, lines, path_len, colon + 2, len - path_len - 2);
        else if (len > 0 && (path_len == 0 || path_len > 200) && !send->details)
            detail_put(out, "text", 4, lines, len);
        lines = end ? end + 1 : NULL;
    }
    return out;
}

/* ---- a body ---- */

struct data_ctx {
    const struct config_send *send;
    const char *kind;
};

static const char *data_name(void *ctx, const char *name, const json_t *v, char *into, size_t room)
{
    size_t n = strlen(name);

    (void)ctx;
    if (is_left_out(name) || text_eq(name, "links"))
        return NULL;
    if (!text_ends(name, "_ms") || !json_is_integer(v) || json_integer_value(v) < EPOCH_MS_MIN ||
        n >= room)
        return name;
    if (text_eq(name, "at_ms"))
        return "at";
    snprintf(into, room, "%.*s_at", (int)(n - 3), name);
    return into;
}

static json_t *data_leaf(void *ctx, const char *name, json_t *v)
{
    const struct data_ctx *c = ctx;
    char iso[TIME_ISO_MAX];

    if (json_is_null(v))
        return NULL;
    if (name && text_ends(name, "_ms") && json_is_integer(v) &&
        json_integer_value(v) >= EPOCH_MS_MIN)
        return json_string(time_format_iso(json_integer_value(v), false, iso));
    if (text_eq(name, "details") && json_is_string(v) &&
        (text_eq(c->kind, EV_ALERT) || text_eq(c->kind, EV_CHANGE)))
        return details_of(c->send, json_string_value(v));
    return json_incref(v);
}

/* A reference {id, name, type} is its name. */
static json_t *data_inside(void *ctx, const char *name, json_t *v)
{
    const char *said = json_opt_str(v, "name");

    (void)ctx;
    (void)name;
    if (json_object_size(v) > 3 || !json_opt_str(v, "id"))
        return NULL;
    if (!said)
        return json_object_size(v) == 1 ? json_string("(unnamed)") : NULL;
    return json_object_size(v) == 2 || json_opt_str(v, "type") ? json_string(said) : NULL;
}

json_t *ask_data(const struct triage_item *x, const struct config_send *send)
{
    struct data_ctx c = {send, x->kind};
    const struct rewrite rw = {&c, data_leaf, data_inside, data_name, SIZE_MAX, false};

    return rewrite_json(&rw, x->body);
}

/* ---- ids inside texts ---- */

/* PagerDuty's own ids are capitals and digits; a customer's field may be called service_id and hold a word. */
static bool is_pd_id(const char *s)
{
    return text_is_id(s) && strlen(s) >= ID_MIN_CHARS &&
           s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")] == '\0';
}

static void id_found(void *ctx, const char *name, const json_t *v)
{
    const char *s = json_string_value(v);

    if (name && is_id_name(name) && s && is_pd_id(s))
        json_object_set_new(ctx, s, json_true());
}

json_t *ask_ids(const struct triage_items *it)
{
    json_t *ids = json_object();

    for (size_t i = 0; i < it->n; i++)
        walk_leaves(it->v[i].body, id_found, ids);
    return ids;
}

static bool is_word(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool id_at(const json_t *ids, const char *s, size_t len)
{
    char word[33];

    if (len < ID_MIN_CHARS || len > 32)
        return false;
    memcpy(word, s, len);
    word[len] = '\0';
    return json_object_get(ids, word) != NULL;
}

static json_t *leaf_without_ids(void *ctx, const char *name, json_t *v)
{
    AUTO(buf_done) struct buf b = {0};
    const char *s = json_string_value(v), *from = s; /* what was not copied yet */
    bool any = false;

    (void)name;
    if (!s)
        return json_incref(v);
    buf_init(&b, 2 * json_string_length(v) + 64);
    while (*s) {
        size_t len = 0;

        while (is_word(s[len]))
            len++;
        if (id_at(ctx, s, len)) {
            buf_add(&b, from, (size_t)(s - from));
            buf_puts(&b, "(id)");
            from = s + len;
            any = true;
        }
        s += len ? len : 1;
    }
    if (!any)
        return json_incref(v);
    buf_puts(&b, from);
    return json_string(buf_str(&b));
}

json_t *ask_without_ids(const json_t *in, json_t *ids)
{
    const struct rewrite rw = {ids, leaf_without_ids, NULL, NULL, SIZE_MAX, false};

    return rewrite_json(&rw, in);
}

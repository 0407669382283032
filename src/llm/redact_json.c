#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "llm/redact_priv.h"

/*
 * A document, string by string. The way down is kept in a list of its own, for the depth is the document's. What a copy may grow to: a
 * placeholder is longer than a short find, never more than 64 bytes for one byte.
 */
struct level {
    const json_t *from; /* object or array */
    json_t *to;
    void *member; /* of an object: the iterator's next */
    size_t item;  /* of an array: the next */
};

struct copy {
    const struct redactor *r;
    struct redact_search *search;
    struct redacted *found;
    struct level *levels;
    size_t n, room;
};

/* jansson's iterators take no const although they change nothing. */
static json_t *plain(const json_t *j)
{
    union {
        const json_t *in;
        json_t *out;
    } u = {j};

    return u.out;
}

static json_t *text_of(struct copy *c, const char *s, size_t len)
{
    AUTO(buf_done) struct buf b;

    buf_init(&b, 64 * len + 128);
    redact_search_text(c->search, s, len, &b, c->found, NULL);
    CHECK(!b.over);
    return json_stringn(buf_str(&b), b.len);
}

/* The value of a member whose name says that it is a secret. An empty one, true, false and null tell nothing. */
static json_t *secret_of(struct copy *c, const json_t *j)
{
    AUTO(buf_done) struct buf b;
    const char *s = json_string_value(j);
    size_t len = json_string_length(j);
    char *dump = NULL;

    if (json_is_boolean(j) || json_is_null(j) || (s && len == 0))
        return json_incref(plain(j));
    if (s && redact_placeholder(c->r, s, len) == len)
        return json_incref(plain(j));
    if ((json_is_object(j) && json_object_size(j) == 0) ||
        (json_is_array(j) && json_array_size(j) == 0))
        return json_deep_copy(j);
    if (s == NULL)
        s = dump = json_canon(j, &len);
    buf_init(&b, 256);
    redact_put(c->r, REDACT_CLASS_MEMBER, s, len, &b, c->found);
    free(dump);
    return json_stringn(buf_str(&b), b.len);
}

static void level_add(struct copy *c, const json_t *from, json_t *to)
{
    if (c->n == c->room) {
        c->room = c->room ? 2 * c->room : 16;
        c->levels = mem_grow(c->levels, c->room, sizeof *c->levels);
    }
    c->levels[c->n++] =
        (struct level){from, to, json_is_object(from) ? json_object_iter(plain(from)) : NULL, 0};
}

/* The copy of a value; what is within an object or an array follows later. */
static json_t *begin(struct copy *c, const json_t *j)
{
    json_t *to;

    if (json_is_string(j))
        return text_of(c, json_string_value(j), json_string_length(j));
    if (!json_is_object(j) && !json_is_array(j))
        return json_incref(plain(j));
    to = json_is_object(j) ? json_object() : json_array();
    level_add(c, j, to);
    return to;
}

static const char *sibling(const json_t *object, const char *key, size_t len, const char *name)
{
    AUTO(buf_done) struct buf b;

    buf_init(&b, len + 16);
    buf_add(&b, key, len);
    buf_puts(&b, name);
    return json_opt_str(object, buf_str(&b));
}

/*
 * {"name": "DB_PASSWORD", "value": "..."}: the way environments and labels are often told. As paths: "env.3.name" and "env.3.value".
 */
static bool is_named_value(const json_t *object, const char *key)
{
    static const char *const names[] = {"name", "key", "Name", "Key"};
    size_t len = strlen(key), head = len > 5 ? len - 5 : 0;

    if (!(text_eq(key + head, "value") || text_eq(key + head, "Value")) ||
        (head > 0 && key[head - 1] != '.'))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *name = sibling(object, key, head, names[i]);

        if (name && redact_name_is_secret(name))
            return true;
    }
    return false;
}

/* Names are texts too. Two that become equal (both too long to search, say) must not hide each other's values. */
static void member_set(struct copy *c, json_t *to, const char *key, json_t *value)
{
    AUTO(buf_done) struct buf b;
    size_t len = strlen(key);

    buf_init(&b, 64 * len + 128 + json_object_size(to));
    redact_search_text(c->search, key, len, &b, c->found, NULL);
    CHECK(!b.over);
    while (json_object_get(to, buf_str(&b)))
        buf_putc(&b, '\'');
    json_object_set_new(to, buf_str(&b), value);
}

static void object_step(struct copy *c)
{
    struct level *l = &c->levels[c->n - 1];
    const json_t *from = l->from, *value;
    json_t *to = l->to;
    const char *key;

    if (l->member == NULL) {
        c->n--;
        return;
    }
    key = json_object_iter_key(l->member);
    value = json_object_iter_value(l->member);
    l->member = json_object_iter_next(plain(from), l->member); /* l may move from here on */
    if (c->r->members && (redact_name_is_secret(key) || is_named_value(from, key)))
        member_set(c, to, key, secret_of(c, value));
    else
        member_set(c, to, key, begin(c, value));
}

static void array_step(struct copy *c)
{
    struct level *l = &c->levels[c->n - 1];
    json_t *to = l->to;

    if (l->item >= json_array_size(l->from)) {
        c->n--;
        return;
    }
    json_array_append_new(to, begin(c, json_array_get(l->from, l->item++)));
}

json_t *redact_json(const struct redactor *r, const json_t *j, struct redacted *found)
{
    AUTO(redact_search_freep) struct redact_search *search = redact_search_new(r);
    struct copy c = {.r = r, .search = search, .found = found};
    json_t *out = begin(&c, j);

    while (c.n > 0) {
        if (json_is_object(c.levels[c.n - 1].from))
            object_step(&c);
        else
            array_step(&c);
    }
    mem_freep(&c.levels);
    return out;
}

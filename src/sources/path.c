/* A small subset of JSON paths, walked with a stack of its own: how deep an answer nests is the answer's business. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "sources/sources_priv.h"

#define FILTER_TEXT_MAX 120

static int segment_add(struct src_path *p, struct src_segment s, struct err *e)
{
    if (p->n < SRC_SEGMENTS_MAX) {
        p->v[p->n++] = s;
        return 0;
    }
    mem_freep(&s.key);
    mem_freep(&s.text);
    return err_set(e, ERR_INPUT, "the path has more than %d parts", SRC_SEGMENTS_MAX);
}

static int index_parse(const char *inner, size_t len, struct src_path *p, struct err *e)
{
    size_t v = 0;

    if (len > 6)
        return err_set(e, ERR_INPUT, "the path has an index over 999999");
    for (size_t i = 0; i < len; i++)
        v = v * 10 + (size_t)(inner[i] - '0');
    return segment_add(p, (struct src_segment){.kind = SRC_INDEX, .index = v}, e);
}

/* key=text, key!=text */
static int filter_parse(const char *inner, size_t len, struct src_path *p, struct err *e)
{
    const char *eq = memchr(inner, '=', len);
    struct src_segment s = {.kind = SRC_FILTER};
    size_t key_len, text_len;

    if (!eq || eq == inner)
        return err_set(e, ERR_INPUT,
                       "the path has [...] that is no number, [*], [\"key\"] or [key=text]");
    s.differs = eq[-1] == '!';
    key_len = (size_t)(eq - inner) - s.differs;
    text_len = len - (size_t)(eq + 1 - inner);
    if (key_len == 0 || text_len == 0 || text_len > FILTER_TEXT_MAX)
        return err_set(e, ERR_INPUT, "the path has a [key=text] without a key or a text");
    s.key = mem_strndup(inner, key_len);
    s.text = mem_strndup(eq + 1, text_len);
    return segment_add(p, s, e);
}

static size_t digits(const char *s, size_t len)
{
    size_t n = 0;

    while (n < len && isdigit((unsigned char)s[n]))
        n++;
    return n;
}

static int bracket_parse(const char *text, size_t *at, struct src_path *p, struct err *e)
{
    const char *inner = text + *at + 1, *close;
    size_t len;

    if (inner[0] == '"') {
        close = strstr(inner + 1, "\"]");
        if (!close || close == inner + 1)
            return err_set(e, ERR_INPUT, "the path has a [\"key\"] that does not end");
        *at = (size_t)(close + 2 - text);
        return segment_add(
            p,
            (struct src_segment){.kind = SRC_KEY,
                                 .key = mem_strndup(inner + 1, (size_t)(close - inner) - 1)},
            e);
    }
    close = strchr(inner, ']');
    if (!close || close == inner)
        return err_set(e, ERR_INPUT, "the path has a [ without its ]");
    len = (size_t)(close - inner);
    *at = (size_t)(close + 1 - text);
    if (len == 1 && inner[0] == '*')
        return segment_add(p, (struct src_segment){.kind = SRC_ALL}, e);
    return digits(inner, len) == len ? index_parse(inner, len, p, e)
                                     : filter_parse(inner, len, p, e);
}

static int key_parse(const char *text, size_t *at, struct src_path *p, struct err *e)
{
    size_t len = strcspn(text + *at, ".[]{}");

    if (len == 0)
        return err_set(e, ERR_INPUT, "the path has a part without a name at byte %zu", *at);
    if (segment_add(p, (struct src_segment){.kind = SRC_KEY, .key = mem_strndup(text + *at, len)},
                    e) < 0)
        return e->code;
    *at += len;
    return 0;
}

int src_path_parse(const char *text, struct src_path *out, struct err *e)
{
    struct src_path p = {0};
    size_t at = 0;
    int rc = 0;

    if (strcmp(text, ".") == 0)
        text = "";
    while (rc == 0 && text[at] != '\0') {
        if (text[at] == '[') {
            rc = bracket_parse(text, &at, &p, e);
            continue;
        }
        if (at > 0 && text[at] != '.')
            rc = err_set(e, ERR_INPUT, "the path needs a dot at byte %zu", at);
        else
            at += at > 0;
        if (rc == 0)
            rc = key_parse(text, &at, &p, e);
    }
    if (rc < 0) {
        src_path_done(&p);
        return rc;
    }
    *out = p;
    return 0;
}

void src_path_done(struct src_path *p)
{
    for (size_t i = 0; i < p->n; i++) {
        mem_freep(&p->v[i].key);
        mem_freep(&p->v[i].text);
    }
    p->n = 0;
}

/* ---- the walk ---- */

static bool scalar_is(const json_t *v, const char *text)
{
    char number[32];

    if (json_is_string(v))
        return strcmp(json_string_value(v), text) == 0;
    if (json_is_integer(v)) {
        (void)snprintf(number, sizeof number, "%lld", (long long)json_integer_value(v));
        return strcmp(number, text) == 0;
    }
    if (json_is_boolean(v))
        return strcmp(json_is_true(v) ? "true" : "false", text) == 0;
    return json_is_null(v) && strcmp(text, "null") == 0;
}

static bool passes(const struct src_segment *s, const json_t *v)
{
    if (s->kind == SRC_ALL)
        return true;
    return json_is_object(v) && scalar_is(json_object_get(v, s->key), s->text) != s->differs;
}

/* A list that a [*] or a filter walks: where it stands. */
struct level {
    json_t *list;
    size_t next, segment;
};

/* Goes down from v along the segments that have one value each. The value at the next list or at the end; NULL: there is none. */
static json_t *descend(const struct src_path *p, json_t *v, size_t *segment)
{
    for (; v && *segment < p->n; (*segment)++) {
        const struct src_segment *s = &p->v[*segment];

        if (s->kind == SRC_KEY)
            v = json_object_get(v, s->key);
        else if (s->kind == SRC_INDEX)
            v = json_array_get(v, s->index);
        else
            return json_is_array(v) ? v : NULL;
    }
    return v;
}

size_t src_path_walk(const struct src_path *p, json_t *root, size_t *visits, json_t **out,
                     size_t max)
{
    struct level stack[SRC_SEGMENTS_MAX];
    size_t depth = 0, found = 0, segment = 0;
    json_t *v = descend(p, root, &segment);

    if (v && segment == p->n) {
        out[found++] = v;
        return found;
    }
    if (v)
        stack[depth++] = (struct level){v, 0, segment};
    while (depth > 0 && found<max && * visits> 0) {
        struct level *top = &stack[depth - 1];

        if (top->next >= json_array_size(top->list)) {
            depth--;
            continue;
        }
        (*visits)--;
        v = json_array_get(top->list, top->next++);
        if (!passes(&p->v[top->segment], v))
            continue;
        segment = top->segment + 1;
        v = descend(p, v, &segment);
        if (v && segment == p->n)
            out[found++] = v;
        else if (v)
            stack[depth++] = (struct level){v, 0, segment};
    }
    return found;
}

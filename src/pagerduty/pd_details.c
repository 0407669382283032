/* Flattening of free JSON (alert details, change details, channels) into lines, bounded and without recursion. */
#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "pagerduty/pd_priv.h"

#define PATH_MAX_BYTES  512
#define VALUE_MAX_BYTES 4096

/* One open object or array: where we are in it, and how long the path was when it opened. */
struct level {
    json_t *j;
    void *iter;   /* of an object */
    size_t index; /* of an array */
    size_t path_len;
};

struct walk {
    struct level stack[JSON_TEXT_MAX_DEPTH];
    size_t depth;
    char path[PATH_MAX_BYTES + 1];
    size_t path_len;
    size_t lines;
    bool cut;
    struct buf out;
};

static void path_set(struct walk *w, size_t base, const char *part)
{
    size_t len = strlen(part), room, keep;

    w->path_len = base;
    if (base > 0 && base < PATH_MAX_BYTES)
        w->path[w->path_len++] = '.';
    room = PATH_MAX_BYTES - w->path_len;
    keep = len > room ? text_cut(part, len, room) : len;
    w->cut |= keep < len;
    memcpy(w->path + w->path_len, part, keep);
    w->path_len += keep;
    w->path[w->path_len] = '\0';
}

static void line_text(struct walk *w, const char *s, size_t len)
{
    size_t keep = len > VALUE_MAX_BYTES ? text_cut(s, len, VALUE_MAX_BYTES) : len;

    w->cut |= keep < len;
    /* One value is one line, or a value could pass itself off as the next member. */
    for (size_t i = 0; i < keep; i++)
        buf_putc(&w->out, s[i] == '\n' || s[i] == '\r' ? ' ' : s[i]);
}

static void line_add(struct walk *w, const json_t *value)
{
    w->lines++;
    if (w->out.len > 0)
        buf_putc(&w->out, '\n');
    line_text(w, w->path, w->path_len);
    buf_puts(&w->out, ": ");
    switch (json_typeof(value)) {
    case JSON_STRING:
        line_text(w, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        buf_printf(&w->out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        buf_printf(&w->out, "%.15g", json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        buf_puts(&w->out, json_is_true(value) ? "true" : "false");
        break;
    case JSON_NULL:
        buf_puts(&w->out, "null");
        break;
    case JSON_OBJECT:
        buf_puts(&w->out, "{}"); /* an empty one, or one too deep */
        break;
    case JSON_ARRAY:
        buf_puts(&w->out, "[]");
        break;
    }
}

static bool has_children(const json_t *j)
{
    return json_object_size(j) > 0 || json_array_size(j) > 0;
}

static void enter(struct walk *w, json_t *j)
{
    if (!has_children(j) || w->depth == JSON_TEXT_MAX_DEPTH) {
        line_add(w, j);
        return;
    }
    w->stack[w->depth++] = (struct level){j, json_object_iter(j), 0, w->path_len};
}

/* The next child of the innermost level, or NULL; sets the path to it. */
static json_t *next_child(struct walk *w)
{
    struct level *l = &w->stack[w->depth - 1];
    json_t *child;
    char number[24];

    if (json_is_object(l->j)) {
        if (!l->iter)
            return NULL;
        path_set(w, l->path_len, json_object_iter_key(l->iter));
        child = json_object_iter_value(l->iter);
        l->iter = json_object_iter_next(l->j, l->iter);
        return child;
    }
    child = json_array_get(l->j, l->index);
    if (!child)
        return NULL;
    snprintf(number, sizeof(number), "%zu", l->index++);
    path_set(w, l->path_len, number);
    return child;
}

const char *pd_details(struct arena *a, json_t *j, bool *cut)
{
    struct walk w = {.depth = 0};
    char *text = NULL;

    *cut = false;
    if (!j || json_is_null(j))
        return NULL;
    if (json_is_string(j))
        return json_string_length(j) > 0
                   ? pd_copy(a, json_string_value(j), PD_DETAILS_MAX_BYTES, cut)
                   : NULL;
    if (!has_children(j))
        return NULL;
    buf_init(&w.out, PD_DETAILS_MAX_BYTES + VALUE_MAX_BYTES + PATH_MAX_BYTES + 64);
    w.stack[w.depth++] = (struct level){j, json_object_iter(j), 0, 0};
    while (w.depth > 0 && w.out.len < PD_DETAILS_MAX_BYTES && w.lines < PD_DETAILS_MAX_LINES) {
        json_t *child = next_child(&w);

        if (child)
            enter(&w, child);
        else
            w.depth--;
    }
    /* A walk that stopped early has a child left somewhere. */
    while (w.depth > 0 && !w.cut) {
        if (next_child(&w))
            w.cut = true;
        else
            w.depth--;
    }
    text = arena_strndup(a, buf_str(&w.out),
                         w.out.len > PD_DETAILS_MAX_BYTES
                             ? text_cut(buf_str(&w.out), w.out.len, PD_DETAILS_MAX_BYTES)
                             : w.out.len);
    *cut = w.cut || w.out.len > PD_DETAILS_MAX_BYTES;
    buf_done(&w.out);
    return text;
}

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "sandbox/model.h"

/* What a request holds: its schema, the document that is to be triaged, handles, and orders that somebody hid in a text. */

enum {
    STACK_MAX = 4096,
    UNESCAPE_ROUNDS = 3
};

/* No recursion on outside depth: what is still to be seen stands on a stack of our own. */
void model_each_string(const json_t *root, bool (*fn)(const char *text, void *arg), void *arg)
{
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers is meant */
    const json_t **stack = mem_array(STACK_MAX, sizeof *stack);
    size_t n = 0;
    bool go = true;

    stack[n++] = root;
    while (n > 0 && go) {
        const json_t *j = stack[--n];

        if (json_is_string(j))
            go = fn(json_string_value(j), arg);
        if (json_is_array(j))
            for (size_t i = json_array_size(j); i-- > 0 && n < STACK_MAX;)
                stack[n++] = json_array_get(j, i);
        if (json_is_object(j)) {
            /* An object's iterator wants the pointer without const, but only reads. */
            union {
                const json_t *c;
                json_t *m;
            } u = {.c = j};

            for (void *it = json_object_iter(u.m); it != NULL && n < STACK_MAX;
                 it = json_object_iter_next(u.m, it))
                stack[n++] = json_object_iter_value(it);
        }
    }
    free(stack);
}

static bool collect(const char *text, void *arg)
{
    json_t *list = arg;

    for (const char *p = text; *p != '\0'; p++) {
        size_t digits = strspn(p + 1, "0123456789");
        char name[8];
        bool known = false;

        if (*p != 'E' || digits == 0 || digits > 5 || (p > text && isalnum((unsigned char)p[-1])) ||
            isalnum((unsigned char)p[1 + digits]))
            continue;
        memcpy(name, p, digits + 1);
        name[digits + 1] = '\0';
        for (size_t i = 0; i < json_array_size(list); i++)
            known = known || text_eq(json_string_value(json_array_get(list, i)), name);
        if (!known)
            json_array_append_new(list, json_string(name));
        p += digits;
    }
    return json_array_size(list) < 200;
}

json_t *model_handles(const json_t *request)
{
    json_t *list = json_array();
    const json_t *messages = json_object_get(request, "messages");

    model_each_string(messages != NULL ? messages : request, collect, list);
    return list;
}

/* The text may stand in JSON inside JSON, so its quotes may be escaped more than once. */
static json_t *parse_unescaping(const char *text, size_t len)
{
    char *now = mem_strndup(text, len);
    json_t *found = NULL;

    for (int round = 0; round <= UNESCAPE_ROUNDS && found == NULL; round++) {
        struct buf quoted;
        json_t *inner;

        found = json_loads(now, JSON_DECODE_ANY, NULL);
        if (found != NULL)
            break;
        buf_init(&quoted, (size_t)4 << 20);
        buf_putc(&quoted, '"');
        buf_puts(&quoted, now);
        buf_putc(&quoted, '"');
        inner = json_loads(buf_str(&quoted), JSON_DECODE_ANY, NULL);
        buf_done(&quoted);
        if (!json_is_string(inner)) {
            json_decref(inner);
            break;
        }
        free(now);
        now = mem_strdup(json_string_value(inner));
        json_decref(inner);
    }
    free(now);
    return found;
}

static bool find_reply(const char *text, void *arg)
{
    static const char begin[] = "BEGIN_REPLY", end[] = "END_REPLY";
    const char *from = strstr(text, begin), *to;
    json_t **out = arg;

    if (from == NULL)
        return true;
    from += sizeof begin - 1;
    to = strstr(from, end);
    if (to != NULL)
        *out = parse_unescaping(from, (size_t)(to - from));
    return *out == NULL;
}

json_t *model_obey(const json_t *request)
{
    json_t *found = NULL;

    model_each_string(request, find_reply, &found);
    return found;
}

const json_t *model_schema(const json_t *request)
{
    static const char *const places[] = {"response_format.json_schema.schema",
                                         "response_format.schema", "output_config.format.schema",
                                         "format", "structured_outputs.json"};

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        const json_t *s = json_at(request, places[i]);

        if (json_is_object(s))
            return s;
    }
    return NULL;
}

static bool parse_document(const char *text, void *arg)
{
    json_t **out = arg, *j = text[0] == '{' ? json_loads(text, 0, NULL) : NULL;

    if (json_is_array(json_object_get(j, "evidence")) && *out == NULL)
        *out = json_incref(j);
    json_decref(j);
    return *out == NULL;
}

/* In a repair round the document is not the last message, so all of the user's are looked at. */
json_t *model_document(const json_t *request)
{
    const json_t *messages = json_opt_arr(request, "messages");
    json_t *doc = NULL;

    for (size_t i = 0; i < json_array_size(messages) && doc == NULL; i++) {
        const json_t *m = json_array_get(messages, i);

        if (text_eq(json_opt_str(m, "role"), "user"))
            model_each_string(json_object_get(m, "content"), parse_document, &doc);
    }
    return doc;
}

/* ---- citing ---- */

enum {
    QUOTE_MIN = 12,
    QUOTE_MAX = 120
};

/* Bytes of a character that a check may take out of a text: control, zero-width and direction marks. 0: none stands here. */
static size_t unquotable(const unsigned char *s)
{
    if (s[0] < 0x20 || s[0] == 0x7f)
        return 1;
    if (s[0] == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f)
        return 2;
    if ((s[0] == 0xe2 && s[1] == 0x80 &&
         ((s[2] >= 0x8b && s[2] <= 0x8f) || (s[2] >= 0xa8 && s[2] <= 0xae))) ||
        (s[0] == 0xe2 && s[1] == 0x81 && s[2] >= 0xa0 && s[2] <= 0xa9) ||
        (s[0] == 0xef && s[1] == 0xbb && s[2] == 0xbf))
        return 3;
    return 0;
}

/* The first run of at least min bytes that can be quoted as it stands; len 0: none. */
static const char *quotable(const char *text, size_t min, size_t *len)
{
    const char *run = text, *p = text;

    for (;; p++) {
        size_t skip = *p == '\0' ? 1 : unquotable((const unsigned char *)p);

        if (skip == 0)
            continue;
        while (run < p && *run == ' ')
            run++;
        *len = text_cut(run, (size_t)(p - run), QUOTE_MAX);
        while (*len > 0 && run[*len - 1] == ' ')
            --*len;
        if (*len >= min || *p == '\0')
            break;
        p += skip - 1;
        run = p + 1;
    }
    if (*len < min)
        *len = 0;
    return run;
}

struct quote {
    const char *text; /* borrowed */
    size_t len;
    bool whole; /* a value that is shorter than QUOTE_MIN is taken whole */
};

static bool take_quote(const char *text, void *arg)
{
    struct quote *q = arg;
    size_t len = 0;
    const char *run = quotable(text, q->whole ? 1 : QUOTE_MIN, &len);

    if (len == 0 || text_starts(run, "http") || (q->whole && len != strlen(text)))
        return true;
    q->text = run;
    q->len = len;
    return false;
}

json_t *model_cite(const json_t *item)
{
    /* Where the items of our kinds say the most; anything else is found by the walk behind. */
    static const char *const best[] = {"summary", "quote", "title",   "content",
                                       "text",    "lines", "heading", "details"};
    const char *id = json_opt_str(item, "id");
    const json_t *data = json_object_get(item, "data");
    struct quote q = {0};

    for (size_t i = 0; i < ARRAY_LEN(best) && q.text == NULL; i++)
        if (json_object_get(data, best[i]) != NULL)
            model_each_string(json_object_get(data, best[i]), take_quote, &q);
    if (q.text == NULL && data != NULL)
        model_each_string(data, take_quote, &q);
    q.whole = true;
    if (q.text == NULL && data != NULL)
        model_each_string(data, take_quote, &q);
    if (id == NULL || q.text == NULL)
        return NULL;
    return json_pack("{s:s, s:s%}", "id", id, "quote", q.text, q.len);
}

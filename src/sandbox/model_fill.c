#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "sandbox/model.h"

/* The helpful and the obeying model: they read the request as text and fill in a form. */

enum {
    STACK_MAX = 4096,
    DEPTH_MAX = 12,
    UNESCAPE_ROUNDS = 3
};

/* Every string of the document, in order, to a callback that may stop the walk; no recursion on outside depth. */
static void each_string(const json_t *root, bool (*fn)(const char *text, void *arg), void *arg)
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

    each_string(messages != NULL ? messages : request, collect, list);
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

    each_string(request, find_reply, &found);
    return found;
}

/* ---- filling a form ---- */

static json_t *fill(const json_t *root, const json_t *schema, const char *name,
                    const json_t *handles, int depth);

static const json_t *follow(const json_t *root, const json_t *schema)
{
    for (int hops = 0; hops < 8; hops++) {
        const char *ref = json_opt_str(schema, "$ref");

        if (ref == NULL || !text_starts(ref, "#/$defs/"))
            return schema;
        schema = json_object_get(json_object_get(root, "$defs"), ref + 8);
    }
    return schema;
}

static json_t *fill_object(const json_t *root, const json_t *schema, const json_t *handles,
                           int depth)
{
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *required = json_object_get(schema, "required");
    json_t *o = json_object();

    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *name = json_string_value(json_array_get(required, i));

        if (name != NULL)
            json_object_set_new(
                o, name, fill(root, json_object_get(properties, name), name, handles, depth + 1));
    }
    return o;
}

/* Lists of handles cite the first ones; other lists stay as short as the schema allows, but never empty of claims. */
static json_t *fill_array(const json_t *root, const json_t *schema, const char *name,
                          const json_t *handles, int depth)
{
    const json_t *items = follow(root, json_object_get(schema, "items"));
    int64_t min = json_opt_int(schema, "minItems", 0), max = json_opt_int(schema, "maxItems", 2);
    json_t *list = json_array();
    bool cites = text_eq(json_opt_str(items, "type"), "string") &&
                 json_object_get(items, "enum") == NULL &&
                 (strstr(name, "evidence") != NULL || strstr(name, "cite") != NULL ||
                  strstr(name, "handle") != NULL || strstr(name, "refs") != NULL);

    if (cites) {
        for (size_t i = 0; i < json_array_size(handles) && (int64_t)i < max && i < 2; i++)
            json_array_append(list, json_array_get(handles, i));
        return list;
    }
    if (min == 0 && json_object_get(items, "properties") != NULL && max > 0)
        min = json_array_size(handles) > 0 ? 1 : 0;
    for (int64_t i = 0; i < min && i < 8; i++)
        json_array_append_new(list, fill(root, items, name, handles, depth + 1));
    return list;
}

static json_t *fill_string(const json_t *schema, const char *name, const json_t *handles)
{
    const json_t *first = json_array_get(handles, 0);
    const char *pattern = json_opt_str(schema, "pattern");
    int64_t max = json_opt_int(schema, "maxLength", 200);
    char text[] = "The evidence points at a recent change; see the items cited.";

    if (first != NULL &&
        ((pattern != NULL && strstr(pattern, "^E") != NULL) || strstr(name, "evidence") != NULL ||
         strstr(name, "handle") != NULL || strcmp(name, "ref") == 0))
        return json_string(json_string_value(first));
    if (strcmp(name, "quote") == 0)
        return json_string("");
    return json_stringn(text, max < (int64_t)strlen(text) ? (size_t)max : strlen(text));
}

static const char *type_of(const json_t *schema)
{
    const json_t *type = json_object_get(schema, "type");

    if (json_is_array(type)) /* "string or null": the first one that says something */
        for (size_t i = 0; i < json_array_size(type); i++)
            if (!text_eq(json_string_value(json_array_get(type, i)), "null"))
                return json_string_value(json_array_get(type, i));
    return json_string_value(type);
}

static json_t *fill(const json_t *root, const json_t *schema, const char *name,
                    const json_t *handles, int depth)
{
    const json_t *choices;
    const char *type;

    schema = follow(root, schema);
    if (depth > DEPTH_MAX || schema == NULL)
        return json_null();
    if (json_object_get(schema, "const") != NULL)
        return json_deep_copy(json_object_get(schema, "const"));
    choices = json_object_get(schema, "enum");
    if (json_array_size(choices) > 0)
        return json_deep_copy(json_array_get(choices, 0));
    choices = json_object_get(schema, "anyOf");
    if (json_array_size(choices) > 0)
        return fill(root, json_array_get(choices, 0), name, handles, depth + 1);
    type = type_of(schema);
    if (text_eq(type, "object"))
        return fill_object(root, schema, handles, depth);
    if (text_eq(type, "array"))
        return fill_array(root, schema, name, handles, depth);
    if (text_eq(type, "string"))
        return fill_string(schema, name, handles);
    if (text_eq(type, "boolean"))
        return json_false();
    if (text_eq(type, "integer") || text_eq(type, "number"))
        return json_integer(json_opt_int(schema, "minimum", 0));
    return json_null();
}

json_t *model_fill(const json_t *schema, const json_t *handles)
{
    return fill(schema, schema, "", handles, 0);
}

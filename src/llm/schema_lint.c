/*
 * The part of JSON Schema that every endpoint's strict mode takes. What lies outside is refused by one vendor, and dropped in silence by
 * the next, so it is found when the prompt is loaded.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "llm/dialect.h"

enum {
    LINT_DEPTH = 4, /* objects within objects */
    LINT_PROPERTIES = 60,
    LINT_ENUM = 250,
    LINT_WAITING = 512,
    LINT_POINTER = 160,
};

struct spot {
    const json_t *node;
    unsigned depth;
    char pointer[LINT_POINTER];
};
/* What is still to be looked at stands on a stack of our own: no recursion on the depth of a file. */
struct lint {
    struct spot *waiting;
    size_t n, properties, values;
    struct err *e;
};

static json_t *for_iterator(const json_t *j)
{
    return (
        json_t *)(uintptr_t)j; /* jansson's iterators take no const although they change nothing */
}

static int wrong(struct lint *l, const struct spot *s, const char *what)
{
    return err_set(l->e, ERR_INPUT, "%s: %s", s->pointer[0] ? s->pointer : "/", what);
}

static int push(struct lint *l, const struct spot *from, const char *key, const json_t *node,
                unsigned depth)
{
    struct spot *s = &l->waiting[l->n];

    if (!json_is_object(node))
        return wrong(l, from, "holds a schema that is no object");
    if (l->n == LINT_WAITING)
        return wrong(l, from, "too large");
    *s = (struct spot){.node = node, .depth = depth};
    if (snprintf(s->pointer, sizeof s->pointer, "%s/%s", from->pointer, key) >=
        (int)sizeof s->pointer)
        return wrong(l, from, "nested too deep");
    l->n++;
    return 0;
}

static bool is_type(const char *name)
{
    static const char *const types[] = {"object",  "array",  "string", "boolean",
                                        "integer", "number", "null"};

    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (text_eq(types[i], name))
            return true;
    return false;
}

/* Sets *object when the type allows an object. */
static int check_type(struct lint *l, const struct spot *s, bool *object)
{
    const json_t *type = json_object_get(s->node, "type");
    size_t n = json_is_array(type) ? json_array_size(type) : 1;

    *object = false;
    if (json_object_get(s->node, "anyOf"))
        return type ? wrong(l, s, "type beside anyOf") : 0;
    if (n != 1 && n != 2)
        return wrong(l, s, "type is one type, or one type and null");
    for (size_t i = 0; i < n; i++) {
        const char *name = json_string_value(json_is_array(type) ? json_array_get(type, i) : type);

        if (!is_type(name))
            return wrong(l, s, "has no known type");
        if (n == 2 && (i == 1) != text_eq(name, "null"))
            return wrong(l, s, "type is one type, or one type and null");
        *object = *object || text_eq(name, "object");
    }
    return 0;
}

static int check_keywords(struct lint *l, const struct spot *s)
{
    static const char *const known[] = {"type",  "properties", "required", "additionalProperties",
                                        "items", "enum",       "anyOf",    "description",
                                        "title"};
    const char *key;
    json_t *value;

    json_object_foreach (for_iterator(s->node), key, value) {
        bool found = false;

        for (size_t i = 0; i < ARRAY_LEN(known); i++)
            found = found || text_eq(known[i], key);
        if (!found)
            return err_set(l->e, ERR_INPUT, "%s: keyword '%.40s' is not taken by every endpoint",
                           s->pointer[0] ? s->pointer : "/", key);
    }
    return 0;
}

static int check_enum(struct lint *l, const struct spot *s)
{
    const json_t *values = json_object_get(s->node, "enum");

    if (!values)
        return 0;
    if (json_array_size(values) == 0)
        return wrong(l, s, "enum is a list with at least one value");
    for (size_t i = 0; i < json_array_size(values); i++) {
        const json_t *v = json_array_get(values, i);

        if (!json_is_string(v) && !json_is_null(v))
            return wrong(l, s, "enum takes strings and null");
    }
    l->values += json_array_size(values);
    return l->values > LINT_ENUM ? wrong(l, s, "more than 250 enum values in all") : 0;
}

static int check_object(struct lint *l, const struct spot *s)
{
    const json_t *properties = json_object_get(s->node, "properties"),
                 *required = json_object_get(s->node, "required");
    const char *key;
    json_t *value;

    if (!json_is_object(properties) ||
        !json_is_false(json_object_get(s->node, "additionalProperties")))
        return wrong(l, s, "an object has properties and \"additionalProperties\": false");
    if (s->depth > LINT_DEPTH)
        return wrong(l, s, "more than 4 objects within each other");
    l->properties += json_object_size(properties);
    if (l->properties > LINT_PROPERTIES)
        return wrong(l, s, "more than 60 properties in all");
    if (json_array_size(required) != json_object_size(properties))
        return wrong(l, s, "required names every property, once: what may be missing is null");
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *name = json_string_value(json_array_get(required, i));

        for (size_t k = 0; k < i; k++)
            if (text_eq(name, json_string_value(json_array_get(required, k))))
                return wrong(l, s, "required names a property twice");
        if (!name || !json_object_get(properties, name))
            return wrong(l, s, "required names what is no property");
    }
    json_object_foreach (for_iterator(properties), key, value) {
        char at[LINT_POINTER];

        (void)snprintf(at, sizeof at, "properties/%.100s", key);
        if (push(l, s, at, value, s->depth + 1) < 0)
            return l->e->code;
    }
    return 0;
}

static int check_any_of(struct lint *l, const struct spot *s)
{
    const json_t *list = json_object_get(s->node, "anyOf");

    if (list && json_array_size(list) == 0)
        return wrong(l, s, "anyOf is a list with at least one schema");
    for (size_t i = 0; i < json_array_size(list); i++) {
        char at[32];

        (void)snprintf(at, sizeof at, "anyOf/%zu", i);
        if (push(l, s, at, json_array_get(list, i), s->depth) < 0)
            return l->e->code;
    }
    return 0;
}

static int check_node(struct lint *l, const struct spot *s)
{
    const json_t *items = json_object_get(s->node, "items");
    bool object;

    if (check_keywords(l, s) < 0 || check_type(l, s, &object) < 0 || check_enum(l, s) < 0 ||
        check_any_of(l, s) < 0)
        return l->e->code;
    if (!object && (json_object_get(s->node, "properties") || json_object_get(s->node, "required")))
        return wrong(l, s, "properties without the type object");
    if (object && check_object(l, s) < 0)
        return l->e->code;
    return items ? push(l, s, "items", items, s->depth) : 0;
}

int llm_schema_lint(const json_t *schema, struct err *e)
{
    struct lint l = {.e = e};
    struct spot root = {.node = schema, .depth = 1}, s;
    AUTO(mem_freep) struct spot *waiting = mem_array(LINT_WAITING, sizeof *waiting);

    l.waiting = waiting;
    if (!text_eq(json_string_value(json_object_get(schema, "type")), "object"))
        return wrong(&l, &root, "the root is an object");
    l.waiting[l.n++] = root;
    while (l.n > 0) {
        s = l.waiting[--l.n];
        if (check_node(&l, &s) < 0)
            return e->code;
    }
    return 0;
}

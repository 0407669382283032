#include "base/schema.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "schema_priv.h"

/* Turns the JSON of a schema into nodes, once; schema_check.c walks them. */

#define REF_PREFIX        "#/$defs/"
#define SCHEMA_MAX_TOKENS 50000

struct compiler {
    struct schema *s;
    struct err *e;
    unsigned depth;
};

static int refuse(struct compiler *c, const char *keyword, const char *why)
{
    return err_set(c->e, ERR_INPUT, "schema: '%.60s' %s", keyword, why);
}

static struct schema_node *node_new(struct compiler *c)
{
    struct schema_node *n = mem_alloc(sizeof(*n));

    n->types = TYPE_ANY;
    n->min_items = n->max_items = n->min_length = n->max_length = -1;
    n->min_properties = n->max_properties = -1;
    n->all_next = c->s->nodes;
    c->s->nodes = n;
    return n;
}

static int compile(struct compiler *c, json_t *j, struct schema_node **out);

/* NOLINTBEGIN(misc-no-recursion): one level per level of the schema, which json_prescan caps at 64 */

/* --- one function per kind of keyword value --- */

static int read_type_name(struct compiler *c, const json_t *v, unsigned *types)
{
    static const struct {
        const char *name;
        unsigned type;
    } names[] = {
        {"null", TYPE_NULL},     {"boolean", TYPE_BOOLEAN}, {"integer", TYPE_INTEGER},
        {"number", TYPE_NUMBER}, {"string", TYPE_STRING},   {"array", TYPE_ARRAY},
        {"object", TYPE_OBJECT},
    };

    for (size_t i = 0; json_is_string(v) && i < ARRAY_LEN(names); i++) {
        if (strcmp(json_string_value(v), names[i].name) == 0) {
            *types |= names[i].type;
            return 0;
        }
    }
    return refuse(c, "type", "names no JSON type");
}

static int read_types(struct compiler *c, struct schema_node *n, const json_t *v)
{
    n->types = 0;
    if (!json_is_array(v))
        return read_type_name(c, v, &n->types);
    if (json_array_size(v) == 0)
        return refuse(c, "type", "names no JSON type");
    for (size_t i = 0; i < json_array_size(v); i++)
        if (read_type_name(c, json_array_get(v, i), &n->types) < 0)
            return c->e->code;
    return 0;
}

static int read_count(struct compiler *c, const char *keyword, const json_t *v, int64_t *out)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return refuse(c, keyword, "must be a whole number from 0 on");
    *out = json_integer_value(v);
    return 0;
}

static int read_number(struct compiler *c, const char *keyword, const json_t *v, const json_t **out)
{
    if (!json_is_number(v))
        return refuse(c, keyword, "must be a number");
    *out = v;
    return 0;
}

static int read_required(struct compiler *c, struct schema_node *n, const json_t *v)
{
    if (!json_is_array(v))
        return refuse(c, "required", "must be a list of keys");
    for (size_t i = 0; i < json_array_size(v); i++)
        if (!json_is_string(json_array_get(v, i)))
            return refuse(c, "required", "must be a list of keys");
    n->required = v;
    return 0;
}

static int read_pattern(struct compiler *c, const char *text, pcre2_code **out)
{
    int code;
    PCRE2_SIZE at;

    *out =
        pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
                      PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY, &code, &at, NULL);
    return *out ? 0 : refuse(c, text, "is no regular expression");
}

static int read_list(struct compiler *c, const char *keyword, const json_t *v,
                     struct schema_list *out)
{
    if (!json_is_array(v) || json_array_size(v) == 0)
        return refuse(c, keyword, "must be a list of schemas");
    out->nodes = mem_array(json_array_size(v), sizeof(struct schema_node *));
    out->count = json_array_size(v);
    for (size_t i = 0; i < out->count; i++)
        if (compile(c, json_array_get(v, i), &out->nodes[i]) < 0)
            return c->e->code;
    return 0;
}

/* properties, patternProperties and $defs: names to schemas. */
static int read_props(struct compiler *c, const char *keyword, json_t *v, bool patterns,
                      struct schema_prop **props, size_t *count)
{
    if (!json_is_object(v))
        return refuse(c, keyword, "must be an object of schemas");
    *props = mem_array(json_object_size(v), sizeof(struct schema_prop));
    for (void *it = json_object_iter(v); it; it = json_object_iter_next(v, it)) {
        struct schema_prop *p = &(*props)[(*count)++];

        p->name = json_object_iter_key(it);
        if (patterns && read_pattern(c, p->name, &p->pattern) < 0)
            return c->e->code;
        if (compile(c, json_object_iter_value(it), &p->node) < 0)
            return c->e->code;
    }
    return 0;
}

static int read_ref(struct compiler *c, struct schema_node *n, const json_t *v)
{
    const char *ref = json_string_value(v);

    if (!ref || strncmp(ref, REF_PREFIX, strlen(REF_PREFIX)) != 0 ||
        strpbrk(ref + strlen(REF_PREFIX), "/~%"))
        return refuse(c, "$ref", "must be of the form #/$defs/NAME");
    n->ref_name = ref + strlen(REF_PREFIX);
    return 0;
}

/* --- the keywords, in groups by what they speak about --- */

enum found {
    NOT_MINE = 1
};

static int read_value_keyword(struct compiler *c, struct schema_node *n, const char *k, json_t *v)
{
    if (strcmp(k, "type") == 0)
        return read_types(c, n, v);
    if (strcmp(k, "const") == 0) {
        n->constant = v;
        return 0;
    }
    if (strcmp(k, "enum") == 0) {
        n->allowed = v;
        return json_is_array(v) && json_array_size(v) > 0
                   ? 0
                   : refuse(c, k, "must be a list with at least one value");
    }
    if (strcmp(k, "minimum") == 0)
        return read_number(c, k, v, &n->minimum);
    if (strcmp(k, "maximum") == 0)
        return read_number(c, k, v, &n->maximum);
    if (strcmp(k, "exclusiveMinimum") == 0)
        return read_number(c, k, v, &n->exclusive_minimum);
    if (strcmp(k, "minLength") == 0)
        return read_count(c, k, v, &n->min_length);
    if (strcmp(k, "maxLength") == 0)
        return read_count(c, k, v, &n->max_length);
    if (strcmp(k, "pattern") == 0) {
        n->pattern_text = json_string_value(v);
        return n->pattern_text ? read_pattern(c, n->pattern_text, &n->pattern)
                               : refuse(c, k, "must be a text");
    }
    return NOT_MINE;
}

static int read_object_keyword(struct compiler *c, struct schema_node *n, const char *k, json_t *v)
{
    if (strcmp(k, "properties") == 0)
        return read_props(c, k, v, false, &n->props, &n->prop_count);
    if (strcmp(k, "patternProperties") == 0)
        return read_props(c, k, v, true, &n->pattern_props, &n->pattern_prop_count);
    if (strcmp(k, "additionalProperties") == 0)
        return compile(c, v, &n->additional);
    if (strcmp(k, "required") == 0)
        return read_required(c, n, v);
    if (strcmp(k, "minProperties") == 0)
        return read_count(c, k, v, &n->min_properties);
    if (strcmp(k, "maxProperties") == 0)
        return read_count(c, k, v, &n->max_properties);
    return NOT_MINE;
}

static int read_array_keyword(struct compiler *c, struct schema_node *n, const char *k, json_t *v)
{
    if (strcmp(k, "items") == 0)
        return compile(c, v, &n->items);
    if (strcmp(k, "prefixItems") == 0)
        return read_list(c, k, v, &n->prefix_items);
    if (strcmp(k, "minItems") == 0)
        return read_count(c, k, v, &n->min_items);
    if (strcmp(k, "maxItems") == 0)
        return read_count(c, k, v, &n->max_items);
    if (strcmp(k, "uniqueItems") == 0) {
        n->unique_items = json_is_true(v);
        return json_is_boolean(v) ? 0 : refuse(c, k, "must be true or false");
    }
    return NOT_MINE;
}

static int read_logic_keyword(struct compiler *c, struct schema_node *n, const char *k, json_t *v)
{
    if (strcmp(k, "anyOf") == 0)
        return read_list(c, k, v, &n->any_of);
    if (strcmp(k, "oneOf") == 0)
        return read_list(c, k, v, &n->one_of);
    if (strcmp(k, "allOf") == 0)
        return read_list(c, k, v, &n->all_of);
    if (strcmp(k, "not") == 0)
        return compile(c, v, &n->negated);
    if (strcmp(k, "$ref") == 0)
        return read_ref(c, n, v);
    if (strcmp(k, "$defs") == 0)
        return c->depth == 1 ? read_props(c, k, v, false, &c->s->defs, &c->s->def_count)
                             : refuse(c, k, "is only allowed at the top");
    return NOT_MINE;
}

static bool is_annotation(const char *k)
{
    static const char *const words[] = {"title",  "description", "default", "examples",
                                        "format", "$schema",     "$id"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(k, words[i]) == 0)
            return true;
    return false;
}

static int read_keyword(struct compiler *c, struct schema_node *n, const char *k, json_t *v)
{
    int rc = read_value_keyword(c, n, k, v);

    if (rc == NOT_MINE)
        rc = read_object_keyword(c, n, k, v);
    if (rc == NOT_MINE)
        rc = read_array_keyword(c, n, k, v);
    if (rc == NOT_MINE)
        rc = read_logic_keyword(c, n, k, v);
    if (rc == NOT_MINE)
        rc = is_annotation(k) ? 0 : refuse(c, k, "is not among the supported keywords");
    return rc;
}

static int compile(struct compiler *c, json_t *j, struct schema_node **out)
{
    *out = node_new(c);
    if (json_is_boolean(j)) {
        (*out)->never = json_is_false(j);
        return 0;
    }
    if (!json_is_object(j))
        return err_set(c->e, ERR_INPUT, "schema: expected an object, true or false");
    if (++c->depth > SCHEMA_MAX_DEPTH)
        return err_set(c->e, ERR_INPUT, "schema: nested too deep");
    for (void *it = json_object_iter(j); it; it = json_object_iter_next(j, it))
        if (read_keyword(c, *out, json_object_iter_key(it), json_object_iter_value(it)) < 0)
            return c->e->code;
    c->depth--;
    return 0;
}

/* NOLINTEND(misc-no-recursion) */

static int resolve_refs(struct compiler *c)
{
    for (struct schema_node *n = c->s->nodes; n; n = n->all_next) {
        for (size_t i = 0; n->ref_name && i < c->s->def_count; i++)
            if (strcmp(c->s->defs[i].name, n->ref_name) == 0)
                n->ref = c->s->defs[i].node;
        if (n->ref_name && !n->ref)
            return refuse(c, n->ref_name, "is not in $defs");
    }
    return 0;
}

int schema_new(const char *text, size_t len, struct schema **out, struct err *e)
{
    AUTO(schema_freep) struct schema *s = mem_alloc(sizeof(*s));
    struct compiler c = {.s = s, .e = e};

    if (json_parse(text, len, SCHEMA_MAX_TOKENS, &s->root, e) < 0)
        return err_wrap(e, "schema");
    if (compile(&c, s->root, &s->top) < 0 || resolve_refs(&c) < 0)
        return e->code;
    *out = TAKE(s);
    return 0;
}

static void free_props(struct schema_prop *props, size_t count)
{
    for (size_t i = 0; i < count; i++)
        pcre2_code_free(props[i].pattern);
    free(props);
}

void schema_free(struct schema *s)
{
    if (!s)
        return;
    while (s->nodes) {
        struct schema_node *n = s->nodes;

        s->nodes = n->all_next;
        pcre2_code_free(n->pattern);
        free_props(n->props, n->prop_count);
        free_props(n->pattern_props, n->pattern_prop_count);
        free(n->prefix_items.nodes);
        free(n->any_of.nodes);
        free(n->one_of.nodes);
        free(n->all_of.nodes);
        free(n);
    }
    free_props(s->defs, s->def_count);
    json_decref(s->root);
    free(s);
}

void schema_freep(struct schema **s)
{
    schema_free(*s);
    *s = NULL;
}

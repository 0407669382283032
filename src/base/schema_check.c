#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/attr.h"
#include "base/mem.h"
#include "base/schema.h"
#include "base/text.h"
#include "schema_priv.h"

/*
 * Recursion here is over schema and value together: both are at most 64 deep, a $ref may loop, so the sum is capped,
 * and so is the number of steps, because nested anyOf multiplies.
 */
#define MATCH_LIMIT    100000
#define DEPTH_LIMIT    1000
#define HEAP_LIMIT_KIB 1024

struct place { /* where we are in the value: linked on the stack, written out only for a problem */
    const struct place *parent;
    const char *key; /* or NULL: index */
    size_t index;
};

struct checker {
    struct schema_problem *out;
    size_t max;
    size_t found;
    size_t steps;
    unsigned depth;
    bool gave_up;
    pcre2_match_data *match;
    pcre2_match_context *limits;
};

static void check(struct checker *c, const struct schema_node *n, const json_t *v,
                  const struct place *at);

/* NOLINTBEGIN(misc-no-recursion): capped by checker.depth and checker.steps */

/* --- problems --- */

static size_t put_segment(char *out, size_t room, const struct place *p)
{
    char number[24];
    const char *s = p->key;
    size_t n = 0;

    if (!s) {
        snprintf(number, sizeof(number), "%zu", p->index);
        s = number;
    }
    if (n < room)
        out[n++] = '/';
    for (; *s; s++) {
        bool escape = *s == '~' || *s == '/';

        if (n + 1 + escape > room)
            break;
        out[n++] = escape ? '~' : *s;
        if (escape)
            out[n++] = *s == '~' ? '0' : '1';
    }
    return n;
}

static void put_pointer(char *out, size_t size, const struct place *at)
{
    const struct place *path[2 * SCHEMA_MAX_DEPTH + 2];
    size_t n = 0, used = 0;

    for (; at && at->parent && n < ARRAY_LEN(path); at = at->parent)
        path[n++] = at;
    while (n > 0)
        used += put_segment(out + used, size - 1 - used, path[--n]);
    out[text_cut(out, used, used)] = '\0';
}

PRINTF_LIKE(3, 4)
static void problem(struct checker *c, const struct place *at, const char *fmt, ...)
{
    char text[2 * sizeof(c->out->msg)];
    struct schema_problem *p;
    va_list ap;
    size_t len;

    if (c->found++ >= c->max)
        return;
    p = &c->out[c->found - 1];
    put_pointer(p->pointer, sizeof(p->pointer), at);
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    len = text_cut(text, strlen(text), sizeof(p->msg) - 1);
    memcpy(p->msg, text, len);
    p->msg[len] = '\0';
}

/* Number of problems of v under n, without reporting them. */
static size_t count_problems(struct checker *c, const struct schema_node *n, const json_t *v,
                             const struct place *at)
{
    size_t found = c->found, max = c->max, added;

    c->max = 0;
    check(c, n, v, at);
    added = c->found - found;
    c->found = found;
    c->max = max;
    return added;
}

/* --- texts --- */

static void type_words(unsigned types, char *out, size_t size)
{
    static const char *const names[] = {"null",   "boolean", "integer", "number",
                                        "string", "array",   "object"};
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!(types >> i & 1U) || used >= size)
            continue;
        used += (size_t)snprintf(out + used, size - used, "%s%s", used ? " or " : "", names[i]);
    }
}

/* The values of an enum, as far as they fit: "one of \"a\", \"b\"". */
static void enum_words(const json_t *allowed, char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < json_array_size(allowed); i++) {
        char *text = json_dumps(json_array_get(allowed, i), JSON_ENCODE_ANY | JSON_COMPACT);
        size_t need = text ? strlen(text) + 2 : 0;

        if (text && used + need + 4 < size)
            used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "", text);
        else if (used + 5 < size) {
            snprintf(out + used, size - used, ", ...");
            used = size;
        }
        free(text);
    }
}

/* --- keywords --- */

static bool matches(struct checker *c, const pcre2_code *code, const char *s, size_t len)
{
    int rc = pcre2_match(code, (PCRE2_SPTR)s, len, 0, 0, c->match, c->limits);

    if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
        c->gave_up = true; /* neither a match nor a mismatch: the whole check proves nothing */
    return rc >= 0;
}

static int64_t characters(const char *s, size_t len)
{
    int64_t n = 0;

    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)s[i] & 0xc0) != 0x80;
    return n;
}

static void check_string(struct checker *c, const struct schema_node *n, const json_t *v,
                         const struct place *at)
{
    const char *s = json_string_value(v);
    size_t len = json_string_length(v);
    int64_t count = characters(s, len);

    if (n->min_length >= 0 && count < n->min_length)
        problem(c, at, "expected at least %lld characters", (long long)n->min_length);
    if (n->max_length >= 0 && count > n->max_length)
        problem(c, at, "expected at most %lld characters", (long long)n->max_length);
    if (n->pattern && !matches(c, n->pattern, s, len))
        problem(c, at, "does not match %s", n->pattern_text);
}

static void bound_problem(struct checker *c, const struct place *at, const char *word,
                          const json_t *bound)
{
    if (json_is_integer(bound))
        problem(c, at, "expected a number %s %lld", word, (long long)json_integer_value(bound));
    else
        problem(c, at, "expected a number %s %.10g", word, json_number_value(bound));
}

static void check_number(struct checker *c, const struct schema_node *n, const json_t *v,
                         const struct place *at)
{
    if (n->minimum && schema_compare(v, n->minimum) < 0)
        bound_problem(c, at, "of at least", n->minimum);
    if (n->maximum && schema_compare(v, n->maximum) > 0)
        bound_problem(c, at, "of at most", n->maximum);
    if (n->exclusive_minimum && schema_compare(v, n->exclusive_minimum) <= 0)
        bound_problem(c, at, "above", n->exclusive_minimum);
}

static int compare_strings(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;

    return strcmp(*x, *y);
}

/* Lists of texts, the usual case, are sorted; others are compared pair by pair, which costs steps. */
static void check_unique(struct checker *c, const json_t *v, const struct place *at)
{
    size_t n = json_array_size(v), strings = 0;
    AUTO(mem_freep) const char **texts = mem_array(n, sizeof(*texts));
    bool twice = false;

    for (size_t i = 0; i < n; i++)
        if (json_is_string(json_array_get(v, i)))
            texts[strings++] = json_string_value(json_array_get(v, i));
    if (strings == n) {
        qsort(texts, n, sizeof(*texts), compare_strings);
        for (size_t i = 1; i < n && !twice; i++)
            twice = strcmp(texts[i - 1], texts[i]) == 0;
    } else {
        for (size_t i = 1; i < n && !twice; i++)
            for (size_t k = 0; k < i && !twice && ++c->steps <= SCHEMA_MAX_STEPS; k++)
                twice = schema_equal(json_array_get(v, i), json_array_get(v, k));
    }
    if (twice)
        problem(c, at, "the same value occurs twice");
}

static void check_array(struct checker *c, const struct schema_node *n, const json_t *v,
                        const struct place *at)
{
    size_t size = json_array_size(v);

    if (n->min_items >= 0 && (int64_t)size < n->min_items)
        problem(c, at, "expected at least %lld entries", (long long)n->min_items);
    if (n->max_items >= 0 && (int64_t)size > n->max_items)
        problem(c, at, "expected at most %lld entries", (long long)n->max_items);
    if (n->unique_items)
        check_unique(c, v, at);
    for (size_t i = 0; i < size && !c->gave_up; i++) {
        struct place here = {at, NULL, i};

        if (i < n->prefix_items.count)
            check(c, n->prefix_items.nodes[i], json_array_get(v, i), &here);
        else if (n->items)
            check(c, n->items, json_array_get(v, i), &here);
    }
}

static void check_member(struct checker *c, const struct schema_node *n, const char *key,
                         const json_t *v, const struct place *at)
{
    struct place here = {at, key, 0};
    bool known = false;

    for (size_t i = 0; i < n->prop_count && !known; i++) {
        if (strcmp(n->props[i].name, key) == 0) {
            known = true;
            check(c, n->props[i].node, v, &here);
        }
    }
    for (size_t i = 0; i < n->pattern_prop_count; i++) {
        if (matches(c, n->pattern_props[i].pattern, key, strlen(key))) {
            known = true;
            check(c, n->pattern_props[i].node, v, &here);
        }
    }
    if (known || !n->additional)
        return;
    if (n->additional->never)
        problem(c, &here, "unknown key '%.80s'", key);
    else
        check(c, n->additional, v, &here);
}

static void check_object(struct checker *c, const struct schema_node *n, const json_t *v,
                         const struct place *at)
{
    json_t *obj = schema_for_iterator(v);
    int64_t size = (int64_t)json_object_size(v);

    for (size_t i = 0; n->required && i < json_array_size(n->required); i++) {
        const char *key = json_string_value(json_array_get(n->required, i));

        if (!json_object_get(v, key))
            problem(c, at, "the key '%.80s' is missing", key);
    }
    if (n->min_properties >= 0 && size < n->min_properties)
        problem(c, at, "expected at least %lld keys", (long long)n->min_properties);
    if (n->max_properties >= 0 && size > n->max_properties)
        problem(c, at, "expected at most %lld keys", (long long)n->max_properties);
    for (void *it = json_object_iter(obj); it && !c->gave_up; it = json_object_iter_next(obj, it))
        check_member(c, n, json_object_iter_key(it), json_object_iter_value(it), at);
}

static const struct schema_node *follow(const struct schema_node *n)
{
    for (unsigned i = 0; n->ref && i < SCHEMA_MAX_DEPTH; i++)
        n = n->ref;
    return n;
}

/*
 * No branch fits. When only one of them is about this type of value, its complaints are the helpful ones: "a condition
 * or a list of conditions" given a condition with a mistake.
 */
static void explain_branches(struct checker *c, const struct schema_list *list, const json_t *v,
                             const struct place *at)
{
    const struct schema_node *only = NULL;
    size_t fitting = 0;

    /* While only counting, looking again at each level would double the work per level. */
    for (size_t i = 0; c->max > 0 && i < list->count; i++) {
        if (follow(list->nodes[i])->types & schema_type_of(v)) {
            only = list->nodes[i];
            fitting++;
        }
    }
    if (fitting == 1)
        check(c, only, v, at);
    else
        problem(c, at, "fits none of the %zu allowed forms", list->count);
}

static size_t count_fitting(struct checker *c, const struct schema_list *list, const json_t *v,
                            const struct place *at, size_t enough)
{
    size_t fitting = 0;

    for (size_t i = 0; i < list->count && fitting < enough; i++)
        fitting += count_problems(c, list->nodes[i], v, at) == 0;
    return fitting;
}

static void check_logic(struct checker *c, const struct schema_node *n, const json_t *v,
                        const struct place *at)
{
    size_t fitting;

    if (n->ref)
        check(c, n->ref, v, at);
    for (size_t i = 0; i < n->all_of.count; i++)
        check(c, n->all_of.nodes[i], v, at);
    if (n->any_of.count && count_fitting(c, &n->any_of, v, at, 1) == 0)
        explain_branches(c, &n->any_of, v, at);
    if (n->one_of.count) {
        fitting = count_fitting(c, &n->one_of, v, at, 2);
        if (fitting == 0)
            explain_branches(c, &n->one_of, v, at);
        else if (fitting > 1)
            problem(c, at, "fits more than one of the allowed forms");
    }
    if (n->negated && count_problems(c, n->negated, v, at) == 0)
        problem(c, at, "is a form that is not allowed");
}

static void check_given_values(struct checker *c, const struct schema_node *n, const json_t *v,
                               const struct place *at)
{
    char words[160];
    bool found = !n->allowed;

    if (n->constant && !schema_equal(n->constant, v)) {
        AUTO(mem_freep) char *text = json_dumps(n->constant, JSON_ENCODE_ANY | JSON_COMPACT);

        problem(c, at, "expected %.160s", text ? text : "another value");
    }
    for (size_t i = 0; !found && i < json_array_size(n->allowed); i++)
        found = schema_equal(json_array_get(n->allowed, i), v);
    if (!found) {
        enum_words(n->allowed, words, sizeof(words));
        problem(c, at, "expected one of %s", words);
    }
}

static void check_typed(struct checker *c, const struct schema_node *n, const json_t *v,
                        const struct place *at)
{
    char words[80];

    if (n->never) {
        problem(c, at, "nothing is allowed here");
        return;
    }
    if (!(n->types & schema_type_of(v))) {
        type_words(n->types, words, sizeof(words));
        problem(c, at, "expected %s, got %s", words, schema_type_name(v));
        return; /* what else is wrong with it would only be noise */
    }
    check_given_values(c, n, v, at);
    if (json_is_string(v))
        check_string(c, n, v, at);
    else if (json_is_number(v))
        check_number(c, n, v, at);
    else if (json_is_array(v))
        check_array(c, n, v, at);
    else if (json_is_object(v))
        check_object(c, n, v, at);
    check_logic(c, n, v, at);
}

static void check(struct checker *c, const struct schema_node *n, const json_t *v,
                  const struct place *at)
{
    if (c->gave_up)
        return;
    if (c->depth >= 2 * SCHEMA_MAX_DEPTH || ++c->steps > SCHEMA_MAX_STEPS) {
        c->gave_up = true;
        return;
    }
    c->depth++;
    check_typed(c, n, v, at);
    c->depth--;
}

/* NOLINTEND(misc-no-recursion) */

size_t schema_check(const struct schema *s, const json_t *value, struct schema_problem *out,
                    size_t max)
{
    struct place root = {0};
    struct checker c = {.out = out, .max = max};

    c.match = pcre2_match_data_create(1, NULL);
    c.limits = pcre2_match_context_create(NULL);
    CHECK(value && c.match && c.limits);
    pcre2_set_match_limit(c.limits, MATCH_LIMIT);
    pcre2_set_depth_limit(c.limits, DEPTH_LIMIT);
    pcre2_set_heap_limit(c.limits, HEAP_LIMIT_KIB);
    check(&c, s->top, value, &root);
    pcre2_match_context_free(c.limits);
    pcre2_match_data_free(c.match);
    /* A check that was not finished proves nothing, whatever a "not" made of it. */
    if (c.gave_up || c.steps > SCHEMA_MAX_STEPS) {
        c.found = 0;
        c.max = max;
        problem(&c, &root, "too deep, too large or too costly to check against its schema");
    }
    return c.found;
}

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "rules/cond_priv.h"

enum arg_kind {
    ARG_SCALAR,
    ARG_LIST,
    ARG_TEXTS,
    ARG_REGEX,
    ARG_NUMBER,
    ARG_PAIR,
    ARG_BOOL,
    ARG_SPAN
};

#define ON(kind)   (1u << (kind))
#define ON_ANY     (~0u)
#define ON_TEXTS   (ON(FIELD_TEXT) | ON(FIELD_LIST) | ON(FIELD_FREE))
#define ON_NUMBERS (ON(FIELD_NUMBER) | ON(FIELD_FREE))
#define ON_AGES    (ON(FIELD_TIME) | ON(FIELD_NUMBER) | ON(FIELD_FREE))

static const struct op_row {
    const char *name;
    enum cond_op op;
    enum arg_kind arg;
    unsigned on; /* kinds of field */
} OPS[] = {
    {"eq", OP_EQ, ARG_SCALAR, ON_ANY},
    {"ne", OP_NE, ARG_SCALAR, ON_ANY},
    {"in", OP_IN, ARG_LIST, ON_ANY},
    {"not_in", OP_NOT_IN, ARG_LIST, ON_ANY},
    {"contains", OP_CONTAINS, ARG_TEXTS, ON_TEXTS},
    {"starts_with", OP_STARTS, ARG_TEXTS, ON_TEXTS},
    {"ends_with", OP_ENDS, ARG_TEXTS, ON_TEXTS},
    {"matches", OP_MATCHES, ARG_REGEX, ON_TEXTS},
    {"lt", OP_LT, ARG_NUMBER, ON_NUMBERS},
    {"le", OP_LE, ARG_NUMBER, ON_NUMBERS},
    {"gt", OP_GT, ARG_NUMBER, ON_NUMBERS},
    {"ge", OP_GE, ARG_NUMBER, ON_NUMBERS},
    {"between", OP_BETWEEN, ARG_PAIR, ON_NUMBERS},
    {"exists", OP_EXISTS, ARG_BOOL, ON_ANY},
    {"older_than", OP_OLDER, ARG_SPAN, ON_AGES},
    {"newer_than", OP_NEWER, ARG_SPAN, ON_AGES},
};

const char *cond_op_name(enum cond_op op)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(OPS); i++)
        if (OPS[i].op == op)
            return OPS[i].name;
    return "";
}

/* What the helpers below need to know of the one test that is being compiled. */
struct leaf {
    struct cond_build *b;
    const struct field_def *field;
    const char *path;
    const char *pointer;
    struct node *node;
};

static int leaf_error(const struct leaf *l, const char *what)
{
    return yaml_error(l->b->doc, l->pointer, l->b->e, "%s: %s", l->path, what);
}

static bool value_listed(const char *values, const char *text)
{
    size_t len = strlen(text);

    while (values) {
        const char *bar = strchr(values, '|');
        size_t n = bar ? (size_t)(bar - values) : strlen(values);

        if (n == len && strncasecmp(values, text, n) == 0)
            return true;
        values = bar ? bar + 1 : NULL;
    }
    return false;
}

static void operand_text(struct operand *o, const char *s, size_t len)
{
    o->fold = mem_alloc(len * 2 + 4);
    o->fold_len = fold_text(s, len, o->fold);
}

/* A number, or "15m" where the field is in seconds. */
static int operand_number(const struct leaf *l, json_t *v, struct operand *o)
{
    struct err none;
    int64_t ms;

    if (json_is_number(v)) {
        o->num = json_number_value(v);
    } else if (json_is_string(v) && field_in_seconds(l->path) &&
               parse_span_ms(json_string_value(v), &ms, &none) == 0) {
        o->num = (double)ms / 1000.0;
    } else {
        return leaf_error(l, field_in_seconds(l->path)
                                 ? "expected a number of seconds or a span such as 15m"
                                 : "expected a number");
    }
    o->number = true;
    return 0;
}

static int scalar_fits(const struct leaf *l, json_t *v)
{
    switch (l->field->kind) {
    case FIELD_TEXT:
    case FIELD_LIST:
    case FIELD_TIME:
        if (!json_is_string(v))
            return leaf_error(l, "expected a text; put the value in quotes");
        if (l->field->values && !value_listed(l->field->values, json_string_value(v)))
            return yaml_error(l->b->doc, l->pointer, l->b->e, "%s is one of %s", l->path,
                              l->field->values);
        return 0;
    case FIELD_BOOL:
        return json_is_boolean(v) ? 0 : leaf_error(l, "expected true or false");
    case FIELD_NUMBER:
        return 0; /* operand_number says it better */
    case FIELD_FREE:
        break;
    }
    if (json_is_string(v) || json_is_number(v) || json_is_boolean(v))
        return 0;
    return leaf_error(l, "expected a text, a number, true or false");
}

static int operand_scalar(const struct leaf *l, json_t *v, struct operand *o)
{
    char text[32];

    if (scalar_fits(l, v) < 0)
        return l->b->e->code;
    if (l->field->kind == FIELD_NUMBER)
        return operand_number(l, v, o);
    if (json_is_number(v)) {
        o->number = true;
        o->num = json_number_value(v);
        if (json_is_integer(v))
            snprintf(text, sizeof text, "%lld", (long long)json_integer_value(v));
        else
            snprintf(text, sizeof text, "%.15g", o->num);
        operand_text(o, text, strlen(text));
        return 0;
    }
    if (json_is_boolean(v)) {
        operand_text(o, json_is_true(v) ? "true" : "false", json_is_true(v) ? 4 : 5);
        return 0;
    }
    if (json_string_length(v) > COND_TEXT_MAX)
        return leaf_error(l, "the text is over 1000 bytes");
    operand_text(o, json_string_value(v), json_string_length(v));
    return 0;
}

static int operand_piece(const struct leaf *l, json_t *v, struct operand *o)
{
    if (!json_is_string(v) || json_string_length(v) == 0)
        return leaf_error(l, "expected a text that is not empty; put numbers in quotes");
    if (json_string_length(v) > COND_TEXT_MAX)
        return leaf_error(l, "the text is over 1000 bytes");
    operand_text(o, json_string_value(v), json_string_length(v));
    return 0;
}

static int operand_span(const struct leaf *l, json_t *v, struct operand *o)
{
    struct err why;
    int64_t ms;

    if (l->field->kind == FIELD_NUMBER && !field_in_seconds(l->path))
        return leaf_error(l, "is no age in seconds; older_than needs one, or a time");
    if (!json_is_string(v) || parse_span_ms(json_string_value(v), &ms, &why) < 0)
        return leaf_error(l, "expected a span such as 10m, 2h or 7d");
    o->num = (double)ms;
    return 0;
}

typedef int operand_fn(const struct leaf *, json_t *, struct operand *);

/* v itself, or each member when it is a list. */
static int operands_take(const struct leaf *l, json_t *v, operand_fn *take)
{
    size_t n = json_is_array(v) ? json_array_size(v) : 1, i;

    if (n == 0)
        return leaf_error(l, "the list is empty");
    if (n > COND_LIST_MAX)
        return leaf_error(l, "the list has more than 500 members");
    l->node->values = mem_array(n, sizeof *l->node->values);
    for (i = 0; i < n; i++) {
        l->node->n_values = i + 1;
        if (take(l, json_is_array(v) ? json_array_get(v, i) : v, &l->node->values[i]) < 0)
            return l->b->e->code;
    }
    return 0;
}

static int regex_take(const struct leaf *l, json_t *v)
{
    char where[200];
    struct err why;

    if (!json_is_string(v))
        return leaf_error(l, "matches expects a regular expression as text");
    snprintf(where, sizeof where, "%s:%d", yaml_name(l->b->doc), yaml_line(l->b->doc, l->pointer));
    if (pattern_new(json_string_value(v), json_string_length(v), where, &l->node->pattern, &why) <
        0)
        return leaf_error(l, why.msg);
    return 0;
}

static int pair_take(const struct leaf *l, json_t *v)
{
    if (!json_is_array(v) || json_array_size(v) != 2)
        return leaf_error(l, "between expects two numbers, [least, most]");
    if (operands_take(l, v, operand_number) < 0)
        return l->b->e->code;
    if (l->node->values[0].num > l->node->values[1].num)
        return leaf_error(l, "between expects the smaller number first");
    return 0;
}

static int arg_take(const struct leaf *l, enum arg_kind kind, json_t *v)
{
    switch (kind) {
    case ARG_SCALAR:
        return json_is_array(v) ? leaf_error(l, "expected one value; use in or not_in for a list")
                                : operands_take(l, v, operand_scalar);
    case ARG_LIST:
        return json_is_array(v) ? operands_take(l, v, operand_scalar)
                                : leaf_error(l, "expected a list");
    case ARG_TEXTS:
        return operands_take(l, v, operand_piece);
    case ARG_REGEX:
        return regex_take(l, v);
    case ARG_NUMBER:
        return json_is_array(v) ? leaf_error(l, "expected one number")
                                : operands_take(l, v, operand_number);
    case ARG_PAIR:
        return pair_take(l, v);
    case ARG_BOOL:
        if (!json_is_boolean(v))
            return leaf_error(l, "exists expects true or false");
        l->node->flag = json_is_true(v);
        return 0;
    case ARG_SPAN:
        return json_is_array(v) ? leaf_error(l, "expected one span")
                                : operands_take(l, v, operand_span);
    }
    return 0;
}

static int test_add(struct cond_build *b, size_t parent, const char *path,
                    const struct field_def *field, const struct op_row *op, json_t *value,
                    const char *pointer)
{
    size_t at = cond_add_node(b->c, NODE_TEST, parent);
    struct leaf l = {b, field, path, pointer, &b->c->nodes[at]};

    l.node->op = op->op;
    l.node->slot = slots_intern(b->c->slots, path);
    l.node->shown = json_incref(value);
    return arg_take(&l, op->arg, value);
}

static const struct op_row *op_find(const char *name)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(OPS); i++)
        if (strcmp(OPS[i].name, name) == 0)
            return &OPS[i];
    return NULL;
}

static int operators_add(struct cond_build *b, size_t parent, const char *path,
                         const struct field_def *field, json_t *mapping, const char *pointer)
{
    const char *key;
    json_t *value;
    struct buf at;
    int rc = 0;

    if (json_object_size(mapping) == 0)
        return yaml_error(b->doc, pointer, b->e, "%s: expected an operator", path);
    buf_init(&at, (size_t)64 * 1024);
    json_object_foreach (mapping, key, value) {
        const struct op_row *op = op_find(key);

        buf_clear(&at);
        buf_printf(&at, "%s/%s", pointer, key);
        if (op == NULL)
            rc = yaml_error(b->doc, buf_str(&at), b->e,
                            "%s: unknown operator '%.40s'; there are eq, ne, in, not_in, contains, "
                            "starts_with, ends_with, matches, lt, le, gt, ge, between, exists, "
                            "older_than, newer_than",
                            path, key);
        else if (!(op->on & ON(field->kind)))
            rc = yaml_error(b->doc, buf_str(&at), b->e, "%s: '%s' does not fit this field", path,
                            key);
        else
            rc = test_add(b, parent, path, field, op, value, buf_str(&at));
        if (rc < 0)
            break;
    }
    buf_done(&at);
    return rc;
}

int cond_add_field(struct cond_build *b, size_t parent, const char *path, json_t *value,
                   const char *pointer)
{
    const struct field_def *field = field_find(path);

    if (field == NULL)
        return yaml_error(b->doc, pointer, b->e, "unknown field '%.80s'; did you mean %s?", path,
                          field_nearest(path));
    if (b->c->slots->no_policy_fields && field_of_policy(path))
        return yaml_error(
            b->doc, pointer, b->e,
            "%.80s is known to policies only: rules are asked before there is an action", path);
    if (strlen(path) > 200)
        return yaml_error(b->doc, pointer, b->e, "the name of a field is over 200 bytes");
    if (json_is_object(value))
        return operators_add(b, parent, path, field, value, pointer);
    if (json_is_null(value))
        return yaml_error(b->doc, pointer, b->e,
                          "%s: there is no value; use {exists: false} for what is not known", path);
    return test_add(b, parent, path, field, op_find(json_is_array(value) ? "in" : "eq"), value,
                    pointer);
}

/* ---- time: {zone, days, from, to} ---- */

static const char DAYS[7][4] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

static int days_take(struct cond_build *b, json_t *v, const char *pointer, uint8_t *days)
{
    size_t i, d;

    if (!json_is_array(v) || json_array_size(v) == 0)
        return yaml_error(b->doc, pointer, b->e, "days expects a list such as [mon, tue]");
    *days = 0;
    for (i = 0; i < json_array_size(v); i++) {
        const char *name = json_string_value(json_array_get(v, i));

        for (d = 0; d < 7 && !(name && strcasecmp(name, DAYS[d]) == 0); d++)
            ;
        if (d == 7)
            return yaml_error(b->doc, pointer, b->e,
                              "days are mon, tue, wed, thu, fri, sat and sun");
        *days |= (uint8_t)(1u << d);
    }
    return 0;
}

/* "HH:MM", to "24:00". YAML 1.2 leaves an unquoted 22:00 a text. */
static bool clock_text(json_t *v, int *minute)
{
    const char *s = json_string_value(v);
    int h, m;

    if (s == NULL || strlen(s) != 5 || s[2] != ':' || strspn(s, "0123456789") != 2 ||
        strspn(s + 3, "0123456789") != 2)
        return false;
    h = (s[0] - '0') * 10 + s[1] - '0';
    m = (s[3] - '0') * 10 + s[4] - '0';
    *minute = h * 60 + m;
    return m < 60 && *minute <= 24 * 60;
}

static int window_take(struct cond_build *b, json_t *value, const char *pointer,
                       struct time_window *w)
{
    json_t *zone = json_object_get(value, "zone"), *days = json_object_get(value, "days");
    json_t *from = json_object_get(value, "from"), *to = json_object_get(value, "to");
    struct err why;
    int minute, weekday;

    w->zone = mem_strdup(json_is_string(zone) ? json_string_value(zone) : "UTC");
    if ((zone && !json_is_string(zone)) || time_in_zone(0, w->zone, &minute, &weekday, &why) < 0)
        return yaml_error(b->doc, pointer, b->e,
                          "time: unknown zone; expected a name such as Europe/Oslo");
    w->days = 0x7f;
    if (days && days_take(b, days, pointer, &w->days) < 0)
        return b->e->code;
    w->has_hours = from || to;
    if (w->has_hours &&
        (!clock_text(from, &w->from_min) || !clock_text(to, &w->to_min) || w->from_min == 24 * 60))
        return yaml_error(b->doc, pointer, b->e,
                          "time: from and to come together, as \"HH:MM\" in quotes");
    if (w->has_hours && w->from_min == w->to_min)
        return yaml_error(b->doc, pointer, b->e,
                          "time: from and to are equal; leave both out for the whole day");
    if (!w->has_hours && !days)
        return yaml_error(b->doc, pointer, b->e, "time: expected days, or from and to");
    return 0;
}

int cond_add_time(struct cond_build *b, size_t parent, json_t *value, const char *pointer)
{
    size_t at = cond_add_node(b->c, NODE_TIME, parent);
    struct node *n = &b->c->nodes[at];
    const char *key;
    json_t *member;

    if (!json_is_object(value))
        return yaml_error(b->doc, pointer, b->e,
                          "time expects a mapping of zone, days, from and to");
    json_object_foreach (value, key, member)
        if (strcmp(key, "zone") != 0 && strcmp(key, "days") != 0 && strcmp(key, "from") != 0 &&
            strcmp(key, "to") != 0)
            return yaml_error(b->doc, pointer, b->e,
                              "time: unknown key '%.40s'; there are zone, days, from and to", key);
    n->window = mem_alloc(sizeof *n->window);
    n->shown = json_incref(value);
    return window_take(b, value, pointer, n->window);
}

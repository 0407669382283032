#include <string.h>

#include "base/clock.h"
#include "rules/cond_priv.h"

/*
 * The window that opened on a listed day. Past midnight it still belongs to the evening before: friday 22:00 to 06:00
 * includes saturday 05:00 and not friday 05:00.
 */
bool cond_window_open(const struct time_window *w, int64_t now_wall_ms)
{
    struct err none;
    int minute, day;

    if (time_in_zone(now_wall_ms, w->zone, &minute, &day, &none) < 0)
        return false;
    if (w->has_hours) {
        if (w->from_min < w->to_min) {
            if (minute < w->from_min || minute >= w->to_min)
                return false;
        } else if (minute < w->to_min) {
            day = (day + 6) % 7;
        } else if (minute < w->from_min) {
            return false;
        }
    }
    return w->days >> day & 1;
}

/* A number also equals a text that says the same number; otherwise texts are compared, without case. */
static bool equal(const struct item *it, const struct operand *o)
{
    if (o->number && it->number)
        return it->num == o->num;
    return o->fold && it->fold_len == o->fold_len && memcmp(it->fold, o->fold, o->fold_len) == 0;
}

static bool piece(const struct item *it, const struct operand *o, enum cond_op op)
{
    if (it->fold_len < o->fold_len)
        return false;
    if (op == OP_STARTS)
        return memcmp(it->fold, o->fold, o->fold_len) == 0;
    if (op == OP_ENDS)
        return memcmp(it->fold + it->fold_len - o->fold_len, o->fold, o->fold_len) == 0;
    return memmem(it->fold, it->fold_len, o->fold, o->fold_len) != NULL;
}

static bool number_test(const struct item *it, const struct node *n)
{
    if (!it->number)
        return false;
    if (n->op == OP_LT)
        return it->num < n->values[0].num;
    if (n->op == OP_LE)
        return it->num <= n->values[0].num;
    if (n->op == OP_GT)
        return it->num > n->values[0].num;
    if (n->op == OP_GE)
        return it->num >= n->values[0].num;
    return it->num >= n->values[0].num && it->num <= n->values[1].num;
}

/* The value is an age in seconds, or the time since which it is that old. */
static bool age_test(const struct item *it, const struct node *n, int64_t now_wall_ms)
{
    struct err none;
    int64_t at;
    double age_ms;

    if (it->number)
        age_ms = it->num * 1000.0;
    else if (time_parse_iso(it->raw, it->raw_len, &at, &none) == 0)
        age_ms = (double)(now_wall_ms - at);
    else
        return false;
    return n->op == OP_OLDER ? age_ms > n->values[0].num : age_ms < n->values[0].num;
}

static bool item_test(const struct item *it, const struct node *n, struct view *v)
{
    size_t i;

    switch (n->op) {
    case OP_EQ:
    case OP_NE:
    case OP_IN:
    case OP_NOT_IN:
        for (i = 0; i < n->n_values; i++)
            if (equal(it, &n->values[i]))
                return true;
        return false;
    case OP_CONTAINS:
    case OP_STARTS:
    case OP_ENDS:
        for (i = 0; i < n->n_values; i++)
            if (piece(it, &n->values[i], n->op))
                return true;
        return false;
    case OP_LT:
    case OP_LE:
    case OP_GT:
    case OP_GE:
    case OP_BETWEEN:
        return number_test(it, n);
    case OP_OLDER:
    case OP_NEWER:
        return age_test(it, n, v->env->now_wall_ms);
    case OP_MATCHES:
    case OP_EXISTS:
        break;
    }
    return false;
}

static bool matches_test(const struct seen *s, const struct node *n, struct view *v,
                         struct cond_result *r)
{
    size_t i;

    for (i = 0; i < s->n; i++) {
        enum pattern_said said =
            pattern_match(n->pattern, v, s->items[i].raw, s->items[i].raw_len, r);

        if (said != PATTERN_NO)
            return said == PATTERN_YES;
    }
    return false;
}

/* A list holds when one of its members does; `ne` and `not_in` when none equals. Unknown is never true. */
bool cond_test(const struct node *n, struct view *v, struct cond_result *r)
{
    const struct seen *s;
    bool hit = false;
    size_t i;

    if (n->kind == NODE_TIME)
        return cond_window_open(n->window, v->env->now_wall_ms);
    s = view_seen(v, n->slot);
    if (n->op == OP_EXISTS)
        return s->known == n->flag;
    if (!s->known || !s->comparable)
        return false;
    if (n->op == OP_MATCHES)
        return matches_test(s, n, v, r);
    for (i = 0; i < s->n && !hit; i++)
        hit = item_test(&s->items[i], n, v);
    return n->op == OP_NE || n->op == OP_NOT_IN ? !hit : hit;
}

/*
 * Goes down to the first test, then up as far as its answer decides, then on to the next test. Returns the index of that
 * test, or c->n with the answer of the whole in *value.
 */
static size_t decide(const struct cond *c, size_t at, bool *value)
{
    while (c->nodes[at].parent != SIZE_MAX) {
        size_t next = c->nodes[at].next;
        const struct node *parent;

        at = c->nodes[at].parent;
        parent = &c->nodes[at];
        if (parent->kind == NODE_NOT)
            *value = !*value;
        else if (*value == (parent->kind == NODE_ALL) && next < parent->next)
            return next;
    }
    return c->n;
}

bool cond_eval(const struct cond *c, struct view *v, struct cond_result *r)
{
    size_t at = 0;
    bool value = true;

    while (at < c->n) {
        const struct node *n = &c->nodes[at];

        if (n->kind == NODE_TEST || n->kind == NODE_TIME)
            value = cond_test(n, v, r);
        else if (n->next > at + 1) {
            at++;
            continue;
        } else {
            value = true; /* an empty mapping asks nothing */
        }
        at = decide(c, at, &value);
    }
    return value;
}

bool cond_match(const struct cond *c, const struct cond_env *env, struct cond_result *r)
{
    struct view v;
    bool yes;

    view_init(&v, c->slots, env);
    yes = cond_eval(c, &v, r);
    view_done(&v);
    if (!yes && r) {
        json_decref(r->captures);
        r->captures = NULL;
    }
    return yes;
}

void cond_result_done(struct cond_result *r)
{
    json_decref(r->captures);
    json_decref(r->alarms);
    *r = (struct cond_result){0};
}

#include "base/clock.h"
#include "base/text.h"
#include "rules/cond_priv.h"

#define UNKNOWN "unknown (not checked)"

static json_t *shown_text(const char *s, size_t len)
{
    struct buf b;
    json_t *j;

    buf_init(&b, (size_t)16 * COND_SHOWN_TEXT);
    text_show(&b, s, len, COND_SHOWN_TEXT, true);
    j = json_string(buf_str(&b));
    buf_done(&b);
    return j ? j : json_string("");
}

static json_t *shown_value(json_t *v)
{
    json_t *out, *part;
    size_t i;

    if (json_is_string(v))
        return shown_text(json_string_value(v), json_string_length(v));
    if (json_is_object(v))
        return json_string("a mapping, which cannot be compared");
    if (!json_is_array(v))
        return json_incref(v);
    out = json_array();
    json_array_foreach (v, i, part) {
        if (i == 10) {
            json_array_append_new(out, json_string("..."));
            break;
        }
        json_array_append_new(out,
                              json_is_string(part)
                                  ? shown_text(json_string_value(part), json_string_length(part))
                              : json_is_array(part) || json_is_object(part) ? json_string("...")
                                                                            : json_incref(part));
    }
    return out;
}

static json_t *window_is(const struct time_window *w, int64_t now_wall_ms)
{
    static const char DAYS[7][4] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    struct err none;
    int minute, day;

    if (time_in_zone(now_wall_ms, w->zone, &minute, &day, &none) < 0)
        return json_string(UNKNOWN);
    return json_sprintf("%s %02d:%02d %s", DAYS[day], minute / 60, minute % 60, w->zone);
}

static json_t *leaf_json(const struct node *n, struct view *v, bool *value, bool *unknown)
{
    struct cond_result r = {0};
    const struct seen *s;
    json_t *j = json_object();

    *value = cond_test(n, v, &r);
    if (n->kind == NODE_TIME) {
        json_object_set(j, "time", n->shown);
        json_object_set_new(j, "is", window_is(n->window, v->env->now_wall_ms));
    } else {
        s = view_seen(v, n->slot);
        *unknown = !s->known && n->op != OP_EXISTS;
        json_object_set_new(j, "field", json_string(v->slots->paths[n->slot]));
        json_object_set_new(j, "op", json_string(cond_op_name(n->op)));
        json_object_set(j, "value", n->shown);
        json_object_set_new(j, "is", s->known ? shown_value(s->value) : json_string(UNKNOWN));
        if (n->pattern && pattern_parked(n->pattern))
            json_object_set_new(j, "parked", json_true());
    }
    if (r.captures)
        json_object_set(j, "captured", r.captures);
    if (r.alarms)
        json_object_set(j, "alarms", r.alarms);
    json_object_set_new(j, "true", json_boolean(*value));
    cond_result_done(&r);
    return j;
}

struct told {
    json_t *j;
    bool value;
    bool unknown; /* rests on a field that is unknown */
};

static void group_tell(const struct cond *c, size_t at, struct told *t)
{
    const struct node *n = &c->nodes[at];
    json_t *list = json_array();
    size_t k, children = 0;

    t[at].value = n->kind != NODE_ANY;
    for (k = at + 1; k < n->next; k = c->nodes[k].next) {
        t[at].value = n->kind == NODE_ANY ? t[at].value || t[k].value : t[at].value && t[k].value;
        t[at].unknown = t[at].unknown || t[k].unknown;
        children++;
        json_array_append(list, t[k].j);
    }
    if (n->kind == NODE_NOT) {
        t[at].value = !t[at + 1].value;
        t[at].j = json_pack("{s:O}", "not", t[at + 1].j);
        if (t[at].unknown)
            json_object_set_new(t[at].j, "is", json_string(UNKNOWN));
    } else if (n->kind == NODE_ALL && children == 1 && at > 0) {
        t[at].j = json_incref(t[at + 1].j); /* a mapping with one key is that key */
        json_decref(list);
        return;
    } else {
        t[at].j = json_pack("{s:O}", n->kind == NODE_ANY ? "any" : "all", list);
    }
    json_object_set_new(t[at].j, "true", json_boolean(t[at].value));
    json_decref(list);
}

/* Children stand behind their parent, so going backwards meets each group after its members. */
void cond_explain_in(const struct cond *c, struct view *v, json_t **out)
{
    struct told *t = mem_array(c->n, sizeof *t);
    size_t i;

    for (i = c->n; i-- > 0;) {
        const struct node *n = &c->nodes[i];

        if (n->kind == NODE_TEST || n->kind == NODE_TIME)
            t[i].j = leaf_json(n, v, &t[i].value, &t[i].unknown);
        else
            group_tell(c, i, t);
    }
    *out = json_incref(t[0].j);
    for (i = 0; i < c->n; i++)
        json_decref(t[i].j);
    mem_freep(&t);
}

void cond_explain(const struct cond *c, const struct cond_env *env, json_t **out)
{
    struct view v;

    view_init(&v, c->slots, env);
    v.count_hits = false;
    cond_explain_in(c, &v, out);
    view_done(&v);
}

/* What is known about an incident, for people. Everything comes from evidence items and says which. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "triage/known_priv.h"
#include "triage/pure.h"

#define HOUR_MS         INT64_C(3600000)
#define QUOTE_MAX_BYTES 500
#define FIRING_MAX      20

void known_cite(json_t *cites, const char *claim, const struct triage_item *x)
{
    json_t *list = json_object_get(cites, claim);
    char name[24];

    if (!x || x->num == 0)
        return;
    if (!list) {
        list = json_array();
        json_object_set_new(cites, claim, list);
    }
    snprintf(name, sizeof(name), "E%lld", (long long)x->num);
    json_array_append_new(list, json_string(name));
}

json_t *known_time(int64_t ms)
{
    char text[TIME_ISO_MAX];

    return ms > 0 ? json_string(time_format_iso(ms, false, text)) : json_null();
}

json_t *known_shown(const char *s, size_t max_bytes)
{
    AUTO(buf_done) struct buf b = {0};

    if (!s)
        return json_null();
    buf_init(&b, max_bytes * 4 + 64);
    text_show(&b, s, strlen(s), max_bytes, true);
    return json_string(buf_str(&b));
}

static void put_null(json_t *k, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        json_object_set_new(k, names[i], json_null());
}

static json_t *self_cleared(const json_t *h)
{
    int64_t of = json_opt_int(h, "resolved", 0), n = json_opt_int(h, "self_cleared", 0);
    json_t *median = json_object_get(h, "self_cleared_median_s");

    if (of == 0)
        return json_null();
    return json_pack("{s:I, s:I, s:I, s:O}", "n", (json_int_t)n, "of", (json_int_t)of, "share_pct",
                     (json_int_t)((200 * n + of) / (2 * of)), "median_s",
                     median ? median : json_null());
}

static void history_known(const struct triage_items *it, json_t *k, json_t *cites)
{
    static const char *const members[] = {"times_seen", "window_days",  "complete",
                                          "last_seen",  "self_cleared", "recurrence"};
    const struct triage_item *x = triage_items_find(it, EV_SIMILAR);
    const json_t *last;

    put_null(k, members, ARRAY_LEN(members));
    if (!x)
        return;
    json_object_set(k, "times_seen", json_object_get(x->body, "times_seen"));
    json_object_set(k, "window_days", json_object_get(x->body, "days"));
    json_object_set(k, "complete", json_object_get(x->body, "complete"));
    json_object_set_new(k, "self_cleared", self_cleared(x->body));
    json_object_set_new(k, "recurrence",
                        json_pack("{s:I, s:I}", "last_24h",
                                  (json_int_t)json_opt_int(x->body, "last_24h", 0), "last_7d",
                                  (json_int_t)json_opt_int(x->body, "last_7d", 0)));
    last = json_opt_obj(x->body, "last");
    if (last)
        json_object_set_new(k, "last_seen",
                            json_pack("{s:O, s:O, s:o}", "incident_id", json_object_get(last, "id"),
                                      "number", json_object_get(last, "number"), "at",
                                      known_time(json_opt_int(last, "created_ms", 0))));
    known_cite(cites, "times_seen", x);
    known_cite(cites, "self_cleared", x);
}

static void fix_known(const struct triage_items *it, json_t *k, json_t *cites)
{
    const struct triage_item *x = triage_items_find(it, EV_FIX);
    json_t *o;

    json_object_set_new(k, "last_fix", json_null());
    if (!x)
        return;
    o = json_object();
    json_object_set_new(o, "quote", known_shown(json_opt_str(x->body, "quote"), QUOTE_MAX_BYTES));
    json_object_set_new(o, "author", known_shown(json_opt_str(x->body, "author"), 120));
    json_object_set(o, "incident_number", json_object_get(x->body, "number"));
    json_object_set(o, "incident_id", json_object_get(x->body, "incident_id"));
    json_object_set_new(o, "at", known_time(x->at_ms));
    json_object_set_new(k, "last_fix", o);
    known_cite(cites, "last_fix", x);
}

static bool names_service(const json_t *change, const char *service_id)
{
    const json_t *list = json_opt_arr(change, "services");

    for (size_t i = 0; i < json_array_size(list); i++)
        if (text_eq(json_opt_str(json_array_get(list, i), "id"), service_id))
            return true;
    return false;
}

/* Newest first, by insertion: there are at most EV_CHANGES_MAX. */
static void change_insert(json_t *list, json_t *o)
{
    size_t at = 0;

    while (at < json_array_size(list) &&
           json_opt_int(json_array_get(list, at), "before_s", 0) <= json_opt_int(o, "before_s", 0))
        at++;
    json_array_insert_new(list, at, o);
}

static void changes_known(const struct triage_items *it, const json_t *in, json_t *k, json_t *cites)
{
    int64_t created = json_opt_int(in, "created_ms", 0);
    const char *service_id = json_at_str(in, "service.id");
    json_t *own = json_array(), *other = json_array();

    for (size_t i = 0; i < it->n; i++) {
        const struct triage_item *x = &it->v[i];
        bool ours;
        json_t *o;

        if (!x->ok || !text_eq(x->kind, EV_CHANGE) || x->at_ms > created ||
            x->at_ms < created - HOUR_MS)
            continue;
        ours = names_service(x->body, service_id);
        o = json_object();
        json_object_set_new(o, "summary", known_shown(json_opt_str(x->body, "summary"), 240));
        json_object_set_new(o, "source", known_shown(json_opt_str(x->body, "source"), 120));
        json_object_set_new(o, "at", known_time(x->at_ms));
        json_object_set_new(o, "before_s", json_integer((created - x->at_ms) / 1000));
        change_insert(ours ? own : other, o);
        known_cite(cites, "changes", x);
    }
    if (triage_items_checked(it, EV_CHANGE)) {
        json_object_set(k, "changes", own);
        json_object_set(k, "changes_below", other);
    } else {
        json_object_set_new(k, "changes", json_null());
        json_object_set_new(k, "changes_below", json_null());
    }
    json_decref(own);
    json_decref(other);
}

static void firing_known(const struct triage_items *it, json_t *k, json_t *cites)
{
    const struct triage_item *x = triage_items_find(it, EV_FIRING);
    const json_t *open = x ? json_opt_arr(x->body, "open") : NULL;
    json_t *list = json_array();

    for (size_t i = 0; i < json_array_size(open) && i < FIRING_MAX; i++) {
        const json_t *f = json_array_get(open, i);

        json_array_append_new(list, json_pack("{s:s?, s:I, s:o, s:o, s:o, s:s?}", "incident_id",
                                              json_opt_str(f, "id"), "number",
                                              (json_int_t)json_opt_int(f, "number", 0), "title",
                                              known_shown(json_opt_str(f, "title"), 160), "service",
                                              known_shown(json_opt_str(f, "service"), 80), "since",
                                              known_time(json_opt_int(f, "created_ms", 0)),
                                              "relation", json_opt_str(f, "relation")));
    }
    json_object_set_new(k, "also_firing", x ? list : json_null());
    if (!x)
        json_decref(list);
    known_cite(cites, "also_firing", x);
}

/* Names of a level without repeats, in PagerDuty's order. */
static json_t *level_names(const struct pd_oncalls *o, int level)
{
    json_t *list = json_array();

    for (size_t i = 0; i < o->n; i++) {
        size_t k = 0;
        json_t *name;

        if (o->items[i].level != level || !o->items[i].user.summary)
            continue;
        name = known_shown(o->items[i].user.summary, 80);
        while (k < json_array_size(list) && !json_equal(json_array_get(list, k), name))
            k++;
        if (k == json_array_size(list))
            json_array_append(list, name);
        json_decref(name);
    }
    return list;
}

static json_t *oncall_list(const struct pd_oncalls *o)
{
    json_t *list = json_array();
    int most = 0;

    for (size_t i = 0; i < o->n; i++)
        most = o->items[i].level > most ? o->items[i].level : most;
    for (int level = 1; level <= most && level <= 20; level++) {
        json_t *who = level_names(o, level);

        if (json_array_size(who) > 0)
            json_array_append_new(list, json_pack("{s:i, s:o}", "level", level, "names", who));
        else
            json_decref(who);
    }
    return list;
}

static json_t *next_page_json(const struct next_page *n, const struct pd_oncalls *o)
{
    if (n->at_ms == 0)
        return json_pack("{s:s}", "none", n->why ? n->why : "unknown");
    return json_pack("{s:o, s:o, s:o, s:b}", "at", known_time(n->at_ms), "level",
                     n->level > 0 ? json_integer(n->level) : json_null(), "who",
                     n->level > 0 && o ? level_names(o, n->level) : json_array(), "computed",
                     n->computed);
}

static void paging_known(const struct triage_items *it, const struct triage_item *in, json_t *k,
                         json_t *cites)
{
    const struct triage_item *oi = triage_items_find(it, EV_ONCALL);
    const struct triage_item *pi = triage_items_find(it, EV_POLICY);
    struct pd_incident pd;
    struct pd_oncalls o = {0};
    struct pd_policy p = {0};
    struct next_page next;

    json_object_set_new(k, "on_call", json_null());
    json_object_set_new(k, "next_page", json_null());
    if (oi) {
        ev_read_oncalls(it->arena, oi->body, &o);
        json_object_set_new(k, "on_call", oncall_list(&o));
        known_cite(cites, "on_call", oi);
    }
    if (pi)
        ev_read_policy(it->arena, pi->body, &p);
    /* A webhook says nothing about planned escalations. */
    if (!in || !text_eq(json_opt_str(in->body, "from"), "rest") ||
        !ev_read_incident(it->arena, in->body, &pd))
        return;
    if (!json_opt_arr(in->body, "pending"))
        pd.pending = NULL;
    triage_next_page(&pd, pi ? &p : NULL, oi ? &o : NULL, &next);
    json_object_set_new(k, "next_page", next_page_json(&next, oi ? &o : NULL));
    known_cite(cites, "next_page", in);
    known_cite(cites, "next_page", pi);
    known_cite(cites, "next_page", oi);
}

static void outlier_known(const struct triage_items *it, json_t *k, json_t *cites)
{
    const struct triage_item *x = triage_items_find(it, EV_OUTLIER);

    json_object_set_new(k, "outlier", json_null());
    if (!x || !json_opt_bool(x->body, "found", false))
        return;
    json_object_set_new(
        k, "outlier",
        json_pack(
            "{s:o, s:O}", "category", known_shown(json_opt_str(x->body, "category"), 60), "count",
            json_object_get(x->body, "count") ? json_object_get(x->body, "count") : json_null()));
    known_cite(cites, "outlier", x);
}

static json_t *not_checked(const struct triage_items *it)
{
    json_t *list = json_array();

    for (size_t i = 0; i < it->n; i++)
        if (!it->v[i].ok)
            json_array_append_new(
                list, json_pack("{s:s, s:s, s:s, s:s}", "what", ev_label(it->v[i].kind), "kind",
                                it->v[i].kind, "source", it->v[i].source, "why", it->v[i].summary));
    return list;
}

json_t *triage_known(const struct triage_items *it)
{
    const struct triage_item *in = triage_items_find(it, EV_INCIDENT);
    json_t *k = json_object(), *cites = json_object();

    history_known(it, k, cites);
    fix_known(it, k, cites);
    changes_known(it, in ? in->body : NULL, k, cites);
    firing_known(it, k, cites);
    paging_known(it, in, k, cites);
    outlier_known(it, k, cites);
    known_memory(it, k, cites);
    known_outside(it, k, cites);
    json_object_set_new(k, "not_checked", not_checked(it));
    json_object_set_new(k, "evidence", cites);
    return k;
}

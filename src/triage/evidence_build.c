/* PagerDuty's structs as evidence. Members that PagerDuty did not tell are left out, never written as empty. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "triage/pure.h"

static void put_int(json_t *j, const char *key, int64_t v)
{
    json_object_set_new(j, key, json_integer(v));
}

static void put_time(json_t *j, const char *key, int64_t ms)
{
    if (ms > 0)
        put_int(j, key, ms);
}

static void put_str(json_t *j, const char *key, const char *s)
{
    if (s)
        json_object_set_new(j, key, json_string(s));
}

static json_t *ref_json(const struct pd_ref *r)
{
    return r->id ? json_pack("{s:s, s:s*, s:s*}", "id", r->id, "name", r->summary, "type", r->type)
                 : NULL;
}

static void put_ref(json_t *j, const char *key, const struct pd_ref *r)
{
    json_t *o = ref_json(r);

    if (o)
        json_object_set_new(j, key, o);
}

static json_t *refs_json(const struct pd_refs *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < r->n; i++)
        json_array_append_new(list, ref_json(&r->items[i]));
    return list;
}

static json_t *since_json(const struct pd_since_list *l)
{
    json_t *list = json_array();

    for (size_t i = 0; i < l->n; i++) {
        json_t *o = ref_json(&l->items[i].who);

        put_time(o, "at_ms", l->items[i].at_ms);
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *custom_json(const struct pd_incident *in)
{
    json_t *o = json_object();

    for (size_t i = 0; i < in->n_custom_fields; i++) {
        const struct pd_field *f = &in->custom_fields[i];
        const char *name = f->name ? f->name : f->id;

        if (name && f->value)
            put_str(o, name, f->value);
    }
    return o;
}

/* What only REST tells. */
static void incident_rest(json_t *j, const struct pd_incident *in)
{
    json_t *pending = json_array();

    for (size_t i = 0; i < in->n_pending; i++)
        json_array_append_new(pending, json_pack("{s:s, s:I}", "type", in->pending[i].type, "at_ms",
                                                 (json_int_t)in->pending[i].at_ms));
    json_object_set_new(j, "pending", pending);
    put_str(j, "assigned_via", in->assigned_via);
    json_object_set_new(j, "acknowledgements", since_json(&in->acknowledgements));
    put_time(j, "changed_ms", in->last_status_change_ms);
    put_ref(j, "changed_by", &in->last_status_change_by);
    if (in->alerts_all >= 0)
        put_int(j, "alerts_all", in->alerts_all);
    json_object_set_new(j, "custom", custom_json(in));
}

json_t *ev_incident_body(const struct pd_incident *in, bool from_rest)
{
    json_t *j = json_object();

    put_str(j, "from", from_rest ? "rest" : "webhook");
    put_str(j, "id", in->id);
    if (in->number > 0)
        put_int(j, "number", in->number);
    put_str(j, "title", in->title);
    put_str(j, "status", in->status);
    put_str(j, "urgency", in->urgency);
    put_str(j, "key", in->incident_key);
    put_ref(j, "priority", &in->priority);
    put_ref(j, "service", &in->service);
    put_ref(j, "policy", &in->policy);
    json_object_set_new(j, "assignees", since_json(&in->assignments));
    json_object_set_new(j, "teams", refs_json(&in->teams));
    put_time(j, "created_ms", in->created_ms);
    put_time(j, "resolved_ms", in->resolved_ms);
    put_str(j, "html_url", in->html_url);
    put_str(j, "incident_type", in->incident_type);
    put_str(j, "conference_url", in->conference_url);
    put_str(j, "resolve_reason", in->resolve_reason);
    put_ref(j, "merged_into", &in->merged_into);
    if (from_rest)
        incident_rest(j, in);
    return j;
}

json_t *ev_service_body(const struct pd_service *s)
{
    json_t *j = json_object();

    put_str(j, "id", s->id);
    put_str(j, "name", s->name);
    put_str(j, "description", s->description);
    put_str(j, "status", s->status);
    put_str(j, "html_url", s->html_url);
    put_ref(j, "policy", &s->policy);
    json_object_set_new(j, "teams", refs_json(&s->teams));
    put_str(j, "urgency_rule", s->urgency_rule);
    put_str(j, "urgency", s->urgency);
    if (s->ack_timeout_s > 0)
        put_int(j, "ack_timeout_s", s->ack_timeout_s);
    if (s->auto_resolve_s > 0)
        put_int(j, "auto_resolve_s", s->auto_resolve_s);
    return j;
}

json_t *ev_policy_body(const struct pd_policy *p)
{
    json_t *j = json_object(), *levels = json_array();

    put_str(j, "id", p->id);
    put_str(j, "name", p->name);
    put_int(j, "num_loops", p->num_loops);
    for (size_t i = 0; i < p->n_levels; i++) {
        json_t *l = json_object();

        put_int(l, "level", p->levels[i].level);
        put_int(l, "delay_min", p->levels[i].delay_min);
        json_object_set_new(l, "targets", refs_json(&p->levels[i].targets));
        json_array_append_new(levels, l);
    }
    json_object_set_new(j, "levels", levels);
    return j;
}

json_t *ev_oncall_body(const struct pd_oncalls *o)
{
    json_t *j = json_object(), *list = json_array();

    for (size_t i = 0; i < o->n; i++) {
        const struct pd_oncall *c = &o->items[i];
        json_t *x = json_object();

        put_ref(x, "user", &c->user);
        put_ref(x, "policy", &c->policy);
        put_ref(x, "schedule", &c->schedule);
        put_int(x, "level", c->level);
        json_array_append_new(list, x);
    }
    json_object_set_new(j, "oncalls", list);
    return j;
}

json_t *ev_dependency_body(const struct pd_dependencies *d, const char *service_id)
{
    json_t *below = json_array(), *above = json_array();

    for (size_t i = 0; i < d->n; i++) {
        const struct pd_dependency *x = &d->items[i];

        if (text_eq(x->dependent.id, service_id) && x->supporting.id)
            json_array_append_new(below, ref_json(&x->supporting));
        else if (text_eq(x->supporting.id, service_id) && x->dependent.id)
            json_array_append_new(above, ref_json(&x->dependent));
    }
    return json_pack("{s:o, s:o}", "depends_on", below, "used_by", above);
}

static json_t *links_json(const struct pd_link *links, size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n && i < 5; i++)
        json_array_append_new(
            list, json_pack("{s:s, s:s*}", "href", links[i].href, "text", links[i].text));
    return list;
}

static json_t *alert_body(const struct pd_alert *x)
{
    json_t *j = json_object();

    put_str(j, "id", x->id);
    put_str(j, "status", x->status);
    put_str(j, "severity", x->severity);
    put_str(j, "summary", x->summary);
    put_str(j, "key", x->alert_key);
    put_str(j, "html_url", x->html_url);
    put_time(j, "created_ms", x->created_ms);
    if (x->suppressed)
        json_object_set_new(j, "suppressed", json_true());
    put_ref(j, "service", &x->service);
    put_ref(j, "integration", &x->integration);
    put_str(j, "details", x->details);
    if (x->details_cut)
        json_object_set_new(j, "details_cut", json_true());
    if (x->n_links > 0)
        json_object_set_new(j, "links", links_json(x->links, x->n_links));
    return j;
}

static void source_of(char *out, size_t room, const char *kind, const char *id)
{
    snprintf(out, room, "%s:%s", kind, id ? id : "?");
}

void ev_alerts(struct triage_items *it, const struct pd_alerts *al, int64_t total)
{
    char source[96];
    int64_t all = (int64_t)al->seen > total ? (int64_t)al->seen : total;
    size_t shown = al->n < EV_ALERTS_MAX ? al->n : EV_ALERTS_MAX;
    int64_t first = 0, last = 0;

    for (size_t i = 0; i < shown; i++) {
        source_of(source, sizeof(source), EV_ALERT, al->items[i].id);
        triage_items_add(it, EV_ALERT, source, alert_body(&al->items[i]), al->items[i].created_ms);
    }
    if (all <= (int64_t)shown)
        return;
    for (size_t i = shown; i < al->n; i++) {
        int64_t at = al->items[i].created_ms;

        first = at > 0 && (first == 0 || at < first) ? at : first;
        last = at > last ? at : last;
    }
    triage_items_add(it, EV_ALERT, "alert:folded",
                     json_pack("{s:I, s:I, s:I, s:b}", "folded", (json_int_t)(all - (int64_t)shown),
                               "first_ms", (json_int_t)first, "last_ms", (json_int_t)last,
                               "all_read", al->n == (size_t)all),
                     first);
}

/* Newest first: PagerDuty documents no order. */
static void notes_newest(const struct pd_notes *n, const struct pd_note **out, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < n->n; i++) {
        const struct pd_note *x = &n->items[i];
        size_t at = *count;

        while (at > 0 && out[at - 1]->created_ms < x->created_ms)
            at--;
        if (at == EV_NOTES_MAX)
            continue;
        if (*count < EV_NOTES_MAX)
            (*count)++;
        /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers is meant */
        memmove(&out[at + 1], &out[at], (*count - at - 1) * sizeof(*out));
        out[at] = x;
    }
}

void ev_notes(struct triage_items *it, const struct pd_notes *n)
{
    const struct pd_note *newest[EV_NOTES_MAX];
    size_t count;
    char source[96];

    notes_newest(n, newest, &count);
    for (size_t i = 0; i < count; i++) {
        const struct pd_note *x = newest[i];
        json_t *j;

        if (triage_note_is_ours(x->content)) /* our own words are no evidence */
            continue;
        j = json_object();
        put_str(j, "id", x->id);
        put_str(j, "author", x->user.summary);
        put_str(j, "author_id", x->user.id);
        put_str(j, "author_type", x->user.type);
        put_str(j, "content", x->content);
        if (x->cut)
            json_object_set_new(j, "cut", json_true());
        put_time(j, "created_ms", x->created_ms);
        source_of(source, sizeof(source), EV_NOTE, x->id);
        triage_items_add(it, EV_NOTE, source, j, x->created_ms);
    }
}

void ev_log(struct triage_items *it, const struct pd_log_entries *l)
{
    json_t *list = json_array();
    size_t from = l->n > EV_LOG_MAX ? l->n - EV_LOG_MAX : 0;

    for (size_t i = from; i < l->n; i++) {
        const struct pd_log_entry *x = &l->items[i];
        json_t *j = json_object();

        put_str(j, "id", x->id);
        put_str(j, "type", x->type);
        put_str(j, "summary", x->summary);
        put_time(j, "at_ms", x->at_ms);
        put_ref(j, "agent", &x->agent);
        put_ref(j, "user", &x->user);
        if (x->assignees.n > 0)
            json_object_set_new(j, "assignees", refs_json(&x->assignees));
        put_str(j, "channel", x->channel_type);
        put_str(j, "channel_summary", x->channel_summary);
        put_str(j, "channel_details", x->channel_details);
        put_str(j, "note", x->note);
        json_array_append_new(list, j);
    }
    triage_items_add(it, EV_LOG, "log_entries",
                     json_pack("{s:o, s:b}", "entries", list, "complete",
                               from == 0 && !l->page.more && l->seen == l->n),
                     l->n > 0 ? l->items[l->n - 1].at_ms : 0);
}

void ev_changes(struct triage_items *it, const struct pd_changes *c)
{
    char source[96];

    for (size_t i = 0; i < c->n && i < EV_CHANGES_MAX; i++) {
        const struct pd_change *x = &c->items[i];
        json_t *j = json_object();

        put_str(j, "id", x->id);
        put_str(j, "summary", x->summary);
        put_str(j, "source", x->source);
        put_time(j, "at_ms", x->at_ms);
        put_str(j, "reason", x->reason);
        put_str(j, "details", x->details);
        json_object_set_new(j, "services", refs_json(&x->services));
        if (x->n_links > 0)
            json_object_set_new(j, "links", links_json(x->links, x->n_links));
        source_of(source, sizeof(source), EV_CHANGE, x->id);
        triage_items_add(it, EV_CHANGE, source, j, x->at_ms);
    }
}

void ev_past(struct triage_items *it, const struct pd_pasts *p)
{
    char source[96];

    for (size_t i = 0; i < p->n && i < EV_PAST_MAX; i++) {
        const struct pd_past *x = &p->items[i];
        json_t *j = json_object();

        put_str(j, "id", x->id);
        put_str(j, "title", x->title);
        put_time(j, "created_ms", x->created_ms);
        json_object_set_new(j, "score", json_real(x->score));
        source_of(source, sizeof(source), EV_PAST, x->id);
        triage_items_add(it, EV_PAST, source, j, x->created_ms);
    }
}

void ev_related(struct triage_items *it, const struct pd_relateds *r)
{
    char source[96];

    for (size_t i = 0; i < r->n && i < EV_RELATED_MAX; i++) {
        const struct pd_related *x = &r->items[i];
        json_t *j = json_object();

        put_str(j, "id", x->id);
        put_str(j, "title", x->title);
        put_time(j, "created_ms", x->created_ms);
        put_str(j, "relation", x->relation);
        put_str(j, "classification", x->classification);
        put_ref(j, "dependent", &x->dependent);
        put_ref(j, "supporting", &x->supporting);
        source_of(source, sizeof(source), EV_RELATED, x->id);
        triage_items_add(it, EV_RELATED, source, j, x->created_ms);
    }
}

void ev_outlier(struct triage_items *it, const struct pd_outlier *o)
{
    json_t *j = json_object();

    json_object_set_new(j, "found", json_boolean(o->found));
    if (o->found) {
        put_str(j, "id", o->id);
        put_str(j, "category", o->category);
        if (o->count >= 0)
            put_int(j, "count", o->count);
        json_object_set_new(j, "frequency", json_real(o->frequency));
        put_time(j, "since_ms", o->since_ms);
        put_time(j, "until_ms", o->until_ms);
        put_str(j, "template", o->template_text);
    }
    triage_items_add(it, EV_OUTLIER, "outlier_incident", j, 0);
}

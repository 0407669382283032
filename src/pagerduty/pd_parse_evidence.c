/* Answers about one incident: alerts, notes, log entries, past and related incidents, outlier, changes. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "pagerduty/pd_priv.h"

static double opt_real(const json_t *obj, const char *key)
{
    return json_number_value(json_object_get(obj, key)); /* 0 when absent */
}

static bool alert_item(struct arena *a, const json_t *j, const void *arg, void *item)
{
    struct pd_alert *out = item;
    const json_t *body = json_opt_obj(j, "body");

    (void)arg;
    out->id = pd_text(a, j, "id", PD_SHORT_MAX_BYTES);
    if (!out->id)
        return false;
    out->status = pd_text(a, j, "status", PD_SHORT_MAX_BYTES);
    out->severity = pd_text(a, j, "severity", PD_SHORT_MAX_BYTES);
    out->summary = pd_text(a, j, "summary", PD_TITLE_MAX_BYTES);
    out->alert_key = pd_text(a, j, "alert_key", PD_SHORT_MAX_BYTES);
    out->html_url = pd_text(a, j, "html_url", PD_URL_MAX_BYTES);
    out->created_ms = json_opt_time_ms(j, "created_at", 0);
    out->suppressed = json_opt_bool(j, "suppressed", false);
    pd_ref_read(a, json_opt_obj(j, "service"), &out->service);
    pd_ref_read(a, json_opt_obj(j, "integration"), &out->integration);
    /* Documented as an object or a text; a list was never seen, and costs nothing. */
    out->details = pd_details(a, json_object_get(body, "details"), &out->details_cut);
    pd_links_read(a, json_opt_arr(body, "contexts"), &out->links, &out->n_links);
    return true;
}

int pd_read_alerts(struct arena *a, const char *body, size_t len, struct pd_alerts *out,
                   struct err *e)
{
    const struct pd_list_kind kind = {"alerts", PD_LIST_MAX, sizeof(*out->items), alert_item, NULL};
    struct pd_list l;

    if (pd_list_read(a, body, len, &kind, &l, e) < 0)
        return e->code;
    PD_LIST_TAKE(out, l);
    return 0;
}

bool pd_note_read(struct arena *a, const json_t *j, struct pd_note *out)
{
    out->id = pd_text(a, j, "id", PD_SHORT_MAX_BYTES);
    if (!out->id)
        return false;
    pd_ref_read(a, json_opt_obj(j, "user"), &out->user);
    out->channel = pd_text(a, json_opt_obj(j, "channel"), "summary", PD_SHORT_MAX_BYTES);
    out->content = pd_copy(a, json_opt_str(j, "content"), PD_TEXT_MAX_BYTES, &out->cut);
    out->created_ms = json_opt_time_ms(j, "created_at", 0);
    out->updated_ms = json_opt_time_ms(j, "updated_at", 0);
    return true;
}

static bool note_item(struct arena *a, const json_t *j, const void *arg, void *item)
{
    (void)arg;
    return pd_note_read(a, j, item);
}

int pd_read_notes(struct arena *a, const char *body, size_t len, struct pd_notes *out,
                  struct err *e)
{
    const struct pd_list_kind kind = {"notes", PD_NOTES_MAX, sizeof(*out->items), note_item, NULL};
    struct pd_list l;

    if (pd_list_read(a, body, len, &kind, &l, e) < 0)
        return e->code;
    PD_LIST_TAKE(out, l);
    return 0;
}

/* A channel's shape is unpublished and may change: whatever of it looks like the original event is taken. */
static void channel_read(struct arena *a, const json_t *channel, struct pd_log_entry *out)
{
    static const char *const bodies[] = {"details", "cef_details", "body"};

    out->channel_type = pd_text(a, channel, "type", PD_SHORT_MAX_BYTES);
    out->channel_summary = pd_text(a, channel, "summary", PD_TITLE_MAX_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(bodies) && !out->channel_details; i++)
        out->channel_details =
            pd_details(a, json_object_get(channel, bodies[i]), &out->details_cut);
}

static bool log_entry_item(struct arena *a, const json_t *j, const void *arg, void *item)
{
    struct pd_log_entry *out = item;

    (void)arg;
    out->id = pd_text(a, j, "id", PD_SHORT_MAX_BYTES);
    if (!out->id)
        return false;
    out->type = pd_type(a, j);
    out->summary = pd_text(a, j, "summary", PD_TITLE_MAX_BYTES);
    out->at_ms = json_opt_time_ms(j, "created_at", 0);
    pd_ref_read(a, json_opt_obj(j, "agent"), &out->agent);
    pd_ref_read(a, json_opt_obj(j, "user"), &out->user);
    pd_ref_read(a, json_opt_obj(j, "service"), &out->service);
    pd_ref_read(a, json_opt_obj(j, "incident"), &out->incident);
    pd_refs_read(a, json_opt_arr(j, "assignees"), NULL, &out->assignees);
    channel_read(a, json_opt_obj(j, "channel"), out);
    out->note = pd_text(a, j, "note", PD_TEXT_MAX_BYTES);
    out->description =
        pd_text(a, json_opt_obj(j, "event_details"), "description", PD_TITLE_MAX_BYTES);
    return true;
}

static int by_time(const void *left, const void *right)
{
    const struct pd_log_entry *l = left, *r = right;

    if (l->at_ms != r->at_ms)
        return l->at_ms < r->at_ms ? -1 : 1;
    return strcmp(l->id, r->id); /* qsort keeps no order of its own */
}

int pd_read_log_entries(struct arena *a, const char *body, size_t len, struct pd_log_entries *out,
                        struct err *e)
{
    const struct pd_list_kind kind = {"log_entries", PD_LIST_MAX, sizeof(*out->items),
                                      log_entry_item, NULL};
    struct pd_list l;

    if (pd_list_read(a, body, len, &kind, &l, e) < 0)
        return e->code;
    PD_LIST_TAKE(out, l);
    if (out->n > 1)
        qsort(out->items, out->n, sizeof(*out->items), by_time);
    return 0;
}

static bool past_item(struct arena *a, const json_t *j, const void *arg, void *item)
{
    struct pd_past *out = item;
    const json_t *incident = json_opt_obj(j, "incident");

    (void)arg;
    out->id = pd_text(a, incident, "id", PD_SHORT_MAX_BYTES);
    if (!out->id)
        return false;
    out->title = pd_text(a, incident, "title", PD_TITLE_MAX_BYTES);
    out->created_ms = json_opt_time_ms(incident, "created_at", 0);
    out->score = opt_real(j, "score");
    return true;
}

int pd_read_past(struct arena *a, const char *body, size_t len, struct pd_pasts *out, struct err *e)
{
    const struct pd_list_kind kind = {"past_incidents", PD_LIST_MAX, sizeof(*out->items), past_item,
                                      NULL};
    struct pd_list l;

    if (pd_list_read(a, body, len, &kind, &l, e) < 0)
        return e->code;
    PD_LIST_TAKE(out, l);
    return 0;
}

static bool related_item(struct arena *a, const json_t *j, const void *arg, void *item)
{
    struct pd_related *out = item;
    const json_t *incident = json_opt_obj(j, "incident");
    const json_t *relations = json_opt_arr(j, "relationships");

    (void)arg;
    out->id = pd_text(a, incident, "id", PD_SHORT_MAX_BYTES);
    if (!out->id)
        return false;
    out->title = pd_text(a, incident, "title", PD_TITLE_MAX_BYTES);
    out->created_ms = json_opt_time_ms(incident, "created_at", 0);
    for (size_t i = 0; i < json_array_size(relations) && i < PD_REFS_MAX; i++) {
        const json_t *r = json_array_get(relations, i), *meta = json_opt_obj(r, "metadata");
        const char *type = json_opt_str(r, "type");

        /* A known dependency says more than a guess of likeness, so it names the relation where both are there. */
        if (type && (!out->relation || text_eq(type, "service_dependency")))
            out->relation = pd_copy(a, type, PD_SHORT_MAX_BYTES, NULL);
        if (!out->classification)
            out->classification = pd_text(a, meta, "grouping_classification", PD_SHORT_MAX_BYTES);
        if (!out->dependent.id)
            pd_ref_read(a, json_opt_obj(meta, "dependent_services"), &out->dependent);
        if (!out->supporting.id)
            pd_ref_read(a, json_opt_obj(meta, "supporting_services"), &out->supporting);
    }
    return true;
}

int pd_read_related(struct arena *a, const char *body, size_t len, struct pd_relateds *out,
                    struct err *e)
{
    const struct pd_list_kind kind = {"related_incidents", PD_LIST_MAX, sizeof(*out->items),
                                      related_item, NULL};
    struct pd_list l;

    if (pd_list_read(a, body, len, &kind, &l, e) < 0)
        return e->code;
    PD_LIST_TAKE(out, l);
    return 0;
}

int pd_read_outlier(struct arena *a, const char *body, size_t len, struct pd_outlier *out,
                    struct err *e)
{
    AUTO(json_freep) json_t *root = NULL;
    json_t *j = NULL;
    const json_t *incident, *occurrence;
    struct pd_outlier o = {.count = -1};

    if (pd_open(body, len, "outlier_incident", JSON_OBJECT, &root, &j, e) < 0)
        return e->code;
    incident = json_opt_obj(j, "incident");
    occurrence = json_opt_obj(incident, "occurrence");
    o.id = pd_text(a, incident, "id", PD_SHORT_MAX_BYTES);
    o.category = pd_text(a, occurrence, "category", PD_SHORT_MAX_BYTES);
    o.count = json_opt_int(occurrence, "count", -1);
    o.frequency = opt_real(occurrence, "frequency");
    o.since_ms = json_opt_time_ms(occurrence, "since", 0);
    o.until_ms = json_opt_time_ms(occurrence, "until", 0);
    o.template_text =
        pd_text(a, json_opt_obj(j, "incident_template"), "mined_text", PD_TITLE_MAX_BYTES);
    o.found = o.category != NULL;
    *out = o;
    return 0;
}

static bool change_item(struct arena *a, const json_t *j, const void *arg, void *item)
{
    struct pd_change *out = item;

    (void)arg;
    out->id = pd_text(a, j, "id", PD_SHORT_MAX_BYTES);
    if (!out->id)
        return false;
    out->summary = pd_text(a, j, "summary", PD_TITLE_MAX_BYTES);
    out->source = pd_text(a, j, "source", PD_TITLE_MAX_BYTES);
    out->at_ms = json_opt_time_ms(j, "timestamp", 0);
    out->reason = pd_text(a, json_opt_obj(j, "correlation_reason"), "reason", PD_SHORT_MAX_BYTES);
    out->details = pd_details(a, json_object_get(j, "custom_details"), &out->details_cut);
    pd_refs_read(a, json_opt_arr(j, "services"), NULL, &out->services);
    pd_links_read(a, json_opt_arr(j, "links"), &out->links, &out->n_links);
    return true;
}

int pd_read_changes(struct arena *a, const char *body, size_t len, struct pd_changes *out,
                    struct err *e)
{
    const struct pd_list_kind kind = {"change_events", PD_LIST_MAX, sizeof(*out->items),
                                      change_item, NULL};
    struct pd_list l;

    if (pd_list_read(a, body, len, &kind, &l, e) < 0)
        return e->code;
    PD_LIST_TAKE(out, l);
    return 0;
}

/* An incident from a file, for `rules try`: a facts document, a webhook body, or REST's answer. */
#include "base/json.h"
#include "base/text.h"
#include "triage/pure.h"

#define NOT_IN_FILE "it is not in the file"
#define FILE_TOKENS 400000

static json_t *facts_of(struct triage_items *it, int64_t now_ms)
{
    triage_items_rest(it, "file", NOT_IN_FILE);
    return triage_facts(it, NULL, 0, now_ms);
}

static int from_webhook(struct arena *a, const char *bytes, size_t len, int64_t now_ms,
                        json_t **facts, struct err *e)
{
    AUTO(triage_items_done) struct triage_items it = {0};
    struct pd_event ev;

    if (pd_event_parse(a, bytes, len, &ev, e) < 0)
        return e->code;
    if (!ev.has_incident)
        return err_set(
            e, ERR_INPUT,
            "the webhook body is a %s and holds no incident; use one of incident.triggered",
            ev.type);
    triage_items_init(&it, a);
    triage_items_add(&it, EV_INCIDENT, "webhook", ev_incident_body(&ev.incident, false),
                     ev.incident.created_ms);
    *facts = facts_of(&it, now_ms);
    return 0;
}

/* The lists that REST gives in answers of their own may stand beside the incident. */
static int lists_read(struct arena *a, const json_t *root, const char *bytes, size_t len,
                      int64_t alerts_all, struct triage_items *it, struct err *e)
{
    struct pd_alerts alerts;
    struct pd_notes notes;
    struct pd_log_entries log;
    struct pd_changes changes;

    if (json_opt_arr(root, "alerts")) {
        if (pd_read_alerts(a, bytes, len, &alerts, e) < 0)
            return e->code;
        ev_alerts(it, &alerts, alerts_all);
    }
    if (json_opt_arr(root, "notes")) {
        if (pd_read_notes(a, bytes, len, &notes, e) < 0)
            return e->code;
        ev_notes(it, &notes);
    }
    if (json_opt_arr(root, "log_entries")) {
        if (pd_read_log_entries(a, bytes, len, &log, e) < 0)
            return e->code;
        ev_log(it, &log);
    }
    if (json_opt_arr(root, "change_events")) {
        if (pd_read_changes(a, bytes, len, &changes, e) < 0)
            return e->code;
        ev_changes(it, &changes);
    }
    return 0;
}

static int from_rest(struct arena *a, const json_t *root, const char *bytes, size_t len,
                     int64_t now_ms, json_t **facts, struct err *e)
{
    AUTO(triage_items_done) struct triage_items it = {0};
    struct pd_incident in;

    if (pd_read_incident(a, bytes, len, &in, e) < 0)
        return e->code;
    triage_items_init(&it, a);
    triage_items_add(&it, EV_INCIDENT, "file", ev_incident_body(&in, true), in.created_ms);
    if (lists_read(a, root, bytes, len, in.alerts_all, &it, e) < 0)
        return e->code;
    *facts = facts_of(&it, now_ms);
    return 0;
}

int triage_facts_from_file(const char *bytes, size_t len, int64_t now_wall_ms, json_t **facts,
                           struct err *e)
{
    AUTO(json_freep) json_t *root = NULL;
    AUTO(arena_freep) struct arena *a = NULL;
    const json_t *incident;

    if (len > PD_REPLY_MAX_BYTES)
        return err_set(e, ERR_INPUT, "the incident file has %zu bytes, %zu are read at most", len,
                       (size_t)PD_REPLY_MAX_BYTES);
    if (json_parse(bytes, len, FILE_TOKENS, &root, e) < 0)
        return err_wrap(e, "incident file");
    /* Room for what every reader may ask: four times the bytes and 256 KiB, five readers, and the items. */
    a = arena_new(24 * len + ((size_t)8 << 20));
    if (json_opt_obj(root, "event"))
        return from_webhook(a, bytes, len, now_wall_ms, facts, e);
    incident = json_opt_obj(root, "incident");
    /* REST points to things by reference objects; a facts document has their names. */
    if (incident &&
        (json_opt_str(incident, "type") || json_object_get(incident, "incident_number")) &&
        json_opt_obj(incident, "service"))
        return from_rest(a, root, bytes, len, now_wall_ms, facts, e);
    if (incident) {
        *facts = json_incref(root);
        return 0;
    }
    return err_set(
        e, ERR_INPUT,
        "the incident file is none of: a facts document, a webhook body, {\"incident\": ...} as REST answers it");
}

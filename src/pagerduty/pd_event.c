#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "pagerduty/pd_priv.h"

/*
 * The incident an event is about (contract section 5): itself when data is the incident, else the one it points to;
 * role assignments point once per entry, and the entries of one event share their incident.
 */
static const char *incident_of(const json_t *data, const char *data_type)
{
    const json_t *roles = json_opt_arr(data, "incident_role_assignments");
    const char *id;

    if (text_eq(data_type, "incident"))
        return json_opt_str(data, "id");
    id = json_opt_str(json_opt_obj(data, "incident"), "id");
    for (size_t i = 0; !id && i < json_array_size(roles); i++)
        id = json_opt_str(json_opt_obj(json_array_get(roles, i), "incident"), "id");
    return id;
}

static const char *service_of(const json_t *data, const char *data_type)
{
    const char *id = text_eq(data_type, "service")
                         ? json_opt_str(data, "id")
                         : json_opt_str(json_opt_obj(data, "service"), "id");

    return id && text_is_id(id) ? id : NULL;
}

static void text_read(struct arena *a, const json_t *data, struct pd_event *out)
{
    bool is_note = text_eq(out->data_type, "incident_note");
    bool cut = false;

    if (!is_note && !text_eq(out->data_type, "incident_status_update"))
        return;
    out->text_id = pd_text(a, data, "id", PD_SHORT_MAX_BYTES);
    out->text =
        pd_copy(a, json_opt_str(data, is_note ? "content" : "message"), PD_TEXT_MAX_BYTES, &cut);
    out->trimmed = cut || json_opt_bool(data, "trimmed", false);
}

static int envelope_read(struct arena *a, const json_t *event, struct pd_event *out, struct err *e)
{
    const char *id = json_opt_str(event, "id");
    const char *type = json_opt_str(event, "event_type");
    const json_t *client = json_opt_obj(event, "client");

    if (!id || !*id || strlen(id) > PD_EVENT_ID_MAX_BYTES)
        return err_set(e, ERR_INPUT, "event.id is missing, empty, or over %d bytes",
                       PD_EVENT_ID_MAX_BYTES);
    if (!type || !*type || strlen(type) > PD_EVENT_ID_MAX_BYTES)
        return err_set(e, ERR_INPUT, "event.event_type is missing, empty, or over %d bytes",
                       PD_EVENT_ID_MAX_BYTES);
    out->id = arena_strdup(a, id);
    out->type = arena_strdup(a, type);
    out->resource_type = pd_text(a, event, "resource_type", PD_SHORT_MAX_BYTES);
    out->occurred_ms = json_opt_time_ms(event, "occurred_at", 0);
    pd_ref_read(a, json_opt_obj(event, "agent"), &out->agent);
    out->client_name = pd_text(a, client, "name", PD_SHORT_MAX_BYTES);
    out->client_url = pd_text(a, client, "url", PD_URL_MAX_BYTES);
    return 0;
}

int pd_event_parse(struct arena *a, const void *body, size_t len, struct pd_event *out,
                   struct err *e)
{
    AUTO(json_freep) json_t *root = NULL;
    struct pd_event ev = {0};
    const json_t *event, *data;
    const char *incident;
    struct err ignored;

    if (len > PD_EVENT_MAX_BYTES)
        return err_set(e, ERR_INPUT, "webhook body of %zu bytes, %zu are read at most", len,
                       PD_EVENT_MAX_BYTES);
    if (json_parse(body, len, JSON_TEXT_MAX_TOKENS, &root, e) < 0)
        return err_wrap(e, "webhook body");
    event = json_opt_obj(root, "event");
    if (!event)
        return err_set(e, ERR_INPUT, "webhook body has no object \"event\"");
    if (envelope_read(a, event, &ev, e) < 0)
        return err_wrap(e, "webhook body");
    data = json_opt_obj(event, "data"); /* NULL is fine: the readers below take it for empty */
    ev.data_type = pd_text(a, data, "type", PD_SHORT_MAX_BYTES);
    incident = incident_of(data, ev.data_type);
    if (incident && text_is_id(incident))
        ev.incident_id = arena_strdup(a, incident);
    ev.service_id = arena_strdup(a, service_of(data, ev.data_type));
    if (text_eq(ev.data_type, "incident"))
        ev.has_incident = pd_incident_common(a, data, &ev.incident, &ignored) == 0;
    text_read(a, data, &ev);
    *out = ev;
    return 0;
}

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "sandbox/json_build.h"
#include "sandbox/req.h"

/* Reading incidents. */

#define DAY_MS INT64_C(86400000)

/* What reads showed late_ms ago; NULL when the present is right, *gone when it did not exist yet. */
static const struct snapshot *late_view(const struct req *r, const struct incident *in, bool *gone)
{
    int64_t at;

    *gone = false;
    if (r->late_ms == 0)
        return NULL;
    at = clock_mono_ms() - r->late_ms;
    *gone = in->created_mono_ms > at;
    for (size_t i = 0; i < in->n_snaps; i++)
        if (in->snaps[i].until_mono_ms > at)
            return &in->snaps[i];
    return NULL;
}

/* The incident of the path, or an answer: 404 with PagerDuty's code. */
static struct incident *incident_of(struct req *r)
{
    struct incident *in = world_incident(r->seg[0]);
    bool gone = false;

    if (in != NULL)
        late_view(r, in, &gone);
    if (in == NULL || gone) {
        reply_not_found(r);
        return NULL;
    }
    return in;
}

static json_t *incident_view(const struct req *r, const struct incident *in, unsigned include)
{
    bool gone = false;
    const struct snapshot *s = late_view(r, in, &gone);

    return s != NULL ? json_incref(s->incident) : json_incident(in, include);
}

static void get_incident(struct req *r)
{
    struct incident *in = incident_of(r);
    bool bad = false;
    unsigned include = include_read(r, &bad);

    if (in == NULL)
        return;
    if (bad) {
        reply_error(r, 400, 2001, "Invalid Input Provided", "include[] names something unknown");
        return;
    }
    reply_json(r, 200, json_pack("{s:o}", "incident", incident_view(r, in, include)));
}

struct filter {
    const json_t *statuses, *services, *urgencies, *users, *teams;
    const char *key;
    int64_t since_ms, until_ms;
    bool all;
};

static bool filter_words(struct req *r, const json_t *values, const char *const *allowed, size_t n,
                         const char *name)
{
    for (size_t i = 0; i < json_array_size(values); i++) {
        bool known = false;

        for (size_t w = 0; w < n; w++)
            known = known || text_eq(json_string_value(json_array_get(values, i)), allowed[w]);
        if (!known) {
            reply_error(r, 400, 2001, "Invalid Input Provided", name);
            return false;
        }
    }
    return true;
}

static bool time_param(struct req *r, const char *name, int64_t *out)
{
    const char *text = req_param(r, name);
    struct err e = {0};

    if (text != NULL && time_parse_iso(text, strlen(text), out, &e) < 0) {
        reply_error(r, 400, 2001, "Invalid Input Provided", name);
        return false;
    }
    return true;
}

/* The window is one month when nothing is said, and never longer than six. */
static bool filter_read(struct req *r, struct filter *f)
{
    static const char *const statuses[] = {"triggered", "acknowledged", "resolved"};
    static const char *const urgencies[] = {"high", "low"};

    *f = (struct filter){.statuses = req_params(r, "statuses[]"),
                         .services = req_params(r, "service_ids[]"),
                         .urgencies = req_params(r, "urgencies[]"),
                         .users = req_params(r, "user_ids[]"),
                         .teams = req_params(r, "team_ids[]"),
                         .key = req_param(r, "incident_key"),
                         .until_ms = INT64_MAX,
                         .all = text_eq(req_param(r, "date_range"), "all")};
    f->since_ms = world_now_ms() - 30 * DAY_MS;
    if (!filter_words(r, f->statuses, statuses, 3, "statuses[]") ||
        !filter_words(r, f->urgencies, urgencies, 2, "urgencies[]") ||
        !time_param(r, "until", &f->until_ms) || !time_param(r, "since", &f->since_ms))
        return false;
    if (req_param(r, "since") == NULL && f->until_ms != INT64_MAX)
        f->since_ms = f->until_ms - 30 * DAY_MS;
    if ((f->until_ms == INT64_MAX ? world_now_ms() : f->until_ms) - f->since_ms > 184 * DAY_MS &&
        !f->all) {
        reply_error(r, 400, 2001, "Invalid Input Provided",
                    "The time range is longer than 6 months");
        return false;
    }
    return true;
}

static bool filter_users(const struct filter *f, const struct incident *in)
{
    for (int i = 0; i < in->assignees.n; i++)
        if (req_param_has(f->users, company_users[in->assignees.list[i]].id))
            return true;
    return f->users == NULL;
}

static bool filter_takes(const struct filter *f, const struct incident *in, const char *status)
{
    const struct c_service *s = &company_services[in->service];

    /* The window first: it is cheap and leaves out most of a long past. */
    return (f->all || (in->created_ms >= f->since_ms && in->created_ms <= f->until_ms)) &&
           (f->statuses == NULL || req_param_has(f->statuses, status)) &&
           (f->services == NULL || req_param_has(f->services, s->id)) &&
           (f->teams == NULL || req_param_has(f->teams, company_teams[s->team].id)) &&
           (f->urgencies == NULL ||
            req_param_has(f->urgencies, in->urgency == URGENCY_HIGH ? "high" : "low")) &&
           filter_users(f, in) && (f->key == NULL || text_eq(f->key, in->key));
}

enum member {
    BY_NUMBER,
    BY_CREATED,
    BY_RESOLVED,
    BY_URGENCY
};
struct order {
    enum member member;
    bool down;
};

static struct order sorting;

/* qsort has no argument of ours; the world lock makes the static safe. */
static int by_order(const void *a, const void *b)
{
    const struct incident *x = *(struct incident *const *)a, *y = *(struct incident *const *)b;
    int64_t d = 0;

    switch (sorting.member) {
    case BY_URGENCY:
        d = (int64_t)y->urgency - (int64_t)x->urgency;
        break;
    case BY_RESOLVED:
        d = x->resolved_ms - y->resolved_ms;
        break;
    case BY_CREATED:
        d = x->created_ms - y->created_ms;
        break;
    case BY_NUMBER:
        break;
    }
    if (d == 0)
        d = x->number - y->number;
    if (sorting.down)
        d = -d;
    return (d > 0) - (d < 0);
}

/* A long past mostly stands in order already, and each of its pages asks again. */
static void sort_found(struct incident **found, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (by_order(&found[i - 1], &found[i]) > 0) {
            /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers is meant */
            qsort(found, n, sizeof *found, by_order);
            return;
        }
}

static bool order_read(struct req *r, struct order *o)
{
    static const char *const members[] = {[BY_NUMBER] = "incident_number",
                                          [BY_CREATED] = "created_at",
                                          [BY_RESOLVED] = "resolved_at",
                                          [BY_URGENCY] = "urgency"};
    const char *text = req_param(r, "sort_by");

    if (text == NULL)
        text = req_param(r, "sort_by[]");
    *o = (struct order){.member = BY_CREATED};
    if (text == NULL)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (strncmp(text, members[i], strlen(members[i])) == 0) {
            o->member = (enum member)i;
            o->down = strstr(text, ":desc") != NULL;
            return true;
        }
    reply_error(r, 400, 2001, "Invalid Input Provided", "sort_by");
    return false;
}

static void list_reply(struct req *r, const struct page *p, struct incident **found, size_t n,
                       unsigned include)
{
    json_t *list = json_array(), *o;

    for (size_t i = p->offset; i < n && i < p->offset + p->limit; i++)
        json_array_append_new(list, incident_view(r, found[i], include));
    o = json_pack("{s:o, s:i, s:i, s:b}", "incidents", list, "limit", (int)p->limit, "offset",
                  (int)p->offset, "more", p->offset + p->limit < n);
    json_object_set_new(o, "total", p->total ? json_integer((json_int_t)n) : json_null());
    reply_json(r, 200, o);
}

static void get_incidents(struct req *r)
{
    static const char *const status_names[] = {"triggered", "acknowledged", "resolved"};
    struct incident **found;
    struct filter f;
    struct page page;
    bool bad = false;
    unsigned include = include_read(r, &bad);
    size_t n = 0;

    if (!page_read(r, &page) || !filter_read(r, &f) || !order_read(r, &sorting))
        return;
    if (bad || (include & INC_CUSTOM_FIELDS) != 0) {
        reply_error(r, 400, 2001, "Invalid Input Provided", "include[]");
        return;
    }
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers is meant */
    found = (struct incident **)mem_array(world.n_incidents + 1, sizeof *found);
    for (size_t i = 0; i < world.n_incidents; i++) {
        struct incident *in = world.incidents[i];
        bool gone = false;
        const struct snapshot *s = late_view(r, in, &gone);
        const char *status =
            s != NULL ? json_opt_str(s->incident, "status") : status_names[in->status];

        if (!gone && filter_takes(&f, in, status))
            found[n++] = in;
    }
    sort_found(found, n);
    list_reply(r, &page, found, n, include);
    free(found);
}

static void get_alerts(struct req *r)
{
    struct incident *in = incident_of(r);
    const json_t *statuses = req_params(r, "statuses[]");
    json_t *list;
    struct page page;

    if (in == NULL || !page_read(r, &page))
        return;
    list = json_array();
    for (size_t i = 0; i < in->n_alerts; i++) {
        const struct alert *a = &in->alerts[i];

        if (statuses == NULL || req_param_has(statuses, a->resolved ? "resolved" : "triggered"))
            json_array_append_new(list, json_alert(in, a));
    }
    reply_page(r, &page, "alerts", list);
}

static void get_alert(struct req *r)
{
    struct incident *in = incident_of(r);

    if (in == NULL)
        return;
    for (size_t i = 0; i < in->n_alerts; i++)
        if (strcmp(in->alerts[i].id, r->seg[1]) == 0) {
            reply_json(r, 200, json_pack("{s:o}", "alert", json_alert(in, &in->alerts[i])));
            return;
        }
    reply_not_found(r);
}

static void get_notes(struct req *r)
{
    struct incident *in = incident_of(r);
    const struct snapshot *s;
    bool gone = false;

    if (in == NULL)
        return;
    s = late_view(r, in, &gone);
    reply_json(r, 200,
               json_pack("{s:o}", "notes", s != NULL ? json_incref(s->notes) : json_notes(in)));
}

static void get_fields(struct req *r)
{
    struct incident *in = incident_of(r);

    if (in != NULL)
        reply_json(r, 200, json_pack("{s:o}", "custom_fields", json_custom_fields(in)));
}

static bool log_in_time(const struct req *r, const struct log_line *l, int64_t since_ms,
                        int64_t until_ms)
{
    if (r->late_ms != 0 && l->mono_ms > clock_mono_ms() - r->late_ms)
        return false;
    return l->at_ms >= since_ms && l->at_ms <= until_ms;
}

/* Newest first, as observed; the order is not documented. */
static void get_logs(struct req *r)
{
    struct incident *in = incident_of(r);
    int64_t since_ms = 0, until_ms = INT64_MAX;
    bool bad = false;
    unsigned include = include_read(r, &bad);
    struct page page;
    json_t *list;

    if (in == NULL || !page_read(r, &page) || !time_param(r, "since", &since_ms) ||
        !time_param(r, "until", &until_ms))
        return;
    if (bad) {
        reply_error(r, 400, 2001, "Invalid Input Provided", "include[]");
        return;
    }
    list = json_array();
    for (size_t i = in->n_logs; i-- > 0;)
        if (log_in_time(r, &in->logs[i], since_ms, until_ms))
            json_array_append_new(list, json_log(in, &in->logs[i], include));
    reply_page(r, &page, "log_entries", list);
}

/* How many entries stand before this time, or at it too. */
static size_t logs_before(const struct log_ref *logs, size_t n, int64_t at_ms, bool also_at)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (logs[mid].at_ms < at_ms || (also_at && logs[mid].at_ms == at_ms))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* The entries first .. end of the account that late reads let through, counted from the newest. */
static json_t *logs_page(const struct req *r, const struct page *p, size_t first, size_t end,
                         unsigned include, size_t *seen)
{
    const struct log_ref *logs = world_logs(&(size_t){0});
    json_t *list = json_array();

    *seen = 0;
    if (r->late_ms == 0) { /* what is not shown need not be looked at */
        *seen = end - first;
        end = p->offset < *seen ? end - p->offset : first;
        first = end - first > p->limit ? end - p->limit : first;
    }
    for (size_t i = end; i-- > first;) {
        const struct log_line *l = &logs[i].in->logs[logs[i].line];

        if (r->late_ms != 0) {
            if (!log_in_time(r, l, INT64_MIN, INT64_MAX))
                continue;
            if ((*seen)++ < p->offset || *seen > p->offset + p->limit)
                continue;
        }
        json_array_append_new(list, json_log(logs[i].in, l, include));
    }
    return list;
}

/* The whole account; without a window the last 24 hours, so that the answer stays small. */
static void get_all_logs(struct req *r)
{
    int64_t since_ms = world_now_ms() - DAY_MS, until_ms = INT64_MAX;
    bool bad = false;
    unsigned include = include_read(r, &bad);
    const struct log_ref *logs;
    size_t n = 0, seen = 0, first, end;
    struct page page;
    json_t *list, *o;

    if (!page_read(r, &page) || !time_param(r, "since", &since_ms) ||
        !time_param(r, "until", &until_ms))
        return;
    if (bad) {
        reply_error(r, 400, 2001, "Invalid Input Provided", "include[]");
        return;
    }
    logs = world_logs(&n);
    first = logs_before(logs, n, since_ms, false);
    end = logs_before(logs, n, until_ms, true);
    list = logs_page(r, &page, first, end > first ? end : first, include, &seen);
    o = json_pack("{s:o, s:i, s:i, s:b}", "log_entries", list, "limit", (int)page.limit, "offset",
                  (int)page.offset, "more", page.offset + page.limit < seen);
    json_object_set_new(o, "total", page.total ? json_integer((json_int_t)seen) : json_null());
    reply_json(r, 200, o);
}

const struct route rest_incident_routes[] = {
    {"GET", "/incidents", get_incidents, 0, -1},
    {"GET", "/incidents/{}", get_incident, 0, -1},
    {"GET", "/incidents/{}/alerts", get_alerts, 0, -1},
    {"GET", "/incidents/{}/alerts/{}", get_alert, 0, -1},
    {"GET", "/incidents/{}/notes", get_notes, 0, -1},
    {"GET", "/incidents/{}/custom_fields/values", get_fields, 0, AB_CUSTOM_FIELDS},
    {"GET", "/incidents/{}/log_entries", get_logs, 0, -1},
    {"GET", "/log_entries", get_all_logs, 0, -1},
    {NULL, NULL, NULL, 0, 0},
};

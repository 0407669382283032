/* What API and command line read, on their own connection: JSON as src/http/openapi.json describes it. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "triage/backfill.h"
#include "triage/read_priv.h"
#include "triage/triage_sql.h"

#define LIST_MAX        200
#define EVIDENCE_MAX    500
#define EVENTS_MAX      200
#define AUDIT_MAX       500
#define ASSESSMENTS_MAX 50

int triage_reader_open(struct store *s, struct triage_reader **out, struct err *e)
{
    struct triage_reader *r = mem_alloc(sizeof(*r));

    r->store = s;
    if (store_prepare(s, triage_sql_table, TRIAGE_SQL_LEN, &r->sql, e) < 0 ||
        audit_reader_open(s, &r->audit, e) < 0) {
        triage_reader_close(r);
        return err_wrap(e, "triage reader");
    }
    *out = r;
    return 0;
}

void triage_reader_close(struct triage_reader *r)
{
    if (r && r->audit)
        audit_reader_close(r->audit);
    mem_freep(&r);
}

json_t *read_time(int64_t ms)
{
    char text[TIME_ISO_MAX];

    return ms > 0 ? json_string(time_format_iso(ms, true, text)) : json_null();
}

/* Outside text leaves this room as it came: whoever shows it makes it safe for where it stands. */
json_t *read_text(const char *s)
{
    json_t *j = s ? json_string(s) : NULL;

    return j ? j : json_null();
}

json_t *read_number(int64_t v)
{
    return v ? json_integer(v) : json_null();
}

/* ---- lists ---- */

json_t *read_row_json(const struct incident_row *w)
{
    json_t *j = json_object();

    json_object_set_new(j, "seq", json_integer(w->seq));
    json_object_set_new(j, "id", json_string(w->id));
    json_object_set_new(j, "number", read_number(w->number));
    json_object_set_new(j, "title", read_text(w->title));
    json_object_set_new(j, "status", read_text(w->status));
    json_object_set_new(j, "urgency", read_text(w->urgency));
    json_object_set_new(j, "priority", read_text(w->priority));
    json_object_set_new(j, "service_id", read_text(w->service_id));
    json_object_set_new(j, "service", read_text(w->service));
    json_object_set_new(j, "policy_id", read_text(w->policy_id));
    json_object_set_new(j, "policy", read_text(w->policy));
    json_object_set_new(j, "level", read_number(w->level));
    json_object_set_new(j, "html_url", read_text(w->html_url));
    json_object_set_new(j, "created_at", read_time(w->created_ms));
    json_object_set_new(j, "changed_at", read_time(w->changed_ms));
    json_object_set_new(j, "resolved_at", read_time(w->resolved_ms));
    json_object_set_new(j, "resolved_by", read_text(w->resolved_by));
    json_object_set_new(j, "merged_into", read_text(w->merged_into));
    json_object_set_new(j, "first_seen_at", read_time(w->first_seen_ms));
    json_object_set_new(j, "judged_at", read_time(w->judged_ms));
    json_object_set_new(j, "enriched_at", read_time(w->enriched_ms));
    json_object_set_new(j, "state_from",
                        read_text(!w->snapshot   ? NULL
                                  : w->from_rest ? "rest"
                                                 : "webhook"));
    return j;
}

/* severity, category and how much was not checked: what a line of the list shows of the assessment. */
static int row_summary(struct triage_reader *r, const struct incident_row *w, json_t *j,
                       struct err *e)
{
    AUTO(json_freep) json_t *a = NULL;
    static const char *const members[] = {"severity", "category", "team"};
    const json_t *known;

    if (read_assessment(r, w->assessment_id, false, &a, e) < 0)
        return e->code;
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        json_object_set_new(j, members[i], read_text(json_opt_str(a, members[i])));
    known = json_opt_obj(a, "known");
    json_object_set(j, "times_seen",
                    known && json_object_get(known, "times_seen")
                        ? json_object_get(known, "times_seen")
                        : json_null());
    json_object_set_new(
        j, "not_checked",
        json_integer((json_int_t)json_array_size(json_opt_arr(known, "not_checked"))));
    return 0;
}

static int list_statement(const char *status, bool service, size_t *index, struct err *e)
{
    static const struct {
        const char *status;
        size_t all, one;
    } table[] = {
        {"open", INCIDENT_LIST_OPEN, INCIDENT_LIST_OPEN_SERVICE},
        {"resolved", INCIDENT_LIST_RESOLVED, INCIDENT_LIST_RESOLVED_SERVICE},
        {"all", INCIDENT_LIST_ALL, INCIDENT_LIST_ALL_SERVICE},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (text_eq(table[i].status, status)) {
            *index = service ? table[i].one : table[i].all;
            return 0;
        }
    return err_set(e, ERR_INPUT, "status is one of open, resolved, all");
}

static int rows_read(struct triage_reader *r, size_t index, const char *service, int64_t before,
                     unsigned limit, struct arena *a, struct incident_row *rows, size_t *n,
                     struct err *e)
{
    struct store_stmt *q = store_begin(r->sql, index);
    int rc;

    store_bind_int(q, 1, before > 0 ? before : INT64_MAX);
    store_bind_int(q, 2, limit);
    if (service)
        store_bind_text(q, 3, service);
    *n = 0;
    while ((rc = store_step(q, e)) > 0 && *n < limit)
        row_read(q, a, &rows[(*n)++]);
    store_reset(q);
    return rc < 0 ? rc : 0;
}

int triage_list(struct triage_reader *r, const char *status, const char *service, int64_t before,
                unsigned limit, json_t **out, struct err *e)
{
    AUTO(arena_freep) struct arena *a = arena_new(READ_ARENA_BYTES);
    AUTO(json_freep) json_t *list = json_array();
    struct incident_row rows[LIST_MAX];
    size_t index = 0, n = 0;

    if (limit == 0 || limit > LIST_MAX)
        return err_set(e, ERR_INPUT, "limit is 1 to %d", LIST_MAX);
    if (list_statement(status && *status ? status : "open", service && *service, &index, e) < 0 ||
        rows_read(r, index, service && *service ? service : NULL, before, limit, a, rows, &n, e) <
            0)
        return e->code;
    for (size_t i = 0; i < n; i++) {
        json_t *j = read_row_json(&rows[i]);

        json_array_append_new(list, j);
        if (row_summary(r, &rows[i], j, e) < 0)
            return e->code;
    }
    *out = TAKE(list);
    return 0;
}

/* ---- one incident ---- */

int read_row(struct triage_reader *r, const char *what, struct arena *a, struct incident_row *out,
             struct err *e)
{
    struct store_stmt *q = store_begin(r->sql, INCIDENT_GET);
    struct err ignored = {0};
    int64_t num;
    int rc;

    store_bind_text(q, 1, what);
    rc = store_step(q, e);
    if (rc == 0 && parse_i64(*what == '#' ? what + 1 : what, 1, INT64_MAX, &num, &ignored) == 0) {
        store_reset(q);
        q = store_begin(r->sql, INCIDENT_NUMBER);
        store_bind_int(q, 1, num);
        rc = store_step(q, e);
    }
    if (rc > 0)
        row_read(q, a, out);
    store_reset(q);
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "no incident with this id or number is known here");
    return rc < 0 ? rc : 0;
}

static json_t *evidence_line(struct store_stmt *q)
{
    char name[24];

    snprintf(name, sizeof(name), "E%lld", (long long)store_int(q, 0));
    return json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:o, s:o}", "name", name, "num",
                     (json_int_t)store_int(q, 0), "kind", store_text(q, 1), "state",
                     store_text(q, 2), "source", store_text(q, 3), "summary", store_text(q, 4),
                     "at", read_time(store_int(q, 7)), "stored_at", read_time(store_int(q, 8)));
}

static bool num_in(const json_t *nums, int64_t num)
{
    for (size_t i = 0; i < json_array_size(nums); i++)
        if (json_integer_value(json_array_get(nums, i)) == num)
            return true;
    return false;
}

/* Oldest first; `current` tells which ones the newest bundle holds. */
int read_evidence_list(struct triage_reader *r, const struct incident_row *w, json_t **out,
                       struct err *e)
{
    AUTO(json_freep) json_t *list = json_array();
    AUTO(json_freep) json_t *nums = NULL;
    struct store_stmt *q = store_begin(r->sql, BUNDLE_GET);
    int rc;

    store_bind_int(q, 1, w->bundle_id);
    rc = store_step(q, e);
    if (rc > 0)
        nums = json_loads(store_text(q, 0), 0, NULL);
    store_reset(q);
    if (rc < 0)
        return rc;
    q = store_begin(r->sql, EVIDENCE_LIST);
    store_bind_text(q, 1, w->id);
    store_bind_int(q, 2, EVIDENCE_MAX);
    while ((rc = store_step(q, e)) > 0) {
        json_t *line = evidence_line(q);

        json_object_set_new(line, "current", json_boolean(num_in(nums, store_int(q, 0))));
        json_array_insert_new(list, 0, line);
    }
    store_reset(q);
    if (rc < 0)
        return rc;
    *out = TAKE(list);
    return 0;
}

/* ---- the timeline ---- */

struct timeline {
    json_t *list; /* {at_ms, at, kind, id, text, who} while it is made */
};

static void line_add(struct timeline *t, int64_t at_ms, const char *kind, const char *id,
                     const char *what, const char *who)
{
    json_array_append_new(t->list,
                          json_pack("{s:I, s:o, s:s, s:o, s:o, s:o}", "at_ms", (json_int_t)at_ms,
                                    "at", read_time(at_ms), "kind", kind, "id", read_text(id),
                                    "text", read_text(what), "who", read_text(who)));
}

static int events_add(struct triage_reader *r, const char *id, struct timeline *t, struct err *e)
{
    struct store_stmt *q = store_begin(r->sql, EVENT_BY_INCIDENT);
    int rc;

    store_bind_text(q, 1, id);
    store_bind_int(q, 2, EVENTS_MAX);
    while ((rc = store_step(q, e)) > 0)
        line_add(t, store_is_null(q, 7) ? store_int(q, 8) : store_int(q, 7), "event",
                 store_text(q, 0), store_text(q, 3), NULL);
    store_reset(q);
    return rc;
}

int read_body(struct triage_reader *r, const char *sha, struct arena *a, json_t **out,
              struct err *e)
{
    const char *bytes;
    size_t len;
    int rc = store_body_get(r->store, sha, a, &bytes, &len, e);

    *out = NULL;
    if (rc == ERR_NOT_FOUND)
        return 0;
    if (rc == 0)
        *out = json_loadb(bytes, len, 0, NULL);
    return rc;
}

static void log_lines(const json_t *body, struct timeline *t)
{
    const json_t *list = json_opt_arr(body, "entries");

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *x = json_array_get(list, i);
        const char *what = json_opt_str(x, "summary");

        line_add(t, json_opt_int(x, "at_ms", 0), "log", json_opt_str(x, "id"),
                 what ? what : json_opt_str(x, "type"), json_at_str(x, "agent.name"));
    }
}

/* Log entries of the newest log item and every note: both are evidence of the newest bundle. */
static int evidence_add(struct triage_reader *r, const char *id, const json_t *evidence,
                        struct arena *a, struct timeline *t, struct err *e)
{
    for (size_t i = 0; i < json_array_size(evidence); i++) {
        const json_t *x = json_array_get(evidence, i);
        AUTO(json_freep) json_t *body = NULL;
        const char *kind = json_opt_str(x, "kind");
        struct store_stmt *q;
        int rc;

        if (!json_opt_bool(x, "current", false) || !text_eq(json_opt_str(x, "state"), "ok") ||
            (!text_eq(kind, EV_LOG) && !text_eq(kind, EV_NOTE)))
            continue;
        q = store_begin(r->sql, EVIDENCE_GET);
        store_bind_text(q, 1, id);
        store_bind_int(q, 2, json_opt_int(x, "num", 0));
        rc = store_step(q, e);
        if (rc > 0)
            rc = read_body(r, store_text_dup(q, 6, a), a, &body, e);
        store_reset(q);
        if (rc < 0)
            return rc;
        if (text_eq(kind, EV_LOG))
            log_lines(body, t);
        else
            line_add(t, json_opt_int(body, "created_ms", 0), "note", json_opt_str(body, "id"),
                     json_opt_str(body, "content"), json_opt_str(body, "author"));
    }
    return 0;
}

static int assessments_add(struct triage_reader *r, const char *id, struct timeline *t,
                           struct err *e)
{
    struct store_stmt *q = store_begin(r->sql, ASSESSMENT_LIST);
    int rc;

    store_bind_text(q, 1, id);
    store_bind_int(q, 2, ASSESSMENTS_MAX);
    while ((rc = store_step(q, e)) > 0) {
        char name[32], what[160];

        snprintf(name, sizeof(name), "%lld", (long long)store_int(q, 0));
        snprintf(what, sizeof(what), "assessed by %s: %.40s, %.60s", store_text(q, 1),
                 store_is_null(q, 2) ? "no severity" : store_text(q, 2),
                 store_is_null(q, 3) ? "no category" : store_text(q, 3));
        line_add(t, store_int(q, 4), "assessment", name, what, NULL);
    }
    store_reset(q);
    return rc;
}

/* What became of proposals stands in the audit log, which is the only record of it that this room may read. */
static int audit_add(struct triage_reader *r, const char *id, struct timeline *t, json_t *proposals,
                     struct err *e)
{
    AUTO(json_freep) json_t *rows = NULL;
    const struct audit_filter f = {
        .after_seq = INT64_MAX, .incident = id, .limit = AUDIT_MAX, .newest_first = true};

    if (audit_list(r->audit, &f, &rows, e) < 0)
        return e->code;
    for (size_t i = json_array_size(rows); i-- > 0;) {
        const json_t *x = json_array_get(rows, i);
        const char *subject = json_opt_str(x, "subject"), *verb = json_opt_str(x, "verb");
        int64_t num;
        struct err ignored = {0};

        if (text_eq(verb, "assessment.made")) /* told with its words above */
            continue;
        if (text_eq(verb, "proposal.refused")) { /* the only one whose words stand nowhere else */
            const json_t *detail = json_opt_obj(x, "detail");
            const char *wanted = json_opt_str(detail, "wanted"), *why = json_opt_str(detail, "why");
            char what[400];

            snprintf(what, sizeof(what), "%s: %.40s: %.250s", verb, wanted ? wanted : "",
                     why ? why : "");
            line_add(t, json_opt_int(x, "at", 0), "audit", subject, what, json_opt_str(x, "actor"));
            continue;
        }
        line_add(t, json_opt_int(x, "at", 0), "audit", subject, verb, json_opt_str(x, "actor"));
        if (subject && text_starts(subject, "proposal:") &&
            parse_i64(subject + 9, 1, INT64_MAX, &num, &ignored) == 0 && !num_in(proposals, num))
            json_array_append_new(proposals, json_integer(num));
    }
    return 0;
}

/* By time, then by id: the order of arrival orders nothing. */
static int by_time(const void *a, const void *b)
{
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    int64_t dx = json_opt_int(x, "at_ms", 0), dy = json_opt_int(y, "at_ms", 0);
    const char *ix = json_opt_str(x, "id"), *iy = json_opt_str(y, "id");

    if (dx != dy)
        return dx < dy ? -1 : 1;
    return strcmp(ix ? ix : "", iy ? iy : "");
}

static json_t *sorted(const json_t *list, struct arena *a)
{
    size_t n = json_array_size(list);
    json_t **v = arena_array(a, n + 1, sizeof(json_t *));
    json_t *out = json_array();

    for (size_t i = 0; i < n; i++)
        v[i] = json_array_get(list, i);
    qsort(v, n, sizeof(json_t *), by_time);
    for (size_t i = 0; i < n; i++) {
        json_array_append(out, v[i]);
        json_object_del(v[i], "at_ms");
    }
    return out;
}

static int timeline_read(struct triage_reader *r, const struct incident_row *w,
                         const json_t *evidence, struct arena *a, json_t **out, json_t *proposals,
                         struct err *e)
{
    AUTO(json_freep) json_t *list = json_array();
    struct timeline t = {list};

    if (events_add(r, w->id, &t, e) < 0 || evidence_add(r, w->id, evidence, a, &t, e) < 0 ||
        assessments_add(r, w->id, &t, e) < 0 || audit_add(r, w->id, &t, proposals, e) < 0)
        return e->code;
    *out = sorted(list, a);
    return 0;
}

int triage_show(struct triage_reader *r, const char *id_or_number, json_t **out, struct err *e)
{
    AUTO(arena_freep) struct arena *a = arena_new(READ_ARENA_BYTES);
    AUTO(json_freep) json_t *assessment = NULL;
    AUTO(json_freep) json_t *evidence = NULL;
    AUTO(json_freep) json_t *timeline = NULL;
    AUTO(json_freep) json_t *proposals = json_array();
    AUTO(json_freep) json_t *state = NULL;
    struct incident_row row = {0};
    const json_t *known;

    if (read_row(r, id_or_number, a, &row, e) < 0 ||
        read_assessment(r, row.assessment_id, true, &assessment, e) < 0 ||
        read_evidence_list(r, &row, &evidence, e) < 0 ||
        timeline_read(r, &row, evidence, a, &timeline, proposals, e) < 0 ||
        (row.snapshot && read_body(r, row.snapshot, a, &state, e) < 0))
        return e->code;
    known = json_opt_obj(assessment, "known");
    *out = json_pack("{s:o, s:O?, s:O, s:o, s:O?, s:O?, s:O, s:O, s:O}", "incident",
                     read_row_json(&row), "state", state, "assessment", assessment, "ask",
                     read_asking(&row, a), "known", known, "not_checked",
                     json_opt_arr(known, "not_checked"), "evidence", evidence, "timeline", timeline,
                     "proposals", proposals);
    return *out ? 0 : err_set(e, ERR_INTERNAL, "the incident cannot be shown");
}

int triage_evidence(struct triage_reader *r, const char *incident_id, int64_t num, json_t **out,
                    struct err *e)
{
    AUTO(arena_freep) struct arena *a = arena_new(READ_ARENA_BYTES);
    AUTO(json_freep) json_t *line = NULL;
    struct store_stmt *q = store_begin(r->sql, EVIDENCE_GET);
    const char *sha = NULL;
    json_t *body = NULL;
    int rc;

    store_bind_text(q, 1, incident_id);
    store_bind_int(q, 2, num);
    rc = store_step(q, e);
    if (rc > 0) {
        line = evidence_line(q);
        json_object_set_new(line, "digest", read_text(store_text(q, 5)));
        sha = store_text_dup(q, 6, a);
    }
    store_reset(q);
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "this incident has no evidence E%lld", (long long)num);
    if (rc < 0 || read_body(r, sha, a, &body, e) < 0)
        return e->code;
    json_object_set_new(line, "body", body ? body : json_null());
    *out = TAKE(line);
    return 0;
}

/* ---- events and state ---- */

int triage_quarantine_list(struct triage_reader *r, int64_t before, unsigned limit, json_t **out,
                           struct err *e)
{
    AUTO(json_freep) json_t *list = json_array();
    struct store_stmt *q;
    int rc;

    if (limit == 0 || limit > LIST_MAX)
        return err_set(e, ERR_INPUT, "limit is 1 to %d", LIST_MAX);
    q = store_begin(r->sql, EVENT_QUARANTINED);
    store_bind_int(q, 1, before > 0 ? before : INT64_MAX);
    store_bind_int(q, 2, limit);
    while ((rc = store_step(q, e)) > 0)
        json_array_append_new(
            list,
            json_pack("{s:s, s:I, s:s, s:s, s:o, s:o, s:o, s:o, s:I, s:s}", "id", store_text(q, 0),
                      "seq", (json_int_t)store_int(q, 1), "endpoint", store_text(q, 2), "type",
                      store_text(q, 3), "reason", read_text(store_text(q, 5)), "incident_id",
                      read_text(store_text(q, 6)), "occurred_at", read_time(store_int(q, 7)),
                      "received_at", read_time(store_int(q, 8)), "copies",
                      (json_int_t)store_int(q, 9), "body", store_text(q, 10)));
    store_reset(q);
    if (rc < 0)
        return rc;
    *out = TAKE(list);
    return 0;
}

static int count(struct triage_reader *r, size_t index, int64_t *out, struct err *e)
{
    struct store_stmt *q = store_begin(r->sql, index);
    int rc = store_step(q, e);

    *out = rc > 0 ? store_int(q, 0) : 0;
    store_reset(q);
    return rc < 0 ? rc : 0;
}

static int features(struct triage_reader *r, json_t *list, struct err *e)
{
    struct store_stmt *q = store_begin(r->sql, FEATURE_LIST);
    int rc;

    while ((rc = store_step(q, e)) > 0)
        json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o}", "feature", store_text(q, 0),
                                              "reason", store_text(q, 1), "since",
                                              read_time(store_int(q, 2)), "asked_again",
                                              read_time(store_int(q, 3))));
    store_reset(q);
    return rc;
}

int triage_status(struct triage_reader *r, json_t **out, struct err *e)
{
    AUTO(arena_freep) struct arena *a = arena_new(4096);
    AUTO(json_freep) json_t *missing = json_array();
    struct store_stmt *q = store_begin(r->sql, EVENT_LAST);
    int64_t events = 0, last_ms = 0, quarantined, open, ping_ms = 0;
    const char *ping = NULL;
    int rc = store_step(q, e);

    if (rc > 0) { /* rows are numbered without gaps and events are never deleted by number */
        events = store_int(q, 0);
        last_ms = store_int(q, 1);
    }
    store_reset(q);
    if (rc < 0 || count(r, EVENT_QUARANTINED_N, &quarantined, e) < 0 ||
        count(r, INCIDENT_OPEN_N, &open, e) < 0 || features(r, missing, e) < 0)
        return e->code;
    rc = store_meta_get(r->store, "last_ping_ms", a, &ping, e);
    if (rc < 0 && rc != ERR_NOT_FOUND)
        return rc;
    if (ping && parse_i64(ping, 0, INT64_MAX, &ping_ms, e) < 0)
        ping_ms = 0;
    *out = json_pack("{s:I, s:I, s:I, s:o, s:o, s:O}", "events", (json_int_t)events, "quarantined",
                     (json_int_t)quarantined, "incidents_open", (json_int_t)open, "last_event_ms",
                     read_number(last_ms), "last_ping_ms", read_number(ping_ms), "not_available",
                     missing);
    return 0;
}

int triage_backfill_status(struct triage_reader *r, json_t **out, struct err *e)
{
    AUTO(arena_freep) struct arena *a = arena_new(65536);
    struct store_stmt *q = store_begin(r->sql, BACKFILL_NEWEST);
    struct backfill b;
    int rc = store_step(q, e);

    if (rc > 0) {
        backfill_row_read(q, a, &b);
        *out = backfill_json(&b);
    } else if (rc == 0) {
        *out = json_pack("{s:s}", "state", "none");
    }
    store_reset(q);
    return rc < 0 ? rc : 0;
}

#include <ctype.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "sandbox/json_build.h"
#include "sandbox/outside.h"

/*
 * The Prometheus and the Loki of the company: quiet values and lines, and around the incidents of the service that a query names what would
 * have raised them. Nothing is stored; the same question has the same answer.
 */

#define LEAD_MS INT64_C(180000) /* trouble shows so long before it pages */
enum {
    POINTS_MAX = 11000, /* as Prometheus */
    TROUBLES_MAX = 64,
    LINES_MAX = 5000,
    LINE_EVERY_S = 20,
    QUIET_EVERY_S = 60
};

int outside_service(const char *text)
{
    for (int i = 0; text != NULL && i < N_SERVICES; i++)
        if (strcasestr(text, company_short_names[i]) != NULL ||
            strcasestr(text, company_services[i].id) != NULL ||
            strcasestr(text, company_services[i].name) != NULL)
            return i;
    return -1;
}

uint32_t outside_noise(uint64_t a, uint64_t b, uint32_t below)
{
    uint64_t z = a * UINT64_C(0x9e3779b97f4a7c15) + b;

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return below == 0 ? 0 : (uint32_t)(((z ^ (z >> 31)) >> 32) % below);
}

bool outside_time(const char *text, int64_t *ms)
{
    struct err e = {0};
    char *end = NULL;
    double v;

    if (text == NULL)
        return true;
    if (!isdigit((unsigned char)text[0]))
        return false;
    if (time_parse_iso(text, strlen(text), ms, &e) == 0)
        return true;
    v = strtod(text, &end);
    if (*end != '\0' || v > 9e18)
        return false;
    *ms = v > 1e17 ? (int64_t)(v / 1e6) : v > 1e11 ? (int64_t)v : (int64_t)(v * 1000);
    return true;
}

/* When a service was in trouble, as its incidents tell; metric NULL: whatever it was. */
struct trouble {
    const struct incident *in;
    int64_t from_ms, until_ms;
    double value; /* that the alert showed; 0: it showed none */
};

static size_t troubles(int service, const char *metric, int64_t from_ms, int64_t until_ms,
                       struct trouble out[TROUBLES_MAX])
{
    size_t n = 0;

    for (size_t i = world.n_incidents; i-- > 0 && n < TROUBLES_MAX;) {
        const struct incident *in = world.incidents[i];
        const json_t *details = in->n_alerts > 0 ? in->alerts[0].details : NULL;
        const char *own = json_opt_str(details, "metric");
        int64_t end = in->status == RESOLVED ? in->resolved_ms : INT64_MAX;

        if (in->service != service || in->created_ms - LEAD_MS > until_ms || end < from_ms ||
            (metric != NULL && own != NULL && strcmp(own, metric) != 0))
            continue;
        out[n++] = (struct trouble){in, in->created_ms - LEAD_MS, end,
                                    json_number_value(json_object_get(details, "value"))};
    }
    return n;
}

static void prometheus_error(struct req *r, const char *what)
{
    reply_json(
        r, 400,
        json_pack("{s:s, s:s, s:s}", "status", "error", "errorType", "bad_data", "error", what));
}

/* "15", "15s", "1m": milliseconds, 0 when it is none. */
static int64_t step_ms(const char *text)
{
    struct err e = {0};
    int64_t ms = 0;

    if (text == NULL || parse_span_ms(text, &ms, &e) == 0)
        return ms;
    return (int64_t)(strtod(text, NULL) * 1000);
}

/* A metric that an alert of the company measures, or whatever stands before the first brace. */
static void metric_of(const char *query, int service, char out[64], double *threshold)
{
    const char *brace = strchr(query, '{'), *from;
    const struct c_symptom *found = NULL;

    *threshold = 100;
    for (int i = 0; i < N_SYMPTOMS; i++)
        if (strstr(query, company_symptoms[i].metric) != NULL &&
            (found == NULL || company_symptoms[i].service == service))
            found = &company_symptoms[i];
    if (found != NULL) {
        snprintf(out, 64, "%s", found->metric);
        *threshold = strtod(found->threshold, NULL);
        return;
    }
    for (int i = 0; i < N_MONITORS; i++)
        if (strstr(query, company_monitors[i].metric) != NULL) {
            snprintf(out, 64, "%s", company_monitors[i].metric);
            *threshold = company_monitors[i].threshold;
            return;
        }
    for (from = brace; from != NULL && from > query &&
                       (isalnum((unsigned char)from[-1]) || from[-1] == '_' || from[-1] == ':');)
        from--;
    snprintf(out, 64, "%.*s", from == NULL ? 0 : (int)(brace - from), from == NULL ? "" : from);
}

struct series {
    const struct trouble *troubles;
    size_t n;
    double threshold;
    uint64_t salt;
    int64_t from_ms, until_ms, step_ms;
};

static double value_at(const struct series *s, int64_t at_ms)
{
    double share = 0.9 + outside_noise(s->salt, (uint64_t)at_ms, 200) / 1000.0;

    for (size_t i = 0; i < s->n; i++)
        if (s->troubles[i].from_ms <= at_ms && at_ms <= s->troubles[i].until_ms)
            return share * (s->troubles[i].value > 0 ? s->troubles[i].value : s->threshold * 1.5);
    return share * s->threshold * 0.3;
}

static json_t *values(const struct series *s)
{
    json_t *list = json_array();

    for (int64_t at = s->from_ms; at <= s->until_ms; at += s->step_ms) {
        char text[32];

        snprintf(text, sizeof text, "%.4g", value_at(s, at));
        json_array_append_new(list, json_pack("[o, s]",
                                              at % 1000 == 0 ? json_integer(at / 1000)
                                                             : json_real((double)at / 1000.0),
                                              text));
    }
    return list;
}

/* Two machines of the service, or one line where the query adds them up. */
static json_t *matrix(const char *query, int service, const char *metric, struct series *s)
{
    bool folded = text_starts(query, "sum") || text_starts(query, "avg") ||
                  text_starts(query, "max") || text_starts(query, "min") ||
                  text_starts(query, "histogram_quantile");
    json_t *result = json_array();

    for (int i = 1; i <= (folded ? 1 : 2); i++) {
        const char *name = company_short_names[service];
        json_t *labels =
            folded ? json_pack("{s:s}", "service", name)
                   : json_pack("{s:s, s:s, s:s, s:s, s:o}", "__name__", metric, "job", name,
                               "service", name, "environment", "production", "instance",
                               json_sprintf("%s-%02d.lumenparcel.example:9100", name, i));

        s->salt = (uint64_t)service * 8 + (uint64_t)i;
        json_array_append_new(result,
                              json_pack("{s:o, s:o}", "metric", labels, "values", values(s)));
    }
    return result;
}

static void get_query_range(struct req *r)
{
    const char *query = req_param(r, "query");
    struct trouble found[TROUBLES_MAX];
    struct series s = {
        .troubles = found, .from_ms = -1, .until_ms = -1, .step_ms = step_ms(req_param(r, "step"))};
    int service = outside_service(query);
    char metric[64];

    if (!outside_time(req_param(r, "start"), &s.from_ms) || s.from_ms < 0) {
        prometheus_error(r, "invalid parameter \"start\": cannot parse it to a valid timestamp");
    } else if (!outside_time(req_param(r, "end"), &s.until_ms) || s.until_ms < s.from_ms) {
        prometheus_error(r,
                         "invalid parameter \"end\": end timestamp must not be before start time");
    } else if (s.step_ms <= 0) {
        prometheus_error(
            r,
            "invalid parameter \"step\": zero or negative query resolution step widths are not accepted");
    } else if ((s.until_ms - s.from_ms) / s.step_ms > POINTS_MAX) {
        prometheus_error(r, "exceeded maximum resolution of 11,000 points per timeseries");
    } else if (query == NULL || query[0] == '\0') {
        prometheus_error(
            r, "invalid parameter \"query\": 1:1: parse error: no expression found in input");
    } else {
        json_t *result = json_array();

        if (service >= 0) {
            json_decref(result);
            metric_of(query, service, metric, &s.threshold);
            s.n = troubles(service, metric, s.from_ms, s.until_ms, found);
            result = matrix(query, service, metric, &s);
        }
        reply_json(r, 200,
                   json_pack("{s:s, s:{s:s, s:o}}", "status", "success", "data", "resultType",
                             "matrix", "result", result));
    }
}

/* Every open alert of the account, as Prometheus lists what fires. */
static void get_firing(struct req *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < world.n_incidents; i++) {
        const struct incident *in = world.incidents[i];

        for (size_t a = 0; in->status != RESOLVED && a < in->n_alerts; a++) {
            const struct alert *x = &in->alerts[a];
            const char *metric = json_opt_str(x->details, "metric");

            if (!x->resolved)
                json_array_append_new(
                    list,
                    json_pack("{s:{s:s, s:s, s:s, s:s}, s:{s:s}, s:s, s:o, s:o}", "labels",
                              "alertname", metric != NULL ? metric : "Alert", "severity",
                              x->severity, "service", company_short_names[in->service],
                              "environment", "production", "annotations", "summary", x->summary,
                              "state", "firing", "activeAt", json_time(x->created_ms), "value",
                              json_sprintf("%.3e", json_number_value(
                                                       json_object_get(x->details, "value")))));
        }
    }
    reply_json(r, 200, json_pack("{s:s, s:{s:o}}", "status", "success", "data", "alerts", list));
}

/* ---- Loki ---- */

struct logs {
    json_t *streams[2]; /* error, info: values */
    size_t n, limit;
    bool filtered, has_regex;
    char word[128];
    regex_t regex;
    int service;
    int64_t from_ms, until_ms;
};

static void line_add(struct logs *l, int64_t at_ms, bool error, const char *what)
{
    char line[400], stamp[32];

    if (at_ms < l->from_ms || at_ms > l->until_ms || l->n >= l->limit)
        return;
    snprintf(line, sizeof line, "level=%s host=%s-%02u msg=\"%.300s\"", error ? "error" : "info",
             company_short_names[l->service], outside_noise((uint64_t)at_ms, 3, 12) + 1, what);
    if (l->has_regex ? regexec(&l->regex, line, 0, NULL, 0) != 0
                     : l->filtered && strstr(line, l->word) == NULL)
        return;
    snprintf(stamp, sizeof stamp, "%lld000000", (long long)at_ms);
    json_array_append_new(l->streams[error ? 0 : 1], json_pack("[s, s]", stamp, line));
    l->n++;
}

/* The first |= or |~ of the query. False: a pattern that does not compile. */
static bool filter_of(struct logs *l, const char *query)
{
    const char *at = strstr(query, "|="), *rx = strstr(query, "|~"), *from, *to;

    if (at == NULL)
        at = rx;
    from = at == NULL ? NULL : strpbrk(at, "\"`");
    to = from == NULL ? NULL : strchr(from + 1, from[0]);
    if (to == NULL)
        return true;
    from += text_starts(from + 1, "(?i)") ? 5 : 1;
    snprintf(l->word, sizeof l->word, "%.*s", (int)(to - from), from);
    l->filtered = true;
    if (at == rx) {
        l->has_regex = regcomp(&l->regex, l->word, REG_EXTENDED | REG_NOSUB | REG_ICASE) == 0;
        return l->has_regex;
    }
    return true;
}

/* Newest first: trouble at each twenty seconds, a quiet line each minute, and what was rolled out. */
static void lines_make(struct logs *l)
{
    struct trouble found[TROUBLES_MAX];
    size_t n = troubles(l->service, NULL, l->from_ms, l->until_ms, found);
    int64_t at = l->until_ms / 1000 / LINE_EVERY_S * LINE_EVERY_S;

    for (; at * 1000 >= l->from_ms && l->n < l->limit; at -= LINE_EVERY_S) {
        for (size_t i = 0; i < n; i++)
            if (found[i].from_ms <= at * 1000 && at * 1000 <= found[i].until_ms)
                line_add(l, at * 1000, true,
                         found[i].in->n_alerts > 0 ? found[i].in->alerts[0].summary
                                                   : found[i].in->title);
        for (size_t i = 0; i < world.n_changes; i++)
            if (world.changes[i].service == l->service && world.changes[i].at_ms >= at * 1000 &&
                world.changes[i].at_ms < (at + LINE_EVERY_S) * 1000)
                line_add(l, world.changes[i].at_ms, false, world.changes[i].summary);
        if (at % QUIET_EVERY_S == 0)
            line_add(l, at * 1000, false, "request served");
    }
}

static json_t *streams_view(struct logs *l)
{
    static const char *const levels[] = {"error", "info"};
    json_t *result = json_array();

    for (int i = 0; i < 2; i++)
        if (json_array_size(l->streams[i]) > 0)
            json_array_append_new(result, json_pack("{s:{s:s, s:s, s:s}, s:O}", "stream", "service",
                                                    company_short_names[l->service], "environment",
                                                    "production", "level", levels[i], "values",
                                                    l->streams[i]));
    return result;
}

static void loki_error(struct req *r, const char *what)
{
    r->status = 400;
    r->raw = mem_strdup(what);
    r->raw_type = "text/plain; charset=utf-8";
}

static void get_loki(struct req *r)
{
    const char *query = req_param(r, "query"), *limit = req_param(r, "limit");
    struct logs l = {.limit = 100, .until_ms = world_now_ms()};
    struct err e = {0};
    int64_t n = 100;

    l.service = outside_service(query);
    if (limit != NULL && (parse_i64(limit, 1, LINES_MAX, &n, &e) < 0)) {
        loki_error(
            r,
            "max entries limit per query exceeded, limit > max_entries_limit_per_query (5000)\n");
        return;
    }
    l.limit = (size_t)n;
    if (!outside_time(req_param(r, "end"), &l.until_ms)) {
        loki_error(r, "could not parse 'end' parameter\n");
        return;
    }
    l.from_ms = l.until_ms - INT64_C(3600000);
    if (!outside_time(req_param(r, "start"), &l.from_ms) || l.from_ms > l.until_ms ||
        l.until_ms - l.from_ms > INT64_C(7) * 86400000) {
        loki_error(r, "could not parse 'start' parameter\n");
        return;
    }
    if (query == NULL || strchr(query, '{') == NULL || !filter_of(&l, query)) {
        loki_error(r, "parse error at line 1, col 1: syntax error: unexpected end of file\n");
        return;
    }
    l.streams[0] = json_array();
    l.streams[1] = json_array();
    if (l.service >= 0)
        lines_make(&l);
    reply_json(r, 200,
               json_pack("{s:s, s:{s:s, s:o, s:{s:{s:i, s:i, s:f}}}}", "status", "success", "data",
                         "resultType", "streams", "result",
                         l.service >= 0 ? streams_view(&l) : json_array(), "stats", "summary",
                         "bytesProcessedPerSecond", 0, "totalLinesProcessed", (int)l.n, "execTime",
                         0.001));
    json_decref(l.streams[0]);
    json_decref(l.streams[1]);
    if (l.has_regex)
        regfree(&l.regex);
}

const struct route outside_metric_routes[] = {
    {"GET", "/_outside/prometheus/api/v1/query_range", get_query_range, 0, -1},
    {"GET", "/_outside/prometheus/api/v1/alerts", get_firing, 0, -1},
    {"GET", "/_outside/loki/loki/api/v1/query_range", get_loki, 0, -1},
    {NULL, NULL, NULL, 0, 0},
};

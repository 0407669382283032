#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "http/api.h"

#define EXPORT_ROWS 500

enum MHD_Result api_incidents(struct request *r)
{
    struct http_readers *rd = api_readers(r);
    int64_t limit;
    int64_t before;
    struct err e = {0};
    json_t *out = NULL;
    int rc;

    if (!rd || !api_query_int(r, "limit", 1, PAGE_MAX, PAGE_DEFAULT, &limit) ||
        !api_query_int(r, "before", 0, INT64_MAX, 0, &before))
        return MHD_YES;
    rc = triage_list(rd->triage, api_query(r, "status"), api_query(r, "service"), before,
                     (unsigned)limit, &out, &e);
    return api_answer_list(r, rc, &out, "seq", limit, &e);
}

enum MHD_Result api_incident(struct request *r)
{
    struct http_readers *rd = api_readers(r);
    struct err e = {0};
    json_t *out = NULL;

    if (!rd)
        return MHD_YES;
    return api_answer(r, api_show(r, rd, &out, &e), &out, &e);
}

enum MHD_Result api_evidence(struct request *r)
{
    struct http_readers *rd = api_readers(r);
    int64_t num;
    struct err e = {0};
    json_t *out = NULL;

    if (!rd || !api_arg_int(r, 1, &num))
        return MHD_YES;
    return api_answer(r, triage_evidence(rd->triage, r->args[0], num, &out, &e), &out, &e);
}

enum MHD_Result api_audit(struct request *r)
{
    struct http_readers *rd = api_readers(r);
    struct audit_filter f = {.subject = api_query(r, "subject"),
                             .incident = api_query(r, "incident")};
    int64_t limit;
    struct err e = {0};
    json_t *out = NULL;

    if (!rd || !api_query_int(r, "limit", 1, PAGE_MAX, PAGE_DEFAULT, &limit) ||
        !api_query_int(r, "after", 0, INT64_MAX, 0, &f.after_seq))
        return MHD_YES;
    f.limit = (unsigned)limit;
    f.newest_first = api_query(r, "newest") != NULL;
    return api_answer_list(r, audit_list(rd->audit, &f, &out, &e), &out, "seq", limit, &e);
}

enum MHD_Result api_audit_row(struct request *r)
{
    struct http_readers *rd = api_readers(r);
    int64_t seq;
    struct err e = {0};
    json_t *out = NULL;

    if (!rd || !api_arg_int(r, 0, &seq))
        return MHD_YES;
    return api_answer(r, audit_get(rd->audit, seq, &out, &e), &out, &e);
}

/* One page of canonical lines; the caller goes on with after= the last sequence number until nothing comes. */
enum MHD_Result api_audit_export(struct request *r)
{
    struct http_readers *rd = api_readers(r);
    AUTO(buf_done) struct buf lines;
    int64_t after;
    struct err e = {0};

    buf_init(&lines, (size_t)16 * 1024 * 1024);
    if (!rd || !api_query_int(r, "after", 0, INT64_MAX, 0, &after))
        return MHD_YES;
    if (audit_export(rd->audit, after, EXPORT_ROWS, &lines, &e) < 0) {
        answer_err(r, &e);
        return MHD_YES;
    }
    answer_text(r, 200, buf_str(&lines));
    r->content_type = "application/x-ndjson";
    return MHD_YES;
}

enum MHD_Result api_jobs(struct request *r)
{
    struct http_readers *rd = api_readers(r);
    struct err e = {0};
    json_t *out = NULL;

    if (!rd)
        return MHD_YES;
    return api_answer_list(r, queue_list_stuck(rd->queue, r->begun_wall_ms, PAGE_MAX, &out, &e),
                           &out, NULL, 0, &e);
}

enum MHD_Result api_quarantine(struct request *r)
{
    struct http_readers *rd = api_readers(r);
    int64_t limit;
    int64_t before;
    struct err e = {0};
    json_t *out = NULL;

    if (!rd || !api_query_int(r, "limit", 1, PAGE_MAX, PAGE_DEFAULT, &limit) ||
        !api_query_int(r, "before", 0, INT64_MAX, 0, &before))
        return MHD_YES;
    return api_answer_list(r, triage_quarantine_list(rd->triage, before, (unsigned)limit, &out, &e),
                           &out, "seq", limit, &e);
}

enum MHD_Result api_alarms(struct request *r)
{
    struct http_readers *rd = api_readers(r);
    struct err e = {0};
    json_t *out = NULL;

    if (!rd)
        return MHD_YES;
    return api_answer(r, engine_reader_alarms(rd->alarms, &out, &e), &out, &e);
}

enum MHD_Result api_verbs(struct request *r)
{
    answer_json(r, 200, json_pack("{s:o}", "items", gate_verbs()));
    return MHD_YES;
}

enum MHD_Result api_rules(struct request *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < rules_count(r->view->rules); i++)
        json_array_append_new(list, json_pack("{s:s, s:s}", "name", rules_name(r->view->rules, i),
                                              "where", rules_where(r->view->rules, i)));
    answer_json(r, 200, json_pack("{s:s, s:o}", "hash", rules_hash(r->view->rules), "rules", list));
    return MHD_YES;
}

static json_t *engine_part(const struct http_server *s)
{
    struct engine_stats st;

    engine_stats(s->opts.engine, &st);
    return json_pack("{s:I, s:I, s:I, s:I, s:i, s:i}", "passes", (json_int_t)st.passes, "facts",
                     (json_int_t)st.facts, "steps", (json_int_t)st.steps, "lost_passes",
                     (json_int_t)st.lost_passes, "inbox", (int)st.inbox, "calls_in_flight",
                     (int)st.in_flight);
}

static json_t *kill_part(const struct config *cfg)
{
    AUTO(buf_done) struct buf why;
    bool engaged = kill_switch_engaged(cfg->state_dir);

    buf_init(&why, 1024);
    kill_switch_reason(cfg->state_dir, &why);
    return json_pack("{s:b, s:s}", "engaged", engaged, "reason", buf_str(&why));
}

enum MHD_Result api_kill_switch(struct request *r)
{
    answer_json(r, 200, kill_part(r->view->cfg));
    return MHD_YES;
}

static int status_fill(struct request *r, struct http_readers *rd, json_t *out, struct err *e)
{
    const struct config *cfg = r->view->cfg;
    struct queue_counts jobs;
    json_t *triage = NULL;
    json_t *proposals = NULL;
    json_t *alarms = NULL;
    json_t *model = NULL;
    json_t *backfill = NULL;

    if (triage_status(rd->triage, &triage, e) < 0)
        return e->code;
    json_object_set_new(out, "intake", triage);
    if (triage_backfill_status(rd->triage, &backfill, e) < 0)
        return e->code;
    json_object_set_new(out, "backfill", backfill);
    if (gate_counts(rd->gate, &proposals, e) < 0)
        return e->code;
    json_object_set_new(out, "proposals", proposals);
    if (engine_reader_alarms(rd->alarms, &alarms, e) < 0)
        return e->code;
    json_object_set_new(out, "alarms", alarms);
    if (llm_status(rd->llm, &cfg->model, r->begun_wall_ms, &model, e) < 0)
        return e->code;
    json_object_set_new(out, "model", model);
    if (queue_counts(rd->queue, &jobs, e) < 0)
        return e->code;
    json_object_set_new(out, "jobs",
                        json_pack("{s:I, s:I, s:I}", "ready", (json_int_t)jobs.ready, "running",
                                  (json_int_t)jobs.running, "buried", (json_int_t)jobs.buried));
    json_object_set_new(out, "kill_switch", kill_part(cfg));
    json_object_set_new(out, "engine", engine_part(r->server));
    json_object_set_new(out, "http",
                        json_pack("{s:I, s:I, s:I}", "requests",
                                  (json_int_t)atomic_load(&r->server->n_requests), "late",
                                  (json_int_t)atomic_load(&r->server->n_late), "bad_signatures",
                                  (json_int_t)atomic_load(&r->server->n_bad_signature)));
    return 0;
}

enum MHD_Result api_status(struct request *r)
{
    struct http_readers *rd = api_readers(r);
    const struct config *cfg = r->view->cfg;
    char started[TIME_ISO_MAX];
    struct err e = {0};
    json_t *out;
    int rc;

    if (!rd)
        return MHD_YES;
    out = json_pack("{s:s, s:s, s:b, s:b, s:s, s:s, s:i, s:s}", "version", TRIAGED_VERSION,
                    "started", time_format_iso(r->server->started_wall_ms, false, started), "ready",
                    (int)atomic_load(&r->server->ready), "token", cfg->pagerduty.token != NULL,
                    "mode", mode_name(cfg->mode), "pagerduty", cfg->pagerduty.base_url, "rules",
                    (int)rules_count(r->view->rules), "config", cfg->path);
    rc = status_fill(r, rd, out, &e);
    if (rc < 0)
        json_decref(out);
    return api_answer(r, rc, &out, &e);
}

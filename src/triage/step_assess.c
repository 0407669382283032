/*
 * assess: the rules' verdict, what is known, and (where there is one for this very evidence) the model's checked report -> an assessment row,
 * when something changed that a person would read differently. Waits for nobody: a report that comes later makes the next row.
 */
#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "triage/ask.h"
#include "triage/asking.h"
#include "triage/replay.h"
#include "triage/triage_sql.h"

struct assessed {
    struct incident_row row;
    struct triage_items items;
    struct asking asking;
    json_t *said, *facts, *known;
    json_t *verdict; /* borrowed from said */
    json_t *report;  /* NULL: rules alone */
    json_t *merged, *confidence, *wanted;
    int64_t decided, approved;
    char digest[SHA256_HEX];
};

static void assessed_done(struct assessed *x)
{
    triage_items_done(&x->items);
    json_decref(x->said);
    json_decref(x->facts);
    json_decref(x->known);
    json_decref(x->report);
    json_decref(x->merged);
    json_decref(x->confidence);
    json_decref(x->wanted);
}

/* ---- the model's part ---- */

/* What ended keeps what was said about it. Should it begin again, that is of the past. */
static int over(const struct engine_pass *p, struct assessed *x, struct err *e)
{
    if (x->row.ask && !x->asking.over && x->asking.state != ASKING_OUT) {
        x->asking.over = true;
        if (asking_save(p, &x->row, &x->asking, e) < 0)
            return e->code;
    }
    return x->asking.report ? body_json(p, x->asking.report, &x->report, e) : 0;
}

/* The report for this very evidence, if there is one; else the question is put. */
static int model_part(const struct engine_pass *p, struct assessed *x, struct err *e)
{
    AUTO(triage_items_done) struct triage_items it = {0};
    const char *why;
    char key[65];

    asking_parse(p->arena, x->row.ask, &x->asking);
    if (text_eq(x->row.status, "resolved") && x->row.ask)
        return over(p, x, e);
    if (!asking_wanted(p, &x->row, x->verdict, &why)) /* also where a report was given before */
        return why ? asking_none(p, &x->row, why, e) : 0;
    if (x->row.bundle_id == 0) /* comes here again with the first bundle */
        return 0;
    if (x->asking.over)
        return job_add(p, "ask", x->row.id, PRIO_MODEL, p->now_wall_ms, e);
    if (x->asking.bundle_id != x->row.bundle_id || !text_eq(x->asking.with, asking_with(p))) {
        triage_items_init(&it, p->arena);
        if (asking_key(p, &x->row, &it, key, e) < 0)
            return e->code;
        if (!text_eq(key, x->asking.key))
            return job_add(p, "ask", x->row.id, PRIO_MODEL, p->now_wall_ms, e);
        x->asking.bundle_id = x->row.bundle_id; /* other evidence, and nothing that asks again */
        x->asking.with = asking_with(p);
        if (asking_save(p, &x->row, &x->asking, e) < 0)
            return e->code;
    }
    return x->asking.report ? body_json(p, x->asking.report, &x->report, e) : 0;
}

/* What people said so far to proposals that rest on the same: the rules that matched, and the model. */
static int measured(struct engine_pass *p, struct assessed *x, struct err *e)
{
    const json_t *rules = json_opt_arr(x->verdict, "rules");
    size_t n = json_array_size(rules);

    for (size_t i = 0; i < n + (x->report != NULL); i++) {
        const char *origin =
            i < n ? arena_printf(p->arena, "rule:%s", json_string_value(json_array_get(rules, i)))
                  : "model";
        int64_t decided = 0, approved = 0;

        if (gate_measured(p, origin, NULL, &decided, &approved, e) < 0)
            return e->code;
        x->decided += decided;
        x->approved += approved;
    }
    return 0;
}

/* ---- the row ---- */

static void digest_of(struct assessed *x)
{
    const json_t *const parts[] = {x->verdict, x->known, x->report};
    struct digest d;

    digest_begin(&d, "triaged.assessment.v2");
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        size_t len = 0;
        AUTO(mem_freep) char *text = parts[i] ? json_canon(parts[i], &len) : NULL;

        digest_bytes(&d, text ? text : "", len);
    }
    digest_end(&d, x->digest);
}

static int same_as_before(const struct engine_pass *p, const struct assessed *x, bool *same,
                          struct err *e)
{
    struct store_stmt *q = sql(p, ASSESSMENT_GET);
    int rc;

    store_bind_int(q, 1, x->row.assessment_id);
    rc = store_step(q, e);
    *same = rc > 0 && text_eq(store_text(q, 11), x->digest);
    store_reset(q);
    return rc < 0 ? rc : 0;
}

/* What it was made of, for replay: seen.c reads it back. */
static json_t *seen_of(const struct assessed *x)
{
    const struct asking *a = &x->asking;
    json_t *j = json_pack("{s:o, s:I, s:I}", "items", seen_items(&x->items), "decided",
                          (json_int_t)x->decided, "approved", (json_int_t)x->approved);

    CHECK(j);
    json_object_set_new(j, "call", x->report ? json_integer(a->report_call_id) : json_null());
    json_object_set_new(j, "reused",
                        x->report && a->as_id ? json_pack("{s:s, s:I}", "incident_id", a->as_id,
                                                          "number", (json_int_t)a->as_number)
                                              : json_null());
    return j;
}

static int bodies_put(const struct engine_pass *p, struct assessed *x, char seen[SHA256_HEX],
                      char wanted[SHA256_HEX], struct err *e)
{
    AUTO(json_freep) json_t *j = seen_of(x);

    return body_put(p, j, seen, e) < 0 || body_put(p, x->wanted, wanted, e) < 0 ? e->code : 0;
}

static int row_put(const struct engine_pass *p, struct assessed *x, int64_t *id, struct err *e)
{
    static const char *const columns[] = {"severity", "category", "team", "urgency"};
    char seen[SHA256_HEX], wanted[SHA256_HEX];
    struct store_stmt *q;
    size_t len;
    int rc;

    if (bodies_put(p, x, seen, wanted, e) < 0)
        return e->code;
    q = sql(p, ASSESSMENT_PUT);
    store_bind_text(q, 1, x->row.id);
    bind_known(q, 2, x->row.bundle_id);
    store_bind_text(q, 3, x->report ? "model" : "rules");
    for (size_t i = 0; i < ARRAY_LEN(columns); i++)
        store_bind_text(q, 4 + (int)i, json_opt_str(x->merged, columns[i]));
    store_bind_text(q, 8, json_canon_arena(p->arena, x->verdict, &len));
    store_bind_text(q, 9, json_opt_str(x->said, "facts"));
    store_bind_text(q, 10, json_canon_arena(p->arena, x->known, &len));
    store_bind_text(q, 11, x->digest);
    store_bind_int(q, 12, p->now_wall_ms);
    store_bind_text(q, 13, x->report ? x->asking.report : NULL);
    bind_known(q, 14, x->report ? x->asking.report_call_id : 0);
    store_bind_text(q, 15, json_canon_arena(p->arena, x->confidence, &len));
    store_bind_text(q, 16, x->row.verdict);
    store_bind_text(q, 17, seen);
    store_bind_text(q, 18, wanted);
    rc = store_step(q, e);
    *id = rc > 0 ? store_int(q, 0) : 0;
    store_reset(q);
    if (rc < 0)
        return rc;
    q = sql(p, INCIDENT_ASSESSED);
    store_bind_text(q, 1, x->row.id);
    store_bind_int(q, 2, *id);
    return sql_run(q, e);
}

static int audit(struct engine_pass *p, const struct assessed *x, int64_t id, struct err *e)
{
    AUTO(json_freep)
    json_t *detail = json_pack(
        "{s:I, s:s, s:s, s:s?, s:s?, s:s?, s:O?, s:s?, s:o}", "assessment_id", (json_int_t)id,
        "origin", x->report ? "model" : "rules", "digest", x->digest, "facts",
        json_opt_str(x->said, "facts"), "severity", json_opt_str(x->merged, "severity"), "category",
        json_opt_str(x->merged, "category"), "rules_hash",
        json_object_get(x->verdict, "rules_hash"), "report", x->report ? x->asking.report : NULL,
        "llm_call_id", x->report ? json_integer(x->asking.report_call_id) : json_null());
    char subject[64];

    CHECK(detail);
    snprintf(subject, sizeof(subject), "incident:%s", x->row.id);
    const struct audit_entry a = {.actor = "system",
                                  .verb = "assessment.made",
                                  .subject = subject,
                                  .incident = x->row.id,
                                  .detail = detail};

    return audit_append(p->audit, &a, p->now_wall_ms, e);
}

/* ---- the step ---- */

static int load(const struct engine_pass *p, const char *id, struct assessed *x, struct err *e)
{
    if (row_get(p, id, &x->row, e) < 0)
        return e->code;
    if (!x->row.verdict)
        return err_set(e, ERR_NOT_FOUND, "%s is not judged yet", id);
    triage_items_init(&x->items, p->arena);
    if (body_json(p, x->row.verdict, &x->said, e) < 0 || judge_items(p, &x->row, &x->items, e) < 0)
        return e->code;
    x->verdict = json_object_get(x->said, "verdict");
    x->known = triage_known(&x->items);
    return 0;
}

static int assess_apply(struct step_ctx *c, struct err *e)
{
    AUTO(assessed_done) struct assessed x = {0};
    struct engine_pass *p = step_pass(c);
    int64_t id;
    bool same;

    if (load(p, step_job(c)->subject, &x, e) < 0 || model_part(p, &x, e) < 0)
        return e->code;
    digest_of(&x);
    if (same_as_before(p, &x, &same, e) < 0)
        return e->code;
    if (same) /* nothing that a person would read differently */
        return 0;
    if (body_json(p, json_opt_str(x.said, "facts"), &x.facts, e) < 0 || measured(p, &x, e) < 0)
        return e->code;
    x.merged = assessment_merge(x.verdict, x.report, x.facts);
    x.confidence = assessment_confidence(x.verdict, x.known, x.report, x.decided, x.approved);
    x.wanted = wanted_proposals(x.verdict, x.report);
    if (row_put(p, &x, &id, e) < 0 || audit(p, &x, id, e) < 0)
        return e->code;
    return job_add(p, "propose", x.row.id, PRIO_JUDGE, p->now_wall_ms, e);
}

const struct step triage_step_assess = {.name = "assess",
                                        .apply = assess_apply,
                                        .max_attempts = 10,
                                        .backoff_ms = 500,
                                        .backoff_max_ms = 10000};

/* What people read of an assessment: its words, where it stands with the model, and everything behind it. */
#include "base/json.h"
#include "base/text.h"
#include "triage/ask.h"
#include "triage/asking.h"
#include "triage/read_priv.h"
#include "triage/triage_sql.h"

/* ---- where it stands with the model ---- */

json_t *read_asking(const struct incident_row *w, struct arena *a)
{
    static const char *const states[] = {[ASKING_NOT] = "not asked",
                                         [ASKING_WAITING] = "waiting",
                                         [ASKING_OUT] = "asking",
                                         [ASKING_ANSWERED] = "answered",
                                         [ASKING_WITHOUT] = "without model"};
    struct asking x;
    json_t *j;

    if (!w->ask)
        return json_null();
    asking_parse(a, w->ask, &x);
    j = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "state",
                  x.state == ASKING_ANSWERED && x.as_id ? "reused" : states[x.state], "why",
                  read_text(x.why), "until", read_time(x.until_ms), "at", read_time(x.at_ms),
                  "call_id", read_number(x.call_id), "as",
                  x.as_id ? json_pack("{s:s, s:o}", "incident_id", x.as_id, "number",
                                      read_number(x.as_number))
                          : json_null());
    CHECK(j);
    return j;
}

/* ---- the assessment ---- */

struct bodies {
    const char *report, *wanted, *facts;
};

static json_t *parsed(const char *text)
{
    json_t *j = text ? json_loads(text, 0, NULL) : NULL;

    return j ? j : json_null();
}

/* Columns of ASSESSMENT_GET. */
static json_t *columns_json(struct store_stmt *q)
{
    json_t *j = json_pack(
        "{s:I, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o}", "id",
        (json_int_t)store_int(q, 0), "bundle_id", read_number(store_int(q, 2)), "origin",
        store_text(q, 3), "severity", read_text(store_text(q, 4)), "category",
        read_text(store_text(q, 5)), "team", read_text(store_text(q, 6)), "urgency",
        read_text(store_text(q, 7)), "verdict", parsed(store_text(q, 8)), "known",
        parsed(store_text(q, 10)), "digest", store_text(q, 11), "at", read_time(store_int(q, 12)),
        "llm_call_id", read_number(store_int(q, 14)), "confidence", parsed(store_text(q, 15)));

    CHECK(j);
    return j;
}

static int put_body(struct triage_reader *r, json_t *j, const char *member, const char *sha,
                    struct arena *a, struct err *e)
{
    json_t *body = NULL;

    if (sha && read_body(r, sha, a, &body, e) < 0)
        return e->code;
    json_object_set_new(j, member, body ? body : json_null());
    return 0;
}

static int get(struct triage_reader *r, int64_t id, struct arena *a, json_t **out, struct bodies *b,
               struct err *e)
{
    struct store_stmt *q = store_begin(r->sql, ASSESSMENT_GET);
    int rc;

    store_bind_int(q, 1, id);
    rc = store_step(q, e);
    if (rc > 0) {
        *out = columns_json(q);
        *b = (struct bodies){store_text_dup(q, 13, a), store_text_dup(q, 18, a),
                             store_text_dup(q, 9, a)};
    }
    store_reset(q);
    return rc < 0 ? rc : 0;
}

/* Who said which of the words, and what of them would be a change at PagerDuty: a suggestion, for nothing here makes it. */
static int basis_put(struct triage_reader *r, json_t *j, const char *facts_sha, struct arena *a,
                     struct err *e)
{
    AUTO(json_freep) json_t *facts = NULL;
    AUTO(json_freep) json_t *merged = NULL;

    if (facts_sha && read_body(r, facts_sha, a, &facts, e) < 0)
        return e->code;
    merged = assessment_merge(json_object_get(j, "verdict"), json_object_get(j, "report"), facts);
    json_object_set(j, "basis", json_object_get(merged, "basis"));
    json_object_set(j, "suggested", facts ? json_object_get(merged, "suggested") : json_null());
    return 0;
}

int read_assessment(struct triage_reader *r, int64_t id, bool whole, json_t **out, struct err *e)
{
    AUTO(arena_freep) struct arena *a = arena_new(READ_ARENA_BYTES);
    AUTO(json_freep) json_t *j = NULL;
    struct bodies b = {0};

    if (id && get(r, id, a, &j, &b, e) < 0)
        return e->code;
    if (j && whole &&
        (put_body(r, j, "report", b.report, a, e) < 0 || basis_put(r, j, b.facts, a, e) < 0))
        return e->code;
    *out = j ? TAKE(j) : json_null();
    return 0;
}

/* ---- what it was made on ---- */

int triage_bundle(struct triage_reader *r, int64_t id, json_t **out, struct err *e)
{
    AUTO(json_freep) json_t *names = json_array();
    AUTO(json_freep) json_t *nums = NULL;
    struct store_stmt *q = store_begin(r->sql, BUNDLE_GET);
    int rc;

    store_bind_int(q, 1, id);
    rc = store_step(q, e);
    if (rc > 0) {
        nums = parsed(store_text(q, 0));
        for (size_t i = 0; i < json_array_size(nums); i++)
            json_array_append_new(names, json_sprintf("E%" JSON_INTEGER_FORMAT,
                                                      json_integer_value(json_array_get(nums, i))));
        *out = json_pack("{s:I, s:s, s:o, s:O}", "id", (json_int_t)id, "digest", store_text(q, 1),
                         "created_at", read_time(store_int(q, 2)), "evidence", names);
    } else if (rc == 0) {
        *out = json_null();
    }
    store_reset(q);
    return rc < 0 ? rc : 0;
}

/* ---- everything ---- */

static json_t *current_of(const json_t *evidence)
{
    json_t *list = json_array();

    for (size_t i = 0; i < json_array_size(evidence); i++)
        if (json_opt_bool(json_array_get(evidence, i), "current", false))
            json_array_append(list, json_array_get(evidence, i));
    return list;
}

int triage_explain(struct triage_reader *r, const char *id_or_number, json_t **out, struct err *e)
{
    AUTO(arena_freep) struct arena *a = arena_new(READ_ARENA_BYTES);
    AUTO(json_freep) json_t *assessment = NULL;
    AUTO(json_freep) json_t *evidence = NULL;
    AUTO(json_freep) json_t *bundle = NULL;
    struct incident_row row = {0};
    struct bodies b = {0};

    if (read_row(r, id_or_number, a, &row, e) < 0 ||
        triage_bundle(r, row.bundle_id, &bundle, e) < 0 ||
        (row.assessment_id && get(r, row.assessment_id, a, &assessment, &b, e) < 0) ||
        read_evidence_list(r, &row, &evidence, e) < 0)
        return e->code;
    if (assessment && (put_body(r, assessment, "report", b.report, a, e) < 0 ||
                       put_body(r, assessment, "wanted", b.wanted, a, e) < 0 ||
                       put_body(r, assessment, "facts", b.facts, a, e) < 0 ||
                       basis_put(r, assessment, b.facts, a, e) < 0))
        return e->code;
    *out = json_pack("{s:o, s:O?, s:o, s:{s:o, s:o, s:o}}", "incident", read_row_json(&row),
                     "assessment", assessment, "ask", read_asking(&row, a), "bundle", "id",
                     read_number(row.bundle_id), "digest",
                     read_text(json_opt_str(bundle, "digest")), "items", current_of(evidence));
    return *out ? 0 : err_set(e, ERR_INTERNAL, "the incident cannot be explained");
}

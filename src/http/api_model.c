#include "base/text.h"
#include "http/api.h"

/* What a model was asked and said: about one incident with everything behind it, and call by call. */

#define EXPLAIN_CALLS     10
#define EXPLAIN_PROPOSALS 50

/* The store does not know the configuration, so it cannot know that this is why nothing was asked. */
static void say_none(const struct config *cfg, json_t *out)
{
    if (!cfg->model.base_url && json_is_null(json_object_get(out, "ask")))
        json_object_set_new(out, "ask",
                            json_pack("{s:s, s:s, s:n, s:n, s:n, s:n}", "state", "without model",
                                      "why", "no model is configured", "until", "at", "call_id",
                                      "as"));
}

int api_show(struct request *r, struct http_readers *rd, json_t **out, struct err *e)
{
    AUTO(json_freep) json_t *o = NULL;

    if (triage_show(rd->triage, r->args[0], &o, e) < 0 ||
        triage_for_people(rd->triage, r->view->redactor, o, e) < 0)
        return e->code;
    say_none(r->view->cfg, o);
    *out = TAKE(o);
    return 0;
}

/* The newest calls about it, each with what was sent and what came. */
static int calls_put(struct http_readers *rd, const char *incident, json_t *out, struct err *e)
{
    AUTO(json_freep) json_t *list = NULL;
    json_t *calls = json_array();
    const json_t *items;

    json_object_set_new(out, "llm_calls", calls);
    if (llm_list(rd->llm, incident, 0, EXPLAIN_CALLS, &list, e) < 0)
        return e->code;
    items = json_object_get(list, "items");
    for (size_t i = 0; i < json_array_size(items); i++) {
        json_t *one = NULL;

        if (llm_show(rd->llm, json_integer_value(json_object_get(json_array_get(items, i), "id")),
                     &one, e) < 0)
            return e->code;
        json_array_append_new(calls, one);
    }
    return 0;
}

/* One that another incident was asked about stands behind this one's report too. */
static int reused_put(struct http_readers *rd, json_t *out, struct err *e)
{
    const json_t *ask = json_object_get(out, "ask");
    int64_t id = json_integer_value(json_object_get(ask, "call_id"));
    json_t *one = NULL;

    if (!text_eq(json_string_value(json_object_get(ask, "state")), "reused"))
        return 0;
    if (llm_show(rd->llm, id, &one, e) < 0)
        return e->code;
    json_array_append_new(json_object_get(out, "llm_calls"), one);
    return 0;
}

static int explain(struct request *r, struct http_readers *rd, json_t **out, struct err *e)
{
    AUTO(json_freep) json_t *o = NULL;
    json_t *proposals = NULL;
    const char *id;

    if (triage_explain(rd->triage, r->args[0], &o, e) < 0 ||
        triage_for_people(rd->triage, r->view->redactor, o, e) < 0)
        return e->code;
    say_none(r->view->cfg, o);
    id = json_string_value(json_object_get(json_object_get(o, "incident"), "id"));
    if (calls_put(rd, id, o, e) < 0 || reused_put(rd, o, e) < 0 ||
        gate_list(rd->gate, "all", id, 0, EXPLAIN_PROPOSALS, &proposals, e) < 0)
        return e->code;
    json_object_set(o, "proposals", json_object_get(proposals, "items"));
    json_decref(proposals);
    *out = TAKE(o);
    return 0;
}

enum MHD_Result api_incident_explain(struct request *r)
{
    struct http_readers *rd = api_readers(r);
    struct err e = {0};
    json_t *out = NULL;

    if (!rd)
        return MHD_YES;
    return api_answer(r, explain(r, rd, &out, &e), &out, &e);
}

enum MHD_Result api_llm_calls(struct request *r)
{
    struct http_readers *rd = api_readers(r);
    AUTO(json_freep) json_t *page = NULL;
    int64_t limit, before;
    struct err e = {0};
    json_t *list = NULL;
    int rc;

    if (!rd || !api_query_int(r, "limit", 1, PAGE_MAX, PAGE_DEFAULT, &limit) ||
        !api_query_int(r, "before", 0, INT64_MAX, 0, &before))
        return MHD_YES;
    rc = llm_list(rd->llm, api_query(r, "incident"), before, (unsigned)limit, &page, &e);
    if (rc == 0)
        list = json_incref(json_object_get(page, "items"));
    return api_answer_list(r, rc, &list, "id", limit, &e);
}

enum MHD_Result api_llm_call(struct request *r)
{
    struct http_readers *rd = api_readers(r);
    int64_t id;
    struct err e = {0};
    json_t *out = NULL;

    if (!rd || !api_arg_int(r, 0, &id))
        return MHD_YES;
    return api_answer(r, llm_show(rd->llm, id, &out, &e), &out, &e);
}

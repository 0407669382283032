/* Where an incident stands with the model: reading and writing incident.ask, and whether a model is to be asked at all. */
#include "triage/asking.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "llm/prompt.h"
#include "triage/ask.h"
#include "triage/triage_sql.h"

static const char *const states[] = {[ASKING_NOT] = "not",
                                     [ASKING_WAITING] = "waiting",
                                     [ASKING_OUT] = "out",
                                     [ASKING_ANSWERED] = "answered",
                                     [ASKING_WITHOUT] = "without"};

static const char *dup(struct arena *a, const json_t *j, const char *member)
{
    const char *s = json_opt_str(j, member);

    return s ? arena_strdup(a, s) : NULL;
}

static enum asking_state state_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        if (text_eq(states[i], name))
            return (enum asking_state)i;
    return ASKING_NOT;
}

void asking_parse(struct arena *a, const char *text, struct asking *out)
{
    AUTO(json_freep) json_t *j = text ? json_loads(text, 0, NULL) : NULL;
    const json_t *as = json_opt_obj(j, "as");

    *out = (struct asking){.state = state_of(json_opt_str(j, "state")),
                           .key = dup(a, j, "key"),
                           .bundle_id = json_opt_int(j, "bundle_id", 0),
                           .with = dup(a, j, "with"),
                           .why = dup(a, j, "why"),
                           .until_ms = json_opt_int(j, "until_ms", 0),
                           .at_ms = json_opt_int(j, "at_ms", 0),
                           .begun_ms = json_opt_int(j, "begun_ms", 0),
                           .call_id = json_opt_int(j, "call_id", 0),
                           .asked = dup(a, j, "asked"),
                           .dialect = dup(a, j, "dialect"),
                           .round = json_opt_int(j, "round", 1),
                           .tries = json_opt_int(j, "tries", 0),
                           .max_output = json_opt_int(j, "max_output", 0),
                           .repair = dup(a, j, "repair"),
                           .report = dup(a, j, "report"),
                           .report_call_id = json_opt_int(j, "report_call_id", 0),
                           .as_id = dup(a, as, "incident_id"),
                           .as_number = json_opt_int(as, "number", 0),
                           .over = json_opt_bool(j, "over", false)};
    if (!out->key)
        out->key = "";
}

static json_t *asking_json(const struct asking *a)
{
    json_t *j = json_pack(
        "{s:s, s:s, s:s*, s:I, s:I, s:I, s:s*, s:s*, s:I, s:I, s:I, s:s*, s:s*, s:I}", "key",
        a->key, "state", states[a->state], "why", a->why, "until_ms", (json_int_t)a->until_ms,
        "begun_ms", (json_int_t)a->begun_ms, "call_id", (json_int_t)a->call_id, "asked", a->asked,
        "dialect", a->dialect, "round", (json_int_t)a->round, "tries", (json_int_t)a->tries,
        "max_output", (json_int_t)a->max_output, "repair", a->repair, "report", a->report,
        "report_call_id", (json_int_t)a->report_call_id);

    CHECK(j);
    json_object_set_new(j, "bundle_id", json_integer(a->bundle_id));
    if (a->with)
        json_object_set_new(j, "with", json_string(a->with));
    if (a->over)
        json_object_set_new(j, "over", json_true());
    if (a->as_id)
        json_object_set_new(
            j, "as",
            json_pack("{s:s, s:I}", "incident_id", a->as_id, "number", (json_int_t)a->as_number));
    return j;
}

/* A wait that comes back and waits on for the same thing is no news. */
static bool same(const char *text, const json_t *now)
{
    AUTO(json_freep) json_t *old = text ? json_loads(text, 0, NULL) : NULL;

    json_object_del(old, "at_ms");
    return json_equal(old, now);
}

int asking_save(const struct engine_pass *p, const struct incident_row *row, struct asking *a,
                struct err *e)
{
    AUTO(json_freep) json_t *j = asking_json(a);
    struct store_stmt *q;
    size_t len;

    if (same(row->ask, j))
        return 0;
    a->at_ms = p->now_wall_ms;
    json_object_set_new(j, "at_ms", json_integer(a->at_ms));
    q = sql(p, INCIDENT_ASK);
    store_bind_text(q, 1, row->id);
    store_bind_text(q, 2, json_canon_arena(p->arena, j, &len));
    return sql_run(q, e);
}

int asking_none(const struct engine_pass *p, const struct incident_row *row, const char *why,
                struct err *e)
{
    struct asking none = {.state = ASKING_WITHOUT, .key = "", .round = 1, .why = why}, now;

    asking_parse(p->arena, row->ask, &now);
    /* Its answer must find which call it belongs to; it comes back here by itself. */
    return now.state == ASKING_OUT ? 0 : asking_save(p, row, &none, e);
}

bool asking_wanted(const struct engine_pass *p, const struct incident_row *row,
                   const json_t *verdict, const char **why)
{
    const struct world *w = world_of(p);

    *why = NULL;
    if (!w->model_peer || !w->cfg->model.base_url)
        return false;
    if (text_eq(row->status, "resolved"))
        *why = "the incident was over before";
    else if (config_service_mode(w->cfg, row->service_id) == MODE_OFF)
        *why = "the service is switched off in the configuration";
    else if (!config_service_send(w->cfg, row->service_id)->model)
        *why = "nothing of this service may be sent to a model (send, in the configuration)";
    else if (text_eq(json_opt_str(verdict, "model"), "skip"))
        *why = "a rule says that no model is needed here";
    return *why == NULL;
}

const char *asking_with(const struct engine_pass *p)
{
    const struct world *w = world_of(p);

    return arena_printf(p->arena, "%s %s", prompts_get(w->prompts, "triage")->version,
                        w->cfg->model.name);
}

int asking_key(const struct engine_pass *p, const struct incident_row *row, struct triage_items *it,
               char key[65], struct err *e)
{
    const struct world *w = world_of(p);

    if (evidence_load(p, row->id, row->bundle_id, it, e) < 0)
        return e->code;
    ask_key(it, prompts_get(w->prompts, "triage")->version, w->cfg->model.name, key);
    return 0;
}

/*
 * ask: a model's view of an incident. Never in anybody's way: the rules have spoken before, and whatever goes wrong here ends as a reason
 * that people can read.
 *
 * Before a call leaves, these are asked in turn: is the evidence there (at most 10 s after intake), was this very thing asked already, by
 * this incident or by another one with the same key, and may a call leave now (breaker, budget, canary). One job asks as often as it takes
 * to get one report: a retry, a repair, a second try with more room; all within model.deadline_ms.
 */
#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "llm/llm.h"
#include "triage/ask.h"
#include "triage/asking.h"
#include "triage/triage_sql.h"

#define SETTLE_MS       INT64_C(10000) /* since intake: then it is asked with what there is */
#define SETTLE_LOOK_MS  INT64_C(500)
#define SAME_LEAST_MS   INT64_C(3000)
#define SAME_MOST_MS    INT64_C(8000)
#define SAME_LONG_MS    INT64_C(30000)
#define BUDGET_LEAST_MS INT64_C(60000)
#define CANARY_LEAST_MS INT64_C(500)
#define CANARY_MOST_MS  INT64_C(2000)
#define AGAIN_LEAST     INT64_C(5) /* times breaker_open_ms */
#define AGAIN_MOST      INT64_C(10)
#define CALL_LEAST_MS   INT64_C(1000) /* with less time left nothing is begun */
#define CANARY_ROOM     INT64_C(400)  /* tokens; its question and its answer are a few words */
#define CHOICES_MAX     50
#define SAME_WHY        "the same is being asked about another incident"

/* ---- what it is about ---- */

struct ground {
    struct incident_row row;
    struct triage_items items;
    json_t *said, *verdict /* borrowed from said */, *facts, *known;
    char key[65];
};

static void ground_done(struct ground *g)
{
    triage_items_done(&g->items);
    json_decref(g->said);
    json_decref(g->facts);
    json_decref(g->known);
}

static int ground_load(const struct engine_pass *p, const char *id, struct ground *g, struct err *e)
{
    if (row_get(p, id, &g->row, e) < 0)
        return e->code;
    if (!g->row.verdict || g->row.bundle_id == 0)
        return err_set(e, ERR_NOT_FOUND, "%s is not judged yet: judging it asks again", id);
    triage_items_init(&g->items, p->arena);
    if (body_json(p, g->row.verdict, &g->said, e) < 0 ||
        asking_key(p, &g->row, &g->items, g->key, e) < 0)
        return e->code;
    g->verdict = json_object_get(g->said, "verdict");
    return 0;
}

static int facts_load(const struct engine_pass *p, struct ground *g, struct err *e)
{
    return g->facts ? 0 : body_json(p, json_opt_str(g->said, "facts"), &g->facts, e);
}

/* Something is still on its way that a model should see. */
static bool settling(const struct engine_pass *p, const struct ground *g)
{
    if (p->now_wall_ms - g->row.first_seen_ms >= SETTLE_MS)
        return false;
    if (g->row.enriched_ms == 0 || outside_pending(p, &g->row, &g->items))
        return true;
    for (size_t i = 0; i < g->items.n; i++)
        if (!g->items.v[i].ok && (text_eq(g->items.v[i].summary, "not answered yet") ||
                                  strstr(g->items.v[i].summary, "still being read")))
            return true;
    return false;
}

/* ---- small things ---- */

int64_t ask_spread(int64_t least_ms, int64_t most_ms)
{
    uint32_t r;

    crypto_random(&r, sizeof(r));
    return least_ms + (int64_t)(r % (uint32_t)(most_ms - least_ms + 1));
}

int ask_give_up(const struct engine_pass *p, const struct incident_row *row, struct asking *a,
                const char *why, struct err *e)
{
    a->state = ASKING_WITHOUT;
    a->why = why;
    a->until_ms = 0;
    a->repair = NULL;
    return asking_save(p, row, a, e);
}

int ask_give_up_for_now(struct step_ctx *c, const struct incident_row *row, struct asking *a,
                        const char *why, struct err *e)
{
    const struct engine_pass *p = step_pass(c);
    int64_t pause = world_of(p)->cfg->model.breaker_open_ms;

    a->state = ASKING_WITHOUT;
    a->why = why;
    a->until_ms = p->now_wall_ms + ask_spread(AGAIN_LEAST * pause, AGAIN_MOST * pause);
    a->repair = NULL;
    step_again_at(c, a->until_ms);
    return asking_save(p, row, a, e);
}

int ask_wait(struct step_ctx *c, const struct incident_row *row, struct asking *a, int64_t until_ms,
             const char *why, struct err *e)
{
    const struct engine_pass *p = step_pass(c);

    a->state = ASKING_WAITING;
    a->why = why;
    a->until_ms = until_ms;
    step_again_at(c, until_ms);
    return asking_save(p, row, a, e);
}

/* ---- the same was asked before ---- */

/* What another incident may suggest that the rules or the policy of this one do not allow is left out. */
static void actions_filter(json_t *report, const json_t *permitted)
{
    json_t *list = json_opt_arr(report, "actions");

    for (size_t i = json_array_size(list); i-- > 0;) {
        const char *verb = json_opt_str(json_array_get(list, i), "verb");
        bool may = text_eq(verb, "none");

        for (size_t k = 0; k < json_array_size(permitted); k++)
            may = may || text_eq(json_string_value(json_array_get(permitted, k)), verb);
        if (!may)
            json_array_remove(list, i);
    }
}

static json_t *permitted_verbs(struct engine_pass *p, const struct ground *g)
{
    const json_t *allow = json_opt_arr(g->verdict, "allow");
    struct gate_view view;

    if (!evidence_view(p->arena, &g->items,
                       &view)) /* nothing is proposed on a state that PagerDuty did not tell */
        return json_array();
    return gate_permitted(p, &view, g->facts, allow, "model");
}

static int64_t number_of(const struct engine_pass *p, const char *id)
{
    struct incident_row other;
    struct err none = {0};

    return row_get(p, id, &other, &none) == 0 ? other.number : 0;
}

static int reuse(struct engine_pass *p, struct ground *g, struct asking *a,
                 const struct llm_found *found, struct err *e)
{
    AUTO(json_freep) json_t *report = NULL;
    AUTO(json_freep) json_t *permitted = NULL;
    bool own = text_eq(found->incident_id, g->row.id);
    char sha[SHA256_HEX];

    if (facts_load(p, g, e) < 0 || body_json(p, found->report, &report, e) < 0)
        return e->code;
    permitted = permitted_verbs(p, g);
    actions_filter(report, permitted);
    *a = (struct asking){.state = ASKING_ANSWERED,
                         .key = g->key,
                         .bundle_id = g->row.bundle_id,
                         .with = asking_with(p),
                         .round = 1,
                         .call_id = found->id,
                         .report_call_id = found->id};
    if (!own) {
        a->as_id = found->incident_id;
        a->as_number = number_of(p, found->incident_id);
        json_object_set_new(
            report, "as",
            json_pack("{s:s, s:I}", "incident_id", a->as_id, "number", (json_int_t)a->as_number));
    }
    if (body_put(p, report, sha, e) < 0)
        return e->code;
    a->report = sha;
    if (asking_save(p, &g->row, a, e) < 0)
        return e->code;
    return job_add(p, "assess", g->row.id, PRIO_JUDGE, p->now_wall_ms, e);
}

/* Who waits long looks less often, so that a storm behind a slow model costs next to nothing. */
static int same_wait(struct step_ctx *c, struct ground *g, struct asking *a, struct err *e)
{
    const struct engine_pass *p = step_pass(c);
    bool again = a->state == ASKING_WAITING && text_eq(a->why, SAME_WHY);
    int64_t waited = again ? p->now_wall_ms - a->at_ms : 0;
    int64_t least = SAME_LEAST_MS, most = SAME_MOST_MS;

    if (waited / 2 > least)
        least = waited / 2 < SAME_LONG_MS ? waited / 2 : SAME_LONG_MS;
    if (2 * least > most)
        most = 2 * least;
    a->state = ASKING_WAITING;
    a->why = SAME_WHY;
    a->until_ms = 0; /* it would be another row at each look */
    step_again_at(c, p->now_wall_ms + ask_spread(least, most));
    return asking_save(p, &g->row, a, e);
}

/*
 * Replies to the very same question that were of no use: what came of it there holds here, or a storm would pay for each of its incidents.
 * *done: nothing is left to do in this run.
 */
static int useless_before(struct step_ctx *c, struct ground *g, struct asking *a, bool *done,
                          struct err *e)
{
    struct engine_pass *p = step_pass(c);
    const struct world *w = world_of(p);
    const struct config_model *m = &w->cfg->model;
    struct incident_row other;
    struct llm_found found;
    struct asking there;
    const char *why;
    int rc = llm_find_useless(w->llm, g->key, p->now_wall_ms - m->reuse_ms, p->arena, &found, e);

    *done = false;
    if (rc == 0 && !text_eq(found.incident_id, g->row.id))
        rc = row_get(p, found.incident_id, &other, e);
    else if (rc == 0)
        return 0;
    if (rc == ERR_NOT_FOUND) {
        *e = (struct err){0};
        return 0;
    }
    if (rc < 0)
        return rc;
    asking_parse(p->arena, other.ask, &there);
    if (!text_eq(there.key, g->key))
        return 0;
    *done = there.state == ASKING_WITHOUT ||
            (there.state == ASKING_WAITING && p->now_wall_ms - found.sent_ms <= m->deadline_ms);
    if (!*done)
        return 0;
    if (there.state == ASKING_WAITING)
        return same_wait(c, g, a, e);
    /* What it was told in turn names where it began. */
    why = text_starts(there.why, "as #")
              ? there.why
              : arena_printf(p->arena, "as #%lld: %s", (long long)other.number,
                             there.why ? there.why : "no answer");
    return there.until_ms ? ask_give_up_for_now(c, &g->row, a, why, e)
                          : ask_give_up(p, &g->row, a, why, e);
}

/* *done: nothing is left to do in this run. */
static int same_before(struct step_ctx *c, struct ground *g, struct asking *a, bool *done,
                       struct err *e)
{
    struct engine_pass *p = step_pass(c);
    const struct world *w = world_of(p);
    const struct config_model *m = &w->cfg->model;
    struct llm_found found;
    int rc =
        llm_find(w->llm, g->key, p->now_wall_ms - m->reuse_ms, p->boot_epoch, p->arena, &found, e);

    *done = false;
    if (rc == ERR_NOT_FOUND) {
        *e = (struct err){0};
        return useless_before(c, g, a, done, e);
    }
    if (rc < 0)
        return rc;
    if (!found.out) {
        *done = true;
        return reuse(p, g, a, &found, e);
    }
    /* One that should have come back long ago is nobody's promise. */
    if (p->now_wall_ms - found.sent_ms > m->deadline_ms)
        return 0;
    *done = true;
    return same_wait(c, g, a, e);
}

/* ---- may it leave ---- */

static int refused(struct step_ctx *c, struct ground *g, struct asking *a,
                   const struct llm_verdict *v, struct err *e)
{
    const struct engine_pass *p = step_pass(c);
    const char *why = arena_printf(p->arena, "not asked: %s", v->why);
    int64_t until = v->until_ms;

    if (v->go == LLM_NO_ENDPOINT || (v->go == LLM_NO_BUDGET && until == 0))
        return ask_give_up(p, &g->row, a, why, e);
    if (v->go == LLM_NO_BUDGET && until < p->now_wall_ms + BUDGET_LEAST_MS)
        until = p->now_wall_ms + BUDGET_LEAST_MS;
    if (until <= p->now_wall_ms)
        until = p->now_wall_ms + CANARY_LEAST_MS;
    /* Whoever waits for this has not used up its time: it begins with the call. */
    a->begun_ms = 0;
    a->tries = 0;
    a->why = why;
    a->state = ASKING_WAITING;
    a->until_ms = until;
    step_again_at(c, until + ask_spread(0, 500));
    return asking_save(p, &g->row, a, e);
}

static int64_t cost_of(const struct config_model *m, int64_t input, int64_t output)
{
    const struct llm_usage u = {.from = LLM_USAGE_REPORTED, .input = input, .output = output};

    return llm_cost(m, &u);
}

/* One call about this: limits of time by what is left for the whole. */
static int call_begin(struct step_ctx *c, struct asking *a, struct net_req *req, int tag,
                      struct err *e)
{
    const struct engine_pass *p = step_pass(c);
    const struct config_model *m = &world_of(p)->cfg->model;
    int64_t left;

    if (a->begun_ms == 0)
        a->begun_ms = p->now_wall_ms;
    left = a->begun_ms + m->deadline_ms - p->now_wall_ms;
    req->total_ms = (unsigned)(left < m->timeout_ms ? left : m->timeout_ms);
    req->cls = NET_NEEDED;
    a->state = ASKING_OUT;
    a->why = NULL;
    a->until_ms = 0;
    a->dialect = m->dialect;
    return step_call(c, tag, req, e);
}

/* The question cannot be put into words, or not into a request: asking again would not help. */
static int not_worded(const struct engine_pass *p, const struct ground *g, struct asking *a,
                      struct err *e)
{
    const char *why = arena_printf(p->arena, "not asked: %s", e->msg);

    *e = (struct err){0};
    return ask_give_up(p, &g->row, a, why, e);
}

/* ---- the canary ---- */

/* Does this endpoint keep to a schema? Asked by whoever comes first; the others wait for the answer. */
static int canary_begin(struct step_ctx *c, struct ground *g, struct asking *a, struct err *e)
{
    struct engine_pass *p = step_pass(c);
    const struct world *w = world_of(p);
    const struct config_model *m = &w->cfg->model;
    const char *key = arena_printf(p->arena, "canary:%s", llm_endpoint_name(p->arena, m));
    AUTO(json_freep) json_t *schema = NULL;
    AUTO(json_freep) json_t *asked = NULL;
    struct llm_ask ask = {0};
    struct llm_found found;
    struct net_req req = {0};
    int64_t input;
    int rc =
        llm_find(w->llm, key, p->now_wall_ms - m->timeout_ms, p->boot_epoch, p->arena, &found, e);

    if (rc < 0 && rc != ERR_NOT_FOUND)
        return rc;
    *e = (struct err){0};
    if (rc == 0 && found.out)
        return ask_wait(c, &g->row, a, p->now_wall_ms + ask_spread(CANARY_LEAST_MS, CANARY_MOST_MS),
                        "the endpoint is asked first whether it keeps to a schema", e);
    llm_canary_ask(&ask, &schema);
    if (llm_request(p->arena, m, w->model_peer, &ask, &req, e) < 0)
        return not_worded(p, g, a, e);
    asked =
        json_pack("{s:s, s:O, s:s}", "document", ask.user, "schema", schema, "system", ask.system);
    input = llm_tokens(m, req.body_len);

    const struct llm_begin b = {.purpose = "canary",
                                .key = key,
                                .round = 1,
                                .prompt = "canary",
                                .schema_hash = "",
                                .asked = asked,
                                .request = req.body,
                                .request_len = req.body_len,
                                .reserved_tokens = input + ask.max_output_tokens,
                                .reserved_cost = cost_of(m, input, ask.max_output_tokens),
                                .epoch = p->boot_epoch};

    if (llm_begin(w->llm, m, &b, p->now_wall_ms, &a->call_id, e) < 0 ||
        call_begin(c, a, &req, TAG_CANARY, e) < 0)
        return e->code;
    return asking_save(p, &g->row, a, e);
}

/* ---- the question ---- */

/* What a verb does, for somebody who has never seen the gate. Arguments are our code's. */
static const char *effect_of(const char *verb)
{
    static const struct {
        const char *verb, *effect;
    } table[] = {
        {"acknowledge", "whoever approves takes the incident; nobody else is paged meanwhile"},
        {"add_note", "write what was found as a note on the incident"},
        {"escalate", "page the next level of the escalation policy now"},
        {"resolve", "close the incident"},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (text_eq(table[i].verb, verb))
            return table[i].effect;
    return verb;
}

static json_t *verbs_json(struct engine_pass *p, const struct ground *g)
{
    AUTO(json_freep) json_t *may = permitted_verbs(p, g);
    json_t *list = json_array();

    for (size_t i = 0; i < json_array_size(may); i++) {
        const char *verb = json_string_value(json_array_get(may, i));

        json_array_append_new(list,
                              json_pack("{s:s, s:s}", "verb", verb, "effect", effect_of(verb)));
    }
    return list;
}

static void word_add(json_t *list, const char *word)
{
    if (!word || !*word || json_array_size(list) >= CHOICES_MAX)
        return;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (text_eq(json_string_value(json_array_get(list, i)), word))
            return;
    json_array_append_new(list, json_string(word));
}

/* What rules of this installation say first, then words that every one understands. */
static json_t *words_of(const struct rules *rules, const char *member, const char *const *plain,
                        const json_t *more)
{
    AUTO(json_freep) json_t *said = rules_words(rules, member);
    json_t *list = json_array();

    for (size_t i = 0; i < json_array_size(said); i++)
        word_add(list, json_string_value(json_array_get(said, i)));
    for (size_t i = 0; i < json_array_size(more); i++)
        word_add(list, json_string_value(json_array_get(more, i)));
    for (; plain && *plain; plain++)
        word_add(list, *plain);
    return list;
}

static int choices_of(struct engine_pass *p, const struct ground *g, struct ask_choices *out,
                      struct err *e)
{
    static const char *const severities[] = {"P1", "P2", "P3", "P4", "P5", NULL};
    static const char *const categories[] = {
        "availability",  "latency",    "errors",      "capacity", "disk",
        "database",      "network",    "certificate", "security", "change",
        "configuration", "dependency", "maintenance", "noise",    NULL};
    const struct rules *rules = world_of(p)->rules;

    if (priorities_names(p, &out->severities, e) < 0)
        return e->code;
    if (!out->severities)
        out->severities = words_of(NULL, NULL, severities, NULL);
    out->categories = words_of(rules, "category", categories, NULL);
    out->teams =
        words_of(rules, "team", NULL, json_opt_arr(json_opt_obj(g->facts, "service"), "teams"));
    out->verbs = verbs_json(p, g);
    return 0;
}

static void choices_done(struct ask_choices *x)
{
    json_decref(x->severities);
    json_decref(x->categories);
    json_decref(x->teams);
    json_decref(x->verbs);
}

static int question_make(struct engine_pass *p, struct ground *g, struct ask_made *out,
                         struct err *e)
{
    const struct world *w = world_of(p);
    const struct prompt *prompt = prompts_get(w->prompts, "triage");
    AUTO(choices_done) struct ask_choices choices = {0};
    uint8_t noise[16];
    char fence[2 * sizeof(noise) + 1];

    if (choices_of(p, g, &choices, e) < 0)
        return e->code;
    crypto_random(noise, sizeof(noise));
    g->known = triage_known(&g->items);

    const struct ask_in in = {.items = &g->items,
                              .verdict = g->verdict,
                              .known = g->known,
                              .choices = choices,
                              .send = config_service_send(w->cfg, g->row.service_id),
                              .redactor = w->redactor,
                              .prompt = prompt,
                              .fence = hex_encode(noise, sizeof(noise), fence),
                              .room_bytes = ask_room(&w->cfg->model, prompt)};

    return ask_make(p->arena, &in, out, e);
}

static int question_begin(struct step_ctx *c, struct ground *g, struct asking *a,
                          const json_t *asked, struct net_req *req, int64_t input, int64_t output,
                          struct err *e)
{
    struct engine_pass *p = step_pass(c);
    const struct world *w = world_of(p);
    const struct config_model *m = &w->cfg->model;
    const struct prompt *prompt = prompts_get(w->prompts, "triage");
    char *sha = arena_array(p->arena, SHA256_HEX, 1);
    const struct llm_begin b = {.purpose = "triage",
                                .incident_id = g->row.id,
                                .key = g->key,
                                .round = (int)a->round,
                                .prompt = prompt->version,
                                .schema_hash = prompt->schema_hash,
                                .bundle_id = g->row.bundle_id,
                                .asked = asked,
                                .request = req->body,
                                .request_len = req->body_len,
                                .reserved_tokens = input + output,
                                .reserved_cost = cost_of(m, input, output),
                                .epoch = p->boot_epoch};

    if (body_put(p, asked, sha, e) < 0 ||
        llm_begin(w->llm, m, &b, p->now_wall_ms, &a->call_id, e) < 0 ||
        call_begin(c, a, req, TAG_ASK, e) < 0)
        return e->code;
    a->asked = sha;
    return asking_save(p, &g->row, a, e);
}

static int ask(struct step_ctx *c, struct ground *g, struct asking *a, struct err *e)
{
    struct engine_pass *p = step_pass(c);
    const struct world *w = world_of(p);
    const struct config_model *m = &w->cfg->model;
    struct ask_made made = {0};
    struct llm_ask ask = {0};
    struct net_req req = {0};
    struct llm_verdict v;
    int64_t input;
    int rc;

    if (facts_load(p, g, e) < 0)
        return e->code;
    if (question_make(p, g, &made, e) < 0)
        return not_worded(p, g, a, e);
    AUTO(json_freep) json_t *asked = made.asked;
    const struct prompt *prompt = prompts_get(w->prompts, "triage");

    ask =
        (struct llm_ask){.system = prompt->text,
                         .user = made.user,
                         .repair = a->repair,
                         .schema = json_opt_obj(asked, "schema"),
                         .schema_name = "triage",
                         .max_output_tokens = a->max_output ? a->max_output : m->max_output_tokens};
    if (llm_request(p->arena, m, w->model_peer, &ask, &req, e) < 0)
        return not_worded(p, g, a, e);
    input = llm_tokens(m, req.body_len);
    rc = llm_may_ask(w->llm, m, g->row.id, input + ask.max_output_tokens,
                     cost_of(m, input, ask.max_output_tokens), p->now_wall_ms, &v, e);
    if (rc < 0)
        return rc;
    if (v.go != LLM_GO)
        return v.go == LLM_CANARY ? canary_begin(c, g, a, e) : refused(c, g, a, &v, e);
    return question_begin(c, g, a, asked, &req, input, ask.max_output_tokens, e);
}

/* A look at the door before the question is worded: where nothing may leave, that is a waste. */
static int door(struct step_ctx *c, struct ground *g, struct asking *a, bool *done, struct err *e)
{
    struct engine_pass *p = step_pass(c);
    const struct world *w = world_of(p);
    const struct config_model *m = &w->cfg->model;
    struct llm_verdict v;

    *done = true;
    if (a->begun_ms && a->begun_ms + m->deadline_ms - p->now_wall_ms < CALL_LEAST_MS)
        return ask_give_up_for_now(c, &g->row, a,
                                   a->why ? arena_printf(p->arena, "no answer in time: %s", a->why)
                                          : "no answer in time",
                                   e);
    if (llm_may_ask(w->llm, m, g->row.id, m->max_output_tokens, cost_of(m, 0, m->max_output_tokens),
                    p->now_wall_ms, &v, e) < 0)
        return e->code;
    if (v.go == LLM_CANARY)
        return canary_begin(c, g, a, e);
    if (v.go != LLM_GO)
        return refused(c, g, a, &v, e);
    *done = false;
    return 0;
}

/* False: there is an answer, or there will be none (yet). */
static bool still_asked(struct step_ctx *c, struct asking *a)
{
    if (a->state == ASKING_ANSWERED || (a->state == ASKING_WITHOUT && a->until_ms == 0))
        return false;
    if (a->state != ASKING_WITHOUT)
        return true;
    if (a->until_ms > step_pass(c)->now_wall_ms) {
        step_again_at(c, a->until_ms);
        return false;
    }
    *a = (struct asking){.key = a->key, .round = 1}; /* the endpoint has had its time */
    return true;
}

static int ask_plan(struct step_ctx *c, struct err *e)
{
    AUTO(ground_done) struct ground g = {0};
    struct engine_pass *p = step_pass(c);
    const char *why;
    struct asking a;
    bool done;
    int rc;

    if (!world_of(p)->model_peer)
        return err_set(e, ERR_NOT_FOUND, "no model is configured");
    if (ground_load(p, step_job(c)->subject, &g, e) < 0)
        return e->code;
    if (!asking_wanted(p, &g.row, g.verdict, &why))
        return why && !text_eq(g.row.status, "resolved") ? asking_none(p, &g.row, why, e) : 0;
    if (settling(p, &g)) {
        step_again_at(c, p->now_wall_ms + SETTLE_LOOK_MS);
        return 0;
    }
    asking_parse(p->arena, g.row.ask, &a);
    if (a.over || !text_eq(a.key, g.key))
        a = (struct asking){.key = g.key, .round = 1};
    if (!still_asked(c, &a))
        return 0;
    a.bundle_id = g.row.bundle_id;
    a.with = asking_with(p);
    rc = same_before(c, &g, &a, &done, e);
    if (rc < 0 || done)
        return rc;
    rc = door(c, &g, &a, &done, e);
    if (rc < 0 || done)
        return rc;
    return ask(c, &g, &a, e);
}

const struct step triage_step_ask = {.name = "ask",
                                     .plan = ask_plan,
                                     .apply = ask_apply,
                                     .backoff_ms = 2000,
                                     .backoff_max_ms = 60000};

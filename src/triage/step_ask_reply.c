/* What became of a question to the model: an answer that passes the checks, one more try, or a reason why there is none. */
#include <stdio.h>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "llm/llm.h"
#include "triage/ask.h"
#include "triage/asking.h"
#include "triage/triage_sql.h"

#define TRIES_MAX         2 /* after the first */
#define RETRY_FIRST_MS    INT64_C(500)
#define RETRY_MOST_MS     INT64_C(8000)
#define RETRY_AFTER_MAX_S 120U
/* A call that our own queue held back: the endpoint asked for a pause, and whoever waits for its end has not used up a try. */
#define UNBEGUN_LEAST_MS  INT64_C(10000)
#define UNBEGUN_MOST_MS   INT64_C(20000)

/* One answer with all that is decided on. */
struct answer_of_model {
    struct incident_row row;
    struct asking a;
    const struct config_model *m;
    const struct llm_dialect *d;
    const struct net_reply *r;
    bool canary;
};

/* ---- settling ---- */

static int alarms_clear(struct engine_pass *p, struct err *e)
{
    static const char *const keys[] = {"model.auth", "model.spent", "model.down"};

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (engine_alarm_clear(p, keys[i], e) < 0)
            return e->code;
    return 0;
}

/* Writes how the call ended; a breaker that this opens is an alarm. */
static int settle(struct engine_pass *p, const struct answer_of_model *x, struct llm_done *done,
                  struct err *e)
{
    bool opened = false;

    done->reply = x->r->body;
    done->reply_len = x->r->body ? x->r->body_len : 0;
    if (llm_end(world_of(p)->llm, x->m, x->a.call_id, done, p->now_wall_ms, &opened, e) < 0)
        return e->code;
    LOG(INFO, "model.answered", log_s("incident", x->row.id), log_s("outcome", done->outcome),
        log_i("took_ms", x->r->took_ms));
    if (!done->endpoint_failed)
        return x->r->unbegun ? 0 : alarms_clear(p, e);
    if (!opened)
        return 0;
    return engine_alarm(p, "model.down", done->why ? done->why : "the model endpoint fails",
                        "look at 'triagectl model'; triage goes on with rules alone, and it is "
                        "tried again by itself",
                        e);
}

/* ---- no answer ---- */

static int fault_alarm(struct engine_pass *p, const struct llm_error *fault, struct err *e)
{
    if (fault->fault == LLM_FAULT_AUTH)
        return engine_alarm(p, "model.auth", "the model endpoint refuses our key",
                            "put a valid key into model.key_file and reload", e);
    if (fault->fault == LLM_FAULT_SPENT)
        return engine_alarm(p, "model.spent", "the account at the model's vendor is spent",
                            "raise its limit there, or take the model section out and reload", e);
    return 0;
}

/* How long to wait before the same is tried again; 0: not worth it. */
static int64_t retry_wait_ms(const struct engine_pass *p, const struct answer_of_model *x,
                             const struct llm_error *fault)
{
    int64_t wait = RETRY_FIRST_MS << (2 * x->a.tries);

    if (fault->fault != LLM_FAULT_RETRY || x->a.tries >= TRIES_MAX ||
        fault->retry_after_s > RETRY_AFTER_MAX_S)
        return 0;
    if (wait > RETRY_MOST_MS)
        wait = RETRY_MOST_MS;
    wait = ask_spread(wait / 2, wait);
    if (wait < (int64_t)fault->retry_after_s * 1000)
        wait = (int64_t)fault->retry_after_s * 1000;
    return p->now_wall_ms + wait < x->a.begun_ms + x->m->deadline_ms ? wait : 0;
}

static int faulted(struct step_ctx *c, struct answer_of_model *x, const struct llm_error *fault,
                   struct err *e)
{
    struct engine_pass *p = step_pass(c);
    int64_t wait = retry_wait_ms(p, x, fault);

    if (fault_alarm(p, fault, e) < 0)
        return e->code;
    if (wait == 0 && fault->fault == LLM_FAULT_FINAL)
        return ask_give_up(p, &x->row, &x->a, arena_strdup(p->arena, fault->why), e);
    if (wait == 0)
        return ask_give_up_for_now(c, &x->row, &x->a, arena_strdup(p->arena, fault->why), e);
    x->a.tries++;
    return ask_wait(c, &x->row, &x->a, p->now_wall_ms + wait,
                    arena_printf(p->arena, "tried again after: %s", fault->why), e);
}

static int held_back(struct step_ctx *c, struct answer_of_model *x, struct err *e)
{
    int64_t wait = ask_spread(UNBEGUN_LEAST_MS, UNBEGUN_MOST_MS);

    if (x->a.tries == 0) /* nothing was sent yet: the deadline begins with the first call */
        x->a.begun_ms = 0;
    return ask_wait(c, &x->row, &x->a, step_pass(c)->now_wall_ms + wait,
                    "the endpoint asked for a pause", e);
}

static int no_answer(struct step_ctx *c, struct answer_of_model *x, struct err *e)
{
    struct llm_error fault = {0};

    llm_read_error(x->d, x->r, &fault);

    struct llm_done done = {.outcome = x->r->code == 0           ? "http"
                                       : x->r->code == ERR_RETRY ? "left_out"
                                                                 : "no_answer",
                            .why = fault.why,
                            .unspent = fault.unspent,
                            .endpoint_failed = !x->r->unbegun,
                            .retry_after_s = fault.retry_after_s};

    if (settle(step_pass(c), x, &done, e) < 0)
        return e->code;
    return x->r->unbegun ? held_back(c, x, e) : faulted(c, x, &fault, e);
}

/* ---- an answer ---- */

static int answered(struct engine_pass *p, struct answer_of_model *x, const json_t *report,
                    struct err *e)
{
    char sha[SHA256_HEX];

    if (body_put(p, report, sha, e) < 0)
        return e->code;
    x->a.state = ASKING_ANSWERED;
    x->a.why = NULL;
    x->a.repair = NULL;
    x->a.report = sha;
    x->a.report_call_id = x->a.call_id;
    if (asking_save(p, &x->row, &x->a, e) < 0)
        return e->code;
    return job_add(p, "assess", x->row.id, PRIO_JUDGE, p->now_wall_ms, e);
}

static int again_now(struct step_ctx *c, struct answer_of_model *x, const char *why, struct err *e)
{
    return ask_wait(c, &x->row, &x->a, step_pass(c)->now_wall_ms, why, e);
}

static bool time_left(const struct engine_pass *p, const struct answer_of_model *x)
{
    return p->now_wall_ms < x->a.begun_ms + x->m->deadline_ms;
}

/* The form came back: what the checks leave of it, or one more round with what was wrong. */
static int form_take(struct step_ctx *c, struct answer_of_model *x, const struct llm_reply *reply,
                     struct err *e)
{
    struct engine_pass *p = step_pass(c);
    AUTO(json_freep) json_t *asked = NULL;
    AUTO(json_freep) json_t *report = NULL;
    AUTO(json_freep) json_t *checks = NULL;
    struct report_result res = {0};
    struct llm_done done = {.answered = true, .usage = reply->usage};

    if (body_json(p, x->a.asked, &asked, e) < 0)
        return e->code;
    report_check(p->arena, asked, reply->text, reply->len, &res);
    report = res.report;
    checks = res.checks;
    done.checks = checks;
    done.report = report;
    if (res.end == REPORT_OK) {
        done.outcome = x->a.repair ? "repaired" : "ok";
        return settle(p, x, &done, e) < 0 ? e->code : answered(p, x, report, e);
    }
    done.outcome = "invalid";
    done.why = "the reply does not keep to the form";
    if (settle(p, x, &done, e) < 0)
        return e->code;
    if (x->a.repair || !time_left(p, x))
        return ask_give_up(p, &x->row, &x->a,
                           "the model's reply did not keep to the form, twice: needs a person", e);
    x->a.repair = res.repair;
    x->a.round++;
    return again_now(c, x, "the reply did not keep to the form; asked once more", e);
}

/* Met the limit of output: once more with twice the room, if the window of the model holds it. */
static int cut_take(struct step_ctx *c, struct answer_of_model *x, const struct llm_reply *reply,
                    struct err *e)
{
    struct engine_pass *p = step_pass(c);
    int64_t twice = 2 * x->m->max_output_tokens;
    struct llm_done done = {
        .answered = true, .outcome = "cut", .why = reply->why, .usage = reply->usage};

    if (settle(p, x, &done, e) < 0)
        return e->code;
    if (x->a.max_output || 2 * twice > x->m->context_tokens || !time_left(p, x))
        return ask_give_up(p, &x->row, &x->a,
                           "the model's reply met the limit of output (model.max_output_tokens)",
                           e);
    x->a.max_output = twice;
    return again_now(c, x, "the reply met the limit of output; asked once more with twice the room",
                     e);
}

static int declined(struct step_ctx *c, struct answer_of_model *x, const struct llm_reply *reply,
                    struct err *e)
{
    struct engine_pass *p = step_pass(c);
    bool refused = reply->end == LLM_END_REFUSED;
    struct llm_done done = {.answered = true,
                            .outcome = refused ? "refused" : "filtered",
                            .why = reply->why,
                            .usage = reply->usage};

    if (settle(p, x, &done, e) < 0)
        return e->code;
    return ask_give_up(p, &x->row, &x->a,
                       refused ? "the model declined to answer: needs a person"
                               : "the endpoint's content filter took the answer: needs a person",
                       e);
}

/* No reply at all behind a status of success: an error in its clothes, or somebody else's page. */
static int unreadable(struct step_ctx *c, struct answer_of_model *x, const struct llm_reply *reply,
                      struct err *e)
{
    struct llm_error fault = {.fault = LLM_FAULT_RETRY};

    if (reply->error)
        llm_read_error(x->d, x->r, &fault);
    else
        snprintf(fault.why, sizeof(fault.why), "the answer could not be read: %.150s", reply->why);

    struct llm_done done = {.outcome = "unreadable",
                            .why = fault.why,
                            .usage = reply->usage,
                            .unspent = fault.unspent,
                            .endpoint_failed = true,
                            .retry_after_s = fault.retry_after_s};

    if (settle(step_pass(c), x, &done, e) < 0)
        return e->code;
    return faulted(c, x, &fault, e);
}

/* ---- the canary ---- */

static int canary_take(struct step_ctx *c, struct answer_of_model *x, const struct llm_reply *reply,
                       struct err *e)
{
    struct engine_pass *p = step_pass(c);
    bool kept = llm_canary_kept(reply);
    const char *why = kept ? NULL : "its answer does not keep to the schema that it was given";
    struct llm_done done = {
        .answered = true, .outcome = kept ? "ok" : "invalid", .why = why, .usage = reply->usage};

    if (settle(p, x, &done, e) < 0 ||
        llm_canary_done(world_of(p)->llm, x->m, kept, why, p->now_wall_ms, e) < 0)
        return e->code;
    if (kept ? engine_alarm_clear(p, "model.schema", e) < 0
             : engine_alarm(p, "model.schema",
                            "the model endpoint does not enforce a JSON Schema: more replies will "
                            "need a repair or be lost",
                            "choose another model.schema_mode or model; replies are checked here "
                            "in any case",
                            e) < 0)
        return e->code;
    return ask_wait(c, &x->row, &x->a, p->now_wall_ms, "asked in a moment", e);
}

/* ---- all of it ---- */

static int reply_take(struct step_ctx *c, struct answer_of_model *x, struct err *e)
{
    struct engine_pass *p = step_pass(c);
    struct llm_reply reply = {0};

    llm_read_reply(x->d, p->arena, x->r->body, x->r->body_len, &reply);
    if (reply.end == LLM_END_UNREADABLE)
        return unreadable(c, x, &reply, e);
    if (x->canary)
        return canary_take(c, x, &reply, e);
    switch (reply.end) {
    case LLM_END_OK:
        return form_take(c, x, &reply, e);
    case LLM_END_CUT:
        return cut_take(c, x, &reply, e);
    case LLM_END_REFUSED:
    case LLM_END_FILTERED:
    case LLM_END_UNREADABLE:
        break;
    }
    return declined(c, x, &reply, e);
}

int ask_apply(struct step_ctx *c, struct err *e)
{
    struct engine_pass *p = step_pass(c);
    struct answer_of_model x = {.m = &world_of(p)->cfg->model, .r = step_reply(c, TAG_ASK)};

    if (!x.r) {
        x.r = step_reply(c, TAG_CANARY);
        x.canary = x.r != NULL;
    }
    if (!x.r) /* plan has said all there is to say */
        return 0;
    if (row_get(p, step_job(c)->subject, &x.row, e) < 0)
        return e->code;
    asking_parse(p->arena, x.row.ask, &x.a);
    x.d = llm_dialect(x.a.dialect);
    if (!x.d)
        return err_set(e, ERR_INTERNAL, "%s waits for an answer that nobody asked for", x.row.id);
    if (x.r->code != 0 || x.r->status < 200 || x.r->status > 299)
        return no_answer(c, &x, e);
    return reply_take(c, &x, e);
}

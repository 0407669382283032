#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/schema.h"
#include "gate/gate_priv.h"

/* The table of actions: a new verb is one file and one row here. */
static const struct action_def *const TABLE[] = {
    &action_ack, &action_note, &action_escalate, &action_resolve, &action_retrigger, &action_reopen,
};

static struct schema *schemas[ARRAY_LEN(TABLE)];
static pthread_once_t schemas_once = PTHREAD_ONCE_INIT;

/* The schemas are our own text, so that one which does not compile is our bug and stops the start. */
static void schemas_make(void)
{
    for (size_t i = 0; i < ARRAY_LEN(TABLE); i++) {
        struct err e = {0};

        CHECK(schema_new(TABLE[i]->schema, strlen(TABLE[i]->schema), &schemas[i], &e) == 0);
    }
}

const struct action_def *action_find(const char *verb)
{
    for (size_t i = 0; i < ARRAY_LEN(TABLE); i++)
        if (text_eq(TABLE[i]->verb, verb))
            return TABLE[i];
    return NULL;
}

int action_args_check(const struct action_def *d, const json_t *args, struct err *e)
{
    struct schema_problem problem;

    pthread_once(&schemas_once, schemas_make);
    for (size_t i = 0; i < ARRAY_LEN(TABLE); i++)
        if (TABLE[i] == d) {
            if (!json_is_object(args))
                return err_set(e, ERR_INPUT, "%s: the arguments must be an object", d->verb);
            if (schema_check(schemas[i], args, &problem, 1) == 0)
                return 0;
            return err_set(e, ERR_INPUT, "%s: args%s: %s", d->verb, problem.pointer, problem.msg);
        }
    return err_set(e, ERR_INTERNAL, "%s is not in the table of actions", d->verb);
}

json_t *gate_verbs(void)
{
    json_t *list = json_array();

    for (size_t i = 0; i < ARRAY_LEN(TABLE); i++) {
        const struct action_def *d = TABLE[i];
        json_t *o = json_pack("{s:s, s:s, s:o, s:o, s:s, s:b}", "verb", d->verb, "risk", d->risk,
                              "schema", json_loads(d->schema, 0, NULL), "binds",
                              binds_names(d->binds), "undo", d->undo, "undo_only", d->undo_only);

        CHECK(o && json_array_append_new(list, o) == 0);
    }
    return list;
}

/* ---- shared by the rows ---- */

void say_incident(const struct gate_view *v, struct buf *out)
{
    if (v->number > 0)
        buf_printf(out, "#%lld", (long long)v->number);
    else
        buf_puts(out, v->incident_id ? v->incident_id : "an incident");
    if (v->title) {
        buf_puts(out, " \"");
        text_show(out, v->title, strlen(v->title), 120, true);
        buf_putc(out, '"');
    }
    if (v->service) {
        buf_puts(out, " on ");
        text_show(out, v->service, strlen(v->service), 80, true);
    }
}

void say_as(const char *as, struct buf *out)
{
    buf_puts(out, " as ");
    if (as)
        text_show(out, as, strlen(as), 80, true);
    else
        buf_puts(out, "the person who approves");
}

void say_time(int64_t wall_ms, const char *zone, struct buf *out)
{
    struct err e = {0};
    int minute, weekday;

    if (time_in_zone(wall_ms, zone, &minute, &weekday, &e) < 0 &&
        time_in_zone(wall_ms, NULL, &minute, &weekday, &e) < 0)
        return;
    buf_printf(out, "%02d:%02d", minute / 60, minute % 60);
    if (!zone || !*zone)
        buf_puts(out, " UTC");
}

bool precondition_open(const struct gate_view *v, struct buf *why)
{
    if (v->merged_into) {
        buf_printf(why, "the incident was merged into %s", v->merged_into);
        return false;
    }
    if (text_eq(v->status, "resolved")) {
        buf_puts(why, "the incident is resolved");
        return false;
    }
    return true;
}

bool ref_is_person(const struct pd_ref *r)
{
    return r->id && text_eq(r->type, "user");
}

/* Is this id one of those in the list "R1 R2"? */
static bool id_listed(const char *list, const char *id)
{
    size_t len = id ? strlen(id) : 0;

    for (const char *at = list; at && len > 0; at = strchr(at, ' ')) {
        at += *at == ' ';
        if (strncmp(at, id, len) == 0 && (at[len] == ' ' || at[len] == '\0'))
            return true;
    }
    return false;
}

static bool after_reading(const struct action_seen *s, const struct pd_log_entry *e)
{
    if (e->at_ms != s->log_after_ms)
        return e->at_ms > s->log_after_ms;
    return !id_listed(s->log_last_id, e->id);
}

/* A service user may have a PagerDuty id that nobody told us: then only a clean answer makes what is new ours. */
bool seen_is_ours(const struct action_seen *s, const char *user_id)
{
    if (!s->from_pd_user || !*s->from_pd_user)
        return s->answered;
    return text_eq(user_id, s->from_pd_user);
}

const struct pd_log_entry *seen_entry(const struct action_seen *s, const char *type, bool by_us)
{
    for (size_t i = s->n_log; i-- > 0;) {
        const struct pd_log_entry *e = &s->log[i];

        if (text_eq(e->type, type) && after_reading(s, e) &&
            (!by_us || seen_is_ours(s, e->agent.id)))
            return e;
    }
    return NULL;
}

const struct pd_log_entry *seen_last(const struct action_seen *s, const char *type)
{
    for (size_t i = s->n_log; i-- > 0;)
        if (text_eq(s->log[i].type, type))
            return &s->log[i];
    return NULL;
}

/* Either the log names our call, or the incident says that its last change is ours and later than what was bound. */
bool status_proof(const struct action_seen *s, const char *status, const char *type,
                  struct action_proof *out)
{
    const struct pd_log_entry *e = seen_entry(s, type, true);

    if (e) {
        *out = (struct action_proof){
            .how = "the log of the incident", .log_id = e->id, .author_id = e->agent.id};
        return true;
    }
    if (text_eq(s->view->status, status) && seen_is_ours(s, s->view->changed_by_id) &&
        s->view->changed_ms > json_opt_int(s->binds, "changed_ms", 0)) {
        *out = (struct action_proof){.how = "the status of the incident",
                                     .author_id = s->view->changed_by_id};
        return true;
    }
    return false;
}

void other_from(const struct pd_log_entry *e, const struct gate_view *v, struct action_other *out)
{
    const char *who = e ? e->agent.summary : v->changed_by;

    *out = (struct action_other){
        .who = who ? who : "somebody",
        .at_ms = e ? e->at_ms : v->changed_ms,
        .log_id = e ? e->id : NULL,
        .agent_id = e ? e->agent.id : v->changed_by_id,
        .person = e ? ref_is_person(&e->agent) : text_eq(v->changed_by_type, "user"),
    };
}

#include <string.h>

#include "gate/gate_priv.h"
#include "gate/gate_sql.h"

/* Standing approvals: given beforehand by an admin with a PagerDuty identity, for text that code makes, within limits. */
#define STANDING_SERVICES_MAX 200
#define STANDING_SPAN_MAX_MS  ((int64_t)366 * 24 * 3600 * 1000)
#define HOUR_MS               3600000

char *standing_template_digest(char out[SHA256_HEX])
{
    return sha256_hex(TRIAGE_NOTE_VERSION, strlen(TRIAGE_NOTE_VERSION), out);
}

static void row_read(struct store_stmt *q, struct arena *a, struct standing_row *r)
{
    int c = 0;

    r->id = store_int(q, c++);
    r->verb = store_text_dup(q, c++, a);
    r->template_name = store_text_dup(q, c++, a);
    r->template_digest = store_text_dup(q, c++, a);
    r->services = store_text_dup(q, c++, a);
    r->max_per_hour = store_int(q, c++);
    r->until_ms = store_int(q, c++);
    r->person_id = store_int(q, c++);
    r->email = store_text_dup(q, c++, a);
    r->pd_user_id = store_text_dup(q, c++, a);
    r->created_ms = store_int(q, c++);
    r->revoked_ms = store_int(q, c++);
}

int standing_load(struct store_set *sql, struct arena *a, int64_t id, struct standing_row *out,
                  struct err *e)
{
    struct store_stmt *q = store_begin(sql, GATE_STANDING_GET);
    int rc;

    store_bind_int(q, 1, id);
    rc = store_step(q, e);
    if (rc > 0)
        row_read(q, a, out);
    store_reset(q);
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no standing approval %lld", (long long)id);
    return rc < 0 ? rc : 0;
}

bool standing_covers(const struct standing_row *s, const char *service_id, int64_t now_wall_ms)
{
    AUTO(json_freep) json_t *services = json_loads(s->services, 0, NULL);
    char digest[SHA256_HEX];
    size_t i;
    json_t *item;

    if (s->revoked_ms || now_wall_ms >= s->until_ms ||
        !text_eq(s->template_digest, standing_template_digest(digest)))
        return false;
    if (!service_id)
        return true;
    json_array_foreach (services, i, item)
        if (text_eq(json_string_value(item), "*") || text_eq(json_string_value(item), service_id))
            return true;
    return false;
}

static int used_this_hour(struct engine_pass *p, int64_t id, int64_t *out, struct err *e)
{
    struct store_stmt *q = store_begin(gate_of(p)->sql, GATE_DECISIONS_BY);
    int rc;

    store_bind_text(q, 1, arena_printf(p->arena, "standing:%lld", (long long)id));
    store_bind_int(q, 2, p->now_wall_ms - HOUR_MS);
    rc = store_step(q, e);
    if (rc > 0)
        *out = store_int(q, 0);
    store_reset(q);
    return rc < 0 ? rc : 0;
}

static bool giver_may(struct engine_pass *p, const struct standing_row *s)
{
    static const struct need ADMIN = {NEED_ANY, ROLE_ADMIN, 1, true};
    struct person who;
    struct err e = {0};

    return people_get(p->people, s->person_id, &who, &e) == 0 &&
           decide_person_check(&who, &ADMIN, &e) == 0 && text_eq(who.email, s->email) &&
           text_eq(who.pd_user_id, s->pd_user_id);
}

#define STANDING_MAX 100
int standing_find(struct engine_pass *p, const char *service_id, struct standing_row *out,
                  struct err *e)
{
    struct store_stmt *q = store_begin(gate_of(p)->sql, GATE_STANDING_LIVE);
    struct standing_row *rows = arena_array(p->arena, STANDING_MAX, sizeof *rows);
    size_t n = 0;
    int rc = 0;

    store_bind_text(q, 1, TRIAGE_NOTE_TEMPLATE);
    while (n < STANDING_MAX && (rc = store_step(q, e)) > 0)
        row_read(q, p->arena, &rows[n++]);
    store_reset(q);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < n; i++) {
        int64_t used = 0;

        if (!service_id || !standing_covers(&rows[i], service_id, p->now_wall_ms) ||
            !giver_may(p, &rows[i]))
            continue;
        if (used_this_hour(p, rows[i].id, &used, e) < 0)
            return e->code;
        if (used >= rows[i].max_per_hour)
            continue;
        *out = rows[i];
        return 0;
    }
    return err_set(e, ERR_NOT_FOUND, "no standing approval covers this now");
}

static int services_check(const json_t *services, struct err *e)
{
    size_t i;
    json_t *item;

    if (!json_is_array(services) || json_array_size(services) == 0 ||
        json_array_size(services) > STANDING_SERVICES_MAX)
        return err_set(e, ERR_INPUT, "services must be a list of 1 to %d service ids, or [\"*\"]",
                       STANDING_SERVICES_MAX);
    json_array_foreach (services, i, item)
        if (!text_eq(json_string_value(item), "*") &&
            !(json_is_string(item) && text_is_id(json_string_value(item))))
            return err_set(e, ERR_INPUT, "services[%zu] is no service id", i);
    return 0;
}

static json_t *add_detail(const char *template_name, const char *digest, const json_t *services,
                          int max_per_hour, int64_t until_ms)
{
    json_t *o = json_pack("{s:s, s:s, s:O, s:i, s:I}", "template", template_name, "template_digest",
                          digest, "services", services, "max_per_hour", max_per_hour, "until_ms",
                          (json_int_t)until_ms);

    CHECK(o);
    return o;
}

static int standing_audit(struct engine_pass *p, const struct person *who, const char *verb,
                          int64_t id, json_t *take_detail, struct err *e)
{
    AUTO(json_freep) json_t *detail = take_detail;
    struct audit_entry x = {.actor = arena_printf(p->arena, "person:%lld", (long long)who->id),
                            .verb = verb,
                            .subject = arena_printf(p->arena, "standing:%lld", (long long)id),
                            .detail = detail};

    return audit_append(p->audit, &x, p->now_wall_ms, e);
}

int gate_standing_add(struct engine_pass *p, const struct person *who, const char *template_name,
                      json_t *services, int max_per_hour, int64_t until_wall_ms, int64_t *id,
                      struct err *e)
{
    static const struct need ADMIN = {NEED_ANY, ROLE_ADMIN, 1, true};
    struct store_stmt *q;
    char digest[SHA256_HEX];
    int rc;

    if (decide_person_check(who, &ADMIN, e) < 0 || services_check(services, e) < 0)
        return e->code;
    if (!text_eq(template_name, TRIAGE_NOTE_TEMPLATE))
        return err_set(e, ERR_INPUT, "the only text that code makes is '%s'", TRIAGE_NOTE_TEMPLATE);
    if (max_per_hour < 1 || until_wall_ms <= p->now_wall_ms ||
        until_wall_ms > p->now_wall_ms + STANDING_SPAN_MAX_MS)
        return err_set(e, ERR_INPUT,
                       "a standing approval needs a limit an hour and an end within "
                       "366 days");
    standing_template_digest(digest);
    q = store_begin(gate_of(p)->sql, GATE_STANDING_INSERT);
    store_bind_text(q, 1, action_note.verb);
    store_bind_text(q, 2, template_name);
    store_bind_text(q, 3, digest);
    store_bind_text(q, 4, canon_of(p->arena, services));
    store_bind_int(q, 5, max_per_hour);
    store_bind_int(q, 6, until_wall_ms);
    store_bind_int(q, 7, who->id);
    store_bind_text(q, 8, who->email);
    store_bind_text(q, 9, who->pd_user_id);
    store_bind_int(q, 10, p->now_wall_ms);
    rc = store_step(q, e);
    if (rc > 0)
        *id = store_int(q, 0);
    store_reset(q);
    if (rc <= 0)
        return rc < 0 ? rc : err_set(e, ERR_INTERNAL, "the standing approval got no number");
    return standing_audit(p, who, "standing.given", *id,
                          add_detail(template_name, digest, services, max_per_hour, until_wall_ms),
                          e);
}

int gate_standing_revoke(struct engine_pass *p, int64_t id, const struct person *who, struct err *e)
{
    struct store_stmt *q = store_begin(gate_of(p)->sql, GATE_STANDING_REVOKE);
    int n;

    if (who->disabled || who->agent || who->role < ROLE_ADMIN)
        return err_set(e, ERR_DENIED, "only an admin revokes a standing approval");
    store_bind_int(q, 1, p->now_wall_ms);
    store_bind_int(q, 2, id);
    n = store_exec(q, e);
    if (n < 0)
        return n;
    if (n == 0)
        return err_set(e, ERR_NOT_FOUND, "no standing approval %lld is in force", (long long)id);
    return standing_audit(p, who, "standing.revoked", id, NULL, e);
}

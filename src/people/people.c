#include "people/people.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "people/people_sql.h"

#define TOKEN_PREFIX    "trg_"
#define TOKEN_BYTES     32
#define TOKEN_LABEL_MAX 80

struct people {
    struct store *store;
    struct store_set *set;
    struct audit *audit; /* NULL for readers */
};

static const char *const role_names[] = {
    [ROLE_NONE] = "none",
    [ROLE_VIEWER] = "viewer",
    [ROLE_RESPONDER] = "responder",
    [ROLE_ADMIN] = "admin",
};

const char *role_name(enum role r)
{
    return (unsigned)r < ARRAY_LEN(role_names) ? role_names[r] : "none";
}

enum role role_parse(const char *s)
{
    for (enum role r = ROLE_VIEWER; r <= ROLE_ADMIN; r++)
        if (text_eq(s, role_names[r]))
            return r;
    return ROLE_NONE;
}

bool role_includes(enum role have, enum role need)
{
    /* Nobody has "none", and needing it would let everybody through. */
    return need != ROLE_NONE && have >= need;
}

const struct store_sql *people_statements(size_t *n)
{
    *n = ARRAY_LEN(people_sql_table);
    return people_sql_table;
}

int people_open(struct store *s, struct audit *audit, struct people **out, struct err *e)
{
    AUTO(mem_freep) struct people *p = mem_alloc(sizeof *p);

    p->store = s;
    p->audit = audit;
    if (store_prepare(s, people_sql_table, ARRAY_LEN(people_sql_table), &p->set, e) < 0)
        return e->code;
    *out = TAKE(p);
    return 0;
}

void people_close(struct people *p)
{
    /* The statements go with the store. */
    mem_freep(&p);
}

/*
 * A change and its record, or neither: opened before the change, ended by record(), which writes the audit row and keeps
 * both. On every other way out AUTO(change_end) takes the change back.
 */
struct change {
    struct store_savepoint sp;
    struct people *p;
    struct audit_head head;
    const char *actor;
    int64_t now_wall_ms;
};

static int change_begin(struct change *c, struct people *p, const char *actor, int64_t now_wall_ms,
                        struct err *e)
{
    CHECK(p->audit); /* readers change nothing */
    if (store_savepoint(&c->sp, p->store, e) < 0)
        return e->code;
    c->p = p;
    c->head = audit_head(p->audit);
    c->actor = actor;
    c->now_wall_ms = now_wall_ms;
    return 0;
}

static void change_end(struct change *c)
{
    if (!c->p)
        return;
    audit_set_head(c->p->audit, &c->head);
    store_savepoint_end(&c->sp);
    c->p = NULL;
}

/* Takes over detail. */
static int record(struct change *c, const char *verb, const char *kind, int64_t id, json_t *detail,
                  struct err *e)
{
    json_auto_t *owned = detail;
    char subject[48];
    struct audit_entry x = {.actor = c->actor, .verb = verb, .subject = subject, .detail = owned};

    if (!owned)
        return err_set(e, ERR_INPUT, "%s %" PRId64 ": a text is not valid UTF-8", kind, id);
    (void)snprintf(subject, sizeof subject, "%s:%" PRId64, kind, id);
    if (audit_append(c->p->audit, &x, c->now_wall_ms, e) < 0 || store_release(&c->sp, e) < 0)
        return e->code;
    c->p = NULL; /* both are kept */
    return 0;
}

static bool copy_text(char *out, size_t size, const char *s)
{
    size_t len = s ? strlen(s) : 0;

    if (len >= size)
        return false;
    memcpy(out, s ? s : "", len + 1);
    return true;
}

/* The person whose columns (PERSON_COLUMNS) begin the row. */
static int read_person(struct store_stmt *q, struct person *out, struct err *e)
{
    struct person x = {.id = store_int(q, 0)};

    if (!copy_text(x.name, sizeof x.name, store_text(q, 1)) ||
        !copy_text(x.email, sizeof x.email, store_text(q, 2)) ||
        !copy_text(x.pd_user_id, sizeof x.pd_user_id, store_text(q, 3)))
        return err_set(e, ERR_INTERNAL, "person %" PRId64 ": a text in the store is too long",
                       x.id);
    x.role = role_parse(store_text(q, 4));
    x.agent = store_int(q, 5) != 0;
    x.disabled = store_int(q, 6) != 0;
    x.created_wall_ms = store_int(q, 7);
    *out = x;
    return 0;
}

static int check_person(const struct person *x, struct err *e)
{
    if (!memchr(x->name, 0, sizeof x->name) || !x->name[0])
        return err_set(e, ERR_INPUT, "a name has 1 to %d bytes", PERSON_NAME_MAX);
    if (!memchr(x->email, 0, sizeof x->email) || !text_is_email(x->email))
        return err_set(e, ERR_INPUT, "not a bare e-mail address, such as bo@example.com");
    if (x->pd_user_id[0] &&
        (!memchr(x->pd_user_id, 0, sizeof x->pd_user_id) || !text_is_id(x->pd_user_id)))
        return err_set(e, ERR_INPUT, "a PagerDuty user id has 1 to 32 letters and digits");
    if (x->role < ROLE_VIEWER || x->role > ROLE_ADMIN)
        return err_set(e, ERR_INPUT, "a role is viewer, responder or admin");
    return 0;
}

static int insert_person(struct people *p, const struct person *x, int64_t now_wall_ms, int64_t *id,
                         struct err *e)
{
    struct store_stmt *q = store_begin(p->set, PEOPLE_LAST_ID);
    int64_t next;
    int rc = store_step(q, e);

    if (rc < 0)
        return rc;
    next = store_int(q, 0) + 1; /* persons are never deleted, so no number comes back */
    store_reset(q);
    q = store_begin(p->set, PEOPLE_ADD);
    store_bind_int(q, 1, next);
    store_bind_text(q, 2, x->name);
    store_bind_text(q, 3, x->email);
    store_bind_text(q, 4, x->pd_user_id[0] ? x->pd_user_id : NULL);
    store_bind_text(q, 5, role_name(x->role));
    store_bind_int(q, 6, x->agent);
    store_bind_int(q, 7, x->disabled);
    store_bind_int(q, 8, now_wall_ms);
    rc = store_exec(q, e);
    if (rc == ERR_CONFLICT)
        return err_set(e, ERR_CONFLICT,
                       "the e-mail address or the PagerDuty id belongs to somebody");
    if (rc < 0)
        return rc;
    *id = next;
    return 0;
}

int people_add(struct people *p, const struct person *x, const char *actor, int64_t now_wall_ms,
               int64_t *id, struct err *e)
{
    AUTO(change_end) struct change c = {0};
    json_t *detail;
    int64_t added = 0;

    if (check_person(x, e) < 0 || change_begin(&c, p, actor, now_wall_ms, e) < 0 ||
        insert_person(p, x, now_wall_ms, &added, e) < 0)
        return e->code;
    detail = json_pack("{s:s, s:s, s:s, s:s, s:b, s:b}", "name", x->name, "email", x->email,
                       "pd_user_id", x->pd_user_id, "role", role_name(x->role), "agent", x->agent,
                       "disabled", x->disabled);
    if (record(&c, "person.added", "person", added, detail, e) < 0)
        return e->code;
    *id = added;
    return 0;
}

static int set_number(struct people *p, size_t statement, int64_t id, int64_t v, struct err *e)
{
    struct store_stmt *q = store_begin(p->set, statement);
    int rc;

    store_bind_int(q, 1, id);
    store_bind_int(q, 2, v);
    rc = store_exec(q, e);
    return rc < 0 ? rc : 0;
}

int people_set_role(struct people *p, int64_t id, enum role r, const char *actor, int64_t now,
                    struct err *e)
{
    AUTO(change_end) struct change c = {0};
    struct store_stmt *q;
    struct person was = {0};

    if (r < ROLE_VIEWER || r > ROLE_ADMIN)
        return err_set(e, ERR_INPUT, "a role is viewer, responder or admin");
    if (people_get(p, id, &was, e) < 0)
        return e->code;
    if (was.role == r)
        return 0; /* nothing changed, so there is nothing to record */
    if (change_begin(&c, p, actor, now, e) < 0)
        return e->code;
    q = store_begin(p->set, PEOPLE_SET_ROLE);
    store_bind_int(q, 1, id);
    store_bind_text(q, 2, role_name(r));
    if (store_exec(q, e) < 0)
        return e->code;
    return record(&c, "person.role_changed", "person", id,
                  json_pack("{s:s, s:s}", "from", role_name(was.role), "to", role_name(r)), e);
}

int people_set_disabled(struct people *p, int64_t id, bool disabled, const char *actor, int64_t now,
                        struct err *e)
{
    AUTO(change_end) struct change c = {0};
    struct person was = {0};

    if (people_get(p, id, &was, e) < 0)
        return e->code;
    if (was.disabled == disabled)
        return 0;
    if (change_begin(&c, p, actor, now, e) < 0 ||
        set_number(p, PEOPLE_SET_DISABLED, id, disabled, e) < 0)
        return e->code;
    return record(&c, disabled ? "person.disabled" : "person.enabled", "person", id, json_object(),
                  e);
}

/* The one row of a statement whose parameters are bound. */
static int one_person(struct store_stmt *q, struct person *out, struct err *e)
{
    int rc = store_step(q, e);

    if (rc < 0)
        return rc;
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no such person");
    rc = read_person(q, out, e);
    store_reset(q);
    return rc;
}

int people_get(struct people *p, int64_t id, struct person *out, struct err *e)
{
    struct store_stmt *q = store_begin(p->set, PEOPLE_GET);

    store_bind_int(q, 1, id);
    return one_person(q, out, e);
}

int people_by_email(struct people *p, const char *email, struct person *out, struct err *e)
{
    struct store_stmt *q = store_begin(p->set, PEOPLE_BY_EMAIL);

    store_bind_text(q, 1, email);
    return one_person(q, out, e);
}

int people_by_pd_user(struct people *p, const char *pd_user_id, struct person *out, struct err *e)
{
    struct store_stmt *q = store_begin(p->set, PEOPLE_BY_PD_USER);

    /* "" is how an unlinked person reads, and NULL matches nobody: neither may find one. */
    store_bind_text(q, 1, pd_user_id && *pd_user_id ? pd_user_id : NULL);
    return one_person(q, out, e);
}

int people_list(struct people *p, struct person **out, size_t *n, struct err *e)
{
    AUTO(mem_freep) struct person *list = NULL;
    struct store_stmt *q = store_begin(p->set, PEOPLE_LIST);
    size_t len = 0, room = 0;
    int rc;

    while ((rc = store_step(q, e)) > 0) {
        if (len == room) {
            room = room ? room * 2 : 16;
            list = mem_grow(list, room, sizeof *list);
        }
        if (read_person(q, &list[len], e) < 0) {
            store_reset(q);
            return e->code;
        }
        len++;
    }
    if (rc < 0)
        return rc;
    *out = TAKE(list);
    *n = len;
    return 0;
}

/* RFC 4648 base64url without padding: 32 bytes become 43 characters that need no quoting anywhere. */
static void base64url(const uint8_t *p, size_t len, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    unsigned have = 0;

    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | p[i];
        have += 8;
        while (have >= 6) {
            have -= 6;
            *out++ = digits[bits >> have & 63];
        }
    }
    if (have)
        *out++ = digits[bits << (6 - have) & 63];
    *out = '\0';
}

static int insert_token(struct people *p, int64_t person_id, const char *label, const char *token,
                        int64_t now, int64_t *id, struct err *e)
{
    struct store_stmt *q = store_begin(p->set, PEOPLE_TOKEN_ADD);
    char digest[SHA256_HEX];
    int rc;

    /* 256 random bits cannot be guessed from their hash, so this needs no salt and no slow hash. */
    sha256_hex(token, strlen(token), digest);
    store_bind_int(q, 1, person_id);
    store_bind_text(q, 2, digest);
    store_bind_text(q, 3, label);
    store_bind_int(q, 4, now);
    rc = store_step(q, e);
    if (rc < 0)
        return rc;
    *id = store_int(q, 0);
    store_reset(q);
    return 0;
}

int people_token_new(struct people *p, int64_t person_id, const char *label, const char *actor,
                     int64_t now, char out[TOKEN_TEXT_MAX], int64_t *token_id, struct err *e)
{
    AUTO(change_end) struct change c = {0};
    char token[TOKEN_TEXT_MAX] = TOKEN_PREFIX;
    uint8_t raw[TOKEN_BYTES];
    struct person who = {0};
    int64_t id = 0;

    if (!label || !*label || strlen(label) > TOKEN_LABEL_MAX)
        return err_set(e, ERR_INPUT, "a label has 1 to %d bytes", TOKEN_LABEL_MAX);
    if (people_get(p, person_id, &who, e) < 0)
        return e->code;
    if (who.disabled)
        return err_set(e, ERR_DENIED, "person %" PRId64 " is disabled and gets no token",
                       person_id);
    crypto_random(raw, sizeof raw);
    base64url(raw, sizeof raw, token + strlen(TOKEN_PREFIX));
    explicit_bzero(raw, sizeof raw);
    if (change_begin(&c, p, actor, now, e) < 0 ||
        insert_token(p, person_id, label, token, now, &id, e) < 0 ||
        record(&c, "token.created", "token", id,
               json_pack("{s:I, s:s}", "person", (json_int_t)person_id, "label", label), e) < 0) {
        explicit_bzero(token, sizeof token);
        return e->code;
    }
    memcpy(out, token, sizeof token);
    explicit_bzero(token, sizeof token);
    *token_id = id;
    return 0;
}

int people_token_revoke(struct people *p, int64_t token_id, const char *actor, int64_t now,
                        struct err *e)
{
    AUTO(change_end) struct change c = {0};
    struct store_stmt *q = store_begin(p->set, PEOPLE_TOKEN_GET);
    int64_t person_id;
    bool revoked;
    int rc;

    store_bind_int(q, 1, token_id);
    rc = store_step(q, e);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no token %" PRId64, token_id);
    person_id = store_int(q, 0);
    revoked = !store_is_null(q, 1);
    store_reset(q);
    if (revoked)
        return 0;
    if (change_begin(&c, p, actor, now, e) < 0 ||
        set_number(p, PEOPLE_TOKEN_REVOKE, token_id, now, e) < 0)
        return e->code;
    return record(&c, "token.revoked", "token", token_id,
                  json_pack("{s:I}", "person", (json_int_t)person_id), e);
}

int people_token_check(struct people *p, const char *token, struct person *out, struct err *e)
{
    struct store_stmt *q = store_begin(p->set, PEOPLE_TOKEN_CHECK);
    char digest[SHA256_HEX];
    struct person who = {0};
    bool valid;
    int rc;

    /* Whatever came in is hashed and looked up: a malformed token costs what a revoked one costs, and the search goes by the
     * hash, so its time says nothing about the token. A longer text is cut, which no token survives. */
    sha256_hex(token, strnlen(token, TOKEN_TEXT_MAX), digest);
    store_bind_text(q, 1, digest);
    rc = store_step(q, e);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return err_set(e, ERR_DENIED, "the token is not valid");
    valid = store_is_null(q, 8);
    rc = read_person(q, &who, e);
    store_reset(q);
    if (rc < 0)
        return rc;
    if (!valid || who.disabled)
        return err_set(e, ERR_DENIED, "the token is not valid");
    *out = who;
    return 0;
}

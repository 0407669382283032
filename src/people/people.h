#ifndef TRIAGED_PEOPLE_PEOPLE_H
#define TRIAGED_PEOPLE_PEOPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/audit.h"
#include "base/err.h"
#include "store/store.h"

/* Persons, their roles, their PagerDuty identity and their tokens. A role includes the ones below it. */
enum role {
    ROLE_NONE,
    ROLE_VIEWER,
    ROLE_RESPONDER,
    ROLE_ADMIN
};
const char *role_name(enum role r);
enum role role_parse(const char *s); /* ROLE_NONE when unknown */

bool role_includes(enum role have, enum role need); /* false when need is ROLE_NONE */

#define PERSON_NAME_MAX 80
struct person {
    int64_t id;
    char name[PERSON_NAME_MAX + 1];
    char email[255];
    char pd_user_id[33]; /* "" = not linked: may not decide */
    enum role role;
    bool disabled;
    bool agent; /* a machine's account: may read and propose, never decide (INV-5) */
    int64_t created_wall_ms;
};

struct people;
/* One per connection. Writing functions want the engine's store, inside its transaction, and append to audit. */
int people_open(struct store *s, struct audit *audit /* NULL for readers */, struct people **out,
                struct err *e) MUST_CHECK;
void people_close(struct people *p);

int people_add(struct people *p, const struct person *x, const char *actor, int64_t now_wall_ms,
               int64_t *id, struct err *e)
    MUST_CHECK; /* ERR_CONFLICT: e-mail or PagerDuty id taken */
int people_set_role(struct people *p, int64_t id, enum role r, const char *actor, int64_t now,
                    struct err *e) MUST_CHECK;
int people_set_disabled(struct people *p, int64_t id, bool disabled, const char *actor, int64_t now,
                        struct err *e) MUST_CHECK;
int people_get(struct people *p, int64_t id, struct person *out, struct err *e) MUST_CHECK;
int people_by_email(struct people *p, const char *email, struct person *out, struct err *e)
    MUST_CHECK;
int people_by_pd_user(struct people *p, const char *pd_user_id, struct person *out, struct err *e)
    MUST_CHECK;
/* All persons in id order; malloc'ed array, free with mem_freep. */
int people_list(struct people *p, struct person **out, size_t *n, struct err *e) MUST_CHECK;

/* "trg_" + 43 characters; shown once, stored as SHA-256. */
#define TOKEN_TEXT_MAX 64
int people_token_new(struct people *p, int64_t person_id, const char *label, const char *actor,
                     int64_t now, char out[TOKEN_TEXT_MAX], int64_t *token_id, struct err *e)
    MUST_CHECK;
int people_token_revoke(struct people *p, int64_t token_id, const char *actor, int64_t now,
                        struct err *e) MUST_CHECK;
/* ERR_DENIED for an unknown, revoked or disabled one: same answer, same work. Readers may call it. */
int people_token_check(struct people *p, const char *token, struct person *out, struct err *e)
    MUST_CHECK;

const struct store_sql *people_statements(size_t *n);

#endif

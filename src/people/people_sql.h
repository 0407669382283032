#ifndef TRIAGED_PEOPLE_PEOPLE_SQL_H
#define TRIAGED_PEOPLE_PEOPLE_SQL_H

#include "store/store.h"

/* Every statement of the tables person and token. */
enum {
    PEOPLE_LAST_ID,
    PEOPLE_ADD,
    PEOPLE_SET_ROLE,
    PEOPLE_SET_DISABLED,
    PEOPLE_GET,
    PEOPLE_BY_EMAIL,
    PEOPLE_BY_PD_USER,
    PEOPLE_LIST,
    PEOPLE_TOKEN_ADD,
    PEOPLE_TOKEN_REVOKE,
    PEOPLE_TOKEN_GET,
    PEOPLE_TOKEN_CHECK,
    PEOPLE_SQL_LEN
};

#define PERSON_COLUMNS \
    "person.id, name, email, pd_user_id, role, agent, disabled, person.created_ms"

/* clang-format off */
static const struct store_sql people_sql_table[PEOPLE_SQL_LEN] = {
    /* No RETURNING on a table that others refer to: with it SQLite looks for their rows at each insert, and scans. */
    [PEOPLE_LAST_ID] = {"people.last_id", "SELECT max(id) FROM person"},
    [PEOPLE_ADD] = {"people.add",
        "INSERT INTO person (id, name, email, pd_user_id, role, agent, disabled, created_ms)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"},
    [PEOPLE_SET_ROLE] = {"people.set_role", "UPDATE person SET role = $2 WHERE id = $1"},
    [PEOPLE_SET_DISABLED] = {"people.set_disabled", "UPDATE person SET disabled = $2 WHERE id = $1"},
    [PEOPLE_GET] = {"people.get", "SELECT " PERSON_COLUMNS " FROM person WHERE id = $1"},
    [PEOPLE_BY_EMAIL] = {"people.by_email", "SELECT " PERSON_COLUMNS " FROM person WHERE email = $1"},
    [PEOPLE_BY_PD_USER] = {"people.by_pd_user", "SELECT " PERSON_COLUMNS " FROM person WHERE pd_user_id = $1"},
    [PEOPLE_LIST] = {"people.list", "SELECT " PERSON_COLUMNS " FROM person ORDER BY id"},
    [PEOPLE_TOKEN_ADD] = {"people.token_add",
        "INSERT INTO token (person_id, sha256, label, created_ms) VALUES ($1, $2, $3, $4) RETURNING id"},
    [PEOPLE_TOKEN_REVOKE] = {"people.token_revoke",
        "UPDATE token SET revoked_ms = $2 WHERE id = $1 AND revoked_ms IS NULL"},
    [PEOPLE_TOKEN_GET] = {"people.token_get", "SELECT person_id, revoked_ms FROM token WHERE id = $1"},
    [PEOPLE_TOKEN_CHECK] = {"people.token_check",
        "SELECT " PERSON_COLUMNS ", token.revoked_ms FROM token JOIN person ON person.id = token.person_id"
        " WHERE token.sha256 = $1"},
};
/* clang-format on */

#endif

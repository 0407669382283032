#ifndef TRIAGED_AUDIT_AUDIT_SQL_H
#define TRIAGED_AUDIT_AUDIT_SQL_H

#include "store/store.h"

/* Every statement of the table audit. One for each combination of conditions: a condition that a parameter can switch off
 * would scan. */
enum {
    AUDIT_HEAD,
    AUDIT_INSERT,
    AUDIT_ALL,
    AUDIT_ALL_NEWEST,
    AUDIT_SUBJECT,
    AUDIT_SUBJECT_NEWEST,
    AUDIT_INCIDENT,
    AUDIT_INCIDENT_NEWEST,
    AUDIT_BOTH,
    AUDIT_BOTH_NEWEST,
    AUDIT_SQL_LEN
};

#define AUDIT_ROWS \
    "SELECT seq, at_ms, actor, verb, subject, incident, detail, prev, hash FROM audit WHERE "
#define AUDIT_UP   "seq > $1 ORDER BY seq LIMIT $2"
#define AUDIT_DOWN "seq < $1 ORDER BY seq DESC LIMIT $2"

/* clang-format off */
static const struct store_sql audit_sql_table[AUDIT_SQL_LEN] = {
    [AUDIT_HEAD] = {"audit.head", "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1"},
    [AUDIT_INSERT] = {"audit.insert",
        "INSERT INTO audit (seq, at_ms, actor, verb, subject, incident, detail, prev, hash)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"},
    [AUDIT_ALL] = {"audit.all", AUDIT_ROWS AUDIT_UP},
    [AUDIT_ALL_NEWEST] = {"audit.all_newest", AUDIT_ROWS AUDIT_DOWN},
    [AUDIT_SUBJECT] = {"audit.subject", AUDIT_ROWS "subject = $3 AND " AUDIT_UP},
    [AUDIT_SUBJECT_NEWEST] = {"audit.subject_newest", AUDIT_ROWS "subject = $3 AND " AUDIT_DOWN},
    [AUDIT_INCIDENT] = {"audit.incident", AUDIT_ROWS "incident = $4 AND " AUDIT_UP},
    [AUDIT_INCIDENT_NEWEST] = {"audit.incident_newest", AUDIT_ROWS "incident = $4 AND " AUDIT_DOWN},
    [AUDIT_BOTH] = {"audit.both", AUDIT_ROWS "subject = $3 AND incident = $4 AND " AUDIT_UP},
    [AUDIT_BOTH_NEWEST] = {"audit.both_newest", AUDIT_ROWS "subject = $3 AND incident = $4 AND " AUDIT_DOWN},
};
/* clang-format on */

#endif

#ifndef TRIAGED_TRIAGE_READ_PRIV_H
#define TRIAGED_TRIAGE_READ_PRIV_H

#include "triage/triage_priv.h"

/* What the readers of this room share (triage_read.c, triage_explain.c). */

#define READ_ARENA_BYTES ((size_t)32 << 20)

struct triage_reader {
    struct store *store;
    struct store_set *sql;
    struct audit_reader *audit;
};

json_t *read_time(int64_t ms);    /* ISO, or null for 0 */
json_t *read_text(const char *s); /* null for NULL */
json_t *read_number(int64_t v);   /* null for 0 */
/* The row by PagerDuty id or number. */
int read_row(struct triage_reader *r, const char *what, struct arena *a, struct incident_row *out,
             struct err *e) MUST_CHECK;
json_t *read_row_json(const struct incident_row *w);
/* A body; NULL when it was pruned. */
int read_body(struct triage_reader *r, const char *sha, struct arena *a, json_t **out,
              struct err *e) MUST_CHECK;
int read_evidence_list(struct triage_reader *r, const struct incident_row *w, json_t **out,
                       struct err *e) MUST_CHECK;
/* The assessment of that number, null for 0: its columns, with the bodies of report and wanted when `whole`. */
int read_assessment(struct triage_reader *r, int64_t id, bool whole, json_t **out, struct err *e)
    MUST_CHECK;
/* Where it stands with the model: {state, why, until, at, call_id, as} or null. */
json_t *read_asking(const struct incident_row *w, struct arena *a);

#endif

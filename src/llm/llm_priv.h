#ifndef TRIAGED_LLM_LLM_PRIV_H
#define TRIAGED_LLM_LLM_PRIV_H

#include "llm/llm.h"
#include "llm/llm_sql.h"

#define LLM_HOUR_MS      ((int64_t)3600 * 1000)
/* A bucket of an hour counts for the day as long as a moment of it is younger than 24 hours. */
#define LLM_DAY_MS       (25 * LLM_HOUR_MS)
/* Longest pause that an endpoint may ask for: a wrong header must not stop us for a day. */
#define LLM_PAUSE_MAX_MS LLM_HOUR_MS

struct llm {
    struct store *store;
    struct store_set *sql;
};

struct llm_spent {
    int64_t calls, tokens, cost;
};
/* budget.c, for readers too. */
int llm_spent_hour(struct store_set *sql, int64_t now_wall_ms, struct llm_spent *out, struct err *e)
    MUST_CHECK;
int llm_spent_day(struct store_set *sql, int64_t now_wall_ms, struct llm_spent *out, struct err *e)
    MUST_CHECK;
/* Adds to the counters of that hour and, unless NULL, of the incident; numbers may be negative. */
int llm_spend(struct llm *l, int64_t at_ms, const char *incident_id, const struct llm_spent *add,
              struct err *e) MUST_CHECK;

/* breaker.c: the row of an endpoint. */
#define LLM_WHY_MAX 200
struct llm_endpoint_row {
    int64_t failures, open_until_ms;
    char open_why[LLM_WHY_MAX];
    bool tried; /* the canary */
    int64_t canary_ms;
    bool known, enforced;
};
enum llm_breaker {
    LLM_BREAKER_CLOSED,
    LLM_BREAKER_OPEN,
    LLM_BREAKER_HALF, /* one call may try */
};
/* Zeroes when there is no row yet. */
int llm_endpoint_get(struct store_set *sql, const struct config_model *m,
                     struct llm_endpoint_row *out, struct err *e) MUST_CHECK;
enum llm_breaker llm_breaker(const struct config_model *m, const struct llm_endpoint_row *r,
                             int64_t now_wall_ms);
/* A call leaves: when it is the one that tries, the others wait for it. */
int llm_breaker_begin(struct llm *l, const struct config_model *m, int64_t now_wall_ms,
                      struct err *e) MUST_CHECK;
int llm_breaker_end(struct llm *l, const struct config_model *m, const struct llm_done *d,
                    int64_t now_wall_ms, bool *opened, struct err *e) MUST_CHECK;

#endif

#ifndef TRIAGED_LLM_LLM_SQL_H
#define TRIAGED_LLM_LLM_SQL_H

#include "store/store.h"

/* Every statement of the tables llm_*; llm_sql.c holds their texts. */
enum {
    LLM_ADD,
    LLM_SENT,
    LLM_END,
    LLM_LOST,
    LLM_FIND,
    LLM_FIND_USELESS,
    LLM_SPEND_ADD,
    LLM_SPEND_HOUR,
    LLM_SPEND_SINCE,
    LLM_SPEND_HOURS,
    LLM_SPEND_PRUNE,
    LLM_INCIDENT_ADD,
    LLM_INCIDENT_SPENT,
    LLM_ENDPOINT,
    LLM_ENDPOINT_BREAKER,
    LLM_ENDPOINT_CANARY,
    LLM_LIST,
    LLM_LIST_INCIDENT,
    LLM_SHOW,
    LLM_STMTS
};
extern const struct store_sql llm_sql_table[LLM_STMTS];

#endif

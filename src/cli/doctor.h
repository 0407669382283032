#ifndef TRIAGED_CLI_DOCTOR_H
#define TRIAGED_CLI_DOCTOR_H

#include "cli/cli.h"
#include "config/config.h"

/* One run of the checks. Each adds rows: what was looked at, what that means, and what to do when it is not right. */
enum level {
    OK,
    WARN,
    RED_ROW
};

struct doctor {
    struct cli *c;
    struct config *cfg;    /* NULL: it does not load */
    const char *state_dir; /* NULL: unknown */
    json_t *rows;          /* [{check, level, what, todo}] */
    int warn, red;
    json_t *people;    /* the daemon's list, NULL when it does not answer */
    json_t *last_done; /* newest proposals with that end; NULL unknown */
    json_t *last_failed;
};

/* todo may be NULL with OK. */
void doctor_add(struct doctor *d, enum level level, const char *check, const char *what,
                const char *todo);
/* Everything that is asked of PagerDuty (doctor_pd.c). */
void doctor_pagerduty(struct doctor *d);
/* The model, by the daemon's status. */
void doctor_model(struct doctor *d, const json_t *status);

#endif

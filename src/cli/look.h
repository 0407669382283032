#ifndef TRIAGED_CLI_LOOK_H
#define TRIAGED_CLI_LOOK_H

#include "cli/cli.h"
#include "config/config.h"
#include "pagerduty/pagerduty.h"
#include "triage/look.h"

/* triagectl look: options (cmd_look.c), reading over REST (look_read.c), what a terminal shows (look_print.c). */

struct look_source {
    const char *base_url;
    const struct secret *token;
    enum pd_auth auth;
    bool allow_private;
    int64_t timeout_ms; /* of one answer */
    /* Who owns the token. */
    struct secret *own;
    struct config *cfg;
};

/*
 * Reads the account back from window->until_ms. On success the report is a new reference; *whole is false when reading ended early
 * (window->since_ms says how far it came, the report says why).
 * ERR_DENIED: the key was refused. Otherwise the message says what to look at.
 */
int look_read(struct cli *c, const struct look_source *from, struct look_window *window,
              json_t **report, bool *whole, struct err *e) MUST_CHECK;

void look_print(struct cli *c, const json_t *report);

#endif

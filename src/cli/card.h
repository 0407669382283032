#ifndef TRIAGED_CLI_CARD_H
#define TRIAGED_CLI_CARD_H

#include "cli/cli.h"

/* Parts of an incident's card, shared by `show` and `explain incident`. NULL and null print nothing. */

/* ---- card_assessment.c ---- */
void assessment_print(struct cli *c, const json_t *assessment, const json_t *ask);
void model_state_print(struct cli *c, const json_t *ask);
void report_print(struct cli *c, const json_t *report);

/* ---- cmd_model.c ---- */
void model_print(struct cli *c, const json_t *model); /* the member of status */

/* ---- card_known.c: members of what is known ---- */
void resolve_time_print(struct cli *c, const json_t *known);
void similar_print(struct cli *c, const json_t *known);
void sources_print(struct cli *c, const json_t *known);
void runbooks_print(struct cli *c, const json_t *known);

/* card_request.c: the bodies of a call to a model. */
void request_print(struct cli *c, const json_t *text);
void reply_print(struct cli *c, const json_t *text);

#endif

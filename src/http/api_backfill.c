/* Backfill: start, look, stop. It only reads from PagerDuty, so the control socket may do it too. */
#include "http/api.h"

enum MHD_Result api_backfill(struct request *r)
{
    struct http_readers *rd = api_readers(r);
    struct err e = {0};
    json_t *out = NULL;

    if (!rd)
        return MHD_YES;
    return api_answer(r, triage_backfill_status(rd->triage, &out, &e), &out, &e);
}

static int backfill_start(struct request *r, struct engine_pass *p, struct err *e)
{
    char actor[32];

    if (triage_backfill_start(p, json_opt_int(r->json, "since_s", 0), api_actor(r, actor), &r->out,
                              e) < 0)
        return e->code;
    r->out_status = 202;
    return 0;
}

enum MHD_Result api_backfill_start(struct request *r)
{
    return api_body(r, "BackfillRequest") ? api_command(r, backfill_start) : MHD_YES;
}

static int backfill_stop(struct request *r, struct engine_pass *p, struct err *e)
{
    char actor[32];

    return triage_backfill_stop(p, api_actor(r, actor), &r->out, e);
}

enum MHD_Result api_backfill_stop(struct request *r)
{
    return api_command(r, backfill_stop);
}

#include <stdio.h>

#include "gate/gate_priv.h"
#include "gate/gate_sql.h"

/*
 * Step "expire", subject "PROPOSAL". Nobody answered in time, which is not a no: drop ends it as expired; ask_next gives the
 * same revision a new deadline and names who is on call one level further, until the levels are used up; keep has no deadline.
 */
static int ask_next(struct gate_run *r, struct prop_row *row, const struct gate_view *v,
                    struct err *e)
{
    AUTO(buf_done) struct buf names = {0};
    struct store_stmt *q;
    int level = (row->asked_level ? row->asked_level : v->level) + 1;
    int64_t until = r->p->now_wall_ms + row->span_ms;

    buf_init(&names, WORDS_MAX);
    while (level <= v->levels && !view_names_at(v, level, &names))
        level++;
    if (level > v->levels)
        return prop_move(r->p, row, PROPOSAL_EXPIRED,
                         "nobody answered in time, and every level was asked", "system", NULL, e);
    q = store_begin(gate_of(r->p)->sql, GATE_PROPOSAL_ASK);
    store_bind_int(q, 1, level);
    store_bind_text(q, 2, buf_str(&names));
    store_bind_int(q, 3, until);
    store_bind_int(q, 4, row->id);
    if (store_exec(q, e) < 0)
        return e->code;
    r->again(r->io, until);
    return gate_audit(r->p, "system", "proposal.asked_next", row->id, row->incident_id,
                      json_pack("{s:i, s:s, s:I}", "level", level, "asked", buf_str(&names),
                                "expires_ms", (json_int_t)until),
                      e);
}

int expire_apply(struct gate_run *r, struct err *e)
{
    struct prop_row row;
    struct gate_view v;
    int64_t id;
    int rc;

    if (parse_i64(r->subject, 1, INT64_MAX, &id, e) < 0)
        return e->code;
    rc = prop_load(gate_of(r->p)->sql, r->p->arena, id, &row, e);
    if (rc < 0)
        return rc == ERR_NOT_FOUND ? 0 : rc;
    if (row.state != PROPOSAL_PENDING || row.expires_ms == 0)
        return 0;
    if (r->p->now_wall_ms < row.expires_ms) {
        r->again(r->io, row.expires_ms);
        return 0;
    }
    if (on_expiry_parse(row.on_expiry) == EXPIRY_ASK_NEXT) {
        rc = view_load(gate_of(r->p)->sql, r->p->arena, row.incident_id, &v, NULL, e);
        if (rc == 0)
            return ask_next(r, &row, &v, e);
        if (rc != ERR_NOT_FOUND)
            return rc;
    }
    return prop_move(r->p, &row, PROPOSAL_EXPIRED, "nobody answered in time", "system", NULL, e);
}

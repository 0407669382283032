/* A report as people read it: what was taken out before it left for a model stands in it again, found anew in the stored evidence. */
#include "base/json.h"
#include "base/text.h"
#include "triage/ask.h"
#include "triage/read_priv.h"
#include "triage/triage_sql.h"

#define EVIDENCE_MAX    TRIAGE_ITEMS_MAX /* newest */
/* Bytes that one answer redacts again; what lies beyond stays a placeholder. */
#define BODIES_MAX      ((size_t)256 << 10)
#define BODY_ROOM_BYTES ((size_t)8 << 20)

/* One row of EVIDENCE_LIST; false: there is no more room. */
static bool item_take(struct triage_reader *r, struct store_stmt *q, struct triage_items *it,
                      size_t *room, int *rc, struct err *e)
{
    AUTO(arena_freep) struct arena *a = arena_new(BODY_ROOM_BYTES);
    const char *kind = store_text_dup(q, 1, it->arena), *source = store_text_dup(q, 3, it->arena);
    const char *sha = store_text_dup(q, 6, a), *bytes;
    json_t *body = NULL;
    size_t len = 0;

    if (!text_eq(store_text(q, 2), "ok")) {
        triage_items_not_checked(it, kind, source, store_text_dup(q, 4, it->arena));
        return true;
    }
    *rc = sha ? store_body_get(r->store, sha, a, &bytes, &len, e) : ERR_NOT_FOUND;
    if (*rc == 0 && len <= *room)
        body = json_loadb(bytes, len, 0, NULL);
    if (*rc == ERR_NOT_FOUND) { /* pruned */
        *e = (struct err){0};
        *rc = 0;
        return true;
    }
    if (*rc < 0 || len > *room)
        return false;
    *room -= len;
    return !body || triage_items_add(it, kind, source, body, 0);
}

static int pairs_add(struct triage_reader *r, const struct redactor *red, const char *incident_id,
                     size_t *room, json_t *pairs, struct err *e)
{
    AUTO(arena_freep) struct arena *a = arena_new(READ_ARENA_BYTES);
    AUTO(triage_items_done) struct triage_items it = {0};
    struct store_stmt *q = store_begin(r->sql, EVIDENCE_LIST);
    int rc, failed = 0;

    triage_items_init(&it, a);
    store_bind_text(q, 1, incident_id);
    store_bind_int(q, 2, EVIDENCE_MAX);
    while ((rc = store_step(q, e)) > 0 && item_take(r, q, &it, room, &failed, e))
        ;
    store_reset(q);
    if (rc < 0 || failed < 0)
        return e->code;
    ask_pairs(&it, red, pairs);
    return 0;
}

int triage_for_people(struct triage_reader *r, const struct redactor *red, json_t *shown,
                      struct err *e)
{
    AUTO(json_freep) json_t *pairs = NULL;
    json_t *assessment = json_object_get(shown, "assessment");
    const json_t *report = json_opt_obj(assessment, "report");
    const char *id = json_at_str(shown, "incident.id"), *as = json_at_str(report, "as.incident_id");
    size_t room = BODIES_MAX;

    if (!red || !id || !report_has_placeholders(report))
        return 0;
    pairs = json_object();
    if (pairs_add(r, red, id, &room, pairs, e) < 0 ||
        (as && pairs_add(r, red, as, &room, pairs, e) < 0))
        return e->code;
    return json_object_set_new(assessment, "report", report_for_people(report, pairs)) == 0
               ? 0
               : err_set(e, ERR_INTERNAL, "the report of %s cannot be shown", id);
}

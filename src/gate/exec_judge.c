#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "gate/gate_priv.h"

/*
 * The execution protocol of reliability.md 5.2 as two pure functions: what a read-back means, and what an answer to a write
 * means. Nothing is ever just sent again: after doubt the effect is looked for, when nothing of ours can be under way any
 * more, and only two looks that found nothing, far enough apart, allow one second attempt.
 */

static void seen_fill(const struct exec_in *in, const json_t *args, struct action_seen *s)
{
    *s = (struct action_seen){.view = in->view,
                              .args = args,
                              .binds = in->expected,
                              .log = in->log,
                              .n_log = in->n_log,
                              .notes = in->notes,
                              .n_notes = in->n_notes,
                              .marker = in->x->marker,
                              .from_pd_user = in->x->from_pd_user,
                              .log_after_ms = in->x->log_after_ms,
                              .log_last_id = in->x->log_last_id};
}

static void outcome(struct exec_out *out, enum exec_do what, const char *reason)
{
    out->what = what;
    out->reason = reason;
}

static bool somebody_did(struct arena *a, const struct exec_in *in, const struct action_seen *s,
                         struct exec_out *out)
{
    struct action_other other = {0};
    AUTO(buf_done) struct buf b = {0};
    char iso[TIME_ISO_MAX];

    if (!in->def->overtaken || !in->def->overtaken(s, &other))
        return false;
    buf_init(&b, WORDS_MAX);
    text_show(&b, other.who, strlen(other.who), 120, true);
    out->who = arena_printf(a, "PagerDuty: %s", buf_str(&b));
    buf_printf(&b, " %s it at PagerDuty", other.did);
    if (other.at_ms > 0)
        buf_printf(&b, " at %s", time_format_iso(other.at_ms, false, iso));
    outcome(out, EXEC_OVERTAKEN, words(a, &b));
    return true;
}

/* Does what the approver saw still hold? False with words. */
static bool ground_holds(struct arena *a, const struct exec_in *in, const json_t *args,
                         const char **why)
{
    struct action_ctx ctx = {.view = in->view, .args = args, .zone = in->zone};
    AUTO(buf_done) struct buf b = {0};

    if (defence_off("stale"))
        return true;
    buf_init(&b, WORDS_MAX);
    if (in->interfered)
        buf_puts(&b, in->interfered);
    else if (!binds_moved(in->expected, in->view, &b) && in->def->precondition(&ctx, &b))
        return true;
    *why = words(a, &b);
    return false;
}

/* Nothing of ours has left yet. */
static void judge_first(struct arena *a, const struct exec_in *in, const json_t *args,
                        struct exec_out *out)
{
    const char *old = approval_too_old(in->now_ms, in->approved_ms, in->t.valid_ms), *why;
    struct action_seen s;

    seen_fill(in, args, &s);
    if (in->mismatch || in->refused)
        outcome(out, EXEC_REFUSED, in->refused);
    else if (old)
        outcome(out, EXEC_EXPIRED, old);
    else if (in->def->reads_notes && in->def->proof(&s, &out->proof))
        /* Our marker without our memory: a backup was restored, or a disk lost what it had promised. */
        outcome(out, EXEC_DONE, "it was there already");
    else if (somebody_did(a, in, &s, out))
        return;
    else if (!ground_holds(a, in, args, &why))
        outcome(out, EXEC_STALE, why);
    else
        outcome(out, EXEC_SEND, NULL);
}

static void judge_resend(struct arena *a, const struct exec_in *in, const json_t *args,
                         const struct action_seen *s, struct exec_out *out)
{
    const char *why = NULL;

    if (in->x->sends >= 2)
        outcome(out, EXEC_UNSURE, "it was sent twice and cannot be found at PagerDuty");
    else if (in->mismatch || in->refused)
        outcome(out, EXEC_UNSURE, in->refused);
    else if (somebody_did(a, in, s, out))
        return;
    else if (!ground_holds(a, in, args, &why))
        outcome(out, EXEC_UNSURE,
                arena_printf(a, "whether it arrived is not known, and the incident has moved: %s",
                             why));
    else
        outcome(out, EXEC_SEND, NULL);
}

static void judge_again(struct arena *a, const struct exec_in *in, const json_t *args,
                        struct exec_out *out)
{
    int64_t dead_ms = in->x->in_flight_until_ms + in->t.quiet_ms;
    struct action_seen s;

    seen_fill(in, args, &s);
    if (defence_off("readback")) {
        outcome(out, EXEC_SEND, NULL);
        return;
    }
    if (in->now_ms < dead_ms && !defence_off("quiet")) {
        out->again_ms = dead_ms;
        outcome(out, EXEC_WAIT, NULL);
        return;
    }
    if (in->def->proof(&s, &out->proof)) {
        outcome(out, EXEC_DONE, NULL);
        return;
    }
    if (in->x->empty_reads > 0 && in->now_ms - in->x->last_empty_ms < in->t.resend_gap_ms) {
        out->again_ms = in->x->last_empty_ms + in->t.resend_gap_ms;
        outcome(out, EXEC_WAIT, NULL);
    } else if (in->now_ms >= in->x->first_sent_ms + in->t.unsure_after_ms) {
        outcome(out, EXEC_UNSURE,
                "it was sent, no clear answer came, and it cannot be found at "
                "PagerDuty");
    } else if (in->x->empty_reads == 0) {
        out->again_ms = in->now_ms + in->t.resend_gap_ms;
        outcome(out, EXEC_EMPTY, NULL);
    } else {
        judge_resend(a, in, args, &s, out);
    }
}

void exec_judge(struct arena *a, const struct exec_in *in, struct exec_out *out)
{
    AUTO(json_freep) json_t *args = json_of(in->act->args);

    *out = (struct exec_out){0};
    if (in->x->sends == 0)
        judge_first(a, in, args, out);
    else
        judge_again(a, in, args, out);
}

/* ---- answers to a write ---- */

static void refused(struct arena *a, const struct net_reply *r, struct send_out *out)
{
    struct pd_error pe;

    pd_error_parse(NULL, r->status, r->body, r->body_len, &pe);
    out->code = pe.code;
    out->words = arena_printf(a, "PagerDuty said no (HTTP %d%s%s): %s", r->status,
                              pe.meaning ? ", " : "", pe.meaning ? pe.meaning : "", pe.message);
    out->what = pe.cls == PD_MOVED ? SEND_MOVED : SEND_FAILED;
    /* "It took too long" is no no, whatever the status: it may be done yet. */
    if (pe.cls == PD_RETRYABLE || pe.cls == PD_UNSURE)
        out->what = SEND_UNCLEAR;
}

void send_judge(struct arena *a, const struct net_reply *r, int64_t sends, struct send_out *out)
{
    *out = (struct send_out){.wait_s = r->retry_after_s, .words = arena_strdup(a, r->msg)};
    if (r->code == ERR_RETRY)
        /* NOLINTNEXTLINE(bugprone-branch-clone): a table, in the order of judging */
        out->what = SEND_NOT_SENT;
    else if (r->code == ERR_DENIED)
        out->what = SEND_FAILED;
    else if (r->code != 0)
        /* NOLINTNEXTLINE(bugprone-branch-clone): a table, in the order of judging */
        out->what = SEND_UNCLEAR; /* an answer over the cap came after the request went out */
    else if (r->status >= 200 && r->status < 300)
        out->what = SEND_CONFIRM;
    else if (r->status == 429)
        out->what = SEND_NOT_SENT;
    else if (r->status == 408 || r->status >= 500 || r->status < 400)
        out->what = SEND_UNCLEAR;
    else
        refused(a, r, out);
    /* A no to the second attempt may be because the first one worked: look. */
    if (sends > 1 && (out->what == SEND_MOVED || out->what == SEND_FAILED))
        out->what = SEND_UNCLEAR;
}

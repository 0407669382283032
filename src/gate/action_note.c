#include <string.h>

#include "gate/gate_priv.h"

/*
 * A note: {content}, or with note_id the new text of a note of ours. keep is the marker that the note bore before: an undo
 * leaves it in place, so that the note's own execution still finds its proof.
 */
static const char *content_of(const json_t *args)
{
    return json_opt_str(args, "content");
}

static void note_describe(const struct action_ctx *x, struct buf *out)
{
    const char *content = content_of(x->args);

    buf_puts(out, json_opt_str(x->args, "note_id") ? "Change our note on " : "Add a note to ");
    say_incident(x->view, out);
    say_as(x->as, out);
    buf_puts(out, "; nobody is paged. It will say: \"");
    text_show(out, content ? content : "", content ? strlen(content) : 0, 300, true);
    buf_putc(out, '"');
}

static bool note_precondition(const struct action_ctx *x, struct buf *why)
{
    if (x->view->merged_into) {
        buf_printf(why, "the incident was merged into %s", x->view->merged_into);
        return false;
    }
    return true;
}

/* The marker goes first: a cut at the end of a long note would take one there. */
static int note_request(struct arena *a, const struct action_send *s, struct net_req *out,
                        struct err *e)
{
    const char *note_id = json_opt_str(s->args, "note_id");
    const char *keep = json_opt_str(s->args, "keep");
    const char *content = content_of(s->args);
    char *text;

    if (!content || !s->marker)
        return err_set(e, ERR_INTERNAL, "a note without content or marker");
    text = keep ? arena_printf(a, "%s %s %s", s->marker, keep, content)
                : arena_printf(a, "%s %s", s->marker, content);
    if (note_id)
        return pd_write_note_edit(a, s->client, s->from, s->target, note_id, text, out, e);
    return pd_write_note(a, s->client, s->from, s->target, text, out, e);
}

/* The HMAC in the marker decides. The author is only recorded: a token's notes bear whatever name the account gives. */
static bool note_proof(const struct action_seen *s, struct action_proof *out)
{
    const char *note_id = json_opt_str(s->args, "note_id");

    for (size_t i = 0; i < s->n_notes; i++) {
        const struct pd_note *n = &s->notes[i];

        if ((note_id && !text_eq(n->id, note_id)) || !marker_in(n->content, s->marker))
            continue;
        *out = (struct action_proof){
            .how = "the marker in the note", .note_id = n->id, .author_id = n->user.id};
        return true;
    }
    return false;
}

const struct action_def action_note = {
    .verb = "add_note",
    .risk = "low",
    .schema = "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"content\"],"
              "\"properties\":{"
              "\"content\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":2000},"
              "\"note_id\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9]{1,32}$\"},"
              "\"keep\":{\"type\":\"string\",\"pattern\":\"^\\\\[triaged:[a-z2-7]{16}\\\\]$\"}}}",
    .binds = BIND_MERGED,
    .changes = 0,
    .key_args = true,
    .reads_notes = true,
    .undo = "the note's text is replaced by one that says it was withdrawn, and by whom",
    .describe = note_describe,
    .precondition = note_precondition,
    .request = note_request,
    .proof = note_proof,
    .overtaken = NULL,
};

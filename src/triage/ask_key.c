/* What a question is about, so that it is asked once; and how much evidence an endpoint can take. */
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "triage/ask_priv.h"

#define TEXT_KEY_MAX_BYTES ((size_t)16 * 1024)
#define OVERHEAD_BYTES     6144 /* the rest of the document: choices, what was not checked, known */
#define REPAIR_TOKENS      700  /* a second round names the places that were wrong */
#define ROOM_MIN_BYTES     ((size_t)2048)
#define ROOM_MAX_BYTES     ((size_t)256 * 1024)

/* Digests of texts: sorted and each once, so that the order of alerts and their repeats change nothing. */
struct texts {
    char (*v)[SHA256_HEX];
    size_t n;
};

static void texts_add(struct texts *t, const char *s, size_t len)
{
    sha256_hex(s, len, t->v[t->n++]);
}

static int hex_cmp(const void *a, const void *b)
{
    return memcmp(a, b, SHA256_HEX);
}

static void texts_digest(struct texts *t, struct digest *d)
{
    if (t->n > 1)
        qsort(t->v, t->n, sizeof(*t->v), hex_cmp);
    for (size_t i = 0; i < t->n; i++)
        if (i == 0 || memcmp(t->v[i], t->v[i - 1], SHA256_HEX) != 0)
            digest_str(d, t->v[i]);
    digest_int(d, -1); /* ends the list */
}

static void text_norm(struct buf *b, const char *s)
{
    if (s)
        text_normalise(b, s, text_cut(s, strlen(s), TEXT_KEY_MAX_BYTES));
    buf_putc(b, '\n');
}

static void alert_add(struct texts *t, const json_t *body)
{
    AUTO(buf_done) struct buf b = {0};

    if (json_opt_int(body, "folded", 0) > 0) /* how many there are is not what it is about */
        return;
    buf_init(&b, 8 * TEXT_KEY_MAX_BYTES);
    text_norm(&b, json_opt_str(body, "summary"));
    text_norm(&b, json_opt_str(body, "details"));
    texts_add(t, buf_str(&b), b.len);
}

static void note_add(struct texts *t, const json_t *body)
{
    const char *s = json_opt_str(body, "content"), *type = json_opt_str(body, "author_type");

    if (s && !triage_note_is_ours(s) && !(type && text_starts(type, "bot")))
        texts_add(t, s, strlen(s));
}

void ask_key(const struct triage_items *it, const char *prompt_version, const char *model,
             char out_hex[65])
{
    const struct triage_item *in = triage_items_find(it, EV_INCIDENT);
    const json_t *body = in ? in->body : NULL;
    struct texts alerts = {mem_array(it->n + 1, SHA256_HEX), 0};
    struct texts notes = {mem_array(it->n + 1, SHA256_HEX), 0};
    AUTO(buf_done) struct buf title = {0};
    struct digest d;

    for (size_t i = 0; i < it->n; i++) {
        if (it->v[i].ok && text_eq(it->v[i].kind, EV_ALERT))
            alert_add(&alerts, it->v[i].body);
        else if (it->v[i].ok && text_eq(it->v[i].kind, EV_NOTE))
            note_add(&notes, it->v[i].body);
    }
    buf_init(&title, 8 * TEXT_KEY_MAX_BYTES);
    text_norm(&title, json_opt_str(body, "title"));
    digest_begin(&d, "triaged.ask.v1");
    digest_str(&d, json_at_str(body, "service.id"));
    digest_bytes(&d, buf_str(&title), title.len);
    digest_str(&d, json_at_str(body, "priority.name"));
    digest_str(&d, json_opt_str(body, "urgency"));
    texts_digest(&alerts, &d);
    texts_digest(&notes, &d);
    digest_str(&d, prompt_version);
    digest_str(&d, model);
    digest_end(&d, out_hex);
    mem_freep(&alerts.v);
    mem_freep(&notes.v);
}

size_t ask_room(const struct config_model *m, const struct prompt *p)
{
    int64_t tokens = m->context_tokens - m->max_output_tokens - REPAIR_TOKENS;
    size_t fixed = strlen(p->text) + 2 * json_size(p->schema) + OVERHEAD_BYTES, bytes;

    if (tokens <= 0)
        return ROOM_MIN_BYTES;
    bytes = (size_t)tokens / 10 * (size_t)m->bytes_per_token_x10;
    if (bytes < fixed + ROOM_MIN_BYTES)
        return ROOM_MIN_BYTES;
    return bytes - fixed < ROOM_MAX_BYTES ? bytes - fixed : ROOM_MAX_BYTES;
}

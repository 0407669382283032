/*
 * The scanner of intake against jansson and the full parse: what they accept, it accepts, and with the same values.
 */
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "pagerduty/pagerduty.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const struct pd_slice *s, const char *text)
{
    if (!s->p || !text)
        return !s->p && !text;
    return s->len == strlen(text) && memcmp(s->p, text, s->len) == 0;
}

static void compare(const char *body, size_t len, const struct pd_scan *s)
{
    struct arena *a = arena_new(PD_EVENT_ARENA_BYTES);
    struct pd_event ev;
    struct err e;
    int parsed = pd_event_parse(a, body, len, &ev, &e);

    if (!s->needs_full && (parsed == 0) != (s->id.p && s->type.p))
        abort();
    if (parsed == 0 && !s->needs_full &&
        (!same(&s->id, ev.id) || !same(&s->type, ev.type) ||
         !same(&s->incident_id, ev.incident_id)))
        abort();
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    char *body = mem_alloc(size + 1); /* a copy of its own, so that ASan sees a read behind it */
    struct pd_scan s;
    struct err e;
    json_t *root = NULL;
    int scanned, parsed;

    if (!ready) {
        crypto_init();
        ready = true;
    }
    memcpy(body, data, size);
    scanned = pd_scan(body, size, &s);
    parsed = json_parse(body, size, JSON_TEXT_MAX_TOKENS, &root, &e);
    if (parsed == 0 && json_is_object(root) && scanned != 0 && size <= PD_EVENT_MAX_BYTES)
        abort();
    if (parsed == 0 && scanned == 0)
        compare(body, size, &s);
    json_freep(&root);
    mem_freep(&body);
    return 0;
}

/* Words and texts of an incident as the memory keeps and asks for them. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "triage/memory.h"

#define WORD_MIN       3
#define NORMALISE_MAX  4096 /* bytes of one text; what comes later is seldom what tells it apart */
#define FIX_QUOTE_MAX  2000
#define NOTE_SEPARATOR "\n"

static bool in_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || ((unsigned char)c & 0x80) != 0;
}

static bool known(const struct memory_words *w, const char *s, size_t len)
{
    for (size_t i = 0; i < w->n; i++)
        if (strncmp(w->v[i], s, len) == 0 && w->v[i][len] == '\0')
            return true;
    return false;
}

static bool is_number(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (s[i] < '0' || s[i] > '9')
            return false;
    return true;
}

static void word_add(struct memory_words *w, struct arena *a, const char *s, size_t len)
{
    if (len < WORD_MIN || len > STORE_SEARCH_WORD_MAX || is_number(s, len) || known(w, s, len) ||
        w->n == MEMORY_WORDS_MAX || w->bytes + len + 1 > MEMORY_TEXT_MAX)
        return;
    w->v[w->n++] = arena_strndup(a, s, len);
    w->bytes += len + 1;
}

static void add_part(struct memory_words *w, struct arena *a, const char *text, size_t len)
{
    AUTO(buf_done) struct buf b = {0};
    const char *s;

    buf_init(&b, (size_t)8 * NORMALISE_MAX);
    text_normalise(&b, text, text_cut(text, len, NORMALISE_MAX));
    s = buf_str(&b);
    while (*s) {
        size_t n = 0;

        while (in_word(s[n]))
            n++;
        word_add(w, a, s, n);
        s += n > 0 ? n : 1;
    }
}

void memory_words_add(struct memory_words *w, struct arena *a, const char *text)
{
    if (text)
        add_part(w, a, text, strlen(text));
}

void memory_words_add_details(struct memory_words *w, struct arena *a, const char *details)
{
    while (details && *details) {
        size_t line = strcspn(details, "\n");
        const char *value = memmem(details, line, ": ", 2);

        if (value)
            add_part(w, a, value + 2, line - (size_t)(value + 2 - details));
        details += line + (details[line] == '\n');
    }
}

const char *memory_words_text(const struct memory_words *w, struct arena *a)
{
    AUTO(buf_done) struct buf b = {0};

    buf_init(&b, MEMORY_TEXT_MAX + 1);
    for (size_t i = 0; i < w->n; i++)
        buf_printf(&b, "%s%s", i > 0 ? " " : "", w->v[i]);
    return arena_strdup(a, buf_str(&b));
}

const char *memory_notes(const struct pd_notes *n, struct arena *a)
{
    AUTO(buf_done) struct buf b = {0};

    buf_init(&b, MEMORY_TEXT_MAX + 1);
    for (size_t i = 0; i < n->n && b.len < MEMORY_TEXT_MAX; i++) {
        const char *text = n->items[i].content;

        if (!text || !*text || triage_note_is_ours(text) ||
            text_eq(n->items[i].user.type, "bot_user"))
            continue;
        if (b.len > 0)
            buf_puts(&b, NOTE_SEPARATOR);
        buf_add(&b, text, text_cut(text, strlen(text), MEMORY_TEXT_MAX - b.len));
    }
    return arena_strdup(a, buf_str(&b));
}

const char *memory_fix(const struct memory_row *m, const struct pd_notes *n, struct arena *a)
{
    const struct pd_note *note = n ? triage_fix_note(n) : NULL;
    AUTO(json_freep) json_t *fix = NULL;
    struct pd_note cut;
    size_t len;

    /* What ended by itself was ended by nobody's words. */
    if (!text_eq(m->by_type, "user"))
        return NULL;
    if (note) {
        cut = *note;
    } else if (m->resolution && *m->resolution) {
        cut = (struct pd_note){.user = {.id = m->by_id, .summary = m->by_name},
                               .content = m->resolution,
                               .created_ms = m->resolved_ms};
    } else {
        return NULL;
    }
    cut.content =
        arena_strndup(a, cut.content, text_cut(cut.content, strlen(cut.content), FIX_QUOTE_MAX));
    fix = ev_fix_body(&cut, m->incident_id, m->number);
    return fix ? json_canon_arena(a, fix, &len) : NULL;
}

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/crypto.h"
#include "base/text.h"
#include "llm/redact_priv.h"

/*
 * One walk over the text looks for the hints of all patterns at once; a pattern that must begin at a hint is tried only there, the others run
 * over the text if it holds what they need. So a text without secrets costs one table look-up a byte.
 *
 * All finds are collected first. Those that overlap become one, named by the earliest, the longest, the first class: nothing that any class
 * found stays behind.
 */
#define REPLACEMENT "\xef\xbf\xbd"

struct find {
    size_t from, to;
    size_t pattern;
};

struct redact_search {
    const struct redactor *r;
    pcre2_match_data *md;
    pcre2_match_context *mc;
    size_t *next; /* by pattern: where it may find again */
    bool *holds;  /* by pattern: a hint of it is there */
    struct find *finds;
    size_t n_finds, room;
    /* of the text at hand */
    const char *s;
    size_t len;
    uint64_t steps, most;
    size_t last; /* where the newest callout stood */
    bool limit;
    size_t digits, colons;
};

/* An item that takes a run of characters is one callout, so the way between two callouts counts as well. */
static int count_step(pcre2_callout_block *block, void *data)
{
    struct redact_search *x = data;
    size_t at = block->current_position;

    x->steps += 1 + (at > x->last ? at - x->last : x->last - at);
    x->last = at;
    return x->steps > x->most ? PCRE2_ERROR_CALLOUT : 0;
}

struct redact_search *redact_search_new(const struct redactor *r)
{
    struct redact_search *x = mem_alloc(sizeof *x);

    x->r = r;
    x->md = pcre2_match_data_create(8, NULL);
    x->mc = pcre2_match_context_create(NULL);
    CHECK(x->md && x->mc);
    pcre2_set_match_limit(x->mc, REDACT_MATCH_LIMIT);
    pcre2_set_depth_limit(x->mc, REDACT_DEPTH_LIMIT);
    pcre2_set_heap_limit(x->mc, REDACT_HEAP_KIB);
    pcre2_set_callout(x->mc, count_step, x);
    x->next = mem_array(r->n_patterns + 1, sizeof *x->next);
    x->holds = mem_array(r->n_patterns + 1, sizeof *x->holds);
    return x;
}

void redact_search_freep(struct redact_search **x)
{
    if (*x == NULL)
        return;
    pcre2_match_data_free((*x)->md);
    pcre2_match_context_free((*x)->mc);
    mem_freep(&(*x)->next);
    mem_freep(&(*x)->holds);
    mem_freep(&(*x)->finds);
    mem_freep(x);
}

/* ---- Finding -------------------------------------------------------------------------------------------------- */

static void find_add(struct redact_search *x, struct redact_span at, size_t pattern)
{
    if (x->n_finds == x->room) {
        x->room = x->room ? 2 * x->room : 32;
        x->finds = mem_grow(x->finds, x->room, sizeof *x->finds);
    }
    x->finds[x->n_finds++] = (struct find){at.from, at.to, pattern};
}

/* One attempt at or behind `from`. Where the next may begin: behind the find, or behind where a false one began; SIZE_MAX: nothing was found. */
static size_t attempt(struct redact_search *x, size_t pattern, size_t from, uint32_t options)
{
    const struct redact_pattern *p = &x->r->patterns[pattern];
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(x->md);
    struct redact_span span;
    size_t group = 0;
    int rc;

    x->last = from;
    rc = pcre2_match(p->code, (PCRE2_SPTR)x->s, x->len, from, options | PCRE2_NO_UTF_CHECK, x->md,
                     x->mc);
    if (rc == PCRE2_ERROR_NOMATCH)
        return SIZE_MAX;
    if (rc < 0) { /* a limit; whatever else it is, the text was not searched to its end */
        x->limit = true;
        return SIZE_MAX;
    }
    if ((rc == 0 || rc > 1) && at[2] != PCRE2_UNSET)
        group = 1;
    span = (struct redact_span){at[2 * group], at[2 * group + 1]};
    if (span.to <= span.from || (p->check && !p->check(x->s, &span)))
        return (at[0] > from ? at[0] : from) + 1;
    find_add(x, span, pattern);
    return span.to > from ? span.to : from + 1;
}

static void search_through(struct redact_search *x, size_t pattern)
{
    size_t from = 0;

    while (from < x->len && !x->limit) {
        from = attempt(x, pattern, from, 0);
        while (from < x->len && ((unsigned char)x->s[from] & 0xc0) == 0x80)
            from++; /* not into the middle of a character */
    }
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool hint_stands(const struct redact_search *x, const struct redact_hint *h, size_t at)
{
    if (h->len > x->len - at)
        return false;
    for (size_t i = 2; i < h->len; i++)
        if (lower(x->s[at + i]) != h->text[i])
            return false;
    return true;
}

static void hints_at(struct redact_search *x, size_t at, uint16_t first)
{
    for (uint16_t i = first; i && !x->limit; i = x->r->hints[i].next) {
        const struct redact_hint *h = &x->r->hints[i];
        size_t next;

        if (!hint_stands(x, h, at))
            continue;
        x->holds[h->pattern] = true;
        if (x->r->patterns[h->pattern].gate != GATE_START || x->next[h->pattern] > at)
            continue;
        next = attempt(x, h->pattern, at, PCRE2_ANCHORED);
        if (next != SIZE_MAX)
            x->next[h->pattern] = next;
    }
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (unsigned char)c >= 0x80 || (c != '\0' && strchr("._%+'-", c));
}

/* An address begins no earlier than the run of bytes before its @ that may be its name, and before that @. */
#define NAME_MAX_BYTES 256
static void try_at(struct redact_search *x, size_t at)
{
    size_t from = at;

    while (from > 0 && at - from < NAME_MAX_BYTES && is_name_byte(x->s[from - 1]))
        from--;
    pcre2_set_offset_limit(x->mc, at);
    for (size_t i = 0; i < x->r->n_at && !x->limit; i++) {
        size_t pattern = x->r->at[i], next = SIZE_MAX;
        size_t start = x->next[pattern] > from ? x->next[pattern] : from;

        while (start < at && ((unsigned char)x->s[start] & 0xc0) == 0x80)
            start++; /* not into the middle of a character */
        if (start < at)
            next = attempt(x, pattern, start, 0);
        if (next != SIZE_MAX)
            x->next[pattern] = next;
    }
    pcre2_set_offset_limit(x->mc, PCRE2_UNSET);
}

static void walk(struct redact_search *x)
{
    for (size_t i = 0; i < x->len && !x->limit; i++) {
        unsigned char a = (unsigned char)lower(x->s[i]), b = 0;
        uint16_t first;

        x->digits += a >= '0' && a <= '9';
        if (a == '@')
            try_at(x, i);
        x->colons += a == ':';
        if (i + 1 < x->len)
            b = (unsigned char)lower(x->s[i + 1]);
        if (a >= 128 || b >= 128)
            continue;
        first = x->r->first[(size_t)a * 128 + b];
        if (first)
            hints_at(x, i, first);
    }
}

static bool gate_open(const struct redact_search *x, size_t pattern)
{
    switch (x->r->patterns[pattern].gate) {
    case GATE_START:
    case GATE_AT:
        return false; /* the walk did it */
    case GATE_HOLDS:
        return x->holds[pattern];
    case GATE_DIGITS:
        return x->digits >= 7;
    case GATE_COLON:
        return x->colons >= 2;
    case GATE_NONE:
        break;
    }
    return true;
}

static void find_all(struct redact_search *x, const char *s, size_t len)
{
    x->s = s;
    x->len = len;
    x->n_finds = 0;
    x->steps = 0;
    x->most = REDACT_STEPS_BASE + REDACT_STEPS_PER_BYTE * (uint64_t)len;
    x->limit = false;
    x->digits = x->colons = 0;
    memset(x->next, 0, x->r->n_patterns * sizeof *x->next);
    memset(x->holds, 0, x->r->n_patterns * sizeof *x->holds);
    walk(x);
    for (size_t i = 0; i < x->r->n_patterns && !x->limit; i++)
        if (gate_open(x, i))
            search_through(x, i);
}

/* ---- Replacing ------------------------------------------------------------------------------------------------ */

/* Rows stand in the order of the classes. */
static int by_place(const void *a, const void *b)
{
    const struct find *x = a, *y = b;

    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    if (x->to != y->to)
        return x->to > y->to ? -1 : 1;
    return (x->pattern > y->pattern) - (x->pattern < y->pattern);
}

/* Placeholders that stand in the text already are left alone: finds within one are none. */
static void drop_within_placeholders(struct redact_search *x)
{
    size_t kept = 0, i = 0, from = 0, to = 0;

    for (size_t at = 0; i < x->n_finds; i++) {
        while (at < x->len && at <= x->finds[i].from) {
            size_t n = x->s[at] == '[' ? redact_placeholder(x->r, x->s + at, x->len - at) : 0;

            if (n > 0) {
                from = at;
                to = at + n;
            }
            at += n > 0 ? n : 1;
        }
        if (x->finds[i].from < from || x->finds[i].to > to)
            x->finds[kept++] = x->finds[i];
    }
    x->n_finds = kept;
}

static void replace(struct redact_search *x, struct buf *out, struct redacted *found)
{
    size_t at = 0;

    for (size_t i = 0; i < x->n_finds;) {
        struct find whole = x->finds[i++];

        while (i < x->n_finds && x->finds[i].from < whole.to) {
            if (x->finds[i].to > whole.to)
                whole.to = x->finds[i].to;
            i++;
        }
        buf_add(out, x->s + at, whole.from - at);
        redact_put(x->r, x->r->patterns[whole.pattern].class, x->s + whole.from,
                   whole.to - whole.from, out, found);
        at = whole.to;
    }
    buf_add(out, x->s + at, x->len - at);
}

/* What is no UTF-8, as U+FFFD. False: it is UTF-8 as it stands. */
static bool mend(const char *s, size_t len, struct buf *out)
{
    const utf8proc_uint8_t *p = (const utf8proc_uint8_t *)s;
    utf8proc_int32_t cp;
    size_t good = 0, i = 0;
    bool mended = false;

    while (i < len) {
        utf8proc_ssize_t n =
            p[i] < 0x80 ? 1 : utf8proc_iterate(p + i, (utf8proc_ssize_t)(len - i), &cp);

        if (n > 0) {
            i += (size_t)n;
            continue;
        }
        buf_add(out, s + good, i - good);
        buf_puts(out, REPLACEMENT);
        good = ++i;
        mended = true;
    }
    if (mended)
        buf_add(out, s + good, len - good);
    return mended;
}

void redact_search_text(struct redact_search *x, const char *s, size_t len, struct buf *out,
                        struct redacted *found, struct redact_work *work)
{
    AUTO(buf_done) struct buf mended;

    buf_init(&mended, 3 * len + 1);
    if (mend(s, len, &mended)) {
        s = mended.data;
        len = mended.len;
    }
    find_all(x, s, len);
    if (x->limit) {
        redact_put(x->r, REDACT_CLASS_LIMIT, s, len, out, found);
    } else {
        if (x->n_finds > 0)
            qsort(x->finds, x->n_finds, sizeof *x->finds, by_place);
        drop_within_placeholders(x);
        replace(x, out, found);
    }
    if (work) {
        work->steps += x->steps;
        work->limits += x->limit;
    }
}

void redact_text_work(const struct redactor *r, const char *s, size_t len, struct buf *out,
                      struct redacted *found, struct redact_work *work)
{
    AUTO(redact_search_freep) struct redact_search *x = redact_search_new(r);

    redact_search_text(x, s, len, out, found, work);
}

void redact_text(const struct redactor *r, const char *s, size_t len, struct buf *out,
                 struct redacted *found)
{
    redact_text_work(r, s, len, out, found, NULL);
}

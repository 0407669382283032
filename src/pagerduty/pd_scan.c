/*
 * The scanner of intake: finds event.id and its neighbours in one pass, without allocating.
 *
 *   stack[]  one frame per open container: what it is (enum place), object or array, the known keys already seen
 *   state    what may come next
 *
 * It is at least as lenient as jansson on what it does not need (numbers, UTF-8, other duplicates) and agrees with it
 * on what it does; fuzz_event_scan compares the two.
 */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "pagerduty/pagerduty.h"

enum place {
    AT_OTHER,
    AT_ROOT,
    AT_EVENT,
    AT_DATA,
    AT_INCIDENT, /* event.data.incident */
    AT_ROLES,    /* event.data.incident_role_assignments, an array */
    AT_ROLE,     /* one of them */
    AT_ROLE_INCIDENT,
};

/* Where a text value goes. */
enum catch {
    CATCH_NONE,
    CATCH_ID,
    CATCH_TYPE,
    CATCH_OCCURRED,
    CATCH_DATA_ID,
    CATCH_DATA_TYPE,
    CATCH_INCIDENT_ID,
    CATCH_ROLE_INCIDENT_ID,
    CATCH_COUNT,
};

/* The keys that matter: in this place, this key leads there and its text is caught here. */
static const struct known_key {
    enum place at;
    unsigned char len;
    const char *key;
    enum place to;
    enum catch catch;
} known_keys[] = {
    {AT_ROOT, 5, "event", AT_EVENT, CATCH_NONE},
    {AT_EVENT, 2, "id", AT_OTHER, CATCH_ID},
    {AT_EVENT, 10, "event_type", AT_OTHER, CATCH_TYPE},
    {AT_EVENT, 11, "occurred_at", AT_OTHER, CATCH_OCCURRED},
    {AT_EVENT, 4, "data", AT_DATA, CATCH_NONE},
    {AT_DATA, 2, "id", AT_OTHER, CATCH_DATA_ID},
    {AT_DATA, 4, "type", AT_OTHER, CATCH_DATA_TYPE},
    {AT_DATA, 8, "incident", AT_INCIDENT, CATCH_NONE},
    {AT_DATA, 25, "incident_role_assignments", AT_ROLES, CATCH_NONE},
    {AT_INCIDENT, 2, "id", AT_OTHER, CATCH_INCIDENT_ID},
    {AT_ROLE, 8, "incident", AT_ROLE_INCIDENT, CATCH_NONE},
    {AT_ROLE_INCIDENT, 2, "id", AT_OTHER, CATCH_ROLE_INCIDENT_ID},
};

struct frame {
    unsigned char place;
    bool is_object;
    unsigned short seen; /* bit i: known_keys[i] stood here already */
};
_Static_assert(ARRAY_LEN(known_keys) <= 16, "one bit of frame.seen per known key");

enum state {
    WANT_VALUE,
    WANT_VALUE_OR_END, /* after [ */
    WANT_KEY,
    WANT_KEY_OR_END, /* after { */
    AFTER_VALUE,
};

struct scan {
    const char *p, *end;
    struct frame stack[JSON_TEXT_MAX_DEPTH];
    size_t depth;
    size_t tokens; /* counted like json_prescan: values and keys */
    enum state state;
    enum place to;    /* of the value that comes next */
    enum catch catch; /* likewise */
    struct pd_slice caught[CATCH_COUNT];
    bool needs_full;
};

static bool stops_text(char c)
{
    return c == '"' || c == '\\' || (unsigned char)c < 0x20;
}

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/* The top bit of each byte that stops a text; above the first one there may be false ones. */
static uint64_t stops_in(uint64_t eight)
{
    uint64_t quote = eight ^ EACH_BYTE('"'), slash = eight ^ EACH_BYTE('\\');

    return (((quote - EACH_BYTE(1)) & ~quote) | ((slash - EACH_BYTE(1)) & ~slash) |
            ((eight - EACH_BYTE(0x20)) & ~eight)) &
           EACH_BYTE(0x80);
}

/* To the next byte that stops a text, eight at a time: texts are most of a body. */
static void skip_plain(struct scan *s)
{
    while (s->end - s->p >= 8) {
        uint64_t eight;

        memcpy(&eight, s->p, 8);
        if (stops_in(eight))
            break;
        s->p += 8;
    }
    while (s->p < s->end && !stops_text(*s->p))
        s->p++;
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c);
}

/* p stands behind the opening quote; afterwards behind the closing one. */
static bool text_scan(struct scan *s, struct pd_slice *out, bool *escaped)
{
    const char *from = s->p;

    *escaped = false;
    for (;;) {
        skip_plain(s);
        if (s->p == s->end || (unsigned char)*s->p < 0x20)
            return false;
        if (*s->p == '"')
            break;
        *escaped = true;
        s->p++; /* the backslash */
        if (s->p == s->end || !is_one_of(*s->p, "\"\\/bfnrtu"))
            return false;
        s->p++;
    }
    *out = (struct pd_slice){from, (size_t)(s->p - from)};
    s->p++;
    return true;
}

static bool skip_word(struct scan *s, const char *word, size_t len)
{
    if ((size_t)(s->end - s->p) < len || memcmp(s->p, word, len) != 0)
        return false;
    s->p += len;
    return true;
}

static bool skip_number(struct scan *s)
{
    const char *from = s->p;

    while (s->p < s->end && ((*s->p >= '0' && *s->p <= '9') || is_one_of(*s->p, "+-.eE")))
        s->p++;
    return s->p > from;
}

static bool open_container(struct scan *s, bool is_object)
{
    enum place place = s->to;

    if (s->depth == JSON_TEXT_MAX_DEPTH)
        return false;
    /* Only the assignments are a list; every other place is an object, or else not the place we know. */
    if (is_object == (place == AT_ROLES))
        place = AT_OTHER;
    s->stack[s->depth++] = (struct frame){(unsigned char)place, is_object, 0};
    s->state = is_object ? WANT_KEY_OR_END : WANT_VALUE_OR_END;
    s->to = place == AT_ROLES ? AT_ROLE : AT_OTHER;
    s->catch = CATCH_NONE;
    s->p++;
    return true;
}

static bool value_scan(struct scan *s)
{
    struct pd_slice text;
    bool escaped;

    if (++s->tokens > JSON_TEXT_MAX_TOKENS)
        return false;
    switch (*s->p) {
    case '{':
        return open_container(s, true);
    case '[':
        return open_container(s, false);
    case '"':
        s->p++;
        if (!text_scan(s, &text, &escaped))
            return false;
        /* The first assignment that names an incident counts, like in pd_event_parse. */
        if (s->catch != CATCH_NONE && !s->caught[s->catch].p) {
            s->caught[s->catch] = text;
            s->needs_full |= escaped;
        }
        break;
    case 't':
        if (!skip_word(s, "true", 4))
            return false;
        break;
    case 'f':
        if (!skip_word(s, "false", 5))
            return false;
        break;
    case 'n':
        if (!skip_word(s, "null", 4))
            return false;
        break;
    default:
        if (!skip_number(s))
            return false;
        break;
    }
    s->state = AFTER_VALUE;
    return true;
}

/* Sets where the value of this key belongs. false when a key that matters comes twice. */
static bool key_note(struct scan *s, const struct pd_slice *key, bool escaped)
{
    struct frame *f = &s->stack[s->depth - 1];

    s->to = AT_OTHER;
    s->catch = CATCH_NONE;
    if (f->place == AT_OTHER)
        return true;
    s->needs_full |= escaped; /* "\u0069d" is "id" */
    for (size_t i = 0; i < ARRAY_LEN(known_keys); i++) {
        const struct known_key *k = &known_keys[i];

        if (k->at != (enum place)f->place || k->len != key->len ||
            memcmp(k->key, key->p, key->len) != 0)
            continue;
        if (f->seen & (1U << i))
            return false;
        f->seen = (unsigned short)(f->seen | (1U << i));
        s->to = k->to;
        s->catch = k->catch;
    }
    return true;
}

static bool skip_space(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
        s->p++;
    return s->p < s->end;
}

static bool key_scan(struct scan *s)
{
    struct pd_slice key;
    bool escaped;

    if (*s->p != '"' || ++s->tokens > JSON_TEXT_MAX_TOKENS)
        return false;
    s->p++;
    if (!text_scan(s, &key, &escaped) || !skip_space(s) || *s->p != ':')
        return false;
    s->p++;
    s->state = WANT_VALUE;
    return key_note(s, &key, escaped);
}

static bool close_container(struct scan *s)
{
    s->depth--;
    s->p++;
    s->state = AFTER_VALUE;
    return true;
}

static bool after_value(struct scan *s)
{
    const struct frame *f = &s->stack[s->depth - 1];

    if (*s->p == (f->is_object ? '}' : ']'))
        return close_container(s);
    if (*s->p != ',')
        return false;
    s->p++;
    s->state = f->is_object ? WANT_KEY : WANT_VALUE;
    s->to = f->place == AT_ROLES ? AT_ROLE : AT_OTHER;
    s->catch = CATCH_NONE;
    return true;
}

static bool step(struct scan *s)
{
    switch (s->state) {
    case WANT_VALUE_OR_END:
        return *s->p == ']' ? close_container(s) : value_scan(s);
    case WANT_VALUE:
        return value_scan(s);
    case WANT_KEY_OR_END:
        return *s->p == '}' ? close_container(s) : key_scan(s);
    case WANT_KEY:
        return key_scan(s);
    case AFTER_VALUE:
        return after_value(s);
    }
    return false;
}

static bool slice_is(const struct pd_slice *s, const char *text)
{
    return s->p && s->len == strlen(text) && memcmp(s->p, text, s->len) == 0;
}

/* As text_is_id, for bytes that end with no NUL. */
static bool slice_is_id(const struct pd_slice *s)
{
    if (!s->p || s->len == 0 || s->len > 32)
        return false;
    for (size_t i = 0; i < s->len; i++) {
        char c = s->p[i];

        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')))
            return false;
    }
    return true;
}

/* An empty or endless id is as good as none: the event is then known by the digest of its body. */
static struct pd_slice key_or_none(const struct pd_slice *s)
{
    return s->len > 0 && s->len <= PD_EVENT_ID_MAX_BYTES ? *s : (struct pd_slice){0};
}

static void answer(const struct scan *s, struct pd_scan *out)
{
    const struct pd_slice *incident = &s->caught[CATCH_ROLE_INCIDENT_ID];

    if (slice_is(&s->caught[CATCH_DATA_TYPE], "incident"))
        incident = &s->caught[CATCH_DATA_ID];
    else if (s->caught[CATCH_INCIDENT_ID].p)
        incident = &s->caught[CATCH_INCIDENT_ID];
    *out = (struct pd_scan){.needs_full = s->needs_full};
    if (s->needs_full)
        return;
    out->id = key_or_none(&s->caught[CATCH_ID]);
    out->type = key_or_none(&s->caught[CATCH_TYPE]);
    out->occurred_at = s->caught[CATCH_OCCURRED];
    if (slice_is_id(incident))
        out->incident_id = *incident;
}

int pd_scan(const char *body, size_t len, struct pd_scan *out)
{
    struct scan s = {.p = body, .end = body + len, .state = WANT_VALUE, .to = AT_ROOT};

    if (len > PD_EVENT_MAX_BYTES || !skip_space(&s) || *s.p != '{')
        return ERR_INPUT;
    do {
        if (!skip_space(&s) || !step(&s))
            return ERR_INPUT;
    } while (s.depth > 0);
    if (skip_space(&s))
        return ERR_INPUT; /* something follows the object */
    answer(&s, out);
    return 0;
}

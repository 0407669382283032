/* Words that need ground - numbers, versions, hosts, ids - and whether the evidence holds them. Numbers that are spelled out are not looked at. */
#include <string.h>
#include <utf8proc.h>

#include "base/json.h"
#include "base/text.h"
#include "triage/ask_priv.h"

#define WORD_MAX_BYTES 512 /* what is longer is no word of anybody's: never grounded */

/* ---- words of a text ---- */

struct piece {
    const char *s;
    size_t len;
};

static bool separates(utf8proc_int32_t cp)
{
    const unsigned out =
        1U << UTF8PROC_CATEGORY_ZS | 1U << UTF8PROC_CATEGORY_ZL | 1U << UTF8PROC_CATEGORY_ZP |
        1U << UTF8PROC_CATEGORY_CC | 1U << UTF8PROC_CATEGORY_CF | 1U << UTF8PROC_CATEGORY_PC |
        1U << UTF8PROC_CATEGORY_PD | 1U << UTF8PROC_CATEGORY_PS | 1U << UTF8PROC_CATEGORY_PE |
        1U << UTF8PROC_CATEGORY_PI | 1U << UTF8PROC_CATEGORY_PF | 1U << UTF8PROC_CATEGORY_PO |
        1U << UTF8PROC_CATEGORY_SM | 1U << UTF8PROC_CATEGORY_SC | 1U << UTF8PROC_CATEGORY_SK |
        1U << UTF8PROC_CATEGORY_SO;

    if (cp < 0x80)
        return cp <= ' ' || cp == 0x7f || strchr("\"'`()[]{}<>,;=|!?*&^~\\", (int)cp) != NULL;
    return (out >> (unsigned)utf8proc_category(cp) & 1U) != 0;
}

static size_t char_at(const char *s, utf8proc_int32_t *cp)
{
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s, -1, cp);

    if (n > 0)
        return (size_t)n;
    *cp = ' ';
    return 1;
}

static bool trims(char c, bool front)
{
    return strchr(".:/-_#@+$", c) != NULL || (front && c == '%');
}

static struct piece trimmed(const char *s, size_t len)
{
    if (len == 1 && *s == '%') /* a unit that stands apart */
        return (struct piece){s, len};
    while (len > 0 && trims(*s, true)) {
        s++;
        len--;
    }
    while (len > 0 && trims(s[len - 1], false))
        len--;
    return (struct piece){s, len};
}

/* The next word at or behind *at; false at the end. */
static bool next_word(const char **at, struct piece *out)
{
    utf8proc_int32_t cp;

    while (**at) {
        const char *from = *at;

        while (**at) {
            size_t n = char_at(*at, &cp);

            if (separates(cp))
                break;
            *at += n;
        }
        *out = trimmed(from, (size_t)(*at - from));
        if (**at)
            *at += char_at(*at, &cp);
        if (out->len > 0)
            return true;
    }
    return false;
}

/* ---- which words need ground ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_letter(char c)
{
    return is_upper(c) || (c >= 'a' && c <= 'z');
}

static bool is_hex_letter(char c)
{
    return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* A run of letters that may be an id: six capitals, or seven letters of a hash. */
static bool run_is_id(const char *s, size_t len)
{
    size_t upper = 0, hex = 0;

    for (size_t i = 0; i < len; i++) {
        upper += is_upper(s[i]);
        hex += is_hex_letter(s[i]);
    }
    return (len >= 6 && upper == len) || (len >= 7 && hex == len);
}

static bool has_digit(struct piece w)
{
    utf8proc_int32_t cp;

    for (size_t i = 0; i < w.len;) {
        utf8proc_category_t c;

        i += char_at(w.s + i, &cp);
        c = utf8proc_category(cp);
        if (c == UTF8PROC_CATEGORY_ND || c == UTF8PROC_CATEGORY_NL || c == UTF8PROC_CATEGORY_NO)
            return true;
    }
    return false;
}

static bool needs_ground(struct piece w)
{
    size_t i = 0;

    if (has_digit(w))
        return true;
    while (i < w.len) {
        size_t n = 0;

        while (i + n < w.len && is_letter(w.s[i + n]))
            n++;
        if (run_is_id(w.s + i, n))
            return true;
        i += n ? n : 1;
    }
    return false;
}

/* ---- parts of a word ---- */

/* Takes the first part off w, at "/", "@", "+" or ":" behind a letter: 3/4 and 02:51 stay whole, for their halves say something else. */
static struct piece part_take(struct piece *w)
{
    bool letter = false;
    struct piece part;
    size_t i;

    for (i = 0; i < w->len; i++) {
        char c = w->s[i];

        letter |= is_letter(c);
        if (letter && (c == '/' || c == '@' || c == '+' || (c == ':' && !is_digit(w->s[0]))))
            break;
    }
    part = trimmed(w->s, i);
    *w = i < w->len ? (struct piece){w->s + i + 1, w->len - i - 1} : (struct piece){w->s, 0};
    return part;
}

static bool unit_known(const char *s, size_t len)
{
    static const char *const units[] = {"%",  "ns",  "us",  "\xc2\xb5s", "ms",  "s",    "sec",
                                        "m",  "min", "h",   "d",         "b",   "kb",   "mb",
                                        "gb", "tb",  "kib", "mib",       "gib", "tib",  "k",
                                        "g",  "x",   "hz",  "rps",       "qps", "req/s"};

    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (strlen(units[i]) == len && strncasecmp(units[i], s, len) == 0)
            return true;
    return false;
}

/* How many bytes at the front are a plain number: 4, 4.2, 1,200 was split before. */
static size_t number_len(struct piece w)
{
    size_t i = 0;

    while (i < w.len && is_digit(w.s[i]))
        i++;
    if (i > 0 && i + 1 < w.len && w.s[i] == '.' && is_digit(w.s[i + 1])) {
        i++;
        while (i < w.len && is_digit(w.s[i]))
            i++;
    }
    return i;
}

/* ---- the index of an item ---- */

void words_init(struct words *w)
{
    w->set = json_object();
}

void words_done(struct words *w)
{
    json_decref(w->set);
    w->set = NULL;
}

static void set_add(struct words *w, const char *s, size_t len)
{
    if (len > 0 && len <= WORD_MAX_BYTES)
        json_object_setn_new(w->set, s, len, json_true());
}

/* People write 02:11 for 2026-09-14T02:11:07Z. */
static void time_add(struct words *w, struct piece p)
{
    static const char form[] = "0000-00-00T00:00:00";
    size_t n = sizeof(form) - 1;

    if (p.len < n)
        return;
    for (size_t i = 0; i < n; i++)
        if (form[i] == '0' ? !is_digit(p.s[i]) : p.s[i] != form[i])
            return;
    set_add(w, p.s, 10);
    set_add(w, p.s, n);
    set_add(w, p.s + 11, 5);
    set_add(w, p.s + 11, 8);
    if (p.len > n && p.s[p.len - 1] == 'Z') {
        char zulu[8];

        snprintf(zulu, sizeof(zulu), "%.5sZ", p.s + 11);
        set_add(w, zulu, 6);
        set_add(w, p.s + 11, p.len - 11);
    }
}

static void piece_add(struct words *w, struct piece p)
{
    size_t n = number_len(p);

    set_add(w, p.s, p.len);
    if (n > 0 && n < p.len && unit_known(p.s + n, p.len - n))
        set_add(w, p.s, n);
    time_add(w, p);
}

/* "4.2 s" is also "4.2s". */
static void joined_add(struct words *w, struct piece number, struct piece unit)
{
    char text[64];

    if (number.len == 0 || number_len(number) != number.len || !unit_known(unit.s, unit.len) ||
        number.len + unit.len >= sizeof(text))
        return;
    memcpy(text, number.s, number.len);
    memcpy(text + number.len, unit.s, unit.len);
    set_add(w, text, number.len + unit.len);
}

static void text_add(struct words *w, const char *s)
{
    struct piece p, before = {s, 0};

    while (next_word(&s, &p)) {
        struct piece rest = p;

        piece_add(w, p);
        joined_add(w, before, p);
        while (rest.len > 0) {
            struct piece part = part_take(&rest);

            if (part.len < p.len)
                piece_add(w, part);
        }
        before = p;
    }
}

static void leaf_add(void *ctx, const char *name, const json_t *v)
{
    char number[40];

    if (name)
        text_add(ctx, name);
    if (json_is_string(v))
        text_add(ctx, json_string_value(v));
    else if (json_is_integer(v))
        snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(v));
    else if (json_is_real(v))
        snprintf(number, sizeof(number), "%.15g", json_real_value(v));
    if (json_is_number(v))
        text_add(ctx, number);
}

void words_add(struct words *w, const json_t *j)
{
    walk_leaves(j, leaf_add, w);
}

/* ---- the check ---- */

static bool in_sets(const struct word_ground *g, struct piece p)
{
    for (size_t i = 0; i < g->n; i++)
        if (json_object_getn(g->of[i]->set, p.s, p.len))
            return true;
    return false;
}

static bool is_handle(const struct word_ground *g, struct piece p)
{
    return p.len > 1 && p.s[0] == 'E' && json_object_getn(g->handles, p.s, p.len) != NULL;
}

static bool grounded(const struct word_ground *g, struct piece p)
{
    struct piece rest = p;

    if (p.len > WORD_MAX_BYTES)
        return false;
    if (in_sets(g, p) || is_handle(g, p))
        return true;
    while (rest.len > 0) {
        struct piece part = part_take(&rest);

        if (part.len == p.len || (needs_ground(part) && !in_sets(g, part) && !is_handle(g, part)))
            return false;
    }
    return true;
}

bool words_grounded(const struct word_ground *g, const char *text, char *bad, size_t room)
{
    struct piece p;

    while (next_word(&text, &p)) {
        if (!needs_ground(p) || grounded(g, p))
            continue;
        snprintf(bad, room, "%.*s", (int)text_cut(p.s, p.len, room - 1), p.s);
        return false;
    }
    return true;
}

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

static bool is_number_char(utf8proc_int32_t cp)
{
    utf8proc_category_t c = utf8proc_category(cp);

    return c == UTF8PROC_CATEGORY_ND || c == UTF8PROC_CATEGORY_NL || c == UTF8PROC_CATEGORY_NO;
}

/* Signs that are read as a number: those that stand for a text with digits (a day, an hour, a unit), and two that stand for none. */
static bool reads_as_number(utf8proc_int32_t cp)
{
    utf8proc_int32_t parts[32];
    int boundary = UTF8PROC_BOUNDCLASS_START;
    utf8proc_ssize_t n;

    if (is_number_char(cp) || cp == 0x1f51f || cp == 0x1f4af)
        return true;
    if (cp < 0x80)
        return false;
    n = utf8proc_decompose_char(cp, parts, ARRAY_LEN(parts), UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT,
                                &boundary);
    for (utf8proc_ssize_t i = 0; i < n && i < (utf8proc_ssize_t)ARRAY_LEN(parts); i++)
        if (is_number_char(parts[i]))
            return true;
    return false;
}

/* Latin letters in another coat: wide, bold, in script. No evidence is written in them, but what is copied from one. */
static bool is_disguised(utf8proc_int32_t cp)
{
    return (cp >= 0xff21 && cp <= 0xff5a) || (cp >= 0x1d400 && cp <= 0x1d7ff);
}

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
    return (out >> (unsigned)utf8proc_category(cp) & 1U) != 0 && !reads_as_number(cp);
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
        i += char_at(w.s + i, &cp);
        if (reads_as_number(cp) || is_disguised(cp))
            return true;
    }
    return false;
}

/* db-primary.internal: labels of two characters or more, so that "e.g" is none; the last one of letters. */
static bool is_host(struct piece w)
{
    size_t label = 0, labels = 1, letters = 0;

    for (size_t i = 0; i < w.len; i++) {
        if (w.s[i] == '.') {
            if (label < 2)
                return false;
            label = letters = 0;
            labels++;
        } else if (is_letter(w.s[i]) || is_digit(w.s[i]) || w.s[i] == '-') {
            label++;
            letters += is_letter(w.s[i]);
        } else {
            return false;
        }
    }
    /* A link is taken out behind this, whatever it names. */
    return labels > 1 && label >= 2 && letters == label &&
           !(w.len > 4 && strncasecmp(w.s, "www.", 4) == 0);
}

static bool needs_ground(struct piece w)
{
    size_t i = 0;

    if (has_digit(w) || is_host(w))
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

/* ---- numbers with something between them ---- */

/*
 * "12,180" is neither 12 nor 180. So numbers with no blank between them are one, and so are groups of three behind a single blank (12 180), for a
 * narrow one is often written there.
 */
struct run {
    char text[WORD_MAX_BYTES + 1];   /* as it stands, a blank of whatever kind as " " */
    char joined[WORD_MAX_BYTES + 1]; /* its digits alone */
    size_t len, n_joined, pieces;
    bool groups, over; /* like 1,200,300; longer than any word */
};

static bool is_plain(struct piece p, size_t most)
{
    return p.len > 0 && p.len <= most && number_len(p) == p.len && !memchr(p.s, '.', p.len);
}

static bool run_append(struct run *r, const char *sep, size_t sep_len, struct piece p)
{
    if (r->len + sep_len + p.len > WORD_MAX_BYTES) {
        r->over = true;
        return false;
    }
    memcpy(r->text + r->len, sep, sep_len);
    memcpy(r->text + r->len + sep_len, p.s, p.len);
    memcpy(r->joined + r->n_joined, p.s, p.len);
    r->len += sep_len + p.len;
    r->n_joined += p.len;
    r->pieces++;
    return true;
}

static void run_begin(struct run *r, struct piece p)
{
    r->len = r->n_joined = r->pieces = 0;
    r->over = false;
    r->groups = is_plain(p, 3);
    (void)run_append(r, "", 0, p);
}

static bool is_blank_sign(utf8proc_int32_t cp)
{
    utf8proc_category_t c = utf8proc_category(cp);

    return c == UTF8PROC_CATEGORY_ZS || c == UTF8PROC_CATEGORY_ZL || c == UTF8PROC_CATEGORY_ZP ||
           c == UTF8PROC_CATEGORY_CC;
}

static bool digit_at_end(struct piece p)
{
    size_t i = p.len - 1;
    utf8proc_int32_t cp;

    while (i > 0 && ((unsigned char)p.s[i] & 0xc0) == 0x80)
        i--;
    (void)char_at(p.s + i, &cp);
    return reads_as_number(cp);
}

/* Takes the next word in when it belongs to the number before it. */
static bool run_takes(struct run *r, struct piece before, struct piece next)
{
    const char *gap = before.s + before.len;
    size_t len = (size_t)(next.s - gap), signs = 0, blanks = 0;
    utf8proc_int32_t cp;

    (void)char_at(next.s, &cp);
    if (!digit_at_end(before) || !reads_as_number(cp))
        return false;
    for (size_t i = 0; i < len; signs++) {
        i += char_at(gap + i, &cp);
        blanks += is_blank_sign(cp);
    }
    if (blanks > 0 && !(signs == 1 && r->groups && is_plain(next, 3) && next.len == 3))
        return false;
    r->groups = r->groups && signs == 1 && is_plain(next, 3) && next.len == 3;
    return run_append(r, blanks ? " " : gap, blanks ? 1 : len, next);
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
    struct run run = {.pieces = 0};

    while (next_word(&s, &p)) {
        struct piece rest = p;

        if (run.pieces > 0 && run_takes(&run, before, p)) {
            set_add(w, run.text, run.len);
            if (run.groups)
                set_add(w, run.joined, run.n_joined);
        } else {
            run_begin(&run, p);
        }
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

static bool run_grounded(const struct word_ground *g, const struct run *r)
{
    return !r->over && (in_sets(g, (struct piece){r->text, r->len}) ||
                        (r->groups && in_sets(g, (struct piece){r->joined, r->n_joined})));
}

/* "12 %" is what "12%" is. */
static bool percent_grounded(const struct word_ground *g, struct piece number)
{
    char text[64];

    if (number.len + 1 > sizeof(text))
        return false;
    memcpy(text, number.s, number.len);
    text[number.len] = '%';
    return in_sets(g, (struct piece){text, number.len + 1});
}

static bool word_grounded(const struct word_ground *g, struct piece p, const char *behind)
{
    struct piece next;

    if (!needs_ground(p))
        return true;
    if (number_len(p) == p.len && next_word(&behind, &next) && next.len == 1 && *next.s == '%')
        return percent_grounded(g, p);
    return grounded(g, p);
}

bool words_grounded(const struct word_ground *g, const char *text, char *bad, size_t room)
{
    struct piece p, next;

    while (next_word(&text, &p)) {
        const char *behind = text;
        struct piece last = p, whole = p;
        struct run run;
        bool stands;

        run_begin(&run, p);
        while (run.pieces > 0 && next_word(&behind, &next) && run_takes(&run, last, next)) {
            last = next;
            text = behind;
        }
        whole.len = (size_t)(last.s + last.len - p.s);
        stands = run.pieces > 1 || (run.pieces > 0 && run.over) ? run_grounded(g, &run)
                                                                : word_grounded(g, p, text);
        if (stands)
            continue;
        snprintf(bad, room, "%.*s", (int)text_cut(whole.s, whole.len, room - 1), whole.s);
        return false;
    }
    return true;
}

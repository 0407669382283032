#include <string.h>
#include <utf8proc.h>

#include "base/text.h"

/*
 * Two passes: lower case with folded white space, then one walk from part to part (a part is a run of ASCII letters and
 * digits). Every look ahead is bounded or is part of what gets consumed, so the work is linear in the input.
 */
#define PART_LOOK_MAX 64 /* no id that people quote is longer */

struct walk {
    const char *s;
    size_t len;
    size_t at;
    bool hash_before; /* the part before this one was taken for a hash, and a '-' stands between */
    struct buf *out;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool is_part(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z');
}

/* What Kubernetes makes its random suffixes of: no vowels, no digits that look like letters. */
static bool is_kube(char c)
{
    return c != '\0' && strchr("bcdfghjklmnpqrstvwxz2456789", c) != NULL;
}

static char peek(const struct walk *w, size_t i)
{
    return i < w->len ? w->s[i] : '\0';
}

static size_t part_len(const struct walk *w, size_t from)
{
    size_t n = 0;

    while (is_part(peek(w, from + n)))
        n++;
    return n;
}

static size_t digit_len(const struct walk *w, size_t from)
{
    size_t n = 0;

    while (is_digit(peek(w, from + n)))
        n++;
    return n;
}

static void take(struct walk *w, size_t len, const char *as)
{
    buf_puts(w->out, as);
    w->at += len;
}

/* 8-4-4-4-12 hex digits */
static size_t uuid_len(const struct walk *w)
{
    static const size_t groups[] = {8, 4, 4, 4, 12};
    size_t n = 0;

    for (size_t g = 0; g < ARRAY_LEN(groups); g++) {
        if (g > 0 && peek(w, w->at + n++) != '-')
            return 0;
        for (size_t i = 0; i < groups[g]; i++)
            if (!is_hex(peek(w, w->at + n++)))
                return 0;
    }
    return is_part(peek(w, w->at + n)) ? 0 : n;
}

/* IPv6 and hardware addresses: hex groups with "::" or three colons, and a digit. */
static size_t colon_address_len(const struct walk *w)
{
    size_t n = 0, colons = 0, digits = 0;
    bool pair = false;
    char c;

    for (; n < PART_LOOK_MAX; n++) {
        c = peek(w, w->at + n);
        if (c == ':') {
            pair = pair || (n > 0 && w->s[w->at + n - 1] == ':');
            colons++;
        } else if (is_digit(c)) {
            digits++;
        } else if (!is_hex(c)) {
            break;
        }
    }
    if (n == PART_LOOK_MAX || is_part(peek(w, w->at + n)) || (!pair && colons < 3) || digits == 0)
        return 0;
    while (n > 0 && w->s[w->at + n - 1] == ':')
        n--; /* "fe80::1:" in a sentence */
    return n;
}

/* "PABC123", 'web-01': one quoted word with a digit in it. */
static size_t quoted_len(const struct walk *w)
{
    char quote = peek(w, w->at), c;
    bool digit = false;
    size_t n = 1;

    if (quote != '"' && quote != '\'' && quote != '`')
        return 0;
    for (; n < PART_LOOK_MAX; n++) {
        c = peek(w, w->at + n);
        if (c == quote)
            return digit && n > 1 ? n + 1 : 0;
        if (!is_part(c) && c != '_' && c != '-')
            return 0;
        digit = digit || is_digit(c);
    }
    return 0;
}

/* Hex of six and more digits, or base-32-like: letters and digits that change places more often than names do. */
static bool looks_random(const char *p, size_t len, bool behind_dash, bool hash_before)
{
    size_t hex = 0, kube = 0, digits = 0, changes = 0;

    for (size_t i = 0; i < len; i++) {
        hex += is_hex(p[i]);
        kube += is_kube(p[i]);
        digits += is_digit(p[i]);
        changes += i > 0 && is_digit(p[i]) != is_digit(p[i - 1]);
    }
    if (hex == len && len >= 6 && digits > 0)
        return true;
    if (kube == len && len >= 7)
        return true;
    if (kube == len && len == 5 && behind_dash && (digits > 0 || hash_before))
        return true;
    return (len >= 7 && changes >= 2) || (len >= 5 && changes >= 3);
}

/* Units may follow a number: "4.2s" and "17s" are both "#s". The letters of hex ids are not taken for units. */
static bool is_unit(const char *p, size_t len)
{
    static const char *const units[] = {
        "ns", "us",   "ms",  "s",    "sec",  "secs", "m",   "min", "mins", "h",   "hr",  "hrs",
        "d",  "days", "w",   "b",    "kb",   "mb",   "gb",  "tb",  "kib",  "mib", "gib", "tib",
        "k",  "ki",   "mi",  "gi",   "g",    "t",    "rps", "qps", "req",  "x",   "st",  "nd",
        "rd", "th",   "bps", "kbps", "mbps", "gbps", "hz",  "mhz", "ghz",  "v",   "c",   "f",
    };

    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (strlen(units[i]) == len && memcmp(units[i], p, len) == 0)
            return true;
    return false;
}

/* "14t02" and "07z" inside "2026-09-14t02:11:07z" */
static bool is_time_part(const struct walk *w, size_t from, size_t len)
{
    size_t n = digit_len(w, from);
    char c = peek(w, from + n);

    if (n == len)
        return true;
    if (n == 0 || n > 9)
        return false;
    if (c == 'z')
        return n + 1 == len;
    return c == 't' && n == 2 && digit_len(w, from + n + 1) + n + 1 == len;
}

/*
 * At digits: eats what belongs to the same number, date, time or address ("10.0.0.1:8080", "2026-09-14t02:11:07z",
 * "1,024", "3/5") and one unit behind it.
 */
static void take_number(struct walk *w)
{
    size_t n = digit_len(w, w->at);

    for (;;) {
        size_t from = w->at + n + 1, next;

        if (!strchr(".,:/-+", peek(w, w->at + n)) || w->at + n >= w->len)
            break;
        next = part_len(w, from);
        if (next == 0)
            break;
        if (is_time_part(w, from, next)) {
            n += 1 + next;
            continue;
        }
        if (strchr(".,", w->s[w->at + n]) && digit_len(w, from) > 0 &&
            is_unit(w->s + from + digit_len(w, from), next - digit_len(w, from)))
            n += 1 + digit_len(w, from);
        break;
    }
    take(w, n, "#");
}

/* Letters stay, each run of digits becomes "#": "web01" is "web#". */
static void take_mixed(struct walk *w, size_t len)
{
    size_t end = w->at + len;

    while (w->at < end) {
        if (is_digit(w->s[w->at])) {
            take(w, digit_len(w, w->at), "#");
        } else {
            buf_putc(w->out, w->s[w->at]);
            w->at++;
        }
    }
}

static void take_part(struct walk *w)
{
    const char *p = w->s + w->at;
    size_t len = part_len(w, w->at), digits = digit_len(w, w->at);
    bool behind_dash = w->at > 0 && w->s[w->at - 1] == '-';
    bool hash_before = behind_dash && w->hash_before;

    w->hash_before = false;
    if (len > 2 && p[0] == '0' && p[1] == 'x' && strspn(p + 2, "0123456789abcdef") >= len - 2) {
        take(w, len, "#");
    } else if (digits == len) {
        w->hash_before = len >= 6;
        take_number(w);
    } else if (digits > 0 && is_unit(p + digits, len - digits) &&
               (digits < 6 || len - digits > 1 || !is_hex(p[digits]))) {
        take(w, digits, "#");
        buf_add(w->out, p + digits, len - digits);
        w->at += len - digits;
    } else if (looks_random(p, len, behind_dash, hash_before)) {
        w->hash_before = true;
        take(w, len, "#");
    } else {
        take_mixed(w, len);
    }
}

static void walk(struct walk *w)
{
    while (w->at < w->len) {
        size_t n = quoted_len(w);

        if (n == 0 && is_part(w->s[w->at])) {
            n = uuid_len(w);
            if (n == 0)
                n = colon_address_len(w);
            if (n == 0) {
                take_part(w);
                continue;
            }
        }
        if (n > 0) {
            take(w, n, "#");
            continue;
        }
        if (w->s[w->at] != '-')
            w->hash_before = false;
        buf_putc(w->out, w->s[w->at]);
        w->at++;
    }
}

static bool is_space(utf8proc_int32_t cp)
{
    const unsigned spaces = 1U << UTF8PROC_CATEGORY_ZS | 1U << UTF8PROC_CATEGORY_ZL |
                            1U << UTF8PROC_CATEGORY_ZP | 1U << UTF8PROC_CATEGORY_CC;

    return (spaces >> (unsigned)utf8proc_category(cp) & 1U) != 0;
}

static void fold(struct buf *b, const char *s, size_t len)
{
    bool space = false;

    while (len > 0) {
        utf8proc_int32_t cp;
        utf8proc_uint8_t text[4];
        utf8proc_ssize_t n =
            utf8proc_iterate((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)len, &cp);

        if (n <= 0) {
            cp = 0xfffd;
            n = 1;
        }
        s += n;
        len -= (size_t)n;
        if (is_space(cp)) {
            space = b->len > 0;
            continue;
        }
        if (space)
            buf_putc(b, ' ');
        space = false;
        buf_add(b, text, (size_t)utf8proc_encode_char(utf8proc_tolower(cp), text));
    }
}

void text_normalise(struct buf *out, const char *s, size_t len)
{
    AUTO(buf_done) struct buf folded = {0};
    struct walk w = {.out = out};

    CHECK(len < SIZE_MAX / 8);
    buf_init(&folded, 4 * len); /* lower case may need a byte more, U+FFFD needs three for one */
    fold(&folded, s, len);
    w.s = buf_str(&folded);
    w.len = folded.len;
    walk(&w);
}

/* What is taken out of a model's words before anybody reads them. */
#include <string.h>
#include <strings.h>
#include <utf8proc.h>

#include "base/text.h"
#include "triage/ask_priv.h"

#define LINK_MARK "[link]"

static size_t char_at(const char *s, utf8proc_int32_t *cp)
{
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s, -1, cp);

    CHECK(n > 0); /* jansson took only UTF-8 */
    return (size_t)n;
}

static bool is_control(utf8proc_int32_t cp)
{
    return utf8proc_category(cp) == UTF8PROC_CATEGORY_CC;
}

/* Controls, formats (bidi, zero width), private and unassigned ones, and letters without a look: they can hide words or turn them round. */
static bool is_hidden(utf8proc_int32_t cp)
{
    const unsigned out = 1U << UTF8PROC_CATEGORY_CC | 1U << UTF8PROC_CATEGORY_CF |
                         1U << UTF8PROC_CATEGORY_CS | 1U << UTF8PROC_CATEGORY_CO |
                         1U << UTF8PROC_CATEGORY_CN;

    return (out >> (unsigned)utf8proc_category(cp) & 1U) != 0 || cp == 0x034f || cp == 0x115f ||
           cp == 0x1160 || cp == 0x17b4 || cp == 0x17b5 || (cp >= 0x180b && cp <= 0x180f) ||
           cp == 0x2800 || cp == 0x3164 || cp == 0xffa0 || (cp >= 0xfe00 && cp <= 0xfe0f) ||
           (cp >= 0xe0000 && cp <= 0xe0fff);
}

static bool is_blank(utf8proc_int32_t cp)
{
    utf8proc_category_t c = utf8proc_category(cp);

    return cp == ' ' || cp == '\n' || cp == '\r' || cp == '\t' || c == UTF8PROC_CATEGORY_ZS ||
           c == UTF8PROC_CATEGORY_ZL || c == UTF8PROC_CATEGORY_ZP;
}

const char *report_plain(struct arena *a, const char *s)
{
    char *out = arena_alloc(a, strlen(s) + 1);
    size_t n = 0;
    utf8proc_int32_t cp;

    while (*s) {
        size_t took = char_at(s, &cp);

        if (is_blank(cp)) {
            if (n > 0 && out[n - 1] != ' ')
                out[n++] = ' ';
        } else if (!is_hidden(cp)) {
            memcpy(out + n, s, took);
            n += took;
        }
        s += took;
    }
    if (n > 0 && out[n - 1] == ' ')
        n--;
    out[n] = '\0';
    return out;
}

const char *report_bare(struct arena *a, const char *s)
{
    char *out = arena_alloc(a, strlen(s) + 1);
    size_t n = 0;
    utf8proc_int32_t cp;

    while (*s) {
        size_t took = char_at(s, &cp);

        if (!is_control(cp) && !(n == 0 && cp == ' ')) {
            memcpy(out + n, s, took);
            n += took;
        }
        s += took;
    }
    while (n > 0 && out[n - 1] == ' ')
        n--;
    out[n] = '\0';
    return out;
}

/* ---- links ---- */

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

/* "example.org/x", "example.org?q": what chat tools make a link of by themselves. A path that begins with "/" is none. */
static bool is_host_path(const char *s, size_t len)
{
    size_t i = 0, dot = 0;

    while (i < len && (is_host_char(s[i]) || s[i] == '.')) {
        dot = s[i] == '.' ? i : dot;
        i++;
    }
    if (dot == 0 || i == len || (s[i] != '/' && s[i] != '?') || i - dot < 3)
        return false;
    for (size_t k = dot + 1; k < i; k++)
        if (s[k] >= '0' && s[k] <= '9')
            return false;
    return true;
}

static bool begins(const char *s, size_t len, const char *with)
{
    size_t n = strlen(with);

    return len >= n && strncasecmp(s, with, n) == 0;
}

static bool is_link(const char *s, size_t len)
{
    static const char *const schemes[] = {"www.", "mailto:", "javascript:", "//"};

    if (memmem(s, len, "://", 3))
        return true;
    /* Behind brackets and quotes: "[here](//x.example)" is one word. */
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (is_host_char(s[i - 1]) || s[i - 1] == '.' || s[i - 1] == '/'))
            continue;
        for (size_t k = 0; k < ARRAY_LEN(schemes); k++)
            if (begins(s + i, len - i, schemes[k]))
                return true;
        if (is_host_path(s + i, len - i))
            return true;
    }
    return false;
}

/* At a blank, so that no number or name loses its end and becomes another. */
static size_t cut_at_blank(const char *s, size_t len)
{
    size_t n = REPORT_TEXT_MAX_BYTES;

    if (len <= n)
        return len;
    while (n > 0 && s[n] != ' ')
        n--;
    return n;
}

const char *report_text(struct arena *a, const char *s, bool *links, bool *cut)
{
    AUTO(buf_done) struct buf b = {0};
    size_t keep;

    *links = *cut = false;
    buf_init(&b, 8 * strlen(s) + 64);
    while (*s) {
        size_t len = strcspn(s, " ");

        if (is_link(s, len)) {
            *links = true;
            buf_puts(&b, LINK_MARK);
        } else {
            buf_add(&b, s, len);
        }
        s += len;
        if (*s) {
            buf_putc(&b, ' ');
            s++;
        }
    }
    keep = cut_at_blank(buf_str(&b), b.len);
    *cut = keep < b.len;
    return keep > 0 ? arena_strndup(a, buf_str(&b), keep) : NULL;
}

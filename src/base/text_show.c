#include <string.h>
#include <utf8proc.h>

#include "base/text.h"

#define ELLIPSIS    "\xe2\x80\xa6"
#define REPLACEMENT "\xef\xbf\xbd"
#define PIECE_MAX   16

/*
 * Characters without a look of their own that are no control or format characters to Unicode: fillers and selectors.
 * They can make two names look alike or carry hidden text. U+FE0F stays: it only picks the emoji form.
 */
static bool is_invisible(utf8proc_int32_t cp)
{
    static const struct {
        utf8proc_int32_t from;
        utf8proc_int32_t to;
    } ranges[] = {
        {0x034f, 0x034f}, {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f},   {0x2800, 0x2800},
        {0x3164, 0x3164}, {0xfe00, 0xfe0e}, {0xffa0, 0xffa0}, {0xe0000, 0xe0fff},
    };

    for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
        if (cp >= ranges[i].from && cp <= ranges[i].to)
            return true;
    return false;
}

static bool must_show(utf8proc_int32_t cp)
{
    /* Control, format, surrogate, private, unassigned; line and paragraph separators. */
    const unsigned shown = 1U << UTF8PROC_CATEGORY_CC | 1U << UTF8PROC_CATEGORY_CF |
                           1U << UTF8PROC_CATEGORY_CS | 1U << UTF8PROC_CATEGORY_CO |
                           1U << UTF8PROC_CATEGORY_CN | 1U << UTF8PROC_CATEGORY_ZL |
                           1U << UTF8PROC_CATEGORY_ZP;

    return (shown >> (unsigned)utf8proc_category(cp) & 1U) || is_invisible(cp);
}

struct piece {
    char text[PIECE_MAX];
    size_t len;
};

static void piece_set(struct piece *p, const char *s, size_t len)
{
    memcpy(p->text, s, len);
    p->len = len;
}

/* "[U+202E]" */
static void piece_code(struct piece *p, utf8proc_int32_t cp)
{
    static const char hex[] = "0123456789ABCDEF";
    int shift = cp > 0xfffff ? 20 : cp > 0xffff ? 16 : 12;

    memcpy(p->text, "[U+", 3);
    p->len = 3;
    for (; shift >= 0; shift -= 4)
        p->text[p->len++] = hex[(unsigned)cp >> shift & 15U];
    p->text[p->len++] = ']';
}

/* What the character at s becomes; returns how many bytes it took. */
static size_t next_piece(const char *s, size_t len, bool one_line, struct piece *p)
{
    utf8proc_int32_t cp;
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)len, &cp);

    if (n <= 0) {
        piece_set(p, REPLACEMENT, strlen(REPLACEMENT));
        return 1;
    }
    if (cp == '\n' || cp == '\r') {
        piece_set(p, one_line ? " " : "\n", 1);
        return cp == '\r' && len > 1 && s[1] == '\n' ? 2 : 1;
    }
    if (cp == '\t')
        piece_set(p, " ", 1);
    else if (must_show(cp))
        piece_code(p, cp);
    else
        piece_set(p, s, (size_t)n);
    return (size_t)n;
}

void text_show(struct buf *out, const char *s, size_t len, size_t max_bytes, bool one_line)
{
    size_t mark = strlen(ELLIPSIS);
    size_t done = 0;   /* bytes written so far */
    size_t cut_at = 0; /* how much still leaves room for the mark */
    size_t start = out->len;

    while (len > 0) {
        struct piece p;
        size_t took = next_piece(s, len, one_line, &p);

        if (done + p.len > max_bytes) {
            /* Take back what the mark needs; a buffer that ran over is left alone. */
            if (!out->over && out->data) {
                out->len = start + cut_at;
                out->data[out->len] = '\0';
                if (max_bytes >= mark)
                    buf_puts(out, ELLIPSIS);
            }
            return;
        }
        buf_add(out, p.text, p.len);
        done += p.len;
        if (done + mark <= max_bytes)
            cut_at = done;
        s += took;
        len -= took;
    }
}

size_t text_columns(const char *s)
{
    size_t left = strlen(s), columns = 0;

    while (left > 0) {
        utf8proc_int32_t cp;
        utf8proc_ssize_t n =
            utf8proc_iterate((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)left, &cp);

        if (n <= 0) {
            columns++; /* a terminal shows one replacement character */
            n = 1;
        } else {
            columns += (size_t)utf8proc_charwidth(cp);
        }
        s += n;
        left -= (size_t)n;
    }
    return columns;
}

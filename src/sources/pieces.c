/* Texts with places: "{name}" is a value, "{{" and "}}" are braces. */
#include <string.h>

#include "base/text.h"
#include "sources/sources_priv.h"

#define NAME_MAX_BYTES 256
#define PIECES_MAX     64

static int piece_add(struct src_pieces *p, const char *text, size_t len, bool place, struct err *e)
{
    if (p->n == PIECES_MAX)
        return err_set(e, ERR_INPUT, "more than %d places and texts", PIECES_MAX);
    p->v = mem_grow(p->v, p->n + 1, sizeof *p->v);
    p->v[p->n++] = (struct src_piece){.text = mem_strndup(text, len), .place = place};
    return 0;
}

static int filter_of(struct src_piece *x, struct err *e)
{
    char *bar = strchr(x->text, '|');

    if (!bar)
        return 0;
    if (strcmp(bar, "|quote") == 0)
        x->filter = SRC_QUOTE;
    else if (strcmp(bar, "|regex") == 0)
        x->filter = SRC_REGEX;
    else
        return err_set(e, ERR_INPUT, "{%.80s}: behind the bar stands quote or regex", x->text);
    *bar = '\0';
    return x->text[0] ? 0 : err_set(e, ERR_INPUT, "a place has no name");
}

static int place_take(const char *text, size_t *at, bool filters, struct src_pieces *out,
                      struct err *e)
{
    size_t len = strcspn(text + *at + 1, "{}");

    if (text[*at + 1 + len] != '}' || len == 0 || len >= NAME_MAX_BYTES)
        return err_set(e, ERR_INPUT, "a brace is not closed; write {{ or }} for a brace itself");
    if (piece_add(out, text + *at + 1, len, true, e) < 0)
        return e->code;
    *at += len + 2;
    return filters ? filter_of(&out->v[out->n - 1], e) : 0;
}

static int literal_take(const char *text, size_t *at, struct src_pieces *out, struct err *e)
{
    AUTO(buf_done) struct buf b = {0};

    buf_init(&b, 8192);
    while (text[*at] != '\0') {
        char c = text[*at];

        if ((c == '{' || c == '}') && text[*at + 1] == c)
            (*at)++;
        else if (c == '{')
            break;
        else if (c == '}')
            return err_set(e, ERR_INPUT, "a brace is not opened; write }} for a brace itself");
        buf_putc(&b, c);
        (*at)++;
    }
    if (b.over)
        return err_set(e, ERR_INPUT, "the text is over 8192 bytes");
    return piece_add(out, buf_str(&b), b.len, false, e);
}

int src_pieces_parse(const char *text, bool filters, struct src_pieces *out, struct err *e)
{
    struct src_pieces p = {0};
    size_t at = 0;
    int rc = 0;

    while (rc == 0 && text[at] != '\0') {
        bool place = text[at] == '{' && text[at + 1] != '{';

        rc = place ? place_take(text, &at, filters, &p, e) : literal_take(text, &at, &p, e);
    }
    if (rc < 0) {
        src_pieces_done(&p);
        return rc;
    }
    *out = p;
    return 0;
}

void src_pieces_done(struct src_pieces *p)
{
    for (size_t i = 0; i < p->n; i++)
        mem_freep(&p->v[i].text);
    mem_freep(&p->v);
    p->n = 0;
}

/* From a row and facts to a URL that stays where the file put it. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "sources/sources_priv.h"

/* ---- places ---- */

static const char *const TIME_PLACES[] = {
    "from", "until", "from_ms", "until_ms", "from_ns", "until_ns", "from_iso", "until_iso", "step"};

static bool is_time(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(TIME_PLACES); i++)
        if (strcmp(TIME_PLACES[i], name) == 0)
            return true;
    return false;
}

int src_place_check(const char *name, struct err *e)
{
    if (is_time(name))
        return 0;
    if (text_starts(name, "action.") || text_starts(name, "assessment.") ||
        text_starts(name, "people."))
        return err_set(e, ERR_INPUT, "{%.80s} is known to policies only", name);
    if (!cond_field_known(name))
        return err_set(e, ERR_INPUT,
                       "{%.80s} is no field; docs/rules.md lists them, docs/sources.md the times",
                       name);
    return 0;
}

static void time_text(const char *name, const struct src_window *w, struct buf *out)
{
    int64_t ms = name[0] == 'f' ? w->from_ms : w->until_ms;
    const char *unit = strchr(name, '_');
    char iso[TIME_ISO_MAX];

    if (strcmp(name, "step") == 0)
        buf_printf(out, "%" PRId64, w->step_ms / 1000);
    else if (!unit)
        buf_printf(out, "%" PRId64, ms / 1000);
    else if (strcmp(unit, "_ms") == 0)
        buf_printf(out, "%" PRId64, ms);
    else if (strcmp(unit, "_ns") == 0)
        buf_printf(out, "%" PRId64 "000000", ms);
    else
        buf_puts(out, time_format_iso(ms, false, iso));
}

/* Letters, digits and what names of hosts, services and paths are made of. Quotes, brackets and backslashes of a query language are not. */
static bool is_plain(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];

        if (c < 0x80 && !isalnum(c) && !strchr(" _.:/@,+#-", c))
            return false;
        if (c == '\0')
            return false;
    }
    return true;
}

static bool has_control(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
            return true;
    return false;
}

static void escape(enum src_filter how, const char *s, size_t len, struct buf *out)
{
    for (size_t i = 0; i < len; i++) {
        /* Within "..." the query language takes one backslash away, so that its regular expression sees the other. */
        if (how == SRC_REGEX && s[i] != '"' && strchr("\\.+*?()|[]{}^$", s[i]))
            buf_puts(out, s[i] == '\\' ? "\\\\\\" : "\\\\");
        else if (s[i] == '"' || s[i] == '\\')
            buf_putc(out, '\\');
        buf_putc(out, s[i]);
    }
}

/* A value as it may stand in the query, before it is percent-encoded. */
static int value_text(const struct src_piece *x, json_t *v, struct buf *out, struct err *e)
{
    const char *s = json_string_value(v);
    size_t len = json_string_length(v);

    if (json_is_integer(v)) {
        buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        return 0;
    }
    if (json_is_real(v) || json_is_boolean(v)) {
        json_is_real(v) ? buf_printf(out, "%.15g", json_real_value(v))
                        : buf_puts(out, json_is_true(v) ? "true" : "false");
        return 0;
    }
    if (!s || len == 0)
        return err_set(e, ERR_NOT_FOUND, "{%s} is not known", x->text);
    if (len > SOURCE_VALUE_MAX)
        return err_set(e, ERR_NOT_FOUND, "the value of {%s} is over %d bytes", x->text,
                       SOURCE_VALUE_MAX);
    if (x->filter == SRC_WORD ? !is_plain(s, len) : has_control(s, len))
        return err_set(e, ERR_NOT_FOUND,
                       "the value of {%s} has a character that does not go in there%s", x->text,
                       x->filter == SRC_WORD ? "; in \"...\" of a query write {...|quote}" : "");
    if (x->filter == SRC_WORD)
        buf_add(out, s, len);
    else
        escape(x->filter, s, len, out);
    return 0;
}

/* ---- encoding ---- */

static void encode_byte(struct buf *out, unsigned char c)
{
    buf_printf(out, "%%%02X", c);
}

static void encode(struct buf *out, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];

        if (c < 0x80 && (isalnum(c) || (c && strchr("-._~", c))))
            buf_putc(out, (char)c);
        else
            encode_byte(out, c);
    }
}

/* A literal of the file: what a URL may hold stands as it is. */
static void encode_literal(struct buf *out, const char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;

        if (c <= 0x20 || c >= 0x7f || strchr("\\\"<>^`{|}", c))
            encode_byte(out, c);
        else
            buf_putc(out, (char)c);
    }
}

int src_fill(const struct src_pieces *p, const struct src_fill *f, bool whole, struct buf *out,
             struct err *e)
{
    AUTO(buf_done) struct buf v = {0};

    buf_init(&v, (size_t)SOURCE_VALUE_MAX * 8);
    for (size_t i = 0; i < p->n; i++) {
        const struct src_piece *x = &p->v[i];

        buf_clear(&v);
        if (!x->place) {
            whole ? encode(out, x->text, strlen(x->text)) : encode_literal(out, x->text);
            continue;
        }
        if (is_time(x->text))
            time_text(x->text, &f->w, &v);
        else if (!f->facts)
            buf_puts(&v, "x");
        else if (value_text(x, cond_field(f->facts, x->text), &v, e) < 0)
            return e->code;
        encode(out, buf_str(&v), v.len);
    }
    return out->over ? err_set(e, ERR_DENIED, "the URL is over %d bytes", NET_URL_MAX) : 0;
}

/* ---- the whole URL ---- */

int src_row_url(const struct src_host *h, const struct src_row *r, const struct src_fill *f,
                struct buf *out, struct err *e)
{
    buf_puts(out, h->base_url);
    if (src_fill(&r->url, f, false, out, e) < 0)
        return e->code;
    for (size_t i = 0; i < r->n_params; i++) {
        buf_putc(out, strchr(buf_str(out), '?') ? '&' : '?');
        encode(out, r->params[i].name, strlen(r->params[i].name));
        buf_putc(out, '=');
        if (src_fill(&r->params[i].value, f, true, out, e) < 0)
            return e->code;
    }
    return src_url_stays(h, buf_str(out), e);
}

/* An empty part of the path: some servers and proxies read "//host" as another host, encoded or not. */
static bool has_empty_part(const struct net_url *u)
{
    bool slash = false;

    for (size_t i = 0; i < u->path_len; i++) {
        bool coded = u->path_len - i >= 3 && (strncasecmp(u->path + i, "%2f", 3) == 0 ||
                                              strncasecmp(u->path + i, "%5c", 3) == 0);

        if (slash && (coded || u->path[i] == '/'))
            return true;
        slash = coded || u->path[i] == '/';
        i += coded ? 2 : 0;
    }
    return false;
}

int src_url_stays(const struct src_host *h, const char *url, struct err *e)
{
    struct net_url base, u;

    if (defence_off("source_host"))
        return 0;
    if (net_url_parse(h->base_url, &base, e) < 0)
        return e->code;
    if (net_url_parse(url, &u, e) < 0 || net_url_below(&base, &u, e) < 0) {
        e->code = ERR_DENIED;
        return ERR_DENIED;
    }
    if (has_empty_part(&u))
        return err_set(e, ERR_DENIED, "URL has an empty part (//) in its path");
    return 0;
}

#include "pagerduty/pd_request.h"

#include <string.h>

#include "base/text.h"

void pd_percent(struct buf *out, const char *s)
{
    static const char digits[] = "0123456789ABCDEF";

    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;

        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
            c == '-' || c == '.' || c == '_' || c == '~') {
            buf_putc(out, (char)c);
            continue;
        }
        buf_putc(out, '%');
        buf_putc(out, digits[c >> 4]);
        buf_putc(out, digits[c & 15]);
    }
}

/* A placeholder of the path, "{id}", and what goes there. */
static int place_id(struct buf *url, const char **path, const char *placeholder, const char *id,
                    const struct pd_op *op, struct err *e)
{
    size_t len = strlen(placeholder);

    if (strncmp(*path, placeholder, len) != 0)
        return 0;
    /* Only typed ids reach a path, so that no slash, dot or line break does (threat model S2). */
    if (!id || !text_is_id(id))
        return err_set(e, ERR_INPUT, "%s: %s is not an id (letters and digits, at most 32)",
                       op->name, placeholder);
    buf_puts(url, id);
    *path += len;
    return 1;
}

int pd_request_path(struct buf *url, const struct pd_client *c, const struct pd_op *op,
                    const char *id, const char *note_id, struct err *e)
{
    size_t base_len = strlen(c->base_url);

    while (base_len > 0 && c->base_url[base_len - 1] == '/')
        base_len--;
    buf_add(url, c->base_url, base_len);
    for (const char *p = op->path; *p;) {
        int placed = place_id(url, &p, "{id}", id, op, e);

        if (placed == 0)
            placed = place_id(url, &p, "{note_id}", note_id, op, e);
        if (placed < 0)
            return placed;
        if (placed == 0)
            buf_putc(url, *p++);
    }
    return 0;
}

void pd_request_header(struct net_req *r, const char *name, const char *value)
{
    CHECK(r->n_headers < NET_HEADERS_MAX);
    r->headers[r->n_headers++] = (struct net_header){name, value};
}

int pd_request_begin(struct arena *a, const struct pd_client *c, const struct pd_op *op,
                     const struct buf *url, struct net_req *out, struct err *e)
{
    if (url->over)
        return err_set(e, ERR_INPUT, "%s: the URL is over %d bytes", op->name,
                       PD_REQUEST_URL_MAX_BYTES);
    *out = (struct net_req){
        .peer = c->peer,
        .method = op->method,
        .url = arena_strdup(a, buf_str(url)),
        .auth_prefix = c->auth == PD_AUTH_BEARER ? "Bearer " : "Token token=",
        .auth = c->token,
        .reply_cap_bytes = PD_REPLY_MAX_BYTES,
    };
    /* Accept pins the version of the API whatever the age of the token. The specification asks for the content type on
       GET as well, and takes no charset. */
    pd_request_header(out, "Accept", "application/vnd.pagerduty+json;version=2");
    pd_request_header(out, "Content-Type", "application/json");
    return 0;
}

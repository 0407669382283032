#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/text.h"
#include "http/http_priv.h"

#define PROBLEM_TYPE "application/problem+json"

static void set(struct request *r, int status, const char *type, char *text, size_t len)
{
    mem_freep(&r->reply);
    r->status = status;
    r->content_type = type;
    r->reply = text;
    r->reply_len = len;
}

void answer_text(struct request *r, int status, const char *text)
{
    set(r, status, "text/plain; charset=utf-8", mem_strdup(text), strlen(text));
}

void answer_json(struct request *r, int status, json_t *j)
{
    size_t len;
    char *text = json_canon(j, &len);

    json_decref(j);
    set(r, status, "application/json", text, len);
}

static const char *title_of(int status)
{
    static const struct {
        int status;
        const char *title;
    } titles[] = {
        {400, "Bad request"},       {401, "Who are you?"},         {403, "Not allowed"},
        {404, "Not found"},         {405, "Method not allowed"},   {409, "Conflict"},
        {413, "Too large"},         {415, "Unsupported encoding"}, {422, "Not acceptable"},
        {429, "Too many failures"}, {500, "Internal error"},       {503, "Try again later"}};

    for (size_t i = 0; i < ARRAY_LEN(titles); i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "Error";
}

void answer_problem(struct request *r, int status, const char *fmt, ...)
{
    AUTO(buf_done) struct buf shown; /* what a request brought may be cut inside a character */
    char detail[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(detail, sizeof detail, fmt, ap);
    va_end(ap);
    buf_init(&shown, 8 * sizeof detail);
    text_show(&shown, detail, strlen(detail), 2 * sizeof detail, true);
    answer_json(r, status,
                json_pack("{s:s, s:s, s:i, s:s}", "type", "about:blank", "title", title_of(status),
                          "status", status, "detail", buf_str(&shown)));
    r->content_type = PROBLEM_TYPE;
}

int status_of(const struct err *e)
{
    switch (e->code) {
    case ERR_NONE:
        return 200;
    case ERR_INPUT:
        return 422;
    case ERR_NOT_FOUND:
        return 404;
    case ERR_CONFLICT:
        return 409;
    case ERR_DENIED:
        return 403;
    case ERR_RETRY:
    case ERR_UNSURE:
        return 503;
    case ERR_INTERNAL:
        return 500;
    }
    return 500;
}

void answer_err(struct request *r, const struct err *e)
{
    int status = status_of(e);

    if (status == 503)
        r->retry_after_s = e->retry_after_s ? e->retry_after_s : 1;
    answer_problem(r, status, "%s", e->msg);
}

/*
 * What a page asks for every few seconds and has not changed costs no body: a tag of the bytes, and 304 when the client has them
 * already.
 */
static bool etag_make(struct request *r, char out[SHA256_HEX + 2])
{
    const char *have =
        MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_NONE_MATCH);
    char hex[SHA256_HEX];

    if (r->status != 200 || r->reply_len == 0 || !r->route || strcmp(r->route->method, "GET") != 0)
        return false;
    snprintf(out, SHA256_HEX + 2, "\"%s\"", sha256_hex(r->reply, r->reply_len, hex));
    if (have && strcmp(have, out) == 0)
        set(r, 304, r->content_type, NULL, 0);
    return true;
}

static void headers_add(const struct request *r, struct MHD_Response *resp)
{
    char number[16];

    if (r->content_type)
        MHD_add_response_header(resp, MHD_HTTP_HEADER_CONTENT_TYPE, r->content_type);
    MHD_add_response_header(resp, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(resp, "X-Content-Type-Options", "nosniff");
    if (r->location && r->location[0])
        MHD_add_response_header(resp, MHD_HTTP_HEADER_LOCATION, r->location);
    if (r->allow[0] && (r->status == 405 || r->status == 204))
        MHD_add_response_header(resp, MHD_HTTP_HEADER_ALLOW, r->allow);
    if (r->close || atomic_load(&r->server->quiet))
        MHD_add_response_header(resp, MHD_HTTP_HEADER_CONNECTION, "close");
    if (r->status == 401)
        MHD_add_response_header(resp, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    if (r->retry_after_s) {
        snprintf(number, sizeof number, "%u", r->retry_after_s);
        MHD_add_response_header(resp, MHD_HTTP_HEADER_RETRY_AFTER, number);
    }
}

enum MHD_Result answer_send(struct request *r)
{
    char etag[SHA256_HEX + 2];
    bool tagged = etag_make(r, etag);
    enum MHD_ResponseMemoryMode mode = r->reply ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT;
    struct MHD_Response *resp = MHD_create_response_from_buffer(r->reply_len, r->reply, mode);
    enum MHD_Result rc;

    if (!resp)
        return MHD_NO;
    if (r->reply)
        (void)TAKE(r->reply); /* the response frees it */
    headers_add(r, resp);
    if (tagged)
        MHD_add_response_header(resp, MHD_HTTP_HEADER_ETAG, etag);
    rc = MHD_queue_response(r->conn, (unsigned)r->status, resp);
    MHD_destroy_response(resp);
    return rc;
}

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "http/http_priv.h"

#define BODY_FIRST_BYTES 4096

/*
 * One request: refused or begun at its header, collected, handled at its end. A handler answers at once, or hands a fact to the
 * engine and the connection sleeps until the fact is committed.
 */
void request_unref(struct request *r)
{
    if (!r || atomic_fetch_sub(&r->refs, 1) > 1)
        return;
    json_decref(r->json);
    json_decref(r->out);
    mem_freep(&r->reply);
    mem_freep(&r->body);
    view_unref(r->view);
    mem_freep(&r);
}

/*
 * Engine thread, after COMMIT. Writes only the fact_* members, which the http thread reads only when this side won the exchange:
 * the loser of the race with the watch thread lets go without touching what the other one uses.
 */
static void on_fact(struct engine_fact *f, int code, const struct err *e)
{
    struct request *r = (struct request *)f;
    int waiting = REQUEST_WAITING;

    pending_remove(r);
    r->fact_code = code;
    if (code < 0)
        r->fact_err = *e;
    else if (r->after)
        r->fact_code = r->after(r, &r->fact_err);
    FAULT_POINT("http.before_answer");
    if (atomic_compare_exchange_strong(&r->state, &waiting, REQUEST_ANSWERED))
        MHD_resume_connection(
            r->conn); /* the last touch: the connection belongs to its http thread again */
    request_unref(r);
}

enum MHD_Result request_wait(struct request *r)
{
    r->fact.answer = on_fact;
    r->waited = true;
    atomic_fetch_add(&r->server->n_waiting, 1);
    atomic_fetch_add(&r->refs, 1);
    atomic_store(&r->state, REQUEST_WAITING);
    /* Before the watch thread and the engine can see the request: a resume of what does not sleep yet would be lost. */
    MHD_suspend_connection(r->conn);
    pending_add(r);
    if (engine_post(r->server->opts.engine, &r->fact))
        return MHD_YES;
    /* Full or stopping: authentic overload is 503, never a 4xx. */
    pending_remove(r);
    int waiting = REQUEST_WAITING;

    if (atomic_compare_exchange_strong(&r->state, &waiting, REQUEST_LATE))
        MHD_resume_connection(r->conn);
    request_unref(r);
    return MHD_YES;
}

static enum MHD_Result finish(struct request *r)
{
    FAULT_POINT("http.before_finish");
    if (atomic_load(&r->state) != REQUEST_ANSWERED) {
        r->retry_after_s = 5;
        answer_problem(r, 503, "not stored in time; send it again");
    } else if (r->fact_code < 0) {
        answer_err(r, &r->fact_err);
    } else if (r->route->flags & ROUTE_WEBHOOK) {
        answer_text(r, 202, "");
    } else {
        r->location = r->out_location;
        answer_json(r, r->out_status ? r->out_status : 200, r->out ? TAKE(r->out) : json_object());
    }
    return answer_send(r);
}

/* ---- the header ---- */

static void no_route(struct request *r)
{
    AUTO(buf_done) struct buf path;

    buf_init(&path, 256);
    text_show(&path, r->path, strlen(r->path), 200, true);
    if (!r->allow[0])
        answer_problem(r, 404, "nothing is at %s", buf_str(&path));
    else if (strcmp(r->method, MHD_HTTP_METHOD_OPTIONS) == 0)
        answer_text(r, 204, "");
    else
        answer_problem(r, 405, "the methods of %s are %s", buf_str(&path), r->allow);
}

static bool is_identity(const char *encoding)
{
    return !encoding || strcasecmp(encoding, "identity") == 0;
}

/* Who may come in; the body is still on its way. What is refused here leaves r->status behind. */
static void begin_route(struct request *r)
{
    struct err e = {0};

    r->body_max = API_BODY_MAX;
    r->route = route_find(r);
    if (r->route && (r->route->flags & ROUTE_WEBHOOK) && r->control) {
        r->route = NULL;
        r->allow[0] = '\0';
    }
    if (!r->route) {
        no_route(r);
        return;
    }
    if (r->route->flags & ROUTE_WEBHOOK) {
        r->body_max = r->view->cfg->intake.body_max_bytes;
        webhook_begin(r);
        return;
    }
    if (auth_check(r, r->route, &e) < 0)
        answer_problem(
            r, r->caller.kind == CALLER_PERSON ? 403 : (e.code == ERR_DENIED ? 401 : status_of(&e)),
            "%s", e.msg);
    else if (!is_identity(MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND,
                                                      MHD_HTTP_HEADER_CONTENT_ENCODING)))
        answer_problem(r, 415, "send the body as it is, without Content-Encoding");
}

static const char *header(struct request *r, const char *name)
{
    return MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, name);
}

/* The length that was announced, 0 when none was; one that is no number has been answered. */
static uint64_t length_of(struct request *r)
{
    const char *text = header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);
    struct err e = {0};
    int64_t len = 0;

    if (text && parse_i64(text, 0, INT64_MAX, &len, &e) < 0) {
        r->close = true;
        answer_problem(r, 400, "Content-Length is not a number");
    }
    return (uint64_t)len;
}

/*
 * A refusal waits for the end of a body of moderate size; one that has not been sent yet (100-continue) or is absurdly long is
 * answered now, and the connection ends with it.
 */
static enum MHD_Result refuse(struct request *r, uint64_t len)
{
    if (r->close || len > (uint64_t)r->body_max * DISCARD_FACTOR ||
        header(r, MHD_HTTP_HEADER_EXPECT))
        return answer_send(r);
    return MHD_YES;
}

static struct request *request_new(struct http_server *s, struct MHD_Connection *conn, bool control,
                                   const char *url, const char *method)
{
    struct request *r = mem_alloc(sizeof *r);

    r->server = s;
    r->conn = conn;
    r->control = control;
    r->view = view_get(s);
    atomic_init(&r->refs, 1);
    atomic_init(&r->state, REQUEST_OPEN);
    r->begun_wall_ms = clock_wall_ms();
    r->begun_mono_ms = clock_mono_ms();
    if (strlen(method) < sizeof r->method)
        memcpy(r->method, method, strlen(method));
    snprintf(r->path, sizeof r->path, "%s", url);
    atomic_fetch_add(&s->n_requests, 1);
    return r;
}

static enum MHD_Result begin(struct request *r, const char *url, const char *method,
                             const char *version)
{
    const char *problem = guard_headers(r->conn, method, version);
    uint64_t len;

    if (problem) {
        r->close = true;
        answer_problem(r, 400, "%s", problem);
        return answer_send(r);
    }
    if (strlen(url) >= URL_MAX) /* never matched after a cut */
        answer_problem(r, 404, "nothing is there: the path is longer than %d bytes", URL_MAX - 1);
    else
        begin_route(r);
    if (r->body_max == 0)
        r->body_max = API_BODY_MAX;
    len = length_of(r);
    if (r->status == 0 && len > r->body_max)
        answer_problem(r, 413, "at most %zu KiB are taken here", r->body_max / 1024);
    return r->status ? refuse(r, len) : MHD_YES;
}

/* ---- the body ---- */

/* Grows with what has really come: an announced length alone costs nothing. */
static void body_add(struct request *r, const char *data, size_t len)
{
    size_t need = r->body_len + len + 1;

    if (r->status || r->too_large || need > r->body_max + 1) {
        r->too_large = true;
        r->body_len += len; /* counted, thrown away */
        return;
    }
    if (need > r->body_room) {
        size_t room = r->body_room ? r->body_room * 2 : BODY_FIRST_BYTES;

        r->body_room = room > need ? room : need;
        r->body = mem_grow(r->body, r->body_room, 1);
    }
    memcpy(r->body + r->body_len, data, len);
    r->body_len += len;
    r->body[r->body_len] = '\0';
}

static enum MHD_Result complete(struct request *r)
{
    if (r->status)
        return answer_send(r); /* refused at its header */
    if (r->too_large)
        answer_problem(r, 413, "at most %zu KiB are taken here", r->body_max / 1024);
    else if (r->route->handle(r) != MHD_YES)
        return MHD_NO;
    return r->status ? answer_send(r) : MHD_YES;
}

static enum MHD_Result handle(struct http_server *s, bool control, struct MHD_Connection *conn,
                              const char *url, const char *method, const char *version,
                              const char *data, size_t *len, void **ctx)
{
    struct request *r = *ctx;

    if (!r) {
        *ctx = r = request_new(s, conn, control, url, method);
        return begin(r, url, method, version);
    }
    if (*len > 0) {
        body_add(r, data, *len);
        *len = 0;
        return r->body_len > r->body_max * DISCARD_FACTOR ? MHD_NO : MHD_YES;
    }
    return atomic_load(&r->state) == REQUEST_OPEN ? complete(r) : finish(r /* resumed */);
}

enum MHD_Result request_on_tcp(void *arg, struct MHD_Connection *conn, const char *url,
                               const char *method, const char *version, const char *data,
                               size_t *len, void **ctx)
{
    return handle(arg, false, conn, url, method, version, data, len, ctx);
}

enum MHD_Result request_on_control(void *arg, struct MHD_Connection *conn, const char *url,
                                   const char *method, const char *version, const char *data,
                                   size_t *len, void **ctx)
{
    return handle(arg, true, conn, url, method, version, data, len, ctx);
}

void request_on_completed(void *arg, struct MHD_Connection *conn, void **ctx,
                          enum MHD_RequestTerminationCode code)
{
    struct http_server *s = arg;
    struct request *r = *ctx;

    (void)conn;
    (void)code;
    if (r && r->waited)
        atomic_fetch_sub(&s->n_waiting, 1);
    request_unref(r);
    *ctx = NULL;
}

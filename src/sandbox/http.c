#include "sandbox/http.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sandbox/faults.h"
#include "sandbox/outside.h"
#include "sandbox/req.h"
#include "sandbox/timer.h"

enum {
    BODY_MAX = 4 * 1024 * 1024,
    POOL_THREADS = 6,
    MAX_CONNECTIONS = 2000,
    IDLE_S = 120
};
#define ENDLESS_BYTES (UINT64_C(1) << 30)

enum phase {
    PHASE_READ,  /* the body is coming in */
    PHASE_WORK,  /* the request may be handled */
    PHASE_REPLY, /* handled, the answer was held back */
    PHASE_CLOSE, /* no answer at all */
};
struct exchange {
    struct MHD_Connection *connection;
    enum phase phase;
    struct req *req;
    struct fault_plan fault;
    char *drip; /* what is still to be sent byte by byte */
    size_t drip_at, drip_len;
    bool drip_waited;
};

static struct MHD_Daemon *server;

static enum MHD_Result add_query(void *cls, enum MHD_ValueKind kind, const char *key,
                                 const char *value)
{
    struct req *r = cls;
    json_t *list = json_object_get(r->query, key);

    (void)kind;
    if (list == NULL) {
        list = json_array();
        if (json_object_set_new(r->query, key, list) < 0)
            return MHD_YES; /* not UTF-8: PagerDuty ignores what it does not know */
    }
    json_array_append_new(list, json_string(value != NULL ? value : ""));
    return MHD_YES;
}

static char *header_of(struct MHD_Connection *c, const char *name)
{
    return mem_strdup(MHD_lookup_connection_value(c, MHD_HEADER_KIND, name));
}

static void read_headers(struct exchange *x)
{
    struct req *r = x->req;

    r->authorization = header_of(x->connection, "Authorization");
    r->accept = header_of(x->connection, "Accept");
    r->from = header_of(x->connection, "From");
    r->content_type = header_of(x->connection, "Content-Type");
    r->api_key = header_of(x->connection, "x-api-key");
    if (r->api_key == NULL)
        r->api_key = header_of(x->connection, "api-key");
    MHD_get_connection_values(x->connection, MHD_GET_ARGUMENT_KIND, add_query, r);
}

/* ---- holding a connection back ---- */

static void resume(void *arg)
{
    struct exchange *x = arg;

    /* The handler may run on another thread before this call returns: nothing after it touches x. */
    MHD_resume_connection(x->connection);
}

static enum MHD_Result hold(struct exchange *x, int64_t ms, enum phase next)
{
    x->phase = next;
    MHD_suspend_connection(x->connection);
    timer_add(ms, resume, x);
    return MHD_YES;
}

/* ---- answers ---- */

static void add_number(struct MHD_Response *m, const char *name, int value)
{
    char text[16];

    snprintf(text, sizeof text, "%d", value);
    MHD_add_response_header(m, name, text);
}

static char *body_text(struct req *r)
{
    return r->raw != NULL     ? TAKE(r->raw)
           : r->reply != NULL ? json_dumps(r->reply, JSON_COMPACT)
                              : NULL;
}

static void set_reset_on_close(struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct linger now = {1, 0};

    if (info != NULL)
        setsockopt(info->connect_fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

/* ---- answers of the outside world that no honest server gives ---- */

static ssize_t endless(void *cls, uint64_t at, char *out, size_t room)
{
    static const char piece[] =
        "{\"status\":\"success\",\"line\":\"nothing new, nothing new, nothing new\"},\n";
    size_t left = at >= ENDLESS_BYTES ? 0 : (size_t)(ENDLESS_BYTES - at),
           n = room < left ? room : left;

    (void)cls;
    if (n == 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    for (size_t i = 0; i < n; i++)
        out[i] = piece[(at + i) % (sizeof piece - 1)];
    return (ssize_t)n;
}

static ssize_t drip(void *cls, uint64_t at, char *out, size_t room)
{
    struct exchange *x = cls;

    (void)at;
    (void)room;
    if (x->drip_at >= x->drip_len)
        return MHD_CONTENT_READER_END_OF_STREAM;
    x->drip_waited = !x->drip_waited;
    if (!x->drip_waited) {
        out[0] = x->drip[x->drip_at++];
        return 1;
    }
    MHD_suspend_connection(x->connection);
    timer_add(x->req->drip_ms, resume, x);
    return 0;
}

/* libmicrohttpd does not let a length lie, so this answer is written to the socket by hand. A small one always fits its buffer. */
static enum MHD_Result send_lie(struct exchange *x)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    AUTO(mem_freep) char *text = body_text(x->req);
    size_t len = text == NULL ? 0 : strlen(text);
    struct buf b;

    buf_init(&b, (size_t)8 << 20);
    buf_printf(&b,
               "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %lld\r\n\r\n",
               x->req->length >= 0 ? (long long)x->req->length : (long long)len * 2 + 1000);
    buf_add(&b, text, len);
    if (info != NULL && send(info->connect_fd, b.data, b.len, MSG_NOSIGNAL) < 0)
        set_reset_on_close(x->connection);
    buf_done(&b);
    return MHD_NO;
}

static struct MHD_Response *response_of(struct exchange *x)
{
    struct req *r = x->req;
    struct MHD_Response *m;
    size_t len = 0;
    char *text;

    if (r->way == WAY_ENDLESS)
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 65536, endless, NULL, NULL);
    if (r->way == WAY_GZIP_BOMB) {
        void *bomb = outside_bomb(&len);

        m = MHD_create_response_from_buffer(len, bomb, MHD_RESPMEM_PERSISTENT);
        CHECK(m != NULL);
        MHD_add_response_header(m, "Content-Encoding", "gzip");
        return m;
    }
    text = body_text(r);
    len = text == NULL ? 0 : strlen(text);
    if (r->way == WAY_DRIP) {
        x->drip = text;
        x->drip_len = len;
        return MHD_create_response_from_callback(len, 64, drip, x, NULL);
    }
    return MHD_create_response_from_buffer(
        len, text, text == NULL ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_FREE);
}

static enum MHD_Result send_reply(struct exchange *x)
{
    struct req *r = x->req;
    const char *type = r->raw_type != NULL ? r->raw_type : "application/json";
    bool has_body = r->raw != NULL || r->reply != NULL || r->way != WAY_WHOLE;
    struct MHD_Response *m;
    enum MHD_Result rc;

    if (r->way == WAY_LYING_LENGTH)
        return send_lie(x);
    m = response_of(x);
    CHECK(m != NULL);
    if (has_body)
        MHD_add_response_header(m, "Content-Type", type);
    if (r->location != NULL)
        MHD_add_response_header(m, "Location", r->location);
    if (r->limited) {
        add_number(m, "ratelimit-limit", r->limit);
        add_number(m, "ratelimit-remaining", r->remaining);
        add_number(m, "ratelimit-reset", r->reset_s);
    }
    if (r->retry_after_s > 0)
        add_number(m, "Retry-After", r->retry_after_s);
    rc = MHD_queue_response(x->connection, (unsigned)r->status, m);
    MHD_destroy_response(m);
    return rc;
}

static void run_later(void *arg)
{
    struct req *r = arg;

    rest_handle(r);
    req_free(r);
}

/* A faulty answer that hides the real one; the request is not applied. */
static void fault_reply(struct req *r, const struct fault_plan *f)
{
    r->status = f->status;
    r->retry_after_s = f->retry_after_s;
    if (f->garbage) {
        r->status = 200;
        r->raw = mem_strdup("{\"incident\":{\"id\":\"\x01\x02 not json, cut he");
        r->raw_type = "application/json";
    } else if (f->with_body) {
        reply_error(r, f->status, f->status == 429 ? 2020 : 2016,
                    "Fault switched on in the sandbox", NULL);
    }
}

static enum MHD_Result work(struct exchange *x)
{
    struct fault_plan *f = &x->fault;
    struct req *r = x->req;

    if (f->applied_late_ms > 0) {
        timer_add(f->applied_late_ms, run_later, TAKE(x->req));
        return MHD_NO;
    }
    if (f->reset) {
        set_reset_on_close(x->connection);
        return MHD_NO;
    }
    if (f->hang_ms > 0)
        return hold(x, f->hang_ms, PHASE_CLOSE);
    if (f->garbage || f->status != 0) {
        fault_reply(r, f);
        return send_reply(x);
    }
    r->late_ms = f->late_reads_ms;
    rest_handle(r);
    if (f->lost_answer)
        return MHD_NO;
    if (r->way == WAY_HANG)
        return hold(x, r->hold_ms, PHASE_CLOSE);
    if (r->hold_ms > 0)
        return hold(x, r->hold_ms, PHASE_REPLY);
    return send_reply(x);
}

static enum MHD_Result begin(struct exchange *x)
{
    read_headers(x);
    if (x->req->body.over) {
        reply_error(x->req, 413, 2001, "Invalid Input Provided", "The body is too large");
        return send_reply(x);
    }
    if (!rest_is_control(x->req->path))
        faults_match(x->req->method, x->req->path, &x->fault);
    if (x->fault.delay_ms > 0)
        return hold(x, x->fault.delay_ms, PHASE_WORK);
    return work(x);
}

static struct exchange *exchange_new(struct MHD_Connection *c, const char *method, const char *url)
{
    struct exchange *x = mem_alloc(sizeof *x);

    x->connection = c;
    x->req = mem_alloc(sizeof *x->req);
    x->req->method = mem_strdup(method);
    x->req->path = mem_strdup(url);
    x->req->query = json_object();
    buf_init(&x->req->body, BODY_MAX);
    return x;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **con_cls)
{
    struct exchange *x = *con_cls;

    (void)cls;
    (void)version;
    if (x == NULL) {
        *con_cls = exchange_new(c, method, url);
        return MHD_YES;
    }
    if (*size > 0) {
        buf_add(&x->req->body, data, *size);
        *size = 0;
        return MHD_YES;
    }
    switch (x->phase) {
    case PHASE_READ:
        return begin(x);
    case PHASE_WORK:
        return work(x);
    case PHASE_REPLY:
        return send_reply(x);
    case PHASE_CLOSE:
        break;
    }
    return MHD_NO;
}

static void on_end(void *cls, struct MHD_Connection *c, void **con_cls,
                   enum MHD_RequestTerminationCode code)
{
    struct exchange *x = *con_cls;

    (void)cls;
    (void)c;
    (void)code;
    if (x != NULL) {
        req_free(x->req);
        free(x->drip);
        free(x);
    }
    *con_cls = NULL;
}

int http_start(unsigned short *port, struct err *e)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(*port)};
    const union MHD_DaemonInfo *info;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server = MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, *port, NULL,
                              NULL, on_request, NULL, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&at,
                              MHD_OPTION_THREAD_POOL_SIZE, (unsigned)POOL_THREADS,
                              MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS,
                              MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
                              MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_END);
    if (server == NULL)
        return err_set(e, ERR_INTERNAL, "cannot listen on 127.0.0.1:%u; is the port taken?", *port);
    info = MHD_get_daemon_info(server, MHD_DAEMON_INFO_BIND_PORT);
    *port = info != NULL ? info->port : *port;
    return 0;
}

void http_quiesce(void)
{
    MHD_socket s = MHD_quiesce_daemon(server);

    if (s != MHD_INVALID_SOCKET)
        shutdown(s, SHUT_RDWR);
}

void http_stop(void)
{
    MHD_stop_daemon(server);
}

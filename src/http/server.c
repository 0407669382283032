#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "http/http_priv.h"

#define IDLE_TIMEOUT_S      30U
#define CONNECTION_MEMORY   (64U * 1024)
#define LISTEN_BACKLOG      1024
#define CONTROL_CONNECTIONS 64U
#define READER_CACHE_KIB    1024

/* ---- the snapshot that requests see ---- */

static struct http_view *view_new(struct config *cfg, struct rules *rules, struct policy *policy)
{
    struct http_view *v = mem_alloc(sizeof *v);

    atomic_init(&v->refs, 1);
    v->cfg = config_ref(cfg);
    v->rules = rules_ref(rules);
    v->policy = policy_ref(policy);
    return v;
}

static void view_unref(struct http_view *v)
{
    if (!v || atomic_fetch_sub(&v->refs, 1) > 1)
        return;
    config_unref(v->cfg);
    rules_unref(v->rules);
    policy_unref(v->policy);
    mem_freep(&v);
}

static struct http_view *view_get(struct http_server *s)
{
    pthread_mutex_lock(&s->view_lock);
    struct http_view *v = s->view;

    atomic_fetch_add(&v->refs, 1);
    pthread_mutex_unlock(&s->view_lock);
    return v;
}

void http_swap(struct http_server *s, struct config *cfg, struct rules *rules,
               struct policy *policy)
{
    struct http_view *v = view_new(cfg, rules, policy);

    pthread_mutex_lock(&s->view_lock);
    struct http_view *old = s->view;

    s->view = v;
    pthread_mutex_unlock(&s->view_lock);
    view_unref(old);
}

/* ---- read-only connections, one set per http thread ---- */

static void readers_close(void *arg)
{
    struct http_readers *rd = arg;

    triage_reader_close(rd->triage);
    gate_reader_close(rd->gate);
    audit_reader_close(rd->audit);
    people_close(rd->people);
    queue_close(rd->queue);
    store_close(rd->store);
    mem_freep(&rd);
}

struct http_readers *http_readers_get(struct http_server *s, struct err *e)
{
    struct http_readers *rd = pthread_getspecific(s->readers_key);
    const struct store_opts so = {
        .path = s->store_path, .read_only = true, .cache_kib = READER_CACHE_KIB};

    if (rd)
        return rd;
    rd = mem_alloc(sizeof *rd);
    if (store_open(&so, &rd->store, e) < 0 || triage_reader_open(rd->store, &rd->triage, e) < 0 ||
        gate_reader_open(rd->store, &rd->gate, e) < 0 ||
        audit_reader_open(rd->store, &rd->audit, e) < 0 ||
        people_open(rd->store, NULL, &rd->people, e) < 0 ||
        queue_open(rd->store, 0, &rd->queue, e) < 0 ||
        engine_reader_prepare(rd->store, &rd->alarms, e) < 0) {
        readers_close(rd);
        return NULL;
    }
    store_limit_ms(rd->store, 1000);
    pthread_setspecific(s->readers_key, rd);
    return rd;
}

/* ---- one request ---- */

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
    FAULT_POINT("http.before_answer");
    if (atomic_compare_exchange_strong(&r->state, &waiting, REQUEST_ANSWERED))
        MHD_resume_connection(
            r->conn); /* the last touch: the connection belongs to its http thread again */
    request_unref(r);
}

enum MHD_Result request_wait(struct request *r)
{
    r->fact.answer = on_fact;
    atomic_fetch_add(&r->refs, 1);
    atomic_store(&r->state, REQUEST_WAITING);
    pending_add(r);
    MHD_suspend_connection(r->conn);
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
    bool answered = atomic_load(&r->state) == REQUEST_ANSWERED;

    if (answered && r->fact_code >= 0 && r->after)
        r->fact_code = r->after(r, &r->fact_err);
    if (!answered) {
        r->retry_after_s = 5;
        answer_problem(r, 503, "not stored in time; send it again");
    } else if (r->fact_code < 0) {
        answer_err(r, &r->fact_err);
    } else if (r->route->webhook) {
        answer_text(r, 202, "");
    } else {
        r->location = r->out_location;
        answer_json(r, r->out_status ? r->out_status : 200, r->out ? TAKE(r->out) : json_object());
    }
    return answer_send(r);
}

static bool begin_route(struct request *r)
{
    struct err e = {0};
    bool known;

    r->route = route_find(r, &known);
    if (r->route && r->route->webhook && r->control)
        r->route = NULL;
    if (!r->route) {
        if (known)
            answer_problem(r, 405, "%s is not one of the methods of %s", r->method, r->path);
        else
            answer_problem(r, 404, "nothing is at %s", r->path);
        return false;
    }
    r->body_max = r->route->webhook ? r->view->cfg->intake.body_max_bytes : API_BODY_MAX;
    if (r->route->webhook)
        webhook_begin(r);
    else if (auth_check(r, r->route, &e) < 0)
        answer_problem(
            r, r->caller.kind == CALLER_PERSON ? 403 : (e.code == ERR_DENIED ? 401 : status_of(&e)),
            "%s", e.msg);
    return r->status == 0;
}

/* The length that was announced; an absurd one is refused before a byte is read. */
static bool length_fits(struct request *r)
{
    const char *text =
        MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    struct err e = {0};
    int64_t len = 0;

    if (text && parse_i64(text, 0, INT64_MAX, &len, &e) < 0) {
        answer_problem(r, 400, "Content-Length is not a number");
        return false;
    }
    if ((uint64_t)len > r->body_max) {
        answer_problem(r, 413, "at most %zu KiB are taken here", r->body_max / 1024);
        return false;
    }
    if (len > 0) {
        r->body_room = (size_t)len + 1;
        r->body = mem_alloc(r->body_room);
    }
    return true;
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
    snprintf(r->method, sizeof r->method, "%s", method);
    snprintf(r->path, sizeof r->path, "%s", url);
    atomic_fetch_add(&s->n_requests, 1);
    return r;
}

static void body_add(struct request *r, const char *data, size_t len)
{
    if (r->too_large || r->body_len + len > r->body_max) {
        r->too_large = true;
        r->body_len += len; /* counted, thrown away */
        return;
    }
    if (r->body_len + len + 1 > r->body_room) {
        r->body_room = (r->body_len + len) * 2 + 1;
        r->body = mem_grow(r->body, r->body_room, 1);
    }
    memcpy(r->body + r->body_len, data, len);
    r->body_len += len;
    r->body[r->body_len] = '\0';
}

static enum MHD_Result handle(struct http_server *s, bool control, struct MHD_Connection *conn,
                              const char *url, const char *method, const char *data, size_t *len,
                              void **ctx)
{
    struct request *r = *ctx;

    if (!r) {
        *ctx = r = request_new(s, conn, control, url, method);
        if (strlen(url) >= URL_MAX || strlen(method) >= sizeof r->method) {
            answer_problem(r, 404, "nothing is there");
            return answer_send(r);
        }
        if (!begin_route(r) || !length_fits(r))
            return answer_send(r);
        return MHD_YES;
    }
    if (*len > 0) {
        body_add(r, data, *len);
        *len = 0;
        return r->body_len > r->body_max * DISCARD_FACTOR ? MHD_NO : MHD_YES;
    }
    if (atomic_load(&r->state) != REQUEST_OPEN)
        return finish(r); /* resumed */
    if (r->too_large) {
        answer_problem(r, 413, "at most %zu KiB are taken here", r->body_max / 1024);
        return answer_send(r);
    }
    if (r->route->handle(r) != MHD_YES)
        return MHD_NO;
    return r->status ? answer_send(r) : MHD_YES;
}

static enum MHD_Result on_tcp(void *arg, struct MHD_Connection *conn, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *len, void **ctx)
{
    (void)version;
    return handle(arg, false, conn, url, method, data, len, ctx);
}

static enum MHD_Result on_control(void *arg, struct MHD_Connection *conn, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *len, void **ctx)
{
    (void)version;
    return handle(arg, true, conn, url, method, data, len, ctx);
}

static void on_completed(void *arg, struct MHD_Connection *conn, void **ctx,
                         enum MHD_RequestTerminationCode code)
{
    (void)arg;
    (void)conn;
    (void)code;
    request_unref(*ctx);
    *ctx = NULL;
}

__attribute__((format(printf, 2, 0))) static void on_mhd_log(void *arg, const char *fmt, va_list ap)
{
    char line[300];

    (void)arg;
    vsnprintf(line, sizeof line, fmt, ap);
    LOG(DEBUG, "http.library", log_s("text", line));
}

/* ---- listeners ---- */

static int tcp_start(struct http_server *s, struct err *e)
{
    const struct config *cfg = s->view->cfg;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } addr = {0};
    unsigned flags = MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;

    if (inet_pton(AF_INET, cfg->intake.bind, &addr.v4.sin_addr) == 1) {
        addr.v4.sin_family = AF_INET;
        addr.v4.sin_port = htons(cfg->intake.port);
    } else if (inet_pton(AF_INET6, cfg->intake.bind, &addr.v6.sin6_addr) == 1) {
        addr.v6.sin6_family = AF_INET6;
        addr.v6.sin6_port = htons(cfg->intake.port);
        flags |= MHD_USE_IPv6;
    }
    errno = 0;
    s->tcp =
        MHD_start_daemon(flags, cfg->intake.port, NULL, NULL, on_tcp, s, MHD_OPTION_EXTERNAL_LOGGER,
                         on_mhd_log, NULL, MHD_OPTION_SOCK_ADDR, &addr, MHD_OPTION_THREAD_POOL_SIZE,
                         cfg->intake.threads, MHD_OPTION_CONNECTION_LIMIT,
                         cfg->intake.connections_max, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                         (size_t)CONNECTION_MEMORY, MHD_OPTION_LISTEN_BACKLOG_SIZE, LISTEN_BACKLOG,
                         MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S, MHD_OPTION_NOTIFY_COMPLETED,
                         on_completed, s, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (!s->tcp)
        return err_set(
            e, ERR_INTERNAL, "cannot listen on %s port %u: %s; choose another intake.port",
            cfg->intake.bind, cfg->intake.port, errno ? strerror(errno) : "unknown reason");

    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->tcp, MHD_DAEMON_INFO_BIND_PORT);

    if (s->opts.port_out)
        *s->opts.port_out = info && info->port ? info->port : cfg->intake.port;
    return 0;
}

static int control_socket(const char *path, struct err *e)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd;
    mode_t old;

    if (strlen(path) >= sizeof addr.sun_path)
        return err_set(
            e, ERR_INPUT,
            "the path of the control socket is longer than %zu bytes; choose a shorter state_dir: %s",
            sizeof addr.sun_path - 1, path);
    memcpy(addr.sun_path, path, strlen(path));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set(e, ERR_INTERNAL, "no control socket: %s", strerror(errno));
    unlink(path); /* ours: the state folder is locked by the store */
    old = umask(0177);
    if (bind(fd, (struct sockaddr *)&addr, sizeof addr) != 0 || listen(fd, 64) != 0) {
        (void)err_set(e, ERR_INTERNAL, "cannot listen on %s: %s", path, strerror(errno));
        umask(old);
        close(fd);
        return e->code;
    }
    umask(old);
    return fd;
}

static int control_start(struct http_server *s, struct err *e)
{
    int fd = control_socket(s->control_path, e);

    if (fd < 0)
        return e->code;
    s->control = MHD_start_daemon(
        MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        on_control, s, MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, CONTROL_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
        IDLE_TIMEOUT_S, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_END);
    if (!s->control) {
        close(fd);
        return err_set(e, ERR_INTERNAL, "no thread for the control socket");
    }
    return 0;
}

int http_start(const struct http_opts *o, struct http_server **out, struct err *e)
{
    struct http_server *s = mem_alloc(sizeof *s);

    s->opts = *o;
    s->store_path = mem_strdup(o->store_path);
    s->control_path = mem_strdup(o->control_path);
    s->view = view_new(o->cfg, o->rules, o->policy);
    s->failed = failed_new();
    s->started_wall_ms = clock_wall_ms();
    pthread_mutex_init(&s->view_lock, NULL);
    pthread_mutex_init(&s->pending_lock, NULL);
    pthread_key_create(&s->readers_key, readers_close);
    if (pending_start(s, e) < 0 || tcp_start(s, e) < 0 ||
        (s->control_path && control_start(s, e) < 0)) {
        http_free(s);
        return e->code;
    }
    *out = s;
    return 0;
}

void http_set_ready(struct http_server *s, bool ready)
{
    atomic_store(&s->ready, ready);
}

void http_quiesce(struct http_server *s)
{
    atomic_store(&s->quiet, true);
    if (s->tcp)
        close(MHD_quiesce_daemon(s->tcp));
    if (s->control) {
        close(MHD_quiesce_daemon(s->control));
        unlink(s->control_path);
    }
}

void http_free(struct http_server *s)
{
    if (!s)
        return;
    if (s->tcp)
        MHD_stop_daemon(s->tcp);
    if (s->control)
        MHD_stop_daemon(s->control);
    pending_stop(s);
    pthread_key_delete(s->readers_key);
    failed_free(s->failed);
    view_unref(s->view);
    mem_freep(&s->store_path);
    mem_freep(&s->control_path);
    pthread_mutex_destroy(&s->view_lock);
    pthread_mutex_destroy(&s->pending_lock);
    mem_freep(&s);
}

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/http_priv.h"

#define IDLE_TIMEOUT_S      30U
#define CONNECTION_MEMORY   (64U * 1024)
#define LISTEN_BACKLOG      1024
#define CONTROL_CONNECTIONS 64U

/* ---- the snapshot that requests see ---- */

static struct http_view *view_new(struct config *cfg, struct rules *rules, struct policy *policy,
                                  struct redactor *redactor)
{
    struct http_view *v = mem_alloc(sizeof *v);

    atomic_init(&v->refs, 1);
    v->cfg = config_ref(cfg);
    v->rules = rules_ref(rules);
    v->policy = policy_ref(policy);
    v->redactor = redact_ref(redactor);
    return v;
}

void view_unref(struct http_view *v)
{
    if (!v || atomic_fetch_sub(&v->refs, 1) > 1)
        return;
    config_unref(v->cfg);
    rules_unref(v->rules);
    policy_unref(v->policy);
    redact_free(v->redactor);
    mem_freep(&v);
}

struct http_view *view_get(struct http_server *s)
{
    pthread_mutex_lock(&s->view_lock);
    struct http_view *v = s->view;

    atomic_fetch_add(&v->refs, 1);
    pthread_mutex_unlock(&s->view_lock);
    return v;
}

void http_swap(struct http_server *s, struct config *cfg, struct rules *rules,
               struct policy *policy, struct redactor *redactor)
{
    struct http_view *v = view_new(cfg, rules, policy, redactor);

    pthread_mutex_lock(&s->view_lock);
    struct http_view *old = s->view;

    s->view = v;
    pthread_mutex_unlock(&s->view_lock);
    view_unref(old);
}

__attribute__((format(printf, 2, 0))) static void on_mhd_log(void *arg, const char *fmt, va_list ap)
{
    char line[300];

    (void)arg;
    vsnprintf(line, sizeof line, fmt, ap);
    LOG(DEBUG, "http.library", log_s("text", line));
}

/* ---- listeners ---- */

static int listen_on(int fd, const struct sockaddr *addr, socklen_t len)
{
    return bind(fd, addr, len) != 0 || listen(fd, LISTEN_BACKLOG) != 0 ? -errno : 0;
}

static int tcp_socket(const struct config *cfg, uint16_t *port, struct err *e)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } addr = {0};
    const int on = 1;
    socklen_t len = sizeof addr.v4;
    int fd, failed;

    if (inet_pton(AF_INET, cfg->intake.bind, &addr.v4.sin_addr) == 1) {
        addr.v4.sin_family = AF_INET;
        addr.v4.sin_port = htons(cfg->intake.port);
    } else if (inet_pton(AF_INET6, cfg->intake.bind, &addr.v6.sin6_addr) == 1) {
        addr.v6.sin6_family = AF_INET6;
        addr.v6.sin6_port = htons(cfg->intake.port);
        len = sizeof addr.v6;
    } else {
        return err_set(e, ERR_INPUT, "intake.bind: %s is no IP address", cfg->intake.bind);
    }
    fd = socket(addr.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set(e, ERR_INTERNAL, "no socket: %s", strerror(errno));
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    failed = listen_on(fd, &addr.any, len);
    if (failed == 0 && getsockname(fd, &addr.any, &len) != 0)
        failed = -errno;
    if (failed < 0) {
        close(fd);
        return err_set(e, ERR_INTERNAL,
                       "cannot listen on %s port %u: %s; choose another intake.port",
                       cfg->intake.bind, cfg->intake.port, strerror(-failed));
    }
    *port = ntohs(addr.any.sa_family == AF_INET6 ? addr.v6.sin6_port : addr.v4.sin_port);
    return fd;
}

static int control_socket(const char *path, struct err *e)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd, failed;
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
    failed = listen_on(fd, (const struct sockaddr *)&addr, sizeof addr);
    umask(old);
    if (failed < 0) {
        close(fd);
        return err_set(e, ERR_INTERNAL, "cannot listen on %s: %s", path, strerror(-failed));
    }
    return fd;
}

static struct MHD_Daemon *library_start(struct http_server *s, int fd, MHD_AccessHandlerCallback on,
                                        unsigned threads, unsigned connections)
{
    return MHD_start_daemon(
        MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        on, s, MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_THREAD_POOL_SIZE, threads, MHD_OPTION_CONNECTION_LIMIT, connections,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S, MHD_OPTION_UNESCAPE_CALLBACK, guard_unescape,
        NULL, MHD_OPTION_NOTIFY_COMPLETED, request_on_completed, s, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_END);
}

/* Both sockets first: whatever can go wrong has then gone wrong before the first request is taken. */
static int listeners_start(struct http_server *s, struct err *e)
{
    const struct config *cfg = s->view->cfg;
    uint16_t port = 0;
    int tcp = tcp_socket(cfg, &port, e);
    int control = tcp >= 0 && s->control_path ? control_socket(s->control_path, e) : -1;

    if (tcp < 0 || (s->control_path && control < 0)) {
        if (tcp >= 0)
            close(tcp);
        return e->code;
    }
    if (s->control_path)
        s->control = library_start(s, control, request_on_control, 1, CONTROL_CONNECTIONS);
    if (!s->control_path || s->control)
        s->tcp =
            library_start(s, tcp, request_on_tcp, cfg->intake.threads, cfg->intake.connections_max);
    if (!s->tcp)
        return err_set(e, ERR_INTERNAL, "no threads for http; is the limit of processes reached?");
    if (s->opts.port_out)
        *s->opts.port_out = port;
    return 0;
}

int http_start(const struct http_opts *o, struct http_server **out, struct err *e)
{
    struct http_server *s = mem_alloc(sizeof *s);

    s->opts = *o;
    s->tcp_fd = s->control_fd = -1;
    s->store_path = mem_strdup(o->store_path);
    s->control_path = mem_strdup(o->control_path);
    s->view = view_new(o->cfg, o->rules, o->policy, o->redactor);
    s->failed = failed_new();
    s->started_wall_ms = clock_wall_ms();
    pthread_mutex_init(&s->view_lock, NULL);
    pthread_mutex_init(&s->pending_lock, NULL);
    pthread_key_create(&s->readers_key, http_readers_close);
    if (http_schemas_new(&s->schemas, e) < 0 || pending_start(s, e) < 0 ||
        listeners_start(s, e) < 0) {
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
    if (atomic_exchange(&s->quiet, true))
        return;
    /* The threads may still be in poll(2) on these; they are closed when the threads have ended. */
    if (s->tcp)
        s->tcp_fd = MHD_quiesce_daemon(s->tcp);
    if (s->control) {
        s->control_fd = MHD_quiesce_daemon(s->control);
        unlink(s->control_path);
    }
}

/* The engine has answered everything; the http threads still have to write it out. A client that does not read is left behind. */
static void drain(struct http_server *s)
{
    const struct timespec pause = {.tv_nsec = 2000000L};
    int64_t begun = clock_mono_ms();

    while (atomic_load(&s->n_waiting) > 0 && clock_mono_ms() - begun < DRAIN_MS)
        nanosleep(&pause, NULL);
}

static void listener_stop(struct MHD_Daemon *daemon, int fd)
{
    if (daemon)
        MHD_stop_daemon(daemon);
    if (fd >= 0)
        close(fd);
}

void http_free(struct http_server *s)
{
    if (!s)
        return;
    http_quiesce(s);
    drain(s);
    listener_stop(s->tcp, s->tcp_fd);
    listener_stop(s->control, s->control_fd);
    pending_stop(s);
    pthread_key_delete(s->readers_key);
    failed_free(s->failed);
    http_schemas_free(s->schemas);
    view_unref(s->view);
    mem_freep(&s->store_path);
    mem_freep(&s->control_path);
    pthread_mutex_destroy(&s->view_lock);
    pthread_mutex_destroy(&s->pending_lock);
    mem_freep(&s);
}

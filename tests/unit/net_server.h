#ifndef TRIAGED_TESTS_NET_SERVER_H
#define TRIAGED_TESTS_NET_SERVER_H

/* A small HTTP server inside the test: loopback, a thread for each connection, behaviour chosen by the path. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/attr.h"

#define SERVER_CONNECTIONS_MAX 512
#define SERVER_REQUEST_MAX     16384

struct server {
    int fd;
    unsigned port;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    bool stopping;
    unsigned connections, requests, busy, busiest;
    char last[SERVER_REQUEST_MAX];  /* the last request, as it came */
    char paths[SERVER_REQUEST_MAX]; /* the paths asked for, in order, each with a space behind */
    int fds[SERVER_CONNECTIONS_MAX];
    pthread_t threads[SERVER_CONNECTIONS_MAX];
};

struct server_connection {
    struct server *server;
    int fd;
};

struct server_answer {
    const char *path;
    const char *text;
    bool close;
};

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define CHUNKED  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

static const struct server_answer SERVER_ANSWERS[] = {
    {"/good", OK_HELLO, false},
    {"/good-then-close", OK_HELLO, true},
    {"/empty", "HTTP/1.1 204 No Content\r\n\r\n", false},
    {"/not-found", "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", false},
    {"/chunked", CHUNKED "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", false},
    {"/until-close", "HTTP/1.1 200 OK\r\n\r\nall of it", true},
    {"/continue", "HTTP/1.1 100 Continue\r\n\r\n" OK_HELLO, false},
    {"/redirect", "HTTP/1.1 302 Found\r\nLocation: /good\r\nContent-Length: 0\r\n\r\n", false},
    {"/close", "", true},
    {"/garbage", "I do not speak this\r\n\r\n", true},
    {"/cut-status", "HTTP/1.", true},
    {"/cut-head", "HTTP/1.1 200 OK\r\nContent-Le", true},
    {"/cut-head-line", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", true},
    {"/cut-body", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this", true},
    {"/cut-chunk", CHUNKED "5\r\nab", true},
    {"/cut-last-chunk", CHUNKED "2\r\nab\r\n", true},
    {"/continue-only", "HTTP/1.1 100 Continue\r\n\r\n", true},
    {"/over-length", "HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\nx", false},
    {"/limited", "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n", false},
    {"/limited-1", "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
     false},
    {"/limited-reset",
     "HTTP/1.1 429 Too Many Requests\r\nratelimit-limit: 960\r\nratelimit-remaining: 0\r\n"
     "ratelimit-reset: 7\r\nContent-Length: 0\r\n\r\n",
     false},
    {"/unavailable", "HTTP/1.1 503 Busy\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n", false},
    {"/three-left",
     "HTTP/1.1 200 OK\r\nRatelimit-Limit: 960\r\nRatelimit-Remaining: 3\r\nRatelimit-Reset: 30\r\n"
     "Content-Length: 5\r\n\r\nhello",
     false},
};

static bool server_send(int fd, const char *p, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

static void server_sleep_ms(unsigned ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    (void)nanosleep(&t, NULL);
}

/* Returns once the other side closes, or the server stops. */
static void server_wait_close(int fd)
{
    char c;

    while (recv(fd, &c, 1, 0) > 0)
        ;
}

static void server_flood(int fd, const char *head, const char *piece)
{
    bool more = server_send(fd, head, strlen(head));

    while (more)
        more = server_send(fd, piece, strlen(piece));
}

/* Returns whether the connection stays open. */
static bool server_answer(int fd, const char *path)
{
    struct linger hard = {.l_onoff = 1};

    for (size_t i = 0; i < ARRAY_LEN(SERVER_ANSWERS); i++) {
        const struct server_answer *a = &SERVER_ANSWERS[i];
        if (strcmp(path, a->path) == 0)
            return server_send(fd, a->text, strlen(a->text)) && !a->close;
    }
    if (strncmp(path, "/slow/", 6) == 0) {
        server_sleep_ms((unsigned)strtoul(path + 6, NULL, 10));
        return server_send(fd, OK_HELLO, strlen(OK_HELLO));
    }
    if (strcmp(path, "/hang") == 0) {
        server_wait_close(fd);
    } else if (strcmp(path, "/hang-in-body") == 0) {
        if (server_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", 42))
            server_wait_close(fd);
    } else if (strcmp(path, "/over") == 0) {
        server_flood(fd, "HTTP/1.1 200 OK\r\n\r\n", "0123456789abcdef0123456789abcdef");
    } else if (strcmp(path, "/over-head") == 0) {
        server_flood(fd, "HTTP/1.1 200 OK\r\n", "X-Filler: 0123456789abcdef\r\n");
    } else if (strcmp(path, "/reset") == 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    }
    return false;
}

/* Reads one request (head and body) into buf; 0 when the connection ended. */
static size_t server_read(int fd, char *buf)
{
    size_t len = 0, need = 0;

    for (;;) {
        ssize_t n = recv(fd, buf + len, SERVER_REQUEST_MAX - 1 - len, 0);
        char *end, *field;
        if (n <= 0)
            return 0;
        len += (size_t)n;
        buf[len] = '\0';
        end = strstr(buf, "\r\n\r\n");
        if (!end)
            continue;
        field = strcasestr(buf, "\r\ncontent-length: ");
        need = (size_t)(end - buf) + 4 + (field && field < end ? strtoul(field + 18, NULL, 10) : 0);
        if (len >= need)
            return len;
    }
}

static void server_note(struct server *s, const char *request, const char *path, bool begins)
{
    pthread_mutex_lock(&s->lock);
    if (begins) {
        s->requests++;
        s->busy++;
        s->busiest = s->busy > s->busiest ? s->busy : s->busiest;
        (void)snprintf(s->last, sizeof s->last, "%s", request);
        size_t n = strlen(s->paths);
        (void)snprintf(s->paths + n, sizeof s->paths - n, "%s ", path);
    } else {
        s->busy--;
    }
    pthread_mutex_unlock(&s->lock);
}

static void *server_connection_run(void *arg)
{
    struct server_connection *c = arg;
    char *buf = calloc(1, SERVER_REQUEST_MAX), path[256];
    bool open = buf != NULL;

    while (open && server_read(c->fd, buf) > 0) {
        if (sscanf(buf, "%*s %255[^ ?]", path) != 1)
            break;
        server_note(c->server, buf, path, true);
        open = server_answer(c->fd, path);
        server_note(c->server, buf, path, false);
    }
    (void)shutdown(c->fd, SHUT_WR);
    pthread_mutex_lock(&c->server->lock);
    for (size_t i = 0; i < SERVER_CONNECTIONS_MAX; i++) {
        if (c->server->fds[i] == c->fd)
            c->server->fds[i] = -1;
    }
    close(c->fd);
    pthread_mutex_unlock(&c->server->lock);
    free(buf);
    free(c);
    return NULL;
}

static void *server_run(void *arg)
{
    struct server *s = arg;

    for (;;) {
        int fd = accept(s->fd, NULL, NULL);
        struct server_connection *c;
        pthread_mutex_lock(&s->lock);
        if (fd < 0 || s->stopping || s->connections >= SERVER_CONNECTIONS_MAX) {
            if (fd >= 0)
                close(fd);
            pthread_mutex_unlock(&s->lock);
            return NULL;
        }
        c = malloc(sizeof *c);
        *c = (struct server_connection){.server = s, .fd = fd};
        s->fds[s->connections] = fd;
        pthread_create(&s->threads[s->connections++], NULL, server_connection_run, c);
        pthread_mutex_unlock(&s->lock);
    }
}

/* A listening loopback socket on a free port. */
static int server_listen(unsigned *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 256) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) < 0) {
        perror("test server: cannot listen on loopback");
        abort();
    }
    *port = ntohs(at.sin_port);
    return fd;
}

static struct server *server_start(void)
{
    struct server *s = calloc(1, sizeof *s);

    if (!s)
        abort();
    pthread_mutex_init(&s->lock, NULL);
    s->fd = server_listen(&s->port);
    pthread_create(&s->thread, NULL, server_run, s);
    return s;
}

static void server_stop(struct server *s)
{
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    for (size_t i = 0; i < s->connections; i++) {
        if (s->fds[i] >= 0)
            (void)shutdown(s->fds[i], SHUT_RDWR);
    }
    pthread_mutex_unlock(&s->lock);
    (void)shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    for (size_t i = 0; i < s->connections; i++)
        pthread_join(s->threads[i], NULL);
    close(s->fd);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static unsigned server_count(struct server *s, const unsigned *what)
{
    unsigned n;

    pthread_mutex_lock(&s->lock);
    n = *what;
    pthread_mutex_unlock(&s->lock);
    return n;
}

/* A copy of s->last or s->paths, valid until the next call. */
__attribute__((unused)) static const char *server_text(struct server *s, const char *what)
{
    static char copy[SERVER_REQUEST_MAX];

    pthread_mutex_lock(&s->lock);
    memcpy(copy, what, sizeof copy);
    pthread_mutex_unlock(&s->lock);
    return copy;
}

#endif

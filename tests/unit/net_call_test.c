#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/fault.h"
#include "net/net.h"
#include "net_server.h"

#define GUARD_MS 20000 /* no test waits longer; the limits under test are far below */

struct got {
    unsigned times;
    int code, status;
    unsigned retry_after_s;
    size_t body_len;
    int64_t took_ms;
    char body[64], msg[128];
};

struct fixture {
    struct server *server;
    struct net *net;
    struct net_peer *peer;
};

static void keep_reply(void *arg, uint64_t owner, const struct net_reply *r)
{
    struct got *g = arg;

    assert_int_equal(owner, 77);
    g->times++;
    g->code = r->code;
    g->status = r->status;
    g->retry_after_s = r->retry_after_s;
    g->body_len = r->body_len;
    g->took_ms = r->took_ms;
    assert_true(r->body ? r->body_len > 0 && r->body[r->body_len] == '\0' : r->body_len == 0);
    (void)snprintf(g->body, sizeof g->body, "%s", r->body ? r->body : "");
    (void)snprintf(g->msg, sizeof g->msg, "%s", r->msg);
}

static struct net_peer *add_peer(struct net *n, const char *base, bool allow_private)
{
    struct net_peer_opts o = {.name = "stand-in", .base_url = base, .allow_private = allow_private};
    struct net_peer *p = NULL;
    struct err e = {0};

    if (net_peer_add(n, &o, &p, &e) < 0)
        fail_msg("%s: %s", base, e.msg);
    return p;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct err e = {0};
    char base[64];

    f->server = server_start();
    assert_int_equal(net_new(&f->net, &e), 0);
    (void)snprintf(base, sizeof base, "http://127.0.0.1:%u", f->server->port);
    f->peer = add_peer(f->net, base, true);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    net_free(f->net);
    server_stop(f->server);
    free(f);
    return 0;
}

/* Starts the request on the peer's base plus path, and polls until it is over. */
static struct got run(struct net *n, struct net_req *r, const char *path)
{
    struct got g = {0};
    struct err e = {0};
    int64_t end = clock_mono_ms() + GUARD_MS;
    char url[512];

    (void)snprintf(url, sizeof url, "%s%s", net_peer_base(r->peer), path);
    r->url = url;
    if (net_start(n, r, keep_reply, &g, 77, &e) < 0)
        fail_msg("%s: %s", path, e.msg);
    assert_int_equal(g.times, 0); /* never from within net_start */
    while (g.times == 0 && clock_mono_ms() < end)
        assert_int_equal(net_poll(n, 100, &e), 0);
    assert_int_equal(g.times, 1);
    assert_int_equal(net_in_flight(n), 0);
    return g;
}

static struct got get(struct fixture *f, const char *path)
{
    struct net_req r = {.peer = f->peer, .method = "GET", .cls = NET_NEEDED};

    return run(f->net, &r, path);
}

static struct got post(struct fixture *f, const char *path)
{
    struct net_req r = {.peer = f->peer,
                        .method = "POST",
                        .cls = NET_NEEDED,
                        .body = "{}",
                        .body_len = 2,
                        .write = true};

    return run(f->net, &r, path);
}

/* A question to a peer that was added as one that is read by POST. */
static struct got ask(struct fixture *f, const char *path)
{
    struct net_peer_opts o = {.name = "model",
                              .base_url = net_peer_base(f->peer),
                              .allow_private = true,
                              .reads_by_post = true};
    struct net_req r = {
        .method = "POST", .cls = NET_NEEDED, .body = "{}", .body_len = 2, .reads_by_post = true};
    struct err e = {0};

    if (net_peer_add(f->net, &o, &r.peer, &e) < 0)
        fail_msg("%s", e.msg);
    return run(f->net, &r, path);
}

static const char *held_by(void *arg)
{
    unsigned *asked = arg;

    (*asked)++;
    return "the switch is engaged";
}

/* X12: what is held in the last moment never leaves, on a new connection and on a kept one. */
static void a_held_call_does_not_leave(void **state)
{
    struct fixture *f = *state;
    unsigned asked = 0;

    (void)get(f, "/good");
    for (int write = 0; write < 2; write++) {
        struct net_req r = {.peer = f->peer,
                            .method = write ? "POST" : "GET",
                            .cls = NET_ACTION,
                            .body = write ? "{}" : NULL,
                            .body_len = write ? 2 : 0,
                            .write = write,
                            .hold = held_by,
                            .hold_arg = &asked};
        struct got g = run(f->net, &r, "/held");

        assert_int_equal(g.code, ERR_RETRY);
        assert_string_equal(g.msg, "the switch is engaged");
    }
    assert_int_equal(asked, 2);
    assert_null(strstr(server_text(f->server, f->server->paths), "/held"));
}

struct row {
    const char *path;
    int read_code, write_code;
    int status;
    const char *body;
};

/* F-43: whatever the peer does to the answer, the caller learns truly whether the request went out and came back. */
static const struct row ROWS[] = {
    {"/good", 0, 0, 200, "hello"},
    {"/good-then-close", 0, 0, 200, "hello"},
    {"/slow/150", 0, 0, 200, "hello"},
    {"/empty", 0, 0, 204, ""},
    {"/not-found", 0, 0, 404, "no"},
    {"/chunked", 0, 0, 200, "abcde"},
    {"/until-close", 0, 0, 200, "all of it"},
    {"/continue", 0, 0, 200, "hello"},
    {"/redirect", 0, 0, 302, ""},
    {"/unavailable", 0, 0, 503, ""},
    {"/close", ERR_UNSURE, ERR_UNSURE, 0, ""},
    {"/reset", ERR_UNSURE, ERR_UNSURE, 0, ""},
    {"/garbage", ERR_UNSURE, ERR_UNSURE, 0, ""},
    {"/cut-status", ERR_UNSURE, ERR_UNSURE, 0, ""},
    {"/cut-head", ERR_UNSURE, ERR_UNSURE, 0, ""},
    {"/cut-head-line", ERR_UNSURE, ERR_UNSURE, 0, ""},
    {"/continue-only", ERR_UNSURE, ERR_UNSURE, -1, ""},
    {"/cut-body", ERR_UNSURE, ERR_UNSURE, 200, ""},
    {"/cut-chunk", ERR_UNSURE, ERR_UNSURE, 200, ""},
    {"/cut-last-chunk", ERR_UNSURE, ERR_UNSURE, 200, ""},
    {"/over", ERR_INPUT, ERR_UNSURE, 200, ""},
    {"/over-length", ERR_INPUT, ERR_UNSURE, 0, ""},
    {"/over-head", ERR_INPUT, ERR_UNSURE, 0, ""},
};

static void tells_what_became_of_each_request(void **state)
{
    struct fixture *f = *state;
    unsigned wrong = 0;

    for (size_t i = 0; i < ARRAY_LEN(ROWS) * 2; i++) {
        const struct row *row = &ROWS[i / 2];
        bool write = i % 2 == 1;
        struct got g = write ? post(f, row->path) : get(f, row->path);
        int code = write ? row->write_code : row->read_code;
        if (g.code != code || (row->status >= 0 && g.status != row->status) ||
            strcmp(g.body, row->body) != 0 || (g.code != 0 && g.msg[0] == '\0')) {
            print_error("%s %s: code %d status %d body '%s' (%s), expected %d %d '%s'\n",
                        write ? "POST" : "GET", row->path, g.code, g.status, g.body, g.msg, code,
                        row->status, row->body);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static void a_question_by_post_is_answered_like_a_read(void **state)
{
    struct fixture *f = *state;
    unsigned wrong = 0;

    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        const struct row *row = &ROWS[i];
        struct got g = ask(f, row->path);

        if (g.code != row->read_code || strcmp(g.body, row->body) != 0) {
            print_error("%s: code %d body '%s', expected %d '%s'\n", row->path, g.code, g.body,
                        row->read_code, row->body);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
    assert_non_null(strstr(server_text(f->server, f->server->last), "POST /"));
}

/* Asking a model twice costs twice: libcurl must not repeat it on a kept connection that has died. */
static void a_question_by_post_is_sent_once(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(get(f, "/good").code, 0);
    assert_int_equal(ask(f, "/close").code, ERR_UNSURE);
    assert_string_equal(server_text(f->server, f->server->paths), "/good /close ");
}

static void follows_no_redirect(void **state)
{
    struct fixture *f = *state;
    struct got g = get(f, "/redirect");

    assert_int_equal(g.status, 302);
    assert_string_equal(server_text(f->server, f->server->paths), "/redirect ");
}

static void says_unsure_when_the_answer_takes_too_long(void **state)
{
    static const char *const PATHS[] = {"/hang", "/hang-in-body"};
    struct fixture *f = *state;

    for (size_t i = 0; i < 2 * ARRAY_LEN(PATHS); i++) {
        struct net_req r = {
            .peer = f->peer, .method = i % 2 ? "PUT" : "GET", .write = i % 2, .total_ms = 200};
        struct got g = run(f->net, &r, PATHS[i / 2]);
        assert_int_equal(g.code, ERR_UNSURE);
        assert_in_range(g.took_ms, 190, 3000);
    }
}

/* The server's side counts: a request that was sent twice would be an effect that happened twice (INV-4). */
static void sends_a_write_once_even_when_a_kept_connection_dies(void **state)
{
    struct fixture *f = *state;
    struct got g = get(f, "/good");

    assert_int_equal(g.code, 0);
    g = post(f, "/close");
    assert_int_equal(g.code, ERR_UNSURE);
    assert_string_equal(server_text(f->server, f->server->paths), "/good /close ");
}

/* Shows that the test above can fail: libcurl does repeat a read by itself. */
static void libcurl_repeats_a_read_on_a_kept_connection(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(get(f, "/good").code, 0);
    assert_int_equal(get(f, "/close").code, ERR_UNSURE);
    assert_string_equal(server_text(f->server, f->server->paths), "/good /close /close ");
}

static void keeps_connections_for_reads(void **state)
{
    struct fixture *f = *state;
    struct net_stats s;

    for (int i = 0; i < 20; i++)
        assert_int_equal(get(f, "/good").code, 0);
    assert_int_equal(server_count(f->server, &f->server->connections), 1);
    assert_int_equal(post(f, "/good").code, 0);
    assert_int_equal(server_count(f->server, &f->server->connections), 2);
    assert_int_equal(get(f, "/good").code, 0);
    assert_int_equal(server_count(f->server, &f->server->connections), 2);
    net_stats(f->net, f->peer, &s);
    assert_int_equal(s.calls, 22);
    assert_int_equal(s.failed, 0);
    assert_int_equal(s.handshakes, 2);
}

static bool has(struct fixture *f, const char *text)
{
    return strcasestr(server_text(f->server, f->server->last), text) != NULL;
}

static void sends_exactly_what_was_asked(void **state)
{
    struct fixture *f = *state;
    struct secret *token = secret_new("s3cr3t", 6);
    struct net_req r = {.peer = f->peer,
                        .method = "PUT",
                        .headers = {{"Accept", "application/vnd.pagerduty+json;version=2"},
                                    {"Content-Type", "application/json"},
                                    {"From", "ann@example.org"},
                                    {"X-Empty", ""}},
                        .n_headers = 4,
                        .auth_prefix = "Token token=",
                        .auth = token,
                        .body = "{\"a\":1}",
                        .body_len = 7,
                        .write = true};

    setenv("http_proxy", "http://127.0.0.1:9", 1); /* an environment must not redirect us */
    setenv("ALL_PROXY", "http://127.0.0.1:9", 1);
    assert_int_equal(run(f->net, &r, "/good?x[]=1&y=%20").code, 0);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    assert_int_equal(
        strncmp(server_text(f->server, f->server->last), "PUT /good?x[]=1&y=%20 HTTP/1.1\r\n", 32),
        0);
    assert_true(has(f, "\r\nAuthorization: Token token=s3cr3t\r\n"));
    assert_true(has(f, "\r\nAccept: application/vnd.pagerduty+json;version=2\r\n"));
    assert_true(has(f, "\r\nContent-Type: application/json\r\n"));
    assert_true(has(f, "\r\nFrom: ann@example.org\r\n"));
    assert_true(has(f, "\r\nX-Empty:\r\n"));
    assert_true(has(f, "\r\nContent-Length: 7\r\n"));
    assert_true(has(f, "\r\n\r\n{\"a\":1}"));
    assert_false(has(f, "Expect:"));
    assert_false(has(f, "Accept-Encoding"));
    assert_false(has(f, "Transfer-Encoding"));
    assert_false(has(f, "Cookie"));
    secret_free(token);
}

static void a_credential_can_go_in_a_header_of_its_own(void **state)
{
    struct fixture *f = *state;
    struct secret *key = secret_new("s3cr3t", 6);
    struct net_req r = {.peer = f->peer, .method = "GET", .auth_header = "x-api-key", .auth = key};

    assert_int_equal(run(f->net, &r, "/good").code, 0);
    assert_true(has(f, "\r\nx-api-key: s3cr3t\r\n"));
    assert_false(has(f, "Authorization"));
    secret_free(key);
}

static void a_handle_carries_nothing_into_the_next_call(void **state)
{
    struct fixture *f = *state;
    struct secret *token = secret_new("s3cr3t", 6);
    struct net_req r = {.peer = f->peer, .method = "DELETE", .auth = token, .write = true};

    assert_int_equal(run(f->net, &r, "/good").code, 0);
    assert_int_equal(strncmp(server_text(f->server, f->server->last), "DELETE /good ", 13), 0);
    assert_true(has(f, "\r\nAuthorization: s3cr3t\r\n"));
    assert_false(has(f, "Content-Type"));
    assert_int_equal(get(f, "/good").code, 0);
    assert_int_equal(strncmp(server_text(f->server, f->server->last), "GET /good ", 10), 0);
    assert_false(has(f, "s3cr3t"));
    assert_false(has(f, "Content-"));
    secret_free(token);
}

/* INV-9, I9: a large POST comes whole, a large answer up to the cap and no further. */
static void takes_an_answer_of_exactly_the_cap(void **state)
{
    struct fixture *f = *state;
    struct net_req r = {.peer = f->peer, .method = "GET", .reply_cap_bytes = 5};

    assert_int_equal(run(f->net, &r, "/good").code, 0);
    assert_int_equal(run(f->net, &r, "/chunked").code, 0);
    r.reply_cap_bytes = 4;
    assert_int_equal(run(f->net, &r, "/good").code, ERR_INPUT);
    assert_int_equal(run(f->net, &r, "/chunked").code, ERR_INPUT);
}

static void reports_how_long_to_wait(void **state)
{
    struct fixture *f = *state;
    struct net *n;
    struct err e = {0};
    static const struct {
        const char *path;
        int status;
        unsigned retry_after_s;
    } WAITS[] = {{"/limited", 429, 0},
                 {"/limited-1", 429, 1},
                 {"/limited-reset", 429, 7},
                 {"/unavailable", 503, 3},
                 {"/three-left", 200, 0}};

    for (size_t i = 0; i < ARRAY_LEN(WAITS); i++) {
        struct net_req r = {.method = "GET"};
        struct got g;
        /* A fresh one each time: a 429 stops its peer. */
        assert_int_equal(net_new(&n, &e), 0);
        r.peer = add_peer(n, net_peer_base(f->peer), true);
        g = run(n, &r, WAITS[i].path);
        assert_int_equal(g.code, 0);
        assert_int_equal(g.status, WAITS[i].status);
        assert_int_equal(g.retry_after_s, WAITS[i].retry_after_s);
        net_free(n);
    }
}

static void says_retry_when_nothing_can_have_been_sent(void **state)
{
    struct fixture *f = *state;
    char closed[64], plain[64];
    unsigned port;
    int fd = server_listen(&port);

    close(fd);
    (void)snprintf(closed, sizeof closed, "http://127.0.0.1:%u", port);
    (void)snprintf(plain, sizeof plain, "https://127.0.0.1:%u", f->server->port);
    const char *const bases[] = {closed, plain, "https://no-such-host.invalid"};
    for (size_t i = 0; i < 2 * ARRAY_LEN(bases); i++) {
        struct net_req r = {.peer = add_peer(f->net, bases[i / 2], true),
                            .method = i % 2 ? "POST" : "GET",
                            .write = i % 2,
                            .connect_ms = 500};
        struct got g = run(f->net, &r, "/good");
        if (g.code != ERR_RETRY || g.status != 0)
            fail_msg("%s: code %d, %s", bases[i / 2], g.code, g.msg);
    }
    assert_int_equal(server_count(f->server, &f->server->requests), 0);
}

/* A listener whose queue is full answers no SYN: the connect runs into its own limit, not into the whole one. */
static void gives_up_connecting_at_its_own_limit(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    unsigned port;
    int fd = server_listen(&port), held[3];
    char base[64];

    (void)listen(fd, 0);
    at.sin_port = htons((uint16_t)port);
    for (size_t i = 0; i < ARRAY_LEN(held); i++) {
        held[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(held[i], (const struct sockaddr *)&at, sizeof at);
    }
    (void)snprintf(base, sizeof base, "http://127.0.0.1:%u", port);
    struct net_req r = {.peer = add_peer(f->net, base, true),
                        .method = "POST",
                        .write = true,
                        .connect_ms = 200,
                        .total_ms = 9000};
    struct got g = run(f->net, &r, "/good");
    assert_int_equal(g.code, ERR_RETRY);
    assert_string_equal(g.msg, "connect timed out");
    assert_in_range(g.took_ms, 190, 4000);
    for (size_t i = 0; i < ARRAY_LEN(held); i++)
        close(held[i]);
    close(fd);
}

/* F-25: no spelling of an inner address gets a connection, let alone a request. */
static void connects_to_no_inner_address(void **state)
{
    static const char *const HOSTS[] = {
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "017700000001",
        "0177.0.0.1",
        "localhost",
        "LOCALHOST",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "0",
        "0.0.0.0",
        "[::]",
        "10.0.0.1",
        "192.168.1.1",
        "172.16.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "[fe80::1]",
        "[fd00::1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "224.0.0.1",
    };
    struct fixture *f = *state;
    unsigned wrong = 0;

    for (size_t i = 0; i < ARRAY_LEN(HOSTS); i++) {
        char base[128];
        (void)snprintf(base, sizeof base, "https://%s:%u", HOSTS[i], f->server->port);
        struct net_req r = {
            .peer = add_peer(f->net, base, false), .method = "GET", .connect_ms = 1000};
        struct got g = run(f->net, &r, "/good");
        if (g.code != ERR_DENIED) {
            print_error("%s: code %d (%s)\n", base, g.code, g.msg);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
    assert_int_equal(server_count(f->server, &f->server->connections), 0);
}

/* The connection that one peer may have must not serve another that may not. */
static void judges_a_kept_connection_again(void **state)
{
    struct fixture *f = *state;
    struct net_req r = {.peer = add_peer(f->net, net_peer_base(f->peer), false), .method = "GET"};
    struct got g;

    assert_int_equal(get(f, "/good").code, 0);
    g = run(f->net, &r, "/good");
    assert_int_equal(g.code, ERR_DENIED);
    assert_int_equal(server_count(f->server, &f->server->requests), 1);
}

static void refuses_bad_requests(void **state)
{
    struct fixture *f = *state;
    const char *base = net_peer_base(f->peer);
    struct secret *good = secret_new("token", 5), *split = secret_new("to\nken", 6);
    struct got g = {0};
    char url[64];
    const struct {
        struct net_req r;
        const char *path; /* NULL = r.url is whole */
        int code;
    } BAD[] = {
        {{.method = "POST"}, "/good", ERR_INPUT},
        {{.method = "GET", .write = true}, "/good", ERR_INPUT},
        {{.method = "GET", .body = "x", .body_len = 1}, "/good", ERR_INPUT},
        /* the peer was not added as one that is read by POST: no write can pass itself off as a question */
        {{.method = "POST", .reads_by_post = true}, "/good", ERR_DENIED},
        {{.method = "PUT", .reads_by_post = true}, "/good", ERR_INPUT},
        {{.method = "POST", .reads_by_post = true, .write = true}, "/good", ERR_INPUT},
        {{.method = "get"}, "/good", ERR_INPUT},
        {{.method = "GET /x HTTP/1.1\r\nA: b", .write = true}, "/good", ERR_INPUT},
        {{.method = "CONNECT", .write = true}, "/good", ERR_INPUT},
        {{.method = NULL}, "/good", ERR_INPUT},
        {{.method = "GET", .headers = {{"A", "b\r\nX: y"}}, .n_headers = 1}, "/good", ERR_INPUT},
        {{.method = "GET", .headers = {{"A", "b\n"}}, .n_headers = 1}, "/good", ERR_INPUT},
        {{.method = "GET", .headers = {{"A", "\x7f"}}, .n_headers = 1}, "/good", ERR_INPUT},
        {{.method = "GET", .headers = {{"A\r\nB", "c"}}, .n_headers = 1}, "/good", ERR_INPUT},
        {{.method = "GET", .headers = {{"A:", "c"}}, .n_headers = 1}, "/good", ERR_INPUT},
        {{.method = "GET", .headers = {{"A b", "c"}}, .n_headers = 1}, "/good", ERR_INPUT},
        {{.method = "GET", .headers = {{"", "c"}}, .n_headers = 1}, "/good", ERR_INPUT},
        {{.method = "GET", .headers = {{"A", NULL}}, .n_headers = 1}, "/good", ERR_INPUT},
        {{.method = "GET", .headers = {{"HOST", "evil.com"}}, .n_headers = 1}, "/good", ERR_INPUT},
        {{.method = "GET", .headers = {{"Content-Length", "9"}}, .n_headers = 1},
         "/good",
         ERR_INPUT},
        {{.method = "GET", .headers = {{"Transfer-Encoding", "x"}}, .n_headers = 1},
         "/good",
         ERR_INPUT},
        {{.method = "GET", .headers = {{"Accept-Encoding", "gzip"}}, .n_headers = 1},
         "/good",
         ERR_INPUT},
        {{.method = "GET", .headers = {{"authorization", "x"}}, .n_headers = 1, .auth = good},
         "/good",
         ERR_INPUT},
        {{.method = "GET", .n_headers = NET_HEADERS_MAX + 1}, "/good", ERR_INPUT},
        {{.method = "GET", .auth = split}, "/good", ERR_INPUT},
        {{.method = "GET", .auth = good, .auth_header = "a\r\nb"}, "/good", ERR_INPUT},
        {{.method = "GET", .auth = good, .auth_header = "Host"}, "/good", ERR_INPUT},
        {{.method = "GET",
          .auth = good,
          .auth_header = "x-api-key",
          .headers = {{"X-Api-Key", "x"}},
          .n_headers = 1},
         "/good",
         ERR_INPUT},
        {{.method = "GET", .auth = good, .auth_prefix = "Bearer\r\n"}, "/good", ERR_INPUT},
        {{.method = "GET"}, "/good\r\nX: y", ERR_INPUT},
        {{.method = "GET"}, "/a/../b", ERR_DENIED},
        {{.method = "GET"}, "0/good", ERR_INPUT},
        {{.method = "GET"}, "@evil.com/", ERR_DENIED},
        {{.method = "GET", .url = "https://evil.com/"}, NULL, ERR_DENIED},
        {{.method = "GET", .url = "http://127.0.0.1:1/"}, NULL, ERR_DENIED},
    };

    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        struct net_req r = BAD[i].r;
        struct err e = {0};
        int code;
        r.peer = f->peer;
        (void)snprintf(url, sizeof url, "%s%s", base, BAD[i].path ? BAD[i].path : "");
        if (BAD[i].path)
            r.url = url;
        code = net_start(f->net, &r, keep_reply, &g, 77, &e);
        /* A sixth digit makes the port too large or another one; both are refused. */
        if (code != BAD[i].code && !(BAD[i].path && BAD[i].path[0] == '0' && code == ERR_DENIED))
            fail_msg("row %zu: %d (%s), expected %d", i, code, e.msg, BAD[i].code);
        assert_null(strstr(e.msg, "token\n"));
    }
    assert_int_equal(net_in_flight(f->net), 0);
    assert_int_equal(g.times, 0);
    secret_free(good);
    secret_free(split);
}

static void refuses_bad_peers(void **state)
{
    static const struct {
        struct net_peer_opts o;
        int code;
    } BAD[] = {
        {{.name = "a", .base_url = "http://api.pagerduty.com"}, ERR_DENIED},
        {{.name = "a", .base_url = "http://10.0.0.1", .allow_private = true}, ERR_DENIED},
        {{.name = "a", .base_url = "ftp://127.0.0.1"}, ERR_DENIED},
        {{.name = "a", .base_url = "https://u:p@api.pagerduty.com"}, ERR_DENIED},
        {{.name = "a", .base_url = "https://api.pagerduty.com?x"}, ERR_INPUT},
        {{.name = "a", .base_url = "https://api.pagerduty.com", .reserve_pct = 101}, ERR_INPUT},
        {{.name = "a", .base_url = "https://"}, ERR_INPUT},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        struct net_peer *p = NULL;
        struct err e = {0};
        if (net_peer_add(f->net, &BAD[i].o, &p, &e) != BAD[i].code || p)
            fail_msg("row %zu: %d (%s)", i, e.code, e.msg);
    }
    assert_string_equal(net_peer_base(add_peer(f->net, "https://a.example/x//", false)),
                        "https://a.example/x");
}

static void copies_the_request(void **state)
{
    struct fixture *f = *state;
    char url[64], method[] = "POST", value[] = "one", body[] = "two", name[] = "X-Name",
                  prefix[] = "Bearer ";
    struct secret *token = secret_new("s3cr3t", 6);
    struct got g = {0};
    struct err e = {0};

    (void)snprintf(url, sizeof url, "%s/good", net_peer_base(f->peer));
    struct net_req r = {.peer = f->peer,
                        .method = method,
                        .url = url,
                        .headers = {{name, value}},
                        .n_headers = 1,
                        .auth = token,
                        .auth_prefix = prefix,
                        .body = body,
                        .body_len = 3,
                        .write = true};
    assert_int_equal(net_start(f->net, &r, keep_reply, &g, 77, &e), 0);
    secret_free(token);
    memset(url, '!', sizeof url);
    memset(method, '!', 4);
    memset(value, '!', 3);
    memset(body, '!', 3);
    memset(name, '!', 6);
    memset(prefix, '!', 7);
    memset(&r, 0xff, sizeof r);
    while (g.times == 0)
        assert_int_equal(net_poll(f->net, 100, &e), 0);
    assert_int_equal(g.code, 0);
    assert_true(has(f, "POST /good HTTP/1.1\r\n"));
    assert_true(has(f, "\r\nX-Name: one\r\n"));
    assert_true(has(f, "\r\nAuthorization: Bearer s3cr3t\r\n"));
    assert_true(has(f, "\r\n\r\ntwo"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(tells_what_became_of_each_request),
        T(a_held_call_does_not_leave),
        T(a_question_by_post_is_answered_like_a_read),
        T(a_question_by_post_is_sent_once),
        T(a_credential_can_go_in_a_header_of_its_own),
        T(follows_no_redirect),
        T(says_unsure_when_the_answer_takes_too_long),
        T(sends_a_write_once_even_when_a_kept_connection_dies),
        T(libcurl_repeats_a_read_on_a_kept_connection),
        T(keeps_connections_for_reads),
        T(sends_exactly_what_was_asked),
        T(a_handle_carries_nothing_into_the_next_call),
        T(takes_an_answer_of_exactly_the_cap),
        T(reports_how_long_to_wait),
        T(says_retry_when_nothing_can_have_been_sent),
        T(gives_up_connecting_at_its_own_limit),
        T(connects_to_no_inner_address),
        T(judges_a_kept_connection_again),
        T(refuses_bad_requests),
        T(refuses_bad_peers),
        T(copies_the_request),
    };
    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

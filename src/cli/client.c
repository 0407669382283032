#include <curl/curl.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/yaml.h"
#include "cli/cli.h"

/*
 * The way to the daemon: its control socket, or --url. A person's token goes along when there is one; it is read from a file
 * and put into a header, never into an argument or a message.
 */
#define API_REPLY_MAX   ((size_t)32 * 1024 * 1024)
#define API_CONNECT_MS  3000L
#define API_TOTAL_MS    15000L
#define TOKEN_FILE_NAME ".config/triaged/token"

struct client {
    CURL *easy;
    struct curl_slist *headers;
    const char *base;      /* "http://localhost" over the socket */
    const char *unix_path; /* NULL with --url */
};

/* ---- where things are ---- */

const char *config_file(struct cli *c)
{
    const char *env = getenv("TRIAGED_CONFIG"); /* NOLINT(concurrency-mt-unsafe): one thread */

    if (c->config_path)
        return c->config_path;
    return env && env[0] ? env : DEFAULT_CONFIG;
}

const char *client_state_dir(struct cli *c, struct err *e)
{
    AUTO(yaml_freep) struct yaml_doc *doc = NULL;
    const char *path = config_file(c), *dir, *slash = strrchr(path, '/');
    int rc = yaml_load(path, &doc, e);

    if (rc == ERR_NOT_FOUND) {
        (void)err_set(e, ERR_NOT_FOUND,
                      "there is no configuration %s; name it with --config or TRIAGED_CONFIG, or "
                      "write one with 'triagectl init'",
                      path);
        return NULL;
    }
    if (rc < 0) {
        (void)err_wrap(e, "configuration");
        return NULL;
    }
    dir = json_opt_str(yaml_root(doc), "state_dir");
    if (!dir) {
        (void)err_set(e, ERR_INPUT, "%s has no state_dir; 'triagectl doctor' says more", path);
        return NULL;
    }
    if (dir[0] == '/' || !slash)
        return arena_strdup(c->arena, dir);
    return fmt(c, "%.*s/%s", (int)(slash - path), path, dir);
}

const char *client_socket(struct cli *c, struct err *e)
{
    const char *dir;

    if (c->socket)
        return c->socket;
    dir = client_state_dir(c, e);
    return dir ? fmt(c, "%s/control.sock", dir) : NULL;
}

const char *token_path(struct cli *c, bool *named)
{
    const char *env = getenv("TRIAGED_TOKEN_FILE"); /* NOLINT(concurrency-mt-unsafe): one thread */
    const char *home = getenv("HOME");              /* NOLINT(concurrency-mt-unsafe): one thread */

    *named = env && env[0];
    if (*named)
        return env;
    if (!home || !home[0]) {
        const struct passwd *pw =
            getpwuid(geteuid()); /* NOLINT(concurrency-mt-unsafe): one thread */

        home = pw ? pw->pw_dir : "/";
    }
    return fmt(c, "%s/" TOKEN_FILE_NAME, home);
}

/* *out stays NULL when there is none, which is fine unless the environment named it. */
static int token_read(struct cli *c, struct secret **out, struct err *e)
{
    bool named;
    const char *path = token_path(c, &named);
    int rc;

    if (c->local)
        return 0;
    rc = file_read_secret(path, out, e);
    if (rc == ERR_NOT_FOUND && !named) {
        *e = (struct err){0};
        return 0;
    }
    return rc < 0 ? err_wrap(e, "token file") : 0;
}

bool client_has_token(struct cli *c, struct err *e)
{
    AUTO(secret_freep) struct secret *s = NULL;

    return token_read(c, &s, e) == 0 && s != NULL;
}

/* ---- the connection ---- */

static bool token_is_plain(const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (p[i] <= ' ' || p[i] >= 127)
            return false;
    return len > 0;
}

static int add_token(struct cli *c, struct client *k, struct err *e)
{
    AUTO(secret_freep) struct secret *s = NULL;
    struct curl_slist *list;
    const char *token;
    size_t len;
    char *line = NULL;

    if (token_read(c, &s, e) < 0)
        return e->code;
    if (!s)
        return 0;
    token = secret_bytes(s, &len);
    if (!token_is_plain(token, len))
        return err_set(e, ERR_INPUT, "the token file holds something else than one token");
    CHECK(asprintf(&line, "Authorization: Bearer %s", token) > 0);
    list = curl_slist_append(k->headers, line);
    explicit_bzero(line, strlen(line));
    free(line);
    CHECK(list);
    k->headers = list;
    return 0;
}

static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           text_starts(host, "127.");
}

/* A token must not travel in the clear. */
static int check_url(const char *url, struct err *e)
{
    CURLU *u = curl_url();
    char *scheme = NULL, *host = NULL;
    int rc = 0;

    CHECK(u);
    if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0))
        rc = err_set(e, ERR_INPUT, "--url must be like https://triaged.example.com");
    else if (strcmp(scheme, "http") == 0 && !is_loopback(host))
        rc = err_set(e, ERR_INPUT,
                     "--url with http:// would show your token to the network: use https://, or "
                     "http:// to 127.0.0.1 only");
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(u);
    return rc;
}

static int client_open(struct cli *c, struct err *e)
{
    struct client *k;
    const char *socket = NULL;

    if (c->client)
        return 0;
    if (c->url && check_url(c->url, e) < 0)
        return e->code;
    if (!c->url) {
        socket = client_socket(c, e);
        if (!socket)
            return e->code;
    }
    k = arena_alloc(c->arena, sizeof *k);
    k->base = c->url ? c->url : "http://localhost";
    k->unix_path = socket;
    if (add_token(c, k, e) < 0)
        return e->code;
    k->easy = curl_easy_init();
    CHECK(k->easy);
    c->client = k;
    return 0;
}

void client_close(struct cli *c)
{
    if (!c->client)
        return;
    curl_slist_free_all(c->client->headers);
    curl_easy_cleanup(c->client->easy);
    c->client = NULL;
}

/* ---- one request ---- */

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct buf *b = arg;

    buf_add(b, p, size * n);
    return b->over ? 0 : size * n;
}

static int unreachable(struct cli *c, CURLcode rc, struct err *e)
{
    const struct client *k = c->client;

    if (!k->unix_path)
        return err_set(e, ERR_RETRY, "no answer from %s: %s", k->base, curl_easy_strerror(rc));
    if (rc != CURLE_COULDNT_CONNECT)
        return err_set(e, ERR_RETRY, "no answer on %s: %s", k->unix_path, curl_easy_strerror(rc));
    if (access(k->unix_path, F_OK) != 0 && errno == EACCES)
        return err_set(e, ERR_RETRY,
                       "you may not reach %s: run this as root or as the daemon's user, or use "
                       "--url with your token",
                       k->unix_path);
    if (access(k->unix_path, F_OK) != 0)
        return err_set(e, ERR_RETRY,
                       "the daemon is not running: there is no %s; start it (systemctl start "
                       "triaged) or name the right --config",
                       k->unix_path);
    if (access(k->unix_path, W_OK) != 0)
        return err_set(e, ERR_RETRY,
                       "%s is not yours: run this as root or as the daemon's user, or use --url "
                       "with your token",
                       k->unix_path);
    return err_set(e, ERR_RETRY,
                   "the daemon does not answer on %s: it has stopped or is stopping; look at its "
                   "log (journalctl -u triaged)",
                   k->unix_path);
}

static void set_common(struct client *k, const char *method, const char *url, struct buf *into)
{
    curl_easy_reset(k->easy);
    curl_easy_setopt(k->easy, CURLOPT_URL, url);
    curl_easy_setopt(k->easy, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(k->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(k->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(k->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(k->easy, CURLOPT_CONNECTTIMEOUT_MS, API_CONNECT_MS);
    curl_easy_setopt(k->easy, CURLOPT_TIMEOUT_MS, API_TOTAL_MS);
    curl_easy_setopt(k->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(k->easy, CURLOPT_WRITEDATA, into);
    if (k->unix_path)
        curl_easy_setopt(k->easy, CURLOPT_UNIX_SOCKET_PATH, k->unix_path);
}

static void parse_reply(struct reply *out)
{
    struct err ignored = {0};

    /* Our own daemon's lists may be long; the size is limited already. */
    if (out->len > 0 && (out->text[0] == '{' || out->text[0] == '['))
        (void)!json_parse(out->text, out->len, 4000000, &out->json, &ignored);
}

int client_call(struct cli *c, const char *method, const char *path, json_t *body,
                struct reply *out, struct err *e)
{
    AUTO(buf_done) struct buf into = {0};
    AUTO(json_freep) json_t *owned = body;
    AUTO(mem_freep) char *text = NULL;
    struct curl_slist *headers, *type;
    long status = 0;
    size_t len = 0;
    CURLcode rc;

    if (client_open(c, e) < 0)
        return e->code;
    buf_init(&into, API_REPLY_MAX);
    set_common(c->client, method, fmt(c, "%s%s", c->client->base, path), &into);
    headers = c->client->headers;
    type = curl_slist_append(NULL, "Content-Type: application/json");
    CHECK(type);
    type->next = headers;
    if (owned) {
        text = json_canon(owned, &len);
        curl_easy_setopt(c->client->easy, CURLOPT_POSTFIELDS, text);
        curl_easy_setopt(c->client->easy, CURLOPT_POSTFIELDSIZE, (long)len);
    }
    curl_easy_setopt(c->client->easy, CURLOPT_HTTPHEADER, owned ? type : headers);
    rc = curl_easy_perform(c->client->easy);
    type->next = NULL;
    curl_slist_free_all(type);
    if (rc == CURLE_WRITE_ERROR)
        return err_set(e, ERR_INPUT, "the answer to %s %s is over %zu bytes", method, path,
                       API_REPLY_MAX);
    if (rc != CURLE_OK)
        return unreachable(c, rc, e);
    curl_easy_getinfo(c->client->easy, CURLINFO_RESPONSE_CODE, &status);
    *out = (struct reply){.status = (int)status};
    out->text = buf_take(&into, &out->len);
    parse_reply(out);
    return 0;
}

void reply_done(struct reply *r)
{
    mem_freep(&r->text);
    json_freep(&r->json);
}

/* ---- with messages ---- */

static int exit_of(int status)
{
    switch (status) {
    case 400:
        return EXIT_USAGE;
    case 404:
        return EXIT_NOT_FOUND;
    case 401:
    case 403:
    case 409:
    case 422:
        return EXIT_REFUSED;
    default:
        return EXIT_FAILED;
    }
}

static const char *todo_of(struct cli *c, int status, const char *detail)
{
    struct err e = {0};
    bool named;

    if (status == 401 && strstr(detail, "token file") == NULL && !client_has_token(c, &e))
        return fmt(
            c,
            "\n  Your token belongs into %s (mode 0600) or into a file that TRIAGED_TOKEN_FILE "
            "names.\n  An administrator makes one: triagectl user token new YOU --out FILE",
            token_path(c, &named));
    if (status == 403 && !c->url && text_starts(c->cmd->name, "user") && client_has_token(c, &e))
        return "\n  You spoke as the owner of your token; this machine's administrator leaves it out with --local.";
    if (status == 503)
        return "\n  Nothing was changed unless it says so; try again in a few seconds.";
    return "";
}

int api_problem(struct cli *c, const struct reply *r)
{
    const char *detail = json_opt_str(r->json, "detail");
    int code = exit_of(r->status);

    if (!detail)
        detail = json_opt_str(r->json, "title");
    if (!detail)
        detail = "the answer is not from triaged; is --url (or --socket) right?";
    fflush(stdout);
    fprintf(stderr, "triagectl: %s (HTTP %d)%s\n", show(c, detail), r->status,
            todo_of(c, r->status, detail));
    if (c->json) {
        if (r->json)
            puts(r->text);
        else
            (void)print_json(c, json_pack("{s:s, s:s, s:i}", "title", "Failed", "detail",
                                          show(c, detail), "status", r->status));
    }
    return code;
}

int api(struct cli *c, const char *method, const char *path, json_t *body, struct reply *out)
{
    struct err e = {0};

    if (client_call(c, method, path, body, out, &e) < 0)
        return fail_err(c, &e) == EXIT_REFUSED ? EXIT_REFUSED : EXIT_FAILED;
    if (out->status >= 200 && out->status < 300)
        return 0;
    return api_problem(c, out);
}

int api_get(struct cli *c, struct reply *out, const char *path)
{
    return api(c, "GET", path, NULL, out);
}

int need_person(struct cli *c, const char *what)
{
    struct err e = {0};
    bool named;

    if (client_has_token(c, &e))
        return 0;
    if (e.code)
        return fail_err(c, &e);
    if (c->local)
        return fail(c, EXIT_REFUSED, "%s needs a person, so --local cannot do it: leave it out",
                    what);
    return fail(
        c, EXIT_REFUSED,
        "%s needs a person, and there is no token: put yours into %s (mode 0600) or name a "
        "file with TRIAGED_TOKEN_FILE; an administrator makes one with 'triagectl user token "
        "new YOU --out FILE'",
        what, token_path(c, &named));
}

bool printed_json(struct cli *c, const struct reply *r)
{
    if (!c->json)
        return false;
    if (r->len == 0)
        puts("{}");
    else if (fwrite(r->text, 1, r->len, stdout) == r->len && r->text[r->len - 1] != '\n')
        putchar('\n');
    return true;
}

/* ---- paths ---- */

static void put_encoded(struct buf *b, const char *s)
{
    for (; *s; s++) {
        unsigned char ch = (unsigned char)*s;

        if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
            strchr("-._~", ch))
            buf_putc(b, (char)ch);
        else
            buf_printf(b, "%%%02X", ch);
    }
}

const char *path_of(struct cli *c, const char *base, const char *part, const char *rest)
{
    AUTO(buf_done) struct buf b = {0};

    buf_init(&b, 8192);
    buf_puts(&b, base);
    put_encoded(&b, part);
    buf_puts(&b, rest);
    return arena_strdup(c->arena, buf_str(&b));
}

void query_begin(struct query *q, const char *path)
{
    buf_init(&q->b, 16384);
    q->any = false;
    buf_puts(&q->b, path);
}

void query_add(struct query *q, const char *name, const char *value)
{
    if (!value)
        return;
    buf_printf(&q->b, "%c%s=", q->any ? '&' : '?', name);
    put_encoded(&q->b, value);
    q->any = true;
}

const char *query_end(struct cli *c, struct query *q)
{
    const char *path = arena_strdup(c->arena, buf_str(&q->b));

    buf_done(&q->b);
    return path;
}

json_t *items_of(json_t *answer)
{
    return json_is_array(answer) ? answer : json_opt_arr(answer, "items");
}

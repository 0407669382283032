/* etc/sources.yaml becomes a set: what is wrong in it is said with its line, before anything is asked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "sources/sources_priv.h"

#define POINTER_MAX 128
#define CREDENTIAL  "credential:"

extern const char sources_schema_json[];
extern const size_t sources_schema_json_len;

struct load {
    const struct yaml_doc *doc;
    struct sources *s;
    const char *dir; /* of the file, for its secrets; NULL: they are not read */
    struct err *e;
};

static int wrong(const struct load *l, const char *list, size_t i, const char *member,
                 const char *what)
{
    char pointer[POINTER_MAX];

    (void)snprintf(pointer, sizeof pointer, "/%s/%zu%s%s", list, i, member[0] ? "/" : "", member);
    return yaml_error(l->doc, pointer, l->e, "%s", what);
}

/* ---- hosts ---- */

static const char *secret_path(const struct load *l, const char *spec, struct buf *path)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): never changed by us */
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");

    if (text_starts(spec, CREDENTIAL)) {
        if (!credentials)
            return NULL;
        buf_printf(path, "%s/%s", credentials, spec + strlen(CREDENTIAL));
    } else if (spec[0] == '/') {
        buf_puts(path, spec);
    } else {
        buf_printf(path, "%s/%s", l->dir, spec);
    }
    return buf_str(path);
}

static void base64(const char *s, size_t len, struct buf *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < len; i += 3) {
        uint32_t v = (uint32_t)(unsigned char)s[i] << 16;

        v |= i + 1 < len ? (uint32_t)(unsigned char)s[i + 1] << 8 : 0;
        v |= i + 2 < len ? (uint32_t)(unsigned char)s[i + 2] : 0;
        buf_putc(out, digits[v >> 18]);
        buf_putc(out, digits[v >> 12 & 63]);
        buf_putc(out, i + 1 < len ? digits[v >> 6 & 63] : '=');
        buf_putc(out, i + 2 < len ? digits[v & 63] : '=');
    }
}

/* "user:password" as the header wants it; the plain one is wiped. */
static void basic_make(struct secret **secret)
{
    AUTO(buf_done) struct buf b = {0};
    struct secret *coded;
    size_t len;
    const char *plain = secret_bytes(*secret, &len);

    buf_init(&b, 16384);
    base64(plain, len, &b);
    coded = secret_new(buf_str(&b), b.len);
    if (b.data)
        explicit_bzero(b.data, b.len);
    secret_free(*secret);
    *secret = coded;
}

static int secret_load(const struct load *l, size_t i, const char *spec, struct src_host *h)
{
    AUTO(buf_done) struct buf path = {0};
    struct err why = {0};
    char text[240];

    buf_init(&path, 4096);
    if (!l->dir)
        return 0;
    if (!secret_path(l, spec, &path))
        return wrong(l, "hosts", i, "secret_file",
                     "a systemd credential is named, but CREDENTIALS_DIRECTORY is not set; add "
                     "LoadCredential= to the unit or name a file");
    if (file_read_secret(buf_str(&path), &h->secret, &why) < 0) {
        (void)snprintf(text, sizeof text, "%.180s%s", why.msg,
                       why.code == ERR_NOT_FOUND ? "; put the secret into it (chmod 600)" : "");
        return wrong(l, "hosts", i, "secret_file", text);
    }
    if (h->auth == SRC_AUTH_BASIC)
        basic_make(&h->secret);
    return 0;
}

static enum src_auth auth_of(const json_t *row)
{
    static const char *const names[] = {[SRC_AUTH_NONE] = "none",
                                        [SRC_AUTH_BEARER] = "bearer",
                                        [SRC_AUTH_BASIC] = "basic",
                                        [SRC_AUTH_HEADER] = "header"};
    const char *said = json_opt_str(row, "auth");

    for (size_t i = 0; said && i < ARRAY_LEN(names); i++)
        if (strcmp(names[i], said) == 0)
            return (enum src_auth)i;
    return SRC_AUTH_NONE;
}

static int auth_load(const struct load *l, size_t i, const json_t *row, struct src_host *h)
{
    const char *secret = json_opt_str(row, "secret_file"), *header = json_opt_str(row, "header");

    h->auth = auth_of(row);
    if ((h->auth == SRC_AUTH_NONE) != (secret == NULL))
        return wrong(l, "hosts", i, secret ? "secret_file" : "auth",
                     secret
                         ? "a secret without auth is never sent; say auth: bearer, basic or header"
                         : "this auth needs a secret_file");
    if ((h->auth == SRC_AUTH_HEADER) != (header != NULL))
        return wrong(l, "hosts", i, header ? "header" : "auth",
                     header ? "header belongs to auth: header"
                            : "auth: header needs the header's name (header: X-Api-Key)");
    h->header = mem_strdup(header);
    return secret ? secret_load(l, i, secret, h) : 0;
}

static int base_load(const struct load *l, size_t i, const char *base, struct src_host *h)
{
    size_t len = strlen(base);
    struct net_url u;
    struct err why = {0};

    if (net_url_parse(base, &u, &why) < 0)
        return wrong(l, "hosts", i, "base_url", why.msg);
    if (u.path[u.path_len] == '?')
        return wrong(l, "hosts", i, "base_url", "a query does not belong there");
    if (!u.https && !net_url_is_loopback(&u))
        return wrong(
            l, "hosts", i, "base_url",
            "plain http is only for a loopback address; use https:// (docs/sources.md says "
            "how to reach a program that speaks http)");
    while (len > 0 && base[len - 1] == '/')
        len--;
    h->base_url = mem_strndup(base, len);
    return 0;
}

static int host_load(const struct load *l, size_t i, const json_t *row)
{
    struct src_host *h = &l->s->hosts[l->s->n_hosts++];
    const char *name = json_opt_str(row, "name");
    char peer[80];

    h->name = mem_strdup(name);
    for (size_t k = 0; k + 1 < l->s->n_hosts; k++)
        if (strcmp(l->s->hosts[k].name, name) == 0)
            return wrong(l, "hosts", i, "name", "the name is taken by a host above");
    (void)snprintf(peer, sizeof peer, "source host %s", name);
    h->peer_name = mem_strdup(peer);
    h->allow_private = json_opt_bool(row, "allow_private_addresses", false);
    h->per_minute = (unsigned)json_opt_int(row, "per_minute", SOURCE_PER_MINUTE);
    h->probe = mem_strdup(json_opt_str(row, "probe"));
    if (base_load(l, i, json_opt_str(row, "base_url"), h) < 0)
        return l->e->code;
    return auth_load(l, i, row, h);
}

/* ---- rows ---- */

static int pieces_load(const struct load *l, size_t i, const char *member, const char *text,
                       struct src_pieces *out)
{
    struct err why = {0};

    if (src_pieces_parse(text, true, out, &why) < 0)
        return wrong(l, "sources", i, member, why.msg);
    for (size_t k = 0; k < out->n; k++)
        if (out->v[k].place && src_place_check(out->v[k].text, &why) < 0)
            return wrong(l, "sources", i, member, why.msg);
    return 0;
}

static int params_load(const struct load *l, size_t i, json_t *params, struct src_row *r)
{
    const char *name;
    json_t *value;
    char number[32], member[POINTER_MAX];

    json_object_foreach (params, name, value) {
        struct src_param *p = &r->params[r->n_params++];
        const char *text = json_string_value(value);

        if (!text) {
            (void)snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT,
                           json_integer_value(value));
            text = number;
        }
        (void)snprintf(member, sizeof member, "params/%.60s", name);
        p->name = mem_strdup(name);
        if (pieces_load(l, i, member, text, &p->value) < 0)
            return l->e->code;
    }
    return 0;
}

/* Those that frame the message or carry a credential: net refuses the first, auth of the host is the place of the second. */
static bool header_refused(const char *name)
{
    static const char *const names[] = {"authorization",    "cookie",    "host",
                                        "content-length",   "expect",    "transfer-encoding",
                                        "connection",       "te",        "proxy-authorization",
                                        "accept-encoding",  "upgrade",   "trailer",
                                        "proxy-connection", "keep-alive"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcasecmp(names[i], name) == 0)
            return true;
    return false;
}

static int headers_load(const struct load *l, size_t i, json_t *headers, struct src_row *r)
{
    const struct src_host *h = &l->s->hosts[r->host];
    const char *name;
    json_t *value;

    json_object_foreach (headers, name, value) {
        struct src_header *x = &r->headers[r->n_headers++];

        x->name = mem_strdup(name);
        x->value = mem_strdup(json_string_value(value));
        if (header_refused(name) || (h->header && strcasecmp(h->header, name) == 0))
            return wrong(
                l, "sources", i, "headers",
                "one of these headers is not for a row to set; a credential belongs to the "
                "host (auth, secret_file)");
    }
    return 0;
}

static int window_load(const struct load *l, size_t i, const json_t *w, struct src_row *r)
{
    struct {
        const char *name;
        int64_t *out;
        int64_t def, most;
    } spans[] = {{"before", &r->before_ms, SOURCE_BEFORE_MS, INT64_C(7) * 86400000},
                 {"after", &r->after_ms, SOURCE_AFTER_MS, INT64_C(86400000)},
                 {"step", &r->step_ms, SOURCE_STEP_MS, INT64_C(86400000)}};

    for (size_t k = 0; k < ARRAY_LEN(spans); k++) {
        const char *text = json_opt_str(w, spans[k].name);
        struct err why = {0};

        *spans[k].out = spans[k].def;
        if (text && parse_span_ms(text, spans[k].out, &why) < 0)
            return wrong(l, "sources", i, "window", why.msg);
        if (*spans[k].out > spans[k].most)
            return wrong(l, "sources", i, "window",
                         "a span is over its limit (7d before, 1d after)");
    }
    if (r->step_ms < 1000)
        return wrong(l, "sources", i, "window", "step is under 1 s");
    return 0;
}

/* A link is only shown; its host must stand in the file all the same. */
static int link_load(const struct load *l, size_t i, const char *text, struct src_row *r)
{
    AUTO(buf_done) struct buf b = {0};
    const struct src_fill f = {0};
    const char *slashes;
    struct net_url u;
    struct err why = {0};

    if (!text)
        return 0;
    if (pieces_load(l, i, "link", text, &r->link) < 0)
        return l->e->code;
    slashes = r->link.n > 0 ? strstr(r->link.v[0].text, "://") : NULL;
    if (!slashes || (r->link.n > 1 && !strchr(slashes + 3, '/')))
        return wrong(l, "sources", i, "link", "the host of a link has no places");
    buf_init(&b, NET_URL_MAX);
    if (src_fill(&r->link, &f, false, &b, &why) < 0 || net_url_parse(buf_str(&b), &u, &why) < 0)
        return wrong(l, "sources", i, "link", why.msg);
    return 0;
}

static int host_find(const struct load *l, size_t i, const char *name, size_t *out)
{
    for (size_t k = 0; k < l->s->n_hosts; k++)
        if (strcmp(l->s->hosts[k].name, name) == 0) {
            *out = k;
            return 0;
        }
    return wrong(l, "sources", i, "host", "no host of that name stands under hosts");
}

/* The parts of a row that go into its URL, and the URL itself with "x" in every place. */
static int url_load(const struct load *l, size_t i, json_t *row, struct src_row *r)
{
    AUTO(buf_done) struct buf b = {0};
    const struct src_fill f = {0};
    struct err why = {0};

    if (pieces_load(l, i, "url", json_opt_str(row, "url"), &r->url) < 0 ||
        params_load(l, i, json_opt_obj(row, "params"), r) < 0 ||
        headers_load(l, i, json_opt_obj(row, "headers"), r) < 0 ||
        window_load(l, i, json_opt_obj(row, "window"), r) < 0 ||
        link_load(l, i, json_opt_str(row, "link"), r) < 0)
        return l->e->code;
    buf_init(&b, NET_URL_MAX);
    if (src_row_url(&l->s->hosts[r->host], r, &f, &b, &why) < 0)
        return wrong(l, "sources", i, "url", why.msg);
    return 0;
}

static int row_load(const struct load *l, size_t i, json_t *row)
{
    struct src_row *r = &l->s->rows[l->s->n_rows++];
    const char *name = json_opt_str(row, "name");
    char pointer[POINTER_MAX];

    r->name = mem_strdup(name);
    r->title = mem_strdup(json_opt_str(row, "title") ? json_opt_str(row, "title") : name);
    for (size_t k = 0; k + 1 < l->s->n_rows; k++)
        if (strcmp(l->s->rows[k].name, name) == 0)
            return wrong(l, "sources", i, "name", "the name is taken by a source above");
    if (host_find(l, i, json_opt_str(row, "host"), &r->host) < 0 || url_load(l, i, row, r) < 0)
        return l->e->code;
    (void)snprintf(pointer, sizeof pointer, "/sources/%zu/when", i);
    if (json_object_get(row, "when") && cond_compile(l->doc, pointer, &r->when, l->e) < 0)
        return l->e->code;
    (void)snprintf(pointer, sizeof pointer, "/sources/%zu/extract", i);
    return src_extract_compile(l->doc, pointer, json_opt_obj(row, "extract"), &r->extract, l->e);
}

static void row_done(struct src_row *r)
{
    mem_freep(&r->name);
    mem_freep(&r->title);
    cond_free(r->when);
    src_pieces_done(&r->url);
    src_pieces_done(&r->link);
    for (size_t i = 0; i < r->n_params; i++) {
        mem_freep(&r->params[i].name);
        src_pieces_done(&r->params[i].value);
    }
    for (size_t i = 0; i < r->n_headers; i++) {
        mem_freep(&r->headers[i].name);
        mem_freep(&r->headers[i].value);
    }
    src_extract_done(&r->extract);
    *r = (struct src_row){0};
}

static int rows_load(const struct load *l, json_t *list)
{
    l->s->rows = mem_array(json_array_size(list) + 1, sizeof *l->s->rows);
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *row = json_array_get(list, i);

        if (row_load(l, i, row) < 0)
            return l->e->code;
        if (!json_opt_bool(row, "enabled", true)) /* checked all the same */
            row_done(&l->s->rows[--l->s->n_rows]);
    }
    return 0;
}

/* ---- the set ---- */

static json_t *for_people(const json_t *root)
{
    json_t *out = json_pack("{s:[], s:[]}", "hosts", "sources"), *x;
    size_t i;

    json_array_foreach (json_opt_arr(root, "hosts"), i, x) {
        json_t *h = json_copy(x);

        json_object_del(h, "secret_file");
        json_array_append_new(json_object_get(out, "hosts"), h);
    }
    json_array_foreach (json_opt_arr(root, "sources"), i, x)
        json_array_append(json_object_get(out, "sources"), x);
    return out;
}

static int schema_check_doc(const struct yaml_doc *doc, struct err *e)
{
    AUTO(schema_freep) struct schema *schema = NULL;
    struct err own = {0};

    if (schema_new(sources_schema_json, sources_schema_json_len, &schema, &own) < 0)
        check_failed(own.msg, __FILE__, __LINE__); /* our own text is broken */
    return yaml_check(doc, schema, e);
}

static int set_make(const char *name, const char *bytes, size_t len, const char *dir,
                    struct sources **out, struct err *e)
{
    AUTO(yaml_freep) struct yaml_doc *doc = NULL;
    AUTO(sources_unrefp) struct sources *s = mem_alloc(sizeof *s);
    struct load l = {.s = s, .dir = dir, .e = e};
    json_t *root, *hosts;

    atomic_init(&s->refs, 1);
    if (yaml_parse(name, bytes, len, &doc, e) < 0 || schema_check_doc(doc, e) < 0)
        return e->code;
    l.doc = doc;
    root = yaml_root(doc);
    hosts = json_opt_arr(root, "hosts");
    for (size_t i = 0; i < json_array_size(hosts); i++)
        if (host_load(&l, i, json_array_get(hosts, i)) < 0)
            return e->code;
    if (rows_load(&l, json_opt_arr(root, "sources")) < 0)
        return e->code;
    s->shown = for_people(root);
    sha256_hex(bytes, len, s->hash);
    *out = TAKE(s);
    return 0;
}

int sources_parse(const char *name, const char *bytes, size_t len, struct sources **out,
                  struct err *e)
{
    return set_make(name, bytes, len, NULL, out, e);
}

/* The file as `init` writes it: every row is there to be uncommented, and none is asked yet. */
static bool only_comments(const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        const char *end = memchr(s + i, '\n', len - i);
        size_t line = end ? (size_t)(end - s) - i : len - i, blanks = 0;

        while (blanks < line && strchr(" \t\r", s[i + blanks]))
            blanks++;
        if (blanks < line && s[i + blanks] != '#')
            return false;
        i += line + 1;
    }
    return true;
}

int sources_load(const char *path, struct sources **out, struct err *e)
{
    AUTO(mem_freep) char *bytes = NULL;
    AUTO(mem_freep) char *dir = NULL;
    const char *slash = strrchr(path, '/');
    size_t len = 0;
    int rc = file_read(path, SOURCE_FILE_MAX, &bytes, &len, e);

    if (rc == ERR_NOT_FOUND)
        return set_make(path, "{}", 2, NULL, out, e);
    if (rc < 0)
        return rc;
    if (only_comments(bytes, len))
        return set_make(path, "{}", 2, NULL, out, e);
    dir = slash ? mem_strndup(path, (size_t)(slash - path)) : mem_strdup(".");
    /* A message has 256 bytes: a deep folder must not push the reason out. */
    return set_make(strlen(path) <= 80 ? path : slash + 1, bytes, len, dir, out, e);
}

struct sources *sources_ref(struct sources *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void sources_unref(struct sources *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < s->n_rows; i++)
        row_done(&s->rows[i]);
    for (size_t i = 0; i < s->n_hosts; i++) {
        struct src_host *h = &s->hosts[i];

        mem_freep(&h->name);
        mem_freep(&h->peer_name);
        mem_freep(&h->base_url);
        mem_freep(&h->header);
        mem_freep(&h->probe);
        secret_free(h->secret);
    }
    mem_freep(&s->rows);
    json_decref(s->shown);
    mem_freep(&s);
}

void sources_unrefp(struct sources **s)
{
    sources_unref(*s);
    *s = NULL;
}

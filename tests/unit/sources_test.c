/* etc/sources.yaml: what is refused, what is asked, and that no value leads a request away from its host. */
#include "sources/sources.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "net/net_origin.h"

#define NOW  INT64_C(1789352000000)
#define THEN INT64_C(1789351867000) /* 2026-09-14T02:11:07Z */

static struct sources *parse(const char *text)
{
    struct sources *s = NULL;
    struct err e = {0};

    if (sources_parse("sources.yaml", text, strlen(text), &s, &e) < 0)
        fail_msg("%s\n%s", e.msg, text);
    return s;
}

static json_t *facts_of(const char *text)
{
    json_error_t je;
    json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, &je);

    if (!j)
        fail_msg("%s: %s", je.text, text);
    return j;
}

/* The URL, or the error's word and message. */
static char *url_of(const struct sources *s, size_t i, json_t *facts)
{
    AUTO(arena_freep) struct arena *a = arena_new((size_t)1 << 20);
    struct net_req req;
    struct err e = {0};
    int64_t from, until;
    struct buf b;
    size_t len;

    buf_init(&b, 65536);
    if (sources_request(s, i, a, facts, THEN, NOW, &req, &from, &until, &e) < 0) {
        buf_printf(&b, "!%s: %s", err_name(e.code), e.msg);
    } else {
        assert_string_equal(req.method, "GET");
        assert_false(req.write);
        assert_null(req.body);
        assert_int_equal(req.reply_cap_bytes, SOURCE_REPLY_MAX_BYTES);
        assert_true(req.total_ms + req.start_within_ms <= SOURCE_TIMEOUT_MS);
        assert_int_equal(req.cls, NET_OPTIONAL);
        buf_puts(&b, req.url);
    }
    return buf_take(&b, &len);
}

/* ---- files ---- */

#define HOST "hosts: [{name: h, base_url: 'https://h.example/base'}]\n"
#define ROW  "sources:\n  - {name: s, host: h, url: /x, extract: {json: a, line: x}"

static const struct {
    const char *text, *says;
} bad[] = {
    {"host: []", "sources.yaml:1: host: unknown key 'host'"},
    {"hosts: [{name: h}]", "base_url"},
    {"hosts: [{name: H, base_url: 'https://x.example'}]", "name"},
    {"hosts: [{name: h, base_url: 'ftp://x.example'}]", "neither https:// nor http://"},
    {"hosts: [{name: h, base_url: 'http://x.example'}]", "plain http is only for a loopback"},
    {"hosts: [{name: h, base_url: 'https://u:p@x.example'}]", "names a user"},
    {"hosts: [{name: h, base_url: 'https://x.example/?a=b'}]", "a query does not belong"},
    {"hosts: [{name: h, base_url: 'https://x.example/#a'}]", "percent-encoded"},
    {"hosts: [{name: h, base_url: 'https://x.example/../a'}]", "\"..\" part"},
    {"hosts:\n  - {name: h, base_url: 'https://x.example'}\n  - {name: h, base_url: 'https://y.example'}",
     "sources.yaml:3: the name is taken"},
    {"hosts: [{name: h, base_url: 'https://x.example', auth: bearer}]", "needs a secret_file"},
    {"hosts: [{name: h, base_url: 'https://x.example', secret_file: s}]", "is never sent"},
    {"hosts: [{name: h, base_url: 'https://x.example', auth: header, secret_file: s}]",
     "needs the header's name"},
    {"hosts: [{name: h, base_url: 'https://x.example', auth: basic, header: a, secret_file: s}]",
     "belongs to auth: header"},
    {HOST ROW "}\n  - {name: s, host: h, url: /x, extract: {json: a, line: x}}",
     "sources.yaml:4: the name is taken"},
    {"sources:\n  - {name: s, host: h, url: /x, extract: {json: a, line: x}}",
     "no host of that name"},
    {HOST "sources:\n  - {name: s, host: h, url: x, extract: {json: a, line: x}}", "url"},
    {HOST "sources:\n  - {name: s, host: h, url: //x, extract: {json: a, line: x}}", "empty part"},
    {HOST "sources:\n  - {name: s, host: h, url: /a//b, extract: {json: a, line: x}}",
     "empty part"},
    {HOST "sources:\n  - {name: s, host: h, url: /../b, extract: {json: a, line: x}}",
     "\"..\" part"},
    {HOST "sources:\n  - {name: s, host: h, url: '/a#b', extract: {json: a, line: x}}",
     "percent-encoded"},
    {HOST "sources:\n  - {name: s, host: h, url: '/a%zz', extract: {json: a, line: x}}",
     "broken percent code"},
    {HOST "sources:\n  - {name: s, host: h, url: '/{service.nam}', extract: {json: a, line: x}}",
     "is no field"},
    {HOST "sources:\n  - {name: s, host: h, url: '/{action.verb}', extract: {json: a, line: x}}",
     "known to policies only"},
    {HOST
     "sources:\n  - {name: s, host: h, url: '/{service.name|html}', extract: {json: a, line: x}}",
     "quote or regex"},
    {HOST "sources:\n  - {name: s, host: h, url: '/{', extract: {json: a, line: x}}", "not closed"},
    {HOST ROW ", when: {service.nam: x}}", "service.nam"},
    {HOST ROW ", params: {q: '{nothing}'}}", "is no field"},
    {HOST ROW ", headers: {Authorization: x}}", "not for a row to set"},
    {HOST ROW ", headers: {Host: x}}", "not for a row to set"},
    {HOST ROW ", window: {before: 8d}}", "over its limit"},
    {HOST ROW ", window: {step: 10ms}}", "step is under 1 s"},
    {HOST ROW ", link: 'https://{service.name}/x'}", "host of a link has no places"},
    {HOST ROW ", link: 'https://a{service.name}.example/x'}", "host of a link has no places"},
    {HOST ROW ", link: 'javascript:alert(1)'}", "link"},
    {HOST ROW ", method: POST}", "unknown key 'method'"},
};

static void a_broken_file_is_refused_with_its_line(void **state)
{
    unsigned wrong = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct sources *s = NULL;
        struct err e = {0};
        int rc = sources_parse("sources.yaml", bad[i].text, strlen(bad[i].text), &s, &e);

        if (rc == ERR_INPUT && text_starts(e.msg, "sources.yaml:") && strstr(e.msg, bad[i].says))
            continue;
        print_error("%s\n   says %d %s\n", bad[i].text, rc, e.msg);
        wrong++;
        sources_unref(s);
    }
    assert_int_equal(wrong, 0);
}

/* ---- URLs ---- */

#define FACTS                                                                                         \
    "{\"incident\":{\"id\":\"Q1\",\"number\":41,\"title\":\"Disk\",\"snoozed\":false},"               \
    "\"service\":{\"name\":\"Parcel & Database\",\"id\":\"PSPARDB\"},"                                \
    "\"alerts\":{\"count\":2,\"details\":{\"labels.instance\":\"db-1:9100\",\"q\":\"a\\\"b\\\\c.d\"," \
    "\"n\":1.5,\"empty\":\"\",\"list\":[\"a\"],\"path\":\"a/b\"}}}"

static const struct {
    const char *row, *url;
} urls[] = {
    {"url: /x", "https://h.example/base/x"},
    {"url: '/{service.id}/y'", "https://h.example/base/PSPARDB/y"},
    {"url: '/x?n={incident.number}&b={incident.snoozed}&r={alerts.details.n}'",
     "https://h.example/base/x?n=41&b=false&r=1.5"},
    {"url: '/{alerts.details.path}'", "https://h.example/base/a%2Fb"},
    {"url: '/x?i={alerts.details.labels.instance}'", "https://h.example/base/x?i=db-1%3A9100"},
    {"url: /x, params: {query: 'up{{job=\"a\"}} + 1', n: 5}",
     "https://h.example/base/x?query=up%7Bjob%3D%22a%22%7D%20%2B%201&n=5"},
    {"url: '/x?a=1', params: {b: '{service.name|quote}'}",
     "https://h.example/base/x?a=1&b=Parcel%20%26%20Database"},
    {"url: '/x?s={from}&e={until}&p={step}'",
     "https://h.example/base/x?s=1789350067&e=1789352000&p=60"},
    {"url: '/x?s={from_ms}&e={until_ns}', window: {before: 1m, after: 1m}",
     "https://h.example/base/x?s=1789351807000&e=1789351927000000000"},
    {"url: '/x?s={from_iso}', window: {before: 7s}",
     "https://h.example/base/x?s=2026-09-14T02%3A11%3A00Z"},
    {"url: '/x y\"'", "https://h.example/base/x%20y%22"},
    /* what is not plain waits for a filter that says how it is meant */
    {"url: '/x?q={service.name}'", "!not found: the value of {service.name} has a character"},
    {"url: '/x?q={alerts.details.q}'",
     "!not found: the value of {alerts.details.q} has a character"},
    {"url: '/x?q={alerts.details.q|quote}'", "https://h.example/base/x?q=a%5C%22b%5C%5Cc.d"},
    {"url: '/x?q={alerts.details.q|regex}'",
     "https://h.example/base/x?q=a%5C%22b%5C%5C%5C%5Cc%5C%5C.d"},
    /* a place without a value is not asked */
    {"url: '/x?q={alerts.details.nowhere}'", "!not found: {alerts.details.nowhere} is not known"},
    {"url: '/x?q={alerts.details.empty}'", "!not found: {alerts.details.empty} is not known"},
    {"url: '/x?q={alerts.details.list}'", "!not found: {alerts.details.list} is not known"},
    {"url: '/x?q={incident.urgency}'", "!not found: {incident.urgency} is not known"},
};

static struct sources *row_set(const char *row)
{
    AUTO(buf_done) struct buf b = {0};

    buf_init(&b, 16384);
    buf_printf(&b, "%ssources:\n  - {name: s, host: h, %s, extract: {json: a, line: x}}\n", HOST,
               row);
    return parse(buf_str(&b));
}

static void places_are_filled_and_encoded(void **state)
{
    AUTO(json_freep) json_t *facts = facts_of(FACTS);
    unsigned wrong = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        AUTO(sources_unrefp) struct sources *s = row_set(urls[i].row);
        AUTO(mem_freep) char *got = url_of(s, 0, facts);

        if (urls[i].url[0] == '!' ? text_starts(got, urls[i].url) : strcmp(got, urls[i].url) == 0)
            continue;
        print_error("%s\n   gives %s\n   not   %s\n", urls[i].row, got, urls[i].url);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

/*
 * F-25, threat model S1 to S3: 80 values that a webhook or an alert may carry, each in the path, in the query and in a quoted query. The
 * request is not built, or it goes to the host and below the path that the file names.
 */
static const char *const EVIL[] = {
    "..",
    ".",
    "../",
    "../..",
    "../../admin",
    "..%2f",
    "%2e%2e",
    "%2e%2e%2f",
    "%2e%2e/%2e%2e",
    ".%2e",
    "..;",
    "..;/",
    "..\\",
    "..%5c",
    "%252e%252e",
    "/",
    "//",
    "//evil.example",
    "//evil.example/x",
    "/\\evil.example",
    "\\\\evil.example",
    "@evil.example",
    ":@evil.example",
    "x@evil.example",
    "user:pass@evil.example",
    "@127.0.0.1",
    "#",
    "#@evil.example",
    "x#frag",
    "?",
    "?x=y",
    "x?y=z",
    "&admin=1",
    "x&y=z",
    ";x=y",
    "x y",
    "x\ty",
    "x\ny",
    "x\r\nHost: evil.example",
    "x\r\n\r\nGET / HTTP/1.1",
    "%0d%0aHost:%20evil.example",
    "%00",
    "\x01",
    "\x7f",
    "http://evil.example",
    "https://evil.example",
    "https://evil.example/",
    "HTTPS://EVIL.EXAMPLE",
    "http:evil.example",
    "//127.0.0.1",
    "http://127.0.0.1",
    "http://127.1",
    "http://2130706433",
    "http://0x7f000001",
    "http://0x7f.1",
    "http://017700000001",
    "http://0177.0.0.1",
    "http://localhost",
    "http://LOCALHOST.",
    "http://[::1]",
    "http://[::ffff:127.0.0.1]",
    "http://[::ffff:7f00:1]",
    "http://[64:ff9b::7f00:1]",
    "http://0",
    "http://0.0.0.0",
    "http://169.254.169.254/latest/meta-data/",
    "http://metadata.google.internal/",
    "http://10.0.0.1",
    "http://192.168.1.1",
    "http://172.16.0.1",
    "http://100.64.0.1",
    "http://[fd00::1]",
    "http://[fe80::1]",
    "http://localtest.me",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_x",
    "dict://127.0.0.1:11211/",
    "ftp://127.0.0.1/",
    "javascript:alert(1)",
    "\xef\xbc\x8f\xef\xbc\x8f"
    "evil.example",
    "\xe2\x93\x94vil.example",
    "evil\xe3\x80\x82"
    "example",
    "x\"} or vector(1) or {a=\"",
};

static bool stays(const char *url)
{
    struct net_url base, u;
    struct err e = {0};

    assert_int_equal(net_url_parse("https://h.example/base", &base, &e), 0);
    if (net_url_parse(url, &u, &e) < 0 || net_url_below(&base, &u, &e) < 0)
        return false;
    /* Nothing that some parser takes for a user, another host, a fragment or the end of a line. */
    return !memchr(u.path, '@', u.path_len) && !strchr(url, '#') && !strchr(url, '\\') &&
           strstr(url + 8, "//") == NULL && strcspn(url, "\r\n\t \x7f") == strlen(url);
}

static void no_value_leads_away_from_the_host(void **state)
{
    static const char *const templates[] = {
        "url: '/{alerts.details.v}'",
        "url: '/a/{alerts.details.v}/b'",
        "url: '/a{alerts.details.v}'",
        "url: '/{alerts.details.v|quote}'",
        "url: '/{alerts.details.v|regex}'",
        "url: '/x?q={alerts.details.v}'",
        "url: '/x?q={alerts.details.v|quote}'",
        "url: /x, params: {q: '{alerts.details.v}'}",
        "url: /x, params: {q: 'up{{a=\"{alerts.details.v|quote}\"}}'}",
    };
    size_t built = 0, wrong = 0;

    (void)state;
    assert_in_range(ARRAY_LEN(EVIL), 80, 200);
    for (size_t t = 0; t < ARRAY_LEN(templates); t++) {
        AUTO(sources_unrefp) struct sources *s = row_set(templates[t]);

        for (size_t i = 0; i < ARRAY_LEN(EVIL); i++) {
            AUTO(json_freep)
            json_t *facts = json_pack("{s:{s:{s:s}}}", "alerts", "details", "v", EVIL[i]);
            AUTO(mem_freep) char *got = url_of(s, 0, facts);

            if (got[0] == '!')
                continue;
            built++;
            if (stays(got))
                continue;
            print_error("%s with '%s' gives %s\n", templates[t], EVIL[i], got);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
    assert_in_range(built, 100,
                    700); /* some are harmless once encoded, some are refused: both happen */
}

/* What a promql string must not be left by. */
static void a_quoted_value_stays_within_its_quotes(void **state)
{
    AUTO(sources_unrefp)
    struct sources *s = row_set("url: /x, params: {q: 'a{{i=\"{alerts.details.v|quote}\"}}'}");
    AUTO(json_freep)
    json_t *facts = json_pack("{s:{s:{s:s}}}", "alerts", "details", "v", "\"} or vector(1) # \\");
    AUTO(mem_freep) char *got = url_of(s, 0, facts);

    (void)state;
    assert_string_equal(got,
                        "https://h.example/base/x?q=a%7Bi%3D%22%5C%22%7D%20or%20vector%281%29%20"
                        "%23%20%5C%5C%22%7D");
}

/* ---- secrets, links, order ---- */

#define DIR_MAX 64
static void write_file(const char *dir, const char *name, const char *text)
{
    char path[128];
    struct err e = {0};

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    if (file_write_atomic(path, text, strlen(text), 0600, &e) < 0)
        fail_msg("%s", e.msg);
}

/* INV-7: the credential is in the request for its header and nowhere in what people see. */
static void secrets_are_read_beside_the_file_and_shown_nowhere(void **state)
{
    static const char text[] =
        "hosts:\n"
        "  - {name: a, base_url: 'https://a.example', auth: bearer, secret_file: one}\n"
        "  - {name: b, base_url: 'https://b.example', auth: basic, secret_file: two}\n"
        "  - {name: c, base_url: 'https://c.example', auth: header, header: X-Api-Key, secret_file: one}\n"
        "sources:\n"
        "  - {name: a, host: a, url: /x, extract: {json: a, line: x}}\n"
        "  - {name: b, host: b, url: /x, extract: {json: a, line: x}}\n"
        "  - {name: c, host: c, url: /x, extract: {json: a, line: x}}\n";
    static const char *const want[][3] = {{NULL, "Bearer ", "s3cret-one"},
                                          {NULL, "Basic ", "dXNlcjpwYXNz"},
                                          {"X-Api-Key", NULL, "s3cret-one"}};
    char dir[DIR_MAX] = "/tmp/triaged-unit.XXXXXX", path[128];
    AUTO(sources_unrefp) struct sources *s = NULL;
    AUTO(json_freep) json_t *shown = NULL;
    AUTO(arena_freep) struct arena *a = arena_new((size_t)1 << 20);
    struct err e = {0};

    (void)state;
    assert_non_null(mkdtemp(dir));
    write_file(dir, "one", "s3cret-one\n");
    write_file(dir, "two", "user:pass");
    write_file(dir, "sources.yaml", text);
    (void)snprintf(path, sizeof path, "%s/sources.yaml", dir);
    if (sources_load(path, &s, &e) < 0)
        fail_msg("%s", e.msg);
    for (size_t i = 0; i < 3; i++) {
        struct net_req req;
        int64_t from, until;
        size_t len;

        assert_int_equal(sources_request(s, i, a, NULL, THEN, NOW, &req, &from, &until, &e), 0);
        assert_true(text_eq(req.auth_header, want[i][0]));
        assert_true(text_eq(req.auth_prefix, want[i][1]));
        assert_string_equal(secret_bytes(req.auth, &len), want[i][2]);
        assert_null(strstr(req.url, want[i][2]));
    }
    shown = sources_json(s);
    AUTO(mem_freep) char *all = json_canon(shown, &(size_t){0});
    assert_null(strstr(all, "s3cret"));
    assert_null(strstr(all, "secret_file"));
    (void)snprintf(path, sizeof path, "%s/one", dir);
    assert_int_equal(chmod(path, 0644), 0);
    (void)snprintf(path, sizeof path, "%s/sources.yaml", dir);
    sources_unrefp(&s);
    assert_int_equal(sources_load(path, &s, &e), ERR_INPUT); /* others may read it */
    assert_null(strstr(e.msg, "s3cret"));
    for (const char *const *n = (const char *const[]){"one", "two", "sources.yaml", NULL}; *n;
         n++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, *n);
        (void)unlink(path);
    }
    (void)rmdir(dir);
}

static void an_absent_file_is_an_empty_set(void **state)
{
    AUTO(sources_unrefp) struct sources *s = NULL;
    struct err e = {0};
    size_t out[SOURCES_PER_INCIDENT];
    AUTO(json_freep) json_t *facts = facts_of("{}");

    (void)state;
    assert_int_equal(sources_load("/nonexistent/sources.yaml", &s, &e), 0);
    assert_int_equal(sources_count(s), 0);
    assert_int_equal(sources_pick(s, facts, NOW, out), 0);
}

/* As `init` writes it. What is no comment is read, and is right or refused. */
static void a_file_of_comments_is_an_empty_set(void **state)
{
    static const struct {
        const char *text;
        int code;
    } rows[] = {{"", 0},
                {"# hosts:\n\n  # - name: h\r\n\t# x", 0},
                {"# hosts:\nhosts: []\n", 0},
                {"# hosts:\nhosts\n", ERR_INPUT},
                {"# hosts:\n -", ERR_INPUT}};
    char path[] = "/tmp/sources_test.XXXXXX";
    struct err e = {0};
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    (void)close(fd);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(sources_unrefp) struct sources *s = NULL;

        assert_int_equal(file_write_atomic(path, rows[i].text, strlen(rows[i].text), 0600, &e), 0);
        assert_int_equal(sources_load(path, &s, &e), rows[i].code);
        if (s)
            assert_int_equal(sources_count(s), 0);
    }
    (void)unlink(path);
}

static void rows_are_picked_in_order_and_at_most_four(void **state)
{
    static const char text[] =
        "hosts: [{name: h, base_url: 'https://h.example'}]\n"
        "sources:\n"
        "  - {name: a, host: h, url: /x, when: {service.name: Other}, extract: {json: a, line: x}}\n"
        "  - {name: b, host: h, url: /x, when: {incident.title: {contains: disk}}, extract: {json: a, line: x}}\n"
        "  - {name: off, host: h, url: /x, enabled: false, extract: {json: a, line: x}}\n"
        "  - {name: c, host: h, url: /x, extract: {json: a, line: x}}\n"
        "  - {name: d, host: h, url: /x, extract: {json: a, line: x}}\n"
        "  - {name: e, host: h, url: /x, extract: {json: a, line: x}}\n"
        "  - {name: f, host: h, url: /x, extract: {json: a, line: x}}\n";
    AUTO(sources_unrefp) struct sources *s = parse(text);
    AUTO(json_freep) json_t *facts = facts_of(FACTS);
    size_t out[SOURCES_PER_INCIDENT];

    (void)state;
    assert_int_equal(sources_count(s), 6);
    assert_int_equal(sources_pick(s, facts, NOW, out), 4);
    assert_string_equal(sources_name(s, out[0]), "b");
    assert_string_equal(sources_name(s, out[1]), "c");
    assert_string_equal(sources_name(s, out[3]), "e");
}

static void a_link_is_filled_or_left_out(void **state)
{
    AUTO(arena_freep) struct arena *a = arena_new((size_t)1 << 20);
    AUTO(json_freep) json_t *facts = facts_of(FACTS);
    AUTO(sources_unrefp)
    struct sources *s =
        row_set("url: /x, link: 'https://g.example/d/a?var={alerts.details.labels.instance}'");
    AUTO(sources_unrefp)
    struct sources *none =
        row_set("url: /x, link: 'https://g.example/d/a?var={alerts.details.no}'");

    (void)state;
    assert_string_equal(sources_link(s, 0, a, facts, THEN, NOW),
                        "https://g.example/d/a?var=db-1%3A9100");
    assert_null(sources_link(none, 0, a, facts, THEN, NOW));
}

/* A reload that changes nothing keeps its peers with their rate buckets; another address is another peer. */
static void a_reload_finds_the_peers_of_hosts_that_stayed(void **state)
{
    static const char first[] = "hosts: [{name: h, base_url: 'https://h.example/'}]\nsources:\n"
                                "  - {name: s, host: h, url: /x, extract: {json: a, line: x}}\n";
    static const char other[] = "hosts: [{name: h, base_url: 'https://h.example:8443'}]\nsources:\n"
                                "  - {name: s, host: h, url: /x, extract: {json: a, line: x}}\n";
    AUTO(arena_freep) struct arena *a = arena_new((size_t)1 << 20);
    AUTO(sources_unrefp) struct sources *one = parse(first);
    AUTO(sources_unrefp) struct sources *same = parse(first);
    AUTO(sources_unrefp) struct sources *moved = parse(other);
    struct sources *const all[] = {one, same, moved};
    struct net_peer *peers[3];
    struct net *n = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(net_new(&n, &e), 0);
    for (size_t i = 0; i < 3; i++) {
        struct net_req req;
        int64_t from, until;

        if (sources_connect(all[i], n, &e) < 0)
            fail_msg("%s", e.msg);
        assert_int_equal(sources_request(all[i], 0, a, NULL, THEN, NOW, &req, &from, &until, &e),
                         0);
        peers[i] = req.peer;
    }
    assert_ptr_equal(peers[0], peers[1]);
    assert_ptr_not_equal(peers[0], peers[2]);
    net_free(n);
}

/* The example that is shipped says only what is true: it loads as it stands. */
static void the_shipped_example_loads(void **state)
{
    AUTO(mem_freep) char *text = NULL;
    AUTO(sources_unrefp) struct sources *s = NULL;
    struct err e = {0};
    size_t len;

    (void)state;
    if (file_read(SOURCE_DIR "/etc/sources.yaml", (size_t)1 << 20, &text, &len, &e) < 0 ||
        sources_parse("etc/sources.yaml", text, len, &s, &e) < 0)
        fail_msg("%s", e.msg);
}

static int with_crypto(void **state)
{
    (void)state;
    crypto_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broken_file_is_refused_with_its_line),
        cmocka_unit_test(places_are_filled_and_encoded),
        cmocka_unit_test(no_value_leads_away_from_the_host),
        cmocka_unit_test(a_quoted_value_stays_within_its_quotes),
        cmocka_unit_test(secrets_are_read_beside_the_file_and_shown_nowhere),
        cmocka_unit_test(an_absent_file_is_an_empty_set),
        cmocka_unit_test(a_file_of_comments_is_an_empty_set),
        cmocka_unit_test(rows_are_picked_in_order_and_at_most_four),
        cmocka_unit_test(a_link_is_filled_or_left_out),
        cmocka_unit_test(a_reload_finds_the_peers_of_hosts_that_stayed),
        cmocka_unit_test(the_shipped_example_loads),
    };

    return cmocka_run_group_tests(tests, with_crypto, NULL);
}

/* sources: what else may be asked, whether it can be, and what one row makes of one incident. Works on the file, without a daemon. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/cli.h"
#include "sources/sources.h"
#include "triage/pure.h"

#define FACTS_MAX_BYTES ((size_t)1024 * 1024)
#define ANSWER_LIMIT_MS 10000
#define URL_SHOWN       2000

/* ---- the file ---- */

static int set_open(struct cli *c, const char *path, struct sources **out)
{
    struct err e = {0};
    int rc = 0;

    if (!path)
        path = config_path_of(c, "sources_file", "sources.yaml", &rc);
    if (!path)
        return rc;
    if (sources_load(path, out, &e) < 0)
        return fail(c, EXIT_FAILED, "%s", e.msg);
    if (sources_hosts(*out) == 0 && sources_count(*out) == 0)
        fprintf(stderr,
                "triagectl: %s has no hosts and no sources (or is not there); "
                "etc/sources.yaml of the package is an example\n",
                path);
    return 0;
}

int cmd_sources(struct cli *c)
{
    AUTO(sources_unrefp) struct sources *s = NULL;
    int rc = set_open(c, NULL, &s);
    struct table *t;

    if (rc)
        return rc;
    if (c->json)
        return print_json(c, sources_json(s));
    t = table_new(c, "SOURCE|HOST|*WHAT");
    for (size_t i = 0; i < sources_count(s); i++) {
        table_cell(t, BOLD, show(c, sources_name(s, i)));
        table_cell(t, PLAIN, show(c, sources_host_of(s, i)));
        table_cell(t, PLAIN, show(c, sources_title(s, i)));
    }
    table_print(t);
    printf("%zu sources on %zu hosts, hash %.12s\n", sources_count(s), sources_hosts(s),
           sources_hash(s));
    return EXIT_DONE;
}

/* ---- one call ---- */

struct answer {
    struct arena *arena;
    bool done;
    int code, status;
    const char *body;
    size_t body_len;
    int64_t took_ms;
    char why[160];
};

static void on_reply(void *arg, uint64_t owner, const struct net_reply *r)
{
    struct answer *a = arg;

    (void)owner;
    a->code = r->code;
    a->status = r->status;
    a->took_ms = r->took_ms;
    a->body_len = r->body ? r->body_len : 0;
    a->body = arena_strndup(a->arena, r->body ? r->body : "", a->body_len);
    (void)snprintf(a->why, sizeof a->why, "%s", r->msg);
    a->done = true;
}

static void call(struct cli *c, struct net *n, const struct net_req *req, struct answer *a)
{
    int64_t until = clock_mono_ms() + ANSWER_LIMIT_MS;
    struct err e = {0};

    *a = (struct answer){.arena = c->arena, .code = ERR_RETRY};
    if (net_start(n, req, on_reply, a, 1, &e) < 0) {
        a->code = e.code;
        (void)snprintf(a->why, sizeof a->why, "%.150s", e.msg);
        return;
    }
    while (!a->done && clock_mono_ms() < until)
        if (net_poll(n, 100, &e) < 0)
            break;
    if (!a->done)
        (void)snprintf(a->why, sizeof a->why, "no answer");
}

/* ---- check ---- */

struct finding {
    enum colour colour;
    const char *said, *todo;
};

static struct finding judge_none(struct cli *c, const struct answer *a)
{
    if (a->code == ERR_DENIED)
        return (struct finding){
            RED, fmt(c, "refused: %s", a->why),
            "if it is meant to be a private address, allow_private_addresses: true"};
    if (a->code == ERR_INPUT)
        return (struct finding){YELLOW, fmt(c, "answers more than is read: %s", a->why),
                                "name a smaller page with probe:"};
    return (struct finding){RED, fmt(c, "does not answer: %s", a->why),
                            "look at base_url, DNS, the firewall and the certificate"};
}

static struct finding judge(struct cli *c, const struct answer *a)
{
    const char *said = fmt(c, "answers %d in %" PRId64 " ms", a->status, a->took_ms);

    if (a->code != 0)
        return judge_none(c, a);
    if (a->status == 401 || a->status == 403)
        return (struct finding){RED, said,
                                "the credential is refused: look at auth and secret_file"};
    if (a->status >= 300 && a->status < 400)
        return (struct finding){RED, said,
                                "redirects are not followed: put the final address into base_url"};
    if (a->status >= 500)
        return (struct finding){RED, said, "it is in trouble itself, or a proxy cannot reach it"};
    if (a->status >= 400)
        return (struct finding){YELLOW, said, "it is there; probe: can name a page that it has"};
    return (struct finding){GREEN, said, ""};
}

static json_t *host_check(struct cli *c, struct net *n, const struct sources *s, size_t i)
{
    static const char *const states[] = {[RED] = "red", [YELLOW] = "warn", [GREEN] = "ok"};
    struct finding f = {RED, NULL, "correct base_url or probe"};
    struct net_req req;
    struct answer a;
    struct err e = {0};

    if (sources_host_request(s, i, c->arena, &req, &e) < 0) {
        f.said = fmt(c, "%s", e.msg);
    } else {
        call(c, n, &req, &a);
        f = judge(c, &a);
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "host", sources_host_name(s, i), "base_url",
                     sources_host_base(s, i), "state", states[f.colour], "said", f.said, "todo",
                     f.todo);
}

static int net_open(struct cli *c, struct sources *s, struct net **n)
{
    struct err e = {0};

    if (net_new(n, &e) < 0)
        return fail(c, EXIT_FAILED, "%s", e.msg);
    if (sources_connect(s, *n, &e) < 0) {
        net_free(*n);
        return fail(c, EXIT_FAILED, "%s", e.msg);
    }
    return 0;
}

static bool hosts_ok(const json_t *rows)
{
    for (size_t i = 0; i < json_array_size(rows); i++)
        if (text_eq(json_opt_str(json_array_get(rows, i), "state"), "red"))
            return false;
    return true;
}

static void hosts_print(struct cli *c, const json_t *rows)
{
    struct table *t = table_new(c, "HOST|*ADDRESS|STATE|*ANSWER|*WHAT TO DO");
    size_t i;
    json_t *x;

    json_array_foreach (rows, i, x) {
        const char *state = json_opt_str(x, "state");

        table_cell(t, BOLD, member(c, x, "host"));
        table_cell(t, PLAIN, member(c, x, "base_url"));
        table_cell(t, text_eq(state, "ok") ? GREEN : text_eq(state, "red") ? RED : YELLOW, state);
        table_cell(t, PLAIN, member(c, x, "said"));
        table_cell(t, PLAIN, member(c, x, "todo"));
    }
    table_print(t);
}

int cmd_sources_check(struct cli *c)
{
    AUTO(sources_unrefp) struct sources *s = NULL;
    AUTO(json_freep) json_t *rows = json_array();
    int rc = set_open(c, c->n_args > 0 ? c->args[0] : NULL, &s);
    struct net *n = NULL;
    bool ok;

    if (rc == 0)
        rc = net_open(c, s, &n);
    if (rc)
        return rc;
    for (size_t i = 0; i < sources_hosts(s); i++)
        json_array_append_new(rows, host_check(c, n, s, i));
    net_free(n);
    ok = hosts_ok(rows);
    if (c->json) {
        (void)print_json(c, json_pack("{s:O, s:I, s:b}", "hosts", rows, "sources",
                                      (json_int_t)sources_count(s), "ok", ok));
        return ok ? EXIT_DONE : EXIT_FAILED;
    }
    hosts_print(c, rows);
    printf("the file is right: %zu sources on %zu hosts\n", sources_count(s), sources_hosts(s));
    return ok ? EXIT_DONE : EXIT_FAILED;
}

/* ---- try: facts ---- */

static void item_take(struct triage_items *it, const json_t *x)
{
    const char *kind = json_opt_str(x, "kind");
    json_t *body = json_opt_obj(x, "body");

    if (kind && body && text_eq(json_opt_str(x, "state"), "ok"))
        triage_items_add(it, kind, "store", json_incref(body), when_ms(x, "at"));
}

/* From the daemon: the facts of an incident are made of its evidence, here as there. */
static int facts_asked(struct cli *c, json_t **facts)
{
    AUTO(triage_items_done) struct triage_items it = {0};
    AUTO(reply_done) struct reply r = {0};
    const char *what = arg_incident(c, 1), *id;
    int rc = what ? incident_id(c, what, &id) : EXIT_USAGE;
    size_t i;
    json_t *x;

    if (rc == 0)
        rc = api_get(c, &r, path_of(c, "/api/v1/incidents/", id, ""));
    if (rc)
        return rc;
    triage_items_init(&it, c->arena);
    json_array_foreach (json_opt_arr(r.json, "evidence"), i, x) {
        AUTO(reply_done) struct reply one = {0};
        int64_t num = json_opt_int(x, "num", 0);

        if (num <= 0 || !json_opt_bool(x, "current", false) ||
            !text_eq(json_opt_str(x, "state"), "ok"))
            continue;
        rc = api_get(c, &one,
                     path_of(c, "/api/v1/incidents/", id, fmt(c, "/evidence/%" PRId64, num)));
        if (rc)
            return rc;
        item_take(&it, one.json);
    }
    *facts = triage_facts(&it, NULL, 0, c->now_wall_ms);
    return 0;
}

static int facts_read(struct cli *c, const char *path, json_t **facts)
{
    AUTO(mem_freep) char *bytes = NULL;
    struct err e = {0};
    size_t len = 0;

    if (file_read(path, FACTS_MAX_BYTES, &bytes, &len, &e) < 0 ||
        triage_facts_from_file(bytes, len, c->now_wall_ms, facts, &e) < 0)
        return fail_err(c, &e);
    return 0;
}

static json_t *member_of(json_t *facts, const char *key)
{
    json_t *o = json_object_get(facts, key);

    if (!o) {
        o = json_object();
        json_object_set_new(facts, key, o);
    }
    return o;
}

/* --service, --title and --detail say what no incident says, or say it otherwise. */
static int facts_told(struct cli *c, json_t *facts)
{
    const char *service = flag_value(c, "--service"), *title = flag_value(c, "--title");

    if (service) {
        json_object_set_new(member_of(facts, "service"), "name", json_string(service));
        json_object_set_new(member_of(facts, "incident"), "service", json_string(service));
        if (text_is_id(service) && text_starts(service, "P"))
            json_object_set_new(member_of(facts, "service"), "id", json_string(service));
    }
    if (title)
        json_object_set_new(member_of(facts, "incident"), "title", json_string(title));
    for (size_t i = 0; i < c->n_set; i++) {
        const char *v = c->set[i].value, *eq = v ? strchr(v, '=') : NULL;

        if (!text_eq(c->set[i].flag->name, "--detail"))
            continue;
        if (!eq || eq == v)
            return fail(c, EXIT_USAGE, "--detail takes KEY=VALUE");
        AUTO(mem_freep) char *key = mem_strndup(v, (size_t)(eq - v));
        json_object_set_new(member_of(member_of(facts, "alerts"), "details"), key,
                            json_string(eq + 1));
    }
    return 0;
}

static int facts_get(struct cli *c, json_t **facts)
{
    const char *file = flag_value(c, "--facts");
    int rc = 0;

    if (c->n_args > 1)
        rc = facts_asked(c, facts);
    else if (file)
        rc = facts_read(c, file, facts);
    else
        *facts = json_object();
    return rc ? rc : facts_told(c, *facts);
}

/* ---- try ---- */

static int row_find(struct cli *c, const struct sources *s, const char *name, size_t *out)
{
    for (size_t i = 0; i < sources_count(s); i++)
        if (text_eq(sources_name(s, i), name)) {
            *out = i;
            return 0;
        }
    return fail(c, EXIT_NOT_FOUND, "no source is called '%s'; 'triagectl sources' lists them",
                show(c, name));
}

static bool fits(const struct sources *s, size_t row, json_t *facts, int64_t now_ms)
{
    size_t rows[SOURCES_PER_INCIDENT], n = sources_pick(s, facts, now_ms, rows);

    for (size_t i = 0; i < n; i++)
        if (rows[i] == row)
            return true;
    return false;
}

static int tried_print(struct cli *c, const char *url, bool fit, const struct answer *a,
                       const json_t *lines, const char *why)
{
    size_t i;
    json_t *x;

    if (c->json)
        return print_json(c, json_pack("{s:s, s:b, s:i, s:I, s:O?, s:s?}", "url", url, "asked", fit,
                                       "status", a->status, "took_ms", (json_int_t)a->took_ms,
                                       "lines", lines, "why", why));
    field(c, "asks", fmt(c, "GET %.*s", URL_SHOWN, url));
    field(c, "for it",
          fit ? "yes, its conditions hold"
              : "no: its conditions do not hold, or four rows come before it");
    field(c, "answer", a->code ? a->why : fmt(c, "%d in %" PRId64 " ms", a->status, a->took_ms));
    if (why)
        field(c, "not checked", show(c, why));
    else if (json_array_size(lines) == 0)
        field(c, "lines", "none: asked, nothing found");
    json_array_foreach (lines, i, x)
        field(c, i == 0 ? "lines" : "", show(c, json_string_value(x)));
    return EXIT_DONE;
}

static int try_row(struct cli *c, struct sources *s, size_t row, json_t *facts)
{
    const char *created = json_at_str(facts, "incident.created_at");
    AUTO(json_freep) json_t *lines = NULL;
    int64_t at = c->now_wall_ms, from, until;
    struct net *n = NULL;
    struct net_req req;
    struct answer a;
    struct err e = {0};
    const char *why = NULL;
    int rc;

    if (created && time_parse_iso(created, strlen(created), &at, &e) < 0)
        at = c->now_wall_ms;
    rc = net_open(c, s, &n);
    if (rc)
        return rc;
    if (sources_request(s, row, c->arena, facts, at, c->now_wall_ms, &req, &from, &until, &e) < 0) {
        net_free(n);
        return fail(c, EXIT_REFUSED, "not asked: %s", e.msg);
    }
    call(c, n, &req, &a);
    if (a.code != 0)
        why = fmt(c, "no answer: %s", a.why);
    else if (a.status < 200 || a.status > 299)
        why = fmt(c, "answered %d", a.status);
    else if (sources_extract(s, row, a.body, a.body_len, &lines, &e) < 0)
        why = fmt(c, "the answer could not be read: %s", e.msg);
    net_free(n);
    rc = tried_print(c, req.url, fits(s, row, facts, c->now_wall_ms), &a, lines, why);
    return rc ? rc : why ? EXIT_FAILED : EXIT_DONE;
}

int cmd_sources_try(struct cli *c)
{
    AUTO(sources_unrefp) struct sources *s = NULL;
    AUTO(json_freep) json_t *facts = NULL;
    size_t row;
    int rc = set_open(c, flag_value(c, "--sources"), &s);

    if (rc == 0)
        rc = row_find(c, s, c->args[0], &row);
    if (rc == 0)
        rc = facts_get(c, &facts);
    return rc ? rc : try_row(c, s, row, facts);
}

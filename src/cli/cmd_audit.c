#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "audit/audit_verify.h"
#include "cli/cli.h"

/* audit: list, show, export over the API; verify on the file itself, with or without a daemon. */

int cmd_audit_list(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    struct query q;
    struct table *t;
    int64_t limit, after;
    size_t i;
    json_t *x;
    int rc;

    if (!flag_int(c, "--limit", 1, 200, 50, &limit) ||
        !flag_int(c, "--after", 0, INT64_MAX, 0, &after))
        return EXIT_USAGE;
    query_begin(&q, "/api/v1/audit");
    query_add(&q, "newest", flag_given(c, "--after") ? NULL : "1");
    query_add(&q, "after", after ? fmt(c, "%lld", (long long)after) : NULL);
    query_add(&q, "incident", flag_value(c, "--incident"));
    query_add(&q, "subject", flag_value(c, "--subject"));
    query_add(&q, "limit", fmt(c, "%lld", (long long)limit));
    rc = api_get(c, &r, query_end(c, &q));
    if (rc || printed_json(c, &r))
        return rc;
    t = table_new(c, "SEQ|TIME|*WHO|WHAT|*SUBJECT|*INCIDENT");
    json_array_foreach (items_of(r.json), i, x) {
        table_cell(t, BOLD, member(c, x, "seq"));
        table_cell(t, PLAIN, clock_of(c, when_ms(x, "at")));
        table_cell(t, PLAIN, member(c, x, "actor"));
        table_cell(t, PLAIN, member(c, x, "verb"));
        table_cell(t, PLAIN, member(c, x, "subject"));
        table_cell(t, PLAIN, member(c, x, "incident"));
    }
    if (table_rows(t) == 0)
        puts("No record.");
    table_print(t);
    return EXIT_DONE;
}

int cmd_audit_show(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    AUTO(mem_freep) char *detail = NULL;
    int64_t seq;
    int rc;

    if (!arg_id(c, 0, "an audit record", &seq))
        return EXIT_USAGE;
    rc = api_get(c, &r, fmt(c, "/api/v1/audit/%lld", (long long)seq));
    if (rc || printed_json(c, &r))
        return rc;
    field(c, "seq", member(c, r.json, "seq"));
    field(c, "time", clock_of(c, when_ms(r.json, "at")));
    field(c, "who", member(c, r.json, "actor"));
    field(c, "what", member(c, r.json, "verb"));
    field(c, "subject", member(c, r.json, "subject"));
    field(c, "incident", member(c, r.json, "incident"));
    field(c, "previous", member(c, r.json, "prev"));
    field(c, "hash", member(c, r.json, "hash"));
    detail = json_dumps(json_object_get(r.json, "detail"), JSON_INDENT(2) | JSON_ENCODE_ANY);
    if (detail)
        printf("\n%s\n", show_lines(c, detail, ""));
    return EXIT_DONE;
}

/* ---- verify ---- */

static bool hash_is_one(const char *h)
{
    return strlen(h) == 64 && h[strspn(h, "0123456789abcdef")] == '\0';
}

/* "SEQ:HASH" */
static bool checkpoint_read(struct cli *c, int64_t *seq, const char **hash)
{
    const char *text = flag_value(c, "--from");
    const char *colon = text ? strchr(text, ':') : NULL;
    struct err e = {0};

    *seq = 0;
    *hash = NULL;
    if (!text)
        return true;
    if (colon && hash_is_one(colon + 1) &&
        parse_i64(fmt(c, "%.*s", (int)(colon - text), text), 1, INT64_MAX, seq, &e) == 0) {
        *hash = colon + 1;
        return true;
    }
    (void)fail(c, EXIT_USAGE,
               "--from is SEQ:HASH as an earlier verification printed it (17:9f86...)");
    return false;
}

static int result_print(struct cli *c, const char *path, const struct audit_verify_result *x)
{
    if (c->json)
        (void)print_json(c,
                         json_pack("{s:b, s:s, s:I, s:I, s:I, s:s, s:s}", "ok", (int)x->ok, "path",
                                   show(c, path), "rows", (json_int_t)x->rows, "first_bad",
                                   (json_int_t)x->first_bad, "head_seq", (json_int_t)x->head_seq,
                                   "head_hash", x->head_hash, "reason", show(c, x->reason)));
    else if (x->ok)
        printf(
            "%s  %lld rows of %s; head %lld:%s\nNote the head somewhere else and give it to a later "
            "'triagectl audit verify --from'.\n",
            paint(c, GREEN, "ok"), (long long)x->rows, show(c, path), (long long)x->head_seq,
            x->head_hash);
    if (!x->ok) {
        fflush(stdout);
        fprintf(
            stderr,
            "triagectl: the audit record was changed, first at row %lld: %s\n  (%s, %lld rows are "
            "good before it). Keep this file as it is; compare it with an export or a backup from "
            "before.\n",
            (long long)x->first_bad, show(c, x->reason), show(c, path), (long long)x->head_seq);
    }
    return x->ok ? EXIT_DONE : EXIT_FAILED;
}

int cmd_audit_verify(struct cli *c)
{
    const char *file = flag_value(c, "--file"), *store = flag_value(c, "--store"), *path, *hash;
    struct audit_verify_result x = {0};
    struct err e = {0};
    int64_t seq;
    int rc;

    if (file && store)
        return fail(c, EXIT_USAGE, "give --file or --store, not both");
    if (!checkpoint_read(c, &seq, &hash))
        return EXIT_USAGE;
    if (!file && !store) {
        const char *dir = client_state_dir(c, &e);

        if (!dir)
            return fail(c, EXIT_FAILED, "%s; or name the store: --store PATH", e.msg);
        store = fmt(c, "%s/store.db", dir);
    }
    path = file ? file : store;
    if (access(path, R_OK) != 0)
        return fail(c, errno == ENOENT ? EXIT_NOT_FOUND : EXIT_FAILED, "%s: %s", show(c, path),
                    strerror(errno)); /* NOLINT(concurrency-mt-unsafe): one thread */
    rc = file ? audit_verify_jsonl(path, seq, hash, &x) : audit_verify_store(path, seq, hash, &x);
    if (rc < 0)
        return fail(c, EXIT_FAILED, "%s cannot be checked: %s", show(c, path), show(c, x.reason));
    return result_print(c, path, &x);
}

/* ---- export ---- */

/* The number in the last line: where the next page begins, also in a record that has lost rows. */
static int64_t last_seq(const char *text, size_t len, int64_t *rows)
{
    AUTO(json_freep) json_t *row = NULL;
    size_t begin = len - 1;

    for (size_t i = 0; i < len; i++)
        *rows += text[i] == '\n';
    while (begin > 0 && text[begin - 1] != '\n')
        begin--;
    row = json_loadb(text + begin, len - begin, 0, NULL);
    return json_opt_int(row, "seq", 0);
}

static int export_to(struct cli *c, FILE *f, int64_t after, int64_t *rows)
{
    *rows = 0;
    for (;;) {
        AUTO(reply_done) struct reply r = {0};
        int64_t last;
        int rc = api_get(c, &r, fmt(c, "/api/v1/audit/export?after=%lld", (long long)after));

        if (rc)
            return rc;
        if (r.len == 0)
            return 0;
        if (fwrite(r.text, 1, r.len, f) != r.len)
            return fail(c, EXIT_FAILED, "writing: %s",
                        strerror(errno)); /* NOLINT(concurrency-mt-unsafe): one thread */
        last = last_seq(r.text, r.len, rows);
        if (last <= after)
            return fail(c, EXIT_FAILED, "the daemon's answer behind row %lld is not an export",
                        (long long)after);
        after = last;
    }
}

int cmd_audit_export(struct cli *c)
{
    const char *path = c->n_args ? c->args[0] : "-";
    int64_t after, rows;
    FILE *f = stdout;
    int fd, rc;

    if (!flag_int(c, "--after", 0, INT64_MAX, 0, &after))
        return EXIT_USAGE;
    c->json = false; /* the lines are JSON already */
    if (strcmp(path, "-") != 0) {
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        f = fd < 0 ? NULL : fdopen(fd, "w");
        if (!f)
            return fail(c, EXIT_FAILED, "%s: %s", show(c, path),
                        strerror(errno)); /* NOLINT(concurrency-mt-unsafe): one thread */
    }
    rc = export_to(c, f, after, &rows);
    if (f != stdout && fclose(f) != 0 && rc == 0)
        rc = fail(c, EXIT_FAILED, "%s: %s", show(c, path),
                  strerror(errno)); /* NOLINT(concurrency-mt-unsafe): one thread */
    if (rc)
        return rc;
    if (f != stdout)
        fprintf(stderr, "%lld rows in %s; check them with: triagectl audit verify --file %s\n",
                (long long)rows, show(c, path), show(c, path));
    return EXIT_DONE;
}

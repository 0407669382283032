#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

/* user: people, roles, tokens. The text of a token goes from the answer into a file and nowhere else. */

#define USERS "/api/v1/users"

int cmd_user_list(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    int rc = api_get(c, &r, USERS);
    struct table *t;
    size_t i;
    json_t *x;

    if (rc || printed_json(c, &r))
        return rc;
    if (json_array_size(items_of(r.json)) == 0)
        puts(
            "Nobody yet. The first: triagectl user add \"NAME\" EMAIL --role admin --pagerduty ID");
    t = table_new(c, "ID|*NAME|*EMAIL|ROLE|PAGERDUTY|MAY DECIDE");
    json_array_foreach (items_of(r.json), i, x) {
        bool off = json_opt_bool(x, "disabled", false), agent = json_opt_bool(x, "agent", false);
        const char *why = off                                          ? "no: disabled"
                          : agent                                      ? "no: an agent"
                          : text_eq(json_opt_str(x, "role"), "viewer") ? "no: a viewer"
                          : !json_opt_str(x, "pd_user_id")             ? "no: no PagerDuty user"
                                                                       : "yes";

        table_cell(t, BOLD, member(c, x, "id"));
        table_cell(t, off ? DIM : PLAIN, member(c, x, "name"));
        table_cell(t, PLAIN, member(c, x, "email"));
        table_cell(t, PLAIN, member(c, x, "role"));
        table_cell(t, PLAIN, member(c, x, "pd_user_id"));
        table_cell(t, why[0] == 'y' ? GREEN : YELLOW, why);
    }
    table_print(t);
    return EXIT_DONE;
}

static bool role_is_one(struct cli *c, const char *role)
{
    if (strcmp(role, "viewer") == 0 || strcmp(role, "responder") == 0 || strcmp(role, "admin") == 0)
        return true;
    (void)fail(c, EXIT_USAGE,
               "'%s' is no role: viewer (looks), responder (decides), admin (also users and "
               "the kill switch)",
               show(c, role));
    return false;
}

int cmd_user_add(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    const char *role = flag_value(c, "--role"), *pd = flag_value(c, "--pagerduty");
    json_t *body;
    int rc;

    if (!role)
        role = "responder";
    if (!role_is_one(c, role))
        return EXIT_USAGE;
    if (!text_is_email(c->args[1]))
        return fail(c, EXIT_USAGE, "'%s' is no e-mail address; it is used as From at PagerDuty",
                    show(c, c->args[1]));
    if (pd && !text_is_id(pd))
        return fail(
            c, EXIT_USAGE,
            "'%s' is no PagerDuty user id; it stands at the end of the user's page address (PABC123)",
            show(c, pd));
    body = json_pack("{s:s, s:s, s:s, s:s*}", "name", c->args[0], "email", c->args[1], "role", role,
                     "pd_user_id", pd);
    if (!body)
        return fail(c, EXIT_USAGE, "the name is not UTF-8 text");
    if (flag_given(c, "--agent"))
        json_object_set_new(body, "agent", json_true());
    rc = api(c, "POST", USERS, body, &r);
    if (rc || printed_json(c, &r))
        return rc;
    printf("%s is person %s, %s. A token: triagectl user token new %s --out FILE\n",
           member(c, r.json, "name"), member(c, r.json, "id"), member(c, r.json, "role"),
           member(c, r.json, "id"));
    if (!pd && !flag_given(c, "--agent") && strcmp(role, "viewer") != 0)
        puts("Without --pagerduty ID this person may look but not decide.");
    return EXIT_DONE;
}

/* An id, an e-mail address or a whole name. 0 or the exit code. */
static int person_of(struct cli *c, const char *word, int64_t *id)
{
    AUTO(reply_done) struct reply r = {0};
    struct err e = {0};
    size_t i;
    json_t *x;
    int rc;

    if (parse_i64(word, 1, INT64_MAX, id, &e) == 0)
        return 0;
    rc = api_get(c, &r, USERS);
    if (rc)
        return rc;
    json_array_foreach (items_of(r.json), i, x) {
        const char *email = json_opt_str(x, "email");

        if ((email && strcasecmp(email, word) == 0) || text_eq(json_opt_str(x, "name"), word)) {
            *id = json_opt_int(x, "id", 0);
            return 0;
        }
    }
    return fail(c, EXIT_NOT_FOUND,
                "nobody here is called '%s'; 'triagectl user list' shows everybody", show(c, word));
}

static int change(struct cli *c, json_t *body, const char *what)
{
    AUTO(reply_done) struct reply r = {0};
    AUTO(json_freep) json_t *owned = body;
    int64_t id;
    int rc = person_of(c, c->args[0], &id);

    if (rc == 0)
        rc = api(c, "PATCH", fmt(c, USERS "/%lld", (long long)id), TAKE(owned), &r);
    if (rc || printed_json(c, &r))
        return rc;
    printf("%s %s.\n", member(c, r.json, "name"), what);
    return EXIT_DONE;
}

int cmd_user_role(struct cli *c)
{
    if (!role_is_one(c, c->args[1]))
        return EXIT_USAGE;
    return change(c, json_pack("{s:s}", "role", c->args[1]), fmt(c, "is now %s", c->args[1]));
}

int cmd_user_disable(struct cli *c)
{
    return change(c, json_pack("{s:b}", "disabled", 1),
                  "is disabled: every token of theirs is refused");
}

int cmd_user_enable(struct cli *c)
{
    return change(c, json_pack("{s:b}", "disabled", 0), "is back");
}

/* ---- tokens ---- */

static int make_folders(struct cli *c, const char *path)
{
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        const char *dir = fmt(c, "%.*s", (int)(slash - path), path);

        if (mkdir(dir, 0700) != 0 && errno != EEXIST)
            return fail(c, EXIT_FAILED, "%s: %s", show(c, dir),
                        strerror(errno)); /* NOLINT(concurrency-mt-unsafe): one thread */
    }
    return 0;
}

/* Opened before the token is made, so that none is made that nobody gets. */
static int open_new(struct cli *c, const char *path, int *fd)
{
    *fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*fd >= 0)
        return 0;
    return fail(c, EXIT_FAILED, "%s: %s%s", show(c, path),
                strerror(errno), /* NOLINT(concurrency-mt-unsafe): one thread */
                errno == EEXIST ? "; choose another file or move that one away" : "");
}

static bool write_all(int fd, const char *text)
{
    size_t len = strlen(text);

    return write(fd, text, len) == (ssize_t)len && write(fd, "\n", 1) == 1 && fsync(fd) == 0;
}

static int token_make(struct cli *c, int64_t person, const char *path, int fd)
{
    AUTO(reply_done) struct reply r = {0};
    const char *label = flag_value(c, "--label"), *token;
    json_t *body = json_pack("{s:s}", "label", label ? label : "command line");
    bool written;
    int rc;

    if (!body)
        return fail(c, EXIT_USAGE, "--label is not UTF-8 text");
    rc = api(c, "POST", fmt(c, USERS "/%lld/tokens", (long long)person), body, &r);
    if (rc)
        return rc;
    token = json_opt_str(r.json, "token");
    written = token && write_all(fd, token);
    explicit_bzero(r.text, r.len);
    if (!written)
        return fail(
            c, EXIT_FAILED,
            "the token could not be written to %s; revoke it: triagectl user token revoke %s",
            show(c, path), member(c, r.json, "id"));
    if (c->json)
        return print_json(
            c, json_pack("{s:O, s:s}", "id", json_object_get(r.json, "id"), "file", show(c, path)));
    printf("Token %s is in %s (mode 0600). Its owner puts it to ~/.config/triaged/token.\n"
           "To take it back: triagectl user token revoke %s\n",
           member(c, r.json, "id"), show(c, path), member(c, r.json, "id"));
    return EXIT_DONE;
}

int cmd_token_new(struct cli *c)
{
    const char *path = flag_value(c, "--out");
    int64_t person;
    bool named;
    int fd, rc;

    if ((path != NULL) == flag_given(c, "--mine"))
        return fail(
            c, EXIT_USAGE,
            "say where the token goes: --out FILE, or --mine for where your own is looked for");
    rc = person_of(c, c->args[0], &person);
    if (!path)
        path = token_path(c, &named);
    if (rc == 0 && flag_given(c, "--mine"))
        rc = make_folders(c, path);
    if (rc == 0)
        rc = open_new(c, path, &fd);
    if (rc)
        return rc;
    rc = token_make(c, person, path, fd);
    close(fd);
    if (rc)
        unlink(path);
    return rc;
}

int cmd_token_revoke(struct cli *c)
{
    AUTO(reply_done) struct reply r = {0};
    int64_t id;
    int rc;

    if (!arg_id(c, 0, "a token", &id))
        return EXIT_USAGE;
    rc = api(c, "DELETE", fmt(c, "/api/v1/tokens/%lld", (long long)id), NULL, &r);
    if (rc || printed_json(c, &r))
        return rc;
    printf("Token %lld is refused from now on.\n", (long long)id);
    return EXIT_DONE;
}

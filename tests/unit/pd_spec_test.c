/*
 * Every request we can build against PagerDuty's own OpenAPI description: a parameter or member that PagerDuty does not
 * know is ignored in silence, and the "[]" names are what the Prism mock does not look at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"
#include "pagerduty/pagerduty_write.h"
#include "pd_test.h"

#define BASE "https://api.pagerduty.com"

static json_t *spec;
static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    spec = pd_data_json("rest-openapi.json");
    arena = arena_new((size_t)4 * 1024 * 1024);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(spec);
    arena_freep(&arena);
    return 0;
}

/* Follows "$ref": "#/components/parameters/x" until something else stands there. */
static const json_t *deref(const json_t *j)
{
    for (const char *ref; (ref = json_string_value(json_object_get(j, "$ref"))) != NULL;) {
        char part[256];
        size_t n = 0;

        j = spec;
        for (const char *p = ref + 2;; p++) {
            if (*p != '/' && *p != '\0') {
                if (p[0] == '~' && (p[1] == '0' || p[1] == '1'))
                    part[n++] = *++p == '1' ? '/' : '~';
                else
                    part[n++] = *p;
                assert_true(n < sizeof(part));
                continue;
            }
            part[n] = '\0';
            n = 0;
            j = json_is_array(j) ? json_array_get(j, strtoul(part, NULL, 10))
                                 : json_object_get(j, part);
            if (*p == '\0')
                break;
        }
        if (!j)
            fail_msg("the specification's reference %s leads nowhere", ref);
    }
    return j;
}

static const json_t *operation(const struct pd_op *op)
{
    const json_t *path = json_object_get(json_object_get(spec, "paths"), op->path), *found;
    char method[8] = {0};

    for (size_t i = 0; i < sizeof(method) - 1 && op->method[i]; i++)
        method[i] = (char)(op->method[i] | 0x20);
    found = json_object_get(path, method);
    if (!found)
        fail_msg("%s: PagerDuty has no %s %s", op->name, op->method, op->path);
    return found;
}

static const json_t *parameter_in(const json_t *list, const char *where, const char *name)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *p = deref(json_array_get(list, i));

        if (text_eq(json_opt_str(p, "in"), where) && text_eq(json_opt_str(p, "name"), name))
            return p;
    }
    return NULL;
}

/* Parameters may stand at the operation or at its path. */
static const json_t *parameter(const struct pd_op *op, const char *where, const char *name)
{
    const json_t *found = parameter_in(json_object_get(operation(op), "parameters"), where, name);

    if (found)
        return found;
    return parameter_in(
        json_object_get(json_object_get(json_object_get(spec, "paths"), op->path), "parameters"),
        where, name);
}

/* A member of a schema, looked for in its properties and in what it is combined from. NULL when unknown. */
static const json_t *property(const json_t *schema, const char *name, int depth)
{
    static const char *const parts[] = {"allOf", "oneOf", "anyOf"};
    const json_t *found;

    schema = deref(schema);
    found = json_object_get(json_object_get(schema, "properties"), name);
    for (size_t k = 0; !found && depth > 0 && k < ARRAY_LEN(parts); k++) {
        const json_t *list = json_object_get(schema, parts[k]);

        for (size_t i = 0; !found && i < json_array_size(list); i++)
            found = property(json_array_get(list, i), name, depth - 1);
    }
    return found ? deref(found) : NULL;
}

static const json_t *json_content(const json_t *holder)
{
    const json_t *content = json_object_get(deref(holder), "content");

    return json_object_get(json_object_get(content, "application/json"), "schema");
}

static bool listed(const json_t *list, const char *value)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (text_eq(json_string_value(json_array_get(list, i)), value))
            return true;
    return false;
}

static void check_row(const struct pd_op *op)
{
    const json_t *o = operation(op), *from = parameter(op, "header", "From");
    char scope[128];

    if (op->needs_from != json_opt_bool(from, "required", false))
        fail_msg("%s: From is %s by the specification", op->name,
                 op->needs_from ? "not required" : "required");
    snprintf(scope, sizeof(scope), "Scoped OAuth requires: `%s`", op->scope ? op->scope : "");
    if ((op->scope != NULL) != (strstr(json_opt_str(o, "description"), scope) != NULL))
        fail_msg("%s: the specification does not say \"%s\"", op->name, scope);
    if ((op->paging == PD_PAGING_OFFSET) != (parameter(op, "query", "offset") != NULL))
        fail_msg("%s: paging by offset differs from the specification", op->name);
    if ((op->paging != PD_PAGING_NONE) != (parameter(op, "query", "limit") != NULL))
        fail_msg("%s: the limit differs from the specification", op->name);
    if (!property(json_content(json_object_get(json_object_get(o, "responses"), "200")), op->key,
                  4))
        fail_msg("%s: the answer has no member %s", op->name, op->key);
}

static void every_row_stands_in_the_specification(void **state)
{
    (void)state;
    for (int i = 0; i < PD_OP_COUNT; i++)
        check_row(pd_op((enum pd_op_id)i));
    for (int i = 0; i < PD_WRITE_COUNT; i++)
        check_row(pd_write_op((enum pd_write_id)i));
}

static int hex_value(char c)
{
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

static void decode(const char *s, size_t len, char *out, size_t room)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        assert_true(n + 1 < room);
        if (s[i] == '%' && i + 2 < len + 1) {
            out[n++] = (char)(hex_value(s[i + 1]) * 16 + hex_value(s[i + 2]));
            i += 2;
        } else {
            out[n++] = s[i];
        }
    }
    out[n] = '\0';
}

static void check_value(const struct pd_op *op, const char *name, const char *value,
                        const json_t *schema)
{
    const json_t *values = json_object_get(schema, "enum");
    const char *type = json_opt_str(schema, "type");
    int64_t max = json_opt_int(schema, "maximum", text_eq(name, "limit") ? 100 : INT64_MAX), n;
    struct err e;

    if (values && !listed(values, value))
        fail_msg("%s: %s=%s is not one of the documented values", op->name, name, value);
    if (text_eq(type, "integer") && parse_i64(value, 0, max, &n, &e) < 0)
        fail_msg("%s: %s=%s: %s", op->name, name, value, e.msg);
}

/* What really stands in the URL is compared, not the table. Returns how many parameters there were. */
static size_t check_query(const struct pd_op *op, const char *url)
{
    const char *p = strchr(url, '?');
    size_t n = 0;

    while (p) {
        const char *eq = strchr(p, '='), *end = strchr(p + 1, '&');
        char name[128], value[512];
        const json_t *known;

        assert_non_null(eq);
        decode(p + 1, (size_t)(eq - p - 1), name, sizeof(name));
        decode(eq + 1, end ? (size_t)(end - eq - 1) : strlen(eq + 1), value, sizeof(value));
        known = parameter(op, "query", name);
        if (!known)
            fail_msg("%s: PagerDuty ignores a parameter %s", op->name, name);
        check_value(op, name, value, deref(json_object_get(known, "schema")));
        p = end;
        n++;
    }
    return n;
}

/* Arguments that fill every parameter of the row. */
static void fill_args(const struct pd_op *op, struct pd_args *args)
{
    static const char *const ids[] = {"P1", "P2"};
    static const char *const statuses[] = {"triggered", "acknowledged", "resolved"};

    *args = (struct pd_args){.id = strstr(op->path, "{id}") ? "Q1" : NULL};
    for (const struct pd_param *p = op->params; p->name; p++) {
        if (p->source == PD_FROM_LIMIT)
            args->limit = op->limit_max;
        if (p->source == PD_FROM_OFFSET)
            args->offset = 200;
        if (p->source == PD_FROM_SINCE)
            args->since_ms = 1789351867000;
        if (p->source == PD_FROM_UNTIL)
            args->until_ms = 1789351967000;
        if (p->source == PD_FROM_IDS) {
            args->ids = ids;
            args->n_ids = ARRAY_LEN(ids);
        }
        if (p->source == PD_FROM_STATUSES) {
            args->statuses = statuses;
            args->n_statuses = ARRAY_LEN(statuses);
        }
        if (p->source == PD_FROM_QUERY)
            args->query = "ann@example.com";
    }
}

static void every_parameter_we_send_is_documented(void **state)
{
    const struct pd_client c = {.base_url = BASE};

    (void)state;
    for (int i = 0; i < PD_OP_COUNT; i++) {
        const struct pd_op *op = pd_op((enum pd_op_id)i);
        struct pd_args args;
        struct net_req r;
        struct err e;
        size_t rows = 0;

        fill_args(op, &args);
        if (pd_get(arena, &c, (enum pd_op_id)i, &args, &r, &e) < 0)
            fail_msg("%s: %s", op->name, e.msg);
        while (op->params[rows].name)
            rows++;
        assert_true(check_query(op, r.url) >= rows);
    }
}

static void check_member(const char *op, const json_t *schema, const char *name,
                         const json_t *value)
{
    const json_t *known = property(schema, name, 4);

    if (!known)
        fail_msg("%s: PagerDuty ignores a member %s", op, name);
    if (json_is_string(value) && json_object_get(known, "enum") &&
        !listed(json_object_get(known, "enum"), json_string_value(value)))
        fail_msg("%s: %s=%s is not documented", op, name, json_string_value(value));
    if (text_eq(json_opt_str(known, "type"), "integer") != json_is_integer(value))
        fail_msg("%s: %s has another type", op, name);
}

/* The object and the objects in it, one level after the other; our bodies have three at most. */
static void check_object(const char *op, const json_t *schema, json_t *object)
{
    const json_t *levels_schema[3] = {schema};
    json_t *level[3] = {object};
    size_t n = 1;

    for (size_t i = 0; i < n; i++) {
        const json_t *required = json_object_get(deref(levels_schema[i]), "required");
        json_t *value;
        const char *name;
        size_t k;

        json_object_foreach ((json_t *)(uintptr_t)level[i], name, value) {
            check_member(op, levels_schema[i], name, value);
            if (json_is_object(value)) {
                assert_true(n < ARRAY_LEN(level));
                level[n] = value;
                levels_schema[n++] = property(levels_schema[i], name, 4);
            }
        }
        json_array_foreach (required, k, value)
            assert_non_null(json_object_get(level[i], json_string_value(value)));
    }
}

static void check_body(enum pd_write_id id, const struct net_req *r)
{
    const struct pd_op *op = pd_write_op(id);
    json_t *body = json_loadb(r->body, r->body_len, JSON_REJECT_DUPLICATES, NULL);

    assert_non_null(body);
    check_object(op->name, json_content(json_object_get(operation(op), "requestBody")), body);
    json_decref(body);
}

static void every_member_we_write_is_documented(void **state)
{
    const struct pd_client c = {.base_url = BASE, .from_email = "a@example.com"};
    struct net_req r;
    struct err e;

    (void)state;
    assert_int_equal(pd_write_acknowledge(arena, &c, NULL, "Q1", &r, &e), 0);
    check_body(PD_WRITE_INCIDENT, &r);
    assert_int_equal(pd_write_resolve(arena, &c, NULL, "Q1", "done", &r, &e), 0);
    check_body(PD_WRITE_INCIDENT, &r);
    assert_int_equal(pd_write_escalate(arena, &c, NULL, "Q1", 2, "PEP1", &r, &e), 0);
    check_body(PD_WRITE_INCIDENT, &r);
    assert_int_equal(pd_write_note(arena, &c, NULL, "Q1", "text", &r, &e), 0);
    check_body(PD_WRITE_NOTE, &r);
    assert_int_equal(pd_write_note_edit(arena, &c, NULL, "Q1", "PN1", "text", &r, &e), 0);
    check_body(PD_WRITE_NOTE_EDIT, &r);
}

/* The example that the specification gives for an answer, as bytes. */
static char *example(const struct pd_op *op)
{
    const json_t *answer =
        deref(json_object_get(json_object_get(operation(op), "responses"), "200"));
    const json_t *content = json_object_get(json_object_get(answer, "content"), "application/json");
    json_t *examples = json_object_get(content, "examples");
    const json_t *first = json_object_iter_value(json_object_iter(examples));
    const json_t *value = json_object_get(deref(first), "value");

    return value ? json_dumps(value, JSON_COMPACT) : NULL;
}

/* With one row for each operation that has an example: how many items the reader must find. */
#define READ_LIST(fn, type)                                          \
    static int fn##_n(struct arena *a, const char *body, size_t len) \
    {                                                                \
        struct type out = {0};                                       \
        struct err e;                                                \
        return fn(a, body, len, &out, &e) < 0 ? -1 : (int)out.n;     \
    }
#define READ_ONE(fn, type)                                           \
    static int fn##_n(struct arena *a, const char *body, size_t len) \
    {                                                                \
        struct type out = {0};                                       \
        struct err e;                                                \
        return fn(a, body, len, &out, &e) < 0 ? -1 : out.id ? 1 : 0; \
    }
READ_ONE(pd_read_incident, pd_incident)
READ_LIST(pd_read_incidents, pd_incidents)
READ_LIST(pd_read_alerts, pd_alerts)
READ_LIST(pd_read_notes, pd_notes)
READ_LIST(pd_read_log_entries, pd_log_entries)
READ_LIST(pd_read_past, pd_pasts)
READ_LIST(pd_read_related, pd_relateds)
READ_ONE(pd_read_outlier, pd_outlier)
READ_LIST(pd_read_changes, pd_changes)
READ_ONE(pd_read_service, pd_service)
READ_ONE(pd_read_policy, pd_policy)
READ_LIST(pd_read_dependencies, pd_dependencies)
READ_ONE(pd_read_user, pd_user)
READ_LIST(pd_read_users, pd_users)
READ_LIST(pd_read_abilities, pd_abilities)
READ_LIST(pd_read_priorities, pd_priorities)
READ_ONE(pd_read_subscription, pd_subscription)
READ_LIST(pd_read_subscriptions, pd_subscriptions)
READ_LIST(pd_read_maintenance, pd_maintenances)

static int pd_read_oncalls_n(struct arena *a, const char *body, size_t len)
{
    struct pd_oncalls out = {0};
    struct err e;

    return pd_read_oncalls(a, body, len, "PT20YPA", &out, &e) < 0 ? -1 : (int)out.n;
}

static void reads_the_specifications_own_examples(void **state)
{
    static const struct {
        enum pd_op_id op;
        int (*read)(struct arena *a, const char *body, size_t len);
    } readers[] = {
        {PD_OP_INCIDENT, pd_read_incident_n},
        {PD_OP_INCIDENTS, pd_read_incidents_n},
        {PD_OP_ALERTS, pd_read_alerts_n},
        {PD_OP_NOTES, pd_read_notes_n},
        {PD_OP_LOG_ENTRIES, pd_read_log_entries_n},
        {PD_OP_LOG_ALL, pd_read_log_entries_n},
        {PD_OP_PAST, pd_read_past_n},
        {PD_OP_RELATED, pd_read_related_n},
        {PD_OP_OUTLIER, pd_read_outlier_n},
        {PD_OP_CHANGES, pd_read_changes_n},
        {PD_OP_SERVICE, pd_read_service_n},
        {PD_OP_POLICY, pd_read_policy_n},
        {PD_OP_ONCALLS, pd_read_oncalls_n},
        {PD_OP_DEPENDENCIES, pd_read_dependencies_n},
        {PD_OP_ME, pd_read_user_n},
        {PD_OP_USER, pd_read_user_n},
        {PD_OP_USERS, pd_read_users_n},
        {PD_OP_ABILITIES, pd_read_abilities_n},
        {PD_OP_PRIORITIES, pd_read_priorities_n},
        {PD_OP_SUBSCRIPTION, pd_read_subscription_n},
        {PD_OP_SUBSCRIPTIONS, pd_read_subscriptions_n},
        {PD_OP_MAINTENANCE, pd_read_maintenance_n},
    };
    struct arena *a = arena_new(PD_READ_ARENA_BYTES);

    (void)state;
    assert_int_equal(ARRAY_LEN(readers), PD_OP_COUNT);
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        const struct pd_op *op = pd_op(readers[i].op);
        char *body = example(op);
        json_t *j = json_loads(body ? body : "", 0, NULL);
        size_t items = json_array_size(json_object_get(j, op->key));
        int n;

        if (!body)
            fail_msg("%s: the specification has no example", op->name);
        n = readers[i].read(a, body, strlen(body));
        if (n != (items > 0 ? (int)items : 1))
            fail_msg("%s: read %d items of %zu", op->name, n, items);
        json_decref(j);
        free(body);
        arena_reset(a);
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_stands_in_the_specification),
        cmocka_unit_test(every_parameter_we_send_is_documented),
        cmocka_unit_test(every_member_we_write_is_documented),
        cmocka_unit_test(reads_the_specifications_own_examples),
    };

    crypto_init();
    return cmocka_run_group_tests(tests, setup, teardown);
}

/* Answers of REST as structs: what is kept, what null and strange shapes do, where the caps are. INV-9. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"
#include "pd_test.h"

static struct arena *arena;
static struct err err;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(PD_READ_ARENA_BYTES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_freep(&arena);
    return 0;
}

/* READ(alerts, "{...}", &out): fails the test with the reader's words. */
#define READ(what, text, out)                                             \
    do {                                                                  \
        if (pd_read_##what(arena, (text), strlen(text), (out), &err) < 0) \
            fail_msg(#what ": %s", err.msg);                              \
    } while (0)

static const char incident_text[] =
    "{\"incident\":{\"id\":\"Q1\",\"type\":\"incident\",\"incident_number\":1234,\"title\":\"On fire\","
    "\"created_at\":\"2026-09-14T02:11:07Z\",\"updated_at\":\"2026-09-14T04:20:00+02:00\","
    "\"status\":\"acknowledged\",\"urgency\":\"high\",\"incident_key\":\"k\","
    "\"service\":{\"id\":\"PS1\",\"type\":\"service_reference\",\"summary\":\"Mail\"},"
    "\"escalation_policy\":{\"id\":\"PEP1\",\"type\":\"escalation_policy\",\"name\":\"Core\"},"
    "\"assignments\":[{\"at\":\"2026-09-14T02:11:08Z\",\"assignee\":{\"id\":\"PU1\","
    "\"type\":\"user_reference\",\"summary\":\"Ann\"}},{\"at\":null,\"assignee\":null}],"
    "\"acknowledgements\":[{\"at\":\"2026-09-14T02:12:00Z\",\"acknowledger\":{\"id\":\"PS1\","
    "\"type\":\"service_reference\"}}],"
    "\"assigned_via\":\"direct_assignment\",\"last_status_change_at\":\"2026-09-14T02:12:00Z\","
    "\"last_status_change_by\":{\"id\":\"PU1\",\"type\":\"user\",\"name\":\"Ann\"},"
    "\"resolved_at\":null,\"priority\":{\"id\":\"PP2\",\"type\":\"priority\",\"summary\":\"P2\"},"
    "\"alert_counts\":{\"all\":2,\"triggered\":1,\"resolved\":1},\"is_mergeable\":false,"
    "\"pending_actions\":[{\"type\":\"escalate\",\"at\":\"2026-09-14T02:50:00Z\"},"
    "{\"type\":\"escalate\",\"at\":\"2026-09-14T02:40:00Z\"},"
    "{\"type\":\"new_kind\",\"at\":\"2026-09-14T02:30:00Z\"},{\"at\":\"2026-09-14T02:20:00Z\"}],"
    "\"teams\":[{\"id\":\"PT1\",\"type\":\"team_reference\",\"summary\":\"Eng\"}],"
    "\"resolve_reason\":{\"type\":\"merge_resolve_reason\",\"incident\":{\"id\":\"Q9\"}},"
    "\"custom_fields\":[{\"id\":\"PF1\",\"name\":\"env\",\"display_name\":\"Env\","
    "\"value\":\"prod\"},{\"id\":\"PF2\",\"name\":\"sites\",\"value\":[\"a\",\"b\",3]},"
    "{\"id\":\"PF3\",\"name\":\"n\",\"value\":7},{\"id\":\"PF4\",\"name\":\"b\",\"value\":false},"
    "{\"id\":\"PF5\",\"name\":\"none\",\"value\":null}]}}";

static void reads_an_incident_in_full(void **state)
{
    struct pd_incident in;

    (void)state;
    READ(incident, incident_text, &in);
    assert_string_equal(in.id, "Q1");
    assert_int_equal(in.number, 1234);
    assert_string_equal(in.service.type, "service");
    assert_string_equal(in.policy.type, "escalation_policy");
    assert_string_equal(in.policy.summary, "Core");
    assert_int_equal(in.assignments.n, 1);
    assert_int_equal(in.assignments.items[0].at_ms, 1789351868000);
    assert_int_equal(in.updated_ms, 1789352400000);
    assert_int_equal(in.acknowledgements.n, 1);
    assert_string_equal(in.acknowledgements.items[0].who.type, "service");
    assert_string_equal(in.assigned_via, "direct_assignment");
    assert_string_equal(in.last_status_change_by.summary, "Ann");
    assert_string_equal(in.priority.summary, "P2");
    assert_int_equal(in.resolved_ms, 0);
    assert_int_equal(in.alerts_all, 2);
    assert_int_equal(in.alerts_triggered, 1);
    assert_int_equal(in.is_mergeable, 0);
    assert_int_equal(in.n_pending, 3);
    assert_string_equal(in.pending[2].type, "new_kind");
    assert_int_equal(in.next_escalate_ms, 1789353600000);
    assert_string_equal(in.resolve_reason, "merge_resolve_reason");
    assert_string_equal(in.merged_into.id, "Q9");
    assert_int_equal(in.n_custom_fields, 5);
    assert_string_equal(in.custom_fields[0].value, "prod");
    assert_string_equal(in.custom_fields[1].value, "a, b, 3");
    assert_string_equal(in.custom_fields[2].value, "7");
    assert_string_equal(in.custom_fields[3].value, "false");
    assert_null(in.custom_fields[4].value);
}

/* Every member set to null, one after the other, and all of them at once. */
static void lives_with_null_in_any_place(void **state)
{
    json_t *root = json_loads(incident_text, 0, NULL), *incident;
    json_t *all = json_deep_copy(root), *all_incident = json_object_get(all, "incident");
    const char *name;
    json_t *value;
    struct pd_incident in;

    (void)state;
    incident = json_object_get(root, "incident");
    json_object_foreach (incident, name, value) {
        json_t *copy = json_deep_copy(root);
        char *text;
        int want = strcmp(name, "id") == 0 ? ERR_INPUT : 0;

        json_object_set_new(json_object_get(copy, "incident"), name, json_null());
        text = json_dumps(copy, JSON_COMPACT);
        if (pd_read_incident(arena, text, strlen(text), &in, &err) != want)
            fail_msg("with %s null", name);
        free(text);
        json_decref(copy);
        if (want == 0)
            json_object_set_new(all_incident, name, json_null());
    }
    {
        char *text = json_dumps(all, JSON_COMPACT);

        READ(incident, text, &in);
        assert_string_equal(in.id, "Q1");
        assert_null(in.status);
        assert_int_equal(in.alerts_all, -1);
        assert_int_equal(in.is_mergeable, -1);
        assert_int_equal(in.next_escalate_ms, 0);
        free(text);
    }
    json_decref(all);
    json_decref(root);
}

static void flattens_alert_details_to_lines(void **state)
{
    struct pd_alerts al;

    (void)state;
    READ(
        alerts,
        "{\"alerts\":[{\"id\":\"A1\",\"severity\":\"critical\",\"summary\":\"s\",\"alert_key\":\"k\","
        "\"suppressed\":true,\"status\":\"triggered\",\"created_at\":\"2026-09-14T02:11:07Z\","
        "\"body\":{\"details\":{\"firing\":{\"n\":3,\"list\":[\"a\",{\"b\":null},[]]},"
        "\"load\":1.5,\"ok\":true,\"text\":\"two\\nlines\"},\"contexts\":[{\"type\":\"link\"},"
        "{\"type\":\"link\",\"href\":\"https://x.example/g\",\"text\":\"graph\"},"
        "{\"type\":\"image\",\"src\":\"https://x.example/i.png\"}]}},"
        "{\"id\":\"A2\",\"body\":{\"details\":\"plain\"}},{\"id\":\"A3\",\"body\":null},"
        "{\"id\":\"A4\",\"body\":{\"details\":{}}},{\"id\":null},5]}",
        &al);
    assert_int_equal(al.n, 4);
    assert_int_equal(al.seen, 6);
    assert_string_equal(al.items[0].details,
                        "firing.n: 3\nfiring.list.0: a\nfiring.list.1.b: null\nfiring.list.2: []\n"
                        "load: 1.5\nok: true\ntext: two lines");
    assert_false(al.items[0].details_cut);
    assert_true(al.items[0].suppressed);
    assert_int_equal(al.items[0].n_links, 2);
    assert_string_equal(al.items[0].links[0].text, "graph");
    assert_string_equal(al.items[0].links[1].href, "https://x.example/i.png");
    assert_string_equal(al.items[1].details, "plain");
    assert_null(al.items[2].details);
    assert_null(al.items[3].details);
    assert_null(al.items[3].severity);
}

/* One alert whose details have n members, each with a value of that many bytes. */
static char *alert_with(size_t n, size_t value_bytes)
{
    struct buf b = {0};

    buf_init(&b, PD_REPLY_MAX_BYTES);
    buf_puts(&b, "{\"alerts\":[{\"id\":\"A1\",\"body\":{\"details\":{");
    for (size_t i = 0; i < n; i++) {
        buf_printf(&b, "%s\"k%zu\":\"", i ? "," : "", i);
        for (size_t k = 0; k < value_bytes; k++)
            buf_putc(&b, 'x');
        buf_putc(&b, '"');
    }
    buf_puts(&b, "}}}]}");
    assert_false(b.over);
    return buf_take(&b, NULL);
}

static size_t count(const char *s, char c)
{
    size_t n = 0;

    for (; *s; s++)
        n += *s == c;
    return n;
}

static void bounds_details_in_lines_and_bytes(void **state)
{
    static const struct {
        size_t n, value_bytes;
        bool cut;
    } table[] = {
        {PD_DETAILS_MAX_LINES, 1, false},
        {PD_DETAILS_MAX_LINES + 1, 1, true},
        {1, 4096, false},
        {1, 4097, true},
        {10, 2000, true},
        {5000, 10, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        char *text = alert_with(table[i].n, table[i].value_bytes);
        struct pd_alerts al;

        READ(alerts, text, &al);
        if (al.items[0].details_cut != table[i].cut ||
            strlen(al.items[0].details) > PD_DETAILS_MAX_BYTES ||
            count(al.items[0].details, '\n') >= PD_DETAILS_MAX_LINES)
            fail_msg("row %zu: %zu bytes", i, strlen(al.items[0].details));
        free(text);
    }
}

static void walks_deep_details_without_recursion(void **state)
{
    struct buf b = {0};
    struct pd_alerts al;

    (void)state;
    buf_init(&b, 65536);
    buf_puts(&b, "{\"alerts\":[{\"id\":\"A1\",\"body\":{\"details\":");
    for (int i = 0; i < 59; i++)
        buf_puts(&b, "{\"a-rather-long-name-for-one-level\":");
    buf_puts(&b, "1");
    for (int i = 0; i < 59; i++)
        buf_putc(&b, '}');
    buf_puts(&b, "}}]}");
    READ(alerts, buf_str(&b), &al);
    assert_true(text_starts(al.items[0].details, "a-rather-long-name"));
    assert_true(al.items[0].details_cut); /* the path is longer than we keep */
    buf_done(&b);
}

static void reads_notes_with_their_authors(void **state)
{
    struct pd_notes notes;

    (void)state;
    READ(notes,
         "{\"notes\":[{\"id\":\"N1\",\"user\":{\"id\":\"PU1\",\"type\":\"bot_user_reference\","
         "\"summary\":\"Rule\"},\"channel\":{\"summary\":\"API\"},\"content\":\"c\","
         "\"created_at\":\"2013-03-06T15:28:51-05:00\"},{\"id\":\"N2\",\"user\":null,"
         "\"content\":null}]}",
         &notes);
    assert_int_equal(notes.n, 2);
    assert_string_equal(notes.items[0].user.type, "bot_user");
    assert_string_equal(notes.items[0].channel, "API");
    assert_int_equal(notes.items[0].created_ms, 1362601731000);
    assert_null(notes.items[1].content);
    assert_null(notes.items[1].user.id);
}

static void sorts_log_entries_by_time(void **state)
{
    struct pd_log_entries log;

    (void)state;
    READ(log_entries,
         "{\"log_entries\":[{\"id\":\"R3\",\"created_at\":\"2026-09-14T02:13:00Z\","
         "\"type\":\"notify_log_entry_reference\",\"user\":{\"id\":\"PU1\"},"
         "\"incident\":{\"id\":\"Q1\",\"type\":\"incident_reference\"}},"
         "{\"id\":\"R1\",\"created_at\":\"2026-09-14T02:11:00Z\",\"type\":\"trigger_log_entry\","
         "\"channel\":{\"type\":\"api\",\"summary\":\"S\",\"details\":{\"host\":\"db-1\"}},"
         "\"event_details\":{\"description\":\"D\"},\"agent\":{\"id\":\"PS1\","
         "\"type\":\"service_reference\"}},"
         "{\"id\":\"R2b\",\"created_at\":\"2026-09-14T02:12:00Z\",\"type\":\"escalate_log_entry\","
         "\"assignees\":[{\"id\":\"PU2\"}]},"
         "{\"id\":\"R2a\",\"created_at\":\"2026-09-14T02:12:00Z\",\"type\":\"annotate_log_entry\","
         "\"note\":\"n\",\"channel\":{\"type\":\"note\",\"body\":\"from a mail\"}}],"
         "\"limit\":4,\"offset\":0,\"more\":true}",
         &log);
    assert_int_equal(log.n, 4);
    assert_string_equal(log.items[0].id, "R1");
    assert_string_equal(log.items[1].id, "R2a");
    assert_string_equal(log.items[2].id, "R2b");
    assert_string_equal(log.items[3].id, "R3");
    assert_string_equal(log.items[0].channel_details, "host: db-1");
    assert_string_equal(log.items[0].description, "D");
    assert_string_equal(log.items[1].note, "n");
    assert_string_equal(log.items[1].channel_details, "from a mail");
    assert_string_equal(log.items[2].assignees.items[0].id, "PU2");
    assert_string_equal(log.items[3].type, "notify_log_entry");
    assert_string_equal(log.items[3].user.id, "PU1");
    assert_string_equal(log.items[3].incident.id, "Q1");
    assert_null(log.items[0].incident.id);
    assert_true(log.page.more);
    assert_int_equal(log.page.next_offset, 4);
}

static void says_whether_another_page_follows(void **state)
{
    static const struct {
        const char *tail;
        bool more, capped;
        int64_t next;
    } table[] = {
        {"", false, false, 0},
        {",\"more\":false,\"limit\":2,\"offset\":0", false, false, 0},
        {",\"more\":null,\"limit\":2,\"offset\":0", false, false, 0},
        {",\"more\":true,\"limit\":2,\"offset\":0", true, false, 2},
        {",\"more\":true,\"limit\":100,\"offset\":300", true, false, 400},
        {",\"more\":true,\"limit\":null,\"offset\":null", true, false, 2},
        {",\"more\":true,\"limit\":100,\"offset\":9800", true, false, 9900},
        {",\"more\":true,\"limit\":100,\"offset\":9801", false, true, 0},
        {",\"more\":true,\"limit\":100,\"offset\":9900", false, true, 0},
        {",\"more\":true,\"limit\":100,\"offset\":-5", false, true, 0},
        {",\"more\":true,\"limit\":100,\"offset\":9000000000000000000", false, true, 0},
        {",\"more\":true,\"limit\":-1,\"offset\":0", true, false, 2},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        char text[256];
        struct pd_priorities p;

        snprintf(
            text, sizeof(text),
            "{\"priorities\":[{\"id\":\"A\",\"name\":\"P1\"},{\"id\":\"B\",\"name\":\"P2\"}]%s}",
            table[i].tail);
        READ(priorities, text, &p);
        if (p.page.more != table[i].more || p.page.capped != table[i].capped ||
            p.page.next_offset != table[i].next)
            fail_msg("row %zu: more %d, capped %d, next %lld", i, p.page.more, p.page.capped,
                     (long long)p.page.next_offset);
    }
    {
        struct pd_priorities p;

        /* More of nothing: asking again would never end. */
        READ(priorities, "{\"priorities\":[],\"more\":true,\"limit\":100,\"offset\":0}", &p);
        assert_false(p.page.more);
    }
}

static void keeps_only_the_policy_that_was_asked_for(void **state)
{
    static const char text[] =
        "{\"oncalls\":[{\"user\":{\"id\":\"PU1\",\"type\":\"user\",\"name\":\"Ann\","
        "\"email\":\"ann@example.com\"},\"escalation_policy\":{\"id\":\"PEP1\"},"
        "\"schedule\":null,\"escalation_level\":1,\"start\":null,\"end\":null},"
        "{\"user\":{\"id\":\"PU2\"},\"escalation_policy\":{\"id\":\"PEP2\"},\"escalation_level\":1},"
        "{\"user\":{\"id\":\"PU3\"},\"escalation_policy\":null,\"escalation_level\":1},"
        "{\"user\":{\"id\":\"PU4\",\"summary\":\"Bo\"},\"escalation_policy\":{\"id\":\"PEP1\"},"
        "\"schedule\":{\"id\":\"PSCH\",\"type\":\"schedule_reference\"},\"escalation_level\":2,"
        "\"start\":\"2026-09-14T00:00:00Z\",\"end\":\"2026-09-15T00:00:00Z\"}]}";
    struct pd_oncalls on;

    (void)state;
    assert_int_equal(pd_read_oncalls(arena, text, strlen(text), "PEP1", &on, &err), 0);
    assert_int_equal(on.n, 2);
    assert_int_equal(on.seen, 4);
    assert_string_equal(on.items[0].email, "ann@example.com");
    assert_string_equal(on.items[0].user.summary, "Ann");
    assert_null(on.items[0].schedule.id);
    assert_int_equal(on.items[0].start_ms, 0);
    assert_string_equal(on.items[1].user.id, "PU4");
    assert_int_equal(on.items[1].level, 2);
    assert_string_equal(on.items[1].schedule.type, "schedule");
    assert_int_equal(pd_read_oncalls(arena, text, strlen(text), NULL, &on, &err), 0);
    assert_int_equal(on.n, 4);
}

static void reads_policy_levels_and_service_settings(void **state)
{
    struct pd_policy p;
    struct pd_service s;
    struct pd_subscription sub;

    (void)state;
    READ(policy,
         "{\"escalation_policy\":{\"id\":\"PEP1\",\"name\":\"Core\",\"num_loops\":2,"
         "\"escalation_rules\":[{\"id\":\"L1\",\"escalation_delay_in_minutes\":30,\"targets\":"
         "[{\"id\":\"PU1\",\"type\":\"user_reference\"},{\"id\":\"PSCH\",\"type\":\"schedule\"}]},"
         "{\"id\":\"L2\",\"targets\":null}]}}",
         &p);
    assert_int_equal(p.n_levels, 2);
    assert_int_equal(p.levels[0].level, 1);
    assert_int_equal(p.levels[0].delay_min, 30);
    assert_int_equal(p.levels[0].targets.n, 2);
    assert_string_equal(p.levels[0].targets.items[0].type, "user");
    assert_int_equal(p.levels[1].level, 2);
    assert_int_equal(p.levels[1].targets.n, 0);
    READ(service,
         "{\"service\":{\"id\":\"PS1\",\"summary\":\"Mail\",\"status\":\"maintenance\","
         "\"acknowledgement_timeout\":null,\"auto_resolve_timeout\":14400,"
         "\"incident_urgency_rule\":{\"type\":\"constant\",\"urgency\":\"severity_based\"}}}",
         &s);
    assert_string_equal(s.name, "Mail");
    assert_string_equal(s.status, "maintenance");
    assert_int_equal(s.ack_timeout_s, 0);
    assert_int_equal(s.auto_resolve_s, 14400);
    assert_string_equal(s.urgency, "severity_based");
    READ(subscription,
         "{\"webhook_subscription\":{\"id\":\"PWH1\",\"active\":true,\"delivery_method\":"
         "{\"temporarily_disabled\":true,\"url\":\"https://t.example/\",\"secret\":\"hidden\"},"
         "\"filter\":{\"type\":\"account_reference\"},\"events\":[\"incident.triggered\",null]}}",
         &sub);
    assert_true(sub.temporarily_disabled);
    assert_string_equal(sub.filter_type, "account");
    assert_null(sub.filter_id);
    assert_int_equal(sub.n_events, 1);
}

static void names_the_relation_of_related_incidents(void **state)
{
    struct pd_relateds r;
    struct pd_outlier o;

    (void)state;
    READ(related,
         "{\"related_incidents\":[{\"incident\":{\"id\":\"Q2\",\"title\":\"t\"},\"relationships\":"
         "[{\"type\":\"machine_learning_inferred\",\"metadata\":{\"grouping_classification\":"
         "\"similar_contents\"}},{\"type\":\"service_dependency\",\"metadata\":"
         "{\"dependent_services\":{\"id\":\"PB1\",\"type\":\"business_service_reference\"},"
         "\"supporting_services\":{\"id\":\"PS1\"}}}]},{\"incident\":{\"id\":\"Q3\"}}]}",
         &r);
    assert_int_equal(r.n, 2);
    assert_string_equal(r.items[0].relation, "service_dependency");
    assert_string_equal(r.items[0].classification, "similar_contents");
    assert_string_equal(r.items[0].dependent.type, "business_service");
    assert_string_equal(r.items[0].supporting.id, "PS1");
    assert_null(r.items[1].relation);
    READ(outlier, "{\"outlier_incident\":{\"incident\":{\"id\":\"Q1\",\"occurrence\":null}}}", &o);
    assert_false(o.found);
    assert_int_equal(o.count, -1);
}

static void refuses_answers_of_another_kind(void **state)
{
    static const char *const table[] = {
        "",
        "nonsense",
        "null",
        "[]",
        "{}",
        "{\"incident\":null}",
        "{\"incident\":[]}",
        "{\"incident\":{}}",
        "{\"incident\":{\"id\":null}}",
        "{\"incident\":{\"id\":\"\"}}",
        "{\"incident\":{\"id\":7}}",
        "{\"incident\":{\"id\":\"a/b\"}}",
        "{\"incident\":{\"id\":\"Q1\",\"id\":\"Q2\"}}",
    };
    struct pd_incident in = {.id = "untouched"};
    struct pd_alerts al = {.n = 7};
    char *large = mem_alloc(PD_REPLY_MAX_BYTES + 2);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (pd_read_incident(arena, table[i], strlen(table[i]), &in, &err) != ERR_INPUT)
            fail_msg("row %zu accepted as an incident", i);
        if (pd_read_alerts(arena, table[i], strlen(table[i]), &al, &err) != ERR_INPUT)
            fail_msg("row %zu accepted as alerts", i);
    }
    memset(large, ' ', PD_REPLY_MAX_BYTES + 1);
    memcpy(large, "{\"alerts\":[]}", 13);
    assert_int_equal(pd_read_alerts(arena, large, PD_REPLY_MAX_BYTES + 1, &al, &err), ERR_INPUT);
    assert_int_equal(pd_read_alerts(arena, large, PD_REPLY_MAX_BYTES, &al, &err), 0);
    mem_freep(&large);
    assert_string_equal(in.id, "untouched");
}

/* The worst a reply of the allowed size can do to the arena: very many small items, texts that expand. */
static void stays_within_the_arena_whatever_comes(void **state)
{
    static const struct {
        const char *head, *item, *tail;
    } table[] = {
        {"{\"incidents\":[",
         "{\"id\":\"Q\",\"assignments\":[{\"assignee\":{\"id\":\"U\"}},{\"assignee\":{\"id\":\"U\"}}],"
         "\"teams\":[{\"id\":\"T\"},{\"id\":\"T\"},{\"id\":\"T\"}],\"pending_actions\":[{\"type\":\"x\"},{}]}",
         "]}"},
        {"{\"notes\":[", "{\"id\":\"N\"}", "]}"},
        {"{\"alerts\":[",
         "{\"id\":\"A\",\"body\":{\"details\":{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":"
         "[1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9]}}}",
         "]}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct buf b = {0};
        struct pd_incidents in;
        struct pd_notes notes;
        struct pd_alerts al;
        int r;

        buf_init(&b, PD_REPLY_MAX_BYTES);
        buf_puts(&b, table[i].head);
        buf_puts(&b, table[i].item);
        for (size_t n = 0; n < 20000 && b.len < PD_REPLY_MAX_BYTES - 512; n++) {
            buf_putc(&b, ',');
            buf_puts(&b, table[i].item);
        }
        buf_puts(&b, table[i].tail);
        r = i == 0   ? pd_read_incidents(arena, buf_str(&b), b.len, &in, &err)
            : i == 1 ? pd_read_notes(arena, buf_str(&b), b.len, &notes, &err)
                     : pd_read_alerts(arena, buf_str(&b), b.len, &al, &err);
        if (r < 0)
            fail_msg("row %zu: %s", i, err.msg);
        assert_true(arena_used(arena) < PD_READ_ARENA_BYTES / 2);
        if (i == 0) {
            assert_int_equal(in.n, PD_LIST_MAX);
            assert_true(in.seen > PD_LIST_MAX);
        }
        buf_done(&b);
        arena_reset(arena);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(reads_an_incident_in_full),
        T(lives_with_null_in_any_place),
        T(flattens_alert_details_to_lines),
        T(bounds_details_in_lines_and_bytes),
        T(walks_deep_details_without_recursion),
        T(reads_notes_with_their_authors),
        T(sorts_log_entries_by_time),
        T(says_whether_another_page_follows),
        T(keeps_only_the_policy_that_was_asked_for),
        T(reads_policy_levels_and_service_settings),
        T(names_the_relation_of_related_incidents),
        T(refuses_answers_of_another_kind),
        T(stays_within_the_arena_whatever_comes),
    };

    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

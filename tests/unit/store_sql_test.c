/*
 * Every statement of every room: it must prepare, and its plan must go by an index. History must not slow the present
 * (design, section 4), and a plan is the one thing that shows it before there is a history.
 *
 * A new room adds its line to `rooms` below.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit/audit.h"
#include "engine/engine.h"
#include "gate/gate.h"
#include "llm/llm.h"
#include "people/people.h"
#include "queue/queue.h"
#include "scratch.h"
#include "store/store.h"
#include "triage/triage.h"

static const struct {
    const char *name;
    const struct store_sql *(*table)(size_t *n);
    bool by_table; /* its statements are named for their tables */
} rooms[] = {
    {"store", store_statements, false},  {"audit", audit_statements, false},
    {"queue", queue_statements, false},  {"people", people_statements, false},
    {"gate", gate_statements, false},    {"engine", engine_statements, true},
    {"triage", triage_statements, true}, {"llm", llm_statements, false},
};

/* Statements that may walk a whole table, each with the reason why that stays cheap. */
static const struct {
    const char *statement, *why;
} may_scan[] = {
    {"gate.counters", "one row a state"},
    {"people.list", "a page of people: tens of rows, in the order of the key"},
    {"audit.head", "LIMIT 1 from the end of the key: one row"},
    {"queue.adopt", "walks the partial index of running jobs, once at start: those in flight"},
    {"queue.buried_list", "walks the partial index of buried jobs, newest first, LIMIT"},
    {"llm.lost", "walks the partial index of calls that are out, once at start"},
    {"alarm.live", "walks the partial index of raised alarms: a handful"},
    {"event.quarantined_n", "the rows of a subquery that has a LIMIT and an index"},
    {"incident.open_n", "the rows of a subquery that has a LIMIT and an index"},
    {"store.search_word", "rows of the full-text index that hold one word, with a LIMIT"},
    {"store.search_find", "rows of the full-text index that hold one of a few rare words"},
};

/* Statements that may sort. Sorting costs memory and time with the number of rows found. */
static const struct {
    const char *statement, *why;
} may_sort[] = {
    {"none", "no statement so far needs to"},
};

struct fixture {
    char folder[SCRATCH_FOLDER], path[SCRATCH_PATH];
    struct store *s;
    struct err e;
};

static int setup(void **state)
{
    struct fixture *f = mem_alloc(sizeof *f);
    struct store_opts o = {.path = f->path};

    scratch_make(f->folder, f->path);
    must(store_open(&o, &f->s, &f->e), &f->e);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    store_close(f->s);
    scratch_remove(f->folder, f->path);
    free(f);
    return 0;
}

static bool excepted(const char *statement, bool sort)
{
    size_t n = sort ? ARRAY_LEN(may_sort) : ARRAY_LEN(may_scan);

    for (size_t i = 0; i < n; i++)
        if (strcmp(sort ? may_sort[i].statement : may_scan[i].statement, statement) == 0)
            return true;
    return false;
}

/* "SCAN CONSTANT ROW" and a scan of a recursive table expression walk nothing that grows. */
static bool scans(const char *plan)
{
    for (const char *at = strstr(plan, "SCAN "); at; at = strstr(at + 1, "SCAN "))
        if (strncmp(at, "SCAN CONSTANT ROW", 17) != 0)
            return true;
    return false;
}

static unsigned check_plan(struct fixture *f, struct store_set *set, size_t i)
{
    AUTO(buf_done) struct buf plan = {0};
    const char *name = store_set_name(set, i);
    unsigned bad = 0;

    buf_init(&plan, 64 * 1024);
    if (store_explain(set, i, &plan, &f->e) < 0)
        fail_msg("%s: %s", name, f->e.msg);
    if (scans(buf_str(&plan)) && !excepted(name, false)) {
        print_error("%s scans: %s\n", name, buf_str(&plan));
        bad++;
    }
    if (strstr(buf_str(&plan), "USE TEMP B-TREE") && !excepted(name, true)) {
        print_error("%s sorts: %s\n", name, buf_str(&plan));
        bad++;
    }
    return bad;
}

static void every_statement_prepares_and_goes_by_an_index(void **state)
{
    struct fixture *f = *state;
    unsigned bad = 0;

    for (size_t r = 0; r < ARRAY_LEN(rooms); r++) {
        struct store_set *set = NULL;
        size_t n = 0;
        const struct store_sql *table = rooms[r].table(&n);

        assert_true(n > 0);
        if (store_prepare(f->s, table, n, &set, &f->e) < 0)
            fail_msg("%s: %s", rooms[r].name, f->e.msg);
        for (size_t i = 0; i < n; i++)
            bad += check_plan(f, set, i);
    }
    assert_int_equal(bad, 0);
}

static void names_begin_with_their_room_and_are_unique(void **state)
{
    const char *seen[512];
    size_t count = 0;

    (void)state;
    for (size_t r = 0; r < ARRAY_LEN(rooms); r++) {
        size_t n = 0, len = strlen(rooms[r].name);
        const struct store_sql *table = rooms[r].table(&n);

        for (size_t i = 0; i < n; i++) {
            if (!table[i].name)
                fail_msg("%s: statement %zu of the table is not set", rooms[r].name, i);
            if (!rooms[r].by_table &&
                (strncmp(table[i].name, rooms[r].name, len) != 0 || table[i].name[len] != '.'))
                fail_msg("%s is in the table of %s", table[i].name, rooms[r].name);
            for (size_t k = 0; k < count; k++)
                assert_string_not_equal(seen[k], table[i].name);
            assert_true(count < ARRAY_LEN(seen));
            seen[count++] = table[i].name;
        }
    }
}

/* The check itself must be able to fail: these are the mistakes it is there for. */
static void the_check_finds_a_scan_and_a_sort(void **state)
{
    struct fixture *f = *state;
    static const struct store_sql wrong[] = {
        {"wrong.scan", "SELECT value FROM meta WHERE value = $1"},
        {"wrong.sort", "SELECT id FROM job WHERE step = $1 AND subject = $2"
                       " AND state IN ('ready', 'running') ORDER BY error"},
        {"wrong.optional", "SELECT seq FROM audit WHERE ($1 IS NULL OR subject = $1)"},
        {"right.key", "SELECT value FROM meta WHERE key = $1"},
    };
    static const unsigned expected[] = {1, 1, 1, 0};
    struct store_set *set = NULL;

    if (store_prepare(f->s, wrong, ARRAY_LEN(wrong), &set, &f->e) < 0)
        fail_msg("%s", f->e.msg);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (check_plan(f, set, i) != expected[i])
            fail_msg("%s: expected %u findings", wrong[i].name, expected[i]);
}

static bool scans_by_name(struct fixture *f, const char *statement)
{
    for (size_t r = 0; r < ARRAY_LEN(rooms); r++) {
        struct store_set *set = NULL;
        size_t n = 0;
        const struct store_sql *table = rooms[r].table(&n);

        if (store_prepare(f->s, table, n, &set, &f->e) < 0)
            fail_msg("%s", f->e.msg);
        for (size_t i = 0; i < n; i++) {
            AUTO(buf_done) struct buf plan = {0};

            buf_init(&plan, 64 * 1024);
            if (strcmp(table[i].name, statement) != 0)
                continue;
            if (store_explain(set, i, &plan, &f->e) < 0)
                fail_msg("%s", f->e.msg);
            return scans(buf_str(&plan));
        }
    }
    return false;
}

/* An exception that is no longer needed is a hole waiting for a statement. */
static void every_exception_is_needed(void **state)
{
    for (size_t x = 0; x < ARRAY_LEN(may_scan); x++)
        if (!scans_by_name(*state, may_scan[x].statement))
            fail_msg("%s (%s) does not scan", may_scan[x].statement, may_scan[x].why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_statement_prepares_and_goes_by_an_index, setup,
                                        teardown),
        cmocka_unit_test(names_begin_with_their_room_and_are_unique),
        cmocka_unit_test_setup_teardown(the_check_finds_a_scan_and_a_sort, setup, teardown),
        cmocka_unit_test_setup_teardown(every_exception_is_needed, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

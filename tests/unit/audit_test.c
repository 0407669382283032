#include "audit/audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit/audit_verify.h"
#include "base/json.h"
#include "base/text.h"
#include "scratch.h"

struct fixture {
    char folder[SCRATCH_FOLDER], path[SCRATCH_PATH];
    struct store *s;
    struct audit *a;
    struct audit_reader *r;
    struct err e;
};

static int setup(void **state)
{
    struct fixture *f = mem_alloc(sizeof *f);
    struct store_opts o = {.path = f->path};

    scratch_make(f->folder, f->path);
    must(store_open(&o, &f->s, &f->e), &f->e);
    must(audit_open(f->s, &f->a, &f->e), &f->e);
    must(audit_reader_open(f->s, &f->r, &f->e), &f->e);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    audit_close(f->a);
    audit_reader_close(f->r);
    store_close(f->s);
    scratch_remove(f->folder, f->path);
    free(f);
    return 0;
}

static void append(struct fixture *f, const char *subject, const char *incident, const char *detail)
{
    json_auto_t *d = detail ? json_loads(detail, 0, NULL) : NULL;
    struct audit_entry x = {.actor = "person:3",
                            .verb = "proposal.approved",
                            .subject = subject,
                            .incident = incident,
                            .detail = d};

    assert_true(!detail || d);
    must(audit_append(f->a, &x, 1790000000000, &f->e), &f->e);
}

static void verify_says(struct fixture *f, int64_t rows)
{
    struct audit_verify_result v;

    assert_int_equal(audit_verify_store(f->path, 0, NULL, &v), 0);
    if (!v.ok)
        fail_msg("%s", v.reason);
    assert_int_equal(v.rows, rows);
    assert_string_equal(v.head_hash, audit_head(f->a).hash);
}

static json_t *list(struct fixture *f, const char *subject, const char *incident, int64_t after,
                    bool newest)
{
    struct audit_filter q = {.after_seq = after,
                             .subject = subject,
                             .incident = incident,
                             .limit = 10,
                             .newest_first = newest};
    json_t *out = NULL;

    must(audit_list(f->r, &q, &out, &f->e), &f->e);
    return out;
}

static void rows_are_chained_and_the_verifier_agrees(void **state)
{
    struct fixture *f = *state;
    json_auto_t *rows = NULL;
    json_t *row;
    size_t i;
    const char *prev = "0000000000000000000000000000000000000000000000000000000000000000";

    verify_says(f, 0);
    append(f, "proposal:12", "Q3K8", "{\"b\":1,\"a\":[1.5,null,\"\\u00e5\\n\"]}");
    append(f, "config", NULL, NULL);
    append(f, "proposal:12", "Q3K8", "{}");
    verify_says(f, 3);
    rows = list(f, NULL, NULL, 0, false);
    assert_int_equal(json_array_size(rows), 3);
    json_array_foreach (rows, i, row) {
        assert_int_equal(json_opt_int(row, "seq", 0), (json_int_t)i + 1);
        assert_string_equal(json_opt_str(row, "prev"), prev);
        prev = json_opt_str(row, "hash");
    }
    assert_string_equal(prev, audit_head(f->a).hash);
    assert_true(json_is_null(json_object_get(json_array_get(rows, 1), "incident")));
}

/* The bytes that docs/security.md describes, computed by hand once: a change of the format must fail here. */
static void the_format_of_the_hash_is_fixed(void **state)
{
    struct fixture *f = *state;

    append(f, "proposal:12", "Q3K8", "{\"n\":1}");
    assert_string_equal(audit_head(f->a).hash,
                        "34c5b9212da443d87c15d86e7491b2a35469d77dcbf9b88b5e70a2960f0d79ea");
}

static void detail_is_stored_in_canonical_form(void **state)
{
    struct fixture *f = *state;
    char first[SHA256_HEX];
    struct audit_head zero = audit_head(f->a);

    must(store_tx_begin(f->s, &f->e), &f->e);
    append(f, "config", NULL, "{\"b\": 1, \"a\": {\"d\": 2, \"c\": \"\\u00e5\"}}");
    memcpy(first, audit_head(f->a).hash, sizeof first);
    store_tx_rollback(f->s);
    audit_set_head(f->a, &zero);
    append(f, "config", NULL, "{\"a\":{\"c\":\"å\",\"d\":2},\"b\":1}");
    assert_string_equal(first, audit_head(f->a).hash);
}

/* INV-3's ground: a step that is rolled back leaves no record, and the chain goes on from what is on disk. */
static void rolling_back_and_restoring_the_head_keeps_the_chain_whole(void **state)
{
    struct fixture *f = *state;
    struct audit_head before;

    must(store_tx_begin(f->s, &f->e), &f->e);
    append(f, "one", NULL, NULL);
    before = audit_head(f->a);
    {
        AUTO(store_savepoint_end) struct store_savepoint sp = {0};

        must(store_savepoint(&sp, f->s, &f->e), &f->e);
        append(f, "lost", NULL, NULL);
        assert_int_equal(audit_head(f->a).seq, 2);
    }
    audit_set_head(f->a, &before);
    append(f, "two", NULL, NULL);
    must(store_tx_commit(f->s, &f->e), &f->e);
    verify_says(f, 2);
    audit_close(f->a);
    must(audit_open(f->s, &f->a, &f->e), &f->e);
    assert_int_equal(audit_head(f->a).seq, 2);
    append(f, "three", NULL, NULL);
    verify_says(f, 3);
}

static void a_stale_head_is_noticed_and_nothing_is_written(void **state)
{
    struct fixture *f = *state;
    struct audit_head old = audit_head(f->a);
    struct audit_entry x = {.actor = "system", .verb = "x.done", .subject = "y"};

    append(f, "one", NULL, NULL);
    audit_set_head(f->a, &old);
    assert_int_equal(audit_append(f->a, &x, 1, &f->e), ERR_INTERNAL);
    assert_non_null(strstr(f->e.msg, "stale"));
    assert_int_equal(audit_head(f->a).seq, 0);
}

static void entries_that_cannot_be_shown_later_are_refused(void **state)
{
    struct fixture *f = *state;
    json_auto_t *array = json_array();
    json_auto_t *big = json_object();
    static char text[AUDIT_DETAIL_MAX + 1], name[AUDIT_NAME_MAX + 2];
    struct audit_entry rows[] = {
        {.actor = NULL, .verb = "v", .subject = "s"},
        {.actor = "", .verb = "v", .subject = "s"},
        {.actor = "a", .verb = "\xff", .subject = "s"},
        {.actor = "a", .verb = "v", .subject = name},
        {.actor = "a", .verb = "v", .subject = "s", .incident = ""},
        {.actor = "a", .verb = "v", .subject = "s", .detail = array},
        {.actor = "a", .verb = "v", .subject = "s", .detail = big},
    };

    memset(text, 'x', sizeof text - 1);
    memset(name, 'x', sizeof name - 1);
    assert_int_equal(json_object_set_new(big, "t", json_string(text)), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (audit_append(f->a, &rows[i], 1, &f->e) != ERR_INPUT)
            fail_msg("entry %zu was accepted", i);
    assert_int_equal(audit_head(f->a).seq, 0);
}

static void lists_filter_and_page_in_both_directions(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *subject, *incident;
        int64_t after;
        bool newest;
        const char *seqs;
    } rows[] = {
        {NULL, NULL, 0, false, "1 2 3 4 5 6 "},
        {NULL, NULL, 4, false, "5 6 "},
        {NULL, NULL, 0, true, "6 5 4 3 2 1 "},
        {NULL, NULL, 3, true, "2 1 "},
        {"p:1", NULL, 0, false, "1 3 5 "},
        {"p:1", NULL, 3, false, "5 "},
        {"p:1", NULL, 0, true, "5 3 1 "},
        {"p:1", NULL, 5, true, "3 1 "},
        {NULL, "Q1", 0, false, "1 2 3 "},
        {NULL, "Q1", 0, true, "3 2 1 "},
        {"p:1", "Q1", 0, false, "1 3 "},
        {"p:1", "Q1", 3, true, "1 "},
        {"p:9", NULL, 0, false, ""},
        {NULL, "Q9", 0, true, ""},
    };

    for (int i = 1; i <= 6; i++)
        append(f, i % 2 ? "p:1" : "p:2", i <= 3 ? "Q1" : NULL, NULL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_auto_t *got =
            list(f, rows[i].subject, rows[i].incident, rows[i].after, rows[i].newest);
        char text[64] = "";
        size_t n, used = 0;
        json_t *row;

        json_array_foreach (got, n, row)
            used += (size_t)snprintf(text + used, sizeof text - used, "%d ",
                                     (int)json_opt_int(row, "seq", 0));
        if (strcmp(text, rows[i].seqs) != 0)
            fail_msg("row %zu: got %s, expected %s", i, text, rows[i].seqs);
    }
}

static void one_row_is_found_by_its_number(void **state)
{
    struct fixture *f = *state;
    json_auto_t *row = NULL;
    json_t *none = NULL;

    append(f, "one", NULL, NULL);
    append(f, "two", NULL, NULL);
    must(audit_get(f->r, 2, &row, &f->e), &f->e);
    assert_string_equal(json_opt_str(row, "subject"), "two");
    assert_int_equal(audit_get(f->r, 3, &none, &f->e), ERR_NOT_FOUND);
    assert_int_equal(audit_get(f->r, 0, &none, &f->e), ERR_NOT_FOUND);
}

static void export_writes_one_canonical_line_a_row(void **state)
{
    struct fixture *f = *state;
    AUTO(buf_done) struct buf out = {0};
    AUTO(buf_done) struct buf small = {0};

    buf_init(&out, 1 << 20);
    buf_init(&small, 300);
    append(f, "proposal:12", "Q3K8", "{\"z\":\"å\",\"a\":1}");
    append(f, "config", NULL, NULL);
    append(f, "config", NULL, NULL);
    assert_int_equal(audit_export(f->r, 0, 2, &out, &f->e), 2);
    assert_true(text_starts(buf_str(&out),
                            "{\"actor\":\"person:3\",\"at\":1790000000000,\"detail\":"
                            "{\"a\":1,\"z\":\"å\"},\"hash\":\""));
    assert_non_null(strstr(buf_str(&out), "\"incident\":null,\"prev\":"));
    assert_int_equal(audit_export(f->r, 2, 2, &out, &f->e), 1);
    assert_int_equal(audit_export(f->r, 3, 2, &out, &f->e), 0);
    assert_int_equal(audit_export(f->r, 0, 2, &small, &f->e), ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_are_chained_and_the_verifier_agrees, setup, teardown),
        cmocka_unit_test_setup_teardown(the_format_of_the_hash_is_fixed, setup, teardown),
        cmocka_unit_test_setup_teardown(detail_is_stored_in_canonical_form, setup, teardown),
        cmocka_unit_test_setup_teardown(rolling_back_and_restoring_the_head_keeps_the_chain_whole,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_stale_head_is_noticed_and_nothing_is_written, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(entries_that_cannot_be_shown_later_are_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(lists_filter_and_page_in_both_directions, setup, teardown),
        cmocka_unit_test_setup_teardown(one_row_is_found_by_its_number, setup, teardown),
        cmocka_unit_test_setup_teardown(export_writes_one_canonical_line_a_row, setup, teardown),
    };

    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

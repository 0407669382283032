#include "people/people.h"

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
#include "scratch.h"

struct fixture {
    char folder[SCRATCH_FOLDER], path[SCRATCH_PATH];
    struct store *s;
    struct audit *a;
    struct people *p;
    struct err e;
};

static const struct person bo = {
    .name = "Bo Å", .email = "bo@example.com", .pd_user_id = "PBO1", .role = ROLE_RESPONDER};

static int setup(void **state)
{
    struct fixture *f = mem_alloc(sizeof *f);
    struct store_opts o = {.path = f->path};

    scratch_make(f->folder, f->path);
    must(store_open(&o, &f->s, &f->e), &f->e);
    must(audit_open(f->s, &f->a, &f->e), &f->e);
    must(people_open(f->s, f->a, &f->p, &f->e), &f->e);
    must(store_tx_begin(f->s, &f->e), &f->e);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    people_close(f->p);
    audit_close(f->a);
    store_close(f->s);
    scratch_remove(f->folder, f->path);
    free(f);
    return 0;
}

static int64_t add(struct fixture *f, const struct person *x)
{
    int64_t id = 0;

    must(people_add(f->p, x, "system", 1000, &id, &f->e), &f->e);
    return id;
}

static void verbs_are(struct fixture *f, const char *expected)
{
    AUTO(buf_done) struct buf got = {0};
    struct audit_reader *r = NULL;
    struct audit_filter all = {.limit = 100};
    json_auto_t *rows = NULL;
    json_t *row;
    size_t i;

    buf_init(&got, 10000);
    must(audit_reader_open(f->s, &r, &f->e), &f->e);
    must(audit_list(r, &all, &rows, &f->e), &f->e);
    json_array_foreach (rows, i, row)
        buf_printf(&got, "%s %s;", json_opt_str(row, "verb"), json_opt_str(row, "subject"));
    audit_reader_close(r);
    assert_string_equal(buf_str(&got), expected);
}

static void roles_have_names_and_include_the_ones_below(void **state)
{
    static const struct {
        enum role have, need;
        bool yes;
    } rows[] = {
        {ROLE_VIEWER, ROLE_VIEWER, true},    {ROLE_VIEWER, ROLE_RESPONDER, false},
        {ROLE_RESPONDER, ROLE_VIEWER, true}, {ROLE_RESPONDER, ROLE_ADMIN, false},
        {ROLE_ADMIN, ROLE_RESPONDER, true},  {ROLE_ADMIN, ROLE_ADMIN, true},
        {ROLE_NONE, ROLE_VIEWER, false},     {ROLE_NONE, ROLE_NONE, false},
        {ROLE_ADMIN, ROLE_NONE, false},
    };
    static const struct {
        const char *text;
        enum role role;
    } names[] = {
        {"viewer", ROLE_VIEWER}, {"responder", ROLE_RESPONDER}, {"admin", ROLE_ADMIN},
        {"none", ROLE_NONE},     {"Admin", ROLE_NONE},          {"", ROLE_NONE},
        {NULL, ROLE_NONE},       {"admin ", ROLE_NONE},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (role_includes(rows[i].have, rows[i].need) != rows[i].yes)
            fail_msg("row %zu", i);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_int_equal(role_parse(names[i].text), names[i].role);
    assert_string_equal(role_name(ROLE_RESPONDER), "responder");
    assert_string_equal(role_name((enum role)17), "none");
}

static void a_person_is_found_by_each_key(void **state)
{
    struct fixture *f = *state;
    struct person x;
    int64_t id = add(f, &bo);

    must(people_get(f->p, id, &x, &f->e), &f->e);
    assert_string_equal(x.name, "Bo Å");
    assert_string_equal(x.email, "bo@example.com");
    assert_string_equal(x.pd_user_id, "PBO1");
    assert_int_equal(x.role, ROLE_RESPONDER);
    assert_false(x.disabled);
    assert_false(x.agent);
    assert_int_equal(x.created_wall_ms, 1000);
    must(people_by_email(f->p, "bo@example.com", &x, &f->e), &f->e);
    assert_int_equal(x.id, id);
    must(people_by_pd_user(f->p, "PBO1", &x, &f->e), &f->e);
    assert_int_equal(x.id, id);
    assert_int_equal(people_get(f->p, id + 1, &x, &f->e), ERR_NOT_FOUND);
    assert_int_equal(people_by_email(f->p, "no@example.com", &x, &f->e), ERR_NOT_FOUND);
    assert_int_equal(people_by_pd_user(f->p, "PNO", &x, &f->e), ERR_NOT_FOUND);
}

static void an_empty_pagerduty_id_finds_nobody_and_collides_with_nobody(void **state)
{
    struct fixture *f = *state;
    struct person x = {.name = "A", .email = "a@example.com", .role = ROLE_VIEWER};

    add(f, &x);
    memcpy(x.email, "b@example.com", sizeof "b@example.com");
    x.agent = true;
    add(f, &x);
    assert_int_equal(people_by_pd_user(f->p, "", &x, &f->e), ERR_NOT_FOUND);
    assert_int_equal(people_by_pd_user(f->p, NULL, &x, &f->e), ERR_NOT_FOUND);
    must(people_by_email(f->p, "b@example.com", &x, &f->e), &f->e);
    assert_true(x.agent); /* INV-5 rests on this flag */
    assert_string_equal(x.pd_user_id, "");
}

static void malformed_persons_are_refused(void **state)
{
    struct fixture *f = *state;
    struct person rows[7];
    int64_t id = 0;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        rows[i] = bo;
    rows[0].name[0] = '\0';
    rows[1].email[0] = '\0';
    memcpy(rows[2].email, "Bo <bo@example.com>", sizeof "Bo <bo@example.com>");
    memcpy(rows[3].pd_user_id, "P/1", sizeof "P/1");
    rows[4].role = ROLE_NONE;
    memcpy(rows[5].name, "\xff", 2);
    memset(rows[6].name, 'x', sizeof rows[6].name);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (people_add(f->p, &rows[i], "system", 1, &id, &f->e) != ERR_INPUT)
            fail_msg("row %zu was accepted", i);
    verbs_are(f, "");
}

static void taken_keys_are_a_conflict_and_leave_nothing(void **state)
{
    struct fixture *f = *state;
    struct person same_mail = bo, same_id = bo;
    struct person *list = NULL;
    int64_t id = 0;
    size_t n = 0;

    add(f, &bo);
    memcpy(same_mail.pd_user_id, "PBO2", sizeof "PBO2");
    memcpy(same_id.email, "bo2@example.com", sizeof "bo2@example.com");
    assert_int_equal(people_add(f->p, &same_mail, "system", 1, &id, &f->e), ERR_CONFLICT);
    assert_int_equal(people_add(f->p, &same_id, "system", 1, &id, &f->e), ERR_CONFLICT);
    must(people_list(f->p, &list, &n, &f->e), &f->e);
    assert_int_equal(n, 1);
    mem_freep(&list);
    verbs_are(f, "person.added person:1;");
}

static void lists_all_in_the_order_of_their_numbers(void **state)
{
    struct fixture *f = *state;
    struct person x = bo, *list = NULL;
    size_t n = 7;

    must(people_list(f->p, &list, &n, &f->e), &f->e);
    assert_int_equal(n, 0);
    mem_freep(&list);
    x.pd_user_id[0] = '\0';
    for (int i = 0; i < 40; i++) {
        (void)snprintf(x.email, sizeof x.email, "p%d@example.com", 40 - i);
        add(f, &x);
    }
    must(people_list(f->p, &list, &n, &f->e), &f->e);
    assert_int_equal(n, 40);
    assert_string_equal(list[0].email, "p40@example.com");
    assert_string_equal(list[39].email, "p1@example.com");
    mem_freep(&list);
}

static void each_change_is_recorded_once_and_no_change_not_at_all(void **state)
{
    struct fixture *f = *state;
    struct person x;
    int64_t id = add(f, &bo);

    must(people_set_role(f->p, id, ROLE_ADMIN, "person:9", 2, &f->e), &f->e);
    must(people_set_role(f->p, id, ROLE_ADMIN, "person:9", 3, &f->e), &f->e);
    must(people_set_disabled(f->p, id, true, "person:9", 4, &f->e), &f->e);
    must(people_set_disabled(f->p, id, true, "person:9", 5, &f->e), &f->e);
    must(people_get(f->p, id, &x, &f->e), &f->e);
    assert_int_equal(x.role, ROLE_ADMIN);
    assert_true(x.disabled);
    must(people_set_disabled(f->p, id, false, "person:9", 6, &f->e), &f->e);
    assert_int_equal(people_set_role(f->p, id, ROLE_NONE, "person:9", 7, &f->e), ERR_INPUT);
    assert_int_equal(people_set_role(f->p, 99, ROLE_ADMIN, "person:9", 7, &f->e), ERR_NOT_FOUND);
    assert_int_equal(people_set_disabled(f->p, 99, true, "person:9", 7, &f->e), ERR_NOT_FOUND);
    verbs_are(f, "person.added person:1;person.role_changed person:1;person.disabled person:1;"
                 "person.enabled person:1;");
}

/* No record, no change: the other way round would be an account that nobody can explain. */
static void a_change_that_cannot_be_recorded_does_not_happen(void **state)
{
    struct fixture *f = *state;
    struct person x;
    char token[TOKEN_TEXT_MAX];
    int64_t id = add(f, &bo), other = 0, head = audit_head(f->a).seq;

    assert_int_equal(people_set_role(f->p, id, ROLE_ADMIN, "\xff", 2, &f->e), ERR_INPUT);
    assert_int_equal(people_set_disabled(f->p, id, true, "", 2, &f->e), ERR_INPUT);
    assert_int_equal(people_token_new(f->p, id, "l", "", 2, token, &other, &f->e), ERR_INPUT);
    must(people_get(f->p, id, &x, &f->e), &f->e);
    assert_int_equal(x.role, ROLE_RESPONDER);
    assert_false(x.disabled);
    assert_int_equal(audit_head(f->a).seq, head);
    must(people_token_new(f->p, id, "l", "system", 2, token, &other, &f->e), &f->e);
    assert_int_equal(other, 1); /* the failed one left no row */
}

static void tokens_open_for_their_person_until_revoked_or_disabled(void **state)
{
    struct fixture *f = *state;
    char token[TOKEN_TEXT_MAX], second[TOKEN_TEXT_MAX], msg[256];
    struct person x;
    int64_t id = add(f, &bo), t1 = 0, t2 = 0;

    must(people_token_new(f->p, id, "laptop", "person:1", 2, token, &t1, &f->e), &f->e);
    must(people_token_new(f->p, id, "phone", "person:1", 2, second, &t2, &f->e), &f->e);
    assert_int_equal(strlen(token), 47);
    assert_memory_equal(token, "trg_", 4);
    assert_int_equal(strspn(token + 4, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789-_"),
                     43);
    assert_string_not_equal(token, second);
    must(people_token_check(f->p, token, &x, &f->e), &f->e);
    assert_int_equal(x.id, id);
    assert_int_equal(x.role, ROLE_RESPONDER);
    must(people_token_revoke(f->p, t1, "person:1", 3, &f->e), &f->e);
    assert_int_equal(people_token_check(f->p, token, &x, &f->e), ERR_DENIED);
    memcpy(msg, f->e.msg, sizeof msg);
    must(people_token_check(f->p, second, &x, &f->e), &f->e);
    must(people_set_disabled(f->p, id, true, "person:1", 4, &f->e), &f->e);
    assert_int_equal(people_token_check(f->p, second, &x, &f->e), ERR_DENIED);
    assert_string_equal(f->e.msg, msg); /* the same answer whatever is wrong */
    assert_int_equal(people_token_check(f->p, "trg_unknown", &x, &f->e), ERR_DENIED);
    assert_string_equal(f->e.msg, msg);
    assert_int_equal(people_token_new(f->p, id, "x", "person:1", 5, token, &t1, &f->e), ERR_DENIED);
    must(people_set_disabled(f->p, id, false, "person:1", 6, &f->e), &f->e);
    must(people_token_check(f->p, second, &x, &f->e), &f->e);
}

static void near_misses_of_a_token_are_denied(void **state)
{
    struct fixture *f = *state;
    char token[TOKEN_TEXT_MAX], wrong[5000];
    struct person x;
    int64_t id = add(f, &bo), t = 0;
    size_t len;

    must(people_token_new(f->p, id, "l", "system", 2, token, &t, &f->e), &f->e);
    len = strlen(token);
    for (size_t i = 0; i < len; i++) { /* every character counts */
        memcpy(wrong, token, len + 1);
        wrong[i] = wrong[i] == 'x' ? 'y' : 'x';
        assert_int_equal(people_token_check(f->p, wrong, &x, &f->e), ERR_DENIED);
    }
    memcpy(wrong, token, len + 1);
    wrong[len - 1] = '\0';
    assert_int_equal(people_token_check(f->p, wrong, &x, &f->e), ERR_DENIED);
    assert_int_equal(people_token_check(f->p, "", &x, &f->e), ERR_DENIED);
    memset(wrong, 'x', sizeof wrong - 1);
    wrong[sizeof wrong - 1] = '\0';
    memcpy(wrong, token, len); /* the token and more */
    assert_int_equal(people_token_check(f->p, wrong, &x, &f->e), ERR_DENIED);
    must(people_token_check(f->p, token, &x, &f->e), &f->e);
}

/* INV-7 for tokens: the file holds the hash, neither the token nor a part of it; F-34's canary in small. */
static void only_the_hash_is_stored(void **state)
{
    static const char *const tails[] = {"", "-wal"};
    struct fixture *f = *state;
    char token[TOKEN_TEXT_MAX], digest[SHA256_HEX], name[128];
    int64_t id = add(f, &bo), t = 0;
    bool hash_seen = false;

    must(people_token_new(f->p, id, "l", "system", 2, token, &t, &f->e), &f->e);
    must(store_tx_commit(f->s, &f->e), &f->e);
    sha256_hex(token, strlen(token), digest);
    for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
        static char bytes[4 << 20];
        FILE *file;
        size_t n;

        (void)snprintf(name, sizeof name, "%s%s", f->path, tails[i]);
        file = fopen(name, "r");
        assert_non_null(file);
        n = fread(bytes, 1, sizeof bytes, file);
        assert_true(n > 0 && n < sizeof bytes);
        assert_int_equal(fclose(file), 0);
        assert_null(memmem(bytes, n, token + 4, 12));
        hash_seen = hash_seen || memmem(bytes, n, digest, 64);
    }
    assert_true(hash_seen);
}

static void revoking_twice_is_recorded_once(void **state)
{
    struct fixture *f = *state;
    struct audit_verify_result v;
    char token[TOKEN_TEXT_MAX];
    int64_t id = add(f, &bo), t = 0;

    must(people_token_new(f->p, id, "l", "system", 2, token, &t, &f->e), &f->e);
    must(people_token_revoke(f->p, t, "system", 3, &f->e), &f->e);
    must(people_token_revoke(f->p, t, "system", 4, &f->e), &f->e);
    assert_int_equal(people_token_revoke(f->p, t + 1, "system", 4, &f->e), ERR_NOT_FOUND);
    assert_int_equal(people_token_new(f->p, 99, "l", "system", 2, token, &t, &f->e), ERR_NOT_FOUND);
    assert_int_equal(people_token_new(f->p, id, "", "system", 2, token, &t, &f->e), ERR_INPUT);
    verbs_are(f, "person.added person:1;token.created token:1;token.revoked token:1;");
    must(store_tx_commit(f->s, &f->e), &f->e);
    assert_int_equal(audit_verify_store(f->path, 0, NULL, &v), 0);
    assert_true(v.ok);
}

static void readers_may_look_up(void **state)
{
    struct fixture *f = *state;
    struct store_opts o = {.path = f->path, .read_only = true};
    struct store *s = NULL;
    struct people *p = NULL;
    struct person x;
    char token[TOKEN_TEXT_MAX];
    int64_t id = add(f, &bo), t = 0;

    must(people_token_new(f->p, id, "l", "system", 2, token, &t, &f->e), &f->e);
    must(store_tx_commit(f->s, &f->e), &f->e);
    must(store_open(&o, &s, &f->e), &f->e);
    must(people_open(s, NULL, &p, &f->e), &f->e);
    must(people_token_check(p, token, &x, &f->e), &f->e);
    assert_int_equal(x.id, id);
    people_close(p);
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles_have_names_and_include_the_ones_below),
        cmocka_unit_test_setup_teardown(a_person_is_found_by_each_key, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_pagerduty_id_finds_nobody_and_collides_with_nobody,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(malformed_persons_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(taken_keys_are_a_conflict_and_leave_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(lists_all_in_the_order_of_their_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(each_change_is_recorded_once_and_no_change_not_at_all,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_change_that_cannot_be_recorded_does_not_happen, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(tokens_open_for_their_person_until_revoked_or_disabled,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(near_misses_of_a_token_are_denied, setup, teardown),
        cmocka_unit_test_setup_teardown(only_the_hash_is_stored, setup, teardown),
        cmocka_unit_test_setup_teardown(revoking_twice_is_recorded_once, setup, teardown),
        cmocka_unit_test_setup_teardown(readers_may_look_up, setup, teardown),
    };

    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

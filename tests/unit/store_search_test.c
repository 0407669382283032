/* The full-text index behind the store: what is found, what is not read as syntax, and that a search costs the same in a large store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "scratch.h"
#include "store/store_priv.h"

enum {
    COMMON = 12, /* words that every row has some of */
    RARE = 200,  /* words that few rows have */
    MAX = 5
};

struct fixture {
    char folder[SCRATCH_FOLDER], path[SCRATCH_PATH];
    struct store *s;
    struct err e;
    uint32_t dice;
};

static int setup(void **state)
{
    struct fixture *f = mem_alloc(sizeof *f);
    struct store_opts o = {.path = f->path};

    scratch_make(f->folder, f->path);
    must(store_open(&o, &f->s, &f->e), &f->e);
    f->dice = 1;
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

/* What the view shows must be what the index holds, as the owner of the rows keeps it. */
static void row_write(struct fixture *f, const struct store_search_doc *d)
{
    char *text = sqlite3_mprintf(
        "INSERT INTO memory (id, incident_id, number, service_id, service, symptom, title, alerts, notes, resolution, status,"
        " created_ms, merged, fixed, searched, updated_ms) VALUES (%lld, 'Q%lld', %lld, 'PS', %Q, '', %Q, %Q, %Q, %Q, 'resolved', 1, 0,"
        " 0, 1, 1)",
        (long long)d->id, (long long)d->id, (long long)d->id, d->text[1] ? d->text[1] : "",
        d->text[0] ? d->text[0] : "", d->text[2] ? d->text[2] : "", d->text[3] ? d->text[3] : "",
        d->text[4] ? d->text[4] : "");

    assert_int_equal(sqlite3_exec(f->s->db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_free(text);
}

static void put(struct fixture *f, const struct store_search_doc *d)
{
    row_write(f, d);
    must(store_search_put(f->s, d, &f->e), &f->e);
}

static void put_title(struct fixture *f, int64_t id, const char *title)
{
    put(f, &(struct store_search_doc){id, {title, NULL, NULL, NULL, NULL}});
}

static size_t find(struct fixture *f, const char *word, const char *other,
                   struct store_search_hit hits[MAX])
{
    const char *const words[] = {word, other};
    size_t n = 99;

    must(store_search_find(f->s, words, other ? 2 : 1, INT64_MAX, hits, MAX, &n, &f->e), &f->e);
    return n;
}

static void the_row_with_more_and_rarer_words_comes_first(void **state)
{
    struct fixture *f = *state;
    struct store_search_hit hits[MAX];

    put_title(f, 1, "disk of parceldb is full");
    put_title(f, 2, "disk of the label printer is full");
    put_title(f, 3, "queue of parceldb is long");
    put_title(f, 4, "certificate of the web shop runs out");
    for (int64_t id = 10; id < 30; id++)
        put_title(f, id, "nothing alike");
    assert_int_equal(find(f, "parceldb", "disk", hits), 3);
    assert_int_equal(hits[0].id, 1);
    assert_true(hits[0].score > hits[1].score && hits[2].score > 0);
    assert_int_equal(find(f, "certificate", NULL, hits), 1);
    assert_int_equal(hits[0].id, 4);
    assert_int_equal(find(f, "absent", NULL, hits), 0);
}

static void a_title_counts_more_than_a_note_and_equal_ones_come_newest_first(void **state)
{
    struct fixture *f = *state;
    struct store_search_hit hits[MAX];

    for (int64_t id = 10; id < 30; id++)
        put_title(f, id, "nothing alike");
    put(f, &(struct store_search_doc){3, {"broker", NULL, NULL, "restarted it", NULL}});
    put(f, &(struct store_search_doc){4, {"restarted it", NULL, NULL, "broker", NULL}});
    put(f, &(struct store_search_doc){5, {"broker", NULL, NULL, "restarted it", NULL}});
    assert_int_equal(find(f, "broker", NULL, hits), 3);
    assert_int_equal(hits[0].id, 5);
    assert_int_equal(hits[1].id, 3);
    assert_int_equal(hits[2].id, 4);
}

static void only_rows_below_the_id_are_found(void **state)
{
    struct fixture *f = *state;
    const char *const words[] = {"broker"};
    struct store_search_hit hits[MAX];
    size_t n = 0;

    for (int64_t id = 1; id <= 4; id++)
        put_title(f, id, "broker down");
    must(store_search_find(f->s, words, 1, 3, hits, MAX, &n, &f->e), &f->e);
    assert_int_equal(n, 2);
    assert_int_equal(hits[0].id, 2);
    assert_int_equal(hits[1].id, 1);
}

/* F-25 in small: what came from outside is never read as a query. */
static void nothing_in_a_word_is_read_as_syntax(void **state)
{
    struct fixture *f = *state;
    static const char *const words[] = {
        "\"",           "a\" OR title:b", "NEAR(a b)", "disk*", "-disk", "title:disk",
        "{disk",        "^disk",          "AND",       "dis k", "",      "disk\" OR \"full",
        "\xE2\x80\x9C", "müll",           "';--",      "DISK"};
    struct store_search_hit hits[MAX];

    put_title(f, 1, "disk full");
    put_title(f, 2, "eimer müll");
    for (int64_t id = 10; id < 20; id++)
        put_title(f, id, "nothing alike");
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        assert_int_equal(find(f, words[i], NULL, hits), strcmp(words[i], "müll") == 0 ? 1 : 0);
    assert_int_equal(find(f, "\" OR \"", "disk", hits), 1);
}

static void what_was_dropped_is_not_found_and_the_index_stays_sound(void **state)
{
    struct fixture *f = *state;
    struct store_search_doc d = {7, {"broker down", "Event Bus", "lag partition", "restarted", ""}};
    struct store_search_hit hits[MAX];
    int table = 0;
    bool done = false;

    for (int64_t id = 10; id < 20; id++)
        put_title(f, id, "nothing alike");
    put(f, &d);
    assert_int_equal(find(f, "partition", NULL, hits), 1);
    must(store_search_drop(f->s, &d, &f->e), &f->e);
    assert_int_equal(
        sqlite3_exec(f->s->db, "UPDATE memory SET searched = 0 WHERE id = 7", NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(find(f, "partition", NULL, hits), 0);
    assert_int_equal(
        sqlite3_exec(f->s->db,
                     "INSERT INTO memory_text (memory_text, rank) VALUES ('integrity-check', 1)",
                     NULL, NULL, NULL),
        SQLITE_OK);
    while (!done) /* the tables of the index are no trouble for the check at start */
        must(store_quick_check_step(f->s, &table, &done, &f->e), &f->e);
    assert_true(table > 10);
}

/* ---- the cost ---- */

static uint32_t roll(struct fixture *f, uint32_t n)
{
    f->dice = f->dice * 1103515245U + 12345U;
    return (f->dice >> 8) % n;
}

static void text_make(struct fixture *f, struct buf *b, unsigned words)
{
    buf_clear(b);
    for (unsigned i = 0; i < words; i++)
        if (roll(f, 2))
            buf_printf(b, "common%u ", roll(f, COMMON));
        else
            buf_printf(b, "rare%u ", roll(f, RARE));
}

/* With the texts that its row has, as its owner does. */
static void drop(struct fixture *f, int64_t id)
{
    struct store_search_doc d = {.id = id};
    sqlite3_stmt *q = NULL;
    char *text = sqlite3_mprintf(
        "UPDATE memory SET searched = 0 WHERE id = %lld RETURNING title, service, alerts, notes, resolution",
        (long long)id);

    assert_int_equal(sqlite3_prepare_v2(f->s->db, text, -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    for (int i = 0; i < STORE_SEARCH_COLUMNS; i++)
        d.text[i] = (const char *)sqlite3_column_text(q, i);
    must(store_search_drop(f->s, &d, &f->e), &f->e);
    sqlite3_finalize(q);
    sqlite3_free(text);
}

/* Keeps only the newest `keep` in the index, as its owner does. */
static void fill(struct fixture *f, int64_t from, int64_t to, int64_t keep)
{
    AUTO(buf_done) struct buf title = {0}, alerts = {0};

    buf_init(&title, 4096);
    buf_init(&alerts, 8192);
    must(store_tx_begin(f->s, &f->e), &f->e);
    for (int64_t id = from; id < to; id++) {
        text_make(f, &title, 6);
        text_make(f, &alerts, 30);
        put(f, &(struct store_search_doc){
                   id, {buf_str(&title), "Event Bus", buf_str(&alerts), "", ""}});
        if (id > keep)
            drop(f, id - keep);
    }
    must(store_tx_commit(f->s, &f->e), &f->e);
}

/* Pages that a search looks at: what it costs, without a clock. */
static int pages_of(struct fixture *f, const char *const *words, size_t n)
{
    struct store_search_hit hits[MAX];
    int hit = 0, miss = 0, high;
    size_t found;

    sqlite3_db_status(f->s->db, SQLITE_DBSTATUS_CACHE_HIT, &hit, &high, 1);
    sqlite3_db_status(f->s->db, SQLITE_DBSTATUS_CACHE_MISS, &miss, &high, 1);
    must(store_search_find(f->s, words, n, INT64_MAX, hits, MAX, &found, &f->e), &f->e);
    sqlite3_db_status(f->s->db, SQLITE_DBSTATUS_CACHE_HIT, &hit, &high, 1);
    sqlite3_db_status(f->s->db, SQLITE_DBSTATUS_CACHE_MISS, &miss, &high, 1);
    return hit + miss;
}

static void a_search_costs_the_same_with_three_times_the_rows(void **state)
{
    struct fixture *f = *state;
    static const char *const words[] = {"common1", "common2", "rare7",  "rare8",  "rare9",
                                        "common3", "rare10",  "rare11", "rare12", "rare13",
                                        "rare14",  "rare15",  "rare16"};
    static const char *const noise[] = {"common1", "common2", "common3"};
    int few, many;

    /* What was dropped must not be read for ever. */
    fill(f, 1, 3001, 1000);
    few = pages_of(f, words, ARRAY_LEN(words));
    fill(f, 3001, 9001, 1000);
    many = pages_of(f, words, ARRAY_LEN(words));
    print_message("pages: %d after 3,000 rows, %d after 9,000\n", few, many);
    assert_true(few > 100); /* it does search */
    assert_true(many < few * 3 / 2);
    assert_true(pages_of(f, noise, ARRAY_LEN(noise)) < 300);
}

static void words_that_stand_nearly_everywhere_are_not_searched_for(void **state)
{
    struct fixture *f = *state;
    struct store_search_hit hits[MAX];

    fill(f, 1, 1001, 1000);
    put_title(f, 2000, "common1 unheard");
    assert_int_equal(find(f, "common1", NULL, hits), 0);
    assert_int_equal(find(f, "common1", "unheard", hits), 1);
    assert_int_equal(hits[0].id, 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_row_with_more_and_rarer_words_comes_first, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            a_title_counts_more_than_a_note_and_equal_ones_come_newest_first, setup, teardown),
        cmocka_unit_test_setup_teardown(only_rows_below_the_id_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_in_a_word_is_read_as_syntax, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_dropped_is_not_found_and_the_index_stays_sound,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_search_costs_the_same_with_three_times_the_rows, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(words_that_stand_nearly_everywhere_are_not_searched_for,
                                        setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

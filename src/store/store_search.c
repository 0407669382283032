/*
 * Full-text search. FTS5 is SQLite's own dialect, so it lives here and nowhere else: a PostgreSQL driver brings its own.
 *
 * What a search costs follows from the words: bm25() looks at every row that a word stands in, so only words that stand
 * in few rows are searched for. How many that are is counted up to a limit and no further. The caller keeps the index
 * itself small (store_search_drop).
 */
#include <stdio.h>
#include <string.h>

#include "store/store_priv.h"
#include "store/store_sql.h"

#define WORDS_LOOKED_AT 10 /* 60 us each at worst */
#define WORDS_SEARCHED  8
#define ROWS_PER_WORD   200 /* a word in more rows than this tells nothing */
#define ROWS_ALL_WORDS  400 /* rows that one search scores, over all its words; 2 us each */
#define TIDY_EVERY      1000
#define TIDY_PAGES      8

static void bind_doc(struct store_stmt *q, const struct store_search_doc *d)
{
    store_bind_int(q, 1, d->id);
    for (int i = 0; i < STORE_SEARCH_COLUMNS; i++)
        store_bind_text(q, 2 + i, d->text[i] ? d->text[i] : "");
}

int store_search_put(struct store *s, const struct store_search_doc *d, struct err *e)
{
    struct store_stmt *q = store_begin(s->own, STORE_SEARCH_PUT);
    int rc;

    bind_doc(q, d);
    rc = store_exec(q, e);
    return rc < 0 ? rc : 0;
}

/*
 * What was dropped stays in the index's segments, and is read by each search, until they are merged down to the oldest. Left to itself
 * that takes several times as many rows as are alive; so every thousand drops a whole merge begins (a negative number), and
 * each drop does a few pages of it.
 */
static int tidy(struct store *s, struct err *e)
{
    struct store_stmt *q = store_begin(s->own, STORE_SEARCH_MERGE);
    int rc;

    store_bind_int(q, 1, ++s->search_drops % TIDY_EVERY == 0 ? -TIDY_PAGES : TIDY_PAGES);
    rc = store_exec(q, e);
    return rc < 0 ? rc : 0;
}

int store_search_drop(struct store *s, const struct store_search_doc *d, struct err *e)
{
    struct store_stmt *q = store_begin(s->own, STORE_SEARCH_DROP);
    int rc;

    bind_doc(q, d);
    rc = store_exec(q, e);
    return rc < 0 ? rc : tidy(s, e);
}

/* Letters and digits of ASCII, and what is beyond ASCII: nothing that could end a quoted string or mean something outside one. */
static bool is_word(const char *w)
{
    size_t n = 0;

    for (; w[n]; n++) {
        unsigned char c = (unsigned char)w[n];

        if (c < 0x80 && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9'))
            return false;
    }
    return n > 0 && n <= STORE_SEARCH_WORD_MAX;
}

struct rare {
    const char *word;
    int64_t rows;
};

/* In how many rows it stands, counted up to the limit. */
static int word_rows(struct store *s, const char *word, int64_t below_id, int64_t *out,
                     struct err *e)
{
    struct store_stmt *q = store_begin(s->own, STORE_SEARCH_WORD);
    char quoted[STORE_SEARCH_WORD_MAX + 3];
    int rc;

    snprintf(quoted, sizeof(quoted), "\"%s\"", word);
    store_bind_text(q, 1, quoted);
    store_bind_int(q, 2, below_id);
    store_bind_int(q, 3, ROWS_PER_WORD + 1);
    rc = store_step(q, e);
    *out = rc > 0 ? store_int(q, 0) : 0;
    store_reset(q);
    return rc < 0 ? rc : 0;
}

/* Those that stand somewhere but not everywhere, rarest first; equally rare ones in the order they were given. */
static int words_rare(struct store *s, const char *const *words, size_t n, int64_t below_id,
                      struct rare out[WORDS_LOOKED_AT], size_t *found, struct err *e)
{
    *found = 0;
    for (size_t i = 0, looked = 0; i < n && looked < WORDS_LOOKED_AT; i++) {
        size_t at = *found;
        int64_t rows;

        if (!is_word(words[i]))
            continue;
        looked++;
        if (word_rows(s, words[i], below_id, &rows, e) < 0)
            return e->code;
        if (rows == 0 || rows > ROWS_PER_WORD)
            continue;
        for (; at > 0 && out[at - 1].rows > rows; at--)
            out[at] = out[at - 1];
        out[at] = (struct rare){words[i], rows};
        ++*found;
    }
    return 0;
}

/* "disk" OR "parceldb": every word is quoted, so nothing of it is read as syntax. */
static void match_of(const struct rare *words, size_t n, struct buf *out)
{
    int64_t rows = 0;

    for (size_t i = 0; i < n && i < WORDS_SEARCHED && rows + words[i].rows <= ROWS_ALL_WORDS; i++) {
        rows += words[i].rows;
        buf_printf(out, "%s\"%s\"", i > 0 ? " OR " : "", words[i].word);
    }
}

static void hit_keep(struct store_search_hit *hits, size_t max, size_t *n,
                     struct store_search_hit x)
{
    size_t at = *n;

    while (at > 0 && (hits[at - 1].score < x.score ||
                      (hits[at - 1].score == x.score && hits[at - 1].id < x.id)))
        at--;
    if (at == max)
        return;
    if (*n < max)
        ++*n;
    for (size_t i = *n - 1; i > at; i--)
        hits[i] = hits[i - 1];
    hits[at] = x;
}

int store_search_find(struct store *s, const char *const *words, size_t n_words, int64_t below_id,
                      struct store_search_hit *hits, size_t max, size_t *n, struct err *e)
{
    AUTO(buf_done) struct buf match = {0};
    struct rare rare[WORDS_LOOKED_AT];
    struct store_stmt *q;
    size_t found;
    int rc;

    *n = 0;
    if (words_rare(s, words, n_words, below_id, rare, &found, e) < 0)
        return e->code;
    if (found == 0 || max == 0)
        return 0;
    buf_init(&match, (size_t)WORDS_SEARCHED * (STORE_SEARCH_WORD_MAX + 8));
    match_of(rare, found, &match);
    q = store_begin(s->own, STORE_SEARCH_FIND);
    store_bind_text(q, 1, buf_str(&match));
    store_bind_int(q, 2, below_id);
    while ((rc = store_step(q, e)) > 0)
        hit_keep(hits, max, n, (struct store_search_hit){store_int(q, 0), store_int(q, 1)});
    store_reset(q);
    return rc;
}

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"

/* What people read: safe texts, colours, times, tables. */

#define SHOW_MAX_BYTES 4000
#define CELL_MIN       8 /* a column that gives way keeps this much */
#define GAP            2
#define FIELD_COLUMN   16 /* where the values of a card stand */

const char *show(struct cli *c, const char *s)
{
    AUTO(buf_done) struct buf b = {0};

    if (!s)
        return "-";
    buf_init(&b, SHOW_MAX_BYTES + 16);
    text_show(&b, s, strlen(s), SHOW_MAX_BYTES, true);
    return arena_strdup(c->arena, buf_str(&b));
}

const char *show_lines(struct cli *c, const char *s, const char *indent)
{
    AUTO(buf_done) struct buf safe = {0};
    AUTO(buf_done) struct buf b = {0};

    if (!s)
        return "-";
    buf_init(&safe, (size_t)64 * 1024);
    buf_init(&b, (size_t)512 * 1024);
    text_show(&safe, s, strlen(s), (size_t)60 * 1024, false);
    for (const char *p = buf_str(&safe); *p; p++) {
        buf_putc(&b, *p);
        if (*p == '\n' && p[1])
            buf_puts(&b, indent);
    }
    return arena_strdup(c->arena, buf_str(&b));
}

const char *fmt(struct cli *c, const char *f, ...)
{
    char *text = NULL;
    va_list ap;
    int n;

    va_start(ap, f);
    n = vasprintf(&text, f, ap);
    va_end(ap);
    CHECK(n >= 0);
    const char *kept = arena_strdup(c->arena, text);

    free(text);
    return kept;
}

static const char *code_of(enum colour col)
{
    static const char *const codes[] = {
        [PLAIN] = "",         [RED] = "\033[31m", [YELLOW] = "\033[33m",
        [GREEN] = "\033[32m", [DIM] = "\033[2m",  [BOLD] = "\033[1m"};

    return codes[col];
}

const char *paint(struct cli *c, enum colour col, const char *s)
{
    return c->colour && col != PLAIN ? fmt(c, "%s%s\033[0m", code_of(col), s) : s;
}

enum colour state_colour(const char *state)
{
    static const struct {
        const char *state;
        enum colour col;
    } rows[] = {
        {"pending", YELLOW}, {"approved", YELLOW}, {"executing", YELLOW}, {"done", GREEN},
        {"failed", RED},     {"unsure", RED},      {"stale", DIM},        {"rejected", DIM},
        {"expired", DIM},    {"overtaken", DIM},   {"withdrawn", DIM},    {"superseded", DIM},
        {"shadowed", DIM},   {"triggered", RED},   {"resolved", GREEN},   {"acknowledged", YELLOW},
        {"buried", RED},     {"ok", GREEN},        {"warn", YELLOW},      {"FAIL", RED}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (text_eq(rows[i].state, state))
            return rows[i].col;
    return PLAIN;
}

/* ---- times ---- */

int64_t when_ms(const json_t *obj, const char *key)
{
    const json_t *v = json_object_get(obj, key);

    if (json_is_integer(v))
        return json_integer_value(v);
    return json_opt_time_ms(obj, key, 0);
}

const char *clock_of(struct cli *c, int64_t wall_ms)
{
    char text[TIME_ISO_MAX];

    return wall_ms > 0 ? arena_strdup(c->arena, time_format_iso(wall_ms, false, text)) : "-";
}

const char *span(struct cli *c, int64_t ms)
{
    char text[TIME_SPAN_MAX];

    return arena_strdup(c->arena, time_format_span(ms, text));
}

const char *ago(struct cli *c, int64_t wall_ms)
{
    if (wall_ms <= 0)
        return "-";
    if (wall_ms > c->now_wall_ms)
        return fmt(c, "in %s", span(c, wall_ms - c->now_wall_ms));
    return fmt(c, "%s ago", span(c, c->now_wall_ms - wall_ms));
}

const char *left_of(struct cli *c, int64_t wall_ms)
{
    if (wall_ms <= 0)
        return "no deadline";
    if (wall_ms <= c->now_wall_ms)
        return "passed";
    return fmt(c, "%s left", span(c, wall_ms - c->now_wall_ms));
}

/* ---- JSON values as text ---- */

const char *value_text(struct cli *c, const json_t *v)
{
    if (!v || json_is_null(v))
        return "-";
    if (json_is_string(v))
        return show(c, json_string_value(v));
    if (json_is_integer(v))
        return fmt(c, "%lld", (long long)json_integer_value(v));
    if (json_is_boolean(v))
        return json_is_true(v) ? "yes" : "no";

    size_t len;
    AUTO(mem_freep) char *text = json_canon(v, &len);

    return show(c, text);
}

const char *member(struct cli *c, const json_t *obj, const char *key)
{
    return value_text(c, json_object_get(obj, key));
}

json_t *either(const json_t *obj, const char *a, const char *b)
{
    json_t *v = json_object_get(obj, a);

    return v && !json_is_null(v) ? v : json_object_get(obj, b);
}

/* ---- tables ---- */

struct cell {
    const char *text;
    enum colour col;
};

struct table {
    struct cli *c;
    const char *heads[TABLE_COLUMNS];
    bool gives[TABLE_COLUMNS];
    size_t n_cols;
    struct cell *cells;
    size_t n, room;
};

struct table *table_new(struct cli *c, const char *heads)
{
    struct table *t = arena_alloc(c->arena, sizeof *t);

    t->c = c;
    while (*heads) {
        size_t len = strcspn(heads, "|");

        CHECK(t->n_cols < TABLE_COLUMNS);
        t->gives[t->n_cols] = heads[0] == '*';
        t->heads[t->n_cols] = arena_strndup(c->arena, heads + (heads[0] == '*' ? 1 : 0),
                                            len - (heads[0] == '*' ? 1 : 0));
        t->n_cols++;
        heads += len + (heads[len] == '|' ? 1 : 0);
    }
    return t;
}

void table_cell(struct table *t, enum colour col, const char *text)
{
    if (t->n == t->room) {
        t->room = t->room ? t->room * 2 : 64;
        t->cells = mem_grow(t->cells, t->room, sizeof *t->cells);
    }
    t->cells[t->n++] = (struct cell){text ? text : "-", col};
}

size_t table_rows(const struct table *t)
{
    return t->n / t->n_cols;
}

static size_t total_width(const struct table *t, const size_t *width)
{
    size_t sum = 0;

    for (size_t i = 0; i < t->n_cols; i++)
        sum += width[i] + (i + 1 < t->n_cols ? GAP : 0);
    return sum;
}

/* The widest column that gives way loses a character at a time until the row fits. */
static void squeeze(const struct table *t, size_t *width)
{
    while (t->c->width && total_width(t, width) > t->c->width) {
        size_t widest = t->n_cols;

        for (size_t i = 0; i < t->n_cols; i++)
            if (t->gives[i] && width[i] > CELL_MIN &&
                (widest == t->n_cols || width[i] > width[widest]))
                widest = i;
        if (widest == t->n_cols)
            return;
        width[widest]--;
    }
}

/* Bytes of s that fit into so many columns; *used: the columns they take. */
static size_t fitting(const char *s, size_t width, size_t *used)
{
    size_t len = 0;

    *used = 0;
    while (s[len]) {
        char one[8] = "";
        size_t n = 1, columns;

        while ((s[len + n] & 0xC0) == 0x80 && n + 1 < sizeof one)
            n++;
        memcpy(one, s + len, n);
        columns = text_columns(one);
        if (*used + columns > width)
            break;
        *used += columns;
        len += n;
    }
    return len;
}

/* As much of the text as fits into the columns, with "…" when something is left out. Returns the columns used. */
static size_t put_cut(struct cli *c, const struct cell *x, size_t width)
{
    size_t columns = text_columns(x->text), len;

    if (columns <= width) {
        fputs(paint(c, x->col, x->text), stdout);
        return columns;
    }
    len = fitting(x->text, width - 1, &columns);
    fputs(paint(c, x->col, fmt(c, "%.*s…", (int)len, x->text)), stdout);
    return columns + 1;
}

static void put_row(struct table *t, const struct cell *row, const size_t *width)
{
    for (size_t i = 0; i < t->n_cols; i++) {
        bool last = i + 1 == t->n_cols;
        size_t limit = t->c->width ? width[i] : SIZE_MAX;
        size_t used = put_cut(t->c, &row[i], limit);

        if (!last)
            printf("%*s", (int)(width[i] > used ? width[i] - used + GAP : GAP), "");
    }
    putchar('\n');
}

void table_print(struct table *t)
{
    size_t width[TABLE_COLUMNS] = {0};
    struct cell head[TABLE_COLUMNS];

    CHECK(t->n % t->n_cols == 0);
    for (size_t i = 0; i < t->n_cols; i++) {
        head[i] = (struct cell){t->heads[i], DIM};
        width[i] = text_columns(t->heads[i]);
    }
    for (size_t i = 0; i < t->n; i++) {
        size_t columns = text_columns(t->cells[i].text);

        if (columns > width[i % t->n_cols])
            width[i % t->n_cols] = columns;
    }
    squeeze(t, width);
    if (t->n > 0 && t->heads[0][0])
        put_row(t, head, width);
    for (size_t i = 0; i < t->n; i += t->n_cols)
        put_row(t, &t->cells[i], width);
    mem_freep(&t->cells);
    t->n = t->room = 0;
}

/* ---- lines that are broken between words ---- */

/* Columns of a word that may hold colours. */
static size_t word_columns(struct cli *c, const char *s, size_t len)
{
    char *plain = arena_alloc(c->arena, len + 1);
    size_t n = 0;

    for (size_t i = 0; i < len; i++)
        if (s[i] == '\033')
            i += strcspn(s + i, "m");
        else
            plain[n++] = s[i];
    plain[n] = '\0';
    return text_columns(plain);
}

void put_wrapped(struct cli *c, size_t indent, const char *text)
{
    size_t at = indent, hang = indent + strspn(text, " ");

    while (*text) {
        size_t blanks = strspn(text, " "), len = strcspn(text + blanks, " \n");
        size_t columns = word_columns(c, text + blanks, len);

        if (c->width && at > hang && at + blanks + columns > c->width) {
            printf("\n%*s%.*s", (int)hang, "", (int)len, text + blanks);
            at = hang + columns;
        } else {
            printf("%.*s", (int)(blanks + len), text);
            at += blanks + columns;
        }
        text += blanks + len;
        if (*text == '\n') {
            printf("\n%*s", (int)hang, "");
            at = hang;
            text++;
        }
    }
    putchar('\n');
}

void field(struct cli *c, const char *name, const char *text)
{
    size_t len = strlen(name), gap = len < FIELD_COLUMN ? FIELD_COLUMN - len : 1;

    printf("%s%*s", paint(c, DIM, name), (int)gap, "");
    put_wrapped(c, len + gap, text);
}

void heading(struct cli *c, const char *text)
{
    printf("\n%s\n", paint(c, BOLD, text));
}

/* ---- ends and questions ---- */

static const char *title_of(int code)
{
    switch (code) {
    case EXIT_USAGE:
        return "Usage";
    case EXIT_NOT_FOUND:
        return "Not found";
    case EXIT_REFUSED:
        return "Refused";
    default:
        return "Failed";
    }
}

int fail(struct cli *c, int code, const char *f, ...)
{
    char text[1500];
    va_list ap;

    va_start(ap, f);
    vsnprintf(text, sizeof text, f, ap);
    va_end(ap);
    fflush(stdout);
    fprintf(stderr, "triagectl: %s\n", text);
    if (c->json)
        (void)print_json(c, json_pack("{s:s, s:s, s:i, s:s}", "type", "about:blank", "title",
                                      title_of(code), "exit", code, "detail", show(c, text)));
    return code;
}

int fail_err(struct cli *c, const struct err *e)
{
    int code = e->code == ERR_NOT_FOUND  ? EXIT_NOT_FOUND
               : e->code == ERR_DENIED   ? EXIT_REFUSED
               : e->code == ERR_CONFLICT ? EXIT_REFUSED
                                         : EXIT_FAILED;

    return fail(c, code, "%s", e->msg);
}

int print_json(struct cli *c, json_t *taken)
{
    size_t len;
    AUTO(mem_freep) char *text = NULL;

    (void)c;
    CHECK(taken);
    text = json_canon(taken, &len);
    json_decref(taken);
    puts(text);
    return EXIT_DONE;
}

bool on_terminal(void)
{
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

bool confirm(struct cli *c, const char *question)
{
    char line[32];

    (void)c;
    fflush(stdout);
    fprintf(stderr, "%s [y/N] ", question);
    fflush(stderr);
    if (!fgets(line, sizeof line, stdin))
        return false;
    return line[0] == 'y' || line[0] == 'Y';
}

#include <stdio.h>
#include <string.h>

#include "cli/init.h"

#define COMMENT_COLUMN 31

static bool plain_is_safe(const char *v)
{
    size_t len = strlen(v);

    /* What begins with a letter or a slash and holds nothing but these is a string to every YAML reader, but for its words. */
    if (len == 0 || !strchr("/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", v[0]) ||
        strspn(v, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-@+:") != len ||
        v[len - 1] == ':')
        return false;
    return strcmp(v, "true") != 0 && strcmp(v, "false") != 0 && strcmp(v, "null") != 0;
}

/* "  key: value   # comment": the comment of the line that was there stays. */
static void put_line(struct buf *out, size_t indent, const struct init_edit *x, const char *comment,
                     size_t comment_len)
{
    size_t begin = out->len;

    buf_printf(out, "%*s%s: ", (int)indent, "", x->key);
    if (x->plain || plain_is_safe(x->value))
        buf_puts(out, x->value);
    else
        json_quote(out, x->value);
    if (comment_len) {
        size_t used = out->len - begin;

        buf_printf(out, "%*s%.*s", (int)(used + 2 < COMMENT_COLUMN ? COMMENT_COLUMN - used : 2), "",
                   (int)comment_len, comment);
    }
    buf_putc(out, '\n');
}

/* Does this line set the key, perhaps commented out? indent: where the key stands without the '#'. */
static bool line_sets(const char *line, size_t len, const char *key, size_t *indent)
{
    size_t at = strspn(line, " "), key_len = strlen(key);

    *indent = at;
    if (line[at] == '#' && line[at + 1] == ' ') {
        size_t inner = strspn(line + at + 1, " ");

        *indent += inner - 1; /* "#   key" stands below a section that is commented out, too */
        at += 1 + inner;
    }
    return at + key_len < len && strncmp(line + at, key, key_len) == 0 && line[at + key_len] == ':';
}

#define EDITS_MAX 32

struct render {
    const struct init_edit *edits;
    size_t n;
    bool used[EDITS_MAX];
    char section[64];
};

struct line {
    const char *text;
    size_t len, indent;
};

/* Index of the edit that this line is for; n when there is none. */
static size_t edit_for(const struct render *r, struct line *line)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct init_edit *x = &r->edits[i];
        bool here = x->section ? strcmp(x->section, r->section) == 0 : line->text[0] != ' ';

        if (!r->used[i] && here && line_sets(line->text, line->len, x->key, &line->indent) &&
            (x->section != NULL) == (line->indent > 0))
            return i;
    }
    return r->n;
}

static void put_edited(struct buf *out, const struct line *line, const struct init_edit *x)
{
    const char *end = line->text + line->len, *behind = line->text + line->indent + 2;
    const char *comment = behind < end ? memmem(behind, (size_t)(end - behind), "  # ", 4) : NULL;

    if (!x->value) {
        buf_printf(out, "%*s# %.*s\n", (int)line->indent, "", (int)(line->len - line->indent),
                   line->text + line->indent);
        return;
    }
    while (comment && *comment == ' ')
        comment++;
    put_line(out, line->indent, x, comment ? comment : "", comment ? (size_t)(end - comment) : 0);
}

/* "# model:" and nothing behind it but blanks and a comment: a section that is commented out. Length of its name, or 0. */
static size_t sleeping_section(const struct line *line)
{
    size_t n;

    if (line->len < 4 || strncmp(line->text, "# ", 2) != 0)
        return 0;
    n = strspn(line->text + 2, "abcdefghijklmnopqrstuvwxyz_");
    return n > 0 && 2 + n + 1 == line->len && line->text[2 + n] == ':' ? n : 0;
}

static bool section_is_wanted(const struct render *r, const char *name, size_t len)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->edits[i].section && strlen(r->edits[i].section) == len &&
            strncmp(r->edits[i].section, name, len) == 0)
            return true;
    return false;
}

void init_comment_out(struct buf *out, const char *text)
{
    while (*text) {
        size_t len = strcspn(text, "\n");

        buf_printf(out, "%s%.*s\n", len && text[0] != '#' ? "# " : "", (int)len, text);
        text += len + (text[len] == '\n');
    }
}

void init_render(struct buf *out, const char *example, const struct init_edit *edits, size_t n)
{
    struct render r = {.edits = edits, .n = n};

    CHECK(n <= EDITS_MAX);
    while (*example) {
        struct line line = {.text = example, .len = strcspn(example, "\n")};
        size_t i, sleeping = sleeping_section(&line);

        if (sleeping) {
            snprintf(r.section, sizeof r.section, "%.*s", (int)sleeping, example + 2);
            if (section_is_wanted(&r, example + 2, sleeping)) {
                buf_printf(out, "%s:\n", r.section);
                example += line.len + (example[line.len] == '\n');
                continue;
            }
        }
        if (example[0] >= 'a' && example[0] <= 'z')
            snprintf(r.section, sizeof r.section, "%.*s", (int)strcspn(example, ":"), example);
        i = edit_for(&r, &line);
        if (i < n) {
            put_edited(out, &line, &edits[i]);
            r.used[i] = true;
        } else {
            buf_add(out, line.text, line.len);
            buf_putc(out, '\n');
        }
        example += line.len + (example[line.len] == '\n');
    }
    for (size_t i = 0; i < n; i++)
        CHECK(r.used[i]); /* the shipped file names every setting; a test renders it */
}

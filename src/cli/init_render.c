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
    if (line[at] == '#' && line[at + 1] == ' ')
        at += 2;
    return at + key_len < len && strncmp(line + at, key, key_len) == 0 && line[at + key_len] == ':';
}

static const struct init_edit *edit_for(const struct init_edit *edits, size_t n, const bool *used,
                                        const char *section, const char *line, size_t len,
                                        size_t *index, size_t *indent)
{
    for (size_t i = 0; i < n; i++) {
        bool here = edits[i].section ? strcmp(edits[i].section, section) == 0 : line[0] != ' ';

        if (!used[i] && here && line_sets(line, len, edits[i].key, indent) &&
            (edits[i].section != NULL) == (*indent > 0)) {
            *index = i;
            return &edits[i];
        }
    }
    return NULL;
}

void init_render(struct buf *out, const char *example, const struct init_edit *edits, size_t n)
{
    bool used[32] = {false};
    char section[64] = "";

    CHECK(n <= ARRAY_LEN(used));
    while (*example) {
        size_t len = strcspn(example, "\n"), indent, i;
        const struct init_edit *x;
        const char *comment;

        if (example[0] >= 'a' && example[0] <= 'z')
            snprintf(section, sizeof section, "%.*s", (int)strcspn(example, ":"), example);
        x = edit_for(edits, n, used, section, example, len, &i, &indent);
        if (x && x->value) {
            comment =
                memmem(example + indent + 2, len > indent + 2 ? len - indent - 2 : 0, "  # ", 4);
            while (comment && *comment == ' ')
                comment++;
            put_line(out, indent, x, comment ? comment : "",
                     comment ? (size_t)(example + len - comment) : 0);
        } else if (x) {
            buf_printf(out, "%*s# %.*s\n", (int)indent, "", (int)(len - indent), example + indent);
        } else {
            buf_add(out, example, len);
            buf_putc(out, '\n');
        }
        if (x)
            used[i] = true;
        example += len + (example[len] == '\n');
    }
    for (size_t i = 0; i < n; i++)
        CHECK(used[i]); /* the shipped file names every setting; a test renders it */
}

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit_verify_priv.h"

/*
 * Every line must be the canonical JSON of its row (sorted keys, no white space, raw UTF-8) and end with a line feed. So a
 * changed byte is always a finding: there is no second way to write the same row.
 */
#define LINE_MAX_BYTES 1048576

static bool bad_line(struct verify_chain *c, const char *what)
{
    int64_t seq = c->next_seq ? c->next_seq : 1;

    verify_bad(c, seq, "the line for row %" PRId64 " %s", seq, what);
    return false;
}

static bool take_int(const json_t *o, const char *key, int64_t *out)
{
    const json_t *j = json_object_get(o, key);

    *out = json_integer_value(j);
    return json_is_integer(j);
}

static bool take_text(const json_t *o, const char *key, bool may_be_null, struct verify_text *out)
{
    const json_t *j = json_object_get(o, key);

    out->p = json_string_value(j);
    out->len = json_string_length(j);
    return json_is_string(j) || (may_be_null && json_is_null(j));
}

static bool take_fields(const json_t *o, struct verify_row *r)
{
    return json_object_size(o) == 9 && take_int(o, "seq", &r->seq) &&
           take_int(o, "at", &r->at_ms) && take_text(o, "actor", false, &r->actor) &&
           take_text(o, "verb", false, &r->verb) && take_text(o, "subject", false, &r->subject) &&
           take_text(o, "incident", true, &r->incident) && take_text(o, "prev", false, &r->prev) &&
           take_text(o, "hash", false, &r->hash) && json_is_object(json_object_get(o, "detail"));
}

static bool take_object(struct verify_chain *c, const json_t *o, const char *line, size_t len)
{
    const size_t flags = JSON_SORT_KEYS | JSON_COMPACT;
    char *whole = json_dumps(o, flags);
    char *detail = NULL;
    struct verify_row r = {0};
    bool good;

    good = whole && strlen(whole) == len && memcmp(whole, line, len) == 0;
    free(whole);
    if (!good)
        return bad_line(c, "is not in canonical form");
    if (!take_fields(o, &r))
        return bad_line(c, "does not have the nine fields of a row");
    detail = json_dumps(json_object_get(o, "detail"), flags);
    if (!detail)
        abort();
    r.detail = (struct verify_text){detail, strlen(detail)};
    good = verify_row(c, &r);
    free(detail);
    return good;
}

static bool take_line(struct verify_chain *c, const char *line, size_t len)
{
    json_t *o;
    bool good;

    if (line[len - 1] != '\n')
        return bad_line(c, len == LINE_MAX_BYTES ? "is too long" : "is cut");
    o = json_loadb(line, len - 1, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    if (!o)
        return bad_line(c, "is not JSON, or names a key twice");
    good = take_object(c, o, line, len - 1);
    json_decref(o);
    return good;
}

/* Up to and with the line feed, at most LINE_MAX_BYTES; 0 at the end. Zero bytes are bytes like any other. */
static size_t read_line(FILE *file, char *line)
{
    size_t len = 0;
    int ch;

    while (len < LINE_MAX_BYTES && (ch = getc(file)) != EOF) {
        line[len++] = (char)ch;
        if (ch == '\n')
            break;
    }
    return len;
}

int audit_verify_jsonl(const char *path, int64_t from_seq, const char *from_hash,
                       struct audit_verify_result *out)
{
    struct verify_chain c;
    char *line;
    size_t len;
    FILE *file;
    int rc = 0;

    if (verify_begin(&c, from_seq, from_hash, from_seq > 0, out) < 0)
        return -1;
    file = fopen(path, "re");
    if (!file) {
        (void)snprintf(out->reason, sizeof out->reason, "cannot open it: %s", strerror(errno));
        return -1;
    }
    line = malloc(LINE_MAX_BYTES);
    if (!line)
        abort();
    while ((len = read_line(file, line)) > 0 && take_line(&c, line, len))
        ;
    if (ferror(file)) {
        (void)snprintf(out->reason, sizeof out->reason, "cannot read it: %s", strerror(errno));
        rc = -1;
    }
    free(line);
    (void)fclose(file);
    if (rc == 0)
        verify_end(&c);
    return rc;
}

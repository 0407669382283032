#include "base/yaml.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

/* No key of a configuration is longer; it also bounds what JSON pointers can grow to. */
#define KEY_MAX_BYTES 256
#define NO_NODE       UINT32_MAX

/* The same tree as the JSON, holding the lines: jansson's true, false and null are shared and cannot carry any. */
struct node {
    uint32_t first, last, next; /* children and the sibling behind, NO_NODE at the end */
    int line;
    char *key; /* NULL in a list and at the root */
};

struct yaml_doc {
    char *name;
    json_t *root;
    struct node *nodes; /* [0] is the root */
    size_t count, room;
};

struct level {
    json_t *value; /* borrowed from the tree */
    uint32_t node;
    char *key; /* the key that waits for its value, in a mapping */
};

struct loader {
    struct yaml_doc *doc;
    struct level levels[YAML_MAX_DEPTH];
    size_t depth;
    bool done;
    struct err *e;
};

void yaml_doc_free(struct yaml_doc *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->count; i++)
        free(d->nodes[i].key);
    free(d->nodes);
    json_decref(d->root);
    free(d->name);
    free(d);
}

void yaml_freep(struct yaml_doc **d)
{
    yaml_doc_free(*d);
    *d = NULL;
}

json_t *yaml_root(const struct yaml_doc *d)
{
    return d->root;
}

const char *yaml_name(const struct yaml_doc *d)
{
    return d->name;
}

static int refuse(struct loader *l, int line, const char *why)
{
    return err_set(l->e, ERR_INPUT, "%s:%d: %s", l->doc->name, line, why);
}

static int event_line(const yaml_event_t *ev)
{
    return ev->start_mark.line < 1000000000 ? (int)ev->start_mark.line + 1 : 1000000000;
}

/* --- scalars: the core schema of YAML 1.2 --- */

static bool is_any(const char *s, const char *const words[], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(s, words[i]) == 0)
            return true;
    return false;
}

enum number {
    NUMBER_NONE,
    NUMBER_INT,
    NUMBER_REAL,
    NUMBER_NOT_JSON
};

static enum number number_kind(const char *s)
{
    static const char *const infinite[] = {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"};
    const char *p = s + (*s == '-' || *s == '+');
    size_t whole = strspn(p, "0123456789"), part = 0;
    enum number kind = NUMBER_INT;

    if (is_any(p, infinite, ARRAY_LEN(infinite)))
        return NUMBER_NOT_JSON;
    p += whole;
    if (*p == '.') {
        kind = NUMBER_REAL;
        part = strspn(++p, "0123456789");
        p += part;
    }
    if (whole + part == 0)
        return NUMBER_NONE;
    if (*p == 'e' || *p == 'E') {
        kind = NUMBER_REAL;
        p++;
        p += *p == '-' || *p == '+';
        if (strspn(p, "0123456789") == 0)
            return NUMBER_NONE;
        p += strspn(p, "0123456789");
    }
    return *p == '\0' ? kind : NUMBER_NONE;
}

static int plain_scalar(struct loader *l, const char *s, int line, json_t **out)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    static const char *const trues[] = {"true", "True", "TRUE"};
    static const char *const falses[] = {"false", "False", "FALSE"};
    int64_t n;
    double d;

    if (is_any(s, nulls, ARRAY_LEN(nulls))) {
        *out = json_null();
    } else if (is_any(s, trues, ARRAY_LEN(trues))) {
        *out = json_true();
    } else if (is_any(s, falses, ARRAY_LEN(falses))) {
        *out = json_false();
    } else {
        switch (number_kind(s)) {
        case NUMBER_INT:
            if (parse_i64(s + (*s == '+'), INT64_MIN, INT64_MAX, &n, l->e) < 0)
                return refuse(l, line, "the number is too large; quote it if it is a text");
            *out = json_integer(n);
            break;
        case NUMBER_REAL:
            d = strtod(s, NULL);
            if (!isfinite(d))
                return refuse(l, line, "the number is too large; quote it if it is a text");
            *out = json_real(d);
            break;
        case NUMBER_NOT_JSON:
            return refuse(l, line, "infinity and not-a-number are not allowed");
        case NUMBER_NONE:
            *out = json_string(s);
            break;
        }
    }
    CHECK(*out);
    return 0;
}

/* --- building the tree --- */

/* NOLINTNEXTLINE(readability-non-const-parameter): the node takes the key over and frees it */
static uint32_t node_add(struct yaml_doc *d, uint32_t parent, int line, char *key)
{
    uint32_t at = (uint32_t)d->count;

    if (d->count == d->room) {
        d->room = d->room ? d->room * 2 : 64;
        d->nodes = mem_grow(d->nodes, d->room, sizeof(*d->nodes));
    }
    d->nodes[d->count++] = (struct node){NO_NODE, NO_NODE, NO_NODE, line, key};
    if (parent == NO_NODE)
        return at;
    if (d->nodes[parent].first == NO_NODE)
        d->nodes[parent].first = at;
    else
        d->nodes[d->nodes[parent].last].next = at;
    d->nodes[parent].last = at;
    return at;
}

/* Hangs a value (whose reference it takes) into the innermost open container. */
static int attach(struct loader *l, json_t *value, int line, uint32_t *node)
{
    struct level *top = l->depth ? &l->levels[l->depth - 1] : NULL;

    if (l->doc->count >= YAML_MAX_NODES) {
        json_decref(value);
        return refuse(l, line, "too many values in one file");
    }
    if (!top) {
        l->doc->root = value;
        *node = node_add(l->doc, NO_NODE, line, NULL);
        return 0;
    }
    if (json_is_array(top->value)) {
        CHECK(json_array_append_new(top->value, value) == 0);
        *node = node_add(l->doc, top->node, line, NULL);
        return 0;
    }
    CHECK(json_object_set_new(top->value, top->key, value) == 0);
    *node = node_add(l->doc, top->node, line, TAKE(top->key));
    return 0;
}

static bool wants_key(const struct loader *l)
{
    const struct level *top = l->depth ? &l->levels[l->depth - 1] : NULL;

    return top && json_is_object(top->value) && !top->key;
}

static int open_container(struct loader *l, const yaml_event_t *ev, json_t *value)
{
    uint32_t node;
    int line = event_line(ev);

    CHECK(value);
    if (wants_key(l) || l->depth == YAML_MAX_DEPTH) {
        json_decref(value);
        return refuse(l, line, wants_key(l) ? "a key must be a plain text" : "nested too deep");
    }
    if (attach(l, value, line, &node) < 0)
        return l->e->code;
    l->levels[l->depth++] = (struct level){.value = value, .node = node};
    return 0;
}

static int take_key(struct loader *l, const char *s, size_t len, int line)
{
    struct level *top = &l->levels[l->depth - 1];

    if (len > KEY_MAX_BYTES)
        return refuse(l, line, "the key is too long");
    if (json_object_get(top->value, s))
        return err_set(l->e, ERR_INPUT, "%s:%d: the key '%.80s' occurs twice", l->doc->name, line,
                       s);
    top->key = mem_strndup(s, len);
    return 0;
}

static int take_scalar(struct loader *l, const yaml_event_t *ev)
{
    const char *s = (const char *)ev->data.scalar.value;
    size_t len = ev->data.scalar.length;
    int line = event_line(ev);
    json_t *value = NULL;
    uint32_t node;

    if (memchr(s, '\0', len))
        return refuse(l, line, "a text with a NUL character");
    if (wants_key(l))
        return take_key(l, s, len, line);
    if (ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        if (plain_scalar(l, s, line, &value) < 0)
            return l->e->code;
    } else {
        value = json_stringn(s, len);
        /* Escapes can spell what UTF-8 cannot: "\ud800". */
        if (!value)
            return refuse(l, line, "a text that is not Unicode");
    }
    return attach(l, value, line, &node);
}

static bool has_extras(const yaml_event_t *ev)
{
    const char *anchor = NULL, *tag = NULL;

    if (ev->type == YAML_SCALAR_EVENT) {
        anchor = (const char *)ev->data.scalar.anchor;
        tag = (const char *)ev->data.scalar.tag;
    } else if (ev->type == YAML_SEQUENCE_START_EVENT) {
        anchor = (const char *)ev->data.sequence_start.anchor;
        tag = (const char *)ev->data.sequence_start.tag;
    } else if (ev->type == YAML_MAPPING_START_EVENT) {
        anchor = (const char *)ev->data.mapping_start.anchor;
        tag = (const char *)ev->data.mapping_start.tag;
    }
    return anchor || tag;
}

static int start_document(struct loader *l, const yaml_event_t *ev)
{
    if (l->doc->count > 0)
        return refuse(l, event_line(ev), "only one document per file is allowed");
    if (ev->data.document_start.version_directive ||
        ev->data.document_start.tag_directives.start != ev->data.document_start.tag_directives.end)
        return refuse(l, event_line(ev), "directives (%...) are not allowed");
    return 0;
}

static int take_event(struct loader *l, const yaml_event_t *ev)
{
    if (has_extras(ev))
        return refuse(l, event_line(ev), "anchors (&name) and tags (!name) are not allowed");
    switch (ev->type) {
    case YAML_DOCUMENT_START_EVENT:
        return start_document(l, ev);
    case YAML_SCALAR_EVENT:
        return take_scalar(l, ev);
    case YAML_SEQUENCE_START_EVENT:
        return open_container(l, ev, json_array());
    case YAML_MAPPING_START_EVENT:
        return open_container(l, ev, json_object());
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        CHECK(l->depth > 0);
        l->depth--;
        return 0;
    case YAML_ALIAS_EVENT:
        return refuse(l, event_line(ev), "aliases (*name) are not allowed");
    case YAML_STREAM_END_EVENT:
        l->done = true;
        return 0;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
    return 0;
}

/* The reader knows only an offset; everything else has a mark. */
static int parser_line(const yaml_parser_t *p, const char *bytes, size_t len)
{
    size_t line = p->problem_mark.line;

    if (p->error == YAML_READER_ERROR) {
        line = 0;
        for (size_t i = 0; i < p->problem_offset && i < len; i++)
            line += bytes[i] == '\n';
    }
    return line < 1000000000 ? (int)line + 1 : 1000000000;
}

/* libyaml's words, and a hint where they hide the usual cause. */
static const char *words_of(const char *problem)
{
    if (!problem)
        return "not valid YAML";
    if (text_eq(problem, "found character that cannot start any token"))
        return "found a character that cannot start anything here: a tab (indent with spaces), or "
               "a text that needs quotes";
    return problem;
}

static int run(struct loader *l, yaml_parser_t *p, const char *bytes, size_t len)
{
    while (!l->done) {
        yaml_event_t ev;
        int rc;

        if (!yaml_parser_parse(p, &ev)) {
            CHECK(p->error != YAML_MEMORY_ERROR);
            return refuse(l, parser_line(p, bytes, len), words_of(p->problem));
        }
        rc = take_event(l, &ev);
        yaml_event_delete(&ev);
        if (rc < 0)
            return rc;
    }
    return l->doc->root ? 0 : refuse(l, 1, "the file is empty");
}

int yaml_parse(const char *name, const char *bytes, size_t len, struct yaml_doc **out,
               struct err *e)
{
    AUTO(yaml_freep) struct yaml_doc *doc = mem_alloc(sizeof(*doc));
    struct loader l = {.doc = doc, .e = e};
    yaml_parser_t parser;
    int rc;

    doc->name = mem_strdup(name);
    if (len > YAML_MAX_BYTES)
        return refuse(&l, 1, "the file is larger than 1 MiB");
    /* The encoding is fixed below, so that libyaml does not guess UTF-16 from the first bytes. */
    if (len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
        bytes += 3;
        len -= 3;
    }
    CHECK(yaml_parser_initialize(&parser) == 1);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, len);
    rc = run(&l, &parser, bytes, len);
    yaml_parser_delete(&parser);
    for (size_t i = 0; i < l.depth; i++)
        free(l.levels[i].key);
    if (rc < 0)
        return rc;
    *out = TAKE(doc);
    return 0;
}

int yaml_load(const char *path, struct yaml_doc **out, struct err *e)
{
    AUTO(mem_freep) char *bytes = NULL;
    size_t len;

    if (file_read(path, YAML_MAX_BYTES, &bytes, &len, e) < 0)
        return e->code;
    return yaml_parse(path, bytes, len, out, e);
}

/* --- lines --- */

/* Compares a key with one escaped pointer segment: ~0 is '~', ~1 is '/'. */
static bool segment_is(const char *segment, size_t len, const char *key)
{
    size_t i = 0;

    for (; i < len && *key; i++, key++) {
        char c = segment[i];

        if (c == '~' && i + 1 < len)
            c = segment[++i] == '1' ? '/' : '~';
        if (c != *key)
            return false;
    }
    return i == len && *key == '\0';
}

static uint32_t child_at(const struct yaml_doc *d, uint32_t parent, const char *segment, size_t len)
{
    char number[24];
    size_t index = 0;

    for (uint32_t at = d->nodes[parent].first; at != NO_NODE; at = d->nodes[at].next, index++) {
        const char *key = d->nodes[at].key;

        if (!key) {
            snprintf(number, sizeof(number), "%zu", index);
            key = number;
        }
        if (segment_is(segment, len, key))
            return at;
    }
    return NO_NODE;
}

int yaml_line(const struct yaml_doc *d, const char *pointer)
{
    uint32_t at = 0;

    while (pointer && *pointer == '/') {
        size_t len = strcspn(++pointer, "/");
        uint32_t child = child_at(d, at, pointer, len);

        if (child == NO_NODE)
            break;
        at = child;
        pointer += len;
    }
    return d->nodes[at].line;
}

int yaml_check(const struct yaml_doc *d, const struct schema *s, struct err *e)
{
    struct schema_problem first = {.pointer = ""};
    size_t n = schema_check(s, d->root, &first, 1);
    const char *what =
        first.pointer + (first.pointer[0] == '/'); /* "gate/quiet_ms", "" is the file */
    const char *colon = what[0] != '\0' ? ": " : "";

    if (n == 0)
        return 0;
    if (n == 1)
        return yaml_error(d, first.pointer, e, "%s%s%s", what, colon, first.msg);
    return yaml_error(d, first.pointer, e, "%s%s%s (and %zu more)", what, colon, first.msg, n - 1);
}

int yaml_error(const struct yaml_doc *d, const char *pointer, struct err *e, const char *fmt, ...)
{
    char msg[sizeof(e->msg)];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    return err_set(e, ERR_INPUT, "%s:%d: %s", d->name, yaml_line(d, pointer), msg);
}

/* Markdown to sections, by libcmark: what is a heading and what an item of a list is not guessed. */
#include <cmark.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/text.h"
#include "sources/runbooks_priv.h"

#define GATHER_MAX 16384

/* ---- words ---- */

const char *runbook_part(const char *heading)
{
    /* In this order: "Verify the fix" is about verifying. */
    static const struct {
        const char *word, *part;
    } words[] = {
        {"verif", "verification"},      {"confirm", "verification"},    {"validat", "verification"},
        {"is it over", "verification"}, {"afterwards", "verification"}, {"escalat", "escalation"},
        {"contact", "escalation"},      {"who to call", "escalation"},  {"mitigat", "mitigation"},
        {"fix", "mitigation"},          {"repair", "mitigation"},       {"remed", "mitigation"},
        {"restor", "mitigation"},       {"workaround", "mitigation"},   {"resol", "mitigation"},
        {"recover", "mitigation"},      {"diagnos", "diagnosis"},       {"investigat", "diagnosis"},
        {"check", "diagnosis"},         {"symptom", "diagnosis"},       {"find out", "diagnosis"},
        {"triage", "diagnosis"},
    };

    for (size_t i = 0; heading && i < ARRAY_LEN(words); i++)
        if (strcasestr(heading, words[i].word))
            return words[i].part;
    return "other";
}

/* "(5 min)", "(1 h)": the number behind the bracket and its unit. */
static int64_t minutes_at(const char *s)
{
    int64_t n = 0;
    size_t digits = strspn(s, "0123456789");

    if (digits == 0 || digits > 4)
        return -1;
    for (size_t i = 0; i < digits; i++)
        n = n * 10 + (s[i] - '0');
    s += digits;
    s += strspn(s, " ");
    if (strncasecmp(s, "min", 3) == 0)
        return n;
    if ((s[0] == 'h' || s[0] == 'H') && (s[1] == ')' || isalpha((unsigned char)s[1])))
        return n * 60;
    return -1;
}

int64_t runbook_minutes(const char *text)
{
    for (const char *at = strchr(text, '('); at; at = strchr(at + 1, '(')) {
        int64_t n = minutes_at(at + 1);

        if (n >= 0)
            return n;
    }
    return -1;
}

/* ---- texts of nodes ---- */

static void text_of(cmark_node *node, struct buf *out)
{
    const char *literal = cmark_node_get_literal(node);
    cmark_node_type type = cmark_node_get_type(node);

    if (type == CMARK_NODE_SOFTBREAK || type == CMARK_NODE_LINEBREAK)
        buf_putc(out, ' ');
    else if (literal && type != CMARK_NODE_HTML_BLOCK && type != CMARK_NODE_HTML_INLINE)
        buf_puts(out, literal);
}

static void block_end(struct buf *out)
{
    if (out->len > 0 && out->data[out->len - 1] != '\n')
        buf_putc(out, '\n');
}

static bool is_block(cmark_node *n)
{
    cmark_node_type t = cmark_node_get_type(n);

    return t == CMARK_NODE_PARAGRAPH || t == CMARK_NODE_HEADING || t == CMARK_NODE_CODE_BLOCK ||
           t == CMARK_NODE_ITEM;
}

/* All text below a node, blocks on lines of their own. stop_at_list: an item's own text, not that of the list within it. */
static void gather(cmark_node *node, bool stop_at_list, struct buf *out)
{
    cmark_iter *it = cmark_iter_new(node);
    cmark_event_type ev;

    while ((ev = cmark_iter_next(it)) != CMARK_EVENT_DONE) {
        cmark_node *n = cmark_iter_get_node(it);

        if (ev == CMARK_EVENT_ENTER && stop_at_list && n != node &&
            cmark_node_get_type(n) == CMARK_NODE_LIST)
            break;
        if (ev == CMARK_EVENT_ENTER)
            text_of(n, out);
        if (is_block(n) &&
            (ev == CMARK_EVENT_EXIT || cmark_node_get_type(n) == CMARK_NODE_CODE_BLOCK))
            block_end(out);
    }
    cmark_iter_free(it);
}

static json_t *shown(const struct buf *b, size_t max_bytes, bool one_line)
{
    AUTO(buf_done) struct buf out = {0};
    size_t len = b->len;

    while (len > 0 && isspace((unsigned char)b->data[len - 1]))
        len--;
    buf_init(&out, max_bytes * 4 + 64);
    text_show(&out, buf_str(b), len, max_bytes, one_line);
    return json_stringn(buf_str(&out), out.len);
}

static json_t *node_text(cmark_node *node, bool own, size_t max_bytes, bool one_line)
{
    AUTO(buf_done) struct buf b = {0};

    buf_init(&b, GATHER_MAX);
    gather(node, own, &b);
    return shown(&b, max_bytes, one_line);
}

/* ---- sections ---- */

struct section {
    json_t *list; /* all of them */
    json_t *heading, *steps;
    struct buf text;
    int from, to;
    int64_t minutes; /* of the steps; -1 none */
};

static void section_begin(struct section *s, json_t *heading, int line)
{
    s->heading = heading;
    s->steps = json_array();
    s->from = s->to = line;
    s->minutes = -1;
    buf_init(&s->text, GATHER_MAX);
}

static void section_end(struct section *s)
{
    const char *heading = json_string_value(s->heading);
    int64_t told = heading ? runbook_minutes(heading) : -1;

    if (told < 0)
        told = s->minutes;
    if ((s->text.len > 0 || json_array_size(s->steps) > 0) &&
        json_array_size(s->list) < RUNBOOK_SECTIONS_MAX)
        json_array_append_new(s->list,
                              json_pack("{s:s, s:s, s:i, s:i, s:O, s:o, s:o}", "heading",
                                        heading ? heading : "", "part", runbook_part(heading),
                                        "line_from", s->from, "line_to", s->to, "steps", s->steps,
                                        "minutes", told >= 0 ? json_integer(told) : json_null(),
                                        "text", shown(&s->text, RUNBOOK_TEXT_BYTES, false)));
    json_decref(s->heading);
    json_decref(s->steps);
    buf_done(&s->text);
}

static void step_add(struct section *s, cmark_node *item)
{
    json_t *text = node_text(item, true, RUNBOOK_STEP_BYTES, true);
    int64_t n = text ? runbook_minutes(json_string_value(text)) : -1;

    if (n >= 0)
        s->minutes = (s->minutes > 0 ? s->minutes : 0) + n;
    if (json_array_size(s->steps) < RUNBOOK_STEPS_MAX && json_string_length(text) > 0)
        json_array_append(s->steps, text);
    json_decref(text);
}

static void reach(struct section *s, cmark_node *n, int lines)
{
    if (cmark_node_get_end_line(n) + lines > s->to)
        s->to = cmark_node_get_end_line(n) + lines;
}

/* Items of a list, those of lists within it behind their own. Its end is that of its last text: libcmark counts empty lines behind it. */
static void list_add(struct section *s, cmark_node *list, int lines)
{
    cmark_iter *it = cmark_iter_new(list);
    cmark_event_type ev;

    while ((ev = cmark_iter_next(it)) != CMARK_EVENT_DONE) {
        cmark_node *n = cmark_iter_get_node(it);
        cmark_node_type type = cmark_node_get_type(n);

        if (ev != CMARK_EVENT_ENTER)
            continue;
        if (type == CMARK_NODE_ITEM)
            step_add(s, n);
        else if (type == CMARK_NODE_PARAGRAPH || type == CMARK_NODE_CODE_BLOCK)
            reach(s, n, lines);
    }
    cmark_iter_free(it);
}

static void block_add(struct section *s, cmark_node *n, int lines)
{
    cmark_node_type type = cmark_node_get_type(n);

    if (type == CMARK_NODE_LIST) {
        list_add(s, n, lines);
        return;
    }
    reach(s, n, lines);
    if (type != CMARK_NODE_HTML_BLOCK)
        gather(n, false, &s->text);
}

json_t *runbook_sections(const char *text, size_t len, int lines)
{
    cmark_node *doc = cmark_parse_document(text, len, CMARK_OPT_DEFAULT);
    struct section s = {.list = json_array()};

    CHECK(doc);
    section_begin(&s, NULL, lines + 1);
    for (cmark_node *n = cmark_node_first_child(doc); n; n = cmark_node_next(n)) {
        if (cmark_node_get_type(n) != CMARK_NODE_HEADING) {
            block_add(&s, n, lines);
            continue;
        }
        section_end(&s);
        section_begin(&s, node_text(n, false, RUNBOOK_HEADING_BYTES, true),
                      cmark_node_get_start_line(n) + lines);
    }
    section_end(&s);
    cmark_node_free(doc);
    return s.list;
}

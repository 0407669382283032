/* What is left of a reply. Each check takes out what does not stand, and writes down that it did. */
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/schema.h"
#include "base/text.h"
#include "llm/dialect.h"
#include "triage/ask_priv.h"

#define REPLY_TOKENS_MAX 20000
#define PROBLEMS_MAX     8   /* named in a repair */
#define ROWS_MAX         120 /* failures that are written down; more are only counted */
#define DETAIL_MAX       160

enum check {
    C_SIZE,
    C_JSON,
    C_SCHEMA,
    C_COUNTS,
    C_HANDLE,
    C_QUOTE,
    C_TOKEN,
    C_TEXT,
    C_CITED,
    C_CHOICE,
    C_ACTION,
    C_COUNT
};
static const char *const check_names[C_COUNT] = {"size",   "json",   "schema", "counts",
                                                 "handle", "quote",  "token",  "text",
                                                 "cited",  "choice", "action"};

struct tally {
    size_t passed, failed;
};

/* An item as it was shown; its words are indexed when something cites it. */
struct shown {
    const json_t *item;
    struct words words;
};

struct checker {
    struct arena *a;
    const json_t *document;
    json_t *handles; /* handle -> index into shown */
    struct shown *shown;
    size_t n_shown;
    struct words known; /* incident and known */
    struct tally tally[C_COUNT];
    json_t *rows;
};

static void failed(struct checker *c, enum check check, const char *path, const char *detail)
{
    c->tally[check].failed++;
    if (json_array_size(c->rows) < ROWS_MAX)
        json_array_append_new(c->rows,
                              json_pack("{s:s, s:b, s:s, s:s}", "check", check_names[check], "ok",
                                        0, "path", path, "detail", detail));
}

static void passed(struct checker *c, enum check check)
{
    c->tally[check].passed++;
}

/* A failure whose words come from the reply: shown safely, and short. */
static void failed_with(struct checker *c, enum check check, const char *path, const char *what,
                        const char *word)
{
    AUTO(buf_done) struct buf b = {0};

    buf_init(&b, (size_t)4 * DETAIL_MAX);
    buf_puts(&b, what);
    text_show(&b, word, strlen(word), 60, true);
    failed(c, check, path, buf_str(&b));
}

/* A form from another prompts folder may lack a member: that is an empty answer, no reason to stop. */
static const char *str_of(const json_t *obj, const char *key)
{
    const char *s = json_opt_str(obj, key);

    return s ? s : "";
}

static void checker_init(struct checker *c, struct arena *a, const json_t *asked)
{
    const json_t *evidence;

    *c = (struct checker){.a = a, .document = json_opt_obj(asked, "document")};
    evidence = json_opt_arr(c->document, "evidence");
    c->rows = json_array();
    c->handles = json_object();
    c->shown = mem_array(json_array_size(evidence) + 1, sizeof(*c->shown));
    for (size_t i = 0; i < json_array_size(evidence); i++) {
        const json_t *item = json_array_get(evidence, i);
        const char *id = json_opt_str(item, "id");

        if (!id || json_object_get(c->handles, id))
            continue;
        json_object_set_new(c->handles, id, json_integer((json_int_t)c->n_shown));
        c->shown[c->n_shown++].item = item;
    }
    words_init(&c->known);
    words_add(&c->known, json_object_get(c->document, "known"));
    words_add(&c->known, json_object_get(c->document, "incident"));
}

static void checker_done(struct checker *c)
{
    for (size_t i = 0; i < c->n_shown; i++)
        words_done(&c->shown[i].words);
    mem_freep(&c->shown);
    words_done(&c->known);
    json_decref(c->handles);
}

static struct shown *shown_find(struct checker *c, const char *id)
{
    const json_t *at = json_object_get(c->handles, id);

    return at ? &c->shown[json_integer_value(at)] : NULL;
}

static const struct words *words_of(struct shown *s)
{
    if (!s->words.set) {
        words_init(&s->words);
        words_add(&s->words, json_object_get(s->item, "data"));
        words_add(&s->words, json_object_get(s->item, "at"));
    }
    return &s->words;
}

/* ---- cites ---- */

struct quote_hunt {
    struct arena *a;
    const char *quote;
    size_t len;
    bool found;
};

static void quote_in(struct quote_hunt *h, const char *value)
{
    size_t len = strlen(value);

    if (h->len < REPORT_QUOTE_MIN_BYTES)
        h->found |= len == h->len && memcmp(value, h->quote, len) == 0;
    else
        h->found |= memmem(value, len, h->quote, h->len) != NULL;
}

/* Control characters are ASCII's and U+0080 to U+009F; most texts have none, and then nothing is to be taken out of them. */
static bool has_controls(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < ' ' || *s == 0x7f ||
            ((unsigned char)*s == 0xc2 && (unsigned char)s[1] < 0xa0))
            return true;
    return false;
}

static void quote_leaf(void *ctx, const char *name, const json_t *v)
{
    struct quote_hunt *h = ctx;
    char number[40];

    (void)name;
    if (h->found)
        return;
    if (json_is_string(v)) {
        const char *s = json_string_value(v);

        /* Only a short quote, which is a whole value, asks for the blanks at both ends. */
        quote_in(h, h->len < REPORT_QUOTE_MIN_BYTES || has_controls(s) ? report_bare(h->a, s) : s);
    } else if (json_is_number(v)) {
        if (json_is_integer(v))
            snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(v));
        else
            snprintf(number, sizeof(number), "%.15g", json_real_value(v));
        quote_in(h, number);
    }
}

static bool quote_stands(const struct shown *s, const char *quote)
{
    struct arena *a = arena_new((size_t)16 * 1024 * 1024);
    struct quote_hunt h = {a, quote, strlen(quote), false};

    walk_leaves(json_object_get(s->item, "data"), quote_leaf, &h);
    arena_free(a);
    return h.found;
}

/* The cite as it is kept, or NULL. */
static json_t *cite_check(struct checker *c, const json_t *cite, const char *path)
{
    const char *id = str_of(cite, "id");
    const char *quote = report_bare(c->a, str_of(cite, "quote"));
    struct shown *s = shown_find(c, id);
    size_t len = strlen(quote);

    if (!s && !defence_off("ask.handle")) {
        failed_with(c, C_HANDLE, path, "no such item was shown: ", id);
        return NULL;
    }
    passed(c, C_HANDLE);
    if (!defence_off("ask.quote") &&
        (len == 0 || len > REPORT_QUOTE_MAX_BYTES || !s || !quote_stands(s, quote))) {
        failed_with(c, C_QUOTE, path, "not in that item: ", quote);
        return NULL;
    }
    passed(c, C_QUOTE);
    return json_pack("{s:s, s:s}", "id", id, "quote", quote);
}

static bool holds_equal(const json_t *list, const json_t *x)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_equal(json_array_get(list, i), x))
            return true;
    return false;
}

/* How many of a list are looked at; says so when there are more. */
static size_t counted(struct checker *c, const json_t *list, size_t max, const char *path)
{
    size_t n = json_array_size(list);
    char detail[80];

    if (n <= max) {
        passed(c, C_COUNTS);
        return n;
    }
    snprintf(detail, sizeof(detail), "%zu entries, the first %zu are read", n, max);
    failed(c, C_COUNTS, path, detail);
    return max;
}

static json_t *cites_check(struct checker *c, const json_t *list, const char *path)
{
    size_t n = counted(c, list, REPORT_CITES_MAX, path);
    json_t *out = json_array();

    for (size_t i = 0; i < n; i++) {
        char at[96];
        json_t *cite;

        snprintf(at, sizeof(at), "%s/%zu", path, i);
        cite = cite_check(c, json_array_get(list, i), at);
        if (cite && !holds_equal(out, cite))
            json_array_append(out, cite);
        json_decref(cite);
    }
    return out;
}

/* ---- texts ---- */

static void ground_add(struct checker *c, struct word_ground *g, const json_t *cites)
{
    for (size_t i = 0; i < json_array_size(cites); i++) {
        struct shown *s = shown_find(c, json_opt_str(json_array_get(cites, i), "id"));

        if (s && g->n < ARRAY_LEN(g->of))
            g->of[g->n++] = words_of(s);
    }
}

/* The text as it is kept, or NULL. cites and more (may be NULL) are verified ones. An empty text is no failure. */
static json_t *text_check(struct checker *c, const char *s, const json_t *cites, const json_t *more,
                          const char *path)
{
    struct word_ground g = {.of = {&c->known}, .n = 1, .handles = c->handles};
    const char *plain = report_plain(c->a, s), *kept;
    bool links, cut;
    char bad[64];

    if (*plain == '\0')
        return NULL;
    ground_add(c, &g, cites);
    ground_add(c, &g, more);
    if (!defence_off("ask.token") && !words_grounded(&g, plain, bad, sizeof(bad))) {
        failed_with(c, C_TOKEN, path, "stands in no item cited there: ", bad);
        return NULL;
    }
    passed(c, C_TOKEN);
    kept = report_text(c->a, plain, &links, &cut);
    if (links)
        failed(c, C_TEXT, path, "a link was taken out");
    if (cut)
        failed(c, C_TEXT, path, "cut to 600 bytes");
    if (!links && !cut)
        passed(c, C_TEXT);
    return kept ? json_string(kept) : NULL;
}

/* {text, evidence}, or NULL when nothing of it stands. */
static json_t *claim_check(struct checker *c, const json_t *claim, const char *path)
{
    const char *said = str_of(claim, "text");
    char at[96];
    json_t *cites, *text;

    snprintf(at, sizeof(at), "%s/evidence", path);
    cites = cites_check(c, json_object_get(claim, "evidence"), at);
    snprintf(at, sizeof(at), "%s/text", path);
    text = text_check(c, said, cites, NULL, at);
    if (text && json_array_size(cites) > 0) {
        passed(c, C_CITED);
        return json_pack("{s:o, s:o}", "text", text, "evidence", cites);
    }
    if (text)
        failed(c, C_CITED, path, "no cite of it stands");
    json_decref(text);
    json_decref(cites);
    return NULL;
}

static json_t *null_if(json_t *j)
{
    return j ? j : json_null();
}

/* ---- the parts of the form ---- */

static json_t *cause_check(struct checker *c, const json_t *cause, const char *path)
{
    json_t *pro, *con, *text, *look;
    char at[96];
    bool guess;

    snprintf(at, sizeof(at), "%s/for", path);
    pro = cites_check(c, json_object_get(cause, "for"), at);
    snprintf(at, sizeof(at), "%s/against", path);
    con = cites_check(c, json_object_get(cause, "against"), at);
    snprintf(at, sizeof(at), "%s/text", path);
    text = text_check(c, str_of(cause, "text"), pro, con, at);
    if (!text) {
        json_decref(pro);
        json_decref(con);
        return NULL;
    }
    snprintf(at, sizeof(at), "%s/check", path);
    look = text_check(c, str_of(cause, "check"), pro, con, at);
    guess = json_array_size(pro) == 0;
    if (guess)
        failed(c, C_CITED, path, "nothing that stands speaks for it: it is a guess");
    else
        passed(c, C_CITED);
    return json_pack("{s:o, s:o, s:o, s:o, s:b}", "text", text, "for", pro, "against", con, "check",
                     null_if(look), "guess", guess);
}

static const char *verb_allowed(const struct checker *c, const char *verb)
{
    const json_t *list = json_opt_arr(c->document, "allowed_actions");

    for (size_t i = 0; i < json_array_size(list); i++)
        if (text_eq(json_opt_str(json_array_get(list, i), "verb"), verb))
            return verb;
    return NULL;
}

static json_t *action_check(struct checker *c, const json_t *action, const char *path)
{
    const char *verb = str_of(action, "verb"), *target = str_of(action, "target");
    json_t *cites, *why = NULL;
    char at[96];

    if (!defence_off("ask.action") && !verb_allowed(c, verb)) {
        failed_with(c, C_ACTION, path, "not an allowed verb: ", verb);
        return NULL;
    }
    if (!defence_off("ask.action") && !text_eq(target, "incident")) {
        failed_with(c, C_ACTION, path, "not this incident: ", target);
        return NULL;
    }
    if (text_eq(verb, "none")) { /* an answer; an empty list says the same */
        passed(c, C_ACTION);
        return NULL;
    }
    snprintf(at, sizeof(at), "%s/evidence", path);
    cites = cites_check(c, json_object_get(action, "evidence"), at);
    snprintf(at, sizeof(at), "%s/why", path);
    if (json_array_size(cites) > 0)
        why = text_check(c, str_of(action, "why"), cites, NULL, at);
    if (why) {
        passed(c, C_ACTION);
        return json_pack("{s:s, s:s, s:o, s:o}", "verb", verb, "target", target, "why", why,
                         "evidence", cites);
    }
    failed(c, C_ACTION, path,
           json_array_size(cites) > 0 ? "its reason does not stand" : "no cite of it stands");
    json_decref(cites);
    return NULL;
}

static json_t *not_checked_one(struct checker *c, const json_t *text, const char *path)
{
    return json_is_string(text) ? text_check(c, json_string_value(text), NULL, NULL, path) : NULL;
}

static json_t *list_check(struct checker *c, const json_t *root, const char *name, size_t max,
                          json_t *(*one)(struct checker *c, const json_t *x, const char *path))
{
    const json_t *list = json_object_get(root, name);
    json_t *out = json_array();
    char path[64];
    size_t n;

    snprintf(path, sizeof(path), "/%s", name);
    n = counted(c, list, max, path);
    for (size_t i = 0; i < n; i++) {
        json_t *x;

        snprintf(path, sizeof(path), "/%s/%zu", name, i);
        x = one(c, json_array_get(list, i), path);
        if (x)
            json_array_append_new(out, x);
    }
    return out;
}

/* One of the words on offer, else null. */
static json_t *choice_check(struct checker *c, const json_t *root, const char *name,
                            const char *list)
{
    const json_t *said = json_object_get(root, name);
    char path[64];

    if (!json_is_string(said))
        return json_null();
    if (holds_equal(json_opt_arr(c->document, list), said)) {
        passed(c, C_CHOICE);
        return json_deep_copy(said);
    }
    snprintf(path, sizeof(path), "/%s", name);
    failed_with(c, C_CHOICE, path, "not on offer: ", json_string_value(said));
    return json_null();
}

static json_t *report_make(struct checker *c, const json_t *root)
{
    json_t *r = json_object();

    json_object_set_new(r, "impact",
                        null_if(claim_check(c, json_object_get(root, "impact"), "/impact")));
    json_object_set_new(r, "causes", list_check(c, root, "causes", REPORT_CAUSES_MAX, cause_check));
    json_object_set_new(r, "changed",
                        list_check(c, root, "changed", REPORT_CHANGED_MAX, claim_check));
    json_object_set_new(
        r, "not_checked",
        list_check(c, root, "not_checked", REPORT_NOT_CHECKED_MAX, not_checked_one));
    json_object_set_new(r, "severity", choice_check(c, root, "severity", "severities"));
    json_object_set_new(r, "category", choice_check(c, root, "category", "categories"));
    json_object_set_new(r, "team", choice_check(c, root, "team", "teams"));
    json_object_set_new(r, "urgency", null_if(json_deep_copy(json_object_get(root, "urgency"))));
    json_object_set_new(r, "actions",
                        list_check(c, root, "actions", REPORT_ACTIONS_MAX, action_check));
    json_object_set_new(r, "confidence",
                        null_if(json_deep_copy(json_object_get(root, "confidence"))));
    json_object_set_new(r, "injection_suspected",
                        json_boolean(json_is_true(json_object_get(root, "injection_suspected"))));
    return r;
}

/* ---- the first three checks, which a repair may mend ---- */

/* Some models put a form into a Markdown fence whatever they are told. */
static void unwrap(const char **text, size_t *len)
{
    static const char blanks[] = " \t\r\n";

    while (*len > 0 && memchr(blanks, (*text)[*len - 1], 4))
        (*len)--;
    while (*len > 0 && memchr(blanks, **text, 4)) {
        (*text)++;
        (*len)--;
    }
    if (*len > 6 && memcmp(*text, "```", 3) == 0 && memcmp(*text + *len - 3, "```", 3) == 0) {
        const char *line = memchr(*text, '\n', *len - 3);

        if (line) {
            *len -= (size_t)(line - *text) + 3;
            *text = line;
        }
    }
}

static json_t *reply_parse(struct checker *c, const char *text, size_t len, struct buf *repair)
{
    json_t *root;
    struct err e;

    if (len == 0 || len > LLM_TEXT_MAX_BYTES) {
        failed(c, C_SIZE, "", len ? "longer than 64 KiB" : "empty");
        buf_puts(repair, len ? "the reply is longer than 64 KiB" : "the reply is empty");
        return NULL;
    }
    passed(c, C_SIZE);
    unwrap(&text, &len);
    if (json_parse(text, len, REPLY_TOKENS_MAX, &root, &e) < 0) {
        failed(c, C_JSON, "", e.msg);
        buf_puts(repair, "the reply is not one JSON document in UTF-8 without repeated members");
        return NULL;
    }
    passed(c, C_JSON);
    return root;
}

/* The name of a member that is too much came from the reply, so only its place is told. */
static void problem_say(struct checker *c, const struct schema_problem *p, struct buf *repair)
{
    bool extra = text_starts(p->msg, "unknown key");
    const char *last = strrchr(p->pointer, '/');
    size_t len = extra && last ? (size_t)(last - p->pointer) : strlen(p->pointer);
    const char *path = arena_strndup(c->a, p->pointer, len);
    const char *msg = extra ? "a member that the form does not have" : p->msg;

    failed(c, C_SCHEMA, path, msg);
    buf_printf(repair, "%s%s: %s", repair->len > 0 ? "\n" : "", len > 0 ? path : "/", msg);
}

static bool schema_holds(struct checker *c, const json_t *asked, const json_t *root,
                         struct buf *repair)
{
    struct schema_problem problems[PROBLEMS_MAX];
    AUTO(schema_freep) struct schema *s = NULL;
    json_t *form = ask_schema_form(json_object_get(asked, "schema"));
    char *text = json_canon(form ? form : json_null(), NULL);
    struct err e;
    size_t n;
    bool ok = json_is_object(form) && schema_new(text, strlen(text), &s, &e) == 0;

    json_decref(form);
    mem_freep(&text);
    if (!ok) {
        failed(c, C_SCHEMA, "", "the form itself is damaged");
        buf_puts(repair, "the form could not be read");
        return false;
    }
    n = schema_check(s, root, problems, PROBLEMS_MAX);
    for (size_t i = 0; i < n && i < PROBLEMS_MAX; i++)
        problem_say(c, &problems[i], repair);
    if (n == 0)
        passed(c, C_SCHEMA);
    return n == 0;
}

static void summaries(struct checker *c)
{
    for (size_t i = 0; i < C_COUNT; i++) {
        const struct tally *t = &c->tally[i];
        char detail[64];

        if (t->passed + t->failed == 0)
            continue;
        snprintf(detail, sizeof(detail), "%zu passed, %zu failed", t->passed, t->failed);
        json_array_append_new(c->rows,
                              json_pack("{s:s, s:b, s:s, s:s}", "check", check_names[i], "ok",
                                        t->failed == 0, "path", "", "detail", detail));
    }
}

void report_check(struct arena *a, const json_t *asked, const char *text, size_t len,
                  struct report_result *out)
{
    AUTO(buf_done) struct buf repair = {0};
    struct checker c;
    json_t *root;

    *out = (struct report_result){.end = REPORT_REPAIR};
    buf_init(&repair, 4096);
    checker_init(&c, a, asked);
    root = reply_parse(&c, text, len, &repair);
    if (root && schema_holds(&c, asked, root, &repair)) {
        out->end = REPORT_OK;
        out->report = report_make(&c, root);
    } else {
        out->repair = arena_strdup(a, buf_str(&repair));
    }
    json_decref(root);
    summaries(&c);
    out->checks = c.rows;
    checker_done(&c);
}

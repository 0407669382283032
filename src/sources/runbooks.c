/* A folder of runbooks, and which of them fit an incident. */
#include "sources/runbooks.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <utf8proc.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "sources/runbooks_priv.h"

#define NAMES_MAX  (RUNBOOKS_MAX + 1)
#define STALE_MS   (INT64_C(365) * 86400000)
#define FRONT_MARK "---"
#define RANKS      4

static const char front_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    "\"title\":{\"$ref\":\"#/$defs/line\"},\"owner\":{\"$ref\":\"#/$defs/line\"},"
    "\"description\":{\"$ref\":\"#/$defs/line\"},"
    "\"reviewed\":{\"type\":\"string\",\"pattern\":\"^[0-9]{4}-[0-9]{2}-[0-9]{2}$\"},"
    "\"services\":{\"$ref\":\"#/$defs/list\"},\"symptoms\":{\"$ref\":\"#/$defs/list\"},"
    "\"rules\":{\"$ref\":\"#/$defs/list\"},\"tags\":{\"$ref\":\"#/$defs/list\"}},"
    "\"$defs\":{\"line\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":240},"
    "\"list\":{\"type\":\"array\",\"maxItems\":100,\"items\":{\"type\":\"string\",\"minLength\":1,"
    "\"maxLength\":200}}}}";

/* ---- one file ---- */

/* Where the front matter ends: *front its length with the first mark, *rest where the Markdown begins. False: it has none. */
static bool front_find(const char *s, size_t len, size_t *front, size_t *rest, int *lines)
{
    const char *at = s, *end = s + len;

    *lines = 0;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t n = stop ? (size_t)(stop - at) : (size_t)(end - at);
        bool mark = (n == 3 || (n == 4 && at[3] == '\r')) && memcmp(at, FRONT_MARK, 3) == 0;

        if (*lines == 0 && !mark)
            return false;
        (*lines)++;
        if (mark && *lines > 1) {
            *front = (size_t)(at - s);
            *rest = stop ? (size_t)(stop + 1 - s) : len;
            return true;
        }
        at = stop ? stop + 1 : end;
    }
    return false;
}

/* Lower case as Unicode says, so that "Überlast" is found in "ÜBERLAST". malloc'ed; NULL for what is no UTF-8. */
static char *folded(const char *s)
{
    utf8proc_uint8_t *out = NULL;

    if (!s || utf8proc_map((const utf8proc_uint8_t *)s, 0, &out,
                           UTF8PROC_NULLTERM | UTF8PROC_STABLE | UTF8PROC_COMPOSE |
                               UTF8PROC_CASEFOLD) < 0)
        return NULL;
    return (char *)out;
}

static json_t *list_of(const json_t *root, const char *key)
{
    const json_t *list = json_opt_arr(root, key);

    return list ? json_deep_copy(list) : json_array();
}

static char *first_line(const json_t *sections)
{
    const char *text = json_opt_str(json_array_get(sections, 0), "text");

    return text ? mem_strndup(text, text_cut(text, strcspn(text, "\n"), 200)) : NULL;
}

static void book_done(struct runbook *b)
{
    mem_freep(&b->path);
    mem_freep(&b->title);
    mem_freep(&b->owner);
    mem_freep(&b->reviewed);
    mem_freep(&b->summary);
    for (size_t i = 0; b->folded && i < json_array_size(b->symptoms); i++)
        free(b->folded[i]);
    mem_freep(&b->folded);
    json_decref(b->services);
    json_decref(b->symptoms);
    json_decref(b->rules);
    json_decref(b->sections);
}

static void index_add(json_t *map, const char *key, size_t i)
{
    json_t *list = json_object_get(map, key);

    if (!list) {
        list = json_array();
        json_object_set_new(map, key, list);
    }
    json_array_append_new(list, json_integer((json_int_t)i));
}

/* What matching needs, reckoned once: it runs for each new piece of evidence. */
static void book_index(struct runbooks *set, size_t at)
{
    struct runbook *b = &set->v[at];

    b->folded = mem_array(json_array_size(b->symptoms) + 1, sizeof *b->folded);
    for (size_t i = 0; i < json_array_size(b->symptoms); i++)
        b->folded[i] = folded(json_string_value(json_array_get(b->symptoms, i)));
    for (size_t i = 0; i < json_array_size(b->rules); i++)
        index_add(set->by_rule, json_string_value(json_array_get(b->rules, i)), at);
    for (size_t i = 0; i < json_array_size(b->services); i++) {
        const char *said = json_string_value(json_array_get(b->services, i));
        char *name = folded(said);

        index_add(set->by_service, said, at);
        if (name)
            index_add(set->by_service, name, at);
        free(name);
    }
}

static int reviewed_read(const struct yaml_doc *doc, struct runbook *b, struct err *e)
{
    char iso[TIME_ISO_MAX];
    struct err why = {0};

    if (!b->reviewed)
        return 0;
    (void)snprintf(iso, sizeof iso, "%.10sT00:00:00Z", b->reviewed);
    if (time_parse_iso(iso, strlen(iso), &b->reviewed_ms, &why) < 0)
        return yaml_error(doc, "/reviewed", e, "reviewed is no date");
    return 0;
}

static int64_t minutes_all(const json_t *sections)
{
    int64_t sum = -1;

    for (size_t i = 0; i < json_array_size(sections); i++) {
        int64_t n = json_opt_int(json_array_get(sections, i), "minutes", -1);

        if (n >= 0)
            sum = (sum > 0 ? sum : 0) + n;
    }
    return sum;
}

static int book_fill(const struct yaml_doc *doc, struct runbook *b, struct err *e)
{
    const json_t *root = yaml_root(doc);
    const char *title = json_opt_str(root, "title");

    b->title = mem_strdup(title ? title : b->path);
    b->owner = mem_strdup(json_opt_str(root, "owner"));
    b->reviewed = mem_strdup(json_opt_str(root, "reviewed"));
    b->summary = mem_strdup(json_opt_str(root, "description"));
    b->services = list_of(root, "services");
    b->symptoms = list_of(root, "symptoms");
    b->rules = list_of(root, "rules");
    if (json_array_size(b->services) + json_array_size(b->symptoms) + json_array_size(b->rules) ==
        0)
        return yaml_error(doc, "", e,
                          "names no services, symptoms or rules, so it would never be shown");
    return reviewed_read(doc, b, e);
}

static int book_parse(const struct schema *schema, const char *path, const char *s, size_t len,
                      struct runbooks *set, struct err *e)
{
    AUTO(yaml_freep) struct yaml_doc *doc = NULL;
    struct runbook *b;
    size_t front = 0, rest = 0;
    int lines = 0;

    if (!front_find(s, len, &front, &rest, &lines))
        return lines == 0
                   ? 0
                   : err_set(e, ERR_INPUT, "%s:1: the front matter has no closing ---", path);
    if (set->n == RUNBOOKS_MAX)
        return err_set(e, ERR_INPUT, "%s: more than %d runbooks", path, RUNBOOKS_MAX);
    if (yaml_parse(path, s, front, &doc, e) < 0 || yaml_check(doc, schema, e) < 0)
        return e->code;
    set->v = mem_grow(set->v, set->n + 1, sizeof *set->v);
    b = &set->v[set->n++];
    *b = (struct runbook){.path = mem_strdup(path)};
    if (book_fill(doc, b, e) < 0)
        return e->code;
    b->sections = runbook_sections(s + rest, len - rest, lines);
    b->minutes = minutes_all(b->sections);
    if (!b->summary)
        b->summary = first_line(b->sections);
    book_index(set, set->n - 1);
    return 0;
}

/* ---- the folder ---- */

struct folder {
    char *names[NAMES_MAX];
    size_t n;
};

static void folder_free(struct folder **f)
{
    for (size_t i = 0; i < (*f)->n; i++)
        mem_freep(&(*f)->names[i]);
    mem_freep(f);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int names_read(struct folder *f, const char *dir, struct err *e)
{
    const struct dirent *entry;
    DIR *d = opendir(dir);
    int rc = 0;

    if (!d)
        return errno == ENOENT || errno == ENOTDIR
                   ? 0
                   : err_set(e, ERR_INTERNAL, "%s: %s", dir, strerror(errno));
    while (rc == 0 && (entry = readdir(d)) != NULL) {
        size_t len = strlen(entry->d_name);

        if (entry->d_name[0] == '.' || len < 4 || strcmp(entry->d_name + len - 3, ".md") != 0)
            continue;
        if (f->n == NAMES_MAX)
            rc = err_set(e, ERR_INPUT, "%s: more than %d runbooks", dir, RUNBOOKS_MAX);
        else
            f->names[f->n++] = mem_strdup(entry->d_name);
    }
    (void)closedir(d);
    if (f->n > 0)
        qsort(f->names, f->n, sizeof f->names[0], by_name);
    return rc;
}

static int file_take(const struct schema *schema, const char *dir, const char *name,
                     struct runbooks *set, struct digest *hash, struct err *e)
{
    AUTO(buf_done) struct buf path = {0};
    AUTO(buf_done) struct buf shown = {0};
    AUTO(mem_freep) char *bytes = NULL;
    const char *last = strrchr(dir, '/');
    struct stat st;
    size_t len = 0;

    buf_init(&path, 8192);
    buf_init(&shown, 1024);
    buf_printf(&path, "%s/%s", dir, name);
    /* A file may be called anything; evidence names it, and evidence is UTF-8. */
    last = last ? last + 1 : dir;
    text_show(&shown, last, strlen(last), 80, true);
    buf_putc(&shown, '/');
    text_show(&shown, name, strlen(name), 160, true);
    /* A pipe in the folder must not hold the start up. */
    if (stat(buf_str(&path), &st) == 0 && !S_ISREG(st.st_mode))
        return err_set(e, ERR_INPUT, "%s: is no regular file", buf_str(&shown));
    if (file_read(buf_str(&path), RUNBOOK_MAX_BYTES, &bytes, &len, e) < 0)
        return e->code;
    digest_str(hash, name);
    digest_bytes(hash, bytes, len);
    return book_parse(schema, buf_str(&shown), bytes, len, set, e);
}

int runbooks_load(const char *dir, struct runbooks **out, struct err *e)
{
    AUTO(folder_free) struct folder *f = mem_alloc(sizeof *f);
    AUTO(runbooks_unrefp) struct runbooks *set = mem_alloc(sizeof *set);
    AUTO(schema_freep) struct schema *schema = NULL;
    struct digest hash;
    struct err own = {0};
    int rc;

    atomic_init(&set->refs, 1);
    set->by_rule = json_object();
    set->by_service = json_object();
    if (schema_new(front_schema, strlen(front_schema), &schema, &own) < 0)
        check_failed(own.msg, __FILE__, __LINE__); /* our own text is broken */
    rc = names_read(f, dir, e);
    digest_begin(&hash, "triaged.runbooks.v1");
    for (size_t i = 0; i < f->n && rc == 0; i++)
        rc = file_take(schema, dir, f->names[i], set, &hash, e);
    digest_end(&hash, set->hash);
    if (rc < 0)
        return rc;
    *out = TAKE(set);
    return 0;
}

struct runbooks *runbooks_ref(struct runbooks *r)
{
    atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
    return r;
}

void runbooks_unref(struct runbooks *r)
{
    if (!r || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < r->n; i++)
        book_done(&r->v[i]);
    json_decref(r->by_rule);
    json_decref(r->by_service);
    mem_freep(&r->v);
    mem_freep(&r);
}

void runbooks_unrefp(struct runbooks **r)
{
    runbooks_unref(*r);
    *r = NULL;
}

const char *runbooks_hash(const struct runbooks *r)
{
    return r->hash;
}

size_t runbooks_count(const struct runbooks *r)
{
    return r->n;
}

/* ---- matching ---- */

#define WINDOW      4
#define WINDOW_BITS 17

struct facing {
    char *text; /* title and alerts, folded; NULL when unknown */
    const char *service_id;
    char *service; /* folded name */
    const json_t *rules;
    uint64_t *windows; /* which WINDOW bytes stand somewhere in the text: a set of their hashes */
};

static uint32_t window_hash(const char *s)
{
    uint32_t v;

    memcpy(&v, s, WINDOW);
    return (v * UINT32_C(2654435761)) >> (32 - WINDOW_BITS);
}

static bool window_known(const struct facing *f, const char *s)
{
    uint32_t h = window_hash(s);

    return (f->windows[h / 64] >> (h % 64) & 1) != 0;
}

static void windows_make(struct facing *f)
{
    size_t len = f->text ? strlen(f->text) : 0;

    f->windows = mem_array((1U << WINDOW_BITS) / 64, sizeof *f->windows);
    for (size_t i = 0; i + WINDOW <= len; i++) {
        uint32_t h = window_hash(f->text + i);

        f->windows[h / 64] |= UINT64_C(1) << (h % 64);
    }
}

static bool is_word_byte(char c)
{
    unsigned char u = (unsigned char)c;

    return u >= 0x80 || (u >= '0' && u <= '9') || (u >= 'a' && u <= 'z');
}

/* "oom" stands in "an oom kill", not in "room". */
static bool stands_in(const char *text, const char *words)
{
    size_t len = strlen(words);

    for (const char *at = text; len > 0 && (at = strstr(at, words)) != NULL; at++) {
        bool before = at == text || !is_word_byte(at[-1]) || !is_word_byte(words[0]);
        bool behind = at[len] == '\0' || !is_word_byte(at[len]) || !is_word_byte(words[len - 1]);

        if (before && behind)
            return true;
    }
    return false;
}

static void index_mark(const json_t *map, const char *key, bool *out)
{
    const json_t *list = key ? json_object_get(map, key) : NULL;

    for (size_t i = 0; i < json_array_size(list); i++)
        out[json_integer_value(json_array_get(list, i))] = true;
}

/* Can the words stand in the text? No, when their first or their last bytes stand nowhere in it: that is cheap to ask. */
static bool may_stand(const struct facing *f, const char *words)
{
    size_t len = strlen(words);

    return len < WINDOW || (window_known(f, words) && window_known(f, words + (len - WINDOW)));
}

static bool symptom_stands(const struct facing *f, const struct runbook *b, size_t i)
{
    return f->text && b->folded[i] && may_stand(f, b->folded[i]) &&
           stands_in(f->text, b->folded[i]);
}

static bool symptom_matches(const struct facing *f, const struct runbook *b)
{
    for (size_t i = 0; i < json_array_size(b->symptoms); i++)
        if (symptom_stands(f, b, i))
            return true;
    return false;
}

/* 0 best; -1 does not fit. */
static int rank_of(const struct runbook *b, const struct facing *f, bool rule, bool service)
{
    bool symptom;

    if (json_array_size(b->services) > 0 && !service)
        return -1;
    if (rule)
        return 0;
    symptom = symptom_matches(f, b);
    if (symptom)
        return service ? 1 : 2;
    return service ? 3 : -1;
}

/* By what it fits, in words. */
static json_t *matched_by(const struct runbook *b, const struct facing *f, bool service)
{
    json_t *by = json_array();

    if (service)
        json_array_append_new(by, json_string("service"));
    for (size_t i = 0; i < json_array_size(b->symptoms); i++)
        if (symptom_stands(f, b, i))
            json_array_append_new(
                by, json_sprintf("symptom: %s", json_string_value(json_array_get(b->symptoms, i))));
    for (size_t i = 0; i < json_array_size(b->rules); i++)
        for (size_t k = 0; k < json_array_size(f->rules); k++)
            if (json_equal(json_array_get(b->rules, i), json_array_get(f->rules, k)))
                json_array_append_new(
                    by, json_sprintf("rule: %s", json_string_value(json_array_get(b->rules, i))));
    return by;
}

static json_t *book_json(const struct runbook *b, json_t *by, int64_t now_wall_ms)
{
    bool stale = b->reviewed_ms > 0 && now_wall_ms - b->reviewed_ms > STALE_MS;

    return json_pack("{s:s, s:s, s:s?, s:s?, s:b, s:O, s:s?, s:o, s:o}", "title", b->title, "path",
                     b->path, "owner", b->owner, "reviewed", b->reviewed, "stale", stale,
                     "matched_by", by, "summary", b->summary, "sections",
                     json_deep_copy(b->sections), "minutes",
                     b->minutes >= 0 ? json_integer(b->minutes) : json_null());
}

static void facing_make(struct facing *f, const json_t *facts, const json_t *rule_names)
{
    AUTO(buf_done) struct buf b = {0};
    const char *title = json_at_str(facts, "incident.title");
    const char *alerts = json_at_str(facts, "alerts.text");

    buf_init(&b, (size_t)64 * 1024);
    buf_printf(&b, "%s\n%s", title ? title : "", alerts ? alerts : "");
    *f = (struct facing){.text = folded(buf_str(&b)),
                         .service_id = json_at_str(facts, "service.id"),
                         .service = folded(json_at_str(facts, "service.name")),
                         .rules = rule_names};
    windows_make(f);
}

static void facing_done(struct facing *f)
{
    free(f->text);
    free(f->service);
    mem_freep(&f->windows);
}

json_t *runbooks_match(const struct runbooks *r, const json_t *facts, const json_t *rule_names,
                       int64_t now_wall_ms, size_t max)
{
    bool ruled[RUNBOOKS_MAX] = {0}, served[RUNBOOKS_MAX] = {0};
    int ranks[RUNBOOKS_MAX];
    json_t *out = json_array();
    struct facing f;

    facing_make(&f, facts, rule_names);
    for (size_t i = 0; i < json_array_size(rule_names); i++)
        index_mark(r->by_rule, json_string_value(json_array_get(rule_names, i)), ruled);
    index_mark(r->by_service, f.service_id, served);
    index_mark(r->by_service, f.service, served);
    for (size_t i = 0; i < r->n; i++)
        ranks[i] = rank_of(&r->v[i], &f, ruled[i], served[i]);
    for (int k = 0; k < RANKS; k++)
        for (size_t i = 0; i < r->n && json_array_size(out) < max; i++)
            if (ranks[i] == k) {
                AUTO(json_freep) json_t *by = matched_by(&r->v[i], &f, served[i]);

                json_array_append_new(out, book_json(&r->v[i], by, now_wall_ms));
            }
    facing_done(&f);
    return out;
}

json_t *runbooks_json(const struct runbooks *r)
{
    json_t *out = json_array();

    for (size_t i = 0; i < r->n; i++) {
        const struct runbook *b = &r->v[i];

        json_array_append_new(out, json_pack("{s:s, s:s, s:s?, s:s?, s:O, s:O, s:O}", "path",
                                             b->path, "title", b->title, "owner", b->owner,
                                             "reviewed", b->reviewed, "services", b->services,
                                             "symptoms", b->symptoms, "rules", b->rules));
    }
    return out;
}

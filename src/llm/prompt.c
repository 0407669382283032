#include "llm/prompt.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "llm/dialect.h"
#include "llm/prompt_files.h"

#define PROMPT_MAX_BYTES ((size_t)256 * 1024)
#define VERSION_DIGITS   12

static const char *const names[] = {"triage"};
#define N_PROMPTS ARRAY_LEN(names)

struct one {
    struct prompt pub;
    char *text, *schema_text;
    size_t text_len, schema_len;
    json_t *schema;
    char schema_hash[SHA256_HEX];
    char version[64];
};
struct prompts {
    atomic_int refs;
    struct one all[N_PROMPTS];
    char hash[SHA256_HEX];
};

static int read_file(const char *dir, const char *file, char **out, size_t *len, struct err *e)
{
    char path[4096];

    if (dir) {
        if (snprintf(path, sizeof path, "%s/%s", dir, file) >= (int)sizeof path)
            return err_set(e, ERR_INPUT, "prompts: the name of the folder is too long");
        if (file_read(path, PROMPT_MAX_BYTES, out, len, e) == 0)
            return 0;
        if (e->code == ERR_NOT_FOUND)
            return err_set(e, ERR_INPUT,
                           "%.160s is missing: each prompt has a .md and a "
                           ".schema.json",
                           path);
        return err_wrap(e, "prompts");
    }
    for (size_t i = 0; i < prompt_files_len; i++) {
        if (!text_eq(prompt_files[i].name, file))
            continue;
        *len = *prompt_files[i].len;
        *out = mem_strndup(prompt_files[i].text, *len);
        return 0;
    }
    return err_set(e, ERR_INTERNAL, "prompts: %s is not compiled in", file);
}

/* The message of a lower layer is about the content; the file's name belongs in front. */
static int bad_file(const char *dir, const char *file, struct err *e)
{
    e->code = ERR_INPUT;
    return err_wrap(e, "%.160s/%s", dir ? dir : "prompts", file);
}

static int read_schema(struct one *p, const char *dir, const char *file, struct err *e)
{
    AUTO(schema_freep) struct schema *compiled = NULL;

    if (json_parse(p->schema_text, p->schema_len, JSON_TEXT_MAX_TOKENS, &p->schema, e) < 0 ||
        llm_schema_lint(p->schema, e) < 0 ||
        /* The reply is checked with our own validator, which must know every keyword, too. */
        schema_new(p->schema_text, p->schema_len, &compiled, e) < 0)
        return bad_file(dir, file, e);
    sha256_hex(p->schema_text, p->schema_len, p->schema_hash);
    return 0;
}

static int check_text(const struct one *p, const char *file, struct err *e)
{
    json_auto_t *utf8 = json_stringn(p->text, p->text_len);

    if (p->text_len == 0 || !utf8 || strlen(p->text) != p->text_len)
        return err_set(e, ERR_INPUT, "prompts: %s is empty or no UTF-8 text", file);
    return 0;
}

static void set_version(struct one *p, const char *name)
{
    char hash[SHA256_HEX];
    struct digest d;

    digest_begin(&d, "triaged.prompt.v1");
    digest_bytes(&d, p->text, p->text_len);
    digest_bytes(&d, p->schema_text, p->schema_len);
    digest_end(&d, hash);
    (void)snprintf(p->version, sizeof p->version, "%s@%.*s", name, VERSION_DIGITS, hash);
    p->pub = (struct prompt){.name = name,
                             .version = p->version,
                             .text = p->text,
                             .schema_hash = p->schema_hash,
                             .schema = p->schema};
}

static int load_one(const char *dir, const char *name, struct one *p, struct err *e)
{
    char text_file[64], schema_file[64];

    (void)snprintf(text_file, sizeof text_file, "%s.md", name);
    (void)snprintf(schema_file, sizeof schema_file, "%s.schema.json", name);
    if (read_file(dir, text_file, &p->text, &p->text_len, e) < 0 ||
        read_file(dir, schema_file, &p->schema_text, &p->schema_len, e) < 0 ||
        check_text(p, text_file, e) < 0 || read_schema(p, dir, schema_file, e) < 0)
        return e->code;
    set_version(p, name);
    return 0;
}

int prompts_load(const char *dir, struct prompts **out, struct err *e)
{
    AUTO(prompts_unrefp) struct prompts *p = mem_alloc(sizeof *p);
    struct digest d;

    atomic_init(&p->refs, 1);
    for (size_t i = 0; i < N_PROMPTS; i++)
        if (load_one(dir, names[i], &p->all[i], e) < 0)
            return e->code;
    digest_begin(&d, "triaged.prompts.v1");
    for (size_t i = 0; i < N_PROMPTS; i++) {
        digest_str(&d, names[i]);
        digest_bytes(&d, p->all[i].text, p->all[i].text_len);
        digest_bytes(&d, p->all[i].schema_text, p->all[i].schema_len);
    }
    digest_end(&d, p->hash);
    *out = TAKE(p);
    return 0;
}

struct prompts *prompts_ref(struct prompts *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void prompts_unref(struct prompts *p)
{
    if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < N_PROMPTS; i++) {
        mem_freep(&p->all[i].text);
        mem_freep(&p->all[i].schema_text);
        json_decref(p->all[i].schema);
    }
    mem_freep(&p);
}

void prompts_unrefp(struct prompts **p)
{
    prompts_unref(*p);
    *p = NULL;
}

const struct prompt *prompts_get(const struct prompts *p, const char *name)
{
    size_t i = 0;

    while (i < N_PROMPTS && !text_eq(names[i], name))
        i++;
    CHECK(i < N_PROMPTS);
    return &p->all[i].pub;
}

const char *prompts_hash(const struct prompts *p)
{
    return p->hash;
}

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "rules/rules_priv.h"

static int schema_make(struct schema **out)
{
    struct err e;

    if (schema_new(rules_schema_text, strlen(rules_schema_text), out, &e) < 0)
        check_failed(e.msg, __FILE__, __LINE__); /* our own text is broken */
    return 0;
}

static int file_add(struct rules *r, const struct rules_file *f, const char *shown,
                    const struct schema *schema, json_t *names, struct err *e)
{
    AUTO(yaml_freep) struct yaml_doc *doc = NULL;

    if (f->len > RULES_FILE_BYTES)
        return err_set(e, ERR_INPUT, "%s:1: the file is over 1 MiB", shown);
    if (yaml_parse(shown, f->bytes, f->len, &doc, e) < 0)
        return e->code;
    return rules_add_file(r, doc, schema, names, e);
}

/* shown: names for messages, beside the names that are hashed. */
static int set_make(const struct rules_file *files, char *const *shown, size_t n,
                    struct rules **out, struct err *e)
{
    AUTO(rules_unrefp) struct rules *r = rules_new();
    AUTO(schema_freep) struct schema *schema = NULL;
    json_t *names = json_object();
    struct digest d;
    size_t i;
    int rc = schema_make(&schema);

    for (i = 0; i < n && rc == 0; i++)
        rc = file_add(r, &files[i], shown ? shown[i] : files[i].name, schema, names, e);
    json_decref(names);
    if (rc < 0)
        return rc;
    digest_begin(&d, "triaged.rules.v1");
    for (i = 0; i < n; i++) {
        digest_str(&d, files[i].name);
        digest_bytes(&d, files[i].bytes, files[i].len);
    }
    digest_end(&d, r->hash);
    *out = TAKE(r);
    return 0;
}

int rules_parse(const struct rules_file *files, size_t n, struct rules **out, struct err *e)
{
    size_t i;

    for (i = 1; i < n; i++)
        if (strcmp(files[i - 1].name, files[i].name) >= 0)
            return err_set(e, ERR_INPUT, "%s: files are not in the order of their names",
                           files[i].name);
    return set_make(files, NULL, n, out, e);
}

struct folder {
    const char *dir;
    struct rules_file files[RULES_FILES_MAX];
    char *names[RULES_FILES_MAX];
    char *shown[RULES_FILES_MAX];
    char *bytes[RULES_FILES_MAX];
    size_t n;
};

static void folder_free(struct folder **pp)
{
    struct folder *f = *pp;
    size_t i;

    for (i = 0; i < f->n; i++) {
        mem_freep(&f->names[i]);
        mem_freep(&f->shown[i]);
        mem_freep(&f->bytes[i]);
    }
    mem_freep(pp);
}

static bool ends(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);

    return n >= m && strcmp(s + n - m, end) == 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int names_read(struct folder *f, DIR *d, struct err *e)
{
    const struct dirent *entry;

    while ((entry = readdir(d)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        if (ends(entry->d_name, ".yml"))
            return err_set(e, ERR_INPUT,
                           "%s/%.100s: rule files end in .yaml; rename it or take it away", f->dir,
                           entry->d_name);
        if (!ends(entry->d_name, ".yaml"))
            continue;
        if (f->n == RULES_FILES_MAX)
            return err_set(e, ERR_INPUT, "%s: more than %d rule files", f->dir, RULES_FILES_MAX);
        f->names[f->n++] = mem_strdup(entry->d_name);
    }
    qsort(f->names, f->n, sizeof f->names[0], by_name);
    return 0;
}

/* Rules decide what is proposed: a file that any local user may change is refused (threat model, H12). */
static int owner_check(const char *path, const struct stat *dir, struct err *e)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return err_set(e, ERR_INTERNAL, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_INPUT, "%s: is no regular file", path);
    if (st.st_uid != 0 && st.st_uid != geteuid() && st.st_uid != dir->st_uid)
        return err_set(e, ERR_DENIED, "%s: belongs to another user; chown it to root", path);
    if (st.st_mode & S_IWOTH)
        return err_set(e, ERR_DENIED, "%s: every user may write it; chmod o-w it", path);
    return 0;
}

/* With the sticky bit others may add files, but those belong to them and are refused one by one. */
static int folder_check(const char *dir, const struct stat *st, struct err *e)
{
    if ((st->st_mode & S_IWOTH) && !(st->st_mode & S_ISVTX))
        return err_set(e, ERR_DENIED, "%s: every user may write the folder; chmod o-w it", dir);
    return 0;
}

static int file_take(struct folder *f, size_t i, const struct stat *dir, struct err *e)
{
    struct buf path;
    size_t len = 0;
    int rc;

    buf_init(&path, 8192);
    buf_printf(&path, "%s/%s", f->dir, f->names[i]);
    /* A message has 256 bytes: a deep folder must not push the reason out. */
    f->shown[i] = mem_strdup(path.len <= 100 ? buf_str(&path) : f->names[i]);
    rc = owner_check(buf_str(&path), dir, e);
    if (rc == 0)
        rc = file_read(buf_str(&path), RULES_FILE_BYTES, &f->bytes[i], &len, e);
    f->files[i] = (struct rules_file){f->names[i], f->bytes[i], len};
    buf_done(&path);
    return rc;
}

int rules_load(const char *dir, struct rules **out, struct err *e)
{
    AUTO(folder_free) struct folder *f = mem_alloc(sizeof *f);
    struct stat st;
    DIR *d;
    size_t i;
    int rc;

    f->dir = dir;
    d = opendir(dir);
    if (d == NULL || fstat(dirfd(d), &st) < 0) {
        rc = err_set(e, errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_INTERNAL,
                     "%s: %s", dir, strerror(errno));
        if (d)
            closedir(d);
        return rc;
    }
    rc = folder_check(dir, &st, e);
    if (rc == 0)
        rc = names_read(f, d, e);
    closedir(d);
    for (i = 0; i < f->n && rc == 0; i++)
        rc = file_take(f, i, &st, e);
    return rc < 0 ? rc : set_make(f->files, f->shown, f->n, out, e);
}

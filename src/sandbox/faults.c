#include "sandbox/faults.h"

#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

enum {
    MAX_FAULTS = 64
};
enum kind {
    F_DELAY,
    F_LOST,
    F_APPLIED_LATE,
    F_STATUS,
    F_LATE_READS,
    F_RESET,
    F_HANG,
    F_GARBAGE,
    N_KINDS
};
static const char *const kind_names[N_KINDS] = {
    "delay", "lost_answer", "applied_late", "status", "late_reads", "reset", "hang", "garbage"};

struct fault {
    int id;
    enum kind kind;
    char method[8], prefix[128], pattern[128]; /* empty: any */
    regex_t regex;
    bool has_regex, with_body;
    int64_t min_ms, max_ms, left, hits; /* left < 0: for ever */
    int status, retry_after_s;
    double probability;
};

static struct {
    pthread_mutex_t lock;
    struct fault list[MAX_FAULTS];
    size_t n;
    int last_id;
    uint64_t random;
} faults = {.lock = PTHREAD_MUTEX_INITIALIZER, .random = 1};

static uint64_t dice(void)
{
    uint64_t z = (faults.random += 0x9e3779b97f4a7c15U);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static bool fires(struct fault *f, const char *method, const char *path)
{
    if (f->left == 0 || (f->method[0] != '\0' && strcmp(f->method, method) != 0) ||
        (f->prefix[0] != '\0' && !text_starts(path, f->prefix)) ||
        (f->has_regex && regexec(&f->regex, path, 0, NULL, 0) != 0))
        return false;
    if (f->kind == F_LATE_READS && strcmp(method, "GET") != 0)
        return false;
    if (f->probability < 1.0 && (double)(dice() >> 11) / 9007199254740992.0 >= f->probability)
        return false;
    if (f->left > 0)
        f->left--;
    f->hits++;
    return true;
}

static int64_t span(const struct fault *f)
{
    uint64_t width = f->max_ms > f->min_ms ? (uint64_t)(f->max_ms - f->min_ms) + 1 : 1;

    return f->min_ms + (int64_t)(dice() % width);
}

static void plan_add(struct fault_plan *p, const struct fault *f)
{
    switch (f->kind) {
    case F_DELAY:
        p->delay_ms = span(f);
        break;
    case F_LOST:
        p->lost_answer = true;
        break;
    case F_APPLIED_LATE:
        p->applied_late_ms = span(f);
        break;
    case F_STATUS:
        p->status = f->status;
        p->retry_after_s = f->retry_after_s;
        p->with_body = f->with_body;
        break;
    case F_LATE_READS:
        p->late_reads_ms = span(f);
        break;
    case F_RESET:
        p->reset = true;
        break;
    case F_HANG:
        p->hang_ms = span(f);
        break;
    case F_GARBAGE:
        p->garbage = true;
        break;
    case N_KINDS:
        break;
    }
}

void faults_match(const char *method, const char *path, struct fault_plan *out)
{
    memset(out, 0, sizeof *out);
    pthread_mutex_lock(&faults.lock);
    for (size_t i = 0; i < faults.n; i++)
        if (fires(&faults.list[i], method, path))
            plan_add(out, &faults.list[i]);
    pthread_mutex_unlock(&faults.lock);
}

static void remove_at(size_t i)
{
    if (faults.list[i].has_regex)
        regfree(&faults.list[i].regex);
    memmove(&faults.list[i], &faults.list[i + 1], (faults.n - i - 1) * sizeof faults.list[0]);
    faults.n--;
}

static void copy_word(char *out, size_t room, const char *text)
{
    snprintf(out, room, "%s", text != NULL ? text : "");
}

/* "ms" stands for both ends of the span; each kind has its own usual length. */
static void read_span(const json_t *j, struct fault *f)
{
    int64_t usual = f->kind == F_HANG ? 60000 : f->kind == F_LATE_READS ? 2000 : 1000;
    int64_t ms = json_opt_int(j, "ms", usual);

    f->min_ms = json_opt_int(j, "min_ms", ms);
    f->max_ms = json_opt_int(j, "max_ms", f->min_ms > ms ? f->min_ms : ms);
    if (f->min_ms < 1)
        f->min_ms = 1;
}

static int fault_read(const json_t *j, struct fault *f, struct err *e)
{
    const char *kind = json_opt_str(j, "kind"), *regex = json_opt_str(j, "path_regex");
    const json_t *p = json_object_get(j, "probability");

    memset(f, 0, sizeof *f);
    f->kind = N_KINDS;
    for (int k = 0; k < N_KINDS; k++)
        if (text_eq(kind, kind_names[k]))
            f->kind = (enum kind)k;
    if (f->kind == N_KINDS)
        return err_set(
            e, ERR_INPUT,
            "kind must be delay, lost_answer, applied_late, status, late_reads, reset, hang or "
            "garbage");
    copy_word(f->method, sizeof f->method, json_opt_str(j, "method"));
    copy_word(f->prefix, sizeof f->prefix, json_opt_str(j, "path"));
    copy_word(f->pattern, sizeof f->pattern, regex);
    read_span(j, f);
    f->left = json_opt_int(j, "count", -1);
    f->status = (int)json_opt_int(j, "status", 503);
    f->retry_after_s = (int)json_opt_int(j, "retry_after", 0);
    f->with_body = json_opt_bool(j, "body", true);
    f->probability = json_is_number(p) ? json_number_value(p) : 1.0;
    if (f->status < 200 || f->status > 599)
        return err_set(e, ERR_INPUT, "status must be 200 to 599");
    if (regex != NULL && regcomp(&f->regex, f->pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return err_set(e, ERR_INPUT, "path_regex is no POSIX extended regular expression");
    f->has_regex = regex != NULL;
    return 0;
}

/* A misspelt member would be a fault that never fires, and a test that proves nothing. */
static bool members_known(json_t *j, const char *const *known, size_t n, struct err *e)
{
    const char *name;
    const json_t *v;

    json_object_foreach (j, name, v) {
        bool found = false;

        for (size_t i = 0; i < n; i++)
            found = found || strcmp(name, known[i]) == 0;
        if (!found) {
            err_set(e, ERR_INPUT, "unknown member '%.40s'", name);
            return false;
        }
    }
    return true;
}

/* Reads a list of faults into out; gives their number, or the error's code. */
static int faults_read(const json_t *list, struct fault *out, struct err *e)
{
    static const char *const known[] = {"kind",   "method",      "path",   "path_regex",
                                        "ms",     "min_ms",      "max_ms", "probability",
                                        "status", "retry_after", "body",   "count"};
    int n = 0;

    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *one = json_array_get(list, i);

        if (i == MAX_FAULTS)
            err_set(e, ERR_INPUT, "at most %d faults", MAX_FAULTS);
        else if (members_known(one, known, ARRAY_LEN(known), e) && fault_read(one, &out[n], e) == 0)
            n++;
        if (e->code != ERR_NONE)
            break;
    }
    for (int i = 0; e->code != ERR_NONE && i < n; i++)
        if (out[i].has_regex)
            regfree(&out[i].regex);
    return e->code != ERR_NONE ? (int)e->code : n;
}

/* "faults" replaces all, "set" adds, "clear" removes all or one. Nothing changes when anything is wrong. */
static int change_locked(json_t *in, struct err *e)
{
    static const char *const known[] = {"set", "faults", "clear", "seed"};
    const json_t *all = json_opt_arr(in, "faults"), *clear = json_object_get(in, "clear");
    struct fault fresh[MAX_FAULTS];
    int n;

    if (!members_known(in, known, ARRAY_LEN(known), e))
        return e->code;
    n = faults_read(all != NULL ? all : json_opt_arr(in, "set"), fresh, e);
    if (n < 0)
        return n;
    for (size_t i = faults.n; i-- > 0;)
        if (all != NULL || json_is_true(clear) ||
            (json_is_integer(clear) && json_integer_value(clear) == faults.list[i].id))
            remove_at(i);
    if (json_object_get(in, "seed") != NULL)
        faults.random = (uint64_t)json_opt_int(in, "seed", 1);
    for (int i = 0; i < n && faults.n < MAX_FAULTS; i++) {
        faults.list[faults.n] = fresh[i];
        faults.list[faults.n++].id = ++faults.last_id;
    }
    return 0;
}

int faults_change(json_t *in, struct err *e)
{
    int rc;

    pthread_mutex_lock(&faults.lock);
    rc = change_locked(in, e);
    pthread_mutex_unlock(&faults.lock);
    return rc;
}

void faults_clear(uint64_t seed)
{
    pthread_mutex_lock(&faults.lock);
    while (faults.n > 0)
        remove_at(faults.n - 1);
    faults.random = seed;
    pthread_mutex_unlock(&faults.lock);
}

json_t *faults_list(void)
{
    json_t *list = json_array();

    pthread_mutex_lock(&faults.lock);
    for (size_t i = 0; i < faults.n; i++) {
        const struct fault *f = &faults.list[i];

        json_array_append_new(
            list,
            json_pack("{s:i, s:s, s:s, s:s, s:s, s:I, s:I, s:i, s:f, s:I, s:I}", "id", f->id,
                      "kind", kind_names[f->kind], "method", f->method, "path", f->prefix,
                      "path_regex", f->pattern, "min_ms", (json_int_t)f->min_ms, "max_ms",
                      (json_int_t)f->max_ms, "status", f->status, "probability", f->probability,
                      "count_left", (json_int_t)f->left, "hits", (json_int_t)f->hits));
    }
    pthread_mutex_unlock(&faults.lock);
    return list;
}

bool faults_late_reads(void)
{
    bool found = false;

    pthread_mutex_lock(&faults.lock);
    for (size_t i = 0; i < faults.n; i++)
        found = found || (faults.list[i].kind == F_LATE_READS && faults.list[i].left != 0);
    pthread_mutex_unlock(&faults.lock);
    return found;
}

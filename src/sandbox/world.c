#include "sandbox/world.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "sandbox/json_build.h"

struct world world = {.lock = PTHREAD_MUTEX_INITIALIZER};

const char *const ability_names[N_ABILITIES] = {"aiops",          "priorities",    "responders",
                                                "status_updates", "custom_fields", "change_events",
                                                "dependencies",   "teams"};
const char *const ability_reported[N_ABILITIES] = {
    "event_intelligence",     "incident_priorities", "coordinated_responding", "status_updates",
    "incident_custom_fields", "change_events",       "service_dependencies",   "teams"};

void world_lock(void)
{
    pthread_mutex_lock(&world.lock);
}

void world_unlock(void)
{
    pthread_mutex_unlock(&world.lock);
}

int64_t world_now_ms(void)
{
    return clock_wall_ms() + world.clock_offset_ms;
}

/* splitmix64: small, good enough, and the same everywhere. */
static uint64_t next_random(void)
{
    uint64_t z = (world.random += 0x9e3779b97f4a7c15U);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

uint32_t world_random(uint32_t below)
{
    return below == 0 ? 0 : (uint32_t)((next_random() >> 32) % below);
}

void world_id(char out[WORLD_ID_MAX], const char *prefix, size_t len, bool seeded)
{
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    uint8_t bytes[WORLD_ID_MAX];
    size_t at = strlen(prefix);

    CHECK(len < WORLD_ID_MAX && at <= len);
    if (seeded) {
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)world_random(256);
    } else {
        crypto_random(bytes, len);
    }
    memcpy(out, prefix, at);
    for (; at < len; at++)
        out[at] = letters[bytes[at] % 36];
    out[len] = '\0';
}

static void incident_free(struct incident *in)
{
    for (size_t i = 0; i < in->n_notes; i++)
        free(in->notes[i].content);
    for (size_t i = 0; i < in->n_alerts; i++) {
        free(in->alerts[i].key);
        free(in->alerts[i].summary);
        json_decref(in->alerts[i].details);
    }
    for (size_t i = 0; i < in->n_logs; i++) {
        free(in->logs[i].text);
        json_decref(in->logs[i].extra);
    }
    for (size_t i = 0; i < in->n_snaps; i++) {
        json_decref(in->snaps[i].incident);
        json_decref(in->snaps[i].notes);
    }
    for (size_t i = 0; i < in->n_responders; i++)
        free(in->responders[i].message);
    free(in->notes);
    free(in->alerts);
    free(in->logs);
    free(in->snaps);
    free(in->responders);
    free(in->title);
    free(in->symptom);
    free(in->key);
    free(in->body);
    free(in->client);
    free(in->client_url);
    json_decref(in->bridge);
    json_decref(in->fields);
    free(in);
}

static void world_clear(void)
{
    for (size_t i = 0; i < world.n_incidents; i++)
        incident_free(world.incidents[i]);
    for (size_t i = 0; i < world.n_changes; i++) {
        free(world.changes[i].summary);
        free(world.changes[i].source);
        json_decref(world.changes[i].details);
        json_decref(world.changes[i].links);
    }
    for (size_t i = 0; i < world.n_windows; i++)
        free(world.windows[i].description);
    free(world.incidents);
    free(world.changes);
    free(world.windows);
    free(world.log_refs);
    json_decref(world.index);
    world.log_refs = NULL;
    world.n_log_refs = 0;
    world.log_refs_mixed = false;
    world.incidents = NULL;
    world.changes = NULL;
    world.windows = NULL;
    world.n_incidents = world.n_changes = world.n_windows = 0;
    world.index = json_object();
}

static void oncall_default(void)
{
    for (int p = 0; p < N_POLICIES; p++)
        for (int l = 0; l < N_LEVELS; l++)
            for (int u = 0; u < 2; u++)
                world.oncall[p][l][u] = company_policies[p].rules[l].users[u];
}

bool world_reset(const char *scenario, uint64_t seed)
{
    bool quickstart = strcmp(scenario, "quickstart") == 0;
    bool history = strcmp(scenario, "history") == 0;

    if (!quickstart && !history && strcmp(scenario, "empty") != 0)
        return false;
    world_clear();
    world.seed = world.random = seed;
    world.first_number = 4001;
    world.time_scale = 0;
    world.nulls = true;
    world.reopen_refused = world.vendor_type = false;
    world.record_until_mono_ms = 0;
    memset(world.ability_off, 0, sizeof world.ability_off);
    oncall_default();
    if (quickstart || history)
        world_history(25);
    if (history)
        world_history_open(20);
    return true;
}

struct incident *world_incident(const char *id_or_number)
{
    const json_t *at = json_object_get(world.index, id_or_number);
    struct err e = {0};
    int64_t number = 0;

    if (at != NULL)
        return world.incidents[json_integer_value(at)];
    if (parse_i64(id_or_number, world.first_number,
                  world.first_number + (int64_t)world.n_incidents - 1, &number, &e) < 0)
        return NULL;
    return world.incidents[number - world.first_number];
}

/* Room for one more. Capacity is 4, 8, 16 ...: it need not be stored, for it grows whenever n is such a number. */
static void *grown(void *array, size_t n, size_t bytes)
{
    if (n == 0)
        return mem_grow(array, 4, bytes);
    if (n >= 4 && (n & (n - 1)) == 0)
        return mem_grow(array, n * 2, bytes);
    return array;
}

struct incident *world_incident_new(void)
{
    struct incident *in = mem_alloc(sizeof *in);

    in->priority = -1;
    in->level = 1;
    in->number = world.first_number + (int)world.n_incidents;
    in->fields = json_object();
    world.incidents =
        /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers is meant */
        (struct incident **)grown(world.incidents, world.n_incidents, sizeof *world.incidents);
    world.incidents[world.n_incidents++] = in;
    return in;
}

void world_title(struct incident *in, const char *title)
{
    struct buf symptom;

    free(in->title);
    free(in->symptom);
    in->title = mem_strdup(title);
    buf_init(&symptom, 4096);
    text_normalise(&symptom, title, strlen(title));
    in->symptom = mem_strdup(buf_str(&symptom));
    buf_done(&symptom);
}

void world_touch(struct incident *in)
{
    int64_t now = clock_mono_ms();
    struct snapshot *s;

    in->updated_ms = world_now_ms();
    if (world.record_until_mono_ms <= now || in->created_mono_ms == 0)
        return;
    in->snaps = grown(in->snaps, in->n_snaps, sizeof *in->snaps);
    s = &in->snaps[in->n_snaps++];
    s->until_mono_ms = now;
    s->incident = json_incident(in, 0);
    s->notes = json_notes(in);
}

static void log_ref_add(const struct incident *in, int64_t at_ms)
{
    size_t n = world.n_log_refs;

    world.log_refs = grown(world.log_refs, n, sizeof *world.log_refs);
    world.log_refs_mixed = world.log_refs_mixed || (n > 0 && world.log_refs[n - 1].at_ms > at_ms);
    world.log_refs[n] = (struct log_ref){at_ms, in, in->n_logs - 1};
    world.n_log_refs++;
}

static int by_log_time(const void *a, const void *b)
{
    const struct log_ref *x = a, *y = b;

    if (x->at_ms != y->at_ms)
        return x->at_ms < y->at_ms ? -1 : 1;
    if (x->in != y->in)
        return x->in->number < y->in->number ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

const struct log_ref *world_logs(size_t *n)
{
    if (world.log_refs_mixed)
        qsort(world.log_refs, world.n_log_refs, sizeof *world.log_refs, by_log_time);
    world.log_refs_mixed = false;
    *n = world.n_log_refs;
    return world.log_refs;
}

struct log_line *world_log(struct incident *in, enum log_kind kind, int64_t at_ms,
                           struct agent agent)
{
    struct log_line *l;

    in->logs = grown(in->logs, in->n_logs, sizeof *in->logs);
    l = &in->logs[in->n_logs++];
    memset(l, 0, sizeof *l);
    world_id(l->id, "R", 14, in->created_mono_ms == 0);
    l->kind = kind;
    l->at_ms = at_ms;
    l->mono_ms = in->created_mono_ms == 0 ? 0 : clock_mono_ms();
    l->agent = agent;
    l->service = in->service;
    log_ref_add(in, at_ms);
    return l;
}

struct note *world_note(struct incident *in, int author, const char *content, int64_t at_ms,
                        bool seeded)
{
    struct note *n;

    in->notes = grown(in->notes, in->n_notes, sizeof *in->notes);
    n = &in->notes[in->n_notes++];
    memset(n, 0, sizeof *n);
    world_id(n->id, "P", 7, seeded);
    n->content = mem_strdup(content);
    n->author = author;
    n->created_ms = n->updated_ms = at_ms;
    return n;
}

struct alert *world_alert(struct incident *in, const char *summary, const char *severity,
                          int64_t at_ms, json_t *details, bool seeded)
{
    struct alert *a;

    in->alerts = grown(in->alerts, in->n_alerts, sizeof *in->alerts);
    a = &in->alerts[in->n_alerts++];
    memset(a, 0, sizeof *a);
    world_id(a->id, "Q", 14, seeded);
    a->key = mem_strdup(a->id);
    a->summary = mem_strdup(summary);
    a->severity = severity;
    a->created_ms = at_ms;
    a->details = details;
    return a;
}

struct change_event *world_change(int service, const char *summary, const char *source,
                                  int64_t at_ms, bool seeded)
{
    struct change_event *c;
    char half[WORLD_ID_MAX];

    world.changes = grown(world.changes, world.n_changes, sizeof *world.changes);
    c = &world.changes[world.n_changes++];
    memset(c, 0, sizeof *c);
    world_id(c->id, "01C", 14, seeded);
    world_id(half, "", 12, seeded);
    memcpy(c->id + 14, half, 13);
    c->service = service;
    c->summary = mem_strdup(summary);
    c->source = mem_strdup(source);
    c->at_ms = at_ms;
    return c;
}

struct maintenance *world_maintenance(int service, int64_t start_ms, int64_t end_ms,
                                      const char *text)
{
    struct maintenance *m;

    world.windows = grown(world.windows, world.n_windows, sizeof *world.windows);
    m = &world.windows[world.n_windows++];
    world_id(m->id, "PW", 7, false);
    m->service = service;
    m->by = 8;
    m->start_ms = start_ms;
    m->end_ms = end_ms;
    m->description = mem_strdup(text);
    return m;
}

bool world_in_maintenance(int service, int64_t at_ms)
{
    for (size_t i = 0; i < world.n_windows; i++)
        if (world.windows[i].service == service && world.windows[i].start_ms <= at_ms &&
            at_ms < world.windows[i].end_ms)
            return true;
    return false;
}

struct users world_oncall(int policy, int level)
{
    struct users u = {.n = 0};

    if (level < 1 || level > N_LEVELS)
        return u;
    for (int i = 0; i < 2 && world.oncall[policy][level - 1][i] >= 0; i++)
        u.list[u.n++] = world.oncall[policy][level - 1][i];
    return u;
}

bool users_have(const struct users *u, int user)
{
    for (int i = 0; i < u->n; i++)
        if (u->list[i] == user)
            return true;
    return false;
}

struct users users_one(int user)
{
    return (struct users){.list = {user}, .n = 1};
}

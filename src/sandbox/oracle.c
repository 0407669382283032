#include "sandbox/oracle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

static struct {
    pthread_mutex_t lock;
    int fd;
    char **lines;
    size_t n, room;
} oracle = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

int oracle_open(const char *path, struct err *e)
{
    if (path == NULL)
        return 0;
    oracle.fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (oracle.fd < 0)
        return err_set(e, ERR_INTERNAL, "oracle file: %s", strerror(errno));
    return 0;
}

void oracle_close(void)
{
    if (oracle.fd >= 0)
        close(oracle.fd);
    for (size_t i = 0; i < oracle.n; i++)
        free(oracle.lines[i]);
    free(oracle.lines);
    oracle.lines = NULL;
    oracle.n = 0;
}

struct stood stood_of(const struct incident *in)
{
    return (struct stood){in->status, in->level, in->assignees};
}

static json_t *stood_json(const struct stood *s)
{
    static const char *const status_names[] = {"triggered", "acknowledged", "resolved"};
    json_t *ids = json_array();

    for (int i = 0; i < s->users.n; i++)
        json_array_append_new(ids, json_string(company_users[s->users.list[i]].id));
    return json_pack("{s:s, s:i, s:o}", "status", status_names[s->status], "level", s->level,
                     "assignees", ids);
}

void oracle_line(json_t *line)
{
    char at[TIME_ISO_MAX];
    char *text;
    size_t len;

    pthread_mutex_lock(&oracle.lock);
    json_object_set_new(line, "seq", json_integer((json_int_t)oracle.n + 1));
    json_object_set_new(line, "at", json_string(time_format_iso(world_now_ms(), true, at)));
    text = json_dumps(line, JSON_COMPACT | JSON_SORT_KEYS);
    CHECK(text != NULL);
    len = strlen(text);
    text = mem_grow(text, len + 2, 1);
    text[len] = '\n';
    text[len + 1] = '\0';
    /* A short write would tear the proof, so it ends the program rather than going on with half a line. */
    if (oracle.fd >= 0)
        CHECK(write(oracle.fd, text, len + 1) == (ssize_t)len + 1);
    if (oracle.n == oracle.room) {
        oracle.room = oracle.room == 0 ? 256 : oracle.room * 2;
        oracle.lines = (char **)mem_grow(oracle.lines, oracle.room, sizeof *oracle.lines);
    }
    text[len] = '\0';
    oracle.lines[oracle.n++] = text;
    pthread_mutex_unlock(&oracle.lock);
    json_decref(line);
}

void oracle_effect(const char *kind, const struct incident *in, const struct actor *a,
                   const struct stood *before, json_t *extra)
{
    struct stood after = stood_of(in);
    json_t *line =
        json_pack("{s:s, s:s, s:s?, s:s?, s:s, s:i, s:o, s:o}", "kind", kind, "source", a->source,
                  "token", a->token, "from", a->from, "incident_id", in->id, "incident_number",
                  in->number, "before", stood_json(before), "after", stood_json(&after));

    if (a->agent.kind == AGENT_USER)
        json_object_set_new(line, "user_id", json_string(company_users[a->agent.index].id));
    if (extra != NULL) {
        json_object_update(line, extra);
        json_decref(extra);
    }
    oracle_line(line);
}

char *oracle_after(int64_t seq, size_t max)
{
    struct buf b;

    buf_init(&b, (size_t)64 << 20);
    pthread_mutex_lock(&oracle.lock);
    buf_putc(&b, '[');
    for (size_t i = seq < 0 ? 0 : (size_t)seq, done = 0; i < oracle.n && done < max; i++, done++) {
        if (done > 0)
            buf_putc(&b, ',');
        buf_puts(&b, oracle.lines[i]);
    }
    pthread_mutex_unlock(&oracle.lock);
    buf_putc(&b, ']');
    return buf_take(&b, NULL);
}

int64_t oracle_seq(void)
{
    int64_t n;

    pthread_mutex_lock(&oracle.lock);
    n = (int64_t)oracle.n;
    pthread_mutex_unlock(&oracle.lock);
    return n;
}

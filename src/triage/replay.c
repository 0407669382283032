/* Deciding again, and telling what differs. No store, no clock, no network. */
#include "triage/replay.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "triage/ask.h"

/* ---- deciding ---- */

void decide_done(struct decide_out *d)
{
    json_decref(d->facts);
    json_decref(d->verdict);
    json_decref(d->known);
    json_decref(d->checks);
    json_decref(d->report);
    json_decref(d->merged);
    json_decref(d->confidence);
    json_decref(d->wanted);
    memset(d, 0, sizeof(*d));
}

static void report_of(struct arena *a, const struct decide_in *in, struct decide_out *out)
{
    struct report_result r;

    if (in->asked && in->reply) {
        report_check(a, in->asked, in->reply, in->reply_len, &r);
        out->report = r.report;
        out->checks = r.checks;
    } else if (in->report) {
        out->report = json_deep_copy(in->report);
    }
}

int triage_decide(struct arena *a, const struct decide_in *in, struct decide_out *out,
                  struct err *e)
{
    memset(out, 0, sizeof(*out));
    out->facts = triage_facts(in->items, in->priorities, in->group_size, in->judged_ms);
    if (rules_judge(in->rules, out->facts, in->judged_ms, &out->verdict, NULL, e) < 0) {
        decide_done(out);
        return e->code;
    }
    out->known = triage_known(in->known_items);
    report_of(a, in, out);
    out->merged = assessment_merge(out->verdict, out->report, out->facts);
    out->confidence =
        assessment_confidence(out->verdict, out->known, out->report, in->decided, in->approved);
    out->wanted = wanted_proposals(out->verdict, out->report);
    return 0;
}

/* ---- differences ---- */

#define DIFF_DEPTH_MAX 32

struct difference {
    json_t *rows;
    size_t max;
    char path[512];
};

static void row_add(struct difference *d, const json_t *was, const json_t *now)
{
    if (json_array_size(d->rows) < d->max)
        json_array_append_new(d->rows, json_pack("{s:s, s:o, s:o}", "path", d->path, "was",
                                                 was ? json_deep_copy(was) : json_null(), "now",
                                                 now ? json_deep_copy(now) : json_null()));
}

/* Appends "/name" to the path; the length before it, to go back to. */
static size_t path_push(struct difference *d, const char *name)
{
    size_t len = strlen(d->path);

    snprintf(d->path + len, sizeof(d->path) - len, "/%s", name);
    return len;
}

/* Our own documents: their depth is known, and what lies deeper than the limit is compared whole. */
static void differ(struct difference *d, const json_t *was, const json_t *now, int depth);

static void differ_objects(struct difference *d, const json_t *was, const json_t *now, int depth)
{
    AUTO(json_freep) json_t *all = json_object();
    const char *key;
    json_t *value;

    json_object_update(all, (json_t *)(uintptr_t)was);
    json_object_update(all, (json_t *)(uintptr_t)now);
    json_object_foreach (all, key, value) {
        size_t back = path_push(d, key);

        differ(d, json_object_get(was, key), json_object_get(now, key), depth + 1);
        d->path[back] = '\0';
    }
}

static void differ_lists(struct difference *d, const json_t *was, const json_t *now, int depth)
{
    size_t n =
        json_array_size(was) > json_array_size(now) ? json_array_size(was) : json_array_size(now);

    for (size_t i = 0; i < n; i++) {
        char index[24];
        size_t back;

        snprintf(index, sizeof(index), "%zu", i);
        back = path_push(d, index);
        differ(d, json_array_get(was, i), json_array_get(now, i), depth + 1);
        d->path[back] = '\0';
    }
}

static void differ(struct difference *d, const json_t *was, const json_t *now, int depth)
{
    if (json_array_size(d->rows) >= d->max || (!was && !now))
        return;
    if (was && now && json_equal(was, now))
        return;
    if (depth < DIFF_DEPTH_MAX && json_is_object(was) && json_is_object(now))
        differ_objects(d, was, now, depth);
    else if (depth < DIFF_DEPTH_MAX && json_is_array(was) && json_is_array(now))
        differ_lists(d, was, now, depth);
    else
        row_add(d, was, now);
}

json_t *json_differences(const json_t *was, const json_t *now, size_t max)
{
    struct difference d = {.rows = json_array(), .max = max};

    differ(&d, was, now, 0);
    return d.rows;
}

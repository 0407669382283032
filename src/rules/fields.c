#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "rules/cond_priv.h"

/* One row for each fact that a condition may read; docs/rules.md lists the same, and a test compares the two. */
static const struct field_def FIELDS[] = {
    {"incident.id", FIELD_TEXT, NULL},
    {"incident.number", FIELD_NUMBER, NULL},
    {"incident.title", FIELD_TEXT, NULL},
    {"incident.description", FIELD_TEXT, NULL},
    {"incident.status", FIELD_TEXT, "triggered|acknowledged|resolved"},
    {"incident.urgency", FIELD_TEXT, "high|low"},
    {"incident.priority", FIELD_TEXT, NULL},
    {"incident.type", FIELD_TEXT, NULL},
    {"incident.key", FIELD_TEXT, NULL},
    {"incident.service_id", FIELD_TEXT, NULL},
    {"incident.service", FIELD_TEXT, NULL},
    {"incident.policy_id", FIELD_TEXT, NULL},
    {"incident.policy", FIELD_TEXT, NULL},
    {"incident.level", FIELD_NUMBER, NULL},
    {"incident.team", FIELD_TEXT, NULL},
    {"incident.teams", FIELD_LIST, NULL},
    {"incident.assignees", FIELD_LIST, NULL},
    {"incident.created_at", FIELD_TIME, NULL},
    {"incident.age_s", FIELD_NUMBER, NULL},
    {"incident.snoozed", FIELD_BOOL, NULL},
    {"incident.custom.", FIELD_FREE, NULL},
    {"alerts.count", FIELD_NUMBER, NULL},
    {"alerts.severity", FIELD_TEXT, "critical|error|warning|info"},
    {"alerts.text", FIELD_TEXT, NULL},
    {"alerts.details.", FIELD_FREE, NULL},
    {"alerts.first.id", FIELD_TEXT, NULL},
    {"alerts.first.summary", FIELD_TEXT, NULL},
    {"alerts.first.severity", FIELD_TEXT, "critical|error|warning|info"},
    {"alerts.first.status", FIELD_TEXT, "triggered|resolved"},
    {"alerts.first.source", FIELD_TEXT, NULL},
    {"alerts.first.component", FIELD_TEXT, NULL},
    {"alerts.first.group", FIELD_TEXT, NULL},
    {"alerts.first.class", FIELD_TEXT, NULL},
    {"alerts.first.key", FIELD_TEXT, NULL},
    {"alerts.first.client", FIELD_TEXT, NULL},
    {"alerts.first.created_at", FIELD_TIME, NULL},
    {"service.id", FIELD_TEXT, NULL},
    {"service.name", FIELD_TEXT, NULL},
    {"service.description", FIELD_TEXT, NULL},
    {"service.status", FIELD_TEXT, "active|warning|critical|maintenance|disabled"},
    {"service.team", FIELD_TEXT, NULL},
    {"service.teams", FIELD_LIST, NULL},
    {"service.dependencies", FIELD_LIST, NULL},
    {"service.dependents", FIELD_LIST, NULL},
    {"service.maintenance", FIELD_BOOL, NULL},
    {"changes.last_hour", FIELD_NUMBER, NULL},
    {"changes.last_summary", FIELD_TEXT, NULL},
    {"changes.last_source", FIELD_TEXT, NULL},
    {"changes.last_age_s", FIELD_NUMBER, NULL},
    {"changes.last_at", FIELD_TIME, NULL},
    {"history.times_seen", FIELD_NUMBER, NULL},
    {"history.self_cleared_share", FIELD_NUMBER, NULL},
    {"history.self_cleared_median_s", FIELD_NUMBER, NULL},
    {"history.last_seen_age_s", FIELD_NUMBER, NULL},
    {"evidence.incident", FIELD_NUMBER, NULL},
    {"evidence.service", FIELD_NUMBER, NULL},
    {"evidence.policy", FIELD_NUMBER, NULL},
    {"evidence.oncall", FIELD_NUMBER, NULL},
    {"evidence.dependency", FIELD_NUMBER, NULL},
    {"evidence.outlier", FIELD_NUMBER, NULL},
    {"evidence.log", FIELD_NUMBER, NULL},
    {"evidence.alert", FIELD_NUMBER, NULL},
    {"evidence.note", FIELD_NUMBER, NULL},
    {"evidence.change", FIELD_NUMBER, NULL},
    {"evidence.past", FIELD_NUMBER, NULL},
    {"evidence.related", FIELD_NUMBER, NULL},
    {"evidence.similar", FIELD_NUMBER, NULL},
    {"evidence.fix", FIELD_NUMBER, NULL},
    {"evidence.firing", FIELD_NUMBER, NULL},
    {"evidence.source", FIELD_NUMBER, NULL},
    {"evidence.runbook", FIELD_NUMBER, NULL},
    {"evidence.not_checked", FIELD_LIST, NULL},
    {"group.size", FIELD_NUMBER, NULL},
    {"group.root", FIELD_BOOL, NULL},
    {"action.verb", FIELD_TEXT, NULL},
    {"action.verbs", FIELD_LIST, NULL},
    {"action.count", FIELD_NUMBER, NULL},
    {"action.target", FIELD_TEXT, NULL},
    {"action.risk", FIELD_TEXT, NULL},
    {"action.origin", FIELD_TEXT, NULL},
    {"action.args.", FIELD_FREE, NULL},
    {"assessment.severity", FIELD_TEXT, NULL},
    {"assessment.category", FIELD_TEXT, NULL},
    {"assessment.team", FIELD_TEXT, NULL},
    {"assessment.urgency", FIELD_TEXT, "high|low"},
    {"assessment.confidence", FIELD_TEXT, "low|medium|high"},
    {"assessment.basis", FIELD_TEXT, NULL},
    {"assessment.model", FIELD_BOOL, NULL},
    {"assessment.suspicious", FIELD_BOOL, NULL},
    {"people.assigned", FIELD_LIST, NULL},
    {"people.on_call", FIELD_LIST, NULL},
    {"people.proposer", FIELD_TEXT, NULL},
    {"people.proposer_kind", FIELD_TEXT, NULL},
    {"people.proposer_role", FIELD_TEXT, NULL},
};

static bool is_prefix(const struct field_def *d)
{
    return d->kind == FIELD_FREE;
}

const struct field_def *field_find(const char *path)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(FIELDS); i++) {
        const struct field_def *d = &FIELDS[i];

        if (is_prefix(d) ? text_starts(path, d->path) && path[strlen(d->path)] != '\0'
                         : strcmp(path, d->path) == 0)
            return d;
    }
    return NULL;
}

const struct field_def *field_at(size_t i)
{
    return i < ARRAY_LEN(FIELDS) ? &FIELDS[i] : NULL;
}

bool cond_field_known(const char *name)
{
    return field_find(name) != NULL;
}

bool field_in_seconds(const char *path)
{
    size_t len = strlen(path);

    return len > 2 && strcmp(path + len - 2, "_s") == 0;
}

bool field_of_policy(const char *path)
{
    return text_starts(path, "action.") || text_starts(path, "assessment.") ||
           text_starts(path, "people.");
}

#define NEAR_MAX 64

/* Levenshtein's distance; texts over NEAR_MAX bytes are as far away as can be. */
static size_t distance(const char *a, const char *b)
{
    size_t row[NEAR_MAX + 1], la = strlen(a), lb = strlen(b), i, j;

    if (la > NEAR_MAX || lb > NEAR_MAX)
        return SIZE_MAX;
    for (j = 0; j <= lb; j++)
        row[j] = j;
    for (i = 1; i <= la; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (j = 1; j <= lb; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[lb];
}

const char *field_nearest(const char *path)
{
    const char *best = FIELDS[0].path;
    size_t least = SIZE_MAX, i;

    for (i = 0; i < ARRAY_LEN(FIELDS); i++) {
        const char *dot = strchr(FIELDS[i].path, '.');
        size_t d = distance(path, FIELDS[i].path);
        /* "title" means incident.title more often than anything that merely looks alike. */
        size_t short_d = dot ? distance(path, dot + 1) : SIZE_MAX;

        if (short_d == 0)
            d = 0;
        if (d < least) {
            least = d;
            best = FIELDS[i].path;
        }
    }
    return best;
}

json_t *field_get(const json_t *facts, const char *path)
{
    const struct field_def *d = field_find(path);
    char head[NEAR_MAX];
    json_t *v, *base;
    const char *rest;
    size_t len;

    if (d == NULL)
        return NULL;
    if (!is_prefix(d)) {
        v = json_at(facts, path);
        return json_is_null(v) ? NULL : v;
    }
    /* Alert details come flattened ("labels.region" is one key), but nested ones are found as well. */
    len = strlen(d->path);
    CHECK(len < sizeof head);
    memcpy(head, d->path, len - 1);
    head[len - 1] = '\0';
    rest = path + len;
    base = json_at(facts, head);
    v = json_is_object(base) ? json_object_get(base, rest) : NULL;
    if (v == NULL && json_is_object(base))
        v = json_at(base, rest);
    return json_is_null(v) ? NULL : v;
}

json_t *cond_field(const json_t *facts, const char *name)
{
    return field_get(facts, name);
}

size_t slots_intern(struct slots *s, const char *path)
{
    size_t i;

    for (i = 0; i < s->n; i++)
        if (strcmp(s->paths[i], path) == 0)
            return i;
    if (s->n == s->room) {
        s->room = s->room ? s->room * 2 : 16;
        s->paths = mem_grow(s->paths, s->room, sizeof *s->paths);
    }
    s->paths[s->n] = mem_strdup(path);
    return s->n++;
}

void slots_done(struct slots *s)
{
    size_t i;

    for (i = 0; i < s->n; i++)
        mem_freep(&s->paths[i]);
    mem_freep(&s->paths);
    s->n = s->room = 0;
}

#ifndef TRIAGED_SOURCES_RUNBOOKS_PRIV_H
#define TRIAGED_SOURCES_RUNBOOKS_PRIV_H

#include <stdatomic.h>

#include "base/crypto.h"
#include "base/yaml.h"
#include "sources/runbooks.h"

#define RUNBOOK_SECTIONS_MAX  12
#define RUNBOOK_STEPS_MAX     12
#define RUNBOOK_STEP_BYTES    240
#define RUNBOOK_TEXT_BYTES    1500
#define RUNBOOK_HEADING_BYTES 160

struct runbook {
    char *path, *title, *owner, *reviewed; /* owner and reviewed may be NULL */
    char *summary;
    int64_t reviewed_ms; /* 0: unknown */
    json_t *services, *symptoms, *rules;
    char **folded; /* the symptoms as they are searched for; NULL: never found */
    json_t *sections;
    int64_t minutes; /* -1: unknown */
};
struct runbooks {
    atomic_uint refs;
    struct runbook *v;
    size_t n;
    json_t *by_rule,
        *by_service; /* name or id -> [index], so that an incident costs no walk over all of them */
    char hash[SHA256_HEX];
};

/* runbooks_md.c: sections of the Markdown behind the front matter; `lines` stand before it in the file. */
json_t *runbook_sections(const char *text, size_t len, int lines);
/* Minutes told as "(5 min)" or "(2 h)" in a text; -1 when none are. */
int64_t runbook_minutes(const char *text);
const char *runbook_part(const char *heading);

#endif

/* Bytes to struct pd_event, within the arena that the header promises to be enough. */
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/text.h"
#include "pagerduty/pagerduty.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena *a;
    struct pd_event ev;
    struct err e;

    if (!a) {
        crypto_init();
        a = arena_new(PD_EVENT_ARENA_BYTES);
    }
    if (pd_event_parse(a, data, size, &ev, &e) == 0) {
        if (!ev.id || !*ev.id || !ev.type || !*ev.type)
            abort();
        if (ev.incident_id && !text_is_id(ev.incident_id))
            abort();
        if (ev.has_incident && !text_is_id(ev.incident.id))
            abort();
        if (ev.text && strlen(ev.text) > PD_TEXT_MAX_BYTES)
            abort();
        if (ev.incident.assignments.n > PD_REFS_MAX || ev.incident.teams.n > PD_REFS_MAX)
            abort();
        if (arena_used(a) > 2 * size + 65536)
            abort();
    } else if (e.code != ERR_INPUT) {
        abort();
    }
    arena_reset(a);
    return 0;
}

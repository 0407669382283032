/* The list of notes: what read-back looks through for our marker. */
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "pagerduty/pagerduty.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena *a;
    struct pd_notes notes;
    struct err e;
    int r;

    if (!a) {
        crypto_init();
        a = arena_new(PD_READ_ARENA_BYTES);
    }
    r = pd_read_notes(a, (const char *)data, size, &notes, &e);
    if (r != 0 && r != ERR_INPUT)
        abort();
    if (r == 0 && (notes.n > notes.seen || notes.n > PD_NOTES_MAX))
        abort();
    for (size_t i = 0; r == 0 && i < notes.n; i++) {
        const struct pd_note *n = &notes.items[i];

        if (!n->id || (n->content && strlen(n->content) > PD_TEXT_MAX_BYTES) ||
            (n->cut && !n->content))
            abort();
    }
    arena_reset(a);
    return 0;
}

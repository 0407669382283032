#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/ask_bench.h"
#include "../unit/report_judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Any bytes as a model's reply to one fixed question: a repair that says what was wrong, or a report that a second judge finds clean. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena *arena;
    static json_t *asked;
    struct report_result r, again;
    char why[200];

    if (!asked) {
        crypto_init();
        asked = bench_asked();
        arena = arena_new((size_t)64 << 20);
    }
    report_check(arena, asked, (const char *)data, size, &r);
    report_check(arena, asked, (const char *)data, size, &again);
    if ((r.end == REPORT_OK) != (r.report != NULL) ||
        (r.end == REPORT_REPAIR) != (r.repair != NULL))
        abort();
    if (r.report && (!json_equal(r.report, again.report) ||
                     !judge_report(json_object_get(asked, "document"), r.report, why, sizeof(why))))
        abort();
    json_decref(r.report);
    json_decref(r.checks);
    json_decref(again.report);
    json_decref(again.checks);
    arena_reset(arena);
    return 0;
}

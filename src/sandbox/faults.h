#ifndef TRIAGED_SANDBOX_FAULTS_H
#define TRIAGED_SANDBOX_FAULTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* What the switched-on faults make of one request. Several may match; each kind counts once. */
struct fault_plan {
    int64_t delay_ms, late_reads_ms, applied_late_ms, hang_ms; /* 0: no */
    bool lost_answer, reset, garbage;
    int status, retry_after_s; /* status 0: no */
    bool with_body;
};

/* Own lock; any thread. */
void faults_match(const char *method, const char *path, struct fault_plan *out);
/* {"faults":[all]} or {"set":[more]}, "clear":true|id, "seed":n; ERR_INPUT says what is wrong, nothing changed then. */
int faults_change(json_t *in, struct err *e) MUST_CHECK;
void faults_clear(uint64_t seed);
json_t *faults_list(void);
/* True while a late_reads fault exists, so that changes keep snapshots. */
bool faults_late_reads(void);

#endif

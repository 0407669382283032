#ifndef TRIAGED_AUDIT_VERIFY_H
#define TRIAGED_AUDIT_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Verifier of the audit chain, for the file of a live or stopped daemon, a copy, or an exported JSONL file. Its own
 * library (room_audit_verify): it links SQLite, jansson and libcrypto and nothing of the writer's, not even base,
 * so that one mistake cannot hide in both.
 */
struct audit_verify_result {
    bool ok;
    int64_t rows;       /* checked */
    int64_t first_bad;  /* sequence number of the first bad or missing row; 0 when ok */
    int64_t head_seq;   /* last good row */
    char head_hash[65]; /* its hash: publish this, and give it to a later verification */
    char reason[200];   /* "row 17: hash does not match its fields", "rows 18 to 19 are missing" */
};

/* from_seq/from_hash: a checkpoint noted earlier (0, NULL = none): the chain must pass through it, so that a cut tail or a
 * rolled-back store is found. Returns 0 when the check could be made (see result->ok), -1 when the file is unreadable
 * (reason says why). */
int audit_verify_store(const char *path, int64_t from_seq, const char *from_hash,
                       struct audit_verify_result *out);
int audit_verify_jsonl(const char *path, int64_t from_seq, const char *from_hash,
                       struct audit_verify_result *out);

#endif

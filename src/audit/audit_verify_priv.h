#ifndef TRIAGED_AUDIT_VERIFY_PRIV_H
#define TRIAGED_AUDIT_VERIFY_PRIV_H

#include <stddef.h>

#include "audit/audit_verify.h"

#define VERIFY_HEX 64 /* digits of a hash */

/* A text field as it stands in the file; p is NULL for NULL. Borrowed. */
struct verify_text {
    const char *p;
    size_t len;
};

struct verify_row {
    int64_t seq, at_ms;
    struct verify_text actor, verb, subject, incident, detail, prev, hash;
};

struct verify_chain {
    struct audit_verify_result *out;
    int64_t next_seq; /* the row that must come now */
    char prev[VERIFY_HEX + 1];
    int64_t from_seq;
    char from_hash[VERIFY_HEX + 1];
    bool from_met;
    bool bad;
};

/* Returns -1 when the checkpoint is malformed (out->reason says how). may_skip: the file may begin right after it. */
int verify_begin(struct verify_chain *c, int64_t from_seq, const char *from_hash, bool may_skip,
                 struct audit_verify_result *out);
/* False when the row is bad; out is then complete and the reading stops. */
bool verify_row(struct verify_chain *c, const struct verify_row *r);
/* After the last row. */
void verify_end(struct verify_chain *c);
/* For a row that cannot even be taken apart. */
void verify_bad(struct verify_chain *c, int64_t seq, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif

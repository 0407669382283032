#ifndef TRIAGED_AUDIT_AUDIT_H
#define TRIAGED_AUDIT_AUDIT_H

#include <jansson.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/err.h"
#include "store/store.h"

/*
 * Append-only, hash-chained record of everything that changed, written in the same transaction as the change.
 *
 * Row n holds seq, at_ms, actor, verb, subject, incident, detail (canonical JSON) and
 *   hash = SHA-256 over the length-prefixed fields "triaged.audit.v1", seq, at_ms, actor, verb, subject, incident, detail,
 *          previous hash (64 hex digits; 64 zeros before row 1)
 * docs/security.md describes the bytes for people who write their own verifier. The verifier (audit_verify.h) shares no code
 * with this writer.
 */
struct audit;

#define AUDIT_NAME_MAX   200 /* bytes of actor, verb, subject and incident, each */
#define AUDIT_DETAIL_MAX 65536
#define AUDIT_ROW_MAX    81920

struct audit_entry {
    const char *actor;    /* "person:3", "system", "policy:NAME", "standing:2", "sandbox" */
    const char *verb;     /* "proposal.approved": noun.past participle */
    const char *subject;  /* "proposal:12", "incident:Q3K8", "config" */
    const char *incident; /* PagerDuty incident id, or NULL */
    json_t *detail; /* object, borrowed, may be NULL; digests of bodies, never bodies or secrets */
};

struct audit_head {
    int64_t seq;
    char hash[SHA256_HEX];
};

/* Writer: reads the head from the store. Engine thread. */
int audit_open(struct store *s, struct audit **out, struct err *e) MUST_CHECK;
void audit_close(struct audit *a);
/* ERR_INPUT for a name that is empty, too long or no UTF-8, or a detail that is too long: then nothing is written. */
int audit_append(struct audit *a, const struct audit_entry *x, int64_t now_wall_ms, struct err *e)
    MUST_CHECK;
/* The engine saves the head before a savepoint and puts it back when the savepoint or the pass is rolled back. */
struct audit_head audit_head(const struct audit *a);
void audit_set_head(struct audit *a, const struct audit_head *h);

/* Readers (own connection). Rows come as JSON objects {seq, at, actor, verb, subject, incident, detail, prev, hash}. */
struct audit_filter {
    int64_t
        after_seq; /* exclusive, in the order of the list: newest first it is an upper bound; 0 = from the start */
    const char *subject;  /* NULL = any; exact */
    const char *incident; /* NULL = any */
    unsigned limit;       /* 1..1000 */
    bool newest_first;
};
struct audit_reader;
int audit_reader_open(struct store *s, struct audit_reader **out, struct err *e) MUST_CHECK;
void audit_reader_close(struct audit_reader *r);
int audit_list(struct audit_reader *r, const struct audit_filter *f, json_t **out, struct err *e)
    MUST_CHECK;
int audit_get(struct audit_reader *r, int64_t seq, json_t **out, struct err *e) MUST_CHECK;
/* JSONL: the canonical JSON of each row after after_seq (sorted keys, no white space, raw UTF-8) and a line feed.
 * Returns the number of rows appended, 0 = none left; the next call goes on after after_seq + that number. ERR_INPUT when
 * they do not fit into out (a row is at most AUDIT_ROW_MAX bytes). */
int audit_export(struct audit_reader *r, int64_t after_seq, unsigned limit, struct buf *out,
                 struct err *e) MUST_CHECK;

const struct store_sql *audit_statements(size_t *n);

#endif

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit_verify_priv.h"

/*
 * The chain, checked from nothing but its description:
 *
 *   hash = SHA-256 over, in this order: "triaged.audit.v1", seq, at_ms, actor, verb, subject, incident, detail, previous hash
 *   a text is its length as 8 bytes, most significant first, and its bytes; NULL is 8 bytes of 0xff
 *   a number is 7 bytes of 0xff and one of 0xfe, then itself as 8 bytes, most significant first
 */
static void add_u64(EVP_MD_CTX *md, uint64_t v)
{
    unsigned char bytes[8];

    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(v >> (56 - 8 * i));
    if (EVP_DigestUpdate(md, bytes, sizeof bytes) != 1)
        abort();
}

static void add_text(EVP_MD_CTX *md, struct verify_text t)
{
    if (!t.p) {
        add_u64(md, UINT64_MAX);
        return;
    }
    add_u64(md, t.len);
    if (EVP_DigestUpdate(md, t.p, t.len) != 1)
        abort();
}

static void add_number(EVP_MD_CTX *md, int64_t v)
{
    add_u64(md, UINT64_MAX - 1);
    add_u64(md, (uint64_t)v);
}

static void compute(const struct verify_row *r, const char prev[VERIFY_HEX + 1],
                    char out[VERIFY_HEX + 1])
{
    static const char tag[] = "triaged.audit.v1";
    static const char digits[] = "0123456789abcdef";
    unsigned char raw[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *md = EVP_MD_CTX_new();

    if (!md || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1)
        abort();
    add_text(md, (struct verify_text){tag, sizeof tag - 1});
    add_number(md, r->seq);
    add_number(md, r->at_ms);
    add_text(md, r->actor);
    add_text(md, r->verb);
    add_text(md, r->subject);
    add_text(md, r->incident);
    add_text(md, r->detail);
    add_text(md, (struct verify_text){prev, VERIFY_HEX});
    if (EVP_DigestFinal_ex(md, raw, NULL) != 1)
        abort();
    EVP_MD_CTX_free(md);
    for (size_t i = 0; i < VERIFY_HEX / 2; i++) {
        out[2 * i] = digits[raw[i] >> 4];
        out[2 * i + 1] = digits[raw[i] & 15];
    }
    out[VERIFY_HEX] = '\0';
}

static bool same(struct verify_text t, const char hex[VERIFY_HEX + 1])
{
    return t.p && t.len == VERIFY_HEX && memcmp(t.p, hex, VERIFY_HEX) == 0;
}

void verify_bad(struct verify_chain *c, int64_t seq, const char *fmt, ...)
{
    va_list ap;

    c->bad = true;
    c->out->ok = false;
    c->out->first_bad = seq;
    va_start(ap, fmt);
    (void)vsnprintf(c->out->reason, sizeof c->out->reason, fmt, ap);
    va_end(ap);
}

static bool is_hash(const char *s)
{
    return strlen(s) == VERIFY_HEX && strspn(s, "0123456789abcdef") == VERIFY_HEX;
}

int verify_begin(struct verify_chain *c, int64_t from_seq, const char *from_hash, bool may_skip,
                 struct audit_verify_result *out)
{
    memset(out, 0, sizeof *out);
    memset(c, 0, sizeof *c);
    c->out = out;
    c->next_seq = 1;
    memset(c->prev, '0', VERIFY_HEX);
    memset(out->head_hash, '0', VERIFY_HEX);
    if (from_seq == 0 && !from_hash)
        return 0;
    if (from_seq < 1 || from_seq == INT64_MAX || !from_hash || !is_hash(from_hash)) {
        (void)snprintf(out->reason, sizeof out->reason,
                       "the checkpoint must be a number from 1 and 64 lower-case hex digits");
        return -1;
    }
    c->from_seq = from_seq;
    memcpy(c->from_hash, from_hash, VERIFY_HEX);
    if (may_skip)
        c->next_seq = 0; /* the first row decides: 1, or the one after the checkpoint */
    return 0;
}

static void choose_start(struct verify_chain *c, const struct verify_row *r)
{
    c->next_seq = 1;
    if (r->seq == c->from_seq + 1) {
        c->next_seq = r->seq;
        memcpy(c->prev, c->from_hash, VERIFY_HEX);
        c->from_met = true;
    }
}

static bool check_place(struct verify_chain *c, const struct verify_row *r)
{
    int64_t want = c->next_seq;

    if (r->seq == want)
        return true;
    if (r->seq < want)
        verify_bad(c, r->seq, "row %" PRId64 " stands where row %" PRId64 " belongs", r->seq, want);
    else if (r->seq == want + 1)
        verify_bad(c, want, "row %" PRId64 " is missing", want);
    else
        verify_bad(c, want, "rows %" PRId64 " to %" PRId64 " are missing", want, r->seq - 1);
    return false;
}

bool verify_row(struct verify_chain *c, const struct verify_row *r)
{
    char hash[VERIFY_HEX + 1];

    if (c->next_seq == 0)
        choose_start(c, r);
    if (!check_place(c, r))
        return false;
    if (!same(r->prev, c->prev)) {
        verify_bad(c, r->seq, "row %" PRId64 " does not follow from the row before it", r->seq);
        return false;
    }
    compute(r, c->prev, hash);
    if (!same(r->hash, hash)) {
        verify_bad(c, r->seq, "row %" PRId64 ": hash does not match its fields", r->seq);
        return false;
    }
    if (r->seq == c->from_seq) {
        if (memcmp(hash, c->from_hash, VERIFY_HEX) != 0) {
            verify_bad(c, r->seq,
                       "row %" PRId64 " is not the one of the checkpoint: the chain was rewritten",
                       r->seq);
            return false;
        }
        c->from_met = true;
    }
    memcpy(c->prev, hash, VERIFY_HEX);
    c->next_seq = r->seq + 1;
    c->out->rows++;
    c->out->head_seq = r->seq;
    memcpy(c->out->head_hash, hash, sizeof hash);
    return true;
}

void verify_end(struct verify_chain *c)
{
    if (c->bad)
        return;
    if (c->from_seq > 0 && !c->from_met) {
        verify_bad(c, c->out->head_seq + 1,
                   "the log ends with row %" PRId64 ", before the checkpoint at row %" PRId64
                   ": its tail was cut or an older copy was put in its place",
                   c->out->head_seq, c->from_seq);
        return;
    }
    c->out->ok = true;
}

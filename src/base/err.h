#ifndef TRIAGED_BASE_ERR_H
#define TRIAGED_BASE_ERR_H

#include "base/attr.h"

/* A negative code that says what to do, and a message for a person. 0 is success everywhere. */
enum err_code {
    ERR_NONE = 0,
    ERR_INPUT = -1,     /* malformed or over a limit; will never be accepted */
    ERR_NOT_FOUND = -2, /* absent, which may be fine */
    ERR_CONFLICT = -3,  /* someone was first: re-read before deciding again */
    ERR_DENIED = -4,    /* signature, permission or policy said no */
    ERR_RETRY = -5,     /* nothing happened; the same call may work later */
    ERR_UNSURE = -6,    /* it was sent and we do not know: reconcile, never resend */
    ERR_INTERNAL = -7,  /* disk, corruption, our own mistake */
};

struct err {
    enum err_code code;
    unsigned retry_after_s; /* with ERR_RETRY, 0 = use our own backoff */
    char msg[256];          /* one line, no secrets, no payload text */
};

/* Both return the code, so that a failure is one statement: return err_set(e, ERR_INPUT, "..."); */
int err_set(struct err *e, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Puts "context: " in front of what is there. */
int err_wrap(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* ERR_RETRY with the wait that the other side asked for. */
int err_retry(struct err *e, unsigned retry_after_s, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* "input", "not found" ...: the word for logs and API answers. */
const char *err_name(enum err_code code);

#endif

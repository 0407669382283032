#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

/* A message is one line: what callers put into it may come from a file name or from libyaml. */
static void make_one_line(char *msg)
{
    for (char *p = msg; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';
}

/* vsnprintf cuts at a byte; a cut UTF-8 character would make the JSON of an API answer invalid. */
__attribute__((format(printf, 2, 0))) static void set_message(struct err *e, const char *fmt,
                                                              va_list ap)
{
    char line[2 * sizeof(e->msg)];
    int n = vsnprintf(line, sizeof(line), fmt, ap);
    size_t len = n < 0 ? 0 : (size_t)n;

    if (len >= sizeof(line))
        len = sizeof(line) - 1;
    len = text_cut(line, len, sizeof(e->msg) - 1);
    memcpy(e->msg, line, len);
    e->msg[len] = '\0';
    make_one_line(e->msg);
}

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
    va_list ap;

    e->code = code;
    e->retry_after_s = 0;
    va_start(ap, fmt);
    set_message(e, fmt, ap);
    va_end(ap);
    return code;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
    char old[sizeof(e->msg)];
    size_t context, rest;
    va_list ap;

    memcpy(old, e->msg, sizeof(old));
    va_start(ap, fmt);
    set_message(e, fmt, ap);
    va_end(ap);
    context = strlen(e->msg);
    if (context + 2 >= sizeof(e->msg))
        return e->code; /* no room is left for what was there */
    memcpy(e->msg + context, ": ", 2);
    context += 2;
    rest = text_cut(old, strlen(old), sizeof(e->msg) - 1 - context);
    memcpy(e->msg + context, old, rest);
    e->msg[context + rest] = '\0';
    return e->code;
}

int err_retry(struct err *e, unsigned retry_after_s, const char *fmt, ...)
{
    va_list ap;

    e->code = ERR_RETRY;
    e->retry_after_s = retry_after_s;
    va_start(ap, fmt);
    set_message(e, fmt, ap);
    va_end(ap);
    return ERR_RETRY;
}

const char *err_name(enum err_code code)
{
    switch (code) {
    case ERR_NONE:
        return "none";
    case ERR_INPUT:
        return "input";
    case ERR_NOT_FOUND:
        return "not found";
    case ERR_CONFLICT:
        return "conflict";
    case ERR_DENIED:
        return "denied";
    case ERR_RETRY:
        return "retry";
    case ERR_UNSURE:
        return "unsure";
    case ERR_INTERNAL:
        return "internal";
    }
    return "unknown";
}

void check_failed(const char *cond, const char *file, int line)
{
    char msg[512];
    int n = snprintf(msg, sizeof(msg), "triaged: CHECK(%s) failed at %s:%d, aborting\n", cond, file,
                     line);

    if (n > 0) {
        size_t len = (size_t)n < sizeof(msg) ? (size_t)n : sizeof(msg) - 1;
        ssize_t sent = write(STDERR_FILENO, msg, len);

        (void)sent; /* nothing is left to do about it */
    }
    abort();
}

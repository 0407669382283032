#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define FIRST_ROOM ((size_t)64)

void buf_init(struct buf *b, size_t cap_bytes)
{
    CHECK(cap_bytes < SIZE_MAX / 2);
    *b = (struct buf){.cap = cap_bytes};
    b->room = cap_bytes + 1 < FIRST_ROOM ? cap_bytes + 1 : FIRST_ROOM;
    b->data = mem_alloc(b->room);
}

void buf_done(struct buf *b)
{
    free(b->data);
    *b = (struct buf){0};
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->over = false;
    if (b->data)
        b->data[0] = '\0';
}

/* Room for `more` bytes and the NUL, or the sticky flag. */
static bool make_room(struct buf *b, size_t more)
{
    size_t need, room;

    if (b->over || more > b->cap - b->len) {
        b->over = true;
        return false;
    }
    need = b->len + more + 1;
    if (need <= b->room)
        return true;
    room = b->room < FIRST_ROOM ? FIRST_ROOM : b->room * 2;
    if (room < need)
        room = need;
    if (room > b->cap + 1)
        room = b->cap + 1;
    b->data = mem_grow(b->data, room, 1);
    b->room = room;
    return true;
}

void buf_add(struct buf *b, const void *p, size_t len)
{
    if (!make_room(b, len))
        return;
    if (len)
        memcpy(b->data + b->len, p, len);
    b->len += len;
    b->data[b->len] = '\0';
}

void buf_puts(struct buf *b, const char *s)
{
    if (s)
        buf_add(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    CHECK(n >= 0);
    if (make_room(b, (size_t)n)) {
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

const char *buf_str(const struct buf *b)
{
    return b->data ? b->data : "";
}

char *buf_take(struct buf *b, size_t *len)
{
    char *p = b->data ? b->data : mem_strdup("");

    if (len)
        *len = b->len;
    *b = (struct buf){.cap = b->cap};
    return p;
}

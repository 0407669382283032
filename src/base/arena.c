#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Most jobs fit one chunk; what is larger than a chunk gets one of its own. */
#define CHUNK_BYTES (16 * (size_t)1024)
#define ALIGN       alignof(max_align_t)

struct chunk {
    struct chunk *next;
    size_t room;
    size_t used;
    alignas(max_align_t) unsigned char bytes[];
};

struct arena {
    struct chunk *first; /* kept by arena_reset */
    struct chunk *last;  /* where small pieces come from */
    size_t cap;
    size_t used;
};

static struct chunk *chunk_new(size_t room)
{
    struct chunk *c = mem_alloc(sizeof(*c) + room);

    c->room = room;
    return c;
}

struct arena *arena_new(size_t cap_bytes)
{
    struct arena *a = mem_alloc(sizeof(*a));

    /* Rounding each piece up costs at most ALIGN - 1 bytes, which is counted against the cap. */
    a->cap = cap_bytes;
    a->first = chunk_new(cap_bytes < CHUNK_BYTES ? cap_bytes + ALIGN : CHUNK_BYTES);
    a->last = a->first;
    return a;
}

static void free_after(struct chunk *c)
{
    while (c) {
        struct chunk *next = c->next;

        free(c);
        c = next;
    }
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    free_after(a->first);
    free(a);
}

void arena_freep(struct arena **a)
{
    arena_free(*a);
    *a = NULL;
}

void arena_reset(struct arena *a)
{
    free_after(a->first->next);
    memset(a->first->bytes, 0, a->first->used);
    a->first->next = NULL;
    a->first->used = 0;
    a->last = a->first;
    a->used = 0;
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    size_t want;
    void *p;

    CHECK(bytes <= a->cap - a->used);
    want = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    if (want == 0)
        want = ALIGN;
    if (want > a->last->room - a->last->used) {
        struct chunk *c = chunk_new(want > CHUNK_BYTES ? want : CHUNK_BYTES);

        a->last->next = c;
        a->last = c;
    }
    p = a->last->bytes + a->last->used;
    a->last->used += want;
    a->used = want < a->cap - a->used ? a->used + want : a->cap;
    return p;
}

void *arena_array(struct arena *a, size_t n, size_t bytes)
{
    size_t total;

    CHECK(!__builtin_mul_overflow(n, bytes, &total));
    return arena_alloc(a, total);
}

void *arena_memdup(struct arena *a, const void *p, size_t len)
{
    void *copy = arena_alloc(a, len);

    if (len)
        memcpy(copy, p, len);
    return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return s ? arena_strndup(a, s, strlen(s)) : NULL;
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
    char *copy;

    if (!s)
        return NULL;
    CHECK(len < SIZE_MAX);
    copy = arena_alloc(a, len + 1);
    memcpy(copy, s, len);
    return copy;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap, again;
    char *out;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    CHECK(n >= 0);
    out = arena_alloc(a, (size_t)n + 1);
    vsnprintf(out, (size_t)n + 1, fmt, again);
    va_end(again);
    return out;
}

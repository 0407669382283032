#ifndef TRIAGED_BASE_MEM_H
#define TRIAGED_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* Allocation that aborts instead of returning NULL (style 7): the restart keeps every promise. */
void *mem_alloc(size_t bytes);           /* zeroed */
void *mem_array(size_t n, size_t bytes); /* zeroed, overflow checked */
void *mem_grow(void *p, size_t n,
               size_t bytes);    /* realloc, overflow checked; new part is not zeroed */
char *mem_strdup(const char *s); /* NULL gives NULL */
char *mem_strndup(const char *s, size_t len);
void mem_freep(void *pp); /* for AUTO: frees *pp (any object pointer type) and leaves NULL */

/*
 * Arena: everything that dies with one job or one request. Freed as a whole, never in part.
 * Going over cap_bytes is our own bug (CHECK aborts): what comes from outside is measured before it is copied.
 * One thread at a time.
 */
struct arena;
struct arena *arena_new(size_t cap_bytes);
void arena_free(struct arena *a); /* accepts NULL */
void arena_freep(struct arena **a);
void arena_reset(struct arena *a); /* keeps the first chunk for the next use */
size_t arena_used(const struct arena *a);
void *arena_alloc(struct arena *a, size_t bytes); /* zeroed, aligned for any type */
void *arena_array(struct arena *a, size_t n, size_t bytes);
void *arena_memdup(struct arena *a, const void *p, size_t len);
char *arena_strdup(struct arena *a, const char *s); /* NULL gives NULL */
char *arena_strndup(struct arena *a, const char *s, size_t len);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

/*
 * Growing byte buffer with a hard cap. Appends over the cap (or after one failed) set the sticky `over` flag and change
 * nothing more: test it once at the end. `data` is always terminated by a NUL that `len` does not count.
 */
struct buf {
    char *data;
    size_t len;
    size_t room;
    size_t cap;
    bool over;
};
void buf_init(struct buf *b, size_t cap_bytes);
void buf_done(struct buf *b); /* for AUTO; accepts a zeroed struct */
void buf_clear(struct buf *b);
void buf_add(struct buf *b, const void *p, size_t len);
void buf_puts(struct buf *b, const char *s); /* NULL adds nothing */
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The text so far, never NULL; borrowed. */
const char *buf_str(const struct buf *b);
/* Hands the malloc'ed, NUL-terminated bytes to the caller and leaves the buffer empty. */
char *buf_take(struct buf *b, size_t *len);

/* A secret: locked memory that is wiped when freed. There is no function that prints it. */
struct secret;
struct secret *secret_new(const void *p, size_t len);
void secret_free(struct secret *s); /* accepts NULL */
void secret_freep(struct secret **s);
const char *secret_bytes(const struct secret *s, size_t *len); /* also NUL-terminated; borrowed */

#endif

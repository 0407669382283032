#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* calloc and realloc may return NULL for 0 bytes, which would look like an empty machine. */
static size_t at_least_one(size_t n)
{
    return n ? n : 1;
}

static size_t product(size_t n, size_t bytes)
{
    size_t total;

    CHECK(!__builtin_mul_overflow(n, bytes, &total));
    return total;
}

void *mem_alloc(size_t bytes)
{
    void *p = calloc(1, at_least_one(bytes));

    CHECK(p);
    return p;
}

void *mem_array(size_t n, size_t bytes)
{
    return mem_alloc(product(n, bytes));
}

void *mem_grow(void *p, size_t n, size_t bytes)
{
    void *q = realloc(p, at_least_one(product(n, bytes)));

    CHECK(q);
    return q;
}

char *mem_strdup(const char *s)
{
    return s ? mem_strndup(s, strlen(s)) : NULL;
}

char *mem_strndup(const char *s, size_t len)
{
    char *copy;

    if (!s)
        return NULL;
    CHECK(len < SIZE_MAX);
    copy = malloc(len + 1);
    CHECK(copy);
    memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}

void mem_freep(void *pp)
{
    void *p;

    /* Through memcpy: pp is a char **, a struct x ** ..., and reading those as void ** breaks the aliasing rules. */
    memcpy(&p, pp, sizeof(p));
    free(p);
    p = NULL;
    memcpy(pp, &p, sizeof(p));
}

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct secret {
    char *bytes; /* sodium_malloc: guard pages, mlock, wiped when freed */
    size_t len;
};

struct secret *secret_new(const void *p, size_t len)
{
    struct secret *s = mem_alloc(sizeof(*s));

    CHECK(sodium_init() >= 0);
    s->bytes = sodium_malloc(len + 1);
    CHECK(s->bytes);
    if (len)
        memcpy(s->bytes, p, len);
    s->bytes[len] = '\0';
    s->len = len;
    /* From here on nothing has a reason to write to it. */
    CHECK(sodium_mprotect_readonly(s->bytes) == 0);
    return s;
}

void secret_free(struct secret *s)
{
    if (!s)
        return;
    sodium_free(s->bytes);
    free(s);
}

void secret_freep(struct secret **s)
{
    secret_free(*s);
    *s = NULL;
}

const char *secret_bytes(const struct secret *s, size_t *len)
{
    if (len)
        *len = s->len;
    return s->bytes;
}

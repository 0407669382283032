#include "base/crypto.h"
#include "store/store_priv.h"
#include "store/store_sql.h"

const struct store_sql *store_statements(size_t *n)
{
    *n = ARRAY_LEN(store_sql_table);
    return store_sql_table;
}

int store_body_put(struct store *s, const void *p, size_t len, int64_t now_wall_ms,
                   char out_sha256[65], struct err *e)
{
    struct store_stmt *q = store_begin(s->own, STORE_BODY_PUT);
    char digest[SHA256_HEX];
    int rc;

    sha256_hex(p, len, digest);
    store_bind_text(q, 1, digest);
    store_bind_blob(q, 2, p, len);
    store_bind_int(q, 3, now_wall_ms);
    rc = store_exec(q, e);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < sizeof digest; i++)
        out_sha256[i] = digest[i];
    return 0;
}

int store_body_get(struct store *s, const char *sha256, struct arena *a, const char **out,
                   size_t *len, struct err *e)
{
    struct store_stmt *q = store_begin(s->own, STORE_BODY_GET);
    const void *p;
    size_t n;
    int rc;

    store_bind_text(q, 1, sha256);
    rc = store_step(q, e);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "body %.12s... is not kept (any more)", sha256);
    p = store_blob(q, 0, &n);
    *out = arena_strndup(a, p ? p : "", n);
    *len = n;
    store_reset(q);
    return 0;
}

int store_meta_get(struct store *s, const char *key, struct arena *a, const char **out,
                   struct err *e)
{
    struct store_stmt *q = store_begin(s->own, STORE_META_GET);
    int rc;

    store_bind_text(q, 1, key);
    rc = store_step(q, e);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "meta: no value for %.60s", key);
    *out = store_text_dup(q, 0, a);
    store_reset(q);
    return 0;
}

int store_meta_set(struct store *s, const char *key, const char *value, struct err *e)
{
    struct store_stmt *q = store_begin(s->own, STORE_META_SET);
    int rc;

    store_bind_text(q, 1, key);
    store_bind_text(q, 2, value);
    rc = store_exec(q, e);
    return rc < 0 ? rc : 0;
}

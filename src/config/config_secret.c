#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "config/config_priv.h"

#define CREDENTIAL_PREFIX "credential:"

const char *config_path(struct config_box *c, const char *path)
{
    const char *slash = strrchr(c->pub.path, '/');

    if (path[0] == '/' || !slash)
        return arena_strdup(c->arena, path);
    return arena_printf(c->arena, "%.*s/%s", (int)(slash - c->pub.path), c->pub.path, path);
}

static int keep(struct config_box *c, struct secret *s, const struct secret **out)
{
    CHECK(c->n_secrets < CONFIG_OWNED_SECRETS);
    c->secrets[c->n_secrets++] = s;
    *out = s;
    return 0;
}

static int from_environment(struct config_box *c, const char *env, const struct secret **out)
{
    char *value = getenv(
        env); /* NOLINT(concurrency-mt-unsafe): loaded before threads, and on SIGHUP the variable is gone */

    *out = NULL;
    if (!value || !value[0])
        return 0;
    struct secret *s = secret_new(value, strlen(value));

    return keep(c, s, out);
}

int config_secret(struct config_box *c, const struct yaml_doc *doc, const char *pointer,
                  const char *spec, const char *env, const struct secret **out, struct err *e)
{
    const char *path;
    struct secret *s = NULL;
    struct err why = {0};

    if (!spec)
        return env ? from_environment(c, env, out) : 0;
    if (text_starts(spec, CREDENTIAL_PREFIX)) {
        const char *dir = getenv(
            "CREDENTIALS_DIRECTORY"); /* NOLINT(concurrency-mt-unsafe): never changed by us */

        if (!dir)
            return yaml_error(
                doc, pointer, e,
                "'%s' needs a systemd credential, but CREDENTIALS_DIRECTORY is not set; add "
                "LoadCredential= to the unit or name a file",
                spec);
        path = arena_printf(c->arena, "%s/%s", dir, spec + strlen(CREDENTIAL_PREFIX));
    } else {
        path = config_path(c, spec);
    }
    if (file_read_secret(path, &s, &why) < 0)
        return yaml_error(doc, pointer, e, "%s%s", why.msg,
                          why.code == ERR_NOT_FOUND
                              ? "; put the secret into it (chmod 600), or take this line out"
                              : "");
    return keep(c, s, out);
}

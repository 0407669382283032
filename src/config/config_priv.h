#ifndef TRIAGED_CONFIG_PRIV_H
#define TRIAGED_CONFIG_PRIV_H

#include <stdatomic.h>

#include "base/crypto.h"
#include "base/yaml.h"
#include "config/config.h"

#define CONFIG_ARENA_BYTES   ((size_t)256 * 1024)
#define CONFIG_OWNED_SECRETS (CONFIG_ENDPOINTS_MAX * CONFIG_SECRETS_MAX + 2)

/* What config_unref frees; the public part comes first. */
struct config_box {
    struct config pub;
    atomic_int refs;
    struct arena *arena;
    char hash[SHA256_HEX];
    struct secret *secrets[CONFIG_OWNED_SECRETS];
    size_t n_secrets;
};

extern const char config_schema_json[];
extern const size_t config_schema_json_len;
extern const char config_example_yaml[];

/*
 * "credential:NAME" (systemd), a path (relative ones from the folder of the configuration), or the environment variable env when
 * spec is NULL. *out NULL with return 0: neither is there. The environment's copy is wiped after reading.
 */
int config_secret(struct config_box *c, const struct yaml_doc *doc, const char *pointer,
                  const char *spec, const char *env, const struct secret **out, struct err *e)
    MUST_CHECK;
const char *config_path(struct config_box *c, const char *path);

/* config_model.c; a section that is absent (NULL) gives the defaults. */
int config_read_model(struct config_box *c, const struct yaml_doc *doc, const json_t *s,
                      struct err *e) MUST_CHECK;
void config_read_send(struct config_box *c, const json_t *s);
void config_read_redaction(struct config_box *c, const json_t *s);

#endif

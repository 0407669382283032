#include <stddef.h>
#include <stdint.h>

#include "base/crypto.h"
#include "config/config.h"

/* Bytes as triaged.yaml. What loads must be whole: every pointer that the daemon uses without looking is there. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *c = NULL;
    struct err e = {0};

    crypto_init();
    if (config_parse("/nowhere/triaged.yaml", (const char *)data, size, &c, &e) < 0)
        return 0;
    CHECK(c->state_dir && c->rules_dir && c->policy_file && c->intake.bind &&
          c->pagerduty.base_url);
    CHECK(c->intake.n_endpoints >= 1 && c->intake.n_endpoints <= CONFIG_ENDPOINTS_MAX);
    CHECK(c->intake.threads >= 1 && c->gate.send_limit_ms > 0 && c->triage.time_zone &&
          c->log.level);
    CHECK(config_service_mode(c, "PX") <= MODE_PROPOSE);
    config_unref(c);
    return 0;
}

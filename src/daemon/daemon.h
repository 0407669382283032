#ifndef TRIAGED_DAEMON_DAEMON_H
#define TRIAGED_DAEMON_DAEMON_H

#include "engine/engine.h"
#include "gate/gate.h"
#include "gate/world.h"
#include "http/http.h"
#include "llm/llm.h"
#include "llm/prompt.h"
#include "llm/redact.h"
#include "sources/runbooks.h"
#include "sources/sources.h"
#include "triage/triage.h"

/* One configuration file with what it names, loaded together or not at all. */
struct loaded {
    struct config *cfg;
    struct rules *rules;
    struct policy *policy;
    struct prompts *prompts;
    struct redactor *redactor;
    struct sources *sources;
    struct runbooks *runbooks;
};
/* key: of this installation's placeholders; NULL: only to see whether all is right (no text is redacted with it). */
int loaded_load(const char *path, const uint8_t *key, struct loaded *out, struct err *e) MUST_CHECK;
/* The redactor again, with the installation's own key. */
int loaded_key(struct loaded *l, const uint8_t key[REDACT_KEY_BYTES], struct err *e) MUST_CHECK;
void loaded_done(struct loaded *l);

/* Wiring of the engine's world; the daemon makes no decisions. */
struct daemon {
    const char *config_path;
    struct loaded now;
    uint8_t redaction_key[REDACT_KEY_BYTES];
    struct engine *engine;
    struct world world;
    struct http_server *http;
    char *store_path, *control_path, *port_path;
    struct store_check *check;
};
/* The table of steps. */
extern const struct step *const daemon_steps[];
/* What gate and triage queue at every start. */
int world_on_start(struct engine_pass *p, struct err *e) MUST_CHECK;
int world_open(struct daemon *d, struct err *e) MUST_CHECK;
void world_close(struct daemon *d);
/* A new set takes over between two passes of the engine. Waits until it has. Takes over l's references on success. */
int world_swap(struct daemon *d, struct loaded *l, struct err *e) MUST_CHECK;

/* SIGHUP cannot change what was fixed at start: 0, or ERR_INPUT naming every setting that differs. */
int restart_settings_same(const struct config *now, const struct config *next, struct err *e)
    MUST_CHECK;
/* A refused reload is an alarm until one succeeds. */
void refused_alarm(struct engine *engine, const struct err *why);

/* Creates the folder (0700), checks owner and mode; engages the kill switch at the very first start. */
int state_dir_open(const char *path, struct err *e) MUST_CHECK;

/* The key behind placeholders such as [email:3fa2c1d09b]: made at the first start, kept in the folder, so that they stay the same. */
int redaction_key_open(const char *state_dir, uint8_t key[REDACT_KEY_BYTES], struct err *e)
    MUST_CHECK;

/* quick_check on a reading connection, table by table, in its own thread after ready. Until it has passed, the gate executes nothing. */
struct store_check;
int store_check_start(const char *store_path, struct http_server *http, struct engine *engine,
                      struct store_check **out, struct err *e) MUST_CHECK;
void store_check_stop(struct store_check *c); /* accepts NULL */

#endif

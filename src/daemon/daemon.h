#ifndef TRIAGED_DAEMON_DAEMON_H
#define TRIAGED_DAEMON_DAEMON_H

#include "engine/engine.h"
#include "gate/gate.h"
#include "gate/world.h"
#include "http/http.h"
#include "triage/triage.h"

/* One configuration file with what it names, loaded together or not at all. */
struct loaded {
    struct config *cfg;
    struct rules *rules;
    struct policy *policy;
};
int loaded_load(const char *path, struct loaded *out, struct err *e) MUST_CHECK;
void loaded_done(struct loaded *l);

/* Wiring of the engine's world; the daemon makes no decisions. */
struct daemon {
    const char *config_path;
    struct loaded now;
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

/* quick_check on a reading connection, table by table, in its own thread after ready. Until it has passed, the gate executes nothing. */
struct store_check;
int store_check_start(const char *store_path, struct http_server *http, struct engine *engine,
                      struct store_check **out, struct err *e) MUST_CHECK;
void store_check_stop(struct store_check *c); /* accepts NULL */

#endif

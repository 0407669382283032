#ifndef TRIAGED_CONFIG_CONFIG_H
#define TRIAGED_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

/*
 * One YAML file becomes one immutable struct config. Unknown keys and wrong types are errors with file, line and what
 * was expected. Every default and limit stands in config_schema.c and is explained in etc/triaged.yaml. Relative paths are
 * relative to the configuration file's folder. Secrets come from *_file settings only; they are read at load.
 */
#define CONFIG_ENDPOINTS_MAX 32
#define CONFIG_SECRETS_MAX   4

enum mode {
    MODE_OFF,
    MODE_SHADOW,
    MODE_PROPOSE
};
const char *mode_name(enum mode m);
int mode_parse(const char *s); /* negative when unknown */

struct config_endpoint {
    const char *name;                                 /* "" is /webhooks/pagerduty itself */
    const struct secret *secrets[CONFIG_SECRETS_MAX]; /* several while rotating */
    size_t n_secrets;
};

struct config_service_mode {
    const char *service_id;
    enum mode mode;
};

struct config {
    const char *path;      /* of the file */
    const char *state_dir; /* store.db, control.sock, kill-switch; created 0700 */
    const char *rules_dir;
    const char *policy_file;

    struct {
        const char *bind; /* "127.0.0.1" */
        uint16_t port;    /* 0 = any free one, written to state_dir/port */
        unsigned threads;
        unsigned connections_max;
        size_t body_max_bytes;      /* 512 KiB */
        int64_t max_age_ms;         /* intake.max_age_s: 7 days */
        unsigned failed_per_minute; /* failed verifications per address before 429 */
        struct config_endpoint endpoints[CONFIG_ENDPOINTS_MAX];
        size_t n_endpoints;
    } intake;

    struct {
        const char *base_url;
        const char *auth;           /* "token" or "bearer" */
        const struct secret *token; /* NULL = none: receives and stores only */
        const char *
            from_email; /* service user: From of standing approvals' notes when policy says service */
        const char *subscription_id; /* watched by doctor; may be NULL */
        unsigned per_minute;         /* 960 */
        unsigned reserve_pct;        /* 20 */
        unsigned timeout_ms;
        bool allow_private; /* the sandbox on loopback */
        int64_t cache_service_ms, cache_policy_ms, cache_oncall_ms, cache_history_ms;
        int64_t history_window_ms; /* how far back similar incidents are looked for: 180 d */
    } pagerduty;

    struct {
        int64_t judge_after_ms; /* 1500 */
        int64_t refresh_ms;     /* open incidents with a live proposal are re-read this often */
        unsigned proposals_max; /* 3 live ones an incident */
        bool triage_note;       /* the standing code-made note, if a standing approval covers it */
        const char *time_zone;  /* for people-facing times */
    } triage;

    struct {
        int64_t expires_ms;      /* 15 min unless policy says otherwise */
        int64_t quiet_ms;        /* 20 s: after an unclear send, before the read-back counts */
        int64_t resend_gap_ms;   /* 60 s: between the two empty reads that allow one resend */
        int64_t send_limit_ms;   /* 10 s on the whole request */
        int64_t start_limit_ms;  /* 5 s from commit to socket */
        int64_t confirm_wait_ms; /* first wait before the effect is read back */
        int64_t unsure_after_ms; /* 10 min: still unclear then: a person decides */
    } gate;

    enum mode mode; /* default for all services */
    const struct config_service_mode *service_modes;
    size_t n_service_modes;

    struct {
        const char *level; /* debug info warn error */
        bool json;
    } log;
    int64_t clock_offset_ms; /* development builds and the sandbox only */
};

/* Immutable and ref-counted: shared between threads as a snapshot. */
int config_load(const char *path, struct config **out, struct err *e) MUST_CHECK;
/* The same from memory; path is where relative paths start and what messages name. */
int config_parse(const char *path, const char *bytes, size_t len, struct config **out,
                 struct err *e) MUST_CHECK;
struct config *config_ref(struct config *c);
void config_unref(struct config *c); /* accepts NULL; the last one wipes the secrets */
const char *config_hash(
    const struct config *c); /* SHA-256 of the file's bytes, for the audit record of each load */
enum mode config_service_mode(const struct config *c, const char *service_id);
/* The shipped file with every setting explained, as text (init writes it). */
const char *config_example(void);

#endif

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

/* How a model endpoint is spoken to; prices and budgets are ours, not the vendor's. Costs are micro-units of one currency. */
struct config_model {
    const char *base_url; /* NULL: no model; everything but prose works */
    const char *dialect;  /* "openai_chat", "anthropic" or "ollama" */
    const char *
        path; /* behind base_url; NULL: the dialect's own (Azure needs its deployment and api-version here) */
    const char *auth; /* "bearer", "x-api-key", "api-key" or "none" */
    const char *
        schema_mode; /* strict, nested, llamacpp_flat, vllm_structured, ollama_format, prompt_only; never NULL */
    const char *name;         /* the model */
    const struct secret *key; /* NULL: none is sent */
    bool allow_private, reasoning /* sends no temperature */, canary;
    int64_t timeout_ms;  /* of one call */
    int64_t deadline_ms; /* of all calls for one assessment, the repair included */
    int64_t context_tokens, max_output_tokens;
    int64_t bytes_per_token_x10; /* estimate before the call; 30 is 3.0, on the safe side */
    int64_t price_input, price_cached_input, price_cache_write,
        price_output; /* micro-units per million tokens */
    /* 0 = no limit */
    int64_t tokens_per_incident, tokens_per_hour, tokens_per_day;
    int64_t cost_per_incident, cost_per_hour, cost_per_day; /* micro-units */
    int64_t reuse_ms; /* an equal symptom within this time reuses the assessment: 30 min */
    int64_t breaker_failures,
        breaker_open_ms; /* so many failures in a row: nothing is asked for so long */
    int64_t
        canary_ms; /* how long it is believed whether this endpoint and model keep to a schema: 24 h */
};

/* What is taken out of texts before they leave. */
#define CONFIG_REDACT_EXTRA_MAX 50
struct config_redact_pattern {
    const char *name; /* of the placeholder: [a-z0-9_]+ */
    const char *
        pattern; /* PCRE2; group 1, where there is one, is what is taken out, else the whole match */
};
struct config_redaction {
    const char *const *off; /* shipped classes that are switched off */
    size_t n_off;
    const char *const *on; /* optional classes (ip) that are switched on */
    size_t n_on;
    struct config_redact_pattern extra[CONFIG_REDACT_EXTRA_MAX];
    size_t n_extra;
};

/* What of an incident's evidence may leave to the model; the first row whose service matches, "" is all others. */
struct config_send {
    const char *service_id;
    bool model;               /* false: this service never asks a model */
    const char *const *kinds; /* evidence kinds; NULL: all */
    size_t n_kinds;
    const char *const
        *details; /* members of an alert's details; NULL: all; dotted paths as in rules */
    size_t n_details;
};

struct config {
    const char *path;      /* of the file */
    const char *state_dir; /* store.db, control.sock, kill-switch; created 0700 */
    const char *rules_dir;
    const char *policy_file;
    const char *sources_file; /* absent file: no sources */
    const char *runbooks_dir; /* absent folder: no runbooks */
    const char *prompts_dir;  /* NULL: those compiled in */

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

    struct config_model model;
    struct config_redaction redaction;
    const struct config_send *send; /* ends with the row for all others */
    size_t n_send;

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
/* What may be sent to the model about incidents of this service; never NULL. */
const struct config_send *config_service_send(const struct config *c, const char *service_id);
/* The shipped file with every setting explained, as text (init writes it). */
const char *config_example(void);

#endif

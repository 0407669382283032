#ifndef TRIAGED_HTTP_PRIV_H
#define TRIAGED_HTTP_PRIV_H

#include <jansson.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

#include "audit/audit.h"
#include "base/json.h"
#include "base/log.h"
#include "base/schema.h"
#include "http/http.h"
#include "llm/llm.h"
#include "people/people.h"
#include "triage/triage.h"

/* The sender gives up at 5 s; a request that the engine has not answered by then gets a 503 from us. */
#define ANSWER_WITHIN_MS   4000
/* A body that came slowly has used that time up: the engine still gets this long. */
#define ENGINE_AT_LEAST_MS 1000
/* At stop: how long answers that are ready may take to leave. */
#define DRAIN_MS           2000
#define API_BODY_MAX       ((size_t)64 * 1024)
#define URL_MAX            2048
#define SIGNATURE_HEADER   "X-PagerDuty-Signature"
/*
 * The body of a refused request is read and thrown away up to this many times the limit: closing a socket with unread bytes resets
 * it, and the sender might never see the answer.
 */
#define DISCARD_FACTOR     2

/* What requests see of the configuration: one snapshot per request, swapped whole on reload. */
struct http_view {
    atomic_int refs;
    struct config *cfg;
    struct rules *rules;
    struct policy *policy;
    struct redactor *redactor; /* for people: what stands behind a placeholder */
};

/* Read-only connections of one http thread. */
struct http_readers {
    struct store *store;
    struct triage_reader *triage;
    struct gate_reader *gate;
    struct llm_reader *llm;
    struct audit_reader *audit;
    struct people *people;
    struct queue *queue;
    struct store_set *alarms;
};

struct http_schemas; /* of request bodies */
struct failed_table; /* failed verifications per address */

struct http_server {
    struct http_opts opts;
    char *store_path;
    struct MHD_Daemon *tcp, *control;
    int tcp_fd,
        control_fd; /* ours to close once quiesced, after the daemon has stopped using them */
    char *control_path;
    pthread_mutex_t view_lock;
    struct http_view *view;
    pthread_key_t readers_key;
    struct failed_table *failed;
    struct http_schemas *schemas;
    atomic_bool ready, quiet;
    int64_t started_wall_ms;

    pthread_t watch; /* answers what the engine does not answer in time */
    bool watch_started;
    pthread_mutex_t pending_lock;
    pthread_cond_t pending_cond;
    struct request *pending_head, *pending_tail;
    bool watch_stop;
    atomic_uint n_waiting; /* handed over and not yet answered in full */
    atomic_uint_fast64_t n_requests, n_late, n_bad_signature;
    atomic_uint_fast64_t kill_generation; /* how often the kill switch was engaged through us */
};

enum caller_kind {
    CALLER_NOBODY,
    CALLER_LOCAL /* control socket, no token */,
    CALLER_PERSON
};
struct caller {
    enum caller_kind kind;
    struct person person;
};

enum request_state {
    REQUEST_OPEN,
    REQUEST_WAITING,
    REQUEST_ANSWERED,
    REQUEST_LATE
};

struct route;

/* One request. The http thread owns it while it runs, the fact's answer (engine thread) while it waits. */
struct request {
    struct engine_fact fact; /* first: the engine hands this back */
    struct http_server *server;
    struct MHD_Connection *conn;
    struct http_view *view;
    const struct route *route;
    bool control;    /* came over the control socket */
    char method[16]; /* "" = none that we know */
    char path[URL_MAX];
    const char *args[4]; /* the {parts} of the path */
    char arg_text[URL_MAX];
    int64_t begun_wall_ms, begun_mono_ms;

    char *body;
    size_t body_len, body_room, body_max;
    bool too_large;
    bool close; /* the connection ends with this answer */

    atomic_int state; /* enum request_state: engine and watch thread race for the one resume */
    atomic_int refs;  /* http and the waiting fact */
    struct request *pending_next, *pending_prev;
    int64_t late_mono_ms; /* when the watch thread answers */
    bool listed, waited;

    int status; /* the answer */
    char *reply;
    size_t reply_len;
    const char *content_type;
    unsigned retry_after_s;
    const char *location;
    char allow[64]; /* methods of the path, for 405 and OPTIONS */

    /* Webhooks */
    const struct config_endpoint *endpoint;
    char webhook_id[80];
    enum intake_outcome outcome;

    /* API commands */
    struct caller caller;
    json_t *json; /* parsed body */
    int (*command)(struct request *r, struct engine_pass *p, struct err *e);
    /* Engine thread, once the command is committed, also when nobody waits for the answer any more. Must be short. */
    int (*after)(struct request *r, struct err *e);
    uint64_t kill_generation; /* of the switch that this command releases */
    json_t *out;    /* what the command answers; written by the engine until the fact is answered */
    int out_status; /* 0 = 200 */
    char out_location[128]; /* "" = none */
    int fact_code;
    struct err fact_err;
};

/* server.c */
struct http_view *view_get(struct http_server *s);
void view_unref(struct http_view *v);

/* readers.c */
struct http_readers *http_readers_get(struct http_server *s,
                                      struct err *e); /* this thread's; NULL with e */
void http_readers_close(void *readers);               /* of a thread that ends */

/* request.c: libmicrohttpd's callbacks; the first argument is the server. */
enum MHD_Result request_on_tcp(void *arg, struct MHD_Connection *conn, const char *url,
                               const char *method, const char *version, const char *data,
                               size_t *len, void **ctx);
enum MHD_Result request_on_control(void *arg, struct MHD_Connection *conn, const char *url,
                                   const char *method, const char *version, const char *data,
                                   size_t *len, void **ctx);
void request_on_completed(void *arg, struct MHD_Connection *conn, void **ctx,
                          enum MHD_RequestTerminationCode code);
/* Suspends and hands the fact over; the answer comes from the engine or the watch thread. 503 when the inbox is full. */
enum MHD_Result request_wait(struct request *r);
void request_unref(struct request *r);

/* answer.c: fill the answer; sent by the caller's return. */
void answer_text(struct request *r, int status, const char *text);
void answer_json(struct request *r, int status, json_t *j /* taken */);
/* problem+json (RFC 9457): type is about:blank, title by status, detail says what and what to do. */
void answer_problem(struct request *r, int status, const char *fmt, ...) PRINTF_LIKE(3, 4);
void answer_err(struct request *r, const struct err *e);
int status_of(const struct err *e);
enum MHD_Result answer_send(struct request *r);

/* guard.c: what libmicrohttpd lets through and two readers could understand differently (threat model I3, I7). NULL: fine. */
const char *guard_headers(struct MHD_Connection *conn, const char *method, const char *version);
/* Decodes %XX in place, but no control character and no NUL: those stay as they are, so that nothing is cut. */
size_t guard_unescape(void *arg, struct MHD_Connection *conn, char *s);

/* pending.c */
void pending_add(struct request *r);
void pending_remove(struct request *r);
int pending_start(struct http_server *s, struct err *e) MUST_CHECK;
void pending_stop(struct http_server *s);

/* webhook.c */
enum MHD_Result webhook_begin(struct request *r);
enum MHD_Result webhook_post(struct request *r);

/* failed.c */
struct failed_table *failed_new(void);
void failed_free(struct failed_table *t);
/* Counts one failure of this address; false when it had more than limit in the last minute. */
bool failed_count(struct failed_table *t, const struct sockaddr *addr, unsigned limit,
                  int64_t now_mono_ms);

/* schemas.c: what openapi.json says about request bodies */
int http_schemas_new(struct http_schemas **out, struct err *e) MUST_CHECK;
void http_schemas_free(struct http_schemas *s); /* accepts NULL */
const struct schema *http_schema(const struct http_schemas *s, const char *name);

/* routes.c */
struct route {
    const char *method;
    const char *path;                             /* "/api/v1/incidents/{id}" */
    enum MHD_Result (*handle)(struct request *r); /* whole body is there */
    enum role role;                               /* least role; ROLE_NONE: open to everyone */
    unsigned flags;
};
enum {
    ROUTE_LOCAL = 1,  /* the control socket may call it without a person's token */
    ROUTE_AGENT = 2,  /* an agent's account may call it: reads, and proposing (INV-5) */
    ROUTE_WEBHOOK = 4 /* TCP only, body limit of intake */
};
extern const struct route base_routes[];
extern const size_t base_routes_len;
/* HEAD finds the row of GET. NULL: r->allow has the methods of the path, or is empty when there is no such path. Fills r->args. */
const struct route *route_find(struct request *r);

/* auth.c */
int auth_check(struct request *r, const struct route *route, struct err *e) MUST_CHECK;

#endif

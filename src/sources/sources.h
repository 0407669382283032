#ifndef TRIAGED_SOURCES_SOURCES_H
#define TRIAGED_SOURCES_SOURCES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "net/net.h"

/*
 * Other sources of evidence, as data: etc/sources.yaml names hosts that may be asked and read-only GETs to them. Nothing in a webhook, an alert or
 * a model's reply can name a host; values from outside only fill in places of a template, percent-encoded, and a request whose URL does not stay
 * on its host is not built. No redirects. What an answer says is cut to a few lines by the row's extractor.
 *
 *   hosts:   [{name, base_url, auth: none|bearer|basic|header, header, secret_file, allow_private_addresses, per_minute, probe}]
 *   sources: [{name, host, enabled, when (the same conditions as rules), url (path and query with {places}), params: {name: "text with {places}"},
 *              headers, window: {before, after, step}, extract: {json: path | pcre2: pattern, values, line: "{text with places}", max: 5},
 *              title, link}]
 *
 * The set is immutable once loaded, but for the peers that sources_connect gives it; ref-counted. Everything besides loading and connecting is pure.
 */
struct sources;

#define SOURCES_MAX            100 /* rows */
#define SOURCES_HOSTS_MAX      30
#define SOURCES_PER_INCIDENT   4
#define SOURCE_LINES_MAX       5
#define SOURCE_LINE_MAX_BYTES  240
#define SOURCE_TIMEOUT_MS      3000
#define SOURCE_REPLY_MAX_BYTES ((size_t)1024 * 1024)

/* An absent file gives an empty set. ERR_INPUT "NAME:LINE: ...". Secrets are read here. */
int sources_load(const char *path, struct sources **out, struct err *e) MUST_CHECK;
/* The same from memory, for tests and the fuzzer; secret files are not read. */
int sources_parse(const char *name, const char *bytes, size_t len, struct sources **out,
                  struct err *e) MUST_CHECK;
struct sources *sources_ref(struct sources *s);
void sources_unref(struct sources *s); /* accepts NULL */
void sources_unrefp(struct sources **s);
const char *sources_hash(const struct sources *s);
size_t sources_count(const struct sources *s);
const char *sources_name(const struct sources *s, size_t i);
const char *sources_title(const struct sources *s, size_t i);
const char *sources_host_of(const struct sources *s, size_t i);
/* {hosts: [...], sources: [...]} for people: no secret, no more than the file says. */
json_t *sources_json(const struct sources *s);

/* One peer for each host. Engine thread (or the command line's own net), before the set is used; a reload finds the peers of hosts that did not
 * change. */
int sources_connect(struct sources *s, struct net *n, struct err *e) MUST_CHECK;

/* The rows whose conditions hold for these facts (cond.h), in the order of the file: their indexes, at most SOURCES_PER_INCIDENT. */
size_t sources_pick(const struct sources *s, json_t *facts, int64_t now_wall_ms,
                    size_t out[SOURCES_PER_INCIDENT]);

/*
 * The request of one row. Places: any field of the facts document ({service.name}, {alerts.details.labels.instance}), {from}, {until} (seconds),
 * {from_ms}, {until_ms}, {from_ns}, {until_ns}, {from_iso}, {until_iso}, {step}. ERR_NOT_FOUND: a place has no value (msg says which): not asked.
 * ERR_DENIED: the URL would leave its host. from/until are told for the answer's item.
 */
int sources_request(const struct sources *s, size_t i, struct arena *a, json_t *facts,
                    int64_t incident_ms, int64_t now_wall_ms, struct net_req *out, int64_t *from_ms,
                    int64_t *until_ms, struct err *e) MUST_CHECK;

/* The row's link for people, in the arena; NULL without one, or when a place of it has no value. Never asked. */
const char *sources_link(const struct sources *s, size_t i, struct arena *a, json_t *facts,
                         int64_t incident_ms, int64_t now_wall_ms);

/* The lines of an answer: a list of at most SOURCE_LINES_MAX texts, each safe to show. An answer without a match is an empty list ("asked, nothing
 * found"). ERR_INPUT: not what the extractor reads. Bounded in time and memory, whatever the bytes. */
int sources_extract(const struct sources *s, size_t i, const char *body, size_t len, json_t **lines,
                    struct err *e) MUST_CHECK;

/* Hosts, for `triagectl sources check`: one GET of the host's probe ("/" without one), with its credential. */
size_t sources_hosts(const struct sources *s);
const char *sources_host_name(const struct sources *s, size_t i);
const char *sources_host_base(const struct sources *s, size_t i);
int sources_host_request(const struct sources *s, size_t i, struct arena *a, struct net_req *out,
                         struct err *e) MUST_CHECK;

#endif

#ifndef TRIAGED_SOURCES_SOURCES_PRIV_H
#define TRIAGED_SOURCES_SOURCES_PRIV_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdatomic.h>

#include "base/crypto.h"
#include "base/yaml.h"
#include "net/net_origin.h"
#include "rules/cond.h"
#include "sources/sources.h"

#define SOURCE_CALL_MS     2500 /* of SOURCE_TIMEOUT_MS; the rest is for waiting until it may begin */
#define SOURCE_CONNECT_MS  1500
#define SOURCE_VALUE_MAX   256 /* bytes of one value that is put into a URL */
#define SOURCE_PER_MINUTE  60
#define SOURCE_BEFORE_MS   INT64_C(1800000)
#define SOURCE_AFTER_MS    INT64_C(600000)
#define SOURCE_STEP_MS     INT64_C(60000)
#define SOURCE_HEADERS_MAX 8
#define SOURCE_PARAMS_MAX  20
#define SOURCE_FILE_MAX    YAML_MAX_BYTES
#define SOURCE_JSON_TOKENS \
    50000 /* of an answer; more would cost a pass of the engine too much time */

/* ---- pieces.c: texts with places ---- */

enum src_filter {
    SRC_WORD,  /* only a value of plain characters goes in */
    SRC_QUOTE, /* escaped for a place within "..." of a query language */
    SRC_REGEX, /* the same, and the characters of a regular expression stand for themselves */
};
struct src_piece {
    char *text; /* a literal, or the name of a place */
    bool place;
    enum src_filter filter;
};
struct src_pieces {
    struct src_piece *v;
    size_t n;
};
/* "{name}", "{name|quote}", "{{", "}}". With filters false, '|' is an ordinary character of a name. */
int src_pieces_parse(const char *text, bool filters, struct src_pieces *out, struct err *e)
    MUST_CHECK;
void src_pieces_done(struct src_pieces *p);

/* ---- path.c: the subset of JSON paths ---- */

#define SRC_SEGMENTS_MAX 16
#define SRC_VISITS_MAX   20000

enum src_segment_kind {
    SRC_KEY,
    SRC_INDEX,
    SRC_ALL,    /* [*] */
    SRC_FILTER, /* [key=text], [key!=text] */
};
struct src_segment {
    enum src_segment_kind kind;
    char *key, *text;
    size_t index;
    bool differs; /* != */
};
struct src_path {
    struct src_segment v[SRC_SEGMENTS_MAX];
    size_t n;
};
/* "data.result[*].metric["a.b"].values[0]"; "" and "." are the document itself. ERR_INPUT says what is wrong. */
int src_path_parse(const char *text, struct src_path *out, struct err *e) MUST_CHECK;
void src_path_done(struct src_path *p);
/* The first `max` values at the path, borrowed, in the document's order. *visits counts down; at 0 the walk ends. Without recursion. */
size_t src_path_walk(const struct src_path *p, json_t *root, size_t *visits, json_t **out,
                     size_t max);

/* ---- extract.c ---- */

enum src_values {
    SRC_NO_VALUES,
    SRC_LAST,
    SRC_MAX,
    SRC_MIN,
    SRC_AVG,
    SRC_FIRST_LAST,
};
struct src_extract {
    bool is_json;
    struct src_path path;
    enum src_values values;
    pcre2_code *code;
    struct src_pieces line;
    struct src_path *places; /* of a JSON line: one for each piece that is a place */
    size_t max;
};
int src_extract_compile(const struct yaml_doc *doc, const char *pointer, json_t *row,
                        struct src_extract *out, struct err *e) MUST_CHECK;
void src_extract_done(struct src_extract *x);
/* The number that stands for a list of [time, value] pairs. False without a number in it. */
bool src_values_text(enum src_values how, const json_t *match, struct buf *out);
int src_extract_json(const struct src_extract *x, const char *body, size_t len, json_t *lines,
                     struct err *e) MUST_CHECK;
int src_extract_pcre2(const struct src_extract *x, const char *body, size_t len, json_t *lines,
                      struct err *e) MUST_CHECK;
/* One line made safe; an empty one is left out. */
void src_line_add(json_t *lines, const struct buf *b);

/* ---- the set ---- */

enum src_auth {
    SRC_AUTH_NONE,
    SRC_AUTH_BEARER,
    SRC_AUTH_BASIC,
    SRC_AUTH_HEADER,
};
struct src_host {
    char *name, *peer_name, *base_url; /* base_url without a trailing slash */
    enum src_auth auth;
    char *header;
    struct secret *secret; /* NULL: none is sent */
    bool allow_private;
    unsigned per_minute;
    char *probe;
    struct net_peer *peer; /* NULL until sources_connect */
};
struct src_param {
    char *name;
    struct src_pieces value;
};
struct src_header {
    char *name, *value;
};
struct src_row {
    char *name, *title;
    size_t host;
    struct cond *when; /* NULL: always */
    struct src_pieces url;
    struct src_param params[SOURCE_PARAMS_MAX];
    size_t n_params;
    struct src_header headers[SOURCE_HEADERS_MAX];
    size_t n_headers;
    int64_t before_ms, after_ms, step_ms;
    struct src_extract extract;
    struct src_pieces link; /* n 0: none */
};
struct sources {
    atomic_uint refs;
    struct src_host hosts[SOURCES_HOSTS_MAX];
    size_t n_hosts;
    struct src_row *rows;
    size_t n_rows;
    json_t *shown;
    char hash[SHA256_HEX];
};

/* ---- url.c ---- */

struct src_window {
    int64_t from_ms, until_ms, step_ms;
};
/* Where the values of places come from; facts NULL: every place is "x", for the check of a file. */
struct src_fill {
    json_t *facts;
    struct src_window w;
};
int src_place_check(const char *name, struct err *e) MUST_CHECK;
/* Literals as they stand (what no URL may hold is encoded), or with `whole` encoded altogether; values always. */
int src_fill(const struct src_pieces *p, const struct src_fill *f, bool whole, struct buf *out,
             struct err *e) MUST_CHECK;
int src_row_url(const struct src_host *h, const struct src_row *r, const struct src_fill *f,
                struct buf *out, struct err *e) MUST_CHECK;
/* ERR_DENIED unless this URL stays on its host and below its path. */
int src_url_stays(const struct src_host *h, const char *url, struct err *e) MUST_CHECK;

#endif

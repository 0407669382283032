/* Reading an account back over REST: by windows of time from the newest to the oldest, with GET alone. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/look.h"
#include "net/net.h"

/*
 * PagerDuty allows one credential 960 calls a minute. A full bucket and its refill make twice this in the first one, so that
 * whoever shares the key is left something. The windows begin with a day and follow what they hold: deep offsets are slow, and
 * over 10,000 they are refused.
 */
#define CALLS_PER_MINUTE   400
#define DAY_MS             INT64_C(86400000)
#define WINDOW_MIN_MS      INT64_C(60000)
#define WINDOW_MAX_MS      (7 * DAY_MS)
#define WINDOW_PAGES_MAX   20 /* more, and the window is halved */
#define WINDOW_PAGES_EASY  5  /* fewer, and the next one is twice as long */
#define PAGE_MIN           10
#define TRIES_LIMITED      12                /* answers 429 in a row */
#define TRIES_FAILED       3                 /* no answer, or a broken one */
#define START_WITHIN_MS    (20U * 60 * 1000) /* PagerDuty may stop us for 15 minutes */
#define PROGRESS_EVERY_MS  250
#define ASK_ARENA_BYTES    (PD_READ_ARENA_BYTES + 2 * PD_REPLY_MAX_BYTES)
#define TIMELINE_PAGES_MAX 20

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig)
{
    (void)sig;
    interrupted = 1;
}

struct reader {
    struct cli *c;
    struct net *net;
    struct pd_client client;
    struct arena *arena; /* one answer and what was read from it */
    struct look *look;
    const struct look_window *w;
    int64_t covered_ms; /* everything from here on was read */
    unsigned limit;     /* of a page; smaller when answers are over the cap */
    int64_t timeout_ms, calls;
    bool answered; /* PagerDuty, once */
    bool progress, shown;
    int64_t shown_mono_ms;
    /* the answer to the last question */
    bool done;
    int code, status;
    unsigned retry_after_s;
    const char *body;
    size_t body_len;
    char why[160];
};

/* ---- progress ---- */

static void progress(struct reader *r, const char *doing)
{
    int64_t now = clock_mono_ms();
    char day[TIME_ISO_MAX];

    if (!r->progress || (r->shown && now - r->shown_mono_ms < PROGRESS_EVERY_MS))
        return;
    r->shown = true;
    r->shown_mono_ms = now;
    time_format_iso(r->covered_ms, false, day);
    fprintf(
        stderr,
        "\r%s back to %.10s: %zu incidents, %zu log entries, %lld calls (Ctrl-C: what is there)\033[K",
        doing, day, look_incidents(r->look), look_log_entries(r->look), (long long)r->calls);
    fflush(stderr);
}

static void progress_end(struct reader *r)
{
    if (r->shown)
        fputs("\r\033[K", stderr);
    fflush(stderr);
}

/* ---- one question ---- */

static void on_reply(void *arg, uint64_t owner, const struct net_reply *reply)
{
    struct reader *r = arg;

    (void)owner;
    r->done = true;
    r->code = reply->code;
    r->status = reply->status;
    r->retry_after_s = reply->retry_after_s;
    r->body = reply->body ? arena_strndup(r->arena, reply->body, reply->body_len) : "";
    r->body_len = reply->body ? reply->body_len : 0;
    (void)snprintf(r->why, sizeof r->why, "%s", reply->msg);
}

static int stopped(struct err *e)
{
    return err_set(e, ERR_INTERNAL, "stopped by Ctrl-C");
}

/* Sleeps in the loop, so that Ctrl-C is heard. */
static int pause_s(struct reader *r, unsigned s, struct err *e)
{
    int64_t until = clock_mono_ms() + (int64_t)s * 1000;

    while (clock_mono_ms() < until) {
        struct timespec tenth = {.tv_nsec = 100000000};

        if (interrupted)
            return stopped(e);
        progress(r, "waiting to try again, read");
        (void)nanosleep(&tenth, NULL);
    }
    return 0;
}

static int send_once(struct reader *r, enum pd_op_id op, const struct pd_args *args, struct err *e)
{
    struct net_req req = {0};

    arena_reset(r->arena);
    if (pd_get(r->arena, &r->client, op, args, &req, e) < 0)
        return e->code;
    req.total_ms = (unsigned)r->timeout_ms;
    req.start_within_ms = START_WITHIN_MS;
    req.cls = NET_NEEDED;
    r->done = false;
    if (net_start(r->net, &req, on_reply, r, 1, e) < 0)
        return e->code;
    r->calls++;
    while (!r->done) {
        if (interrupted)
            return stopped(e);
        if (net_poll(r->net, 100, e) < 0)
            return e->code;
        progress(r, r->code == 0 && r->status == 429 ? "waiting for the rate limit, read" : "read");
    }
    return 0;
}

/* What an answer that is not 2xx means. ERR_RETRY: ask again. */
static int judge(struct reader *r, enum pd_op_id op, struct err *e)
{
    struct pd_error pe;

    if (r->code == ERR_INPUT)
        return err_set(e, ERR_INPUT, "%s", r->why);
    if (r->code == ERR_DENIED)
        return err_set(
            e, ERR_NOT_FOUND,
            "%s is not to be connected to: %s; --allow-private permits a private address",
            r->client.base_url, r->why);
    if (r->code != 0)
        return err_retry(e, 0, "%s does not answer: %s", r->client.base_url, r->why);
    if (r->status >= 200 && r->status < 300) {
        r->answered = true;
        return 0;
    }
    pd_error_parse(pd_op(op), r->status, r->body, r->body_len, &pe);
    (void)pd_error_to_err(&pe, r->retry_after_s, e);
    if (e->code == ERR_NONE)
        return err_set(e, ERR_INTERNAL, "HTTP %d", r->status);
    if (e->code != ERR_RETRY)
        return err_set(e, e->code, "HTTP %d, %s%s%.100s", r->status, pe.meaning,
                       pe.message[0] ? ": " : "", pe.message);
    return e->code;
}

/*
 * One GET, asked again while that may help. A 429 stops the bucket of `net`, so the next question waits by itself as long as
 * PagerDuty wished; other failures wait 1, 2 ... seconds.
 */
static int ask(struct reader *r, enum pd_op_id op, const struct pd_args *args, struct err *e)
{
    unsigned limited = 0, failed = 0;

    for (;;) {
        int rc = send_once(r, op, args, e);

        if (rc == 0)
            rc = judge(r, op, e);
        if (rc != ERR_RETRY)
            return rc;
        if (r->code == 0 && r->status == 429) {
            if (++limited >= TRIES_LIMITED)
                return err_set(e, ERR_RETRY,
                               "PagerDuty's rate limit stays reached; try again in some minutes");
            continue;
        }
        /* Nothing listens there, or there is no network: said at once, before anything was ever answered. */
        if (++failed >= TRIES_FAILED || (!r->answered && r->code == ERR_RETRY))
            return rc;
        if (pause_s(r, e->retry_after_s ? e->retry_after_s : failed, e) < 0)
            return e->code;
    }
}

/* ---- pages and windows ---- */

typedef int take_fn(struct reader *r, struct pd_page *page, struct err *e);

static int full(struct err *e, const char *what, int max)
{
    return err_set(e, ERR_DENIED, "more than %d %s, which is what one look takes", max, what);
}

static int take_incidents(struct reader *r, struct pd_page *page, struct err *e)
{
    struct pd_incidents list;

    if (pd_read_incidents(r->arena, r->body, r->body_len, &list, e) < 0)
        return e->code;
    for (size_t i = 0; i < list.n; i++)
        if (!look_add_incident(r->look, &list.items[i]))
            return full(e, "incidents", LOOK_INCIDENTS_MAX);
    *page = list.page;
    return 0;
}

static int take_log_entries(struct reader *r, struct pd_page *page, struct err *e)
{
    struct pd_log_entries list;

    if (pd_read_log_entries(r->arena, r->body, r->body_len, &list, e) < 0)
        return e->code;
    for (size_t i = 0; i < list.n; i++)
        if (!look_add_log_entry(r->look, &list.items[i]))
            return full(e, "log entries", LOOK_LOG_ENTRIES_MAX);
    *page = list.page;
    return 0;
}

static int take_timeline(struct reader *r, struct pd_page *page, struct err *e)
{
    struct pd_log_entries list;

    if (pd_read_log_entries(r->arena, r->body, r->body_len, &list, e) < 0)
        return e->code;
    look_add_timeline(r->look, &list);
    *page = list.page;
    return 0;
}

/* One page; a reply that is not what PagerDuty sends is asked for again, and one over the cap with fewer items. */
static int read_page(struct reader *r, enum pd_op_id op, struct pd_args *args, take_fn *take,
                     struct pd_page *page, struct err *e)
{
    for (unsigned bad = 0;;) {
        int rc;

        args->limit = r->limit;
        rc = ask(r, op, args, e);
        if (rc == ERR_INPUT && r->code == ERR_INPUT && r->limit > PAGE_MIN) {
            r->limit /= 2;
            continue;
        }
        if (rc < 0)
            return rc;
        rc = take(r, page, e);
        if (rc != ERR_INPUT || ++bad >= TRIES_FAILED)
            return rc;
        if (pause_s(r, bad, e) < 0)
            return e->code;
    }
}

struct span {
    int64_t from_ms, to_ms;
    size_t pages;
    bool too_many; /* it must be cut */
};

static void note_cut(struct reader *r, const char *what, const struct span *s)
{
    char from[TIME_ISO_MAX];

    time_format_iso(s->from_ms, false, from);
    look_not_read(r->look, fmt(r->c, "%s of the minute from %s", what, from),
                  "PagerDuty gives the first 10,000 only");
}

static int read_list(struct reader *r, enum pd_op_id op, take_fn *take, struct span *s,
                     struct err *e)
{
    struct pd_args args = {.since_ms = s->from_ms, .until_ms = s->to_ms};
    bool shortest = s->to_ms - s->from_ms <= WINDOW_MIN_MS;
    struct pd_page page = {.more = true};

    for (size_t n = 0; page.more; n++) {
        if (n >= WINDOW_PAGES_MAX && !shortest) {
            s->too_many = true;
            return 0;
        }
        args.offset = (unsigned)page.next_offset;
        if (read_page(r, op, &args, take, &page, e) < 0)
            return e->code;
        s->pages = n + 1 > s->pages ? n + 1 : s->pages;
    }
    if (page.capped && !shortest)
        s->too_many = true;
    else if (page.capped)
        note_cut(r, pd_op(op)->key, s);
    return 0;
}

/* A key may be allowed to see incidents and no log entries; then the rest is told without them. */
static bool is_missing(const struct reader *r, const struct err *e)
{
    return !interrupted && r->code == 0 && e->code != ERR_NONE &&
           (r->status == 402 || r->status == 403 || r->status == 404);
}

static int read_span(struct reader *r, struct span *s, bool *logs, struct err *e)
{
    if (read_list(r, PD_OP_INCIDENTS, take_incidents, s, e) < 0 || s->too_many)
        return e->code;
    if (!*logs)
        return 0;
    if (read_list(r, PD_OP_LOG_ALL, take_log_entries, s, e) == 0)
        return 0;
    if (!is_missing(r, e))
        return e->code;
    look_no_log_entries(r->look, e->msg);
    *logs = false;
    *e = (struct err){0};
    return 0;
}

/* From the newest back; whatever stops it, [covered, until) is whole. */
static int read_back(struct reader *r, struct err *e)
{
    int64_t width = DAY_MS, to = r->w->until_ms;
    bool logs = true;

    while (to > r->w->since_ms) {
        struct span s = {.from_ms = to - width, .to_ms = to};

        if (s.from_ms < r->w->since_ms)
            s.from_ms = r->w->since_ms;
        *e = (struct err){0};
        if (read_span(r, &s, &logs, e) < 0)
            return e->code;
        if (s.too_many) {
            /* Whole seconds: that is what the questions are asked in. */
            width = (s.to_ms - s.from_ms) / 2000 * 1000;
            width = width < WINDOW_MIN_MS ? WINDOW_MIN_MS : width;
            continue;
        }
        r->covered_ms = to = s.from_ms;
        if (s.pages <= WINDOW_PAGES_EASY && width < WINDOW_MAX_MS)
            width = width * 2 < WINDOW_MAX_MS ? width * 2 : WINDOW_MAX_MS;
    }
    return 0;
}

/* ---- notes and the timeline ---- */

static int read_notes(struct reader *r, const char *id, struct err *e)
{
    struct pd_notes notes;
    int rc = ask(r, PD_OP_NOTES, &(struct pd_args){.id = id}, e);

    if (rc == 0)
        rc = pd_read_notes(r->arena, r->body, r->body_len, &notes, e);
    if (rc == 0)
        look_add_notes(r->look, id, &notes, NULL);
    else if (!interrupted)
        look_add_notes(r->look, id, NULL, e->msg);
    return rc;
}

static void read_timeline(struct reader *r, struct err *e)
{
    const char *id = look_longest(r->look);
    struct pd_page page = {.more = true};

    for (size_t n = 0; id && page.more && n < TIMELINE_PAGES_MAX; n++) {
        struct pd_args args = {.id = id, .offset = (unsigned)page.next_offset};

        if (read_page(r, PD_OP_LOG_ENTRIES, &args, take_timeline, &page, e) < 0) {
            look_not_read(r->look, "log entries of the longest incident", e->msg);
            return;
        }
    }
}

/* Failing here costs a quote, not the report. Three notes in a row that fail, and no more are asked for. */
static void read_rest(struct reader *r)
{
    struct err e = {0};
    unsigned failed = 0;
    const char *id;

    if (!interrupted)
        read_timeline(r, &e);
    while (!interrupted && failed < TRIES_FAILED && (id = look_next_notes(r->look)) != NULL) {
        e = (struct err){0};
        failed = read_notes(r, id, &e) < 0 ? failed + 1 : 0;
    }
    if (look_next_notes(r->look))
        look_not_read(r->look, "further notes",
                      interrupted ? "stopped by Ctrl-C" : "too many in a row could not be read");
}

/* ---- all of it ---- */

static int begin(struct reader *r, const struct look_source *from, struct err *e)
{
    struct net_peer_opts peer = {.name = "pagerduty",
                                 .base_url = from->base_url,
                                 .per_minute = CALLS_PER_MINUTE,
                                 .allow_private = from->allow_private};

    if (net_new(&r->net, e) < 0 || net_peer_add(r->net, &peer, &r->client.peer, e) < 0)
        return e->code;
    r->client.base_url = net_peer_base(r->client.peer);
    r->client.token = from->token;
    r->client.auth = from->auth;
    r->timeout_ms = from->timeout_ms;
    r->arena = arena_new(ASK_ARENA_BYTES);
    r->look = look_new();
    r->limit = 100;
    r->progress = isatty(STDERR_FILENO) == 1;
    return 0;
}

static void end(struct reader *r)
{
    progress_end(r);
    net_free(r->net);
    arena_free(r->arena);
    look_free(r->look);
}

/* Nothing at all was read: what to look at. */
static int explain(const struct reader *r, const struct err *why, struct err *e)
{
    if (interrupted)
        return stopped(e);
    if (r->code == 0 && r->status == 401)
        return err_set(e, ERR_DENIED,
                       "PagerDuty refuses the key (HTTP 401): is it whole and still valid? An "
                       "account of the EU region needs --base-url https://api.eu.pagerduty.com");
    if (r->code == 0 && r->status == 404)
        return err_set(e, ERR_NOT_FOUND,
                       "%s has no /incidents (HTTP 404): is the base URL right? It is "
                       "https://api.pagerduty.com or https://api.eu.pagerduty.com",
                       r->client.base_url);
    if (r->code == 0 && r->status >= 200 && r->status < 300 && why->code == ERR_INPUT)
        return err_set(e, ERR_INPUT,
                       "%s answers, but not as PagerDuty's API does (%.100s): is the "
                       "base URL right?",
                       r->client.base_url, why->msg);
    if (r->code == ERR_RETRY || r->code == ERR_UNSURE)
        return err_set(e, ERR_RETRY,
                       "%s; look at the network, a firewall or proxy, and the base URL", why->msg);
    *e = *why;
    return e->code;
}

static int run(struct reader *r, struct look_window *w, bool *whole, struct err *e)
{
    struct err why = {0};
    int rc = read_back(r, &why);

    *whole = rc == 0;
    if (rc < 0 && r->covered_ms == w->until_ms)
        return explain(r, &why, e);
    if (rc < 0)
        look_not_read(r->look, "what is older", why.msg);
    w->since_ms = r->covered_ms;
    if (look_begin(r->look, w, e) < 0)
        return e->code;
    read_rest(r);
    *whole = *whole && !interrupted;
    return 0;
}

int look_read(struct cli *c, const struct look_source *from, struct look_window *window,
              json_t **report, bool *whole, struct err *e)
{
    struct reader r = {.c = c, .w = window, .covered_ms = window->until_ms};
    struct sigaction act = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    int rc = begin(&r, from, e);

    /* The second Ctrl-C ends it at once. */
    interrupted = 0;
    (void)sigaction(SIGINT, &act, NULL);
    if (rc == 0)
        rc = run(&r, window, whole, e);
    if (rc == 0)
        *report = look_report(r.look, r.client.base_url, r.calls);
    (void)signal(SIGINT, SIG_DFL);
    end(&r);
    return rc;
}

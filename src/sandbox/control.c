#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "sandbox/expect.h"
#include "sandbox/faults.h"
#include "sandbox/oracle.h"
#include "sandbox/req.h"
#include "sandbox/sender.h"

/* The control API: switches and answers for tests and for people who try the product. docs/sandbox.md lists it. */

#define RECORD_MS INT64_C(3600000)

static void bad(struct req *r, const char *what)
{
    reply_error(r, 400, 2001, "Invalid Input Provided", what);
}

static void ok(struct req *r)
{
    reply_json(r, 200, json_pack("{s:b}", "ok", 1));
}

static void get_faults(struct req *r)
{
    reply_json(r, 200, json_pack("{s:o}", "faults", faults_list()));
}

static void post_faults(struct req *r)
{
    struct err e = {0};

    if (faults_change(r->json, &e) < 0) {
        bad(r, e.msg);
        return;
    }
    world.record_until_mono_ms = faults_late_reads() ? clock_mono_ms() + RECORD_MS : 0;
    get_faults(r);
}

/* true, false (402) or the status that the feature answers while it is off. */
static bool ability_set(int ability, const json_t *v)
{
    if (json_is_boolean(v))
        world.ability_off[ability] = json_is_true(v) ? 0 : 402;
    else if (json_is_integer(v) && json_integer_value(v) >= 400 && json_integer_value(v) <= 599)
        world.ability_off[ability] = (int)json_integer_value(v);
    else
        return false;
    return true;
}

static json_t *features_view(void)
{
    json_t *o = json_object();

    for (int i = 0; i < N_ABILITIES; i++)
        json_object_set_new(o, ability_names[i],
                            world.ability_off[i] == 0 ? json_true()
                                                      : json_integer(world.ability_off[i]));
    json_object_set_new(o, "nulls", json_boolean(world.nulls));
    json_object_set_new(o, "vendor_type", json_boolean(world.vendor_type));
    json_object_set_new(o, "reopen_refused", json_boolean(world.reopen_refused));
    return o;
}

static void post_features(struct req *r)
{
    const char *name;
    json_t *v;

    json_object_foreach (r->json, name, v) {
        int ability = -1;

        for (int i = 0; i < N_ABILITIES; i++)
            if (strcmp(ability_names[i], name) == 0)
                ability = i;
        if (ability >= 0) {
            if (!ability_set(ability, v)) {
                bad(r, "a feature is true, false or an HTTP status");
                return;
            }
        } else if (strcmp(name, "nulls") == 0) {
            world.nulls = json_is_true(v);
        } else if (strcmp(name, "vendor_type") == 0) {
            world.vendor_type = json_is_true(v);
        } else if (strcmp(name, "reopen_refused") == 0) {
            world.reopen_refused = json_is_true(v);
        } else {
            bad(r, name);
            return;
        }
    }
    reply_json(r, 200, features_view());
}

static void post_ratelimit(struct req *r)
{
    rest_limiter(
        (int)json_opt_int(r->json, "limit", 960), (int)json_opt_int(r->json, "window_s", 60),
        (int)json_opt_int(r->json, "others_per_min", 0), json_opt_bool(r->json, "restart", true));
    ok(r);
}

static void post_webhook(struct req *r)
{
    const char *url = json_opt_str(r->json, "url"), *secret = json_opt_str(r->json, "secret");
    const json_t *events = json_opt_arr(r->json, "events");
    json_t *list, *one, *subscription;

    sender_rules(r->json);
    if (url == NULL) {
        reply_json(r, 200, sender_state());
        return;
    }
    /* One receiver: what pointed elsewhere goes, unless the caller keeps it. */
    list = sender_list();
    for (size_t i = 0; !json_opt_bool(r->json, "keep", false) && i < json_array_size(list); i++)
        sender_delete(json_opt_str(json_array_get(list, i), "id"));
    json_decref(list);
    one = json_pack("{s:{s:s}, s:{s:s}, s:o, s:s}", "delivery_method", "url", url, "filter", "type",
                    "account_reference", "events",
                    events != NULL ? json_deep_copy(events) : rest_all_events(), "description",
                    "Made by the sandbox");
    subscription = sender_create(one, secret);
    json_decref(one);
    reply_json(r, 200, json_pack("{s:o}", "webhook_subscription", subscription));
}

/* What was announced for later moves along when the speed changes. */
static void rescale(double scale)
{
    double before = world.time_scale > 0 ? world.time_scale : 1.0, after = scale > 0 ? scale : 1.0;
    int64_t now = world_now_ms();

    for (size_t i = 0; i < world.n_incidents; i++) {
        struct incident *in = world.incidents[i];

        if (in->escalate_ms != 0)
            in->escalate_ms = now + (int64_t)((double)(in->escalate_ms - now) * before / after);
        if (in->unsnooze_ms != 0)
            in->unsnooze_ms = now + (int64_t)((double)(in->unsnooze_ms - now) * before / after);
    }
    world.time_scale = scale;
}

static void post_clock(struct req *r)
{
    const json_t *scale = json_object_get(r->json, "time_scale");
    char text[TIME_ISO_MAX];

    if (json_is_number(scale) && json_number_value(scale) >= 0)
        rescale(json_number_value(scale));
    world.clock_offset_ms = json_opt_int(r->json, "offset_s", world.clock_offset_ms / 1000) * 1000;
    world.clock_offset_ms += json_opt_int(r->json, "advance_s", 0) * 1000;
    reply_json(r, 200,
               json_pack("{s:s, s:I, s:f}", "now", time_format_iso(world_now_ms(), true, text),
                         "offset_s", (json_int_t)(world.clock_offset_ms / 1000), "time_scale",
                         world.time_scale));
}

static void get_oracle(struct req *r)
{
    const char *after = req_param(r, "after"), *limit = req_param(r, "limit");
    struct err e = {0};
    int64_t seq = 0, max = 100000;

    if ((after != NULL && parse_i64(after, 0, INT64_MAX / 2, &seq, &e) < 0) ||
        (limit != NULL && parse_i64(limit, 1, 1000000, &max, &e) < 0)) {
        bad(r, "after and limit are numbers");
        return;
    }
    r->status = 200;
    r->raw = oracle_after(seq, (size_t)max);
    r->raw_type = "application/json";
}

static void get_expect(struct req *r)
{
    const struct incident *in = world_incident(r->seg[0]);

    if (in == NULL)
        reply_not_found(r);
    else
        reply_json(r, 200, expect_incident(in));
}

static void get_state(struct req *r)
{
    int n[3] = {0, 0, 0};
    size_t notes = 0, alerts = 0;
    char text[TIME_ISO_MAX];

    for (size_t i = 0; i < world.n_incidents; i++) {
        n[world.incidents[i]->status]++;
        notes += world.incidents[i]->n_notes;
        alerts += world.incidents[i]->n_alerts;
    }
    reply_json(
        r, 200,
        json_pack("{s:s, s:I, s:s, s:f, s:{s:i, s:i, s:i, s:i}, s:I, s:I, s:I, s:o, s:o, s:o, s:o}",
                  "scenario", sandbox_scenario(), "seed", (json_int_t)world.seed, "now",
                  time_format_iso(world_now_ms(), true, text), "time_scale", world.time_scale,
                  "incidents", "total", (int)world.n_incidents, "triggered", n[TRIGGERED],
                  "acknowledged", n[ACKNOWLEDGED], "resolved", n[RESOLVED], "notes",
                  (json_int_t)notes, "alerts", (json_int_t)alerts, "oracle_seq",
                  (json_int_t)oracle_seq(), "webhooks", sender_state(), "features", features_view(),
                  "faults", faults_list(), "requests", rest_counters()));
}

static void post_reset(struct req *r)
{
    const char *scenario = json_opt_str(r->json, "scenario");

    if (!sandbox_reset(scenario != NULL ? scenario : sandbox_scenario(),
                       (uint64_t)json_opt_int(r->json, "seed", (int64_t)world.seed))) {
        bad(r, "scenario is quickstart, history or empty");
        return;
    }
    get_state(r);
}

const struct route control_routes[] = {
    {"GET", "/_sandbox/state", get_state, 0, -1},
    {"GET", "/_sandbox/oracle", get_oracle, 0, -1},
    {"GET", "/_sandbox/expect/{}", get_expect, 0, -1},
    {"GET", "/_sandbox/faults", get_faults, 0, -1},
    {"POST", "/_sandbox/faults", post_faults, F_BODY, -1},
    {"POST", "/_sandbox/features", post_features, F_BODY, -1},
    {"POST", "/_sandbox/ratelimit", post_ratelimit, F_BODY, -1},
    {"POST", "/_sandbox/webhook", post_webhook, F_BODY, -1},
    {"POST", "/_sandbox/clock", post_clock, F_BODY, -1},
    {"POST", "/_sandbox/reset", post_reset, F_BODY, -1},
    {NULL, NULL, NULL, 0, 0},
};

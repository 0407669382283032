"""Stories of releases, settings, scheduled jobs and data."""
from tests.eval.telling import SERVICES, story

COMMERCE = ["Commerce"]


@story("deploy-errors", "deploy")
def _(c):
    service = c.one("PSTRACK", "PSORDER", "PSLABEL", "PSTRACK", "PSORDER")
    slug, build = SERVICES[service][1], c.n(6100, 6999)
    c.main(service, "5xx rate", "http_5xx_rate", "%d per min" % c.n(220, 900), "20 per min")
    c.change(c.n(4, 8), service, "Deploy %s build %d" % (slug, build), "ci/" + slug, commits="carrier code mapping rewritten", by="release-train")
    if not c.blank:
        c.alert(30, "New exception since build %d" % build, sev="error", exception="KeyError: 'carrier_code'", first_seen="build %d" % build, count=str(c.n(900, 4000)))
    c.log("%s build=%d KeyError: 'carrier_code'" % (slug, build))
    c.metric("http_5xx_per_min", 2, 610)
    c.past(33, 12, note="Bad deploy. Rolled back, error rate is zero again.")
    rank = c.hurt({1: "Every single request fails, the service is down for all customers.", 2: "Around half of all requests fail.", 3: "Errors for parcels of one small carrier, the rest works."})
    c.gold(rank, ["change", "errors"], COMMERCE, [[str(build), "carrier_code", "carrier code"]], [("change", str(build))])


@story("deploy-latency", "deploy")
def _(c):
    build = c.n(4100, 4999)
    c.main("PSTRACK", "p99 latency", "http_request_duration_p99", "%d ms" % c.n(2400, 6800), "1500 ms")
    c.change(c.n(10, 22), "PSTRACK", "Deploy tracking-api build %d" % build, "ci/tracking-api", commits="load delivery photos with each parcel")
    if not c.blank:
        c.alert(45, "Queries per request", sev="warning", endpoint="/v2/parcels", before="3", now=str(c.n(80, 260)), statement="SELECT * FROM photos WHERE parcel_id = $1")
    c.metric("db_queries_per_request", 3, 140)
    c.log("slow request /v2/parcels 4211 ms, 143 x SELECT photos")
    rank = c.hurt({2: "The tracking page times out for most people.", 3: "The page is slow, but it loads."})
    c.gold(rank, ["change", "latency"], COMMERCE, [[str(build), "photos"]], [("change", str(build))])


@story("deploy-crashloop", "deploy")
def _(c):
    build = c.n(3100, 3999)
    c.main("PSLABEL", "Ready replicas", "kube_deployment_ready", 0, 4, state="below", host="label-service")
    c.change(c.n(2, 6), "PSLABEL", "Deploy label-service build %d" % build, "ci/label-service", image="label-service:%d" % build)
    if not c.blank:
        c.alert(15, "CrashLoopBackOff: label-service-%d" % build, sev="critical", exit_code="1", last_line="missing environment variable FONT_DIR")
    c.log("label-service build %d: fatal: missing environment variable FONT_DIR" % build)
    c.note(60, "femi.adeyemi", c.one("No labels at all, in no depot.", "All depots stand still, nothing prints.", "Printing is down everywhere.",
                                     "Not one label since it began, vans wait.", "All printing stopped."))
    c.gold(1, ["change", "configuration", "availability"], COMMERCE, [[str(build)]] if c.blank and not c.tel else [["font_dir", "environment variable"]],
           [("change", str(build))] if c.blank else [("alert", "FONT_DIR")])


@story("flag-rollout", "deploy")
def _(c):
    flag = c.one("new_checkout", "instant_quote", "address_autofill", "second_provider", "live_map")
    c.main("PSCUWEB", "JavaScript errors", "js_errors_per_min", c.n(400, 2200), 50, sev="error")
    c.change(c.n(5, 15), "PSCUWEB", "Feature flag %s 5 %% -> 100 %%" % flag, "flags", by="growth-team")
    if not c.blank:
        c.alert(40, "Errors by page part", sev="error", part=flag.replace("_", "-"), message="TypeError: cannot read properties of undefined (reading 'total')", share="98 %")
    c.log("TypeError: cannot read properties of undefined (reading 'total') flag=%s" % flag)
    rank = c.hurt({2: "Nobody on a phone can finish an order.", 3: "The box stays empty for some browsers, ordering works without it."})
    c.gold(rank, ["change", "errors"], COMMERCE, [[flag, flag.replace("_", "-")]], [("change", flag)])


@story("library-upgrade", "deploy")
def _(c):
    build = c.n(7100, 7999)
    c.main("PSPAYME", "Failed payment callbacks", "callback_failures", c.n(60, 340), 10, sev="error")
    c.change(60 * c.n(2, 4), "PSPAYME", "Deploy payments build %d" % build, "ci/payments", commits="upgrade http client 2.8 to 3.0")
    if not c.blank:
        c.alert(30, "Signature of callback rejected", sev="error", reason="header names are lower case since http client 3.0, X-Signature is not found")
    c.log("payments: callback refused: header X-Signature is missing; got x-signature")
    c.note(90, "hiro.tanaka", c.one("Payments are taken but stay pending; support confirms them by hand.", "Customers see 'pending', money arrives. We can confirm by hand.",
                                    "Orders wait for their confirmation, nothing is lost.", "Confirmations come late, a script can replay them.",
                                    "Pending payments pile up, replay works."))
    c.gold(3, ["change", "errors"], ["Payments", "Commerce"], None if c.blank and not c.tel else [["signature"], ["http client", "lower case", "header", str(build)]],
           [("source", "x-signature")] if c.blank else [("alert", "X-Signature")])


@story("canary-only", "deploy")
def _(c):
    build = c.n(8100, 8999)
    c.main("PSORDER", "Error rate of canary", "canary_error_ratio", "%d %%" % c.n(12, 35), "2 %", host="order-intake-canary", sev="warning", urgency=c.one("high", "low"),
           more={"stable_error_ratio": "0.1 %", "canary_share": "1 %"})
    c.change(c.n(6, 14), "PSORDER", "Canary order-intake build %d at 1 %%" % build, "ci/order-intake", automatic_rollback="after 30 min")
    if not c.blank:
        c.alert(30, "Canary analysis failed", sev="warning", build=str(build), verdict="rollback is scheduled", error="validation: unknown field depot_hint")
    c.log("canary build=%d validation: unknown field depot_hint" % build)
    c.gold(4, ["change", "errors"], COMMERCE, [[str(build), "depot_hint"]], [("change", str(build))], urgency="low")


# ---- settings

@story("config-timeout", "configuration")
def _(c):
    c.main("PSORDER", "Upstream timeouts", "upstream_timeouts", "%d per min" % c.n(90, 420), "10 per min")
    if not c.blank:
        c.change(c.n(12, 35), "PSORDER", "order-intake: payment_timeout 8s -> 800ms", "ansible", file="intake.yml", by="cost-review")
    c.alert(25, "Payments answers order-intake", sev="info", p50="640 ms", p95="1900 ms", trend="unchanged since last week")
    c.log("order-intake: payments call gave up after 800 ms")
    c.metric("payments_p95_ms", 1880, 1910)
    rank = c.hurt({2: "Every second order fails at the payment step.", 3: "Orders with bank transfer fail, cards work."})
    c.gold(rank, ["configuration", "change"], COMMERCE, None if c.blank and not c.tel else [["800"], ["timeout", "gave up"]],
           [("source", "800 ms")] if c.blank else [("change", "payment_timeout")])


@story("config-staging-endpoint", "configuration")
def _(c):
    c.main("PSPAYME", "Card authorisation rate", "auth_rate", "%d %%" % c.n(0, 3), "92 %", state="below")
    if not c.blank:
        c.change(c.n(4, 12), "PSPAYME", "payments: provider settings moved to vault", "terraform/payments", diff="PSP_URL = https://sandbox.psp.example/v3")
    c.alert(20, "Provider answers", sev="critical", status="401", body="unknown merchant", host="sandbox.psp.example")
    c.log("payments: POST sandbox.psp.example/v3/auth 401 unknown merchant")
    c.note(60, "hiro.tanaka", c.one("Nobody can pay by card.", "All card payments fail.", "No card payment goes through at all.", "Cards are refused for everyone.",
                                    "Every card is refused."))
    c.gold(1, ["configuration", "change"], ["Payments", "Commerce"], [["sandbox"]], [("alert", "sandbox.psp.example")])


@story("config-rate-limit", "configuration")
def _(c):
    limit = c.n(20, 60)
    c.main("PSCUWEB", "HTTP 429 answers", "http_429_rate", "%d per min" % c.n(600, 2600), "30 per min", sev="error")
    if not c.blank:
        c.change(c.n(8, 25), "PSCUWEB", "Gateway limit per client %d00 -> %d per minute" % (limit, limit), "ansible", by="platform", ticket="GW-%d" % c.n(100, 400))
    c.alert(40, "Visitors", sev="info", requests="as on other days at this hour", blocked_by="gateway rate limit")
    c.metric("requests_per_second", 840, 838)
    c.log("gateway: 429 limit=%d per minute client=office-nat" % limit)
    rank = c.hurt({2: "Whole offices and depots behind one address are locked out of the pages.", 3: "Some people see 'too many requests' and get in on a second try."})
    c.gold(rank, ["configuration", "change"], ["Commerce", "Platform", "Network"], None if c.blank and not c.tel else [["limit"], [str(limit), "gateway"]],
           [("source", "limit=%d" % limit)] if c.blank else [("change", "limit")])


@story("secret-rotated", "configuration")
def _(c):
    user = c.one("label_rw", "orders_rw", "track_ro", "payments_rw", "orders_ro")
    service = c.one("PSLABEL", "PSORDER", "PSTRACK", "PSPAYME", "PSORDER")
    c.main(service, "Failed logins to the database", "db_auth_failures", c.n(120, 900), 5)
    if not c.blank:
        c.change(c.n(6, 20), "PSPARDB", "Rotate password of %s" % user, "vault", next_step="restart of clients is manual")
    c.alert(15, 'password authentication failed for user "%s"' % user, sev="critical", client=SERVICES[service][1])
    c.log('FATAL: password authentication failed for user "%s"' % user)
    rank = c.hurt({1: "Nothing works any more, every request of the service needs the database.", 2: "Old pods still have connections, about half of the requests fail."})
    c.gold(rank, ["configuration", "change", "security", "database"], ["Commerce", "Platform"], [["password"], [user, "rotat"]],
           [("alert", "password authentication")] if c.blank else [("change", "Rotate password")])


# ---- scheduled jobs

@story("cron-suspended", "cron")
def _(c):
    job = c.one("invoice-run", "refund-batch", "payout-file", "ledger-close", "dunning-letters")
    c.main("PSPAYME", "%s has not finished" % job, "job_last_success_hours", c.n(26, 50), 25, sev="error", urgency=c.one("high", "low"))
    if not c.blank:
        c.change(60 * c.n(9, 14), "PSPAYME", "CronJob %s: suspend true" % job, "kubectl", by="maintenance of the ledger", note="to be undone after the upgrade")
    c.metric("cronjob_suspended{%s}" % job, 0, 1)
    c.log("cronjob controller: %s is suspended, no job was started" % job)
    c.note(80, "hiro.tanaka", c.one("It is needed by tomorrow noon, no customer waits today.", "Finance can wait until the morning.", "Nobody is hurt tonight.",
                                    "Due at the end of the week.", "Tomorrow is early enough."))
    c.gold(4, ["configuration", "change"], ["Payments", "Commerce"], None if c.blank and not c.tel else [["suspend"]], [("source", "suspended")] if c.blank else [("change", "suspend true")],
           urgency="low")


@story("cron-overlap", "cron")
def _(c):
    c.main("PSROUTE", "Planner run duration", "planner_run_duration", "%d s" % c.n(2600, 5200), "900 s", sev="error")
    if not c.blank:
        c.alert(30, "Two jobs at the same time on planner-db", sev="warning", first="tour-solver (started 05:00)", second="archive-tours (started 05:10, usually 02:00)", waits="tour-solver waits for table tours")
    c.log("archive-tours: moved 812233 rows, holding lock on tours", "tour-solver: waiting for lock on tours")
    c.metric("planner_db_lock_waits", 0, 48)
    rank = c.hurt({2: "No tour is ready, all drivers wait at the depots.", 3: "Tours come half an hour late."})
    c.gold(rank, ["database", "latency", "configuration"], ["Commerce", "Platform"], None if c.blank and not c.tel else [["archive-tours"]],
           [("source", "archive-tours")] if c.blank else [("alert", "archive-tours")])


# ---- data

@story("data-bad-feed", "data")
def _(c):
    shop = c.n(1200, 1999)
    c.main("PSORDER", "Rejected orders", "shop_rejections", c.n(300, 2400), 50, sev="warning", more={"reason": "postal_code: must be text"})
    if not c.blank:
        c.alert(25, "Rejections by shop", sev="warning", shop="shop-%d" % shop, share="%d %%" % c.n(96, 100), sample="postal_code: 4711.0")
    c.log("reject shop-%d row 18: postal_code 4711.0 must be text" % shop)
    c.note(70, "ewa.nowak", "Only that one is affected, all other shops are fine." if not c.blank else "It is one shop only, all others are fine.")
    c.gold(4, ["errors", "dependency"], COMMERCE, None if c.blank and not c.tel else [["shop-%d" % shop], ["postal"]], [("source", "shop-%d" % shop)] if c.blank else [("alert", "shop-%d" % shop)],
           urgency="low")


@story("data-map-import", "data")
def _(c):
    imp = c.n(610, 690)
    c.main("PSROUTE", "Tours with impossible stops", "tours_invalid", c.n(40, 310), 5, sev="error")
    c.change(60 * c.n(1, 3), "PSROUTE", "Map import %d loaded" % imp, "planner/import", region="north", edges="%d" % c.n(2, 4) + " times those of yesterday")
    if not c.blank:
        c.alert(30, "Map check", sev="error", map="import %d" % imp, finding="bridges are missing, ferries count as roads")
    c.log("planner: stop unreachable: edge ferry-%d has no speed" % c.n(10, 99))
    c.past(60, 35, note="Map import had doubled the edges; reloaded yesterday's map.", who="dario.conti")
    rank = c.hurt({2: "Drivers of the whole north are sent into the sea, dispatch stopped them.", 3: "Dispatch corrects the tours by hand, it takes time."})
    c.gold(rank, ["change", "errors"], COMMERCE, [["map"], [str(imp), "import"]], [("change", str(imp))])


@story("data-schema-drift", "data")
def _(c):
    topic = c.one("scan-events", "order-created", "label-printed", "tour-closed", "payment-settled")
    c.main("PSEVBUS", "Messages in dead letter queue", "dlq_messages", c.n(900, 12000), 100, sev="error", more={"topic": topic + ".dlq"})
    if not c.blank:
        c.change(c.n(20, 50), "PSEVBUS", "Schema %s v7: weight is now grams (int)" % topic, "schema-registry", compatibility="none")
    c.alert(20, "Deserialisation failed", sev="error", topic=topic, field="weight", expected="double", found="int")
    c.log("consumer: cannot read %s: weight expected double found int" % topic)
    rank = c.hurt({2: "No event of this kind is handled, weights are missing on all new parcels.", 3: "Messages are kept and can be replayed, statistics lag behind."}, "dario.conti")
    c.gold(rank, ["change", "errors", "configuration"], ["Platform", "Commerce"], [["weight", "schema"], [topic, "v7", "int"]],
           [("alert", "weight")] if c.blank else [("change", "Schema")])


@story("wrong-limit-field", "data")
def _(c):
    c.typed("PSORDER", c.one("Shops report prices of zero", "Quotes show 0.00 for heavy parcels", "Price is missing for some parcels", "Heavy parcels are quoted free of charge",
                             "Zero price on quotes"),
            "Support has %d tickets: parcels above 20 kg are quoted with price 0. Orders go through at that price." % c.n(9, 40))
    if not c.blank:
        c.change(60 * c.n(2, 5), "PSORDER", "Price table %d uploaded" % c.n(80, 99), "pricing-tool", rows="1 to 20 kg only; rows above are empty", by="pricing")
    c.log("pricing: no row for weight 24, using 0")
    c.metric("orders_with_price_zero", 0, 412)
    c.gold(2, ["change", "errors", "configuration"], COMMERCE, None if c.blank and not c.tel else [["price", "row"], ["table", "row", "empty", "no row"]],
           [("source", "no row for weight")] if c.blank else [("change", "rows above are empty")])

"""Stories of providers, neighbours, networks, names, certificates, attackers and too little room."""
from tests.eval.telling import SERVICES, story


@story("psp-outage", "third party")
def _(c):
    psp = c.one("Nordpay", "Kortex", "PayBridge", "Eurosettle", "Cardline")
    c.main("PSPAYME", "Payment provider timeouts", "psp_timeouts", "%d in 5 min" % c.n(140, 900), "10 in 5 min", more={"provider": psp})
    if not c.blank:
        c.alert(50, "Mail of %s status page" % psp, sev="info", subject="[Investigating] Elevated errors on card authorisation", affects="all merchants in EU")
    c.provider("%s card authorisation" % psp, "major_outage")
    c.provider("Mail delivery", "operational")
    c.log("payments: %s POST /authorise timed out after 8000 ms" % psp.lower())
    c.past(50, 90, note="Provider confirmed an outage; switched card traffic to the second provider.", who="hiro.tanaka")
    rank = c.hurt({1: "No card payment goes through, orders stand still.", 2: "Most card payments fail, bank transfer works.", 3: "The second provider has taken over, some payments take long."}, "hiro.tanaka")
    c.gold(rank, ["dependency"], ["Payments", "Commerce"], None if c.blank and not c.tel else [[psp.lower(), "provider"], ["outage", "investigating", "elevated", "status page"]],
           [("source", "major_outage")] if c.blank else [("alert", "Elevated errors")])


@story("sms-provider", "third party")
def _(c):
    c.main("PSTRACK", "Undelivered text messages", "sms_undelivered_ratio", "%d %%" % c.n(35, 90), "5 %", sev="error")
    if not c.blank:
        c.alert(30, "Answer of Textline API", sev="error", status="402", body="account balance is exhausted, messages are queued", balance="0.00")
    c.log("sms: textline answered 402 account balance is exhausted")
    c.metric("textline_balance_eur", 180, 0)
    c.note(80, "ewa.nowak", c.one("Receivers get mails as usual, only texts are missing.", "Mail and app still tell people.", "People see everything in the app, texts come later.",
                                  "Nobody misses a parcel, mails go out.", "Texts wait, mails work."))
    c.gold(4, ["dependency", "capacity", "configuration"], ["Commerce"], None if c.blank and not c.tel else [["balance", "402"]],
           [("source", "balance is exhausted")] if c.blank else [("alert", "balance")], urgency="low")


@story("cdn-region", "third party")
def _(c):
    region = c.one("Frankfurt", "Madrid", "Warsaw", "Milan", "Stockholm")
    c.main("PSCUWEB", "First paint", "web_first_paint", "%d ms" % c.n(6000, 14000), "3000 ms", sev="error", host="probe-" + region.lower())
    if not c.blank:
        c.alert(40, "Probes by place", sev="warning", slow=region, normal="all eleven others", origin="answers in 90 ms")
    c.provider("Edgecast CDN %s" % region, "degraded_performance")
    c.provider("Edgecast CDN other regions", "operational")
    c.metric("origin_response_ms", 92, 90)
    rank = c.hurt({3: "Visitors in one country wait long for the page.", 4: "It is night there, hardly anybody is on the page."})
    c.gold(rank, ["dependency", "latency", "network"], ["Commerce", "Network"], None if c.blank and not c.tel else [[region.lower()], ["cdn", "edge", "probe", "region"]],
           [("source", region)] if c.blank else [("alert", region)])


@story("maps-quota", "third party")
def _(c):
    c.main("PSROUTE", "Geocoding failures", "geocode_failures", "%d per min" % c.n(80, 700), "5 per min", sev="error")
    if not c.blank:
        c.alert(20, "Geocoder answers", sev="error", status="429", body="OVER_DAILY_LIMIT", used="100000 of 100000", resets="at midnight UTC")
    c.log("geocoder: OVER_DAILY_LIMIT for key routing-prod")
    c.metric("geocoder_requests_today", 41000, 100000)
    rank = c.hurt({2: "New addresses cannot be planned; a third of tomorrow's stops have no place.", 3: "New addresses are put in by hand for now."})
    c.gold(rank, ["dependency", "capacity"], ["Commerce"], None if c.blank and not c.tel else [["limit", "quota", "100000"], ["daily", "geocod", "100000", "over_"]],
           [("source", "OVER_DAILY_LIMIT")] if c.blank else [("alert", "OVER_DAILY_LIMIT")])


# ---- neighbours

@story("neighbour-database", "dependency")
def _(c):
    service = c.one("PSTRACK", "PSORDER", "PSLABEL", "PSPAYME", "PSTRACK")
    name, slug = SERVICES[service]
    if not c.blank:
        c.other(-c.n(60, 240), "PSPARDB", "Parcel Database primary out of disk, read-only", host="parcel-db-1", mode="read-only")
    c.main(service, "Failed writes", "failed_writes", "%d per min" % c.n(300, 2000), "10 per min")
    c.alert(20, "cannot execute INSERT in a read-only transaction", sev="critical", target="parcel-db-1")
    c.log("%s: ERROR: cannot execute INSERT in a read-only transaction" % slug)
    rank = c.hurt({1: "Nothing can be saved, for nobody.", 2: "Reading works, whatever has to be saved fails."})
    c.gold(rank, ["dependency", "database", "disk"], ["Platform"], [["read-only", "read only"]] if c.blank else [["parcel database", "parcel-db", "read-only", "primary"], ["disk", "read-only"]],
           [("alert", "read-only")])


@story("neighbour-bus", "dependency")
def _(c):
    broker = c.n(1, 3)
    if not c.blank:
        c.other(-c.n(30, 200), "PSEVBUS", "Event Bus broker %d is down" % broker, host="kafka-%d" % broker)
    c.main("PSTRACK", "Age of newest scan", "scan_age_seconds", "%d s" % c.n(400, 2400), "120 s", sev="error")
    c.alert(30, "Consumer cannot reach group coordinator", sev="error", broker="kafka-%d:9092" % broker, error="connection refused")
    c.log("tracking-consumer: kafka-%d:9092 connection refused" % broker)
    c.metric("events_consumed_per_s", 410, 0)
    rank = c.hurt({2: "Parcels show yesterday's place, for everybody.", 3: "Places are some minutes old."})
    c.gold(rank, ["dependency", "availability"], ["Platform"], [["kafka-%d" % broker, "broker %d" % broker, "broker"]], [("alert", "kafka-%d" % broker)])


@story("neighbour-payments", "dependency")
def _(c):
    if not c.blank:
        c.other(-c.n(100, 400), "PSPAYME", "Payments p99 latency 9400 ms", host="payments-2", pool="20 of 20 busy")
    c.main("PSORDER", "Threads busy", "http_threads_busy", "%d of 200" % c.n(196, 200), "180", host=c.host("order-intake"))
    c.alert(25, "Thread dump of order-intake", sev="error", waiting="%d threads in PaymentsClient.authorise" % c.n(170, 190), database="idle")
    c.log("order-intake: waiting for payments 9120 ms")
    c.metric("payments_p99_ms", 640, 9400)
    rank = c.hurt({1: "Orders hang until they time out, all of them.", 2: "Orders with cards hang, those on account go through.", 3: "Orders take ten seconds, they arrive."}, "femi.adeyemi")
    c.gold(rank, ["dependency", "latency", "capacity"], ["Payments", "Commerce"], [["payment"]], [("alert", "PaymentsClient")])


# ---- networks and names

@story("vpn-depots", "network")
def _(c):
    k = c.n(4, 31)
    c.main("PSLABEL", "Printer gateway unreachable from %d depots" % k, "printer_gateway_up", 0, 1, state="below", host="vpn-hub-%d" % c.n(1, 2))
    if not c.blank:
        c.alert(20, "IKE negotiation fails on vpn-hub", sev="critical", peers="%d depots" % k, reason="NO_PROPOSAL_CHOSEN: peer offers aes128-sha1 only")
        c.change(c.n(15, 40), "PSLABEL", "vpn-hub: drop sha1 and modp1024", "netops", device="vpn-hub", reason="audit finding %d" % c.n(10, 99))
    c.log("ike: NO_PROPOSAL_CHOSEN from depot router, offered aes128-sha1-modp1024")
    rank = c.hurt({2: "These depots print nothing, vans do not leave.", 3: "Depots print through the phone router, slowly."})
    c.gold(rank, ["network", "change", "configuration"], ["Network", "Platform"], None if c.blank and not c.tel else [["sha1", "proposal"]],
           [("source", "NO_PROPOSAL_CHOSEN")] if c.blank else [("change", "sha1")])


@story("packet-loss", "network")
def _(c):
    port = "xe-0/0/%d" % c.n(1, 47)
    c.main("PSPARDB", "Packet loss between zones", "packet_loss_pct", "%d %%" % c.n(4, 18), "0.5 %", host="tor-b%d" % c.n(1, 6), sev="error")
    if not c.blank:
        c.alert(15, "CRC errors on %s" % port, sev="error", port=port, crc="%d per s" % c.n(600, 9000), optics="receive power -%d dBm, limit -14" % c.n(17, 24))
    c.metric("interface_crc_errors{%s}" % port, 0, 4100)
    c.log("switch: %s receive power low alarm" % port)
    rank = c.hurt({2: "Replication and half of the calls between zones time out, pages fail on and off.", 3: "Calls between zones are repeated and get through."}, "dario.conti")
    c.gold(rank, ["network"], ["Network", "Platform"], None if c.blank and not c.tel else [[port, "optic", "crc", "receive power"]],
           [("source", port)] if c.blank else [("alert", port)])


@story("lb-health-check", "network")
def _(c):
    c.main("PSCUWEB", "Healthy targets", "lb_healthy_hosts", 0, 6, state="below", host="lb-web")
    if not c.blank:
        c.change(c.n(3, 10), "PSCUWEB", "Load balancer: health check path / -> /healthz", "terraform/lb", applied_by="platform")
        c.alert(25, "Targets answer", sev="info", path_root="200 in 40 ms", path_healthz="404")
    c.log("lb-web: target web-3 removed, health check /healthz answered 404")
    c.note(60, "asha.verma", c.one("The site answers 503 to everyone.", "Nobody gets a page, all see 503.", "All pages are gone.", "The whole site is down.", "No visitor gets anything but 503."))
    c.gold(1, ["change", "configuration", "network", "availability"], ["Network", "Platform", "Commerce"], None if c.blank and not c.tel else [["healthz", "health check"]],
           [("source", "healthz")] if c.blank else [("change", "healthz")])


@story("dns-record", "dns")
def _(c):
    name = c.one("api", "track", "print", "order", "pay") + ".lumenparcel.example"
    c.main("PSCUWEB", "Check of %s fails" % name, "probe_dns_lookup", "NXDOMAIN", "1", state="not", host="probes", vendor=None)
    if not c.blank:
        c.change(c.n(20, 55), "PSCUWEB", "DNS zone lumenparcel.example serial %d" % c.n(2026090101, 2026092099), "dns-repo", removed="%s CNAME edge" % name, reason="cleanup of unused names")
    c.alert(20, "Answer of the name servers", sev="critical", name=name, answer="NXDOMAIN from all four", ttl="300")
    c.log("resolver: %s NXDOMAIN" % name)
    rank = c.hurt({1: "No shop and no customer reaches us under that name.", 2: "One of our products cannot be reached by its customers."})
    c.gold(rank, ["network", "change", "configuration"], ["Network", "Platform"], None if c.blank else [["zone", "removed", "cname", "cleanup", "record"]], [("change", "removed")])


@story("dns-resolver", "dns")
def _(c):
    c.main("PSPAYME", "Failed lookups", "dns_failures", "%d per min" % c.n(400, 4000), "20 per min", host="coredns", sev="error")
    if not c.blank:
        c.alert(20, "coredns throttled", sev="error", cpu_limit="100m", throttled="%d %% of periods" % c.n(70, 97), queries="%d per s" % c.n(9000, 20000))
    c.metric("coredns_cpu_throttled_pct", 3, 88)
    c.log("payments: lookup ledger.internal: i/o timeout")
    rank = c.hurt({2: "About half of the payments fail with an unknown host.", 3: "Payments are slow, a repeated try helps."}, "hiro.tanaka")
    c.gold(rank, ["network", "capacity", "dependency"], ["Platform", "Network"], None if c.blank and not c.tel else [["coredns"], ["throttl", "cpu"]],
           [("source", "throttled")] if c.blank else [("alert", "throttled")])


# ---- certificates

@story("cert-expired", "certificate")
def _(c):
    name = c.one("pay", "api", "print-gateway", "depot", "shop") + ".lumenparcel.example"
    c.main(c.one("PSPAYME", "PSTRACK", "PSLABEL", "PSROUTE", "PSORDER"), "TLS handshakes failed", "tls_handshake_errors", "%d per min" % c.n(500, 4000), "20 per min")
    if not c.blank:
        c.alert(15, "x509: certificate has expired", sev="critical", host=name, not_after=c.out["at"][:11] + "0%d:00:00Z" % c.n(0, 5), issuer="Lumen CA G2")
    c.log("tls: %s: certificate has expired or is not yet valid" % name)
    rank = c.hurt({1: "No client connects any more, it is down for all.", 2: "Newer clients refuse to connect, that is most of them."})
    c.gold(rank, ["certificate"], ["Platform", "Network", "Commerce", "Payments"], None if c.blank and not c.tel else [["expired"]],
           [("source", "expired")] if c.blank else [("alert", "expired")])


@story("cert-chain", "certificate")
def _(c):
    c.main("PSORDER", "Shops cannot connect", "shop_connect_failures", c.n(120, 900), 20, sev="error")
    if not c.blank:
        c.change(60 * c.n(1, 4), "PSORDER", "New certificate for shop.lumenparcel.example", "certbot", valid="90 days", bundle="leaf only")
        c.alert(25, "unable to get local issuer certificate", sev="error", clients="Java and curl", browsers="fine")
    c.log("openssl s_client: verify error 20: unable to get local issuer certificate")
    rank = c.hurt({2: "Shops with their own software are locked out, that is most of our volume.", 3: "A few older shop systems cannot connect."})
    c.gold(rank, ["certificate", "change", "configuration"], ["Platform", "Network", "Commerce"], None if c.blank and not c.tel else [["leaf", "issuer", "chain", "intermediate"]],
           [("source", "issuer")] if c.blank else [("alert", "issuer")])


@story("cert-soon", "certificate")
def _(c):
    days = c.n(6, 20)
    c.main("PSCUWEB", "Certificate expires in %d days" % days, "probe_ssl_days", days, 21, state="below", host="www.lumenparcel.example", sev="warning", urgency=c.one("low", "high"))
    if not c.blank:
        c.alert(30, "Renewal robot failed", sev="warning", error="DNS challenge: API token of the robot is read-only", last_success="%d days ago" % c.n(70, 84))
    c.log("certbot: DNS challenge failed: 403 token is read-only")
    c.past(90, 60 * 5, note="Renewed the certificate by hand; the robot's account had lost its rights.", who="asha.verma")
    c.gold(4, ["certificate"], ["Platform", "Network", "Commerce"], None if c.blank and not c.tel else [["read-only", "challenge", "token"]],
           [("source", "read-only")] if c.blank else [("alert", "read-only")], urgency="low")


# ---- attackers

@story("brute-force", "security")
def _(c):
    net = "AS%d" % c.n(20000, 60000)
    c.main("PSCUWEB", "Failed logins", "login_failures", "%d per min" % c.n(2000, 30000), "100 per min", sev="critical", more={"distinct_accounts": str(c.n(4000, 80000))})
    if not c.blank:
        c.alert(30, "Credential stuffing suspected", sev="critical", network=net, pattern="one password a user, leaked list", succeeded=str(c.n(12, 160)))
    c.log("auth: failed login bursts from %s, user agents rotate" % net)
    c.metric("login_success_from_%s" % net.lower(), 0, 61)
    c.note(80, "greta.holm", "Customers write that addresses in their accounts were changed." if not c.blank else "Customers write about mails on logins that were not theirs.")
    c.gold(2, ["security"], ["Security"], None if c.blank and not c.tel else [[net.lower(), "stuffing", "leaked list"]], [("source", net) if c.blank else ("alert", "stuffing")])


@story("leaked-key", "security")
def _(c):
    c.typed("PSPAYME", c.one("Leaked key of the payments repository", "Secret scanner: leaked key in a public fork", "Leaked token found by a partner", "Leaked secret reported by a researcher",
                             "Leaked key in a build log"),
            "The scanner found the deploy key of payments in a public place, committed %d hours ago. %s" % (
                c.n(2, 30), "It still works." if c.v % 2 else "The access log shows clones from an address that nobody knows."))
    c.log("git: clone of lumenparcel/payments with deploy key from unknown network")
    c.gold(2, ["security"], ["Security"], [["key", "token", "secret"], ["public", "leaked", "scanner", "clone"]], [("note", "public place")])


@story("scraping-bots", "security")
def _(c):
    agent = c.one("ParcelSpider", "okhttp without version", "HeadlessChrome", "python-requests", "PriceWatch")
    c.main("PSTRACK", "Requests per second", "http_requests_per_second", c.n(9000, 26000), 3000, sev="error")
    if not c.blank:
        c.alert(25, "Top client of the last 10 minutes", sev="warning", user_agent=agent, share="%d %%" % c.n(70, 92), pattern="counts up parcel numbers one by one")
    c.log("edge: %s GET /track/77100018 /track/77100019 /track/77100020" % agent)
    c.metric("requests_per_second_humans", 810, 805)
    rank = c.hurt({2: "The tracking page is too slow to be used for everybody else.", 3: "Answers are slower than usual, all arrive."})
    c.gold(rank, ["security", "capacity"], ["Security", "Network", "Commerce"], None if c.blank and not c.tel else [[agent.lower(), "scrap", "bot", "one by one"]],
           [("source", agent)] if c.blank else [("alert", agent)])


# ---- too little room

@story("autoscaler-max", "capacity")
def _(c):
    top = c.n(8, 20)
    c.main("PSORDER", "p95 latency", "http_request_duration_p95", "%d ms" % c.n(3000, 9000), "1200 ms")
    if not c.blank:
        c.alert(20, "HorizontalPodAutoscaler order-intake at its maximum", sev="warning", replicas="%d of %d" % (top, top), cpu="%d %% of target 60 %%" % c.n(150, 240))
    c.alert(50, "Orders per minute", sev="info", now=str(c.n(4200, 7000)), last_week="1500", reason="campaign of a large shop, announced")
    c.metric("hpa_replicas{order-intake}", 4, top)
    c.log("hpa: order-intake: desired %d is above maximum %d" % (top + 9, top))
    rank = c.hurt({2: "Every third order runs into a timeout.", 3: "Orders take some seconds longer, all arrive."})
    c.gold(rank, ["capacity", "latency"], ["Commerce", "Platform"], [["campaign", "traffic", "orders per minute"]] if c.blank and not c.tel else [["maximum", "autoscaler", "hpa", "replicas"]],
           [("alert", "campaign")] if c.blank else [("alert", "maximum")])


@story("cpu-credits", "capacity")
def _(c):
    host = c.host("planner-db")
    c.main("PSROUTE", "CPU steal", "cpu_steal_pct", "%d %%" % c.n(60, 92), "10 %", host=host, sev="error")
    if not c.blank:
        c.alert(20, "CPU credit balance is 0", sev="error", instance=host, type="t3.large", baseline="30 %")
    c.metric("cpu_credit_balance{%s}" % host, 412, 0)
    c.log("%s: query planner statistics took 41 s, usually 2 s" % host)
    rank = c.hurt({3: "Planning is late, first tours leave half an hour later.", 4: "Only the evening's rehearsal runs are slow."})
    c.gold(rank, ["capacity"], ["Platform", "Commerce"], None if c.blank and not c.tel else [["credit"]], [("source", "credit")] if c.blank else [("alert", "credit")])

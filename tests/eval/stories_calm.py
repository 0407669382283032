"""Stories in which nothing is broken: the evidence says so, and what is right is to say it calmly."""
from tests.eval.telling import story

PLATFORM = ["Platform", "Commerce"]


def calm(c, benign, proof, category="noise", team=PLATFORM, severity=5):
    c.gold(severity, [category] if isinstance(category, str) else category, team, None, proof, urgency="low", no_fault=True, benign=benign)


@story("blip", "calm")
def _(c):
    c.main("PSROUTE", "Consumer lag", "kafka_consumer_lag", c.n(10100, 12900), 10000, sev="warning", urgency=c.one("high", "low"))
    for k in range(c.n(6, 9)):
        c.past(3 + 4 * k, c.n(2, 6))
    c.alert(100, "Resolved by monitor", sev="info", value="%d" % c.n(800, 2100), note="below the limit again")
    c.metric("kafka_consumer_lag", 11800, 1300)
    calm(c, [["below", "clear", "again", "by itself", "blip", "brief"]], [("alert", "below the limit again")], ["noise", "capacity"])


@story("test-alert", "calm")
def _(c):
    who = c.one("asha.verma", "bo.lindqvist", "dario.conti", "carmen.ortega", "femi.adeyemi")
    c.main(c.one("PSEVBUS", "PSLABEL", "PSTRACK", "PSORDER", "PSCUWEB"), "Test of a new notification rule", "test", 1, 0, sev="critical", more={"test": "true", "sent_by": who.split(".")[0]})
    c.note(40, who, c.one("That was me, I am trying the new integration. Please ignore.", "Only a test of the new routing.", "Ignore: test event of the integration.",
                          "Testing, nothing is wrong.", "Please ignore, testing the pager."))
    calm(c, [["test", "trying", "integration", "routing"]], [("alert", "test")])


@story("load-test", "calm")
def _(c):
    c.change(c.n(5, 25), "PSORDER", "Load test on staging begins", "k6", environment="staging", target="order-intake-staging", planned="until %d:30" % c.n(18, 22))
    c.main("PSORDER", "CPU usage", "cpu_usage_pct", "%d %%" % c.n(93, 99), "85 %", host="order-intake-staging-%d" % c.n(1, 4), sev="warning", urgency=c.one("low", "high"), more={"env": "staging"})
    c.metric("k6_virtual_users", 0, 800)
    c.note(60, "femi.adeyemi", c.one("Production is quiet, nothing there.", "Production looks as usual.", "Nothing on production.", "Production dashboards are green.", "Only staging."))
    calm(c, [["load test", "staging"]], [("change", "Load test")])


@story("one-probe", "calm")
def _(c):
    place = c.one("Sydney", "Sao Paulo", "Seoul", "Mumbai", "Dallas")
    c.main("PSCUWEB", "Check fails from %s" % place, "probe_success", 0, 1, state="below", host="probe-" + place.lower().replace(" ", "-"), sev="error")
    c.alert(40, "Checks by place", sev="info", failing=place, passing="all 14 others", probe_error="probe agent has no network: gateway of the probe host unreachable")
    c.provider("Checkpoint probes %s" % place, "partial_outage")
    c.metric("visitors_per_minute", 912, 918)
    c.note(80, "ewa.nowak", c.one("Pages load fine here and from the office.", "I can open everything.", "Traffic is as usual.", "No complaints, visitors as on other days.", "Site is fine."))
    calm(c, [["probe", "monitor", place.lower()]], [("alert", "probe agent")], ["noise", "network", "dependency"], ["Platform", "Commerce", "Network"])


@story("maintenance-work", "calm")
def _(c):
    if c.v < 2:
        c.step(-1800, "maintenance", service="PSPARDB", start_in_s=0, duration_s=7200, description="Minor version upgrade of the database")
    c.change(c.n(12, 28), "PSPARDB", "Planned minor upgrade of replica-1 begins", "dba-jobs", ticket="DBA-%d" % c.n(100, 900), plan="replica-1 is out of rotation until it is done")
    c.main("PSPARDB", "Replica is down", "pg_up", 0, 1, state="below", host="parcel-db-replica-1", sev="error", urgency=c.one("high", "low"))
    c.note(50, "carmen.ortega", c.one("Expected, the upgrade is running.", "This is the planned upgrade.", "Expected: replica-1 restarts for its upgrade.", "Part of the announced work.", "Planned, back in ten minutes."))
    calm(c, [["upgrade", "planned"]], [("change", "Planned")], ["maintenance", "noise"], ["Platform"])


@story("agent-restart", "calm")
def _(c):
    c.main("PSLABEL", "No data", "node_up", "no data", "5 min", host=c.host("label-service"), sev="warning", urgency=c.one("low", "high"))
    c.change(c.n(4, 8), "PSLABEL", "Roll out monitoring agent 7.%d" % c.n(51, 60), "ansible", hosts="label-service", restarts="agent only")
    c.alert(90, "Data is back", sev="info", gap="%d min" % c.n(3, 6), service="answered all requests meanwhile")
    c.metric("labels_printed_per_minute", 74, 77)
    calm(c, [["agent", "monitoring"]], [("change", "monitoring agent")], ["noise", "change"])


@story("backup-io", "calm")
def _(c):
    c.main("PSPARDB", "Disk I/O utilisation", "disk_io_util_pct", "%d %%" % c.n(91, 97), "90 %", host="parcel-db-replica-2", sev="warning", urgency=c.one("low", "high"))
    for k in range(c.n(4, 8)):
        c.past(1 + 7 * k, c.n(20, 28))
    c.alert(60, "Weekly base backup is running", sev="info", started="as scheduled", progress="%d %%" % c.n(30, 80), replica="serves no customers")
    c.metric("query_p95_ms", 12, 12)
    c.log("pg_basebackup: checkpoint completed, streaming")
    calm(c, [["backup"]], [("alert", "base backup")], ["noise", "database", "disk", "maintenance"], ["Platform"])


@story("game-day", "calm")
def _(c):
    c.typed(c.one("PSTRACK", "PSPAYME", "PSORDER", "PSEVBUS", "PSLABEL"), c.one("Exercise: region lost", "Drill: primary gone", "Exercise: all brokers down", "Game day: payments stop", "Drill: data centre on fire"),
            "EXERCISE EXERCISE EXERCISE. This is a drill of the on-call team, nothing is broken. Please acknowledge and write down what you would do.")
    calm(c, [["drill", "exercise"]], [("note", "drill")], ["noise", "maintenance"], ["Platform", "Commerce", "Payments"])


@story("renamed-metric", "calm")
def _(c):
    old = c.one("orders_total", "labels_printed", "scans_total", "tours_planned", "payments_ok")
    c.main("PSORDER" if old == "orders_total" else "PSTRACK", "%s is zero" % old, old, 0, 1, state="below", sev="critical")
    c.change(c.n(8, 30), "PSORDER" if old == "orders_total" else "PSTRACK", "Metrics: rename %s to %s_count" % (old, old), "ci/metrics", alerts="not changed yet")
    c.alert(60, "%s_count" % old, sev="info", rate="%d per min, as usual" % c.n(200, 700))
    c.metric("%s_count" % old, 402, 410)
    calm(c, [["rename", "renamed", "%s_count" % old]], [("change", "rename")], ["noise", "change", "configuration"])


@story("expected-drain", "calm")
def _(c):
    node = "node-%d" % c.n(11, 88)
    c.main("PSEVBUS", "Node is not ready", "kube_node_ready", 0, 1, state="below", host=node, sev="error", urgency=c.one("high", "low"))
    c.change(c.n(3, 9), "PSEVBUS", "Drain %s for kernel update" % node, "kured", next="reboot, back in about %d min" % c.n(4, 7), window="weekly, one node after the other")
    for k in range(3):
        c.past(7 * (k + 1), c.n(4, 7))
    c.alert(80, "Workload of %s" % node, sev="info", pods="moved to other nodes", under_replicated_partitions="0")
    calm(c, [["drain", "kernel", "reboot"]], [("change", "Drain")], ["noise", "maintenance", "change"], ["Platform"])

"""How a case is told: the words of many vendors' monitors, and a small language in which stories are written (stories_*.py)."""
import datetime
import random

SERVICES = {"PSTRACK": ("Tracking API", "tracking-api"), "PSLABEL": ("Label Service", "label-service"),
            "PSROUTE": ("Route Planner", "route-planner"), "PSPAYME": ("Payments", "payments"), "PSORDER": ("Order Intake", "order-intake"),
            "PSPARDB": ("Parcel Database", "parcel-db"), "PSEVBUS": ("Event Bus", "event-bus"), "PSCUWEB": ("Customer Web", "customer-web")}
VARIANTS = 5
STORIES = []  # (name, family, function), in the order in which they are told


def story(name, family):
    def add(f):
        STORIES.append((name, family, f))
        return f
    return add


# ---- how monitors of different vendors word the same thing: (title, details)

def camel(words):
    return "".join(w.capitalize() for w in words.replace("/", " ").replace("-", " ").replace("%", "pct").split())


def alertmanager(w):
    return ("[FIRING:1] %s (%s prod %s)" % (camel(w["what"]), w["slug"], w["sev"]),
            {"labels": {"alertname": camel(w["what"]), "instance": w["host"], "job": w["slug"], "severity": w["sev"]},
             "annotations": {"summary": "%s %s %s on %s" % (w["what"], w["state"], w["limit"], w["host"]), "value": w["value"]}})


def datadog(w):
    return ("[Triggered on {host:%s}] %s %s %s" % (w["host"], w["name"], w["what"], w["state"] + " " + w["limit"]),
            {"monitor": {"name": "%s - %s" % (w["name"], w["what"]), "query": "avg(last_5m):avg:%s{service:%s} > %s" % (
                w["metric"], w["slug"], w["limit"])}, "tags": "env:prod,service:%s,host:%s" % (w["slug"], w["host"]), "last_value": w["value"]})


def cloudwatch(w):
    return ('ALARM: "%s-%s" in EU (Ireland)' % (w["slug"], w["metric"].replace("_", "-")),
            {"AlarmName": "%s-%s" % (w["slug"], w["metric"].replace("_", "-")), "NewStateValue": "ALARM",
             "NewStateReason": "Threshold Crossed: 3 datapoints [%s] were %s the threshold (%s)." % (w["value"], w["state"], w["limit"]),
             "AlarmDescription": "%s of %s" % (w["what"], w["name"]), "Dimensions": w["host"]})


def newrelic(w):
    return ("%s %s %s for at least 5 minutes on '%s'" % (w["what"], w["state"], w["limit"], w["name"]),
            {"condition_name": w["what"], "policy_name": w["name"] + " golden signals", "targets": w["host"],
             "violation": "%s was %s" % (w["metric"], w["value"])})


def nagios(w):
    return ("PROBLEM: %s/%s is CRITICAL" % (w["host"], w["what"]),
            {"HOSTNAME": w["host"], "SERVICEDESC": w["what"], "SERVICESTATE": "CRITICAL",
             "SERVICEOUTPUT": "CRITICAL - %s = %s (limit %s)" % (w["metric"], w["value"], w["limit"])})


def zabbix(w):
    return ("Problem: %s %s %s on %s" % (w["what"], w["state"], w["limit"], w["host"]),
            {"trigger": {"name": "%s %s %s" % (w["what"], w["state"], w["limit"]), "severity": "High"}, "host": w["host"],
             "item_value": "%s: %s" % (w["metric"], w["value"])})


def grafana(w):
    return ("[Alerting] %s: %s" % (w["name"], w["what"]),
            {"ruleName": "%s %s" % (w["name"], w["what"]), "state": "alerting",
             "valueString": "[ metric='%s' labels={instance=%s} value=%s ]" % (w["metric"], w["host"], w["value"]),
             "message": "%s is %s %s" % (w["what"], w["state"], w["limit"])})


def dynatrace(w):
    return ("Problem P-%d: %s on %s" % (w["n"], w["what"], w["name"]),
            {"ProblemTitle": w["what"], "ImpactedEntity": "%s (%s)" % (w["name"], w["host"]), "ProblemSeverity": "ERROR",
             "ProblemDetails": "%s is %s, %s the baseline of %s" % (w["metric"], w["value"], w["state"], w["limit"])})


def splunk(w):
    return ("Splunk Alert: %s_%s" % (w["slug"].replace("-", "_"), w["metric"]),
            {"search_name": "%s_%s" % (w["slug"].replace("-", "_"), w["metric"]), "result": {
                "host": w["host"], "value": w["value"], "threshold": w["limit"]}, "description": "%s %s limit" % (w["what"], w["state"])})


def azure(w):
    return ("Fired:Sev1 Azure Monitor Alert %s %s" % (w["slug"], w["metric"]),
            {"essentials": {"alertRule": "%s %s" % (w["slug"], w["metric"]), "monitorCondition": "Fired", "description": w["what"]},
             "condition": {"metricValue": w["value"], "threshold": w["limit"], "dimension": w["host"]}})


def prtg(w):
    return ("[PRTG] %s on %s (%s): Error" % (w["what"], w["host"], w["name"]),
            {"sensor": w["what"], "device": w["host"], "lastvalue": w["value"], "message": "%s limit of %s" % (w["state"], w["limit"])})


def honeycomb(w):
    return ("Triggered: %s %s %s" % (w["slug"], w["what"], w["state"] + " " + w["limit"]),
            {"trigger": "%s %s" % (w["slug"], w["what"]), "result": {"group": w["host"], "value": w["value"]}, "operator": w["state"]})


def elastic(w):
    return ("Rule '%s %s' is active" % (w["name"], w["what"]),
            {"rule": {"name": "%s %s" % (w["name"], w["what"])}, "context": {"reason": "%s is %s on %s, alert when %s %s" % (
                w["metric"], w["value"], w["host"], w["state"], w["limit"])}})


def icinga(w):
    return ("[Icinga] %s!%s OK -> CRITICAL" % (w["host"], w["metric"]),
            {"host": w["host"], "service": w["metric"], "output": "%s %s (%s %s)" % (w["what"], w["value"], w["state"], w["limit"])})


def stackdriver(w):
    return ("[ALERT - %s] %s %s %s for %s" % (w["metric"], w["what"], w["state"], w["limit"], w["name"]),
            {"incident": {"condition_name": w["what"], "resource_name": w["host"], "summary": "%s for %s is %s with a value of %s" % (
                w["metric"], w["host"], w["state"] + " " + w["limit"], w["value"])}})


def homegrown(w):
    return ("%s: %s %s %s (%s)" % (w["name"], w["what"], w["state"], w["limit"], w["value"]),
            {"check": w["metric"], "host": w["host"], "value": w["value"], "limit": w["limit"]})


VENDORS = (alertmanager, datadog, homegrown, cloudwatch, newrelic, nagios, zabbix, grafana, dynatrace, splunk, azure, prtg, honeycomb, elastic,
           icinga, stackdriver)

# What has nothing to do with anything: (summary, source, details). None of them can break what the stories break.
HARMLESS = (
    ("Translate help pages to Danish", "ci/%s", {"files": "locales/da/help.yml", "kind": "texts only"}),
    ("Update README and licence headers", "ci/%s", {"files": "README.md, LICENSE", "kind": "no code, nothing was restarted"}),
    ("Add dashboard for the weekly report", "grafana", {"kind": "dashboard only, nothing deployed"}),
    ("Bump test library in CI", "ci/%s", {"scope": "tests only", "deployed": "no"}),
    ("Rename an alert's description", "terraform/monitoring", {"plan": "1 to change: description", "kind": "text of an alert"}),
    ("Rotate on-call calendar link in the wiki", "wiki", {"kind": "documentation"}),
)
# A loud neighbour that only suffers: (service of the neighbour, title), by the service that is at fault.
DOWNSTREAM = {"PSPARDB": ("PSTRACK", "Tracking API 5xx rate 640 per minute"), "PSEVBUS": ("PSROUTE", "Route Planner consumer lag above 91000"),
              "PSTRACK": ("PSCUWEB", "Customer Web check failed from 7 locations"), "PSORDER": ("PSCUWEB", "Customer Web order page fails for 41 % of visits"),
              "PSPAYME": ("PSORDER", "Order Intake error rate 310 per minute"), "PSLABEL": ("PSORDER", "Order Intake backlog of 8200 parcels")}
USUAL = (("Pod restarted 3 times", "Image pull had failed once; it came up by itself after the retry."),
         ("Certificate expires in 13 days", "Renewed by the robot a day later."),
         ("Log shipping delayed by 9 minutes", "Restarted the log agent."),
         ("Backup took longer than 2 h", "Backup window overlapped with the report; moved the report."))


class Case:
    """One telling of a story. v: which of its variants; tel: other sources answer; blank: what would prove the cause is left out."""

    def __init__(self, index, name, family, v):
        self.index, self.v = index, v
        self.r = random.Random("lumen %s %d" % (name, v))
        self.tel = (index + v) % 2 == 0
        self.blank = v == 4
        self.herring = v == 3 or (v == 1 and index % 4 == 0)
        day = 1 + (index * 7 + v * 3) % 27
        self.out = {"id": "%s-%d" % (name, v + 1), "story": name, "family": family,
                    "at": "2026-09-%02dT%02d:%02d:00Z" % (day, 6 + (index * 5 + v * 4) % 15, self.r.randrange(60)),
                    "look_s": 60 * self.r.randrange(3, 9), "past": [], "steps": [], "telemetry": None}
        self.told = {"metrics": [], "logs": [], "deployments": [], "status": []}
        self.service = self.title = None
        self.herrings = []

    # ---- dice

    def n(self, low, high):
        return self.r.randint(low, high)

    def one(self, *of):
        return of[(self.v + self.index) % len(of)]

    def host(self, stem):
        return "%s-%d" % (stem, self.n(1, 9))

    # ---- what happens; times in seconds from the begin, minutes before it for changes

    def step(self, t, do, **kw):
        self.out["steps"].append(dict({"t": t, "do": do}, **{k: v for k, v in kw.items() if v is not None}))

    def main(self, service, what, metric="value", value="1", limit="0", state="above", host=None, sev="critical", urgency="high", title=None,
             details=None, more=None, alerts=1, vendor=None):
        name, slug = SERVICES[service]
        w = {"what": what, "metric": metric, "value": str(value), "limit": str(limit), "state": state, "host": host or self.host(slug), "sev": sev,
             "name": name, "slug": slug, "n": self.n(220100, 229900)}
        told, found = (vendor or VENDORS[(self.index * 3 + self.v * 5) % len(VENDORS)])(w)
        self.service, self.title = service, title or told
        priority = "P%d" % self.n(1, 4) if self.r.random() < 0.12 else None
        self.step(0, "main", service=service, title=self.title, severity=sev, urgency=urgency, priority=priority,
                  details=dict(details if details is not None else found, **(more or {})), alerts=alerts)
        return self

    def typed(self, service, title, body, who="greta.holm", urgency="high"):
        self.service, self.title = service, title
        self.step(0, "main", service=service, title=title, manual=True, body=body, urgency=urgency, **{"as": "PUGRETH" if who == "greta.holm" else "PUFEMIA"})
        self.note(20, who, body)

    def alert(self, t, summary, sev="error", **details):
        self.step(t, "act", action="alert", summary=summary, severity=sev, details=details, **{"as": "asha.verma"})

    def note(self, t, who, text):
        self.step(t, "act", action="note", content=text, **{"as": who})

    def ack(self, t, who):
        self.step(t, "act", action="acknowledge", **{"as": who})

    def change(self, minutes_before, service, summary, source, **details):
        self.step(-60 * minutes_before, "change", service=service, summary=summary, source=source, details=details)

    def other(self, t, service, title, sev="critical", **details):
        self.step(t, "other", service=service, title=title, severity=sev, urgency="high", details=details, of="o%d" % len(self.out["steps"]))

    def past(self, days, minutes, title=None, note=None, who="bo.lindqvist", service=None, urgency="high"):
        self.out["past"].append({"service": service or self.service, "title": title or self.title, "ago_s": 86400 * days + 60 * self.n(1, 500),
                                 "took_s": 60 * minutes + self.n(0, 59), "ended": "person" if note else "self", "severity": "error",
                                 "urgency": urgency, "who": who, **({"note": note} if note else {})})

    def metric(self, name, *values):
        self.told["metrics"].append([name, list(values)])

    def log(self, *lines):
        self.told["logs"] += lines

    def deployments(self):
        """What the code's host would list: the releases among the changes, and one of an earlier day."""
        begin = datetime.datetime.fromisoformat(self.out["at"].replace("Z", "+00:00"))
        slug = SERVICES[self.service][1]
        out = [[-s["t"], s["summary"].split()[-1], s["summary"]] for s in self.out["steps"]
               if s["do"] == "change" and s["service"] == self.service and s["source"] == "ci/" + slug and s["summary"].startswith("Deploy")]
        out.append([86400 * self.n(2, 9), str(self.n(1000, 1999)), "Deploy %s, weekly release" % slug])
        return [[(begin - datetime.timedelta(seconds=ago)).strftime("%Y-%m-%dT%H:%M:%SZ"), ref, "release-bot", what] for ago, ref, what in sorted(out)]

    def provider(self, name, status):
        self.told["status"].append([name, status])

    def hurt(self, by_rank, who="ewa.nowak", t=70):
        """Says who is hurt, in a note of the person on call; the rank follows from it."""
        ranks = sorted(by_rank)
        rank = ranks[(self.v + self.index) % len(ranks)]
        self.note(t, who, by_rank[rank])
        return rank

    # ---- the right answer

    def gold(self, severity, category, team, cause=None, proof=None, urgency=None, no_fault=False, benign=None):
        """cause: groups of words of which each must be named; proof: (kind, text) of the evidence that tells it. None: nothing proves one."""
        self.out["gold"] = {"severity": severity, "category": [category] if isinstance(category, str) else category,
                            "team": [team] if isinstance(team, str) else team, "urgency": urgency or ("high" if severity <= 3 else "low"),
                            "cause": cause, "proof": [list(p) for p in proof or []], "no_fault": no_fault, "benign": benign}

    def add_herring(self):
        name, slug = SERVICES[self.service]
        if self.index % 3 == 2 and self.service in DOWNSTREAM:
            service, title = DOWNSTREAM[self.service]
            self.other(90, service, title)
            self.herrings = [title, SERVICES[service][0]]
            return "louder symptom downstream"
        summary, source, details = HARMLESS[(self.index + self.v) % len(HARMLESS)]
        self.change(self.n(3, 9), self.service, summary, source % slug if "%" in source else source, **details)
        self.herrings = [summary]
        return "harmless change just before"

    def finish(self):
        gold = self.out["gold"]
        gold["red_herring"] = self.add_herring() if self.herring and not gold["no_fault"] else None
        gold["herring_words"] = self.herrings
        for k in range(self.n(0, 2)):
            title, note = USUAL[(self.index + k) % len(USUAL)]
            self.past(self.n(3, 90), self.n(5, 80), "%s: %s" % (SERVICES[self.service][0], title), note if k else None)
        gold["telemetry"] = self.tel
        self.told["deployments"] = self.deployments()
        self.out["telemetry"] = self.told if self.tel else {"down": True} if self.v == 2 else None
        self.out["look_s"] = max([self.out["look_s"]] + [s["t"] + 15 for s in self.out["steps"]])
        return self.out


def tell_all():
    out = []
    for index, (name, family, f) in enumerate(STORIES):
        for v in range(VARIANTS):
            c = Case(index, name, family, v)
            f(c)
            out.append(c.finish())
    return out

"""A world in which any text can be put into any field that reaches a model: what injection_test, poison_test and secrets_test share."""
import http.server
import json
import os
import threading
import urllib.parse

from tests.lib.world import World, wait_for

SERVICES = ("PSTRACK", "PSLABEL", "PSROUTE", "PSPAYME", "PSORDER", "PSPARDB", "PSEVBUS", "PSCUWEB")
# What is shown of other open incidents (their titles, their changes) comes last. The short ones take 1000 characters, a source's line 240 bytes.
FIELDS = ("source", "runbook", "past", "custom", "note", "details", "nested", "log", "change", "summary", "title")
SHORT_FIELDS = ("title", "summary", "change", "custom")
SHORT_CHARACTERS = 1000
SOURCES = """
hosts:
  - {name: stub, base_url: "http://127.0.0.1:%d", allow_private_addresses: true, per_minute: 6000}
sources:
  - {name: told, host: stub, when: {alerts.details.asks: {exists: true}}, url: "/{alerts.details.asks}", extract: {json: "lines[*]", line: "{.}"}}
"""


def word(i):
    """A word of letters only, so that titles differ after numbers are taken out of them."""
    return "kase" + "".join("bdfgklmnprstvz"[i // 14 ** k % 14] + "aeiou"[i // 14 ** k % 5] for k in range(3))


def strings(value):
    """Every string and number below value."""
    if isinstance(value, dict):
        for v in value.values():
            yield from strings(v)
    elif isinstance(value, list):
        for v in value:
            yield from strings(v)
    elif value is not None:
        yield value if isinstance(value, str) else json.dumps(value)


class Stub:
    """A source that answers with one line by path."""

    def __init__(self):
        lines = self.lines = {}

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def do_GET(self):
                body = json.dumps({"lines": [lines.get(urllib.parse.unquote(self.path[1:]), "")]}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Fields:
    """For a TestCase: self.w is the world once fields_world() made it; it is started by the test, after the past and the runbooks are there."""

    def fields_world(self, mode, **settings):
        self.stub = Stub()
        self.addCleanup(self.stub.close)
        self.w = w = World("empty", seed=17, per_minute=100000, refresh_s=60, **settings)
        self.addCleanup(w.close)
        w.sandbox.control("ratelimit", {"limit": 0})
        w.sandbox.control("model", {"mode": mode, "keep": 5000})
        w.model(reuse_s=0, timeout_ms=20000, deadline_ms=60000, breaker_failures=100,
                budget={"tokens_per_incident": 0, "tokens_per_hour": 0, "tokens_per_day": 0})
        w.daemon.write("sources.yaml", SOURCES % self.stub.server.server_port)
        os.mkdir(os.path.join(w.folder, "runbooks"))
        return w

    # ---- planting

    def before_start(self, i, field, text):
        """What must be there before the daemon reads it: runbooks, and the past."""
        if field == "runbook":
            self.w.daemon.write("runbooks/case-%d.md" % i, "---\ntitle: Case %d\nsymptoms: [\"%s\"]\nowner: tests\n---\n# Case %d\n\n"
                                "## Diagnosis\n\n%s\n" % (i, word(i), i, text))
        elif field == "past":
            self.old_incident(i, text)

    def old_incident(self, i, note, service=None):
        old = self.w.sandbox.trigger(service=service or SERVICES[i % 8], title="Latency of %s above its limit" % word(i))["id"]
        for action, kw in (("acknowledge", {}), ("note", {"content": note}), ("resolve", {})):
            self.w.sandbox.act(old, "PUASHAV", action, **kw)

    def plant(self, i, texts, details=None, service=None):
        """An incident with the texts in its fields ({field: text}); runbook and past must have been planted before the start."""
        sandbox, service = self.w.sandbox, service or SERVICES[i % 8]
        title = texts.get("title", "Latency of %s above its limit" % word(i))
        details = dict(details or {})
        if "details" in texts:
            details["note"] = texts["details"]
        if "nested" in texts:
            details["labels"] = {"a": [{"b": texts["nested"]}]}
        if "source" in texts:
            self.stub.lines["case-%d" % i] = texts["source"]
            details["asks"] = "case-%d" % i
        if "change" in texts:
            sandbox.control("changes", {"service": service, "summary": texts["change"]})
        if "log" in texts:
            made = sandbox.trigger(service=service, title=title, manual=True, body=texts["log"], **{"as": "PUGRETH"})["id"]
        else:
            made = sandbox.trigger(service=service, title=title, details=details)["id"]
        if "note" in texts:
            sandbox.act(made, "PUBOLIN", "note", content=texts["note"])
        if "custom" in texts:
            sandbox.act(made, "PUASHAV", "fields", fields={"region": texts["custom"]})
        if "summary" in texts:
            sandbox.act(made, "PUASHAV", "alert", summary=texts["summary"], severity="critical")
        return made

    def planted_unheard(self, rows):
        """[plant(*row)] with the webhooks held back until all is there, so that the first look sees everything; asked when it returns."""
        self.w.sandbox.control("webhook", {"paused": True})
        made = [self.plant(*row) for row in rows]
        self.w.sandbox.control("webhook", {"paused": False})
        self.wait_asked(made)
        return made

    def wait_asked(self, incidents):
        """Reads the store, for hundreds of looks at the API would take longer than the questions."""
        def asked():
            """the model was asked about all of them"""
            rows = self.w.daemon.rows("SELECT id, ask FROM incident")
            states = {i: json.loads(ask)["state"] for i, ask in rows if ask}
            return all(states.get(i) in ("answered", "without") for i in incidents)

        wait_for(asked, 120, every=0.1)

    def explained(self, incident):
        def told():
            """the assessment has heard of the reply"""
            full = self.w.daemon.ok("GET", "/incidents/%s/explain" % incident)
            return full if full["ask"]["state"] == "without model" or full["assessment"]["report"] else None

        return wait_for(told, 20)

    def resolve(self, incidents):
        for incident in incidents:
            self.w.sandbox.act(incident, "PUASHAV", "resolve")

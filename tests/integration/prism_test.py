"""PagerDuty's own OpenAPI judges our calls: daemon -> recorder -> Prism -> sandbox, over the whole functional path."""
import collections
import json
import os
import subprocess
import unittest

from tests.lib import play
from tests.lib.prism import Prism, Recorder, Spec, numberless
from tests.lib.world import BIN, World, wait_for

LOG, CALLS = "GET /incidents/{id}/log_entries", "GET /oncalls"
# What Prism reports and what cannot be otherwise: side, operation, place, part of the message, and why. All are answers, and all are
# contradictions inside PagerDuty's own description; no request is excused.
EXCEPTIONS = [
    ("response", LOG, "body.log_entries[].channel", "exactly one schema in oneOf",
     "the channel of a log entry is a oneOf of overlapping objects: a plain channel fits several"),
    ("response", LOG, "body.log_entries[].channel.details", "must be object",
     "some branches of that oneOf call the details an object, the documented trigger channel sends text"),
    ("response", LOG, "body.log_entries[]", "exactly one schema in oneOf",
     "an entry whose channel fits several branches fits none alone"),
    ("response", LOG, "body.log_entries[].type", "one of the allowed values",
     "an echo of the line above: one complaint for each branch that the entry is not; the set of types is checked below"),
    ("response", CALLS, "body.oncalls[].user.type", "must be equal to one of the allowed values: user_reference",
     "with include[]=users PagerDuty sends the whole user, whose type is 'user'; the description knows references only"),
    ("response", "GET /webhook_subscriptions", "body.webhook_subscriptions[].delivery_method.url", 'match format "url"',
     "the sandbox delivers to a loopback address"),
]
# PagerDuty's general list, components/schemas/LogEntry.
ENTRY_TYPES = {x + "_log_entry" for x in (
    "acknowledge", "annotate", "assign", "delegate", "escalate", "exhaust_escalation_path", "notify", "reach_ack_limit",
    "reach_trigger_limit", "repeat_escalation_path", "resolve", "snooze", "trigger", "unacknowledge", "urgency_change",
    "field_value_change", "custom_field_value_change")}


class Contract(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.spec = Spec()

    def setUp(self):
        self.w = World("history", timeout_ms=30000, send_limit_ms=20000, quiet_ms=500)
        self.addCleanup(self.w.close)
        self.w.sandbox.control("features", {"nulls": False, "vendor_type": True})
        self.prism = Prism(self.w.folder, self.w.sandbox.url).start()
        self.addCleanup(self.prism.stop)
        self.recorder = Recorder("127.0.0.1", self.prism.port)
        self.addCleanup(self.recorder.close)
        self.w.daemon.configure(base_url=self.recorder.url)
        self.w.start()

    def test_the_functional_path_breaks_nothing_in_pagerdutys_description(self):
        self.incidents_of_several_kinds()
        self.every_verb()
        self.the_triage_note()
        self.doctor()
        self.judge()

    # ---- the path

    def incidents_of_several_kinds(self):
        w = self.w
        made = w.sandbox.control("history-incidents", {"count": 3})["incidents"]
        ids = [x["id"] for x in made]
        ids.append(w.sandbox.trigger(service="PSPAYME", title="Card terminal offline", urgency="low", alerts=3, severity="warning",
                                     details={"host": "pay-1"})["id"])
        ids.append(w.sandbox.trigger(service="PSORDER", title="Somebody typed this", manual=True, **{"as": "PUGRETH", "body": "look"})["id"])
        for i in ids:
            play.when_read(w, i, 60)
        for act, args in (("acknowledge", {}), ("note", {"content": "looking"}), ("priority", {"priority": "P1"}), ("unacknowledge", {}),
                          ("resolve", {"resolution": "fixed"})):
            w.sandbox.act(ids[0], play.BO, act, **args)
        wait_for(lambda: play.shown(w, ids[0])["incident"]["status"] == "resolved" or None, 30)

    def every_verb(self):
        w, bo = self.w, self.w.bo
        done = []

        def run(incident, *actions, undo=True):
            p = play.carry_out(w, incident, *actions, token=bo, seconds=60)
            self.assertEqual(p["state"], "done", p["reason"])
            done.extend(verb for verb, _ in actions)
            if undo:
                status, value, _ = w.daemon.api("POST", "/proposals/%d/undo" % p["id"], None, bo)
                self.assertEqual(status, 201, value)
                back = w.daemon.proposal(value["id"])
                play.approve(w, back, bo)
                back = w.daemon.wait_state(back["id"], "done", "failed", "stale", "overtaken", "unsure", seconds=60)
                self.assertEqual(back["state"], "done", (back["actions"][0]["verb"], back["reason"]))
                done.extend(a["verb"] for a in back["actions"])

        i = play.trigger(w, title="Label printer queue is long")
        run(i, ("add_note", {"content": "The queue is drained by hand — \u201csee\u201d #12 <b>"}))
        run(i, ("escalate", {"level": 2}))
        run(i, ("escalate", {"policy_id": "PEPLATF"}), undo=False)
        i = play.trigger(w, title="Another printer queue is long")
        run(i, ("acknowledge", {}))
        run(i, ("add_note", {"content": "Cause: a jammed feeder. Fixed."}), ("resolve", {"resolution": "feeder replaced"}))
        self.assertLessEqual({"add_note", "escalate", "acknowledge", "resolve", "retrigger", "reopen"}, set(done))

    def the_triage_note(self):
        w = self.w
        w.daemon.ok("POST", "/standing", {"template": "triage-note", "days": 1, "max_per_hour": 1000}, w.admin)
        i = play.trigger(w, title="Connection pool exhausted on web-3")

        def kinds():
            """the triage note is written and edited"""
            return [k for k in play.kinds(w, i) if k.startswith("note")]

        wait_for(kinds, 30)
        w.sandbox.trigger(service="PSTRACK", title="Tracking pods restart", urgency="high")
        w.sandbox.act(i, play.CARMEN, "escalate", level=2)
        wait_for(lambda: "note_edit" in kinds() or None, 30)
        self.assertEqual(kinds().count("note"), 1)

    def doctor(self):
        """Its calls too: token, subscription, users."""
        w = self.w
        ctl = os.path.join(BIN, "cli", "triagectl")
        token = w.daemon.write("token", w.admin)
        before = len(self.recorder.calls)
        done = subprocess.run([ctl, "doctor", "--json"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL,
                              env=dict(os.environ, TRIAGED_CONFIG=w.daemon.config, TRIAGED_TOKEN_FILE=token), timeout=120)
        self.assertIn(done.returncode, (0, 1), done.stdout)
        self.assertGreater(len(self.recorder.calls), before, "doctor must have asked PagerDuty something: " + done.stdout)

    # ---- the judgement

    def judge(self):
        calls = [c for c in self.recorder.calls if c.status]
        used = collections.Counter(self.spec.name(c) for c in calls)
        print("%d calls over %d operations" % (len(calls), len(used)))
        for operation in WANTED:
            self.assertIn(operation, used, "the path must have made this call, or nothing is proved about it")
        found, excused = collections.Counter(), collections.Counter()
        for c in calls:
            for v in c.violations:
                place = numberless(".".join(str(x) for x in v["location"][1:]))
                self.weigh((v["location"][0], place, numberless(v["message"])), self.spec.name(c), found, excused)
        # Where there are too many for a header, the log has them, without the operation.
        for v in self.prism.logged():
            self.weigh(v, None, found, excused)
        ours = collections.Counter(text for c in calls for text in self.spec.broken(c))
        for text, n in sorted(found.items())[:60] + sorted(ours.items())[:60]:
            print("%5d  %s" % (n, text))
        self.assertEqual(len(found), 0, "Prism objects")
        self.assertEqual(len(ours), 0, "what Prism does not see")
        self.assertEqual([x[:4] for x in EXCEPTIONS if not excused[x]], [], "exceptions that are not needed any more")
        self.assertEqual(self.recorder.errors, [])
        self.assertLessEqual(self.entry_types(calls), ENTRY_TYPES)

    def entry_types(self, calls):
        return {e["type"] for c in calls if self.spec.name(c) == LOG for e in json.loads(c.answer)["log_entries"]}

    def weigh(self, violation, operation, found, excused):
        side, place, message = violation
        for x in EXCEPTIONS:
            if (x[0], x[2]) == (side, place) and operation in (None, x[1]) and x[3] in message:
                excused[x] += 1
                return
        found["%s %s %s: %s" % (operation or "(log)", side, place, message[-120:])] += 1


WANTED = [
    "GET /incidents/{id}", "GET /incidents/{id}/alerts", "GET /incidents/{id}/log_entries", "GET /incidents/{id}/notes",
    "GET /incidents/{id}/past_incidents", "GET /incidents/{id}/related_incidents", "GET /incidents/{id}/outlier_incident",
    "GET /incidents/{id}/related_change_events", "GET /services/{id}", "GET /escalation_policies/{id}", "GET /oncalls", "GET /incidents",
    "GET /service_dependencies/technical_services/{id}", "PUT /incidents/{id}", "POST /incidents/{id}/notes",
    "PUT /incidents/{id}/notes/{note_id}", "GET /webhook_subscriptions", "GET /users", "GET /users/me", "GET /users/{id}",
    "GET /abilities",
]


class Teeth(unittest.TestCase):
    """The checks of our own can fail."""

    def test_each_kind_of_mistake_is_found(self):
        from tests.lib.prism import ACCEPT, Call
        import email.message
        spec = Spec()

        def call(method, target, body=b"", **headers):
            h = email.message.Message()
            given = {"Accept": ACCEPT, "Authorization": "Token token=abc"}
            if body:
                given["Content-Type"] = "application/json"
            if method != "GET":
                given["From"] = "a@b.example"
            given.update({k.replace("_", "-"): v for k, v in headers.items()})
            for k, v in given.items():
                if v is not None:
                    h[k] = v
            return Call(method, target, h, body)

        good = [call("GET", "/oncalls?escalation_policy_ids%5B%5D=PX&include[]=users&limit=100&offset=9900"),
                call("PUT", "/incidents/Q1", b'{"incident":{"type":"incident_reference","status":"acknowledged"}}')]
        for c in good:
            self.assertEqual(spec.broken(c), [])
        bad = [(call("GET", "/oncalls?policy_ids[]=PX"), "policy_ids[]"), (call("GET", "/oncalls?include[]=nonsense"), "nonsense"),
               (call("GET", "/incidents?statuses[]=bogus"), "bogus"), (call("GET", "/incidents?limit=101"), "limit 101"),
               (call("GET", "/incidents?limit=100&offset=9901"), "10000"), (call("GET", "/nothing"), "no operation"),
               (call("GET", "/oncalls", Accept="*/*"), "Accept"), (call("GET", "/oncalls", Authorization="zzz"), "Authorization"),
               (call("PUT", "/incidents/Q1", b'{"incident":{"type":"incident_reference"}}', From="Bo <a@b.example>"), "From"),
               (call("PUT", "/incidents/Q1", b'{"incident":{"type":"incident_reference"}}', From=None), "From"),
               (call("PUT", "/incidents/Q1", b'{"incident":{"type":"incident_reference","stat":1}}'), "incident.stat"),
               (call("PUT", "/incidents/Q1", b'{"incident":{"escalation_policy":{"id":"P","typ":"x"}}}'), "typ"),
               (call("POST", "/incidents/Q1/notes", b'{"note":{"content":"x"},"extra":1}'), "extra"),
               (call("POST", "/incidents/Q1/notes", b'{"note":{"content":"x"}}', Content_Type="application/json; charset=utf-8"), "Content-Type")]
        for c, word in bad:
            self.assertTrue(any(word in text for text in spec.broken(c)), (str(c), word, spec.broken(c)))


if __name__ == "__main__":
    unittest.main()

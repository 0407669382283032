"""Know something, say it honestly: one incident with a history, other sources, a runbook and a model, followed from the page to what people read.

Rows of the features list that are proved here carry their name in the docstring of the test."""
import json
import os
import shutil
import subprocess
import time
import unittest

from tests.integration.sources_test import shipped
from tests.lib import play
from tests.lib.world import BIN, TOP, World, wait_for


def strings(value):
    """Every string below value."""
    if isinstance(value, dict):
        for v in value.values():
            yield from strings(v)
    elif isinstance(value, list):
        for v in value:
            yield from strings(v)
    elif isinstance(value, str):
        yield value


def answered(w, incident, seconds=30):
    """The incident as shown once a model's report is part of its assessment."""
    def there():
        x = play.shown(w, incident)
        if not x or not x["ask"] or x["ask"]["state"] not in ("answered", "reused"):
            return None
        return x if x["assessment"] and x["assessment"]["report"] else None

    there.__doc__ = "%s has a report" % incident
    try:
        return wait_for(there, seconds)
    except AssertionError as e:
        raise AssertionError("%s; it is %s\n%s" % (e, (play.shown(w, incident) or {}).get("ask"), w.daemon.tail(20))) from e


class Placeholders(unittest.TestCase):
    """What is taken out before it leaves stands in what people read again, and nowhere else."""

    MAIL, SECOND = "jana.kovac@parcels.example", "ola.berg@parcels.example"

    def test_people_read_values_where_the_model_read_placeholders(self):
        w = World("empty", refresh_s=30)
        self.addCleanup(w.close)
        w.sandbox.control("ratelimit", {"limit": 0})
        w.model(reuse_s=600).start()
        title = "Login fails for %s" % self.MAIL
        first = w.sandbox.trigger(service="PSORDER", title=title)["id"]
        x = answered(w, first)
        quotes = [c["quote"] for c in x["assessment"]["report"]["causes"][0]["for"]]
        self.assertTrue(any(self.MAIL in q for q in quotes), quotes)
        full = w.daemon.ok("GET", "/incidents/%s/explain" % first)
        self.assertIn(self.MAIL, json.dumps(full["assessment"]["report"]))
        call = full["llm_calls"][0]
        for part in ("asked", "request", "reply", "report"):
            self.assertNotIn(self.MAIL, json.dumps(call[part]), part)
            self.assertRegex(json.dumps(call[part]), r"\[email:[0-9a-f]{10}\]", part)
        # What the model wants to be written leaves again: it keeps its placeholders.
        self.assertNotIn(self.MAIL, json.dumps([p for p in full["assessment"]["wanted"] if p.get("origin") == "model"]))
        # An answer that was taken over is read in the words of the incident that was asked about.
        w.sandbox.control("model", {"mode": "500"})
        second = w.sandbox.trigger(service="PSORDER", title=title)["id"]
        taken = answered(w, second)
        self.assertEqual(taken["ask"]["state"], "reused")
        self.assertIn(self.MAIL, json.dumps(taken["assessment"]["report"]))
        # The pairs are nobody's property: neither the store's bodies of reports nor the log know them.
        reports = [r[0] for r in w.daemon.rows("SELECT CAST(b.bytes AS TEXT) FROM assessment a JOIN body b ON b.sha256 = a.report")]
        self.assertTrue(reports)
        for r in reports:
            self.assertNotIn(self.MAIL, str(r))
        with open(w.daemon.log, errors="replace") as f:
            self.assertNotIn(self.MAIL, f.read())


PARTS = ["diagnosis", "mitigation", "verification", "escalation"]
CTL = os.path.join(BIN, "cli", "triagectl")
UNSURE = {"impact": {"text": "", "evidence": []}, "causes": [], "changed": [], "not_checked": [], "severity": None, "category": None,
          "team": None, "urgency": "low", "actions": [], "confidence": "low", "injection_suspected": False}


class Story(unittest.TestCase):
    """One world with a memory, sources, runbooks and a model; one incident with a change before it."""

    @classmethod
    def setUpClass(cls):
        cls.w = w = World("history", seed=12, refresh_s=30, per_minute=100000)
        cls.addClassCleanup(w.close)
        w.sandbox.control("ratelimit", {"limit": 0})
        w.daemon.write("sources.yaml", shipped(w.sandbox.url, w.daemon.write("gh", "ghp_tests_only\n")))
        shutil.copytree(os.path.join(TOP, "runbooks"), os.path.join(w.folder, "runbooks"))
        w.model().start()
        w.daemon.ok("POST", "/backfill", {"since_s": 90 * 86400}, w.admin)
        wait_for(lambda: w.daemon.ok("GET", "/backfill")["state"] == "done", 60, every=0.1)
        for made in w.sandbox.control("history-incidents", {"count": 20})["incidents"]:
            x = answered(w, made["id"])
            if x["known"]["runbooks"] and x["known"]["resolve_time"] and x["known"]["similar"] and x["assessment"]["report"]["changed"]:
                cls.incident, cls.x = made["id"], x
                return
        raise AssertionError("no incident of this history has all that is asked for")

    def ctl(self, *argv):
        token = self.w.daemon.write("token", self.w.admin)
        done = subprocess.run([CTL, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL, timeout=60,
                              env=dict(os.environ, TRIAGED_CONFIG=self.w.daemon.config, TRIAGED_TOKEN_FILE=token))
        self.assertEqual(done.returncode, 0, (argv, done.stderr))
        return " ".join(done.stdout.split())

    def opened(self, name, incident=None):
        """The stored item behind E<n>."""
        self.assertRegex(name, r"^E[0-9]+$")
        one = self.w.daemon.ok("GET", "/incidents/%s/evidence/%s" % (incident or self.incident, name[1:]))
        self.assertEqual(one["name"], name)
        return one

    def cites(self, report):
        for cause in report["causes"]:
            yield from cause["for"] + cause["against"]
        for part in [report["impact"] or {"evidence": []}] + report["changed"] + report["actions"]:
            yield from part["evidence"]

    # ---- what it is

    def test_an_incident_is_classified(self):
        """S3-01, S3-26: severity by the account's own names, category, team and urgency, each with who said it."""
        a = self.x["assessment"]
        names = [p["name"] for p in self.w.sandbox.rest("GET", "/priorities")[1]["priorities"]]
        self.assertIn(a["severity"], names)
        self.assertTrue(a["category"])
        teams = [t["summary"] for t in self.w.sandbox.rest("GET", "/services/" + self.x["incident"]["service_id"])[1]["service"]["teams"]]
        self.assertIn(a["team"], teams)
        self.assertIn(a["urgency"], ("high", "low"))
        for word, who in a["basis"].items():
            self.assertEqual(who, "rules" if a["verdict"].get(word) else "model" if a["report"].get(word) else None, word)
        line = [x for x in self.w.daemon.ok("GET", "/incidents?limit=100")["items"] if x["id"] == self.incident][0]
        self.assertEqual([line[k] for k in ("severity", "category", "team")], [a[k] for k in ("severity", "category", "team")])
        text = self.ctl("show", self.incident)
        for word in (a["severity"], a["category"], a["team"]):
            self.assertIn(word, text)

    def test_confidence_is_a_level_with_its_basis(self):
        """S3-27: low, medium or high, and what it rests on; the measured rate (from 30 decisions on) is in gate_model_test and triage_ask_test."""
        c = self.x["assessment"]["confidence"]
        self.assertIn(c["level"], ("low", "medium", "high"))
        self.assertEqual([b["what"] for b in c["basis"]], ["rule"] * len(self.x["assessment"]["verdict"]["rules"]) + ["seen", "model"])
        self.assertEqual(c["basis"][-2]["n"], self.x["known"]["times_seen"])
        self.assertEqual(c["basis"][-1]["said"], self.x["assessment"]["report"]["confidence"])
        self.assertIsNone(c["measured"])
        self.assertNotRegex(json.dumps(c), r"0\.[0-9]")

    def test_another_urgency_is_a_suggestion(self):
        """S3-28: what differs is said, and PagerDuty's own stays as it is."""
        w = self.w
        w.sandbox.control("model", {"reply": UNSURE})
        self.addCleanup(w.sandbox.control, "model", {"reply": None})
        incident = w.sandbox.trigger(service="PSROUTE", title="Something odd about the map tiles", urgency="high")["id"]
        a = answered(w, incident)["assessment"]
        self.assertEqual((a["urgency"], a["basis"]["urgency"], a["suggested"]), ("low", "model", {"urgency": "low"}))
        self.assertIn("a suggestion", self.ctl("show", incident))
        self.assertEqual(self.x["assessment"]["suggested"], {"urgency": None})
        time.sleep(1)
        self.assertEqual(w.sandbox.rest("GET", "/incidents/" + incident)[1]["incident"]["urgency"], "high")
        self.assertEqual(w.sandbox.effects(incident), [])
        self.assertEqual([p for p in w.daemon.proposals(incident=incident, state="all") if p["origin"] == "model"], [])

    # ---- what it is made of

    def test_an_analysis_is_made_of_incident_alerts_and_timeline(self):
        """S3-12, S3-20: one document with everything that was looked at."""
        x = self.x
        kinds = {e["kind"] for e in x["evidence"] if e["state"] == "ok" and e["current"]}
        self.assertLessEqual({"incident", "alert", "log", "change", "service", "policy", "oncall", "source", "runbook", "memory"}, kinds)
        self.assertEqual(x["state"]["id"], self.incident)
        lines = {line["kind"] for line in x["timeline"]}
        self.assertLessEqual({"event", "log", "assessment", "audit"}, lines)
        times = [line["at"] for line in x["timeline"]]
        self.assertEqual(times, sorted(times))
        asked = self.w.daemon.ok("GET", "/incidents/%s/explain" % self.incident)["llm_calls"][0]["asked"]["document"]
        self.assertLessEqual({"incident", "alert", "log"}, {e["kind"] for e in asked["evidence"]})

    def test_a_root_cause_is_proved_or_a_guess(self):
        """S3-21, S3-22: a cause or an impact without a quote that stands in a stored item is a guess, or dropped."""
        report = self.x["assessment"]["report"]
        self.assertTrue(report["causes"] and report["impact"])
        for cause in report["causes"]:
            self.assertEqual(cause["guess"], not cause["for"])
            self.assertTrue(cause["check"])
        quotes = list(self.cites(report))
        self.assertTrue(quotes)
        for c in quotes:
            self.assertIn(c["quote"], "\n".join(strings(self.opened(c["id"])["body"])))
        self.assertTrue(report["impact"]["evidence"])
        text = self.ctl("show", self.incident)
        for word in ("impact " + report["impact"]["text"], report["causes"][0]["text"]):
            self.assertIn(word, text)
        # The same with quotes that stand nowhere.
        w = self.w
        w.sandbox.control("model", {"mode": "wrong_quotes"})
        self.addCleanup(w.sandbox.control, "model", {"mode": "helpful"})
        report = answered(w, w.sandbox.trigger(service="PSROUTE", title="Tiles are drawn twice")["id"])["assessment"]["report"]
        self.assertTrue(all(cause["guess"] and not cause["for"] for cause in report["causes"]))
        self.assertIsNone(report["impact"])
        self.assertEqual(report["actions"], [])

    def test_similar_incidents_and_the_time_they_took(self):
        """S3-23, S3-25: similar ones from the own memory with what ended them; the time to resolve as a range with n."""
        known = self.x["known"]
        self.assertTrue(known["similar"])
        for s in known["similar"]:
            self.assertEqual(self.w.sandbox.rest("GET", "/incidents/" + s["incident_id"])[1]["incident"]["incident_number"], s["number"])
            self.assertTrue(s["ended_by"])
            self.assertGreater(s["took_s"], 0)
        want = self.w.sandbox.control("expect/" + self.incident)
        took = known["resolve_time"]
        self.assertEqual([took[k] for k in ("n", "median_s", "p25_s", "p75_s")],
                         [want["resolve_" + k] for k in ("n", "median_s", "p25_s", "p75_s")])
        self.assertLessEqual(took["p25_s"], took["median_s"])
        self.assertLessEqual(took["median_s"], took["p75_s"])
        text = self.ctl("show", self.incident)
        self.assertIn("#%d" % known["similar"][0]["number"], text)
        self.assertIn("(n = %d)" % took["n"], text)

    def test_recommended_actions_are_verbs_of_ours(self):
        """S3-24: what a model recommends is one of the verbs that verdict and policy allow, and becomes a proposal, or nothing."""
        verbs = {v["verb"] for v in self.w.daemon.ok("GET", "/verbs")["items"]}
        a = self.x["assessment"]
        self.assertLessEqual({x["verb"] for x in a["report"]["actions"]}, set(a["verdict"]["allow"]))
        full = self.w.daemon.ok("GET", "/incidents/%s/explain" % self.incident)
        self.assertTrue(full["assessment"]["wanted"])
        for x in full["assessment"]["wanted"]:
            self.assertIn(x["verb"], verbs)
        self.assertTrue(full["proposals"])
        for p in full["proposals"]:
            for action in p["actions"]:
                self.assertIn(action["verb"], verbs)
                self.assertEqual(action["target"], self.incident)
                self.assertTrue(action["effect"])

    def test_a_runbook_has_parts_steps_and_minutes(self):
        """S3-35, S3-36: diagnosis, mitigation, verification and escalation, cited by line, with their steps and the time they take."""
        book = self.x["known"]["runbooks"][0]
        self.assertEqual([s["part"] for s in book["sections"]], PARTS)
        with open(os.path.join(TOP, book["path"])) as f:
            lines = f.read().split("\n")
        for s in book["sections"]:
            self.assertIn(s["heading"], lines[s["line_from"] - 1])
            self.assertTrue(s["steps"])
            below = " ".join(" ".join(lines[s["line_from"]:s["line_to"]]).split())
            for step in s["steps"]:
                self.assertIn(" ".join(step.split()), below)
        self.assertEqual(book["minutes"], sum(s["minutes"] or 0 for s in book["sections"]))
        self.assertGreater(book["minutes"], 0)
        text = self.ctl("show", self.incident)
        for word in (book["title"], book["sections"][0]["steps"][0].split(":")[0], "%d min" % book["minutes"]):
            self.assertIn(word, text)

    # ---- show me why, before anything happens

    def waiting(self):
        return [p for p in self.w.daemon.proposals(incident=self.incident) if p["state"] == "pending"]

    def test_show_me_why_before_it_happens(self):
        """S1-14, S1-15, S1-50: reason, evidence and effect stand there while nothing is decided; each number opens the stored item."""
        names = {c["id"] for c in self.cites(self.x["assessment"]["report"])}
        for cited in self.x["known"]["evidence"].values():
            names.update(cited)
        self.assertTrue(self.waiting())
        for p in self.waiting():
            full = self.w.daemon.ok("GET", "/proposals/%d/explain" % p["id"])
            self.assertEqual((full["state"], full["decisions"], full["executions"]), ("pending", [], []))
            self.assertTrue(full["why"] and full["origin"] and full["facts"] and full["need"])
            self.assertTrue(all(x["effect"] and x["risk"] and x["args"] is not None for x in full["actions"]))
            names.update(full["evidence"] + full["bundle"]["evidence"])
            told = self.ctl("explain", str(p["id"]))
            for word in ("Evidence and rule", full["bundle"]["digest"][:16], full["why"][:40], full["bundle"]["evidence"][0]):
                self.assertIn(word, told)
        for name in sorted(names):
            one = self.opened(name)
            self.assertTrue(one["digest"])
            self.assertTrue(one["body"] is not None or one["state"] == "not_checked", one)
        call = self.w.daemon.ok("GET", "/incidents/%s/explain" % self.incident)["llm_calls"][0]
        self.assertTrue(call["request"] and call["reply"] and call["checks"])
        self.assertEqual(self.w.sandbox.effects(self.incident), [])

    def test_context_is_kept_across_calls(self):
        """S1-54: a list, then one of it, then what is behind it: the same stored bundle each time, also after more has become known."""
        listed = [x for x in self.w.daemon.ok("GET", "/incidents?limit=100")["items"] if x["id"] == self.incident][0]
        first = play.shown(self.w, str(listed["number"]))
        self.assertEqual(first["incident"]["id"], self.incident)
        before = {e["name"]: self.opened(e["name"]) for e in first["evidence"]}
        self.w.sandbox.act(self.incident, "PUASHAV", "note", content="the graph went up with the rollout")

        def noted():
            """the note is evidence"""
            return [e for e in play.shown(self.w, self.incident)["evidence"] if e["kind"] == "note" and "rollout" in e["summary"]]

        fresh = wait_for(noted)
        self.assertNotIn(fresh[0]["name"], before)
        for name, one in before.items():
            self.assertEqual({k: v for k, v in self.opened(name).items() if k != "current"}, {k: v for k, v in one.items() if k != "current"})

    def test_a_proposal_names_the_digest_of_what_it_was_made_on(self):
        """S1-55: the bundle's digest stands in each proposal's trace, and keeps its meaning when more is known later."""
        rows = dict((r[0], r[1:]) for r in self.w.daemon.rows("SELECT id, digest, nums FROM bundle"))
        seen = self.w.daemon.proposals(incident=self.incident, state="all")
        self.assertTrue(seen)
        for p in seen:
            bundle = self.w.daemon.ok("GET", "/proposals/%d/explain" % p["id"])["bundle"]
            digest, nums = rows[bundle["id"]]
            self.assertEqual((bundle["id"], bundle["digest"]), (p["bundle_id"], digest))
            self.assertEqual(bundle["evidence"], ["E%d" % n for n in json.loads(nums)])
            self.assertRegex(digest, r"^[0-9a-f]{64}$")
        full = self.w.daemon.ok("GET", "/incidents/%s/explain" % self.incident)
        self.assertEqual(full["bundle"]["digest"], rows[full["bundle"]["id"]][0])


if __name__ == "__main__":
    unittest.main()

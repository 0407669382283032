"""A model that is asked about incidents: once for the same, never in the way, and with a reason where it says nothing.

Times are scaled: what takes the daemon a minute (an open breaker, a reload) takes a second here; "an hour" of a failing model is the time in which
its breaker opens and closes several times."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from tests.lib.world import BIN, World, wait_for


def cli(daemon, *argv):
    """What triagectl prints, as this machine's administrator."""
    run = subprocess.run([os.path.join(BIN, "cli", "triagectl"), "--config", daemon.config, "--local", *argv],
                         capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, (argv, run.returncode, run.stdout, run.stderr)
    return run.stdout


class Model(unittest.TestCase):
    def world(self, model=None, **settings):
        w = World(scenario="empty", **settings)
        self.addCleanup(w.close)
        w.sandbox.control("ratelimit", {"limit": 0})
        return w.model(**(model or {})).start()

    def shown(self, w, incident):
        status, value, _ = w.daemon.api("GET", "/incidents/" + incident)
        return value if status == 200 else None

    def wait_ask(self, w, incident, *states, seconds=20):
        """The incident as shown, once its question is in one of these states and the assessment has heard of it."""
        def there():
            x = self.shown(w, incident)
            if not x or not x["ask"] or x["ask"]["state"] not in states:
                return None
            return x if x["ask"]["state"] not in ("answered", "reused") or x["assessment"]["report"] else None

        there.__doc__ = "%s: %s" % (incident, " or ".join(states))
        try:
            return wait_for(there, seconds)
        except AssertionError as e:
            raise AssertionError("%s; it is %s\n%s" % (e, (self.shown(w, incident) or {}).get("ask"), w.daemon.tail(20))) from e

    def calls(self, w, **where):
        items = w.daemon.ok("GET", "/llm/calls?limit=200")["items"]
        return [x for x in items if x["purpose"] == "triage" and all(x[k] == v for k, v in where.items())]

    def trigger(self, w, title="Connection pool exhausted on parcel-db", service="PSPARDB"):
        return w.sandbox.trigger(service=service, title=title)["id"]

    # ---- the report ----

    def test_a_report_is_shown_with_everything_behind_it(self):
        w = self.world({"canary": True})
        incident = self.trigger(w)
        x = self.wait_ask(w, incident, "answered")
        report = x["assessment"]["report"]
        known = {e["name"] for e in x["evidence"]}
        cited = [c for cause in report["causes"] for c in cause["for"] + cause["against"]] + report["impact"]["evidence"]
        self.assertTrue(cited)
        self.assertLessEqual({c["id"] for c in cited}, known)
        self.assertEqual(x["assessment"]["origin"], "model")
        self.assertIn(x["assessment"]["confidence"]["level"], ("low", "medium", "high"))
        text = cli(w.daemon, "show", incident)
        self.assertIn("Likely causes", text)
        self.assertIn("confidence", text)
        self.assertIn("rules and model", text)
        behind = cli(w.daemon, "explain", "incident", incident)
        for word in ("Request", "Reply", "Checks", "passed", "Wanted", "At the gate"):
            self.assertIn(word, behind)
        full = w.daemon.ok("GET", "/incidents/%s/explain" % incident)
        self.assertEqual([c["incident"] for c in full["llm_calls"]], [incident])
        self.assertEqual(full["assessment"]["llm_call_id"], full["llm_calls"][0]["id"])
        self.assertNotIn(incident, full["llm_calls"][0]["request"])
        self.assertIn("sandbox-1", cli(w.daemon, "model"))
        self.assertIn("keeps to a JSON Schema", cli(w.daemon, "doctor"))
        self.assertTrue(w.daemon.ok("GET", "/status")["model"]["schema_enforced"])

    def test_a_schema_that_is_not_enforced_is_an_alarm_and_no_obstacle(self):
        w = self.world({"canary": True})
        w.sandbox.control("model", {"ignore_schema": True})
        self.wait_ask(w, self.trigger(w), "answered", "without model")
        self.assertIn("model.schema", [a["key"] for a in w.daemon.ok("GET", "/alarms")["items"]])
        self.assertTrue(self.calls(w))

    def test_without_a_model_all_of_it_says_so(self):
        w = World(scenario="empty")
        self.addCleanup(w.close)
        w.start()
        incident = self.trigger(w)
        wait_for(lambda: (self.shown(w, incident) or {}).get("assessment"))
        self.assertEqual(self.shown(w, incident)["ask"]["why"], "no model is configured")
        self.assertIsNone(w.daemon.ok("GET", "/status")["model"]["endpoint"])
        self.assertIn("no model", cli(w.daemon, "status"))
        self.assertIn("no model is configured", cli(w.daemon, "doctor"))

    # ---- asking less ----

    def test_identical_alerts_are_one_call(self):
        n = int(os.environ.get("TRIAGED_SAME_ALERTS", "150"))
        rules = tempfile.mkdtemp(prefix="triaged-test-rules-")  # no rule about time: so many open incidents are not judged again and again
        self.addCleanup(shutil.rmtree, rules)
        w = self.world({"timeout_ms": 20000, "deadline_ms": 60000}, per_minute=100000, rules=rules, refresh_s=60)
        w.sandbox.control("model", {"delay_ms": 300})
        ids = [self.trigger(w, title="Disk of node %d is full" % i) for i in range(n)]
        wait_for(lambda: w.daemon.rows("SELECT count(*) FROM incident WHERE ask LIKE '%\"state\":\"answered\"%'")[0][0] == n, 90, 0.5)
        self.assertEqual(len(self.calls(w)), 1)
        self.assertEqual(w.sandbox.control("model")["calls"], 1)
        asked = self.calls(w)[0]["incident"]
        other = next(i for i in ids if i != asked)
        x = self.wait_ask(w, other, "reused")
        self.assertEqual(x["ask"]["as"]["incident_id"], asked)
        self.assertIn("as #", cli(w.daemon, "show", other))

    def test_asked_again_only_on_what_matters(self):
        """F-15: at most one question a change, and none for an acknowledgement or our own echo."""
        w = self.world()
        incident = self.trigger(w)
        self.wait_ask(w, incident, "answered")
        act = w.sandbox.act
        seen = 1
        for name, change, more in (
                ("acknowledge", lambda: act(incident, "PUASHAV", "acknowledge"), 0),
                ("our own note", lambda: act(incident, "PUTRIAG", "note", content="[triaged:abcdefghijklmnop] Triage: seen"), 0),
                ("a person's note", lambda: act(incident, "PUASHAV", "note", content="It began with the batch job"), 1),
                ("priority", lambda: act(incident, "PUASHAV", "priority", priority="PPRIO01"), 1),
                ("other alert text", lambda: act(incident, "PUASHAV", "alert", summary="Too many clients already"), 1)):
            change()
            seen += more

            def asked(want=seen):
                return len(self.calls(w)) == want

            asked.__doc__ = "%s: %d questions" % (name, seen)
            if more:
                wait_for(asked)
                self.wait_ask(w, incident, "answered")
            before = w.daemon.ok("GET", "/status")["engine"]["steps"]
            wait_for(lambda was=before: w.daemon.ok("GET", "/status")["jobs"]["running"] == 0)
            time.sleep(1)
            self.assertEqual(len(self.calls(w)), seen, name)

    # ---- budgets and failures ----

    def test_a_budget_is_never_passed_by_more_than_one_call(self):
        limit = 20000
        w = self.world({"budget": {"tokens_per_hour": limit}})
        ids = [self.trigger(w, title="%s is broken" % word, service="PSORDER")
               for word in ("Alpha", "Bravo", "Charlie", "Delta", "Echo", "Foxtrot", "Golf", "Hotel")]
        waiting = [self.wait_ask(w, i, "answered", "waiting", "without model") for i in ids]

        def refused():
            return [x for x in (self.shown(w, i) for i in ids) if "budget" in (x["ask"]["why"] or "")]

        wait_for(refused)
        spent = w.daemon.ok("GET", "/status")["model"]["spend"]["hour"]["tokens"]
        most = max(x["reserved_tokens"] for x in self.calls(w))
        self.assertLessEqual(spent, limit + most)
        self.assertGreater(spent, 0)
        self.assertLess(len(self.calls(w)), len(ids))
        self.assertTrue(all(x["assessment"] for x in waiting))
        self.assertRegex(refused()[0]["ask"]["why"], r"not asked: .*budget.*")
        self.assertIn("not asked", cli(w.daemon, "show", refused()[0]["incident"]["id"]))

    def test_nothing_else_is_held_up_by_a_model_that_fails(self):
        """F-44, INV-10: off, slow, 429, 500, garbage or hostile, the rules speak within 2 s and approvals are carried out."""
        w = self.world({"breaker_failures": 3, "breaker_open_s": 1, "timeout_ms": 1000, "deadline_ms": 3000, "reuse_s": 1})
        modes = [{"mode": m} for m in ("429", "500", "529", "garbage", "hostile", "truncated", "refused", "overlong")]
        modes.append({"mode": "slow", "delay_ms": 5000})
        for k, mode in enumerate(modes):
            w.sandbox.control("model", dict(mode, count=-1))
            begun = time.monotonic()
            incident = self.trigger(w, title="Connection pool exhausted in %s" % "abcdefghijk"[k] * 5)
            wait_for(lambda i=incident: (self.shown(w, i) or {}).get("assessment"), 5)
            self.assertLess(time.monotonic() - begun, 2.0, mode)

            def proposed(i=incident):
                return [p for p in w.daemon.proposals(incident=i) if p["state"] == "pending"]

            p = wait_for(proposed)[0]
            status, value, _ = w.daemon.decide(p["id"], token=w.asha)
            self.assertEqual(status, 200, (mode, value))
            w.daemon.wait_state(p["id"], "done")
            x = self.wait_ask(w, incident, "without model", "waiting", "answered", seconds=20)
            if x["ask"]["state"] != "answered":
                self.assertTrue(x["ask"]["why"], mode)
        self.assertEqual(w.daemon.rows("SELECT count(*) FROM job WHERE state = 'buried'")[0][0], 0)
        proposed = w.daemon.rows("SELECT count(*) FROM proposal WHERE origin = 'model'")[0][0]
        self.assertEqual(proposed, 0)

    def test_a_breaker_opens_and_closes(self):
        w = self.world({"breaker_failures": 2, "breaker_open_s": 2})
        w.sandbox.control("model", {"mode": "500"})
        first = self.trigger(w, title="Alpha is broken")

        def breaker(state):
            return w.daemon.ok("GET", "/status")["model"]["breaker"]["state"] == state

        wait_for(lambda: not breaker("closed"))
        self.assertIn("model.down", [a["key"] for a in w.daemon.ok("GET", "/alarms")["items"]])
        self.assertIn("breaker", cli(w.daemon, "model"))
        w.sandbox.control("model", {"mode": "helpful"})
        second = self.trigger(w, title="Bravo is broken")
        self.wait_ask(w, second, "answered")
        wait_for(lambda: breaker("closed"))
        self.wait_ask(w, first, "answered", "without model")
        self.assertNotIn("model.down", [a["key"] for a in w.daemon.ok("GET", "/alarms")["items"]])

    def test_a_key_that_is_refused_is_an_alarm_until_it_works(self):
        w = World(scenario="empty")
        self.addCleanup(w.close)
        w.daemon.write("model-key", "right")
        w.sandbox.control("model", {"key": "wrong"})
        w.model(auth="bearer", key_file=os.path.join(w.folder, "model-key")).start()
        self.wait_ask(w, self.trigger(w, title="Alpha is broken"), "without model")
        self.assertIn("model.auth", [a["key"] for a in w.daemon.ok("GET", "/alarms")["items"]])
        w.sandbox.control("model", {"key": "right"})
        self.wait_ask(w, self.trigger(w, title="Bravo is broken"), "answered")
        self.assertNotIn("model.auth", [a["key"] for a in w.daemon.ok("GET", "/alarms")["items"]])
        with open(w.daemon.log, errors="replace") as f:
            self.assertNotIn("right", f.read().replace("copyright", ""))

    # ---- configuration ----

    def test_a_reload_takes_another_model(self):
        w = self.world()
        self.wait_ask(w, self.trigger(w, title="Alpha is broken"), "answered")
        w.model(name="sandbox-2")
        w.daemon.proc.send_signal(signal.SIGHUP)
        wait_for(lambda: w.daemon.ok("GET", "/status")["model"]["model"] == "sandbox-2")
        self.wait_ask(w, self.trigger(w, title="Bravo is broken"), "answered")
        self.assertEqual([x["model"] for x in self.calls(w)], ["sandbox-2", "sandbox-1"])
        loaded = w.daemon.rows("SELECT detail FROM audit WHERE verb = 'config.loaded' ORDER BY seq DESC LIMIT 1")[0][0]
        self.assertLessEqual({"prompts", "sources", "runbooks"}, set(json.loads(loaded)))
        # the endpoint itself is fixed at start
        w.model(base_url="http://127.0.0.1:1/v1")
        w.daemon.proc.send_signal(signal.SIGHUP)
        wait_for(lambda: "config.refused" in [a["key"] for a in w.daemon.ok("GET", "/alarms")["items"]])
        with open(os.path.join(w.daemon.state, "redaction-key"), "rb") as f:
            self.assertEqual(len(f.read()), 65)
        self.assertEqual(os.stat(os.path.join(w.daemon.state, "redaction-key")).st_mode & 0o777, 0o600)

    def test_a_crash_with_a_question_out_asks_again(self):
        w = self.world({"timeout_ms": 20000, "deadline_ms": 40000})
        w.sandbox.control("model", {"mode": "slow", "delay_ms": 15000})
        incident = self.trigger(w)
        wait_for(lambda: self.calls(w))
        w.daemon.kill()
        w.sandbox.control("model", {"mode": "helpful"})
        w.daemon.start()
        self.wait_ask(w, incident, "answered")
        self.assertEqual(sorted(x["state"] for x in self.calls(w)), ["answered", "lost"])


if __name__ == "__main__":
    unittest.main()

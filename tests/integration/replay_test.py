"""A recorded decision made again: equal byte for byte while nothing changed, and what differs told part by part when rules, prompts or the record did."""
import json
import os
import shutil
import sqlite3
import subprocess
import time
import unittest

from tests.lib.world import BIN, TOP, World, wait_for

MODEL = """
model:
  base_url: {url}/v1
  dialect: openai_chat
  name: sandbox
  auth: none
  canary: false
  allow_private_addresses: true
  timeout_ms: 5000
"""
PARTS = ["facts", "verdict", "known", "checks", "report", "confidence", "proposals"]


class Replay(unittest.TestCase):
    """S1-55: what was seen and decided can be traced, and made again."""

    @classmethod
    def setUpClass(cls):
        cls.w = World("quickstart", extra="")
        cls.addClassCleanup(cls.w.close)
        cls.w.daemon.configure(extra=MODEL.format(url=cls.w.sandbox.url))
        cls.w.start()
        cls.incident = cls.w.sandbox.trigger(service="PSPARDB", title="Connection pool exhausted on db-17",
                                             alerts=[{"summary": "pool at 100 of 100", "severity": "critical"}])["id"]
        cls.plain = cls.w.sandbox.trigger(service="PSTRACK", title="Latency p99 over 4.2 s on web-3")["id"]
        for i in (cls.incident, cls.plain):
            wait_for(lambda i=i: cls.assessment(i).get("origin") == "model", 40)
        # The same again (its report is taken over), what people do, and an end.
        cls.twin = cls.w.sandbox.trigger(service="PSPARDB", title="Connection pool exhausted on db-18",
                                         alerts=[{"summary": "pool at 100 of 100", "severity": "critical"}])["id"]
        wait_for(lambda: cls.assessment(cls.twin).get("origin") == "model", 40)
        cls.w.sandbox.act(cls.twin, "PUCARMO", "acknowledge")
        cls.w.sandbox.act(cls.incident, "PUCARMO", "note", content="the pool is at its limit since the deployment")
        cls.w.sandbox.act(cls.plain, "PUCARMO", "resolve")
        cls.settle()

    @classmethod
    def assessment(cls, incident):
        status, value, _ = cls.w.daemon.api("GET", "/incidents/" + incident)
        return (value.get("assessment") or {}) if status == 200 else {}

    @classmethod
    def settle(cls):
        """Until nothing new is assessed for a while: the newest one stands then."""
        def newest():
            return cls.w.daemon.rows("SELECT max(id) FROM assessment")[0][0]

        for _ in range(60):
            before = newest()
            time.sleep(1.5)
            if newest() == before:
                return
        raise AssertionError("assessments never settle")

    def replay(self, incident, *args, code=0):
        done = subprocess.run([os.path.join(BIN, "cli", "triagectl"), "--config", self.w.daemon.config, "replay", incident, "--json", *args],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stdout[-3000:] + done.stderr)
        value = json.loads(done.stdout)
        return value.get("detail", value) if code == 3 else value

    def part(self, r, name):
        return next(p for p in r["parts"] if p["part"] == name)

    def test_every_assessment_of_the_run_comes_out_equal_byte_for_byte(self):
        rows = self.w.daemon.rows("SELECT incident_id, id, origin FROM assessment ORDER BY id")
        self.assertGreater(len([r for r in rows if r[2] == "model"]), 1)
        self.assertGreater(len([r for r in rows if r[2] == "rules"]), 1)
        taken = self.w.daemon.rows("SELECT count(*) FROM incident WHERE id = ? AND ask LIKE '%\"as\":{%'", self.twin)
        self.assertEqual(taken[0][0], 1, "one of them rests on another incident's report")
        self.assertEqual(len({r[0] for r in rows}), 3)
        for incident, number, origin in rows:
            r = self.replay(incident, "--assessment", str(number))
            self.assertTrue(r["equal"], (number, r["parts"]))
            self.assertEqual([p["part"] for p in r["parts"]], PARTS if origin == "model" and incident != self.twin
                             else [p for p in PARTS if p != "checks"])  # what was taken over was checked where it was asked
            self.assertEqual(r["missing"], [])

    def test_it_needs_no_daemon_and_writes_nothing(self):
        copy = os.path.join(self.w.folder, "copy.db")
        source = self.w.daemon.store()
        target = sqlite3.connect(copy)
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")
        target.close()
        source.close()
        with open(copy, "rb") as f:
            before = f.read()
        self.assertTrue(self.replay(self.plain, "--store", copy)["equal"])
        with open(copy, "rb") as f:
            self.assertEqual(f.read(), before)

    def test_other_rules_are_shown_as_what_they_would_have_changed(self):
        rules = os.path.join(self.w.folder, "other-rules")
        shutil.copytree(os.path.join(TOP, "rules"), rules, dirs_exist_ok=True)
        with open(os.path.join(rules, "05-mine.yaml"), "w") as f:
            f.write("rules:\n  - name: mine\n    when: {incident.title: {contains: latency}}\n    then: {category: tested, severity: 1}\n")
        r = self.replay(self.plain, "--rules", rules)
        self.assertFalse(r["equal"])
        self.assertNotEqual(r["rules"]["then"], r["rules"]["now"])
        self.assertIn({"path": "/category", "now": "tested"},
                      [{k: d[k] for k in ("path", "now")} for d in self.part(r, "verdict")["differences"]])
        self.assertTrue(self.part(r, "facts")["equal"])

    def test_other_prompts_are_shown_with_the_recorded_reply_against_the_new_form(self):
        prompts = os.path.join(self.w.folder, "other-prompts")
        shutil.copytree(os.path.join(TOP, "prompts"), prompts, dirs_exist_ok=True)
        with open(os.path.join(prompts, "triage.md"), "a") as f:
            f.write("\nBe brief.\n")
        r = self.replay(self.plain, "--prompts", prompts)
        self.assertTrue(r["equal"], r["parts"])
        self.assertNotEqual(r["prompt"]["then"], r["prompt"]["now"])
        self.assertIn("Be brief.", [d["now"] for d in r["prompt"]["instructions"]])
        path = os.path.join(prompts, "triage.schema.json")
        with open(path) as f:
            form = json.load(f)
        form["properties"]["confidence"]["enum"] = ["sure", "unsure"]
        with open(path, "w") as f:
            json.dump(form, f)
        r = self.replay(self.plain, "--prompts", prompts)
        self.assertTrue(any(d["path"].startswith("/properties/confidence") for d in r["prompt"]["form"]), r["prompt"]["form"])
        self.assertFalse(self.part(r, "report")["equal"], "the recorded reply does not fit that form")

    def test_a_record_that_was_changed_afterwards_does_not_come_out_equal(self):
        copy = os.path.join(self.w.folder, "changed.db")
        source, target = self.w.daemon.store(), sqlite3.connect(copy)
        source.backup(target)
        source.close()
        newest = target.execute("SELECT assessment_id FROM incident WHERE id = ?", (self.plain,)).fetchone()[0]
        known = json.loads(target.execute("SELECT known FROM assessment WHERE id = ?", (newest,)).fetchone()[0])
        known["times_seen"] = 4711
        target.execute("UPDATE assessment SET known = ? WHERE id = ?",
                       (json.dumps(known, sort_keys=True, separators=(",", ":"), ensure_ascii=False), newest))
        target.commit()
        target.close()
        r = self.replay(self.plain, "--store", copy, code=1)
        self.assertEqual([p["part"] for p in r["parts"] if not p["equal"]], ["known"])
        self.assertEqual(self.part(r, "known")["differences"][0]["path"], "/times_seen")

    def test_what_was_pruned_is_named_and_what_does_not_exist_is_said(self):
        copy = os.path.join(self.w.folder, "pruned.db")
        source, target = self.w.daemon.store(), sqlite3.connect(copy)
        source.backup(target)
        source.close()
        target.execute("DELETE FROM body WHERE sha256 IN (SELECT said FROM assessment)")
        target.commit()
        target.close()
        self.assertIn("pruned", self.replay(self.plain, "--store", copy, code=3))
        self.assertIn("no incident", self.replay("999999", code=3))
        self.assertIn("no such assessment", self.replay(self.plain, "--assessment", "999999", code=3))


if __name__ == "__main__":
    unittest.main()

"""Half a year of 5,000 incidents is read into the memory at half the pace, over three kills, without AIOps; then it knows 20 new ones."""
import collections
import json
import os
import shutil
import sqlite3
import subprocess
import threading
import time
import unittest

from tests.lib import play
from tests.lib.world import BIN, World, wait_for

COUNT = 5000
PER_MINUTE = 40000
BATCH = 16
DAY = 86400


class Rate(threading.Thread):
    """Cumulative number of REST calls that the sandbox counted, every tenth of a second."""

    def __init__(self, sandbox):
        super().__init__(daemon=True)
        self.sandbox, self.seen, self.ending = sandbox, [], threading.Event()
        self.start()

    def run(self):
        while not self.ending.wait(0.1):
            before = time.monotonic()
            n = sum(self.sandbox.control("state")["requests"].values())
            self.seen.append((before, time.monotonic(), n))

    def end(self):
        self.ending.set()
        self.join()
        return self.seen

    @staticmethod
    def most_within(seen, seconds):
        """Calls in the busiest stretch that is surely no longer than this."""
        most, first = 0, collections.deque()
        for asked, answered, n in seen:
            first.append((asked, n))
            while answered - first[0][0] > seconds:
                first.popleft()
            if first:
                most = max(most, n - first[0][1])
        return most


class Backfill(unittest.TestCase):
    def world(self, **settings):
        self.w = World("empty", seed=5, refresh_s=30, **settings)
        self.addCleanup(self.w.close)
        self.w.sandbox.control("ratelimit", {"limit": 0})
        self.w.sandbox.control("features", {"aiops": 402})
        return self.w

    def ctl(self, *argv):
        token = self.w.daemon.write("token", self.w.admin)
        return subprocess.run([os.path.join(BIN, "cli", "triagectl")] + list(argv), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, stdin=subprocess.DEVNULL, timeout=120,
                              env=dict(os.environ, TRIAGED_CONFIG=self.w.daemon.config, TRIAGED_TOKEN_FILE=token))

    def status(self):
        return self.w.daemon.ok("GET", "/backfill")

    def all_incidents(self):
        """Every incident of the sandbox, by its own list."""
        found, offset = {}, 0
        while True:
            status, page, _ = self.w.sandbox.rest("GET", "/incidents?date_range=all&limit=100&offset=%d" % offset)
            assert status == 200, page
            found.update((i["id"], i) for i in page["incidents"])
            offset += 100
            if not page["more"]:
                return found

    # ---- 5,000 incidents, three kills

    def killed_and_started(self):
        self.w.daemon.kill()
        self.w.daemon.start()

    def test_5000_incidents_over_three_kills(self):
        """F-44 for the past: nothing that this account lacks matters; INV-1 for what was remembered."""
        w = self.world(per_minute=PER_MINUTE)
        told = w.sandbox.control("history", {"count": COUNT, "days": 170, "seed": 3})
        w.start(webhooks=False)
        rate = Rate(w.sandbox)
        begun = time.monotonic()
        started = self.ctl("backfill", "--since", "180d")
        self.assertEqual(started.returncode, 0, started.stderr)
        self.assertIn("running", started.stdout)
        for share in (0.0, 0.35, 0.7):
            def far_enough(share=share):
                """the backfill is so far"""
                b = self.status()
                self.assertEqual(b["state"], "running")
                return b["calls"] > 3 and b["remembered"] >= share * COUNT

            wait_for(far_enough, 60, every=0.05)
            self.killed_and_started()
            self.assertEqual(self.status()["state"], "running")
            self.assertEqual(self.w.daemon.ok("GET", "/status")["backfill"]["state"], "running")
        self.assertIn("backfill", self.ctl("status").stdout)
        done = self.ctl("backfill", "--wait", "--json")
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        took = time.monotonic() - begun
        seen = rate.end()
        self.complete(json.loads(done.stdout), told)
        self.silent()
        self.paced(seen)
        print("5,000 incidents, %d calls in %.0f s" % (self.status()["calls"], took))
        self.similar()
        self.sound()

    def complete(self, b, told):
        there = self.all_incidents()
        rows = self.w.daemon.rows("SELECT incident_id, number, title, fix, by_type, merged FROM memory")
        self.assertEqual(len(rows), COUNT)
        self.assertEqual({r[0] for r in rows}, set(there), "every incident, and each once")
        for incident_id, number, title, _, _, _ in rows:
            self.assertEqual((number, title), (there[incident_id]["incident_number"], there[incident_id]["title"]))
        self.assertEqual((b["state"], b["done_pct"], b["found"], b["remembered"], b["unread"], b["open"]),
                         ("done", 100, COUNT, COUNT, 0, 0))
        self.assertEqual((b["alerts"], b["notes"], b["fixes"]), (told["alerts"], told["notes"], told["fixes"]))
        self.assertEqual(sum(r[3] is not None for r in rows), told["fixes"])
        self.assertEqual(sum(r[5] for r in rows), told["merged"])
        self.assertEqual(self.w.daemon.rows("SELECT count(*) FROM past_incident")[0][0], COUNT)

    def silent(self):
        """Nothing was changed, proposed, asked or opened."""
        d = self.w.daemon
        self.assertEqual(self.w.sandbox.effects(), [])
        for table in ("proposal", "llm_call", "incident", "backfill_item", "assessment"):
            self.assertEqual(d.rows("SELECT count(*) FROM %s" % table)[0][0], 0, table)
        verbs = [r[0] for r in d.rows("SELECT verb FROM audit WHERE subject LIKE 'backfill:%' ORDER BY seq")]
        self.assertEqual(verbs, ["backfill.started", "backfill.ended"])
        self.assertEqual([p for p in self.w.sandbox.control("state")["requests"] if "past" in p or "related" in p or "outlier" in p], [])

    def paced(self, seen):
        """At most half of the configured calls; the pace is even, so it shows in seconds what it would in minutes."""
        half = PER_MINUTE / 2
        self.assertLessEqual(Rate.most_within(seen, 60), half)
        for seconds in (2, 5, 10):
            self.assertLessEqual(Rate.most_within(seen, seconds), half * (seconds + 1) / 60 + BATCH)
        self.assertGreater(Rate.most_within(seen, 10), half / 60, "it was busy at all")

    # ---- and what it is good for

    def similar(self):
        w = self.w
        w.hook()
        made = w.sandbox.control("history-incidents", {"count": 20})["incidents"]
        fixes = repeats = 0
        for m in made:
            def known_of(m=m):
                """similar ones are told"""
                x = play.shown(w, m["id"])
                return x["known"] if x and x["known"] and x["known"]["similar"] and x["known"]["resolve_time"] else None

            known = wait_for(known_of, 30, every=0.1)
            want = w.sandbox.control("expect/" + m["id"])
            with self.subTest(incident=m["number"], title=m["title"]):
                same = [s for s in known["similar"] if s["same_symptom"]]
                self.assertLessEqual(len(known["similar"]), 5)
                self.assertEqual(known["similar"][:len(same)], same, "equal symptoms come first")
                self.assertTrue({s["number"] for s in same} <= set(want["seen_numbers"]))
                self.assertGreaterEqual(len(same), min(3, len(want["seen_numbers"])))
                self.assertEqual([s["at"] for s in same], sorted((s["at"] for s in same), reverse=True))
                self.assertFalse({s["number"] for s in known["similar"][len(same):]} & set(want["seen_numbers"]))
                took = known["resolve_time"]
                self.assertEqual((took["n"], took["median_s"], took["p25_s"], took["p75_s"]),
                                 (want["resolve_n"], want["resolve_median_s"], want["resolve_p25_s"], want["resolve_p75_s"]))
                if want["last_fix"]:
                    fixes += 1
                    self.quoted(same, want["last_fix"])
                repeats += len(same)
        print("20 incidents: %d equal ones told, %d with what fixed the last" % (repeats, fixes))
        self.assertGreater(fixes, 10, "the past must have something to tell")

    def quoted(self, same, fix):
        told = [s for s in same if s["number"] == fix["incident_number"]]
        self.assertEqual(len(told), 1, (fix, same))
        self.assertEqual((told[0]["fix"]["quote"], told[0]["fix"]["author"], told[0]["incident_id"]),
                         (fix["quote"], fix["author"], fix["incident_id"]))
        self.assertEqual(told[0]["ended_by"], self.w.daemon.rows("SELECT by_name FROM memory WHERE number = ?", told[0]["number"])[0][0])

    def sound(self):
        """The full-text index holds exactly what its rows say."""
        self.w.daemon.stop()
        copy = os.path.join(self.w.folder, "copy.db")
        shutil.copy(os.path.join(self.w.daemon.state, "store.db"), copy)
        db = sqlite3.connect(copy)
        try:
            db.execute("INSERT INTO memory_text (memory_text, rank) VALUES ('integrity-check', 1)")
            searched = db.execute("SELECT count(*) FROM memory WHERE searched = 1").fetchone()[0]
            self.assertEqual(db.execute("SELECT searched FROM memory_count").fetchone()[0], searched)
            self.assertEqual(db.execute("PRAGMA quick_check").fetchone()[0], "ok")
        finally:
            db.close()

    # ---- live work goes first, and PagerDuty's no is respected

    def test_it_waits_at_429_goes_on_and_can_be_stopped(self):
        w = self.world(per_minute=30000)
        w.sandbox.control("history", {"count": 300, "days": 30, "seed": 4})
        w.start(webhooks=False)
        w.sandbox.control("faults", {"faults": [{"kind": "status", "status": 429, "retry_after": 1, "count": 3}]})
        self.assertEqual(self.ctl("backfill", "--since", "40d").returncode, 0)

        def some():
            """it goes on after the limit"""
            b = self.status()
            return b["remembered"] > 20 and b

        wait_for(some, 30)
        again = self.ctl("backfill", "--since", "40d")
        self.assertNotEqual(again.returncode, 0)
        self.assertIn("is running", again.stderr)
        self.assertEqual(self.ctl("backfill", "--stop").returncode, 0)
        stopped = self.status()
        self.assertEqual(stopped["state"], "stopped")
        time.sleep(0.5)
        self.assertEqual(self.status()["remembered"], stopped["remembered"])
        self.assertEqual(self.ctl("backfill", "--wait").returncode, 1)
        self.assertEqual(self.ctl("backfill", "--since", "40d", "--wait").returncode, 0)
        b = self.status()
        self.assertEqual(b["known"] + b["remembered"], 300)
        self.assertEqual(self.w.daemon.rows("SELECT count(*) FROM memory")[0][0], 300)

    def test_only_admins_start_it(self):
        w = self.world().start(webhooks=False)
        for token, want in ((w.viewer, 403), (w.bo, 403)):
            self.assertEqual(w.daemon.api("POST", "/backfill", {"since_s": DAY}, token)[0], want)
        self.assertEqual(w.daemon.api("GET", "/backfill", token=w.viewer)[1], {"state": "none"})
        self.assertEqual(w.daemon.api("DELETE", "/backfill", token=w.admin)[0], 404)
        self.assertEqual(w.daemon.api("POST", "/backfill", {"since_s": 0}, w.admin)[0], 400)
        self.assertEqual(w.daemon.api("POST", "/backfill", {"since_s": DAY}, w.admin)[0], 202)

    # ---- an incident that ends under our eyes

    def test_what_ends_today_is_remembered_tomorrow(self):
        w = self.world(per_minute=100000).start()
        first = play.trigger(w, title="Parcel volume 91% full on parceldb-03", service="PSPARDB")
        play.when_read(w, first)
        w.sandbox.act(first, play.BO, "note", content="Grew the volume by 200 GB")
        w.sandbox.act(first, play.BO, "resolve")

        def remembered():
            """the memory has it with its fix"""
            return w.daemon.rows("SELECT fix FROM memory WHERE incident_id = ? AND fix IS NOT NULL", first)

        wait_for(remembered, 20)
        time.sleep(1.1)  # PagerDuty tells whole seconds: one of the same second did not come before
        second = play.trigger(w, title="Parcel volume 97% full on parceldb-01", service="PSPARDB")

        def told():
            """the second one tells of the first"""
            x = play.shown(w, second)
            return x["known"]["similar"] if x and x["known"] and x["known"]["similar"] else None

        similar = wait_for(told, 20)
        self.assertEqual((similar[0]["incident_id"], similar[0]["same_symptom"], similar[0]["ended_by"]), (first, True, "Bo Lindqvist"))
        self.assertEqual((similar[0]["fix"]["quote"], similar[0]["fix"]["author"]), ("Grew the volume by 200 GB", "Bo Lindqvist"))


if __name__ == "__main__":
    unittest.main()

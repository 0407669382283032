"""20 incidents with history and no model: what is known of each equals what the sandbox knows; the triage note is one and is edited."""
import json
import os
import subprocess
import time
import unittest

from tests.lib import play
from tests.lib.world import BIN, World, wait_for

NOTE_MAX = 600


def seconds(iso):
    import calendar
    return calendar.timegm(time.strptime(iso[:19], "%Y-%m-%dT%H:%M:%S"))


class Known(unittest.TestCase):
    def world(self, seed):
        """20 incidents that are looked at each second would take the whole budget of calls."""
        self.w = World("history", seed=seed, refresh_s=30, per_minute=100000)
        self.addCleanup(self.w.close)
        self.w.sandbox.control("ratelimit", {"limit": 0})
        return self.w

    def complete(self, incident):
        def all_there():
            """nothing is unchecked any more"""
            x = play.shown(self.w, incident)
            return x if x and x["known"] and not x["not_checked"] and x["known"]["times_seen"] is not None else None

        try:
            return wait_for(all_there, 30, every=0.1)
        except AssertionError as e:
            x = play.shown(self.w, incident)
            raise AssertionError("%s: %s" % (e, x and x["not_checked"])) from e

    def compare(self, known, want):
        self.assertEqual(known["times_seen"], want["times_seen"])
        own = known["self_cleared"]
        if own:
            self.assertEqual((own["n"], own["median_s"]), (want["self_cleared"], want["self_cleared_median_s"]))
            self.assertLessEqual(own["of"], want["times_seen"])
            self.assertEqual(own["share_pct"], int(100.0 * own["n"] / own["of"] + 0.5))
        else:
            self.assertEqual(want["self_cleared"], 0)
        took = known["resolve_time"]
        self.assertEqual(took and (took["n"], took["median_s"], took["p25_s"], took["p75_s"]),
                         (want["resolve_n"], want["resolve_median_s"], want["resolve_p25_s"], want["resolve_p75_s"])
                         if want["resolve_n"] else None)
        fix, wanted = known["last_fix"], want["last_fix"]
        self.assertEqual(fix and (fix["quote"], fix["author"], fix["incident_number"], fix["incident_id"]),
                         wanted and (wanted["quote"], wanted["author"], wanted["incident_number"], wanted["incident_id"]))
        for ours, theirs in (("changes", "changes_last_hour"), ("changes_below", "changes_last_hour_below")):
            self.assertEqual(sorted((c["summary"], seconds(c["at"])) for c in known[ours]),
                             sorted((c["summary"], seconds(c["at"])) for c in want[theirs]))
        levels = {}
        for p in want["on_call"]:
            levels.setdefault(p["level"], []).append(p["name"])
        self.assertEqual({x["level"]: sorted(x["names"]) for x in known["on_call"]}, {k: sorted(v) for k, v in levels.items()})
        if want["next_page"]:
            self.assertEqual((seconds(known["next_page"]["at"]), known["next_page"]["level"], sorted(known["next_page"]["who"])),
                             (seconds(want["next_page"]["at"]), want["next_page"]["level"], sorted(want["next_page"]["who"])))
        else:
            self.assertIn("none", known["next_page"])

    def show(self, incident, *more):
        token = self.w.daemon.write("token", self.w.admin)
        done = subprocess.run([os.path.join(BIN, "cli", "triagectl"), "show", str(incident)] + list(more), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
                              env=dict(os.environ, TRIAGED_CONFIG=self.w.daemon.config, TRIAGED_TOKEN_FILE=token))
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_what_is_known_of_20_incidents_equals_the_oracle(self):
        self.world(12).start()
        made = self.w.sandbox.control("history-incidents", {"count": 20})["incidents"]
        self.assertEqual(len(made), 20)
        with_history = with_fix = with_change = 0
        for m in made:
            x = self.complete(m["id"])
            want = self.w.sandbox.control("expect/" + m["id"])
            with self.subTest(incident=m["number"], title=m["title"]):
                self.compare(x["known"], want)
                told = json.loads(self.show(m["number"], "--json"))
                self.assertEqual(told["known"], x["known"], "triagectl show says the same")
            with_history += want["times_seen"] > 0
            with_fix += want["last_fix"] is not None
            with_change += bool(want["changes_last_hour"])
        print("of 20: %d seen before, %d with a fix, %d with changes" % (with_history, with_fix, with_change))
        self.assertGreater(min(with_history, with_fix, with_change), 3, "the scenario must have something to tell")

    def test_show_says_it_in_words(self):
        self.world(12).start()
        m = self.w.sandbox.control("history-incidents", {"count": 1})["incidents"][0]
        known = self.complete(m["id"])["known"]
        text = " ".join(self.show(m["id"]).split())
        for part in (str(known["times_seen"]), known["last_fix"]["author"], "#%d" % known["last_fix"]["incident_number"],
                     known["last_fix"]["quote"][:20], known["changes"][0]["summary"], known["on_call"][0]["names"][0],
                     known["next_page"]["who"][0]):
            self.assertIn(part, text)

    # ---- what an account may not have

    FEATURES = [("aiops", 402, {"past", "related", "outlier"}), ("aiops", 403, {"past", "related", "outlier"}),
                ("aiops", 404, {"past", "related", "outlier"}), ("change_events", 402, {"change"}),
                ("dependencies", 403, {"dependency"}), ("dependencies", 404, {"dependency"})]

    def test_a_feature_that_the_account_does_not_have_is_named_and_nothing_else_suffers(self):
        for feature, status, kinds in self.FEATURES:
            with self.subTest(feature=feature, status=status):
                self.world(13)
                self.w.sandbox.control("features", {feature: status})
                self.w.start(people=False)
                i = self.w.sandbox.control("history-incidents", {"count": 1})["incidents"][0]["id"]

                def named(i=i, kinds=kinds):
                    """only the missing feature is unchecked"""
                    x = play.shown(self.w, i)
                    return x if x and x["not_checked"] and {n["kind"] for n in x["not_checked"]} == kinds else None

                try:
                    x = wait_for(named, 20)
                except AssertionError as e:
                    raise AssertionError("%s: %s" % (e, play.shown(self.w, i)["not_checked"])) from e
                for n in x["not_checked"]:
                    self.assertIn("not available on this account", n["why"])
                self.assertEqual(x["known"]["times_seen"], self.w.sandbox.control("expect/" + i)["times_seen"])
                listed = self.w.daemon.ok("GET", "/status")["intake"]["not_available"]
                self.assertTrue(listed, "status says it too")
                before = self.w.sandbox.control("state")["requests"]
                play.when_read(self.w, play.trigger(self.w, title="Asked once, not again"))
                after = self.w.sandbox.control("state")["requests"]
                paths = [p for p in after if any(word in p for word in
                                                 {"aiops": ("past_incidents", "related_incidents", "outlier"),
                                                  "change_events": ("related_change_events",),
                                                  "dependencies": ("service_dependencies",)}[feature])]
                self.assertEqual({p: after[p] for p in paths}, {p: before[p] for p in paths}, "it is not asked for again")
                self.w.daemon.stop()
                self.w.sandbox.stop()

    # ---- the note

    def test_one_triage_note_edited_in_place(self):
        w = self.world(12).start()
        w.daemon.ok("POST", "/standing", {"template": "triage-note", "days": 1, "max_per_hour": 1000}, w.admin)
        made = [x["id"] for x in w.sandbox.control("history-incidents", {"count": 6})["incidents"]]
        for i in made:
            self.complete(i)

        def notes(i):
            return [e for e in w.sandbox.effects(i) if e["kind"].startswith("note")]

        def all_have_one():
            """each incident has its triage note"""
            return all(notes(i) for i in made)

        wait_for(all_have_one, 20)
        for news in range(3):
            for i in made:
                w.sandbox.act(i, play.CARMEN, "escalate", level=3 - news % 2)
            time.sleep(1.5)
        w.sandbox.trigger(service="PSTRACK", title="Something else fires", urgency="high")
        time.sleep(1.5)
        edits = 0
        for i in made:
            kinds = [e["kind"] for e in notes(i)]
            self.assertEqual(kinds.count("note"), 1, kinds)
            self.assertEqual(kinds[0], "note")
            self.assertGreaterEqual(kinds.count("note_edit"), 1)
            edits += kinds.count("note_edit")
            self.assertEqual(len({e["note_id"] for e in notes(i)}), 1)
            for e in notes(i):
                self.assertLessEqual(len(e["content"]), NOTE_MAX)
                self.assertRegex(e["content"], r"^\[triaged:[a-z2-7]{16}\] Triage: ")
            shown = [n["content"] for n in w.sandbox.rest("GET", "/incidents/%s/notes" % i)[1]["notes"]]
            self.assertEqual([c for c in shown if c.startswith("[triaged:")], [notes(i)[-1]["content"]])
            known = play.shown(w, i)["known"]
            self.assertIn("Seen %d times" % known["times_seen"] if known["times_seen"] else "Not seen before", notes(i)[-1]["content"])
        print("6 notes, %d edits" % edits)


if __name__ == "__main__":
    unittest.main()

"""The world moves between proposal, approval and sending; stored bytes change; the kill switch falls: nothing stale leaves."""
import collections
import os
import random
import sqlite3
import threading
import time
import unittest

from tests.lib import play
from tests.lib.prism import Recorder
from tests.lib.world import World, wait_for

START_LIMIT_MS = 300
ENDS = ("done", "failed", "stale", "overtaken", "withdrawn", "unsure", "expired", "rejected")
# Verb, its actions, and what a person may do meanwhile.
ROWS = [
    ([("escalate", {"level": 2})], [("escalate", {"level": 3}), ("acknowledge", {}), ("resolve", {}), ("reassign", {"to": ["PUHIROT"]}),
                                    ("delegate", {"escalation_policy": "PEPAYME"})]),
    ([("escalate", {"policy_id": "PEPLATF"})], [("escalate", {"level": 2}), ("resolve", {}), ("acknowledge", {})]),
    ([("acknowledge", {})], [("escalate", {"level": 2}), ("reassign", {"to": ["PUHIROT"]}), ("resolve", {})]),
    ([("resolve", {})], [("escalate", {"level": 2}), ("acknowledge", {}), ("reassign", {"to": ["PUHIROT"]})]),
]
KINDS = {"escalate": ("escalate", "reassign", "delegate"), "acknowledge": ("acknowledge",), "resolve": ("resolve",)}


def unhurried(seed):
    """A world without a limiter, and with a bound on a send that a test can wait out."""
    w = World("empty", seed=seed, per_minute=100000, start_limit_ms=START_LIMIT_MS)
    w.sandbox.control("ratelimit", {"limit": 0})
    return w


class Point:
    """One incident, one proposal, one change by a person."""

    def __init__(self, test, rng, row=None):
        self.test, self.w, self.rng = test, test.w, rng
        self.actions, changes = row or rng.choice(ROWS)
        self.change = rng.choice(changes)
        self.token = self.w.bo
        self.begun = self.ended = None

    def prepare(self):
        self.incident = play.trigger(self.w, title="Point %d" % self.rng.randrange(10**9))
        self.p = play.propose(self.w, self.incident, *self.actions, token=self.token)

    def act(self):
        self.begun = time.monotonic()
        status, value, _ = self.w.sandbox.call("POST", "/_sandbox/incidents/%s/act" % self.incident,
                                               dict(self.change[1], **{"as": "PUCARMO", "action": self.change[0]}))
        # The person may come too late, when ours has resolved it already.
        self.test.assertIn(status, (200, 400), value)
        self.ended = time.monotonic()

    def approve(self):
        self.w.daemon.decide(self.p["id"], "approve", self.token, self.p["digest"])

    def finish(self):
        if self.w.daemon.proposal(self.p["id"])["state"] == "pending":
            self.w.daemon.decide(self.p["id"], "approve", self.token, self.p["digest"])
        self.state = self.w.daemon.wait_state(self.p["id"], *ENDS, seconds=60)["state"]

    def stale_effects(self):
        """Effects whose ground was not the bound one, as (line, seen): seen is True when the last read could have told."""
        a = self.p["actions"][0]
        for line in self.w.sandbox.effects(self.incident):
            if line["kind"] not in KINDS[a["verb"]]:
                continue
            keys = ["status", "assignees"] + (["level"] if a["verb"] == "escalate" else [])
            if all(line["before"][k] == a["binds"][k] for k in keys):
                continue
            reads = [c.at for c in self.test.recorder.calls if c.method == "GET" and c.path == "/incidents/" + self.incident and c.at]
            write = [c.at for c in self.test.recorder.calls if c.method == "PUT" and c.path == "/incidents/" + self.incident and c.at][-1]
            last = max(t for t in reads if t < write)
            yield line, self.ended <= last


class Stale(unittest.TestCase):
    def world(self, **env):
        self.w = unhurried(5)
        self.addCleanup(self.w.close)
        self.recorder = Recorder("127.0.0.1", self.w.sandbox.port)
        self.addCleanup(self.recorder.close)
        self.recorder.before = self.before
        self.armed, self.lock = {}, threading.Lock()
        self.w.daemon.configure(base_url=self.recorder.url)
        self.w.start(**env)

    def before(self, call):
        """A person is faster than the read that goes out now."""
        if call.method != "GET" or not call.path.startswith("/incidents/"):
            return
        with self.lock:
            armed = self.armed.pop(call.path.split("/")[2], None)
        if armed:
            armed()

    def arm(self, point, do):
        with self.lock:
            self.armed[point.incident] = do

    # ---- kinds of points

    def before_approval(self, x):
        x.prepare()
        time.sleep(x.rng.uniform(0, 0.3))
        x.act()
        x.approve()

    def at_approval(self, x):
        """Around the moment of the approval, at a random offset."""
        x.prepare()
        offset = x.rng.uniform(-0.03, 0.03)
        person = threading.Timer(max(0.0, offset), x.act)
        person.start()
        time.sleep(max(0.0, -offset))
        x.approve()
        person.join()

    def at_read(self, x):
        """Just before a read after the approval goes on to PagerDuty."""
        x.prepare()
        self.arm(x, x.act)
        x.approve()
        wait_for(lambda: x.ended, 10)

    def run_points(self, how, count, seed, parallel=8, to_the_end=True):
        rng = random.Random(seed)
        points = [Point(self, random.Random(rng.random())) for _ in range(count)]
        errors = []

        def worker(mine):
            for x in mine:
                try:
                    how(x)
                    if to_the_end:
                        x.finish()
                except Exception as e:  # noqa: BLE001: shown below, whatever it is
                    errors.append("%s then %s: %r" % (x.actions, x.change, e))

        threads = [threading.Thread(target=worker, args=(points[k::parallel],)) for k in range(parallel)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(errors, [])
        return points

    def judge(self, points):
        """(stale effects that a read could have prevented, those inside the last call's own way)."""
        missed, inside = [], []
        for x in points:
            for line, seen in x.stale_effects():
                (missed if seen else inside).append("%s: bound to %s, was %s" % (line["kind"], x.p["actions"][0]["binds"], line["before"]))
        return missed, inside

    # ---- the tests

    def test_no_stale_effect_at_200_points(self):
        """F-21: PagerDuty has no compare-and-set; what changes while our last read or the write itself is on the wire is counted apart."""
        self.world()
        points = self.run_points(self.before_approval, 50, 1)
        points += self.run_points(self.at_approval, 90, 2)
        points += self.run_points(self.at_read, 60, 3)
        points += self.held(14)
        points += self.delayed()
        missed, inside = self.judge(points)
        states = collections.Counter(x.state for x in points)
        print("%d points: %s; inside the last call: %d" % (len(points), dict(states), len(inside)))
        self.assertEqual(missed, [])
        self.assertGreaterEqual(len(points) - len(inside), 200)
        self.assertGreater(states["stale"] + states["overtaken"] + states["withdrawn"], 120)
        self.each_void_is_audited(points)

    def held(self, count):
        """Approved while the kill switch holds; the person acts; then it is released."""
        w = self.w
        points = [Point(self, random.Random(100 + k)) for k in range(count)]
        for x in points:
            x.prepare()
        w.daemon.ok("PUT", "/kill-switch", {"engaged": True, "reason": "hold"}, w.admin)
        for x in points:
            x.approve()
        for x in points:
            x.act()
        w.daemon.release(w.admin)
        for x in points:
            x.finish()
        return points

    def delayed(self):
        """The process is held for longer than a send may wait, between the last look and the call; the person acts meanwhile."""
        points = []
        for where in ("gate.before_intent", "gate.after_intent"):
            self.w.daemon.stop()
            faults = ",".join("%s:%d:sleep=%d" % (where, n, START_LIMIT_MS + 200) for n in range(1, 9))
            self.w.daemon.start(TRIAGED_FAULT=faults)
            self.w.hook()
            self.w.daemon.release(self.w.admin)
            for n in range(8):
                x = Point(self, random.Random(200 + n), ROWS[0])
                x.prepare()
                reads = len(self.reads(x))
                x.approve()
                wait_for(lambda x=x, reads=reads: len(self.reads(x)) > reads, 5, every=0.005)
                time.sleep(0.1)
                x.act()
                x.finish()
                points.append(x)
        return points

    def reads(self, x):
        return [c for c in self.recorder.calls if c.method == "GET" and c.path == "/incidents/" + x.incident and c.status]

    def each_void_is_audited(self, points):
        audited = {r[0] for r in self.w.daemon.rows(
            "SELECT subject FROM audit WHERE verb IN ('proposal.stale', 'proposal.overtaken', 'proposal.withdrawn')")}
        for x in points:
            if x.state in ("stale", "overtaken", "withdrawn"):
                self.assertIn("proposal:%d" % x.p["id"], audited)

    def test_without_the_defence_stale_effects_happen(self):
        """The test above has teeth."""
        self.world(TRIAGED_DEFENCE_OFF="stale")
        points = self.run_points(self.at_read, 24, 3, parallel=6, to_the_end=False)

        def stale():
            """an effect on ground that had moved"""
            return self.judge(points)[0]

        wait_for(stale)


class Bytes(unittest.TestCase):
    """F-20 on the whole program: the unit test turns 2,000 bytes, this one 40 in the store of a stopped daemon."""

    def flips(self, **env):
        self.w = unhurried(6)
        self.addCleanup(self.w.close)
        w, rng = self.w, random.Random(6)
        w.start()
        w.daemon.ok("PUT", "/kill-switch", {"engaged": True, "reason": "hold"}, w.admin)
        approved = []
        for k in range(40):
            i = play.trigger(w, title="Case %d" % k)
            action = ("add_note", {"content": "Approved text number %d" % k}) if k % 2 else ("escalate", {"level": 2})
            p = play.propose(w, i, action)
            play.approve(w, p)
            approved.append((i, p))
        w.daemon.stop()
        db = sqlite3.connect(os.path.join(w.daemon.state, "store.db"))
        for k, (_, p) in enumerate(approved):
            column = ("args", "digest", "binds", "args")[k // 2 % 4]
            text = bytearray(db.execute("SELECT %s FROM action WHERE proposal_id = ?" % column, (p["id"],)).fetchone()[0].encode())
            while True:
                at = rng.randrange(len(text))
                old, new = text[at], text[at] ^ (1 << rng.randrange(7))
                if 0x20 <= new < 0x7f and chr(old).isalnum() and chr(new).isalnum():
                    break
            text[at] = new
            db.execute("UPDATE action SET %s = ? WHERE proposal_id = ?" % column, (text.decode(), p["id"]))
        db.commit()
        db.close()
        w.daemon.start(**env)
        w.hook()
        w.daemon.release(w.admin)
        for _, p in approved:
            w.daemon.wait_state(p["id"], *ENDS, seconds=30)
        return [e for e in w.sandbox.effects()], [w.daemon.proposal(p["id"]) for _, p in approved]

    def test_nothing_is_sent_when_a_stored_byte_changed_after_the_approval(self):
        effects, after = self.flips()
        self.assertEqual(effects, [])
        self.assertEqual({p["state"] for p in after}, {"stale"}, [p["reason"] for p in after if p["state"] != "stale"])

    def test_without_the_digest_changed_bytes_leave(self):
        effects, _ = self.flips(TRIAGED_DEFENCE_OFF="digest,stale")
        self.assertGreater(len(effects), 0)


class KillSwitch(unittest.TestCase):
    """F-23 under load: 20 rounds."""

    def rounds(self, count, **env):
        """Effects later than a second after the answer to "engage"."""
        w = self.w = unhurried(7)
        self.addCleanup(w.close)
        w.start(**env)
        over, incidents = threading.Event(), [play.trigger(w, title="Load %d" % k) for k in range(12)]
        sent = collections.Counter()

        def load(mine, seed):
            rng = random.Random(seed)
            while not over.is_set():
                try:
                    status, value, _ = play.try_propose(w, rng.choice(mine), ("add_note", {"content": "load %d" % rng.randrange(10**9)}))
                    if status == 201:
                        sent[w.daemon.decide(value["id"], "approve", w.admin)[0]] += 1
                except (OSError, AssertionError):
                    pass
                time.sleep(0.01)

        threads = [threading.Thread(target=load, args=(incidents[k::4], k)) for k in range(4)]
        for t in threads:
            t.start()
        late, rounds = [], 0
        try:
            for _ in range(count):
                before = len(w.sandbox.effects())
                wait_for(lambda before=before: len(w.sandbox.effects()) > before, 20)
                w.daemon.ok("PUT", "/kill-switch", {"engaged": True, "reason": "round"}, w.admin)
                answered = len(w.sandbox.effects())
                time.sleep(1.0)
                after_a_second = len(w.sandbox.effects())
                time.sleep(0.5)
                late += w.sandbox.effects()[after_a_second:]
                rounds += after_a_second - answered
                w.daemon.release(w.admin)
        finally:
            over.set()
            for t in threads:
                t.join()
        print("%d sent in all, %d within the second after the answer" % (len(w.sandbox.effects()), rounds))
        self.assertGreater(sent[200], count, sent)
        return late

    def test_nothing_is_sent_a_second_after_the_switch_is_engaged(self):
        self.assertEqual(self.rounds(20), [])

    def test_without_the_switch_effects_go_on(self):
        """The test above has teeth."""
        self.assertGreater(len(self.rounds(3, TRIAGED_DEFENCE_OFF="killswitch")), 0)


if __name__ == "__main__":
    unittest.main()

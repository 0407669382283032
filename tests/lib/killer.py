"""The kill loop (F-30): load, approvals and kill -9 at random moments; then the invariants."""
import os
import random
import threading
import time

from tests.lib import invariants
from tests.lib.world import BIN, World, free_port

SERVICES = ["PSPARDB", "PSTRACK", "PSLABEL", "PSPAYME", "PSORDER"]


class Killer:
    """One world under load. env goes to the daemon (defence switches); seed makes the load repeatable."""

    def __init__(self, kills, seed, per_second=6.0, env=None, delay_ms=120, late_ms=200, lost=0.05, quiet_ms=500, model=True):
        self.kills, self.rng, self.env = kills, random.Random(seed), env or {}
        self.per_second = per_second
        self.faults = [{"method": "PUT", "kind": "delay", "min_ms": 0, "max_ms": delay_ms, "probability": 0.5},
                       {"method": "POST", "kind": "delay", "min_ms": 0, "max_ms": delay_ms, "probability": 0.5},
                       {"method": "POST", "kind": "applied_late", "ms": late_ms, "probability": 0.1},
                       {"method": "POST", "kind": "lost_answer", "probability": lost},
                       {"method": "PUT", "kind": "lost_answer", "probability": lost}]
        self.world = World(seed=seed, port=free_port(), per_minute=60000, quiet_ms=quiet_ms, resend_gap_ms=600, send_limit_ms=800, unsure_after_ms=60000)
        if model:  # as most people run it: answers come late, break off, or are of no use
            self.world.model()
        self.over = threading.Event()
        self.done = {"triggered": 0, "approved": 0, "proposed": 0}

    def load(self):
        """Incidents come, some are touched by people, some clear by themselves."""
        s, n = self.world.sandbox, 0
        opened = []
        while not self.over.wait(self.rng.expovariate(self.per_second)):
            n += 1
            try:
                if opened and self.rng.random() < 0.25:
                    s.act(self.rng.choice(opened), "PUCARMO", self.rng.choice(["acknowledge", "resolve", "note"]), content="looking")
                    continue
                made = s.trigger(service=self.rng.choice(SERVICES), title="connection pool exhausted on node %d" % n, urgency="high")
                opened = (opened + [made["id"]])[-30:]
                self.done["triggered"] += 1
            except (OSError, AssertionError):
                pass

    def people(self):
        """A responder approves most of what waits, and proposes things too."""
        d, rng = self.world.daemon, random.Random(self.rng.random())
        while not self.over.wait(0.05):
            try:
                for p in d.proposals(limit=50):
                    if p["state"] == "pending":
                        status, _, _ = d.decide(p["id"], "approve" if rng.random() < 0.85 else "reject", self.world.admin)
                        self.done["approved"] += status == 200
                for i in d.ok("GET", "/incidents?limit=5")["items"]:
                    if rng.random() < 0.3:
                        actions = rng.choice([[{"verb": "escalate", "args": {"level": 2}}],
                                              [{"verb": "add_note", "args": {"content": "checked %d" % rng.randrange(10**9)}}],
                                              [{"verb": "add_note", "args": {"content": "fixed %d" % rng.randrange(10**9)}},
                                               {"verb": "resolve", "args": {}}]])
                        status, _, _ = d.api("POST", "/incidents/%s/proposals" % i["id"], {"actions": actions, "why": "load"},
                                             self.world.admin)
                        self.done["proposed"] += status == 201
            except (OSError, AssertionError, KeyError, ValueError):
                time.sleep(0.01)

    def run(self, settle_s=90):
        w = self.world
        w.start(**self.env)
        w.daemon.ok("POST", "/standing", {"template": "triage-note", "days": 1, "max_per_hour": 100000}, w.admin)
        w.hook(retry_schedule_ms=[50, 100, 200, 400, 800, 1600, 3000])
        w.sandbox.control("faults", {"faults": self.faults, "seed": self.rng.randrange(10**6)})
        w.sandbox.control("ratelimit", {"limit": 0})
        threads = [threading.Thread(target=self.load), threading.Thread(target=self.people)]
        for t in threads:
            t.start()
        try:
            for _ in range(self.kills):
                time.sleep(self.rng.uniform(0.05, 0.6))
                w.daemon.kill()
                w.daemon.start(**self.env)
        finally:
            self.over.set()
            for t in threads:
                t.join()
        self.settle(settle_s)
        return self.check()

    def settle(self, seconds):
        """No more faults, no more load: everything that was approved comes to its end."""
        w = self.world
        w.sandbox.control("faults", {"faults": []})
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not w.daemon.alive():
                raise AssertionError("triaged ended by itself:\n" + w.daemon.tail(30))
            live = [p for s in ("approved", "executing") for p in w.daemon.proposals(state=s, limit=200)]
            state = w.sandbox.control("state")["webhooks"]
            if not live and not state["queued"] and not state["in_flight"]:
                break
            time.sleep(0.2)
        w.daemon.stop()

    def check(self):
        w = self.world
        store = os.path.join(w.daemon.state, "store.db")
        return invariants.broken(w.sandbox.oracle_path, store, os.path.join(BIN, "cli", "triagectl")) + self.unpaid()

    def unpaid(self):
        """What the budgets count is what the calls say, whatever was killed between the two."""
        spent, called = self.world.daemon.rows(
            "SELECT (SELECT coalesce(sum(tokens), 0) FROM llm_spend), (SELECT coalesce(sum(CASE WHEN usage_from = 'reported' THEN"
            " input_tokens + cached_tokens + cache_write_tokens + output_tokens WHEN usage_from = 'estimated' OR state = 'sent'"
            " THEN reserved_tokens ELSE 0 END), 0) FROM llm_call)")[0]
        return [] if spent == called else ["budget: %d tokens are counted, the calls make %d" % (spent, called)]

    def summary(self):
        w = self.world
        return "%d kills; %s; %s" % (self.kills, self.done, invariants.summary(w.sandbox.oracle_path,
                                                                               os.path.join(w.daemon.state, "store.db")))

    def close(self):
        self.world.close()

"""The budget of calls (F-28): nothing over it in steady load, back soon after a 429, and approved actions first."""
import threading
import time
import unittest

from tests.lib import play
from tests.lib.prism import Recorder
from tests.lib.world import World, wait_for

WINDOW_S = 6
LIMIT = 96  # 960 a minute, at a tenth of the time


class Budget(unittest.TestCase):
    def world(self, others, **settings):
        self.w = World("history", seed=21, per_minute=960, refresh_s=2, **settings)
        self.addCleanup(self.w.close)
        self.recorder = Recorder("127.0.0.1", self.w.sandbox.port)
        self.addCleanup(self.recorder.close)
        self.w.daemon.configure(base_url=self.recorder.url)
        self.w.sandbox.control("ratelimit", {"limit": LIMIT, "window_s": WINDOW_S, "others_per_min": others, "restart": True})
        self.w.start()

    def load(self, seconds, every):
        """Incidents come at a steady pace."""
        end, made = time.monotonic() + seconds, []
        while time.monotonic() < end:
            made.append(self.w.sandbox.trigger(service=("PSTRACK", "PSPARDB", "PSORDER")[len(made) % 3],
                                               title="Connection pool exhausted on node %d" % len(made), urgency="high")["id"])
            time.sleep(every)
        return made

    def refused(self):
        return [c for c in self.recorder.calls if c.status == 429]

    def test_no_429_in_steady_load_while_others_take_half(self):
        self.world(others=480)
        made = self.load(30, 0.7)
        calls = [c for c in self.recorder.calls if c.status]
        print("%d incidents, %d calls in 30 s, %d refused" % (len(made), len(calls), len(self.refused())))
        self.assertEqual(self.refused(), [])
        self.assertGreater(len(calls), 100, "the budget must have been used, or nothing is proved")
        for i in made:
            wait_for(lambda i=i: play.shown(self.w, i)["assessment"], 10)

    def test_after_a_429_calls_come_back_within_two_seconds_of_the_reset(self):
        self.world(others=0)
        play.trigger(self.w, title="Before")
        self.w.sandbox.control("faults", {"faults": [{"kind": "status", "status": 429, "retry_after": 3, "count": 1}]})
        self.load(10, 0.5)
        at = self.refused()[0].at
        # What was on its way together with the refused one may still be answered.
        back = [c for c in self.recorder.calls if c.status == 200 and c.at > at + 0.3]
        print("back %.2f s after the 429 that asked for 3 s" % (back[0].at - at))
        self.assertGreater(back[0].at - at, 2.5, "the pause that was asked for is kept")
        self.assertLess(back[0].at - at, 3 + 2)
        self.assertEqual(len(self.refused()), 1)

    def test_an_approved_action_leaves_within_five_seconds_while_enrichment_starves(self):
        self.world(others=480)
        targets = [play.trigger(self.w, title="Target %d" % k) for k in range(4)]
        proposals = [play.propose(self.w, i, ("escalate", {"level": 2})) for i in targets]
        flood = threading.Thread(target=self.load, args=(20, 0.1))
        flood.start()
        took = []
        try:
            time.sleep(4)
            for i, p in zip(targets, proposals):
                begun = time.monotonic()
                play.approve(self.w, p)
                wait_for(lambda i=i: "escalate" in play.kinds(self.w, i), 15)
                took.append(time.monotonic() - begun)
                time.sleep(2)
        finally:
            flood.join()
        left_out = self.w.daemon.rows("SELECT count(*) FROM evidence WHERE state <> 'ok'")[0][0]
        print("actions left after %s s; %d answers were left out meanwhile; %d of %d calls refused" % (
            ", ".join("%.2f" % t for t in took), left_out, len(self.refused()), len(self.recorder.calls)))
        self.assertGreater(left_out, 20, "enrichment must have starved, or nothing is proved")
        self.assertLess(max(took), 5)
        # An overload is no steady load: a few calls may meet the end of the server's window, which others shorten.
        self.assertLess(len(self.refused()), 0.1 * len(self.recorder.calls))


if __name__ == "__main__":
    unittest.main()

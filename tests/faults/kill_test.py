"""kill -9 at random moments under load with approvals going on (F-30). The long run is tests/long/kill."""
import unittest

from tests.lib.killer import Killer


class Kill(unittest.TestCase):
    def loop(self, settle_s=90, **kw):
        k = Killer(**kw)
        try:
            problems = k.run(settle_s)
            text = k.summary()
            print(text)
            return problems, k
        finally:
            k.close()

    def test_thirty_kills_lose_nothing_and_repeat_nothing(self):
        """INV-1, INV-3, INV-4, INV-6, INV-8."""
        problems, k = self.loop(kills=30, seed=11)
        self.assertEqual(problems, [])
        self.assertGreater(k.done["approved"], 20, "the loop must have had something to break")

    def test_without_read_back_the_same_loop_goes_red(self):
        """The loop has teeth: with the read-back switched off effects are repeated."""
        for seed in (21, 22, 23):
            problems, _ = self.loop(10, kills=12, seed=seed, env={"TRIAGED_DEFENCE_OFF": "readback"}, lost=0.3)
            if any(p.startswith("INV-4") for p in problems):
                return
        self.fail("no repeated effect in 36 kills without the read-back")


if __name__ == "__main__":
    unittest.main()

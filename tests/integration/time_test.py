"""Rules about time fire by themselves: nothing has to happen at PagerDuty for an incident to grow old."""
import os
import shutil
import tempfile
import time
import unittest

from tests.lib.world import World, wait_for

RULE = """
rules:
  - name: nobody-took-it
    when:
      incident.status: triggered
      incident.age_s: {ge: 4}
    then:
      allow: [add_note, escalate]
      propose:
        - verb: escalate
          level: next
          why: "Nobody has acknowledged #{incident.number}."
"""


class Time(unittest.TestCase):
    def world(self, rules):
        folder = tempfile.mkdtemp(prefix="triaged-rules-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        with open(os.path.join(folder, "10-time.yaml"), "w") as f:
            f.write(rules)
        w = World(rules=folder, refresh_s=600)
        self.addCleanup(w.close)
        return w.start()

    def test_an_age_is_reached_in_silence(self):
        w = self.world(RULE)
        made = w.sandbox.trigger(service="PSPARDB", title="Parcel Database replica lag 61 s", urgency="high")
        wait_for(lambda: [i for i in w.daemon.ok("GET", "/incidents")["items"] if i["judged_at"]])
        self.assertEqual(w.daemon.proposals(), [])
        found = wait_for(lambda: w.daemon.proposals(incident=made["id"]), 30)
        self.assertEqual([(p["origin"], p["state"]) for p in found], [("rule:nobody-took-it", "pending")])

    def test_looking_again_stores_nothing_while_nothing_changes(self):
        w = self.world(RULE.replace("ge: 4", "ge: 100000"))
        w.sandbox.trigger(service="PSPARDB", title="Parcel Database replica lag 61 s", urgency="high")
        wait_for(lambda: [i for i in w.daemon.ok("GET", "/incidents")["items"] if i["enriched_at"]])
        time.sleep(3)
        count = "SELECT (SELECT count(*) FROM body), (SELECT count(*) FROM audit), (SELECT count(*) FROM assessment)"
        before = w.daemon.rows(count)
        steps = w.daemon.ok("GET", "/status")["engine"]["steps"]
        wait_for(lambda: w.daemon.ok("GET", "/status")["engine"]["steps"] >= steps + 4, 30)
        self.assertEqual(w.daemon.rows(count), before)


if __name__ == "__main__":
    unittest.main()

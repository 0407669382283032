"""A person acts in PagerDuty while a proposal waits: overtaken, withdrawn or stale, with the name, and not proposed again."""
import os
import time
import unittest

from tests.lib import play
from tests.lib.world import World, wait_for

WITHIN_S = 5
# One rule a verb; the title of an incident says which one it is for.
RULES = """
rules:
  - name: ack
    when: {incident.title: {contains: [verb-acknowledge]}}
    then:
      allow: [acknowledge, add_note]  # a bare acknowledge is refused in a rule
      propose: [{verb: add_note, note: "A note beside it", why: tests}, {verb: acknowledge, why: tests}]
  - name: note
    when: {incident.title: {contains: [verb-note]}}
    then:
      allow: [add_note]
      propose: [{verb: add_note, note: "A note of the rules", why: tests}]
  - name: up
    when: {incident.title: {contains: [verb-escalate]}}
    then:
      allow: [escalate]
      propose: [{verb: escalate, level: 2, why: tests}]
  - name: over
    when: {incident.title: {contains: [verb-policy]}}
    then:
      allow: [escalate]
      propose: [{verb: escalate, policy: PEPLATF, why: tests}]
  - name: close
    when: {incident.title: {contains: [verb-resolve]}}
    then:
      allow: [add_note, resolve]
      propose: [{verb: resolve, resolve_note: "Closed by the rules", why: tests}]
"""
# What the title asks the rules for, what a person does then, how the proposal ends.
VERBS = [
    ("verb-acknowledge", "acknowledge", {}, "overtaken", "acknowledged"),
    ("verb-escalate", "escalate", {"level": 2}, "overtaken", "escalated"),
    ("verb-escalate", "acknowledge", {}, "overtaken", "acknowledged"),
    ("verb-policy", "delegate", {"escalation_policy": "PEPLATF"}, "overtaken", "escalated"),
    ("verb-resolve", "resolve", {"resolution": "done by hand"}, "overtaken", "resolved"),
    ("verb-note", "resolve", {}, "withdrawn", "resolved"),
    ("verb-escalate", "resolve", {}, "withdrawn", "resolved"),
]
VERB_OF = {"verb-acknowledge": "acknowledge", "verb-note": "add_note", "verb-escalate": "escalate", "verb-policy": "escalate",
           "verb-resolve": "resolve"}
WHO = "Carmen Ortega"


class Overtaken(unittest.TestCase):
    def setUp(self):
        self.w = World("empty", seed=3)
        self.addCleanup(self.w.close)
        os.mkdir(os.path.join(self.w.folder, "rules"))
        self.w.daemon.write("rules/10-tests.yaml", RULES)
        self.w.daemon.configure(rules=os.path.join(self.w.folder, "rules"))
        self.w.start()

    def pending(self, incident, title=None):
        """Waiting proposals, with a title only those of the verb that the title asks for."""
        rows = [p for p in play.live(self.w, incident) if p["state"] == "pending"]
        return [p for p in rows if title is None or p["actions"][-1]["verb"] == VERB_OF[title]]

    def proposed(self, title):
        """An incident whose rule has proposed; (incident, proposal)."""
        i = play.trigger(self.w, title=title)

        def there():
            """the rules propose"""
            return self.pending(i, title)

        return i, wait_for(there)[0]

    def all_of(self, incident, title):
        return self.w.daemon.rows("SELECT p.id, p.state FROM proposal p WHERE p.incident_id = $1 AND EXISTS (SELECT 1 FROM action a"
                                  " WHERE a.proposal_id = p.id AND a.verb = $2) ORDER BY p.id", incident, VERB_OF[title])

    def judged_again(self, incident, act):
        """act makes news; waits until the rules have seen the incident after it."""
        def verdict():
            return self.w.daemon.rows("SELECT verdict FROM incident WHERE id = $1", incident)

        before = verdict()
        act()

        def again():
            """the rules judge again"""
            return verdict() != before

        wait_for(again)

    def settle(self, incident):
        """One more event that changes nothing for the verbs: rules that would propose again do so now."""
        s = self.w.sandbox
        for n in range(2):
            self.judged_again(incident, lambda n=n: s.act(incident, play.CARMEN, "note", content="still looking %d" % n))
            time.sleep(0.5)

    def run_row(self, title, action, args, ends, did):
        i, p = self.proposed(title)
        begun = time.monotonic()
        self.w.sandbox.act(i, play.CARMEN, action, **args)
        p = self.w.daemon.wait_state(p["id"], "overtaken", "withdrawn", "stale", "superseded", seconds=WITHIN_S)
        took = time.monotonic() - begun
        self.assertEqual(p["state"], ends, p["reason"])
        self.assertLess(took, WITHIN_S)
        self.assertIn(WHO, p["reason"])
        self.assertIn(did, p["reason"])
        self.settle(i)
        self.assertEqual(self.pending(i, title), [], "it is proposed again after " + action)
        self.assertEqual(len(self.all_of(i, title)), 1, self.all_of(i, title))
        self.assertEqual(self.w.sandbox.effects(i), [])
        return took

    def test_each_verb_is_overtaken_by_the_person_who_did_it_and_not_proposed_again(self):
        """The reason names who and when."""
        worst = 0
        for row in VERBS:
            with self.subTest(title=row[0], action=row[1]):
                worst = max(worst, self.run_row(*row))
        print("slowest %.2f s" % worst)

    def test_the_refresh_finds_it_when_the_webhook_is_lost(self):
        self.w.hook(events=["incident.triggered", "incident.annotated"])
        for row in VERBS[:5]:
            with self.subTest(title=row[0], action=row[1]):
                self.run_row(*row)
        self.assertEqual({e["event_type"] for e in self.w.sandbox.oracle() if e["kind"] == "delivered"},
                         {"incident.triggered", "incident.annotated"}, "no webhook may have told of what the person did")

    def test_an_approved_one_goes_stale_when_a_person_closes_the_incident(self):
        for action, args in (("resolve", {}), ("merge", None)):
            with self.subTest(action=action):
                i = play.trigger(self.w, title="No rule asks for anything")
                into = play.trigger(self.w, title="The other one")
                self.w.daemon.ok("PUT", "/kill-switch", {"engaged": True, "reason": "hold it"}, self.w.admin)
                approved = play.propose(self.w, i, ("add_note", {"content": "waits"}))
                play.approve(self.w, approved)
                waits = play.propose(self.w, i, ("escalate", {"level": 2}))
                if args is None:
                    self.w.sandbox.act(into, play.CARMEN, "merge", sources=[i])
                else:
                    self.w.sandbox.act(i, play.CARMEN, action, **args)
                approved = self.w.daemon.wait_state(approved["id"], "stale", "withdrawn", "overtaken", seconds=WITHIN_S)
                waits = self.w.daemon.wait_state(waits["id"], "stale", "withdrawn", "overtaken", seconds=WITHIN_S)
                self.assertEqual((approved["state"], waits["state"]), ("stale", "withdrawn"), (approved["reason"], waits["reason"]))
                self.assertIn("merged into" if args is None else WHO, approved["reason"])
                self.w.daemon.release(self.w.admin)
                time.sleep(1.5)
                self.assertEqual(self.w.sandbox.effects(i), [])

    def test_a_reopening_starts_anew(self):
        i, first = self.proposed("verb-escalate")
        self.w.sandbox.act(i, play.CARMEN, "escalate", level=2)
        self.w.daemon.wait_state(first["id"], "overtaken", seconds=WITHIN_S)
        self.w.sandbox.act(i, play.CARMEN, "resolve")
        wait_for(lambda: play.shown(self.w, i)["incident"]["status"] == "resolved" or None)
        time.sleep(1.1)  # PagerDuty's times have whole seconds
        self.w.sandbox.act(i, play.CARMEN, "reopen")

        def again():
            """the rules propose again after the reopening"""
            return [p for p in self.pending(i) if p["id"] != first["id"]]

        self.assertEqual(wait_for(again)[0]["actions"][0]["verb"], "escalate")


if __name__ == "__main__":
    unittest.main()

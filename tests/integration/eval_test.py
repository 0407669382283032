"""The evaluation itself: cases that are generated anew, recorded replies that are given as they were, marks that can be wrong, figures that follow from them."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

from tests.eval import play, recorded, score, stub, table
from tests.lib.world import TOP

EVAL = os.path.join(TOP, "tests", "eval")
AGAIN = "run tests/eval/run and commit what it writes"
N = 16
STORY = "db-pool-leak-1"  # an alert names the sessions that a job holds open


def cases():
    with open(os.path.join(EVAL, "cases.json"), encoding="utf-8") as f:
        return json.load(f)


def results():
    with open(os.path.join(EVAL, "results.ndjson"), encoding="utf-8") as f:
        return {x["case"]: x for x in map(json.loads, f)}


def item(document, kind, word):
    return next(x for x in document["evidence"] if x["kind"] == kind and word in json.dumps(x["data"]))


def form(document, **kw):
    out = {"impact": {"text": "", "evidence": []}, "causes": [], "changed": [], "not_checked": [], "severity": None, "category": None, "team": None,
           "urgency": None, "actions": [], "confidence": "low", "injection_suspected": False}
    return dict(out, **kw)


def right(document):
    e = item(document, "alert", "idle in transaction")
    cite = [{"id": e["id"], "quote": "idle in transaction"}, {"id": e["id"], "quote": e["data"]["details"]["application_name"]}]
    return form(document, causes=[{"text": "A job holds its sessions open", "for": cite, "against": [], "check": "List the sessions by application"}],
                severity="P2", category="database/connections", team="Platform", urgency="high", confidence="high",
                actions=[{"verb": "add_note", "target": "incident", "why": "It names the job", "evidence": cite}])


def wrong(document):
    e = item(document, "note", "Label printing")
    cite = [{"id": e["id"], "quote": "they get errors about connections"}]
    return form(document, causes=[{"text": "A deployment broke the printers", "for": cite, "against": [], "check": "Look at the printers"}],
                severity="P5", category="noise", team="Network", urgency="low", confidence="high")


def ungrounded(document):
    """A handle that was not shown, a quote that stands nowhere, numbers out of the air, words and a verb that are not on offer."""
    e = item(document, "alert", "idle in transaction")
    lie = [{"id": "E987", "quote": "idle in transaction"}, {"id": e["id"], "quote": "zanzibar overflow in the pool"}]
    return form(document, impact={"text": "All zanzibar customers", "evidence": lie}, changed=[{"text": "Deploy zanzibar", "evidence": lie}],
                causes=[{"text": "Host zanzibar-77123 is down", "for": lie, "against": lie, "check": "Restart zanzibar-77123"}],
                severity="zanzibar", category="zanzibar", team="zanzibar", confidence="high",
                actions=[{"verb": "resolve", "target": "incident", "why": "Over", "evidence": [{"id": e["id"], "quote": "idle in transaction"}]},
                         {"verb": "add_note", "target": "incident", "why": "See zanzibar", "evidence": lie}])


HAND = {"right": right, "wrong": wrong, "ungrounded": ungrounded}


class Cases(unittest.TestCase):
    def test_cases_are_what_the_stories_tell(self):
        done = subprocess.run([sys.executable, os.path.join(EVAL, "generate.py"), "--check"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertGreaterEqual(len(cases()), 300)

    def test_each_reply_belongs_to_a_case_and_each_result_too(self):
        known = {c["id"] for c in cases()}
        self.assertEqual(set(results()), known, AGAIN)
        self.assertLessEqual(set(recorded.load()), known)

    def test_the_page_shows_what_follows_from_the_results(self):
        with open(os.path.join(TOP, "docs", "evaluation.md"), encoding="utf-8") as f:
            page = f.read()
        self.assertEqual(page, table.placed(page, table.figures(cases(), results())), AGAIN)

    def test_in_the_stored_results_everything_shown_has_ground(self):
        for case, r in results().items():
            if r["model"]:
                with self.subTest(case):
                    self.assertEqual((r["model"]["stand"], r["model"]["known"], r["model"]["outside"]), (r["model"]["quotes"], r["model"]["numbers"], 0))


class Marks(unittest.TestCase):
    def test_intervals_are_wilsons(self):
        for good, n, low, high in ((8, 10, 0.490, 0.943), (0, 10, 0.0, 0.278), (10, 10, 0.722, 1.0), (50, 100, 0.404, 0.596), (0, 0, 0.0, 1.0)):
            with self.subTest(good=good, n=n):
                found = table.wilson(good, n)
                self.assertAlmostEqual(found[0], low, 3)
                self.assertAlmostEqual(found[1], high, 3)

    def test_a_cause_needs_a_word_of_each_group(self):
        def cause(text, *quotes):
            return {"text": text, "for": [{"id": "E1", "quote": q} for q in quotes], "against": []}

        groups = [["parcel-export"], ["idle", "sessions"]]
        for c, expected in ((cause("Idle ones of Parcel-Export"), True), (cause("Too many sessions", "app parcel-export"), True), (cause("parcel-export"), False),
                            (cause("sessions of parcel-exp"), False)):
            self.assertEqual(score.is_right(groups, c), expected, c)
        self.assertTrue(score.names(["800"], "a timeout of 800 ms"))
        self.assertFalse(score.names(["800"], "a timeout of 1800 ms"))

    def test_a_red_herring_is_blamed_by_name_by_quote_or_by_what_it_rests_on(self):
        document = {"evidence": [{"id": "E4", "kind": "change", "data": {"summary": "Translate help pages to Danish", "details": {"files": "help.yml"}}},
                                 {"id": "E5", "kind": "alert", "data": {"summary": "down"}}]}

        def blamed(text, handle, quote):
            return score.blames({"text": text, "for": [{"id": handle, "quote": quote}]}, ["Translate help pages to Danish"], document)

        self.assertTrue(blamed("Translate help pages to Danish broke it", "E5", "down"))
        self.assertTrue(blamed("The new pages broke it", "E4", "help pages to Danish"))
        self.assertTrue(blamed("The new file broke it", "E4", "help.yml"))
        self.assertFalse(blamed("The database is gone", "E5", "down"))

    def test_a_quote_stands_in_one_value_of_the_stored_body(self):
        body = {"summary": "Sessions by app", "n": 135, "created_ms": 1790009600000, "list": [{"x": "58 min"}]}
        for quote, expected in (("Sessions by", True), ("135", True), ("2026-09-21T16:53:20Z", True), ("58 min", True), ("Sessions by app 135", False), ("", False)):
            self.assertEqual(score.stands(quote, body), expected, quote)


class Recorded(unittest.TestCase):
    A, B = ({"kind": "alert", "data": {"summary": s}} for s in ("first", "second"))

    def document(self, *items):
        return {"evidence": [dict(x, id="E%d" % (i + 2)) for i, x in enumerate(items)]}

    def test_a_reply_follows_its_items_to_their_new_handles(self):
        reply = '{"a": "E2", "b": "E3", "c": "E2"}'
        x = recorded.line("c", "m", "s", self.document(self.A, self.B), reply)
        self.assertEqual(play.fitted(reply, x["evidence"], self.document(self.A, self.B)), (reply, 0, 0))
        self.assertEqual(play.fitted(reply, x["evidence"], self.document(self.B, self.A)), ('{"a": "E3", "b": "E2", "c": "E3"}', 2, 0))
        self.assertEqual(play.fitted(reply, x["evidence"], self.document(self.A))[2], 1)

    def test_replies_are_taken_as_they_are_or_not_at_all(self):
        with tempfile.TemporaryDirectory() as folder:
            said, asked = os.path.join(folder, "said"), os.path.join(folder, "asked")
            os.mkdir(said)
            os.mkdir(asked)

            def write(where, name, text):
                with open(os.path.join(where, name), "w") as f:
                    f.write(text)

            write(said, "a-1.json", '{"causes":  [] , "x": "E2"}\n')
            with self.assertRaisesRegex(ValueError, "would tell what its handles mean"):
                recorded.take(said, asked, "m", {"a-1"})
            write(asked, "a-1.json", json.dumps({"system": "s", "user": json.dumps(self.document(self.A, self.B))}))
            with self.assertRaisesRegex(ValueError, "no case of this name"):
                recorded.take(said, asked, "m", {"b-1"})
            x = recorded.take(said, asked, "m", {"a-1"})["a-1"]
            self.assertEqual((x["reply"], x["model"], [e[:2] for e in x["evidence"]]), ('{"causes":  [] , "x": "E2"}', "m", [["E2", "alert"]]))
            path = os.path.join(folder, "replies")
            recorded.save({"a-1": x}, path)
            self.assertEqual(recorded.load(path), {"a-1": x})

    def test_a_key_leaves_this_machine_over_tls_only(self):
        for url in ("http://models.example/v1", "http://127.0.0.1.example/v1", "file:///etc/passwd"):
            with self.assertRaises(ValueError):
                recorded.Recorder([], url, "m", "key")
        recorded.Recorder([], "https://models.example/v1", "m", "key")


class Played(unittest.TestCase):
    """One run of some recorded cases and of hand-made replies to one story."""

    @classmethod
    def setUpClass(cls):
        known, lines = {c["id"]: c for c in cases()}, recorded.load()
        have = [c for c in cases() if c["id"] in lines] or cases()
        cls.some = [have[i * len(have) // N] for i in range(N)]
        hand = [dict(known[STORY], id="%s-%s" % (STORY, name)) for name in HAND]
        asked_of = dict(known[STORY], id=STORY + "-endpoint")
        cls.replies = recorded.Replies(cls.some, lines)

        def endpoint(case, body):
            cls.endpoint_asked = body
            return 200, stub.completion(json.dumps(wrong(json.loads(play.asked(body)[1]))))

        cls.upstream = stub.Stub(endpoint, lambda case: {})
        cls.recorder = recorded.Recorder([asked_of], cls.upstream.url + "/case/any/v1", "somebody's", "key-that-is-not-stored")

        def answer(case, body):
            if case == asked_of["id"]:
                return cls.recorder.answer(case, body)
            name = case[len(STORY) + 1:]
            if name in HAND:
                return 200, stub.completion(json.dumps(HAND[name](json.loads(play.asked(body)[1]))))
            return cls.replies.answer(case, body)

        try:
            cls.seen, cls.failed = play.played(cls.some + hand + [asked_of], answer, workers=3, timeout_ms=15000)
        finally:
            cls.upstream.stop()
        cls.scored = {c["id"]: score.result(c, cls.seen[c["id"]], cls.replies.how.get(c["id"]), cls.replies.again(c["id"])) for c in cls.some + hand + [asked_of] if c["id"] in cls.seen}

    def hand(self, name):
        return self.scored["%s-%s" % (STORY, name)]

    def test_every_case_can_be_played(self):
        self.assertEqual(self.failed, {})

    def test_marks_are_the_stored_ones(self):
        stored = results()
        for c in self.some:
            with self.subTest(c["id"]):
                ours, theirs = dict(self.scored[c["id"]]), dict(stored[c["id"]])
                ours.pop("reply"), theirs.pop("reply")  # handles may be named otherwise from run to run
                self.assertEqual(ours, theirs, AGAIN)

    def test_recorded_replies_fit_and_nothing_without_ground_is_shown(self):
        told = 0
        for c in self.some:
            r = self.scored[c["id"]]
            self.assertNotEqual(r["reply"], "names what is there no more", c["id"])
            if r["model"]:
                told += r["model"]["quotes"]
                self.assertEqual((r["model"]["stand"], r["model"]["known"], r["model"]["outside"]), (r["model"]["quotes"], r["model"]["numbers"], 0), c["id"])
        if recorded.load():
            self.assertGreater(told, 0)

    def test_a_right_reply_scores_right_and_a_wrong_one_wrong(self):
        gold = next(c["gold"] for c in cases() if c["id"] == STORY)
        r, w = self.hand("right"), self.hand("wrong")
        self.assertEqual((r["model"]["first"], r["model"]["among"], r["model"]["word"], r["model"]["trusted"]), (True, True, "high", True))
        self.assertEqual((w["model"]["first"], w["model"]["among"], w["model"]["word"], w["model"]["trusted"]), (False, False, "high", False))
        self.assertEqual((r["model"]["quotes"], r["model"]["stand"]), (2, 2))
        self.assertEqual((w["model"]["quotes"], w["model"]["stand"]), (1, 1))
        self.assertTrue(table.right("urgency", r["shown"], gold))
        self.assertFalse(table.right("urgency", w["shown"], gold))
        text = table.figures([dict(c, id="%s-%s" % (STORY, n), gold=gold) for c in self.some[:1] for n in HAND], self.scored)
        self.assertRegex(text, r"\| right cause named first \| all \| 3 \| 0 % \(0 to 56\) \| [^|]* \| 33 % \(6 to 79\) \|")
        self.assertRegex(text, r"\| red herring not blamed \| all \| 0 \| – \|")

    def test_nothing_of_an_ungrounded_reply_gets_through(self):
        r = self.hand("ungrounded")
        x = self.seen[STORY + "-ungrounded"]["explain"]
        self.assertIn("zanzibar", json.dumps(x["llm_calls"]))
        self.assertEqual((r["model"]["first"], r["model"]["guesses"], r["model"]["quotes"], r["model"]["actions"], r["model"]["outside"]), (False, 0, 0, 0, 0))
        for shown in (x["assessment"], x["proposals"]):
            self.assertNotIn("zanzibar", json.dumps(shown))
            self.assertNotIn("77123", json.dumps(shown))
        self.assertGreater(r["dropped"]["quote"][1] + r["dropped"]["handle"][1], 4)

    def test_an_endpoint_is_asked_by_the_daemons_own_request_and_its_reply_kept(self):
        x = self.recorder.lines[STORY + "-endpoint"]
        self.assertEqual(self.endpoint_asked["model"], "somebody's")
        self.assertEqual(json.loads(x["reply"])["causes"][0]["text"], "A deployment broke the printers")
        self.assertEqual(x["instruction"], recorded.instruction(play.asked(self.endpoint_asked)[0]))
        self.assertEqual([e[1] for e in x["evidence"]], ["note"])
        self.assertNotIn("key-that-is-not-stored", json.dumps(x) + json.dumps(self.endpoint_asked))
        self.assertEqual(self.recorder.failed, {})
        self.assertEqual(self.scored[STORY + "-endpoint"]["model"]["first"], False)


if __name__ == "__main__":
    unittest.main()

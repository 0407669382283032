"""500 planted secrets in every field: none is in any request that the model endpoint saw, nor in the daemon's log (F-13, INV-7)."""
import json
import os
import unittest

from tests.lib.fields import FIELDS, SERVICES, SHORT_CHARACTERS, Fields, strings
from tests.lib.world import TOP

# One incident carries one secret in each of these; a secret takes the first that it fits into.
TURN = ("details", "note", "custom", "nested", "summary", "title", "change")
LINE_BYTES = 240
BATCH = 10
SECRETS = os.path.join(TOP, "tests", "eval", "secrets.json")
SENTENCE = "The job stopped after it printed {x} and nothing else, please look."


def load():
    with open(SECRETS, encoding="utf-8") as f:
        rows = json.load(f)["secrets"]
    for row in rows:
        for part in ("before", "secret", "after"):
            row[part] = "".join(row[part])
        row["text"] = SENTENCE.replace("{x}", row["before"] + row["secret"] + row["after"])
    return rows


def pieces(secret):
    """The secret, its halves of 12 characters and more, its lines of as many."""
    half = len(secret) // 2
    out = [secret] + ([secret[:half], secret[half:]] if half >= 12 else [])
    return out + [line for line in secret.split("\n") if "\n" in secret and len(line) >= 12]


class Secrets(Fields, unittest.TestCase):
    def deal(self, rows):
        """[{"texts": {field: text}, "details": {...}, "rows": [...]}]: each secret in one field of one incident."""
        turns, k = [], 0
        # What a person typed has no alert, and a text as the title takes the word away by which past and runbook are found.
        alone = ("log", "title")

        def turn_for(field):
            """The first incident that has this field free."""
            kind = field if field in alone else "other"
            for turn in turns:
                if turn["kind"] == kind and field not in turn["taken"]:
                    break
            else:
                turn = {"kind": kind, "taken": set(), "texts": {}, "details": {}, "rows": []}
                turns.append(turn)
            turn["taken"].add(field)
            return turn

        for row in rows:
            if row["shape"] in ("member", "named"):
                turn = turn_for("member")
                turn["details"].update({row["before"]: row["secret"]} if row["shape"] == "member" else
                                       {"env": [{"name": row["before"], "value": row["secret"]}]})
                row["field"] = row["shape"]
            else:
                field = self.field_for(row, k)
                k += 1
                turn = turn_for(field)
                turn["texts"][field] = row["text"]
                row["field"] = field
            turn["rows"].append(row)
        return turns

    @staticmethod
    def field_for(row, k):
        order = ("source", "runbook", "past", "log") if k % 4 == 0 else TURN
        if order is not TURN and k // 4 % 4 == 0 and row["shape"] != "block" and len(row["text"].encode()) <= LINE_BYTES:
            return "source"
        if order is not TURN:
            return ("runbook", "past", "log")[k // 4 % 3]
        for step in range(len(TURN)):
            field = TURN[(k + step) % len(TURN)]
            if field in ("details", "note", "nested") or (len(row["text"]) <= SHORT_CHARACTERS and row["shape"] != "block"):
                return field
        return "details"

    def none_is_in(self, where, texts, rows):
        """How many of texts hold a piece of a secret: 0, or it fails with the first."""
        for row in rows:
            for piece in pieces(row["secret"]):
                for text in texts:
                    self.assertFalse(piece in text, "%s (%s, %s) is in %s" % (row["id"], row["kind"], row["field"], where))

    def test_500_planted_secrets_are_in_no_request(self):
        rows = load()
        self.assertEqual(len(rows), 500)
        turns = self.deal(rows)
        self.assertEqual({row["field"] for row in rows}, set(FIELDS) | {"member", "named"})
        w = self.fields_world("helpful")
        for i, turn in enumerate(turns):
            for field, text in turn["texts"].items():
                self.before_start(i, field, text)
        w.start()
        redacted, seen = 0, 0
        for at in range(0, len(turns), BATCH):
            made = self.planted_unheard([(i, turns[i]["texts"], turns[i]["details"], SERVICES[i % 8]) for i in range(at, min(at + BATCH, len(turns)))])
            for turn, incident in zip(turns[at:at + BATCH], made):
                redacted += self.shown_without(turn, incident)
            self.resolve(made)
        said = w.sandbox.control("model")
        self.assertLess(said["calls"], 5000)
        self.assertEqual(len(said["requests"]), said["calls"])
        # As JSON text, and as the strings that the document holds behind its escapes.
        requests = [json.dumps(r, ensure_ascii=False) for r in said["requests"]]
        behind = ["\n".join(strings(json.loads(m["content"]))) for r in said["requests"] for m in r["messages"]
                  if m["role"] == "user" and m["content"].startswith("{")]
        seen = len(behind)
        self.none_is_in("a request", ["\x00".join(requests), "\x00".join(behind)], rows)
        with open(w.daemon.log, errors="replace") as f:
            self.none_is_in("the log", [f.read()], rows)
        print("%d secrets in %d incidents, %d requests, %d placeholders where they stood" % (len(rows), len(turns), seen, redacted))
        self.assertGreaterEqual(seen, len(turns))
        # They were on their way: where a secret's sentence was shown, a placeholder stands in it.
        self.assertGreaterEqual(redacted, 450)

    def test_a_class_that_is_off_is_found_by_this_test(self):
        """The test above can fail."""
        row = next(r for r in load() if r["kind"] == "github_classic")
        row["field"] = "details"
        w = self.fields_world("helpful")
        w.daemon.configure(extra=w.daemon.settings["extra"] + "\nredaction: {off: [github_token]}")
        w.start()
        self.planted_unheard([(1, {"details": row["text"]})])
        sent = [json.dumps(r) for r in w.sandbox.control("model")["requests"]]
        with self.assertRaises(AssertionError):
            self.none_is_in("a request", sent, [row])

    def shown_without(self, turn, incident):
        """How many of the incident's secrets were shown as a placeholder between the words that stood around them."""
        documents = [c["asked"]["document"] for c in self.explained(incident)["llm_calls"]]
        told = [s for d in documents for e in d["evidence"] for s in strings(e["data"])]
        n = 0
        for row in turn["rows"]:
            if row["field"] in ("member", "named"):
                n += any(s.startswith("[secret:") for s in told)
            else:
                n += any("after it printed" in s and "[%s:" % row["class"] in s for s in told)
        return n


if __name__ == "__main__":
    unittest.main()

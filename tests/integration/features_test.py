"""Know something, say it honestly: one incident with a history, other sources, a runbook and a model, followed from the page to what people read.

Rows of the features list that are proved here carry their name in the docstring of the test."""
import json
import os
import re
import shutil
import time
import unittest

from tests.integration.sources_test import shipped
from tests.lib import play
from tests.lib.world import TOP, World, wait_for


def strings(value):
    """Every string below value."""
    if isinstance(value, dict):
        for v in value.values():
            yield from strings(v)
    elif isinstance(value, list):
        for v in value:
            yield from strings(v)
    elif isinstance(value, str):
        yield value


def answered(w, incident, seconds=30):
    """The incident as shown once a model's report is part of its assessment."""
    def there():
        x = play.shown(w, incident)
        if not x or not x["ask"] or x["ask"]["state"] not in ("answered", "reused"):
            return None
        return x if x["assessment"] and x["assessment"]["report"] else None

    there.__doc__ = "%s has a report" % incident
    try:
        return wait_for(there, seconds)
    except AssertionError as e:
        raise AssertionError("%s; it is %s\n%s" % (e, (play.shown(w, incident) or {}).get("ask"), w.daemon.tail(20))) from e


class Placeholders(unittest.TestCase):
    """What is taken out before it leaves stands in what people read again, and nowhere else."""

    MAIL, SECOND = "jana.kovac@parcels.example", "ola.berg@parcels.example"

    def test_people_read_values_where_the_model_read_placeholders(self):
        w = World("empty", refresh_s=30)
        self.addCleanup(w.close)
        w.sandbox.control("ratelimit", {"limit": 0})
        w.model(reuse_s=600).start()
        title = "Login fails for %s" % self.MAIL
        first = w.sandbox.trigger(service="PSORDER", title=title)["id"]
        x = answered(w, first)
        quotes = [c["quote"] for c in x["assessment"]["report"]["causes"][0]["for"]]
        self.assertTrue(any(self.MAIL in q for q in quotes), quotes)
        full = w.daemon.ok("GET", "/incidents/%s/explain" % first)
        self.assertIn(self.MAIL, json.dumps(full["assessment"]["report"]))
        call = full["llm_calls"][0]
        for part in ("asked", "request", "reply", "report"):
            self.assertNotIn(self.MAIL, json.dumps(call[part]), part)
            self.assertRegex(json.dumps(call[part]), r"\[email:[0-9a-f]{10}\]", part)
        # What the model wants to be written leaves again: it keeps its placeholders.
        self.assertNotIn(self.MAIL, json.dumps([p for p in full["assessment"]["wanted"] if p.get("origin") == "model"]))
        # An answer that was taken over is read in the words of the incident that was asked about.
        w.sandbox.control("model", {"mode": "500"})
        second = w.sandbox.trigger(service="PSORDER", title=title)["id"]
        taken = answered(w, second)
        self.assertEqual(taken["ask"]["state"], "reused")
        self.assertIn(self.MAIL, json.dumps(taken["assessment"]["report"]))
        # The pairs are nobody's property: neither the store's bodies of reports nor the log know them.
        reports = [r[0] for r in w.daemon.rows("SELECT CAST(b.bytes AS TEXT) FROM assessment a JOIN body b ON b.sha256 = a.report")]
        self.assertTrue(reports)
        for r in reports:
            self.assertNotIn(self.MAIL, str(r))
        with open(w.daemon.log, errors="replace") as f:
            self.assertNotIn(self.MAIL, f.read())


if __name__ == "__main__":
    unittest.main()

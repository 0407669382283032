"""The daemon speaks three dialects to a model endpoint that we did not write (aimock), and the vendors' own types judge its requests.

Each dialect has one world. A word in an incident's title chooses what its question is answered with, so that all kinds of answers and faults are
met side by side; afterwards each incident is looked at.
"""
import datetime
import json
import re
import shutil
import tempfile
import unittest

from tests.lib import tsc
from tests.lib.aimock import Aimock, Between, fault, text
from tests.lib.world import World, wait_for

KEY = "sk-aimock-" + "7d1f"  # no key of anybody
GOOD = {"impact": {"text": "", "evidence": []}, "causes": [], "changed": [], "not_checked": ["traffic"], "severity": None, "category": None,
        "team": None, "urgency": "high", "actions": [], "confidence": "low", "injection_suspected": False}
NOT_JSON = json.dumps(GOOD)[:70]
REPAIR_JSON, REPAIR_SCHEMA = "not one JSON document", "/severity"
TIMEOUT_MS = 1500
CONFIG = """
model:
  base_url: {url}{prefix}
  dialect: {dialect}
  name: test-model
  auth: {auth}
  key_file: {folder}/model-key
  allow_private_addresses: true
  timeout_ms: %d
  deadline_ms: 30000
  reuse_s: 0
  breaker_failures: 100
  budget: {{tokens_per_incident: 0, tokens_per_hour: 0, tokens_per_day: 0}}
{more}
""" % TIMEOUT_MS


def title(word):
    return "Tracking API %s rises" % word


def about(word):
    """How the document of that incident begins to differ: other open incidents stand in it too, further below."""
    return '"incident":{"title":"%s"' % title(word)


def on(word, content, **more):
    """A fixture for the question about that incident."""
    return text(about(word), content, **more)


def seconds(iso):
    return datetime.datetime.fromisoformat(iso.replace("Z", "+00:00")).timestamp()


def failing(word, status, **more):
    return fault(about(word), status, **more)


class Dialect:
    """One world: sandbox, daemon, aimock, and between the two last somebody who keeps what was asked."""
    dialect = path = prefix = auth = None
    more = "  canary: false"

    @classmethod
    def words(cls):
        own = (re.search('"Tracking API (.*) rises"', f["match"]["userMessage"]) for f in cls.fixtures())
        return list(dict.fromkeys(m.group(1) for m in own if m))

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="triaged-aimock-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.mock = Aimock(cls.folder, keys=(KEY,)).start(cls.fixtures())
        cls.addClassCleanup(cls.mock.stop)
        cls.between = Between(cls.mock.port, cut_words=[json.dumps(about("severed"))[1:-1]])
        cls.addClassCleanup(cls.between.stop)
        cls.w = World("empty", extra="")
        cls.addClassCleanup(cls.w.close)
        cls.w.daemon.write("model-key", KEY)
        cls.w.daemon.configure(extra=CONFIG.format(url=cls.between.url, prefix=cls.prefix, dialect=cls.dialect, auth=cls.auth,
                                                   folder=cls.w.folder, more=cls.more))
        cls.w.start(people=False)
        cls.incidents = {}
        # A pause that an endpoint asks for holds back everybody's questions, so that one comes last.
        for words in ([w for w in cls.words() if w != "throttle"], [w for w in cls.words() if w == "throttle"]):
            cls.incidents.update({word: cls.w.sandbox.trigger(service="PSTRACK", title=title(word))["id"] for word in words})
            for word in words:
                cls.settled(word, cls.incidents[word])

    @classmethod
    def settled(cls, word, incident):
        def over():
            return cls.explained(incident)["ask"]["state"] in ("answered", "without model")

        over.__doc__ = "the model's part about '%s' is over" % word
        try:
            wait_for(over, 40, every=0.1)
        except AssertionError as e:
            raise AssertionError("%s: %s" % (e, cls.explained(incident)["ask"])) from e

    @classmethod
    def explained(cls, incident):
        """What 'explain' tells: the incident's assessment, where it stands with the model, and its calls, newest first."""
        status, value, _ = cls.w.daemon.api("GET", "/incidents/%s/explain" % incident)
        return value if status == 200 and value["ask"] else {"ask": {"state": "unknown"}}

    def calls(self, word):
        return list(reversed(self.explained(self.incidents[word])["llm_calls"]))

    def outcomes(self, word):
        return [(c["state"], c["outcome"]) for c in self.calls(word)]

    def answered(self, word, outcomes):
        self.assertEqual(self.outcomes(word), outcomes)
        self.assertEqual(self.explained(self.incidents[word])["ask"]["state"], "answered")

        def by_model():
            """the assessment holds the model's part"""
            return self.explained(self.incidents[word])["assessment"]["origin"] == "model"

        wait_for(by_model)
        self.assertEqual(self.explained(self.incidents[word])["assessment"]["report"]["not_checked"], GOOD["not_checked"])

    def without(self, word, outcomes, why):
        """Rules alone, and a reason in words."""
        self.assertEqual(self.outcomes(word), outcomes)
        x = self.explained(self.incidents[word])
        self.assertEqual((x["ask"]["state"], x["assessment"]["origin"], x["assessment"]["report"]), ("without model", "rules", None))
        self.assertRegex(x["ask"]["why"], why)

    def asked(self, word):
        """Requests about this incident, repairs included: they hold the document too."""
        return [r for r in self.between.asked() if any(about(word) in (m["content"] if isinstance(m["content"], str) else "")
                                                       for m in self.messages(r))]

    def messages(self, request):
        return request["body"]["messages"]


class Cases(Dialect):
    """What may come back, by the word in the title; each test asks what became of its incident."""

    @classmethod
    def fixtures(cls):
        return [
            on("pressure", GOOD),
            failing("throttle", 429, kind="rate_limit_error", sequence=0, retryAfter=2), on("throttle", GOOD),
            failing("burst", 503),
            failing("overload", 529, kind="overloaded_error", sequence=0), on("overload", GOOD),
            on("molasses", GOOD, chaos={"latencyMs": 3 * TIMEOUT_MS}),
            on("severed", GOOD),
            on("vanish", GOOD, chaos={"disconnectRate": 1}),
            on("splinter", NOT_JSON),
            on("shatter", dict(GOOD, severity=5)),
            on("verbose", dict(GOOD, not_checked=["x" * 70000])),
            on("monstrous", dict(GOOD, not_checked=["x" * 700000])),
            failing("locked", 401, kind="authentication_error"),
            failing("unfit", 400, kind="invalid_request_error"),
            text(REPAIR_JSON, GOOD), text(REPAIR_SCHEMA, dict(GOOD, severity=6)),
        ]

    # ---- answers ----

    def test_good(self):
        self.answered("pressure", [("answered", "ok")])
        call = self.calls("pressure")[0]
        self.assertEqual((call["dialect"], call["model"], call["round"]), (self.dialect, "test-model", 1))
        self.assertEqual(json.loads(call["request"]), self.asked("pressure")[0]["body"])
        self.assertIn(json.dumps(json.dumps(GOOD))[1:-1], call["reply"])
        self.assertGreater(call["reserved_tokens"], 1000)

    def test_broken_json_is_repaired(self):
        self.answered("splinter", [("answered", "invalid"), ("answered", "repaired")])
        first, second = self.asked("splinter")
        self.assertEqual(len(self.messages(second)), len(self.messages(first)) + 1)
        self.assertIn(REPAIR_JSON, json.dumps(self.messages(second)[-1]))
        self.assertNotIn(NOT_JSON[10:40], json.dumps(self.messages(second)))

    def test_broken_twice_needs_a_person(self):
        self.without("shatter", [("answered", "invalid")] * 2, "twice")
        self.assertIn(REPAIR_SCHEMA, json.dumps(self.messages(self.asked("shatter")[1])[-1]))

    def test_overlong(self):
        """INV-9: a reply over the limits is read up to them and no further."""
        self.without("verbose", [("failed", "unreadable")] * 3, "65536 bytes")
        self.without("monstrous", [("failed", "no_answer")], "524288 bytes")

    # ---- faults ----

    def test_429_waits_as_long_as_it_was_told(self):
        self.answered("throttle", [("failed", "http"), ("answered", "ok")])
        first, second = self.calls("throttle")
        self.assertIn("429", first["why"])
        self.assertGreaterEqual(seconds(second["sent_at"]) - seconds(first["ended_at"]), 1.9)

    def test_529_is_tried_again(self):
        self.answered("overload", [("failed", "http"), ("answered", "ok")])
        self.assertIn("529", self.calls("overload")[0]["why"])

    def test_5xx_is_given_up_in_the_end(self):
        self.without("burst", [("failed", "http")] * 3, "503")

    def test_slow_ends_at_the_time_limit(self):
        self.without("molasses", [("failed", "no_answer")] * 3, "timed out")
        for call in self.calls("molasses"):
            self.assertLess(seconds(call["ended_at"]) - seconds(call["sent_at"]), TIMEOUT_MS / 1000 + 2)

    def test_cut_in_the_middle_and_dropped(self):
        self.without("severed", [("failed", "no_answer")] * 3, "closed within the answer")
        self.without("vanish", [("failed", "no_answer")] * 3, "closed without an answer")

    def test_refused_key_and_unfit_request_are_not_tried_again(self):
        self.without("locked", [("failed", "http")], "401|key")
        self.without("unfit", [("failed", "http")], "400")

    # ---- what left ----

    def test_requests_carry_what_the_dialect_wants(self):
        for request in self.between.asked():
            self.assertEqual(request["path"], self.path)
            self.assertEqual(request["headers"]["content-type"], "application/json")
            self.headers(request["headers"])
        self.assertEqual([len(self.asked(w)) for w in self.words()], [len(self.outcomes(w)) for w in self.words()])

    def test_aimock_heard_the_same_and_nothing_that_it_did_not_know(self):
        self.assertEqual(self.mock.unmatched(), [])
        heard = self.mock.journal(about("pressure"))
        self.assertEqual([(r["path"], r["response"]["status"]) for r in heard], [(self.path, 200)])
        self.assertEqual([r["response"]["status"] for r in self.mock.journal(about("throttle"))], [429, 200])
        self.assertIn("[REDACTED]", json.dumps(heard[0]["headers"]))

    def test_no_id_of_pagerduty_and_no_key_in_a_body(self):
        """INV-5, INV-7: what the model never saw it cannot name."""
        for word, incident in self.incidents.items():
            for request in self.asked(word):
                for secret in (incident, "PSTRACK", "PECOMME", "PUEWANO", KEY):
                    self.assertNotIn(secret.encode(), request["raw"])

    def test_document_stands_in_the_user_message_alone(self):
        for request in self.asked("pressure"):
            users = [m for m in self.messages(request) if m["role"] == "user"]
            document = json.loads(users[0]["content"])
            self.assertEqual(document["task"], "triage")
            self.assertRegex(document["fence"], r"^[0-9a-f]{32}$")
            kinds = {e["kind"] for e in document["evidence"]}
            self.assertTrue({"incident", "alert"} <= kinds, kinds)
            self.assertNotIn("pressure", json.dumps(self.system(request)))

    def test_rules_spoke_for_every_incident(self):
        """INV-10: whatever the endpoint did."""
        for word in self.words():
            with self.subTest(word):
                self.assertIsNotNone(self.explained(self.incidents[word])["assessment"]["verdict"])


class OpenAI(Cases, unittest.TestCase):
    dialect, path, prefix, auth = "openai_chat", "/v1/chat/completions", "/v1", "bearer"

    @classmethod
    def fixtures(cls):
        return [on("lengthy", NOT_JSON, response={"finishReason": "length"}, match={"userMessage": about("lengthy"), "sequenceIndex": 0}),
                on("lengthy", GOOD),
                on("forbidden", GOOD, response={"finishReason": "content_filter"})] + super().fixtures()

    def headers(self, headers):
        self.assertEqual(headers["authorization"], "Bearer " + KEY)
        self.assertNotIn("x-api-key", headers)

    def system(self, request):
        return [m for m in self.messages(request) if m["role"] == "system"]

    def test_cut_by_its_own_limit_is_asked_once_with_twice_the_room(self):
        self.answered("lengthy", [("answered", "cut"), ("answered", "ok")])
        limits = [r["body"]["max_completion_tokens"] for r in self.asked("lengthy")]
        self.assertEqual(limits[1], 2 * limits[0])

    def test_filtered_is_not_tried_again(self):
        self.without("forbidden", [("answered", "filtered")], "filter")

    def test_usage_is_what_the_endpoint_counted(self):
        usage = self.calls("pressure")[0]["usage"]
        self.assertEqual(usage["from"], "reported")
        self.assertGreater(usage["input"], 0)

    def test_bodies_have_the_vendor_s_types(self):
        good = {"first": ("openai", self.asked("pressure")[0]["body"]), "repair": ("openai", self.asked("splinter")[1]["body"])}
        self.assertEqual(tsc.problems(self.folder, good), {})
        body = good["first"][1]
        bad = {"no_model": {k: v for k, v in body.items() if k != "model"},
               "of_the_other": dict(body, output_config={"format": {"type": "json_schema", "schema": {}}}),
               "flat_schema": dict(body, response_format={"type": "json_schema", "schema": {}}),
               "text_number": dict(body, max_completion_tokens="700"),
               "no_role": dict(body, messages=[{"content": "x"}])}
        found = tsc.problems(self.folder, {name: ("openai", b) for name, b in bad.items()})
        self.assertEqual(sorted(found), sorted(bad), found)


class Anthropic(Cases, unittest.TestCase):
    dialect, path, prefix, auth = "anthropic", "/v1/messages", "", "x-api-key"

    @classmethod
    def fixtures(cls):
        return [on("lengthy", NOT_JSON, response={"finishReason": "length"}, match={"userMessage": about("lengthy"), "sequenceIndex": 0}),
                on("lengthy", GOOD),
                on("forbidden", "no", response={"finishReason": "refusal"})] + super().fixtures()

    def headers(self, headers):
        self.assertEqual(headers["x-api-key"], KEY)
        self.assertEqual(headers["anthropic-version"], "2023-06-01")
        self.assertNotIn("authorization", headers)

    def system(self, request):
        return request["body"]["system"]

    def test_cut_by_its_own_limit_is_asked_once_with_twice_the_room(self):
        self.answered("lengthy", [("answered", "cut"), ("answered", "ok")])
        limits = [r["body"]["max_tokens"] for r in self.asked("lengthy")]
        self.assertEqual(limits[1], 2 * limits[0])

    def test_refused_is_not_tried_again(self):
        self.without("forbidden", [("answered", "refused")], "declined")

    def test_usage_that_was_not_counted_is_not_free(self):
        """aimock says 0 of 0: what was reserved stands."""
        self.assertEqual(self.calls("pressure")[0]["usage"]["from"], "estimated")

    def test_bodies_have_the_vendor_s_types(self):
        good = {"first": ("anthropic", self.asked("pressure")[0]["body"]), "repair": ("anthropic", self.asked("splinter")[1]["body"])}
        self.assertEqual(tsc.problems(self.folder, good), {})
        body = good["first"][1]
        bad = {"no_limit": {k: v for k, v in body.items() if k != "max_tokens"},
               "of_the_other": dict(body, response_format={"type": "json_object"}),
               "no_temperature": dict(body, temperature=0),
               "system_role": dict(body, messages=[{"role": "developer", "content": "x"}]),
               "flat_format": dict(body, output_config={"type": "json_schema", "schema": {}})}
        found = tsc.problems(self.folder, {name: ("anthropic", b) for name, b in bad.items()})
        self.assertEqual(sorted(found), sorted(bad), found)


class Ollama(Cases, unittest.TestCase):
    """aimock cannot end an Ollama answer early or refuse in one: see Ours."""
    dialect, path, prefix, auth = "ollama", "/api/chat", "", "bearer"

    def headers(self, headers):
        self.assertEqual(headers["authorization"], "Bearer " + KEY)

    def system(self, request):
        return [m for m in self.messages(request) if m["role"] == "system"]

    def test_schema_and_window_are_asked_for(self):
        body = self.asked("pressure")[0]["body"]
        self.assertEqual(body["format"]["type"], "object")
        self.assertGreater(body["options"]["num_ctx"], body["options"]["num_predict"])
        self.assertIs(body["stream"], False)


class Canary(Dialect, unittest.TestCase):
    """An endpoint that drops the schema in silence is found out before the first question, and asked nevertheless."""
    dialect, path, prefix, auth = "openai_chat", "/v1/chat/completions", "/v1", "bearer"
    more = "  canary: true\n  schema_mode: nested\n  reasoning: true"

    @classmethod
    def fixtures(cls):
        return [text("canary", {"k": "blue"}), on("pressure", GOOD)]

    def test_canary_comes_first_and_its_finding_is_kept(self):
        first, second = self.between.asked()
        schema = first["body"]["response_format"]["json_schema"]["schema"]
        self.assertEqual(len(schema["properties"]["k"]["enum"]), 1)
        self.assertIn("evidence", json.loads(second["body"]["messages"][-1]["content"]))
        calls = self.w.daemon.ok("GET", "/llm/calls")["items"]
        self.assertEqual([(c["purpose"], c["outcome"]) for c in reversed(calls)], [("canary", "invalid"), ("triage", "ok")])
        self.assertIn("does not enforce", json.dumps(self.w.daemon.ok("GET", "/status")))

    def test_bodies_have_the_vendor_s_types(self):
        bodies = {"b%d" % i: ("openai", r["body"]) for i, r in enumerate(self.between.asked())}
        self.assertEqual(len(bodies), 2)
        self.assertEqual(tsc.problems(self.folder, bodies), {})
        self.assertNotIn("temperature", bodies["b1"][1])


class Ours(unittest.TestCase):
    """What aimock cannot say, said by the sandbox's own model."""

    def asked(self, dialect, prefix, mode):
        world = World("empty", extra="")
        self.addCleanup(world.close)
        world.daemon.write("model-key", KEY)
        world.daemon.configure(extra=CONFIG.format(url=world.sandbox.url, prefix=prefix, dialect=dialect, auth="bearer", folder=world.folder,
                                                   more="  canary: true"))
        world.start(people=False)
        world.sandbox.control("model", {"mode": mode, "count": 1, "key": KEY})
        incident = world.sandbox.trigger(service="PSTRACK", title=title("pressure"))["id"]

        def over():
            """the model's part is over"""
            status, value, _ = world.daemon.api("GET", "/incidents/%s/explain" % incident)
            return value if status == 200 and value["ask"] and value["ask"]["state"] in ("answered", "without model") else None

        x = wait_for(over, 30, every=0.1)
        self.assertEqual((world.sandbox.control("model")["canaries"], world.sandbox.control("model")["unauthorized"]), (1, 0))
        return x["ask"], [c["outcome"] for c in reversed(x["llm_calls"])]

    def test_openai_s_refusal_member(self):
        ask, outcomes = self.asked("openai_chat", "/v1", "refused")
        self.assertEqual((ask["state"], outcomes), ("without model", ["refused"]))
        self.assertIn("declined", ask["why"])

    def test_ollama_s_done_reason(self):
        ask, outcomes = self.asked("ollama", "", "truncated")
        self.assertEqual((ask["state"], outcomes), ("answered", ["cut", "ok"]))


if __name__ == "__main__":
    unittest.main()

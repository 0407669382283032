"""The API on the real daemon: who may call what, what bodies and ids are refused, paging, and that answers are what is described."""
import json
import os
import random
import re
import subprocess
import sys
import threading
import unittest

from tests.lib import openapi
from tests.lib.play import propose, trigger
from tests.lib.world import TOP, UnixConnection, World, request, wait_for

DOC = openapi.load()
NOBODY = "trg_" + "A" * 43


class Description(unittest.TestCase):
    """openapi.json by itself."""

    def nodes(self, x, at="#"):
        yield at, x
        for k, v in x.items() if isinstance(x, dict) else enumerate(x) if isinstance(x, list) else []:
            yield from self.nodes(v, "%s/%s" % (at, k))

    def test_every_reference_leads_somewhere_and_every_schema_is_used(self):
        used = set()
        for at, x in self.nodes(DOC):
            if isinstance(x, dict) and "$ref" in x:
                self.assertEqual(list(x), ["$ref"], at)
                openapi.resolve(DOC, x)
                used.add(x["$ref"])
        for kind in ("schemas", "responses"):
            for name in DOC["components"][kind]:
                self.assertIn("#/components/%s/%s" % (kind, name), used)

    def test_every_operation_is_whole(self):
        self.assertEqual(DOC["openapi"], "3.1.0")
        tags = {t["name"] for t in DOC["tags"]}
        ids = [op["operationId"] for _, _, op in openapi.operations(DOC)]
        self.assertEqual(len(ids), len(set(ids)))
        for path, method, op in openapi.operations(DOC):
            where = method + " " + path
            self.assertTrue(op["summary"], where)
            self.assertTrue(set(op["tags"]) <= tags, where)
            named = [p["name"] for p in op.get("parameters", []) if p["in"] == "path"]
            self.assertEqual(named, re.findall(r"\{(\w+)\}", path), where)
            for p in op.get("parameters", []):
                self.assertTrue(p.get("description"), where + " " + p["name"])
                self.assertEqual(p["in"] == "path" or p["name"] == "X-PagerDuty-Signature", p.get("required", False), where)
            good = [s for s in op["responses"] if s[0] == "2"]
            self.assertEqual(len(good), 1, where)
            for answer in op["responses"].values():
                self.assertTrue(openapi.resolve(DOC, answer)["description"], where)
            if op.get("security") != []:
                self.assertIn("401", op["responses"], where)
            if path.startswith("/api") and "requestBody" in op:
                self.assertIn("$ref", op["requestBody"]["content"]["application/json"]["schema"], where)

    def test_request_schemas_close_their_objects_and_stay_in_the_validators_subset(self):
        known = {"type", "additionalProperties", "required", "properties", "items", "enum", "pattern", "minLength", "maxLength",
                 "minimum", "maximum", "minItems", "maxItems", "minProperties", "description"}
        for path, method, op in openapi.operations(DOC):
            if not path.startswith("/api") or "requestBody" not in op:
                continue
            schema = openapi.resolve(DOC, op["requestBody"]["content"]["application/json"]["schema"])
            self.assertIs(schema["additionalProperties"], False, path)
            stack = [schema]
            while stack:
                x = stack.pop()
                self.assertEqual(set(x) - known, set(), path)
                stack += list(x.get("properties", {}).values()) + ([x["items"]] if "items" in x else [])


class Served(unittest.TestCase):
    """A daemon with people of every role, an agent, an incident and its proposals."""

    @classmethod
    def setUpClass(cls):
        cls.w = World().model().start()
        try:
            cls.d = cls.w.daemon
            cls.agent = cls.d.add_person("Relay", "relay@lumenparcel.example", "PUFEMIA", "responder", agent=True)
            cls.agent_admin = cls.d.add_person("Relay Two", "relay2@lumenparcel.example", None, "admin", agent=True)
            cls.incident = trigger(cls.w)
            cls.p = propose(cls.w, cls.incident, ("add_note", {"content": "seen"}), token=cls.w.asha)
            wait_for(lambda: any(x["state"] == "answered" for x in cls.d.ok("GET", "/llm/calls")["items"]))
        except BaseException:
            cls.w.close()
            raise

    @classmethod
    def tearDownClass(cls):
        d = cls.w.daemon
        code = d.stop()
        tail = d.tail()
        cls.w.close()
        assert code == 0, tail

    def call(self, method, path, body=None, token=None, control=False, headers=None, conn=None):
        h = dict({"Content-Type": "application/json"}, **(headers or {}))
        if token:
            h["Authorization"] = "Bearer " + token
        own = conn or (UnixConnection(os.path.join(self.d.state, "control.sock")) if control else self.d.connect())
        try:
            return request(own, method, path, body, h)
        finally:
            if not conn:
                own.close()

    def assert_problem(self, answer, status, msg=None):
        got, value, headers = answer
        self.assertEqual(got, status, (msg, value))
        self.assertEqual(headers["Content-Type"], "application/problem+json", msg)
        self.assertEqual(openapi.problems(DOC, DOC["components"]["schemas"]["Problem"], value), [], msg)
        self.assertEqual((value["type"], value["status"]), ("about:blank", status), msg)
        self.assertTrue(value["detail"].strip(), msg)

    def filled(self, path):
        return path.replace("{id}", self.incident if "/incidents/" in path else str(self.p["id"]) if "/proposals/" in path else "1") \
            .replace("{num}", "1").replace("{seq}", "1").replace("{name}", "nobody")

    def decisions(self):
        return self.d.rows("SELECT count(*) FROM decision")[0][0]


# What each caller gets: nobody, viewer, responder, admin, an agent that is responder, an agent that is admin, and the control socket
# without a token. Bodies are empty objects and ids are 999999 where a good one would change something: 400 or 404 or 409 is "was let in".
TABLE = """
GET    /api/v1/openapi.json                     200 200 200 200 200 200 200
GET    /api/v1/status                           401 200 200 200 200 200 200
GET    /api/v1/incidents                        401 200 200 200 200 200 200
GET    /api/v1/incidents/{id}                   401 200 200 200 200 200 200
GET    /api/v1/incidents/{id}/evidence/{num}    401 200 200 200 200 200 200
GET    /api/v1/incidents/{id}/explain           401 200 200 200 200 200 200
POST   /api/v1/incidents/{id}/proposals         401 403 400 400 400 400 401
GET    /api/v1/proposals                        401 200 200 200 200 200 200
GET    /api/v1/proposals/{id}                   401 200 200 200 200 200 200
GET    /api/v1/proposals/{id}/explain           401 200 200 200 200 200 200
POST   /api/v1/proposals/{id}/decision          401 403 400 400 403 403 401
POST   /api/v1/proposals/{id}/edit              401 403 400 400 403 403 401
POST   /api/v1/proposals/{id}/undo              401 403 409 409 403 403 401
POST   /api/v1/proposals/{id}/settle            401 403 400 400 403 403 401
GET    /api/v1/standing                         401 200 200 200 200 200 200
POST   /api/v1/standing                         401 403 403 400 403 403 401
DELETE /api/v1/standing/999999                  401 403 403 404 403 403 401
GET    /api/v1/audit                            401 200 200 200 200 200 200
GET    /api/v1/audit/export                     401 200 200 200 200 200 200
GET    /api/v1/audit/{seq}                      401 200 200 200 200 200 200
GET    /api/v1/jobs                             401 200 200 200 200 200 200
POST   /api/v1/jobs/999999/retry                401 403 404 404 403 403 404
GET    /api/v1/quarantine                       401 200 200 200 200 200 200
POST   /api/v1/quarantine/EVNONE/retry          401 403 404 404 403 403 404
GET    /api/v1/backfill                         401 200 200 200 200 200 200
POST   /api/v1/backfill                         401 403 403 400 403 403 400
DELETE /api/v1/backfill                         401 403 403 404 403 403 404
GET    /api/v1/alarms                           401 200 200 200 200 200 200
GET    /api/v1/verbs                            401 200 200 200 200 200 200
GET    /api/v1/rules                            401 200 200 200 200 200 200
GET    /api/v1/llm/calls                        401 200 200 200 200 200 200
GET    /api/v1/llm/calls/999999                 401 404 404 404 404 404 404
GET    /api/v1/kill-switch                      401 200 200 200 200 200 200
PUT    /api/v1/kill-switch                      401 403 400 400 403 403 400
GET    /api/v1/users                            401 200 200 200 200 200 200
POST   /api/v1/users                            401 403 403 400 403 403 400
PATCH  /api/v1/users/999999                     401 403 403 400 403 403 400
POST   /api/v1/users/999999/tokens              401 403 403 400 403 403 400
DELETE /api/v1/tokens/999999                    401 403 403 404 403 403 404
GET    /healthz                                 200 200 200 200 200 200 200
GET    /readyz                                  200 200 200 200 200 200 200
"""


class Roles(Served):
    def rows(self):
        for line in TABLE.strip().split("\n"):
            method, path, *want = line.split()
            yield method, path, [int(x) for x in want]

    def test_the_table_has_every_operation(self):
        rows = {(m, re.sub(r"/(999999|EVNONE)(?=/|$)", "/{id}", p)) for m, p, _ in self.rows()}
        want = {(m, p) for p, m, _ in openapi.operations(DOC) if not p.startswith("/webhooks")}
        self.assertEqual(rows, want)

    def test_every_caller_gets_what_the_table_says(self):
        """F-18 (the API's share): 35 operations, 7 callers."""
        callers = [(None, False), (self.w.viewer, False), (self.w.bo, False), (self.w.admin, False), (self.agent, False),
                   (self.agent_admin, False), (None, True)]
        wrong = []
        for method, path, want in self.rows():
            for (token, control), status in zip(callers, want):
                body = b"{}" if method in ("POST", "PUT", "PATCH") else None
                got, value, headers = self.call(method, self.filled(path), body, token, control)
                if got != status:
                    wrong.append((method, path, callers.index((token, control)), status, got, value))
                elif got >= 400:
                    self.assert_problem((got, value, headers), status, path)
        self.assertEqual(wrong, [])
        self.assertEqual(self.d.proposal(self.p["id"])["state"], "pending")

    def test_a_token_over_the_control_socket_counts_as_its_person(self):
        for token, status in ((self.w.viewer, 403), (self.agent, 403), (self.agent_admin, 403), (NOBODY, 401)):
            self.assert_problem(self.call("POST", "/api/v1/users", {"name": "X", "email": "x@y.example", "role": "admin"}, token, True),
                                status)

    def test_bad_tokens_are_one_answer(self):
        want = None
        for text in (NOBODY, "trg_", "trg_" + "A" * 42, "trg_" + "A" * 5000, "%00", "' OR 1=1 --", self.w.admin + "x", self.w.admin[:-1],
                     self.w.admin.upper()):
            answer = self.call("GET", "/api/v1/status", token=text)
            self.assert_problem(answer, 401, text)
            want = want or answer[1]
            self.assertEqual(answer[1], want)
            self.assertEqual(answer[2]["WWW-Authenticate"], "Bearer")
        for header in ("Basic QTpC", "Bearer", "", "bearer " + NOBODY, self.w.admin):
            self.assert_problem(self.call("GET", "/api/v1/status", headers={"Authorization": header}), 401, header)

    def test_a_disabled_account_and_a_revoked_token_are_out_at_once(self):
        status, person, _ = self.call("POST", "/api/v1/users", {"name": "Ida", "email": "ida@lumenparcel.example", "role": "admin"},
                                      self.w.admin)
        self.assertEqual(status, 201)
        path = "/api/v1/users/%d" % person["id"]
        tokens = [self.call("POST", path + "/tokens", {"label": "t"}, self.w.admin)[1] for _ in range(2)]
        for t in tokens:
            self.assertEqual(self.call("GET", "/api/v1/status", token=t["token"])[0], 200)
        self.assertEqual(self.call("DELETE", "/api/v1/tokens/%d" % tokens[0]["id"], token=self.w.admin)[0], 200)
        self.assertEqual(self.call("GET", "/api/v1/status", token=tokens[0]["token"])[0], 401)
        self.assertEqual(self.call("PATCH", path, {"role": "viewer"}, self.w.admin)[0], 200)
        self.assertEqual(self.call("POST", "/api/v1/users", {}, tokens[1]["token"])[0], 403)
        self.assertEqual(self.call("PATCH", path, {"disabled": True}, self.w.admin)[0], 200)
        self.assertEqual(self.call("GET", "/api/v1/status", token=tokens[1]["token"])[0], 401)

    def test_agents_and_the_bare_control_socket_never_decide_whatever_they_send(self):
        """INV-5, F-19 (the API's share): well-made and random calls of everything; no decision comes of it, and no way to one."""
        before = self.decisions()
        people = len(self.d.ok("GET", "/users")["items"])
        digest = self.d.proposal(self.p["id"])["digest"]
        good = {"decision": {"digest": digest, "verdict": "approve", "reason": "r"}, "edit": {"digest": digest, "args": {"content": "z"}},
                "settle": {"happened": True, "reason": "r"}, "undo": {}, "standing": {"template": "triage-note"},
                "users": {"name": "E", "email": "e@evil.example", "role": "admin"}, "tokens": {"label": "x"},
                "kill-switch": {"engaged": False, "reason": "r"}, "1": {"role": "admin"}, "retry": {}}
        ops = [(m, self.filled(p)) for p, m, _ in openapi.operations(DOC) if m != "GET" and p.startswith("/api/")
               and not p.endswith("{id}/proposals")]
        callers = [(self.agent, False), (self.agent_admin, False), (self.agent, True), (self.agent_admin, True)]
        rnd = random.Random(19)
        conns = {c: self.d.connect() if not c[1] else UnixConnection(os.path.join(self.d.state, "control.sock")) for c in callers}
        for c in callers:
            for method, path in ops:
                body = good.get(path.split("/")[-1], {})
                self.assertEqual(self.call(method, path, body, c[0], conn=conns[c])[0], 403, (method, path))
        for _ in range(1000):
            c = rnd.choice(callers)
            method, path = rnd.choice(ops)
            body = rnd.choice([rnd.choice(list(good.values())), b"{}", b"[", b"null", good.get(path.split("/")[-1], {})])
            status, value, _ = self.call(rnd.choice([method, method, "POST", "PUT"]), path, body, c[0], conn=conns[c])
            self.assertIn(status, (403, 405), (method, path, body, value))
        for conn in conns.values():
            conn.close()
        for method, path in ops:  # the socket alone: may add people and engage the switch, which the table above shows
            if "/proposals/" in path or "/standing" in path:
                self.assertEqual(self.call(method, path, good.get(path.split("/")[-1], {}), control=True)[0], 401, path)
        self.assert_problem(self.call("PUT", "/api/v1/kill-switch", {"engaged": False, "reason": "r"}, control=True), 403)
        self.assertEqual(self.decisions(), before)
        self.assertEqual(len(self.d.ok("GET", "/users")["items"]), people)
        self.assertEqual(self.d.proposal(self.p["id"])["state"], "pending")

    def test_an_agent_may_propose_and_its_owner_is_named(self):
        status, value, headers = self.call("POST", "/api/v1/incidents/%s/proposals" % self.incident,
                                           {"actions": [{"verb": "add_note", "args": {"content": "from the agent"}}], "why": "w"},
                                           self.agent)
        self.assertEqual(status, 201, value)
        self.assertEqual(headers["Location"], "/api/v1/proposals/%d" % value["id"])
        self.assertTrue(self.d.proposal(value["id"])["origin"].startswith("agent:"))


class Bodies(Served):
    def changing(self):
        for path, method, op in openapi.operations(DOC):
            if path.startswith("/api/") and "requestBody" in op:
                yield method, self.filled(path), openapi.resolve(DOC, op["requestBody"]["content"]["application/json"]["schema"])

    def test_a_body_that_is_not_described_is_refused_and_changes_nothing(self):
        """INV-9: size, depth, count, form."""
        before = self.d.rows("SELECT count(*) FROM audit")[0][0]
        people = len(self.d.ok("GET", "/users")["items"])
        bad = [b"", b"{", b"nonsense", b"[]", b"null", b"7", b'"x"', b'{"a":1,"a":2}', b'{"x":"\xff\xfe"}', b"{}x",
               b'{"a":' * 70 + b"1" + b"}" * 70, b"[" * 20000, b'{"a":[' + b"1," * 6000 + b"1]}", b'{"no such member":1}', b"\x00"]
        for method, path, schema in self.changing():
            required = schema.get("required", [])
            rows = list(bad)
            for name, kind in schema["properties"].items():
                rows.append(json.dumps({k: ({} if k == name and kind.get("type") != "object" else "x" * 70000 if k == "never" else 1)
                                        for k in set(required) | {name}}).encode())
            for body in rows:
                answer = self.call(method, path, body, self.w.admin)
                self.assert_problem(answer, 400, (path, body[:60]))
        self.assertEqual(len(self.d.ok("GET", "/users")["items"]), people)
        self.assertEqual(self.d.rows("SELECT count(*) FROM audit")[0][0], before)

    def test_a_body_over_64_kib_is_413_and_the_connection_lives(self):
        conn = self.d.connect()
        for size in (64 * 1024 + 1, 100 * 1024):
            body = b'{"engaged":true,"reason":"' + b"x" * (size - 28) + b'"}'
            self.assert_problem(self.call("PUT", "/api/v1/kill-switch", body, self.w.admin, conn=conn), 413)
        self.assertEqual(self.call("GET", "/healthz", conn=conn)[0], 200)
        conn.close()
        self.assertFalse(self.d.ok("GET", "/kill-switch")["engaged"])
        # 64 KiB itself is looked at: the reason in it is too long, which is another answer
        body = b'{"engaged":true,"reason":"' + b"x" * (64 * 1024 - 28) + b'"}'
        self.assertEqual(len(body), 64 * 1024)
        self.assert_problem(self.call("PUT", "/api/v1/kill-switch", body, self.w.admin), 400)

    def test_an_encoded_body_is_415(self):
        self.assert_problem(self.call("POST", "/api/v1/users", b"\x1f\x8b\x08", self.w.admin, headers={"Content-Encoding": "gzip"}), 415)

    def test_what_does_not_exist_is_404(self):
        digest = "0" * 64
        for method, path, body in (
                ("GET", "/api/v1/incidents/QNOSUCH", None), ("GET", "/api/v1/incidents/99999999", None),
                ("GET", "/api/v1/incidents/%s/evidence/9999" % self.incident, None),
                ("GET", "/api/v1/incidents/%s/evidence/0" % self.incident, None),
                ("GET", "/api/v1/incidents/%s/evidence/x" % self.incident, None),
                ("GET", "/api/v1/incidents/QNOSUCH/evidence/1", None),
                ("POST", "/api/v1/incidents/QNOSUCH/proposals", {"actions": [{"verb": "add_note", "args": {"content": "x"}}]}),
                ("GET", "/api/v1/proposals/999999", None), ("GET", "/api/v1/proposals/0", None), ("GET", "/api/v1/proposals/-1", None),
                ("GET", "/api/v1/proposals/1e3", None), ("GET", "/api/v1/proposals/99999999999999999999", None),
                ("GET", "/api/v1/proposals/999999/explain", None),
                ("POST", "/api/v1/proposals/999999/decision", {"digest": digest, "verdict": "approve"}),
                ("POST", "/api/v1/proposals/999999/edit", {"digest": digest, "args": {}}),
                ("POST", "/api/v1/proposals/999999/undo", None),
                ("POST", "/api/v1/proposals/999999/settle", {"happened": True, "reason": "r"}),
                ("GET", "/api/v1/audit/999999", None), ("GET", "/api/v1/audit/x", None),
                ("DELETE", "/api/v1/standing/999999", None), ("POST", "/api/v1/jobs/999999/retry", None),
                ("POST", "/api/v1/quarantine/EVNO/retry", None), ("PATCH", "/api/v1/users/999999", {"disabled": True}),
                ("POST", "/api/v1/users/999999/tokens", {"label": "x"}), ("DELETE", "/api/v1/tokens/999999", None),
                ("GET", "/api/v1/nothing", None), ("GET", "/api/v2/status", None), ("GET", "/api/v1/status/", None),
                ("GET", "/api/v1/status%00", None), ("GET", "/api/v1/incidents/%00", None), ("GET", "/../etc/passwd", None),
                ("GET", "/api/v1/incidents/" + "A" * 2100, None), ("GET", "/healthz" + "/" * 2100, None)):
            self.assert_problem(self.call(method, path, body, self.w.admin), 404, path[:80])

    def test_query_parameters_out_of_range_are_400(self):
        for path in ("incidents?limit=0", "incidents?limit=201", "incidents?limit=x", "incidents?limit=", "incidents?before=-1",
                     "proposals?limit=99999999999999999999", "audit?after=1.5", "audit?limit=-1", "quarantine?before=abc",
                     "audit/export?after=x", "audit?after=1%00"):
            self.assert_problem(self.call("GET", "/api/v1/" + path, token=self.w.admin), 400, path)
        for path in ("incidents?status=nonsense", "proposals?state=nonsense"):
            self.assert_problem(self.call("GET", "/api/v1/" + path, token=self.w.admin), 422, path)

    def test_an_email_is_taken_once_however_many_ask_at_once(self):
        got = []
        body = {"name": "Race", "email": "race@lumenparcel.example", "role": "viewer"}

        def ask():
            got.append(self.call("POST", "/api/v1/users", body, self.w.admin)[0])

        threads = [threading.Thread(target=ask) for _ in range(12)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(sorted(got), [201] + [409] * 11)


class Reading(Served):
    def test_every_answer_is_what_is_described(self):
        """GET of everything, with something in every list, against the schemas; unknown members are not described, so wrong."""
        self.call("POST", "/api/v1/standing", {"template": "triage-note"}, self.w.admin)
        done = propose(self.w, trigger(self.w, service="PSORDER"), ("add_note", {"content": "described"}), token=self.w.asha)
        status, value, headers = self.d.decide(done["id"], "approve", self.w.bo, done["digest"])
        self.assertEqual(openapi.answer_problems(DOC, "/api/v1/proposals/{id}/decision", "POST", status, headers["Content-Type"], value),
                         [])
        self.d.wait_state(done["id"], "done")
        self.d.webhook(b"not json")
        self.d.webhook(b"{}", secret="wrong")
        wait_for(lambda: len(self.d.ok("GET", "/alarms")["items"]) >= 2)
        empty = []
        for path, method, op in openapi.operations(DOC):
            if method != "GET":
                continue
            for at in {self.filled(path), self.filled(path.replace("proposals/{id}", "proposals/%d" % done["id"]))}:
                if path == "/api/v1/proposals":
                    at += "?state=all"
                status, value, headers = self.call("GET", at, token=self.w.viewer)
                self.assertEqual(status, 200, at)
                self.assertEqual(openapi.answer_problems(DOC, path, "GET", status, headers["Content-Type"], value), [], at)
                if isinstance(value, dict) and value.get("items") == []:
                    empty.append(path)
        self.assertEqual(empty, ["/api/v1/jobs"], "lists without a row show nothing about their rows")

    def test_changes_answer_what_is_described(self):
        def check(path, status, answer):
            self.assertEqual(answer[0], status, answer[1])
            self.assertEqual(openapi.answer_problems(DOC, path[1], path[0], answer[0], answer[2]["Content-Type"], answer[1]), [])
            return answer[1]

        made = check(("POST", "/api/v1/users"), 201, self.call("POST", "/api/v1/users", {
            "name": "Doc", "email": "doc@lumenparcel.example", "role": "viewer", "pd_user_id": "PUDIMAS"}, self.w.admin))
        user = "/api/v1/users/%d" % made["id"]
        check(("PATCH", "/api/v1/users/{id}"), 200, self.call("PATCH", user, {"role": "responder"}, self.w.admin))
        token = check(("POST", "/api/v1/users/{id}/tokens"), 201, self.call("POST", user + "/tokens", {"label": "d"}, self.w.admin))
        check(("DELETE", "/api/v1/tokens/{id}"), 200, self.call("DELETE", "/api/v1/tokens/%d" % token["id"], token=self.w.admin))
        p = propose(self.w, trigger(self.w, service="PSROUTE"), ("add_note", {"content": "to be edited"}), token=self.w.asha)
        at = "/api/v1/proposals/%d" % p["id"]
        edited = check(("POST", "/api/v1/proposals/{id}/edit"), 200, self.call(
            "POST", at + "/edit", {"digest": p["digest"], "args": {"content": "edited"}}, self.w.asha))
        self.assertNotEqual(edited["digest"], p["digest"])
        check(("POST", "/api/v1/proposals/{id}/decision"), 409, self.call(
            "POST", at + "/decision", {"digest": p["digest"], "verdict": "approve"}, self.w.bo))
        check(("POST", "/api/v1/proposals/{id}/decision"), 200, self.call(
            "POST", at + "/decision", {"digest": edited["digest"], "verdict": "reject", "reason": "no"}, self.w.bo))
        check(("PUT", "/api/v1/kill-switch"), 200, self.call("PUT", "/api/v1/kill-switch", {"engaged": True, "reason": "t"}, self.w.bo))
        self.assertIn("t", self.d.ok("GET", "/kill-switch")["reason"])
        check(("PUT", "/api/v1/kill-switch"), 403, self.call("PUT", "/api/v1/kill-switch", {"engaged": False}, self.w.bo))
        check(("PUT", "/api/v1/kill-switch"), 200, self.call("PUT", "/api/v1/kill-switch", {"engaged": False}, self.w.admin))
        check(("POST", "/api/v1/backfill"), 202, self.call("POST", "/api/v1/backfill", {"since_s": 1000 * 86400}, self.w.admin))
        check(("POST", "/api/v1/backfill"), 409, self.call("POST", "/api/v1/backfill", {"since_s": 86400}, self.w.admin))
        check(("GET", "/api/v1/backfill"), 200, self.call("GET", "/api/v1/backfill", token=self.w.viewer))
        check(("DELETE", "/api/v1/backfill"), 200, self.call("DELETE", "/api/v1/backfill", token=self.w.admin))
        standing = check(("POST", "/api/v1/standing"), 201, self.call("POST", "/api/v1/standing", {"template": "triage-note"},
                                                                      self.w.admin))
        check(("DELETE", "/api/v1/standing/{id}"), 200, self.call("DELETE", "/api/v1/standing/%d" % standing["id"], token=self.w.admin))

    def test_lists_page_by_key_and_nothing_is_missed_or_shown_twice(self):
        for n in range(5):
            trigger(self.w, service="PSLABEL", title="Page %d" % n, wait=False)
        wait_for(lambda: len(self.d.ok("GET", "/incidents?limit=200")["items"]) >= 6)
        for path, key, param in (("/incidents?status=all", "seq", "before"), ("/audit?x=1", "seq", "after"),
                                 ("/proposals?state=all", "id", "before")):
            whole = [x[key] for x in self.d.ok("GET", path + "&limit=200")["items"]]
            if path.startswith("/audit"):
                whole = whole[:20]
            for size in (1, 2, 7):
                # rows go on arriving, so a list that begins with the newest begins where the whole one did
                seen, at = [], "" if param == "after" else "&before=%d" % (whole[0] + 1)
                while len(seen) < len(whole):
                    page = self.d.ok("GET", "%s&limit=%d%s" % (path, size, at))
                    seen += [x[key] for x in page["items"]]
                    if page["next"] is None:
                        break
                    self.assertEqual(page["next"], page["items"][-1][key])
                    at = "&%s=%d" % (param, page["next"])
                self.assertEqual(seen[:len(whole)], whole, (path, size))
        newest = [x["seq"] for x in self.d.ok("GET", "/audit?limit=5&newest=1")["items"]]
        self.assertEqual(newest, sorted(newest, reverse=True))

    def test_the_export_is_the_record_line_by_line(self):
        lines, after = [], 0
        while True:
            status, value, headers = self.call("GET", "/api/v1/audit/export?after=%d" % after, token=self.w.viewer)
            self.assertEqual((status, headers["Content-Type"]), (200, "application/x-ndjson"))
            text = json.dumps(value) + "\n" if isinstance(value, dict) else value or ""
            if not text:
                break
            lines += [json.loads(x) for x in text.splitlines()]
            after = lines[-1]["seq"]
        self.assertEqual([x["seq"] for x in lines], list(range(1, len(lines) + 1)))
        for a, b in zip(lines, lines[1:]):
            self.assertEqual(a["hash"], b["prev"])

    def test_the_verifier_that_is_printed_in_the_docs_verifies_a_real_export(self):
        """INV-8: docs/security.md gives the bytes of the chain; whoever follows it gets our head, and finds one changed byte."""
        with open(os.path.join(TOP, "docs", "security.md")) as f:
            program = re.search(r"```python\n(.*?)```", f.read(), re.S)[1]
        conn = self.d.connect()
        conn.request("GET", "/api/v1/audit/export", headers={"Authorization": "Bearer " + self.w.viewer})
        lines = conn.getresponse().read()
        conn.close()
        path = self.d.write("export.jsonl", lines.decode())
        done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True)
        last = json.loads(lines.splitlines()[-1])
        self.assertEqual((done.returncode, done.stdout.strip()), (0, "%d:%s" % (last["seq"], last["hash"])), done.stderr)
        changed = lines.replace(b'"actor":"local"', b'"actor":"Local"', 1)
        self.assertNotEqual(changed, lines)
        done = subprocess.run([sys.executable, "-c", program, self.d.write("changed.jsonl", changed.decode())], capture_output=True,
                              text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("does not follow", done.stderr)

    def test_head_and_options_work_where_get_does(self):
        for path, method, op in openapi.operations(DOC):
            at = self.filled(path)
            status, value, headers = self.call("OPTIONS", at)
            self.assertEqual((status, value), (204, None), at)
            self.assertIn(method, headers["Allow"].split(", "))
            if method != "GET":
                continue
            got = self.call("GET", at, token=self.w.viewer)
            head = self.call("HEAD", at, token=self.w.viewer)
            self.assertEqual((head[0], head[1]), (200, None), at)
            if "status" not in at:
                self.assertEqual(head[2]["Content-Length"], got[2]["Content-Length"], at)
        for method, path, allow in (("DELETE", "/healthz", "GET, HEAD"), ("GET", "/webhooks/pagerduty", "POST"),
                                    ("PROPFIND", "/api/v1/status", "GET, HEAD"), ("HEAD", "/api/v1/users/1/tokens", "POST"),
                                    ("A" * 40, "/api/v1/status", "GET, HEAD"), ("GET", "/api/v1/proposals/1/decision", "POST")):
            answer = self.call(method, path, token=self.w.admin)
            if method == "HEAD":
                self.assertEqual(answer[0], 405)
            else:
                self.assert_problem(answer, 405, path)
            self.assertEqual(answer[2]["Allow"], allow)

    def test_an_unchanged_answer_is_304_without_a_body(self):
        for path in ("/api/v1/users", "/api/v1/rules", "/api/v1/openapi.json", "/api/v1/proposals/%d" % self.p["id"]):
            status, _, headers = self.call("GET", path, token=self.w.viewer)
            self.assertEqual(status, 200)
            tag = headers["ETag"]
            status, value, headers = self.call("GET", path, token=self.w.viewer, headers={"If-None-Match": tag})
            self.assertEqual((status, value, headers["ETag"]), (304, None, tag))
            self.assertEqual(self.call("GET", path, token=self.w.viewer, headers={"If-None-Match": '"other"'})[0], 200)
            self.assertEqual(self.call("GET", path, headers={"If-None-Match": tag})[0], 304 if "openapi" in path else 401)

    def test_no_answer_is_kept_or_sniffed(self):
        for path in ("/healthz", "/api/v1/status", "/nothing"):
            _, _, headers = self.call("GET", path, token=self.w.viewer)
            self.assertEqual((headers["Cache-Control"], headers["X-Content-Type-Options"]), ("no-store", "nosniff"))

    def test_many_readers_and_writers_at_once(self):
        wrong, stop = [], threading.Event()
        paths = ["/api/v1/status", "/api/v1/incidents", "/api/v1/incidents/" + self.incident, "/api/v1/audit?newest=1",
                 "/api/v1/proposals?state=all", "/api/v1/alarms", "/api/v1/users", "/healthz"]

        def read(k):
            conn = self.d.connect()
            for i in range(60):
                status, _, _ = self.call("GET", paths[(i + k) % len(paths)], token=self.w.viewer, conn=conn)
                if status != 200:
                    wrong.append((paths[(i + k) % len(paths)], status))
            conn.close()

        def write():
            n = 0
            while not stop.is_set():
                n += 1
                status, _, _ = self.call("PUT", "/api/v1/kill-switch", {"engaged": n % 2 == 1, "reason": "load"}, self.w.admin)
                if status != 200:
                    wrong.append(("kill-switch", status))

        writer = threading.Thread(target=write)
        readers = [threading.Thread(target=read, args=(k,)) for k in range(8)]
        for t in readers + [writer]:
            t.start()
        for t in readers:
            t.join()
        stop.set()
        writer.join()
        self.assertEqual(wrong, [])
        self.assertEqual(self.call("PUT", "/api/v1/kill-switch", {"engaged": False, "reason": "end"}, self.w.admin)[0], 200)
        self.assertFalse(os.path.exists(os.path.join(self.d.state, "kill-switch")))


if __name__ == "__main__":
    unittest.main()

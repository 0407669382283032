"""Intake: the answers of PagerDuty's contract, on the real binary and PagerDuty's own bodies."""
import glob
import hashlib
import json
import os
import socket
import tempfile
import threading
import time
import unittest

from tests.lib.world import Daemon, SECRET, request, shared, sign, wait_for

FIXTURE_AGE = 40 * 365 * 86400  # the bodies are weeks old: the age limit is tested on its own


def read(path):
    with open(path, "rb") as f:
        return f.read()


def bodies():
    folder = shared("pagerduty", "webhooks")
    return sorted(glob.glob(os.path.join(folder, "*.json"))), sorted(glob.glob(os.path.join(folder, "variants", "*.json")))


def event(eid, kind="incident.triggered", incident="Q1TESTINCIDENT", at=None, **data):
    """A small body as PagerDuty would send it."""
    at = at or time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    d = dict({"id": incident, "type": "incident", "number": 7, "status": "triggered", "title": "Disk full on web-1",
              "urgency": "high", "created_at": at}, **data)
    return json.dumps({"event": {"id": eid, "event_type": kind, "resource_type": "incident", "occurred_at": at, "agent": None,
                                 "client": None, "data": d}}).encode()


class Intake(unittest.TestCase):
    """No PagerDuty behind it: nothing listens at base_url, intake must not care (INV-10's sister: REST down)."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="triaged-test-")
        os.chmod(self.folder, 0o700)
        hooks = "".join('    - name: "%s"\n      secret_files: [%s/secret-%s]\n' % (n, self.folder, n or "main")
                        for n in ["", "a", "b", "c", "d"])
        self.d = Daemon(self.folder, "http://127.0.0.1:9", webhooks=hooks.rstrip())
        self.d.write("secret-main", SECRET)
        for n in "abcd":
            self.d.write("secret-" + n, "whsec_tenant_%s_0123456789" % n)
        self.d.settings["extra"] = ""
        text = open(self.d.config).read().replace("  port: 0\n", "  port: 0\n  max_age_s: 31536000\n  failed_per_minute: 100000\n")
        with open(self.d.config, "w") as f:
            f.write(text)
        self.d.start()

    def tearDown(self):
        self.assertEqual(self.d.stop(), 0, self.d.tail())

    def events(self):
        return {r[0]: r[1:] for r in self.d.rows("SELECT event_id, state, event_type, copies, reason, incident_id FROM event")}

    def test_all_bodies_and_variants_are_stored_and_answered_202(self):
        plain, variants = bodies()
        self.assertEqual((len(plain), len(variants)), (31, 7))
        want = set()
        for path in plain + variants:
            body = read(path)
            status, _, _ = self.d.webhook(body)
            self.assertEqual(status, 202, path)
            want.add(json.loads(body)["event"]["id"])
        self.assertEqual(set(self.events()), want)
        stored = {r[0] for r in self.d.rows("SELECT sha256 FROM body")}
        for path in plain + variants:
            self.assertIn(hashlib.sha256(read(path)).hexdigest(), stored, "the raw bytes of %s" % path)
        self.assertEqual(self.d.rows("SELECT count(*) FROM event WHERE state = 'quarantined'")[0][0], 0)

    def test_signature_vectors_get_the_answers_of_the_table(self):
        """F-01, threat model I1 and I2; the answers are those of design section 9."""
        with open(shared("pagerduty", "signatures.json")) as f:
            vectors = json.load(f)["vectors"]
        self.assertEqual(len(vectors), 56)
        folder = shared("pagerduty", "webhooks")
        by_secrets = {}
        for v in vectors:
            by_secrets.setdefault(tuple(v["configured_secrets"]), []).append(v)
        for secrets, rows in by_secrets.items():
            self.reconfigure(secrets)
            for v in rows:
                path = os.path.join(folder, v["body_file"])
                if not os.path.exists(path):
                    path = os.path.join(folder, "variants", v["body_file"])
                body = read(path)
                self.assertEqual(hashlib.sha256(body).hexdigest(), v["body_sha256"], "the file is damaged: " + path)
                header = v["header"]
                before = len(self.events())
                status, _, _ = self.d.webhook(body, signature=header if header is not None else "")
                if v["expect"] == "accept":
                    self.assertEqual(status, 202, v["name"])
                elif v["expect"] == "reject":
                    self.assertIn(status, (401, 503), v["name"])
                    self.assertEqual(len(self.events()), before, v["name"])
                    # INV-2 read the other way: what may be authentic under a mistyped secret is never a 4xx
                    if header and "v1=" in header and any(len(p.strip()) == 67 and p.strip().startswith("v1=") and
                                                         all(c in "0123456789abcdef" for c in p.strip()[3:])
                                                         for p in header.split(",")):
                        self.assertEqual(status, 503, v["name"])
                else:
                    self.assertIn(status, (202, 401, 503), v["name"])

    def reconfigure(self, secrets):
        self.d.stop()
        names = []
        for i, s in enumerate(secrets):
            self.d.write("vector-%d" % i, s)
            names.append("%s/vector-%d" % (self.folder, i))
        text = open(self.d.config).read()
        files = "      secret_files: [%s]" % ", ".join(names) if names else ""
        head, tail = text.split("  webhooks:\n")
        rest = tail.split("pagerduty:\n", 1)[1]
        with open(self.d.config, "w") as f:
            f.write(head + '  webhooks:\n    - name: ""\n' + files + "\npagerduty:\n" + rest)
        self.d.start()

    def test_a_tenants_secret_opens_only_its_own_path(self):
        """F-05, threat model I6: five paths, five secrets, only the diagonal is accepted."""
        names = ["", "a", "b", "c", "d"]
        secrets = [SECRET] + ["whsec_tenant_%s_0123456789" % n for n in "abcd"]
        for i, name in enumerate(names):
            for j, secret in enumerate(secrets):
                body = event("EV%d%d" % (i, j))
                path = "/webhooks/pagerduty" + ("/" + name if name else "")
                status, _, _ = self.d.webhook(body, secret=secret, path=path)
                self.assertEqual(status, 202 if i == j else 503, (name, j))
        self.assertEqual(set(self.events()), {"EV%d%d" % (i, i) for i in range(5)})

    def test_answers_in_their_order(self):
        body = event("EVORDER")
        self.assertEqual(self.d.webhook(body, path="/webhooks/pagerduty/nobody")[0], 404)
        self.assertEqual(self.d.webhook(body, path="/webhook/pagerduty")[0], 404)
        self.assertEqual(request(self.d.connect(), "GET", "/webhooks/pagerduty")[0], 405)
        self.assertEqual(self.d.webhook(b"x" * (512 * 1024 + 1), signature="nonsense")[0], 413)
        self.assertEqual(self.d.webhook(body, signature="")[0], 401)
        self.assertEqual(self.d.webhook(body, signature="v1=xyz")[0], 401)
        self.assertEqual(self.d.webhook(body, signature=", ,")[0], 401)
        self.assertEqual(self.d.webhook(body, signature="v2=" + "0" * 64)[0], 503)
        status, _, headers = self.d.webhook(body, secret="another secret")
        self.assertEqual(status, 503)
        self.assertIsNotNone(headers["Retry-After"])
        self.assertEqual(self.d.webhook(body, headers={"Content-Type": "text/plain"})[0], 202, "content type is not judged")
        self.assertEqual(set(self.events()), {"EVORDER"})

    def test_an_authentic_delivery_never_gets_a_4xx(self):
        """INV-2: whatever the body is, a good signature is answered 202 and the bytes are kept."""
        odd = [b"", b"{", b"null", b"[]", b"\xff\xfe", b"{}" * 3, b'{"event":null}', b'{"event":{"id":7}}',
               b'{"event":{"id":"X","id":"Y","event_type":"incident.triggered"}}', b"[" * 200000,
               b'{"event":{"id":"DEEP","event_type":"a","data":' + b'{"x":' * 70 + b"1" + b"}" * 70 + b"}}",
               b'{"event":{"id":"BIG","event_type":"incident.annotated","data":{"type":"incident_note","content":"' +
               b"y" * 500000 + b'"}}}',
               event("EVUNKNOWN", kind="incident.from_the_future"), event("EVNODATA").replace(b'"data"', b'"date"')]
        for body in odd:
            status, _, _ = self.d.webhook(body)
            self.assertEqual(status, 202, body[:60])
        kept = {r[0] for r in self.d.rows("SELECT sha256 FROM body")}
        for body in odd:
            self.assertIn(hashlib.sha256(body).hexdigest(), kept, body[:60])
        states = [s[0] for s in self.events().values()]
        self.assertGreaterEqual(states.count("quarantined"), 9)
        self.assertEqual(self.events()["EVUNKNOWN"][0], "ignored")

    def test_one_row_for_each_event_however_often_it_comes(self):
        """F-04's first half, threat model I5: the unsigned X-Webhook-Id does not make it another event."""
        for n in range(10):
            for i in range(20):
                status, _, _ = self.d.webhook(event("EVDUP%d" % i, at="2026-11-20T10:00:00.000Z"),
                                              headers={"X-Webhook-Id": "id-%d-%d" % (n, i)})
                self.assertEqual(status, 202)
        rows = self.events()
        self.assertEqual(len(rows), 20)
        self.assertEqual({r[2] for r in rows.values()}, {10})

    def test_an_old_event_is_kept_and_goes_no_further(self):
        """F-04's second half: quarantined, no job."""
        self.d.webhook(event("EVOLD", at="2020-01-01T00:00:00.000Z"))
        self.assertEqual(self.events()["EVOLD"][0], "quarantined")
        self.assertEqual(self.d.rows("SELECT count(*) FROM incident")[0][0], 0)
        listed = self.d.ok("GET", "/quarantine")["items"]
        self.assertEqual([q["id"] for q in listed], ["EVOLD"])

    def test_a_ping_is_answered_and_shown(self):
        body = read(shared("pagerduty", "webhooks", "pagey.ping.json"))
        self.assertEqual(self.d.webhook(body)[0], 202)
        self.assertTrue(self.d.ok("GET", "/status")["intake"]["last_ping_ms"])

    def test_a_wrong_secret_raises_one_alarm_that_says_what_to_do(self):
        for i in range(3):
            self.d.webhook(event("EVX%d" % i), secret="wrong")
        alarms = wait_for(lambda: [a for a in self.d.ok("GET", "/alarms")["items"] if a["key"] == "webhook.signature"])
        self.assertEqual(len(alarms), 1)
        self.assertIn("secret", alarms[0]["todo"])

    def test_answered_means_on_disk_through_kill_9(self):
        """INV-1: many senders at once; SIGKILL in the middle; every 202 has its row."""
        for round_ in range(3):
            acked = []
            lock = threading.Lock()

            def sender(k, round_=round_):
                for i in range(200):
                    eid = "EVK%d-%d-%d" % (round_, k, i)
                    try:
                        if self.d.webhook(event(eid))[0] != 202:
                            continue
                    except OSError:
                        return
                    with lock:
                        acked.append(eid)

            threads = [threading.Thread(target=sender, args=(k,)) for k in range(8)]
            for t in threads:
                t.start()
            time.sleep(0.4 + 0.2 * round_)
            self.d.kill()
            for t in threads:
                t.join()
            self.assertGreater(len(acked), 10)
            self.d.start()
            rows = self.events()
            self.assertEqual([e for e in acked if e not in rows], [])
            self.assertEqual({r[2] for e, r in rows.items() if e in acked}, {1})

    def test_a_slow_body_does_not_hold_up_others(self):
        s = socket.create_connection(("127.0.0.1", self.d.port))
        s.sendall(b"POST /webhooks/pagerduty HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        begun = time.monotonic()
        self.assertEqual(self.d.webhook(event("EVFAST"))[0], 202)
        self.assertLess(time.monotonic() - begun, 5)
        s.close()


if __name__ == "__main__":
    unittest.main()

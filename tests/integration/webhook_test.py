"""Intake: the answers of PagerDuty's contract, on the real binary and PagerDuty's own bodies."""
import glob
import hashlib
import json
import os
import random
import re
import shutil
import socket
import struct
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
        text = read(self.d.config).decode().replace("  port: 0\n", "  port: 0\n  max_age_s: 31536000\n  failed_per_minute: 100000\n")
        with open(self.d.config, "w") as f:
            f.write(text)
        self.d.start()

    def tearDown(self):
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
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
        text = read(self.d.config).decode()
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
        self.assertEqual(self.d.get("/webhooks/pagerduty")[0], 405)
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

    def raw(self, *parts, gap=0.0):
        """Sends bytes as they are and reads until the other side closes or is quiet: (first status, everything, closed)."""
        got, closed = b"", False
        with socket.create_connection(("127.0.0.1", self.d.port)) as s:
            s.settimeout(0.4)
            try:
                for part in parts:
                    s.sendall(part)
                    time.sleep(gap)
                while not closed:
                    more = s.recv(65536)
                    got, closed = got + more, not more
            except ConnectionError:
                closed = True
            except socket.timeout:
                pass
        status = int(got[9:12]) if got.startswith(b"HTTP/1.1 ") else None
        return status, got, closed

    def test_what_two_readers_could_understand_differently_is_refused(self):
        """F-02, threat model I3 and I7: raw bytes; each with a body and a signature that would be good."""
        body = event("EVGUARD")
        sig = sign(body).encode()
        good = [b"Host: x", b"Content-Length: %d" % len(body), b"X-PagerDuty-Signature: " + sig]
        chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)

        def post(headers, data=body, line=b"POST /webhooks/pagerduty HTTP/1.1", end=b"\r\n"):
            return line + end + b"".join(h + end for h in headers) + end + data

        refused = {
            "two lengths": post(good + [b"Content-Length: %d" % len(body)]),
            "two lengths that differ": post(good + [b"Content-Length: 1"]),
            "length and encoding": post(good + [b"Transfer-Encoding: chunked"], chunked),
            "encoding and length": post([b"Host: x", b"Transfer-Encoding: chunked"] + good[1:], chunked),
            "two encodings": post([good[0], good[2], b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"], chunked),
            "an encoding list": post([good[0], good[2], b"Transfer-Encoding: gzip, chunked"], chunked),
            "an unknown encoding": post([good[0], good[2], b"Transfer-Encoding: identity"]),
            "an encoding with a tail": post([good[0], good[2], b"Transfer-Encoding: chunkedx"], chunked),
            "two hosts": post(good + [b"Host: y"]),
            "no host": post(good[1:]),
            "two signatures": post(good + [b"X-PagerDuty-Signature: v1=" + b"0" * 64]),
            "two signatures, good one last": post(good[:2] + [b"X-PagerDuty-Signature: v1=" + b"0" * 64] + good[2:]),
            "two signatures, other case": post(good + [b"x-pagerduty-signature: " + sig]),
            "two authorizations": post(good + [b"Authorization: Bearer a", b"Authorization: Bearer b"]),
            "NUL in the signature": post(good[:2] + [good[2] + b"\0,v1=00"]),
            "NUL at its end": post(good[:2] + [good[2] + b"\0"]),
            "NULs at its end": post(good[:2] + [good[2] + b"\0\0"]),
            "NUL in another value": post(good + [b"X-A: a\0b"]),
            "NUL in a name": post(good + [b"X-\0A: a"]),
            "control character": post(good + [b"X-A: a\x01b"]),
            "delete character": post(good + [b"X-A: a\x7fb"]),
            "bare CR": post(good + [b"X-A: a\rX-B: b"]),
            "folded": post(good + [b"X-A: a\r\n b"]),
            "folded signature": post(good[:2] + [b"X-PagerDuty-Signature:\r\n " + sig]),
            "folded with a tab": post(good + [b"X-A: a\r\n\tb"]),
            "bare LF": post(good, end=b"\n"),
            "one bare LF": post(good + [b"X-A: a\nX-B: b"]),
            "bare LF at the end": post(good)[:-len(body) - 2] + b"\n" + body,
            "space before the colon": post(good[:2] + [b"X-PagerDuty-Signature : " + sig]),
            "space in a name": post(good + [b"X A: a"]),
            "empty name": post(good + [b": a"]),
            "line without a colon": post(good + [b"nonsense"]),
            "length is no number": post([good[0], good[2], b"Content-Length: x"]),
            "length with a sign": post([good[0], good[2], b"Content-Length: +%d" % len(body)]),
            "negative length": post([good[0], good[2], b"Content-Length: -1"]),
            "length list": post([good[0], good[2], b"Content-Length: %d, %d" % (len(body), len(body))]),
            "hexadecimal length": post([good[0], good[2], b"Content-Length: 0x%x" % len(body)]),
            "chunk size is no number": post([good[0], good[2], b"Transfer-Encoding: chunked"], b"zz\r\n" + body + b"\r\n0\r\n\r\n"),
            "negative chunk": post([good[0], good[2], b"Transfer-Encoding: chunked"], b"-1\r\n" + body + b"\r\n0\r\n\r\n"),
            "no version": post(good, line=b"POST /webhooks/pagerduty"),
        }
        for name, data in refused.items():
            status, got, closed = self.raw(data)
            self.assertNotEqual(status, 202, name)
            self.assertIn(status, (400, 401, 405, 411, 413, 501, 505, None), (name, got[:200]))
            self.assertTrue(closed, (name, got))
        status, got, closed = self.raw(post(good + [b"X-A: " + b"a" * 70000]))
        self.assertIn(status, (413, 431), got[:100])
        self.assertEqual(set(self.events()), set())
        self.assertTrue(self.d.alive())
        fine = {
            "as it should be": post(good),
            "in capitals": post([good[0], good[1], b"X-PAGERDUTY-SIGNATURE: " + sig]),
            "no space after the colon": post([good[0], good[1], b"X-PagerDuty-Signature:" + sig]),
            "spaces around": post([b"Host:   x", good[1], b"X-PagerDuty-Signature: \t " + sig]),
            "an empty value and a tab": post(good + [b"X-Empty:", b"X-Tab: a\tb", b"Cookie: a=b; c=d"]),
            "latin-1": post(good + [b"X-Name: J\xf8rn"]),
            "chunked": post([good[0], good[2], b"Transfer-Encoding: chunked"], chunked),
            "Chunked": post([good[0], good[2], b"Transfer-Encoding: Chunked"], chunked),
            "many chunks": post([good[0], good[2], b"Transfer-Encoding: chunked"],
                                b"".join(b"1\r\n%c\r\n" % c for c in body) + b"0\r\n\r\n"),
            "chunk extension": post([good[0], good[2], b"Transfer-Encoding: chunked"],
                                    b"%x;a=b\r\n%s\r\n0\r\n\r\n" % (len(body), body)),
            "trailers": post([good[0], good[2], b"Transfer-Encoding: chunked"],
                             b"%x\r\n%s\r\n0\r\nX-PagerDuty-Signature: v1=00\r\n\r\n" % (len(body), body)),
            "signature only in a trailer": None,
            "absolute address": post(good, line=b"POST http://x/webhooks/pagerduty HTTP/1.1"),
        }
        for name, data in fine.items():
            if data is None:
                data = post([good[0], b"Transfer-Encoding: chunked"],
                            b"%x\r\n%s\r\n0\r\nX-PagerDuty-Signature: %s\r\n\r\n" % (len(body), body, sig))
                self.assertEqual(self.raw(data)[0], 401, name)
                continue
            status, got, _ = self.raw(data)
            self.assertIn(status, (202, 404) if name == "absolute address" else (202,), (name, got[:300]))
        self.assertEqual(set(self.events()), {"EVGUARD"})

    def test_random_malformed_requests_leave_the_daemon_standing(self):
        """F-02's second half, 600 of them: no crash, no 5xx, nothing stored."""
        rnd = random.Random(7)
        body = event("EVRANDOM")
        whole = (b"POST /webhooks/pagerduty HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nX-PagerDuty-Signature: %s\r\n\r\n" %
                 (len(body), b"v1=" + b"ab" * 32)) + body
        for _ in range(600):
            data = bytearray(whole)
            for _ in range(rnd.randint(1, 6)):
                at = rnd.randrange(len(data))
                act = rnd.randrange(4)
                if act == 0:
                    data[at] = rnd.randrange(256)
                elif act == 1:
                    del data[at:at + rnd.randint(1, 40)]
                elif act == 2:
                    data[at:at] = rnd.choice([b"\r\n", b"\n", b"\0", b": ", b"%00", b"Transfer-Encoding: chunked\r\n", b" ", b"\xff" * 9])
                else:
                    data = data[:at + 1]
                data = data or bytearray(b"G")
            with socket.create_connection(("127.0.0.1", self.d.port)) as s:
                s.settimeout(5)
                try:
                    s.sendall(data)
                    s.shutdown(socket.SHUT_WR)
                    while s.recv(65536):
                        pass
                except ConnectionError:
                    pass
        self.assertTrue(self.d.alive())
        self.assertEqual(set(self.events()), set())
        self.assertEqual(self.d.webhook(event("EVAFTER"))[0], 202)

    def test_a_refusal_leaves_the_connection_for_the_next_request(self):
        body = event("EVKEEP")
        conn = self.d.connect()
        good = {"X-PagerDuty-Signature": sign(body)}
        for _ in range(3):
            self.assertEqual(request(conn, "POST", "/webhooks/pagerduty/nobody", b"z" * 300000, good)[0], 404)
            self.assertEqual(request(conn, "POST", "/webhooks/pagerduty", b"z" * 300000)[0], 401)
            self.assertEqual(request(conn, "POST", "/webhooks/pagerduty", b"z" * (512 * 1024 + 1), good)[0], 413)
            self.assertEqual(request(conn, "PUT", "/webhooks/pagerduty", b"z" * 60000)[0], 405)
            self.assertEqual(request(conn, "POST", "/webhooks/pagerduty", body, good)[0], 202)
        conn.close()
        self.assertEqual(set(self.events()), {"EVKEEP"})

    def test_pipelined_requests_are_answered_in_order(self):
        one, two = event("EVPIPE1"), event("EVPIPE2")
        data = b""
        for body, sig in ((one, sign(one)), (two, "v1=xyz"), (two, sign(two))):
            data += b"POST /webhooks/pagerduty HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nX-PagerDuty-Signature: %s\r\n\r\n" % (
                len(body), sig.encode()) + body
        _, got, _ = self.raw(data)
        self.assertEqual(re.findall(rb"HTTP/1.1 (\d+)", got), [b"202", b"401", b"202"])
        self.assertEqual(set(self.events()), {"EVPIPE1", "EVPIPE2"})

    def test_100_continue_comes_before_the_body_and_a_refusal_instead_of_it(self):
        body = event("EVHUNDRED")
        head = (b"POST /webhooks/pagerduty%s HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n"
                b"X-PagerDuty-Signature: " + sign(body).encode() + b"\r\n\r\n")
        status, got, _ = self.raw(head % (b"", len(body)), body, gap=0.1)
        self.assertTrue(got.startswith(b"HTTP/1.1 100 "), got[:50])
        self.assertIn(b"HTTP/1.1 202", got)
        for path, length, want in ((b"", 10 ** 9, 413), (b"/nobody", len(body), 404)):
            status, got, closed = self.raw(head % (path, length))
            self.assertEqual((status, closed), (want, True), got[:100])

    def test_an_announced_length_alone_takes_no_memory(self):
        """I9: 200 connections announce 512 KiB each and send one byte."""
        def rss_kib():
            with open("/proc/%d/statm" % self.d.proc.pid) as f:
                return int(f.read().split()[1]) * 4

        self.assertEqual(self.d.webhook(event("EVWARM"))[0], 202)
        before = rss_kib()
        held = []
        for _ in range(200):
            s = socket.create_connection(("127.0.0.1", self.d.port))
            s.sendall(b"POST /webhooks/pagerduty HTTP/1.1\r\nHost: x\r\nContent-Length: 524288\r\n\r\nx")
            held.append(s)
        self.assertEqual(self.d.webhook(event("EVMEM"))[0], 202)
        self.assertLess(rss_kib() - before, 40 * 1024)
        for s in held:
            s.close()

    def test_an_endless_body_ends(self):
        """I9: chunk after chunk: refused or cut, never collected."""
        with socket.create_connection(("127.0.0.1", self.d.port)) as s:
            s.settimeout(10)
            s.sendall(b"POST /webhooks/pagerduty HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            sent = 0
            try:
                while sent < 64 * 1024 * 1024:
                    s.sendall(b"10000\r\n" + b"z" * 65536 + b"\r\n")
                    sent += 65536
            except OSError:
                pass
            self.assertLess(sent, 16 * 1024 * 1024)
        self.assertEqual(self.d.webhook(event("EVEND"))[0], 202)

    def test_a_sender_that_leaves_while_its_event_is_stored_harms_nobody(self):
        """The connection ends while it is suspended: the event is on disk, the thread goes on."""
        for n in range(100):
            body = event("EVGONE%d" % n)
            s = socket.create_connection(("127.0.0.1", self.d.port))
            s.sendall(b"POST /webhooks/pagerduty HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nX-PagerDuty-Signature: %s\r\n\r\n" % (
                len(body), sign(body).encode()) + body)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()
        self.assertEqual(self.d.webhook(event("EVSTILL"))[0], 202)
        self.assertTrue(self.d.alive())


class Limits(unittest.TestCase):
    """Failed verifications, with the limit as it is delivered."""

    def test_failures_of_an_address_are_limited_and_its_good_deliveries_are_not(self):
        """reliability section 4: 429 is for failures; an authentic sender is never limited."""
        folder = tempfile.mkdtemp(prefix="triaged-test-")
        os.chmod(folder, 0o700)
        d = Daemon(folder, "http://127.0.0.1:9")
        d.start()
        try:
            got = [d.webhook(event("EVL%d" % n), secret="wrong")[0] for n in range(70)]
            self.assertEqual(got, [503] * 60 + [429] * 10)
            self.assertEqual(d.webhook(event("EVL"), signature="")[0], 429)
            status, _, headers = d.webhook(event("EVL"), secret="wrong")
            self.assertEqual((status, headers["Retry-After"]), (429, "60"))
            self.assertEqual(d.webhook(event("EVGOOD"))[0], 202)
        finally:
            self.assertEqual(d.stop(), 0, d.tail())
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    unittest.main()

"""Eyes beyond PagerDuty, end to end: other sources become evidence, cost nothing when they fail, and never lead to another host."""
import ipaddress
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from tests.lib import play
from tests.lib.prometheus import Prometheus
from tests.lib.world import BIN, TOP, Daemon, Sandbox, World, wait_for

CTL = os.path.join(BIN, "cli", "triagectl")
# The pass that the judge waits for is 1.5 s; the rest is a busy machine.
RULES_VIEW_S = 4.0


def shipped(base, token):
    """etc/sources.yaml as it is shipped, with the sandbox's hosts in the place of the examples."""
    with open(os.path.join(TOP, "etc", "sources.yaml")) as f:
        text = f.read()
    for name, part in (("https://prometheus.example.com", "prometheus"), ("https://loki.example.com", "loki"),
                       ("https://api.github.com", "github"), ("https://status.example.net", "status")):
        assert name in text, name
        text = text.replace("base_url: " + name, "base_url: %s/_outside/%s\n    allow_private_addresses: true #" % (base, part))
    text = re.sub(r"\n    allow_private_addresses: true     #.*", "", text)
    text = re.sub(r"\n    allow_private_addresses: true(?=\n    probe: /ready)", "", text)
    return text.replace("secret_file: github-token", "secret_file: " + token).replace("example-org", "lumenparcel")


ROWS = """
hosts:
  - {name: prom, base_url: "%(base)s/_outside/prometheus", allow_private_addresses: true}
  - {name: loki, base_url: "%(base)s/_outside/loki", allow_private_addresses: true}
  - {name: github, base_url: "%(base)s/_outside/github", allow_private_addresses: true}
  - {name: status, base_url: "%(base)s/_outside/status", allow_private_addresses: true}
sources:
  - {name: alerts, host: prom, url: /api/v1/alerts, extract: {json: "data.alerts[*]", line: "{labels.alertname}"}}
  - {name: logs, host: loki, url: /loki/api/v1/query_range, params: {query: '{{service="{service.name|quote}"}}'},
     extract: {json: "data.result[*].values[*]", line: "{[1]}"}}
  - {name: commits, host: github, url: "/repos/lumenparcel/{service.id}/commits", extract: {json: "[*]", line: "{commit.message}"}}
  - {name: status, host: status, url: /api/v2/summary.json, extract: {json: status, line: "{description}"}}
"""


def ctl(*args, config=None, prefix=(), env=None):
    """(exit code, parsed JSON or text, stderr) of triagectl --json."""
    argv = list(prefix) + [CTL, "--json"] + (["--config", config] if config else []) + list(args)
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL, timeout=120,
                          env=dict(os.environ, **(env or {})))
    try:
        return done.returncode, json.loads(done.stdout), done.stderr
    except ValueError:
        return done.returncode, done.stdout, done.stderr


class Sources(unittest.TestCase):
    def world(self, sources=None, **settings):
        self.w = World(seed=31, **settings)
        self.addCleanup(self.w.close)
        if sources:
            self.w.daemon.write("sources.yaml", sources(self.w))
        return self.w

    def wait_known(self, incident, what, seconds=25):
        def there():
            x = play.shown(self.w, incident)
            return x if x and x["assessment"] and what(x) else None

        there.__doc__ = "what sources tell about %s is known" % incident
        return wait_for(there, seconds)

    @staticmethod
    def missed(x):
        """{name of the source: why it was not checked} of what is over, not of what is still out."""
        return {n["source"]: n["why"] for n in x["not_checked"] if n["kind"] == "source" and n["why"] != "not answered yet"}

    # ---- the rows that are shipped

    def test_the_shipped_rows_become_evidence_with_numbers(self):
        def sources(w):
            return shipped(w.sandbox.url, w.daemon.write("gh", "ghp_tests_only\n"))

        w = self.world(sources)
        w.sandbox.control("outside", {"path": "/github", "mode": "ok", "authorization": "Bearer ghp_tests_only"})
        w.start()
        i = w.sandbox.control("history-incidents", {"count": 1})["incidents"][0]["id"]
        x = self.wait_known(i, lambda x: len(x["known"]["sources"] or []) == 4)
        told = {s["name"]: s for s in x["known"]["sources"]}
        self.assertEqual(set(told), {"metric-of-the-alert", "prometheus-alerts", "error-lines", "deployments"})
        self.assertRegex(told["metric-of-the-alert"]["lines"][0], r"^\S+-01\.\S+: up to [0-9.]+$")
        self.assertIn("since 20", told["prometheus-alerts"]["lines"][0])
        self.assertIn("level=error", told["error-lines"]["lines"][0])
        self.assertTrue(told["metric-of-the-alert"]["link"].startswith("https://grafana.example.com/"))
        for s in told.values():
            self.assertLessEqual(len(s["lines"]), 5)
            self.assertTrue(all(len(line.encode()) <= 240 for line in s["lines"]))
        # Each is evidence with a number that the API shows.
        cited = x["known"]["evidence"]["sources"]
        self.assertEqual(len(cited), 4)
        listed = {e["name"]: e for e in x["evidence"]}
        for name in cited:
            self.assertEqual((listed[name]["kind"], listed[name]["state"], listed[name]["current"]), ("source", "ok", True))
            one = w.daemon.ok("GET", "/incidents/%s/evidence/%s" % (i, name[1:]))
            self.assertEqual(one["body"]["lines"], told[one["body"]["name"]]["lines"])
        self.assertEqual(self.missed(x), {})
        # The credential goes to its host and to no other; at most four are asked, each once.
        asked = w.sandbox.control("outside")["requests"]
        self.assertEqual(len(asked), 4, asked)
        for r in asked:
            self.assertEqual(r["authorization"], "Bearer ghp_tests_only" if "/github/" in r["path"] else None)
        with open(w.daemon.log) as f:
            self.assertNotIn("ghp_tests_only", f.read())

    def test_check_and_try_say_what_a_row_does(self):
        w = self.world(lambda w: shipped(w.sandbox.url, w.daemon.write("gh", "ghp_tests_only\n")))
        code, listed, _ = ctl("sources", config=w.daemon.config)
        self.assertEqual((code, len(listed["sources"])), (0, 6))
        self.assertNotIn("ghp_tests_only", json.dumps(listed))
        code, checked, _ = ctl("sources", "check", config=w.daemon.config)
        self.assertEqual({h["host"] for h in checked["hosts"]}, {"prometheus", "loki", "github", "vendor-status"})
        self.assertEqual(code, 0, checked)
        # Without a daemon, every shipped row against the sandbox.
        w.sandbox.trigger(service="PSTRACK", title="Queue length above its limit", urgency="high")
        for name, least in (("metric-of-the-alert", 2), ("prometheus-alerts", 1), ("error-lines", 1), ("deployments", 0), ("commits", 0),
                            ("vendor", 0)):
            code, got, err = ctl("sources", "try", name, "--service", "PSTRACK", "--title", "payment queue", "--detail",
                                 "metric=queue_length", config=w.daemon.config)
            self.assertEqual(code, 0, (name, got, err))
            self.assertEqual((got["status"], got["why"]), (200, None), name)
            self.assertGreaterEqual(len(got["lines"]), least, (name, got))
            self.assertNotIn("ghp_tests_only", json.dumps(got))
        code, _, err = ctl("sources", "try", "metric-of-the-alert", "--service", "PSTRACK", config=w.daemon.config)
        self.assertEqual(code, 4)
        self.assertIn("{alerts.details.metric} is not known", err)
        # With a daemon, the evidence of an incident fills the places.
        w.start()
        i = w.sandbox.control("history-incidents", {"count": 1})["incidents"][0]
        play.when_read(w, i["id"])
        code, got, err = ctl("sources", "try", "metric-of-the-alert", str(i["number"]), config=w.daemon.config,
                             env={"TRIAGED_TOKEN_FILE": w.daemon.write("token", w.admin)})
        self.assertEqual((code, got["asked"]), (0, True), err)

    def test_a_reload_takes_another_file_over_and_a_broken_one_not(self):
        w = self.world(lambda w: ROWS % {"base": w.sandbox.url})
        w.start()
        i = play.trigger(w)
        self.wait_known(i, lambda x: len(x["known"]["sources"] or []) == 4)
        w.daemon.write("sources.yaml", "sources: [{name: x}]\n")
        w.daemon.proc.send_signal(1)

        def refused():
            """the broken file is an alarm"""
            return [a for a in w.daemon.ok("GET", "/alarms")["items"] if "sources.yaml:1" in a["what"]]

        wait_for(refused)
        w.daemon.write("sources.yaml", (ROWS % {"base": w.sandbox.url}).replace("name: logs", "name: other"))
        w.daemon.proc.send_signal(1)
        wait_for(lambda: not refused())
        j = play.trigger(w, title="Another one")
        x = self.wait_known(j, lambda x: len(x["known"]["sources"] or []) == 4)
        self.assertIn("other", {s["name"] for s in x["known"]["sources"]})

    # ---- what does not answer

    def test_hanging_sources_delay_nothing_and_read_not_checked(self):
        """The rules' view is there within its time while every source hangs; each then costs 3 s and says so."""
        w = self.world(lambda w: ROWS % {"base": w.sandbox.url})
        w.sandbox.control("outside", {"mode": "hang"})
        w.start()
        begun = time.monotonic()
        i = w.sandbox.trigger(service="PSTRACK", title="Queue length above its limit", urgency="high")["id"]
        self.wait_known(i, lambda x: True)
        self.assertLess(time.monotonic() - begun, RULES_VIEW_S)
        x = self.wait_known(i, lambda x: len(self.missed(x)) == 4, 15)
        self.assertLess(time.monotonic() - begun, RULES_VIEW_S + 6)
        for why in self.missed(x).values():
            self.assertRegex(why, "^no answer: timed out")
        self.assertIsNone(x["known"]["sources"], "what was not answered is not 'nothing found'")
        # Ten more incidents do not wait for each other's sources.
        begun = time.monotonic()
        more = [w.sandbox.trigger(service="PSTRACK", title="Number %d" % n, urgency="high")["id"] for n in range(10)]
        for m in more:
            self.wait_known(m, lambda x: True)
        self.assertLess(time.monotonic() - begun, RULES_VIEW_S + 3)

    def peak_kib(self):
        with open("/proc/%d/status" % self.w.daemon.proc.pid) as f:
            return int(re.search(r"VmHWM:\s+(\d+)", f.read()).group(1))

    def test_a_source_that_lies_or_floods_costs_little_and_is_named(self):
        """1 GiB, a false length, a bomb, garbage, a redirect: bounded memory, 3 s, 'not checked' with the reason."""
        rounds = [
            {"/prometheus": ("endless", "^(no answer: (answer is over|timed out))"), "/loki": ("lying_length", "^no answer: "),
             "/github": ("redirect", "^answered 302: redirects are not followed"), "/status": ("gzip_bomb", "could not be read")},
            {"/prometheus": ("500", "^answered 500"), "/loki": ("garbage", "could not be read"), "/github": ("drip", "timed out"),
             "/status": ("slow", "timed out")},
        ]
        w = self.world(lambda w: ROWS % {"base": w.sandbox.url})
        w.start(ASAN_OPTIONS="quarantine_size_mb=1:malloc_context_size=2")
        play.when_read(w, w.sandbox.trigger(service="PSPARDB", title="Warm up", urgency="high")["id"])
        for n, modes in enumerate(rounds):
            for path, (mode, _) in modes.items():
                w.sandbox.control("outside", {"path": path, "mode": mode, "location": w.sandbox.url + "/_outside/status/redirected"})
            before = self.peak_kib()
            i = w.sandbox.trigger(service="PSTRACK", title="Flood %d" % n, urgency="high")["id"]
            x = self.wait_known(i, lambda x: len(self.missed(x)) == 4, 20)
            names = {"/prometheus": "alerts", "/loki": "logs", "/github": "commits", "/status": "status"}
            for path, (mode, why) in modes.items():
                with self.subTest(mode=mode):
                    self.assertRegex(self.missed(x)[names[path]], why)
            grown = self.peak_kib() - before
            print("round %d: the peak grew by %d KiB" % (n, grown))
            self.assertLess(grown, 48 * 1024)
        self.assertFalse([r for r in w.sandbox.control("outside")["requests"] if "redirected" in r["path"]])

    def test_a_place_without_a_value_is_not_asked(self):
        rows = """
hosts: [{name: h, base_url: "%s/_outside/status", allow_private_addresses: true}]
sources:
  - {name: nowhere, host: h, url: "/x/{alerts.details.nowhere}", extract: {json: a, line: x}}
  - {name: climbs, host: h, url: "/x/{incident.title}", extract: {json: a, line: x}}
"""
        w = self.world(lambda w: rows % w.sandbox.url)
        w.start()
        i = w.sandbox.trigger(service="PSTRACK", title="..", urgency="high")["id"]
        x = self.wait_known(i, lambda x: len(self.missed(x)) == 2)
        self.assertEqual(self.missed(x)["nowhere"], "not asked: {alerts.details.nowhere} is not known")
        self.assertRegex(self.missed(x)["climbs"], '^not asked: URL path has a "." or ".." part')
        self.assertEqual(w.sandbox.control("outside")["asked"], 0)

    # ---- runbooks and links

    def test_runbooks_that_fit_and_links_of_alerts_stand_beside_it(self):
        w = self.world()
        shutil.copytree(os.path.join(TOP, "runbooks"), os.path.join(w.folder, "runbooks"))
        w.start()
        i = w.sandbox.trigger(service="PSPARDB", title="Too many connections on parcel-db", urgency="high",
                              details={"runbook_url": "https://wiki.lumenparcel.example/db", "dashboard": "javascript:alert(1)",
                                       "dashboard_url": "https://user@evil.example/"})["id"]
        x = self.wait_known(i, lambda x: x["known"]["runbooks"])
        book = x["known"]["runbooks"][0]
        self.assertEqual((book["title"], book["path"]), ("Database runs out of connections", "runbooks/database-connections.md"))
        self.assertIn("symptom: too many connections", book["matched_by"])
        self.assertEqual([s["part"] for s in book["sections"] if s["steps"]], ["diagnosis", "mitigation", "verification", "escalation"])
        with open(os.path.join(w.folder, book["path"])) as f:
            lines = f.read().split("\n")
        for s in book["sections"]:
            self.assertIn(s["heading"], lines[s["line_from"] - 1], "a section is cited by its line")
        self.assertEqual(book["minutes"], 20)
        self.assertTrue(x["known"]["evidence"]["runbooks"])
        links = [link["url"] for link in x["known"]["runbook_links"] if link["from"] == "alert"]
        self.assertEqual(links, ["https://wiki.lumenparcel.example/db"])
        j = w.sandbox.trigger(service="PSTRACK", title="Something without a runbook", urgency="high")["id"]
        x = self.wait_known(j, lambda x: x["incident"]["state_from"] == "rest" and x["known"]["runbooks"] is not None)
        self.assertEqual(x["known"]["runbooks"], [])
        text = self.show(i)
        for part in ("Database runs out of connections", "about 20 min", "Diagnosis (5 min), lines", "diagnosis, 4 steps",
                     "https://wiki.lumenparcel.example/db"):
            self.assertIn(part, text)
        self.assertIn("no runbook matches", self.show(j))
        # Where nothing matches, what helped before stands in its place.
        k = w.sandbox.control("history-incidents", {"count": 8})["incidents"]
        told = [x for x in (self.wait_known(m["id"], lambda x: x["incident"]["state_from"] == "rest" and not self.still_out(x)) for m in k)
                if x["known"]["runbooks"] == [] and x["known"]["last_fix"]]
        self.assertTrue(told, "one of them has a fix and no runbook")
        text = self.show(told[0]["incident"]["id"])
        self.assertIn("no runbook matches fixed before: #", text)

    @staticmethod
    def still_out(x):
        return any("not answered yet" in n["why"] or "still being read" in n["why"] for n in x["not_checked"])

    def show(self, incident):
        done = subprocess.run([CTL, "--config", self.w.daemon.config, "show", incident], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, stdin=subprocess.DEVNULL,
                              env=dict(os.environ, TRIAGED_TOKEN_FILE=self.w.daemon.write("token", self.w.admin)))
        self.assertEqual(done.returncode, 0, done.stderr)
        return " ".join(done.stdout.split())

    # ---- F-25

    FORMS = """127.0.0.1 127.1 127.0.1 127.255.255.254 2130706433 0x7f000001 0x7f.1 0x7f.0.0.1 0X7F000001 017700000001 0177.0.0.1 0177.1
        00000177.0.0.1 127.0.0.01 0 0.0 0.0.0.0 00 0x0 localhost LOCALHOST localhost. foo.localhost ip6-localhost ip6-loopback [::1] [0:0:0:0:0:0:0:1]
        [::] [0000::1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::FFFF:127.0.0.1] [0:0:0:0:0:ffff:127.0.0.1] [::127.0.0.1] [::ffff:0:127.0.0.1]
        [64:ff9b::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b:1::7f00:1] [2002:7f00:1::] [2001:0:7f00:1::] [fe80::1] [fe80::1%25lo] [fec0::1] [fc00::1]
        [fd00::1] [fd00:ec2::254] [ff02::1] [ff01::1] [100::1] [2001:db8::1] 10.0.0.1 10.1 167772161 0x0a000001 012.0.0.1 172.16.0.1 172.31.255.255
        2886729729 192.168.0.1 192.168.1 3232235521 0xc0a80001 169.254.169.254 169.254.43518 2852039166 0xa9fea9fe 0251.0376.0251.0376
        100.64.0.1 100.100.100.200 192.0.0.1 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
        user@127.0.0.1 user:pass@localhost 127.0.0.1%2f@example.com example.com@127.0.0.1 example.com#@127.0.0.1 127.0.0.1\\\\@example.com
        %31%32%37.0.0.1 127%2e0.0.1 \u2460\u2461\u2466.0.0.1 127\u30020\u30020\u30021 metadata.google.internal""".split()

    class Canary:
        """Listens on loopback in both families and counts who comes."""

        def __init__(self):
            self.n = 0
            self.sockets = [socket.create_server(("127.0.0.1", 0))]
            self.port = self.sockets[0].getsockname()[1]
            try:
                self.sockets.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
            except OSError:
                pass  # a machine without IPv6
            for s in self.sockets:
                threading.Thread(target=self.count, args=(s,), daemon=True).start()

        def count(self, s):
            while True:
                try:
                    s.accept()[0].close()
                except OSError:
                    return
                self.n += 1

        def close(self):
            for s in self.sockets:
                s.shutdown(socket.SHUT_RDWR)
                s.close()

    @staticmethod
    def tcp_connects(trace):
        """(address, port) of every connect of a stream socket in strace's output; datagrams are what a resolver does."""
        kinds, found = {}, []
        with open(trace, errors="replace") as f:
            text = f.read()
        # A call that another thread interrupted stands on two lines.
        text = re.sub(r"^(\d+) (.*?) <unfinished \.\.\.>\n((?:.*\n)*?)^\1 <\.\.\. \w+ resumed>", r"\3\1 \2", text, flags=re.M)
        for line in text.split("\n"):
            made = re.search(r"socket\(AF_\w+, (SOCK_\w+).*= (\d+)$", line)
            if made:
                kinds[made.group(2)] = made.group(1)
            to = re.search(r"connect\((\d+), \{sa_family=AF_INET6?, .*?sin6?_port=htons\((\d+)\).*?\"([0-9a-f.:]+)\"", line)
            if to and kinds.get(to.group(1)) == "SOCK_STREAM":
                found.append((to.group(3), int(to.group(2))))
        return found

    def check_hosts(self, folder, hosts, env=None):
        """`sources check` over these base URLs under strace; those that the file refuses are taken out. {index: what is said}."""
        said, left = {}, list(enumerate(hosts))
        trace = os.path.join(folder, "trace")
        path = os.path.join(folder, "sources.yaml")
        while left:
            with open(path, "w") as f:
                f.write("hosts:\n" + "".join("  - {name: h%d, base_url: '%s'}\n" % x for x in left))
            code, got, err = ctl("sources", "check", path, prefix=["strace", "-f", "-e", "trace=socket,connect", "-o", trace],
                                 env=dict(env or {}, ASAN_OPTIONS="detect_leaks=0"))
            bad = re.search(r"sources\.yaml:(\d+): (.*)", err)
            if not bad:
                self.assertIn(code, (0, 1), err)
                said.update({int(h["host"][1:]): h["said"] for h in got["hosts"]})
                return said, self.tcp_connects(trace)
            i, _ = left.pop(int(bad.group(1)) - 2)
            said[i] = "file: " + bad.group(2)
        return said, []

    def test_no_spelling_of_an_inner_address_is_connected_to(self):
        """F-25: 80 base URLs, each as a host that may not be private: 0 connects to denied addresses, read from strace."""
        self.assertGreaterEqual(len(self.FORMS), 80)
        folder = tempfile.mkdtemp(prefix="triaged-test-")
        self.addCleanup(shutil.rmtree, folder)
        canary = self.Canary()
        self.addCleanup(canary.close)
        urls = ["https://%s:%d" % (f, canary.port) for f in self.FORMS]
        refused = answered = 0
        for at in range(0, len(urls), 28):
            said, connects = self.check_hosts(folder, urls[at:at + 28])
            self.assertEqual(connects, [c for c in connects if ipaddress.ip_address(c[0]).is_global], "connects to denied addresses")
            for i, why in said.items():
                self.assertRegex(why, r"^(file: |refused: |does not answer: host name not found|does not answer: connect timed out)",
                                 urls[at + i])
                refused += 1
                answered += why.startswith("refused: ")
        self.assertEqual((refused, canary.n), (len(urls), 0))
        self.assertGreater(answered, 40, "most are refused by address, not by spelling")
        # The same without the defence is red: this test can fail.
        said, connects = self.check_hosts(folder, urls[:3], env={"TRIAGED_DEFENCE_OFF": "net_address"})
        self.assertGreater(len(connects) + canary.n, 0)

    def test_a_daemon_under_strace_connects_to_what_it_may(self):
        """F-25: alerts that name hosts, rows whose names resolve inwards, a redirect: only PagerDuty and the one allowed host are connected to."""
        canary = self.Canary()
        self.addCleanup(canary.close)
        rows = """
hosts:
  - {name: inner, base_url: "https://localhost:%(port)d"}
  - {name: number, base_url: "https://2130706433:%(port)d"}
  - {name: mapped, base_url: "https://[::ffff:127.0.0.1]:%(port)d"}
  - {name: moved, base_url: "%(base)s/_outside/status", allow_private_addresses: true}
sources:
  - {name: inner, host: inner, url: /x, extract: {json: a, line: x}}
  - {name: number, host: number, url: "/{alerts.details.runbook_url}", extract: {json: a, line: x}}
  - {name: mapped, host: mapped, url: "/x?q={alerts.details.runbook_url|quote}", extract: {json: a, line: x}}
  - {name: moved, host: moved, url: "/api/v2/summary.json?u={alerts.details.runbook_url|quote}", extract: {json: a, line: x}}
"""
        w = self.world(lambda w: rows % {"port": canary.port, "base": w.sandbox.url})
        evil = "http://127.0.0.1:%d/steal" % canary.port
        w.sandbox.control("outside", {"path": "/status", "mode": "redirect", "location": evil})
        trace = os.path.join(w.folder, "trace")
        plain = Daemon.spawn
        self.addCleanup(setattr, w.daemon, "spawn", plain.__get__(w.daemon))
        # -D: the tracer steps aside, so that the process which is stopped in the end is the daemon itself.
        w.daemon.spawn = lambda argv, env=None: plain(w.daemon, ["strace", "-D", "-f", "-e", "trace=socket,connect", "-o", trace] + argv, env)
        w.start(ASAN_OPTIONS="detect_leaks=0")
        i = w.sandbox.trigger(service="PSTRACK", title="Look at " + evil, urgency="high",
                              details={"runbook_url": evil, "dashboard": evil})["id"]
        x = self.wait_known(i, lambda x: len(self.missed(x)) == 4, 30)
        self.assertRegex(self.missed(x)["inner"], "loopback address, which is not allowed")
        self.assertRegex(self.missed(x)["mapped"], "loopback address, which is not allowed")
        self.assertRegex(self.missed(x)["moved"], "^answered 302")
        connects = self.tcp_connects(trace)
        self.assertTrue(connects)
        self.assertEqual({port for _, port in connects}, {w.sandbox.port})
        self.assertEqual(canary.n, 0)


class Real(unittest.TestCase):
    """Against the Prometheus of Debian 12."""

    def test_rows_work_against_a_real_prometheus(self):
        folder = tempfile.mkdtemp(prefix="triaged-test-")
        self.addCleanup(shutil.rmtree, folder)
        p = Prometheus(folder)
        self.addCleanup(p.stop)
        p.start()
        with open(os.path.join(TOP, "etc", "sources.yaml")) as f:
            text = f.read()
        text = text.replace("https://prometheus.example.com", p.url).replace("github-token", os.path.join(folder, "gh"))
        with open(os.open(os.path.join(folder, "gh"), os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
            f.write("x")
        path = os.path.join(folder, "sources.yaml")
        with open(path, "w") as f:
            f.write(text)
        code, got, err = ctl("sources", "try", "prometheus-alerts", "--sources", path)
        self.assertEqual((code, got["status"]), (0, 200), (got, err))
        self.assertRegex(got["lines"][0], r"^AlwaysFiring \(page\) since 20\S+: fires for the tests$")
        code, got, err = ctl("sources", "try", "metric-of-the-alert", "--service", "Tracking API", "--detail", "metric=up",
                             "--sources", path)
        self.assertEqual((code, got["status"]), (0, 200), (got, err))
        self.assertEqual(got["lines"], ["127.0.0.1:%d: up to 1" % p.port])
        # A hostile value stays a text within its quotes: a right query that finds nothing.
        code, got, err = ctl("sources", "try", "metric-of-the-alert", "--service", '"} or vector(1) or {a="', "--detail", "metric=up",
                             "--sources", path)
        self.assertEqual((code, got["status"], got["lines"]), (0, 200, []), (got, err))


if __name__ == "__main__":
    unittest.main()

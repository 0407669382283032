"""triagectl look: every figure equals one that is reckoned here from the sandbox's own REST answers, and it only ever reads."""
import collections
import datetime
import http.client
import http.server
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest
import zoneinfo

from tests.lib.world import BIN, READONLY_KEY, Sandbox, free_port, no_reports, wait_for

CLI = os.path.join(BIN, "cli", "triagectl")


def seconds(iso):
    return int(datetime.datetime.fromisoformat(iso.replace("Z", "+00:00")).timestamp())


def symptom(title):
    """Numbers and what looks like the name of a host or a pod are taken out: written anew, not taken from the program."""
    t = re.sub(r"-[bcdfghjklmnpqrstvwxz2456789]{9}-[bcdfghjklmnpqrstvwxz2456789]{5}\b", "-#", title.lower())
    return re.sub(r"\d+([.,]\d+)*", "#", t)


def median(spans):
    spans = sorted(spans)
    return (spans[(len(spans) - 1) // 2] + spans[len(spans) // 2]) // 2 if spans else None


def percent(n, of):
    return int(100.0 * n / of + 0.5) if of else 0


def pages_of(sandbox, path, key):
    """All items of a list, by offset."""
    items, offset = [], 0
    while True:
        status, value, _ = sandbox.rest("GET", "%s%slimit=100&offset=%d" % (path, "&" if "?" in path else "?", offset))
        assert status == 200, (status, value)
        items += value[key]
        offset += 100
        if not value["more"]:
            return items


class Truth:
    """What the account looks like, from REST alone."""

    def __init__(self, sandbox, since, until, zone):
        self.sandbox, self.since, self.until, self.zone = sandbox, since, until, zoneinfo.ZoneInfo(zone)
        iso = "since=%s&until=%s" % (self.iso(since), self.iso(until))
        seen = {i["id"]: i for i in pages_of(sandbox, "/incidents?" + iso, "incidents")}
        self.incidents = {k: i for k, i in seen.items() if since <= seconds(i["created_at"]) < until}
        logs, step = {}, min(6 * 3600 if until - since < 3 * 86400 else 10 * 86400, until - since)
        for at in range(since, until, step):  # offsets end at 10,000
            logs.update({e["id"]: e for e in pages_of(sandbox, "/log_entries?since=%s&until=%s" % (
                self.iso(at), self.iso(min(at + step, until))), "log_entries")})
        self.logs = [e for e in logs.values() if since <= seconds(e["created_at"]) < until]
        self.reckon_logs()
        self.groups = collections.defaultdict(list)
        for i in self.incidents.values():
            self.groups[(i["service"]["id"], symptom(i["title"]))].append(i)
        for g in self.groups.values():
            g.sort(key=lambda i: (i["created_at"], i["incident_number"]))

    @staticmethod
    def iso(at):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))

    def is_night(self, at):
        local = datetime.datetime.fromtimestamp(at, self.zone)
        return local.hour >= 22 or local.hour < 7

    def reckon_logs(self):
        self.pages, self.night, self.acked = collections.Counter(), set(), {}
        self.assigned, self.names = collections.defaultdict(set), {}
        for e in self.logs:
            kind, incident, at = e["type"].replace("_log_entry", ""), e["incident"]["id"], seconds(e["created_at"])
            if kind == "notify":
                pair = (incident, e["user"]["id"])
                self.names[e["user"]["id"]] = e["user"]["summary"]
                self.pages[pair] += 1
                if self.is_night(at):
                    self.night.add(pair)
            elif kind == "acknowledge":
                self.acked[incident] = min(at, self.acked.get(incident, at))
            elif kind in ("assign", "escalate", "delegate"):
                for user in e["assignees"]:
                    self.assigned[user["id"]].add(incident)

    # ---- one incident

    @staticmethod
    def merged(i):
        return (i["resolve_reason"] or {}).get("type") == "merge_resolve_reason"

    def ended(self, i):
        return i["status"] == "resolved" and not self.merged(i)

    @staticmethod
    def by_person(i):
        return i["last_status_change_by"]["type"].startswith("user")

    @staticmethod
    def took(i):
        return seconds(i["resolved_at"]) - seconds(i["created_at"])

    def pages_on(self, incidents):
        ids = {i["id"] for i in incidents}
        pairs = [p for p in self.pages if p[0] in ids]
        return len(pairs), sum(p in self.night for p in pairs)

    # ---- one symptom

    def row(self, group):
        ended = [i for i in group if self.ended(i)]
        alone = [i for i in ended if not self.by_person(i)]
        spans = sorted(map(self.took, alone))
        hold = -(-spans[-(-len(spans) * 75 // 100) - 1] // 60) * 60 if spans else None
        pages, night = self.pages_on(group)
        newest = group[-1]
        return {
            "title": newest["title"], "service": newest["service"]["summary"], "service_id": newest["service"]["id"],
            "incidents": len(group), "open": sum(i["status"] != "resolved" for i in group),
            "resolved": sum(i["status"] == "resolved" for i in group),
            "merged": sum(self.merged(i) for i in group), "by_person": len(ended) - len(alone), "self_cleared": len(alone),
            "self_cleared_pct": percent(len(alone), len(ended)), "self_cleared_median_s": median(spans),
            "median_s": median(map(self.took, ended)), "hold_off_s": hold,
            "spared_pages": self.pages_on([i for i in alone if self.took(i) <= hold])[0] if spans else 0,
            "pages": pages, "night_pages": night, "first_at": self.iso(seconds(group[0]["created_at"])),
            "last_at": self.iso(seconds(newest["created_at"])),
            "newest": {"id": newest["id"], "number": newest["incident_number"], "url": newest["html_url"]}}

    def fix(self, group):
        """The newest note of a person on the newest incident that a person resolved and left one on."""
        for i in reversed(group):
            if not self.ended(i) or not self.by_person(i):
                continue
            notes = self.sandbox.rest("GET", "/incidents/%s/notes" % i["id"])[1]["notes"]
            notes = [n for n in notes if n["user"]["type"].startswith("user") and not n["content"].startswith("[triaged:")]
            if notes:
                n = max(notes, key=lambda n: n["created_at"])
                return {"quote": n["content"], "author": n["user"]["summary"], "at": self.iso(seconds(n["created_at"])),
                        "incident_id": i["id"], "incident_number": i["incident_number"]}
        return None

    def person(self, user):
        pairs = [p for p in self.pages if p[1] == user]
        return {"id": user, "name": self.names[user], "pages": len(pairs), "pages_pct": percent(len(pairs), len(self.pages)),
                "notifications": sum(self.pages[p] for p in pairs), "assigned": len(self.assigned[user]),
                "night_pages": sum(p in self.night for p in pairs)}


class Look(unittest.TestCase):
    def sandbox(self, scenario, seed=1):
        folder = tempfile.mkdtemp(prefix="triaged-look-")
        os.chmod(folder, 0o700)
        self.addCleanup(shutil.rmtree, folder, True)
        self.folder = folder
        self.s = Sandbox(folder, scenario, seed).start()
        self.addCleanup(self.s.stop)
        return self.s

    def key(self, text=READONLY_KEY, mode=0o600):
        path = os.path.join(self.folder, "key")
        with open(path, "w") as f:
            f.write(text + "\n")
        os.chmod(path, mode)
        return path

    def argv(self, *more, url=None, key=True):
        argv = [CLI, "look", "--base-url", url or self.s.url] + (["--token-file", self.key()] if key is True else [])
        return argv + list(more)

    def env(self, **kw):
        env = {k: v for k, v in os.environ.items() if not k.startswith("TRIAGED_")}
        return dict(env, TRIAGED_CONFIG="/nonexistent/triaged.yaml", **kw)

    def run_look(self, *more, code=0, url=None, key=True, **env):
        done = subprocess.run(self.argv(*more, url=url, key=key), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              stdin=subprocess.DEVNULL, env=self.env(**env), timeout=100)
        no_reports(done.stderr, "triagectl look")
        self.assertEqual(done.returncode, code, done.stderr + done.stdout[-500:])
        self.said = done.stderr
        return done.stdout

    def report(self, *more, **kw):
        return json.loads(self.run_look("--json", *more, **kw))

    # ---- comparing

    def compare(self, report):
        w = report["window"]
        t = Truth(self.s, seconds(w["since"]), seconds(w["until"]), w["zone"])
        self.totals(report, t)
        for name, weight, takes in (
                ("causes", "pages", lambda r: r["pages"]),
                ("noisy", "incidents", lambda r: True),
                ("self_clearing", "self_cleared", lambda r: r["self_cleared"] >= 3 and 2 * r["self_cleared"] >=
                 r["self_cleared"] + r["by_person"]),
                ("repeats", "by_person", lambda r: r["incidents"] > 1 and r["by_person"]),
                ("night", "night_pages", lambda r: r["night_pages"])):
            with self.subTest(list=name):
                self.symptoms(report[name], t, weight, takes, name == "repeats")
        self.people(report["people"], t)
        self.longest(report["longest"], t)
        return t

    def totals(self, report, t):
        own, all_of = report["totals"], list(t.incidents.values())
        ended = [i for i in all_of if t.ended(i)]
        still = sorted((i for i in all_of if i["status"] != "resolved"), key=lambda i: i["created_at"])
        self.assertEqual(own["incidents"], len(all_of))
        self.assertEqual(own["open"], len(still))
        if still:
            self.assertEqual(own["oldest_open"]["created_at"], t.iso(seconds(still[0]["created_at"])))
        self.assertEqual(own["merged"], sum(t.merged(i) for i in all_of))
        self.assertEqual(own["by_person"], sum(map(t.by_person, ended)))
        self.assertEqual(own["self_cleared"], sum(not t.by_person(i) for i in ended))
        self.assertEqual(own["symptoms"], len(t.groups))
        self.assertEqual(own["pages"], len(t.pages))
        self.assertEqual(own["earlier_pages"], sum(p[0] not in t.incidents for p in t.pages))
        self.assertEqual(own["notifications"], sum(t.pages.values()))
        self.assertEqual(own["people"], len({p[1] for p in t.pages}))
        self.assertEqual(own["night_pages"], len(t.night))
        acked = [t.acked[k] - seconds(i["created_at"]) for k, i in t.incidents.items() if k in t.acked]
        self.assertEqual(report["acknowledged"], {"n": len(acked), "median_s": median(acked)})
        by_hand = [t.took(i) for i in ended if t.by_person(i)]
        self.assertEqual(report["resolved"], {"n": len(ended), "median_s": median(map(t.took, ended)),
                                              "by_person": {"n": len(by_hand), "median_s": median(by_hand)}})

    def symptoms(self, own, t, weight, takes, fixes):
        want = {}
        for g in t.groups.values():
            r = t.row(g)
            if takes(r):
                want[(r["service_id"], r["title"])] = (r, g)
        self.assertEqual(own["all"], len(want))
        weights = [r[weight] for r in own["rows"]]
        self.assertEqual(weights, sorted((r[weight] for r, _ in want.values()), reverse=True)[:len(weights)])
        self.assertTrue(own["rows"] or not want)
        for r in own["rows"]:
            row, group = want[(r["service_id"], r["title"])]
            told = {k: v for k, v in r.items() if k not in ("fix", "notes_looked_at")}
            self.assertEqual(told, row)
            if fixes:
                self.assertEqual(r["fix"], t.fix(group), r["title"])

    def people(self, own, t):
        users = {p[1] for p in t.pages}
        self.assertEqual(own["all"], len(users))
        self.assertEqual(len({r["id"] for r in own["rows"]}), len(own["rows"]))
        weights = [r["pages"] for r in own["rows"]]
        self.assertEqual(weights, sorted((t.person(u)["pages"] for u in users), reverse=True)[:len(weights)])
        for r in own["rows"]:
            self.assertEqual({k: v for k, v in r.items() if k != "top"}, t.person(r["id"]))
            paged = {p[0] for p in t.pages if p[1] == r["id"]}
            by = {g[-1]["title"]: sum(i["id"] in paged for i in g) for g in t.groups.values()}
            self.assertEqual(r["top"]["pages"], max(by.values()))
            self.assertEqual(by[r["top"]["title"]], r["top"]["pages"])

    def longest(self, own, t):
        over = [i for i in t.incidents.values() if t.ended(i)]
        i = max(over, key=lambda i: (t.took(i), -i["incident_number"]))
        self.assertEqual((own["number"], own["took_s"], own["title"]), (i["incident_number"], t.took(i), i["title"]))
        logs = pages_of(self.s, "/incidents/%s/log_entries" % i["id"], "log_entries")
        notes = self.s.rest("GET", "/incidents/%s/notes" % i["id"])[1]["notes"]
        want = sorted([(seconds(e["created_at"]), e["type"].replace("_log_entry", "")) for e in logs
                       if not (notes and e["type"] == "annotate_log_entry")] +
                      [(seconds(n["created_at"]), "note") for n in notes])
        told = [(seconds(s["at"]), s["what"]) for s in own["timeline"]]
        self.assertEqual(sorted(told), want)
        self.assertEqual([at for at, _ in told], [at for at, _ in want], "in order")
        self.assertEqual([s["after_s"] for s in own["timeline"]], [at - seconds(i["created_at"]) for at, _ in told])
        self.assertEqual(sorted(s["text"] for s in own["timeline"] if s["what"] == "note"), sorted(n["content"] for n in notes))

    # ---- figures

    def test_the_figures_of_thirty_days_equal_those_of_rest(self):
        self.sandbox("quickstart", 3)
        report = self.report("--since", "30d", "--top", "100")
        self.compare(report)
        self.assertTrue(report["read"]["complete"])
        self.assertEqual(report["window"]["span_s"], 30 * 86400)

    def test_the_figures_of_120_days_with_open_incidents_in_another_zone(self):
        self.sandbox("history", 5)
        utc = self.report("--since", "120d")
        oslo = self.report("--since", "120d", "--top", "100", "--zone", "America/New_York")
        t = self.compare(oslo)
        self.compare(utc)
        self.assertGreater(len(t.incidents), 170)
        self.assertNotEqual(utc["totals"]["night_pages"], oslo["totals"]["night_pages"], "the zone decides what is night")
        self.assertEqual(len(utc["noisy"]["rows"]), 8)

    def test_the_figures_of_a_long_past_with_escalations_and_merges(self):
        self.sandbox("empty")
        told = self.s.control("history", {"count": 900, "days": 40, "seed": 4})
        self.s.control("ratelimit", {"limit": 0})
        report = self.report("--since", "30d", "--top", "100")
        t = self.compare(report)
        self.assertGreater(told["merged"], 0)
        self.assertGreater(report["totals"]["merged"], 0)
        self.assertGreater(len(t.pages), len(t.incidents) // 2)
        self.assertTrue(report["read"]["complete"], report["read"])
        self.assertLess(report["read"]["calls"], 400)
        self.assertGreater(len([r for r in report["repeats"]["rows"] if r["fix"]]), 10)

    def test_a_crowded_day_is_read_by_shorter_windows(self):
        self.sandbox("empty")
        self.s.control("history", {"count": 2600, "days": 1, "seed": 9})
        self.s.control("ratelimit", {"limit": 0})
        report = self.report("--since", "36h", "--top", "20")
        t = self.compare(report)
        self.assertGreater(len(t.incidents), 2500)
        self.assertGreater(len(t.logs), 10000, "more than offsets can reach")
        self.assertTrue(report["read"]["complete"])

    def test_incidents_from_before_the_window_are_told_apart(self):
        self.sandbox("empty")
        self.s.control("clock", {"offset_s": -7200})
        made = self.s.trigger(service="PSTRACK", title="Queue stuck", urgency="high")
        self.s.control("clock", {"offset_s": 0})
        self.s.act(made["number"], "asha.verma@lumenparcel.example", "reassign", to=["bo.lindqvist@lumenparcel.example"])
        report = self.report("--since", "1h")
        own = report["totals"]
        self.assertEqual((own["incidents"], own["pages"], own["earlier_pages"]), (0, 1, 1))
        self.assertEqual([(r["name"], r["pages"], r["top"]) for r in report["people"]["rows"]], [("Bo Lindqvist", 1, None)])
        self.assertIsNone(report["longest"])
        self.assertIsNone(report["resolved"]["median_s"])
        self.assertIn("1 of them by incidents from before", self.run_look("--since", "1h"))

    # ---- faces

    def test_terminal_and_markdown_say_the_same(self):
        self.sandbox("history", 5)
        plain = self.run_look("--since", "60d")
        mark = self.run_look("--since", "60d", "--markdown")
        report = self.report("--since", "60d")
        self.assertNotIn("\033", plain)
        texts = [plain, mark.replace("\\#", "#").replace("\\_", "_")]
        wanted = [str(report["totals"][k]) for k in ("incidents", "pages", "night_pages", "symptoms")]
        wanted += [r["title"] for k in ("causes", "noisy", "self_clearing", "repeats", "night") for r in report[k]["rows"]]
        wanted += [r["name"] for r in report["people"]["rows"]]
        wanted += ["#%d" % report["longest"]["number"], report["longest"]["title"]]
        for text in texts:
            flat = " ".join(text.split())
            for w in wanted + [r["fix"]["quote"] for r in report["repeats"]["rows"] if r["fix"]]:
                self.assertIn(" ".join(w.split()), flat)
            for a in report["suggestions"]:
                self.assertIn(a["text"], flat)
        self.assertIn("## What paged", mark)
        self.assertIn("| ---: |", mark)
        self.assertGreater(len(report["suggestions"]), 3)

    def test_a_terminal_of_80_columns_is_kept_to(self):
        self.sandbox("history", 5)
        pid, fd = pty.fork()
        if pid == 0:
            os.execve("/bin/sh", ["sh", "-c", 'stty cols 80; exec "$@"', "sh"] + self.argv("--since", "90d"),
                      self.env(TERM="xterm"))
        out = b""
        while True:
            try:
                piece = os.read(fd, 65536)
            except OSError:
                break
            if not piece:
                break
            out += piece
        self.assertEqual(os.waitpid(pid, 0)[1], 0, out[-500:])
        text = out.decode()
        self.assertIn("\033[1m", text)
        self.assertIn("read back to", text, "progress is shown on a terminal")
        lines = re.sub(r"\033\[[0-9;]*[mK]", "", text.split("\033[K")[-1]).replace("\r", "").split("\n")
        self.assertGreater(len(lines), 40)
        self.assertEqual([x for x in lines if len(x) > 80], [])

    def test_hostile_texts_cannot_form_markup_or_move_the_cursor(self):
        self.sandbox("empty")
        title = "down\x1b[2J \u202e| <b>x</b> @here [a](http://evil.example) `c` 1"
        for _ in range(3):
            made = self.s.trigger(service="PSTRACK", title=title, urgency="high")
            self.s.act(made["number"], "asha.verma@lumenparcel.example", "note", content=title)
            self.s.act(made["number"], "asha.verma@lumenparcel.example", "resolve")
        for text in (self.run_look("--since", "1h"), self.run_look("--since", "1h", "--markdown"),
                     json.dumps(self.report("--since", "1h"), ensure_ascii=False)):
            self.assertIn("[U+001B", text.replace("\\", ""))
            self.assertNotIn("\x1b", text)
            self.assertNotIn("\u202e", text)
        mark = self.run_look("--since", "1h", "--markdown")
        for bad in ("<b>", "@here", "http://evil", " | ‹b"):
            self.assertNotIn(bad, mark)
        self.assertEqual({x[:20] for x in re.findall(r"(?<!\\)\]\((\S+)", mark)}, {"https://lumenparcel."})
        rows = [x for x in mark.split("\n") if x.startswith("| 3 |")]
        self.assertTrue(rows)
        for row in rows:
            self.assertEqual(len(re.findall(r"(?<!\\)\|", row)), 6, row)

    # ---- reading only, and how it fails

    def test_a_read_only_key_is_enough_and_nothing_is_written(self):
        self.sandbox("history", 5)
        before = len(self.s.oracle())
        self.run_look("--since", "30d")
        self.assertEqual(self.s.rest("POST", "/incidents", {}, key=READONLY_KEY)[0] // 100, 4, "the key really cannot write")
        asked = self.s.control("state")["requests"]
        self.assertGreater(len(asked), 2)
        self.assertEqual([k for k in asked if not k.startswith("GET ") and k != "POST /incidents"], [])
        self.assertEqual(len(self.s.oracle()), before)

    def test_the_key_comes_from_file_or_environment_and_is_never_shown(self):
        self.sandbox("quickstart")
        self.run_look("--since", "1d", key=False, TRIAGED_PAGERDUTY_TOKEN=READONLY_KEY)
        self.run_look("--since", "1d", key=False, code=2)
        self.assertIn("--token-file", self.said)
        path = self.key(mode=0o644)
        out = self.run_look("--since", "1d", "--token-file", path, key=False, code=1)
        self.assertIn("key", self.said)
        self.assertNotIn(READONLY_KEY, self.said + out)

    def test_the_configuration_gives_key_and_address_when_there_is_one(self):
        self.sandbox("quickstart")
        config = os.path.join(self.folder, "triaged.yaml")
        with open(config, "w") as f:
            f.write("state_dir: state\npagerduty:\n  base_url: %s\n  token_file: %s\n  allow_private_addresses: true\n" %
                    (self.s.url, self.key()))
        done = subprocess.run([CLI, "look", "--since", "2d", "--json", "--config", config], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, env=self.env())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["read"]["from"], self.s.url)

    def test_a_wrong_key_says_what_to_do(self):
        self.sandbox("quickstart")
        bad = self.run_look("--json", key=False, code=4, TRIAGED_PAGERDUTY_TOKEN="this-is-no-key-at-all")
        self.assertIn("401", self.said)
        self.assertIn("api.eu.pagerduty.com", self.said)
        self.assertEqual(json.loads(bad)["exit"], 4)
        self.assertNotIn("this-is-no-key", self.said + bad)

    def test_no_network_and_wrong_addresses_are_said_at_once(self):
        self.sandbox("empty")
        begun = time.monotonic()
        self.run_look(url="http://127.0.0.1:%d" % free_port(), code=1)
        self.assertRegex(self.said, r"does not answer: .*network")
        self.assertLess(time.monotonic() - begun, 5)
        self.run_look(url="http://api.pagerduty.com", code=2)
        self.assertIn("https://", self.said)
        self.run_look(url="https://", code=2)
        self.run_look(url=self.s.url + "/nothing/here", code=3)
        self.assertIn("base URL", self.said)

    def test_an_address_that_is_not_pagerduty_is_recognised(self):
        self.sandbox("empty")
        proxy = Proxy(self.s.port, lambda n: (200, {}, b"<html>Welcome to the wifi</html>"))
        self.addCleanup(proxy.close)
        self.run_look("--timeout", "1s", url=proxy.url, code=1)
        self.assertIn("not as PagerDuty", self.said)

    def test_usage(self):
        self.sandbox("empty")
        for flags, word in ((["--since", "soon"], "--since"), (["--since", "400d"], "366d"), (["--zone", "Mars/Phobos"], "--zone"),
                            (["--top", "0"], "--top"), (["--json", "--markdown"], "not both"), (["--timeout", "1"], "--timeout")):
            self.run_look(*flags, code=2)
            self.assertIn(word, self.said)

    def test_a_storm_of_429_is_waited_out(self):
        self.sandbox("quickstart", 3)
        self.s.control("faults", {"faults": [{"kind": "status", "status": 429, "retry_after": 1, "count": 2, "path": "/log_entries"},
                                             {"kind": "status", "status": 503, "count": 1, "path": "/incidents"},
                                             {"kind": "garbage", "count": 1, "path": "/log_entries"}]})
        self.compare(self.report("--since", "30d"))
        self.assertEqual([f["count_left"] for f in self.s.control("faults")["faults"]], [0, 0, 0])

    def test_without_log_entries_the_rest_is_told_and_nothing_is_made_up(self):
        self.sandbox("quickstart", 3)
        self.s.control("faults", {"faults": [{"kind": "status", "status": 403, "body": False, "path_regex": "^/log_entries"}]})
        report = self.report("--since", "30d")
        for name in ("causes", "night", "people", "acknowledged"):
            self.assertIsNone(report[name], name)
        self.assertIsNone(report["totals"]["pages"])
        self.assertIsNone(report["noisy"]["rows"][0]["pages"])
        self.assertFalse(report["read"]["complete"])
        self.assertIn("403", json.dumps(report["read"]["not_read"]))
        self.assertTrue([r for r in report["repeats"]["rows"] if r["fix"]])
        text = self.run_look("--since", "30d")
        self.assertIn("NOT READ: log entries", text)
        self.assertIn('This says nothing, not "none"', text)

    def test_a_server_that_hangs_from_the_start_ends_with_a_clear_message(self):
        self.sandbox("quickstart", 3)
        self.s.control("faults", {"faults": [{"kind": "hang", "ms": 30000}]})
        begun = time.monotonic()
        self.run_look("--timeout", "400ms", code=1)
        self.assertLess(time.monotonic() - begun, 15)
        self.assertRegex(self.said, "does not answer: timed out")

    def test_a_server_that_hangs_later_costs_what_is_older_only(self):
        """The report then covers the days that were read whole, and its figures are right for them."""
        self.sandbox("quickstart", 3)
        proxy = Proxy(self.s.port, lambda n: "hang" if 8 < n < 14 else None)
        self.addCleanup(proxy.close)
        report = json.loads(self.run_look("--since", "60d", "--json", "--timeout", "400ms", url=proxy.url, code=1))
        self.assertIn("not all was read", self.said)
        self.assertLess(report["window"]["span_s"], 60 * 86400)
        self.assertGreater(report["window"]["span_s"], 86400)
        self.assertIn("what is older", json.dumps(report["read"]["not_read"]))
        self.compare(report)
        self.assertEqual(proxy.methods, {"GET"})

    def test_ctrl_c_tells_what_is_there(self):
        self.sandbox("quickstart", 3)
        proxy = Proxy(self.s.port, lambda n: time.sleep(0.15))
        self.addCleanup(proxy.close)
        p = subprocess.Popen(self.argv("--since", "110d", "--json", url=proxy.url), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, env=self.env())
        wait_for(lambda: proxy.n >= 9)
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=20)
        no_reports(err, "triagectl look")
        self.assertEqual(p.returncode, 1, err)
        report = json.loads(out)
        self.assertIn("stopped by Ctrl-C", json.dumps(report["read"]["not_read"]))
        self.assertLess(report["window"]["span_s"], 110 * 86400)
        t = Truth(self.s, seconds(report["window"]["since"]), seconds(report["window"]["until"]), "UTC")
        self.totals(report, t)


class Proxy:
    """Passes calls on; judge(n) may sleep, answer (status, headers, body) itself, or say "hang"."""

    def __init__(self, port, judge):
        outer = self
        self.n, self.methods, self.lock = 0, set(), threading.Lock()
        self.stop = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                with outer.lock:
                    outer.n += 1
                    n = outer.n
                    outer.methods.add(self.command)
                answer = judge(n)
                if answer == "hang":
                    outer.stop.wait(5)
                    self.close_connection = True
                    return
                if answer is None:
                    answer = outer.forward(port, self)
                if outer.stop.is_set():
                    return
                self.send_response(answer[0])
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer[2])))
                self.end_headers()
                try:
                    self.wfile.write(answer[2])
                except OSError:
                    pass  # it was interrupted

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any

            def log_message(self, *a):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @staticmethod
    def forward(port, request):
        conn = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        conn.request(request.command, request.path, headers={k: v for k, v in request.headers.items() if k != "Host"})
        answer = conn.getresponse()
        body = answer.read()
        conn.close()
        return answer.status, {}, body

    def close(self):
        self.stop.set()
        self.server.shutdown()
        self.server.server_close()


if __name__ == "__main__":
    unittest.main()

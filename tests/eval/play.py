"""Plays cases: a sandbox is given the case's past and present, a daemon of its own is told by webhook, and what it made of it is read back.

Each case has a world of its own, so that no case is evidence in another. The clock of both programs is set to the case's time before every
step; what a model would be shown is therefore equal from run to run but for the fence and, rarely, a second here and there.
"""
import datetime
import hashlib
import json
import math
import os
import re
import shutil
import tempfile
import threading
import time

from tests.eval import score, stub as beside
from tests.lib.world import SECRET, TOP, Daemon, Sandbox, wait_for

BUILD_S = 0.6  # what it takes at most to build a world while others are built beside it
RULES = ("rules", os.path.join("tests", "eval", "rules"))
PEOPLE = "@lumenparcel.example"
CONFIG = """
model:
  base_url: {url}/v1
  dialect: openai_chat
  name: evaluated
  auth: none
  allow_private_addresses: true
  canary: false
  timeout_ms: {timeout_ms}
  deadline_ms: {deadline_ms}
  reuse_s: 0
  breaker_failures: 100
  budget: {{tokens_per_incident: 0, tokens_per_hour: 0, tokens_per_day: 0}}
development:
  clock_offset_s: {offset_s}
"""


def seconds_of(iso):
    return int(datetime.datetime.fromisoformat(iso.replace("Z", "+00:00")).timestamp())


# ---- replies that were recorded for a document

def digest(data):
    return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()[:16]


def steady(item):
    """An item's data without what may differ between two runs: when a source was asked to the second, and the order of what happened at once."""
    data = dict(item["data"])
    if item["kind"] == "source":
        data.pop("until", None)
    if item["kind"] == "log":
        data["entries"] = sorted(data.get("entries", []), key=lambda x: json.dumps(x, sort_keys=True))
    return data


def handles(document):
    """[[handle, kind, digest of data]] of the evidence that a document shows."""
    return [[x["id"], x["kind"], digest(steady(x))] for x in document["evidence"]]


def fitted(reply, made_for, document):
    """(reply with its handles as they are in this document, how many were renamed, how many cited items are there no more)."""
    now, left = {}, handles(document)
    for handle, kind, d in made_for:  # what stands where it stood keeps its name
        if [handle, kind, d] in left:
            now[handle] = handle
            left.remove([handle, kind, d])
    for handle, kind, d in made_for:
        if handle not in now:
            same = [x for x in left if x[1:] == [kind, d]]
            if same:
                now[handle] = same[0][0]
                left.remove(same[0])
    cited = set(re.findall(r"\bE\d+\b", reply)) & {x[0] for x in made_for}
    lost = sum(h not in now for h in cited)
    moved = sum(now.get(h, h) != h for h in cited)
    return re.sub(r"\bE\d+\b", lambda m: now.get(m.group(), m.group()), reply) if moved else reply, moved, lost


def asked(body):
    """(system, user) of a request in the openai_chat dialect."""
    by_role = {}
    for m in body["messages"]:
        by_role.setdefault(m["role"], m["content"])
    return by_role.get("system") or by_role.get("developer"), by_role["user"]


# ---- one case

class Worker:
    """One sandbox that is emptied between cases, and a folder for the daemons."""

    def __init__(self, stub):
        self.stub = stub
        self.folder = tempfile.mkdtemp(prefix="triaged-eval-")
        os.chmod(self.folder, 0o700)
        self.rules = os.path.join(self.folder, "rules")
        os.mkdir(self.rules, 0o700)
        for part in RULES:
            for name in sorted(os.listdir(os.path.join(TOP, part))):
                shutil.copy(os.path.join(TOP, part, name), os.path.join(self.rules, name))
        self.sandbox = Sandbox(self.folder, "empty").start()

    def close(self):
        try:
            self.sandbox.stop()
        finally:
            self.sandbox.kill()
            shutil.rmtree(self.folder, ignore_errors=True)

    def clock(self, wall_s):
        """The sandbox's clock stands at this second, with some of it left."""
        now = time.time()
        if now % 1 > 0.93:
            time.sleep(1.001 - now % 1)
            now = time.time()
        self.sandbox.control("clock", {"offset_s": wall_s - int(now)})

    def past(self, case, begin):
        """What is over by now, oldest first."""
        for p in sorted(case.get("past", []), key=lambda p: -p["ago_s"]):
            at = begin - p["ago_s"]
            self.clock(at)
            i = self.sandbox.trigger(**{k: p[k] for k in ("service", "title", "severity", "urgency", "details") if k in p})["id"]
            self.clock(at + p["took_s"])
            if p.get("note"):
                self.sandbox.act(i, p["who"] + PEOPLE, "note", content=p["note"])
            if p["ended"] == "self":
                self.sandbox.act(i, p.get("who", "asha.verma") + PEOPLE, "self_clear")
            else:
                self.sandbox.act(i, p["who"] + PEOPLE, "resolve")

    def hook(self, case):
        """Webhooks go into a letter box first: what the daemon hears must not depend on which of two arrives earlier."""
        self.stub.heard[case["id"]] = {}
        self.sandbox.control("webhook", {"url": "%s/case/%s/hook" % (self.stub.url, case["id"]), "secret": SECRET, "events": ["incident.triggered"]})

    def hand_on(self, case, daemon, others, main, told_at):
        """The sandbox's own bodies and signatures; first those of other incidents, so that they are known when the case's own comes."""
        box = self.stub.heard[case["id"]]
        for incident in others + [main]:
            wait_for(lambda: incident in box, 10, every=0.005)
            body, signature = box[incident]
            if incident == main:
                time.sleep(max(0, told_at - time.time()))
            status, value, _ = daemon.webhook(body, signature=signature)
            assert status == 202, (status, value)
            if incident != main:
                wait_for(lambda: self.settled(daemon, incident), 20, every=0.02)

    def present(self, case, begin):
        """Steps in order of time; ids of other incidents, and of the case's own."""
        main, others = None, {}
        for n, step in enumerate(sorted(case["steps"], key=lambda s: s["t"])):
            do = {k: v for k, v in step.items() if k not in ("t", "do", "of")}
            self.clock(begin + step["t"])
            if step["do"] == "change":
                self.sandbox.control("changes", do)
            elif step["do"] == "maintenance":
                self.sandbox.control("maintenance", do)
            elif step["do"] == "other":
                others[step.get("of", n)] = self.sandbox.trigger(**do)["id"]
            elif step["do"] == "main":
                main = self.sandbox.trigger(**do)["id"]
            elif step["do"] == "act":
                target = others[step["of"]] if step.get("of") else main
                self.sandbox.act(target, do.pop("as") + PEOPLE, do.pop("action"), **do)
            else:
                raise ValueError(step["do"])
        return list(others.values()), main

    def daemon(self, case, folder, offset_s):
        base = "%s/case/%s" % (self.stub.url, case["id"])
        d = Daemon(folder, self.sandbox.url, rules=self.rules, per_minute=100000, extra=CONFIG.format(
            url=base, offset_s=offset_s, timeout_ms=self.stub.timeout_ms, deadline_ms=2 * self.stub.timeout_ms))
        if case.get("telemetry") is not None:
            d.write("sources.yaml", beside.SOURCES % {"base": base})
        return d.start(wait=False)

    def play(self, case):
        """What the daemon says in the end (see over)."""
        begin = seconds_of(case["at"])
        folder = os.path.join(self.folder, case["id"])
        os.mkdir(folder, 0o700)
        # The case is told in one certain second of the daemon's time, so that no "until" differs from run to run.
        told_at = math.ceil(time.time() + BUILD_S)
        offset = begin + case["look_s"] - told_at
        daemon = self.daemon(case, folder, offset)
        try:
            self.sandbox.control("reset", {"scenario": "empty", "seed": 1})
            self.sandbox.control("ratelimit", {"limit": 0})
            self.past(case, begin)
            daemon.wait_ready()
            self.hook(case)
            others, main = self.present(case, begin)
            self.sandbox.control("clock", {"offset_s": offset})
            self.hand_on(case, daemon, others, main, told_at)
            return self.over(daemon, main)
        finally:
            daemon.stop()
            self.stub.heard.pop(case["id"], None)
            if not os.environ.get("TRIAGED_KEEP"):
                shutil.rmtree(folder, ignore_errors=True)

    def settled(self, daemon, incident):
        """The explanation of an incident about which the model's part is over, else None."""
        status, x, _ = daemon.api("GET", "/incidents/%s/explain" % incident)
        if status != 200 or not x["ask"] or not x["assessment"]:
            return None
        state = x["ask"]["state"]
        return x if state == "without model" or (state == "answered" and x["assessment"]["origin"] == "model") else None

    def over(self, daemon, incident):
        """{explain: GET /incidents/ID/explain, evidence: {handle: stored body} of what its report cites, rules_level: confidence before a model spoke}."""
        try:
            x = wait_for(lambda: self.settled(daemon, incident), self.stub.timeout_ms / 1000 + 40, every=0.04)
        except AssertionError as e:
            raise AssertionError("%s: %s\n%s" % (e, daemon.api("GET", "/incidents/%s/explain" % incident)[1], daemon.tail(15))) from e
        evidence = {}
        for handle in sorted({h for h, _ in score.quotes(x["assessment"]["report"])} if x["assessment"]["report"] else ()):
            status, item, _ = daemon.api("GET", "/incidents/%s/evidence/%s" % (incident, handle[1:]))
            if status == 200:
                evidence[handle] = item["body"]
        # Only the newest assessment is told by the API; the one before a model spoke is read where it is kept.
        level = daemon.rows("SELECT confidence FROM assessment WHERE incident_id = ? AND origin = 'rules' ORDER BY id DESC LIMIT 1", incident)
        return {"explain": x, "evidence": evidence, "rules_level": json.loads(level[0][0])["level"]}


def play_all(cases, stub, workers=4, done=None):
    """{case id: what Worker.over gives}, or {case id: exception} where a case could not be played."""
    left, out, lock = list(cases), {}, threading.Lock()

    def work():
        worker = Worker(stub)
        try:
            while True:
                with lock:
                    if not left:
                        return
                    case = left.pop(0)
                try:
                    value = worker.play(case)
                except Exception as e:  # one case that fails must not hide the others
                    value = e
                with lock:
                    out[case["id"]] = value
                    if done:
                        done(case, value)
        finally:
            worker.close()

    threads = [threading.Thread(target=work) for _ in range(min(workers, len(left)) or 1)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return out


def played(some, answer, workers=4, timeout_ms=5000, done=None):
    """({case id: what Worker.over gives}, {case id: exception}) with a stub that answers a model's questions like this."""
    by_id = {c["id"]: c for c in some}
    s = beside.Stub(answer, lambda case: by_id[case].get("telemetry") or {}, timeout_ms)
    try:
        out = play_all(some, s, workers, done)
    finally:
        s.stop()
    failed = {k: v for k, v in out.items() if isinstance(v, Exception)}
    return {k: v for k, v in out.items() if k not in failed}, failed

#!/usr/bin/env python3
"""Reads the sandbox's oracle, the store and the audit log, and says which of the invariants of the design do not hold.

usage: python3 -m tests.lib.invariants ORACLE STORE [TRIAGECTL]
Exit code 0 only when all hold. Shares no code with the daemon.
"""
import collections
import json
import re
import sqlite3
import subprocess
import sys

# The oracle's word for what each verb does.
KIND_OF = {"acknowledge": {"acknowledge"}, "add_note": {"note", "note_edit"}, "escalate": {"escalate", "reassign"},
           "resolve": {"resolve"}, "retrigger": {"unacknowledge"}, "reopen": {"reopen", "unacknowledge"}}
MARKER = re.compile(r"^\[triaged:[a-z2-7]{16}\]")


class Facts:
    def __init__(self, oracle, store):
        with open(oracle) as f:
            self.lines = [json.loads(line) for line in f if line.strip()]
        self.effects = [line for line in self.lines if line.get("source") == "api"]
        self.delivered = [line for line in self.lines if line.get("kind") == "delivered"]
        db = sqlite3.connect("file:%s?mode=ro" % store, uri=True)
        db.row_factory = sqlite3.Row
        self.events = {r["event_id"] for r in db.execute("SELECT event_id FROM event")}
        self.executions = [dict(r) for r in db.execute(
            "SELECT e.proposal_id, e.ord, e.state, e.marker, e.from_email, e.sends, e.note_id, e.revision, a.verb, a.target,"
            " a.digest, p.state AS proposal_state FROM execution e JOIN action a ON a.proposal_id = e.proposal_id"
            " AND a.revision = e.revision AND a.ord = e.ord JOIN proposal p ON p.id = e.proposal_id")]
        self.decisions = collections.defaultdict(list)
        for r in db.execute("SELECT proposal_id, revision, digest, verdict, email, actor FROM decision ORDER BY id"):
            self.decisions[(r["proposal_id"], r["revision"])].append(dict(r))
        self.revisions = {(r["proposal_id"], r["revision"]): r["digest"]
                          for r in db.execute("SELECT proposal_id, revision, digest FROM revision")}
        self.audit = [dict(r, detail=json.loads(r["detail"])) for r in db.execute(
            "SELECT seq, verb, subject, incident, detail FROM audit ORDER BY seq")]
        self.counters = dict(db.execute("SELECT state, n FROM proposal_counter").fetchall())
        self.counted = dict(db.execute("SELECT state, count(*) FROM proposal GROUP BY state").fetchall())
        self.sound = db.execute("PRAGMA integrity_check").fetchone()[0]
        db.close()


def inv1(f):
    """no event that was answered 2xx is missing"""
    for line in f.delivered:
        event = line.get("event_id") or line.get("event", {}).get("id")
        if 200 <= line.get("status", 0) < 300 and event not in f.events:
            yield "event %s was answered %s and is not in the store" % (event, line.get("status"))


def inv3(f):
    """every effect has a decision on exactly that digest and an audit record written before it"""
    sent = collections.Counter()
    for row in f.audit:
        if row["verb"] == "execution.sent":
            sent[(row["detail"]["target"], row["detail"]["verb"])] += 1
            pid = int(row["subject"].split(":")[1])
            approved = [d for (p, _), ds in f.decisions.items() if p == pid for d in ds
                        if d["verdict"] == "approve" and d["digest"] == row["detail"]["approved_digest"]]
            if not approved:
                yield "audit %d: proposal %d was sent without an approval of digest %s" % (
                    row["seq"], pid, row["detail"]["approved_digest"][:12])
    for key, ds in f.decisions.items():
        for d in ds:
            if d["digest"] != f.revisions.get(key):
                yield "proposal %d: a decision on another digest than its revision's" % key[0]
    for line in f.effects:
        verbs = [v for v, kinds in KIND_OF.items() if line["kind"] in kinds]
        if not any(sent[(line["incident_id"], v)] for v in verbs):
            yield "oracle %d: %s on %s has no execution.sent record" % (line["seq"], line["kind"], line["incident_id"])


def inv4(f):
    """no effect happens twice"""
    markers = collections.Counter()
    for line in f.effects:
        if line["kind"] == "note":
            m = MARKER.match(line.get("content") or "")
            if not m:
                yield "oracle %d: a note without a marker" % line["seq"]
            else:
                markers[m.group(0)] += 1
    for marker, n in markers.items():
        if n > 1:
            yield "the note %s was written %d times" % (marker, n)
    happened = collections.Counter((line["incident_id"], line["kind"]) for line in f.effects)
    allowed = collections.Counter()
    for x in f.executions:
        if x["sends"] > 0:
            for kind in KIND_OF[x["verb"]]:
                allowed[(x["target"], kind)] += 1
    for (incident, kind), n in happened.items():
        if kind in ("note", "note_edit"):
            continue
        if n > allowed[(incident, kind)]:
            yield "%s on %s happened %d times, %d actions were sent" % (kind, incident, n, allowed[(incident, kind)])


def inv6(f):
    """what is called done happened at PagerDuty; what happened is not called failed"""
    notes = {MARKER.match(line.get("content") or "").group(0) for line in f.effects
             if line["kind"] in ("note", "note_edit") and MARKER.match(line.get("content") or "")}
    happened = {(line["incident_id"], line["kind"]) for line in f.lines if line.get("source") in ("api", "person")}
    for x in f.executions:
        if x["state"] == "done":
            if x["verb"] == "add_note":
                if x["marker"] not in notes:
                    yield "proposal %d calls note %s done, the oracle has none" % (x["proposal_id"], x["marker"])
            elif not any((x["target"], k) in happened for k in KIND_OF[x["verb"]]):
                yield "proposal %d calls %s of %s done, the oracle has none" % (x["proposal_id"], x["verb"], x["target"])
        elif x["state"] in ("failed", "dropped", "waiting") and x["verb"] == "add_note" and x["marker"] in notes:
            yield "proposal %d calls note %s %s, but it was written" % (x["proposal_id"], x["marker"], x["state"])


def store_sound(f):
    """the store is sound and its counters equal a count"""
    if f.sound != "ok":
        yield "integrity_check: " + f.sound
    for state in set(f.counters) | set(f.counted):
        if f.counters.get(state, 0) != f.counted.get(state, 0):
            yield "counter of %s is %d, there are %d" % (state, f.counters.get(state, 0), f.counted.get(state, 0))


def settled(f):
    """nothing is left half-way"""
    for x in f.executions:
        if x["state"] in ("executing",) or x["proposal_state"] in ("executing",):
            yield "proposal %d is still executing" % x["proposal_id"]


CHECKS = [("INV-1", inv1), ("INV-3", inv3), ("INV-4", inv4), ("INV-6", inv6), ("store", store_sound), ("settled", settled)]


def broken(oracle, store, triagectl=None):
    """All violations, as text."""
    f = Facts(oracle, store)
    found = ["%s: %s" % (name, text) for name, check in CHECKS for text in check(f)]
    if triagectl:
        done = subprocess.run([triagectl, "audit", "verify", "--store", store], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            found.append("INV-8: " + done.stdout.strip())
    return found


def summary(oracle, store):
    f = Facts(oracle, store)
    return "%d events delivered, %d effects, %d executions, %d audit rows" % (
        len(f.delivered), len(f.effects), len(f.executions), len(f.audit))


if __name__ == "__main__":
    problems = broken(*sys.argv[1:4])
    print("\n".join(problems) or summary(*sys.argv[1:3]) + ": all invariants hold")
    sys.exit(1 if problems else 0)
